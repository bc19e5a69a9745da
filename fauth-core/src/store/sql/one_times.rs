//! One-time tokens.

use super::{
    SqlDialect, SqlStore,
    dialect::Value::{Bytes, Number, Text},
    reader::Reader,
    statements::{CROWD_OUT, INSERT_ONE_TIME, REDEEM, SWEEP_ONE_TIME, WITHDRAW},
};
use crate::{
    clock::Timestamp,
    store::{OneTimeRecord, OneTimeStore, SecretHash, StoreError},
    token::Purpose,
};

impl<D: SqlDialect> OneTimeStore for SqlStore<D> {
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        let OneTimeRecord { hash, subject, purpose, expires_at } = record;
        // The new one stays: whoever asks for a mail gets one that works.
        let others = i64::try_from(limit.saturating_sub(1)).unwrap_or(i64::MAX);
        let mut work = self.begin().await?;
        work.lock("one_time", &subject).await?;
        let values = vec![
            Bytes(hash.as_bytes()),
            Text(Some(&subject)),
            Text(Some(purpose.as_str())),
            Number(expires_at.unix_seconds()),
        ];
        // Before any other goes: a hash that is known already must not make room for itself.
        work.run(INSERT_ONE_TIME, values).await?;
        let values = vec![
            Text(Some(&subject)),
            Text(Some(purpose.as_str())),
            Number(now.unix_seconds()),
            Number(others),
            Bytes(hash.as_bytes()),
        ];
        work.run(CROWD_OUT, values).await?;
        work.sweep(SWEEP_ONE_TIME, now).await?;
        work.commit().await
    }

    async fn redeem(
        &self,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let mut work = self.begin().await?;
        let values = vec![Bytes(hash.as_bytes()), Text(Some(purpose.as_str())), Number(now.unix_seconds())];
        let rows = work.fetch(REDEEM, values).await?;
        let record = match rows.first() {
            Some(row) => {
                let reader = &mut Reader::<D>::new(row);
                let subject = reader.text()?;
                Some(OneTimeRecord { hash: *hash, subject, purpose, expires_at: reader.time()? })
            }
            None => None,
        };
        work.commit().await?;
        Ok(record)
    }

    async fn withdraw(
        &self,
        subject: &str,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut work = self.begin().await?;
        work.lock("one_time", subject).await?;
        let values = vec![Text(Some(subject)), Text(purpose.map(Purpose::as_str))];
        let mut live = 0;
        for row in work.fetch(WITHDRAW, values).await? {
            live += usize::from(Reader::<D>::new(&row).time()? > now);
        }
        work.commit().await?;
        Ok(live)
    }
}
