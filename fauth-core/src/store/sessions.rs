//! Sessions: one for each login, carried on by refreshing, ended by logging out.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Owner, SecretHash, StoreError, StoreLocation, ThrottleStore};
use crate::{clock::Timestamp, escape::Concealed, token::SessionId};

/// One login, as a store keeps it and a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// To whom it belongs.
    pub owner: Owner<'static>,
    /// When the login was.
    pub created_at: Timestamp,
    /// When it was last refreshed; at first, when the login was.
    pub last_seen_at: Timestamp,
    /// It ends if it is not refreshed for so long. Whole seconds.
    pub idle_timeout: Duration,
    /// It ends then at the latest. No refresh moves this.
    pub expires_at: Timestamp,
    /// Did the user ask to be remembered?
    pub remembered: bool,
    /// What the client called itself when logging in, at most 256 bytes. A stranger's words:
    /// escape it where it is shown.
    pub client: Option<String>,
    /// From where the login came.
    pub address: Option<IpAddr>,
    /// From then on no access token of the session is valid: the latest end of all that were
    /// issued in it so far, by any instance. A revocation of the session is kept until then at
    /// least.
    pub tokens_end_at: Timestamp,
}

impl Session {
    /// From then on the session has ended by itself: the earlier of its idle and its absolute end.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        let idle = self.last_seen_at.checked_add(self.idle_timeout).unwrap_or(Timestamp::MAX);
        idle.min(self.expires_at)
    }

    /// Has it ended by itself at `now`?
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }
}

/// A session to be opened.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "the store suite of other crates makes them")]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The hash of its first refresh token.
    pub head: SecretHash,
    /// The most live sessions that its owner may have, this one included; at least 1.
    pub limit: usize,
    /// The application's own data, as JSON of at most
    /// [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    pub payload: Option<Box<str>>,
}

/// A session with what the application keeps in it.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct LoadedSession {
    /// The session.
    pub session: Session,
    /// The application's own data, as JSON.
    pub payload: Option<Box<str>>,
}

/// A new payload in the place of another.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the store suite of other crates makes them")]
pub struct PayloadChange {
    /// The payload that it takes the place of, byte for byte; `None` if there was none.
    pub before: Option<Box<str>>,
    /// The new one, of at most [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES); `None` for none.
    pub after: Option<Box<str>>,
}

/// Shows how long the payload is, not what it says: it may be personal data.
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

/// Shows how long the payload is, not what it says: it may be personal data.
impl fmt::Debug for LoadedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, payload } = self;
        let payload = payload.as_deref().map(Concealed);
        f.debug_struct("LoadedSession").field("session", session).field("payload", &payload).finish()
    }
}

/// Shows how long the payloads are, not what they say: it may be personal data.
impl fmt::Debug for PayloadChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = [&self.before, &self.after].map(|text| text.as_deref().map(Concealed));
        f.debug_struct("PayloadChange").field("before", &before).field("after", &after).finish()
    }
}

/// What became of a [`PayloadChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new outcome must be handled everywhere")]
pub enum PayloadOutcome {
    /// The new payload is kept.
    Changed,
    /// The payload was another one than [`PayloadChange::before`]; it stays.
    Differs,
    /// There is no such session, or it has ended.
    NotLive,
}

/// A session that a store has ended on behalf of others: by a further login, or with all others of
/// its owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct EndedSession {
    /// Its id.
    pub id: SessionId,
    /// Its [`Session::tokens_end_at`] when it was ended.
    pub tokens_end_at: Timestamp,
}

impl From<&Session> for EndedSession {
    fn from(session: &Session) -> Self {
        Self { id: session.id.clone(), tokens_end_at: session.tokens_end_at }
    }
}

/// 128 random bits from which, together with the old refresh token, its successor follows. Without
/// the old token it is worth nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// As a backend has stored it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// To be stored.
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

/// A hash of where a client is and what it calls itself: the network of its address and its user
/// agent. It tells two clients apart, and names neither.
///
/// # Security
/// It is a hint and no proof: whoever has copied a refresh token may have copied the user agent
/// too, and may share the network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientFingerprint([u8; 16]);

