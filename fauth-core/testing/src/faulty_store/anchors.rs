//! The same for revoked mandates.

use std::time::Duration;

use fauth_core::{
    async_trait,
    store::{AnchorState, AnchorStore, StoreError, StoreLocation},
};

use super::FaultyStore;

#[async_trait]
impl<S: AnchorStore> AnchorStore for FaultyStore<S> {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError> {
        self.step("check_anchors", self.inner.check(zone, anchors)).await
    }

    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError> {
        self.step("revoke_anchors", self.inner.revoke(anchors, lasting)).await
    }

    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError> {
        self.step("raise_delegation_epoch", self.inner.raise_epoch(zone, epoch, lasting)).await
    }

    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError> {
        self.step("spend", self.inner.spend(id, lasting)).await
    }
}
