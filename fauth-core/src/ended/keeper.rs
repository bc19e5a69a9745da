//! The task that watches open connections: one for each provider, while anything is open.
//!
//! It never waits for an answer itself. Stores and loaders are asked in tasks of their own, so that
//! one that hangs delays no other end, and one that panics is a failure like any other.
//!
//! Tokens expire by the clock of the provider, which may be set, or moved by a test, so it is read
//! once a second. Everything else goes by a monotonic clock.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::{Id as TaskId, JoinError, JoinSet},
    time::sleep,
};

use super::{
    asker::{Asker, Findings},
    entry::Id,
    hub::{Hub, Keeping},
    intervals::{Moment, moments},
    reason::EndReason,
    singly::{Asked, PerStore, SingleStore},
    table::{Finding, Question, Watched},
};
use crate::store::{Change, Changes};

/// A question, asked in a task of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    /// Are those revoked that were reported as changed? Does not wait for other errands.
    Urgent,
    /// Are any of the others revoked?
    Sweep,
    /// Is this user still there?
    Look,
    /// Is this API key or session still known to its store?
    Single(Asked),
}

/// How many users are loaded concurrently.
const LOOKS_AT_ONCE: usize = 8;

/// How many keys or sessions each store is asked about concurrently.
const SINGLES_AT_ONCE: usize = 8;

/// How often the provider's clock is read.
const SECOND: Moment = 1000;

pub(super) async fn keep(mut keeping: Keeping) {
    let hub = Arc::clone(&keeping.hub);
    let Some(asker) = hub.asker.get().cloned() else { return };
    if let Some(mut keeper) = Keeper::new(&hub, asker) {
        while let Some(until) = keeper.act() {
            if keeping.ends_if_empty() {
                return;
            }
            keeper.wait(until).await;
        }
    }
    // The provider is gone for good. While it is still being dropped, futures that are polled would
    // only start one task after another.
    hub.set_closed(true);
    hub.end_all();
    keeping.ends_if_empty();
}

/// A question that is being asked.
struct Job {
    errand: Errand,
    ids: Vec<Id>,
    asked_at: Moment,
}

struct Keeper<'a> {
    hub: &'a Hub,
    asker: Weak<dyn Asker>,
    can_judge: bool,
    /// The changes that stores report; empty if they are polled instead.
    pushed: Vec<Changes>,
    own: Changes,
    answers: JoinSet<Vec<(Id, Finding)>>,
    jobs: HashMap<TaskId, Job>,
    /// Whether these errands are under way, of which there is one at a time.
    has_urgent: bool,
    has_sweep: bool,
    looks: usize,
    singles: PerStore<usize>,
    /// When the stores are polled next.
    next_poll: Moment,
    /// When entries whose checks fail for too long are looked for next.
    next_round: Moment,
    /// When the clock was last read successfully.
    told_time_at: Moment,
}

impl<'a> Keeper<'a> {
    fn new(hub: &'a Hub, asker: Weak<dyn Asker>) -> Option<Self> {
        let now = hub.now();
        // Subscribed before the first question, so that no change is missed.
        let own = hub.own_changes.subscribe();
        let there = asker.upgrade()?;
        let (can_judge, pushed) = (there.can_judge(), there.changes());
        let mut state = hub.lock();
        state.table.set_judged(can_judge);
        state.table.judge_at_once(there.most_at_once());
        // Changes and answers of the previous task, in a runtime that has shut down, are lost.
        state.table.begin_anew(now);
        drop(state);
        drop(there);
        let keeper = Self {
            hub,
            asker,
            can_judge,
            pushed,
            own,
            answers: JoinSet::new(),
            jobs: HashMap::new(),
            has_urgent: false,
            has_sweep: false,
            looks: 0,
            singles: PerStore::default(),
            next_poll: now.saturating_add(moments(hub.intervals.poll)),
            next_round: now,
            told_time_at: now,
        };
        keeper.set_judge_interval();
        Some(keeper)
    }

    fn set_judge_interval(&self) {
        let every = if self.is_polled() { self.hub.intervals.poll } else { self.hub.intervals.recheck };
        self.hub.lock().table.judge_every(self.can_judge.then(|| moments(every)));
    }

    /// Are the stores polled?
    fn is_polled(&self) -> bool {
        self.can_judge && self.pushed.is_empty()
    }

