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
    RefreshRequest, Rejection, Requirement, SessionHandle, TokenClaims, TokenPayload,
    clock::{Clock as _, Timestamp},
    rejection::{InvalidToken, Misconfigured, Unavailable},
    store::{LoadedSession, NewSession, PayloadChange, SecretHash, SessionId, SessionStore as _},
    transport::{BearerTransport, CookieTransport, SessionCookie},
};
use fauth_testing::{
    Fault, FaultyStore, ManualClock, TestUser, Users, WireRequest, config, memory_store, provider,
    provider_with, provider_without_store,
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

fn stateless() -> AuthProviderBuilder<TestUser> {
    provider_without_store(config(), &Users::new()).danger_stateless().revocation_store(memory_store())
}

#[tokio::test]
async fn without_a_session_store_nothing_is_renewed_after_its_logout() {
    let auth = pages(stateless());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut in_flight, sets) = enter(&auth, &cookie).await.unwrap();
    auth.logout_reply(&with(&cookie), LogoutRequest::new()).await.unwrap();
    assert_eq!(in_flight.renew().await, Err(Rejection::InvalidToken(InvalidToken::Revoked)));
    assert_eq!(sets(), None);
    // Without the logout it is.
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut session, sets) = enter(&auth, &cookie).await.unwrap();
    session.renew().await.unwrap();
    assert!(enter(&auth, &sets().unwrap()).await.is_ok());
    assert!(enter(&auth, &cookie).await.is_err());
}

#[tokio::test]
async fn without_a_session_store_a_renewed_session_has_the_payload_of_the_update() {
    let auth = pages(stateless());
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice").payload(&1)).await;
    let (mut session, sets) = enter(&auth, &cookie).await.unwrap();
    assert!(session.update(&2).await.unwrap());
    session.renew().await.unwrap();
    assert_eq!(session.payload::<u32>().unwrap(), Some(2));
    let (next, _) = enter(&auth, &sets().unwrap()).await.unwrap();
    assert_eq!(next.payload::<u32>().unwrap(), Some(2));
}

