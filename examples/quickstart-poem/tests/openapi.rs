//! The document is true, and what it describes answers as the routes of `app.rs` do.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use fauth_core::{AuthProvider, MemoryStore, audit::Audited as _};
use fauth_testing::{
    WireRequest, WireResponse,
    openapi::{Caller, check_document, compare, walk},
};
use poem::{Body, Endpoint, IntoEndpoint as _, Request, RequestParts, http::uri::Scheme, web};
use quickstart_poem::{User, Users, app, openapi};
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

/// As poem's server makes a request.
async fn exchange(app: &impl Endpoint, request: WireRequest) -> WireResponse {
    let mut builder = poem::http::Request::builder().method(&*request.method).uri(&*request.target);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.as_slice());
    }
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    let (here, there) = (web::LocalAddr::default(), web::RemoteAddr::default());
    let parts = RequestParts::from((parts, here, there, Scheme::HTTP));
    let is_head = request.method == "HEAD";
    let response = app.get_response(Request::from_parts(parts, Body::from(request.body))).await;
    let (parts, body) = response.into_parts();
    // poem leaves the body of an error in the answer to HEAD; its server does not send it.
    let body = if is_head { Vec::new() } else { body.into_vec().await.unwrap() };
    WireResponse::new(parts.status.as_u16(), parts.headers.iter(), body)
}

async fn document(app: &impl Endpoint) -> Value {
    let response = exchange(app, WireRequest::new("GET", "/openapi.json")).await;
    serde_json::from_slice(&response.body).unwrap()
}

#[tokio::test]
async fn what_is_documented_is_what_is_enforced() {
    let auth = provider().await;
    let app = openapi::routes(&auth);
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

#[tokio::test]
async fn both_kinds_of_routes_answer_alike() {
    let auth = provider().await;
    let (plain, documented) = (app::routes(&auth).into_endpoint(), openapi::routes(&auth));
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
                let mut answer = exchange(&documented, request.clone()).await;
                let mut plain_answer = exchange(&plain, request).await;
                // A guard says more of caches than an extractor can.
                if path == "/whoami" {
                    for answer in [&mut answer, &mut plain_answer] {
                        answer.headers.retain(|(name, _)| !matches!(&**name, "cache-control" | "vary"));
                    }
                }
                assert_eq!(answer, plain_answer, "{method} {path} {header:?}");
                seen.push(answer.status);
            }
        }
    }
    for status in [200, 401, 403, 404] {
        assert!(seen.contains(&status), "{status}");
    }
}

/// The same three times: what the document says, what the audit says, and (above) what is done.
#[tokio::test]
async fn document_and_audit_agree() {
    let auth = provider().await;
    let audit = app::routes(&auth).audit();
    let document = document(&openapi::routes(&auth)).await;
    let pages = ["about", "admin", "dashboard", "notes", "sign-in", "sign-out", "style.css"];
    let pages = pages.map(|page| format!("/session/{page}"));
    compare(&document, &audit, &pages.each_ref().map(|page| &**page));
}
