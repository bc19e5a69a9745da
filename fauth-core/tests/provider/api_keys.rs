//! API keys as an application sees them. How they are presented is in the conformance suite.

use std::{io, sync::Arc, time::Duration};

use fauth_core::{
    AuthProviderBuilder, ClientInfo, Granted, LoginRequest, LogoutAll, MemoryStore, Missing, OneTimePurpose,
    Rejection, Requirement, TokenClaims, TokenRequest,
    api_key::{ApiKeyError, ApiKeyRequest, NewApiKey},
    clock::Clock as _,
    event::EventKind,
    one_time::OneTimeRequest,
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Unavailable},
    store::{ApiKeyId, ApiKeyStore as _, RevocationTarget, StoredApiKey},
    transport::{BearerTransport, CookieTransport, SecurityScheme, Transport},
};
use fauth_testing::{Fault, FaultyStore, TestUser, config_builder, memory_store, provider_with};
use sha2::Digest as _;

use crate::support::{World, get};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn world() -> (World, FaultyStore) {
    let store = FaultyStore::default();
    (World::with(|builder| builder.api_key_store(store.clone())), store)
}

/// Users may give these scopes to their keys.
fn world_offering(scopes: &[&str]) -> (World, FaultyStore) {
    let store = FaultyStore::default();
    let options = |builder: AuthProviderBuilder<TestUser>| {
        // One call adds to the other.
        let builder = builder.api_key_store(store.clone()).api_key_scopes([scopes[0]]);
        builder.api_key_scopes(scopes[1..].iter().copied())
    };
    (World::with(options), store)
}

/// The key as the store behind the faulty one keeps it.
async fn kept(world: &World, store: &FaultyStore, id: &ApiKeyId) -> StoredApiKey {
    store.inner().find(id, world.clock.now().unwrap()).await.unwrap().unwrap()
}

async fn create(world: &World, owner: &str) -> NewApiKey {
    world.auth.danger_create_api_key_for(owner, ApiKeyRequest::new("deploy")).await.unwrap()
}

/// Who is let in with this key.
async fn present(world: &World, key: &str) -> Result<String, Rejection> {
    let requirement = Requirement::user().allow_api_keys();
    let granted = world.auth.check(world.auth.read(&get("/").bearer(key)), &requirement).await?;
    Ok(granted.user().name.clone())
}

/// The grant of a request with the token of a login.
async fn logged_in<'a>(world: &World, request: impl Into<LoginRequest<'a>>) -> Granted<TestUser> {
    let tokens = world.log_in(request).await;
    grant(world, &tokens.access).await
}

async fn grant(world: &World, token: &str) -> Granted<TestUser> {
    world.auth.check(world.auth.read(&get("/").bearer(token)), &Requirement::user()).await.unwrap()
}

fn deploy() -> ApiKeyRequest<'static> {
    ApiKeyRequest::new("deploy")
}

/// What was told: kind, reason and subject.
fn told(world: &World) -> Vec<(EventKind, Option<&'static str>, Option<String>)> {
    world.events.take().into_iter().map(|event| (event.kind, event.reason, event.subject)).collect()
}

#[tokio::test]
async fn a_new_key_says_what_was_asked_for() {
    let (world, store) = world_offering(&["read", "write", "x:y"]);
    let alice = logged_in(&world, "alice").await;
    let request = ApiKeyRequest::new("deploy").scope("read").scopes(["write", "x:y"]);
    let new = world.auth.create_api_key(&alice, request.lifetime(60 * MINUTE)).await.unwrap();
    assert_eq!(told(&world), [(EventKind::ApiKeyCreated, None, Some("alice".to_owned()))]);
    let (key, now) = (new.key(), world.clock.now().unwrap());
    assert_eq!((&*key.owner.subject, key.name.as_str()), ("alice", "deploy"));
    assert_eq!(key.scopes, ["read", "write", "x:y"]);
    assert_eq!((key.created_at, key.expires_at.since(now), key.last_used_at), (now, 60 * MINUTE, None));
    let form: Vec<_> = new.expose().split('_').collect();
    assert_eq!((form.len(), form[0], form[1], form[2].len()), (3, "fauth", key.id.as_str(), 72));

    assert_eq!(store.inner().sizes().api_keys, 1);
    let kept = kept(&world, &store, &key.id).await;
    assert_eq!(&kept.key, key);
    assert_ne!(
        kept.hash.as_bytes()[..],
        sha2::Sha256::digest(new.expose())[..],
        "whoever reads it makes none"
    );
}

