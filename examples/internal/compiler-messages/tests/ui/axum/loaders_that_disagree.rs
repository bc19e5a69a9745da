//! Nobody has named the type of users: the first loader decides, and the message says so.

use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
use fauth_testing::TestUser;

struct Account;

async fn load_account(_: Arc<TokenPayload>) -> Result<Option<Account>, Infallible> {
    Ok(None)
}

async fn find_user(_: String) -> Result<Option<TestUser>, Infallible> {
    Ok(None)
}

fn build(config: AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config).user_loader(load_account).identity_loader(find_user);
}

fn build_unnamed(config: AuthConfig) {
    let _: AuthProvider<TestUser> =
        AuthProvider::builder(config).identity_loader(find_user).user_loader(load_account).build().unwrap();
}

fn main() {}
