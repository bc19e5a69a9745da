//! The loader does not return the user that the provider is for.

use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthProvider, TokenPayload};
use fauth_testing::TestUser;

struct Account;

async fn load_account(_: Arc<TokenPayload>) -> Result<Option<Account>, Infallible> {
    Ok(None)
}

fn main() {
    let builder = AuthProvider::<TestUser>::builder(fauth_testing::config());
    let _auth = builder.user_loader(load_account).build().unwrap();
}
