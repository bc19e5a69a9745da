//! The strict verifier: the only place that accepts a token.
//!
//! The order is that of the checks in RFC 8725 and of this crate's `ARCHITECTURE.md`: size and
//! form, header, signature, and only then the claims. Before the signature is verified, only `alg`,
//! `kid`, `typ` and the members that make a header unacceptable are read.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    ops::{Deref, Range},
};

use super::{
    application_keys::Keys,
    base64url,
    claims::is_scope,
    header::header_segment,
    json::{self, Elements, Fault, Kind, Value},
    keys::{FixedKeys, Key},
    limits::{
        CLAIMS_LIMITS, DEFAULT_MAX_TOKEN_BYTES, HEADER_LIMITS, MAX_KEY_ID_BYTES, MAX_SUBJECT_BYTES,
        MAX_TOKEN_ID_BYTES,
    },
    mac::{INLINE_SIGNATURE_BYTES, MAX_SIGNATURE_BYTES},
    origin::Origin,
    payload::{Span, TokenPayload},
    profile::{Format, TokenProfile},
    purpose::{PerPurpose, Purpose},
};
use crate::clock::{ClockError, Timestamp};

/// Why a token was refused.
///
/// For logs and tests: the client receives `invalid_token` whatever the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is longer than the configured maximum.
    #[error("the token is too long")]
    TooLong,
    /// The token is not three parts of canonical base64url, or its header is not an acceptable JSON
    /// object.
    #[error("the token is malformed")]
    Malformed,
    /// The header has a member that changes how a token is read (`crit`, `b64`, `zip`, `enc`,
    /// nested `cty`), or brings its own key (`jwk`, `jku`, `x5u`, `x5c`).
    #[error("the token's header requires something that is not supported")]
    ForbiddenHeader,
    /// `alg` is missing, `none`, misspelt, or not the algorithm of the key.
    #[error("the token's algorithm is not that of the key")]
    WrongAlgorithm,
    /// `kid` names no known key, or is missing although there are several keys.
    #[error("the token names no known key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// The signature is valid, but the claims are not an acceptable JSON object, for example
    /// because of a duplicate member.
    #[error("the token's claims are malformed")]
    MalformedClaims,
    /// The token was issued for another purpose.
    #[error("the token is not {expected} but {}", actual.map_or("of an unknown purpose", Purpose::as_str))]
    WrongPurpose {
        /// The purpose that the verification required.
        expected: Purpose,
        /// The purpose of the token, if known.
        actual: Option<Purpose>,
    },
    /// A required claim is missing.
    #[error("the token has no claim `{0}`")]
    MissingClaim(&'static str),
    /// A claim has the wrong type or is out of bounds.
    #[error("the token's claim `{0}` is not acceptable")]
    InvalidClaim(&'static str),
    /// `app` is not this application's name: another application shares the secret.
    #[error("the token is of another application")]
    WrongApplication,
    /// `iss` is not the configured issuer.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// `aud` names no configured audience, or is present although none is configured.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `zone_id` is not the configured zone.
    #[cfg(feature = "mandates")]
    #[error("the mandate is for another zone")]
    WrongZone,
    /// `use` is not the accepted one, or the token is not a mandate.
    #[cfg(feature = "mandates")]
    #[error("the mandate is for another use")]
    WrongUse,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` is not after `iat`, or exceeds it by more than the purpose allows.
    #[error("the token's lifetime is not acceptable")]
    UnacceptableLifetime,
    /// The token is bound to a key of its holder (`cnf`, RFC 7800). A bearer token does not prove
    /// possession of that key, so a thief could present it (RFC 9449 section 7.2, RFC 8705 section
    /// 3).
    #[error("the token is bound to a key of its holder, but was sent as a bearer token")]
    SenderConstrained,
    /// The time is unavailable, so expiry cannot be checked. Answered with 503.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl TokenError {
    /// The stable name of the reason in logs.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "malformed_token",
            Self::ForbiddenHeader => "forbidden_header",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::MalformedClaims => "malformed_claims",
            Self::WrongPurpose { .. } => "wrong_purpose",
            Self::MissingClaim(_) => "missing_claim",
            Self::InvalidClaim(_) => "invalid_claim",
            Self::WrongApplication => "wrong_application",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            #[cfg(feature = "mandates")]
            Self::WrongZone => "wrong_zone",
            #[cfg(feature = "mandates")]
            Self::WrongUse => "wrong_use",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::UnacceptableLifetime => "unacceptable_lifetime",
            Self::SenderConstrained => "sender_constrained_token",
            Self::Clock(_) => "clock_unavailable",
        }
    }
}

/// What tokens are checked against, validated when the configuration was built.
#[derive(Debug, Clone)]
pub(crate) struct Expectations {
    pub(crate) profile: TokenProfile,
    pub(crate) origin: Origin,
    /// The leeway in seconds for `nbf` and `iat`.
    pub(crate) leeway: i64,
    /// The leeway in seconds for `exp`.
    pub(crate) expiry_leeway: i64,
    /// The maximum number of seconds between `iat` and `exp`.
    pub(crate) max_lifetime: PerPurpose<i64>,
    pub(crate) max_token_bytes: usize,
}

/// Verifies the tokens of one application.
#[derive(Debug)]
pub(crate) struct Verifier {
    keys: Known,
    expectations: Expectations,
}

/// The keys, with the header segments of own tokens. A header that equals one of these needs no
/// parsing.
#[derive(Debug)]
enum Known {
    Fixed {
        keys: FixedKeys,
        headers: PerPurpose<Vec<KnownHeader>>,
    },
    #[cfg(feature = "trusted-issuers")]
    Ring(super::ring::KeyRing),
}

#[derive(Debug)]
struct KnownHeader {
    segment: Box<str>,
    key: usize,
    format: Format,
}

impl Verifier {
    pub(crate) fn new(keys: Keys, expectations: Expectations) -> Self {
        let keys = match keys {
            Keys::Fixed(keys) => Known::fixed(keys, expectations.profile),
            #[cfg(feature = "trusted-issuers")]
            Keys::Ring(ring) => Known::Ring(ring),
        };
        Self { keys, expectations }
    }

    /// Verifies `token` for `purpose`.
    pub(crate) fn verify(
        &self,
        token: &[u8],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<TokenPayload, TokenError> {
        let parts = Parts::split(token, self.expectations.max_token_bytes)?;
        if parts.payload.is_empty() {
            return Err(TokenError::Malformed);
        }
        let mut signature = [0; INLINE_SIGNATURE_BYTES];
        let signature = parts.signature(&mut signature)?;
        let claims = parts.payload()?;
        let kind = self.check_signature(&parts, &signature, purpose, now)?;
        let format = kind.accept(purpose, self.expectations.profile)?;
        let claims = String::from_utf8(claims).map_err(|_| TokenError::MalformedClaims)?;
        let found = Claims::scan(&claims)?;
        self.accept_claims(claims, &found, purpose, format, now)
    }

    /// Whether the token's header is one that this application writes for the purpose. If so, the
    /// token is not of another issuer.
    #[cfg(feature = "trusted-issuers")]
    pub(crate) fn knows_header(&self, token: &[u8], purpose: Purpose, now: Timestamp) -> bool {
        let header = token.split(|byte| *byte == b'.').next().unwrap_or_default();
        match &self.keys {
            Known::Fixed { headers, .. } => {
                headers.of(purpose).iter().any(|known| known.segment.as_bytes() == header)
            }
            Known::Ring(ring) => {
                let formats = self.expectations.profile.reads();
                ring.snapshot().of_header(header, purpose, formats, now).is_some()
            }
        }
    }

    /// Whether the token is still valid at `now`, checked again after the loaders have answered.
    pub(crate) fn still_valid(&self, payload: &TokenPayload, now: Timestamp) -> bool {
        let leeways = payload.expiry_leeway().map_or(self.leeways(), Leeways::of_expiry);
        !leeways.is_over(payload.expires_at(), now)
    }

    /// When the token stops being [valid](Self::still_valid).
    pub(crate) fn ends_at(&self, payload: &TokenPayload) -> Timestamp {
        payload.expiry_leeway().map_or(self.leeways(), Leeways::of_expiry).end_of(payload.expires_at())
    }

    const fn leeways(&self) -> Leeways {
        let Expectations { leeway, expiry_leeway, .. } = self.expectations;
        Leeways { leeway, expiry_leeway }
    }

    /// Verifies the signature and returns what the header says about the kind of token, which is
    /// not judged yet.
    #[cfg_attr(
        not(feature = "trusted-issuers"),
        expect(unused_variables, reason = "fixed keys do not depend on the time")
    )]
    fn check_signature(
        &self,
        parts: &Parts<'_>,
        signature: &[u8],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Kinds, TokenError> {
        match &self.keys {
            Known::Fixed { keys, headers } => {
                let (key, kind) = key_and_kind(keys, headers, parts, purpose)?;
                parts.refuse_other_signature(key, signature)?;
                Ok(kind)
            }
            #[cfg(feature = "trusted-issuers")]
            Known::Ring(ring) => {
                let snapshot = ring.snapshot();
                let formats = self.expectations.profile.reads();
                if let Some((key, format)) = snapshot.of_header(parts.header, purpose, formats, now) {
                    parts.refuse_other_signature(key, signature)?;
                    return Ok(Kinds::Known(format));
                }
                let text = parts.header_text()?;
                let header = Header::parse(&text)?;
                header.refuse_own_keys()?;
                let key = snapshot.find(header.key_id.as_deref(), now).ok_or(TokenError::UnknownKey)?;
                header.refuse_other_algorithm(key)?;
                parts.refuse_other_signature(key, signature)?;
                Ok(Kinds::Named(header.media_type.map(Cow::into_owned)))
            }
        }
    }

    fn accept_claims(
        &self,
        json: String,
        found: &Claims,
        purpose: Purpose,
        format: Format,
        now: Timestamp,
    ) -> Result<TokenPayload, TokenError> {
        let claims = Reader { json: &json };
        claims.purpose(found.token_type, purpose)?;
        let subject = claims.text("sub", found.subject, MAX_SUBJECT_BYTES)?;
        let token_id = claims.text("jti", found.token_id, MAX_TOKEN_ID_BYTES)?;
        let expires = claims.date("exp", found.expires_at)?.ok_or(TokenError::MissingClaim("exp"))?;
        let issued = claims.date("iat", found.issued_at)?.ok_or(TokenError::MissingClaim("iat"))?;
        let not_before = claims.date("nbf", found.not_before)?;
        // The Python fauth has no `scope` claim, so its value was never a right.
        let text = if format == Format::Standard { found.scope } else { None };
        let scopes = claims.scopes(found.scopes, text)?;
        let session =
            found.session.map(|_| claims.text("sid", found.session, MAX_TOKEN_ID_BYTES)).transpose()?;
        let epoch = claims.epoch("token_epoch", found.epoch)?;
        let user_epoch = claims.epoch("user_epoch", found.user_epoch)?;
        refuse_bound(found)?;
        self.accept_origin(&claims, found, format)?;
        let max_lifetime = *self.expectations.max_lifetime.of(purpose);
        self.leeways().accept(issued, expires, not_before, max_lifetime, now)?;
        Ok(TokenPayload {
            purpose,
            subject,
            token_id,
            scopes,
            session,
            epoch,
            user_epoch,
            is_api_key: false,
            issued_at: issued.ceil(),
            expires_at: expires.floor(),
            format,
            #[cfg(feature = "trusted-issuers")]
            foreign: None,
            json,
        })
    }

    fn accept_origin(&self, claims: &Reader<'_>, found: &Claims, format: Format) -> Result<(), TokenError> {
        let origin = &self.expectations.origin;
        // Tokens in the Python fauth format do not name their origin.
        let (issuer, audiences) = match format {
            Format::Standard => (origin.issuer.as_deref(), origin.audiences.as_slice()),
            Format::PythonFauth => (None, &[][..]),
        };
        // The type is checked even if no issuer is required.
        if found.issuer.is_some_and(|issuer| !matches!(issuer.kind, Kind::String(_))) {
            return Err(TokenError::InvalidClaim("iss"));
        }
        if let Some(issuer) = issuer
            && claims.required("iss", found.issuer)? != issuer
        {
            return Err(TokenError::WrongIssuer);
        }
        match (audiences, found.audience) {
            ([], None) => {}
            ([], Some(_)) => return Err(TokenError::WrongAudience),
            (_, None) => return Err(TokenError::MissingClaim("aud")),
            (audiences, Some(value)) => claims.audience(value, audiences)?,
        }
        if format == Format::Standard && claims.required("app", found.application)? != *origin.application {
            return Err(TokenError::WrongApplication);
        }
        Ok(())
    }
}

/// Proof of possession is not supported, so a token that requires it is refused.
pub(super) fn refuse_bound(found: &Claims) -> Result<(), TokenError> {
    if found.confirmation.is_some() { Err(TokenError::SenderConstrained) } else { Ok(()) }
}

/// The leeways of a token's times in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leeways {
    /// How far `nbf` and `iat` may lie in the future.
    pub(super) leeway: i64,
    /// How long ago `exp` may have passed.
    pub(super) expiry_leeway: i64,
}

impl Leeways {
    /// For repeated checks, where only the end can have passed meanwhile.
    const fn of_expiry(expiry_leeway: i64) -> Self {
        Self { leeway: 0, expiry_leeway }
    }

    pub(super) const fn is_over(self, expires_at: Timestamp, now: Timestamp) -> bool {
        now.unix_seconds() >= self.end_of(expires_at).unix_seconds()
    }

    /// When a token that expires at `expires_at` stops being valid.
    const fn end_of(self, expires_at: Timestamp) -> Timestamp {
        Timestamp::from_unix_seconds(expires_at.unix_seconds().saturating_add(self.expiry_leeway))
    }

    pub(super) fn accept(
        self,
        issued: NumericDate,
        expires: NumericDate,
        not_before: Option<NumericDate>,
        max_lifetime: i64,
        now: Timestamp,
    ) -> Result<(), TokenError> {
        // All of these are in the years 1970 to 9999 (`NumericDate::read`), so no sum overflows.
        let latest = now.unix_seconds().saturating_add(self.leeway);
        let (issued, expires) = (issued.ceil(), expires.floor());
        if self.is_over(expires, now) {
            return Err(TokenError::Expired);
        }
        if issued.unix_seconds() > latest
            || not_before.is_some_and(|date| date.ceil().unix_seconds() > latest)
        {
            return Err(TokenError::NotYetValid);
        }
        let lifetime = expires.unix_seconds().saturating_sub(issued.unix_seconds());
        if lifetime <= 0 || lifetime > max_lifetime {
            return Err(TokenError::UnacceptableLifetime);
        }
        Ok(())
    }
}

impl Known {
    fn fixed(keys: FixedKeys, profile: TokenProfile) -> Self {
        let headers = PerPurpose::from_fn(|purpose| {
            let formats = profile.reads().iter();
            formats
                .flat_map(|format| {
                    keys.all().iter().enumerate().map(|(position, key)| KnownHeader {
                        segment: header_segment(key, *format, purpose).into_boxed_str(),
                        key: position,
                        format: *format,
                    })
                })
                .collect()
        });
        Self::Fixed { keys, headers }
    }
}

fn key_and_kind<'a>(
    keys: &'a FixedKeys,
    headers: &PerPurpose<Vec<KnownHeader>>,
    parts: &Parts<'_>,
    purpose: Purpose,
) -> Result<(&'a Key, Kinds), TokenError> {
    for known in headers.of(purpose) {
        if known.segment.as_bytes() == parts.header
            && let Some(key) = keys.all().get(known.key)
        {
            return Ok((key, Kinds::Known(known.format)));
        }
    }
    let text = parts.header_text()?;
    let header = Header::parse(&text)?;
    header.refuse_own_keys()?;
    let key = keys.find(header.key_id.as_deref()).ok_or(TokenError::UnknownKey)?;
    header.refuse_other_algorithm(key)?;
    Ok((key, Kinds::Named(header.media_type.map(Cow::into_owned))))
}

/// Verifies the signature of a compact JWS and returns its payload, whatever it is.
///
/// This is the layer below the claims. Size, form, header, algorithm and signature are checked as
/// strictly as for tokens; the payload is not examined, and may be empty. For tests against
/// published vectors, and for signed messages that are not tokens.
///
/// # Security
/// A valid signature does not make an access token: only
/// [`AuthProvider::verify_signature_and_claims`](crate::AuthProvider::verify_signature_and_claims)
/// checks purpose, expiry, issuer and audience.
///
/// # Errors
/// [`TokenError`] if anything but the payload is not acceptable.
pub fn verify_jws(compact: &str, key: &Key) -> Result<Vec<u8>, TokenError> {
    let parts = Parts::split(compact.as_bytes(), DEFAULT_MAX_TOKEN_BYTES)?;
    let mut signature = [0; INLINE_SIGNATURE_BYTES];
    let signature = parts.signature(&mut signature)?;
    let payload = parts.payload()?;
    let text = parts.header_text()?;
    let header = Header::parse(&text)?;
    header.refuse_own_keys()?;
    header.refuse_other_algorithm(key)?;
    if let (Some(named), Some(id)) = (header.key_id.as_deref(), key.id())
        && named != id
    {
        return Err(TokenError::UnknownKey);
    }
    parts.refuse_other_signature(key, &signature)?;
    Ok(payload)
}

pub(super) struct Parts<'a> {
    pub(super) header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// The signing input as received: `header "." payload`.
    pub(super) signed: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits at the first and the last dot. Only the payload may be empty, which a token's never
    /// is. A token with more dots fails when its payload is decoded, without being split into
    /// thousands of parts.
    pub(super) fn split(token: &'a [u8], max_bytes: usize) -> Result<Self, TokenError> {
        if token.len() > max_bytes {
            return Err(TokenError::TooLong);
        }
        let is_dot = |byte: &u8| *byte == b'.';
        let first = token.iter().position(is_dot).ok_or(TokenError::Malformed)?;
        let last = last_dot(token).ok_or(TokenError::Malformed)?;
        let part = |range: Range<usize>| match token.get(range) {
            None | Some([]) => Err(TokenError::Malformed),
            Some(part) => Ok(part),
        };
        // If there is only one dot, this range ends before it begins.
        let payload = token.get(first + 1..last).ok_or(TokenError::Malformed)?;
        let header = part(0..first)?;
        let (signature, signed) = (part(last + 1..token.len())?, part(0..last)?);
        Ok(Self { header, payload, signature, signed })
    }

    /// The JSON text of the header, if it is canonical base64url.
    pub(super) fn header_text(&self) -> Result<impl Deref<Target = [u8]> + use<>, TokenError> {
        base64url::decode_short(self.header).ok_or(TokenError::Malformed)
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, TokenError> {
        base64url::decode(self.payload).ok_or(TokenError::Malformed)
    }

    /// Decoded into the buffer if it fits.
    pub(super) fn signature<'b, const BYTES: usize>(
        &self,
        buffer: &'b mut [u8; BYTES],
    ) -> Result<Cow<'b, [u8]>, TokenError> {
        if self.signature.len() <= base64url::longest_text(BYTES) {
            return base64url::decode_to(self.signature, buffer)
                .map(Cow::Borrowed)
                .ok_or(TokenError::Malformed);
        }
        let signature = base64url::decode(self.signature).ok_or(TokenError::Malformed)?;
        // Longer than the signature of any key. The header is judged first and reports it; an empty
        // signature is never valid.
        let is_too_long = signature.len() > MAX_SIGNATURE_BYTES;
        Ok(if is_too_long { Cow::Borrowed(&[]) } else { Cow::Owned(signature) })
    }

    pub(super) fn refuse_other_signature(&self, key: &Key, signature: &[u8]) -> Result<(), TokenError> {
        if key.verifies(self.signed, signature) { Ok(()) } else { Err(TokenError::BadSignature) }
    }
}

/// The position of the last dot. The signature after it may be long, and is skipped many bytes at a
/// time.
fn last_dot(token: &[u8]) -> Option<usize> {
    let mut end = token.len();
    for chunk in token.rchunks(32) {
        // Without an early exit, the processor examines all of them at once.
        if chunk.iter().fold(0, |found, byte| found | u8::from(*byte == b'.')) != 0 {
            return token.get(..end)?.iter().rposition(|byte| *byte == b'.');
        }
        end -= chunk.len();
    }
    None
}

/// The kind of token according to its header, to be judged only after the signature was verified.
enum Kinds {
    /// The header is one that fauth writes for the required purpose.
    Known(Format),
    Named(Option<String>),
}

impl Kinds {
    /// Returns the format if the token has the required purpose.
    fn accept(self, purpose: Purpose, profile: TokenProfile) -> Result<Format, TokenError> {
        let named = match self {
            Self::Known(format) => return Ok(format),
            Self::Named(media_type) => media_type,
        };
        let wrong = |actual| TokenError::WrongPurpose { expected: purpose, actual };
        let named = named.ok_or_else(|| wrong(None))?;
        let is = |media_type: &str| same_media_type(&named, media_type);
        profile.reads().iter().copied().find(|format| is(format.media_type(purpose))).ok_or_else(|| {
            let others = Purpose::ALL.into_iter().filter(|other| *other != purpose);
            wrong(others.into_iter().find(|other| is(other.media_type())))
        })
    }
}

/// Compares media types: ASCII case is ignored, and `application/` is optional (RFC 7515 section
/// 4.1.9).
pub(super) fn same_media_type(named: &str, expected: &str) -> bool {
    const PREFIX: &str = "application/";
    let bare = match named.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => named,
    };
    bare.eq_ignore_ascii_case(expected)
}

#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) algorithm: Option<Cow<'a, str>>,
    pub(super) media_type: Option<Cow<'a, str>>,
    pub(super) key_id: Option<Cow<'a, str>>,
    brings_key: bool,
    unacceptable: Option<TokenError>,
}

impl<'a> Header<'a> {
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, TokenError> {
        let json = std::str::from_utf8(json).map_err(|_| TokenError::Malformed)?;
        let mut header = Self::default();
        json::scan_object(json, HEADER_LIMITS, |name, value| header.take(name, value, json))
            .map_err(|_| TokenError::Malformed)?;
        match header.unacceptable.take() {
            Some(error) => Err(error),
            None => Ok(header),
        }
    }

    fn take(&mut self, name: &str, value: Value, json: &'a str) {
        let text = value.text(json);
        match name {
            "alg" => match text {
                Some(text) => self.algorithm = Some(text),
                None => self.refuse(TokenError::WrongAlgorithm),
            },
            "typ" => match text {
                Some(text) => self.media_type = Some(text),
                None => self.refuse(TokenError::Malformed),
            },
            "kid" => match text {
                Some(text) if text.len() <= MAX_KEY_ID_BYTES => self.key_id = Some(text),
                _ => self.refuse(TokenError::UnknownKey),
            },
            // No extension is supported, so none may be critical. An empty or malformed list is
            // refused too.
            "crit" | "b64" | "zip" | "enc" => self.refuse(TokenError::ForbiddenHeader),
            "cty" if text.is_none_or(|text| same_media_type(&text, "JWT")) => {
                self.refuse(TokenError::ForbiddenHeader);
            }
            "jwk" | "jku" | "x5u" | "x5c" => self.brings_key = true,
            _ => {}
        }
    }

    /// The first fault is the one reported.
    fn refuse(&mut self, error: TokenError) {
        self.unacceptable.get_or_insert(error);
    }

    /// A key that comes with the token proves nothing.
    const fn refuse_own_keys(&self) -> Result<(), TokenError> {
        if self.brings_key { Err(TokenError::ForbiddenHeader) } else { Ok(()) }
    }

    pub(super) fn refuse_other_algorithm(&self, key: &Key) -> Result<(), TokenError> {
        if self.algorithm.as_deref() == Some(key.algorithm().as_str()) {
            Ok(())
        } else {
            Err(TokenError::WrongAlgorithm)
        }
    }
}

/// The positions of the claims that the verifier knows, found in one scan.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) subject: Option<Value>,
    pub(super) token_id: Option<Value>,
    pub(super) token_type: Option<Value>,
    pub(super) application: Option<Value>,
    pub(super) issuer: Option<Value>,
    pub(super) audience: Option<Value>,
    pub(super) expires_at: Option<Value>,
    pub(super) issued_at: Option<Value>,
    pub(super) not_before: Option<Value>,
    pub(super) scopes: Option<Value>,
    pub(super) scope: Option<Value>,
    pub(super) session: Option<Value>,
    pub(super) epoch: Option<Value>,
    pub(super) user_epoch: Option<Value>,
    pub(super) confirmation: Option<Value>,
}

impl Claims {
    fn scan(json: &str) -> Result<Self, TokenError> {
        let mut claims = Self::default();
        json::scan_object(json, CLAIMS_LIMITS, |name, value| {
            if let Some(slot) = claims.slot(name) {
                *slot = Some(value);
            }
        })
        .map_err(|_: Fault| TokenError::MalformedClaims)?;
        Ok(claims)
    }

    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<Value>> {
        match name {
            "sub" => Some(&mut self.subject),
            "jti" => Some(&mut self.token_id),
            "token_type" => Some(&mut self.token_type),
            "app" => Some(&mut self.application),
            "iss" => Some(&mut self.issuer),
            "aud" => Some(&mut self.audience),
            "exp" => Some(&mut self.expires_at),
            "iat" => Some(&mut self.issued_at),
            "nbf" => Some(&mut self.not_before),
            "scopes" => Some(&mut self.scopes),
            "scope" => Some(&mut self.scope),
            "sid" => Some(&mut self.session),
            "token_epoch" => Some(&mut self.epoch),
            "user_epoch" => Some(&mut self.user_epoch),
            "cnf" => Some(&mut self.confirmation),
            _ => None,
        }
    }
}

/// Reads claims with their required types. A claim that is null or of another type is never treated
/// as absent.
pub(super) struct Reader<'a> {
    pub(super) json: &'a str,
}

impl Reader<'_> {
    fn purpose(&self, token_type: Option<Value>, expected: Purpose) -> Result<(), TokenError> {
        let value = token_type.ok_or(TokenError::MissingClaim("token_type"))?;
        let text = value.text(self.json).ok_or(TokenError::InvalidClaim("token_type"))?;
        let actual = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        if actual == Some(expected) { Ok(()) } else { Err(TokenError::WrongPurpose { expected, actual }) }
    }

    pub(super) fn text(
        &self,
        name: &'static str,
        value: Option<Value>,
        max_bytes: usize,
    ) -> Result<Span, TokenError> {
        let value = value.ok_or(TokenError::MissingClaim(name))?;
        let span = Span::of(value, self.json).ok_or(TokenError::InvalidClaim(name))?;
        match span.len() {
            0 => Err(TokenError::InvalidClaim(name)),
            length if length > max_bytes => Err(TokenError::InvalidClaim(name)),
            _ => Ok(span),
        }
    }

    /// The text of a required claim.
    pub(super) fn required(
        &self,
        name: &'static str,
        value: Option<Value>,
    ) -> Result<Cow<'_, str>, TokenError> {
        let value = value.ok_or(TokenError::MissingClaim(name))?;
        value.text(self.json).ok_or(TokenError::InvalidClaim(name))
    }

    pub(super) fn date(
        &self,
        name: &'static str,
        value: Option<Value>,
    ) -> Result<Option<NumericDate>, TokenError> {
        let Some(value) = value else { return Ok(None) };
        let Kind::Number = value.kind else { return Err(TokenError::InvalidClaim(name)) };
        NumericDate::read(value.raw(self.json)).map(Some).ok_or(TokenError::InvalidClaim(name))
    }

    /// A whole number; 0 if the claim is absent.
    fn epoch(&self, name: &'static str, value: Option<Value>) -> Result<u64, TokenError> {
        let Some(value) = value else { return Ok(0) };
        let Kind::Number = value.kind else { return Err(TokenError::InvalidClaim(name)) };
        value.raw(self.json).parse().map_err(|_| TokenError::InvalidClaim(name))
    }

    /// The claim that lists the scopes: `scopes`, or `scope` of RFC 9068. If both are present they
    /// must list the same scopes, because other readers of the token may use the other claim.
    fn scopes(&self, list: Option<Value>, text: Option<Value>) -> Result<Option<Value>, TokenError> {
        if list.is_some_and(|list| list.kind != Kind::Array(Elements::Strings)) {
            return Err(TokenError::InvalidClaim("scopes"));
        }
        let Some(text) = text else { return Ok(list) };
        let scope = text.text(self.json).ok_or(TokenError::InvalidClaim("scope"))?;
        if !scope.is_empty() && !scope.split(' ').all(is_scope) {
            return Err(TokenError::InvalidClaim("scope"));
        }
        let Some(list) = list else { return Ok(Some(text)) };
        let mut listed = BTreeSet::new();
        self.each_string(list, |scope| {
            listed.insert(scope.to_owned());
        });
        let named: BTreeSet<&str> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
        let are_same = named.len() == listed.len() && listed.iter().all(|scope| named.contains(&**scope));
        if are_same { Ok(Some(list)) } else { Err(TokenError::InvalidClaim("scope")) }
    }

    pub(super) fn audience(&self, value: Value, configured: &[Box<str>]) -> Result<(), TokenError> {
        let mut named = 0;
        let mut matches = false;
        let mut look = |audience: &str| {
            named += 1;
            matches |= configured.iter().any(|configured| **configured == *audience);
        };
        match value.kind {
            Kind::String(_) => look(&value.text(self.json).unwrap_or_default()),
            Kind::Array(Elements::Strings) => self.each_string(value, look),
            _ => return Err(TokenError::InvalidClaim("aud")),
        }
        match (named, matches) {
            (0, _) => Err(TokenError::InvalidClaim("aud")),
            (_, true) => Ok(()),
            (_, false) => Err(TokenError::WrongAudience),
        }
    }

    /// Calls `each` with every element of an array of strings.
    fn each_string(&self, value: Value, mut each: impl FnMut(&str)) {
        let array = value.raw(self.json);
        // The array was scanned with the claims before, so this cannot fail.
        let _ = json::scan_array(array, CLAIMS_LIMITS, |element| {
            if let Some(text) = element.text(array) {
                each(&text);
            }
        });
    }
}

/// A `NumericDate` (RFC 7519 section 2): seconds since the epoch, up to the year 9999, optionally
/// with a fraction.
#[derive(Clone, Copy)]
pub(super) struct NumericDate {
    seconds: i64,
    has_fraction: bool,
}

impl NumericDate {
    /// `number` must be a JSON number.
    fn read(number: &str) -> Option<Self> {
        let date = match Self::whole_seconds(number) {
            Some(seconds) => Self { seconds, has_fraction: false },
            None => Self::read_fraction(number)?,
        };
        (0..=Timestamp::MAX.unix_seconds()).contains(&date.seconds).then_some(date)
    }

    /// Digits only; fifteen of them cannot overflow.
    fn whole_seconds(number: &str) -> Option<i64> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        let mut digits = number.bytes().map(digit);
        if number.len() > 15 { None } else { digits.try_fold(0, |value, digit| Some(value * 10 + digit?)) }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bounds are checked before, and the fraction is kept apart"
    )]
    fn read_fraction(number: &str) -> Option<Self> {
        let value: f64 = number.parse().ok()?;
        // Every whole number within these bounds is exact in an f64.
        if !(0.0..=253_402_300_799.0).contains(&value) {
            return None;
        }
        Some(Self { seconds: value.trunc() as i64, has_fraction: value.fract() > 0.0 })
    }

    /// The stricter reading of an expiry.
    pub(super) const fn floor(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.seconds)
    }

    /// The stricter reading of a start.
    pub(super) const fn ceil(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.seconds + if self.has_fraction { 1 } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_dot_is_found_wherever_it_is() {
        for length in 0..100 {
            let mut text = vec![b'a'; length];
            assert_eq!(last_dot(&text), None);
            for last in 0..length {
                text.fill(b'a');
                for dot in [last, last / 2, 0] {
                    text[dot] = b'.';
                }
                assert_eq!(last_dot(&text), Some(last), "{length}");
            }
        }
    }
}
