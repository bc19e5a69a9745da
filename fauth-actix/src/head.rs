//! The core's view of an actix-web request.

use std::{fmt, net::SocketAddr};

use actix_web::{HttpMessage as _, HttpRequest, dev::ServiceRequest, http::header::HeaderValue};
use fauth_core::request::{CsrfProof, HeaderValues, RequestHead};

/// The head of an actix-web request, for the core.
///
/// It reports what was received and decides nothing. The peer address is that of the socket:
/// `Forwarded` and `X-Forwarded-For` are not read.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    request: &'a HttpRequest,
}

impl<'a> Head<'a> {
    pub(crate) fn of(request: &'a ServiceRequest) -> Self {
        Self::from(request.request())
    }
}

impl<'a> From<&'a HttpRequest> for Head<'a> {
    fn from(request: &'a HttpRequest) -> Self {
        Self { request }
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
        // Scopes strip nothing from this path. The router matches its decoded form; the core
        // decodes it itself.
        self.request.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.request.uri().query()
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        let values: HeaderValues<'_> =
            self.request.headers().get_all(name).map(HeaderValue::as_bytes).collect();
        // HTTP/2 has the host in the URI.
        if name == "host" && values.is_empty() {
            let authority = self.request.uri().authority();
            return authority.map(|authority| authority.as_str().as_bytes()).into_iter().collect();
        }
        values
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.request.peer_addr()
    }

    fn is_secure(&self) -> bool {
        self.request.app_config().secure()
    }

    fn csrf_proof(&self) -> Option<CsrfProof> {
        self.request.extensions().get::<CsrfProof>().cloned()
    }
}
