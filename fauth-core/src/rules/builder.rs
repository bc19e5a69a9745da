//! Rules as they are written in code.

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

/// Rules on their way to be a [`RouteRules`]; [`build`](Self::build) checks them.
#[derive(Debug, Clone)]
#[must_use = "rules guard nothing before they are built and given to `protect`"]
pub struct RouteRulesBuilder {
    is_private: bool,
    rules: Vec<Rule>,
    /// How many joined sources there are.
    sources: usize,
}

impl RouteRules {
    /// Whatever no rule is about needs a known and active user.
    pub const fn private_by_default() -> RouteRulesBuilder {
        RouteRulesBuilder::new(true)
    }

    /// Whatever no rule is about is open to everybody.
    ///
    /// # Security
    /// What is added to the application later is open until somebody writes a rule. Prefer
    /// [`private_by_default`](Self::private_by_default).
    pub const fn public_by_default() -> RouteRulesBuilder {
        RouteRulesBuilder::new(false)
    }
}

impl RouteRulesBuilder {
    pub(super) const fn new(is_private: bool) -> Self {
        Self { is_private, rules: Vec::new(), sources: 1 }
    }

    /// What is open to everybody. Nobody looks who is there, and no credential is looked at, so
    /// that a stylesheet is not refused because of a dead cookie.
    ///
    /// Handlers there are as without guard: a `CurrentUser` refuses whoever is nobody, and for a
    /// `MaybeUser` a bad credential is refused, a dead cookie counts as none. Guards of the routes
    /// themselves go on deciding.
    ///
    /// The prefix `/` is refused by [`build`](Self::build): take [`exact("/")`](super::exact) for
    /// the front page.
    #[track_caller]
    pub fn public(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Public)
    }

    /// What all of these paths are about is open to everybody, as by [`public`](Self::public).
    #[track_caller]
    pub fn public_all(self, paths: impl IntoIterator<Item: Into<RulePath>>) -> Self {
        let origin = Origin::Code(Location::caller());
        paths.into_iter().fold(self, |rules, path| rules.add(path.into(), Demand::Public, origin))
    }

    /// What is open to everybody, and shows one thing to users and another to guests, as
    /// [`Guard::visitor`](crate::Guard::visitor) lets in: it is looked who is there, a bad
    /// credential is refused, and a dead cookie is deleted.
    #[track_caller]
    pub fn visitors(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Visitors)
    }

    /// What only guests may see, as [`Guard::guests`](crate::Guard::guests) lets in: the sign-in
    /// page, the registration. Users are sent elsewhere.
    #[track_caller]
    pub fn guests(self, path: impl Into<RulePath>) -> Self {
        self.rule(path.into(), Demand::Guests)
    }

    /// What needs a known and active user who meets this. The fields that `requirement` does not
    /// name are those of the rule that would decide without this one; see the
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

    /// What needs a known and active user who meets this and nothing else, whatever other rules
    /// ask for.
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

    /// Adds the rules of another source: those of a file to those of the code, those of a plug-in
    /// to those of the application. Where both have a rule for the same path and method, the
    /// stricter one decides, and of two requirements both must be met. If one of the two is private
    /// by default, all of it is.
    pub fn join(mut self, other: Self) -> Self {
        let start = self.sources;
        let added = other.rules.into_iter().map(|rule| Rule { source: rule.source + start, ..rule });
        self.rules.extend(added);
        Self { is_private: self.is_private || other.is_private, sources: start + other.sources, ..self }
    }

    /// Checks the rules.
    ///
    /// # Errors
    /// [`ConfigError`] that names the first rule at fault: one with a path that no request can
    /// have, or with a placeholder; one that makes everything public; one with an impossible
    /// requirement, or that changes nothing; two that contradict each other, or are the same; and
    /// if there are more than 1000 rules, or none that guards anything.
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
