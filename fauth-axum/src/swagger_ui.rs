//! Swagger UI as a route.

use std::future::ready;

use axum::{
    extract::Request,
    routing::{MethodRouter, any},
};
use fauth_core::swagger_ui::SwaggerUi;

use crate::{head::Head, respond::respond};

/// Returns a page with Swagger UI that shows the OpenAPI document at `document_url`. See
/// [`fauth_core::swagger_ui`] for its permissions and for what its Authorize button needs.
///
/// Nest it at the path of the page. Scripts and styles are part of the binary.
///
/// ```
/// # use axum::{Json, Router, routing::get};
/// # use fauth_axum::swagger_ui;
/// # let document = ();
/// let app: Router = Router::new()
///     .route("/openapi.json", get(async move || Json(document)))
///     .nest_service("/docs", swagger_ui("/openapi.json"));
/// ```
///
/// # Security
/// The page is public. If the document is not, put both into a guarded group.
pub fn swagger_ui(document_url: &str) -> MethodRouter {
    let ui = SwaggerUi::new(document_url);
    any(move |request: Request| {
        let (parts, _) = request.into_parts();
        // The outer router has stripped the path of the page from this URI.
        ready(respond(ui.answer(&Head::from(&parts), parts.uri.path())))
    })
}
