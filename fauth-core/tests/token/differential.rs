//! Held against `jsonwebtoken::decode`: what both accept they read alike, and fauth accepts nothing
//! that it refuses.

use std::sync::LazyLock;

use fauth_core::{
    Purpose,
    token::{Algorithm, Key, verify_jws},
};
use fauth_testing::{SECRET, sign_with};
use jsonwebtoken::{DecodingKey, Validation};
use proptest::{
    prelude::*,
    sample::{Index, select},
};
use serde_json::{Map, Value};

use super::support::*;

/// What `jsonwebtoken` reads if it is asked for nothing but the signature: every check of claims is
/// off.
fn theirs(token: &[u8], algorithm: Algorithm) -> Option<Map<String, Value>> {
    let mut lenient = Validation::new(match algorithm {
        Algorithm::HS384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::HS512 => jsonwebtoken::Algorithm::HS512,
        _ => jsonwebtoken::Algorithm::HS256,
    });
    lenient.required_spec_claims.clear();
    lenient.validate_exp = false;
    lenient.validate_aud = false;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::decode(token, &key, &lenient).ok().map(|data| data.claims)
}

/// Whether fauth accepts, after what it read has been compared with what the other has read.
fn compared(auth: &Auth, token: &str, algorithm: Algorithm) -> Result<bool, TestCaseError> {
    let Ok(payload) = auth.verify_signature_and_claims(token, Purpose::Access) else { return Ok(false) };
    let Some(claims) = theirs(token.as_bytes(), algorithm) else {
        return Err(TestCaseError::fail(format!("only fauth accepts {token}")));
    };
    prop_assert_eq!(payload.subject(), claims["sub"].as_str().unwrap());
    prop_assert_eq!(payload.token_id(), claims["jti"].as_str().unwrap());
    prop_assert_eq!(Value::from(payload.purpose().as_str()), claims["token_type"].clone());
    prop_assert_eq!(payload.expires_at().unix_seconds(), whole(&claims["exp"], f64::floor));
    prop_assert_eq!(payload.issued_at().unix_seconds(), whole(&claims["iat"], f64::ceil));
    let scopes = claims
        .get("scopes")
        .map_or(Ok(vec![]), |scopes| serde_json::from_value::<Vec<String>>(scopes.clone()));
    prop_assert_eq!(payload.scopes(), scopes.unwrap());
    for (name, value) in &claims {
        let ours = payload.claim::<Value>(name).unwrap();
        prop_assert_eq!(ours.as_ref(), Some(value), "{}", name);
    }
    Ok(true)
}

#[expect(clippy::cast_possible_truncation, reason = "dates that fauth has accepted are small")]
fn whole(date: &Value, round: fn(f64) -> f64) -> i64 {
    round(date.as_f64().unwrap()) as i64
}

/// Made once: thousands of cases ask for the same three.
static PROVIDERS: LazyLock<[Auth; 3]> =
    LazyLock::new(|| Algorithm::HMAC.map(|algorithm| auth(|config| config.algorithm(algorithm))));

fn with_algorithm(algorithm: Algorithm) -> &'static Auth {
    &PROVIDERS[Algorithm::HMAC.iter().position(|own| *own == algorithm).unwrap()]
}

