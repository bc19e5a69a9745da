//! Sessions: a hash and a set of tombstones for each owner.

use std::{cmp::Reverse, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use redis::Script;

use super::{
    fault::Fault,
    link::Retry,
    reply::Reply,
    scripts,
    step::{Step, seconds, span, time_to_live},
    store::RedisStore,
};
use crate::{
    clock::Timestamp,
    store::{
        EndedSession, LoadedSession, NewSession, Nonce, Owner, PayloadChange, PayloadOutcome, Rotation,
        RotationOutcome, Session, SessionId, SessionStore, StoreError, StoreLocation, ThrottleStore,
    },
};

#[async_trait]
impl SessionStore for RedisStore {
    fn location(&self) -> StoreLocation {
        self.place()
    }

    fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
        Some(self)
    }

    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        let NewSession { session, head, limit, payload } = new;
        let mut step = self.session_step(&scripts::OPEN, &session.owner, now);
        step.arg(session.id.as_str())
            .arg(limit)
            .arg(time_to_live(now, session.expires_at))
            .arg(seconds(session.created_at))
            .arg(seconds(session.last_seen_at))
            .arg(span(session.idle_timeout))
            .arg(seconds(session.expires_at))
            .arg(u8::from(session.remembered))
            .arg(head.as_bytes())
            .arg(seconds(session.tokens_end_at));
        if let Some(client) = &session.client {
            step.arg("client").arg(client);
        }
        if let Some(address) = session.address {
            step.arg("address").arg(address.to_string());
        }
        if let Some(payload) = &payload {
            step.arg("payload").arg(&**payload);
        }
        let mut reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        if reply.is("known") {
            return Err(Fault::Known("the session").into());
        }
        reply.done()?;
        Ok(ended(&mut reply)?)
    }

    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut step = self.session_step(&scripts::FIND, owner, now);
        step.arg(id.as_str());
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(session(owner, id.clone(), &mut reply.next_row()?)?))
    }

    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError> {
        let mut step = self.session_step(&scripts::ROTATE, owner, now);
        step.arg(rotation.session.as_str())
            .arg(rotation.presented.as_bytes())
            .arg(rotation.successor.as_bytes())
            .arg(rotation.nonce.as_bytes())
            .arg(span(rotation.grace))
            .arg(span(rotation.access_lifetime))
            .arg(rotation.fingerprint.as_ref().map_or(&[][..], |client| client.as_bytes()))
            .arg(u8::from(rotation.bound_to_client));
        let reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        Ok(outcome(owner, &rotation.session, reply)?)
    }

    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut step = self.session_step(&scripts::END, owner, now);
        step.arg(id.as_str());
        let mut reply = self.hub().run(&step, Retry::No).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(session(owner, id.clone(), &mut reply.next_row()?)?))
    }

    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let mut step = self.session_step(&scripts::END_ALL, owner, now);
        if let Some(keep) = keep {
            step.arg(keep.as_str());
        }
        let mut reply = self.hub().run(&step, Retry::No).await?;
        reply.done()?;
        Ok(ended(&mut reply)?)
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        let step = self.session_step(&scripts::FORGET, owner, now);
        let mut reply = self.hub().run(&step, Retry::No).await?;
        reply.done()?;
        Ok(ended(&mut reply)?)
    }

    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let mut step = self.session_step(&scripts::LOAD, owner, now);
        step.arg(id.as_str());
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        let session = session(owner, id.clone(), &mut reply.next_row()?)?;
        Ok(Some(LoadedSession { session, payload: reply.optional_text()?.map(String::into_boxed_str) }))
    }

    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut step = self.session_step(&scripts::PROLONG, owner, now);
        step.arg(id.as_str());
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        if reply.is("none") {
            return Ok(None);
        }
        reply.done()?;
        Ok(Some(session(owner, id.clone(), &mut reply.next_row()?)?))
    }

    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError> {
        let mut step = self.session_step(&scripts::CHANGE_PAYLOAD, owner, now);
        // The minimum time to live of the payloads, in case that of the sessions is not known.
        step.arg(id.as_str()).arg(time_to_live(now, now));
        for payload in [&change.before, &change.after] {
            step.arg(u8::from(payload.is_some())).arg(payload.as_deref().unwrap_or_default());
        }
        let reply = self.hub().run(&step, Retry::NotAfterDeadline).await?;
        Ok(match reply.word() {
            b"none" => PayloadOutcome::NotLive,
            b"differs" => PayloadOutcome::Differs,
            _ => reply.done().map(|()| PayloadOutcome::Changed)?,
        })
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let step = self.session_step(&scripts::LIST, owner, now);
        let mut reply = self.hub().run(&step, Retry::Yes).await?;
        reply.done()?;
        let sessions: Result<Vec<_>, Fault> = reply.rows()?.map(|row| listed(owner, row)).collect();
        let mut sessions = sessions?;
        sessions.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        Ok(sessions)
    }
}

