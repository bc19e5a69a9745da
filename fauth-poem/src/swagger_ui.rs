//! Swagger UI as a route.

use fauth_core::swagger_ui::SwaggerUi;
use poem::{Endpoint, Request, Response, endpoint::make_sync};

use crate::{head::Head, respond::respond};

/// Returns a page with Swagger UI that shows the OpenAPI document at `document_url`. See
/// [`fauth_core::swagger_ui`] for its permissions and for what its Authorize button needs.
///
/// Nest it at the path of the page. Scripts and styles are part of the binary.
///
/// ```
/// # use fauth_poem::swagger_ui;
/// # use poem::{Route, endpoint::make_sync};
/// # let document = make_sync(|_| "{}");
/// let app = Route::new()
///     .at("/openapi.json", document)
///     .nest("/docs", swagger_ui("/openapi.json"));
/// ```
///
/// # Security
/// The page is public. If the document is not, put both into a guarded group.
#[must_use]
pub fn swagger_ui(document_url: &str) -> impl Endpoint<Output = Response> + use<> {
    let ui = SwaggerUi::new(document_url);
    make_sync(move |request: Request| {
        // The outer route has stripped the path of the page from this URI.
        respond(ui.answer(&Head::from(&request), request.uri().path()))
    })
}
