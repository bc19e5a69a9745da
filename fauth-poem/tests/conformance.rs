//! The conformance suite on poem.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::sync::Arc;

use fauth_core::{
    AuthProvider, Requirement,
    limit::Limit,
    rejection::{CaspianRpc, DetailJson, FastPluggyJson, FastwareJson, ProblemJson},
    routes::Endpoint as Ready,
};
use fauth_poem::{
    AuthRoutes, CsrfToken, CurrentSession, CurrentUser, Grant, Head, MaybeUser, Refused, SecureRoute, Token,
    Visitor, auth_routes, guests_only, limit, protect, render_refusals, require, require_active_user,
    require_any_role, require_permission, require_permissions, require_role, require_roles, require_scope,
    require_scopes, require_user, respond, visitor,
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
use poem::{
    Addr, Body, Endpoint, EndpointExt as _, IntoResponse as _, Request, RequestParts, Response, Route,
    endpoint::make_sync,
    get, handler,
    http::uri::Scheme,
    post,
    web::{Data, LocalAddr, RemoteAddr, WithHeader},
};

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
fn greet_grant(Grant(granted): Grant<TestUser>) -> String {
    greeting(Some(granted.user()))
}

#[handler]
fn show_token(Token(token): Token) -> String {
    token_text(&token)
}

#[handler]
fn show_visitor(Visitor(visitor): Visitor<TestUser>) -> String {
    visitor_text(&visitor)
}

#[handler]
fn template(request: &Request) -> String {
    let visitor = request.extensions().get::<Visitor<TestUser>>();
    visitor.map_or_else(|| "no visitor".to_owned(), |visitor| visitor_text(visitor))
}

#[handler]
fn refuse(request: &Request) -> Result<String, Refused> {
    Ok(refusal(request.uri().query())?)
}

#[handler]
async fn change(mut session: CurrentSession<TestUser>, request: &Request) -> Result<String, Refused> {
    Ok(session_reply(&mut session, request.uri().query()).await?)
}

#[handler]
fn show_csrf(token: CsrfToken<TestUser>) -> String {
    csrf_text(&token.into_inner())
}

#[handler]
fn echo(body: Vec<u8>) -> Vec<u8> {
    body
}

#[handler]
async fn browser(auth: Data<&Auth>, request: &Request) -> Response {
    let reply = browser_reply(&auth, &Head::from(request)).await;
    respond(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &Head::from(request))))
}

#[handler]
async fn session_page(
    auth: Data<&Auth>,
    Visitor(visitor): Visitor<TestUser>,
    CurrentSession(session): CurrentSession<TestUser>,
    request: &Request,
    body: Vec<u8>,
) -> Result<Response, Refused> {
    let reply = session_page_reply(&auth, &Head::from(request), visitor, session, &body);
    Ok(respond(reply.await?))
}

/// The pages of a small application.
fn session(auth: &Auth) -> Route {
    let page = || get(session_page).post(session_page);
    let guests = guests_only(auth).home("/session/dashboard").pages(small_site_pages());
    Route::new()
        .at("/sign-in", page().with(guests))
        .at("/dashboard", page().with(require_user(auth).pages(small_site_pages())))
        .at("/sign-out", page().with(require_user(auth).pages(small_site_pages())))
        .at("/admin", page().with(require_role(auth, "admin").pages(small_site_pages())))
        .at("/about", page().with(visitor(auth).pages(small_site_pages())))
        .at("/notes", page().with(require_permission(auth, "write")))
}

#[handler]
fn public() -> WithHeader<&'static str> {
    "public".with_header("cache-control", PUBLIC)
}

#[handler]
async fn own(auth: Data<&Auth>, request: &Request) -> Response {
    let reply = own_reply(&auth, &Head::from(request)).await;
    respond(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &Head::from(request))))
}

/// Demands that are added one after the other.
fn added(auth: &AuthProvider<TestUser>) -> SecureRoute<TestUser> {
    SecureRoute::new(auth)
        .require_any_role(["user", "auditor"])
        .require_permissions(["read"])
        .require_scopes(["read"])
        .renderer(DetailJson::new())
        .require_roles(["admin"])
}

