//! Browser sessions: what two requests of one session do to each other, and what stores that know
//! different things say.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, ClientInfo, Guard, LoginRequest, LogoutRequest, MemoryStore, Purpose,
    Rejection, Requirement, SessionHandle, TokenClaims, TokenPayload,
    clock::Timestamp,
    rejection::{InvalidToken, Misconfigured},
    transport::{BearerTransport, CookieTransport, SessionCookie},
};
use fauth_testing::{
    ManualClock, TestUser, Users, WireRequest, config, memory_store, provider, provider_without_store,
};

type Auth = AuthProvider<TestUser>;
type Session = SessionHandle<TestUser>;

const ENDED: Rejection = Rejection::InvalidToken(InvalidToken::SessionEnded);
/// Half of the idle timeout.
const HALF: Duration = Duration::from_secs(84 * 60 * 60);

fn pages(builder: AuthProviderBuilder<TestUser>) -> Auth {
    builder.transport(BearerTransport::new()).transport(SessionCookie::new()).build().unwrap()
}

fn post() -> WireRequest {
    WireRequest::new("POST", "/").header("host", "app.example").header("sec-fetch-site", "same-origin")
}

fn with(cookie: &str) -> WireRequest {
    post().header("cookie", format!("__Host-session={cookie}"))
}

fn value(cookie: &str) -> String {
    cookie.strip_prefix("__Host-session=").unwrap().split(';').next().unwrap().to_owned()
}

async fn sign_in(auth: &Auth, request: LoginRequest<'_>) -> String {
    let reply = auth.login_reply(&post(), request).await.unwrap();
    value(reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap().value())
}

/// A request behind a guard: its session, and the cookie that the answer sets when it is done.
async fn enter(
    auth: &Auth,
    cookie: &str,
) -> Result<(Session, impl Fn() -> Option<String> + use<>), Rejection> {
    let (guard, head) = (Guard::new(auth, Requirement::user()), with(cookie));
    let (granted, demands) = guard.enter(guard.read(&head, None)).await?.into_parts();
    let session = auth.current_session(auth.read_again(&head, granted.as_ref())).await?;
    let sets = move || {
        let changes = demands.changes(&fauth_core::reply::Reply::new(200));
        let cookie = changes.iter().find(|change| change.header().name() == "set-cookie");
        cookie.map(|change| value(change.header().value()))
    };
    Ok((session, sets))
}

fn payload(auth: &Auth, cookie: &str) -> TokenPayload {
    auth.verify_signature_and_claims(cookie, Purpose::Session).unwrap()
}

#[tokio::test]
async fn who_changes_a_payload_that_another_request_has_changed_is_told() {
    let auth = pages(provider());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice").payload(&1)).await;
    let (mut one, _) = enter(&auth, &cookie).await.unwrap();
    let (mut other, _) = enter(&auth, &cookie).await.unwrap();
    assert!(one.update(&2).await.unwrap());
    assert!(!other.update(&3).await.unwrap(), "it has read 1");
    assert_eq!(other.payload::<u32>().unwrap(), Some(2), "this is what is there");
    assert!(other.update(&4).await.unwrap());
    assert!(!one.update(&5).await.unwrap());
    assert_eq!(one.payload::<u32>().unwrap(), Some(4));
    assert!(one.payload::<String>().is_err());
}

