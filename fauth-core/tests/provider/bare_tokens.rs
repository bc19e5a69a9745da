//! Tokens that come by themselves and not in a request.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fauth_core::{
    ClientInfo, Missing, OneTimePurpose, Purpose, Rejection, Requirement, TokenRequest,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    event::EventKind,
    rejection::{ApiKeyFault, InvalidToken, MalformedCredential, Unavailable},
    throttle::LoginThrottle,
    token::{IssueError, TokenError},
    transport::CookieTransport,
};
use fauth_testing::{Fault, FaultyStore, ManualClock};

use crate::support::World;

/// Whom the provider lets in with this token.
async fn enter(world: &World, token: &str, requirement: &Requirement) -> Result<String, Rejection> {
    let granted = world.auth.authenticate_token(token, requirement).await?;
    assert!(granted.demands().is_empty());
    Ok(granted.user().name.clone())
}

async fn enter_as_user(world: &World, token: &str) -> Result<String, Rejection> {
    enter(world, token, &Requirement::user()).await
}

fn invalid(reason: InvalidToken) -> Result<String, Rejection> {
    Err(Rejection::InvalidToken(reason))
}

#[tokio::test]
async fn a_good_token_is_let_in() {
    let world = World::new();
    let tokens = world.log_in(TokenRequest::for_subject("alice").scope("chat")).await;
    let requirement =
        Requirement::user().roles(["admin"]).scopes(["chat"]).login_within(Duration::from_secs(60));
    assert_eq!(enter(&world, &tokens.access, &requirement).await, Ok("alice".to_owned()));
    assert_eq!(world.users.user_loads(), 1);
    assert_eq!(world.events.take(), []);
}

/// The client of a connection guesses no API keys with its messages, and disturbs no other.
#[tokio::test]
async fn api_keys_that_nobody_has_issued_are_counted_by_the_address_of_the_connection() {
    let world = World::with(|builder| {
        builder.api_key_store(FaultyStore::default()).login_throttle(LoginThrottle::new())
    });
    let request = ApiKeyRequest::new("chat").scope("chat");
    let good = world.auth.danger_create_api_key_for("alice", request).await.unwrap();
    let keys = Requirement::user().scopes(["chat"]);
    let at = |last| ClientInfo::unknown().with_address([192, 0, 2, last].into());
    let enter = async |key: &str, client| {
        world
            .auth
            .authenticate_token_from(key, &keys, &client)
            .await
            .map(|granted| granted.user().name.clone())
    };
    for _ in 0..20 {
        assert_eq!(
            enter("fauth_made-up", at(1)).await,
            invalid(InvalidToken::ApiKey(ApiKeyFault::Malformed))
        );
    }
    let limited = enter("fauth_made-up", at(1)).await;
    assert!(matches!(limited, Err(Rejection::TooManyRequests { .. })), "{limited:?}");
    assert_eq!(
        enter("fauth_made-up", at(2)).await,
        invalid(InvalidToken::ApiKey(ApiKeyFault::Malformed)),
        "another address"
    );
    assert_eq!(enter(good.expose(), at(1)).await, Ok("alice".to_owned()), "a good one passes");
    let throttled =
        world.events.take().iter().filter(|event| event.kind == EventKind::LoginThrottled).count();
    assert_eq!(throttled, 1);
}

/// For tests of applications: the clock of the provider stays where it is.
#[tokio::test]
async fn a_token_counts_from_the_time_as_of_which_it_is_issued() {
    let world = World::new();
    let now = ManualClock::START.unix_seconds();
    let expired = || invalid(InvalidToken::Token(TokenError::Expired));
    for (seconds, expected) in
        [(0, Ok("alice".to_owned())), (-899, Ok("alice".to_owned())), (-900, expired()), (-86_400, expired())]
    {
        let then = Timestamp::from_unix_seconds(now + seconds);
        let token = world.auth.danger_issue_at(Purpose::Access, "alice", then).await.unwrap();
        assert_eq!(enter_as_user(&world, token.expose()).await, expected, "{seconds}");
    }
    for seconds in [1, 30, 1_000_000_000] {
        let then = Timestamp::from_unix_seconds(now + seconds);
        let ahead = world.auth.danger_issue_at(Purpose::Access, "alice", then).await;
        assert!(matches!(ahead, Err(IssueError::InFuture)), "{seconds}");
    }
    let before_time = Timestamp::from_unix_seconds(-1);
    assert!(world.auth.danger_issue_at(Purpose::Access, "alice", before_time).await.is_err());
}

