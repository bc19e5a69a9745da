//! What no revocation store knows: sessions where there is none, and API keys.

use fauth_core::{
    ClientInfo, Guard, LogoutAll, LogoutRequest, Requirement,
    api_key::ApiKeyRequest,
    ended::{EndReason, Ended},
    store::{ApiKeyStore as _, RevocationTarget, SessionId, SessionStore as _},
    transport::{BearerTransport, SessionCookie},
};
use fauth_testing::{Fault, FaultyStore, WireRequest, memory_store};
use tokio::time::sleep;

use super::{Auth, MINUTE, SECOND, settle, socket, stays, within};
use crate::support::World;

fn nobody() -> ClientInfo {
    ClientInfo::unknown()
}

/// Sessions are kept, and nothing else knows that they have ended.
fn sessions_alone(store: &(impl fauth_core::store::SessionStore + Clone)) -> World {
    let store = store.clone();
    World::without_store(|builder| {
        builder
            .session_store(store)
            .danger_without_revocation()
            .transport(BearerTransport::new())
            .transport(SessionCookie::new())
    })
}

fn page(cookie: &str) -> WireRequest {
    let head = WireRequest::new("POST", "/").header("host", "app.example");
    head.header("sec-fetch-site", "same-origin").header("cookie", format!("__Host-session={cookie}"))
}

/// Logs a browser in, and opens a socket behind a guard.
async fn browser(auth: &Auth, name: &str) -> (String, SessionId, Ended) {
    let reply = auth.login_reply(&page(""), name).await.unwrap();
    let cookie = reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap();
    let value = cookie.value().strip_prefix("__Host-session=").unwrap().split(';').next().unwrap();
    let (guard, head) = (Guard::new(auth, Requirement::user()), page(value));
    let (granted, _) = guard.enter(guard.read(&head, None)).await.unwrap().into_parts();
    let granted = granted.unwrap();
    let id = SessionId::parse(granted.payload().session_id().unwrap()).unwrap();
    (value.to_owned(), id, granted.ended())
}

#[tokio::test(start_paused = true)]
async fn a_browser_session_that_only_the_session_store_knows_ends_at_once() {
    for act in ["logout", "revoke_session", "logout_all", "forgotten"] {
        let store = memory_store();
        let world = sessions_alone(&store);
        let auth = &world.auth;
        let (cookie, id, mine) = browser(auth, "alice").await;
        let (_, _, my_other) = browser(auth, "alice").await;
        let (_, _, yours) = browser(auth, "bob").await;
        settle().await;
        match act {
            "logout" => drop(auth.logout_reply(&page(&cookie), LogoutRequest::new()).await.unwrap()),
            "revoke_session" => assert!(auth.revoke_session("alice", &id, &nobody()).await.unwrap()),
            "logout_all" => auth.logout_all("alice", &nobody()).await.unwrap(),
            _ => auth.password_changed("alice", &nobody()).await.unwrap(),
        }
        assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::SessionEnded), "{act}");
        let everywhere = (act == "logout_all" || act == "forgotten").then_some(EndReason::SessionEnded);
        assert_eq!(within(&my_other, 2 * MINUTE).await, everywhere, "{act}");
        stays(&yours, act);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_another_instance_ends_is_found_at_the_next_look() {
    let store = memory_store();
    let world = sessions_alone(&store);
    let (_, id, of_browser) = browser(&world.auth, "alice").await;
    let (_, other, stays_open) = browser(&world.auth, "alice").await;
    let (tokens, of_bearer) = socket(&world, "alice").await;
    settle().await;
    let now = fauth_testing::ManualClock::START;
    let of_access_token = world.session_of(&tokens);
    for id in [&id, &of_access_token] {
        store.end(&world.auth.owner("alice"), id, now).await.unwrap().unwrap();
    }
    sleep(SECOND / 10).await;
    for ended in [&of_browser, &of_bearer] {
        stays(ended, "this instance has not heard of it");
    }
    assert_eq!(within(&of_browser, MINUTE + SECOND).await, Some(EndReason::SessionEnded));
    assert_eq!(within(&stays_open, 2 * MINUTE).await, None);
    // As a request with the same token: a socket that was closed would only be opened anew.
    stays(&of_bearer, "an access token is good until it expires");
    super::open(&world.auth, &tokens.access).await;
    world.auth.logout(&tokens.access, &nobody()).await.unwrap();
    assert_eq!(within(&of_bearer, 2 * MINUTE).await, None);
    assert!(store.end(&world.auth.owner("alice"), &other, now).await.unwrap().is_some());
}

