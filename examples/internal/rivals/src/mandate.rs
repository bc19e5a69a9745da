//! A request with a mandate: what the whole check costs beside the signature's own floor, with the
//! revocations in memory. All in one process and in turns.

use std::hint::black_box;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthProvider, MandateAuth, Principal, Requirement,
    remote::JwksSource,
    store::{AnchorStore as _, DEFAULT_ANCHOR_LIFETIME, MemoryAnchorStore},
    token::{Algorithm, Key},
};
use measure::{Case, Effort, Measured, measure};
use serde_json::{Value, json};

use crate::{
    Result,
    foreign::{Bearer, table_of},
    in_process::now,
    part::Part,
    token::{AUDIENCE, Claims, ISSUER, SUBJECT},
};

const RAW: &str = "aws-lc-rs with a parsed key";
const CHECK: &str = "fauth checks a request";

const ZONE: &str = "zone_prod";
const SCOPES: [&str; 2] = ["billing:read", "billing:payout"];
const TARGET: &str = "https://api.example.com/x";

/// How many anchors are revoked, none of them of the mandates that are measured.
const REVOKED: usize = 10_000;

/// The mandates: one with nothing but what it must have, and one with everything.
const PLAIN: &str = "mandate";
const DELEGATED: &str = "delegated mandate";

/// Measures and judges everything.
pub(crate) fn part() -> Result<Part> {
    let sender = Sender::new()?;
    let auth = provider(&sender)?;
    let plain = Requirement::user().scopes(SCOPES);
    let delegated = plain.clone().targets([TARGET]).agent_session().delegation().chain_contains(["app_root"]);
    let mut cases = Vec::from(cases_of(PLAIN, &sender, &claims()?, &auth, plain)?);
    cases.extend(cases_of(DELEGATED, &sender, &delegated_claims()?, &auth, delegated)?);
    // Neighbours disturb some rounds; the minimum of two series is steadier.
    let mut measured = measure(&mut cases, Effort::Normal);
    for (one, again) in measured.iter_mut().zip(measure(&mut cases, Effort::Normal)) {
        one.min_ns = one.min_ns.min(again.min_ns);
        one.median_ns = one.median_ns.min(again.median_ns);
    }
    let mut part = Part::default();
    for name in [PLAIN, DELEGATED] {
        judge(&mut part, name, &measured);
    }
    part.say(format!(
        "a guarded request with a mandate (ES256), beside its signature alone: claims, requirement, and its anchors \
         among {REVOKED} that are revoked, in memory"
    ));
    part.say(table_of(&measured));
    Ok(part)
}

fn cases_of(
    name: &str,
    sender: &Sender,
    claims: &Value,
    auth: &AuthProvider<Principal>,
    requirement: Requirement,
) -> Result<[Case<'static>; 2]> {
    let (input, signature) = sender.signed(claims)?;
    let head = Bearer::new(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature)));
    let (raw, auth) = (sender.public()?, auth.clone());
    raw.verify_sig(input.as_bytes(), &signature)?;
    let check = move || now(auth.check(auth.read(black_box(&head)), &requirement));
    check().map_err(|rejection| format!("{name}: refused: {}", rejection.reason()))?;
    Ok([
        Case::new(format!("{name}, {RAW}"), move || raw.verify_sig(black_box(input.as_bytes()), &signature)),
        Case::new(format!("{name}, {CHECK}"), check),
    ])
}

/// Accepts the mandates of this key.
fn provider(sender: &Sender) -> Result<AuthProvider<Principal>> {
    let anchors = MemoryAnchorStore::new();
    for number in 0..REVOKED {
        now(anchors.revoke(&[&format!("session-{number}")], DEFAULT_ANCHOR_LIFETIME))?;
    }
    let key = Key::from_der(Algorithm::ES256, &sender.private()?)?;
    let jwks = format!(r#"{{"keys":[{}]}}"#, key.public_jwk().ok_or("the key is a secret")?);
    Ok(MandateAuth::builder()
        .issuer(ISSUER)
        .zone(ZONE)
        .audience(AUDIENCE)
        .keys(JwksSource::fixed(jwks)?)
        .revocations(anchors)
        .build()?)
}

/// Who issues the mandates.
struct Sender(EcdsaKeyPair);

impl Sender {
    fn new() -> Result<Self> {
        Ok(Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?))
    }

    fn private(&self) -> Result<Vec<u8>> {
        Ok(self.0.to_pkcs8v1()?.as_ref().to_vec())
    }

    fn public(&self) -> Result<ParsedPublicKey> {
        Ok(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.0.public_key().as_ref())?)
    }

    /// What is signed, and the signature.
    fn signed(&self, claims: &Value) -> Result<(String, Vec<u8>)> {
        let key = Key::from_der(Algorithm::ES256, &self.private()?)?;
        let id = key.id().ok_or("the key has no id")?;
        let header = json!({ "alg": "ES256", "kid": id, "typ": "JWT" }).to_string();
        let input =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes())?.as_ref().to_vec();
        Ok((input, signature))
    }
}

fn claims() -> Result<Value> {
    let Claims { iat, exp, jti, .. } = Claims::now()?;
    Ok(json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": iat, "exp": exp, "jti": jti,
        "zone_id": ZONE, "client_id": "app_1", "sid": "018f7d6a-8f4a-7d9f-9a54-5e4fd7df0001",
        "root_sid": "018f7d6a-8f4a-7d9f-9a54-5e4fd7df0002", "use": "resource", "sub_type": "user",
        "scope": SCOPES.join(" "),
    }))
}

fn delegated_claims() -> Result<Value> {
    let mut claims = claims()?;
    let more = json!({
        "target": [TARGET], "agent_session_id": "018f7d6a-8f4a-7d9f-9a54-5e4fd7df0003",
        "delegation_edge_id": "edge_1", "source_session_id": "ags_0", "target_session_id": "ags_1",
        "delegation_path": ["edge_1"], "hop_count": 1, "delegation_graph_epoch": 5,
        "delegation_chain": [
            { "application_id": "app_root", "agent_session_id": "ags_0" },
            { "application_id": "app_1", "agent_session_id": "ags_1", "delegation_edge_id": "edge_1" },
        ],
    });
    let both = claims.as_object_mut().zip(more.as_object());
    let (claims_of, more) = both.ok_or("the claims are no object")?;
    claims_of.extend(more.clone());
    Ok(claims)
}

fn judge(part: &mut Part, name: &str, measured: &[Measured]) {
    let time = |what: &str| {
        let case = measured.iter().find(|one| one.name == format!("{name}, {what}"));
        case.map(|one| one.min_ns)
    };
    let (Some(raw), Some(check)) = (time(RAW), time(CHECK)) else { return };
    let times = format!("{:.3} x, {:+.0} ns ({check:.0} ns / {raw:.0} ns)", check / raw, check - raw);
    part.judge(name, times, check <= 1.06 * raw + 5000.0);
}
