//! Renderers: the form of a refusal's body.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use super::reason::{InvalidToken, Rejection};
use crate::{
    error::{BoxError, ConfigError},
    reply::Reply,
    request::RequestHead,
    requirement::Missing,
    token::{Purpose, TokenError},
};

/// Renders refusals in the form that an application's clients expect.
///
/// The core completes the reply. It sets the challenge (except for a redirect), `Retry-After`,
/// `Allow` and `Cache-Control: no-store`, and drops the body of an answer to HEAD. A reply that is
/// not a refusal (4xx, 5xx or a 303 with a `location`) is replaced by the default one.
///
/// A closure is a renderer too; it returns a [`Reply`], or a `Result` if it can fail:
///
/// ```
/// use fauth_core::{reply::Reply, request::RequestHead, Rejection};
///
/// let plain = |rejection: &Rejection, _: &dyn RequestHead| {
///     Reply::new(rejection.status()).body("text/plain; charset=utf-8", rejection.detail())
/// };
/// # let _ = fauth_testing::provider().renderer(plain).build().unwrap();
/// # fn render_template(_: &str) -> Result<String, std::fmt::Error> { Ok(String::new()) }
///
/// let page = |rejection: &Rejection, _: &dyn RequestHead| {
///     let html = render_template(&rejection.detail())?;
///     let reply = Reply::new(rejection.status()).body("text/html; charset=utf-8", html);
///     Ok::<_, std::fmt::Error>(reply)
/// };
/// # let _ = fauth_testing::provider().renderer(page).build().unwrap();
/// ```
///
/// If the renderer fails, the answer is 500, and the error is logged.
///
/// # Security
/// [`Rejection::reason`] reveals more than an untrusted caller should know; send
/// [`Rejection::code`] and [`Rejection::detail`]. Escape everything that goes into HTML.
pub trait Renderer: Send + Sync + 'static {
    /// Renders the answer to `rejection`. `head` is the refused request, for renderers that answer
    /// browsers differently.
    fn render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply;

    /// Like [`render`](Self::render), but fallible; this is what the core calls. Default: calls
    /// `render`.
    ///
    /// # Errors
    /// Any error, for the log. The request stays refused, with 500.
    fn try_render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Result<Reply, BoxError> {
        Ok(self.render(rejection, head))
    }

    /// Checks the settings of the renderer. An error makes the build of a provider fail; a guard
    /// that is given the renderer logs it. Default: `Ok`.
    ///
    /// # Errors
    /// [`ConfigError`] if a setting is invalid.
    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Returns whether the renderer reads request headers. Default: yes. With `false`, guards need
    /// not copy the headers for refusals that a handler returns.
    fn reads_headers(&self) -> bool {
        true
    }

    /// Describes the body of its answers, for an `OpenAPI` document. Default: `None`, as for a
    /// closure, and the document describes no body.
    fn describe(&self) -> Option<RefusalBody> {
        None
    }
}

/// The body of refusals as described in an `OpenAPI` document; see [`Renderer::describe`].
///
/// ```
/// use fauth_core::rejection::{RefusalBody, Renderer};
/// use fauth_core::{Rejection, reply::Reply, request::RequestHead};
/// use serde_json::json;
///
/// struct Plain;
///
/// impl Renderer for Plain {
///     fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
///         Reply::new(rejection.status()).body("text/plain", rejection.detail())
///     }
///
///     fn describe(&self) -> Option<RefusalBody> {
///         Some(RefusalBody::new("Refusal", "text/plain", json!({ "type": "string" })))
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RefusalBody {
    name: Cow<'static, str>,
    media_type: Cow<'static, str>,
    schema: Value,
}

