//! A user record as stored, and the limits of its values.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use super::UserStoreError;
use crate::{
    clock::Timestamp,
    token::{OneTimePurpose, TokenPayload},
    user::AuthUser,
};

/// The maximum length of a username and of a role, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// The maximum number of roles per user.
pub const MAX_ROLES: usize = 64;
/// The maximum length of a password hash, in bytes.
pub const MAX_HASH_BYTES: usize = 512;
/// The highest epoch of a user: the largest integer that every JSON reader represents exactly.
pub const MAX_EPOCH: u64 = (1 << 53) - 1;

/// A user to create: active and without roles by default.
///
/// ```
/// # use fauth_core::user_store::NewUser;
/// # let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
/// let user = NewUser::new("alice", hash).roles(["admin", "editor"]);
/// ```
#[derive(Clone)]
pub struct NewUser {
    username: String,
    password_hash: String,
    roles: Vec<String>,
    active: bool,
    epoch: u64,
}

impl NewUser {
    /// Creates a user with this name, and with a hash from
    /// [`AuthProvider::hash_password`](crate::AuthProvider::hash_password) or
    /// [`PasswordHasher::hash`](crate::password::PasswordHasher::hash).
    ///
    /// A user whose hash is empty or begins with `!` cannot log in with a password.
    pub fn new(username: impl Into<String>, password_hash: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password_hash: password_hash.into(),
            roles: Vec::new(),
            active: true,
            epoch: 0,
        }
    }

    /// Sets the roles. A role that occurs twice counts once.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether the user is active. Default: `true`.
    #[must_use]
    pub const fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// Sets the [epoch](super#what-a-password-change-ends), for a store of your own and for
    /// imported users. Default: 0.
    #[must_use]
    pub const fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    /// Builds the record of this user, created at `now`, as a store keeps it.
    ///
    /// # Errors
    /// [`UserStoreError::Invalid`] if a value is outside the [limits](super#limits), or if the hash
    /// is not a hash: it is neither empty nor begins with `$` or `!`. This catches a plain password
    /// passed by mistake.
    pub fn into_user(self, now: Timestamp) -> Result<StoredUser, UserStoreError> {
        check_new_hash(&self.password_hash)?;
        let created_at = jiff::Timestamp::from_second(now.unix_seconds())
            .map_err(|_| UserStoreError::Invalid { field: "created_at", problem: "is outside the calendar" })?
            .strftime("%Y-%m-%dT%H:%M:%S+00:00")
            .to_string();
        Members {
            username: self.username,
            password_hash: self.password_hash,
            roles: self.roles,
            created_at: Some(created_at),
            active: self.active,
            epoch: self.epoch,
            others: Vec::new(),
        }
        .into_user()
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("username", &self.username)
            .field("roles", &self.roles)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// A user as stored.
///
/// The subject is the username. `Debug` shows neither the hash nor the members that fauth does not
/// know.
#[derive(Clone)]
pub struct StoredUser {
    username: Arc<str>,
    password_hash: String,
    roles: Vec<String>,
    /// The text as read, so that it is written back unchanged.
    created_at: Option<String>,
    created: Option<Timestamp>,
    active: bool,
    epoch: u64,
    others: Vec<(String, Box<RawValue>)>,
}

impl StoredUser {
    /// The name that the user types to log in, and the `sub` of the user's tokens.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The user's roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// When the user was created; `None` if the record has no creation time in ISO 8601 with an
    /// offset.
    #[must_use]
    pub const fn created_at(&self) -> Option<Timestamp> {
        self.created
    }

    /// Whether this token was issued for this user. `false` if the token has another subject; if it
    /// is older than the user, because it was then issued for a deleted user of the same name; and
    /// if it comes from another issuer, whose subjects are different people even if the names are
    /// equal.
    ///
    /// # Security
    /// Call this in a loader of your own. Otherwise the tokens of a deleted user work again when
    /// the name is given to somebody else.
    #[must_use]
    pub fn is_subject_of(&self, token: &TokenPayload) -> bool {
        !token.is_foreign()
            && token.subject() == &*self.username
            && self.created.is_none_or(|created| created <= token.issued_at())
    }

    /// A member of the record that fauth does not know, as JSON text.
    #[must_use]
    pub fn other(&self, name: &str) -> Option<&str> {
        self.others().find(|(known, _)| *known == name).map(|(_, value)| value.get())
    }

    pub(super) fn stored_hash(&self) -> &str {
        &self.password_hash
    }

    pub(super) fn created_at_text(&self) -> Option<&str> {
        self.created_at.as_deref()
    }

    pub(super) fn others(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.others.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    pub(super) fn shared_username(&self) -> Arc<str> {
        Arc::clone(&self.username)
    }

    /// Whether the password has not been changed in between. A rehash and a change of roles do not
    /// count.
    pub(super) fn is_still(&self, found: &Self) -> bool {
        (self.epoch, &self.created_at) == (found.epoch, &found.created_at)
    }

    /// Stores another hash of the same password, which ends nothing.
    pub(super) fn rehashed(mut self, hash: &str) -> Result<Self, UserStoreError> {
        check_new_hash(hash)?;
        hash.clone_into(&mut self.password_hash);
        Ok(self)
    }

    pub(super) fn with_new_password(self, hash: &str) -> Result<Self, UserStoreError> {
        self.rehashed(hash)?.raised()
    }

    pub(super) fn enabled(mut self) -> Self {
        self.active = true;
        self
    }

    /// Disables the user and raises the epoch, so that nothing issued before works after the user
    /// is enabled again.
    pub(super) fn disabled(mut self) -> Result<Self, UserStoreError> {
        self.active = false;
        self.raised()
    }

    fn raised(mut self) -> Result<Self, UserStoreError> {
        self.epoch = checked_epoch(self.epoch.saturating_add(1))?;
        Ok(self)
    }

    pub(super) fn with_roles(mut self, roles: &[String]) -> Result<Self, UserStoreError> {
        self.roles = checked_roles(roles.to_vec())?;
        Ok(self)
    }
}

impl AuthUser for StoredUser {
    fn subject(&self) -> impl AsRef<str> {
        &*self.username
    }

    fn password_hash(&self) -> Option<&str> {
        Some(self.password_hash.as_str()).filter(|hash| !hash.is_empty())
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn token_epoch(&self) -> u64 {
        self.epoch
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }

    /// The same for every purpose: the epoch and the creation time, which distinguishes a later
    /// user with the same name.
    fn one_time_stamp(&self, _: OneTimePurpose) -> impl AsRef<str> {
        format!("{} {}", self.epoch, self.created_at.as_deref().unwrap_or_default())
    }
}

impl fmt::Debug for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredUser")
            .field("username", &self.username)
            .field("roles", &self.roles)
            .field("created_at", &self.created_at)
            .field("active", &self.active)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// A record before validation.
pub(super) struct Members {
    pub(super) username: String,
    pub(super) password_hash: String,
    pub(super) roles: Vec<String>,
    pub(super) created_at: Option<String>,
    pub(super) active: bool,
    pub(super) epoch: u64,
    pub(super) others: Vec<(String, Box<RawValue>)>,
}

impl Members {
    pub(super) fn into_user(self) -> Result<StoredUser, UserStoreError> {
        check_name("username", &self.username)?;
        check_hash(&self.password_hash)?;
        let time = self.created_at.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Ok(StoredUser {
            username: self.username.into(),
            password_hash: self.password_hash,
            roles: checked_roles(self.roles)?,
            created_at: self.created_at,
            created: time.map(|time| Timestamp::from_unix_seconds(time.as_second())),
            active: self.active,
            epoch: checked_epoch(self.epoch)?,
            others: self.others,
        })
    }
}

/// Whether a user can have this name.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn check_name(field: &'static str, text: &str) -> Result<(), UserStoreError> {
    let problem = "must have 1 to 255 bytes and no control characters";
    if is_name(text) { Ok(()) } else { Err(UserStoreError::Invalid { field, problem }) }
}

fn check_hash(hash: &str) -> Result<(), UserStoreError> {
    if hash.len() > MAX_HASH_BYTES || hash.chars().any(char::is_control) {
        let problem = "must have at most 512 bytes and no control characters";
        return Err(UserStoreError::Invalid { field: "password_hash", problem });
    }
    Ok(())
}

fn check_new_hash(hash: &str) -> Result<(), UserStoreError> {
    check_hash(hash)?;
    if !hash.is_empty() && !hash.starts_with(['$', '!']) {
        let problem = "is not a password hash; hash the password first";
        return Err(UserStoreError::Invalid { field: "password_hash", problem });
    }
    Ok(())
}

const fn checked_epoch(epoch: u64) -> Result<u64, UserStoreError> {
    if epoch > MAX_EPOCH {
        return Err(UserStoreError::Invalid { field: "epoch", problem: "must be at most 2^53 - 1" });
    }
    Ok(epoch)
}

fn checked_roles(roles: Vec<String>) -> Result<Vec<String>, UserStoreError> {
    let mut checked: Vec<String> = Vec::with_capacity(roles.len().min(MAX_ROLES));
    for role in roles {
        check_name("roles", &role)?;
        if checked.contains(&role) {
            continue;
        }
        if checked.len() == MAX_ROLES {
            return Err(UserStoreError::Invalid { field: "roles", problem: "must be at most 64" });
        }
        checked.push(role);
    }
    Ok(checked)
}
