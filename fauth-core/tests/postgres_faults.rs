//! PostgreSQL killed, restarted, paused and cut off while it is used: a real server, and nothing
//! mocked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    clock::Timestamp,
    store::{
        NewSession, Nonce, Owner, PostgresStore, RevocationStore, RevocationTarget, Rotation,
        RotationOutcome, SecretHash, Session, SessionId, SessionStore, StoreError, TokenFacts, Verdict,
    },
};
use fauth_testing::ManualClock;
use servers::Postgres;
use sqlx::{PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::task::JoinHandle;

const NOW: Timestamp = ManualClock::START;

/// How long a test waits for what is bound to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a caller waits in these tests.
const BRIEFLY: Duration = Duration::from_millis(500);

fn session_id(number: u64) -> SessionId {
    SessionId::parse(&URL_SAFE_NO_PAD.encode(u128::from(number).to_be_bytes())).unwrap()
}

/// The hash of the refresh token of this session that comes after `step` rotations.
fn hash(session: u64, step: u64) -> SecretHash {
    let mut bytes = [0; 32];
    let (first, rest) = bytes.split_at_mut(8);
    first.copy_from_slice(&session.to_be_bytes());
    rest.split_at_mut(8).0.copy_from_slice(&step.to_be_bytes());
    SecretHash::from_bytes(bytes)
}

fn owner(subject: &str) -> Owner<'_> {
    Owner::new("default", "", subject)
}

fn new_session(number: u64, subject: &str) -> NewSession {
    let session = Session {
        id: session_id(number),
        owner: owner(subject).into_owned(),
        created_at: NOW,
        last_seen_at: NOW,
        idle_timeout: Duration::from_secs(3600),
        expires_at: NOW.checked_add(Duration::from_secs(7200)).unwrap(),
        remembered: false,
        client: None,
        address: None,
        tokens_end_at: NOW,
    };
    NewSession { session, head: hash(number, 0), limit: 1_000_000, payload: None }
}

fn rotation(session: u64, presented: u64, successor: u64) -> Rotation {
    Rotation {
        session: session_id(session),
        presented: hash(session, presented),
        successor: hash(session, successor),
        nonce: Nonce::from_bytes(u128::from(successor).to_be_bytes()),
        grace: Duration::from_secs(10),
        access_lifetime: Duration::from_secs(900),
        fingerprint: None,
        bound_to_client: false,
    }
}

/// One of alice's sessions.
async fn rotate(
    store: &PostgresStore,
    session: u64,
    presented: u64,
    successor: u64,
) -> Result<RotationOutcome, StoreError> {
    store.rotate(&owner("alice"), &rotation(session, presented, successor), NOW).await
}

async fn pool(server: &Postgres, connections: u32) -> PgPool {
    let options = PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(5));
    options.connect(&server.url()).await.unwrap()
}

async fn store(server: &Postgres) -> PostgresStore {
    let store = PostgresStore::new(pool(server, 4).await).clock(ManualClock::new());
    store.migrate().await.unwrap();
    store
}

