//! The reasons for which a request is refused, each with its status, code and detail text.

use std::{borrow::Cow, time::Duration};

use crate::{
    body::BodyError,
    error::ConfigError,
    password::PasswordError,
    requirement::{Missing, Unmet},
    token::{IssueError, TokenError},
};

/// The reason for which a request is refused.
///
/// | variant | status | [`code`](Self::code) | challenge (RFC 6750) |
/// |---|---|---|---|
/// | [`MissingCredential`](Self::MissingCredential) | 401 | `missing_credential` | realm only |
/// | [`MalformedCredential`](Self::MalformedCredential) | 400 | `malformed_credential` | `invalid_request` |
/// | [`InvalidToken`](Self::InvalidToken) | 401 | `invalid_token` | `invalid_token` |
/// | [`InvalidCredentials`](Self::InvalidCredentials) | 401 | `invalid_credentials` | realm only |
/// | [`StaleLogin`](Self::StaleLogin) | 401 | `insufficient_user_authentication` | the same, with `max_age` (RFC 9470) |
/// | [`Forbidden`](Self::Forbidden) | 403 | `missing_role`, `missing_permission`, `missing_scope`, `api_key_not_allowed`, `foreign_token_not_allowed`, `forbidden`; of mandates `missing_target`, `session_required`, `delegation_required`, `chain_mismatch`, `hop_count_exceeded` | `insufficient_scope` |
/// | [`GuestsOnly`](Self::GuestsOnly) | 403 | `guests_only` | none |
/// | [`CrossSiteRequest`](Self::CrossSiteRequest) | 403 | `cross_site_request` | none |
/// | [`InvalidCsrfToken`](Self::InvalidCsrfToken) | 403 | `invalid_csrf_token` | none |
/// | [`AmbiguousPath`](Self::AmbiguousPath) | 400 | `ambiguous_path` | none |
/// | [`InvalidRequest`](Self::InvalidRequest), [`InvalidField`](Self::InvalidField) | 400 | `invalid_request` | none |
/// | [`NotFound`](Self::NotFound) | 404 | `not_found` | none |
/// | [`MethodNotAllowed`](Self::MethodNotAllowed) | 405 | `method_not_allowed` | none; `Allow` |
/// | [`BodyTimeout`](Self::BodyTimeout) | 408 | `body_timeout` | none |
/// | [`PayloadTooLarge`](Self::PayloadTooLarge) | 413 | `payload_too_large` | none |
/// | [`UnsupportedMediaType`](Self::UnsupportedMediaType) | 415 | `unsupported_media_type` | none |
/// | [`Unprocessable`](Self::Unprocessable) | 422 | `unprocessable` | none |
/// | [`TooManyRequests`](Self::TooManyRequests) | 429 | `too_many_requests` | none; `Retry-After` |
/// | [`Misconfigured`](Self::Misconfigured) | 500 | `misconfigured` | none |
/// | [`Busy`](Self::Busy), [`Unavailable`](Self::Unavailable) | 503 | `busy`, `unavailable` | none; `Retry-After` |
///
/// Handlers return it with `?`, wrapped in the `Refused` of their adapter. The other errors of a
/// provider's methods convert into it (`From`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request carries no credential.
    MissingCredential,
    /// The request carries something that cannot be parsed as a credential, or more than one
    /// credential.
    MalformedCredential(MalformedCredential),
    /// The token is not accepted. The reason is for the log; the caller gets the same answer for
    /// each.
    InvalidToken(InvalidToken),
    /// The identifier and password do not match an active user, or a second factor was wrong.
    InvalidCredentials,
    /// The user is known and lacks nothing except a recent login
    /// ([`Requirement::login_within`](crate::Requirement::login_within)).
    StaleLogin {
        /// The maximum age of the login.
        max_age: Duration,
    },
    /// The user is known but lacks a right, or an API key was sent where API keys are not allowed.
    Forbidden(Missing),
    /// A user is signed in where [only guests](crate::Guard::guests) are admitted.
    GuestsOnly,
    /// The credential is a cookie, or a cookie is to be set, and the request does not prove that it
    /// comes from the application's own pages.
    CrossSiteRequest(OriginFault),
    /// The credential is a cookie, and the request lacks the valid [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) that it needs.
    InvalidCsrfToken(CsrfFault),
    /// The path is ambiguous: it can be interpreted in more than one way.
    AmbiguousPath,
    /// The body of a request to a login endpoint, ready-made or your own, cannot be parsed.
    InvalidRequest,
    /// A field in the body of a request to a ready-made endpoint is invalid.
    InvalidField {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with it.
        fault: FieldFault,
    },
    /// Nothing with this identifier exists, or it belongs to another user.
    NotFound,
    /// The method is not supported: anything but POST at a ready-made endpoint, TRACE and CONNECT
    /// at a guard.
    MethodNotAllowed {
        /// The supported methods, as the `Allow` header lists them.
        allow: &'static str,
    },
    /// The body did not arrive in time at a ready-made endpoint, or at a guard that reads the CSRF
    /// token from a form.
    BodyTimeout,
    /// The body is longer than the limit of a ready-made endpoint, or of a guard that reads the
    /// CSRF token from a form.
    PayloadTooLarge,
    /// The body has a media type that the ready-made endpoint does not read.
    UnsupportedMediaType,
    /// The request is understood but cannot be carried out: an unacceptable new password, one API
    /// key too many. The text is sent to the caller; an application may supply its own.
    Unprocessable(Cow<'static, str>),
    /// A [limit](crate::limit) is exceeded.
    TooManyRequests {
        /// How long to wait before trying again.
        retry_after: Duration,
    },
    /// Too many passwords are being checked at the moment.
    Busy {
        /// How long to wait before trying again.
        retry_after: Duration,
    },
    /// A dependency of the decision, such as a store or a loader, is unavailable.
    Unavailable(Unavailable),
    /// The application is wired wrongly. The log says what to add.
    Misconfigured(Misconfigured),
}

