//! What documents say of guards and endpoints, without any framework.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, time::Duration};

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, Guard, MemoryStore, Requirement,
    limit::Limit,
    mounts::Mounts,
    openapi::{Description, RATE_LIMIT, Security, endpoints},
    rejection::ErrorJson,
    routes::Endpoint,
    transport::{BearerTransport, CookieTransport, Extracted, SecurityScheme, Transport},
};
use fauth_core::{Purpose, request::RequestHead};
use fauth_testing::{TestUser, Users, WireRequest, openapi::check_document};
use serde_json::{Value, json};

type Auth = AuthProvider<TestUser>;

fn bearer() -> Auth {
    fauth_testing::provider().build().unwrap()
}

fn cookies() -> Auth {
    fauth_testing::provider().transport(CookieTransport::new()).build().unwrap()
}

fn both() -> AuthProviderBuilder<TestUser> {
    fauth_testing::provider().transport(BearerTransport::new()).transport(CookieTransport::new())
}

fn stamped(auth: &Auth, requirement: Requirement, method: &str) -> Value {
    let mut operation = json!({});
    Security::of(&Guard::new(auth, requirement), method).stamp(&mut operation);
    operation
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn user() -> Requirement {
    Requirement::user()
}

#[test]
fn limits_are_listed_with_their_answer() {
    let auth = bearer();
    let mut operation = json!({});
    let guard = Guard::new(&auth, user()).limit("5/minute, 100/hour");
    let guard = guard.limit(Limit::per_user("1000/day").unwrap().named("api"));
    Security::of(&guard, "GET").stamp(&mut operation);
    let first = json!({ "limit": "5/minute, 100/hour", "per": "address" });
    let second = json!({ "limit": "1000/day", "per": "user", "name": "api" });
    assert_eq!(operation[RATE_LIMIT], json!([first, second]));
    assert_eq!(statuses(&operation), ["400", "401", "429", "503"]);
    assert_eq!(operation["responses"]["429"]["headers"]["Retry-After"]["schema"]["type"], "integer");
    // Those of a guard around it stand beside them.
    Security::of(&Guard::new(&auth, user()).limit("1/second"), "GET").stamp(&mut operation);
    assert_eq!(operation[RATE_LIMIT].as_array().unwrap().len(), 3);
    assert_eq!(stamped(&auth, user(), "GET").get(RATE_LIMIT), None);
}

#[test]
fn the_limit_of_an_endpoint_is_listed_with_its_answer() {
    let auth = bearer();
    let described = endpoints(&auth, &Mounts::of(&auth).limit(Endpoint::Login, "5/minute"));
    let login = &described.paths["/login"]["post"];
    assert_eq!(login[RATE_LIMIT], json!([{ "limit": "5/minute", "per": "address" }]));
    assert!(login["responses"]["429"].is_object());
    let refresh = &described.paths["/refresh"]["post"];
    assert_eq!((refresh.get(RATE_LIMIT), refresh["responses"].get("429")), (None, None));
}

#[test]
fn answers_are_listed_where_they_are_given() {
    let admin = || user().role("admin");
    assert_eq!(statuses(&stamped(&bearer(), user(), "GET")), ["400", "401", "503"]);
    assert_eq!(statuses(&stamped(&bearer(), user(), "POST")), ["400", "401", "503"]);
    assert_eq!(statuses(&stamped(&bearer(), admin(), "get")), ["400", "401", "403", "503"]);
    // An old login is no missing right.
    let recent = user().login_within(Duration::from_secs(60));
    assert_eq!(statuses(&stamped(&bearer(), recent, "GET")), ["400", "401", "503"]);
    // The page of another origin is refused where a cookie might change something.
    assert_eq!(statuses(&stamped(&cookies(), user(), "GET")), ["400", "401", "503"]);
    assert_eq!(statuses(&stamped(&cookies(), user(), "post")), ["400", "401", "403", "503"]);
    // A key may be good, and not enough.
    let keys = fauth_testing::provider().api_key_store(MemoryStore::new()).build().unwrap();
    assert_eq!(statuses(&stamped(&keys, user(), "GET")), ["400", "401", "403", "503"]);
    let for_keys = user().allow_api_keys();
    assert_eq!(statuses(&stamped(&keys, for_keys, "GET")), ["400", "401", "503"]);
}

#[test]
fn keys_are_an_alternative_where_they_are_allowed() {
    let keys = both().api_key_store(MemoryStore::new()).build().unwrap();
    let names = |requirement| -> Vec<String> {
        let operation = stamped(&keys, requirement, "GET");
        let security = operation["security"].as_array().unwrap().iter();
        security.flat_map(|alternative| alternative.as_object().unwrap().keys().cloned()).collect()
    };
    assert_eq!(names(user()), ["default-login", "default-bearer", "default-cookie"]);
    assert_eq!(
        names(user().allow_api_keys()),
        ["default-login", "default-bearer", "default-basic", "default-cookie"]
    );
}

#[test]
fn scopes_stand_beside_the_login() {
    let security = |requirement| stamped(&bearer(), requirement, "GET")["security"].clone();
    assert_eq!(
        security(user().scopes(["a", "b"])),
        json!([{ "default-login": ["a", "b"] }, { "default-bearer": [] }])
    );
    assert_eq!(
        security(user().any_scope(["a", "b"])),
        json!([{ "default-login": ["a"] }, { "default-login": ["b"] }, { "default-bearer": [] }])
    );
}

/// Two headers of one kind.
#[derive(Debug)]
struct Header(&'static str);

impl Transport for Header {
    fn extract<'a>(&self, _: &'a dyn RequestHead, _: Purpose) -> Extracted<'a> {
        Extracted::Absent
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Header { name: self.0.into() }
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

#[test]
fn names_of_schemes_are_those_of_components_and_differ() {
    let config = AuthConfig::builder().application("My.Shop").secret(fauth_testing::SECRET).build().unwrap();
    let auth = fauth_testing::provider_with(config, &Users::new())
        .transport(Header("X-Token"))
        .transport(Header("X Token"))
        .danger_query_token("t");
    let auth = auth.build().unwrap();
    let mut document =
        json!({ "openapi": "3.1.0", "paths": { "/": { "get": stamped(&auth, user(), "GET") } } });
    Description::of(&auth).complete(&mut document);
    check_document(&document);
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    // Members stand in an order of their own if another crate of the build wants that of insertion.
    let names: BTreeSet<_> = schemes.keys().map(String::as_str).collect();
    assert_eq!(names, ["My.Shop-query", "My.Shop-x-token", "My.Shop-x-token-2"].into());
    assert_eq!(schemes["My.Shop-query"]["name"], "t");
}

fn document_of(auth: &Auth, mounts: &Mounts) -> Value {
    let described = endpoints(auth, mounts);
    let mut document = json!({ "openapi": "3.1.0", "paths": described.paths });
    Description::of(auth).complete(&mut document);
    check_document(&document);
    document
}

#[test]
fn endpoints_describe_themselves_where_they_are_mounted() {
    let auth = both().build().unwrap();
    let mounts = Mounts::of(&auth)
        .without(Endpoint::LogoutAll)
        .at(Endpoint::Login, "/signin")
        .at(Endpoint::Session, "/{tenant}/devices/{sid}");
    let document = document_of(&auth, &mounts);
    let paths: BTreeSet<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(paths, ["/logout", "/refresh", "/sessions", "/signin", "/{tenant}/devices/{sid}"].into());
    let login = &document["paths"]["/signin"]["post"];
    assert_eq!(login["security"], json!([]));
    assert_eq!(login["parameters"][0]["name"], "deliver");
    assert_eq!(statuses(login), ["200", "400", "401", "403", "408", "413", "415", "503"]);
    let logout = &document["paths"]["/logout"]["post"];
    assert_eq!(logout["security"].as_array().unwrap().last(), Some(&json!({})));
    let end = &document["paths"]["/{tenant}/devices/{sid}"]["delete"];
    assert_eq!(statuses(end), ["200", "400", "401", "403", "404", "503"]);
    assert!(end.get("requestBody").is_none());
    let login = &document_of(&bearer(), &Mounts::of(&bearer()))["paths"]["/login"]["post"];
    assert!(login.get("parameters").is_none());
    assert_eq!(statuses(login), ["200", "400", "401", "408", "413", "415", "503"]);
}

#[test]
fn refusals_have_the_form_of_the_provider() {
    let auth = fauth_testing::provider().renderer(ErrorJson::new()).build().unwrap();
    let document = document_of(&auth, &Mounts::of(&auth));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("AuthError") && !schemas.contains_key("AuthProblem"));
    let content = &document["paths"]["/sessions"]["get"]["responses"]["401"]["content"];
    assert_eq!(content["application/json"]["schema"]["$ref"], "#/components/schemas/AuthError");
}

#[test]
fn a_document_without_a_login_sends_nobody_to_one() {
    let auth = bearer();
    let operation = stamped(&auth, user().scope("a"), "GET");
    let mut document = json!({ "openapi": "3.1.0", "paths": { "/": { "get": operation } } });
    Description::of(&auth).complete(&mut document);
    check_document(&document);
    assert_eq!(document["paths"]["/"]["get"]["security"], json!([{ "default-bearer": [] }]));
    assert!(document["components"]["securitySchemes"].get("default-login").is_none());
}

/// An empty list of alternatives would say that anybody may call it.
#[test]
fn an_operation_that_only_a_login_opens_is_not_documented_as_open() {
    let auth = bearer();
    let mut operation = stamped(&auth, user().scope("a"), "GET");
    operation["security"] = json!([{ "default-login": ["a"] }]);
    let mut document = json!({ "openapi": "3.1.0", "paths": { "/": { "get": operation } } });
    Description::of(&auth).complete(&mut document);
    assert_eq!(document["paths"]["/"]["get"]["security"], json!([{ "default-login": ["a"] }]));
}

/// Each answer has the members that its schema names, and no others.
#[tokio::test]
async fn schemas_are_those_of_the_answers() {
    let auth = both().build().unwrap();
    let document = document_of(&auth, &Mounts::of(&auth));
    let schema = |name: &str| &document["components"]["schemas"][name];
    let answer = async |endpoint: Endpoint, request: WireRequest| {
        let body = request.body.clone();
        let call = endpoint.read(&auth, &request, Ok(&body));
        let reply = match call.answer(&auth).await {
            Ok(reply) => reply,
            Err(rejection) => auth.refuse(&rejection, &request),
        };
        serde_json::from_slice::<Value>(reply.body_bytes()).unwrap()
    };
    let form = "application/x-www-form-urlencoded";
    let login = || WireRequest::new("POST", "/login").body(form, "username=alice&password=s3cret");
    let tokens = answer(Endpoint::Login, login()).await;
    assert_fits(&tokens, schema("AuthTokens"));
    let page = login().header("sec-fetch-site", "same-origin");
    assert_fits(&answer(Endpoint::Login, page).await, schema("AuthCookies"));
    let token = tokens["access_token"].as_str().unwrap();
    let sessions = answer(Endpoint::Sessions, WireRequest::new("GET", "/sessions").bearer(token)).await;
    assert_fits(&sessions, schema("AuthSessions"));
    let session = &schema("AuthSessions")["properties"]["sessions"]["items"];
    assert_fits(&sessions["sessions"][0], session);
    let logout = WireRequest::new("POST", "/logout").bearer(token);
    assert_fits(&answer(Endpoint::Logout, logout).await, schema("AuthLoggedOut"));
    let refused = answer(Endpoint::Sessions, WireRequest::new("GET", "/sessions")).await;
    assert_fits(&refused, schema("AuthProblem"));
}

#[track_caller]
fn assert_fits(answer: &Value, schema: &Value) {
    let members = answer.as_object().unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(members.contains_key(required.as_str().unwrap()), "{required} is missing in {answer}");
    }
    for (name, value) in members {
        let property = schema["properties"].get(name);
        assert!(property.is_some(), "{name} is not in the schema");
        let property = property.unwrap();
        let fits = match property["type"].as_str() {
            _ if property["nullable"] == true && value.is_null() => true,
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            _ => true,
        };
        assert!(fits, "{name}: {value} is not of {property}");
    }
}

