//! Tokens that are older than the store's memory, and clocks that do not agree with the store's,
//! as a provider meets them: on each backend.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, MemoryStore, Purpose, Rejection, Requirement,
    clock::Timestamp,
    rejection::{InvalidToken, Unavailable},
    store::{RevocationTarget, Store},
    token::TokenProfile,
};
use fauth_testing::{ManualClock, SECRET, TestUser, Users, WireRequest, provider_without_store, sign};

/// When each store begins to remember, but for the one second that Redis begins later.
const BEGIN: Timestamp = ManualClock::START;
const HOUR: i64 = 3600;

type Opened = (Arc<dyn Store>, &'static str);

/// Runs a test on a fresh store of each backend that is built in.
async fn on_each(test: impl AsyncFn(Arc<dyn Store>, &'static str)) {
    let memory = MemoryStore::builder().clock(ManualClock::new()).build();
    let mut opened: Vec<Pin<Box<dyn Future<Output = Opened>>>> =
        vec![Box::pin(async { (Arc::new(memory) as _, "memory") })];
    #[cfg(feature = "sqlite")]
    opened.push(Box::pin(sqlite()));
    #[cfg(feature = "redis")]
    opened.push(Box::pin(redis()));
    for store in opened {
        let (store, name) = store.await;
        test(store, name).await;
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite() -> Opened {
    let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = options.connect("sqlite::memory:").await.unwrap();
    let store = fauth_core::store::SqliteStore::new(pool).clock(ManualClock::new());
    store.migrate().await.unwrap();
    (Arc::new(store), "sqlite")
}

#[cfg(feature = "redis")]
async fn redis() -> Opened {
    (Arc::new(crate::store_suite::begun_redis().await), "redis")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(BEGIN.unix_seconds() + seconds)
}

fn config(settings: impl FnOnce(AuthConfigBuilder) -> AuthConfigBuilder) -> AuthConfig {
    let builder = AuthConfig::builder().application("move").secret(SECRET);
    settings(builder.token_profile(TokenProfile::PythonFauthMigration)).build().unwrap()
}

/// A provider whose clock shows `seconds` after the beginning.
fn provider(store: Arc<dyn Store>, config: AuthConfig, seconds: i64) -> AuthProvider<TestUser> {
    let clock = ManualClock::new();
    clock.set(at(seconds));
    provider_without_store(config, &Users::new()).store(store).clock(clock).build().unwrap()
}

fn claims(id: &str, issued_at: i64) -> serde_json::Value {
    let (issued, expires) = (at(issued_at).unix_seconds(), at(issued_at + HOUR).unix_seconds());
    serde_json::json!({
        "sub": "alice", "iat": issued, "exp": expires, "jti": id, "token_type": "access", "scopes": [],
    })
}

/// An access token as the Python fauth mints it.
fn python(id: &str, issued_at: i64) -> String {
    sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims(id, issued_at).to_string())
}

/// An access token as we mint it.
fn standard(id: &str, issued_at: i64) -> String {
    let claims = claims(id, issued_at).to_string();
    let claims = claims.replacen('{', r#"{"app":"move","#, 1);
    sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims)
}

async fn enter(auth: &AuthProvider<TestUser>, token: &str) -> Result<(), Rejection> {
    let head = WireRequest::new("GET", "/").bearer(token);
    auth.check(auth.read(&head), &Requirement::user()).await.map(drop)
}

const BEFORE_MEMORY: Result<(), Rejection> = Err(Rejection::InvalidToken(InvalidToken::BeforeMemory));
const REVOKED: Result<(), Rejection> = Err(Rejection::InvalidToken(InvalidToken::Revoked));

/// The store has begun 5 minutes ago, and the token is 55 minutes old.
#[tokio::test]
async fn tokens_of_the_python_service_are_read_from_when_that_was_said() {
    on_each(async |store, name| {
        let now = 5 * 60;
        let old = now - 55 * 60;
        let silent = provider(Arc::clone(&store), config(|config| config), now);
        assert_eq!(enter(&silent, &python("old", old)).await, BEFORE_MEMORY, "{name}: nothing was said");

        let trusting = |since| {
            let config = config(|config| config.danger_trust_since(at(since)));
            provider(Arc::clone(&store), config, now)
        };
        let auth = trusting(old);
        assert_eq!(enter(&auth, &python("old", old)).await, Ok(()), "{name}: at that time");
        assert_eq!(enter(&auth, &python("older", old - 1)).await, BEFORE_MEMORY, "{name}: before it");
        assert_eq!(enter(&trusting(old + 1), &python("old", old)).await, BEFORE_MEMORY, "{name}");
        // Ours has no business to be older than the memory.
        assert_eq!(enter(&auth, &standard("ours", old)).await, BEFORE_MEMORY, "{name}: a standard token");
        assert_eq!(enter(&auth, &standard("new", now)).await, Ok(()), "{name}: a standard token of now");

        // What is revoked stays so, however old it is.
        auth.revoke("alice", &[RevocationTarget::TokenId("old")]).await.unwrap();
        assert_eq!(enter(&auth, &python("old", old)).await, REVOKED, "{name}");
        assert_eq!(enter(&auth, &python("another", old)).await, Ok(()), "{name}");
        auth.logout_all("alice", &fauth_core::ClientInfo::unknown()).await.unwrap();
        let old_epoch = Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
        assert_eq!(enter(&auth, &python("another", old)).await, old_epoch, "{name}");
    })
    .await;
}

/// A login that worked would give a token that is refused: everything is 503 instead.
#[tokio::test]
async fn a_clock_that_is_far_behind_the_store_is_no_ones_bad_token() {
    on_each(async |store, name| {
        let year_ago = -365 * 24 * HOUR;
        let config = || config(|config| config.danger_trust_since(at(2 * year_ago)));
        let auth = provider(Arc::clone(&store), config(), year_ago);
        let disagree = Rejection::Unavailable(Unavailable::ClocksDisagree);
        let token = auth.issue(Purpose::Access, "alice").await;
        if let Ok(token) = token {
            assert_eq!(enter(&auth, token.expose()).await, Err(disagree.clone()), "{name}");
        }
        assert_eq!(
            enter(&auth, &python("old", year_ago - 60)).await,
            Err(disagree),
            "{name}: trusted or not"
        );
        let refused = auth.login("alice").await.unwrap_err();
        assert_eq!(refused.status(), 503, "{name}: {refused:?}");

        // Clocks that differ by seconds are none: these are tokens from before.
        let auth = provider(Arc::clone(&store), self::config(|config| config), 30);
        assert_eq!(enter(&auth, &python("old", -60)).await, BEFORE_MEMORY, "{name}");
    })
    .await;
}

#[test]
fn a_memory_that_dies_with_the_process_is_trusted_by_name_only() {
    let build = |config: AuthConfig, seconds: i64| {
        let clock = ManualClock::new();
        clock.set(at(seconds));
        let store = MemoryStore::builder().clock(clock.clone()).build();
        provider_without_store(config, &Users::new()).store(store).clock(clock).build().map(drop)
    };
    let field = |built: Result<(), fauth_core::ConfigError>| built.map_err(|error| error.field());
    let error = build(config(|config| config.trust_since(at(0))), 0).unwrap_err();
    assert_eq!(error.field(), "trust_since");
    assert!(error.to_string().contains("FAUTH_DANGER_TRUST_SINCE"), "{error}");
    assert!(build(config(|config| config.danger_trust_since(at(0))), 0).is_ok());
    // What remembers no revocations forgets none at a restart.
    let stateless = provider_without_store(config(|config| config.trust_since(at(0))), &Users::new());
    let clock = ManualClock::new();
    clock.set(at(0));
    assert!(stateless.clock(clock).danger_stateless().build().is_ok());
    // No token is from the day after tomorrow.
    let day = 24 * HOUR;
    assert!(build(config(|config| config.danger_trust_since(at(day))), 0).is_ok());
    let too_late = build(config(|config| config.danger_trust_since(at(day + 1))), 0);
    assert_eq!(field(too_late), Err("trust_since"));
}

/// A store that outlives the process needs no danger.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_store_that_is_kept_is_trusted_without_danger() {
    let (store, _) = sqlite().await;
    let auth = provider(store, config(|config| config.trust_since(at(-HOUR))), 60);
    assert_eq!(enter(&auth, &python("old", -50 * 60)).await, Ok(()));
}

/// The store is made, a token is issued, and only then the first request comes.
#[tokio::test]
async fn memory_begins_when_the_store_is_made() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let build = || provider_without_store(config(|config| config), &Users::new());
    let auth = build().store(store).clock(clock.clone()).build().unwrap();
    let token = auth.issue(Purpose::Access, "alice").await.unwrap();
    clock.advance(Duration::from_secs(5));
    assert_eq!(enter(&auth, token.expose()).await, Ok(()), "issued in the second of the beginning");
    assert_eq!(enter(&auth, &python("old", -1)).await, BEFORE_MEMORY);
}

/// Also without any setting: the clock of the system.
#[tokio::test]
async fn a_new_memory_store_agrees_with_the_clock_of_the_system() {
    let clock = fauth_core::clock::SystemClock;
    let build = || provider_without_store(config(|config| config), &Users::new());
    let auth = build().store(MemoryStore::new()).clock(clock).build().unwrap();
    let token = auth.issue(Purpose::Access, "alice").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(enter(&auth, token.expose()).await, Ok(()));
}
