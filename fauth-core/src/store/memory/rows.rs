//! The rows of the tables: their owners, and when they expire.

use super::table::Row;
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, Owner, RefreshFamily, SecretHash, Session, SessionId, StoredApiKey},
};

/// The owner and the id of a session.
pub(super) type SessionKey = (Owner<'static>, SessionId);

/// A session, or the tombstone of an ended one.
pub(super) enum SessionRow {
    Open(Box<OpenSession>),
    Ended { expires_at: Timestamp, tokens_end_at: Timestamp },
}

/// A session and its refresh tokens.
pub(super) struct OpenSession {
    pub(super) session: Session,
    pub(super) family: RefreshFamily,
    pub(super) payload: Option<Box<str>>,
}

/// The owner and the hash of a one-time token.
pub(super) type OneTimeKey = (Owner<'static>, SecretHash);

impl Row for SessionRow {
    fn owner(&self) -> Option<&Owner<'static>> {
        match self {
            Self::Open(open) => Some(&open.session.owner),
            Self::Ended { .. } => None,
        }
    }

    fn leaves_at(&self) -> Timestamp {
        match self {
            Self::Open(open) => open.session.ends_at(),
            Self::Ended { expires_at, .. } => *expires_at,
        }
    }
}

impl Row for OneTimeRecord {
    fn owner(&self) -> Option<&Owner<'static>> {
        Some(&self.owner)
    }

    fn leaves_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl Row for StoredApiKey {
    fn owner(&self) -> Option<&Owner<'static>> {
        Some(&self.key.owner)
    }

    fn leaves_at(&self) -> Timestamp {
        self.key.expires_at
    }
}
