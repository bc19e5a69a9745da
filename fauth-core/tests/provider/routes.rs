//! The ready-made endpoints below HTTP: what they are, what they refuse before they look, and that
//! no bytes make them panic.

use std::time::Duration;

use fauth_core::{
    AuthProvider, AuthProviderBuilder, Rejection, RouteRules,
    event::EventKind,
    mounts::{Mount, Mounts},
    reply::Reply,
    request::RequestHead,
    routes::{BodyError, Endpoint, MAX_BODY_BYTES},
    transport::{BearerTransport, CookieTransport},
};
use fauth_testing::{Log, TestUser, Users, WireRequest, config, memory_store, provider_with};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::{World, call, get, header, login_request, post};

const ALL: [Endpoint; 6] = [
    Endpoint::Login,
    Endpoint::Refresh,
    Endpoint::Logout,
    Endpoint::LogoutAll,
    Endpoint::Sessions,
    Endpoint::Session,
];

/// A method that this endpoint answers, and the methods that it names.
const fn methods(endpoint: Endpoint) -> (&'static str, &'static str) {
    match endpoint {
        Endpoint::Sessions => ("GET", "GET, HEAD"),
        Endpoint::Session => ("DELETE", "DELETE"),
        _ => ("POST", "POST"),
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Reads and answers, the way an adapter does.
fn refused(
    auth: &AuthProvider<TestUser>,
    endpoint: Endpoint,
    head: &dyn RequestHead,
    body: Result<&[u8], BodyError>,
) -> Rejection {
    runtime().block_on(endpoint.read(auth, head, body).answer(auth)).unwrap_err()
}

#[test]
fn a_provider_has_the_endpoints_that_it_can_serve() {
    let auth = fauth_testing::provider().build().unwrap();
    assert_eq!(Endpoint::of(&auth).collect::<Vec<_>>(), ALL);
    assert_eq!(
        ALL.map(Endpoint::path),
        ["/login", "/refresh", "/logout", "/logout/all", "/sessions", "/sessions/{sid}"]
    );
    let users = Users::new();
    let verifier = || {
        let builder = AuthProvider::<TestUser>::builder(config()).user_loader(users.user_loader());
        builder.without_password_login()
    };
    for (builder, expected) in [
        (verifier().store(memory_store()), &ALL[1..]),
        (verifier().session_store(memory_store()).danger_without_revocation(), &ALL[1..]),
        // Without sessions there is nothing to list, but everything can be ended.
        (verifier().revocation_store(memory_store()).danger_stateless(), &ALL[1..4]),
        (verifier().danger_stateless(), &ALL[1..3]),
    ] {
        assert_eq!(Endpoint::of(&builder.build().unwrap()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn every_other_method_is_refused_before_the_body_is_looked_at() {
    let auth = fauth_testing::provider().build().unwrap();
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "Post", "POST ", "",
        "X", "POST",
    ] {
        for endpoint in ALL {
            let (_, allow) = methods(endpoint);
            for body in [Ok(&b"{}"[..]), Err(BodyError::TooLarge), Err(BodyError::Incomplete)] {
                let rejection = refused(&auth, endpoint, &WireRequest::new(method, endpoint.path()), body);
                let is_answered = allow.split(", ").any(|allowed| allowed == method);
                let expected = Rejection::MethodNotAllowed { allow };
                assert_eq!(rejection == expected, !is_answered, "{method} {endpoint:?}: {rejection:?}");
            }
        }
    }
}

#[test]
fn a_body_that_did_not_come_whole_is_refused() {
    let auth = fauth_testing::provider().build().unwrap();
    let longest = vec![b' '; MAX_BODY_BYTES];
    let too_long = vec![b' '; MAX_BODY_BYTES + 1];
    let head = |endpoint: Endpoint| {
        let (method, _) = methods(endpoint);
        WireRequest::new(method, endpoint.path()).header("content-type", "application/json")
    };
    for endpoint in ALL {
        for (body, expected) in [
            (Err(BodyError::TooLarge), Rejection::PayloadTooLarge),
            (Err(BodyError::Incomplete), Rejection::InvalidRequest),
            (Err(BodyError::TooSlow), Rejection::BodyTimeout),
            // An adapter that forgot to stop is stopped here.
            (Ok(too_long.as_slice()), Rejection::PayloadTooLarge),
        ] {
            assert_eq!(refused(&auth, endpoint, &head(endpoint), body), expected, "{endpoint:?}");
        }
        let at_the_limit = refused(&auth, endpoint, &head(endpoint), Ok(&longest));
        assert_ne!(at_the_limit, Rejection::PayloadTooLarge, "{endpoint:?}");
    }
}

#[test]
fn media_types_are_taken_literally() {
    let auth = fauth_testing::provider().build().unwrap();
    let json = br#"{"username":"alice","password":"s3cret"}"#.as_slice();
    let form = b"username=alice&password=s3cret".as_slice();
    for (media_type, body, status) in [
        ("application/json", json, 200),
        ("Application/JSON", json, 200),
        (" application/json ; charset=utf-8", json, 200),
        ("application/x-www-form-urlencoded", form, 200),
        ("APPLICATION/x-www-form-urlencoded;a=b;c", form, 200),
        ("application/json", form, 400),
        ("application/x-www-form-urlencoded", json, 400),
        ("application/problem+json", json, 415),
        ("application/jsonp", json, 415),
        ("application/json, text/plain", json, 415),
        ("text/json", json, 415),
        // What a page of another origin can send without being asked (CVE-2021-32677).
        ("text/plain", json, 415),
        ("multipart/form-data", form, 415),
        ("text/plain; application/json", json, 415),
        ("", json, 415),
    ] {
        let request = post("/login").body(media_type, body);
        let reply = runtime().block_on(call(&auth, Endpoint::Login, &request));
        assert_eq!(reply.status(), status, "{media_type}");
    }
    let twice = post("/login").header("content-type", "application/json").body("application/json", json);
    assert_eq!(runtime().block_on(call(&auth, Endpoint::Login, &twice)).status(), 415);
    let mut none = post("/login");
    none.body = json.to_vec();
    assert_eq!(runtime().block_on(call(&auth, Endpoint::Login, &none)).status(), 415);
}

#[tokio::test]
async fn no_answer_may_be_stored() {
    let world = World::new();
    let pair = world.auth.login("alice").await.unwrap();
    let refresh = serde_json::json!({ "refresh_token": pair.refresh_token().expose() }).to_string();
    for (endpoint, request, status) in [
        (Endpoint::Login, login_request("alice", "s3cret"), 200),
        (Endpoint::Login, login_request("alice", "wrong"), 401),
        (Endpoint::Refresh, post("/refresh").body("application/json", refresh), 200),
        (Endpoint::Refresh, post("/refresh"), 401),
        (Endpoint::Logout, post("/logout").bearer(pair.access_token().expose()), 200),
        (Endpoint::Logout, post("/logout"), 401),
        (Endpoint::Logout, get("/logout"), 405),
    ] {
        let reply = world.call(endpoint, &request).await;
        assert_eq!(
            (reply.status(), header(&reply, "cache-control")),
            (status, vec!["no-store"]),
            "{endpoint:?}"
        );
    }
}

/// Reading is the synchronous half: it asks nobody and hashes nothing.
#[tokio::test]
async fn a_call_that_is_never_answered_has_no_effect() {
    let world = World::new();
    let request = login_request("alice", "s3cret");
    drop(Endpoint::Login.read(&world.auth, &request, Ok(&request.body)));
    assert_eq!(world.users.identity_loads(), 0);
    assert_eq!(world.events.take(), []);
}

// ------------------------------------------------------------------------------------------------
// no bytes make it panic

/// Every transport there is.
fn listening_everywhere() -> AuthProvider<TestUser> {
    provider_with(config(), &Users::new())
        .transport(BearerTransport::new())
        .transport(CookieTransport::new())
        .danger_query_token("token")
        .trusted_origin("https://partner.example")
        .build()
        .unwrap()
}

/// Bytes that are nearly right get further than bytes that are all wrong.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::sample::select(vec![
            "Bearer ",
            "bearer",
            "Basic ",
            "__Host-session=",
            "__Host-refresh=",
            "; ",
            ",",
            "=",
            "\t",
            " ",
            "eyJhbGciOiJIUzI1NiJ9",
            ".",
            "..",
            "\"",
            "https://app.example",
            "https://partner.example",
            "null",
            "same-origin",
            "cross-site",
            "websocket",
            "application/json",
            "\u{fffd}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn heads() -> impl Strategy<Value = WireRequest> {
    let names = prop::sample::select(vec![
        "authorization",
        "cookie",
        "origin",
        "host",
        "sec-fetch-site",
        "upgrade",
        "content-type",
        "x-other",
    ]);
    let methods =
        prop_oneof![Just("POST".to_owned()), Just("GET".to_owned()), Just("DELETE".to_owned()), ".{0,8}"];
    let targets = prop_oneof![
        "/[a-z%./;?&=]{0,24}",
        ".{0,24}",
        "[a-z.=&%-]{0,16}".prop_map(|value| format!("/?token={value}&token")),
    ];
    (methods, targets, prop::collection::vec((names, header_bytes()), 0..6)).prop_map(
        |(method, target, headers)| {
            headers
                .into_iter()
                .fold(WireRequest::new(&method, &target), |head, (name, value)| head.header(name, value))
        },
    )
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..16),
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "\"username\":",
            "\"password\":",
            "\"refresh_token\":",
            "\"a\"",
            ",",
            "null",
            "1e999",
            "\\u0000",
            "username=",
            "password=",
            "refresh_token=",
            "&",
            "%00",
            "%ff",
            "%",
            "+",
            "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn media_types() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
}

#[test]
fn no_bytes_make_an_endpoint_panic() {
    let (auth, runtime) = (listening_everywhere(), runtime());
    let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(head in heads(), media_type in media_types(), body in bodies())| {
        let head = head.header("content-type", media_type);
        for endpoint in ALL {
            let outcome = runtime.block_on(endpoint.read(&auth, &head, Ok(&body)).answer(&auth));
            // No token, no password: nothing gets in by chance. Clearing cookies is all that
            // anybody may ask for.
            let Err(rejection) = outcome else {
                prop_assert_eq!(endpoint, Endpoint::Logout);
                continue;
            };
            let reply = auth.refuse(&rejection, &head);
            prop_assert!((400..=415).contains(&reply.status()), "{rejection:?}");
        }
    });
}

#[test]
fn no_head_makes_a_check_panic() {
    let (auth, runtime) = (listening_everywhere(), runtime());
    let guard = fauth_core::Guard::new(&auth, fauth_core::Requirement::user());
    let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(head in heads())| {
        let presented = auth.read(&head);
        let is_anonymous = presented.is_anonymous();
        let optional = runtime.block_on(auth.check_optional(presented));
        prop_assert_eq!(matches!(optional, Ok(None)), is_anonymous);
        prop_assert!(!matches!(optional, Ok(Some(_))));
        let rejection = runtime.block_on(guard.check(guard.read(&head, None))).unwrap_err();
        let reply = guard.refuse(&rejection, &head);
        prop_assert!((400..=405).contains(&reply.status()), "{rejection:?}");
        prop_assert!(reply.headers().iter().all(|header| header.value().bytes().all(|b| matches!(b, 0x20..=0x7e))));
    });
}

#[test]
fn endpoints_can_be_chosen_and_moved() {
    let auth = fauth_testing::provider().build().unwrap();
    let paths = |mounts: Mounts| {
        mounts.iter().map(|mount| (mount.endpoint(), mount.path().to_owned())).collect::<Vec<_>>()
    };
    let usual = ALL.map(|endpoint| (endpoint, endpoint.path().to_owned()));
    assert_eq!(paths(Mounts::of(&auth)), usual);
    assert_eq!(paths(Mounts::of(&auth).without(Endpoint::Login)), usual[1..]);
    assert_eq!(paths(Mounts::of(&auth).only([])), []);
    let moved = Mounts::of(&auth)
        .only([Endpoint::Logout, Endpoint::Login])
        .at(Endpoint::Login, "/a")
        .at(Endpoint::Login, "/b")
        // What is not there cannot be moved.
        .at(Endpoint::Refresh, "/c");
    assert_eq!(paths(moved), [(Endpoint::Login, "/b".to_owned()), (Endpoint::Logout, "/logout".to_owned())]);
}

#[test]
fn a_page_takes_no_method_from_an_endpoint() {
    let auth = fauth_testing::provider().build().unwrap();
    for endpoint in ALL {
        let mounts = Mounts::of(&auth).only([endpoint]).page(endpoint);
        let mount = mounts.iter().next().unwrap();
        let (method, _) = methods(endpoint);
        assert_eq!(mount.has_page(), method != "GET", "{endpoint:?}");
        let put = WireRequest::new("PUT", mount.path());
        let rejection = runtime().block_on(mount.read(&auth, &put, Ok(b"")).answer(&auth)).unwrap_err();
        let Rejection::MethodNotAllowed { allow } = rejection else { panic!("{rejection:?}") };
        let mut all: Vec<_> = allow.split(", ").collect();
        assert!(all.contains(&"GET") && all.contains(&"HEAD") && all.contains(&method), "{allow}");
        all.dedup();
        assert_eq!(all.join(", "), allow);
    }
    let mounts = Mounts::of(&auth).without(Endpoint::Login).page(Endpoint::Login);
    assert!(!mounts.iter().any(Mount::has_page));
}

#[tokio::test(start_paused = true)]
async fn a_body_has_ten_seconds_or_what_was_configured() {
    for (builder, limit) in [
        (fauth_testing::provider(), Duration::from_secs(10)),
        (fauth_testing::provider().body_timeout(Duration::from_secs(2)), Duration::from_secs(2)),
    ] {
        let auth = builder.build().unwrap();
        for mount in Mounts::of(&auth).iter() {
            let arriving = async |after: Duration| {
                let body = async {
                    tokio::time::sleep(after).await;
                    Ok::<_, BodyError>(())
                };
                mount.await_body(&auth, body).await
            };
            assert_eq!(arriving(limit.saturating_sub(Duration::from_millis(2))).await, Ok(()));
            assert_eq!(arriving(limit + Duration::from_millis(2)).await, Err(BodyError::TooSlow));
            assert_eq!(
                mount.await_body(&auth, async { Err::<(), _>(BodyError::TooLarge) }).await,
                Err(BodyError::TooLarge)
            );
        }
    }
    for wrong in [Duration::ZERO, Duration::from_secs(301)] {
        let error = fauth_testing::provider().body_timeout(wrong).build().unwrap_err();
        assert_eq!(error.field(), "body_timeout");
    }
    assert!(fauth_testing::provider().body_timeout(Duration::from_secs(300)).build().is_ok());
}

/// A logout promises no more than the stores can keep.
#[tokio::test]
async fn a_logout_says_what_it_was_worth() {
    let build = |options: fn(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>| {
        World::without_store(|builder| {
            options(builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
        })
    };
    let all = build(|builder| builder.store(memory_store()));
    let sessions = build(|builder| builder.session_store(memory_store()).danger_without_revocation());
    let revocations = build(|builder| builder.revocation_store(memory_store()).danger_stateless());
    let nothing = build(AuthProviderBuilder::danger_stateless);
    let worlds =
        [("all", &all), ("sessions", &sessions), ("revocations", &revocations), ("nothing", &nothing)];
    for (name, world) in worlds {
        let said = async |endpoint: Endpoint, with_token: bool| {
            let mut request = post(endpoint.path()).header("sec-fetch-site", "same-origin");
            if with_token {
                request = request.bearer(&world.log_in("alice").await.access);
            }
            let reply = world.call(endpoint, &request).await;
            assert_eq!(reply.status(), 200, "{name}");
            let body: serde_json::Value = serde_json::from_slice(reply.body_bytes()).unwrap();
            (body["revoked"].as_bool().unwrap(), body["detail"].as_str().unwrap().to_owned())
        };
        let (ends_tokens, first_word) = match name {
            "sessions" => (false, "The"),
            "nothing" => (false, "Delete"),
            _ => (true, "All"),
        };
        let (revoked, detail) = said(Endpoint::Logout, true).await;
        assert_eq!((revoked, detail.split(' ').next()), (ends_tokens, Some(first_word)), "{name}");
        let (revoked, detail) = said(Endpoint::Logout, false).await;
        let first_word = if name == "nothing" { "Delete" } else { "No" };
        assert_eq!((revoked, detail.split(' ').next()), (false, Some(first_word)), "{name}");
        if name != "nothing" {
            let (revoked, detail) = said(Endpoint::LogoutAll, true).await;
            let ended = if ends_tokens { "All tokens issued before" } else { "All sessions" };
            assert!(revoked == ends_tokens && detail.starts_with(ended), "{name}: {detail}");
        }
    }
}

/// What a login's cookies are, as a browser sends them back.
fn cookies_of(reply: &Reply) -> String {
    let pairs: Vec<_> =
        header(reply, "set-cookie").into_iter().filter_map(|cookie| cookie.split(';').next()).collect();
    pairs.join("; ")
}

#[tokio::test]
async fn a_login_in_place_of_another_tells_that_the_other_has_ended() {
    let world = World::with(|builder| builder.transport(CookieTransport::new()));
    let login = || login_request("alice", "s3cret").header("sec-fetch-site", "same-origin");
    let first = world.call(Endpoint::Login, &login()).await;
    let kinds = || world.events.take().into_iter().map(|event| event.kind).collect::<Vec<_>>();
    assert_eq!(kinds(), [EventKind::Authenticated, EventKind::LoggedIn]);
    world.call(Endpoint::Login, &login().header("cookie", cookies_of(&first))).await;
    assert_eq!(kinds(), [EventKind::Authenticated, EventKind::SessionEnded, EventKind::LoggedIn]);
}

/// A repetition gives the refresh token that was given before: its cookie ends when it does.
#[tokio::test]
async fn a_cookie_that_is_given_again_ends_with_its_token() {
    let world = World::with(|builder| builder.transport(CookieTransport::new()));
    let own = |request: WireRequest| request.header("sec-fetch-site", "same-origin");
    let first = world.call(Endpoint::Login, &own(login_request("alice", "s3cret"))).await;
    let refresh = own(post("/refresh")).header("cookie", cookies_of(&first));
    let mut ages = Vec::new();
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(5));
        let reply = world.call(Endpoint::Refresh, &refresh).await;
        let cookies = header(&reply, "set-cookie");
        let cookie = cookies.iter().find(|cookie| cookie.starts_with("__Host-refresh=")).unwrap();
        let age = cookie.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap();
        ages.push(age.parse::<u64>().unwrap());
    }
    assert_eq!(ages[0] - ages[1], 5);
}

/// What rules open is the endpoints, and nothing beside them.
#[test]
fn rules_open_the_endpoints_for_their_methods_only() {
    Log::of_process();
    let auth = fauth_testing::provider().build().unwrap();
    let rules = |mounts: Mounts, prefix: &str| {
        RouteRules::private_by_default().public_all(mounts.rule_paths(prefix)).build().unwrap()
    };
    let asked =
        |rules: &RouteRules, method: &str, path: &str| rules.access(method, path).unwrap().to_string();
    let usual = rules(Mounts::of(&auth), "/api");
    for (method, path) in [
        ("POST", "/api/login"),
        ("GET", "/api/sessions"),
        ("HEAD", "/api/sessions"),
        ("DELETE", "/api/sessions/7"),
    ] {
        assert_eq!(asked(&usual, method, path), "open", "{method} {path}");
    }
    for (method, path) in [
        ("GET", "/api/login"),
        ("POST", "/api/sessions"),
        ("GET", "/api/sessions/7"),
        ("POST", "/api/sessions/7"),
        ("GET", "/api/x"),
    ] {
        assert_eq!(asked(&usual, method, path), "user", "{method} {path}");
    }
    let page = rules(Mounts::of(&auth).page(Endpoint::Login), "");
    for method in ["GET", "HEAD", "POST"] {
        assert_eq!(asked(&page, method, "/login"), "open", "{method}");
    }
    assert_eq!(asked(&page, "PUT", "/login"), "user");
    // More than the endpoint would be open.
    for path in ["/{tenant}/devices/{sid}", "/x/{tenant}/{sid}", "/x/{sid}/end", "/{sid}", "/x/{sid}"] {
        let rules = rules(Mounts::of(&auth).at(Endpoint::Session, path), "/api");
        for path in ["/api", "/api/a/devices/7", "/api/x/a/7", "/api/x/a", "/api/7"] {
            assert_eq!(asked(&rules, "DELETE", path), "user", "{path}");
        }
        assert_eq!(asked(&rules, "POST", "/api/login"), "open");
    }
    assert_eq!(Log::of_process().with("no rule opens this endpoint").len(), 5);
}
