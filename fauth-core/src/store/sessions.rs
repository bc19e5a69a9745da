//! Sessions: each login opens one, refreshing keeps it alive, and logging out ends it.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Owner, SecretHash, StoreError, StoreLocation, ThrottleStore};
use crate::{clock::Timestamp, escape::Concealed, token::SessionId};

/// A session: one login, as stored and as shown in session lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// The subject that logged in.
    pub owner: Owner<'static>,
    /// When the user logged in.
    pub created_at: Timestamp,
    /// When the session was last refreshed; initially the time of the login.
    pub last_seen_at: Timestamp,
    /// The session ends if it is not refreshed for this long. Whole seconds.
    pub idle_timeout: Duration,
    /// The absolute end of the session. Refreshing never moves it.
    pub expires_at: Timestamp,
    /// Whether the user asked to be remembered.
    pub remembered: bool,
    /// The name that the client gave itself at login (its user agent), at most 256 bytes.
    /// Untrusted: escape it before showing it.
    pub client: Option<String>,
    /// The address from which the user logged in.
    pub address: Option<IpAddr>,
    /// The time from which no access token of the session is valid: the latest expiry of all access
    /// tokens issued in it so far, by any instance. A revocation of the session is kept at least
    /// until then.
    pub tokens_end_at: Timestamp,
}

impl Session {
    /// When the session expires without further use: the earlier of its idle end and its absolute
    /// end.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        let idle = self.last_seen_at.checked_add(self.idle_timeout).unwrap_or(Timestamp::MAX);
        idle.min(self.expires_at)
    }

    /// Whether the session has expired at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }
}

/// A session to open.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store test suite in another crate constructs them")]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The hash of the first refresh token.
    pub head: SecretHash,
    /// The maximum number of live sessions of the owner, including this one; at least 1.
    pub limit: usize,
    /// The application's own data: JSON of at most [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    pub payload: Option<Box<str>>,
}

/// A session together with the application's data.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct LoadedSession {
    /// The session.
    pub session: Session,
    /// The application's own data, as JSON.
    pub payload: Option<Box<str>>,
}

/// A replacement of a session's payload, conditional on its current value.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the store test suite in another crate constructs them")]
pub struct PayloadChange {
    /// The payload to replace, compared byte for byte; `None` if there is none.
    pub before: Option<Box<str>>,
    /// The new payload, of at most [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES); `None` removes
    /// it.
    pub after: Option<Box<str>>,
}

/// Shows the length of the payload but not its content, which may be personal data.
impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, head, limit, payload } = self;
        f.debug_struct("NewSession")
            .field("session", session)
            .field("head", head)
            .field("limit", limit)
            .field("payload", &payload.as_deref().map(Concealed))
            .finish()
    }
}

/// Shows the length of the payload but not its content, which may be personal data.
impl fmt::Debug for LoadedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, payload } = self;
        let payload = payload.as_deref().map(Concealed);
        f.debug_struct("LoadedSession").field("session", session).field("payload", &payload).finish()
    }
}

/// Shows the lengths of the payloads but not their content, which may be personal data.
impl fmt::Debug for PayloadChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [&self.before, &self.after].map(|text| text.as_deref().map(Concealed));
        f.debug_struct("PayloadChange").field("before", &before).field("after", &after).finish()
    }
}

/// The outcome of a [`PayloadChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new outcome must be handled everywhere")]
pub enum PayloadOutcome {
    /// The new payload is stored.
    Changed,
    /// The current payload is not [`PayloadChange::before`]; nothing was changed.
    Differs,
    /// The session does not exist or has ended.
    NotLive,
}

/// A session that was ended by an operation on its owner: a further login beyond the limit, or the
/// end of all of the owner's sessions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct EndedSession {
    /// The session's id.
    pub id: SessionId,
    /// [`Session::tokens_end_at`] at the time when the session was ended.
    pub tokens_end_at: Timestamp,
}

impl From<&Session> for EndedSession {
    fn from(session: &Session) -> Self {
        Self { id: session.id.clone(), tokens_end_at: session.tokens_end_at }
    }
}

/// 128 random bits from which, together with the old refresh token, the next refresh token is
/// derived. Worthless without the old token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// Restores a nonce that a backend has stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// A hash of the client's network and user agent. It distinguishes two clients and identifies
/// neither.
///
/// # Security
/// A hint, not a proof: an attacker who has copied a refresh token may have copied the user agent
/// too, and may be in the same network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientFingerprint([u8; 16]);

impl ClientFingerprint {
    /// Restores a fingerprint that a backend has stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for ClientFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientFingerprint(..)")
    }
}

/// An attempt to exchange a refresh token for its successor.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store test suite in another crate constructs them")]
pub struct Rotation {
    /// The session to which the refresh token belongs.
    pub session: SessionId,
    /// The hash of the presented refresh token.
    pub presented: SecretHash,
    /// The hash of the refresh token that replaces it.
    pub successor: SecretHash,
    /// The nonce from which the successor was derived.
    pub nonce: Nonce,
    /// How long after a rotation the previous refresh token may be presented again (the grace
    /// window); zero disables it. Whole seconds.
    pub grace: Duration,
    /// The lifetime of the access token that is issued if the rotation succeeds. Whole seconds.
    pub access_lifetime: Duration,
    /// The fingerprint of the client that presents the token; `None` if nothing is known about it.
    pub fingerprint: Option<ClientFingerprint>,
    /// Whether a repetition by another client within the grace window counts as a replay.
    pub bound_to_client: bool,
}

