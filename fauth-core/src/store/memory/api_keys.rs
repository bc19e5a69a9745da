//! API keys in memory.

use std::sync::Arc;

use super::{
    MemoryStore,
    table::{Row, Shard},
};
use crate::{
    clock::Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, StoreError, StoredApiKey},
};

type Keys = Shard<ApiKeyId, StoredApiKey>;

impl Row for StoredApiKey {
    fn owner(&self) -> Option<&str> {
        Some(&self.key.owner)
    }

    fn leaves_at(&self) -> Timestamp {
        self.key.expires_at
    }
}

impl ApiKeyStore for MemoryStore {
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.0.revocations.witness(now);
        let id = Arc::new(key.key.id.clone());
        let owner = key.key.owner.clone();
        let step = |keys: &mut Keys| {
            let fits = live(keys, &owner, now).count() < limit.max(1);
            if fits {
                keys.put(Arc::clone(&id), key);
            }
            fits
        };
        Ok(self.0.api_keys.insert(&id, &owner, now, step)?)
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        self.0.revocations.witness(now);
        let look = |stored: &StoredApiKey| (now < stored.key.expires_at).then(|| stored.clone());
        Ok(self.0.api_keys.read_key(id, look)?.flatten())
    }

    async fn list(&self, owner: &str, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        self.0.revocations.witness(now);
        let look = |keys: &Keys| -> Vec<ApiKey> { live(keys, owner, now).cloned().collect() };
        let mut list = self.0.api_keys.read_owner(owner, look)?;
        list.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        Ok(list)
    }

    async fn touch(&self, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.0.revocations.witness(used_at);
        let step = |keys: &mut Keys| {
            if let Some(stored) = keys.get_mut(id) {
                stored.key.last_used_at = stored.key.last_used_at.max(Some(used_at));
            }
        };
        self.0.api_keys.of_key(id, None, step)?;
        Ok(())
    }

    async fn remove(&self, id: &ApiKeyId, owner: Option<&str>) -> Result<bool, StoreError> {
        let step = |keys: &mut Keys| {
            let is_his = |stored: &StoredApiKey| owner.is_none_or(|owner| owner == stored.key.owner);
            keys.get(id).is_some_and(is_his) && keys.take(&Arc::new(id.clone())).is_some()
        };
        Ok(self.0.api_keys.of_key(id, None, step)?.unwrap_or(false))
    }
}

/// The keys of an owner that have not expired.
fn live<'a>(keys: &'a Keys, owner: &str, now: Timestamp) -> impl Iterator<Item = &'a ApiKey> {
    keys.of(owner).map(|(_, stored)| &stored.key).filter(move |key| now < key.expires_at)
}
