//! Browser sessions: the one token that stands for each of them, and how requests extend it.
//!
//! The token stands for the session until the session ends. It has a purpose of its own, and is in
//! the cookie of a transport that [opens with](Transport::opens_with) it. With a session store, the
//! store decides how long the session lasts and keeps its payload; otherwise both are in the token.
//!
//! **A response in flight that extends a session never undoes a logout.** Its token belongs to the
//! same session. With a session store, extending and ending are atomic steps on one row: either the
//! row has ended, and nothing is issued; or the logout sees until when the new token lasts, and
//! revokes the session for as long. Without one, a logout revokes the session for longer than any
//! login lasts. This does not hold when a session gets a new id: see
//! [`SessionHandle::renew`](super::SessionHandle::renew).

use std::sync::Arc;

use super::{
    delivery::Delivery,
    granted::Granted,
    inner::AuthProvider,
    issued::{Issued, SessionToken},
    revocations::{SessionState, after, refusal},
    run_to_completion::RunToCompletion,
    sessions::reissue_request,
    way::Way,
};
use crate::{
    clock::Timestamp,
    rejection::{InvalidToken, Misconfigured, Rejection, Unavailable},
    reply::ResponseHeader,
    store::{Owner, Session, SessionId, Verdict},
    token::{BrowserBinding, Purpose, TokenClaims, TokenError, TokenPayload, TokenRequest},
    user::AuthUser,
};

/// The extended session.
pub(super) struct Continued {
    pub(super) idle_end: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) remembered: bool,
    /// The payload, if it is kept in the token itself.
    pub(super) payload: Option<Box<str>>,
}

impl From<&Session> for Continued {
    fn from(session: &Session) -> Self {
        Self {
            idle_end: session.ends_at(),
            ends_at: session.expires_at,
            remembered: session.remembered,
            payload: None,
        }
    }
}

impl Continued {
    /// The session of a token that no store keeps, as a request at `now` extends it.
    pub(super) fn of_token(payload: &TokenPayload, now: Timestamp) -> Self {
        let ends_at = payload.session_end().unwrap_or(payload.expires_at());
        Self {
            idle_end: after(now, payload.expires_at().since(payload.issued_at())).min(ends_at),
            ends_at,
            remembered: payload.claim("session_remembered").ok().flatten().unwrap_or(false),
            payload: payload.claim_text("session_payload").map(Into::into),
        }
    }

    pub(super) fn bind_to(self, request: &mut TokenRequest<'_>) {
        request.bound.ends_at = Some(self.ends_at);
        request.bound.remembered = self.remembered;
        request.bound.browser = Some(BrowserBinding { idle_end: self.idle_end, payload: self.payload });
    }
}

