//! The cases.

use std::time::Duration;

use fauth_core::{
    AuthProviderBuilder, ClientInfo, Purpose,
    clock::{Clock as _, SystemClock},
    store::RevocationTarget,
};
use tokio::time::sleep;

use super::{
    Bench, SOON, Sockets,
    client::{Events, Socket},
    stopwatch::Stopwatch,
};
use crate::{RequestHeaders, TestUser, at_once};

const HOUR: Duration = Duration::from_secs(3600);

/// How long a helper may hold a socket that its client does not release: five seconds and some
/// tolerance.
const CUT_OFF: Duration = Duration::from_secs(6);

type Provider = AuthProviderBuilder<TestUser>;

fn bench<S: Sockets>() -> Bench {
    Bench::start::<S>(HOUR, |provider| provider)
}

/// Returns the token of a login.
fn token_of(login: &RequestHeaders) -> &str {
    login.get("authorization").unwrap().split_once(' ').unwrap().1
}

/// Asserts a policy violation for this reason, sent soon after `ended`.
#[track_caller]
fn assert_ended((code, reason): (u16, String), expected: &str, ended: Stopwatch) {
    assert_eq!((code, &*reason), (1008, expected));
    assert!(ended.elapsed() < SOON, "after {:?}", ended.elapsed());
}

const REVOKED: &str = "token revoked";

