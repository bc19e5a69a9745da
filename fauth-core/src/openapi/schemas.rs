//! Schemas of the bodies of the ready-made endpoints.
//!
//! They are written for `OpenAPI` 3.0: a value that may be null is `nullable`. 3.1 writes two types
//! instead, and is the same otherwise.

use serde_json::{Value, json};

/// The schemas with their names in `components`.
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
                "description": "Keep the cookies after the browser is closed.",
            },
            "scope": {
                "type": "string",
                "description": "Space-separated scopes to which the login is narrowed.",
            },
            "unlock_token": {
                "type": "string",
                "description": "A mailed token that unlocks the login after too many failures.",
            },
        },
        "required": ["username", "password"],
    })
}

fn refresh() -> Value {
    json!({
        "type": "object",
        "properties": { "refresh_token": { "type": "string" } },
        "description": "A browser sends the token in a cookie instead.",
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
            "expires_in": { "type": "integer", "description": "Lifetime of the access token in seconds." },
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
            "expires_in": { "type": "integer", "description": "Lifetime of the access token in seconds." },
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
                "description": "Whether none of the tokens is accepted any more.",
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
            "current": { "type": "boolean", "description": "Whether it is the session of this request." },
            "created_at": time,
            "last_seen_at": time,
            "expires_at": time,
            "remembered": { "type": "boolean" },
            "client": { "type": "string", "nullable": true, "description": "The name that the client gives itself." },
            "address": { "type": "string", "nullable": true, "description": "The address of the client." },
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
