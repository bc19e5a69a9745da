//! The conformance suite on axum.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{Uri, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use fauth_axum::{
    AuthRoutes, CsrfToken, CurrentSession, CurrentUser, Grant, Head, MaybeUser, Refused, SecureRouter, Token,
    Visitor, auth_routes, guests_only, limit, protect, render_refusals, require, require_active_user,
    require_any_role, require_permission, require_permissions, require_role, require_roles, require_scope,
    require_scopes, require_user, respond, visitor,
};
use fauth_core::{
    AuthProvider, Requirement,
    limit::Limit,
    rejection::{CaspianRpc, DetailJson, FastPluggyJson, FastwareJson, ProblemJson},
    routes::Endpoint,
};
use fauth_testing::{
    Role, TestUser, WireRequest, WireResponse,
    suite::{
        App, Harness, PUBLIC, Placement, Ruled, browser_reply, csrf_text, custom_requirement, failing_pages,
        greeting, keys_or_admins, keys_requirement, locked_pages, own_reply, recent_requirement, refusal,
        session_page_reply, session_reply, shared_limit, site_pages, small_site_pages, tenant_limit,
        token_text, visitor_text,
    },
};
use tower::{ServiceExt as _, service_fn};

type Auth = AuthProvider<TestUser>;

async fn greet(CurrentUser(user): CurrentUser<TestUser>) -> String {
    greeting(Some(&user))
}

async fn greet_maybe(MaybeUser(user): MaybeUser<TestUser>) -> String {
    greeting(user.as_deref())
}

async fn greet_grant(Grant(granted): Grant<TestUser>) -> String {
    greeting(Some(granted.user()))
}

async fn show_token(Token(token): Token) -> String {
    token_text(&token)
}

async fn show_visitor(Visitor(visitor): Visitor<TestUser>) -> String {
    visitor_text(&visitor)
}

async fn template(request: Request) -> String {
    let visitor = request.extensions().get::<Visitor<TestUser>>();
    visitor.map_or_else(|| "no visitor".to_owned(), |visitor| visitor_text(visitor))
}

async fn own(State(auth): State<Auth>, parts: Parts) -> Response {
    let head = Head::from(&parts);
    respond(
        own_reply(&auth, &head).await.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &head)),
    )
}

async fn refuse(uri: Uri) -> Result<String, Refused> {
    Ok(refusal(uri.query())?)
}

async fn change(mut session: CurrentSession<TestUser>, uri: Uri) -> Result<String, Refused> {
    Ok(session_reply(&mut session, uri.query()).await?)
}

async fn show_csrf(token: CsrfToken<TestUser>) -> String {
    csrf_text(&token)
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn browser(State(auth): State<Auth>, parts: Parts) -> Response {
    let head = Head::from(&parts);
    let reply = browser_reply(&auth, &head).await;
    respond(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &head)))
}

async fn session_page(
    State(auth): State<Auth>,
    Visitor(visitor): Visitor<TestUser>,
    CurrentSession(session): CurrentSession<TestUser>,
    parts: Parts,
    body: Bytes,
) -> Result<Response, Refused> {
    let reply = session_page_reply(&auth, &Head::from(&parts), visitor, session, &body);
    Ok(respond(reply.await?))
}

async fn public() -> impl IntoResponse {
    ([("cache-control", PUBLIC)], "public")
}

/// Demands that are added one after the other.
fn added(auth: &Auth) -> SecureRouter<TestUser> {
    SecureRouter::new(auth)
        .require_any_role(["user", "auditor"])
        .require_permissions(["read"])
        .require_scopes(["read"])
        .renderer(DetailJson::new())
        .require_roles(["admin"])
}

async fn forge(mut request: Request, next: axum::middleware::Next) -> Response {
    let forged = fauth_testing::Users::new().find("alice");
    request.extensions_mut().insert(forged.clone());
    request.extensions_mut().insert(Arc::new(forged));
    next.run(request).await
}

/// Some of the ready-made endpoints, under other paths.
fn moved_endpoints(auth: &Auth) -> AuthRoutes<TestUser, Auth> {
    AuthRoutes::new(auth)
        .only([Endpoint::Login, Endpoint::Logout, Endpoint::LogoutAll, Endpoint::Session])
        .without(Endpoint::LogoutAll)
        .at(Endpoint::Login, "/signin")
        .at(Endpoint::Session, "/devices/{sid}")
        .page(Endpoint::Login, async || "page")
        .page(Endpoint::Session, async || "page")
}

