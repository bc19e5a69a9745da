//! A requirement as fields, so that a rule can override some of them and keep the others.

#[cfg(feature = "mandates")]
use super::MandateCondition;
use super::{Condition, Requirement};

/// A set of fields of a requirement.
///
/// `all` and `any` of one kind are one field: a rule that names other roles replaces the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fields(u16);

impl Fields {
    pub(crate) const ROLES: Self = Self(1);
    pub(crate) const PERMISSIONS: Self = Self(1 << 1);
    pub(crate) const SCOPES: Self = Self(1 << 2);
    pub(crate) const ANY_OF: Self = Self(1 << 3);
    pub(crate) const ALL_OF: Self = Self(1 << 4);
    pub(crate) const LOGIN_WITHIN: Self = Self(1 << 5);
    pub(crate) const API_KEYS: Self = Self(1 << 6);
    pub(crate) const INACTIVE: Self = Self(1 << 7);
    #[cfg(feature = "mandates")]
    pub(crate) const MANDATE_USE: Self = Self(1 << 8);
    #[cfg(feature = "mandates")]
    pub(crate) const TARGETS: Self = Self(1 << 9);
    #[cfg(feature = "mandates")]
    pub(crate) const AGENT_SESSION: Self = Self(1 << 10);
    #[cfg(feature = "mandates")]
    pub(crate) const DELEGATION: Self = Self(1 << 11);
    #[cfg(feature = "mandates")]
    pub(crate) const CHAIN_CONTAINS: Self = Self(1 << 12);
    #[cfg(feature = "mandates")]
    pub(crate) const MAX_HOPS: Self = Self(1 << 13);

