//! Sessions.

use std::time::Duration;

use super::{
    SqlDialect, SqlStore,
    dialect::Value::{Bytes, Number, Text},
    reader::{Reader, damaged},
    statements::{
        END_FAMILY, END_SESSION, END_SESSIONS, FAMILY, LIST_SESSIONS, LOCK_SESSIONS, OPEN_SESSION, ROTATE,
        SWEEP_SESSIONS,
    },
    transaction::Transaction,
};
use crate::{
    clock::Timestamp,
    store::{
        NewSession, Nonce, Rotation, RotationOutcome, SecretHash, Session, SessionId, SessionStore,
        StoreError,
    },
};

impl<D: SqlDialect> SessionStore for SqlStore<D> {
    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let NewSession { session, head, limit } = new;
        let mut work = self.begin().await?;
        work.lock("sessions", &session.subject).await?;
        let rows = work.fetch(LOCK_SESSIONS, live(&session.subject, now)).await?;
        let crowded_out: Vec<_> =
            sorted::<D>(&rows)?.into_iter().skip(limit.saturating_sub(1)).map(|session| session.id).collect();
        for id in &crowded_out {
            work.run(END_FAMILY, vec![Text(Some(id.as_str()))]).await?;
        }
        insert(&mut work, &session, &head).await?;
        work.sweep(SWEEP_SESSIONS, now).await?;
        work.commit().await?;
        Ok(crowded_out)
    }

    async fn rotate(&self, rotation: Rotation, now: Timestamp) -> Result<RotationOutcome, StoreError> {
        let mut work = self.begin().await?;
        let rows = work.fetch(FAMILY, vec![Text(Some(rotation.session.as_str()))]).await?;
        let Some(row) = rows.first() else {
            work.leave().await?;
            return Ok(RotationOutcome::Unknown);
        };
        // From here on nobody else changes this row.
        let outcome = Family::read::<D>(row)?.judge(&rotation, now);
        match &outcome {
            RotationOutcome::Rotated(session) => advance(&mut work, session, &rotation, now).await?,
            RotationOutcome::Reused(session) => {
                work.run(END_FAMILY, vec![Text(Some(session.id.as_str()))]).await?;
            }
            RotationOutcome::InGrace { .. }
            | RotationOutcome::Ended
            | RotationOutcome::Expired
            | RotationOutcome::Unknown => {
                work.leave().await?;
                return Ok(outcome);
            }
        }
        work.commit().await?;
        Ok(outcome)
    }

    async fn end(
        &self,
        id: &SessionId,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut work = self.begin().await?;
        let values = vec![Text(Some(id.as_str())), Number(now.unix_seconds()), Text(owner)];
        let rows = work.fetch(END_SESSION, values).await?;
        let ended = rows.first().map(|row| session(&mut Reader::<D>::new(row))).transpose()?;
        work.commit().await?;
        Ok(ended)
    }

    async fn end_all(
        &self,
        subject: &str,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut work = self.begin().await?;
        // A session that is being opened is seen, or it is opened after this.
        work.lock("sessions", subject).await?;
        let mut values = live(subject, now);
        values.push(Text(keep.map(SessionId::as_str)));
        let rows = work.fetch(END_SESSIONS, values).await?;
        let ended = rows.iter().map(|row| id(&mut Reader::<D>::new(row))).collect::<Result<_, _>>()?;
        work.commit().await?;
        Ok(ended)
    }

    async fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        sorted::<D>(&self.ask(LIST_SESSIONS, live(subject, now)).await?)
    }
}

/// What a statement about the live sessions of a subject wants to know.
fn live(subject: &str, now: Timestamp) -> Vec<super::Value<'_>> {
    vec![Text(Some(subject)), Number(now.unix_seconds())]
}

/// The one that was seen last first. Sorted here and not there, because a row may have changed while its lock was waited for.
fn sorted<D: SqlDialect>(rows: &[D::Row]) -> Result<Vec<Session>, StoreError> {
    let mut sessions: Vec<Session> =
        rows.iter().map(|row| session(&mut Reader::<D>::new(row))).collect::<Result<_, _>>()?;
    sessions
        .sort_by(|a, b| (b.last_seen_at, b.created_at, &b.id).cmp(&(a.last_seen_at, a.created_at, &a.id)));
    Ok(sessions)
}

