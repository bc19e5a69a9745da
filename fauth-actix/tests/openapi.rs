//! What the document of an application says is what its routes enforce.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]
#![expect(clippy::exhaustive_structs, reason = "utoipa makes one for each handler")]

use std::time::Duration;

use actix_web::{
    App, Error, HttpResponse,
    dev::{ServiceFactory, ServiceRequest},
    get,
    http::Method,
    put,
    test::{TestRequest, call_service, init_service, read_body},
    web::{self, Data, Path, resource},
};
use fauth_actix::{
    AuthRoutes, CurrentUser, MaybeUser, SecureScope, auth_routes, limit,
    openapi::{DescribeAuth as _, Description, UtoipaAppExt as _, routes},
    protect, require, require_permissions, require_scopes, require_user, visitor,
};
use fauth_core::{
    AuthConfig, AuthProvider, MemoryStore, Requirement, RouteRules, TokenRequest,
    api_key::ApiKeyRequest,
    rejection::DetailJson,
    reply::Reply,
    routes::Endpoint,
    transport::{BearerTransport, CookieTransport},
};
use fauth_testing::{
    TestUser, Users, WireRequest, WireResponse,
    openapi::{Caller, Visit, check_document, walk},
};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{AppExt as _, OpenApiFactory as _, UtoipaApp, scope};

type Auth = AuthProvider<TestUser>;

/// Handlers that differ by their path alone.
macro_rules! handlers {
    ($($name:ident $method:ident $path:literal),+ $(,)?) => {
        $(#[utoipa::path($method, path = $path, responses((status = OK, body = str)))]
        async fn $name(MaybeUser(user): MaybeUser<TestUser>) -> String {
            user.map_or_else(|| "nobody".into(), |user| user.name.clone())
        })+
    };
}

handlers! {
    act post "/act",
    me get "/me",
    whoami get "/whoami",
    write get "/write",
    read get "/read",
    either get "/either",
    admins_or_readers get "/admins-or-readers",
    keys get "/keys",
    recent get "/recent",
    python get "/python",
    terse get "/terse",
    outside get "/twice",
    foreign get "/foreign",
    both get "/both",
}

/// The same with the macros of actix-web.
macro_rules! services {
    ($($name:ident $method:ident $path:literal),+ $(,)?) => {
        $(#[utoipa::path(responses((status = OK, body = str)))]
        #[$method($path)]
        async fn $name(MaybeUser(user): MaybeUser<TestUser>) -> String {
            user.map_or_else(|| "nobody".into(), |user| user.name.clone())
        })+
    };
}

services! {
    root get "",
    panel get "/panel",
    change put "/panel",
    audit get "/panel",
    partner_panel get "/panel",
    partner_change put "/panel",
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Product {
    id: u64,
    #[schema(no_recursion)]
    parts: Vec<Self>,
}

/// Knows no user at all.
#[utoipa::path(responses((status = OK, body = Product), (status = NOT_FOUND)))]
#[get("/products/{id:[0-9]+}")]
async fn product(id: Path<u64>) -> HttpResponse {
    match *id {
        1 => HttpResponse::Ok().json(Product { id: 1, parts: Vec::new() }),
        _ => HttpResponse::NotFound().finish(),
    }
}

/// Says something of its own about what a guard answers too.
#[utoipa::path(get, path = "/wordy", tag = "words", responses(
    (status = OK, body = str),
    (status = UNAUTHORIZED, description = "Log in at the counter"),
    (status = FORBIDDEN, description = "Ask the boss", body = Product),
))]
async fn wordy(CurrentUser(user): CurrentUser<TestUser>) -> String {
    user.name.clone()
}

fn auth() -> Auth {
    let builder =
        fauth_testing::provider().transport(BearerTransport::new()).transport(CookieTransport::new());
    builder.api_key_store(MemoryStore::new()).build().unwrap()
}

/// A second provider, of another application, whose tokens come in cookies.
fn partners() -> Auth {
    let cookies = CookieTransport::new().names("__Host-partner", "__Host-partner-refresh").unwrap();
    let config = AuthConfig::builder()
        .application("partners")
        .secret("9c1d77a86b3f4e20a5d1c4b7e8f90a63")
        .build()
        .unwrap();
    fauth_testing::provider_with(config, &Users::new()).transport(cookies).build().unwrap()
}

fn user() -> Requirement {
    Requirement::user()
}

