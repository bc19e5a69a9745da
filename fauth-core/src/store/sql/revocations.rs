//! Revocations and epochs in SQL.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use async_trait::async_trait;

use super::{
    dialect::SqlDialect,
    failure::damaged,
    reader::Reader,
    statements::{
        BEGIN_ANEW, CHECK, CHECK_ALL, COUNT_REVOCATIONS, FIND_REVOCATIONS, FORGET_REVOCATIONS, LOCK_EPOCH,
        NOTE_FORGOTTEN, READ_EPOCH, REVOKE, SWEEP_EPOCHS, SWEEP_REVOCATIONS, WRITE_EPOCH,
    },
    store::SqlStore,
    transaction::Transaction,
    value::{Value, of_owner},
};
use crate::{
    clock::Timestamp,
    store::{
        Known, Owner, RevocationStore, RevocationTarget, StoreError, StoreLocation, TokenFacts, Verdict,
        raised_epoch,
    },
};

/// The name of the table of epochs in its lock.
const EPOCHS: &str = "epochs";

/// The name of the table of revocations in its lock.
const REVOCATIONS: &str = "revocations";

/// The number of targets per statement; both databases accept far more parameters.
const AT_ONCE: usize = 1000;

/// The number of tokens checked by one statement.
const TOKENS_AT_ONCE: usize = 500;

#[async_trait]
impl<D: SqlDialect> RevocationStore for SqlStore<D> {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut due = Due::of(owner, targets);
        // Most repeated revocations end here, without a lock or a write.
        due.drop_known(self.ends_of(&due).await?, until);
        if due.is_empty() {
            return Ok(true);
        }
        let mut transaction = self.begin().await?;
        if let Some(limit) = limit {
            // Until the transaction ends, no other one adds to the counted rows.
            transaction.lock_owner(REVOCATIONS, owner).await?;
            if !fits(&mut transaction, owner, &due, limit, now).await? {
                transaction.roll_back().await?;
                return Ok(false);
            }
        }
        due.write(&mut transaction, owner, until).await?;
        forget(&mut transaction, SWEEP_REVOCATIONS, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        Ok(Verdict::of(token, &self.known_of(token, now).await?, now))
    }

    async fn check_all(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(tokens.len());
        for tokens in tokens.chunks(TOKENS_AT_ONCE) {
            verdicts.extend(self.verdicts(tokens, now).await?);
        }
        Ok(verdicts)
    }

    async fn epoch(&self, owner: &Owner<'_>, _now: Timestamp) -> Result<u64, StoreError> {
        let rows = self.query(READ_EPOCH, of_owner(owner, [])).await?;
        rows.first().map_or(Ok(0), |row| epoch(&mut Reader::<D>::new(row)))
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let (raised, _) = raise(&mut transaction, owner, now, until).await?;
        forget(&mut transaction, SWEEP_EPOCHS, now).await?;
        transaction.commit().await?;
        Ok(raised)
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let (raised, kept_until) = raise(&mut transaction, owner, now, until).await?;
        let subject = RevocationTarget::Subject.key(owner);
        let values = of_owner(owner, [kept_until.into(), Value::from(&*subject)]);
        transaction.execute(FORGET_REVOCATIONS, values).await?;
        transaction.commit().await?;
        Ok(raised)
    }
}

/// Raises the epoch of an owner. Returns the new epoch, and until when it is kept.
async fn raise<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    owner: &Owner<'_>,
    now: Timestamp,
    until: Timestamp,
) -> Result<(u64, Timestamp), StoreError> {
    // The row may not exist yet, and then cannot be locked itself.
    transaction.lock_owner(EPOCHS, owner).await?;
    let rows = transaction.fetch(LOCK_EPOCH, of_owner(owner, [])).await?;
    let (mut before, mut kept_until) = (None, until);
    if let Some(row) = rows.first() {
        let reader = &mut Reader::<D>::new(row);
        before = Some(reader.natural()?);
        kept_until = until.max(reader.time()?);
    }
    let raised = raised_epoch(before, now)
        .and_then(|raised| i64::try_from(raised).ok())
        .ok_or_else(|| StoreError::new("the epoch cannot be raised any further"))?;
    transaction.execute(WRITE_EPOCH, of_owner(owner, [raised.into(), kept_until.into()])).await?;
    Ok((u64::try_from(raised).map_err(StoreError::new)?, kept_until))
}

