//! The users of one store, in order and by name. All stores change users through this module.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{StoredUser, UserStoreError, record::is_name};

/// The maximum number of users in a store.
pub const MAX_USERS: usize = 10_000;

#[derive(Clone, Default)]
pub(super) struct Users {
    in_order: Vec<Arc<StoredUser>>,
    /// Positions in `in_order`.
    by_name: HashMap<Arc<str>, usize>,
}

impl Users {
    pub(super) fn find(&self, username: &str) -> Option<&Arc<StoredUser>> {
        if !is_name(username) {
            return None;
        }
        self.by_name.get(username).and_then(|place| self.in_order.get(*place))
    }

    pub(super) fn in_order(&self) -> &[Arc<StoredUser>] {
        &self.in_order
    }

    pub(super) fn insert(&mut self, user: StoredUser) -> Result<Arc<StoredUser>, UserStoreError> {
        let place = self.in_order.len();
        match self.by_name.entry(user.shared_username()) {
            Entry::Occupied(_) => Err(UserStoreError::AlreadyExists(user.username().to_owned())),
            Entry::Vacant(_) if place == MAX_USERS => Err(UserStoreError::Full),
            Entry::Vacant(entry) => {
                let user = Arc::new(user);
                entry.insert(place);
                self.in_order.push(Arc::clone(&user));
                Ok(user)
            }
        }
    }

    pub(super) fn remove(&mut self, username: &str) -> Result<(), UserStoreError> {
        let place = self.by_name.remove(username).ok_or_else(|| not_found(username))?;
        self.in_order.remove(place);
        for later in self.by_name.values_mut().filter(|later| **later > place) {
            *later -= 1;
        }
        Ok(())
    }

    pub(super) fn change_password(
        &mut self,
        found: &StoredUser,
        new_hash: &str,
    ) -> Result<Arc<StoredUser>, UserStoreError> {
        self.change(found.username(), |user| {
            if user.is_still(found) {
                user.with_new_password(new_hash)
            } else {
                Err(UserStoreError::Changed(user.username().to_owned()))
            }
        })
    }

    pub(super) fn rehash_password(
        &mut self,
        username: &str,
        old: &str,
        new: &str,
    ) -> Result<(), UserStoreError> {
        self.change(username, |user| {
            if user.stored_hash() == old {
                user.rehashed(new)
            } else {
                Err(UserStoreError::Changed(user.username().to_owned()))
            }
        })
        .map(drop)
    }

    pub(super) fn set_active(&mut self, username: &str, active: bool) -> Result<(), UserStoreError> {
        self.change(username, |user| if active { Ok(user.enabled()) } else { user.disabled() }).map(drop)
    }

    pub(super) fn set_roles(&mut self, username: &str, roles: &[String]) -> Result<(), UserStoreError> {
        self.change(username, |user| user.with_roles(roles)).map(drop)
    }

    /// Replaces a user's record. The name stays.
    fn change(
        &mut self,
        username: &str,
        change: impl FnOnce(StoredUser) -> Result<StoredUser, UserStoreError>,
    ) -> Result<Arc<StoredUser>, UserStoreError> {
        let place = self.by_name.get(username).and_then(|place| self.in_order.get_mut(*place));
        let user = place.ok_or_else(|| not_found(username))?;
        // Replaces the `Arc`, so that callers who have loaded the user keep their copy.
        *user = Arc::new(change(StoredUser::clone(user))?);
        Ok(Arc::clone(user))
    }
}

fn not_found(username: &str) -> UserStoreError {
    if is_name(username) {
        return UserStoreError::NotFound(username.to_owned());
    }
    let start = username.chars().take(64);
    UserStoreError::NotFound(start.flat_map(char::escape_debug).collect())
}
