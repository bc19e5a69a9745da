//! Rate limits, beyond what a client sees: events, stores, applications beside one another.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fauth_core::{
    AuthProvider, Guard, Limiter, Rejection, Requirement, WhenLimitStoreFails, async_trait,
    event::EventKind,
    limit::{Limit, LimitKey},
    reply::Reply,
    store::{CounterKey, LimitStore, LimitWindow, MemoryLimits, StoreError, StoreLocation, Taken},
};
use fauth_testing::{Log, ManualClock, TestUser, Users, WireRequest, config_builder, provider_with};

use crate::support::{World, get, header};

const SECOND: Duration = Duration::from_secs(1);

fn from(address: [u8; 4]) -> WireRequest {
    get("/limited").from_peer(address)
}

/// What a request behind a limit is answered with; 200 if it passes.
async fn answer(limiter: &Limiter<TestUser>, request: &WireRequest) -> Reply {
    match limiter.ask(request, None).answer().await {
        Ok(demands) => Reply::new(200).amend(&demands),
        Err(refusal) => limiter.refuse(&refusal, request),
    }
}

async fn status(limiter: &Limiter<TestUser>, request: &WireRequest) -> u16 {
    answer(limiter, request).await.status()
}

/// How many pass, of many.
async fn passing(limiter: &Limiter<TestUser>, request: &WireRequest) -> usize {
    let mut passed = 0;
    for _ in 0..20 {
        passed += usize::from(status(limiter, request).await == 200);
    }
    passed
}

#[tokio::test]
async fn a_flood_raises_one_event_for_each_client_until_it_is_let_through_again() {
    let world = World::new();
    let limiter = Limiter::new(&world.auth, "2/minute");
    let client = from([192, 0, 2, 7]);
    assert_eq!(passing(&limiter, &client).await, 2);
    let raised = world.events.only();
    assert_eq!((raised.kind, raised.reason), (EventKind::RequestLimited, Some("too_many_requests")));
    assert_eq!(raised.path.as_deref(), Some("/limited"));
    assert_eq!(raised.address, Some([192, 0, 2, 7].into()));
    assert_eq!(passing(&limiter, &client).await, 0);
    assert!(world.events.take().is_empty());
    assert_eq!(passing(&limiter, &from([192, 0, 2, 8])).await, 2);
    assert_eq!(world.events.only().address, Some([192, 0, 2, 8].into()));
    world.clock.advance(30 * SECOND);
    assert_eq!(passing(&limiter, &client).await, 1);
    assert_eq!(world.events.only().kind, EventKind::RequestLimited);
}

#[tokio::test]
async fn what_passes_raises_nothing() {
    let world = World::new();
    let limiter = Limiter::new(&world.auth, "100/minute");
    assert_eq!(passing(&limiter, &from([192, 0, 2, 7])).await, 20);
    assert!(world.events.take().is_empty());
}

fn provider(application: &str, store: &MemoryLimits) -> AuthProvider<TestUser> {
    let config = config_builder().application(application).build().unwrap();
    provider_with(config, &Users::new()).limit_store(store.clone()).build().unwrap()
}

#[tokio::test]
async fn two_applications_on_one_store_count_apart() {
    let store = MemoryLimits::with_counters(1024);
    let limiter = |application| {
        let limit = Limit::new("2/minute").unwrap().named("login");
        Limiter::new(&provider(application, &store), limit)
    };
    let client = from([192, 0, 2, 7]);
    assert_eq!(passing(&limiter("shop"), &client).await, 2);
    assert_eq!(passing(&limiter("staff"), &client).await, 2);
    // The same application, as on another instance.
    assert_eq!(passing(&limiter("shop"), &client).await, 0);
}

#[tokio::test]
async fn a_limit_counts_as_another_when_its_windows_change() {
    let world = World::new();
    let limiter = |text| Limiter::new(&world.auth, Limit::new(text).unwrap().named("login"));
    let client = from([192, 0, 2, 7]);
    assert_eq!(passing(&limiter("2/minute"), &client).await, 2);
    assert_eq!(passing(&limiter("3/minute"), &client).await, 3);
    assert_eq!(passing(&limiter("2/minute"), &client).await, 0);
}

