//! Keeps secrets out of audit events: values whose name marks them as secret, and text that has the
//! form of a credential. Pure functions; the rules are Caracal's.

use serde_json::{Map, Value};

use super::patterns::{HIDDEN, without_credentials};

/// Appended to a truncated text.
const CUT: &str = "…[truncated]";
/// The maximum length of a text in bytes, without [`CUT`].
pub(super) const MAX_TEXT_BYTES: usize = 8192;
/// The maximum nesting depth of a value.
const MAX_DEPTH: usize = 32;

/// A name that contains one of these, in any case, marks a secret.
const SECRET_NAMES: [&str; 14] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "private_key",
    "signing_key",
    "hmac_key",
    "encryption_key",
    "session",
    "credential",
];

/// Returns whether this name marks its value as secret. `auth` counts only as a word of its own:
/// `author` is not secret.
///
/// ```
/// use fauth_core::mandate::audit::is_secret_name;
///
/// assert!(is_secret_name("Client-Secret") && is_secret_name("x-auth-value"));
/// assert!(!is_secret_name("author") && !is_secret_name("resource"));
/// ```
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret)) || has_word(&name)
}

/// Returns whether the name contains `auth` without a letter on either side.
fn has_word(name: &str) -> bool {
    const WORD: &str = "auth";
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_lowercase);
    name.match_indices(WORD).any(|(at, _)| {
        let bytes = name.as_bytes();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !is_letter(before) && !is_letter(bytes.get(at + WORD.len()))
    })
}

/// Redacts a value for an audit event: values with a [secret name](is_secret_name), and text that
/// has the form of a credential, also in names, become `***`. Texts are truncated to 8192 bytes.
///
/// Bearer tokens, JSON Web Tokens, private keys in PEM, and keys of AWS, Google, GitHub and Slack
/// are recognised by their form.
///
/// ```
/// use fauth_core::mandate::audit::redact;
/// use serde_json::json;
///
/// let value = json!({ "amount": 7, "api_key": "x", "note": "sent Bearer abcdefgh12345678" });
/// assert_eq!(redact(value), json!({ "amount": 7, "api_key": "***", "note": "sent Bearer ***" }));
/// ```
#[must_use]
pub fn redact(value: Value) -> Value {
    redact_within(value, MAX_DEPTH)
}

fn redact_within(value: Value, depth: usize) -> Value {
    match (value, depth.checked_sub(1)) {
        (Value::String(text), _) => Value::String(redact_text(&text)),
        (Value::Object(_) | Value::Array(_), None) => Value::String(CUT.to_owned()),
        (Value::Object(members), Some(depth)) => {
            let mut redacted = Map::new();
            for (name, value) in members {
                let value = if is_secret_name(&name) { HIDDEN.into() } else { redact_within(value, depth) };
                redacted.insert(unused_name(&redacted, redact_text(&name)), value);
            }
            Value::Object(redacted)
        }
        (Value::Array(elements), Some(depth)) => {
            elements.into_iter().map(|element| redact_within(element, depth)).collect()
        }
        (other, _) => other,
    }
}

/// Numbers a name that another member has too once both are redacted: none replaces the other.
fn unused_name(members: &Map<String, Value>, name: String) -> String {
    if !members.contains_key(&name) {
        return name;
    }
    // Almost always the first is unused: the number of members grows with each.
    let mut numbered = (members.len()..).map(|before| format!("{name} {}", before.saturating_add(1)));
    numbered.find(|name| !members.contains_key(name)).unwrap_or(name)
}

/// Redacts a text, as [`redact`] does.
pub(super) fn redact_text(text: &str) -> String {
    cut(&without_credentials(text, MAX_TEXT_BYTES), MAX_TEXT_BYTES)
}

fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    format!("{}{CUT}", beginning(text, longest))
}

