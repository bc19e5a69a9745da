//! The login throttle: what is counted where, by whom, and what a failing store does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fauth_core::{
    AuthConfig, AuthProvider, AuthUser as _, ClientInfo, LoginRequest, OneTimePurpose, Rejection,
    Requirement, async_trait,
    clock::Timestamp,
    event::EventKind,
    one_time::OneTimeRequest,
    password::PasswordConfig,
    rejection::{InvalidToken, OneTimeFault, Unavailable},
    routes::Endpoint,
    store::{MemoryThrottles, StoreError, ThrottleKey, ThrottleKind, ThrottleRecord, ThrottleStore},
    throttle::{LoginThrottle, ThrottleState},
};
use fauth_testing::{
    ManualClock, SECRET, TestUser, Users, config, config_builder, memory_store, provider_with, weak_hash,
    weak_passwords,
};

use crate::support::{Sink, World, get, login_request, poll_once, post};

const MINUTE: Duration = Duration::from_secs(60);

fn throttled() -> World {
    World::with(|builder| builder.store(memory_store()).login_throttle(LoginThrottle::new()))
}

fn at(last: u8) -> ClientInfo {
    ClientInfo::unknown().with_address([192, 0, 2, last].into())
}

async fn try_at(world: &World, name: &str, password: &str, client: &ClientInfo) -> Result<(), Rejection> {
    world.auth.authenticate(name, password, client).await.map(drop)
}

fn limited(seconds: u64) -> Result<(), Rejection> {
    Err(Rejection::TooManyRequests { retry_after: Duration::from_secs(seconds) })
}

const WRONG: Result<(), Rejection> = Err(Rejection::InvalidCredentials);

/// Fails so often, and is checked each time.
async fn use_up(world: &World, name: &str, client: &ClientInfo, failures: u32) {
    for _ in 0..failures {
        assert_eq!(try_at(world, name, "wrong", client).await, WRONG);
    }
}

#[tokio::test]
async fn it_is_there_unless_it_is_waived() {
    let users = Users::new();
    let builder = || {
        AuthProvider::builder(config())
            .danger_share_application()
            .user_loader(users.user_loader())
            .identity_loader(users.identity_loader())
            .password(weak_passwords())
            .store(memory_store())
            .clock(ManualClock::new())
    };
    let (with, without) =
        (builder().build().unwrap(), builder().danger_without_login_throttle().build().unwrap());
    let mut outcomes = Vec::new();
    for auth in [with, without] {
        for _ in 0..10 {
            outcomes.push(auth.authenticate("alice", "wrong", &at(1)).await.map(drop) == WRONG);
        }
    }
    assert_eq!(outcomes.iter().filter(|is_checked| **is_checked).count(), 15, "{outcomes:?}");
    assert!(outcomes[..5].iter().all(|is_checked| *is_checked));
}