impl RefusalBody {
    /// A body of this media type. `schema` is a Schema Object, and `name` is its name among the
    /// schemas of the document: letters, digits, `.`, `-` and `_`.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        media_type: impl Into<Cow<'static, str>>,
        schema: Value,
    ) -> Self {
        Self { name: name.into(), media_type: media_type.into(), schema }
    }

    /// The name of the schema in the document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The Schema Object.
    #[must_use]
    pub const fn schema(&self) -> &Value {
        &self.schema
    }

    /// An object whose members are always present, each with its type and description.
    pub(super) fn of_members(
        name: &'static str,
        media_type: &'static str,
        description: &str,
        members: &[(&str, &str, &str)],
    ) -> Self {
        let property = |&(name, kind, says): &(&str, &str, &str)| {
            (name.to_owned(), json!({ "type": kind, "description": says }))
        };
        let properties: serde_json::Map<String, Value> = members.iter().map(property).collect();
        let required: Vec<_> = members.iter().map(|(name, ..)| name).collect();
        let schema = json!({
            "type": "object",
            "description": description,
            "properties": properties,
            "required": required,
        });
        Self::new(name, media_type, schema)
    }
}

impl<F, R> Renderer for F
where
    F: Fn(&Rejection, &dyn RequestHead) -> R + Send + Sync + 'static,
    R: Outcome<Reply>,
{
    fn render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.try_render(rejection, head).unwrap_or_else(|_| Reply::new(500))
    }

    fn try_render(&self, rejection: &Rejection, head: &dyn RequestHead) -> Result<Reply, BoxError> {
        self(rejection, head).into_result()
    }
}

/// The return value of a closure that produces a `T`: a `T`, or a `Result` of one.
pub trait Outcome<T> {
    /// Converts it into a `Result`.
    ///
    /// # Errors
    /// The error of the closure.
    fn into_result(self) -> Result<T, BoxError>;
}

impl<T> Outcome<T> for T {
    fn into_result(self) -> Result<T, BoxError> {
        Ok(self)
    }
}

impl<T, E: Into<BoxError>> Outcome<T> for Result<T, E> {
    fn into_result(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

impl fmt::Debug for dyn Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renderer")
    }
}

/// `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with the members
/// `title`, `status`, `detail` and `error`, the stable [`code`](Rejection::code). The default.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ProblemJson;

impl ProblemJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for ProblemJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let status = rejection.status();
        let body =
            Problem { title: title(status), status, detail: &rejection.detail(), error: rejection.code() };
        Reply::new(status).body("application/problem+json", to_json(&body))
    }

    fn reads_headers(&self) -> bool {
        false
    }

    fn describe(&self) -> Option<RefusalBody> {
        Some(RefusalBody::of_members(
            "AuthProblem",
            "application/problem+json",
            "A refused request (RFC 9457).",
            &[
                ("title", "string", "The status in words."),
                ("status", "integer", "The status."),
                ("detail", "string", "A text for people."),
                ("error", "string", "A stable code for programs."),
            ],
        ))
    }
}

/// `{"detail": …}` with the texts of the Python fauth, for clients written against it. An inactive
/// user gets 400, as there.
///
/// # Security
/// It distinguishes an expired token from a forged one, and an unknown user from an inactive one.
/// Both are revealed only to a caller with a token that this application signed.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct DetailJson;

impl DetailJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for DetailJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let (status, detail) = python_detail(rejection);
        Reply::new(status).body("application/json", to_json(&Detail { detail: &detail }))
    }

    fn reads_headers(&self) -> bool {
        false
    }

    fn describe(&self) -> Option<RefusalBody> {
        Some(RefusalBody::of_members(
            "AuthDetail",
            "application/json",
            "A refused request.",
            &[("detail", "string", "A text for people.")],
        ))
    }
}

/// `{"error", "error_description", "error_hint"}`: the code, the detail, and what the caller can
/// do.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ErrorJson;

impl ErrorJson {
    /// The renderer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Renderer for ErrorJson {
    fn render(&self, rejection: &Rejection, _: &dyn RequestHead) -> Reply {
        let body = ErrorWithHint {
            error: rejection.code(),
            error_description: &rejection.detail(),
            error_hint: hint(rejection),
        };
        Reply::new(rejection.status()).body("application/json", to_json(&body))
    }

