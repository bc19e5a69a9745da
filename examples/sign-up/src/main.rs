//! A sign-up that logs in, scopes by role, and one application for browsers and programs.
//!
//! ```sh
//! FAUTH_SECRET_KEY=$(openssl rand -hex 32) cargo run -p sign-up
//!
//! # A program gets its tokens in the body.
//! curl http://127.0.0.1:3000/sign-up -d name=alice -d password='correct horse battery'
//! curl http://127.0.0.1:3000/notes -H "Authorization: Bearer $ACCESS_TOKEN"
//!
//! # A browser says where it comes from, and gets cookies.
//! curl -i http://127.0.0.1:3000/login -H 'Origin: http://127.0.0.1:3000' \
//!     -d username=alice -d password='correct horse battery'
//! ```
//!
//! The cookies lack `Secure`, because this example has no TLS: with TLS, leave `danger_insecure`
//! out.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Form, Router,
    extract::{FromRef, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use fauth_axum::{CurrentUser, Head, SecureRouter, auth_routes, respond};
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, ConfigError, LoginRequest, MemoryStore, Rejection,
    TokenClaims, TokenPayload,
    password::{NewPassword, PasswordError},
    rejection::Unavailable,
    transport::{BearerTransport, CookieTransport},
};
use serde::Deserialize;
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let app = app(settings()?)?;
    let listener = TcpListener::bind(ADDRESS).await?;
    eprintln!("sign-up listens on http://{ADDRESS}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// Reads the settings from the environment; the default name of the application is this program's.
fn settings() -> Result<AuthConfig, ConfigError> {
    AuthConfig::from_env_or(|name| (name == "FAUTH_APPLICATION").then(|| "sign-up".to_owned()))
}

fn app(config: AuthConfig) -> Result<Router, BoxError> {
    let users = Users::default();
    let (by_id, by_name) = (users.clone(), users.clone());
    let auth = AuthProvider::builder(config)
        .user_loader(move |token: Arc<TokenPayload>| {
            let found = by_id.find(token.subject());
            async move { io::Result::Ok(found) }
        })
        .identity_loader(move |name: String| {
            let found = by_name.find(&name);
            async move { io::Result::Ok(found) }
        })
        .token_claims(claims)
        .store(MemoryStore::new())
        .transport(BearerTransport::new())
        .transport(CookieTransport::new().danger_insecure())
        .build()?;
    let notes = SecureRouter::new(&auth).require_scopes(["read"]).route("/", get(read));
    let write = SecureRouter::new(&auth).require_scopes(["write"]).route("/", post(write));
    Ok(Router::new()
        .merge(auth_routes(&auth)) // login, refresh, logout, sessions
        .route("/sign-up", post(sign_up))
        .nest_service("/notes", notes)
        .nest_service("/notes/new", write)
        .with_state(App { auth, users }))
}

#[derive(Clone)]
struct App {
    auth: AuthProvider<User>,
    users: Users,
}

/// Lets `CurrentUser` find the provider.
impl FromRef<App> for AuthProvider<User> {
    fn from_ref(app: &App) -> Self {
        app.auth.clone()
    }
}

/// The claims of a user's tokens beside the subject, loaded at each login and each refresh.
async fn claims(user: Arc<User>) -> io::Result<TokenClaims> {
    let claims = TokenClaims::new().scope("read");
    Ok(if user.is_editor { claims.scope("write") } else { claims })
}

async fn read(CurrentUser(user): CurrentUser<User>) -> String {
    format!("The notes of {}\n", user.name)
}

async fn write() -> &'static str {
    "Written\n"
}

// --- Signing up --------------------------------------------------------------------------------

#[derive(Deserialize)]
struct SignUp {
    name: String,
    password: String,
}

async fn sign_up(State(app): State<App>, head: Parts, Form(form): Form<SignUp>) -> Response {
    let head = Head::from(&head);
    match app.register(&head, &form).await {
        Ok(response) => response,
        Err(rejection) => respond(app.auth.refuse_in_handler(&rejection, &head)),
    }
}