#[test]
fn impossible_settings_are_refused_at_start() {
    let throttle = LoginThrottle::new().by_address(0, MINUTE);
    let error = fauth_testing::provider().login_throttle(throttle).build().unwrap_err();
    assert_eq!(error.field(), "login_throttle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_attempts_at_once_five_are_checked() {
    let world = Arc::new(throttled());
    world.users.delay(Duration::from_millis(20));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { try_at(&world, "alice", "wrong", &at(1)).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == WRONG).count(), 5);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == limited(12)).count(), 995);
    assert_eq!(world.users.identity_loads(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_many_addresses_at_once_as_many_are_checked_as_before_the_first_delay() {
    let world = Arc::new(throttled());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..250 {
        let world = Arc::clone(&world);
        tasks.spawn(async move { try_at(&world, "alice", "wrong", &at(number)).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == WRONG).count(), 5);
}

#[tokio::test]
async fn an_event_is_raised_once_a_minute_for_an_account() {
    let world = throttled();
    use_up(&world, "alice", &at(1), 5).await;
    world.events.take();
    for _ in 0..10 {
        assert_eq!(try_at(&world, "alice", "wrong", &at(1)).await, limited(12));
    }
    let event = world.events.only();
    assert_eq!((event.kind, event.reason), (EventKind::LoginThrottled, Some("account_and_address")));
    assert_eq!(event.address, at(1).address());
    assert!(event.identifier.is_some_and(|known_as| known_as != "alice"));
    assert_eq!(event.subject, None);
    world.clock.advance(MINUTE);
    use_up(&world, "alice", &at(1), 1).await;
    world.events.take();
    assert_eq!(try_at(&world, "alice", "wrong", &at(2)).await, limited(2));
    assert_eq!(world.events.only().reason, Some("account"));
}

#[tokio::test]
async fn an_event_names_the_address_that_fails_everywhere() {
    let world = throttled();
    for number in 0..20 {
        use_up(&world, &format!("name {number}"), &at(1), 1).await;
    }
    world.events.take();
    for _ in 0..3 {
        assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, limited(3));
    }
    assert_eq!(world.events.only().reason, Some("address"));
}

/// A loader that fails decides nothing: whoever tries again is not punished for it.
#[tokio::test]
async fn what_was_not_decided_is_not_counted() {
    let (world, failing) = (throttled(), throttled());
    failing.users.fail();
    for _ in 0..30 {
        let refused = try_at(&failing, "alice", "s3cret", &at(1)).await;
        assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Loader)));
    }
    assert_eq!(failing.auth.throttle_state("alice").await.unwrap(), ThrottleState::default());
    // Nor from a familiar address.
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    world.users.fail();
    for _ in 0..30 {
        let refused = try_at(&world, "alice", "s3cret", &at(1)).await;
        assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Loader)));
    }
}

#[tokio::test]
async fn a_user_who_is_logged_in_cannot_guess_either() {
    let world = throttled();
    let alice = world.check("alice", &Requirement::user()).await.unwrap();
    for _ in 0..5 {
        let refused = world.auth.reauthenticate(&alice, "alice", "wrong", &at(1)).await;
        assert_eq!(refused.map(drop), WRONG);
    }
    assert_eq!(world.auth.reauthenticate(&alice, "alice", "s3cret", &at(1)).await.map(drop), limited(12));
    world.clock.advance(MINUTE);
    world.auth.reauthenticate(&alice, "alice", "s3cret", &at(1)).await.unwrap();
}

#[tokio::test]
async fn own_logins_are_throttled_by_authenticate() {
    let world = throttled();
    use_up(&world, "alice", &at(1), 4).await;
    let who = world.auth.authenticate("alice", "s3cret", &at(1)).await.unwrap();
    world.auth.login(LoginRequest::from(&who)).await.unwrap();
    // A login by other means says nothing of passwords.
    use_up(&world, "alice", &at(1), 5).await;
    world.auth.login("alice").await.unwrap();
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, limited(12));
}

/// Whoever may have an account of a similar name gains nothing by it.
#[tokio::test]
async fn a_similar_name_resets_nothing_and_makes_nothing_familiar() {
    let world = throttled();
    let alice = world.users.find("alice");
    world.users.add(TestUser { name: "ALICE".to_owned(), ..alice });
    use_up(&world, "alice", &at(1), 5).await;
    world.clock.advance(MINUTE);
    try_at(&world, "ALICE", "s3cret", &at(1)).await.unwrap();
    let state = world.auth.throttle_state("alice").await.unwrap();
    assert_eq!((state.failures, state.familiar_addresses), (5, 0));
    assert_eq!(world.auth.throttle_state("ALICE").await.unwrap().familiar_addresses, 1);
    world.clock.advance(Duration::from_secs(1));
    use_up(&world, "alice", &at(2), 1).await;
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, limited(2));
}

