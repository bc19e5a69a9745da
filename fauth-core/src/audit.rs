//! Which routes an application has, and who may use them.
//!
//! A forgotten guard is a route that works: no test of a feature misses it. An audit lists what an
//! application has mounted, with whom each route lets in and where it was declared, and
//! [`assert_all_guarded!`](crate::assert_all_guarded) makes a test of it that fails when somebody
//! adds an open route.
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
//! - That of a **router that registers what it mounts** ([`Audited`]) knows every route of the
//!   application, the open ones too. Each adapter has one, with the methods of the framework's own
//!   router.
//! - That of a **provider** ([`AuthProvider::audit`](crate::AuthProvider::audit)) knows every
//!   guard, group and ready-made endpoint that was declared with it and is in use, and cannot know
//!   what has nothing to do with it. Whatever was mounted by a plain router is listed without the
//!   beginning of its path (`…/dashboard`).
//!
//! # What an audit says
//! - **An access is what the guards ask for.** A handler that takes `CurrentUser` refuses strangers
//!   too, but nobody sees that from outside: such a route is listed as open until it gets a guard.
//!   The guard costs nothing, since the handler reuses what it has found out.
//! - **HEAD** goes with GET, and is not listed by itself: where a framework answers HEAD for a
//!   route of GET, the same guard is before it.
//! - **Methods** are listed as the framework shows them, otherwise as `any`. A guard of a group or
//!   of a route covers the other methods of its path too.
//! - **Parameters** are written `{name}`, the rest of a path `{*name}`, in every framework.
//! - **WebSockets** begin with a request like any other, and are listed and guarded like one.
//! - **Fallbacks** of the application are listed as `/*`, and those within a group belong to it.
//!   The 404 of the framework itself is no route.
//! - What cannot be seen into is listed as **unseen**, and counts as open.
//! - **Layers** may answer by themselves or rewrite paths: what they do is not in an audit.
//!
//! # Findings
//! A route can lie under the path of a group and yet beside the group, for example `/admin/health`
//! beside a group at `/admin`. Which of the two gets the request is the framework's choice, and
//! [`FindingKind::BesideGroup`] says where it is not the group. Adapters document the rule of their
//! framework; [`Precedence`] is what the core knows of it.

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