/// A login that is one too many ends the oldest, whose tokens may live on.
#[tokio::test(start_paused = true)]
async fn a_login_that_ends_another_one_ends_its_sockets() {
    let store = memory_store();
    let world = World::without_store(|builder| {
        builder
            .session_store(store)
            .danger_without_revocation()
            .transport(BearerTransport::new())
            .transport(SessionCookie::new())
            .sessions(fauth_core::SessionConfig::new().limit(1))
    });
    let (_, _, first) = browser(&world.auth, "alice").await;
    settle().await;
    stays(&first, "it is the only one");
    let (_, _, second) = browser(&world.auth, "alice").await;
    assert_eq!(within(&first, SECOND / 10).await, Some(EndReason::SessionEnded));
    assert_eq!(within(&second, 2 * MINUTE).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_replayed_refresh_token_ends_the_sockets_of_its_session() {
    let world = World::new();
    let (first, ended) = socket(&world, "alice").await;
    let (_, other) = socket(&world, "alice").await;
    let second = world.refresh(&first).await.unwrap();
    world.refresh(&second).await.unwrap();
    settle().await;
    stays(&ended, "until somebody replays");
    world.refresh(&first).await.map(drop).unwrap_err();
    assert_eq!(within(&ended, SECOND / 10).await, Some(EndReason::Revoked));
    assert_eq!(within(&other, MINUTE).await, None);
}

/// A world with API keys, and one key of somebody with a socket.
struct Keys {
    world: World,
    store: fauth_core::MemoryStore,
}

impl Keys {
    fn new() -> Self {
        let store = memory_store();
        let keys = store.clone();
        let world = World::with(|builder| builder.api_key_store(keys));
        Self { world, store }
    }

    async fn open(&self, name: &str, survives: bool) -> (fauth_core::store::ApiKeyId, Ended) {
        let request = ApiKeyRequest::new("socket").scope("s").danger_survives_password_change(survives);
        let new = self.world.auth.danger_create_api_key_for(name, request).await.unwrap();
        let requirement = Requirement::user().scopes(["s"]);
        let granted = self.world.auth.authenticate_token(new.expose(), &requirement).await.unwrap();
        (new.key().id.clone(), granted.ended())
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_key_that_is_revoked_ends_at_once() {
    for act in ["key", "any", "logout_all", "subject", "password"] {
        let keys = Keys::new();
        let auth = &keys.world.auth;
        let (id, mine) = keys.open("alice", false).await;
        let (_, surviving) = keys.open("alice", true).await;
        let (_, yours) = keys.open("bob", false).await;
        settle().await;
        match act {
            "key" => assert!(auth.revoke_api_key("alice", &id).await.unwrap()),
            "any" => assert!(auth.revoke_any_api_key(&id).await.unwrap()),
            "logout_all" => {
                auth.logout_all(LogoutAll::for_subject("alice").api_keys(true), &nobody()).await.unwrap();
            }
            "subject" => {
                auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
            }
            _ => auth.password_changed("alice", &nobody()).await.unwrap(),
        }
        assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked), "{act}");
        let both = (act == "logout_all" || act == "subject").then_some(EndReason::Revoked);
        assert_eq!(within(&surviving, 2 * MINUTE).await, both, "{act}");
        stays(&yours, act);
    }
}

/// A login that is ended everywhere leaves API keys alone.
#[tokio::test(start_paused = true)]
async fn an_api_key_outlives_what_ends_logins() {
    let keys = Keys::new();
    let (_, key) = keys.open("alice", false).await;
    let (_, login) = socket(&keys.world, "alice").await;
    settle().await;
    keys.world.auth.logout_all("alice", &nobody()).await.unwrap();
    assert_eq!(within(&login, SECOND / 10).await, Some(EndReason::Revoked));
    assert_eq!(within(&key, 2 * MINUTE).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_api_key_that_another_instance_removes_or_whose_user_has_a_new_epoch_is_found() {
    let keys = Keys::new();
    let (id, removed) = keys.open("alice", false).await;
    let (_, outdated) = keys.open("bob", false).await;
    let (_, surviving) = keys.open("bob", true).await;
    settle().await;
    assert!(keys.store.remove(&keys.world.auth.owner("alice"), &id).await.unwrap());
    keys.world.users.change("bob", |bob| bob.token_epoch = 1);
    for ended in [removed, outdated] {
        assert_eq!(within(&ended, MINUTE + SECOND).await, Some(EndReason::Revoked));
    }
    assert_eq!(within(&surviving, 2 * MINUTE).await, None);
}

/// The leeway of tokens is none of keys.
#[tokio::test(start_paused = true)]
async fn an_api_key_expires() {
    let keys = Keys::new();
    let request = ApiKeyRequest::new("socket").scope("s").lifetime(10 * MINUTE);
    let new = keys.world.auth.danger_create_api_key_for("alice", request).await.unwrap();
    let requirement = Requirement::user().scopes(["s"]);
    let granted = keys.world.auth.authenticate_token(new.expose(), &requirement).await.unwrap();
    let ended = granted.ended();
    keys.world.clock.advance(599 * SECOND);
    assert_eq!(within(&ended, 2 * SECOND).await, None);
    keys.world.clock.advance(SECOND);
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Expired));
}

/// A change is told once: who cannot be asked then is asked again soon.
#[tokio::test(start_paused = true)]
async fn a_session_store_that_fails_once_when_it_is_asked_is_asked_again() {
    let store = FaultyStore::default();
    let world = sessions_alone(&store);
    let (_, id, mine) = browser(&world.auth, "alice").await;
    let (_, _, yours) = browser(&world.auth, "bob").await;
    settle().await;
    store.fault_at("find_session", Fault::Fails);
    world.auth.logout_all("alice", &nobody()).await.unwrap();
    sleep(SECOND / 10).await;
    stays(&mine, "nobody could tell");
    store.recover();
    assert_eq!(within(&mine, 2 * SECOND).await, Some(EndReason::SessionEnded), "{id:?}");
    assert_eq!(within(&yours, 2 * MINUTE).await, None);
}

/// Whoever is too far behind hears that anything may have changed.
#[tokio::test(start_paused = true)]
async fn a_key_is_asked_about_when_more_has_changed_than_is_told() {
    let keys = Keys::new();
    let (id, removed) = keys.open("alice", false).await;
    let (_, other) = keys.open("alice", false).await;
    settle().await;
    assert!(keys.store.remove(&keys.world.auth.owner("alice"), &id).await.unwrap());
    let names: Vec<_> = (0..1100).map(|number| format!("t{number}")).collect();
    let targets: Vec<_> = names.iter().map(|name| RevocationTarget::TokenId(name)).collect();
    keys.world.auth.revoke("bob", &targets).await.unwrap();
    assert_eq!(within(&removed, SECOND / 2).await, Some(EndReason::Revoked));
    assert_eq!(within(&other, 2 * MINUTE).await, None);
}

/// Each key is a question of its own.
#[tokio::test(start_paused = true)]
async fn a_key_store_that_hangs_holds_up_nobody_elses_end() {
    let store = FaultyStore::default();
    let kept = store.clone();
    let world = World::with(|builder| builder.api_key_store(kept));
    let mut of_keys = Vec::new();
    for _ in 0..10 {
        let request = ApiKeyRequest::new("socket").scope("s");
        let new = world.auth.danger_create_api_key_for("alice", request).await.unwrap();
        for _ in 0..30 {
            let requirement = Requirement::user().scopes(["s"]);
            let granted = world.auth.authenticate_token(new.expose(), &requirement).await.unwrap();
            of_keys.push(granted.ended());
        }
    }
    let (tokens, mine) = socket(&world, "bob").await;
    let (_, yours) = socket(&world, "dora").await;
    settle().await;
    store.fault_at("find", Fault::Hangs);
    world.auth.logout_all("alice", &nobody()).await.unwrap();
    settle().await;
    world.auth.logout(&tokens.access, &nobody()).await.unwrap();
    assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked));
    assert_eq!(within(&yours, 5 * MINUTE).await, None, "nobody who asks about keys");
    for ended in of_keys {
        assert_eq!(ended.is_ended(), Some(EndReason::Unknown));
    }
}

