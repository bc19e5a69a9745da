//! The conformance suite: the same named cases for every adapter.
//!
//! The `tests/conformance.rs` of an adapter builds the suite's [application](App) with its
//! framework, implements [`Harness`], and calls [`conformance!`](crate::conformance!), which
//! expands to one `#[test]` for each case. Every case states what it expects, and the *whole*
//! response (status, all headers, body) is compared with that of the core without a framework,
//! [`Direct`].
//!
//! Cases about tokens of other issuers need the feature `trusted-issuers`, cases about mandates the
//! feature `mandates`.
//!
//! # The application
//!
//! `auth` and `other` are [`App::auth`] and [`App::other`]. The handlers are:
//! - `greet` takes `CurrentUser<TestUser>` and answers [`greeting`].
//! - `greet_maybe` takes `MaybeUser<TestUser>` and answers [`greeting`].
//! - `greet_grant` takes `Grant<TestUser>` and answers the [`greeting`] of its user.
//! - `show_token` takes `Token` and answers [`token_text`].
//! - `refuse` returns [`refusal`] of the request's query with `?`, as the `Refused` of its adapter.
//! - `show_visitor` takes `Visitor<TestUser>` and answers [`visitor_text`].
//! - `template` answers the same for the `Visitor<TestUser>` in the extensions of the request, and
//!   `no visitor` if there is none.
//! - `change` takes `CurrentSession<TestUser>` and answers [`session_reply`] of it and of the
//!   request's query, or returns its rejection with `?`.
//!
//! All routes answer `GET`; those marked * also answer `POST`. Paths under one guard:
//!
//! | path | guard | handler |
//! |---|---|---|
//! | `/open` | none | the text `open` |
//! | `/me` * | none | `greet` |
//! | `/maybe` * | none | `greet_maybe` |
//! | `/token` | none | `show_token` |
//! | `/grant` | none | `greet_grant` |
//! | `/forged` | none; a middleware puts a `TestUser` and an `Arc<TestUser>` into the extensions | `greet` |
//! | `/own/…` * | none | answers [`own_reply`] |
//! | `/refuse` | none | `refuse` |
//! | `/rendered/refuse` | none, `render_refusals(auth)` | `refuse` |
//! | `/guards/refuse` | `require_user(auth)` | `refuse` |
//! | `/guards/refuse-python` | `require_user(auth).renderer(DetailJson::new())` | `refuse` |
//! | `/guards/refuse-twice` | `require_user(auth)` outside, `require_user(auth).renderer(DetailJson::new())` inside | `refuse` |
//! | `/python/refuse` | the router wrapper with `renderer(DetailJson::new())` | `refuse` |
//! | `/guards/user` | `require_user(auth)` | `greet` |
//! | `/guards/active` | `require_active_user(auth)` | `greet` |
//! | `/guards/roles` | `require_roles(auth, ["admin", "user"])` | `greet` |
//! | `/guards/vector` | `require_roles(auth, vec!["admin".to_owned(), "user".to_owned()])` | `greet` |
//! | `/guards/no-roles` | `require_roles(auth, Vec::<String>::new())` | `greet` |
//! | `/guards/role` | `require_role(auth, Role::Admin)` | `greet` |
//! | `/guards/permission` | `require_permission(auth, "write")` | `greet` |
//! | `/guards/scope` | `require_scope(auth, "read")` | `greet` |
//! | `/guards/any-role` | `require_any_role(auth, [Role::Admin, Role::Auditor])` | `greet` |
//! | `/guards/permissions` | `require_permissions(auth, ["read", "write"])` | `greet` |
//! | `/guards/scopes` | `require_scopes(auth, ["read", "write"])` | `greet` |
//! | `/guards/custom` | `require(auth, `[`custom_requirement`]`())` | `greet` |
//! | `/guards/inactive` | `require(auth, Requirement::user().danger_allow_inactive())` | `greet` |
//! | `/guards/impossible` | `require(auth, Requirement::user().roles([""]))` | `greet` |
//! | `/guards/python` | `require_roles(auth, ["admin"]).renderer(DetailJson::new())` | `greet` |
//! | `/guards/token` | `require_user(auth)` | `show_token` |
//! | `/guards/twice` | `require_user(auth)` outside, `require_roles(auth, ["admin"])` inside | `greet` |
//! | `/guards/other` | `require_user(other)` | `greet` |
//! | `/guards/grant` | `require_user(auth)` | `greet_grant` |
//! | `/guards/keys` * | `require(auth, `[`keys_requirement`]`())` | `greet` |
//! | `/guards/keys-token` | the same | `show_token` |
//! | `/guards/keys-maybe` | the same | `greet_maybe` |
//! | `/guards/keys-or-admins` | `require(auth, `[`keys_or_admins`]`())` | `greet` |
//! | `/guards/keys-and-admins` | `require(auth, Requirement::user().roles(["admin"]).scopes(["read"]))` | `greet` |
//! | `/guards/keys-twice` | `require(auth, keys_requirement())` outside, `require_scopes(auth, ["read"])` inside | `greet` |
//! | `/guards/keys-outside` | `require(auth, keys_requirement())` outside, `require_user(auth)` inside | `greet` |
//! | `/guards/keys-inside` | `require_user(auth)` outside, `require(auth, keys_requirement())` inside | `greet` |
//! | `/guards/recent` | `require(auth, `[`recent_requirement`]`())` | `greet` |
//! | `/keys/panel` | the router wrapper with `require(keys_requirement())` | `greet` |
//! | `/scoped/panel` | the router wrapper with `require_scopes(["read"])` | `greet` |
//! | `/scoped-admins/panel` | the router wrapper with `require_roles(["admin"])` and `require_scopes(["read"])` | `greet` |
//! | `/recent/panel` | the router wrapper with `require(recent_requirement())` | `greet` |
//! | `/guards/other-outside` | `require_user(other)` outside, `require_user(auth)` inside | `show_token` |
//! | `/guards/other-inside` | `require_user(auth)` outside, `require_user(other)` inside | `show_token` |
//! | `/guards/public` | `require_user(auth)` | the text `public`, with `Cache-Control: public, max-age=60` |
//! | `/visitors/maybe` * | `visitor(auth)` | `greet_maybe` |
//! | `/visitors/public` | `visitor(auth)` | as `/guards/public` |
//! | `/visitor` | none | `show_visitor` |
//! | `/visitors/show` * | `visitor(auth)` | `show_visitor` |
//! | `/visitors/guarded` | `visitor(auth)` outside, `require_user(auth)` inside | `show_visitor` |
//! | `/visitors/other` | `visitor(other)` | `show_visitor` |
//! | `/visitors/template` | `visitor(auth)` | `template` |
//! | `/template` | none | `template` |
//! | `/guests/signin` * | `guests_only(auth).home("/dashboard")` | the text `sign in` |
//! | `/guests/default` | `guests_only(auth)` | the text `sign in` |
//! | `/guests/home` | `guests_only(auth).home("/guests/home")` | the text `sign in` |
//! | `/guests/broken` | `guests_only(auth).home("//evil.example")` | the text `sign in` |
//! | `/guests/other` | `guests_only(other)` | the text `sign in` |
//! | `/pages/dashboard` * | `require_user(auth).pages("/signin")` | `greet` |
//! | `/pages/admin` | `require_role(auth, "admin").pages("/signin")` | `greet` |
//! | `/pages/own-admin` | `require_role(auth, "admin").pages(`[`site_pages`]`())` | `greet` |
//! | `/pages/unauthorized` | `require_user(auth).pages(site_pages())` | `greet` |
//! | `/pages/locked` | `require_role(auth, "admin").pages(`[`locked_pages`]`())` | `greet` |
//! | `/pages/recent` | `require(auth, recent_requirement()).pages(site_pages())` | `greet` |
//! | `/pages/confirm` | the same | `greet` |
//! | `/pages/recent-plain` | `require(auth, recent_requirement()).pages("/signin")` | `greet` |
//! | `/pages/action` * | `require_role(auth, "admin").renderer(ProblemJson::new())` | `greet` |
//! | `/pages/signin` * | `require_user(auth).pages("/pages/signin")` | `greet` |
//! | `/pages/broken` | `require_user(auth).pages("https://evil.example/signin")` | `greet` |
//! | `/pages/failing` | `require_role(auth, "admin").pages(`[`failing_pages`]`())` | `greet` |
//! | `/pages/refuse` | `require_user(auth).pages("/signin")` | `refuse` |
//! | `/pages/caspian` * | `require_role(auth, "admin")`, renderer `CaspianRpc` | `greet` |
//! | `/pages/fastpluggy` * | `require_role(auth, "admin")`, renderer `FastPluggyJson` | `greet` |
//! | `/pages/fastware` * | `require_role(auth, "admin")`, renderer `FastwareJson` | `greet` |
//! | `/site/panel` | the router wrapper with `pages("/signin")` | `greet` |
//! | `/all-roles/panel` | the router wrapper with `require_roles(["admin", "user"])` | `greet` |
//! | `/one-role/panel` | the router wrapper with `require_any_role(["admin", "auditor"])` | `greet` |
//! | `/all-permissions/panel` | the router wrapper with `require_permissions(["read", "write"])` | `greet` |
//! | `/all-scopes/panel` | the router wrapper with `require_scopes(["read", "write"])` | `greet` |
//! | `/each/panel` | the router wrapper with `require_role("admin")`, `require_permission("write")` and `require_scope("read")` | `greet` |
//! | `/added/panel` | the router wrapper with `require_any_role(["user", "auditor"])`, `require_permissions(["read"])`, `require_scopes(["read"])`, `renderer(DetailJson::new())` and `require_roles(["admin"])`, in this order | `greet` |
//! | `/admins/panel` | the router wrapper with `require_roles(["admin"])` | `greet` |
//! | `/python/panel` | the router wrapper with `renderer(DetailJson::new())` | `greet` |
//! | `/foreign/panel`, `/foreign/token` | the router wrapper of `other`, in the application of `auth` | `greet`, `show_token` |
//! | `/empty` | the router wrapper without any route | |
//! | `/group/…` | the router wrapper | |
//! | `/browser/session` * | none | `change` |
//! | `/browser/user/session` * | `require_user(auth)` | `change` |
//! | `/browser/admin/session` * | `require_roles(auth, ["admin"])` | `change` |
//! | `/browser/twice/session` * | `require_user(auth)`, outside and inside | `change` |
//! | `/browser/visitor/session` * | `visitor(auth)` | `change` |
//! | `/browser/own/{name}` * | none | answers [`browser_reply`] |
//! | `/browser/user/own/{name}` * | `require_user(auth)` | the same |
//! | `/browser/visitor/own/{name}` * | `visitor(auth)` | the same |
//! | `/session/sign-in` * | `guests_only(auth).home("/session/dashboard").pages(`[`small_site_pages`]`())` | `session_page`: takes `Visitor<TestUser>`, `CurrentSession<TestUser>` and the body, and answers [`session_page_reply`], or returns its rejection with `?` |
//! | `/session/dashboard` *, `/session/sign-out` * | `require_user(auth).pages(small_site_pages())` | the same |
//! | `/session/admin` * | `require_role(auth, "admin").pages(small_site_pages())` | the same |
//! | `/session/about` * | `visitor(auth).pages(small_site_pages())` | the same |
//! | `/session/notes` * | `require_permission(auth, "write")` | the same |
//! | `/csrf/form` * | `require_user(auth)` | `GET`: `show_csrf`, which takes `CsrfToken<TestUser>` and answers [`csrf_text`]; `POST`: `echo`, which takes the bytes of the body and answers them |
//! | `/csrf/twice` * | `require_user(auth)` outside, `require_user(auth)` inside | the same |
//! | `/csrf/admin` * | `require_role(auth, "admin")` | the same |
//! | `/csrf/visitor` * | `visitor(auth)` | the same |
//! | `/csrf/open` * | none | the same |
//! | `/csrf/exempt`, `/csrf/exempt/`, `/csrf/exempt-not` * | `require_user(auth)` | the same |
//! | `/limits/open` * | `limit(auth, "2/minute")` | the text `open` |
//! | `/limits/windows` | `limit(auth, "2/10 seconds, 3/minute")` | the text `open` |
//! | `/limits/tenant` | `limit(auth, `[`tenant_limit`]`())` | the text `open` |
//! | `/limits/two` | `limit(auth, "2/minute").and(tenant_limit())` | the text `open` |
//! | `/limits/shared`, `/limits/shared-too` | `limit(auth, `[`shared_limit`]`())` | the text `open` |
//! | `/limits/broken` | `limit(auth, "0/minute")` | the text `open` |
//! | `/limits/fastware` | `limit(auth, "1/minute").renderer(FastwareJson::new())` | the text `open` |
//! | `/limits/me` | `limit(auth, "2/minute")` | `greet` |
//! | `/limits/address` | `require_user(auth).limit("2/minute")` | `greet` |
//! | `/limits/user` | `require_user(auth).limit(Limit::per_user("2/minute"))` | `greet` |
//! | `/limits/user-inside` | `require_user(auth)` outside, `limit(auth, Limit::per_user("2/minute"))` inside | `greet` |
//! | `/limits/key` | `require(auth, keys_requirement()).limit(Limit::per_api_key("1/minute"))` | `greet` |
//! | `/limits/python` | `require_user(auth).limit("1/minute").renderer(DetailJson::new())` | `greet` |
//! | `/limited/panel` | the router wrapper with `limit(Limit::per_user("2/minute"))` and `limit("3/minute")` | `greet` |
//! | `/limits/signin` | `AuthRoutes` with the login alone, `limit(Endpoint::Login, "2/minute")`, and a page that answers the text `page` | |
//!
//! Inside `/group`: `/dashboard` `greet`; `/echo` `greet`, by `POST` only; `/nested/leaf` `greet`
//! in a nested router; `/merged` `greet` in a merged router; `/mounted/…` a service of the
//! framework without handler, answering the text `raw`; `/admin` `greet` behind
//! `require_roles(auth, ["admin"])`; `/public` as `/guards/public`; `/late` `greet`, added last.
//! The ready-made endpoints are at the root, and once more below `/moved`, where there are only
//! `POST /moved/signin`, `POST /moved/logout` and `DELETE /moved/devices/{sid}`: [`moved_mounts`].
//! `GET` at the first and the last of them is a page that answers the text `page`.
//!
//! # The application behind path rules
//!
//! With [`App::ruled`], the application has these routes instead, behind its rules.
//!
//! | path | guard | handler |
//! |---|---|---|
//! | `/` | none | the text `home` |
//! | `/open` *, `/administrator`, `/admin.json` | none | the text `open` |
//! | `/signin` * | none | the text `sign in` |
//! | `/me` *, `/admin`, `/admin/users`, `/admin/audit`, `/admin/reports`, `/admin/help` | none | `greet` |
//! | `/maybe` | none | `greet_maybe` |
//! | `/visitor` | none | `show_visitor` |
//! | `/token` | none | `show_token` |
//! | `/refuse` | none | `refuse` |
//! | `/assets/style.css` | none | as `/guards/public` |
//! | `/raw/…` | none | a service of the framework without handler, answering the text `raw` |
//! | `/guarded` | `require_roles(auth, ["admin"])` | `greet` |
//! | `/group/dashboard` | the router wrapper | `greet` |

