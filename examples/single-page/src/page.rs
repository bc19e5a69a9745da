//! The static page: three files, and their policy.

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

/// The page for an API of this origin; `None` if that is the page's own.
///
/// The policy allows no inline script, no inline style, and requests to the API only.
pub fn page(api: Option<&str>) -> Router {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        api.unwrap_or("'self'"),
    );
    let html = include_str!("../page/index.html").replace(
        "name=\"api\" content=\"\"",
        &format!("name=\"api\" content=\"{}\"", api.unwrap_or_default()),
    );
    let file = |content_type: &'static str, text: String| {
        let policy = policy.clone();
        get(async move || -> Response {
            let headers = [
                (header::CONTENT_TYPE, content_type),
                (header::CONTENT_SECURITY_POLICY, &*policy),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, text).into_response()
        })
    };
    let (script, style) = (include_str!("../page/page.js"), include_str!("../page/page.css"));
    Router::new()
        .route("/", file("text/html; charset=utf-8", html))
        .route("/page.js", file("text/javascript; charset=utf-8", script.to_owned()))
        .route("/page.css", file("text/css; charset=utf-8", style.to_owned()))
}
