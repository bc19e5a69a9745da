//! The strict verifier for access tokens of other issuers.
//!
//! It consists of the parts of `verify.rs`, in the same order, with three differences. The claims
//! are decoded before the signature is verified, because the unverified `iss` selects one of the
//! trusted issuers, and nothing else. A header may bring keys (`jwk`, `jku`, `x5u`, `x5c`), which
//! are ignored. The required claims are those that other issuers write.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

#[cfg(feature = "mandates")]
use super::mandate::MandateProfile;
use super::{
    algorithm::Algorithm,
    claim_lookup::{ClaimIndex, IndexedClaims},
    json::{self, Value},
    limits::{CLAIMS_LIMITS, MAX_SUBJECT_BYTES, MAX_TOKEN_ID_BYTES},
    payload::{Foreign, Rights, Span, TokenPayload},
    profile::Format,
    public_keys::PublicKeys,
    purpose::Purpose,
    verify::{Claims, Header, Leeways, Parts, Reader, TokenError, refuse_bound, same_media_type},
};
use crate::clock::Timestamp;

/// The maximum length of `iss` in bytes; a longer one selects no issuer.
pub(crate) const MAX_ISSUER_BYTES: usize = 512;

/// The upper bound in seconds of every issuer's leeway for `exp`.
const LONGEST_EXPIRY_LEEWAY: i64 = 300;

/// Shorter signatures need no allocation: all but those of RSA with more than 4096 bits.
const STACK_SIGNATURE_BYTES: usize = 512;

/// Which tokens of an issuer are access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AccessTokenProfile {
    /// [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068): `typ` is `at+jwt`, and `iss`, `exp`,
    /// `aud`, `sub`, `client_id`, `iat` and `jti` are required. The default, because no other kind
    /// of token can be mistaken for one.
    ///
    /// fauth's own tokens lack `client_id`: trust another service that uses fauth with
    /// [`Plain`](Self::Plain).
    #[default]
    Rfc9068,
    /// Plain JWTs: `typ` is `JWT`, `at+jwt` or absent, and `jti` and `client_id` are optional. The
    /// id of a token without `jti` is the SHA-256 of its signing input.
    ///
    /// Tokens that identify themselves as another kind are refused: an ID token by `at_hash` or
    /// `c_hash` (`OpenID` Connect Core 1.0, 3.1.3.6 and 3.3.2.11), or by Keycloak's `typ` or
    /// Cognito's `token_use`; a logout token and other security events by `events` (RFC 8417); a
    /// refresh token by Keycloak's `typ`, Cognito's `token_use`, `type` (flask-jwt-extended), or a
    /// `token_type` (fauth, simplejwt) that is neither `access` nor `Bearer`. The claim `nonce` is
    /// ignored, because older versions of Keycloak write it into access tokens too.
    ///
    /// # Security
    /// An ID token without any of these is accepted if its audience is. Its audience is the client
    /// that requested it: never configure a client id as an audience unless the issuer writes it
    /// into access tokens.
    Plain,
}

/// What tokens of one issuer are checked against, validated when the provider was built.
#[derive(Debug, Clone)]
pub(crate) struct ForeignVerifier {
    pub(crate) issuer: Arc<str>,
    pub(crate) audiences: Vec<Box<str>>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) profile: AccessTokenProfile,
    /// Whether `client_id` is the audience of tokens without `aud`.
    pub(crate) client_is_audience: bool,
    /// Whether ID tokens are accepted instead of access tokens.
    pub(crate) id_tokens: bool,
    /// Claims that must have this text; `None` accepts any text that is not empty.
    pub(crate) required: Vec<(Box<str>, Option<Box<str>>)>,
    pub(crate) leeway: i64,
    pub(crate) expiry_leeway: i64,
    pub(crate) max_lifetime: i64,
    /// The settings for mandates, if its tokens are mandates.
    #[cfg(feature = "mandates")]
    pub(crate) mandate: Option<MandateProfile>,
}

/// A token of which only the claimed issuer is known.
pub(crate) struct UnverifiedForeign<'a> {
    parts: Parts<'a>,
    json: String,
    found: ForeignClaims,
}

