//! The contents of an `OpenAPI` document for guards and the ready-made endpoints, as JSON.
//!
//! Adapters insert it into the document of their framework. Nothing has to be repeated in handlers:
//! it comes from the same [`Guard`](crate::Guard) that decides about requests.
//!
//! | in the document | from |
//! |---|---|
//! | `security`: one alternative for each transport of a credential | [`Transport::describe`] |
//! | `x-requirement`: roles, permissions, scopes and the rest | [`Access::to_json`] |
//! | the answers 400, 401, 403 and 503, as far as the guard gives them | [`Security::of`] |
//! | the schema of their body | [`Renderer::describe`] |
//! | the same for path rules | [`Protection::describe`](crate::Protection::describe) |
//! | the ready-made endpoints | [`endpoints`] |
//! | `components.securitySchemes` | [`Description::complete`] |
//!
//! If a user is optional, an empty alternative is added.
//!
//! Scopes are listed with the alternative that can request them, the login by password. `OpenAPI`
//! 3.0 allows no scopes with a bearer token or a cookie, and 3.1 gives them no meaning there. They
//! are also listed with the scheme of a trusted issuer (`openIdConnect`, with the URL of its
//! discovery document), which replaces the bearer token if the provider issues no tokens of its
//! own.
//!
//! 429 is not listed: no guard answers it.
//!
//! Names of schemes start with the name of the application, such as `shop-bearer`, so that the
//! providers of several applications can share one document.
//!
//! [`Transport::describe`]: crate::transport::Transport::describe
//! [`Access::to_json`]: crate::access::Access::to_json
//! [`Renderer::describe`]: crate::rejection::Renderer::describe

mod combine;
mod description;
mod endpoints;
mod members;
pub mod reach;
mod rules;
mod schemas;
mod schemes;
mod security;
mod template;
#[cfg(feature = "utoipa")]
pub mod utoipa;

pub use description::Description;
pub use endpoints::{Endpoints, endpoints};
pub use members::{Alternative, RATE_LIMIT, REQUIREMENT};
pub use security::Security;
pub use template::template;
