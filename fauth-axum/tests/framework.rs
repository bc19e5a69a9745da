//! What only axum can get wrong: layers, nesting, bodies, sockets. What every adapter must do is in
//! `conformance.rs`.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{FromRef, FromRequestParts, Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use fauth_axum::{
    AuthRoutes, CurrentUser, Grant, Head, MaybeUser, Refused, SecureRouter, Token, auth_routes, limit,
    protect, require_any_role, require_roles, require_user, respond,
};
use fauth_core::{
    AuthConfig, AuthProvider, AuthSwitch, ClientInfo, CsrfTokens, Purpose, Rejection, RouteRules, TokenPair,
    api_key::ApiKeyError,
    event::{AuthEvents, Event, EventKind},
    reply::Reply,
    request::RequestHead,
    routes::{Endpoint, MAX_BODY_BYTES},
    transport::CookieTransport,
};
use fauth_testing::{Log, TestUser, Users, at_once, suite::greeting};
use http_body::Frame;
use tower::{Service, ServiceExt as _};
use tower_http::{cors::CorsLayer, limit::RequestBodyLimitLayer};

type Auth = AuthProvider<TestUser>;

fn provider() -> Auth {
    fauth_testing::provider().build().unwrap()
}

fn other_provider() -> Auth {
    let secret = "another-secret-0123456789-abcdefghij-9f2c4a7b";
    let config = AuthConfig::builder().secret(secret).build().unwrap();
    fauth_testing::provider_with(config, &Users::new()).build().unwrap()
}

fn bearer(auth: &Auth, name: &str) -> String {
    format!("Bearer {}", at_once(auth.issue(Purpose::Access, name)).unwrap().expose())
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let mut builder = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Body::empty()).unwrap()
}

fn request_of(auth: &Auth, name: &str, target: &str) -> Request {
    request("GET", target, &[("authorization", &bearer(auth, name))])
}

/// A response that was read to its end.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    #[track_caller]
    fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    fn says(&self, text: &str) -> &Self {
        assert_eq!(self.body, text);
        self
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) -> &Self {
        assert!(self.body.contains(&format!("\"error\":\"{code}\"")), "{self:?}");
        self.is(status)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn send<S>(app: S, request: Request) -> Answer
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.into()).unwrap(),
    }
}

/// How often something happened.
#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn hit(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A middleware that counts whom it sees.
async fn count(State(counter): State<Counter>, request: Request, next: middleware::Next) -> Response {
    counter.hit();
    next.run(request).await
}

async fn greet(CurrentUser(user): CurrentUser<TestUser>) -> String {
    format!("Hello {}", user.name)
}

/// A body of these pieces, of no known length; counts when it is read.
#[derive(Debug)]
struct Script {
    pieces: VecDeque<io::Result<Bytes>>,
    reads: Counter,
}

impl Script {
    fn new(pieces: impl IntoIterator<Item = io::Result<Bytes>>) -> Self {
        Self { pieces: pieces.into_iter().collect(), reads: Counter::default() }
    }
}

impl HttpBody for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.reads.hit();
        Poll::Ready(self.pieces.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

// --- Before the guard agrees ---

/// Handler, extractor and body of one route, each with a counter.
#[derive(Debug, Clone, Default)]
struct Trap {
    handler: Counter,
    extractor: Counter,
    body: Counter,
}

impl Trap {
    fn seen(&self) -> [usize; 3] {
        [self.extractor.count(), self.handler.count(), self.body.count()]
    }

    fn request(&self, authorization: Option<&str>) -> Request {
        let headers = authorization.map(|value| ("authorization", value));
        let script = Script { pieces: VecDeque::new(), reads: self.body.clone() };
        request("POST", "/trap", headers.as_slice()).map(|_| Body::new(script))
    }
}

struct Sprung;

impl<S: Sync> FromRequestParts<S> for Sprung {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        parts.extensions.get::<Trap>().unwrap().extractor.hit();
        Ok(Self)
    }
}

async fn trap(_: Sprung, Extension(trap): Extension<Trap>, body: Bytes) -> String {
    trap.handler.hit();
    format!("read {}", body.len())
}