impl RedisStore {
    fn session_step(&self, script: &'static Script, owner: &Owner<'_>, now: Timestamp) -> Step {
        self.hub().names.owner(owner).sessions_step(script, now)
    }
}

/// Sorts the most recently used session first.
fn sort_key(session: &Session) -> (Reverse<(Timestamp, Timestamp)>, &SessionId) {
    (Reverse((session.last_seen_at, session.created_at)), &session.id)
}

fn outcome(owner: &Owner<'_>, id: &SessionId, mut reply: Reply) -> Result<RotationOutcome, Fault> {
    let session = |reply: &mut Reply| session(owner, id.clone(), &mut reply.next_row()?);
    Ok(match reply.word() {
        b"rotated" => RotationOutcome::Rotated(session(&mut reply)?),
        b"grace" => RotationOutcome::InGrace {
            session: session(&mut reply)?,
            nonce: Nonce::from_bytes(reply.array()?),
            rotated_at: reply.time()?,
            from_another_client: reply.parsed::<u8>()? != 0,
        },
        b"reused" => RotationOutcome::Reused(session(&mut reply)?),
        b"ended" => RotationOutcome::Ended { tokens_end_at: reply.time()? },
        b"expired" => RotationOutcome::Expired,
        b"unknown" => RotationOutcome::Unknown,
        _ => return Err(Fault::Malformed("no outcome")),
    })
}

fn listed(owner: &Owner<'_>, row: redis::Value) -> Result<Session, Fault> {
    let mut row = Reply::row(row)?;
    let id = parsed_id(&row.text()?)?;
    session(owner, id, &mut row)
}

/// Neither the owner nor the id comes from Redis: the caller named the owner, and usually the id.
fn session(owner: &Owner<'_>, id: SessionId, row: &mut Reply) -> Result<Session, Fault> {
    Ok(Session {
        id,
        owner: owner.clone().into_owned(),
        created_at: row.time()?,
        last_seen_at: row.time()?,
        idle_timeout: Duration::from_secs(row.parsed()?),
        expires_at: row.time()?,
        remembered: row.parsed::<u8>()? != 0,
        client: row.optional_text()?,
        address: row.optional_text()?.map(|text| address(&text)).transpose()?,
        tokens_end_at: row.time()?,
    })
}

fn ended(reply: &mut Reply) -> Result<Vec<EndedSession>, Fault> {
    reply.rows()?.map(|row| one_ended(&mut Reply::row(row)?)).collect()
}

fn one_ended(row: &mut Reply) -> Result<EndedSession, Fault> {
    Ok(EndedSession { id: parsed_id(&row.text()?)?, tokens_end_at: row.time()? })
}

fn parsed_id(text: &str) -> Result<SessionId, Fault> {
    SessionId::parse(text).ok_or(Fault::Malformed("no id of a session"))
}

fn address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| Fault::Malformed("no address"))
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing {
    use redis::Value;

    use super::{Reply, ended, listed, outcome, parsed_id};
    use crate::store::{Owner, RotationOutcome};

    /// Checks that a session has the id and the owner that were asked for.
    pub(in crate::store::redis) fn read(value: &Value) -> bool {
        let mut is_accepted = false;
        let owner = Owner::new("shop", "", "alice");
        if let Ok(session) = listed(&owner, value.clone()) {
            assert!(parsed_id(session.id.as_str()).is_ok_and(|id| id == session.id));
            assert_eq!(session.owner, owner);
            is_accepted = true;
        }
        let Ok(id) = parsed_id("AAAAAAAAAAAAAAAAAAAAAA") else { unreachable!("16 bytes are an id") };
        if let Ok(reply) = Reply::of(value.clone())
            && let Ok(RotationOutcome::Rotated(session) | RotationOutcome::Reused(session)) =
                outcome(&owner, &id, reply)
        {
            assert_eq!(session.id, id);
            is_accepted = true;
        }
        is_accepted | Reply::of(value.clone()).is_ok_and(|mut reply| ended(&mut reply).is_ok())
    }
}
