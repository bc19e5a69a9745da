//! API keys, as stored.

use std::fmt;

use async_trait::async_trait;

use super::{OWNER_BUCKETS, Owner, SecretHash, StoreError, StoreLocation};
use crate::clock::Timestamp;

/// The number of bits of an id that follow the bucket.
const BELOW_BUCKET: u32 = u128::BITS - OWNER_BUCKETS.ilog2();

/// The public part of an API key, by which the key is found: the bucket of its owner and 118 random
/// bits, as 32 lower-case hexadecimal digits.
///
/// # Security
/// Knowing an id grants no access. Its first ten bits are derived from the owner's name: an
/// observer can test a guess at the subject, and rules out all but one in 1024 wrong guesses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// Parses an id; `None` unless the text is 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex)).then(|| Self(text.into()))
    }

    /// Creates an id for a key of this owner: the first ten bits are the owner's
    /// [bucket](Owner::bucket), the others are taken from `random`.
    #[must_use]
    pub fn new(owner: &Owner<'_>, random: [u8; 16]) -> Self {
        let bucket = u128::from(owner.bucket()) << BELOW_BUCKET;
        let id = (u128::from_be_bytes(random) & ((1 << BELOW_BUCKET) - 1)) | bucket;
        Self(format!("{id:032x}").into_boxed_str())
    }

    /// The [bucket](Owner::bucket) of the key's owner, so that a key is found in the partition that
    /// holds its owner's keys.
    #[must_use]
    pub fn bucket(&self) -> u16 {
        // An id always parses as a 128-bit number, of which ten bits remain.
        let id = u128::from_str_radix(&self.0, 16).unwrap_or_default();
        u16::try_from(id >> BELOW_BUCKET).unwrap_or_default()
    }

    /// The id as it appears in the key.
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

/// The data of an API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct ApiKey {
    /// The id, which is part of the key's text.
    pub id: ApiKeyId,
    /// The owner, whose rights the key has.
    pub owner: Owner<'static>,
    /// The name that the owner gave the key; at most 100 bytes.
    pub name: String,
    /// The scopes that a request with this key has.
    pub scopes: Vec<String>,
    /// When the key was created.
    pub created_at: Timestamp,
    /// The time from which the key is no longer valid; [`Timestamp::MAX`] for a key that does not
    /// expire.
    pub expires_at: Timestamp,
    /// When the key was last used, accurate to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// The owner's [`token_epoch`](crate::AuthUser::token_epoch) when the key was created, at most
    /// `i64::MAX`. The key becomes invalid once the owner's epoch is higher. `None` for a key that
    /// [survives](crate::api_key::ApiKeyRequest::danger_survives_password_change) password changes.
    pub user_epoch: Option<u64>,
}

impl ApiKey {
    /// Whether the id begins with the owner's bucket. Otherwise the key could not be found.
    #[must_use]
    pub fn is_in_bucket(&self) -> bool {
        self.id.bucket() == self.owner.bucket()
    }
}

/// An API key with the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends construct it from stored data")]
pub struct StoredApiKey {
    /// The key's data.
    pub key: ApiKey,
    /// The hash of the key's text together with its owner and rights. The provider computes and
    /// compares it.
    pub hash: SecretHash,
    /// The id of the provider's key that the hash was made with: a short text.
    pub hash_key_id: String,
}

/// A store of API keys.
///
/// A key is found by its id alone, which begins with its owner's [bucket](ApiKeyId::bucket); every
/// other method names the owner too.
///
/// # Security
/// Each method is one atomic step. A removed key never comes back, even if it is used at the same
/// time.
#[async_trait]
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default, which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Stores a key. If its owner would then have more than `limit` (at least 1) keys that have not
    /// expired, returns `false` and changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the key cannot be stored. That includes an id that is already in use, and
    /// one that is not [in its owner's bucket](ApiKey::is_in_bucket).
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError>;

    /// Returns the key with this id, if there is one and it has not expired.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError>;

    /// Returns an owner's keys that have not expired, newest first; keys created in the same second
    /// are ordered by id.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError>;

    /// Records that a key of this owner was used. A removed key is not restored, and the recorded
    /// time never moves back.
    ///
    /// # Errors
    /// [`StoreError`] if the use cannot be recorded.
    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError>;

    /// Removes a key of this owner; `false` if there was nothing to remove. For an expired key that
    /// is still stored, either result is correct.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the key is removed.
    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError>;

    /// Deletes all keys of an owner, including expired ones: for erasing the owner's data.
    ///
    /// The default implementation removes the [listed](Self::list) keys one by one; expired ones
    /// are deleted later by the backend.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all keys are deleted.
    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<(), StoreError> {
        for key in self.list(owner, now).await? {
            self.remove(owner, &key.id).await?;
        }
        Ok(())
    }
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
    #[test]
    fn an_id_begins_with_the_bucket_of_its_owner() {
        for subject in ["alice", "bob", "carol", "dave"] {
            let owner = Owner::new("default", "", subject);
            for random in [[0; 16], [0xff; 16]] {
                let id = ApiKeyId::new(&owner, random);
                assert_eq!(id.bucket(), owner.bucket());
                assert_eq!(ApiKeyId::parse(id.as_str()), Some(id));
            }
        }
        let first_and_last =
            ["0".repeat(32), "f".repeat(32)].map(|id| ApiKeyId::parse(&id).unwrap().bucket());
        assert_eq!(first_and_last, [0, 1023]);
    }
}
