//! What can be asked of a [mandate](crate::token::Mandate), and what it then lacks.

use std::fmt;

use crate::token::{Mandate, MandateUse};

/// What a mandate has to say. A token that is no mandate meets none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MandateCondition {
    /// It is for this use; for any, if `None`.
    Use(Option<MandateUse>),
    /// It names this target.
    Target(Box<str>),
    /// Its actor acts in an agent session.
    AgentSession,
    /// It was delegated, and names the epoch of the delegations.
    Delegation,
    /// This application is in its delegation chain.
    ChainContains(Box<str>),
    /// It was handed on at most so often.
    MaxHops(u32),
}

/// What a mandate lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingMandate {
    /// This target.
    Target(Box<str>),
    /// An agent session.
    AgentSession,
    /// A delegation whose epoch it names.
    Delegation,
    /// This application in its delegation chain.
    ChainApplication(Box<str>),
    /// A shorter way: it was handed on more often than this.
    TooManyHops(u32),
}

impl MissingMandate {
    /// The stable name of the refusal.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Target(_) => "missing_target",
            Self::AgentSession => "session_required",
            Self::Delegation => "delegation_required",
            Self::ChainApplication(_) => "chain_mismatch",
            Self::TooManyHops(_) => "hop_count_exceeded",
        }
    }
}

/// The sentence for the caller.
impl fmt::Display for MissingMandate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => write!(f, "Missing target: {target}"),
            Self::AgentSession => f.write_str("An agent session is required"),
            Self::Delegation => f.write_str("A delegation is required"),
            Self::ChainApplication(application) => {
                write!(f, "The delegation chain lacks the application: {application}")
            }
            Self::TooManyHops(most) => write!(f, "The mandate was handed on more than {most} times"),
        }
    }
}

impl MandateCondition {
    pub(super) fn is_met_by(&self, mandate: &Mandate) -> bool {
        match self {
            Self::Use(wanted) => wanted.is_none_or(|wanted| wanted == mandate.mandate_use()),
            Self::Target(target) => mandate.targets().any(|held| *held == **target),
            Self::AgentSession => mandate.agent_session_id().is_some(),
            Self::Delegation => {
                mandate.delegation_edge_id().is_some() && mandate.delegation_graph_epoch().is_some()
            }
            Self::ChainContains(application) => {
                mandate.chain().iter().any(|hop| *hop.application_id() == **application)
            }
            Self::MaxHops(most) => mandate.hop_count() <= *most,
        }
    }

    /// What a mandate lacks that does not meet it; `None` if it is for another use.
    pub(super) fn missing(&self) -> Option<MissingMandate> {
        Some(match self {
            Self::Use(_) => return None,
            Self::Target(target) => MissingMandate::Target(target.clone()),
            Self::AgentSession => MissingMandate::AgentSession,
            Self::Delegation => MissingMandate::Delegation,
            Self::ChainContains(application) => MissingMandate::ChainApplication(application.clone()),
            Self::MaxHops(most) => MissingMandate::TooManyHops(*most),
        })
    }

    /// What a token lacks that is no mandate; `None` if that is all that can be said.
    pub(super) fn missing_of_other(&self) -> Option<MissingMandate> {
        self.missing().filter(|missing| !matches!(missing, MissingMandate::TooManyHops(_)))
    }
}
