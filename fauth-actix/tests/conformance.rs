//! The conformance suite on actix-web.
#![expect(clippy::unwrap_used, reason = "a harness that fails is meant to panic")]

use std::{future::ready, sync::Arc};

use actix_web::{
    App as ActixApp, Error, HttpMessage as _, HttpRequest, HttpResponse, Resource,
    body::MessageBody,
    dev::{HttpServiceFactory, Service, ServiceRequest, ServiceResponse, fn_service},
    http::{Method, header::ContentType},
    middleware::{Next, from_fn},
    rt::System,
    test::{TestRequest, call_service, init_service, read_body},
    web::{self, Bytes, Data, ServiceConfig, get, head, post, resource, scope},
};
use fauth_actix::{
    AuthRoutes, CsrfToken, CurrentSession, CurrentUser, Grant, Head, MaybeUser, Refused, SecureScope, Token,
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

async fn template(request: HttpRequest) -> String {
    let extensions = request.extensions();
    let visitor = extensions.get::<Visitor<TestUser>>();
    visitor.map_or_else(|| "no visitor".to_owned(), |visitor| visitor_text(visitor))
}

fn shows_visitor(path: &str) -> Resource {
    resource(path).route(get().to(show_visitor)).route(post().to(show_visitor))
}

async fn refuse(request: HttpRequest) -> Result<String, Refused> {
    Ok(refusal(request.uri().query())?)
}

async fn change(mut session: CurrentSession<TestUser>, request: HttpRequest) -> Result<String, Refused> {
    Ok(session_reply(&mut session, request.uri().query()).await?)
}

async fn show_csrf(token: CsrfToken<TestUser>) -> String {
    csrf_text(&token)
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn browser(auth: Data<Auth>, request: HttpRequest) -> HttpResponse {
    let reply = browser_reply(&auth, &Head::from(&request)).await;
    respond(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &Head::from(&request))))
}

async fn session_page(
    auth: Data<Auth>,
    Visitor(visitor): Visitor<TestUser>,
    CurrentSession(session): CurrentSession<TestUser>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let reply = session_page_reply(&auth, &Head::from(&request), visitor, session, &body);
    Ok(respond(reply.await?))
}

/// The pages of a small application.
fn session(auth: &Auth) -> impl HttpServiceFactory + use<> {
    let page = |path: &str| resource(path).route(get().to(session_page)).route(post().to(session_page));
    let guests = guests_only(auth).home("/session/dashboard").pages(small_site_pages());
    scope("/session")
        .service(page("/sign-in").wrap(guests))
        .service(page("/dashboard").wrap(require_user(auth).pages(small_site_pages())))
        .service(page("/sign-out").wrap(require_user(auth).pages(small_site_pages())))
        .service(page("/admin").wrap(require_role(auth, "admin").pages(small_site_pages())))
        .service(page("/about").wrap(visitor(auth).pages(small_site_pages())))
        .service(page("/notes").wrap(require_permission(auth, "write")))
}

fn changes(path: &str) -> Resource {
    resource(path).route(get().to(change)).route(post().to(change))
}

fn browsers(path: &str) -> Resource {
    resource(path).route(get().to(browser)).route(post().to(browser))
}

/// A page with a form.
fn forms(path: &str) -> Resource {
    resource(path).route(get().to(show_csrf)).route(head().to(show_csrf)).route(post().to(echo))
}

fn refuses(path: &str) -> Resource {
    resource(path).route(get().to(refuse))
}

async fn forge(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let forged = fauth_testing::Users::new().find("alice");
    request.extensions_mut().insert(forged.clone());
    request.extensions_mut().insert(Arc::new(forged));
    next.call(request).await
}

/// A resource and not a route: only resources answer a wrong method with 405, and are guarded
/// against it too.
fn greets(path: &str) -> Resource {
    resource(path).route(get().to(greet))
}

fn shows_token(path: &str) -> Resource {
    resource(path).route(get().to(show_token))
}

async fn public() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .insert_header(("cache-control", PUBLIC))
        .body("public")
}

async fn own(auth: Data<Auth>, request: HttpRequest) -> HttpResponse {
    let reply = own_reply(&auth, &Head::from(&request)).await;
    respond(reply.unwrap_or_else(|rejection| auth.refuse_in_handler(&rejection, &Head::from(&request))))
}

/// Demands that are added one after the other.
fn added(auth: &Auth) -> SecureScope<TestUser> {
    SecureScope::new("/added", auth)
        .require_any_role(["user", "auditor"])
        .require_permissions(["read"])
        .require_scopes(["read"])
        .renderer(DetailJson::new())
        .require_roles(["admin"])
}

