//! Those that are asked about each by itself, because no store is asked about many of them: the
//! browser session where there is no revocation store, and the API key.

use std::collections::{BTreeSet, HashMap};

use super::{entry::Id, intervals::Moment};

/// The question about one.
#[derive(Debug)]
struct Single {
    /// Since when it has not been answered.
    open_since: Moment,
    /// When it is to be asked.
    due: Option<Moment>,
    /// While it is being asked, it is asked no second time.
    is_asked: bool,
    /// Has the last one who was asked failed?
    has_failed: bool,
}

/// The questions that are open.
#[derive(Debug, Default)]
pub(super) struct Singles {
    open: HashMap<Id, Single>,
    queue: BTreeSet<(Moment, Id)>,
}

impl Singles {
    /// One is to be asked about, at `due` or before. If that is being done, then once more after
    /// it: what is answered may be older than the change.
    pub(super) fn ask(&mut self, id: Id, due: Moment) {
        let new = Single { open_since: due, due: None, is_asked: false, has_failed: false };
        let one = self.open.entry(id).or_insert(new);
        if one.due.is_some_and(|before| before <= due) {
            return;
        }
        let before = one.due.replace(due);
        if one.is_asked {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, id));
        }
        self.queue.insert((due, id));
    }

    /// The next one, which is asked about now.
    pub(super) fn next(&mut self, now: Moment) -> Option<Id> {
        let next = self.queue.first().copied().filter(|(due, _)| *due <= now)?;
        self.queue.remove(&next);
        let one = self.open.get_mut(&next.1)?;
        (one.due, one.is_asked) = (None, true);
        Some(next.1)
    }

    /// When there is somebody to ask about.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// All is well with one, as it was asked at `asked_at`.
    pub(super) fn note_good(&mut self, id: Id, asked_at: Moment) {
        let Some(one) = self.open.get_mut(&id) else { return };
        match one.due {
            // Something has changed meanwhile.
            Some(due) => {
                (one.open_since, one.is_asked, one.has_failed) = (asked_at, false, false);
                self.queue.insert((due, id));
            }
            None => drop(self.open.remove(&id)),
        }
    }

    /// Nobody has answered: it is asked again then, at the latest.
    pub(super) fn note_failed(&mut self, id: Id, again_at: Moment) {
        if let Some(one) = self.open.get_mut(&id) {
            (one.is_asked, one.has_failed) = (false, true);
            self.queue.extend(one.due.map(|due| (due, id)));
        }
        self.ask(id, again_at);
    }

    /// Nobody will be answered who has asked before.
    pub(super) fn begin_anew(&mut self) {
        for (id, one) in self.open.iter_mut().filter(|(_, one)| one.is_asked) {
            one.is_asked = false;
            let due = *one.due.get_or_insert(one.open_since);
            self.queue.insert((due, *id));
        }
    }

    pub(super) fn remove(&mut self, id: Id) {
        if let Some(due) = self.open.remove(&id).and_then(|one| one.due) {
            self.queue.remove(&(due, id));
        }
    }

    /// Since when the question about one is open, if it is, and whether it was asked in vain.
    pub(super) fn open_since(&self, id: Id) -> Option<(Moment, bool)> {
        self.open.get(&id).map(|one| (one.open_since, one.has_failed))
    }

    pub(super) fn shrink(&mut self) {
        self.open.shrink_to(64);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.queue.is_empty()
    }
}
