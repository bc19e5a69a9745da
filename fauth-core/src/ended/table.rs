//! What is open, and what is to be asked about it when. Pure: it asks nobody, and is told the time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    entry::{Entry, Id},
    intervals::{Intervals, Moment, moments, next_turn},
    reason::EndReason,
};
use crate::{clock::Timestamp, token::TokenPayload};

/// Whose authority it is, for the loader: the hash of all that it may go by. Nobody finds two with
/// the same one.
pub(crate) type Person = u128;

/// What is known of an authority when it begins to be kept.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) payload: Arc<TokenPayload>,
    /// From when on its token is refused.
    pub(crate) ends_at: Timestamp,
    /// The [hashes](crate::store::ChangeSender::hash) of the keys that it would be taken back by.
    pub(crate) keys: SmallVec<[u64; 4]>,
    pub(crate) person: Person,
    /// Was its user active when it was let in?
    pub(crate) was_active: bool,
}

/// One of those that are asked about.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) id: Id,
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) was_active: bool,
    /// Are those to be asked too that are not asked at every round?
    pub(crate) asks_singly: bool,
}

/// What an answer says of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Good,
    Over(EndReason),
    /// Nobody has answered.
    Failed,
}

/// Which of the two questions was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Was it taken back?
    Revoked,
    /// Is its user there and active?
    User,
}

/// Those that are over, to be told without the lock of the table.
pub(super) type Over = Vec<(Arc<Entry>, EndReason)>;

/// What is known of the answers to a question.
#[derive(Debug, Clone, Copy)]
struct Known {
    good_at: Moment,
    /// Has the last one who was asked failed?
    failed: bool,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    facts: Facts,
    revoked: Known,
    user: Known,
}

impl Slot {
    fn watched(&self, id: Id, asks_singly: bool) -> Watched {
        let Facts { payload, was_active, .. } = &self.facts;
        Watched { id, payload: Arc::clone(payload), was_active: *was_active, asks_singly }
    }
}

#[derive(Debug)]
struct Turn {
    due: Moment,
    members: SmallVec<[Id; 2]>,
}

/// When each question was answered last.
#[derive(Debug, Default)]
struct PerQuestion {
    revoked: Moment,
    user: Moment,
}

impl PerQuestion {
    const fn of(&mut self, question: Question) -> &mut Moment {
        match question {
            Question::Revoked => &mut self.revoked,
            Question::User => &mut self.user,
        }
    }
}

/// Everything that is open at one provider.
#[derive(Debug)]
pub(super) struct Table {
    intervals: Intervals,
    /// Are there answers to the question whether something was taken back, and how often is it
    /// asked of each by itself?
    judged_every: Option<Moment>,
    slots: HashMap<Id, Slot>,
    last_id: Id,
    /// By the address of the payload, which a slot keeps alive.
    by_payload: HashMap<usize, Id>,
    by_end: BTreeSet<(Timestamp, Id)>,
    by_key: BTreeSet<(u64, Id)>,
    people: HashMap<Person, Turn>,
    due: BTreeSet<(Moment, Person)>,
    /// About these something has changed, or they have just been opened.
    urgent: BTreeSet<Id>,
    /// These are asked about without a cause.
    swept: BTreeSet<Id>,
    /// Before this, those are left alone.
    sweep_from: Moment,
    /// Who is next among them: whoever fails does not keep the others waiting.
    sweep_next: Id,
    /// How many are asked about at a time, and at most: fewer after a failure, so that one that
    /// cannot be judged does not stand for others.
    batch: usize,
    most_at_once: usize,
    /// When anybody was answered who has asked each question.
    answered: PerQuestion,
}

impl Table {
    pub(super) fn new(intervals: Intervals) -> Self {
        Self {
            intervals,
            judged_every: None,
            slots: HashMap::new(),
            last_id: 0,
            by_payload: HashMap::new(),
            by_end: BTreeSet::new(),
            by_key: BTreeSet::new(),
            people: HashMap::new(),
            due: BTreeSet::new(),
            urgent: BTreeSet::new(),
            swept: BTreeSet::new(),
            sweep_from: 0,
            sweep_next: 0,
            batch: 1,
            most_at_once: 1,
            answered: PerQuestion::default(),
        }
    }

    /// How often it is asked whether something was taken back; `None` if nobody could tell.
    pub(super) fn judge_every(&mut self, every: Option<Moment>) {
        self.judged_every = every;
    }

