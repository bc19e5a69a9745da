//! What an `OpenAPI` document says of guards and of the ready-made endpoints, as JSON.
//!
//! Adapters put it into the document of their framework. Nothing of it is repeated in handlers: it
//! comes from the same [`Guard`](crate::Guard) that decides about requests.
//!
//! | in the document | from |
//! |---|---|
//! | `security`: one alternative for each way of a credential | [`Transport::describe`] |
//! | `x-requirement`: roles, permissions, scopes and the rest | [`Access::to_json`] |
//! | the answers 400, 401, 403 and 503, as far as the guard gives them | [`Security::of`] |
//! | the schema of their body | [`Renderer::describe`] |
//! | the same because of path rules | [`Protection::describe`](crate::Protection::describe) |
//! | the ready-made endpoints | [`endpoints`] |
//! | `components.securitySchemes` | [`Description::complete`] |
//!
//! Where a user is optional, an empty alternative is among the others.
//!
//! Scopes stand beside the alternative that can ask for them, the login by password. `OpenAPI` 3.0
//! allows no scopes beside a bearer token or a cookie, and 3.1 gives them no meaning there. They
//! stand beside the scheme of a trusted issuer too (`openIdConnect`, with the URL of its discovery
//! document), which takes the place of the bearer token where there are no own tokens.
//!
//! 429 is not listed: no guard answers it.
//!
//! Names of schemes begin with the name of the application, such as `shop-bearer`, so that the
//! providers of several applications may stand in one document.
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
