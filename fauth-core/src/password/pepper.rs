//! Peppers: secrets that go into a hash together with the password, and that no database holds.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    ConfigError,
    token::{KeyError, Secret},
};

/// The beginning of a peppered hash: the version of the construction, followed by the id of the
/// pepper.
const BEGINNING: &str = "$fauth-pepper$v=1,k=";

const LONGEST_ID: usize = 32;
const MOST_PREVIOUS: usize = 16;

/// A secret with its id. Instead of the user's password, the scheme hashes
/// base64url(HMAC-SHA-256(pepper, password)): 43 characters without NUL, which fit into bcrypt.
#[derive(Clone)]
pub(super) struct Pepper {
    id: Arc<str>,
    key: Result<Arc<Secret>, KeyError>,
}

impl Pepper {
    pub(super) fn new(id: &str, key: &[u8]) -> Self {
        Self { id: id.into(), key: Secret::new(key).map(Arc::new) }
    }

    /// Returns `None` if the secret was refused; no hasher is built with such a secret.
    pub(super) fn apply(&self, password: &[u8]) -> Option<Zeroizing<String>> {
        self.key.as_ref().ok().map(|key| key.mac_of(password))
    }

    /// Returns the string to store, from the string of the scheme.
    pub(super) fn mark(&self, hash: &str) -> String {
        format!("{BEGINNING}{}{hash}", self.id)
    }

    pub(super) fn is(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| self.id == other.id)
    }

    fn check(&self, field: &'static str) -> Result<(), ConfigError> {
        if !is_id(&self.id) {
            return Err(ConfigError::new(
                field,
                "the id of the pepper is empty, too long or has a character that is not allowed",
                format!("use 1 to {LONGEST_ID} ASCII letters, digits, `.`, `_` and `-`"),
            ));
        }
        match &self.key {
            Ok(_) => Ok(()),
            Err(error) => Err(ConfigError::new(
                field,
                error.to_string(),
                "generate one with `openssl rand -base64 48`, and keep it apart from the database",
            )),
        }
    }
}

/// An id is stored between `=` and `$`, and logged unescaped.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// All peppers of a hasher.
#[derive(Clone)]
pub(super) struct Peppers {
    /// The pepper of new hashes.
    pub(super) current: Option<Pepper>,
    /// The peppers of older hashes.
    pub(super) previous: Vec<Pepper>,
}

/// The pepper at the beginning of a stored string.
pub(super) enum Marked<'a> {
    /// No pepper.
    Plain,
    /// This pepper, and the text after it.
    With(&'a Pepper, &'a str),
    /// A pepper with this id, which is not configured.
    Unknown(&'a str),
    /// An invalid id, or another version of the construction.
    Malformed,
}

impl Peppers {
    pub(super) const NONE: Self = Self { current: None, previous: Vec::new() };

    pub(super) fn read<'a>(&'a self, stored: &'a str) -> Marked<'a> {
        let Some(rest) = stored.strip_prefix(BEGINNING) else {
            return if stored.starts_with("$fauth-pepper") { Marked::Malformed } else { Marked::Plain };
        };
        let Some((id, hash)) = rest.find('$').and_then(|at| rest.split_at_checked(at)) else {
            return Marked::Malformed;
        };
        if !is_id(id) {
            return Marked::Malformed;
        }
        match self.all().find(|pepper| *pepper.id == *id) {
            Some(pepper) => Marked::With(pepper, hash),
            None => Marked::Unknown(id),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.current.iter().try_for_each(|pepper| pepper.check("pepper"))?;
        self.previous.iter().try_for_each(|pepper| pepper.check("previous_pepper"))?;
        if self.previous.len() > MOST_PREVIOUS {
            return Err(ConfigError::new(
                "previous_pepper",
                "too many previous peppers",
                format!(
                    "keep at most {MOST_PREVIOUS}; users who have not logged in since need a password reset"
                ),
            ));
        }
        let mut ids: Vec<_> = self.all().map(|pepper| &*pepper.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < all {
            return Err(ConfigError::new(
                "previous_pepper",
                "two peppers have the same id",
                "give each one its own id, and never use an id again for another secret",
            ));
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &Pepper> {
        self.current.iter().chain(&self.previous)
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|pepper| &*pepper.id)).finish()
    }
}
