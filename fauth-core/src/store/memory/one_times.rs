//! One-time tokens in memory.

use std::sync::Arc;

use super::{
    MemoryStore,
    table::{Row, Shard},
};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, SecretHash, StoreError},
    token::Purpose,
};

type Tokens = Shard<[u8; 32], OneTimeRecord>;

impl Row for OneTimeRecord {
    fn owner(&self) -> Option<&str> {
        Some(&self.subject)
    }

    fn leaves_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl OneTimeStore for MemoryStore {
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        self.0.revocations.witness(now);
        let key = Arc::new(*record.hash.as_bytes());
        let subject = record.subject.clone();
        let step = |tokens: &mut Tokens| {
            for surplus in surplus(tokens, &record, limit, now) {
                tokens.take(&surplus);
            }
            tokens.put(Arc::clone(&key), record);
        };
        Ok(self.0.one_times.insert(&key, &subject, now, step)?)
    }

    async fn redeem(
        &self,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        self.0.revocations.witness(now);
        let key = hash.as_bytes();
        let step = |tokens: &mut Tokens| {
            let is_good = |record: &OneTimeRecord| record.purpose == purpose && now < record.expires_at;
            tokens.get(key).is_some_and(is_good).then(|| tokens.take(&Arc::new(*key)))?
        };
        Ok(self.0.one_times.of_key(key, Some(now), step)?.flatten())
    }

    async fn withdraw(
        &self,
        subject: &str,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.0.revocations.witness(now);
        let step = |tokens: &mut Tokens| {
            let is_meant = |record: &OneTimeRecord| purpose.is_none_or(|purpose| record.purpose == purpose);
            let meant: Vec<_> = tokens
                .of(subject)
                .filter(|(_, record)| is_meant(record))
                .map(|(key, _)| Arc::clone(key))
                .collect();
            let taken = meant.iter().filter_map(|key| tokens.take(key));
            taken.filter(|record| now < record.expires_at).count()
        };
        Ok(self.0.one_times.of_owner(subject, now, step)?)
    }
}

/// Those that have to go so that there is room for `new` under the limit: the ones that expire first.
fn surplus(tokens: &Tokens, new: &OneTimeRecord, limit: usize, now: Timestamp) -> Vec<Arc<[u8; 32]>> {
    let mut rivals: Vec<_> = tokens
        .of(&new.subject)
        .filter(|(_, record)| record.purpose == new.purpose && now < record.expires_at)
        .map(|(key, record)| (record.expires_at, Arc::clone(key)))
        .collect();
    rivals.sort();
    let surplus = (rivals.len() + 1).saturating_sub(limit.max(1));
    rivals.into_iter().take(surplus).map(|(_, key)| key).collect()
}
