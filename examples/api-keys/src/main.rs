//! API keys: users create, list and revoke keys for their programs.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p api-keys
//!
//! curl http://127.0.0.1:3000/login -d username=alice -d password='correct horse battery'
//! curl http://127.0.0.1:3000/keys -H "Authorization: Bearer $ACCESS_TOKEN" \
//!   --json '{"name": "deploy", "scopes": ["reports:read"]}'
//! curl http://127.0.0.1:3000/reports -H "Authorization: Bearer $KEY"
//! curl http://127.0.0.1:3000/reports -u "__token__:$KEY"
//! curl http://127.0.0.1:3000/me -H "Authorization: Bearer $KEY"
//! curl http://127.0.0.1:3000/keys -H "Authorization: Bearer $ACCESS_TOKEN"
//! curl -X DELETE http://127.0.0.1:3000/keys/$ID -H "Authorization: Bearer $ACCESS_TOKEN"
//! ```

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use fauth_axum::{CurrentUser, Grant, Refused, SecureRouter, auth_routes, require, require_scope};
use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser, BoxError, ConfigError, MemoryStore, Rejection,
    Requirement, TokenPayload,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    store::{ApiKey, ApiKeyId},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let app = routes(&provider(settings()?).build()?);
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("api-keys listens on http://{ADDRESS}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Reads the settings from the environment; the default name of the application is this program's.
fn settings() -> Result<AuthConfig, ConfigError> {
    AuthConfig::from_env_or(|name| (name == "FAUTH_APPLICATION").then(|| "api-keys".to_owned()))
}

fn provider(config: AuthConfig) -> AuthProviderBuilder<User> {
    AuthProvider::builder(config)
        .user_loader(async |token: Arc<TokenPayload>| Ok::<_, Infallible>(find(token.subject())))
        .identity_loader(async |name: String| Ok::<_, Infallible>(find(&name)))
        .store(MemoryStore::new()) // keys are kept there too, as hashes
        .api_key_prefix("acme") // so that scanners of published code recognise a key: `acme_…`
        .api_key_scopes([SCOPE, "tickets:read"]) // what users may give to their keys
}

fn routes(auth: &AuthProvider<User>) -> Router {
    // Keys are managed with a login, and not with a key: a requirement admits no key unless it
    // names one.
    let keys = SecureRouter::new(auth).route("/", get(list).post(create)).route("/{id}", delete(revoke));
    Router::new()
        .merge(auth_routes(auth))
        .nest_service("/keys", keys)
        // Open to keys with this scope only: the tokens of `POST /login` have no scopes.
        .route("/reports", get(reports).layer(require_scope(auth, SCOPE)))
        // Open to every key of the user, and to login tokens.
        .route("/me", get(me).layer(require(auth, Requirement::user().allow_api_keys())))
        .with_state(auth.clone())
}

const SCOPE: &str = "reports:read";

async fn reports() -> &'static str {
    "2026-10, 2026-11\n"
}

async fn me(CurrentUser(user): CurrentUser<User>) -> String {
    format!("Hello {}\n", user.name)
}

#[derive(Deserialize)]
struct NewKey {
    name: String,
    scopes: Vec<String>,
}

/// `?` answers like a guard, with any error of the provider's methods: 401 for a login that is too
/// old, 422 with a sentence for an invalid key request.
async fn create(
    State(auth): State<AuthProvider<User>>,
    Grant(granted): Grant<User>,
    body: Result<Json<NewKey>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(NewKey { name, scopes }) = body.map_err(|_| Rejection::InvalidRequest)?;
    // For the user of the grant, never for one named in the body. If the login is older than
    // fifteen minutes, the user is told to log in again.
    let new = auth.create_api_key(&granted, ApiKeyRequest::new(name).scopes(scopes)).await?;
    // The key is shown only this once.
    let body = json!({ "key": new.expose(), "about": about(new.key()) });
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

async fn list(
    State(auth): State<AuthProvider<User>>,
    CurrentUser(user): CurrentUser<User>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(auth.api_keys(&user.name).await?.iter().map(about).collect()))
}

async fn revoke(
    State(auth): State<AuthProvider<User>>,
    CurrentUser(user): CurrentUser<User>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let id = ApiKeyId::parse(&id).ok_or(Rejection::NotFound)?;
    // Of this user: another user's key is as unknown as a key that never existed.
    if auth.revoke_api_key(&user.name, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Rejection::NotFound)?
    }
}