fn raw() -> impl HttpServiceFactory {
    web::service("/mounted/{tail}*").finish(fn_service(async |request: ServiceRequest| {
        Ok::<_, Error>(
            request.into_response(HttpResponse::Ok().content_type(ContentType::plaintext()).body("raw")),
        )
    }))
}

/// Some of the ready-made endpoints, under other paths.
fn moved_endpoints(auth: &Auth) -> AuthRoutes<TestUser> {
    AuthRoutes::new(auth)
        .only([Endpoint::Login, Endpoint::Logout, Endpoint::LogoutAll, Endpoint::Session])
        .without(Endpoint::LogoutAll)
        .at(Endpoint::Login, "/signin")
        .at(Endpoint::Session, "/devices/{sid}")
        .page(Endpoint::Login, async || "page")
        .page(Endpoint::Session, async || "page")
}

/// Refusals for browsers, and pages for guests and visitors.
fn pages(App { auth, other, .. }: &App) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let sign_in = |path: &str| resource(path).route(get().to(async || "sign in"));
    let pages = scope("/pages")
        .service(greets("/dashboard").route(post().to(greet)).wrap(require_user(auth).pages("/signin")))
        .service(greets("/admin").wrap(require_role(auth, "admin").pages("/signin")))
        .service(greets("/own-admin").wrap(require_role(auth, "admin").pages(site_pages())))
        .service(greets("/unauthorized").wrap(require_user(auth).pages(site_pages())))
        .service(greets("/locked").wrap(require_role(auth, "admin").pages(locked_pages())))
        .service(greets("/recent").wrap(require(auth, recent_requirement()).pages(site_pages())))
        .service(greets("/confirm").wrap(require(auth, recent_requirement()).pages(site_pages())))
        .service(greets("/recent-plain").wrap(require(auth, recent_requirement()).pages("/signin")))
        .service(
            greets("/action")
                .route(post().to(greet))
                .wrap(require_role(auth, "admin").renderer(ProblemJson::new())),
        )
        .service(greets("/signin").route(post().to(greet)).wrap(require_user(auth).pages("/pages/signin")))
        .service(greets("/broken").wrap(require_user(auth).pages("https://evil.example/signin")))
        .service(greets("/failing").wrap(require_role(auth, "admin").pages(failing_pages())))
        .service(
            greets("/caspian")
                .route(post().to(greet))
                .wrap(require_role(auth, "admin").renderer(CaspianRpc::new())),
        )
        .service(
            greets("/fastpluggy")
                .route(post().to(greet))
                .wrap(require_role(auth, "admin").renderer(FastPluggyJson::new())),
        )
        .service(
            greets("/fastware")
                .route(post().to(greet))
                .wrap(require_role(auth, "admin").renderer(FastwareJson::new())),
        )
        .service(refuses("/refuse").wrap(require_user(auth).pages("/signin")));
    let site = SecureScope::new("/site", auth).pages("/signin").service(greets("/panel"));
    let guests = scope("/guests")
        .service(
            sign_in("/signin")
                .route(post().to(async || "sign in"))
                .wrap(guests_only(auth).home("/dashboard")),
        )
        .service(sign_in("/default").wrap(guests_only(auth)))
        .service(sign_in("/home").wrap(guests_only(auth).home("/guests/home")))
        .service(sign_in("/broken").wrap(guests_only(auth).home("//evil.example")))
        .service(sign_in("/other").wrap(guests_only(other)));
    move |config| {
        config
            .service(pages)
            .service(site)
            .service(guests)
            .service(resource("/visitor").route(get().to(show_visitor)))
            .service(resource("/template").route(get().to(template)));
    }
}

