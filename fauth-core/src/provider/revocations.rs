//! Revoking tokens, sessions and subjects, and checking for revocations.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    inner::{AuthProvider, Revocations},
    run_to_completion::RunToCompletion,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    config::MAX_LEEWAY,
    event::{Event, EventKind},
    rejection::{InvalidToken, Misconfigured, Rejection, Unavailable},
    store::{ApiKeyId, EndedSession, Owner, RevocationTarget, SessionId, TokenFacts, Verdict},
    token::{Purpose, TokenError, TokenPayload},
    user::AuthUser,
};

/// The longest subject of a token, in bytes.
pub(super) const MAX_SUBJECT_BYTES: usize = 255;

impl<U: AuthUser> AuthProvider<U> {
    /// Revokes targets that belong to a subject: a token, a session, or everything. They are
    /// refused from the next request on, by all instances that share the store, for as long as any
    /// of their tokens could last.
    ///
    /// [`logout`](Self::logout), [`logout_all`](Self::logout_all) and
    /// [`revoke_session`](Self::revoke_session) do this themselves. With
    /// [`RevocationTarget::Subject`] the subject cannot log in during that time either; all its
    /// sessions end and all its API keys are removed. To lock an account for good, make the user
    /// [inactive](AuthUser::is_active).
    ///
    /// To end a login, revoke its session: the successor of a refresh token has another `jti`. For
    /// [`RevocationTarget::Claim`] the subject is ignored; [`revoke_claim`](Self::revoke_claim) is
    /// clearer.
    ///
    /// # Errors
    /// - [`Rejection::Unavailable`] if it is not certain that all targets are revoked: try again.
    /// - [`Rejection::Misconfigured`] if there is no revocation store, if a claim was not set with
    ///   [`revocable_claim`](crate::AuthProviderBuilder::revocable_claim), or if the subject is
    ///   empty or longer than 255 bytes.
    /// - [`Rejection::NotFound`] if a target is the id of an API key of another subject.
    ///
    /// # Security
    /// Tokens and sessions are identified by their subject and their id. With a wrong subject
    /// nothing is revoked, and the result is the same.
    pub async fn revoke(&self, subject: &str, targets: &[RevocationTarget<'_>]) -> Result<(), Rejection> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        self.revoke_targets(&self.owner(subject), targets).await?;
        self.raise(&Event::new(EventKind::Revoked).subject(subject));
        Ok(())
    }

    /// Like [`revoke`](Self::revoke), for tokens that a [trusted
    /// issuer](crate::AuthProviderBuilder::trusted_issuer) has issued to one of its subjects: one
    /// token by its [id](TokenPayload::token_id), a login by its `sid`, or everything. The issuer
    /// does not learn of it, and may issue a new token at any time; [`RevocationTarget::Subject`]
    /// refuses new tokens too. For [`RevocationTarget::Claim`] the subject is ignored: all tokens
    /// of this issuer with the claim are revoked.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, Granted, Rejection, store::RevocationTarget};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, granted: &Granted<U>,
    /// # ) -> Result<(), Rejection> {
    /// let token = granted.payload();
    /// if let Some(issuer) = token.issuer() {
    ///     let target = RevocationTarget::TokenId(token.token_id());
    ///     auth.revoke_of_issuer(issuer, token.subject(), &[target]).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke), and [`Rejection::Misconfigured`] if the issuer is not trusted.
    #[cfg(feature = "trusted-issuers")]
    pub async fn revoke_of_issuer(
        &self,
        issuer: &str,
        subject: &str,
        targets: &[RevocationTarget<'_>],
    ) -> Result<(), Rejection> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        if !self.trusts(issuer) {
            return Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer));
        }
        self.revoke_targets(&Owner { issuer: issuer.into(), ..self.owner(subject) }, targets).await?;
        self.raise(&Event::new(EventKind::Revoked).subject(subject));
        Ok(())
    }

    /// Revokes all own tokens with this value of a custom claim, such as a device or a tenant,
    /// whatever their subject. The claim must be set with
    /// [`revocable_claim`](crate::AuthProviderBuilder::revocable_claim).
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_claim(&self, name: &str, value: &str) -> Result<(), Rejection> {
        self.revoke_targets(&self.owner(""), &[RevocationTarget::Claim { name, value }]).await?;
        self.raise(&Event::new(EventKind::Revoked));
        Ok(())
    }

    async fn revoke_targets(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
    ) -> Result<(), Rejection> {
        let now = self.now()?;
        let Some(revocations) = &self.inner.revocations else {
            return Err(Rejection::Misconfigured(Misconfigured::NoStore));
        };
        let is_looked_at = |target: &RevocationTarget<'_>| match target {
            RevocationTarget::Claim { name, .. } => revocations.claims.iter().any(|claim| **claim == **name),
            _ => true,
        };
        if !targets.iter().all(is_looked_at) {
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        // Only own subjects have sessions and API keys, whatever the subjects of other issuers are
        // called.
        let kept = if owner.issuer.is_empty() { Kept::of(targets) } else { Kept::default() };
        self.refuse_keys_of_others(owner, &kept, now).await?;
        let until = self.login_is_over(now);
        let revoke = |until| revocations.store.revoke(owner, targets, None, now, until);
        self.call_store(revoke(until)).await?;
        self.tell_open(owner, targets);
        let (this, whose) = (self.clone(), owner.clone().into_owned());
        let end = async move { this.end_kept(&whose, &kept, now).await };
        let ended = RunToCompletion::new(end).await?;
        // Other instances may issue tokens that last longer than any login of this one.
        match tokens_end(&ended).map(accepted_until).filter(|end| *end > until) {
            Some(until) => self.call_store(revoke(until)).await.map(drop),
            None => Ok(()),
        }
    }

    /// A call that names the wrong subject for an API key must fail, so that the caller does not
    /// believe that the key is revoked.
    async fn refuse_keys_of_others(
        &self,
        owner: &Owner<'_>,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(store) = &self.inner.stores.api_keys else { return Ok(()) };
        for id in &kept.api_keys {
            let found = self.call_store(store.find(id, now)).await?;
            if found.is_some_and(|stored| stored.key.owner != *owner) {
                return Err(Rejection::NotFound);
            }
        }
        Ok(())
    }

    /// Ends what other stores keep of the revoked targets: the session store then knows too, should
    /// the revocation store ever lose its memory, and an API key may last longer than any
    /// revocation. Returns the ended sessions.
    async fn end_kept(
        &self,
        owner: &Owner<'_>,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, Rejection> {
        let mut ended = Vec::new();
        if let Some(sessions) = &self.inner.sessions {
            if kept.everything {
                ended = self.call_store(sessions.store.end_all(owner, None, now)).await?;
                self.tell_open(owner, &targets_of(&ended));
            }
            for id in &kept.sessions {
                let session = self.call_store(sessions.store.end(owner, id, now)).await?;
                self.tell_open(owner, &[RevocationTarget::Session(id.as_str())]);
                ended.extend(session.as_ref().map(EndedSession::from));
            }
        }
        if let Some(store) = &self.inner.stores.api_keys {
            for id in &kept.api_keys {
                self.call_store(store.remove(owner, id)).await?;
                self.tell_open(owner, &[RevocationTarget::TokenId(id.as_str())]);
            }
            if kept.everything {
                self.remove_api_keys(owner, |_| true, "subject_revoked").await?;
            }
        }
        Ok(ended)
    }

    /// Refuses a revoked token. Without a revocation store, nothing is checked.
    pub(super) async fn refuse_if_revoked(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        refusal(self.verdict(payload, None, now).await?)
    }

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for a refresh token. The session store
    /// decides whether its session is alive; it retains more than the revocation store does, so a
    /// session survives the loss of revocations. That does not hold where claims are revocable,
    /// because sessions do not know them.
    pub(super) async fn refuse_revoked_refresh(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let is_known_elsewhere = self.inner.sessions.is_some()
            && self.inner.revocations.as_ref().is_none_or(|revocations| revocations.claims.is_empty());
        match self.verdict(payload, login_made_of(payload).as_ref(), now).await? {
            Verdict::BeforeMemory if is_known_elsewhere => Ok(()),
            verdict => refusal(verdict),
        }
    }

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for an API key: its store knows whether
    /// it was revoked, and no epoch ends it. The keys of a revoked subject are removed; this check
    /// is for revocations by another provider without the key store.
    pub(super) async fn refuse_revoked_key(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let targets = [RevocationTarget::TokenId(payload.token_id()), RevocationTarget::Subject];
        if self.judge(payload.subject(), &targets, Timestamp::MAX, now).await? == Verdict::Revoked {
            return Err(Rejection::InvalidToken(InvalidToken::Revoked));
        }
        Ok(())
    }

    /// Refuses to issue tokens to a revoked subject: they would outlast the revocation.
    pub(super) async fn refuse_revoked_subject(
        &self,
        subject: &str,
        now: Timestamp,
        client: &ClientInfo,
    ) -> Result<(), Rejection> {
        // Judged like a token issued now: a token from before the store's memory would be refused
        // everywhere.
        let verdict = self.judge(subject, &[RevocationTarget::Subject], now, now).await?;
        if verdict == Verdict::BeforeMemory {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        if verdict == Verdict::Revoked {
            let event = Event::new(EventKind::AuthenticationFailed).reason("subject_revoked");
            self.raise(&event.subject(subject).client(client));
            return Err(Rejection::InvalidCredentials);
        }
        Ok(())
    }

    async fn judge(
        &self,
        subject: &str,
        targets: &[RevocationTarget<'_>],
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(Verdict::Good) };
        // No epoch is newer.
        let facts = TokenFacts { owner: self.owner(subject), targets, epoch: u64::MAX, issued_at };
        compared(self.call_store(revocations.store.check(&facts, now)).await?, now)
    }

    /// The verdict on a token, and on the login that was made from it, if there is one.
    pub(super) async fn verdict(
        &self,
        payload: &TokenPayload,
        login: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(Verdict::Good) };
        let claims = claimed(&revocations.claims, payload)?;
        let mut targets = targets(payload, &claims);
        targets.extend(login.map(|login| RevocationTarget::Session(login.as_str())));
        let facts = TokenFacts {
            owner: self.owner_of(payload),
            targets: &targets,
            epoch: payload.epoch(),
            issued_at: payload.issued_at(),
        };
        match compared(self.call_store(revocations.store.check(&facts, now)).await?, now)? {
            Verdict::BeforeMemory if revocations.trusts_though_older(payload) => Ok(Verdict::Good),
            verdict => Ok(verdict),
        }
    }

    /// The [verdicts](Self::verdict) on several tokens, and on API keys, which no epoch ends. All
    /// `Good` without a revocation store.
    pub(super) async fn verdicts(
        &self,
        tokens: &[&TokenPayload],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, Rejection> {
        let Some(revocations) = &self.inner.revocations else {
            return Ok(vec![Verdict::Good; tokens.len()]);
        };
        let claims = tokens.iter().map(|token| claimed(&revocations.claims, token));
        let claims = claims.collect::<Result<Vec<_>, _>>()?;
        let targets: Vec<_> =
            tokens.iter().zip(&claims).map(|(token, claims)| targets(token, claims)).collect();
        let facts: Vec<_> = tokens
            .iter()
            .zip(&targets)
            .map(|(token, targets)| {
                let is_key = token.is_api_key();
                TokenFacts {
                    owner: self.owner_of(token),
                    targets,
                    epoch: if is_key { u64::MAX } else { token.epoch() },
                    issued_at: if is_key { Timestamp::MAX } else { token.issued_at() },
                }
            })
            .collect();
        let mut verdicts = self.call_store(revocations.store.check_all(&facts, now)).await?;
        if verdicts.len() != tokens.len() {
            return Err(Rejection::Unavailable(Unavailable::Store));
        }
        for (verdict, token) in verdicts.iter_mut().zip(tokens) {
            if *verdict == Verdict::BeforeMemory && revocations.trusts_though_older(token) {
                *verdict = Verdict::Good;
            }
        }
        Ok(verdicts)
    }

    /// Calls `each` with every target by which a token can be revoked.
    pub(super) fn each_target(&self, payload: &TokenPayload, mut each: impl FnMut(&RevocationTarget<'_>)) {
        let names = self.inner.revocations.as_ref().map_or(&[][..], |revocations| &revocations.claims);
        // A token with an invalid revocable claim was never accepted.
        let claims = claimed(names, payload).unwrap_or_default();
        for target in &targets(payload, &claims) {
            each(target);
        }
    }

    /// The epoch that new tokens of a subject carry.
    pub(super) async fn current_epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, Rejection> {
        match &self.inner.revocations {
            Some(revocations) => self.call_store(revocations.store.epoch(owner, now)).await,
            None => Ok(0),
        }
    }

    /// Ends everything that was issued to an owner so far, except the session to `keep`. The tokens
    /// of that session are of an earlier epoch too, and must be issued again. Returns the new
    /// epoch; 0 if there is no revocation store.
    ///
    /// A call that keeps a session raises the epoch first and checks that session last; a call that
    /// keeps none ends the sessions first and checks the epoch last. So if two run at the same
    /// time, one of them finds the change of the other, and the session ends.
    pub(super) async fn end_everything(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<u64, Rejection> {
        let until = until.max(self.login_is_over(now));
        let epoch = self.raise_epoch(owner, until, now).await?;
        let Some(sessions) = &self.inner.sessions else { return Ok(epoch) };
        let ended = self.call_store(sessions.store.end_all(owner, keep, now)).await?;
        self.tell_open(owner, &targets_of(&ended));
        // Other instances may issue tokens that last longer than any login of this one.
        if let Some(until) = tokens_end(&ended).map(accepted_until).filter(|end| *end > until) {
            return self.raise_epoch(owner, until, now).await;
        }
        if keep.is_none() && self.current_epoch(owner, now).await? != epoch {
            // A session that has just ended may have been issued tokens of this other epoch.
            return self.raise_epoch(owner, until, now).await;
        }
        Ok(epoch)
    }

    /// Raises the epoch of an owner, if there is a revocation store, and reports that to open
    /// connections.
    pub(super) async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<u64, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(0) };
        let epoch = self.call_store(revocations.store.raise_epoch(owner, now, until)).await?;
        self.tell_open(owner, &[RevocationTarget::Subject]);
        Ok(epoch)
    }

    /// Revokes for an act of the owner. The number of such revocations is limited, so that no
    /// subject can fill the store. If there is no room, everything of the owner ends instead: a
    /// logout always succeeds.
    pub(super) async fn revoke_own(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        if !self.fits_own(owner, targets, until, now).await? {
            self.end_everything(owner, None, until, now).await?;
            self.raise(&everything_ended(owner));
        }
        Ok(())
    }

    /// As [`revoke_own`](Self::revoke_own), but if there is no room, it does nothing and returns
    /// `false`.
    async fn fits_own(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Rejection> {
        match &self.inner.revocations {
            Some(revocations) if !targets.is_empty() => {
                let limit = Some(revocations.share);
                let fits =
                    self.call_store(revocations.store.revoke(owner, targets, limit, now, until)).await?;
                self.tell_open(owner, targets);
                Ok(fits)
            }
            // Nothing to do without targets, or without a store.
            _ => Ok(true),
        }
    }

    /// Revokes the sessions that were evicted by a login, until their last token has expired.
    ///
    /// Returns an epoch if the tokens of the login must be issued again with it: there was no room,
    /// and everything else of the owner has ended instead. Returns `None` if the login itself is
    /// over, because everything was ended since its `epoch` was read.
    pub(super) async fn revoke_evicted(
        &self,
        owner: &Owner<'_>,
        evicted: &[EndedSession],
        (login, epoch): (&SessionId, u64),
        now: Timestamp,
    ) -> Result<Option<u64>, Rejection> {
        let is_live = |ended: &&EndedSession| now < accepted_until(ended.tokens_end_at);
        let live: Vec<_> = evicted.iter().filter(is_live).cloned().collect();
        let until = tokens_end(&live).map_or(now, accepted_until);
        if self.fits_own(owner, &targets_of(&live), until, now).await? {
            return Ok(None);
        }
        let keep = (self.current_epoch(owner, now).await? == epoch).then_some(login);
        let raised = self.end_everything(owner, keep, until, now).await?;
        self.raise(&everything_ended(owner));
        let (Some(sessions), Some(login)) = (&self.inner.sessions, keep) else { return Ok(None) };
        Ok(self.find_live(sessions, owner, login, now).await?.map(|_| raised))
    }

    /// Revokes the tokens of sessions that are about to end, or have just ended.
    pub(super) async fn revoke_ended(
        &self,
        owner: &Owner<'_>,
        ended: &[EndedSession],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let until = tokens_end(ended).map_or(now, |end| self.session_is_over(end, now));
        self.revoke_own(owner, &targets_of(ended), until, now).await
    }

    /// Revokes a session that may still be in the session store, for as long as a login can last.
    pub(super) async fn revoke_for_good(
        &self,
        owner: &Owner<'_>,
        ended: &[EndedSession],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let until = self.login_is_over(now).max(tokens_end(ended).map_or(now, accepted_until));
        self.revoke_own(owner, &targets_of(ended), until, now).await
    }

    /// Revokes the login of a token that may belong to no live session. Writes nothing if it is
    /// revoked already.
    pub(super) async fn revoke_login_of(
        &self,
        payload: &TokenPayload,
        session: SessionState,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let owner = self.owner_of(payload);
        let own_end = accepted_until(payload.expires_at());
        let is_refresh = payload.purpose() == Purpose::Refresh;
        // With a session store, nothing is issued for a token that names no session of it.
        let made = login_made_of(payload).filter(|_| is_refresh || self.inner.sessions.is_none());
        let target = login_target(payload, made.as_ref());
        let until = match (self.is_login_over(payload, target, now).await, session) {
            (Some(Verdict::OldEpoch), _) => return Ok(()),
            // It may still be alive, and was perhaps revoked only for as long as its access tokens
            // last.
            (_, SessionState::Unknown) => self.login_is_over(now).max(own_end),
            // The end is the same however often this is called, so it is written once.
            (Some(_), SessionState::Ended { tokens_end_at }) => accepted_until(tokens_end_at),
            (None, SessionState::Ended { tokens_end_at }) => self.session_is_over(tokens_end_at, now),
            // Its refresh tokens ended with it.
            (Some(_), SessionState::Gone) if is_refresh => return Ok(()),
            (Some(_), _) => own_end,
            (None, SessionState::Gone) if is_refresh => self.session_is_over(now, now),
            // Another request may have got a cookie that lasts longer.
            (None, SessionState::Gone) if payload.purpose() == Purpose::Session => {
                self.login_is_over(now).max(own_end)
            }
            (None, SessionState::Gone) => self.session_is_over(payload.expires_at(), now),
            (None, _) if matches!(target, RevocationTarget::TokenId(_)) => own_end,
            // It is unknown how long its other tokens last.
            (None, SessionState::None) => self.login_is_over(now).max(own_end),
        };
        // Tokens from elsewhere name the login in their own form.
        let foreign = made.as_ref().and(payload.session_id()).map(RevocationTarget::Session);
        let targets: SmallVec<[_; 2]> = [Some(target), foreign].into_iter().flatten().collect();
        self.revoke_own(&owner, &targets, until, now).await
    }

    /// Why the login of a token is over already, according to the revocation store.
    async fn is_login_over(
        &self,
        payload: &TokenPayload,
        target: RevocationTarget<'_>,
        now: Timestamp,
    ) -> Option<Verdict> {
        let revocations = self.inner.revocations.as_ref()?;
        let facts = TokenFacts {
            owner: self.owner_of(payload),
            targets: &[target],
            epoch: payload.epoch(),
            issued_at: payload.issued_at(),
        };
        // If this fails, the login is revoked; if that fails too, the caller gets the error.
        let verdict = self.call_store(revocations.store.check(&facts, now)).await.ok();
        verdict.filter(|verdict| matches!(verdict, Verdict::Revoked | Verdict::OldEpoch))
    }

    /// The time at which everything issued by this instance so far has expired.
    pub(super) fn login_is_over(&self, now: Timestamp) -> Timestamp {
        self.inner.revocations.as_ref().map_or(now, |revocations| after(now, revocations.retention.login))
    }

    /// How long the end of a session is retained: until the last of its tokens has expired,
    /// whichever instance issued it, and at least as long as a token of this instance can last.
    fn session_is_over(&self, tokens_end_at: Timestamp, now: Timestamp) -> Timestamp {
        let own =
            self.inner.revocations.as_ref().map(|revocations| after(now, revocations.retention.session));
        accepted_until(tokens_end_at).max(own.unwrap_or(now))
    }
}

/// The state of the session of a login that is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionState {
    /// The login is not kept: there is no session store, or no session in the token.
    None,
    /// According to the session store it is not alive.
    Gone,
    /// According to the session store it was ended; its last access token expires then.
    Ended { tokens_end_at: Timestamp },
    /// The session store did not answer.
    Unknown,
}

