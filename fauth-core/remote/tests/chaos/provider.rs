//! A resource server whose issuer is a real server: what becomes of its requests, whatever that
//! does.
//!
//! Time is real here, and spans are short. What takes minutes is tested in the core, on a clock
//! that tests move.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fauth_core::{
    AuthProvider, Rejection, Requirement, TokenPayload,
    clock::Clock,
    rejection::{InvalidToken, Unavailable},
    remote::{JwksSource, KeySourceHealth},
    token::{Algorithm, TokenError},
    trusted_issuer::TrustedIssuer,
};
use fauth_remote::HttpFetch;
use fauth_testing::{FOREIGN_AUDIENCE, ForeignIssuer, ForeignToken, ManualClock, TestUser, WireRequest};
use tokio::{task::JoinSet, time::sleep};

use crate::server::{Age, Answer, Authority, Server, ok, response};

const NAME: &str = "https://login.example/realms/shop";
const SECOND: Duration = Duration::from_secs(1);
const NO_KEYS: Rejection = Rejection::Unavailable(Unavailable::Keys);
const UNKNOWN_KEY: Rejection = Rejection::InvalidToken(InvalidToken::Token(TokenError::UnknownKey));

/// An issuer, the server that publishes its keys, and a service that trusts it.
struct Shop {
    issuer: ForeignIssuer,
    server: Server,
    auth: AuthProvider<TestUser>,
    clock: ManualClock,
}

impl Shop {
    /// With the defaults.
    async fn new() -> Self {
        Self::with(|source| source).await
    }

    /// Keys are fresh for a second and used for two more; one fetch a second.
    async fn in_a_hurry() -> Self {
        Self::with(|source| {
            source
                .fresh_between(SECOND, SECOND)
                .stale_for(2 * SECOND)
                .unknown_key_interval(SECOND)
                .timeout(SECOND / 2)
        })
        .await
    }

    async fn with(change: impl FnOnce(JwksSource) -> JwksSource) -> Self {
        let authority = Authority::new();
        let issuer = ForeignIssuer::new(NAME);
        let server = Server::https(&authority, ok(&issuer.jwks())).await;
        let source = JwksSource::url(server.url("/certs"), trusting(&authority)).unwrap();
        let clock = ManualClock::new();
        let auth = provider(NAME, change(source), &clock);
        Self { issuer, server, auth, clock }
    }

    fn publish(&self) {
        self.server.answers(ok(&self.issuer.jwks()));
    }

    fn token(&self) -> ForeignToken {
        self.issuer.token("alice", self.clock.now().unwrap())
    }

    /// What becomes of a request with a good token.
    async fn request(&self) -> Result<(), Rejection> {
        request(&self.auth, &self.token().sign()).await
    }

    fn health(&self) -> KeySourceHealth {
        health(&self.auth)
    }
}

fn trusting(authority: &Authority) -> HttpFetch {
    HttpFetch::builder().root_certificate_pem(authority.pem()).only_added_roots().build().unwrap()
}

fn provider(name: &str, keys: JwksSource, clock: &ManualClock) -> AuthProvider<TestUser> {
    let issuer = TrustedIssuer::new(name, keys).audience(FOREIGN_AUDIENCE).algorithms([Algorithm::ES256]);
    AuthProvider::resource_server(issuer)
        .danger_share_application()
        .user_from_claims(user)
        .clock(clock.clone())
        .build()
        .unwrap()
}

fn user(token: &TokenPayload) -> TestUser {
    TestUser {
        name: token.subject().to_owned(),
        password_hash: None,
        active: true,
        roles: Vec::new(),
        permissions: Vec::new(),
        token_epoch: 0,
    }
}

async fn request(auth: &AuthProvider<TestUser>, token: &str) -> Result<(), Rejection> {
    let head = WireRequest::get("/").bearer(token);
    auth.check(auth.read(&head), &Requirement::user()).await.map(|_| ())
}

fn health(auth: &AuthProvider<TestUser>) -> KeySourceHealth {
    auth.health().key_sources.remove(0)
}

