//! fauth core
pub mod clock;
mod config;
mod error;
mod token;
pub use clock::{Clock, ClockError, SystemClock, Timestamp};
pub use config::{AuthConfig, AuthConfigBuilder};
pub use error::{BoxError, ConfigError, LoaderError};
pub use token::{Algorithm, ClaimError, IssueError, IssuedToken, Key, KeyError, Purpose, TokenError, TokenPair, TokenPayload, TokenProfile, TokenRequest, verify_jws};
