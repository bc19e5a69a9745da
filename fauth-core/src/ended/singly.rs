//! Questions about one API key or session, because the store cannot be asked about many at a time:
//! browser sessions where there is no revocation store, and API keys.
//!
//! One question covers all sockets of the same key or session.

use std::collections::{BTreeSet, HashMap};

use super::{entry::Id, intervals::Moment};

/// Identifies a key or session: a hash of everything that the answer depends on. Collisions cannot
/// be found.
pub(crate) type Subject = u128;

/// A store that is asked about one key or session at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SingleStore {
    ApiKeys,
    Sessions,
}

impl SingleStore {
    pub(super) const ALL: [Self; 2] = [Self::ApiKeys, Self::Sessions];
}

/// The single question about a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single {
    pub(crate) store: SingleStore,
    pub(crate) subject: Subject,
    /// Is there no other store to ask? Then it is asked when a socket is opened, when a change is
    /// reported, and at each recheck.
    pub(crate) is_only_there: bool,
}

/// A value for each store. They are separate, so that a store that hangs does not delay questions
/// to the other.
#[derive(Debug, Default)]
pub(super) struct PerStore<T> {
    api_keys: T,
    sessions: T,
}

impl<T> PerStore<T> {
    pub(super) const fn of(&self, store: SingleStore) -> &T {
        match store {
            SingleStore::ApiKeys => &self.api_keys,
            SingleStore::Sessions => &self.sessions,
        }
    }

    pub(super) const fn of_mut(&mut self, store: SingleStore) -> &mut T {
        match store {
            SingleStore::ApiKeys => &mut self.api_keys,
            SingleStore::Sessions => &mut self.sessions,
        }
    }
}

/// A question that was asked. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) store: SingleStore,
    pub(super) subject: Subject,
    number: u64,
}

/// Why a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A change was reported.
    Told,
    /// A socket was opened, its turn has come, or the question is repeated.
    Other,
}

/// The question about one key or session.
#[derive(Debug)]
struct Question {
    /// Since when it has had no answer.
    open_since: Moment,
    /// When it must be asked, and why.
    due: Option<(Moment, Cause)>,
    /// The number under which it is being asked. It is not asked twice at the same time.
    asked: Option<u64>,
    /// Has the last attempt failed?
    has_failed: bool,
}

#[derive(Debug, Default)]
struct Queues {
    told: BTreeSet<(Moment, Subject)>,
    others: BTreeSet<(Moment, Subject)>,
}

impl Queues {
    const fn of(&mut self, cause: Cause) -> &mut BTreeSet<(Moment, Subject)> {
        match cause {
            Cause::Told => &mut self.told,
            Cause::Other => &mut self.others,
        }
    }

    fn add(&mut self, subject: Subject, due: Option<(Moment, Cause)>) {
        if let Some((due, cause)) = due {
            self.of(cause).insert((due, subject));
        }
    }

    fn remove(&mut self, subject: Subject, due: Option<(Moment, Cause)>) {
        if let Some((due, cause)) = due {
            self.of(cause).remove(&(due, subject));
        }
    }
}

/// The open questions to one store, and the sockets that they are about.
#[derive(Debug, Default)]
pub(super) struct Singles {
    members: BTreeSet<(Subject, Id)>,
    /// The highest epoch of the user, where one is known.
    epochs: HashMap<Subject, u64>,
    open: HashMap<Subject, Question>,
    queues: Queues,
    was_told: bool,
    last_number: u64,
    /// When any question was answered last.
    pub(super) answered_at: Moment,
}

impl Singles {
    pub(super) fn insert(&mut self, subject: Subject, id: Id) {
        self.members.insert((subject, id));
    }

    /// The question is dropped with its last socket.
    pub(super) fn remove(&mut self, subject: Subject, id: Id) {
        self.members.remove(&(subject, id));
        if self.members(subject).next().is_some() {
            return;
        }
        self.epochs.remove(&subject);
        if let Some(one) = self.open.remove(&subject) {
            self.queues.remove(subject, one.due);
        }
    }

    /// The sockets that an answer is about.
    pub(super) fn members(&self, subject: Subject) -> impl Iterator<Item = Id> {
        self.members.range((subject, Id::MIN)..=(subject, Id::MAX)).map(|(_, id)| *id)
    }

