//! What the documents of APIs say is what their routes enforce.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::unused_async, reason = "poem-openapi takes no other operations")]

use std::collections::BTreeSet;

use fauth_core::{
    AuthProvider, MemoryStore, Requirement, RouteRules, TokenRequest, api_key::ApiKeyRequest,
    rejection::DetailJson, routes::Endpoint as Ready, transport::CookieTransport,
};
use fauth_poem::{
    AuthRoutes, CurrentUser, MaybeUser, limit,
    openapi::{ApiError, ApiGroup, ApiRoute, SecureApi},
    protect,
};
use fauth_testing::{
    TestUser, Users, WireRequest, WireResponse, config_builder,
    openapi::{Caller, Visit, check_document, walk},
    suite::greeting,
};
use poem::{Body, Endpoint, EndpointExt as _, Route, http::Method};
use poem_openapi::{
    ApiResponse, Object, OpenApi, OpenApiService, SecurityScheme, Tags,
    auth::ApiKey,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde_json::{Value, json};

type Auth = AuthProvider<TestUser>;
type User = CurrentUser<TestUser>;

/// An API of one operation, or of some, that say who is there.
macro_rules! api {
    ($name:ident: $($function:ident $method:literal $path:literal),+) => {
        struct $name;
        #[OpenApi]
        impl $name {
            $(#[oai(path = $path, method = $method)]
            async fn $function(&self, user: MaybeUser<TestUser>) -> PlainText<String> {
                PlainText(greeting(user.0.as_deref()))
            })+
        }
    };
}

api!(Panel: panel "get" "/panel", act "post" "/act");
api!(Root: root "get" "/");
api!(Me: me "get" "/me");
api!(WhoAmI: whoami "get" "/whoami");
api!(Prices: prices "put" "/products");

#[derive(Tags)]
enum Tag {
    /// What is for sale.
    Products,
}

#[derive(Object)]
struct Product {
    id: u64,
    name: String,
    parts: Vec<Self>,
}

#[derive(ApiResponse)]
enum Found {
    #[oai(status = 200)]
    Product(Json<Product>),
    #[oai(status = 404)]
    Nothing,
}

struct Shop;

#[OpenApi(tag = "Tag::Products")]
impl Shop {
    /// All products.
    #[oai(path = "/products", method = "get", operation_id = "products")]
    async fn all(&self, begin: Query<Option<String>>) -> PlainText<String> {
        PlainText(begin.0.unwrap_or_default())
    }

    #[oai(path = "/products/:id", method = "get")]
    async fn one(&self, id: Path<u64>) -> Found {
        match id.0 {
            1 => Found::Product(Json(Product { id: 1, name: "book".into(), parts: Vec::new() })),
            _ => Found::Nothing,
        }
    }
}

struct Head;

#[OpenApi]
impl Head {
    #[oai(path = "/head", method = "head", method = "options")]
    async fn head(&self) {}
}

struct Stock;

#[OpenApi]
impl Stock {
    #[oai(path = "/products", method = "post")]
    async fn add(&self) {}

    #[oai(path = "/products/:id", method = "delete")]
    async fn remove(&self, id: Path<u64>) {
        let _ = *id;
    }
}

fn auth() -> Auth {
    let builder = fauth_testing::provider().api_key_store(MemoryStore::new());
    builder.build().unwrap()
}

/// A second provider, of another application, whose tokens come in cookies.
fn partners() -> Auth {
    let config = config_builder().application("partners").build().unwrap();
    fauth_testing::provider_with(config, &Users::new()).transport(CookieTransport::new()).build().unwrap()
}

/// Every kind of guard.
fn every_kind(auth: &Auth) -> ApiRoute {
    let alternatives =
        Requirement::any_of([Requirement::user().role("admin"), Requirement::user().scope("read")]);
    let audit = SecureApi::new(auth, Panel).require_permissions(["write"]);
    let panel = || SecureApi::new(auth, Panel);
    ApiRoute::from(OpenApiService::new((), "Everything", "1.0").server("/").description("All of it."))
        .auth_routes(AuthRoutes::new(auth))
        .api(Shop)
        .api(SecureApi::new(auth, Stock).require_permission("write"))
        .api(SecureApi::new(auth, (Me, Prices)).require_role("admin"))
        .api(SecureApi::visitor(auth, WhoAmI))
        .api(Head)
        .nest("/internal", panel())
        .nest("/admin", SecureApi::new(auth, (Root, Panel)).require_roles(["admin"]).nest("/audit", audit))
        .nest("/any-role", panel().require_any_role(["admin", "auditor"]))
        .nest("/scopes", panel().require_scopes(["read"]))
        .nest("/scope", panel().require_scope("read"))
        .nest("/alternatives", panel().require(alternatives))
        .nest("/keys", panel().require(Requirement::user().allow_api_keys().permission("write")))
        .nest("/python", panel().renderer(DetailJson::new()))
        .nest("/site", panel().pages("/signin"))
        .nest("/visitors", SecureApi::visitor(auth, Panel).nest("/admins", panel().require_role("admin")))
}

/// Two providers, and what needs a user of both.
fn two_providers(auth: &Auth, partners: &Auth) -> ApiRoute {
    let of_partners = ApiGroup::new()
        .auth_routes(AuthRoutes::new(partners).at(Ready::Login, "/signin"))
        .api(SecureApi::new(partners, Panel).require_role("admin"));
    let of_both = SecureApi::new(auth, Root).api(SecureApi::new(partners, Panel).require_roles(["admin"]));
    ApiRoute::new("Two", "1.0")
        .auth_routes(AuthRoutes::new(auth))
        .api(SecureApi::new(auth, Me))
        .nest("/partners", of_partners)
        .nest("/both", of_both)
}

/// As poem's server makes a request.
async fn exchange(app: &impl Endpoint, request: WireRequest) -> WireResponse {
    let mut builder = poem::http::Request::builder().method(&*request.method).uri(&*request.target);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.as_slice());
    }
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    let parts = poem::RequestParts::from((
        parts,
        poem::web::LocalAddr::default(),
        poem::web::RemoteAddr::default(),
        poem::http::uri::Scheme::HTTP,
    ));
    let request = poem::Request::from_parts(parts, Body::from(request.body));
    let (parts, body) = app.get_response(request).await.into_parts();
    WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body.into_vec().await.unwrap())
}

