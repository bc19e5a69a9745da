//! The rules that stand once, as functions of the core: the scripts say the same, whatever is
//! asked of them.

use std::sync::atomic::{AtomicU32, Ordering};

use fauth_core::store::{RefreshFamily, RotationDecision, RotationOutcome, SessionStore as _, raised_epoch};
use proptest::{prelude::*, test_runner::TestCaseResult};
use servers::Redis;

use super::*;

/// Which token is presented.
#[derive(Debug, Clone, Copy)]
enum Presented {
    Head,
    Predecessor,
    /// One that was a head before the predecessor was.
    Older,
    Never,
}

/// An attempt at `at` seconds, also before the one before.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    presented: Presented,
    at: i64,
    grace: u64,
    /// How long the new access token lasts.
    lifetime: u64,
    /// Who presents it, if that is known.
    client: Option<u8>,
    bound_to_client: bool,
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let presented = prop_oneof![
        8 => Just(Presented::Head),
        8 => Just(Presented::Predecessor),
        1 => Just(Presented::Older),
        1 => Just(Presented::Never),
    ];
    // Often right at the end of the grace window; also around the idle timeout of 50 s and the
    // absolute end after 120 s.
    let at =
        prop_oneof![6 => prop::sample::select(vec![0_i64, 1, 3, 4, 7]), 2 => 0..60_i64, 1 => -20..130_i64];
    let grace = prop_oneof![1 => Just(0_u64), 4 => Just(3), 1 => 1..60_u64];
    // Mostly one instance and one client.
    let lifetime = prop_oneof![6 => Just(30_u64), 1 => 0..200_u64];
    let client = prop_oneof![8 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(None)];
    let bound_to_client = prop::bool::weighted(0.2);
    let attempt = (presented, at, grace, lifetime, client, bound_to_client).prop_map(
        |(presented, at, grace, lifetime, client, bound_to_client)| Attempt {
            presented,
            at,
            grace,
            lifetime,
            client,
            bound_to_client,
        },
    );
    prop::collection::vec(attempt, 1..25)
}

/// A session as the rule has it.
struct Model {
    session: Session,
    family: RefreshFamily,
    is_ended: bool,
    /// Every head that there was, the first one first.
    heads: Vec<u128>,
}

impl Model {
    fn new(new: &NewSession) -> Self {
        let family = RefreshFamily { head: new.head, last_rotation: None };
        Self { session: new.session.clone(), family, is_ended: false, heads: vec![0] }
    }

    fn name_of(&self, presented: Presented) -> u128 {
        let back = |back| self.heads.iter().rev().nth(back).copied();
        match presented {
            Presented::Head => back(0),
            Presented::Predecessor => back(1),
            Presented::Older => back(2),
            Presented::Never => None,
        }
        .unwrap_or(u128::MAX)
    }

    fn rotate(&mut self, rotation: &Rotation, successor: u128, now: Timestamp) -> RotationOutcome {
        if self.is_ended {
            return RotationOutcome::Ended { tokens_end_at: self.session.tokens_end_at };
        }
        match RotationDecision::of(&self.session, &self.family, rotation, now) {
            RotationDecision::Expired => RotationOutcome::Expired,
            RotationDecision::Rotate { family, last_seen_at, tokens_end_at } => {
                self.family = family;
                self.session.last_seen_at = last_seen_at;
                self.session.tokens_end_at = tokens_end_at;
                self.heads.push(successor);
                RotationOutcome::Rotated(self.session.clone())
            }
            RotationDecision::InGrace { nonce, rotated_at, from_another_client, tokens_end_at } => {
                self.session.tokens_end_at = self.session.tokens_end_at.max(tokens_end_at);
                let session = self.session.clone();
                RotationOutcome::InGrace { session, nonce, rotated_at, from_another_client }
            }
            RotationDecision::End => {
                self.is_ended = true;
                RotationOutcome::Reused(self.session.clone())
            }
        }
    }
}

