//! The subject of a login or a token.

use std::sync::Arc;

use fauth_core::AuthUser;

/// The subject of a user, with the epoch of the user's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    id: String,
    epoch: u64,
    of_record: bool,
}

impl Subject {
    /// Returns the subject of this user.
    pub fn of(user: &impl AuthUser) -> Self {
        Self { id: user.subject().as_ref().to_owned(), epoch: user.token_epoch(), of_record: true }
    }

    /// Creates a subject of which only the id is known.
    pub fn named(id: &str) -> Self {
        Self { id: id.to_owned(), epoch: 0, of_record: false }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it comes from a user's record.
    pub(super) const fn is_of_record(&self) -> bool {
        self.of_record
    }
}

/// Login and token requests take it like a user.
impl AuthUser for Subject {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn is_active(&self) -> bool {
        true
    }

    fn token_epoch(&self) -> u64 {
        self.epoch
    }
}

/// A user, a shared user, or the subject of one as a string.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no user of this provider",
    note = "pass `&user`, `&Arc<user>`, or the subject as `&str`; the provider's users are of type `{U}`"
)]
pub trait AsSubject<U> {
    /// Returns the subject.
    fn subject_of(&self) -> Subject;
}

impl<U: AuthUser> AsSubject<U> for U {
    fn subject_of(&self) -> Subject {
        Subject::of(self)
    }
}

impl<U: AuthUser> AsSubject<U> for Arc<U> {
    fn subject_of(&self) -> Subject {
        Subject::of(&**self)
    }
}

impl<U> AsSubject<U> for str {
    fn subject_of(&self) -> Subject {
        Subject::named(self)
    }
}

/// A user, or a shared user: what [`TestAuth::new`](crate::TestAuth::new) takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a user nor a shared one",
    note = "users are values or `Arc`s of a type that implements `AuthUser`"
)]
pub trait SharedUser<U> {
    /// Returns the user, shared.
    fn shared(self) -> Arc<U>;
}

impl<U: AuthUser> SharedUser<U> for U {
    fn shared(self) -> Arc<U> {
        Arc::new(self)
    }
}

impl<U: AuthUser> SharedUser<U> for Arc<U> {
    fn shared(self) -> Self {
        self
    }
}
