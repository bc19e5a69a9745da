//! The golden mandates, through the whole provider and its default renderer.

use std::time::Duration;

use fauth_core::{
    MandateAuth, Rejection, Requirement,
    remote::JwksSource,
    store::{AnchorStore as _, MemoryAnchorStore},
};
use fauth_testing::{ManualClock, WireRequest, WireResponse};
use serde_json::Value;

use crate::golden::{Case, DIFFERENCES, Golden};

/// Those of the golden file are good for years.
const LONG: Duration = Duration::from_secs(99 * 366 * 24 * 60 * 60);

/// The code and the sentence for a case, and whether it has let the mandate in.
async fn judge(golden: &Golden, case: Case<'_>) -> (u16, String, Option<String>) {
    let store = MemoryAnchorStore::new();
    store.revoke(&case.revoked_anchors(), LONG).await.unwrap();
    if let Some(epoch) = case.delegation_epoch() {
        store.raise_epoch(golden.zone(), epoch, LONG).await.unwrap();
    }
    let auth = MandateAuth::builder()
        .issuer(golden.issuer())
        .zone(golden.zone())
        .audience(golden.audience())
        .keys(JwksSource::fixed(golden.jwks()).unwrap())
        .revocations(store)
        .max_lifetime(LONG)
        .anchor_lifetime(2 * LONG)
        .provider()
        .unwrap()
        .clock(ManualClock::new())
        .build()
        .unwrap();
    let head = WireRequest::get("/").bearer(case.token());
    match auth.check(auth.read(&head), &case.requirement()).await {
        Ok(granted) => {
            assert!(!granted.user().client_id().is_empty());
            (200, "ok".to_owned(), None)
        }
        Err(rejection) => answer(&auth.refuse(&rejection, &head).into(), &rejection),
    }
}

fn answer(response: &WireResponse, rejection: &Rejection) -> (u16, String, Option<String>) {
    let body = response.json();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    assert!(text("error_hint").is_some_and(|hint| !hint.is_empty()), "{rejection:?}");
    assert_eq!(response.header("www-authenticate").len(), 1, "{rejection:?}");
    (response.status, text("error").unwrap(), text("error_description"))
}

#[tokio::test]
async fn every_golden_mandate_gets_its_verdict() {
    let golden = Golden::read();
    let (mut seen, mut different) = (0, Vec::new());
    for case in golden.cases() {
        let (status, code, description) = judge(&golden, case).await;
        let expected = case.expected();
        assert_eq!(
            (&*code, description.as_deref()),
            (expected.code, expected.description),
            "{}",
            case.name()
        );
        let of_rights = ["scope", "_required", "chain", "hop"].iter().any(|part| code.contains(part));
        let wanted = if code == "ok" {
            200
        } else if of_rights {
            403
        } else {
            401
        };
        assert_eq!(status, wanted, "{}: {code}", case.name());
        if case.recorded() != expected {
            different.push(case.name());
        }
        seen += 1;
    }
    assert!(seen >= 23, "{seen}");
    assert_eq!(different, DIFFERENCES.map(|(name, ..)| name), "each difference is there");
    assert!(DIFFERENCES.iter().all(|(.., reason)| !reason.is_empty()));
}

/// Nothing of a case comes from its neighbours: the keys of another issuer open none of them.
#[tokio::test]
async fn without_their_keys_none_is_let_in() {
    let golden = Golden::read();
    let other = fauth_testing::MandateIssuer::new(golden.issuer(), golden.zone());
    let auth = MandateAuth::builder()
        .issuer(golden.issuer())
        .zone(golden.zone())
        .audience(golden.audience())
        .keys(other.keys())
        .revocations(MemoryAnchorStore::new())
        .max_lifetime(LONG)
        .anchor_lifetime(2 * LONG)
        .build()
        .unwrap();
    for case in golden.cases() {
        let head = WireRequest::get("/").bearer(case.token());
        let refused = auth.check(auth.read(&head), &Requirement::user()).await.unwrap_err();
        assert_eq!(refused.status(), 401, "{}", case.name());
    }
}
