//! The viewer of a page: a known user or a guest, as one type for templates.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::user::AuthUser;

/// The viewer of a page: a known, active user or a guest. Templates use it without checking first
/// whether a user is logged in.
///
/// | | known user | guest |
/// |---|---|---|
/// | [`is_authenticated`] | true | false |
/// | [`display_name`] | [`AuthUser::display_name`], else `User` | `Guest`, or the [`guest_name`] |
/// | [`picture`] | [`AuthUser::picture`] | none |
/// | [`has_role`], [`has_permission`] | what the user has | false |
///
/// The [`guest_name`] is a setting of the provider.
///
/// [`is_authenticated`]: Self::is_authenticated
/// [`display_name`]: Self::display_name
/// [`picture`]: Self::picture
/// [`has_role`]: Self::has_role
/// [`has_permission`]: Self::has_permission
/// [`guest_name`]: crate::AuthProviderBuilder::guest_name
///
/// It serialises for template engines: `is_authenticated`, `display_name`, `picture`, `roles` and
/// `permissions`, and nothing else from the user's record.
///
/// ```
/// use fauth_core::visitor::Visitor;
/// # use fauth_testing::{TestUser, Users};
///
/// let guest = Visitor::<TestUser>::guest();
/// assert!(!guest.is_authenticated() && !guest.has_role("admin"));
/// assert_eq!((guest.display_name(), guest.picture()), ("Guest", None));
///
/// # let alice = Users::new().find("alice");
/// let visitor = Visitor::known(alice);
/// assert!(visitor.is_authenticated() && visitor.has_role("admin"));
/// assert_eq!(visitor.user().map(|user| &*user.name), Some("alice"));
/// ```
///
/// # Security
/// It is for display only. Guards decide what a user may *do*: content that a template hides is
/// still reachable by its URL.
pub struct Visitor<U> {
    user: Option<Arc<U>>,
    guest_name: Arc<str>,
    /// The provider whose check created it; `None` if the application created it.
    provider: Option<u64>,
}

/// The name of a guest unless the application sets another.
pub(crate) const GUEST: &str = "Guest";

/// The name shown for a user without [`AuthUser::display_name`]. The subject is not shown, since it
/// may be a number or an e-mail address.
const USER: &str = "User";

impl<U: AuthUser> Visitor<U> {
    /// A guest.
    #[must_use]
    pub fn guest() -> Self {
        Self { user: None, guest_name: GUEST.into(), provider: None }
    }

    /// A known user, for tests of templates.
    #[must_use]
    pub fn known(user: impl Into<Arc<U>>) -> Self {
        Self { user: Some(user.into()), ..Self::guest() }
    }

    pub(crate) const fn of(provider: u64, user: Option<Arc<U>>, guest_name: Arc<str>) -> Self {
        Self { user, guest_name, provider: Some(provider) }
    }

    /// Returns whether this provider's check found a guest.
    pub(crate) fn is_guest_of(&self, provider: u64) -> bool {
        self.user.is_none() && self.provider == Some(provider)
    }

    /// Returns whether this is a known user.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }

    /// The name to show. Escape it in HTML: users choose their names.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match &self.user {
            Some(user) => user.display_name().unwrap_or(USER),
            None => &self.guest_name,
        }
    }

    /// The URL of the user's picture, if there is one.
    #[must_use]
    pub fn picture(&self) -> Option<&str> {
        self.user.as_deref().and_then(AuthUser::picture)
    }

    /// Returns whether the user has this role. Guests have none.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.user.as_deref().is_some_and(|user| user.has_role(role))
    }

    /// Returns whether the user has this permission. Guests have none.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.user.as_deref().is_some_and(|user| user.has_permission(permission))
    }

    /// The user's record; `None` for a guest.
    #[must_use]
    pub fn user(&self) -> Option<&U> {
        self.user.as_deref()
    }

    /// The user's record, owned; `None` for a guest.
    #[must_use]
    pub fn into_user(self) -> Option<Arc<U>> {
        self.user
    }
}

impl<U> Clone for Visitor<U> {
    fn clone(&self) -> Self {
        let Self { user, guest_name, provider } = self;
        Self { user: user.clone(), guest_name: Arc::clone(guest_name), provider: *provider }
    }
}

/// Shows no user data: a record is personal data and may hold a password hash.
impl<U> fmt::Debug for Visitor<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.user.is_some() { "Visitor(a user)" } else { "Visitor(guest)" })
    }
}

impl<U: AuthUser> Serialize for Visitor<U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Visitor", 5)?;
        members.serialize_field("is_authenticated", &self.is_authenticated())?;
        members.serialize_field("display_name", self.display_name())?;
        members.serialize_field("picture", &self.picture())?;
        let user = self.user.as_deref();
        let roles = user.map(|user| names(user.roles())).unwrap_or_default();
        let permissions = user.map(|user| names(user.permissions())).unwrap_or_default();
        members.serialize_field("roles", &roles)?;
        members.serialize_field("permissions", &permissions)?;
        members.end()
    }
}

fn names(names: impl IntoIterator<Item: AsRef<str>>) -> Vec<String> {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect()
}
