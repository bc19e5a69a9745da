//! Login-throttle records in SQL.
//!
//! A record is replaced by one statement with the previous record as a condition. PostgreSQL checks
//! a row again after another transaction that has changed it ends, so no lock is needed.

use async_trait::async_trait;

use super::{
    dialect::SqlDialect,
    reader::Reader,
    statements::{INSERT_THROTTLE, READ_THROTTLE, REMOVE_THROTTLE, REPLACE_THROTTLE, SWEEP_THROTTLES},
    store::SqlStore,
    value::Value,
};
use crate::{
    clock::Timestamp,
    store::{StoreError, StoreLocation, ThrottleKey, ThrottleRecord, ThrottleStore},
};

#[async_trait]
impl<D: SqlDialect> ThrottleStore for SqlStore<D> {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.query(READ_THROTTLE, vec![bytes(key.as_bytes())]).await?;
        rows.first().map(|row| Reader::<D>::new(row).bytes()).transpose()
    }

    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut values = vec![bytes(key.as_bytes()), bytes(&after.bytes), after.kept_until.into()];
        values.extend(before.map(bytes));
        let statement = if before.is_some() { REPLACE_THROTTLE } else { INSERT_THROTTLE };
        let mut transaction = self.begin().await?;
        if transaction.fetch(statement, values).await?.is_empty() {
            transaction.roll_back().await?;
            return Ok(false);
        }
        transaction.sweep(SWEEP_THROTTLES, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn remove_counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let removed = !transaction.fetch(REMOVE_THROTTLE, vec![bytes(key.as_bytes())]).await?.is_empty();
        transaction.commit().await?;
        Ok(removed)
    }
}

const fn bytes(bytes: &[u8]) -> Value<'_> {
    Value::Bytes(Some(bytes))
}
