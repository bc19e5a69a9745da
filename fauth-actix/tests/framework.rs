//! What is particular to actix-web: its order of middlewares, its router, its extractors.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    cell::Cell,
    future::{Ready, ready},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    App, Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Payload, Service, ServiceRequest, ServiceResponse, fn_service},
    error::{ErrorImATeapot, InternalError, PayloadError},
    http::{Method, Version},
    middleware::{DefaultHeaders, Next, from_fn},
    rt::task::spawn_blocking,
    test::{TestRequest, init_service, read_body},
    web::{self, Bytes, Data, PayloadConfig, get, post, resource, scope},
};
use fauth_actix::{
    AuthRoutes, CurrentUser, Grant, Head, MaybeUser, Refused, SecureScope, Token, auth_routes, limit,
    require_roles, require_user, respond,
};
use fauth_core::{
    AuthConfig, AuthProvider, AuthSwitch, AuthUser, CsrfTokens, Guard, Purpose, Rejection, Requirement,
    api_key::ApiKeyError,
    reply::Reply,
    request::RequestHead as _,
    routes::{Endpoint, MAX_BODY_BYTES},
    transport::CookieTransport,
};
use fauth_testing::{Log, TestUser, Users, WireResponse, at_once};
use futures_util::stream;

type Auth = AuthProvider<TestUser>;

fn provider() -> Auth {
    fauth_testing::provider().build().unwrap()
}

fn other_provider() -> Auth {
    let secret = "another-secret-0123456789-abcdefghij-9f2c4a7b";
    let config = AuthConfig::builder().secret(secret).build().unwrap();
    fauth_testing::provider_with(config, &Users::new()).build().unwrap()
}

fn access(auth: &Auth, name: &str) -> String {
    at_once(auth.issue(Purpose::Access, name)).unwrap().expose().to_owned()
}

fn anonymous(target: &str) -> TestRequest {
    TestRequest::with_uri(target)
}

fn by(auth: &Auth, name: &str, target: &str) -> TestRequest {
    anonymous(target).insert_header(("authorization", format!("Bearer {}", access(auth, name))))
}

async fn send<S, R, B>(service: &S, request: R) -> WireResponse
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = service.call(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    WireResponse::new(status, headers.iter(), read_body(response).await)
}

/// The service of an application.
macro_rules! serve {
    ($app:expr) => {
        init_service($app).await
    };
}

/// The status of the answer to each of these.
macro_rules! statuses {
    ($service:expr, $($request:expr),+ $(,)?) => {
        [$(send(&$service, $request.to_request()).await.status),+]
    };
}

async fn greet(user: CurrentUser<TestUser>) -> String {
    format!("Hello {}", user.name)
}

/// Counts how often it is asked.
#[derive(Clone, Default)]
struct Count(Rc<Cell<usize>>);

impl Count {
    fn up(&self) {
        self.0.set(self.0.get() + 1);
    }

    fn get(&self) -> usize {
        self.0.get()
    }
}

/// An extractor that counts how often it runs.
struct Counted;

impl FromRequest for Counted {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        request.app_data::<Count>().unwrap().up();
        ready(Ok(Self))
    }
}

/// A body that counts how often it is asked for more, and never ends.
fn endless(count: &Count) -> Payload {
    let count = count.clone();
    let payload = stream::poll_fn(move |_| {
        count.up();
        Poll::Ready(Some(Ok(Bytes::from_static(&[b'a'; 1024]))))
    });
    Payload::Stream { payload: Box::pin(payload) }
}

// --- Order of middlewares

#[actix_web::test]
async fn outer_middleware_sees_the_refusal() {
    let auth = provider();
    let headers = || DefaultHeaders::new().add(("x-content-type-options", "nosniff"));
    let service = serve!(
        App::new()
            .wrap(headers())
            .service(SecureScope::new("/group", &auth))
            .service(scope("/scope").wrap(require_user(&auth)).wrap(headers()))
            .service(resource("/resource").route(get().to(greet)).wrap(require_user(&auth)))
            .route("/route", get().to(greet).wrap(require_user(&auth)))
    );
    for target in ["/group/x", "/scope/x", "/resource", "/route"] {
        let seen = send(&service, anonymous(target).to_request()).await;
        assert_eq!(seen.status, 401, "{target}");
        assert_eq!(seen.header("x-content-type-options"), ["nosniff"], "{target}");
        assert_eq!(seen.header("www-authenticate"), ["Bearer realm=\"fauth\""], "{target}");
    }
}

fn preflight(target: &str) -> TestRequest {
    TestRequest::with_uri(target)
        .method(Method::OPTIONS)
        .insert_header(("origin", "https://app.example"))
        .insert_header(("access-control-request-method", "GET"))
        .insert_header(("access-control-request-headers", "authorization"))
}

fn cors() -> Cors {
    Cors::default()
        .allowed_origin("https://app.example")
        .allowed_methods(["GET"])
        .allowed_header("authorization")
}

#[actix_web::test]
async fn cors_outside_the_guard_answers_preflights_and_marks_refusals() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth).route("/greet", get().to(greet));
    let service = serve!(App::new().service(group).wrap(cors()));

    let seen = send(&service, preflight("/group/greet").to_request()).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.header("access-control-allow-origin"), ["https://app.example"]);

    let simple = anonymous("/group/greet").insert_header(("origin", "https://app.example"));
    let seen = send(&service, simple.to_request()).await;
    assert_eq!((seen.status, seen.header("access-control-allow-origin")), (401, vec!["https://app.example"]));
}

