//! Those that are asked about each by itself, because no store is asked about many of them: the
//! session where there is no revocation store, and the API key.

use super::{Finding, Slot, Table, Watched};
use crate::ended::{entry::Id, intervals::Moment};

/// Of the question that is asked about one by itself.
#[derive(Debug, Default)]
pub(super) struct Single {
    /// Since when it has not been answered.
    pub(super) open_since: Option<Moment>,
    /// When it is to be asked.
    pub(super) due: Option<Moment>,
    /// While it is being asked, it is asked no second time.
    pub(super) is_asked: bool,
    /// Has the last one who was asked failed?
    pub(super) failed: bool,
    pub(super) epoch: Option<u64>,
}

impl Table {
    pub(super) fn ask_these_singly(&mut self, ids: Vec<Id>, now: Moment) {
        for id in ids {
            if self.slots.get(&id).is_some_and(|slot| slot.facts.is_single) {
                self.ask_singly(id, now);
            }
        }
    }

    /// One is to be asked about singly, at `due` or before. If that is being done, then once more
    /// after it: what is answered may be older than the change.
    pub(super) fn ask_singly(&mut self, id: Id, due: Moment) {
        let Some(Slot { single, .. }) = self.slots.get_mut(&id) else { return };
        single.open_since.get_or_insert(due);
        if single.due.is_some_and(|before| before <= due) {
            return;
        }
        let before = single.due.replace(due);
        if single.is_asked {
            return;
        }
        if let Some(before) = before {
            self.singles.remove(&(before, id));
        }
        self.singles.insert((due, id));
    }

    /// Notes what was found when it was asked at `asked_at`.
    pub(super) fn note_single(&mut self, id: Id, finding: Finding, asked_at: Moment) {
        let Some(Slot { single, .. }) = self.slots.get_mut(&id) else { return };
        (single.failed, single.is_asked) = (finding == Finding::Failed, false);
        // Something has changed meanwhile.
        let again = single.due.take();
        if finding == Finding::Good {
            single.open_since = again.map(|_| asked_at);
        }
        if let Some(due) = again {
            self.ask_singly(id, due);
        }
    }

    /// Nobody will be answered who has asked before, and what has changed was perhaps not heard.
    pub(in crate::ended) fn begin_anew(&mut self, now: Moment) {
        for Slot { single, .. } in self.slots.values_mut().filter(|slot| slot.single.is_asked) {
            (single.is_asked, single.due) = (false, None);
        }
        self.note_all_changed(now);
    }

    /// The next one to ask about singly.
    pub(in crate::ended) fn next_single(&mut self, now: Moment) -> Option<Watched> {
        let next = self.singles.first().copied().filter(|(due, _)| *due <= now)?;
        self.singles.remove(&next);
        let slot = self.slots.get_mut(&next.1)?;
        (slot.single.due, slot.single.is_asked) = (None, true);
        Some(slot.watched(next.1))
    }

    /// When there is somebody to ask about singly.
    pub(in crate::ended) fn next_single_at(&self) -> Option<Moment> {
        self.singles.first().map(|(due, _)| *due)
    }
}
