//! What only poem has: its middlewares, its way to nest, its `Option` extractor.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use fauth_core::{
    AuthConfig, AuthProvider, AuthSwitch, AuthUser, CsrfTokens, Purpose, Rejection, RouteRules,
    api_key::ApiKeyError, request::RequestHead as _, routes::MAX_BODY_BYTES, transport::CookieTransport,
};
use fauth_poem::{
    CurrentUser, Head, MaybeUser, Refused, SecureRoute, Token, auth_routes, protect, require_roles,
    require_user,
};
use fauth_testing::{Log, TestUser, Users, at_once, suite::greeting};
use poem::{
    Addr, Body, Endpoint, EndpointExt as _, IntoEndpoint, Request, RequestParts, Response, Route, Server,
    endpoint::make_sync,
    error::{NotFoundError, ResponseError as _},
    get, handler,
    http::{Method, StatusCode, request::Builder, uri::Scheme},
    listener::TcpAcceptor,
    middleware::{AddData, Cors, NormalizePath, SetHeader, TrailingSlash},
    post,
    web::{Data, LocalAddr, Path, RemoteAddr},
};
use tokio::io::{AsyncRead, ReadBuf};

type Auth = AuthProvider<TestUser>;

#[handler]
fn greet(CurrentUser(user): CurrentUser<TestUser>) -> String {
    greeting(Some(&user))
}

#[handler]
fn greet_maybe(MaybeUser(user): MaybeUser<TestUser>) -> String {
    greeting(user.as_deref())
}

#[handler]
fn greet_option(user: Option<CurrentUser<TestUser>>) -> String {
    greeting(user.map(|CurrentUser(user)| user).as_deref())
}

#[handler]
fn echo(_: CurrentUser<TestUser>, text: String) -> String {
    text
}

#[handler]
fn user_then_token(_: CurrentUser<TestUser>, Token(token): Token) -> String {
    token.subject().to_owned()
}

fn auth() -> Auth {
    fauth_testing::provider().build().unwrap()
}

/// As poem's server makes a request. One from poem's own builder does not know its original URI.
fn as_served(builder: Builder, body: Body) -> Request {
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    Request::from_parts(
        RequestParts::from((parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP)),
        body,
    )
}

fn request(target: &str) -> Builder {
    poem::http::Request::builder().uri(target)
}

fn bearer(auth: &Auth, name: &str) -> String {
    format!("Bearer {}", at_once(auth.issue(Purpose::Access, name)).unwrap().expose())
}

/// A request by somebody anonymous, or by a user.
async fn send(app: &impl Endpoint, builder: Builder) -> Response {
    app.get_response(as_served(builder, Body::empty())).await
}

async fn get_as(app: &impl Endpoint, target: &str, authorization: &str) -> Response {
    send(app, request(target).header("authorization", authorization)).await
}

async fn text(response: Response) -> String {
    response.into_body().into_string().await.unwrap()
}

