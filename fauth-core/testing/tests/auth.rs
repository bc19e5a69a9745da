//! The kit by itself: what it says of mistakes, and how it follows the provider's transports.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, ClientInfo, CsrfTokens, Guard, MemoryStore, Purpose, Rejection,
    Requirement, TokenClaims,
    rejection::{CsrfFault, MalformedCredential, OriginFault},
    request::RequestHead,
    transport::{BearerTransport, CookieTransport, Extracted, SecurityScheme, Transport},
};
use fauth_testing::{
    ManualClock, RecordedEvents, RequestHeaders, TestAuth, TestUser, Users, WireRequest, assert_event, config,
};

fn alice() -> TestUser {
    Users::new().find("alice")
}

fn builder() -> AuthProviderBuilder<TestUser> {
    let users = Users::new();
    AuthProvider::builder(config())
        .danger_share_application()
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .store(MemoryStore::new())
}

#[tokio::test]
async fn users_are_values_or_shared_ones() {
    let auth = TestAuth::new([Arc::new(alice())]);
    assert!(auth.login_as(&auth.users().get("alice")).await.get("authorization").is_some());
    assert!(auth.login_as(&alice()).await.get("authorization").is_some());
}

#[test]
#[should_panic(expected = "two users have the subject `alice`")]
fn a_subject_is_of_one_user() {
    let _ = TestAuth::new([alice(), alice()]);
}

#[tokio::test]
#[should_panic(expected = "TestAuth has no user `zoe`: there are `alice`")]
async fn an_unknown_name_is_said() {
    TestAuth::new([alice()]).login_as("zoe").await;
}

#[tokio::test]
#[should_panic(expected = "the user loader of the provider finds no user `zoe`")]
async fn an_unknown_name_is_said_by_a_provider_of_its_own() {
    TestAuth::with(builder().build().unwrap()).login_as("zoe").await;
}

#[tokio::test]
#[should_panic(expected = "the provider takes no cookies")]
async fn a_provider_without_cookies_is_said() {
    TestAuth::with(builder().build().unwrap()).login_as("alice").cookie().await;
}

#[tokio::test]
#[should_panic(expected = "tokens of this provider live for 900 s, not for 901 s")]
async fn a_life_that_no_token_has_is_said() {
    let auth = TestAuth::new([alice()]);
    let _ = auth.token_for("alice").expires_in(Duration::from_secs(900)).await;
    let _ = auth.token_for("alice").expires_in(Duration::from_secs(901)).await;
}

#[test]
#[should_panic(expected = "call `.at(clock)`")]
fn a_clock_that_is_not_known_is_said() {
    let _ = TestAuth::with(builder().build().unwrap()).clock();
}

#[tokio::test]
async fn a_provider_of_its_own_may_have_a_clock_and_events() {
    let (clock, events) = (ManualClock::new(), RecordedEvents::new());
    let provider = builder().store(fauth_testing::memory_store()).clock(clock.clone()).events(events.clone());
    let provider = provider.build().unwrap();
    let auth = TestAuth::with(provider).at(clock).recording(events);
    let token = auth.token_for("alice").await;
    assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_ok());
    auth.clock().advance(Duration::from_secs(900));
    assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_err());
    auth.login_as("bob").await;
    assert_event!(auth.events(), LoggedIn, subject: "bob");
}

