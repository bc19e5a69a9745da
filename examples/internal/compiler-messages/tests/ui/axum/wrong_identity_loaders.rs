//! The same for loaders by identifier.

use std::convert::Infallible;

use fauth_core::{AuthConfig, AuthProvider};
use fauth_testing::TestUser;

fn sync(_: String) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

async fn borrows_the_name(_: &str) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

async fn without_option(_: String) -> Result<TestUser, std::fmt::Error> {
    Err(std::fmt::Error)
}

fn build(config: impl Fn() -> AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config()).identity_loader(sync);
    let _ = AuthProvider::<TestUser>::builder(config()).identity_loader(borrows_the_name);
    let _ = AuthProvider::<TestUser>::builder(config()).identity_loader(without_option);
}

fn main() {}
