//! One-time tokens that were issued and not yet redeemed.

use async_trait::async_trait;

use super::{Owner, SecretHash, StoreError, StoreLocation};
use crate::{clock::Timestamp, token::Purpose};

/// A one-time token, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct OneTimeRecord {
    /// The hash of the token's id. The record does not say which of the provider's keys the hash
    /// was made with, because the record is found by its hash.
    pub hash: SecretHash,
    /// The subject that the token was issued for.
    pub owner: Owner<'static>,
    /// What the token may be used for.
    pub purpose: Purpose,
    /// The time from which the token is no longer valid.
    pub expires_at: Timestamp,
}

/// A store of one-time tokens, each identified by its owner and its hash.
///
/// # Security
/// Each method is one atomic step, also across machines. However many calls redeem the same token
/// at the same time, exactly one succeeds.
#[async_trait]
pub trait OneTimeStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default, which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Stores a token. If its owner would then have more than `limit` (at least 1) live tokens of
    /// the same purpose, drops those that expire first. Repeated requests for mails therefore
    /// cannot fill the store.
    ///
    /// # Errors
    /// [`StoreError`] if the token cannot be stored. That includes a hash that the owner already
    /// uses.
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError>;

    /// Like [`insert`](Self::insert), but keeps the existing tokens: if the owner already has
    /// `limit` live tokens of the same purpose, returns `false` and does not store the new one.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes a token of this owner from the store and returns it, if it exists, has this purpose
    /// and has not expired. Only one caller gets it.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the token was removed.
    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError>;

    /// Deletes all tokens of an owner, of one purpose or of every purpose. Returns how many of them
    /// were live.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether they are deleted.
    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError>;
}
