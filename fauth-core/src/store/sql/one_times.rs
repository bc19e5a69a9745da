//! One-time tokens in SQL.
//!
//! The trait, [`OneTimeStore`], defines what each method does and what is atomic. This file
//! contains the order of the statements, and `statements.rs` their text.

use async_trait::async_trait;

use super::{
    dialect::SqlDialect,
    reader::Reader,
    statements::{DELETE_SURPLUS, INSERT_ONE_TIME, LIVE_ONE_TIMES, REDEEM, SWEEP_ONE_TIMES, WITHDRAW},
    store::SqlStore,
    value::of_owner,
};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, Owner, SecretHash, StoreError, StoreLocation},
    token::Purpose,
};

/// The name of the table in the [lock](super::transaction::Transaction::lock_owner) on an owner's
/// rows.
const TABLE: &str = "one_times";

#[async_trait]
impl<D: SqlDialect> OneTimeStore for SqlStore<D> {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let OneTimeRecord { hash, owner, purpose, expires_at } = &record;
        let (hash, purpose) = (hash.into(), purpose.as_str().into());
        // The limit includes the new token, and `DELETE_SURPLUS` deletes only other tokens. A token
        // is therefore never deleted to make room for itself: the mail that was just requested
        // works.
        let others = i64::try_from(limit.saturating_sub(1)).unwrap_or(i64::MAX);
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        // Insert before deleting: a hash that the owner already has fails here, before it can make
        // room for itself.
        transaction.execute(INSERT_ONE_TIME, of_owner(owner, [hash, purpose, (*expires_at).into()])).await?;
        let values = of_owner(owner, [hash, purpose, now.into(), others.into()]);
        transaction.execute(DELETE_SURPLUS, values).await?;
        transaction.sweep(SWEEP_ONE_TIMES, now).await?;
        transaction.commit().await
    }

    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let OneTimeRecord { hash, owner, purpose, expires_at } = &record;
        let (hash, purpose) = (hash.into(), purpose.as_str().into());
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        let live = transaction.fetch(LIVE_ONE_TIMES, of_owner(owner, [purpose, now.into()])).await?.len();
        let has_room = live < limit.max(1);
        if has_room {
            let values = of_owner(owner, [hash, purpose, (*expires_at).into()]);
            transaction.execute(INSERT_ONE_TIME, values).await?;
        }
        transaction.sweep(SWEEP_ONE_TIMES, now).await?;
        transaction.commit().await?;
        Ok(has_room)
    }

    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let mut transaction = self.begin().await?;
        // One `DELETE … RETURNING`: of several calls for the same token, only one gets the row.
        let values = of_owner(owner, [hash.into(), purpose.as_str().into(), now.into()]);
        let rows = transaction.fetch(REDEEM, values).await?;
        let expires_at = rows.first().map(|row| Reader::<D>::new(row).time()).transpose()?;
        transaction.commit().await?;
        let owner = || owner.clone().into_owned();
        Ok(expires_at.map(|expires_at| OneTimeRecord { hash: *hash, owner: owner(), purpose, expires_at }))
    }

    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        let values = of_owner(owner, [purpose.map(Purpose::as_str).into()]);
        // All rows are deleted, but only tokens that had not expired are counted.
        let mut live = 0;
        for row in transaction.fetch(WITHDRAW, values).await? {
            live += usize::from(Reader::<D>::new(&row).time()? > now);
        }
        transaction.commit().await?;
        Ok(live)
    }
}