/// Every kind of guard.
fn every_kind<T>(app: UtoipaApp<T>, auth: &Auth, partners: &Auth) -> UtoipaApp<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    let either = user().any_role(["admin", "auditor"]).any_scope(["read", "write"]);
    let admins_or_readers_only = Requirement::any_of([user().role("admin"), user().scope("read")]);
    let recently = user().login_within(Duration::from_secs(60));
    let audits = SecureScope::new("/audit", auth).require_permissions(["write"]).documented(audit);
    let admins = SecureScope::new("/admin", auth)
        .documented(root)
        .documented(scope("/deep").service(panel).service(change))
        .documented(routes!(act))
        .documented(audits)
        .service(resource("/undocumented").route(web::get().to(async || "nobody knows")))
        .require_roles(["admin"]);
    let foreigners = SecureScope::new("/partners", partners).require_roles(["admin"]);
    let both_of_them = SecureScope::new("/both", auth)
        .documented(routes!(both))
        .documented(foreigners.documented(routes!(foreign)));
    let partner_scope = SecureScope::new("/partners", partners);
    let partner_routes =
        AuthRoutes::new(partners).at(Endpoint::Login, "/signin").without(Endpoint::LogoutAll);
    app.app_data(Data::new(auth.clone()))
        .service(product)
        .service(routes!(me).guard(require_user(auth)))
        .service(routes!(whoami).guard(visitor(auth)))
        .service(routes!(wordy).guard(require_permissions(auth, ["write"])))
        .service(routes!(write, act_on_write).guard(require_permissions(auth, ["write"])))
        .service(routes!(read).guard(require_scopes(auth, ["read"])))
        .service(routes!(self::either).guard(require(auth, either)))
        .service(routes!(admins_or_readers).guard(require(auth, admins_or_readers_only)))
        .service(routes!(keys).guard(require(auth, user().allow_api_keys())))
        .service(routes!(recent).guard(require(auth, recently)))
        .service(routes!(python).guard(require_user(auth).renderer(DetailJson::new())))
        .service(routes!(terse).guard(require_user(auth).renderer(terse_refusals)))
        .service(
            routes!(outside)
                .guard(require_permissions(auth, ["write"]))
                .guard(require_scopes(auth, ["read"])),
        )
        .service(admins)
        .service(both_of_them)
        .service(partner_scope.documented(partner_panel).documented(partner_change))
        .service(auth_routes(auth))
        .service(scope("/of-partners").service(partner_routes))
        .describe_auth(auth)
        .describe_auth(partners)
}

#[utoipa::path(post, path = "/write", responses((status = OK, body = str)))]
async fn act_on_write() -> &'static str {
    "done"
}

fn terse_refusals(rejection: &fauth_core::Rejection, _: &dyn fauth_core::request::RequestHead) -> Reply {
    Reply::new(rejection.status()).body("text/plain", "no")
}

fn to_actix(request: WireRequest) -> TestRequest {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut builder = TestRequest::with_uri(&request.target).method(method);
    for (name, value) in &request.headers {
        builder = builder.append_header((name.as_str(), value.as_slice()));
    }
    builder.set_payload(request.body)
}

async fn bearer(auth: &Auth, token: TokenRequest<'_>) -> (String, String) {
    let pair = auth.login(token).await.unwrap();
    ("authorization".to_owned(), format!("Bearer {}", pair.access_token().expose()))
}

async fn cookie(auth: &Auth, cookie: &str, name: &str) -> Vec<(String, String)> {
    let pair = auth.login(name).await.unwrap();
    let cookie = format!("{cookie}={}", pair.access_token().expose());
    vec![("cookie".to_owned(), cookie), ("sec-fetch-site".to_owned(), "same-origin".to_owned())]
}

const LOGIN: [&str; 2] = ["default-bearer", "default-login"];

fn callers() -> Vec<Caller> {
    let alice = |name, schemes: &[&str]| {
        let caller = Caller::new(name, schemes.iter().copied());
        caller.roles(["admin", "user"]).permissions(["read", "write"])
    };
    vec![
        alice("alice", &LOGIN),
        alice("alice, read", &LOGIN).scopes(["read"]),
        alice("alice by cookie", &["default-cookie"]),
        Caller::new("bob", LOGIN).roles(["user"]).permissions(["read"]),
        Caller::new("bob, read", LOGIN).roles(["user"]).permissions(["read"]).scopes(["read"]),
        Caller::new("ed", LOGIN),
        alice("key", &["default-bearer"]).scopes(["read"]).api_key(),
        alice("key as a password", &["default-basic"]).scopes(["read"]).api_key(),
        alice("partner", &["partners-cookie"]),
        Caller::new("small partner", ["partners-cookie"]).roles(["user"]),
        alice("alice and partner", &["default-bearer", "default-login", "partners-cookie"]),
    ]
}