macro_rules! cases {
    ($d:tt $($(#[doc = $doc:literal])* async fn $name:ident<$sockets:ident>() $body:block)*) => {
        $(
            $(#[doc = $doc])*
            #[allow(missing_docs, reason = "its name is a sentence that says what the case is")]
            pub async fn $name<$sockets: Sockets>() $body
        )*

        #[doc(hidden)]
        #[macro_export]
        macro_rules! __socket_tests {
            ($d harness:ty) => {
                $(
                    #[::core::prelude::v1::test]
                    fn $name() {
                        $crate::sockets::run($crate::sockets::$name::<$d harness>());
                    }
                )*
            };
        }
    };
}

cases! { $
    async fn a_socket_opens_for_who_may_and_stays_open<S>() {
        let t = bench::<S>();
        let mut socket = t.open_as("alice", "/live/echo").await;
        socket.assert_echo().await;
        sleep(Duration::from_millis(200)).await;
        socket.assert_echo().await;
        socket.leave().await;
        t.all_have_stopped().await;
    }

    /// Before the upgrade, the handshake is a request like any other.
    async fn a_handshake_is_refused_with_a_status<S>() {
        let t = bench::<S>();
        let unscoped = t.auth.login_as("alice").await;
        let ended = t.login("bob").await;
        t.log_out("bob").await;
        for path in ["/live/echo", "/live/idle"] {
            assert_eq!(t.open(path, &RequestHeaders::none()).await.err(), Some(401));
            assert_eq!(t.open(path, &ended).await.err(), Some(401));
            assert_eq!(t.open(path, &unscoped).await.err(), Some(403));
        }
        t.open_as("alice", "/live/echo").await.assert_echo().await;
    }

    /// Browsers let any page open a socket to any origin, and attach the cookies.
    async fn a_handshake_with_a_cookie_needs_an_origin_of_ours<S>() {
        let t = bench::<S>();
        let login = t.auth.login_as("alice").scopes(["live"]).cookie().without_proof().await;
        let from = |origin: &str| {
            let mut headers = login.clone();
            headers.push("origin", origin);
            headers
        };
        assert_eq!(t.open("/live/echo", &login).await.err(), Some(403));
        assert_eq!(t.open("/live/echo", &from("https://evil.example")).await.err(), Some(403));
        let mut socket = t.open("/live/echo", &from("https://app.example")).await.unwrap();
        socket.assert_echo().await;
        let ended = Stopwatch::start();
        t.log_out("alice").await;
        assert_eq!(socket.closed().await.0, 1008);
        assert!(ended.elapsed() < SOON);
    }

    async fn a_logout_closes_its_sockets_and_no_others<S>() {
        let t = bench::<S>();
        let login = t.login("alice").await;
        let mut one = t.open("/live/echo", &login).await.unwrap();
        let mut other = t.open("/live/echo", &login).await.unwrap();
        let mut elsewhere = t.open_as("alice", "/live/echo").await;
        let mut bob = t.open_as("bob", "/live/echo").await;
        for socket in [&mut one, &mut other, &mut elsewhere, &mut bob] {
            socket.assert_echo().await;
        }
        let ended = Stopwatch::start();
        t.auth.logout(token_of(&login), &ClientInfo::default()).await.unwrap();
        assert_ended(one.closed().await, REVOKED, ended);
        assert_ended(other.closed().await, REVOKED, ended);
        sleep(Duration::from_millis(300)).await;
        elsewhere.assert_echo().await;
        bob.assert_echo().await;

        let ended = Stopwatch::start();
        t.log_out("alice").await;
        assert_eq!(elsewhere.closed().await.0, 1008);
        assert!(ended.elapsed() < SOON);
        bob.assert_echo().await;
    }

    /// At once, if the store notifies.
    async fn a_logout_at_another_instance_closes_its_sockets<S>() {
        let t = bench::<S>();
        let login = t.login("alice").await;
        let mut one = t.open("/live/echo", &login).await.unwrap();
        let mut another = t.open_as("alice", "/live/echo").await;
        let mut bob = t.open_as("bob", "/live/echo").await;
        for socket in [&mut one, &mut another, &mut bob] {
            socket.assert_echo().await;
        }
        let ended = Stopwatch::start();
        t.other.logout(token_of(&login), &ClientInfo::default()).await.unwrap();
        assert_ended(one.closed().await, REVOKED, ended);
        another.assert_echo().await;

        let ended = Stopwatch::start();
        t.other.logout_all("alice", &ClientInfo::default()).await.unwrap();
        assert_ended(another.closed().await, REVOKED, ended);
        bob.assert_echo().await;
    }

    async fn a_revoked_token_closes_its_socket<S>() {
        let t = bench::<S>();
        let pair = t.auth.login_as("alice").scopes(["live"]).pair().await;
        let token = pair.access_token().expose();
        let mut headers = RequestHeaders::none();
        headers.push("authorization", format!("Bearer {token}"));
        let mut socket = t.open("/live/echo", &headers).await.unwrap();
        let mut other = t.open_as("alice", "/live/echo").await;
        socket.assert_echo().await;
        other.assert_echo().await;
        let payload = t.auth.verify_signature_and_claims(token, Purpose::Access).unwrap();
        let id = payload.token_id();
        let ended = Stopwatch::start();
        t.auth.revoke("alice", &[RevocationTarget::TokenId(id)]).await.unwrap();
        assert_ended(socket.closed().await, REVOKED, ended);
        other.assert_echo().await;
    }

    async fn a_socket_ends_when_its_token_expires<S>() {
        let t = Bench::start::<S>(Duration::from_secs(2), |provider| provider);
        let login = t.login("alice").await;
        let token = t.auth.verify_signature_and_claims(token_of(&login), Purpose::Access).unwrap();
        let mut socket = t.open("/live/echo", &login).await.unwrap();
        let opened = Stopwatch::start();
        socket.assert_echo().await;
        let (code, reason) = socket.closed().await;
        // In whole seconds: not early, and late by no more than a busy machine takes.
        let late = SystemClock.now().unwrap().unix_seconds() - token.expires_at().unix_seconds();
        assert!((0..=1).contains(&late), "{late} s after the token has expired");
        assert_eq!((code, &*reason), (1008, "token expired"));
        let after = opened.elapsed();
        assert!(Duration::from_millis(500) < after && after < Duration::from_secs(4), "after {after:?}");
        t.all_have_stopped().await;
    }

    async fn a_socket_ends_when_its_user_is_disabled_or_gone<S>() {
        let often = |provider: Provider| provider.ended_recheck_every(Duration::from_millis(200));
        let t = Bench::start::<S>(HOUR, often);
        let mut alice = t.open_as("alice", "/live/echo").await;
        let mut bob = t.open_as("bob", "/live/echo").await;
        sleep(Duration::from_millis(500)).await;
        alice.assert_echo().await;
        bob.assert_echo().await;
        let ended = Stopwatch::start();
        t.auth.users().change("alice", |user| user.active = false);
        assert_ended(alice.closed().await, "user inactive", ended);
        bob.assert_echo().await;
        let ended = Stopwatch::start();
        t.auth.users().remove("bob");
        assert_ended(bob.closed().await, "user unknown", ended);
    }

    /// Also the one that never touches its socket.
    async fn handlers_are_stopped_wherever_they_wait<S>() {
        let t = bench::<S>();
        let mut sockets = Vec::new();
        for path in ["/live/echo", "/live/push", "/live/idle"] {
            sockets.push(t.open_as("alice", path).await);
        }
        assert_eq!(sockets[1].text().await, "tick");
        sleep(Duration::from_millis(100)).await;
        let ended = Stopwatch::start();
        t.log_out("alice").await;
        t.all_have_stopped().await;
        for socket in &mut sockets {
            assert_eq!(socket.closed().await.0, 1008);
            assert!(ended.elapsed() < SOON);
        }
        // The server also closes the connections.
        for mut socket in sockets {
            assert_eq!(socket.rest().await, None);
        }
    }

    /// It does not hold the connection forever, either, if the framework lets an adapter cut it.
    async fn a_client_that_never_reads_holds_no_handler<S>() {
        let t = bench::<S>();
        let mut socket = t.open_as("alice", "/live/flood").await;
        // Long enough to fill all buffers in between.
        sleep(Duration::from_millis(500)).await;
        assert_eq!(t.held(), 1);
        t.log_out("alice").await;
        t.all_have_stopped().await;
        t.all_are_let_go(CUT_OFF).await;
        // A client that wakes up late finds the end of the connection, with or without the frame.
        socket.rest().await;
    }

    async fn a_handler_that_returns_closes_its_socket<S>() {
        let t = bench::<S>();
        let mut socket = t.open_as("alice", "/live/brief").await;
        assert_eq!(socket.closed().await, (1000, String::new()));
        assert_eq!(socket.rest().await, None);
        t.all_have_stopped().await;
    }

    /// Between the guard and the socket.
    async fn an_authority_that_has_ended_opens_nothing<S>() {
        let t = bench::<S>();
        let mut socket = t.open_as("alice", "/live/late").await;
        socket.send("Are you there?").await;
        assert_eq!(socket.next().await, Err((1008, REVOKED.to_owned())));
        assert_eq!(socket.rest().await, None);
    }

    async fn a_token_in_the_first_message_counts_the_same<S>() {
        let t = bench::<S>();
        let open = async |token: &str| {
            let mut socket = Socket::open(t.address, "/first", &RequestHeaders::none()).await.unwrap();
            socket.send(token).await;
            socket
        };
        let unscoped = at_once(t.auth.issue(Purpose::Access, "alice")).unwrap();
        for token in ["nonsense", unscoped.expose()] {
            let mut refused = open(token).await;
            assert!(matches!(refused.rest().await, None | Some((1000, _))));
        }
        let pair = t.auth.login_as("alice").scopes(["live"]).pair().await;
        let mut socket = open(pair.access_token().expose()).await;
        socket.assert_echo().await;
        let ended = Stopwatch::start();
        t.auth.logout(pair.access_token().expose(), &ClientInfo::default()).await.unwrap();
        assert_ended(socket.closed().await, REVOKED, ended);
        t.all_have_stopped().await;
    }

    async fn a_stream_of_events_ends<S>() {
        let t = bench::<S>();
        let login = t.login("alice").await;
        let mut events = Events::open(t.address, "/live/events", &login).await;
        let mut bob = Events::open(t.address, "/live/events", &t.login("bob").await).await;
        events.wait_for("text/event-stream", 1).await;
        events.wait_for("data: tick\n\n", 2).await;
        bob.wait_for("data: tick\n\n", 1).await;
        let ended = Stopwatch::start();
        t.log_out("alice").await;
        let all = events.rest().await;
        assert!(ended.elapsed() < SOON, "after {:?}", ended.elapsed());
        assert!(all.ends_with("\r\n0\r\n\r\n"), "{all}");
        let heard = bob.so_far().matches("tick").count();
        bob.wait_for("tick", heard + 10).await;
        // No other stream begins.
        let refused = Events::open(t.address, "/live/events", &login).await.rest().await;
        assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    }
}