/// A key in a list. Its text is not available: only its hash is stored.
fn about(key: &ApiKey) -> Value {
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "scopes": key.scopes,
        "created_at": key.created_at.unix_seconds(),
        "expires_at": key.expires_at.unix_seconds(),
        "last_used_at": key.last_used_at.map(Timestamp::unix_seconds),
    })
}

// --- The users, in place of your database -------------------------------------------------------

struct User {
    name: String,
}

/// The hash of `correct horse battery`, made by `AuthProvider::hash_password`.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$R/t1S8eMVgtoTDz2x5xtdg$SHRClXfDN0NQ/4BUckZkgyt4w8e8SIR16+CEb5WCFuU";

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.name
    }

    fn password_hash(&self) -> Option<&str> {
        Some(PASSWORD_HASH)
    }

    fn is_active(&self) -> bool {
        true
    }
}

fn find(name: &str) -> Option<User> {
    ["alice", "bob"].contains(&name).then(|| User { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use fauth_testing::{
        RequestHeaders, TestAuth, TestClient as _, WireRequest, WireResponse, assert_access,
    };

    use super::*;

    struct Service {
        auth: TestAuth<User>,
        app: Router,
    }

    impl Service {
        fn new() -> Self {
            let auth = TestAuth::with_builder(provider(fauth_testing::config())).unwrap();
            let app = routes(&auth);
            Self { auth, app }
        }

        async fn get(&self, path: &str, key: &str) -> WireResponse {
            self.app.send(WireRequest::get(path).bearer(key)).await
        }

        async fn create(&self, user: &RequestHeaders, body: Value) -> WireResponse {
            self.app.send(WireRequest::post("/keys").with(user).with_body(body)).await
        }

        async fn revoke(&self, user: &RequestHeaders, id: &str) -> u16 {
            self.app.send(WireRequest::new("DELETE", &format!("/keys/{id}")).with(user)).await.status
        }
    }

    fn deploy(scopes: &[&str]) -> Value {
        json!({ "name": "deploy", "scopes": scopes })
    }

    /// The key and its id.
    fn made(response: &WireResponse) -> (String, String) {
        assert_eq!((response.status, response.header("cache-control")), (201, vec!["no-store"]));
        let body = response.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["key"]), text(&body["about"]["id"]))
    }

    #[tokio::test]
    async fn a_key_opens_what_its_scopes_allow_and_manages_no_keys() {
        let Service { auth, app } = Service::new();
        assert_access!(auth, app, {
            let key = auth.api_key_for("alice").scope(SCOPE);
            let other = auth.api_key_for("alice").scope("tickets:read");

            | route                            | anonymous | alice | key | other |
            |----------------------------------|-----------|-------|-----|-------|
            | GET "/reports"                   |    401    |  403  | 200 |  403  |
            | GET "/me"                        |    401    |  200  | 200 |  200  |
            | GET "/keys"                      |    401    |  200  | 403 |  403  |
            | POST "/keys" (deploy(&[SCOPE]))  |    401    |  201  | 403 |  403  |
            | DELETE "/keys/none"              |    401    |  404  | 403 |  403  |
        });
    }

    #[tokio::test]
    async fn keys_are_listed_and_revoked_by_their_owner() {
        let service = Service::new();
        let (alice, bob) = (service.auth.login_as("alice").await, service.auth.login_as("bob").await);
        let (key, id) = made(&service.create(&alice, deploy(&[SCOPE])).await);
        assert!(key.starts_with("acme_"));
        let list = |user| service.app.send(WireRequest::get("/keys").with(user));
        let keys = list(&alice).await;
        assert_eq!((&keys.json()[0]["id"], &keys.json()[0]["name"]), (&json!(id), &json!("deploy")));
        assert!(!keys.text().contains(&key), "the key itself is shown once");
        assert_eq!(list(&bob).await.json(), json!([]));

        assert_eq!(service.revoke(&bob, &id).await, 404);
        assert_eq!(service.revoke(&alice, "no-id").await, 404);
        assert_eq!(service.get("/reports", &key).await.text(), "2026-10, 2026-11\n");
        assert_eq!(service.revoke(&alice, &id).await, 204);
        assert_eq!(service.revoke(&alice, &id).await, 404);
        assert_eq!(service.get("/reports", &key).await.status, 401);
    }

    #[tokio::test]
    async fn impossible_requests_are_explained() {
        let service = Service::new();
        let alice = service.auth.login_as("alice").await;
        let refused = service.create(&alice, deploy(&["two words"])).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains("scope"));
        let refused = service.create(&alice, deploy(&[SCOPE, "users:delete"])).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains("not among those that users may give to their API keys"));
        let refused = service.create(&alice, json!({ "name": 1 })).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_request")));
    }
}