    /// Does what is due. Returns when the next thing is due; `None` if the provider is gone.
    fn act(&mut self) -> Option<Moment> {
        let asker = self.asker.upgrade()?;
        let now = self.hub.now();
        let mut until = self.expire(&*asker, now);
        if self.is_polled() {
            if now >= self.next_poll {
                self.next_poll = now.saturating_add(moments(self.hub.intervals.poll));
                self.hub.lock().table.sweep();
            }
            until = until.min(self.next_poll);
        }
        // Not worth a wake-up of its own.
        if now >= self.next_round {
            let round = moments(self.hub.intervals.unknown_after) / 10;
            self.next_round = now.saturating_add(round.max(50));
            self.hub.ending(|table| table.give_up(now));
        }
        self.look(&asker, now);
        self.judge_urgent(&asker, now);
        self.ask_singly(&asker, now);
        self.sweep(asker, now);
        let state = self.hub.lock();
        let turn = state.table.next_turn().filter(|_| self.looks < LOOKS_AT_ONCE);
        let urgent = (state.table.has_urgent() && !self.has_urgent).then_some(now);
        let sweep = state.table.next_sweep().filter(|_| !self.has_sweep);
        let single = |store| {
            let is_free = *self.singles.of(store) < SINGLES_AT_ONCE;
            state.table.next_single_at(store).filter(|_| is_free)
        };
        let singles = SingleStore::ALL.map(single);
        Some([turn, urgent, sweep].into_iter().chain(singles).flatten().fold(until, Moment::min))
    }

    /// Ends what has expired. Returns when to read the clock again: at its next second.
    fn expire(&mut self, asker: &dyn Asker, now: Moment) -> Moment {
        match asker.now() {
            Ok(time) => {
                self.told_time_at = now;
                self.hub.ending(|table| table.expire(time));
            }
            Err(_) if now.saturating_sub(self.told_time_at) > moments(self.hub.intervals.unknown_after) => {
                self.hub.ending(|table| table.end_all(EndReason::Unknown));
            }
            Err(_) => {}
        }
        let into = asker.now_precise().map_or(0, |time| Moment::from(time.subsec_millis()));
        now.saturating_add(SECOND - into.min(SECOND - 1))
    }

    /// Loads the users whose turn has come, and judges their tokens if the stores are not polled.
    fn look(&mut self, asker: &Arc<dyn Asker>, now: Moment) {
        while self.looks < LOOKS_AT_ONCE {
            let mut state = self.hub.lock();
            let Some(watched) = state.table.next_to_look_at(now) else { return };
            if self.can_judge && !self.is_polled() {
                state.table.sweep_these(&watched);
            }
            drop(state);
            self.looks += 1;
            self.ask(Errand::Look, watched, now, |watched| Arc::clone(asker).look(watched));
        }
    }

    fn judge_urgent(&mut self, asker: &Arc<dyn Asker>, now: Moment) {
        if self.has_urgent {
            return;
        }
        let watched = self.hub.lock().table.next_urgent();
        if !watched.is_empty() {
            self.has_urgent = true;
            self.ask(Errand::Urgent, watched, now, |watched| Arc::clone(asker).judge(watched));
        }
    }

    /// Each question is an errand, and each store has its own slots, so that a store that hangs
    /// does not delay questions to the other.
    fn ask_singly(&mut self, asker: &Arc<dyn Asker>, now: Moment) {
        for store in SingleStore::ALL {
            while *self.singles.of(store) < SINGLES_AT_ONCE {
                let next = self.hub.lock().table.next_single(store, now);
                let Some((question, watched)) = next else { break };
                *self.singles.of_mut(store) += 1;
                self.ask(Errand::Single(question), vec![watched], now, |watched| {
                    Arc::clone(asker).ask_singly(watched)
                });
            }
        }
    }

    fn sweep(&mut self, asker: Arc<dyn Asker>, now: Moment) {
        if self.has_sweep {
            return;
        }
        let watched = self.hub.lock().table.next_swept(now);
        if !watched.is_empty() {
            self.has_sweep = true;
            self.ask(Errand::Sweep, watched, now, |watched| asker.judge(watched));
        }
    }

    fn ask(
        &mut self,
        errand: Errand,
        watched: Vec<Watched>,
        asked_at: Moment,
        begin: impl FnOnce(Vec<Watched>) -> Findings,
    ) {
        let ids = watched.iter().map(|watched| watched.id).collect();
        let task = self.answers.spawn(begin(watched));
        self.jobs.insert(task.id(), Job { errand, ids, asked_at });
    }

