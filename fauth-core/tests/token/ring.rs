//! Key rings: who signs when, who verifies until when, and rotation under load.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use fauth_core::{
    AuthConfig, Purpose, TokenRequest,
    clock::{Clock as _, Timestamp},
    routes::Endpoint,
    token::{Algorithm, Key, KeyError, KeyRing, KeyRingError, Rotation, TokenError},
};
use fauth_testing::{ManualClock, SECRET, Users, at_once};

use super::{
    asymmetric::{private, public},
    support::Auth,
};

const MINUTES: Duration = Duration::from_secs(60);

/// A new key: PKCS #8 around 32 random bytes.
fn new_key() -> Key {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    der.extend(seed);
    Key::from_der(Algorithm::EdDSA, &der).unwrap()
}

fn id(key: &Key) -> String {
    key.id().unwrap().to_owned()
}

struct Service {
    ring: KeyRing,
    clock: ManualClock,
    auth: Auth,
}

impl Service {
    fn new(key: Key) -> Self {
        let clock = ManualClock::new();
        let ring = KeyRing::with_clock(key, clock.clone()).unwrap();
        Self::of(ring, clock)
    }

    fn of(ring: KeyRing, clock: ManualClock) -> Self {
        let config = AuthConfig::builder().application("default").secret(SECRET).key_ring(ring.clone());
        let builder = fauth_testing::provider_with(config.build().unwrap(), &Users::new());
        let auth = builder.clock(clock.clone()).build().unwrap();
        Self { ring, clock, auth }
    }

    fn issue(&self, purpose: Purpose) -> String {
        let issued = at_once(self.auth.issue(purpose, TokenRequest::for_subject("alice"))).unwrap();
        issued.expose().to_owned()
    }

    fn verdict(&self, token: &str, purpose: Purpose) -> Result<(), TokenError> {
        self.auth.verify_signature_and_claims(token, purpose).map(drop)
    }

    fn signing(&self) -> String {
        self.ring.signing_id().unwrap().unwrap()
    }
}

#[test]
fn a_key_is_published_then_signs_then_retires() {
    let (old, new) = (private(Algorithm::ES256), new_key());
    let service = Service::new(old.clone());
    let before = service.issue(Purpose::Refresh);
    let rotation = Rotation::after(10 * MINUTES).retire_old_after(60 * MINUTES);
    service.ring.rotate(new.clone(), rotation).unwrap();
    assert_eq!(service.ring.ids().unwrap(), [id(&old), id(&new)]);
    assert_eq!(service.signing(), id(&old));

    service.clock.advance(Duration::from_secs(10 * 60 - 1));
    assert_eq!(service.signing(), id(&old));
    service.clock.advance(Duration::from_secs(1));
    assert_eq!(service.signing(), id(&new));
    let after = service.issue(Purpose::Refresh);
    for token in [&before, &after] {
        assert_eq!(service.verdict(token, Purpose::Refresh), Ok(()));
        assert!(service.verdict(token, Purpose::Access).is_err());
    }

    service.clock.advance(Duration::from_secs(60 * 60 - 1));
    assert_eq!(service.verdict(&before, Purpose::Refresh), Ok(()));
    service.clock.advance(Duration::from_secs(1));
    assert_eq!(service.verdict(&before, Purpose::Refresh), Err(TokenError::UnknownKey));
    assert_eq!(service.verdict(&after, Purpose::Refresh), Ok(()));
    assert_eq!(service.ring.ids().unwrap(), [id(&new)]);
}

/// Unless told otherwise, no token is refused before it expires.
#[test]
fn an_old_key_verifies_as_long_as_its_tokens_live() {
    let service = Service::new(private(Algorithm::ES256));
    service.ring.rotate(new_key(), Rotation::after(10 * MINUTES)).unwrap();
    service.clock.advance(Duration::from_secs(10 * 60 - 1));
    let last = service.issue(Purpose::Refresh);
    // A second before it expires, a week later.
    service.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    assert_eq!(service.verdict(&last, Purpose::Refresh), Ok(()));
}

/// The table of which every instance builds its ring: a key that signs from the beginning, one that
/// follows, and one that verifies for some time.
struct Table {
    first: Key,
    next: Key,
    former: Key,
    rotation: Rotation,
}

