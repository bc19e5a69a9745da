//! Creates the tables, and brings older ones up to date.
//!
//! The migrator of `sqlx` does not serve: its own table has a fixed name, which the application
//! may already use for its migrations, and it knows no prefixes.

use super::{
    dialect::SqlDialect,
    reader::Reader,
    statements::{EARLIEST, LATEST, MIGRATIONS, READ_VERSION, VERSION_TABLE, WRITE_VERSION},
    store::SqlStore,
    transaction::Transaction,
};
use crate::store::StoreError;

impl<D: SqlDialect> SqlStore<D> {
    /// Creates the tables where they are missing. Call it at every start: if there is nothing to
    /// do, it does nothing; if several instances call it at once, one works and the others wait.
    /// It either happens as a whole or not at all. If there is nothing to do, the role needs no
    /// right to create anything; to read the tables and write to them is enough. So the tables can
    /// be made once by another role, and the service runs with fewer rights.
    ///
    /// When it runs for the first time, the store begins to remember: a token that was issued
    /// before, by the [`clock`](Self::clock), is
    /// [`BeforeMemory`](crate::store::Verdict::BeforeMemory). Times are whole seconds: what was
    /// issued and revoked in the running second, in tables that were dropped since, is not refused.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be reached within the
    /// [`connect_timeout`](Self::connect_timeout) or refuses, if the clock cannot tell the
    /// time, or if the tables were made by a newer fauth, or by one whose layout is too old to be
    /// migrated.
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

    /// Looks without a change: `CREATE TABLE IF NOT EXISTS` needs the right to create tables also
    /// where they exist.
    async fn is_up_to_date(&self) -> Result<bool, StoreError> {
        self.first_connection().await?;
        let mut transaction = self.begin().await?;
        let rows = transaction.fetch_if_there(READ_VERSION).await?;
        transaction.roll_back().await?;
        let version = rows.as_deref().and_then(<[_]>::first).map(|row| Reader::<D>::new(row).natural());
        Ok(version.transpose()? == Some(LATEST))
    }
}

/// The version of the tables; `None` if there are none yet.
async fn version<D: SqlDialect>(transaction: &mut Transaction<D>) -> Result<Option<u64>, StoreError> {
    let rows = transaction.fetch(READ_VERSION, vec![]).await?;
    rows.first().map(|row| Reader::<D>::new(row).natural()).transpose()
}

fn earlier_layout(prefix: &str, version: u64) -> StoreError {
    StoreError::new(format!(
        "the tables with prefix `{prefix}` were made by an earlier layout of fauth (schema {version}); \
         drop them or choose another prefix"
    ))
}

fn newer_layout(version: u64) -> StoreError {
    StoreError::new(format!(
        "the tables are of schema {version}, and this fauth knows them up to {LATEST}; use a newer fauth"
    ))
}
