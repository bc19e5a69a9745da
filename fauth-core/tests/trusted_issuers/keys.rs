//! Keys that are not there yet, that are there no longer, and that cannot be had.

use fauth_core::{
    AuthProvider, Rejection, Requirement,
    rejection::Unavailable,
    token::{Algorithm, TokenError},
};
use fauth_testing::{ForeignIssuer, WireRequest};

use crate::support::{World, enter, user};

const NO_KEYS: Rejection = Rejection::Unavailable(Unavailable::Keys);

#[tokio::test(start_paused = true)]
async fn the_first_token_fetches_the_keys() {
    let world = World::new();
    assert_eq!(world.keys.fetches(), 0, "nobody has asked");
    world.enter(&world.token("alice").sign()).await.unwrap();
    world.enter(&world.token("bob").sign()).await.unwrap();
    assert_eq!(world.keys.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn warm_up_fetches_them_before() {
    let world = World::new();
    world.auth.warm_up().await.unwrap();
    assert_eq!(world.keys.fetches(), 1);
    let health = world.auth.health();
    assert_eq!(health.key_sources.len(), 1);
    // Without a wait: the token is verified where it is read.
    let head = WireRequest::get("/").bearer(&world.token("alice").sign());
    let presented = world.auth.read(&head);
    assert_eq!(format!("{presented:?}"), "Presented(a token)");
    world.auth.check(presented, &Requirement::user()).await.unwrap();
    assert_eq!(world.keys.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_known_of_a_token() {
    let world = World::new();
    world.keys.go_down();
    assert!(world.auth.warm_up().await.is_err());
    assert_eq!(world.enter(&world.token("alice").sign()).await.unwrap_err(), NO_KEYS);
    assert_eq!(world.enter(&world.token("alice").forge()).await.unwrap_err(), NO_KEYS, "good or bad");
    world.keys.come_back();
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    world.enter(&world.token("alice").sign()).await.unwrap();
}

/// A `kid` that no key can have is that of no key, whoever is asked: nobody is.
#[tokio::test(start_paused = true)]
async fn a_kid_that_no_key_can_have_asks_nobody() {
    let world = World::new();
    let refuse = async || {
        for kid in [serde_json::json!(1), serde_json::json!(["key-1"]), serde_json::json!("k".repeat(129))] {
            let token = world.token("alice").header("kid", kid);
            assert_eq!(World::reason(world.enter(&token.sign()).await), TokenError::Malformed);
        }
    };
    refuse().await;
    assert_eq!(world.keys.fetches(), 0, "there are no keys yet");
    world.keys.go_down();
    refuse().await;
    assert_eq!(world.keys.fetches(), 0);
    assert_eq!(world.enter(&world.token("alice").sign()).await.unwrap_err(), NO_KEYS, "the others wait");
    world.keys.come_back();
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    world.auth.warm_up().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    let fetched = world.keys.fetches();
    refuse().await;
    assert_eq!(world.keys.fetches(), fetched);
    let longest = world.token("alice").header("kid", "k".repeat(128)).sign();
    assert_eq!(World::reason(world.enter(&longest).await), TokenError::UnknownKey);
    assert_eq!(world.keys.fetches(), fetched + 1, "it may be a new one");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let mut world = World::new();
    world.enter(&world.token("alice").sign()).await.unwrap();
    world.issuer.rotate("key-2");
    world.keys.publish(&world.issuer);
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    let fetched = world.keys.fetches();
    world.enter(&world.token("alice").sign()).await.unwrap();
    assert_eq!(world.keys.fetches(), fetched + 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_published_stays_unknown() {
    let world = World::new();
    world.enter(&world.token("alice").sign()).await.unwrap();
    let fetched = world.keys.fetches();
    for number in 0..1000 {
        let token = world.token("alice").header("kid", format!("made-up-{number}"));
        assert_eq!(World::reason(world.enter(&token.sign()).await), TokenError::UnknownKey);
    }
    assert!(world.keys.fetches() <= fetched + 1, "{} fetches", world.keys.fetches());
}

/// What a stranger writes into `iss` asks nobody for anything.
#[tokio::test(start_paused = true)]
async fn an_unknown_issuer_costs_nothing() {
    let world = World::new();
    for number in 0..100 {
        let stranger = ForeignIssuer::new(format!("https://stranger-{number}.example"));
        let token = stranger.token("alice", crate::support::now(&world.clock)).sign();
        assert_eq!(World::reason(world.enter(&token).await), TokenError::WrongIssuer);
    }
    assert_eq!(world.keys.fetches(), 0);
}

/// Keys are those of one issuer: what another has signed they do not verify.
#[tokio::test(start_paused = true)]
async fn each_issuer_has_keys_of_its_own() {
    let world = World::new();
    let other = ForeignIssuer::new("https://other.example.com");
    let others = fauth_testing::PublishedKeys::of(&other);
    let auth: AuthProvider<_> = AuthProvider::resource_server(world.keys.trusted(&world.issuer))
        .trusted_issuer(others.trusted(&other))
        .danger_share_application()
        .user_from_claims(user)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    auth.warm_up().await.unwrap();
    let now = crate::support::now(&world.clock);
    let alice = enter(&auth, &world.token("alice").sign()).await.unwrap();
    let other_alice = enter(&auth, &other.token("alice", now).sign()).await.unwrap();
    assert_ne!(auth.owner_of(alice.payload()), auth.owner_of(other_alice.payload()));
    assert_ne!(alice.user().name, other_alice.user().name);
    let disguised = other.token("alice", now).claim("iss", world.issuer.issuer());
    assert_eq!(World::reason(enter(&auth, &disguised.sign()).await), TokenError::BadSignature);
}

#[tokio::test(start_paused = true)]
async fn a_set_without_a_key_for_the_named_algorithms_is_no_set() {
    let world = World::new();
    let issuer = world.keys.source();
    let issuer = fauth_core::trusted_issuer::TrustedIssuer::new(world.issuer.issuer(), issuer)
        .audience(fauth_testing::FOREIGN_AUDIENCE)
        .algorithms([Algorithm::EdDSA]);
    let auth: AuthProvider<_> = AuthProvider::resource_server(issuer)
        .danger_share_application()
        .user_from_claims(user)
        .clock(world.clock.clone())
        .build()
        .unwrap();
    assert!(auth.warm_up().await.is_err());
    let outcome = enter(&auth, &world.token("alice").sign()).await;
    assert!(matches!(outcome, Err(Rejection::Unavailable(Unavailable::Keys))), "{outcome:?}");
}
