use async_trait::async_trait;

use super::*;
use crate::{clock::SystemClock, remote::JwksSource, token::Algorithm};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const ISSUER: &str = "https://tenant.example";
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

/// Everybody is a tenant.
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
    let context = KeyContext { clock: Arc::new(SystemClock), events: None };
    Tenants::new(Box::new(Everybody), capacity, context).unwrap()
}

#[test]
fn the_last_who_waits_takes_the_question_away() {
    let tenants = tenants(2);
    let (first, second) = (Boarding::of(&tenants, ISSUER), Boarding::of(&tenants, ISSUER));
    assert!(Arc::ptr_eq(&first.answer, &second.answer));
    // Somebody who has left, and has not yet let go.
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

/// Between the answer and its being kept, the application may say that it has changed.
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
