//! A limit: its windows, its key, its name.

use std::{fmt, str::FromStr};

use super::{key::LimitKey, parse};
use crate::{error::ConfigError, request::RequestHead, store::LimitWindow};

const MAX_NAME_BYTES: usize = 64;

/// How many requests in how long, and whose requests are counted together.
///
/// A limit is written as `5/minute`: a number, and a `second`, `minute`, `hour` or `day`, or some
/// of them (`100/15 minutes`). Several windows are separated by commas (`5/minute, 100/hour`), and
/// a request must pass all of them.
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
    /// A limit that counts by the client's address.
    ///
    /// # Errors
    /// [`ConfigError`], which names the text, if it is no limit: nothing is allowed (`0/minute`),
    /// it cannot be read or counted, two windows are of the same length, or there are more than
    /// four.
    pub fn new(text: &str) -> Result<Self, ConfigError> {
        let windows = parse::windows(text)?.into_boxed_slice();
        Ok(Self { windows, key: LimitKey::address(), name: None })
    }

    /// A limit that counts by the client's address: the same as [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_address(text: &str) -> Result<Self, ConfigError> {
        Self::new(text)
    }

    /// A limit that counts by the user whom a guard has let in, whatever the address.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_user(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(text)?.by(LimitKey::user()))
    }

    /// A limit that counts by the API key that a guard has let in; for users who have logged in, as
    /// [`per_user`](Self::per_user).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn per_api_key(text: &str) -> Result<Self, ConfigError> {
        Ok(Self::new(text)?.by(LimitKey::api_key()))
    }

    /// A limit that counts by what a function says of the head of the request.
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

    /// The same, with another key.
    #[must_use]
    pub fn by(self, key: LimitKey) -> Self {
        Self { key, ..self }
    }

    /// Gives it a name: 1 to 64 characters of ASCII, without `"` and `\`.
    ///
    /// A limit without a name is known by the line of code that puts it in front of its routes, and
    /// counts what passes there. Limits of one name and the same windows share their counters,
    /// wherever they are; and they keep them in a shared store when a new release moves the line.
    ///
    /// # Errors
    /// [`ConfigError`] if it is no such name.
    pub fn named(self, name: &str) -> Result<Self, ConfigError> {
        let is_good = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_good) {
            let problem = format!("{name:?} is no name of a limit");
            return Err(ConfigError::new("limit", problem, "use 1 to 64 letters, digits and hyphens"));
        }
        Ok(Self { name: Some(name.into()), ..self })
    }

    /// Its windows.
    #[must_use]
    pub const fn windows(&self) -> &[LimitWindow] {
        &self.windows
    }

    /// Whose requests are counted together.
    #[must_use]
    pub const fn key(&self) -> &LimitKey {
        &self.key
    }

    /// What an audit says of it, such as `5/minute per address`.
    pub(crate) fn in_words(&self) -> Box<str> {
        format!("{self} per {}", self.key.as_str()).into()
    }

    /// What a document says of it.
    #[cfg(feature = "openapi")]
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({ "limit": self.to_string(), "per": self.key.as_str() });
        if let (Some(name), Some(members)) = (self.name(), json.as_object_mut()) {
            members.insert("name".to_owned(), name.into());
        }
        json
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The windows, as they are written.
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

/// What `limit` takes: a text, a [`Limit`], or the result of making one.
///
/// Where no `?` can stand, a limit that cannot be made is handed over as it is: that is reported to
/// the log, and every request behind it is refused with 500. None is ever unlimited.
pub trait IntoLimit {
    /// The limit.
    ///
    /// # Errors
    /// [`ConfigError`] if it is none.
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
