//! Sessions in SQL.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    dialect::SqlDialect,
    failure::damaged,
    reader::Reader,
    statements::{
        CHANGE_PAYLOAD, END_LOCKED, END_SESSION, END_SESSIONS, FIND_SESSION, FORGET_SESSIONS, LIST_SESSIONS,
        LOAD_SESSION, LOCK_SESSION, LOCK_SESSIONS, OPEN_SESSION, PROLONG_SESSION, PROLONG_TOKENS, ROTATE,
        SWEEP_SESSIONS,
    },
    store::SqlStore,
    transaction::Transaction,
    value::{Value, of_owner},
};
use crate::{
    clock::Timestamp,
    store::{
        EndedSession, LastRotation, LoadedSession, NewSession, Owner, PayloadChange, PayloadOutcome,
        Prolonging, RefreshFamily, Rotation, RotationDecision, RotationOutcome, SecretHash, Session,
        SessionId, SessionStore, StoreError, StoreLocation, ThrottleStore,
    },
};

/// The name of the table in the [lock](super::transaction::Transaction::lock_owner) on an owner's
/// rows.
const TABLE: &str = "sessions";

#[async_trait]
impl<D: SqlDialect> SessionStore for SqlStore<D> {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
        Some(self)
    }

    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        let NewSession { session, head, limit, payload } = new;
        let owner = &session.owner;
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        let rows = transaction.fetch(LOCK_SESSIONS, of_owner(owner, [now.into()])).await?;
        let surplus: Vec<EndedSession> = last_seen_first::<D>(owner, &rows)?
            .into_iter()
            .skip(limit.saturating_sub(1))
            .map(|session| EndedSession::from(&session))
            .collect();
        for ended in &surplus {
            transaction.execute(END_LOCKED, key(owner, &ended.id)).await?;
        }
        insert(&mut transaction, &session, &head, payload.as_deref()).await?;
        transaction.sweep(SWEEP_SESSIONS, now).await?;
        transaction.commit().await?;
        Ok(surplus)
    }

    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let rows = self.query(FIND_SESSION, of_owner(owner, [now.into(), id.as_str().into()])).await?;
        rows.first().map(|row| session(owner, id.clone(), &mut Reader::<D>::new(row))).transpose()
    }

    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        // If the row exists, it is locked until the transaction ends, so that no other call can
        // decide about it.
        let rows = transaction.fetch(LOCK_SESSION, key(owner, &rotation.session)).await?;
        let (outcome, is_changed) = match rows.first() {
            None => (RotationOutcome::Unknown, false),
            Some(row) => match kept_session::<D>(owner, &rotation.session, row)? {
                (Session { tokens_end_at, .. }, None) => (RotationOutcome::Ended { tokens_end_at }, false),
                (session, Some(family)) => {
                    let decision = RotationDecision::of(&session, &family, rotation, now);
                    carry_out(&mut transaction, session, decision).await?
                }
            },
        };
        if is_changed {
            transaction.commit().await?;
        } else {
            transaction.roll_back().await?;
        }
        Ok(outcome)
    }

    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut transaction = self.begin().await?;
        let values = of_owner(owner, [now.into(), id.as_str().into()]);
        let rows = transaction.fetch(END_SESSION, values).await?;
        let ended =
            rows.first().map(|row| session(owner, id.clone(), &mut Reader::<D>::new(row))).transpose()?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let mut transaction = self.begin().await?;
        // A session that is being opened is either ended by this call, or opened after it.
        transaction.lock_owner(TABLE, owner).await?;
        let values = of_owner(owner, [now.into(), keep.map(SessionId::as_str).into()]);
        let rows = transaction.fetch(END_SESSIONS, values).await?;
        let ended = rows.iter().map(ended::<D>).collect::<Result<_, _>>()?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        let mut transaction = self.begin().await?;
        transaction.lock_owner(TABLE, owner).await?;
        let nothing = Value::from(None::<&str>);
        let rows = transaction.fetch(END_SESSIONS, of_owner(owner, [now.into(), nothing])).await?;
        let ended = rows.iter().map(ended::<D>).collect::<Result<_, _>>()?;
        transaction.execute(FORGET_SESSIONS, of_owner(owner, [])).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let rows = self.query(LOAD_SESSION, of_owner(owner, [now.into(), id.as_str().into()])).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let reader = &mut Reader::<D>::new(row);
        let session = session(owner, id.clone(), reader)?;
        Ok(Some(LoadedSession { session, payload: reader.optional_text()?.map(String::into_boxed_str) }))
    }

    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = transaction.fetch(LOCK_SESSION, key(owner, id)).await?;
        let kept = rows.first().map(|row| kept_session::<D>(owner, id, row)).transpose()?;
        let Some((mut session, Some(_))) = kept else {
            transaction.roll_back().await?;
            return Ok(None);
        };
        match Prolonging::of(&session, now) {
            Prolonging::Expired => {
                transaction.roll_back().await?;
                return Ok(None);
            }
            Prolonging::Keep => transaction.roll_back().await?,
            Prolonging::Prolong { last_seen_at, tokens_end_at } => {
                (session.last_seen_at, session.tokens_end_at) = (last_seen_at, tokens_end_at);
                let times = [last_seen_at, session.ends_at(), tokens_end_at].map(Value::from);
                let [seen, ends, tokens_end] = times;
                let values = of_owner(owner, [id.as_str().into(), seen, ends, tokens_end]);
                transaction.execute(PROLONG_SESSION, values).await?;
                transaction.commit().await?;
            }
        }
        Ok(Some(session))
    }

    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        let [before, after] = [&change.before, &change.after].map(Option::as_deref);
        let values = of_owner(owner, [now.into(), id.as_str().into(), before.into(), after.into()]);
        if !transaction.fetch(CHANGE_PAYLOAD, values).await?.is_empty() {
            transaction.commit().await?;
            return Ok(PayloadOutcome::Changed);
        }
        let live = transaction.fetch(FIND_SESSION, of_owner(owner, [now.into(), id.as_str().into()])).await?;
        transaction.roll_back().await?;
        Ok(if live.is_empty() { PayloadOutcome::NotLive } else { PayloadOutcome::Differs })
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        last_seen_first::<D>(owner, &self.query(LIST_SESSIONS, of_owner(owner, [now.into()])).await?)
    }
}