/// Why a request is not accepted as coming from the application's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginFault {
    /// It has neither `Sec-Fetch-Site` nor `Origin`. Browsers send one of them; programs should
    /// send a token in a header and no cookie.
    Missing,
    /// It comes from an origin that is neither the application's own nor a [trusted
    /// one](crate::AuthProviderBuilder::trusted_origin).
    Foreign,
    /// It comes from a page on the application's own host that was loaded over plain HTTP, but the
    /// cookies are for HTTPS.
    PlainHttp,
}

/// Why a request that needs a CSRF token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfFault {
    /// There is no CSRF token in the places that are searched.
    Missing,
    /// It does not have the format of a CSRF token: another length, or other characters.
    Malformed,
    /// It does not belong to this session: it is of another session or application, or forged.
    Mismatch,
    /// There is more than one.
    Duplicate,
}

impl CsrfFault {
    /// What to change, for the log.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Missing => {
                "put `CsrfToken::hidden_field` into the form, or send the value of the CSRF cookie in the \
                 header; guards read the field in urlencoded forms only"
            }
            Self::Malformed => "send the whole value of `CsrfToken::value` or of the CSRF cookie",
            Self::Mismatch => {
                "the page was loaded before the login or in another session: let scripts read the CSRF \
                 cookie for each request, and do not cache pages with forms"
            }
            Self::Duplicate => "send it once: one header, or one field of the form",
        }
    }
}

/// What is wrong with a field of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldFault {
    /// It is absent or null.
    Missing,
    /// It occurs more than once.
    Duplicate,
    /// It is not text, or not UTF-8.
    NotText,
    /// It is not one of `true`, `false`, `on`, `off`, `yes`, `no`, `1` and `0`.
    NotBoolean,
}

