//! The faults of other implementations, by their names: each with what happens here.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    MandateAuth, Missing, MissingMandate, Principal, Protection, Rejection, Requirement, RouteRules,
    clock::Timestamp,
    rejection::{InvalidToken, Unavailable},
    remote::JwksSource,
    rules::prefix,
    store::{AnchorStore as _, MemoryAnchorStore, StreamKey},
    token::TokenError,
};
use fauth_testing::{Fault, MANDATE_AUDIENCE, MandateIssuer, ManualClock, PublishedKeys, WireRequest};
use serde_json::{Value, json};

use crate::support::{DAY, EXPIRED, ISSUER, REVOKED, SECOND, SPENT, STALE, World, ZONE};

const KEYS_GONE: Rejection = Rejection::Unavailable(Unavailable::Keys);

fn user() -> Requirement {
    Requirement::user()
}

fn lacks(missing: MissingMandate) -> Rejection {
    Rejection::Forbidden(Missing::Mandate(missing))
}

fn invalid(error: TokenError) -> Rejection {
    Rejection::InvalidToken(InvalidToken::Token(error))
}

/// An unknown key in a rule: no rules are made of it.
#[test]
fn m01_a_misspelt_key_of_a_rule_is_refused() {
    let rules = |requirement: &str| {
        let text = format!(
            r#"{{"default": "private", "rules": [{{"path": "/payouts", "require": {requirement}}}]}}"#
        );
        RouteRules::from_json(&text).and_then(fauth_core::rules::RouteRulesBuilder::build)
    };
    for good in
        [r#"{"scopes": ["a"], "delegation": true}"#, r#"{"agent_session": true}"#, r#"{"session": true}"#]
    {
        assert!(rules(good).is_ok(), "{good}");
    }
    for key in [
        "required_scope",
        "required_scopes",
        "require_agent",
        "require_session",
        "agent",
        "sessions",
        "target",
        "max_hop_count",
        "Delegation",
    ] {
        let fault = rules(&format!(r#"{{"{key}": true}}"#)).unwrap_err();
        assert!(fault.to_string().contains(key), "{fault}");
    }
    let beside =
        r#"{"default": "private", "rules": [{"path": "/payouts", "delegation": true, "require": {}}]}"#;
    assert!(RouteRules::from_json(beside).is_err(), "a key beside the requirement");
}

#[cfg(feature = "rules-toml")]
#[test]
fn m01_a_misspelt_key_of_a_toml_rule_is_refused() {
    let rules = |key: &str| {
        RouteRules::from_toml(&format!(
            "default = \"private\"\n[[rules]]\npath = \"/payouts\"\nrequire = {{ {key} = true }}\n"
        ))
    };
    assert!(rules("delegation").is_ok());
    assert!(rules("require_delegation").is_err());
}

/// A new key is fetched, once for all that name it; one that is withdrawn is trusted for a quarter
/// of an hour at most.
#[tokio::test(start_paused = true)]
async fn m02_keys_come_and_go_in_a_stated_time() {
    let mut world = World::new();
    world.auth.warm_up().await.unwrap();
    assert_eq!(world.server.fetched(), [world.issuer.jwks_url()], "as Caracal publishes them");
    let old = world.delegated("alice");
    world.issuer.rotate("key-2");
    world.issuer.publish_to(&world.server);
    tokio::time::sleep(31 * SECOND).await;
    let fetched = world.server.fetches();
    let new = world.mandate("alice");
    assert!(world.enter(&new.sign()).await.is_ok(), "with the new key, not in five minutes");
    assert_eq!(world.server.fetches(), fetched + 1);
    for number in 0..100 {
        let unknown = world.mandate("alice").header("kid", format!("made-up-{number}"));
        assert_eq!(world.enter(&unknown.sign()).await.unwrap_err(), invalid(TokenError::UnknownKey));
    }
    assert!(world.server.fetches() <= fetched + 2, "a flood causes one fetch in 30 s");

    assert!(world.enter(&old.sign()).await.is_ok());
    world.issuer.withdraw("key-1");
    world.issuer.publish_to(&world.server);
    // The clock of the world stands still, and with it the mandates; that of the runtime goes on.
    tokio::time::sleep(301 * SECOND).await;
    let old = old.claim("jti", "another").sign();
    assert_eq!(world.enter(&old).await.unwrap_err(), invalid(TokenError::UnknownKey));
    assert!(world.enter(&new.sign()).await.is_ok());
}

/// Who cannot decide says so: 503, and no 500. Known keys serve on for a stated time.
#[tokio::test(start_paused = true)]
async fn m03_what_fails_is_503_and_known_keys_serve_on() {
    let world = World::new();
    world.server.go_down();
    let mandate = world.mandate("alice").sign();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), KEYS_GONE);
    assert_eq!(world.answer(&KEYS_GONE).status, 503);
    world.server.come_back();
    tokio::time::sleep(61 * SECOND).await;
    world.auth.warm_up().await.unwrap();
    world.server.go_down();
    tokio::time::sleep(600 * SECOND).await;
    assert!(world.enter(&mandate).await.is_ok(), "ten minutes without the issuer");
}

#[tokio::test]
async fn m03_a_store_that_fails_is_503_and_never_lets_in() {
    let world = World::new();
    let mandate = world.mandate("alice").sign();
    for fault in [Fault::Fails, Fault::FailsLate] {
        world.anchors.fault(fault);
        let refused = world.enter(&mandate).await.unwrap_err();
        assert_eq!(refused, Rejection::Unavailable(Unavailable::Store));
        assert_eq!(world.answer(&refused).status, 503);
    }
    world.anchors.recover();
    assert!(world.enter(&mandate).await.is_ok());
}

#[test]
fn m03_an_issuer_over_http_is_refused_when_the_service_is_built() {
    let build = |issuer: &str| {
        MandateAuth::builder()
            .issuer(issuer)
            .zone(ZONE)
            .audience(MANDATE_AUDIENCE)
            .fetch(PublishedKeys::new())
            .revocations(MemoryAnchorStore::new())
            .build()
    };
    assert!(build("https://sts.example.com").is_ok() && build("http://localhost:8080").is_ok());
    let fault = build("http://sts.example.com").unwrap_err();
    assert_eq!(fault.field(), "issuer");
    assert!(fault.to_string().contains("http") && fault.fix().contains("CARACAL_STS_URL"), "{fault}");
}

/// An exclusion that is empty would exclude everything.
#[test]
fn m04_an_empty_exclusion_is_refused() {
    for everything in ["", "/"] {
        let fault = RouteRules::private_by_default().public(prefix(everything)).build().unwrap_err();
        assert_eq!(fault.field(), "public");
    }
    assert!(RouteRules::private_by_default().public(prefix("/healthz")).build().is_ok());
}

/// Zero hops are none, and not the default.
#[tokio::test]
async fn m05_no_hops_are_none() {
    let world = World::new();
    let (direct, handed_on) = (world.mandate("alice").sign(), world.delegated("alice").sign());
    assert!(world.pass(&direct, &user().max_hops(0)).await.is_ok());
    let refused = world.pass(&handed_on, &user().max_hops(0)).await.unwrap_err();
    assert_eq!(refused, lacks(MissingMandate::TooManyHops(0)));
    assert!(world.pass(&handed_on, &user().max_hops(1)).await.is_ok());
    assert!(world.enter(&handed_on).await.is_ok(), "the default is 10");
}

/// A mandate may be a minute over: at the signature, and after whatever was waited for.
#[tokio::test]
async fn m06_one_leeway_decides_before_and_after_waits() {
    let clock = ManualClock::new();
    let slow = clock.clone();
    let loader = move |principal: Arc<Principal>| {
        let slow = slow.clone();
        async move {
            if principal.subject() == "slow" {
                slow.advance(2 * SECOND);
            }
            Ok::<_, std::convert::Infallible>(Some(principal))
        }
    };
    let world = World::on(clock, |mandates| mandates.user_loader(loader), |provider| provider);
    let over_by = |subject: &str, seconds: i64| {
        let now = world.now().unix_seconds();
        world.mandate(subject).claim("iat", now - 900).claim("exp", now - seconds).sign()
    };
    for seconds in [1, 30, 59] {
        let mandate = over_by("alice", seconds);
        let granted = world.enter(&mandate).await.unwrap_or_else(|why| panic!("{seconds}: {why:?}"));
        assert!(world.auth.recheck(&granted).await.is_ok(), "{seconds}");
    }
    for seconds in [61, 600] {
        assert_eq!(world.enter(&over_by("alice", seconds)).await.unwrap_err(), EXPIRED, "{seconds}");
    }
    // Good when it was read, and over when the user is known.
    assert!(world.enter(&over_by("slow", 40)).await.is_ok());
    assert_eq!(world.enter(&over_by("slow", 59)).await.unwrap_err(), EXPIRED);
}

/// A target that is missing is a right that is missing.
#[tokio::test]
async fn m07_a_missing_target_is_403() {
    let world = World::new();
    let mandate = world.delegated("alice").sign();
    assert!(world.pass(&mandate, &user().target(MandateIssuer::TARGET)).await.is_ok());
    let refused = world.pass(&mandate, &user().target("https://other.example")).await.unwrap_err();
    assert_eq!(refused, lacks(MissingMandate::Target("https://other.example".into())));
    let answer = world.answer(&refused);
    assert_eq!((answer.status, answer.json()["error"].clone()), (403, Value::from("insufficient_scope")));
}

/// A store that hangs costs the request that waits for it its time limit, and others nothing.
#[tokio::test(start_paused = true)]
async fn m08_a_slow_store_holds_nobody_up() {
    let world = World::with(|mandates| mandates, |provider| provider.store_timeout(2 * SECOND));
    world.auth.warm_up().await.unwrap();
    let mandate = world.mandate("alice").sign();
    world.anchors.fault(Fault::Hangs);
    let began = tokio::time::Instant::now();
    let (hung, ()) = tokio::join!(world.enter(&mandate), async {
        tokio::time::sleep(SECOND).await;
        world.anchors.recover();
        assert!(world.enter(&mandate).await.is_ok(), "another request meanwhile");
    });
    assert_eq!(hung.unwrap_err(), Rejection::Unavailable(Unavailable::StoreTimeout));
    assert_eq!(began.elapsed(), 2 * SECOND);
    // A store that takes its time, and is not late, is heard.
    world.anchors.delay(SECOND);
    assert!(world.enter(&mandate).await.is_ok());
    world.auth.revoke_mandate_anchors(&["sid_1"], DAY).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), REVOKED);
}

