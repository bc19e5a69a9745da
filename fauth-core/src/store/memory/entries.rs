//! Revocations and raised epochs. The check is on the path of every guarded request: it does not
//! allocate, takes one short lock per target, and takes none while nothing is revoked.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use super::{
    bounds::{FORGOTTEN_PER_WRITE, Refused, is_forgettable},
    shards::{Room, ShardIndex, Shards},
    shares::Shares,
};
use crate::{
    clock::Timestamp,
    store::{Owner, RevocationTarget, TokenFacts, raised_epoch, revocations::OwnerKeys},
};

/// Stands for "nothing was removed yet".
const NEVER: i64 = i64::MIN;

/// The revocations and raised epochs.
pub(super) struct Entries {
    shards: Shards<Shard>,
    room: Room,
    shares: Shares,
    /// When the store's memory begins.
    since: AtomicI64,
    /// The latest expiry of a removed entry.
    forgotten: AtomicI64,
}

type Key = Arc<[u8]>;

#[derive(Default)]
struct Shard {
    entries: HashMap<Key, Entry>,
    leaving: BTreeSet<(Timestamp, Key)>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// When the entry expires: the later end of its two parts.
    until: Timestamp,
    /// Until when the target is revoked; long ago if only an epoch was raised.
    revoked_until: Timestamp,
    /// The owner's epoch, in the entry of its subject; 0 if it was never raised.
    epoch: u64,
}

const LONG_AGO: Timestamp = Timestamp::from_unix_seconds(i64::MIN);

impl Entry {
    /// The entry of a target after it was revoked until `until`.
    fn revoked(before: Option<Self>, until: Timestamp) -> Self {
        let Some(before) = before else { return Self { until, revoked_until: until, epoch: 0 } };
        let revoked_until = before.revoked_until.max(until);
        Self { until: before.until.max(until), revoked_until, ..before }
    }
}

/// A target that has to be revoked, or revoked for longer.
struct Due {
    /// Until when it is revoked so far; `None` if there is no entry.
    revoked_until: Option<Timestamp>,
    is_counted: bool,
}

impl Due {
    fn is_new(&self) -> bool {
        self.revoked_until.is_none()
    }

    /// Whether the revocation adds to the owner's count.
    fn takes_a_place(&self, now: Timestamp) -> bool {
        self.is_counted && self.revoked_until.is_none_or(|until| until <= now)
    }
}

/// Room taken for new entries; unused room is given back on drop.
struct Taken<'a> {
    room: &'a Room,
    left: usize,
}

impl Taken<'_> {
    fn use_one(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            // An entry was removed after it was counted as present.
            None => return self.room.take(),
        }
        true
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.room.give_back(self.left);
    }
}

impl Entries {
    pub(super) fn new(most: usize, since: Timestamp) -> Self {
        Self {
            shards: Shards::new(),
            room: Room::new(most),
            shares: Shares::new(),
            since: AtomicI64::new(since.unix_seconds()),
            forgotten: AtomicI64::new(NEVER),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.room.used()
    }

    /// Called with the caller's time on every call to the store. If that lies before the expiry of
    /// an entry that was already removed, the memory begins anew. Returns whether it did.
    pub(super) fn witness(&self, now: Timestamp) -> bool {
        let now = now.unix_seconds();
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let is_gone = now < forgotten;
        if is_gone {
            // In this order, so that every other thread sees the gap or the new beginning.
            self.since.fetch_max(now, Ordering::SeqCst);
            let _ = self.forgotten.compare_exchange(forgotten, NEVER, Ordering::SeqCst, Ordering::SeqCst);
        }
        is_gone
    }

    fn find(&self, key: &[u8]) -> Result<Option<Entry>, Refused> {
        Ok(self.shards.read(shard_of(key))?.entries.get(key).copied())
    }

    /// Changes the entry of a key, and removes a few expired ones.
    fn change(
        &self,
        key: &[u8],
        now: Timestamp,
        next: impl FnOnce(Option<Entry>) -> Result<Entry, Refused>,
    ) -> Result<Entry, Refused> {
        if self.room.is_full() {
            self.make_room(now)?;
        }
        self.change_in(&mut Taken { room: &self.room, left: 0 }, key, now, next)
    }

    /// Like [`change`](Self::change), with room taken before.
    fn change_in(
        &self,
        room: &mut Taken<'_>,
        key: &[u8],
        now: Timestamp,
        next: impl FnOnce(Option<Entry>) -> Result<Entry, Refused>,
    ) -> Result<Entry, Refused> {
        let mut shard = self.shards.write(shard_of(key))?;
        let before = shard.entries.get(key).copied();
        let entry = next(before)?;
        if before.is_none() && !room.use_one() {
            return Err(Refused::Full);
        }
        shard.put(key, entry);
        self.forget(&mut shard, now);
        Ok(entry)
    }

    fn make_room(&self, now: Timestamp) -> Result<(), Refused> {
        for at in Shards::<Shard>::indices() {
            self.forget(&mut *self.shards.write(at)?, now);
        }
        Ok(())
    }

    /// Removes a few expired entries.
    fn forget(&self, entries: &mut Shard, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = entries.leaving.first().filter(|(until, _)| is_forgettable(*until, now));
            let Some(due) = due.cloned() else { return };
            // Before the entry is removed: a thread that no longer finds the entry must see this.
            self.forgotten.fetch_max(due.0.unix_seconds(), Ordering::SeqCst);
            entries.entries.remove(&due.1);
            entries.leaving.remove(&due);
            self.room.give_back(1);
        }
    }

