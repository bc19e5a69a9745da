//! Who somebody is: made of claims, or loaded.

use std::sync::Arc;

use fauth_core::{AuthProvider, Missing, Rejection, Requirement, TokenPayload, rejection::InvalidToken};
use fauth_testing::{ManualClock, TestUser, WireRequest};
use serde_json::json;

use crate::support::{ISSUER, World, enter, trusted};

#[tokio::test]
async fn roles_permissions_and_scopes_are_what_the_issuer_says() {
    let world = World::new();
    let token = world
        .token("alice")
        .claim("roles", json!(["admin"]))
        .claim("permissions", "read write")
        .claim("scope", "orders")
        .sign();
    let head = WireRequest::get("/").bearer(&token);
    let check = async |requirement: Requirement| {
        world.auth.check(world.auth.read(&head), &requirement).await.map(|_| ())
    };
    assert_eq!(check(Requirement::user().roles(["admin"])).await, Ok(()));
    assert_eq!(check(Requirement::user().permissions(["write"])).await, Ok(()));
    assert_eq!(check(Requirement::user().scopes(["orders"])).await, Ok(()));
    assert_eq!(
        check(Requirement::user().roles(["user"])).await,
        Err(Rejection::Forbidden(Missing::Role("user".into())))
    );
    assert!(matches!(
        check(Requirement::user().scopes(["other"])).await,
        Err(Rejection::Forbidden(Missing::Scopes(_)))
    ));
}

/// What an own token says in `scopes` is no right in that of another issuer.
#[tokio::test]
async fn only_mapped_claims_are_rights() {
    let world = World::new();
    let token = world.token("alice").claim("scopes", json!(["orders"])).sign();
    let granted = world.enter(&token).await.unwrap();
    assert!(granted.payload().scopes().is_empty() && granted.payload().roles().count() == 0);
}

#[tokio::test]
async fn a_loader_sees_whose_subject_it_is() {
    let world = World::new();
    let load = async |token: Arc<TokenPayload>| {
        assert_eq!(token.issuer(), Some(ISSUER));
        let known = token.subject() == "alice";
        Ok::<_, std::io::Error>(known.then(|| crate::support::user(&token)))
    };
    let auth: AuthProvider<TestUser> = AuthProvider::resource_server(trusted(&world.keys, &world.issuer))
        .danger_share_application()
        .user_loader(load)
        .clock(ManualClock::new())
        .build()
        .unwrap();
    enter(&auth, &world.token("alice").sign()).await.unwrap();
    let outcome = enter(&auth, &world.token("bob").sign()).await;
    assert!(matches!(outcome, Err(Rejection::InvalidToken(InvalidToken::UnknownUser))), "{outcome:?}");
}

/// The record of a user does not know of the tokens of others, and these not of it.
#[tokio::test]
async fn the_epoch_of_a_record_is_that_of_own_tokens() {
    let world = World::new();
    let load = async |token: Arc<TokenPayload>| {
        Ok::<_, std::io::Error>(Some(TestUser { token_epoch: 7, ..crate::support::user(&token) }))
    };
    let auth: AuthProvider<TestUser> = AuthProvider::resource_server(trusted(&world.keys, &world.issuer))
        .danger_share_application()
        .user_loader(load)
        .clock(ManualClock::new())
        .build()
        .unwrap();
    enter(&auth, &world.token("alice").sign()).await.unwrap();
}
