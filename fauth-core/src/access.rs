//! Who may use a route, as data that guards enforce and that documents and audits show.

#[cfg(feature = "mandates")]
mod mandate;
pub(crate) mod strictness;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::requirement::{Condition, Requirement};

/// Who may use a route.
///
/// `Display` writes one line for people, [`to_json`](Self::to_json) the same for programs.
///
/// ```
/// use fauth_core::{Requirement, access::Access};
///
/// let access = Access::Required(Requirement::user().role("admin").any_scope(["read", "write"]));
/// assert_eq!(access.to_string(), "user, role admin, any scope of (read, write)");
/// let json = serde_json::json!({ "roles": ["admin"], "any_scope": ["read", "write"] });
/// assert_eq!(access.to_json(), json);
/// assert_eq!(Access::Open.to_string(), "open");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody: the request is not authenticated.
    Open,
    /// Everybody, as with [`Guard::visitor`](crate::Guard::visitor): requests without a credential,
    /// and active users.
    Optional,
    /// Guests: requests without a credential, as with [`Guard::guests`](crate::Guard::guests).
    /// Users are redirected.
    Guests,
    /// Users who meet this requirement.
    Required(Requirement),
}

impl Access {
    /// Returns whether requests without a credential are admitted.
    #[must_use]
    pub const fn admits_anonymous(&self) -> bool {
        matches!(self, Self::Open | Self::Optional | Self::Guests)
    }

    /// Returns the requirement, if there is one.
    #[must_use]
    pub const fn requirement(&self) -> Option<&Requirement> {
        match self {
            Self::Open | Self::Optional | Self::Guests => None,
            Self::Required(requirement) => Some(requirement),
        }
    }

    /// Returns whether there is a condition besides being a known, active user, so that a user may
    /// be refused with 403.
    #[must_use]
    pub fn has_conditions(&self) -> bool {
        self.requirement().is_some_and(|requirement| !requirement.conditions().is_empty())
    }

    /// Returns the conditions as an object whose members have the names of the methods of
    /// [`Requirement`]: `roles`, `permissions`, `scopes` (all of them), `any_role`,
    /// `any_permission`, `any_scope`, `any_of`, `all_of` (lists of such objects), `login_within`
    /// (seconds), `allow_api_keys`, `allow_inactive`; and `guests` for routes that are for guests
    /// only. With the feature `mandates` also `use` (`resource`, `session` or `any`), `targets`,
    /// `agent_session`, `delegation`, `chain_contains` and `max_hops`. The object is empty if there
    /// are no conditions.
    #[must_use]
    pub fn to_json(&self) -> Value {
        if matches!(self, Self::Guests) {
            return json!({ "guests": true });
        }
        let Some(requirement) = self.requirement() else { return Value::Object(Map::new()) };
        let mut members = members_of(requirement.conditions());
        if requirement.allows_inactive() {
            members.insert("allow_inactive".to_owned(), Value::Bool(true));
        }
        Value::Object(members)
    }

    /// Returns the scopes that a token needs: one list for each alternative, of which one is
    /// enough. There is always at least one list, which is empty if no scope is needed. For
    /// requirements with more than 16 alternatives, only the scopes common to all of them are
    /// listed.
    #[must_use]
    pub fn scopes(&self) -> Vec<Vec<Box<str>>> {
        let conditions = self.requirement().map(Requirement::conditions).unwrap_or_default();
        all_scopes(conditions)
    }
}

/// More alternatives than this are of no use to a reader.
const MAX_ALTERNATIVES: usize = 16;

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Optional => f.write_str("visitor"),
            Self::Guests => f.write_str("guests"),
            Self::Required(requirement) => {
                f.write_str(if requirement.allows_inactive() { "user, even inactive" } else { "user" })?;
                requirement.conditions().iter().try_for_each(|condition| {
                    f.write_str(", ")?;
                    write_condition(f, condition)
                })
            }
        }
    }
}

