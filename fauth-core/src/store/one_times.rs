//! One-time tokens: what was issued and not yet redeemed.

use std::future::Future;

use super::{SecretHash, StoreError};
use crate::{clock::Timestamp, token::Purpose};

/// A one-time token, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct OneTimeRecord {
    /// The hash of the token's id.
    pub hash: SecretHash,
    /// Whom it is about; 1 to 255 bytes.
    pub subject: String,
    /// What it is for.
    pub purpose: Purpose,
    /// From then on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Keeps one-time tokens until they are redeemed.
///
/// # Security
/// Each method is one atomic step, also between machines. Of any number of calls that redeem the same token at the same time, one gets it.
pub trait OneTimeStore: Send + Sync + 'static {
    /// Keeps a token. If its subject would have more than `limit` (at least 1) live ones of its purpose, those that expire first are dropped: a stranger who
    /// asks for mails without end fills no store.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be kept, among others because the hash is known already.
    fn insert(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a token out of the store, if it is there, of this purpose and not expired; whoever gets it is the only one.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was taken.
    fn redeem(
        &self,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<OneTimeRecord>, StoreError>> + Send;

    /// Drops all tokens of a subject, of one purpose or of every one, and returns how many live ones there were.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether they are gone.
    fn withdraw(
        &self,
        subject: &str,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}
