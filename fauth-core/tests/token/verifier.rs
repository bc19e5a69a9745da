//! Every reason to refuse a token, each beside what is accepted, in the order in which they are
//! looked for.

use std::{sync::LazyLock, time::Duration};

use fauth_core::{
    AuthConfig, Purpose, TokenRequest,
    clock::Timestamp,
    token::{Algorithm, Key, KeyError, ScopeClaim, TokenError, TokenProfile, verify_jws},
};
use fauth_testing::{SECRET, at_once, sign, sign_with};

use super::support::*;

use TokenError::{
    BadSignature, Expired, ForbiddenHeader, InvalidClaim, Malformed, MalformedClaims, MissingClaim,
    NotYetValid, TooLong, UnacceptableLifetime, UnknownKey, WrongAlgorithm, WrongApplication, WrongAudience,
    WrongIssuer,
};

/// The default settings, made once.
fn standard() -> &'static Auth {
    static STANDARD: LazyLock<Auth> = LazyLock::new(|| auth(|config| config));
    &STANDARD
}

fn with_origin() -> Auth {
    auth(|config| config.issuer(ISSUER).audience(AUDIENCE))
}

fn named_origin() -> Object {
    claims().with("iss", format!("\"{ISSUER}\"")).with("aud", format!("\"{AUDIENCE}\""))
}

fn wrong_purpose(expected: Purpose, actual: impl Into<Option<Purpose>>) -> TokenError {
    TokenError::WrongPurpose { expected, actual: actual.into() }
}

/// A correctly signed token with this header; the claims are good.
#[track_caller]
fn check_header(header: impl AsRef<[u8]>, expected: &Verdict) {
    let token = sign_with(Algorithm::HS256, SECRET.as_bytes(), header, claims().text());
    check(standard(), &token, expected);
}

/// A correctly signed token with these claims; the header is good.
#[track_caller]
fn check_claims(claims: impl AsRef<[u8]>, expected: &Verdict) {
    let token = sign_with(Algorithm::HS256, SECRET.as_bytes(), header().text(), claims);
    check(standard(), &token, expected);
}

// ------------------------------------------------------------------------------------------------
// 1 to 3: size and form

/// A good token of exactly this many bytes. Not every length is that of some base64url text, so the
/// header helps.
fn token_of(bytes: usize) -> String {
    for spaces in 0..4 {
        let header = header().text() + &" ".repeat(spaces);
        let room = bytes - encode(&header).len() - 2 - 43;
        let bare = claims().with("pad", "\"\"").text().len();
        let padding = (room * 3 / 4).checked_sub(bare).unwrap();
        let token = sign(&header, &claims().with("pad", format!("\"{}\"", "x".repeat(padding))).text());
        if token.len() == bytes {
            return token;
        }
    }
    panic!("no token has {bytes} bytes");
}

#[test]
fn a_token_has_a_greatest_length() {
    check(standard(), &token_of(8192), &Ok(()));
    check(standard(), &token_of(8193), &Err(TooLong));
    for limit in [512, 65_536] {
        let auth = auth(|config| config.max_token_bytes(limit));
        check(&auth, &token_of(limit), &Ok(()));
        check(&auth, &token_of(limit + 1), &Err(TooLong));
    }
    let key = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
    assert!(verify_jws(&token_of(8192), &key).is_ok());
    assert_eq!(verify_jws(&token_of(8193), &key), Err(TooLong));
}

#[test]
fn the_length_is_looked_at_before_anything_else() {
    check(standard(), &".".repeat(8193), &Err(TooLong));
    check(standard(), &"\u{e9}".repeat(4097), &Err(TooLong));
}

#[test]
fn a_token_has_three_parts_that_are_not_empty() {
    let good = token(&header(), &claims());
    let [head, payload, signature] = segments(&good);
    check(standard(), &good, &Ok(()));
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        head.to_owned(),
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        format!("{head}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{head}.{head}.{payload}.{signature}"),
        format!("{head}.{payload}.{payload}.{payload}.{signature}"),
        format!("{good},{good}"),
        // The JSON serialisations of RFC 7515 section 7.2.
        format!(r#"{{"payload":"{payload}","protected":"{head}","signature":"{signature}"}}"#),
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{head}","signature":"{signature}"}}]}}"#
        ),
    ] {
        check(standard(), &bad, &Err(Malformed));
    }
}

