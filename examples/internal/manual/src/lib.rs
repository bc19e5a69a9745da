//! The code blocks of the manual and of the front page, as tests that can use all adapters.
//!
//! ```sh
//! cargo test -p manual --doc
//! ```

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/start_axum.md")]
mod start_axum {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/start_actix.md")]
mod start_actix {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/start_poem.md")]
mod start_poem {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/request.md")]
mod request {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/defaults.md")]
mod defaults {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/tokens.md")]
mod tokens {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/login.md")]
mod login {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/roles.md")]
mod roles {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/forms.md")]
mod forms {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/single_page.md")]
mod single_page {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/password_reset.md")]
mod password_reset {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/magic_link.md")]
mod magic_link {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/api_keys.md")]
mod api_keys {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/sessions.md")]
mod sessions {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/path_rules.md")]
mod path_rules {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/limits.md")]
mod limits {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/trusted_issuers.md")]
mod trusted_issuers {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/key_rotation.md")]
mod key_rotation {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/mandates.md")]
mod mandates {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/sockets.md")]
mod sockets {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/openapi.md")]
mod openapi {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/testing.md")]
mod testing {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/proxies.md")]
mod proxies {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/stores.md")]
mod stores {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/two_applications.md")]
mod two_applications {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/existing_users.md")]
mod existing_users {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/audit_log.md")]
mod audit_log {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/production.md")]
mod production {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/own_adapter.md")]
mod own_adapter {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/own_store.md")]
mod own_store {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/from_fauth.md")]
mod from_fauth {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/from_fastware.md")]
mod from_fastware {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/from_caspian.md")]
mod from_caspian {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/from_fastpluggy.md")]
mod from_fastpluggy {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/caracal.md")]
mod caracal {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/attacks.md")]
mod attacks {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/performance.md")]
mod performance {}

#[cfg(doctest)]
#[doc = include_str!("../../../../fauth-core/src/manual/wiring.md")]
mod wiring {}

#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
mod front_page {}