    /// Notes the epoch of the user.
    pub(super) fn know_epoch(&mut self, subject: Subject, epoch: u64) {
        let known = self.epochs.entry(subject).or_insert(epoch);
        *known = epoch.max(*known);
    }

    pub(super) fn epoch_of(&self, subject: Subject) -> Option<u64> {
        self.epochs.get(&subject).copied()
    }

    /// Asks about a key or session at `due` or earlier. If that is being done, it is asked once
    /// more afterwards, because the answer may be older than the change.
    pub(super) fn ask(&mut self, subject: Subject, due: Moment, cause: Cause) {
        let new = Question { open_since: due, due: None, asked: None, has_failed: false };
        let one = self.open.entry(subject).or_insert(new);
        let before = one.due;
        let is_told = cause == Cause::Told || before.is_some_and(|(_, cause)| cause == Cause::Told);
        let due = before.map_or(due, |(before, _)| before.min(due));
        one.due = Some((due, if is_told { Cause::Told } else { Cause::Other }));
        if one.asked.is_none() && one.due != before {
            self.queues.remove(subject, before);
            self.queues.add(subject, one.due);
        }
    }

    /// Takes the next question, to be asked now, with one of the sockets that it is about: asking
    /// costs the same however many there are. Reported changes go first, but not twice in a row, so
    /// that a key that changes all the time does not delay the others.
    pub(super) fn next(&mut self, store: SingleStore, now: Moment) -> Option<(Asked, Id)> {
        let first = |queue: &BTreeSet<_>| queue.first().copied().filter(|(due, _)| *due <= now);
        let (told, other) = (first(&self.queues.told), first(&self.queues.others));
        let is_told = told.is_some() && (other.is_none() || !self.was_told);
        let (_, subject) = if is_told { told } else { other }?;
        let one = self.open.get_mut(&subject)?;
        self.queues.remove(subject, one.due.take());
        self.was_told = is_told;
        self.last_number += 1;
        one.asked = Some(self.last_number);
        let asked = Asked { store, subject, number: self.last_number };
        Some((asked, self.members(subject).next()?))
    }

    /// When the next question is due.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let queues = [&self.queues.told, &self.queues.others];
        queues.into_iter().filter_map(|queue| queue.first()).map(|(due, _)| *due).min()
    }

    /// Notes that a question asked at `asked_at` was answered.
    pub(super) fn note_answer(&mut self, asked: Asked, (asked_at, now): (Moment, Moment)) {
        self.answered_at = now;
        let Some(one) = self.asked(asked) else { return };
        if let Some(due) = one.due {
            // A change was reported meanwhile.
            (one.open_since, one.asked, one.has_failed) = (asked_at, None, false);
            self.queues.add(asked.subject, Some(due));
        } else {
            self.open.remove(&asked.subject);
        }
    }

    /// Notes that a question has failed: it is asked again at `again_at` or earlier.
    pub(super) fn note_failed(&mut self, asked: Asked, again_at: Moment) {
        let Some(one) = self.asked(asked) else { return };
        (one.asked, one.has_failed) = (None, true);
        let due = one.due;
        self.queues.add(asked.subject, due);
        self.ask(asked.subject, again_at, Cause::Other);
    }

    /// The question, unless it was dropped meanwhile with its last socket.
    fn asked(&mut self, asked: Asked) -> Option<&mut Question> {
        self.open.get_mut(&asked.subject).filter(|one| one.asked == Some(asked.number))
    }

    /// Repeats all questions that are being asked, because their answers are lost.
    pub(super) fn begin_anew(&mut self) {
        for (subject, one) in self.open.iter_mut().filter(|(_, one)| one.asked.is_some()) {
            one.asked = None;
            let due = *one.due.get_or_insert((one.open_since, Cause::Other));
            self.queues.add(*subject, Some(due));
        }
    }

    /// Since when the question about this key or session has been open, if it is, and whether an
    /// attempt has failed.
    pub(super) fn open_since(&self, subject: Subject) -> Option<(Moment, bool)> {
        self.open.get(&subject).map(|one| (one.open_since, one.has_failed))
    }

    pub(super) fn shrink(&mut self) {
        self.open.shrink_to(64);
        self.epochs.shrink_to(64);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let Queues { told, others } = &self.queues;
        let nothing_is_due = told.is_empty() && others.is_empty();
        self.members.is_empty() && self.epochs.is_empty() && self.open.is_empty() && nothing_is_due
    }
}

#[cfg(test)]
mod tests;
