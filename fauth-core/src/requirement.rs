//! What a route asks of its callers, as data. Deciding it is a pure function.

use crate::{
    error::ConfigError,
    token::{TokenPayload, is_scope},
    user::AuthUser,
};

/// What a caller must be to pass: a known, active user, with the roles, permissions and scopes named here.
///
/// A requirement is a value: guards enforce it, and whatever describes an application's routes can read it. Roles and permissions are
/// those of the loaded user, scopes those of the token. Conditions that are added to one requirement must *all* hold; nest
/// with [`any_of`](Self::any_of) for alternatives.
///
/// ```
/// use fauth_core::Requirement;
///
/// let editors = Requirement::user().roles(["editor"]).permissions(["posts:write"]);
/// let admins = Requirement::user().any_role(["admin", "owner"]);
/// let either = Requirement::any_of([editors, admins]);
/// assert!(either.validate().is_ok());
/// assert!(Requirement::user().roles::<[&str; 0]>([]).validate().is_err());
/// ```
///
/// # Security
/// A requirement with an impossible part (an empty list, a blank or repeated name) refuses every request with 500 and says so in
/// the log; it never passes. Call [`validate`](Self::validate) while the application starts to fail there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    allow_inactive: bool,
    conditions: Vec<Condition>,
    fault: Option<ConfigError>,
}

/// One node of the tree. The names keep the order in which they were written, so that the first one missing is the one named.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Every one of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// The user has this role.
    Role(Box<str>),
    /// The user has this permission.
    Permission(Box<str>),
    /// The token has this scope.
    Scope(Box<str>),
}

/// What a user lacks. The first unmet condition in the order of the requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// This role.
    Role(Box<str>),
    /// This permission.
    Permission(Box<str>),
    /// Scopes: all those that the requirement names and the token lacks.
    Scopes(Vec<Box<str>>),
    /// Any of several alternatives; not one of them is met.
    Alternative,
}

impl Requirement {
    /// A known and active user, nothing more.
    #[must_use]
    pub const fn user() -> Self {
        Self { allow_inactive: false, conditions: Vec::new(), fault: None }
    }

    /// Met as soon as one of `requirements` is met.
    #[must_use]
    pub fn any_of(requirements: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::user();
        let mut alternatives = Vec::new();
        for requirement in requirements {
            joined.fault = joined.fault.or(requirement.fault);
            alternatives.push(Condition::All(requirement.conditions));
        }
        if alternatives.is_empty() {
            joined.fail("any_of", "there is no alternative", "name at least one requirement");
        }
        joined.conditions.push(Condition::Any(alternatives));
        joined
    }