#[cfg(feature = "utoipa")]
mod in_types_of_utoipa {
    use ::utoipa::openapi::OpenApi;
    use fauth_core::openapi::utoipa;

    use super::*;

    /// What crosses over is the same on the other side, whatever the transports are.
    #[test]
    fn nothing_is_lost() {
        let with_keys = both().api_key_store(MemoryStore::new()).build().unwrap();
        for auth in [bearer(), cookies(), with_keys] {
            let mounts = Mounts::of(&auth);
            let json = endpoints(&auth, &mounts);
            let typed = serde_json::to_value(utoipa::endpoints_of(&auth, &mounts)).unwrap();
            assert_eq!(typed["paths"], Value::Object(json.paths));
            let mut schemas = serde_json::to_value(json.schemas).unwrap();
            for member in ["client", "address"] {
                let session = &mut schemas["AuthSessions"]["properties"]["sessions"]["items"];
                let member = session["properties"][member].as_object_mut().unwrap();
                assert_eq!(member.remove("nullable"), Some(json!(true)));
                member.insert("type".into(), json!(["string", "null"]));
            }
            assert_eq!(typed["components"]["schemas"], schemas);
        }
    }

    #[test]
    fn operations_of_one_path_are_joined_and_none_is_lost() {
        let document = |method: &str| -> OpenApi {
            let operation = json!({ "responses": {} });
            let paths = json!({ "/a": { method: operation } });
            let info = json!({ "title": "", "version": "" });
            serde_json::from_value(json!({ "openapi": "3.1.0", "info": info, "paths": paths })).unwrap()
        };
        let mut kept = document("get");
        utoipa::merge(&mut kept, document("put"), str::to_owned).unwrap();
        assert!(kept.paths.paths["/a"].get.is_some() && kept.paths.paths["/a"].put.is_some());
        let before = kept.clone();
        let lost = utoipa::merge(&mut kept, document("put"), str::to_owned);
        assert_eq!(lost, Err("PUT /a".to_owned()));
        assert!(kept == before);
    }
}

