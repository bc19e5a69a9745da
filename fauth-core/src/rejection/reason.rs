//! Why a request is refused: every reason, with its status, its code and its sentence.

use std::{borrow::Cow, time::Duration};

use crate::{
    body::BodyError,
    error::ConfigError,
    password::PasswordError,
    requirement::{Missing, Unmet},
    token::{IssueError, TokenError},
};

/// Why a request is refused.
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
/// Handlers return it with `?`, wrapped into the `Refused` of their adapter, and so they do with
/// the other errors of a provider's methods: each of them is a rejection too (`From`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request presents nothing.
    MissingCredential,
    /// It presents something that no credential can be read from, or more than one.
    MalformedCredential(MalformedCredential),
    /// It presents a token that is not accepted. The reason is for the log; the caller hears the
    /// same for each.
    InvalidToken(InvalidToken),
    /// Identifier and password do not belong to an active user; or a second factor was wrong.
    InvalidCredentials,
    /// The user is known and lacks nothing but a login that is recent enough
    /// ([`Requirement::login_within`](crate::Requirement::login_within)).
    StaleLogin {
        /// How long ago the login may have been.
        max_age: Duration,
    },
    /// The user is known and lacks something, or is represented by an API key where these are not
    /// allowed.
    Forbidden(Missing),
    /// A user is signed in where [only guests](crate::Guard::guests) are let in.
    GuestsOnly,
    /// A cookie is the credential or is to be set, and the request does not prove that the
    /// application's own pages sent it.
    CrossSiteRequest(OriginFault),
    /// A cookie is the credential, and the request brings no good
    /// [CSRF token](crate::AuthProviderBuilder::csrf_tokens) although it needs one.
    InvalidCsrfToken(CsrfFault),
    /// The path can be read in more than one way.
    AmbiguousPath,
    /// The body of a request to a login endpoint, ready-made or your own, cannot be read.
    InvalidRequest,
    /// A field in the body of a request to a ready-made endpoint is not what it must be.
    InvalidField {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        fault: FieldFault,
    },
    /// There is nothing of this name, or it is somebody else's.
    NotFound,
    /// The method is not one that can be answered here: anything but POST at a ready-made
    /// endpoint, TRACE and CONNECT at a guard.
    MethodNotAllowed {
        /// The methods that are, as the `Allow` header lists them.
        allow: &'static str,
    },
    /// The body did not arrive in the time that a ready-made endpoint waits for it, or a guard that
    /// looks for the CSRF token of a form.
    BodyTimeout,
    /// The body is longer than a ready-made endpoint reads, or a guard that looks for the CSRF
    /// token of a form.
    PayloadTooLarge,
    /// The body is of a type that a ready-made endpoint does not read.
    UnsupportedMediaType,
    /// What the request asks for is understood and impossible: an unacceptable new password, an API
    /// key too many. The sentence is told to the caller; an application may write its own.
    Unprocessable(Cow<'static, str>),
    /// A [limit](crate::limit) is reached.
    TooManyRequests {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many passwords are being checked at this moment.
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Something that decides cannot be reached.
    Unavailable(Unavailable),
    /// The application is wired wrongly. The log says what to add.
    Misconfigured(Misconfigured),
}

/// Why a request does not count as one of the application's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginFault {
    /// It has neither `Sec-Fetch-Site` nor `Origin`. Browsers send them; a program uses a token in
    /// a header and no cookie.
    Missing,
    /// Another origin than the application's own or a
    /// [trusted one](crate::AuthProviderBuilder::trusted_origin) has caused it.
    Foreign,
    /// The page has the application's own host and was loaded over plain HTTP, while the cookies
    /// are for HTTPS.
    PlainHttp,
}

/// Why a request that needs a CSRF token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfFault {
    /// It has none, or none in a place that is looked at.
    Missing,
    /// It has not the form of one: another length, or other characters.
    Malformed,
    /// It is none of this session: of another one, of another application, or made up.
    Mismatch,
    /// There are two.
    Duplicate,
}

impl CsrfFault {
    /// What to do about it, for the log.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Missing => {
                "put `CsrfToken::hidden_field` into the form, or let the script send the value of the CSRF \
                 cookie in the header; guards read the field of urlencoded forms only"
            }
            Self::Malformed => "send the value as `CsrfToken::value` and the CSRF cookie have it, uncut",
            Self::Mismatch => {
                "the page is older than the login, or of another one: let scripts read the CSRF cookie for \
                 each request, and do not cache pages with forms"
            }
            Self::Duplicate => "send it once: one header, or one field of the form",
        }
    }
}

/// What is wrong with a field of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldFault {
    /// It is not there, or null.
    Missing,
    /// It is there more than once.
    Duplicate,
    /// It is not text, or not UTF-8.
    NotText,
    /// It is none of `true`, `false`, `on`, `off`, `yes`, `no`, `1` and `0`.
    NotBoolean,
}

