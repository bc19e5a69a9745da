//! ES256, `EdDSA` and RS256: fauth has no such keys yet. What they will be held against.

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
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use measure::{Case, Effort, measure};

use crate::{
    Result,
    table::{self, head},
    token::{AUDIENCE, Claims, ISSUER},
};

/// A signed token, with the key in both forms.
struct Signed {
    algorithm: Algorithm,
    input: String,
    signature: Vec<u8>,
    raw: ParsedPublicKey,
    key: DecodingKey,
}

/// Times of the raw primitive with a parsed key, and of `jsonwebtoken`.
pub(crate) fn table() -> Result<String> {
    let mut cases = Vec::new();
    for signed in [es256()?, eddsa()?, rs256()?] {
        cases.extend(signed.cases()?);
    }
    let mut rows = vec![head(["case", "min ns", "median ns"])];
    rows.extend(
        measure(&mut cases, Effort::Quick)
            .iter()
            .map(|one| vec![one.name.clone(), format!("{:.0}", one.min_ns), format!("{:.0}", one.median_ns)]),
    );
    Ok(format!(
        "ES256, EdDSA, RS256: no such keys in the tree yet, so there is no verdict (the target is 1.06 x the raw \
         primitive)\n\n{}",
        table::table(&rows)
    ))
}

impl Signed {
    fn new(
        algorithm: Algorithm,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>>,
        raw: ParsedPublicKey,
        key: DecodingKey,
    ) -> Result<Self> {
        let header = format!(r#"{{"alg":"{algorithm:?}","typ":"at+jwt"}}"#);
        let claims = serde_json::to_string(&Claims::now()?)?;
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = sign(input.as_bytes())?;
        Ok(Self { algorithm, input, signature, raw, key })
    }

    fn cases(self) -> Result<[Case<'static>; 2]> {
        let Self { algorithm, input, signature, raw, key } = self;
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        raw.verify_sig(input.as_bytes(), &signature)?;
        #[expect(clippy::disallowed_methods, reason = "this is the rival")]
        let decode = move || decode::<Claims>(black_box(&token), &key, &validation);
        decode()?;
        Ok([
            Case::new(format!("{algorithm:?}, aws-lc-rs with a parsed key"), move || {
                raw.verify_sig(black_box(input.as_bytes()), &signature)
            }),
            Case::new(format!("{algorithm:?}, jsonwebtoken decode"), decode),
        ])
    }
}

fn es256() -> Result<Signed> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let public = pair.public_key().as_ref().to_vec();
    let raw = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public)?;
    let sign = |input: &[u8]| Ok(pair.sign(&SystemRandom::new(), input)?.as_ref().to_vec());
    Signed::new(Algorithm::ES256, sign, raw, DecodingKey::from_ec_der(&public))
}

fn eddsa() -> Result<Signed> {
    let pair = Ed25519KeyPair::generate()?;
    let public = pair.public_key().as_ref().to_vec();
    let raw = ParsedPublicKey::new(&ED25519, &public)?;
    let sign = |input: &[u8]| Ok(pair.sign(input).as_ref().to_vec());
    Signed::new(Algorithm::EdDSA, sign, raw, DecodingKey::from_ed_der(&public))
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
    Signed::new(Algorithm::RS256, sign, raw, DecodingKey::from_rsa_der(&public))
}
