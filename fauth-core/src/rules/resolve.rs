//! From rules to a table: the access of each rule on top of those that it overrides.

use std::collections::BTreeMap;

use super::{
    check::all_methods,
    rule::Rule,
    table::{Decision, Node, RouteRules, Slot, Table},
};
use crate::{
    access::{Access, strictness::Stricter},
    error::ConfigError,
    requirement::Requirement,
};

pub(super) fn table(is_private: bool, rules: Vec<Rule>) -> Result<RouteRules, ConfigError> {
    let default = if is_private { Access::Required(Requirement::user()) } else { Access::Open };
    let mut resolving = Resolving {
        rules: &rules,
        methods: all_methods(&rules),
        decisions: vec![Decision { access: default, chain: Box::default() }],
        root: Node::default(),
    };
    for (place, indices) in places(&rules) {
        resolving.add(&place, &indices)?;
    }
    let Resolving { decisions, root, .. } = resolving;
    if decisions.iter().all(|decision| decision.access == Access::Open) {
        let problem = "everything is public by default, but no rule guards anything";
        let fix = "add a rule, such as `require(\"/admin\", ..)`, or use `private_by_default`";
        return Err(ConfigError::new("public_by_default", problem, fix));
    }
    Ok(RouteRules::new(Table { is_private, rules, decisions, root }))
}

/// The place of a rule: shorter paths first, and a prefix before the same path alone.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    depth: usize,
    is_exact: bool,
    segments: Vec<&'a str>,
}

/// The rules of each place, in the order in which they were written.
fn places(rules: &[Rule]) -> BTreeMap<Place<'_>, Vec<usize>> {
    let mut places: BTreeMap<Place<'_>, Vec<usize>> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let segments: Vec<_> = rule.path.segments().collect();
        let place = Place { depth: segments.len(), is_exact: rule.path.is_exact(), segments };
        places.entry(place).or_default().push(index);
    }
    places
}

struct Resolving<'a> {
    rules: &'a [Rule],
    /// The methods named by any rule.
    methods: Vec<&'a str>,
    /// The first is the default.
    decisions: Vec<Decision>,
    root: Node,
}

impl Resolving<'_> {
    fn add(&mut self, place: &Place<'_>, rules: &[usize]) -> Result<(), ConfigError> {
        let other = self.decide(place, rules, None)?;
        let mut by_method = Vec::new();
        for method in self.methods.clone() {
            let decision = self.decide(place, rules, Some(method))?;
            if decision != other {
                by_method.push((method.into(), decision));
            }
        }
        let slot = Slot { other, by_method: by_method.into() };
        let node = place.segments.iter().fold(&mut self.root, |node, segment| node.child(segment));
        if place.is_exact {
            node.exact = Some(slot);
        } else {
            node.prefix = Some(slot);
        }
        Ok(())
    }

    /// The decision about requests for this place with this method, or with one that no rule names.
    fn decide(
        &mut self,
        place: &Place<'_>,
        rules: &[usize],
        method: Option<&str>,
    ) -> Result<usize, ConfigError> {
        let base = self.base(place, method.unwrap_or_default());
        let Some(below) = self.decisions.get(base).cloned() else { return Ok(base) };
        let mut winner: Option<Decision> = None;
        for source in self.by_source(rules, method) {
            // Each source by itself: its rule for a method overrides its own rule for all methods,
            // and never that of another source.
            let mut own = below.clone();
            for index in source {
                own = self.apply(&own, index)?;
            }
            winner = Some(match winner {
                None => own,
                Some(other) => stricter(other, own, self.rules)?,
            });
        }
        Ok(winner.map_or(base, |decision| self.index_of(decision)))
    }

    /// The rules of each source that apply to this method, or to one that no rule names: those for
    /// all methods first.
    fn by_source(&self, rules: &[usize], method: Option<&str>) -> Vec<Vec<usize>> {
        let mut sources: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for index in rules {
            let Some(rule) = self.rules.get(*index) else { continue };
            if rule.path.named_methods().is_none() {
                sources.entry(rule.source).or_default().0.push(*index);
            } else if method.is_some_and(|method| rule.path.names(method)) {
                sources.entry(rule.source).or_default().1.push(*index);
            }
        }
        sources.into_values().map(|(for_all, for_this)| [for_all, for_this].concat()).collect()
    }

    /// The decision without the rules of this place.
    fn base(&self, place: &Place<'_>, method: &str) -> usize {
        let mut found = self.root.prefix.as_ref().map_or(0, |slot| slot.of(method));
        let mut node = &self.root;
        let above = place.segments.len().saturating_sub(usize::from(!place.is_exact));
        for segment in place.segments.iter().take(above) {
            let Some(child) = node.children.get(*segment) else { break };
            node = child;
            if let Some(slot) = &node.prefix {
                found = slot.of(method);
            }
        }
        // The root as a prefix overrides the default, and not itself.
        if place.segments.is_empty() { 0 } else { found }
    }

    /// Applies one rule on top of another decision.
    fn apply(&self, below: &Decision, index: usize) -> Result<Decision, ConfigError> {
        let Some(rule) = self.rules.get(index) else { return Ok(below.clone()) };
        if rule.demand.changes_nothing_of(&below.access) {
            return Err(changes_nothing(rule, below, self.rules));
        }
        let inherited = if rule.demand.inherits_from(&below.access) { &*below.chain } else { &[] };
        Ok(Decision {
            access: rule.demand.on_top_of(&below.access),
            chain: inherited.iter().copied().chain([index]).collect(),
        })
    }

    fn index_of(&mut self, decision: Decision) -> usize {
        let known = self.decisions.iter().position(|known| *known == decision);
        known.unwrap_or_else(|| {
            self.decisions.push(decision);
            self.decisions.len().saturating_sub(1)
        })
    }
}

fn changes_nothing(rule: &Rule, below: &Decision, rules: &[Rule]) -> ConfigError {
    let of = below.chain.last().and_then(|index| rules.get(*index));
    let of = of.map_or_else(|| "the default".to_owned(), ToString::to_string);
    let problem = format!("it names no field, so it changes nothing of {of} ({})", below.access);
    rule.error(problem, "use `replace` to drop the inherited fields, or remove it")
}

/// Of two rules for the same requests, the stricter one. If neither is stricter, both must be met.
fn stricter(one: Decision, other: Decision, rules: &[Rule]) -> Result<Decision, ConfigError> {
    if let (Access::Guests, Access::Required(_)) | (Access::Required(_), Access::Guests) =
        (&one.access, &other.access)
    {
        let rule = |decision: &Decision| decision.chain.last().and_then(|index| rules.get(*index));
        let name = rule(&one).map(ToString::to_string).unwrap_or_default();
        let fix = "keep one of the two: no request could meet both";
        return Err(match rule(&other) {
            Some(rule) => rule.error(format!("it contradicts {name}"), fix),
            None => ConfigError::new("rules", "two rules contradict each other", fix),
        });
    }
    match Stricter::of(&one.access, &other.access) {
        Stricter::First => return Ok(one),
        Stricter::Second => return Ok(other),
        Stricter::Both => {}
    }
    let access = match (&one.access, &other.access) {
        (Access::Required(one), Access::Required(other)) => {
            Access::Required(one.clone().and_by_itself(other.clone()))
        }
        _ => one.access.clone(),
    };
    let chain = one.chain.iter().chain(&other.chain).copied();
    Ok(Decision { access, chain: chain.collect() })
}
