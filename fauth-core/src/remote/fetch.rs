//! What a source asks of an HTTP client.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::error::BoxError;

/// An HTTP client that fetches the documents of an issuer. `HttpFetch` of the crate `fauth-remote`
/// is one.
///
/// Implement it to use another client, or to answer from memory in tests:
///
/// ```
/// use fauth_core::{
///     async_trait,
///     remote::{Fetch, FetchError, FetchRequest, FetchResponse},
/// };
///
/// #[derive(Debug)]
/// struct Recorded(&'static str);
///
/// #[async_trait]
/// impl Fetch for Recorded {
///     async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
///         Ok(FetchResponse::new(200, self.0).with_cache_control("max-age=600"))
///     }
/// }
/// ```
///
/// # Security
/// Whoever decides what this returns decides who is logged in. Follow no redirect: return its
/// status. Check the certificate of the server. Stop reading after [`FetchRequest::max_bytes`], and
/// do not decompress: a short answer can unfold into a very long one.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Sends one GET request and returns the answer, whatever its status is.
    ///
    /// The caller stops waiting after [`FetchRequest::timeout`], and drops the future then.
    ///
    /// # Errors
    /// [`FetchError`] if there is no whole answer.
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError>;

    /// May keys be fetched over plain HTTP from anywhere? Default: no, and only from this machine.
    ///
    /// # Security
    /// Everybody on the way can then put in keys of their own, and log in as anybody.
    fn danger_allows_http(&self) -> bool {
        false
    }
}

/// What to fetch.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchRequest<'a> {
    /// The URL: visible ASCII, `https`, and `http` only for this machine or with
    /// [`Fetch::danger_allows_http`]. Without user, password and fragment.
    pub url: &'a str,
    /// The value of `If-None-Match`: the `ETag` of the answer that is already known.
    pub etag: Option<&'a str>,
    /// The value of `Accept`.
    pub accept: &'static str,
    /// How many bytes of the body to read before giving up.
    pub max_bytes: usize,
    /// How long everything may take.
    pub timeout: Duration,
}

impl<'a> FetchRequest<'a> {
    /// A request for `url`, for tests of a [`Fetch`].
    #[must_use]
    pub const fn new(url: &'a str, max_bytes: usize, timeout: Duration) -> Self {
        Self { url, etag: None, accept: "*/*", max_bytes, timeout }
    }

    /// With `If-None-Match`.
    #[must_use]
    pub const fn with_etag(mut self, etag: &'a str) -> Self {
        self.etag = Some(etag);
        self
    }

    /// With `Accept`.
    #[must_use]
    pub const fn with_accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }
}

/// The answer of a server: what a source looks at.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct FetchResponse {
    pub(super) status: u16,
    pub(super) cache_control: Option<String>,
    pub(super) age: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) body: Vec<u8>,
}

impl FetchResponse {
    /// The status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The header `Cache-Control`.
    #[must_use]
    pub fn cache_control(&self) -> Option<&str> {
        self.cache_control.as_deref()
    }

    /// The header `Age`.
    #[must_use]
    pub fn age(&self) -> Option<&str> {
        self.age.as_deref()
    }

    /// The header `ETag`.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// An answer without headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// With this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With the header `Cache-Control`. Join several by a comma.
    #[must_use]
    pub fn with_cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// With the header `Age`.
    #[must_use]
    pub fn with_age(mut self, value: impl Into<String>) -> Self {
        self.age = Some(value.into());
        self
    }

    /// With the header `ETag`.
    #[must_use]
    pub fn with_etag(mut self, value: impl Into<String>) -> Self {
        self.etag = Some(value.into());
        self
    }
}

impl fmt::Debug for FetchResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchResponse")
            .field("status", &self.status)
            .field("cache_control", &self.cache_control)
            .field("age", &self.age)
            .field("etag", &self.etag)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It took longer than [`FetchRequest::timeout`].
    #[error("no answer in time")]
    TimedOut,
    /// The body is longer than [`FetchRequest::max_bytes`].
    #[error("the answer is too long")]
    TooLarge,
    /// No connection, a certificate that is not trusted, an answer that breaks off, and everything
    /// else.
    #[error(transparent)]
    Failed(BoxError),
}

impl FetchError {
    /// [`FetchError::Failed`] with its cause.
    pub fn failed(cause: impl Into<BoxError>) -> Self {
        Self::Failed(cause.into())
    }
}
