//! Refusals in a custom form: JSON as the company's clients expect it, and a page for browsers.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p own-errors
//!
//! curl -i http://127.0.0.1:3000/me
//! curl -i http://127.0.0.1:3000/me -H 'Accept: text/html'
//! curl -i http://127.0.0.1:3000/login -d username=alice -d password=wrong
//! curl http://127.0.0.1:3000/login -d username=alice -d password='correct horse battery'
//! curl -i http://127.0.0.1:3000/admin/ -H "Authorization: Bearer $ACCESS_TOKEN"
//! ```

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use fauth_axum::{CurrentUser, SecureRouter, auth_routes};
use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser, BoxError, ConfigError, MemoryStore, Rejection,
    TokenPayload,
    rejection::Renderer,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};
use serde_json::json;
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let app = routes(&provider(settings()?).build()?);
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("own-errors listens on http://{ADDRESS}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Reads the settings from the environment; the default name of the application is this program's.
fn settings() -> Result<AuthConfig, ConfigError> {
    AuthConfig::from_env_or(|name| (name == "FAUTH_APPLICATION").then(|| "own-errors".to_owned()))
}

fn provider(config: AuthConfig) -> AuthProviderBuilder<User> {
    AuthProvider::builder(config)
        .user_loader(async |token: Arc<TokenPayload>| Ok::<_, Infallible>(find(token.subject())))
        .identity_loader(async |name: String| Ok::<_, Infallible>(find(&name)))
        .store(MemoryStore::new())
        .renderer(CompanyErrors) // for guards, extractors and the ready-made endpoints alike
}

fn routes(auth: &AuthProvider<User>) -> Router {
    let admin = SecureRouter::new(auth).require_roles(["admin"]).route("/", get(async || "For admins\n"));
    Router::new()
        .merge(auth_routes(auth))
        .route("/me", get(me))
        .nest_service("/admin", admin)
        .with_state(auth.clone())
}

async fn me(CurrentUser(user): CurrentUser<User>) -> String {
    format!("Hello {}\n", user.name)
}

/// The form of every refusal. A renderer sets the body and its type. fauth adds the challenge
/// (`WWW-Authenticate`), `Retry-After`, `Allow` and `Cache-Control: no-store`, whatever the
/// renderer does.
///
/// A closure `|rejection: &Rejection, head: &dyn RequestHead| -> Reply` would also work.
struct CompanyErrors;

impl Renderer for CompanyErrors {
    fn render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        // Keep the status: clients, proxies and browsers act on it.
        let reply = Reply::new(rejection.status());
        // The body depends on `Accept`, so caches must know.
        let reply = reply.header(ResponseHeader::new("vary", "accept"));
        if prefers_html(head) {
            reply.body("text/html; charset=utf-8", page(rejection))
        } else {
            reply.body("application/json", json_body(rejection))
        }
    }
}

/// Browsers name `text/html` when they open a page. Scripts and programs do not, unless they want
/// it.
fn prefers_html(head: &dyn RequestHead) -> bool {
    let accept = head.header("accept");
    accept.single().is_some_and(|types| types.starts_with(b"text/html"))
}

/// `code` is for programs and stable, `message` is for people and may change. Never show
/// `rejection.reason()`: it is for the log, and reveals more than a caller should know.
fn json_body(rejection: &Rejection) -> String {
    let error = json!({ "code": rejection.code(), "message": rejection.detail() });
    json!({ "ok": false, "error": error }).to_string()
}

fn page(rejection: &Rejection) -> String {
    let (title, advice) = match rejection {
        Rejection::MissingCredential | Rejection::InvalidToken(_) => ("Please log in", ""),
        Rejection::Forbidden(_) => ("This page is not for you", "Ask an administrator for access."),
        rejection if rejection.status() >= 500 => ("Something went wrong", "Please try again later."),
        _ => ("That did not work", ""),
    };
    // Fixed texts, and a sentence that may name a role: text in a page is escaped.
    let detail = escape_html(&rejection.detail());
    format!("<!doctype html><title>{title}</title><h1>{title}</h1><p>{detail}.</p><p>{advice}</p>")
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

// --- The user, in place of your database --------------------------------------------------------

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

/// Alice, who is not an admin.
fn find(name: &str) -> Option<User> {
    (name == "alice").then(|| User { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use fauth_testing::{RequestBody, TestAuth, TestClient as _, WireRequest, WireResponse};
    use serde_json::Value;

    use super::*;

    fn service() -> (TestAuth<User>, Router) {
        let auth = TestAuth::with_builder(provider(fauth_testing::config())).unwrap();
        let app = routes(&auth);
        (auth, app)
    }

    /// Like a browser that follows a link.
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    fn error(code: &str, message: &str) -> Value {
        json!({ "ok": false, "error": { "code": code, "message": message } })
    }

    const MISSING: &str = "Bearer realm=\"fauth\"";
    const INSUFFICIENT: &str = "Bearer realm=\"fauth\", error=\"insufficient_scope\", \
                                error_description=\"The request needs more rights than the token gives\"";

    /// fauth sets the status, the challenge and `Cache-Control: no-store`, whatever the body is.
    fn is_refused(response: &WireResponse, status: u16, challenge: &str) {
        assert_eq!((response.status, response.header("www-authenticate")), (status, vec![challenge]));
        assert_eq!(response.header("cache-control"), ["no-store"]);
        assert_eq!(response.header("vary"), ["accept"]);
    }

    #[tokio::test]
    async fn programs_get_json_in_the_form_of_the_company() {
        let (auth, app) = service();
        let nobody = app.send(WireRequest::get("/me")).await;
        is_refused(&nobody, 401, MISSING);
        assert_eq!(nobody.header("content-type"), ["application/json"]);
        assert_eq!(nobody.json(), error("missing_credential", "Not authenticated"));

        let alice = auth.login_as("alice").await;
        let forbidden = app.send(WireRequest::get("/admin/").with(&alice)).await;
        is_refused(&forbidden, 403, INSUFFICIENT);
        assert_eq!(forbidden.json(), error("missing_role", "Missing role: admin"));
        assert_eq!(app.send(WireRequest::get("/me").with(&alice)).await.text(), "Hello alice\n");
    }

    #[tokio::test]
    async fn browsers_get_a_page() {
        let (auth, app) = service();
        let nobody = app.send(WireRequest::get("/me").header("accept", BROWSER)).await;
        is_refused(&nobody, 401, MISSING);
        assert_eq!(nobody.header("content-type"), ["text/html; charset=utf-8"]);
        assert!(nobody.text().contains("<h1>Please log in</h1>"), "{}", nobody.text());

        let alice = auth.login_as("alice").await;
        let forbidden = app.send(WireRequest::get("/admin/").with(&alice).header("accept", BROWSER)).await;
        is_refused(&forbidden, 403, INSUFFICIENT);
        assert!(forbidden.text().contains("Missing role: admin"), "{}", forbidden.text());
    }

    /// The endpoints of `auth_routes` use the renderer too.
    #[tokio::test]
    async fn a_failed_login_has_the_same_form() {
        let (_, app) = service();
        let form = RequestBody::form([("username", "alice"), ("password", "wrong")]);
        let refused = app.send(WireRequest::post("/login").with_body(form)).await;
        is_refused(&refused, 401, MISSING);
        assert_eq!(refused.json(), error("invalid_credentials", "Invalid credentials"));
    }

    #[test]
    fn what_is_put_into_a_page_is_escaped() {
        assert_eq!(escape_html("<b>\"&\"</b>"), "&lt;b&gt;&quot;&amp;&quot;&lt;/b&gt;");
    }
}
