//! What takes mandates back, and looking again at what was granted.

use std::{
    convert::Infallible,
    sync::Arc,
    sync::atomic::{AtomicU8, Ordering},
};

use fauth_core::{
    AuthUser, Principal, Rejection, Requirement,
    rejection::{InvalidToken, Misconfigured, Unavailable},
    store::{AnchorStore as _, ApiKeyId, RevocationTarget},
};
use fauth_testing::{Fault, MandateIssuer};

use crate::support::{DAY, EXPIRED, ISSUER, REVOKED, SECOND, STALE, World, ZONE};

#[tokio::test]
async fn each_anchor_ends_its_mandates_and_no_others() {
    let anchors = ["sid_1", "root_1", "ags_1", "edge_1", "mandate_x", "alice", "app_1"];
    for anchor in anchors {
        let world = World::new();
        let mandate = world.delegated("alice").claim("jti", "mandate_x").sign();
        let other = world
            .mandate("bob")
            .claim("sid", "sid_2")
            .claim("root_sid", "root_2")
            .claim("client_id", "app_2")
            .sign();
        assert!(world.enter(&mandate).await.is_ok());
        world.auth.revoke_mandate_anchors(&[anchor], DAY).await.unwrap();
        let refused = world.enter(&mandate).await.unwrap_err();
        assert_eq!(refused, REVOKED, "{anchor}");
        assert_eq!(world.answer(&refused).json()["error"], "session_revoked");
        assert!(world.enter(&other).await.is_ok(), "{anchor}");
    }
}

/// What stands in the chain, on the path, or in the sessions of others is information.
#[tokio::test]
async fn what_is_information_is_no_anchor() {
    let world = World::new();
    let mandate = world.delegated("alice").sign();
    let others = [
        "ags_0",
        "app_root",
        "zone_prod",
        "resource://billing-api",
        MandateIssuer::TARGET,
        "ALICE",
        "",
        "billing:read",
    ];
    world.auth.revoke_mandate_anchors(&others, DAY).await.unwrap();
    assert!(world.enter(&mandate).await.is_ok());
    // What is absent is no anchor either.
    world.auth.revoke_mandate_anchors(&["null", "None"], DAY).await.unwrap();
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
}

#[tokio::test]
async fn a_revocation_ends_by_itself() {
    let world = World::of(|mandates| mandates.max_lifetime(900 * SECOND));
    world.auth.revoke_mandate_anchors(&["sid_1"], 3600 * SECOND).await.unwrap();
    world.auth.revoke_mandate_anchors(&["sid_1"], SECOND).await.unwrap();
    world.clock.advance(3599 * SECOND);
    assert_eq!(world.enter(&world.mandate("alice").sign()).await.unwrap_err(), REVOKED);
    world.clock.advance(SECOND);
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
}

/// However short the time: what is taken back stays so for as long as a mandate of it can be good,
/// with every leeway.
#[tokio::test]
async fn no_mandate_outlasts_what_takes_it_back() {
    for (lifetime, lasting) in [(DAY, SECOND), (DAY, DAY), (7 * DAY, DAY)] {
        // Whose keys are known however late it is.
        let settings = || {
            World::of(|mandates| {
                let keys = MandateIssuer::new(ISSUER, ZONE).keys();
                mandates.keys(keys).max_lifetime(lifetime).anchor_lifetime(8 * DAY)
            })
        };
        for by_epoch in [false, true] {
            let (world, untouched) = (settings(), settings());
            let issued = world.now().unix_seconds() + 59;
            let expires = issued + i64::try_from(lifetime.as_secs()).unwrap();
            let of =
                |world: &World| world.delegated("alice").claim("iat", issued).claim("exp", expires).sign();
            let (mandate, good) = (of(&world), of(&untouched));
            assert!(world.enter(&mandate).await.is_ok());
            let why = if by_epoch {
                world.auth.raise_delegation_epoch(1000, lasting).await.unwrap();
                STALE
            } else {
                world.auth.revoke_mandate_anchors(&["sid_1"], lasting).await.unwrap();
                REVOKED
            };
            for step in [lifetime + 30 * SECOND, 88 * SECOND] {
                world.clock.advance(step);
                untouched.clock.advance(step);
                assert_eq!(world.enter(&mandate).await.unwrap_err(), why, "{lifetime:?}, {lasting:?}");
                assert!(untouched.enter(&good).await.is_ok(), "it is good otherwise");
            }
            world.clock.advance(2 * SECOND);
            assert_eq!(world.enter(&mandate).await.unwrap_err(), EXPIRED);
        }
    }
}

