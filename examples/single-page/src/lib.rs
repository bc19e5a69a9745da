//! A static page of three files (`page/`), and its service.
//!
//! The tokens are in cookies that no script can read. `page/page.js` signs in, refreshes once when
//! a request is answered with 401, repeats the request, and shows the sign-in form when the session
//! has ended.
//!
//! The page is served twice: beside the API, and from a second origin, from which it needs
//! [`cors`].

#![expect(missing_debug_implementations, reason = "a user holds a password hash, which no log needs")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{FromRef, State},
    http::{HeaderName, HeaderValue, Method, header},
    routing::{delete, get},
};
use fauth_axum::{CurrentUser, SecureRouter, auth_routes};
use fauth_core::{AuthConfig, AuthProvider, BoxError, CsrfTokens, MemoryStore, transport::CookieTransport};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::cors::{AllowOrigin, CorsLayer};

mod page;
mod users;

pub use page::page;
pub use users::{User, Users};

/// Access token and refresh token in cookies, CSRF tokens, and a second origin whose page may send
/// the cookies.
///
/// # Errors
/// If the address is not one of this machine: other addresses need TLS for the cookies.
pub fn provider(
    config: AuthConfig,
    users: Users,
    address: SocketAddr,
    page_origin: &str,
) -> Result<AuthProvider<User>, BoxError> {
    Ok(AuthProvider::builder(config)
        .user_loader(users.clone())
        .identity_loader(users)
        .store(MemoryStore::new())
        .transport(CookieTransport::new().insecure_on_loopback(address.ip())?)
        .trusted_origin(page_origin)
        .csrf_tokens(CsrfTokens::new())
        .build()?)
}

/// The page, the ready-made endpoints, and the API.
///
/// # Errors
/// If the origin is not a valid header value.
pub fn app(auth: &AuthProvider<User>, page_origin: &str) -> Result<Router, BoxError> {
    let state = App { auth: auth.clone(), notes: Notes::default() };
    let api = SecureRouter::with_state(auth, state.clone())
        .route("/me", get(me))
        .route("/notes", get(list).post(add));
    let admins =
        SecureRouter::with_state(auth, state).require_roles(["admin"]).route("/notes", delete(clear));
    Ok(Router::new()
        .merge(auth_routes(auth)) // login, refresh, logout, sessions
        .nest_service("/api", api)
        .nest_service("/api/admin", admins)
        .merge(page(None))
        .layer(cors(page_origin)?)) // last: outside the groups, so that it sees preflights and refusals
}

/// Lets the page of another origin call this service with the user's cookies.
///
/// The origin is also a [trusted one](fauth_core::AuthProviderBuilder::trusted_origin) of the
/// provider: this layer says which scripts may read responses, the provider which pages may send
/// unsafe requests. With `AllowOrigin::list`, and not `exact`, the responses to other origins have
/// no `Access-Control-Allow-Origin`.
///
/// # Errors
/// If the origin is not a valid header value.
pub fn cors(page_origin: &str) -> Result<CorsLayer, BoxError> {
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list([HeaderValue::from_str(page_origin)?]))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, HeaderName::from_static("x-csrf-token")])
        .max_age(Duration::from_secs(600)))
}

#[derive(Clone)]
struct App {
    auth: AuthProvider<User>,
    notes: Notes,
}

/// Lets `CurrentUser` find the provider.
impl FromRef<App> for AuthProvider<User> {
    fn from_ref(app: &App) -> Self {
        app.auth.clone()
    }
}

async fn me(CurrentUser(user): CurrentUser<User>) -> Json<Value> {
    Json(json!({ "name": user.name, "roles": user.roles }))
}

async fn list(State(app): State<App>) -> Json<Vec<Note>> {
    app.notes.all()
}

async fn add(
    State(app): State<App>,
    CurrentUser(user): CurrentUser<User>,
    Json(new): Json<NewNote>,
) -> Json<Vec<Note>> {
    let text = new.text.chars().take(LONGEST_NOTE).collect();
    app.notes.add(Note { author: user.name, text })
}

async fn clear(State(app): State<App>) -> Json<Vec<Note>> {
    app.notes.clear()
}

// --- The notes: a list in memory, in place of your database -----------------------------------

/// How many are kept, the newest ones.
const MOST_NOTES: usize = 20;
/// In characters; the rest is cut off.
const LONGEST_NOTE: usize = 200;

#[derive(Deserialize)]
struct NewNote {
    text: String,
}

#[derive(Clone, Serialize)]
struct Note {
    author: &'static str,
    text: String,
}

/// The newest one first.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<VecDeque<Note>>>);

impl Notes {
    fn locked(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Json<Vec<Note>> {
        Json(self.locked().iter().cloned().collect())
    }

    fn add(&self, note: Note) -> Json<Vec<Note>> {
        let mut notes = self.locked();
        notes.push_front(note);
        notes.truncate(MOST_NOTES);
        drop(notes);
        self.all()
    }

    fn clear(&self) -> Json<Vec<Note>> {
        self.locked().clear();
        self.all()
    }
}
