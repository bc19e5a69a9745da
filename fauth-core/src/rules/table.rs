//! The compiled rules: a tree of segments.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use super::{
    explanation::{Explanation, Outcome},
    rule::Rule,
};
use crate::{
    access::{Access, strictness::Stricter},
    path::{Allowed, canonical, other_readings},
};

/// Checked path rules: who may access which part of an application. Cheap to clone.
///
/// See the [module](crate::rules) for which rule decides. An adapter's `protect` applies them to an
/// application, through [`Protection`](crate::Protection).
///
/// Rules can also be read from [JSON](Self::from_json), from TOML (feature `rules-toml`), and as
/// part of a larger configuration, since they implement `Deserialize`.
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

/// The access, and the rules that it results from: the last one decides, and those before it are
/// the rules that it inherits from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) access: Access,
    pub(super) chain: Box<[usize]>,
}

/// A path prefix that leads to rules.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) children: HashMap<Box<str>, Self>,
    pub(super) prefix: Option<Slot>,
    pub(super) exact: Option<Slot>,
}

/// The decisions of one place, as indices.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) other: usize,
    /// Methods whose decision differs from `other`. A handful at most.
    pub(super) by_method: Box<[(Box<str>, usize)]>,
}

/// The decision about a request, as an index.
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

    /// The access rule for requests to this path, as a client sends it. `None` if the request is
    /// refused before any rule, because of its path or its method.
    #[must_use]
    pub fn access(&self, method: &str, path: &str) -> Option<&Access> {
        if is_never_answered(method) {
            return None;
        }
        let (decided, _) = self.decide_received(method, path, &Allowed::default())?;
        Some(self.access_of(decided))
    }

    /// Explains which rule decides about requests to this path, as a client sends it, and why.
    ///
    /// If routers read a path differently and neither of two rules is stricter, one of them is
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

    /// The same, if the application allows ambiguous characters in paths.
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

    /// The decision about a path as received, and the reading of it that the decision is for: of
    /// those of different routers, the strictest.
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

    /// The decision about paths without a rule.
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

    /// All accesses, in the order of [`Decided::index`].
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
