use axum::Router;
use fauth_testing::{TestAuth, TestUser, assert_access};

async fn test(auth: TestAuth<TestUser>, app: Router) {
    assert_access!(auth, app, {
        | route      | anonymous | alice |
        |------------|-----------|-------|
        | GET "/"    |    200    |  200  |
        | GET "/me"  |    401    |
    });
}

fn main() {}
