//! How mandates are presented, their header, their signature and its key; other tokens are not
//! accepted in their place.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{OneTimePurpose, Purpose, token::Algorithm};
use serde_json::{Value, json};

use super::{
    Harness, Probe, cases,
    mandates::{Acting, INVALID, ISSUER, MISSING, ZONE, service, service_of, unavailable},
};
use crate::{ForeignIssuer, MANDATE_AUDIENCE, MandateIssuer, ManualClock, PublishedKeys, SECRET, sign_with};

/// Wherever a user is required.
const PATHS: [&str; 6] =
    ["/me", "/grant", "/guards/user", "/guards/active", "/group/dashboard", "/group/late"];

/// The three parts of a token.
fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// A service that fetches the keys, and the server that publishes them.
fn fetching<H: Harness>(t: &Probe<H>, issuer: MandateIssuer) -> (Acting<H>, PublishedKeys) {
    let server = issuer.server();
    let fetch = server.clone();
    (service_of(t, issuer, |builder| builder.fetch(fetch), |builder| builder), server)
}

/// Returns the published set of keys with a change.
fn changed(issuer: &MandateIssuer, change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    change(set["keys"].as_array_mut().unwrap());
    set.to_string()
}

/// A token of the same issuer for the same service with the claims of RFC 9068, which is not a
/// mandate.
fn access_token(subject: &str) -> crate::ForeignToken {
    let issuer = ForeignIssuer::new(ISSUER);
    issuer.token(subject, ManualClock::START).claim("aud", MANDATE_AUDIENCE).claim("scope", "billing:read")
}

