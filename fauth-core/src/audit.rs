//! Audits: the routes of an application, and who may access them.
//!
//! A forgotten guard leaves a route that works, so no feature test notices it. An audit lists what
//! an application has mounted, with the access rule of each route and where it was declared.
//! [`assert_all_guarded!`](crate::assert_all_guarded) turns it into a test that fails when an open
//! route is added.
//!
//! ```text
//! METHOD  PATH         ACCESS            KIND      DECLARED AT
//! any     /            open              route     src/app.rs:20
//! any     /admin/*     user, role admin  group     src/app.rs:14
//! GET     /admin       user, role admin  route     src/app.rs:14
//! POST    /login       open              endpoint  src/app.rs:21
//! GET     /me          user              route     src/app.rs:22
//! ```
//!
//! There are two audits.
//! - The audit of a **router that registers what it mounts** ([`Audited`]) knows every route of the
//!   application, including open ones. Each adapter has such a router, with the methods of the
//!   framework's own router.
//! - The audit of a **provider** ([`AuthProvider::audit`](crate::AuthProvider::audit)) knows every
//!   guard, group and ready-made endpoint that was declared with it and is in use. It does not know
//!   unrelated routes. Routes mounted by a plain router are listed without the start of their path
//!   (`…/dashboard`).
//!
//! # What an audit lists
//! - **Access is what the guards require.** A handler that takes `CurrentUser` also refuses
//!   unauthenticated requests, but this is not visible from outside: such a route is listed as open
//!   until it gets a guard. The guard adds no cost, because the handler reuses its result.
//! - **HEAD** belongs to GET and is not listed separately: if a framework answers HEAD for a GET
//!   route, the same guard applies.
//! - **Methods** are listed if the framework exposes them, otherwise as `any`. The guard of a group
//!   or of a route also covers the other methods of its path.
//! - **Parameters** are written `{name}`, the rest of a path `{*name}`, in every framework.
//! - **`WebSocket`s** start with an ordinary request, and are listed and guarded like one.
//! - **Fallbacks** of the application are listed as `/*`, and those within a group belong to the
//!   group. The framework's own 404 is not a route.
//! - Anything that cannot be inspected is listed as **unseen** and counts as open.
//! - **Layers** may answer requests or rewrite paths by themselves: an audit does not show it.
//!
//! # Findings
//! A route can lie below the path of a group without being part of the group, for example
//! `/admin/health` beside a group at `/admin`. The framework decides which of the two gets the
//! request, and [`FindingKind::BesideGroup`] reports the routes that bypass the group. Adapters
//! document the rule of their framework; [`Precedence`] is the core's model of it.

mod assertion;
mod declaration;
mod declarations;
mod entry;
mod finding;
mod pattern;
mod precedence;
mod record;
mod report;
mod table;
mod unguarded;

pub(crate) use declarations::Declarations;
pub use {
    assertion::assert_all_guarded,
    declaration::{Declaration, Methods},
    entry::{Entry, EntryKind},
    finding::{Finding, FindingKind},
    pattern::braced,
    precedence::Precedence,
    record::RouteRecord,
    report::{Audit, Audited},
    unguarded::Unguarded,
};

#[cfg(test)]
mod tests;