/// Some of the ready-made endpoints, under other paths.
fn moved_endpoints(auth: &AuthProvider<TestUser>) -> AuthRoutes<TestUser> {
    AuthRoutes::new(auth)
        .only([Ready::Login, Ready::Logout, Ready::LogoutAll, Ready::Session])
        .without(Ready::LogoutAll)
        .at(Ready::Login, "/signin")
        .at(Ready::Session, "/devices/{sid}")
        .page(Ready::Login, make_sync(|_| "page"))
        .page(Ready::Session, get(make_sync(|_| "page")))
}

/// Refusals for browsers, and pages for guests and visitors.
fn with_pages(route: Route, App { auth, other, .. }: &App) -> Route {
    let sign_in = || get(make_sync(|_| "sign in"));
    route
        .at("/pages/dashboard", get(greet).post(greet).with(require_user(auth).pages("/signin")))
        .at("/pages/admin", get(greet).with(require_role(auth, "admin").pages("/signin")))
        .at("/pages/own-admin", get(greet).with(require_role(auth, "admin").pages(site_pages())))
        .at("/pages/unauthorized", get(greet).with(require_user(auth).pages(site_pages())))
        .at("/pages/locked", get(greet).with(require_role(auth, "admin").pages(locked_pages())))
        .at("/pages/recent", get(greet).with(require(auth, recent_requirement()).pages(site_pages())))
        .at("/pages/confirm", get(greet).with(require(auth, recent_requirement()).pages(site_pages())))
        .at("/pages/recent-plain", get(greet).with(require(auth, recent_requirement()).pages("/signin")))
        .at(
            "/pages/action",
            get(greet).post(greet).with(require_role(auth, "admin").renderer(ProblemJson::new())),
        )
        .at("/pages/signin", get(greet).post(greet).with(require_user(auth).pages("/pages/signin")))
        .at("/pages/broken", get(greet).with(require_user(auth).pages("https://evil.example/signin")))
        .at("/pages/failing", get(greet).with(require_role(auth, "admin").pages(failing_pages())))
        .at(
            "/pages/caspian",
            get(greet).post(greet).with(require_role(auth, "admin").renderer(CaspianRpc::new())),
        )
        .at(
            "/pages/fastpluggy",
            get(greet).post(greet).with(require_role(auth, "admin").renderer(FastPluggyJson::new())),
        )
        .at(
            "/pages/fastware",
            get(greet).post(greet).with(require_role(auth, "admin").renderer(FastwareJson::new())),
        )
        .at("/pages/refuse", get(refuse).with(require_user(auth).pages("/signin")))
        .nest("/site", SecureRoute::new(auth).pages("/signin").at("/panel", get(greet)))
        .at(
            "/guests/signin",
            sign_in().post(make_sync(|_| "sign in")).with(guests_only(auth).home("/dashboard")),
        )
        .at("/guests/default", sign_in().with(guests_only(auth)))
        .at("/guests/home", sign_in().with(guests_only(auth).home("/guests/home")))
        .at("/guests/broken", sign_in().with(guests_only(auth).home("//evil.example")))
        .at("/guests/other", sign_in().with(guests_only(other)))
        .at("/visitor", get(show_visitor))
        .at("/visitors/show", get(show_visitor).post(show_visitor).with(visitor(auth)))
        .at("/visitors/guarded", get(show_visitor).with(require_user(auth)).with(visitor(auth)))
        .at("/visitors/other", get(show_visitor).with(visitor(other)))
        .at("/visitors/template", get(template).with(visitor(auth)))
        .at("/template", get(template))
}

