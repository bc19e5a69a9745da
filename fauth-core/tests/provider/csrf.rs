//! CSRF tokens: what a guard reads and when, what is wrong with settings, and keys that are
//! exchanged.

use std::{
    cell::Cell,
    future::{pending, ready},
    net::SocketAddr,
};

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, CsrfTokens, Guard, LoginRequest, LogoutRequest, Presented,
    Purpose, RefreshRequest, Rejection, Requirement,
    event::EventKind,
    rejection::{CsrfFault, Misconfigured, OriginFault},
    request::{CsrfProof, HeaderValues, RequestHead},
    routes::BodyError,
    token::{Algorithm, Key},
    transport::{BearerTransport, CookieTransport, SessionCookie},
};
use fauth_testing::{RecordedEvents, TestUser, Users, WireRequest, config_builder, provider, provider_with};

type Auth = AuthProvider<TestUser>;

const FORM: &str = "application/x-www-form-urlencoded";
const MISSING: Rejection = Rejection::InvalidCsrfToken(CsrfFault::Missing);
const MISMATCH: Rejection = Rejection::InvalidCsrfToken(CsrfFault::Mismatch);

fn with_tokens(builder: AuthProviderBuilder<TestUser>, tokens: CsrfTokens) -> Auth {
    let builder = builder.transport(BearerTransport::new()).transport(CookieTransport::new());
    builder.csrf_tokens(tokens).build().unwrap()
}

/// An access token and a CSRF token of one login.
async fn login(auth: &Auth) -> (String, String) {
    let pair = auth.login(LoginRequest::for_subject("alice")).await.unwrap();
    let access = pair.access_token().expose().to_owned();
    let value = value_for(auth, &access);
    (access, value)
}

fn value_for(auth: &Auth, access: &str) -> String {
    let payload = auth.verify_signature_and_claims(access, Purpose::Access).unwrap();
    auth.csrf_token_for(&payload).unwrap().value().unwrap().to_owned()
}

/// A form of this user that says nothing of its origin.
fn form(access: &str) -> WireRequest {
    let request = WireRequest::post("/").header("host", "app.example").header("content-type", FORM);
    request.header("cookie", format!("__Host-session={access}"))
}

/// A WebSocket over HTTP/2 that claims to be a form.
fn handshake(access: &str) -> WireRequest {
    WireRequest { method: "CONNECT".to_owned(), protocol: Some("websocket".to_owned()), ..form(access) }
}

/// Enters with this form, and says how often it was read.
async fn enter(
    guard: &Guard<TestUser>,
    presented: Presented<TestUser>,
    body: Result<String, BodyError>,
) -> (Result<bool, Rejection>, usize) {
    let reads = Cell::new(0);
    let read = |limit| {
        assert_eq!(limit, 16 * 1024);
        reads.set(reads.get() + 1);
        ready(body)
    };
    let entered = guard.enter_reading(presented, read).await;
    (entered.map(|entered| entered.csrf_proof().is_some()), reads.get())
}

#[tokio::test]
async fn only_who_hands_over_a_form_gets_past_one_that_is_needed() {
    let auth = with_tokens(provider(), CsrfTokens::new());
    let guard = Guard::new(&auth, Requirement::user());
    let (access, value) = login(&auth).await;
    let (head, user) = (form(&access), Requirement::user());
    assert_eq!(guard.enter(guard.read(&head, None)).await.unwrap_err(), MISSING);
    assert_eq!(guard.check(guard.read(&head, None)).await.unwrap_err(), MISSING);
    assert_eq!(auth.check(auth.read(&head), &user).await.unwrap_err(), MISSING);
    assert_eq!(auth.check_current(auth.read(&head)).await.unwrap_err(), MISSING);
    assert_eq!(auth.check_optional(auth.read(&head)).await.unwrap_err(), MISSING);
    assert_eq!(auth.csrf_token(auth.read(&head)).await.unwrap_err(), MISSING);
    assert_eq!(auth.current_session(auth.read(&head)).await.unwrap_err(), MISSING);
    for guard in [guard, Guard::visitor(&auth)] {
        let body = Ok(format!("csrf_token={value}"));
        assert_eq!(enter(&guard, guard.read(&head, None), body).await, (Ok(true), 1));
        assert_eq!(enter(&guard, guard.read(&head, None), Ok(String::new())).await, (Err(MISSING), 1));
        let with_header = form(&access).header("x-csrf-token", &value);
        assert!(guard.enter(guard.read(&with_header, None)).await.is_ok());
    }
}

