use fauth_testing::{TestAuth, TestUser, assert_access};

async fn test(auth: TestAuth<TestUser>) {
    assert_access!(auth, "http://localhost:3000", {
        | route   | anonymous |
        |---------|-----------|
        | GET "/" |    200    |
    });
}

fn main() {}
