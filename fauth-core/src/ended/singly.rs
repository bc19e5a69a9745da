//! What is asked about by itself, because its store is not asked about many at a time: the browser
//! session where there is no revocation store, and the API key.
//!
//! One question answers everything that is open with the same key, or of the same session.

use std::collections::{BTreeSet, HashMap};

use super::{entry::Id, intervals::Moment};

/// Which key or session it is: the hash of all that the answer depends on. Nobody finds two with
/// the same one.
pub(crate) type Subject = u128;

/// A store that is asked about each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SingleStore {
    ApiKeys,
    Sessions,
}

impl SingleStore {
    pub(super) const ALL: [Self; 2] = [Self::ApiKeys, Self::Sessions];
}

/// Who knows one that may be asked about by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single {
    pub(crate) store: SingleStore,
    pub(crate) subject: Subject,
    /// Does nobody else know it? Then it is asked about when it is opened, changed and looked at.
    pub(crate) is_only_there: bool,
}

/// The same of each store: one that hangs holds up nobody whom another one knows.
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

/// What was asked. None has the number of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) store: SingleStore,
    subject: Subject,
    number: u64,
}

/// Why it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something about it has changed.
    Told,
    /// It was opened, or it is its turn, or it is tried again.
    Other,
}

/// The question about one.
#[derive(Debug)]
struct Question {
    /// Since when it has not been answered.
    open_since: Moment,
    /// When it is to be asked, and why.
    due: Option<(Moment, Cause)>,
    /// While it is being asked, it is asked no second time.
    asked: Option<u64>,
    /// Has the last one who was asked failed?
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

/// The questions to one store that are open, and whom it is asked about.
#[derive(Debug, Default)]
pub(super) struct Singles {
    members: BTreeSet<(Subject, Id)>,
    open: HashMap<Subject, Question>,
    queues: Queues,
    was_told: bool,
    last_number: u64,
    /// When anybody was answered.
    pub(super) answered_at: Moment,
}

impl Singles {
    pub(super) fn insert(&mut self, subject: Subject, id: Id) {
        self.members.insert((subject, id));
    }

    /// The question goes with the last one whom it is about.
    pub(super) fn remove(&mut self, subject: Subject, id: Id) {
        self.members.remove(&(subject, id));
        if self.members(subject).next().is_none()
            && let Some(one) = self.open.remove(&subject)
        {
            self.queues.remove(subject, one.due);
        }
    }

    /// All that an answer is about.
    pub(super) fn members(&self, subject: Subject) -> impl Iterator<Item = Id> {
        self.members.range((subject, Id::MIN)..=(subject, Id::MAX)).map(|(_, id)| *id)
    }

    /// One is to be asked about, at `due` or before. If that is being done, then once more after
    /// it: what is answered may be older than the change.
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

    /// The next one, which is asked about now: one of which something has changed is before all
    /// others, but not two of them, so that whoever has something changed all the time does not
    /// keep the others waiting.
    pub(super) fn next(&mut self, store: SingleStore, now: Moment) -> Option<(Asked, Vec<Id>)> {
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
        Some((asked, self.members(subject).collect()))
    }

    /// When there is somebody to ask about.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let queues = [&self.queues.told, &self.queues.others];
        queues.into_iter().filter_map(|queue| queue.first()).map(|(due, _)| *due).min()
    }

    /// What was asked at `asked_at` has an answer now.
    pub(super) fn note_answer(&mut self, asked: Asked, (asked_at, now): (Moment, Moment)) {
        self.answered_at = now;
        let Some(one) = self.asked(asked) else { return };
        if let Some(due) = one.due {
            // Something has changed meanwhile.
            (one.open_since, one.asked, one.has_failed) = (asked_at, None, false);
            self.queues.add(asked.subject, Some(due));
        } else {
            self.open.remove(&asked.subject);
        }
    }

    /// Nobody has answered: it is asked again then, at the latest.
    pub(super) fn note_failed(&mut self, asked: Asked, again_at: Moment) {
        let Some(one) = self.asked(asked) else { return };
        (one.asked, one.has_failed) = (None, true);
        let due = one.due;
        self.queues.add(asked.subject, due);
        self.ask(asked.subject, again_at, Cause::Other);
    }

    /// The question, unless it is another one by now: all whom it was about have gone.
    fn asked(&mut self, asked: Asked) -> Option<&mut Question> {
        self.open.get_mut(&asked.subject).filter(|one| one.asked == Some(asked.number))
    }

    /// Nobody will be answered who has asked before.
    pub(super) fn begin_anew(&mut self) {
        for (subject, one) in self.open.iter_mut().filter(|(_, one)| one.asked.is_some()) {
            one.asked = None;
            let due = *one.due.get_or_insert((one.open_since, Cause::Other));
            self.queues.add(*subject, Some(due));
        }
    }

    /// Since when the question about one is open, if it is, and whether it was asked in vain.
    pub(super) fn open_since(&self, subject: Subject) -> Option<(Moment, bool)> {
        self.open.get(&subject).map(|one| (one.open_since, one.has_failed))
    }

    pub(super) fn shrink(&mut self) {
        self.open.shrink_to(64);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let Queues { told, others } = &self.queues;
        self.members.is_empty() && self.open.is_empty() && told.is_empty() && others.is_empty()
    }
}

#[cfg(test)]
mod tests;
