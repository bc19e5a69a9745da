//! Rules written in code.

use std::panic::Location;

use super::{
    check,
    demand::Demand,
    resolve,
    rule::{Origin, Rule},
    rule_path::RulePath,
    table::RouteRules,
};
use crate::{error::ConfigError, requirement::Requirement};

/// A builder of [`RouteRules`]; [`build`](Self::build) checks the rules.
#[derive(Debug, Clone)]
#[must_use = "rules have no effect until they are built and passed to `protect`"]
pub struct RouteRulesBuilder {
    is_private: bool,
    rules: Vec<Rule>,
    /// The number of joined sources.
    sources: usize,
}

impl RouteRules {
    /// Paths without a rule require a known and active user.
    pub const fn private_by_default() -> RouteRulesBuilder {
        RouteRulesBuilder::new(true)
    }

    /// Paths without a rule are open to every caller.
    ///
    /// # Security
    /// Routes added later are open until a rule covers them. Prefer
    /// [`private_by_default`](Self::private_by_default).
    pub const fn public_by_default() -> RouteRulesBuilder {
        RouteRulesBuilder::new(false)
    }
}

impl RouteRulesBuilder {
    pub(super) const fn new(is_private: bool) -> Self {
        Self { is_private, rules: Vec::new(), sources: 1 }
    }

    /// Opens this path to every caller. Credentials are not read at all, so a stylesheet is not
    /// refused because of a dead cookie.
    ///
    /// Handlers there behave as without a guard: a `CurrentUser` refuses a request without a valid
    /// credential; with a `MaybeUser`, an invalid credential is refused and a dead cookie
    /// counts as none. Guards on the routes themselves still apply.
    ///
    /// [`build`](Self::build) refuses the prefix `/`; use [`exact("/")`](super::exact) for the
    /// front page.
    #[track_caller]
    pub fn public(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Public)
    }

    /// Opens all of these paths to every caller, like [`public`](Self::public).
    #[track_caller]
    pub fn public_all(self, paths: impl IntoIterator<Item: Into<RulePath>>) -> Self {
        let origin = Origin::Code(Location::caller());
        paths.into_iter().fold(self, |rules, path| rules.add(path.into(), Demand::Public, origin))
    }

    /// Admits users and guests, for a path whose answer differs between them, like
    /// [`Guard::visitor`](crate::Guard::visitor): the user is loaded, an invalid credential is
    /// refused, and a dead cookie is deleted.
    #[track_caller]
    pub fn visitors(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Visitors)
    }

    /// Admits only guests, like [`Guard::guests`](crate::Guard::guests), for a sign-in or
    /// registration page. Signed-in users are redirected or refused.
    #[track_caller]
    pub fn guests(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Guests)
    }

    /// Requires a known and active user who meets this requirement. Fields that `requirement` does
    /// not name are inherited from the rule that would decide without this one; see the
    /// [module](super).
    ///
    /// ```
    /// use fauth_core::{Requirement, RouteRules};
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .require("/admin", Requirement::user().role("admin"))
    ///     .require("/admin/audit", Requirement::user().scope("audit"))
    ///     .require("/admin/reports", Requirement::user().any_role(["admin", "auditor"]))
    ///     .build()?;
    /// let asked = |path| rules.access("GET", path).unwrap().to_string();
    /// assert_eq!(asked("/admin/audit"), "user, role admin, scope audit");
    /// assert_eq!(asked("/admin/reports"), "user, any role of (admin, auditor)");
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    #[track_caller]
    pub fn require(self, path: impl Into<RulePath>, requirement: Requirement) -> Self {
        self.rule(path.into(), Demand::require(requirement))
    }

    /// Requires a known and active user who meets this requirement, and inherits nothing from other
    /// rules.
    ///
    /// ```
    /// use fauth_core::{Requirement, RouteRules};
    ///
    /// let rules = RouteRules::private_by_default()
    ///     .require("/admin", Requirement::user().role("admin"))
    ///     .replace("/admin/help", Requirement::user())
    ///     .build()?;
    /// assert_eq!(rules.access("GET", "/admin/help").unwrap().to_string(), "user");
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    #[track_caller]
    pub fn replace(self, path: impl Into<RulePath>, requirement: Requirement) -> Self {
        self.rule(path.into(), Demand::Replace(requirement))
    }

    /// Adds the rules of another source: those of a file to those in code, those of a plug-in to
    /// those of the application. If both have a rule for the same path and method, the stricter one
    /// decides, and of two requirements both must be met. If one source is private by default, the
    /// result is.
    pub fn join(mut self, other: Self) -> Self {
        let start = self.sources;
        let added = other.rules.into_iter().map(|rule| Rule { source: rule.source + start, ..rule });
        self.rules.extend(added);
        Self { is_private: self.is_private || other.is_private, sources: start + other.sources, ..self }
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// [`ConfigError`] that names the first faulty rule: one with a path that no request can have,
    /// or with a placeholder; one that makes everything public; one with an impossible requirement,
    /// or that changes nothing; two that contradict each other or are equal. Also if there are more
    /// than 1000 rules, or none that guards anything.
    pub fn build(self) -> Result<RouteRules, ConfigError> {
        check::rules(&self.rules)?;
        resolve::table(self.is_private, self.rules)
    }

    #[track_caller]
    fn rule(self, path: RulePath, demand: Demand) -> Self {
        self.add(path, demand, Origin::Code(Location::caller()))
    }

    pub(super) fn add(mut self, path: RulePath, demand: Demand, origin: Origin) -> Self {
        self.rules.push(Rule { path, demand, origin, source: 0 });
        self
    }
}
