//! Tokens of another issuer, signed with ES256, `EdDSA` and RS256: what verifying one costs beside
//! the raw primitive, and what a cache of verified tokens would save. All in one process and in
//! turns.

use std::{
    collections::HashMap,
    hint::black_box,
    net::SocketAddr,
    sync::{PoisonError, RwLock},
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthProvider, Purpose, Requirement, TokenRequest,
    request::{HeaderValues, RequestHead},
    token::{Algorithm, Key},
};
use measure::{Case, Effort, Measured, measure};
use sha2::{Digest as _, Sha256};

use crate::{
    Result,
    in_process::now,
    part::Part,
    provider::{User, provider_signing, provider_trusting_issuer},
    table::{count, head, table},
    token::{ROLES, SCOPES, SUBJECT},
};

const RAW: &str = "aws-lc-rs with a parsed key";
const READ: &str = "fauth reads a request";
const CHECK: &str = "fauth checks a request";
const OWN: &str = "fauth checks a request with an own token";
const HIT: &str = "a hit in a cache of verified tokens";

const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];

/// As many tokens as a busy service would keep.
const CACHED: u64 = 100_000;

/// Measures and judges everything.
pub(crate) fn part() -> Result<Part> {
    let mut cases = Vec::new();
    for algorithm in ALGORITHMS {
        cases.extend(cases_of(algorithm)?);
    }
    cases.push(hit());
    // Neighbours disturb some rounds; the minimum of two series is steadier.
    let mut measured = measure(&mut cases, Effort::Normal);
    for (one, again) in measured.iter_mut().zip(measure(&mut cases, Effort::Normal)) {
        one.min_ns = one.min_ns.min(again.min_ns);
        one.median_ns = one.median_ns.min(again.median_ns);
    }
    let mut part = Part::default();
    for algorithm in ALGORITHMS {
        judge(&mut part, algorithm.as_str(), &measured);
    }
    part.say("tokens of another issuer, and what a cache of them would do (reading is verifying, checking is what a guard does)");
    part.say(table_of(&measured));
    Ok(part)
}

fn cases_of(algorithm: Algorithm) -> Result<Vec<Case<'static>>> {
    let (private, raw) = keys(algorithm)?;
    let key = Key::from_der(algorithm, &private)?;
    let jwks = format!(r#"{{"keys":[{}]}}"#, key.public_jwk().ok_or("the key is a secret")?);
    let (issuer, server) = (provider_signing(key)?, provider_trusting_issuer(algorithm, jwks)?);
    let request = TokenRequest::for_subject(SUBJECT).scopes(SCOPES).claim("roles", ROLES);
    let token = now(issuer.issue(Purpose::Access, request))?.expose().to_owned();

    let (signed, signature) = token.rsplit_once('.').ok_or("the token has no dot")?;
    let (signed, signature) = (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
    raw.verify_sig(signed.as_bytes(), &signature)?;
    let name = |what: &str| format!("{}, {what}", algorithm.as_str());
    let (reader, head) = (server.clone(), Bearer::new(&token));
    Ok(vec![
        Case::new(name(RAW), move || raw.verify_sig(black_box(signed.as_bytes()), &signature)),
        Case::new(name(READ), move || reader.read(black_box(&head))),
        checking(name(CHECK), server, &token)?,
        checking(name(OWN), issuer, &token)?,
    ])
}

fn checking(name: String, auth: AuthProvider<User>, token: &str) -> Result<Case<'static>> {
    let (head, requirement) = (Bearer::new(token), Requirement::user().scopes(SCOPES));
    let check = move || now(auth.check(auth.read(black_box(&head)), &requirement));
    check().map_err(|_| format!("{name}: the token is refused"))?;
    Ok(Case::new(name, check))
}

/// What a cache would do for a token that it has seen: its hash, the look-up, and whether it has
/// expired. What comes after the verification comes after a hit too.
fn hit() -> Case<'static> {
    let hash = |token: &[u8]| -> [u8; 32] { Sha256::digest(token).into() };
    let token = "t".repeat(600);
    let others = (1..CACHED).map(|number| (hash(&number.to_le_bytes()), number));
    let entries: HashMap<[u8; 32], u64> = others.chain([(hash(token.as_bytes()), CACHED)]).collect();
    let cache = RwLock::new(entries);
    Case::new(HIT, move || {
        let key = hash(black_box(token.as_bytes()));
        let cache = cache.read().unwrap_or_else(PoisonError::into_inner);
        cache.get(&key).is_some_and(|expires| *expires > black_box(17))
    })
}

/// A request with nothing but its token.
pub(crate) struct Bearer(String);

impl Bearer {
    pub(crate) fn new(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }
}

impl RequestHead for Bearer {
    fn method(&self) -> &'static str {
        "GET"
    }

    fn path(&self) -> &'static str {
        "/orders"
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a> {
        (name == "authorization").then_some(self.0.as_bytes()).into_iter().collect()
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    fn is_secure(&self) -> bool {
        true
    }
}

fn judge(part: &mut Part, algorithm: &str, measured: &[Measured]) {
    let time = |what: &str| {
        let case = measured.iter().find(|one| one.name == format!("{algorithm}, {what}"));
        case.map(|one| one.min_ns)
    };
    let (Some(raw), Some(read)) = (time(RAW), time(READ)) else { return };
    let times = format!("{:.3} x, {:+.0} ns ({read:.0} ns / {raw:.0} ns)", read / raw, read - raw);
    part.judge(&format!("{algorithm}-foreign"), times, read <= 1.06 * raw + 1000.0);
}

pub(crate) fn table_of(measured: &[Measured]) -> String {
    let mut rows = vec![head(["case", "min ns", "median ns", "allocations"])];
    rows.extend(measured.iter().map(|one| {
        let allocations = count(one.allocations);
        vec![one.name.clone(), format!("{:.0}", one.min_ns), format!("{:.0}", one.median_ns), allocations]
    }));
    table(&rows)
}

/// A private key, and its public half for the raw primitive.
fn keys(algorithm: Algorithm) -> Result<(Vec<u8>, ParsedPublicKey)> {
    Ok(match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let raw = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
            (pair.to_pkcs8v1()?.as_ref().to_vec(), raw)
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate()?;
            let raw = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref())?;
            (pair.to_pkcs8v1()?.as_ref().to_vec(), raw)
        }
        _ => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let raw = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
            let private: Pkcs8V1Der<'_> = pair.as_der()?;
            (private.as_ref().to_vec(), raw)
        }
    })
}
