//! The page with Swagger UI: poem's answers are those of the core.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use fauth_poem::{SecureRoute, fauth_core::swagger_ui::SwaggerUi, swagger_ui};
use fauth_testing::{WireRequest, WireResponse};
use poem::{
    Body, Endpoint, Request, RequestParts, Route,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};

async fn exchange(app: &impl Endpoint, method: &str, target: &str) -> WireResponse {
    let request = poem::http::Request::builder().method(method).uri(target).body(()).unwrap();
    // As poem's server makes it: a request from poem's own builder does not know its original URI.
    let (parts, ()) = request.into_parts();
    let parts = RequestParts::from((parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
    let response = app.get_response(Request::from_parts(parts, Body::empty())).await;
    let (parts, body) = response.into_parts();
    WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body.into_vec().await.unwrap())
}

#[tokio::test]
async fn answers_are_those_of_the_core() {
    let ui = SwaggerUi::new("/openapi.json");
    let nested = || Route::new().nest("/docs", swagger_ui("/openapi.json"));
    let app = nested().nest("/api", nested());
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
    let group = SecureRoute::new(&auth).nest("/docs", swagger_ui("/openapi.json"));
    let app = Route::new().nest("/internal", group);
    for target in ["/internal/docs", "/internal/docs/start.js"] {
        assert_eq!(exchange(&app, "GET", target).await.status, 401, "{target}");
    }
}