/// What a page of the application sends gets in, also in strict mode.
#[tokio::test]
async fn a_page_sends_its_csrf_token() {
    let builder = TestAuth::builder([alice()]);
    let auth = builder.configure(|provider| provider.csrf_tokens(CsrfTokens::new().required())).build();
    let guard = Guard::new(&auth, Requirement::user());
    let post = async |headers: &RequestHeaders| {
        let head = WireRequest::post("/").header("host", "app.example").with(headers);
        guard.enter(guard.read(&head, None)).await.map(drop)
    };
    let login = auth.login_as("alice");
    let page = login.clone().cookie().await;
    assert!(page.get("x-csrf-token").is_some() && page.get("cookie").unwrap().contains("; __Host-csrf="));
    assert_eq!(post(&page).await, Ok(()));
    assert_eq!(post(&login.clone().await).await, Ok(()), "a program needs none");
    let missing = Rejection::InvalidCsrfToken(CsrfFault::Missing);
    assert_eq!(post(&login.clone().without_proof().await).await, Err(missing));
    let foreign = Rejection::CrossSiteRequest(OriginFault::Foreign);
    assert_eq!(post(&login.from_foreign_site().await).await, Err(foreign));
}

/// A gateway in front of the service puts the token here.
#[derive(Debug)]
struct GatewayHeader;

impl Transport for GatewayHeader {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        let values = head.header("x-gateway-token");
        match values.single() {
            _ if purpose != Purpose::Access => Extracted::Absent,
            None if values.is_empty() => Extracted::Absent,
            Some(token) => Extracted::token(token),
            None => Extracted::Malformed(MalformedCredential::Duplicate),
        }
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Header { name: "X-Gateway-Token".into() }
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_login_travels_as_the_provider_has_it() {
    let names = async |auth: TestAuth<TestUser>| {
        let headers = auth.login_as("alice").await;
        let request = WireRequest::get("/").with(&headers);
        assert!(auth.check_current(auth.read(&request)).await.is_ok(), "{headers:?}");
        headers.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    let further = TestAuth::builder([alice()]).configure(|builder| builder.transport(GatewayHeader)).build();
    assert_eq!(names(TestAuth::new([alice()])).await, ["authorization"]);
    assert_eq!(names(further).await, ["authorization"]);
    let gateway = TestAuth::builder([alice()]).transport(GatewayHeader).build();
    assert_eq!(names(gateway).await, ["x-gateway-token"]);
    let cookies = TestAuth::builder([alice()]).transport(CookieTransport::new()).build();
    assert_eq!(names(cookies).await, ["cookie", "sec-fetch-site"]);
    let query = TestAuth::builder([alice()]).transport(BearerTransport::new());
    let query = query.configure(|builder| builder.danger_query_token("token")).build();
    assert_eq!(names(query).await, ["authorization"]);
}

/// A login has what the application loads; a token has what it is told to.
#[tokio::test]
async fn loaded_claims_are_those_of_logins() {
    let auth = TestAuth::builder([alice()])
        .configure(|builder| {
            builder.token_claims(async |_: Arc<TestUser>| {
                std::io::Result::Ok(TokenClaims::new().scope("read").claim("tenant", "acme"))
            })
        })
        .build();
    let pair = auth.login_as("alice").pair().await;
    assert_eq!(pair.scopes().collect::<Vec<_>>(), ["read"]);
    let token = auth.token_for("alice").await;
    let payload = auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap();
    assert!(payload.scopes().is_empty());
}

#[tokio::test]
async fn users_log_in_by_what_identifies_them() {
    let auth = TestAuth::builder([alice()]).identified_by(|user| user.name.get(..2).unwrap()).build();
    let client = ClientInfo::unknown();
    assert!(auth.authenticate("al", "s3cret", &client).await.is_ok());
    assert!(auth.authenticate("alice", "s3cret", &client).await.is_err());
}

#[test]
fn no_token_is_shown() {
    let auth = TestAuth::new([alice()]);
    let (login, token, key) =
        (auth.login_as("alice"), auth.token_for("alice").claim("c", "private"), auth.api_key_for("alice"));
    let shown = format!("{auth:?} {login:?} {token:?} {key:?} {:?}", auth.users());
    assert!(!shown.contains("private") && !shown.contains("argon2"), "{shown}");
    let token = fauth_testing::at_once(token.into_future());
    let shown = format!("{token:?} {:?}", token.headers());
    assert!(!shown.contains(token.expose()), "{shown}");
}
