//! The ids that tie tokens to a session.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The id of a session, `sid` in its tokens: 128 random bits as 22 characters of base64url.
///
/// It grants no access: anyone who knows it can only name the session. It is kept out of logs
/// nevertheless.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Box<str>);

impl SessionId {
    /// Parses an id. `None` unless the text is 128 bits in canonical base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let length = (text.len() == 22).then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())?;
        (length == Some(bytes.len())).then(|| Self(text.into()))
    }

    /// The id as written in tokens and URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into_boxed_str())
    }

    /// The login of a refresh token that names none, such as one of the Python fauth: always the
    /// same for the same token, and the `jti` cannot be derived from it.
    pub(crate) fn of_refresh_token(token_id: &str) -> Self {
        let hash = Sha256::new().chain_update("fauth: login of a refresh token\0").chain_update(token_id);
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        Self::from_random(bytes)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// The `jti` of a refresh token that belongs to a session: 128 bits, random in the first token of a
/// family.
///
/// Each successor is derived from the token before it and a nonce in the session store, so that the
/// same successor can be made again without storing it; see `session.rs`.
pub(crate) struct RefreshId(Zeroizing<[u8; 16]>);

impl RefreshId {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for RefreshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshId(..)")
    }
}
