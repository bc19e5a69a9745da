//! Taking back what was issued, and asking whether something was.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    inner::{AuthProvider, Retention, Revocations},
    run_to_completion::RunToCompletion,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{InvalidToken, Misconfigured, Rejection, Unavailable},
    store::{ApiKeyId, Owner, RevocationTarget, SessionId, TokenFacts, Verdict},
    token::{TokenError, TokenPayload},
    user::AuthUser,
};

/// The longest subject of a token.
const MAX_SUBJECT_BYTES: usize = 255;

impl<U: AuthUser> AuthProvider<U> {
    /// Revokes what belongs to a subject: one token, one session, or everything. From the next
    /// request on it is refused, wherever the store is shared, for as long as any of it could
    /// last.
    ///
    /// [`logout`](Self::logout), [`logout_all`](Self::logout_all) and
    /// [`revoke_session`](Self::revoke_session) call this themselves. With
    /// [`RevocationTarget::Subject`] the subject cannot log in either for so long; all sessions
    /// are ended and all API keys are removed. To lock an account for ever, make the user
    /// [inactive](AuthUser::is_active).
    ///
    /// To end a login, revoke its session: a refresh token has a successor that its `jti` does not
    /// name. For [`RevocationTarget::Claim`] the subject does not count;
    /// [`revoke_claim`](Self::revoke_claim) says so.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that all are revoked: try again.
    /// [`Rejection::Misconfigured`] if there is no revocation store, or a claim was not named with
    /// [`revocable_claim`](crate::AuthProviderBuilder::revocable_claim).
    ///
    /// [`Rejection::NotFound`] if a target is the id of an API key of somebody else;
    /// [`Rejection::Misconfigured`] if the subject is empty or longer than 255 bytes.
    ///
    /// # Security
    /// Tokens and sessions are found by their subject and their id: under another subject nothing
    /// is revoked, and the answer is the same.
    pub async fn revoke(&self, subject: &str, targets: &[RevocationTarget<'_>]) -> Result<(), Rejection> {
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        self.revoke_targets(subject, targets).await?;
        self.raise(&Event::new(EventKind::Revoked).subject(subject));
        Ok(())
    }

    /// Revokes every token with a custom claim of this value, whoever its subject is: a device, a
    /// tenant. The claim must be named with
    /// [`revocable_claim`](crate::AuthProviderBuilder::revocable_claim).
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_claim(&self, name: &str, value: &str) -> Result<(), Rejection> {
        self.revoke_targets("", &[RevocationTarget::Claim { name, value }]).await?;
        self.raise(&Event::new(EventKind::Revoked));
        Ok(())
    }

    async fn revoke_targets(&self, subject: &str, targets: &[RevocationTarget<'_>]) -> Result<(), Rejection> {
        let (now, owner) = (self.now()?, self.owner(subject));
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
        let kept = Kept::of(targets);
        self.refuse_keys_of_others(&owner, &kept, now).await?;
        self.revoke_for(revocations, &owner, targets, revocations.retention.login, now).await?;
        let (this, owner) = (self.clone(), owner.into_owned());
        RunToCompletion::new(async move { this.end_kept(&owner, &kept, now).await }).await
    }

    /// Whoever revokes the key of one subject under the name of another must not believe that it
    /// is revoked.
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

    /// Ends what other stores keep of what was revoked: the session store knows then too, should
    /// the revocation store ever lose its memory, and an API key may last longer than any
    /// revocation.
    async fn end_kept(&self, owner: &Owner<'_>, kept: &Kept, now: Timestamp) -> Result<(), Rejection> {
        if let Some(sessions) = &self.inner.sessions {
            if kept.everything {
                self.call_store(sessions.store.end_all(owner, None, now)).await?;
            }
            for id in &kept.sessions {
                self.call_store(sessions.store.end(owner, id, now)).await?;
            }
        }
        if let Some(store) = &self.inner.stores.api_keys {
            let mut keys = kept.api_keys.clone();
            if kept.everything {
                keys.extend(self.call_store(store.list(owner, now)).await?.into_iter().map(|key| key.id));
            }
            for id in &keys {
                self.call_store(store.remove(owner, id)).await?;
            }
        }
        Ok(())
    }

    /// Refuses a token that was taken back. Nothing to ask without a revocation store.
    pub(super) async fn refuse_if_revoked(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        refusal(self.verdict(payload, now).await?)
    }

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for a refresh token. That its session
    /// lives says the store of sessions, which forgets less than one of revocations: a session
    /// outlives the loss of these. Not so where claims can be revoked, since no session knows of
    /// them.
    pub(super) async fn refuse_revoked_refresh(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let is_known_elsewhere = self.inner.sessions.is_some()
            && self.inner.revocations.as_ref().is_none_or(|revocations| revocations.claims.is_empty());
        match self.verdict(payload, now).await? {
            Verdict::BeforeMemory if is_known_elsewhere => Ok(()),
            verdict => refusal(verdict),
        }
    }

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for an API key: its store knows whether
    /// it was revoked, and no epoch ends it. The keys of a subject who is revoked are removed;
    /// this is for what another provider, without their store, has revoked.
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

    /// Nothing is issued to a subject who is revoked: it would outlast the revocation.
    pub(super) async fn refuse_revoked_subject(
        &self,
        subject: &str,
        now: Timestamp,
        client: &ClientInfo,
    ) -> Result<(), Rejection> {
        // As a token that is issued now: one that is older than the store's memory would be
        // refused everywhere.
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
        // No epoch speaks against it.
        let facts = TokenFacts { owner: self.owner(subject), targets, epoch: u64::MAX, issued_at };
        self.call_store(revocations.store.check(&facts, now)).await
    }

    async fn verdict(&self, payload: &TokenPayload, now: Timestamp) -> Result<Verdict, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(Verdict::Good) };
        let claims = claimed(&revocations.claims, payload)?;
        let facts = TokenFacts {
            owner: self.owner(payload.subject()),
            targets: &targets(payload, &claims),
            epoch: payload.epoch(),
            issued_at: payload.issued_at(),
        };
        self.call_store(revocations.store.check(&facts, now)).await
    }