impl ClientFingerprint {
    /// As a backend has stored it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// To be stored.
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
#[expect(clippy::exhaustive_structs, reason = "the store suite of other crates makes them")]
pub struct Rotation {
    /// The session that the token belongs to.
    pub session: SessionId,
    /// The hash of the token that was presented.
    pub presented: SecretHash,
    /// The hash of the token that shall take its place.
    pub successor: SecretHash,
    /// What the successor was made from.
    pub nonce: Nonce,
    /// For how long after a rotation the token before may be presented again; zero for not at all.
    /// Whole seconds.
    pub grace: Duration,
    /// How long the access token lasts that is issued if the attempt succeeds. Whole seconds.
    pub access_lifetime: Duration,
    /// Who presents the token; `None` if nothing is known of the client.
    pub fingerprint: Option<ClientFingerprint>,
    /// Whether another client within the grace window counts as a replay.
    pub bound_to_client: bool,
}

/// What became of an attempt to rotate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a new outcome must be handled everywhere")]
pub enum RotationOutcome {
    /// The token was the head of the family; the successor has taken its place, and
    /// [`Session::last_seen_at`] is the present.
    Rotated(Session),
    /// The token is the direct predecessor of the head, which was made less than the grace window
    /// ago. Nothing has changed, but [`Session::tokens_end_at`] if it did not cover the access
    /// token that is issued now.
    InGrace {
        /// The session as it is.
        session: Session,
        /// What the head was made from.
        nonce: Nonce,
        /// When the head was made.
        rotated_at: Timestamp,
        /// Whether the client has another fingerprint than the one that made the head.
        from_another_client: bool,
    },
    /// The token has been used before: somebody has a copy of it. The session was live, and
    /// **this call has ended it**.
    Reused(Session),
    /// The session has been ended before. Whoever has ended it may have died before it could revoke
    /// its access tokens.
    Ended {
        /// [`Session::tokens_end_at`] as it was then. A store that has forgotten it, after that
        /// time was over for an hour, tells an earlier one.
        tokens_end_at: Timestamp,
    },
    /// The session has ended by itself.
    Expired,
    /// There is no such session, or it was forgotten after its time.
    Unknown,
}

/// Keeps sessions, each found by its owner and its id.
///
/// # Security
/// Each method is one atomic step, also between machines: nobody sees half of it, and no two calls
/// both see the state before the other. A session that has ended never becomes live again,
/// whatever runs at the same time, and its id is never opened a second time for its owner while it
/// is known.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown), which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// The same backend as a store of the login throttle, if it is one: then
    /// [`AuthProviderBuilder::store`](crate::AuthProviderBuilder::store) uses it for that too. By
    /// default it is none, and failed logins are counted in the memory of each instance.
    fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
        None
    }

    /// Keeps a new session. If its owner would have more than [`NewSession::limit`] live ones,
    /// those that were seen longest ago are ended and returned.
    ///
    /// Confirmed means kept: each backend documents what that is worth when power fails.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be kept, also because its owner has a session of this id
    /// already, or because a bounded store is full. Nothing has changed then.
    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError>;

    /// The session of this owner and id, if it is live.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Exchanges the newest refresh token of a session for its successor, in one atomic step:
    ///
    /// 1. the owner has no such session: [`Unknown`](RotationOutcome::Unknown); it was ended:
    ///    [`Ended`](RotationOutcome::Ended), with the end of its tokens;
    /// 2. else as [`RotationDecision`](super::RotationDecision) says, which every backend calls.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened. The caller may then try again with
    /// the same token: within the grace window it gets the same successor, whether the first
    /// attempt had come through or not.
    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError>;

    /// Ends one session of this owner, if it is live. Returns the session that this call has
    /// ended; `None` if there was nothing to end.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it has ended.
    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Ends all live sessions of an owner but the one to `keep`. Returns those that this call has
    /// ended.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all have ended.
    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError>;

    /// Ends all live sessions of an owner, and deletes whatever is kept of these and earlier ones,
    /// tombstones too: the owner is to be forgotten. Returns those that this call has ended. A
    /// refresh token of a session that is not known is refused as well as one of an ended session.
    ///
    /// By default it ends them, and what is left of them is forgotten after its time.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened.
    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.end_all(owner, None, now).await
    }

    /// The session of this owner and id with its payload, if it is live. Other methods return no
    /// payloads, so that lists stay short.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError>;

    /// Carries a live session on because a request of it has arrived, in one atomic step: as
    /// [`Prolonging::of`](super::Prolonging::of) says, which every backend calls. Returns the
    /// session as it is then; `None` if it is not live.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether that happened. It does no harm to try again.
    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Puts a payload in the place of the one that the caller has read, in one atomic step. So of
    /// two callers that have read the same, one changes it, and the other is told. Where the new
    /// one is kept already, it counts as changed, so that it does no harm to try again.
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

    /// The live sessions of an owner, the one that was seen last first.
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
