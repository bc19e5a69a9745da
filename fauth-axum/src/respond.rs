//! Converts responses of the core to axum's, without adding or dropping anything.

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

/// Converts a [`Reply`] of the core to a response, for endpoints of your own.
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

/// No body and no declared length. For an empty body, axum would write `Content-Length: 0`.
fn nothing() -> Body {
    // A mapped body declares no length.
    Body::new(Empty::<Bytes>::new().map_frame(|frame| frame))
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
        self.0.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    }
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
/// The guard around the handler turns it into a response: with the form of its renderer, the
/// challenge, `Cache-Control: no-store`, and the event. Without a guard,
/// [`render_refusals`](crate::render_refusals) around the routes does the same. Without either, the
/// response is a problem document with the realm `fauth`, and no event is raised.
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

/// Renders the refusal of a handler with `render`. Other responses are returned unchanged.
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
