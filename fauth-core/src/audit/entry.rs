//! One line of an audit.

use std::{cmp::Ordering, panic::Location};

use serde_json::{Map, Value};

use crate::access::Access;

/// The kind of a line of an [`Audit`](super::Audit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A group: everything below its path, whether there is a route or not.
    Group,
    /// A route, alone or in a group.
    Route,
    /// A ready-made endpoint; see [`routes`](crate::routes).
    Endpoint,
    /// The handler for requests that match no route.
    Fallback,
    /// A guard of which only the place of its declaration is known.
    Guard,
    /// A mounted part whose routes cannot be inspected.
    Unseen,
    /// A [path rule](crate::rules), for everything at its path.
    Rule,
    /// A [limit](crate::limit) without a guard, of which only the place of its declaration is
    /// known. It guards nothing: the routes behind it are as open as without it.
    Limit,
}

impl EntryKind {
    /// The name in tables and JSON: `group`, `route`, `endpoint`, `fallback`, `guard`, `unseen`,
    /// `rule`, `limit`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Route => "route",
            Self::Endpoint => "endpoint",
            Self::Fallback => "fallback",
            Self::Guard => "guard",
            Self::Unseen => "unseen",
            Self::Rule => "rule",
            Self::Limit => "limit",
        }
    }
}

/// A route, a group, a ready-made endpoint or a guard, with its access rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) method: Option<Box<str>>,
    pub(super) path: Box<str>,
    pub(super) is_relative: bool,
    pub(super) kind: EntryKind,
    pub(super) access: Access,
    pub(super) limits: Vec<Box<str>>,
    pub(super) location: &'static Location<'static>,
    pub(super) is_reachable: bool,
}

impl Entry {
    /// The method; `None` if it answers any method, or if the framework does not expose it.
    ///
    /// A GET route that also answers HEAD is listed as GET.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The path. `{name}` stands for one segment, `{*name}` for all that follow. The path of a
    /// group, a fallback or a part that cannot be inspected ends with `/*`: it covers everything
    /// below the path before that, and this path itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns whether the start of the path is missing, because it is unknown where it was
    /// mounted.
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        self.is_relative
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The access rule. For parts that cannot be inspected it is [`Access::Open`].
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// The limits in front of it, such as `5/minute per address`: those of guards, groups and
    /// ready-made endpoints, and those added with a method of the audited router. A limit in a
    /// layer that cannot be inspected is a line of its own, of kind [`Limit`](EntryKind::Limit).
    pub fn limits(&self) -> impl Iterator<Item = &str> {
        self.limits.iter().map(|limit| &**limit)
    }

    /// Where the application declared it.
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Returns whether it gets requests: `false` if an earlier registration takes them all; a
    /// [`Finding`](super::Finding) names it.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        self.is_reachable
    }

    /// Returns whether it answers requests without a credential. Ready-made endpoints do not count,
    /// because they check credentials themselves, nor do path rules and limits, which answer
    /// nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_reachable
            && !matches!(self.kind, EntryKind::Endpoint | EntryKind::Rule | EntryKind::Limit)
            && self.access.admits_anonymous()
    }

    /// The order of tables: by path, then by method; the rest makes it stable.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |entry: &Self| (entry.is_relative, entry.path.clone(), entry.method.clone(), entry.kind);
        key(self).cmp(&key(other)).then_with(|| self.location.cmp(other.location))
    }

    pub(super) fn shown_method(&self) -> &str {
        self.method().unwrap_or("any")
    }

    pub(super) fn shown_path(&self) -> String {
        let beginning = if self.is_relative { "…" } else { "" };
        format!("{beginning}{}", self.path)
    }

    pub(super) fn shown_access(&self) -> String {
        match (self.kind, self.is_reachable) {
            (_, false) => format!("never reached ({})", self.access),
            (EntryKind::Unseen, true) => "unseen".to_owned(),
            (_, true) if self.limits.is_empty() => self.access.to_string(),
            (_, true) => format!("{}; at most {}", self.access, self.limits.join(" and ")),
        }
    }

    pub(super) fn shown_location(&self) -> String {
        format!("{}:{}", self.location.file(), self.location.line())
    }

    pub(super) fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        add("method", self.shown_method().into());
        add("path", self.path.as_ref().into());
        add("kind", self.kind.name().into());
        add("access", self.shown_access().into());
        if self.access.requirement().is_some() {
            add("requirement", self.access.to_json());
        }
        if !self.limits.is_empty() {
            add("limits", self.limits().collect());
        }
        if self.is_relative {
            add("relative", true.into());
        }
        if !self.is_reachable {
            add("reachable", false.into());
        }
        add("file", self.location.file().into());
        add("line", self.location.line().into());
        Value::Object(members)
    }
}