async fn get(app: &impl Endpoint, method: &str, target: &str, headers: &[(String, String)]) -> WireResponse {
    let request = WireRequest::new(method, target);
    exchange(app, headers.iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

async fn bearer(auth: &Auth, token: TokenRequest<'_>) -> (String, String) {
    let pair = auth.login(token).await.unwrap();
    ("authorization".to_owned(), format!("Bearer {}", pair.access_token().expose()))
}

async fn cookie(auth: &Auth, name: &str) -> Vec<(String, String)> {
    let pair = auth.login(name).await.unwrap();
    let cookie = format!("__Host-session={}", pair.access_token().expose());
    vec![("cookie".to_owned(), cookie), ("sec-fetch-site".to_owned(), "same-origin".to_owned())]
}

const LOGIN: [&str; 2] = ["default-bearer", "default-login"];

fn alice(schemes: impl IntoIterator<Item = &'static str>) -> Caller {
    let alice = Caller::new("alice", schemes).roles(["admin", "user"]).permissions(["read", "write"]);
    alice.scopes(["read"])
}

fn reader() -> TokenRequest<'static> {
    TokenRequest::for_subject("alice").scope("read")
}

#[tokio::test]
async fn what_is_documented_is_what_is_enforced() {
    let auth = auth();
    let (app, document) = every_kind(&auth).into_parts();
    check_document(&document);
    let mut key = alice(["default-bearer", "default-basic"]).api_key();
    key.name = "key".to_owned();
    let callers = [
        alice(LOGIN),
        Caller::new("bob", LOGIN).roles(["user"]).permissions(["read"]).scopes(["write"]),
        key,
    ];
    let key = auth.danger_create_api_key_for("alice", ApiKeyRequest::new("key").scopes(["read"]));
    let key = format!("Bearer {}", key.await.unwrap().expose());
    let headers = async |caller: &Caller| match &*caller.name {
        "alice" => vec![bearer(&auth, reader()).await],
        "bob" => vec![bearer(&auth, TokenRequest::for_subject("bob").scope("write")).await],
        _ => vec![("authorization".to_owned(), key.clone())],
    };
    let visits = walk(&document, &callers, headers, async |request| exchange(&app, request).await).await;
    let seen: BTreeSet<u16> = visits.iter().map(|visit: &Visit| visit.status).collect();
    assert!(seen.is_superset(&BTreeSet::from([200, 401, 403])), "{seen:?}");
    let operations: BTreeSet<&String> = visits.iter().map(|visit| &visit.operation).collect();
    assert!(operations.len() > 30, "{operations:?}");
}

#[tokio::test]
async fn two_providers_stand_in_one_document() {
    let (auth, partners) = (auth(), partners());
    let (app, document) = two_providers(&auth, &partners).into_parts();
    check_document(&document);
    let mut of_both = alice(["default-bearer", "default-login", "partners-cookie"]);
    of_both.name = "both".to_owned();
    let callers = [
        alice(LOGIN),
        Caller::new("partner", ["partners-cookie"]).roles(["admin", "user"]),
        Caller::new("small partner", ["partners-cookie"]).roles(["user"]),
        Caller::new("half", ["default-bearer", "default-login", "partners-cookie"]).roles(["user"]),
        of_both,
    ];
    let headers = async |caller: &Caller| match &*caller.name {
        // The endpoints of the other provider look where a request comes from, too.
        "alice" => {
            vec![bearer(&auth, reader()).await, ("sec-fetch-site".to_owned(), "same-origin".to_owned())]
        }
        "partner" => cookie(&partners, "alice").await,
        "small partner" => cookie(&partners, "bob").await,
        name => {
            let partner = if name == "both" { "alice" } else { "bob" };
            let mut headers = cookie(&partners, partner).await;
            headers.push(bearer(&auth, reader()).await);
            headers
        }
    };
    walk(&document, &callers, headers, async |request| exchange(&app, request).await).await;

    // Each has its login where it is mounted.
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes["default-login"]["flows"]["password"]["tokenUrl"], "/login?deliver=body");
    assert!(schemes.contains_key("partners-cookie"), "{schemes:?}");
    assert!(document["paths"]["/partners/signin"]["post"].is_object());
    let both = document["paths"]["/both/panel"]["get"]["security"][0].as_object().unwrap();
    assert_eq!(both.len(), 2, "{both:?}");
}

