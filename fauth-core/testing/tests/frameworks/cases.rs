//! The cases. `F` is the framework.

use std::time::Duration;

use fauth_core::{AuthProvider, MemoryStore, Purpose, event::EventKind};
use fauth_testing::{
    RequestBody, RequestHeaders, TestAuth, TestClient, TestUser, Users, WireRequest, WireResponse,
    assert_access, assert_event, config, weak_hash, weak_passwords,
};
use serde_json::json;

type Auth = TestAuth<TestUser>;

pub(crate) fn auth() -> Auth {
    TestAuth::new(["alice", "bob", "carol", "dora"].map(|name| Users::new().find(name)))
}

async fn get<F>(app: &impl TestClient<F>, path: &str, headers: &RequestHeaders) -> WireResponse {
    app.send(WireRequest::get(path).with(headers)).await
}

fn error(response: &WireResponse) -> (u16, String) {
    (response.status, response.json()["error"].as_str().unwrap_or_default().to_owned())
}

pub(crate) async fn a_table_of_every_route_passes<F>(auth: &Auth, app: &impl TestClient<F>) {
    assert_access!(auth, *app, {
        let page = auth.login_as("alice").cookie();
        let attacker = auth.login_as("alice").from_foreign_site();
        let reader = auth.token_for("bob").scope("read");
        let late = auth.token_for("alice").scope("read").expired();
        let key = auth.api_key_for("alice").scope("read");

        | route                     | anonymous | alice | bob | carol | page | attacker | reader | late | key |
        |---------------------------|-----------|-------|-----|-------|------|----------|--------|------|-----|
        | GET "/"                   |    200    |  200  | 200 |  200  |  200 |   200    |   200  | 200  | 200 |
        | GET "/me"                 |    401    |  200  | 200 |  401  |  200 |   200    |   200  | 401  | 403 |
        | GET "/admin/"             |    401    |  200  | 403 |  401  |  200 |   200    |   403  | 401  | 403 |
        | GET ("/admin".to_owned() + "/x") | 401 |  404  | 403 |  401  |  404 |   404    |   403  | 401  | 403 |
        | GET "/scoped"             |    401    |  403  | 403 |  401  |  403 |   403    |   200  | 401  | 200 |
        | GET "/sessions"           |    401    |  200  | 200 |  401  |  200 |   200    |   200  | 401  | 403 |
        | POST "/notes" (json!([])) |    401    |  200  | 200 |  401  |  200 |   403    |   200  | 401  | 403 |
    });
}

pub(crate) async fn every_wrong_cell_is_listed<F>(auth: &Auth, app: &impl TestClient<F>) {
    assert_access!(auth, *app, {
        | route         | anonymous | alice | bob | carol |
        |---------------|-----------|-------|-----|-------|
        | GET "/"       |    200    |  200  | 200 |  404  |
        | GET "/admin/" |    200    |  200  | 200 |  401  |
        | GET "/me"     |    401    |  200  | 200 |  401  |
    });
}

pub(crate) async fn an_unknown_user_is_said<F>(auth: &Auth, app: &impl TestClient<F>) {
    assert_access!(auth, *app, {
        | route   | alice | zoe |
        |---------|-------|-----|
        | GET "/" |  200  | 200 |
    });
}

pub(crate) async fn a_visitor_without_column_is_said<F>(auth: &Auth, app: &impl TestClient<F>) {
    assert_access!(auth, *app, {
        let page = auth.login_as("alice").cookie();
        | route   | alice |
        |---------|-------|
        | GET "/" |  200  |
    });
}

pub(crate) async fn each_cell_has_a_login_of_its_own<F>(auth: &Auth, app: &impl TestClient<F>) {
    let kept = auth.login_as("bob").await;
    assert_access!(auth, *app, {
        let kept = kept.clone();
        let page = auth.login_as("bob").cookie();
        | route          | anonymous | bob | page | kept |
        |----------------|-----------|-----|------|------|
        | POST "/logout" |           | 200 | 200  | 200  |
        | GET "/me"      |    401    | 200 | 200  | 401  |
    });
}