/// Asks until the store answers, as users do who try again.
async fn until_it_answers<T, E>(ask: impl AsyncFn() -> Result<T, E>) -> T {
    let trying = async {
        loop {
            if let Ok(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying).await.unwrap()
}

/// What a user at work knows to be true.
struct Confirmed {
    session: u64,
    /// The rotations that were confirmed.
    step: u64,
}

/// Opens a session, rotates it some times, and begins anew, until told to stop. Each rotation that
/// fails is tried again, like a client does.
async fn work(store: PostgresStore, next: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> (Vec<Confirmed>, u64) {
    let mut confirmed = Vec::new();
    let mut failures = 0;
    while !stop.load(Ordering::SeqCst) {
        let session = next.fetch_add(1, Ordering::SeqCst);
        if store.open(new_session(session, "alice"), NOW).await.is_err() {
            // Nobody was told of this session: it may be there or not.
            failures += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        confirmed.push(Confirmed { session, step: 0 });
        for step in 1..5 {
            let mut failed = false;
            loop {
                match rotate(&store, session, step - 1, step).await {
                    Ok(RotationOutcome::Rotated(_)) => break,
                    // The first attempt had come through, and its answer was lost.
                    Ok(RotationOutcome::InGrace { nonce, .. }) if failed => {
                        assert_eq!(nonce, rotation(session, step - 1, step).nonce);
                        break;
                    }
                    Ok(other) => panic!("session {session}, step {step}, failed before: {failed}: {other:?}"),
                    Err(_) if stop.load(Ordering::SeqCst) => return (confirmed, failures),
                    Err(_) => {
                        failed = true;
                        failures += 1;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
            confirmed.last_mut().unwrap().step = step;
        }
    }
    (confirmed, failures)
}

/// Every session that was confirmed is live, its last confirmed token is good for one rotation,
/// and the one before is good for nothing new.
async fn all_is_kept(store: &PostgresStore, confirmed: &[Confirmed]) {
    let live: std::collections::HashSet<_> =
        store.list(&owner("alice"), NOW).await.unwrap().into_iter().map(|session| session.id).collect();
    for Confirmed { session, step } in confirmed {
        assert!(live.contains(&session_id(*session)), "session {session} was confirmed and is gone");
        // The worker may have been stopped in the middle of one more rotation, whose answer nobody
        // saw.
        match rotate(store, *session, *step, step + 1).await.unwrap() {
            RotationOutcome::Rotated(_) | RotationOutcome::InGrace { .. } => {}
            other => panic!("session {session} at step {step}: {other:?}"),
        }
        let again = rotate(store, *session, *step, step + 2).await.unwrap();
        assert!(matches!(again, RotationOutcome::InGrace { .. }), "accepted twice: {again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_run_it_loses_nothing_that_was_confirmed() {
    let mut server = Postgres::start();
    let store = store(&server).await;
    let (next, stop) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> =
        (0..4).map(|_| tokio::spawn(work(store.clone(), next.clone(), stop.clone()))).collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    // The same store, and the same pool, work on.
    let opened = next.load(Ordering::SeqCst);
    let working_on = async {
        while next.load(Ordering::SeqCst) < opened + 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, working_on).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let (mut confirmed, mut failures) = (Vec::new(), 0);
    for worker in workers {
        let (more, failed) = worker.await.unwrap();
        confirmed.extend(more);
        failures += failed;
    }
    assert!(confirmed.len() > 20 && failures > 0, "{} sessions, {failures} failures", confirmed.len());
    all_is_kept(&store, &confirmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_down_nothing_is_judged_and_afterwards_everything_again() {
    let mut server = Postgres::start();
    let store = store(&server).await;
    let alice = owner("alice");
    let judge = async |jti: &'static str| {
        let targets = &[RevocationTarget::TokenId(jti)];
        let token = TokenFacts { owner: owner("alice"), targets, epoch: 0, issued_at: NOW };
        store.check(&token, NOW).await
    };
    let until = NOW.checked_add(Duration::from_secs(900)).unwrap();
    store.revoke(&alice, &[RevocationTarget::TokenId("stolen")], None, NOW, until).await.unwrap();
    assert_eq!(judge("stolen").await.unwrap(), Verdict::Revoked);
    assert_eq!(judge("good").await.unwrap(), Verdict::Good);

    server.kill();
    for jti in ["stolen", "good"] {
        let answer = tokio::time::timeout(PATIENCE, judge(jti)).await.unwrap();
        assert!(answer.is_err(), "{answer:?}");
    }
    assert!(rotate(&store, 1, 0, 1).await.is_err(), "not reachable is not unknown");

    server.restart();
    let verdict = until_it_answers(async || judge("stolen").await).await;
    assert_eq!(verdict, Verdict::Revoked);
    assert_eq!(judge("good").await.unwrap(), Verdict::Good, "it remembers as before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_while_rotating_leads_to_the_same_successor() {
    let server = Postgres::start();
    let (store, other) = (store(&server).await, pool(&server, 2).await);
    let (mut lost, mut unharmed) = (0, 0);
    for session in 1..=60_u64 {
        store.open(new_session(session, "alice"), NOW).await.unwrap();
        // The table is locked for every third, so that its rotation is certainly not over yet.
        let is_held = session % 3 == 0;
        let mut cutting = other.begin().await.unwrap();
        if is_held {
            sqlx::query("LOCK TABLE fauth_sessions IN EXCLUSIVE MODE").execute(&mut *cutting).await.unwrap();
        }
        let begin = || {
            let store = store.clone();
            tokio::spawn(async move { rotate(&store, session, 0, 1).await })
        };
        let mut rotating = begin();
        if is_held {
            // The pool may have given it a connection that was cut before.
            while !waits_for_a_lock(&rotating, &mut cutting).await {
                rotating = begin();
            }
        } else {
            // Later and later, so that it is cut at every place.
            tokio::time::sleep(Duration::from_micros(session * 50)).await;
        }
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        sqlx::query(cut).execute(&mut *cutting).await.unwrap();
        cutting.rollback().await.unwrap();
        let first = rotating.await.unwrap();
        assert!(!is_held || first.is_err(), "it was cut while it waited: {first:?}");

        // The client tries again with the token that it has, and a successor of its own is made
        // for the case that the first attempt has not come through.
        let second = until_it_answers(async || rotate(&store, session, 0, 2).await).await;
        match (&first, second) {
            (Ok(RotationOutcome::Rotated(_)), RotationOutcome::InGrace { nonce, .. }) => {
                unharmed += 1;
                assert_eq!(nonce, rotation(session, 0, 1).nonce, "the successor that was confirmed");
            }
            (Err(_), RotationOutcome::Rotated(_)) => lost += 1,
            // It had come through, only the answer was cut: or the second attempt was repeated.
            (Err(_), RotationOutcome::InGrace { nonce, .. }) => {
                lost += 1;
                assert!([1, 2].map(|step| rotation(session, 0, step).nonce).contains(&nonce));
            }
            (first, second) => panic!("{first:?}, then {second:?}"),
        }
        // Whatever happened, there is one successor, and it stays.
        let RotationOutcome::InGrace { nonce, .. } = rotate(&store, session, 0, 3).await.unwrap() else {
            panic!("session {session} has no head")
        };
        let head = if nonce == rotation(session, 0, 1).nonce { 1 } else { 2 };
        let onwards = rotate(&store, session, head, 4).await.unwrap();
        assert!(matches!(onwards, RotationOutcome::Rotated(_)), "{onwards:?}");
    }
    assert!(lost >= 20, "{lost} were cut while rotating, {unharmed} came through");
}

/// Whether it is still going on when somebody waits for a lock.
async fn waits_for_a_lock<T>(rotating: &JoinHandle<T>, connection: &mut PgConnection) -> bool {
    // Not `pg_stat_activity`, of which a transaction sees one snapshot.
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    let looking = async {
        while !rotating.is_finished() {
            if sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *connection).await.unwrap() > 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        false
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_that_rotate_the_same_token_agree() {
    let server = Postgres::start();
    // Two pools, as two processes have them.
    let instances = [store(&server).await, store(&server).await];
    for session in 1..=100 {
        instances[0].open(new_session(session, "alice"), NOW).await.unwrap();
        let calls: Vec<_> = (1..=8_u64)
            .map(|successor| {
                let store = instances[usize::from(successor % 2 == 0)].clone();
                tokio::spawn(async move { (successor, rotate(&store, session, 0, successor).await) })
            })
            .collect();
        let (mut winners, mut seen) = (Vec::new(), Vec::new());
        for call in calls {
            match call.await.unwrap() {
                (successor, Ok(RotationOutcome::Rotated(_))) => winners.push(successor),
                (_, Ok(RotationOutcome::InGrace { nonce, .. })) => seen.push(nonce),
                (_, other) => panic!("{other:?}"),
            }
        }
        let [winner] = winners.try_into().unwrap();
        assert_eq!(seen, [rotation(session, 0, winner).nonce; 7]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_keeps_nobody_longer_than_they_want() {
    let server = Postgres::start();
    let store = store(&server).await;
    for session in 1..=20 {
        store.open(new_session(session, "alice"), NOW).await.unwrap();
    }
    server.pause();
    for session in 1..=20 {
        let call = rotate(&store, session, 0, 1);
        assert!(tokio::time::timeout(BRIEFLY / 10, call).await.is_err(), "it hangs");
    }
    let opening = tokio::time::timeout(BRIEFLY, store.open(new_session(100, "bob"), NOW)).await;
    assert!(opening.is_err(), "it hangs");
    server.resume();

    // What was given up has happened as a whole or not at all, and holds no lock.
    for session in 1..=20 {
        match until_it_answers(async || rotate(&store, session, 0, 2).await).await {
            RotationOutcome::Rotated(_) | RotationOutcome::InGrace { .. } => {}
            other => panic!("{other:?}"),
        }
        let again = rotate(&store, session, 0, 3).await.unwrap();
        let RotationOutcome::InGrace { nonce, .. } = again else { panic!("{again:?}") };
        assert!([1, 2].map(|step| rotation(session, 0, step).nonce).contains(&nonce));
    }
    // The owner's lock is free as well.
    let opened = tokio::time::timeout(PATIENCE, store.open(new_session(101, "bob"), NOW)).await.unwrap();
    assert_eq!(opened.unwrap(), []);
    // And no connection is in a transaction that somebody has given up.
    let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    let none_is_left = async || {
        let (count,): (i64,) = sqlx::query_as(idle).fetch_one(&pool(&server, 1).await).await.unwrap();
        if count == 0 { Ok(()) } else { Err(count) }
    };
    until_it_answers(none_is_left).await;
}