/// How a credential is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedCredential {
    /// Two of the same kind: two `Authorization` headers, two cookies or parameters with the same
    /// name.
    Duplicate,
    /// Two explicit credentials of different kinds, such as a header and a query parameter.
    Several,
    /// It violates the grammar of its kind.
    Grammar,
    /// It is longer than any acceptable credential.
    TooLong,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// The token verifier rejected it.
    Token(TokenError),
    /// It is an API key that is not valid.
    ApiKey(ApiKeyFault),
    /// It is a one-time token that verifies but can no longer be redeemed.
    OneTime(OneTimeFault),
    /// The token is valid, but the user does not exist (any more).
    UnknownUser,
    /// The token is valid, but the user is not active.
    InactiveUser,
    /// It has been revoked.
    Revoked,
    /// It was issued before all tokens of its subject were revoked.
    OldEpoch,
    /// It was issued before the revocation store's records begin, so it is unknown whether it was
    /// revoked.
    BeforeMemory,
    /// The session of this refresh token has ended.
    SessionEnded,
    /// The session of this refresh token does not exist (any more).
    UnknownSession,
    /// This refresh token was replayed; its session has been ended.
    Reused,
    /// The mandate, or something that it depends on, was revoked: its authority, session,
    /// delegation or subject.
    #[cfg(feature = "mandates")]
    MandateRevoked,
    /// Delegations in its zone have changed since this mandate was issued.
    #[cfg(feature = "mandates")]
    DelegationStale,
    /// This mandate was already used, and mandates are
    /// [single-use](crate::MandateAuthBuilder::single_use).
    #[cfg(feature = "mandates")]
    MandateSpent,
}

/// Why an API key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyFault {
    /// It does not have the format of an API key, or its checksum is wrong: mistyped, truncated or
    /// forged.
    Malformed,
    /// No API key has this id: it was revoked, has expired, or never existed.
    Unknown,
    /// An API key has this id, but the secret is wrong or the record was changed.
    WrongSecret,
    /// Its record names a hash key that is not configured: the store secret, or the secret it was
    /// derived from, was replaced.
    UnknownHashKey,
}

/// Why a one-time token that verifies is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OneTimeFault {
    /// It is not stored (any more): it was redeemed, withdrawn, or issued without being stored.
    Spent,
    /// The value that it is bound to has changed since it was issued.
    Stale,
    /// It was requested in another browser.
    OtherBrowser,
}

/// What is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// A loader failed.
    Loader,
    /// A loader did not answer in time.
    LoaderTimeout,
    /// A store failed.
    Store,
    /// A store did not answer in time.
    StoreTimeout,
    /// The provider's clock is far behind the start of the revocation store's records, so that
    /// every token would be refused. The log names both times.
    ClocksDisagree,
    /// The clock gives no usable time.
    Clock,
    /// No token could be issued.
    Issuer,
    /// Passwords cannot be checked.
    PasswordHasher,
    /// The check of a new password against leaked passwords failed.
    BreachCheck,
    /// There are no keys to verify the tokens of another issuer.
    Keys,
    /// The [switch](crate::AuthSwitch) has no provider yet.
    NoProvider,
}

