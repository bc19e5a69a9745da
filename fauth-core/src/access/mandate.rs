//! What is asked of mandates, in words and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::{requirement::MandateCondition, token::MandateUse};

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

/// By the names that files of rules have.
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
