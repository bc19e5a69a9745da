//! Which of two accesses is stricter, and the requirement for passing both.

use std::cmp::Ordering;

use super::Access;
use crate::requirement::{Condition, Requirement};

/// The requirement for passing both.
pub(crate) fn both(outer: &Access, inner: &Access) -> Access {
    match (outer, inner) {
        (Access::Required(asked), Access::Required(more)) if !implies(more, asked) => {
            Access::Required(asked.clone().and_by_itself(more.clone()))
        }
        (Access::Open, _) | (_, Access::Required(_)) | (Access::Optional, Access::Guests) => inner.clone(),
        _ => outer.clone(),
    }
}

/// Which of two accesses is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stricter {
    First,
    Second,
    /// Neither: both requirements must be met.
    Both,
}

impl Stricter {
    pub(crate) fn of(first: &Access, second: &Access) -> Self {
        match rank(first).cmp(&rank(second)) {
            Ordering::Greater => Self::First,
            Ordering::Less => Self::Second,
            Ordering::Equal if is_at_least_as_strict(first, second) => Self::First,
            Ordering::Equal if is_at_least_as_strict(second, first) => Self::Second,
            Ordering::Equal => Self::Both,
        }
    }
}

/// The greater, the stricter.
const fn rank(access: &Access) -> u8 {
    match access {
        Access::Open => 0,
        Access::Optional => 1,
        Access::Guests => 2,
        Access::Required(_) => 3,
    }
}

/// Does `outer` admit every user whom `inner` admits, as far as their conditions show it?
pub(crate) fn is_at_least_as_strict(inner: &Access, outer: &Access) -> bool {
    match (inner, outer) {
        (Access::Required(inner), Access::Required(outer)) => implies(inner, outer),
        (Access::Open, Access::Required(_) | Access::Optional) | (Access::Optional, Access::Required(_)) => {
            false
        }
        _ => true,
    }
}

fn implies(inner: &Requirement, outer: &Requirement) -> bool {
    #[cfg(feature = "mandates")]
    if !super::mandate::keeps_defaults(inner, outer) {
        return false;
    }
    let (own, asked) = (flat(inner.conditions()), flat(outer.conditions()));
    asked.iter().all(|condition| is_free(condition, &own) || own.contains(condition))
        && (outer.allows_inactive() || !inner.allows_inactive())
        && (outer.admits_api_keys() || !inner.admits_api_keys())
}

/// Do these conditions imply a condition that is not one of them?
#[cfg_attr(not(feature = "mandates"), expect(unused_variables, reason = "only mandates have degrees"))]
fn is_free(asked: &Condition, own: &[&Condition]) -> bool {
    match asked {
        Condition::ApiKeys => true,
        #[cfg(feature = "mandates")]
        Condition::Mandate(asked) => super::mandate::is_implied(asked, own),
        _ => false,
    }
}

/// Conditions that must all hold, one by one.
fn flat(conditions: &[Condition]) -> Vec<&Condition> {
    let parts = conditions.iter().map(|condition| match condition {
        Condition::All(conditions) => flat(conditions),
        other => vec![other],
    });
    parts.flatten().collect()
}