pub mod answers;
pub mod api_keys;
pub mod applications;
pub mod bearer;
pub mod bodies;
pub mod browser_sessions;
pub mod claims;
pub mod clients;
pub mod cookies;
pub mod csrf;
pub mod delivery;
pub mod endpoints;
pub mod extractors;
pub mod failures;
pub mod groups;
pub mod guests;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_claims;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_keys;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_logins;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_tenants;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_tokens;
#[cfg(feature = "trusted-issuers")]
pub mod issuer_users;
#[cfg(feature = "trusted-issuers")]
mod issuers;
pub mod limits;
pub mod login;
#[cfg(feature = "mandates")]
pub mod mandate_answers;
#[cfg(feature = "mandates")]
pub mod mandate_claims;
#[cfg(feature = "mandates")]
pub mod mandate_requirements;
#[cfg(feature = "mandates")]
pub mod mandate_revocation;
#[cfg(feature = "mandates")]
pub mod mandate_rules;
#[cfg(feature = "mandates")]
pub mod mandate_tokens;
#[cfg(feature = "mandates")]
pub mod mandate_users;
#[cfg(feature = "mandates")]
mod mandates;
pub mod modes;
pub mod pages;
pub mod paths;
pub mod public_keys;
pub mod refusals;
pub mod requirements;
pub mod resource_metadata;
pub mod rules;
pub mod session_pages;
pub mod sessions;
pub mod throttle;
pub mod tokens;
pub mod transports;
pub mod visitors;

