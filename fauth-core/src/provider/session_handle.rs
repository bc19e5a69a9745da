//! The session of a request, for handlers: what the application keeps in it, and until when it
//! lasts.

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

/// The payload of a session is not what it is read as.
#[derive(Debug, thiserror::Error)]
#[error("the payload of the session is not of the expected type")]
pub struct PayloadError(#[source] serde_json::Error);

/// The session of a request, or that there is none; made by
/// [`AuthProvider::current_session`], which the extractor `CurrentSession` of the adapters calls.
///
/// It is the session of whatever the request was let in by: a
/// [`SessionCookie`](crate::transport::SessionCookie), or a bearer token of a login that the
/// session store keeps. It is read from the store once, when it is made, and does not follow what
/// other requests do meanwhile.
///
/// ```
/// # use fauth_core::{AuthUser, Rejection, SessionHandle};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Cart { articles: Vec<u32> }
///
/// # async fn example<U: AuthUser>(session: &mut SessionHandle<U>) -> Result<(), Rejection> {
/// // A loop, because another request of the same session may be quicker.
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

/// What is known of a session.
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
    /// Of a session that stands in its token.
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
    /// The session of a request, or that it has none. A bad credential is refused, as by
    /// [`check_optional`](Self::check_optional); behind a guard, what that has let in counts.
    ///
    /// # Errors
    /// As [`check_optional`](Self::check_optional), and [`Rejection::InvalidToken`] if the session
    /// store says that the session has ended.
    pub async fn current_session(&self, presented: Presented<U>) -> Result<SessionHandle<U>, Rejection> {
        let granted = self.check_optional(presented).await?;
        let kept = match &granted {
            None => None,
            Some(granted) => self.kept_session(granted.payload()).await?,
        };
        Ok(SessionHandle { auth: self.clone(), granted, kept })
    }

    async fn kept_session(&self, token: &TokenPayload) -> Result<Option<Kept>, Rejection> {
        // The `sid` of another issuer is none of the sessions that are kept here.
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
        // A faulty backend must not show one session to another.
        if loaded.session.owner != owner || loaded.session.id != *id {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        Ok(loaded)
    }
}

impl<U: AuthUser> SessionHandle<U> {
    /// Is somebody there?
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.granted.is_some()
    }

    /// Who is there.
    #[must_use]
    pub fn user(&self) -> Option<&Arc<U>> {
        self.granted.as_ref().map(Granted::user)
    }

    /// The id of the session; `None` if nobody is there, or nothing ties the token to a login.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.granted.as_ref().and_then(|granted| granted.payload().session_id())
    }

    /// The application's own data; `None` if there is none, or nobody is there.
    ///
    /// # Errors
    /// [`PayloadError`] if it is not a `T`, as after a release that has changed it.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<Option<T>, PayloadError> {
        let text = self.kept.as_ref().and_then(|kept| kept.payload.as_deref());
        text.map(serde_json::from_str).transpose().map_err(PayloadError)
    }

    /// When the login was.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.created_at)
    }

    /// When the session was last carried on. Requests do that once in half of the idle timeout.
    #[must_use]
    pub fn last_seen_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.last_seen_at)
    }

    /// When the session ends if nothing carries it on.
    #[must_use]
    pub fn idle_end(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.idle_end)
    }

    /// When the session ends, whatever carries it on.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.kept.as_ref().map(|kept| kept.ends_at)
    }

    /// Puts this payload in the place of the one that [`payload`](Self::payload) has read.
    ///
    /// `false` says that another request has changed the payload meanwhile: nothing was written,
    /// and [`payload`](Self::payload) reads what is there now, so that the change can be made to
    /// that. So nothing that a concurrent request has written gets lost unseen.
    ///
    /// Without a session store the payload is in the cookie, which the response sets anew: that
    /// needs a guard around the handler, or [`visitor`](crate::Guard::visitor). Of two requests
    /// at the same time, the cookie counts that the browser gets last; the answer is always `true`.
    ///
    /// # Security
    /// Without a session store, the browser's user can put back an older cookie of the session, and
    /// its payload with it: nothing that must not come back belongs there, such as a coupon that
    /// was used up.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the session has ended meanwhile.
    /// - [`Rejection::MissingCredential`] if nobody is there.
    /// - [`Rejection::Misconfigured`] if the payload is too long or no JSON, nothing could keep it,
    ///   or a new cookie is needed and there is no guard that could set it.
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
            // What is made of it next, as by `renew`, goes on from the new payload.
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

    /// Gives the session another id, and ends the one before: for whenever the user may do more
    /// than before, such as after a second factor. Whoever has a copy of the cookie from before has
    /// nothing then. Payload, time of the login and end of the lifetime stay; the user is loaded
    /// again.
    ///
    /// The response of the guard around the handler sets the new cookie. A login makes a new
    /// session by itself, and ends the one whose cookie it replaces.
    ///
    /// # Security
    /// What another request writes into the payload at the same time may be lost. Without a session
    /// store, a logout that runs at the very same time may end the old session and not this one;
    /// one that was earlier is noticed.
    ///
    /// A logout with the cookie from before that arrives after the renewal and before its response
    /// ends nothing of the new session. A request with it is refused, and its answer may delete the
    /// new cookie: renew where a page sends nothing else at the same time. An account that has
    /// ended so many sessions that its share of the revocation store is used up ends all of them,
    /// this one too.
    ///
    /// With neither a session store nor a revocation store
    /// ([`danger_without_revocation`](crate::transport::SessionCookie::danger_without_revocation)),
    /// nothing can end the old session: its cookie stays good until it expires.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the session has ended meanwhile, or the user is gone.
    /// - [`Rejection::MissingCredential`] if nobody is there.
    /// - [`Rejection::Misconfigured`] if the session is not that of a
    ///   [`SessionCookie`](crate::transport::SessionCookie), or there is no guard around the
    ///   handler.
    /// - [`Rejection::Unavailable`] if a store fails. Once the new session was opened, the old one
    ///   may have ended by then.
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
    /// A new [CSRF token](crate::AuthProviderBuilder::csrf_tokens) for the session as it is now:
    /// after [`renew`](Self::renew), the token that was extracted before is of the session that has
    /// ended.
    ///
    /// # Errors
    /// [`Rejection::Misconfigured`] if the provider was built without CSRF tokens, and
    /// [`Rejection::Unavailable`] if there is no randomness.
    pub fn csrf_token(&self) -> Result<CsrfToken, Rejection> {
        self.auth.csrf_token_of(self.granted.as_ref())
    }
}

