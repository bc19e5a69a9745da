//! The open entries, and what to ask about them when. Without I/O: the time is passed in.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    entry::{Entry, Id},
    intervals::{Intervals, Moment, moments, next_turn},
    reason::EndReason,
    singly::{Asked, Cause, PerStore, Single, SingleStore, Singles},
};
use crate::{clock::Timestamp, token::TokenPayload};

/// Identifies a user as the loader sees it: a hash of everything that a loader may look at.
/// Collisions cannot be found.
pub(crate) type Person = u128;

/// What is known about an authority when it is added.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) payload: Arc<TokenPayload>,
    /// From when on its token is refused.
    pub(crate) ends_at: Timestamp,
    /// The [hashes](crate::store::ChangeSender::hash) of the keys by which it can be revoked.
    pub(crate) keys: SmallVec<[u64; 4]>,
    pub(crate) person: Person,
    /// Was its user active when it was granted?
    pub(crate) was_active: bool,
    /// The single question about it, if there is one.
    pub(crate) single: Option<Single>,
}

/// An entry that a question is about.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) id: Id,
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) was_active: bool,
    /// The epoch of its user, if known.
    pub(crate) epoch: Option<u64>,
}

/// The answer about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Good,
    /// Good as far as this question goes, but the single question must be asked too. The epoch is
    /// that of the user, if known.
    AskSingly(Option<u64>),
    Over(EndReason),
    /// The question was not answered.
    Failed,
}

/// The kind of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Is it revoked?
    Revoked,
    /// Is its user there and active?
    User,
}

/// Entries that are over. Their futures are woken without the lock of the table.
pub(super) type Over = Vec<(Arc<Entry>, EndReason)>;

/// The answers to a question so far.
#[derive(Debug, Clone, Copy)]
struct Known {
    good_at: Moment,
    /// Has the last attempt failed?
    failed: bool,
}

impl Known {
    fn note(&mut self, finding: Finding, asked_at: Moment) {
        self.failed = finding == Finding::Failed;
        if matches!(finding, Finding::Good | Finding::AskSingly(_)) {
            // Answers may arrive in another order than the questions were asked.
            self.good_at = self.good_at.max(asked_at);
        }
    }
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    facts: Facts,
    revoked: Known,
    user: Known,
}

impl Slot {
    fn watched(&self, id: Id) -> Watched {
        let Facts { payload, was_active, .. } = &self.facts;
        Watched { id, payload: Arc::clone(payload), was_active: *was_active, epoch: None }
    }
}

/// When each kind of question was answered last.
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
    /// Is there a store that can tell whether many are revoked?
    is_judged: bool,
    /// How often each entry is judged.
    judged_every: Option<Moment>,
    slots: HashMap<Id, Slot>,
    last_id: Id,
    /// By the address of the payload, which the slot keeps alive.
    by_payload: HashMap<usize, Id>,
    by_end: BTreeSet<(Timestamp, Id)>,
    by_key: BTreeSet<(u64, Id)>,
    by_person: BTreeSet<(Person, Id)>,
    /// The next turn of each user.
    people: HashMap<Person, Moment>,
    due: BTreeSet<(Moment, Person)>,
    /// Entries that were reported as changed, or have just been opened.
    urgent: BTreeSet<Id>,
    /// Entries to judge without such a reason.
    swept: BTreeSet<Id>,
    /// The questions about single keys and sessions.
    singles: PerStore<Singles>,
    /// The swept entries are left alone until then.
    sweep_from: Moment,
    /// Where the sweep continues, so that entries that fail do not delay the others.
    sweep_next: Id,
    /// The size of a batch, and its maximum. It is smaller after a failure, so that one token that
    /// cannot be judged does not fail the others.
    batch: usize,
    most_at_once: usize,
    /// When any entry had an answer to each kind of question.
    answered: PerQuestion,
}