/// Refusals for browsers, and pages for guests and visitors.
fn pages(App { auth, other, .. }: &App) -> Router<Auth> {
    let greet = || -> MethodRouter<Auth> { get(greet) };
    let sign_in = || -> MethodRouter<Auth> { get(async || "sign in") };
    Router::new()
        .route("/pages/dashboard", greet().post(self::greet).layer(require_user(auth).pages("/signin")))
        .route("/pages/admin", greet().layer(require_role(auth, "admin").pages("/signin")))
        .route("/pages/own-admin", greet().layer(require_role(auth, "admin").pages(site_pages())))
        .route("/pages/unauthorized", greet().layer(require_user(auth).pages(site_pages())))
        .route("/pages/locked", greet().layer(require_role(auth, "admin").pages(locked_pages())))
        .route("/pages/recent", greet().layer(require(auth, recent_requirement()).pages(site_pages())))
        .route("/pages/confirm", greet().layer(require(auth, recent_requirement()).pages(site_pages())))
        .route("/pages/recent-plain", greet().layer(require(auth, recent_requirement()).pages("/signin")))
        .route(
            "/pages/action",
            greet().post(self::greet).layer(require_role(auth, "admin").renderer(ProblemJson::new())),
        )
        .route("/pages/signin", greet().post(self::greet).layer(require_user(auth).pages("/pages/signin")))
        .route("/pages/broken", greet().layer(require_user(auth).pages("https://evil.example/signin")))
        .route("/pages/failing", greet().layer(require_role(auth, "admin").pages(failing_pages())))
        .route(
            "/pages/caspian",
            greet().post(self::greet).layer(require_role(auth, "admin").renderer(CaspianRpc::new())),
        )
        .route(
            "/pages/fastpluggy",
            greet().post(self::greet).layer(require_role(auth, "admin").renderer(FastPluggyJson::new())),
        )
        .route(
            "/pages/fastware",
            greet().post(self::greet).layer(require_role(auth, "admin").renderer(FastwareJson::new())),
        )
        .route("/pages/refuse", get(refuse).layer(require_user(auth).pages("/signin")))
        .nest_service("/site", SecureRouter::new(auth).pages("/signin").route("/panel", greet()))
        .route(
            "/guests/signin",
            sign_in().post(async || "sign in").layer(guests_only(auth).home("/dashboard")),
        )
        .route("/guests/default", sign_in().layer(guests_only(auth)))
        .route("/guests/home", sign_in().layer(guests_only(auth).home("/guests/home")))
        .route("/guests/broken", sign_in().layer(guests_only(auth).home("//evil.example")))
        .route("/guests/other", sign_in().layer(guests_only(other)))
        .route("/visitor", get(show_visitor))
        .route("/visitors/show", get(show_visitor).post(show_visitor).layer(visitor(auth)))
        .route("/visitors/guarded", get(show_visitor).layer((visitor(auth), require_user(auth))))
        .route("/visitors/other", get(show_visitor).layer(visitor(other)))
        .route("/visitors/template", get(template).layer(visitor(auth)))
        .route("/template", get(template))
}