/// actix-web builds an application for each of its workers: the place in the code is the same.
#[tokio::test]
async fn a_limit_that_is_made_again_at_its_place_goes_on_counting() {
    let world = World::new();
    let client = from([192, 0, 2, 7]);
    let mut passed = 0;
    for _ in 0..3 {
        passed += passing(&Limiter::new(&world.auth, "2/minute"), &client).await;
    }
    assert_eq!(passed, 2);
    assert_eq!(passing(&Limiter::new(&world.auth, "2/minute"), &client).await, 2, "another place");
}

#[tokio::test]
async fn a_user_of_another_provider_is_nobody() {
    let world = World::new();
    let other = provider_with(config_builder().application("other").build().unwrap(), &Users::new());
    let other = other.clock(world.clock.clone()).build().unwrap();
    let granted = world.check("alice", &Requirement::user()).await.unwrap();
    let client = from([192, 0, 2, 7]);
    let limit = || Limit::per_user("2/minute");
    let (own, foreign) = (Limiter::new(&world.auth, limit()), Limiter::new(&other, limit()));
    for limiter in [&own, &foreign] {
        for _ in 0..2 {
            assert!(limiter.ask(&client, Some(&granted)).answer().await.is_ok());
        }
        assert!(limiter.ask(&client, Some(&granted)).answer().await.is_err());
    }
    // With its own provider the user was counted, with the other one the address.
    assert!(own.ask(&client, None).answer().await.is_ok());
    assert!(foreign.ask(&client, None).answer().await.is_err());
}

#[tokio::test]
async fn that_an_address_is_unknown_is_said_once() {
    let log = Log::of_process();
    let world = World::new();
    let limiter = Limiter::new(&world.auth, "2/minute");
    let before = log.with("address_unknown").len();
    assert_eq!(passing(&limiter, &get("/")).await, 2, "all of them share one counter");
    assert_eq!(log.with("address_unknown").len(), before + 1);
    assert_eq!(passing(&limiter, &from([192, 0, 2, 7])).await, 2);
    assert_eq!(log.with("address_unknown").len(), before + 1);
}

/// C-08, W-15
#[tokio::test]
async fn what_is_no_limit_is_said_at_start_and_refuses_everything() {
    for text in ["0/minute", "bogus", "-1/minute", "99999999999999999999/minute", ""] {
        let world = World::new();
        let error = Limit::new(text).unwrap_err();
        assert_eq!(error.field(), "limit");
        assert!(error.problem().contains(&format!("{text:?}")), "{error}");
        let before = Log::of_process().with("impossible_limit").len();
        let limiter = Limiter::new(&world.auth, text);
        assert!(Log::of_process().with("impossible_limit").len() > before, "{text}");
        assert_eq!(passing(&limiter, &from([192, 0, 2, 7])).await, 0);
        let reply = answer(&limiter, &from([192, 0, 2, 7])).await;
        assert_eq!(reply.status(), 500);
        // Nor does a good one beside it help.
        assert_eq!(status(&limiter.and("5/minute"), &from([192, 0, 2, 7])).await, 500);
        let guard = Guard::new(&world.auth, Requirement::user()).limit(text).limit("5/minute");
        let refusal = guard.ask_before(&get("/")).answer().await.unwrap_err();
        assert!(matches!(refusal.rejection(), Rejection::Misconfigured(_)));
    }
}

