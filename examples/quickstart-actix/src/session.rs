//! Pages for browsers: a sign-in with a form, a dashboard, a page for admins, a sign-out; and one
//! action for scripts.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Form, FormConfig, Json, JsonConfig, get, post},
};
use fauth_actix::{
    AuditedScope, CsrfToken, CurrentSession, Head, Refused, Visitor, guests_only, require_permissions,
    require_roles, require_user, respond, visitor,
};
use fauth_core::{
    AuthProvider, LoginRequest, LogoutRequest, Rejection, redirect::LocalTarget, request::RequestHead as _,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    desk::{Desk, change},
    pages::{self, refusals},
    users::User,
};

/// Longer bodies are refused.
const LIMIT: usize = 16 * 1024;

/// Everything under `/session`.
///
/// One call distinguishes a page from an action: with `pages`, a refused browser is redirected to
/// the sign-in page or sees why; without it, the response is a status and a document.
pub fn routes(auth: &AuthProvider<User>) -> AuditedScope {
    AuditedScope::new("/session")
        .app_data(FormConfig::default().limit(LIMIT))
        .app_data(JsonConfig::default().limit(LIMIT))
        .resource("/style.css", get().to(style))
        .guarded("/about", visitor(auth).pages(refusals()), get().to(about))
        .guarded(
            "/sign-in",
            guests_only(auth).home(pages::DASHBOARD).pages(refusals()),
            [get().to(show_sign_in), post().to(sign_in)],
        )
        .guarded("/dashboard", require_user(auth).pages(refusals()), get().to(dashboard))
        .guarded("/admin", require_roles(auth, ["admin"]).pages(refusals()), get().to(admin))
        .guarded("/sign-out", require_user(auth).pages(refusals()), post().to(sign_out))
        .guarded("/notes", require_permissions(auth, ["write"]), post().to(add_note))
}

async fn style() -> HttpResponse {
    respond(pages::style())
}

async fn about(Visitor(visitor): Visitor<User>) -> HttpResponse {
    respond(pages::about(&visitor))
}

/// The redirect after the sign-in: a page of this application only.
fn next(head: Head<'_>) -> Option<LocalTarget> {
    LocalTarget::from_query(head.query(), "next")
}

async fn show_sign_in(request: HttpRequest) -> HttpResponse {
    respond(pages::sign_in(next(Head::from(&request)).as_ref()))
}

#[derive(Deserialize)]
struct SignIn {
    identifier: String,
    password: String,
    /// Present if the box is ticked.
    remember: Option<String>,
}

async fn sign_in(
    auth: Data<AuthProvider<User>>,
    request: HttpRequest,
    Form(form): Form<SignIn>,
) -> Result<HttpResponse, Refused> {
    let head = Head::from(&request);
    let (login, next) = (auth.begin_login(&head, false)?, next(Head::from(&request)));
    match auth.authenticate(&form.identifier, &form.password, login.client()).await {
        Ok(user) => {
            let home = || LocalTarget::parse(pages::DASHBOARD).unwrap_or(LocalTarget::root());
            let wanted = LoginRequest::from(&user)
                .payload(&Desk::default())
                .remember(form.remember.is_some())
                .redirect_to(next.unwrap_or_else(home));
            Ok(respond(login.finish(wanted).await?))
        }
        Err(Rejection::InvalidCredentials) => {
            Ok(respond(pages::wrong_password(next.as_ref(), &form.identifier)))
        }
        Err(rejection) => Err(rejection.into()),
    }
}

async fn dashboard(
    Visitor(visitor): Visitor<User>,
    CurrentSession(mut session): CurrentSession<User>,
    token: CsrfToken<User>,
) -> Result<HttpResponse, Refused> {
    let desk = change(&mut session, Desk::visit).await?;
    Ok(respond(pages::dashboard(&visitor, &desk, &token)))
}

async fn admin(Visitor(visitor): Visitor<User>, token: CsrfToken<User>) -> HttpResponse {
    respond(pages::admin(&visitor, &token))
}

/// By POST only: a link or an image cannot sign a user out.
async fn sign_out(auth: Data<AuthProvider<User>>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let form = LocalTarget::parse(pages::SIGN_IN).unwrap_or(LocalTarget::root());
    let wanted = LogoutRequest::new().redirect_to(form);
    Ok(respond(auth.logout_reply(&Head::from(&request), wanted).await?))
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

/// For scripts: refusals are problem documents, and never redirects.
async fn add_note(
    CurrentSession(mut session): CurrentSession<User>,
    Json(note): Json<Note>,
) -> Result<Json<Value>, Refused> {
    let desk = change(&mut session, |desk| desk.add(&note.text)).await?;
    Ok(Json(json!({ "notes": desk.notes })))
}
