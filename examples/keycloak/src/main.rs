//! A service that trusts a Keycloak realm: no secret, no store, no password. Users, roles and
//! logins are in Keycloak.
//!
//! In the realm, the service is a client of its own (here `shop-api`) with the roles that it
//! requires (here `keeper`). The tokens of clients that call it, such as a page, need its name in
//! their audience: tokens of users with one of its roles have that, and an *audience* mapper adds
//! it for all users. The scope `orders:read` is a client scope.
//!
//! ```sh
//! KEYCLOAK_ISSUER=https://login.example.com/realms/shop \
//! KEYCLOAK_CLIENT=shop-api \
//! RESOURCE=https://api.example.com \
//! cargo run -p keycloak
//!
//! curl http://127.0.0.1:3000/me -H "Authorization: Bearer $ACCESS_TOKEN"
//! curl http://127.0.0.1:3000/.well-known/oauth-protected-resource
//! ```

use std::{env, io, net::SocketAddr};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use fauth_axum::{CurrentUser, SecureRouter, auth_routes};
use fauth_core::{
    AuthProvider, AuthUser, BoxError, ResourceMetadata, TokenPayload,
    remote::Fetch,
    trusted_issuer::{ClaimMapping, TrustedIssuer},
};
use fauth_remote::HttpFetch;
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let auth = provider(&Settings::from_env()?, HttpFetch::new()?)?;
    // So that the first request does not wait for keys. The service starts without them too.
    if let Err(error) = auth.warm_up().await {
        tracing::warn!(%error, "there are no keys yet");
    }
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("keycloak listens on http://{ADDRESS}");
    axum::serve(listener, app(auth).into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

struct Settings {
    /// The URL of the realm, as in the `iss` of its tokens.
    issuer: String,
    /// The name of this service in the realm.
    client: String,
    /// The URL of this service for its clients.
    resource: String,
}

impl Settings {
    fn from_env() -> Result<Self, BoxError> {
        let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
        Ok(Self {
            issuer: variable("KEYCLOAK_ISSUER")?,
            client: variable("KEYCLOAK_CLIENT")?,
            resource: variable("RESOURCE")?,
        })
    }
}

/// The user that Keycloak names, for the lifetime of the token.
struct User {
    subject: String,
    name: String,
    roles: Vec<String>,
}

impl User {
    fn of(token: &TokenPayload) -> Self {
        let name = token.claim("preferred_username").ok().flatten();
        Self {
            subject: token.subject().to_owned(),
            name: name.unwrap_or_else(|| token.subject().to_owned()),
            roles: token.roles().map(str::to_owned).collect(),
        }
    }
}

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.subject
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }
}

fn provider(settings: &Settings, fetch: impl Fetch) -> Result<AuthProvider<User>, BoxError> {
    let issuer = TrustedIssuer::keycloak(&*settings.issuer, &*settings.client, fetch)?
        // The roles of this client only: roles of the realm may be assigned by other
        // administrators.
        .claims(ClaimMapping::new().roles_of_client(&*settings.client));
    #[cfg(test)]
    let issuer = issuer.algorithms([fauth_core::token::Algorithm::ES256]);
    let metadata = ResourceMetadata::new(&*settings.resource).scopes_supported(["orders:read"]);
    let auth = AuthProvider::resource_server(issuer)
        .user_from_claims(User::of)
        .resource_metadata(metadata)
        .build()?;
    Ok(auth)
}

fn app(auth: AuthProvider<User>) -> Router {
    let keepers = SecureRouter::new(&auth).require_roles(["keeper"]).route("/", get(keeper));
    let orders =
        SecureRouter::new(&auth).require_scopes(["orders:read"]).route("/", get(async || "no orders yet"));
    Router::new()
        .merge(auth_routes(&auth))
        .route("/me", get(me))
        .route("/health", get(health))
        .nest_service("/keeper", keepers)
        .nest_service("/orders", orders)
        .with_state(auth)
}

async fn me(user: CurrentUser<User>) -> String {
    format!("Hello {}", user.name)
}

async fn keeper(user: CurrentUser<User>) -> String {
    format!("Hello keeper {}", user.name)
}