/// The positions of the relevant claims.
#[derive(Default)]
struct ForeignClaims {
    known: Claims,
    client: Option<Value>,
    /// Claims that only other kinds of tokens have.
    has_hash: bool,
    has_events: bool,
    /// The claims by which Keycloak, Cognito and flask-jwt-extended distinguish kinds of tokens.
    kind: Option<Value>,
    usage: Option<Value>,
    flask_kind: Option<Value>,
    index: ClaimIndex,
}

impl ForeignClaims {
    fn scan(json: &str) -> Result<Self, TokenError> {
        let mut found = Self::default();
        json::scan_members(json, CLAIMS_LIMITS, |name, place, value| found.take(name, place, value))
            .map_err(|_| TokenError::MalformedClaims)?;
        Ok(found)
    }

    fn take(&mut self, name: &str, place: Value, value: Value) {
        self.index.add(place, value);
        match name {
            "client_id" => self.client = Some(value),
            "at_hash" | "c_hash" => self.has_hash = true,
            "events" => self.has_events = true,
            "typ" => self.kind = Some(value),
            "token_use" => self.usage = Some(value),
            "type" => self.flask_kind = Some(value),
            _ => {
                if let Some(slot) = self.known.slot(name) {
                    *slot = Some(value);
                }
            }
        }
    }
}

impl<'a> UnverifiedForeign<'a> {
    /// Reads what is needed to select the issuer.
    ///
    /// # Errors
    /// [`TokenError`] if this is not a token, or its `iss` is not a text.
    pub(crate) fn read(token: &'a [u8], max_bytes: usize) -> Result<Self, TokenError> {
        let parts = Parts::split(token, max_bytes)?;
        let claims = parts.payload()?;
        if claims.is_empty() {
            return Err(TokenError::Malformed);
        }
        let json = String::from_utf8(claims).map_err(|_| TokenError::MalformedClaims)?;
        let found = ForeignClaims::scan(&json)?;
        let token = Self { parts, json, found };
        token.issuer()?;
        Ok(token)
    }

    /// Checks the header as far as it does not depend on the key.
    pub(crate) fn check_header(&self) -> Result<(), TokenError> {
        parse_header(&self.parts.header_text()?).map(|_| ())
    }

    /// The claimed issuer. Use it only to select whose keys to try.
    pub(crate) fn issuer(&self) -> Result<Cow<'_, str>, TokenError> {
        let issuer = self.found.known.issuer.ok_or(TokenError::MissingClaim("iss"))?;
        let issuer = issuer.text(&self.json).ok_or(TokenError::InvalidClaim("iss"))?;
        if issuer.len() > MAX_ISSUER_BYTES { Err(TokenError::InvalidClaim("iss")) } else { Ok(issuer) }
    }

    /// Refuses tokens that no issuer's settings could make acceptable, before an issuer is looked
    /// up.
    pub(crate) fn refuse_hopeless(&self, now: Timestamp) -> Result<(), TokenError> {
        let text = self.parts.header_text()?;
        let header = Header::parse(&text)?;
        let algorithm = header.algorithm.as_deref().and_then(Algorithm::parse);
        if algorithm.is_none_or(Algorithm::is_symmetric) {
            return Err(TokenError::WrongAlgorithm);
        }
        let media_type = header.media_type.as_deref();
        let is_other = |named| !same_media_type(named, "JWT") && !same_media_type(named, "at+jwt");
        if media_type.is_some_and(is_other) {
            return Err(other_kind(media_type));
        }
        let claims = Reader { json: &self.json };
        let expires = claims.date("exp", self.found.known.expires_at)?;
        let expires = expires.ok_or(TokenError::MissingClaim("exp"))?.floor();
        let leeways = Leeways { leeway: 0, expiry_leeway: LONGEST_EXPIRY_LEEWAY };
        if leeways.is_over(expires, now) { Err(TokenError::Expired) } else { Ok(()) }
    }
}

impl ForeignVerifier {
    /// The longest time in seconds for which one of its tokens can be accepted.
    pub(crate) const fn longest(&self) -> u64 {
        self.max_lifetime.saturating_add(self.leeway).saturating_add(self.expiry_leeway).unsigned_abs()
    }