/// The three ways to put a guard in front of a route.
fn trapped(auth: &Auth, trap_set: &Trap) -> [(&'static str, Router); 3] {
    let mounted = || Router::new().layer(Extension(trap_set.clone()));
    let secure = SecureRouter::new(auth)
        .require_roles(["admin"])
        .route("/trap", post(trap))
        .layer(Extension(trap_set.clone()));
    let method = post(trap).layer((require_roles(auth, ["admin"]), Extension(trap_set.clone())));
    let whole = Router::new()
        .route("/trap", post(trap))
        .layer(Extension(trap_set.clone()))
        .layer(require_roles(auth, ["admin"]));
    [
        ("a method router's layer", mounted().route("/trap", method)),
        ("a router's layer", whole),
        ("a group", self::whole(secure)),
    ]
}

#[tokio::test]
async fn nothing_runs_and_nothing_is_read_before_the_guard_agrees() {
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let (bob, alice) = (bearer(&auth, "bob"), bearer(&auth, "alice"));
    let refusals = [(None, 401), (Some("Bearer x"), 401), (Some("Bearer"), 400), (Some(bob.as_str()), 403)];
    for index in 0..3 {
        let set = Trap::default();
        let (name, app) = trapped(&auth, &set)[index].clone();
        for (authorization, status) in refusals {
            send(app.clone(), set.request(authorization)).await.is(status);
        }
        assert_eq!(set.seen(), [0, 0, 0], "{name}");
        send(app, set.request(Some(&alice))).await.is(200).says("read 0");
        assert_eq!(set.seen(), [1, 1, 1], "{name}");
    }
    users.fail();
    for (name, app) in trapped(&auth, &Trap::default()) {
        let set = Trap::default();
        send(app, set.request(Some(&alice))).await.is(503);
        assert_eq!(set.seen(), [0, 0, 0], "{name}");
    }
}

#[tokio::test]
async fn an_extractor_that_refuses_keeps_the_body_unread() {
    let auth = provider();
    let app = Router::new()
        .route("/", post(async |_: CurrentUser<TestUser>, _: Bytes| "in"))
        .with_state(auth.clone());
    let script = Script::new([]);
    let reads = script.reads.clone();
    let refused = request("POST", "/", &[]).map(|_| Body::new(script));
    send(app, refused).await.refused(401, "missing_credential");
    assert_eq!(reads.count(), 0);
}

#[tokio::test]
async fn a_panic_in_a_loader_is_not_a_pass() {
    async fn load(_: Arc<fauth_core::TokenPayload>) -> Result<Option<TestUser>, Infallible> {
        panic!("the loader fell over")
    }
    let auth: Auth = AuthProvider::builder(fauth_testing::config())
        .user_loader(load)
        .without_password_login()
        .danger_stateless()
        .build()
        .unwrap();
    let entered = Counter::default();
    let handler = {
        let entered = entered.clone();
        move || async move { entered.hit() }
    };
    let app = SecureRouter::new(&auth).route("/", get(handler));
    let outcome = tokio::spawn(send(app, request_of(&auth, "alice", "/"))).await;
    assert!(outcome.unwrap_err().is_panic());
    assert_eq!(entered.count(), 0);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_the_applications() {
    let auth = provider();
    let app = SecureRouter::new(&auth).route("/", get(async || -> () { panic!("the handler fell over") }));
    send(app.clone(), request("GET", "/", &[])).await.is(401);
    assert!(tokio::spawn(send(app, request_of(&auth, "alice", "/"))).await.unwrap_err().is_panic());
}

// --- The group ---

fn group(auth: &Auth) -> SecureRouter<TestUser> {
    SecureRouter::new(auth).route("/panel", get(greet))
}

/// An application that is one group.
fn whole<S: Clone + Send + Sync + 'static>(group: SecureRouter<TestUser, S>) -> Router {
    Router::new().fallback_service(group)
}

/// `axum::serve` takes a group as it is; a router, to which open routes could be added, it never
/// becomes.
#[tokio::test]
async fn a_group_is_served_without_a_router_around_it() {
    let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = group(&provider()).into_make_service_with_connect_info::<SocketAddr>();
    let running = tokio::spawn(async move { axum::serve(listener, served).await });
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /panel HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 401 "));
    running.abort();
    let _ = group(&provider()).into_make_service();
}

#[tokio::test]
async fn a_group_may_be_the_whole_application() {
    let auth = provider();
    let app = whole(group(&auth));
    for path in ["/", "/panel", "/none", "/panel/none"] {
        send(app.clone(), request("GET", path, &[])).await.refused(401, "missing_credential");
    }
    // The asterisk form of OPTIONS is no path.
    send(app.clone(), request("OPTIONS", "*", &[])).await.refused(400, "ambiguous_path");
    send(app.clone(), request("DELETE", "/panel", &[])).await.is(401);
    send(app.clone(), request_of(&auth, "bob", "/panel")).await.is(200).says("Hello bob");
    send(app.clone(), request_of(&auth, "bob", "/none")).await.is(404);
    // Inside it, the framework may say which methods there are.
    let seen = send(app, request("DELETE", "/panel", &[("authorization", &bearer(&auth, "bob"))])).await;
    assert_eq!(seen.is(405).header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_group_beside_open_routes_guards_only_itself() {
    let auth = provider();
    let app = Router::new().route("/open", get(async || "open")).merge(whole(group(&auth)));
    send(app.clone(), request("GET", "/open", &[])).await.is(200).says("open");
    send(app.clone(), request("GET", "/panel", &[])).await.is(401);
    send(app.clone(), request("GET", "/none", &[])).await.is(401);
    // Nested instead of mounted as a service, all below the prefix is inside; `/group/` is nobody's
    // (with `nest_service` it is inside too).
    let app = Router::new().nest("/group", whole(group(&auth)));
    for (path, status) in [("/group", 401), ("/group/panel", 401), ("/group/none", 401), ("/group/", 404)] {
        send(app.clone(), request("GET", path, &[])).await.is(status);
    }
    send(app.clone(), request_of(&auth, "bob", "/group/panel")).await.is(200);
    send(app, request("GET", "/panel", &[])).await.is(404);
}

/// Renders the path that the core has seen.
fn path_seen(rejection: &Rejection, head: &dyn RequestHead) -> Reply {
    Reply::new(rejection.status()).body("text/plain", head.path().to_owned())
}

#[tokio::test]
async fn a_group_sees_the_full_path_however_deep_it_is_mounted() {
    let auth = provider();
    let group = || group(&auth).renderer(path_seen);
    let at = |path| request("GET", path, &[]);

    send(group(), at("/panel")).await.is(401).says("/panel");
    send(whole(group()), at("/panel")).await.is(401).says("/panel");
    let once = Router::new().nest_service("/admin", group());
    send(once.clone(), at("/admin/panel")).await.is(401).says("/admin/panel");
    let twice = Router::new().nest("/api", once);
    send(twice.clone(), at("/api/admin/panel")).await.is(401).says("/api/admin/panel");
    send(twice.clone(), request_of(&auth, "bob", "/api/admin/panel")).await.is(200).says("Hello bob");
    let thrice = Router::new().nest_service("/v1", twice);
    send(thrice, at("/v1/api/admin/none?x=1")).await.is(401).says("/v1/api/admin/none");
    let inside = SecureRouter::new(&auth).nest_service("/inner", group().require_roles(["admin"]));
    send(inside, request_of(&auth, "bob", "/inner/panel")).await.is(403).says("/inner/panel");
}

/// Rules would decide about the path that was received, and another route would answer.
#[tokio::test]
async fn rules_in_a_nested_router_refuse_a_path_that_was_rewritten_outside_of_them() {
    let auth = provider();
    let rules = RouteRules::private_by_default().public("/api/open").build().unwrap();
    let leaves = Router::new().route("/secret", get(async || "secret")).route("/open/x", get(async || "x"));
    let inside = protect(&auth, rules).around(leaves);
    let rewriting = tower::service_fn(move |mut request: Request| {
        if request.uri().path() == "/open/rewritten" {
            *request.uri_mut() = "/secret".parse().unwrap();
        }
        inside.clone().oneshot(request)
    });
    let app = Router::new().nest_service("/api", rewriting);
    let at = |path| request("GET", path, &[]);
    send(app.clone(), at("/api/open/rewritten")).await.refused(400, "ambiguous_path");
    // What nesting strips is no rewriting.
    send(app.clone(), at("/api/open/x")).await.is(200).says("x");
    send(app.clone(), at("/api/secret")).await.refused(401, "missing_credential");
    send(app, at("/api")).await.refused(401, "missing_credential");
}

/// Without the full path, `/admin//x` would be `/x` below a mount at `/admin/`.
#[tokio::test]
async fn an_ambiguous_prefix_is_refused_in_a_nested_group() {
    let auth = provider();
    let app = Router::new().nest("/{tenant}", Router::new().nest_service("/admin", group(&auth)));
    send(app.clone(), request_of(&auth, "bob", "/acme/admin/panel")).await.is(200);
    for path in ["/a%2fb/admin/panel", "/%2e%2e/admin/panel", "/a;b/admin/panel"] {
        send(app.clone(), request_of(&auth, "bob", path)).await.refused(400, "ambiguous_path");
    }
}

#[tokio::test]
async fn routes_added_after_a_demand_are_under_it() {
    let auth = provider();
    let app = SecureRouter::new(&auth)
        .route("/early", get(greet))
        .require_roles(["admin"])
        .route("/late", get(greet))
        .nest("/nested", Router::new().route("/late", get(greet)))
        .require_permissions(["write"]);
    for path in ["/early", "/late", "/nested/late", "/none"] {
        send(app.clone(), request_of(&auth, "bob", path)).await.refused(403, "missing_role");
    }
    for path in ["/early", "/late", "/nested/late"] {
        send(app.clone(), request_of(&auth, "alice", path)).await.is(200);
    }
}

/// The documented way to keep a provider beside other things.
#[derive(Clone, FromRef)]
struct AppState {
    auth: Auth,
    motto: &'static str,
}

async fn motto(user: CurrentUser<TestUser>, State(motto): State<&'static str>) -> String {
    format!("{}: {motto}", user.name)
}

#[tokio::test]
async fn a_group_may_have_a_state_of_the_applications_own() {
    let auth = provider();
    let state = AppState { auth: auth.clone(), motto: "fail closed" };
    let group = SecureRouter::with_state(&auth, state.clone())
        .route("/route", get(motto))
        .nest("/nested", Router::new().route("/leaf", get(motto)))
        .merge(Router::new().route("/merged", get(motto)))
        .fallback(motto);
    let app = Router::new().route("/own", get(motto)).nest_service("/group", group).with_state(state);
    for path in ["/own", "/group/route", "/group/nested/leaf", "/group/merged", "/group/none"] {
        send(app.clone(), request("GET", path, &[])).await.is(401);
        send(app.clone(), request_of(&auth, "bob", path)).await.is(200).says("bob: fail closed");
    }
}

#[tokio::test]
async fn fallback_and_layers_of_a_group_run_for_those_let_in() {
    let auth = provider();
    let (layer, fallback) = (Counter::default(), Counter::default());
    let answer = {
        let fallback = fallback.clone();
        move || async move {
            fallback.hit();
            (StatusCode::NOT_FOUND, "nothing here")
        }
    };
    let app = group(&auth)
        .fallback(answer)
        .layer(middleware::from_fn_with_state(layer.clone(), count))
        .require_roles(["admin"]);
    for request in
        [request("GET", "/none", &[]), request("GET", "/panel", &[]), request_of(&auth, "bob", "/none")]
    {
        assert!(matches!(send(app.clone(), request).await.status, 401 | 403));
    }
    assert_eq!((layer.count(), fallback.count()), (0, 0));
    send(app.clone(), request_of(&auth, "alice", "/none")).await.is(404).says("nothing here");
    send(app, request_of(&auth, "alice", "/panel")).await.is(200);
    assert_eq!((layer.count(), fallback.count()), (2, 1));
}

#[tokio::test]
async fn a_grant_is_of_one_request_only() {
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let mut app = group(&auth);
    let mut call = async |request: Request| app.call(request).await.unwrap().status();
    assert_eq!(call(request_of(&auth, "alice", "/panel")).await, 200);
    assert_eq!(call(request("GET", "/panel", &[])).await, 401);
    assert_eq!(call(request("GET", "/panel", &[("authorization", "Bearer x")])).await, 401);
    users.change("alice", |alice| alice.active = false);
    assert_eq!(call(request_of(&auth, "alice", "/panel")).await, 401);
    assert_eq!(call(request_of(&auth, "bob", "/panel")).await, 200);
}

#[tokio::test]
async fn who_is_let_in_at_the_same_time_stays_apart() {
    let users = Users::new();
    users.delay(Duration::from_millis(5));
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let app = group(&auth);
    let names = ["alice", "bob", "ed", "dora"];
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let name = names[n % names.len()];
            (name, tokio::spawn(send(app.clone(), request_of(&auth, name, "/panel"))))
        })
        .collect();
    for (name, task) in tasks {
        task.await.unwrap().is(200).says(&format!("Hello {name}"));
    }
}

// --- Layers ---

#[tokio::test]
async fn a_layer_of_a_router_covers_what_is_inside_and_nothing_later() {
    let auth = provider();
    let app = Router::new()
        .route("/early", get(greet))
        .nest("/nested", Router::new().route("/leaf", get(greet)))
        .layer(require_roles(&auth, ["admin"]))
        .route("/late", get(greet))
        .merge(Router::new().route("/merged", get(async || "open")))
        .with_state(auth.clone());
    for path in ["/early", "/nested/leaf"] {
        send(app.clone(), request("GET", path, &[])).await.is(401);
        send(app.clone(), request_of(&auth, "bob", path)).await.is(403);
        send(app.clone(), request_of(&auth, "alice", path)).await.is(200);
    }
    send(app.clone(), request_of(&auth, "bob", "/late")).await.is(200);
    send(app.clone(), request("GET", "/merged", &[])).await.is(200);
    // The default answer to unknown paths is inside of `Router::layer`, until a merged router
    // brings its own, which is not.
    send(app, request("GET", "/none", &[])).await.is(404);
    let app = Router::new().route("/early", get(greet)).layer(require_user(&auth)).with_state(auth.clone());
    send(app, request("GET", "/none", &[])).await.is(401);
    let app =
        Router::new().route("/early", get(greet)).route_layer(require_user(&auth)).with_state(auth.clone());
    send(app.clone(), request("GET", "/early", &[])).await.is(401);
    send(app, request("GET", "/none", &[])).await.is(404);
}

/// Why there is `SecureRouter`: what a nested router does not know falls through to the outer one.
#[tokio::test]
async fn a_layer_of_a_nested_router_leaves_the_outer_ones_answers_open() {
    let auth = provider();
    let nested = Router::new().route("/panel", get(greet)).layer(require_user(&auth));
    let app = Router::new().nest("/group", nested).with_state(auth.clone());
    send(app.clone(), request("GET", "/group/panel", &[])).await.is(401);
    send(app.clone(), request("GET", "/group/none", &[])).await.is(404);
    let refused = send(app, request("DELETE", "/group/panel", &[])).await;
    assert_eq!(refused.is(401).header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn a_layer_of_a_method_router_covers_the_methods_before_it() {
    let auth = provider();
    let methods = get(greet).put(greet).layer(require_any_role(&auth, ["admin"])).post(async || "open");
    let app = Router::new().route("/", methods).with_state(auth.clone());
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        send(app.clone(), request(method, "/", &[])).await.is(401);
    }
    send(app.clone(), request("POST", "/", &[])).await.is(200).says("open");
    send(app, request_of(&auth, "alice", "/")).await.is(200);
}

/// The inner service is the one that was polled ready; its clone is not.
#[tokio::test]
async fn a_guard_calls_the_service_that_was_ready() {
    #[derive(Debug, Default)]
    struct Reserving(bool);

    impl Clone for Reserving {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<Request> for Reserving {
        type Response = Response;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0 = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            std::future::ready(Ok("in".into_response()))
        }
    }

    let auth = provider();
    let mut guarded = tower::Layer::layer(&require_user(&auth), Reserving::default());
    for _ in 0..2 {
        let response = guarded.ready().await.unwrap().call(request_of(&auth, "bob", "/")).await.unwrap();
        assert_eq!(response.status(), 200);
    }
}

// --- CORS ---

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example"))
        .allow_methods([Method::GET, Method::DELETE])
        .allow_headers([header::AUTHORIZATION])
}

fn preflight() -> Request {
    request(
        "OPTIONS",
        "/api/panel",
        &[
            ("origin", "https://app.example"),
            ("access-control-request-method", "DELETE"),
            ("access-control-request-headers", "authorization"),
        ],
    )
}

#[tokio::test]
async fn cors_outside_a_group_answers_preflights_and_marks_refusals() {
    let auth = provider();
    let behind_layer =
        Router::new().route("/panel", get(greet).layer(require_user(&auth))).with_state(auth.clone());
    for app in [
        Router::new().nest_service("/api", group(&auth)).layer(cors()),
        Router::new().nest("/api", behind_layer).layer(cors()),
    ] {
        let answer = send(app.clone(), preflight()).await;
        assert_eq!(answer.is(200).header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization"));
        assert_eq!(answer.header("www-authenticate"), None);

        let simple = request("GET", "/api/panel", &[("origin", "https://app.example")]);
        let answer = send(app.clone(), simple).await;
        answer.refused(401, "missing_credential");
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"fauth\""));
        send(app, request_of(&auth, "bob", "/api/panel")).await.is(200);
    }
}

