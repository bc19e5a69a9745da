//! The guards, groups and rules of a provider, for audits.

use std::sync::Arc;

use super::AuthProvider;
use crate::{
    audit::{Audit, Declaration},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Lists all guards, groups and ready-made endpoints of this provider that are in use: which
    /// requests they admit, and where they were created.
    ///
    /// Paths are listed as far as the frameworks reveal them: see [`audit`](crate::audit). Routes
    /// without a provider are only in the audit of the application's router, if that registers what
    /// it mounts. Being listed costs guards nothing.
    ///
    /// ```
    /// # use fauth_core::{Guard, Requirement};
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// let guard = Guard::new(&auth, Requirement::user().role("admin"));
    /// assert_eq!(auth.audit().entries()[0].access().to_string(), "user, role admin");
    /// auth.audit().log(); // in builds with debug assertions
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn audit(&self) -> Audit {
        self.inner.declarations.audit()
    }

    /// Lists an entry for as long as it is held.
    pub(crate) fn declare(&self, declaration: Declaration) -> Arc<Declaration> {
        self.inner.declarations.add(declaration.of_provider(self.inner.id))
    }
}