#[tokio::test]
async fn epochs_end_the_delegated_mandates_of_their_zone() {
    let world = World::new();
    let (direct, delegated) = (world.mandate("alice").sign(), world.delegated("alice").sign());
    assert_eq!(
        world.auth.raise_delegation_epoch(MandateIssuer::EPOCH, DAY).await.unwrap(),
        MandateIssuer::EPOCH
    );
    assert!(world.enter(&delegated).await.is_ok(), "the same epoch");
    world.anchors.raise_epoch("zone_of_others", 1000, DAY).await.unwrap();
    assert!(world.enter(&delegated).await.is_ok(), "another zone");
    assert_eq!(world.auth.raise_delegation_epoch(MandateIssuer::EPOCH + 1, DAY).await.unwrap(), 6);
    let refused = world.enter(&delegated).await.unwrap_err();
    assert_eq!(refused, STALE);
    assert_eq!(world.answer(&refused).json()["error"], "delegation_stale");
    assert!(world.enter(&direct).await.is_ok(), "it was not delegated");
    let newer = world.delegated("alice").claim("delegation_graph_epoch", 6).sign();
    assert!(world.enter(&newer).await.is_ok());
    assert_eq!(world.auth.raise_delegation_epoch(3, DAY).await.unwrap(), 6, "it never falls");
    assert_eq!(world.enter(&delegated).await.unwrap_err(), STALE);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_back_is_an_error() {
    let world = World::with(|mandates| mandates, |provider| provider.store_timeout(SECOND));
    for (fault, why) in [(Fault::Fails, Unavailable::Store), (Fault::Hangs, Unavailable::StoreTimeout)] {
        world.anchors.fault(fault);
        let why = Rejection::Unavailable(why);
        assert_eq!(world.auth.revoke_mandate_anchors(&["sid_1"], DAY).await.unwrap_err(), why);
        assert_eq!(world.auth.raise_delegation_epoch(7, DAY).await.unwrap_err(), why);
    }
    world.anchors.recover();
    let long = "x".repeat(1025);
    assert_eq!(world.auth.revoke_mandate_anchors(&[&long], DAY).await.unwrap_err().status(), 500);
    for nothing in [&[][..], &["", ""]] {
        let refused = world.auth.revoke_mandate_anchors(nothing, DAY).await.unwrap_err();
        assert_eq!(refused.status(), 500, "nobody may believe that something is revoked");
    }
    let own = fauth_testing::provider().build().unwrap();
    let none = Rejection::Misconfigured(Misconfigured::NoStore);
    assert_eq!(own.revoke_mandate_anchors(&["sid_1"], DAY).await.unwrap_err(), none);
    assert_eq!(own.raise_delegation_epoch(1, DAY).await.unwrap_err(), none);
}

/// The revocation store of other tokens is asked too, where there is one.
#[tokio::test]
async fn mandates_can_be_revoked_as_tokens_of_their_issuer() {
    let world = World::with(
        |mandates| mandates,
        |provider| provider.revocation_store(fauth_testing::memory_store()).danger_share_application(),
    );
    let mandate = world.mandate("alice").claim("jti", "one").sign();
    assert!(world.enter(&mandate).await.is_ok());
    let target = RevocationTarget::TokenId("one");
    world.auth.revoke_of_issuer(ISSUER, "alice", &[target]).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), Rejection::InvalidToken(InvalidToken::Revoked));
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_granted_is_looked_at_again() {
    let world = World::with(|mandates| mandates, |provider| provider.store_timeout(SECOND));
    let granted = world.enter(&world.delegated("alice").sign()).await.unwrap();
    assert_eq!(world.auth.recheck(&granted).await.unwrap().subject(), "alice");
    world.anchors.fault(Fault::Hangs);
    let late = Rejection::Unavailable(Unavailable::StoreTimeout);
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), late);
    world.anchors.recover();
    world.auth.raise_delegation_epoch(1000, DAY).await.unwrap();
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), STALE);
    world.auth.revoke_mandate_anchors(&["edge_1"], DAY).await.unwrap();
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), REVOKED);
    world.clock.advance(961 * SECOND);
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), EXPIRED);
    let other = World::new();
    let refused = other.auth.recheck(&granted).await.unwrap_err();
    assert_eq!(refused, Rejection::Misconfigured(Misconfigured::OtherProvider));
}