#[tokio::test]
async fn a_session_is_not_renewed_after_its_logout() {
    let auth = pages(provider());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice").payload(&1)).await;
    let (mut in_flight, sets) = enter(&auth, &cookie).await.unwrap();
    auth.logout_reply(&with(&cookie), LogoutRequest::new()).await.unwrap();
    assert_eq!(in_flight.renew().await, Err(ENDED));
    assert_eq!(in_flight.update(&2).await, Err(ENDED));
    assert_eq!(sets(), None);
    assert!(auth.sessions("alice").await.unwrap().is_empty());
    // Without the logout it is.
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut session, sets) = enter(&auth, &cookie).await.unwrap();
    session.renew().await.unwrap();
    assert_eq!(sets().map(|next| payload(&auth, &next).session_id() == session.id()), Some(true));
    assert!(session.update(&2).await.unwrap(), "the handle is that of the new one");
    assert_eq!(auth.sessions("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_that_renew_one_session_one_goes_on() {
    let auth = pages(provider());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut one, _) = enter(&auth, &cookie).await.unwrap();
    let (mut other, _) = enter(&auth, &cookie).await.unwrap();
    assert_eq!((one.renew().await, other.renew().await), (Ok(()), Err(ENDED)));
    assert_eq!(auth.sessions("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_change_ends_a_session_that_is_renewed_at_the_same_time() {
    let auth = pages(provider());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut in_flight, _) = enter(&auth, &cookie).await.unwrap();
    auth.password_changed("alice", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(in_flight.renew().await, Err(ENDED));
    assert!(enter(&auth, &cookie).await.is_err());
}

#[tokio::test]
async fn claims_are_loaded_anew_when_a_session_is_carried_on() {
    let (clock, is_member) = (ManualClock::new(), Arc::new(AtomicBool::new(true)));
    let member = Arc::clone(&is_member);
    let loader = move |_: Arc<TestUser>| {
        let is_member = member.load(SeqCst);
        async move {
            let claims = TokenClaims::new().scope("read");
            io::Result::Ok(if is_member { claims.scope("write").claim("tenant", "acme") } else { claims })
        }
    };
    let auth = pages(provider().clock(clock.clone()).token_claims(loader));
    let request = fauth_core::TokenRequest::for_subject("alice").claim("device", "phone");
    let cookie = sign_in(&auth, LoginRequest::from(request)).await;
    let before = payload(&auth, &cookie);
    assert_eq!(before.scopes(), ["read", "write"]);
    assert_eq!(before.claim::<String>("tenant").unwrap().as_deref(), Some("acme"));
    is_member.store(false, SeqCst);
    clock.advance(HALF);
    let (_, sets) = enter(&auth, &cookie).await.unwrap();
    let after = payload(&auth, &sets().unwrap());
    assert_eq!(after.scopes(), ["read"], "none is added, and what is not loaded any more goes");
    assert_eq!(after.claim::<String>("tenant").unwrap(), None);
    assert_eq!(after.claim::<String>("device").unwrap().as_deref(), Some("phone"));
    assert_eq!(after.authenticated_at(), before.authenticated_at());
}

/// Redis has lost its memory: bearer tokens of before are refused, sessions that their store knows
/// live on.
#[tokio::test]
async fn a_session_outlives_the_memory_of_revocations() {
    let (clock, sessions) = (ManualClock::new(), memory_store());
    let build = |revocations: MemoryStore| {
        let builder = provider_without_store(config(), &Users::new()).clock(clock.clone());
        pages(builder.session_store(sessions.clone()).revocation_store(revocations))
    };
    let auth = build(memory_store());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let pair = auth.login("alice").await.unwrap();
    clock.advance(Duration::from_secs(60));
    let since = Timestamp::from_unix_seconds(ManualClock::START.unix_seconds() + 60);
    let auth = build(MemoryStore::builder().remembers_since(since).build());
    let bearer = auth.authenticate_token(pair.access_token().expose(), &Requirement::user()).await;
    assert_eq!(bearer.unwrap_err(), Rejection::InvalidToken(InvalidToken::BeforeMemory));
    assert!(enter(&auth, &cookie).await.is_ok());
    auth.logout_reply(&with(&cookie), LogoutRequest::new()).await.unwrap();
    assert!(enter(&auth, &cookie).await.is_err());
}

#[tokio::test]
async fn a_login_that_nothing_could_keep_says_so() {
    let auth = pages(provider());
    let refused = async |request: LoginRequest<'static>| match auth.login_reply(&post(), request).await {
        Err(Rejection::Misconfigured(mistake)) => mistake,
        other => panic!("{other:?}"),
    };
    let alice = || LoginRequest::for_subject("alice");
    let Misconfigured::Validity(fault) = refused(alice().validity("7 days")).await else { panic!() };
    assert_eq!(
        fault.to_string(),
        "validity: `7 days` is not a time span; use a number with a unit: 45s, 30m, 1h or 7d"
    );
    assert_eq!(refused(alice().payload(&"x".repeat(16 * 1024))).await, Misconfigured::PayloadTooLong);
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    assert_eq!(refused(alice().payload(&no_json)).await, Misconfigured::PayloadNotJson);
    assert!(auth.sessions("alice").await.unwrap().is_empty(), "nothing was opened");
    auth.login_reply(&post(), alice().validity("7d").payload(&1)).await.unwrap();
}

#[test]
fn a_session_that_nothing_could_end_is_not_built() {
    let stateless = || provider_without_store(config(), &Users::new()).danger_stateless();
    let error = stateless().transport(SessionCookie::new()).build().unwrap_err();
    assert_eq!(error.field(), "revocation_store");
    assert!(error.to_string().contains("danger_without_revocation"), "{error}");
    stateless().transport(SessionCookie::new().danger_without_revocation()).build().unwrap();
    stateless().transport(SessionCookie::new()).revocation_store(memory_store()).build().unwrap();
    stateless().transport(CookieTransport::new()).build().unwrap();
}

#[test]
fn two_cookies_of_one_name_are_not_built() {
    let both = |cookie: SessionCookie| {
        provider().transport(CookieTransport::new()).transport(cookie).build().map(drop)
    };
    assert_eq!(both(SessionCookie::new()).unwrap_err().field(), "cookie_names");
    both(SessionCookie::new().name("__Host-page").unwrap()).unwrap();
}
