//! Decisions about routes with path parameters, for audits and documents.

use super::table::{Decided, Node, RouteRules, Slot};

impl RouteRules {
    /// The decision about a route with this path: `{name}` stands for one segment, `{*name}` and a
    /// trailing `*` for the rest. If rules decide differently about requests for one route, the
    /// result is the decision about requests that no rule names, unless another of these decisions
    /// admits requests without a credential: a route counts as open if any of its requests is.
    pub(crate) fn decide_route(&self, method: &str, route: &str) -> Decided {
        let table = self.table();
        let mut found = Vec::new();
        let segments: Vec<_> = route.split('/').skip(1).collect();
        collect(&table.root, table.root.prefix.as_ref(), &segments, method, &mut found);
        let is_open = |decided: &&Decided| self.access_of(**decided).admits_anonymous();
        let first = found.first().copied().unwrap_or_else(|| self.decided_by_default());
        found.iter().find(is_open).copied().unwrap_or(first)
    }

    /// The methods that rules distinguish, and one that none names.
    pub(crate) fn methods(&self) -> Vec<&str> {
        let mut methods = super::check::all_methods(&self.table().rules);
        methods.push("");
        methods
    }

    /// Each rule: its path as audits write it, its methods, and its decision.
    pub(crate) fn listed(&self) -> Vec<(String, Vec<&str>, Decided)> {
        let default = ("/*".to_owned(), vec![], self.decided_by_default());
        let rules = self.table().rules.iter().map(|rule| {
            let path = rule.path.path();
            let methods: Vec<_> =
                rule.path.named_methods().unwrap_or_default().iter().map(|method| &**method).collect();
            let decided =
                self.decide_rule(methods.first().copied().unwrap_or_default(), rule.path.is_exact(), path);
            let shown = if rule.path.is_exact() {
                path.to_owned()
            } else {
                format!("{}/*", path.trim_end_matches('/'))
            };
            (shown, methods, decided)
        });
        std::iter::once(default).chain(rules).collect()
    }

    fn decide_rule(&self, method: &str, is_exact: bool, path: &str) -> Decided {
        if is_exact {
            return self.decide(method, path);
        }
        let mut node = &self.table().root;
        for segment in path.split('/').skip(1).filter(|segment| !segment.is_empty()) {
            let Some(child) = node.children.get(segment) else { break };
            node = child;
        }
        node.prefix.as_ref().map_or_else(|| self.decided_by_default(), |slot| Decided::new(slot.of(method)))
    }
}

/// All decisions about the requests that a route stands for. The first is about a request whose
/// parameters no rule names.
fn collect(node: &Node, above: Option<&Slot>, route: &[&str], method: &str, found: &mut Vec<Decided>) {
    let Some((segment, rest)) = route.split_first() else {
        return add(node.exact.as_ref().or(above), method, found);
    };
    if *segment == "*" {
        return add(above, method, found);
    }
    if segment.starts_with("{*") || segment.ends_with("}*") {
        add(above, method, found);
        return collect_all(node, method, found);
    }
    let is_parameter = segment.contains('{');
    if is_parameter || !node.children.contains_key(*segment) {
        add(above, method, found);
    }
    for (name, child) in &node.children {
        if is_parameter || **name == **segment {
            collect(child, child.prefix.as_ref().or(above), rest, method, found);
        }
    }
}

/// The decisions of everything below.
fn collect_all(node: &Node, method: &str, found: &mut Vec<Decided>) {
    for child in node.children.values() {
        for slot in [&child.prefix, &child.exact].into_iter().flatten() {
            add(Some(slot), method, found);
        }
        collect_all(child, method, found);
    }
}

fn add(slot: Option<&Slot>, method: &str, found: &mut Vec<Decided>) {
    let decided = Decided::new(slot.map_or(0, |slot| slot.of(method)));
    if !found.contains(&decided) {
        found.push(decided);
    }
}
