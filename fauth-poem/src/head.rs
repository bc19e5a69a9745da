//! The core's view of a poem request.

use std::{fmt, net::SocketAddr};

use fauth_core::request::{CsrfProof, HeaderValues, RequestHead};
use poem::{
    Request,
    http::{HeaderMap, HeaderValue, Method, Uri, uri::Scheme},
};

/// The head of a poem request, for the core.
///
/// It reports what was received and decides nothing. Path and query are those of
/// [`Request::original_uri`], which poem's server sets. A request made by [`Request::builder`],
/// such as by poem's `TestClient`, has none; its path and query are those of [`Request::uri`], from
/// which nested routes have stripped their prefix.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    request: &'a Request,
    uri: &'a Uri,
}

impl<'a> From<&'a Request> for Head<'a> {
    fn from(request: &'a Request) -> Self {
        // Nested routes strip their prefix from the URI; the original is kept beside it.
        let original = request.original_uri();
        // A request that no server received has the default here. A client that sends just this
        // path gains nothing: no router strips anything from `/`.
        let uri = if *original == Uri::default() { request.uri() } else { original };
        Self { request, uri }
    }
}

/// Does not print headers and query: they may contain credentials.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn routed_path(&self) -> &str {
        self.request.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        header_of(self.request.headers(), self.uri, name)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.request.remote_addr().as_socket_addr().copied()
    }

    fn is_secure(&self) -> bool {
        self.request.scheme() == &Scheme::HTTPS
    }

    fn csrf_proof(&self) -> Option<CsrfProof> {
        self.request.extensions().get::<CsrfProof>().cloned()
    }
}

/// The parts of a request that a refusal needs after a handler has consumed the request.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    is_secure: bool,
}

impl KeptHead {
    /// Keeps the headers only if refusals read them; without them, this allocates nothing.
    pub(crate) fn of(request: &Request, with_headers: bool) -> Self {
        let head = Head::from(request);
        Self {
            method: request.method().clone(),
            uri: head.uri.clone(),
            headers: if with_headers { request.headers().clone() } else { HeaderMap::new() },
            peer: head.peer(),
            is_secure: head.is_secure(),
        }
    }
}

impl RequestHead for KeptHead {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        header_of(&self.headers, &self.uri, name)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn is_secure(&self) -> bool {
        self.is_secure
    }
}

fn header_of<'a>(headers: &'a HeaderMap, uri: &'a Uri, name: &str) -> HeaderValues<'a> {
    let values: HeaderValues<'_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    // HTTP/2 has the host in the URI.
    if name == "host" && values.is_empty() {
        return uri.authority().map(|authority| authority.as_str().as_bytes()).into_iter().collect();
    }
    values
}
