use fauth_testing::{TestAuth, TestUser};

async fn test(auth: TestAuth<TestUser>) {
    let name = String::from("alice");
    auth.login_as(&name).await;
}

fn main() {}
