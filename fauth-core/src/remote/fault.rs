//! Why a fetch has brought no keys, and what is told to whoever needs them.

use std::{fmt, sync::Arc};

use super::fetch::FetchError;
use crate::{error::causes, token::KeyError};

/// Why a fetch has brought no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySourceError {
    /// The source belongs to no provider yet.
    #[error("the source belongs to no provider yet: build the provider first")]
    NotInUse,
    /// Nothing was fetched so far.
    #[error("no keys were fetched yet")]
    NotFetched,
    /// No whole answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or a certificate that is not trusted. With the causes.
    #[error("{0}")]
    Unreachable(Arc<str>),
    /// The answer has another status than 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The answer is a redirect, which is not followed.
    #[error(
        "the server answered with a redirect (status {0}), which is not followed: name the URL that it leads to"
    )]
    Redirected(u16),
    /// The answer is longer than 256 KiB.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The answer is no set of keys ([RFC 7517 section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), or has no key that can be used.
    #[error("the answer is no usable set of keys: {0}")]
    UnusableKeys(KeyError),
    /// The discovery document is no JSON object with `issuer` and `jwks_uri`.
    #[error("the discovery document is no JSON object with the members `issuer` and `jwks_uri`")]
    UnusableDocument,
    /// The discovery document is of another issuer.
    #[error("the discovery document is of another issuer")]
    OtherIssuer,
    /// The `jwks_uri` of the discovery document is no URL that keys may be fetched from.
    #[error("the `jwks_uri` of the discovery document {0}")]
    ForbiddenUrl(&'static str),
    /// The fetch was ended before its time, with the runtime that it ran on.
    #[error("the fetch was interrupted")]
    Interrupted,
    /// The provider's clock gives no time.
    #[error("the clock gives no usable time")]
    Clock,
    /// There is no tokio runtime to fetch in.
    #[error("there is no tokio runtime to fetch in")]
    NoRuntime,
}

impl KeySourceError {
    /// A stable name; the `reason` of events.
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

/// There are no keys to verify tokens of an issuer with: none were fetched yet, or the last ones
/// are too old.
///
/// Nothing is known of the token then, so that the request is refused with 503 and not with 401.
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

    /// Why the last fetch has brought none.
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