use crate::at_once;
use std::{future::Future, marker::PhantomData, net::IpAddr, pin::Pin, time::Duration};

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, ConfigError, CsrfToken, LoginRequest, LogoutRequest,
    Missing, OneTimePurpose, Purpose, RefreshRequest, Rejection, Requirement, RouteRules, SessionHandle,
    TokenPair, TokenPayload, TokenRequest,
    api_key::ApiKeyError,
    clock::Clock as _,
    limit::Limit,
    mounts::Mounts,
    password::{PasswordError, UnacceptablePassword},
    redirect::LocalTarget,
    rejection::{DetailJson, InvalidToken, Misconfigured, Pages},
    reply::Reply,
    request::RequestHead,
    routes::Endpoint,
    visitor::Visitor,
};

use super::{
    Direct, ManualClock, TestUser, Users, WireRequest, WireResponse, config, one_time_token, provider_with,
    provider_without_store,
};

/// What the suite's application is built from.
#[derive(Debug, Clone)]
pub struct App {
    /// The provider of the application.
    pub auth: AuthProvider<TestUser>,
    /// Another provider of the same user type, with another secret.
    pub other: AuthProvider<TestUser>,
    /// If set, the application is the one behind path rules.
    pub ruled: Option<Ruled>,
}

/// Path rules in front of an application, by `protect(auth, rules).home("/dashboard")`.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "adapters take it apart")]
pub struct Ruled {
    /// The rules, with whole paths.
    pub rules: RouteRules,
    /// Where the rules are placed.
    pub placement: Placement,
}

