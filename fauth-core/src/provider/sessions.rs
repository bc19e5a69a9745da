//! Sessions: refresh, logout, and the list of a subject's sessions. Logins are in `logins.rs`.
//!
//! The session store decides whether a session is alive, and rotates its refresh tokens. The
//! revocation store makes access tokens invalid before they expire. Both are optional; [`Ended`]
//! says what a logout achieves without one of them.
//!
//! This file orders the calls to the two. It does not decide when a refresh token counts as
//! replayed (that is `store/rotation.rs`), how its successor is derived (`session.rs`), or what a
//! token contains (`token/`). The HTTP endpoints are in `routes.rs`.
//!
//! Logging out and ending sessions run to completion even if the caller is dropped, because
//! frameworks drop a handler when its client disconnects: see `run_to_completion.rs`.

use std::{sync::Arc, time::Duration};

use super::{
    delivery::Delivery,
    granted::Granted,
    inner::{AuthProvider, Sessions},
    own_only::refuse_foreign,
    presented::Presented,
    revocations::{SessionState, login_made_of, targets_of},
    run_to_completion::RunToCompletion,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{InvalidToken, Misconfigured, Rejection, Unavailable},
    requirement::Requirement,
    session::LogoutAll,
    store::{
        ApiKey, ClientFingerprint, EndedSession, Nonce, Owner, Rotation, RotationOutcome, SecretHash,
        Session, SessionId,
    },
    token::{
        Purpose, RefreshBinding, RefreshId, TokenClaims, TokenError, TokenPair, TokenPayload, TokenRequest,
        random_bytes,
    },
    user::AuthUser,
};

/// The login that a verified token belongs to.
#[derive(Clone)]
pub(super) struct Login {
    owner: Owner<'static>,
    payload: TokenPayload,
    /// The payload's session id; `None` if it has none, or one that no session can have.
    session: Option<SessionId>,
}