/// What is limited.
fn limited(auth: &Auth) -> Router<Auth> {
    let open = || -> MethodRouter<Auth> { get(async || "open") };
    let greet = || -> MethodRouter<Auth> { get(greet) };
    let group = SecureRouter::new(auth).limit(Limit::per_user("2/minute")).limit("3/minute");
    let sign_in: AuthRoutes<TestUser, Auth> = AuthRoutes::new(auth)
        .only([Endpoint::Login])
        .at(Endpoint::Login, "/limits/signin")
        .page(Endpoint::Login, async || "page")
        .limit(Endpoint::Login, "2/minute");
    Router::new()
        .merge(sign_in)
        .route("/limits/open", open().post(async || "open").layer(limit(auth, "2/minute")))
        .route("/limits/windows", open().layer(limit(auth, "2/10 seconds, 3/minute")))
        .route("/limits/tenant", open().layer(limit(auth, tenant_limit())))
        .route("/limits/two", open().layer(limit(auth, "2/minute").and(tenant_limit())))
        .route("/limits/shared", open().layer(limit(auth, shared_limit())))
        .route("/limits/shared-too", open().layer(limit(auth, shared_limit())))
        .route("/limits/broken", open().layer(limit(auth, "0/minute")))
        .route("/limits/fastware", open().layer(limit(auth, "1/minute").renderer(FastwareJson::new())))
        .route("/limits/me", greet().layer(limit(auth, "2/minute")))
        .route("/limits/address", greet().layer(require_user(auth).limit("2/minute")))
        .route("/limits/user", greet().layer(require_user(auth).limit(Limit::per_user("2/minute"))))
        .route(
            "/limits/user-inside",
            greet().layer((require_user(auth), limit(auth, Limit::per_user("2/minute")))),
        )
        .route(
            "/limits/key",
            greet().layer(require(auth, keys_requirement()).limit(Limit::per_api_key("1/minute"))),
        )
        .route(
            "/limits/python",
            greet().layer(require_user(auth).limit("1/minute").renderer(DetailJson::new())),
        )
        .nest_service("/limited", group.route("/panel", greet()))
}

/// The pages of a small application.
fn session(auth: &Auth) -> Router<Auth> {
    let page = || -> MethodRouter<Auth> { get(session_page).post(session_page) };
    let guests = guests_only(auth).home("/session/dashboard").pages(small_site_pages());
    Router::new()
        .route("/sign-in", page().layer(guests))
        .route("/dashboard", page().layer(require_user(auth).pages(small_site_pages())))
        .route("/sign-out", page().layer(require_user(auth).pages(small_site_pages())))
        .route("/admin", page().layer(require_role(auth, "admin").pages(small_site_pages())))
        .route("/about", page().layer(visitor(auth).pages(small_site_pages())))
        .route("/notes", page().layer(require_permission(auth, "write")))
}

/// Pages with forms.
fn forms(auth: &Auth) -> Router<Auth> {
    let form = || -> MethodRouter<Auth> { get(show_csrf).post(echo) };
    Router::new()
        .route("/csrf/form", form().layer(require_user(auth)))
        .route("/csrf/twice", form().layer((require_user(auth), require_user(auth))))
        .route("/csrf/admin", form().layer(require_role(auth, "admin")))
        .route("/csrf/visitor", form().layer(visitor(auth)))
        .route("/csrf/open", form())
        .route("/csrf/exempt", form().layer(require_user(auth)))
        .route("/csrf/exempt/", form().layer(require_user(auth)))
        .route("/csrf/exempt-not", form().layer(require_user(auth)))
}

