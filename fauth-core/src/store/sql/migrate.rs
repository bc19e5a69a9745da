//! Makes the tables, and brings older ones up to date.
//!
//! Not with the migrator of `sqlx`: its own table has a fixed name, which the application may already use for its migrations, and it knows no prefixes.

use super::{
    SqlDialect, SqlStore,
    dialect::Value::{self, Number},
    reader::Reader,
    statements::{LATEST, MIGRATIONS, READ_VERSION, VERSION_TABLE, WRITE_VERSION},
};
use crate::store::StoreError;

impl<D: SqlDialect> SqlStore<D> {
    /// Makes the tables where they are missing. Call it at every start: if there is nothing to do, it does nothing; if several
    /// instances call it at once, one works and the others wait. It either happens as a whole or not at all.
    ///
    /// When it runs for the first time, the store begins to remember: a token issued before, by the [`clock`](Self::clock), is
    /// [`BeforeMemory`](crate::store::Verdict::BeforeMemory).
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be reached or refuses, if the clock cannot tell the time, or if the tables were made by a newer fauth.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let now = self.clock.now().map_err(StoreError::new)?;
        let mut work = self.begin().await?;
        work.lock("migration", "").await?;
        work.run(VERSION_TABLE, vec![]).await?;
        let rows = work.fetch(READ_VERSION, vec![]).await?;
        let version = rows.first().map_or(Ok(0), |row| Reader::<D>::new(row).natural())?;
        if version > LATEST {
            return Err(StoreError::new(format!(
                "the tables are of version {version}, and this fauth knows them up to {LATEST}; use a newer fauth"
            )));
        }
        if version == LATEST {
            return work.commit().await;
        }
        for (number, statements) in MIGRATIONS {
            if *number > version {
                for statement in *statements {
                    work.run(statement, vec![]).await?;
                }
            }
        }
        let values: Vec<Value<'_>> =
            vec![Number(LATEST.try_into().map_err(StoreError::new)?), Number(now.unix_seconds())];
        work.run(WRITE_VERSION, values).await?;
        work.commit().await
    }
}
