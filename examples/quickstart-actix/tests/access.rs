//! Who may use which route.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use actix_web::{App, test::init_service};
use fauth_core::CsrfTokens;
use fauth_testing::{TestAuth, assert_access};
use quickstart_actix::{User, Users, routes};
use serde_json::json;

/// The users of the service, in a provider of the test's own.
async fn auth() -> TestAuth<User> {
    let users = Users::sample().await.unwrap();
    TestAuth::builder(users.iter()).configure(|builder| builder.csrf_tokens(CsrfTokens::new())).build()
}

/// Carol is inactive: it does not matter what she once could do.
#[actix_web::test]
async fn every_route_lets_in_whom_it_should() {
    let auth = auth().await;
    let app = init_service(App::new().configure(|config| routes(auth.provider(), config))).await;

    assert_access!(auth, app, {
        | route                     | anonymous | alice | bob | carol |
        |---------------------------|-----------|-------|-----|-------|
        | GET "/"                   |    200    |  200  | 200 |  200  |
        | GET "/me"                 |    401    |  200  | 200 |  401  |
        | GET "/whoami"             |    200    |  200  | 200 |  401  |
        | GET "/admin/"             |    401    |  200  | 403 |  401  |
        | GET "/admin/nothing"      |    401    |  404  | 403 |  401  |
        | GET "/reports"            |    401    |  200  | 403 |  401  |
        | GET "/internal/dashboard" |    401    |  200  | 200 |  401  |
        | GET "/internal/settings"  |    401    |  200  | 200 |  401  |
        | GET "/internal/nothing"   |    401    |  404  | 404 |  401  |
        | GET "/nothing"            |    404    |  404  | 404 |  404  |
        | GET "/sessions"           |    401    |  200  | 200 |  401  |
        | DELETE "/sessions/none"   |    401    |  404  | 404 |  401  |
        | POST "/logout"            |    401    |  200  | 200 |  200  |
        | POST "/logout/all"        |    401    |  200  | 200 |  401  |
    });
}

#[actix_web::test]
async fn pages_and_actions_let_in_whom_they_should() {
    let auth = auth().await;
    let app = init_service(App::new().configure(|config| routes(auth.provider(), config))).await;
    let note = || json!({ "text": "milk" });

    assert_access!(auth, app, {
        let page = auth.login_as("alice").cookie();
        let attacker = auth.login_as("alice").from_foreign_site();

        | route                          | anonymous | alice | bob | carol | page | attacker |
        |--------------------------------|-----------|-------|-----|-------|------|----------|
        | GET "/session/about"           |    200    |  200  | 200 |  401  | 200  |   200    |
        | GET "/session/sign-in"         |    200    |  403  | 403 |  401  | 403  |   403    |
        | GET "/session/dashboard"       |    401    |  200  | 200 |  401  | 200  |   200    |
        | GET "/session/admin"           |    401    |  200  | 403 |  401  | 200  |   200    |
        | POST "/session/notes" (note()) |    401    |  200  | 403 |  401  | 200  |   403    |
        | POST "/session/sign-out"       |    401    |  200  | 200 |  401  | 303  |   403    |
    });
}

#[actix_web::test]
async fn a_login_needs_the_password_of_an_active_user() {
    let auth = auth().await;
    let app = init_service(App::new().configure(|config| routes(auth.provider(), config))).await;
    let login = |name, password| json!({ "username": name, "password": password });

    assert_access!(auth, app, {
        | route                                                | anonymous |
        |------------------------------------------------------|-----------|
        | POST "/login" (login("alice", "green-ideas-sleep"))  |    200    |
        | POST "/login" (login("alice", "hunter2-and-a-half")) |    401    |
        | POST "/login" (login("bob", "hunter2-and-a-half"))   |    200    |
        | POST "/login" (login("carol", "seventeen-old-hats")) |    401    |
        | POST "/login" (login("dora", "green-ideas-sleep"))   |    401    |
    });
}

#[actix_web::test]
async fn cookies_and_tokens_are_good_for_what_they_say() {
    let auth = auth().await;
    let app = init_service(App::new().configure(|config| routes(auth.provider(), config))).await;

    assert_access!(auth, app, {
        let page = auth.login_as("alice").cookie();
        let attacker = auth.login_as("alice").from_foreign_site();
        let late = auth.token_for("alice").expired();
        let forger = auth.token_for("alice").foreign_key();

        | route              | page | attacker | late | forger |
        |--------------------|------|----------|------|--------|
        | GET "/admin/"      | 200  |   200    | 401  |  401   |
        | GET "/whoami"      | 200  |   200    | 401  |  401   |
        | POST "/logout/all" | 200  |   403    | 401  |  401   |
    });
}

/// The service as it runs: with its own users, a database, and in real time.
#[cfg(feature = "sqlite")]
#[actix_web::test]
async fn a_database_makes_no_difference() {
    use fauth_core::{AuthProvider, store::SqliteStore};

    let database = concat!("sqlite:", env!("CARGO_TARGET_TMPDIR"), "/access-actix.db");
    let store = SqliteStore::connect(database).await.unwrap();
    store.migrate().await.unwrap();
    let users = Users::sample().await.unwrap();
    let builder = AuthProvider::builder(fauth_testing::config())
        .user_loader(users.clone())
        .identity_loader(users)
        .store(store);
    let auth = TestAuth::with_builder(builder).unwrap();
    let app = init_service(App::new().configure(|config| routes(auth.provider(), config))).await;

    assert_access!(auth, app, {
        let late = auth.token_for("alice").expired();

        | route              | anonymous | alice | bob | carol | late |
        |--------------------|-----------|-------|-----|-------|------|
        | GET "/me"          |    401    |  200  | 200 |  401  | 401  |
        | GET "/admin/"      |    401    |  200  | 403 |  401  | 401  |
        | GET "/sessions"    |    401    |  200  | 200 |  401  | 401  |
        | POST "/logout/all" |    401    |  200  | 200 |  401  | 401  |
    });
}
