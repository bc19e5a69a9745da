//! Requirements of routes, as data. Deciding one is a pure function.

pub(crate) mod fields;
#[cfg(feature = "mandates")]
pub(crate) mod mandate;
#[cfg(feature = "mandates")]
mod mandate_condition;

use std::time::Duration;

#[cfg(feature = "mandates")]
pub use self::mandate_condition::{MandateCondition, MissingMandate};
#[cfg(feature = "mandates")]
use crate::token::Mandate;
use crate::{
    clock::Timestamp,
    error::ConfigError,
    token::{TokenPayload, is_scope},
    user::AuthUser,
};

/// Names of roles, permissions or scopes: anything that iterates over strings, such as `["admin"]`,
/// `&["admin"]`, a `Vec<String>`, or an array of an enum that implements `AsRef<str>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of names, such as `[\"admin\"]` or a `Vec<String>`",
    label = "not a list of names",
    note = "for a single name there are `require_role`, `require_permission` and `require_scope`"
)]
pub trait Names: IntoIterator<Item: AsRef<str>> + Sized {
    /// Whether the type alone shows that the list is empty: `[&str; 0]` has no size although its
    /// items have. Guards reject such a list at compile time.
    const ARE_NONE: bool = size_of::<Self>() == 0 && size_of::<Self::Item>() > 0;
}

#[diagnostic::do_not_recommend]
impl<N: IntoIterator<Item: AsRef<str>>> Names for N {}

/// What a request must satisfy: an active user, with the named roles, permissions and scopes.
///
/// A requirement is a value: guards enforce it, and tools that describe an application's routes can
/// read it. Roles and permissions are those of the loaded user; scopes are those of the token.
/// *All* conditions of a requirement must be met; use [`any_of`](Self::any_of) for alternatives.
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
/// # API keys
/// An [API key](crate::AuthProvider::create_api_key) has fewer rights than its owner. It is
/// accepted only by an alternative that names a scope or calls
/// [`allow_api_keys`](Self::allow_api_keys), and must meet the rest of that alternative too:
///
/// | requirement | an API key is accepted |
/// |---|---|
/// | `user()`, `user().roles(["admin"])`, `user().permissions(["write"])` | never |
/// | `user().scopes(["read"])` | with the scope |
/// | `user().roles(["admin"]).scopes(["read"])` | with the scope, if its owner has the role |
/// | `user().roles(["admin"]).allow_api_keys()` | if its owner has the role |
/// | `any_of([user().scopes(["read"]), user().roles(["admin"])])` | with the scope |
/// | `user().scopes(["read"]).and(user().roles(["admin"]))` | never, see [`and`](Self::and) |
/// | `user().scopes(["read"]).login_within(minutes)` | never: a key has no login |
///
/// # Security
/// A requirement with an impossible part (an empty list, a blank or repeated name, a login within
/// no time) fails closed: it refuses every request with 500, and the log says why. Call
/// [`validate`](Self::validate) at startup to fail there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    allow_inactive: bool,
    /// Refuses API keys although a scope is named: set for a rule of a file that says so, or that
    /// adds the scope to a rule that refuses API keys.
    refuse_api_keys: bool,
    conditions: Vec<Condition>,
    fault: Option<ConfigError>,
}

/// A node of the condition tree. Names keep the order in which they were added, so that the first
/// missing one is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// All of these. It accepts an API key if one of them does. Those that are an `All` themselves,
    /// as [`and`](Requirement::and) makes them, must each accept it on their own.
    All(Vec<Self>),
    /// At least one of these. It accepts an API key if one that is met does.
    Any(Vec<Self>),
    /// The user has this role.
    Role(Box<str>),
    /// The user has this permission.
    Permission(Box<str>),
    /// The token has this scope. Accepts an API key.
    Scope(Box<str>),
    /// Always met. Accepts an API key.
    ApiKeys,
    /// The last login was at most this long ago.
    LoginWithin(Duration),
    /// The token is a mandate that meets this condition.
    #[cfg(feature = "mandates")]
    Mandate(MandateCondition),
}

/// What is missing: the first unmet condition, in the order of the requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// The user lacks this role.
    Role(Box<str>),
    /// The user lacks this permission.
    Permission(Box<str>),
    /// All scopes that the requirement names and the token lacks.
    Scopes(Vec<Box<str>>),
    /// None of several alternatives is met.
    Alternative,
    /// The request was sent with an API key, and no alternative that its owner meets accepts API
    /// keys: a login is required.
    ApiKeyNotAllowed,
    /// The token is of another issuer. Such a token is accepted by guarded routes, but not by
    /// operations on the application's own logins.
    ForeignTokenNotAllowed,
    /// The mandate lacks this.
    #[cfg(feature = "mandates")]
    Mandate(MissingMandate),
}