/// What is limited.
fn with_limits(route: Route, auth: &Auth) -> Route {
    let open = || get(make_sync(|_| "open"));
    let group = SecureRoute::new(auth).limit(Limit::per_user("2/minute")).limit("3/minute");
    let sign_in = AuthRoutes::new(auth)
        .only([Ready::Login])
        .at(Ready::Login, "/signin")
        .page(Ready::Login, make_sync(|_| "page"))
        .limit(Ready::Login, "2/minute");
    let limits = Route::from(sign_in)
        .at("/open", open().post(make_sync(|_| "open")).with(limit(auth, "2/minute")))
        .at("/windows", open().with(limit(auth, "2/10 seconds, 3/minute")))
        .at("/tenant", open().with(limit(auth, tenant_limit())))
        .at("/two", open().with(limit(auth, "2/minute").and(tenant_limit())))
        .at("/shared", open().with(limit(auth, shared_limit())))
        .at("/shared-too", open().with(limit(auth, shared_limit())))
        .at("/broken", open().with(limit(auth, "0/minute")))
        .at("/fastware", open().with(limit(auth, "1/minute").renderer(FastwareJson::new())))
        .at("/me", get(greet).with(limit(auth, "2/minute")))
        .at("/address", get(greet).with(require_user(auth).limit("2/minute")))
        .at("/user", get(greet).with(require_user(auth).limit(Limit::per_user("2/minute"))))
        .at(
            "/user-inside",
            get(greet).with(limit(auth, Limit::per_user("2/minute"))).with(require_user(auth)),
        )
        .at("/key", get(greet).with(require(auth, keys_requirement()).limit(Limit::per_api_key("1/minute"))))
        .at("/python", get(greet).with(require_user(auth).limit("1/minute").renderer(DetailJson::new())));
    route.nest("/limits", limits).nest("/limited", group.at("/panel", get(greet)))
}

/// Pages with forms.
fn with_forms(route: Route, auth: &AuthProvider<TestUser>) -> Route {
    let form = || get(show_csrf).post(echo);
    route
        .at("/csrf/form", form().with(require_user(auth)))
        .at("/csrf/twice", form().with(require_user(auth)).with(require_user(auth)))
        .at("/csrf/admin", form().with(require_role(auth, "admin")))
        .at("/csrf/visitor", form().with(visitor(auth)))
        .at("/csrf/open", form())
        .at("/csrf/exempt", form().with(require_user(auth)))
        .at("/csrf/exempt/", form().with(require_user(auth)))
        .at("/csrf/exempt-not", form().with(require_user(auth)))
}