/// Tokens of other issuers have a scheme that says where to get one.
#[cfg(feature = "trusted-issuers")]
mod trusted_issuers {
    use fauth_core::{
        AuthConfig, AuthProvider, AuthProviderBuilder, Requirement, async_trait,
        openapi::Description,
        remote::{Fetch, FetchError, FetchRequest, FetchResponse, JwksSource},
        token::Algorithm,
        trusted_issuer::TrustedIssuer,
    };
    use fauth_testing::{TestUser, Users, openapi::check_document};
    use serde_json::{Value, json};

    use super::{stamped, user};

    /// Documents are made without asking anybody.
    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl Fetch for Nobody {
        async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
            Ok(FetchResponse::new(503, ""))
        }
    }

    fn issuer(name: &str) -> TrustedIssuer {
        TrustedIssuer::new(name, JwksSource::discover(name, Nobody).unwrap())
            .audience("https://api.example.com")
            .algorithms([Algorithm::ES256])
    }

    fn resource_server(issuer: TrustedIssuer) -> AuthProviderBuilder<TestUser> {
        AuthProvider::resource_server(issuer)
            .user_loader(Users::new().user_loader())
            .danger_share_application()
    }

    fn documented(auth: &AuthProvider<TestUser>, requirement: Requirement) -> (Value, Value) {
        let mut operation = stamped(auth, requirement, "GET");
        operation["operationId"] = json!("reports");
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": "x", "version": "1" },
            "paths": { "/reports": { "get": operation } },
        });
        Description::of(auth).complete(&mut document);
        check_document(&document);
        let security = document["paths"]["/reports"]["get"]["security"].clone();
        (security, document["components"]["securitySchemes"].clone())
    }

    #[test]
    fn a_resource_server_names_where_its_issuer_is_described() {
        let auth = resource_server(issuer("https://login.example.com/realms/shop")).build().unwrap();
        let (security, schemes) = documented(&auth, user().scope("orders:read"));
        assert_eq!(security, json!([{ "default-openid": ["orders:read"] }]));
        assert_eq!(schemes.as_object().unwrap().len(), 1, "{schemes}");
        assert_eq!(schemes["default-openid"]["type"], "openIdConnect");
        assert_eq!(
            schemes["default-openid"]["openIdConnectUrl"],
            "https://login.example.com/realms/shop/.well-known/openid-configuration"
        );
    }

    #[test]
    fn each_issuer_is_an_alternative() {
        let auth = resource_server(issuer("https://a.example/")).trusted_issuer(issuer("https://b.example"));
        let (security, schemes) = documented(&auth.build().unwrap(), user());
        assert_eq!(security, json!([{ "default-openid": [] }, { "default-openid-2": [] }]));
        assert_eq!(
            schemes["default-openid"]["openIdConnectUrl"],
            "https://a.example/.well-known/openid-configuration"
        );
        assert_eq!(
            schemes["default-openid-2"]["openIdConnectUrl"],
            "https://b.example/.well-known/openid-configuration"
        );
    }

    #[test]
    fn own_tokens_and_issuers_without_a_document_stay_bearer_tokens() {
        let keys = JwksSource::url("https://keys.example/jwks", Nobody).unwrap();
        let without_document = TrustedIssuer::new("https://c.example", keys)
            .audience("https://api.example.com")
            .algorithms([Algorithm::ES256]);
        let auth = resource_server(without_document).build().unwrap();
        let (security, schemes) = documented(&auth, user());
        assert_eq!(security, json!([{ "default-bearer": [] }]));
        assert_eq!(schemes["default-bearer"]["scheme"], "bearer");

        let config = AuthConfig::builder().secret("own-secret-4f1c9a7be02d8365-abcdefghij").build().unwrap();
        let auth = fauth_testing::provider_with(config, &Users::new()).danger_share_application();
        let auth = auth
            .trusted_issuer(issuer("https://a.example"))
            .foreign_user_loader(Users::new().user_loader())
            .build()
            .unwrap();
        let (security, _) = documented(&auth, user());
        assert_eq!(
            security,
            json!([{ "default-bearer": [] }, { "default-openid": [] }]),
            "and no login, because the document has none"
        );
    }
}

#[cfg(feature = "mandates")]
#[test]
fn what_is_asked_of_mandates_is_in_the_document() {
    let auth = bearer();
    let asked = user().scope("pay").targets(["t"]).delegation().chain_contains(["a"]).max_hops(2);
    let operation = stamped(&auth, asked, "POST");
    let expected = json!({
        "scopes": ["pay"], "targets": ["t"], "delegation": true, "chain_contains": ["a"], "max_hops": 2,
    });
    assert_eq!(operation["x-requirement"], expected);
    assert_eq!(statuses(&operation), ["400", "401", "403", "503"]);
    let session = stamped(&auth, user().session(), "GET");
    assert_eq!(session["x-requirement"], json!({ "agent_session": true }));
    assert_eq!(statuses(&session), ["400", "401", "403", "503"]);
    // Another use is answered as no mandate at all.
    let of_any_use = stamped(&auth, user().any_use(), "GET");
    assert_eq!(of_any_use["x-requirement"], json!({ "use": "any" }));
    assert_eq!(statuses(&of_any_use), ["400", "401", "503"]);
}