    /// Whether one of a token's targets is revoked, and the epoch of its owner. Both are in one
    /// entry if the target is the subject, so that a check costs one look-up per target.
    pub(super) fn look_up(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<(bool, u64), Refused> {
        let mut keys = OwnerKeys::new(&token.owner);
        let (mut is_revoked, mut epoch) = (false, None);
        for target in token.targets {
            let entry = keys.with_key(target, |key| self.find(key))?;
            is_revoked |= entry.is_some_and(|entry| now < entry.revoked_until);
            if matches!(target, RevocationTarget::Subject) {
                epoch = Some(entry.map_or(0, |entry| entry.epoch));
            }
        }
        match epoch {
            Some(epoch) => Ok((is_revoked, epoch)),
            None => Ok((is_revoked, self.epoch_of(&token.owner)?)),
        }
    }

    pub(super) fn epoch_of(&self, owner: &Owner<'_>) -> Result<u64, Refused> {
        let entry = RevocationTarget::Subject.with_key(owner, |key| self.find(key))?;
        Ok(entry.map_or(0, |entry| entry.epoch))
    }

    /// Revokes the targets that are not already revoked for that long. `false` if that would exceed
    /// the owner's share, or the room for actions of owners.
    pub(super) fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Refused> {
        // Until this is dropped, no other thread changes the owner's revocations.
        let mut share = self.shares.lock(owner)?;
        let due = self.due(owner, targets, until)?;
        let further = due.values().filter(|due| due.takes_a_place(now)).count();
        if limit.is_some_and(|limit| further > 0 && share.live(now).saturating_add(further) > limit) {
            return Ok(false);
        }
        let mut room = match self.take_room(due.values().filter(|due| due.is_new()).count(), limit, now)? {
            Some(room) => room,
            None if limit.is_some() => return Ok(false),
            None => return Err(Refused::Full),
        };
        for (key, due) in due {
            self.change_in(&mut room, &key, now, |before| Ok(Entry::revoked(before, until)))?;
            if due.is_counted {
                share.replace(due.revoked_until, until, now);
            }
        }
        Ok(true)
    }

    /// The targets that are not yet revoked until `until`, each once.
    fn due(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        until: Timestamp,
    ) -> Result<BTreeMap<Box<[u8]>, Due>, Refused> {
        let mut due = BTreeMap::new();
        for target in targets {
            let key = target.with_key(owner, |key| Box::<[u8]>::from(key));
            let before = self.find(&key)?;
            if before.is_none_or(|before| before.revoked_until < until) {
                // A claim belongs to no owner.
                let is_counted = !matches!(target, RevocationTarget::Claim { .. });
                let revoked_until = before.map(|before| before.revoked_until);
                due.insert(key, Due { revoked_until, is_counted });
            }
        }
        Ok(due)
    }

    /// Takes room for `count` new entries; `None` if there is none. Actions of owners leave the
    /// reserved part free.
    fn take_room(
        &self,
        count: usize,
        limit: Option<usize>,
        now: Timestamp,
    ) -> Result<Option<Taken<'_>>, Refused> {
        let take = || match limit {
            Some(_) => self.room.take_unreserved(count),
            None => self.room.take_all(count),
        };
        if count > 0 && !take() {
            self.make_room(now)?;
            if !take() {
                return Ok(None);
            }
        }
        Ok(Some(Taken { room: &self.room, left: count }))
    }

    pub(super) fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, Refused> {
        let raise = |before: Option<Entry>| {
            let epoch = raised_epoch(before.map(|before| before.epoch), now).ok_or(Refused::LastEpoch)?;
            let before = before.unwrap_or(Entry { until, revoked_until: LONG_AGO, epoch: 0 });
            Ok(Entry { until: before.until.max(until), epoch, ..before })
        };
        let raised = RevocationTarget::Subject.with_key(owner, |key| self.change(key, now, raise));
        raised.map(|entry| entry.epoch)
    }

    /// When the store's memory begins.
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.since.load(Ordering::SeqCst))
    }
}

impl Shard {
    fn put(&mut self, key: &[u8], entry: Entry) {
        if let Some((key, before)) = self.entries.get_key_value(key) {
            let (key, before) = (Key::clone(key), before.until);
            self.leaving.remove(&(before, Key::clone(&key)));
            self.leaving.insert((entry.until, Key::clone(&key)));
            self.entries.insert(key, entry);
        } else {
            let key = Key::from(key);
            self.leaving.insert((entry.until, Key::clone(&key)));
            self.entries.insert(key, entry);
        }
    }
}

/// The shard of a key. The map in the shard hashes the key with a secret of its own; doing that
/// twice would cost as much as the rest of a check. An attacker who predicts this hash can make
/// threads wait for each other, and nothing else.
fn shard_of(key: &[u8]) -> ShardIndex {
    let end = key.iter().rev().take(8).fold(0_u64, |end, byte| (end << 8) | u64::from(*byte));
    // Only the highest bits of the product depend on all eight bytes.
    Shards::<Shard>::index_by(end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 59)
}
