//! A foreign issuer: access tokens with any header and claims, signed with ES256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::clock::Timestamp;
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The default audience of tokens of a [`ForeignIssuer`].
pub const FOREIGN_AUDIENCE: &str = "https://api.example.com";

/// A foreign issuer of access tokens, such as Keycloak or Auth0, with keys for tests.
///
/// ```
/// use fauth_core::clock::Timestamp;
/// use fauth_testing::ForeignIssuer;
///
/// let issuer = ForeignIssuer::new("https://login.example.com");
/// let token = issuer.token("alice", Timestamp::from_unix_seconds(1_800_000_000)).sign();
/// assert_eq!(token.split('.').count(), 3);
/// assert!(issuer.jwks().contains("\"kid\":\"key-1\""));
/// ```
#[derive(Debug, Clone)]
pub struct ForeignIssuer {
    issuer: String,
    /// All published keys. The last one signs.
    keys: Vec<IssuerKey>,
}

#[derive(Debug, Clone)]
struct IssuerKey {
    id: String,
    key: SigningKey,
}

impl IssuerKey {
    /// Derives the key from the name, so that tokens are the same in every run.
    fn new(issuer: &str, id: &str) -> Self {
        let scalar = Sha256::digest(format!("test key {id} of {issuer}"));
        // One hash in 2^32 is no valid scalar; none of those used by tests.
        Self { id: id.to_owned(), key: SigningKey::from_slice(&scalar).unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_encoded_point(false);
        let text = |coordinate: Option<&[u8]>| URL_SAFE_NO_PAD.encode(coordinate.unwrap_or_default());
        json!({
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.id,
            "x": text(point.x().map(|x| &x[..])),
            "y": text(point.y().map(|y| &y[..])),
        })
    }
}

impl ForeignIssuer {
    /// Creates an issuer with this name (`iss`) and one key, `key-1`.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let keys = vec![IssuerKey::new(&issuer, "key-1")];
        Self { issuer, keys }
    }

    /// Returns its name (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs with a new key from now on. Earlier keys stay in the published set.
    pub fn rotate(&mut self, id: &str) {
        self.keys.push(IssuerKey::new(&self.issuer, id));
    }

    /// Removes a key from the published set.
    pub fn withdraw(&mut self, id: &str) {
        self.keys.retain(|key| key.id != id);
    }

    /// Returns the set of its public keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    pub fn jwks(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(IssuerKey::jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Returns a valid access token (RFC 9068) for this subject, not signed yet: change what the
    /// test is about, then sign it. It lasts five minutes from `now`.
    ///
    /// # Panics
    /// If all keys were withdrawn.
    pub fn token(&self, subject: &str, now: Timestamp) -> ForeignToken {
        let key = self.keys.last().unwrap().clone();
        let now = now.unix_seconds();
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.id });
        let claims = json!({
            "iss": self.issuer,
            "sub": subject,
            "aud": FOREIGN_AUDIENCE,
            "exp": now + 300,
            "iat": now,
            "jti": format!("{subject}-{now}"),
            "client_id": "test-client",
        });
        ForeignToken { key, header: members(header), claims: members(claims), texts: (None, None) }
    }
}

/// A token of a [`ForeignIssuer`], or a mandate, before it is signed.
#[must_use = "it is no token before it is signed"]
#[derive(Debug, Clone)]
pub struct ForeignToken {
    key: IssuerKey,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Texts that replace the header and the claims.
    texts: (Option<String>, Option<String>),
}

impl ForeignToken {
    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a member of the header out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces the whole header with a text, well-formed or not.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.texts.0 = Some(text.into());
        self
    }

    /// Replaces all claims with a text, well-formed or not.
    pub fn claims_text(mut self, text: impl Into<String>) -> Self {
        self.texts.1 = Some(text.into());
        self
    }

    /// Returns the JSON text of the claims as they will be signed.
    pub fn claims(&self) -> String {
        self.texts.1.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string())
    }

    /// Returns the signed part: header and claims.
    pub fn signed_part(&self) -> String {
        let header = self.texts.0.clone().unwrap_or_else(|| Value::Object(self.header.clone()).to_string());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(self.claims()))
    }

    /// Signs the token.
    pub fn sign(&self) -> String {
        self.sign_text(&self.signed_part())
    }

    /// Like [`sign`](Self::sign), with any text in place of header and claims.
    pub fn sign_text(&self, signed: &str) -> String {
        let signature: Signature = self.key.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// Signs the token with a key that the issuer never published, under the `kid` of the issuer's
    /// own.
    pub fn forge(&self) -> String {
        let key = IssuerKey::new("somebody else", &self.key.id);
        Self { key, ..self.clone() }.sign()
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