#[tokio::test]
async fn cors_inside_a_group_never_sees_a_preflight() {
    let auth = provider();
    for app in [
        Router::new().nest_service("/api", group(&auth).layer(cors())),
        Router::new().nest_service("/api", group(&auth)),
    ] {
        let answer = send(app, preflight()).await;
        answer.refused(401, "missing_credential");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

// --- The ready-made endpoints ---

const LOGIN: &str = r#"{"username":"alice","password":"s3cret"}"#;

fn login(target: &str, body: impl Into<Body>) -> Request {
    request("POST", target, &[("content-type", "application/json")]).map(|_| body.into())
}

#[tokio::test]
async fn endpoints_may_be_nested_under_a_prefix() {
    let auth = provider();
    let app: Router = Router::new().nest("/auth", auth_routes(&auth));
    send(app.clone(), login("/auth/login", LOGIN)).await.is(200);
    send(app.clone(), request("GET", "/auth/login", &[])).await.refused(405, "method_not_allowed");
    send(app.clone(), request("POST", "/auth/logout", &[("authorization", &bearer(&auth, "bob"))]))
        .await
        .is(200);
    send(app, login("/login", LOGIN)).await.is(404);
}

#[tokio::test]
async fn without_password_login_there_is_no_login() {
    let users = Users::new();
    let auth: Auth = AuthProvider::builder(fauth_testing::config())
        .user_loader(users.user_loader())
        .without_password_login()
        .danger_stateless()
        .build()
        .unwrap();
    let app: Router = auth_routes(&auth);
    send(app.clone(), login("/login", LOGIN)).await.is(404);
    let token = at_once(auth.issue(Purpose::Refresh, "bob")).unwrap();
    let refresh = format!("{{\"refresh_token\":\"{}\"}}", token.expose());
    send(app.clone(), login("/refresh", refresh)).await.is(200);
    send(app, request("POST", "/logout", &[("authorization", &bearer(&auth, "bob"))])).await.is(200);
}

/// A login of exactly this many bytes.
fn padded(length: usize) -> String {
    format!("{LOGIN:<length$}")
}

#[tokio::test]
async fn a_body_may_have_so_many_bytes_and_not_one_more() {
    let auth = provider();
    let app: Router = auth_routes(&auth);
    for (length, status) in [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)] {
        send(app.clone(), login("/login", padded(length))).await.is(status);
        let pieces: Vec<_> =
            padded(length).as_bytes().chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        send(app.clone(), login("/login", Body::new(Script::new(pieces)))).await.is(status);
    }
}

/// Neither by a limited endpoint nor by a limited route.
#[tokio::test]
async fn a_limit_refuses_without_reading_the_body() {
    let auth = provider();
    let app: Router = Router::new()
        .merge(AuthRoutes::new(&auth).limit(Endpoint::Login, "1/hour"))
        .route("/own", post(async |body: Bytes| body.len().to_string()).layer(limit(&auth, "1/hour")));
    for path in ["/login", "/own"] {
        let script = Script::new([Ok(Bytes::from_static(LOGIN.as_bytes()))]);
        let reads = script.reads.clone();
        send(app.clone(), login(path, Body::new(script))).await.is(200);
        assert!(reads.count() > 0, "{path}");
        let script = Script::new([Ok(Bytes::from_static(LOGIN.as_bytes()))]);
        let reads = script.reads.clone();
        send(app.clone(), login(path, Body::new(script))).await.refused(429, "too_many_requests");
        assert_eq!(reads.count(), 0, "{path}");
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let auth = provider();
    let app: Router = auth_routes(&auth);
    let script = Script::new((0..1000).map(|_| Ok(Bytes::from(vec![b' '; 1024]))));
    let reads = script.reads.clone();
    send(app, login("/login", Body::new(script))).await.refused(413, "payload_too_large");
    assert_eq!(reads.count(), MAX_BODY_BYTES / 1024 + 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let auth = provider();
    let app: Router = auth_routes(&auth);
    // What came in would do: it is not enough.
    let script = Script::new([Ok(Bytes::from(LOGIN)), Err(io::ErrorKind::ConnectionReset.into())]);
    send(app, login("/login", Body::new(script))).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_lower_limit_of_the_applications_own_is_413_too() {
    let auth = provider();
    let app: Router = auth_routes(&auth).layer(RequestBodyLimitLayer::new(100));
    let body = |length| Body::new(Script::new([Ok(Bytes::from(padded(length)))]));
    send(app.clone(), login("/login", body(100))).await.is(200);
    send(app, login("/login", body(101))).await.refused(413, "payload_too_large");
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

/// A body that never comes.
#[derive(Debug)]
struct Stalled;

impl HttpBody for Stalled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Pending
    }
}

async fn echo(body: Bytes) -> Bytes {
    body
}

#[tokio::test]
async fn the_form_of_a_csrf_token_is_read_only_for_whoever_may_enter() {
    let (auth, cookie, form) = with_csrf_tokens();
    let app: Router = Router::new().route("/form", post(echo).layer(require_user(&auth)));
    let sent = |cookie: &str, content_type: &str, body: Body| {
        let headers = [("cookie", cookie), ("content-type", content_type)];
        send(app.clone(), request("POST", "/form", &headers).map(|_| body))
    };
    // Not a byte of nobody's, and none of another type.
    let script = Script::new([Ok(Bytes::from(form.clone()))]);
    let reads = script.reads.clone();
    sent("", FORM, Body::new(script)).await.refused(401, "missing_credential");
    let script = Script { pieces: VecDeque::new(), reads: reads.clone() };
    sent(&cookie, "text/plain", Body::new(script)).await.refused(403, "invalid_csrf_token");
    assert_eq!(reads.count(), 0);
    // In pieces, and the handler gets the whole.
    let (start, end) = form.split_at(20);
    let pieces = [start, end].map(|piece| Ok(Bytes::from(piece.to_owned())));
    sent(&cookie, FORM, Body::new(Script::new(pieces))).await.is(200).says(&form);
    let pieces = [Ok(Bytes::from(form.clone())), Err(io::ErrorKind::ConnectionReset.into())];
    sent(&cookie, FORM, Body::new(Script::new(pieces))).await.refused(400, "invalid_request");
    let pieces = [Ok(Bytes::from(form.clone())), Ok(Bytes::from(vec![b'x'; MAX_BODY_BYTES]))];
    sent(&cookie, FORM, Body::new(Script::new(pieces))).await.refused(413, "payload_too_large");
    sent(&cookie, FORM, Body::new(Stalled)).await.refused(408, "body_timeout");
}

#[tokio::test]
async fn every_cookie_survives() {
    let auth = fauth_testing::provider().transport(CookieTransport::new()).build().unwrap();
    let app: Router = auth_routes(&auth).layer(middleware::map_response(async |mut response: Response| {
        response.headers_mut().append("set-cookie", HeaderValue::from_static("theme=dark"));
        response
    }));
    let mut login = login("/login", LOGIN);
    login.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    let answer = send(app, login).await;
    let names: Vec<_> = answer
        .is(200)
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split('=').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["__Host-session", "__Host-refresh", "theme"]);
}

// --- Endpoints of the application's own ---

#[derive(serde::Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

/// A login of the application's own, for bodies that are not those of the ready-made one.
async fn own_login(State(auth): State<Auth>, request: Request) -> Result<Json<TokenPair>, Response> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Rejection::PayloadTooLarge)?;
        let Json(form): Json<Credentials> = Json::from_bytes(&body).map_err(|_| Rejection::InvalidRequest)?;
        let user = auth.authenticate(&form.username, &form.password, &ClientInfo::unknown()).await?;
        auth.login(&user.name).await
    };
    answer.await.map(Json).map_err(|rejection| respond(auth.refuse(&rejection, &Head::from(&parts))))
}

