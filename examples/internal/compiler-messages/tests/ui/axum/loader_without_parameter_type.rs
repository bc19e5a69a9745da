use fauth_core::{AuthConfig, AuthProvider};
use fauth_testing::TestUser;

fn find(_: &str) -> Result<Option<TestUser>, std::fmt::Error> {
    Ok(None)
}

fn build(config: AuthConfig) {
    let _ = AuthProvider::<TestUser>::builder(config).user_loader(|token| async move { find(token.subject()) });
}

fn main() {}
