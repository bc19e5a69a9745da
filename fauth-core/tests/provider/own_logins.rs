//! Logins of the application's own: nothing that ends a subject's logins is missed, however long
//! the application takes.

use std::{io, pin::pin, sync::Arc};

use fauth_core::{
    ClientInfo, LoginRequest, MemoryStore, OneTimePurpose, Rejection, Requirement, TokenClaims, TokenPair,
    one_time::OneTimeRequest,
    rejection::{InvalidToken, Misconfigured},
};
use fauth_testing::TestUser;
use tokio::sync::Notify;

use crate::support::{World, poll_once};

const NOBODY: ClientInfo = ClientInfo::unknown();

async fn check(world: &World, pair: &TokenPair) -> Result<(), Rejection> {
    let access = pair.access_token().expose();
    world.auth.authenticate_token(access, &Requirement::user()).await.map(drop)
}

const OVER: Result<(), Rejection> = Err(Rejection::InvalidToken(InvalidToken::OldEpoch));

#[tokio::test]
async fn a_password_change_ends_a_login_whose_claims_are_being_loaded() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let world = World::with(|builder| {
        builder.token_claims(move |_: Arc<TestUser>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                io::Result::Ok(TokenClaims::new())
            }
        })
    });
    let mut login = pin!(world.auth.login("alice"));
    assert!(poll_once(login.as_mut()).is_pending());
    world.auth.password_changed("alice", &NOBODY).await.unwrap();
    go_on.notify_one();
    assert_eq!(check(&world, &login.await.unwrap()).await, OVER);
    go_on.notify_one();
    assert_eq!(check(&world, &world.auth.login("alice").await.unwrap()).await, Ok(()));
}

#[tokio::test]
async fn a_password_change_ends_a_login_between_the_password_and_the_second_factor() {
    let world = World::new();
    let user = world.auth.authenticate("alice", "s3cret", &NOBODY).await.unwrap();
    assert_eq!((&*user.name, &*user.user().name), ("alice", "alice"));
    assert_eq!(format!("{user:?}"), "Authenticated(..)");
    let in_time = world.auth.login(&user).await.unwrap();
    assert_eq!(check(&world, &in_time).await, Ok(()));
    world.auth.password_changed("alice", &NOBODY).await.unwrap();
    assert_eq!(check(&world, &world.auth.login(&user).await.unwrap()).await, OVER);
    // Whoever makes a request of the user alone has found out anew who it is.
    let anew = world.auth.login(LoginRequest::for_user(&*user.into_user())).await.unwrap();
    assert_eq!(check(&world, &anew).await, Ok(()));
}

#[tokio::test]
async fn a_logout_everywhere_ends_a_login_by_a_link_that_was_redeemed_before() {
    let world = World::with(|builder| builder.one_time_store(MemoryStore::new()));
    let user = world.users.find("alice");
    let mailed =
        world.auth.issue_one_time(OneTimePurpose::MagicLink, OneTimeRequest::for_user(&user)).await.unwrap();
    let redeemed = world.auth.redeem(mailed.expose(), OneTimePurpose::MagicLink).await.unwrap();
    assert_eq!(check(&world, &world.auth.login(&redeemed).await.unwrap()).await, Ok(()));
    world.auth.logout_all("alice", &NOBODY).await.unwrap();
    assert_eq!(check(&world, &world.auth.login(&redeemed).await.unwrap()).await, OVER);
}

/// The user is known already: nobody is asked who it is.
#[tokio::test]
async fn a_login_of_a_user_who_was_loaded_loads_it_once() {
    let world = World::with(|builder| {
        builder.token_claims(async |user: Arc<TestUser>| {
            io::Result::Ok(TokenClaims::new().scopes(user.permissions.iter().cloned()))
        })
    });
    let user = world.auth.authenticate("alice", "s3cret", &NOBODY).await.unwrap();
    let pair = world.auth.login(&user).await.unwrap();
    assert_eq!(pair.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(world.users.user_loads(), 0);
    let pair = world.auth.login(LoginRequest::for_user(&*user)).await.unwrap();
    assert_eq!(pair.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(world.users.user_loads(), 1);
}

/// Users of another application may have the same type, and the same names.
#[tokio::test]
async fn what_one_provider_has_found_out_is_no_login_of_another() {
    let with_mails = || World::with(|builder| builder.one_time_store(MemoryStore::new()));
    let (customers, staff) = (with_mails(), with_mails());
    let user = customers.auth.authenticate("alice", "s3cret", &NOBODY).await.unwrap();
    let alice = customers.users.find("alice");
    let request = OneTimeRequest::for_user(&alice);
    let mailed = customers.auth.issue_one_time(OneTimePurpose::MagicLink, request).await.unwrap();
    let redeemed = customers.auth.redeem(mailed.expose(), OneTimePurpose::MagicLink).await.unwrap();
    for request in [LoginRequest::from(&user), LoginRequest::from(&redeemed)] {
        let refused = staff.auth.login(request).await.unwrap_err();
        assert_eq!(refused, Rejection::Misconfigured(Misconfigured::OtherProvider));
    }
    assert_eq!(staff.auth.sessions("alice").await.unwrap().len(), 0);
    customers.auth.clone().login(user).await.unwrap();
    customers.auth.login(redeemed).await.unwrap();
}
