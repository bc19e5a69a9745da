//! The state of a source: its keys, its running fetch, and the events it raises.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{sync::watch, time::Instant};

use super::{
    fault::{KeySourceError, KeysUnavailable},
    fetch::Fetch,
    health::KeySourceHealth,
    held::{Held, Life},
    obtain::{Inquiry, Obtained, Place},
    pace::{Pace, Reason, chance, refresh_after},
    settings::Settings,
};
use crate::{
    clock::{Clock, Timestamp, instant},
    error::ConfigError,
    event::{self, AuthEvents, Event, EventKind},
    token::Algorithm,
};

/// What a source needs from its provider.
#[derive(Clone)]
pub(crate) struct KeyContext {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Option<Arc<dyn AuthEvents>>,
    /// Whether background refresh pauses while the keys are unused, as for tenants.
    pub(crate) rests: bool,
}

/// Where and with what the keys are fetched.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) place: Place,
    pub(super) fetch: Arc<dyn Fetch>,
}

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) settings: Settings,
    /// `None` if the keys are fixed.
    pub(super) remote: Option<Remote>,
    /// The algorithms of the keys; set once, by the first provider.
    allowed: OnceLock<Box<[Algorithm]>>,
    /// The context of the provider that was built last.
    context: ArcSwapOption<KeyContext>,
    held: ArcSwapOption<Held>,
    last_error: ArcSwapOption<KeySourceError>,
    /// Whether the keys were used since the background task last looked.
    used: AtomicBool,
    /// Never held across an `.await`, nor during a fetch or while an event is raised.
    state: Mutex<State>,
    /// Dropped with the source, which ends its task.
    pub(super) gone: watch::Sender<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) pace: Pace,
    /// Closes when the running fetch has ended.
    pub(super) flight: Option<watch::Receiver<()>>,
    /// Alive as long as the background task.
    pub(super) keeper: Weak<()>,
    told: Told,
}

/// What was reported about the age of the keys, so that each change is reported once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    #[default]
    Nothing,
    Stale,
    Unavailable,
}

/// When a fetch began, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    since: Timestamp,
    since_instant: Instant,
}

impl Shared {
    pub(super) fn new(name: Arc<str>, settings: Settings, remote: Option<Remote>) -> Self {
        Self {
            name,
            settings,
            remote,
            allowed: OnceLock::new(),
            context: ArcSwapOption::empty(),
            held: ArcSwapOption::empty(),
            last_error: ArcSwapOption::empty(),
            used: AtomicBool::new(false),
            state: Mutex::default(),
            gone: watch::Sender::new(()),
        }
    }

    /// Binds the source to a provider.
    pub(super) fn attach(&self, allowed: &[Algorithm], context: KeyContext) -> Result<(), ConfigError> {
        if self.allowed.get_or_init(|| allowed.into()).as_ref() != allowed {
            let fix = "set the same algorithms in the same order for both, or create a source for each";
            let problem = format!("{} is used by two issuers with different algorithms", self.name);
            return Err(ConfigError::new("algorithms", problem, fix));
        }
        self.context.store(Some(Arc::new(context)));
        Ok(())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock().ok()
    }

    pub(super) fn held(&self) -> arc_swap::Guard<Option<Arc<Held>>> {
        self.held.load()
    }

    pub(super) fn hold(&self, held: Held) {
        self.held.store(Some(Arc::new(held)));
    }

    /// Records that the keys were used. Written only now and then, so that threads seldom contend.
    pub(super) fn mark_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the background task may end, because the keys were unused for longer than they are
    /// valid.
    pub(super) fn may_rest(&self, last_used: &mut Instant) -> bool {
        if self.used.swap(false, Ordering::Relaxed) {
            *last_used = instant();
        }
        let rests = self.context.load().as_deref().is_some_and(|context| context.rests);
        let life = self.held().as_deref().and_then(|held| held.life);
        let good_for = life.map_or(self.settings.fresh_for + self.settings.stale_for, |life| life.usable_for);
        rests && instant().saturating_duration_since(*last_used) > good_for
    }

    pub(super) fn unavailable(&self) -> KeysUnavailable {
        let cause = match (self.allowed.get(), self.last_error.load().as_deref()) {
            (None, _) => KeySourceError::NotInUse,
            (_, Some(error)) => error.clone(),
            (_, None) => KeySourceError::NotFetched,
        };
        self.unavailable_because(cause)
    }

    /// Whether the last fetch failed, so that the issuer's current keys are unknown.
    pub(super) fn is_failing(&self) -> bool {
        self.last_error.load().is_some()
    }

    pub(super) fn unavailable_because(&self, cause: KeySourceError) -> KeysUnavailable {
        KeysUnavailable::new(Arc::clone(&self.name), cause)
    }

