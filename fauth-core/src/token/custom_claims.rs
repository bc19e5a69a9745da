//! The custom claims of a token to be issued, as names and JSON texts.

use std::borrow::Cow;

use serde::Serialize;

use super::{claims::is_reserved, issue_error::IssueError};

/// Custom claims with unique names. The first claim that cannot be issued becomes the fault of all.
#[derive(Clone, Default)]
pub(super) struct CustomClaims<'a> {
    /// Names and JSON texts. Texts keep the claims that a refresh carries over unchanged, digit by
    /// digit.
    entries: Vec<(Cow<'a, str>, String)>,
    fault: Option<IssueError>,
}

impl<'a> CustomClaims<'a> {
    /// Adds a claim, or replaces the claim of the same name.
    pub(super) fn add(&mut self, name: Cow<'a, str>, value: &impl Serialize) {
        if is_reserved(&name) {
            self.fault.get_or_insert(IssueError::ReservedClaim(name.into()));
            return;
        }
        match serde_json::to_string(value) {
            Ok(json) => self.add_json(name, json),
            Err(_) => {
                self.fault.get_or_insert(IssueError::UnserializableClaim(name.into()));
            }
        }
    }

    /// Adds a claim whose value is already JSON text.
    pub(super) fn add_json(&mut self, name: Cow<'a, str>, json: String) {
        self.entries.retain(|(other, _)| *other != name);
        self.entries.push((name, json));
    }

    /// Takes the fault, if any claim could not be added.
    pub(super) fn take_fault(&mut self) -> Option<IssueError> {
        self.fault.take()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|(own, _)| own == name)
    }

    /// Names and JSON texts, in insertion order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.entries.iter().map(|(name, json)| (&**name, json.as_str()))
    }
}