/// The targets to revoke, by their keys, and whether each counts towards the owner's share. Each
/// key occurs once, because a statement cannot write a row twice. The keys are sorted, so that two
/// calls never wait for each other.
struct Due(BTreeMap<Cow<'static, str>, bool>);

impl Due {
    fn of(owner: &Owner<'_>, targets: &[RevocationTarget<'_>]) -> Self {
        let is_owners = |target: &RevocationTarget<'_>| !matches!(target, RevocationTarget::Claim { .. });
        Self(targets.iter().map(|target| (target.key(owner), is_owners(target))).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in chunks, one for each statement.
    fn chunks(&self) -> Vec<Vec<(&str, bool)>> {
        let all: Vec<_> = self.0.iter().map(|(key, is_owners)| (&**key, *is_owners)).collect();
        all.chunks(AT_ONCE).map(<[_]>::to_vec).collect()
    }

    /// Drops the targets that are already revoked until then.
    fn drop_known(&mut self, ends: Vec<(String, Timestamp)>, until: Timestamp) {
        for (key, _) in ends.into_iter().filter(|(_, end)| *end >= until) {
            self.0.remove(&*key);
        }
    }

    async fn write<D: SqlDialect>(
        &self,
        transaction: &mut Transaction<D>,
        owner: &Owner<'_>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        for chunk in self.chunks() {
            // A claim belongs to no owner.
            let rows = parameters(5, chunk.len(), |number| {
                let is_owners = chunk.get(number - 5).is_some_and(|(_, is_owners)| *is_owners);
                format!("(${number}, $1, $2, {}, $4)", if is_owners { "$3" } else { "''" })
            });
            let mut values = of_owner(owner, [until.into()]);
            values.extend(chunk.iter().map(|(key, _)| Value::from(*key)));
            transaction.execute(&REVOKE.replace("{list}", &rows), values).await?;
        }
        Ok(())
    }
}

/// Whether the owner's share has room for these targets.
async fn fits<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    owner: &Owner<'_>,
    due: &Due,
    limit: usize,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut further = due.0.clone();
    further.retain(|_, is_owners| *is_owners);
    for chunk in due.chunks() {
        let (statement, values) = find(&chunk);
        for row in transaction.fetch(&statement, values).await? {
            let (key, end) = found::<D>(&row)?;
            if end > now {
                further.remove(&*key);
            }
        }
    }
    if further.is_empty() {
        return Ok(true);
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = transaction.fetch(COUNT_REVOCATIONS, of_owner(owner, [now.into(), most.into()])).await?;
    let taken = Reader::<D>::new(rows.first().ok_or_else(damaged)?).natural()?;
    Ok(further.len() as u64 <= (limit as u64).saturating_sub(taken))
}

/// Builds the query for the ends of these revocations.
fn find<'a>(chunk: &[(&'a str, bool)]) -> (String, Vec<Value<'a>>) {
    let list = parameters(1, chunk.len(), |number| format!("${number}"));
    let values = chunk.iter().map(|(key, _)| Value::from(*key)).collect();
    (FIND_REVOCATIONS.replace("{list}", &list), values)
}

fn found<D: SqlDialect>(row: &D::Row) -> Result<(String, Timestamp), StoreError> {
    let reader = &mut Reader::<D>::new(row);
    Ok((reader.text()?, reader.time()?))
}