/// What is limited.
fn limited(auth: &Auth) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let open = |path: &str| resource(path).route(get().to(async || "open")).route(head().to(async || "open"));
    let group = SecureScope::new("/limited", auth)
        .limit(Limit::per_user("2/minute"))
        .limit("3/minute")
        .service(greets("/panel"));
    let sign_in = AuthRoutes::new(auth)
        .only([Endpoint::Login])
        .at(Endpoint::Login, "/signin")
        .page(Endpoint::Login, async || "page")
        .limit(Endpoint::Login, "2/minute");
    let limits = scope("/limits")
        .service(sign_in)
        .service(open("/open").route(post().to(async || "open")).wrap(limit(auth, "2/minute")))
        .service(open("/windows").wrap(limit(auth, "2/10 seconds, 3/minute")))
        .service(open("/tenant").wrap(limit(auth, tenant_limit())))
        .service(open("/two").wrap(limit(auth, "2/minute").and(tenant_limit())))
        .service(open("/shared").wrap(limit(auth, shared_limit())))
        .service(open("/shared-too").wrap(limit(auth, shared_limit())))
        .service(open("/broken").wrap(limit(auth, "0/minute")))
        .service(open("/fastware").wrap(limit(auth, "1/minute").renderer(FastwareJson::new())))
        .service(greets("/me").wrap(limit(auth, "2/minute")))
        .service(greets("/address").wrap(require_user(auth).limit("2/minute")))
        .service(greets("/user").wrap(require_user(auth).limit(Limit::per_user("2/minute"))))
        .service(
            greets("/user-inside").wrap(limit(auth, Limit::per_user("2/minute"))).wrap(require_user(auth)),
        )
        .service(greets("/key").wrap(require(auth, keys_requirement()).limit(Limit::per_api_key("1/minute"))))
        .service(greets("/python").wrap(require_user(auth).limit("1/minute").renderer(DetailJson::new())));
    move |config| {
        config.service(limits).service(group);
    }
}