    /// And this requirement too. Whoever is inactive passes only if both allow it.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.allow_inactive &= other.allow_inactive;
        self.conditions.extend(other.conditions);
        self.fault = self.fault.or(other.fault);
        self
    }

    /// The user has **all** of these roles.
    #[must_use]
    pub fn roles<N: IntoIterator<Item: AsRef<str>>>(self, roles: N) -> Self {
        self.all("roles", roles, Condition::Role)
    }

    /// The user has **at least one** of these roles.
    #[must_use]
    pub fn any_role<N: IntoIterator<Item: AsRef<str>>>(self, roles: N) -> Self {
        self.any("any_role", roles, Condition::Role)
    }

    /// The user has **all** of these permissions.
    #[must_use]
    pub fn permissions<N: IntoIterator<Item: AsRef<str>>>(self, permissions: N) -> Self {
        self.all("permissions", permissions, Condition::Permission)
    }

    /// The user has **at least one** of these permissions.
    #[must_use]
    pub fn any_permission<N: IntoIterator<Item: AsRef<str>>>(self, permissions: N) -> Self {
        self.any("any_permission", permissions, Condition::Permission)
    }

    /// The token has **all** of these scopes.
    #[must_use]
    pub fn scopes<N: IntoIterator<Item: AsRef<str>>>(self, scopes: N) -> Self {
        self.all("scopes", scopes, Condition::Scope)
    }

    /// The token has **at least one** of these scopes.
    #[must_use]
    pub fn any_scope<N: IntoIterator<Item: AsRef<str>>>(self, scopes: N) -> Self {
        self.any("any_scope", scopes, Condition::Scope)
    }

    /// Lets users in who are not active, for a page that tells them why.
    ///
    /// # Security
    /// A disabled account keeps access to this route for as long as it has a token.
    #[must_use]
    pub const fn danger_allow_inactive(mut self) -> Self {
        self.allow_inactive = true;
        self
    }

    /// Is every part possible?
    ///
    /// # Errors
    /// [`ConfigError`] for the first list that is empty, or name that is blank, repeated, or, for a scope, outside the grammar of
    /// [RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// The conditions, all of which must hold.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// May the user be inactive?
    #[must_use]
    pub const fn allows_inactive(&self) -> bool {
        self.allow_inactive
    }

    pub(crate) const fn fault(&self) -> Option<&ConfigError> {
        self.fault.as_ref()
    }

    /// Does this user, with this token, meet the conditions? Whether the user is active is decided before.
    ///
    /// # Errors
    /// [`Missing`] for the first condition that is not met.
    pub(crate) fn decide(&self, user: &impl AuthUser, token: &TokenPayload) -> Result<(), Missing> {
        if self.conditions.is_empty() {
            return Ok(());
        }
        match first_unmet(&self.conditions, user, token) {
            None => Ok(()),
            Some(Missing::Scopes(_)) => Err(Missing::Scopes(missing_scopes(&self.conditions, token))),
            Some(missing) => Err(missing),
        }
    }

    fn all<N: IntoIterator<Item: AsRef<str>>>(
        mut self,
        field: &'static str,
        names: N,
        condition: fn(Box<str>) -> Condition,
    ) -> Self {
        let names = self.names(field, names, condition);
        self.conditions.extend(names);
        self
    }

    fn any<N: IntoIterator<Item: AsRef<str>>>(
        mut self,
        field: &'static str,
        names: N,
        condition: fn(Box<str>) -> Condition,
    ) -> Self {
        let names = self.names(field, names, condition);
        self.conditions.push(Condition::Any(names));
        self
    }

    fn names<N: IntoIterator<Item: AsRef<str>>>(
        &mut self,
        field: &'static str,
        names: N,
        condition: fn(Box<str>) -> Condition,
    ) -> Vec<Condition> {
        let mut conditions: Vec<Condition> = Vec::new();
        for name in names {
            let name = name.as_ref();
            if name.trim().is_empty() {
                self.fail(field, "a name is blank", "remove it or write the name");
            }
            let condition = condition(name.into());
            if matches!(condition, Condition::Scope(_)) && !is_scope(name) {
                self.fail(
                    field,
                    "a scope has a character that scopes cannot have",
                    "use visible ASCII without \" and \\",
                );
            }
            if conditions.contains(&condition) {
                self.fail(field, "a name is repeated", "name each once");
            }
            conditions.push(condition);
        }
        if conditions.is_empty() {
            self.fail(
                field,
                "the list is empty",
                "name at least one, or use `Requirement::user()` to ask for none",
            );
        }
        conditions
    }

    /// The first fault is the one reported.
    fn fail(&mut self, field: &'static str, problem: &'static str, fix: &'static str) {
        self.fault.get_or_insert_with(|| ConfigError::new(field, problem, fix));
    }
}

impl Default for Requirement {
    fn default() -> Self {
        Self::user()
    }
}

fn first_unmet(conditions: &[Condition], user: &impl AuthUser, token: &TokenPayload) -> Option<Missing> {
    conditions.iter().find_map(|condition| unmet(condition, user, token))
}

fn unmet(condition: &Condition, user: &impl AuthUser, token: &TokenPayload) -> Option<Missing> {
    match condition {
        Condition::All(conditions) => first_unmet(conditions, user, token),
        Condition::Any(conditions) => {
            let met = conditions.iter().any(|condition| unmet(condition, user, token).is_none());
            (!met).then(|| alternative(conditions))
        }
        Condition::Role(role) => (!user.has_role(role)).then(|| Missing::Role(role.clone())),
        Condition::Permission(permission) => {
            (!user.has_permission(permission)).then(|| Missing::Permission(permission.clone()))
        }
        Condition::Scope(scope) => (!token.has_scope(scope)).then(|| Missing::Scopes(vec![scope.clone()])),
    }
}

/// One alternative is no alternative: name what is missing.
fn alternative(conditions: &[Condition]) -> Missing {
    match conditions {
        [Condition::Role(role)] => Missing::Role(role.clone()),
        [Condition::Permission(permission)] => Missing::Permission(permission.clone()),
        [Condition::Scope(scope)] => Missing::Scopes(vec![scope.clone()]),
        _ => Missing::Alternative,
    }
}

/// RFC 6750 section 3.1 lets the challenge name the scopes that are needed: all of them at once.
fn missing_scopes(conditions: &[Condition], token: &TokenPayload) -> Vec<Box<str>> {
    let mut missing = Vec::new();
    for condition in conditions {
        match condition {
            Condition::Scope(scope) if !token.has_scope(scope) && !missing.contains(scope) => {
                missing.push(scope.clone());
            }
            Condition::Any(alternatives) => {
                if let [Condition::Scope(scope)] = alternatives.as_slice()
                    && !token.has_scope(scope)
                    && !missing.contains(scope)
                {
                    missing.push(scope.clone());
                }
            }
            Condition::All(conditions) => missing.extend(missing_scopes(conditions, token)),
            _ => {}
        }
    }
    missing
}
