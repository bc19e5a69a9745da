//! Revocations in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    clock::Timestamp,
    store::{
        Changes, Known, Owner, RevocationStore, RevocationTarget, StoreError, StoreLocation, TokenFacts,
        Verdict,
    },
};

#[async_trait]
impl RevocationStore for MemoryStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.witness(now);
        let fits = self.0.revocations.revoke(owner, targets, limit, now, until)?;
        if self.0.changes.is_heard() {
            for target in targets {
                target.with_key(owner, |key| self.0.changes.tell(key));
            }
        }
        Ok(fits)
    }

    fn changes(&self) -> Option<Changes> {
        Some(self.0.changes.subscribe())
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        let revocations = &self.0.revocations;
        let mut known = Known { is_revoked: false, epoch: 0, remembers_since: None };
        if revocations.len() > 0 {
            (known.is_revoked, known.epoch) = revocations.look_up(token, now)?;
        }
        // Only after the entries were looked up, so that an entry removed meanwhile is taken into
        // account.
        self.witness(now);
        known.remembers_since = Some(revocations.since());
        Ok(Verdict::of(token, &known, now))
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        self.witness(now);
        Ok(self.0.revocations.epoch_of(owner)?)
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.witness(now);
        let epoch = self.0.revocations.raise_epoch(owner, now, until)?;
        if self.0.changes.is_heard() {
            RevocationTarget::Subject.with_key(owner, |key| self.0.changes.tell(key));
        }
        Ok(epoch)
    }
}

impl MemoryStore {
    /// Passes on the caller's time. If the memory begins anew because of it, nothing issued before
    /// is valid any more.
    fn witness(&self, now: Timestamp) {
        if self.0.revocations.witness(now) {
            self.0.changes.tell_all();
        }
    }
}
