//! Revocations: sorted sets by target and by subject, and a stream that tells of every change.

use super::{
    RedisStore, WhenStale,
    fault::Fault,
    link::Again,
    names::{seconds, time_to_live},
    scripts,
};
use crate::{
    clock::Timestamp,
    store::{RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict},
};

impl RevocationStore for RedisStore {
    async fn revoke(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if targets.is_empty() {
            return Ok(());
        }
        let hub = &self.shared.hub;
        let keys: Vec<_> = targets.iter().map(RevocationTarget::key).collect();
        let mut step = hub.names.revocation_step(&scripts::REVOKE, now);
        step.arg(seconds(until)).arg(time_to_live(now, until));
        for key in &keys {
            step.arg(key.as_bytes());
        }
        hub.ask(&step, Again::Yes).await?.done()?;
        if let Some(mirror) = &self.shared.mirror {
            for key in &keys {
                mirror.revoke(key.as_bytes(), until);
            }
        }
        Ok(())
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        let Some(mirror) = &self.shared.mirror else {
            return Ok(self.ask_redis(token, now).await?);
        };
        match (mirror.judge(token, now), self.shared.when_stale) {
            (Some(verdict), _) => Ok(verdict?),
            (None, WhenStale::AskRedis) => Ok(self.ask_redis(token, now).await?),
            (None, WhenStale::Refuse) => Err(Fault::Stale.into()),
        }
    }

    async fn epoch(&self, subject: &str, now: Timestamp) -> Result<u64, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.revocation_step(&scripts::EPOCH, now);
        step.arg(subject);
        let mut reply = hub.ask(&step, Again::Yes).await?;
        reply.done()?;
        Ok(reply.parsed()?)
    }

    async fn raise_epoch(&self, subject: &str, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.revocation_step(&scripts::RAISE, now);
        step.arg(seconds(until))
            .arg(time_to_live(now, until))
            .arg(subject)
            .arg(now.unix_seconds().max(0).saturating_mul(1000));
        let mut reply = hub.ask(&step, Again::No).await?;
        if reply.is("overflow") {
            return Err(Fault::Overflow.into());
        }
        reply.done()?;
        let epoch = reply.parsed()?;
        if let Some(mirror) = &self.shared.mirror {
            mirror.raise(subject.as_bytes(), epoch, until);
        }
        Ok(epoch)
    }
}

impl RedisStore {
    async fn ask_redis(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, Fault> {
        let hub = &self.shared.hub;
        let mut step = hub.names.revocation_step(&scripts::CHECK, now);
        step.arg(token.subject);
        for target in &token.targets {
            step.arg(target.key().as_bytes());
        }
        let mut reply = hub.ask(&step, Again::Yes).await?;
        reply.done()?;
        let since = reply.time()?;
        let revoked = reply.parsed::<u8>()? != 0;
        verdict(revoked, reply.parsed()?, since, token, now)
    }
}

/// The order in which a token is judged, here and in the mirror.
///
/// In the second in which a memory begins, no token could be issued that will be trusted: there is no verdict then, so that nobody is sent away to get a new one.
pub(super) fn verdict(
    revoked: bool,
    epoch: u64,
    since: Timestamp,
    token: &TokenFacts<'_>,
    now: Timestamp,
) -> Result<Verdict, Fault> {
    Ok(if revoked {
        Verdict::Revoked
    } else if token.epoch < epoch {
        Verdict::OldEpoch
    } else if token.issued_at >= since {
        Verdict::Good
    } else if now < since {
        return Err(Fault::TooEarly);
    } else {
        Verdict::BeforeMemory
    })
}