#[expect(clippy::too_many_lines, reason = "a line for each route of the suite")]
fn app(built_from: &App) -> impl FnOnce(&mut ServiceConfig) {
    let App { auth, other, .. } = built_from;
    let (pages, limited) = (pages(built_from), limited(auth));
    let group = SecureScope::new("/group", auth)
        .service(greets("/dashboard"))
        .service(resource("/echo").route(post().to(greet)))
        .service(scope("/nested").service(greets("/leaf")))
        .configure(|config| {
            config.service(greets("/merged"));
        })
        .service(raw())
        .service(greets("/admin").wrap(require_roles(auth, ["admin"])))
        .service(resource("/public").route(get().to(public)))
        .route("/late", get().to(greet));
    let keys_and_admins = Requirement::user().roles(["admin"]).scopes(["read"]);
    let guards = scope("/guards")
        .service(greets("/user").wrap(require_user(auth)))
        .service(greets("/active").wrap(require_active_user(auth)))
        .service(greets("/roles").wrap(require_roles(auth, ["admin", "user"])))
        .service(greets("/vector").wrap(require_roles(auth, vec!["admin".to_owned(), "user".to_owned()])))
        .service(greets("/no-roles").wrap(require_roles(auth, Vec::<String>::new())))
        .service(greets("/role").wrap(require_role(auth, Role::Admin)))
        .service(greets("/permission").wrap(require_permission(auth, "write")))
        .service(greets("/scope").wrap(require_scope(auth, "read")))
        .service(refuses("/refuse").wrap(require_user(auth)))
        .service(refuses("/refuse-python").wrap(require_user(auth).renderer(DetailJson::new())))
        .service(
            refuses("/refuse-twice")
                .wrap(require_user(auth).renderer(DetailJson::new()))
                .wrap(require_user(auth)),
        )
        .service(greets("/any-role").wrap(require_any_role(auth, [Role::Admin, Role::Auditor])))
        .service(greets("/permissions").wrap(require_permissions(auth, ["read", "write"])))
        .service(greets("/scopes").wrap(require_scopes(auth, ["read", "write"])))
        .service(greets("/custom").wrap(require(auth, custom_requirement())))
        .service(greets("/inactive").wrap(require(auth, Requirement::user().danger_allow_inactive())))
        .service(greets("/impossible").wrap(require(auth, Requirement::user().roles([""]))))
        .service(greets("/python").wrap(require_roles(auth, ["admin"]).renderer(DetailJson::new())))
        .service(shows_token("/token").wrap(require_user(auth)))
        .service(greets("/twice").wrap(require_roles(auth, ["admin"])).wrap(require_user(auth)))
        .service(greets("/other").wrap(require_user(other)))
        .service(resource("/grant").route(get().to(greet_grant)).wrap(require_user(auth)))
        .service(greets("/keys").route(post().to(greet)).wrap(require(auth, keys_requirement())))
        .service(resource("/keys-token").route(get().to(show_token)).wrap(require(auth, keys_requirement())))
        .service(resource("/keys-maybe").route(get().to(greet_maybe)).wrap(require(auth, keys_requirement())))
        .service(greets("/keys-or-admins").wrap(require(auth, keys_or_admins())))
        .service(greets("/keys-and-admins").wrap(require(auth, keys_and_admins)))
        .service(
            greets("/keys-twice")
                .wrap(require_scopes(auth, ["read"]))
                .wrap(require(auth, keys_requirement())),
        )
        .service(greets("/keys-outside").wrap(require_user(auth)).wrap(require(auth, keys_requirement())))
        .service(greets("/keys-inside").wrap(require(auth, keys_requirement())).wrap(require_user(auth)))
        .service(greets("/recent").wrap(require(auth, recent_requirement())))
        .service(shows_token("/other-outside").wrap(require_user(auth)).wrap(require_user(other)))
        .service(shows_token("/other-inside").wrap(require_user(other)).wrap(require_user(auth)))
        .service(resource("/public").route(get().to(public)).wrap(require_user(auth)));
    let visited = resource("/maybe").route(get().to(greet_maybe)).route(post().to(greet_maybe));
    let visitors = scope("/visitors")
        .service(visited.wrap(visitor(auth)))
        .service(resource("/public").route(get().to(public)).wrap(visitor(auth)))
        .service(shows_visitor("/show").wrap(visitor(auth)))
        .service(shows_visitor("/guarded").wrap(require_user(auth)).wrap(visitor(auth)))
        .service(shows_visitor("/other").wrap(visitor(other)))
        .service(resource("/template").route(get().to(template)).wrap(visitor(auth)));
    let (auth, endpoints, moved) = (auth.clone(), auth_routes(auth), moved_endpoints(auth));
    let admins = SecureScope::new("/admins", &auth).require_roles(["admin"]).service(greets("/panel"));
    let demanding = vec![
        SecureScope::new("/all-roles", &auth).require_roles(["admin", "user"]).service(greets("/panel")),
        SecureScope::new("/one-role", &auth).require_any_role(["admin", "auditor"]).service(greets("/panel")),
        SecureScope::new("/all-permissions", &auth)
            .require_permissions(["read", "write"])
            .service(greets("/panel")),
        SecureScope::new("/all-scopes", &auth).require_scopes(["read", "write"]).service(greets("/panel")),
        added(&auth).service(greets("/panel")),
    ];
    let python = SecureScope::new("/python", &auth)
        .renderer(DetailJson::new())
        .service(greets("/panel"))
        .service(refuses("/refuse"));
    let each = SecureScope::new("/each", &auth)
        .require_role("admin")
        .require_permission("write")
        .require_scope("read")
        .service(greets("/panel"));
    let rendered = refuses("/rendered/refuse").wrap(render_refusals(&auth));
    let foreign = SecureScope::new("/foreign", other)
        .service(greets("/panel"))
        .service(resource("/token").route(get().to(show_token)));
    let empty = SecureScope::new("/empty", &auth);
    let keys = SecureScope::new("/keys", &auth).require(keys_requirement()).service(greets("/panel"));
    let scoped = SecureScope::new("/scoped", &auth).require_scopes(["read"]).service(greets("/panel"));
    let scoped_admins = SecureScope::new("/scoped-admins", &auth)
        .require_roles(["admin"])
        .require_scopes(["read"])
        .service(greets("/panel"));
    let recent = SecureScope::new("/recent", &auth).require(recent_requirement()).service(greets("/panel"));
    let browser = scope("/browser")
        .service(changes("/session"))
        .service(changes("/user/session").wrap(require_user(&auth)))
        .service(changes("/admin/session").wrap(require_roles(&auth, ["admin"])))
        .service(changes("/twice/session").wrap(require_user(&auth)).wrap(require_user(&auth)))
        .service(changes("/visitor/session").wrap(visitor(&auth)))
        .service(browsers("/own/{name}"))
        .service(browsers("/user/own/{name}").wrap(require_user(&auth)))
        .service(browsers("/visitor/own/{name}").wrap(visitor(&auth)));
    let session = session(&auth);
    let csrf = scope("/csrf")
        .service(forms("/form").wrap(require_user(&auth)))
        .service(forms("/twice").wrap(require_user(&auth)).wrap(require_user(&auth)))
        .service(forms("/admin").wrap(require_role(&auth, "admin")))
        .service(forms("/visitor").wrap(visitor(&auth)))
        .service(forms("/open"))
        .service(forms("/exempt").wrap(require_user(&auth)))
        .service(forms("/exempt/").wrap(require_user(&auth)))
        .service(forms("/exempt-not").wrap(require_user(&auth)));
    move |config| {
        config
            .app_data(Data::new(auth))
            .service(csrf)
            .service(session)
            .configure(pages)
            .configure(limited)
            .service(endpoints)
            .service(scope("/moved").service(moved))
            .service(browser)
            .route("/open", get().to(async || "open"))
            .service(greets("/me").route(post().to(greet)))
            .service(resource("/maybe").route(get().to(greet_maybe)).route(post().to(greet_maybe)))
            .service(resource("/token").route(get().to(show_token)))
            .service(resource("/grant").route(get().to(greet_grant)))
            .service(resource("/own/{name}").route(get().to(own)).route(post().to(own)))
            .service(greets("/forged").wrap(from_fn(forge)))
            .service(refuses("/refuse"))
            .service(rendered)
            .service(each)
            .service(guards)
            .service(visitors)
            .service(admins)
            .service(demanding)
            .service(python)
            .service(foreign)
            .service(empty)
            .service(keys)
            .service(scoped)
            .service(scoped_admins)
            .service(recent)
            .service(group);
    }
}

