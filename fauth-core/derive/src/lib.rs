#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod attribute;
mod auth_user;
mod case;
mod role;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Code;
use syn::{DeriveInput, Path, parse_macro_input, parse_str};

#[doc = include_str!("auth_user.md")]
#[proc_macro_derive(AuthUser, attributes(auth))]
pub fn auth_user(input: TokenStream) -> TokenStream {
    expand(input, "::fauth_core", auth_user::derive)
}

#[doc = include_str!("role.md")]
#[proc_macro_derive(Role, attributes(role))]
pub fn role(input: TokenStream) -> TokenStream {
    expand(input, "::fauth_core", role::derive)
}

/// The same macros for crates that depend on an adapter only. A macro cannot see the path by which
/// it was called, so the prelude of each adapter re-exports its own macro, which finds the core
/// there.
macro_rules! through_adapters {
    ($($krate:literal: $user:ident $role:ident, $user_fn:ident $role_fn:ident;)*) => {$(
        #[doc = include_str!("auth_user.md")]
        #[proc_macro_derive($user, attributes(auth))]
        pub fn $user_fn(input: TokenStream) -> TokenStream {
            expand(input, concat!("::", $krate, "::fauth_core"), auth_user::derive)
        }

        #[doc = include_str!("role.md")]
        #[proc_macro_derive($role, attributes(role))]
        pub fn $role_fn(input: TokenStream) -> TokenStream {
            expand(input, concat!("::", $krate, "::fauth_core"), role::derive)
        }
    )*};
}

through_adapters! {
    "fauth_actix": ActixAuthUser ActixRole, actix_auth_user actix_role;
    "fauth_axum": AxumAuthUser AxumRole, axum_auth_user axum_role;
    "fauth_poem": PoemAuthUser PoemRole, poem_auth_user poem_role;
}

/// The generated code, or all errors at once as compile errors.
fn expand(
    input: TokenStream,
    core: &str,
    derive: fn(&DeriveInput, Path) -> syn::Result<Code>,
) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let written = parse_str(core).and_then(|core| derive(&input, core));
    written.unwrap_or_else(syn::Error::into_compile_error).into()
}