#[actix_web::test]
async fn cors_inside_the_guard_never_sees_a_preflight() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth).route("/greet", get().to(greet)).wrap(cors());
    let service = serve!(App::new().service(group));
    assert_eq!(statuses!(service, preflight("/group/greet")), [401]);
}

#[actix_web::test]
async fn a_guard_around_the_whole_application_covers_what_is_unknown_too() {
    let auth = provider();
    let service = serve!(App::new().route("/greet", get().to(greet)).wrap(require_user(&auth)));
    assert_eq!(statuses!(service, anonymous("/greet"), anonymous("/none")), [401, 401]);
    assert_eq!(statuses!(service, by(&auth, "bob", "/greet"), by(&auth, "bob", "/none")), [200, 404]);
}

#[actix_web::test]
async fn a_groups_middleware_runs_inside_its_guard_the_last_one_first() {
    let auth = provider();
    let (inner, outer) = (Count::default(), Count::default());
    let (first, last) = (inner.clone(), outer.clone());
    let group = SecureScope::new("/group", &auth)
        .route("/greet", get().to(greet))
        .wrap(from_fn(move |request, next: Next<actix_web::body::BoxBody>| {
            first.up();
            next.call(request)
        }))
        .wrap(from_fn({
            let inner = inner.clone();
            move |request, next: Next<actix_web::body::BoxBody>| {
                assert_eq!(inner.get(), last.get(), "the one inside has not run yet");
                last.up();
                next.call(request)
            }
        }));
    let service = serve!(App::new().service(group));
    assert_eq!(statuses!(service, anonymous("/group/greet")), [401]);
    assert_eq!((inner.get(), outer.get()), (0, 0));
    assert_eq!(statuses!(service, by(&auth, "bob", "/group/greet")), [200]);
    assert_eq!((inner.get(), outer.get()), (1, 1));
}

#[actix_web::test]
async fn an_error_of_a_middleware_inside_keeps_what_the_grant_demands() {
    let auth = fauth_testing::provider().danger_query_token("token").build().unwrap();
    let group =
        SecureScope::new("/group", &auth).wrap(from_fn(|_, _: Next<actix_web::body::BoxBody>| async {
            Err::<ServiceResponse, _>(ErrorImATeapot("no"))
        }));
    let service = serve!(App::new().service(group));
    let request = anonymous(&format!("/group/x?token={}", access(&auth, "bob")));
    let error = service.call(request.to_request()).await.unwrap_err();
    let response = error.error_response();
    assert_eq!(response.status().as_u16(), 418);
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    assert_eq!(error.to_string(), "no");
    // Where a grant demands nothing, a middleware further out still recognises the error.
    let error = service.call(by(&auth, "bob", "/group/x").to_request()).await.unwrap_err();
    assert!(error.as_error::<InternalError<&str>>().is_some());
}

// --- Paths

#[actix_web::test]
async fn an_encoded_path_is_guarded_like_the_one_it_decodes_to() {
    let auth = provider();
    let admin = SecureScope::new("/admin", &auth).require_roles(["admin"]).route("/x", get().to(greet));
    let one = resource("/one").route(get().to(greet)).wrap(require_roles(&auth, ["admin"]));
    let service = serve!(App::new().service(admin).service(one));
    for target in ["/admin/x", "/%61dmin/x", "/%61%64%6d%69%6E/x", "/admin/%78", "/one", "/%6fne"] {
        let (bob, alice) = (by(&auth, "bob", target), by(&auth, "alice", target));
        assert_eq!(statuses!(service, anonymous(target), bob, alice), [401, 403, 200], "{target}");
    }
    let unknown = ["/%61dmin", "/%61dmin/", "/%61dmin/none", "/admi%6e/x/y"];
    for target in unknown {
        assert_eq!(statuses!(service, anonymous(target)), [401], "{target}");
    }
}

#[actix_web::test]
async fn ambiguous_paths_are_refused_by_the_guard() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth)
        .route("/{tail}*", get().to(greet))
        .service(scope("/nested").route("/{tail}*", get().to(greet)));
    let service = serve!(App::new().service(group));
    let ambiguous = [
        "/group/x/%2e%2e",
        "/group/x/%2E./y",
        "/group/../group/x",
        "/group/./x",
        "/group/x%2fy",
        "/group/x%2Fy",
        "/group/x%5cy",
        "/group//x",
        "/group/x;y",
        "/group/x%00",
        "/group/%2561",
        "/group/%zz",
        "/group/%ff",
        "/group/nested/%2e%2e/x",
        "/%67roup/x/%2e%2e",
    ];
    for target in ambiguous {
        for request in [anonymous(target), by(&auth, "alice", target)] {
            let seen = send(&service, request.to_request()).await;
            assert_eq!(
                (seen.status, seen.json()["error"].as_str()),
                (400, Some("ambiguous_path")),
                "{target}"
            );
        }
    }
}

#[actix_web::test]
async fn what_only_looks_like_the_prefix_is_not_let_in_either() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth).route("/{tail}*", get().to(greet));
    let service = serve!(App::new().service(group));
    for target in
        ["//group/x", "/./group/x", "/%2e/group/x", "/%2fgroup/x", "/group%2fx", "/GROUP/x", "/groupx"]
    {
        let status = statuses!(service, anonymous(target))[0];
        assert!(matches!(status, 400 | 401 | 404), "{target}: {status}");
    }
}

#[actix_web::test]
async fn a_prefix_with_a_trailing_slash_leaks_nothing() {
    let auth = provider();
    let group = SecureScope::new("/group/", &auth).route("/x", get().to(async || "secret"));
    let service = serve!(App::new().service(group));
    for target in ["/group/x", "/group//x", "/group/", "/group"] {
        let status = statuses!(service, anonymous(target))[0];
        assert!(matches!(status, 400 | 401 | 404), "{target}: {status}");
    }
}

