//! A request of which a target fills in what its parser reads.

use std::net::SocketAddr;

use crate::request::{HeaderValues, RequestHead};

#[derive(Default)]
pub(super) struct Head<'a> {
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// The only header there is.
    pub(super) name: &'a str,
    pub(super) values: Vec<&'a [u8]>,
    pub(super) peer: Option<SocketAddr>,
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.values.iter().copied().filter(|_| name == self.name).collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn is_secure(&self) -> bool {
        true
    }
}
