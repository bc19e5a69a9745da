//! Stores that are missing, mixed, failing and late: what is built, and what stays true whatever
//! call goes wrong.

use std::{pin::pin, sync::Mutex, task::Poll, time::Duration};

use fauth_core::{
    AuthProvider, ClientInfo, ConfigError, LoginRequest, MemoryStore, Purpose, Rejection, Requirement,
    SessionConfig,
    event::EventKind,
    rejection::{InvalidToken, Unavailable},
    store::{RevocationTarget, Session, SessionId},
};
use fauth_testing::{Fault, FaultyStore, TestUser, Users, config, memory_store};

use crate::support::{Tokens, World, get, poll_once};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

// ------------------------------------------------------------------------------------------------
// building

#[track_caller]
fn refused(built: Result<AuthProvider<TestUser>, ConfigError>, field: &str) {
    let Err(error) = built else { panic!("built in spite of its {field}") };
    assert_eq!(error.field(), field, "{error}");
    assert!(!error.problem().is_empty() && !error.fix().is_empty(), "{error:?}");
}

/// Every combination of stores and waivers: what can be ended is given or waived, and never both.
#[test]
fn stores_are_given_or_waived_but_not_both() {
    #[rustfmt::skip]
    let table = [
        // sessions, revocations, stateless, without revocation: the fault
        (false, false, false, false, Some("store")),
        (false, false, false, true,  Some("store")),
        (false, false, true,  false, None),
        (false, false, true,  true,  None),
        (false, true,  false, false, Some("store")),
        (false, true,  false, true,  Some("store")),
        (false, true,  true,  false, None),
        (false, true,  true,  true,  Some("danger_without_revocation")),
        (true,  false, false, false, Some("revocation_store")),
        (true,  false, false, true,  None),
        (true,  false, true,  false, Some("danger_stateless")),
        (true,  false, true,  true,  Some("danger_stateless")),
        (true,  true,  false, false, None),
        (true,  true,  false, true,  Some("danger_without_revocation")),
        (true,  true,  true,  false, Some("danger_stateless")),
        (true,  true,  true,  true,  Some("danger_stateless")),
    ];
    for (sessions, revocations, stateless, without_revocation, fault) in table {
        let mut builder = fauth_testing::provider_without_store(config(), &Users::new());
        if sessions {
            builder = builder.session_store(memory_store());
        }
        if revocations {
            builder = builder.revocation_store(memory_store());
        }
        if stateless {
            builder = builder.danger_stateless();
        }
        if without_revocation {
            builder = builder.danger_without_revocation();
        }
        let row = (sessions, revocations, stateless, without_revocation);
        match fault {
            None => assert_eq!(builder.build().unwrap().has_sessions(), sessions, "{row:?}"),
            Some(field) => refused(builder.build(), field),
        }
    }
}

#[test]
fn one_store_for_everything_is_enough_and_waives_nothing() {
    let build = || fauth_testing::provider_without_store(config(), &Users::new()).store(MemoryStore::new());
    assert!(build().build().unwrap().has_sessions());
    refused(build().danger_stateless().build(), "danger_stateless");
    refused(build().danger_without_revocation().build(), "danger_without_revocation");
    // Stores of other things keep no login.
    let other = fauth_testing::provider_without_store(config(), &Users::new()).one_time_store(memory_store());
    refused(other.api_key_store(memory_store()).build(), "store");
}

