//! fauth core
mod error;
pub use error::{BoxError, ConfigError, LoaderError};