#[actix_web::test]
async fn the_core_sees_the_path_as_it_was_received() {
    let request = anonymous("/%61/b%20c?x=%79").method(Method::PUT).to_http_request();
    let head = Head::from(&request);
    assert_eq!((head.method(), head.path(), head.query()), ("PUT", "/%61/b%20c", Some("x=%79")));
}

// --- The rest of the head

#[actix_web::test]
async fn the_host_is_that_of_the_uri_only_without_a_header() {
    let http2 = || anonymous("https://uri.example/x").version(Version::HTTP_2);
    let (with, without) =
        (http2().insert_header(("host", "header.example")).to_http_request(), http2().to_http_request());
    assert_eq!(Head::from(&with).header("host").single(), Some(&b"header.example"[..]));
    assert_eq!(Head::from(&without).header("host").single(), Some(&b"uri.example"[..]));
}

#[actix_web::test]
async fn forwarded_headers_are_not_believed() {
    let peer: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let request = anonymous("/x")
        .peer_addr(peer)
        .insert_header(("forwarded", "for=203.0.113.9;proto=https;host=evil.example"))
        .insert_header(("x-forwarded-for", "203.0.113.9"))
        .insert_header(("x-forwarded-proto", "https"))
        .insert_header(("x-forwarded-host", "evil.example"))
        .to_http_request();
    let head = Head::from(&request);
    assert_eq!((head.peer(), head.is_secure()), (Some(peer), false));
    assert!(head.header("host").is_empty());
}

#[actix_web::test]
async fn a_head_shows_no_credential() {
    let request = by(&provider(), "alice", "/x?token=eyJ").to_http_request();
    let shown = format!("{:?}", Head::from(&request));
    assert!(shown.contains("/x") && !shown.contains("eyJ"), "{shown}");
}

// --- Groups

#[actix_web::test]
async fn nested_scopes_are_inside() {
    let auth = provider();
    let admins = SecureScope::new("/admins", &auth).require_roles(["admin"]).route("/x", get().to(greet));
    let deep = scope("/b").service(scope("/c").service(resource("/x").route(get().to(greet))));
    let outer = SecureScope::new("/group", &auth).service(scope("/a").service(deep)).service(admins);
    let service = serve!(App::new().service(scope("/v1").service(outer)));
    for target in ["/v1/group/a/b/c/x", "/v1/group/a/b/c/none", "/v1/group/a/none", "/v1/group/admins/x"] {
        assert_eq!(statuses!(service, anonymous(target)), [401], "{target}");
    }
    assert_eq!(statuses!(service, by(&auth, "bob", "/v1/group/a/b/c/x")), [200]);
    let [bob, alice] = ["bob", "alice"].map(|name| by(&auth, name, "/v1/group/admins/x"));
    assert_eq!(statuses!(service, bob, alice, anonymous("/v1/none")), [403, 200, 404]);
}

#[actix_web::test]
async fn whatever_is_added_after_the_requirement_is_inside() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth)
        .require_roles(["admin"])
        .route("/route", get().to(greet))
        .service(resource("/resource").route(get().to(greet)))
        .configure(|config| {
            config.route("/configured", get().to(greet)).default_service(web::to(greet));
        })
        .service(web::redirect("/redirect", "/elsewhere"))
        .service(web::service("/raw").finish(fn_service(async |request: ServiceRequest| {
            Ok::<_, Error>(request.into_response(HttpResponse::Ok()))
        })));
    let service = serve!(App::new().service(group));
    for path in ["/route", "/resource", "/configured", "/redirect", "/raw", "/none", "", "/"] {
        let target = format!("/group{path}");
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND"] {
            let method = || Method::from_bytes(method.as_bytes()).unwrap();
            let requests = (anonymous(&target).method(method()), by(&auth, "bob", &target).method(method()));
            assert_eq!(statuses!(service, requests.0, requests.1), [401, 403], "{} {target}", method());
        }
    }
    assert_eq!(send(&service, by(&auth, "alice", "/group/none").to_request()).await.text(), "Hello alice");
}

#[actix_web::test]
async fn the_default_service_of_the_application_is_reached_through_the_guard() {
    let auth = provider();
    let count = Count::default();
    let counting = count.clone();
    let service =
        serve!(App::new().service(SecureScope::new("/group", &auth)).default_service(web::to(move || {
            counting.up();
            ready(HttpResponse::NotFound())
        })));
    assert_eq!(statuses!(service, anonymous("/group/none")), [401]);
    assert_eq!(count.get(), 0);
    assert_eq!(statuses!(service, by(&auth, "bob", "/group/none")), [404]);
    assert_eq!(count.get(), 1);
}

#[actix_web::test]
async fn an_empty_group_is_guarded() {
    let auth = provider();
    let service = serve!(App::new().service(SecureScope::new("/empty", &auth)));
    for target in ["/empty", "/empty/", "/empty/x"] {
        assert_eq!(statuses!(service, anonymous(target), by(&auth, "bob", target)), [401, 404], "{target}");
    }
}

#[actix_web::test]
async fn a_requirement_that_is_added_later_holds_for_earlier_routes() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth)
        .route("/greet", get().to(greet))
        .require_any_role(["admin", "auditor"])
        .require_permissions(["read"])
        .require(Requirement::user().scopes(["read"]));
    let service = serve!(App::new().service(group));
    let [bob, alice] = ["bob", "alice"].map(|name| by(&auth, name, "/group/greet"));
    assert_eq!(statuses!(service, bob, alice), [403, 403]);
    let request = fauth_core::TokenRequest::for_subject("alice").scope("read");
    let token = at_once(auth.issue(Purpose::Access, request)).unwrap();
    let scoped =
        anonymous("/group/greet").insert_header(("authorization", format!("Bearer {}", token.expose())));
    assert_eq!(statuses!(service, scoped), [200]);
}

