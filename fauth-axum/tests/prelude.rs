//! One `use` serves the common case, beside globs of axum: no name is taken twice.
#![expect(clippy::wildcard_imports, reason = "globs are what this is about")]

use std::{io, sync::Arc};

use axum::{extract::*, handler::*, middleware::*, response::*, routing::*, *};
use fauth_axum::prelude::*;

#[derive(Role)]
#[role(hierarchy)]
enum Rank {
    Member,
    Owner,
}

#[derive(AuthUser)]
struct User {
    #[auth(subject)]
    id: i64,
    #[auth(active)]
    active: bool,
    #[auth(roles)]
    rank: Rank,
}

async fn load_user(token: Arc<TokenPayload>) -> io::Result<Option<User>> {
    Ok((token.subject() == "7").then_some(User { id: 7, active: true, rank: Rank::Owner }))
}

async fn load_identity(_: String) -> io::Result<Option<User>> {
    Ok(None)
}

fn is_loader<U>(_: impl UserLoader<U>, _: impl IdentityLoader<U>) {}

/// A name that two globs bring is an error only where it is used.
#[test]
fn every_name_is_fauths() -> Result<(), Box<dyn std::error::Error>> {
    is_loader::<User>(load_user, load_identity);
    let config = AuthConfig::builder().secret("Zr9-vT4_kQ7.wX2~mB6!pL8@dF3#hJ5$").build()?;
    let auth = AuthProvider::<User>::builder(config)
        .user_loader(load_user)
        .identity_loader(load_identity)
        .store(MemoryStore::new())
        .build()?;
    let _ = (
        require(&auth, Requirement::user()),
        require_user(&auth),
        require_active_user(&auth),
        require_role(&auth, Rank::Owner),
        require_roles(&auth, [Rank::Owner]),
        require_any_role(&auth, Rank::ALL.iter()),
        require_permission(&auth, "read"),
        require_permissions(&auth, ["read"]),
        require_scope(&auth, "read"),
        require_scopes(&auth, ["read"]),
    );
    let _ = (visitor(&auth), render_refusals(&auth), auth_routes::<_, ()>(&auth), AuthRoutes::new(&auth));
    let _ = SecureRouter::new(&auth).require_roles([Rank::Member]);
    let _: Option<(CurrentUser<User>, MaybeUser<User>, Grant<User>, Token)> = None;
    let _ = Refused::from(Rejection::InvalidCredentials);
    Ok(())
}

#[test]
fn the_derived_user_is_a_user() {
    let user = User { id: 7, active: true, rank: Rank::Owner };
    assert_eq!(user.subject().as_ref(), "7");
    assert!(user.is_active() && user.has_role("owner") && user.has_role("member"));
    assert!(!User { active: false, rank: Rank::Member, ..user }.is_active());
}
