//! The failures of an audit: everything without an exception.

use std::{error::Error, fmt};

use super::{
    entry::{Entry, EntryKind},
    finding::{Finding, FindingKind},
    pattern::braced,
    table::counted,
};
use crate::access::Access;

/// Open routes without an exception, exceptions that match nothing, and findings. Its `Display`
/// lists them and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unguarded {
    /// The open routes.
    pub open: Vec<Entry>,
    /// The exceptions that match no open route and no finding, as written.
    pub stale: Vec<Box<str>>,
    /// The findings without an exception.
    pub findings: Vec<Finding>,
    notes: Vec<Box<str>>,
}

/// One exception: `/path`, `METHOD /path`, or `unseen /path/*`.
struct Exception<'a> {
    written: &'a str,
    method: Option<&'a str>,
    path: &'a str,
}

impl<'a> Exception<'a> {
    fn read(written: &'a str) -> Self {
        match written.split_once(' ') {
            Some((method, path)) if !method.contains('/') => {
                Self { written, method: Some(method), path: path.trim() }
            }
            _ => Self { written, method: None, path: written },
        }
    }

    fn covers(&self, entry: &Entry) -> bool {
        self.names(entry.method(), entry.path(), entry.kind() == EntryKind::Unseen)
    }

    fn covers_finding(&self, finding: &Finding) -> bool {
        finding.path().is_some_and(|path| self.names(finding.method(), path, finding.is_unseen()))
    }

    /// An exception for a fallback does not apply to parts that cannot be inspected, which may
    /// contain anything.
    fn names(&self, method: Option<&str>, path: &str, is_unseen: bool) -> bool {
        let is_method = match (self.method, method) {
            (Some("unseen"), _) => is_unseen,
            _ if is_unseen => false,
            (None, _) | (Some("any"), None) => true,
            (Some(method), Some(own)) => method == own,
            (Some(_), None) => false,
        };
        let is_path = || self.path == path || (self.path.contains([':', '*']) && braced(self.path) == path);
        is_method && is_path()
    }
}

impl Unguarded {
    pub(super) fn find(entries: &[Entry], findings: &[Finding], except: &[&str]) -> Option<Self> {
        let exceptions: Vec<_> = except.iter().map(|written| Exception::read(written)).collect();
        let excepted = |entry: &Entry| exceptions.iter().any(|exception| exception.covers(entry));
        let open: Vec<_> =
            entries.iter().filter(|entry| entry.is_open() && !excepted(entry)).cloned().collect();
        // A ready-made endpoint needs no exception, but may have one.
        let may_be_named =
            |entry: &&Entry| entry.access().admits_anonymous() && entry.kind() != EntryKind::Limit;
        let is_stale = |exception: &&Exception<'_>| {
            !entries.iter().filter(may_be_named).any(|entry| exception.covers(entry))
                && !findings.iter().any(|finding| exception.covers_finding(finding))
        };
        let stale: Vec<_> =
            exceptions.iter().filter(is_stale).map(|exception| exception.written.into()).collect();
        let excepted =
            |finding: &&Finding| exceptions.iter().any(|exception| exception.covers_finding(finding));
        let conspicuous: Vec<_> = findings.iter().filter(|finding| !excepted(finding)).cloned().collect();
        if open.is_empty() && stale.is_empty() && conspicuous.is_empty() {
            return None;
        }
        let notes = open.iter().map(|entry| note(entry, findings)).collect();
        Some(Self { open, stale, findings: conspicuous, notes })
    }
}

/// Explains why a route is open although it may not look so.
fn note(entry: &Entry, findings: &[Finding]) -> Box<str> {
    let beside = findings.iter().find(|finding| {
        finding.kind() == FindingKind::BesideGroup
            && finding.path() == Some(entry.path())
            && finding.method() == entry.method()
    });
    match (beside.and_then(Finding::other), entry.kind()) {
        (Some(group), _) => format!(" (beside the group {group}, whose guard it does not pass)").into(),
        (None, EntryKind::Unseen) => {
            format!(" (its routes cannot be inspected; its exception is \"unseen {}\")", entry.path()).into()
        }
        (None, EntryKind::Fallback) => " (the handler for requests that match no route)".into(),
        _ => match entry.access() {
            Access::Optional => " (visitors are admitted)".into(),
            _ => "".into(),
        },
    }
}

impl fmt::Display for Unguarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.open.is_empty() {
            let verb = if self.open.len() == 1 { "is" } else { "are" };
            writeln!(f, "{} {verb} open to everybody:", counted(self.open.len(), "route"))?;
            for (entry, note) in self.open.iter().zip(&self.notes) {
                let (method, path) = (entry.shown_method(), entry.shown_path());
                writeln!(f, "  {method} {path}  {}{note}", entry.shown_location())?;
            }
            writeln!(f, "put a guard in front of them, or name their paths in `except [..]`")?;
        }
        if !self.stale.is_empty() {
            let verb = if self.stale.len() == 1 { "matches" } else { "match" };
            writeln!(f, "{} {verb} no open route:", counted(self.stale.len(), "exception"))?;
            self.stale.iter().try_for_each(|written| writeln!(f, "  {written}"))?;
            writeln!(f, "remove them, or write the paths as the audit lists them")?;
        }
        if !self.findings.is_empty() {
            writeln!(f, "{}:", counted(self.findings.len(), "finding"))?;
            self.findings.iter().try_for_each(|finding| writeln!(f, "  {finding}"))?;
            writeln!(f, "if this is intended, name its path in `except [..]`")?;
        }
        Ok(())
    }
}

impl Error for Unguarded {}
