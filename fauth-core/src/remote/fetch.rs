//! The interface between a source and an HTTP client.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::error::BoxError;

/// An HTTP client that fetches the documents of an issuer.
///
/// The crate `fauth-remote` provides `HttpFetch`.
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
/// Whoever controls the returned keys controls who is logged in. Follow no redirect: return its
/// status. Verify the server's certificate. Stop reading after [`FetchRequest::max_bytes`], and do
/// not decompress: a short response can expand into a very long one.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// Sends one GET request and returns the response, whatever its status.
    ///
    /// The caller stops waiting after [`FetchRequest::timeout`] and drops the future.
    ///
    /// # Errors
    /// [`FetchError`] if there is no complete response.
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError>;

    /// Whether keys may be fetched over plain HTTP from any host. Default: no, only from a loopback
    /// host.
    ///
    /// # Security
    /// Anyone on the network path can then substitute keys of their own, and log in as any user.
    fn danger_allows_http(&self) -> bool {
        false
    }
}

/// A request of a source.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchRequest<'a> {
    /// The URL: visible ASCII, `https`, or `http` for a loopback host or with
    /// [`Fetch::danger_allows_http`]. Without user name, password and fragment.
    pub url: &'a str,
    /// The value of `If-None-Match`: the `ETag` of the response that is already known.
    pub etag: Option<&'a str>,
    /// The value of `Accept`.
    pub accept: &'static str,
    /// The maximum number of bytes of the body to read.
    pub max_bytes: usize,
    /// The time limit for the whole request.
    pub timeout: Duration,
}

impl<'a> FetchRequest<'a> {
    /// Creates a request for `url`, for tests of a [`Fetch`].
    #[must_use]
    pub const fn new(url: &'a str, max_bytes: usize, timeout: Duration) -> Self {
        Self { url, etag: None, accept: "*/*", max_bytes, timeout }
    }

    /// Sets `If-None-Match`.
    #[must_use]
    pub const fn with_etag(mut self, etag: &'a str) -> Self {
        self.etag = Some(etag);
        self
    }

    /// Sets `Accept`.
    #[must_use]
    pub const fn with_accept(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }
}

/// The parts of a server's response that a source uses.
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
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The value of `Cache-Control`.
    #[must_use]
    pub fn cache_control(&self) -> Option<&str> {
        self.cache_control.as_deref()
    }

    /// The value of `Age`.
    #[must_use]
    pub fn age(&self) -> Option<&str> {
        self.age.as_deref()
    }

    /// The value of `ETag`.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Creates a response without headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets `Cache-Control`. Join several values with a comma.
    #[must_use]
    pub fn with_cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// Sets `Age`.
    #[must_use]
    pub fn with_age(mut self, value: impl Into<String>) -> Self {
        self.age = Some(value.into());
        self
    }

    /// Sets `ETag`.
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

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The request took longer than [`FetchRequest::timeout`].
    #[error("no response in time")]
    TimedOut,
    /// The body is longer than [`FetchRequest::max_bytes`].
    #[error("the response is too long")]
    TooLarge,
    /// Anything else: no connection, an untrusted certificate, a truncated response.
    #[error(transparent)]
    Failed(BoxError),
}

impl FetchError {
    /// [`FetchError::Failed`] with its cause.
    pub fn failed(cause: impl Into<BoxError>) -> Self {
        Self::Failed(cause.into())
    }
}
