//! Form, header and signature of foreign tokens: what is refused before the claims are read.
//!
//! The verifier's own tests go further; these show that nothing is lost on the way through a
//! framework. If a case names a reason, it is that of the log; the response to the caller is the
//! same for all.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use fauth_core::{
    token::Algorithm,
    trusted_issuer::{AccessTokenProfile, TrustedIssuer},
};
use serde_json::{Value, json};

use super::{
    Harness, Probe, cases,
    issuers::{Trusting, beside_own, service, service_with},
};
use crate::{FaultyStore, ForeignIssuer, ForeignToken, SECRET, sign_with};

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#;
/// A URL that an attacker would like fauth to fetch.
const EVIL: &str = "https://evil.example/keys";

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The three parts of a token.
fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// The same bytes in another spelling: unused bits of the last character are set.
fn bent(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(part.len() % 4, 0, "there are no bits to spare");
    let (rest, last) = part.split_at(part.len() - 1);
    let place = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
    format!("{rest}{}", char::from(ALPHABET[place ^ 1]))
}

/// Padded with spaces, which change nothing, until its base64url has unused bits.
fn with_spare_bits(json: &str) -> String {
    let blanks = usize::from(json.len().is_multiple_of(3));
    format!("{json}{}", " ".repeat(blanks))
}

/// Returns the longest token within this length, and the next longer one.
fn around(token: &ForeignToken, bytes: usize) -> [String; 2] {
    let of = |padding: usize| token.clone().claim("padding", "x".repeat(padding)).sign();
    let mut padding = (bytes - of(0).len()) * 3 / 4 - 4;
    while of(padding + 1).len() <= bytes {
        padding += 1;
    }
    [of(padding), of(padding + 1)]
}

/// A token with this header, well-formed or not.
fn with_header<H: Harness>(s: &Trusting<H>, header: impl AsRef<[u8]>) -> String {
    let token = s.token("alice");
    token.sign_text(&format!("{}.{}", encoded(header), encoded(token.claims())))
}

/// A token with these claims, well-formed or not.
fn with_claims<H: Harness>(s: &Trusting<H>, claims: impl AsRef<[u8]>) -> String {
    s.token("alice").sign_text(&format!("{}.{}", encoded(HEADER), encoded(claims)))
}

/// A token with another signature.
fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", encoded(signature))
}

/// The valid object with something inserted before its end.
fn and(object: &str, more: &str) -> String {
    format!("{},{more}}}", object.strip_suffix('}').unwrap())
}