/// Members that spoil a header, or seem to. Not in the list: members that the other library insists
/// on reading and fauth does not know (`x5t`, `url`, `nonce` of a wrong type); to ignore those is
/// deliberate.
fn header_change() -> impl Strategy<Value = (String, String)> {
    select(vec![
        ("alg", "\"none\""),
        ("alg", "\"HS256\""),
        ("alg", "\"RS256\""),
        ("alg", "null"),
        ("typ", "\"AT+JWT\""),
        ("typ", "\"application/at+jwt\""),
        ("typ", "\"JWT\""),
        ("typ", "5"),
        ("kid", "\"k\""),
        ("kid", "null"),
        ("kid", "5"),
        ("cty", "\"JWT\""),
        ("cty", "\"json\""),
        ("crit", "[\"exp\"]"),
        ("crit", "[]"),
        ("b64", "false"),
        ("zip", "\"DEF\""),
        ("enc", "\"A128GCM\""),
        ("jku", "\"https://x.example\""),
        ("x5u", "5"),
        ("x", "[1,{}]"),
        ("\\u0061lg", "\"none\""),
        ("y", "\"\\ud800\""),
        ("Alg", "\"none\""),
    ])
    .prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Claims that are right, wrong or unknown. Not in the list: numbers that only fit no `f64`
/// (`1e400`) in claims that nobody reads; fauth lets them stand, the other library refuses the
/// token.
fn claim_change() -> impl Strategy<Value = (String, String)> {
    let known = select(vec![
        ("sub", "5"),
        ("sub", "null"),
        ("sub", "\"\""),
        ("sub", "\"\\u0061\\ud83d\\ude00\""),
        ("sub", "\"\\ud800\""),
        ("exp", "1767226000.5"),
        ("exp", "1.767226e9"),
        ("exp", "1e300"),
        ("exp", "-1"),
        ("exp", "\"1\""),
        ("exp", "1767225600"),
        ("iat", "1767225599.5"),
        ("iat", "0"),
        ("iat", "1767225631"),
        ("nbf", "1767225630"),
        ("nbf", "1767225631"),
        ("nbf", "null"),
        ("jti", "5"),
        ("jti", "\"\\n\""),
        ("aud", "\"x\""),
        ("aud", "[1]"),
        ("iss", "5"),
        ("iss", "\"x\""),
        ("token_type", "\"refresh\""),
        ("token_type", "\"\\u0061ccess\""),
        ("scopes", "[\"a\",\"\\u0062\"]"),
        ("scopes", "[1]"),
        ("scopes", "null"),
        ("scopes", "\"a\""),
        ("scope", "\"a b\""),
        ("scope", "5"),
        ("s\\u0075b", "\"bob\""),
        ("x", "{\"a\":1,\"a\":2}"),
        ("x", "[1.5,-0,1E2,true,null]"),
        ("SUB", "1"),
    ]);
    let known = known.prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = ("[a-z]{2,6}", any::<String>(), any::<i64>(), any::<bool>()).prop_map(
        |(name, text, number, as_text)| {
            let value = if as_text { Value::from(text) } else { Value::from(number) };
            (name, value.to_string())
        },
    );
    prop_oneof![2 => known, 1 => own]
}

/// A signed token, spoilt in up to a few places before it was signed.
fn signed() -> impl Strategy<Value = (Algorithm, String)> {
    let changes = (prop::collection::vec(header_change(), 0..2), prop::collection::vec(claim_change(), 0..4));
    (select(&Algorithm::HMAC[..]), changes).prop_map(|(algorithm, (of_header, of_claims))| {
        let header = header().with("alg", format!("\"{algorithm}\""));
        let header = of_header.iter().fold(header, |header, (name, value)| header.with(name, value));
        let claims = of_claims.iter().fold(claims(), |claims, (name, value)| claims.with(name, value));
        (algorithm, sign_with(algorithm, SECRET.as_bytes(), header.text(), claims.text()))
    })
}

/// One change to the text of a token.
#[derive(Debug, Clone)]
enum Mutation {
    FlipBit(Index, u8),
    Replace(Index, char),
    Insert(Index, char),
    Remove(Index),
    Truncate(Index),
    SwapSegments(usize, usize),
    RepeatSegment(usize),
    Claim(String, String),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let symbol =
        || prop_oneof![4 => select("abAB09-_.=+/ \n".chars().collect::<Vec<_>>()), 1 => any::<char>()];
    prop_oneof![
        3 => (any::<Index>(), 0..7_u8).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        2 => (any::<Index>(), symbol()).prop_map(|(at, symbol)| Mutation::Replace(at, symbol)),
        2 => (any::<Index>(), symbol()).prop_map(|(at, symbol)| Mutation::Insert(at, symbol)),
        1 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Truncate),
        1 => (0..3_usize, 0..3_usize).prop_map(|(a, b)| Mutation::SwapSegments(a, b)),
        1 => (0..3_usize).prop_map(Mutation::RepeatSegment),
        2 => claim_change().prop_map(|(name, value)| Mutation::Claim(name, value)),
    ]
}

impl Mutation {
    fn apply(self, token: &str) -> String {
        let mut symbols: Vec<char> = token.chars().collect();
        let count = symbols.len();
        let mut parts = segments(token).map(str::to_owned);
        match self {
            Self::FlipBit(at, bit) => {
                let at = at.index(count);
                symbols[at] = char::from(u8::try_from(symbols[at]).unwrap() ^ (1 << bit));
            }
            Self::Replace(at, symbol) => symbols[at.index(count)] = symbol,
            Self::Insert(at, symbol) => symbols.insert(at.index(count + 1), symbol),
            Self::Remove(at) => drop(symbols.remove(at.index(count))),
            Self::Truncate(at) => symbols.truncate(at.index(count)),
            Self::SwapSegments(a, b) => {
                parts.swap(a, b);
                return parts.join(".");
            }
            Self::RepeatSegment(part) => return format!("{token}.{}", parts[part]),
            Self::Claim(name, value) => {
                // The old signature stays.
                parts[1] = encode(claims().with(&name, value).text());
                return parts.join(".");
            }
        }
        symbols.into_iter().collect()
    }
}