impl Table {
    pub(super) fn new(intervals: Intervals) -> Self {
        Self {
            intervals,
            is_judged: true,
            judged_every: None,
            slots: HashMap::new(),
            last_id: 0,
            by_payload: HashMap::new(),
            by_end: BTreeSet::new(),
            by_key: BTreeSet::new(),
            by_person: BTreeSet::new(),
            people: HashMap::new(),
            due: BTreeSet::new(),
            urgent: BTreeSet::new(),
            swept: BTreeSet::new(),
            singles: PerStore::default(),
            sweep_from: 0,
            sweep_next: 0,
            batch: 1,
            most_at_once: 1,
            answered: PerQuestion::default(),
        }
    }

    /// Sets whether entries are judged. If no store can tell, none is.
    pub(super) fn set_judged(&mut self, is_judged: bool) {
        self.is_judged = is_judged;
        if !is_judged {
            self.urgent.clear();
            self.swept.clear();
        }
    }

    /// Sets how often entries are judged; `None` if no store can tell.
    pub(super) fn judge_every(&mut self, every: Option<Moment>) {
        self.judged_every = every;
    }

    /// Sets the maximum size of a batch.
    pub(super) fn judge_at_once(&mut self, most: usize) {
        self.most_at_once = most.max(1);
        self.batch = self.most_at_once;
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The entry of this very payload, if there is one.
    pub(super) fn find(&self, payload: &Arc<TokenPayload>) -> Option<Arc<Entry>> {
        let id = self.by_payload.get(&address(payload))?;
        self.slots.get(id).map(|slot| Arc::clone(&slot.entry))
    }

    /// Adds an authority. It may have ended since it was granted, so it is judged soon.
    pub(super) fn insert(&mut self, facts: Facts, now: Moment) -> Arc<Entry> {
        self.last_id += 1;
        let id = self.last_id;
        let entry = Arc::new(Entry::new(id));
        self.by_payload.insert(address(&facts.payload), id);
        self.by_end.insert((facts.ends_at, id));
        self.by_key.extend(facts.keys.iter().map(|key| (*key, id)));
        self.by_person.insert((facts.person, id));
        self.people.entry(facts.person).or_insert_with(|| {
            let due = next_turn(facts.person, self.intervals.recheck, now);
            self.due.insert((due, facts.person));
            due
        });
        self.judge_soon([id]);
        let known = Known { good_at: now, failed: false };
        if let Some(single) = facts.single {
            let singles = self.singles.of_mut(single.store);
            singles.insert(single.subject, id);
            if single.is_only_there {
                singles.ask(single.subject, now, Cause::Other);
            }
        }
        let slot = Slot { entry: Arc::clone(&entry), facts, revoked: known, user: known };
        self.slots.insert(id, slot);
        entry
    }

    /// Removes an entry that no future holds any more.
    pub(super) fn release(&mut self, entry: &Entry) {
        // It may be held again, or may have ended.
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
        if let Some(single) = facts.single {
            self.singles.of_mut(single.store).remove(single.subject, id);
        }
        self.by_person.remove(&(facts.person, id));
        if self.of_person(facts.person).next().is_none()
            && let Some(due) = self.people.remove(&facts.person)
        {
            self.due.remove(&(due, facts.person));
        }
        Some(entry)
    }

    /// All entries of a user, which may be very many.
    fn of_person(&self, person: Person) -> impl Iterator<Item = Id> {
        self.by_person.range((person, Id::MIN)..=(person, Id::MAX)).map(|(_, id)| *id)
    }

    fn end(&mut self, ids: impl IntoIterator<Item = Id>, reason: EndReason) -> Over {
        ids.into_iter().filter_map(|id| self.remove(id)).map(|entry| (entry, reason)).collect()
    }

    /// Ends everything.
    pub(super) fn end_all(&mut self, reason: EndReason) -> Over {
        let all: Vec<_> = self.slots.keys().copied().collect();
        self.end(all, reason)
    }

    /// Ends the entries whose tokens have expired.
    pub(super) fn expire(&mut self, now: Timestamp) -> Over {
        let expired: Vec<_> =
            self.by_end.iter().take_while(|(end, _)| *end <= now).map(|(_, id)| *id).collect();
        self.end(expired, EndReason::Expired)
    }

    /// Notes that the data under a key has changed.
    pub(super) fn note_change(&mut self, key: u64, now: Moment) {
        let concerned = self.by_key.range((key, Id::MIN)..=(key, Id::MAX)).map(|(_, id)| *id);
        let concerned: Vec<_> = concerned.collect();
        self.judge_soon(concerned.iter().copied());
        self.ask_these_singly(concerned, now, Cause::Told);
    }

    /// Notes that anything may have changed.
    pub(super) fn note_all_changed(&mut self, now: Moment) {
        self.sweep();
        self.sweep_from = now;
        let all: Vec<_> = self.slots.keys().copied().collect();
        // `Other`, so that reported changes of single keys go first.
        self.ask_these_singly(all, now, Cause::Other);
    }

    fn ask_these_singly(&mut self, ids: Vec<Id>, now: Moment, cause: Cause) {
        for id in ids {
            if let Some(single) = self.slots.get(&id).and_then(|slot| slot.facts.single)
                && single.is_only_there
            {
                self.singles.of_mut(single.store).ask(single.subject, now, cause);
            }
        }
    }

    /// Asks everything again, because answers and reports of changes may be lost.
    pub(super) fn begin_anew(&mut self, now: Moment) {
        for store in SingleStore::ALL {
            self.singles.of_mut(store).begin_anew();
        }
        self.note_all_changed(now);
    }

    /// The next single question to this store, with one of the sockets of the key or session.
    pub(super) fn next_single(&mut self, store: SingleStore, now: Moment) -> Option<(Asked, Watched)> {
        let singles = self.singles.of_mut(store);
        let (asked, id) = singles.next(store, now)?;
        let epoch = singles.epoch_of(asked.subject);
        Some((asked, Watched { epoch, ..self.slots.get(&id)?.watched(id) }))
    }

    /// When the next single question to this store is due.
    pub(super) fn next_single_at(&self, store: SingleStore) -> Option<Moment> {
        self.singles.of(store).next_at()
    }

    /// Notes the answer to a single question. Returns the entries that are over: none, or all of
    /// the key or session.
    pub(super) fn settle_single(
        &mut self,
        asked: Asked,
        finding: Finding,
        (asked_at, now): (Moment, Moment),
    ) -> Over {
        let singles = self.singles.of_mut(asked.store);
        if finding == Finding::Failed {
            singles.note_failed(asked, now.saturating_add(self.intervals.pause().min(1000)));
            return Over::new();
        }
        singles.note_answer(asked, (asked_at, now));
        let Finding::Over(reason) = finding else { return Over::new() };
        let members: Vec<_> = singles.members(asked.subject).collect();
        self.end(members, reason)
    }

    fn judge_soon(&mut self, ids: impl IntoIterator<Item = Id>) {
        if self.is_judged {
            self.urgent.extend(ids);
        }
    }

    /// Has all entries judged.
    pub(super) fn sweep(&mut self) {
        if self.is_judged {
            self.swept.extend(self.slots.keys());
        }
    }

    /// The next batch to judge because of a reported change.
    pub(super) fn next_urgent(&mut self) -> Vec<Watched> {
        let mut next = Vec::new();
        while next.len() < self.batch {
            let Some(id) = self.urgent.pop_first() else { break };
            self.swept.remove(&id);
            next.extend(self.slots.get(&id).map(|slot| slot.watched(id)));
        }
        next
    }

    /// The next batch to judge without a reported change.
    pub(super) fn next_swept(&mut self, now: Moment) -> Vec<Watched> {
        let mut next = Vec::new();
        while now >= self.sweep_from && next.len() < self.batch {
            let Some(id) = self.pop_swept() else { break };
            next.extend(self.slots.get(&id).map(|slot| slot.watched(id)));
        }
        next
    }

    fn pop_swept(&mut self) -> Option<Id> {
        let next = self.swept.range(self.sweep_next..).next().or_else(|| self.swept.first()).copied()?;
        self.swept.remove(&next);
        self.sweep_next = next + 1;
        Some(next)
    }

    /// All entries of the next user whose turn has come, if any. The user's next turn is one
    /// interval later.
    pub(super) fn next_to_look_at(&mut self, now: Moment) -> Option<Vec<Watched>> {
        let (due, person) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.set_turn(person, next_turn(person, self.intervals.recheck, now));
        Some(self.of_person(person).filter_map(|id| Some(self.slots.get(&id)?.watched(id))).collect())
    }

    /// Has the entries of a user judged, whose turn it is.
    pub(super) fn sweep_these(&mut self, watched: &[Watched]) {
        if self.is_judged {
            self.swept.extend(watched.iter().map(|watched| watched.id));
        }
    }

    /// Pauses the sweep, because one has failed.
    pub(super) fn pause_sweep(&mut self, now: Moment) {
        self.sweep_from = now.saturating_add(self.intervals.pause().min(1000));
    }

    fn set_turn(&mut self, person: Person, due: Moment) {
        if let Some(turn) = self.people.get_mut(&person) {
            self.due.remove(&(*turn, person));
            *turn = due;
            self.due.insert((due, person));
        }
    }

    /// Notes the findings of a question asked at `asked_at`. Returns the entries that are over.
    pub(super) fn settle(
        &mut self,
        question: Question,
        findings: &[(Id, Finding)],
        (asked_at, now): (Moment, Moment),
    ) -> Over {
        let mut over = Over::new();
        for (id, finding) in findings {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            let (person, single) = (slot.facts.person, slot.facts.single);
            match question {
                Question::Revoked => slot.revoked.note(*finding, asked_at),
                Question::User => slot.user.note(*finding, asked_at),
            }
            match finding {
                Finding::Good => {}
                Finding::AskSingly(epoch) => match single {
                    Some(Single { store, subject, .. }) => {
                        let singles = self.singles.of_mut(store);
                        if let Some(epoch) = epoch {
                            singles.know_epoch(subject, *epoch);
                        }
                        singles.ask(subject, now, Cause::Other);
                    }
                    // No store can tell.
                    None => over.extend(self.end([*id], EndReason::Unknown)),
                },
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
                if self.is_judged {
                    self.swept.insert(id);
                }
            }
            Question::User => {
                let turn = next_turn(person, self.intervals.recheck, now);
                self.set_turn(person, turn.min(now.saturating_add(pause)));
            }
        }
    }

    /// Ends the entries whose checks have failed for too long. Being late is not enough: either a
    /// question about the entry has failed, or no question of the kind was answered at all.
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
                let single = slot.facts.single.is_some_and(|single| {
                    let singles = self.singles.of(single.store);
                    let is_open = singles.open_since(single.subject);
                    is_open.is_some_and(|(since, has_failed)| {
                        is_silent(since) && (has_failed || is_silent(singles.answered_at))
                    })
                });
                verdict || single || is_unknown(slot.user, recheck, no_users)
            })
            .map(|(id, _)| *id)
            .collect();
        self.end(unknown, EndReason::Unknown)
    }

    /// When the next turn is due.
    pub(super) fn next_turn(&self) -> Option<Moment> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Are there entries to judge because of a reported change?
    pub(super) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// When there are entries to judge without one.
    pub(super) fn next_sweep(&self) -> Option<Moment> {
        (!self.swept.is_empty()).then_some(self.sweep_from)
    }

    /// Frees the memory that many entries have taken.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to(64);
        self.by_payload.shrink_to(64);
        self.people.shrink_to(64);
        for store in SingleStore::ALL {
            self.singles.of_mut(store).shrink();
        }
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