#[tokio::test]
async fn the_grant_reads_like_that_of_a_token() {
    let (world, _) = world();
    let request = deploy().scopes(["read", "write"]);
    let new = world.auth.danger_create_api_key_for("alice", request).await.unwrap();
    let requirement = Requirement::user().roles(["admin"]).permissions(["read"]).scopes(["write"]);
    let presented = world.auth.read(&get("/").bearer(new.expose()));
    assert_eq!(format!("{presented:?}"), "Presented(an API key)");
    assert!(!presented.is_anonymous());
    let granted = world.auth.check(presented, &requirement).await.unwrap();
    let payload = granted.payload();
    assert_eq!((payload.subject(), payload.token_id()), ("alice", new.key().id.as_str()));
    assert_eq!(payload.scopes(), ["read", "write"]);
    assert_eq!(payload.expires_at(), new.key().expires_at);
    assert_eq!(payload.api_key_id().as_ref(), Some(&new.key().id));

    let token = world.check("alice", &Requirement::user()).await.unwrap();
    assert_eq!(token.payload().api_key_id(), None);
}

#[tokio::test]
async fn the_reasons_are_told_apart_in_the_log() {
    let (world, store) = world();
    let (new, other) = (create(&world, "alice").await, create(&world, "bob").await);
    let key = new.expose();
    assert_eq!(present(&world, key).await, Ok("alice".to_owned()));
    let refused = |fault| Err(Rejection::InvalidToken(InvalidToken::ApiKey(fault)));
    assert_eq!(present(&world, &key[..key.len() - 1]).await, refused(ApiKeyFault::Malformed));
    let StoredApiKey { hash, .. } = kept(&world, &store, &other.key().id).await;
    let changed = StoredApiKey { hash, ..kept(&world, &store, &new.key().id).await };
    store.inner().remove(&new.key().owner, &new.key().id).await.unwrap();
    store.inner().insert(changed, 100, world.clock.now().unwrap()).await.unwrap();
    assert_eq!(present(&world, key).await, refused(ApiKeyFault::WrongSecret));
    world.auth.revoke_any_api_key(&new.key().id).await.unwrap();
    assert_eq!(present(&world, key).await, refused(ApiKeyFault::Unknown));
    assert_eq!(present(&world, other.expose()).await, Ok("bob".to_owned()));
}

#[tokio::test]
async fn keys_are_listed_and_revoked_by_their_owner() {
    let (world, _) = world();
    let first = create(&world, "alice").await;
    world.clock.advance(MINUTE);
    let (second, bobs) = (create(&world, "alice").await, create(&world, "bob").await);
    let ids = async |owner: &str| -> Vec<ApiKeyId> {
        world.auth.api_keys(owner).await.unwrap().into_iter().map(|key| key.id).collect()
    };
    assert_eq!(ids("alice").await, [second.key().id.clone(), first.key().id.clone()], "the newest first");
    assert_eq!(ids("nobody").await, []);

    assert_eq!(world.auth.revoke_api_key("alice", &bobs.key().id).await, Ok(false), "somebody else's");
    assert_eq!(present(&world, bobs.expose()).await, Ok("bob".to_owned()));
    assert_eq!(world.auth.revoke_api_key("alice", &first.key().id).await, Ok(true));
    assert_eq!(world.auth.revoke_api_key("alice", &first.key().id).await, Ok(false), "gone already");
    assert_eq!(ids("alice").await, [second.key().id.clone()]);
    assert_eq!(world.auth.revoke_any_api_key(&second.key().id).await, Ok(true));
    assert_eq!(ids("alice").await, []);
    assert!(present(&world, second.expose()).await.is_err());
}

#[tokio::test]
async fn an_owner_has_at_most_a_hundred_keys() {
    let (world, _) = world();
    let first = create(&world, "alice").await;
    for _ in 1..100 {
        create(&world, "alice").await;
    }
    let again = || world.auth.danger_create_api_key_for("alice", deploy());
    assert_eq!(again().await.unwrap_err(), ApiKeyError::LimitReached);
    create(&world, "bob").await;
    world.auth.revoke_api_key("alice", &first.key().id).await.unwrap();
    assert!(again().await.is_ok());
    world.clock.advance(91 * 24 * 60 * MINUTE);
    assert!(again().await.is_ok(), "those that have expired do not count");
}

