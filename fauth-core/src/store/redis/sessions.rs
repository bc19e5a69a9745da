//! Sessions: a hash each, and a sorted set for each subject.

use std::{net::IpAddr, time::Duration};

use super::{
    RedisStore,
    fault::Fault,
    link::Again,
    names::{seconds, time_to_live},
    reply::Reply,
    scripts,
};
use crate::{
    clock::Timestamp,
    store::{NewSession, Nonce, Rotation, RotationOutcome, Session, SessionId, SessionStore, StoreError},
};

impl SessionStore for RedisStore {
    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let hub = &self.shared.hub;
        let NewSession { session, head, limit } = new;
        let mut step = hub.names.step(&scripts::OPEN, now);
        step.arg(session.id.as_str())
            .arg(limit)
            .arg(time_to_live(now, session.expires_at))
            .arg(&session.subject)
            .arg(seconds(session.created_at))
            .arg(seconds(session.last_seen_at))
            .arg(session.idle_timeout.as_secs())
            .arg(seconds(session.expires_at))
            .arg(u8::from(session.remembered))
            .arg(head.as_bytes());
        if let Some(client) = &session.client {
            step.arg("client").arg(client);
        }
        if let Some(address) = session.address {
            step.arg("address").arg(address.to_string());
        }
        let mut reply = hub.ask(&step, Again::NorLate).await?;
        match reply.word() {
            b"known" => Err(Fault::Known("the session").into()),
            b"early" => Err(Fault::TooEarly.into()),
            _ => {
                reply.done()?;
                Ok(ids(&mut reply)?)
            }
        }
    }

    async fn rotate(&self, rotation: Rotation, now: Timestamp) -> Result<RotationOutcome, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::ROTATE, now);
        step.arg(rotation.session.as_str())
            .arg(rotation.presented.as_bytes())
            .arg(rotation.successor.as_bytes())
            .arg(rotation.nonce.as_bytes())
            .arg(rotation.grace.as_secs());
        Ok(outcome(hub.ask(&step, Again::NorLate).await?)?)
    }

    async fn end(
        &self,
        id: &SessionId,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::END, now);
        step.arg(id.as_str());
        if let Some(owner) = owner {
            step.arg(owner);
        }
        let mut reply = hub.ask(&step, Again::No).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(session(&mut reply.next_row()?)?))
    }

    async fn end_all(
        &self,
        subject: &str,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::END_ALL, now);
        step.arg(subject);
        if let Some(keep) = keep {
            step.arg(keep.as_str());
        }
        let mut reply = hub.ask(&step, Again::No).await?;
        reply.done()?;
        Ok(ids(&mut reply)?)
    }

    async fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let hub = &self.shared.hub;
        let mut step = hub.names.step(&scripts::LIST, now);
        step.arg(subject);
        let mut reply = hub.ask(&step, Again::Yes).await?;
        reply.done()?;
        let sessions: Result<_, Fault> = reply.rows()?.map(|row| session(&mut Reply::row(row)?)).collect();
        Ok(sessions?)
    }
}

fn outcome(mut reply: Reply) -> Result<RotationOutcome, Fault> {
    Ok(match reply.word() {
        b"rotated" => RotationOutcome::Rotated(session(&mut reply.next_row()?)?),
        b"grace" => RotationOutcome::InGrace {
            session: session(&mut reply.next_row()?)?,
            nonce: Nonce::from_bytes(reply.array()?),
            rotated_at: reply.time()?,
        },
        b"reused" => RotationOutcome::Reused(session(&mut reply.next_row()?)?),
        b"ended" => RotationOutcome::Ended,
        b"expired" => RotationOutcome::Expired,
        b"unknown" => RotationOutcome::Unknown,
        _ => return Err(Fault::Malformed("no outcome")),
    })
}

fn session(row: &mut Reply) -> Result<Session, Fault> {
    Ok(Session {
        id: id(&row.text()?)?,
        subject: row.text()?,
        created_at: row.time()?,
        last_seen_at: row.time()?,
        idle_timeout: Duration::from_secs(row.parsed()?),
        expires_at: row.time()?,
        remembered: row.text()? == "1",
        client: row.optional_text()?,
        address: row.optional_text()?.map(|text| address(&text)).transpose()?,
    })
}

fn ids(reply: &mut Reply) -> Result<Vec<SessionId>, Fault> {
    reply
        .rows()?
        .map(|value| match value {
            redis::Value::BulkString(bytes) => id(&String::from_utf8_lossy(&bytes)),
            _ => Err(Fault::Malformed("no id")),
        })
        .collect()
}

fn id(text: &str) -> Result<SessionId, Fault> {
    SessionId::parse(text).ok_or(Fault::Malformed("no id of a session"))
}

fn address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| Fault::Malformed("no address"))
}
