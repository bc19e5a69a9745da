//! Responses of poem from those of the core: nothing added, nothing dropped.

use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    rejection::Watch,
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

/// Why a request is refused, as extractors fail with it and as handlers return it.
///
/// It is made from a [`Rejection`] and from every other error of the methods of an
/// [`AuthProvider`](fauth_core::AuthProvider) by `?`:
///
/// ```
/// # use fauth_poem::{CurrentUser, Refused, fauth_core::AuthProvider};
/// # use fauth_testing::TestUser as User;
/// # use poem::{handler, web::Data};
/// #[handler]
/// async fn sessions(
///     auth: Data<&AuthProvider<User>>,
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
/// In a handler that returns `poem::Result`, write `.map_err(Refused::from)?`.
///
/// In an error type of the application's own no guard finds it: the answer is then what
/// `as_response` of that type makes. The same is true of a middleware inside a guard that makes
/// responses of errors.
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
#[derive(Clone)]
struct Unrendered(Rejection);

impl ResponseError for Refused {
    fn status(&self) -> StatusCode {
        self.watch.seen();
        status_of(self.reply.as_ref().map_or(self.rejection.status(), |reply| reply.status()))
    }

    fn as_response(&self) -> Response {
        self.watch.seen();
        if let Some(reply) = &self.reply {
            return respond(Reply::clone(reply));
        }
        let mut response = respond(self.rejection.default_reply());
        response.extensions_mut().insert(Unrendered(self.rejection.clone()));
        response
    }
}

/// Gives the refusal of a handler the form that `render` knows, be it an error still or a response.
/// What else comes out stays as it is, and so does the refusal of an extractor, which has its form.
pub(crate) fn render_refusal(
    outcome: Result<Response>,
    render: impl FnOnce(&Rejection) -> Reply,
) -> Result<Response> {
    let (rejection, mut response) = match outcome {
        Ok(mut response) => match response.extensions_mut().remove::<Unrendered>() {
            Some(Unrendered(rejection)) => (rejection, response),
            None => return Ok(response),
        },
        Err(error) => match unrendered(&error) {
            Some(rejection) => (rejection, error.into_response()),
            None => return Err(error),
        },
    };
    let (answer, body) = respond(render(&rejection)).into_parts();
    for name in Reply::SUPERSEDED {
        response.headers_mut().remove(name);
    }
    for (name, value) in &answer.headers {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response.set_status(answer.status);
    response.set_body(body);
    Ok(response)
}

fn unrendered(error: &poem::Error) -> Option<Rejection> {
    let refused = error.downcast_ref::<Refused>().filter(|refused| refused.reply.is_none())?;
    Some(refused.rejection.clone())
}
