//! What was declared with this provider.

use std::sync::Arc;

use super::AuthProvider;
use crate::{
    audit::{Audit, Declaration},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Every guard, every group and the ready-made endpoints that were declared with this provider
    /// and are in use: whom they let in, and where they were declared.
    ///
    /// Paths are as far known as the frameworks let us see them: see [`audit`](crate::audit). The
    /// routes that have nothing to do with a provider are in the audit of the application's router
    /// alone, if that registers what it mounts. Guards have no cost by being listed here.
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

    /// Lists it for as long as it is held.
    pub(crate) fn declare(&self, declaration: Declaration) -> Arc<Declaration> {
        self.inner.declarations.add(declaration.of_provider(self.inner.id))
    }
}