/// Why a requirement is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unmet {
    Lacks(Missing),
    /// Everything else is met, but the login is older than this.
    StaleLogin(Duration),
    /// The mandate is for another use, or the token is not a mandate.
    #[cfg(feature = "mandates")]
    WrongUse,
}

/// No login lasts longer ([`SessionConfig::lifetime`](crate::SessionConfig::lifetime)), so a
/// greater age would require nothing.
const MAX_LOGIN_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Requirement {
    /// Requires an active user, and nothing else.
    #[must_use]
    pub const fn user() -> Self {
        Self { allow_inactive: false, refuse_api_keys: false, conditions: Vec::new(), fault: None }
    }

    /// Requires at least one of `requirements` to be met.
    #[must_use]
    pub fn any_of(requirements: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::user();
        let mut alternatives = Vec::new();
        for requirement in requirements {
            joined.fault = joined.fault.or(requirement.fault);
            joined.refuse_api_keys |= requirement.refuse_api_keys;
            alternatives.push(Condition::All(requirement.conditions));
        }
        if alternatives.is_empty() {
            joined.fail("any_of", "there is no alternative", "name at least one requirement");
        }
        joined.conditions.push(Condition::Any(alternatives));
        joined
    }

    /// Requires `other` to be met too. The result accepts nothing that one of the two refuses: an
    /// inactive user is accepted only if both allow it, and an API key only if each of the two
    /// accepts it on its own, as if they were two guards. So `user().roles(["admin"])` refuses API
    /// keys whatever scopes `and` adds. [`user()`](Self::user) requires nothing, and so has no
    /// effect here.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.allow_inactive &= other.allow_inactive;
        self.refuse_api_keys |= other.refuse_api_keys;
        self.conditions = joined(self.conditions, other.conditions);
        self.fault = self.fault.or(other.fault);
        self
    }

    /// Requires the user to have this role.
    #[must_use]
    pub fn role(self, role: impl AsRef<str>) -> Self {
        self.roles([role])
    }

    /// Requires the user to have **all** of these roles.
    #[must_use]
    pub fn roles<N: Names>(self, roles: N) -> Self {
        self.all("roles", roles, Condition::Role)
    }

    /// Requires the user to have **at least one** of these roles.
    #[must_use]
    pub fn any_role<N: Names>(self, roles: N) -> Self {
        self.any("any_role", roles, Condition::Role)
    }

    /// Requires the user to have this permission.
    #[must_use]
    pub fn permission(self, permission: impl AsRef<str>) -> Self {
        self.permissions([permission])
    }

    /// Requires the user to have **all** of these permissions.
    #[must_use]
    pub fn permissions<N: Names>(self, permissions: N) -> Self {
        self.all("permissions", permissions, Condition::Permission)
    }

    /// Requires the user to have **at least one** of these permissions.
    #[must_use]
    pub fn any_permission<N: Names>(self, permissions: N) -> Self {
        self.any("any_permission", permissions, Condition::Permission)
    }

    /// Requires the token to have this scope.
    #[must_use]
    pub fn scope(self, scope: impl AsRef<str>) -> Self {
        self.scopes([scope])
    }

    /// Requires the token to have **all** of these scopes.
    #[must_use]
    pub fn scopes<N: Names>(self, scopes: N) -> Self {
        self.all("scopes", scopes, Condition::Scope)
    }

    /// Requires the token to have **at least one** of these scopes.
    #[must_use]
    pub fn any_scope<N: Names>(self, scopes: N) -> Self {
        self.any("any_scope", scopes, Condition::Scope)
    }

    /// Accepts API keys without a scope, if their owner meets the rest of this requirement. In an
    /// alternative of [`any_of`](Self::any_of), this applies to that alternative only. It does not
    /// apply to a requirement joined with [`and`](Self::and).
    ///
    /// ```
    /// use fauth_core::Requirement;
    ///
    /// let programs = Requirement::user().permissions(["metrics:read"]).allow_api_keys();
    /// ```
    ///
    /// # Security
    /// Every API key of a user is accepted by such a route, whatever it was created for. Require a
    /// scope where that is too much.
    #[must_use]
    pub fn allow_api_keys(mut self) -> Self {
        if !self.conditions.contains(&Condition::ApiKeys) {
            self.conditions.push(Condition::ApiKeys);
        }
        self
    }

    /// Requires a login at most this long ago, in whole seconds: one second to 400 days. Use it for
    /// actions that a stolen session must not be able to do, such as changing the password, showing
    /// secrets or creating API keys.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fauth_core::Requirement;
    ///
    /// let recent = Requirement::user().login_within(Duration::from_secs(15 * 60));
    /// assert!(recent.validate().is_ok());
    /// ```
    ///
    /// The age counts from when the credentials were verified
    /// ([`login`](crate::AuthProvider::login), claim `auth_time`). A refresh does not renew it. A
    /// token without that claim counts as too old, and so does an API key. A request that meets all
    /// other conditions is refused with 401 and the challenge of [RFC
    /// 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3), `insufficient_user_authentication`,
    /// which names the age: the client must log the user in again. Of several ages, the shortest
    /// applies.
    #[must_use]
    pub fn login_within(mut self, age: Duration) -> Self {
        let age = Duration::from_secs(age.as_secs());
        if age.is_zero() || age > MAX_LOGIN_AGE {
            self.fail("login_within", "the age is out of bounds", "use 1 second to 400 days");
        }
        self.conditions.push(Condition::LoginWithin(age));
        self
    }

    /// Accepts inactive users, for example for a page that tells them why they are disabled.
    ///
    /// # Security
    /// A disabled account can use this route for as long as it has a valid token. A [browser
    /// session](crate::transport::SessionCookie) ends as soon as it is used on a route that does
    /// not call this.
    #[must_use]
    pub const fn danger_allow_inactive(mut self) -> Self {
        self.allow_inactive = true;
        self
    }

    /// Checks that every part can be met.
    ///
    /// # Errors
    /// [`ConfigError`] for the first list that is empty, or name that is blank, repeated, or, for a
    /// scope, outside the grammar of [RFC 6749 section
    /// 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// Returns the conditions, all of which must be met.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Returns whether inactive users are accepted.
    #[must_use]
    pub const fn allows_inactive(&self) -> bool {
        self.allow_inactive
    }

    /// Returns whether an API key could be accepted if it had every right.
    #[must_use]
    pub fn admits_api_keys(&self) -> bool {
        !self.refuse_api_keys && self.met_by(&PerfectKey) == Ok(true)
    }

    pub(crate) const fn fault(&self) -> Option<&ConfigError> {
        self.fault.as_ref()
    }

    /// Decides whether this user, with this token, meets the conditions. Whether the user is active
    /// has been decided before.
    ///
    /// # Errors
    /// [`Unmet`] for the first condition that is not met, or for a stale login if nothing else is
    /// unmet.
    pub(crate) fn decide(
        &self,
        user: &impl AuthUser,
        token: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Unmet> {
        self.decide_for(&Caller { user, token, now })
    }

    fn decide_for(&self, holder: &impl Holder) -> Result<(), Unmet> {
        #[cfg(feature = "mandates")]
        if let Some(mandate) = holder.mandate() {
            return self.decide_for_mandate(holder, mandate);
        }
        if !holder.is_api_key() {
            // The common case: nothing to combine, and nothing missing.
            if self.conditions.iter().all(|condition| leaf_is_met(condition, holder)) {
                return Ok(());
            }
            return self.met_by(holder).map(drop);
        }
        // If no API key is accepted, the refusal does not reveal what its owner lacks.
        if self.admits_api_keys() && self.met_by(holder)? {
            return Ok(());
        }
        Err(Unmet::Lacks(Missing::ApiKeyNotAllowed))
    }

    /// Returns `true` if API keys are accepted.
    fn met_by(&self, holder: &impl Holder) -> Result<bool, Unmet> {
        let met = all_met(&self.conditions, holder);
        if let Err(Unmet::Lacks(Missing::Scopes(_))) = met {
            return Err(Unmet::Lacks(Missing::Scopes(missing_scopes(&self.conditions, holder))));
        }
        met
    }

    fn all<N: Names>(mut self, field: &'static str, names: N, condition: fn(Box<str>) -> Condition) -> Self {
        let names = self.names(field, names, condition);
        self.conditions.extend(names);
        self
    }

    fn any<N: Names>(mut self, field: &'static str, names: N, condition: fn(Box<str>) -> Condition) -> Self {
        let names = self.names(field, names, condition);
        self.conditions.push(Condition::Any(names));
        self
    }

    fn names<N: Names>(
        &mut self,
        field: &'static str,
        names: N,
        condition: impl Fn(Box<str>) -> Condition,
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

    /// Keeps the first fault.
    fn fail(&mut self, field: &'static str, problem: &'static str, fix: &'static str) {
        self.fault.get_or_insert_with(|| ConfigError::new(field, problem, fix));
    }
}

impl Default for Requirement {
    fn default() -> Self {
        Self::user()
    }
}

/// Joins two lists, each as a part of its own. An empty list requires nothing, and is not a part.
fn joined(first: Vec<Condition>, second: Vec<Condition>) -> Vec<Condition> {
    if first.is_empty() {
        return second;
    }
    if second.is_empty() {
        return first;
    }
    let mut parts = as_parts(first);
    parts.extend(as_parts(second));
    parts
}

fn as_parts(conditions: Vec<Condition>) -> Vec<Condition> {
    let are_parts = conditions.iter().all(|condition| matches!(condition, Condition::All(_)));
    if are_parts { conditions } else { vec![Condition::All(conditions)] }
}

/// What conditions are checked against.
trait Holder {
    fn is_api_key(&self) -> bool;
    fn has_role(&self, role: &str) -> bool;
    fn has_permission(&self, permission: &str) -> bool;
    fn has_scope(&self, scope: &str) -> bool;
    fn has_logged_in_within(&self, age: Duration) -> bool;

    /// `None` for every other token.
    #[cfg(feature = "mandates")]
    fn mandate(&self) -> Option<&Mandate> {
        None
    }
}

struct Caller<'a, U> {
    user: &'a U,
    token: &'a TokenPayload,
    now: Timestamp,
}

