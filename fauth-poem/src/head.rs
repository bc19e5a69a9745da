//! The view of a poem request that the core reads.

use std::{fmt, net::SocketAddr};

use fauth_core::request::{HeaderValues, RequestHead};
use poem::{
    Request,
    http::{HeaderValue, Uri, uri::Scheme},
};

/// The head of a poem request, for the core.
///
/// It reports what was received and decides nothing. Path and query are those of [`Request::original_uri`], which poem's server sets; requests made by
/// [`Request::builder`] have none, so tests build theirs from [`RequestParts`](poem::RequestParts), as the server does.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    request: &'a Request,
    uri: &'a Uri,
}

impl<'a> From<&'a Request> for Head<'a> {
    fn from(request: &'a Request) -> Self {
        // Nested routes strip their prefix from the URI; the original is kept beside it.
        Self { request, uri: request.original_uri() }
    }
}

/// Headers and query may be credentials.
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

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        let values: HeaderValues<'_> =
            self.request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
        // HTTP/2 has the host in the URI.
        if name == "host" && values.is_empty() {
            return self.uri.authority().map(|authority| authority.as_str().as_bytes()).into_iter().collect();
        }
        values
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.request.remote_addr().as_socket_addr().copied()
    }

    fn is_secure(&self) -> bool {
        self.request.scheme() == &Scheme::HTTPS
    }
}