/// The values of a statement about one session.
fn key<'a>(owner: &'a Owner<'_>, id: &'a SessionId) -> Vec<Value<'a>> {
    of_owner(owner, [id.as_str().into()])
}

/// The sessions in these rows, most recently used first. They are not sorted by the database,
/// because a row may have changed while the query waited for its lock.
fn last_seen_first<D: SqlDialect>(owner: &Owner<'_>, rows: &[D::Row]) -> Result<Vec<Session>, StoreError> {
    let read = |row| {
        let reader = &mut Reader::<D>::new(row);
        let id = reader.session_id()?;
        session(owner, id, reader)
    };
    let mut sessions: Vec<Session> = rows.iter().map(read).collect::<Result<_, _>>()?;
    sessions
        .sort_by(|a, b| (b.last_seen_at, b.created_at, &b.id).cmp(&(a.last_seen_at, a.created_at, &a.id)));
    Ok(sessions)
}

async fn insert<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    session: &Session,
    head: &SecretHash,
    payload: Option<&str>,
) -> Result<(), StoreError> {
    let idle_timeout = i64::try_from(session.idle_timeout.as_secs()).map_err(StoreError::new)?;
    let address = session.address.map(|address| address.to_string());
    let values = of_owner(
        &session.owner,
        [
            session.id.as_str().into(),
            session.created_at.into(),
            session.last_seen_at.into(),
            idle_timeout.into(),
            session.expires_at.into(),
            session.remembered.into(),
            session.client.as_deref().into(),
            address.as_deref().into(),
            session.tokens_end_at.into(),
            session.ends_at().into(),
            head.into(),
            payload.into(),
        ],
    );
    transaction.execute(OPEN_SESSION, values).await
}

