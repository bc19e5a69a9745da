//! An async closure that captures something lends it to its future, which no loader can. The plain
//! closure below it is what people need.

use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
use fauth_testing::TestUser;

#[derive(Clone)]
struct Pool;

async fn load(_: Pool, _: Arc<TokenPayload>) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

fn build(config: impl Fn() -> AuthConfig, pool: Pool) {
    let by = pool.clone();
    let _ = AuthProvider::<TestUser>::builder(config())
        .user_loader(async move |token: Arc<TokenPayload>| load(by.clone(), token).await);
    let _ = AuthProvider::<TestUser>::builder(config())
        .user_loader(move |token: Arc<TokenPayload>| load(pool.clone(), token));
}

fn main() {}