/// Waits for what happens in the background; real time has no other measure.
async fn until(what: &str, happens: impl Fn() -> bool) {
    let started = Instant::now();
    while !happens() {
        assert!(started.elapsed() < 20 * SECOND, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_requests_make_one_fetch() {
    let shop = Arc::new(Shop::new().await);
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        let shop = Arc::clone(&shop);
        requests.spawn(async move { shop.request().await });
    }
    assert!(requests.join_all().await.iter().all(Result::is_ok));
    assert_eq!(shop.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_unknown_keys_make_no_further_fetch() {
    let shop = Shop::new().await;
    assert_eq!(shop.request().await, Ok(()));
    for number in 0..10_000 {
        let token = shop.token().header("kid", format!("random-{number}")).sign();
        assert_eq!(request(&shop.auth, &token).await, Err(UNKNOWN_KEY));
    }
    // One more for each 30 s that a slow machine has taken.
    assert!(shop.server.requests().len() <= 2, "{}", shop.server.requests().len());
    assert_eq!(shop.request().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_without_a_failed_request() {
    let mut shop = Shop::in_a_hurry().await;
    let (mut good, mut rotations) = (0, 0);
    let mut next = shop.issuer.clone();
    let started = Instant::now();
    let mut published = Instant::now();
    while started.elapsed() < 5 * SECOND {
        assert_eq!(shop.request().await, Ok(()), "after {good} requests and {rotations} rotations");
        good += 1;
        // The new key is published first, and signs when everybody has had time to see it.
        if published.elapsed() > SECOND + SECOND / 2 {
            rotations += 1;
            shop.issuer = next.clone();
            next.rotate(&format!("rotated-{rotations}"));
            shop.server.answers(ok(&next.jwks()));
            published = Instant::now();
        }
        sleep(Duration::from_millis(1)).await;
    }
    assert!(good > 100 && rotations >= 3, "{good} requests, {rotations} rotations");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_signs_unannounced_is_fetched() {
    let mut shop = Shop::with(|source| source.unknown_key_interval(SECOND)).await;
    assert_eq!(shop.request().await, Ok(()));
    shop.issuer.rotate("surprise");
    shop.publish();
    assert_eq!(shop.request().await, Err(UNKNOWN_KEY), "within a second of the last fetch");
    sleep(SECOND).await;
    assert_eq!(shop.request().await, Ok(()));
    assert_eq!(shop.server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_stops_being_trusted() {
    let mut shop = Shop::in_a_hurry().await;
    let old = shop.token().sign();
    assert_eq!(request(&shop.auth, &old).await, Ok(()));
    shop.issuer.rotate("new");
    shop.issuer.withdraw("key-1");
    shop.publish();
    let fetched = shop.server.requests().len();
    until("it is fetched again", || shop.server.requests().len() > fetched + 1).await;
    assert_eq!(request(&shop.auth, &old).await, Err(UNKNOWN_KEY));
    assert_eq!(shop.request().await, Ok(()));
}

/// Everything that a server can do instead of publishing keys, and what `health` says of it.
fn faults() -> Vec<(&'static str, Answer)> {
    let endless = |head: &str| Answer::Endless(head.as_bytes().to_vec(), vec![b' '; 64 * 1024]);
    let ten_megabytes = "x".repeat(10 * 1024 * 1024);
    vec![
        ("unreachable", Answer::HangUp),
        ("unreachable", Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"keys\":[".to_vec())),
        ("unreachable", response("200 OK", &["content-encoding: gzip"], "\u{1f}")),
        ("timed_out", Answer::Silence),
        ("timed_out", Answer::Dripping(b"HTTP/1.1 200 OK\r\n".to_vec(), SECOND / 4)),
        ("too_large", ok(&ten_megabytes)),
        ("too_large", endless("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")),
        ("redirected", response("302 Found", &["location: https://localhost/"], "")),
        ("status", response("503 Service Unavailable", &[], "")),
        ("status", response("304 Not Modified", &[], "")),
        ("unusable_keys", ok("<html>maintenance</html>")),
        ("unusable_keys", ok(r#"{"keys":[]}"#)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_server_does_nobody_is_locked_out_before_the_bound_nor_let_in_after_it() {
    let mut all = JoinSet::new();
    for (code, fault) in faults() {
        all.spawn(async move {
            let shop = Shop::in_a_hurry().await;
            assert_eq!(shop.request().await, Ok(()));
            shop.server.answers(fault);
            until(code, || shop.health().last_error.is_some()).await;
            assert_eq!(shop.health().last_error.map(|error| error.code()), Some(code));
            assert!(shop.health().is_usable, "{code}");
            assert_eq!(shop.request().await, Ok(()), "{code}");
            until("it becomes stale", || shop.health().is_stale).await;
            until("it is given up", || !shop.health().is_usable).await;
            assert_eq!(shop.request().await, Err(NO_KEYS), "{code}");

            shop.publish();
            until("it comes back by itself", || shop.health().is_usable).await;
            assert_eq!(shop.request().await, Ok(()), "{code}");
            assert_eq!(shop.health().failures, 0);
        });
    }
    all.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_makes_nobody_wait_whose_key_is_there() {
    let shop = Shop::in_a_hurry().await;
    assert_eq!(shop.request().await, Ok(()));
    shop.server.answers(Answer::Silence);
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    while started.elapsed() < 2 * SECOND {
        let asked = Instant::now();
        assert_eq!(shop.request().await, Ok(()));
        slowest = slowest.max(asked.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(slowest < SECOND / 4, "{slowest:?}");
    let asked = Instant::now();
    let unknown = shop.token().header("kid", "unknown").sign();
    assert_eq!(request(&shop.auth, &unknown).await, Err(NO_KEYS), "nobody knows");
    assert!(asked.elapsed() < 2 * SECOND, "who waits, waits for the time-out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_wrong_brings_no_keys() {
    let (authority, other) = (Authority::new(), Authority::named("another one"));
    let (issuer, clock) = (ForeignIssuer::new(NAME), ManualClock::new());
    let token = issuer.token("alice", clock.now().unwrap()).sign();
    let answer = ok(&issuer.jwks());
    let servers = [
        Server::https(&other, answer.clone()).await,
        Server::with_certificate(&authority, "login.example", Age::Good, answer.clone()).await,
        Server::with_certificate(&authority, "localhost", Age::Expired, answer.clone()).await,
    ];
    for server in servers {
        let keys = JwksSource::url(server.url("/certs"), trusting(&authority)).unwrap();
        let auth = provider(NAME, keys, &clock);
        assert_eq!(request(&auth, &token).await, Err(NO_KEYS));
        let error = health(&auth).last_error.unwrap();
        assert!(error.to_string().contains("certificate"), "{error}");
        assert_eq!(server.requests().len(), 0);
    }
    let good = Server::https(&authority, answer).await;
    let keys = JwksSource::url(good.url("/certs"), trusting(&authority)).unwrap();
    assert_eq!(request(&provider(NAME, keys, &clock), &token).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_keeps_no_key_and_loses_none_for_long() {
    let shop = Shop::in_a_hurry().await;
    assert_eq!(shop.request().await, Ok(()));
    shop.clock.advance(Duration::from_secs(24 * 60 * 60));
    until("they are fetched again", || shop.health().is_usable).await;
    assert_eq!(shop.request().await, Ok(()));

    shop.server.answers(Answer::HangUp);
    shop.clock.set(ManualClock::START);
    assert_eq!(shop.request().await, Ok(()));
    until("they grow old all the same", || !shop.health().is_usable).await;
    assert_eq!(shop.request().await, Err(NO_KEYS));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_discovered() {
    const DOCUMENT: &str = "/realms/shop/.well-known/openid-configuration";
    let authority = Authority::new();
    let server = Server::https(&authority, response("404 Not Found", &[], "")).await;
    let (name, clock) = (server.url("/realms/shop"), ManualClock::new());
    let issuer = ForeignIssuer::new(&name);
    let document = |issuer: &str, keys: &str| ok(&format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}"}}"#));
    let keys = || JwksSource::discover(&name, trusting(&authority)).unwrap();
    let token = issuer.token("alice", clock.now().unwrap()).sign();
    server.answers_at("/keys", ok(&issuer.jwks()));
    server.answers_at(DOCUMENT, document(&name, &server.url("/keys")));
    assert_eq!(request(&provider(&name, keys(), &clock), &token).await, Ok(()));

    // The document of another issuer, keys over plain HTTP, a redirect to a good document, no
    // document.
    let elsewhere = Server::http(ok(&issuer.jwks())).await;
    server.answers_at("/other", document(&name, &server.url("/keys")));
    let to_other = response("302 Found", &[&format!("location: {}", server.url("/other"))], "");
    for (code, wrong) in [
        ("other_issuer", document("https://evil.example", &server.url("/keys"))),
        ("forbidden_url", document(&name, &elsewhere.url("/keys"))),
        ("redirected", to_other),
        ("status", response("404 Not Found", &[], "")),
    ] {
        server.answers_at(DOCUMENT, wrong);
        let auth = provider(&name, keys(), &clock);
        assert_eq!(request(&auth, &token).await, Err(NO_KEYS), "{code}");
        assert_eq!(health(&auth).last_error.map(|error| error.code()), Some(code));
    }
    assert_eq!(elsewhere.requests().len(), 0);

    let oauth = "/.well-known/oauth-authorization-server/realms/shop";
    server.answers_at(oauth, document(&name, &server.url("/keys")));
    assert_eq!(request(&provider(&name, keys(), &clock), &token).await, Ok(()));
}
