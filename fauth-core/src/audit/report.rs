//! The result of an audit, for people and programs.

use std::fmt;

use serde_json::{Value, json};

use super::{entry::Entry, finding::Finding, table, unguarded::Unguarded};

/// The routes of an application, sorted by path, with findings.
///
/// Its `Display` is a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    entries: Vec<Entry>,
    findings: Vec<Finding>,
}

impl Audit {
    /// Sorted and without duplicates: an application that is built once per worker declares
    /// everything several times.
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

    /// Things that the application may not have intended.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Checks that every route is guarded, except those at the given paths.
    ///
    /// An exception is a path as listed by the audit, for all its methods, or `GET /path` for one
    /// of them. Everything that answers requests without a credential needs one: open routes,
    /// routes for visitors, fallbacks, and parts that cannot be inspected. The exception of the
    /// latter is marked: `unseen /docs/*`, so that `/*` for a fallback does not also except
    /// anything mounted at `/`.
    ///
    /// Findings fail too. The exception that names the path of a finding, or `GET /path`, excepts
    /// it. A finding without a path ([`Incomplete`](super::FindingKind::Incomplete)) cannot be
    /// excepted.
    ///
    /// The ready-made endpoints need no exception, because they check their credentials themselves,
    /// but may have one. A page of the application at the path of an endpoint is a route and needs
    /// one.
    ///
    /// # Errors
    /// [`Unguarded`], which lists all open routes, all findings, and the exceptions that match
    /// neither: remove the exception of a route that has a guard by now.
    pub fn all_guarded(&self, except: &[&str]) -> Result<(), Unguarded> {
        Unguarded::find(&self.entries, &self.findings, except).map_or(Ok(()), Err)
    }

    /// The lines as objects in `routes`, with `method`, `path`, `kind`, `access`, `requirement`
    /// (from [`Access::to_json`](crate::access::Access::to_json)), `file` and `line`; and the
    /// `findings` with `kind`, `method`, `path`, `other` and `text`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "routes": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }

    /// The audit as a Markdown table, with the findings as a list.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        table::markdown(&self.entries, &self.findings)
    }

    /// Writes the table to the log at level `info`, and each finding at level `warn`, with the
    /// target `fauth`; **only in builds with debug assertions**. Other builds write nothing,
    /// because the log of a production service should not list where it can be attacked.
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

/// A router that registers what it mounts.
///
/// The routers of the frameworks cannot be inspected. Build the application with the audited router
/// of your adapter, which has the same methods.
#[diagnostic::on_unimplemented(
    message = "the routes of `{Self}` cannot be inspected, so open routes would go unnoticed",
    label = "not a router that registers what it mounts",
    note = "build the application with the audited router of your adapter (`AuditedRouter`, `AuditedScope` or \
            `AuditedRoute`), and assert before it is turned into the framework's own",
    note = "mount parts that cannot be inspected with one of its methods `…_unseen`; they are listed as such"
)]
pub trait Audited {
    /// Lists all routes and their access rules.
    fn audit(&self) -> Audit;
}

impl<T: Audited + ?Sized> Audited for &T {
    fn audit(&self) -> Audit {
        (**self).audit()
    }
}
