//! The tokens: the standard one, larger ones, and what is not one.
//!
//! They are minted here and not by fauth, so that they are always the same but for the time in
//! them.

use std::{fmt::Write as _, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::BoxError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) const SECRET: &[u8] = b"bench-only-4d7a19c2e8f05b36-90be41d7";
pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const SUBJECT: &str = "0197f3a2-5c1e-7d44-9b0a-2f6c81d4e7b3";
pub(crate) const TOKEN_ID: &str = "6f1e0b52-93c7-4a1d-8e25-7b40c9d6f318";
pub(crate) const ROLES: [&str; 2] = ["publisher", "admin"];
pub(crate) const SCOPES: [&str; 3] = ["read", "write", "all"];
pub(crate) const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;
/// The longest token that is accepted by default.
pub(crate) const LONGEST: usize = 8192;

/// Fifteen minutes, the default lifetime of an access token.
pub(crate) const LIFETIME: u64 = 900;

/// Seconds since the epoch.
pub(crate) fn now() -> Result<u64, BoxError> {
    #[expect(clippy::disallowed_methods, reason = "verifying with the real clock needs tokens of today")]
    let now = SystemTime::now();
    Ok(now.duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
}

/// The standard claims, with more members behind them.
fn claims(token_type: &str, issued: u64, more: &str) -> String {
    let expires = issued + LIFETIME;
    let [role, other_role] = ROLES;
    let [scope, second_scope, third_scope] = SCOPES;
    format!(
        r#"{{"sub":"{SUBJECT}","jti":"{TOKEN_ID}","iat":{issued},"exp":{expires},"iss":"{ISSUER}","aud":"{AUDIENCE}","app":"default","token_type":"{token_type}","roles":["{role}","{other_role}"],"scopes":["{scope}","{second_scope}","{third_scope}"]{more}}}"#
    )
}

/// `header "." claims "." signature`, with any secret.
pub(crate) fn sign_with(secret: &[u8], header: &str, claims: &str) -> Result<String, BoxError> {
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = Hmac::<Sha256>::new_from_slice(secret)?.chain_update(&token).finalize().into_bytes();
    write!(token, ".{}", URL_SAFE_NO_PAD.encode(signature))?;
    Ok(token)
}

fn sign(header: &str, claims: &str) -> Result<String, BoxError> {
    sign_with(SECRET, header, claims)
}

/// The standard claims behind a header of the caller's own.
pub(crate) fn with_header(header: &str) -> Result<String, BoxError> {
    sign(header, &claims("access", now()?, ""))
}

pub(crate) fn standard() -> Result<String, BoxError> {
    with_header(HEADER)
}

/// As the standard token, signed with another key that the header names.
pub(crate) fn of_key(secret: &[u8], id: &str) -> Result<String, BoxError> {
    let header = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{id}"}}"#);
    sign_with(secret, &header, &claims("access", now()?, ""))
}

/// A token of exactly this length, filled up with a list of groups.
pub(crate) fn of_length(length: usize) -> Result<String, BoxError> {
    let issued = now()?;
    let around = [HEADER.len(), 32].map(encoded).iter().sum::<usize>() + 2;
    let room = (length - around) / 4 * 3 + (length - around) % 4 * 3 / 4;
    let room = room - claims("access", issued, "").len();
    let mut more = String::from(r#","groups":["first""#);
    let mut number = 0;
    while room - more.len() > 40 {
        write!(more, r#","group-{number:04}""#)?;
        number += 1;
    }
    let filling = room - more.len() - r#",""]"#.len();
    write!(more, r#","{:x<filling$}"]"#, "")?;
    let token = sign(HEADER, &claims("access", issued, &more))?;
    if token.len() == length { Ok(token) } else { Err(format!("{} bytes, not {length}", token.len()).into()) }
}

/// Of so many bytes in base64url.
const fn encoded(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Signed correctly, with so many members in the header besides `alg` and `typ`.
pub(crate) fn with_members(members: impl IntoIterator<Item = String>) -> Result<String, BoxError> {
    let mut header = HEADER.trim_end_matches('}').to_owned();
    for member in members {
        write!(header, ",{member}")?;
    }
    with_header(&(header + "}"))
}

/// As many short members in the header as fit into a token of acceptable length.
pub(crate) fn with_header_full() -> Result<String, BoxError> {
    let others = standard()?.len() - encoded(HEADER.len());
    let room = (LONGEST - others) * 3 / 4 - HEADER.len();
    let member = |number| format!(r#""{number:03x}":0"#);
    let size = member(0).len() + ",".len();
    let token = with_members((0..room / size).map(member))?;
    if token.len() > LONGEST { Err("too many members".into()) } else { Ok(token) }
}

/// A refresh token, which opens nothing.
pub(crate) fn of_refresh() -> Result<String, BoxError> {
    sign(r#"{"alg":"HS256","typ":"refresh+jwt"}"#, &claims("refresh", now()?, ""))
}

pub(crate) fn expired() -> Result<String, BoxError> {
    sign(HEADER, &claims("access", now()? - LIFETIME - 60, ""))
}

/// Replaces a byte of a token.
pub(crate) fn with_byte(token: &str, at: usize, byte: char) -> String {
    token.char_indices().map(|(position, own)| if position == at { byte } else { own }).collect()
}

/// The same token with another signature.
pub(crate) fn forged(token: &str) -> Result<String, BoxError> {
    let first = signing_input(token)?.len() + 1;
    let other =
        if token.get(first..).is_some_and(|signature| signature.starts_with('A')) { 'B' } else { 'A' };
    Ok(with_byte(token, first, other))
}

/// What is signed.
pub(crate) fn signing_input(token: &str) -> Result<&str, BoxError> {
    Ok(token.rsplit_once('.').ok_or("no token")?.0)
}

/// Says what the standard token is, for below the table.
pub(crate) fn description() -> Result<String, BoxError> {
    let token = standard()?;
    Ok(format!(
        "standard token: {} bytes, {} of them signed, {} bytes of claims; SHA extensions of this processor: {}\n",
        token.len(),
        signing_input(&token)?.len(),
        claims("access", now()?, "").len(),
        sha_extensions(),
    ))
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn sha_extensions() -> &'static str {
    if std::arch::is_x86_feature_detected!("sha") { "yes" } else { "no, so that hashing is most of the time" }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn sha_extensions() -> &'static str {
    "unknown"
}
