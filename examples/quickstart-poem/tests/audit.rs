//! Who may use which route.

use fauth_core::{AuthConfig, AuthProvider, BoxError, MemoryStore, audit::Audited as _};
use fauth_poem::assert_all_guarded;
use quickstart_poem::{Users, app::routes};

#[tokio::test]
async fn audit() -> Result<(), BoxError> {
    let config = AuthConfig::builder().secret("0f6c1b2a34d94a5b8f7e6d5c4b3a2918").build()?;
    let users = Users::sample().await?;
    let builder = AuthProvider::builder(config).user_loader(users.clone()).identity_loader(users);
    let app = routes(&builder.store(MemoryStore::new()).build()?);

    assert_all_guarded!(app, except ["/", "/session/about", "/session/sign-in", "/session/style.css", "/whoami"]);
    let audit = app.audit();
    assert!(audit.findings().is_empty(), "{audit}");
    Ok(())
}
