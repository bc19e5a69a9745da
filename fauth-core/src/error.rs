//! Errors by what the caller does next: mend the configuration, or report that a callback failed.
//!
//! What becomes of a request lives in [`Rejection`](crate::Rejection), not here.

use std::borrow::Cow;

use crate::escape::redacted;

/// Any error of the application, as the loaders hand it over.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A setting that cannot work. It names the field and says how to mend it.
///
/// Raised while the application starts, never while it serves.
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

    /// The same error under another name of the field.
    pub(crate) fn in_field(self, name: impl FnOnce(&'static str) -> &'static str) -> Self {
        Self { field: name(self.field), ..self }
    }

    /// The setting at fault, as the builder (or the environment) calls it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it. Never holds the value of a secret.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

/// The causes of a failure, outermost first and without passwords, for the log.
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
