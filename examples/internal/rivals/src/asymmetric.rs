//! ES256, `EdDSA` and RS256, beside the raw primitive and `jsonwebtoken` on the backend of this
//! process.

use std::hint::black_box;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    AuthProvider, Purpose,
    token::{Algorithm as OwnAlgorithm, Key},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use measure::{Case, Effort, Measured, measure};

use crate::{
    Result,
    backend::Backend,
    part::Part,
    provider::{User, provider_trusting},
    table::{self, head},
    token::{AUDIENCE, Claims, ISSUER},
};

const RAW: &str = "aws-lc-rs with a parsed key";
const DECODE: &str = "jsonwebtoken decode";
const VERIFY: &str = "fauth verify";

/// The algorithms, as the table calls them.
const NAMES: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// A signed token, with the key in every form.
struct Signed {
    algorithm: Algorithm,
    input: String,
    signature: Vec<u8>,
    raw: ParsedPublicKey,
    key: DecodingKey,
    auth: AuthProvider<User>,
}

/// Times with the backend of this process, judged.
pub(crate) fn part() -> Result<Part> {
    Backend::install_requested()?;
    let mut cases = Vec::new();
    for signed in [es256()?, eddsa()?, rs256()?] {
        cases.extend(signed.cases()?);
    }
    // Neighbours disturb some rounds; the minimum of two series is steadier.
    let mut measured = measure(&mut cases, Effort::Normal);
    for (one, again) in measured.iter_mut().zip(measure(&mut cases, Effort::Normal)) {
        one.min_ns = one.min_ns.min(again.min_ns);
        one.median_ns = one.median_ns.min(again.median_ns);
    }
    let mut part = Part::default();
    for name in NAMES {
        judge(&mut part, name, &measured);
    }
    let mut rows = vec![head(["case", "min ns", "median ns"])];
    rows.extend(
        measured
            .iter()
            .map(|one| vec![one.name.clone(), format!("{:.0}", one.min_ns), format!("{:.0}", one.median_ns)]),
    );
    part.say(format!("ES256, EdDSA, RS256 (2048 bits); jsonwebtoken on {}", Backend::requested()?.name()));
    part.say(table::table(&rows));
    Ok(part)
}

fn judge(part: &mut Part, name: &str, measured: &[Measured]) {
    let time = |what: &str| {
        let case = measured.iter().find(|one| one.name == format!("{name}, {what}"));
        case.map(|one| one.min_ns)
    };
    let (Some(raw), Some(decode), Some(verify)) = (time(RAW), time(DECODE), time(VERIFY)) else { return };
    let (ratio, added) = (verify / raw, verify - raw);
    let times = format!("{ratio:.3} x, {added:+.0} ns ({verify:.0} ns / {raw:.0} ns)");
    part.judge(&format!("{name}-raw"), times, verify <= 1.06 * raw + 1000.0);
    let times = format!("{:.2} x ({verify:.0} ns / {decode:.0} ns)", verify / decode);
    part.judge(&format!("{name}-decode"), times, verify < decode);
}

impl Signed {
    fn new(
        algorithm: Algorithm,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>>,
        raw: ParsedPublicKey,
        key: DecodingKey,
        own: Key,
    ) -> Result<Self> {
        let id = own.id().ok_or("the key has no id")?;
        let header = format!(r#"{{"alg":"{algorithm:?}","typ":"at+jwt","kid":"{id}"}}"#);
        let claims = serde_json::to_string(&Claims::now()?)?;
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = sign(input.as_bytes())?;
        Ok(Self { algorithm, input, signature, raw, key, auth: provider_trusting(own)? })
    }

    fn cases(self) -> Result<[Case<'static>; 3]> {
        let Self { algorithm, input, signature, raw, key, auth } = self;
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        raw.verify_sig(input.as_bytes(), &signature)?;
        auth.verify_signature_and_claims(&token, Purpose::Access)?;
        let verify = {
            let token = token.clone();
            move || auth.verify_signature_and_claims(black_box(&token), Purpose::Access)
        };
        #[expect(clippy::disallowed_methods, reason = "this is the rival")]
        let decode = move || decode::<Claims>(black_box(&token), &key, &validation);
        decode()?;
        Ok([
            Case::new(format!("{algorithm:?}, {RAW}"), move || {
                raw.verify_sig(black_box(input.as_bytes()), &signature)
            }),
            Case::new(format!("{algorithm:?}, {VERIFY}"), verify),
            Case::new(format!("{algorithm:?}, {DECODE}"), decode),
        ])
    }
}

fn es256() -> Result<Signed> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let public = pair.public_key().as_ref().to_vec();
    let raw = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public)?;
    let sign = |input: &[u8]| Ok(pair.sign(&SystemRandom::new(), input)?.as_ref().to_vec());
    let (x, y) = public.get(1..).ok_or("no point")?.split_at_checked(32).ok_or("no point")?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    let own = Key::from_jwk(&jwk, OwnAlgorithm::ES256)?;
    Signed::new(Algorithm::ES256, sign, raw, DecodingKey::from_ec_der(&public), own)
}

fn eddsa() -> Result<Signed> {
    let pair = Ed25519KeyPair::generate()?;
    let public = pair.public_key().as_ref().to_vec();
    let raw = ParsedPublicKey::new(&ED25519, &public)?;
    let sign = |input: &[u8]| Ok(pair.sign(input).as_ref().to_vec());
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(&public));
    let own = Key::from_jwk(&jwk, OwnAlgorithm::EdDSA)?;
    Signed::new(Algorithm::EdDSA, sign, raw, DecodingKey::from_ed_der(&public), own)
}

fn rs256() -> Result<Signed> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let public = pair.public_key().as_ref().to_vec();
    let raw = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)?;
    let sign = |input: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)?;
        Ok(signature)
    };
    let own = Key::from_der(OwnAlgorithm::RS256, &public)?;
    Signed::new(Algorithm::RS256, sign, raw, DecodingKey::from_rsa_der(&public), own)
}