/// Somebody who has logged in with the old password is a stranger again, at once.
#[tokio::test]
async fn an_old_password_spares_no_address_once_all_logins_are_ended() {
    for is_ended in [false, true] {
        let world = throttled();
        let alice = world.users.find("alice");
        try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
        if is_ended {
            world.auth.password_changed(alice.subject().as_ref(), &at(2)).await.unwrap();
        }
        // Strangers have used up what the account has.
        for number in 0..5 {
            use_up(&world, "alice", &at(100 + number), 1).await;
        }
        use_up(&world, "alice", &at(1), 1).await;
        let familiar = world.auth.throttle_state("alice").await.unwrap().familiar_addresses;
        assert_eq!(familiar, usize::from(!is_ended));
        let outcome = try_at(&world, "alice", "wrong", &at(1)).await;
        assert_eq!(outcome, if is_ended { limited(1) } else { WRONG });
    }
    // Nobody loses anything who still knows the password.
    let world = throttled();
    let alice = world.users.find("alice");
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    world.auth.logout_all(alice.subject().as_ref(), &at(1)).await.unwrap();
    for number in 0..5 {
        use_up(&world, "alice", &at(100 + number), 1).await;
    }
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    use_up(&world, "alice", &at(1), 1).await;
    assert_eq!(world.auth.throttle_state("alice").await.unwrap().familiar_addresses, 1);
}

#[tokio::test]
async fn an_administrator_sees_and_resets_what_was_counted() {
    let world = throttled();
    assert_eq!(world.auth.throttle_state("alice").await.unwrap(), ThrottleState::default());
    try_at(&world, "alice", "s3cret", &at(9)).await.unwrap();
    use_up(&world, "alice", &at(1), 5).await;
    use_up(&world, "nobody", &at(1), 1).await;
    let state = world.auth.throttle_state(" ALICE ").await.unwrap();
    assert_eq!((state.failures, state.retry_after, state.needs_unlock), (5, Duration::from_secs(1), false));
    assert_eq!(world.auth.throttle_state("alice").await.unwrap().familiar_addresses, 1);
    assert_eq!(world.auth.throttle_state("nobody").await.unwrap().failures, 1);
    world.events.take();
    world.auth.reset_throttle("alice").await.unwrap();
    assert_eq!(world.events.only().kind, EventKind::ThrottleReset);
    let state = world.auth.throttle_state("alice").await.unwrap();
    assert_eq!((state.failures, state.familiar_addresses), (0, 1));
    use_up(&world, "alice", &at(1), 5).await;
    assert_eq!(world.auth.throttle_state("nobody").await.unwrap().failures, 1, "nobody else is reset");
}

async fn unlock_token(world: &World, name: &str) -> String {
    let user = world.users.find(name);
    let request = OneTimeRequest::for_user(&user);
    world.auth.issue_one_time(OneTimePurpose::LoginUnlock, request).await.unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_mailed_token_makes_an_address_familiar() {
    let world = throttled();
    for number in 0..5 {
        use_up(&world, "alice", &at(100 + number), 1).await;
    }
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, limited(1));
    let token = unlock_token(&world, "alice").await;
    world.events.take();
    let redeemed = world.auth.unlock_login(&token, "alice", &at(1)).await.unwrap();
    assert_eq!(redeemed.user().name, "alice");
    let kinds: Vec<_> = world.events.take().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::OneTimeRedeemed, EventKind::LoginUnlocked]);
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    assert_eq!(try_at(&world, "alice", "s3cret", &at(2)).await, limited(1));
    // Once, and for the name of its user.
    assert!(world.auth.unlock_login(&token, "alice", &at(2)).await.is_err());
    for name in ["bob", "nobody", ""] {
        let token = unlock_token(&world, "alice").await;
        let refused = world.auth.unlock_login(&token, name, &at(2)).await.map(drop);
        assert_eq!(refused, Err(Rejection::InvalidToken(InvalidToken::OneTime(OneTimeFault::Stale))));
    }
    assert_eq!(try_at(&world, "alice", "s3cret", &at(2)).await, limited(1));
}

/// Somebody who has read the mail may send its token many times at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_attempts_with_one_mailed_token_are_one() {
    let world = throttled();
    for number in 0..5 {
        use_up(&world, "alice", &at(100 + number), 1).await;
    }
    let token = unlock_token(&world, "alice").await;
    let attempts: Vec<_> = (0..50)
        .map(|number| {
            let (auth, token) = (world.auth.clone(), token.clone());
            tokio::spawn(async move {
                auth.authenticate_unlocked("alice", "wrong", &at(number), &token).await.map(drop)
            })
        })
        .collect();
    let mut checked = 0;
    for attempt in attempts {
        checked += usize::from(attempt.await.unwrap() == WRONG);
    }
    assert_eq!(checked, 1);
}

