//! The session of a request, for handlers: the application's payload in it, and its lifetime.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    browser_sessions::{Continued, bind_to_browser},
    granted::Granted,
    inner::{AuthProvider, Sessions},
    issued::SessionToken,
    presented::Presented,
    revocations::SessionState,
    run_to_completion::RunToCompletion,
    sessions::{refuse_changed, reissue_request},
    way::Way,
};
use crate::{
    clock::Timestamp,
    csrf::CsrfToken,
    demands::Outbox,
    event::EventKind,
    rejection::{InvalidToken, Misconfigured, Rejection, Unavailable},
    session::payload_text,
    store::{LoadedSession, NewSession, PayloadChange, PayloadOutcome, Session, SessionId},
    token::{Purpose, RefreshId, TokenPayload},
    user::AuthUser,
};

/// The payload of a session is not of the requested type.
#[derive(Debug, thiserror::Error)]
#[error("the payload of the session is not of the expected type")]
pub struct PayloadError(#[source] serde_json::Error);

/// The session of a request, if it has one. Created by [`AuthProvider::current_session`], which the
/// extractor `CurrentSession` of the adapters calls.
///
/// It is the session of the credential that authenticates the request: a
/// [`SessionCookie`](crate::transport::SessionCookie), or a bearer token of a login that the
/// session store keeps. It is read from the store once, when the handle is created, and does not
/// follow later changes by other requests.
///
/// ```
/// # use fauth_core::{AuthUser, Rejection, SessionHandle};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Cart { articles: Vec<u32> }
///
/// # async fn example<U: AuthUser>(session: &mut SessionHandle<U>) -> Result<(), Rejection> {
/// // A loop, because another request of the same session may write first.
/// loop {
///     let mut cart: Cart = session.payload().unwrap_or_default().unwrap_or_default();
///     cart.articles.push(7);
///     if session.update(&cart).await? {
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct SessionHandle<U> {
    auth: AuthProvider<U>,
    granted: Option<Granted<U>>,
    kept: Option<Kept>,
}

/// The state of a session when it was read.
struct Kept {
    created_at: Timestamp,
    last_seen_at: Timestamp,
    idle_end: Timestamp,
    ends_at: Timestamp,
    payload: Option<Box<str>>,
}

impl From<LoadedSession> for Kept {
    fn from(loaded: LoadedSession) -> Self {
        let LoadedSession { session, payload } = loaded;
        Self {
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            idle_end: session.ends_at(),
            ends_at: session.expires_at,
            payload,
        }
    }
}

impl Kept {
    /// For a session that is kept in its token only.
    fn of_token(token: &TokenPayload) -> Self {
        Self {
            created_at: token.authenticated_at().unwrap_or(token.issued_at()),
            last_seen_at: token.issued_at(),
            idle_end: token.expires_at(),
            ends_at: token.session_end().unwrap_or(token.expires_at()),
            payload: token.claim_text("session_payload").map(Into::into),
        }
    }
}

impl<U: AuthUser> AuthProvider<U> {
    /// Returns the session of a request, or a handle without one. An invalid credential is refused,
    /// as by [`check_optional`](Self::check_optional). Behind a guard, the credential is the one
    /// that the guard has accepted.
    ///
    /// # Errors
    /// As [`check_optional`](Self::check_optional), and [`Rejection::InvalidToken`] if the session
    /// has ended according to the session store.
    pub async fn current_session(&self, presented: Presented<U>) -> Result<SessionHandle<U>, Rejection> {
        let granted = self.check_optional(presented).await?;
        let kept = match &granted {
            None => None,
            Some(granted) => self.kept_session(granted.payload()).await?,
        };
        Ok(SessionHandle { auth: self.clone(), granted, kept })
    }

    async fn kept_session(&self, token: &TokenPayload) -> Result<Option<Kept>, Rejection> {
        // The `sid` of another issuer is not the id of a session in this store.
        if token.is_foreign() {
            return Ok(None);
        }
        let id = token.session_id().and_then(SessionId::parse);
        match (&self.inner.sessions, id) {
            (Some(sessions), Some(id)) => Ok(Some(self.load_session(sessions, token, &id).await?.into())),
            _ if token.purpose() == Purpose::Session => Ok(Some(Kept::of_token(token))),
            _ => Ok(None),
        }
    }

    async fn load_session(
        &self,
        sessions: &Sessions,
        token: &TokenPayload,
        id: &SessionId,
    ) -> Result<LoadedSession, Rejection> {
        let owner = self.owner(token.subject());
        let loaded = self.call_store(sessions.store.load(&owner, id, self.now()?)).await?;
        let loaded = loaded.ok_or(Rejection::InvalidToken(InvalidToken::SessionEnded))?;
        // A faulty backend must not return the session of another user.
        if loaded.session.owner != owner || loaded.session.id != *id {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        Ok(loaded)
    }
}

impl<U: AuthUser> SessionHandle<U> {
    /// Returns whether the request is authenticated.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.granted.is_some()
    }

    /// Returns the user of the request.
    #[must_use]
    pub fn user(&self) -> Option<&Arc<U>> {
        self.granted.as_ref().map(Granted::user)
    }

    /// Returns the id of the session; `None` if the request is not authenticated, or its token
    /// belongs to no login.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.granted.as_ref().and_then(|granted| granted.payload().session_id())
    }

    /// Returns the application's data in the session; `None` if there is none, or the request is
    /// not authenticated.
    ///
    /// # Errors
    /// [`PayloadError`] if it is not a `T`, for example after a release that has changed the type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<Option<T>, PayloadError> {
        let text = self.kept.as_ref().and_then(|kept| kept.payload.as_deref());
        text.map(serde_json::from_str).transpose().map_err(PayloadError)
    }

    /// Returns the time of the login.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.created_at)
    }

    /// Returns when the session was last extended. Requests extend it once in half of the idle
    /// timeout.
    #[must_use]
    pub fn last_seen_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.last_seen_at)
    }

    /// Returns when the session expires if no request extends it.
    #[must_use]
    pub fn idle_end(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.idle_end)
    }

    /// Returns when the session expires at the latest.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.ends_at)
    }

    /// Replaces the payload that [`payload`](Self::payload) has read.
    ///
    /// Returns `false` if another request has changed the payload meanwhile. Nothing was written
    /// then, and [`payload`](Self::payload) returns the current content, so that the change can be
    /// applied to that. No concurrent write is lost unnoticed this way.
    ///
    /// Without a session store, the payload is kept in the cookie, and the response sets a new one.
    /// That needs a guard around the handler, or [`visitor`](crate::Guard::visitor). Of two
    /// concurrent requests, the cookie that the browser receives last wins; the result is always
    /// `true`.
    ///
    /// # Security
    /// Without a session store, the user of the browser can restore an older cookie of the session,
    /// and its payload with it. Do not keep anything there that must not be restored, such as a
    /// coupon that is used up.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the session has ended meanwhile.
    /// - [`Rejection::MissingCredential`] if the request is not authenticated.
    /// - [`Rejection::Misconfigured`] if the payload is too long or not JSON, if nothing can keep
    ///   it, or if a new cookie is needed and no guard can set it.
    /// - [`Rejection::Unavailable`] if the store fails.
    pub async fn update(&mut self, payload: &impl Serialize) -> Result<bool, Rejection> {
        let text = payload_text(payload).map_err(Rejection::Misconfigured)?;
        let granted = self.granted.as_ref().ok_or(Rejection::MissingCredential)?;
        let nothing_keeps = || Rejection::Misconfigured(Misconfigured::NothingKeepsLogin);
        let kept = self.kept.as_mut().ok_or_else(nothing_keeps)?;
        let auth = &self.auth;
        let Some(sessions) = &auth.inner.sessions else {
            let (cookie, payload) = auth.with_payload(granted, text.clone()).await?;
            cookie_place(granted)?.post(cookie);
            kept.payload = Some(text);
            // Later steps, such as `renew`, continue from the new payload.
            self.granted = Some(granted.with_payload(payload));
            return Ok(true);
        };
        let (owner, id) = auth.owner_and_id(granted.payload())?;
        let change = PayloadChange { before: kept.payload.take(), after: Some(text) };
        let changing = sessions.store.change_payload(&owner, &id, &change, auth.now()?);
        match auth.call_store(changing).await {
            Ok(PayloadOutcome::Changed) => {
                kept.payload = change.after;
                Ok(true)
            }
            Ok(PayloadOutcome::Differs) => {
                *kept = auth.load_session(sessions, granted.payload(), &id).await?.into();
                Ok(false)
            }
            Ok(PayloadOutcome::NotLive) => Err(Rejection::InvalidToken(InvalidToken::SessionEnded)),
            Err(rejection) => {
                kept.payload = change.before;
                Err(rejection)
            }
        }
    }

    /// Gives the session a new id and ends the old session. Call it whenever the privileges of the
    /// user grow, such as after a second factor, so that a copy of the old cookie becomes useless.
    /// Payload, time of the login and end of the lifetime stay; the user is loaded again.
    ///
    /// The guard around the handler sets the new cookie. A login creates a new session anyway, and
    /// ends the one whose cookie it replaces.
    ///
    /// # Security
    /// A change of the payload by a concurrent request may be lost. Without a session store, a
    /// logout at the very same moment may end the old session and not the new one; an earlier
    /// logout is noticed.
    ///
    /// A logout with the old cookie that arrives after the renewal and before its response does not
    /// end the new session. A request with the old cookie is refused, and its response may delete
    /// the new cookie: renew where a page sends no other requests at the same time. If an account
    /// has ended so many sessions that its share of the revocation store is used up, all its
    /// sessions end, including this one.
    ///
    /// With neither a session store nor a revocation store
    /// ([`danger_without_revocation`](crate::transport::SessionCookie::danger_without_revocation)),
    /// the old session cannot be ended: its cookie stays valid until it expires.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the session has ended meanwhile, or the user is gone.
    /// - [`Rejection::MissingCredential`] if the request is not authenticated.
    /// - [`Rejection::Misconfigured`] if the session is not that of a
    ///   [`SessionCookie`](crate::transport::SessionCookie), or there is no guard around the
    ///   handler.
    /// - [`Rejection::Unavailable`] if a store fails. If the new session was already opened, the
    ///   old one may have ended.
    pub async fn renew(&mut self) -> Result<(), Rejection> {
        let granted = self.granted.as_ref().ok_or(Rejection::MissingCredential)?;
        let outbox = cookie_place(granted)?;
        let (cookie, payload) = self.auth.renewed(granted).await?;
        outbox.post(cookie);
        self.kept = self.auth.kept_session(&payload).await?;
        self.granted = Some(granted.with_payload(payload));
        Ok(())
    }
}