#[tokio::test]
async fn a_use_is_noted_at_most_once_a_minute() {
    let (world, store) = world();
    let new = create(&world, "alice").await;
    let used = async || kept(&world, &store, &new.key().id).await.key.last_used_at;
    store.calls();
    assert_eq!(used().await, None);
    let first = world.clock.now().unwrap();
    present(&world, new.expose()).await.unwrap();
    assert_eq!((used().await, store.calls()), (Some(first), vec!["find", "touch"]));
    world.clock.advance(59 * SECOND);
    present(&world, new.expose()).await.unwrap();
    assert_eq!((used().await, store.calls()), (Some(first), vec!["find"]));
    world.clock.advance(SECOND);
    present(&world, new.expose()).await.unwrap();
    assert_eq!((used().await, store.calls()), (world.clock.now().ok(), vec!["find", "touch"]));

    world.clock.advance(MINUTE);
    store.fault_at("touch", Fault::Fails);
    world.events.take();
    assert_eq!(present(&world, new.expose()).await, Ok("alice".to_owned()));
    let event = world.events.only();
    assert_eq!((event.kind, event.reason), (EventKind::StoreFailed, Some("store_failed")));
    assert_eq!(store.calls(), ["find", "touch"]);

    // What has just failed is not tried again with every request.
    world.clock.advance(59 * SECOND);
    present(&world, new.expose()).await.unwrap();
    assert_eq!(store.calls(), ["find"]);
    world.clock.advance(SECOND);
    store.recover();
    present(&world, new.expose()).await.unwrap();
    assert_eq!((used().await, store.calls()), (world.clock.now().ok(), vec!["find", "touch"]));
}

#[tokio::test]
async fn an_impossible_key_is_not_made() {
    let (world, store) = world();
    let alice = logged_in(&world, "alice").await;
    for (request, error) in [
        (ApiKeyRequest::new("a\u{1b}[31m"), ApiKeyError::InvalidName),
        (deploy().scope("two words"), ApiKeyError::InvalidScope),
        (deploy().lifetime(Duration::ZERO), ApiKeyError::InvalidLifetime),
    ] {
        let own = world.auth.create_api_key(&alice, request.clone()).await;
        let others = world.auth.danger_create_api_key_for("alice", request).await;
        assert_eq!([own.unwrap_err(), others.unwrap_err()], [error.clone(), error]);
    }
    for (subject, error) in [
        ("", ApiKeyError::InvalidSubject),
        (&"x".repeat(256), ApiKeyError::InvalidSubject),
        ("nobody", ApiKeyError::UnknownOwner),
    ] {
        assert_eq!(world.auth.danger_create_api_key_for(subject, deploy()).await.unwrap_err(), error);
    }
    assert_eq!((store.inner().sizes().api_keys, store.calls()), (0, vec![]));
    assert!(world.auth.create_api_key(&alice, ApiKeyRequest::new("Ünïcode 🔑")).await.is_ok());
}

#[tokio::test]
async fn a_store_that_fails_or_is_missing_is_told() {
    let (world, store) = world();
    let new = create(&world, "alice").await;
    store.fault(Fault::Fails);
    let unavailable = Rejection::Unavailable(Unavailable::Store);
    let create = world.auth.danger_create_api_key_for("alice", deploy()).await;
    assert_eq!(create.unwrap_err(), ApiKeyError::Refused(unavailable.clone()));
    assert_eq!(world.auth.api_keys("alice").await.unwrap_err(), unavailable);
    assert_eq!(world.auth.revoke_api_key("alice", &new.key().id).await.unwrap_err(), unavailable);
    assert_eq!(present(&world, new.expose()).await.unwrap_err(), unavailable);

    let auth = fauth_testing::provider().build().unwrap();
    let no_store = Rejection::Misconfigured(Misconfigured::NoStore);
    let create = auth.danger_create_api_key_for("alice", deploy()).await;
    assert_eq!(create.unwrap_err(), ApiKeyError::Refused(no_store.clone()));
    assert_eq!(auth.api_keys("alice").await.unwrap_err(), no_store);
    assert_eq!(auth.revoke_any_api_key(&new.key().id).await.unwrap_err(), no_store);
}

