//! Users and roles of services that depend on an adapter and not on `fauth-core`. That this
//! compiles is the test.
#![allow(clippy::wildcard_imports, missing_docs, reason = "what is shown is the prelude")]

macro_rules! through {
    ($adapter:ident) => {
        pub mod $adapter {
            use ::$adapter::prelude::*;

            #[derive(Debug, Role)]
            #[role(hierarchy)]
            #[non_exhaustive]
            pub enum Rank {
                Member,
                Owner,
            }

            #[derive(Debug, AuthUser)]
            #[non_exhaustive]
            pub struct User {
                #[auth(subject)]
                pub id: u64,
                #[auth(password_hash)]
                pub password_hash: Option<String>,
                #[auth(active)]
                pub active: bool,
                #[auth(roles)]
                pub ranks: Vec<Rank>,
                #[auth(epoch)]
                pub token_epoch: u32,
            }
        }
    };
}

through!(fauth_actix);
through!(fauth_axum);
through!(fauth_poem);

pub mod under_another_name {
    use house::{AuthUser, Role};

    #[derive(Debug, Role)]
    #[role(crate = house)]
    #[non_exhaustive]
    pub enum Rank {
        Member,
    }

    #[derive(Debug, AuthUser)]
    #[auth(crate = house, always_active)]
    #[non_exhaustive]
    pub struct User {
        #[auth(subject)]
        pub name: String,
        #[auth(roles)]
        pub rank: Rank,
    }
}

/// Whoever names neither the macros nor the traits by a glob.
pub mod by_path {
    #[derive(Debug, fauth_poem::prelude::AuthUser)]
    #[auth(always_active)]
    #[non_exhaustive]
    pub struct User {
        #[auth(subject)]
        pub name: String,
    }
}
