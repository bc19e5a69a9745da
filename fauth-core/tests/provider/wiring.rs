//! What an application wires: its users, its lists of names, the errors that its handlers return,
//! and what the log says where something is missing.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    AuthProvider, AuthUser, LoginRequest, Names, Purpose, Rejection, Requirement, TokenRequest,
    api_key::ApiKeyError,
    one_time::OneTimeRequest,
    password::{PasswordError, UnacceptablePassword},
    rejection::{InvalidToken, Misconfigured, ProblemJson, Unavailable, Watch},
    token::{IssueError, TokenError},
};
use fauth_testing::{Log, TestUser, WireRequest, at_once, config_builder, provider_with};

use crate::support::{World, get};

/// A user of a type of its own.
struct Peculiar;

impl AuthUser for Peculiar {
    fn subject(&self) -> impl AsRef<str> {
        "peculiar"
    }

    fn is_active(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn requests_are_made_for_shared_users() {
    let world = World::new();
    let alice = Arc::new(world.users.find("alice"));
    let _: OneTimeRequest<'_, TestUser> = OneTimeRequest::for_user(&alice);
    let pair = world.auth.login(LoginRequest::for_user(&alice)).await.unwrap();
    let token = at_once(world.auth.issue(Purpose::Access, TokenRequest::for_user(&alice))).unwrap();
    for token in [pair.access_token().expose(), token.expose()] {
        let granted = world.auth.authenticate_token(token, &Requirement::user()).await.unwrap();
        assert_eq!(granted.payload().subject(), "alice");
    }
}

/// A role that takes no space.
struct Admin;

impl AsRef<str> for Admin {
    fn as_ref(&self) -> &'static str {
        "admin"
    }
}

fn are_none<N: Names>(_: &N) -> bool {
    N::ARE_NONE
}

#[test]
fn only_a_type_without_names_is_known_to_have_none() {
    assert!(are_none(&[""; 0]));
    assert!(are_none(&std::iter::empty::<&str>()));
    assert!(!are_none(&["admin"]));
    assert!(!are_none(&[Admin]), "a name that takes no space is one all the same");
    assert!(!are_none(&Vec::<String>::new()), "a vector says it when it is looked at");
    assert!(!are_none(&&[""; 0]));
    for requirement in [
        Requirement::user().roles(Vec::<String>::new()),
        Requirement::user().roles(&[""; 0]),
        Requirement::user().role(""),
        Requirement::user().permission(" "),
        Requirement::user().scope("two words"),
    ] {
        assert!(requirement.validate().is_err(), "{requirement:?}");
    }
    for requirement in [
        Requirement::user().roles(vec!["admin".to_owned()]),
        Requirement::user().roles(&["admin"]),
        Requirement::user().roles(["admin"].as_slice()),
        Requirement::user().roles([Admin]),
        Requirement::user().role(Admin),
    ] {
        assert_eq!(requirement, Requirement::user().roles(["admin"]));
    }
    assert_eq!(Requirement::user().permission("write"), Requirement::user().permissions(["write"]));
    assert_eq!(Requirement::user().scope("read"), Requirement::user().scopes(["read"]));
}

#[test]
fn every_error_of_a_provider_is_a_rejection() {
    let wait = Duration::from_secs(4);
    let unprocessable = |text: &'static str| Rejection::Unprocessable(text.into());
    let cases: [(Rejection, Rejection); 8] = [
        (ApiKeyError::Refused(Rejection::NotFound).into(), Rejection::NotFound),
        (
            ApiKeyError::LimitReached.into(),
            unprocessable("the subject already has the maximum number of API keys"),
        ),
        (PasswordError::Busy { retry_after: wait }.into(), Rejection::Busy { retry_after: wait }),
        (
            PasswordError::Unacceptable(UnacceptablePassword::TooLong { limit: 72 }).into(),
            unprocessable("the password is longer than 72 bytes"),
        ),
        (PasswordError::Failed.into(), Rejection::Unavailable(Unavailable::PasswordHasher)),
        (IssueError::NoRandomness.into(), Rejection::Unavailable(Unavailable::Issuer)),
        (IssueError::InvalidSubject.into(), Rejection::Misconfigured(Misconfigured::TokenRequest)),
        (TokenError::Expired.into(), Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired))),
    ];
    for (rejection, expected) in cases {
        assert_eq!(rejection, expected);
    }
}

/// It is that of a provider with the default settings; only the event is missing.
#[test]
fn the_default_reply_is_that_of_the_defaults() {
    let world = World::with(|builder| builder.renderer(ProblemJson::new()));
    for (name, rejection) in crate::support::every_rejection() {
        let reply = rejection.default_reply();
        assert_eq!(reply, world.auth.refuse(&rejection, &get("/x")), "{name}");
    }
}

