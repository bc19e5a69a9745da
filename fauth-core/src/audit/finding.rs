//! Findings: suspicious routes of an application.

use std::fmt;

use serde_json::{Value, json};

use super::entry::{Entry, EntryKind};

/// The kind of a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A route lies below the path of a group without being part of it: the framework routes its
    /// requests past the group's guard, and the route requires less, or users of another provider.
    BesideGroup,
    /// A part that cannot be inspected may contain such routes.
    MayLieBesideGroup,
    /// An earlier registration takes all requests of this route.
    Unreachable,
    /// The audit does not list everything.
    Incomplete,
}

impl FindingKind {
    /// The name in JSON: `beside_group`, `may_lie_beside_group`, `unreachable`, `incomplete`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BesideGroup => "beside_group",
            Self::MayLieBesideGroup => "may_lie_beside_group",
            Self::Unreachable => "unreachable",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Something that the application may not have intended. Its `Display` says what, where, and what
/// to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: Option<Box<str>>,
    method: Option<Box<str>>,
    kind: FindingKind,
    other: Option<Box<str>>,
    text: Box<str>,
    is_unseen: bool,
}

impl Finding {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> FindingKind {
        self.kind
    }

    /// The path of the route, as in its [`Entry`].
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The method of the route, as in its [`Entry`].
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The path of the group, or of the route that takes the requests.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        self.other.as_deref()
    }

    pub(super) fn beside(entry: &Entry, group: &Entry) -> Self {
        let (route, group_text) = (described(entry), described(group));
        let text = format!(
            "{route} is routed past the guard of {group_text}: add it to the group, or move it out of this \
             path"
        );
        Self::of(FindingKind::BesideGroup, entry, group, text)
    }

    pub(super) fn may_lie_beside(entry: &Entry, group: &Entry) -> Self {
        let (mount, group_text) = (described(entry), described(group));
        let text = format!(
            "{mount} cannot be inspected: its routes below the path of {group_text} are routed past its guard"
        );
        Self::of(FindingKind::MayLieBesideGroup, entry, group, text)
    }

    pub(super) fn unreachable(entry: &Entry, winner: &Entry) -> Self {
        let (route, other) = (described(entry), described(winner));
        let text = format!(
            "{route} is never reached, because {other} takes its requests: register it before that, or \
             inside it"
        );
        Self::of(FindingKind::Unreachable, entry, winner, text)
    }

    pub(super) fn incomplete() -> Self {
        let text =
            "there are more guards or routes than an audit lists: are guards created for each request?";
        Self {
            path: None,
            method: None,
            kind: FindingKind::Incomplete,
            other: None,
            text: text.into(),
            is_unseen: false,
        }
    }

    fn of(kind: FindingKind, entry: &Entry, other: &Entry, text: String) -> Self {
        Self {
            path: Some(entry.path.clone()),
            method: entry.method.clone(),
            kind,
            other: Some(other.path.clone()),
            text: text.into(),
            is_unseen: entry.kind == EntryKind::Unseen,
        }
    }

    /// Returns whether it is about a part that cannot be inspected.
    pub(super) const fn is_unseen(&self) -> bool {
        self.is_unseen
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "kind": self.kind.name(),
            "method": self.method,
            "path": self.path,
            "other": self.other,
            "text": self.text,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `GET /admin/health (open, src/app.rs:31)`.
fn described(entry: &Entry) -> String {
    let (method, path) = (entry.shown_method(), entry.shown_path());
    let kind = if entry.kind == EntryKind::Group { "group" } else { method };
    format!("{kind} {path} ({}, {})", entry.access, entry.shown_location())
}