impl<D: SqlDialect> SqlStore<D> {
    /// The targets that have a revocation, and until when.
    async fn ends_of(&self, due: &Due) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let mut ends = Vec::new();
        for chunk in due.chunks() {
            let (statement, values) = find(&chunk);
            for row in self.query(&statement, values).await? {
                ends.push(found::<D>(&row)?);
            }
        }
        Ok(ends)
    }

    async fn known_of(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Known, StoreError> {
        let keys: Vec<_> = token.targets.iter().map(|target| target.key(&token.owner)).collect();
        // `IN ()` is not valid SQL. No target has an empty key.
        let list = if keys.is_empty() {
            "''".to_owned()
        } else {
            parameters(5, keys.len(), |number| format!("${number}"))
        };
        let mut values = of_owner(&token.owner, [now.into()]);
        values.extend(keys.iter().map(|key| Value::from(&**key)));
        let rows = self.query(&CHECK.replace("{list}", &list), values).await?;
        let reader = &mut Reader::<D>::new(rows.first().ok_or_else(damaged)?);
        let since = reader.time()?;
        let (forgotten, database_now) = (reader.time()?, reader.time()?);
        let (is_revoked, epoch) = (reader.flag()?, epoch(reader)?);
        let since = self.remembers_since(since, forgotten, database_now, now).await?;
        Ok(Known { is_revoked, epoch, remembers_since: Some(since) })
    }

    /// Checks several tokens with one statement.
    async fn verdicts(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        let keys: Vec<Vec<_>> = tokens
            .iter()
            .map(|token| token.targets.iter().map(|target| target.key(&token.owner)).collect())
            .collect();
        let targets: BTreeSet<&str> = keys.iter().flatten().map(|key| &**key).collect();
        let owners: BTreeSet<[&str; 3]> = tokens.iter().map(|token| parts(&token.owner)).collect();
        let mut values: Vec<Value<'_>> = vec![now.into()];
        values.extend(targets.iter().map(|target| Value::from(*target)));
        values.extend(owners.iter().flatten().map(|part| Value::from(*part)));
        // `IN ()` is not valid SQL. No target has an empty key.
        let list = if targets.is_empty() {
            "''".to_owned()
        } else {
            parameters(2, targets.len(), |number| format!("${number}"))
        };
        let first = 2 + targets.len();
        let rows = parameters(0, owners.len(), |row| {
            let number = first + 3 * row;
            format!("(${number}, ${}, ${})", number + 1, number + 2)
        });
        let statement = CHECK_ALL.replace("{list}", &list).replace("{owners}", &rows);
        let answer = Answer::read::<D>(&self.query_unprepared(&statement, values).await?)?;
        let (since, forgotten, database_now) = answer.memory.ok_or_else(damaged)?;
        let since = self.remembers_since(since, forgotten, database_now, now).await?;
        let verdict = |(token, keys): (&TokenFacts<'_>, &Vec<Cow<'static, str>>)| {
            let known = Known {
                is_revoked: keys.iter().any(|key| answer.revoked.contains(&**key)),
                epoch: answer.epochs.get(&parts(&token.owner).map(str::to_owned)).copied().unwrap_or(0),
                remembers_since: Some(since),
            };
            Verdict::of(token, &known, now)
        };
        Ok(tokens.iter().zip(&keys).map(verdict).collect())
    }

    /// When the store's memory begins, for a caller whose clock shows `now`.
    ///
    /// If `now` lies before the time of a revocation that was deleted, expired tokens are valid
    /// again by the caller's clock, and revoked ones among them cannot be identified. Nothing
    /// issued before `now` is then judged: for this caller alone, or for all callers if the
    /// database's clock has gone back as well.
    async fn remembers_since(
        &self,
        since: Timestamp,
        forgotten: Timestamp,
        database_now: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        if now >= forgotten {
            return Ok(since);
        }
        if database_now < forgotten {
            let mut transaction = self.begin().await?;
            transaction.execute(BEGIN_ANEW, vec![now.into()]).await?;
            transaction.commit().await?;
        }
        Ok(since.max(now))
    }
}

/// The result of [`CHECK_ALL`].
#[derive(Default)]
struct Answer {
    /// When the memory begins, the latest time of a deleted entry, and the database's own time.
    memory: Option<(Timestamp, Timestamp, Timestamp)>,
    revoked: HashSet<String>,
    epochs: HashMap<[String; 3], u64>,
}

impl Answer {
    fn read<D: SqlDialect>(rows: &[D::Row]) -> Result<Self, StoreError> {
        let mut answer = Self::default();
        for row in rows {
            let reader = &mut Reader::<D>::new(row);
            let (kind, target) = (reader.number()?, reader.text()?);
            let owner = [reader.text()?, reader.text()?, reader.text()?];
            match kind {
                0 => answer.memory = Some((reader.time()?, reader.time()?, reader.time()?)),
                1 => drop(answer.revoked.insert(target)),
                _ => drop(answer.epochs.insert(owner, epoch(reader)?)),
            }
        }
        Ok(answer)
    }
}

fn parts<'a>(owner: &'a Owner<'_>) -> [&'a str; 3] {
    [&owner.application, &owner.issuer, &owner.subject]
}

/// Sweeps, and records the latest time of a deleted row.
async fn forget<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    template: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut forgotten = None;
    for row in transaction.sweep(template, now).await? {
        forgotten = forgotten.max(Some(Reader::<D>::new(&row).time()?));
    }
    match forgotten {
        Some(until) => transaction.execute(NOTE_FORGOTTEN, vec![until.into()]).await,
        None => Ok(()),
    }
}

/// The epoch, or 0 if it was never raised. A stored epoch counts even after its time, so that a
/// caller whose clock is behind never gets an earlier epoch than others.
fn epoch<D: SqlDialect>(reader: &mut Reader<'_, D>) -> Result<u64, StoreError> {
    u64::try_from(reader.optional_number()?.unwrap_or(0)).map_err(|_| damaged())
}

/// `count` parameters, numbered from `first`.
fn parameters(first: usize, count: usize, form: impl FnMut(usize) -> String) -> String {
    (first..).take(count).map(form).collect::<Vec<_>>().join(", ")
}
