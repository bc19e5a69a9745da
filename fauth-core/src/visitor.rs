//! Who sees a page: a known user or a guest, as one type for templates.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::user::AuthUser;

/// Whoever sees a page: a known and active user, or a guest. Templates ask it without first asking
/// whether anybody is there.
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
/// `permissions`, and nothing else of the user's record.
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
/// It is there to be shown. Who may *do* something is decided by a guard: what a template hides is
/// still behind its URL.
pub struct Visitor<U> {
    user: Option<Arc<U>>,
    guest_name: Arc<str>,
    /// Whose check has found it out; `None` if the application has made it.
    provider: Option<u64>,
}

/// What a guest is called unless the application says otherwise.
pub(crate) const GUEST: &str = "Guest";

/// What a user is called who has no [`AuthUser::display_name`]. A subject is no name to show: it
/// may be a number, or an address.
const USER: &str = "User";

impl<U: AuthUser> Visitor<U> {
    /// Nobody in particular.
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

    /// Has this provider found out that nobody is there?
    pub(crate) fn is_guest_of(&self, provider: u64) -> bool {
        self.user.is_none() && self.provider == Some(provider)
    }

    /// Is it a known user?
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

    /// The address of a picture to show, if there is one.
    #[must_use]
    pub fn picture(&self) -> Option<&str> {
        self.user.as_deref().and_then(AuthUser::picture)
    }

    /// Does the visitor have this role? Guests have none.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.user.as_deref().is_some_and(|user| user.has_role(role))
    }

    /// Does the visitor have this permission? Guests have none.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.user.as_deref().is_some_and(|user| user.has_permission(permission))
    }

    /// The user's record, if it is a known user.
    #[must_use]
    pub fn user(&self) -> Option<&U> {
        self.user.as_deref()
    }

    /// The same, to be kept.
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

/// A user's record is personal data, and may hold a password hash.
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