/// Returns the longest prefix of whole characters that has at most this many bytes.
pub(super) fn beginning(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Shortens a text that is redacted later, so that no part of a credential is left at its end: a
/// part would not be recognised by its form.
pub(super) fn shortened(text: &str, longest: usize) -> Box<str> {
    if text.len() <= longest {
        return text.into();
    }
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept = beginning(text, longest).trim_end_matches(is_inside);
    format!("{kept}{CUT}").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whoever chooses names could make one member replace another.
    #[test]
    fn no_member_replaces_another_whose_name_is_redacted_too() {
        let key = |last: char| format!("AKIAIOSFODNN7EXAMPL{last}");
        let value = json!({ key('A'): 1, key('B'): 2, key('C'): 3 });
        assert_eq!(redact(value), json!({ "***": 1, "*** 2": 2, "*** 3": 3 }));
        let value = json!({ "*** 2": 0, key('A'): 1, key('B'): 2 });
        assert_eq!(redact(value), json!({ "*** 2": 0, "***": 1, "*** 3": 2 }));
    }

    #[test]
    fn names_of_secrets_are_known() {
        for secret in [
            "password",
            "PASSWORD",
            "user_passwd",
            "client_secret",
            "token",
            "accessToken",
            "api_key",
            "apiKey",
            "x-apikey",
            "Authorization",
            "set-cookie",
            "private_key",
            "signing_key",
            "audit_hmac_key",
            "encryption_key",
            "session",
            "session_id",
            "credential",
            "credentials",
            "auth",
            "x-auth",
            "auth_value",
            "basic auth",
            "AUTH2",
            "authors_auth",
        ] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for open in ["", "author", "authority", "oauth", "preauthorised", "key", "user", "resource", "pass"] {
            assert!(!is_secret_name(open), "{open}");
        }
    }

    #[test]
    fn values_are_hidden_by_name_and_by_form_at_any_depth() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.c2lnbmF0dXJl";
        let value = json!({
            "a": [{ "token": { "deep": 1 }, "n": 5, "t": true, "z": null }],
            "b": [jwt, format!("it is {jwt}!")],
            "cookie": ["x"],
            "of AKIAIOSFODNN7EXAMPLE": 7,
        });
        let expected = json!({
            "a": [{ "token": "***", "n": 5, "t": true, "z": null }],
            "b": ["***", "it is ***!"],
            "cookie": "***",
            "of ***": 7,
        });
        assert_eq!(redact(value), expected);
    }

    #[test]
    fn texts_are_cut_at_8192_bytes() {
        let fits = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(redact_text(&fits), fits);
        assert_eq!(redact_text(&format!("{fits}x")), format!("{fits}…[truncated]"));
        // Between characters.
        let text = format!("x{}", "ü".repeat(MAX_TEXT_BYTES / 2));
        assert_eq!(redact_text(&text).len(), MAX_TEXT_BYTES - 1 + CUT.len());
        // What is hidden makes room, and is not cut in two.
        let secret = format!("{} Bearer abcdefgh12345678", "x".repeat(MAX_TEXT_BYTES - 12));
        assert_eq!(redact_text(&secret), format!("{} Bearer ***", "x".repeat(MAX_TEXT_BYTES - 12)));
    }

    #[test]
    fn no_half_of_a_credential_is_left_where_a_text_is_cut() {
        let jwt = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.{}", "c2ln".repeat(20));
        for longest in 5..jwt.len() + 4 {
            let kept = redact_text(&shortened(&format!("at {jwt} and so on"), longest));
            assert!(!kept.contains("eyJ"), "{longest}: {kept}");
        }
        assert_eq!(&*shortened("a/b/c", 5), "a/b/c");
        assert_eq!(&*shortened("a/b/cd", 5), "a/b/…[truncated]");
        assert_eq!(&*shortened("ääää", 5), "ää…[truncated]");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| (0..depth).fold(json!("x"), |inner, _| json!([inner]));
        assert_eq!(redact(nested(MAX_DEPTH)), nested(MAX_DEPTH));
        let deeper = redact(nested(MAX_DEPTH + 1)).to_string();
        assert!(deeper.contains("truncated") && !deeper.contains('x'), "{deeper}");
    }
}
