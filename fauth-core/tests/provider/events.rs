//! What is told to the log and to the application's sink: which event, why, about whom, how loud,
//! and in harmless characters.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use fauth_core::{
    AuthProvider, ClientInfo, Guard, Purpose, Rejection, Requirement, TokenRequest, client::TrustedProxies,
    event::EventKind, routes::Endpoint,
};
use fauth_testing::{Log, TestUser, Users, WireRequest, at_once, config, config_builder, provider_with};
use tracing::Level;

use crate::support::{Raised, Sink, World, every_rejection, get, login_request, post};

/// Kind, reason and subject of everything that was raised.
fn told(events: &Sink) -> Vec<(EventKind, Option<&'static str>, Option<String>)> {
    events.take().into_iter().map(|event| (event.kind, event.reason, event.subject)).collect()
}

fn about(kind: EventKind, subject: &str) -> (EventKind, Option<&'static str>, Option<String>) {
    (kind, None, Some(subject.to_owned()))
}

fn because(kind: EventKind, reason: &'static str) -> (EventKind, Option<&'static str>, Option<String>) {
    (kind, Some(reason), None)
}

#[tokio::test]
async fn every_flow_raises_its_events() {
    let world = World::new();
    let pair = world.auth.login("alice").await.unwrap();
    assert_eq!(told(&world.events), [about(EventKind::LoggedIn, "alice")]);

    world.call(Endpoint::Login, &login_request("bob", "hunter2")).await;
    assert_eq!(
        told(&world.events),
        [about(EventKind::Authenticated, "bob"), about(EventKind::LoggedIn, "bob")]
    );

    for (identifier, password, reason) in [
        ("alice", "wrong", "wrong_password"),
        ("dora", "s3cret", "wrong_password"),
        ("nobody", "s3cret", "unknown_identifier"),
        ("carol", "pa55word", "inactive_user"),
        ("carol", "wrong", "wrong_password"),
        ("alice", "", "unacceptable_password"),
        ("nobody", "s3cret\0", "unacceptable_password"),
    ] {
        world.call(Endpoint::Login, &login_request(identifier, password)).await;
        assert_eq!(
            told(&world.events),
            [
                because(EventKind::AuthenticationFailed, reason),
                because(EventKind::RequestRefused, "invalid_credentials")
            ],
            "{identifier}"
        );
    }

    world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
    assert_eq!(told(&world.events), [about(EventKind::Refreshed, "alice")]);

    let head = get("/").bearer(pair.access_token().expose());
    world.auth.check_current(world.auth.read(&head)).await.unwrap();
    assert_eq!(told(&world.events), [], "who is let in is no news");

    world.call(Endpoint::Logout, &post("/logout").bearer(pair.access_token().expose())).await;
    assert_eq!(told(&world.events), [about(EventKind::LoggedOut, "alice")]);
    let refused = world.auth.check_current(world.auth.read(&head)).await.unwrap_err();
    assert_eq!(refused.reason(), "token_revoked");
    assert_eq!(told(&world.events), [], "a refusal is told when it is answered");

    at_once(world.auth.issue(Purpose::Access, "alice")).unwrap();
    let _ = world.auth.verify_signature_and_claims("nonsense", Purpose::Access);
    assert_eq!(told(&world.events), []);
}

