//! The outcome of a successful check.

use std::{fmt, sync::Arc};

#[cfg(feature = "mandates")]
use super::seen::{Seen, about};
use super::{inner::AuthProvider, way::Way};
use crate::{
    demands::{Demands, Outbox},
    ended::Ended,
    event::{Event, EventKind},
    password::OnBehalfOf,
    reply::ResponseHeader,
    request::CsrfProof,
    token::{Purpose, TokenPayload},
    user::AuthUser,
};

/// A request that was admitted: its user, its token, and what follows for the response. Only a
/// check creates one.
pub struct Granted<U> {
    provider: AuthProvider<U>,
    user: Arc<U>,
    payload: Arc<TokenPayload>,
    way: Way,
    /// Collects new cookies of a browser session.
    outbox: Option<Outbox>,
    /// Only for a mandate, and only if an event sink reads it.
    #[cfg(feature = "mandates")]
    seen: Option<Arc<Seen>>,
}

impl<U> Granted<U> {
    pub(super) fn new(
        provider: &AuthProvider<U>,
        user: Arc<U>,
        payload: Arc<TokenPayload>,
        way: Way,
    ) -> Self {
        let outbox = (payload.purpose() == Purpose::Session).then(Outbox::default);
        Self {
            provider: provider.clone(),
            user,
            payload,
            way,
            outbox,
            #[cfg(feature = "mandates")]
            seen: None,
        }
    }

    #[cfg(feature = "mandates")]
    pub(super) fn with_seen(self, seen: Option<Arc<Seen>>) -> Self {
        Self { seen, ..self }
    }

    /// An event about the token, and about the request if that was noted.
    pub(super) fn event(&self, kind: EventKind) -> Event<'_> {
        let event = Event::new(kind).token(&self.payload);
        #[cfg(feature = "mandates")]
        let event = about(event, self.seen.as_deref());
        event
    }

    /// The same request, after its session was given another token.
    pub(super) fn with_payload(&self, payload: TokenPayload) -> Self {
        Self { payload: Arc::new(payload), ..self.clone() }
    }

    /// Where new cookies are put, if this is a browser session.
    pub(super) const fn outbox(&self) -> Option<&Outbox> {
        self.outbox.as_ref()
    }

    /// Was it authenticated by the cookie of a browser session?
    pub(crate) const fn is_browser_session(&self) -> bool {
        self.outbox.is_some()
    }

    pub(super) const fn way(&self) -> Way {
        self.way
    }

    pub(super) fn provider(&self) -> u64 {
        self.provider.inner.id
    }

    /// Returns the user as loaded.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// Returns the verified token.
    #[must_use]
    pub const fn payload(&self) -> &Arc<TokenPayload> {
        &self.payload
    }

    /// Returns whether both are the outcome of the same check. For adapters, which keep a grant
    /// with its request.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.provider() == other.provider() && Arc::ptr_eq(&self.payload, &other.payload)
    }

    /// Returns what the response must contain because of the credential: nothing if the token came
    /// in `Authorization`, which caches know; headers that keep shared caches from serving it to
    /// others if the token came in a cookie or another header; `no-store` if it was in the URL.
    #[must_use]
    pub fn demands(&self) -> Demands {
        match &self.outbox {
            None => self.way.demands(),
            outbox => self.way.demands().with_outbox(outbox.as_ref()),
        }
    }
}

impl<U: AuthUser> Granted<U> {
    /// Returns a future that completes when the authority of this grant ends: the token expires,
    /// it, its session or its subject is revoked, or the user is disabled or gone. Use it for
    /// everything that stays open: a WebSocket, a server-sent stream, a job. The module
    /// [`ended`](crate::ended) lists how soon each of these is noticed, and what it costs.
    ///
    /// ```
    /// # use fauth_core::{AuthUser, Granted};
    /// # async fn serve() {}
    /// # async fn close(_: u16, _: &str) {}
    /// # async fn example<U: AuthUser>(granted: Granted<U>) {
    /// let ended = granted.ended();
    /// tokio::select! {
    ///     reason = ended => close(reason.close_code(), reason.as_str()).await,
    ///     () = serve() => {}
    /// }
    /// # }
    /// ```
    ///
    /// The future does not keep the provider alive; a grant does. All futures of one grant share
    /// one entry.
    pub fn ended(&self) -> Ended {
        self.provider.end_of_authority(&self.payload, &*self.user)
    }
}

/// A request that a [guard](crate::Guard) lets through: with a user, or without one where a user is
/// optional.
pub struct Entered<U> {
    granted: Option<Granted<U>>,
    demands: Demands,
    csrf_proof: Option<CsrfProof>,
}

impl<U> Entered<U> {
    pub(super) const fn nobody(demands: Demands) -> Self {
        Self { granted: None, demands, csrf_proof: None }
    }

    /// The same, with the outcome of the CSRF check.
    pub(super) fn with_csrf(self, csrf_proof: Option<CsrfProof>, cookie: Option<ResponseHeader>) -> Self {
        Self { csrf_proof, demands: self.demands.with_cookie(cookie), ..self }
    }

    /// A user on a route whose response to a guest would differ.
    pub(super) fn visitor(granted: Granted<U>, headers: Arc<str>) -> Self {
        let demands = granted.demands().among_visitors(headers);
        Self { granted: Some(granted), demands, csrf_proof: None }
    }

    /// Returns proof that the request needed a CSRF token and sent a valid one. Adapters keep it
    /// with the request, [`beside`](CsrfProof::beside) earlier ones, for
    /// [`RequestHead::csrf_proof`](crate::request::RequestHead::csrf_proof).
    #[must_use]
    pub fn csrf_proof(&self) -> Option<CsrfProof> {
        self.csrf_proof.clone()
    }

    /// Returns the grant; `None` for a request without a user, where a user is optional.
    #[must_use]
    pub const fn granted(&self) -> Option<&Granted<U>> {
        self.granted.as_ref()
    }

    /// Returns the grant, and what the response must contain.
    #[must_use]
    pub fn into_parts(self) -> (Option<Granted<U>>, Demands) {
        (self.granted, self.demands)
    }
}

impl<U> From<Granted<U>> for Entered<U> {
    fn from(granted: Granted<U>) -> Self {
        let demands = granted.demands();
        Self { granted: Some(granted), demands, csrf_proof: None }
    }
}

impl<U> fmt::Debug for Entered<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { granted, demands, csrf_proof: _ } = self;
        f.debug_struct("Entered").field("granted", granted).field("demands", demands).finish_non_exhaustive()
    }
}

impl<'a, U> From<&'a Granted<U>> for OnBehalfOf<'a> {
    fn from(granted: &'a Granted<U>) -> Self {
        Self::User(granted.payload.subject())
    }
}

impl<U> Clone for Granted<U> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            user: Arc::clone(&self.user),
            payload: Arc::clone(&self.payload),
            way: self.way,
            outbox: self.outbox.clone(),
            #[cfg(feature = "mandates")]
            seen: self.seen.clone(),
        }
    }
}

impl<U> fmt::Debug for Granted<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("payload", &self.payload).finish_non_exhaustive()
    }
}
