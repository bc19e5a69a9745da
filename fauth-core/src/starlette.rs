//! The signed session cookies of Starlette, and so of Caspian: read once, when an application moves
//! over, so that nobody has to sign in again.
//!
//! They are verified and never written: HMAC-SHA1 is what their signatures are made of.

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

/// Browsers keep no longer ones.
const MAX_BYTES: usize = 4096;
/// Browsers keep none for longer.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// By how much the other service's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);

/// Reads the session cookies that Starlette's `SessionMiddleware` has signed.
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
/// Such a cookie can be replayed until it is too old, also after a logout there or here: nothing
/// keeps what has become of it. Delete it in the answer that it has led to, take a short
/// `max_age`, and remove all of this once it is over. Whoever knows the old secret signs in as
/// anybody: exchange it if it was a default of the framework.
pub struct StarletteCookies {
    key: Zeroizing<[u8; 20]>,
    max_age: Duration,
}

/// Why a cookie is not accepted. For logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StarletteCookieError {
    /// Not three parts of base64, longer than 4 096 bytes, or two cookies of the name.
    #[error("the cookie is malformed")]
    Malformed,
    /// The signature is wrong.
    #[error("the signature of the cookie is wrong")]
    BadSignature,
    /// It was signed too long ago, or in the future.
    #[error("the cookie was not signed within the time that is accepted")]
    Untimely,
}

impl StarletteCookies {
    /// A reader for the secret that the old service has signed with (`AUTH_SECRET` of Caspian), and
    /// for cookies that were signed `max_age` ago at most.
    ///
    /// # Errors
    /// [`ConfigError`] if the secret is empty, or the age is zero or more than 400 days.
    pub fn danger_new(secret: &str, max_age: Duration) -> Result<Self, ConfigError> {
        if secret.is_empty() {
            return Err(ConfigError::new("secret", "there is none", "give the one of the old service"));
        }
        if max_age.as_secs() == 0 || max_age > MAX_AGE {
            return Err(ConfigError::new("max_age", "the age is out of bounds", "use 1 second to 400 days"));
        }
        let key = Sha1::new().chain_update("itsdangerous.Signer").chain_update("signer").chain_update(secret);
        Ok(Self { key: Zeroizing::new(key.finalize().into()), max_age })
    }

    /// What the cookie of this name says; `None` if there is none.
    ///
    /// # Errors
    /// [`StarletteCookieError`] if there is one that is not accepted.
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

    /// What the value of a cookie says. The signature is checked before anything in it counts.
    ///
    /// # Errors
    /// [`StarletteCookieError`] if it is not accepted.
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

    /// What Caspian's `auth.sign_in` has put into a session, if it says until when it is good, and
    /// that is not over.
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
