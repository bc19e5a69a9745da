//! Revocations and epochs.

use std::collections::BTreeSet;

use super::{
    SqlDialect, SqlStore,
    dialect::Value::{Number, Text},
    reader::{Reader, damaged},
    statements::{
        BEGIN_ANEW, CHECK, EPOCH, NOTE_FORGOTTEN, RAISE_EPOCH, REVOKE, SWEEP_EPOCHS, SWEEP_REVOCATIONS,
    },
    transaction::Transaction,
};
use crate::{
    clock::Timestamp,
    store::{RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict},
};

/// How many targets go into one statement; both databases take far more parameters.
const AT_ONCE: usize = 1000;

impl<D: SqlDialect> RevocationStore for SqlStore<D> {
    async fn revoke(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        // Each once, because a statement cannot touch a row twice; in one order, so that two of these never wait for each other.
        let targets: Vec<_> =
            targets.iter().map(RevocationTarget::key).collect::<BTreeSet<_>>().into_iter().collect();
        if targets.is_empty() {
            return Ok(());
        }
        let mut work = self.begin().await?;
        for targets in targets.chunks(AT_ONCE) {
            let pairs = parameters(2, targets.len(), |number| format!("(${number}, $1)"));
            let mut values = vec![Number(until.unix_seconds())];
            values.extend(targets.iter().map(|target| Text(Some(target))));
            work.run(&REVOKE.replace("{list}", &pairs), values).await?;
        }
        forget(&mut work, SWEEP_REVOCATIONS, now).await?;
        work.commit().await
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        let targets: Vec<_> = token.targets.iter().map(RevocationTarget::key).collect();
        // `IN ()` is no SQL. No target has an empty name.
        let list = if targets.is_empty() {
            "''".to_owned()
        } else {
            parameters(3, targets.len(), |number| format!("${number}"))
        };
        let mut values = vec![Number(now.unix_seconds()), Text(Some(token.subject))];
        values.extend(targets.iter().map(|target| Text(Some(target))));
        let rows = self.ask(&CHECK.replace("{list}", &list), values).await?;
        let reader = &mut Reader::<D>::new(rows.first().ok_or_else(damaged)?);
        let mut since = reader.time()?;
        let forgotten = reader.time()?;
        let database_now = reader.time()?;
        let revoked = reader.number()? != 0;
        let epoch = epoch(reader)?;
        if now < forgotten {
            // What is alive again for this clock cannot be told from what was revoked. If the database's clock has not gone back too, that is so for this caller alone.
            if database_now < forgotten {
                self.begin_anew(now).await?;
            }
            since = since.max(now);
        }
        Ok(if revoked {
            Verdict::Revoked
        } else if token.epoch < epoch {
            Verdict::OldEpoch
        } else if token.issued_at < since {
            Verdict::BeforeMemory
        } else {
            Verdict::Good
        })
    }

    async fn epoch(&self, subject: &str, _now: Timestamp) -> Result<u64, StoreError> {
        let rows = self.ask(EPOCH, vec![Text(Some(subject))]).await?;
        rows.first().map_or(Ok(0), |row| epoch(&mut Reader::<D>::new(row)))
    }

    async fn raise_epoch(&self, subject: &str, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        let milliseconds = now.unix_seconds().checked_mul(1000);
        let least = milliseconds.ok_or_else(|| StoreError::new("the time is out of range"))?.max(1);
        let mut work = self.begin().await?;
        let values = vec![Text(Some(subject)), Number(least), Number(until.unix_seconds())];
        let rows = work.fetch(RAISE_EPOCH, values).await?;
        let raised = Reader::<D>::new(rows.first().ok_or_else(damaged)?).natural()?;
        forget(&mut work, SWEEP_EPOCHS, now).await?;
        work.commit().await?;
        Ok(raised)
    }
}

impl<D: SqlDialect> SqlStore<D> {
    /// The database's clock has gone back behind something that was forgotten, and tokens that had expired are alive again: what was issued before now is not judged any more.
    async fn begin_anew(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.begin().await?;
        work.run(BEGIN_ANEW, vec![Number(now.unix_seconds())]).await?;
        work.commit().await
    }
}

/// Sweeps, and remembers how far.
async fn forget<D: SqlDialect>(
    work: &mut Transaction<D>,
    template: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut forgotten = None;
    for row in work.sweep(template, now).await? {
        forgotten = forgotten.max(Some(Reader::<D>::new(&row).number()?));
    }
    match forgotten {
        Some(until) => work.run(NOTE_FORGOTTEN, vec![Number(until)]).await,
        None => Ok(()),
    }
}

/// An epoch that nobody has raised is 0. What is kept counts whatever its time: so the answer to an older clock is never an epoch behind that of a newer one.
fn epoch<D: SqlDialect>(reader: &mut Reader<'_, D>) -> Result<u64, StoreError> {
    let epoch = reader.optional_number()?.unwrap_or(0);
    u64::try_from(epoch).map_err(|_| damaged())
}

/// `count` parameters from number `first` on.
fn parameters(first: usize, count: usize, form: impl FnMut(usize) -> String) -> String {
    (first..).take(count).map(form).collect::<Vec<_>>().join(", ")
}
