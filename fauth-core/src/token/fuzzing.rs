//! Fuzz targets for tokens, keys and mandates.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a broken invariant is meant to panic")]

#[cfg(feature = "mandates")]
use std::sync::Arc;
use std::{collections::BTreeMap, fmt, sync::OnceLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Algorithm, FixedKeys, Key, Keys, Origin, PerPurpose, Purpose, TokenError, TokenProfile, base64url,
    json::{self, Elements, Fault, Kind, Limits, Value},
    json_object::JsonObject,
    limits::{CLAIMS_LIMITS, HEADER_LIMITS, MAX_SUBJECT_BYTES, MAX_TOKEN_ID_BYTES},
    verify::{Expectations, Verifier, verify_jws},
};
#[cfg(feature = "mandates")]
use super::{
    claim_lookup::{ClaimIndex, IndexedClaims},
    mandate::{Mandate, MandateProfile},
};
#[cfg(feature = "trusted-issuers")]
use super::{foreign::UnverifiedForeign, public_keys::MAX_KEYS, public_keys::PublicKeys};
use crate::clock::Timestamp;

/// Checks that the scanner accepts exactly what `serde_json` accepts, within its limits and without
/// duplicate members, and that both read the same values.
pub(crate) fn json(text: &str) -> bool {
    let accepted = [HEADER_LIMITS, CLAIMS_LIMITS].map(|limits| scan_like_serde(text, limits));
    // A value scans alike by itself and as a member.
    let wrapped = format!("{{\"a\":{text}}}");
    let inside = json::scan_value(text, CLAIMS_LIMITS);
    if let Ok(members) = inside {
        let limits = Limits { members: CLAIMS_LIMITS.members + 1, ..CLAIMS_LIMITS };
        let mut seen = 0;
        let scanned = json::scan_object(&wrapped, limits, |_, value| {
            seen += 1;
            assert_eq!(value.raw(&wrapped), text);
        });
        assert_eq!((scanned, seen), (Ok(()), 1), "{members}");
    }
    accepted.contains(&true)
}

fn scan_like_serde(text: &str, limits: Limits) -> bool {
    let mut members = Vec::new();
    let scanned = json::scan_members(text, limits, |name, place, value| {
        members.push((name.to_owned(), place, value));
    });
    match (scanned, Shape::of(text)) {
        (Ok(()), Ok(shape)) => assert!(shape.is_within(limits), "{shape:?}"),
        // The scanner does not convert numbers, so no number is too large for it.
        (Ok(()), Err(error)) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
        (Err(fault), Ok(shape)) => {
            let expected = match fault {
                Fault::NotAnObject => !shape.is_object,
                Fault::DuplicateMember => shape.has_duplicates,
                Fault::TooDeep => shape.depth > limits.depth,
                Fault::TooManyMembers => shape.members > limits.members,
                Fault::Syntax | Fault::LoneSurrogate => false,
            };
            assert!(expected, "{fault:?}: {shape:?}");
        }
        (Err(_), Err(_)) => {}
    }
    if scanned.is_err() {
        return false;
    }
    let theirs: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
    assert_eq!(theirs.len(), members.len());
    let mut written = JsonObject::with_capacity(text.len());
    for (name, place, value) in &members {
        assert_eq!(place.text(text).as_deref(), Some(&**name));
        assert_eq!(theirs.get(name).map(|value| value.get()), Some(value.raw(text)));
        same_value(*value, text);
        written.raw(name, value.raw(text));
    }
    // What the writer writes is read again.
    let written = written.finish();
    let mut again = Vec::new();
    let scanned = json::scan_object(&written, limits, |name, value| {
        again.push((name.to_owned(), value.raw(&written).to_owned()));
    });
    assert_eq!(scanned, Ok(()));
    assert!(
        again
            .iter()
            .map(|(name, raw)| (&**name, &**raw))
            .eq(members.iter().map(|(name, _, value)| (&**name, value.raw(text))))
    );
    true
}