/// A user that an extractor asks for is enforced, and nobody documents it: the walk finds out.
#[tokio::test]
#[should_panic(expected = "GET /greeting, without a credential: the document promises Passes")]
async fn an_extractor_alone_is_not_documented() {
    struct Greeting;
    #[OpenApi]
    impl Greeting {
        #[oai(path = "/greeting", method = "get")]
        async fn greeting(&self, user: User) -> PlainText<String> {
            PlainText(greeting(Some(&user)))
        }
    }
    let auth = auth();
    let (route, document) = ApiRoute::new("Greeting", "1.0").api(Greeting).into_parts();
    let app = route.data(auth);
    walk(&document, &[], async |_| Vec::new(), async |request| exchange(&app, request).await).await;
}

/// Statuses without a credential, and with alice's.
async fn statuses(app: &impl Endpoint, auth: &Auth, method: &str, target: &str) -> (u16, u16) {
    let alice = bearer(auth, TokenRequest::for_subject("alice")).await;
    let anonymous = get(app, method, target, &[]).await.status;
    (anonymous, get(app, method, target, &[alice]).await.status)
}

#[tokio::test]
async fn a_nested_group_guards_all_of_its_prefix() {
    let auth = auth();
    let (app, _) = every_kind(&auth).into_parts();
    for (method, target, inside) in [
        ("GET", "/admin", 200),
        ("GET", "/admin/", 200),
        ("GET", "/admin/panel", 200),
        ("HEAD", "/admin/panel", 200),
        ("GET", "/admin/panel/", 404),
        ("GET", "/admin/unknown", 404),
        ("DELETE", "/admin/panel", 405),
        ("OPTIONS", "/admin/panel", 405),
        ("TRACE", "/admin/panel", 405),
        ("PROPFIND", "/admin/panel", 405),
        ("GET", "/admin/audit", 404),
        ("GET", "/admin/audit/unknown", 404),
    ] {
        let outside = if method == "TRACE" { 405 } else { 401 };
        assert_eq!(statuses(&app, &auth, method, target).await, (outside, inside), "{method} {target}");
    }
    assert_eq!(statuses(&app, &auth, "GET", "/unknown").await, (404, 404));
    assert_eq!(statuses(&app, &auth, "GET", "/administration").await, (404, 404));
}