/// The place of path rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "adapters have to know both")]
pub enum Placement {
    /// Around the whole application.
    Around,
    /// Around its routes, which are mounted under `/site`.
    Inside,
}

impl Placement {
    /// Returns the path under which the routes are mounted.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Around => "",
            Self::Inside => "/site",
        }
    }
}

pub use session_pages::{session_page_reply, small_site_pages};

/// An adapter under test.
pub trait Harness {
    /// Whether its framework can receive a WebSocket over HTTP/2, by an extended CONNECT
    /// ([`WireRequest::protocol()`]). If not, `exchange` leaves the protocol out, and every CONNECT
    /// is refused.
    const HAS_EXTENDED_CONNECT: bool = true;

    /// Builds the application, sends it one request, from [`WireRequest::peer`] if that is set, and
    /// reads the whole response.
    fn exchange(app: &App, request: WireRequest) -> WireResponse;
}

/// Returns the response of `greet`.
pub fn greeting(user: Option<&TestUser>) -> String {
    format!("Hello {}", user.map_or("nobody", |user| &user.name))
}

/// Returns the response of the application's own endpoints at `/own/login`, `/own/proven`,
/// `/own/refresh` and `/moved/logout`.
pub fn own_reply(auth: &AuthProvider<TestUser>, head: &dyn RequestHead) -> OwnReply {
    let login = || LoginRequest::for_subject("alice");
    match head.path() {
        "/own/login" => Box::pin(auth.login_reply(head, login())),
        "/own/proven" => Box::pin(auth.login_reply(head, login().body_proves_user(true))),
        "/own/refresh" => Box::pin(auth.refresh_reply(head, RefreshRequest::new())),
        _ => Box::pin(auth.logout_reply(head, LogoutRequest::new())),
    }
}

/// Returns the response of the application's own sign-in and sign-out. The query of `…/login` sets
/// the login request: `payload`, a number that is kept; `bytes`, the length of another payload;
/// `validity`; `remember`; `next`, the path to which to redirect. `…/logout` knows `next` too.
pub fn browser_reply(auth: &AuthProvider<TestUser>, head: &dyn RequestHead) -> OwnReply {
    let next = LocalTarget::from_query(head.query(), "next");
    if head.path().ends_with("/logout") {
        let request = LogoutRequest::new();
        let request = next.into_iter().fold(request, LogoutRequest::redirect_to);
        return Box::pin(auth.logout_reply(head, request));
    }
    let mut request = LoginRequest::for_subject("alice");
    for pair in head.query().unwrap_or_default().split('&') {
        request = match pair.split_once('=').unwrap_or((pair, "")) {
            ("payload", number) => request.payload(&number.parse::<u32>().unwrap()),
            ("bytes", bytes) => request.payload(&"x".repeat(bytes.parse().unwrap())),
            ("validity", text) => request.validity(text),
            ("remember", _) => request.remember(true),
            _ => request,
        };
    }
    let request = next.into_iter().fold(request, LoginRequest::redirect_to);
    Box::pin(auth.login_reply(head, request))
}

/// Runs `change` and returns its response. The query says what to do: `set=5` puts a number into
/// the payload, `bytes=5` a longer one, `renew` gives the session a new id.
///
/// # Errors
/// The rejection of the session's method.
pub async fn session_reply(
    session: &mut SessionHandle<TestUser>,
    query: Option<&str>,
) -> Result<String, Rejection> {
    let done = match query.map(|query| query.split_once('=').unwrap_or((query, ""))) {
        Some(("set", number)) => session.update(&number.parse::<u32>().unwrap()).await?,
        Some(("bytes", bytes)) => session.update(&"x".repeat(bytes.parse().unwrap())).await?,
        Some(("renew", _)) => session.renew().await.map(|()| true)?,
        _ => true,
    };
    Ok(if done { session_text(session) } else { format!("changed meanwhile: {}", session_text(session)) })
}