#[tokio::test]
async fn a_refusal_says_why_where_and_whence() {
    let world = World::new();
    let peer: SocketAddr = "[2001:db8::7]:4711".parse().unwrap();
    let expired = world.access("alice");
    world.clock.advance(Duration::from_secs(3600));
    let admins = Guard::new(&world.auth, Requirement::user().roles(["admin"]));
    for (request, reason) in [
        (get("/r"), "missing_credential"),
        (get("/r").bearer("a").bearer("b"), "duplicate_credential"),
        (get("/r").header("authorization", "Bearer"), "malformed_credential"),
        (get("/r").bearer(&"a".repeat(9000)), "credential_too_long"),
        (get("/r").bearer("nonsense"), "malformed_token"),
        (get("/r").bearer(&expired), "token_expired"),
        (get("/r").bearer(&world.token(Purpose::Refresh, "alice")), "wrong_purpose"),
        (get("/r").bearer(&world.access("nobody")), "unknown_user"),
        (get("/r").bearer(&world.access("carol")), "inactive_user"),
        (get("/r").bearer(&world.access("bob")), "missing_role"),
        (WireRequest::new("TRACE", "/r"), "method_not_allowed"),
    ] {
        let head = WireRequest { target: "/r?secret=query".into(), peer: Some(peer), ..request };
        let rejection = admins.check(admins.read(&head, None)).await.unwrap_err();
        // What a known user lacks is told with the name; everything else only when it is answered.
        let denied = world.events.take();
        let names_bob =
            |event: &Raised| event.kind == EventKind::AccessDenied && event.subject.as_deref() == Some("bob");
        assert_eq!(denied.len(), usize::from(reason == "missing_role"), "{reason}");
        assert!(denied.iter().all(names_bob));
        let _ = admins.refuse(&rejection, &head);
        let expected = Raised {
            kind: EventKind::RequestRefused,
            reason: Some(reason),
            subject: None,
            session: None,
            identifier: None,
            method: Some(head.method.clone()),
            path: Some("/r".to_owned()),
            peer: Some(peer),
            address: Some(peer.ip()),
            error: None,
        };
        assert_eq!(world.events.only(), expected);
    }
    // Behind a guard that has let bob in, it is told once too, whichever way an adapter takes.
    let users = Guard::new(&world.auth, Requirement::user());
    let head = get("/r").bearer(&world.access("bob"));
    let granted = users.check(users.read(&head, None)).await.unwrap();
    world.events.take();
    admins.check(admins.read(&head, Some(&granted))).await.unwrap_err();
    assert_eq!(world.events.only().kind, EventKind::AccessDenied);
    admins.enter(admins.read(&head, Some(&granted))).await.unwrap_err();
    assert_eq!(world.events.only().kind, EventKind::AccessDenied);
}

#[test]
fn a_refusal_is_as_loud_as_its_fault() {
    let log = Log::of_process();
    let world = World::new();
    for (number, (name, rejection)) in every_rejection().into_iter().enumerate() {
        let path = format!("/loudness/{number}/");
        let _ = world.auth.refuse(&rejection, &get(&path));
        let records = log.with(&path);
        let [record] = records.as_slice() else { panic!("{name}: {records:?}") };
        let expected = match &rejection {
            Rejection::MissingCredential | Rejection::GuestsOnly => Level::DEBUG,
            other if other.status() >= 500 => Level::ERROR,
            _ => Level::INFO,
        };
        assert_eq!((record.level, record.target.as_str()), (expected, "fauth"), "{name}");
        assert_eq!(record.field("event"), Some("request_refused"), "{name}");
        assert_eq!(record.field("reason"), Some(rejection.reason()), "{name}");
    }
}

#[tokio::test]
async fn the_log_says_what_the_sink_hears() {
    let log = Log::of_process();
    let world = World::new();
    let subject = "subject-of-the-log";
    world.users.change("alice", |alice| alice.name = subject.to_owned());
    world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.unwrap();
    let pair = world.auth.login(subject).await.unwrap();
    world.call(Endpoint::Logout, &post("/logout").bearer(pair.access_token().expose())).await;
    let events = world.events.take();
    let records = log.with(subject);
    assert_eq!(events.len(), 3);
    assert_eq!(records.len(), 3);
    for (event, record) in events.iter().zip(&records) {
        assert_eq!(record.field("event"), Some(event.kind.as_str()));
        assert_eq!(record.field("subject"), event.subject.as_deref());
        assert_eq!(record.field("identifier"), event.identifier.as_deref());
        assert_eq!((record.level, record.target.as_str()), (Level::INFO, "fauth"));
        for unknown in ["reason", "peer", "address", "error"] {
            assert_eq!(record.field(unknown), None, "what is not known stays out");
        }
        assert_eq!(record.field("method"), event.method.as_deref());
        assert_eq!(record.field("path"), event.path.as_deref());
    }

    let _ = world.auth.authenticate("alice", "wrong", &ClientInfo::unknown()).await;
    let failed = world.events.only();
    let records = log.with(failed.identifier.as_deref().unwrap());
    let record = records.last().unwrap();
    assert_eq!((record.level, record.field("reason")), (Level::WARN, Some("wrong_password")));

    world.users.fail();
    let _ = world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await;
    assert_eq!(world.events.only().error.as_deref(), Some("the database is down"));
    let records = log.with("the database is down");
    assert!(!records.is_empty() && records.iter().all(|record| record.level == Level::ERROR));
}