/// Pieces that lead further into the parsers than chance would.
fn nearly_a_token() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(encode);
    let json = "[\\[\\]{}:,\"a\\\\u0d8e1 .-]{0,40}".prop_map(|json| encode(format!("{{{json}}}")));
    let segment = || {
        let good =
            select(vec![encode(header().text()), encode(claims().text()), String::new(), "A".repeat(43)]);
        prop_oneof![2 => bytes.clone(), 2 => json.clone(), 2 => good, 1 => "[A-Za-z0-9_=.-]{0,12}"]
    };
    (segment(), segment(), segment()).prop_map(|(a, b, c)| format!("{a}.{b}.{c}"))
}

fn nearly_a_jwk() -> impl Strategy<Value = String> {
    let member = select(vec![
        r#""kty":"oct""#,
        r#""kty":"RSA""#,
        r#""kty":"EC""#,
        r#""kty":"OKP""#,
        r#""kty":5"#,
        r#""k":"AAAA""#,
        r#""k":"""#,
        r#""k":"=""#,
        r#""k":null"#,
        r#""alg":"HS256""#,
        r#""alg":"none""#,
        r#""alg":5"#,
        r#""use":"sig""#,
        r#""use":"enc""#,
        r#""use":[]"#,
        r#""key_ops":["verify"]"#,
        r#""key_ops":"verify""#,
        r#""key_ops":[]"#,
        r#""kid":"a b""#,
        r#""kid":1"#,
        r#""crv":"Ed25519","x":"AAAA""#,
        r#""crv":"P-256","x":"AAAA","y":"AAAA""#,
        r#""n":"AQAB","e":"AQAB""#,
        r#""x5c":[1]"#,
        r#""k":"0f6c1b2a34d94a5b8f7e6d5c4b3a29180f6c1b2a34d94a5b8f7e6d5c4b3a2918""#,
        "}",
        "{",
        "\u{feff}",
    ]);
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_fauth_accepts_the_other_reads_alike((algorithm, token) in signed()) {
        compared(with_algorithm(algorithm), &token, algorithm)?;
    }

    #[test]
    fn a_changed_token_is_no_token(
        algorithm in select(&Algorithm::HMAC[..]),
        mutation in mutation(),
    ) {
        let header = header().with("alg", format!("\"{algorithm}\""));
        let good = sign_with(algorithm, SECRET.as_bytes(), header.text(), claims().text());
        let auth = with_algorithm(algorithm);
        prop_assert!(compared(auth, &good, algorithm)?);
        let changed = mutation.apply(&good);
        if changed != good {
            prop_assert!(!compared(auth, &changed, algorithm)?, "{}", changed);
            let key = Key::hmac(algorithm, SECRET.as_bytes()).unwrap();
            prop_assert!(verify_jws(&changed, &key).is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_text_makes_the_verifier_panic(text in any::<String>(), nearly in nearly_a_token()) {
        let key = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
        let auth = with_algorithm(Algorithm::HS256);
        for token in [text, nearly] {
            for purpose in Purpose::ALL {
                prop_assert!(auth.verify_signature_and_claims(&token, purpose).is_err());
            }
            prop_assert!(verify_jws(&token, &key).is_err());
        }
    }

    #[test]
    fn no_signed_bytes_make_the_verifier_panic(
        header in prop::collection::vec(any::<u8>(), 0..60),
        payload in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let auth = with_algorithm(Algorithm::HS256);
        let sign = |header: &[u8], payload: &[u8]| sign_with(Algorithm::HS256, SECRET.as_bytes(), header, payload);
        prop_assert!(auth.verify_signature_and_claims(&sign(&header, claims().text().as_bytes()), Purpose::Access).is_err());
        let with_payload = sign(super::support::header().text().as_bytes(), &payload);
        prop_assert!(auth.verify_signature_and_claims(&with_payload, Purpose::Access).is_err());
        // Below the claims any bytes are a payload.
        let key = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
        prop_assert_eq!(verify_jws(&with_payload, &key), Ok(payload));
    }

    #[test]
    fn no_text_makes_the_reader_of_keys_panic(text in any::<String>(), nearly in nearly_a_jwk()) {
        for algorithm in Algorithm::HMAC {
            let _ = Key::from_jwk(&text, algorithm);
            let _ = Key::from_jwk(&format!("{{{text}}}"), algorithm);
            let _ = Key::from_jwk(&nearly, algorithm);
        }
    }
}

/// The properties above would hold of a verifier that refuses everything, and of tokens that are
/// all alike.
#[test]
fn the_comparison_meets_both_verdicts() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let (mut both, mut one) = (0, 0);
    for _ in 0..1000 {
        let (algorithm, token) = signed().new_tree(&mut runner).unwrap().current();
        let accepted = compared(with_algorithm(algorithm), &token, algorithm).unwrap();
        both += usize::from(accepted);
        one += usize::from(!accepted && theirs(token.as_bytes(), algorithm).is_some());
    }
    assert!(both > 100, "both accept {both}");
    assert!(one > 100, "only jsonwebtoken accepts {one}");
}