pub(crate) async fn a_blank_cell_sends_nothing<F>(auth: &Auth, app: &impl TestClient<F>) {
    auth.events().clear();
    assert_access!(auth, *app, {
        | route               | anonymous | alice | bob |
        |---------------------|-----------|-------|-----|
        | POST "/logout/all"  |           |       | 200 |
        | GET "/me"           |           |  200  |     |
    });
    let event = auth.events().of(EventKind::LoggedOutEverywhere);
    assert_eq!(event.len(), 1, "{:?}", auth.events());
    assert_eq!(auth.events().of(EventKind::LoggedIn).len(), 2, "{:?}", auth.events());
}

pub(crate) async fn logins_are_bearer_tokens_or_cookies<F>(auth: &Auth, app: &impl TestClient<F>) {
    let alice = Users::new().find("alice");
    let program = auth.login_as(&alice).await;
    assert!(program.get("Authorization").unwrap().starts_with("Bearer "));
    assert_eq!(get(app, "/me", &program).await.text(), "alice");
    let page = auth.login_as("alice").cookie().await;
    assert_eq!(page.get("authorization"), None);
    assert_eq!(get(app, "/me", &page).await.text(), "alice");
    let refresh = WireRequest::post("/refresh").with(&page);
    let refreshed = app.send(refresh).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(refreshed.header("set-cookie").len(), 2, "{refreshed:?}");
    assert_eq!(get(app, "/me", &auth.as_anonymous()).await.status, 401);
}

pub(crate) async fn a_cookie_needs_its_proof<F>(auth: &Auth, app: &impl TestClient<F>) {
    let login = || auth.login_as("alice");
    for (headers, status) in [
        (login().cookie().await, 200),
        (login().cookie().without_proof().await, 403),
        (login().from_foreign_site().await, 403),
        (auth.token_for("alice").cookie().await.headers().clone(), 200),
        (login().await, 200),
    ] {
        let response = app.send(WireRequest::post("/notes").with(&headers)).await;
        assert_eq!(response.status, status, "{headers:?} {response:?}");
        assert_eq!(get(app, "/me", &headers).await.status, 200, "reading needs no proof: {headers:?}");
    }
}

pub(crate) async fn tokens_are_good_or_bad_as_told<F>(auth: &Auth, app: &impl TestClient<F>) {
    let token = || auth.token_for("alice");
    for (token, expected) in [
        (token().await, (200, "")),
        (token().expires_in(Duration::from_secs(1)).await, (200, "")),
        (token().expires_in(Duration::ZERO).await, (401, "invalid_token")),
        (token().expired().await, (401, "invalid_token")),
        (token().unsigned().await, (401, "invalid_token")),
        (token().foreign_key().await, (401, "invalid_token")),
        (token().tampered().await, (401, "invalid_token")),
        (token().purpose(Purpose::Refresh).await, (401, "invalid_token")),
        (token().purpose(Purpose::MagicLink).await, (401, "invalid_token")),
    ] {
        let response = get(app, "/me", token.headers()).await;
        assert_eq!(error(&response), (expected.0, expected.1.to_owned()), "{response:?}");
    }
    let payload = auth.verify_signature_and_claims(
        token().claim("tenant", "acme").claim("seats", 3).await.expose(),
        Purpose::Access,
    );
    let payload = payload.unwrap();
    assert_eq!(payload.claim::<String>("tenant").unwrap().as_deref(), Some("acme"));
    assert_eq!(payload.claim::<u64>("seats").unwrap(), Some(3));
}

pub(crate) async fn scopes_count<F>(auth: &Auth, app: &impl TestClient<F>) {
    let (with, without) = (auth.token_for("bob").scopes(["read"]).await, auth.token_for("bob").await);
    assert_eq!(get(app, "/scoped", with.headers()).await.status, 200);
    assert_eq!(error(&get(app, "/scoped", without.headers()).await), (403, "missing_scope".to_owned()));
    let login = auth.login_as("bob").scopes(["read"]).await;
    assert_eq!(get(app, "/scoped", &login).await.status, 200);
}

pub(crate) async fn passwords_log_in<F>(auth: &Auth, app: &impl TestClient<F>) {
    let hash = weak_hash("correct horse").await;
    auth.users().change("dora", |user| user.password_hash = Some(hash));
    let login = |name, password| {
        let form = RequestBody::form([("username", name), ("password", password)]);
        WireRequest::post("/login").with_body(form)
    };
    assert_eq!(app.send(login("dora", "correct horse")).await.status, 200);
    assert_eq!(app.send(login("dora", "battery staple")).await.status, 401);
    assert_eq!(app.send(login("alice", "s3cret")).await.status, 200);
}