#[test]
fn keys_come_in_headers_whatever_the_transports_are() {
    let build = || fauth_testing::provider().api_key_store(FaultyStore::default());
    let cookie = || SecurityScheme::Cookie { name: "__Host-session".into() };
    let query = || SecurityScheme::Query { name: "token".into() };
    let (bearer, basic) = (|| SecurityScheme::Bearer, || SecurityScheme::Basic);
    for (builder, expected) in [
        (build(), vec![bearer(), basic()]),
        (build().transport(CookieTransport::new()), vec![bearer(), basic(), cookie()]),
        (
            build().transport(CookieTransport::new()).transport(BearerTransport::new()),
            vec![bearer(), basic(), cookie()],
        ),
        (build().danger_query_token("token"), vec![bearer(), basic(), query()]),
    ] {
        let auth = builder.build().unwrap();
        let found: Vec<_> = auth.transports().map(Transport::describe).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_bad_prefix_is_noticed_while_building() {
    for (prefix, good) in [("acme", true), ("a", false), ("", false), ("Acme", false), ("a-b", false)] {
        let built = fauth_testing::provider().api_key_prefix(prefix).build();
        assert_eq!(
            built.map(|_| ()).map_err(|error| error.field()),
            if good { Ok(()) } else { Err("api_key_prefix") }
        );
    }
}

#[tokio::test]
async fn keys_are_told_and_nothing_of_them_shows() {
    let (world, _) = world();
    let new = create(&world, "alice").await;
    let created = world.events.only();
    assert_eq!((created.kind, created.subject.as_deref()), (EventKind::ApiKeyCreated, Some("alice")));
    world.auth.revoke_api_key("alice", &new.key().id).await.unwrap();
    let revoked = world.events.only();
    assert_eq!((revoked.kind, revoked.subject.as_deref()), (EventKind::ApiKeyRevoked, Some("alice")));
    world.auth.revoke_api_key("alice", &new.key().id).await.unwrap();
    assert_eq!(world.events.take(), []);

    let secret = new.expose().rsplit('_').next().unwrap();
    let shown = format!("{new:?} {new:#?} {:?}", world.auth.read(&get("/").bearer(new.expose())));
    assert!(!shown.contains(secret) && !shown.contains(&secret[..64]), "{shown}");
    assert!(shown.contains(new.key().id.as_str()), "the id is no secret");
}

// ------------------------------------------------------------------------------------------------
// who makes one

/// The session may have ended since the request was let in, or where no revocation store tells.
#[tokio::test]
async fn no_key_is_made_by_a_login_that_has_ended() {
    let sessions = memory_store();
    let world = World::without_store(|builder| {
        builder.session_store(sessions.clone()).danger_without_revocation().api_key_store(memory_store())
    });
    let granted = logged_in(&world, "alice").await;
    assert!(world.auth.create_api_key(&granted, deploy()).await.is_ok());
    world.auth.password_changed("alice", &ClientInfo::unknown()).await.unwrap();
    let refused = world.auth.create_api_key(&granted, deploy()).await.unwrap_err();
    let ended = Rejection::InvalidToken(InvalidToken::SessionEnded);
    assert_eq!(refused, ApiKeyError::Refused(ended));
    assert_eq!(world.auth.api_keys("alice").await.unwrap(), []);
}

/// As if it were not there, and not as if only its secret were wrong.
#[tokio::test]
async fn the_key_of_another_application_on_the_same_store_is_unknown() {
    let (world, store) = world();
    let new = create(&world, "alice").await;
    let config = config_builder().application("other").build().unwrap();
    let builder = provider_with(config, &world.users).clock(world.clock.clone());
    let other = builder.api_key_store(store.clone()).build().unwrap();
    let requirement = Requirement::user().allow_api_keys();
    let refused = other.check(other.read(&get("/").bearer(new.expose())), &requirement).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::Unknown)));
    assert_eq!(present(&world, new.expose()).await, Ok("alice".to_owned()));
}

/// Where no session says that the login is over.
#[tokio::test]
async fn a_login_that_was_revoked_meanwhile_makes_no_key() {
    let store = FaultyStore::default();
    let world = World::without_store(|builder| {
        builder.danger_stateless().revocation_store(memory_store()).api_key_store(store.clone())
    });
    let granted = logged_in(&world, "alice").await;
    assert!(world.auth.create_api_key(&granted, deploy()).await.is_ok());
    let target = RevocationTarget::TokenId(granted.payload().token_id());
    world.auth.revoke("alice", &[target]).await.unwrap();
    let refused = world.auth.create_api_key(&granted, deploy()).await.unwrap_err();
    assert_eq!(refused, ApiKeyError::Refused(Rejection::InvalidToken(InvalidToken::Revoked)));
    assert_eq!(store.inner().sizes().api_keys, 1);
}

