//! Responses of actix-web from those of the core: nothing added, nothing dropped.

use actix_web::{
    Error, HttpResponse, ResponseError, body,
    error::InternalError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
};

/// Turns a [`Reply`] of the core into a response, for endpoints of the application's own.
#[must_use]
pub fn respond(reply: Reply) -> HttpResponse {
    let answers_head = reply.answers_head();
    let (status, headers, body) = reply.into_parts();
    let mut response = HttpResponse::new(parse_status(status));
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().append(name, value);
    }
    if answers_head { nothing(response) } else { response.set_body(body).map_into_boxed_body() }
}

/// No body, of no declared length: of an empty one actix-web would write `Content-Length: 0`.
fn nothing(response: HttpResponse) -> HttpResponse {
    response.set_body(body::None::new()).map_into_boxed_body()
}

/// Makes the changes that a guard demands of the headers of a response.
pub(crate) fn amend(headers: &mut HeaderMap, demands: &Demands) {
    if demands.is_empty() {
        return;
    }
    for change in demands.changes(&Made(headers)) {
        let Some((name, value)) = parse(change.header()) else { continue };
        if change.replaces() {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
}

/// The headers of a response as the handler has made them.
struct Made<'a>(&'a HeaderMap);

impl ResponseHead for Made<'_> {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.0.get_all(name).map(HeaderValue::as_bytes).collect()
    }
}

/// The same for a middleware inside the guard that fails instead of responding: the framework makes the response later, from the error.
pub(crate) fn amend_error(error: Error, demands: &Demands) -> Error {
    // An error that needs no headers stays what it is, so that a middleware further out still recognises it.
    if demands.is_empty() || demands.spare_error(error.as_response_error().status_code().as_u16()) {
        return error;
    }
    let mut response = error.error_response();
    amend(response.headers_mut(), demands);
    InternalError::from_response(error, response).into()
}

fn parse_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The core lets no name or value through that this would refuse.
fn parse(header: &ResponseHeader) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name().parse().ok()?, header.value().parse().ok()?))
}

/// What the log advises where nobody has said who decides.
const WIRING: &str =
    "call `.app_data(web::Data::new(auth))` on the application, or put a guard in front of the route";

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
    fn status_code(&self) -> StatusCode {
        parse_status(self.reply.status())
    }

    fn error_response(&self) -> HttpResponse {
        respond(self.reply.clone())
    }
}
