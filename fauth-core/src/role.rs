//! Roles with a type: what an enum of roles offers beside its names.

use crate::escape::Escaped;

/// A role of an application that writes its roles as an enum.
///
/// A role is its name, which is what `as_ref` gives, and which is stored, required and compared.
/// With the feature `derive`, `#[derive(Role)]` implements this trait for an enum; by hand it is
/// one method, or none.
///
/// Roles that include others form a hierarchy. [`AuthUser::has_role`](crate::AuthUser::has_role)
/// compares names and knows of none, unless it asks:
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
/// A derived [`AuthUser`](crate::AuthUser) asks by itself, where its roles are of such a type.
/// Roles that a user holds as strings are compared as strings, whatever enum they come from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no role",
    note = "an enum without fields is one by `#[derive(Role)]` (feature `derive`)"
)]
pub trait Role: AsRef<str> {
    /// Does somebody with this role have that one too? Default: only if it is the same, byte for
    /// byte.
    fn includes(&self, role: &str) -> bool {
        self.as_ref() == role
    }
}

impl<R: Role + ?Sized> Role for &R {
    fn includes(&self, role: &str) -> bool {
        (**self).includes(role)
    }
}

/// A text that names none of the roles of an enum: the error of `FromStr` as `#[derive(Role)]`
/// writes it.
///
/// The text may be a stranger's: it is kept and shown escaped, and cut at 256 bytes.
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

    /// What was taken for a role: escaped, and cut at 256 bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of all roles, in the order of their declaration.
    #[must_use]
    pub const fn known(&self) -> &'static [&'static str] {
        self.known
    }
}

/// The names, each between backticks.
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
