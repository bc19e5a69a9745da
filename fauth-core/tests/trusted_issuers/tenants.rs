//! Issuers that are found while the application runs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fauth_core::{
    AuthConfig, AuthProvider, BoxError, Rejection, async_trait,
    rejection::Unavailable,
    remote::JwksSource,
    store::RevocationTarget,
    token::TokenError,
    trusted_issuer::{IssuerResolver, TrustedIssuer},
};
use fauth_testing::{
    FOREIGN_AUDIENCE, ForeignIssuer, ManualClock, PublishedKeys, TestUser, Users, config, memory_store,
    provider_with,
};

use crate::support::{World, enter, now, user};

/// Tenants by the names of their issuers.
#[derive(Clone, Default)]
struct Tenants(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    issuers: HashMap<String, TrustedIssuer>,
    asked: Vec<String>,
    is_failing: bool,
    delay: Duration,
    suffix: &'static str,
}

impl Tenants {
    fn add(&self, issuer: &ForeignIssuer) {
        let keys = JwksSource::fixed(issuer.jwks()).unwrap();
        let trusted = TrustedIssuer::new(issuer.issuer(), keys)
            .audience(FOREIGN_AUDIENCE)
            .algorithms([fauth_core::token::Algorithm::ES256]);
        self.put(issuer.issuer(), trusted);
    }

    fn put(&self, name: &str, trusted: TrustedIssuer) {
        self.0.lock().unwrap().issuers.insert(name.to_owned(), trusted);
    }