#[tokio::test]
async fn a_login_of_the_applications_own() {
    let auth = provider();
    let app = Router::new().route("/me", get(greet)).route("/sign-in", post(own_login)).with_state(auth);
    let answer = send(app.clone(), login("/sign-in", LOGIN)).await;
    let pair: serde_json::Value = serde_json::from_str(&answer.is(200).body).unwrap();
    let authorization = format!("Bearer {}", pair["access_token"].as_str().unwrap());
    send(app.clone(), request("GET", "/me", &[("authorization", &authorization)])).await.says("Hello alice");
    let wrong = LOGIN.replace("s3cret", "secret");
    let answer = send(app.clone(), login("/sign-in", wrong)).await;
    answer.refused(401, "invalid_credentials");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"fauth\""));
    send(app, login("/sign-in", "{")).await.refused(400, "invalid_request");
}

/// A handler that decides itself what a refusal is to it.
async fn tolerant(user: Result<CurrentUser<TestUser>, Refused>) -> Result<String, Refused> {
    match user {
        Ok(user) => Ok(format!("Hello {}", user.name)),
        Err(refused) if *refused.rejection() == Rejection::MissingCredential => {
            Ok("Hello stranger".to_owned())
        }
        Err(refused) => Err(refused),
    }
}

#[tokio::test]
async fn a_handler_may_look_at_the_refusal() {
    let auth = provider();
    let app = Router::new().route("/", get(tolerant)).with_state(auth.clone());
    send(app.clone(), request("GET", "/", &[])).await.is(200).says("Hello stranger");
    send(app.clone(), request_of(&auth, "bob", "/")).await.is(200).says("Hello bob");
    send(app, request("GET", "/", &[("authorization", "Bearer x")])).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_refusal_says_why_in_words() {
    let (mut parts, ()) = Request::new(()).into_parts();
    let refused = MaybeUser::<TestUser>::from_request_parts(&mut parts, &provider()).await;
    assert!(refused.unwrap().0.is_none());
    let refused = CurrentUser::<TestUser>::from_request_parts(&mut parts, &provider()).await.unwrap_err();
    assert_eq!(refused.rejection(), &Rejection::MissingCredential);
    assert_eq!(refused.to_string(), refused.rejection().to_string());
    assert_eq!(refused.into_response().status(), StatusCode::UNAUTHORIZED);
}

// --- HTTP/2 ---

/// HTTP/2 has no `Host` header; hyper puts `:scheme` and `:authority` into the URI.
#[tokio::test]
async fn the_authority_of_http2_is_the_host() {
    let auth = fauth_testing::provider().transport(CookieTransport::new()).build().unwrap();
    let app = Router::new()
        .nest_service("/group", SecureRouter::new(&auth).route("/echo", post(greet)))
        .route("/echo", post(greet))
        .with_state(auth.clone());
    let cookie = format!("__Host-session={}", at_once(auth.issue(Purpose::Access, "bob")).unwrap().expose());
    for path in ["/echo", "/group/echo"] {
        let target = format!("https://app.example{path}");
        for (origin, status) in [
            ("https://app.example", 200),
            ("https://app.example:443", 200),
            ("http://app.example", 403),
            ("https://evil.example", 403),
            ("https://app.example.evil.example", 403),
        ] {
            let request = request("POST", &target, &[("cookie", &cookie), ("origin", origin)]);
            send(app.clone(), request).await.is(status);
        }
    }
    // A `Host` header counts where there is one, and there is no host without either.
    let own = [("cookie", cookie.as_str()), ("origin", "https://app.example")];
    send(app.clone(), request("POST", "/echo", &own)).await.is(403);
    send(app, request("POST", "/echo", &[own[0], own[1], ("host", "app.example")])).await.is(200);
}

// --- Real sockets ---

/// A server on a port of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn new(app: Router) -> Self {
        Self::serve(async |listener| {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
        })
    }

    fn serve<F>(serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener));
        Self { address, _runtime: runtime }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends this and reads until the server hangs up.
    fn talk(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_ascii_lowercase()
    }
}

