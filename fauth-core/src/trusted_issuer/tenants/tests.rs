use async_trait::async_trait;

use super::*;
use crate::{clock::SystemClock, remote::JwksSource, token::Algorithm};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const ISSUER: &str = "https://tenant.example";
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// Knows every issuer.
struct Everybody;

#[async_trait]
impl IssuerResolver for Everybody {
    async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError> {
        Ok(Some(described(issuer)))
    }
}

fn described(issuer: &str) -> TrustedIssuer {
    let keys = JwksSource::fixed(KEYS).unwrap();
    TrustedIssuer::new(issuer, keys).audience("api").algorithms([Algorithm::ES256])
}

fn tenants(capacity: usize) -> Tenants {
    let context = KeyContext { clock: Arc::new(SystemClock), events: None, rests: false };
    Tenants::new(Box::new(Everybody), capacity, context).unwrap()
}

#[test]
fn the_last_who_waits_takes_the_question_away() {
    let tenants = tenants(2);
    let (first, second) = (Boarding::of(&tenants, ISSUER), Boarding::of(&tenants, ISSUER));
    assert!(Arc::ptr_eq(&first.answer, &second.answer));
    // A request that has left and still holds the answer.
    let late = Arc::clone(&first.answer);
    drop(first);
    assert_eq!(lock(&tenants.flights).len(), 1, "the second one still waits");
    drop(second);
    assert!(lock(&tenants.flights).is_empty());
    drop(late);
}

#[test]
fn who_waits_for_what_was_forgotten_leaves_the_next_question_alone() {
    let tenants = tenants(2);
    let old = Boarding::of(&tenants, ISSUER);
    tenants.forget(ISSUER);
    let new = Boarding::of(&tenants, ISSUER);
    drop(old);
    assert_eq!(lock(&tenants.flights).len(), 1);
    drop(new);
    assert!(lock(&tenants.flights).is_empty());
}

/// Between the answer and its caching, the application may report a change.
#[test]
fn an_answer_from_before_is_not_kept() {
    let tenants = tenants(2);
    let trusted = tenants.checked(described(ISSUER), ISSUER).unwrap();
    let asked_at = || tenants.forgotten.load(Ordering::SeqCst);
    let before = asked_at();
    tenants.forget(ISSUER);
    tenants.remember(&trusted, NOW, before);
    assert!(matches!(tenants.look_up(ISSUER, NOW), Answer::Ask));
    tenants.remember_unknown(ISSUER, NOW, before);
    assert!(matches!(tenants.look_up(ISSUER, NOW), Answer::Ask), "it was added meanwhile");
    tenants.remember_unknown(ISSUER, NOW, asked_at());
    assert!(matches!(tenants.look_up(ISSUER, NOW), Answer::Unknown));
    tenants.remember(&trusted, NOW, asked_at());
    assert!(matches!(tenants.look_up(ISSUER, NOW), Answer::Known(_)));
}

#[test]
fn tenants_and_strangers_of_long_ago_are_dropped() {
    let tenants = tenants(100);
    for number in 0..10 {
        let name = format!("https://tenant-{number}.example");
        tenants.remember(&tenants.checked(described(&name), &name).unwrap(), NOW, 0);
        tenants.remember_unknown(&format!("https://stranger-{number}.example"), NOW, 0);
    }
    let sizes = || (tenants.known.read().unwrap().len(), lock(&tenants.unknown).len());
    assert_eq!(sizes(), (10, 10));
    let later = NOW.checked_add(KNOWN_FOR).unwrap().checked_add(KNOWN_FOR).unwrap();
    tenants.remember_unknown("https://stranger.example", later, 0);
    assert_eq!(sizes(), (0, 1));
}

/// One more unknown issuer evicts only one of the others.
#[test]
fn one_more_stranger_makes_one_go() {
    let tenants = tenants(1);
    let name = |number: usize| format!("https://stranger-{number}.example");
    for number in 0..=MAX_UNKNOWN {
        tenants.remember_unknown(&name(number), NOW, 0);
    }
    let unknown = (0..=MAX_UNKNOWN).filter(|number| tenants.is_unknown(&name(*number), NOW)).count();
    assert_eq!(unknown, MAX_UNKNOWN);
}