/// Everything that a guard asks is asked.
#[tokio::test]
async fn whatever_a_guard_refuses_is_refused() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let refused = |missing| Err(Rejection::Forbidden(missing));
    let (roles, scopes) = (Requirement::user().roles(["auditor"]), Requirement::user().scopes(["chat"]));
    assert_eq!(enter(&world, &tokens.access, &roles).await, refused(Missing::Role("auditor".into())));
    let lacks = refused(Missing::Scopes(vec!["chat".into()]));
    assert_eq!(enter(&world, &tokens.access, &scopes).await, lacks);
    assert_eq!(enter_as_user(&world, &world.access("carol")).await, invalid(InvalidToken::InactiveUser));
    assert_eq!(enter_as_user(&world, &world.access("nobody")).await, invalid(InvalidToken::UnknownUser));
    let wrong = |actual| {
        let (expected, actual) = (Purpose::Access, Some(actual));
        invalid(InvalidToken::Token(TokenError::WrongPurpose { expected, actual }))
    };
    assert_eq!(enter_as_user(&world, &tokens.refresh).await, wrong(Purpose::Refresh));
    let reset = world.one_time_token(OneTimePurpose::PasswordReset, "alice");
    assert_eq!(enter_as_user(&world, &reset).await, wrong(Purpose::PasswordReset));
    let impossible = Requirement::user().roles([""]);
    assert_eq!(enter(&world, &tokens.access, &impossible).await.unwrap_err().status(), 500);

    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(enter_as_user(&world, &tokens.access).await, invalid(InvalidToken::Revoked));
    let expired = world.access("alice");
    world.clock.advance(Duration::from_secs(900));
    assert_eq!(enter_as_user(&world, &expired).await, invalid(InvalidToken::Token(TokenError::Expired)));
    world.users.fail();
    let unavailable = Err(Rejection::Unavailable(Unavailable::Loader));
    assert_eq!(enter_as_user(&world, &world.access("alice")).await, unavailable);
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_refused_before_anybody_is_asked() {
    let world = World::new();
    let good = world.access("alice");
    let malformed = |reason| Err(Rejection::MalformedCredential(reason));
    assert_eq!(enter_as_user(&world, "").await, Err(Rejection::MissingCredential));
    for text in [&format!("Bearer {good}"), &format!(" {good}"), &format!("{good}\n"), "a b", "ä", "{}"] {
        assert_eq!(enter_as_user(&world, text).await, malformed(MalformedCredential::Grammar), "{text}");
    }
    // As long as anything may be, and one byte more.
    let longest = 8192 + 64;
    assert_eq!(enter_as_user(&world, &"a".repeat(longest)).await.unwrap_err().status(), 401);
    let too_long = malformed(MalformedCredential::TooLong);
    assert_eq!(enter_as_user(&world, &"a".repeat(longest + 1)).await, too_long);
    assert_eq!(world.users.user_loads(), 0);
}

/// There may be no request to answer, so the refusal is told here.
#[tokio::test]
async fn a_refusal_is_told() {
    let world = World::new();
    for (token, reason) in [("x", "malformed_token"), ("", "missing_credential")] {
        enter_as_user(&world, token).await.unwrap_err();
        let event = world.events.only();
        assert_eq!((event.kind, event.reason), (EventKind::RequestRefused, Some(reason)));
        assert_eq!((event.method, event.path, event.peer), (None, None, None));
    }
}

#[tokio::test]
async fn an_api_key_is_taken_as_behind_bearer_and_not_as_by_basic() {
    let store = FaultyStore::default();
    let world = World::with(|builder| builder.api_key_store(store.clone()));
    let request = ApiKeyRequest::new("bot").scope("chat");
    let new = world.auth.danger_create_api_key_for("alice", request).await.unwrap();
    let (key, chat) = (new.expose(), Requirement::user().scopes(["chat"]));
    assert_eq!(enter(&world, key, &chat).await, Ok("alice".to_owned()));
    let not_allowed = Err(Rejection::Forbidden(Missing::ApiKeyNotAllowed));
    assert_eq!(enter_as_user(&world, key).await, not_allowed);
    let fault = |fault| invalid(InvalidToken::ApiKey(fault));
    assert_eq!(enter(&world, &key[..key.len() - 1], &chat).await, fault(ApiKeyFault::Malformed));
    store.calls();
    for basic in [
        STANDARD.encode(format!("__token__:{key}")),
        format!("Basic {}", STANDARD.encode(format!("__token__:{key}"))),
        format!("__token__:{key}"),
    ] {
        assert!(enter(&world, &basic, &chat).await.is_err());
    }
    assert!(store.calls().is_empty());
    store.fault(Fault::Fails);
    let unavailable = Err(Rejection::Unavailable(Unavailable::Store));
    assert_eq!(enter(&world, key, &chat).await, unavailable);
    store.recover();
    world.auth.revoke_api_key("alice", &new.key().id).await.unwrap();
    assert_eq!(enter(&world, key, &chat).await, fault(ApiKeyFault::Unknown));
}

/// How requests carry tokens has nothing to do with it.
#[tokio::test]
async fn where_tokens_come_in_cookies_a_bare_one_is_taken_too() {
    let world = World::with(|builder| {
        builder.api_key_store(FaultyStore::default()).transport(CookieTransport::new())
    });
    let tokens = world.log_in("alice").await;
    assert_eq!(enter_as_user(&world, &tokens.access).await, Ok("alice".to_owned()));
}