#[test]
fn revocable_claims_have_bounds() {
    let with = |names: &[&str]| {
        names.iter().fold(fauth_testing::provider(), |builder, name| builder.revocable_claim(*name)).build()
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for good in [&names[..0], &names[..1], &names[..8]] {
        assert!(with(good).is_ok(), "{good:?}");
    }
    refused(with(&names), "revocable_claim");
    refused(with(&[""]), "revocable_claim");
    refused(with(&["a", ""]), "revocable_claim");
    for reserved in ["sub", "sid", "jti", "exp", "scopes", "token_epoch"] {
        refused(with(&[reserved]), "revocable_claim");
    }
    let bare = || fauth_testing::provider_without_store(config(), &Users::new()).revocable_claim("device");
    refused(bare().danger_stateless().build(), "revocable_claim");
    refused(bare().session_store(memory_store()).danger_without_revocation().build(), "revocable_claim");
    assert!(bare().danger_stateless().revocation_store(memory_store()).build().is_ok());
}

#[test]
fn the_store_timeout_has_bounds() {
    let longest = Duration::from_secs(300);
    for good in [Duration::from_nanos(1), 5 * SECOND, longest] {
        assert!(fauth_testing::provider().store_timeout(good).build().is_ok(), "{good:?}");
    }
    for bad in [Duration::ZERO, longest + Duration::from_nanos(1), Duration::MAX] {
        refused(fauth_testing::provider().store_timeout(bad).build(), "store_timeout");
    }
}

#[test]
fn a_fault_of_the_session_settings_surfaces() {
    let with = |config| fauth_testing::provider().sessions(config).build();
    assert!(with(SessionConfig::new()).is_ok());
    for (bad, field) in [
        (SessionConfig::new().idle_timeout(Duration::ZERO), "idle_timeout"),
        (SessionConfig::new().lifetime(Duration::ZERO), "lifetime"),
        (SessionConfig::new().remembered_idle_timeout(Duration::MAX), "remembered_idle_timeout"),
        (SessionConfig::new().remembered_lifetime(Duration::MAX), "remembered_lifetime"),
        (SessionConfig::new().grace(61 * SECOND), "grace"),
        (SessionConfig::new().limit(0), "limit"),
    ] {
        refused(with(bad), field);
    }
}

// ------------------------------------------------------------------------------------------------
// a store that goes wrong

/// How a fault shows to the caller and in the log.
fn outcome_of(fault: Fault) -> (Unavailable, &'static str) {
    match fault {
        Fault::Fails | Fault::FailsLate => (Unavailable::Store, "store_failed"),
        _ => (Unavailable::StoreTimeout, "store_timeout"),
    }
}

fn faulty_world(settings: SessionConfig) -> (World, FaultyStore) {
    let store = FaultyStore::default();
    let world = World::without_store(|builder| {
        builder.session_store(store.clone()).revocation_store(store.clone()).sessions(settings)
    });
    (world, store)
}

/// Alice is logged in twice, for what is ended and for what must stay.
struct Scene {
    world: World,
    store: FaultyStore,
    tokens: Tokens,
    other: Tokens,
}

impl Scene {
    async fn new(settings: SessionConfig) -> Self {
        let (world, store) = faulty_world(settings);
        let other = world.log_in("alice").await;
        world.clock.advance(SECOND);
        let tokens = world.log_in("alice").await;
        Self { world, store, tokens, other }
    }
}

/// Where a flow went wrong.
#[derive(Debug, Clone, Copy)]
struct Mishap<'a> {
    call: &'a str,
    fault: Fault,
}