#[actix_web::test]
async fn an_upgrade_is_refused_before_the_handler_runs() {
    let auth = provider();
    let count = Count::default();
    let counting = count.clone();
    let handler = move || {
        counting.up();
        ready(HttpResponse::SwitchingProtocols())
    };
    let service = serve!(
        App::new()
            .service(SecureScope::new("/group", &auth).route("/ws", get().to(handler.clone())))
            .route("/ws", get().to(handler).wrap(require_user(&auth)))
    );
    let upgrade = |target| {
        anonymous(target)
            .insert_header(("connection", "upgrade"))
            .insert_header(("upgrade", "websocket"))
            .insert_header(("sec-websocket-version", "13"))
            .insert_header(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
    };
    assert_eq!(statuses!(service, upgrade("/group/ws"), upgrade("/ws")), [401, 401]);
    assert_eq!(count.get(), 0);
}

#[actix_web::test]
async fn before_the_guard_agrees_nothing_runs_and_no_body_is_read() {
    let auth = provider();
    let (extracted, handled, read) = (Count::default(), Count::default(), Count::default());
    let counting = handled.clone();
    let handler = move |_: Counted, _: Bytes| {
        counting.up();
        ready(HttpResponse::Ok())
    };
    let one = resource("/one").route(post().to(handler.clone())).wrap(require_roles(&auth, ["admin"]));
    let group = SecureScope::new("/group", &auth).require_roles(["admin"]).route("/one", post().to(handler));
    let service = serve!(App::new().app_data(extracted.clone()).service(one).service(group));
    for target in ["/one", "/group/one", "/group/%2e%2e"] {
        for request in [anonymous(target), by(&auth, "bob", target)] {
            let request = request.method(Method::POST).to_request().replace_payload(endless(&read)).0;
            assert!(matches!(send(&service, request).await.status, 400 | 401 | 403));
        }
    }
    assert_eq!((extracted.get(), handled.get(), read.get()), (0, 0, 0));

    assert_eq!(statuses!(service, by(&auth, "alice", "/one").method(Method::POST)), [200]);
    assert_eq!((extracted.get(), handled.get()), (1, 1));
}

/// What a server makes of a refusal whose request still has a body: not a second request.
#[actix_web::test]
async fn on_the_wire_a_body_that_nobody_read_is_no_request() {
    let auth = provider();
    let server = HttpServer::new(move || {
        App::new().service(SecureScope::new("/group", &auth)).route("/open", get().to(async || "open"))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let exchanged = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let hidden = "GET /open HTTP/1.1\r\nhost: x\r\n\r\n";
        let length = hidden.len();
        let refused =
            format!("POST /group/x HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{hidden}");
        let head = "HEAD /group/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(format!("{refused}{head}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = exchanged.await.unwrap();
    handle.stop(false).await;
    assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains(" 200 "), "{answer}");
    // At most one body, that of the POST: the answer to HEAD has none.
    assert_eq!(answer.matches("missing_credential").count(), 1, "{answer}");
    // Nor does it say that there was none for GET.
    assert!(!answer.to_ascii_lowercase().contains("content-length: 0\r\n"), "{answer}");
}

// --- Extractors

async fn optional(user: Option<CurrentUser<TestUser>>) -> String {
    user.map_or_else(|| "nobody".to_owned(), |user| user.name.clone())
}

async fn maybe(MaybeUser(user): MaybeUser<TestUser>) -> String {
    user.map_or_else(|| "nobody".to_owned(), |user| user.name.clone())
}

/// Why [`CurrentUser`] warns against it, and what [`MaybeUser`] is for.
#[actix_web::test]
async fn an_option_of_current_user_swallows_a_bad_credential() {
    let auth = provider();
    let service = serve!(
        App::new()
            .app_data(Data::new(auth))
            .route("/option", get().to(optional))
            .route("/maybe", get().to(maybe))
    );
    let bad = |target| anonymous(target).insert_header(("authorization", "Bearer bad"));
    let seen = send(&service, bad("/option").to_request()).await;
    assert_eq!((seen.status, seen.text().as_str()), (200, "nobody"));
    assert_eq!(statuses!(service, bad("/maybe")), [401]);
    assert_eq!(send(&service, anonymous("/maybe").to_request()).await.text(), "nobody");
}

#[actix_web::test]
async fn a_missing_provider_is_500_and_never_a_pass() {
    let auth = provider();
    let token = async |token: Token| token.subject().to_owned();
    let service = serve!(
        App::new()
            .route("/greet", get().to(greet))
            .route("/maybe", get().to(maybe))
            .route("/token", get().to(token))
    );
    for target in ["/greet", "/maybe", "/token"] {
        for request in [anonymous(target), by(&auth, "alice", target)] {
            let seen = send(&service, request.to_request()).await;
            assert_eq!(
                (seen.status, seen.json()["error"].as_str()),
                (500, Some("misconfigured")),
                "{target}"
            );
        }
    }
}

#[actix_web::test]
async fn a_guard_brings_the_provider_for_the_extractors_inside() {
    let auth = provider();
    let token = async |token: Token| token.subject().to_owned();
    let service = serve!(
        App::new()
            .route("/greet", get().to(greet).wrap(require_user(&auth)))
            .route("/maybe", get().to(maybe).wrap(require_user(&auth)))
            .service(resource("/token").route(get().to(token)).wrap(require_user(&auth)))
            .service(SecureScope::new("/group", &auth).route("/greet", get().to(greet)))
    );
    for target in ["/greet", "/maybe", "/token", "/group/greet"] {
        assert_eq!(statuses!(service, by(&auth, "bob", target), anonymous(target)), [200, 401], "{target}");
    }
}

/// One form only: with two, a provider further out in the one would win against a nearer one in the
/// other.
#[actix_web::test]
async fn the_nearest_provider_decides_and_one_without_data_is_none() {
    let (auth, staff) = (provider(), other_provider());
    let near = scope("/near").app_data(Data::new(staff.clone())).route("/greet", get().to(greet));
    let service = serve!(App::new().app_data(Data::new(auth.clone())).service(near));
    let [of_auth, of_staff] = [&auth, &staff].map(|auth| by(auth, "bob", "/near/greet"));
    assert_eq!(statuses!(service, of_auth, of_staff), [401, 200]);

    let bare = scope("/bare").app_data(auth.clone()).route("/greet", get().to(greet));
    let service = serve!(App::new().service(bare));
    assert_eq!(statuses!(service, by(&auth, "bob", "/bare/greet"), anonymous("/bare/greet")), [500, 500]);
}

#[actix_web::test]
async fn a_provider_that_the_application_holds_decides_and_no_other_providers_grant() {
    let (auth, other) = (provider(), other_provider());
    let one = resource("/one").route(get().to(greet)).wrap(require_user(&other));
    let service = serve!(App::new().app_data(Data::new(auth.clone())).service(one));
    let [mine, others] = [&auth, &other].map(|auth| by(auth, "bob", "/one"));
    assert_eq!(statuses!(service, mine, others), [401, 401]);
}

#[actix_web::test]
async fn a_group_decides_by_its_own_provider_whatever_the_application_holds() {
    let (auth, other) = (provider(), other_provider());
    let group = SecureScope::new("/group", &other).route("/greet", get().to(greet));
    let service = serve!(App::new().app_data(Data::new(auth.clone())).service(group));
    let [mine, others] = [&auth, &other].map(|auth| by(auth, "bob", "/group/greet"));
    assert_eq!(statuses!(service, mine, others), [401, 200]);
}

#[actix_web::test]
async fn nobody_else_can_put_a_user_into_the_extensions() {
    let (auth, other) = (provider(), other_provider());
    let alice = Users::new().find("alice");
    let forged = other.verify_signature_and_claims(&access(&other, "alice"), Purpose::Access).unwrap();
    let guard = Guard::new(&other, Requirement::user());
    let request = by(&other, "alice", "/x").to_http_request();
    let granted = guard.check(guard.read(&Head::from(&request), None)).await.unwrap();
    let service = serve!(
        App::new()
            .route("/greet", get().to(greet))
            .route("/maybe", get().to(maybe))
            .service(SecureScope::new("/group", &auth).route("/greet", get().to(greet)))
            .app_data(Data::new(auth.clone()))
            .wrap_fn(move |request, next| {
                let user = Arc::new(alice.clone());
                request.extensions_mut().insert(alice.clone());
                request.extensions_mut().insert(CurrentUser(Arc::clone(&user)));
                request.extensions_mut().insert(MaybeUser(Some(Arc::clone(&user))));
                request.extensions_mut().insert(user);
                request.extensions_mut().insert(Token(Arc::new(forged.clone())));
                request.extensions_mut().insert(Arc::new(forged.clone()));
                request.extensions_mut().insert(granted.clone());
                request.extensions_mut().insert(other.clone());
                next.call(request)
            })
    );
    assert_eq!(statuses!(service, anonymous("/greet"), anonymous("/group/greet")), [401, 401]);
    assert_eq!(send(&service, anonymous("/maybe").to_request()).await.text(), "nobody");
}

// --- Ready-made endpoints

fn login(target: &str) -> TestRequest {
    TestRequest::post()
        .uri(target)
        .insert_header(("content-type", "application/json"))
        .set_payload(r#"{"username":"bob","password":"hunter2"}"#)
}

#[actix_web::test]
async fn endpoints_can_be_mounted_anywhere_and_swallow_nothing() {
    let auth = provider();
    let service = serve!(
        App::new()
            .service(scope("/auth").service(auth_routes(&auth)).route("/greet", get().to(greet)))
            .configure(|config| {
                config.service(auth_routes(&auth));
            })
            .app_data(Data::new(auth.clone()))
            .route("/greet", get().to(greet))
    );
    assert_eq!(statuses!(service, login("/login"), login("/auth/login")), [200, 200]);
    let [root, inner] = ["/greet", "/auth/greet"].map(|target| by(&auth, "bob", target));
    assert_eq!(statuses!(service, root, inner, login("/auth"), login("/login/")), [200, 200, 404, 404]);
}

#[actix_web::test]
async fn limits_of_the_application_for_bodies_change_nothing() {
    let auth = provider();
    for limit in [1, usize::MAX] {
        let service = serve!(App::new().app_data(PayloadConfig::new(limit)).service(auth_routes(&auth)));
        let full = |length| login("/login").set_payload(vec![b' '; length]);
        let seen = statuses!(service, login("/login"), full(MAX_BODY_BYTES), full(MAX_BODY_BYTES + 1));
        assert_eq!(seen, [200, 400, 413]);
    }
}

/// Neither by a limited endpoint nor by a limited route.
#[actix_web::test]
async fn a_limit_refuses_without_reading_the_body() {
    let auth = provider();
    let own = resource("/own").route(post().to(async |body: Bytes| body.len().to_string()));
    let service = serve!(
        App::new()
            .service(AuthRoutes::new(&auth).limit(Endpoint::Login, "1/hour"))
            .service(own.wrap(limit(&auth, "1/hour")))
    );
    for path in ["/login", "/own"] {
        let read = Count::default();
        send(&service, login(path).to_request().replace_payload(endless(&read)).0).await;
        assert!(read.get() > 0, "{path}");
        let read = Count::default();
        let seen = send(&service, login(path).to_request().replace_payload(endless(&read)).0).await;
        assert_eq!((seen.status, read.get()), (429, 0), "{path}");
    }
}

#[actix_web::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    let service = serve!(App::new().service(auth_routes(&provider())));
    let read = Count::default();
    let request = login("/login").to_request().replace_payload(endless(&read)).0;
    assert_eq!(send(&service, request).await.status, 413);
    assert_eq!(read.get(), MAX_BODY_BYTES / 1024 + 1);
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_400() {
    let service = serve!(App::new().service(auth_routes(&provider())));
    let parts = [Ok(Bytes::from_static(b"{\"username\":")), Err(PayloadError::Incomplete(None))];
    let request = login("/login").to_request();
    let request = request.replace_payload(Payload::Stream { payload: Box::pin(stream::iter(parts)) as _ }).0;
    let seen = send(&service, request).await;
    assert_eq!((seen.status, seen.json()["error"].as_str()), (400, Some("invalid_request")));
}

const FORM: &str = "application/x-www-form-urlencoded";

/// A provider with CSRF tokens, the cookie of a user, and a form of theirs.
fn with_csrf_tokens() -> (Auth, String, String) {
    let builder = fauth_testing::provider().transport(CookieTransport::new());
    let builder = builder.csrf_tokens(CsrfTokens::new()).body_timeout(Duration::from_millis(50));
    let auth: Auth = builder.build().unwrap();
    let access = at_once(auth.issue(Purpose::Access, "alice")).unwrap().expose().to_owned();
    let payload = auth.verify_signature_and_claims(&access, Purpose::Access).unwrap();
    let token = auth.csrf_token_for(&payload).unwrap();
    let form = format!("csrf_token={}&a=1", token.value().unwrap());
    (auth, format!("__Host-session={access}"), form)
}

async fn echo(body: Bytes) -> Bytes {
    body
}

#[actix_web::test]
async fn the_form_of_a_csrf_token_is_read_only_for_whoever_may_enter() {
    let (auth, cookie, form) = with_csrf_tokens();
    let service =
        serve!(App::new().service(resource("/form").route(post().to(echo)).wrap(require_user(&auth))));
    let sent = async |cookie: &str, content_type: &str, body: Payload| {
        let request = TestRequest::post().uri("/form");
        let request = request.insert_header(("cookie", cookie)).insert_header(("content-type", content_type));
        let seen = send(&service, request.to_request().replace_payload(body).0).await;
        (seen.status, seen.text())
    };
    let pieces = |pieces: Vec<Result<Bytes, PayloadError>>| Payload::Stream {
        payload: Box::pin(stream::iter(pieces)) as _,
    };
    // Not a byte of nobody's, and none of another type.
    let reads = Count::default();
    assert_eq!(sent("", FORM, endless(&reads)).await.0, 401);
    assert_eq!(sent(&cookie, "text/plain", endless(&reads)).await.0, 403);
    assert_eq!(reads.get(), 0);
    // In pieces, and the handler gets the whole.
    let (start, end) = form.split_at(20);
    let parts = [start, end].map(|part| Ok(Bytes::from(part.to_owned())));
    assert_eq!(sent(&cookie, FORM, pieces(parts.into())).await, (200, form.clone()));
    let parts = vec![Ok(Bytes::from(form)), Err(PayloadError::Incomplete(None))];
    let (status, text) = sent(&cookie, FORM, pieces(parts)).await;
    assert!(status == 400 && text.contains("invalid_request"), "{text}");
    assert_eq!(sent(&cookie, FORM, endless(&reads)).await.0, 413);
    let stalled = Payload::Stream { payload: Box::pin(stream::pending()) as _ };
    assert_eq!(sent(&cookie, FORM, stalled).await.0, 408);
}

/// It is answered in the configured time, and takes its connection with it.
#[actix_web::test]
async fn a_body_that_stalls_on_the_wire_is_408() {
    let auth: Auth = fauth_testing::provider().body_timeout(Duration::from_millis(50)).build().unwrap();
    let server = HttpServer::new(move || App::new().service(auth_routes(&auth)));
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    for path in ["/login", "/refresh", "/logout", "/logout/all"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let talk = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = spawn_blocking(talk).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"error\":\"body_timeout\""),
            "{answer}"
        );
    }
}

// --- Responses

#[actix_web::test]
async fn a_reply_becomes_a_response_without_additions() {
    let header = |value: &str| fauth_core::reply::ResponseHeader::new("set-cookie", value);
    let reply = Reply::new(202).header(header("a=1")).header(header("b=2")).body("text/x", "body");
    let response = respond(reply);
    let headers: Vec<_> = response.headers().iter().map(|(name, _)| name.as_str().to_owned()).collect();
    assert_eq!((response.status().as_u16(), headers.len()), (202, 3), "{headers:?}");
    let cookies: Vec<_> = response.headers().get_all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(respond(Reply::new(42)).status().as_u16(), 500);
}

/// What one extractor has found out is there for the next ones: where they run one after the other,
/// and not all at once as the parameters of a handler do.
#[actix_web::test]
async fn one_check_serves_every_extraction_of_a_request() {
    let show = async |request: HttpRequest| {
        let user = CurrentUser::<TestUser>::extract(&request).await.unwrap();
        let grant = Grant::<TestUser>::extract(&request).await.unwrap();
        let token = Token::extract(&request).await.unwrap();
        format!("{} {} {}", user.name, grant.user().name, token.subject())
    };
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let service = serve!(App::new().app_data(Data::new(auth.clone())).route("/all", get().to(show)));
    let seen = send(&service, by(&auth, "alice", "/all").to_request()).await;
    assert_eq!((seen.status, seen.text().as_str()), (200, "alice alice alice"));
    assert_eq!(users.user_loads(), 1);
}

/// The token of a request is that of the guard, whatever extractors of another provider come
/// before.
#[actix_web::test]
async fn no_extractor_takes_the_place_of_the_guards_token() {
    let show = async |request: HttpRequest| {
        let customer = CurrentUser::<TestUser>::extract(&request).await.unwrap();
        let again = Grant::<TestUser>::extract(&request).await.unwrap();
        let token = Token::extract(&request).await.unwrap();
        format!("{} {} {}", customer.name, again.user().name, token.subject())
    };
    let (staff, users) = (provider(), Users::new());
    let customers = fauth_testing::provider_with(fauth_testing::config(), &users);
    let customers = customers.transport(CookieTransport::new()).build().unwrap();
    let group = SecureScope::new("/group", &staff).app_data(Data::new(customers.clone()));
    let service = serve!(App::new().service(group.route("/x", get().to(show))));
    let cookie = format!("__Host-session={}", access(&customers, "bob"));
    let request = by(&staff, "alice", "/group/x").insert_header(("cookie", cookie));
    let seen = send(&service, request.to_request()).await;
    assert_eq!((seen.status, seen.text().as_str()), (200, "bob bob alice"));
    assert_eq!(users.user_loads(), 1);
}

#[actix_web::test]
async fn a_group_has_data_and_a_default_of_its_own() {
    let auth = provider();
    let group = SecureScope::new("/group", &auth)
        .app_data(Data::new("a word".to_owned()))
        .route("/word", get().to(async |word: Data<String>| word.to_string()))
        .default_service(web::to(async || "no such page"));
    let service = serve!(App::new().service(group));
    for (target, text) in [("/group/word", "a word"), ("/group/none", "no such page")] {
        let seen = send(&service, by(&auth, "bob", target).to_request()).await;
        assert_eq!((seen.status, seen.text().as_str()), (200, text));
        assert_eq!(statuses!(service, anonymous(target)), [401], "{target}");
    }
}
// --- Refusals that handlers return

/// Each error of a provider's methods can be returned with `?`.
async fn every_error(auth: Data<Auth>, which: web::Path<String>) -> Result<String, Refused> {
    match which.as_str() {
        // It was built without a store for them.
        "rejection" => drop(auth.api_keys("bob").await?),
        "password" => drop(auth.hash_password("").await?),
        "issue" => drop(auth.issue(Purpose::Access, "").await?),
        "token" => drop(auth.verify_signature_and_claims("nonsense", Purpose::Access)?),
        _ => Err(ApiKeyError::InvalidName)?,
    }
    Ok(which.into_inner())
}

#[actix_web::test]
async fn handlers_return_every_error_of_the_provider() {
    let app = App::new().app_data(Data::new(provider())).route("/errors/{which}", get().to(every_error));
    let service = serve!(app);
    let code = async |which: &str| {
        let seen = send(&service, anonymous(&format!("/errors/{which}")).to_request()).await;
        (seen.status, seen.json()["error"].as_str().unwrap().to_owned())
    };
    for (which, status, expected) in [
        ("rejection", 500, "misconfigured"),
        ("password", 422, "unprocessable"),
        ("issue", 500, "misconfigured"),
        ("token", 401, "invalid_token"),
        ("key", 422, "unprocessable"),
    ] {
        assert_eq!(code(which).await, (status, expected.to_owned()), "{which}");
    }
}

/// What a middleware inside the guard has added to the response stays.
#[actix_web::test]
async fn a_refusal_of_a_handler_keeps_the_headers_of_middleware_inside() {
    let auth = provider();
    let refuse = async || -> Result<String, Refused> { Err(Rejection::NotFound)? };
    let inside = DefaultHeaders::new().add(("x-inside", "1")).add(("content-language", "en"));
    let group = SecureScope::new("/group", &auth).route("/x", get().to(refuse)).wrap(inside);
    let service = serve!(App::new().service(group));
    let seen = send(&service, by(&auth, "bob", "/group/x").to_request()).await;
    assert_eq!((seen.status, seen.json()["error"].as_str()), (404, Some("not_found")));
    assert_eq!((seen.header("x-inside"), seen.header("content-language")), (vec!["1"], vec![]));
}

// --- What the log says

/// A user of another type than the provider's.
struct Customer;

impl AuthUser for Customer {
    fn subject(&self) -> impl AsRef<str> {
        "customer"
    }

    fn is_active(&self) -> bool {
        true
    }
}

async fn customer(_: CurrentUser<Customer>) -> &'static str {
    "customer"
}

