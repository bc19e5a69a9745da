//! The users of one store, in order and by name. Every store changes them through here.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{StoredUser, UserStoreError, record::is_name};

/// The most users that a store holds.
pub const MAX_USERS: usize = 10_000;

#[derive(Clone, Default)]
pub(super) struct Users {
    in_order: Vec<Arc<StoredUser>>,
    /// Places in `in_order`.
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

    pub(super) fn replace_password_hash(
        &mut self,
        username: &str,
        old: &str,
        new: &str,
    ) -> Result<(), UserStoreError> {
        self.change(username, |user| {
            if user.stored_hash() == old {
                user.with_password_hash(new)
            } else {
                Err(UserStoreError::Changed(user.username().to_owned()))
            }
        })
    }

    pub(super) fn set_active(&mut self, username: &str, active: bool) -> Result<(), UserStoreError> {
        self.change(username, |user| Ok(user.with_active(active)))
    }

    pub(super) fn set_roles(&mut self, username: &str, roles: &[String]) -> Result<(), UserStoreError> {
        self.change(username, |user| user.with_roles(roles))
    }

    /// Puts another record in the place of a user's. His name stays.
    fn change(
        &mut self,
        username: &str,
        change: impl FnOnce(StoredUser) -> Result<StoredUser, UserStoreError>,
    ) -> Result<(), UserStoreError> {
        let place = self.by_name.get(username).and_then(|place| self.in_order.get_mut(*place));
        let user = place.ok_or_else(|| not_found(username))?;
        // Whoever has found the user keeps him as he was.
        *user = Arc::new(change(StoredUser::clone(user))?);
        Ok(())
    }
}

fn not_found(username: &str) -> UserStoreError {
    if is_name(username) {
        return UserStoreError::NotFound(username.to_owned());
    }
    let start = username.chars().take(64);
    UserStoreError::NotFound(start.flat_map(char::escape_debug).collect())
}