/// Returns the text of `change` for a session: the user, the payload, and the seconds from the
/// login to the last extension, to the idle end, and to the end of the session.
pub fn session_text(session: &SessionHandle<TestUser>) -> String {
    let Some(user) = session.user() else {
        assert!(!session.is_authenticated() && session.id().is_none());
        return "nobody".to_owned();
    };
    assert!(session.is_authenticated());
    let payload = match session.payload::<u32>() {
        Ok(Some(number)) => number.to_string(),
        Ok(None) => "nothing".to_owned(),
        Err(_) => "something else".to_owned(),
    };
    let times = match (session.created_at(), session.last_seen_at(), session.idle_end(), session.ends_at()) {
        (Some(created), Some(seen), Some(idle), Some(ends)) => {
            let [seen, idle, ends] = [seen, idle, ends].map(|time| time.since(created).as_secs());
            format!("{seen} {idle} {ends}")
        }
        _ => "no times".to_owned(),
    };
    format!("{}: {payload}, {times}", user.name)
}

/// A future reply.
pub type OwnReply = Pin<Box<dyn Future<Output = Result<Reply, Rejection>> + Send>>;

/// The `Cache-Control` of handlers whose responses shared caches may keep.
pub const PUBLIC: &str = "public, max-age=60";

/// Returns the response of `show_token`.
pub fn token_text(token: &TokenPayload) -> String {
    let tenant: Option<String> = token.claim("tenant").unwrap();
    format!(
        "{} {} [{}] {}",
        token.purpose(),
        token.subject(),
        token.scopes().join(" "),
        tenant.as_deref().unwrap_or("-")
    )
}

/// Returns the endpoints mounted below `/moved`; adapters mount the same with their `AuthRoutes`.
pub fn moved_mounts(auth: &AuthProvider<TestUser>) -> Mounts {
    Mounts::of(auth)
        .only([Endpoint::Login, Endpoint::Logout, Endpoint::LogoutAll, Endpoint::Session])
        .without(Endpoint::LogoutAll)
        .at(Endpoint::Login, "/signin")
        .at(Endpoint::Session, "/devices/{sid}")
        .page(Endpoint::Login)
        .page(Endpoint::Session)
}

/// Returns the error or the response of `refuse`.
///
/// # Errors
/// Returns the [`Rejection`] that the query names: one of each kind with its own header, and of the
/// errors that become one.
pub fn refusal(query: Option<&str>) -> Result<String, Rejection> {
    Err(match query.and_then(|query| query.split('&').next()).unwrap_or_default() {
        "stale" => Rejection::StaleLogin { max_age: Duration::from_secs(900) },
        "forbidden" => Rejection::Forbidden(Missing::Scopes(vec!["write".into()])),
        "credentials" => Rejection::InvalidCredentials,
        "busy" => Rejection::Busy { retry_after: Duration::from_secs(3) },
        "not-found" => Rejection::NotFound,
        "no-store" => Rejection::Misconfigured(Misconfigured::NoStore),
        "mailed" => Rejection::InvalidToken(InvalidToken::UnknownUser),
        "key" => ApiKeyError::LimitReached.into(),
        "password" => PasswordError::Unacceptable(UnacceptablePassword::Empty).into(),
        _ => return Ok("not refused".to_owned()),
    })
}

/// Returns the response of `show_visitor`.
pub fn visitor_text(visitor: &Visitor<TestUser>) -> String {
    format!(
        "{} {} {} {} {} {}",
        visitor.is_authenticated(),
        visitor.display_name(),
        visitor.picture().unwrap_or("-"),
        visitor.has_role("admin"),
        visitor.has_permission("write"),
        serde_json::to_string(visitor).unwrap(),
    )
}

/// Returns the response of `show_csrf`.
pub fn csrf_text(token: &CsrfToken) -> String {
    assert_eq!(token.value().is_none(), token.hidden_field().is_empty());
    format!(
        "{} {} {} {} {}",
        token.value().unwrap_or("none"),
        token.header_name(),
        token.field_name(),
        token.cookie_name(),
        token.hidden_field(),
    )
}

/// Pages with every setting.
pub fn site_pages() -> Pages {
    Pages::new("/signin?lang=en")
        .forbidden_at("/pages/unauthorized")
        .sign_in_again_at("/pages/confirm")
        .error_page(|rejection: &Rejection| format!("<p>{} {}", rejection.status(), rejection.code()))
        .scripts(DetailJson::new())
}

/// Pages whose page for missing rights is itself refused to such users.
pub fn locked_pages() -> Pages {
    Pages::new("/signin").forbidden_at("/pages/locked")
}

/// Pages whose template fails.
pub fn failing_pages() -> Pages {
    Pages::new("/signin").error_page(|_: &Rejection| Err::<String, _>("the template is broken"))
}

/// The requirement of `/guards/custom`: an admin, or a user with the permission and the scope to
/// read.
pub fn custom_requirement() -> Requirement {
    Requirement::any_of([
        Requirement::user().roles(["admin"]),
        Requirement::user().permissions(["read"]).scopes(["read"]),
    ])
}

/// The requirement of `/guards/keys`: any user, also with an API key.
pub fn keys_requirement() -> Requirement {
    Requirement::user().allow_api_keys()
}

/// The requirement of `/guards/keys-or-admins`: a token or API key with the scope to read, or an
/// admin with a login.
pub fn keys_or_admins() -> Requirement {
    Requirement::any_of([Requirement::user().scopes(["read"]), Requirement::user().roles(["admin"])])
}