/// What one record says of a request to `target`, which is refused with 500.
macro_rules! told {
    ($service:expr, $request:expr, $target:expr) => {{
        assert_eq!(send(&$service, $request.to_request()).await.status, 500, "{}", $target);
        let records = Log::of_process().with($target);
        assert_eq!(records.len(), 1, "{records:?}");
        let field = |name: &str| records[0].field(name).unwrap().to_owned();
        (field("event"), field("message"))
    }};
}

#[actix_web::test]
async fn whatever_is_missing_has_a_message_of_its_own() {
    let _ = Log::of_process();
    let auth = provider();
    let token = async |token: Token| token.subject().to_owned();
    let service = serve!(
        App::new()
            .route("/log-no-provider", get().to(greet))
            .route("/log-no-guard", get().to(token))
            .service(scope("/log-bare").app_data(auth.clone()).route("/x", get().to(greet)))
            .route("/log-wrong-guard", get().to(customer).wrap(require_user(&auth)))
            .service(
                scope("/log-wrong-data").app_data(Data::new(auth.clone())).route("/x", get().to(customer))
            )
    );
    let (event, message) = told!(service, anonymous("/log-no-provider"), "/log-no-provider");
    assert_eq!(event, "missing_provider");
    assert!(message.contains("no `AuthProvider<fauth_testing::users::TestUser>`"), "{message}");
    assert!(message.contains("`.app_data(web::Data::new(auth.clone()))` on the `App`"), "{message}");

    let (event, message) = told!(service, anonymous("/log-no-guard"), "/log-no-guard");
    assert_eq!(event, "missing_guard");
    assert!(message.contains("`.wrap(require_user(&auth))`"), "{message}");

    let (_, message) = told!(service, anonymous("/log-bare/x"), "/log-bare/x");
    assert!(message.contains("without `Data`"), "{message}");

    let (event, message) = told!(service, by(&auth, "bob", "/log-wrong-guard"), "/log-wrong-guard");
    assert_eq!(event, "provider_of_other_users");
    assert!(message.contains("asks for users of type `framework::Customer`"), "{message}");
    assert!(message.contains("let the handler take `fauth_testing::users::TestUser`"), "{message}");

    let (event, message) = told!(service, by(&auth, "bob", "/log-wrong-data/x"), "/log-wrong-data/x");
    assert_eq!(event, "provider_of_other_users");
    assert!(message.contains("only providers of `fauth_testing::users::TestUser`"), "{message}");
}