/// The target by which a login is revoked: all its tokens name the session. A token without a
/// session stands for itself, or for the login that was made from it.
fn login_target<'a>(payload: &'a TokenPayload, made: Option<&'a SessionId>) -> RevocationTarget<'a> {
    match (made, payload.session_id()) {
        (Some(made), _) => RevocationTarget::Session(made.as_str()),
        (None, Some(id)) => RevocationTarget::Session(id),
        (None, None) => RevocationTarget::TokenId(payload.token_id()),
    }
}

/// The login that is named by the tokens for which a refresh token without a session is exchanged.
/// Without a session store it can be exchanged any number of times, and all tokens made from it are
/// revoked together.
///
/// Session ids of other services have another form. They are in all tokens of that login, so that
/// each of them leads to the login that was made from the refresh token.
pub(super) fn login_made_of(payload: &TokenPayload) -> Option<SessionId> {
    match payload.session_id() {
        Some(id) if SessionId::parse(id).is_some() => None,
        Some(foreign) => Some(SessionId::of_refresh_token(foreign)),
        None if payload.purpose() == Purpose::Refresh => {
            Some(SessionId::of_refresh_token(payload.token_id()))
        }
        None => None,
    }
}

fn everything_ended<'a>(owner: &'a Owner<'_>) -> Event<'a> {
    Event::new(EventKind::LoggedOutEverywhere).reason("too_many_revocations").subject(&owner.subject)
}

