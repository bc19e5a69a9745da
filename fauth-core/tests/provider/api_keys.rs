//! API keys as an application sees them. How they are presented is in the conformance suite.

use std::time::Duration;

use fauth_core::{
    MemoryStore, Rejection, Requirement,
    api_key::{ApiKeyError, ApiKeyRequest, NewApiKey},
    clock::Clock as _,
    event::EventKind,
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Unavailable},
    store::{ApiKeyId, ApiKeyStore as _, StoredApiKey},
    transport::{BearerTransport, CookieTransport, SecurityScheme, Transport},
};
use fauth_testing::{Fault, FaultyStore};
use sha2::Digest as _;

use crate::support::{World, get};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn world() -> (World, FaultyStore) {
    let store = FaultyStore::default();
    (World::with(|builder| builder.api_key_store(store.clone())), store)
}

/// The key as the store behind the faulty one keeps it.
async fn kept(world: &World, store: &FaultyStore, id: &ApiKeyId) -> StoredApiKey {
    store.inner().find(id, world.clock.now().unwrap()).await.unwrap().unwrap()
}

async fn create(world: &World, owner: &str) -> NewApiKey {
    world.auth.create_api_key(ApiKeyRequest::for_subject(owner)).await.unwrap()
}

/// Who is let in with this key.
async fn present(world: &World, key: &str) -> Result<String, Rejection> {
    let granted = world.auth.check(world.auth.read(&get("/").bearer(key)), &Requirement::user()).await?;
    Ok(granted.user().name.clone())
}

#[tokio::test]
async fn a_new_key_says_what_was_asked_for() {
    let (world, store) = world();
    let request = ApiKeyRequest::for_subject("alice").name("deploy").scope("read").scopes(["write", "x:y"]);
    let new = world.auth.create_api_key(request.lifetime(60 * MINUTE)).await.unwrap();
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
    let request = ApiKeyRequest::for_subject("alice").scopes(["read", "write"]);
    let new = world.auth.create_api_key(request).await.unwrap();
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
    let again = || world.auth.create_api_key(ApiKeyRequest::for_subject("alice"));
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
    let create = |request| world.auth.create_api_key(request);
    for (request, error) in [
        (ApiKeyRequest::for_subject(""), ApiKeyError::InvalidSubject),
        (ApiKeyRequest::for_subject("alice").name("a\u{1b}[31m"), ApiKeyError::InvalidName),
        (ApiKeyRequest::for_subject("alice").scope("two words"), ApiKeyError::InvalidScope),
        (ApiKeyRequest::for_subject("alice").lifetime(Duration::ZERO), ApiKeyError::InvalidLifetime),
    ] {
        assert_eq!(create(request).await.unwrap_err(), error);
    }
    assert_eq!((store.inner().sizes().api_keys, store.calls()), (0, vec![]));
    assert!(create(ApiKeyRequest::for_subject("alice").name("Ünïcode 🔑")).await.is_ok());
}

#[tokio::test]
async fn a_store_that_fails_or_is_missing_is_told() {
    let (world, store) = world();
    let new = create(&world, "alice").await;
    store.fault(Fault::Fails);
    let unavailable = Rejection::Unavailable(Unavailable::Store);
    let create = world.auth.create_api_key(ApiKeyRequest::for_subject("alice")).await;
    assert_eq!(create.unwrap_err(), ApiKeyError::Refused(unavailable.clone()));
    assert_eq!(world.auth.api_keys("alice").await.unwrap_err(), unavailable);
    assert_eq!(world.auth.revoke_api_key("alice", &new.key().id).await.unwrap_err(), unavailable);
    assert_eq!(present(&world, new.expose()).await.unwrap_err(), unavailable);

    let auth = fauth_testing::provider().build().unwrap();
    let no_store = Rejection::Misconfigured(Misconfigured::NoStore);
    let create = auth.create_api_key(ApiKeyRequest::for_subject("alice")).await;
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
