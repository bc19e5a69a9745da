//! The core's view of an axum request.

use std::{fmt, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, OriginalUri, Request},
    http::{Extensions, HeaderMap, HeaderValue, Method, Uri, request::Parts, uri::Scheme},
};
use fauth_core::request::{CsrfProof, HeaderValues, RequestHead};

/// The head of an axum request, for the core.
///
/// It reports what was received and decides nothing. The peer address is known only if the
/// application is served with `into_make_service_with_connect_info::<SocketAddr>()`.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    method: &'a Method,
    uri: &'a Uri,
    /// The URI without the prefixes that nested routers stripped.
    routed: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self::new(request.method(), request.uri(), request.headers(), request.extensions())
    }

    fn new(method: &'a Method, routed: &'a Uri, headers: &'a HeaderMap, extensions: &'a Extensions) -> Self {
        // Nested routers strip their prefix from the URI; the outermost one keeps the original.
        let uri = extensions.get::<OriginalUri>().map_or(routed, |OriginalUri(original)| original);
        Self { method, uri, routed, headers, extensions }
    }
}

impl<'a> From<&'a Parts> for Head<'a> {
    fn from(parts: &'a Parts) -> Self {
        Self::new(&parts.method, &parts.uri, &parts.headers, &parts.extensions)
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
        self.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn routed_path(&self) -> &str {
        self.routed.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        header_of(self.headers, self.uri, name)
    }

    fn peer(&self) -> Option<SocketAddr> {
        peer_of(self.extensions)
    }

    fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    fn csrf_proof(&self) -> Option<CsrfProof> {
        self.extensions.get::<CsrfProof>().cloned()
    }

    #[cfg(feature = "http2")]
    fn protocol(&self) -> Option<&str> {
        self.extensions.get::<hyper::ext::Protocol>().map(hyper::ext::Protocol::as_str)
    }
}

/// The parts of a request that a refusal needs after a handler has consumed the request.
pub(crate) struct KeptHead {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
}

impl KeptHead {
    /// Keeps the headers only if refusals read them; without them, this allocates nothing.
    pub(crate) fn of(request: &Request, with_headers: bool) -> Self {
        let head = Head::of(request);
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: if with_headers { head.headers.clone() } else { HeaderMap::new() },
            peer: head.peer(),
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
        self.uri.scheme() == Some(&Scheme::HTTPS)
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

fn peer_of(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address)
}
