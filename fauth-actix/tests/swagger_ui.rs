//! The page with Swagger UI: actix-web's answers are those of the core.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use actix_web::{
    App,
    http::Method,
    test::{TestRequest, call_service, init_service, read_body},
    web::{ServiceConfig, scope},
};
use fauth_actix::{SecureScope, fauth_core::swagger_ui::SwaggerUi, swagger_ui};
use fauth_testing::{WireRequest, WireResponse};

async fn exchange(app: impl FnOnce(&mut ServiceConfig), method: &str, target: &str) -> WireResponse {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let service = init_service(App::new().configure(app)).await;
    let request = TestRequest::with_uri(target).method(method).to_request();
    let response = call_service(&service, request).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    WireResponse::new(status, headers.iter(), read_body(response).await)
}

#[actix_web::test]
async fn answers_are_those_of_the_core() {
    let ui = SwaggerUi::new("/openapi.json");
    let nested = || scope("/docs").service(swagger_ui("/openapi.json"));
    for prefix in ["/docs", "/api/docs"] {
        for rest in ["", "/", "/start.js", "/page.css", "/swagger-ui.css", "/nothing", "/a/start.js"] {
            for method in ["GET", "HEAD", "POST", "OPTIONS"] {
                let target = format!("{prefix}{rest}");
                let expected = ui.answer(&WireRequest::new(method, &target), rest);
                let app = |config: &mut ServiceConfig| {
                    config.service(nested()).service(scope("/api").service(nested()));
                };
                assert_eq!(exchange(app, method, &target).await, expected.into(), "{method} {target}");
            }
        }
    }
}

#[actix_web::test]
async fn a_group_around_it_guards_it() {
    let auth = fauth_testing::provider().build().unwrap();
    for target in ["/internal/docs", "/internal/docs/start.js"] {
        let app = |config: &mut ServiceConfig| {
            let docs = scope("/docs").service(swagger_ui("/openapi.json"));
            config.service(SecureScope::new("/internal", &auth).service(docs));
        };
        assert_eq!(exchange(app, "GET", target).await.status, 401, "{target}");
    }
}