/// How the application is wired wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misconfigured {
    /// An extractor was used on a route without a provider for its user type.
    MissingProvider,
    /// An extractor asks for another user type than that of the guard or of any provider.
    OtherUsers,
    /// The token of the request was extracted on a route where no guard checked one.
    MissingGuard,
    /// A provider was asked to check what another provider read from the request.
    OtherProvider,
    /// A password check was requested from a provider without password login.
    NoPasswordLogin,
    /// The operation needs a store, and the provider was built without it.
    NoStore,
    /// A provider without a signing key was asked to issue a token.
    NoOwnTokens,
    /// A revocation names an issuer that the provider does not trust.
    UnknownIssuer,
    /// A revocation names a claim that the provider does not check.
    NotRevocable,
    /// A requirement has an impossible part, such as an empty list.
    Requirement(ConfigError),
    /// A limit is invalid.
    Limit(ConfigError),
    /// The token request of the application is invalid.
    TokenRequest,
    /// The token is too long for a cookie.
    TokenTooLongForCookie,
    /// Tokens are to be delivered in cookies, but no transport sets both of them.
    NoDelivery,
    /// The [`Renderer`](super::Renderer) of the refusal failed.
    Renderer,
    /// The payload of a session is longer than [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    PayloadTooLong,
    /// The payload of a session cannot be serialised as JSON.
    PayloadNotJson,
    /// Nothing can store the payload, or the validity, of this login.
    NothingKeepsLogin,
    /// The [validity](crate::LoginRequest::validity) of a login is not a duration, or is out of
    /// bounds.
    Validity(ConfigError),
    /// A change was requested for a session that does not come from a
    /// [`SessionCookie`](crate::transport::SessionCookie).
    NoSessionCookie,
    /// A change of a session needs a new cookie, but the handler has no guard that could set it.
    SessionOutsideGuard,
    /// A CSRF token was requested from a provider built without
    /// [them](crate::AuthProviderBuilder::csrf_tokens).
    NoCsrfTokens,
}

const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

impl InvalidToken {
    /// Returns whether the token was valid once. For all other reasons it was never valid here, as
    /// far as can be told.
    pub(crate) const fn is_of_dead_token(&self) -> bool {
        match self {
            Self::Token(TokenError::Expired)
            | Self::UnknownUser
            | Self::Revoked
            | Self::OldEpoch
            | Self::BeforeMemory
            | Self::SessionEnded
            | Self::UnknownSession => true,
            #[cfg(feature = "mandates")]
            Self::MandateRevoked | Self::DelegationStale | Self::MandateSpent => true,
            Self::Token(_) | Self::ApiKey(_) | Self::OneTime(_) | Self::InactiveUser | Self::Reused => false,
        }
    }
}