#[track_caller]
fn is_refusal(response: &Response, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn headers_set_outside_a_guard_reach_its_refusals() {
    let auth = auth();
    let nosniff = || SetHeader::new().overriding("x-content-type-options", "nosniff");
    let app = Route::new()
        .at("/guard", get(greet).with(require_user(&auth)).with(nosniff()))
        .nest("/group", SecureRoute::new(&auth).with(nosniff()));
    for target in ["/guard", "/group", "/group/", "/group/unknown"] {
        let response = send(&app, request(target)).await;
        is_refusal(&response, 401);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{target}");
    }
}

#[tokio::test]
async fn cors_outside_the_guard_answers_preflights_and_marks_refusals() {
    let auth = auth();
    let cors = Cors::new().allow_origin("https://app.example").allow_credentials(true);
    let app = Route::new().nest("/group", SecureRoute::new(&auth).at("/dashboard", get(greet))).with(cors);
    let from =
        |method: Method| request("/group/dashboard").method(method).header("origin", "https://app.example");

    let preflight = send(&app, from(Method::OPTIONS).header("access-control-request-method", "GET")).await;
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example"));

    let refused = send(&app, from(Method::GET)).await;
    is_refusal(&refused, 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(refused.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn cors_inside_the_guard_answers_no_preflight() {
    let app = SecureRoute::new(&auth()).at("/", get(greet)).with_inside(Cors::new()).into_endpoint();
    let preflight = request("/")
        .method(Method::OPTIONS)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");
    is_refusal(&send(&app, preflight).await, 401);
}

#[tokio::test]
async fn a_middleware_inside_sees_only_who_was_let_in() {
    let auth = auth();
    let app = SecureRoute::new(&auth)
        .with_inside(SetHeader::new().appending("x-order", "first"))
        .with_inside(SetHeader::new().appending("x-order", "second"))
        .at("/", get(greet))
        .into_endpoint();
    assert_eq!(send(&app, request("/")).await.header("x-order"), None);
    let response = get_as(&app, "/", &bearer(&auth, "alice")).await;
    let order: Vec<_> = response.headers().get_all("x-order").iter().collect();
    assert_eq!(order, ["first", "second"]);
    assert_eq!(text(response).await, "Hello alice");
}

#[tokio::test]
async fn ambiguous_paths_of_a_group_are_400() {
    let auth = auth();
    let app = Route::new()
        .nest("/group", SecureRoute::new(&auth).at("/dashboard", get(greet)).at("/*rest", get(greet)));
    for target in [
        "/group//dashboard",
        "/group/../me",
        "/group/x/%2e%2e/dashboard",
        "/group/dash%2fboard",
        "/group/dashboard;x",
    ] {
        for authorization in ["Basic YTpi", &bearer(&auth, "alice")] {
            let response = get_as(&app, target, authorization).await;
            is_refusal(&response, 400);
        }
    }
}

/// `Route::nest` wants UTF-8 of the rest of the path, and answers anything else by itself: before
/// the guard, and before any handler.
#[tokio::test]
async fn a_path_that_is_not_utf8_is_refused_by_poem_before_a_nested_group() {
    let auth = auth();
    let group = || SecureRoute::new(&auth).at("/*rest", get(greet));
    let nested = Route::new().nest("/group", group());
    assert_eq!(text(get_as(&nested, "/group/any/path", &bearer(&auth, "alice")).await).await, "Hello alice");
    let response = get_as(&nested, "/group/%ff", &bearer(&auth, "alice")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(text(response).await, "invalid path params");

    is_refusal(&get_as(&group().into_endpoint(), "/%ff", &bearer(&auth, "alice")).await, 400);
}

#[tokio::test]
async fn guards_see_the_path_that_was_received() {
    let auth = auth();
    let show = |rejection: &Rejection, head: &dyn fauth_core::request::RequestHead| {
        let target = format!("{}?{}", head.path(), head.query().unwrap_or("none"));
        fauth_core::reply::Reply::new(rejection.status()).body("text/plain; charset=utf-8", target)
    };
    let group = |auth| SecureRoute::new(auth).renderer(show).at("/leaf", get(greet));
    let app = Route::new()
        .nest("/a", Route::new().nest("/b", group(&auth)))
        .nest_no_strip("/c", group(&auth))
        .nest("/outer", SecureRoute::new(&auth).nest("/inner", group(&auth).require_roles(["admin"])));
    for target in ["/a/b/leaf?x=1", "/a/b?x=1", "/c/leaf?x=1", "/a/b/%6Ceaf?x=1"] {
        assert_eq!(text(send(&app, request(target)).await).await, target);
    }
    let refused = get_as(&app, "/outer/inner/leaf?x=1", &bearer(&auth, "bob")).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(refused).await, "/outer/inner/leaf?x=1");
}

/// Rules would decide about the path that was received, and another route would answer.
#[tokio::test]
async fn rules_refuse_a_path_that_was_rewritten_outside_of_them() {
    let auth = auth();
    let rules = || RouteRules::private_by_default().public("/open").public("/api/open").build().unwrap();
    let leaves =
        || Route::new().at("/secret", get(make_sync(|_| "secret"))).at("/open/x", get(make_sync(|_| "x")));
    let rewritten = leaves().with(protect(&auth, rules())).before(|mut request: Request| async move {
        if request.uri().path() == "/open/rewritten" {
            *request.uri_mut() = "/secret".parse().unwrap();
        }
        Ok(request)
    });
    let as_served = |target: &str| as_served(request(target), Body::empty());
    is_refusal(&rewritten.get_response(as_served("/open/rewritten")).await, 400);
    assert_eq!(rewritten.get_response(as_served("/open/x")).await.status(), 200);
    // Nested routes strip a prefix.
    let nested = Route::new().nest("/api", leaves().with(protect(&auth, rules())));
    assert_eq!(nested.get_response(as_served("/api/open/x")).await.status(), 200);
    is_refusal(&nested.get_response(as_served("/api/secret")).await, 401);
    is_refusal(&nested.get_response(as_served("/api")).await, 401);
}

#[tokio::test]
async fn a_path_that_a_middleware_tidies_up_is_judged_as_received() {
    let auth = auth();
    let app = Route::new()
        .nest("/group", SecureRoute::new(&auth).at("/dashboard", get(greet)))
        .with(NormalizePath::new(TrailingSlash::Trim));
    let alice = bearer(&auth, "alice");
    is_refusal(&get_as(&app, "//group/dashboard", &alice).await, 400);
    assert_eq!(text(get_as(&app, "/group/dashboard/", &alice).await).await, "Hello alice");
}

#[tokio::test]
async fn whatever_is_in_a_group_is_inside_its_guard() {
    let auth = auth();
    let app = Route::new().nest(
        "/group",
        SecureRoute::new(&auth)
            .nest("/", Route::new().at("/merged", get(greet)))
            .nest("/nested", Route::new().at("/leaf", get(greet)))
            .nest_no_strip("/kept", Route::new().at("/kept/leaf", get(greet)))
            .require_roles(["admin"])
            .at("/late", get(greet)),
    );
    let (alice, bob) = (bearer(&auth, "alice"), bearer(&auth, "bob"));
    for target in ["/group/merged", "/group/nested/leaf", "/group/kept/leaf", "/group/late"] {
        is_refusal(&send(&app, request(target)).await, 401);
        is_refusal(&get_as(&app, target, &bob).await, 403);
        assert_eq!(text(get_as(&app, target, &alice).await).await, "Hello alice", "{target}");
    }
    for target in ["/group", "/group/", "/group/unknown", "/group/nested", "/group/nested/unknown"] {
        is_refusal(&send(&app, request(target)).await, 401);
        assert_eq!(get_as(&app, target, &alice).await.status(), StatusCode::NOT_FOUND, "{target}");
    }
    for method in ["HEAD", "OPTIONS", "POST", "DELETE", "BREW"] {
        is_refusal(&send(&app, request("/group/late").method(method)).await, 401);
    }
    for method in ["TRACE", "CONNECT"] {
        let forbidden = request("/group/late").method(method).header("authorization", &alice);
        is_refusal(&send(&app, forbidden).await, 405);
    }
}

#[tokio::test]
async fn a_group_can_be_the_whole_application() {
    let auth = auth();
    let app = SecureRoute::new(&auth).at("/", get(greet)).into_endpoint();
    is_refusal(&send(&app, request("/")).await, 401);
    is_refusal(&send(&app, request("/unknown")).await, 401);
    is_refusal(&send(&app, request("*").method(Method::OPTIONS)).await, 400);
    is_refusal(&send(&app, request("app.example:443").method(Method::CONNECT)).await, 405);
    assert_eq!(text(get_as(&app, "/", &bearer(&auth, "alice")).await).await, "Hello alice");
}

#[tokio::test]
async fn an_empty_group_refuses_the_anonymous_and_has_nothing_for_users() {
    let auth = auth();
    let app = Route::new().nest("/empty", SecureRoute::new(&auth));
    for target in ["/empty", "/empty/", "/empty/x"] {
        is_refusal(&send(&app, request(target)).await, 401);
        assert_eq!(get_as(&app, target, &bearer(&auth, "alice")).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_before_the_handler_runs() {
    let (auth, ran) = (auth(), Arc::new(AtomicBool::new(false)));
    let handler = {
        let ran = Arc::clone(&ran);
        make_sync(move |_| {
            ran.store(true, Ordering::SeqCst);
            StatusCode::SWITCHING_PROTOCOLS
        })
    };
    let app = Route::new().nest("/group", SecureRoute::new(&auth).at("/socket", get(handler)));
    let upgrade = request("/group/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    is_refusal(&send(&app, upgrade).await, 401);
    assert!(!ran.load(Ordering::SeqCst));
    let response = get_as(&app, "/group/socket", &bearer(&auth, "alice")).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(ran.load(Ordering::SeqCst));
}

/// A body that says whether anybody has read it, and then breaks off.
struct Breaking(Arc<AtomicBool>);

impl AsyncRead for Breaking {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.store(true, Ordering::SeqCst);
        Poll::Ready(Err(io::Error::other("the connection broke")))
    }
}

#[tokio::test]
async fn no_body_is_read_before_the_guard_agrees() {
    let (auth, read) = (auth(), Arc::new(AtomicBool::new(false)));
    let app = Route::new()
        .nest("/group", SecureRoute::new(&auth).at("/echo", post(echo)))
        .at("/guard", post(echo).with(require_roles(&auth, ["admin"])));
    for (target, authorization, status) in
        [("/group/echo", "Basic YTpi".to_owned(), 401), ("/guard", bearer(&auth, "bob"), 403)]
    {
        let builder = request(target).method(Method::POST).header("authorization", authorization);
        let body = Body::from_async_read(Breaking(Arc::clone(&read)));
        is_refusal(&app.get_response(as_served(builder, body)).await, status);
    }
    assert!(!read.load(Ordering::SeqCst));
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
struct Stalled;

impl AsyncRead for Stalled {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[handler]
fn echo_bytes(body: Vec<u8>) -> Vec<u8> {
    body
}

#[tokio::test]
async fn the_form_of_a_csrf_token_is_read_only_for_whoever_may_enter() {
    let (auth, cookie, form) = with_csrf_tokens();
    let app = Route::new().at("/form", post(echo_bytes).with(require_user(&auth)));
    let sent = |cookie: &str, content_type: &str, body: Body| {
        let builder = request("/form").method(Method::POST).header("cookie", cookie);
        app.get_response(as_served(builder.header("content-type", content_type), body))
    };
    // Not a byte of nobody's, and none of another type.
    let read = Arc::new(AtomicBool::new(false));
    let breaking = || Body::from_async_read(Breaking(Arc::clone(&read)));
    is_refusal(&sent("", FORM, breaking()).await, 401);
    is_refusal(&sent(&cookie, "text/plain", breaking()).await, 403);
    assert!(!read.load(Ordering::SeqCst));
    // In pieces, and the handler gets the whole.
    let (start, end) = form.split_at(20);
    let pieces = Body::from_async_read(tokio::io::AsyncReadExt::chain(
        io::Cursor::new(start.to_owned()),
        io::Cursor::new(end.to_owned()),
    ));
    let response = sent(&cookie, FORM, pieces).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().into_string().await.unwrap(), form);
    is_refusal(&sent(&cookie, FORM, breaking()).await, 400);
    let long = format!("{form}{}", "x".repeat(MAX_BODY_BYTES));
    is_refusal(&sent(&cookie, FORM, Body::from_async_read(io::Cursor::new(long))).await, 413);
    is_refusal(&sent(&cookie, FORM, Body::from_async_read(Stalled)).await, 408);
}

#[tokio::test]
async fn endpoints_read_bodies_up_to_the_limit() {
    let app = auth_routes(&auth());
    let login = |body: Body| {
        let builder = request("/login").method(Method::POST).header("content-type", "application/json");
        app.get_response(as_served(builder, body))
    };
    let sized = |len: usize| {
        let json = r#"{"username":"alice","password":"s3cret"}"#;
        Body::from_string(format!("{json:len$}"))
    };
    assert_eq!(login(sized(MAX_BODY_BYTES)).await.status(), StatusCode::OK);
    is_refusal(&login(sized(MAX_BODY_BYTES + 1)).await, 413);
    let broken = Body::from_async_read(Breaking(Arc::default()));
    is_refusal(&login(broken).await, 400);
}

#[tokio::test]
async fn endpoints_answer_other_methods_themselves() {
    let app = auth_routes(&auth()).at("/open", get(make_sync(|_| "open")));
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "BREW"] {
        let response = send(&app, request("/login").method(method)).await;
        is_refusal(&response, 405);
        assert_eq!(response.header("allow"), Some("POST"));
    }
    assert_eq!(text(send(&app, request("/open")).await).await, "open");
    let mounted = Route::new().nest("/auth", app);
    is_refusal(&send(&mounted, request("/auth/logout").method(Method::POST)).await, 401);
}

#[tokio::test]
async fn without_a_provider_an_extractor_is_500_and_never_a_pass() {
    let alice = bearer(&auth(), "alice");
    let app = Route::new().at("/me", get(greet)).at("/maybe", get(greet_maybe));
    for target in ["/me", "/maybe"] {
        is_refusal(&send(&app, request(target)).await, 500);
        is_refusal(&get_as(&app, target, &alice).await, 500);
    }
}

#[tokio::test]
async fn the_provider_of_the_guard_serves_where_the_application_has_none() {
    let auth = auth();
    let app = get(greet).with(require_user(&auth));
    assert_eq!(text(get_as(&app, "/", &bearer(&auth, "alice")).await).await, "Hello alice");
}

#[tokio::test]
async fn a_user_is_loaded_once_for_guards_and_extractors() {
    let users = Users::new();
    let auth = fauth_testing::provider_with(fauth_testing::config(), &users).build().unwrap();
    let app =
        SecureRoute::new(&auth).at("/", get(greet).with(require_roles(&auth, ["admin"]))).data(auth.clone());
    assert_eq!(text(get_as(&app, "/", &bearer(&auth, "alice")).await).await, "Hello alice");
    assert_eq!(users.user_loads(), 1);
}

#[tokio::test]
async fn a_token_needs_a_guard_and_an_extractor_is_none() {
    let auth = auth();
    let bare = get(user_then_token).data(auth.clone());
    let guarded = get(user_then_token).with(require_user(&auth));
    let alice = bearer(&auth, "alice");
    is_refusal(&get_as(&bare, "/", &alice).await, 500);
    assert_eq!(text(get_as(&guarded, "/", &alice).await).await, "alice");
}

/// What poem does with `Option`, and why `MaybeUser` exists.
#[tokio::test]
async fn an_option_swallows_a_bad_token_and_maybe_user_does_not() {
    let auth = auth();
    let app = Route::new().at("/option", get(greet_option)).at("/maybe", get(greet_maybe)).data(auth.clone());
    let forged = "Bearer not.a.token";
    assert_eq!(text(get_as(&app, "/option", forged).await).await, "Hello nobody");
    is_refusal(&get_as(&app, "/maybe", forged).await, 401);
    assert_eq!(text(send(&app, request("/maybe")).await).await, "Hello nobody");
    assert_eq!(text(get_as(&app, "/maybe", &bearer(&auth, "alice")).await).await, "Hello alice");
}

#[tokio::test]
async fn what_others_put_into_the_extensions_is_nobody() {
    let auth = auth();
    let alice = Users::new().find("alice");
    let app = Route::new()
        .at("/me", get(greet))
        .at("/guard", get(greet).with(require_user(&auth)))
        .with(AddData::new(alice.clone()))
        .with(AddData::new(CurrentUser(Arc::new(alice.clone()))))
        .with(AddData::new(MaybeUser(Some(Arc::new(alice)))))
        .data(auth);
    for target in ["/me", "/guard"] {
        is_refusal(&send(&app, request(target)).await, 401);
    }
}

#[tokio::test]
async fn errors_inside_a_guard_stay_errors() {
    let auth = auth();
    let app = Route::new()
        .nest("/group", SecureRoute::new(&auth))
        .catch_error(|_: NotFoundError| async { "a page of the application's own" });
    is_refusal(&send(&app, request("/group/x")).await, 401);
    let response = get_as(&app, "/group/x", &bearer(&auth, "alice")).await;
    assert_eq!(text(response).await, "a page of the application's own");
}

#[tokio::test]
async fn headers_of_a_grant_reach_responses_and_errors() {
    let auth = fauth_testing::provider().danger_query_token("token").build().unwrap();
    let app = Route::new().nest("/group", SecureRoute::new(&auth).at("/dashboard", get(greet)));
    let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    for (path, status) in [("/group/dashboard", 200), ("/group/unknown", 404)] {
        let target = format!("{path}?token={}", token.expose());
        let response = send(&app, request(&target)).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn an_application_can_catch_what_an_extractor_refuses() {
    let app = get(greet)
        .data(auth())
        .catch_error(|refused: Refused| async move { (StatusCode::IM_A_TEAPOT, refused.rejection().code()) });
    let response = send(&app, request("/")).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(response).await, "missing_credential");
}

/// What the suite and these tests take for granted about poem's server.
#[tokio::test(flavor = "multi_thread")]
async fn served_requests_know_their_path_and_answers_to_head_have_no_body() {
    let auth = auth();
    let app = Route::new()
        .at("/me", get(greet))
        .nest("/group", SecureRoute::new(&auth).at("/dashboard", get(greet)))
        .data(auth);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    let server = tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
    let exchange = async |line: &'static str| {
        let exchange = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "{line} HTTP/1.1\r\nhost: app.example\r\nconnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    };
    for target in ["/me", "/group/dashboard"] {
        let get = exchange(format!("GET {target}").leak()).await;
        assert!(get.starts_with("HTTP/1.1 401 ") && get.contains("missing_credential"), "{get}");
        let head = exchange(format!("HEAD {target}").leak()).await;
        assert!(head.starts_with("HTTP/1.1 401 ") && head.ends_with("\r\n\r\n"), "{head}");
    }
    let ambiguous = exchange("GET /group//dashboard").await;
    assert!(ambiguous.contains("ambiguous_path"), "{ambiguous}");
    server.abort();
}

/// It is answered in the configured time, and takes its connection with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_on_the_wire_is_408() {
    let auth: Auth = fauth_testing::provider().body_timeout(Duration::from_millis(50)).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    let server = tokio::spawn(Server::new_with_acceptor(acceptor).run(auth_routes(&auth)));
    let talk = move |path: &'static str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for path in ["/login", "/refresh", "/logout", "/logout/all"] {
        let answer = tokio::task::spawn_blocking(move || talk(path)).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"error\":\"body_timeout\""),
            "{answer}"
        );
    }
    server.abort();
}

#[test]
fn the_head_reports_what_was_received() {
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let (parts, ()) = request("https://app.example/a/%62?x=%20")
        .method("PATCH")
        .header("x-twice", "one")
        .header("x-twice", b"tw\xf6".as_slice())
        .body(())
        .unwrap()
        .into_parts();
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let parts = RequestParts::from((parts, LocalAddr::default(), remote, Scheme::HTTPS));
    let mut request = Request::from_parts(parts, Body::empty());
    *request.uri_mut() = "/stripped".parse().unwrap();
    let head = Head::from(&request);
    assert_eq!((head.method(), head.path(), head.query()), ("PATCH", "/a/%62", Some("x=%20")));
    assert_eq!(head.header("x-twice").iter().collect::<Vec<_>>(), [&b"one"[..], b"tw\xf6"]);
    assert_eq!(head.header("host").single(), Some(&b"app.example"[..]));
    assert_eq!(head.peer(), Some(peer));
    assert!(head.is_secure());

    request.headers_mut().insert("host", "other.example".parse().unwrap());
    assert_eq!(Head::from(&request).header("host").single(), Some(&b"other.example"[..]));
    let plain = as_served(poem::http::Request::builder(), Body::empty());
    assert_eq!(Head::from(&plain).peer(), None);
    assert!(!Head::from(&plain).is_secure());
}

// --- Refusals that handlers return

/// Each error of a provider's methods can be returned with `?`.
#[handler]
async fn every_error(auth: Data<&Auth>, which: Path<String>) -> Result<String, Refused> {
    match which.as_str() {
        // It was built without a store for them.
        "rejection" => drop(auth.api_keys("bob").await?),
        "password" => drop(auth.hash_password("").await?),
        "issue" => drop(auth.issue(Purpose::Access, "").await?),
        "token" => drop(auth.verify_signature_and_claims("nonsense", Purpose::Access)?),
        _ => Err(ApiKeyError::InvalidName)?,
    }
    Ok(which.0)
}

#[handler]
fn refuse() -> Result<String, Refused> {
    Err(Rejection::NotFound)?
}

#[handler]
fn refuse_by_response() -> Response {
    Refused::from(Rejection::NotFound).as_response()
}

#[tokio::test]
async fn handlers_return_every_error_of_the_provider() {
    let app = Route::new().at("/errors/:which", get(every_error)).data(auth());
    for (which, status) in
        [("rejection", 500), ("password", 422), ("issue", 500), ("token", 401), ("key", 422)]
    {
        is_refusal(&send(&app, request(&format!("/errors/{which}"))).await, status);
    }
}

/// Outside a guard a refusal is an error, for the application's `catch_error`; a guard makes it the
/// response that its own refusals are. What a middleware inside has added to a response stays.
#[tokio::test]
async fn a_refusal_of_a_handler_is_an_error_until_a_guard_renders_it() {
    let auth = auth();
    let caught = |endpoint| {
        Route::new().at("/", endpoint).catch_error(async |refused: Refused| {
            Response::builder().status(StatusCode::IM_A_TEAPOT).body(refused.rejection().code())
        })
    };
    let open = caught(get(refuse).boxed());
    assert_eq!(send(&open, request("/")).await.status(), 418);
    let guarded = caught(get(refuse).with(require_user(&auth)).boxed());
    is_refusal(&get_as(&guarded, "/", &bearer(&auth, "bob")).await, 404);

    let inside = SetHeader::new().overriding("x-inside", "1").overriding("content-language", "en");
    let group = SecureRoute::new(&auth).at("/", get(refuse_by_response)).with_inside(inside);
    let response = get_as(&Route::new().nest("/group", group), "/group", &bearer(&auth, "bob")).await;
    is_refusal(&response, 404);
    assert_eq!((response.header("x-inside"), response.header("content-language")), (Some("1"), None));
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

#[handler]
fn customer(_: CurrentUser<Customer>) -> &'static str {
    "customer"
}

#[handler]
fn show_token(Token(token): Token) -> String {
    token.subject().to_owned()
}

/// What the one record says of this request, which was refused with 500.
#[track_caller]
fn told(response: &Response, target: &str) -> (String, String) {
    is_refusal(response, 500);
    let records = Log::of_process().with(target);
    assert_eq!(records.len(), 1, "{records:?}");
    let field = |name: &str| records.first().and_then(|record| record.field(name)).unwrap().to_owned();
    (field("event"), field("message"))
}

#[tokio::test]
async fn whatever_is_missing_has_a_message_of_its_own() {
    let _ = Log::of_process();
    let auth = auth();
    let app = Route::new()
        .at("/log-no-provider", get(greet))
        .at("/log-no-guard", get(show_token))
        .at("/log-wrong-guard", get(customer).with(require_user(&auth)))
        .at("/log-wrong-data", get(customer).data(auth.clone()));
    let (event, message) = told(&send(&app, request("/log-no-provider")).await, "/log-no-provider");
    assert_eq!(event, "missing_provider");
    assert!(message.contains("no `AuthProvider<fauth_testing::users::TestUser>`"), "{message}");
    assert!(message.contains("`.data(auth.clone())` on the application"), "{message}");

    let (event, message) = told(&send(&app, request("/log-no-guard")).await, "/log-no-guard");
    assert_eq!(event, "missing_guard");
    assert!(message.contains("`get(handler).with(require_user(&auth))`"), "{message}");

    let bob = bearer(&auth, "bob");
    let (event, message) = told(&get_as(&app, "/log-wrong-guard", &bob).await, "/log-wrong-guard");
    assert_eq!(event, "provider_of_other_users");
    assert!(message.contains("asks for users of type `framework::Customer`"), "{message}");
    assert!(message.contains("let the handler take `fauth_testing::users::TestUser`"), "{message}");

    let (event, message) = told(&get_as(&app, "/log-wrong-data", &bob).await, "/log-wrong-data");
    assert_eq!(event, "provider_of_other_users");
    assert!(message.contains("only providers of `fauth_testing::users::TestUser`"), "{message}");
}

/// Both have the same type of users, so that nothing but the log can tell.
#[tokio::test]
async fn a_guard_of_another_provider_is_named() {
    let log = Log::of_process();
    let auth = auth();
    let secret = "another-secret-0123456789-abcdefghij-9f2c4a7b";
    let config = AuthConfig::builder().secret(secret).build().unwrap();
    let other = fauth_testing::provider_with(config, &Users::new()).build().unwrap();
    let app = Route::new().at("/log-other-guard", get(greet).with(require_user(&auth))).data(other);
    is_refusal(&get_as(&app, "/log-other-guard", &bearer(&auth, "bob")).await, 401);
    let records = log.with("guard_of_another_provider");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].field("path"), Some("/log-other-guard"));
}

/// A handler that swallows is told of once in the process; one that is refused is not.
#[tokio::test]
async fn a_swallowed_refusal_is_told() {
    let log = Log::of_process();
    let app =
        Route::new().at("/log-swallowed", get(greet_option)).at("/log-refused", get(greet)).data(auth());
    is_refusal(&get_as(&app, "/log-refused", "Bearer bad").await, 401);
    assert_eq!(text(send(&app, request("/log-swallowed")).await).await, "Hello nobody");
    let told = || log.with("refusal_swallowed");
    // Another test of this process may have swallowed one.
    assert!(told().iter().all(|record| !record.field("path").unwrap().starts_with("/log-")));
    for _ in 0..2 {
        assert_eq!(text(get_as(&app, "/log-swallowed", "Bearer bad").await).await, "Hello nobody");
    }
    assert_eq!(told().len(), 1, "{:?}", told());
    assert!(told()[0].field("message").unwrap().contains("take `MaybeUser`"));
}

// --- Requests that no server has received

/// poem's `TestClient` makes its requests with `Request::builder`, which knows no original URI.
#[tokio::test]
async fn sessions_by_id_work_in_tests_without_a_server() {
    let auth = auth();
    let alice = auth.login("alice").await.unwrap();
    let alice = format!("Bearer {}", alice.access_token().expose());
    for (prefix, app) in [("", auth_routes(&auth)), ("/api", Route::new().nest("/api", auth_routes(&auth)))] {
        auth.login("alice").await.unwrap();
        let sent = async |method, target: &str| {
            let uri = format!("{prefix}{target}").parse().unwrap();
            let request = Request::builder().method(method).uri(uri).header("authorization", &alice).finish();
            app.get_response(request).await
        };
        let sessions = text(sent(Method::GET, "/sessions").await).await;
        let other = sessions.split('{').find(|entry| entry.contains("\"current\":false")).unwrap();
        let other = other.split('"').nth(3).unwrap();
        assert_eq!(sent(Method::DELETE, &format!("/sessions/{other}")).await.status(), 200, "{sessions}");
        assert_eq!(sent(Method::DELETE, &format!("/sessions/{other}")).await.status(), 404);
        // The path counts for guards too.
        let group = Route::new().nest("/group", SecureRoute::new(&auth).at("/x", get(greet)));
        let twice = Request::builder().uri("/group//x".parse().unwrap()).header("authorization", &alice);
        assert_eq!(group.get_response(twice.finish()).await.status(), 400);
    }
}

fn other_auth() -> Auth {
    let secret = "another-secret-0123456789-abcdefghij-9f2c4a7b";
    let config = AuthConfig::builder().secret(secret).build().unwrap();
    fauth_testing::provider_with(config, &Users::new()).build().unwrap()
}

#[tokio::test]
async fn an_application_follows_a_switch_without_a_restart() {
    let (auth, other, switch) = (auth(), other_auth(), AuthSwitch::new().unwrap());
    let facade = switch.provider();
    let app = auth_routes(facade)
        .at("/guarded", get(greet).with(require_user(facade)))
        .at("/me", get(greet))
        .nest("/group", SecureRoute::new(facade).at("/me", get(greet)))
        .data(facade.clone());
    let login = async || {
        let body = "{\"username\":\"alice\",\"password\":\"wrong\"}";
        let post = request("/login").method(Method::POST).header("content-type", "application/json");
        app.get_response(as_served(post, Body::from(body))).await.status()
    };
    let paths = ["/guarded", "/me", "/group/me"];
    for path in paths {
        assert_eq!(get_as(&app, path, &bearer(&auth, "alice")).await.status(), 503, "{path}");
    }
    assert_eq!(login().await, 503);
    for (set, unset) in [(&auth, &other), (&other, &auth)] {
        switch.set(set.clone());
        for path in paths {
            assert_eq!(get_as(&app, path, &bearer(set, "alice")).await.status(), 200, "{path}");
            assert_eq!(get_as(&app, path, &bearer(unset, "alice")).await.status(), 401, "{path}");
        }
        assert_eq!(login().await, 401);
    }
}

#[tokio::test]
async fn a_request_keeps_the_provider_with_which_it_began() {
    let (auth, other, switch) = (auth(), other_auth(), AuthSwitch::new().unwrap());
    switch.set(auth.clone());
    let (replacing, replacement) = (switch.clone(), other.clone());
    let facade = switch.provider();
    let inner = get(greet).with(require_roles(facade, ["admin"])).before(move |request| {
        replacing.set(replacement.clone());
        std::future::ready(Ok(request))
    });
    let app = Route::new().at("/replace", inner.with(require_user(facade))).data(facade.clone());
    // The guard further in and the extractor ask who asked before.
    let alice = |auth: &Auth| bearer(auth, "alice");
    assert_eq!(get_as(&app, "/replace", &alice(&auth)).await.status(), 200);
    assert_eq!(get_as(&app, "/replace", &alice(&auth)).await.status(), 401);
    assert_eq!(get_as(&app, "/replace", &alice(&other)).await.status(), 200);
}
