//! Refusals: their reasons, and the only place that knows status codes.
//!
//! `reason` holds the reasons with their status, code and text. `render` renders the body of a
//! refusal (`compatibility` and `mandate_json` in the format of other systems, `pages` for
//! browsers), `challenge` writes `WWW-Authenticate`, and `answer` builds the whole reply. `watch`
//! detects refusals that a handler ignores.

mod answer;
mod challenge;
mod compatibility;
#[cfg(feature = "mandates")]
mod mandate_json;
mod pages;
pub(crate) mod reason;
mod render;
mod watch;

pub(crate) use challenge::ProtectionSpace;
pub use compatibility::{CaspianRpc, FastPluggyJson, FastwareJson};
#[cfg(feature = "mandates")]
pub use mandate_json::MandateJson;
pub use pages::Pages;
pub(crate) use pages::{NEXT, setting};
pub(crate) use reason::Rejection;
pub use reason::{
    ApiKeyFault, CsrfFault, FieldFault, InvalidToken, MalformedCredential, Misconfigured, OneTimeFault,
    OriginFault, Unavailable,
};
pub(crate) use render::to_json;
pub use render::{DetailJson, ErrorJson, Outcome, ProblemJson, RefusalBody, Renderer};
pub use watch::Watch;