#[tokio::test]
async fn an_identifier_is_known_by_a_keyed_hash_only() {
    let world = World::new();
    let fail = async |world: &World, identifier: &str| {
        let _ = world.auth.authenticate(identifier, "wrong", &ClientInfo::unknown()).await;
        world.events.only().identifier.unwrap()
    };
    let alice = fail(&world, "alice").await;
    assert_eq!(alice, fail(&world, "alice").await);
    assert!(alice.len() == 16 && alice.bytes().all(|b| b.is_ascii_hexdigit()), "{alice}");
    for other in ["Alice", "alice ", "alicf", "", "nobody", "a\0"] {
        assert_ne!(alice, fail(&world, other).await, "{other:?}");
    }
    // A right password and a wrong one are about the same account.
    world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(world.events.only().identifier.as_ref(), Some(&alice));

    let twin_events = Sink::default();
    let twin = provider_with(config(), &world.users).events(twin_events.clone()).build().unwrap();
    let _ = twin.authenticate("alice", "wrong", &ClientInfo::unknown()).await;
    assert_eq!(twin_events.only().identifier.as_ref(), Some(&alice), "all instances of an application agree");

    let elsewhere =
        fauth_core::AuthConfig::builder().secret("another-9f2c4a7be1d80356-4b1e7f90").build().unwrap();
    let stranger_events = Sink::default();
    let stranger = provider_with(elsewhere, &world.users).events(stranger_events.clone()).build().unwrap();
    let _ = stranger.authenticate("alice", "wrong", &ClientInfo::unknown()).await;
    assert_ne!(stranger_events.only().identifier, Some(alice), "the key is derived from the secret");
}

// ------------------------------------------------------------------------------------------------
// injection

/// A line of its own, a terminal's escape, C1, text that runs backwards, a separator, and a NUL.
const HOSTILE: &str = "\r\nlevel=ERROR \u{1b}[31m\u{9b}31m\u{202e}\u{2066}\u{200f}\u{2028}\u{85}\0";

fn is_harmless(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| c.is_control() || turns(c))
}

#[tokio::test]
async fn no_injection() {
    let log = Log::of_process();
    let world = World::new();
    let hostile = |word: &str| format!("{word}{HOSTILE}");
    assert!(!is_harmless(&hostile("x")), "the control");

    let pair = world.auth.login(hostile("inject-subject")).await.unwrap();
    world.call(Endpoint::Logout, &post("/logout").bearer(pair.access_token().expose())).await;
    let head = WireRequest::new(&hostile("inject-method"), &hostile("/inject-path"));
    let _ = world.auth.refuse(&Rejection::MissingCredential, &head);
    let unwired = WireRequest::new(&hostile("inject-unwired"), &hostile("/inject-unwired"));
    let (_, reply) = AuthProvider::<TestUser>::missing(&unwired, None, "add it");
    assert!(reply.headers().iter().all(|header| is_harmless(header.value())));
    let _ = world.auth.authenticate(&hostile("inject-identifier"), "wrong", &ClientInfo::unknown()).await;
    let _ = world.auth.login(TokenRequest::for_subject("x").claim(hostile("inject-claim"), f64::NAN)).await;
    let _ = world.auth.login(TokenRequest::for_subject("x").scope(hostile("inject-scope"))).await;

    let records = log.with("inject-");
    for word in ["inject-subject", "inject-method", "inject-path", "inject-unwired"] {
        assert!(
            records.iter().any(|record| record.fields.values().any(|value| value.contains(word))),
            "{word}"
        );
    }
    for record in &records {
        for (name, value) in &record.fields {
            assert!(is_harmless(value), "{name}={value:?}");
        }
    }
    assert!(log.with("inject-identifier").is_empty());
}

#[tokio::test]
async fn outside_text_is_cut_at_256_bytes() {
    let log = Log::of_process();
    let world = World::new();
    let endless = |word: &str| format!("/{word}/{}", "y".repeat(100_000));
    let head = WireRequest::new(&endless("cut-method"), &endless("cut-path"));
    let _ = world.auth.refuse(&Rejection::MissingCredential, &head);
    let _ = AuthProvider::<TestUser>::missing(&head, None, "add it");
    let records = log.with("cut-path");
    assert_eq!(records.len(), 2, "{records:?}");
    for record in records {
        for name in ["method", "path"] {
            let value = record.field(name).unwrap();
            assert_eq!(value.len(), 256 + "…".len(), "{name}");
            assert!(value.ends_with("y…"), "{name}");
        }
    }
}

