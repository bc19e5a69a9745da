//! The client that sent a request: its address, what it calls itself, and what it asked for.

use std::net::{IpAddr, SocketAddr};

use crate::request::RequestHead;

/// The most that is kept of what a client calls itself, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

/// Who sent a request and from where, for lists of sessions and for events. It outlives the head
/// of the request.
///
/// ```
/// use fauth_core::ClientInfo;
///
/// # fn example(head: &dyn fauth_core::request::RequestHead) {
/// let client = ClientInfo::of(head);
/// # }
/// // A background job has no request.
/// let nobody = ClientInfo::unknown();
/// let client = ClientInfo::unknown().with_user_agent("Firefox on Linux").with_address([192, 0, 2, 7].into());
/// ```
///
/// # Security
/// Everything but the address is what a stranger sent: escape it where it is shown.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
    method: Option<Box<str>>,
    path: Option<Box<str>>,
    peer: Option<SocketAddr>,
    address: Option<IpAddr>,
    user_agent: Option<Box<str>>,
}

impl ClientInfo {
    /// Nobody: for calls that no request has caused.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { method: None, path: None, peer: None, address: None, user_agent: None }
    }

    /// The client that sent this request.
    pub fn of(head: &dyn RequestHead) -> Self {
        let user_agent = head.header("user-agent").single().map(String::from_utf8_lossy);
        let client = Self {
            method: Some(head.method().into()),
            path: Some(head.path().into()),
            peer: head.peer(),
            address: head.peer().map(|peer| peer.ip()),
            user_agent: None,
        };
        user_agent.iter().fold(client, |client, name| client.with_user_agent(name))
    }

    /// Another description of the client, cut at 256 bytes; an empty one counts as none.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = shortened(user_agent).map(Into::into);
        self
    }

    /// Another address.
    #[must_use]
    pub const fn with_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// What the client calls itself, at most 256 bytes.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The client's address.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
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
}

/// At most 256 bytes, of whole characters; nothing for nothing.
fn shortened(user_agent: &str) -> Option<&str> {
    let mut end = user_agent.len().min(MAX_USER_AGENT_BYTES);
    while !user_agent.is_char_boundary(end) {
        end -= 1;
    }
    user_agent.get(..end).filter(|user_agent| !user_agent.is_empty())
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
