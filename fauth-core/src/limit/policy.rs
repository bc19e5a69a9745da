//! A limit: its windows, key and name.

use std::{fmt, str::FromStr};

use super::{key::LimitKey, parse};
use crate::{error::ConfigError, request::RequestHead, store::LimitWindow};

const MAX_NAME_BYTES: usize = 64;

/// A rate limit: how many requests are allowed per span of time, and which requests are counted
/// together.
///
/// A limit is written as `5/minute`: a number, and a `second`, `minute`, `hour` or `day`, or a
/// number of these (`100/15 minutes`). Several windows are separated by commas (`5/minute,
/// 100/hour`), and a request must pass all of them.
///
/// ```
/// use fauth_core::limit::{Limit, LimitKey};
///
/// let login = Limit::new("5/minute, 100/hour")?.named("login")?;
/// let api = Limit::per_user("1000/hour")?;
/// let tenant = Limit::new("100/second")?.by(LimitKey::of_head(|head| {
///     let host = head.header("host").single()?;
///     Some(String::from_utf8_lossy(host).into_owned())
/// }));
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Limit {
    windows: Box<[LimitWindow]>,
    key: LimitKey,
    name: Option<Box<str>>,
}

impl Limit {
    /// Creates a limit that counts by the client's address.
    ///
    /// # Errors
    /// [`ConfigError`], which quotes the text, if it is not a limit: it allows nothing
    /// (`0/minute`), cannot be parsed or counted, has two windows of the same span, or has more
    /// than four windows.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let windows = parse::windows(text)?.into_boxed_slice();
        Ok(Self { windows, key: LimitKey::address(), name: None })
    }

    /// Creates a limit that counts by the client's address: the same as [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_address(text: &str) -> Result<Self, ConfigError> {
        Self::new(text)
    }

    /// Creates a limit that counts by the user that a guard has admitted, whatever the address.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_user(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(text)?.by(LimitKey::user()))
    }

    /// Creates a limit that counts by the API key that a guard has admitted. Users with a login are
    /// counted as by [`per_user`](Self::per_user).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_api_key(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(text)?.by(LimitKey::api_key()))
    }

    /// Creates a limit that counts by the result of a function on the request head.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Security
    /// See [`LimitKey::of_head`].
    pub fn per_key(
        text: &str,
        key: impl Fn(&dyn RequestHead) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        Ok(Self::new(text)?.by(LimitKey::of_head(key)))
    }

    /// Returns the same limit with another key.
    #[must_use]
    pub fn by(self, key: LimitKey) -> Self {
        Self { key, ..self }
    }

    /// Gives the limit a name: 1 to 64 ASCII characters, without `"` and `\`.
    ///
    /// A limit without a name is identified by the line of code that applies it, and counts the
    /// requests that pass there. Limits with the same name and windows share their counters,
    /// wherever they are applied; in a shared store, a named limit also keeps its counters when a
    /// new release moves the line.
    ///
    /// # Errors
    /// [`ConfigError`] if the name is not valid.
    pub fn named(self, name: &str) -> Result<Self, ConfigError> {
        let is_good = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_good) {
            let problem = format!("{name:?} is not a valid name of a limit");
            return Err(ConfigError::new("limit", problem, "use 1 to 64 letters, digits and hyphens"));
        }
        Ok(Self { name: Some(name.into()), ..self })
    }

    /// The windows of the limit.
    #[must_use]
    pub const fn windows(&self) -> &[LimitWindow] {
        &self.windows
    }

    /// Which requests are counted together.
    #[must_use]
    pub const fn key(&self) -> &LimitKey {
        &self.key
    }

    /// The limit as listed in an audit, such as `5/minute per address`.
    pub(crate) fn in_words(&self) -> Box<str> {
        format!("{self} per {}", self.key.as_str()).into()
    }

    /// The limit as described in a document.
    #[cfg(feature = "openapi")]
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({ "limit": self.to_string(), "per": self.key.as_str() });
        if let (Some(name), Some(members)) = (self.name(), json.as_object_mut()) {
            members.insert("name".to_owned(), name.into());
        }
        json
    }

    /// The name of the limit, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Formats the windows as they are written in a limit.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, window) in self.windows.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            window.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Limit {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::new(text)
    }
}

/// The argument of `limit`: a text, a [`Limit`], or the result of creating one.
///
/// Where `?` cannot be used, pass the result as it is. An invalid limit is reported in the log, and
/// every request behind it is refused with 500; it never means "unlimited".
pub trait IntoLimit {
    /// Returns the limit.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not valid.
    fn into_limit(self) -> Result<Limit, ConfigError>;
}

impl IntoLimit for Limit {
    fn into_limit(self) -> Result<Limit, ConfigError> {
        Ok(self)
    }
}

impl IntoLimit for Result<Limit, ConfigError> {
    fn into_limit(self) -> Result<Limit, ConfigError> {
        self
    }
}

impl IntoLimit for &str {
    fn into_limit(self) -> Result<Limit, ConfigError> {
        Limit::new(self)
    }
}

impl IntoLimit for String {
    fn into_limit(self) -> Result<Limit, ConfigError> {
        Limit::new(&self)
    }
}