#[actix_web::test]
async fn what_is_documented_is_what_is_enforced() {
    let (auth, partners) = (auth(), partners());
    let document = document_of(&auth, &partners);
    check_document(&document);
    let key = auth.danger_create_api_key_for("alice", ApiKeyRequest::new("key").scopes(["read"]));
    let key = key.await.unwrap();
    let headers = async |caller: &Caller| match &*caller.name {
        "key" => vec![("authorization".into(), format!("Bearer {}", key.expose()))],
        "key as a password" => vec![("authorization".into(), basic("__token__", key.expose()))],
        "alice by cookie" => cookie(&auth, "__Host-session", "alice").await,
        "partner" => cookie(&partners, "__Host-partner", "alice").await,
        "small partner" => cookie(&partners, "__Host-partner", "bob").await,
        "alice and partner" => {
            let mut headers = cookie(&partners, "__Host-partner", "alice").await;
            headers.push(bearer(&auth, TokenRequest::for_subject("alice")).await);
            headers
        }
        name => match name.split_once(", ") {
            Some((name, scope)) => {
                vec![bearer(&auth, TokenRequest::for_subject(name).scope(scope)).await]
            }
            None => vec![bearer(&auth, TokenRequest::for_subject(name)).await],
        },
    };
    let service = init_service(every_kind(App::new().into_utoipa_app(), &auth, &partners).into_app()).await;
    let send = async |request: WireRequest| {
        let response = call_service(&service, to_actix(request).to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        WireResponse::new(status, headers.iter(), read_body(response).await)
    };
    let visits = walk(&document, &callers(), headers, send).await;
    let status = |operation: &str, caller: Option<&str>| {
        let is_it = |visit: &&Visit| visit.operation == operation && visit.caller.as_deref() == caller;
        visits.iter().find(is_it).unwrap().status
    };
    assert_eq!(status("GET /admin/audit/panel", Some("alice")), 200);
    assert_eq!(status("GET /admin/audit/panel", Some("bob")), 403);
    assert_eq!(status("GET /admin/audit/panel", None), 401);
    assert_eq!(status("GET /both/partners/foreign", Some("alice")), 401);
    assert_eq!(status("GET /both/partners/foreign", Some("alice and partner")), 200);
    assert_eq!(status("GET /keys", Some("key as a password")), 200);
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64(&format!("{name}:{password}")))
}

/// RFC 4648, not worth a dependency.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            encoded.push(if at <= group.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    encoded
}

fn document_of(auth: &Auth, partners: &Auth) -> Value {
    let (_, document) = every_kind(App::new().into_utoipa_app(), auth, partners).split_for_parts();
    serde_json::to_value(document).unwrap()
}

fn described() -> Value {
    document_of(&auth(), &partners())
}

fn read_back(document: &Value) {
    let read: OpenApi = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), *document);
}

#[test]
fn the_document_is_one_that_utoipa_reads() {
    read_back(&described());
}

#[test]
fn an_operation_says_what_its_guard_asks_for() {
    let document = described();
    let read = &document["paths"]["/read"]["get"];
    assert_eq!(
        read["security"],
        json!([
            { "default-login": ["read"] },
            { "default-bearer": [] },
            { "default-basic": [] },
            { "default-cookie": [] },
        ])
    );
    assert_eq!(read["x-requirement"], json!({ "scopes": ["read"] }));
    let problem = json!({ "$ref": "#/components/schemas/AuthProblem" });
    for status in ["400", "401", "403", "503"] {
        assert_eq!(read["responses"][status]["content"]["application/problem+json"]["schema"], problem);
    }
    assert!(read["responses"].get("429").is_none());
    let either = &document["paths"]["/either"]["get"]["security"];
    assert_eq!(either[0], json!({ "default-login": ["read"] }));
    assert_eq!(either[1], json!({ "default-login": ["write"] }));
    let me = &document["paths"]["/me"]["get"];
    assert_eq!(
        me["security"],
        json!([{ "default-login": [] }, { "default-bearer": [] }, { "default-cookie": [] }])
    );
    assert!(me.get("x-requirement").is_none());
    let whoami = &document["paths"]["/whoami"]["get"]["security"];
    assert_eq!(whoami.as_array().unwrap().last(), Some(&json!({})));
    let anybodys = &document["paths"]["/products/{id}"]["get"];
    assert!(anybodys.get("security").is_none());
    assert_eq!(anybodys["responses"].as_object().unwrap().len(), 2);
}