/// For monitoring: can tokens be verified?
async fn health(State(auth): State<AuthProvider<User>>) -> (StatusCode, &'static str) {
    if auth.health().key_sources.iter().all(|source| source.is_usable) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no keys")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fauth_core::clock::{Clock as _, SystemClock, Timestamp};
    use fauth_testing::{ForeignIssuer, TestClient as _, WireRequest, WireResponse};
    use serde_json::{Value, json};

    use super::*;

    const DISCOVERY: &str = include_str!("../recorded/openid-configuration.json");
    const ACCESS_TOKEN: &str = include_str!("../recorded/access-token.json");
    const ID_TOKEN: &str = include_str!("../recorded/id-token.json");

    /// A server on this machine that plays back recorded responses of Keycloak over HTTP.
    struct Keycloak {
        issuer: ForeignIssuer,
        now: Timestamp,
    }

    impl Keycloak {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/realms/shop", listener.local_addr().unwrap());
            let issuer = ForeignIssuer::new(&*url);
            let (discovery, keys): (Arc<str>, Arc<str>) =
                (DISCOVERY.replace("{issuer}", &url).into(), issuer.jwks().into());
            let realm = Router::new()
                .route(
                    "/realms/shop/.well-known/openid-configuration",
                    get(move || async move { discovery.to_string() }),
                )
                .route(
                    "/realms/shop/protocol/openid-connect/certs",
                    get(move || async move { keys.to_string() }),
                );
            tokio::spawn(axum::serve(listener, realm).into_future());
            Self { issuer, now: SystemClock.now().unwrap() }
        }

        /// A recorded token, issued now, with these claims replaced.
        fn token(&self, recorded: &str, changes: &Value) -> String {
            let recorded = recorded.replace("{issuer}", self.issuer.issuer());
            let mut claims: Value = serde_json::from_str(&recorded).unwrap();
            let now = self.now.unix_seconds();
            claims["iat"] = json!(now);
            claims["exp"] = json!(now + 300);
            for (name, value) in changes.as_object().unwrap() {
                claims[name] = value.clone();
            }
            let header = r#"{"alg":"ES256","typ":"JWT","kid":"key-1"}"#;
            self.issuer.token("", self.now).header_text(header).claims_text(claims.to_string()).sign()
        }
    }

    struct Service {
        keycloak: Keycloak,
        auth: AuthProvider<User>,
        client: Router,
    }

    impl Service {
        async fn start() -> Self {
            let keycloak = Keycloak::start().await;
            let settings = Settings {
                issuer: keycloak.issuer.issuer().to_owned(),
                client: "shop-api".to_owned(),
                resource: "https://api.example.com".to_owned(),
            };
            let auth = provider(&settings, HttpFetch::new().unwrap()).unwrap();
            Self { keycloak, client: app(auth.clone()), auth }
        }

        async fn get(&self, path: &str, token: &str) -> WireResponse {
            self.client.send(WireRequest::new("GET", path).bearer(token)).await
        }
    }

    #[tokio::test]
    async fn an_access_token_opens_what_its_roles_and_scopes_allow() {
        let service = Service::start().await;
        let token = service.keycloak.token(ACCESS_TOKEN, &json!({}));
        assert_eq!(service.get("/me", &token).await.text(), "Hello alice");
        assert_eq!(service.get("/keeper", &token).await.text(), "Hello keeper alice");
        assert_eq!(service.get("/orders", &token).await.status, 200);

        let roles = json!({ "realm_access": { "roles": ["keeper"] }, "resource_access": {} });
        let other = service.keycloak.token(ACCESS_TOKEN, &roles);
        assert_eq!(service.get("/me", &other).await.status, 200);
        assert_eq!(service.get("/keeper", &other).await.status, 403, "a role of the realm is another one");
        let narrow = service.keycloak.token(ACCESS_TOKEN, &json!({ "scope": "openid" }));
        let refused = service.get("/orders", &narrow).await;
        assert_eq!(refused.status, 403);
        assert!(refused.header("www-authenticate").concat().contains("scope=\"orders:read\""));
    }

    #[tokio::test]
    async fn tokens_of_other_kinds_audiences_and_issuers_are_refused() {
        let service = Service::start().await;
        let bad = [
            service.keycloak.token(ID_TOKEN, &json!({})),
            service.keycloak.token(ACCESS_TOKEN, &json!({ "aud": "account" })),
            service.keycloak.token(ACCESS_TOKEN, &json!({ "typ": "Refresh" })),
            service.keycloak.token(ACCESS_TOKEN, &json!({ "iss": "https://login.example.com/realms/shop" })),
            service.keycloak.token(ACCESS_TOKEN, &json!({ "exp": 1 })),
        ];
        for token in &bad {
            assert_eq!(service.get("/me", token).await.status, 401);
        }
    }

    #[tokio::test]
    async fn a_client_without_a_token_learns_where_to_get_one() {
        let service = Service::start().await;
        let refused = service.client.send(WireRequest::new("GET", "/me")).await;
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.header("www-authenticate"),
            ["Bearer realm=\"fauth\", \
              resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\""]
        );
        let metadata = WireRequest::new("GET", "/.well-known/oauth-protected-resource");
        let metadata = service.client.send(metadata).await.json();
        assert_eq!(metadata["resource"], "https://api.example.com");
        assert_eq!(metadata["authorization_servers"], json!([service.keycloak.issuer.issuer()]));
        assert_eq!(metadata["scopes_supported"], json!(["orders:read"]));
    }

    #[tokio::test]
    async fn the_health_of_the_service_is_that_of_its_keys() {
        let service = Service::start().await;
        let health = || service.client.send(WireRequest::new("GET", "/health"));
        assert_eq!(health().await.status, 503);
        service.auth.warm_up().await.unwrap();
        assert_eq!(health().await.status, 200);
    }
}