/// What lies behind path rules.
fn ruled_routes(App { auth, .. }: &App) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let text = |path: &str, text: &'static str| {
        resource(path).route(get().to(move || ready(text))).route(post().to(move || ready(text)))
    };
    let open = |path: &str| resource(path).route(get().to(async || "open")).route(head().to(async || "open"));
    let guarded = greets("/guarded").wrap(require_roles(auth, ["admin"]));
    let group = SecureScope::new("/group", auth).service(greets("/dashboard"));
    let raw = web::service("/raw/{tail}*").finish(fn_service(async |request: ServiceRequest| {
        let raw = HttpResponse::Ok().content_type(ContentType::plaintext()).body("raw");
        Ok::<_, Error>(request.into_response(raw))
    }));
    let (auth, home, opened, sign_in) =
        (Data::new(auth.clone()), open_home(), text("/open", "open"), text("/signin", "sign in"));
    let (administrator, json) = (open("/administrator"), open("/admin.json"));
    move |config| {
        config
            .app_data(auth)
            .service(home)
            .service(opened)
            .service(sign_in)
            .service(administrator)
            .service(json)
            .service(greets("/me").route(post().to(greet)))
            .service(greets("/admin"))
            .service(
                scope("/admin")
                    .service(greets("/users"))
                    .service(greets("/audit"))
                    .service(greets("/reports"))
                    .service(greets("/help")),
            )
            .service(resource("/maybe").route(get().to(greet_maybe)))
            .service(resource("/visitor").route(get().to(show_visitor)))
            .service(shows_token("/token"))
            .service(refuses("/refuse"))
            .service(resource("/assets/style.css").route(get().to(public)))
            .service(guarded)
            .service(group)
            .service(raw);
    }
}

fn open_home() -> Resource {
    resource("/").route(get().to(async || "home"))
}

struct Actix;

impl Harness for Actix {
    const HAS_EXTENDED_CONNECT: bool = false;

    fn exchange(built_from: &App, request: WireRequest) -> WireResponse {
        System::new().block_on(async {
            let method = Method::from_bytes(request.method.as_bytes()).unwrap();
            let mut builder = TestRequest::with_uri(&request.target).method(method.clone());
            for (name, value) in &request.headers {
                builder = builder.append_header((name.as_str(), value.as_slice()));
            }
            if let Some(peer) = request.peer {
                builder = builder.peer_addr(peer);
            }
            let (request, is_head) = (builder.set_payload(request.body).to_request(), method == Method::HEAD);
            let Some(Ruled { rules, placement }) = &built_from.ruled else {
                return sent(
                    init_service(ActixApp::new().configure(app(built_from))).await,
                    request,
                    is_head,
                )
                .await;
            };
            let rules = protect(&built_from.auth, rules.clone()).home("/dashboard");
            let routes = ruled_routes(built_from);
            match placement {
                Placement::Around => {
                    sent(init_service(ActixApp::new().configure(routes).wrap(rules)).await, request, is_head)
                        .await
                }
                Placement::Inside => {
                    let site = scope(placement.prefix()).configure(routes).wrap(rules);
                    sent(init_service(ActixApp::new().service(site)).await, request, is_head).await
                }
            }
        })
    }
}

async fn sent<R, B: MessageBody>(
    service: impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: R,
    is_head: bool,
) -> WireResponse {
    let response = call_service(&service, request).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = read_body(response).await;
    // The server's encoder sends no body in answer to HEAD; a service called directly hands it out.
    let body = if is_head { Vec::new() } else { body.to_vec() };
    WireResponse::new(status, headers.iter(), body)
}

fauth_testing::conformance!(Actix);