/// Whoever can cause a provider to be replaced must not begin anew with it.
#[tokio::test]
async fn another_provider_of_a_switch_knows_what_has_failed() {
    let switch = fauth_core::AuthSwitch::new().unwrap();
    let clock = ManualClock::new();
    let set = |application| {
        let config = config_builder().application(application).build().unwrap();
        let builder = provider_with(config, &Users::new()).clock(clock.clone());
        let builder = builder.login_throttle(LoginThrottle::new()).danger_share_application();
        switch.set(builder.build().unwrap());
        switch.provider().current()
    };
    let attempt =
        async |auth: AuthProvider<TestUser>| auth.authenticate("alice", "wrong", &at(1)).await.map(drop);
    for _ in 0..5 {
        assert_eq!(attempt(set("shop")).await, WRONG);
    }
    assert_eq!(attempt(set("shop")).await, limited(12));
    assert_eq!(attempt(set("staff")).await, WRONG, "another application");
}

/// Strangers may ask for mails too: those that are in the mailbox stay good.
#[tokio::test]
async fn a_sixth_mailed_token_is_not_issued_and_ends_none() {
    let world = throttled();
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(unlock_token(&world, "alice").await);
        world.clock.advance(Duration::from_secs(1));
    }
    let user = world.users.find("alice");
    let issue = || world.auth.issue_one_time(OneTimePurpose::LoginUnlock, OneTimeRequest::for_user(&user));
    assert_eq!(issue().await.map(drop), limited(60));
    unlock_token(&world, "bob").await;
    world.auth.unlock_login(&*tokens[0], "alice", &at(1)).await.unwrap();
    assert!(issue().await.is_ok(), "there is room again");
}

#[tokio::test]
async fn a_mistyped_name_uses_up_no_token() {
    let world = throttled();
    let token = unlock_token(&world, "alice").await;
    for name in ["bob", "nobody", ""] {
        assert!(world.auth.unlock_login(&token, name, &at(1)).await.is_err());
    }
    world.auth.unlock_login(&token, "alice", &at(1)).await.unwrap();
}

/// One slot and slow hashes, of which nobody but strangers needs one.
fn throttled_and_busy(queue_limit: usize) -> World {
    let config = PasswordConfig::danger_weak_bcrypt(10).concurrency(1).queue_limit(queue_limit);
    let config = config.queue_wait(MINUTE);
    World::with(|builder| builder.password(config).store(memory_store()).login_throttle(LoginThrottle::new()))
}

#[tokio::test]
async fn who_hangs_up_while_it_waits_has_not_failed() {
    let world = throttled_and_busy(8);
    let (names, from) = (["a", "b", "c"], [at(1), at(2), at(3)]);
    let mut flood: Vec<_> =
        names.iter().zip(&from).map(|(name, from)| Box::pin(try_at(&world, name, "wrong", from))).collect();
    for login in &mut flood {
        assert!(poll_once(login.as_mut()).is_pending());
    }
    let (alice, elsewhere) = (at(8), at(9));
    let mut waits = Box::pin(try_at(&world, "alice", "s3cret", &elsewhere));
    assert!(poll_once(waits.as_mut()).is_pending());
    assert_eq!(world.auth.throttle_state("alice").await.unwrap().failures, 1, "before its turn");
    drop(waits);
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.auth.throttle_state("alice").await.unwrap().failures, 0);
    for login in flood {
        assert_eq!(login.await, WRONG);
    }
    use_up(&world, "alice", &alice, 1).await;
}