/// Unacceptable JSON, made from an acceptable object.
fn no_objects(good: &str) -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = [
        "null".to_owned(),
        "\"x\"".to_owned(),
        "[]".to_owned(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good}x"),
        format!("{good}\0"),
        format!("\u{feff}{good}"),
        good.replace('"', "'"),
        good[..good.len() - 1].to_owned(),
        and(good, ""),
        and(good, r#""x":"\ud800""#),
        and(good, r#""x":"\udc00\ud800""#),
        and(good, r#""x":NaN"#),
        and(good, r#""x":01"#),
        and(good, "\"x\":\"\n\""),
        and(good, r"x:1"),
        and(good, r#""x":1 /* */"#),
    ]
    .map(String::into_bytes)
    .to_vec();
    texts.push([and(good, r#""x":"#).trim_end_matches('}').as_bytes(), b"\"\xff\"}"].concat());
    texts
}

/// Arrays nested this deeply.
fn nested(levels: usize) -> String {
    format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels))
}

/// This many members with different names.
fn members(count: usize) -> String {
    (0..count).map(|number| format!(r#""m{number}":1"#)).collect::<Vec<_>>().join(",")
}

/// Public texts that could be mistaken for a secret.
fn public_texts(issuer: &ForeignIssuer) -> Vec<Vec<u8>> {
    let jwks: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let key = &jwks["keys"][0];
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
    let lead = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let der = [&lead[..], &point].concat();
    let base64 = STANDARD.encode(&der);
    let (first, second) = base64.split_at(64);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----");
    vec![
        format!("{pem}\n").into_bytes(),
        pem.into_bytes(),
        der,
        point,
        coordinate("x"),
        key.to_string().into_bytes(),
        issuer.jwks().into_bytes(),
        Vec::new(),
    ]
}

/// A service that also accepts plain JWTs.
fn plain<H: Harness>(t: &Probe<H>) -> Trusting<H> {
    service_with(t, |issuer| issuer.profile(AccessTokenProfile::Plain), |builder| builder)
}

cases! { $ __issuer_tokens_tests in issuer_tokens;
    fn a_good_token_of_the_issuer_opens_what_is_for_users(t) {
        let s = service(&t);
        let token = s.token("alice").sign();
        for path in [
            "/me", "/maybe", "/grant", "/guards/user", "/guards/active", "/group/dashboard", "/group/late",
        ] {
            let seen = s.app.get(path).bearer(&token).send();
            assert_eq!(seen.is(200).says("Hello alice").lacks("set-cookie").user_loads, 1, "{path}");
        }
        s.app.post("/me").bearer(&token).send().is(200).says("Hello alice");
        s.app.get("/me").send().refused(401, "missing_credential");
    }

    /// Foreign tokens are verified alike, with or without own tokens beside them.
    fn a_good_token_opens_it_beside_own_tokens_as_well(t) {
        let s = beside_own(&t);
        for token in [s.token("alice").sign(), s.app.access("alice")] {
            s.opens(&token).says("Hello alice");
            s.app.get("/me").bearer(&token).send().is(200).says("Hello alice");
        }
    }

    fn the_longest_token_is_accepted_and_one_byte_more_is_not(t) {
        let s = service(&t);
        let [longest, longer] = around(&s.token("alice"), 8192);
        assert!(longest.len() >= 8191 && longer.len() <= 8194, "{} {}", longest.len(), longer.len());
        s.opens(&longest);
        s.refuses(&longer, "token_too_long");
        // Longer than any credential could be.
        let [_, far_longer] = around(&s.token("alice"), 9000);
        s.app.get("/guards/user").bearer(far_longer).send().refused(400, "malformed_credential");
    }

    fn padding_and_the_other_alphabet_are_refused(t) {
        let s = service(&t);
        let token = s.token("alice");
        let good = token.sign();
        s.opens(&good);
        let [header, claims, signature] = parts(&good);
        s.refuses(format!("{good}="), "malformed_token");
        s.refuses(format!("{good}=="), "malformed_token");
        s.refuses(token.sign_text(&format!("{header}.+{claims}")), "malformed_token");
        s.refuses(token.sign_text(&format!("/{header}.{claims}")), "malformed_token");
        s.refuses(token.sign_text(&format!("{header}.~{claims}")), "malformed_token");
        s.refuses(format!("{header}.{claims}.+{}", &signature[1..]), "malformed_token");
    }

    /// A malformed credential is 400 (RFC 6750 section 3.1), whichever part of the token is
    /// malformed.
    fn characters_that_no_token_has_are_400(t) {
        let s = service(&t);
        let good = s.token("alice").sign();
        s.opens(&good);
        let [header, claims, signature] = parts(&good);
        for bad in [
            format!("{header} .{claims}.{signature}"), format!("{header}.{claims} .{signature}"),
            format!("{header}.{claims}.{signature} x"), format!("{header}.{claims}.{signature},"),
            format!("{good}, Bearer {good}"), format!("{good},{good}"), format!("{good} {good}"),
            format!("\"{good}\""), format!("{header}.{claims}.\u{e4}{signature}"),
            format!("{header}.{claims}.{signature}\u{e4}"),
        ] {
            for path in ["/guards/user", "/maybe"] {
                s.app.get(path).bearer(&bad).send().refused(400, "malformed_credential");
            }
        }
    }

    fn two_credentials_are_400(t) {
        let s = service_with(&t, |issuer| issuer, |builder| builder.danger_query_token("token"));
        let token = s.token("alice").sign();
        s.app.get("/me").bearer(&token).bearer(&token).send().refused(400, "malformed_credential");
        s.app.get(&format!("/me?token={token}")).bearer(&token).send().refused(400, "malformed_credential");
        s.app.get("/me").bearer(&token).send().is(200);
    }

    fn another_spelling_of_the_same_bytes_is_refused(t) {
        let s = service(&t);
        let token = s.token("alice");
        let (header, claims) = (encoded(with_spare_bits(HEADER)), encoded(with_spare_bits(&token.claims())));
        s.opens(token.sign_text(&format!("{header}.{claims}")));
        s.refuses(token.sign_text(&format!("{}.{claims}", bent(&header))), "malformed_token");
        s.refuses(token.sign_text(&format!("{header}.{}", bent(&claims))), "malformed_token");
        let [header, claims, signature] = parts(&token.sign());
        s.refuses(format!("{header}.{claims}.{}", bent(&signature)), "malformed_token");
    }

    /// No JWE, no detached payload, no JSON serialisation.
    fn what_has_not_three_parts_is_refused(t) {
        let s = service(&t);
        let good = s.token("alice").sign();
        s.opens(&good);
        let [header, claims, signature] = parts(&good);
        for bad in [
            header.clone(), format!("{header}.{claims}"), format!(".{claims}.{signature}"),
            format!("{header}..{signature}"), format!("{header}.{claims}."), format!(".{good}"),
            format!("{good}."), format!("{good}.{signature}"), format!("{header}.{good}"),
            format!("{header}.{claims}.{claims}.{claims}.{signature}"), format!("{header}....{signature}"),
            "..".to_owned(), ".".to_owned(), "a.b.c".to_owned(), "x".to_owned(),
        ] {
            s.refuses(bad, "malformed_token");
        }
        let json = json!({ "payload": claims, "protected": header, "signature": signature }).to_string();
        s.app.get("/guards/user").bearer(json).send().refused(400, "malformed_credential");
    }

    fn thousands_of_dots_are_refused(t) {
        let s = service(&t);
        s.refuses(".".repeat(8000), "malformed_token");
        s.refuses(format!("{}{}", encoded(HEADER), ".a".repeat(4000)), "malformed_token");
    }

    fn a_header_that_is_no_acceptable_object_is_refused(t) {
        let s = service(&t);
        for good in [HEADER.to_owned(), HEADER.replace(',', " ,\r\n\t"), format!("\n{HEADER} ")] {
            s.opens(with_header(&s, good));
        }
        for bad in no_objects(HEADER) {
            s.refuses(with_header(&s, bad), "malformed_token");
        }
    }

    fn claims_that_are_no_acceptable_object_are_refused(t) {
        let s = service(&t);
        let claims = s.token("alice").claims();
        for good in [claims.clone(), claims.replace(',', " ,\r\n\t"), format!("\n{claims} ")] {
            s.opens(with_claims(&s, good));
        }
        for bad in no_objects(&claims) {
            s.refuses(with_claims(&s, bad), "malformed_claims");
        }
    }

    fn the_header_has_bounds(t) {
        let s = service(&t);
        s.opens(with_header(&s, and(HEADER, &nested(7))));
        s.refuses(with_header(&s, and(HEADER, &nested(8))), "malformed_token");
        s.opens(with_header(&s, and(HEADER, &members(29))));
        s.refuses(with_header(&s, and(HEADER, &members(30))), "malformed_token");
    }

    fn the_claims_have_bounds(t) {
        let s = service(&t);
        let claims = s.token("alice").claims();
        s.opens(with_claims(&s, and(&claims, &nested(31))));
        s.refuses(with_claims(&s, and(&claims, &nested(32))), "malformed_claims");
        s.refuses(with_claims(&s, and(&claims, &nested(2500))), "malformed_claims");
        // Seven are there.
        s.opens(with_claims(&s, and(&claims, &members(505))));
        s.refuses(with_claims(&s, and(&claims, &members(506))), "malformed_claims");
    }

    fn a_member_of_the_header_that_occurs_twice_is_refused(t) {
        let s = service(&t);
        s.opens(with_header(&s, and(HEADER, r#""x":{"a":1},"y":{"a":1}"#)));
        for twice in [
            r#""alg":"ES256""#, r#""\u0061lg":"ES256""#, r#""kid":"key-1""#, r#""typ":"at+jwt""#,
            r#""x":1,"x":1"#, r#""x":1,"\u0078":2"#, r#""x":{"a":1,"a":1}"#, r#""x":[{"a":1,"\u0061":2}]"#,
        ] {
            s.refuses(with_header(&s, and(HEADER, twice)), "malformed_token");
        }
    }

    fn a_claim_that_occurs_twice_is_refused(t) {
        let s = service(&t);
        let claims = s.token("alice").claims();
        s.opens(with_claims(&s, and(&claims, r#""x":{"sub":"bob"},"y":{"sub":"carol"}"#)));
        for twice in [
            r#""sub":"bob""#, r#""sub":"alice""#, r#""\u0073ub":"bob""#, r#""s\u0075b":"bob""#,
            r#""iss":"https://login.example.com""#, r#""roles":[],"roles":["admin"]"#,
            r#""roles":[],"\u0072oles":["admin"]"#, r#""x":{"a":1,"a":1}"#, r#""x":[{"a":1,"\u0061":2}]"#,
        ] {
            s.refuses(with_claims(&s, and(&claims, twice)), "malformed_claims");
        }
    }

    fn a_critical_extension_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").header("x", "not critical").sign());
        for crit in [
            json!(["exp"]), json!(["b64"]), json!(["x"]), json!([]), json!(null), json!(true), json!("exp"),
            json!({}),
        ] {
            s.refuses(s.token("alice").header("x", 1).header("crit", crit).sign(), "forbidden_header");
        }
    }

    /// No other signing input, no decompression, no encryption, no nested token.
    fn what_changes_how_a_token_is_read_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").header("cty", "example").sign());
        for (name, value) in [
            ("b64", json!(false)), ("b64", json!(true)), ("b64", json!(null)), ("zip", json!("DEF")),
            ("zip", json!(null)), ("enc", json!("A128GCM")), ("enc", json!("")), ("cty", json!("JWT")),
            ("cty", json!("jwt")), ("cty", json!("application/JWT")), ("cty", json!(null)),
            ("cty", json!(["JWT"])),
        ] {
            s.refuses(s.token("alice").header(name, value).sign(), "forbidden_header");
        }
    }

    fn alg_none_is_refused(t) {
        for s in [service(&t), beside_own(&t)] {
            s.opens(s.token("alice").sign());
            for none in ["none", "None", "NONE", "nOnE", ""] {
                let token = s.token("alice").header("alg", none);
                s.refuses(token.sign(), "wrong_algorithm");
                s.refuses(format!("{}.", token.signed_part()), "malformed_token");
                s.refuses(token.signed_part(), "malformed_token");
            }
        }
    }

    fn an_alg_that_is_none_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").header("alg", "ES256").sign());
        s.refuses(s.token("alice").without_header("alg").sign(), "wrong_algorithm");
        for alg in [json!(null), json!(256), json!(true), json!(["ES256"]), json!({ "alg": "ES256" })] {
            s.refuses(s.token("alice").header("alg", alg).sign(), "wrong_algorithm");
        }
        for misspelt in ["es256", "Es256", "ES256 ", " ES256", "ES-256", "ES2560", "ES256\0", "ES"] {
            s.refuses(s.token("alice").header("alg", misspelt).sign(), "wrong_algorithm");
        }
    }

    fn another_algorithm_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        for other in [
            "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES384", "ES512", "ES256K",
            "EdDSA", "Ed25519", "A256GCM", "dir", "RSA-OAEP", "PBES2-HS256+A128KW",
        ] {
            s.refuses(s.token("alice").header("alg", other).sign(), "wrong_algorithm");
        }
    }

    /// The key determines the algorithm, even if the issuer may use another one too.
    fn an_algorithm_of_another_key_is_refused(t) {
        let more =
            |issuer: TrustedIssuer| issuer.algorithms([Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA]);
        let s = service_with(&t, more, |builder| builder);
        s.opens(s.token("alice").sign());
        for other in ["ES384", "RS256", "EdDSA"] {
            s.refuses(s.token("alice").header("alg", other).sign(), "wrong_algorithm");
        }
    }

    /// Key confusion: a public text is no secret.
    fn a_public_key_is_no_secret(t) {
        for s in [service(&t), beside_own(&t)] {
            s.opens(s.token("alice").sign());
            let claims = s.token("alice").claims();
            for secret in public_texts(&s.issuer) {
                for (algorithm, alg) in [
                    (Algorithm::HS256, "HS256"), (Algorithm::HS384, "HS384"), (Algorithm::HS512, "HS512"),
                ] {
                    let header = json!({ "alg": alg, "typ": "at+jwt", "kid": "key-1" }).to_string();
                    s.refuses(sign_with(algorithm, &secret, header, &claims), "wrong_algorithm");
                }
                let nameless = r#"{"typ":"at+jwt","alg":"HS256"}"#;
                s.refuses(sign_with(Algorithm::HS256, &secret, nameless, &claims), "wrong_algorithm");
            }
        }
    }

    /// No issuer signs for another, whatever secret the application has.
    fn the_own_secret_signs_nothing_for_an_issuer(t) {
        let s = beside_own(&t);
        let claims = s.token("alice").claims();
        for header in [
            r#"{"typ":"at+jwt","alg":"HS256"}"#, r#"{"alg":"HS256","typ":"at+jwt","kid":"key-1"}"#,
        ] {
            s.refuses(sign_with(Algorithm::HS256, SECRET.as_bytes(), header, &claims), "wrong_algorithm");
        }
        // With the header of an own token it is verified as one.
        let own =
            sign_with(Algorithm::HS256, SECRET.as_bytes(), r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims);
        s.refuses(own, "missing_claim");
        s.opens(s.app.access("alice"));
    }

    fn a_key_that_the_header_brings_is_ignored(t) {
        let s = service(&t);
        let attacker = ForeignIssuer::new("https://evil.example");
        let keys: Value = serde_json::from_str(&attacker.jwks()).unwrap();
        for (name, value) in [
            ("jwk", keys["keys"][0].clone()), ("jku", json!(EVIL)), ("x5u", json!(EVIL)),
            ("x5c", json!(["MIIB"])), ("x5t", json!("AAAA")), ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
            ("jku", json!("file:///etc/passwd")),
        ] {
            // It does not affect tokens signed with the issuer's own key.
            s.opens(s.token("alice").header(name, value.clone()).sign());
            s.refuses(s.token("alice").header(name, value.clone()).forge(), "bad_signature");
            let token = s.token("alice").header(name, value).header("kid", "evil");
            s.refuses(token.forge(), "unknown_key");
        }
        let claims: serde_json::Map<String, Value> =
            serde_json::from_str(&s.token("alice").claims()).unwrap();
        let forged = claims
            .into_iter()
            .fold(attacker.token("alice", crate::ManualClock::START), |token, (name, value)| {
                token.claim(&name, value)
            });
        s.refuses(forged.header("jwk", keys["keys"][0].clone()).sign(), "bad_signature");
    }

    fn a_kid_that_names_no_key_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").header("kid", "key-1").sign());
        for kid in [
            "key-2", "KEY-1", "key-1 ", "", "../../etc/passwd", "/dev/null", "' OR 1=1 --", EVIL, "key-1\0",
            "key-1,key-2", "*",
        ] {
            s.refuses(s.token("alice").header("kid", kid).sign(), "unknown_key");
        }
    }

    fn a_kid_that_is_no_text_or_too_long_is_refused(t) {
        let s = service(&t);
        for kid in [
            json!(null), json!(1), json!(true), json!(["key-1"]), json!({ "kid": "key-1" }),
            json!("x".repeat(129)),
        ] {
            s.refuses(s.token("alice").header("kid", kid).sign(), "malformed_token");
        }
        s.refuses(s.token("alice").header("kid", "x".repeat(128)).sign(), "unknown_key");
        s.opens(s.token("alice").sign());
    }

    fn degenerate_signatures_are_refused(t) {
        let order = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
            0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        let (zero, mut one, full) = ([0; 32], [0; 32], [0xff; 32]);
        one[31] = 1;
        let s = service(&t);
        let token = s.token("alice").sign();
        s.opens(&token);
        for (r, other) in [
            (zero, zero), (zero, one), (one, zero), (one, one), (order, order), (zero, order), (order, zero),
            (order, one), (one, order), (full, full),
        ] {
            s.refuses(with_signature(&token, [r, other].concat()), "bad_signature");
        }
    }

    fn a_signature_of_another_length_is_refused(t) {
        let s = service(&t);
        let token = s.token("alice").sign();
        s.opens(&token);
        let [_, _, signature] = parts(&token);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for length in [1, 16, 32, 48, 63] {
            s.refuses(with_signature(&token, &signature[..length]), "bad_signature");
        }
        for more in [1, 32, 64, 192, 448, 2000] {
            s.refuses(with_signature(&token, [&signature[..], &vec![0; more]].concat()), "bad_signature");
        }
        s.refuses(with_signature(&token, [&[0], &signature[..]].concat()), "bad_signature");
        // As X.509 encodes it.
        let integer = |number: &[u8]| [&[0x02, 0x21, 0x00][..], number].concat();
        let der = [&[0x30, 0x46][..], &integer(&signature[..32]), &integer(&signature[32..])].concat();
        s.refuses(with_signature(&token, der), "bad_signature");
        let swapped = [&signature[32..], &signature[..32]].concat();
        s.refuses(with_signature(&token, swapped), "bad_signature");
    }

    fn a_signature_of_another_key_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
        s.refuses(s.token("alice").header("jku", EVIL).forge(), "bad_signature");
    }

    fn a_token_that_was_changed_is_refused(t) {
        let s = service(&t);
        let [header, claims, signature] = parts(&s.token("bob").sign());
        let [other_header, other_claims, other_signature] = parts(&s.token("alice").header("x", 1).sign());
        s.opens(format!("{header}.{claims}.{signature}")).says("Hello bob");
        s.refuses(format!("{header}.{other_claims}.{signature}"), "bad_signature");
        s.refuses(format!("{other_header}.{claims}.{signature}"), "bad_signature");
        s.refuses(format!("{header}.{claims}.{other_signature}"), "bad_signature");
    }

    /// "Expired" never masks "forged": claims are not read before the signature is verified.
    fn the_signature_is_judged_before_the_claims(t) {
        let s = service(&t);
        let token = s.token("alice");
        for (bad, reason) in [
            (token.clone().claim("exp", 1), "token_expired"),
            (token.clone().claim("aud", "other"), "wrong_audience"),
            (token.clone().without_claim("sub"), "missing_claim"),
            (token.clone().claim("jti", 1), "invalid_claim"),
            (token.clone().header("typ", "JWT"), "wrong_purpose"),
            (token.claim("cnf", json!({})), "sender_constrained_token"),
        ] {
            s.refuses(bad.sign(), reason);
            s.refuses(bad.forge(), "bad_signature");
        }
    }

    /// RFC 9068: other kinds of tokens are never accepted as access tokens.
    fn only_the_type_of_access_tokens_is_accepted(t) {
        let s = service(&t);
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            s.opens(s.token("alice").header("typ", typ).sign());
        }
        s.refuses(s.token("alice").without_header("typ").sign(), "wrong_purpose");
        for typ in [
            "JWT", "jwt", "at", "at+jwt ", "xat+jwt", "text/at+jwt", "", "refresh+jwt", "logout+jwt",
            "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "session+jwt",
        ] {
            s.refuses(s.token("alice").header("typ", typ).sign(), "wrong_purpose");
        }
        for typ in [json!(null), json!(1), json!(["at+jwt"])] {
            s.refuses(s.token("alice").header("typ", typ).sign(), "malformed_token");
        }
    }

    fn plain_tokens_are_accepted_where_that_is_said(t) {
        let s = plain(&t);
        for typ in ["JWT", "jwt", "application/jwt", "at+jwt"] {
            s.opens(s.token("alice").header("typ", typ).sign());
        }
        s.opens(
            s.token("alice").without_header("typ").without_claim("jti").without_claim("client_id").sign(),
        );
        for typ in ["refresh+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "id+jwt", ""] {
            s.refuses(s.token("alice").header("typ", typ).sign(), "wrong_purpose");
        }
    }

    /// A token that says it is not an access token, in both profiles.
    fn tokens_of_other_kinds_are_refused(t) {
        for s in [service(&t), plain(&t)] {
            s.opens(
                s.token("alice")
                    .claim("nonce", "n")
                    .claim("typ", "Bearer")
                    .claim("token_use", "access")
                    .sign(),
            );
            for (claim, value) in [
                ("at_hash", json!("x")), ("c_hash", json!("x")), ("typ", json!("ID")),
                ("typ", json!("Refresh")), ("typ", json!("Offline")), ("typ", json!("Logout")),
                ("token_use", json!("id")), ("token_use", json!("refresh")), ("events", json!({})),
            ] {
                s.refuses(s.token("alice").claim(claim, value).sign(), "wrong_purpose");
            }
        }
    }

    /// As Python frameworks say it, whose tokens are plain JWTs.
    fn plain_tokens_that_say_that_they_are_of_another_type_are_refused(t) {
        let s = plain(&t);
        for (claim, value) in [
            ("token_type", "access"), ("token_type", "Bearer"), ("token_type", "bearer"), ("type", "access"),
            ("type", "employee"),
        ] {
            s.opens(s.token("alice").claim(claim, value).sign());
        }
        for (claim, value) in [
            ("token_type", json!("refresh")), ("token_type", json!("sliding")), ("token_type", json!("id")),
            ("token_type", json!(null)), ("token_type", json!(["access"])), ("type", json!("refresh")),
        ] {
            s.refuses(s.token("alice").claim(claim, value).sign(), "wrong_purpose");
        }
    }

    fn id_tokens_are_accepted_only_in_danger(t) {
        let id_token = |s: &Trusting<H>| {
            s.token("alice").header("typ", "JWT").without_claim("jti").claim("at_hash", "x").sign()
        };
        let s = plain(&t);
        s.refuses(id_token(&s), "wrong_purpose");
        let s = service_with(&t, TrustedIssuer::danger_accept_id_tokens, |builder| builder);
        s.opens(id_token(&s));
        s.refuses(s.token("alice").claim("typ", "Logout").sign(), "wrong_purpose");
        s.refuses(s.token("alice").claim("events", json!({})).sign(), "wrong_purpose");
    }

    fn every_fault_gives_the_same_answer(t) {
        for s in [service(&t), beside_own(&t)] {
            let token = s.token("alice");
            let answers = [
                "x".to_owned(), token.forge(), token.clone().claim("exp", 1).sign(),
                token.clone().claim("aud", "other").sign(),
                token.clone().claim("iss", "https://evil.example").sign(),
                token.clone().header("kid", "other").sign(), token.clone().header("alg", "none").sign(),
                token.clone().header("typ", "JWT").sign(),
                token.clone().claim("cnf", json!({ "jkt": "x" })).sign(), token.without_claim("sub").sign(),
                s.token("nobody").sign(), s.token("carol").sign(),
            ]
            .map(|token| s.app.get("/me").bearer(token).send().response);
            for answer in &answers {
                assert_eq!(*answer, answers[0], "a stranger can tell one fault from another");
            }
        }
    }

    /// Refusing an invalid token causes no look-up.
    fn a_bad_token_costs_no_loader_and_no_store(t) {
        let store = FaultyStore::default();
        let s = service_with(&t, |issuer| issuer, |builder| builder.revocation_store(store.clone()));
        let token = s.token("alice");
        assert_eq!(s.opens(token.sign()).user_loads, 1);
        assert_eq!(store.calls(), ["check", "check"]);
        for bad in [
            token.forge(), token.clone().claim("exp", 1).sign(), token.clone().claim("aud", "other").sign(),
            token.clone().header("kid", "x").sign(), token.clone().header("alg", "HS256").sign(),
            token.without_claim("jti").sign(), "x".to_owned(),
        ] {
            let seen = s.app.get("/guards/user").bearer(bad).send();
            assert_eq!(seen.refused(401, "invalid_token").user_loads, 0);
        }
        assert!(store.calls().is_empty());
    }

    fn every_guard_refuses_a_forged_token(t) {
        let s = service(&t);
        let (good, forged) = (s.token("alice").sign(), s.token("alice").forge());
        for path in [
            "/me", "/maybe", "/grant", "/forged", "/guards/user", "/guards/twice", "/group/dashboard",
            "/group/nested/leaf", "/visitors/maybe",
        ] {
            s.app.get(path).bearer(&good).send().is(200).says("Hello alice");
            s.app.get(path).bearer(&forged).send().refused(401, "invalid_token");
        }
        for path in ["/group/mounted/x", "/group/nothing", "/empty"] {
            s.app.get(path).bearer(&forged).send().refused(401, "invalid_token");
        }
    }
}
