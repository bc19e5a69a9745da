//! Converts responses of the core to actix-web's, without adding or dropping anything.

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::{self, EitherBody},
    dev::ServiceResponse,
    error::InternalError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    rejection::Watch,
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
};

use crate::head::Head;

/// Converts a [`Reply`] of the core to a response, for endpoints of your own.
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

/// No body and no declared length. For an empty body, actix-web would write `Content-Length: 0`.
fn nothing(response: HttpResponse) -> HttpResponse {
    response.set_body(body::None::new()).map_into_boxed_body()
}

/// Changes the headers of a response as a guard demands.
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

/// The headers of the handler's response.
struct Made<'a>(&'a HeaderMap);

impl ResponseHead for Made<'_> {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.0.get_all(name).map(HeaderValue::as_bytes).collect()
    }
}

/// The same for a middleware inside the guard that fails instead of responding: the framework makes
/// the response later, from the error.
pub(crate) fn amend_error(error: Error, demands: &Demands) -> Error {
    // An error that needs no headers is returned unchanged, so that a middleware further out still
    // recognises it.
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

/// Never fails in practice: the core validates names and values.
fn parse(header: &ResponseHeader) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name().parse().ok()?, header.value().parse().ok()?))
}

/// Why a request is refused: the error of extractors, and the error that handlers return.
///
/// The operator `?` makes it from a [`Rejection`], and from every other error of the methods of an
/// [`AuthProvider`](fauth_core::AuthProvider):
///
/// ```
/// # use actix_web::web::Data;
/// # use fauth_actix::{CurrentUser, Refused, fauth_core::AuthProvider};
/// # use fauth_testing::TestUser as User;
/// async fn sessions(
///     auth: Data<AuthProvider<User>>,
///     user: CurrentUser<User>,
/// ) -> Result<String, Refused> {
///     Ok(auth.sessions(&user.name).await?.len().to_string())
/// }
/// ```
///
/// The guard around the handler turns it into a response: with the form of its renderer, the
/// challenge, `Cache-Control: no-store`, and the event. Without a guard,
/// [`render_refusals`](crate::render_refusals) around the routes does the same. Without either, the
/// response is a problem document with the realm `fauth`, and no event is raised.
///
/// A handler that calls the provider takes it as `Data<AuthProvider<User>>`. Give it to the
/// application with `.app_data(Data::new(auth.clone()))`; of the guards, only
/// [`SecureScope`](crate::SecureScope) provides it.
///
/// In an error type of your own, keep it as a variant and delegate its response to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rejection}")]
pub struct Refused {
    rejection: Rejection,
    /// The response, if it is known: extractors know which provider refused.
    reply: Option<Box<Reply>>,
    /// Notices if the refusal of an extractor is dropped unread.
    watch: Watch,
}

impl Refused {
    pub(crate) fn new(rejection: Rejection, reply: Reply, head: &dyn RequestHead) -> Self {
        let watch = Watch::over(&rejection, head);
        Self { rejection, reply: Some(Box::new(reply)), watch }
    }

    pub(crate) fn miswired((rejection, reply): (Rejection, Reply)) -> Self {
        Self { rejection, reply: Some(Box::new(reply)), watch: Watch::none() }
    }

    /// Returns why the request is refused.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        self.watch.seen();
        &self.rejection
    }
}

/// Converts a rejection, or an error that maps to one.
impl<E> From<E> for Refused
where
    Rejection: From<E>,
{
    fn from(error: E) -> Self {
        Self { rejection: error.into(), reply: None, watch: Watch::none() }
    }
}

/// The refusal of a handler, kept with its response until a guard renders it. The type is private,
/// so nothing else can insert one.
struct Unrendered(Rejection);

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.watch.seen();
        parse_status(self.reply.as_ref().map_or(self.rejection.status(), |reply| reply.status()))
    }

    fn error_response(&self) -> HttpResponse {
        self.watch.seen();
        if let Some(reply) = &self.reply {
            return respond(Reply::clone(reply));
        }
        let mut response = respond(self.rejection.default_reply());
        response.extensions_mut().insert(Unrendered(self.rejection.clone()));
        response
    }
}

/// Renders the refusal of a handler with `render`. Other responses are returned unchanged.
pub(crate) fn render_refusal<B>(
    mut response: ServiceResponse<B>,
    render: impl FnOnce(&Rejection, &Head<'_>) -> Reply,
) -> ServiceResponse<EitherBody<B>> {
    let unrendered = response.response_mut().extensions_mut().remove::<Unrendered>();
    let Some(Unrendered(rejection)) = unrendered else { return response.map_into_left_body() };
    let answer = respond(render(&rejection, &Head::from(response.request())));
    response.map_body(|head, _| {
        for name in Reply::SUPERSEDED {
            head.headers.remove(name);
        }
        for (name, value) in answer.headers() {
            head.headers.append(name.clone(), value.clone());
        }
        head.status = answer.status();
        EitherBody::right(answer.into_body())
    })
}
