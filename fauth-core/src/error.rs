//! Errors grouped by what the caller does next: fix the configuration, or report that a callback
//! failed.
//!
//! The fate of a request is a [`Rejection`](crate::Rejection) instead.

use std::borrow::Cow;

use crate::escape::redacted;

/// Any error of the application, as its loaders return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An invalid setting, with its name and how to fix it.
///
/// Returned while the application starts, never while it serves requests.
///
/// ```
/// use fauth_core::AuthConfig;
///
/// let error = AuthConfig::builder().secret("short").build().unwrap_err();
/// assert_eq!(error.field(), "secret");
/// assert!(error.fix().contains("openssl rand"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}; {fix}")]
pub struct ConfigError {
    field: &'static str,
    problem: Cow<'static, str>,
    fix: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(
        field: &'static str,
        problem: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field, problem: problem.into(), fix: fix.into() }
    }

    /// The same error under another field name.
    pub(crate) fn in_field(self, name: impl FnOnce(&'static str) -> &'static str) -> Self {
        Self { field: name(self.field), ..self }
    }

    /// Returns the name of the invalid setting, as in the builder or the environment.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// Returns what is wrong with the setting. Never contains a secret.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Returns how to fix the setting.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

/// The error and its causes for the log, outermost first, with passwords redacted.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Many errors end with the text of their source.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    redacted(&text).into_owned()
}
