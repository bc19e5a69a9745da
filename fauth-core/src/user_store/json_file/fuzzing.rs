//! Fuzz target for `users.json`.
#![allow(clippy::unwrap_used, reason = "a broken invariant is meant to panic")]

use std::{collections::BTreeMap, sync::Arc};

use serde_json::value::RawValue;

use super::{super::MAX_USERS, format};
use crate::AuthUser as _;

/// Checks that users survive a round trip, and that writing them again gives the same bytes.
pub(crate) fn users(bytes: &[u8]) -> bool {
    let users = match format::read(bytes) {
        Ok(users) => users,
        Err(problem) => {
            assert!(problem.is_ascii() && !problem.contains('\n'));
            return false;
        }
    };
    let list: Vec<BTreeMap<String, &RawValue>> = serde_json::from_slice(bytes).unwrap();
    assert_eq!(list.len(), users.in_order().len());
    assert!(list.len() <= MAX_USERS);
    for (record, user) in list.iter().zip(users.in_order()) {
        let text = |name: &str| serde_json::from_str::<String>(record[name].get()).unwrap();
        assert_eq!(text("username"), user.username());
        assert_eq!(text("password_hash"), user.password_hash().unwrap_or_default());
        let active = record.get("active").is_none_or(|active| active.get() == "true");
        assert_eq!(active, user.is_active());
        let found = users.find(user.username());
        assert!(found.is_some_and(|found| Arc::ptr_eq(found, user)));
    }
    let written = format::write(&users).unwrap();
    assert!(written.is_ascii());
    let again = format::read(&written).unwrap();
    assert_eq!(format::write(&again).unwrap(), written);
    for (user, again) in users.in_order().iter().zip(again.in_order()) {
        assert_eq!((user.username(), user.password_hash()), (again.username(), again.password_hash()));
        assert_eq!((user.token_epoch(), user.is_active()), (again.token_epoch(), again.is_active()));
        assert_eq!((user.roles(), user.created_at()), (again.roles(), again.created_at()));
    }
    true
}