/// Who, from where: in one record, or a takeover cannot be followed.
#[tokio::test]
async fn every_event_of_an_endpoint_says_whence() {
    let world = World::new();
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let pair = world.auth.login("alice").await.unwrap();
    world.auth.login("alice").await.unwrap();
    let others = world.auth.sessions("alice").await.unwrap();
    let sid = world.auth.verify_signature_and_claims(pair.access_token().expose(), Purpose::Access).unwrap();
    let other = others.iter().find(|session| Some(session.id.as_str()) != sid.session_id()).unwrap();
    let other = format!("/sessions/{}", other.id.as_str());
    world.events.take();
    let bearer = |request: WireRequest| request.bearer(pair.access_token().expose());
    let refresh = || {
        let token = pair.refresh_token().expose();
        post("/refresh").body("application/json", format!("{{\"refresh_token\":\"{token}\"}}"))
    };
    for (endpoint, request, kinds) in [
        (
            Endpoint::Login,
            login_request("alice", "s3cret"),
            &[EventKind::Authenticated, EventKind::LoggedIn][..],
        ),
        (Endpoint::Login, login_request("alice", "wrong"), &[EventKind::AuthenticationFailed]),
        (Endpoint::Login, login_request("nobody", ""), &[EventKind::AuthenticationFailed]),
        (Endpoint::Refresh, refresh(), &[EventKind::Refreshed]),
        (Endpoint::Sessions, bearer(get("/sessions")), &[]),
        (Endpoint::Session, bearer(WireRequest::new("DELETE", &other)), &[EventKind::SessionEnded]),
        (Endpoint::Logout, bearer(post("/logout")), &[EventKind::LoggedOut]),
    ] {
        let (method, target) = (request.method.clone(), request.target.clone());
        let head = WireRequest { peer: Some(peer), ..request };
        let call = endpoint.read(&world.auth, &head, Ok(&head.body));
        let _ = call.answer(&world.auth).await;
        let events = world.events.take();
        assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), kinds);
        for event in events {
            assert_eq!(event.peer, Some(peer), "{:?}", event.kind);
            assert_eq!(
                (event.method.as_deref(), event.path.as_deref()),
                (Some(method.as_str()), Some(target.as_str()))
            );
        }
    }

    // Both end the login, so each needs one of its own.
    let pair = world.auth.login("alice").await.unwrap();
    let stolen = pair.refresh_token().expose();
    world.auth.refresh(stolen, &ClientInfo::unknown()).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let stolen = post("/refresh").body("application/json", format!("{{\"refresh_token\":\"{stolen}\"}}"));
    let pair = world.auth.login("bob").await.unwrap();
    let everywhere = post("/logout/all").bearer(pair.access_token().expose());
    world.events.take();
    for (endpoint, request, kind, subject) in [
        (Endpoint::Refresh, stolen, EventKind::TokenTheft, "alice"),
        (Endpoint::LogoutAll, everywhere, EventKind::LoggedOutEverywhere, "bob"),
    ] {
        let head = WireRequest { peer: Some(peer), ..request };
        let _ = endpoint.read(&world.auth, &head, Ok(&head.body)).answer(&world.auth).await;
        let event = world.events.only();
        assert_eq!((event.kind, event.subject.as_deref(), event.peer), (kind, Some(subject), Some(peer)));
        assert_eq!((event.method.as_deref(), event.path.as_deref()), (Some("POST"), Some(endpoint.path())));
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_an_event_tells_the_client_from_the_proxy() {
    let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
    let (users, events) = (Users::new(), Sink::default());
    let config = config_builder().trusted_proxies(proxies).build().unwrap();
    let auth = provider_with(config, &users).events(events.clone()).build().unwrap();
    let peer: SocketAddr = "[::ffff:10.0.0.1]:4711".parse().unwrap();
    let client: IpAddr = "203.0.113.7".parse().unwrap();
    let from_proxy = |request: WireRequest| WireRequest {
        peer: Some(peer),
        ..request.header("x-forwarded-for", "6.6.6.6, 203.0.113.7")
    };
    let shown = || {
        let mut shown: Vec<_> = events.take().into_iter().map(|event| (event.peer, event.address)).collect();
        shown.dedup();
        shown
    };
    let expected = [(Some("10.0.0.1:4711".parse().unwrap()), Some(client))];
    crate::support::call(&auth, Endpoint::Login, &from_proxy(login_request("alice", "s3cret"))).await;
    assert_eq!(shown(), expected);
    let _ = auth.refuse(&Rejection::MissingCredential, &from_proxy(get("/")));
    assert_eq!(shown(), expected);
    let _ = auth.refuse(&Rejection::MissingCredential, &WireRequest { peer: None, ..from_proxy(get("/")) });
    assert_eq!(shown(), [(None, None)]);
}