    /// Verifies an access token of this issuer. Returns [`TokenError::UnknownKey`] if everything
    /// that can be checked before the signature is acceptable, but the token's key is not among
    /// `keys`.
    ///
    /// `rights` reads the rights that the issuer grants, from claims that were accepted.
    pub(crate) fn verify(
        &self,
        token: UnverifiedForeign<'_>,
        keys: &PublicKeys,
        now: Timestamp,
        rights: impl FnOnce(IndexedClaims<'_>) -> Result<Rights, TokenError>,
    ) -> Result<TokenPayload, TokenError> {
        let UnverifiedForeign { parts, json, found } = token;
        let mut buffer = [0; STACK_SIGNATURE_BYTES];
        let signature = parts.signature(&mut buffer)?;
        // Keys in the header are ignored.
        let text = parts.header_text()?;
        let header = parse_header(&text)?;
        let named = header.algorithm.as_deref();
        if !self.algorithms.iter().any(|algorithm| named == Some(algorithm.as_str())) {
            return Err(TokenError::WrongAlgorithm);
        }
        let key = keys.find(header.key_id.as_deref()).ok_or(TokenError::UnknownKey)?;
        header.refuse_other_algorithm(key)?;
        parts.refuse_other_signature(key, &signature)?;
        self.accept_media_type(header.media_type.as_deref())?;
        self.accept_claims(json, &found, parts.signed, now, rights)
    }

    /// A mandate has its own id, by which it is revoked and consumed, and its own media type.
    #[cfg(feature = "mandates")]
    const fn is_for_mandates(&self) -> bool {
        self.mandate.is_some()
    }

    #[cfg(not(feature = "mandates"))]
    #[expect(clippy::unused_self, reason = "there are no mandates")]
    const fn is_for_mandates(&self) -> bool {
        false
    }

    fn accept_media_type(&self, media_type: Option<&str>) -> Result<(), TokenError> {
        if self.is_for_mandates() && !media_type.is_some_and(|named| same_media_type(named, "JWT")) {
            return Err(other_kind(media_type));
        }
        let is_good = match (self.profile, media_type) {
            (AccessTokenProfile::Rfc9068, Some(named)) => same_media_type(named, "at+jwt"),
            (AccessTokenProfile::Rfc9068, None) => false,
            (AccessTokenProfile::Plain, Some(named)) => {
                same_media_type(named, "JWT") || same_media_type(named, "at+jwt")
            }
            (AccessTokenProfile::Plain, None) => true,
        };
        if is_good { Ok(()) } else { Err(other_kind(media_type)) }
    }

    fn accept_claims(
        &self,
        json: String,
        found: &ForeignClaims,
        signed: &[u8],
        now: Timestamp,
        rights: impl FnOnce(IndexedClaims<'_>) -> Result<Rights, TokenError>,
    ) -> Result<TokenPayload, TokenError> {
        let claims = Reader { json: &json };
        self.refuse_other_kinds(&claims, found)?;
        let known = &found.known;
        let subject = claims.text("sub", known.subject, MAX_SUBJECT_BYTES)?;
        let token_id = self.token_id(&claims, found, signed)?;
        let expires = claims.date("exp", known.expires_at)?.ok_or(TokenError::MissingClaim("exp"))?;
        let issued = claims.date("iat", known.issued_at)?.ok_or(TokenError::MissingClaim("iat"))?;
        let not_before = claims.date("nbf", known.not_before)?;
        let session = known.session.map(|_| claims.text("sid", known.session, MAX_TOKEN_ID_BYTES));
        let session = session.transpose()?;
        refuse_bound(known)?;
        if claims.required("iss", known.issuer)? != *self.issuer {
            return Err(TokenError::WrongIssuer);
        }
        self.accept_audience(&claims, found)?;
        let leeways = Leeways { leeway: self.leeway, expiry_leeway: self.expiry_leeway };
        leeways.accept(issued, expires, not_before, self.max_lifetime, now)?;
        let indexed = IndexedClaims::new(&json, &found.index);
        self.accept_required(&claims, indexed)?;
        let rights = rights(indexed)?;
        #[cfg(feature = "mandates")]
        let mandate = self.mandate.as_ref().map(|profile| profile.read(indexed)).transpose()?;
        Ok(TokenPayload {
            purpose: Purpose::Access,
            subject,
            token_id,
            scopes: None,
            session,
            epoch: epoch_of(issued.ceil(), self.leeway),
            user_epoch: 0,
            is_api_key: false,
            issued_at: issued.ceil(),
            expires_at: expires.floor(),
            format: Format::Standard,
            foreign: Some(Box::new(Foreign {
                issuer: Arc::clone(&self.issuer),
                rights,
                expiry_leeway: self.expiry_leeway,
                #[cfg(feature = "mandates")]
                mandate: mandate.map(Arc::new),
            })),
            json,
        })
    }

    /// RFC 9068 has its own `typ`, but nothing prevents an issuer from misusing it.
    fn refuse_other_kinds(&self, claims: &Reader<'_>, found: &ForeignClaims) -> Result<(), TokenError> {
        let is = |value: Option<Value>, kinds: &[&str]| {
            let text = value.and_then(|value| value.text(claims.json));
            text.is_some_and(|text| kinds.iter().any(|kind| text.eq_ignore_ascii_case(kind)))
        };
        let is_id_token = found.has_hash || is(found.kind, &["ID"]) || is(found.usage, &["id"]);
        let is_other = found.has_events
            || is(found.kind, &["Refresh", "Offline", "Logout"])
            || is(found.usage, &["refresh"])
            || self.profile == AccessTokenProfile::Plain && {
                // `type` has other uses as well; `token_type` does not.
                let named = found.known.token_type;
                is(found.flask_kind, &["refresh"]) || named.is_some() && !is(named, &["access", "Bearer"])
            };
        if is_other || (is_id_token && !self.id_tokens) { Err(other_kind(None)) } else { Ok(()) }
    }

    fn token_id(
        &self,
        claims: &Reader<'_>,
        found: &ForeignClaims,
        signed: &[u8],
    ) -> Result<Span, TokenError> {
        if self.profile == AccessTokenProfile::Rfc9068 {
            claims.text("client_id", found.client, MAX_SUBJECT_BYTES)?;
        } else if found.known.token_id.is_none() && !self.is_for_mandates() {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(signed));
            return Ok(Span::Copy(digest.into_boxed_str()));
        }
        claims.text("jti", found.known.token_id, MAX_TOKEN_ID_BYTES)
    }

    fn accept_audience(&self, claims: &Reader<'_>, found: &ForeignClaims) -> Result<(), TokenError> {
        let audience = match (found.known.audience, self.client_is_audience) {
            (Some(audience), _) => audience,
            (None, true) => found.client.ok_or(TokenError::MissingClaim("client_id"))?,
            (None, false) => return Err(TokenError::MissingClaim("aud")),
        };
        claims.audience(audience, &self.audiences)
    }

    fn accept_required(&self, claims: &Reader<'_>, indexed: IndexedClaims<'_>) -> Result<(), TokenError> {
        for (name, wanted) in &self.required {
            let value = claims.required("required", indexed.value(name))?;
            if !wanted.as_ref().map_or(!value.is_empty(), |wanted| **wanted == *value) {
                return Err(TokenError::InvalidClaim("required"));
            }
        }
        Ok(())
    }
}

/// A `kid` that no key can have is no reason to fetch keys, as [`TokenError::UnknownKey`] is.
fn parse_header(text: &[u8]) -> Result<Header<'_>, TokenError> {
    Header::parse(text).map_err(|error| match error {
        TokenError::UnknownKey => TokenError::Malformed,
        error => error,
    })
}

/// The error for a media type of another kind, which names fauth's purpose if it is one.
fn other_kind(media_type: Option<&str>) -> TokenError {
    let others = Purpose::ALL.into_iter().filter(|other| *other != Purpose::Access);
    let mut others =
        others.filter(|other| media_type.is_some_and(|named| same_media_type(named, other.media_type())));
    TokenError::WrongPurpose { expected: Purpose::Access, actual: others.next() }
}

/// Foreign tokens carry no epoch of their subject, so it is derived from the time of issue. An
/// epoch is at least the millisecond at which it was raised; a token issued in the same second
/// counts as issued before.
///
/// The issuer's clock may be ahead by the leeway, so a token may be older than its `iat` by as
/// much.
fn epoch_of(issued_at: Timestamp, leeway: i64) -> u64 {
    let earliest = issued_at.unix_seconds().saturating_sub(leeway);
    u64::try_from(earliest).unwrap_or(0).saturating_mul(1000).saturating_sub(1)
}
