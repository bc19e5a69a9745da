//! Conditions on mandates, in words and as JSON, and which of two requirements is stricter.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    requirement::{
        Condition, MandateCondition, Requirement,
        mandate::{DEFAULT_MAX_HOPS, mentions},
    },
    token::MandateUse,
};

pub(super) fn write(f: &mut fmt::Formatter<'_>, condition: &MandateCondition) -> fmt::Result {
    match condition {
        MandateCondition::Use(Some(wanted)) => write!(f, "mandate for a {wanted}"),
        MandateCondition::Use(None) => f.write_str("mandate for any use"),
        MandateCondition::Target(target) => write!(f, "target {target}"),
        MandateCondition::AgentSession => f.write_str("agent session"),
        MandateCondition::Delegation => f.write_str("delegation"),
        MandateCondition::ChainContains(application) => write!(f, "{application} in the chain"),
        MandateCondition::MaxHops(most) => write!(f, "at most {most} hops"),
    }
}

/// By the names used in rules files.
pub(super) fn member(condition: &MandateCondition) -> (&'static str, Value) {
    match condition {
        MandateCondition::Use(wanted) => ("use", json!(wanted.map_or("any", MandateUse::as_str))),
        MandateCondition::Target(target) => ("targets", json!([target])),
        MandateCondition::AgentSession => ("agent_session", json!(true)),
        MandateCondition::Delegation => ("delegation", json!(true)),
        MandateCondition::ChainContains(application) => ("chain_contains", json!([application])),
        MandateCondition::MaxHops(most) => ("max_hops", json!(most)),
    }
}

/// Does `outer` admit every mandate that `inner` admits beyond a default? As far as that is easy to
/// see.
pub(super) fn keeps_defaults(inner: &Requirement, outer: &Requirement) -> bool {
    inner == outer || {
        let (beyond, said) = (inner.goes_beyond_defaults(), outer.leaves_no_default());
        (said.mandate_use || !beyond.mandate_use) && (said.hops || !beyond.hops)
    }
}

/// Is this condition met by every mandate that meets `own`, although `own` does not contain it?
pub(super) fn is_implied(asked: &MandateCondition, own: &[&Condition]) -> bool {
    let of_mandates = || {
        own.iter().filter_map(|condition| match condition {
            Condition::Mandate(condition) => Some(condition),
            _ => None,
        })
    };
    // Other tokens meet no condition on mandates.
    let is_mandate = of_mandates().next().is_some();
    match asked {
        MandateCondition::Use(None) => is_mandate,
        MandateCondition::Use(Some(MandateUse::Resource)) => {
            is_mandate && !any_mentions(own, |condition| matches!(condition, MandateCondition::Use(_)))
        }
        MandateCondition::MaxHops(most) => {
            let is_less =
                |own: &MandateCondition| matches!(own, MandateCondition::MaxHops(own) if own <= most);
            let by_default = *most >= DEFAULT_MAX_HOPS
                && is_mandate
                && !any_mentions(own, |condition| matches!(condition, MandateCondition::MaxHops(_)));
            by_default || of_mandates().any(is_less)
        }
        _ => false,
    }
}

fn any_mentions(conditions: &[&Condition], is_it: fn(&MandateCondition) -> bool) -> bool {
    conditions.iter().any(|condition| mentions(std::slice::from_ref(*condition), is_it))
}

#[cfg(test)]
mod tests;
