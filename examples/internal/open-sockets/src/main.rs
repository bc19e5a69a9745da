//! What does a socket that ends with its authority cost? Memory, wake-ups, and how long it takes
//! from a revocation to its end.
//!
//! ```sh
//! cargo run --release -p open-sockets            # 10 000 sockets
//! cargo run --release -p open-sockets -- 100000
//! ```
//!
//! One thread does everything, so that all of its memory and all of its wake-ups are seen. Minutes
//! in which nothing happens are not waited for: the clock of the runtime jumps over them.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for ourselves, which measures time"
)]

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, ClientInfo, Granted, MemoryStore, Requirement, TokenPayload,
    clock::{Clock, ClockError, Timestamp},
    ended::Ended,
    store::{Changes, Owner, RevocationStore, RevocationTarget, StoreError, TokenFacts, Verdict},
};
use tokio::runtime::{Builder, Handle};

struct User(String);

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.0
    }

    fn is_active(&self) -> bool {
        true
    }
}

/// A store that tells, or one that is asked; counts the questions.
#[derive(Clone)]
struct Counted {
    store: MemoryStore,
    tells: bool,
    questions: Arc<AtomicU64>,
}

#[async_trait]
impl RevocationStore for Counted {
    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.store.revoke(owner, targets, limit, now, until).await
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        self.store.check(token, now).await
    }

    async fn check_all(&self, tokens: &[TokenFacts<'_>], now: Timestamp) -> Result<Vec<Verdict>, StoreError> {
        self.questions.fetch_add(1, Relaxed);
        self.store.check_all(tokens, now).await
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        self.store.epoch(owner, now).await
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.store.raise_epoch(owner, now, until).await
    }

    fn changes(&self) -> Option<Changes> {
        self.tells.then(|| self.store.changes()).flatten()
    }
}

/// The clock of the runtime, which jumps with it.
#[derive(Debug, Clone, Copy)]
struct RuntimeClock(tokio::time::Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let seconds = i64::try_from(self.now_precise()?.as_secs()).map_err(|_| ClockError::new())?;
        Ok(Timestamp::from_unix_seconds(seconds))
    }

    fn now_precise(&self) -> Result<Duration, ClockError> {
        Ok(Duration::from_secs(1_800_000_000) + self.0.elapsed())
    }
}

type Auth = AuthProvider<User>;

fn provider(store: &Counted, loads: &Arc<AtomicU64>, clock: RuntimeClock) -> Auth {
    let loads = Arc::clone(loads);
    let config = AuthConfig::builder().application("sockets").secret("0f6c1b2a34d94a5b8f7e6d5c4b3a2918");
    AuthProvider::builder(config.build().unwrap())
        .user_loader(move |token: Arc<TokenPayload>| {
            loads.fetch_add(1, Relaxed);
            async move { Ok::<_, Infallible>(Some(User(token.subject().to_owned()))) }
        })
        .clock(clock)
        .without_password_login()
        .danger_without_login_throttle()
        .danger_share_application()
        .session_store(store.store.clone())
        .revocation_store(store.clone())
        .build()
        .unwrap()
}

async fn logged_in(auth: &Auth, count: usize) -> Vec<(String, Granted<User>)> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let token = auth.login(format!("user-{number:06}")).await.unwrap().access_token().expose().to_owned();
        let granted = auth.authenticate_token(&token, &Requirement::user()).await.unwrap();
        all.push((token, granted));
    }
    all
}

/// How much more memory is in use after this than before, by thing.
fn bytes_each<T>(count: usize, make: impl FnOnce() -> T) -> (T, f64) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(make()));
    #[expect(clippy::cast_precision_loss, reason = "a number to read")]
    let each = info.bytes_current as f64 / count as f64;
    (result.unwrap(), each)
}

fn wake_ups() -> u64 {
    Handle::current().metrics().worker_park_count(0)
}

/// Four minutes in which nobody does anything: three times that, and the tokens are still good.
async fn idle(what: &str, store: &Counted, loads: &AtomicU64) {
    tokio::time::pause();
    let before = (wake_ups(), store.questions.load(Relaxed), loads.load(Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs(4 * 60)).await;
    let busy = before.3.elapsed() / 4;
    println!(
        "  idle, {what}: {} wake-ups, {} questions to the store, {} loads, {busy:.1?} of one thread, each minute",
        (wake_ups() - before.0) / 4,
        (store.questions.load(Relaxed) - before.1) / 4,
        (loads.load(Relaxed) - before.2) / 4,
    );
    tokio::time::resume();
}

async fn latencies(auth: &Auth, sockets: &mut Vec<(String, Ended)>) {
    let mut took = Vec::new();
    for _ in 0..200 {
        let (token, ended) = sockets.pop().unwrap();
        let waiting = tokio::spawn(async move {
            let reason = ended.await;
            (reason, Instant::now())
        });
        tokio::task::yield_now().await;
        let start = Instant::now();
        auth.logout(&token, &ClientInfo::unknown()).await.unwrap();
        let (_, end) = waiting.await.unwrap();
        took.push(end.duration_since(start));
    }
    took.sort();
    println!("  from the begin of a logout to the end: p50 {:.1?}, p99 {:.1?}", took[100], took[198]);
}

fn main() {
    let count: usize = std::env::args().nth(1).map_or(10_000, |count| count.parse().unwrap());
    for tells in [true, false] {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let name = if tells { "a store that tells" } else { "a store that is asked" };
            println!("{count} sockets, {name}");
            let clock = RuntimeClock(tokio::time::Instant::now());
            let memory = MemoryStore::builder().clock(clock).build();
            let store = Counted { store: memory, tells, questions: Arc::default() };
            let loads = Arc::new(AtomicU64::new(0));
            let auth = provider(&store, &loads, clock);
            let granted = logged_in(&auth, count).await;
            let start = Instant::now();
            let (sockets, each) =
                bytes_each(count, || granted.iter().map(|(_, granted)| granted.ended()).collect::<Vec<_>>());
            println!("  opened in {:.1?} each", start.elapsed() / u32::try_from(count).unwrap());
            tokio::time::sleep(Duration::from_millis(500)).await;
            println!("  memory: {each:.0} bytes each, and the payload of the token");
            let tokens: Vec<_> = granted.into_iter().map(|(token, _)| token).collect();
            idle(&format!("{count} open"), &store, &loads).await;
            let mut sockets: Vec<_> = tokens.into_iter().zip(sockets).collect();
            latencies(&auth, &mut sockets).await;
            sockets.truncate(1);
            tokio::time::sleep(Duration::from_millis(50)).await;
            idle("one open", &store, &loads).await;
            sockets.clear();
            tokio::time::sleep(Duration::from_millis(50)).await;
            idle("none open", &store, &loads).await;
        });
    }
}
