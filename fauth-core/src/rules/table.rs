//! The rules as they are looked up: a tree of segments.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use super::{
    explanation::{Explanation, Outcome},
    rule::Rule,
};
use crate::{
    access::{Access, strictness::Stricter},
    path::{Allowed, canonical, other_readings},
};

/// Who may use which part of an application: rules that were checked. Cheap to clone.
///
/// See the [module](crate::rules) for which rule decides. An adapter's `protect` puts them in front
/// of an application; [`Protection`](crate::Protection) is what it is made of.
///
/// They are also made from [JSON](Self::from_json), from TOML (feature `rules-toml`), and as a part
/// of a larger configuration, since they are `Deserialize`.
#[derive(Clone)]
pub struct RouteRules {
    table: Arc<Table>,
}

pub(super) struct Table {
    pub(super) is_private: bool,
    pub(super) rules: Vec<Rule>,
    /// The first is the default.
    pub(super) decisions: Vec<Decision>,
    pub(super) root: Node,
}

/// What is asked for, and because of which rules: the last of them decides, those before it are
/// those from which it takes something over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) access: Access,
    pub(super) chain: Box<[usize]>,
}

/// A path that is the beginning of rules.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: HashMap<Box<str>, Self>,
    pub(super) prefix: Option<Slot>,
    pub(super) exact: Option<Slot>,
}

/// The decisions of one place, by their index.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) other: usize,
    /// Where they are others than `other`. A handful at most.
    pub(super) by_method: Box<[(Box<str>, usize)]>,
}

/// The decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided(usize);

impl Node {
    pub(super) fn child(&mut self, segment: &str) -> &mut Self {
        self.children.entry(segment.into()).or_default()
    }
}

impl Slot {
    pub(super) fn of(&self, method: &str) -> usize {
        let method = if method == "HEAD" { "GET" } else { method };
        let named = self.by_method.iter().find(|(own, _)| **own == *method);
        named.map_or(self.other, |(_, decision)| *decision)
    }
}

impl RouteRules {
    pub(super) fn new(table: Table) -> Self {
        Self { table: Arc::new(table) }
    }

    /// What is asked of requests for this path, as a client writes it: `None` if the request is
    /// refused before any rule is asked, because of its path or its method.
    #[must_use]
    pub fn access(&self, method: &str, path: &str) -> Option<&Access> {
        if is_never_answered(method) {
            return None;
        }
        let (decided, _) = self.decide_received(method, path, &Allowed::default())?;
        Some(self.access_of(decided))
    }

    /// Which rule decides about requests for this path, as a client writes it, and why.
    ///
    /// Where routers read a path differently and neither of two rules is stricter, one of them is
    /// named; a request must meet both.
    ///
    /// ```
    /// use fauth_core::{Requirement, RouteRules};
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .require("/admin", Requirement::user().role("admin"))
    ///     .build()?;
    /// let explained = rules.explain("GET", "/admin/users").to_string();
    /// let expected = "GET /admin/users: user, role admin; decided by require(\"/admin\")";
    /// assert!(explained.starts_with(expected));
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn explain(&self, method: &str, path: &str) -> Explanation {
        self.explain_allowing(method, path, &Allowed::default())
    }

    /// The same, where an application lets paths pass that could be misread.
    pub(crate) fn explain_allowing(&self, method: &str, path: &str, allowed: &Allowed) -> Explanation {
        let outcome = if is_never_answered(method) {
            Outcome::Method
        } else {
            let decided = self.decide_received(method, path, allowed);
            decided.map_or(Outcome::Path, |(decided, path)| self.explained(decided, path))
        };
        Explanation::new(method, path, outcome)
    }

    fn explained(&self, Decided(index): Decided, path: Cow<'_, str>) -> Outcome {
        let Table { rules, decisions, is_private, .. } = &*self.table;
        let decision = decisions.get(index);
        let chain = decision.map(|decision| &*decision.chain).unwrap_or_default();
        let named = chain.iter().filter_map(|index| rules.get(*index)).map(ToString::to_string);
        Outcome::Decided {
            access: decision.map_or(Access::Open, |decision| decision.access.clone()),
            chain: named.collect(),
            is_private_by_default: *is_private,
            path: path.into_owned(),
        }
    }

    /// The decision about a path as it is received, and the reading of it that it is about: of
    /// those of different routers the strictest.
    fn decide_received<'a>(
        &self,
        method: &str,
        path: &'a str,
        allowed: &Allowed,
    ) -> Option<(Decided, Cow<'a, str>)> {
        let decoded = canonical(path, allowed)?;
        let mut found = (self.decide(method, &decoded), decoded);
        if matches!(found.1, Cow::Owned(_)) {
            for reading in other_readings(path, allowed) {
                let other = self.decide(method, &reading);
                if Stricter::of(self.access_of(found.0), self.access_of(other)) == Stricter::Second {
                    found = (other, Cow::Owned(reading));
                }
            }
        }
        Some(found)
    }

    /// The decision about a canonical path.
    pub(crate) fn decide(&self, method: &str, path: &str) -> Decided {
        let mut node = &self.table.root;
        let mut found = node.prefix.as_ref();
        for segment in path.split('/').skip(1) {
            let Some(child) = node.children.get(segment) else {
                return Decided(found.map_or(0, |slot| slot.of(method)));
            };
            node = child;
            found = node.prefix.as_ref().or(found);
        }
        Decided(node.exact.as_ref().or(found).map_or(0, |slot| slot.of(method)))
    }

    /// The decision about whatever no rule is about.
    pub(crate) fn decided_by_default(&self) -> Decided {
        Decided(self.table.root.prefix.as_ref().map_or(0, |slot| slot.of("")))
    }

    pub(crate) fn access_of(&self, Decided(index): Decided) -> &Access {
        // There is always a default.
        self.table.decisions.get(index).map_or(&Access::Open, |decision| &decision.access)
    }

    pub(super) const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// All that are asked for, in the order of what [`Decided::index`] gives.
    pub(crate) fn accesses(&self) -> impl Iterator<Item = &Access> {
        self.table.decisions.iter().map(|decision| &decision.access)
    }
}

impl Decided {
    pub(super) const fn new(index: usize) -> Self {
        Self(index)
    }

    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

/// TRACE echoes headers, CONNECT asks for a tunnel.
fn is_never_answered(method: &str) -> bool {
    matches!(method, "TRACE" | "CONNECT")
}

impl fmt::Debug for RouteRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.table.rules.iter().map(ToString::to_string);
        f.debug_struct("RouteRules")
            .field("private_by_default", &self.table.is_private)
            .field("rules", &rules.collect::<Vec<_>>())
            .finish()
    }
}
