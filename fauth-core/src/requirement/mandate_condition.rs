//! Conditions on a [mandate](crate::token::Mandate), and what a mandate lacks that does not meet
//! them.

use std::fmt;

use crate::token::{Mandate, MandateUse};

/// A condition on a mandate. A token that is not a mandate meets none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MandateCondition {
    /// It is for this use, or for any use if `None`.
    Use(Option<MandateUse>),
    /// It names this target.
    Target(Box<str>),
    /// Its actor acts in an agent session.
    AgentSession,
    /// It was delegated, and names the epoch of the delegations.
    Delegation,
    /// This application is in its delegation chain.
    ChainContains(Box<str>),
    /// It was passed on at most this often.
    MaxHops(u32),
}

/// What a mandate lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingMandate {
    /// It does not name this target.
    Target(Box<str>),
    /// It is not of an agent session.
    AgentSession,
    /// It was not delegated, or does not name the epoch of the delegation.
    Delegation,
    /// This application is not in its delegation chain.
    ChainApplication(Box<str>),
    /// It was passed on more often than this.
    TooManyHops(u32),
}

impl MissingMandate {
    /// Returns the stable code of the refusal.
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

/// The message for the client.
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

    /// Returns what a mandate lacks that does not meet this condition; `None` if it is for another
    /// use.
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

    /// Returns what a token that is not a mandate lacks; `None` if nothing more specific can be
    /// said.
    pub(super) fn missing_of_other(&self) -> Option<MissingMandate> {
        self.missing().filter(|missing| !matches!(missing, MissingMandate::TooManyHops(_)))
    }
}