impl<U: AuthUser> Holder for Caller<'_, U> {
    fn is_api_key(&self) -> bool {
        self.token.is_api_key()
    }

    fn has_role(&self, role: &str) -> bool {
        self.user.has_role(role)
    }

    fn has_permission(&self, permission: &str) -> bool {
        self.user.has_permission(permission)
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.token.has_scope(scope)
    }

    fn has_logged_in_within(&self, age: Duration) -> bool {
        self.token.authenticated_at().is_some_and(|at| self.now.since(at) <= age)
    }

    #[cfg(feature = "mandates")]
    fn mandate(&self) -> Option<&Mandate> {
        self.token.mandate()
    }
}

/// An API key with every right. If it is not accepted, no key is.
struct PerfectKey;

impl Holder for PerfectKey {
    fn is_api_key(&self) -> bool {
        true
    }

    fn has_role(&self, _: &str) -> bool {
        true
    }

    fn has_permission(&self, _: &str) -> bool {
        true
    }

    fn has_scope(&self, _: &str) -> bool {
        true
    }

    fn has_logged_in_within(&self, _: Duration) -> bool {
        false
    }
}

/// Checks that all conditions are met. Returns `true` if they accept API keys: each `All` among
/// them, which is a requirement of its own, and one of the others.
///
/// A stale login is reported only if everything else is met, so that nobody logs in again in vain.
/// Of several ages the shortest is reported, so that one login is enough.
fn all_met(conditions: &[Condition], holder: &impl Holder) -> Result<bool, Unmet> {
    let (mut parts, mut others) = (None, None);
    let mut stale: Option<Duration> = None;
    for condition in conditions {
        match met(condition, holder) {
            Ok(lets_in) if matches!(condition, Condition::All(_)) => {
                parts = Some(parts.unwrap_or(true) && lets_in);
            }
            Ok(lets_in) => others = Some(others.unwrap_or(false) || lets_in),
            Err(Unmet::StaleLogin(age)) => stale = Some(stale.map_or(age, |other| other.min(age))),
            Err(unmet) => return Err(unmet),
        }
    }
    match stale {
        Some(age) => Err(Unmet::StaleLogin(age)),
        None => Ok((parts.is_some() || others.is_some()) && parts.unwrap_or(true) && others.unwrap_or(true)),
    }
}