#[tokio::test]
async fn a_body_is_read_only_if_nothing_else_can_tell() {
    let auth = with_tokens(provider(), CsrfTokens::new());
    let guard = Guard::new(&auth, Requirement::user());
    let (access, value) = login(&auth).await;
    let good = || Ok(format!("csrf_token={value}"));
    let anonymous = WireRequest::post("/").header("content-type", FORM);
    let bearer = WireRequest::post("/").header("content-type", FORM).bearer(&access);
    let mut get = form(&access);
    get.method = "GET".to_owned();
    let cookie = format!("__Host-session={access}");
    let other = WireRequest::post("/").header("cookie", &cookie).header("content-type", "text/plain");
    for (head, outcome) in [
        (anonymous, Err(Rejection::MissingCredential)),
        (bearer, Ok(false)),
        (get, Ok(false)),
        (other, Err(MISSING)),
        (form(&access).header("content-encoding", "gzip"), Err(MISSING)),
        // What follows is no body, and may never end.
        (form(&access).header("upgrade", "websocket"), Err(MISSING)),
        (handshake(&access), Err(MISSING)),
        (form(&access).header("sec-fetch-site", "same-origin"), Ok(false)),
        (
            form(&access).header("sec-fetch-site", "cross-site"),
            Err(Rejection::CrossSiteRequest(OriginFault::Foreign)),
        ),
        (form(&access).header("x-csrf-token", &value), Ok(true)),
        (form(&access).header("x-csrf-token", "x"), Err(Rejection::InvalidCsrfToken(CsrfFault::Malformed))),
    ] {
        assert_eq!(enter(&guard, guard.read(&head, None), good()).await, (outcome, 0), "{head:?}");
    }
    let head = form(&access);
    let admins = Guard::new(&auth, Requirement::user().roles(["nobody"]));
    let (refused, reads) = enter(&admins, admins.read(&head, None), good()).await;
    assert!(matches!(refused, Err(Rejection::Forbidden(_))) && reads == 0);
    let guests = Guard::guests(&auth);
    assert_eq!(enter(&guests, guests.read(&head, None), good()).await, (Err(Rejection::GuestsOnly), 0));
    // A guard further out has read it.
    let entered = guard.enter_reading(guard.read(&head, None), |_| ready(good())).await.unwrap();
    assert_eq!(enter(&guard, guard.read(&head, entered.granted()), good()).await, (Ok(false), 0));
}