#[tokio::test]
async fn its_user_is_looked_at_again() {
    #[derive(Debug)]
    struct Agent(u8);

    impl AuthUser for Agent {
        fn subject(&self) -> impl AsRef<str> {
            "agent"
        }

        fn is_active(&self) -> bool {
            self.0 < 2
        }
    }

    let state = Arc::new(AtomicU8::new(0));
    let now = Arc::clone(&state);
    let load = move |_: Arc<Principal>| {
        let state = now.load(Ordering::SeqCst);
        async move { Ok::<_, Infallible>((state < 3).then_some(Agent(state))) }
    };
    let world: World<Agent> = World::with(|mandates| mandates.user_loader(load), |provider| provider);
    let granted = world.enter(&world.mandate("alice").sign()).await.unwrap();
    state.store(1, Ordering::SeqCst);
    assert_eq!(world.auth.recheck(&granted).await.unwrap().0, 1, "as it is now");
    state.store(2, Ordering::SeqCst);
    let inactive = Rejection::InvalidToken(InvalidToken::InactiveUser);
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), inactive);
    state.store(3, Ordering::SeqCst);
    let unknown = Rejection::InvalidToken(InvalidToken::UnknownUser);
    assert_eq!(world.auth.recheck(&granted).await.unwrap_err(), unknown);
}

/// Not only mandates: own tokens, and API keys, which are found again by their id.
#[tokio::test]
async fn own_tokens_and_keys_are_looked_at_again() {
    let store = fauth_testing::memory_store();
    let users = fauth_testing::Users::new();
    let auth =
        fauth_testing::provider_without_store(fauth_testing::config(), &users).store(store).build().unwrap();
    let pair = auth.login("alice").await.unwrap();
    let asked = Requirement::user().allow_api_keys();
    let granted = auth.authenticate_token(pair.access_token().expose(), &asked).await.unwrap();
    let request = fauth_core::api_key::ApiKeyRequest::new("ci");
    let key = auth.create_api_key(&granted, request).await.unwrap();
    let by_key = auth.authenticate_token(key.expose(), &asked).await.unwrap();
    assert!(auth.recheck(&granted).await.is_ok() && auth.recheck(&by_key).await.is_ok());
    let id = ApiKeyId::parse(by_key.payload().token_id()).unwrap();
    assert!(auth.revoke_api_key("alice", &id).await.unwrap());
    assert!(matches!(
        auth.recheck(&by_key).await.unwrap_err(),
        Rejection::InvalidToken(InvalidToken::ApiKey(_))
    ));
    assert!(auth.recheck(&granted).await.is_ok());
    auth.logout_all("alice", &fauth_core::ClientInfo::unknown()).await.unwrap();
    assert!(matches!(auth.recheck(&granted).await.unwrap_err(), Rejection::InvalidToken(_)));
}
