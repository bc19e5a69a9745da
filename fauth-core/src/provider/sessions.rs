//! Logins that are kept: opened, carried on, listed, ended.

use std::{sync::Arc, time::Duration};

use super::{
    api_keys,
    granted::Granted,
    inner::{AuthProvider, Sessions},
    presented::Presented,
    run_to_completion::RunToCompletion,
};
use crate::{
    client::{ClientInfo, shortened},
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Rejection, Unavailable},
    request::RequestHead,
    requirement::Requirement,
    session::LoginRequest,
    store::{NewSession, Nonce, RevocationTarget, Rotation, RotationOutcome, SecretHash, Session, SessionId},
    token::{
        Purpose, RefreshBinding, RefreshId, TokenError, TokenPair, TokenPayload, TokenRequest, random_bytes,
    },
    user::AuthUser,
};

/// What a logout has ended on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything: no token of the login opens anything.
    Tokens,
    /// No more tokens are issued; access tokens go on until they expire.
    Session,
    /// Nothing is kept, so nothing could be ended.
    Nothing,
    /// Nobody knows which session it was.
    Unknown,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Logs somebody in: opens a session and issues its first pair of tokens. Checks nothing: who calls it has made sure who the subject is, with
    /// [`authenticate`](Self::authenticate) for example.
    ///
    /// ```
    /// # use fauth_core::{LoginRequest, TokenRequest};
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pair = auth.login("alice").await?;
    /// let pair = auth.login(TokenRequest::for_subject("alice").scope("read").claim("tenant", "acme")).await?;
    /// let pair = auth.login(LoginRequest::for_subject("alice").remember(true)).await?;
    /// # Ok::<(), fauth_core::Rejection>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Rejection::Misconfigured`] if the request is impossible (a reserved claim, an empty subject), [`Rejection::Unavailable`] if a store, the clock or the
    /// randomness fails; there is no session then that anybody has tokens of.
    pub async fn login<'a>(&self, request: impl Into<LoginRequest<'a>>) -> Result<TokenPair, Rejection> {
        self.login_sender(request.into(), &ClientInfo::default()).await
    }

    pub(crate) async fn login_sender(
        &self,
        request: LoginRequest<'_>,
        sender: &ClientInfo,
    ) -> Result<TokenPair, Rejection> {
        let now = self.now()?;
        let LoginRequest { mut token, remember, client, address, epoch } = request;
        self.refuse_kept_out(token.subject(), now, sender).await?;
        token.bound.epoch = match epoch {
            Some(epoch) => epoch,
            None => self.current_epoch(token.subject(), now).await?,
        };
        let pair = match &self.inner.sessions {
            None => {
                // Without a store, a session is a name by which its tokens can be revoked together.
                if self.inner.revocations.is_some() {
                    token.bound.session = Some(SessionId::from_random(self.random()?));
                }
                self.pair(&mut token, now, now)?
            }
            Some(sessions) => {
                let span = sessions.policy.span(remember);
                let session = Session {
                    id: SessionId::from_random(self.random()?),
                    subject: token.subject().to_owned(),
                    created_at: now,
                    last_seen_at: now,
                    idle_timeout: span.idle_timeout,
                    expires_at: end_of(now, span.lifetime)?,
                    remembered: remember,
                    client: client.or_else(|| sender.user_agent().and_then(shortened)),
                    address: address.or_else(|| sender.address()),
                };
                self.open(sessions, session, &mut token, now).await?
            }
        };
        let session = token.bound.session.as_ref().map(|id| self.hash_identifier(id.as_str()));
        let mut event = Event::new(EventKind::LoggedIn).subject(token.subject()).sender(sender);
        event.session = session.as_deref();
        self.raise(&event);
        Ok(pair)
    }

    /// The tokens are made first, so that no session is opened for a request that is impossible.
    async fn open(
        &self,
        sessions: &Sessions,
        session: Session,
        token: &mut TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<TokenPair, Rejection> {
        let id = RefreshId::from_bytes(self.random()?);
        let head = id.hash();
        bind(token, &session, id);
        let pair = self.pair(token, now, now)?;
        let kept = session.id.clone();
        let new = NewSession { session, head, limit: sessions.policy.limit };
        let crowded_out = self.call_store(sessions.store.open(new, now)).await?;
        if let Err(rejection) = self.revoke_sessions(&crowded_out, now).await {
            // Nobody will have tokens of it.
            let _ = self.call_store(sessions.store.end(&kept, None, now)).await;
            return Err(rejection);
        }
        Ok(pair)
    }

    /// Exchanges a refresh token for a new pair with the same scopes and custom claims. The user is loaded again and must be active. However often it is
    /// refreshed, a session ends when its lifetime is over.
    ///
    /// The old token is used up: within the grace window ([`SessionConfig::grace`](crate::SessionConfig::grace)) it gives the same successor once more, after that its use ends the session,
    /// because then somebody has a copy of it ([`EventKind::TokenTheft`]).
    ///
    /// # Security
    /// Without a session store ([`danger_stateless`](crate::AuthProviderBuilder::danger_stateless)) the old refresh token stays good until it
    /// expires, and nobody could know that it was used twice.
    ///
    /// # Errors
    /// [`Rejection::InvalidToken`] if the token is not a good refresh token, its session has ended, or its user is gone or inactive;
    /// [`Rejection::Unavailable`] if a store, the loader, the clock or the randomness fails: the same token can be tried again then.
    pub async fn refresh(&self, refresh_token: &str) -> Result<TokenPair, Rejection> {
        self.refresh_sender(refresh_token, &ClientInfo::default()).await
    }

    pub(crate) async fn refresh_sender(
        &self,
        refresh_token: &str,
        sender: &ClientInfo,
    ) -> Result<TokenPair, Rejection> {
        let now = self.now()?;
        let payload = self.inner.verifier.verify(refresh_token.as_bytes(), Purpose::Refresh, now)?;
        let payload = Arc::new(payload);
        let accepted = match self.refuse_revoked_refresh(&payload, now).await {
            Ok(()) => self.user_of(&payload).await.and_then(|user| refuse_changed(&payload, &*user)),
            refused => refused,
        };
        if let Err(rejection) = accepted {
            // A session does not outlive its user's account, also if that is opened again; and one that was revoked but not ended, because somebody was
            // interrupted, is ended here.
            if matches!(rejection, Rejection::InvalidToken(_)) {
                self.end_login(&payload, now).await?;
            }
            return Err(rejection);
        }
        self.refuse_if_expired(&payload)?;
        let (pair, reason) = match &self.inner.sessions {
            None => (self.refresh_stateless(&payload, now)?, None),
            Some(sessions) => self.carry_on(sessions, &payload, now, sender).await?,
        };
        let mut event = Event::new(EventKind::Refreshed).subject(payload.subject()).sender(sender);
        event.reason = reason;
        let session = payload.session_id().map(|id| self.hash_identifier(id));
        event.session = session.as_deref();
        self.raise(&event);
        Ok(pair)
    }

    fn refresh_stateless(&self, payload: &TokenPayload, now: Timestamp) -> Result<TokenPair, Rejection> {
        let mut request = same_again(payload)?;
        request.bound.session = payload.session_id().and_then(SessionId::parse);
        self.pair(&mut request, now, now)
    }

    async fn carry_on(
        &self,
        sessions: &Sessions,
        payload: &TokenPayload,
        now: Timestamp,
        sender: &ClientInfo,
    ) -> Result<(TokenPair, Option<&'static str>), Rejection> {
        let id = payload.session_id().and_then(SessionId::parse);
        let id = id.ok_or(Rejection::InvalidToken(InvalidToken::UnknownSession))?;
        let nonce = Nonce::from_bytes(self.random()?);
        let successor = successor_of(payload, nonce)?;
        let rotation = Rotation {
            session: id,
            presented: SecretHash::of(payload.token_id().as_bytes()),
            successor: successor.hash(),
            nonce,
            grace: sessions.policy.grace,
        };
        // An answer that gets lost after this line is given again within the grace window.
        let (session, successor, made_at, reason) = match self
            .call_store(sessions.store.rotate(rotation, now))
            .await?
        {
            RotationOutcome::Rotated(session) => (session, successor, now, None),
            RotationOutcome::InGrace { session, nonce, rotated_at } => {
                (session, successor_of(payload, nonce)?, rotated_at, Some("in_grace"))
            }
            RotationOutcome::Reused(session) => {
                return Err(self.stolen(&session, payload, now, sender).await);
            }
            RotationOutcome::Ended => {
                // Whoever has ended it may have been interrupted before its access tokens were revoked too.
                self.end_login(payload, now).await?;
                return Err(Rejection::InvalidToken(InvalidToken::SessionEnded));
            }
            RotationOutcome::Expired => {
                return Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)));
            }
            RotationOutcome::Unknown => return Err(Rejection::InvalidToken(InvalidToken::UnknownSession)),
        };
        // A backend that mixes sessions up must not make one user out of another.
        if session.subject != payload.subject() {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        let mut request = same_again(payload)?.authenticated_at(session.created_at);
        bind(&mut request, &session, successor);
        Ok((self.pair(&mut request, now, made_at)?, reason))
    }

    /// Somebody has a copy of a refresh token. The store has ended the session; what is left of it is taken back here.
    async fn stolen(
        &self,
        session: &Session,
        payload: &TokenPayload,
        now: Timestamp,
        sender: &ClientInfo,
    ) -> Rejection {
        let hash = self.hash_identifier(session.id.as_str());
        let mut event = Event::new(EventKind::TokenTheft).subject(payload.subject()).sender(sender);
        event.session = Some(&hash);
        self.raise(&event);
        match self.revoke_sessions(std::slice::from_ref(&session.id), now).await {
            Ok(()) => Rejection::InvalidToken(InvalidToken::Reused),
            Err(rejection) => rejection,
        }
    }

    /// Ends the login that a token belongs to, an access or a refresh token: its session, and what has been issued in it. A login that has ended already stays
    /// so.
    ///
    /// # Errors
    /// [`Rejection::InvalidToken`] if the token is neither; [`Rejection::Unavailable`] if it could not be ended: try again.
    /// [`Rejection::Misconfigured`] if nothing is kept on the server.
    pub async fn logout(&self, token: &str) -> Result<(), Rejection> {
        let now = self.now()?;
        let verify = |purpose| self.inner.verifier.verify(token.as_bytes(), purpose, now);
        let payload = match verify(Purpose::Access) {
            Err(TokenError::WrongPurpose { .. }) => verify(Purpose::Refresh)?,
            verified => verified?,
        };
        match self.logout_sender(Some(&payload), &ClientInfo::default()).await? {
            Ended::Nothing | Ended::Unknown => Err(Rejection::Misconfigured(Misconfigured::NoStore)),
            Ended::Session | Ended::Tokens => Ok(()),
        }
    }

    pub(crate) async fn logout_sender(
        &self,
        payload: Option<&TokenPayload>,
        sender: &ClientInfo,
    ) -> Result<Ended, Rejection> {
        let ended = match payload {
            Some(payload) => self.end_login(payload, self.now()?).await?,
            None if self.can_end_all() => Ended::Unknown,
            None => Ended::Nothing,
        };
        let mut event = Event::new(EventKind::LoggedOut).sender(sender);
        event.subject = payload.map(TokenPayload::subject);
        let session = payload.and_then(TokenPayload::session_id).map(|id| self.hash_identifier(id));
        event.session = session.as_deref();
        self.raise(&event);
        Ok(ended)
    }

    /// Also if nobody waits for it any more.
    pub(crate) async fn end_login(&self, payload: &TokenPayload, now: Timestamp) -> Result<Ended, Rejection> {
        let (this, payload) = (self.clone(), payload.clone());
        RunToCompletion::new(async move { this.end_login_now(&payload, now).await }).await
    }

    /// Revokes first: who is interrupted in between can do it again with the same token, and until then it does less than before.
    async fn end_login_now(&self, payload: &TokenPayload, now: Timestamp) -> Result<Ended, Rejection> {
        let mut targets = vec![RevocationTarget::TokenId(payload.token_id())];
        targets.extend(payload.session_id().map(RevocationTarget::Session));
        self.revoke_until_gone(&targets, now).await?;
        let session = payload.session_id().and_then(SessionId::parse);
        if let (Some(sessions), Some(id)) = (&self.inner.sessions, &session) {
            self.end(sessions, id, Some(payload.subject()), now).await?;
        }
        Ok(match (&self.inner.revocations, &self.inner.sessions) {
            (Some(_), _) => Ended::Tokens,
            (None, Some(_)) if session.is_some() => Ended::Session,
            _ => Ended::Nothing,
        })
    }

    /// Ends a session that was revoked before. If its store fails it may live on, and then the revocation must last as long as its refresh tokens: whoever was
    /// told to try again may never do so.
    async fn end(
        &self,
        sessions: &Sessions,
        id: &SessionId,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Session>, Rejection> {
        let ended = self.call_store(sessions.store.end(id, owner, now)).await;
        if ended.is_err() {
            // Whether that succeeds or not, the answer is that it is not certain.
            let _ = self.revoke_for_good(std::slice::from_ref(id), now).await;
        }
        ended
    }

    /// Ends the session whose cookies a login is about to replace: nobody would be left who could log it out.
    pub(crate) async fn end_replaced(
        &self,
        before: Option<&TokenPayload>,
        sender: &ClientInfo,
    ) -> Result<(), Rejection> {
        let Some(payload) = before else { return Ok(()) };
        self.end_login(payload, self.now()?).await?;
        if let Some(id) = payload.session_id().and_then(SessionId::parse) {
            self.raise_session_ended(&id, payload.subject(), sender);
        }
        Ok(())
    }

    /// Ends everything that was issued to a subject so far: all sessions, all access and refresh tokens. API keys live on.
    ///
    /// For "log out everywhere", and for a password that was changed or may be known to others.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that everything has ended: try again. [`Rejection::Misconfigured`] if nothing is kept on the server.
    pub async fn logout_all(&self, subject: &str) -> Result<(), Rejection> {
        self.logout_all_sender(subject, &ClientInfo::default()).await
    }

    pub(crate) async fn logout_all_sender(
        &self,
        subject: &str,
        sender: &ClientInfo,
    ) -> Result<(), Rejection> {
        let (this, whose) = (self.clone(), subject.to_owned());
        RunToCompletion::new(async move { this.end_everything(&whose).await }).await?;
        self.raise(&Event::new(EventKind::LoggedOutEverywhere).subject(subject).sender(sender));
        Ok(())
    }

    async fn end_everything(&self, subject: &str) -> Result<(), Rejection> {
        let now = self.now()?;
        self.raise_epoch(subject, now).await?;
        match (&self.inner.sessions, &self.inner.revocations) {
            (Some(sessions), _) => {
                self.call_store(sessions.store.end_all(subject, None, now)).await.map(drop)
            }
            (None, Some(_)) => Ok(()),
            (None, None) => Err(Rejection::Misconfigured(Misconfigured::NoStore)),
        }
    }

    /// Ends all sessions of the subject of `current`, a token that was verified, but its own. For a password that its owner has just changed. How many there were.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all).
    pub async fn logout_others(&self, current: &TokenPayload) -> Result<usize, Rejection> {
        let (this, current) = (self.clone(), current.clone());
        RunToCompletion::new(async move { this.end_others(&current).await }).await
    }

    async fn end_others(&self, current: &TokenPayload) -> Result<usize, Rejection> {
        let now = self.now()?;
        let sessions = self.kept_sessions()?;
        let keep = current.session_id().and_then(SessionId::parse);
        let listed = self.call_store(sessions.store.list(current.subject(), now)).await?;
        let others: Vec<_> =
            listed.into_iter().map(|session| session.id).filter(|id| Some(id) != keep.as_ref()).collect();
        self.revoke_sessions(&others, now).await?;
        let ended = self.call_store(sessions.store.end_all(current.subject(), keep.as_ref(), now)).await;
        if ended.is_err() {
            // As for a single one that could not be ended.
            let _ = self.revoke_for_good(&others, now).await;
        }
        let ended = ended?;
        // Some may have been opened meanwhile.
        let late: Vec<_> = ended.iter().filter(|id| !others.contains(id)).cloned().collect();
        self.revoke_sessions(&late, now).await?;
        for id in &ended {
            self.raise_session_ended(id, current.subject(), &ClientInfo::default());
        }
        Ok(ended.len())
    }

    /// The live sessions of a subject, the one that was seen last first.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if they cannot be read; [`Rejection::Misconfigured`] if none are kept.
    pub async fn sessions(&self, subject: &str) -> Result<Vec<Session>, Rejection> {
        let now = self.now()?;
        self.call_store(self.kept_sessions()?.store.list(subject, now)).await
    }

    /// Ends one session, whosesoever it is: `false` if there is none of this id. For administrators; users end their own with
    /// [`revoke_own_session`](Self::revoke_own_session).
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that it has ended: try again. [`Rejection::Misconfigured`] if none are kept.
    pub async fn revoke_session(&self, id: &SessionId) -> Result<bool, Rejection> {
        let ended = self.end_one(id, None, self.now()?).await?;
        if let Some(session) = &ended {
            self.raise_session_ended(id, &session.subject, &ClientInfo::default());
        }
        Ok(ended.is_some())
    }

    /// As [`revoke_session`](Self::revoke_session), of this subject only: `false` also for the sessions of others.
    ///
    /// # Errors
    /// As [`revoke_session`](Self::revoke_session).
    pub async fn revoke_own_session(&self, subject: &str, id: &SessionId) -> Result<bool, Rejection> {
        self.revoke_own_session_sender(subject, id, &ClientInfo::default()).await
    }

    pub(crate) async fn revoke_own_session_sender(
        &self,
        subject: &str,
        id: &SessionId,
        sender: &ClientInfo,
    ) -> Result<bool, Rejection> {
        let now = self.now()?;
        let sessions = self.kept_sessions()?;
        // Whose it is comes first: nobody may revoke what is not his.
        let own = self.call_store(sessions.store.list(subject, now)).await?;
        if !own.iter().any(|session| session.id == *id) {
            return Ok(false);
        }
        // Somebody else may have ended it meanwhile, who then has told of it.
        if self.end_one(id, Some(subject), now).await?.is_some() {
            self.raise_session_ended(id, subject, sender);
        }
        Ok(true)
    }

    /// Also if nobody waits for it any more.
    async fn end_one(
        &self,
        id: &SessionId,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Session>, Rejection> {
        let (this, id, owner) = (self.clone(), id.clone(), owner.map(str::to_owned));
        RunToCompletion::new(async move {
            let sessions = this.kept_sessions()?;
            this.revoke_sessions(std::slice::from_ref(&id), now).await?;
            this.end(sessions, &id, owner.as_deref(), now).await
        })
        .await
    }

    /// Are sessions kept, so that they can be listed?
    #[must_use]
    pub fn has_sessions(&self) -> bool {
        self.inner.sessions.is_some()
    }

    /// Can everything of a subject be ended at once?
    pub(crate) fn can_end_all(&self) -> bool {
        self.inner.sessions.is_some() || self.inner.revocations.is_some()
    }

    /// Who may see and end sessions: an active user who has logged in. An API key of his is for programs.
    pub(crate) async fn check_session(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        let granted = self.check(presented, &Requirement::user()).await?;
        if granted.payload().api_key_id().is_some() {
            return Err(api_keys::refused(ApiKeyFault::NotALogin));
        }
        Ok(granted)
    }

    /// What a logout is worth here.
    pub(crate) fn worth_of_logout(&self) -> Ended {
        if self.inner.revocations.is_some() { Ended::Tokens } else { Ended::Session }
    }

    /// The refresh token of a request, if it is a good one. That nothing can be said of it is an error.
    pub(crate) fn verify_refresh_presented(
        &self,
        head: &dyn RequestHead,
    ) -> Result<Option<TokenPayload>, Rejection> {
        let now = self.now()?;
        let found = self.find_credential(head, Purpose::Refresh).ok().flatten();
        let verified =
            found.map(|found| self.inner.verifier.verify(found.token.as_bytes(), Purpose::Refresh, now));
        Ok(verified.and_then(Result::ok))
    }

    fn kept_sessions(&self) -> Result<&Sessions, Rejection> {
        self.inner.sessions.as_ref().ok_or(Rejection::Misconfigured(Misconfigured::NoStore))
    }

    fn raise_session_ended(&self, id: &SessionId, subject: &str, sender: &ClientInfo) {
        let hash = self.hash_identifier(id.as_str());
        let mut event = Event::new(EventKind::SessionEnded).subject(subject).sender(sender);
        event.session = Some(&hash);
        self.raise(&event);
    }

    /// An access token issued now, and a refresh token as it was made at `refresh_made_at`.
    fn pair(
        &self,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
        refresh_made_at: Timestamp,
    ) -> Result<TokenPair, Rejection> {
        let issuer = &self.inner.issuer;
        let lifetime = |purpose, from| issuer.lifetime(purpose, request, from);
        let access_lifetime = lifetime(Purpose::Access, now);
        let refresh_lifetime = lifetime(Purpose::Refresh, refresh_made_at);
        if access_lifetime.is_zero() || refresh_lifetime.is_zero() {
            return Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)));
        }
        let cannot = |error| self.cannot_issue(&error);
        let access = issuer.issue(Purpose::Access, request, now).map_err(cannot)?;
        let refresh = issuer.issue(Purpose::Refresh, request, refresh_made_at).map_err(cannot)?;
        let refresh_lifetime = remaining(refresh_lifetime, refresh_made_at, now);
        Ok(TokenPair { access, refresh, access_lifetime, refresh_lifetime })
    }

    fn random(&self) -> Result<[u8; 16], Rejection> {
        random_bytes().map_err(|error| self.cannot_issue(&error))
    }
}