/// Carries out a decision about a session whose row is locked. Returns whether something was
/// written.
async fn carry_out<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    mut session: Session,
    decision: RotationDecision,
) -> Result<(RotationOutcome, bool), StoreError> {
    Ok(match decision {
        RotationDecision::Expired => (RotationOutcome::Expired, false),
        RotationDecision::Rotate { family, last_seen_at, tokens_end_at } => {
            (session.last_seen_at, session.tokens_end_at) = (last_seen_at, tokens_end_at);
            write_family(transaction, &session, &family).await?;
            (RotationOutcome::Rotated(session), true)
        }
        RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at } => {
            let is_longer = tokens_end_at > session.tokens_end_at;
            if is_longer {
                session.tokens_end_at = tokens_end_at;
                let values = [session.id.as_str().into(), tokens_end_at.into()];
                transaction.execute(PROLONG_TOKENS, of_owner(&session.owner, values)).await?;
            }
            (RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client }, is_longer)
        }
        RotationDecision::End => {
            transaction.execute(END_LOCKED, key(&session.owner, &session.id)).await?;
            (RotationOutcome::Reused(session), true)
        }
    })
}

async fn write_family<D: SqlDialect>(
    transaction: &mut Transaction<D>,
    session: &Session,
    family: &RefreshFamily,
) -> Result<(), StoreError> {
    let last = family.last_rotation.as_ref();
    let values = of_owner(
        &session.owner,
        [
            session.id.as_str().into(),
            session.last_seen_at.into(),
            session.ends_at().into(),
            (&family.head).into(),
            last.map(|last| &last.predecessor).into(),
            last.map(|last| &last.nonce).into(),
            last.map(|last| last.rotated_at).into(),
            last.and_then(|last| last.fingerprint.as_ref()).into(),
            session.tokens_end_at.into(),
        ],
    );
    transaction.execute(ROTATE, values).await
}

fn session<D: SqlDialect>(
    owner: &Owner<'_>,
    id: SessionId,
    reader: &mut Reader<'_, D>,
) -> Result<Session, StoreError> {
    Ok(Session {
        id,
        owner: owner.clone().into_owned(),
        created_at: reader.time()?,
        last_seen_at: reader.time()?,
        idle_timeout: Duration::from_secs(reader.natural()?),
        expires_at: reader.time()?,
        remembered: reader.flag()?,
        client: reader.optional_text()?,
        address: match reader.optional_text()? {
            Some(address) => Some(address.parse().map_err(|_| damaged())?),
            None => None,
        },
        tokens_end_at: reader.time()?,
    })
}

fn ended<D: SqlDialect>(row: &D::Row) -> Result<EndedSession, StoreError> {
    let reader = &mut Reader::<D>::new(row);
    Ok(EndedSession { id: reader.session_id()?, tokens_end_at: reader.time()? })
}

/// A session with its refresh tokens; without them if the row is a tombstone.
fn kept_session<D: SqlDialect>(
    owner: &Owner<'_>,
    id: &SessionId,
    row: &D::Row,
) -> Result<(Session, Option<RefreshFamily>), StoreError> {
    let reader = &mut Reader::<D>::new(row);
    let session = session(owner, id.clone(), reader)?;
    if reader.flag()? {
        return Ok((session, None));
    }
    let head = reader.hash()?;
    let last = (reader.optional_hash()?, reader.optional_nonce()?, reader.optional_time()?);
    let fingerprint = reader.optional_fingerprint()?;
    let last_rotation = match last {
        (Some(predecessor), Some(nonce), Some(rotated_at)) => {
            Some(LastRotation { predecessor, nonce, rotated_at, fingerprint })
        }
        (None, None, None) => None,
        _ => return Err(damaged()),
    };
    Ok((session, Some(RefreshFamily { head, last_rotation })))
}