#[test]
fn operations_carry_what_all_guards_around_them_ask_for() {
    let document = described();
    let twofold = &document["paths"]["/admin/audit/panel"]["get"];
    assert_eq!(
        twofold["x-requirement"],
        json!({ "all_of": [{ "permissions": ["write"] }, { "roles": ["admin"] }] })
    );
    assert_eq!(document["paths"]["/admin/deep/panel"]["put"]["x-requirement"], json!({ "roles": ["admin"] }));
    assert_eq!(document["paths"]["/admin"]["get"]["x-requirement"], json!({ "roles": ["admin"] }));
    let twice = &document["paths"]["/twice"]["get"];
    assert_eq!(
        twice["x-requirement"]["all_of"],
        json!([{ "permissions": ["write"] }, { "scopes": ["read"] }])
    );
    assert_eq!(twice["security"].as_array().unwrap().len(), 3);
    let foreign = &document["paths"]["/both/partners/foreign"]["get"]["security"];
    assert_eq!(foreign[0], json!({ "default-login": [], "partners-cookie": [] }));
}

#[test]
fn what_the_author_says_stays() {
    let document = described();
    let wordy = &document["paths"]["/wordy"]["get"];
    assert_eq!(wordy["tags"], json!(["words"]));
    assert_eq!(wordy["summary"], "Says something of its own about what a guard answers too.");
    let refused = &wordy["responses"]["401"];
    assert_eq!(refused["description"], "Log in at the counter");
    assert!(refused["content"]["application/problem+json"].is_object());
    assert!(refused["headers"]["WWW-Authenticate"].is_object());
    let forbidden = &wordy["responses"]["403"];
    assert_eq!(forbidden["description"], "Ask the boss");
    let schema = json!({ "$ref": "#/components/schemas/Product" });
    assert_eq!(forbidden["content"]["application/json"]["schema"], schema);
    assert!(forbidden["content"]["application/problem+json"].is_object());
}

#[test]
fn refusals_of_another_form_are_described_by_it() {
    let document = described();
    let content = |path: &str| document["paths"][path]["get"]["responses"]["401"].get("content").cloned();
    let detail = json!({ "$ref": "#/components/schemas/AuthDetail" });
    assert_eq!(content("/python"), Some(json!({ "application/json": { "schema": detail } })));
    assert!(document["components"]["schemas"]["AuthDetail"].is_object());
    assert_eq!(content("/terse"), None);
}

#[test]
fn schemes_are_those_of_the_providers() {
    let document = described();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let names: Vec<_> = schemes.keys().collect();
    assert_eq!(
        names,
        ["default-basic", "default-bearer", "default-cookie", "default-login", "partners-cookie"]
    );
    let flow = &schemes["default-login"]["flows"]["password"];
    assert_eq!(flow["tokenUrl"], "/login?deliver=body");
    assert_eq!(flow["refreshUrl"], "/refresh");
    assert_eq!(flow["scopes"], json!({ "read": "", "write": "" }));
    assert_eq!(schemes["partners-cookie"]["name"], "__Host-partner");
    assert!(document["paths"]["/of-partners/signin"]["post"].is_object());
    assert!(document["paths"].get("/of-partners/logout/all").is_none());
}

#[test]
fn the_token_url_is_where_the_login_is() {
    let auth = fauth_testing::provider().build().unwrap();
    let flow = |login: Option<AuthRoutes<TestUser>>, description: Description<'_, TestUser>| {
        let app = App::new().into_utoipa_app().service(routes!(me).guard(require_user(&auth)));
        let api = scope("/api");
        let app = app.service(match login {
            Some(login) => api.service(login),
            None => api,
        });
        let (_, document) = app.describe_auth(description).split_for_parts();
        let document = serde_json::to_value(document).unwrap();
        check_document(&document);
        document["components"]["securitySchemes"]["default-login"]["flows"]["password"].clone()
    };
    let moved = AuthRoutes::new(&auth).at(Endpoint::Login, "/signin");
    assert_eq!(flow(Some(moved), Description::of(&auth))["tokenUrl"], "/api/signin?deliver=body");
    let own = Description::of(&auth).token_url("https://id.example/token");
    assert_eq!(flow(None, own)["tokenUrl"], "https://id.example/token");
    // Without a login nobody is sent to one.
    assert_eq!(flow(None, Description::of(&auth)), Value::Null);
}

#[test]
fn to_describe_a_document_twice_changes_nothing() {
    let (auth, partners) = (auth(), partners());
    let app = every_kind(App::new().into_utoipa_app(), &auth, &partners);
    let (_, document) = app.split_for_parts();
    assert!(document.clone().describe_auth(&auth).describe_auth(&partners) == document);
}