/// Checks that one condition is met. Returns `true` if one that is met accepts API keys. A stale
/// login is reported if a new one would meet an alternative, with the age of the least strict
/// alternative.
fn any_met(conditions: &[Condition], holder: &impl Holder) -> Result<bool, Unmet> {
    let mut is_met = false;
    let mut stale: Option<Duration> = None;
    for condition in conditions {
        match met(condition, holder) {
            Ok(true) => return Ok(true),
            Ok(false) if !holder.is_api_key() => return Ok(false),
            Ok(false) => is_met = true,
            Err(Unmet::StaleLogin(age)) => stale = stale.max(Some(age)),
            Err(Unmet::Lacks(_)) => {}
            #[cfg(feature = "mandates")]
            Err(Unmet::WrongUse) => {}
        }
    }
    match stale {
        _ if is_met => Ok(false),
        Some(age) => Err(Unmet::StaleLogin(age)),
        None => Err(Unmet::Lacks(alternative(conditions))),
    }
}

/// Returns whether a single condition (not a list) is met.
fn leaf_is_met(condition: &Condition, holder: &impl Holder) -> bool {
    match condition {
        Condition::All(_) | Condition::Any(_) => false,
        Condition::ApiKeys => true,
        Condition::Role(role) => holder.has_role(role),
        Condition::Permission(permission) => holder.has_permission(permission),
        Condition::Scope(scope) => holder.has_scope(scope),
        Condition::LoginWithin(age) => holder.has_logged_in_within(*age),
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => holder.mandate().is_some_and(|mandate| condition.is_met_by(mandate)),
    }
}