/// What is wrong with the form of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedCredential {
    /// Two of one kind: two `Authorization` headers, two cookies or parameters of one name.
    Duplicate,
    /// Two explicit credentials of different kinds, such as a header and a query parameter.
    Several,
    /// Outside the grammar of its kind.
    Grammar,
    /// Longer than anything that could be accepted.
    TooLong,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// The verifier refused it.
    Token(TokenError),
    /// It is an API key, and not a good one.
    ApiKey(ApiKeyFault),
    /// It is a one-time token that verifies, and is worth nothing all the same.
    OneTime(OneTimeFault),
    /// It is a good token, but there is no such user (any more).
    UnknownUser,
    /// It is a good token, but the user is not active.
    InactiveUser,
    /// It was taken back.
    Revoked,
    /// It was issued before everything of its subject was taken back.
    OldEpoch,
    /// It was issued before the revocation store began to remember, so that nobody knows whether
    /// it was taken back.
    BeforeMemory,
    /// The session of this refresh token has been ended.
    SessionEnded,
    /// There is no session of this refresh token (any more).
    UnknownSession,
    /// This refresh token was used before; its session has been ended.
    Reused,
    /// Of this mandate something was taken back that it rests on: its authority, its session, its
    /// delegation, its subject, or itself.
    #[cfg(feature = "mandates")]
    MandateRevoked,
    /// Delegations of its zone have changed since this mandate was issued.
    #[cfg(feature = "mandates")]
    DelegationStale,
    /// This mandate was used before, and each is [good
    /// once](crate::MandateAuthBuilder::single_use).
    #[cfg(feature = "mandates")]
    MandateSpent,
}

/// Why an API key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyFault {
    /// It has not the form of a key, or its checksum is wrong: mistyped, cut off, or made up.
    Malformed,
    /// There is none of its id: revoked, expired, or made up.
    Unknown,
    /// Its id is that of a key; its secret is not, or the record was changed.
    WrongSecret,
    /// Its record names a key of hashes that is not configured: a store secret was exchanged, or
    /// the secret that it was derived from.
    UnknownHashKey,
}

/// Why a one-time token that verifies is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OneTimeFault {
    /// It is not kept (any more): redeemed, withdrawn, or issued without being kept.
    Spent,
    /// What it was bound to has changed since it was issued.
    Stale,
    /// Another browser asked for it.
    OtherBrowser,
}

/// What could not be reached.
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
    /// The provider's clock is far behind the time at which the revocation store began to
    /// remember, so that no token would be good. The log names both.
    ClocksDisagree,
    /// There is no usable time.
    Clock,
    /// No token could be issued.
    Issuer,
    /// Passwords cannot be checked.
    PasswordHasher,
    /// Whether a new password was leaked cannot be found out.
    BreachCheck,
    /// There are no keys to verify the tokens of another issuer with.
    Keys,
    /// No provider is set yet in the [switch](crate::AuthSwitch).
    NoProvider,
}

/// How the application is wired wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misconfigured {
    /// An extractor was used on a route that knows no provider of its users.
    MissingProvider,
    /// An extractor asks for users of another type than those of the guard, or of any provider.
    OtherUsers,
    /// The token of the request was asked for where no guard has checked one.
    MissingGuard,
    /// What one provider has read from a request was given to another to check.
    OtherProvider,
    /// A password is to be checked by a provider that was built without password login.
    NoPasswordLogin,
    /// Something is asked for that needs a store, and the provider was built without it.
    NoStore,
    /// A token is to be issued, and the provider was built without a key of its own.
    NoOwnTokens,
    /// Something of an issuer is to be revoked that the provider does not trust.
    UnknownIssuer,
    /// A claim is to be revoked that the provider was not told to look at.
    NotRevocable,
    /// A requirement has an impossible part.
    Requirement(ConfigError),
    /// A limit is none.
    Limit(ConfigError),
    /// A token cannot be issued from what the application asks for.
    TokenRequest,
    /// A cookie cannot hold the token.
    TokenTooLongForCookie,
    /// Tokens are to be delivered in cookies, and no transport sets both of them.
    NoDelivery,
    /// The [`Renderer`](super::Renderer) of the refusal has failed.
    Renderer,
    /// The payload of a session is longer than [`MAX_PAYLOAD_BYTES`](crate::MAX_PAYLOAD_BYTES).
    PayloadTooLong,
    /// The payload of a session cannot be written as JSON.
    PayloadNotJson,
    /// There is nothing that could keep the payload, or the validity, of this login.
    NothingKeepsLogin,
    /// The [validity](crate::LoginRequest::validity) of a login is no time span, or out of bounds.
    Validity(ConfigError),
    /// A session is to be changed that is none of a
    /// [`SessionCookie`](crate::transport::SessionCookie).
    NoSessionCookie,
    /// A change of a session needs a new cookie, and no guard is around the handler that could set
    /// it.
    SessionOutsideGuard,
    /// A CSRF token is asked for, and the provider was built without
    /// [them](crate::AuthProviderBuilder::csrf_tokens).
    NoCsrfTokens,
}

