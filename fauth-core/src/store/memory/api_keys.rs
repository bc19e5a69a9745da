//! API keys in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryStore, bounds::Refused, table::Shard};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, Owner, StoreError, StoreLocation, StoredApiKey},
};

type Keys = Shard<ApiKeyId, StoredApiKey>;

#[async_trait]
impl ApiKeyStore for MemoryStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.0.revocations.witness(now);
        if !key.key.is_in_bucket() {
            return Err(Refused::WrongBucket.into());
        }
        let id = Arc::new(key.key.id.clone());
        let owner = key.key.owner.clone();
        let step = |keys: &mut Keys| {
            let fits = live(keys, &owner, now).count() < limit.max(1);
            if fits {
                keys.put(Arc::clone(&id), key);
            }
            fits
        };
        Ok(self.0.api_keys.insert(id.bucket(), &id, now, step)?)
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        self.0.revocations.witness(now);
        let look = |keys: &Keys| keys.get(id).filter(|stored| now < stored.key.expires_at).cloned();
        Ok(self.0.api_keys.look(id.bucket(), look)?)
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        self.0.revocations.witness(now);
        let look = |keys: &Keys| -> Vec<ApiKey> { live(keys, owner, now).cloned().collect() };
        let mut list = self.0.api_keys.look(owner.bucket(), look)?;
        list.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(list)
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.0.revocations.witness(used_at);
        let step = |keys: &mut Keys| {
            if let Some(stored) = keys.get_mut(id).filter(|stored| stored.key.owner == *owner) {
                stored.key.last_used_at = stored.key.last_used_at.max(Some(used_at));
            }
        };
        Ok(self.0.api_keys.step(id.bucket(), LONG_AGO, step)?)
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        let step = |keys: &mut Keys| {
            let is_owners = keys.get(id).is_some_and(|stored| stored.key.owner == *owner);
            is_owners && keys.take(&Arc::new(id.clone())).is_some()
        };
        Ok(self.0.api_keys.step(id.bucket(), LONG_AGO, step)?)
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.0.revocations.witness(now);
        let step = |keys: &mut Keys| {
            let all: Vec<_> = keys.of(owner).map(|(id, _)| Arc::clone(id)).collect();
            for id in &all {
                keys.take(id);
            }
        };
        Ok(self.0.api_keys.step(owner.bucket(), now, step)?)
    }
}

/// For steps without a current time: nothing has expired by then.
const LONG_AGO: Timestamp = Timestamp::from_unix_seconds(i64::MIN);

/// The keys of an owner that have not expired.
fn live<'a>(keys: &'a Keys, owner: &Owner<'_>, now: Timestamp) -> impl Iterator<Item = &'a ApiKey> {
    keys.of(owner).map(|(_, stored)| &stored.key).filter(move |key| now < key.expires_at)
}
