//! One-time tokens: a sorted set for each owner.

use async_trait::async_trait;
use redis::Script;

use super::{
    fault::Fault,
    link::Retry,
    scripts,
    step::{Step, hexadecimal, seconds, time_to_live},
    store::RedisStore,
};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, Owner, SecretHash, StoreError, StoreLocation},
    token::Purpose,
};

#[async_trait]
impl OneTimeStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let step = self.insert_step(&record, limit, "drop", now);
        let reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        if reply.is("known") {
            return Err(Fault::Known("the one-time token").into());
        }
        Ok(reply.done()?)
    }

    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let step = self.insert_step(&record, limit.max(1), "refuse", now);
        let reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        if reply.is("known") {
            return Err(Fault::Known("the one-time token").into());
        }
        if reply.is("full") {
            return Ok(false);
        }
        reply.done()?;
        Ok(true)
    }

    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let mut step = self.one_time_step(&scripts::ONE_TIME_REDEEM, owner, now);
        step.arg(purpose.as_str()).arg(hexadecimal(hash.as_bytes()));
        let mut reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        let (owner, expires_at) = (owner.clone().into_owned(), reply.time()?);
        Ok(Some(OneTimeRecord { hash: *hash, owner, purpose, expires_at }))
    }

    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut step = self.one_time_step(&scripts::ONE_TIME_WITHDRAW, owner, now);
        if let Some(purpose) = purpose {
            step.arg(purpose.as_str());
        }
        let mut reply = self.hub().run(&step, Retry::No).await?;
        reply.done()?;
        Ok(reply.parsed()?)
    }
}

impl RedisStore {
    /// `beyond` says which token gives way when the limit is reached: the one that expires first
    /// (`drop`) or the new one (`refuse`).
    fn insert_step(&self, record: &OneTimeRecord, limit: usize, beyond: &str, now: Timestamp) -> Step {
        let mut step = self.one_time_step(&scripts::ONE_TIME_INSERT, &record.owner, now);
        step.arg(record.purpose.as_str())
            .arg(hexadecimal(record.hash.as_bytes()))
            .arg(limit)
            .arg(time_to_live(now, record.expires_at))
            .arg(seconds(record.expires_at))
            .arg(beyond);
        step
    }

    fn one_time_step(&self, script: &'static Script, owner: &Owner<'_>, now: Timestamp) -> Step {
        let names = self.hub().names.owner(owner);
        let mut step = names.step(script);
        step.key(names.one_times()).time(now);
        step
    }
}
