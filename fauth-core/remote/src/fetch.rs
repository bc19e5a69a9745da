//! [`HttpFetch`]: one request, bounded in time and size.

use std::net::IpAddr;

use fauth_core::{
    async_trait,
    remote::{Fetch, FetchError, FetchRequest, FetchResponse},
};
use reqwest::{
    Client, Response, Url,
    header::{
        ACCEPT, ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderName, IF_NONE_MATCH,
    },
};

use crate::{client::HttpFetchBuilder, error::HttpFetchError};

/// An HTTPS client that only fetches keys. Cheap to clone.
///
/// ```
/// use fauth_core::remote::JwksSource;
/// use fauth_remote::HttpFetch;
///
/// let keys = JwksSource::discover("https://login.example.com/realms/shop", HttpFetch::new()?)?;
/// # let _ = keys;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpFetch {
    client: Client,
    danger_allow_http: bool,
}

impl HttpFetch {
    /// A client that trusts the certificate authorities of the system.
    ///
    /// # Errors
    /// [`HttpFetchError`] if they cannot be read.
    pub fn new() -> Result<Self, HttpFetchError> {
        Self::builder().build()
    }

    /// A builder, for a private certificate authority or a proxy.
    pub fn builder() -> HttpFetchBuilder {
        HttpFetchBuilder::new()
    }

    pub(crate) const fn new_with(client: Client, danger_allow_http: bool) -> Self {
        Self { client, danger_allow_http }
    }

    /// The core has checked the text of the URL; here the parser that also connects decides.
    fn address(&self, url: &str) -> Result<Url, FetchError> {
        let url = Url::parse(url).map_err(FetchError::failed)?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.danger_allow_http || is_this_machine(&url) => Ok(url),
            _ => Err(FetchError::failed("keys are fetched over https, and over http only from this machine")),
        }
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        let mut asked = self
            .client
            .get(self.address(request.url)?)
            .timeout(request.timeout)
            .header(ACCEPT, request.accept)
            .header(ACCEPT_ENCODING, "identity");
        if let Some(etag) = request.etag {
            asked = asked.header(IF_NONE_MATCH, etag);
        }
        let response = asked.send().await.map_err(fault)?;
        refuse_encoding(&response)?;
        let mut answer = FetchResponse::new(response.status().as_u16(), Vec::new());
        if let Some(value) = text(&response, &CACHE_CONTROL) {
            answer = answer.with_cache_control(value);
        }
        if let Some(value) = text(&response, &AGE) {
            answer = answer.with_age(value);
        }
        if let Some(value) = text(&response, &ETAG) {
            answer = answer.with_etag(value);
        }
        Ok(answer.with_body(read(response, request.max_bytes).await?))
    }

    fn danger_allows_http(&self) -> bool {
        self.danger_allow_http
    }
}

/// Stops at the first byte beyond the limit, and does not start if the server announces more.
async fn read(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let fits = |length: u64| usize::try_from(length).is_ok_and(|length| length <= max_bytes);
    if response.content_length().is_some_and(|length| !fits(length)) {
        return Err(FetchError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if body.len().saturating_add(chunk.len()) > max_bytes {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A short compressed answer can expand into a very long one. The request asked for none.
fn refuse_encoding(response: &Response) -> Result<(), FetchError> {
    let encoded = response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(FetchError::failed(
            "the response is compressed, although the request asked for no compression",
        ));
    }
    Ok(())
}

/// A header that occurs several times is one list (RFC 9110 section 5.3).
fn text(response: &Response, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The name of the source already contains the URL.
fn fault(error: reqwest::Error) -> FetchError {
    if error.is_timeout() { FetchError::TimedOut } else { FetchError::failed(error.without_url()) }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