#[tokio::test]
async fn names_of_limits_can_stand_in_a_header() {
    let limit = || Limit::new("5/minute").unwrap();
    assert_eq!(limit().named("login").unwrap().name(), Some("login"));
    assert!(limit().named(&"x".repeat(64)).is_ok());
    for name in ["", " ", "a\"b", "a\\b", "\u{e4}", "a\r\nb", &"x".repeat(65)] {
        assert!(limit().named(name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn a_guard_keeps_its_limits_when_it_is_given_more() {
    let world = World::new();
    let guard = Guard::new(&world.auth, Requirement::user()).limit("1/minute");
    let guard =
        guard.renderer(fauth_core::rejection::DetailJson::new()).and(Requirement::user().role("admin"));
    assert!(guard.is_limited());
    let client = from([192, 0, 2, 7]);
    assert!(guard.ask_before(&client).answer().await.is_ok());
    let limited = guard.ask_before(&client).answer().await.unwrap_err();
    let reply = guard.refuse_limited(&limited, &client);
    assert_eq!(reply.body_bytes(), br#"{"detail":"Rate limit exceeded"}"#);
    assert_eq!(header(&reply, "retry-after"), ["60"]);
    assert!(!Guard::new(&world.auth, Requirement::user()).is_limited());
}

#[tokio::test]
async fn a_key_of_the_application_is_asked_for_with_the_whole_head() {
    let world = World::new();
    let limit = Limit::new("1/minute").unwrap().by(LimitKey::of_head(|head| Some(head.path().to_owned())));
    let limiter = Limiter::new(&world.auth, limit);
    assert_eq!(passing(&limiter, &get("/a")).await, 1);
    assert_eq!(passing(&limiter, &get("/b")).await, 1);
}

/// A store that can be switched off; it counts how often it was asked.
#[derive(Clone)]
struct Switched {
    counters: MemoryLimits,
    is_down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl LimitStore for Switched {
    fn location(&self) -> StoreLocation {
        self.counters.location()
    }

    async fn take(
        &self,
        key: &CounterKey<'_>,
        windows: &[LimitWindow],
        now: Duration,
    ) -> Result<Taken, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::new("connection refused"));
        }
        self.counters.take(key, windows, now).await
    }
}

fn switched() -> Switched {
    let counters = MemoryLimits::with_counters(1024);
    Switched { counters, is_down: Arc::default(), asked: Arc::default() }
}

#[tokio::test]
async fn while_the_store_fails_nobody_waits_for_it_and_then_it_counts_again() {
    let store = switched();
    let world = World::with(|builder| {
        builder.limit_store(store.clone()).when_limit_store_fails(WhenLimitStoreFails::CountHere)
    });
    let limiter = Limiter::new(&world.auth, "5/minute");
    let client = from([192, 0, 2, 7]);
    assert_eq!(status(&limiter, &client).await, 200);
    store.is_down.store(true, Ordering::SeqCst);
    let before = store.asked.load(Ordering::SeqCst);
    assert_eq!(passing(&limiter, &client).await, 5, "this instance allows as much once more");
    assert_eq!(store.asked.load(Ordering::SeqCst), before + 1, "asked once in a second");
    world.clock.advance(SECOND);
    assert_eq!(status(&limiter, &client).await, 429);
    assert_eq!(store.asked.load(Ordering::SeqCst), before + 2);
    store.is_down.store(false, Ordering::SeqCst);
    world.clock.advance(SECOND);
    assert_eq!(passing(&limiter, &client).await, 4, "the store has counted one");
    let failed = world.events.take();
    let failed = failed.iter().filter(|event| event.kind == EventKind::StoreFailed);
    assert_eq!(failed.count(), 2);
}

#[tokio::test]
async fn a_store_that_has_failed_is_asked_again_by_a_clock_that_has_jumped_back() {
    let store = switched();
    let world = World::with(|builder| {
        builder.limit_store(store.clone()).when_limit_store_fails(WhenLimitStoreFails::CountHere)
    });
    let limiter = Limiter::new(&world.auth, "5/minute");
    let client = from([192, 0, 2, 7]);
    store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(status(&limiter, &client).await, 200);
    store.is_down.store(false, Ordering::SeqCst);
    let before = store.asked.load(Ordering::SeqCst);
    world.clock.set(fauth_core::clock::Timestamp::from_unix_seconds(1_767_225_600 - 3600));
    assert_eq!(passing(&limiter, &client).await, 5);
    assert_eq!(store.asked.load(Ordering::SeqCst), before + 20);
}

/// Whoever can cause a provider to be replaced must not start all limits anew with it.
#[tokio::test]
async fn another_provider_of_a_switch_goes_on_counting() {
    let switch = fauth_core::AuthSwitch::new().unwrap();
    let limiter = Limiter::new(switch.provider(), "2/minute");
    let client = from([192, 0, 2, 7]);
    let clock = ManualClock::new();
    let made = |application| {
        let config = config_builder().application(application).build().unwrap();
        let builder = provider_with(config, &Users::new()).clock(clock.clone());
        builder.danger_share_application().build().unwrap()
    };
    switch.set(made("shop"));
    assert_eq!(passing(&limiter.for_request(|| None), &client).await, 2);
    for _ in 0..3 {
        switch.set(made("shop"));
        assert_eq!(passing(&limiter.for_request(|| None), &client).await, 0);
    }
    switch.set(made("staff"));
    assert_eq!(passing(&limiter.for_request(|| None), &client).await, 2, "another application");
}

#[tokio::test]
async fn by_default_a_store_that_fails_lets_nobody_through() {
    let store = switched();
    let world = World::with(|builder| builder.limit_store(store.clone()));
    let limiter = Limiter::new(&world.auth, "5/minute");
    let client = from([192, 0, 2, 7]);
    assert_eq!(status(&limiter, &client).await, 200);
    store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(passing(&limiter, &client).await, 0);
    assert_eq!(status(&limiter, &client).await, 503);
    store.is_down.store(false, Ordering::SeqCst);
    assert_eq!(passing(&limiter, &client).await, 4);
}

/// It never answers.
struct Hanging;

#[async_trait]
impl LimitStore for Hanging {
    fn location(&self) -> StoreLocation {
        StoreLocation::in_process(&Arc::new(()))
    }

    async fn take(&self, _: &CounterKey<'_>, _: &[LimitWindow], _: Duration) -> Result<Taken, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_as_long_as_any_store() {
    for (choice, expected) in [(WhenLimitStoreFails::Refuse, 503), (WhenLimitStoreFails::CountHere, 200)] {
        let world = World::with(|builder| builder.limit_store(Hanging).when_limit_store_fails(choice));
        let limiter = Limiter::new(&world.auth, "5/minute");
        let start = tokio::time::Instant::now();
        assert_eq!(status(&limiter, &from([192, 0, 2, 7])).await, expected);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}

/// What is counted elsewhere may be another application's: a name tells them apart.
#[test]
fn a_shared_limit_store_wants_a_name_of_the_application() {
    struct Shared;

    #[async_trait]
    impl LimitStore for Shared {
        async fn take(
            &self,
            _: &CounterKey<'_>,
            _: &[LimitWindow],
            _: Duration,
        ) -> Result<Taken, StoreError> {
            Err(StoreError::new("not asked"))
        }
    }

    let unnamed = fauth_core::AuthConfig::builder().secret(fauth_testing::SECRET).build().unwrap();
    let error = provider_with(unnamed, &Users::new()).limit_store(Shared).build().unwrap_err();
    assert_eq!(error.field(), "application");
    let named = config_builder().application("shop").build().unwrap();
    assert!(provider_with(named, &Users::new()).limit_store(Shared).build().is_ok());
}

#[test]
fn a_finer_clock_is_used_and_a_coarse_one_lets_nobody_through_twice() {
    use fauth_core::clock::{Clock as _, SystemClock};

    let (seconds, precise) = (SystemClock.now().unwrap(), SystemClock.now_precise().unwrap());
    assert!(precise.as_secs().abs_diff(seconds.unix_seconds().unsigned_abs()) <= 1);
    let clock = ManualClock::new();
    assert_eq!(clock.now_precise().unwrap(), Duration::from_secs(1_767_225_600));
    clock.set(fauth_core::clock::Timestamp::from_unix_seconds(-1));
    assert!(clock.now_precise().is_err());
}