    /// Waits until something has happened, at most until `until`, and handles it.
    async fn wait(&mut self, until: Moment) {
        let pause = Duration::from_millis(until.saturating_sub(self.hub.now()));
        let mut alarm = pin!(sleep(pause));
        let mut woken = pin!(self.hub.woken.notified());
        poll_fn(|context| {
            let has_answers = self.hear_answers(context);
            let has_changes = self.hear_changes(context);
            let is_woken = woken.as_mut().poll(context).is_ready() || alarm.as_mut().poll(context).is_ready();
            if has_answers || has_changes || is_woken { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn hear_answers(&mut self, context: &mut Context<'_>) -> bool {
        let mut has_heard = false;
        while let Poll::Ready(Some(answer)) = self.answers.poll_join_next_with_id(context) {
            self.settle(answer);
            has_heard = true;
        }
        has_heard
    }

    fn settle(&mut self, answer: Result<(TaskId, Vec<(Id, Finding)>), JoinError>) {
        let (task, findings) = match answer {
            Ok((task, findings)) => (task, Some(findings)),
            // A callback of the application has panicked.
            Err(error) => (error.id(), None),
        };
        let Some(Job { errand, ids, asked_at }) = self.jobs.remove(&task) else { return };
        match errand {
            Errand::Urgent => self.has_urgent = false,
            Errand::Sweep => self.has_sweep = false,
            Errand::Look => self.looks = self.looks.saturating_sub(1),
            Errand::Single(asked) => {
                let singles = self.singles.of_mut(asked.store);
                *singles = singles.saturating_sub(1);
            }
        }
        let failed = || ids.iter().map(|id| (*id, Finding::Failed)).collect();
        let findings = findings.unwrap_or_else(failed);
        let times = (asked_at, self.hub.now());
        self.hub.ending(|table| match errand {
            Errand::Urgent => table.settle(Question::Revoked, &findings, times),
            Errand::Sweep => {
                if findings.iter().any(|(_, finding)| *finding == Finding::Failed) {
                    table.pause_sweep(times.1);
                }
                table.settle(Question::Revoked, &findings, times)
            }
            Errand::Look => table.settle(Question::User, &findings, times),
            Errand::Single(asked) => {
                let finding = findings.first().map_or(Finding::Failed, |(_, finding)| *finding);
                table.settle_single(asked, finding, times)
            }
        });
    }

    fn hear_changes(&mut self, context: &mut Context<'_>) -> bool {
        let now = self.hub.now();
        let mut has_heard = false;
        while let Poll::Ready(Some(change)) = self.own.poll_next(context) {
            self.note(change, now);
            has_heard = true;
        }
        let mut pushed = std::mem::take(&mut self.pushed);
        let before = pushed.len();
        pushed.retain_mut(|changes| {
            loop {
                match changes.poll_next(context) {
                    Poll::Ready(Some(change)) => {
                        self.note(change, now);
                        has_heard = true;
                    }
                    // The store does not report changes any more.
                    Poll::Ready(None) => break false,
                    Poll::Pending => break true,
                }
            }
        });
        // All subscriptions are dropped, because the changes of the lost one would be missed: from
        // now on the stores are polled.
        if pushed.len() == before {
            self.pushed = pushed;
        } else {
            self.set_judge_interval();
        }
        has_heard
    }

    fn note(&self, change: Change, now: Moment) {
        let table = &mut self.hub.lock().table;
        match change {
            Change::Key(key) => table.note_change(key, now),
            Change::All => table.note_all_changed(now),
        }
    }
}

#[expect(dead_code, reason = "compiling it is the test")]
fn is_send(keeping: Keeping) -> impl Send {
    keep(keeping)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Waker},
    };

    use super::*;
    use crate::{
        clock::{ClockError, Timestamp},
        ended::{Facts, Intervals},
        token::TokenPayload,
    };

    /// A provider that is gone.
    struct Gone;

    impl Asker for Gone {
        fn now(&self) -> Result<Timestamp, ClockError> {
            unreachable!()
        }

        fn now_precise(&self) -> Result<Duration, ClockError> {
            unreachable!()
        }

        fn can_judge(&self) -> bool {
            unreachable!()
        }

        fn most_at_once(&self) -> usize {
            unreachable!()
        }

        fn changes(&self) -> Vec<Changes> {
            unreachable!()
        }

        fn judge(self: Arc<Self>, _: Vec<Watched>) -> Findings {
            unreachable!()
        }

        fn ask_singly(self: Arc<Self>, _: Vec<Watched>) -> Findings {
            unreachable!()
        }

        fn look(self: Arc<Self>, _: Vec<Watched>) -> Findings {
            unreachable!()
        }
    }

    fn facts() -> Facts {
        let at = Timestamp::from_unix_seconds;
        let payload = TokenPayload::of_key_claims(r#"{"sub":"user","jti":"1"}"#.to_owned(), at(0), at(900));
        Facts {
            payload: Arc::new(payload.unwrap()),
            ends_at: at(900),
            keys: [1].into_iter().collect(),
            person: 1,
            was_active: true,
            single: None,
        }
    }

    /// The provider is being dropped: it cannot be upgraded any more, but its `Open` is not dropped
    /// yet.
    #[test]
    fn a_provider_that_cannot_be_upgraded_is_gone_for_good() {
        let hub = Arc::new(Hub::new(Intervals::default()));
        let gone: Weak<dyn Asker> = Weak::<Gone>::new();
        assert!(hub.asker.set(gone).is_ok());
        let entry = hub.begin(facts()).unwrap();
        let mut task = pin!(keep(hub.take_over().unwrap()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut task).poll(&mut context).is_ready());
        assert_eq!(entry.reason(), Some(EndReason::ProviderGone));
        // Nothing is opened afterwards, and no other task begins.
        assert!(hub.begin(facts()).is_none());
        assert!(!hub.is_kept() && hub.take_over().is_none());
    }
}
