//! One-time tokens: a hash each, and a sorted set for each subject.

use super::{
    RedisStore,
    fault::Fault,
    hexadecimal,
    link::Again,
    names::{seconds, time_to_live},
    scripts,
};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, SecretHash, StoreError},
    token::Purpose,
};

impl OneTimeStore for RedisStore {
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::ONCE_INSERT, now);
        step.arg(hexadecimal(record.hash.as_bytes()))
            .arg(limit)
            .arg(time_to_live(now, record.expires_at))
            .arg(&record.subject)
            .arg(record.purpose.as_str())
            .arg(seconds(record.expires_at));
        let reply = hub.ask(&step, Again::NorLate).await?;
        if reply.is("known") {
            return Err(Fault::Known("the one-time token").into());
        }
        Ok(reply.done()?)
    }

    async fn redeem(
        &self,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::ONCE_REDEEM, now);
        step.arg(hexadecimal(hash.as_bytes())).arg(purpose.as_str());
        let mut reply = hub.ask(&step, Again::NorLate).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(OneTimeRecord { hash: *hash, subject: reply.text()?, purpose, expires_at: reply.time()? }))
    }

    async fn withdraw(
        &self,
        subject: &str,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::ONCE_WITHDRAW, now);
        step.arg(subject);
        if let Some(purpose) = purpose {
            step.arg(purpose.as_str());
        }
        let mut reply = hub.ask(&step, Again::No).await?;
        reply.done()?;
        Ok(reply.parsed()?)
    }
}