/// RFC 7516 appendix A.3: the first segments of it could be taken for those of a signed token.
#[test]
fn jwe_refused() {
    let jwe = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.\
               6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ.\
               KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ";
    check(standard(), jwe, &Err(Malformed));
    check_header(r#"{"alg":"dir","enc":"A128CBC-HS256","typ":"at+jwt"}"#, &Err(ForbiddenHeader));
}

#[test]
fn many_dots_are_malformed() {
    let auth = auth(|config| config.max_token_bytes(65_536));
    let dots = ".".repeat(65_536);
    check(&auth, &dots, &Err(Malformed));
    check(&auth, &format!("a{}a", &dots[2..]), &Err(Malformed));
}

#[test]
fn only_the_base64url_alphabet_is_read() {
    let good = token(&header(), &claims());
    for stray in
        ["=", "==", "+", "/", " ", "\n", "\r\n", "\t", "\0", "%", "~", ",", ".", "\u{e9}", "\u{feff}"]
    {
        for part in 0..3 {
            let segment = segments(&good)[part];
            for at in [0, segment.len() / 2, segment.len()] {
                let mut segments = segments(&good).map(str::to_owned);
                segments[part].insert_str(at, stray);
                check(standard(), &segments.join("."), &Err(Malformed));
                if part < 2 && at < segment.len() {
                    // Signed as it stands, so that only the alphabet can be at fault.
                    let signed = sign_segments(&segments[0], &segments[1]);
                    check(standard(), &signed, &Err(Malformed));
                }
            }
        }
    }
}

#[test]
fn the_other_base64_alphabet_is_not_read() {
    // Among a few tokens there are signatures with both special characters.
    let tokens = (0..50).map(|n| token(&header(), &claims().with("n", n)));
    let special: Vec<_> = tokens.filter(|token| token.contains('-') && token.contains('_')).collect();
    assert!(!special.is_empty());
    for good in special {
        check(standard(), &good, &Ok(()));
        check(standard(), &good.replace('-', "+"), &Err(Malformed));
        check(standard(), &good.replace('_', "/"), &Err(Malformed));
    }
}

/// Padding is refused at every segment, as are bits behind the last byte: one token has one
/// spelling.
#[test]
fn trailing_bits_are_zero() {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = |segment: &str| {
        let symbol = *segment.as_bytes().last().unwrap();
        ALPHABET.iter().position(|own| *own == symbol).unwrap()
    };
    let mut tried = [0; 3];
    for spaces in 0..3 {
        let space = " ".repeat(spaces);
        let good = sign(&(header().text() + &space), &(claims().text() + &space));
        check(standard(), &good, &Ok(()));
        for part in 0..3 {
            let segment = segments(&good)[part];
            let unused = match segment.len() % 4 {
                2 => 16,
                3 => 4,
                _ => continue,
            };
            for bits in 1..unused {
                let mut segments = segments(&good).map(str::to_owned);
                segments[part].pop();
                segments[part].push(char::from(ALPHABET[last(segment) + bits]));
                let loose =
                    if part == 2 { segments.join(".") } else { sign_segments(&segments[0], &segments[1]) };
                check(standard(), &loose, &Err(Malformed));
                tried[part] += 1;
            }
        }
    }
    assert!(tried.iter().all(|tried| *tried > 0), "{tried:?}");
}

#[test]
fn a_segment_of_one_symbol_is_malformed() {
    let good = token(&header(), &claims());
    let [head, payload, signature] = segments(&good);
    for bad in [sign_segments("e", payload), sign_segments(head, "e"), format!("{head}.{payload}.e")] {
        check(standard(), &bad, &Err(Malformed));
    }
    assert_eq!(signature.len(), 43);
}

// ------------------------------------------------------------------------------------------------
// 4 and 5: JSON

/// Texts that are no acceptable JSON object, whatever they are used for.
const NO_OBJECTS: [&[u8]; 22] = [
    b" ",
    b"[]",
    b"\"a\"",
    b"1",
    b"null",
    b"true",
    b"{",
    b"{}}",
    b"{}{}",
    b"{\"a\":1,}",
    b"{'a':1}",
    b"{\"a\":NaN}",
    b"{\"a\":01}",
    b"{\"a\":\"\x01\"}",
    b"{\"a\":1}/**/",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b"{\"a\":\"\xff\"}",
    b"{\"a\":\"\xc0\xaf\"}",
    b"{\"a\":\"\xed\xa0\x80\"}",
    b"{\"a\":\"\\ud800\"}",
    b"{\"\\udc00\":1}",
];

/// `text` with the members of `object` in front, so that nothing but the fault is wrong with it.
fn joined(object: &Object, text: &[u8]) -> Vec<u8> {
    let at = text.iter().position(|byte| *byte == b'{');
    let (Some(at), false) = (at, text.windows(2).any(|pair| pair == b"{}")) else { return text.to_vec() };
    let own = object.text();
    [&text[..at], &own.as_bytes()[..own.len() - 1], b",", &text[at + 1..]].concat()
}

#[test]
fn a_header_is_one_json_object() {
    check_header(header().text(), &Ok(()));
    check_header(header().with("a", r#""\ud83d\ude00""#).text(), &Ok(()));
    for bad in NO_OBJECTS {
        check_header(bad, &Err(Malformed));
        check_header(joined(&header(), bad), &Err(Malformed));
    }
    for bad in [format!("\u{feff}{}", header().text()), header().text() + "x", header().text() + "\0"] {
        check_header(bad, &Err(Malformed));
    }
}

#[test]
fn the_claims_are_one_json_object() {
    check_claims(claims().text(), &Ok(()));
    check_claims(claims().with("a", r#""\ud83d\ude00""#).text(), &Ok(()));
    for bad in NO_OBJECTS {
        check_claims(bad, &Err(MalformedClaims));
        check_claims(joined(&claims(), bad), &Err(MalformedClaims));
    }
    for bad in [format!("\u{feff}{}", claims().text()), claims().text() + "x", claims().text() + "\0"] {
        check_claims(bad, &Err(MalformedClaims));
    }
    check_claims("{}", &Err(MissingClaim("token_type")));
}

#[test]
fn nesting_has_a_greatest_depth() {
    // The outermost object is the first level.
    let lists = |depth: usize| "[".repeat(depth - 1) + &"]".repeat(depth - 1);
    let objects = |depth: usize| "{\"a\":".repeat(depth - 2) + "{}" + &"}".repeat(depth - 2);
    for nested in [lists, objects] {
        check_header(header().with("x", nested(8)).text(), &Ok(()));
        check_header(header().with("x", nested(9)).text(), &Err(Malformed));
        check_claims(claims().with("x", nested(32)).text(), &Ok(()));
        check_claims(claims().with("x", nested(33)).text(), &Err(MalformedClaims));
    }
}

#[test]
fn members_have_a_greatest_number() {
    // Filled up at the first level and below it: members count wherever they are.
    let fill = |object: Object, had: usize, count: usize| {
        let flat = (had..count).fold(object.clone(), |object, n| object.with(&format!("m{n}"), 0));
        let inner: Vec<_> = (had + 1..count).map(|n| format!("\"m{n}\":0")).collect();
        [flat.text(), object.with("x", format!("[{{{}}}]", inner.join(","))).text()]
    };
    for (flat_or_not, allowed) in [0, 1].into_iter().flat_map(|n| [(n, true), (n, false)]) {
        let extra = usize::from(!allowed);
        let header = fill(header(), 2, 32 + extra);
        check_header(&header[flat_or_not], &if allowed { Ok(()) } else { Err(Malformed) });
        let claims = fill(claims(), 7, 512 + extra);
        check_claims(&claims[flat_or_not], &if allowed { Ok(()) } else { Err(MalformedClaims) });
    }
}

#[test]
fn duplicate_members() {
    let twice = |object: &Object, again: &str| {
        let text = object.text();
        [format!("{},{again}}}", &text[..text.len() - 1]), format!("{{{again},{}", &text[1..])]
    };
    for again in [
        r#""alg":"HS256""#,
        r#""\u0061lg":"HS256""#,
        r#""\u0061\u006C\u0067":"HS256""#,
        r#""typ":"at+jwt""#,
        r#""x":1,"x":1"#,
        r#""x":{"a":1,"a":1}"#,
        r#""x":[[{"a":1,"b":2,"\u0061":1}]]"#,
        r#""":1,"":2"#,
    ] {
        for text in twice(&header(), again) {
            check_header(text, &Err(Malformed));
        }
    }
    for again in [
        r#""sub":"alice""#,
        r#""sub":"bob""#,
        r#""s\u0075b":"bob""#,
        r#""token_type":"access""#,
        r#""exp":9999999999"#,
        r#""roles":["user"],"roles":["admin"]"#,
        r#""roles":["user"],"\u0072oles":["admin"]"#,
        r#""\u0072oles":["user"],"r\u006fles":["admin"]"#,
        r#""x":{"a":1,"a":1}"#,
        r#""x":[{"y":{"a":1,"b":{"a":2},"a":1}}]"#,
        r#""a\/b":1,"a/b":2"#,
        r#""😀":1,"\ud83d\ude00":2"#,
    ] {
        for text in twice(&claims(), again) {
            check_claims(text, &Err(MalformedClaims));
        }
    }
    // The same name at different places, and names that differ in case or in normal form, are no
    // duplicates.
    for fine in [
        r#""x":{"sub":"bob","exp":1},"y":[{"sub":1},{"sub":2}]"#,
        r#""SUB":"bob""#,
        "\"\u{e9}\":1,\"e\u{301}\":2",
    ] {
        for text in twice(&claims(), fine) {
            check_claims(text, &Ok(()));
        }
    }
}

// ------------------------------------------------------------------------------------------------
// 6 to 10: the header

/// A good header with this member at its end, and at its beginning.
#[track_caller]
fn check_members(name: &str, values: &[&str], expected: &Verdict) {
    for value in values {
        check_header(header().with(name, value).text(), expected);
        check_header(
            Object::new([(name, value), ("alg", "\"HS256\""), ("typ", "\"at+jwt\"")]).text(),
            expected,
        );
    }
}

#[test]
fn crit_refused() {
    let refused = &Err(ForbiddenHeader);
    check_members(
        "crit",
        &[
            "[]",
            r#"["exp"]"#,
            r#"["x"]"#,
            r#"["alg"]"#,
            r#"["crit"]"#,
            "[1]",
            "null",
            "1",
            "\"exp\"",
            "{}",
            "true",
        ],
        refused,
    );
    check_members(r"cr\u0069t", &[r#"["exp"]"#], refused);
    check_header(header().with("crit", r#"["b64"]"#).with("b64", "false").text(), refused);
    check_header(header().with("crit", r#"["exp"]"#).with("exp", NOW + 900).text(), refused);
    // Only the name itself counts.
    check_members("Crit", &[r#"["exp"]"#], &Ok(()));
    check_members("x", &[r#"{"crit":["exp"]}"#], &Ok(()));
}

#[test]
fn members_that_change_how_a_token_is_read_are_refused() {
    let refused = &Err(ForbiddenHeader);
    check_members("b64", &["false", "true", "null", "\"false\""], refused);
    check_members("enc", &["\"A256GCM\"", "null", "\"\""], refused);
    check_members(
        "cty",
        &["\"JWT\"", "\"jwt\"", "\"JwT\"", "\"application/jwt\"", "\"APPLICATION/JWT\""],
        refused,
    );
    check_members("cty", &["null", "1", "[\"JWT\"]", "{}"], refused);
    check_members("cty", &["\"json\"", "\"text/plain\"", "\"\""], &Ok(()));
}

#[test]
fn zip_refused() {
    check_members("zip", &["\"DEF\"", "\"NONE\"", "null", "1"], &Err(ForbiddenHeader));
}

#[test]
fn jwt_none_refused() {
    let spellings = (0..16_u8).map(|upper| {
        let spelt = "none".chars().enumerate();
        spelt.map(|(at, c)| if upper >> at & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect::<String>()
    });
    for none in spellings {
        let header = header().with("alg", format!("\"{none}\"")).text();
        check_header(&header, &Err(WrongAlgorithm));
        let unsigned = format!("{}.{}.", encode(&header), encode(claims().text()));
        check(standard(), &unsigned, &Err(Malformed));
        check(standard(), unsigned.trim_end_matches('.'), &Err(Malformed));
        check(standard(), &(unsigned + "AA"), &Err(WrongAlgorithm));
    }
}

#[test]
fn the_algorithm_is_that_of_the_key_and_spelt_as_registered() {
    for alg in [
        "HS384",
        "HS512",
        "RS256",
        "RS512",
        "PS256",
        "ES256",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "hs256",
        "Hs256",
        "HS-256",
        "HS256 ",
        " HS256",
        "HS256\\u0000",
        "HS2560",
        "HMACSHA256",
        "dir",
        "",
    ] {
        check_header(header().with("alg", format!("\"{alg}\"")).text(), &Err(WrongAlgorithm));
    }
    for alg in ["null", "256", "true", "[\"HS256\"]", "{\"HS256\":1}"] {
        check_header(header().with("alg", alg).text(), &Err(WrongAlgorithm));
    }
    check_header(header().without("alg").text(), &Err(WrongAlgorithm));
    check_header(header().with("alg", "\"\\u0048S256\"").text(), &Ok(()));
}

/// Correctly signed with each algorithm under the same secret: still only the configured one
/// counts.
#[test]
fn a_key_is_for_one_algorithm() {
    for own in Algorithm::HMAC {
        let auth = auth(|config| config.algorithm(own));
        for used in Algorithm::HMAC {
            let header = header().with("alg", format!("\"{used}\"")).text();
            let token = sign_with(used, SECRET.as_bytes(), header, claims().text());
            check(&auth, &token, &if used == own { Ok(()) } else { Err(WrongAlgorithm) });
            // The header lies about what was done.
            let header =
                Object::new([("alg", "")]).with("alg", format!("\"{own}\"")).with("typ", "\"at+jwt\"");
            let token = sign_with(used, SECRET.as_bytes(), header.text(), claims().text());
            check(&auth, &token, &if used == own { Ok(()) } else { Err(BadSignature) });
        }
    }
}

#[test]
fn header_keys_ignored() {
    const PLANTED: &[u8] = b"the key that whoever made the token brought along";
    let jwk = format!(r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#, encode(PLANTED));
    for (name, value) in [
        ("jwk", &*jwk),
        ("jku", "\"https://evil.example/keys.json\""),
        ("x5u", "\"https://evil.example/cert.pem\""),
        ("x5c", "[\"MIIB\"]"),
        ("jwk", "null"),
        ("jku", "1"),
        ("x5u", "[]"),
        ("x5c", "{}"),
        ("jwk\\u0020", "1"),
    ] {
        let expected = if name.contains('\\') { Ok(()) } else { Err(ForbiddenHeader) };
        check_members(name, &[value], &expected);
        let header = header().with(name, value).text();
        let planted = sign_with(Algorithm::HS256, PLANTED, &header, claims().text());
        check(standard(), &planted, &expected.clone().and(Err(BadSignature)));
        let key = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
        assert_eq!(verify_jws(&sign(&header, &claims().text()), &key).map(drop), expected, "{name}");
    }
}

#[test]
fn kid_is_an_opaque_label() {
    let key =
        |id: &str, secret: &str| Key::hmac(Algorithm::HS256, secret.as_bytes()).unwrap().with_id(id).unwrap();
    let longest = "k".repeat(128);
    let one = auth(|config| config.secret_id(&*longest));
    let several = auth(|config| {
        config.secret_id("new").verification_key(key("old", "5d1c0e7fb9a2486395f0d8c7b6e5a413f2"))
    });
    let kid = |id: &str| token(&header().with("kid", format!("\"{id}\"")), &claims());
    let none = token(&header(), &claims());

    check(&one, &kid(&longest), &Ok(()));
    check(&one, &kid(&"k".repeat(129)), &Err(UnknownKey));
    check(&one, &none, &Ok(()));
    // The same in a header that is not letter for letter one of ours, and below the claims.
    let spaced =
        |id: &str| sign(&format!(" {}", header().with("kid", format!("\"{id}\"")).text()), &claims().text());
    check(&one, &spaced(&longest), &Ok(()));
    check(&one, &spaced(&"k".repeat(129)), &Err(UnknownKey));
    check(&several, &spaced("new"), &Ok(()));
    for (id, key, expected) in [
        (&*longest, key(&longest, SECRET), Ok(())),
        ("new", key(&longest, SECRET), Err(UnknownKey)),
        ("new", Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap(), Ok(())),
    ] {
        assert_eq!(verify_jws(&kid(id), &key).map(drop), expected, "{id}");
    }
    check(&several, &kid("new"), &Ok(()));
    check(&several, &kid("n\\u0065w"), &Ok(()));
    check(&several, &none, &Err(UnknownKey));
    check(&several, &kid("old"), &Err(BadSignature));
    check(standard(), &none, &Ok(()));
    check(standard(), &kid("new"), &Err(UnknownKey));
    for id in [
        "New",
        "new ",
        "",
        "*",
        "../../dev/null",
        "new\\u0000",
        "' UNION SELECT 'x",
        "https://evil.example/",
        "🔑",
    ] {
        check(&several, &kid(id), &Err(UnknownKey));
        check(&one, &kid(id), &Err(UnknownKey));
    }
    for value in ["null", "1", "[\"new\"]", "{\"new\":1}", "true"] {
        let token = token(&header().with("kid", value), &claims());
        check(&several, &token, &Err(UnknownKey));
        check(standard(), &token, &Err(UnknownKey));
    }
}

#[test]
fn a_token_of_the_old_key_is_held_against_the_old_key() {
    const OLD: &str = "5d1c0e7fb9a2486395f0d8c7b6e5a413f2";
    let old = Key::hmac(Algorithm::HS256, OLD.as_bytes()).unwrap().with_id("old").unwrap();
    let auth = auth(|config| config.secret_id("new").verification_key(old));
    let header = |id: &str| header().with("kid", format!("\"{id}\"")).text();
    for (secret, id, expected) in [
        (SECRET, "new", Ok(())),
        (OLD, "old", Ok(())),
        (SECRET, "old", Err(BadSignature)),
        (OLD, "new", Err(BadSignature)),
    ] {
        check(&auth, &sign_with(Algorithm::HS256, secret.as_bytes(), header(id), claims().text()), &expected);
    }
}

#[test]
fn unknown_header_members_are_ignored() {
    for (name, value) in [
        ("x5t", "\"abc\""),
        ("nonce", "5"),
        ("svt", "null"),
        ("exp", "1"),
        ("iss", "\"somebody\""),
        ("ALG", "\"none\""),
        ("", "{}"),
    ] {
        check_members(name, &[value], &Ok(()));
    }
}

// ------------------------------------------------------------------------------------------------
// 11 and 12: the signature

#[test]
fn degenerate_signatures() {
    for algorithm in Algorithm::HMAC {
        let auth = auth(|config| config.algorithm(algorithm));
        let header = header().with("alg", format!("\"{algorithm}\"")).text();
        let good = sign_with(algorithm, SECRET.as_bytes(), header, claims().text());
        check(&auth, &good, &Ok(()));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let mac =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
        let with = |mac: &[u8]| format!("{signed}.{}", encode(mac));
        for length in 1..mac.len() {
            check(&auth, &with(&mac[..length]), &Err(BadSignature));
            check(&auth, &with(&mac[length..]), &Err(BadSignature));
        }
        for extra in [1, 2, 16, 32, 64, 256, 512] {
            check(&auth, &with(&[&mac[..], &vec![0; extra]].concat()), &Err(BadSignature));
            check(&auth, &with(&[&vec![0; extra], &mac[..]].concat()), &Err(BadSignature));
        }
        check(&auth, &with(&[&mac[..], &mac[..]].concat()), &Err(BadSignature));
        for fill in [0, 1, 0xff] {
            check(&auth, &with(&vec![fill; mac.len()]), &Err(BadSignature));
        }
        for bit in 0..mac.len() * 8 {
            let mut flipped = mac.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&auth, &with(&flipped), &Err(BadSignature));
        }
    }
}

#[test]
fn another_secret_signs_in_vain() {
    for secret in [&b""[..], b"\0", b"secret", &SECRET.as_bytes()[1..], &[SECRET.as_bytes(), b"\n"].concat()]
    {
        let token = sign_with(Algorithm::HS256, secret, header().text(), claims().text());
        check(standard(), &token, &Err(BadSignature));
    }
}

/// A library that verifies one cut of the parts and reads another can be shown claims that nobody
/// signed.
#[test]
fn verified_bytes_are_used() {
    let good = token(&header(), &claims());
    let forged = encode(claims().with("sub", "\"admin\"").text());
    let [head, payload, signature] = segments(&good);
    check(standard(), &format!("{head}.{forged}.{signature}"), &Err(BadSignature));
    check(standard(), &format!("{payload}.{head}.{signature}"), &Err(WrongAlgorithm));
    check(standard(), &format!("{head}.{forged}.{payload}.{signature}"), &Err(Malformed));
    check(standard(), &format!("{head}.{forged}.{signature}.{payload}.{signature}"), &Err(Malformed));
    assert_eq!(standard().verify_signature_and_claims(&good, Purpose::Access).unwrap().subject(), "alice");
}

#[test]
fn error_precedence() {
    fn broken(token: &str) -> String {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        format!("{signed}.{first}{}", &signature[1..])
    }
    let expired = claims().with("exp", NOW - 1).with("iat", NOW - 900);
    let refresh = claims().with("token_type", "\"refresh\"");
    let bearer = header().with("typ", "\"refresh+jwt\"");
    let auth = with_origin();

    // Nothing of the claims or the purpose is judged before the signature is known to be right.
    for claims in [&expired, &refresh, &claims().without("sub"), &claims().with("aud", "5"), &named_origin()]
    {
        check(&auth, &broken(&token(&header(), claims)), &Err(BadSignature));
        check(&auth, &broken(&token(&bearer, claims)), &Err(BadSignature));
    }
    check(&auth, &broken(&sign(&header().text(), "no JSON")), &Err(BadSignature));
    check(&auth, &broken(&sign(&header().text(), "{\"a\":1,\"a\":1}")), &Err(BadSignature));
    // What makes a header unacceptable comes before the signature, and the key before the algorithm
    // of the key.
    let crit = header().with("crit", "[]");
    check(&auth, &broken(&token(&crit, &expired)), &Err(ForbiddenHeader));
    check(&auth, &broken(&token(&header().with("alg", "\"none\""), &expired)), &Err(WrongAlgorithm));
    check(&auth, &broken(&token(&header().with("kid", "\"x\""), &expired)), &Err(UnknownKey));
    check(&auth, &token(&crit.with("alg", "\"none\""), &expired), &Err(ForbiddenHeader));
    // A signature of a foreign algorithm is longer than any of ours; the algorithm is the news, not
    // the length.
    let foreign = header().with("alg", "\"RS256\"").text();
    let foreign = format!("{}.{}.{}", encode(foreign), encode(expired.text()), encode([7; 256]));
    check(&auth, &foreign, &Err(WrongAlgorithm));
    check(&auth, &(foreign + "=="), &Err(Malformed));
    // With a good signature: the purpose in the header, the form of the claims, the purpose in the
    // claims, their types, the origin, the times.
    let wrong = || Err(wrong_purpose(Purpose::Access, Purpose::Refresh));
    check(&auth, &sign(&bearer.text(), "no JSON"), &wrong());
    check(&auth, &sign(&header().text(), "no JSON"), &Err(MalformedClaims));
    check(&auth, &token(&header(), &refresh.without("sub")), &wrong());
    check(&auth, &token(&header(), &expired.clone().without("sub")), &Err(MissingClaim("sub")));
    check(&auth, &token(&header(), &expired.clone().with("nbf", "null")), &Err(InvalidClaim("nbf")));
    check(&auth, &token(&header(), &expired.clone().with("iss", "\"x\"")), &Err(WrongIssuer));
    let elsewhere = expired.with("iss", format!("\"{ISSUER}\"")).with("aud", "\"x\"");
    check(&auth, &token(&header(), &elsewhere), &Err(WrongAudience));
    let expired = named_origin().with("exp", NOW).with("iat", NOW + 31);
    check(&auth, &token(&header(), &expired), &Err(Expired));
    check(&auth, &token(&header(), &expired.with("exp", NOW + 1)), &Err(NotYetValid));
}

// ------------------------------------------------------------------------------------------------
// 13: the purpose

const PROFILES: [TokenProfile; 3] =
    [TokenProfile::Standard, TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration];

#[test]
fn cross_kind_matrix() {
    for profile in PROFILES {
        let auth = auth(|config| config.token_profile(profile));
        for issued in Purpose::ALL {
            let token = issue(&auth, issued);
            for wanted in Purpose::ALL {
                let expected = if issued == wanted { Ok(()) } else { Err(wrong_purpose(wanted, issued)) };
                check_as(&auth, wanted, &token, &expected);
            }
        }
    }
}

/// Header and claim both name the purpose, and both must be right: 3 profiles × 6 headers × 4
/// claims × 4 purposes.
#[test]
fn the_header_and_the_claim_must_agree() {
    let mut types: Vec<_> = Purpose::ALL.iter().map(|purpose| Some(purpose.media_type())).collect();
    types.extend([Some("JWT"), None]);
    for profile in PROFILES {
        let auth = auth(|config| config.token_profile(profile));
        for typ in &types {
            for claimed in Purpose::ALL {
                let header = match typ {
                    Some(typ) => header().with("typ", format!("\"{typ}\"")),
                    None => header().without("typ"),
                };
                let token = token(&header, &claims().with("token_type", format!("\"{claimed}\"")));
                for wanted in Purpose::ALL {
                    let ours = *typ == Some(wanted.media_type()) && profile != TokenProfile::PythonFauth;
                    let python = *typ == Some("JWT") && profile != TokenProfile::Standard;
                    let mut others = Purpose::ALL.into_iter().filter(|purpose| *purpose != wanted);
                    let named = others.find(|purpose| *typ == Some(purpose.media_type()));
                    let expected = match (ours || python, claimed == wanted) {
                        (true, true) => Ok(()),
                        (true, false) => Err(wrong_purpose(wanted, claimed)),
                        (false, _) => Err(wrong_purpose(wanted, named)),
                    };
                    check_as(&auth, wanted, &token, &expected);
                }
            }
        }
    }
}

#[test]
fn typ_is_a_media_type() {
    for typ in ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT", "\\u0061t+jwt"] {
        check_header(header().with("typ", format!("\"{typ}\"")).text(), &Ok(()));
    }
    for (typ, actual) in [
        ("JWT", None),
        ("", None),
        ("at", None),
        ("at+jwt ", None),
        (" at+jwt", None),
        ("at+jwt;v=1", None),
        ("application/", None),
        ("application/application/at+jwt", None),
        ("text/at+jwt", None),
        ("dpop+jwt", None),
        ("logout+jwt", None),
        ("refresh+jwt", Some(Purpose::Refresh)),
        ("application/Refresh+JWT", Some(Purpose::Refresh)),
        ("password-reset+jwt", Some(Purpose::PasswordReset)),
    ] {
        let expected = Err(wrong_purpose(Purpose::Access, actual));
        check_header(header().with("typ", format!("\"{typ}\"")).text(), &expected);
    }
    check_header(header().without("typ").text(), &Err(wrong_purpose(Purpose::Access, None)));
    for typ in ["null", "1", "[\"at+jwt\"]", "{}"] {
        check_header(header().with("typ", typ).text(), &Err(Malformed));
    }
    let python = auth(|config| config.token_profile(TokenProfile::PythonFauth));
    for typ in ["JWT", "jwt", "application/jwt"] {
        check(&python, &token(&header().with("typ", format!("\"{typ}\"")), &claims()), &Ok(()));
    }
}

#[test]
fn the_purpose_is_spelt_exactly() {
    for claimed in ["Access", "ACCESS", "access ", "", "acces", "access\\u0000", "id"] {
        let token = token(&header(), &claims().with("token_type", format!("\"{claimed}\"")));
        check(standard(), &token, &Err(wrong_purpose(Purpose::Access, None)));
    }
    check_claims(claims().with("token_type", "\"\\u0061ccess\"").text(), &Ok(()));
}

// ------------------------------------------------------------------------------------------------
// 14 to 16: claims

#[test]
fn claim_type_matrix() {
    let auth = with_origin();
    let (iss, aud) = (format!("\"{ISSUER}\""), format!("\"{AUDIENCE}\""));
    let aud_list = format!("[{aud}]");
    let (soon, now) = ((NOW + 900).to_string(), NOW.to_string());
    // Of each claim: good values, and whether it may be absent.
    let table: [(&'static str, &[&str], bool); 10] = [
        ("sub", &["\"alice\""], false),
        ("jti", &["\"id\""], false),
        ("exp", &[&soon], false),
        ("iat", &[&now], false),
        ("nbf", &[&now], true),
        ("iss", &[&iss], false),
        ("aud", &[&aud, &aud_list], false),
        ("app", &["\"default\""], false),
        ("token_type", &["\"access\""], false),
        ("scopes", &["[]", "[\"read\"]"], true),
    ];
    let kind_of = |json: &str| if json.as_bytes()[0].is_ascii_digit() { b'0' } else { json.as_bytes()[0] };
    for (name, good, optional) in table {
        for value in good {
            check(&auth, &token(&header(), &named_origin().with(name, value)), &Ok(()));
        }
        let absent = if optional { Ok(()) } else { Err(MissingClaim(name)) };
        check(&auth, &token(&header(), &named_origin().without(name)), &absent);
        let mut wrong = 0;
        for value in ["null", "5", "\"text\"", "true", "false", "[\"text\"]", "{\"a\":1}", "{}"] {
            if good.iter().all(|good| kind_of(good) != kind_of(value)) {
                check(&auth, &token(&header(), &named_origin().with(name, value)), &Err(InvalidClaim(name)));
                wrong += 1;
            }
        }
        assert!(wrong >= 6, "{name}: {wrong}");
    }
}

#[test]
fn names_and_subjects_have_lengths() {
    for (name, most) in [("sub", 255), ("jti", 128)] {
        let with = |value: &str| claims().with(name, format!("\"{value}\"")).text();
        check_claims(with("x"), &Ok(()));
        check_claims(with(&"x".repeat(most)), &Ok(()));
        check_claims(with(&"x".repeat(most + 1)), &Err(InvalidClaim(name)));
        check_claims(with(""), &Err(InvalidClaim(name)));
        // Bytes of the text that is meant count, not characters and not escapes.
        check_claims(with(&"\\u0078".repeat(most)), &Ok(()));
        check_claims(with(&"\\u0078".repeat(most + 1)), &Err(InvalidClaim(name)));
        check_claims(
            with(&"é".repeat(most.div_ceil(2))),
            &if most % 2 == 0 { Ok(()) } else { Err(InvalidClaim(name)) },
        );
        check_claims(with(&"é".repeat(most / 2)), &Ok(()));
    }
}

#[test]
fn the_issuer_is_compared_as_a_whole() {
    let auth = with_origin();
    let escaped = ISSUER.replace('/', "\\/");
    for good in [ISSUER, &escaped] {
        check(&auth, &token(&header(), &named_origin().with("iss", format!("\"{good}\""))), &Ok(()));
    }
    for bad in [
        "",
        "https://login.example.co",
        "https://login.example.com/",
        "https://login.example.com.evil.example",
        "https://LOGIN.example.com",
        " https://login.example.com",
        "login.example.com",
        "https://login.example.com\\u0000",
    ] {
        check(&auth, &token(&header(), &named_origin().with("iss", format!("\"{bad}\""))), &Err(WrongIssuer));
    }
    let list = named_origin().with("iss", format!("[\"{ISSUER}\"]"));
    check(&auth, &token(&header(), &list), &Err(InvalidClaim("iss")));
}

#[test]
fn iss_aud_exp_required() {
    let origin = with_origin();
    check(&origin, &token(&header(), &named_origin()), &Ok(()));
    for name in ["iss", "aud", "exp"] {
        check(&origin, &token(&header(), &named_origin().without(name)), &Err(MissingClaim(name)));
        check(&origin, &token(&header(), &named_origin().with(name, "null")), &Err(InvalidClaim(name)));
    }
    // Where no issuer is configured, and in the Python format, any text is as good as none; `aud`
    // is not.
    let python = auth(|config| config.token_profile(TokenProfile::PythonFauth));
    for (auth, header) in [(standard(), header()), (&python, header().with("typ", "\"JWT\""))] {
        check(auth, &token(&header, &claims().with("iss", "\"anybody\"")), &Ok(()));
        for iss in ["5", "null", "[\"anybody\"]", "{}", "true"] {
            check(auth, &token(&header, &claims().with("iss", iss)), &Err(InvalidClaim("iss")));
        }
    }
}

#[test]
fn the_audience_names_one_that_is_configured() {
    let several = auth(|config| config.audience("a").audience("b"));
    for good in
        [r#""a""#, r#""b""#, r#"["b"]"#, r#"["x","b"]"#, r#"["a","b","c"]"#, r#"["a","a"]"#, r#"["\u0061"]"#]
    {
        check(&several, &token(&header(), &claims().with("aud", good)), &Ok(()));
    }
    for bad in [r#""c""#, r#""A""#, r#""""#, r#""a b""#, r#"["c","d"]"#, r#"[""]"#] {
        check(&several, &token(&header(), &claims().with("aud", bad)), &Err(WrongAudience));
    }
    for bad in [
        "[]",
        r#"["a",1]"#,
        r#"[1,"a"]"#,
        r#"["a",null]"#,
        r#"["a",["b"]]"#,
        r#"[["a"]]"#,
        r#"{"a":1}"#,
        "1",
        "null",
    ] {
        check(&several, &token(&header(), &claims().with("aud", bad)), &Err(InvalidClaim("aud")));
    }
    check(&several, &token(&header(), &claims()), &Err(MissingClaim("aud")));
}

#[test]
fn the_application_is_compared_as_a_whole() {
    let shop = auth(|config| config.application("Shop-2.b_c"));
    for (auth, own) in [(standard(), "default"), (&shop, "Shop-2.b_c")] {
        let with = |name: &str| token(&header(), &claims().with("app", format!("\"{name}\"")));
        check(auth, &with(own), &Ok(()));
        check(
            auth,
            &with(&format!("{}\\u{:04x}", &own[..own.len() - 1], own.as_bytes()[own.len() - 1])),
            &Ok(()),
        );
        let longer = format!("{own}x");
        for bad in ["", &own[1..], &own[..own.len() - 1], &longer, &own.to_uppercase(), " ", "*", "shop"] {
            check(auth, &with(bad), &Err(WrongApplication));
        }
    }
    // Who is of another issuer or audience is told apart by that first.
    let origin = named_origin().with("app", "\"shop\"");
    check(&with_origin(), &token(&header(), &origin), &Err(WrongApplication));
    check(&with_origin(), &token(&header(), &origin.with("iss", "\"x\"")), &Err(WrongIssuer));
}

/// The Python fauth has no such claim, and an application's own may have its name.
#[test]
fn the_python_format_names_no_application() {
    let python = header().with("typ", "\"JWT\"");
    for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let auth = auth(|config| config.token_profile(profile).application("shop"));
        for claims in [claims().without("app"), claims(), claims().with("app", "[7]")] {
            check(&auth, &token(&python, &claims), &Ok(()));
        }
    }
    let migration =
        auth(|config| config.token_profile(TokenProfile::PythonFauthMigration).application("shop"));
    check(&migration, &token(&header(), &claims()), &Err(WrongApplication));
    check(&migration, &token(&header(), &claims().without("app")), &Err(MissingClaim("app")));
}

/// It wrote `scopes` only: what an application has called `scope` was never a right.
#[test]
fn the_python_format_knows_no_scope_claim() {
    let python = header().with("typ", "\"JWT\"");
    for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let auth = auth(|config| config.token_profile(profile));
        for claims in [claims().without("scopes"), claims().with("scopes", "[]")] {
            let token = token(&python, &claims.with("scope", "\"admin\""));
            let payload = auth.verify_signature_and_claims(&token, Purpose::Access).unwrap();
            assert!(payload.scopes().is_empty(), "{:?}", payload.scopes());
        }
    }
}

#[test]
fn an_audience_nobody_asked_for_is_not_ours() {
    check_claims(claims().text(), &Ok(()));
    for aud in [r#""a""#, r#"["a"]"#, "[]", "null", "1", "{}"] {
        check_claims(claims().with("aud", aud).text(), &Err(WrongAudience));
    }
    // The Python format has no audience, whatever is configured for the other one.
    let migration = auth(|config| {
        config.token_profile(TokenProfile::PythonFauthMigration).issuer(ISSUER).audience(AUDIENCE)
    });
    let python = header().with("typ", "\"JWT\"");
    check(&migration, &token(&header(), &named_origin()), &Ok(()));
    check(&migration, &token(&header(), &claims()), &Err(MissingClaim("iss")));
    check(&migration, &token(&python, &claims()), &Ok(()));
    check(&migration, &token(&python, &named_origin()), &Err(WrongAudience));
}

#[test]
fn scopes_are_a_list_of_strings() {
    for good in
        ["[]", r#"["read"]"#, r#"["read","write","read"]"#, r#"["a b"]"#, r#"[""]"#, " [ \"a\" , \"b\" ] "]
    {
        check_claims(claims().with("scopes", good).text(), &Ok(()));
    }
    check_claims(claims().without("scopes").text(), &Ok(()));
    for bad in [r#"["read",1]"#, "[null]", r#"[["read"]]"#, r#""read""#, r#"{"read":true}"#, "null"] {
        check_claims(claims().with("scopes", bad).text(), &Err(InvalidClaim("scopes")));
    }
}

/// RFC 9068 section 2.2.3.
#[test]
fn scopes_may_be_one_text() {
    let alone = |scope: &str| claims().without("scopes").with("scope", scope);
    for (scope, expected) in [
        (r#""read""#, &["read"][..]),
        (r#""read write""#, &["read", "write"]),
        (r#""read\u0020wr\u0069te""#, &["read", "write"]),
        (r#""""#, &[]),
    ] {
        let token = token(&header(), &alone(scope));
        let payload = standard().verify_signature_and_claims(&token, Purpose::Access).unwrap();
        assert_eq!(payload.scopes(), expected, "{scope}");
        assert!(expected.iter().all(|scope| payload.has_scope(scope)));
        assert!(!payload.has_scope("read write") && !payload.has_scope("") && !payload.has_scope("admin"));
    }
    for bad in [
        "null",
        "5",
        "true",
        r#"["read"]"#,
        r#"{"read":true}"#,
        r#"" ""#,
        r#""read ""#,
        r#"" read""#,
        r#""read  write""#,
        r#""read\twrite""#,
        r#""re\"ad""#,
        r#""ré""#,
    ] {
        check_claims(alone(bad).text(), &Err(InvalidClaim("scope")));
        check_claims(claims().with("scope", bad).text(), &Err(InvalidClaim("scope")));
    }
}

#[test]
fn scopes_are_written_as_one_text_when_asked() {
    let text = auth(|config| config.scope_claim(ScopeClaim::Scope));
    let issue = |auth: &Auth, scopes: &[&str]| {
        let request = TokenRequest::for_subject("alice").scopes(scopes.iter().copied());
        at_once(auth.issue(Purpose::Access, request)).unwrap().expose().to_owned()
    };
    for (scopes, claim) in
        [(&["read", "write"][..], Some("read write")), (&["read"], Some("read")), (&[], None)]
    {
        let token = issue(&text, scopes);
        // Whatever is written, both are read.
        for auth in [&text, standard()] {
            let payload = auth.verify_signature_and_claims(&token, Purpose::Access).unwrap();
            assert_eq!(payload.scopes(), scopes);
            assert_eq!(payload.claim::<String>("scope").unwrap().as_deref(), claim);
            assert!(payload.claim::<Vec<String>>("scopes").unwrap().is_none());
        }
    }
    let payload =
        text.verify_signature_and_claims(&issue(standard(), &["read", "write"]), Purpose::Access).unwrap();
    assert_eq!(payload.scopes(), ["read", "write"]);
    assert!(payload.claim::<String>("scope").unwrap().is_none());
}

/// RFC 7515 allows a JWS to sign nothing; a token never does.
#[test]
fn a_jws_may_have_an_empty_payload() {
    let key = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
    let empty = sign_with(Algorithm::HS256, SECRET.as_bytes(), header().text(), "");
    let [head, payload, signature] = segments(&empty);
    assert_eq!(payload, "");
    assert_eq!(verify_jws(&empty, &key), Ok(vec![]));
    check(standard(), &empty, &Err(Malformed));
    let wrong = format!("{head}..{}A", &signature[..signature.len() - 1]);
    assert_eq!(verify_jws(&wrong, &key), Err(BadSignature));
    for bad in
        [format!("{head}.{signature}"), format!("{head}..."), format!("..{signature}"), format!("{head}..")]
    {
        assert_eq!(verify_jws(&bad, &key), Err(Malformed), "{bad}");
    }
}

/// Other readers may look at the other claim: neither may give what the other does not.
#[test]
fn both_claims_of_scopes_have_to_agree() {
    let both = |list: &str, text: &str| claims().with("scopes", list).with("scope", text).text();
    for (list, text) in [
        (r#"["read","write"]"#, r#""read write""#),
        (r#"["write","read","read"]"#, r#""read write""#),
        ("[]", r#""""#),
    ] {
        check_claims(both(list, text), &Ok(()));
    }
    for (list, text) in [
        ("[]", r#""admin""#),
        (r#"["read"]"#, r#""""#),
        (r#"["read"]"#, r#""read write""#),
        (r#"["read","write"]"#, r#""read""#),
        (r#"["read write"]"#, r#""read write""#),
        (r#"[""]"#, r#""""#),
    ] {
        check_claims(both(list, text), &Err(InvalidClaim("scope")));
    }
    check_claims(both("null", r#""read""#), &Err(InvalidClaim("scopes")));
}

#[test]
fn unknown_claims_are_ignored() {
    for (name, value) in [
        ("roles", "[\"admin\"]"),
        ("tenant", "null"),
        ("act", "{\"sub\":\"bob\",\"act\":{\"sub\":\"eve\"}}"),
        ("EXP", "1"),
        ("a\\u0000b", "1e400"),
        ("😀", "-0.0"),
        ("", "\"\""),
    ] {
        check_claims(claims().with(name, value).text(), &Ok(()));
    }
}

#[test]
fn insignificant_whitespace_is_allowed() {
    // The header and the payload of RFC 7515 appendix A.1 have CR LF and a space in them.
    let spaced = |object: &Object| {
        let text = object.text().replace(',', ",\r\n ").replace("\":", "\" :\t");
        format!("\n {} \r\n", text.replace('{', "{ ").replace('}', " }"))
    };
    let token = sign(&spaced(&header()), &spaced(&claims().with("scopes", "[ \"read\" ,\n\"write\" ]")));
    check(standard(), &token, &Ok(()));
    assert_eq!(
        standard().verify_signature_and_claims(&token, Purpose::Access).unwrap().scopes(),
        ["read", "write"]
    );
    // Only the four characters of RFC 8259 are whitespace.
    for other in ["\u{b}", "\u{c}", "\u{a0}", "\u{2028}", "\u{85}"] {
        check_header(other.to_owned() + &header().text(), &Err(Malformed));
        check_claims(claims().text() + other, &Err(MalformedClaims));
    }
}

// ------------------------------------------------------------------------------------------------
// 17: times

/// An access token with these times, read by this provider.
#[track_caller]
fn check_times(auth: &Auth, times: &[(&str, String)], expected: &Verdict) {
    let claims = times.iter().fold(claims(), |claims, (name, value)| claims.with(name, value));
    check(auth, &token(&header(), &claims), expected);
}

fn at(seconds: i64) -> String {
    (NOW + seconds).to_string()
}

#[test]
fn a_token_ends_when_it_says() {
    let before = |seconds: i64| [("iat", at(-900)), ("exp", at(seconds))];
    let standard = standard();
    check_times(standard, &before(1), &Ok(()));
    check_times(standard, &before(0), &Err(Expired));
    check_times(standard, &before(-1), &Err(Expired));
    check_times(standard, &[("exp", "0".to_owned())], &Err(Expired));
    for leeway in [1, 60, 300] {
        let lenient = auth(|config| config.expiry_leeway(Duration::from_secs(leeway)));
        let leeway = leeway.cast_signed();
        check_times(&lenient, &before(0), &Ok(()));
        check_times(&lenient, &before(1 - leeway), &Ok(()));
        check_times(&lenient, &before(-leeway), &Err(Expired));
    }
}

#[test]
fn a_token_begins_when_it_says() {
    for leeway in [30, 0, 300] {
        let auth = auth(|config| match leeway {
            30 => config,
            other => config.leeway(Duration::from_secs(other)),
        });
        let leeway = leeway.cast_signed();
        for name in ["nbf", "iat"] {
            check_times(&auth, &[(name, at(0))], &Ok(()));
            check_times(&auth, &[(name, at(leeway))], &Ok(()));
            check_times(&auth, &[(name, at(leeway + 1))], &Err(NotYetValid));
            check_times(&auth, &[(name, at(899))], &Err(NotYetValid));
        }
        check_times(&auth, &[("nbf", "0".to_owned())], &Ok(()));
    }
    // The leeway of one end is not that of the other.
    let lenient = auth(|config| config.expiry_leeway(Duration::from_secs(300)));
    check_times(&lenient, &[("iat", at(31))], &Err(NotYetValid));
    let far = [("iat", at(1_000_000_000)), ("exp", at(1_000_000_900))];
    check_times(standard(), &far, &Err(NotYetValid));
}

#[test]
fn a_lifetime_is_positive_and_has_a_ceiling() {
    let standard = standard();
    let span = |iat: i64, exp: i64| [("iat", at(iat)), ("exp", at(exp))];
    check_times(standard, &span(9, 10), &Ok(()));
    check_times(standard, &span(10, 10), &Err(UnacceptableLifetime));
    check_times(standard, &span(11, 10), &Err(UnacceptableLifetime));
    check_times(standard, &span(0, 3600), &Ok(()));
    check_times(standard, &span(0, 3601), &Err(UnacceptableLifetime));
    check_times(standard, &span(-3599, 1), &Ok(()));
    check_times(standard, &span(-3600, 1), &Err(UnacceptableLifetime));
    check_times(standard, &[("iat", "0".to_owned())], &Err(UnacceptableLifetime));

    let ceilings = [(Purpose::Access, 3600), (Purpose::Refresh, 30 * 86_400), (Purpose::PasswordReset, 3600)];
    for (purpose, ceiling) in ceilings.into_iter().chain([(Purpose::EmailVerification, 7 * 86_400)]) {
        let header = header().with("typ", format!("\"{}\"", purpose.media_type()));
        let claims = claims().with("token_type", format!("\"{purpose}\""));
        check_as(standard, purpose, &token(&header, &claims.clone().with("exp", at(ceiling))), &Ok(()));
        let longer = token(&header, &claims.clone().with("exp", at(ceiling + 1)));
        check_as(standard, purpose, &longer, &Err(UnacceptableLifetime));
        let raised = auth(|config| {
            config.danger_max_lifetime(purpose, Duration::from_secs(ceiling.unsigned_abs() + 1))
        });
        check_as(&raised, purpose, &longer, &Ok(()));
    }
}

#[test]
fn numeric_date_edges() {
    let standard = standard();
    let invalid = [
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "9223372036854775808",
        "-1",
        "-0.5",
        "-1e300",
        "1e400",
        "-1e400",
        "1e300",
        "1e18",
        "253402300800",
        "253402300799.5",
        "2534023007990e-1",
    ];
    for name in ["exp", "iat", "nbf"] {
        for value in &invalid[..13] {
            check_times(standard, &[(name, (*value).to_owned())], &Err(InvalidClaim(name)));
        }
        for value in ["\"1767226500\"", "\"\"", "\"never\"", "[1767226500]"] {
            check_times(standard, &[(name, value.to_owned())], &Err(InvalidClaim(name)));
        }
        for value in ["NaN", "Infinity", "-Infinity", "0x69000000", "1_767_226_500", "+1", "1.", ".5", "01"] {
            check_times(standard, &[(name, value.to_owned())], &Err(MalformedClaims));
        }
        let latest = if name == "exp" { UnacceptableLifetime } else { NotYetValid };
        for value in ["253402300799", "253402300799.0", invalid[13], "2.53402300799e11"] {
            check_times(standard, &[(name, value.to_owned())], &Err(latest.clone()));
        }
        let earliest = match name {
            "exp" => Err(Expired),
            "iat" => Err(UnacceptableLifetime),
            _ => Ok(()),
        };
        for value in ["0", "-0", "0.0", "-0.0", "0e5", "1e-400"] {
            check_times(standard, &[(name, value.to_owned())], &earliest);
        }
    }
    for value in [at(900) + ".0", format!("{}e2", (NOW + 900) / 100), format!("{}e-1", (NOW + 900) * 10)] {
        check_times(standard, &[("exp", value)], &Ok(()));
    }
    // The last year that a date can name works like any other.
    let end = Timestamp::MAX.unix_seconds();
    let late = auth_at(end - 900, |config| config);
    let times = |exp: i64| [("iat", (end - 900).to_string()), ("exp", exp.to_string())];
    check_times(&late, &times(end), &Ok(()));
    check_times(&late, &times(end + 1), &Err(InvalidClaim("exp")));
    check_times(&auth_at(end, |config| config), &times(end), &Err(Expired));
}

#[test]
fn fractions_count_for_the_stricter_side() {
    let standard = standard();
    let verify = |iat: &str, exp: &str| {
        let token = token(&header(), &claims().with("iat", iat).with("exp", exp));
        let payload = standard.verify_signature_and_claims(&token, Purpose::Access).unwrap();
        (payload.issued_at().unix_seconds() - NOW, payload.expires_at().unix_seconds() - NOW)
    };
    assert_eq!(verify(&at(-3), &at(9)), (-3, 9));
    assert_eq!(verify(&(at(-3) + ".25"), &(at(9) + ".75")), (-2, 9));
    assert_eq!(verify(&(at(-3) + ".0"), &(at(9) + ".0")), (-3, 9));

    check_times(standard, &[("exp", at(0) + ".999")], &Err(Expired));
    check_times(standard, &[("exp", at(1) + ".001")], &Ok(()));
    for name in ["iat", "nbf"] {
        check_times(standard, &[(name, at(29) + ".5")], &Ok(()));
        check_times(standard, &[(name, at(30) + ".0")], &Ok(()));
        check_times(standard, &[(name, at(30) + ".001")], &Err(NotYetValid));
    }
    let within_a_second = [("iat", at(10) + ".1"), ("exp", at(10) + ".9")];
    check_times(standard, &within_a_second, &Err(UnacceptableLifetime));
    check_times(standard, &[("iat", at(0) + ".5"), ("exp", at(3601))], &Ok(()));
    check_times(standard, &[("iat", at(0)), ("exp", at(3600) + ".5")], &Ok(()));
}

#[test]
fn without_a_clock_there_is_no_verdict() {
    let clock = fauth_testing::ManualClock::new();
    let auth = fauth_testing::provider().clock(clock.clone()).build().unwrap();
    let good = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    check(&auth, good.expose(), &Ok(()));
    clock.break_down();
    let Err(error) = auth.verify_signature_and_claims(good.expose(), Purpose::Access) else {
        panic!("a verdict without a clock")
    };
    assert_eq!(error.reason(), "clock_unavailable");
}

/// Clocks are stepped back; what is held against them must not wrap around.
#[test]
fn a_clock_may_show_any_time() {
    for (now, expected) in [
        (i64::MIN, Err(NotYetValid)),
        (-1, Err(NotYetValid)),
        (0, Err(NotYetValid)),
        (i64::MAX, Err(Expired)),
    ] {
        for leeway in [0, 300].map(Duration::from_secs) {
            let auth = auth_at(now, |config| config.leeway(leeway).expiry_leeway(leeway));
            check(&auth, &token(&header(), &claims()), &expected);
        }
    }
}

// ------------------------------------------------------------------------------------------------
// keys

/// A service that also knows an RSA key must not take its public half, which everybody has, for an
/// HMAC secret.
#[test]
fn jwt_key_confusion() {
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    for public in [PUBLIC, JWK] {
        for text in [public.to_owned(), format!("\n  {public}"), public.trim_end().to_owned()] {
            assert_eq!(Key::hmac(Algorithm::HS256, text.as_bytes()).unwrap_err(), KeyError::LooksLikeKeyFile);
            assert_eq!(AuthConfig::builder().secret(&text).build().unwrap_err().field(), "secret");
            let token = sign_with(Algorithm::HS256, text.as_bytes(), header().text(), claims().text());
            check(standard(), &token, &Err(BadSignature));
        }
    }
}

#[test]
fn jwk_without_alg() {
    let jwk = format!(r#"{{"kty":"oct","k":"{}"}}"#, encode(SECRET));
    for own in Algorithm::HMAC {
        let key = Key::from_jwk(&jwk, own).unwrap();
        assert_eq!(key.algorithm(), own);
        for used in Algorithm::HMAC {
            let token = sign_with(used, SECRET.as_bytes(), format!("{{\"alg\":\"{used}\"}}"), "foo");
            let expected = if used == own { Ok(b"foo".to_vec()) } else { Err(WrongAlgorithm) };
            assert_eq!(verify_jws(&token, &key), expected, "{used} with a key for {own}");
        }
    }
}

#[test]
fn weak_secret_refused() {
    assert!(AuthConfig::builder().secret(SECRET).algorithm(Algorithm::HS512).build().is_ok());
    for (algorithm, bytes) in [(Algorithm::HS256, 31), (Algorithm::HS384, 47), (Algorithm::HS512, 63)] {
        for secret in [&SECRET[..0], &SECRET[..1], &SECRET[..bytes]] {
            let error = AuthConfig::builder().secret(secret).algorithm(algorithm).build().unwrap_err();
            assert_eq!(error.field(), "secret");
        }
        assert!(AuthConfig::builder().secret(&SECRET[..=bytes]).algorithm(algorithm).build().is_ok());
    }
}

/// With such a key the other library panics at every verification.
#[test]
fn okp_short_key() {
    for x in ["", "AAAA", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"] {
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        let refused = KeyError::WrongKind { algorithm: Algorithm::HS256, found: "not a secret" };
        assert_eq!(Key::from_jwk(&jwk, Algorithm::HS256).unwrap_err(), refused);
        #[cfg(any(feature = "asymmetric", feature = "asymmetric-pure-rust"))]
        assert!(matches!(
            Key::from_jwk(&jwk, Algorithm::EdDSA),
            Err(KeyError::Ed25519Length { .. } | KeyError::Malformed)
        ));
    }
}

// ------------------------------------------------------------------------------------------------
// when somebody logged in

/// It is read when it is asked for. What cannot be read is no login, and no reason to refuse the
/// token.
#[test]
fn the_time_of_a_login_is_read_strictly() {
    let read = |json: String| {
        let signed = token(&header(), &claims().with("auth_time", json));
        let payload = standard().verify_signature_and_claims(&signed, Purpose::Access).unwrap();
        payload.authenticated_at().map(Timestamp::unix_seconds)
    };
    for (json, expected) in [
        (NOW.to_string(), Some(NOW)),
        ((NOW - 60).to_string(), Some(NOW - 60)),
        ("0".to_owned(), Some(0)),
        // No login is younger than the token that it has led to.
        ((NOW + 1).to_string(), Some(NOW)),
        (i64::MAX.to_string(), Some(NOW)),
        ("-1".to_owned(), None),
        (i64::MIN.to_string(), None),
        ("9223372036854775808".to_owned(), None),
        (format!("{NOW}.0"), None),
        (format!("\"{NOW}\""), None),
        ("null".to_owned(), None),
        ("true".to_owned(), None),
        (format!("[{NOW}]"), None),
    ] {
        assert_eq!(read(json.clone()), expected, "{json}");
    }
    let without = token(&header(), &claims().with("began_at", NOW));
    let payload = standard().verify_signature_and_claims(&without, Purpose::Access).unwrap();
    assert_eq!(payload.authenticated_at(), None);
}
