//! A request such as a browser's script sends, without any framework.

use std::{
    future::Future,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};

use fauth_core::request::{HeaderValues, RequestHead};

#[derive(Debug, Clone)]
pub(crate) struct Request {
    headers: [(&'static str, String); 4],
}

impl Request {
    pub(crate) fn with_bearer(token: &str) -> Self {
        let headers = [
            ("host", "api.example.com".to_owned()),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
            ),
            ("accept", "application/json".to_owned()),
            ("authorization", format!("Bearer {token}")),
        ];
        Self { headers }
    }
}

impl RequestHead for Request {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/api/orders/17"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.headers.iter().filter(|(own, _)| *own == name).map(|(_, value)| value.as_bytes()).collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        true
    }
}

/// Runs a future that is ready at once; `None` if it is not. A runtime would cost more than what is
/// measured.
pub(crate) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
