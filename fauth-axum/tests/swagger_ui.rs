//! The page with Swagger UI: axum's answers are those of the core.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
};
use fauth_axum::{SecureRouter, fauth_core::swagger_ui::SwaggerUi, swagger_ui};
use fauth_testing::{WireRequest, WireResponse};
use tower::ServiceExt as _;

async fn exchange(app: &Router, method: &str, target: &str) -> WireResponse {
    let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
}

#[tokio::test]
async fn answers_are_those_of_the_core() {
    let ui = SwaggerUi::new("/openapi.json");
    let nested = Router::new().nest_service("/docs", swagger_ui("/openapi.json"));
    let app = nested.clone().nest("/api", nested);
    for prefix in ["/docs", "/api/docs"] {
        for rest in ["", "/", "/start.js", "/page.css", "/swagger-ui.css", "/nothing", "/a/start.js"] {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                let target = format!("{prefix}{rest}");
                let expected = ui.answer(&WireRequest::new(method, &target), rest);
                assert_eq!(exchange(&app, method, &target).await, expected.into(), "{method} {target}");
            }
        }
    }
}

#[tokio::test]
async fn a_group_around_it_guards_it() {
    let auth = fauth_testing::provider().build().unwrap();
    let group = SecureRouter::new(&auth).nest_service("/docs", swagger_ui("/openapi.json"));
    let app = Router::new().nest_service("/internal", group);
    for target in ["/internal/docs", "/internal/docs/start.js"] {
        assert_eq!(exchange(&app, "GET", target).await.status, 401, "{target}");
    }
}
