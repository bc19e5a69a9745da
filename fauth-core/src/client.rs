//! The client that sent a request: its address, what it calls itself, and what it asked for.

use std::net::{IpAddr, SocketAddr};

use crate::request::RequestHead;

/// The most that is kept of what a client calls itself, in bytes.
const MAX_CLIENT_BYTES: usize = 256;

/// Where a request came from, for what happens after its head is gone. Empty for calls that no request
/// has caused.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientInfo {
    method: Option<Box<str>>,
    path: Option<Box<str>>,
    peer: Option<SocketAddr>,
    user_agent: Option<Box<str>>,
}

impl ClientInfo {
    pub(crate) fn of(head: &dyn RequestHead) -> Self {
        let user_agent = head.header("user-agent").single().map(String::from_utf8_lossy);
        Self {
            method: Some(head.method().into()),
            path: Some(head.path().into()),
            peer: head.peer(),
            user_agent: user_agent.as_deref().and_then(shortened).map(String::into_boxed_str),
        }
    }

    pub(crate) fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// As received, without the query.
    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The other end of the socket.
    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What the client calls itself, at most 256 bytes.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }
}

/// At most 256 bytes, of whole characters; nothing for nothing.
pub(crate) fn shortened(client: &str) -> Option<String> {
    let mut end = client.len().min(MAX_CLIENT_BYTES);
    while !client.is_char_boundary(end) {
        end -= 1;
    }
    client.get(..end).filter(|client| !client.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_calls_itself_is_cut_between_characters() {
        assert_eq!(shortened(""), None);
        assert_eq!(shortened(&"x".repeat(256)).unwrap().len(), 256);
        assert_eq!(shortened(&"x".repeat(257)).unwrap().len(), 256);
        assert_eq!(shortened(&"ü".repeat(200)).unwrap().len(), 256);
        assert_eq!(shortened(&format!("x{}", "ü".repeat(200))).unwrap().len(), 255);
    }
}
