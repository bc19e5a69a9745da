//! Creates and migrates the tables.
//!
//! The migrator of `sqlx` is not suitable: its own table has a fixed name, which the application
//! may already use for its migrations, and it does not support prefixes.

use super::{
    dialect::SqlDialect,
    reader::Reader,
    statements::{EARLIEST, LATEST, MIGRATIONS, READ_VERSION, VERSION_TABLE, WRITE_VERSION},
    store::SqlStore,
    transaction::Transaction,
};
use crate::store::StoreError;

impl<D: SqlDialect> SqlStore<D> {
    /// Creates the tables where they are missing, and migrates older ones. Call it at every start:
    /// if there is nothing to do, it does nothing. If several instances call it at once, one does
    /// the work and the others wait. It takes effect as a whole or not at all. If there is nothing
    /// to do, the role needs no right to create tables; reading and writing them is enough. So
    /// another role can create the tables once, and the service runs with fewer rights.
    ///
    /// The store's memory begins when this is called for the first time: a token that was issued
    /// before, by the [`clock`](Self::clock), is
    /// [`BeforeMemory`](crate::store::Verdict::BeforeMemory). Times are whole seconds: a token that
    /// was issued and revoked within the same second, in tables that were dropped since, is not
    /// refused.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be reached within the
    /// [`connect_timeout`](Self::connect_timeout) or returns an error, if the clock fails, or if
    /// the tables were created by a newer fauth, or by one whose layout is too old to be migrated.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let now = self.now()?;
        if self.is_up_to_date().await? {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        transaction.lock_migration().await?;
        transaction.execute(VERSION_TABLE, vec![]).await?;
        let version = match version(&mut transaction).await? {
            Some(LATEST) => return transaction.commit().await,
            Some(version) if version < EARLIEST => {
                return Err(earlier_layout(self.table_prefix(), version));
            }
            Some(version) if version > LATEST => return Err(newer_layout(version)),
            version => version.unwrap_or(0),
        };
        for (_, statements) in MIGRATIONS.iter().filter(|(number, _)| *number > version) {
            for statement in *statements {
                transaction.execute(statement, vec![]).await?;
            }
        }
        let latest = i64::try_from(LATEST).map_err(StoreError::new)?;
        transaction.execute(WRITE_VERSION, vec![latest.into(), now.into()]).await?;
        transaction.commit().await
    }

    /// Checks without a write: `CREATE TABLE IF NOT EXISTS` needs the right to create tables even
    /// if they exist.
    async fn is_up_to_date(&self) -> Result<bool, StoreError> {
        self.first_connection().await?;
        let mut transaction = self.begin().await?;
        let rows = transaction.fetch_if_there(READ_VERSION).await?;
        transaction.roll_back().await?;
        let version = rows.as_deref().and_then(<[_]>::first).map(|row| Reader::<D>::new(row).natural());
        Ok(version.transpose()? == Some(LATEST))
    }
}

/// The version of the tables; `None` if there are none.
async fn version<D: SqlDialect>(transaction: &mut Transaction<D>) -> Result<Option<u64>, StoreError> {
    let rows = transaction.fetch(READ_VERSION, vec![]).await?;
    rows.first().map(|row| Reader::<D>::new(row).natural()).transpose()
}

fn earlier_layout(prefix: &str, version: u64) -> StoreError {
    StoreError::new(format!(
        "the tables with prefix `{prefix}` have an old layout (schema {version}) that cannot be migrated; \
         drop them or choose another prefix"
    ))
}

fn newer_layout(version: u64) -> StoreError {
    StoreError::new(format!(
        "the tables have schema {version}, but this version of fauth supports at most {LATEST}; \
         upgrade fauth"
    ))
}
