//! Why a fetch returned no keys, and the error for requests that need them.

use std::{fmt, sync::Arc};

use super::fetch::FetchError;
use crate::{error::causes, token::KeyError};

/// Why a fetch returned no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The source is not used by a provider yet.
    #[error("the source belongs to no provider yet: build the provider first")]
    NotInUse,
    /// No keys have been fetched yet.
    #[error("no keys have been fetched yet")]
    NotFetched,
    /// There was no complete response in time.
    #[error("no response in time")]
    TimedOut,
    /// No connection, or an untrusted certificate. Includes the causes.
    #[error("{0}")]
    Unreachable(Arc<str>),
    /// The response has a status other than 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The response is a redirect, which is not followed.
    #[error(
        "the server answered with a redirect (status {0}), which is not followed: configure the URL that it leads to"
    )]
    Redirected(u16),
    /// The response is longer than 256 KiB.
    #[error("the response is longer than {0} bytes")]
    TooLarge(usize),
    /// The response is not a key set ([RFC 7517 section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), or has no usable key.
    #[error("the response is not a usable key set: {0}")]
    UnusableKeys(KeyError),
    /// The discovery document is not a JSON object with `issuer` and `jwks_uri`.
    #[error("the discovery document is not a JSON object with the members `issuer` and `jwks_uri`")]
    UnusableDocument,
    /// The discovery document names another issuer.
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// Keys may not be fetched from the `jwks_uri` of the discovery document.
    #[error("the `jwks_uri` of the discovery document {0}")]
    ForbiddenUrl(&'static str),
    /// The fetch was interrupted, for example because its runtime ended.
    #[error("the fetch was interrupted")]
    Interrupted,
    /// The provider's clock returns no time.
    #[error("the clock returned no usable time")]
    Clock,
    /// There is no tokio runtime to fetch in.
    #[error("there is no tokio runtime to fetch in")]
    NoRuntime,
}

impl KeySourceError {
    /// The stable name of the error, used as the `reason` of events.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotInUse => "not_in_use",
            Self::NotFetched => "not_fetched",
            Self::TimedOut => "timed_out",
            Self::Unreachable(_) => "unreachable",
            Self::Status(_) => "status",
            Self::Redirected(_) => "redirected",
            Self::TooLarge(_) => "too_large",
            Self::UnusableKeys(_) => "unusable_keys",
            Self::UnusableDocument => "unusable_document",
            Self::OtherIssuer => "other_issuer",
            Self::ForbiddenUrl(_) => "forbidden_url",
            Self::Interrupted => "interrupted",
            Self::Clock => "clock",
            Self::NoRuntime => "no_runtime",
        }
    }

    pub(super) fn of(error: &FetchError, max_bytes: usize) -> Self {
        match error {
            FetchError::TimedOut => Self::TimedOut,
            FetchError::TooLarge => Self::TooLarge(max_bytes),
            FetchError::Failed(cause) => Self::Unreachable(causes(cause.as_ref()).into()),
        }
    }
}

/// There are no keys to verify an issuer's tokens with: none were fetched yet, or the last ones are
/// too old.
///
/// Nothing is known about the token, so the request is refused with 503 and not with 401.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysUnavailable {
    name: Arc<str>,
    cause: KeySourceError,
}

impl KeysUnavailable {
    pub(super) const fn new(name: Arc<str>, cause: KeySourceError) -> Self {
        Self { name, cause }
    }

    /// The name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the last fetch returned no keys.
    #[must_use]
    pub const fn cause(&self) -> &KeySourceError {
        &self.cause
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no keys from {}", self.name)
    }
}

impl std::error::Error for KeysUnavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
