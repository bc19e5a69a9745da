//! An issuer of another service: access tokens with any header and any claims, signed with ES256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::clock::Timestamp;
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The audience of the tokens of a [`ForeignIssuer`], unless a test says otherwise.
pub const FOREIGN_AUDIENCE: &str = "https://api.example.com";

/// Somebody else who issues access tokens, such as Keycloak or Auth0, with keys that only tests
/// have.
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
    /// All that are published. The last one signs.
    keys: Vec<IssuerKey>,
}

#[derive(Debug, Clone)]
struct IssuerKey {
    id: String,
    key: SigningKey,
}

impl IssuerKey {
    /// Made of its name, so that tests that run again have the same tokens.
    fn new(issuer: &str, id: &str) -> Self {
        let scalar = Sha256::digest(format!("test key {id} of {issuer}"));
        // One hash in 2^32 is no scalar; none of those that tests use.
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
    /// An issuer of this name (`iss`), with one key, `key-1`.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let keys = vec![IssuerKey::new(&issuer, "key-1")];
        Self { issuer, keys }
    }

    /// Its name.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs with another key from now on. Those before it stay in the published set.
    pub fn rotate(&mut self, id: &str) {
        self.keys.push(IssuerKey::new(&self.issuer, id));
    }

    /// Publishes a key no longer.
    pub fn withdraw(&mut self, id: &str) {
        self.keys.retain(|key| key.id != id);
    }

    /// The set of its public keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    pub fn jwks(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(IssuerKey::jwk).collect();
        json!({ "keys": keys }).to_string()
    }

    /// A good access token by RFC 9068 for this subject, for five minutes from `now`, that is not
    /// signed yet: a test changes what it is about.
    ///
    /// # Panics
    /// If every key was withdrawn.
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
    /// What stands in place of the header and of the claims.
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

    /// Replaces the whole header by a text, well formed or not.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.texts.0 = Some(text.into());
        self
    }

    /// Replaces all claims by a text, well formed or not.
    pub fn claims_text(mut self, text: impl Into<String>) -> Self {
        self.texts.1 = Some(text.into());
        self
    }

    /// The JSON text of the claims as they will be signed.
    pub fn claims(&self) -> String {
        self.texts.1.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string())
    }

    /// What is signed: header and claims.
    pub fn signed_part(&self) -> String {
        let header = self.texts.0.clone().unwrap_or_else(|| Value::Object(self.header.clone()).to_string());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(self.claims()))
    }

    /// The token.
    pub fn sign(&self) -> String {
        self.sign_text(&self.signed_part())
    }

    /// As [`sign`](Self::sign), with this in place of header and claims, whatever it is.
    pub fn sign_text(&self, signed: &str) -> String {
        let signature: Signature = self.key.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// The same, signed by a key that the issuer has never published, under the id of its own.
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