impl Table {
    const SIGNS_AFTER: Duration = Duration::from_secs(600);
    const FORMER_UNTIL: Duration = Duration::from_secs(900);

    fn new(change: impl FnOnce(Rotation) -> Rotation) -> Self {
        let start = ManualClock::START;
        let signs = start.checked_add(Self::SIGNS_AFTER).unwrap();
        Self {
            first: private(Algorithm::ES256),
            next: new_key(),
            former: new_key(),
            rotation: change(Rotation::at(signs).published_at(start)),
        }
    }

    /// An instance that starts so long after the key was published.
    fn instance_after(&self, span: Duration) -> Service {
        let clock = ManualClock::new();
        clock.advance(span);
        let ring = KeyRing::with_clock(self.first.clone(), clock.clone()).unwrap();
        let until = ManualClock::START.checked_add(Self::FORMER_UNTIL).unwrap();
        ring.add_verification_key_until(public(&self.former), until).unwrap();
        ring.rotate(self.next.clone(), self.rotation).unwrap();
        Service::of(ring, clock)
    }

    /// Goes through all times with an instance that was there from the beginning and one that has
    /// just started: each accepts and refuses what the other does.
    fn check(&self, times: &[u64]) {
        let (former, old) = (Service::new(self.former.clone()), Service::new(self.first.clone()));
        let always_there = self.instance_after(Duration::ZERO);
        let mut past = Duration::ZERO;
        for time in times.iter().copied().map(Duration::from_secs) {
            for clock in [&former.clock, &old.clock, &always_there.clock] {
                clock.advance(time.saturating_sub(past));
            }
            past = time;
            let started = self.instance_after(time);
            assert_eq!(started.signing(), always_there.signing(), "{time:?}");
            assert_eq!(started.ring.ids(), always_there.ring.ids(), "{time:?}");
            for from in [&former, &old, &always_there, &started] {
                let token = from.issue(Purpose::Refresh);
                let verdict = always_there.verdict(&token, Purpose::Refresh);
                assert_eq!(started.verdict(&token, Purpose::Refresh), verdict, "{time:?}");
            }
            let next_signs = time >= Self::SIGNS_AFTER;
            assert_eq!(started.signing(), id(if next_signs { &self.next } else { &self.first }));
            let is_there = |key: &Key| started.ring.ids().unwrap().contains(&id(key));
            assert_eq!(is_there(&self.former), time < Self::FORMER_UNTIL, "{time:?}");
            assert!(is_there(&self.next), "{time:?}");
        }
    }
}

#[test]
fn an_instance_that_starts_during_or_after_a_rotation_is_as_all_others() {
    let table = Table::new(|rotation| rotation.retire_old_after(30 * MINUTES));
    table.check(&[1, 599, 600, 601, 899, 900, 2399, 2400, 100_000]);
    assert!(table.instance_after(39 * MINUTES).ring.ids().unwrap().contains(&id(&table.first)));
    assert!(!table.instance_after(40 * MINUTES).ring.ids().unwrap().contains(&id(&table.first)));
    let retires = ManualClock::START.checked_add(40 * MINUTES).unwrap();
    Table::new(|rotation| rotation.retire_old_at(retires)).check(&[1, 600, 2399, 2400, 100_000]);
}

/// The ring is built before the configuration that says how long tokens live.
#[test]
fn an_old_key_retires_with_its_tokens_wherever_the_ring_was_built() {
    let table = Table::new(|rotation| rotation);
    let month = 30 * 24 * 3600;
    table.check(&[1, 600, month, month + 700, month + 100_000]);
    let has_first = |seconds| {
        table.instance_after(Duration::from_secs(seconds)).ring.ids().unwrap().contains(&id(&table.first))
    };
    assert!(has_first(month) && !has_first(month + 700));
}

