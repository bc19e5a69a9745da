//! A write transaction.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sqlx::Pool;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{dialect::SqlDialect, failure::failure, statements::Statements, value::Value};
use crate::{
    clock::Timestamp,
    store::{Owner, StoreError},
};

/// How many seconds a row stays after its time.
const MARGIN: i64 = 3600;

/// A transaction. Dropping it without a commit rolls it back.
pub(super) struct Transaction<D: SqlDialect> {
    // Fields are dropped in this order: the rollback comes before the next writer's turn.
    inner: sqlx::Transaction<'static, D>,
    turn: Option<OwnedMutexGuard<()>>,
    statements: Statements,
    keep: bool,
}

impl<D: SqlDialect> Transaction<D> {
    /// With `keep`, the statements stay prepared.
    pub(super) async fn begin(
        pool: &Pool<D>,
        statements: &Statements,
        keep: bool,
        turn: &Arc<Mutex<()>>,
    ) -> Result<Self, StoreError> {
        let turn = if D::ONE_WRITER { Some(Arc::clone(turn).lock_owned().await) } else { None };
        let pool = pool.clone();
        // sqlx 0.8 loses track of a transaction if the future that begins it is dropped half-way
        // (launchbadge/sqlx#4393). The connection would return to the pool with the transaction
        // open, and later writes on it would be confirmed but never committed. A separate task
        // always completes; if nothing awaits its result, the transaction is dropped as a whole and
        // so rolled back.
        let (transaction, turn) = tokio::spawn(async move { (pool.begin_with(D::BEGIN).await, turn) })
            .await
            .map_err(StoreError::new)?;
        let inner = transaction.map_err(failure::<D>)?;
        Ok(Self { inner, turn, statements: statements.clone(), keep })
    }

    /// Runs one statement and returns its rows.
    pub(super) async fn fetch(
        &mut self,
        template: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<D::Row>, StoreError> {
        let sql = self.statements.render(template);
        D::fetch(&mut self.inner, &sql, values, self.keep).await.map_err(failure::<D>)
    }

    /// Runs a query without parameters. Returns `None` if a table is missing; the transaction
    /// cannot be used for anything else then.
    pub(super) async fn fetch_if_there(&mut self, template: &str) -> Result<Option<Vec<D::Row>>, StoreError> {
        let sql = self.statements.render(template);
        match D::fetch(&mut self.inner, &sql, vec![], self.keep).await {
            Ok(rows) => Ok(Some(rows)),
            Err(sqlx::Error::Database(error)) if D::is_missing_table(&*error) => Ok(None),
            Err(error) => Err(failure::<D>(error)),
        }
    }

    /// Runs one statement that returns no rows.
    pub(super) async fn execute(&mut self, template: &str, values: Vec<Value<'_>>) -> Result<(), StoreError> {
        self.fetch(template, values).await.map(drop)
    }

    /// Locks an owner's rows in a table against other calls of this method until the transaction
    /// ends.
    ///
    /// Take only one lock, and before any row is touched, so that no two transactions wait for each
    /// other.
    pub(super) async fn lock_owner(&mut self, table: &str, owner: &Owner<'_>) -> Result<(), StoreError> {
        self.lock(&format!("{table}:{}", URL_SAFE_NO_PAD.encode(owner.digest()))).await
    }

    /// Locks the tables against other migrations until the transaction ends.
    pub(super) async fn lock_migration(&mut self) -> Result<(), StoreError> {
        self.lock("migration").await
    }

    async fn lock(&mut self, name: &str) -> Result<(), StoreError> {
        let Some(lock) = D::LOCK else { return Ok(()) };
        let name = format!("{}{name}", self.statements.prefix());
        self.execute(lock, vec![name.as_str().into()]).await
    }

    /// Deletes up to a hundred rows whose time was over an hour ago, by both the caller's clock and
    /// the database's own. Instances whose clocks differ by less agree on what is still stored, and
    /// one whose clock is further ahead deletes nothing that the others need.
    ///
    /// Call it last, so that no other transaction waits for the swept rows while this one waits for
    /// something else.
    pub(super) async fn sweep(&mut self, template: &str, now: Timestamp) -> Result<Vec<D::Row>, StoreError> {
        let past = now.unix_seconds().saturating_sub(MARGIN);
        self.fetch(template, vec![past.into(), MARGIN.into()]).await
    }

    /// Ends the transaction without a change. Cheaper than a commit, for which the database would
    /// wait for its disk because a row was locked.
    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        let Self { inner, turn, .. } = self;
        let rolled_back = inner.rollback().await.map_err(failure::<D>);
        drop(turn);
        rolled_back
    }

    /// Commits the changes. After an error it is unknown whether they were committed.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { inner, turn, .. } = self;
        let committed = inner.commit().await.map_err(failure::<D>);
        drop(turn);
        committed
    }
}