/// Checks one condition. Returns `true` if it accepts API keys.
fn met(condition: &Condition, holder: &impl Holder) -> Result<bool, Unmet> {
    match condition {
        Condition::All(conditions) => return all_met(conditions, holder),
        Condition::Any(conditions) => return any_met(conditions, holder),
        _ => {}
    }
    if leaf_is_met(condition, holder) {
        return Ok(matches!(condition, Condition::Scope(_) | Condition::ApiKeys));
    }
    Err(unmet_leaf(condition, holder))
}

/// Returns what is missing for a single condition (not a list) that is not met.
fn unmet_leaf(condition: &Condition, holder: &impl Holder) -> Unmet {
    match condition {
        // An API key cannot log in again.
        Condition::LoginWithin(age) if !holder.is_api_key() => Unmet::StaleLogin(*age),
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => without_mandate(condition.missing_of_other()),
        _ => Unmet::Lacks(alternative(std::slice::from_ref(condition))),
    }
}

/// Returns why a token that is not a mandate is refused.
#[cfg(feature = "mandates")]
fn without_mandate(missing: Option<MissingMandate>) -> Unmet {
    missing.map_or(Unmet::WrongUse, |missing| Unmet::Lacks(Missing::Mandate(missing)))
}

/// Returns what is missing if no condition is met. A single alternative is reported by itself.
fn alternative(conditions: &[Condition]) -> Missing {
    match conditions {
        [Condition::Role(role)] => Missing::Role(role.clone()),
        [Condition::Permission(permission)] => Missing::Permission(permission.clone()),
        [Condition::Scope(scope)] => Missing::Scopes(vec![scope.clone()]),
        [Condition::LoginWithin(_)] => Missing::ApiKeyNotAllowed,
        _ => Missing::Alternative,
    }
}

