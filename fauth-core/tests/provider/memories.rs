//! What a provider trusts that has no sessions, or a store that has forgotten: logins without a
//! session, refresh tokens from before, API keys and subjects that another provider has revoked.

use std::time::Duration;

use fauth_core::{
    ClientInfo, MemoryStore, Purpose, Rejection, Requirement,
    api_key::ApiKeyRequest,
    rejection::{InvalidToken, Unavailable},
    routes::Endpoint,
    store::RevocationTarget,
};
use fauth_testing::{Fault, FaultyStore, ManualClock, memory_store};

use crate::support::{World, get, login_request};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn invalid(reason: InvalidToken) -> Rejection {
    Rejection::InvalidToken(reason)
}

#[tokio::test]
async fn a_stateless_login_ends_after_its_lifetime_however_often_it_is_refreshed() {
    let world = World::without_store(fauth_core::AuthProviderBuilder::danger_stateless);
    let end = ManualClock::START.checked_add(30 * DAY).unwrap();
    let mut tokens = world.log_in("alice").await;
    let mut refreshes = 0;
    loop {
        world.clock.advance(4 * DAY + 7 * SECOND);
        match world.refresh(&tokens).await {
            Ok(next) => tokens = next,
            Err(refused) => {
                assert_eq!(refused.reason(), "token_expired");
                break;
            }
        }
        refreshes += 1;
        for (token, purpose) in [(&tokens.access, Purpose::Access), (&tokens.refresh, Purpose::Refresh)] {
            let payload = world.auth.verify_signature_and_claims(token, purpose).unwrap();
            assert!(payload.expires_at() <= end, "{purpose:?} {refreshes}");
        }
    }
    assert_eq!(refreshes, 7, "to the last of thirty days");
    // In its last second it is alive, and then it is not.
    let world = World::without_store(fauth_core::AuthProviderBuilder::danger_stateless);
    let mut tokens = world.log_in("alice").await;
    for day in 1..=5 {
        world.clock.set(ManualClock::START.checked_add((DAY * 6 * day).saturating_sub(SECOND)).unwrap());
        tokens = world.refresh(&tokens).await.unwrap();
    }
    assert_eq!(world.enter(&tokens).await, Ok(()));
    world.clock.advance(SECOND);
    world.is_over(&tokens, "its thirty days are over").await;
}

/// Where a session store knows that the session lives, a revocation store that was lost does not
/// end it. Where nobody else knows, it does.
#[tokio::test]
async fn a_refresh_token_older_than_the_memory_of_revocations() {
    let remembering = memory_store();
    let sessions = memory_store();
    let before = World::without_store(|builder| {
        builder
            .session_store(sessions.clone())
            .revocation_store(remembering.clone())
            .revocable_claim("device")
    });
    let tokens = before.log_in("alice").await;
    let stateless =
        World::without_store(|builder| builder.danger_stateless().revocation_store(remembering.clone()));
    let lone = stateless.log_in("alice").await;

    let since = ManualClock::START.checked_add(SECOND).unwrap();
    let forgetful = MemoryStore::builder().remembers_since(since).build();
    let with_claims = World::without_store(|builder| {
        builder.session_store(sessions.clone()).revocation_store(forgetful.clone()).revocable_claim("device")
    });
    let without_claims = World::without_store(|builder| {
        builder.session_store(sessions.clone()).revocation_store(forgetful.clone())
    });
    let stateless =
        World::without_store(|builder| builder.danger_stateless().revocation_store(forgetful.clone()));
    for world in [&with_claims, &without_claims, &stateless] {
        world.clock.advance(SECOND);
    }
    assert_eq!(stateless.refresh(&lone).await, Err(invalid(InvalidToken::BeforeMemory)), "nobody else knows");
    let next = without_claims.refresh(&tokens).await.unwrap();
    assert_eq!(without_claims.enter(&next).await, Ok(()), "the session lives");
    assert_eq!(without_claims.enter(&tokens).await, Err(invalid(InvalidToken::BeforeMemory)));
    let next = without_claims.works(&next).await;
    // No session knows whether a device was revoked.
    let older = before.log_in("alice").await;
    assert_eq!(with_claims.refresh(&older).await, Err(invalid(InvalidToken::BeforeMemory)));
    with_claims.works(&next).await;
}

/// A provider that keeps no API keys revokes one by its id, or its owner.
#[tokio::test]
async fn an_api_key_is_refused_that_another_provider_has_revoked() {
    let revocations = memory_store();
    let keys = World::without_store(|builder| {
        builder
            .session_store(memory_store())
            .revocation_store(revocations.clone())
            .api_key_store(memory_store())
    });
    let elsewhere = World::without_store(|builder| {
        builder.session_store(memory_store()).revocation_store(revocations.clone())
    });
    let create = async |owner: &str| {
        keys.auth.danger_create_api_key_for(owner, ApiKeyRequest::new("deploy").scope("read")).await.unwrap()
    };
    let present = async |key: &str| {
        let head = get("/").bearer(key);
        keys.auth.check(keys.auth.read(&head), &Requirement::user().scopes(["read"])).await.map(drop)
    };
    let [one, two, bobs] = [create("alice").await, create("alice").await, create("bob").await];
    for key in [&one, &two, &bobs] {
        assert_eq!(present(key.expose()).await, Ok(()));
    }
    elsewhere.auth.revoke("alice", &[RevocationTarget::TokenId(one.key().id.as_str())]).await.unwrap();
    assert_eq!(present(one.expose()).await, Err(invalid(InvalidToken::Revoked)));
    assert_eq!(present(two.expose()).await, Ok(()), "another key of the same owner");
    elsewhere.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
    assert_eq!(present(two.expose()).await, Err(invalid(InvalidToken::Revoked)));
    assert_eq!(present(bobs.expose()).await, Ok(()), "another owner");
}

/// Neither by what is asked nor by what a failure changes.
#[tokio::test]
async fn unknown_users_ask_the_revocation_store_like_known_ones() {
    let store = FaultyStore::default();
    let world =
        World::without_store(|builder| builder.session_store(store.clone()).revocation_store(store.clone()));
    let asked = async |name: &str, password: &str| {
        store.calls();
        let outcome = world.auth.authenticate(name, password, &ClientInfo::unknown()).await.map(drop);
        (outcome, store.calls())
    };
    let wrong = asked("alice", "wrong").await;
    assert_eq!(wrong, (Err(Rejection::InvalidCredentials), vec!["epoch"]));
    assert_eq!(asked("nobody", "wrong").await, wrong);
    assert_eq!(asked(&"x".repeat(1_000), "wrong").await, wrong);
    store.fault(Fault::Fails);
    let failed = asked("alice", "wrong").await;
    assert_eq!(failed, (Err(Rejection::Unavailable(Unavailable::Store)), vec!["epoch"]));
    assert_eq!(asked("nobody", "wrong").await, failed);
    for name in ["alice", "nobody"] {
        let reply = world.call(Endpoint::Login, &login_request(name, "wrong")).await;
        assert_eq!(reply.status(), 503, "{name}");
    }
}