// ------------------------------------------------------------------------------------------------
// the log

/// The one record about this path.
fn record(path: &str) -> fauth_testing::Logged {
    let records = Log::of_process().with(path);
    assert_eq!(records.len(), 1, "{records:?}");
    records[0].clone()
}

#[test]
fn a_missing_provider_says_which_and_where() {
    let _ = Log::of_process();
    let world = World::new();
    let head = |path: &str| WireRequest::new("GET", path);

    // There is one of these users, but not here.
    let (rejection, reply) = AuthProvider::<TestUser>::missing(&head("/wiring-none"), None, "add it HERE");
    assert_eq!((rejection.reason(), reply.status()), ("missing_provider", 500));
    let message = record("/wiring-none").field("message").unwrap().to_owned();
    assert!(message.contains("no `AuthProvider<fauth_testing::users::TestUser>`"), "{message}");
    assert!(message.ends_with("add it HERE"), "{message}");

    // There is none of these users in the whole process.
    let (rejection, reply) = AuthProvider::<Peculiar>::missing(&head("/wiring-wrong"), None, "add it HERE");
    assert_eq!((rejection.reason(), reply.status()), ("provider_of_other_users", 500));
    let message = record("/wiring-wrong").field("message").unwrap().to_owned();
    assert!(message.contains("asks for users of type `provider::wiring::Peculiar`"), "{message}");
    assert!(message.contains("`fauth_testing::users::TestUser`"), "{message}");

    // The guard is of others.
    let guard = Some("shop::Customer");
    let (rejection, _) = AuthProvider::<TestUser>::missing(&head("/wiring-guard"), guard, "add it HERE");
    assert_eq!(rejection.reason(), "provider_of_other_users");
    let message = record("/wiring-guard").field("message").unwrap().to_owned();
    assert!(message.contains("let the handler take `shop::Customer`"), "{message}");

    let (rejection, reply) = Rejection::without_guard(&head("/wiring-token"), "add it HERE");
    assert_eq!((rejection.reason(), reply.status()), ("missing_guard", 500));
    assert_eq!(record("/wiring-token").field("event"), Some("missing_guard"));
    drop(world);
}

#[tokio::test]
async fn a_guard_of_another_provider_is_told_and_one_of_the_same_is_not() {
    let log = Log::of_process();
    let world = World::new();
    let elsewhere = config_builder().secret("another-secret-0123456789-abcdefghij-9f2c4a7b").build().unwrap();
    let other = provider_with(elsewhere, &world.users).build().unwrap();
    let head = get("/wiring-other").bearer(&world.access("alice"));
    let granted = world.auth.check_current(world.auth.read(&head)).await.unwrap();
    let _ = world.auth.refuse_extraction(&Rejection::NotFound, &head, Some(&granted));
    assert!(log.with("guard_of_another_provider").is_empty());
    let _ = other.refuse_extraction(&Rejection::NotFound, &head, Some(&granted));
    assert_eq!(log.with("guard_of_another_provider").len(), 1);
}

/// A refusal for a mistake of the application says what to do about it.
#[test]
fn a_misconfigured_refusal_carries_its_advice() {
    let log = Log::of_process();
    let world = World::new();
    let _ = world.auth.refuse(&Rejection::Misconfigured(Misconfigured::NoStore), &get("/wiring-no-store"));
    let records = log.with("/wiring-no-store");
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].field("error").unwrap().contains("`.store(MemoryStore::new())`"));
}

/// In one test, because it is said once in a process.
#[test]
fn a_refusal_that_nobody_looks_at_is_told_once() {
    let log = Log::of_process();
    let told = || log.with("refusal_swallowed").len();
    let invalid = Rejection::from(TokenError::Expired);
    drop(Watch::none());
    drop(Watch::over(&Rejection::MissingCredential, &get("/watched-nothing")));
    let seen = Watch::over(&invalid, &get("/watched-seen"));
    seen.seen();
    drop(seen);
    let twin = Watch::over(&invalid, &get("/watched-twin"));
    let other = twin.clone();
    drop(twin);
    other.seen();
    drop(other);
    assert_eq!(told(), 0);
    for _ in 0..2 {
        drop(Watch::over(&invalid, &get("/watched-swallowed\u{1b}")));
    }
    assert_eq!(told(), 1);
    let record = &log.with("refusal_swallowed")[0];
    assert_eq!(record.field("reason"), Some("token_expired"));
    assert!(record.field("path").unwrap().starts_with("/watched-swallowed"));
    assert!(!record.field("path").unwrap().contains('\u{1b}'));
}
