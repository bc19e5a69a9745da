//! A write: one transaction, from its beginning to its commit.

use std::sync::Arc;

use sqlx::Pool;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    SqlDialect,
    dialect::{Dialect, Value},
    statements::Statements,
};
use crate::{clock::Timestamp, store::StoreError};

/// For how many seconds after its time a row stays.
const MARGIN: i64 = 3600;

/// A transaction. Dropped without a commit, it has changed nothing.
pub(super) struct Transaction<D: SqlDialect> {
    // Rolled back before the next writer has its turn: fields are dropped in this order.
    transaction: sqlx::Transaction<'static, D>,
    turn: Option<OwnedMutexGuard<()>>,
    texts: Statements,
}

impl<D: SqlDialect> Transaction<D> {
    /// Begins.
    pub(super) async fn begin(
        pool: &Pool<D>,
        texts: &Statements,
        turn: &Arc<Mutex<()>>,
    ) -> Result<Self, StoreError> {
        let turn = if D::ONE_WRITER { Some(Arc::clone(turn).lock_owned().await) } else { None };
        let pool = pool.clone();
        // A task of its own, because sqlx 0.8 forgets a transaction whose beginning is dropped half-way (launchbadge/sqlx#4393): the connection would go back
        // into the pool with the transaction open, and what is confirmed on it later would never be committed. A task that nobody
        // waits for any more drops what it has begun, and that is rolled back.
        let (transaction, turn) = tokio::spawn(async move { (pool.begin_with(D::BEGIN).await, turn) })
            .await
            .map_err(StoreError::new)?;
        let transaction = transaction.map_err(failure::<D>)?;
        Ok(Self { transaction, turn, texts: texts.clone() })
    }

    /// One statement, and the rows that it returns.
    pub(super) async fn fetch(
        &mut self,
        template: &str,
        values: Vec<Value<'_>>,
    ) -> Result<Vec<D::Row>, StoreError> {
        let sql = self.texts.render(template);
        D::fetch(&mut self.transaction, &sql, values).await.map_err(failure::<D>)
    }

    /// One statement whose rows are of no interest.
    pub(super) async fn run(&mut self, template: &str, values: Vec<Value<'_>>) -> Result<(), StoreError> {
        self.fetch(template, values).await.map(drop)
    }

    /// From here to the end, nobody else is in a transaction with the same `what` and `whose`.
    ///
    /// Ask for one lock only, and before any row is touched: then nobody ever waits in a circle.
    pub(super) async fn lock(&mut self, what: &str, whose: &str) -> Result<(), StoreError> {
        let Some(lock) = D::LOCK else { return Ok(()) };
        let name = format!("{}{what}:{whose}", self.texts.prefix());
        self.run(lock, vec![Value::Text(Some(&name))]).await
    }

    /// Forgets up to a hundred rows whose time was over an hour before `now`, and an hour ago by the database's own clock: machines whose clocks differ by less
    /// agree on what is still kept, and one whose clock is further ahead takes nothing from the others.
    ///
    /// Do it last, so that nobody waits for this transaction while it waits for somebody else.
    pub(super) async fn sweep(&mut self, template: &str, now: Timestamp) -> Result<Vec<D::Row>, StoreError> {
        let past = now.unix_seconds().saturating_sub(MARGIN);
        self.fetch(template, vec![Value::Number(past), Value::Number(MARGIN)]).await
    }

    /// Ends it without a change. Less work than a commit, after which the database would wait for its disk because a row was locked.
    pub(super) async fn leave(self) -> Result<(), StoreError> {
        let Self { transaction, turn, .. } = self;
        let left = transaction.rollback().await.map_err(failure::<D>);
        drop(turn);
        left
    }

    /// Makes it last. An error means that it is unknown whether it does.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { transaction, turn, .. } = self;
        let committed = transaction.commit().await.map_err(failure::<D>);
        drop(turn);
        committed
    }
}

/// What went wrong, without the values that were bound: the database names them in the details of an error, and ids of sessions do not belong in a log.
pub(super) fn failure<D: Dialect>(error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(error) = error else { return StoreError::new(error) };
    if D::is_missing_table(&*error) {
        return StoreError::new(format!("{}: tables are missing; call migrate() first", D::NAME));
    }
    let code = error.code().unwrap_or_default();
    StoreError::new(format!("{} refused with code {code}: {}", D::NAME, error.message()))
}