fn same_value(value: Value, text: &str) {
    let raw = value.raw(text);
    let own = value.text(text);
    match value.kind {
        Kind::String(_) => assert_eq!(own.as_deref(), Some(&*serde_json::from_str::<String>(raw).unwrap())),
        Kind::Number => assert!(raw.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])),
        Kind::Bool => assert!(serde_json::from_str::<bool>(raw).is_ok()),
        Kind::Null => assert_eq!(raw, "null"),
        Kind::Object => assert!(raw.starts_with('{') && raw.ends_with('}')),
        Kind::Array(elements) => {
            let theirs: Vec<&RawValue> = serde_json::from_str(raw).unwrap();
            let mut ours = Vec::new();
            let scanned = json::scan_array(raw, CLAIMS_LIMITS, |element| ours.push(element));
            assert_eq!(scanned, Ok(()));
            assert!(ours.iter().map(|own| own.raw(raw)).eq(theirs.iter().map(|value| value.get())));
            let are_strings = serde_json::from_str::<Vec<String>>(raw).is_ok();
            assert_eq!(elements == Elements::Strings, are_strings);
        }
    }
    if !matches!(value.kind, Kind::String(_)) {
        assert_eq!(own, None);
    }
}

/// The structure of a text, as `serde_json` parses it.
#[derive(Debug, Default)]
struct Shape {
    is_object: bool,
    /// How deep containers are nested.
    depth: usize,
    /// The number of members in all objects together.
    members: usize,
    has_duplicates: bool,
}

impl Shape {
    fn of(text: &str) -> serde_json::Result<Self> {
        let mut shape: Self = serde_json::from_str(text)?;
        shape.is_object = text.trim_start().starts_with('{');
        Ok(shape)
    }

    const fn is_within(&self, limits: Limits) -> bool {
        self.is_object && self.depth <= limits.depth && self.members <= limits.members && !self.has_duplicates
    }

    fn add(&mut self, inner: &Self) {
        self.depth = self.depth.max(inner.depth + 1);
        self.members += inner.members;
        self.has_duplicates |= inner.has_duplicates;
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut shape = Shape { depth: 1, ..Shape::default() };
        while let Some(inner) = seq.next_element()? {
            shape.add(&inner);
        }
        Ok(shape)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Shape { depth: 1, ..Shape::default() };
        let mut names = std::collections::BTreeSet::new();
        while let Some((name, inner)) = map.next_entry::<String, Shape>()? {
            shape.add(&inner);
            shape.members += 1;
            shape.has_duplicates |= !names.insert(name);
        }
        Ok(shape)
    }
}

/// Checks that the three decoders and the `base64` crate agree, and that each value has one
/// encoding.
pub(crate) fn base64url(text: &[u8]) -> bool {
    let decoded = base64url::decode(text);
    assert_eq!(decoded, URL_SAFE_NO_PAD.decode(text).ok());
    assert_eq!(base64url::decode_short(text).as_deref(), decoded.as_deref());
    let mut buffer = [0; 64];
    let fits = decoded.as_deref().filter(|bytes| bytes.len() <= buffer.len());
    assert_eq!(base64url::decode_to(text, &mut buffer), fits);
    if let Some(bytes) = &decoded {
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes).as_bytes(), text);
        assert!(text.len() <= base64url::longest_text(bytes.len()));
    }
    let encoded = URL_SAFE_NO_PAD.encode(text);
    assert_eq!(base64url::decode(encoded.as_bytes()).as_deref(), Some(text));
    decoded.is_some()
}

/// Signs nothing but the tokens of this target.
const KEY: &[u8] = b"a key of fuzz targets, known to all";
const NOW: i64 = 1_800_000_000;
const PURPOSES: [Purpose; 2] = [Purpose::Access, Purpose::Refresh];

fn key() -> Key {
    Key::danger_short_hmac(Algorithm::HS256, KEY).unwrap()
}

fn verifiers() -> &'static [Verifier; 3] {
    static VERIFIERS: OnceLock<[Verifier; 3]> = OnceLock::new();
    let origin = |issuer: Option<&str>, audiences: &[&str]| Origin {
        application: "shop".into(),
        issuer: issuer.map(Into::into),
        audiences: audiences.iter().map(|audience| (*audience).into()).collect(),
    };
    let verifier = |keys: Vec<Key>, profile, origin| {
        let keys = Keys::Fixed(FixedKeys::new(key(), keys).unwrap());
        let expectations = Expectations {
            profile,
            origin,
            leeway: 5,
            expiry_leeway: 0,
            max_lifetime: PerPurpose::from_fn(|_| 3600),
            max_token_bytes: 8192,
        };
        Verifier::new(keys, expectations)
    };
    VERIFIERS.get_or_init(|| {
        let other = Key::danger_short_hmac(Algorithm::HS512, KEY).unwrap().with_id("b").unwrap();
        let addressed = origin(Some("https://shop.example"), &["api", "web"]);
        [
            verifier(vec![], TokenProfile::Standard, origin(None, &[])),
            verifier(vec![other], TokenProfile::Standard, addressed),
            verifier(vec![], TokenProfile::PythonFauthMigration, origin(None, &[])),
        ]
    })
}

