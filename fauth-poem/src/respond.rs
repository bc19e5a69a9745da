//! Responses of poem from those of the core: nothing added, nothing dropped.

use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
};
use poem::{
    Response, Result,
    error::ResponseError,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
};

/// Turns a [`Reply`] of the core into a response, for endpoints of the application's own.
#[must_use]
pub fn respond(reply: Reply) -> Response {
    let (status, headers, body) = reply.into_parts();
    let mut response = Response::builder().status(status_of(status)).body(body);
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// Makes the changes that a guard demands of the headers of a response.
///
/// An error of the handler stays an error, so that the application's `catch_error` outside the guard still meets it. Only if headers have to go with it, it
/// becomes the response that poem would make of it: an error can carry none.
pub(crate) fn amend(outcome: Result<Response>, demands: &Demands) -> Result<Response> {
    let mut response = match outcome {
        Err(error) if demands.is_empty() => return Err(error),
        Err(error) if !error.is_from_response() && demands.spare_error(error.status().as_u16()) => {
            return Err(error);
        }
        outcome => outcome.unwrap_or_else(poem::Error::into_response),
    };
    for change in demands.changes(&Made(response.headers())) {
        let Some((name, value)) = parse(change.header()) else { continue };
        if change.replaces() {
            response.headers_mut().insert(name, value);
        } else {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// The headers of a response as the handler has made them.
struct Made<'a>(&'a HeaderMap);

impl ResponseHead for Made<'_> {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.0.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
}

/// The core lets no name or value through that this would refuse.
fn parse(header: &ResponseHeader) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name().parse().ok()?, header.value().parse().ok()?))
}

fn status_of(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What the log advises where nobody has said who decides.
const WIRING: &str = "call `.data(auth)` on the application, or put a guard in front of the route";

/// What an extractor fails with: the refusal, and the answer to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rejection}")]
pub struct Refused {
    rejection: Rejection,
    reply: Reply,
}

impl Refused {
    pub(crate) const fn new(rejection: Rejection, reply: Reply) -> Self {
        Self { rejection, reply }
    }

    pub(crate) fn without_provider(head: &dyn RequestHead) -> Self {
        let (rejection, reply) = Rejection::without_provider(head, WIRING);
        Self { rejection, reply }
    }

    /// Why the request is refused.
    #[must_use]
    pub const fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

impl ResponseError for Refused {
    fn status(&self) -> StatusCode {
        status_of(self.reply.status())
    }

    fn as_response(&self) -> Response {
        respond(self.reply.clone())
    }
}