/// A mandate's own id, its subject and its actor can be revoked too.
#[tokio::test]
async fn m09_ids_subjects_and_actors_are_anchors() {
    let world = World::new();
    for anchor in ["the id", "alice", "the actor"] {
        let mandate = world.mandate("alice").claim("jti", "the id").claim("client_id", "the actor").sign();
        let other = world.mandate("bob").claim("client_id", "another").sign();
        let world = World::new();
        assert!(world.enter(&mandate).await.is_ok());
        world.auth.revoke_mandate_anchors(&[anchor], DAY).await.unwrap();
        assert_eq!(world.enter(&mandate).await.unwrap_err(), REVOKED, "{anchor}");
        assert!(world.enter(&other).await.is_ok(), "{anchor}");
    }
}

#[tokio::test]
async fn m09_replays_and_long_lives_can_be_refused() {
    let world = World::of(|mandates| mandates.single_use().max_lifetime(900 * SECOND));
    let mandate = world.mandate("alice").sign();
    assert!(world.enter(&mandate).await.is_ok());
    assert_eq!(world.enter(&mandate).await.unwrap_err(), SPENT);
    let lasting =
        |seconds: i64| world.mandate("alice").claim("exp", world.now().unix_seconds() + seconds).sign();
    assert!(world.enter(&lasting(900)).await.is_ok());
    let refused = world.enter(&lasting(901)).await.unwrap_err();
    assert!(matches!(refused, Rejection::InvalidToken(InvalidToken::Token(_))), "{refused:?}");
}

