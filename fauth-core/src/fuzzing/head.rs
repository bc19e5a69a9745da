//! A request head with a path, a query and one header.

use std::net::SocketAddr;

use crate::request::{HeaderValues, RequestHead};

#[derive(Default)]
pub(crate) struct Head<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// The name of the header, in lower case.
    pub(crate) name: &'a str,
    pub(crate) values: Vec<&'a [u8]>,
    pub(crate) peer: Option<SocketAddr>,
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
