//! The issuers of tenants: the resolver's answers, cached for a while and within bounds.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OnceCell, Semaphore};

use super::{IssuerResolver, Trusted, TrustedIssuer, table::Table};
use crate::{
    clock::Timestamp,
    error::{BoxError, ConfigError},
    remote::{Allowed, KeyContext, check_url},
    token::MAX_ISSUER_BYTES,
};

const KNOWN_FOR: Duration = Duration::from_secs(300);
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
const MAX_UNKNOWN: usize = 1024;
const MAX_CAPACITY: usize = 100_000;
/// How many questions of each of the two kinds may be open at once.
const LANES: usize = 32;
/// Revocations are kept for as long as the longest token that could be accepted.
const LONGEST_TOKEN: u64 = 24 * 60 * 60 + 600;

/// The resolver and its cached answers.
pub(crate) struct Tenants {
    resolver: Box<dyn IssuerResolver>,
    context: KeyContext,
    known: RwLock<Table<Arc<Tenant>>>,
    /// Until when each issuer counts as unknown.
    unknown: Mutex<Table<Timestamp>>,
    flights: Mutex<HashMap<Arc<str>, Flight>>,
    /// How often an issuer was forgotten, so that an answer from before is not cached. Changed and
    /// compared under the lock of `known`, which is taken before that of `unknown`.
    forgotten: AtomicU64,
    /// Unknown issuers queue separately, so that tenants never wait behind them.
    strangers: Semaphore,
    renewals: Semaphore,
}

struct Tenant {
    trusted: Arc<Trusted>,
    until: Timestamp,
    /// In Unix seconds.
    last_used: AtomicI64,
}

impl Tenant {
    /// Written at most once a second, because all requests of the tenant share this cache line.
    fn mark_used(&self, now: Timestamp) {
        let second = now.unix_seconds();
        if self.last_used.load(Ordering::Relaxed) != second {
            self.last_used.store(second, Ordering::Relaxed);
        }
    }

    /// When the tenant was last used; `None` if it can be dropped. An expired answer stays for a
    /// while, so that its renewal queues with the tenants and not with unknown issuers.
    fn rank(&self, now: Timestamp) -> Option<i64> {
        let gone = self.until.checked_add(KNOWN_FOR).unwrap_or(self.until);
        (now < gone).then(|| self.last_used.load(Ordering::Relaxed))
    }
}

/// An open question, and how many requests wait for its answer.
#[derive(Default)]
struct Flight {
    answer: Arc<Pending>,
    boarders: usize,
}

type Pending = OnceCell<Option<Arc<Trusted>>>;

/// Whether the end of a span has not been reached. If the clock is set back, nothing is prolonged:
/// an end further away than the span does not count, give or take the life of a request.
fn is_within(now: Timestamp, until: Timestamp, span: Duration) -> bool {
    now < until && until.since(now) <= span.saturating_add(Duration::from_secs(10))
}

/// What is known of an issuer without asking the resolver.
pub(crate) enum Answer {
    Known(Arc<Trusted>),
    Unknown,
    /// The resolver has to be asked.
    Ask,
}

impl Tenants {
    pub(crate) fn new(
        resolver: Box<dyn IssuerResolver>,
        capacity: usize,
        context: KeyContext,
    ) -> Result<Self, ConfigError> {
        if capacity == 0 || capacity > MAX_CAPACITY {
            let fix = "use 1 to 100000, the number of tenants that are active within 5 minutes";
            return Err(ConfigError::new("issuer_resolver", "the capacity is out of bounds", fix));
        }
        Ok(Self {
            resolver,
            context: KeyContext { rests: true, ..context },
            known: RwLock::new(Table::new(capacity)),
            unknown: Mutex::new(Table::new(MAX_UNKNOWN)),
            flights: Mutex::default(),
            forgotten: AtomicU64::new(0),
            strangers: Semaphore::new(LANES),
            renewals: Semaphore::new(LANES),
        })
    }

    /// The longest time for which a token of any tenant can be accepted.
    pub(crate) const fn longest() -> Duration {
        Duration::from_secs(LONGEST_TOKEN)
    }

    /// Looks the issuer up in the cache.
    pub(crate) fn look_up(&self, issuer: &str, now: Timestamp) -> Answer {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        match known {
            Some(tenant) if is_within(now, tenant.until, KNOWN_FOR) => {
                tenant.mark_used(now);
                Answer::Known(Arc::clone(&tenant.trusted))
            }
            None if !has_form(issuer) || self.is_unknown(issuer, now) => Answer::Unknown,
            _ if !self.resolver.may_be(issuer) => Answer::Unknown,
            _ => Answer::Ask,
        }
    }

    fn is_unknown(&self, issuer: &str, now: Timestamp) -> bool {
        lock(&self.unknown).get(issuer).is_some_and(|until| is_within(now, *until, UNKNOWN_FOR))
    }