impl Rejection {
    /// The stable name of the refusal: the member `error` of the body.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingCredential => "missing_credential",
            Self::MalformedCredential(_) => "malformed_credential",
            Self::InvalidToken(_) => "invalid_token",
            Self::InvalidCredentials => "invalid_credentials",
            Self::StaleLogin { .. } => "insufficient_user_authentication",
            Self::Forbidden(Missing::Role(_)) => "missing_role",
            Self::Forbidden(Missing::Permission(_)) => "missing_permission",
            Self::Forbidden(Missing::Scopes(_)) => "missing_scope",
            #[cfg(feature = "mandates")]
            Self::Forbidden(Missing::Mandate(missing)) => missing.code(),
            Self::Forbidden(Missing::ApiKeyNotAllowed) => "api_key_not_allowed",
            Self::Forbidden(Missing::ForeignTokenNotAllowed) => "foreign_token_not_allowed",
            Self::Forbidden(_) => "forbidden",
            Self::GuestsOnly => "guests_only",
            Self::CrossSiteRequest(_) => "cross_site_request",
            Self::InvalidCsrfToken(_) => "invalid_csrf_token",
            Self::AmbiguousPath => "ambiguous_path",
            Self::InvalidRequest | Self::InvalidField { .. } => "invalid_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::BodyTimeout => "body_timeout",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Unprocessable(_) => "unprocessable",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Busy { .. } => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Misconfigured(_) => "misconfigured",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::MalformedCredential(_)
            | Self::AmbiguousPath
            | Self::InvalidRequest
            | Self::InvalidField { .. } => 400,
            Self::MissingCredential
            | Self::InvalidToken(_)
            | Self::InvalidCredentials
            | Self::StaleLogin { .. } => 401,
            Self::Forbidden(_) | Self::GuestsOnly | Self::CrossSiteRequest(_) | Self::InvalidCsrfToken(_) => {
                403
            }
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::BodyTimeout => 408,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Unprocessable(_) => 422,
            Self::Misconfigured(_) => 500,
            Self::TooManyRequests { .. } => 429,
            Self::Busy { .. } | Self::Unavailable(_) => 503,
        }
    }

    /// The precise reason, for logs. It reveals more than the caller is told.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MalformedCredential(MalformedCredential::Duplicate) => "duplicate_credential",
            Self::MalformedCredential(MalformedCredential::Several) => "several_credentials",
            Self::MalformedCredential(MalformedCredential::TooLong) => "credential_too_long",
            Self::InvalidToken(InvalidToken::Token(error)) => error.reason(),
            Self::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::Malformed)) => "malformed_api_key",
            Self::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::Unknown)) => "unknown_api_key",
            Self::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::WrongSecret)) => "wrong_api_key_secret",
            Self::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::UnknownHashKey)) => {
                "api_key_hash_key_unknown"
            }
            Self::InvalidToken(InvalidToken::OneTime(OneTimeFault::Spent)) => "one_time_token_spent",
            Self::InvalidToken(InvalidToken::OneTime(OneTimeFault::Stale)) => "one_time_token_stale",
            Self::InvalidToken(InvalidToken::OneTime(OneTimeFault::OtherBrowser)) => "other_browser",
            Self::InvalidToken(InvalidToken::UnknownUser) => "unknown_user",
            Self::InvalidToken(InvalidToken::InactiveUser) => "inactive_user",
            Self::InvalidToken(InvalidToken::Revoked) => "token_revoked",
            Self::InvalidToken(InvalidToken::OldEpoch) => "old_epoch",
            Self::InvalidToken(InvalidToken::BeforeMemory) => "before_memory",
            Self::InvalidToken(InvalidToken::SessionEnded) => "session_ended",
            Self::InvalidToken(InvalidToken::UnknownSession) => "unknown_session",
            Self::InvalidToken(InvalidToken::Reused) => "refresh_token_reused",
            #[cfg(feature = "mandates")]
            Self::InvalidToken(InvalidToken::MandateRevoked) => "mandate_revoked",
            #[cfg(feature = "mandates")]
            Self::InvalidToken(InvalidToken::DelegationStale) => "delegation_stale",
            #[cfg(feature = "mandates")]
            Self::InvalidToken(InvalidToken::MandateSpent) => "mandate_spent",
            Self::CrossSiteRequest(OriginFault::Missing) => "origin_missing",
            Self::CrossSiteRequest(OriginFault::Foreign) => "origin_foreign",
            Self::CrossSiteRequest(OriginFault::PlainHttp) => "origin_plain_http",
            Self::InvalidCsrfToken(CsrfFault::Missing) => "csrf_token_missing",
            Self::InvalidCsrfToken(CsrfFault::Malformed) => "csrf_token_malformed",
            Self::InvalidCsrfToken(CsrfFault::Mismatch) => "csrf_token_mismatch",
            Self::InvalidCsrfToken(CsrfFault::Duplicate) => "csrf_token_duplicate",
            Self::Unavailable(Unavailable::Loader) => "loader_failed",
            Self::Unavailable(Unavailable::LoaderTimeout) => "loader_timeout",
            Self::Unavailable(Unavailable::Store) => "store_failed",
            Self::Unavailable(Unavailable::StoreTimeout) => "store_timeout",
            Self::Unavailable(Unavailable::ClocksDisagree) => "clocks_disagree",
            Self::Unavailable(Unavailable::Clock) => "clock_unavailable",
            Self::Unavailable(Unavailable::Issuer) => "issuer_failed",
            Self::Unavailable(Unavailable::PasswordHasher) => "password_hasher_failed",
            Self::Unavailable(Unavailable::BreachCheck) => "breach_check_failed",
            Self::Unavailable(Unavailable::Keys) => "keys_unavailable",
            Self::Unavailable(Unavailable::NoProvider) => "no_provider",
            Self::Misconfigured(Misconfigured::MissingProvider) => "missing_provider",
            Self::Misconfigured(Misconfigured::OtherUsers) => "provider_of_other_users",
            Self::Misconfigured(Misconfigured::MissingGuard) => "missing_guard",
            Self::Misconfigured(Misconfigured::OtherProvider) => "other_provider",
            Self::Misconfigured(Misconfigured::NoPasswordLogin) => "no_password_login",
            Self::Misconfigured(Misconfigured::NoStore) => "no_store",
            Self::Misconfigured(Misconfigured::NoOwnTokens) => "no_own_tokens",
            Self::Misconfigured(Misconfigured::UnknownIssuer) => "unknown_issuer",
            Self::Misconfigured(Misconfigured::NotRevocable) => "claim_not_revocable",
            Self::Misconfigured(Misconfigured::Requirement(_)) => "impossible_requirement",
            Self::Misconfigured(Misconfigured::Limit(_)) => "impossible_limit",
            Self::Misconfigured(Misconfigured::TokenRequest) => "impossible_token_request",
            Self::Misconfigured(Misconfigured::TokenTooLongForCookie) => "token_too_long_for_cookie",
            Self::Misconfigured(Misconfigured::NoDelivery) => "no_delivery",
            Self::Misconfigured(Misconfigured::Renderer) => "renderer_failed",
            Self::Misconfigured(Misconfigured::PayloadTooLong) => "session_payload_too_long",
            Self::Misconfigured(Misconfigured::PayloadNotJson) => "session_payload_not_json",
            Self::Misconfigured(Misconfigured::NothingKeepsLogin) => "nothing_keeps_login",
            Self::Misconfigured(Misconfigured::Validity(_)) => "login_validity",
            Self::Misconfigured(Misconfigured::NoSessionCookie) => "no_session_cookie",
            Self::Misconfigured(Misconfigured::SessionOutsideGuard) => "session_outside_guard",
            Self::Misconfigured(Misconfigured::NoCsrfTokens) => "no_csrf_tokens",
            _ => self.code(),
        }
    }

    /// The text for the caller.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::MissingCredential => "Not authenticated".into(),
            Self::MalformedCredential(reason) => malformed_detail(*reason).into(),
            Self::InvalidToken(_) => INVALID_TOKEN_DETAIL.into(),
            Self::InvalidCredentials => "Invalid credentials".into(),
            Self::StaleLogin { .. } => STALE_LOGIN_DETAIL.into(),
            Self::Forbidden(Missing::Role(role)) => format!("Missing role: {role}"),
            Self::Forbidden(Missing::Permission(permission)) => format!("Missing permission: {permission}"),
            Self::Forbidden(Missing::Scopes(scopes)) => format!("Missing scope: {}", scopes.join(" ")),
            #[cfg(feature = "mandates")]
            Self::Forbidden(Missing::Mandate(missing)) => missing.to_string(),
            Self::Forbidden(Missing::ApiKeyNotAllowed) => "An API key is not accepted here".into(),
            Self::Forbidden(Missing::ForeignTokenNotAllowed) => {
                "A token of another issuer is not accepted here".into()
            }
            Self::Forbidden(_) => "None of the accepted roles, permissions or scopes is held".into(),
            Self::GuestsOnly => "Only for guests: a user is signed in".into(),
            Self::CrossSiteRequest(fault) => origin_detail(*fault).into(),
            Self::InvalidCsrfToken(fault) => csrf_detail(*fault).into(),
            Self::AmbiguousPath => "The path can be read in more than one way".into(),
            Self::InvalidRequest => "The body cannot be read as JSON or as a form".into(),
            Self::InvalidField { field, fault } => field_detail(field, *fault),
            Self::NotFound => "Not found".into(),
            Self::MethodNotAllowed { allow } => format!("The method is not one of: {allow}"),
            Self::BodyTimeout => "The body did not arrive in time".into(),
            Self::PayloadTooLarge => "The body is too large".into(),
            Self::UnsupportedMediaType => "The body must be JSON or, for a login, a form".into(),
            Self::Unprocessable(sentence) => sentence.clone().into_owned(),
            Self::TooManyRequests { .. } => "Rate limit exceeded".into(),
            Self::Busy { .. } => "Too many logins at once, try again in a moment".into(),
            Self::Unavailable(_) => "Authentication is temporarily unavailable".into(),
            Self::Misconfigured(_) => "The server is misconfigured".into(),
        }
    }

    /// The level of its log records.
    pub(crate) const fn level(&self) -> tracing::Level {
        match self {
            Self::MissingCredential | Self::GuestsOnly => tracing::Level::DEBUG,
            _ if self.is_fault_of_server() => tracing::Level::ERROR,
            _ => tracing::Level::INFO,
        }
    }

    /// True for 5xx: the server is at fault, not the caller.
    const fn is_fault_of_server(&self) -> bool {
        self.status() >= 500
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::TooManyRequests { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(RETRY_UNAVAILABLE),
            _ => None,
        }
    }
}

