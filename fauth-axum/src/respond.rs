//! Responses of axum from those of the core: nothing added, nothing dropped.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use fauth_core::{
    Rejection,
    demands::{Demands, ResponseHead},
    rejection::Watch,
    reply::{Reply, ResponseHeader},
    request::{HeaderValues, RequestHead},
};
use http_body_util::{BodyExt as _, Empty};

/// Turns a [`Reply`] of the core into a response, for endpoints of the application's own.
#[must_use]
pub fn respond(reply: Reply) -> Response {
    let answers_head = reply.answers_head();
    let (status, headers, body) = reply.into_parts();
    let mut response = Response::new(if answers_head { nothing() } else { Body::from(body) });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers.iter().filter_map(parse) {
        response.headers_mut().append(name, value);
    }
    response
}

/// No body, of no declared length: of an empty one axum would write `Content-Length: 0`.
fn nothing() -> Body {
    // A mapped body declares no length.
    Body::new(Empty::<Bytes>::new().map_frame(|frame| frame))
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
        self.0.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
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
/// # use axum::{extract::State, Json};
/// # use fauth_axum::{CurrentUser, Refused, fauth_core::AuthProvider};
/// # use fauth_testing::TestUser as User;
/// async fn sessions(
///     State(auth): State<AuthProvider<User>>,
///     user: CurrentUser<User>,
/// ) -> Result<Json<usize>, Refused> {
///     Ok(Json(auth.sessions(&user.name).await?.len()))
/// }
/// ```
///
/// The answer is that of the guard around the handler: the form of its renderer, the challenge,
/// `Cache-Control: no-store`, and the event. Where there is no guard,
/// [`render_refusals`](crate::render_refusals) around the routes does the same; without either, the
/// answer is a problem document with the realm `fauth`, and no event is raised.
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
#[derive(Clone)]
struct Unrendered(Rejection);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.watch.seen();
        if let Some(reply) = self.reply {
            return respond(*reply);
        }
        let mut response = respond(self.rejection.default_reply());
        response.extensions_mut().insert(Unrendered(self.rejection));
        response
    }
}

/// Gives the refusal of a handler the form that `render` knows. Another response stays as it is.
pub(crate) fn render_refusal(response: Response, render: impl FnOnce(&Rejection) -> Reply) -> Response {
    if response.extensions().get::<Unrendered>().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Some(Unrendered(rejection)) = parts.extensions.remove::<Unrendered>() else {
        return Response::from_parts(parts, body);
    };
    let (answer, body) = respond(render(&rejection)).into_parts();
    for name in Reply::SUPERSEDED {
        parts.headers.remove(name);
    }
    for (name, value) in &answer.headers {
        parts.headers.append(name.clone(), value.clone());
    }
    parts.status = answer.status;
    Response::from_parts(parts, body)
}