#[expect(clippy::too_many_lines, reason = "a line for each route of the suite")]
fn app(built_from: &App) -> Router {
    let App { auth, other, .. } = built_from;
    let greet = || -> MethodRouter<Auth> { get(greet) };
    let raw = service_fn(|_: Request| async { Ok::<_, Infallible>("raw".into_response()) });
    let group = SecureRouter::new(auth)
        .route("/dashboard", greet())
        .route("/echo", post(self::greet))
        .nest("/nested", Router::new().route("/leaf", greet()))
        .merge(Router::new().route("/merged", greet()))
        .nest_service("/mounted", raw)
        .route("/admin", greet().layer(require_roles(auth, ["admin"])))
        .route("/public", get(public))
        .route("/late", greet());
    let keys_and_admins = Requirement::user().roles(["admin"]).scopes(["read"]);
    let scoped_admins = SecureRouter::new(auth).require_roles(["admin"]).require_scopes(["read"]);
    Router::new()
        .merge(auth_routes(auth))
        .merge(pages(built_from))
        .merge(limited(auth))
        .nest("/session", session(auth))
        .merge(forms(auth))
        .nest("/moved", moved_endpoints(auth).into())
        .route("/browser/session", get(change).post(change))
        .route("/browser/user/session", get(change).post(change).layer(require_user(auth)))
        .route("/browser/admin/session", get(change).post(change).layer(require_roles(auth, ["admin"])))
        .route(
            "/browser/twice/session",
            get(change).post(change).layer((require_user(auth), require_user(auth))),
        )
        .route("/browser/visitor/session", get(change).post(change).layer(visitor(auth)))
        .route("/browser/own/{name}", get(browser).post(browser))
        .route("/browser/user/own/{name}", get(browser).post(browser).layer(require_user(auth)))
        .route("/browser/visitor/own/{name}", get(browser).post(browser).layer(visitor(auth)))
        .route("/open", get(async || "open"))
        .route("/me", greet().post(self::greet))
        .route("/maybe", get(greet_maybe).post(greet_maybe))
        .route("/token", get(show_token))
        .route("/grant", get(greet_grant))
        .route("/own/{name}", get(own).post(own))
        .route("/forged", greet().layer(axum::middleware::from_fn(forge)))
        .route("/refuse", get(refuse))
        .route("/rendered/refuse", get(refuse).layer(render_refusals(auth)))
        .route("/guards/refuse", get(refuse).layer(require_user(auth)))
        .route("/guards/refuse-python", get(refuse).layer(require_user(auth).renderer(DetailJson::new())))
        .route(
            "/guards/refuse-twice",
            get(refuse).layer((require_user(auth), require_user(auth).renderer(DetailJson::new()))),
        )
        .route("/guards/user", greet().layer(require_user(auth)))
        .route("/guards/active", greet().layer(require_active_user(auth)))
        .route("/guards/roles", greet().layer(require_roles(auth, ["admin", "user"])))
        .route(
            "/guards/vector",
            greet().layer(require_roles(auth, vec!["admin".to_owned(), "user".to_owned()])),
        )
        .route("/guards/no-roles", greet().layer(require_roles(auth, Vec::<String>::new())))
        .route("/guards/role", greet().layer(require_role(auth, Role::Admin)))
        .route("/guards/permission", greet().layer(require_permission(auth, "write")))
        .route("/guards/scope", greet().layer(require_scope(auth, "read")))
        .route("/guards/any-role", greet().layer(require_any_role(auth, [Role::Admin, Role::Auditor])))
        .route("/guards/permissions", greet().layer(require_permissions(auth, ["read", "write"])))
        .route("/guards/scopes", greet().layer(require_scopes(auth, ["read", "write"])))
        .route("/guards/custom", greet().layer(require(auth, custom_requirement())))
        .route("/guards/inactive", greet().layer(require(auth, Requirement::user().danger_allow_inactive())))
        .route("/guards/impossible", greet().layer(require(auth, Requirement::user().roles([""]))))
        .route("/guards/python", greet().layer(require_roles(auth, ["admin"]).renderer(DetailJson::new())))
        .route("/guards/token", get(show_token).layer(require_user(auth)))
        .route("/guards/twice", greet().layer((require_user(auth), require_roles(auth, ["admin"]))))
        .route("/guards/other", greet().layer(require_user(other)))
        .route("/guards/grant", get(greet_grant).layer(require_user(auth)))
        .route("/guards/keys", greet().post(self::greet).layer(require(auth, keys_requirement())))
        .route("/guards/keys-token", get(show_token).layer(require(auth, keys_requirement())))
        .route("/guards/keys-maybe", get(greet_maybe).layer(require(auth, keys_requirement())))
        .route("/guards/keys-or-admins", greet().layer(require(auth, keys_or_admins())))
        .route("/guards/keys-and-admins", greet().layer(require(auth, keys_and_admins)))
        .route(
            "/guards/keys-twice",
            greet().layer((require(auth, keys_requirement()), require_scopes(auth, ["read"]))),
        )
        .route("/guards/keys-outside", greet().layer((require(auth, keys_requirement()), require_user(auth))))
        .route("/guards/keys-inside", greet().layer((require_user(auth), require(auth, keys_requirement()))))
        .route("/guards/recent", greet().layer(require(auth, recent_requirement())))
        .nest_service("/keys", SecureRouter::new(auth).require(keys_requirement()).route("/panel", greet()))
        .nest_service("/scoped", SecureRouter::new(auth).require_scopes(["read"]).route("/panel", greet()))
        .nest_service("/scoped-admins", scoped_admins.route("/panel", greet()))
        .nest_service(
            "/recent",
            SecureRouter::new(auth).require(recent_requirement()).route("/panel", greet()),
        )
        .route("/guards/other-outside", get(show_token).layer((require_user(other), require_user(auth))))
        .route("/guards/other-inside", get(show_token).layer((require_user(auth), require_user(other))))
        .route("/visitors/maybe", get(greet_maybe).post(greet_maybe).layer(visitor(auth)))
        .route("/visitors/public", get(public).layer(visitor(auth)))
        .route("/guards/public", get(public).layer(require_user(auth)))
        .nest_service("/admins", SecureRouter::new(auth).require_roles(["admin"]).route("/panel", greet()))
        .nest_service(
            "/all-roles",
            SecureRouter::new(auth).require_roles(["admin", "user"]).route("/panel", greet()),
        )
        .nest_service(
            "/one-role",
            SecureRouter::new(auth).require_any_role(["admin", "auditor"]).route("/panel", greet()),
        )
        .nest_service(
            "/all-permissions",
            SecureRouter::new(auth).require_permissions(["read", "write"]).route("/panel", greet()),
        )
        .nest_service(
            "/all-scopes",
            SecureRouter::new(auth).require_scopes(["read", "write"]).route("/panel", greet()),
        )
        .nest_service("/added", added(auth).route("/panel", greet()))
        .nest_service(
            "/python",
            SecureRouter::new(auth)
                .renderer(DetailJson::new())
                .route("/panel", greet())
                .route("/refuse", get(refuse)),
        )
        .nest_service(
            "/each",
            SecureRouter::new(auth)
                .require_role("admin")
                .require_permission("write")
                .require_scope("read")
                .route("/panel", greet()),
        )
        .nest_service(
            "/foreign",
            SecureRouter::new(other).route("/panel", greet()).route("/token", get(show_token)),
        )
        .nest_service("/empty", SecureRouter::new(auth))
        .nest_service("/group", group)
        .with_state(auth.clone())
}

