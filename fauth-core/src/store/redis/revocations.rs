//! Revocations: sorted sets by target and by owner, and a stream of changes.

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::{
    fault::Fault,
    link::Retry,
    mirror::Mirror,
    reply::Reply,
    scripts,
    step::{Step, seconds, time_to_live},
    store::{RedisStore, WhenStale},
    verdict::verdict,
};
use crate::{
    clock::Timestamp,
    store::{
        Changes, Known, Owner, RevocationStore, RevocationTarget, StoreError, StoreLocation, TokenFacts,
        Verdict,
    },
};

/// The maximum length of an id that is stored verbatim in an owner's share. A key is longer than
/// this.
const MAX_PLAIN_ID: usize = 64;

/// Returns the name of a target in its owner's share: unique, and short because it does not repeat
/// the owner. Empty for a claim, which belongs to no owner.
fn name_in_share(target: &RevocationTarget<'_>, key: &str) -> String {
    match target {
        RevocationTarget::TokenId(id) if id.len() <= MAX_PLAIN_ID => format!("jti {id}"),
        RevocationTarget::Session(id) if id.len() <= MAX_PLAIN_ID => format!("sid {id}"),
        RevocationTarget::Subject => "sub".to_owned(),
        RevocationTarget::TokenId(_) | RevocationTarget::Session(_) => key.to_owned(),
        RevocationTarget::Claim { .. } => String::new(),
    }
}

#[async_trait]
impl RevocationStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        if targets.is_empty() {
            return Ok(true);
        }
        let names = &self.hub().names.revocations;
        let mut step = names.step(&scripts::REVOKE, now);
        step.key(names.share(owner)).arg(seconds(until)).arg(time_to_live(now, until));
        step.arg(limit.map_or_else(String::new, |limit| limit.to_string()));
        let keys: Vec<_> = targets.iter().map(|target| target.key(owner)).collect();
        for (target, key) in targets.iter().zip(&keys) {
            step.arg(&**key).arg(name_in_share(target, key));
        }
        let reply = self.hub().run_on_revocations(&step, Retry::Yes).await?;
        if reply.is("full") {
            return Ok(false);
        }
        reply.done()?;
        if let Some(mirror) = self.mirror() {
            for key in &keys {
                mirror.revoke(key, until);
            }
        }
        Ok(true)
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        match self.look_into_mirror(token, now) {
            Some(verdict) => Ok(verdict?),
            None => Ok(self.ask_redis(token, now).await?),
        }
    }

    /// Checks with the mirror if it answers for every token; otherwise asks Redis, with all queries
    /// in flight at once.
    async fn check_all(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        // If the mirror does not answer for one token, Redis is asked about all.
        let mirrored = tokens.iter().map(|token| self.look_into_mirror(token, now));
        if let Some(verdicts) = mirrored.collect::<Option<Result<_, _>>>() {
            return Ok(verdicts?);
        }
        let mut verdicts = Vec::with_capacity(tokens.len());
        let mut asked: Vec<JoinSet<_>> = Vec::with_capacity(tokens.len());
        for token in tokens {
            let (hub, step) = (self.hub().clone(), self.check_step(token, now));
            let mut asking = JoinSet::new();
            asking.spawn(async move { hub.run_on_revocations(&step, Retry::Yes).await });
            asked.push(asking);
        }
        for (token, mut asking) in tokens.iter().zip(asked) {
            let reply = asking.join_next().await.and_then(Result::ok);
            let reply = reply.ok_or_else(|| StoreError::new("the query was dropped"))?;
            verdicts.push(verdict_of(token, reply?, now)?);
        }
        Ok(verdicts)
    }

    /// With the mirror, revocations by other instances are announced when they arrive here.
    fn changes(&self) -> Option<Changes> {
        self.mirror().map(Mirror::changes)
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        let mut step = self.hub().names.revocations.step(&scripts::EPOCH, now);
        step.arg(&*RevocationTarget::Subject.key(owner));
        let mut reply = self.hub().run_on_revocations(&step, Retry::Yes).await?;
        if reply.is("early") {
            return Err(Fault::TooEarly.into());
        }
        reply.done()?;
        Ok(reply.parsed()?)
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        let key = RevocationTarget::Subject.key(owner);
        let mut step = self.hub().names.revocations.step(&scripts::RAISE_EPOCH, now);
        step.arg(seconds(until)).arg(&*key);
        let mut reply = self.hub().run_on_revocations(&step, Retry::No).await?;
        if reply.is("overflow") {
            return Err(Fault::LastEpoch.into());
        }
        reply.done()?;
        let epoch = reply.parsed()?;
        if let Some(mirror) = self.mirror() {
            mirror.raise(&key, epoch, until);
        }
        Ok(epoch)
    }
}

impl RedisStore {
    /// What the mirror says; `None` if Redis is to be asked.
    fn look_into_mirror(&self, token: &TokenFacts<'_>, now: Timestamp) -> Option<Result<Verdict, Fault>> {
        match (self.mirror()?.judge(token, now), self.when_stale()) {
            (Some(verdict), _) => Some(self.hub().link.eviction().refuse().and(verdict)),
            (None, WhenStale::AskRedis) => None,
            (None, WhenStale::Refuse) => Some(Err(Fault::Stale)),
        }
    }

    async fn ask_redis(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, Fault> {
        let step = self.check_step(token, now);
        verdict_of(token, self.hub().run_on_revocations(&step, Retry::Yes).await?, now)
    }

    fn check_step(&self, token: &TokenFacts<'_>, now: Timestamp) -> Step {
        let mut step = self.hub().names.revocations.step(&scripts::CHECK, now);
        step.arg(&*RevocationTarget::Subject.key(&token.owner));
        for target in token.targets {
            step.arg(&*target.key(&token.owner));
        }
        step
    }
}

fn verdict_of(token: &TokenFacts<'_>, mut reply: Reply, now: Timestamp) -> Result<Verdict, Fault> {
    reply.done()?;
    let known = Known {
        is_revoked: reply.parsed::<u8>()? != 0,
        epoch: reply.parsed()?,
        remembers_since: Some(reply.time()?),
    };
    verdict(token, &known, now)
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing {
    use redis::Value;

    use super::{Reply, verdict_of};
    use crate::{
        clock::Timestamp,
        store::{Owner, RevocationTarget, TokenFacts, Verdict},
    };

    /// Checks that a token is good only by a complete reply.
    pub(in crate::store::redis) fn read(value: &Value) -> bool {
        let token = TokenFacts {
            owner: Owner::new("shop", "", "alice"),
            targets: &[RevocationTarget::Subject],
            epoch: 3,
            issued_at: Timestamp::from_unix_seconds(1_000),
        };
        let Ok(reply) = Reply::of(value.clone()) else { return false };
        let verdict = verdict_of(&token, reply, Timestamp::from_unix_seconds(2_000));
        if let Ok(Verdict::Good) = verdict {
            let Value::Array(values) = value else { unreachable!("a reply is an array") };
            assert!(values.len() >= 4);
        }
        verdict.is_ok()
    }
}