#[tokio::test]
async fn a_body_that_is_not_there_is_refused_as_what_it_is() {
    let auth = with_tokens(provider(), CsrfTokens::new());
    let guard = Guard::new(&auth, Requirement::user());
    let (access, value) = login(&auth).await;
    let head = form(&access);
    let padded = |length: usize| {
        let start = format!("csrf_token={value}&x=");
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    for (body, outcome) in [
        (Err(BodyError::TooLarge), Err(Rejection::PayloadTooLarge)),
        (Err(BodyError::Incomplete), Err(Rejection::InvalidRequest)),
        (Err(BodyError::TooSlow), Err(Rejection::BodyTimeout)),
        (Ok(padded(16 * 1024)), Ok(true)),
        // Whoever does not keep to the limit.
        (Ok(padded(16 * 1024 + 1)), Err(Rejection::PayloadTooLarge)),
    ] {
        assert_eq!(enter(&guard, guard.read(&head, None), body).await, (outcome, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let auth = with_tokens(provider(), CsrfTokens::new());
    for guard in [Guard::new(&auth, Requirement::user()), Guard::visitor(&auth)] {
        let head = form(&login(&auth).await.0);
        let entering = guard.enter_reading(guard.read(&head, None), |_| pending::<Result<Vec<u8>, _>>());
        assert_eq!(entering.await.unwrap_err(), Rejection::BodyTimeout);
    }
}

fn config(key: (&str, &str), before: Option<(&str, &str)>) -> AuthConfig {
    let builder = AuthConfig::builder().application("default").secret(key.1).secret_id(key.0);
    let key = |(id, secret): (&str, &str)| {
        Key::hmac(Algorithm::HS256, secret.as_bytes()).unwrap().with_id(id).unwrap()
    };
    before.into_iter().fold(builder, |builder, before| builder.verification_key(key(before))).build().unwrap()
}

#[tokio::test]
async fn values_survive_an_exchange_of_keys() {
    let old = ("old", "an-old-secret-0123456789-abcdefghij-9f2c4a7b");
    let new = ("new", "a-new-secret-9876543210-jihgfedcba-b7a4c2f9");
    let built = |config| {
        let builder = provider_with(config, &Users::new()).danger_share_application();
        with_tokens(builder, CsrfTokens::new())
    };
    let (before, after) = (built(config(old, None)), built(config(new, Some(old))));
    let access = before.issue(Purpose::Access, "alice").await.unwrap().expose().to_owned();
    let post = |auth: &Auth, value: &str| {
        let (auth, head) = (auth.clone(), form(&access).header("x-csrf-token", value));
        async move { auth.check_current(auth.read(&head)).await.map(drop) }
    };
    let (made_before, made_after) = (value_for(&before, &access), value_for(&after, &access));
    assert_eq!(post(&before, &made_before).await, Ok(()));
    assert_eq!(post(&after, &made_before).await, Ok(()));
    assert_eq!(post(&after, &made_after).await, Ok(()));
    assert_eq!(post(&before, &made_after).await, Err(MISMATCH), "it does not know the new key");
}

#[test]
fn settings_that_cannot_work_are_errors() {
    let field = |tokens: CsrfTokens| {
        let builder = provider().transport(SessionCookie::new()).csrf_tokens(tokens);
        builder.build().map(drop).map_err(|error| error.field())
    };
    assert_eq!(field(CsrfTokens::new().required().exempt("/open").header("X-XSRF-Token")), Ok(()));
    for bad in ["open", "/open/*", "/open?x", "/a/../b", "/{id}"] {
        assert_eq!(field(CsrfTokens::new().required().exempt(bad)), Err("exempt"), "{bad}");
    }
    // Nothing is asked of own pages from which it could be exempt.
    assert_eq!(field(CsrfTokens::new().exempt("/open")), Err("exempt"));
    assert_eq!(field(CsrfTokens::new().header("")), Err("header"));
    assert_eq!(field(CsrfTokens::new().header("Authorization")), Err("header"));
    assert_eq!(field(CsrfTokens::new().field("a b")), Err("field"));
    assert_eq!(field(CsrfTokens::new().field("token")), Err("field"));
    assert_eq!(field(CsrfTokens::new().cookie_name("session")), Err("cookie_name"));
    assert_eq!(field(CsrfTokens::new().cookie_name("staff-csrf")), Ok(()));
    assert_eq!(field(CsrfTokens::new().danger_cookie_name("__Host-session")), Err("danger_cookie_name"));
    assert_eq!(field(CsrfTokens::new().danger_cookie_name("csrf_token")), Ok(()));
    let bearer_only = provider().csrf_tokens(CsrfTokens::new()).build();
    assert_eq!(bearer_only.unwrap_err().field(), "csrf_tokens");
}

#[tokio::test]
async fn without_tokens_nothing_is_as_with_them() {
    let auth =
        provider().transport(BearerTransport::new()).transport(CookieTransport::new()).build().unwrap();
    let none = Rejection::Misconfigured(Misconfigured::NoCsrfTokens);
    assert!(!auth.has_csrf_tokens());
    let pair = auth.login(LoginRequest::for_subject("alice")).await.unwrap();
    let access = pair.access_token().expose();
    let payload = auth.verify_signature_and_claims(access, Purpose::Access).unwrap();
    assert_eq!(auth.csrf_token_for(&payload).unwrap_err(), none);
    assert_eq!(auth.csrf_token(auth.read(&WireRequest::get("/"))).await.unwrap_err(), none);
    let guard = Guard::new(&auth, Requirement::user());
    let own = form(access).header("sec-fetch-site", "same-origin");
    let (granted, demands) = guard.enter(guard.read(&own, None)).await.unwrap().into_parts();
    assert_eq!(demands, granted.unwrap().demands());
    let refused = guard.enter(guard.read(&form(access), None)).await.unwrap_err();
    assert_eq!(refused, Rejection::CrossSiteRequest(OriginFault::Missing));
}

/// As applications call them, with the field that they have read.
#[tokio::test]
async fn replies_take_the_token_that_a_body_has_brought() {
    let auth = with_tokens(provider(), CsrfTokens::new());
    let pair = auth.login(LoginRequest::for_subject("alice")).await.unwrap();
    let value = value_for(&auth, pair.access_token().expose());
    let cookies = format!("__Host-refresh={}", pair.refresh_token().expose());
    let head = || WireRequest::post("/").header("host", "app.example").header("cookie", &cookies);
    let refresh = |request| auth.refresh_reply(&head(), request);
    assert_eq!(refresh(RefreshRequest::new()).await.unwrap_err(), MISSING);
    let malformed = Rejection::InvalidCsrfToken(CsrfFault::Malformed);
    assert_eq!(refresh(RefreshRequest::new().csrf_token("x")).await.unwrap_err(), malformed);
    assert!(refresh(RefreshRequest::new().csrf_token(&value)).await.is_ok());
    let logout = |request| auth.logout_reply(&head(), request);
    assert_eq!(logout(LogoutRequest::new()).await.unwrap_err(), MISSING);
    assert_eq!(auth.sessions("alice").await.unwrap().len(), 1);
    assert!(logout(LogoutRequest::new().csrf_token(&value)).await.is_ok());
    assert!(auth.sessions("alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn another_spelling_of_an_exempt_path_is_not_exempt() {
    let auth = with_tokens(provider(), CsrfTokens::new().required().exempt("/hooks"));
    let (access, value) = login(&auth).await;
    for (path, outcome) in [("/hooks", Ok(())), ("/%68ooks", Err(MISSING)), ("/hooks%2f", Err(MISSING))] {
        let mut head = form(&access).header("sec-fetch-site", "same-origin");
        head.target = path.to_owned();
        assert_eq!(auth.check_current(auth.read(&head)).await.map(drop), outcome, "{path}");
        let with_token = head.header("x-csrf-token", &value);
        assert!(auth.check_current(auth.read(&with_token)).await.is_ok(), "{path}");
    }
}

/// A request with what guards have left with it.
struct Passed(WireRequest, Option<CsrfProof>);

impl RequestHead for Passed {
    fn method(&self) -> &str {
        self.0.method()
    }

    fn path(&self) -> &str {
        self.0.path()
    }

    fn query(&self) -> Option<&str> {
        self.0.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        RequestHead::header(&self.0, name)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.0.peer()
    }

    fn is_secure(&self) -> bool {
        self.0.is_secure()
    }

    fn csrf_proof(&self) -> Option<CsrfProof> {
        self.1.clone()
    }
}

async fn proof(auth: &Auth, head: &WireRequest, value: &str) -> CsrfProof {
    let guard = Guard::new(auth, Requirement::user());
    let body = format!("csrf_token={value}");
    let entered = guard.enter_reading(guard.read(head, None), |_| ready(Ok(body))).await;
    entered.unwrap().csrf_proof().unwrap()
}

/// Each guard leaves its own, whichever is further out, and none is good for another login.
#[tokio::test]
async fn guards_of_two_providers_leave_two_proofs() {
    let built = |name: &str| {
        let config = config_builder().application(name).build().unwrap();
        let builder = provider_with(config, &Users::new()).danger_share_application();
        with_tokens(builder, CsrfTokens::new())
    };
    let (shop, staff) = (built("shop"), built("staff"));
    let ((of_shop, shop_value), (of_staff, staff_value)) = (login(&shop).await, login(&staff).await);
    let first = proof(&shop, &form(&of_shop), &shop_value).await;
    let second = proof(&staff, &form(&of_staff), &staff_value).await;
    let logout = |auth: &Auth, access: &str, proof: Option<&CsrfProof>| {
        auth.logout_reply(&Passed(form(access), proof.cloned()), LogoutRequest::new())
    };
    assert_eq!(logout(&shop, &of_shop, None).await.unwrap_err(), MISSING);
    assert_eq!(logout(&shop, &of_shop, Some(&second)).await.unwrap_err(), MISSING);
    let (elsewhere, _) = login(&shop).await;
    assert_eq!(logout(&shop, &elsewhere, Some(&first)).await.unwrap_err(), MISSING);
    for both in [first.clone().beside(Some(&second)), second.clone().beside(Some(&first))] {
        let (again, value) = login(&shop).await;
        let newest = proof(&shop, &form(&again), &value).await.beside(Some(&both));
        assert!(logout(&shop, &again, Some(&newest)).await.is_ok());
        assert_eq!(
            logout(&shop, &of_shop, Some(&newest)).await.unwrap_err(),
            MISSING,
            "it is of another login"
        );
        assert!(logout(&shop, &of_shop, Some(&both)).await.is_ok());
        assert!(logout(&staff, &of_staff, Some(&newest)).await.is_ok());
    }
}

#[tokio::test]
async fn the_log_says_what_to_do() {
    let events = RecordedEvents::new();
    let auth = with_tokens(provider().events(events.clone()), CsrfTokens::new());
    let guard = Guard::new(&auth, Requirement::user());
    let head = form(&login(&auth).await.0);
    let refused = guard.enter(guard.read(&head, None)).await.unwrap_err();
    assert_eq!(guard.refuse(&refused, &head).status(), 403);
    let event = events.all().into_iter().find(|event| event.kind == EventKind::RequestRefused).unwrap();
    assert_eq!(event.reason.as_deref(), Some("csrf_token_missing"));
    assert!(event.error.unwrap().contains("hidden_field"));
}