#[tokio::test]
async fn a_token_outlives_a_full_queue() {
    let world = throttled_and_busy(0);
    let from: [_; 4] = std::array::from_fn(|number| at(u8::try_from(number).unwrap()));
    let flood = from.iter().map(|from| Box::pin(try_at(&world, "nobody", "wrong", from)));
    let mut flood: Vec<_> = flood.collect();
    // What is turned away is not polled again.
    flood.retain_mut(|login| poll_once(login.as_mut()).is_pending());
    assert!((1..4).contains(&flood.len()));
    let token = unlock_token(&world, "alice").await;
    let log_in = || world.auth.authenticate_unlocked("alice", "s3cret", &from[0], &token);
    assert!(matches!(log_in().await, Err(Rejection::Busy { .. })));
    for login in flood {
        assert_eq!(login.await, WRONG);
    }
    assert!(log_in().await.is_ok());
}

/// A loader that changes Alice when she is looked up for the second time.
fn changing(change: impl Fn(&mut TestUser) + Send + Sync + 'static) -> World {
    let looks = AtomicUsize::new(0);
    let users = Users::new();
    let (load, seen) = (users.identity_loader(), users.clone());
    let (clock, events) = (ManualClock::new(), Sink::default());
    let builder = provider_with(config(), &users)
        .store(memory_store())
        .login_throttle(LoginThrottle::new())
        .identity_loader(move |name: String| {
            if looks.fetch_add(1, Ordering::SeqCst) == 1 {
                seen.change("alice", &change);
            }
            load(name)
        })
        .clock(clock.clone())
        .events(events.clone());
    World { auth: builder.build().unwrap(), users, clock, events }
}

/// As when two first logins bring the hash up to date at once.
#[tokio::test]
async fn a_new_hash_of_the_same_password_is_verified_once_more() {
    let new = weak_hash("s3cret").await;
    let world = changing(move |alice| alice.password_hash = Some(new.clone()));
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    let other = weak_hash("another").await;
    let world = changing(move |alice| alice.password_hash = Some(other.clone()));
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, WRONG);
    assert_eq!(world.auth.throttle_state("alice").await.unwrap().failures, 0, "nobody has guessed");
}

#[tokio::test]
async fn one_time_tokens_that_nobody_has_issued_are_counted() {
    let world = throttled();
    let head = post("/reset").from_peer([192, 0, 2, 1]);
    let refuse = async |token: &str| {
        let refused = world.auth.redeem(token, OneTimePurpose::PasswordReset).await.map(drop).unwrap_err();
        world.auth.refuse_in_handler(&refused, &head).status()
    };
    let user = world.users.find("alice");
    let request = || OneTimeRequest::for_user(&user);
    let spent = world.auth.issue_one_time(OneTimePurpose::PasswordReset, request()).await.unwrap();
    let spent = spent.expose().to_owned();
    world.auth.redeem(&*spent, OneTimePurpose::PasswordReset).await.unwrap();
    for _ in 0..10 {
        assert_eq!((refuse("a.b.c").await, refuse(&spent).await), (401, 401));
    }
    world.events.take();
    assert_eq!((refuse("a.b.c").await, refuse(&spent).await), (429, 429));
    let throttled = world.events.take().into_iter().filter(|event| event.kind == EventKind::LoginThrottled);
    assert_eq!(throttled.map(|event| event.reason).collect::<Vec<_>>(), [Some("tokens")]);
    let token = world.auth.issue_one_time(OneTimePurpose::PasswordReset, request()).await.unwrap();
    assert!(world.auth.redeem(token.expose(), OneTimePurpose::PasswordReset).await.is_ok());
}

#[tokio::test]
async fn providers_on_one_store_count_together_and_applications_apart() {
    let (users, store, clock) = (Users::new(), memory_store(), ManualClock::new());
    let provider = |application: &str| {
        let config = AuthConfig::builder().application(application).secret(SECRET).build().unwrap();
        provider_with(config, &users)
            .store(store.clone())
            .clock(clock.clone())
            .login_throttle(LoginThrottle::new())
            .build()
            .unwrap()
    };
    let [shop, again, staff] = ["shop", "shop", "staff"].map(provider);
    for auth in [&shop, &again, &shop, &again, &shop] {
        assert_eq!(auth.authenticate("alice", "wrong", &at(1)).await.map(drop), WRONG);
    }
    assert_eq!(again.authenticate("alice", "wrong", &at(1)).await.map(drop), limited(12));
    assert_eq!(staff.authenticate("alice", "wrong", &at(1)).await.map(drop), WRONG);
    assert_eq!(staff.throttle_state("alice").await.unwrap().failures, 1);
}

