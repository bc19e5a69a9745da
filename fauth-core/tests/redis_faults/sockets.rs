//! What stays open ends with its authority, wherever that is taken back, and also while Redis is
//! not well.

use fauth_core::{
    AuthProvider, ClientInfo, Requirement,
    ended::{EndReason, Ended},
    store::SessionStore as _,
    transport::SessionCookie,
};
use fauth_testing::{TestUser, Users, WireRequest, config, provider_without_store};
use servers::Redis;

use super::*;

type Auth = AuthProvider<TestUser>;

/// An instance whose intervals a test can wait for.
fn instance(store: &RedisStore) -> Auth {
    provider_without_store(config(), &Users::new())
        .clock(SystemClock)
        .session_store(store.clone())
        .revocation_store(store.clone())
        .ended_poll_every(Duration::from_millis(300))
        .ended_recheck_every(Duration::from_millis(500))
        .ended_unknown_after(Duration::from_millis(1500))
        .build()
        .unwrap()
}

/// Logs in, and opens a socket. The memory of a Redis that was empty begins within a second.
async fn open(auth: &Auth, name: &str) -> (String, Ended) {
    let mut opened = None;
    eventually("a login", async || {
        let Ok(pair) = auth.login(name).await else { return false };
        let token = pair.access_token().expose().to_owned();
        let granted = auth.authenticate_token(&token, &Requirement::user()).await;
        opened = granted.ok().map(|granted| (token, granted.ended()));
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

/// Logs a browser in, and opens a socket.
async fn browse(auth: &Auth) -> (SessionId, Ended) {
    let page = |cookie: &str| {
        let head = WireRequest::new("POST", "/").header("host", "app.example");
        head.header("sec-fetch-site", "same-origin").header("cookie", cookie)
    };
    let reply = auth.login_reply(&page("a=b"), "alice").await.unwrap();
    let cookie = reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap();
    let head = page(cookie.value().split(';').next().unwrap());
    let granted = auth.check(auth.read(&head), &Requirement::user()).await.unwrap();
    (SessionId::parse(granted.payload().session_id().unwrap()).unwrap(), granted.ended())
}

/// Until it is over: why, and how long that took.
async fn ends(ended: &Ended) -> (EndReason, Duration) {
    let start = Instant::now();
    let reason = tokio::time::timeout(Duration::from_secs(20), ended.clone()).await;
    (reason.unwrap_or_else(|_| panic!("it never ends")), start.elapsed())
}

async fn log_out(auth: &Auth, token: &str) {
    eventually("a logout", async || auth.logout(token, &ClientInfo::unknown()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_instance_revokes_ends_at_once_on_the_other() {
    let server = Redis::start();
    let [one, two] = [mirrored(&server.url()).await, mirrored(&server.url()).await];
    let (one, two) = (instance(&one), instance(&two));
    let (_, kept) = open(&two, "bob").await;
    for _ in 0..20 {
        let (token, ended) = open(&two, "alice").await;
        log_out(&one, &token).await;
        let (reason, took) = ends(&ended).await;
        assert_eq!(reason, EndReason::Revoked);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let (_, everything) = open(&two, "dora").await;
    one.logout_all("dora", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(ends(&everything).await.0, EndReason::Revoked);
    assert_eq!(kept.is_ended(), None, "nobody has logged bob out");
}

#[tokio::test]
async fn without_a_mirror_redis_is_asked_now_and_again() {
    let server = Redis::start();
    let [one, two] = [direct(&server.url()).await, direct(&server.url()).await];
    let (one, two) = (instance(&one), instance(&two));
    let (token, ended) = open(&two, "alice").await;
    let (_, kept) = open(&two, "bob").await;
    log_out(&one, &token).await;
    let (reason, took) = ends(&ended).await;
    assert_eq!(reason, EndReason::Revoked);
    assert!(took < Duration::from_secs(3), "{took:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kept.is_ended(), None);
}

#[tokio::test]
async fn while_redis_is_gone_nothing_ends_at_first_and_everything_after_the_bound() {
    for with_mirror in [true, false] {
        let mut server = Redis::start();
        let url = server.url();
        let store = if with_mirror { mirrored(&url).await } else { direct(&url).await };
        let auth = instance(&store);
        let (_, ended) = open(&auth, "alice").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(ended.is_ended(), None);
        server.kill();
        let (reason, took) = ends(&ended).await;
        assert_eq!(reason, EndReason::Unknown, "mirror: {with_mirror}");
        assert!(took > Duration::from_millis(1200), "{took:?}");
    }
}

/// The mirror hears of it late, from the stream or from a new snapshot.
#[tokio::test]
async fn what_was_revoked_while_a_mirror_was_cut_off_ends_when_it_has_caught_up() {
    let mut server = Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let url = server.url();
    let store = mirrored(&url).await;
    let auth = provider_without_store(config(), &Users::new())
        .clock(SystemClock)
        .session_store(store.clone())
        .revocation_store(store)
        .build()
        .unwrap();
    let (token, ended) = open(&auth, "alice").await;
    let (_, kept) = open(&auth, "bob").await;
    let payload = auth.verify_signature_and_claims(&token, fauth_core::Purpose::Access).unwrap();
    let id = payload.session_id().unwrap().to_owned();
    for round in 0..2 {
        server.kill();
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(ended.is_ended(), None, "nobody knows anything yet");
        server.restart();
        let elsewhere = direct(&url).await;
        if round == 0 {
            // Nothing was revoked: all goes on.
            eventually("caught up", async || auth.login("dora").await.is_ok()).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!((ended.is_ended(), kept.is_ended()), (None, None));
        } else {
            let target = [RevocationTarget::Session(&id)];
            elsewhere.revoke(&alice(), &target, None, now(), later(DAY)).await.unwrap();
        }
    }
    assert_eq!(ends(&ended).await.0, EndReason::Revoked);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(kept.is_ended(), None);
}

/// A session that ends by itself in Redis is none that somebody has ended.
#[tokio::test]
async fn a_session_that_another_instance_ends_is_found_where_nothing_is_revoked() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    let auth = provider_without_store(config(), &Users::new())
        .clock(SystemClock)
        .session_store(store.clone())
        .danger_without_revocation()
        .transport(SessionCookie::new())
        .ended_recheck_every(Duration::from_millis(500))
        .build()
        .unwrap();
    let ((id, ended), (_, kept)) = (browse(&auth).await, browse(&auth).await);
    assert!(store.end(&alice(), &id, now()).await.unwrap().is_some());
    assert_eq!(ends(&ended).await.0, EndReason::SessionEnded);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kept.is_ended(), None);
}
