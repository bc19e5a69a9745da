//! [`PasswordScheme`]: a scheme of the application's own, for hashes that fauth does not support.

use std::{fmt, sync::Arc};

use super::unusable::Unusable;
use crate::{BoxError, error::causes};

/// A scheme that verifies the hashes of an old system of yours, so that its users can log in.
///
/// Add it with [`PasswordConfig::foreign_scheme`](super::PasswordConfig::foreign_scheme). It only
/// verifies: new hashes are Argon2id or bcrypt, and a user who logs in with an old hash gets a new
/// one ([`MatchNeedsRehash`](super::Verification::MatchNeedsRehash)).
///
/// ```
/// use fauth_core::{
///     BoxError,
///     password::{PasswordConfig, PasswordHasher, PasswordScheme, Verification},
/// };
/// # fn legacy_digest(_salt: &str, password: &[u8]) -> Vec<u8> { password.to_ascii_uppercase() }
/// # fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool { left == right }
///
/// /// `legacy$salt$digest`.
/// struct Legacy;
///
/// impl PasswordScheme for Legacy {
///     fn name(&self) -> &'static str {
///         "legacy"
///     }
///
///     fn recognizes(&self, stored: &str) -> bool {
///         stored.starts_with("legacy$")
///     }
///
///     fn verify(&self, password: &[u8], stored: &str) -> Result<bool, BoxError> {
///         let mut parts = stored.split('$').skip(1);
///         let (Some(salt), Some(digest)) = (parts.next(), parts.next()) else {
///             return Err("a part is missing".into());
///         };
///         Ok(equal_in_constant_time(&legacy_digest(salt, password), digest.as_bytes()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::new(PasswordConfig::default().foreign_scheme(Legacy))?;
/// let answer = hasher.verify("s3cret", Some("legacy$salt$S3CRET")).await?;
/// assert_eq!(answer, Verification::MatchNeedsRehash);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// - Compare in constant time, as the crate `subtle` does.
/// - A cost that is read from the stored string needs a ceiling. Otherwise anybody who can write
///   one hash decides what a login costs.
/// - The work differs from that of other hashes, so response times may reveal who has an old hash.
pub trait PasswordScheme: Send + Sync + 'static {
    /// Returns the name of the scheme for the log.
    fn name(&self) -> &'static str;

    /// Returns `true` if a stored hash is of this scheme.
    ///
    /// Called before any other scheme is tried, and before the login has a turn on the pool: look
    /// only at how the string begins.
    fn recognizes(&self, stored: &str) -> bool;

    /// Returns `true` if the password is right. Runs on the blocking pool, in one of the hashing
    /// slots.
    ///
    /// The password is neither empty nor longer than
    /// [`max_password_bytes`](super::PasswordConfig::max_password_bytes), and contains no NUL. The
    /// stored hash is one that this scheme [recognizes](Self::recognizes), of at most 512 bytes.
    ///
    /// # Errors
    ///
    /// If the stored hash cannot be used. The error is logged, the outcome is that of a wrong
    /// password, and the same work is done. Put neither the hash nor the password into the error.
    fn verify(&self, password: &[u8], stored: &str) -> Result<bool, BoxError>;
}

/// The schemes of the application, in the order in which they were added.
#[derive(Clone)]
pub(super) struct OwnSchemes(Vec<Arc<dyn PasswordScheme>>);

impl OwnSchemes {
    pub(super) const NONE: Self = Self(Vec::new());

    pub(super) fn add(&mut self, scheme: impl PasswordScheme) {
        self.0.push(Arc::new(scheme));
    }

    pub(super) fn read(&self, stored: &str) -> Option<OwnHash> {
        let scheme = self.0.iter().find(|scheme| scheme.recognizes(stored))?;
        Some(OwnHash { scheme: Arc::clone(scheme), stored: stored.into() })
    }
}

impl fmt::Debug for OwnSchemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|scheme| scheme.name())).finish()
    }
}

/// A stored hash of such a scheme. No `Debug`: it would print the hash.
pub(super) struct OwnHash {
    scheme: Arc<dyn PasswordScheme>,
    stored: Box<str>,
}

impl OwnHash {
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, Unusable> {
        self.scheme.verify(password, &self.stored).map_err(|error| Unusable {
            scheme: self.scheme.name(),
            problem: "the scheme of the application cannot use it",
            detail: Some(causes(&*error).into()),
        })
    }
}