pub(crate) async fn users_change<F>(auth: &Auth, app: &impl TestClient<F>) {
    let bob = auth.login_as("bob").await;
    assert_eq!(get(app, "/me", &bob).await.status, 200);
    auth.users().change("bob", |user| user.active = false);
    assert_eq!(get(app, "/me", &bob).await.status, 401);
    assert_eq!(get(app, "/me", &auth.login_as("bob").await).await.status, 401, "a new login is inactive too");
    auth.users().change("bob", |user| (user.active, user.token_epoch) = (true, 1));
    assert_eq!(get(app, "/me", &bob).await.status, 401, "of an older epoch");
    assert_eq!(get(app, "/me", &auth.login_as("bob").await).await.status, 200);
    let stale = auth.users().get("bob");
    auth.users().change("bob", |user| user.token_epoch = 2);
    assert_eq!(get(app, "/me", &auth.login_as(&stale).await).await.status, 200, "the record counts");
    assert!(auth.users().remove("bob"));
    assert_eq!(get(app, "/me", auth.token_for(&stale).await.headers()).await.status, 401);
}

pub(crate) async fn bodies_arrive<F>(auth: &Auth, app: &impl TestClient<F>) {
    let headers = auth.login_as("alice").await;
    let request = WireRequest::post("/notes").with(&headers).with_body(json!({ "text": "hello" }));
    assert_eq!(app.send(request).await.json(), json!({ "text": "hello" }));
}

pub(crate) async fn events_are_recorded<F>(auth: &Auth, app: &impl TestClient<F>) {
    let bob = auth.login_as("bob").await;
    assert_event!(auth.events(), LoggedIn, subject: "bob");
    get(app, "/admin/", &bob).await;
    assert_event!(auth.events(), AccessDenied, subject: "bob", reason: "missing_role");
    let refused = assert_event!(auth.events(), RequestRefused, path: "/admin/");
    assert_eq!(refused.reason.as_deref(), Some("missing_role"));
    auth.events().assert_none(|event| event.subject.as_deref() == Some("alice"));
}

pub(crate) async fn the_clock_turns<F>(auth: &Auth, app: &impl TestClient<F>) {
    let alice = auth.login_as("alice").await;
    assert_eq!(get(app, "/me", &alice).await.status, 200);
    auth.clock().advance(Duration::from_secs(15 * 60));
    assert_eq!(get(app, "/me", &alice).await.status, 401);
}

/// Without the users, the clock and the secret in the kit's hands: everything goes through the
/// provider. The application is that of `auth`, which is of the same secret and takes its tokens.
pub(crate) async fn a_provider_of_its_own_in_real_time<F>(_: &Auth, app: &impl TestClient<F>) {
    let users = Users::new();
    let builder = AuthProvider::builder(config())
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .password(weak_passwords())
        .store(MemoryStore::new());
    let own = TestAuth::with_builder(builder).unwrap();
    let provider = own.provider();
    let guarded = |headers: RequestHeaders| async move {
        let request = WireRequest::get("/me").with(&headers);
        provider.check_current(provider.read(&request)).await.map(|granted| granted.user().name.clone())
    };
    assert_eq!(guarded(own.login_as("alice").await).await.unwrap(), "alice");
    assert_eq!(guarded(own.login_as(&users.find("bob")).await).await.unwrap(), "bob");
    assert!(guarded(own.token_for("alice").expired().await.headers().clone()).await.is_err());
    assert!(guarded(own.token_for("alice").await.headers().clone()).await.is_ok());
    let reset = own.token_for("alice").purpose(Purpose::PasswordReset).await;
    assert!(own.redeem(reset.expose(), fauth_core::OneTimePurpose::PasswordReset).await.is_ok());
    users.change("alice", |user| user.token_epoch = 7);
    assert_event!(own.events(), OneTimeRedeemed, subject: "alice");
    // The tokens of real time are of the future for a clock that stands still in the past.
    let response = get(app, "/me", &own.login_as("bob").await).await;
    assert_eq!(error(&response), (401, "invalid_token".to_owned()));
}
