//! The document is true, and what it describes answers as the routes of `app.rs` do.
#![expect(clippy::unwrap_used, reason = "a test that fails is meant to panic")]

use fauth_core::{AuthProvider, MemoryStore, audit::Audited as _};
use fauth_testing::{
    TestAuth, TestClient, WireRequest,
    openapi::{Caller, check_document, compare, walk},
};
use poem::IntoEndpoint as _;
use quickstart_poem::{User, Users, app, openapi};
use serde_json::Value;

/// The service's own provider: the document describes its transports.
async fn auth() -> TestAuth<User> {
    let users = Users::sample().await.unwrap();
    let builder = AuthProvider::builder(fauth_testing::config())
        .user_loader(users.clone())
        .identity_loader(users)
        .store(MemoryStore::new());
    TestAuth::with_builder(builder).unwrap()
}

async fn document<Framework>(app: &impl TestClient<Framework>) -> Value {
    app.send(WireRequest::get("/openapi.json")).await.json()
}

#[tokio::test]
async fn what_is_documented_is_what_is_enforced() {
    let auth = auth().await;
    let app = openapi::routes(auth.provider());
    let document = document(&app).await;
    check_document(&document);
    let login = ["default-bearer", "default-login"];
    let callers = [
        Caller::new("alice", login).roles(["admin", "user"]).permissions(["read", "write"]),
        Caller::new("bob", login).roles(["user"]).permissions(["read"]),
    ];
    let headers = async |caller: &Caller| auth.login_as(&*caller.name).await.into_iter().collect();
    walk(&document, &callers, headers, async |request| app.send(request).await).await;
}

#[tokio::test]
async fn both_kinds_of_routes_answer_alike() {
    let auth = auth().await;
    let plain = app::routes(auth.provider()).into_endpoint();
    let documented = openapi::routes(auth.provider());
    let (alice, bob) = (auth.login_as("alice").await, auth.login_as("bob").await);
    let mut seen = Vec::new();
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
            let request = WireRequest::new(method, path);
            for (who, request) in [
                ("nobody", request.clone()),
                ("a bad token", request.clone().bearer("bad")),
                ("bob", request.clone().with(&bob)),
                ("alice", request.with(&alice)),
            ] {
                let mut answer = documented.send(request.clone()).await;
                let mut plain_answer = plain.send(request).await;
                // A guard says more of caches than an extractor can.
                if path == "/whoami" {
                    for answer in [&mut answer, &mut plain_answer] {
                        answer.headers.retain(|(name, _)| !matches!(&**name, "cache-control" | "vary"));
                    }
                }
                assert_eq!(answer, plain_answer, "{method} {path}, {who}");
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
    let auth = auth().await;
    let audit = app::routes(auth.provider()).audit();
    let document = document(&openapi::routes(auth.provider())).await;
    let pages = ["about", "admin", "dashboard", "notes", "sign-in", "sign-out", "style.css"];
    let pages = pages.map(|page| format!("/session/{page}"));
    compare(&document, &audit, &pages.each_ref().map(|page| &**page));
}
