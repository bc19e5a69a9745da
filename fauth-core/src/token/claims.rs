//! Which names claims may have, and which values scopes.

/// Claims that fauth writes and reads itself; custom claims cannot take their names.
const RESERVED: [&str; 18] = [
    "auth_time",
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
    "client_id",
    "token_epoch",
    "user_epoch",
];

pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// `scope-token` of [RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
pub(crate) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
