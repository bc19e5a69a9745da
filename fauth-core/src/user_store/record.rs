//! One user as a store keeps it, and what may be in the record.

use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

use super::UserStoreError;
use crate::{
    clock::Timestamp,
    token::{OneTimePurpose, TokenPayload},
    user::AuthUser,
};

/// The longest username and the longest name of a role, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// The most roles that one user may have.
pub const MAX_ROLES: usize = 64;
/// The longest password hash, in bytes.
pub const MAX_HASH_BYTES: usize = 512;
/// The highest epoch of a user: what every reader of JSON takes for the same whole number.
pub const MAX_EPOCH: u64 = (1 << 53) - 1;

/// A user to be created: active and without roles, unless said otherwise.
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
    /// A user of this name, with a hash as [`AuthProvider::hash_password`](crate::AuthProvider::hash_password) or
    /// [`PasswordHasher::hash`](crate::password::PasswordHasher::hash) makes it.
    ///
    /// A user with the empty hash, or one that begins with `!`, cannot log in with a password.
    pub fn new(username: impl Into<String>, password_hash: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password_hash: password_hash.into(),
            roles: Vec::new(),
            active: true,
            epoch: 0,
        }
    }

    /// The roles. Named twice, a role counts once.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// May the user act?
    #[must_use]
    pub const fn active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    /// The [epoch](super#what-a-password-change-ends) of the user, for a store of your own and for
    /// users who come from elsewhere. Default: 0.
    #[must_use]
    pub const fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    /// The record of this user, created at `now`: what a store keeps.
    ///
    /// # Errors
    /// [`UserStoreError::Invalid`] if something is outside the [limits](super#limits), or if the hash is none: it neither begins with `$` or `!`
    /// nor is empty. Whoever hands over the password itself is told so.
    pub fn into_user(self, now: Timestamp) -> Result<StoredUser, UserStoreError> {
        check_new_hash(&self.password_hash)?;
        let created_at = jiff::Timestamp::from_second(now.unix_seconds())
            .map_err(|_| UserStoreError::Invalid {
                field: "created_at",
                problem: "is no time of the calendar",
            })?
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

/// A user as a store keeps it.
///
/// The subject is the username. `Debug` shows neither the hash nor the members that fauth does not
/// know.
#[derive(Clone)]
pub struct StoredUser {
    username: Arc<str>,
    password_hash: String,
    roles: Vec<String>,
    /// As it was written, so that it is written so again.
    created_at: Option<String>,
    created: Option<Timestamp>,
    active: bool,
    epoch: u64,
    others: Vec<(String, Box<RawValue>)>,
}

impl StoredUser {
    /// What people type when they log in, and `sub` of their tokens.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The names of the user's roles.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// When the user was created; `None` if the record does not say so, or not in ISO 8601 with an
    /// offset.
    #[must_use]
    pub const fn created_at(&self) -> Option<Timestamp> {
        self.created
    }

    /// Was this token issued for this user? Not if its subject is another; not if it is older than
    /// the user, since then it was issued for a deleted namesake; and not if another issuer has
    /// issued it, whose subjects are other people, whatever they are called.
    ///
    /// # Security
    /// A loader of your own asks this, or the tokens of a deleted user work again when somebody
    /// else gets the name.
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

    /// Is the user as at the last change of the password? A rehash and other roles make no
    /// difference.
    pub(super) fn is_still(&self, found: &Self) -> bool {
        (self.epoch, &self.created_at) == (found.epoch, &found.created_at)
    }

    /// The same password in another hash: nothing ends.
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

    /// Enabled again, a user starts with nothing.
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

    /// For every purpose: the epoch, and when the user was created, so that a namesake is another.
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

/// A record before it was checked.
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

/// Can somebody have this name at all?
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
            return Err(UserStoreError::Invalid { field: "roles", problem: "are more than 64" });
        }
        checked.push(role);
    }
    Ok(checked)
}
