//! The bodies of the ready-made endpoints, as schemas.
//!
//! They are written as `OpenAPI` 3.0 has them: what may be null is `nullable`. 3.1 writes that as
//! two types, and is the same otherwise.

use serde_json::{Value, json};

/// The schemas by their names in `components`.
pub(super) fn all() -> impl Iterator<Item = (String, Value)> {
    let all = [
        ("AuthLogin", login()),
        ("AuthRefresh", refresh()),
        ("AuthLogout", logout()),
        ("AuthTokens", tokens()),
        ("AuthCookies", cookies()),
        ("AuthLoggedOut", logged_out()),
        ("AuthSessions", sessions()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema))
}

fn login() -> Value {
    json!({
        "type": "object",
        "properties": {
            "username": { "type": "string" },
            "password": { "type": "string", "format": "password" },
            "remember": {
                "type": "boolean",
                "description": "Keep cookies when the browser is closed.",
            },
            "scope": {
                "type": "string",
                "description": "Scopes, separated by blanks, to which the login is narrowed.",
            },
            "unlock_token": {
                "type": "string",
                "description": "A mailed token, where too many logins have failed.",
            },
        },
        "required": ["username", "password"],
    })
}

fn refresh() -> Value {
    json!({
        "type": "object",
        "properties": { "refresh_token": { "type": "string" } },
        "description": "Not needed by a browser, which sends the token in a cookie.",
    })
}

fn logout() -> Value {
    json!({
        "type": "object",
        "properties": {
            "refresh_token": { "type": "string" },
            "token": { "type": "string", "description": "The same (RFC 7009)." },
        },
        "description": "Not needed if the token is in a header or a cookie.",
    })
}

fn tokens() -> Value {
    json!({
        "type": "object",
        "description": "A pair of tokens (RFC 6749).",
        "properties": {
            "access_token": { "type": "string" },
            "refresh_token": { "type": "string" },
            "token_type": { "type": "string", "enum": ["bearer"] },
            "expires_in": { "type": "integer", "description": "Seconds of the access token." },
            "scope": { "type": "string", "description": "The scopes of the access token." },
        },
        "required": ["access_token", "refresh_token", "token_type", "expires_in"],
    })
}

fn cookies() -> Value {
    json!({
        "type": "object",
        "description": "The tokens are in cookies.",
        "properties": {
            "expires_in": { "type": "integer", "description": "Seconds of the access token." },
            "scope": { "type": "string", "description": "The scopes of the access token." },
        },
        "required": ["expires_in"],
    })
}

fn logged_out() -> Value {
    json!({
        "type": "object",
        "properties": {
            "revoked": {
                "type": "boolean",
                "description": "Whether nothing that was issued opens anything any more.",
            },
            "detail": { "type": "string" },
        },
        "required": ["revoked", "detail"],
    })
}

fn sessions() -> Value {
    let time = json!({ "type": "integer", "description": "Seconds since 1970." });
    let session = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "current": { "type": "boolean", "description": "Is it that of this request?" },
            "created_at": time,
            "last_seen_at": time,
            "expires_at": time,
            "remembered": { "type": "boolean" },
            "client": { "type": "string", "nullable": true, "description": "What the client calls itself." },
            "address": { "type": "string", "nullable": true, "description": "Its address." },
        },
        "required": [
            "id", "current", "created_at", "last_seen_at", "expires_at", "remembered", "client", "address",
        ],
    });
    json!({
        "type": "object",
        "properties": { "sessions": { "type": "array", "items": session } },
        "required": ["sessions"],
    })
}