/// The requirement of `/guards/recent`: a login within the last fifteen minutes.
pub fn recent_requirement() -> Requirement {
    Requirement::user().login_within(Duration::from_secs(15 * 60))
}

/// The limit of `/limits/tenant`: by tenant, from the header `x-tenant`.
///
/// # Errors
/// Never.
pub fn tenant_limit() -> Result<Limit, ConfigError> {
    Limit::per_key("1/minute", |head| {
        let tenant = head.header("x-tenant").single()?;
        Some(String::from_utf8_lossy(tenant).into_owned())
    })
}

/// The limit of `/limits/shared`: one for all its routes.
///
/// # Errors
/// Never.
pub fn shared_limit() -> Result<Limit, ConfigError> {
    Limit::new("2/minute")?.named("shared")
}

/// Defines the cases of one group, and the macro that turns them into tests. `$` is passed in
/// because a macro that writes a macro cannot write it.
macro_rules! cases {
    ($d:tt $tests:ident in $module:ident; $($(#[doc = $doc:literal])* fn $name:ident($probe:ident) $body:block)*) => {
        $(
            $(#[doc = $doc])*
            #[allow(missing_docs, reason = "its name is a sentence that says what the case is")]
            pub fn $name<H: $crate::suite::Harness>() {
                #[allow(unused_mut, unused_assignments, reason = "a case may need another probe than the default one")]
                let mut $probe = $crate::suite::Probe::<H>::new();
                $body
            }
        )*

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $tests {
            ($d harness:ty) => {
                $(
                    // Written out in full: a framework's own `test` attribute may be in scope.
                    #[::core::prelude::v1::test]
                    fn $name() {
                        $crate::suite::$module::$name::<$d harness>();
                    }
                )*
            };
        }
    };
}
pub(crate) use cases;

/// Expands to one `#[test]` for each case of the [conformance suite](crate::suite), for the given
/// [`Harness`](crate::suite::Harness).
#[macro_export]
macro_rules! conformance {
    ($harness:ty) => {
        mod bearer {
            use super::*;
            $crate::__bearer_tests!($harness);
        }
        mod tokens {
            use super::*;
            $crate::__tokens_tests!($harness);
        }
        mod requirements {
            use super::*;
            $crate::__requirements_tests!($harness);
        }
        mod extractors {
            use super::*;
            $crate::__extractors_tests!($harness);
        }
        mod refusals {
            use super::*;
            $crate::__refusals_tests!($harness);
        }
        mod groups {
            use super::*;
            $crate::__groups_tests!($harness);
        }
        mod paths {
            use super::*;
            $crate::__paths_tests!($harness);
        }
        mod login {
            use super::*;
            $crate::__login_tests!($harness);
        }
        mod endpoints {
            use super::*;
            $crate::__endpoints_tests!($harness);
        }
        mod bodies {
            use super::*;
            $crate::__bodies_tests!($harness);
        }
        mod delivery {
            use super::*;
            $crate::__delivery_tests!($harness);
        }
        mod claims {
            use super::*;
            $crate::__claims_tests!($harness);
        }
        mod sessions {
            use super::*;
            $crate::__sessions_tests!($harness);
        }
        mod cookies {
            use super::*;
            $crate::__cookies_tests!($harness);
        }
        mod csrf {
            use super::*;
            $crate::__csrf_tests!($harness);
        }
        mod transports {
            use super::*;
            $crate::__transports_tests!($harness);
        }
        mod api_keys {
            use super::*;
            $crate::__api_keys_tests!($harness);
        }
        mod applications {
            use super::*;
            $crate::__applications_tests!($harness);
        }
        mod answers {
            use super::*;
            $crate::__answers_tests!($harness);
        }
        mod clients {
            use super::*;
            $crate::__clients_tests!($harness);
        }
        mod browser_sessions {
            use super::*;
            $crate::__browser_sessions_tests!($harness);
        }
        mod session_pages {
            use super::*;
            $crate::__session_pages_tests!($harness);
        }
        mod failures {
            use super::*;
            $crate::__failures_tests!($harness);
        }
        mod pages {
            use super::*;
            $crate::__pages_tests!($harness);
        }
        mod guests {
            use super::*;
            $crate::__guests_tests!($harness);
        }
        mod visitors {
            use super::*;
            $crate::__visitors_tests!($harness);
        }
        mod throttle {
            use super::*;
            $crate::__throttle_tests!($harness);
        }
        mod limits {
            use super::*;
            $crate::__limits_tests!($harness);
        }
        mod public_keys {
            use super::*;
            $crate::__public_keys_tests!($harness);
        }
        mod rules {
            use super::*;
            $crate::__rules_tests!($harness);
        }
        mod resource_metadata {
            use super::*;
            $crate::__resource_metadata_tests!($harness);
        }
        mod modes {
            use super::*;
            $crate::__modes_tests!($harness);
        }
        $crate::__issuers!($harness);
        $crate::__mandates!($harness);
    };
}

/// The cases about tokens of other issuers.
#[cfg(feature = "trusted-issuers")]
#[doc(hidden)]
#[macro_export]
macro_rules! __issuers {
    ($harness:ty) => {
        mod issuer_tokens {
            use super::*;
            $crate::__issuer_tokens_tests!($harness);
        }
        mod issuer_claims {
            use super::*;
            $crate::__issuer_claims_tests!($harness);
        }
        mod issuer_keys {
            use super::*;
            $crate::__issuer_keys_tests!($harness);
        }
        mod issuer_logins {
            use super::*;
            $crate::__issuer_logins_tests!($harness);
        }
        mod issuer_users {
            use super::*;
            $crate::__issuer_users_tests!($harness);
        }
        mod issuer_tenants {
            use super::*;
            $crate::__issuer_tenants_tests!($harness);
        }
    };
}

/// There are none without the feature `trusted-issuers`.
#[cfg(not(feature = "trusted-issuers"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __issuers {
    ($harness:ty) => {};
}

/// The cases about mandates.
#[cfg(feature = "mandates")]
#[doc(hidden)]
#[macro_export]
macro_rules! __mandates {
    ($harness:ty) => {
        mod mandate_tokens {
            use super::*;
            $crate::__mandate_tokens_tests!($harness);
        }
        mod mandate_claims {
            use super::*;
            $crate::__mandate_claims_tests!($harness);
        }
        mod mandate_requirements {
            use super::*;
            $crate::__mandate_requirements_tests!($harness);
        }
        mod mandate_rules {
            use super::*;
            $crate::__mandate_rules_tests!($harness);
        }
        mod mandate_revocation {
            use super::*;
            $crate::__mandate_revocation_tests!($harness);
        }
        mod mandate_answers {
            use super::*;
            $crate::__mandate_answers_tests!($harness);
        }
        mod mandate_users {
            use super::*;
            $crate::__mandate_users_tests!($harness);
        }
    };
}

/// There are none without the feature `mandates`.
#[cfg(not(feature = "mandates"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __mandates {
    ($harness:ty) => {};
}

/// The application of one case, with its users and its clock.
#[derive(Debug)]
pub struct Probe<H> {
    /// The users that the loaders find.
    pub users: Users,
    /// The clock of both providers.
    pub clock: ManualClock,
    /// What the application is built from.
    pub app: App,
    harness: PhantomData<H>,
}

impl<H: Harness> Probe<H> {
    /// Creates the default application.
    pub fn new() -> Self {
        Self::with(config(), |builder| builder)
    }

    /// Creates an application with options of the case.
    pub fn build(
        options: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        Self::with(config(), options)
    }

    /// Creates an application with settings and options of the case.
    pub fn with(
        config: AuthConfig,
        options: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let users = Users::new();
        let builder = options(provider_with(config, &users));
        Self::of(users, builder)
    }

    /// Creates an application without a store.
    pub fn stateless() -> Self {
        let users = Users::new();
        let builder = provider_without_store(config(), &users).danger_stateless();
        Self::of(users, builder)
    }

    fn of(users: Users, builder: AuthProviderBuilder<TestUser>) -> Self {
        let clock = ManualClock::new();
        let auth = builder.clock(clock.clone()).build().unwrap();
        let elsewhere =
            AuthConfig::builder().secret("another-secret-0123456789-abcdefghij-9f2c4a7b").build().unwrap();
        let other = provider_with(elsewhere, &users).clock(clock.clone()).build().unwrap();
        Self { users, clock, app: App { auth, other, ruled: None }, harness: PhantomData }
    }

    /// Returns the application with another provider, such as that of a switch, and the same users
    /// and clock.
    #[must_use]
    pub fn with_auth(&self, auth: &AuthProvider<TestUser>) -> Self {
        let app = App { auth: auth.clone(), ..self.app.clone() };
        Self { users: self.users.clone(), clock: self.clock.clone(), app, harness: PhantomData }
    }

    /// Returns the application behind path rules, with the same users, providers and clock.
    #[must_use]
    pub fn with_rules(&self, ruled: Ruled) -> Self {
        let app = App { ruled: Some(ruled), ..self.app.clone() };
        Self { users: self.users.clone(), clock: self.clock.clone(), app, harness: PhantomData }
    }

    /// Issues an access token for this subject.
    pub fn access<'a>(&self, request: impl Into<TokenRequest<'a>>) -> String {
        self.token(Purpose::Access, request)
    }

    /// Issues a token of this purpose for this subject.
    pub fn token<'a>(&self, purpose: Purpose, request: impl Into<TokenRequest<'a>>) -> String {
        at_once(self.app.auth.issue(purpose, request)).unwrap().expose().to_owned()
    }

    /// Returns a one-time token, which verifies although no store knows it.
    pub fn one_time_token(&self, purpose: OneTimePurpose, subject: &str) -> String {
        let token = one_time_token(purpose.into(), subject, self.clock.now().unwrap());
        self.app.auth.verify_signature_and_claims(&token, purpose.into()).unwrap();
        token
    }

    /// Opens a session and returns its pair of tokens.
    pub fn session<'a>(&self, request: impl Into<LoginRequest<'a>>) -> TokenPair {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.app.auth.login(request)).unwrap()
    }

    /// Opens a session and returns its refresh token.
    pub fn refresh_token<'a>(&self, request: impl Into<LoginRequest<'a>>) -> String {
        self.session(request).refresh_token().expose().to_owned()
    }

    /// Starts a request.
    pub fn request(&self, method: &str, target: &str) -> Sending<'_, H> {
        Sending { probe: self, request: WireRequest::new(method, target).header("host", "app.example") }
    }

    /// Starts a `GET` request.
    pub fn get(&self, target: &str) -> Sending<'_, H> {
        self.request("GET", target)
    }

    /// Starts a `POST` request.
    pub fn post(&self, target: &str) -> Sending<'_, H> {
        self.request("POST", target)
    }

    /// Starts a login with a JSON body.
    pub fn login(&self, username: &str, password: &str) -> Sending<'_, H> {
        let body = serde_json::json!({ "username": username, "password": password });
        self.post("/login").body("application/json", body.to_string())
    }
}

