//! Session cookies signed by Starlette, and so by Caspian. They are accepted once, when an
//! application migrates, so that users need not log in again.
//!
//! Such cookies are verified and never written, because their signatures are HMAC-SHA1.

use std::{fmt, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::{
    clock::Timestamp,
    error::ConfigError,
    request::RequestHead,
    transport::{Extracted, find_cookie},
};

/// Browsers store no longer cookie.
const MAX_BYTES: usize = 4096;
/// Browsers store no cookie for longer.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How far the other service's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);

/// Verifies the session cookies of Starlette's `SessionMiddleware`.
///
/// ```
/// # use fauth_core::{AuthProvider, AuthUser, LoginRequest, Rejection};
/// # use fauth_core::{clock::Timestamp, reply::Reply, request::RequestHead};
/// # use fauth_core::starlette::StarletteCookies;
/// # async fn example<U: AuthUser>(
/// #     auth: &AuthProvider<U>, old: &StarletteCookies, head: &dyn RequestHead, now: Timestamp,
/// # ) -> Result<Option<Reply>, Rejection> {
/// // Once, at start: `StarletteCookies::danger_new(&secret, Duration::from_secs(7 * 86_400))?`.
/// let Ok(Some(session)) = old.find(head, "session", now) else { return Ok(None) };
/// let payload = StarletteCookies::caspian_payload(&session, now);
/// let Some(id) = payload.and_then(|user| user["id"].as_str()) else { return Ok(None) };
/// // Make sure that this user still exists and is active, then log in as after a password.
/// let reply = auth.login_reply(head, LoginRequest::for_subject(id)).await?;
/// # Ok(Some(reply))
/// # }
/// ```
///
/// # Security
/// Such a cookie can be replayed until it is too old, even after a logout in either application,
/// because no server records its use. Delete it in the response to the login that it leads to, set
/// a short `max_age`, and remove this code after the migration. Anyone who knows the old secret can
/// log in as any user: if it was a default of the framework, replace it in the old service first.
pub struct StarletteCookies {
    key: Zeroizing<[u8; 20]>,
    max_age: Duration,
}

/// Why a cookie is not accepted, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StarletteCookieError {
    /// The cookie is not three parts of base64, is longer than 4096 bytes, or occurs twice.
    #[error("the cookie is malformed")]
    Malformed,
    /// The signature is wrong.
    #[error("the signature of the cookie is wrong")]
    BadSignature,
    /// The cookie was signed too long ago, or in the future.
    #[error("the cookie was signed too long ago or in the future")]
    Untimely,
}

impl StarletteCookies {
    /// Creates a verifier for the secret that the old service signs with (`AUTH_SECRET` of
    /// Caspian), and for cookies that were signed at most `max_age` ago.
    ///
    /// # Errors
    /// [`ConfigError`] if the secret is empty, or `max_age` is zero or more than 400 days.
    pub fn danger_new(secret: &str, max_age: Duration) -> Result<Self, ConfigError> {
        if secret.is_empty() {
            return Err(ConfigError::new(
                "secret",
                "the secret is empty",
                "use the secret of the old service",
            ));
        }
        if max_age.as_secs() == 0 || max_age > MAX_AGE {
            return Err(ConfigError::new("max_age", "the age is out of bounds", "use 1 second to 400 days"));
        }
        let key = Sha1::new().chain_update("itsdangerous.Signer").chain_update("signer").chain_update(secret);
        Ok(Self { key: Zeroizing::new(key.finalize().into()), max_age })
    }

    /// Returns the session in the cookie of this name, or `None` if there is no such cookie.
    ///
    /// # Errors
    /// [`StarletteCookieError`] if the cookie is not accepted.
    pub fn find(
        &self,
        head: &dyn RequestHead,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Value>, StarletteCookieError> {
        match find_cookie(&head.header("cookie"), name) {
            Extracted::Absent => Ok(None),
            Extracted::Malformed(_) => Err(StarletteCookieError::Malformed),
            Extracted::Token(value) => self.read(value.as_bytes(), now).map(Some),
        }
    }

    /// Returns the session in the value of a cookie. The signature is verified before the content
    /// is used.
    ///
    /// # Errors
    /// [`StarletteCookieError`] if the value is not accepted.
    pub fn read(&self, value: &[u8], now: Timestamp) -> Result<Value, StarletteCookieError> {
        let malformed = StarletteCookieError::Malformed;
        if value.len() > MAX_BYTES {
            return Err(malformed);
        }
        let value = std::str::from_utf8(value).map_err(|_| malformed)?;
        let (signed, signature) = value.rsplit_once('.').ok_or(malformed)?;
        let (json, time) = signed.rsplit_once('.').ok_or(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
        let mut mac = Hmac::<Sha1>::new_from_slice(&*self.key).map_err(|_| malformed)?;
        mac.update(signed.as_bytes());
        mac.verify_slice(&signature).map_err(|_| StarletteCookieError::BadSignature)?;
        let time = URL_SAFE_NO_PAD.decode(time).ok().filter(|time| (1..=8).contains(&time.len()));
        let time = time.ok_or(malformed)?.into_iter().fold(0_u64, |time, byte| time << 8 | u64::from(byte));
        let signed_at = Timestamp::from_unix_seconds(i64::try_from(time).map_err(|_| malformed)?);
        if now.since(signed_at) > self.max_age || signed_at.since(now) > LEEWAY {
            return Err(StarletteCookieError::Untimely);
        }
        let json = STANDARD.decode(json).map_err(|_| malformed)?;
        serde_json::from_slice(&json).map_err(|_| malformed)
    }

    /// Returns the data that Caspian's `auth.sign_in` stored in a session, if it has an expiry that
    /// has not passed.
    #[must_use]
    pub fn caspian_payload(session: &Value, now: Timestamp) -> Option<&Value> {
        let signed_in = session.get("payload_session_key_2183A")?;
        let ends_at = signed_in.get("exp")?.as_i64()?;
        let data = signed_in.get("payload_name_8639D").filter(|data| !data.is_null())?;
        (now.unix_seconds() < ends_at).then_some(data)
    }
}

impl fmt::Debug for StarletteCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StarletteCookies").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}
