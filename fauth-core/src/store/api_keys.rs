//! API keys: what is kept of them.

use std::{fmt, future::Future};

use super::{SecretHash, StoreError};
use crate::clock::Timestamp;

/// The public part of an API key, by which it is found: 128 random bits as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// `None` unless the text is 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex)).then(|| Self(text.into()))
    }

    /// As it stands in the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct ApiKey {
    /// Its id, a part of the key itself.
    pub id: ApiKeyId,
    /// The subject whose rights it has; 1 to 255 bytes.
    pub owner: String,
    /// What its owner calls it; at most 100 bytes.
    pub name: String,
    /// What it may be used for: the scopes of a request that it opens.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it opens nothing; [`Timestamp::MAX`] for a key that does not expire.
    pub expires_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

/// An API key with the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct StoredApiKey {
    /// What is known of it.
    pub key: ApiKey,
    /// The hash of the whole key.
    pub hash: SecretHash,
}

/// Keeps API keys.
///
/// # Security
/// Each method is one atomic step. A key that was removed never comes back, also if it is used at the same time.
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Keeps a key, unless its owner would have more than `limit` (at least 1) that have not expired: `false` then, and nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be kept, among others because its id is known already.
    fn insert(
        &self,
        key: StoredApiKey,
        limit: usize,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The key of this id, if there is one and it has not expired.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn find(
        &self,
        id: &ApiKeyId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<StoredApiKey>, StoreError>> + Send;

    /// The keys of an owner that have not expired, the newest first; of those made in the same second, by id.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    fn list(
        &self,
        owner: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<ApiKey>, StoreError>> + Send;

    /// Notes that a key was used; a key that is not there (any more) is not brought back. The time never goes back.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be noted.
    fn touch(&self, id: &ApiKeyId, used_at: Timestamp)
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a key, if it is there and, where an `owner` is named, his; `false` if there was nothing to remove. Of an expired key that is still
    /// kept either answer is right.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it is gone.
    fn remove(
        &self,
        id: &ApiKeyId,
        owner: Option<&str>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form() {
        let good = "0123456789abcdef0123456789abcdef";
        assert_eq!(ApiKeyId::parse(good).map(|id| id.to_string()), Some(good.to_owned()));
        for other in ["", &good[1..], &format!("{good}0"), &good.to_uppercase(), &good.replace('a', "g")] {
            assert_eq!(ApiKeyId::parse(other), None, "{other}");
        }
    }
}