impl<U: AuthUser> AuthProvider<U> {
    /// Issues what a login returns: a pair of tokens, or the token of a browser session.
    pub(super) async fn issue_for(
        &self,
        delivery: Option<Delivery>,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<Issued, Rejection> {
        match delivery {
            Some(Delivery::Session(place)) => {
                self.session_token(place, request, now).await.map(Issued::Session)
            }
            _ => self.pair(request, now, now).await.map(Issued::Pair),
        }
    }

    pub(super) async fn session_token(
        &self,
        place: usize,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<SessionToken, Rejection> {
        let issuer = self.issuer().map_err(|error| self.cannot_issue(&error))?;
        let lifetime = issuer.lifetime(Purpose::Session, request, now);
        if lifetime.is_zero() {
            return Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)));
        }
        let token = issuer.issue(Purpose::Session, request, now).await;
        let token = token.map_err(|error| self.cannot_issue(&error))?;
        let scope = Some(request.scope_text()).filter(|scope| !scope.is_empty());
        let csrf = self.value_beside(&token, Purpose::Session, now)?;
        Ok(SessionToken { token, lifetime, remembered: request.bound.remembered, scope, place, csrf })
    }

    /// Refuses the token of a session that has ended. The revocation store decides. If there is
    /// none, or if it has lost older revocations, the session store does, which retains more.
    pub(super) async fn refuse_ended_session(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let verdict = self.verdict(payload, None, now).await?;
        let revocations = self.inner.revocations.as_ref();
        let Some(sessions) = &self.inner.sessions else { return refusal(verdict) };
        let asks_sessions = match verdict {
            Verdict::Good => revocations.is_none(),
            // Not where claims are revocable, because sessions do not know them.
            Verdict::BeforeMemory => revocations.is_some_and(|revocations| revocations.claims.is_empty()),
            _ => false,
        };
        if !asks_sessions {
            return refusal(verdict);
        }
        let (owner, id) = self.owner_and_id(payload)?;
        match self.find_live(sessions, &owner, &id, now).await? {
            Some(_) => Ok(()),
            None => Err(Rejection::InvalidToken(InvalidToken::SessionEnded)),
        }
    }

    pub(super) fn owner_and_id(
        &self,
        payload: &TokenPayload,
    ) -> Result<(Owner<'static>, SessionId), Rejection> {
        let id = payload.session_id().and_then(SessionId::parse);
        let id = id.ok_or(Rejection::InvalidToken(InvalidToken::UnknownSession))?;
        Ok((self.owner_of(payload).into_owned(), id))
    }

    /// Extends the session of a request that a guard admits, if it is in the second half of its
    /// time, and puts the new cookie where the guard takes it from.
    ///
    /// A failure was raised as an event and does not refuse the request, because the current cookie
    /// is valid for as long again. Only an ended session does. The session of an inactive user who
    /// is admitted is not extended.
    pub(crate) async fn carry_on(&self, granted: &Granted<U>) -> Result<(), Rejection> {
        let Some(outbox) = granted.outbox() else { return Ok(()) };
        // The outermost guard does it. An extractor outside of guards does not, because nothing
        // takes the cookie there.
        if !outbox.open() {
            return Ok(());
        }
        if !granted.user().is_active() {
            return Ok(());
        }
        let now = self.now()?;
        if !is_due(granted.payload(), now) {
            return Ok(());
        }
        match self.carried_on(granted, now).await {
            Ok(cookie) => outbox.post(cookie),
            Err(ended @ Rejection::InvalidToken(_)) => return Err(ended),
            Err(_) => {}
        }
        Ok(())
    }

    async fn carried_on(
        &self,
        granted: &Granted<U>,
        now: Timestamp,
    ) -> Result<Vec<ResponseHeader>, Rejection> {
        let payload = granted.payload();
        let claims = self.load_claims(Arc::clone(granted.user())).await?;
        // Loading may have taken some time.
        let now = self.now()?.max(now);
        let continued = match &self.inner.sessions {
            None => Continued::of_token(payload, now),
            Some(sessions) => {
                let (owner, id) = self.owner_and_id(payload)?;
                let session = self.call_store(sessions.store.prolong(&owner, &id, now)).await?;
                let Some(session) = session else { return Err(self.found_ended(payload, now).await) };
                // A faulty backend that returns another session must not turn one into another.
                if session.owner != owner || session.id != id {
                    return Err(Rejection::Unavailable(Unavailable::Store));
                }
                Continued::from(&session)
            }
        };
        let token = self.token_of(granted, continued, claims, now).await?;
        self.session_cookie(&token)
    }

    /// The session of a valid cookie has ended according to the session store, perhaps by a call
    /// that was interrupted before it revoked the session; so it is revoked here. If that fails, an
    /// event was raised, and the next request tries again; this request is refused all the same.
    async fn found_ended(&self, payload: &Arc<TokenPayload>, now: Timestamp) -> Rejection {
        let (this, payload) = (self.clone(), Arc::clone(payload));
        let revoking = async move { this.revoke_login_of(&payload, SessionState::Gone, now).await };
        let _ = RunToCompletion::new(revoking).await;
        Rejection::InvalidToken(InvalidToken::SessionEnded)
    }

    /// Ends the browser session of a token that is refused because its user is gone, is inactive or
    /// has a higher epoch, as a refresh does: the session must not outlive the account, even if
    /// that is activated again later. After that, the token is refused before its user is loaded,
    /// and nothing is written again.
    ///
    /// Returns the rejection to answer with. If a store fails, the next request tries again.
    pub(super) async fn refused_for_user(&self, payload: &TokenPayload, rejection: Rejection) -> Rejection {
        let is_of_user = matches!(
            rejection,
            Rejection::InvalidToken(
                InvalidToken::UnknownUser | InvalidToken::InactiveUser | InvalidToken::OldEpoch
            )
        );
        if payload.purpose() == Purpose::Session
            && is_of_user
            && let Ok(now) = self.now()
        {
            let _ = self.end_login(&self.login_of(payload), now).await;
        }
        rejection
    }

    /// Another token of the session of a request.
    pub(super) async fn token_of(
        &self,
        granted: &Granted<U>,
        continued: Continued,
        claims: Option<TokenClaims>,
        now: Timestamp,
    ) -> Result<SessionToken, Rejection> {
        let Way::Ambient(place) = granted.way() else {
            return Err(Rejection::Misconfigured(Misconfigured::NoSessionCookie));
        };
        let payload = granted.payload();
        let mut request = reissue_request(payload, claims)?;
        request.bound.session = payload.session_id().and_then(SessionId::parse);
        continued.bind_to(&mut request);
        self.session_token(place, &mut request, now).await
    }
}

/// Binds the token of a login to its session, however it is delivered.
pub(super) fn bind_to_browser(request: &mut TokenRequest<'_>, session: &Session) {
    request.bound.session = Some(session.id.clone());
    Continued::from(session).bind_to(request);
}

/// Is the token in the second half of its time, and would a new one of its session last longer?
fn is_due(payload: &TokenPayload, now: Timestamp) -> bool {
    let (issued, expires) = (payload.issued_at(), payload.expires_at());
    let half = expires.since(issued).as_secs().div_ceil(2);
    now.since(issued).as_secs() >= half && payload.session_end().is_some_and(|end| expires < end)
}