impl<U: AuthUser> SessionHandle<U> {
    /// Returns a new [CSRF token](crate::AuthProviderBuilder::csrf_tokens) for the session as it is
    /// now. After [`renew`](Self::renew), a token that was extracted before belongs to the ended
    /// session.
    ///
    /// # Errors
    /// [`Rejection::Misconfigured`] if the provider was built without CSRF tokens, and
    /// [`Rejection::Unavailable`] if the random generator fails.
    pub fn csrf_token(&self) -> Result<CsrfToken, Rejection> {
        self.auth.csrf_token_of(self.granted.as_ref())
    }
}

/// Where a new cookie of this session is put, to get into the response.
fn cookie_place<U>(granted: &Granted<U>) -> Result<&Outbox, Rejection> {
    let outbox = granted.outbox().ok_or(Rejection::Misconfigured(Misconfigured::NoSessionCookie))?;
    if outbox.is_open() {
        Ok(outbox)
    } else {
        Err(Rejection::Misconfigured(Misconfigured::SessionOutsideGuard))
    }
}

type Cookie = Vec<crate::reply::ResponseHeader>;

impl<U: AuthUser> AuthProvider<U> {
    /// The cookie and the token of a session that is kept in its token, with another payload.
    async fn with_payload(
        &self,
        granted: &Granted<U>,
        payload: Box<str>,
    ) -> Result<(Cookie, TokenPayload), Rejection> {
        cookie_place(granted)?;
        let now = self.now()?;
        let claims = self.load_claims(Arc::clone(granted.user())).await?;
        let continued = Continued { payload: Some(payload), ..Continued::of_token(granted.payload(), now) };
        let token = self.token_of(granted, continued, claims, now).await?;
        self.cookie_and_payload(&token, now)
    }