/// Where a new cookie of this session is put, so that it gets into the response.
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
    /// The cookie and the token of a session that stands in its token, with another payload.
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

    /// The cookie and the token of a session that takes the place of another.
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
                // As late as can be: the new session is another one, which a logout of the old one
                // does not end.
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
                // It takes the place of one, so that no other has to go for it.
                let new = NewSession { session, head, limit: usize::MAX, payload };
                let this = self.clone();
                let replacing = async move { this.replace(live, new, now).await };
                RunToCompletion::new(replacing).await?;
                Ok(made)
            }
        }
    }

    /// Opens a session, and ends the one before it: if opening fails, the user keeps that.
    async fn replace(&self, old: Session, new: NewSession, now: Timestamp) -> Result<(), Rejection> {
        let sessions = self.kept_sessions()?;
        let id = new.session.id.clone();
        self.call_store(sessions.store.open(new, now)).await?;
        // Whoever ends the old one decides: if a logout was quicker, there is no new one.
        let refused = match self.end(sessions, &old, now).await {
            Ok(Some(_)) => {
                let client = crate::client::ClientInfo::unknown();
                self.raise_about(EventKind::SessionEnded, &old.id, &old.owner.subject, &client);
                return Ok(());
            }
            Ok(None) => Rejection::InvalidToken(InvalidToken::SessionEnded),
            Err(rejection) => rejection,
        };
        // Nobody gets its token, so that it is of no use even if ending it fails.
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
