//! Path rules: who may access which part of an application, in one table.
//!
//! A guard protects the route it is attached to. Rules are written in one place and also cover
//! paths that were forgotten: with [`RouteRules::private_by_default`], a route added tomorrow is
//! private, and so is a folder of files or another application that is mounted. An adapter's
//! `protect` applies them to a whole application.
//!
//! ```
//! use fauth_core::{Requirement, RouteRules, rules::exact};
//!
//! let rules = RouteRules::private_by_default()
//!     .public(exact("/"))
//!     .public("/assets")
//!     .guests("/signin")
//!     .require("/admin", Requirement::user().role("admin"))
//!     .build()?;
//!
//! assert_eq!(rules.access("GET", "/admin/users").unwrap().to_string(), "user, role admin");
//! assert_eq!(rules.access("GET", "/administrator").unwrap().to_string(), "user");
//! # Ok::<(), fauth_core::ConfigError>(())
//! ```
//!
//! # Which rule decides
//! - **A path is a prefix by segments**: `/admin` matches `/admin`, `/admin/` and `/admin/users`,
//!   but not `/administrator` or `/admin.json`. [`exact`] matches one path and nothing below it:
//!   `exact("/health")` does not match `/health/`. Matching is case-sensitive.
//! - **The longest prefix decides**, and an exact path takes precedence over a prefix. The order in
//!   which rules are written does not matter.
//! - Of two rules for one path, the one that [names the method](RulePath::methods) takes
//!   precedence. HEAD counts as GET.
//! - **A rule replaces only the fields that it names** and inherits the others from the rule that
//!   would decide without it. Below an `/admin` that requires a role, a rule with a scope requires
//!   both; a rule with another role requires only the new role. The fields are: roles (all and
//!   any), permissions, scopes, alternatives (`any_of`), joined requirements (`and`),
//!   `login_within`, `allow_api_keys`, `danger_allow_inactive`. The result equals a single
//!   requirement with all these fields, with one exception: a scope does not admit API keys if the
//!   rule above admits none; name `allow_api_keys` for that.
//!   [`replace`](RouteRulesBuilder::replace) inherits nothing.
//! - If several [joined](RouteRulesBuilder::join) sources have a rule for the same path, the
//!   stricter rule decides.
//!
//! [`RouteRules::explain`] shows which rule decides about a path, and why.
//!
//! # Which path
//! Rules match the path as the client sent it, before a mount strips a prefix, decoded once by the
//! core; see [`path`](crate::path). Some routers do not decode the paths they compare: to one,
//! `/%61ssets` is `/assets`; to another it is an unknown route, which goes to the fallback. If a
//! path encodes characters that need no encoding, the stricter of the two decisions applies.
//!
//! An ambiguous path is refused with 400 before any rule is consulted, and TRACE and CONNECT are
//! refused with 405, on public paths too.
//!
//! # Security
//! - Rules and router must see the same path. If a middleware outside `protect` rewrites the path
//!   and the framework keeps the original path (poem, and axum inside a nested router), the request
//!   is refused with 400, unless only a prefix was stripped. Elsewhere the rules see the rewritten
//!   path. Do not rewrite paths inside `protect`.
//! - If an application [allows](crate::AuthProviderBuilder::danger_allow_in_path) characters that
//!   other systems read differently, such as `%2F`, rules treat them as part of their segment.
//! - Browsers send CORS preflights (OPTIONS) without credentials. Place the CORS middleware outside
//!   `protect`, so that it answers them.

mod builder;
mod check;
mod demand;
mod explanation;
mod pattern;
mod resolve;
mod rule;
mod rule_path;
mod source;
mod table;

pub use builder::RouteRulesBuilder;
pub use explanation::Explanation;
pub use rule_path::{RulePath, exact, prefix};
pub(crate) use table::Decided;
pub use table::RouteRules;

#[cfg(test)]
mod tests;
