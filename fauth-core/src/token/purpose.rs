//! Token purposes. A token of one purpose is refused for every other.

use std::fmt;

/// What a token is for.
///
/// Every verification names the purpose it expects, and refuses a token of any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Purpose {
    /// Grants access to guarded routes ([RFC 6749 section
    /// 1.4](https://www.rfc-editor.org/rfc/rfc6749#section-1.4)).
    Access,
    /// Is exchanged for the next pair of tokens, and is good for nothing else ([RFC 6749 section
    /// 1.5](https://www.rfc-editor.org/rfc/rfc6749#section-1.5)).
    Refresh,
    /// Allows its holder to set a new password.
    ///
    /// Tokens of this purpose and of the three below work once. They are issued only by
    /// [`issue_one_time`](crate::AuthProvider::issue_one_time), which needs a store, and are
    /// accepted by [`redeem`](crate::AuthProvider::redeem).
    ///
    /// # Security
    /// [`verify_signature_and_claims`](crate::AuthProvider::verify_signature_and_claims) does not
    /// consult the store: it accepts such a token any number of times until it expires. Use it to
    /// show a form, never to carry out what the form requests.
    PasswordReset,
    /// Proves that its holder receives mail at an address.
    EmailVerification,
    /// Logs its holder in without a password.
    MagicLink,
    /// Allows its holder one attempt at the password, regardless of what the [login
    /// throttle](crate::throttle) has counted.
    LoginUnlock,
    /// Grants access to guarded routes from a browser cookie, and nowhere else, until the session
    /// ends; see [`SessionCookie`](crate::transport::SessionCookie).
    ///
    /// Only a login issues such a token; [`issue`](crate::AuthProvider::issue) refuses to.
    Session,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Access,
        Self::Refresh,
        Self::PasswordReset,
        Self::EmailVerification,
        Self::MagicLink,
        Self::LoginUnlock,
        Self::Session,
    ];

    /// The value of the `token_type` claim.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::MagicLink => "magic_link",
            Self::LoginUnlock => "login_unlock",
            Self::Session => "session",
        }
    }

    /// The value of the `typ` header ([RFC 8725 section
    /// 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11); `at+jwt` is that of [RFC
    /// 9068](https://www.rfc-editor.org/rfc/rfc9068)).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "refresh+jwt",
            Self::PasswordReset => "password-reset+jwt",
            Self::EmailVerification => "email-verification+jwt",
            Self::MagicLink => "magic-link+jwt",
            Self::LoginUnlock => "login-unlock+jwt",
            Self::Session => "session+jwt",
        }
    }

    /// Whether tokens of this purpose work once, as those of [`OneTimePurpose`] do.
    pub(crate) const fn is_one_time(self) -> bool {
        match self {
            Self::Access | Self::Refresh | Self::Session => false,
            Self::PasswordReset | Self::EmailVerification | Self::MagicLink | Self::LoginUnlock => true,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Access => 0,
            Self::Refresh => 1,
            Self::PasswordReset => 2,
            Self::EmailVerification => 3,
            Self::MagicLink => 4,
            Self::LoginUnlock => 5,
            Self::Session => 6,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a one-time token is for: the subset of [`Purpose`] whose tokens work once.
///
/// A one-time token is a signed text of about 300 characters, made for links, not for typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OneTimePurpose {
    /// Allows its holder to set a new password, once. Lasts 15 minutes by default.
    PasswordReset,
    /// Proves, once, that its holder receives mail at an address. Lasts 24 hours by default.
    EmailVerification,
    /// Logs its holder in, once, without a password. Lasts 15 minutes by default.
    MagicLink,
    /// Allows its holder one attempt at the password, regardless of what the [login
    /// throttle](crate::throttle) has counted. Lasts 15 minutes by default.
    LoginUnlock,
}

impl From<OneTimePurpose> for Purpose {
    fn from(purpose: OneTimePurpose) -> Self {
        match purpose {
            OneTimePurpose::PasswordReset => Self::PasswordReset,
            OneTimePurpose::EmailVerification => Self::EmailVerification,
            OneTimePurpose::MagicLink => Self::MagicLink,
            OneTimePurpose::LoginUnlock => Self::LoginUnlock,
        }
    }
}

impl fmt::Display for OneTimePurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Purpose::from(*self), f)
    }
}

/// One value per purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PerPurpose<T>([T; 7]);

impl<T> PerPurpose<T> {
    pub(crate) fn from_fn(mut value: impl FnMut(Purpose) -> T) -> Self {
        Self(Purpose::ALL.map(&mut value))
    }

    pub(crate) fn of(&self, purpose: Purpose) -> &T {
        let [access, refresh, reset, email, magic, unlock, session] = &self.0;
        match purpose {
            Purpose::Access => access,
            Purpose::Refresh => refresh,
            Purpose::PasswordReset => reset,
            Purpose::EmailVerification => email,
            Purpose::MagicLink => magic,
            Purpose::LoginUnlock => unlock,
            Purpose::Session => session,
        }
    }

    pub(crate) fn set(&mut self, purpose: Purpose, value: T) {
        if let Some(slot) = self.0.get_mut(purpose.index()) {
            *slot = value;
        }
    }
}
