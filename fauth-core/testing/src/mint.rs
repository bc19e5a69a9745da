//! Tokens of every kind, especially invalid ones.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{Purpose, clock::Timestamp, token::Algorithm};
use hmac::Hmac;
use sha2::{Sha256, Sha384, Sha512};

/// The secret of every provider in tests: 64 bytes, enough for all three algorithms.
pub const SECRET: &str = "test-only-9f2c4a7be1d80356-4b1e7f90-c2a85d3641f7-e6b09d18a35c72f4";

/// Signs any header and payload, well-formed or not, with HS256 and the [`SECRET`].
pub fn sign(header: &str, payload: &str) -> String {
    sign_with(Algorithm::HS256, SECRET.as_bytes(), header, payload)
}

/// Returns a one-time token of this purpose in the standard profile, valid for 15 minutes from
/// `now`. No store knows it.
pub fn one_time_token(purpose: Purpose, subject: &str, now: Timestamp) -> String {
    let now = now.unix_seconds();
    let header = serde_json::json!({ "alg": "HS256", "typ": purpose.media_type() });
    let claims = serde_json::json!({
        "sub": subject,
        "exp": now + 900,
        "iat": now,
        "jti": "kept-nowhere",
        "token_type": purpose.as_str(),
        "scopes": [],
        "app": "default",
    });
    sign(&header.to_string(), &claims.to_string())
}

/// Signs any header and payload with any secret.
pub fn sign_with(
    algorithm: Algorithm,
    secret: &[u8],
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = match algorithm {
        Algorithm::HS256 => mac::<Hmac<Sha256>>(secret, &signed),
        Algorithm::HS384 => mac::<Hmac<Sha384>>(secret, &signed),
        Algorithm::HS512 => mac::<Hmac<Sha512>>(secret, &signed),
        other => panic!("this crate cannot sign with {other:?}"),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn mac<M: hmac::Mac + hmac::KeyInit>(secret: &[u8], message: &str) -> Vec<u8> {
    <M as hmac::KeyInit>::new_from_slice(secret)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}