/// What a logout has ended on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The whole login: none of its tokens is accepted any more.
    Tokens,
    /// The session: no more tokens are issued, but access tokens stay valid until they expire.
    Session,
    /// The access token that was presented. Which refresh token belongs to it is unknown.
    Token,
    /// Nothing: the server keeps nothing that could be ended.
    Nothing,
    /// Nothing: without a valid token it is unknown which session was meant.
    Unknown,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Exchanges a refresh token for a new pair with the same scopes and custom claims, as far as
    /// [`token_claims`](crate::AuthProviderBuilder::token_claims) still grants them.
    ///
    /// The user is loaded again and must be active. However often a session is refreshed, it ends
    /// when its lifetime is over.
    ///
    /// Refresh tokens are rotated: each can be exchanged once. Presented again within the grace
    /// window ([`SessionConfig::grace`](crate::SessionConfig::grace)), the old token gives the
    /// same successor again. Presented later, or once the successor was exchanged too, it counts
    /// as replayed, because then somebody has a copy of it: the session ends, and
    /// [`EventKind::TokenTheft`] is raised.
    ///
    /// # Security
    /// Without a session store
    /// ([`danger_stateless`](crate::AuthProviderBuilder::danger_stateless)), the old refresh token
    /// stays valid until it expires, and a replay cannot be detected.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the token is not a valid refresh token, its session has
    ///   ended, or its user no longer exists or is inactive.
    /// - [`Rejection::Unavailable`] if a store, the loader, the clock or the random generator
    ///   fails. Try the same token again within the grace window: it may have been exchanged
    ///   already.
    pub async fn refresh(&self, refresh_token: &str, client: &ClientInfo) -> Result<TokenPair, Rejection> {
        self.refresh_for(refresh_token, client, None).await
    }

    /// Refreshes. `delivery` is where the tokens will go, if that is known; whether that is
    /// possible is checked before the refresh token is used up.
    pub(super) async fn refresh_for(
        &self,
        refresh_token: &str,
        client: &ClientInfo,
        delivery: Option<Delivery>,
    ) -> Result<TokenPair, Rejection> {
        let now = self.now()?;
        let payload = self.inner.verifier.verify(refresh_token.as_bytes(), Purpose::Refresh, now)?;
        let payload = Arc::new(payload);
        let login = self.login_of(&payload);
        let accepted = match self.refuse_revoked_refresh(&payload, now).await {
            Ok(()) => match self.user_of(&payload).await {
                Ok(user) => refuse_changed(&payload, &*user).map(|()| user),
                unknown => unknown,
            },
            Err(revoked) => Err(revoked),
        };
        let user = match accepted {
            Ok(user) => user,
            Err(rejection) => {
                // A session must not outlive its user's account, even if that is activated again
                // later. And a session that was revoked but not ended, because the logout was
                // interrupted, is ended here.
                if matches!(rejection, Rejection::InvalidToken(_)) {
                    self.end_login(&login, now).await?;
                }
                return Err(rejection);
            }
        };
        // Before the refresh token is used up: a failure leaves it as valid as it was.
        let claims = self.load_claims(user).await?;
        // Loading may have taken some time.
        let now = self.refuse_if_expired(&payload)?;
        if claims.is_some() {
            self.try_refresh(&login, claims.clone(), delivery, now).await?;
        }
        let (pair, reason) = match &self.inner.sessions {
            None => (self.refresh_stateless(&login, claims, now).await?, None),
            Some(sessions) => self.refresh_session(sessions, &login, claims, (now, client)).await?,
        };
        let mut event = Event::new(EventKind::Refreshed).subject(payload.subject()).client(client);
        event.reason = reason;
        let session = payload.session_id().map(|id| self.hash_identifier(id));
        event.session = session.as_deref();
        self.raise(&event);
        // To omit the scopes would mean that they are as before (RFC 6749 section 6).
        let lost = || (!payload.scopes().is_empty()).then(String::new);
        Ok(TokenPair { scope: pair.scope.or_else(lost), ..pair })
    }

    /// Issues the tokens that a refresh would return, to check whether they can be issued and
    /// delivered, and whether one of the loaded claims is revoked; in that case the login ends.
    async fn try_refresh(
        &self,
        login: &Login,
        claims: Option<TokenClaims>,
        delivery: Option<Delivery>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let mut request = reissue_request(&login.payload, claims)?;
        request.bound.session = login.session.clone();
        let pair = self.pair(&mut request, now, now).await?;
        if let Some(delivery) = delivery {
            self.deliver(delivery, &pair)?;
        }
        let refused = self.refuse_revoked_claims((pair.access_token(), Purpose::Access), now).await;
        if matches!(refused, Err(Rejection::InvalidToken(_))) {
            self.end_login(login, now).await?;
        }
        refused
    }

    async fn refresh_stateless(
        &self,
        login: &Login,
        claims: Option<TokenClaims>,
        now: Timestamp,
    ) -> Result<TokenPair, Rejection> {
        let mut request = reissue_request(&login.payload, claims)?;
        request.bound.session = match &login.session {
            // Without a session store, the id serves revocation only.
            None if self.inner.revocations.is_some() => login_made_of(&login.payload),
            session => session.clone(),
        };
        self.pair(&mut request, now, now).await
    }

    /// Rotates the refresh token of a session and issues the next pair.
    ///
    /// Also returns the reason for the event: `in_grace` if the token had been exchanged before
    /// and was presented again within the grace window.
    async fn refresh_session(
        &self,
        sessions: &Sessions,
        login: &Login,
        claims: Option<TokenClaims>,
        (now, client): (Timestamp, &ClientInfo),
    ) -> Result<(TokenPair, Option<&'static str>), Rejection> {
        let Login { owner, payload, session: Some(id) } = login else {
            return Err(Rejection::InvalidToken(InvalidToken::UnknownSession));
        };
        // The next refresh token, the successor, is derived from the presented one and a random
        // nonce. The store keeps that nonce and only hashes of tokens. So whoever presents the
        // old token again within the grace window, because the response was lost, gets the same
        // successor, although the server has not kept it. A copy of the store is no use without
        // a token.
        let nonce = Nonce::from_bytes(self.random()?);
        let successor = successor_of(payload, nonce)?;
        let rotation = Rotation {
            session: id.clone(),
            presented: SecretHash::of(payload.token_id().as_bytes()),
            successor: successor.hash(),
            nonce,
            grace: sessions.policy.grace,
            access_lifetime: self.issuer()?.longest(Purpose::Access),
            fingerprint: ClientFingerprint::of(client),
            bound_to_client: sessions.policy.bound_to_client,
        };
        // One atomic step. If the response is lost after it, the grace window allows a repetition.
        let (session, successor, made_at, reason) = match self
            .call_store(sessions.store.rotate(owner, &rotation, now))
            .await?
        {
            RotationOutcome::Rotated(session) => (session, successor, now, None),
            RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client } => {
                if from_another_client {
                    self.raise_about(EventKind::SuspiciousRefresh, id, &owner.subject, client);
                }
                (session, successor_of(payload, nonce)?, rotated_at, Some("in_grace"))
            }
            RotationOutcome::Reused(Session { tokens_end_at, .. }) => {
                let ended = EndedSession { id: id.clone(), tokens_end_at };
                return Err(self.revoke_replayed(owner, ended, now, client).await);
            }
            RotationOutcome::Ended { tokens_end_at } => {
                // The call that ended the session may have been interrupted before it revoked the
                // access tokens.
                self.revoke_tombstone(payload, tokens_end_at, now).await?;
                return Err(Rejection::InvalidToken(InvalidToken::SessionEnded));
            }
            RotationOutcome::Expired => {
                return Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)));
            }
            RotationOutcome::Unknown => return Err(Rejection::InvalidToken(InvalidToken::UnknownSession)),
        };
        // A faulty backend that returns another session must not turn one user into another.
        if session.owner != *owner || session.id != *id {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        let mut request = reissue_request(payload, claims)?.authenticated_at(session.created_at);
        bind(&mut request, &session, successor);
        Ok((self.pair(&mut request, now, made_at).await?, reason))
    }

    /// Revokes the access tokens of a session that has ended before, unless that was done.
    async fn revoke_tombstone(
        &self,
        payload: &TokenPayload,
        tokens_end_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let (this, payload) = (self.clone(), payload.clone());
        let state = SessionState::Ended { tokens_end_at };
        RunToCompletion::new(async move { this.revoke_login_of(&payload, state, now).await }).await
    }

    /// Reacts to a replayed refresh token, which shows that somebody has a copy: raises the
    /// event and revokes the access tokens of the session, which the store has ended already.
    ///
    /// Returns the rejection to answer with.
    async fn revoke_replayed(
        &self,
        owner: &Owner<'static>,
        ended: EndedSession,
        now: Timestamp,
        client: &ClientInfo,
    ) -> Rejection {
        self.raise_about(EventKind::TokenTheft, &ended.id, &owner.subject, client);
        self.tell_open(owner, &targets_of(std::slice::from_ref(&ended)));
        let (this, owner) = (self.clone(), owner.clone());
        let revoking = async move { this.revoke_ended(&owner, &[ended], now).await };
        // No other call would revoke its access tokens.
        match RunToCompletion::new(revoking).await {
            Ok(()) => Rejection::InvalidToken(InvalidToken::Reused),
            Err(rejection) => rejection,
        }
    }

    /// Ends the login of an access or refresh token: its session, and all tokens issued in it. If
    /// the login has ended already, that is not an error.
    ///
    /// # Security
    /// Without a revocation store, access tokens stay valid until they expire.
    /// Without a session store, a logout with an access token issued by the Python fauth ends that
    /// token only, because it does not name its refresh token. Log out with the refresh token
    /// instead, which ends everything that was made from it.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the token is neither a valid access token nor a valid
    ///   refresh token.
    /// - [`Rejection::Unavailable`] if it is not certain that the login has ended: try again.
    /// - [`Rejection::Misconfigured`] if the server keeps nothing that could be ended: it has no
    ///   revocation store, and no session store or no session of this token.
    pub async fn logout(&self, token: &str, client: &ClientInfo) -> Result<(), Rejection> {
        let payload = self.verify_of_login(token.as_bytes())?;
        match self.end_presented(Some(&payload), client).await? {
            Ended::Nothing | Ended::Unknown => Err(Rejection::Misconfigured(Misconfigured::NoStore)),
            Ended::Session | Ended::Tokens | Ended::Token => Ok(()),
        }
    }

    /// Verifies an access or refresh token: each names the login that it belongs to.
    pub(super) fn verify_of_login(&self, token: &[u8]) -> Result<TokenPayload, Rejection> {
        let now = self.now()?;
        let verify = |purpose| self.inner.verifier.verify(token, purpose, now);
        match verify(Purpose::Access) {
            Err(TokenError::WrongPurpose { .. }) => Ok(verify(Purpose::Refresh)?),
            verified => Ok(verified?),
        }
    }

    /// Ends the login of a verified token, and raises [`EventKind::LoggedOut`].
    ///
    /// Without a token nothing is ended: the result says whether a token would have helped
    /// ([`Ended::Unknown`]) or not ([`Ended::Nothing`]).
    pub(crate) async fn end_presented(
        &self,
        payload: Option<&TokenPayload>,
        client: &ClientInfo,
    ) -> Result<Ended, Rejection> {
        payload.map_or(Ok(()), refuse_foreign)?;
        let ended = match payload {
            Some(payload) => self.end_login(&self.login_of(payload), self.now()?).await?,
            None if self.can_end_all() => Ended::Unknown,
            None => Ended::Nothing,
        };
        let mut event = Event::new(EventKind::LoggedOut).client(client);
        event.subject = payload.map(TokenPayload::subject);
        let session = payload.and_then(TokenPayload::session_id).map(|id| self.hash_identifier(id));
        event.session = session.as_deref();
        self.raise(&event);
        Ok(ended)
    }

    /// Ends a login. Runs to completion, even if the caller is dropped.
    pub(super) async fn end_login(&self, login: &Login, now: Timestamp) -> Result<Ended, Rejection> {
        let (this, login) = (self.clone(), login.clone());
        RunToCompletion::new(async move { this.end_login_now(&login, now).await }).await
    }

    pub(super) fn login_of(&self, payload: &TokenPayload) -> Login {
        Login {
            owner: self.owner_of(payload).into_owned(),
            payload: payload.clone(),
            session: payload.session_id().and_then(SessionId::parse),
        }
    }

    /// Repeated with the same token, or with another of the same login, it finds everything ended
    /// and writes nothing: a logout verifies the token, but does not check whether it is revoked.
    async fn end_login_now(&self, login: &Login, now: Timestamp) -> Result<Ended, Rejection> {
        let Login { owner, payload, session } = login;
        let (found, state) = match (&self.inner.sessions, session) {
            (Some(sessions), Some(id)) => match self.find_live(sessions, owner, id, now).await {
                Err(rejection) => (Err(rejection), SessionState::Unknown),
                found => (found, SessionState::Gone),
            },
            _ => (Ok(None), SessionState::None),
        };
        if let (Some(sessions), Ok(Some(live))) = (&self.inner.sessions, &found) {
            let mut live = live.clone();
            if payload.purpose() != Purpose::Refresh {
                live.tokens_end_at = live.tokens_end_at.max(payload.expires_at());
            }
            self.end(sessions, &live, now).await?;
        } else {
            self.revoke_login_of(payload, state, now).await?;
            found?;
        }
        Ok(match (&self.inner.revocations, &self.inner.sessions) {
            (Some(_), None) if has_unknown_login(payload) => Ended::Token,
            (Some(_), _) => Ended::Tokens,
            (None, Some(_)) if session.is_some() => Ended::Session,
            _ => Ended::Nothing,
        })
    }

    /// The session of this owner and id, if it is live. A faulty backend that returns another one
    /// must not make a logout end that.
    pub(super) async fn find_live(
        &self,
        sessions: &Sessions,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, Rejection> {
        match self.call_store(sessions.store.find(owner, id, now)).await? {
            Some(other) if other.owner != *owner || other.id != *id => {
                Err(Rejection::Unavailable(Unavailable::Store))
            }
            found => Ok(found),
        }
    }

    /// Revokes the tokens of a live session first, and ends it second. If this is interrupted in
    /// between, the caller can repeat it with the same token, which by then can do less than
    /// before.
    ///
    /// If the session store fails, the session may still be alive. The revocation must then last
    /// as long as the refresh tokens of the session: the caller gets an error and should try again,
    /// but may never do so.
    pub(super) async fn end(
        &self,
        sessions: &Sessions,
        live: &Session,
        now: Timestamp,
    ) -> Result<Option<Session>, Rejection> {
        let before = EndedSession::from(live);
        self.revoke_ended(&live.owner, std::slice::from_ref(&before), now).await?;
        let ended = self.call_store(sessions.store.end(&live.owner, &live.id, now)).await;
        self.tell_open(&live.owner, &targets_of(std::slice::from_ref(&before)));
        if ended.is_err() {
            // Whether this succeeds or not, the answer is the error of the session store.
            let _ = self.revoke_for_good(&live.owner, &[before], now).await;
        } else if let Ok(Some(session)) = &ended
            && session.tokens_end_at > before.tokens_end_at
        {
            // It was refreshed meanwhile, by an instance whose tokens last longer.
            self.revoke_ended(&live.owner, &[EndedSession::from(session)], now).await?;
        }
        ended
    }

    /// Ends the sessions whose cookies a new login is about to overwrite: without them no client
    /// could log them out any more.
    pub(super) async fn end_replaced(
        &self,
        before: &[TokenPayload],
        client: &ClientInfo,
    ) -> Result<(), Rejection> {
        for payload in before {
            let login = self.login_of(payload);
            self.end_login(&login, self.now()?).await?;
            if let Some(id) = &login.session {
                self.raise_about(EventKind::SessionEnded, id, payload.subject(), client);
            }
        }
        Ok(())
    }

    /// Ends everything that was issued to a subject so far: all sessions, all access and refresh
    /// tokens. API keys stay valid unless [`LogoutAll::api_keys`] says otherwise.
    ///
    /// Use it for "log out everywhere". When a password was changed, or may be known to others,
    /// call [`password_changed`](Self::password_changed).
    ///
    /// # Security
    /// Without a revocation store, access tokens stay valid until they expire.
    ///
    /// # Errors
    /// - [`Rejection::Unavailable`] if it is not certain that everything has ended: try again.
    /// - [`Rejection::Misconfigured`] if there is neither a session store nor a revocation store,
    ///   or API keys are to end and there is no store of them. Everything else has ended then.
    pub async fn logout_all<'a>(
        &self,
        whose: impl Into<LogoutAll<'a>>,
        client: &ClientInfo,
    ) -> Result<(), Rejection> {
        self.log_out_all(whose.into(), client).await
    }

    async fn log_out_all(&self, whose: LogoutAll<'_>, client: &ClientInfo) -> Result<(), Rejection> {
        let LogoutAll { subject, issuer, api_keys } = whose;
        #[cfg(feature = "trusted-issuers")]
        if !issuer.is_empty() && !self.trusts(&issuer) {
            return Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer));
        }
        let owner = Owner { issuer, ..self.owner(&subject) }.into_owned();
        let this = self.clone();
        RunToCompletion::new(async move {
            // If the first step fails, the second is still tried.
            let ended = this.end_all(&owner).await;
            if api_keys {
                return ended.and(this.remove_api_keys(&owner, |_| true, "logged_out_everywhere").await);
            }
            ended
        })
        .await?;
        self.raise(&Event::new(EventKind::LoggedOutEverywhere).subject(&subject).client(client));
        Ok(())
    }

    /// Ends what must not outlive a subject's old password: all sessions, all access and refresh
    /// tokens, all one-time tokens, and the API keys that were not made to
    /// [survive](crate::api_key::ApiKeyRequest::danger_survives_password_change) it. Call it after
    /// the new hash is stored, also for a password that was reset; then log the user in anew.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, ClientInfo, LoginRequest, Rejection, TokenPair};
    /// # async fn store<U>(_: &U, _: String) {}
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, user: &U, hash: String, client: ClientInfo,
    /// # ) -> Result<TokenPair, Rejection> {
    /// store(user, hash).await; // in the user's record, with a higher `token_epoch` if it has one
    /// auth.password_changed(user.subject().as_ref(), &client).await?;
    /// auth.login(LoginRequest::for_user(user).client(client)).await
    /// # }
    /// ```
    ///
    /// If the user's record was loaded before its [`token_epoch`](AuthUser::token_epoch) was
    /// raised, load it again for the login.
    ///
    /// # Security
    /// Without a revocation store, access tokens stay valid until they expire, unless the user's
    /// record has a [`token_epoch`](AuthUser::token_epoch) that is raised with the password.
    ///
    /// # Errors
    /// As [`logout_all`](Self::logout_all). If one step fails, the others are still tried: call it
    /// again.
    pub async fn password_changed(&self, subject: &str, client: &ClientInfo) -> Result<(), Rejection> {
        let (this, owned) = (self.clone(), subject.to_owned());
        RunToCompletion::new(async move { this.end_for_new_password(&owned).await }).await?;
        self.raise(&Event::new(EventKind::PasswordChanged).subject(subject).client(client));
        Ok(())
    }

    async fn end_for_new_password(&self, subject: &str) -> Result<(), Rejection> {
        // First, so that nothing new is created from a login that ends; see `create_api_key`.
        let logins = self.end_all(&self.owner(subject)).await;
        let one_times = match self.inner.stores.one_times {
            Some(_) => self.withdraw_one_time(subject, None).await.map(drop),
            None => Ok(()),
        };
        let keys = match self.inner.stores.api_keys {
            Some(_) => {
                let ends = |key: &ApiKey| key.user_epoch.is_some();
                self.remove_api_keys(&self.owner(subject), ends, "password_changed").await
            }
            None => Ok(()),
        };
        logins.and(one_times).and(keys)
    }

    async fn end_all(&self, owner: &Owner<'_>) -> Result<(), Rejection> {
        if !self.can_end_all() {
            return Err(Rejection::Misconfigured(Misconfigured::NoStore));
        }
        let now = self.now()?;
        self.end_everything(owner, None, now, now).await.map(drop)
    }

    /// Ends all sessions of a subject except that of `current`, a verified token of this subject.
    /// Returns how many were ended.
    ///
    /// Use it for "log out my other devices". After a password change call
    /// [`password_changed`](Self::password_changed), which ends one-time tokens and API keys too.
    /// If `current` belongs to no session, all sessions end. If the store has no room left for
    /// revocations of this subject (one thousand at a time), all sessions end too, including that
    /// of `current`.
    ///
    /// # Security
    /// Without a revocation store, access tokens stay valid until they expire.
    ///
    /// # Errors
    /// - [`Rejection::Unavailable`] if it is not certain that all have ended: try again.
    /// - [`Rejection::Misconfigured`] if there is no session store.
    pub async fn logout_others(
        &self,
        current: &TokenPayload,
        client: &ClientInfo,
    ) -> Result<usize, Rejection> {
        let (this, current, client) = (self.clone(), current.clone(), client.clone());
        RunToCompletion::new(async move { this.end_others(&current, &client).await }).await
    }

    async fn end_others(&self, current: &TokenPayload, client: &ClientInfo) -> Result<usize, Rejection> {
        let now = self.now()?;
        let sessions = self.kept_sessions()?;
        refuse_foreign(current)?;
        let owner = self.owner(current.subject());
        let keep = current.session_id().and_then(SessionId::parse);
        let listed = self.call_store(sessions.store.list(&owner, now)).await?;
        let others: Vec<_> =
            listed.iter().filter(|other| Some(&other.id) != keep.as_ref()).map(EndedSession::from).collect();
        self.revoke_ended(&owner, &others, now).await?;
        let ended = self.call_store(sessions.store.end_all(&owner, keep.as_ref(), now)).await;
        if ended.is_err() {
            // They may still be alive: see `end`.
            let _ = self.revoke_for_good(&owner, &others, now).await;
        }
        let ended = ended?;
        self.tell_open(&owner, &targets_of(&ended));
        // Sessions that were opened or refreshed after the list was read: their tokens are not
        // revoked yet, or not for long enough.
        let late: Vec<_> = ended.iter().filter(|session| !others.contains(session)).cloned().collect();
        self.revoke_ended(&owner, &late, now).await?;
        for session in &ended {
            self.raise_about(EventKind::SessionEnded, &session.id, current.subject(), client);
        }
        Ok(ended.len())
    }

    /// Lists the live sessions of a subject, the most recently seen first.
    ///
    /// # Errors
    /// - [`Rejection::Unavailable`] if they cannot be read.
    /// - [`Rejection::Misconfigured`] if there is no session store.
    pub async fn sessions(&self, subject: &str) -> Result<Vec<Session>, Rejection> {
        let (now, owner) = (self.now()?, self.owner(subject));
        self.call_store(self.kept_sessions()?.store.list(&owner, now)).await
    }

    /// Ends one session of a subject. Returns `false` if this subject has no live session with
    /// this id, even if another subject has one.
    ///
    /// # Security
    /// Without a revocation store, access tokens stay valid until they expire.
    ///
    /// # Errors
    /// - [`Rejection::Unavailable`] if it is not certain that the session has ended: try again.
    /// - [`Rejection::Misconfigured`] if there is no session store.
    pub async fn revoke_session(
        &self,
        subject: &str,
        id: &SessionId,
        client: &ClientInfo,
    ) -> Result<bool, Rejection> {
        let (now, owner) = (self.now()?, self.owner(subject));
        let sessions = self.kept_sessions()?;
        // Only ids of real sessions are revoked. Otherwise made-up ids could fill the revocation
        // store.
        let Some(live) = self.find_live(sessions, &owner, id, now).await? else { return Ok(false) };
        let this = self.clone();
        // Runs to completion, even if the caller is dropped.
        let end = async move { this.end(this.kept_sessions()?, &live, now).await };
        // If another request has ended the session meanwhile, that one raises the event.
        if RunToCompletion::new(end).await?.is_some() {
            self.raise_about(EventKind::SessionEnded, id, subject, client);
        }
        Ok(true)
    }

    /// Returns whether there is a session store, so that sessions can be listed.
    #[must_use]
    pub fn has_sessions(&self) -> bool {
        self.inner.sessions.is_some()
    }

    /// Whether [`logout_all`](Self::logout_all) has a store that it can work with.
    pub(crate) fn can_end_all(&self) -> bool {
        self.inner.sessions.is_some() || self.inner.revocations.is_some()
    }

    /// Admits a request that lists or ends sessions: it needs an active user who has logged in.
    /// API keys are refused as by every requirement that does not name them.
    pub(crate) async fn check_session(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        let granted = self.check(presented, &Requirement::user()).await?;
        refuse_foreign(granted.payload())?;
        Ok(granted)
    }

    /// What a logout can end with the stores of this provider.
    pub(crate) fn worth_of_logout(&self) -> Ended {
        if self.inner.revocations.is_some() { Ended::Tokens } else { Ended::Session }
    }

    pub(super) fn kept_sessions(&self) -> Result<&Sessions, Rejection> {
        self.inner.sessions.as_ref().ok_or(Rejection::Misconfigured(Misconfigured::NoStore))
    }

    /// Raises an event about a session.
    pub(super) fn raise_about(&self, kind: EventKind, id: &SessionId, subject: &str, client: &ClientInfo) {
        let hash = self.hash_identifier(id.as_str());
        let mut event = Event::new(kind).subject(subject).client(client);
        event.session = Some(&hash);
        self.raise(&event);
    }

    /// Issues an access token as of `now` and a refresh token as of `refresh_made_at`. The two
    /// differ within the grace window, where an earlier refresh token is derived again.
    pub(super) async fn pair(
        &self,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
        refresh_made_at: Timestamp,
    ) -> Result<TokenPair, Rejection> {
        let issuer = self.issuer().map_err(|error| self.cannot_issue(&error))?;
        let lifetime = |purpose, from| issuer.lifetime(purpose, request, from);
        let access_lifetime = lifetime(Purpose::Access, now);
        let refresh_lifetime = lifetime(Purpose::Refresh, refresh_made_at);
        if access_lifetime.is_zero() || refresh_lifetime.is_zero() {
            return Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)));
        }
        let cannot = |error| self.cannot_issue(&error);
        let access = issuer.issue(Purpose::Access, request, now).await.map_err(cannot)?;
        let refresh = issuer.issue(Purpose::Refresh, request, refresh_made_at).await.map_err(cannot)?;
        let refresh_lifetime = remaining(refresh_lifetime, refresh_made_at, now);
        let remembered = request.bound.remembered;
        let scope = Some(request.scope_text()).filter(|scope| !scope.is_empty());
        let csrf = self.value_beside(&access, Purpose::Access, now)?;
        Ok(TokenPair { access, refresh, access_lifetime, refresh_lifetime, remembered, scope, csrf })
    }

    pub(super) fn random(&self) -> Result<[u8; 16], Rejection> {
        random_bytes().map_err(|error| self.cannot_issue(&error))
    }
}

