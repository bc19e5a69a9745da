//! One `use` serves the common case, beside globs of actix-web: no name is taken twice. A name that
//! two globs bring is an error only where it is used, so every one is.

/// An application that takes everything by globs.
mod application {
    #![allow(unused_imports, clippy::wildcard_imports, reason = "globs are what this is about")]

    use std::{io, sync::Arc};

    use actix_web::body::*;
    use actix_web::dev::*;
    use actix_web::guard::*;
    use actix_web::http::*;
    use actix_web::middleware::*;
    use actix_web::web::*;
    use actix_web::*;
    use fauth_actix::prelude::*;

    #[derive(Role)]
    #[role(hierarchy)]
    pub(super) enum Rank {
        Member,
        Owner,
    }

    #[derive(AuthUser)]
    pub(super) struct User {
        #[auth(subject)]
        pub(super) id: i64,
        #[auth(active)]
        pub(super) active: bool,
        #[auth(roles)]
        pub(super) rank: Rank,
    }

    async fn load_user(token: Arc<TokenPayload>) -> io::Result<Option<User>> {
        Ok((token.subject() == "7").then_some(User { id: 7, active: true, rank: Rank::Owner }))
    }

    async fn load_identity(_: String) -> io::Result<Option<User>> {
        Ok(None)
    }

    fn are_loaders<U>(_: &impl UserLoader<U>, _: &impl IdentityLoader<U>) {}

    pub(super) fn provider(secret: &str) -> std::result::Result<AuthProvider<User>, fauth_core::ConfigError> {
        are_loaders::<User>(&load_user, &load_identity);
        let config: AuthConfig = AuthConfig::builder().secret(secret).build()?;
        AuthProvider::builder(config)
            .user_loader(load_user)
            .identity_loader(load_identity)
            .store(MemoryStore::new())
            .build()
    }

    pub(super) fn guards(auth: &AuthProvider<User>) {
        let _ = (
            require(auth, Requirement::user()),
            require_user(auth),
            require_active_user(auth),
            require_role(auth, Rank::Owner),
            require_roles(auth, [Rank::Owner]),
            require_any_role(auth, Rank::ALL),
            require_permission(auth, "read"),
            require_permissions(auth, ["read"]),
            require_scope(auth, "read"),
            require_scopes(auth, ["read"]),
        );
        let _ = RouteRules::private_by_default().build().map(|rules| protect(auth, rules));
        let _ = (visitor(auth), render_refusals(auth), auth_routes(auth), AuthRoutes::new(auth));
        let _ = SecureScope::new("/admin", auth).require_roles([Rank::Member]);
    }

    pub(super) fn extractors(
        user: CurrentUser<User>,
        maybe: MaybeUser<User>,
        grant: Grant<User>,
        token: Token,
    ) -> impl Sized {
        (user, maybe, grant, token)
    }

    pub(super) fn refused() -> std::result::Result<(), Refused> {
        Err(Rejection::InvalidCredentials.into())
    }

    pub(super) fn role_of(user: &User) -> (String, bool) {
        (user.subject().as_ref().to_owned(), user.has_role(Rank::Member.as_str()))
    }
}

use application::{Rank, User};

#[test]
fn every_name_is_that_of_fauth() -> Result<(), fauth_core::ConfigError> {
    application::guards(&application::provider("Zr9-vT4_kQ7.wX2~mB6!pL8@dF3#hJ5$")?);
    let _ = application::extractors;
    assert!(application::refused().is_err());
    Ok(())
}

#[test]
fn the_derived_user_is_a_user() {
    let user = User { id: 7, active: true, rank: Rank::Owner };
    assert_eq!(application::role_of(&user), ("7".to_owned(), true));
    assert!(fauth_core::AuthUser::is_active(&user));
    assert!(!fauth_core::AuthUser::is_active(&User { active: false, rank: Rank::Member, ..user }));
}
