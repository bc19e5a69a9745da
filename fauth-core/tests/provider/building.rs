//! What a builder takes, and what it refuses to build.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, AuthUser, BoxError, ClientInfo, ConfigError, Guard, IdentityLoader,
    NewPasswordHash, PasswordUpdater, Purpose, Rejection, Requirement, TokenPayload, UserLoader, async_trait,
    password::PasswordConfig,
    transport::{BearerTransport, CookieTransport, SecurityScheme, Transport},
};
use fauth_testing::{
    Fault, FaultyStore, TestUser, Users, at_once, config, memory_store, provider_without_store,
    weak_passwords,
};

use crate::support::get;

/// Without any option: only the settings and a store.
fn bare<U: AuthUser>() -> AuthProviderBuilder<U> {
    let builder = AuthProvider::builder(config()).password(weak_passwords()).store(memory_store());
    builder.danger_share_application()
}

#[track_caller]
fn refused<U>(built: Result<AuthProvider<U>, ConfigError>, field: &str) {
    let Err(error) = built else { panic!("built in spite of its {field}") };
    assert_eq!(error.field(), field, "{error}");
    assert!(!error.problem().is_empty() && !error.fix().is_empty(), "{error:?}");
    assert_eq!(error.to_string(), format!("{field}: {}; {}", error.problem(), error.fix()));
}

#[test]
fn a_missing_loader_is_noticed_while_building() {
    let users = Users::new();
    refused(bare::<TestUser>().build(), "user_loader");
    refused(bare::<TestUser>().identity_loader(users.identity_loader()).build(), "user_loader");
    refused(bare::<TestUser>().without_password_login().build(), "user_loader");
    // The Python fauth finds this out at the first login.
    refused(bare::<TestUser>().user_loader(users.user_loader()).build(), "identity_loader");
}

#[test]
fn password_login_is_given_or_waived_but_not_both() {
    let users = Users::new();
    let with = || bare::<TestUser>().user_loader(users.user_loader());
    assert!(with().identity_loader(users.identity_loader()).build().unwrap().has_password_login());
    let plain =
        || AuthProvider::<TestUser>::builder(config()).user_loader(users.user_loader()).store(memory_store());
    assert!(!plain().without_password_login().build().unwrap().has_password_login());
    for waived in [
        plain().identity_loader(users.identity_loader()),
        plain().password(weak_passwords()),
        plain().password_updater(async |_, _| Ok::<_, Infallible>(())),
    ] {
        refused(waived.without_password_login().build(), "without_password_login");
    }
}

#[test]
fn the_loader_timeout_has_bounds() {
    let longest = Duration::from_secs(300);
    for good in [Duration::from_nanos(1), Duration::from_secs(10), longest] {
        assert!(fauth_testing::provider().loader_timeout(good).build().is_ok(), "{good:?}");
    }
    for bad in [Duration::ZERO, longest + Duration::from_nanos(1), Duration::MAX] {
        refused(fauth_testing::provider().loader_timeout(bad).build(), "loader_timeout");
    }
}

/// As documented. What is longer would keep a request for longer.
#[tokio::test(start_paused = true)]
async fn a_loader_has_ten_seconds_unless_told_otherwise() {
    let builder = bare().identity_loader(async |_: String| Ok::<Option<TestUser>, Infallible>(None));
    let auth = builder.user_loader(async |_: Arc<TokenPayload>| {
        std::future::pending::<()>().await;
        Ok::<Option<TestUser>, Infallible>(None)
    });
    let auth = auth.build().unwrap();
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let began = tokio::time::Instant::now();
    let presented = auth.read(&get("/").bearer(token.expose()));
    assert_eq!(auth.check(presented, &Requirement::user()).await.unwrap_err().status(), 503);
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

/// As documented, too.
#[tokio::test(start_paused = true)]
async fn a_store_has_five_seconds_unless_told_otherwise() {
    let store = FaultyStore::default();
    let users = Users::new();
    let builder = provider_without_store(config(), &users);
    let auth = builder.store(store.clone()).build().unwrap();
    store.fault(Fault::Hangs);
    let began = tokio::time::Instant::now();
    assert_eq!(auth.login("alice").await.unwrap_err().status(), 503);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

/// Somebody else's record with the same hash is not the one whose password was checked.
#[tokio::test]
async fn an_identifier_that_has_become_somebody_else_meanwhile_logs_nobody_in() {
    let (alice, users, renamed) = (Users::new().find("alice"), Users::new(), Arc::new(AtomicUsize::new(9)));
    let (looks, from) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&renamed));
    let builder = bare().user_loader(users.user_loader()).identity_loader(move |_: String| {
        let mut found = alice.clone();
        if looks.fetch_add(1, Ordering::Relaxed) >= from.load(Ordering::Relaxed) {
            found.name = "mallory".to_owned();
        }
        async move { Ok::<_, Infallible>(Some(found)) }
    });
    let auth = builder.build().unwrap();
    let authenticate = async || auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.map(drop);
    assert_eq!(authenticate().await, Ok(()));
    // The first look is the one whose hash is verified.
    renamed.store(3, Ordering::Relaxed);
    assert_eq!(authenticate().await, Err(Rejection::InvalidCredentials));
}

