//! One entry of a delegation chain.

/// One application in the delegation chain of a mandate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub(super) application: Box<str>,
    pub(super) agent_session: Option<Box<str>>,
    pub(super) delegation_edge: Option<Box<str>>,
}

impl Hop {
    /// Returns the application (`application_id`).
    #[must_use]
    pub fn application_id(&self) -> &str {
        &self.application
    }

    /// Returns the application's agent session (`agent_session_id`), if it has one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.agent_session.as_deref()
    }

    /// Returns the [`agent_session_id`](Self::agent_session_id), under the name that Caracal 1.0
    /// gave it.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.agent_session_id()
    }

    /// Returns the delegation (`delegation_edge_id`), if the chain names it.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.delegation_edge.as_deref()
    }

    /// Returns the [`delegation_edge_id`](Self::delegation_edge_id), under the name that Caracal
    /// 1.0 gave it.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.delegation_edge_id()
    }
}
