//! A subject that is forgotten as a whole.

use std::time::Duration;

use fauth_core::{
    AuthProviderBuilder, ClientInfo, LoginRequest, OneTimePurpose, Rejection,
    api_key::ApiKeyRequest,
    clock::Clock as _,
    event::EventKind,
    one_time::OneTimeRequest,
    rejection::{Misconfigured, Unavailable},
    store::RevocationTarget,
};
use fauth_testing::{Fault, FaultyStore, memory_store};

use crate::support::{Tokens, World};

fn world() -> (World, FaultyStore) {
    let store = FaultyStore::new(memory_store());
    (World::with(|builder| builder.store(store.clone())), store)
}

/// Everything that somebody can have.
async fn settle(world: &World, subject: &'static str) -> (Tokens, String) {
    let tokens = world.log_in(subject).await;
    world.log_in(subject).await;
    let key = world.auth.danger_create_api_key_for(subject, ApiKeyRequest::new("deploy")).await.unwrap();
    let user = world.users.find(subject);
    let mail = world.auth.issue_one_time(OneTimePurpose::MagicLink, OneTimeRequest::for_user(&user)).await;
    mail.unwrap();
    (tokens, key.expose().to_owned())
}

#[tokio::test]
async fn nothing_is_kept_but_what_still_protects() {
    let (world, store) = world();
    let (alice, _) = settle(&world, "alice").await;
    let bare = world.access("alice");
    world.works(&alice).await;
    let gone = world.log_in("alice").await;
    world.auth.revoke_session("alice", &world.session_of(&gone), &ClientInfo::unknown()).await.unwrap();
    let (bob, _) = settle(&world, "bob").await;
    world.events.take();

    world.auth.forget("alice").await.unwrap();
    let sizes = store.inner().sizes();
    assert_eq!((sizes.sessions, sizes.one_time_tokens, sizes.api_keys), (2, 1, 1), "those of bob");
    let told: Vec<_> = world.events.take().into_iter().map(|event| (event.kind, event.reason)).collect();
    let expected =
        [(EventKind::ApiKeyRevoked, Some("subject_forgotten")), (EventKind::SubjectForgotten, None)];
    assert_eq!(told, expected);

    let bare = Tokens { access: bare, refresh: gone.refresh.clone() };
    for (tokens, which) in [(&alice, "live"), (&gone, "ended before"), (&bare, "without a session")] {
        world.is_over(tokens, which).await;
    }
    world.works(&bob).await;

    // Again, and for somebody who was never there.
    world.auth.forget("alice").await.unwrap();
    world.auth.forget("nobody").await.unwrap();
    // Whoever comes back is served.
    let again = world.log_in("alice").await;
    world.works(&again).await;
}

/// Other instances may issue tokens that outlast every login of this one.
#[tokio::test]
async fn what_was_issued_stays_refused_until_its_end() {
    let (world, store) = world();
    let tokens = world.log_in("alice").await;
    let day = Duration::from_secs(24 * 3600);
    world.auth.forget("alice").await.unwrap();
    let ends: Vec<_> = store.revocation_ends().into_iter().filter(|(kind, _)| *kind == "epoch").collect();
    let longest = world.clock.now().unwrap().checked_add(30 * day).unwrap();
    assert!(!ends.is_empty() && ends.iter().all(|(_, until)| *until >= longest), "{ends:?}");
    world.clock.advance(Duration::from_secs(600));
    world.enter(&tokens).await.unwrap_err();
}

#[tokio::test]
async fn somebody_who_was_kept_out_stays_out() {
    let (world, _) = world();
    world.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
    world.auth.forget("alice").await.unwrap();
    let refused = world.auth.login(LoginRequest::for_subject("alice")).await.map(drop);
    assert_eq!(refused, Err(Rejection::InvalidCredentials));
}

#[tokio::test]
async fn what_fails_half_way_is_told_and_can_be_repeated() {
    for method in
        ["list_sessions", "forget_revocations", "forget_sessions", "withdraw", "list_keys", "forget_keys"]
    {
        let (world, store) = world();
        settle(&world, "alice").await;
        store.fault_at(method, Fault::Fails);
        let failed = world.auth.forget("alice").await;
        assert_eq!(failed, Err(Rejection::Unavailable(Unavailable::Store)), "{method}");
        assert!(world.events.take().iter().all(|event| event.kind != EventKind::SubjectForgotten));
        store.recover();
        world.auth.forget("alice").await.unwrap();
        let sizes = store.inner().sizes();
        assert_eq!((sizes.sessions, sizes.one_time_tokens, sizes.api_keys), (0, 0, 0), "{method}");
    }
}

#[tokio::test]
async fn a_subject_has_bounds_and_a_store_is_needed() {
    let (world, _) = world();
    let misconfigured = |fault| Err(Rejection::Misconfigured(fault));
    world.auth.forget(&"x".repeat(255)).await.unwrap();
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(world.auth.forget(bad).await, misconfigured(Misconfigured::NotRevocable));
    }
    let stateless = World::without_store(AuthProviderBuilder::danger_stateless);
    assert_eq!(stateless.auth.forget("alice").await, misconfigured(Misconfigured::NoStore));
}
