//! Sessions in memory.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;

use super::{
    MemoryStore,
    rows::{OpenSession, SessionKey, SessionRow},
    table::Shard,
};
use crate::{
    clock::Timestamp,
    store::{
        EndedSession, LoadedSession, NewSession, Owner, PayloadChange, PayloadOutcome, Prolonging,
        RefreshFamily, Rotation, RotationDecision, RotationOutcome, Session, SessionId, SessionStore,
        StoreError, StoreLocation, ThrottleStore,
    },
};

type Sessions = Shard<SessionKey, SessionRow>;

#[async_trait]
impl SessionStore for MemoryStore {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&self.0)
    }

    fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
        Some(self)
    }

    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.0.revocations.witness(now);
        let owner = new.session.owner.clone();
        let key = key(&owner, &new.session.id);
        let step = |sessions: &mut Sessions| {
            let surplus = surplus(sessions, &owner, new.limit, now);
            let family = RefreshFamily { head: new.head, last_rotation: None };
            let open = OpenSession { session: new.session, family, payload: new.payload };
            sessions.put(Arc::clone(&key), SessionRow::Open(Box::new(open)));
            end_each(sessions, surplus)
        };
        Ok(self.0.sessions.insert(owner.bucket(), &key, now, step)?)
    }

    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, id);
        let look = |sessions: &Sessions| match sessions.get(&key) {
            Some(SessionRow::Open(open)) if !open.session.has_expired(now) => Some(open.session.clone()),
            _ => None,
        };
        Ok(self.0.sessions.look(owner.bucket(), look)?)
    }

    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, &rotation.session);
        let step = |sessions: &mut Sessions| rotate(sessions, key, rotation, now);
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, id);
        let step = |sessions: &mut Sessions| {
            let Some(SessionRow::Open(open)) = sessions.get(&key) else { return None };
            if open.session.has_expired(now) { None } else { end(sessions, key) }
        };
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        self.0.revocations.witness(now);
        let step = |sessions: &mut Sessions| {
            let live = live(sessions, owner, now).filter(|(_, session)| keep != Some(&session.id));
            let keys = live.map(|(key, _)| Arc::clone(key)).collect();
            end_each(sessions, keys)
        };
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.0.revocations.witness(now);
        let step = |sessions: &mut Sessions| {
            let ended = live(sessions, owner, now).map(|(_, session)| EndedSession::from(session)).collect();
            // Tombstones are not listed under their owner.
            sessions.take_all(|(whose, _)| *whose == *owner);
            ended
        };
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, id);
        let look = |sessions: &Sessions| match sessions.get(&key) {
            Some(SessionRow::Open(open)) if !open.session.has_expired(now) => {
                Some(LoadedSession { session: open.session.clone(), payload: open.payload.clone() })
            }
            _ => None,
        };
        Ok(self.0.sessions.look(owner.bucket(), look)?)
    }

    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, id);
        let step = |sessions: &mut Sessions| {
            let Some(SessionRow::Open(open)) = sessions.get_mut(&key) else { return None };
            match Prolonging::of(&open.session, now) {
                Prolonging::Expired => return None,
                Prolonging::Keep => {}
                Prolonging::Prolong { last_seen_at, tokens_end_at } => {
                    (open.session.last_seen_at, open.session.tokens_end_at) = (last_seen_at, tokens_end_at);
                }
            }
            Some(open.session.clone())
        };
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError> {
        self.0.revocations.witness(now);
        let key = key(owner, id);
        let step = |sessions: &mut Sessions| match sessions.get_mut(&key) {
            Some(SessionRow::Open(open)) if !open.session.has_expired(now) => {
                if open.payload == change.before {
                    open.payload.clone_from(&change.after);
                }
                if open.payload == change.after { PayloadOutcome::Changed } else { PayloadOutcome::Differs }
            }
            _ => PayloadOutcome::NotLive,
        };
        Ok(self.0.sessions.step(owner.bucket(), now, step)?)
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.0.revocations.witness(now);
        let look = |sessions: &Sessions| -> Vec<Session> {
            live(sessions, owner, now).map(|(_, session)| session.clone()).collect()
        };
        let mut list = self.0.sessions.look(owner.bucket(), look)?;
        list.sort_by_key(|session| Reverse((session.last_seen_at, session.created_at)));
        Ok(list)
    }
}

fn key(owner: &Owner<'_>, id: &SessionId) -> Arc<SessionKey> {
    Arc::new((owner.clone().into_owned(), id.clone()))
}

/// The live sessions of an owner.
fn live<'a>(
    sessions: &'a Sessions,
    owner: &Owner<'_>,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Arc<SessionKey>, &'a Session)> {
    sessions.of(owner).filter_map(move |(key, row)| match row {
        SessionRow::Open(open) if !open.session.has_expired(now) => Some((key, &open.session)),
        _ => None,
    })
}

/// The sessions to end so that another one fits under the limit: those used least recently.
fn surplus(sessions: &Sessions, owner: &Owner<'_>, limit: usize, now: Timestamp) -> Vec<Arc<SessionKey>> {
    let by_age: BTreeSet<_> = live(sessions, owner, now)
        .map(|(key, session)| (session.last_seen_at, session.created_at, key))
        .collect();
    let surplus = (by_age.len() + 1).saturating_sub(limit.max(1));
    by_age.into_iter().take(surplus).map(|(_, _, key)| Arc::clone(key)).collect()
}

fn rotate(
    sessions: &mut Sessions,
    key: Arc<SessionKey>,
    rotation: &Rotation,
    now: Timestamp,
) -> RotationOutcome {
    let open = match sessions.get_mut(&key) {
        None => return RotationOutcome::Unknown,
        Some(SessionRow::Ended { tokens_end_at, .. }) => {
            return RotationOutcome::Ended { tokens_end_at: *tokens_end_at };
        }
        Some(SessionRow::Open(open)) => open,
    };
    match RotationDecision::of(&open.session, &open.family, rotation, now) {
        RotationDecision::Expired => RotationOutcome::Expired,
        RotationDecision::Rotate { family, last_seen_at, tokens_end_at } => {
            open.family = family;
            open.session.last_seen_at = last_seen_at;
            open.session.tokens_end_at = tokens_end_at;
            RotationOutcome::Rotated(open.session.clone())
        }
        RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at } => {
            open.session.tokens_end_at = tokens_end_at;
            let session = open.session.clone();
            RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client }
        }
        // Always present: it was found under the same lock.
        RotationDecision::End => end(sessions, key).map_or(RotationOutcome::Unknown, RotationOutcome::Reused),
    }
}

/// Replaces a session by its tombstone.
fn end(sessions: &mut Sessions, key: Arc<SessionKey>) -> Option<Session> {
    let SessionRow::Open(open) = sessions.get(&key)? else { return None };
    let Session { expires_at, tokens_end_at, .. } = open.session;
    match sessions.put(key, SessionRow::Ended { expires_at, tokens_end_at }) {
        Some(SessionRow::Open(open)) => Some(open.session),
        _ => None,
    }
}

fn end_each(sessions: &mut Sessions, keys: Vec<Arc<SessionKey>>) -> Vec<EndedSession> {
    keys.into_iter().filter_map(|key| end(sessions, key)).map(|ended| EndedSession::from(&ended)).collect()
}