/// A session of an owner that no other case has.
fn short_login(start: Timestamp) -> NewSession {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut new = login(1);
    new.session.owner = Owner::new("default", "", format!("{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    (new.session.created_at, new.session.last_seen_at) = (start, start);
    new.session.idle_timeout = Duration::from_secs(50);
    new.session.expires_at = start.checked_add(Duration::from_secs(120)).unwrap();
    new.session.tokens_end_at = start.checked_add(Duration::from_secs(30)).unwrap();
    new
}

async fn decides_alike(store: &RedisStore, attempts: Vec<Attempt>) -> TestCaseResult {
    let start = now();
    let new = short_login(start);
    let (owner, mut model) = (new.session.owner.clone(), Model::new(&new));
    store.open(new, start).await.unwrap();
    for (successor, attempt) in (1..).zip(attempts) {
        let present = Timestamp::from_unix_seconds(start.unix_seconds() + attempt.at);
        let mut rotation = exchange(1, model.name_of(attempt.presented), successor);
        rotation.grace = Duration::from_secs(attempt.grace);
        rotation.access_lifetime = Duration::from_secs(attempt.lifetime);
        rotation.fingerprint = attempt.client.map(|client| ClientFingerprint::from_bytes([client; 16]));
        rotation.bound_to_client = attempt.bound_to_client;
        let outcome = store.rotate(&owner, &rotation, present).await.unwrap();
        prop_assert_eq!(outcome, model.rotate(&rotation, successor, present), "{:?}", attempt);
        let is_live = !model.is_ended && !model.session.has_expired(present);
        let listed: Vec<_> = is_live.then(|| model.session.clone()).into_iter().collect();
        prop_assert_eq!(store.find(&owner, &sid(1), present).await.unwrap(), listed.first().cloned());
        prop_assert_eq!(store.list(&owner, present).await.unwrap(), listed);
    }
    Ok(())
}

/// Runs an asynchronous property against one server.
fn hold<T: std::fmt::Debug>(
    cases: u32,
    strategy: &impl Strategy<Value = T>,
    property: &impl AsyncFn(&RedisStore, &Redis, T) -> TestCaseResult,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = Redis::start();
    let store = runtime.block_on(direct(&server.url()));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let result = proptest::test_runner::TestRunner::new(config)
        .run(strategy, |input| runtime.block_on(property(&store, &server, input)));
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn the_script_decides_on_refresh_tokens_as_the_rule_does() {
    hold(100, &attempts(), &async |store, _, attempts| decides_alike(store, attempts).await);
}

/// Below 2^53, from where on the numbers of Redis are not exact and an epoch is refused.
#[test]
fn the_script_raises_epochs_as_the_rule_does() {
    const EXACT: u64 = 1 << 53;
    let before = prop::option::of(prop_oneof![
        0..10_u64,
        1_700_000_000_000..1_900_000_000_000_u64,
        EXACT - 3..EXACT + 3
    ]);
    let seconds =
        prop_oneof![-5..5_i64, 1_700_000_000..1_900_000_000_i64, 9_007_199_254_739..9_007_199_254_742_i64];
    hold(200, &(before, seconds), &async |store, server, (before, seconds)| {
        let key = RevocationTarget::Subject.key(&alice());
        let mut connection = raw(&server.url()).await;
        let mut plant = redis::pipe();
        plant.cmd("ZREM").arg("{fauth:r}:epochs").arg(&*key);
        if let Some(before) = before {
            plant.cmd("ZADD").arg("{fauth:r}:epochs").arg(before).arg(&*key);
        }
        plant.exec_async(&mut connection).await.unwrap();
        let present = Timestamp::from_unix_seconds(seconds);
        let raised = store.raise_epoch(&alice(), present, later(DAY)).await.ok();
        let expected = raised_epoch(before, present).filter(|epoch| *epoch < EXACT);
        prop_assert_eq!(raised, expected);
        Ok(())
    });
}