impl<H: Harness> Default for Probe<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// A request under construction.
#[derive(Debug)]
pub struct Sending<'a, H> {
    probe: &'a Probe<H>,
    request: WireRequest,
}

impl<H> Clone for Sending<'_, H> {
    fn clone(&self) -> Self {
        Self { probe: self.probe, request: self.request.clone() }
    }
}

impl<H: Harness> Sending<'_, H> {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sets the peer address.
    #[must_use]
    pub fn from_peer(mut self, address: impl Into<IpAddr>) -> Self {
        self.request = self.request.from_peer(address);
        self
    }

    /// Makes it an extended CONNECT for this protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.request = self.request.protocol(protocol);
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.request = self.request.body(content_type, body);
        self
    }

    /// Sends it through the adapter, and compares the whole response with that of the core.
    #[track_caller]
    pub fn send(self) -> Seen {
        let seen = self.send_to_framework();
        // The core is called second, after the effects of the first request. Cases whose request
        // changes the next response use `once`.
        let expected = Direct::exchange(&self.probe.app, self.request);
        assert_eq!(masked(&seen.response), masked(&expected), "the adapter's answer differs from the core's");
        seen
    }

    /// Sends it through the adapter only, where a second request would have another response. The
    /// suite also runs on the core, so the expectations of the case keep the two alike.
    #[track_caller]
    pub fn once(self) -> Seen {
        self.send_to_framework()
    }

    /// Sends it through the adapter, where the response is the framework's own (an unknown path, a
    /// wrong method). Only its status can be asserted.
    #[track_caller]
    pub fn send_to_framework(&self) -> Seen {
        let before = self.probe.users.user_loads();
        let response = H::exchange(&self.probe.app, self.request.clone());
        Seen { response, user_loads: self.probe.users.user_loads() - before }
    }
}

