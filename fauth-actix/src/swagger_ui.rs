//! Swagger UI as a route.

use std::future::ready;

use actix_web::{HttpRequest, Resource, web};
use fauth_core::swagger_ui::SwaggerUi;

use crate::{head::Head, respond::respond};

/// The parameter for the path below the page.
const REST: &str = "fauth_swagger_ui";

/// Returns a page with Swagger UI that shows the OpenAPI document at `document_url`. See
/// [`fauth_core::swagger_ui`] for its permissions and for what its Authorize button needs.
///
/// Nest it at the path of the page. Scripts and styles are part of the binary.
///
/// ```
/// # use actix_web::{App, web};
/// # use fauth_actix::swagger_ui;
/// # let document = web::to(async || "{}");
/// let app = App::new()
///     .route("/openapi.json", document)
///     .service(web::scope("/docs").service(swagger_ui("/openapi.json")));
/// ```
///
/// # Security
/// The page is public. If the document is not, put both into a guarded group.
#[must_use]
pub fn swagger_ui(document_url: &str) -> Resource {
    let ui = SwaggerUi::new(document_url);
    web::resource([String::new(), format!("/{{{REST}:.*}}")]).to(move |request: HttpRequest| {
        let rest = request.match_info().get(REST).unwrap_or_default();
        ready(respond(ui.answer(&Head::from(&request), rest)))
    })
}