impl Misconfigured {
    /// What to add or change, for the log. The first three are logged where they are detected, with
    /// more about the place.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::MissingProvider => "add the provider to the application",
            Self::OtherUsers => "use the provider's user type in the extractor",
            Self::MissingGuard => "put a guard in front of the route",
            Self::OtherProvider => {
                "two providers are mixed: one checks what another has read or granted; build one provider \
                 and pass clones of it to guards, routes and handlers"
            }
            Self::NoPasswordLogin => {
                "the provider was built without password login: call `.identity_loader(…)` on the builder \
                 instead of `.without_password_login()`"
            }
            Self::NoStore => {
                "this needs a store: call `.store(MemoryStore::new())` on the builder, with Redis or SQL for \
                 more than one instance"
            }
            Self::NotRevocable => {
                "this revocation would refuse nothing: name a claim with `.revocable_claim(…)` on the \
                 builder and give it a revocation store; a subject has 1 to 255 bytes; an anchor of mandates \
                 has 1 to 1024, and a time above zero"
            }
            Self::Requirement(_) => "a guard's requirement is impossible; the cause was logged at start",
            Self::Limit(_) => "a limit is invalid; the cause was logged at start",
            Self::TokenRequest => "the token request is invalid: check its subject, scopes and claims",
            Self::TokenTooLongForCookie => {
                "the token does not fit into a cookie: issue it with fewer scopes and claims"
            }
            Self::Renderer => "the renderer failed; its error was logged",
            Self::PayloadTooLong => {
                "the session payload is longer than 16 KiB: keep a key in it, and the data elsewhere"
            }
            Self::PayloadNotJson => {
                "the session payload cannot be serialised as JSON: use strings as map keys"
            }
            Self::NothingKeepsLogin => {
                "a payload or a validity needs a session store, or a `SessionCookie` that carries it"
            }
            Self::Validity(_) => {
                "the login's validity is not a duration or is out of bounds: use a number with a unit, such \
                 as 45s, 30m, 1h or 7d, up to `SessionConfig::lifetime`"
            }
            Self::NoSessionCookie => {
                "the session to renew or change did not come in a session cookie: add a `SessionCookie` to \
                 the transports"
            }
            Self::SessionOutsideGuard => {
                "the session needs a new cookie: put a guard or `visitor` around the handler to set it"
            }
            Self::NoCsrfTokens => {
                "the provider was built without CSRF tokens: call `.csrf_tokens(CsrfTokens::new())` on the \
                 builder"
            }
            Self::NoOwnTokens => {
                "the provider has no key that signs tokens: build it with `AuthConfig::builder().secret(…)`, \
                 or let the issuer issue the tokens"
            }
            Self::UnknownIssuer => "the issuer is not trusted: use the same text as in `TrustedIssuer::new`",
            Self::NoDelivery => {
                "a transport reads tokens that browsers send by themselves, but none sets both tokens: \
                 return headers from `Transport::set`, or add a `CookieTransport`"
            }
        }
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::PayloadTooLarge,
            BodyError::TooSlow => Self::BodyTimeout,
            BodyError::Incomplete => Self::InvalidRequest,
        }
    }
}