/// RFC 6750 section 3.1 lets the challenge name the required scopes: all of them at once.
fn missing_scopes(conditions: &[Condition], holder: &impl Holder) -> Vec<Box<str>> {
    let mut missing: Vec<Box<str>> = Vec::new();
    let mut note = |scope: &str| {
        if !holder.has_scope(scope) && !missing.iter().any(|noted| **noted == *scope) {
            missing.push(scope.into());
        }
    };
    for condition in conditions {
        match condition {
            Condition::Scope(scope) => note(scope),
            Condition::Any(alternatives) => {
                if let [Condition::Scope(scope)] = alternatives.as_slice() {
                    note(scope);
                }
            }
            Condition::All(conditions) => {
                for scope in missing_scopes(conditions, holder) {
                    note(&scope);
                }
            }
            _ => {}
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Somebody who holds what the text says: `r:` a role, `p:` a permission, `s:` a scope; `key`
    /// for an API key, and a login so many minutes ago.
    #[derive(Debug, Clone)]
    struct Fake {
        words: String,
        minutes: Option<u32>,
    }

    impl Fake {
        fn holds(&self, kind: &str, name: &str) -> bool {
            self.words.split(' ').any(|word| word.strip_prefix(kind) == Some(name))
        }
    }

    impl Holder for Fake {
        fn is_api_key(&self) -> bool {
            self.holds("", "key")
        }

        fn has_role(&self, role: &str) -> bool {
            self.holds("r:", role)
        }

        fn has_permission(&self, permission: &str) -> bool {
            self.holds("p:", permission)
        }

        fn has_scope(&self, scope: &str) -> bool {
            self.holds("s:", scope)
        }

        fn has_logged_in_within(&self, age: Duration) -> bool {
            self.minutes.is_some_and(|minutes| MINUTE * minutes <= age)
        }
    }

    fn key(words: &str) -> Fake {
        Fake { words: format!("key {words}"), minutes: None }
    }

    fn user() -> Requirement {
        Requirement::user()
    }

    fn role(name: &str) -> Requirement {
        user().roles([name])
    }

    fn scope(name: &str) -> Requirement {
        user().scopes([name])
    }

    /// What the requirement says to a key that holds these words.
    fn to_key(requirement: &Requirement, words: &str) -> Result<(), Missing> {
        requirement.decide_for(&key(words)).map_err(|unmet| match unmet {
            Unmet::Lacks(missing) => missing,
            Unmet::StaleLogin(_) => panic!("a key cannot log in"),
            #[cfg(feature = "mandates")]
            Unmet::WrongUse => panic!("nothing is said of mandates"),
        })
    }

    #[test]
    fn a_key_passes_only_where_a_scope_or_keys_are_named() {
        let no = || Err(Missing::ApiKeyNotAllowed);
        let lacks_role = || Err(Missing::Role("a".into()));
        let lacks_scope = || Err(Missing::Scopes(vec!["x".into()]));
        let or = || Err(Missing::Alternative);
        let two = || Requirement::any_of([scope("x"), role("a")]);
        for (requirement, words, expected) in [
            (user(), "r:a p:b s:x", no()),
            (role("a"), "r:a s:x", no()),
            (role("a"), "", no()),
            (user().any_role(["a", "b"]), "r:a s:x", no()),
            (user().permissions(["p"]), "p:p s:x", no()),
            (user().any_permission(["p", "q"]), "p:p s:x", no()),
            (user().danger_allow_inactive(), "s:x", no()),
            (scope("x"), "s:x", Ok(())),
            (scope("x"), "s:y", lacks_scope()),
            (user().any_scope(["x", "y"]), "s:y", Ok(())),
            (user().any_scope(["x", "y"]), "s:z", or()),
            (user().scopes(["x", "y"]), "s:y", lacks_scope()),
            (role("a").scopes(["x"]), "r:a s:x", Ok(())),
            (role("a").scopes(["x"]), "s:x", lacks_role()),
            (role("a").scopes(["x"]), "r:a", lacks_scope()),
            (scope("x").any_role(["a", "b"]), "r:b s:x", Ok(())),
            (user().allow_api_keys(), "", Ok(())),
            (role("a").allow_api_keys(), "r:a", Ok(())),
            (role("a").allow_api_keys(), "s:x", lacks_role()),
            // By the first alternative only, whatever the owner may.
            (two(), "s:x", Ok(())),
            (two(), "r:a s:x", Ok(())),
            (two(), "r:a", no()),
            (two(), "", or()),
            (Requirement::any_of([role("a"), scope("x")]), "r:a s:x", Ok(())),
            (Requirement::any_of([role("a"), role("b")]), "r:a s:x", no()),
            (Requirement::any_of([role("a"), user()]), "r:a s:x", no()),
            (Requirement::any_of([user(), scope("x")]), "", no()),
            // Allowed in one alternative is allowed there.
            (Requirement::any_of([role("a").allow_api_keys(), role("b")]), "r:a", Ok(())),
            (Requirement::any_of([role("a").allow_api_keys(), role("b")]), "r:b", no()),
            (Requirement::any_of([role("a"), role("b")]).allow_api_keys(), "r:b", Ok(())),
            (two().roles(["c"]), "s:x r:c", Ok(())),
            (two().roles(["c"]), "r:a r:c", no()),
            // Deeper.
            (Requirement::any_of([two(), role("b")]), "r:a r:b", no()),
            (Requirement::any_of([two(), role("b")]), "s:x", Ok(())),
        ] {
            assert_eq!(to_key(&requirement, words), expected, "{words}: {requirement:?}");
        }
    }

    /// As two guards, one around the other.
    #[test]
    fn joined_requirements_must_each_let_a_key_in() {
        let no = || Err(Missing::ApiKeyNotAllowed);
        let both = "r:a s:x s:y";
        for (requirement, words, expected) in [
            (scope("x").and(scope("y")), both, Ok(())),
            (scope("x").and(scope("y")), "s:x", Err(Missing::Scopes(vec!["y".into()]))),
            (role("a").and(scope("x")), both, no()),
            (scope("x").and(role("a")), both, no()),
            (role("a").allow_api_keys().and(role("a")), both, no()),
            (role("a").and(role("a").allow_api_keys()), both, no()),
            (scope("x").and(user().allow_api_keys()), both, Ok(())),
            (role("a").allow_api_keys().and(scope("x")), both, Ok(())),
            // `user()` asks for nothing.
            (user().and(scope("x")), both, Ok(())),
            (scope("x").and(user()), both, Ok(())),
            (user().and(user()), both, no()),
            (user().and(role("a")), both, no()),
            // Three, and however they are nested.
            (scope("x").and(scope("y")).and(role("a")), both, no()),
            (scope("x").and(scope("y").and(role("a"))), both, no()),
            (scope("x").and(scope("y").and(role("a").scopes(["x"]))), both, Ok(())),
            (Requirement::any_of([scope("x").and(role("a"))]), both, no()),
            (Requirement::any_of([scope("x").and(role("a")), scope("y")]), both, Ok(())),
            (Requirement::any_of([scope("x").and(role("a")), scope("y")]), "s:x r:a", no()),
            // What is written after a join is a requirement of its own.
            (role("a").and(scope("x")).allow_api_keys(), both, no()),
            (scope("x").and(scope("y")).roles(["a"]), both, no()),
            (scope("x").and(scope("y")).roles(["a"]).allow_api_keys(), both, Ok(())),
        ] {
            assert_eq!(to_key(&requirement, words), expected, "{words}: {requirement:?}");
        }
    }

    /// Which of these are met, and which asks for a login.
    #[test]
    fn an_old_login_is_told_of_whom_nothing_else_keeps_out() {
        let within = |minutes| user().login_within(MINUTE * minutes);
        let stale = |minutes| Err(Unmet::StaleLogin(MINUTE * minutes));
        let lacks = |name: &str| Err(Unmet::Lacks(Missing::Role(name.into())));
        let either = || Requirement::any_of([role("a").login_within(MINUTE * 5), scope("x")]);
        for (requirement, words, minutes, expected) in [
            (within(15), "", Some(0), Ok(())),
            (within(15), "", Some(15), Ok(())),
            (within(15), "", Some(16), stale(15)),
            (within(15), "", None, stale(15)),
            (role("a").login_within(MINUTE), "r:a", Some(2), stale(1)),
            (role("a").login_within(MINUTE), "", Some(2), lacks("a")),
            (within(1).roles(["a"]), "", Some(2), lacks("a")),
            (within(1).and(role("a")), "", Some(2), lacks("a")),
            // The strictest of those that are demanded together.
            (within(15).login_within(MINUTE * 5), "", Some(20), stale(5)),
            (within(5).login_within(MINUTE * 15), "", Some(20), stale(5)),
            (within(5).login_within(MINUTE * 15), "", Some(10), stale(5)),
            (within(15).and(within(5)), "", Some(20), stale(5)),
            (within(5).and(within(15)).and(within(10)), "", Some(20), stale(5)),
            // The mildest of those of which one is enough.
            (Requirement::any_of([within(5), within(15)]), "", Some(20), stale(15)),
            (Requirement::any_of([within(5), within(15)]), "", Some(10), Ok(())),
            (either(), "r:a", Some(1), Ok(())),
            (either(), "s:x", None, Ok(())),
            (either(), "r:a", Some(6), stale(5)),
            (either(), "", Some(6), Err(Unmet::Lacks(Missing::Alternative))),
        ] {
            let found = requirement.decide_for(&Fake { words: words.to_owned(), minutes });
            assert_eq!(found, expected, "{words}, {minutes:?}: {requirement:?}");
        }
    }

    #[test]
    fn a_key_has_never_logged_in() {
        let within = || user().login_within(MINUTE);
        let no = || Err(Missing::ApiKeyNotAllowed);
        for (requirement, expected) in [
            (within(), no()),
            (within().scopes(["x"]), no()),
            (within().allow_api_keys(), no()),
            (scope("x").and(within()), no()),
            (Requirement::any_of([within(), scope("x")]), Ok(())),
            (Requirement::any_of([within().scopes(["x"]), role("a")]), no()),
            (Requirement::any_of([within(), scope("y")]), Err(Missing::Alternative)),
            // What the owner lacks besides is nobody's business.
            (within().roles(["b"]).scopes(["x"]), no()),
        ] {
            assert_eq!(to_key(&requirement, "s:x r:a"), expected, "{requirement:?}");
            let newest = Fake { words: "key s:x r:a".to_owned(), minutes: Some(0) };
            let lenient = requirement.decide_for(&newest).is_ok();
            assert!(expected.is_err() || lenient, "{requirement:?}");
        }
    }

    #[test]
    fn what_is_joined_is_kept_flat() {
        assert_eq!(user().and(role("a")), role("a"));
        assert_eq!(role("a").and(user()), role("a"));
        let three = role("a").and(scope("x")).and(role("b"));
        assert_eq!(three, role("a").and(scope("x").and(role("b"))));
        assert_eq!(three.conditions().len(), 3);
    }

    /// A condition that was written after an `and` belongs to all that was written before, and does
    /// not speak for what is joined later.
    #[test]
    fn a_scope_of_one_half_opens_nothing_for_the_other() {
        let shut = || scope("a").and(scope("b")).roles(["r"]);
        let open = || scope("c").and(scope("d")).scopes(["e"]);
        let everything = "s:a s:b s:c s:d s:e r:r";
        assert_eq!(to_key(&open(), everything), Ok(()));
        for requirement in [shut(), shut().and(open()), open().and(shut())] {
            assert_eq!(to_key(&requirement, everything), Err(Missing::ApiKeyNotAllowed), "{requirement:?}");
        }
    }

    #[test]
    fn an_age_has_bounds() {
        let day = Duration::from_secs(24 * 60 * 60);
        for (age, good) in [
            (Duration::ZERO, false),
            (Duration::from_millis(999), false),
            (Duration::from_secs(1), true),
            (400 * day, true),
            (400 * day + Duration::from_secs(1), false),
            (Duration::MAX, false),
        ] {
            let fault = user().login_within(age).validate().map_err(|fault| fault.field());
            assert_eq!(fault, if good { Ok(()) } else { Err("login_within") }, "{age:?}");
        }
        let fraction = user().login_within(Duration::from_millis(1_999));
        assert_eq!(fraction.conditions(), [Condition::LoginWithin(Duration::from_secs(1))]);
    }

    /// What may be written about the names `a` to `c`.
    #[derive(Debug, Clone)]
    enum Tree {
        /// Conditions that are written one after the other: roles, scopes, and whether keys are
        /// allowed.
        Chain(Vec<&'static str>, Vec<&'static str>, bool),
        And(Vec<Self>),
        Or(Vec<Self>),
    }

    impl Tree {
        fn requirement(&self) -> Requirement {
            match self {
                Self::Chain(roles, scopes, keys) => {
                    let chain = match (roles.is_empty(), scopes.is_empty()) {
                        (true, true) => user(),
                        (true, false) => user().scopes(scopes),
                        (false, true) => user().roles(roles),
                        (false, false) => user().roles(roles).scopes(scopes),
                    };
                    if *keys { chain.allow_api_keys() } else { chain }
                }
                Self::And(parts) => parts.iter().map(Self::requirement).fold(user(), Requirement::and),
                Self::Or(parts) => Requirement::any_of(parts.iter().map(Self::requirement)),
            }
        }

        /// Who passes, told otherwise: for a key each part of an `and` is a guard of its own, but
        /// for those that ask for nothing.
        fn lets_in(&self, holder: &Fake) -> bool {
            match self {
                Self::Chain(roles, scopes, keys) => {
                    let met = roles.iter().all(|role| holder.has_role(role))
                        && scopes.iter().all(|scope| holder.has_scope(scope));
                    met && (!holder.is_api_key() || *keys || !scopes.is_empty())
                }
                Self::And(parts) => {
                    let mut demanding = parts.iter().filter(|part| !part.asks_for_nothing()).peekable();
                    match demanding.peek() {
                        None => !holder.is_api_key(),
                        Some(_) => demanding.all(|part| part.lets_in(holder)),
                    }
                }
                Self::Or(parts) => parts.iter().any(|part| part.lets_in(holder)),
            }
        }

        fn asks_for_nothing(&self) -> bool {
            match self {
                Self::Chain(roles, scopes, keys) => roles.is_empty() && scopes.is_empty() && !keys,
                Self::And(parts) => parts.iter().all(Self::asks_for_nothing),
                Self::Or(_) => false,
            }
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let names = || prop::sample::subsequence(vec!["a", "b", "c"], 0..=2);
        let leaf = (names(), names(), prop::bool::weighted(0.2))
            .prop_map(|(roles, scopes, keys)| Tree::Chain(roles, scopes, keys));
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..=3).prop_map(Tree::And),
                prop::collection::vec(inner, 1..=3).prop_map(Tree::Or),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_tree_lets_in_whom_its_guards_would(
            tree in trees(),
            held in prop::sample::subsequence(vec!["r:a", "r:b", "r:c", "s:a", "s:b", "s:c"], 0..=6),
            other in trees(),
        ) {
            let requirement = tree.requirement();
            let words = held.join(" ");
            for holder in [key(&words), Fake { words, minutes: None }] {
                let passes = requirement.decide_for(&holder).is_ok();
                prop_assert_eq!(passes, tree.lets_in(&holder), "{:?}", holder);
                // A demand more never lets anybody in, except where nothing was asked for at all.
                if !passes && !tree.asks_for_nothing() {
                    prop_assert!(requirement.clone().and(other.requirement()).decide_for(&holder).is_err());
                    prop_assert!(other.requirement().and(requirement.clone()).decide_for(&holder).is_err());
                }
            }
        }
    }
}
