//! The login-throttle records of a memory store.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    clock::Timestamp,
    store::{StoreError, StoreLocation, ThrottleKey, ThrottleRecord, ThrottleStore},
};

#[async_trait]
impl ThrottleStore for MemoryStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.throttles.counter(key, now).await
    }

    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.throttles.replace_counter(key, before, after, now).await
    }

    async fn remove_counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<bool, StoreError> {
        self.0.throttles.remove_counter(key, now).await
    }
}
