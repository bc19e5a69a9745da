//! The standard token, and tokens to be refused: made by hand, so that every verifier gets the same
//! bytes.

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Result;

/// The secret that everybody here shares.
pub(crate) const SECRET: &str = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
/// The issuer of the standard token.
pub(crate) const ISSUER: &str = "https://id.example.com";
/// Its audience.
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// Its subject.
pub(crate) const SUBJECT: &str = "6f1d8c52-3b7e-4a90-9c1f-2e5d7a8b4c60";
/// Its scopes.
pub(crate) const SCOPES: [&str; 3] = ["read", "write", "all"];
/// Its roles, and those of the user whom fauth loads.
pub(crate) const ROLES: [&str; 2] = ["admin", "editor"];
/// The role that every guard here asks for.
pub(crate) const ROLE: &str = "admin";
/// How long the standard token is good for.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

/// The longest token that fauth looks at by default.
const MAX_BYTES: usize = 8192;
const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;

/// The claims of the standard token, as a careful developer would declare them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) jti: String,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) app: String,
    pub(crate) token_type: String,
    pub(crate) roles: Vec<String>,
    pub(crate) scopes: Vec<String>,
}

impl Claims {
    /// Those of a token issued now.
    pub(crate) fn now() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the tokens are good at the time of the measurement")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self {
            sub: SUBJECT.to_owned(),
            jti: "a3e9b1c4-75d2-4f86-8b0a-1c9f3d6e2b57".to_owned(),
            iat: now,
            exp: now + LIFETIME.as_secs(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            app: "default".to_owned(),
            token_type: "access".to_owned(),
            roles: ROLES.map(str::to_owned).into(),
            scopes: SCOPES.map(str::to_owned).into(),
        })
    }
}

/// The tokens of one run.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The standard token: 465 bytes, of which 421 are signed.
    pub(crate) good: String,
    /// The same with another signature.
    pub(crate) forged: String,
    /// The same claims under a header that nobody knows by heart, with another signature.
    pub(crate) forged_header: String,
    /// The standard token with a character in its claims that no base64 has.
    pub(crate) stray: String,
    /// As long as the standard token, without a dot.
    pub(crate) undotted: String,
    /// One byte longer than fauth looks at, with a right signature.
    pub(crate) oversized: String,
    /// A header of 2 000 members, 41 KB of it, and another signature.
    pub(crate) members: String,
}

impl Tokens {
    /// Makes them, and makes sure that the standard token is of the standard size.
    pub(crate) fn mint() -> Result<Self> {
        let claims = serde_json::to_string(&Claims::now()?)?;
        let good = sign(HEADER, &claims)?;
        if good.len() != 465 {
            return Err(io::Error::other(format!("the token has {} bytes", good.len())).into());
        }
        let (signed, signature) = good.rsplit_once('.').unwrap_or_default();
        let (header, _) = signed.split_once('.').unwrap_or_default();
        let stray = format!("{}!.{signature}", signed.get(..signed.len() - 1).unwrap_or_default());
        Ok(Self {
            forged: forge(&good),
            forged_header: forge(&sign(r#"{"typ":"at+jwt","alg":"HS256"}"#, &claims)?),
            undotted: "A".repeat(good.len()),
            oversized: oversized(header.len())?,
            members: forge(&sign(&header_of_members(2000), &claims)?),
            stray,
            good,
        })
    }
}

/// Signs whatever is given.
fn sign(header: &str, claims: &str) -> Result<String> {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

/// Exchanges the first character of the signature.
fn forge(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{other}{}", signature.get(1..).unwrap_or_default())
}

fn oversized(header: usize) -> Result<String> {
    // What the claims may fill: all but the header, two dots, and the signature.
    let room = MAX_BYTES + 1 - header - 2 - 43;
    let claims = Claims { jti: String::new(), ..Claims::now()? };
    let bare = serde_json::to_string(&claims)?.len();
    let claims = Claims { jti: "j".repeat(room * 3 / 4 - bare), ..claims };
    let token = sign(HEADER, &serde_json::to_string(&claims)?)?;
    if token.len() == MAX_BYTES + 1 {
        Ok(token)
    } else {
        Err(io::Error::other(format!("the oversized token has {} bytes", token.len())).into())
    }
}

/// About 20 characters of the encoded header for each member.
fn header_of_members(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|number| format!(r#""m{number:04}":"abcd""#)).collect();
    format!(r#"{{"alg":"HS256","typ":"at+jwt",{}}}"#, members.join(","))
}