#[tokio::test]
async fn the_ready_made_login_takes_nothing_from_the_queue_when_it_is_refused() {
    let world = throttled();
    let wrong = login_request("alice", "wrong").from_peer([192, 0, 2, 1]);
    for _ in 0..5 {
        assert_eq!(world.call(Endpoint::Login, &wrong).await.status(), 401);
    }
    let loads = world.users.identity_loads();
    let refused = world.call(Endpoint::Login, &wrong).await;
    assert_eq!((refused.status(), world.users.identity_loads()), (429, loads));
    // A guard has nothing to do with it.
    let open = get("/").bearer(&world.access("alice")).from_peer([192, 0, 2, 1]);
    assert!(world.auth.check(world.auth.read(&open), &Requirement::user()).await.is_ok());
}

// ------------------------------------------------------------------------------------------------
// stores

/// Fails from the call with this number on, and counts calls.
#[derive(Clone)]
struct Failing {
    inner: MemoryThrottles,
    calls: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    fails_from: usize,
}

impl Failing {
    fn from(fails_from: usize) -> Self {
        Self { inner: MemoryThrottles::new(), calls: Arc::default(), writes: Arc::default(), fails_from }
    }

    fn call(&self) -> Result<(), StoreError> {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        if calls >= self.fails_from { Err(StoreError::new("it is down")) } else { Ok(()) }
    }
}

#[async_trait]
impl ThrottleStore for Failing {
    async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        self.call()?;
        self.inner.counter(key, now).await
    }

    async fn replace_counter(
        &self,
        key: &ThrottleKey,
        before: Option<&[u8]>,
        after: &ThrottleRecord,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call()?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.replace_counter(key, before, after, now).await
    }

    async fn remove_counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<bool, StoreError> {
        self.call()?;
        self.inner.remove_counter(key, now).await
    }
}

fn named_world(store: &Failing, throttle: LoginThrottle) -> World {
    World::with(|builder| builder.throttle_store(store.clone()).login_throttle(throttle))
}

#[tokio::test]
async fn a_failing_store_refuses_logins_with_503() {
    for fails_from in 0..6 {
        let world = named_world(&Failing::from(fails_from), LoginThrottle::new());
        let refused = try_at(&world, "alice", "s3cret", &at(1)).await;
        assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Store)), "{fails_from}");
        assert_eq!(world.users.identity_loads(), 0, "before anybody was looked up");
        let event = world.events.take().remove(0);
        assert_eq!((event.kind, event.reason), (EventKind::StoreFailed, Some("store_failed")));
        assert!(event.error.unwrap().contains("it is down"));
    }
}

/// What was right stays right, though it cannot be noted any more.
#[tokio::test]
async fn a_store_that_fails_after_the_password_was_checked_spoils_nothing() {
    // Six calls count an attempt of a stranger.
    let world = named_world(&Failing::from(6), LoginThrottle::new());
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, Ok(()));
}

#[tokio::test]
async fn instances_count_by_themselves_while_the_store_fails_if_that_is_said() {
    let throttle = LoginThrottle::new().count_here_when_store_fails();
    let world = named_world(&Failing::from(0), throttle);
    use_up(&world, "alice", &at(1), 5).await;
    assert_eq!(try_at(&world, "alice", "s3cret", &at(1)).await, limited(12));
}

/// A flood of attempts that are refused is no load on the store but for reading.
#[tokio::test]
async fn what_is_refused_writes_nothing_but_one_note() {
    let store = Failing::from(usize::MAX);
    let world = named_world(&store, LoginThrottle::new());
    use_up(&world, "alice", &at(1), 5).await;
    let writes = store.writes.load(Ordering::SeqCst);
    assert_eq!(writes, 10, "the address and the account");
    for _ in 0..50 {
        assert_eq!(try_at(&world, "alice", "wrong", &at(1)).await, limited(12));
    }
    assert_eq!(store.writes.load(Ordering::SeqCst), writes + 1);
}

