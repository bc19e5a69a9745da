//! Five loaders that are none: each is told the form that is expected, and what was found.

use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
use fauth_testing::TestUser;

fn sync(_: Arc<TokenPayload>) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

async fn borrows_the_token(_: &TokenPayload) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

async fn takes_the_subject(_: String) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

async fn without_result(_: Arc<TokenPayload>) -> Option<TestUser> {
    None
}

async fn without_option(_: Arc<TokenPayload>) -> Result<TestUser, std::fmt::Error> {
    Err(std::fmt::Error)
}

fn build(config: impl Fn() -> AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config()).user_loader(sync);
    let _ = AuthProvider::<TestUser>::builder(config()).user_loader(borrows_the_token);
    let _ = AuthProvider::<TestUser>::builder(config()).user_loader(takes_the_subject);
    let _ = AuthProvider::<TestUser>::builder(config()).user_loader(without_result);
    let _ = AuthProvider::<TestUser>::builder(config()).user_loader(without_option);
}

fn main() {}
