//! Who presents a refresh token again within the grace window, and whose logout it is.

use std::time::Duration;

use fauth_core::{
    ClientInfo, Purpose, Rejection, SessionConfig, event::EventKind, rejection::InvalidToken,
    store::RevocationTarget,
};
use fauth_testing::{Log, ManualClock, memory_store, sign};
use serde_json::json;
use tracing::Level;

use crate::support::{Tokens, World};

const SECOND: Duration = Duration::from_secs(1);

fn client(address: &str, user_agent: &str) -> ClientInfo {
    ClientInfo::unknown().with_address(address.parse().unwrap()).with_user_agent(user_agent)
}

async fn refresh(world: &World, tokens: &Tokens, client: &ClientInfo) -> Result<Tokens, Rejection> {
    world.auth.refresh(&tokens.refresh, client).await.map(|pair| Tokens::of(&pair))
}

fn kinds(world: &World) -> Vec<EventKind> {
    world.events.take().into_iter().map(|event| event.kind).collect()
}

/// Clients that are the same as `192.0.2.7` with the user agent `one`, and others.
const CLIENTS: [(&str, &str, bool); 5] = [
    ("192.0.2.7", "one", true),
    ("::ffff:192.0.2.7", "one", true),
    ("192.0.2.8", "one", false),
    ("192.0.2.7", "another", false),
    ("2001:db8::1", "one", false),
];

#[tokio::test]
async fn a_repetition_by_another_client_is_suspicious() {
    let log = Log::of_process();
    for (address, user_agent, is_same) in CLIENTS {
        let world = World::new();
        let tokens = Tokens::of(&world.auth.login("alice").await.unwrap());
        let session = world.events.only().session.unwrap();
        let next = refresh(&world, &tokens, &client("192.0.2.7", "one")).await.unwrap();
        world.events.take();
        world.clock.advance(9 * SECOND);
        let again = refresh(&world, &tokens, &client(address, user_agent)).await.unwrap();
        assert_eq!(again.refresh, next.refresh);
        let raised = world.events.take();
        if is_same {
            assert_eq!(raised.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Refreshed]);
            continue;
        }
        let [suspicious, refreshed] = &raised[..] else { panic!("{raised:?}") };
        assert_eq!((suspicious.kind, refreshed.kind), (EventKind::SuspiciousRefresh, EventKind::Refreshed));
        assert_eq!(suspicious.subject.as_deref(), Some("alice"));
        assert_eq!(suspicious.session.as_ref(), Some(&session));
        let records = log.with(&session);
        let record =
            records.iter().find(|record| record.field("event") == Some("suspicious_refresh")).unwrap();
        assert_eq!(record.level, Level::WARN);
        world.works(&again).await;
    }
}

/// A client that moves on to another network, with the newest token, is no stranger.
#[tokio::test]
async fn another_client_with_the_newest_token_is_not_suspicious() {
    let world = World::with(|builder| builder.sessions(SessionConfig::new().bind_grace_to_client(true)));
    let mut tokens = world.log_in("alice").await;
    for (address, user_agent, _) in CLIENTS {
        tokens = refresh(&world, &tokens, &client(address, user_agent)).await.unwrap();
        assert_eq!(kinds(&world), [EventKind::Refreshed], "{address} {user_agent}");
    }
    world.works(&tokens).await;
}

#[tokio::test]
async fn a_bound_window_takes_another_client_for_a_thief() {
    for (address, user_agent, is_same) in CLIENTS {
        let world = World::with(|builder| builder.sessions(SessionConfig::new().bind_grace_to_client(true)));
        let [tokens, other] = [world.log_in("alice").await, world.log_in("alice").await];
        let next = refresh(&world, &tokens, &client("192.0.2.7", "one")).await.unwrap();
        world.events.take();
        let again = refresh(&world, &tokens, &client(address, user_agent)).await;
        if is_same {
            assert_eq!(again.unwrap().refresh, next.refresh);
            assert_eq!(kinds(&world), [EventKind::Refreshed]);
            world.works(&next).await;
        } else {
            assert_eq!(again, Err(Rejection::InvalidToken(InvalidToken::Reused)), "{address} {user_agent}");
            assert_eq!(kinds(&world), [EventKind::TokenTheft]);
            world.is_over(&next, "a thief has a copy").await;
        }
        world.works(&other).await;
    }
}

#[tokio::test]
async fn clients_of_whom_nothing_is_known_are_the_same() {
    let world = World::with(|builder| builder.sessions(SessionConfig::new().bind_grace_to_client(true)));
    let tokens = world.log_in("alice").await;
    let next = world.refresh(&tokens).await.unwrap();
    assert_eq!(world.refresh(&tokens).await.unwrap().refresh, next.refresh);
    assert_eq!(kinds(&world), [EventKind::Refreshed, EventKind::Refreshed]);
    // But not the same as one of whom something is known.
    let known = refresh(&world, &tokens, &client("192.0.2.7", "one")).await;
    assert_eq!(known, Err(Rejection::InvalidToken(InvalidToken::Reused)));
}

// ------------------------------------------------------------------------------------------------
// whose logout

fn minted(subject: &str, session: &str) -> String {
    let now = ManualClock::START.unix_seconds();
    let claims = json!({
        "sub": subject, "exp": now + 900, "iat": now, "jti": "minted", "token_type": "access", "scopes": [],
        "sid": session, "app": "default",
    });
    sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims.to_string())
}

/// The session of another subject, one that is not known, and a name that no session can have.
#[tokio::test]
async fn a_logout_with_a_foreign_session_ends_nothing_of_others() {
    let store = memory_store();
    let world = World::with(|builder| builder.store(store.clone()));
    let [alice, bob] = [world.log_in("alice").await, world.log_in("bob").await];
    let foreign = [
        world.session_of(&alice).as_str().to_owned(),
        "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "no session".to_owned(),
    ];
    for (count, session) in (1..).zip(&foreign) {
        let token = minted("bob", session);
        for _ in 0..2 {
            world.auth.logout(&token, &ClientInfo::unknown()).await.unwrap();
        }
        assert_eq!(store.sizes().revocations, count, "{session}");
        let tokens = Tokens { access: token, refresh: String::new() };
        world.is_over(&tokens, session).await;
    }
    assert_eq!(world.auth.sessions("alice").await.unwrap().len(), 1);
    world.works(&alice).await;
    world.works(&bob).await;
}

/// Under another subject nothing is revoked, by whoever asks for it.
#[tokio::test]
async fn a_session_is_revoked_under_its_own_subject_only() {
    let world = World::new();
    let [alice, bob] = [world.log_in("alice").await, world.log_in("bob").await];
    let id = world.session_of(&alice);
    world.auth.revoke("bob", &[RevocationTarget::Session(id.as_str())]).await.unwrap();
    assert_eq!(world.auth.revoke_session("bob", &id, &ClientInfo::unknown()).await, Ok(false));
    let alice = world.works(&alice).await;
    world.works(&bob).await;
    let payload = world.auth.verify_signature_and_claims(&alice.access, Purpose::Access).unwrap();
    world.auth.logout_others(&payload, &ClientInfo::unknown()).await.unwrap();
    world.works(&alice).await;
}
