//! Revocations in memory. The check is on the path of every guarded request: no allocation, one short lock for each target, and none while nothing is
//! revoked.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use smallvec::SmallVec;

use super::{
    FORGOTTEN_PER_WRITE, MemoryStore, Refused, is_forgettable,
    shards::{Room, ShardIndex, Shards},
};
use crate::{
    clock::Timestamp,
    store::{RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict},
};

/// Stands for "not known yet".
const NEVER: i64 = i64::MIN;

/// A key of up to this many bytes needs no allocation.
const INLINE_KEY: usize = 512;

/// The longest name and value that are kept as they are, in bytes; longer ones are hashed.
const LONGEST: usize = 300;

/// What is revoked, and the epochs that were raised.
pub(super) struct Revocations {
    shards: Shards<Marks>,
    room: Room,
    /// Since when the store remembers.
    since: AtomicI64,
    /// The latest time of an entry that was forgotten.
    forgotten: AtomicI64,
}

type Key = Arc<[u8]>;

#[derive(Default)]
struct Marks {
    marks: HashMap<Key, Mark>,
    leaving: BTreeSet<(Timestamp, Key)>,
}

#[derive(Clone, Copy)]
struct Mark {
    until: Timestamp,
    /// 0 where the mark is that of a target.
    epoch: u64,
}