/// One that needs encoding would never be found.
#[test]
fn the_parameter_of_a_token_in_the_url_has_a_plain_name() {
    let with = |name: &str| fauth_testing::provider().danger_query_token(name).build();
    for good in ["t", "access_token", "access-token", "T0k3n"] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in ["", "access token", "t&", "=", "t%", "token+", "tök", "a.b", "_\0"] {
        refused(with(bad), "danger_query_token");
    }
}

#[test]
fn one_bad_trusted_origin_is_enough() {
    let good = || fauth_testing::provider().trusted_origin("https://app.example");
    assert!(good().build().is_ok());
    for bad in ["", "null", "*", "app.example", "https://app.example/", "https://*.example", "file:///x"] {
        refused(good().trusted_origin(bad).build(), "trusted_origin");
        refused(
            fauth_testing::provider().trusted_origin(bad).trusted_origin("https://b.example").build(),
            "trusted_origin",
        );
    }
}

#[test]
fn a_bad_password_configuration_is_noticed_while_building() {
    for (bad, field) in [
        (PasswordConfig::bcrypt(9), "bcrypt"),
        (PasswordConfig::argon2id_with(19_456, 1, 1), "argon2id_with"),
        (PasswordConfig::argon2id().concurrency(0), "concurrency"),
        (PasswordConfig::argon2id().max_password_bytes(63), "max_password_bytes"),
        (PasswordConfig::argon2id().queue_wait(Duration::ZERO), "queue_wait"),
    ] {
        refused(fauth_testing::provider().password(bad).build(), field);
    }
}

#[test]
fn the_first_transport_replaces_the_default() {
    let cookie = || SecurityScheme::Cookie { name: "__Host-session".into() };
    let query = || SecurityScheme::Query { name: "token".into() };
    let build = fauth_testing::provider;
    for (builder, expected) in [
        (build(), vec![SecurityScheme::Bearer]),
        (build().transport(CookieTransport::new()), vec![cookie()]),
        (
            build().transport(CookieTransport::new()).transport(BearerTransport::new()),
            vec![SecurityScheme::Bearer, cookie()],
        ),
        (build().danger_query_token("token"), vec![SecurityScheme::Bearer, query()]),
        (build().transport(CookieTransport::new()).danger_query_token("token"), vec![cookie(), query()]),
    ] {
        let auth = builder.build().unwrap();
        let found: Vec<_> = auth.transports().map(Transport::describe).collect();
        assert_eq!(found, expected);
    }
}

// ------------------------------------------------------------------------------------------------
// loaders of every kind

/// Neither `Clone` nor `Debug`, with an id that is no string and roles that are an enum.
struct Member {
    id: i64,
    roles: Vec<Rank>,
    password_hash: Option<String>,
}

enum Rank {
    Captain,
    Sailor,
}

impl AsRef<str> for Rank {
    fn as_ref(&self) -> &str {
        match self {
            Self::Captain => "captain",
            Self::Sailor => "sailor",
        }
    }
}

impl AuthUser for Member {
    fn subject(&self) -> impl AsRef<str> {
        self.id.to_string()
    }

    fn password_hash(&self) -> Option<&str> {
        self.password_hash.as_deref()
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }
}

fn member(id: i64) -> Member {
    let rank = if id == 1 { Rank::Captain } else { Rank::Sailor };
    Member { id, roles: vec![rank], password_hash: None }
}

/// The application's own error, with a cause.
#[derive(Debug)]
struct DbError(fmt::Error);

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database said no")
    }
}

impl Error for DbError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

async fn by_token(token: Arc<TokenPayload>) -> Result<Option<Member>, DbError> {
    Ok(token.subject().parse().ok().map(member))
}

async fn by_name(name: String) -> Result<Option<Member>, DbError> {
    if name == "down" { Err(DbError(fmt::Error)) } else { Ok(None) }
}