    /// Returns the fields that this requirement sets.
    pub(crate) fn of(requirement: &Requirement) -> Self {
        let inactive = if requirement.allow_inactive { Self::INACTIVE } else { Self::default() };
        requirement.conditions.iter().fold(inactive, |fields, condition| fields.and(Self::of_one(condition)))
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn names(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn of_one(condition: &Condition) -> Self {
        match condition {
            Condition::All(_) => Self::ALL_OF,
            Condition::Any(alternatives) => Self::of_alternatives(alternatives),
            Condition::Role(_) => Self::ROLES,
            Condition::Permission(_) => Self::PERMISSIONS,
            Condition::Scope(_) => Self::SCOPES,
            Condition::ApiKeys => Self::API_KEYS,
            Condition::LoginWithin(_) => Self::LOGIN_WITHIN,
            #[cfg(feature = "mandates")]
            Condition::Mandate(condition) => match condition {
                MandateCondition::Use(_) => Self::MANDATE_USE,
                MandateCondition::Target(_) => Self::TARGETS,
                MandateCondition::AgentSession => Self::AGENT_SESSION,
                MandateCondition::Delegation => Self::DELEGATION,
                MandateCondition::ChainContains(_) => Self::CHAIN_CONTAINS,
                MandateCondition::MaxHops(_) => Self::MAX_HOPS,
            },
        }
    }

    /// Alternatives of one kind, as `any_role` creates them, belong to the field of that kind.
    fn of_alternatives(alternatives: &[Condition]) -> Self {
        let kind = alternatives.first().map(Self::of_one).unwrap_or_default();
        let is_kind = [Self::ROLES, Self::PERMISSIONS, Self::SCOPES].contains(&kind);
        let are_all = alternatives.iter().all(|other| {
            !matches!(other, Condition::Any(_) | Condition::All(_)) && Self::of_one(other) == kind
        });
        if is_kind && are_all { kind } else { Self::ANY_OF }
    }
}

impl Requirement {
    /// Returns whether it requires an active user and nothing else.
    pub(crate) const fn is_plain(&self) -> bool {
        self.conditions.is_empty() && !self.allow_inactive
    }

    /// Adds alternatives, one of which must be met.
    pub(crate) fn with_any_of(mut self, requirements: impl IntoIterator<Item = Self>) -> Self {
        let alternatives: Vec<_> = requirements.into_iter().collect();
        self.refuse_no_keys_in("any_of", &alternatives);
        self.refuse_inactive_in("any_of", &alternatives);
        self.with(Self::any_of(alternatives))
    }

    /// Adds requirements that must all be met, as if joined by [`and`](Self::and).
    pub(crate) fn with_all_of(mut self, requirements: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<_> = requirements.into_iter().collect();
        self.refuse_inactive_in("all_of", &parts);
        self.refuse_no_keys_in("all_of", &parts);
        if parts.is_empty() {
            self.fail("all_of", "the list is empty", "name at least one requirement");
        }
        for Self { conditions, fault, .. } in parts {
            self.fault = self.fault.or(fault);
            self.conditions.push(Condition::All(conditions));
        }
        self
    }

    /// This setting applies to a requirement as a whole, and would be silently dropped inside a
    /// part.
    fn refuse_inactive_in(&mut self, field: &'static str, parts: &[Self]) {
        if parts.iter().any(|part| part.allow_inactive) {
            self.fail(field, "`danger_allow_inactive` has no effect in it", "write it beside it");
        }
    }

    /// The same for the setting that refuses API keys.
    fn refuse_no_keys_in(&mut self, field: &'static str, parts: &[Self]) {
        if parts.iter().any(|part| part.refuse_api_keys) {
            self.fail(field, "`allow_api_keys = false` has no effect in it", "write it beside it");
        }
    }

    /// Refuses API keys, whatever the conditions say.
    pub(crate) fn without_api_keys(mut self) -> Self {
        self.refuse_api_keys = true;
        self
    }

    /// Joins two requirements that stand on their own, as [`and`](Self::and) does; if one of them
    /// refuses API keys, so does the result, even if that one requires nothing else.
    pub(crate) fn and_by_itself(self, other: Self) -> Self {
        let both_admit = self.admits_api_keys() && other.admits_api_keys();
        let joined = self.and(other);
        if joined.admits_api_keys() && !both_admit { joined.without_api_keys() } else { joined }
    }

    fn with(mut self, other: Self) -> Self {
        self.refuse_api_keys |= other.refuse_api_keys;
        self.conditions.extend(other.conditions);
        self.fault = self.fault.or(other.fault);
        self
    }

    /// Returns this requirement with the `named` fields taken from `other`.
    ///
    /// If this requirement refuses API keys and any part of it is kept, a scope of `other` does not
    /// accept them either, as when the two are joined by [`and`](Self::and).
    pub(crate) fn overridden_by(&self, other: &Self, named: Fields) -> Self {
        let is_kept = |condition: &&Condition| !named.names(Fields::of_one(condition));
        let kept: Vec<_> = self.conditions.iter().filter(is_kept).cloned().collect();
        let keeps_keys_out = !kept.is_empty() && !self.admits_api_keys();
        let from = if named.names(Fields::INACTIVE) { other } else { self };
        let mut result = Self {
            allow_inactive: from.allow_inactive,
            refuse_api_keys: false,
            conditions: [kept, other.conditions.clone()].concat(),
            fault: self.fault.clone().or_else(|| other.fault.clone()),
        };
        result.refuse_api_keys = if named.names(Fields::API_KEYS) {
            other.refuse_api_keys
        } else {
            self.refuse_api_keys || (keeps_keys_out && result.admits_api_keys())
        };
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn user() -> Requirement {
        Requirement::user()
    }

    #[track_caller]
    fn overrides(base: &Requirement, other: &Requirement, expected: &Requirement) {
        assert_eq!(base.overridden_by(other, Fields::of(other)), *expected);
    }

    #[test]
    fn only_the_named_fields_are_replaced() {
        let minute = Duration::from_secs(60);
        let base = user().role("admin").permission("write").scope("read").login_within(minute);
        let rest = user().permission("write").scope("read").login_within(minute);
        overrides(&base, &user().role("auditor"), &rest.clone().role("auditor"));
        overrides(&base, &user().any_role(["a", "b"]), &rest.any_role(["a", "b"]));
        overrides(&base, &user(), &base);
        let older = user().login_within(minute * 5);
        let expected = user().role("admin").permission("write").scope("read").login_within(minute * 5);
        overrides(&base, &older, &expected);
        overrides(&base, &user().danger_allow_inactive(), &base.clone().danger_allow_inactive());
        let inactive = base.clone().danger_allow_inactive();
        overrides(&inactive, &user().allow_api_keys(), &inactive.clone().allow_api_keys());
    }

    #[test]
    fn alternatives_of_several_kinds_are_a_field_of_their_own() {
        let either = || Requirement::any_of([user().role("a"), user().scope("s")]);
        assert_eq!(Fields::of(&either()), Fields::ANY_OF);
        overrides(&either(), &user().role("b"), &either().role("b"));
        let one = Requirement::any_of([user().role("x")]);
        overrides(&either(), &one, &one);
        let both = user().role("a").and(user().scope("s"));
        assert_eq!(Fields::of(&both), Fields::ALL_OF);
    }

    #[test]
    fn a_field_can_be_named_without_saying_anything() {
        let base = user().scope("s").allow_api_keys().danger_allow_inactive();
        let none = base.overridden_by(&user(), Fields::API_KEYS.and(Fields::INACTIVE));
        assert_eq!(none, user().scope("s"));
    }
}
