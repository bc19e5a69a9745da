use std::{convert::Infallible, sync::Arc};

use fauth_core::{AuthProvider, TokenPayload};
use fauth_testing::TestUser;

struct Customer;

async fn load_customer(_: Arc<TokenPayload>) -> Result<Option<Customer>, Infallible> {
    Ok(Some(Customer))
}

fn main() {
    let _ = AuthProvider::<TestUser>::builder(fauth_testing::config()).user_loader(load_customer).build();
}