/// The last second in which an instance may accept a token that ends then, whatever its leeway.
pub(super) fn accepted_until(end: Timestamp) -> Timestamp {
    after(end, MAX_LEEWAY)
}

/// When the last token of these sessions expires.
fn tokens_end(ended: &[EndedSession]) -> Option<Timestamp> {
    ended.iter().map(|session| session.tokens_end_at).max()
}

/// Records of the revoked targets in other stores.
#[derive(Default)]
struct Kept {
    everything: bool,
    sessions: Vec<SessionId>,
    /// The `jti` of a request with an API key is the id of the key.
    api_keys: Vec<ApiKeyId>,
}

impl Kept {
    fn of(targets: &[RevocationTarget<'_>]) -> Self {
        let (mut sessions, mut api_keys) = (Vec::new(), Vec::new());
        for target in targets {
            match target {
                RevocationTarget::Session(id) => sessions.extend(SessionId::parse(id)),
                RevocationTarget::TokenId(id) => api_keys.extend(ApiKeyId::parse(id)),
                _ => {}
            }
        }
        Self { everything: targets.contains(&RevocationTarget::Subject), sessions, api_keys }
    }
}

impl Revocations {
    /// Trusts tokens that another service issued before this store began: only tokens in the format
    /// of the Python fauth, and only those issued since the configured time.
    fn trusts_though_older(&self, payload: &TokenPayload) -> bool {
        payload.is_of_python_fauth() && self.trust_since.is_some_and(|since| payload.issued_at() >= since)
    }
}

/// A wrong clock is the server's fault, so the answer is 503: clients would only come back with
/// another token that is refused.
fn compared(verdict: Verdict, now: Timestamp) -> Result<Verdict, Rejection> {
    let Verdict::ClocksDisagree { remembers_since } = verdict else { return Ok(verdict) };
    tracing::error!(
        target: "fauth",
        provider_clock = %now,
        store_remembers_since = %remembers_since,
        "the clock of the provider is far behind the beginning of the store's memory: give \
         `AuthProviderBuilder::clock` and the store (`MemoryStoreBuilder::clock`, `SqlStore::clock`, \
         `RedisStoreBuilder::clock`) the same clock, or correct the clock of this machine"
    );
    Err(Rejection::Unavailable(Unavailable::ClocksDisagree))
}

pub(super) fn refusal(verdict: Verdict) -> Result<(), Rejection> {
    let reason = match verdict {
        Verdict::Good => return Ok(()),
        Verdict::Revoked => InvalidToken::Revoked,
        Verdict::OldEpoch => InvalidToken::OldEpoch,
        Verdict::BeforeMemory => InvalidToken::BeforeMemory,
        Verdict::ClocksDisagree { .. } => return Err(Rejection::Unavailable(Unavailable::ClocksDisagree)),
    };
    Err(Rejection::InvalidToken(reason))
}

pub(super) fn targets_of(sessions: &[EndedSession]) -> Vec<RevocationTarget<'_>> {
    sessions.iter().map(|session| RevocationTarget::Session(session.id.as_str())).collect()
}

pub(super) fn after(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX).min(Timestamp::MAX)
}

type Claimed<'a> = SmallVec<[(&'a str, String); 2]>;

/// The values of the revocable claims. A value that is not a string could not be revoked, so the
/// token is not accepted.
fn claimed<'a>(names: &'a [Box<str>], payload: &TokenPayload) -> Result<Claimed<'a>, Rejection> {
    let mut claims = Claimed::new();
    for name in names {
        let value = payload.claim(name).map_err(|_| TokenError::InvalidClaim("revocable"))?;
        claims.extend(value.map(|value| (&**name, value)));
    }
    Ok(claims)
}

/// The targets by which a token can be revoked.
fn targets<'a>(payload: &'a TokenPayload, claims: &'a Claimed<'_>) -> SmallVec<[RevocationTarget<'a>; 4]> {
    let mut targets = SmallVec::new();
    targets.push(RevocationTarget::TokenId(payload.token_id()));
    targets.push(RevocationTarget::Subject);
    targets.extend(payload.session_id().map(RevocationTarget::Session));
    targets.extend(claims.iter().map(|(name, value)| RevocationTarget::Claim { name, value }));
    targets
}