/// A delegated mandate that names no epoch is refused where delegation is demanded, and everywhere
/// once the zone has an epoch: leaving out a claim does not escape revocation.
#[tokio::test]
async fn m10_a_delegation_without_its_epoch_is_of_none() {
    let world = World::new();
    let without = world.delegated("alice").without_claim("delegation_graph_epoch").sign();
    let null = world.delegated("alice").claim("delegation_graph_epoch", Value::Null).sign();
    let with = world.delegated("alice").sign();
    assert!(world.pass(&with, &user().delegation()).await.is_ok());
    for mandate in [&without, &null] {
        let refused = world.pass(mandate, &user().delegation()).await.unwrap_err();
        assert_eq!(refused, lacks(MissingMandate::Delegation));
        assert!(world.enter(mandate).await.is_ok());
    }
    world.auth.raise_delegation_epoch(MandateIssuer::EPOCH + 1, DAY).await.unwrap();
    assert_eq!(world.enter(&with).await.unwrap_err(), STALE);
    for mandate in [&without, &null] {
        assert_eq!(world.enter(mandate).await.unwrap_err(), STALE);
    }
    let direct = world.mandate("alice").without_claim("delegation_graph_epoch").sign();
    assert!(world.enter(&direct).await.is_ok(), "it was not delegated");
    assert_eq!(
        world.pass(&without, &user().delegation()).await.unwrap_err(),
        lacks(MissingMandate::Delegation)
    );
}

