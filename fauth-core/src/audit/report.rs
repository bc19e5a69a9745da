//! What people and programs read of an audit.

use std::fmt;

use serde_json::{Value, json};

use super::{entry::Entry, finding::Finding, table, unguarded::Unguarded};

/// The routes of an application, sorted by path, and what is conspicuous about them.
///
/// Its `Display` is a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    entries: Vec<Entry>,
    findings: Vec<Finding>,
}

impl Audit {
    /// Sorted, and each line once: an application that is made for each worker declares everything
    /// several times.
    pub(super) fn new(mut entries: Vec<Entry>, mut findings: Vec<Finding>) -> Self {
        entries.sort_by(Entry::order);
        entries.dedup();
        findings.sort();
        findings.dedup();
        Self { entries, findings }
    }

    /// All lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the application may not have meant.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Is every route guarded, except those of these paths?
    ///
    /// An exception is a path as the audit lists it, for all its methods, or `GET /path` for one.
    /// Whatever answers somebody who presents nothing needs one: open routes, routes for visitors,
    /// fallbacks, and what cannot be seen into. That of the latter says so: `unseen /docs/*`, since
    /// `/*` for a fallback must not let pass whatever somebody mounts at `/`.
    ///
    /// Findings fail too. The exception that names the path of a finding, or `GET /path`, excepts
    /// it. One without a path ([`Incomplete`](super::FindingKind::Incomplete)) has no exception.
    ///
    /// The ready-made endpoints need no exception, because they ask for what they need by
    /// themselves, and may have one; a page of the application's own at the path of an endpoint is
    /// a route, and needs one.
    ///
    /// # Errors
    /// [`Unguarded`], which lists all open routes, all findings, and the exceptions that match
    /// neither: a route that got its guard must not keep its exception.
    pub fn all_guarded(&self, except: &[&str]) -> Result<(), Unguarded> {
        Unguarded::find(&self.entries, &self.findings, except).map_or(Ok(()), Err)
    }

    /// The lines as objects in `routes`, with `method`, `path`, `kind`, `access`, `requirement` (as
    /// [`Access::to_json`](crate::access::Access::to_json) makes it), `file` and `line`; and the
    /// `findings` with `kind`, `method`, `path`, `other` and `text`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "routes": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }

    /// A table of Markdown, and the findings as a list.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        table::markdown(&self.entries, &self.findings)
    }

    /// Writes the table to the log, at level `info`, and each finding at level `warn`, with the
    /// target `fauth`; **only in builds with debug assertions**. In others it does nothing: where
    /// an application can be attacked is no matter for the log of a production service.
    pub fn log(&self) {
        if cfg!(debug_assertions) {
            tracing::info!(target: "fauth", event = "route_audit", "routes:\n{self}");
            for finding in &self.findings {
                tracing::warn!(target: "fauth", event = "route_audit_finding", "{finding}");
            }
        }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table::write_table(f, &self.entries, &self.findings)
    }
}

/// A router that knows what it has mounted.
///
/// Routers of the frameworks do not: nobody can look into them. Build the application with the
/// audited router of your adapter, which has the same methods.
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be seen, so nobody can tell which of them are open",
    label = "this is no router that registers what it mounts",
    note = "build the application with the audited router of your adapter (`AuditedRouter`, `AuditedScope` or \
            `AuditedRoute`), and assert before it is turned into the framework's own",
    note = "what cannot be seen into is mounted with one of its methods `…_unseen`, and listed as such"
)]
pub trait Audited {
    /// All routes, and who may use them.
    fn audit(&self) -> Audit;
}

impl<T: Audited + ?Sized> Audited for &T {
    fn audit(&self) -> Audit {
        (**self).audit()
    }
}