impl From<PasswordError> for Rejection {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy { retry_after } => Self::Busy { retry_after },
            PasswordError::Unacceptable(reason) => Self::Unprocessable(reason.to_string().into()),
            PasswordError::Unchecked => Self::Unavailable(Unavailable::BreachCheck),
            PasswordError::Failed => Self::Unavailable(Unavailable::PasswordHasher),
        }
    }
}

impl From<IssueError> for Rejection {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Clock(_) => Self::Unavailable(Unavailable::Clock),
            IssueError::NoRandomness | IssueError::Signer(_) => Self::Unavailable(Unavailable::Issuer),
            IssueError::NoOwnTokens => Self::Misconfigured(Misconfigured::NoOwnTokens),
            _ => Self::Misconfigured(Misconfigured::TokenRequest),
        }
    }
}

impl From<Unmet> for Rejection {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Lacks(missing) => Self::Forbidden(missing),
            Unmet::StaleLogin(max_age) => Self::StaleLogin { max_age },
            #[cfg(feature = "mandates")]
            Unmet::WrongUse => Self::InvalidToken(InvalidToken::Token(TokenError::WrongUse)),
        }
    }
}

impl From<TokenError> for Rejection {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Clock(_) => Self::Unavailable(Unavailable::Clock),
            error => Self::InvalidToken(InvalidToken::Token(error)),
        }
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Rejection {}