/// With tokens that live longer than what is assumed without a configuration.
#[test]
fn an_old_key_is_kept_until_it_is_known_how_long_tokens_live() {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let clock = ManualClock::new();
    clock.advance(days(50));
    let (a, b, c) = (new_key(), new_key(), new_key());
    let ring = KeyRing::with_clock(a.clone(), clock.clone()).unwrap();
    for (key, day) in [(&b, 1), (&c, 49)] {
        let published = ManualClock::START.checked_add(days(day - 1)).unwrap();
        let signs = ManualClock::START.checked_add(days(day)).unwrap();
        ring.rotate(key.clone(), Rotation::at(signs).published_at(published)).unwrap();
    }
    let config = AuthConfig::builder().secret(SECRET).key_ring(ring.clone());
    let config = config.danger_max_lifetime(Purpose::Refresh, days(90));
    config.build().unwrap();
    assert_eq!(ring.ids().unwrap(), [id(&a), id(&b), id(&c)]);
    clock.advance(days(60));
    assert_eq!(ring.ids().unwrap(), [id(&b), id(&c)]);
}

#[test]
fn a_key_that_was_published_too_late_signs_too_soon() {
    let service = Service::new(private(Algorithm::ES256));
    service.clock.advance(60 * MINUTES);
    let rotate = |published: i64, signs: i64| {
        let at = |second| Timestamp::from_unix_seconds(ManualClock::START.unix_seconds() + second);
        service.ring.rotate(new_key(), Rotation::at(at(signs)).published_at(at(published)))
    };
    let too_soon = |result| matches!(result, Err(KeyRingError::TooSoon { .. }));
    assert!(too_soon(rotate(0, 599)) && too_soon(rotate(3000, 3599)) && too_soon(rotate(3600, 4199)));
    // What is still to come is published now.
    assert!(too_soon(rotate(5000, 4199)));
    assert_eq!([rotate(0, 600), rotate(3000, 3600), rotate(5000, 4200)], [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn a_removed_key_stops_verifying_at_once() {
    let (old, new) = (private(Algorithm::ES256), new_key());
    let service = Service::new(old.clone());
    let token = service.issue(Purpose::Access);
    assert_eq!(service.ring.remove(&id(&old)), Err(KeyRingError::LastSigningKey));
    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
    service.ring.rotate(new.clone(), Rotation::danger_at_once()).unwrap();
    assert_eq!(service.signing(), id(&new));
    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
    service.ring.remove(&id(&old)).unwrap();
    assert_eq!(service.verdict(&token, Purpose::Access), Err(TokenError::UnknownKey));
    assert_eq!(service.ring.remove(&id(&old)), Err(KeyRingError::UnknownKey { id: id(&old).into() }));
}

/// Whoever calls a rotation off keeps a key that signs for ever.
#[test]
fn a_rotation_can_be_called_off() {
    let (old, new) = (private(Algorithm::ES256), new_key());
    let service = Service::new(old.clone());
    let rotation = Rotation::after(10 * MINUTES).retire_old_after(MINUTES);
    service.ring.rotate(new.clone(), rotation).unwrap();
    service.ring.remove(&id(&new)).unwrap();
    service.clock.advance(100 * 24 * 60 * MINUTES);
    assert_eq!(service.signing(), id(&old));
    let token = service.issue(Purpose::Access);
    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
}

/// The key before the one that is gone signs again, and goes on until the next one takes over.
#[test]
fn a_key_between_two_others_can_be_taken_out() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let days = |number| DAY * number;
    for is_future in [false, true] {
        let (first, between, last) = (private(Algorithm::ES256), new_key(), new_key());
        let service = Service::new(first.clone());
        service.ring.rotate(between.clone(), Rotation::after(days(1))).unwrap();
        service.clock.advance(if is_future { Duration::ZERO } else { days(5) });
        service.ring.rotate(last.clone(), Rotation::after(days(100))).unwrap();
        service.ring.remove(&id(&between)).unwrap();
        service.clock.advance(days(99));
        assert_eq!(service.signing(), id(&first));
        let token = service.issue(Purpose::Refresh);
        service.clock.advance(days(2));
        assert_eq!(service.signing(), id(&last));
        assert_eq!(service.verdict(&token, Purpose::Refresh), Ok(()));
        service.clock.advance(days(60));
        assert_eq!(service.ring.ids().unwrap(), [id(&last)]);
    }
    // Where the next one signs already, the one before retires as it was to.
    let (first, between, last) = (private(Algorithm::ES256), new_key(), new_key());
    let service = Service::new(first);
    let rotation = Rotation::after(days(1)).retire_old_after(days(1));
    service.ring.rotate(between.clone(), rotation).unwrap();
    service.clock.advance(days(1));
    service.ring.rotate(last.clone(), Rotation::danger_at_once()).unwrap();
    let far = new_key();
    service.ring.rotate(far.clone(), Rotation::after(days(100))).unwrap();
    service.ring.remove(&id(&between)).unwrap();
    service.clock.advance(days(1));
    assert_eq!(service.ring.ids().unwrap(), [id(&last), id(&far)]);
}

#[test]
fn somebody_signs_between_two_keys() {
    let service = Service::new(private(Algorithm::ES256));
    let now = service.clock.now().unwrap();
    let takes_over = now.checked_add(60 * MINUTES).unwrap();
    let before = now.checked_add(59 * MINUTES).unwrap();
    let rotation = |retires| Rotation::at(takes_over).retire_old_at(retires);
    let refused = service.ring.rotate(new_key(), rotation(before));
    assert_eq!(refused, Err(KeyRingError::NobodySigns { retires: before, takes_over }));
    assert!(service.ring.rotate(new_key(), rotation(takes_over)).is_ok());
}

#[test]
fn what_a_ring_refuses() {
    let key = private(Algorithm::ES256);
    assert_eq!(KeyRing::new(public(&key)).unwrap_err(), KeyRingError::Key(KeyError::CannotSign));
    let service = Service::new(key.clone());
    let rotate = |key: Key, rotation| service.ring.rotate(key, rotation);
    let after = |seconds| Rotation::after(Duration::from_secs(seconds));
    assert_eq!(rotate(public(&new_key()), after(3600)), Err(KeyError::CannotSign.into()));
    assert_eq!(rotate(key.clone(), after(3600)), Err(KeyError::DuplicateId.into()));
    let too_soon = |lead| KeyRingError::TooSoon { lead: Duration::from_secs(lead), least: 10 * MINUTES };
    assert_eq!(rotate(new_key(), after(599)), Err(too_soon(599)));
    assert_eq!(rotate(new_key(), Rotation::at(Timestamp::from_unix_seconds(0))), Err(too_soon(0)));
    assert!(rotate(new_key(), after(1200)).is_ok());
    assert!(matches!(rotate(new_key(), after(600)), Err(KeyRingError::AlreadyScheduled { .. })));
    assert!(matches!(
        rotate(new_key(), Rotation::danger_at_once()),
        Err(KeyRingError::AlreadyScheduled { .. })
    ));
    for _ in 0..98 {
        service.ring.add_verification_key(new_key()).unwrap();
    }
    let full = KeyRingError::Key(KeyError::TooManyKeys { maximum: 100 });
    assert_eq!(service.ring.add_verification_key(new_key()), Err(full));
    for age in [0, 24 * 3600 + 1] {
        let ring = KeyRing::new(new_key()).unwrap();
        assert_eq!(ring.max_age(Duration::from_secs(age)).unwrap_err(), KeyRingError::MaxAge);
    }
    service.clock.break_down();
    assert!(matches!(rotate(new_key(), after(3600)), Err(KeyRingError::Clock(_))));
}

/// However short the set may be cached, services fetch no more than once in 30 seconds.
#[test]
fn a_key_is_published_for_a_minute_at_least() {
    let lead_of = |max_age: u64, lead: u64, change: fn(Rotation) -> Rotation| {
        let ring = KeyRing::with_clock(new_key(), ManualClock::new()).unwrap();
        let ring = ring.max_age(Duration::from_secs(max_age)).unwrap();
        match ring.rotate(new_key(), change(Rotation::after(Duration::from_secs(lead)))) {
            Ok(()) => Ok(()),
            Err(KeyRingError::TooSoon { least, .. }) => Err(least.as_secs()),
            Err(other) => panic!("{other}"),
        }
    };
    for (max_age, least) in [(1, 60), (29, 60), (30, 60), (31, 62), (300, 600)] {
        assert_eq!(lead_of(max_age, least - 1, |rotation| rotation), Err(least));
        assert_eq!(lead_of(max_age, least, |rotation| rotation), Ok(()));
        let short = Rotation::danger_short_lead;
        assert_eq!(lead_of(max_age, 2 * max_age - 1, short), Err(2 * max_age));
        assert_eq!(lead_of(max_age, 2 * max_age, short), Ok(()));
    }
}

#[test]
fn a_key_that_only_verifies_never_signs() {
    let (own, old) = (new_key(), private(Algorithm::ES256));
    let former = Service::new(old.clone());
    let token = former.issue(Purpose::Access);
    let service = Service::new(own.clone());
    assert_eq!(service.verdict(&token, Purpose::Access), Err(TokenError::UnknownKey));
    service.ring.add_verification_key(public(&old)).unwrap();
    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
    assert_eq!(service.signing(), id(&own));
    service.ring.remove(&id(&old)).unwrap();
    assert_eq!(service.verdict(&token, Purpose::Access), Err(TokenError::UnknownKey));
}

#[test]
fn a_ring_needs_a_secret_beside_it_and_no_other_key() {
    let ring = || KeyRing::new(new_key()).unwrap();
    let config = || AuthConfig::builder().key_ring(ring());
    let field =
        |config: fauth_core::AuthConfigBuilder| config.build().map(drop).map_err(|error| error.field());
    assert_eq!(field(config()), Err("secret"));
    assert_eq!(field(config().secret(SECRET)), Ok(()));
    assert_eq!(field(config().secret(SECRET).signing_key(new_key())), Err("signing_key"));
    assert_eq!(field(config().secret(SECRET).verification_key(new_key())), Err("verification_key"));
}

/// A ring of secrets: nothing is published, so that nobody has to fetch anything first.
#[test]
fn secrets_rotate_too() {
    let secret = |id: &str| {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).unwrap();
        Key::hmac(Algorithm::HS256, &secret).unwrap().with_id(id).unwrap()
    };
    let service = Service::new(secret("a"));
    let token = service.issue(Purpose::Access);
    service.ring.rotate(secret("b"), Rotation::after(Duration::ZERO)).unwrap();
    assert_eq!(service.signing(), "b");
    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
    assert_eq!(service.verdict(&service.issue(Purpose::Access), Purpose::Access), Ok(()));
    // The next key may be one to publish, and the routes are made only once.
    assert!(Endpoint::of(&service.auth).any(|endpoint| endpoint == Endpoint::Jwks));
}

/// Threads issue and verify while the ring rotates and the clock runs: no token is ever refused,
/// neither one that was just issued nor one of several rotations ago.
#[test]
fn rotation_under_load() {
    const WORKERS: usize = 4;
    let service = Arc::new(Service::new(new_key()));
    let done = Arc::new(AtomicBool::new(false));
    let rounds: Arc<[AtomicU64; WORKERS]> = Arc::default();
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let (service, done, rounds) = (Arc::clone(&service), Arc::clone(&done), Arc::clone(&rounds));
            thread::spawn(move || {
                let mut kept = service.issue(Purpose::Access);
                let mut issued = 0;
                while !done.load(Ordering::Relaxed) {
                    let token = service.issue(Purpose::Access);
                    assert_eq!(service.verdict(&token, Purpose::Access), Ok(()));
                    assert_eq!(service.verdict(&kept, Purpose::Access), Ok(()));
                    issued += 1;
                    if issued % 5 == 0 {
                        kept = token;
                    }
                    rounds[number].store(issued, Ordering::Relaxed);
                }
                issued
            })
        })
        .collect();
    let mut signers = std::collections::BTreeSet::new();
    for _ in 0..60 {
        // Each worker goes on before the clock does, so that none keeps a token until it expires.
        let seen: Vec<u64> = rounds.iter().map(|round| round.load(Ordering::Relaxed)).collect();
        while rounds.iter().zip(&seen).any(|(round, seen)| round.load(Ordering::Relaxed) < seen + 6) {
            assert!(workers.iter().all(|worker| !worker.is_finished()), "a worker has failed");
            thread::yield_now();
        }
        // A pending rotation has to take over before the next.
        let rotation = Rotation::after(10 * MINUTES).retire_old_after(30 * MINUTES);
        match service.ring.rotate(new_key(), rotation) {
            Ok(()) => {}
            Err(error) => panic!("{error}"),
        }
        service.clock.advance(5 * MINUTES);
        signers.insert(service.signing());
    }
    done.store(true, Ordering::Relaxed);
    let issued: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    assert!(signers.len() > 50 && issued > 1000, "{} keys, {issued} tokens", signers.len());
}
