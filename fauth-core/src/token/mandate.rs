//! What a mandate says: an access token of Caracal that lends somebody's authority to a program.
//!
//! `hop` is one entry of its delegation chain, `read` turns verified claims into a mandate.

mod hop;
mod read;

use std::{fmt, sync::Arc};

pub use hop::Hop;
#[cfg(test)]
pub(crate) use read::unsigned;

/// What a mandate is for (`use`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MandateUse {
    /// It is sent to one resource: `resource`. What services accept by default.
    Resource,
    /// It stands for a session with the issuer, and is exchanged for others there: `session`.
    Session,
}

impl MandateUse {
    /// As it stands in the claim `use`, and in files of rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for MandateUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the subject of a mandate is (`sub_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectType {
    /// A person: `user`.
    User,
    /// A program in its own name: `application`.
    Application,
}

impl SubjectType {
    /// As it stands in the claim `sub_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Application => "application",
        }
    }
}

impl fmt::Display for SubjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a service accepts mandates of.
#[derive(Debug, Clone)]
pub(crate) struct MandateProfile {
    pub(crate) zone: Arc<str>,
}

/// The claims of a mandate, beside those that every token has: whom it is about, its id and its
/// times are in [`TokenPayload`](crate::TokenPayload). There is no other way to get one than to
/// have a token verified: [`TokenPayload::mandate`](crate::TokenPayload::mandate).
///
/// Caracal has named some of them anew with its version 1.0; both names are here, and mean the
/// same. In the token the names are those of the first column.
///
/// | claim | 0.1 | 1.0 |
/// |---|---|---|
/// | `sid` | [`sid`] | [`authority_record_id`] |
/// | `root_sid` | [`root_sid`] | [`root_authority_record_id`] |
/// | `agent_session_id` | [`agent_session_id`] | [`session_id`] |
/// | `delegation_edge_id` | [`delegation_edge_id`] | [`delegation_id`] |
///
/// [`sid`]: Self::sid
/// [`authority_record_id`]: Self::authority_record_id
/// [`root_sid`]: Self::root_sid
/// [`root_authority_record_id`]: Self::root_authority_record_id
/// [`agent_session_id`]: Self::agent_session_id
/// [`session_id`]: Self::session_id
/// [`delegation_edge_id`]: Self::delegation_edge_id
/// [`delegation_id`]: Self::delegation_id
#[derive(Clone)]
pub struct Mandate {
    client_id: Box<str>,
    sid: Box<str>,
    root_sid: Box<str>,
    zone: Arc<str>,
    used_for: MandateUse,
    subject_type: SubjectType,
    /// With blanks between them.
    scopes: Box<str>,
    targets: Vec<Box<str>>,
    agent_session_id: Option<Box<str>>,
    delegation_edge_id: Option<Box<str>>,
    source_session_id: Option<Box<str>>,
    target_session_id: Option<Box<str>>,
    delegation_path: Vec<Box<str>>,
    chain: Vec<Hop>,
    hop_count: u32,
    delegation_graph_epoch: Option<u64>,
}

impl Mandate {
    /// Who acts (`client_id`): the application that the mandate was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The record of authority that it was issued from (`sid`). Whoever ends it ends the mandate.
    #[must_use]
    pub fn authority_record_id(&self) -> &str {
        &self.sid
    }

    /// The [`authority_record_id`](Self::authority_record_id), by its name in the token.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The record of authority at which the delegation began (`root_sid`). Whoever ends it ends
    /// everything that was delegated from it.
    #[must_use]
    pub fn root_authority_record_id(&self) -> &str {
        &self.root_sid
    }

    /// The [`root_authority_record_id`](Self::root_authority_record_id), by its name in the token.
    #[must_use]
    pub fn root_sid(&self) -> &str {
        &self.root_sid
    }

    /// The zone that it is good in (`zone_id`): the configured one.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// What it is for (`use`).
    #[must_use]
    pub const fn mandate_use(&self) -> MandateUse {
        self.used_for
    }

    /// What its subject is (`sub_type`).
    #[must_use]
    pub const fn subject_type(&self) -> SubjectType {
        self.subject_type
    }

    /// What it allows (`scope`), in its order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.split(' ').filter(|scope| !scope.is_empty())
    }

    /// The resources that it allows this for (`target`), in its order.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| &**target)
    }

    /// The session of the agent that acts (`agent_session_id`), if it acts in one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.agent_session_id.as_deref()
    }

    /// The [`agent_session_id`](Self::agent_session_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.agent_session_id()
    }

    /// The delegation by which the actor has its authority (`delegation_edge_id`); `None` if it
    /// was not delegated.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.delegation_edge_id.as_deref()
    }

    /// The [`delegation_edge_id`](Self::delegation_edge_id), as Caracal calls it since 1.0.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.delegation_edge_id()
    }

    /// The session that has delegated (`source_session_id`).
    #[must_use]
    pub fn source_session_id(&self) -> Option<&str> {
        self.source_session_id.as_deref()
    }

    /// The session that it was delegated to (`target_session_id`).
    #[must_use]
    pub fn target_session_id(&self) -> Option<&str> {
        self.target_session_id.as_deref()
    }

    /// The delegations from the first to the last (`delegation_path`).
    #[must_use]
    pub fn delegation_path(&self) -> &[Box<str>] {
        &self.delegation_path
    }

    /// Through whose hands the authority has come (`delegation_chain`), the first one first and
    /// the actor last.
    ///
    /// # Security
    /// It is information, and something to demand members of. It gives nobody a right.
    #[must_use]
    pub fn chain(&self) -> &[Hop] {
        &self.chain
    }

    /// How often the authority was handed on (`hop_count`); 0 if it was not.
    #[must_use]
    pub const fn hop_count(&self) -> u32 {
        self.hop_count
    }

    /// How new the delegations were that it was issued from (`delegation_graph_epoch`). It is good
    /// until the zone has a greater epoch; a delegated one that names none, until the zone has any.
    #[must_use]
    pub const fn delegation_graph_epoch(&self) -> Option<u64> {
        self.delegation_graph_epoch
    }
}

/// Shows what the mandate is, not whose: claims may be personal data.
impl fmt::Debug for Mandate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mandate")
            .field("zone", &self.zone)
            .field("used_for", &self.used_for)
            .field("subject_type", &self.subject_type)
            .field("hop_count", &self.hop_count)
            .finish_non_exhaustive()
    }
}