/// Verifies a compact token; or, if there is a line feed, a token that is made of the header before
/// it and the claims after it, and signed here.
pub(crate) fn token(bytes: &[u8]) -> bool {
    let signed = bytes.iter().position(|byte| *byte == b'\n').map(|at| {
        let (header, claims) = (&bytes[..at], &bytes[at + 1..]);
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(key().sign(token.as_bytes()).unwrap().as_bytes());
        format!("{token}.{signature}")
    });
    let token = signed.as_deref().map_or(bytes, str::as_bytes);
    let now = Timestamp::from_unix_seconds(NOW);
    let mut is_accepted = false;
    for verifier in verifiers() {
        let verdicts = PURPOSES.map(|purpose| verifier.verify(token, purpose, now));
        assert!(!verdicts.iter().all(Result::is_ok), "a token of two purposes");
        for payload in verdicts.into_iter().flatten() {
            accepted(verifier, token, &payload);
            is_accepted = true;
        }
    }
    let text = String::from_utf8_lossy(token);
    if let Ok(payload) = verify_jws(&text, &key()) {
        let parts: Vec<_> = text.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[1]).ok(), Some(payload));
    }
    #[cfg(feature = "trusted-issuers")]
    if let Ok(token) = UnverifiedForeign::read(token, 8192) {
        assert!(token.issuer().is_ok());
        if token.refuse_hopeless(now).is_ok() {
            assert!(token.check_header().is_ok());
        }
    }
    is_accepted
}

fn accepted(verifier: &Verifier, token: &[u8], payload: &super::TokenPayload) {
    let now = Timestamp::from_unix_seconds(NOW);
    assert!((1..=MAX_SUBJECT_BYTES).contains(&payload.subject().len()));
    assert!((1..=MAX_TOKEN_ID_BYTES).contains(&payload.token_id().len()));
    assert!(payload.expires_at() > now && payload.issued_at() < payload.expires_at());
    assert!(verifier.still_valid(payload, now));
    // `serde_json` reads the same claims.
    let parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
    assert_eq!(parts.len(), 3);
    let header = URL_SAFE_NO_PAD.decode(parts[0]).unwrap();
    let header: BTreeMap<String, &RawValue> = serde_json::from_slice(&header).unwrap();
    let algorithm: String = serde_json::from_str(header["alg"].get()).unwrap();
    assert!(matches!(&*algorithm, "HS256" | "HS512"), "{algorithm}");
    assert!(["crit", "b64", "zip", "enc", "jwk", "jku"].iter().all(|name| !header.contains_key(*name)));
    let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let claims: BTreeMap<String, &RawValue> = serde_json::from_slice(&claims).unwrap();
    let text = |name: &str| claims.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    assert_eq!(text("sub").as_deref(), Some(payload.subject()));
    assert_eq!(text("jti").as_deref(), Some(payload.token_id()));
    assert_eq!(text("sid").as_deref(), payload.session_id());
    assert!(!claims.contains_key("cnf"));
    for scope in payload.scopes() {
        assert!(payload.has_scope(&scope), "{scope:?}");
    }
    let mut count = 0;
    payload.each_claim(|name, raw| {
        count += 1;
        assert_eq!(claims.get(name).map(|value| value.get()), Some(raw));
    });
    assert_eq!(count, claims.len());
    let _ = (payload.custom_claims(), payload.authenticated_at(), payload.began_at(), format!("{payload:?}"));
    // With any byte changed, the token is refused.
    for at in [0, token.len() / 2, token.len() - 1] {
        let mut other = token.to_vec();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(verifier.verify(&other, payload.purpose(), now).is_err());
    }
    assert!(matches!(
        verifier.verify(token, payload.purpose(), Timestamp::from_unix_seconds(NOW + 3605)),
        Err(TokenError::Expired)
    ));
}

/// Checks that an accepted key survives a round trip, and that an accepted set holds public keys
/// only.
pub(crate) fn jwk(text: &str) -> bool {
    let mut is_accepted = false;
    for algorithm in Algorithm::ALL {
        let Ok(key) = Key::from_jwk(text, algorithm) else { continue };
        assert_eq!(key.algorithm(), algorithm);
        is_accepted = true;
        let Some(public) = key.public_jwk() else {
            assert!(algorithm.is_symmetric());
            continue;
        };
        has_no_private_member(&public);
        let again = Key::from_jwk(&public, algorithm).unwrap();
        assert!(!again.can_sign());
        assert_eq!(again.public_jwk().as_ref(), Some(&public));
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert_eq!(again.id(), key.id());
        assert!(!again.verifies(b"message", &vec![0; again.signature_bytes()]));
    }
    #[cfg(feature = "trusted-issuers")]
    let is_accepted = jwks(text) || is_accepted;
    is_accepted
}

