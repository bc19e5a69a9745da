//! Path rules: who may use which part of an application, in one table.
//!
//! A guard is written where a route is. Rules are written in one place, and cover what nobody has
//! thought of: with [`RouteRules::private_by_default`] a route that is added tomorrow is private,
//! and so is a folder of files or another application that is mounted. An adapter's `protect` puts
//! them in front of a whole application.
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
//! - **A path is a prefix by segments**: `/admin` is about `/admin`, `/admin/` and `/admin/users`,
//!   and not about `/administrator` or `/admin.json`. [`exact`] is about one path and nothing below
//!   it: `exact("/health")` is not about `/health/`. Upper and lower case are different.
//! - **The longest prefix decides**, and an exact path before a prefix. The order in which rules
//!   are written does not matter.
//! - Of two rules for one path, the one that [names the method](RulePath::methods) comes first.
//!   HEAD is as GET.
//! - **A rule replaces only the fields that it names** and takes the others from the rule that
//!   would decide without it. Below `/admin` with a role, a rule with a scope asks for both; a rule
//!   with another role asks for that one instead. The fields are: roles (all and any),
//!   permissions, scopes, alternatives (`any_of`), joined requirements (`and`), `login_within`,
//!   `allow_api_keys`, `danger_allow_inactive`. The result is as if it had been written as one
//!   requirement, but that a scope lets no API key in where the rule above lets none in: name
//!   `allow_api_keys` for that. [`replace`](RouteRulesBuilder::replace) takes nothing over.
//! - What several [joined](RouteRulesBuilder::join) sources say about one path is a tie, which goes
//!   to the stricter rule.
//!
//! [`RouteRules::explain`] says which rule decides about a path, and why.
//!
//! # Which path
//! That of the request as the client wrote it, before anything was stripped by a mount, decoded
//! once by the core; see [`path`](crate::path). Some routers do not decode what they compare: to
//! one, `/%61ssets` is `/assets`, to another it is no route of the application, and goes to its
//! fallback. Of a path that encodes what needs no encoding, the stricter of the two decisions
//! counts.
//! A path that can be misread is refused with 400
//! before any rule is asked, and so are TRACE and CONNECT with 405, on public paths too.
//!
//! # Security
//! - Rules and router must see the same path. Where a middleware outside of `protect` rewrites the
//!   path of a request whose original path the framework keeps (poem, and axum inside a nested
//!   router), the request is refused with 400, unless only a prefix was stripped. Elsewhere the
//!   rules see the rewritten path. Nothing inside of `protect` may rewrite paths.
//! - Where an application [allows](crate::AuthProviderBuilder::danger_allow_in_path) characters
//!   that others read differently, such as `%2F`, rules take them for a part of their segment.
//! - Browsers send CORS preflights (OPTIONS) without credentials: CORS belongs outside of
//!   `protect`, where it answers them.

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