async fn store(_: Arc<Member>, _: NewPasswordHash) -> Result<(), DbError> {
    Ok(())
}

/// A loader with a state of its own that is all three.
#[derive(Clone)]
struct Crew(Arc<AtomicUsize>);

#[async_trait]
impl UserLoader<Member> for Crew {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<Member>>, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(token.subject().parse().ok().map(member).map(Arc::new))
    }
}

#[async_trait]
impl IdentityLoader<Member> for Crew {
    async fn load_identity(&self, _: String) -> Result<Option<Arc<Member>>, BoxError> {
        self.0.fetch_add(10, Ordering::Relaxed);
        Ok(None)
    }
}

#[async_trait]
impl PasswordUpdater<Member> for Crew {
    async fn update_password_hash(&self, _: Arc<Member>, _: NewPasswordHash) -> Result<(), BoxError> {
        Ok(())
    }
}

async fn lets_the_captain_in(auth: &AuthProvider<Member>) {
    let captains = Requirement::user().roles(["captain"]);
    for (subject, passes) in [("1", true), ("2", false), ("nobody", false)] {
        let token = at_once(auth.issue(Purpose::Access, subject)).unwrap();
        let presented = auth.read(&get("/").bearer(token.expose()));
        assert_eq!(auth.check(presented, &captains).await.is_ok(), passes, "{subject}");
    }
    assert!(auth.authenticate("1", "wrong", &ClientInfo::unknown()).await.is_err());
}

#[tokio::test]
async fn a_loader_is_a_function_a_closure_or_a_type_with_a_state() {
    let functions = bare().user_loader(by_token).identity_loader(by_name).password_updater(store);
    lets_the_captain_in(&functions.build().unwrap()).await;

    let shared = Arc::new(member(1));
    let closures = bare::<Member>()
        .user_loader(move |token: Arc<TokenPayload>| {
            // A cache hands out what it has: no copy, and `Member` could not be copied.
            let found = if token.subject() == "1" { Some(Arc::clone(&shared)) } else { None };
            async move { Ok::<_, Infallible>(found) }
        })
        .identity_loader(|_: String| async { Ok::<Option<Arc<Member>>, &str>(None) })
        .password_updater(|_: Arc<Member>, _: NewPasswordHash| async { Ok::<(), BoxError>(()) });
    lets_the_captain_in(&closures.build().unwrap()).await;

    let calls = Arc::new(AtomicUsize::new(0));
    let crew = Crew(Arc::clone(&calls));
    let types = bare().user_loader(crew.clone()).identity_loader(crew.clone()).password_updater(crew);
    lets_the_captain_in(&types.build().unwrap()).await;
    assert_eq!(calls.load(Ordering::Relaxed), 13, "three users by token, one by name");

    let crew: Arc<Crew> = Arc::new(Crew(Arc::clone(&calls)));
    let shared = bare()
        .shared_user_loader(crew.clone())
        .shared_identity_loader(crew.clone())
        .shared_password_updater(crew);
    lets_the_captain_in(&shared.build().unwrap()).await;
    assert_eq!(calls.load(Ordering::Relaxed), 26);
    // One that is shared is an option like any other.
    let updater: Arc<dyn PasswordUpdater<Member>> = Arc::new(Crew(Arc::default()));
    let waived = AuthProvider::builder(config()).user_loader(by_token).shared_password_updater(updater);
    refused(waived.store(memory_store()).without_password_login().build(), "without_password_login");
}

#[test]
fn a_provider_is_cheap_to_share_whatever_the_user_is() {
    fn assert_shareable<T: Clone + Send + Sync + fmt::Debug + 'static>(_: &T) {}
    let auth = bare().user_loader(by_token).identity_loader(by_name).build().unwrap();
    assert_shareable(&auth);
    assert_shareable(&Guard::new(&auth, Requirement::user()));
    let clone = auth.clone();
    let token = at_once(auth.issue(Purpose::Access, "1")).unwrap();
    assert!(clone.verify_signature_and_claims(token.expose(), Purpose::Access).is_ok());
}

#[test]
fn transports_are_checked_while_building() {
    let users = Users::new();
    let build = |cookies| {
        let builder = bare().user_loader(users.user_loader()).identity_loader(users.identity_loader());
        builder.transport(BearerTransport::new()).transport(cookies).build()
    };
    assert!(build(CookieTransport::new().danger_same_site_none()).is_ok());
    refused(build(CookieTransport::new().danger_same_site_none().danger_insecure()), "danger_same_site_none");
}