/// What one account opens costs one question, however much it is.
#[tokio::test(start_paused = true)]
async fn a_key_is_asked_about_once_for_all_its_sockets() {
    let store = FaultyStore::default();
    let kept = store.clone();
    let world = World::with(|builder| builder.api_key_store(kept));
    let new = world.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("socket").scope("s")).await;
    let new = new.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        let requirement = Requirement::user().scopes(["s"]);
        let granted = world.auth.authenticate_token(new.expose(), &requirement).await.unwrap();
        sockets.push(granted.ended());
    }
    settle().await;
    store.calls();
    sleep(3 * MINUTE).await;
    assert_eq!(store.calls(), ["find"; 3], "once at each look");
    let (owner, id) = (world.auth.owner("alice"), &new.key().id);
    assert!(store.inner().remove(&owner, id).await.unwrap());
    sleep(MINUTE + SECOND).await;
    for ended in sockets {
        assert_eq!(ended.is_ended(), Some(EndReason::Revoked));
    }
}

/// Sessions are kept by another store, which answers.
#[tokio::test(start_paused = true)]
async fn a_key_store_that_hangs_ends_no_browser_session_and_delays_no_end_of_one() {
    let (sessions, keys) = (memory_store(), FaultyStore::default());
    let kept = keys.clone();
    let world = World::without_store(|builder| {
        builder
            .session_store(sessions)
            .api_key_store(kept)
            .danger_without_revocation()
            .transport(BearerTransport::new())
            .transport(SessionCookie::new())
    });
    let auth = &world.auth;
    let mut of_keys = Vec::new();
    for _ in 0..20 {
        let request = ApiKeyRequest::new("socket").scope("s");
        let new = auth.danger_create_api_key_for("alice", request).await.unwrap();
        let requirement = Requirement::user().scopes(["s"]);
        of_keys.push(auth.authenticate_token(new.expose(), &requirement).await.unwrap().ended());
    }
    let (_, id, mine) = browser(auth, "bob").await;
    let (_, _, yours) = browser(auth, "dora").await;
    settle().await;
    keys.fault_at("find", Fault::Hangs);
    sleep(5 * MINUTE).await;
    for ended in of_keys {
        assert_eq!(ended.is_ended(), Some(EndReason::Unknown));
    }
    stays(&mine, "its store answers");
    assert!(auth.revoke_session("bob", &id, &nobody()).await.unwrap());
    assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::SessionEnded));
    assert_eq!(within(&yours, 2 * MINUTE).await, None);
}