fn has_no_private_member(jwk: &str) {
    let members: BTreeMap<String, serde_json::Value> = serde_json::from_str(jwk).unwrap();
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(members.get(private).is_none_or(serde_json::Value::is_null), "{private}");
    }
}

#[cfg(feature = "trusted-issuers")]
fn jwks(text: &str) -> bool {
    let Ok(set) = PublicKeys::from_jwks(text, &Algorithm::ALL) else { return false };
    assert!((1..=MAX_KEYS).contains(&set.len()));
    // `serde_json` refuses numbers that are too large, also in members that are ignored.
    let Ok(document) = serde_json::from_str::<serde_json::Value>(text) else { return true };
    for jwk in document["keys"].as_array().unwrap() {
        has_no_private_member(&jwk.to_string());
        if let Some(key) = jwk["kid"].as_str().and_then(|id| set.find(Some(id))) {
            assert!(!key.can_sign() && !key.algorithm().is_symmetric());
            assert_eq!(key.id(), jwk["kid"].as_str());
        }
    }
    true
}

/// Checks that a mandate holds what `serde_json` reads from the claims.
#[cfg(feature = "mandates")]
pub(crate) fn mandate(claims: &str) -> bool {
    let mut index = ClaimIndex::default();
    let scanned = json::scan_members(claims, CLAIMS_LIMITS, |_, name, value| index.add(name, value));
    if scanned.is_err() {
        return false;
    }
    let profile = MandateProfile { zone: Arc::from("zone_1") };
    let Ok(mandate) = profile.read(IndexedClaims::new(claims, &index)) else { return false };
    let theirs: BTreeMap<String, &RawValue> = serde_json::from_str(claims).unwrap();
    same_mandate(&mandate, |name| theirs.get(name).map(|value| value.get()));
    true
}

#[cfg(feature = "mandates")]
fn same_mandate<'a>(mandate: &Mandate, claim: impl Fn(&str) -> Option<&'a str>) {
    let text = |name: &str| claim(name).and_then(|raw| serde_json::from_str::<String>(raw).ok());
    let texts = |name: &str| {
        let read = claim(name).and_then(|raw| serde_json::from_str::<Option<Vec<String>>>(raw).unwrap());
        read.unwrap_or_default()
    };
    for (name, own) in [
        ("client_id", mandate.client_id()),
        ("sid", mandate.sid()),
        ("root_sid", mandate.root_sid()),
        ("zone_id", mandate.zone()),
        ("use", mandate.mandate_use().as_str()),
        ("sub_type", mandate.subject_type().as_str()),
    ] {
        assert_eq!(text(name).as_deref(), Some(own), "{name}");
        assert!((1..=255).contains(&own.len()));
    }
    for (name, own) in [
        ("agent_session_id", mandate.agent_session_id()),
        ("delegation_edge_id", mandate.delegation_edge_id()),
        ("source_session_id", mandate.source_session_id()),
        ("target_session_id", mandate.target_session_id()),
    ] {
        assert_eq!(text(name).filter(|text| !text.is_empty()).as_deref(), own, "{name}");
    }
    let scope = text("scope").unwrap_or_default();
    assert!(scope.split(' ').filter(|word| !word.is_empty()).eq(mandate.scopes()));
    assert!(texts("target").iter().eq(mandate.targets()));
    assert!(
        texts("delegation_path").iter().map(|id| &**id).eq(mandate.delegation_path().iter().map(|id| &**id))
    );
    let number = |name: &str| claim(name).and_then(|raw| serde_json::from_str::<Option<u64>>(raw).unwrap());
    assert_eq!(number("hop_count").unwrap_or(0), u64::from(mandate.hop_count()));
    assert_eq!(number("delegation_graph_epoch"), mandate.delegation_graph_epoch());
    let hops = mandate.hop_count() as usize;
    assert!(mandate.delegation_path().len() <= hops && mandate.delegation_path().len() <= 32);
    assert!(mandate.chain().len() <= 32 && mandate.chain().len() <= hops + 1);
    assert!(mandate.chain().iter().all(|hop| !hop.application_id().is_empty()));
}
