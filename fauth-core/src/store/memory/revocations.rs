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
        // Not before the entries were looked for: one that was forgotten meanwhile counts too.
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
    /// What time it is for a caller. If the store begins anew because of that, nothing that was
    /// issued before is good any more.
    fn witness(&self, now: Timestamp) {
        if self.0.revocations.witness(now) {
            self.0.changes.tell_all();
        }
    }
}
