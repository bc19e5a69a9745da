#![cfg_attr(docsrs, feature(doc_cfg))]
// Links of the README inside this crate. They override the absolute ones at its end, because the
// first definition counts.
#![doc = include_str!("links.md")]
#![cfg_attr(feature = "postgres", doc = "[`PostgresStore`]: crate::store::PostgresStore")]
#![cfg_attr(feature = "redis", doc = "[`RedisStore`]: crate::store::RedisStore")]
#![cfg_attr(feature = "trusted-issuers", doc = "[`remote::Fetch`]: crate::remote::Fetch")]
#![cfg_attr(feature = "trusted-issuers", doc = "[`remote::JwksSource`]: crate::remote::JwksSource")]
#![cfg_attr(feature = "sqlite", doc = "[`SqliteStore`]: crate::store::SqliteStore")]
#![cfg_attr(feature = "swagger-ui", doc = "[`swagger_ui::SwaggerUi`]: crate::swagger_ui::SwaggerUi")]
#![cfg_attr(feature = "user-store", doc = "[`user_store`]: mod@crate::user_store")]
#![doc = include_str!("../README.md")]

pub mod access;
pub mod api_key;
pub mod audit;
mod authority;
mod body;
pub mod client;
pub mod clock;
mod config;
mod csrf;
pub mod demands;
#[doc(hidden)]
pub mod derive;
pub mod ended;
mod error;
pub mod escape;
pub mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
pub mod limit;
mod limiter;
#[cfg(feature = "mandates")]
pub mod mandate;
#[cfg(all(doc, not(doctest)))]
pub mod manual;
pub mod mounts;
pub mod navigation;
pub mod one_time;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod password;
pub mod path;
mod protection;
mod provider;
pub mod redirect;
pub mod rejection;
#[cfg(feature = "trusted-issuers")]
pub mod remote;
pub mod reply;
pub mod request;
mod requirement;
mod resource_metadata;
mod role;
pub mod routes;
pub mod rules;
mod session;
#[cfg(feature = "starlette-cookies")]
pub mod starlette;
pub mod store;
#[cfg(feature = "swagger-ui")]
pub mod swagger_ui;
pub mod throttle;
pub mod token;
#[cfg(feature = "mandates")]
mod trace_context;
pub mod transport;
#[cfg(feature = "trusted-issuers")]
pub mod trusted_issuer;
mod user;
#[cfg(feature = "user-store")]
pub mod user_store;
pub mod visitor;

// What most applications write. Everything else has its one path in the module of its subject.
pub use ::async_trait::async_trait;
pub use client::info::ClientInfo;
pub use config::{AuthConfig, AuthConfigBuilder};
pub use csrf::{CsrfToken, CsrfTokens};
pub use error::{BoxError, ConfigError};
#[cfg(feature = "derive")]
pub use fauth_derive::{AuthUser, Role};
pub use guard::Guard;
pub use limiter::{Asked, Limited, Limiter};
#[cfg(feature = "mandates")]
pub use mandate::Principal;
pub use protection::Protection;
#[cfg(feature = "trusted-issuers")]
pub use provider::AuthHealth;
pub use provider::{
    AuthProvider, AuthProviderBuilder, AuthSwitch, Authenticated, Entered, Granted, PayloadError,
    PendingLogin, Pinned, Presented, SessionHandle, WhenLimitStoreFails,
};
#[cfg(feature = "mandates")]
pub use provider::{MandateAuth, MandateAuthBuilder};
pub use rejection::reason::Rejection;
pub use requirement::{Condition, Missing, Names, Requirement};
#[cfg(feature = "mandates")]
pub use requirement::{MandateCondition, MissingMandate};
pub use resource_metadata::ResourceMetadata;
pub use role::{Role, UnknownRole};
pub use rules::RouteRules;
pub use session::{
    LoginRequest, LogoutAll, LogoutRequest, MAX_PAYLOAD_BYTES, RefreshRequest, SessionConfig, Validity,
};
pub use store::memory::MemoryStore;
pub use token::{
    issue::{TokenPair, TokenRequest},
    payload::TokenPayload,
    purpose::{OneTimePurpose, Purpose},
    token_claims::TokenClaims,
};
pub use user::{
    AuthUser, ClaimsLoader, FoundUser, IdentityLoader, NewPasswordHash, PasswordUpdater, UserLoader, UserRef,
};
