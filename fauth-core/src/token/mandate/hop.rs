//! One entry of a delegation chain.

/// One of those through whose hands the authority of a mandate has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub(super) application: Box<str>,
    pub(super) agent_session: Option<Box<str>>,
    pub(super) delegation_edge: Option<Box<str>>,
}

impl Hop {
    /// The application (`application_id`).
    #[must_use]
    pub fn application_id(&self) -> &str {
        &self.application
    }

    /// Its session (`agent_session_id`), if it has one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.agent_session.as_deref()
    }

    /// The [`agent_session_id`](Self::agent_session_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.agent_session_id()
    }

    /// The delegation (`delegation_edge_id`), if the chain names it.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.delegation_edge.as_deref()
    }

    /// The [`delegation_edge_id`](Self::delegation_edge_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.delegation_edge_id()
    }
}
