//! What a provider trusts that has no sessions, or a store that has forgotten: logins without a
//! session, refresh tokens from before, API keys and subjects that another provider has revoked.

use std::time::Duration;

use fauth_core::{
    AuthConfig, ClientInfo, MemoryStore, Purpose, Rejection, Requirement,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    rejection::{InvalidToken, Unavailable},
    routes::Endpoint,
    store::RevocationTarget,
    token::TokenProfile,
};
use fauth_testing::{
    Fault, FaultyStore, ManualClock, SECRET, Users, WireRequest, memory_store, provider_without_store, sign,
};

use crate::support::{Sink, Tokens, World, get, login_request};

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

// ------------------------------------------------------------------------------------------------
// tokens of the Python fauth

/// A service without sessions that has taken over from the Python fauth.
fn migrated() -> World {
    let config = AuthConfig::builder()
        .secret(SECRET)
        .token_profile(TokenProfile::PythonFauthMigration)
        .danger_trust_since(Timestamp::from_unix_seconds(ManualClock::START.unix_seconds() - 86_400))
        .build()
        .unwrap();
    let (users, clock, events) = (Users::new(), ManualClock::new(), Sink::default());
    let builder = provider_without_store(config, &users).clock(clock.clone()).events(events.clone());
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let auth = builder.danger_stateless().revocation_store(store).build().unwrap();
    World { users, clock, events, auth }
}

/// What a user has who has logged in there ten minutes ago.
fn python(id: &str) -> Tokens {
    let issued = ManualClock::START.unix_seconds() - 600;
    let token = |purpose: &str, lifetime: i64| {
        let claims = serde_json::json!({
            "sub": "alice", "iat": issued, "exp": issued + lifetime, "jti": format!("{id} {purpose}"),
            "token_type": purpose, "scopes": [],
        });
        sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
    };
    Tokens { access: token("access", 3600), refresh: token("refresh", 86_400) }
}

/// All that was ever made of one refresh token is one login, however often it was exchanged.
#[tokio::test]
async fn a_login_that_was_taken_over_ends_with_a_logout_by_any_of_its_tokens() {
    for by in ["its first token", "an access token", "a refresh token", "one of another exchange"] {
        let world = migrated();
        let (first, other) = (python("one"), python("two"));
        let second = world.works(&first).await;
        let third = world.refresh(&second).await.unwrap();
        let beside = world.refresh(&first).await.unwrap();
        world.works(&third).await;
        let token = match by {
            "its first token" => &first.refresh,
            "an access token" => &third.access,
            "a refresh token" => &second.refresh,
            _ => &beside.access,
        };
        let request = WireRequest::new("POST", "/logout").bearer(token);
        if token == &third.access || token == &beside.access {
            let reply = world.call(Endpoint::Logout, &request).await;
            let body: serde_json::Value = serde_json::from_slice(reply.body_bytes()).unwrap();
            assert_eq!((reply.status(), &body["revoked"]), (200, &true.into()), "{by}");
        } else {
            world.auth.logout(token, &ClientInfo::unknown()).await.unwrap();
        }
        for tokens in [&second, &third, &beside] {
            world.is_over(tokens, by).await;
        }
        assert!(world.refresh(&first).await.is_err(), "{by}");
        // For as long as any of it could last.
        world.clock.advance(DAY.saturating_sub(Duration::from_secs(601)));
        assert!(world.refresh(&first).await.is_err(), "{by}");
        assert!(world.refresh(&second).await.is_err(), "{by}");
        world.refresh(&other).await.unwrap();
    }
}

/// Its access token does not say which refresh token was issued with it, and nothing is promised.
#[tokio::test]
async fn a_logout_with_an_access_token_of_before_says_that_it_ends_only_that() {
    let world = migrated();
    let tokens = python("one");
    let reply =
        world.call(Endpoint::Logout, &WireRequest::new("POST", "/logout").bearer(&tokens.access)).await;
    let body: serde_json::Value = serde_json::from_slice(reply.body_bytes()).unwrap();
    assert_eq!((reply.status(), &body["revoked"]), (200, &false.into()));
    assert!(body["detail"].as_str().unwrap().contains("refresh token"), "{body}");
    assert!(world.enter(&tokens).await.is_err());
    world.auth.logout(&tokens.refresh, &ClientInfo::unknown()).await.unwrap();
    world.is_over(&tokens, "logged out with the refresh token").await;
}

/// A service may have written a `sid` of its own form, such as a UUID, into both tokens.
#[tokio::test]
async fn a_login_with_a_foreign_session_ends_with_a_logout_by_any_of_its_tokens() {
    let issued = ManualClock::START.unix_seconds() - 600;
    let token = |purpose: &str| {
        let claims = serde_json::json!({
            "sub": "alice", "iat": issued, "exp": issued + 3600, "jti": purpose,
            "token_type": purpose, "scopes": [], "sid": "9b2e1c04-7d3a-4f58-8e61-0a5c9d7f2b13",
        });
        sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
    };
    for by in ["the first refresh token", "the first access token", "an access token", "a refresh token"] {
        let world = migrated();
        let first = Tokens { access: token("access"), refresh: token("refresh") };
        let second = world.works(&first).await;
        let token = match by {
            "the first refresh token" => &first.refresh,
            "the first access token" => &first.access,
            "an access token" => &second.access,
            _ => &second.refresh,
        };
        world.auth.logout(token, &ClientInfo::unknown()).await.unwrap();
        world.is_over(&second, by).await;
        assert!(world.refresh(&first).await.is_err(), "{by}");
        // What was made here does not know what the other service has called it.
        if by.contains("first") {
            world.is_over(&first, by).await;
        }
    }
}
