//! Sessions in memory.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use super::{
    MemoryStore,
    table::{Row, Shard},
};
use crate::{
    clock::Timestamp,
    store::{
        NewSession, Nonce, Rotation, RotationOutcome, SecretHash, Session, SessionId, SessionStore,
        StoreError,
    },
};

/// A session, or the mark that it was ended.
pub(super) enum SessionRow {
    Open(Box<Family>),
    Ended { expires_at: Timestamp },
}

/// A session and its refresh tokens.
pub(super) struct Family {
    session: Session,
    head: SecretHash,
    before: Option<Before>,
}

/// The last rotation.
struct Before {
    predecessor: SecretHash,
    nonce: Nonce,
    rotated_at: Timestamp,
}

type Sessions = Shard<SessionId, SessionRow>;

impl Row for SessionRow {
    fn owner(&self) -> Option<&str> {
        match self {
            Self::Open(family) => Some(&family.session.subject),
            Self::Ended { .. } => None,
        }
    }

    fn leaves_at(&self) -> Timestamp {
        match self {
            Self::Open(family) => family.session.ends_at(),
            Self::Ended { expires_at } => *expires_at,
        }
    }
}

impl Family {
    fn rotate(&mut self, rotation: &Rotation, now: Timestamp) {
        let predecessor = std::mem::replace(&mut self.head, rotation.successor);
        self.before = Some(Before { predecessor, nonce: rotation.nonce, rotated_at: now });
        self.session.last_seen_at = self.session.last_seen_at.max(now);
    }

    /// The last rotation, if `rotation` presents the token from before it and is near enough to it.
    fn in_grace(&self, rotation: &Rotation, now: Timestamp) -> Option<&Before> {
        self.before.as_ref().filter(|before| {
            let apart = now.since(before.rotated_at).max(before.rotated_at.since(now));
            before.predecessor.is(&rotation.presented) && apart < rotation.grace
        })
    }
}

impl SessionStore for MemoryStore {
    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.0.revocations.witness(now);
        let key = Arc::new(new.session.id.clone());
        let subject = new.session.subject.clone();
        let step = |sessions: &mut Sessions| {
            let surplus = surplus(sessions, &subject, new.limit, now);
            let family = Family { session: new.session, head: new.head, before: None };
            sessions.put(Arc::clone(&key), SessionRow::Open(Box::new(family)));
            end_each(sessions, surplus)
        };
        Ok(ids(self.0.sessions.insert(&key, &subject, now, step)?))
    }

    async fn rotate(&self, rotation: Rotation, now: Timestamp) -> Result<RotationOutcome, StoreError> {
        self.0.revocations.witness(now);
        let step = |sessions: &mut Sessions| rotate(sessions, &rotation, now);
        let outcome = self.0.sessions.of_key(&rotation.session, Some(now), step)?;
        Ok(outcome.unwrap_or(RotationOutcome::Unknown))
    }

    async fn end(
        &self,
        id: &SessionId,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.0.revocations.witness(now);
        let step = |sessions: &mut Sessions| {
            let Some(SessionRow::Open(family)) = sessions.get(id) else { return None };
            let session = &family.session;
            let is_his = owner.is_none_or(|owner| owner == session.subject);
            (is_his && !session.has_expired(now)).then(|| end(sessions, Arc::new(id.clone())))?
        };
        Ok(self.0.sessions.of_key(id, Some(now), step)?.flatten())
    }

    async fn end_all(
        &self,
        subject: &str,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.0.revocations.witness(now);
        let step = |sessions: &mut Sessions| {
            let live = live(sessions, subject, now);
            let doomed = live.map(|(key, _)| key).filter(|key| keep != Some(&***key)).cloned().collect();
            end_each(sessions, doomed)
        };
        Ok(ids(self.0.sessions.of_owner(subject, now, step)?))
    }

    async fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.0.revocations.witness(now);
        let look = |sessions: &Sessions| -> Vec<Session> {
            live(sessions, subject, now).map(|(_, session)| session.clone()).collect()
        };
        let mut list = self.0.sessions.read_owner(subject, look)?;
        list.sort_by_key(|session| Reverse((session.last_seen_at, session.created_at)));
        Ok(list)
    }
}

/// The live sessions of a subject.
fn live<'a>(
    sessions: &'a Sessions,
    subject: &str,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Arc<SessionId>, &'a Session)> {
    sessions.of(subject).filter_map(move |(key, row)| match row {
        SessionRow::Open(family) if !family.session.has_expired(now) => Some((key, &family.session)),
        _ => None,
    })
}

/// Those that have to go so that there is room for one more under the limit: the ones seen longest ago.
fn surplus(sessions: &Sessions, subject: &str, limit: usize, now: Timestamp) -> Vec<Arc<SessionId>> {
    let by_age: BTreeSet<_> = live(sessions, subject, now)
        .map(|(key, session)| (session.last_seen_at, session.created_at, key))
        .collect();
    let surplus = (by_age.len() + 1).saturating_sub(limit.max(1));
    by_age.into_iter().take(surplus).map(|(_, _, key)| Arc::clone(key)).collect()
}

fn rotate(sessions: &mut Sessions, rotation: &Rotation, now: Timestamp) -> RotationOutcome {
    let family = match sessions.get_mut(&rotation.session) {
        None => return RotationOutcome::Unknown,
        Some(SessionRow::Ended { .. }) => return RotationOutcome::Ended,
        Some(SessionRow::Open(family)) if family.session.has_expired(now) => return RotationOutcome::Expired,
        Some(SessionRow::Open(family)) => family,
    };
    if family.head.is(&rotation.presented) {
        family.rotate(rotation, now);
        return RotationOutcome::Rotated(family.session.clone());
    }
    if let Some(before) = family.in_grace(rotation, now) {
        return RotationOutcome::InGrace {
            session: family.session.clone(),
            nonce: before.nonce,
            rotated_at: before.rotated_at,
        };
    }
    let ended = end(sessions, Arc::new(rotation.session.clone()));
    // It is there: it was looked at under the same lock.
    ended.map_or(RotationOutcome::Ended, RotationOutcome::Reused)
}

/// Puts the mark in place of a session.
fn end(sessions: &mut Sessions, key: Arc<SessionId>) -> Option<Session> {
    let SessionRow::Open(family) = sessions.get(&key)? else { return None };
    let expires_at = family.session.expires_at;
    match sessions.put(key, SessionRow::Ended { expires_at }) {
        Some(SessionRow::Open(family)) => Some(family.session),
        _ => None,
    }
}

fn end_each(sessions: &mut Sessions, keys: Vec<Arc<SessionId>>) -> Vec<Session> {
    keys.into_iter().filter_map(|key| end(sessions, key)).collect()
}

fn ids(sessions: Vec<Session>) -> Vec<SessionId> {
    sessions.into_iter().map(|session| session.id).collect()
}