fn successor_of(payload: &TokenPayload, nonce: Nonce) -> Result<RefreshId, Rejection> {
    RefreshId::successor(payload.token_id(), nonce).ok_or(Rejection::Unavailable(Unavailable::Issuer))
}

/// The end of a session that begins now. If it exceeds [`Timestamp::MAX`], the clock is wrong.
pub(super) fn end_of(now: Timestamp, lifetime: Duration) -> Result<Timestamp, Rejection> {
    let end = now.checked_add(lifetime).filter(|end| *end <= Timestamp::MAX);
    end.ok_or(Rejection::Unavailable(Unavailable::Clock))
}

/// The Python fauth issues access and refresh tokens separately, and neither names the other.
fn has_unknown_login(payload: &TokenPayload) -> bool {
    payload.is_of_python_fauth() && payload.purpose() == Purpose::Access && payload.session_id().is_none()
}

/// The part of a span from `from` that is left at `now`.
fn remaining(span: Duration, from: Timestamp, now: Timestamp) -> Duration {
    span.saturating_sub(now.since(from))
}

/// A request for another token with the login time, scopes, custom claims and epochs of this one.
/// `claims` is what was loaded for its user meanwhile.
pub(super) fn reissue_request(
    payload: &TokenPayload,
    claims: Option<TokenClaims>,
) -> Result<TokenRequest<'_>, Rejection> {
    let began_at = payload.began_at().map_err(|_| TokenError::InvalidClaim("auth_time"))?;
    let mut request = TokenRequest::for_subject(payload.subject()).scopes(payload.scopes());
    request = match payload.authenticated_at() {
        Some(at) => request.authenticated_at(at),
        None => request.began_at(began_at),
    };
    for (name, json) in payload.custom_claims() {
        request = request.raw_claim(name, json);
    }
    request.bound.epoch = payload.epoch();
    request.bound.user_epoch = payload.user_epoch();
    Ok(match claims {
        Some(claims) => request.with_reloaded(claims),
        None => request,
    })
}

/// Binds the tokens to a session, and the refresh token to its id.
pub(super) fn bind(request: &mut TokenRequest<'_>, session: &Session, id: RefreshId) {
    request.bound.session = Some(session.id.clone());
    request.bound.ends_at = Some(session.expires_at);
    request.bound.remembered = session.remembered;
    request.bound.refresh = Some(RefreshBinding { id, idle_timeout: session.idle_timeout });
}

/// Refuses a token whose user is inactive, or has raised the token epoch since it was issued.
pub(super) fn refuse_changed<U: AuthUser>(payload: &TokenPayload, user: &U) -> Result<(), Rejection> {
    if !user.is_active() {
        return Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
    }
    refuse_old_epoch(payload, user)
}

/// Refuses a token that was issued before its user's token epoch was raised.
pub(super) fn refuse_old_epoch<U: AuthUser>(payload: &TokenPayload, user: &U) -> Result<(), Rejection> {
    // A token of another issuer does not carry the epoch of the application's records.
    if !payload.is_foreign() && payload.user_epoch() < user.token_epoch() {
        return Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
    }
    Ok(())
}