    /// About how many it is asked at a time, at most.
    pub(super) fn judge_at_once(&mut self, most: usize) {
        self.most_at_once = most.max(1);
        self.batch = self.most_at_once;
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The entry of this very payload, if it is kept.
    pub(super) fn find(&self, payload: &Arc<TokenPayload>) -> Option<Arc<Entry>> {
        let id = self.by_payload.get(&address(payload))?;
        self.slots.get(id).map(|slot| Arc::clone(&slot.entry))
    }

    /// Begins to keep an authority. It may have ended since it was granted, so it is looked at
    /// soon.
    pub(super) fn insert(&mut self, facts: Facts, now: Moment) -> Arc<Entry> {
        self.last_id += 1;
        let id = self.last_id;
        let entry = Arc::new(Entry::new(id));
        self.by_payload.insert(address(&facts.payload), id);
        self.by_end.insert((facts.ends_at, id));
        self.by_key.extend(facts.keys.iter().map(|key| (*key, id)));
        let turn = self.people.entry(facts.person).or_insert_with(|| {
            let due = next_turn(facts.person, self.intervals.recheck, now);
            self.due.insert((due, facts.person));
            Turn { due, members: SmallVec::new() }
        });
        turn.members.push(id);
        self.urgent.insert(id);
        let known = Known { good_at: now, failed: false };
        self.slots.insert(id, Slot { entry: Arc::clone(&entry), facts, revoked: known, user: known });
        entry
    }

    /// Stops keeping one that nobody holds any more.
    pub(super) fn release(&mut self, entry: &Entry) {
        // Somebody may hold it again, or it may have ended.
        if !entry.is_held() {
            self.remove(entry.id());
        }
    }

    fn remove(&mut self, id: Id) -> Option<Arc<Entry>> {
        let Slot { entry, facts, .. } = self.slots.remove(&id)?;
        self.by_payload.remove(&address(&facts.payload));
        self.by_end.remove(&(facts.ends_at, id));
        for key in &facts.keys {
            self.by_key.remove(&(*key, id));
        }
        self.urgent.remove(&id);
        self.swept.remove(&id);
        if let Some(turn) = self.people.get_mut(&facts.person) {
            turn.members.retain(|member| *member != id);
            if turn.members.is_empty() {
                self.due.remove(&(turn.due, facts.person));
                self.people.remove(&facts.person);
            }
        }
        Some(entry)
    }

    fn end(&mut self, ids: impl IntoIterator<Item = Id>, reason: EndReason) -> Over {
        ids.into_iter().filter_map(|id| self.remove(id)).map(|entry| (entry, reason)).collect()
    }

    /// Ends everything.
    pub(super) fn end_all(&mut self, reason: EndReason) -> Over {
        let all: Vec<_> = self.slots.keys().copied().collect();
        self.end(all, reason)
    }

    /// Those whose tokens have expired.
    pub(super) fn expire(&mut self, now: Timestamp) -> Over {
        let expired: Vec<_> =
            self.by_end.iter().take_while(|(end, _)| *end <= now).map(|(_, id)| *id).collect();
        self.end(expired, EndReason::Expired)
    }

    /// Something about a key has changed.
    pub(super) fn note_change(&mut self, key: u64) {
        let concerned = self.by_key.range((key, Id::MIN)..=(key, Id::MAX)).map(|(_, id)| *id);
        self.urgent.extend(concerned);
    }

    /// Anything may have changed.
    pub(super) fn note_all_changed(&mut self, now: Moment) {
        self.swept.extend(self.slots.keys());
        self.sweep_from = now;
    }

    /// All are asked about whether they were taken back.
    pub(super) fn sweep(&mut self) {
        self.swept.extend(self.slots.keys());
    }

    /// The next of which to ask whether they were taken back, because something has changed.
    pub(super) fn next_urgent(&mut self) -> Vec<Watched> {
        let mut next = Vec::new();
        while next.len() < self.batch {
            let Some(id) = self.urgent.pop_first() else { break };
            self.swept.remove(&id);
            next.extend(self.slots.get(&id).map(|slot| slot.watched(id, true)));
        }
        next
    }

    /// The next of which to ask whether they were taken back, because it is asked of all.
    pub(super) fn next_swept(&mut self, now: Moment) -> Vec<Watched> {
        let mut next = Vec::new();
        while now >= self.sweep_from && next.len() < self.batch {
            let Some(id) = self.pop_swept() else { break };
            next.extend(self.slots.get(&id).map(|slot| slot.watched(id, false)));
        }
        next
    }

    fn pop_swept(&mut self) -> Option<Id> {
        let next = self.swept.range(self.sweep_next..).next().or_else(|| self.swept.first()).copied()?;
        self.swept.remove(&next);
        self.sweep_next = next + 1;
        Some(next)
    }

    /// The next person to look at, if somebody's turn has come: all that the person has open. Their
    /// next turn is one interval later.
    pub(super) fn next_to_look_at(&mut self, now: Moment) -> Option<Vec<Watched>> {
        let (due, person) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.set_turn(person, next_turn(person, self.intervals.recheck, now));
        let members = self.people.get(&person).map(|turn| turn.members.clone()).unwrap_or_default();
        Some(members.iter().filter_map(|id| Some(self.slots.get(id)?.watched(*id, true))).collect())
    }

    /// Those of a person whose turn it is are asked about in every respect.
    pub(super) fn sweep_these(&mut self, watched: &[Watched]) {
        self.swept.extend(watched.iter().map(|watched| watched.id));
    }

    fn set_turn(&mut self, person: Person, due: Moment) {
        if let Some(turn) = self.people.get_mut(&person) {
            self.due.remove(&(turn.due, person));
            turn.due = due;
            self.due.insert((due, person));
        }
    }

    /// Notes what was found when it was asked at `asked_at`, and returns what is over.
    pub(super) fn settle(
        &mut self,
        question: Question,
        findings: &[(Id, Finding)],
        (asked_at, now): (Moment, Moment),
    ) -> Over {
        let mut over = Over::new();
        for (id, finding) in findings {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            let person = slot.facts.person;
            let known = match question {
                Question::Revoked => &mut slot.revoked,
                Question::User => &mut slot.user,
            };
            known.failed = *finding == Finding::Failed;
            match finding {
                // What was asked before may be answered after.
                Finding::Good => known.good_at = known.good_at.max(asked_at),
                Finding::Over(reason) => over.extend(self.end([*id], *reason)),
                Finding::Failed => self.try_again(question, *id, person, now),
            }
        }
        let has_answered = findings.iter().any(|(_, finding)| *finding != Finding::Failed);
        if has_answered {
            *self.answered.of(question) = now;
        }
        if question == Question::Revoked {
            self.batch = if has_answered { self.batch * 2 } else { self.batch / 2 };
            self.batch = self.batch.clamp(1, self.most_at_once);
        }
        over
    }

    fn try_again(&mut self, question: Question, id: Id, person: Person, now: Moment) {
        let pause = self.intervals.pause();
        match question {
            Question::Revoked => {
                self.swept.insert(id);
                self.sweep_from = now.saturating_add(pause.min(1000));
            }
            Question::User => {
                let turn = next_turn(person, self.intervals.recheck, now);
                self.set_turn(person, turn.min(now.saturating_add(pause)));
            }
        }
    }

    /// Those of which nobody could say for too long whether they are over. Being late is not
    /// enough: one must have asked in vain, or nobody must have been answered.
    pub(super) fn give_up(&mut self, now: Moment) -> Over {
        let patience = moments(self.intervals.unknown_after);
        let is_silent = |answered: Moment| now.saturating_sub(answered) > patience;
        let no_verdicts = is_silent(self.answered.revoked);
        let no_users = is_silent(self.answered.user);
        let recheck = moments(self.intervals.recheck);
        let is_unknown = |known: Known, every: Moment, nobody_answers: bool| {
            let age = now.saturating_sub(known.good_at);
            age > every.saturating_add(patience) && (known.failed || nobody_answers)
        };
        let unknown: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| {
                let verdict =
                    self.judged_every.is_some_and(|every| is_unknown(slot.revoked, every, no_verdicts));
                verdict || is_unknown(slot.user, recheck, no_users)
            })
            .map(|(id, _)| *id)
            .collect();
        self.end(unknown, EndReason::Unknown)
    }

    /// When the next turn comes.
    pub(super) fn next_turn(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Is there somebody to judge because something has changed?
    pub(super) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// When there is somebody to judge because it is asked of all.
    pub(super) fn next_sweep(&self) -> Option<Moment> {
        (!self.swept.is_empty()).then_some(self.sweep_from)
    }

    /// Gives back what was taken for the many that were open.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to(64);
        self.by_payload.shrink_to(64);
        self.people.shrink_to(64);
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.slots.values().map(|slot| Arc::clone(&slot.entry)).collect()
    }
}

fn address(payload: &Arc<TokenPayload>) -> usize {
    Arc::as_ptr(payload).addr()
}

#[cfg(test)]
mod tests;