/// A received response.
#[derive(Debug)]
pub struct Seen {
    /// The whole response.
    pub response: WireResponse,
    /// How often the user loader was called meanwhile.
    pub user_loads: usize,
}

impl Seen {
    /// Asserts the status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.response.status, status, "{:?}", self.response);
        self
    }

    /// Asserts the text of the body.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert_eq!(self.response.text(), text);
        self
    }

    /// Asserts that the header occurs once, with this value.
    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.response.header(name), [value], "{name} in {:?}", self.response);
        self
    }

    /// Asserts that the header does not occur.
    #[track_caller]
    pub fn lacks(&self, name: &str) -> &Self {
        assert!(self.response.header(name).is_empty(), "{name} in {:?}", self.response);
        self
    }

    /// Asserts a refusal in the default form, with this status and code, and the challenge of RFC
    /// 6750 that belongs to it.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        self.is(status).has("content-type", "application/problem+json").has("cache-control", "no-store");
        let body = self.response.json();
        assert_eq!(body["error"], code, "{:?}", self.response);
        assert_eq!(body["status"], status);
        let challenge = self.response.header("www-authenticate").join(" | ");
        let error = match (status, code) {
            (401, "missing_credential" | "invalid_credentials") => "Bearer realm=\"fauth\"",
            (401, "insufficient_user_authentication") => {
                "Bearer realm=\"fauth\", error=\"insufficient_user_authentication\""
            }
            (401, _) => "Bearer realm=\"fauth\", error=\"invalid_token\"",
            (400, "malformed_credential") => "Bearer realm=\"fauth\", error=\"invalid_request\"",
            (
                403,
                "missing_role"
                | "missing_permission"
                | "missing_scope"
                | "api_key_not_allowed"
                | "foreign_token_not_allowed"
                | "forbidden",
            ) => "Bearer realm=\"fauth\", error=\"insufficient_scope\"",
            _ => "",
        };
        assert!(
            challenge.starts_with(error) && challenge.is_empty() == error.is_empty(),
            "challenge: {challenge}"
        );
        assert_eq!(challenge.contains("error="), error.contains("error="), "challenge: {challenge}");
        self
    }

    /// Returns the bearer token in the body of a login or refresh.
    #[track_caller]
    pub fn token(&self, name: &str) -> String {
        self.response.json()[name].as_str().expect("a token in the body").to_owned()
    }

    /// Returns the value of a cookie that the response sets.
    #[track_caller]
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.response.header("set-cookie");
        let value = cookies.iter().find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|rest| rest.split(';').next()).expect("the cookie is set").to_owned()
    }
}

/// The length of a CSRF token.
const CSRF_BYTES: usize = 97;

/// Whether the text is a CSRF token.
fn is_csrf_token(text: &[u8]) -> bool {
    let is_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == CSRF_BYTES && text.iter().enumerate().all(|(at, b)| (at == 64 && *b == b'.') || is_hex(b))
}

fn without_csrf_tokens(text: &str) -> String {
    let place = text.as_bytes().windows(CSRF_BYTES).position(is_csrf_token);
    place.map_or_else(
        || text.to_owned(),
        |at| format!("{}<csrf>{}", &text[..at], without_csrf_tokens(&text[at + CSRF_BYTES..])),
    )
}

/// Replaces tokens, which are random, so that responses can be compared.
fn masked(response: &WireResponse) -> WireResponse {
    let mask = |text: &str| {
        let text = &*without_csrf_tokens(text);
        let mut masked = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("eyJ") {
            let (before, token) = rest.split_at(start);
            let end = token
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
                .unwrap_or(token.len());
            masked.push_str(before);
            masked.push_str("<token>");
            rest = &token[end..];
        }
        masked + rest
    };
    let headers = response.headers.iter().map(|(name, value)| (name.clone(), mask(value)));
    WireResponse {
        status: response.status,
        headers: headers.collect(),
        body: mask(&response.text()).into_bytes(),
    }
}