    fn cookie_and_payload(
        &self,
        token: &SessionToken,
        now: Timestamp,
    ) -> Result<(Cookie, TokenPayload), Rejection> {
        let cookie = self.session_cookie(token)?;
        let payload = self.inner.verifier.verify(token.token.expose().as_bytes(), Purpose::Session, now)?;
        Ok((cookie, payload))
    }

    /// The cookie and the token of a session that replaces another.
    async fn renewed(&self, granted: &Granted<U>) -> Result<(Cookie, TokenPayload), Rejection> {
        let Way::Ambient(place) = granted.way() else {
            return Err(Rejection::Misconfigured(Misconfigured::NoSessionCookie));
        };
        let before = granted.payload();
        let user = self.user_of(before).await?;
        refuse_changed(before, &*user)?;
        let epoch = user.token_epoch();
        let claims = self.load_claims(user).await?;
        let now = self.now()?;
        let mut request = reissue_request(before, claims)?;
        request.bound.user_epoch = epoch;
        let id = SessionId::from_random(self.random()?);
        match &self.inner.sessions {
            None => {
                request.bound.session = self.inner.revocations.is_some().then_some(id);
                Continued::of_token(before, now).bind_to(&mut request);
                let token = self.session_token(place, &mut request, now).await?;
                let made = self.cookie_and_payload(&token, now)?;
                // As late as possible: a logout of the old session does not end the new one.
                self.refuse_if_revoked(before, now).await?;
                self.revoke_login_of(before, SessionState::None, now).await?;
                Ok(made)
            }
            Some(sessions) => {
                let (_, old) = self.owner_and_id(before)?;
                let LoadedSession { session: live, payload } =
                    self.load_session(sessions, before, &old).await?;
                let mut session = Session { id, last_seen_at: now, ..live.clone() };
                session.tokens_end_at = session.ends_at();
                bind_to_browser(&mut request, &session);
                let token = self.session_token(place, &mut request, now).await?;
                let made = self.cookie_and_payload(&token, now)?;
                let head = RefreshId::from_bytes(self.random()?).hash();
                // It replaces a session, so no other has to end for it.
                let new = NewSession { session, head, limit: usize::MAX, payload };
                let this = self.clone();
                let replacing = async move { this.replace(live, new, now).await };
                RunToCompletion::new(replacing).await?;
                Ok(made)
            }
        }
    }

    /// Opens a session, and ends the old one afterwards: if opening fails, the user keeps that.
    async fn replace(&self, old: Session, new: NewSession, now: Timestamp) -> Result<(), Rejection> {
        let sessions = self.kept_sessions()?;
        let id = new.session.id.clone();
        self.call_store(sessions.store.open(new, now)).await?;
        // Ending the old session decides: if a logout was faster, there is no new session.
        let refused = match self.end(sessions, &old, now).await {
            Ok(Some(_)) => {
                let client = crate::client::ClientInfo::unknown();
                self.raise_about(EventKind::SessionEnded, &old.id, &old.owner.subject, &client);
                return Ok(());
            }
            Ok(None) => Rejection::InvalidToken(InvalidToken::SessionEnded),
            Err(rejection) => rejection,
        };
        // Its token is not handed out, so it is useless even if ending it fails.
        let _ = self.call_store(sessions.store.end(&old.owner, &id, now)).await;
        Err(refused)
    }
}

impl<U> fmt::Debug for SessionHandle<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_authenticated = self.granted.is_some();
        f.debug_struct("SessionHandle").field("is_authenticated", &is_authenticated).finish_non_exhaustive()
    }
}
