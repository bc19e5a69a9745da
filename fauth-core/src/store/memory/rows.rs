//! The rows of the tables: to whom they belong, and when they leave.

use super::table::Row;
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, Owner, RefreshFamily, SecretHash, Session, SessionId, StoredApiKey},
};

/// Whose session, and which.
pub(super) type SessionKey = (Owner<'static>, SessionId);

/// A session, or the tombstone of one that was ended.
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

/// Whose one-time token, and which.
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
