//! The document is true, and what it describes answers as the routes of `app.rs` do.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use actix_web::{
    http::Method,
    test::{TestRequest, call_service, init_service, read_body},
    web::ServiceConfig,
};
use fauth_core::{AuthProvider, MemoryStore, audit::Audited as _};
use fauth_testing::{
    WireRequest, WireResponse,
    openapi::{Caller, check_document, compare, walk},
};
use quickstart_actix::{User, Users, app, openapi};
use serde_json::Value;

async fn provider() -> AuthProvider<User> {
    let users = Users::sample().await.unwrap();
    let builder = AuthProvider::builder(fauth_testing::config());
    let builder = builder.user_loader(users.clone()).identity_loader(users).store(MemoryStore::new());
    builder.danger_share_application().build().unwrap()
}

async fn bearer(auth: &AuthProvider<User>, name: &str) -> (String, String) {
    let pair = auth.login(name).await.unwrap();
    ("authorization".to_owned(), format!("Bearer {}", pair.access_token().expose()))
}

/// An application, which each request makes anew.
struct App<'a> {
    auth: &'a AuthProvider<User>,
    routes: fn(&AuthProvider<User>, &mut ServiceConfig),
}

async fn exchange(app: &App<'_>, request: WireRequest) -> WireResponse {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut builder = TestRequest::with_uri(&request.target).method(method);
    for (name, value) in &request.headers {
        builder = builder.append_header((name.as_str(), value.as_slice()));
    }
    let routes = |config: &mut ServiceConfig| (app.routes)(app.auth, config);
    let service = init_service(actix_web::App::new().configure(routes)).await;
    let response = call_service(&service, builder.set_payload(request.body).to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    WireResponse::new(status, headers.iter(), read_body(response).await)
}

async fn document(app: &App<'_>) -> Value {
    let response = exchange(app, WireRequest::new("GET", "/openapi.json")).await;
    serde_json::from_slice(&response.body).unwrap()
}

#[actix_web::test]
async fn what_is_documented_is_what_is_enforced() {
    let auth = provider().await;
    let app = App { auth: &auth, routes: openapi::routes };
    let document = document(&app).await;
    check_document(&document);
    let login = ["default-bearer", "default-login"];
    let callers = [
        Caller::new("alice", login).roles(["admin", "user"]).permissions(["read", "write"]),
        Caller::new("bob", login).roles(["user"]).permissions(["read"]),
    ];
    let headers = async |caller: &Caller| vec![bearer(&auth, &caller.name).await];
    walk(&document, &callers, headers, async |request| exchange(&app, request).await).await;
}

#[actix_web::test]
async fn both_kinds_of_routes_answer_alike() {
    let auth = provider().await;
    let routes = |auth: &AuthProvider<User>, config: &mut ServiceConfig| {
        config.service(app::routes(auth));
    };
    let plain = App { auth: &auth, routes };
    let documented = App { auth: &auth, routes: openapi::routes };
    let (alice, bob) = (bearer(&auth, "alice").await, bearer(&auth, "bob").await);
    let (mut seen, bad) = (Vec::new(), ("authorization".to_owned(), "Bearer bad".to_owned()));
    for path in [
        "/",
        "/me",
        "/whoami",
        "/admin",
        "/admin/",
        "/admin/unknown",
        "/reports",
        "/internal/dashboard",
        "/internal/settings",
        "/internal/unknown",
        "/sessions/unknown",
        "/unknown",
    ] {
        for method in ["GET", "HEAD"] {
            for header in [None, Some(&bad), Some(&bob), Some(&alice)] {
                let request = WireRequest::new(method, path);
                let request = match header {
                    Some((name, value)) => request.header(name, value),
                    None => request,
                };
                let answer = exchange(&documented, request.clone()).await;
                assert_eq!(answer, exchange(&plain, request).await, "{method} {path} {header:?}");
                seen.push(answer.status);
            }
        }
    }
    for status in [200, 401, 403, 404] {
        assert!(seen.contains(&status), "{status}");
    }
}

/// The same three times: what the document says, what the audit says, and (above) what is done.
#[actix_web::test]
async fn document_and_audit_agree() {
    let auth = provider().await;
    let audit = app::routes(&auth).audit();
    let document = document(&App { auth: &auth, routes: openapi::routes }).await;
    let pages = ["about", "admin", "dashboard", "notes", "sign-in", "sign-out", "style.css"];
    let pages = pages.map(|page| format!("/session/{page}"));
    compare(&document, &audit, &pages.each_ref().map(|page| &**page));
}