fn content_length(answer: &str) -> Option<&str> {
    answer.lines().find_map(|line| line.strip_prefix("content-length: "))
}

#[test]
fn an_upgrade_is_refused_before_it_happens() {
    let auth = provider();
    let upgraded = Counter::default();
    let upgrade = {
        let upgraded = upgraded.clone();
        move || async move {
            upgraded.hit();
            (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "websocket")])
        }
    };
    let server = Server::new(whole(SecureRouter::new(&auth).route("/ws", get(upgrade))));
    let handshake = |authorization: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: app.example\r\n{authorization}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    // What follows is still HTTP: the connection was not upgraded.
    let next = "GET /none HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";
    let answer = server.talk(&(handshake("") + next));
    assert!(answer.starts_with("http/1.1 401 "), "{answer}");
    assert_eq!(answer.matches("http/1.1 401 ").count(), 2, "{answer}");
    assert!(!answer.contains("upgrade: "), "{answer}");
    assert_eq!(upgraded.count(), 0);

    let mut stream = server.connect();
    let authorization = format!("Authorization: {}\r\n", bearer(&auth, "bob"));
    stream.write_all(handshake(&authorization).as_bytes()).unwrap();
    // Not until the end: the connection stays open, and to close the writing half of it first
    // would race with the answer, because a server may drop a client that has gone.
    let mut answer = [0; "HTTP/1.1 101 ".len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 101 ");
    assert_eq!(upgraded.count(), 1);
}

