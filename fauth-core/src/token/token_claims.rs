//! Scopes and custom claims that an application adds to a user's tokens.

use std::fmt;

use serde::Serialize;

use super::{claims::is_scope, custom_claims::CustomClaims, issue_error::IssueError};

/// Scopes and custom claims for a user's tokens, loaded at the login and at each refresh.
///
/// A [`ClaimsLoader`](crate::ClaimsLoader) returns them. The subject always comes from the user.
///
/// ```
/// use fauth_core::TokenClaims;
///
/// let claims = TokenClaims::new().scopes(["read", "write"]).claim("tenant", "acme");
/// ```
#[derive(Clone, Default)]
#[must_use = "claims take effect only when a `ClaimsLoader` returns them"]
pub struct TokenClaims {
    scopes: Vec<Box<str>>,
    custom: CustomClaims<'static>,
}

impl TokenClaims {
    /// Creates a value without scopes and claims.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into().into_boxed_str());
        self
    }

    /// Adds scopes.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(|scope| scope.into().into_boxed_str()));
        self
    }

    /// Adds a custom claim to access tokens, or replaces the claim of the same name.
    ///
    /// A reserved name, or a value that cannot be serialised as JSON, makes the login fail.
    ///
    /// # Security
    /// A token is signed, not encrypted: anyone who holds it can read its claims.
    pub fn claim(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        self.custom.add(name.into().into(), &value);
        self
    }

    /// Reports a fault before anything is consumed for tokens that could not be issued.
    pub(crate) fn check(&mut self) -> Result<(), IssueError> {
        if let Some(fault) = self.custom.take_fault() {
            return Err(fault);
        }
        if self.scopes.iter().all(|scope| is_scope(scope)) { Ok(()) } else { Err(IssueError::InvalidScope) }
    }

    pub(super) fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| **granted == *scope)
    }

    pub(super) fn scope_list(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| &**scope)
    }

    pub(super) fn into_custom(self) -> CustomClaims<'static> {
        self.custom
    }
}

/// Shows no custom claims, which may be personal data.
impl fmt::Debug for TokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenClaims").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}