/// A key that is published for encryption verifies nothing; and keys are read once.
#[tokio::test]
async fn m11_keys_for_encryption_are_unused_and_keys_are_read_once() {
    let issuer = MandateIssuer::new(ISSUER, ZONE);
    let build = |jwks: &str| {
        MandateAuth::builder()
            .issuer(ISSUER)
            .zone(ZONE)
            .audience(MANDATE_AUDIENCE)
            .keys(JwksSource::fixed(jwks)?)
            .revocations(MemoryAnchorStore::new())
            .provider()?
            .clock(ManualClock::new())
            .build()
    };
    assert!(build(&issuer.jwks()).is_ok());
    let encrypting = issuer.jwks().replace("\"use\":\"sig\"", "\"use\":\"enc\"");
    assert!(build(&encrypting).is_err(), "there is no key that verifies");

    let world = World::new();
    for _ in 0..100 {
        assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
    }
    assert_eq!(world.server.fetches(), 1);
    // Beside one that signs, one that encrypts is not used, even if a mandate names it.
    let mut keys: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let mut other: Value = serde_json::from_str(&encrypting).unwrap();
    other["keys"][0]["kid"] = json!("for encryption");
    keys["keys"].as_array_mut().unwrap().push(other["keys"][0].take());
    let auth = build(&keys.to_string()).unwrap();
    let mandate = issuer.mandate("alice", ManualClock::START);
    let enter = async |token: String| {
        let head = WireRequest::get("/").bearer(&token);
        auth.check(auth.read(&head), &user()).await
    };
    assert!(enter(mandate.sign()).await.is_ok());
    let refused = enter(mandate.header("kid", "for encryption").sign()).await.unwrap_err();
    assert_eq!(refused, invalid(TokenError::UnknownKey));
}

/// A null is no field of a signed message.
#[test]
fn m12_a_null_in_a_signed_message_is_left_out() {
    let key = StreamKey::from_hex("0123456789abcdef".repeat(4)).unwrap();
    let signature = "93c82e377fc1ff7f1430549aa20cd20971150173b5996308ab84cb48d6f2683d";
    let fields = [("action", Some("transfer")), ("metadata", None)];
    assert_eq!(key.sign("audit:events", fields).unwrap(), signature);
    assert!(key.verifies("audit:events", [("action", Some("transfer"))], signature));
    assert!(!key.verifies("audit:events", [("action", Some("transfer")), ("metadata", Some(""))], signature));
}

