//! Peppers: secrets that stand between a password and its hash, and that no database holds.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    ConfigError,
    token::{KeyError, Secret},
};

/// What stands before the hash of a peppered password: the version of the construction, and which
/// pepper.
const BEGINNING: &str = "$fauth-pepper$v=1,k=";

const LONGEST_ID: usize = 32;
const MOST_PREVIOUS: usize = 16;

/// A secret with its id. The password that is hashed in place of the user's is
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

    /// `None` for a secret that was refused, with which there is no hasher.
    pub(super) fn apply(&self, password: &[u8]) -> Option<Zeroizing<String>> {
        self.key.as_ref().ok().map(|key| key.mac_of(password))
    }

    /// The string to store, of that of the scheme.
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
                "the id of the pepper is empty, too long or has other characters than it may",
                format!("use 1 to {LONGEST_ID} letters, digits, `.`, `_` and `-` of ASCII"),
            ));
        }
        match &self.key {
            Ok(_) => Ok(()),
            Err(error) => Err(ConfigError::new(
                field,
                error.to_string(),
                "make one with `openssl rand -base64 48`, and keep it apart from the database",
            )),
        }
    }
}

/// An id stands between `=` and `$` in stored strings, and in the log as it is.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// All peppers of a hasher.
#[derive(Clone)]
pub(super) struct Peppers {
    /// That of new hashes.
    pub(super) current: Option<Pepper>,
    /// Those of older ones.
    pub(super) previous: Vec<Pepper>,
}

/// How a stored string begins.
pub(super) enum Marked<'a> {
    /// No pepper.
    Plain,
    /// With this pepper, and what comes after it.
    With(&'a Pepper, &'a str),
    /// With one that is not configured.
    Unknown(&'a str),
    /// With something that is no id, or a construction of another version.
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
                "there are too many of them",
                format!(
                    "keep at most {MOST_PREVIOUS}; users who have not logged in for so long reset theirs"
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
                "give each one an id of its own, and never use an id again for another secret",
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
