//! API keys: what is kept of them.

use std::fmt;

use async_trait::async_trait;

use super::{OWNER_BUCKETS, Owner, SecretHash, StoreError, StoreLocation};
use crate::clock::Timestamp;

/// How many bits of an id follow the bucket.
const BELOW_BUCKET: u32 = u128::BITS - OWNER_BUCKETS.ilog2();

/// The public part of an API key, by which it is found: the bucket of its owner and 118 random
/// bits, as 32 lower-case hexadecimal digits.
///
/// # Security
/// Knowing it opens nothing. Its first ten bits follow from the owner's name: somebody who sees an
/// id can rule out all but one in 1024 guessed subjects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyId(Box<str>);

impl ApiKeyId {
    /// `None` unless the text is 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex)).then(|| Self(text.into()))
    }

    /// An id for a key of this owner: its first ten bits are the owner's [bucket](Owner::bucket),
    /// the others are `random`'s.
    #[must_use]
    pub fn new(owner: &Owner<'_>, random: [u8; 16]) -> Self {
        let bucket = u128::from(owner.bucket()) << BELOW_BUCKET;
        let id = (u128::from_be_bytes(random) & ((1 << BELOW_BUCKET) - 1)) | bucket;
        Self(format!("{id:032x}").into_boxed_str())
    }

    /// The [bucket](Owner::bucket) of the key's owner, so that a key is found where its owner's
    /// keys are.
    #[must_use]
    pub fn bucket(&self) -> u16 {
        // An id is always a number of 128 bits, and what is left of it has ten.
        let id = u128::from_str_radix(&self.0, 16).unwrap_or_default();
        u16::try_from(id >> BELOW_BUCKET).unwrap_or_default()
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
    /// The owner, whose rights it has.
    pub owner: Owner<'static>,
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
    /// The [`token_epoch`](crate::AuthUser::token_epoch) of its owner when it was made, at most
    /// `i64::MAX`: the key ends once the owner's is higher. `None` for a key that
    /// [survives](crate::api_key::ApiKeyRequest::danger_survives_password_change) that.
    pub user_epoch: Option<u64>,
}

impl ApiKey {
    /// Whether the id begins with the owner's bucket. A key of which that is not true could not be
    /// found.
    #[must_use]
    pub fn is_in_bucket(&self) -> bool {
        self.id.bucket() == self.owner.bucket()
    }
}

/// An API key with the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends make it from what they have stored")]
pub struct StoredApiKey {
    /// What is known of it.
    pub key: ApiKey,
    /// The hash of the whole key, and of whose it is and what it may do: it is the provider's to
    /// make and to compare.
    pub hash: SecretHash,
    /// Which of the provider's keys the hash is made with: a short text.
    pub hash_key_id: String,
}

/// Keeps API keys.
///
/// A key is found by its id alone, which begins with its owner's [bucket](ApiKeyId::bucket);
/// everything else names the owner too.
///
/// # Security
/// Each method is one atomic step. A key that was removed never comes back, also if it is used at
/// the same time.
#[async_trait]
pub trait ApiKeyStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown), which counts
    /// as a place that other applications can reach.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Keeps a key, unless its owner would have more than `limit` (at least 1) that have not
    /// expired: `false` then, and nothing has changed.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be kept, also because its id is known already, or because the
    /// id is not [of its owner's bucket](ApiKey::is_in_bucket).
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError>;

    /// The key of this id, if there is one and it has not expired.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError>;

    /// The keys of an owner that have not expired, the newest first; of those made in the same
    /// second, by id.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError>;

    /// Notes that a key of this owner was used; a key that is not there (any more) is not brought
    /// back. The time never goes back.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be noted.
    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError>;

    /// Removes a key of this owner; `false` if there was nothing to remove. Of an expired key that
    /// is still kept either answer is right.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it is gone.
    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError>;

    /// Deletes all keys of an owner, expired ones too: the owner is to be forgotten.
    ///
    /// By default it removes those that are [listed](Self::list), one after the other, and expired
    /// ones are forgotten after their time.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all are gone.
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
