//! Why a key is refused.

use super::algorithm::Algorithm;

/// Why a key is refused. Never holds key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no secret.
    #[error("the secret is empty")]
    Empty,
    /// The secret is shorter than the hash of its algorithm.
    #[error("the secret has {actual} bytes, {algorithm} needs at least {minimum}")]
    TooShort {
        /// The algorithm that the key is for.
        algorithm: Algorithm,
        /// Its least number of bytes.
        minimum: usize,
        /// How many there are.
        actual: usize,
    },
    /// The secret is the text of a key of another kind: PEM, SSH or JWK.
    #[error("the secret is the text of a PEM, SSH or JWK key")]
    LooksLikeKeyFile,
    /// The secret stands in documentation and lists of leaked secrets.
    #[error("the secret is a published example")]
    WellKnown,
    /// The secret repeats a short pattern or has fewer than eight different bytes.
    #[error("the secret is too uniform to be random")]
    TooUniform,
    /// The secret is made of words, such as `my-super-secret-key-for-production-1`, as they stand
    /// or in base64: people who guess begin with those. Neither a digit nor a letter outside of
    /// ASCII makes a phrase random.
    #[error("the secret is a phrase of words")]
    Phrase,
    /// The secret is a UUID with its hyphens, in braces or as a URN. Many kinds of them can be
    /// guessed, and none is made to be a key. 32 hexadecimal digits alone are accepted, because
    /// those of a UUID cannot be told from random ones.
    #[error("the secret is a UUID, which is made to be unique and not to be hard to guess")]
    Uuid,
    /// The secret begins or ends with white space, which is not part of it: most often the end of
    /// the line of a file.
    #[error("the secret begins or ends with white space, which does not count: remove it")]
    Whitespace,
    /// The key is of a kind or algorithm that is not supported.
    #[error("the kind or algorithm of the key is not supported")]
    Unsupported,
    /// The key says that it is not meant for signatures (`use`, `key_ops`).
    #[error("the key is not meant for signatures")]
    NotForSignatures,
    /// The text is not a JWK.
    #[error("the text is not a JWK")]
    Malformed,
    /// The set has more keys than are read.
    #[error("the set has more than {maximum} keys")]
    TooManyKeys {
        /// How many are read.
        maximum: usize,
    },
    /// No key of the set can be used: each is of another type or algorithm, or for another use.
    #[error("the set has no key that can be used")]
    NoUsableKey,
    /// A key that others are to know is a secret or has private members.
    #[error("the key is to be a public one, and it is secret or has private members")]
    NotPublic,
    /// Two keys have the same id.
    #[error("two keys have the same id")]
    DuplicateId,
    /// The key id is empty, longer than 128 bytes, or holds something else than visible ASCII.
    #[error("the key id must have 1 to 128 visible ASCII characters")]
    InvalidId,
}
