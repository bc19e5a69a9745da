//! Requests and responses as they are on the wire, without a framework's types.

use std::net::{IpAddr, SocketAddr};

use fauth_core::{
    reply::Reply,
    request::{HeaderValues, RequestHead},
};

use crate::{RequestBody, RequestHeaders};

/// A request.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// The method.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// Headers in order, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// The peer address.
    pub peer: Option<SocketAddr>,
    /// The protocol of an extended CONNECT (`:protocol` of HTTP/2).
    pub protocol: Option<String>,
}

impl WireRequest {
    /// Creates a request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: None,
            protocol: None,
        }
    }

    /// Creates a GET request without headers.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Creates a POST request without headers and body.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds headers, such as those of a [login](crate::TestAuth::login_as).
    #[must_use]
    pub fn with(self, headers: &RequestHeaders) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the peer address.
    #[must_use]
    pub fn from_peer(mut self, address: impl Into<IpAddr>) -> Self {
        self.peer = Some(SocketAddr::new(address.into(), 4711));
        self
    }

    /// Makes it an extended CONNECT for this protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.protocol = Some(protocol.to_owned());
        self
    }

    /// Sets the body: JSON as a `serde_json::Value`, or another [`RequestBody`].
    #[must_use]
    pub fn with_body(self, body: impl Into<RequestBody>) -> Self {
        let (content_type, bytes) = body.into().into_parts();
        self.body(&content_type, bytes)
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.header("content-type", content_type)
    }
}

impl RequestHead for WireRequest {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_slice()).collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn is_secure(&self) -> bool {
        false
    }

    fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }
}

/// A whole response, except headers that servers add (`date`, `content-length`, `connection`,
/// `transfer-encoding`).
#[derive(Clone, PartialEq, Eq)]
pub struct WireResponse {
    /// The status code.
    pub status: u16,
    /// Headers, sorted by name, then by value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

const ADDED_BY_SERVERS: [&str; 4] = ["date", "content-length", "connection", "transfer-encoding"];

impl WireResponse {
    /// Creates it from the response of a framework.
    pub fn new(
        status: u16,
        headers: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<[u8]>)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let mut headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| {
                (name.as_ref().to_ascii_lowercase(), String::from_utf8_lossy(value.as_ref()).into_owned())
            })
            .filter(|(name, _)| !ADDED_BY_SERVERS.contains(&name.as_str()))
            .collect();
        headers.sort();
        Self { status, headers, body: body.into() }
    }

    /// Returns all values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
}

impl From<Reply> for WireResponse {
    fn from(reply: Reply) -> Self {
        let (status, headers, body) = reply.into_parts();
        Self::new(status, headers.iter().map(|header| (header.name(), header.value())), body)
    }
}

/// Prints the response as on the wire, to make a failing comparison readable.
impl std::fmt::Debug for WireResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.text())
    }
}