#[expect(clippy::too_many_lines, reason = "a line for each route of the suite")]
fn app(built_from: &App) -> impl Endpoint + use<> {
    let App { auth, other, .. } = built_from;
    let forged = fauth_testing::Users::new().find("alice");
    let group = SecureRoute::new(auth)
        .at("/dashboard", get(greet))
        .at("/echo", post(greet))
        .nest("/nested", Route::new().at("/leaf", get(greet)))
        .nest("/", Route::new().at("/merged", get(greet)))
        .nest("/mounted", make_sync(|_| "raw"))
        .at("/admin", get(greet).with(require_roles(auth, ["admin"])))
        .at("/public", get(public))
        .at("/late", get(greet));
    let keys_and_admins = Requirement::user().roles(["admin"]).scopes(["read"]);
    let scoped_admins = SecureRoute::new(auth).require_roles(["admin"]).require_scopes(["read"]);
    with_forms(with_limits(with_pages(auth_routes(auth), built_from), auth), auth)
        .nest("/moved", Route::from(moved_endpoints(auth)))
        .nest("/session", session(auth))
        .at("/browser/session", get(change).post(change))
        .at("/browser/user/session", get(change).post(change).with(require_user(auth)))
        .at("/browser/admin/session", get(change).post(change).with(require_roles(auth, ["admin"])))
        .at(
            "/browser/twice/session",
            get(change).post(change).with(require_user(auth)).with(require_user(auth)),
        )
        .at("/browser/visitor/session", get(change).post(change).with(visitor(auth)))
        .at("/browser/own/:name", get(browser).post(browser))
        .at("/browser/user/own/:name", get(browser).post(browser).with(require_user(auth)))
        .at("/browser/visitor/own/:name", get(browser).post(browser).with(visitor(auth)))
        .at("/open", get(make_sync(|_| "open")))
        .at("/me", get(greet).post(greet))
        .at("/maybe", get(greet_maybe).post(greet_maybe))
        .at("/token", get(show_token))
        .at("/grant", get(greet_grant))
        .at("/own/:name", get(own).post(own))
        .at("/forged", get(greet).data(forged.clone()).data(Arc::new(forged)))
        .at("/refuse", get(refuse))
        .at("/rendered/refuse", get(refuse).with(render_refusals(auth)))
        .at("/guards/refuse", get(refuse).with(require_user(auth)))
        .at("/guards/refuse-python", get(refuse).with(require_user(auth).renderer(DetailJson::new())))
        .at(
            "/guards/refuse-twice",
            get(refuse).with(require_user(auth).renderer(DetailJson::new())).with(require_user(auth)),
        )
        .at("/guards/user", get(greet).with(require_user(auth)))
        .at("/guards/active", get(greet).with(require_active_user(auth)))
        .at("/guards/roles", get(greet).with(require_roles(auth, ["admin", "user"])))
        .at(
            "/guards/vector",
            get(greet).with(require_roles(auth, vec!["admin".to_owned(), "user".to_owned()])),
        )
        .at("/guards/no-roles", get(greet).with(require_roles(auth, Vec::<String>::new())))
        .at("/guards/role", get(greet).with(require_role(auth, Role::Admin)))
        .at("/guards/permission", get(greet).with(require_permission(auth, "write")))
        .at("/guards/scope", get(greet).with(require_scope(auth, "read")))
        .at("/guards/any-role", get(greet).with(require_any_role(auth, [Role::Admin, Role::Auditor])))
        .at("/guards/permissions", get(greet).with(require_permissions(auth, ["read", "write"])))
        .at("/guards/scopes", get(greet).with(require_scopes(auth, ["read", "write"])))
        .at("/guards/custom", get(greet).with(require(auth, custom_requirement())))
        .at("/guards/inactive", get(greet).with(require(auth, Requirement::user().danger_allow_inactive())))
        .at("/guards/impossible", get(greet).with(require(auth, Requirement::user().roles([""]))))
        .at("/guards/python", get(greet).with(require_roles(auth, ["admin"]).renderer(DetailJson::new())))
        .at("/guards/token", get(show_token).with(require_user(auth)))
        .at("/guards/twice", get(greet).with(require_roles(auth, ["admin"])).with(require_user(auth)))
        .at("/guards/other", get(greet).with(require_user(other)))
        .at("/guards/grant", get(greet_grant).with(require_user(auth)))
        .at("/guards/keys", get(greet).post(greet).with(require(auth, keys_requirement())))
        .at("/guards/keys-token", get(show_token).with(require(auth, keys_requirement())))
        .at("/guards/keys-maybe", get(greet_maybe).with(require(auth, keys_requirement())))
        .at("/guards/keys-or-admins", get(greet).with(require(auth, keys_or_admins())))
        .at("/guards/keys-and-admins", get(greet).with(require(auth, keys_and_admins)))
        .at(
            "/guards/keys-twice",
            get(greet).with(require_scopes(auth, ["read"])).with(require(auth, keys_requirement())),
        )
        .at(
            "/guards/keys-outside",
            get(greet).with(require_user(auth)).with(require(auth, keys_requirement())),
        )
        .at(
            "/guards/keys-inside",
            get(greet).with(require(auth, keys_requirement())).with(require_user(auth)),
        )
        .at("/guards/recent", get(greet).with(require(auth, recent_requirement())))
        .nest("/keys", SecureRoute::new(auth).require(keys_requirement()).at("/panel", get(greet)))
        .nest("/scoped", SecureRoute::new(auth).require_scopes(["read"]).at("/panel", get(greet)))
        .nest("/scoped-admins", scoped_admins.at("/panel", get(greet)))
        .nest("/recent", SecureRoute::new(auth).require(recent_requirement()).at("/panel", get(greet)))
        .at("/guards/other-outside", get(show_token).with(require_user(auth)).with(require_user(other)))
        .at("/guards/other-inside", get(show_token).with(require_user(other)).with(require_user(auth)))
        .at("/visitors/maybe", get(greet_maybe).post(greet_maybe).with(visitor(auth)))
        .at("/visitors/public", get(public).with(visitor(auth)))
        .at("/guards/public", get(public).with(require_user(auth)))
        .nest("/admins", SecureRoute::new(auth).require_roles(["admin"]).at("/panel", get(greet)))
        .nest("/all-roles", SecureRoute::new(auth).require_roles(["admin", "user"]).at("/panel", get(greet)))
        .nest(
            "/one-role",
            SecureRoute::new(auth).require_any_role(["admin", "auditor"]).at("/panel", get(greet)),
        )
        .nest(
            "/all-permissions",
            SecureRoute::new(auth).require_permissions(["read", "write"]).at("/panel", get(greet)),
        )
        .nest(
            "/all-scopes",
            SecureRoute::new(auth).require_scopes(["read", "write"]).at("/panel", get(greet)),
        )
        .nest("/added", added(auth).at("/panel", get(greet)))
        .nest(
            "/python",
            SecureRoute::new(auth)
                .renderer(DetailJson::new())
                .at("/panel", get(greet))
                .at("/refuse", get(refuse)),
        )
        .nest(
            "/each",
            SecureRoute::new(auth)
                .require_role("admin")
                .require_permission("write")
                .require_scope("read")
                .at("/panel", get(greet)),
        )
        .nest("/foreign", SecureRoute::new(other).at("/panel", get(greet)).at("/token", get(show_token)))
        .nest("/empty", SecureRoute::new(auth))
        .nest("/group", group)
        .data(auth.clone())
}

