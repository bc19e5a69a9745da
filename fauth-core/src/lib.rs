#![doc = include_str!("../README.md")]

mod api_key;
mod client;
mod clock;
mod config;
mod csrf;
mod error;
mod escape;
mod event;
mod guard;
#[cfg(any(doc, doctest))]
pub mod manual;
mod one_time;
pub mod password;
mod path;
mod provider;
mod rejection;
mod reply;
mod request;
mod requirement;
pub mod routes;
mod session;
pub mod store;
mod token;
mod transport;
mod user;
#[cfg(feature = "user-store")]
pub mod user_store;

pub use api_key::{ApiKeyError, ApiKeyRequest, NewApiKey};
pub use clock::{Clock, ClockError, SystemClock, Timestamp};
pub use config::{AuthConfig, AuthConfigBuilder};
pub use error::{BoxError, ConfigError, LoaderError};
pub use event::{AuthEvents, Event, EventKind};
pub use guard::Guard;
pub use one_time::{LinkBase, OneTimeLink, OneTimeRequest, OneTimeToken, Redeemed, Redemption};
pub use password::{PasswordConfig, PasswordError, PasswordHasher};
pub use path::PathCharacter;
pub use provider::{AuthProvider, AuthProviderBuilder, Granted, Presented};
pub use rejection::{
    ApiKeyFault, DetailJson, ErrorJson, InvalidToken, MalformedCredential, Misconfigured, OneTimeFault,
    ProblemJson, Rejection, Renderer, Unavailable,
};
pub use reply::{Reply, ResponseHeader};
pub use request::{HeaderValues, RequestHead};
pub use requirement::{Condition, Missing, Requirement};
pub use session::{LoginRequest, SessionConfig};
pub use store::{MemoryStore, RevocationTarget, Session, StoreError};
pub use token::{
    Algorithm, ClaimError, IssueError, IssuedToken, Key, KeyError, OneTimePurpose, Purpose, SessionId,
    TokenError, TokenPair, TokenPayload, TokenProfile, TokenRequest, verify_jws,
};
pub use transport::{
    BearerTransport, CookieTransport, Extracted, QueryTransport, SameSite, SecurityScheme, SetTokenError,
    Transport, UnverifiedToken,
};
pub use user::{AuthUser, FoundUser, IdentityLoader, NewPasswordHash, PasswordUpdater, UserLoader};
