//! axum-login 0.18 with tower-sessions and its store in memory: no token, a session that a cookie
//! names.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    routing::get,
};
use axum_login::{
    AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, AuthzBackend, UserId, permission_required,
};
use tower::Service as _;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use super::applications::WELCOME;
use crate::{
    Result,
    in_process::now,
    token::{ROLE, ROLES, SUBJECT},
};

#[derive(Debug)]
struct Record {
    id: String,
    password_hash: Vec<u8>,
    roles: Vec<String>,
}

/// The crate clones its users; this one is cheap to clone.
#[derive(Debug, Clone)]
struct Member(Arc<Record>);

impl AuthUser for Member {
    type Id = String;

    fn id(&self) -> String {
        self.0.id.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.0.password_hash
    }
}

/// Always has the one user at hand.
#[derive(Clone)]
struct Members(Member);

impl AuthnBackend for Members {
    type User = Member;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<Member>, Infallible> {
        Ok(Some(self.0.clone()))
    }

    async fn get_user(&self, _: &UserId<Self>) -> Result<Option<Member>, Infallible> {
        Ok(Some(self.0.clone()))
    }
}

impl AuthzBackend for Members {
    type Permission = &'static str;

    /// Spares it the sets of the default.
    async fn has_perm(&self, user: &Member, permission: &'static str) -> Result<bool, Infallible> {
        Ok(user.0.roles.iter().any(|role| role == permission))
    }
}

/// The application, and the cookie of somebody who has logged in.
pub(super) fn app() -> Result<(Router, HeaderValue)> {
    let roles = ROLES.map(str::to_owned).into();
    let record = Record { id: SUBJECT.to_owned(), password_hash: b"$2b$12$".repeat(8), roles };
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let layer = AuthManagerLayerBuilder::new(Members(Member(Arc::new(record))), sessions).build();
    let mut app = Router::new()
        .route("/", get(async |_: AuthSession<Members>| WELCOME))
        .route_layer(permission_required!(Members, ROLE))
        .route("/login", get(log_in))
        .layer(layer);
    let request = Request::builder().uri("/login").body(Body::empty())?;
    let response = now(app.call(request))?;
    let cookie = response.headers().get(header::SET_COOKIE).ok_or("the login sets no cookie")?;
    let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
    Ok((app, HeaderValue::from_str(pair)?))
}

async fn log_in(mut session: AuthSession<Members>) -> Result<(), StatusCode> {
    let user = session.authenticate(()).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    session.login(&user).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
