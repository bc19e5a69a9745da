//! The claims of a mandate: an access token of Caracal that delegates a subject's authority to a
//! program.
//!
//! `hop` is one entry of the delegation chain; `read` parses a mandate from verified claims.

mod hop;
mod read;

use std::{fmt, sync::Arc};

pub use hop::Hop;
#[cfg(test)]
pub(crate) use read::unsigned;

/// What a mandate may be used for (`use`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MandateUse {
    /// `resource`: for a request to one resource. The only use that services accept by default.
    Resource,
    /// `session`: represents a session with the issuer, and is exchanged there for other mandates.
    Session,
}

impl MandateUse {
    /// Returns the value of the claim `use`, which is also its name in rules files.
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

/// The kind of a mandate's subject (`sub_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectType {
    /// `user`: a person.
    User,
    /// `application`: a program acting in its own name.
    Application,
}

impl SubjectType {
    /// Returns the value of the claim `sub_type`.
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

/// The properties that a mandate must have for a service to accept it.
#[derive(Debug, Clone)]
pub(crate) struct MandateProfile {
    pub(crate) zone: Arc<str>,
}

/// The claims that only a mandate has. The claims of every token, such as subject, id and times,
/// are in [`TokenPayload`](crate::TokenPayload). The only way to get a `Mandate` is to verify a
/// token: [`TokenPayload::mandate`](crate::TokenPayload::mandate).
///
/// Caracal 1.0 renamed some claims. Both names have a method here; they return the same value. In
/// the token, the claims have the names of the first column.
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
    /// Separated by spaces.
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
    /// Returns the actor (`client_id`): the application that the mandate was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the authority record that the mandate was issued from (`sid`). Revoking it revokes
    /// the mandate.
    #[must_use]
    pub fn authority_record_id(&self) -> &str {
        &self.sid
    }

    /// Returns the [`authority_record_id`](Self::authority_record_id), under the name of its claim.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Returns the authority record at the root of the delegation (`root_sid`). Revoking it revokes
    /// everything delegated from it.
    #[must_use]
    pub fn root_authority_record_id(&self) -> &str {
        &self.root_sid
    }

    /// Returns the [`root_authority_record_id`](Self::root_authority_record_id), under the name of
    /// its claim.
    #[must_use]
    pub fn root_sid(&self) -> &str {
        &self.root_sid
    }

    /// Returns the zone that the mandate is valid in (`zone_id`). It is always the configured zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Returns what the mandate may be used for (`use`).
    #[must_use]
    pub const fn mandate_use(&self) -> MandateUse {
        self.used_for
    }

    /// Returns the kind of subject (`sub_type`).
    #[must_use]
    pub const fn subject_type(&self) -> SubjectType {
        self.subject_type
    }

    /// Returns the scopes (`scope`), in the order of the claim.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Returns the resources that the mandate is valid for (`target`), in the order of the claim.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| &**target)
    }

    /// Returns the session of the agent that acts (`agent_session_id`), if it acts in one.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&str> {
        self.agent_session_id.as_deref()
    }

    /// Returns the [`agent_session_id`](Self::agent_session_id), under the name that Caracal 1.0
    /// gave it.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.agent_session_id()
    }

    /// Returns the delegation that gave the actor its authority (`delegation_edge_id`); `None` if
    /// the authority was not delegated.
    #[must_use]
    pub fn delegation_edge_id(&self) -> Option<&str> {
        self.delegation_edge_id.as_deref()
    }

    /// Returns the [`delegation_edge_id`](Self::delegation_edge_id), under the name that Caracal
    /// 1.0 gave it.
    #[must_use]
    pub fn delegation_id(&self) -> Option<&str> {
        self.delegation_edge_id()
    }

    /// Returns the session that delegated the authority (`source_session_id`).
    #[must_use]
    pub fn source_session_id(&self) -> Option<&str> {
        self.source_session_id.as_deref()
    }

    /// Returns the session that the authority was delegated to (`target_session_id`).
    #[must_use]
    pub fn target_session_id(&self) -> Option<&str> {
        self.target_session_id.as_deref()
    }

    /// Returns the ids of the delegations, from the first to the last (`delegation_path`).
    #[must_use]
    pub fn delegation_path(&self) -> &[Box<str>] {
        &self.delegation_path
    }

    /// Returns the applications that passed the authority on (`delegation_chain`), from the first
    /// one to the actor.
    ///
    /// # Security
    /// The chain is information, and a requirement can demand that an application is in it. It
    /// grants nothing.
    #[must_use]
    pub fn chain(&self) -> &[Hop] {
        &self.chain
    }

    /// Returns how often the authority was passed on (`hop_count`); 0 if it was not delegated.
    #[must_use]
    pub const fn hop_count(&self) -> u32 {
        self.hop_count
    }

    /// Returns the delegation epoch that the mandate was issued in (`delegation_graph_epoch`). The
    /// mandate is valid until the zone has a higher epoch; a delegated mandate without this claim,
    /// until the zone has any epoch.
    #[must_use]
    pub const fn delegation_graph_epoch(&self) -> Option<u64> {
        self.delegation_graph_epoch
    }
}

/// Shows what kind of mandate it is, and no claims that may be personal data.
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
