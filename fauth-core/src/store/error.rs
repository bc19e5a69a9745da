//! The error of a store that did not answer.

use std::{error::Error, fmt};

use crate::{
    error::{BoxError, causes},
    escape::redacted,
};

/// A store could not answer. The request is refused with 503, never with 401 or 403, and never let
/// through.
///
/// The message is complete: it names the store, if that is known, and the cause with all of its
/// sources. Therefore [`source`](Error::source) is `None`; use [`cause`](Self::cause) to inspect
/// the cause.
///
/// ```
/// use fauth_core::store::StoreError;
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = StoreError::new(refused).of("PostgreSQL db.example:5432/app");
/// assert_eq!(error.to_string(), "PostgreSQL db.example:5432/app: connection refused");
/// ```
///
/// # Security
/// The message omits passwords in URLs (`redis://:password@host`) and values of `password=`. The
/// cause itself is not changed.
pub struct StoreError {
    store: Option<Box<str>>,
    cause: BoxError,
}

impl StoreError {
    /// Wraps the cause. It is written to the log, with its sources, and nowhere else. It must not
    /// contain secrets.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self { store: None, cause: cause.into() }
    }

    /// Names the store, for example by its kind and address, unless the error already names one.
    #[must_use]
    pub fn of(mut self, store: impl Into<String>) -> Self {
        self.store.get_or_insert_with(|| store.into().into_boxed_str());
        self
    }

    /// The cause, as reported by the store.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(store) = &self.store {
            write!(f, "{}: ", redacted(store))?;
        }
        f.write_str(&causes(&*self.cause))
    }
}

// Same as `Display`: errors returned from `main` are printed with `Debug`, which must not reveal
// more.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError").field(&self.to_string()).finish()
    }
}

impl Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn it_says_which_store_and_every_cause() {
        let error = StoreError::new(Outer(std::io::Error::other("inner")));
        assert_eq!(error.to_string(), "outer: inner");
        assert!(error.cause().is::<Outer>());
        assert!(error.source().is_none(), "a report of the sources would repeat them");
        let error = error.of("here").of("there");
        assert_eq!(error.to_string(), "here: outer: inner");
        assert_eq!(format!("{error:?}"), "StoreError(\"here: outer: inner\")");
    }

    #[test]
    fn no_password_is_told() {
        let error = StoreError::new("cannot reach redis://me:pAss@host").of("redis://:pAss@host");
        assert_eq!(error.to_string(), "redis://:***@host: cannot reach redis://me:***@host");
        assert!(!format!("{error:?}").contains("pAss"));
    }
}