/// What counts is the last word of a group, whenever a route was added.
#[test]
fn a_group_describes_itself_when_it_is_mounted() {
    let auth = auth();
    let group = SecureScope::new("/late", &auth).documented(panel).require_roles(["admin"]);
    let paths = serde_json::to_value(group.paths()).unwrap();
    assert_eq!(paths["/late/panel"]["get"]["x-requirement"], json!({ "roles": ["admin"] }));
}

/// What a group documents, an audit lists.
#[test]
fn audits_list_the_documented_routes_of_a_group() {
    let auth = fauth_testing::provider().build().unwrap();
    let group = SecureScope::new("/admin", &auth)
        .documented(routes!(act))
        .documented(SecureScope::new("/inner", &auth).documented(routes!(me)))
        .require_roles(["admin"]);
    let seen = auth.audit();
    let listed: Vec<_> = seen.entries().iter().map(|entry| (entry.method(), entry.path())).collect();
    assert_eq!(
        listed,
        [
            (None, "/admin/*"),
            (Some("POST"), "/admin/act"),
            (None, "/admin/inner/*"),
            (Some("GET"), "/admin/inner/me")
        ]
    );
    assert!(seen.entries().iter().all(|entry| entry.location().file() == file!()));
    drop(group);
}

#[test]
fn what_rules_ask_for_stands_in_the_document() {
    let auth = fauth_testing::provider().build().unwrap();
    let rules = RouteRules::private_by_default()
        .public("/login")
        .require("/admin", Requirement::user().role("admin"))
        .require("/me", Requirement::user().permission("write"))
        .build()
        .unwrap();
    let rules = protect(&auth, rules);
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .service(routes!(me).guard(require_scopes(&auth, ["read"])))
        .service(scope("/admin").service(panel))
        .service(auth_routes(&auth))
        .split_for_parts();
    rules.describe(&mut document);
    let document = serde_json::to_value(document.describe_auth(&auth)).unwrap();
    check_document(&document);
    let admin = &document["paths"]["/admin/panel"]["get"];
    assert_eq!(admin["x-requirement"], json!({ "roles": ["admin"] }));
    assert!(admin["responses"]["403"].is_object() && !admin["security"].as_array().unwrap().is_empty());
    // Both are asked, and the document says so.
    let both = json!({ "all_of": [{ "scopes": ["read"] }, { "permissions": ["write"] }] });
    assert_eq!(document["paths"]["/me"]["get"]["x-requirement"], both);
    let login = &document["paths"]["/login"]["post"];
    assert!(login["x-requirement"].is_null(), "{login}");
}

#[test]
fn what_a_limit_demands_stands_in_the_document() {
    let auth = fauth_testing::provider().build().unwrap();
    let (_, document) = App::new()
        .into_utoipa_app()
        .service(routes!(read).limit(limit(&auth, "5/minute")))
        .service(routes!(me).guard(require_user(&auth)).limit(limit(&auth, "3/minute")))
        .service(routes!(whoami))
        .service(AuthRoutes::new(&auth).limit(Endpoint::Login, "7/minute"))
        .split_for_parts();
    let document = serde_json::to_value(document.describe_auth(&auth)).unwrap();
    check_document(&document);
    let limited = &document["paths"]["/read"]["get"];
    assert_eq!(limited["x-rate-limit"], json!([{ "limit": "5/minute", "per": "address" }]));
    assert!(limited["responses"]["429"]["headers"]["Retry-After"].is_object(), "{limited}");
    for status in ["200", "429"] {
        let headers = &limited["responses"][status]["headers"];
        assert!(headers["RateLimit"].is_object() && headers["RateLimit-Policy"].is_object(), "{limited}");
    }
    // A limit is no guard.
    assert!(limited["security"].is_null() && limited["x-requirement"].is_null(), "{limited}");
    assert!(limited["responses"]["401"].is_null(), "{limited}");
    // Both, and neither.
    let both = &document["paths"]["/me"]["get"];
    assert_eq!(both["x-rate-limit"], json!([{ "limit": "3/minute", "per": "address" }]));
    assert!(both["responses"]["401"].is_object() && both["responses"]["429"].is_object(), "{both}");
    let free = &document["paths"]["/whoami"]["get"];
    assert!(free["x-rate-limit"].is_null() && free["responses"]["429"].is_null(), "{free}");
    let login = &document["paths"]["/login"]["post"];
    assert_eq!(login["x-rate-limit"][0]["limit"], "7/minute");
}