async fn insert<D: SqlDialect>(
    work: &mut Transaction<D>,
    session: &Session,
    head: &SecretHash,
) -> Result<(), StoreError> {
    let address = session.address.map(|address| address.to_string());
    let values = vec![
        Text(Some(session.id.as_str())),
        Text(Some(&session.subject)),
        Number(session.created_at.unix_seconds()),
        Number(session.last_seen_at.unix_seconds()),
        Number(session.idle_timeout.as_secs().try_into().map_err(StoreError::new)?),
        Number(session.expires_at.unix_seconds()),
        Number(session.remembered.into()),
        Text(session.client.as_deref()),
        Text(address.as_deref()),
        Number(session.ends_at().unix_seconds()),
        Bytes(head.as_bytes()),
    ];
    work.run(OPEN_SESSION, values).await
}

async fn advance<D: SqlDialect>(
    work: &mut Transaction<D>,
    session: &Session,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = vec![
        Text(Some(session.id.as_str())),
        Number(session.last_seen_at.unix_seconds()),
        Number(session.ends_at().unix_seconds()),
        Bytes(rotation.successor.as_bytes()),
        Bytes(rotation.nonce.as_bytes()),
        Number(now.unix_seconds()),
    ];
    work.run(ROTATE, values).await
}

fn id<D: SqlDialect>(reader: &mut Reader<'_, D>) -> Result<SessionId, StoreError> {
    SessionId::parse(&reader.text()?).ok_or_else(damaged)
}

fn session<D: SqlDialect>(reader: &mut Reader<'_, D>) -> Result<Session, StoreError> {
    Ok(Session {
        id: id(reader)?,
        subject: reader.text()?,
        created_at: reader.time()?,
        last_seen_at: reader.time()?,
        idle_timeout: Duration::from_secs(reader.natural()?),
        expires_at: reader.time()?,
        remembered: reader.number()? != 0,
        client: reader.optional_text()?,
        address: match reader.optional_text()? {
            Some(address) => Some(address.parse().map_err(|_| damaged())?),
            None => None,
        },
    })
}

/// A session with what its refresh tokens are judged by.
struct Family {
    session: Session,
    ended: bool,
    head: SecretHash,
    before: Option<Before>,
}

/// The last rotation.
struct Before {
    predecessor: SecretHash,
    nonce: Nonce,
    rotated_at: Timestamp,
}

impl Family {
    fn read<D: SqlDialect>(row: &D::Row) -> Result<Self, StoreError> {
        let reader = &mut Reader::<D>::new(row);
        let session = session(reader)?;
        let ended = reader.number()? != 0;
        let head = SecretHash::from_bytes(reader.bytes()?);
        let before = match (reader.optional_bytes()?, reader.optional_bytes()?, reader.optional_number()?) {
            (Some(predecessor), Some(nonce), Some(rotated_at)) => Some(Before {
                predecessor: SecretHash::from_bytes(predecessor),
                nonce: Nonce::from_bytes(nonce),
                rotated_at: Timestamp::from_unix_seconds(rotated_at),
            }),
            (None, None, None) => None,
            _ => return Err(damaged()),
        };
        Ok(Self { session, ended, head, before })
    }

    /// What becomes of an attempt. [`Rotated`](RotationOutcome::Rotated) and [`Reused`](RotationOutcome::Reused) are still to be done.
    fn judge(self, rotation: &Rotation, now: Timestamp) -> RotationOutcome {
        let Self { mut session, ended, head, before } = self;
        if ended {
            return RotationOutcome::Ended;
        }
        if session.has_expired(now) {
            return RotationOutcome::Expired;
        }
        if head.is(&rotation.presented) {
            session.last_seen_at = session.last_seen_at.max(now);
            return RotationOutcome::Rotated(session);
        }
        match before {
            Some(Before { predecessor, nonce, rotated_at })
                if predecessor.is(&rotation.presented) && apart(rotated_at, now) < rotation.grace =>
            {
                RotationOutcome::InGrace { session, nonce, rotated_at }
            }
            _ => RotationOutcome::Reused(session),
        }
    }
}

/// How far apart two times are, whichever is the earlier.
fn apart(a: Timestamp, b: Timestamp) -> Duration {
    a.since(b).max(b.since(a))
}
