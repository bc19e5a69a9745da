//! Converts responses of the core to poem's, without adding or dropping anything.

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

/// Converts a [`Reply`] of the core to a response, for endpoints of your own.
#[must_use]
pub fn respond(reply: Reply) -> Response {
    let (status, headers, body) = reply.into_parts();
    let mut response = Response::builder().status(status_of(status)).body(body);
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// Changes the headers of a response as a guard demands.
///
/// An error of the handler stays an error, so that the application's `catch_error` outside the
/// guard still sees it. If headers have to be added, it becomes the response that poem would make
/// of it, because an error cannot carry headers.
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

/// The headers of the handler's response.
struct Made<'a>(&'a HeaderMap);

impl ResponseHead for Made<'_> {
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        self.0.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
}

/// Never fails in practice: the core validates names and values.
fn parse(header: &ResponseHeader) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name().parse().ok()?, header.value().parse().ok()?))
}

fn status_of(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Why a request is refused: the error of extractors, and the error that handlers return.
///
/// The operator `?` makes it from a [`Rejection`], and from every other error of the methods of an
/// [`AuthProvider`](fauth_core::AuthProvider):
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
/// The guard around the handler turns it into a response: with the form of its renderer, the
/// challenge, `Cache-Control: no-store`, and the event. Without a guard,
/// [`render_refusals`](crate::render_refusals) around the routes does the same. Without either, the
/// response is a problem document with the realm `fauth`, and no event is raised.
///
/// In a handler that returns `poem::Result`, write `.map_err(Refused::from)?`.
///
/// Inside an error type of your own, no guard finds it: the response is what `as_response` of that
/// type makes. The same is true of a middleware inside a guard that turns errors into responses.
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

/// Renders the refusal of a handler, an error or already a response, with `render`. Everything else
/// is returned unchanged, including the refusal of an extractor, which is already rendered.
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