/// Both have the same type of users, so that nothing but the log can tell.
#[actix_web::test]
async fn a_guard_of_another_provider_is_named() {
    let log = Log::of_process();
    let auth = provider();
    let target = "/log-other-guard";
    let service = serve!(
        App::new()
            .app_data(Data::new(other_provider()))
            .route(target, get().to(greet).wrap(require_user(&auth)))
    );
    assert_eq!(statuses!(service, by(&auth, "bob", target)), [401]);
    let records = log.with("guard_of_another_provider");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].field("path"), Some(target));
}

/// A handler that swallows is told of once in the process; one that is refused is not.
#[actix_web::test]
async fn a_swallowed_refusal_is_told() {
    let log = Log::of_process();
    let service = serve!(
        App::new()
            .app_data(Data::new(provider()))
            .route("/log-swallowed", get().to(optional))
            .route("/log-refused", get().to(greet))
    );
    let bad = |target| anonymous(target).insert_header(("authorization", "Bearer bad"));
    assert_eq!(statuses!(service, bad("/log-refused"), anonymous("/log-swallowed")), [401, 200]);
    let told = || log.with("refusal_swallowed");
    // Another test of this process may have swallowed one.
    assert!(told().iter().all(|record| !record.field("path").unwrap().starts_with("/log-")));
    assert_eq!(statuses!(service, bad("/log-swallowed"), bad("/log-swallowed")), [200, 200]);
    assert_eq!(told().len(), 1, "{:?}", told());
    assert!(told()[0].field("message").unwrap().contains("take `MaybeUser`"));
}

