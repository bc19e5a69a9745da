//! One-time tokens in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryStore, rows::OneTimeKey, table::Shard};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, Owner, SecretHash, StoreError, StoreLocation},
    token::Purpose,
};

type Tokens = Shard<OneTimeKey, OneTimeRecord>;

#[async_trait]
impl OneTimeStore for MemoryStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        self.0.revocations.witness(now);
        let key = Arc::new((record.owner.clone(), record.hash));
        let bucket = record.owner.bucket();
        let step = |tokens: &mut Tokens| {
            for surplus in surplus(tokens, &record, limit, now) {
                tokens.take(&surplus);
            }
            tokens.put(Arc::clone(&key), record);
        };
        Ok(self.0.one_times.insert(bucket, &key, now, step)?)
    }

    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.revocations.witness(now);
        let key = Arc::new((record.owner.clone(), record.hash));
        let bucket = record.owner.bucket();
        let step = |tokens: &mut Tokens| {
            let has_room = surplus(tokens, &record, limit, now).is_empty();
            if has_room {
                tokens.put(Arc::clone(&key), record);
            }
            has_room
        };
        Ok(self.0.one_times.insert(bucket, &key, now, step)?)
    }

    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        self.0.revocations.witness(now);
        let key = Arc::new((owner.clone().into_owned(), *hash));
        let step = |tokens: &mut Tokens| {
            let is_good = |record: &OneTimeRecord| record.purpose == purpose && now < record.expires_at;
            tokens.get(&key).is_some_and(is_good).then(|| tokens.take(&key))?
        };
        Ok(self.0.one_times.step(owner.bucket(), now, step)?)
    }

    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.0.revocations.witness(now);
        let step = |tokens: &mut Tokens| {
            let is_meant = |record: &OneTimeRecord| purpose.is_none_or(|purpose| record.purpose == purpose);
            let meant: Vec<_> = tokens
                .of(owner)
                .filter(|(_, record)| is_meant(record))
                .map(|(key, _)| Arc::clone(key))
                .collect();
            let taken = meant.iter().filter_map(|key| tokens.take(key));
            taken.filter(|record| now < record.expires_at).count()
        };
        Ok(self.0.one_times.step(owner.bucket(), now, step)?)
    }
}

/// The tokens to remove so that `new` fits under the limit: those that expire first.
fn surplus(tokens: &Tokens, new: &OneTimeRecord, limit: usize, now: Timestamp) -> Vec<Arc<OneTimeKey>> {
    let mut rivals: Vec<_> = tokens
        .of(&new.owner)
        .filter(|(_, record)| record.purpose == new.purpose && now < record.expires_at)
        .map(|(key, record)| (record.expires_at, Arc::clone(key)))
        .collect();
    rivals.sort();
    let surplus = (rivals.len() + 1).saturating_sub(limit.max(1));
    rivals.into_iter().take(surplus).map(|(_, key)| key).collect()
}
