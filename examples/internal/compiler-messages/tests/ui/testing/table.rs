use axum::Router;
use fauth_testing::{TestAuth, TestUser, assert_access};

async fn test(auth: TestAuth<TestUser>, app: Router) {
    assert_access!(auth, app, {
        let page = auth.login_as("alice").cookie();

        | route                                   | anonymous | alice | page |
        |-----------------------------------------|-----------|-------|------|
        | GET "/"                                 |    200    |  200  |      |
        | POST ("/notes") (serde_json::json!({})) |           |  200  | 200  |
    });
}

fn main() {
    let _ = test;
}