    /// The current time of the provider's clock.
    pub(super) fn now(&self) -> Result<Timestamp, KeySourceError> {
        let context = self.context.load();
        let clock = &context.as_deref().ok_or(KeySourceError::NotInUse)?.clock;
        clock.now().map_err(|_| KeySourceError::Clock)
    }

    /// One fetch with a time limit for the whole.
    pub(super) async fn obtain(&self, remote: &Remote) -> Result<(Obtained, Begun), KeySourceError> {
        let allowed = self.allowed.get().ok_or(KeySourceError::NotInUse)?;
        let begun = Begun { since: self.now()?, since_instant: instant() };
        let timeout = self.settings.timeout;
        let inquiry = Inquiry { fetch: &*remote.fetch, allowed, timeout };
        let known = self.held.load_full();
        let obtained = tokio::time::timeout(timeout, inquiry.obtain(&remote.place, known.as_deref()))
            .await
            .map_err(|_| KeySourceError::TimedOut)??;
        Ok((obtained, begun))
    }

    /// Takes the result of a fetch, ends the fetch, and reports it.
    pub(super) fn finish(&self, outcome: Result<(Obtained, Begun), KeySourceError>) {
        match outcome {
            Ok((obtained, begun)) => self.succeeded(obtained, begun),
            Err(error) => self.failed(error),
        }
    }

    fn succeeded(&self, obtained: Obtained, begun: Begun) {
        let fresh_for = self.settings.fresh(obtained.fresh);
        let life = Life {
            since: begun.since,
            since_instant: begun.since_instant,
            fresh_for,
            refresh_after: refresh_after(fresh_for, chance()),
            usable_for: fresh_for + self.settings.stale_for,
        };
        self.hold(Held { keys: obtained.keys, tag: obtained.tag, life: Some(life) });
        self.last_error.store(None);
        let mut state = self.lock();
        state.pace.succeeded(instant());
        state.flight = None;
        state.told = Told::Nothing;
        drop(state);
        let fetched = Event::new(EventKind::KeysFetched);
        self.raise(if obtained.not_modified { fetched.reason("not_modified") } else { fetched });
    }

    /// The current keys stay until they are too old.
    fn failed(&self, error: KeySourceError) {
        let (code, text) = (error.code(), error.to_string());
        self.last_error.store(Some(Arc::new(error)));
        let age = self.told_by_age();
        let mut state = self.lock();
        state.pace.failed(instant(), chance());
        state.flight = None;
        let news = age > state.told;
        state.told = state.told.max(age);
        drop(state);
        self.raise(Event::new(EventKind::KeyFetchFailed).reason(code).error(&text));
        match age {
            Told::Stale if news => self.raise(Event::new(EventKind::KeysStale).reason(code)),
            Told::Unavailable if news => self.raise(Event::new(EventKind::KeysUnavailable).reason(code)),
            _ => {}
        }
    }

    fn told_by_age(&self) -> Told {
        let (held, now) = (self.held(), self.now());
        match (held.as_deref(), now) {
            (Some(held), Ok(now)) if held.is_fresh(now) => Told::Nothing,
            (Some(held), Ok(now)) if held.is_usable(now) => Told::Stale,
            _ => Told::Unavailable,
        }
    }

    fn raise(&self, event: Event<'_>) {
        let event = event.source(&self.name);
        event::trace(&event, event.kind.level());
        if let Some(sink) = self.context.load().as_deref().and_then(|context| context.events.as_deref()) {
            sink.on_event(&event);
        }
    }

    /// How long the background task has nothing to do.
    pub(super) fn idle_for(&self) -> Duration {
        let pause = self.lock().pace.wait(instant());
        let held = self.held();
        let life = held.as_deref().and_then(|held| held.life);
        let until_due = life.map_or(Duration::ZERO, |l| l.refresh_after.saturating_sub(l.monotonic_age()));
        pause.max(until_due)
    }

    pub(super) fn health(&self) -> KeySourceHealth {
        let (held, now) = (self.held(), self.now().ok());
        let held = held.as_deref();
        let life = held.and_then(|held| held.life);
        let known = held.zip(now);
        KeySourceHealth {
            name: Arc::clone(&self.name),
            keys: held.map_or(0, |held| held.keys.len()),
            fetched_at: life.map(|life| life.since),
            age: life.zip(now).map(|(life, now)| life.age(now)),
            is_stale: known.is_some_and(|(held, now)| !held.is_fresh(now)),
            is_usable: known.is_some_and(|(held, now)| held.is_usable(now)),
            failures: self.lock().pace.failures,
            last_error: self.last_error.load().as_deref().cloned(),
        }
    }

    pub(super) fn may_begin(&self, state: &State, reason: Reason) -> bool {
        state.pace.may_begin(instant(), reason, self.settings.unknown_key_interval)
    }
}