#[tokio::test]
async fn a_record_that_is_none_is_not_taken_for_an_empty_one() {
    #[derive(Clone)]
    struct Damaged;

    #[async_trait]
    impl ThrottleStore for Damaged {
        async fn counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
            Ok((key.kind() == ThrottleKind::Account).then(|| b"nothing that we have written".to_vec()))
        }

        async fn replace_counter(
            &self,
            _: &ThrottleKey,
            _: Option<&[u8]>,
            _: &ThrottleRecord,
            _: Timestamp,
        ) -> Result<bool, StoreError> {
            Ok(true)
        }

        async fn remove_counter(&self, _: &ThrottleKey, _: Timestamp) -> Result<bool, StoreError> {
            Ok(true)
        }
    }

    let world = World::with(|builder| builder.throttle_store(Damaged).login_throttle(LoginThrottle::new()));
    let refused = try_at(&world, "alice", "s3cret", &at(1)).await;
    assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Store)));
}

#[tokio::test]
async fn a_reset_removes_a_record_that_cannot_be_read() {
    #[derive(Clone)]
    struct Older(ThrottleKind, Arc<AtomicBool>, MemoryThrottles);

    #[async_trait]
    impl ThrottleStore for Older {
        async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
            if key.kind() == self.0 && self.1.load(Ordering::SeqCst) {
                return Ok(Some(b"of another version".to_vec()));
            }
            self.2.counter(key, now).await
        }

        async fn replace_counter(
            &self,
            key: &ThrottleKey,
            before: Option<&[u8]>,
            after: &ThrottleRecord,
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            self.2.replace_counter(key, before, after, now).await
        }

        async fn remove_counter(&self, key: &ThrottleKey, _: Timestamp) -> Result<bool, StoreError> {
            Ok(key.kind() == self.0 && self.1.swap(false, Ordering::SeqCst))
        }
    }

    for kind in [ThrottleKind::Account, ThrottleKind::Familiar] {
        let store = Older(kind, Arc::new(AtomicBool::new(true)), MemoryThrottles::new());
        let world = World::with(|builder| builder.throttle_store(store).login_throttle(LoginThrottle::new()));
        let refused = try_at(&world, "alice", "s3cret", &at(1)).await;
        assert_eq!(refused, Err(Rejection::Unavailable(Unavailable::Store)), "{kind:?}");
        world.auth.reset_throttle("alice").await.unwrap();
        try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    }
}

/// Neither a name nor an address can be read in what is kept.
#[tokio::test]
async fn records_show_nobody() {
    #[derive(Clone, Default)]
    struct Seen(Arc<std::sync::Mutex<Vec<u8>>>, MemoryThrottles);

    #[async_trait]
    impl ThrottleStore for Seen {
        async fn counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
            self.1.counter(key, now).await
        }

        async fn replace_counter(
            &self,
            key: &ThrottleKey,
            before: Option<&[u8]>,
            after: &ThrottleRecord,
            now: Timestamp,
        ) -> Result<bool, StoreError> {
            self.0.lock().unwrap().extend(key.as_bytes().iter().chain(&after.bytes));
            self.1.replace_counter(key, before, after, now).await
        }

        async fn remove_counter(&self, key: &ThrottleKey, now: Timestamp) -> Result<bool, StoreError> {
            self.1.remove_counter(key, now).await
        }
    }

    let seen = Seen::default();
    let world =
        World::with(|builder| builder.throttle_store(seen.clone()).login_throttle(LoginThrottle::new()));
    use_up(&world, "alice", &at(1), 1).await;
    try_at(&world, "alice", "s3cret", &at(1)).await.unwrap();
    let bytes = seen.0.lock().unwrap();
    assert!(bytes.len() > 100);
    for secret in [&b"alice"[..], &[192, 0, 2, 1]] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{secret:?}");
    }
}
