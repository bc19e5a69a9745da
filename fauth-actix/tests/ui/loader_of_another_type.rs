use std::{convert::Infallible, sync::Arc};

use fauth_core::{
    AuthProvider, TokenPayload,
    testing::{self, TestUser},
};

struct Customer;

async fn load_customer(_: Arc<TokenPayload>) -> Result<Option<Customer>, Infallible> {
    Ok(Some(Customer))
}

fn main() {
    let _ = AuthProvider::<TestUser>::builder(testing::config()).user_loader(load_customer).build();
}