fn write_condition(f: &mut fmt::Formatter<'_>, condition: &Condition) -> fmt::Result {
    match condition {
        Condition::All(conditions) => write_list(f, "all of", conditions),
        Condition::Any(conditions) => match names_of_one_kind(conditions) {
            Some((kind, names)) => write!(f, "{} of ({})", kind.replace('_', " "), names.join(", ")),
            None => write_list(f, "any of", conditions),
        },
        Condition::Role(name) => write!(f, "role {name}"),
        Condition::Permission(name) => write!(f, "permission {name}"),
        Condition::Scope(name) => write!(f, "scope {name}"),
        Condition::ApiKeys => f.write_str("API keys too"),
        Condition::LoginWithin(age) => write!(f, "login within {} s", age.as_secs()),
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => mandate::write(f, condition),
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, name: &str, conditions: &[Condition]) -> fmt::Result {
    write!(f, "{name} (")?;
    for (at, condition) in conditions.iter().enumerate() {
        if at > 0 {
            f.write_str("; ")?;
        }
        write_condition(f, condition)?;
    }
    f.write_str(")")
}

/// All of these conditions, as the members of one object.
fn members_of(conditions: &[Condition]) -> Map<String, Value> {
    let mut members = Map::new();
    for condition in conditions {
        let (name, value) = member_of(condition);
        match (members.get_mut(name), value) {
            (Some(Value::Array(kept)), Value::Array(more)) if is_conjunction(name) => kept.extend(more),
            // A second list of alternatives of the same kind: each needs an object of its own.
            (Some(_), value) => {
                let other = json!({ name: value });
                let parts = members.entry("all_of").or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(parts) = parts {
                    parts.push(other);
                }
            }
            (None, value) => drop(members.insert(name.to_owned(), value)),
        }
    }
    members
}

/// Lists that may be joined because all of their members must hold.
fn is_conjunction(name: &str) -> bool {
    matches!(name, "roles" | "permissions" | "scopes" | "targets" | "chain_contains" | "all_of")
}

fn member_of(condition: &Condition) -> (&'static str, Value) {
    match condition {
        Condition::All(conditions) => ("all_of", json!([members_of(conditions)])),
        Condition::Any(conditions) => {
            if let Some((kind, names)) = names_of_one_kind(conditions) {
                return (kind, json!(names));
            }
            let alternative = |condition: &Condition| match condition {
                Condition::All(conditions) => Value::Object(members_of(conditions)),
                other => Value::Object(members_of(std::slice::from_ref(other))),
            };
            ("any_of", conditions.iter().map(alternative).collect())
        }
        Condition::Role(name) => ("roles", json!([name])),
        Condition::Permission(name) => ("permissions", json!([name])),
        Condition::Scope(name) => ("scopes", json!([name])),
        Condition::ApiKeys => ("allow_api_keys", json!(true)),
        Condition::LoginWithin(age) => ("login_within", json!(age.as_secs())),
        #[cfg(feature = "mandates")]
        Condition::Mandate(condition) => mandate::member(condition),
    }
}

/// The names, if all of these are of one kind, and the name of that kind.
fn names_of_one_kind(conditions: &[Condition]) -> Option<(&'static str, Vec<&str>)> {
    let (kind, _) = conditions.first().and_then(kind_and_name)?;
    let name_of_kind =
        |condition| kind_and_name(condition).filter(|(own, _)| *own == kind).map(|(_, name)| name);
    conditions.iter().map(name_of_kind).collect::<Option<_>>().map(|names| (kind, names))
}

fn kind_and_name(condition: &Condition) -> Option<(&'static str, &str)> {
    match condition {
        Condition::Role(name) => Some(("any_role", name)),
        Condition::Permission(name) => Some(("any_permission", name)),
        Condition::Scope(name) => Some(("any_scope", name)),
        _ => None,
    }
}

/// The alternative sets of scopes with which all of these conditions can be met.
fn all_scopes(conditions: &[Condition]) -> Vec<Vec<Box<str>>> {
    let mut alternatives: Vec<Vec<Box<str>>> = vec![Vec::new()];
    for condition in conditions {
        let more = scopes_of(condition);
        let joined = alternatives.iter().flat_map(|kept| more.iter().map(|more| union(kept, more)));
        alternatives = joined.collect();
        // Within the loop, because the alternatives multiply.
        if alternatives.len() > MAX_ALTERNATIVES {
            alternatives = vec![common(&alternatives)];
        }
    }
    alternatives
}

fn scopes_of(condition: &Condition) -> Vec<Vec<Box<str>>> {
    match condition {
        Condition::All(conditions) => all_scopes(conditions),
        Condition::Any(conditions) => {
            let mut alternatives: Vec<Vec<Box<str>>> = Vec::new();
            for alternative in conditions.iter().flat_map(scopes_of) {
                if !alternatives.contains(&alternative) {
                    alternatives.push(alternative);
                }
            }
            alternatives
        }
        Condition::Scope(name) => vec![vec![name.clone()]],
        Condition::Role(_) | Condition::Permission(_) | Condition::ApiKeys | Condition::LoginWithin(_) => {
            vec![Vec::new()]
        }
        #[cfg(feature = "mandates")]
        Condition::Mandate(_) => vec![Vec::new()],
    }
}

fn union(first: &[Box<str>], second: &[Box<str>]) -> Vec<Box<str>> {
    let added = second.iter().filter(|scope| !first.contains(scope));
    first.iter().chain(added).cloned().collect()
}

/// The scopes that all of the alternatives need.
fn common(alternatives: &[Vec<Box<str>>]) -> Vec<Box<str>> {
    let Some((first, others)) = alternatives.split_first() else { return Vec::new() };
    first.iter().filter(|scope| others.iter().all(|other| other.contains(scope))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn user() -> Requirement {
        Requirement::user()
    }

    #[track_caller]
    fn shows(requirement: Requirement, text: &str, members: &Value) {
        let access = Access::Required(requirement);
        assert_eq!(access.to_string(), text);
        assert_eq!(access.to_json(), *members);
    }

    #[test]
    fn each_condition_is_shown_in_words_and_as_json() {
        shows(user(), "user", &json!({}));
        shows(user().danger_allow_inactive(), "user, even inactive", &json!({ "allow_inactive": true }));
        shows(
            user().roles(["a", "b"]).permission("p").scope("s"),
            "user, role a, role b, permission p, scope s",
            &json!({ "roles": ["a", "b"], "permissions": ["p"], "scopes": ["s"] }),
        );
        shows(
            user().login_within(Duration::from_secs(60)).allow_api_keys(),
            "user, login within 60 s, API keys too",
            &json!({ "login_within": 60, "allow_api_keys": true }),
        );
        assert_eq!(Access::Open.to_json(), json!({}));
        assert_eq!(Access::Optional.to_string(), "visitor");
    }

    #[test]
    fn alternatives_are_kept_apart() {
        shows(
            user().any_role(["a", "b"]).any_role(["c", "d"]).any_permission(["p"]),
            "user, any role of (a, b), any role of (c, d), any permission of (p)",
            &json!({
                "any_role": ["a", "b"],
                "all_of": [{ "any_role": ["c", "d"] }],
                "any_permission": ["p"],
            }),
        );
        shows(
            Requirement::any_of([user().role("a").scope("s"), user().role("b")]),
            "user, any of (all of (role a; scope s); all of (role b))",
            &json!({ "any_of": [{ "roles": ["a"], "scopes": ["s"] }, { "roles": ["b"] }] }),
        );
        shows(
            user().role("a").and(user().role("b")),
            "user, all of (role a), all of (role b)",
            &json!({ "all_of": [{ "roles": ["a"] }, { "roles": ["b"] }] }),
        );
    }

    fn scopes(requirement: Requirement) -> Vec<String> {
        Access::Required(requirement).scopes().iter().map(|scopes| scopes.join(" ")).collect()
    }

    #[test]
    fn scopes_are_listed_by_alternative() {
        assert_eq!(scopes(user().role("a")), [""]);
        assert_eq!(scopes(user().scopes(["r", "w"])), ["r w"]);
        assert_eq!(scopes(user().any_scope(["r", "w"])), ["r", "w"]);
        assert_eq!(scopes(user().scope("x").any_scope(["r", "w"])), ["x r", "x w"]);
        assert_eq!(scopes(user().scope("r").and(user().scope("w"))), ["r w"]);
        assert_eq!(scopes(Requirement::any_of([user().scope("r"), user().role("a")])), ["r", ""]);
        assert_eq!(Access::Open.scopes(), [Vec::<Box<str>>::new()]);
    }

    #[test]
    fn of_very_many_alternatives_only_what_all_need_is_listed() {
        let names = |prefix: &str, count: usize| (0..count).map(move |at| format!("{prefix}{at}")).collect();
        let (four, five): (Vec<String>, Vec<String>) = (names("a", 4), names("b", 5));
        let sixteen = user().scope("x").any_scope(&four).any_scope(names("b", 4) as Vec<String>);
        assert_eq!(scopes(sixteen).len(), 16);
        assert_eq!(scopes(user().scope("x").any_scope(&four).any_scope(&five)), ["x"]);
    }

    #[test]
    fn who_may_enter_without_anything() {
        assert!(Access::Open.admits_anonymous() && Access::Optional.admits_anonymous());
        let users = Access::Required(user());
        assert!(!users.admits_anonymous() && !users.has_conditions());
        assert!(Access::Required(user().role("a")).has_conditions());
    }
}
