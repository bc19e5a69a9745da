//! One-time tokens: what was issued and not yet redeemed.

use async_trait::async_trait;

use super::{Owner, SecretHash, StoreError, StoreLocation};
use crate::{clock::Timestamp, token::Purpose};

/// A one-time token, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct OneTimeRecord {
    /// The hash of the token's id. Under which of the provider's keys it is made does not stand in
    /// the record, since it is found by it.
    pub hash: SecretHash,
    /// To whom it belongs.
    pub owner: Owner<'static>,
    /// What it is for.
    pub purpose: Purpose,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Keeps one-time tokens until they are redeemed, each found by its owner and its hash.
///
/// # Security
/// Each method is one atomic step, also between machines. Of any number of calls that redeem the
/// same token at the same time, one gets it.
#[async_trait]
pub trait OneTimeStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown), which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Keeps a token. If its owner would have more than `limit` (at least 1) live ones of its
    /// purpose, those that expire first are dropped: a stranger who asks for mails without end
    /// fills no store.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be kept, also because its owner has a token of this hash
    /// already.
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError>;

    /// As [`insert`](Self::insert), but if its owner has `limit` live ones of its purpose already,
    /// the new one is not kept, and those that are there stay: `false`.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Takes a token of this owner out of the store, if it is there, of this purpose and not
    /// expired; whoever gets it is the only one.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was taken.
    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError>;

    /// Drops all tokens of an owner, of one purpose or of every one, and returns how many live
    /// ones there were.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether they are gone.
    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError>;
}