const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

impl InvalidToken {
    /// Was it good once, and has ended? Everything else was never good here, as far as anybody can
    /// tell.
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
    /// The stable name of the refusal, as it stands in the member `error` of the body.
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

    /// The status of the answer.
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

    /// The precise reason, for logs; more than the caller is told.
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

    /// The sentence for the caller.
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
            Self::GuestsOnly => "This is for guests, and a user is signed in".into(),
            Self::CrossSiteRequest(fault) => origin_detail(*fault).into(),
            Self::InvalidCsrfToken(fault) => csrf_detail(*fault).into(),
            Self::AmbiguousPath => "The path can be read in more than one way".into(),
            Self::InvalidRequest => "The body cannot be read as JSON or as a form".into(),
            Self::InvalidField { field, fault } => field_detail(field, *fault),
            Self::NotFound => "There is no such thing".into(),
            Self::MethodNotAllowed { allow } => format!("The method is not one of: {allow}"),
            Self::BodyTimeout => "The body did not arrive in time".into(),
            Self::PayloadTooLarge => "The body is too large".into(),
            Self::UnsupportedMediaType => "The body must be JSON or, for a login, a form".into(),
            Self::Unprocessable(sentence) => sentence.clone().into_owned(),
            Self::TooManyRequests { .. } => "Rate limit exceeded".into(),
            Self::Busy { .. } => "Too many logins at once, try again in a moment".into(),
            Self::Unavailable(_) => "Authentication is unavailable for the moment".into(),
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
    /// What to add or change, for the log. The first three are told where they are found, with more
    /// about the place than is known here.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::MissingProvider => "give the provider to the application",
            Self::OtherUsers => "let the extractor name the type of users that the provider has",
            Self::MissingGuard => "put a guard in front of the route",
            Self::OtherProvider => {
                "two providers are mixed: what one has read or granted was handed to another; build one \
                 provider and give clones of it to guards, routes and handlers"
            }
            Self::NoPasswordLogin => {
                "a password is to be checked: call `.identity_loader(…)` on the builder in place of \
                 `.without_password_login()`"
            }
            Self::NoStore => {
                "this needs a store: call `.store(MemoryStore::new())` on the builder, with Redis or SQL for \
                 more than one instance"
            }
            Self::NotRevocable => {
                "nothing would be refused because of it: name a claim with `.revocable_claim(…)` on the \
                 builder and give it a revocation store; a subject has 1 to 255 bytes; an anchor of mandates \
                 has 1 to 1024, and a time above zero"
            }
            Self::Requirement(_) => {
                "a guard's requirement is impossible; what is wrong with it was logged at start"
            }
            Self::Limit(_) => "a limit cannot be read; what is wrong with it was logged at start",
            Self::TokenRequest => {
                "a token cannot be issued as it is asked for: check subject, scopes and claims of the request"
            }
            Self::TokenTooLongForCookie => {
                "the token does not fit into a cookie: give it fewer scopes and claims"
            }
            Self::Renderer => "the renderer of a refusal has failed; its error was logged",
            Self::PayloadTooLong => {
                "the payload of a session is longer than 16 KiB: keep a key in it, and the rest elsewhere"
            }
            Self::PayloadNotJson => {
                "the payload of a session cannot be written as JSON: give maps keys that are texts"
            }
            Self::NothingKeepsLogin => {
                "a payload or a validity needs a session store, or a `SessionCookie` that carries it"
            }
            Self::Validity(_) => {
                "the validity of a login is no time span or out of bounds: use a number with a unit, such as \
                 45s, 30m, 1h or 7d, up to `SessionConfig::lifetime`"
            }
            Self::NoSessionCookie => {
                "a session is to be renewed or changed that came in no session cookie: add a `SessionCookie` \
                 to the transports"
            }
            Self::SessionOutsideGuard => {
                "the session needs a new cookie: put a guard or `visitor` around the handler, which sets it"
            }
            Self::NoCsrfTokens => {
                "a CSRF token is asked for: call `.csrf_tokens(CsrfTokens::new())` on the builder"
            }
            Self::NoOwnTokens => {
                "a token is to be issued by a provider without a secret: build it with                  `AuthConfig::builder().secret(…)`, or let the issuer make its tokens"
            }
            Self::UnknownIssuer => {
                "the issuer is none of the trusted ones: name it as `TrustedIssuer::new` does"
            }
            Self::NoDelivery => {
                "a transport that browsers use by themselves reads tokens, and none sets both: let its \
                 `Transport::set` return headers, or add a `CookieTransport`"
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
            "The CSRF token is none of this application: load the page again, and send the token that it \
             holds unchanged"
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
