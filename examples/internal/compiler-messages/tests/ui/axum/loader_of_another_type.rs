use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthConfig, AuthProvider, TokenPayload};
use fauth_testing::TestUser;

struct Account;

async fn load_account(_: Arc<TokenPayload>) -> Result<Option<Account>, Infallible> {
    Ok(None)
}

async fn identify_account(_: String) -> Result<Option<Account>, Infallible> {
    Ok(None)
}

fn build(config: AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config).user_loader(load_account);
}

fn build_too(config: AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config).identity_loader(identify_account);
}

fn main() {}
