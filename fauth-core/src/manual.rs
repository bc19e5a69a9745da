//! The manual: short pages, each of which answers one question.
//!
//! The code blocks of these pages are compiled and run in CI, by `examples/internal/manual` in the
//! repository.

#[doc = include_str!("manual/start_axum.md")]
pub mod start_axum {}

#[doc = include_str!("manual/start_actix.md")]
pub mod start_actix {}

#[doc = include_str!("manual/start_poem.md")]
pub mod start_poem {}

#[doc = include_str!("manual/request.md")]
pub mod request {}

#[doc = include_str!("manual/defaults.md")]
pub mod defaults {}

#[doc = include_str!("manual/tokens.md")]
pub mod tokens {}

#[doc = include_str!("manual/login.md")]
pub mod login {}

#[doc = include_str!("manual/roles.md")]
pub mod roles {}

#[doc = include_str!("manual/forms.md")]
pub mod forms {}

#[doc = include_str!("manual/single_page.md")]
pub mod single_page {}

#[doc = include_str!("manual/password_reset.md")]
pub mod password_reset {}

#[doc = include_str!("manual/magic_link.md")]
pub mod magic_link {}

#[doc = include_str!("manual/api_keys.md")]
pub mod api_keys {}

#[doc = include_str!("manual/sessions.md")]
pub mod sessions {}

#[doc = include_str!("manual/path_rules.md")]
pub mod path_rules {}

#[doc = include_str!("manual/limits.md")]
pub mod limits {}

#[cfg(feature = "trusted-issuers")]
#[cfg_attr(docsrs, doc(cfg(feature = "trusted-issuers")))]
#[doc = include_str!("manual/trusted_issuers.md")]
pub mod trusted_issuers {}

#[doc = include_str!("manual/key_rotation.md")]
pub mod key_rotation {}

#[cfg(feature = "mandates")]
#[cfg_attr(docsrs, doc(cfg(feature = "mandates")))]
#[doc = include_str!("manual/mandates.md")]
pub mod mandates {}

#[doc = include_str!("manual/sockets.md")]
pub mod sockets {}

#[cfg(feature = "openapi")]
#[cfg_attr(docsrs, doc(cfg(feature = "openapi")))]
#[doc = include_str!("manual/openapi.md")]
pub mod openapi {}

#[doc = include_str!("manual/testing.md")]
pub mod testing {}

#[doc = include_str!("manual/proxies.md")]
pub mod proxies {}

#[doc = include_str!("manual/stores.md")]
pub mod stores {}

#[doc = include_str!("manual/two_applications.md")]
pub mod two_applications {}

#[doc = include_str!("manual/existing_users.md")]
pub mod existing_users {}

#[doc = include_str!("manual/audit_log.md")]
pub mod audit_log {}

#[doc = include_str!("manual/production.md")]
pub mod production {}

#[doc = include_str!("manual/own_adapter.md")]
pub mod own_adapter {}

#[doc = include_str!("manual/own_store.md")]
pub mod own_store {}

#[doc = include_str!("manual/from_fauth.md")]
pub mod from_fauth {}

#[doc = include_str!("manual/from_fastware.md")]
pub mod from_fastware {}

#[doc = include_str!("manual/from_caspian.md")]
pub mod from_caspian {}

#[doc = include_str!("manual/from_fastpluggy.md")]
pub mod from_fastpluggy {}

#[cfg(feature = "mandates")]
#[cfg_attr(docsrs, doc(cfg(feature = "mandates")))]
#[doc = include_str!("manual/caracal.md")]
pub mod caracal {}

#[doc = include_str!("manual/attacks.md")]
pub mod attacks {}

#[doc = include_str!("manual/performance.md")]
pub mod performance {}

#[doc = include_str!("manual/wiring.md")]
pub mod wiring {}
