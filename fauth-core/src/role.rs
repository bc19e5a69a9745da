//! Typed roles: the trait of role enums.

use crate::escape::Escaped;

/// A role of an application that models its roles as an enum.
///
/// A role is identified by its name, the text that `as_ref` returns. The name is what is stored,
/// required and compared. With the feature `derive`, `#[derive(Role)]` implements this trait for an
/// enum. Written by hand, it has one method with a default.
///
/// Roles that include others form a hierarchy. [`AuthUser::has_role`](crate::AuthUser::has_role)
/// compares names by default, so override it to take the hierarchy into account:
///
/// ```
/// use fauth_core::{AuthUser, Role};
///
/// enum Rank { Member, Owner }
///
/// impl AsRef<str> for Rank {
///     fn as_ref(&self) -> &str {
///         match self { Self::Member => "member", Self::Owner => "owner" }
///     }
/// }
///
/// impl Role for Rank {
///     fn includes(&self, role: &str) -> bool {
///         match self {
///             Self::Member => role == "member",
///             Self::Owner => ["member", "owner"].contains(&role),
///         }
///     }
/// }
///
/// struct User { id: String, ranks: Vec<Rank> }
///
/// impl AuthUser for User {
///     fn subject(&self) -> impl AsRef<str> { &self.id }
///     fn is_active(&self) -> bool { true }
///     fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> { &self.ranks }
///     fn has_role(&self, role: &str) -> bool { self.ranks.iter().any(|own| own.includes(role)) }
/// }
///
/// let user = User { id: "alice".into(), ranks: vec![Rank::Owner] };
/// assert!(user.has_role("member"));
/// ```
///
/// A derived [`AuthUser`](crate::AuthUser) does this by itself if its roles are of such a type.
/// Roles that a user holds as strings are compared as strings, whichever enum they come from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a role",
    note = "put `#[derive(Role)]` on an enum without fields (feature `derive`)"
)]
pub trait Role: AsRef<str> {
    /// Returns whether this role grants `role` as well. Default: only if both are the same, byte
    /// for byte.
    fn includes(&self, role: &str) -> bool {
        self.as_ref() == role
    }
}

impl<R: Role + ?Sized> Role for &R {
    fn includes(&self, role: &str) -> bool {
        (**self).includes(role)
    }
}

/// The error of `FromStr` as derived by `#[derive(Role)]`: the text names none of the enum's roles.
///
/// The text may come from an untrusted source. It is stored and shown escaped, and cut at 256
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of the roles {}", Listed(.known))]
pub struct UnknownRole {
    text: String,
    known: &'static [&'static str],
}

impl UnknownRole {
    pub(crate) fn new(text: &str, known: &'static [&'static str]) -> Self {
        Self { text: Escaped(text).to_string(), known }
    }

    /// The text that was parsed, escaped and cut at 256 bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of all roles, in the order of declaration.
    #[must_use]
    pub const fn known(&self) -> &'static [&'static str] {
        self.known
    }
}

/// The names, each in backticks.
struct Listed<'a>(&'a [&'a str]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}