/// The application behind path rules.
fn ruled_app(app: &App, ruled: &Ruled) -> Router {
    let auth = &app.auth;
    let greet = || -> MethodRouter<Auth> { get(greet) };
    let open = || -> MethodRouter<Auth> { get(async || "open") };
    let raw = service_fn(|_: Request| async { Ok::<_, Infallible>("raw".into_response()) });
    let router = Router::new()
        .route("/", get(async || "home"))
        .route("/open", open().post(async || "open"))
        .route("/administrator", open())
        .route("/admin.json", open())
        .route("/signin", get(async || "sign in").post(async || "sign in"))
        .route("/me", greet().post(self::greet))
        .route("/admin", greet())
        .route("/admin/users", greet())
        .nest("/admin", Router::new().route("/audit", greet()).route("/reports", greet()))
        .route("/admin/help", greet())
        .route("/maybe", get(greet_maybe))
        .route("/visitor", get(show_visitor))
        .route("/token", get(show_token))
        .route("/refuse", get(refuse))
        .route("/assets/style.css", get(public))
        .route("/guarded", greet().layer(require_roles(auth, ["admin"])))
        .nest_service("/raw", raw)
        .nest_service("/group", SecureRouter::new(auth).route("/dashboard", greet()))
        .with_state(auth.clone());
    let app = protect(auth, ruled.rules.clone()).home("/dashboard").around(router);
    match ruled.placement {
        Placement::Around => Router::new().fallback_service(app),
        Placement::Inside => Router::new().nest_service(ruled.placement.prefix(), app),
    }
}

struct Axum;

impl Harness for Axum {
    const HAS_EXTENDED_CONNECT: bool = cfg!(feature = "http2");

    fn exchange(built_from: &App, request: WireRequest) -> WireResponse {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut builder = Request::builder().method(&*request.method).uri(&*request.target);
            for (name, value) in &request.headers {
                builder = builder.header(name, value.as_slice());
            }
            if let Some(peer) = request.peer {
                builder = builder.extension(ConnectInfo(peer));
            }
            // As hyper puts it there.
            #[cfg(feature = "http2")]
            if let Some(protocol) = &request.protocol {
                builder = builder.extension(hyper::ext::Protocol::from(&**protocol));
            }
            let request = builder.body(Body::from(request.body)).unwrap();
            let app = match &built_from.ruled {
                Some(ruled) => ruled_app(built_from, ruled),
                None => app(built_from),
            };
            let response = app.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
        })
    }
}

fauth_testing::conformance!(Axum);
