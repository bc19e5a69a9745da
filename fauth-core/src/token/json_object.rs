//! Writes the JSON of headers and claims.

use std::{fmt, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::json::is_plain;

/// Writes one flat object member by member, without building a tree.
pub(super) struct JsonObject {
    text: String,
    members: usize,
}

impl JsonObject {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self { text, members: 0 }
    }

    /// The number of members so far.
    pub(super) const fn members(&self) -> usize {
        self.members
    }

    /// Writes one of fauth's own names, which needs no escapes.
    fn name(&mut self, name: &'static str) {
        self.next_member();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn next_member(&mut self) {
        if self.members > 0 {
            self.text.push(',');
        }
        self.members += 1;
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        self.name(name);
        push_text(&mut self.text, value);
    }

    pub(super) fn base64url(&mut self, name: &'static str, bytes: &[u8]) {
        self.name(name);
        self.text.push('"');
        URL_SAFE_NO_PAD.encode_string(bytes, &mut self.text);
        self.text.push('"');
    }

    pub(super) fn number(&mut self, name: &'static str, value: impl fmt::Display) {
        self.name(name);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    pub(super) fn texts(&mut self, name: &'static str, values: &[impl AsRef<str>]) {
        self.name(name);
        self.text.push('[');
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            push_text(&mut self.text, value.as_ref());
        }
        self.text.push(']');
    }

    /// Writes one text of words separated by spaces, which need no escapes.
    pub(super) fn words(&mut self, name: &'static str, words: &[impl AsRef<str>]) {
        self.name(name);
        self.text.push('"');
        for (position, word) in words.iter().enumerate() {
            if position > 0 {
                self.text.push(' ');
            }
            self.text.push_str(word.as_ref());
        }
        self.text.push('"');
    }

    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.next_member();
        push_text(&mut self.text, name);
        self.text.push(':');
        self.text.push_str(json);
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// Appends `text` as a JSON string.
fn push_text(json: &mut String, text: &str) {
    if is_plain(text) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&Value::from(text).to_string());
    }
}