/// The application behind path rules.
fn ruled_app(app: &App, ruled: &Ruled) -> impl Endpoint + use<> {
    let auth = &app.auth;
    let open = || get(make_sync(|_| "open"));
    let route = Route::new()
        .at("/", get(make_sync(|_| "home")))
        .at("/open", open().post(make_sync(|_| "open")))
        .at("/administrator", open())
        .at("/admin.json", open())
        .at("/signin", get(make_sync(|_| "sign in")).post(make_sync(|_| "sign in")))
        .at("/me", get(greet).post(greet))
        .at("/admin", get(greet))
        .at("/admin/users", get(greet))
        .at("/admin/audit", get(greet))
        .at("/admin/reports", get(greet))
        .at("/admin/help", get(greet))
        .at("/maybe", get(greet_maybe))
        .at("/visitor", get(show_visitor))
        .at("/token", get(show_token))
        .at("/refuse", get(refuse))
        .at("/assets/style.css", get(public))
        .at("/guarded", get(greet).with(require_roles(auth, ["admin"])))
        .nest("/raw", make_sync(|_| "raw"))
        .nest("/group", SecureRoute::new(auth).at("/dashboard", get(greet)));
    let app = route.with(protect(auth, ruled.rules.clone()).home("/dashboard"));
    let app = match ruled.placement {
        Placement::Around => app.boxed(),
        Placement::Inside => Route::new().nest(ruled.placement.prefix(), app).boxed(),
    };
    app.data(auth.clone())
}

struct Poem;

impl Harness for Poem {
    const HAS_EXTENDED_CONNECT: bool = false;

    fn exchange(built_from: &App, request: WireRequest) -> WireResponse {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut builder = poem::http::Request::builder().method(&*request.method).uri(&*request.target);
            for (name, value) in &request.headers {
                builder = builder.header(name, value.as_slice());
            }
            let (parts, ()) = builder.body(()).unwrap().into_parts();
            // As poem's server makes it: a request from poem's own builder does not know its
            // original URI.
            let remote =
                request.peer.map_or_else(RemoteAddr::default, |peer| RemoteAddr(Addr::SocketAddr(peer)));
            let parts = RequestParts::from((parts, LocalAddr::default(), remote, Scheme::HTTP));
            let is_head = request.method == "HEAD";
            let request = Request::from_parts(parts, Body::from(request.body));
            let (parts, body) = match &built_from.ruled {
                Some(ruled) => ruled_app(built_from, ruled).get_response(request).await,
                None => app(built_from).get_response(request).await,
            }
            .into_parts();
            // poem leaves the body of an error in the answer to HEAD; hyper, which is its server,
            // does not send it.
            let body = if is_head { Vec::new() } else { body.into_vec().await.unwrap() };
            WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
        })
    }
}

fauth_testing::conformance!(Poem);