// --- A provider that is set while the application runs

#[actix_web::test]
async fn an_application_follows_a_switch_without_a_restart() {
    let (auth, other, switch) = (provider(), other_provider(), AuthSwitch::new().unwrap());
    let facade = switch.provider();
    let app = App::new()
        .app_data(Data::new(facade.clone()))
        .service(auth_routes(facade))
        .service(resource("/guarded").route(get().to(greet)).wrap(require_user(facade)))
        .service(resource("/me").route(get().to(greet)))
        .service(SecureScope::new("/group", facade).route("/me", get().to(greet)));
    let service = serve!(app);
    let login = || {
        let body = "{\"username\":\"alice\",\"password\":\"wrong\"}";
        let post = TestRequest::post().uri("/login").insert_header(("content-type", "application/json"));
        post.set_payload(body)
    };
    let paths = ["/guarded", "/me", "/group/me"];
    for path in paths {
        assert_eq!(statuses!(service, by(&auth, "alice", path)), [503], "{path}");
    }
    assert_eq!(statuses!(service, login()), [503]);
    for (set, unset) in [(&auth, &other), (&other, &auth)] {
        switch.set(set.clone());
        for path in paths {
            assert_eq!(
                statuses!(service, by(set, "alice", path), by(unset, "alice", path)),
                [200, 401],
                "{path}"
            );
        }
        assert_eq!(statuses!(service, login()), [401]);
    }
}

#[actix_web::test]
async fn a_request_keeps_the_provider_with_which_it_began() {
    let (auth, other, switch) = (provider(), other_provider(), AuthSwitch::new().unwrap());
    switch.set(auth.clone());
    let (replacing, replacement) = (switch.clone(), other.clone());
    let replace = from_fn(move |request: ServiceRequest, next: Next<_>| {
        replacing.set(replacement.clone());
        next.call(request)
    });
    let facade = switch.provider();
    let inner = resource("/replace").route(get().to(greet)).wrap(require_roles(facade, ["admin"]));
    let resource = inner.wrap(replace).wrap(require_user(facade));
    let service = serve!(App::new().app_data(Data::new(facade.clone())).service(resource));
    // The guard further in and the extractor ask who asked before.
    let alice = |auth: &Auth| by(auth, "alice", "/replace");
    assert_eq!(statuses!(service, alice(&auth), alice(&auth), alice(&other)), [200, 401, 200]);
}