/// RFC 9110 section 8.6: the length of an answer to HEAD is that of the answer to GET, or is not
/// given.
#[test]
fn head_has_no_body_and_no_wrong_length() {
    let auth = provider();
    let app = Router::new()
        .merge(auth_routes(&auth))
        .route("/extractor", get(greet))
        .route("/layer", get(greet).layer(require_user(&auth)))
        .route(
            "/silent",
            get(greet).layer(
                require_user(&auth)
                    .renderer(|rejection: &Rejection, _: &dyn RequestHead| Reply::new(rejection.status())),
            ),
        )
        .nest_service("/group", group(&auth))
        .with_state(auth.clone());
    let server = Server::new(app);
    let direct = group(&auth);
    let direct = Server::serve(async |listener| axum::serve(listener, direct.into_make_service()).await);
    let authorization = format!("Authorization: {}\r\n", bearer(&auth, "bob"));
    for (server, path, headers, status) in [
        (&server, "/extractor", "", 401),
        (&server, "/layer", "", 401),
        (&server, "/silent", "", 401),
        (&server, "/group/panel", "", 401),
        (&server, "/group/none", "", 401),
        (&server, "/group//", "", 400),
        (&server, "/login", "", 405),
        (&server, "/extractor", &*authorization, 200),
        (&server, "/layer", &*authorization, 200),
        (&server, "/group/panel", &*authorization, 200),
        (&direct, "/panel", "", 401),
        (&direct, "/panel", &*authorization, 200),
    ] {
        let ask = |method: &str| {
            server.talk(&format!(
                "{method} {path} HTTP/1.1\r\nHost: app.example\r\n{headers}Connection: close\r\n\r\n"
            ))
        };
        let (of_get, of_head) = (ask("GET"), ask("HEAD"));
        for answer in [&of_get, &of_head] {
            assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{path}: {answer}");
        }
        let (_, body) = of_get.split_once("\r\n\r\n").unwrap();
        assert_eq!(content_length(&of_get), Some(&*body.len().to_string()), "{path}: {of_get}");
        assert!(of_head.ends_with("\r\n\r\n"), "{path}: {of_head}");
        let length = content_length(&of_head);
        assert!(length.is_none() || length == content_length(&of_get), "{path}: {of_head}");
        assert!(!of_head.contains("transfer-encoding"), "{path}: {of_head}");
    }
}