/// Which rule decides follows from segments, not from the length of its text.
#[test]
fn m13_the_longest_prefix_is_that_of_segments() {
    let delegated = || user().delegation();
    // A prefix that could be read in two ways is no prefix at all.
    let twice = RouteRules::private_by_default()
        .require(prefix("/a////"), user())
        .require(prefix("/a/b"), delegated());
    assert!(twice.build().is_err());
    let rules = RouteRules::private_by_default()
        .require(prefix("/a"), user().scopes(["a:very:long:scope"]))
        .require(prefix("/a/b"), delegated())
        .build()
        .unwrap();
    let access = |path: &str| rules.access("GET", path).unwrap().to_string();
    assert!(access("/a/b").contains("delegat") && access("/a/b/c").contains("delegat"));
    assert!(!access("/a/bc").contains("delegat") && !access("/a").contains("delegat"));
}

/// A path that two could read differently opens nothing.
#[tokio::test]
async fn m14_paths_that_can_be_misread_are_refused() {
    let world = World::new();
    let rules = RouteRules::private_by_default()
        .public(prefix("/healthz"))
        .require(prefix("/payouts"), user().scopes(["billing:payout"]).delegation())
        .build()
        .unwrap();
    let protection = Protection::new(&world.auth, rules);
    let enter = async |path: &str, token: &str| {
        let head = WireRequest::get(path).bearer(token);
        let guard = protection.guard(&head, || None);
        guard.enter(guard.read(&head, None)).await.map(drop)
    };
    let (direct, delegated) = (world.mandate("alice").sign(), world.delegated("alice").sign());
    assert_eq!(enter("/payouts/x", &delegated).await, Ok(()));
    assert_eq!(enter("/payouts/x", &direct).await, Err(lacks(MissingMandate::Delegation)));
    assert_eq!(enter("/%70ayouts/x", &direct).await, Err(lacks(MissingMandate::Delegation)));
    assert_eq!(enter("/payoutsX", &direct).await, Ok(()), "another path");
    for path in [
        "//payouts/x",
        "/a/../payouts/x",
        "/./payouts/x",
        "/payouts%2Fx",
        "/%2e/payouts/x",
        "/healthz/../payouts",
    ] {
        for token in [&direct, &delegated] {
            assert_eq!(enter(path, token).await, Err(Rejection::AmbiguousPath), "{path}");
        }
    }
}

/// No time is none for every store, and for the provider. The suite for stores says the same of
/// each backend; that of the consumers, that an idle poll is bounded.
#[tokio::test]
async fn m15_a_time_of_zero_is_refused() {
    let world = World::new();
    let mandate = world.mandate("alice").sign();
    let store = MemoryAnchorStore::new();
    assert!(store.revoke(&["sid_1"], Duration::ZERO).await.is_err());
    assert!(store.raise_epoch(ZONE, 1, Duration::ZERO).await.is_err());
    let misconfigured = |refused: Rejection| assert_eq!(refused.status(), 500, "{refused:?}");
    misconfigured(world.auth.revoke_mandate_anchors(&["sid_1"], Duration::ZERO).await.unwrap_err());
    misconfigured(world.auth.raise_delegation_epoch(1, Duration::ZERO).await.unwrap_err());
    assert_eq!(world.anchors.calls(), [""; 0], "no store is asked");
    assert!(world.enter(&mandate).await.is_ok());
    world.anchors.revoke(&["sid_1"], SECOND).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), REVOKED);
    world.clock.set(Timestamp::from_unix_seconds(world.now().unix_seconds() + 1));
    assert!(world.enter(&mandate).await.is_ok(), "its time is over");
}