impl App {
    async fn register(&self, head: &Head<'_>, form: &SignUp) -> Result<Response, Rejection> {
        // First check whether this request may log in at all: a refused one creates no account. The
        // body alone, by its password, proves who the user is, so a page may keep its tokens
        // (`?deliver=body`).
        let login = self.auth.begin_login(head, true)?;
        // Hashing is queued with the logins, by the client's address. A password that is too short,
        // or close to the name, is refused before.
        let password = NewPassword::new(&form.password).identifier(&form.name);
        let password_hash = match self.auth.hash_new_password(login.client(), &password).await {
            Ok(hash) => hash,
            Err(PasswordError::Unacceptable(why)) => {
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")).into_response());
            }
            Err(PasswordError::Busy { retry_after }) => return Err(Rejection::Busy { retry_after }),
            Err(_) => return Err(Rejection::Unavailable(Unavailable::PasswordHasher)),
        };
        let Some(user) = self.users.add(&form.name, password_hash) else {
            return Ok((StatusCode::CONFLICT, "The name is taken\n").into_response());
        };
        login.finish(LoginRequest::for_user(&*user)).await.map(respond)
    }
}

// --- The users: a list in memory, in place of your database ------------------------------------

struct User {
    name: String,
    password_hash: String,
    is_editor: bool,
}

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.name
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }
}

#[derive(Clone, Default)]
struct Users(Arc<Mutex<Vec<Arc<User>>>>);

impl Users {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<User>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Option<Arc<User>> {
        self.all().iter().find(|user| user.name == name).cloned()
    }

    /// The first user is an editor. `None` if the name is taken or invalid.
    fn add(&self, name: &str, password_hash: String) -> Option<Arc<User>> {
        let mut all = self.all();
        let is_taken = all.iter().any(|user| user.name == name);
        if name.is_empty() || name.len() > 64 || is_taken {
            return None;
        }
        let user = Arc::new(User { name: name.to_owned(), password_hash, is_editor: all.is_empty() });
        all.push(Arc::clone(&user));
        Some(user)
    }
}

#[cfg(test)]
mod tests {
    use fauth_testing::{RequestBody, TestClient as _, WireRequest, WireResponse};

    use super::*;

    fn sign_up(name: &str, password: &str) -> WireRequest {
        let form = RequestBody::form([("name", name), ("password", password)]);
        WireRequest::post("/sign-up").with_body(form)
    }

    fn access_token(response: &WireResponse) -> String {
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["access_token"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_program_signs_up_and_has_the_scopes_of_its_user() {
        let app = app(fauth_testing::config()).unwrap();
        for (name, may_write) in [("alice", 200), ("bob", 403)] {
            let token = access_token(&app.send(sign_up(name, "correct horse battery")).await);
            let read = app.send(WireRequest::get("/notes/").bearer(&token)).await;
            assert_eq!(read.text(), format!("The notes of {name}\n"));
            let write = app.send(WireRequest::post("/notes/new/").bearer(&token)).await;
            assert_eq!(write.status, may_write, "{name}");
        }
        assert_eq!(app.send(sign_up("alice", "correct horse battery")).await.status, 409);
        for (name, password) in [("carol", ""), ("carol", "correct horse"), ("carolina", "carolina-carolina")]
        {
            assert_eq!(app.send(sign_up(name, password)).await.status, 422, "{password}");
        }
    }

    #[tokio::test]
    async fn a_page_signs_up_and_has_cookies() {
        let app = app(fauth_testing::config()).unwrap();
        let page = |site| sign_up("alice", "correct horse battery").header("sec-fetch-site", site);
        assert_eq!(app.send(page("cross-site")).await.status, 403);
        let signed_up = app.send(page("same-origin")).await;
        assert_eq!(signed_up.status, 200, "no account was made before: {}", signed_up.text());
        assert!(!signed_up.text().contains("access_token"), "{}", signed_up.text());
        let set = signed_up.header("set-cookie").into_iter();
        let cookies: Vec<_> = set.filter_map(|cookie| cookie.split(';').next()).collect();
        let read = app.send(WireRequest::get("/notes/").header("cookie", cookies.join("; "))).await;
        assert_eq!(read.text(), "The notes of alice\n");
    }
}