/// The session store says that it has ended, and the revocation store cannot be told.
#[tokio::test]
async fn an_ended_session_is_refused_though_its_revocation_fails() {
    let (clock, store) = (ManualClock::new(), FaultyStore::default());
    let builder = provider_without_store(config(), &Users::new()).clock(clock.clone());
    let auth = pages(builder.store(store.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    clock.advance(HALF);
    let id = SessionId::parse(payload(&auth, &cookie).session_id().unwrap()).unwrap();
    let ended = store.inner().end(&auth.owner("alice"), &id, clock.now().unwrap()).await;
    assert!(ended.unwrap().is_some());
    store.fault_at("revoke", Fault::Fails);
    assert_eq!(enter(&auth, &cookie).await.err(), Some(ENDED));
    store.recover();
    assert_eq!(enter(&auth, &cookie).await.err(), Some(ENDED));
    let revoked = Rejection::InvalidToken(InvalidToken::Revoked);
    assert_eq!(enter(&auth, &cookie).await.err(), Some(revoked), "now it is known");
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_stays() {
    let store = FaultyStore::default();
    let auth = pages(provider_without_store(config(), &Users::new()).store(store.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut session, sets) = enter(&auth, &cookie).await.unwrap();
    store.fault_at("open", Fault::Fails);
    assert_eq!(session.renew().await, Err(Rejection::Unavailable(Unavailable::Store)));
    store.recover();
    assert_eq!(sets(), None);
    assert!(enter(&auth, &cookie).await.is_ok());
    session.renew().await.unwrap();
    assert_eq!(auth.sessions("alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_that_renew_one_session_at_once_one_goes_on() {
    let store = FaultyStore::default();
    let auth = pages(provider_without_store(config(), &Users::new()).store(store.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let (mut one, of_one) = enter(&auth, &cookie).await.unwrap();
    let (mut other, of_other) = enter(&auth, &cookie).await.unwrap();
    store.pause();
    let renewed = tokio::join!(one.renew(), other.renew());
    assert!(matches!(renewed, (Ok(()), Err(ENDED)) | (Err(ENDED), Ok(()))), "{renewed:?}");
    assert_eq!(auth.sessions("alice").await.unwrap().len(), 1, "the other opened none");
    let next = of_one().or_else(of_other).unwrap();
    assert!(enter(&auth, &next).await.is_ok());
}

#[tokio::test]
async fn a_session_does_not_outlive_the_account_of_its_user() {
    let (users, store) = (Users::new(), FaultyStore::default());
    let auth = pages(provider_without_store(config(), &users).store(store.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let alice = users.find("alice");
    users.change("alice", |alice| alice.active = false);
    let inactive = Rejection::InvalidToken(InvalidToken::InactiveUser);
    assert_eq!(enter(&auth, &cookie).await.err(), Some(inactive));
    store.calls();
    assert!(enter(&auth, &cookie).await.is_err());
    assert_eq!(store.calls(), ["check"], "told again, nothing is written");
    users.change("alice", |alice| alice.active = true);
    assert!(enter(&auth, &cookie).await.is_err(), "it does not revive");
    assert!(auth.sessions("alice").await.unwrap().is_empty());
    // Nor that of a user who was gone.
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    users.remove("alice");
    let unknown = Rejection::InvalidToken(InvalidToken::UnknownUser);
    assert_eq!(enter(&auth, &cookie).await.err(), Some(unknown));
    users.add(alice);
    assert!(enter(&auth, &cookie).await.is_err());
    // That of an active user goes on.
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    assert!(enter(&auth, &cookie).await.is_ok());
}

#[tokio::test]
async fn the_session_of_an_inactive_user_is_not_carried_on() {
    let (clock, users) = (ManualClock::new(), Users::new());
    let auth = pages(provider_with(config(), &users).clock(clock.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    let guard = Guard::new(&auth, Requirement::user().danger_allow_inactive());
    let sets = async || {
        let demands = guard.enter(guard.read(&with(&cookie), None)).await.unwrap().into_parts().1;
        let changes = demands.changes(&fauth_core::reply::Reply::new(200));
        changes.iter().any(|change| change.header().name() == "set-cookie")
    };
    clock.advance(HALF);
    users.change("alice", |alice| alice.active = false);
    assert!(!sets().await);
    users.change("alice", |alice| alice.active = true);
    assert!(sets().await);
}

/// One instance has carried the session on whose clock is ahead.
#[tokio::test]
async fn the_cookie_of_an_instance_whose_clock_is_behind_is_good() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (clock, ahead, store) = (ManualClock::new(), ManualClock::new(), memory_store());
    let build = |clock: &ManualClock| {
        let builder = provider_without_store(config(), &Users::new()).clock(clock.clone());
        pages(builder.store(store.clone()))
    };
    let (auth, other) = (build(&clock), build(&ahead));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice").remember(true)).await;
    clock.advance(15 * DAY);
    ahead.advance(15 * DAY + Duration::from_secs(1));
    assert!(enter(&other, &cookie).await.unwrap().1().is_some());
    let next = enter(&auth, &cookie).await.unwrap().1().unwrap();
    let next = payload(&auth, &next);
    assert_eq!(next.expires_at().since(next.issued_at()), 30 * DAY);
}

#[tokio::test]
async fn a_refresh_whose_tokens_could_not_be_delivered_looks_at_the_token_first() {
    let auth = provider().transport(SessionCookie::new()).build().unwrap();
    let refresh = async |token: &str| {
        let refused = auth.refresh_reply(&post(), RefreshRequest::new().token(token)).await;
        refused.err().unwrap()
    };
    let pair = auth.login("alice").await.unwrap();
    for bad in ["x", "a.b.c", pair.access_token().expose()] {
        let refused = refresh(bad).await;
        assert!(matches!(refused, Rejection::InvalidToken(_)), "{bad}: {refused:?}");
    }
    let good = refresh(pair.refresh_token().expose()).await;
    assert_eq!(good, Rejection::Misconfigured(Misconfigured::NoDelivery));
}

#[tokio::test]
async fn cookies_of_two_transports_take_both_logins_with_them() {
    let page = SessionCookie::new().name("__Host-page").unwrap();
    let auth = provider().transport(BearerTransport::new()).transport(page);
    let auth = auth.transport(CookieTransport::new()).build().unwrap();
    let both = async || {
        let reply = auth.login_reply(&post(), LoginRequest::for_subject("alice")).await.unwrap();
        let page = reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap();
        let page = page.value().split(';').next().unwrap().to_owned();
        let pair = auth.login("bob").await.unwrap();
        let [access, refresh] = [pair.access_token().expose(), pair.refresh_token().expose()];
        post().header("cookie", format!("{page}; __Host-session={access}; __Host-refresh={refresh}"))
    };
    let live = async || {
        let alice = auth.sessions("alice").await.unwrap().len();
        (alice, auth.sessions("bob").await.unwrap().len())
    };
    let head = both().await;
    assert_eq!(live().await, (1, 1));
    auth.logout_reply(&head, LogoutRequest::new()).await.unwrap();
    assert_eq!(live().await, (0, 0), "a logout");
    let head = both().await;
    auth.login_reply(&head, LoginRequest::for_subject("carol")).await.unwrap();
    assert_eq!(live().await, (0, 0), "a login");
    let head = both().await;
    let pair = auth.login("dave").await.unwrap();
    let other = LogoutRequest::new().token(pair.refresh_token().expose());
    auth.logout_reply(&head, other).await.unwrap();
    assert_eq!(live().await, (0, 0), "a logout with another token");
}

#[test]
fn a_refresh_cookie_with_the_name_of_the_session_cookie_is_not_built() {
    let both = |refresh: &str| {
        let pair = CookieTransport::new().names("__Host-access", refresh).unwrap();
        provider().transport(SessionCookie::new()).transport(pair).build().map(drop)
    };
    let error = both("__Host-session").unwrap_err();
    assert_eq!(error.field(), "cookie_names");
    assert!(error.to_string().contains("`__Host-session`"), "{error}");
    both("__Host-refresh").unwrap();
}

#[tokio::test]
async fn no_debug_output_tells_a_payload() {
    const SECRET: &str = "red-shoes";
    let text = || Some(Box::from(SECRET));
    let auth = pages(provider());
    auth.login("alice").await.unwrap();
    let session = auth.sessions("alice").await.unwrap().remove(0);
    let loaded = LoadedSession { session: session.clone(), payload: text() };
    let new = NewSession { session, head: SecretHash::from_bytes([7; 32]), limit: 1, payload: text() };
    let change = PayloadChange { before: text(), after: text() };
    let request = LoginRequest::for_subject("alice").payload(&SECRET);
    for shown in [format!("{loaded:?}"), format!("{new:?}"), format!("{change:?}"), format!("{request:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.contains("bytes"), "{shown}");
    }
}

/// An extractor around a guard keeps what it has found, and fetches no cookie.
#[tokio::test]
async fn an_extractor_around_a_guard_leaves_the_session_to_the_guard() {
    let clock = ManualClock::new();
    let auth = pages(provider().clock(clock.clone()));
    let cookie = sign_in(&auth, LoginRequest::for_subject("alice")).await;
    clock.advance(HALF + Duration::from_secs(60));
    let head = with(&cookie);
    let extracted = auth.check_current(auth.read(&head)).await.unwrap();
    for guard in [Guard::new(&auth, Requirement::user()), Guard::visitor(&auth)] {
        let entered = guard.enter(guard.read(&head, Some(&extracted))).await.unwrap();
        let (granted, demands) = entered.into_parts();
        let changes = demands.changes(&fauth_core::reply::Reply::new(200));
        let sets = changes.iter().any(|change| change.header().name() == "set-cookie");
        assert!(sets, "the session is carried on by {guard:?}");
        let mut session = auth.current_session(auth.read_again(&head, granted.as_ref())).await.unwrap();
        assert_eq!(session.update(&1).await, Ok(true));
    }
    // Without a guard there is nobody who sets a new cookie.
    let extracted = auth.check_current(auth.read(&head)).await.unwrap();
    let mut session = auth.current_session(auth.read_again(&head, Some(&extracted))).await.unwrap();
    let outside = Rejection::Misconfigured(Misconfigured::SessionOutsideGuard);
    assert_eq!(session.renew().await, Err(outside));
    let guard = Guard::new(&auth, Requirement::user());
    guard.enter(guard.read(&head, Some(&extracted))).await.unwrap();
    assert_eq!(session.renew().await, Ok(()));
}