    /// Returns the issuer, and asks the resolver if it is not cached. Concurrent requests wait for
    /// the same answer; if the request that asks is dropped, the next one asks.
    pub(crate) async fn resolve(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Trusted>>, BoxError> {
        match self.look_up(issuer, now) {
            Answer::Known(trusted) => return Ok(Some(trusted)),
            Answer::Unknown => return Ok(None),
            Answer::Ask => {}
        }
        let boarding = Boarding::of(self, issuer);
        boarding.answer.get_or_try_init(|| self.ask(issuer, now)).await.cloned()
    }

    async fn ask(&self, issuer: &str, now: Timestamp) -> Result<Option<Arc<Trusted>>, BoxError> {
        let is_renewal = self.known.read().unwrap_or_else(PoisonError::into_inner).get(issuer).is_some();
        let lanes = if is_renewal { &self.renewals } else { &self.strangers };
        let _lane = lanes.acquire().await?;
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let resolved = self.resolver.resolve(issuer).await?;
        let trusted = resolved.map(|resolved| self.checked(resolved, issuer)).transpose()?;
        match &trusted {
            Some(trusted) => self.remember(trusted, now, forgotten),
            None => self.remember_unknown(issuer, now, forgotten),
        }
        Ok(trusted)
    }

    fn checked(&self, resolved: TrustedIssuer, asked: &str) -> Result<Arc<Trusted>, BoxError> {
        if resolved.issuer() != asked {
            return Err("the resolver returned an issuer with another name".into());
        }
        if resolved.is_plain_unasked() {
            let problem = "the issuer of a tenant or the URL of its keys is plain `http`";
            return Err(
                format!("{problem}: use `https`, or call `.danger_allow_http()` on the issuer").into()
            );
        }
        let trusted = resolved.build()?;
        if trusted.longest() > LONGEST_TOKEN {
            return Err("the tokens of a tenant's issuer may last up to 24 hours".into());
        }
        trusted.prepare(self.context.clone())?;
        Ok(Arc::new(trusted))
    }

    /// Caches an answer, unless an issuer was forgotten since the resolver was asked.
    fn remember(&self, trusted: &Arc<Trusted>, now: Timestamp, forgotten: u64) {
        let tenant = Tenant {
            trusted: Arc::clone(trusted),
            until: now.checked_add(KNOWN_FOR).unwrap_or(now),
            last_used: AtomicI64::new(now.unix_seconds()),
        };
        let name: Arc<str> = trusted.issuer().into();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            return;
        }
        lock(&self.unknown).remove(&name);
        known.insert(name, Arc::new(tenant), |tenant| tenant.rank(now));
    }

    /// Drops a tenant that the resolver no longer knows.
    fn remember_unknown(&self, issuer: &str, now: Timestamp, forgotten: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            return;
        }
        known.remove(issuer);
        known.sweep(|tenant| tenant.rank(now));
        let until = now.checked_add(UNKNOWN_FOR).unwrap_or(now);
        let rank = |until: &Timestamp| (now < *until).then(|| until.unix_seconds());
        lock(&self.unknown).insert(issuer.into(), until, rank);
    }

    /// Forgets the cached answer for an issuer.
    pub(crate) fn forget(&self, issuer: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        known.remove(issuer);
        lock(&self.unknown).remove(issuer);
        // Requests from now on must not wait for an answer from before.
        lock(&self.flights).remove(issuer);
    }
}

/// A request that waits for an answer. The last one to leave removes the question.
struct Boarding<'a> {
    tenants: &'a Tenants,
    name: Arc<str>,
    answer: Arc<Pending>,
}

impl<'a> Boarding<'a> {
    fn of(tenants: &'a Tenants, issuer: &str) -> Self {
        let name: Arc<str> = issuer.into();
        let mut flights = lock(&tenants.flights);
        let flight = flights.entry(Arc::clone(&name)).or_default();
        flight.boarders = flight.boarders.saturating_add(1);
        let answer = Arc::clone(&flight.answer);
        drop(flights);
        Self { tenants, name, answer }
    }
}

impl Drop for Boarding<'_> {
    fn drop(&mut self) {
        let mut flights = lock(&self.tenants.flights);
        // Another question about the issuer may have been opened since.
        let flight = flights.get_mut(&self.name).filter(|flight| Arc::ptr_eq(&flight.answer, &self.answer));
        let Some(flight) = flight else { return };
        flight.boarders = flight.boarders.saturating_sub(1);
        // An answer is cached elsewhere.
        if flight.boarders == 0 || self.answer.initialized() {
            flights.remove(&self.name);
        }
    }
}

fn has_form(issuer: &str) -> bool {
    issuer.len() <= MAX_ISSUER_BYTES
        && !issuer.contains('?')
        && check_url(issuer, Allowed::HttpLocally).is_ok()
}

/// No code panics half-way through a change, so a poisoned lock holds good data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
