//! What the document of an application says is what its routes enforce.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]
#![expect(clippy::exhaustive_structs, reason = "utoipa makes one for each handler")]

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request},
    http::StatusCode,
    routing::get,
};
use fauth_axum::{
    AuthRoutes, CurrentUser, MaybeUser, SecureRouter, limit,
    openapi::{DescribeAuth as _, Description, OpenApiRouterExt as _, RoutesExt as _},
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
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

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
    root get "/",
    panel get "/panel",
    audit get "/panel",
    partner_panel get "/panel",
    partner_change put "/panel",
    act post "/act",
    change put "/panel",
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

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Product {
    id: u64,
    #[schema(no_recursion)]
    parts: Vec<Self>,
}

/// Knows no user at all.
#[utoipa::path(get, path = "/products/{id}", params(("id" = u64, Path)),
    responses((status = OK, body = Product), (status = NOT_FOUND)))]
async fn product(Path(id): Path<u64>) -> Result<Json<Product>, StatusCode> {
    if id == 1 { Ok(Json(Product { id, parts: Vec::new() })) } else { Err(StatusCode::NOT_FOUND) }
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
fn every_kind(auth: &Auth, partners: &Auth) -> (Router, OpenApi) {
    let single = OpenApiRouter::default()
        .routes(routes!(product))
        .routes(routes!(me).guard(require_user(auth)))
        .routes(routes!(whoami).guard(visitor(auth)))
        .routes(routes!(wordy).guard(require_permissions(auth, ["write"])))
        .routes(routes!(write, act_on_write).guard(require_permissions(auth, ["write"])))
        .routes(routes!(read).guard(require_scopes(auth, ["read"])))
        .routes(
            routes!(either)
                .guard(require(auth, user().any_role(["admin", "auditor"]).any_scope(["read", "write"]))),
        )
        .routes(
            routes!(admins_or_readers)
                .guard(require(auth, Requirement::any_of([user().role("admin"), user().scope("read")]))),
        )
        .routes(routes!(keys).guard(require(auth, user().allow_api_keys())))
        .routes(routes!(recent).guard(require(auth, user().login_within(std::time::Duration::from_secs(60)))))
        .routes(routes!(python).guard(require_user(auth).renderer(DetailJson::new())))
        .routes(routes!(terse).guard(require_user(auth).renderer(terse_refusals)))
        .routes(
            routes!(outside)
                .guard(require_permissions(auth, ["write"]))
                .guard(require_scopes(auth, ["read"])),
        );
    let audit = SecureRouter::new(auth).require_permissions(["write"]).routes(routes!(audit));
    let admins = SecureRouter::from_openapi(
        auth,
        OpenApiRouter::default()
            .routes(routes!(root))
            .nest("/deep", OpenApiRouter::default().routes(routes!(panel, change))),
    );
    let admins = admins.routes(routes!(act)).nest_secure("/audit", audit).require_roles(["admin"]);
    let both = SecureRouter::new(auth).routes(routes!(both)).nest_secure(
        "/partners",
        SecureRouter::new(partners).require_roles(["admin"]).routes(routes!(foreign)),
    );
    let partner_routes =
        AuthRoutes::new(partners).at(Endpoint::Login, "/signin").without(Endpoint::LogoutAll);
    OpenApiRouter::new()
        .merge(single)
        .nest_secure("/admin", admins)
        .nest_secure("/both", both)
        .nest_secure("/partners", SecureRouter::new(partners).routes(routes!(partner_panel, partner_change)))
        .merge(AuthRoutes::new(auth).into())
        .nest("/of-partners", partner_routes.into())
        .route("/undocumented", get(async || "nobody knows"))
        .describe_auth(auth)
        .describe_auth(partners)
        .with_state(auth.clone())
        .split_for_parts()
}

#[utoipa::path(post, path = "/write", responses((status = OK, body = str)))]
async fn act_on_write() -> &'static str {
    "done"
}

fn terse_refusals(rejection: &fauth_core::Rejection, _: &dyn fauth_core::request::RequestHead) -> Reply {
    Reply::new(rejection.status()).body("text/plain", "no")
}