/// The outcome of a [`Rotation`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new outcome must be handled everywhere")]
pub enum RotationOutcome {
    /// The token was the newest one of its session. The successor has replaced it, and
    /// [`Session::last_seen_at`] is the current time.
    Rotated(Session),
    /// The token is the direct predecessor of the newest one, which was issued within the grace
    /// window. Nothing was changed, except [`Session::tokens_end_at`] if it did not cover the
    /// access token that is issued now.
    InGrace {
        /// The session.
        session: Session,
        /// The nonce from which the newest token was derived.
        nonce: Nonce,
        /// When the newest token was issued.
        rotated_at: Timestamp,
        /// Whether the client's fingerprint differs from that of the client that rotated the token.
        from_another_client: bool,
    },
    /// A replay: the token was used before, so somebody has a copy of it. The session was live, and
    /// **this call has ended it**.
    Reused(Session),
    /// The session was ended before. The process that ended it may have died before it could revoke
    /// the session's access tokens.
    Ended {
        /// [`Session::tokens_end_at`] when the session was ended. A store that no longer has the
        /// value, because that time passed more than an hour ago, returns an earlier one.
        tokens_end_at: Timestamp,
    },
    /// The session has expired.
    Expired,
    /// The session does not exist, or its entry was deleted after it expired.
    Unknown,
}

/// A session store: keeps sessions, each identified by its owner and its id.
///
/// # Security
/// Each method is one atomic step, also across machines: no caller sees a partial result, and no
/// two calls both act on the state before the other. A session that has ended never becomes live
/// again, even under concurrent calls. While an id is known to the store, it is never opened a
/// second time for the same owner.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default, which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Returns the same backend as a throttle store, if it is one;
    /// [`AuthProviderBuilder::store`](crate::AuthProviderBuilder::store) then uses it for the login
    /// throttle too. `None` by default: failed logins are then counted in the memory of each
    /// instance.
    fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
        None
    }

    /// Stores a new session. If its owner would then have more than [`NewSession::limit`] live
    /// sessions, ends those that were used least recently, and returns them.
    ///
    /// When the future returns `Ok`, the session is stored. Each backend documents whether that
    /// survives a power failure.
    ///
    /// # Errors
    /// [`StoreError`] if the session cannot be stored. That includes an id that the owner already
    /// uses, and a bounded store that is full. Nothing has changed then.
    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError>;

    /// Returns the session of this owner and id if it is live.
    ///
    /// # Errors
    /// [`StoreError`] if the session cannot be read.
    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Exchanges the newest refresh token of a session for its successor, in one atomic step:
    ///
    /// 1. If the owner has no such session, returns [`Unknown`](RotationOutcome::Unknown). If the
    ///    session was ended, returns [`Ended`](RotationOutcome::Ended) with the end of its tokens.
    /// 2. Otherwise carries out the [`RotationDecision`](super::RotationDecision), which every
    ///    backend computes with [`RotationDecision::of`](super::RotationDecision::of).
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the rotation took place. The caller may try again
    /// with the same token: within the grace window it gets the same successor, whether or not the
    /// first attempt went through.
    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError>;

    /// Ends a session of this owner if it is live. Returns the session if this call ended it, and
    /// `None` if there was nothing to end.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the session has ended.
    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Ends all live sessions of an owner except the one to `keep`. Returns the sessions that this
    /// call ended.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all of them have ended.
    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError>;

    /// Ends all live sessions of an owner and deletes everything stored about these and earlier
    /// sessions, including tombstones: for erasing the owner's data. Returns the sessions that this
    /// call ended. The refresh token of an unknown session is refused like that of an ended one.
    ///
    /// The default implementation ends the sessions; their entries are deleted later, after they
    /// expire.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened.
    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.end_all(owner, None, now).await
    }

    /// Returns the session of this owner and id, with its payload, if it is live. No other method
    /// returns payloads, which keeps lists small.
    ///
    /// # Errors
    /// [`StoreError`] if the session cannot be read.
    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError>;

    /// Extends a live session because one of its requests has arrived, in one atomic step. The
    /// store carries out the decision of [`Prolonging::of`](super::Prolonging::of), which every
    /// backend calls. Returns the updated session; `None` if it is not live.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened. Trying again does no harm.
    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Replaces the payload that the caller has read, in one atomic step (compare-and-swap). Of two
    /// callers that have read the same payload, one changes it, and the other gets
    /// [`PayloadOutcome::Differs`]. If the new payload is already stored, it counts as changed, so
    /// trying again does no harm.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened.
    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError>;

    /// Returns the live sessions of an owner, most recently used first.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_at_the_earlier_of_its_two_ends() {
        let at = Timestamp::from_unix_seconds;
        let mut session = Session {
            id: SessionId::from_random([0; 16]),
            owner: Owner::new("default", "", "alice"),
            created_at: at(100),
            last_seen_at: at(100),
            idle_timeout: Duration::from_secs(50),
            expires_at: at(180),
            remembered: false,
            client: None,
            address: None,
            tokens_end_at: at(130),
        };
        assert!(!session.has_expired(at(149)) && session.has_expired(at(150)));
        session.last_seen_at = at(149);
        assert!(!session.has_expired(at(179)) && session.has_expired(at(180)));
    }
}