impl Revocations {
    pub(super) fn new(most: usize, since: Option<Timestamp>) -> Self {
        Self {
            shards: Shards::new(),
            room: Room::new(most),
            since: AtomicI64::new(since.map_or(NEVER, Timestamp::unix_seconds)),
            forgotten: AtomicI64::new(NEVER),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.room.used()
    }

    /// Every call to the store says what time it is. The first one says since when it remembers; one from before something that is forgotten already
    /// makes it begin anew.
    pub(super) fn witness(&self, now: Timestamp) {
        let now = now.unix_seconds();
        if self.since.load(Ordering::SeqCst) == NEVER {
            // Whoever comes second finds it set.
            let _ = self.since.compare_exchange(NEVER, now, Ordering::SeqCst, Ordering::SeqCst);
        }
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        if now < forgotten {
            // In this order: nobody may see neither the gap nor the new beginning.
            self.since.fetch_max(now, Ordering::SeqCst);
            let _ = self.forgotten.compare_exchange(forgotten, NEVER, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    fn remembers(&self, issued_at: Timestamp) -> bool {
        issued_at.unix_seconds() >= self.since.load(Ordering::SeqCst)
    }

    fn find(&self, key: &[u8]) -> Result<Option<Mark>, Refused> {
        Ok(self.shards.read(shard_of(key))?.marks.get(key).copied())
    }

    /// Changes the mark of a key, and forgets a few others.
    fn change(
        &self,
        key: &[u8],
        now: Timestamp,
        next: impl FnOnce(Option<Mark>) -> Result<Mark, Refused>,
    ) -> Result<Mark, Refused> {
        if self.room.is_full() {
            self.make_room(now)?;
        }
        let mut shard = self.shards.write(shard_of(key))?;
        let before = shard.marks.get(key).copied();
        let mark = next(before)?;
        if before.is_none() && !self.room.take() {
            return Err(Refused::Full);
        }
        shard.put(key, mark);
        self.forget(&mut shard, now);
        Ok(mark)
    }

    fn make_room(&self, now: Timestamp) -> Result<(), Refused> {
        for at in Shards::<Marks>::indices() {
            self.forget(&mut *self.shards.write(at)?, now);
        }
        Ok(())
    }

    /// Drops a few that are past their time.
    fn forget(&self, marks: &mut Marks, now: Timestamp) {
        for _ in 0..FORGOTTEN_PER_WRITE {
            let due = marks.leaving.first().filter(|(until, _)| is_forgettable(*until, now));
            let Some(due) = due.cloned() else { return };
            // Before the mark goes: whoever does not find it must find this.
            self.forgotten.fetch_max(due.0.unix_seconds(), Ordering::SeqCst);
            marks.marks.remove(&due.1);
            marks.leaving.remove(&due);
            self.room.give_back(1);
        }
    }

    fn is_revoked(&self, target: &RevocationTarget<'_>, now: Timestamp) -> Result<bool, Refused> {
        Ok(self.find(&target_key(target))?.is_some_and(|mark| now < mark.until))
    }

    fn epoch_of(&self, subject: &str) -> Result<u64, Refused> {
        Ok(self.find(&epoch_key(subject))?.map_or(0, |mark| mark.epoch))
    }
}

impl Marks {
    fn put(&mut self, key: &[u8], mark: Mark) {
        if let Some((key, before)) = self.marks.get_key_value(key) {
            let (key, before) = (Key::clone(key), before.until);
            self.leaving.remove(&(before, Key::clone(&key)));
            self.leaving.insert((mark.until, Key::clone(&key)));
            self.marks.insert(key, mark);
        } else {
            let key = Key::from(key);
            self.leaving.insert((mark.until, Key::clone(&key)));
            self.marks.insert(key, mark);
        }
    }
}

impl RevocationStore for MemoryStore {
    async fn revoke(
        &self,
        targets: &[RevocationTarget<'_>],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let revocations = &self.0.revocations;
        revocations.witness(now);
        for target in targets {
            let longer = |before: Option<Mark>| {
                let until = before.map_or(until, |before| before.until.max(until));
                Ok(Mark { until, epoch: 0 })
            };
            revocations.change(&target_key(target), now, longer)?;
        }
        Ok(())
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        let revocations = &self.0.revocations;
        if revocations.room.used() > 0 {
            for target in &token.targets {
                if revocations.is_revoked(target, now)? {
                    return Ok(Verdict::Revoked);
                }
            }
            if token.epoch < revocations.epoch_of(token.subject)? {
                return Ok(Verdict::OldEpoch);
            }
        }
        // Not before the marks were looked for: one that was forgotten meanwhile counts too.
        revocations.witness(now);
        Ok(if revocations.remembers(token.issued_at) { Verdict::Good } else { Verdict::BeforeMemory })
    }

    async fn epoch(&self, subject: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.0.revocations.witness(now);
        Ok(self.0.revocations.epoch_of(subject)?)
    }

    async fn raise_epoch(&self, subject: &str, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        self.0.revocations.witness(now);
        let raise = |before: Option<Mark>| {
            let (until, next) = match before {
                None => (until, 0),
                Some(before) => {
                    (before.until.max(until), before.epoch.checked_add(1).ok_or(Refused::LastEpoch)?)
                }
            };
            Ok(Mark { until, epoch: next.max(milliseconds(now)).max(1) })
        };
        Ok(self.0.revocations.change(&epoch_key(subject), now, raise)?.epoch)
    }
}

/// The milliseconds since 1970; none before.
fn milliseconds(now: Timestamp) -> u64 {
    u64::try_from(now.unix_seconds()).unwrap_or(0).saturating_mul(1000)
}

type KeyBuffer = SmallVec<[u8; INLINE_KEY]>;

fn target_key(target: &RevocationTarget<'_>) -> KeyBuffer {
    let (kind, name, text) = match *target {
        RevocationTarget::TokenId(id) => (b'j', "", id),
        RevocationTarget::Session(id) => (b's', "", id),
        RevocationTarget::Subject(subject) => (b'u', "", subject),
        RevocationTarget::Claim { name, value } => (b'c', name, value),
    };
    if name.len() + text.len() > LONGEST {
        return key(b'#', &[target.key().as_bytes()]);
    }
    if kind == b'c' {
        // The length keeps `a` with `b:c` and `a:b` with `c` apart.
        key(kind, &[&name.len().to_le_bytes(), name.as_bytes(), text.as_bytes()])
    } else {
        key(kind, &[text.as_bytes()])
    }
}

fn epoch_key(subject: &str) -> KeyBuffer {
    key(b'e', &[subject.as_bytes()])
}

/// Where a mark is. The map in there hashes the key with a secret of its own; to do so twice would cost as much as the rest of a check. Whoever
/// foresees this one can make threads wait for each other, and nothing else.
fn shard_of(key: &[u8]) -> ShardIndex {
    let end = key.iter().rev().take(8).fold(0_u64, |end, byte| (end << 8) | u64::from(*byte));
    Shards::<Marks>::index_by(end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32)
}

fn key(kind: u8, parts: &[&[u8]]) -> KeyBuffer {
    let mut key = KeyBuffer::new();
    key.push(kind);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}