    /// The epoch that new tokens of a subject carry.
    pub(super) async fn current_epoch(&self, subject: &str, now: Timestamp) -> Result<u64, Rejection> {
        match &self.inner.revocations {
            Some(revocations) => self.call_store(revocations.store.epoch(&self.owner(subject), now)).await,
            None => Ok(0),
        }
    }

    pub(super) async fn raise_epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<(), Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(()) };
        let until = after(now, revocations.retention.login);
        self.call_store(revocations.store.raise_epoch(owner, now, until)).await.map(drop)
    }

    /// Revokes the access tokens of sessions that have ended.
    pub(super) async fn revoke_sessions(
        &self,
        owner: &Owner<'_>,
        sessions: &[SessionId],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_until_gone(owner, &targets_of(sessions), now).await
    }

    /// For targets of a session: what is not in the session store any more needs to be remembered
    /// no longer than its access tokens last.
    pub(super) async fn revoke_until_gone(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_if_any(owner, targets, |retention| retention.session, now).await
    }

    /// Revokes sessions that may still be in the session store: for as long as a login.
    pub(super) async fn revoke_for_good(
        &self,
        owner: &Owner<'_>,
        sessions: &[SessionId],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_if_any(owner, &targets_of(sessions), |retention| retention.login, now).await
    }

    /// Nothing to do without targets, or without a store.
    async fn revoke_if_any(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        span: fn(&Retention) -> Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match &self.inner.revocations {
            Some(revocations) if !targets.is_empty() => {
                self.revoke_for(revocations, owner, targets, span(&revocations.retention), now).await
            }
            _ => Ok(()),
        }
    }

    async fn revoke_for(
        &self,
        revocations: &Revocations,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        span: Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.call_store(revocations.store.revoke(owner, targets, None, now, after(now, span))).await.map(drop)
    }
}

/// What other stores keep of revocation targets.
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

fn refusal(verdict: Verdict) -> Result<(), Rejection> {
    let reason = match verdict {
        Verdict::Good => return Ok(()),
        Verdict::Revoked => InvalidToken::Revoked,
        Verdict::OldEpoch => InvalidToken::OldEpoch,
        Verdict::BeforeMemory => InvalidToken::BeforeMemory,
    };
    Err(Rejection::InvalidToken(reason))
}

fn targets_of(sessions: &[SessionId]) -> Vec<RevocationTarget<'_>> {
    sessions.iter().map(|id| RevocationTarget::Session(id.as_str())).collect()
}

pub(super) fn after(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX).min(Timestamp::MAX)
}

type Claimed<'a> = SmallVec<[(&'a str, String); 2]>;

/// The values of the claims that can be revoked. One that is no text could not be revoked, so it
/// is not accepted.
fn claimed<'a>(names: &'a [Box<str>], payload: &TokenPayload) -> Result<Claimed<'a>, Rejection> {
    let mut claims = Claimed::new();
    for name in names {
        let value = payload.claim(name).map_err(|_| TokenError::InvalidClaim("revocable"))?;
        claims.extend(value.map(|value| (&**name, value)));
    }
    Ok(claims)
}

/// What a token would be revoked by.
fn targets<'a>(payload: &'a TokenPayload, claims: &'a Claimed<'_>) -> SmallVec<[RevocationTarget<'a>; 4]> {
    let mut targets = SmallVec::new();
    targets.push(RevocationTarget::TokenId(payload.token_id()));
    targets.push(RevocationTarget::Subject);
    targets.extend(payload.session_id().map(RevocationTarget::Session));
    targets.extend(claims.iter().map(|(name, value)| RevocationTarget::Claim { name, value }));
    targets
}