#[tokio::test]
async fn a_group_at_the_same_place_guards_its_paths_whatever_the_method() {
    let auth = auth();
    let (app, _) = every_kind(&auth).into_parts();
    for (method, target, expected) in [
        ("GET", "/me", (401, 200)),
        ("HEAD", "/me", (401, 200)),
        ("POST", "/me", (401, 405)),
        ("OPTIONS", "/me", (401, 405)),
        // One path, and for each method the group that has it.
        ("GET", "/products", (200, 200)),
        ("HEAD", "/products", (200, 200)),
        ("POST", "/products", (401, 200)),
        ("PUT", "/products", (401, 200)),
        ("GET", "/products/1", (200, 200)),
        ("GET", "/products/2", (404, 404)),
        ("DELETE", "/products/1", (401, 200)),
        // Nobody has these, on paths that everybody may know.
        ("PATCH", "/products", (405, 405)),
        ("OPTIONS", "/products", (405, 405)),
        ("PROPFIND", "/products", (405, 405)),
        ("PROPFIND", "/me", (401, 405)),
        ("PROPFIND", "/unknown", (404, 404)),
    ] {
        assert_eq!(statuses(&app, &auth, method, target).await, expected, "{method} {target}");
    }
}

#[tokio::test]
async fn a_group_sends_browsers_to_the_sign_in_page_and_tells_scripts() {
    let auth = partners();
    let pages = SecureApi::new(&auth, Panel).require_role("admin").pages("/signin");
    let plain = SecureApi::new(&auth, Panel);
    let (app, document) =
        ApiRoute::new("Site", "1.0").nest("/site", pages).nest("/plain", plain).into_parts();
    check_document(&document);
    let browser = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let browser = [("accept", "text/html"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
        .map(browser);

    let sent = get(&app, "GET", "/site/panel", &browser).await;
    assert_eq!((sent.status, sent.header("location")), (303, vec!["/signin?next=%2Fsite%2Fpanel"]));
    for (target, headers) in [("/site/panel", &[][..]), ("/plain/panel", &browser[..])] {
        let told = get(&app, "GET", target, headers).await;
        assert_eq!((told.status, told.header("location")), (401, vec![]), "{target}");
        assert_eq!(told.header("content-type"), ["application/problem+json"], "{target}");
    }
    let known = async |name| [&browser[..], &cookie(&auth, name).await].concat();
    assert_eq!(get(&app, "GET", "/site/panel", &known("alice").await).await.status, 200);
    let lacking = get(&app, "GET", "/site/panel", &known("bob").await).await;
    assert_eq!((lacking.status, lacking.header("content-type")), (403, vec!["text/html; charset=utf-8"]));
}

#[tokio::test]
async fn parameters_of_every_kind_arrive_behind_guards() {
    struct Echo;
    #[OpenApi(prefix_path = "/v1")]
    impl Echo {
        #[oai(path = "/:tenant/echo/:number", method = "get")]
        async fn echo(
            &self,
            tenant: Path<String>,
            number: Path<u8>,
            text: Query<String>,
            user: User,
        ) -> PlainText<String> {
            PlainText(format!("{} {} {} {}", *tenant, *number, *text, user.name))
        }

        #[oai(path = "/:tenant/poem/:number", method = "get")]
        async fn poem(
            &self,
            tenant: Path<String>,
            number: Path<u8>,
            poem::web::Path(path): poem::web::Path<(String, u8)>,
            request: &poem::Request,
        ) -> PlainText<String> {
            let pattern = &request.data::<poem::PathPattern>().unwrap().0;
            PlainText(format!("{} {} {path:?} {pattern} {}", *tenant, *number, request.uri()))
        }
    }
    let auth = auth();
    let (app, document) = ApiRoute::new("Echo", "1.0")
        .api(SecureApi::new(&auth, Echo))
        .nest("/nested", SecureApi::new(&auth, Echo))
        .into_parts();
    assert!(document["paths"]["/nested/v1/{tenant}/echo/{number}"]["get"]["security"].is_array());
    let alice = [bearer(&auth, TokenRequest::for_subject("alice")).await];
    for prefix in ["", "/nested"] {
        let response = get(&app, "GET", &format!("{prefix}/v1/acme/echo/7?text=x"), &alice).await;
        assert_eq!(String::from_utf8(response.body).unwrap(), "acme 7 x alice");
        let response = get(&app, "GET", &format!("{prefix}/v1/acme/poem/7?q=1"), &alice).await;
        let expected = format!(r#"acme 7 ("acme", 7) {prefix}/v1/:param0/poem/:param1 /v1/acme/poem/7?q=1"#);
        assert_eq!(String::from_utf8(response.body).unwrap(), expected);
        assert_eq!(get(&app, "GET", &format!("{prefix}/v1/acme/echo/7?text=x"), &[]).await.status, 401);
    }
}

fn parts_of(route: ApiRoute) -> Value {
    let (_, document) = route.into_parts();
    check_document(&document);
    document
}

#[test]
fn a_document_has_what_its_parts_have() {
    let document = parts_of(every_kind(&auth()));
    assert_eq!(document["info"]["title"], "Everything");
    assert_eq!(document["info"]["description"], "All of it.");
    assert_eq!(document["servers"], json!([{ "url": "/" }]));
    assert_eq!(document["tags"][0], json!({ "name": "Products", "description": "What is for sale." }));
    let products = &document["paths"]["/products"];
    assert_eq!(products["get"]["summary"], "All products.");
    assert_eq!(products["get"].get("security"), None);
    assert_eq!(products["post"]["x-requirement"], json!({ "permissions": ["write"] }));
    assert_eq!(products["put"]["x-requirement"], json!({ "roles": ["admin"] }));
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Product"]["properties"]["parts"]["items"]["$ref"], "#/components/schemas/Product");
    let nested = &document["paths"]["/admin/audit/panel"]["get"]["x-requirement"];
    assert_eq!(*nested, json!({ "all_of": [{ "roles": ["admin"] }, { "permissions": ["write"] }] }));
    let refusal = |path: &str| document["paths"][path]["get"]["responses"]["401"]["content"].clone();
    assert!(refusal("/internal/panel")["application/problem+json"].is_object());
    assert!(refusal("/python/panel")["application/json"].is_object());
    // Who may present nothing may.
    let visitor = &document["paths"]["/whoami"]["get"]["security"];
    assert!(visitor.as_array().unwrap().contains(&json!({})), "{visitor}");
}

#[test]
fn apis_of_a_tuple_share_paths() {
    let document = parts_of(ApiRoute::new("Shop", "1.0").api((Shop, Stock)));
    let methods: Vec<_> = document["paths"]["/products"].as_object().unwrap().keys().collect();
    assert_eq!(methods, ["get", "post"]);
}

#[test]
fn a_prefix_and_a_login_elsewhere_are_said_once() {
    let auth = auth();
    let route = || ApiRoute::new("Shop", "1.0").api(SecureApi::new(&auth, Me)).url_prefix("/api/");
    let document = parts_of(route().auth_routes(AuthRoutes::new(&auth)));
    let flow = |document: &Value| {
        document["components"]["securitySchemes"]["default-login"]["flows"]["password"]["tokenUrl"].clone()
    };
    assert_eq!(flow(&document), "/api/login?deliver=body");
    assert!(document["paths"]["/api/me"].is_object());
    // Without any login there is no such scheme.
    assert_eq!(flow(&parts_of(route())), Value::Null);
    assert_eq!(flow(&parts_of(route().token_url(&auth, "/signin"))), "/signin");
}

#[tokio::test]
async fn a_scheme_of_poem_openapi_is_asked_for_beside_ours() {
    #[derive(SecurityScheme)]
    #[oai(ty = "api_key", key_name = "x-gateway", key_in = "header")]
    struct Gateway(#[expect(dead_code, reason = "it is only there")] ApiKey);

    struct Api;
    #[OpenApi]
    impl Api {
        #[oai(path = "/both", method = "get")]
        async fn both(&self, _gateway: Gateway) -> PlainText<&'static str> {
            PlainText("both")
        }
    }
    let auth = auth();
    let (app, document) = ApiRoute::new("Both", "1.0").api(SecureApi::new(&auth, Api)).into_parts();
    check_document(&document);
    let security = &document["paths"]["/both"]["get"]["security"];
    assert_eq!(*security, json!([{ "Gateway": [], "default-bearer": [] }]));
    let alice = bearer(&auth, TokenRequest::for_subject("alice")).await;
    let gateway = ("x-gateway".to_owned(), "key".to_owned());
    assert_eq!(get(&app, "GET", "/both", &[alice.clone(), gateway.clone()]).await.status, 200);
    assert_eq!(get(&app, "GET", "/both", &[alice]).await.status, 401);
    assert_eq!(get(&app, "GET", "/both", &[gateway]).await.status, 401);
}

#[tokio::test]
async fn the_application_goes_on_from_the_route() {
    let auth = auth();
    let (route, document) =
        ApiRoute::new("Me", "1.0").api(Shop).nest("/user", SecureApi::new(&auth, Me)).into_parts();
    let text = document.to_string();
    let app = route
        .at("/", poem::endpoint::make_sync(|_| "home"))
        .at("/openapi.json", poem::endpoint::make_sync(move |_| text.clone()));
    assert_eq!(get(&app, "GET", "/", &[]).await.body, b"home");
    assert_eq!(get(&app, "GET", "/openapi.json", &[]).await.body, document.to_string().as_bytes());
    assert_eq!(statuses(&app, &auth, "GET", "/user/me").await, (401, 200));
    // And under a prefix of its own.
    let app = Route::new().nest("/api", app);
    assert_eq!(statuses(&app, &auth, "GET", "/api/user/me").await, (401, 200));
    assert_eq!(statuses(&app, &auth, Method::GET.as_str(), "/api/products").await, (200, 200));
}

mod other {
    use poem_openapi::{Object, OpenApi, payload::Json};

    /// Of the same name as another, and different.
    #[derive(Object)]
    pub(super) struct Product {
        pub(super) price: u64,
    }

    pub(super) struct Prices;

    #[OpenApi]
    impl Prices {
        #[oai(path = "/prices", method = "get", operation_id = "prices")]
        async fn prices(&self) -> Json<Product> {
            Json(Product { price: 1 })
        }
    }
}

#[track_caller]
fn is_refused(route: ApiRoute, message: &str) {
    let refused: Result<_, ApiError> = route.try_into_parts();
    assert_eq!(refused.map(|_| ()).unwrap_err().to_string(), message);
}

#[test]
#[should_panic(expected = "two APIs have GET /me: remove it from one")]
fn what_does_not_fit_together_panics() {
    drop(ApiRoute::new("Shop", "1.0").api((Me, Stock)).api(Me).into_parts());
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let auth = auth();
    let route = || ApiRoute::new("Shop", "1.0");
    is_refused(
        route().api(Shop).api(other::Prices),
        "two different schemas are called Product: rename one of them",
    );
    is_refused(
        route().api(other::Prices).nest("/more", other::Prices),
        "two operations have the operation_id prices: rename one of them",
    );
    is_refused(
        route().api(Me).api(SecureApi::new(&auth, Me)),
        "two APIs have GET /me: remove it from one, or nest them under different prefixes",
    );
    api!(Named: named "put" "/products/:name");
    is_refused(
        route().api(Shop).api(Named),
        "/products/{id} and /products/{name} are one path: give their parameters the same names",
    );
    let beside = |path, prefix| {
        format!(
            "{path} lies under {prefix}, but not in the group that is nested there: move it there, or rename it"
        )
    };
    api!(Inside: inside "get" "/admin/inside");
    let secured = || SecureApi::new(&auth, Me);
    is_refused(route().nest("/admin", secured()).api(Inside), &beside("/admin/inside", "/admin"));
    is_refused(route().api(Inside).nest("admin//", Me), &beside("/admin/inside", "/admin"));
    is_refused(
        route().nest("/a", Inside).nest("/a/admin", secured()),
        &beside("/a/admin/inside", "/a/admin"),
    );
    let moved = AuthRoutes::new(&auth).at(Ready::Login, "/admin/login");
    is_refused(route().nest("/admin", secured()).auth_routes(moved), &beside("/admin/login", "/admin"));
    let taken = |path| {
        format!(
            "a ready-made endpoint has the path {path}: rename that of the API, or give `AuthRoutes` a `page`"
        )
    };
    api!(Login: login "get" "/login");
    is_refused(route().auth_routes(AuthRoutes::new(&auth)).api(Login), &taken("/login"));
    api!(Sessions: all "get" "/sessions/:name");
    is_refused(route().auth_routes(AuthRoutes::new(&auth)).api(Sessions), &taken("/sessions/{sid}"));
    let prefix = "a prefix is a path without parameters. Write those in the paths of the API";
    is_refused(route().nest("/", Me), &format!("/: {prefix}"));
    is_refused(route().nest("/users/:id", Me), &format!("/users/:id: {prefix}"));
    is_refused(
        route().nest("/a", Me).nest("/a/", WhoAmI),
        "the routes of the APIs: duplicate path: /a/*--poem-rest",
    );
}

/// What a group documents, an audit lists.
#[test]
fn audits_list_the_documented_routes_of_a_group() {
    let auth = fauth_testing::provider().build().unwrap();
    let (inner, line) = (SecureApi::new(&auth, Me), line!());
    let group = SecureApi::new(&auth, Panel).require_roles(["admin"]).nest("/inner", inner);
    let audit = auth.audit();
    let listed: Vec<_> = audit.entries().iter().map(|entry| (entry.method(), entry.path())).collect();
    assert!(listed.contains(&(Some("GET"), "/panel")), "{audit}");
    assert!(listed.contains(&(Some("GET"), "/inner/me")), "{audit}");
    for entry in audit.entries() {
        assert_eq!(entry.location().file(), file!());
        assert_eq!(entry.access().to_string(), "user, role admin");
    }
    let inner = audit.entries().iter().find(|entry| entry.path() == "/inner/*").unwrap();
    assert_eq!(inner.location().line(), line);
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
    let (_, mut document) = ApiRoute::new("Rules", "1.0")
        .api(SecureApi::new(&auth, Me).require_scopes(["read"]))
        .nest("/admin", Panel)
        .auth_routes(AuthRoutes::new(&auth))
        .into_parts();
    rules.describe(&mut document);
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
    let (_, document) = ApiRoute::new("Limits", "1.0")
        .api(ApiGroup::new().api(Panel).limit(limit(&auth, "5/minute")))
        .api(SecureApi::new(&auth, Me).limit("3/minute"))
        .api(WhoAmI)
        .auth_routes(AuthRoutes::new(&auth).limit(Ready::Login, "7/minute"))
        .into_parts();
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