#[test]
fn requests_of_one_connection_do_not_share_a_grant() {
    let auth = provider();
    let server = Server::new(Router::new().nest_service("/group", group(&auth)));
    let ask = |rest: &str| format!("GET /group/panel HTTP/1.1\r\nHost: app.example\r\n{rest}\r\n");
    let good = ask(&format!("Authorization: {}\r\n", bearer(&auth, "bob")));
    let answer = server.talk(&(good.clone() + &ask("") + &good + &ask("Connection: close\r\n")));
    let statuses: Vec<_> =
        answer.match_indices("http/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "401", "200", "401"], "{answer}");
}

#[test]
fn a_body_that_breaks_off_on_the_wire_logs_nobody_in() {
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let server = Server::new(auth_routes(&auth));
    let mut stream = server.connect();
    let head = "POST /login HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
    stream.write_all(format!("{head}{LOGIN}").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(users.identity_loads(), 0);
}

/// It is answered in the configured time, and takes its connection with it.
#[test]
fn a_body_that_stalls_on_the_wire_is_408() {
    let users = Users::new();
    let builder = fauth_testing::provider_with(fauth_testing::config(), &users);
    let server = Server::new(auth_routes(&builder.body_timeout(Duration::from_millis(50)).build().unwrap()));
    for path in ["/login", "/refresh", "/logout", "/logout/all"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let answer = server.talk(&head);
        assert!(
            answer.starts_with("http/1.1 408 ") && answer.contains("\"error\":\"body_timeout\""),
            "{answer}"
        );
    }
    assert_eq!(users.identity_loads(), 0);
    // What arrives in time is read, however many pieces it comes in.
    let mut stream = server.connect();
    let body = r#"{"username":"bob","password":"hunter2"}"#;
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    for piece in [head.as_str(), body] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// A page that is routed beside the endpoints, before or after them, has its method, and they have
/// the rest.
#[tokio::test]
async fn an_own_page_may_be_routed_beside_an_endpoint() {
    let auth = provider();
    let page = || Router::new().route("/login", get(async || "page"));
    for app in [page().merge(auth_routes(&auth)), auth_routes(&auth).merge(page())] {
        send(app.clone(), request("GET", "/login", &[])).await.is(200).says("page");
        send(app.clone(), request("POST", "/login", &[])).await.refused(415, "unsupported_media_type");
        let seen = send(app, request("PUT", "/login", &[])).await;
        assert!(seen.refused(405, "method_not_allowed").header("allow").unwrap().contains("POST"));
    }
}

/// Where refused requests came from.
#[derive(Clone, Default)]
struct Peers(Arc<Mutex<Vec<Option<SocketAddr>>>>);

impl AuthEvents for Peers {
    fn on_event(&self, event: &Event<'_>) {
        if event.kind == EventKind::RequestRefused {
            self.0.lock().unwrap().push(event.peer);
        }
    }
}

#[test]
fn events_name_the_peer_if_the_server_knows_it() {
    let peers = Peers::default();
    let auth = fauth_testing::provider().events(peers.clone()).build().unwrap();
    let app = Router::new()
        .merge(auth_routes(&auth))
        .route("/extractor", get(greet))
        .route("/layer", get(greet).layer(require_user(&auth)))
        .nest_service("/group", group(&auth))
        .with_state(auth);
    let ask = |server: &Server, path: &str| {
        let mut stream = server.connect();
        let own = stream.local_addr().unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: app.example\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        own
    };
    let knowing = Server::new(app.clone());
    for path in ["/login", "/extractor", "/layer", "/group/none"] {
        let own = ask(&knowing, path);
        assert_eq!(peers.0.lock().unwrap().pop(), Some(Some(own)), "{path}");
    }
    let unknowing = Server::serve(async |listener| axum::serve(listener, app).await);
    ask(&unknowing, "/group/none");
    assert_eq!(peers.0.lock().unwrap().pop(), Some(None));
}

/// The token of a handler is that of the guard, whatever extractors of another provider stand
/// before it.
#[tokio::test]
async fn no_extractor_takes_the_place_of_the_guards_token() {
    #[derive(Clone)]
    struct Both {
        customers: AuthProvider<TestUser>,
    }
    impl FromRef<Both> for AuthProvider<TestUser> {
        fn from_ref(both: &Both) -> Self {
            both.customers.clone()
        }
    }
    async fn show(_: MaybeUser<TestUser>, Token(token): Token) -> String {
        token.subject().to_owned()
    }
    let staff = provider();
    let customers = fauth_testing::provider().transport(CookieTransport::new()).build().unwrap();
    let group =
        SecureRouter::with_state(&staff, Both { customers: customers.clone() }).route("/x", get(show));
    let bearer = at_once(staff.issue(Purpose::Access, "alice")).unwrap();
    let cookie = at_once(customers.issue(Purpose::Access, "bob")).unwrap();
    let headers = [
        ("authorization", format!("Bearer {}", bearer.expose())),
        ("cookie", format!("__Host-session={}", cookie.expose())),
    ];
    let headers = [("authorization", headers[0].1.as_str()), ("cookie", headers[1].1.as_str())];
    send(whole(group), request("GET", "/x", &headers)).await.is(200).says("alice");
}

/// What one extractor has found out is there for the next ones, whoever they are.
#[tokio::test]
async fn one_check_serves_every_extractor_of_a_handler() {
    async fn show(
        user: CurrentUser<TestUser>,
        maybe: MaybeUser<TestUser>,
        grant: Grant<TestUser>,
        token: Token,
    ) -> String {
        let MaybeUser(maybe) = maybe;
        format!("{} {} {} {}", user.name, maybe.unwrap().name, grant.user().name, token.subject())
    }
    async fn show_token(_: MaybeUser<TestUser>, token: Token) -> String {
        token.subject().to_owned()
    }
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let app =
        Router::new().route("/all", get(show)).route("/maybe", get(show_token)).with_state(auth.clone());
    for (target, text) in [("/all", "alice alice alice alice"), ("/maybe", "alice")] {
        let before = users.user_loads();
        send(app.clone(), request_of(&auth, "alice", target)).await.is(200).says(text);
        assert_eq!(users.user_loads() - before, 1, "{target}");
    }

    // Also behind the guard of another provider, whose grant is not theirs.
    let users = Users::new();
    let customers = fauth_testing::provider_with(fauth_testing::config(), &users);
    let customers = customers.transport(CookieTransport::new()).build().unwrap();
    let staff = provider();
    let group = SecureRouter::with_state(&staff, customers.clone()).route("/all", get(show));
    let cookie = at_once(customers.issue(Purpose::Access, "bob")).unwrap();
    let cookie = format!("__Host-session={}", cookie.expose());
    let authorization = bearer(&staff, "alice");
    let headers = [("authorization", authorization.as_str()), ("cookie", cookie.as_str())];
    send(whole(group), request("GET", "/all", &headers)).await.is(200).says("bob bob bob alice");
    assert_eq!(users.user_loads(), 1);
}
// --- Refusals that handlers return

/// Each error of a provider's methods can be returned with `?`.
async fn every_error(State(auth): State<Auth>, Path(which): Path<String>) -> Result<String, Refused> {
    match which.as_str() {
        // It was built without a store for them.
        "rejection" => drop(auth.api_keys("bob").await?),
        "password" => drop(auth.hash_password("").await?),
        "issue" => drop(auth.issue(Purpose::Access, "").await?),
        "token" => drop(auth.verify_signature_and_claims("nonsense", Purpose::Access)?),
        _ => Err(ApiKeyError::InvalidName)?,
    }
    Ok(which)
}

/// An error type of the application's own that keeps a refusal.
enum AppError {
    Auth(Refused),
    Teapot,
}

impl From<Rejection> for AppError {
    fn from(rejection: Rejection) -> Self {
        Self::Auth(rejection.into())
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match self {
            Self::Auth(refused) => refused.into_response(),
            Self::Teapot => StatusCode::IM_A_TEAPOT.into_response(),
        }
    }
}

async fn own_error(Path(which): Path<String>) -> Result<(), AppError> {
    if which == "teapot" { Err(AppError::Teapot) } else { Err(Rejection::NotFound)? }
}

#[tokio::test]
async fn handlers_return_every_error_of_the_provider() {
    let auth = provider();
    let app = Router::new()
        .route("/errors/{which}", get(every_error))
        .route("/own/{which}", get(own_error).layer(require_user(&auth)))
        .with_state(auth.clone());
    for (which, status, code) in [
        ("rejection", 500, "misconfigured"),
        ("password", 422, "unprocessable"),
        ("issue", 500, "misconfigured"),
        ("token", 401, "invalid_token"),
        ("key", 422, "unprocessable"),
    ] {
        send(app.clone(), request("GET", &format!("/errors/{which}"), &[])).await.refused(status, code);
    }
    send(app.clone(), request_of(&auth, "bob", "/own/other")).await.refused(404, "not_found");
    send(app, request_of(&auth, "bob", "/own/teapot")).await.is(418);
}

/// What a layer inside the guard has added to the response stays; what described its body does not.
#[tokio::test]
async fn a_refusal_of_a_handler_keeps_the_headers_of_layers_inside() {
    async fn marked(request: Request, next: middleware::Next) -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-inside", "1".parse().unwrap());
        response.headers_mut().insert("content-encoding", "br".parse().unwrap());
        response
    }
    let auth = provider();
    let refuse = async || -> Result<(), Refused> { Err(Rejection::NotFound)? };
    let group = SecureRouter::new(&auth).route("/", get(refuse)).layer(middleware::from_fn(marked));
    let answer = send(Router::new().nest_service("/group", group), request_of(&auth, "bob", "/group/")).await;
    answer.refused(404, "not_found");
    assert_eq!((answer.header("x-inside"), answer.header("content-encoding")), (Some("1"), None));
}

// --- What the log says

#[tokio::test]
async fn a_token_without_a_guard_says_what_to_put_where() {
    async fn show(Token(token): Token) -> String {
        token.subject().to_owned()
    }
    let log = Log::of_process();
    let app = Router::new().route("/log-no-guard", get(show));
    send(app, request("GET", "/log-no-guard", &[])).await.refused(500, "misconfigured");
    let records = log.with("/log-no-guard");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].field("event"), Some("missing_guard"));
    assert!(records[0].field("message").unwrap().contains("get(handler).layer(require_user(&auth))"));
}

