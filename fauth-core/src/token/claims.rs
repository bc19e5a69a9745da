//! Rules for claim names and scope values. These are pure checks, used where tokens are issued and
//! read, and where requirements, API keys and settings are checked.

/// Names that custom claims cannot have: the claims that fauth reads or writes itself, and the
/// standard names `scope` and `client_id` (RFC 9068) and `cnf` (RFC 7800). A custom claim must not
/// be mistaken for one of them.
const RESERVED: [&str; 25] = [
    "app",
    "auth_time",
    "began_at",
    "bound_browser",
    "bound_to",
    "stamp",
    "sub",
    "exp",
    "iat",
    "nbf",
    "jti",
    "iss",
    "aud",
    "token_type",
    "scopes",
    "scope",
    "sid",
    "session_end",
    "session_loaded",
    "session_payload",
    "session_remembered",
    "client_id",
    "cnf",
    "token_epoch",
    "user_epoch",
];

/// Whether the name is reserved. Names compare byte for byte.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether the text is a `scope-token` of [RFC 6749 section
/// 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3): not empty, and printable ASCII without
/// the space, `"` and `\`. A space separates the scopes in a list.
pub(crate) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
