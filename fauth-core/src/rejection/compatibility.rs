//! Renderers in the format of other systems, so that front ends need no change after a migration.

use serde::Serialize;

use super::{
    reason::{CsrfFault, OriginFault, Rejection},
    render::{Renderer, to_json},
};
use crate::{
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    requirement::Missing,
};

/// `{"error": …}` with the texts of Caspian's actions (RPC), which are never redirected. A failed
/// login is 400 here, as there.
///
/// | refusal | |
/// |---|---|
/// | no credential, or a token that is not valid (any more) | 401 `Authentication required` |
/// | a missing role, permission or scope | 403 `Permission denied` |
/// | a foreign origin; no proof of the origin | 403 `Invalid origin`; 403 `Missing CSRF token` |
/// | no CSRF token; another one | 403 `Missing CSRF token`; 403 `Invalid CSRF token` |
/// | wrong password | 400 `Invalid credentials` |
/// | another media type | 415 `Invalid content type` |
/// | a limit | 429 `Rate limit exceeded. Try again in 5 seconds.` |
/// | a mistake in the application | 500 `Internal server error` |
///
/// For the pages of such an application, use [`Pages`](super::Pages) with this as its
/// [`scripts`](super::Pages::scripts).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CaspianRpc;

impl CaspianRpc {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Turns a redirect into the form that Caspian's front end follows: 200 `{"result":null}` with
    /// `X-PP-Redirect` and `X-PP-Redirect-Status`. Cookies and other headers are kept. Use it for
    /// the answer of an action that signs in or out; any other reply is returned unchanged.
    ///
    /// ```
    /// use fauth_core::{redirect::LocalTarget, rejection::CaspianRpc};
    ///
    /// let reply = CaspianRpc::redirected(LocalTarget::parse("/dashboard")?.see_other());
    /// assert_eq!((reply.status(), reply.body_bytes()), (200, &br#"{"result":null}"#[..]));
    /// let redirect = reply.headers().iter().find(|header| header.name() == "x-pp-redirect");
    /// assert_eq!(redirect.map(|header| header.value()), Some("/dashboard"));
    /// # Ok::<(), fauth_core::redirect::UnsafeTarget>(())
    /// ```
    #[must_use]
    pub fn redirected(reply: Reply) -> Reply {
        let location = reply.headers().iter().find(|header| header.name() == "location");
        let Some(location) = location.filter(|_| (300..400).contains(&reply.status())).cloned() else {
            return reply;
        };
        let kept = reply
            .headers()
            .iter()
            .filter(|header| !matches!(header.name(), "location" | "content-type" | "content-length"));
        kept.fold(Reply::new(200), |answer, header| answer.header(header.clone()))
            .header(ResponseHeader::new("x-pp-redirect", location.value()))
            .header(ResponseHeader::new("x-pp-redirect-status", reply.status().to_string()))
            .body("application/json", r#"{"result":null}"#)
    }
}

impl Renderer for CaspianRpc {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let (status, text) = match rejection {
            Rejection::MissingCredential | Rejection::InvalidToken(_) | Rejection::StaleLogin { .. } => {
                (401, "Authentication required".to_owned())
            }
            Rejection::InvalidCredentials => (400, rejection.detail()),
            Rejection::Forbidden(_) | Rejection::GuestsOnly => (403, "Permission denied".to_owned()),
            Rejection::CrossSiteRequest(OriginFault::Missing)
            | Rejection::InvalidCsrfToken(CsrfFault::Missing) => (403, "Missing CSRF token".to_owned()),
            Rejection::InvalidCsrfToken(_) => (403, "Invalid CSRF token".to_owned()),
            Rejection::CrossSiteRequest(_) => (403, "Invalid origin".to_owned()),
            Rejection::NotFound => (404, "Function not found".to_owned()),
            Rejection::UnsupportedMediaType => (415, "Invalid content type".to_owned()),
            Rejection::TooManyRequests { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                (429, format!("Rate limit exceeded. Try again in {} seconds.", seconds.max(1)))
            }
            Rejection::Misconfigured(_) => (500, "Internal server error".to_owned()),
            other => (other.status(), other.detail()),
        };
        Reply::new(status).body("application/json", to_json(&Fault { error: &text }))
    }

    fn reads_headers(&self) -> bool {
        false
    }
}

/// `{"detail": …}` with the texts of `FastPluggy`. For its redirects of pages use
/// [`Pages`](super::Pages), which answers 303 where `FastPluggy` answers 307; a 307 would send the
/// body of a form to the sign-in page.
///
/// No credential or an invalid token: 401 `Not authenticated`; a missing role, permission or scope:
/// 403 `'editor' role required`. Everything else has the default form.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FastPluggyJson;

impl FastPluggyJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for FastPluggyJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let text = match rejection {
            Rejection::MissingCredential | Rejection::InvalidToken(_) | Rejection::StaleLogin { .. } => {
                "Not authenticated".to_owned()
            }
            Rejection::Forbidden(missing) => match name_of(missing) {
                Some(name) => format!("'{name}' role required"),
                None => rejection.detail(),
            },
            other => other.detail(),
        };
        with_detail(rejection, &text)
    }

    fn reads_headers(&self) -> bool {
        false
    }
}

/// `{"detail": …}` with the texts of fastware.
///
/// No credential: 401 `Not authenticated`; a token that is not valid (any more): 401 `Invalid or
/// expired token`; a missing role: 403 `Role 'admin' required`; no proof by origin or CSRF token
/// that the request comes from the application's own pages: 403 `Missing CSRF token`, or `CSRF
/// token mismatch`; a limit: 429 `Rate limit exceeded`. Everything else has the default form.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FastwareJson;

impl FastwareJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for FastwareJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let text = match rejection {
            Rejection::InvalidToken(_) => "Invalid or expired token".to_owned(),
            Rejection::Forbidden(Missing::Role(role)) => format!("Role '{role}' required"),
            Rejection::CrossSiteRequest(OriginFault::Missing)
            | Rejection::InvalidCsrfToken(CsrfFault::Missing) => "Missing CSRF token".to_owned(),
            Rejection::CrossSiteRequest(_) | Rejection::InvalidCsrfToken(_) => {
                "CSRF token mismatch".to_owned()
            }
            Rejection::TooManyRequests { .. } => "Rate limit exceeded".to_owned(),
            other => other.detail(),
        };
        with_detail(rejection, &text)
    }

    fn reads_headers(&self) -> bool {
        false
    }
}

/// The single missing right.
fn name_of(missing: &Missing) -> Option<&str> {
    match missing {
        Missing::Role(name) | Missing::Permission(name) => Some(name),
        Missing::Scopes(names) => names.first().map(|name| &**name),
        _ => None,
    }
}

fn with_detail(rejection: &Rejection, text: &str) -> Reply {
    Reply::new(rejection.status()).body("application/json", to_json(&Detail { detail: text }))
}

#[derive(Serialize)]
struct Fault<'a> {
    error: &'a str,
}

#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a str,
}
