//! Responses of actix-web from those of the core: nothing added, nothing dropped.

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

/// Why a request is refused, as extractors fail with it and as handlers return it.
///
/// It is made from a [`Rejection`] and from every other error of the methods of an
/// [`AuthProvider`](fauth_core::AuthProvider) by `?`:
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
/// The answer is that of the guard around the handler: the form of its renderer, the challenge,
/// `Cache-Control: no-store`, and the event. Where there is no guard,
/// [`render_refusals`](crate::render_refusals) around the routes does the same; without either, the
/// answer is a problem document with the realm `fauth`, and no event is raised.
///
/// A handler that calls the provider takes it as `Data<AuthProvider<User>>`: give it to the
/// application with `.app_data(Data::new(auth.clone()))`. Of the guards only
/// [`SecureScope`](crate::SecureScope) brings it.
///
/// An error type of the application's own keeps it as a variant, and leaves its answer to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{rejection}")]
pub struct Refused {
    rejection: Rejection,
    /// The answer, if it is known already: extractors know whose refusal it is.
    reply: Option<Box<Reply>>,
    /// Notices an extractor's refusal that is dropped.
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

    /// Why the request is refused.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        self.watch.seen();
        &self.rejection
    }
}

/// A rejection, or one of the errors that become one.
impl<E> From<E> for Refused
where
    Rejection: From<E>,
{
    fn from(error: E) -> Self {
        Self { rejection: error.into(), reply: None, watch: Watch::none() }
    }
}

/// A refusal by a handler, kept with its response until a guard gives it its form. The type is
/// private: nobody else can put one there.
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

/// Gives the refusal of a handler the form that `render` knows. Another response stays as it is.
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