/// A handler that swallows is told of once in the process; one that looks at the refusal is not.
#[tokio::test]
async fn a_swallowed_refusal_is_told_once() {
    async fn swallows(user: Result<CurrentUser<TestUser>, Refused>) -> String {
        greeting(user.ok().map(|CurrentUser(user)| user).as_deref())
    }
    let log = Log::of_process();
    let app = Router::new()
        .route("/log-swallowed", get(swallows))
        .route("/log-looked-at", get(tolerant))
        .route("/log-refused", get(greet))
        .with_state(provider());
    let bad = |target| request("GET", target, &[("authorization", "Bearer bad")]);
    for target in ["/log-refused", "/log-looked-at"] {
        send(app.clone(), bad(target)).await;
    }
    send(app.clone(), request("GET", "/log-swallowed", &[])).await.says("Hello nobody");
    let told = || log.with("refusal_swallowed");
    assert!(told().is_empty(), "{:?}", told());
    for _ in 0..2 {
        send(app.clone(), bad("/log-swallowed")).await.says("Hello nobody");
    }
    assert_eq!(told().len(), 1, "{:?}", told());
    assert_eq!(told()[0].field("path"), Some("/log-swallowed"));
    assert!(told()[0].field("message").unwrap().contains("take `MaybeUser`"));
}

/// Both have the same type of users, so that nothing but the log can tell.
#[tokio::test]
async fn a_guard_of_another_provider_is_named() {
    let log = Log::of_process();
    let auth = provider();
    let app = Router::new()
        .route("/log-other-guard", get(greet).layer(require_user(&auth)))
        .with_state(other_provider());
    send(app.clone(), request_of(&auth, "bob", "/log-other-guard")).await.refused(401, "invalid_token");
    let records = log.with("guard_of_another_provider");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].field("path"), Some("/log-other-guard"));
}

#[tokio::test]
async fn an_application_follows_a_switch_without_a_restart() {
    let (auth, other, switch) = (provider(), other_provider(), AuthSwitch::new().unwrap());
    let facade = switch.provider();
    let app = Router::new()
        .merge(auth_routes(facade))
        .route("/guarded", get(greet).layer(require_user(facade)))
        .route("/me", get(greet))
        .nest_service("/group", SecureRouter::new(facade).route("/me", get(greet)))
        .with_state(facade.clone());
    let login = || login("/login", "{\"username\":\"alice\",\"password\":\"wrong\"}");
    let paths = ["/guarded", "/me", "/group/me"];
    for path in paths {
        assert_eq!(send(app.clone(), request_of(&auth, "alice", path)).await.status, 503, "{path}");
    }
    assert_eq!(send(app.clone(), login()).await.status, 503);
    for (set, unset) in [(&auth, &other), (&other, &auth)] {
        switch.set(set.clone());
        for path in paths {
            assert_eq!(send(app.clone(), request_of(set, "alice", path)).await.status, 200, "{path}");
            assert_eq!(send(app.clone(), request_of(unset, "alice", path)).await.status, 401, "{path}");
        }
        assert_eq!(send(app.clone(), login()).await.status, 401);
    }
}

#[tokio::test]
async fn a_request_keeps_the_provider_with_which_it_began() {
    let (auth, other, switch) = (provider(), other_provider(), AuthSwitch::new().unwrap());
    switch.set(auth.clone());
    let (replacing, replacement) = (switch.clone(), other.clone());
    let replace = middleware::from_fn(move |request: Request, next: middleware::Next| {
        replacing.set(replacement.clone());
        next.run(request)
    });
    let facade = switch.provider();
    let layers = (require_user(facade), replace, require_roles(facade, ["admin"]));
    let app = Router::new().route("/replace", get(greet).layer(layers)).with_state(facade.clone());
    // The guard further in and the extractor ask who asked before.
    assert_eq!(send(app.clone(), request_of(&auth, "alice", "/replace")).await.status, 200);
    assert_eq!(send(app.clone(), request_of(&auth, "alice", "/replace")).await.status, 401);
    assert_eq!(send(app, request_of(&other, "alice", "/replace")).await.status, 200);
}