cases! { $ __mandate_tokens_tests in mandate_tokens;
    fn a_good_mandate_opens_what_is_for_users(t) {
        let s = service(&t);
        for mandate in [s.mandate("alice").sign(), s.delegated("alice").sign()] {
            for path in PATHS.into_iter().chain(["/maybe"]) {
                let seen = s.app.get(path).bearer(&mandate).send();
                let seen = seen.is(200).says("Hello alice").lacks("set-cookie").lacks("www-authenticate");
                assert_eq!(seen.user_loads, 1, "{path}");
            }
            s.app.post("/me").bearer(&mandate).send().is(200).says("Hello alice");
            s.app.get("/token").bearer(&mandate).send().is(500);
            let scopes = "access alice [billing:read billing:payout] -";
            s.app.get("/guards/token").bearer(&mandate).send().is(200).says(scopes);
        }
    }

    fn without_a_mandate_nobody_gets_in(t) {
        let s = service(&t);
        for path in PATHS {
            MISSING.is_of(&s.app.get(path).send());
            s.app.get(path).bearer(s.mandate("alice").sign()).send().is(200);
        }
        s.app.get("/maybe").send().is(200).says("Hello nobody");
        s.app.get("/open").send().is(200).says("open");
    }

    fn another_scheme_is_no_mandate(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        for other in ["Basic YWxpY2U6czNjcmV0".to_owned(), "Digest x".to_owned(), format!("Token {mandate}"), format!("Bearerx {mandate}")] {
            MISSING.is_of(&s.app.get("/guards/user").header("authorization", other).send());
        }
        MISSING.is_of(&s.app.get("/guards/user").header("x-authorization", format!("Bearer {mandate}")).send());
        MISSING.is_of(&s.app.get("/guards/user").header("cookie", format!("session={mandate}; __Host-session={mandate}")).send());
        MISSING.is_of(&s.app.get(&format!("/guards/user?token={mandate}&access_token={mandate}")).send());
        s.app.get("/guards/user").header("authorization", format!("Bearer {mandate}")).send().is(200);
    }

    /// `^Bearer\s+(.+)$`, ignoring case, but without tabs (RFC 9110 section 11.4).
    fn the_scheme_is_written_in_any_case(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer   "] {
            s.app.get("/guards/user").header("authorization", format!("{scheme}{mandate}")).send().is(200);
        }
        let seen = s.app.get("/guards/user").header("authorization", format!("Bearer\t{mandate}")).send();
        assert!(matches!(seen.response.status, 400 | 401), "{:?}", seen.response);
    }

    /// A malformed credential is 400, in the same form as other refusals.
    fn a_malformed_or_second_credential_is_400(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        let get = || s.app.get("/guards/user");
        for sending in [
            get().header("authorization", "Bearer"), get().header("authorization", "Bearer "),
            get().bearer(&mandate).bearer(&mandate), get().bearer(format!("{mandate} {mandate}")),
            get().bearer(format!("{mandate},{mandate}")), get().bearer(format!("\"{mandate}\"")),
            get().bearer(format!("{mandate}\u{e4}")), get().bearer("x".repeat(10_000)),
        ] {
            let seen = sending.send();
            seen.is(400).has("content-type", "application/json").has("cache-control", "no-store");
            assert_eq!(seen.response.json()["error"], "malformed_credential", "{:?}", seen.response);
            let challenge = seen.response.header("www-authenticate").join("");
            assert!(challenge.contains("error=\"invalid_request\""), "{challenge}");
        }
        get().bearer(&mandate).send().is(200);
    }

    fn what_has_not_the_form_of_a_token_is_refused(t) {
        let s = service(&t);
        let [header, claims, signature] = parts(&s.mandate("alice").sign());
        s.opens(format!("{header}.{claims}.{signature}"));
        for bad in [
            header.clone(), format!("{header}.{claims}"), format!("{header}.{claims}."), format!("{header}..{signature}"),
            format!(".{claims}.{signature}"), format!("{header}.{claims}.{signature}.{signature}"),
            format!("{header}.{claims}.{signature}="), "x".to_owned(), "..".to_owned(), ".".repeat(4000),
        ] {
            s.refuses(bad, "malformed_token");
        }
        let [header, claims] = [&header, &claims].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let token = s.mandate("alice");
        let with = |header: &[u8], claims: &[u8]| {
            token.sign_text(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)))
        };
        s.opens(with(&header, &claims));
        for bad in [&b"null"[..], b"[]", b"\"x\"", b"{", b"{}x", b"\xff", b"{\"alg\":\"ES256\",\"alg\":\"ES256\"}"] {
            s.refuses(with(bad, &claims), "malformed_token");
        }
        for bad in [&b"null"[..], b"[]", b"\"x\"", b"{", b"\xff"] {
            s.refuses(with(&header, bad), "malformed_claims");
        }
    }

    fn a_mandate_that_is_too_long_is_refused(t) {
        let s = service(&t);
        let of = |padding: usize| s.mandate("alice").claim("padding", "x".repeat(padding)).sign();
        let padding = (8192 - of(0).len()) * 3 / 4;
        s.opens(of(padding - 8));
        s.refuses(of(padding + 8), "token_too_long");
    }

    /// ES256 only, whatever the header says and whichever key signs.
    fn another_algorithm_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").header("alg", "ES256").sign());
        for other in [
            "none", "None", "", "es256", "ES384", "ES512", "ES256K", "RS256", "PS256", "HS256", "HS512", "EdDSA", "Ed25519",
        ] {
            s.refuses(s.mandate("alice").header("alg", other).sign(), "wrong_algorithm");
        }
        for alg in [json!(null), json!(256), json!(["ES256"])] {
            s.refuses(s.mandate("alice").header("alg", alg).sign(), "wrong_algorithm");
        }
        s.refuses(s.mandate("alice").without_header("alg").sign(), "wrong_algorithm");
    }

    /// Key confusion: a public text is no secret.
    fn a_public_key_is_no_secret(t) {
        let s = service(&t);
        let token = s.mandate("alice");
        s.opens(token.sign());
        let set: Value = serde_json::from_str(&s.issuer.jwks()).unwrap();
        let key = &set["keys"][0];
        let point = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        for secret in [
            s.issuer.jwks().into_bytes(), key.to_string().into_bytes(), point("x"), [&[4][..], &point("x"), &point("y")].concat(),
            SECRET.as_bytes().to_vec(), Vec::new(),
        ] {
            for (algorithm, alg) in [(Algorithm::HS256, "HS256"), (Algorithm::HS384, "HS384"), (Algorithm::HS512, "HS512")] {
                let header = json!({ "alg": alg, "typ": "JWT", "kid": "key-1" }).to_string();
                s.refuses(sign_with(algorithm, &secret, header, token.claims()), "wrong_algorithm");
            }
        }
    }

    fn what_changes_how_a_token_is_read_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").header("x", "not critical").sign());
        for (name, value) in [
            ("crit", json!(["exp"])), ("crit", json!([])), ("crit", json!(null)), ("b64", json!(false)), ("zip", json!("DEF")),
            ("enc", json!("A128GCM")), ("cty", json!("JWT")),
        ] {
            s.refuses(s.mandate("alice").header(name, value).sign(), "forbidden_header");
        }
    }

    fn a_token_of_another_type_is_refused(t) {
        let s = service(&t);
        for typ in ["JWT", "jwt", "application/jwt"] {
            s.opens(s.mandate("alice").header("typ", typ).sign());
        }
        for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "refresh+jwt", "id+jwt", "JWTx", ""] {
            s.refuses(s.mandate("alice").header("typ", typ).sign(), "wrong_purpose");
        }
        for typ in [json!(1), json!(null), json!(["JWT"])] {
            s.refuses(s.mandate("alice").header("typ", typ).sign(), "malformed_token");
        }
    }

    fn the_kid_names_the_key(t) {
        let mut issuer = MandateIssuer::new(ISSUER, ZONE);
        let old = issuer.clone();
        issuer.rotate("key-2");
        let keys = issuer.keys();
        let s = service_of(&t, issuer, |builder| builder.keys(keys), |builder| builder);
        let now = ManualClock::START;
        s.opens(s.mandate("alice").sign());
        s.opens(old.mandate("alice", now).sign());
        // There is a key, but another one.
        s.refuses(old.mandate("alice", now).header("kid", "key-2").sign(), "bad_signature");
        s.refuses(s.mandate("alice").header("kid", "key-1").sign(), "bad_signature");
        for kid in ["key-3", "KEY-1", "key-1 ", "../../etc/passwd", "*"] {
            s.refuses(s.mandate("alice").header("kid", kid).sign(), "unknown_key");
        }
        for kid in [json!(1), json!(["key-1"]), json!({}), json!("x".repeat(129))] {
            s.refuses(s.mandate("alice").header("kid", kid).sign(), "malformed_token");
        }
        // Caracal tries every key; that would leave the choice to the sender.
        s.refuses(s.mandate("alice").without_header("kid").sign(), "unknown_key");
        s.refuses(s.mandate("alice").header("kid", "").sign(), "unknown_key");
    }

    /// With a single key, the choice is unambiguous.
    fn without_a_kid_the_only_key_is_meant(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").without_header("kid").sign());
        s.refuses(s.mandate("alice").without_header("kid").forge(), "bad_signature");
    }

    fn a_signature_that_is_not_the_issuers_is_refused(t) {
        let s = service(&t);
        let [header, claims, signature] = parts(&s.mandate("alice").sign());
        let [_, other_claims, other_signature] = parts(&s.mandate("bob").claim("scope", "admin").sign());
        s.opens(format!("{header}.{claims}.{signature}"));
        s.refuses(format!("{header}.{other_claims}.{signature}"), "bad_signature");
        s.refuses(format!("{header}.{claims}.{other_signature}"), "bad_signature");
        s.refuses(s.mandate("alice").forge(), "bad_signature");
        s.refuses(s.delegated("alice").forge(), "bad_signature");
        let of = |bytes: &[u8]| format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(bytes));
        let bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        for bad in [&[0; 64][..], &[0xff; 64], &bytes[..63], &bytes[..32], &[&bytes[..], &[0]].concat()] {
            s.refuses(of(bad), "bad_signature");
        }
        let swapped = [&bytes[32..], &bytes[..32]].concat();
        s.refuses(of(&swapped), "bad_signature");
    }

    /// A key in the header is ignored.
    fn a_key_that_the_header_brings_is_ignored(t) {
        let s = service(&t);
        let evil = MandateIssuer::new("https://evil.example", ZONE);
        let keys: Value = serde_json::from_str(&evil.jwks()).unwrap();
        for (name, value) in [("jwk", keys["keys"][0].clone()), ("jku", json!("https://evil.example/keys")), ("x5u", json!("https://evil.example/x"))] {
            s.opens(s.mandate("alice").header(name, value.clone()).sign());
            s.refuses(s.mandate("alice").header(name, value.clone()).forge(), "bad_signature");
            let stolen = evil.mandate("alice", ManualClock::START).claim("iss", ISSUER).header(name, value);
            s.refuses(stolen.sign(), "bad_signature");
        }
    }

    /// Claims are not read before the signature is verified.
    fn the_signature_is_judged_before_the_claims(t) {
        let s = service(&t);
        let token = s.mandate("alice");
        for (bad, reason) in [
            (token.clone().claim("exp", 1), "token_expired"), (token.clone().claim("aud", "other"), "wrong_audience"),
            (token.clone().without_claim("sid"), "missing_claim"), (token.clone().claim("jti", 1), "invalid_claim"),
        ] {
            s.refuses(bad.sign(), reason);
            s.refuses(bad.forge(), "bad_signature");
        }
        let wrong_zone = token.clone().claim("zone_id", "zone_test");
        s.refuses(wrong_zone.forge(), "bad_signature");
        s.refuses(token.claim("scope", "").forge(), "bad_signature");
    }

    fn a_key_that_is_not_for_signatures_is_unused(t) {
        let issuer = MandateIssuer::new(ISSUER, ZONE);
        for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"])), ("alg", json!("ES384"))] {
            let (s, server) = fetching(&t, issuer.clone());
            let unusable = changed(&issuer, |keys| keys[0][name] = value);
            server.answer_at(issuer.jwks_url(), 200, unusable);
            unavailable(&s.app.get("/guards/user").bearer(s.mandate("alice").sign()).send());
        }
        let mut two = issuer.clone();
        two.rotate("key-2");
        let (s, server) = fetching(&t, two.clone());
        server.answer_at(issuer.jwks_url(), 200, changed(&two, |keys| keys[0]["use"] = json!("enc")));
        s.opens(two.mandate("alice", ManualClock::START).sign());
        s.refuses(issuer.mandate("alice", ManualClock::START).sign(), "unknown_key");
    }

    /// 6.7
    fn keys_come_from_the_issuer_and_for_the_zone(t) {
        for name in [ISSUER, "https://sts.example.com/"] {
            let (s, server) = fetching(&t, MandateIssuer::new(name, ZONE));
            assert_eq!(server.fetches(), 0);
            s.opens(s.mandate("alice").sign());
            s.opens(s.delegated("bob").sign());
            assert_eq!(server.fetched(), ["https://sts.example.com/.well-known/jwks.json?zone_id=zone_prod"]);
        }
    }

    /// Not 401, because the mandate may be valid, and not a pass.
    fn without_keys_nothing_is_known(t) {
        let (s, server) = fetching(&t, MandateIssuer::new(ISSUER, ZONE));
        server.go_down();
        s.cannot_tell(s.mandate("alice").sign());
        MISSING.is_of(&s.app.get("/guards/user").send());
        INVALID.is_of(&s.app.get("/guards/user").bearer("x").send());
        s.refuses(s.mandate("alice").claim("iss", "https://evil.example").sign(), "wrong_issuer");
        s.app.get("/open").send().is(200);
    }

    /// M-03
    fn keys_that_are_known_go_on_while_the_issuer_is_down(t) {
        let (s, server) = fetching(&t, MandateIssuer::new(ISSUER, ZONE));
        super::issuers::block_on(s.app.app.auth.warm_up()).unwrap();
        server.go_down();
        s.opens(s.mandate("alice").sign());
        s.refuses(s.mandate("alice").forge(), "bad_signature");
        assert_eq!(server.fetches(), 1);
    }

    /// The issuer's keys under another name, or its name with other keys.
    fn a_mandate_of_another_issuer_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        let other = MandateIssuer::new("https://sts.example.org", ZONE);
        s.refuses(other.mandate("alice", ManualClock::START).sign(), "wrong_issuer");
        s.refuses(other.mandate("alice", ManualClock::START).claim("iss", ISSUER).sign(), "bad_signature");
        s.refuses(s.mandate("alice").claim("iss", "https://sts.example.org").sign(), "wrong_issuer");
    }

    /// A token that its issuer signed for the same service, and that delegates nothing.
    fn a_plain_access_token_of_the_issuer_is_no_mandate(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        let token = access_token("alice");
        s.refuses(token.clone().header("typ", "JWT").sign(), "missing_claim");
        let seen = s.app.get("/guards/user").bearer(token.sign()).send();
        INVALID.is_of(&seen);
    }

    /// Tokens of another provider open nothing here, and the reverse.
    fn own_tokens_are_no_mandates(t) {
        let s = service(&t);
        for token in [
            t.access("alice"), t.token(Purpose::Refresh, "alice"), t.one_time_token(OneTimePurpose::PasswordReset, "alice"),
            t.session("alice").access_token().expose().to_owned(),
        ] {
            INVALID.is_of(&s.app.get("/guards/user").bearer(&token).send());
            INVALID.is_of(&s.app.get("/maybe").bearer(&token).send());
        }
        let mandate = s.mandate("alice").sign();
        s.opens(&mandate);
        t.get("/guards/user").bearer(&mandate).send().refused(401, "invalid_token");
    }

    /// There is no login that could issue a token.
    fn a_service_of_mandates_has_no_logins(t) {
        let s = service(&t);
        for path in ["/login", "/refresh"] {
            let seen = s.app.post(path).body("application/json", r#"{"username":"alice","password":"s3cret"}"#).send_to_framework();
            assert!(seen.response.status >= 400, "{:?}", seen.response);
            assert!(!seen.response.text().contains("access_token"), "{:?}", seen.response);
        }
        s.opens(s.mandate("alice").sign());
    }

    fn several_keys_and_one_that_is_withdrawn(t) {
        let (mut s, server) = fetching(&t, MandateIssuer::new(ISSUER, ZONE));
        let old = s.mandate("alice").sign();
        s.opens(&old);
        s.issuer.rotate("key-2");
        s.opens(&old);
        s.issuer.publish_to(&server);
        s.opens(&old);
        let fresh = service_of(&t, s.issuer.clone(), |builder| builder.keys(s.issuer.keys()), |builder| builder);
        fresh.opens(&old);
        s.issuer.withdraw("key-1");
        let later = service_of(&t, s.issuer.clone(), |builder| builder.keys(s.issuer.keys()), |builder| builder);
        later.opens(s.mandate("alice").sign());
        later.refuses(&old, "unknown_key");
    }
}
