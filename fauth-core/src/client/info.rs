//! The client that sent a request: its address, its user agent, and what it requested.

use std::net::{IpAddr, SocketAddr};

use super::address::{AddressBlock, peer_of};
use crate::request::RequestHead;

/// The maximum length in bytes of the user agent that is kept.
const MAX_USER_AGENT_BYTES: usize = 256;

/// The client that sent a request, for session lists, events and the login throttle. It outlives
/// the head of the request.
///
/// Create it with [`AuthProvider::client`](crate::AuthProvider::client): only the provider knows
/// which proxies are trusted.
///
/// ```
/// use fauth_core::{AuthProvider, AuthUser, ClientInfo};
///
/// # fn example<U: AuthUser>(auth: &AuthProvider<U>, head: &dyn fauth_core::request::RequestHead) {
/// let client = auth.client(head);
/// # }
/// // A background job has no request.
/// let nobody = ClientInfo::unknown();
/// let client = ClientInfo::unknown().with_user_agent("Firefox").with_address([192, 0, 2, 7].into());
/// ```
///
/// # Security
/// Everything but the address is untrusted input: escape it where it is shown.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
    method: Option<Box<str>>,
    path: Option<Box<str>>,
    peer: Option<SocketAddr>,
    address: Option<IpAddr>,
    user_agent: Option<Box<str>>,
}

impl ClientInfo {
    /// Creates a value for calls that no request has caused.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { method: None, path: None, peer: None, address: None, user_agent: None }
    }

    /// Returns the client at the other end of the socket. Behind a reverse proxy that is the proxy;
    /// [`AuthProvider::client`](crate::AuthProvider::client) looks through trusted proxies.
    pub fn of(head: &dyn RequestHead) -> Self {
        let user_agent = head.header("user-agent").single().map(String::from_utf8_lossy);
        let peer = peer_of(head);
        let client = Self {
            method: Some(head.method().into()),
            path: Some(head.path().into()),
            peer,
            address: peer.map(|peer| peer.ip()),
            user_agent: None,
        };
        user_agent.iter().fold(client, |client, name| client.with_user_agent(name))
    }

    /// Sets the user agent, cut off at 256 bytes. An empty text means none.
    #[must_use]
    pub fn with_user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = shortened(user_agent).map(Into::into);
        self
    }

    /// Sets the address. An IPv4 address mapped into IPv6 becomes IPv4.
    #[must_use]
    pub const fn with_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address.to_canonical());
        self
    }

    /// The user agent, at most 256 bytes.
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

    /// The path as received, without the query.
    pub(crate) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The peer of the socket.
    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The addresses that count as one client. All clients with an unknown address count as one,
    /// too.
    pub(crate) fn address_block(&self) -> Option<AddressBlock> {
        self.address.map(AddressBlock::of)
    }
}

/// At most 256 bytes, in whole characters; `None` for an empty text.
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

    #[test]
    fn a_mapped_address_is_the_ipv4_address_that_it_means() {
        let client = ClientInfo::unknown().with_address("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(client.address(), Some([192, 0, 2, 7].into()));
        assert_eq!(
            client.address_block(),
            ClientInfo::unknown().with_address([192, 0, 2, 7].into()).address_block()
        );
    }
}