fn successor_of(payload: &TokenPayload, nonce: Nonce) -> Result<RefreshId, Rejection> {
    RefreshId::successor(payload.token_id(), nonce).ok_or(Rejection::Unavailable(Unavailable::Issuer))
}

/// A clock that stands where no session can end any more cannot be right.
fn end_of(now: Timestamp, lifetime: Duration) -> Result<Timestamp, Rejection> {
    let end = now.checked_add(lifetime).filter(|end| *end <= Timestamp::MAX);
    end.ok_or(Rejection::Unavailable(Unavailable::Clock))
}

/// What is left at `now` of a span that began at `from`.
fn remaining(span: Duration, from: Timestamp, now: Timestamp) -> Duration {
    span.saturating_sub(now.since(from))
}

/// The request that would issue this token's scopes, custom claims and epochs again.
fn same_again(payload: &TokenPayload) -> Result<TokenRequest<'_>, Rejection> {
    let login = payload.authenticated_at().map_err(|_| TokenError::InvalidClaim("auth_time"))?;
    let mut request =
        TokenRequest::for_subject(payload.subject()).scopes(payload.scopes()).authenticated_at(login);
    for (name, json) in payload.custom_claims() {
        request = request.raw_claim(name, json);
    }
    request.bound.epoch = payload.epoch();
    request.bound.user_epoch = payload.user_epoch();
    Ok(request)
}

fn bind(request: &mut TokenRequest<'_>, session: &Session, id: RefreshId) {
    request.bound.session = Some(session.id.clone());
    request.bound.ends_at = Some(session.expires_at);
    request.bound.refresh = Some(RefreshBinding { id, idle_timeout: session.idle_timeout });
}

/// Is the user still the one to whom this was issued?
pub(super) fn refuse_changed<U: AuthUser>(payload: &TokenPayload, user: &U) -> Result<(), Rejection> {
    if !user.is_active() {
        return Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
    }
    refuse_old_epoch(payload, user)
}

pub(super) fn refuse_old_epoch<U: AuthUser>(payload: &TokenPayload, user: &U) -> Result<(), Rejection> {
    if payload.user_epoch() < user.token_epoch() {
        return Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
    }
    Ok(())
}