const fn origin_detail(fault: OriginFault) -> &'static str {
    match fault {
        OriginFault::Missing => {
            "The request names no origin: it has neither the header `Sec-Fetch-Site` nor `Origin`"
        }
        OriginFault::Foreign => {
            "The request was sent by a page of an origin that is neither this application's own nor \
             a trusted one (setting `trusted_origin`)"
        }
        OriginFault::PlainHttp => {
            "The request was sent by a page that was loaded over plain HTTP, and the cookies are for \
             HTTPS: load the page over HTTPS (for development, setting `danger_insecure`)"
        }
    }
}

const fn csrf_detail(fault: CsrfFault) -> &'static str {
    match fault {
        CsrfFault::Missing => {
            "The request has no CSRF token: load the page again, and send the token that it holds in the \
             header or the form field that is meant for it"
        }
        CsrfFault::Malformed => {
            "The CSRF token was not issued by this application: load the page again, and send the token \
             that it holds unchanged"
        }
        CsrfFault::Mismatch => {
            "The CSRF token belongs to another session: load the page again, and repeat the request"
        }
        CsrfFault::Duplicate => "The request has more than one CSRF token: send exactly one",
    }
}

fn field_detail(field: &str, fault: FieldFault) -> String {
    match fault {
        FieldFault::Missing => format!("Missing field `{field}`"),
        FieldFault::Duplicate => format!("The field `{field}` occurs more than once"),
        FieldFault::NotText => format!("The field `{field}` must be text in UTF-8"),
        FieldFault::NotBoolean => {
            format!("The field `{field}` must be one of true, false, on, off, yes, no, 1, 0")
        }
    }
}

pub(super) const STALE_LOGIN_DETAIL: &str = "A more recent login is required";

pub(super) const INVALID_TOKEN_DETAIL: &str = "The token is invalid or has expired";

pub(super) const fn malformed_detail(reason: MalformedCredential) -> &'static str {
    match reason {
        MalformedCredential::Duplicate | MalformedCredential::Several => "More than one credential was sent",
        MalformedCredential::Grammar => "The credential is malformed",
        MalformedCredential::TooLong => "The credential is too long",
    }
}