async fn send(app: Router, request: WireRequest) -> WireResponse {
    let mut builder = Request::builder().method(&*request.method).uri(&*request.target);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.as_slice());
    }
    let response = app.oneshot(builder.body(Body::from(request.body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    WireResponse::new(parts.status.as_u16(), parts.headers.iter(), to_bytes(body, usize::MAX).await.unwrap())
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

#[tokio::test]
async fn what_is_documented_is_what_is_enforced() {
    let (auth, partners) = (auth(), partners());
    let (app, document) = every_kind(&auth, &partners);
    let document = serde_json::to_value(document).unwrap();
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
    let visits = walk(&document, &callers(), headers, async |request| send(app.clone(), request).await).await;
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

fn described() -> Value {
    let (_, document) = every_kind(&auth(), &partners());
    serde_json::to_value(document).unwrap()
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
    let product = &document["paths"]["/products/{id}"]["get"];
    assert!(product.get("security").is_none());
    assert_eq!(product["responses"].as_object().unwrap().len(), 2);
}

#[test]
fn operations_carry_what_all_guards_around_them_ask_for() {
    let document = described();
    let audit = &document["paths"]["/admin/audit/panel"]["get"];
    assert_eq!(
        audit["x-requirement"],
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
    let product = json!({ "$ref": "#/components/schemas/Product" });
    assert_eq!(forbidden["content"]["application/json"]["schema"], product);
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
    let flow = |router: OpenApiRouter<Auth>, description: Description<'_, TestUser>| {
        let router = router.routes(routes!(me).guard(require_user(&auth))).describe_auth(description);
        let document = serde_json::to_value(router.into_openapi()).unwrap();
        check_document(&document);
        document["components"]["securitySchemes"]["default-login"]["flows"]["password"].clone()
    };
    let moved = || AuthRoutes::new(&auth).at(Endpoint::Login, "/signin").into();
    let nested = OpenApiRouter::default().nest("/api", moved());
    assert_eq!(flow(nested, Description::of(&auth))["tokenUrl"], "/api/signin?deliver=body");
    let own = Description::of(&auth).token_url("https://id.example/token");
    assert_eq!(flow(OpenApiRouter::default(), own)["tokenUrl"], "https://id.example/token");
    // Without a login nobody is sent to one.
    assert_eq!(flow(OpenApiRouter::default(), Description::of(&auth)), Value::Null);
}

#[test]
fn to_describe_a_document_twice_changes_nothing() {
    let (auth, partners) = (auth(), partners());
    let (_, document) = every_kind(&auth, &partners);
    assert!(document.clone().describe_auth(&auth).describe_auth(&partners) == document);
}

#[test]
#[should_panic(expected = "GET /admin/panel is in the document twice")]
fn no_operation_is_lost() {
    let auth = auth();
    let group = SecureRouter::new(&auth).routes(routes!(panel));
    let outer: OpenApiRouter<Auth> =
        OpenApiRouter::default().nest("/admin", OpenApiRouter::default().routes(routes!(panel)));
    let _ = outer.nest_secure("/admin", group);
}

/// What a group documents, an audit lists, with the line of the application.
#[test]
fn audits_list_the_documented_routes_of_a_group() {
    let auth = fauth_testing::provider().build().unwrap();
    let (group, line) = (SecureRouter::from_openapi(&auth, OpenApiRouter::default()), line!());
    let group = group.routes(routes!(panel, change)).require_roles(["admin"]);
    let audit = auth.audit();
    let listed: Vec<_> = audit.entries().iter().map(|entry| (entry.method(), entry.path())).collect();
    assert_eq!(listed, [(None, "/*"), (Some("GET"), "/panel"), (Some("PUT"), "/panel")]);
    for entry in audit.entries() {
        assert_eq!(entry.location().file(), file!());
        assert_eq!(entry.access().to_string(), "user, role admin");
    }
    assert_eq!(audit.entries()[0].location().line(), line);
    drop(group);
}

/// axum clones a group for each request.
#[test]
fn clones_of_a_group_go_on_by_themselves() {
    let auth = fauth_testing::provider().build().unwrap();
    let group = SecureRouter::new(&auth).routes(routes!(panel));
    let more = group.clone().routes(routes!(me));
    let paths = |group: &SecureRouter<TestUser>| group.to_openapi().paths.paths.len();
    assert_eq!((paths(&group), paths(&more)), (1, 2));
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
    let (_, mut document) = OpenApiRouter::<Auth>::new()
        .routes(routes!(me).guard(require_scopes(&auth, ["read"])))
        .nest("/admin", OpenApiRouter::new().routes(routes!(panel)))
        .merge(AuthRoutes::new(&auth).into())
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
    let (_, document) = OpenApiRouter::<Auth>::new()
        .routes(routes!(panel).limit(limit(&auth, "5/minute")))
        .routes(routes!(me).guard(require_user(&auth)).limit(limit(&auth, "3/minute")))
        .routes(routes!(whoami))
        .merge(AuthRoutes::new(&auth).limit(Endpoint::Login, "7/minute").into())
        .split_for_parts();
    let document = serde_json::to_value(document.describe_auth(&auth)).unwrap();
    check_document(&document);
    let limited = &document["paths"]["/panel"]["get"];
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
