//! Taking back what was issued, and asking whether something was.

use std::time::Duration;

use smallvec::SmallVec;

use super::inner::{AuthProvider, Retention, Revocations};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{InvalidToken, Misconfigured, Rejection},
    store::{ApiKeyId, RevocationTarget, SessionId, TokenFacts, Verdict},
    token::{TokenError, TokenPayload},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Revokes tokens by what they hang on. From the next request on they are refused, wherever the store is shared, for as long as any of them could last.
    ///
    /// [`logout`](Self::logout), [`logout_all`](Self::logout_all) and [`revoke_session`](Self::revoke_session) call this themselves. It is for the rest: one token,
    /// one device ([`RevocationTarget::Claim`], named with [`revocable_claim`](crate::AuthProviderBuilder::revocable_claim)), a subject who is to be kept out. A subject who is
    /// revoked cannot log in either for so long; his sessions are ended and his API keys are removed. To keep somebody out for ever, make him
    /// [inactive](AuthUser::is_active).
    ///
    /// To end a login, revoke its session: a refresh token has a successor that its `jti` does not name.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that they are revoked: try again. [`Rejection::Misconfigured`] if there is no revocation store,
    /// or no such claim was named.
    pub async fn revoke(&self, targets: &[RevocationTarget<'_>]) -> Result<(), Rejection> {
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
        self.revoke_for(revocations, targets, revocations.retention.login, now).await?;
        self.end_sessions_of(targets, now).await?;
        self.remove_api_keys_of(targets, now).await?;
        self.raise(&Event::new(EventKind::Revoked));
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

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for a refresh token. That its session lives says the store of sessions, which forgets less than one of
    /// revocations: a session outlives the loss of these. Not so where claims can be revoked, since no session knows of them.
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

    /// As [`refuse_if_revoked`](Self::refuse_if_revoked), for an API key: its store knows whether it was taken back, and no epoch ends it. Keys of a subject who is
    /// revoked are removed; this is for what another provider, without their store, has revoked.
    pub(super) async fn refuse_revoked_key(
        &self,
        payload: &TokenPayload,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let targets =
            [RevocationTarget::TokenId(payload.token_id()), RevocationTarget::Subject(payload.subject())];
        if self.is_any_revoked(&targets, payload.subject(), now).await? {
            return Err(Rejection::InvalidToken(InvalidToken::Revoked));
        }
        Ok(())
    }

    /// Nothing is issued to a subject who is revoked: it would outlast the revocation.
    pub(super) async fn refuse_kept_out(
        &self,
        subject: &str,
        now: Timestamp,
        sender: &ClientInfo,
    ) -> Result<(), Rejection> {
        if self.is_any_revoked(&[RevocationTarget::Subject(subject)], subject, now).await? {
            let event = Event::new(EventKind::AuthenticationFailed).reason("kept_out");
            self.raise(&event.subject(subject).sender(sender));
            return Err(Rejection::InvalidCredentials);
        }
        Ok(())
    }

    async fn is_any_revoked(
        &self,
        targets: &[RevocationTarget<'_>],
        subject: &str,
        now: Timestamp,
    ) -> Result<bool, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(false) };
        // Nothing but a target speaks against it.
        let (epoch, issued_at) = (u64::MAX, Timestamp::MAX);
        let facts = TokenFacts { targets: targets.iter().copied().collect(), subject, epoch, issued_at };
        Ok(self.call_store(revocations.store.check(&facts, now)).await? == Verdict::Revoked)
    }

    async fn verdict(&self, payload: &TokenPayload, now: Timestamp) -> Result<Verdict, Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(Verdict::Good) };
        let claims = claimed(&revocations.claims, payload)?;
        let facts = facts(payload, &claims);
        self.call_store(revocations.store.check(&facts, now)).await
    }

    /// The epoch that new tokens of a subject carry.
    pub(super) async fn current_epoch(&self, subject: &str, now: Timestamp) -> Result<u64, Rejection> {
        match &self.inner.revocations {
            Some(revocations) => self.call_store(revocations.store.epoch(subject, now)).await,
            None => Ok(0),
        }
    }

    pub(super) async fn raise_epoch(&self, subject: &str, now: Timestamp) -> Result<(), Rejection> {
        let Some(revocations) = &self.inner.revocations else { return Ok(()) };
        let until = after(now, revocations.retention.login);
        self.call_store(revocations.store.raise_epoch(subject, now, until)).await.map(drop)
    }

    /// Revokes the access tokens of sessions that have ended.
    pub(super) async fn revoke_sessions(
        &self,
        sessions: &[SessionId],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_until_gone(&targets_of(sessions), now).await
    }

    /// For targets of a session: what is not in the store of sessions any more needs no longer memory than its access tokens.
    pub(super) async fn revoke_until_gone(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_if_any(targets, |retention| retention.session, now).await
    }

    /// A key may last longer than any revocation.
    async fn remove_api_keys_of(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(store) = &self.inner.stores.api_keys else { return Ok(()) };
        for target in targets {
            match target {
                RevocationTarget::Subject(owner) => {
                    for key in self.call_store(store.list(owner, now)).await? {
                        self.call_store(store.remove(&key.id, None)).await?;
                    }
                }
                RevocationTarget::TokenId(id) => {
                    if let Some(id) = ApiKeyId::parse(id) {
                        self.call_store(store.remove(&id, None)).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// So that also the store of sessions knows, should the other one ever lose its memory.
    async fn end_sessions_of(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(sessions) = &self.inner.sessions else { return Ok(()) };
        for target in targets {
            match target {
                RevocationTarget::Subject(subject) => {
                    self.call_store(sessions.store.end_all(subject, None, now)).await?;
                }
                RevocationTarget::Session(id) => {
                    if let Some(id) = SessionId::parse(id) {
                        self.call_store(sessions.store.end(&id, None, now)).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Revokes sessions that may still be in the store of sessions: for as long as a login.
    pub(super) async fn revoke_for_good(
        &self,
        sessions: &[SessionId],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.revoke_if_any(&targets_of(sessions), |retention| retention.login, now).await
    }

    /// Nothing to do without targets, or without a store.
    async fn revoke_if_any(
        &self,
        targets: &[RevocationTarget<'_>],
        span: fn(&Retention) -> Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match &self.inner.revocations {
            Some(revocations) if !targets.is_empty() => {
                self.revoke_for(revocations, targets, span(&revocations.retention), now).await
            }
            _ => Ok(()),
        }
    }

    async fn revoke_for(
        &self,
        revocations: &Revocations,
        targets: &[RevocationTarget<'_>],
        span: Duration,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.call_store(revocations.store.revoke(targets, now, after(now, span))).await
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

fn after(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX).min(Timestamp::MAX)
}

type Claimed<'a> = SmallVec<[(&'a str, String); 2]>;

/// The values of the claims that can be revoked. One that is no text could not be revoked, so it is not accepted.
fn claimed<'a>(names: &'a [Box<str>], payload: &TokenPayload) -> Result<Claimed<'a>, Rejection> {
    let mut claims = Claimed::new();
    for name in names {
        let value = payload.claim(name).map_err(|_| TokenError::InvalidClaim("revocable"))?;
        claims.extend(value.map(|value| (&**name, value)));
    }
    Ok(claims)
}

fn facts<'a>(payload: &'a TokenPayload, claims: &'a Claimed<'_>) -> TokenFacts<'a> {
    let mut targets: SmallVec<[RevocationTarget<'a>; 4]> = SmallVec::new();
    targets.push(RevocationTarget::TokenId(payload.token_id()));
    targets.push(RevocationTarget::Subject(payload.subject()));
    targets.extend(payload.session_id().map(RevocationTarget::Session));
    targets.extend(claims.iter().map(|(name, value)| RevocationTarget::Claim { name, value }));
    TokenFacts { targets, subject: payload.subject(), epoch: payload.epoch(), issued_at: payload.issued_at() }
}