    fn remove(&self, issuer: &ForeignIssuer) {
        self.0.lock().unwrap().issuers.remove(issuer.issuer());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

#[async_trait]
impl IssuerResolver for Tenants {
    async fn resolve(&self, issuer: &str) -> Result<Option<TrustedIssuer>, BoxError> {
        let delay = {
            let mut state = self.0.lock().unwrap();
            state.asked.push(issuer.to_owned());
            state.delay
        };
        tokio::time::sleep(delay).await;
        let state = self.0.lock().unwrap();
        if state.is_failing {
            Err("the database is down".into())
        } else {
            Ok(state.issuers.get(issuer).cloned())
        }
    }

    fn may_be(&self, issuer: &str) -> bool {
        issuer.ends_with(self.0.lock().unwrap().suffix)
    }
}

struct Service {
    clock: ManualClock,
    tenants: Tenants,
    auth: AuthProvider<TestUser>,
}

impl Service {
    fn new(capacity: usize) -> Self {
        let (clock, tenants) = (ManualClock::new(), Tenants::default());
        let auth = AuthProvider::builder(AuthConfig::without_own_tokens().build().unwrap())
            .issuer_resolver(tenants.clone(), capacity)
            .danger_share_application()
            .revocation_store(memory_store())
            .user_from_claims(user)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { clock, tenants, auth }
    }

    fn token(&self, issuer: &ForeignIssuer) -> String {
        issuer.token("alice", now(&self.clock)).sign()
    }
}

fn tenant(number: usize) -> ForeignIssuer {
    ForeignIssuer::new(format!("https://tenant-{number}.example"))
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_asked_for_once_in_a_while() {
    let service = Service::new(10);
    let one = tenant(1);
    service.tenants.add(&one);
    for _ in 0..3 {
        let granted = enter(&service.auth, &service.token(&one)).await.unwrap();
        assert_eq!(granted.payload().issuer(), Some(one.issuer()));
    }
    assert_eq!(service.tenants.asked(), 1);
    service.clock.advance(Duration::from_secs(300));
    enter(&service.auth, &service.token(&one)).await.unwrap();
    assert_eq!(service.tenants.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn tenants_come_and_go() {
    let service = Service::new(10);
    let one = tenant(1);
    let enters = async || enter(&service.auth, &service.token(&one)).await;
    assert_eq!(World::reason(enters().await), TokenError::WrongIssuer);
    service.tenants.add(&one);
    assert_eq!(World::reason(enters().await), TokenError::WrongIssuer, "that was said a moment ago");
    service.clock.advance(Duration::from_secs(30));
    enters().await.unwrap();
    service.tenants.remove(&one);
    enters().await.unwrap();
    service.clock.advance(Duration::from_secs(300));
    assert_eq!(World::reason(enters().await), TokenError::WrongIssuer);
    service.tenants.add(&one);
    service.auth.forget_issuer(one.issuer());
    enters().await.unwrap();
    service.tenants.remove(&one);
    service.auth.forget_issuer(one.issuer());
    assert_eq!(World::reason(enters().await), TokenError::WrongIssuer, "at once");
}

/// A clock that is set back keeps nobody for longer who is no tenant any more, and no new one out.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_prolongs_no_answer() {
    let service = Service::new(10);
    let (one, other) = (tenant(1), tenant(2));
    service.tenants.add(&one);
    let start = now(&service.clock);
    service.clock.advance(Duration::from_secs(3 * 60 * 60));
    enter(&service.auth, &service.token(&one)).await.unwrap();
    assert_eq!(World::reason(enter(&service.auth, &service.token(&other)).await), TokenError::WrongIssuer);
    service.tenants.remove(&one);
    service.tenants.add(&other);
    service.clock.set(start);
    assert_eq!(World::reason(enter(&service.auth, &service.token(&one)).await), TokenError::WrongIssuer);
    enter(&service.auth, &service.token(&other)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_ask_once() {
    let service = Service::new(10);
    let one = tenant(1);
    service.tenants.add(&one);
    service.tenants.0.lock().unwrap().delay = Duration::from_secs(1);
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let (auth, token) = (service.auth.clone(), service.token(&one));
        waiting.push(tokio::spawn(async move { enter(&auth, &token).await.map(|_| ()) }));
    }
    // The one who asks goes away, and another one asks.
    tokio::time::sleep(Duration::from_millis(10)).await;
    waiting.remove(0).abort();
    for waiter in waiting {
        assert_eq!(waiter.await.unwrap(), Ok(()));
    }
    assert!(service.tenants.asked() <= 2, "{}", service.tenants.asked());
}

/// Made-up issuers push no tenant out, and each is asked for once.
#[tokio::test(start_paused = true)]
async fn strangers_take_no_room_from_tenants() {
    let service = Service::new(2);
    let (one, two) = (tenant(1), tenant(2));
    service.tenants.add(&one);
    service.tenants.add(&two);
    enter(&service.auth, &service.token(&one)).await.unwrap();
    enter(&service.auth, &service.token(&two)).await.unwrap();
    for number in 0..3000 {
        let stranger = service.token(&ForeignIssuer::new(format!("https://stranger-{number}.example")));
        assert_eq!(World::reason(enter(&service.auth, &stranger).await), TokenError::WrongIssuer);
        assert_eq!(World::reason(enter(&service.auth, &stranger).await), TokenError::WrongIssuer);
    }
    assert_eq!(service.tenants.asked(), 3002);
    enter(&service.auth, &service.token(&one)).await.unwrap();
    enter(&service.auth, &service.token(&two)).await.unwrap();
    assert_eq!(service.tenants.asked(), 3002, "they are still there");
}

#[tokio::test(start_paused = true)]
async fn the_tenant_that_was_used_longest_ago_makes_room() {
    let service = Service::new(2);
    let [one, two, three] = [tenant(1), tenant(2), tenant(3)];
    for tenant in [&one, &two, &three] {
        service.tenants.add(tenant);
    }
    for tenant in [&one, &two, &one, &three, &one] {
        service.clock.advance(Duration::from_secs(1));
        enter(&service.auth, &service.token(tenant)).await.unwrap();
    }
    assert_eq!(service.tenants.asked(), 3);
    enter(&service.auth, &service.token(&two)).await.unwrap();
    assert_eq!(service.tenants.asked(), 4);
}

/// What is no name of an issuer asks nobody.
#[tokio::test(start_paused = true)]
async fn only_a_name_is_asked_for() {
    let service = Service::new(2);
    let long = format!("https://{}.example", "x".repeat(512));
    for name in
        ["", "tenant-1", "http://tenant-1.example", "https://a.example/?x", "https://u@a.example", &long]
    {
        let token = tenant(1).token("alice", now(&service.clock)).claim("iss", name).sign();
        let outcome = enter(&service.auth, &token).await;
        assert!(matches!(outcome, Err(Rejection::InvalidToken(_))), "{name}: {outcome:?}");
    }
    assert_eq!(service.tenants.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_the_name_of_a_tenant_is_not_asked_for() {
    let service = Service::new(2);
    service.tenants.0.lock().unwrap().suffix = ".example";
    let one = tenant(1);
    service.tenants.add(&one);
    for number in 0..3 {
        let stranger = ForeignIssuer::new(format!("https://stranger-{number}.test"));
        let outcome = enter(&service.auth, &service.token(&stranger)).await;
        assert_eq!(World::reason(outcome), TokenError::WrongIssuer);
    }
    assert_eq!(service.tenants.asked(), 0);
    enter(&service.auth, &service.token(&one)).await.unwrap();
    assert_eq!(service.tenants.asked(), 1);
}

/// Whose a token is does not matter if nobody could accept it.
#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_could_accept_asks_nobody() {
    let service = Service::new(2);
    let one = tenant(1);
    service.tenants.add(&one);
    let good = || one.token("alice", now(&service.clock));
    let seconds = now(&service.clock).unix_seconds();
    let reason =
        async |token: fauth_testing::ForeignToken| World::reason(enter(&service.auth, &token.sign()).await);
    for algorithm in ["HS256", "none", "XX1"] {
        assert_eq!(reason(good().header("alg", algorithm)).await, TokenError::WrongAlgorithm, "{algorithm}");
    }
    assert_eq!(reason(good().without_header("alg")).await, TokenError::WrongAlgorithm);
    let outcome = reason(good().header("typ", "logout+jwt")).await;
    assert!(matches!(outcome, TokenError::WrongPurpose { .. }), "{outcome:?}");
    assert_eq!(reason(good().claim("exp", seconds - 300)).await, TokenError::Expired);
    assert_eq!(reason(good().without_claim("exp")).await, TokenError::MissingClaim("exp"));
    assert_eq!(service.tenants.asked(), 0);
    // It may be within the leeway of its issuer.
    assert_eq!(reason(good().claim("exp", seconds - 299)).await, TokenError::Expired);
    assert_eq!(service.tenants.asked(), 1);
    enter(&service.auth, &good().sign()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_cannot_say_refuses_nobody_for_good() {
    let service = Service::new(2);
    let one = tenant(1);
    service.tenants.add(&one);
    let enters = async || enter(&service.auth, &service.token(&one)).await.map(|_| ());
    service.tenants.0.lock().unwrap().is_failing = true;
    assert_eq!(enters().await, Err(Rejection::Unavailable(Unavailable::Loader)));
    service.tenants.0.lock().unwrap().is_failing = false;
    service.tenants.0.lock().unwrap().delay = Duration::from_secs(60);
    assert_eq!(enters().await, Err(Rejection::Unavailable(Unavailable::LoaderTimeout)));
    service.tenants.0.lock().unwrap().delay = Duration::ZERO;
    assert_eq!(enters().await, Ok(()));
}

/// An answer that cannot be right is none.
#[tokio::test(start_paused = true)]
async fn what_the_resolver_returns_is_checked() {
    let service = Service::new(2);
    let (one, two) = (tenant(1), tenant(2));
    service.tenants.add(&two);
    let other = service.tenants.0.lock().unwrap().issuers.get(two.issuer()).cloned().unwrap();
    service.tenants.put(one.issuer(), other.clone());
    let enters = async || enter(&service.auth, &service.token(&one)).await.map(|_| ());
    assert_eq!(enters().await, Err(Rejection::Unavailable(Unavailable::Loader)), "of another name");
    service.tenants.add(&one);
    let trusted = service.tenants.0.lock().unwrap().issuers.get(one.issuer()).cloned().unwrap();
    service.tenants.put(one.issuer(), trusted.clone().max_lifetime(Duration::from_secs(90_000)));
    assert_eq!(
        enters().await,
        Err(Rejection::Unavailable(Unavailable::Loader)),
        "no revocation lasts so long"
    );
    service.tenants.put(one.issuer(), trusted.audience(""));
    assert_eq!(enters().await, Err(Rejection::Unavailable(Unavailable::Loader)), "not well configured");
    service.tenants.add(&one);
    assert_eq!(enters().await, Ok(()));
}

/// A tenant that names this machine as its issuer would have it fetch from itself.
#[tokio::test(start_paused = true)]
async fn plain_http_of_a_tenant_is_allowed_by_name_only() {
    let service = Service::new(2);
    let local = ForeignIssuer::new("http://127.0.0.1:8080");
    service.tenants.add(&local);
    let enters =
        async |issuer: &ForeignIssuer| enter(&service.auth, &service.token(issuer)).await.map(|_| ());
    assert_eq!(enters(&local).await, Err(Rejection::Unavailable(Unavailable::Loader)));
    let trusted = service.tenants.0.lock().unwrap().issuers.get(local.issuer()).cloned().unwrap();
    service.tenants.put(local.issuer(), trusted.danger_allow_http());
    assert_eq!(enters(&local).await, Ok(()));

    let one = tenant(1);
    service.tenants.add(&one);
    let trusted = service.tenants.0.lock().unwrap().issuers.get(one.issuer()).cloned().unwrap();
    let (url, server) = ("http://127.0.0.1:8080/jwks", PublishedKeys::new());
    server.answer_at(url, 200, one.jwks());
    let keys = JwksSource::url(url, server).unwrap();
    service.tenants.put(one.issuer(), trusted.clone().keys(keys.clone()));
    assert_eq!(enters(&one).await, Err(Rejection::Unavailable(Unavailable::Loader)));
    service.tenants.put(one.issuer(), trusted.keys(keys).danger_allow_http());
    assert_eq!(enters(&one).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_a_tenant_has_issued_is_revoked() {
    let service = Service::new(2);
    let (one, two) = (tenant(1), tenant(2));
    service.tenants.add(&one);
    service.tenants.add(&two);
    service.auth.revoke_of_issuer(one.issuer(), "alice", &[RevocationTarget::Subject]).await.unwrap();
    assert!(enter(&service.auth, &service.token(&one)).await.is_err());
    assert!(enter(&service.auth, &service.token(&two)).await.is_ok(), "the alice of another tenant");
}

#[tokio::test(start_paused = true)]
async fn own_tokens_are_none_of_a_tenant() {
    let tenants = Tenants::default();
    let auth = provider_with(config(), &Users::new())
        .issuer_resolver(tenants.clone(), 10)
        .user_from_claims(user)
        .build()
        .unwrap();
    let pair = auth.login("alice").await.unwrap();
    enter(&auth, pair.access_token().expose()).await.unwrap();
    assert_eq!(tenants.asked(), 0);
    for capacity in [0, 100_001] {
        let error = provider_with(config(), &Users::new()).issuer_resolver(tenants.clone(), capacity);
        let Err(error) = error.build() else { panic!("built") };
        assert_eq!(error.field(), "issuer_resolver");
    }
    let nobodys = provider_with(config(), &Users::new()).issuer_resolver(tenants.clone(), 10);
    let Err(error) = nobodys.build() else { panic!("own users are none of a tenant") };
    assert_eq!(error.field(), "foreign_user_loader");
}