/// Runs a flow with each of its calls going wrong in each way, in a scene of its own each time, and
/// looks at what is left. `calls` are those of the flow when all goes well: a call that is
/// forgotten here is a call that is not tested.
async fn with_every_mishap<T: std::fmt::Debug>(
    settings: SessionConfig,
    calls: &[&str],
    prepare: impl AsyncFn(&Scene),
    flow: impl AsyncFn(&Scene) -> Result<T, Rejection>,
    afterwards: impl AsyncFn(&Scene, Mishap<'_>),
) {
    for fault in Fault::ALL {
        for (number, call) in calls.iter().enumerate() {
            let scene = Scene::new(settings.clone()).await;
            prepare(&scene).await;
            scene.world.events.take();
            scene.store.calls();
            scene.store.fault_after(number, fault);
            let outcome = flow(&scene).await;
            assert_eq!(scene.store.calls().get(number), Some(call), "{fault:?}");
            let mishap = Mishap { call, fault };
            scene.store.recover();

            let (unavailable, reason) = outcome_of(fault);
            let expected = Rejection::Unavailable(unavailable);
            assert_eq!(outcome.as_ref().err(), Some(&expected), "{mishap:?}: {outcome:?}");
            assert_eq!(expected.status(), 503);
            let events = scene.world.events.take();
            let failures: Vec<_> =
                events.iter().filter(|event| event.kind == EventKind::StoreFailed).collect();
            let [failure] = failures.as_slice() else { panic!("{mishap:?}: {events:?}") };
            assert_eq!(failure.reason, Some(reason), "{mishap:?}");
            let cause = (reason == "store_failed").then_some("the store is down");
            assert_eq!(failure.error.as_deref(), cause, "{mishap:?}");
            let pretends = |kind| !matches!(kind, EventKind::StoreFailed | EventKind::TokenTheft);
            assert!(!events.iter().any(|event| pretends(event.kind)), "{mishap:?}: {events:?}");
            afterwards(&scene, mishap).await;
        }
    }
    let scene = Scene::new(settings).await;
    prepare(&scene).await;
    scene.store.calls();
    flow(&scene).await.unwrap();
    assert_eq!(scene.store.calls(), calls, "when nothing goes wrong");
}

async fn nothing(_: &Scene) {}

#[tokio::test(start_paused = true)]
async fn a_login_whose_store_fails_gives_no_tokens_and_can_be_tried_again() {
    with_every_mishap(
        SessionConfig::new(),
        &["check", "epoch", "open"],
        nothing,
        async |scene| scene.world.auth.login("alice").await,
        async |scene, mishap| {
            let kept = scene.world.auth.sessions("alice").await.unwrap();
            // If the answer got lost, there is a session that nobody has tokens of.
            let forlorn = usize::from(mishap.call == "open" && mishap.fault.is_late());
            assert_eq!(kept.len(), 2 + forlorn, "{mishap:?}");
            let pair = scene.world.log_in("alice").await;
            scene.world.works(&pair).await;
            scene.world.works(&scene.tokens).await;
        },
    )
    .await;
}

/// The new session takes the place of the oldest one, whose access tokens have to be revoked.
#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_revoke_what_it_crowds_out_is_taken_back() {
    with_every_mishap(
        SessionConfig::new().limit(2),
        &["check", "epoch", "open", "revoke"],
        nothing,
        async |scene| scene.world.auth.login("alice").await,
        async |scene, mishap| {
            let kept = scene.world.auth.sessions("alice").await.unwrap();
            let has = |tokens| kept.iter().any(|session| session.id == scene.world.session_of(tokens));
            assert!(has(&scene.tokens), "{mishap:?}");
            let forlorn = usize::from(mishap.call == "open" && mishap.fault.is_late());
            assert_eq!(kept.len(), 1 + usize::from(has(&scene.other)) + forlorn, "{mishap:?}");
            if has(&scene.other) {
                scene.world.works(&scene.other).await;
            } else {
                assert_eq!(scene.world.refresh(&scene.other).await.unwrap_err().status(), 401);
                // The attempt has made up for what was left undone.
                scene.world.is_over(&scene.other, &format!("{mishap:?}")).await;
            }
            scene.world.works(&scene.tokens).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_whose_store_fails_can_be_tried_again_with_the_same_token() {
    with_every_mishap(
        SessionConfig::new(),
        &["check", "rotate"],
        nothing,
        async |scene| scene.world.refresh(&scene.tokens).await,
        async |scene, mishap| {
            scene.world.clock.advance(9 * SECOND);
            let next = scene.world.works(&scene.tokens).await;
            let raised = scene.world.events.take();
            let has_happened = mishap.call == "rotate" && mishap.fault.is_late();
            let reason = has_happened.then_some("in_grace");
            assert_eq!((raised[0].kind, raised[0].reason), (EventKind::Refreshed, reason), "{mishap:?}");
            scene.world.clock.advance(HOUR);
            let _ = scene.world.refresh(&next).await.unwrap();
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_whose_store_fails_opens_nothing_and_can_be_tried_again() {
    for by_refresh_token in [false, true] {
        let token = |scene: &Scene| {
            if by_refresh_token { &scene.tokens.refresh } else { &scene.tokens.access }.clone()
        };
        with_every_mishap(
            SessionConfig::new(),
            &["find_session", "revoke", "end"],
            nothing,
            async |scene| scene.world.auth.logout(&token(scene), &ClientInfo::unknown()).await,
            async |scene, mishap| {
                // That its session could not be found keeps nobody from revoking it.
                let revoked = mishap.call != "revoke" || mishap.fault.is_late();
                assert_eq!(scene.world.enter(&scene.tokens).await.is_err(), revoked, "{mishap:?}");
                scene.world.auth.logout(&token(scene), &ClientInfo::unknown()).await.unwrap();
                scene.world.is_over(&scene.tokens, &format!("{mishap:?}")).await;
                scene.world.works(&scene.other).await;
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_logout_everywhere_whose_store_fails_can_be_tried_again() {
    with_every_mishap(
        SessionConfig::new(),
        &["raise_epoch", "end_all", "epoch"],
        nothing,
        async |scene| scene.world.auth.logout_all("alice", &ClientInfo::unknown()).await,
        async |scene, mishap| {
            let raised = mishap.call != "raise_epoch" || mishap.fault.is_late();
            assert_eq!(scene.world.enter(&scene.tokens).await.is_err(), raised, "{mishap:?}");
            scene.world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
            for tokens in [&scene.tokens, &scene.other] {
                scene.world.is_over(tokens, &format!("{mishap:?}")).await;
            }
            assert_eq!(scene.world.auth.sessions("alice").await.unwrap(), []);
            let pair = scene.world.log_in("alice").await;
            scene.world.works(&pair).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_of_the_others_whose_store_fails_can_be_tried_again() {
    with_every_mishap(
        SessionConfig::new(),
        &["list_sessions", "revoke", "end_all"],
        nothing,
        async |scene| {
            let current =
                scene.world.auth.verify_signature_and_claims(&scene.tokens.access, Purpose::Access).unwrap();
            scene.world.auth.logout_others(&current, &ClientInfo::unknown()).await
        },
        async |scene, mishap| {
            let current =
                scene.world.auth.verify_signature_and_claims(&scene.tokens.access, Purpose::Access).unwrap();
            scene.world.auth.logout_others(&current, &ClientInfo::unknown()).await.unwrap();
            scene.world.is_over(&scene.other, &format!("{mishap:?}")).await;
            scene.world.works(&scene.tokens).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_a_session_whose_store_fails_can_be_tried_again() {
    with_every_mishap(
        SessionConfig::new(),
        &["find_session", "revoke", "end"],
        nothing,
        async |scene| {
            let id = scene.world.session_of(&scene.tokens);
            scene.world.auth.revoke_session("alice", &id, &ClientInfo::unknown()).await
        },
        async |scene, mishap| {
            let id = scene.world.session_of(&scene.tokens);
            let left = !(mishap.call == "end" && mishap.fault.is_late());
            assert_eq!(
                scene.world.auth.revoke_session("alice", &id, &ClientInfo::unknown()).await,
                Ok(left),
                "{mishap:?}"
            );
            scene.world.is_over(&scene.tokens, &format!("{mishap:?}")).await;
            scene.world.works(&scene.other).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_theft_whose_revocation_fails_is_made_up_for_at_the_next_attempt() {
    with_every_mishap(
        SessionConfig::new(),
        &["check", "rotate", "revoke"],
        async |scene| {
            scene.world.refresh(&scene.tokens).await.unwrap();
            scene.world.clock.advance(10 * SECOND);
        },
        // A theft is a refusal; what is looked for here is the one that is none.
        async |scene| match scene.world.refresh(&scene.tokens).await {
            Err(Rejection::InvalidToken(InvalidToken::Reused)) => Ok(()),
            other => Err(other.unwrap_err()),
        },
        async |scene, mishap| {
            assert!(scene.world.refresh(&scene.tokens).await.is_err(), "{mishap:?}");
            scene.world.is_over(&scene.tokens, &format!("{mishap:?}")).await;
            assert_eq!(scene.world.auth.sessions("alice").await.unwrap().len(), 1, "{mishap:?}");
            scene.world.works(&scene.other).await;
        },
    )
    .await;
}

/// Told of when it is noticed, not when its revocation has succeeded at last; and never twice.
#[tokio::test(start_paused = true)]
async fn a_theft_is_told_of_once_whatever_its_revocation_does() {
    for fault in Fault::ALL {
        let scene = Scene::new(SessionConfig::new()).await;
        scene.world.refresh(&scene.tokens).await.unwrap();
        scene.world.clock.advance(10 * SECOND);
        scene.world.events.take();
        scene.store.fault_after(2, fault);
        for _ in 0..3 {
            assert!(scene.world.refresh(&scene.tokens).await.is_err(), "{fault:?}");
        }
        let raised = scene.world.events.take();
        let thefts = raised.iter().filter(|event| event.kind == EventKind::TokenTheft).count();
        assert_eq!(thefts, 1, "{fault:?}: {raised:?}");
    }
}

/// A session does not outlive its user's account, also if the store is down when that is noticed.
#[tokio::test(start_paused = true)]
async fn the_session_of_an_inactive_user_ends_at_a_later_attempt() {
    with_every_mishap(
        SessionConfig::new(),
        &["check", "find_session", "revoke", "end"],
        async |scene| scene.world.users.change("alice", |alice| alice.active = false),
        async |scene| match scene.world.refresh(&scene.tokens).await {
            Err(Rejection::InvalidToken(InvalidToken::InactiveUser)) => Ok(()),
            other => Err(other.unwrap_err()),
        },
        async |scene, mishap| {
            let _ = scene.world.refresh(&scene.tokens).await;
            scene.world.users.change("alice", |alice| alice.active = true);
            scene.world.is_over(&scene.tokens, &format!("{mishap:?}")).await;
            scene.world.works(&scene.other).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_guarded_request_whose_store_fails_is_503_and_never_a_pass() {
    for entrance in ["check", "check_current", "check_optional"] {
        with_every_mishap(
            SessionConfig::new(),
            &["check"],
            nothing,
            async |scene| {
                let auth = &scene.world.auth;
                let presented = auth.read(&get("/").bearer(&scene.tokens.access));
                match entrance {
                    "check" => auth.check(presented, &Requirement::user()).await.map(drop),
                    "check_current" => auth.check_current(presented).await.map(drop),
                    _ => auth.check_optional(presented).await.map(drop),
                }
            },
            async |scene, _| {
                scene.world.works(&scene.tokens).await;
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_only_read_or_revoked_fails_in_the_same_way() {
    with_every_mishap(
        SessionConfig::new(),
        &["list_sessions"],
        nothing,
        async |scene| scene.world.auth.sessions("alice").await,
        async |scene, _| assert_eq!(scene.world.auth.sessions("alice").await.unwrap().len(), 2),
    )
    .await;
    with_every_mishap(
        SessionConfig::new(),
        &["revoke", "end_all"],
        nothing,
        async |scene| scene.world.auth.revoke("alice", &[RevocationTarget::Subject]).await,
        async |scene, mishap| {
            scene.world.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
            scene.world.is_over(&scene.tokens, &format!("{mishap:?}")).await;
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_store_timeout_is_exact() {
    let limit = 7 * SECOND;
    let store = FaultyStore::default();
    let world = World::without_store(|builder| {
        builder.session_store(store.clone()).revocation_store(store.clone()).store_timeout(limit)
    });
    let tokens = world.log_in("alice").await;
    store.fault_after(0, Fault::Hangs);
    let began = tokio::time::Instant::now();
    assert_eq!(world.enter(&tokens).await, Err(Rejection::Unavailable(Unavailable::StoreTimeout)));
    assert_eq!(began.elapsed(), limit);
}

/// Sessions in one engine, revocations in another, and the first is down when somebody logs out.
/// The user is told so, and never tries again: what the second one knows must last as long as the
/// refresh token.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_ended_stays_revoked_for_as_long_as_its_refresh_token() {
    for (name, call) in [("logout", 2), ("revoke_session", 2), ("logout_others", 2)] {
        for fault in [Fault::Fails, Fault::Hangs] {
            let scene = Scene::new(SessionConfig::new()).await;
            let auth = &scene.world.auth;
            let id = scene.world.session_of(&scene.tokens);
            let other = auth.verify_signature_and_claims(&scene.other.access, Purpose::Access).unwrap();
            scene.store.calls();
            scene.store.fault_after(call, fault);
            let outcome = match name {
                "logout" => auth.logout(&scene.tokens.access, &ClientInfo::unknown()).await,
                "revoke_session" => auth.revoke_session("alice", &id, &ClientInfo::unknown()).await.map(drop),
                _ => auth.logout_others(&other, &ClientInfo::unknown()).await.map(drop),
            };
            assert_eq!(outcome, Err(Rejection::Unavailable(outcome_of(fault).0)), "{name}");
            assert!(scene.store.calls()[call].starts_with("end"), "{name}");
            for _ in 0..6 {
                scene.world.clock.advance(24 * HOUR);
                let refused = scene.world.refresh(&scene.tokens).await.unwrap_err();
                assert_eq!(refused, Rejection::InvalidToken(InvalidToken::Revoked), "{name}");
            }
            // The positive beside the negative: a refresh token of that age is good.
            scene.world.refresh(&scene.other).await.unwrap();
        }
    }
}

/// A backend that mixes sessions up must not make one user out of another.
#[tokio::test]
async fn a_session_of_somebody_else_is_no_session() {
    let (world, store) = faulty_world(SessionConfig::new());
    let [alice, bob] = [world.log_in("alice").await, world.log_in("bob").await];
    store.mix_up("bob");
    let refused = world.refresh(&alice).await.unwrap_err();
    assert_eq!(refused, Rejection::Unavailable(Unavailable::Store));
    assert!(world.refresh(&bob).await.is_ok());
}

// ------------------------------------------------------------------------------------------------
// one thing between the steps of another

/// Runs `first` up to each of its store calls, then all of `second`, then the rest of `first`:
/// every order in which two requests can meet. What it gives is how often it was done.
async fn interleaved<A, B>(
    first: impl AsyncFn(&Scene) -> A,
    second: impl AsyncFn(&Scene) -> B,
    afterwards: impl AsyncFn(&Scene, A, B, &[&'static str]),
) -> usize {
    let mut steps = 0;
    loop {
        let scene = Scene::new(SessionConfig::new()).await;
        scene.store.calls();
        scene.store.pause();
        let (outcome, meanwhile, before, is_last) = {
            let mut running = pin!(first(&scene));
            let mut polled = (0..steps).map(|_| poll_once(running.as_mut()));
            let done = polled.find_map(|poll| if let Poll::Ready(done) = poll { Some(done) } else { None });
            let before = scene.store.calls();
            let meanwhile = second(&scene).await;
            match done {
                Some(outcome) => (outcome, meanwhile, before, true),
                None => (running.await, meanwhile, before, false),
            }
        };
        afterwards(&scene, outcome, meanwhile, &before).await;
        if is_last {
            return steps;
        }
        steps += 1;
    }
}

#[tokio::test]
async fn a_refresh_that_meets_a_logout_leaves_nothing_that_works() {
    let logout =
        async |scene: &Scene| scene.world.auth.logout(&scene.tokens.access, &ClientInfo::unknown()).await;
    let refresh = async |scene: &Scene| scene.world.refresh(&scene.tokens).await;
    let over = async |scene: &Scene, next: Result<Tokens, Rejection>| {
        if let Ok(next) = next {
            scene.world.is_over(&next, "what the refresh gave").await;
        }
        scene.world.is_over(&scene.tokens, "what was there before").await;
        scene.world.works(&scene.other).await;
    };
    let times = interleaved(refresh, logout, async |scene, next, ended, _| {
        ended.unwrap();
        over(scene, next).await;
    })
    .await;
    assert!(times >= 3, "{times}");
    let times = interleaved(logout, refresh, async |scene, ended, next, _| {
        ended.unwrap();
        over(scene, next).await;
    })
    .await;
    assert!(times >= 3, "{times}");
}

#[tokio::test]
async fn a_login_that_meets_a_logout_everywhere_is_good_only_if_it_came_later() {
    let login = async |scene: &Scene| scene.world.log_in("alice").await;
    let everywhere = async |scene: &Scene| scene.world.auth.logout_all("alice", &ClientInfo::unknown()).await;
    let mut fates = [0, 0];
    let seen = Mutex::new(&mut fates);
    interleaved(login, everywhere, async |scene, tokens, ended, before| {
        ended.unwrap();
        // Once the session is to be opened, the epoch was read.
        if before.contains(&"open") {
            scene.world.is_over(&tokens, "issued before the epoch was raised").await;
            seen.lock().unwrap()[0] += 1;
        } else {
            scene.world.works(&tokens).await;
            seen.lock().unwrap()[1] += 1;
        }
        scene.world.is_over(&scene.tokens, "issued long before").await;
    })
    .await;
    interleaved(everywhere, login, async |scene, ended, tokens, before| {
        ended.unwrap();
        // Whether it works depends on who came first; a half of it never does.
        if scene.world.enter(&tokens).await.is_err() {
            scene.world.is_over(&tokens, "issued before the epoch was raised").await;
        } else if before.is_empty() {
            panic!("it was issued before anything was raised");
        }
        scene.world.is_over(&scene.tokens, "issued long before").await;
    })
    .await;
    assert!(fates.iter().all(|fate| *fate > 0), "{fates:?}");
}

#[tokio::test]
async fn a_refresh_that_meets_a_logout_everywhere_leaves_nothing_that_works() {
    let refresh = async |scene: &Scene| scene.world.refresh(&scene.tokens).await;
    let everywhere = async |scene: &Scene| scene.world.auth.logout_all("alice", &ClientInfo::unknown()).await;
    let over = async |scene: &Scene, next: Result<Tokens, Rejection>| {
        if let Ok(next) = next {
            scene.world.is_over(&next, "what the refresh gave").await;
        }
        for tokens in [&scene.tokens, &scene.other] {
            scene.world.is_over(tokens, "what was there before").await;
        }
        assert_eq!(scene.world.auth.sessions("alice").await.unwrap(), []);
    };
    interleaved(refresh, everywhere, async |scene, next, ended, _| {
        ended.unwrap();
        over(scene, next).await;
    })
    .await;
    interleaved(everywhere, refresh, async |scene, ended, next, _| {
        ended.unwrap();
        over(scene, next).await;
    })
    .await;
}

/// Somebody logs in while the owner throws everybody else out.
#[tokio::test]
async fn a_logout_of_the_others_also_ends_who_came_meanwhile() {
    let others = async |scene: &Scene| {
        let current =
            scene.world.auth.verify_signature_and_claims(&scene.tokens.access, Purpose::Access).unwrap();
        scene.world.auth.logout_others(&current, &ClientInfo::unknown()).await
    };
    let login = async |scene: &Scene| scene.world.log_in("alice").await;
    let ended_late = Mutex::new(0);
    interleaved(others, login, async |scene, count, tokens, _| {
        let live = scene.world.auth.sessions("alice").await.unwrap();
        let survives = live.iter().any(|session| session.id == scene.world.session_of(&tokens));
        assert_eq!(count.unwrap() + usize::from(survives), 2);
        if survives {
            scene.world.works(&tokens).await;
        } else {
            scene.world.is_over(&tokens, "it came before the end").await;
            *ended_late.lock().unwrap() += 1;
        }
        scene.world.is_over(&scene.other, "one of the others").await;
        scene.world.works(&scene.tokens).await;
    })
    .await;
    assert_eq!(ended_late.into_inner().unwrap(), 4);
}

/// Two tabs end the same session: both may say so, the audit trail says it once.
#[tokio::test]
async fn a_session_that_is_ended_twice_at_once_is_told_of_once() {
    let end = async |scene: &Scene| {
        let id = scene.world.session_of(&scene.tokens);
        scene.world.auth.revoke_session("alice", &id, &ClientInfo::unknown()).await.unwrap()
    };
    interleaved(end, end, async |scene, first, second, _| {
        assert!(first || second);
        let raised = scene.world.events.take();
        assert_eq!(raised.iter().filter(|event| event.kind == EventKind::SessionEnded).count(), 1);
        scene.world.is_over(&scene.tokens, "ended").await;
    })
    .await;
}

// ------------------------------------------------------------------------------------------------
// several stores, or not all of them

#[tokio::test]
async fn sessions_and_revocations_can_be_kept_in_two_places() {
    let (sessions, revocations) = (memory_store(), memory_store());
    let world = World::without_store(|builder| {
        builder.session_store(sessions.clone()).revocation_store(revocations.clone())
    });
    let [first, second] = [world.log_in("alice").await, world.log_in("alice").await];
    assert_eq!((sessions.sizes().sessions, revocations.sizes().sessions), (2, 0));
    let first = world.works(&first).await;
    world.auth.logout(&first.access, &ClientInfo::unknown()).await.unwrap();
    world.is_over(&first, "logged out").await;
    let second = world.works(&second).await;
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    world.is_over(&second, "logged out everywhere").await;
    assert_eq!(sessions.sizes().revocations, 0);
    assert!(revocations.sizes().revocations > 0);
}

/// A later call puts one of them elsewhere.
#[tokio::test]
async fn one_kind_can_be_taken_out_of_a_store_for_all() {
    let (all, sessions) = (memory_store(), memory_store());
    let world = World::without_store(|builder| builder.store(all.clone()).session_store(sessions.clone()));
    let tokens = world.log_in("alice").await;
    assert_eq!((all.sizes().sessions, sessions.sizes().sessions), (0, 1));
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!((all.sizes().revocations > 0, sessions.sizes().revocations), (true, 0));
}

#[tokio::test]
async fn without_sessions_a_logout_ends_what_was_issued_under_one_name() {
    let world = World::without_store(|builder| builder.danger_stateless().revocation_store(memory_store()));
    let other = world.log_in("alice").await;
    for by_refresh_token in [false, true] {
        let tokens = world.log_in("alice").await;
        let next = world.works(&tokens).await;
        assert_eq!(world.session_of(&next), world.session_of(&tokens), "a refresh keeps the name");
        world.works(&tokens).await;
        world
            .auth
            .logout(if by_refresh_token { &tokens.refresh } else { &tokens.access }, &ClientInfo::unknown())
            .await
            .unwrap();
        world.is_over(&tokens, "the token itself").await;
        world.is_over(&next, "what was issued for it").await;
    }
    world.works(&other).await;
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    world.is_over(&other, "everything").await;
    let current = world.log_in("alice").await;
    let current = world.auth.verify_signature_and_claims(&current.access, Purpose::Access).unwrap();
    for refused in [
        world.auth.sessions("alice").await.map(drop),
        world.auth.logout_others(&current, &ClientInfo::unknown()).await.map(drop),
        world
            .auth
            .revoke_session(
                "alice",
                &SessionId::parse(current.session_id().unwrap()).unwrap(),
                &ClientInfo::unknown(),
            )
            .await
            .map(drop),
    ] {
        assert_eq!(refused.unwrap_err().reason(), "no_store");
    }
}

#[tokio::test]
async fn without_revocation_a_logout_ends_the_session_and_not_its_access_token() {
    let world =
        World::without_store(|builder| builder.session_store(memory_store()).danger_without_revocation());
    let [tokens, other] = [world.log_in("alice").await, world.log_in("alice").await];
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(world.enter(&tokens).await, Ok(()));
    let ended = Rejection::InvalidToken(InvalidToken::SessionEnded);
    assert_eq!(world.refresh(&tokens).await, Err(ended.clone()));
    let other = world.works(&other).await;
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    assert_eq!((world.enter(&other).await, world.refresh(&other).await), (Ok(()), Err(ended)));
    assert_eq!(
        world.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap_err().reason(),
        "no_store"
    );
    // A token outside any session: nothing could be ended.
    let lone = world.access("alice");
    assert_eq!(world.auth.logout(&lone, &ClientInfo::unknown()).await.unwrap_err().reason(), "no_store");
}

#[tokio::test]
async fn without_any_store_nothing_is_ended_and_nobody_is_told_so() {
    let world = World::without_store(fauth_core::AuthProviderBuilder::danger_stateless);
    let tokens = world.log_in("alice").await;
    assert!(
        world
            .auth
            .verify_signature_and_claims(&tokens.access, Purpose::Access)
            .unwrap()
            .session_id()
            .is_none()
    );
    for refused in [
        world.auth.logout(&tokens.access, &ClientInfo::unknown()).await,
        world.auth.logout(&tokens.refresh, &ClientInfo::unknown()).await,
        world.auth.logout_all("alice", &ClientInfo::unknown()).await,
        world.auth.revoke("alice", &[RevocationTarget::TokenId("x")]).await,
    ] {
        assert_eq!(refused.unwrap_err().reason(), "no_store");
    }
    assert!(!world.events.take().iter().any(|event| event.kind == EventKind::LoggedOutEverywhere));
    world.works(&tokens).await;
    world.works(&tokens).await;
}

/// What the user asks for at the login is kept, whichever way the settings are.
#[tokio::test]
async fn a_session_knows_its_login() {
    let world = World::new();
    let request = LoginRequest::for_subject("alice")
        .remember(true)
        .client(ClientInfo::unknown().with_user_agent(&"x".repeat(300)).with_address([192, 0, 2, 7].into()));
    let tokens = world.log_in(request).await;
    let [session] = world.auth.sessions("alice").await.unwrap().try_into().unwrap();
    let Session {
        id,
        owner,
        created_at,
        last_seen_at,
        idle_timeout,
        expires_at,
        remembered,
        client,
        address,
        tokens_end_at,
    } = session;
    let day = 24 * HOUR;
    let now = fauth_testing::ManualClock::START;
    assert_eq!((id, owner), (world.session_of(&tokens), world.auth.owner("alice").into_owned()));
    assert_eq!((created_at, last_seen_at), (now, now));
    assert_eq!((idle_timeout, expires_at.since(now), remembered), (30 * day, 90 * day, true));
    assert_eq!((client.unwrap().len(), address), (256, Some([192, 0, 2, 7].into())));
    assert_eq!(tokens_end_at.since(now), 900 * SECOND);
}

// ------------------------------------------------------------------------------------------------
// what a hostile reading has found

/// A store that answers a replay with another owner must not keep the stolen session's access
/// tokens alive.
#[tokio::test]
async fn a_replay_is_revoked_under_the_owner_of_its_token() {
    let (world, store) = faulty_world(SessionConfig::new().grace(Duration::ZERO));
    let stolen = world.log_in("alice").await;
    let current = world.refresh(&stolen).await.unwrap();
    world.works(&current).await;
    let stolen = world.log_in("alice").await;
    let current = world.refresh(&stolen).await.unwrap();
    store.mix_up("bob");
    let refused = world.refresh(&stolen).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::Reused));
    store.recover();
    world.is_over(&current, "the session of the stolen token").await;
}

/// Nor may it end the session of somebody else.
#[tokio::test]
async fn a_logout_that_finds_the_session_of_somebody_else_is_told_so() {
    let (world, store) = faulty_world(SessionConfig::new());
    let [alice, bob] = [world.log_in("alice").await, world.log_in("bob").await];
    store.mix_up("bob");
    let client = ClientInfo::unknown();
    let id = world.session_of(&alice);
    let refused = Err(Rejection::Unavailable(Unavailable::Store));
    assert_eq!(world.auth.revoke_session("alice", &id, &client).await.map(drop), refused);
    assert_eq!(world.enter(&alice).await, Ok(()));
    assert_eq!(world.auth.logout(&alice.access, &client).await, refused);
    store.recover();
    world.is_over(&alice, "its tokens are revoked all the same").await;
    assert_eq!(world.auth.sessions("bob").await.unwrap().len(), 1);
    world.works(&bob).await;
}

/// Nor another session of the same user, and no refresh goes on in it.
#[tokio::test]
async fn another_session_of_the_same_owner_is_not_taken_for_the_one_that_was_asked_for() {
    let (world, store) = faulty_world(SessionConfig::new());
    let [asked, other] = [world.log_in("alice").await, world.log_in("alice").await];
    store.mix_up_sessions(&world.session_of(&other));
    let client = ClientInfo::unknown();
    let refused = Err(Rejection::Unavailable(Unavailable::Store));
    let id = world.session_of(&asked);
    assert_eq!(world.auth.revoke_session("alice", &id, &client).await.map(drop), refused);
    assert_eq!(world.refresh(&asked).await.map(drop), refused);
    store.recover();
    world.works(&other).await;
    assert_eq!(world.auth.sessions("alice").await.unwrap().len(), 2);
}

/// The store has ended them, so nobody else would revoke their access tokens.
#[tokio::test]
async fn what_a_login_evicts_is_revoked_though_its_client_hangs_up() {
    let (world, store) = faulty_world(SessionConfig::new().limit(1));
    let evicted = world.log_in("alice").await;
    store.pause();
    {
        let mut login = pin!(world.auth.login("alice"));
        while !store.calls().contains(&"revoke") {
            assert!(poll_once(login.as_mut()).is_pending(), "done before it was revoked");
        }
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    store.recover();
    world.is_over(&evicted, "evicted").await;
}

/// What would be issued then is older than the store's memory, and so refused everywhere.
#[tokio::test]
async fn nobody_logs_in_before_the_memory_begins() {
    let begins = fauth_testing::ManualClock::START.checked_add(60 * SECOND).unwrap();
    let store = MemoryStore::builder().remembers_since(begins).build();
    let world = World::with(|builder| builder.store(store.clone()));
    let refused = world.auth.login("alice").await.unwrap_err();
    assert_eq!(refused, Rejection::Unavailable(Unavailable::Store));
    assert_eq!(store.sizes().sessions, 0, "nothing was kept");
    world.clock.advance(60 * SECOND);
    let tokens = world.log_in("alice").await;
    world.works(&tokens).await;
}
