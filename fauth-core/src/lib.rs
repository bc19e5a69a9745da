//! fauth core
mod error;
pub mod password;
pub use error::{BoxError, ConfigError, LoaderError};
