//! One line of an audit.

use std::{cmp::Ordering, panic::Location};

use serde_json::{Map, Value};

use crate::access::Access;

/// What a line of an [`Audit`](super::Audit) is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A group: whatever lies under its path, whether there is a route or not.
    Group,
    /// A route, by itself or in a group.
    Route,
    /// A ready-made endpoint; see [`routes`](crate::routes).
    Endpoint,
    /// What answers where no route does.
    Fallback,
    /// A guard, of which only is known where it was declared.
    Guard,
    /// Something that was mounted although nobody can see which routes it has.
    Unseen,
    /// A [path rule](crate::rules), about whatever lies at its path.
    Rule,
    /// A [limit](crate::limit) without a guard, of which only is known where it was declared. It
    /// guards nothing: whatever is behind it is as open as without it.
    Limit,
}

impl EntryKind {
    /// As tables and JSON name it: `group`, `route`, `endpoint`, `fallback`, `guard`, `unseen`,
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

/// A route, a group, a ready-made endpoint or a guard, and whom it lets in.
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
    /// The method; `None` if it answers any, or if the framework does not show which.
    ///
    /// A route for GET that answers HEAD too is listed as GET.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The path. `{name}` stands for one segment, `{*name}` for all that follow. That of a group,
    /// of a fallback, and of something that cannot be seen into ends with `/*`: it is everything
    /// under the path before that, and this path itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Does the path lack its beginning, because nobody has seen where it was mounted?
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        self.is_relative
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Whom it lets in. What cannot be seen into is [`Access::Open`].
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// The limits in front of it, such as `5/minute per address`: those of guards, groups and
    /// ready-made endpoints, and those that were added by a method of the audited router. A limit
    /// in a layer that nobody can see into is a line of its own, of kind
    /// [`Limit`](EntryKind::Limit).
    pub fn limits(&self) -> impl Iterator<Item = &str> {
        self.limits.iter().map(|limit| &**limit)
    }

    /// Where the application has declared it.
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Does it get requests? `false` if something that was registered before it takes them all; a
    /// [`Finding`](super::Finding) names that.
    #[must_use]
    pub const fn is_reachable(&self) -> bool {
        self.is_reachable
    }

    /// Does it answer somebody who presents nothing, although it is no ready-made endpoint, which
    /// asks for what it needs, and no path rule or limit, which answers nobody?
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