/// A revocation that names a key which is gone already has nothing to refuse.
#[tokio::test]
async fn a_key_that_is_gone_can_be_revoked_by_its_id() {
    let (world, _) = world();
    let new = create(&world, "alice").await;
    let target = RevocationTarget::TokenId(new.key().id.as_str());
    assert_eq!(world.auth.revoke("bob", &[target]).await, Err(Rejection::NotFound), "alice's");
    for _ in 0..2 {
        assert_eq!(world.auth.revoke("alice", &[target]).await, Ok(()));
        assert_eq!(world.auth.api_keys("alice").await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_key_is_made_by_somebody_who_has_just_logged_in() {
    let (world, _) = world();
    let tokens = world.log_in("alice").await;
    world.clock.advance((15 * MINUTE).saturating_sub(SECOND));
    let old = grant(&world, &tokens.access).await;
    let new = world.auth.create_api_key(&old, deploy()).await.unwrap();
    assert_eq!(&*new.key().owner.subject, "alice");
    world.clock.advance(SECOND);
    let refreshed = grant(&world, &world.refresh(&tokens).await.unwrap().access).await;
    assert!(world.auth.create_api_key(&refreshed, deploy()).await.is_ok(), "fifteen minutes to the second");
    world.clock.advance(SECOND);
    let stale = ApiKeyError::Refused(Rejection::StaleLogin { max_age: 15 * MINUTE });
    world.events.take();
    assert_eq!(world.auth.create_api_key(&refreshed, deploy()).await.unwrap_err(), stale);
    let reason = Some("insufficient_user_authentication");
    assert_eq!(told(&world), [(EventKind::AccessDenied, reason, Some("alice".to_owned()))]);
    let by_hand = grant(&world, &world.access("alice")).await;
    assert_eq!(world.auth.create_api_key(&by_hand, deploy()).await.unwrap_err(), stale);
    assert!(world.auth.create_api_key(&logged_in(&world, "alice").await, deploy()).await.is_ok());
}

#[tokio::test]
async fn a_key_makes_no_key() {
    let (world, store) = world();
    let new = world.auth.danger_create_api_key_for("alice", deploy().scope("read")).await.unwrap();
    let presented = world.auth.read(&get("/").bearer(new.expose()));
    let granted = world.auth.check(presented, &Requirement::user().scopes(["read"])).await.unwrap();
    world.events.take();
    let refused = world.auth.create_api_key(&granted, deploy().scope("read")).await.unwrap_err();
    assert_eq!(refused, ApiKeyError::Refused(Rejection::Forbidden(Missing::ApiKeyNotAllowed)));
    let reason = Some("api_key_not_allowed");
    assert_eq!(told(&world), [(EventKind::AccessDenied, reason, Some("alice".to_owned()))]);
    assert_eq!(store.inner().sizes().api_keys, 1);
}

#[tokio::test]
async fn a_token_with_scopes_makes_keys_with_some_of_them() {
    let (world, store) = world();
    let narrow = TokenRequest::for_subject("alice").scopes(["read", "write"]);
    let alice = logged_in(&world, narrow).await;
    for scopes in [&[][..], &["read"], &["write", "read"]] {
        let new = world.auth.create_api_key(&alice, deploy().scopes(scopes.to_vec())).await.unwrap();
        assert_eq!(new.key().scopes, scopes);
    }
    for scopes in [&["admin"][..], &["read", "admin"], &["Read"]] {
        let refused = world.auth.create_api_key(&alice, deploy().scopes(scopes.to_vec())).await;
        assert_eq!(refused.unwrap_err(), ApiKeyError::ScopeNotHeld);
    }
    assert_eq!(store.inner().sizes().api_keys, 3);
}

/// A token without scopes does not say that its user may do everything: a route that asks for the
/// scope `admin` is closed to it, and must not be open to a key of its own making.
#[tokio::test]
async fn a_token_without_scopes_makes_keys_with_those_that_the_application_names() {
    let (world, store) = world_offering(&["read", "write"]);
    let alice = logged_in(&world, "alice").await;
    for scopes in [&[][..], &["read"], &["write", "read"]] {
        let new = world.auth.create_api_key(&alice, deploy().scopes(scopes.to_vec())).await.unwrap();
        assert_eq!(new.key().scopes, scopes);
    }
    for scopes in [&["admin"][..], &["read", "admin"], &["Read"]] {
        let refused = world.auth.create_api_key(&alice, deploy().scopes(scopes.to_vec())).await;
        assert_eq!(refused.unwrap_err(), ApiKeyError::ScopeNotOffered);
    }
    assert_eq!(store.inner().sizes().api_keys, 3);
    // Administrators and scripts choose themselves.
    let new = world.auth.danger_create_api_key_for("alice", deploy().scope("admin")).await.unwrap();
    assert_eq!(new.key().scopes, ["admin"]);
}

/// Where scopes are loaded, a token without any has lost them or was narrowed to none.
#[tokio::test]
async fn a_token_that_has_lost_its_scopes_makes_no_keys_with_others() {
    let world = World::with(|builder| {
        let builder = builder.api_key_store(MemoryStore::new()).api_key_scopes(["read", "write"]);
        builder.token_claims(async |_: Arc<TestUser>| io::Result::Ok(TokenClaims::new().scope("read")))
    });
    let all = LoginRequest::for_subject("alice");
    let none = LoginRequest::for_subject("alice").narrow_scopes(["nonsense"]);
    for (login, scope, made) in [(all, "read", true), (none, "read", false)] {
        let access = world.log_in(login).await.access;
        let alice = world.auth.authenticate_token(&access, &Requirement::user()).await.unwrap();
        let refused = world.auth.create_api_key(&alice, deploy().scope("write")).await;
        assert_eq!(refused.unwrap_err(), ApiKeyError::ScopeNotHeld);
        assert_eq!(world.auth.create_api_key(&alice, deploy().scope(scope)).await.is_ok(), made);
        assert!(world.auth.create_api_key(&alice, deploy()).await.is_ok(), "a key without scopes");
    }
}

#[tokio::test]
async fn a_token_with_scopes_makes_keys_with_those_that_are_named_too() {
    let (world, _) = world_offering(&["read", "write"]);
    let alice = logged_in(&world, TokenRequest::for_subject("alice").scopes(["write", "admin"])).await;
    assert!(world.auth.create_api_key(&alice, deploy().scope("write")).await.is_ok());
    let refused = async |scope| world.auth.create_api_key(&alice, deploy().scope(scope)).await.unwrap_err();
    assert_eq!(refused("read").await, ApiKeyError::ScopeNotHeld);
    assert_eq!(refused("admin").await, ApiKeyError::ScopeNotOffered);
}

#[tokio::test]
async fn where_nobody_has_named_scopes_a_token_without_them_makes_keys_without_them() {
    let (world, store) = world();
    let bob = logged_in(&world, "bob").await;
    assert!(world.auth.create_api_key(&bob, deploy()).await.is_ok());
    let refused = world.auth.create_api_key(&bob, deploy().scope("admin")).await.unwrap_err();
    assert_eq!(refused, ApiKeyError::NoScopesOffered);
    assert!(refused.to_string().contains("`AuthProviderBuilder::api_key_scopes`"), "{refused}");
    assert_eq!(store.inner().sizes().api_keys, 1);
}

#[test]
fn the_named_scopes_are_scopes() {
    let build = |scopes: &[&str]| fauth_testing::provider().api_key_scopes(scopes.iter().copied()).build();
    let longest = "x".repeat(255);
    assert!(build(&["reports:read", &longest]).is_ok());
    for bad in [&[][..], &[""], &["two words"], &["read", "\""], &["read", &format!("{longest}x")]] {
        assert_eq!(build(bad).unwrap_err().field(), "api_key_scopes", "{bad:?}");
    }
}

#[tokio::test]
async fn the_grant_of_another_provider_makes_no_key() {
    let ((world, _), (other, _)) = (world(), world());
    let granted = logged_in(&other, "alice").await;
    let refused = world.auth.create_api_key(&granted, deploy()).await.unwrap_err();
    let expected = Rejection::Misconfigured(Misconfigured::OtherProvider);
    assert_eq!(refused, ApiKeyError::Refused(expected));
}

#[tokio::test]
async fn a_request_that_was_let_in_before_everything_ended_makes_no_key_after_it() {
    let (world, store) = world();
    let granted = logged_in(&world, "alice").await;
    world.auth.password_changed("alice", &ClientInfo::unknown()).await.unwrap();
    let refused = world.auth.create_api_key(&granted, deploy()).await.unwrap_err();
    assert_eq!(refused, ApiKeyError::Refused(Rejection::InvalidToken(InvalidToken::OldEpoch)));
    assert_eq!(store.inner().sizes().api_keys, 0);

    // The same where it is the user's record that counts.
    let granted = logged_in(&world, "bob").await;
    world.users.change("bob", |bob| bob.token_epoch += 1);
    let new = world.auth.create_api_key(&granted, deploy()).await.unwrap();
    assert!(present(&world, new.expose()).await.is_err());
}

#[tokio::test]
async fn somebody_inactive_makes_no_key_and_may_be_given_one() {
    let (world, _) = world();
    let granted = logged_in(&world, "bob").await;
    let key = create(&world, "carol").await;
    let refused = Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
    assert_eq!(present(&world, key.expose()).await, refused);
    world.users.change("carol", |carol| carol.active = true);
    assert_eq!(present(&world, key.expose()).await, Ok("carol".to_owned()));
    world.users.remove("bob");
    // The grant is of a moment ago. The key that it makes is nobody's.
    let new = world.auth.create_api_key(&granted, deploy()).await.unwrap();
    assert!(present(&world, new.expose()).await.is_err());
}

// ------------------------------------------------------------------------------------------------
// with its owner's password

#[tokio::test]
async fn a_key_keeps_the_epoch_of_its_owner() {
    let (world, store) = world();
    for (epoch, kept_as) in [(0, 0), (7, 7), (u64::MAX, i64::MAX.unsigned_abs())] {
        world.users.change("alice", |alice| alice.token_epoch = epoch);
        let granted = logged_in(&world, LoginRequest::for_user(&world.users.find("alice"))).await;
        let own = world.auth.create_api_key(&granted, deploy()).await.unwrap();
        let given = create(&world, "alice").await;
        let survivor = deploy().danger_survives_password_change(true);
        let survivor = world.auth.create_api_key(&granted, survivor).await.unwrap();
        for (key, expected) in [(own, Some(kept_as)), (given, Some(kept_as)), (survivor, None)] {
            assert_eq!(key.key().user_epoch, expected);
            assert_eq!(kept(&world, &store, &key.key().id).await.key.user_epoch, expected);
        }
    }
}

#[tokio::test]
async fn a_key_of_an_old_epoch_is_refused_removed_and_told_of() {
    let (world, store) = world();
    let key = create(&world, "alice").await;
    let survivor = deploy().danger_survives_password_change(true);
    let survivor = world.auth.danger_create_api_key_for("alice", survivor).await.unwrap();
    world.users.change("alice", |alice| alice.token_epoch = 1);
    let new = create(&world, "alice").await;
    store.calls();
    world.events.take();

    let old_epoch = Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
    store.fault_at("remove", Fault::Fails);
    assert_eq!(present(&world, key.expose()).await, old_epoch, "whether it can be removed or not");
    store.recover();
    world.events.take();
    assert_eq!(present(&world, key.expose()).await, old_epoch);
    assert_eq!(told(&world), [(EventKind::ApiKeyRevoked, Some("old_epoch"), Some("alice".to_owned()))]);
    let unknown = Err(Rejection::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::Unknown)));
    assert_eq!(present(&world, key.expose()).await, unknown);
    for good in [&survivor, &new] {
        assert_eq!(present(&world, good.expose()).await, Ok("alice".to_owned()));
    }
    // A record that was put back, or comes from a database that lags behind, ends nothing.
    world.users.change("alice", |alice| alice.token_epoch = 0);
    assert_eq!(present(&world, new.expose()).await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn a_new_password_ends_logins_mails_and_keys_and_is_told() {
    let world = World::with(|builder| builder.store(memory_store()));
    let tokens = world.log_in("alice").await;
    let account = world.users.find("alice");
    let request = OneTimeRequest::for_user(&account);
    let mail = world.auth.issue_one_time(OneTimePurpose::MagicLink, request).await.unwrap();
    let (first, second) = (create(&world, "alice").await, create(&world, "alice").await);
    let survivor = deploy().danger_survives_password_change(true);
    let survivor = world.auth.danger_create_api_key_for("alice", survivor).await.unwrap();
    let bobs = create(&world, "bob").await;
    let bob = world.log_in("bob").await;
    world.events.take();

    world.auth.password_changed("alice", &ClientInfo::unknown()).await.unwrap();
    let alice = || Some("alice".to_owned());
    let removed = (EventKind::ApiKeyRevoked, Some("password_changed"), alice());
    assert_eq!(told(&world), [removed.clone(), removed, (EventKind::PasswordChanged, None, alice())]);
    world.is_over(&tokens, "the password was changed").await;
    assert!(world.auth.redeem(mail.expose(), OneTimePurpose::MagicLink).await.is_err());
    assert_eq!(world.auth.withdraw_one_time("alice", None).await, Ok(0), "nothing is left in the store");
    for key in [&first, &second] {
        assert!(present(&world, key.expose()).await.is_err());
    }
    assert!(present(&world, survivor.expose()).await.is_ok());
    assert!(present(&world, bobs.expose()).await.is_ok());
    world.works(&bob).await;
    let again = world.log_in("alice").await;
    world.works(&again).await;
    // Once more, with nothing left to end but this.
    world.auth.password_changed("alice", &ClientInfo::unknown()).await.unwrap();
    world.is_over(&again, "changed again").await;
}

/// What can be ended is, whatever else fails.
#[tokio::test]
async fn a_new_password_is_not_stopped_by_one_store_that_fails() {
    let (keys, sessions) = (FaultyStore::default(), FaultyStore::default());
    let world = World::with(|builder| builder.api_key_store(keys.clone()).session_store(sessions.clone()));
    let unavailable = Err(Rejection::Unavailable(Unavailable::Store));
    let client = ClientInfo::unknown();
    let key = create(&world, "alice").await;
    sessions.fault(Fault::Fails);
    assert_eq!(world.auth.password_changed("alice", &client).await, unavailable);
    assert_eq!(keys.inner().sizes().api_keys, 0);
    assert!(present(&world, key.expose()).await.is_err());
    sessions.recover();

    create(&world, "alice").await;
    keys.fault(Fault::Fails);
    let tokens = world.log_in("alice").await;
    assert_eq!(world.auth.password_changed("alice", &client).await, unavailable);
    assert!(told(&world).iter().all(|(kind, ..)| *kind != EventKind::PasswordChanged));
    world.is_over(&tokens, "the sessions have ended").await;
    keys.recover();
    assert_eq!(world.auth.password_changed("alice", &client).await, Ok(()));
    assert_eq!(keys.inner().sizes().api_keys, 0);
}

#[tokio::test]
async fn logging_out_everywhere_ends_keys_if_that_is_said() {
    let (world, store) = world();
    let client = ClientInfo::unknown();
    let survivor = deploy().danger_survives_password_change(true);
    world.auth.danger_create_api_key_for("alice", survivor).await.unwrap();
    create(&world, "bob").await;
    for keep in [LogoutAll::from("alice"), LogoutAll::for_subject("alice").api_keys(false)] {
        world.auth.logout_all(keep, &client).await.unwrap();
    }
    assert_eq!(store.inner().sizes().api_keys, 2);
    world.events.take();
    let all = LogoutAll::for_subject("alice").api_keys(true);
    world.auth.logout_all(all.clone(), &client).await.unwrap();
    let alice = || Some("alice".to_owned());
    let removed = (EventKind::ApiKeyRevoked, Some("logged_out_everywhere"), alice());
    assert_eq!(told(&world), [removed, (EventKind::LoggedOutEverywhere, None, alice())]);
    assert_eq!(store.inner().sizes().api_keys, 1);

    // Who asks for it where there is no store of keys is told so, after the logins have ended.
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let no_store = Err(Rejection::Misconfigured(Misconfigured::NoStore));
    assert_eq!(world.auth.logout_all(all, &client).await, no_store);
    world.is_over(&tokens, "the logins have ended").await;
    assert_eq!(world.auth.password_changed("alice", &client).await, Ok(()));
}

#[tokio::test]
async fn the_memory_store_keeps_keys() {
    let world = World::with(|builder| builder.api_key_store(MemoryStore::new()));
    let (new, other) = (create(&world, "alice").await, create(&world, "alice").await);
    assert_eq!(present(&world, new.expose()).await, Ok("alice".to_owned()));
    let listed = world.auth.api_keys("alice").await.unwrap();
    let used: Vec<_> =
        listed.iter().map(|key| (key.id == new.key().id, key.last_used_at.is_some())).collect();
    assert!(used.contains(&(true, true)) && used.contains(&(false, false)), "{used:?}");
    assert_eq!(world.auth.revoke_api_key("alice", &new.key().id).await, Ok(true));
    assert!(present(&world, new.expose()).await.is_err());
    assert!(present(&world, other.expose()).await.is_ok());
}