    fn reads_headers(&self) -> bool {
        false
    }

    fn describe(&self) -> Option<RefusalBody> {
        Some(RefusalBody::of_members(
            "AuthError",
            "application/json",
            "A refused request.",
            &[
                ("error", "string", "A stable code for programs."),
                ("error_description", "string", "A text for people."),
                ("error_hint", "string", "What the caller can do."),
            ],
        ))
    }
}

pub(super) const fn hint(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::MissingCredential => "Send a token as `Authorization: Bearer <token>`",
        Rejection::MalformedCredential(_) => "Send exactly one credential, in the form of RFC 6750",
        Rejection::InvalidToken(_) => "Get a new token by refreshing or logging in",
        Rejection::InvalidCredentials => "Check the user name and the password",
        Rejection::StaleLogin { .. } => "Log in again and repeat the request",
        Rejection::Forbidden(Missing::ApiKeyNotAllowed) => "Send the token of a login instead of an API key",
        Rejection::Forbidden(Missing::ForeignTokenNotAllowed) => {
            "Send a token of this application, or log out at the issuer"
        }
        #[cfg(feature = "mandates")]
        Rejection::Forbidden(Missing::Mandate(_)) => "Exchange for a mandate that grants what is missing",
        Rejection::Forbidden(_) => "Ask an administrator for the missing right",
        Rejection::GuestsOnly => "Log out first, or send the request without a token",
        Rejection::CrossSiteRequest(_) => {
            "Send the request from the application's own pages, or use a bearer token (at a login, \
             `?deliver=body`)"
        }
        Rejection::InvalidCsrfToken(_) => "Load the page again, and send the CSRF token that it holds",
        Rejection::AmbiguousPath => {
            "Send the path without dot segments, double slashes and encoded delimiters"
        }
        Rejection::InvalidRequest | Rejection::InvalidField { .. } | Rejection::UnsupportedMediaType => {
            "See the documentation of this endpoint"
        }
        Rejection::NotFound => "Check the identifier in the path",
        Rejection::MethodNotAllowed { .. } => "Use one of the methods in the `Allow` header",
        Rejection::BodyTimeout => "Send the request again, without pauses",
        Rejection::PayloadTooLarge => "Send a shorter body",
        Rejection::Unprocessable(_) => "Correct what the description names, and repeat the request",
        Rejection::TooManyRequests { .. } => "Wait for the number of seconds in `Retry-After`",
        Rejection::Busy { .. } | Rejection::Unavailable(_) => "Try again later",
        Rejection::Misconfigured(_) => "Tell the operator of this service",
    }
}

/// The status and texts of the Python fauth, for [`DetailJson`].
fn python_detail(rejection: &Rejection) -> (u16, String) {
    let detail = match rejection {
        Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)) => "Token expired".into(),
        Rejection::InvalidToken(InvalidToken::Token(TokenError::WrongPurpose { expected, actual })) => {
            format!("Invalid token: Expected {expected} got {}", actual.map_or("another", Purpose::as_str))
        }
        Rejection::InvalidToken(InvalidToken::Token(_)) => {
            "Invalid token: Failure when decoding token".into()
        }
        Rejection::InvalidToken(InvalidToken::UnknownUser) => "User does not exist".into(),
        Rejection::InvalidToken(InvalidToken::InactiveUser) => return (400, "Inactive user".into()),
        Rejection::Forbidden(Missing::Permission(permission)) => {
            format!("Insufficient permissions: requires {permission} permission")
        }
        other => other.detail(),
    };
    (rejection.status(), detail)
}

/// The reason phrases of RFC 9110 section 15, as titles.
pub(super) const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

// Structures and not maps: the order of a map's members depends on a feature that any crate in the
// build may enable.

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a str,
}

#[derive(Serialize)]
struct ErrorWithHint<'a> {
    error: &'a str,
    error_description: &'a str,
    error_hint: &'a str,
}

/// Numbers and strings always serialise. Should that fail, the status and headers still say what
/// matters.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
