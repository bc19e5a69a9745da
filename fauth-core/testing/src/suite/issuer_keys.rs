//! The keys of another issuer: where they come from, which are valid, and the response while there
//! are none.

use std::time::Duration;

use fauth_core::{
    Purpose, async_trait,
    remote::{Fetch, FetchError, FetchRequest, FetchResponse, JwksSource, KeySourceError, KeysUnavailable},
    token::Algorithm,
};
use serde_json::{Value, json};

use super::{
    Harness, Probe, cases,
    issuers::{
        ISSUER, OTHER_ISSUER, Trusting, beside_own_with, block_on, keys_of, of, service, service_fetching,
        service_with, service_with_server, trusted,
    },
};
use crate::{ForeignIssuer, ManualClock, PublishedKeys, SECRET, at_once, sign, sign_with};

const SECOND: Duration = Duration::from_secs(1);
/// The shortest time between two fetches; they use a clock that tests cannot move.
const PAUSE: Duration = Duration::from_millis(1100);
const NOW: i64 = ManualClock::START.unix_seconds();

/// Returns the published keys with a change.
fn changed(issuer: &ForeignIssuer, change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    change(set["keys"].as_array_mut().unwrap());
    set.to_string()
}

/// Returns the first key of an issuer with these members replaced; null removes one.
fn key_with(issuer: &ForeignIssuer, members: &Value) -> Value {
    let mut set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let key = set["keys"][0].as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        key.remove(name);
        if !value.is_null() {
            key.insert(name.clone(), value.clone());
        }
    }
    Value::Object(key.clone())
}

/// A service whose issuer publishes this body.
fn publishing<H: Harness>(t: &Probe<H>, status: u16, body: impl Into<Vec<u8>>) -> Trusting<H> {
    let server = PublishedKeys::new();
    server.answer(status, body);
    service_fetching(t, server.source())
}

/// A service whose keys are fetched again as often as possible.
fn impatient<H: Harness>(t: &Probe<H>) -> (Trusting<H>, PublishedKeys) {
    let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
    (service_fetching(t, server.source().unknown_key_interval(SECOND)), server)
}

/// Returns why the last fetch failed.
fn fault<H: Harness>(s: &Trusting<H>) -> Option<&'static str> {
    s.app.app.auth.health().key_sources[0].last_error.as_ref().map(KeySourceError::code)
}

/// Asserts that the token cannot be verified, for this reason.
#[track_caller]
fn has_no_keys<H: Harness>(s: &Trusting<H>, code: &str) {
    let seen = s.app.get("/guards/user").bearer(s.token("alice").sign()).send();
    seen.refused(503, "unavailable").has("retry-after", "5").lacks("www-authenticate");
    assert_eq!(fault(s), Some(code));
}

/// A slow server, by the clock of the application.
#[derive(Debug)]
struct Slow {
    server: PublishedKeys,
    clock: ManualClock,
    takes: Duration,
}

#[async_trait]
impl Fetch for Slow {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        self.clock.advance(self.takes);
        self.server.fetch(request).await
    }
}

/// Waits until keys may be fetched again.
fn pause() {
    block_on(async {
        tokio::time::sleep(PAUSE).await;
    });
}

fn warm_up<H: Harness>(s: &Trusting<H>) -> Result<(), KeysUnavailable> {
    block_on(s.app.app.auth.warm_up())
}

cases! { $ __issuer_keys_tests in issuer_keys;
    fn keys_are_fetched_with_the_first_token_and_then_kept(t) {
        let (s, server) = service_with_server(&t);
        assert_eq!(server.fetches(), 0);
        s.opens(s.token("alice").sign()).says("Hello alice");
        s.opens(s.token("bob").sign()).says("Hello bob");
        assert_eq!(server.fetched(), [PublishedKeys::URL]);
    }

    fn keys_may_be_fetched_before_the_first_request(t) {
        let (s, server) = service_with_server(&t);
        warm_up(&s).unwrap();
        assert_eq!(server.fetches(), 1);
        server.go_down();
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
        assert_eq!(server.fetches(), 1);
    }

    /// One fetch, even if both guard and extractor verify the token.
    fn who_waits_for_keys_is_asked_once(t) {
        let (s, server) = service_with_server(&t);
        let seen = s.app.get("/guards/twice").bearer(s.token("alice").sign()).once();
        assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
        assert_eq!(server.fetches(), 1);
    }

    fn every_way_to_ask_for_a_user_waits_for_keys(t) {
        for path in ["/me", "/maybe", "/grant", "/guards/user", "/group/dashboard", "/visitors/maybe"] {
            let (s, _) = service_with_server(&t);
            s.app.get(path).bearer(s.token("alice").sign()).once().is(200).says("Hello alice");
            let (s, server) = service_with_server(&t);
            server.go_down();
            s.app.get(path).bearer(s.token("alice").sign()).once().refused(503, "unavailable");
        }
    }

    /// Not 401, because the token may be valid, and not anonymous.
    fn without_keys_nothing_is_known(t) {
        let (s, server) = service_with_server(&t);
        server.go_down();
        s.cannot_tell(s.token("alice").sign());
        assert!(warm_up(&s).is_err());
        // Requests that need no keys are answered.
        s.app.get("/open").send().is(200);
        s.app.get("/maybe").send().is(200).says("Hello nobody");
        s.app.get("/me").send().refused(401, "missing_credential");
        s.app.get("/guards/user").bearer("x").send().refused(401, "invalid_token");
        s.refuses(s.token("alice").claim("iss", OTHER_ISSUER).sign(), "wrong_issuer");
    }

    fn when_the_issuer_is_back_so_are_its_users(t) {
        let (s, server) = service_with_server(&t);
        server.go_down();
        let token = s.token("alice").sign();
        s.app.get("/guards/user").bearer(&token).once().refused(503, "unavailable");
        server.come_back();
        pause();
        s.opens(&token).says("Hello alice");
    }

    fn an_answer_that_is_no_set_of_keys_leaves_none(t) {
        let good = ForeignIssuer::new(ISSUER).jwks();
        for (status, code) in [
            (204, "status"), (304, "status"), (400, "status"), (401, "status"), (404, "status"),
            (500, "status"), (503, "status"), (301, "redirected"), (302, "redirected"), (307, "redirected"),
            (308, "redirected"),
        ] {
            has_no_keys(&publishing(&t, status, good.clone()), code);
        }
        for body in [
            "", "null", "[]", "{}", "<html></html>", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[{}]}",
            "{\"keys\":[]}", "{\"keys\":[],\"keys\":[]}",
        ] {
            has_no_keys(&publishing(&t, 200, body), "unusable_keys");
        }
        has_no_keys(&publishing(&t, 200, &good[..good.len() - 1]), "unusable_keys");
        has_no_keys(&publishing(&t, 200, [good.as_bytes(), b"\xff"].concat()), "unusable_keys");
        let s = publishing(&t, 200, good);
        s.opens(s.token("alice").sign());
    }

    fn an_answer_that_is_too_long_leaves_no_keys(t) {
        let padded = |length: usize| {
            let good = ForeignIssuer::new(ISSUER).jwks();
            let blanks = " ".repeat(length - good.len());
            format!("{good}{blanks}")
        };
        let s = publishing(&t, 200, padded(256 * 1024));
        s.opens(s.token("alice").sign());
        has_no_keys(&publishing(&t, 200, padded(256 * 1024 + 1)), "too_large");
    }

    fn a_set_has_at_most_a_hundred_keys(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let of = |count: usize| {
            let more =
                (1..count).map(|number| key_with(&issuer, &json!({ "kid": format!("more-{number}") })));
            changed(&issuer, |keys| keys.extend(more))
        };
        let s = publishing(&t, 200, of(100));
        s.opens(s.token("alice").sign());
        has_no_keys(&publishing(&t, 200, of(101)), "unusable_keys");
    }

    /// With a published secret, anybody could sign.
    fn a_secret_in_the_set_spoils_it(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": "dGVzdC1vbmx5LTlmMmM0YTdiZTFkODAzNTY" });
        for set in [
            json!({ "keys": [secret] }).to_string(), changed(&issuer, |keys| keys.push(secret.clone())),
            changed(&issuer, |keys| keys.insert(0, secret.clone())),
        ] {
            let s = publishing(&t, 200, set);
            has_no_keys(&s, "unusable_keys");
            let header = r#"{"alg":"HS256","typ":"at+jwt","kid":"secret"}"#;
            let forged =
                sign_with(Algorithm::HS256, b"test-only-9f2c4a7be1d80356", header, s.token("alice").claims());
            s.cannot_tell(forged);
        }
        let s = publishing(&t, 200, changed(&issuer, |_| {}));
        s.opens(s.token("alice").sign());
    }

    fn a_private_key_in_the_set_spoils_it(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            let private = key_with(&issuer, &json!({ "kid": "private", member: "AAAA" }));
            has_no_keys(&publishing(&t, 200, changed(&issuer, |keys| keys.push(private))), "unusable_keys");
        }
        let public = key_with(&issuer, &json!({ "kid": "public", "unknown": "AAAA", "x5t": "AAAA" }));
        let s = publishing(&t, 200, changed(&issuer, |keys| keys.push(public)));
        s.opens(s.token("alice").sign());
    }

    /// It would be ambiguous which one is meant.
    fn two_keys_of_one_id_spoil_the_set(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let other = ForeignIssuer::new("https://evil.example");
        for twin in [key_with(&issuer, &json!({})), key_with(&other, &json!({}))] {
            has_no_keys(&publishing(&t, 200, changed(&issuer, |keys| keys.push(twin))), "unusable_keys");
        }
        let neighbour = key_with(&other, &json!({ "kid": "key-2" }));
        let s = publishing(&t, 200, changed(&issuer, |keys| keys.push(neighbour)));
        s.opens(s.token("alice").sign());
    }

    fn a_member_of_a_key_that_occurs_twice_spoils_the_set(t) {
        let good = ForeignIssuer::new(ISSUER).jwks();
        let twice = good.replacen("\"kid\":", "\"kid\":\"key-1\",\"kid\":", 1);
        assert_ne!(twice, good);
        has_no_keys(&publishing(&t, 200, twice), "unusable_keys");
        let s = publishing(&t, 200, good);
        s.opens(s.token("alice").sign());
    }

    /// Unknown keys, and keys for other purposes, do not affect the others.
    fn other_keys_in_the_set_are_left_out(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let others = [
            json!({ "kty": "FUTURE", "kid": "a" }),
            json!({ "kty": "OKP", "crv": "X25519", "kid": "b", "x": "AAAA" }),
            json!({ "kty": "EC", "crv": "P-521", "kid": "c", "x": "AAAA", "y": "AAAA" }),
            json!({ "kty": "EC", "crv": "secp256k1", "kid": "d", "x": "AAAA", "y": "AAAA" }),
            json!({ "kty": "RSA", "kid": "e", "n": "AQAB", "e": "AQAB" }),
            key_with(&issuer, &json!({ "kid": "f", "use": "enc" })),
            key_with(&issuer, &json!({ "kid": "g", "alg": "ECDH-ES" })),
            key_with(&issuer, &json!({ "kid": "h", "x": "AAAA" })),
            key_with(&issuer, &json!({ "kid": "i", "kty": null })),
            key_with(&issuer, &json!({ "kid": "j", "alg": 256 })),
        ];
        let s = publishing(&t, 200, changed(&issuer, |keys| keys.splice(0..0, others).for_each(drop)));
        s.opens(s.token("alice").sign());
        for kid in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
            s.refuses(s.token("alice").header("kid", kid).sign(), "unknown_key");
        }
    }

    fn a_key_for_another_use_verifies_nothing(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        for other in [
            json!({ "use": "enc" }), json!({ "use": "SIG" }), json!({ "use": "" }),
            json!({ "use": null, "key_ops": ["sign"] }),
            json!({ "use": null, "key_ops": ["deriveKey", "encrypt"] }), json!({ "key_ops": [] }),
        ] {
            has_no_keys(
                &publishing(&t, 200, json!({ "keys": [key_with(&issuer, &other)] }).to_string()),
                "unusable_keys",
            );
        }
        for good in [
            json!({ "use": "sig" }), json!({ "use": null }), json!({ "use": null, "key_ops": ["verify"] }),
            json!({ "key_ops": ["verify", "sign"] }),
        ] {
            let s = publishing(&t, 200, json!({ "keys": [key_with(&issuer, &good)] }).to_string());
            s.opens(s.token("alice").sign());
        }
    }

    /// The algorithm comes from the settings, never from a token.
    fn the_algorithm_of_a_key_without_alg_is_a_setting(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let s =
            publishing(&t, 200, json!({ "keys": [key_with(&issuer, &json!({ "alg": null }))] }).to_string());
        s.opens(s.token("alice").sign());
        for other in ["ES384", "ES512", "RS256", "HS256", "EdDSA", "none"] {
            s.refuses(s.token("alice").header("alg", other).sign(), "wrong_algorithm");
        }
        let nameless = r#"{"alg":"HS256","typ":"at+jwt"}"#;
        s.refuses(
            sign_with(Algorithm::HS256, issuer.jwks().as_bytes(), nameless, s.token("alice").claims()),
            "wrong_algorithm",
        );
    }

    fn a_key_of_another_algorithm_verifies_nothing(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        for other in ["ES384", "RS256", "HS256", "none", "es256", "ECDH-ES"] {
            let set = json!({ "keys": [key_with(&issuer, &json!({ "alg": other }))] }).to_string();
            has_no_keys(&publishing(&t, 200, set), "unusable_keys");
        }
        let s = publishing(
            &t,
            200,
            json!({ "keys": [key_with(&issuer, &json!({ "alg": "ES256" }))] }).to_string(),
        );
        s.opens(s.token("alice").sign());
    }

    fn a_token_without_kid_needs_a_set_of_one_key(t) {
        let mut issuer = ForeignIssuer::new(ISSUER);
        let s = publishing(&t, 200, issuer.jwks());
        s.opens(s.token("alice").without_header("kid").sign());
        s.refuses(s.token("alice").without_header("kid").forge(), "bad_signature");
        issuer.rotate("key-2");
        let s = publishing(&t, 200, issuer.jwks());
        s.refuses(s.token("alice").without_header("kid").sign(), "unknown_key");
        s.opens(s.token("alice").sign());
    }

    fn keys_without_id_are_for_tokens_without(t) {
        let issuer = ForeignIssuer::new(ISSUER);
        let nameless = key_with(&issuer, &json!({ "kid": null }));
        let s = publishing(&t, 200, json!({ "keys": [nameless] }).to_string());
        s.opens(s.token("alice").without_header("kid").sign());
        s.refuses(s.token("alice").sign(), "unknown_key");
        let another = key_with(&ForeignIssuer::new(OTHER_ISSUER), &json!({ "kid": null }));
        let s = publishing(&t, 200, json!({ "keys": [nameless, another] }).to_string());
        s.refuses(s.token("alice").without_header("kid").sign(), "unknown_key");
    }

    fn every_published_key_verifies_under_its_id(t) {
        let before = ForeignIssuer::new(ISSUER);
        let mut issuer = before.clone();
        issuer.rotate("key-2");
        issuer.rotate("x".repeat(128).as_str());
        let s = publishing(&t, 200, issuer.jwks());
        s.opens(of(&before, "alice"));
        s.opens(of(&issuer, "alice"));
        s.refuses(issuer.token("alice", ManualClock::START).header("kid", "key-1").sign(), "bad_signature");
        s.refuses(before.token("alice", ManualClock::START).header("kid", "key-2").sign(), "bad_signature");
    }

    fn a_new_key_is_trusted_once_it_is_published(t) {
        let (mut s, server) = impatient(&t);
        s.opens(s.token("alice").sign());
        s.issuer.rotate("key-2");
        let token = s.token("alice").sign();
        s.refuses(&token, "unknown_key");
        pause();
        s.refuses(&token, "unknown_key");
        assert!(server.fetches() >= 2);
        server.publish(&s.issuer);
        pause();
        s.opens(&token).says("Hello alice");
    }

    fn a_key_that_is_published_no_longer_is_trusted_no_longer(t) {
        let (mut s, server) = impatient(&t);
        let old = s.token("alice").sign();
        s.opens(&old);
        s.issuer.rotate("key-2");
        s.issuer.withdraw("key-1");
        server.publish(&s.issuer);
        pause();
        // The first token of the new key triggers a fetch.
        s.opens(s.token("alice").sign());
        s.refuses(&old, "unknown_key");
    }

    /// Forged tokens cannot be used to flood the issuer.
    fn made_up_ids_of_keys_cause_no_fetches(t) {
        let (s, server) = service_with_server(&t);
        s.opens(s.token("alice").sign());
        for number in 0..50 {
            let made_up = s.token("alice").header("kid", format!("made-up-{number}")).forge();
            s.app.get("/me").bearer(made_up).send_to_framework().refused(401, "invalid_token");
        }
        assert_eq!(server.fetches(), 1);
        s.opens(s.token("alice").sign());
    }

    /// It is unknown whether the issuer has the key.
    fn an_unknown_key_is_not_called_wrong_while_the_issuer_cannot_be_asked(t) {
        let (s, server) = impatient(&t);
        s.opens(s.token("alice").sign());
        let unknown = s.token("alice").header("kid", "key-2").sign();
        s.refuses(&unknown, "unknown_key");
        server.go_down();
        pause();
        s.cannot_tell(&unknown);
        // Known keys remain valid.
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").forge(), "bad_signature");
    }

    fn who_names_no_trusted_issuer_costs_no_fetch(t) {
        let (s, server) = service_with_server(&t);
        let token = s.token("alice");
        let evil = ForeignIssuer::new("https://evil.example");
        for stranger in [
            of(&evil, "alice"), token.clone().claim("iss", OTHER_ISSUER).sign(),
            token.clone().without_claim("iss").sign(), token.clone().claim("iss", Value::Null).sign(),
            token.clone().claim("iss", json!([ISSUER])).sign(),
            token.clone().claim("iss", "x".repeat(4000)).sign(), token.clone().claims_text("{}").sign(),
            token.clone().claims_text("[]").sign(), t.access("alice"),
            at_once(t.app.auth.issue(Purpose::Refresh, "alice")).unwrap().expose().to_owned(), "x".to_owned(),
            "..".to_owned(), sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, r#"{"sub":"alice"}"#),
        ] {
            for path in ["/me", "/maybe", "/guards/user"] {
                s.app.get(path).bearer(&stranger).send().refused(401, "invalid_token");
            }
        }
        assert_eq!(server.fetches(), 0);
        s.opens(token.sign());
        assert_eq!(server.fetches(), 1);
    }

    /// If the key is known, a token that is refused for another reason causes no fetch.
    fn bad_tokens_cost_no_fetch(t) {
        let (s, server) = impatient(&t);
        s.opens(s.token("alice").sign());
        pause();
        let token = s.token("alice").header("kid", "key-2");
        for (bad, reason) in [
            (token.clone().header("alg", "none").sign(), "wrong_algorithm"),
            (token.clone().header("alg", "HS256").sign(), "wrong_algorithm"),
            (token.clone().header("crit", json!(["x"])).sign(), "forbidden_header"),
            (token.clone().header("zip", "DEF").sign(), "forbidden_header"),
            (format!("{}.=", token.signed_part()), "malformed_token"),
            (s.token("alice").forge(), "bad_signature"),
        ] {
            s.refuses(bad, reason);
        }
        assert_eq!(server.fetches(), 1);
    }

    /// No URL in a token is ever fetched.
    fn only_the_url_that_is_configured_is_fetched(t) {
        const EVIL: &str = "https://evil.example/keys";
        let (s, server) = impatient(&t);
        let evil = ForeignIssuer::new("https://evil.example");
        server.answer_at(EVIL, 200, evil.jwks());
        for name in ["jku", "x5u", "kid", "iss", "jwks_uri"] {
            let token = s.token("alice").header(name, EVIL).forge();
            s.app.get("/me").bearer(token).send().is(401);
        }
        let token = s.token("alice").claim("jwks_uri", EVIL).claim("jku", EVIL).header("jku", EVIL);
        pause();
        s.opens(token.sign());
        s.refuses(token.header("kid", EVIL).forge(), "unknown_key");
        assert!(server.fetched().iter().all(|url| url == PublishedKeys::URL), "{:?}", server.fetched());
    }

    fn stale_keys_are_used_for_a_while_and_then_given_up(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        let source = server.source().fresh_between(60 * SECOND, 60 * SECOND).stale_for(600 * SECOND);
        let s = service_fetching(&t, source);
        s.opens(s.token("alice").sign());
        server.go_down();
        t.clock.advance(660 * SECOND);
        s.opens(s.token("alice").sign());
        t.clock.advance(SECOND);
        s.cannot_tell(s.token("alice").sign());
    }

    fn what_the_server_says_of_its_keys_counts(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        server.cache_control("max-age=120");
        let s = service_fetching(&t, server.source().stale_for(Duration::ZERO));
        s.opens(s.token("alice").sign());
        server.go_down();
        t.clock.advance(120 * SECOND);
        s.opens(s.token("alice").sign());
        t.clock.advance(SECOND);
        s.cannot_tell(s.token("alice").sign());
    }

    fn keys_that_take_too_long_are_not_waited_for(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        server.delay(3600 * SECOND);
        let s = service_fetching(&t, server.source().timeout(Duration::from_millis(20)));
        has_no_keys(&s, "timed_out");
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        server.delay(Duration::from_millis(5));
        let s = service_fetching(&t, server.source());
        s.opens(s.token("alice").sign());
    }

    fn a_token_that_expires_while_keys_are_fetched_is_refused(t) {
        for (takes, status) in [(0, 200), (1, 401)] {
            let fetch = Slow {
                server: PublishedKeys::of(&ForeignIssuer::new(ISSUER)),
                clock: t.clock.clone(),
                takes: takes * SECOND,
            };
            let s = service_fetching(&t, JwksSource::url(PublishedKeys::URL, fetch).unwrap());
            let token = s.token("alice").claim("iat", NOW - 100).claim("exp", NOW - 59).sign();
            s.app.get("/guards/user").bearer(token).once().is(status);
        }
    }

    fn one_issuer_that_cannot_be_reached_takes_nothing_from_the_others(t) {
        let (server, other) = (PublishedKeys::new(), ForeignIssuer::new(OTHER_ISSUER));
        server.go_down();
        let s = beside_own_with(&t, |builder| {
            let down = trusted(&ForeignIssuer::new("https://down.example"), server.source());
            builder.trusted_issuer(down).trusted_issuer(trusted(&other, keys_of(&other)))
        });
        s.opens(s.app.access("alice"));
        s.opens(s.token("alice").sign());
        s.opens(of(&other, "alice"));
        assert_eq!(server.fetches(), 0);
        s.cannot_tell(of(&ForeignIssuer::new("https://down.example"), "alice"));
        s.opens(s.app.access("alice"));
        s.opens(s.token("alice").sign());
    }

    /// Own tokens are verified as usual, without the issuer.
    fn own_tokens_cost_no_fetch(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(OTHER_ISSUER));
        let s = beside_own_with(&t, |builder| {
            builder.trusted_issuer(trusted(&ForeignIssuer::new(OTHER_ISSUER), server.source()))
        });
        s.opens(s.app.access("alice"));
        s.app.login("alice", "s3cret").once().is(200);
        let forged = sign_with(
            Algorithm::HS256,
            b"another",
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            s.token("alice").claim("iss", OTHER_ISSUER).claims(),
        );
        s.app.get("/me").bearer(forged).send().refused(401, "invalid_token");
        s.app
            .get("/me")
            .bearer(sign_with(Algorithm::HS256, SECRET.as_bytes(), "{}", "{}"))
            .send()
            .refused(401, "invalid_token");
        assert_eq!(server.fetches(), 0);
    }

    fn keys_are_found_by_discovery(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        let openid = format!("{ISSUER}/.well-known/openid-configuration");
        server.answer_at(
            &openid,
            200,
            json!({ "issuer": ISSUER, "jwks_uri": PublishedKeys::URL }).to_string(),
        );
        let s = service_fetching(&t, JwksSource::discover(ISSUER, server.clone()).unwrap());
        s.opens(s.token("alice").sign()).says("Hello alice");
        assert_eq!(server.fetched(), [&*openid, PublishedKeys::URL]);
    }

    /// RFC 8414.
    fn keys_are_found_by_the_metadata_of_oauth_too(t) {
        let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
        let oauth = format!("{ISSUER}/.well-known/oauth-authorization-server");
        server.answer_at(
            &oauth,
            200,
            json!({ "issuer": ISSUER, "jwks_uri": PublishedKeys::URL }).to_string(),
        );
        let s = service_fetching(&t, JwksSource::discover(ISSUER, server.clone()).unwrap());
        s.opens(s.token("alice").sign()).says("Hello alice");
        assert_eq!(server.fetches(), 3);
    }

    fn a_document_of_somebody_else_is_not_believed(t) {
        let document = |issuer: Value, uri: Value| json!({ "issuer": issuer, "jwks_uri": uri }).to_string();
        let url = || json!(PublishedKeys::URL);
        for (status, text, code) in [
            (200, document(json!(OTHER_ISSUER), url()), "other_issuer"),
            (200, document(json!(format!("{ISSUER}/")), url()), "other_issuer"),
            (200, document(json!(ISSUER), json!("http://login.example.com/jwks.json")), "forbidden_url"),
            (200, document(json!(ISSUER), json!("https://user:pw@login.example.com/jwks.json")), "forbidden_url"),
            (200, document(json!(ISSUER), json!("file:///etc/keys")), "forbidden_url"),
            (200, document(json!(ISSUER), json!("/jwks.json")), "forbidden_url"),
            (200, document(json!(ISSUER), json!(1)), "unusable_document"),
            (200, json!({ "issuer": ISSUER }).to_string(), "unusable_document"),
            (200, json!({ "jwks_uri": PublishedKeys::URL }).to_string(), "unusable_document"),
            (200, "<html>".to_owned(), "unusable_document"),
            (302, document(json!(ISSUER), url()), "redirected"),
            (500, document(json!(ISSUER), url()), "status"),
        ] {
            let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
            server.answer_at(format!("{ISSUER}/.well-known/openid-configuration"), status, text);
            let s = service_fetching(&t, JwksSource::discover(ISSUER, server.clone()).unwrap());
            has_no_keys(&s, code);
            assert!(server.fetched().iter().all(|url| url != PublishedKeys::URL), "{:?}", server.fetched());
        }
    }

    fn fixed_keys_stay_whatever_the_time(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        t.clock.advance(30 * 24 * 3600 * SECOND);
        s.opens(s.token("alice").sign());
        s.refuses(s.token("alice").header("kid", "key-2").sign(), "unknown_key");
    }

    /// The key of one issuer does not verify tokens of another, even under the same id.
    fn the_keys_of_one_issuer_verify_nothing_of_another(t) {
        let other = ForeignIssuer::new(OTHER_ISSUER);
        let s = service_with(
            &t,
            |issuer| issuer,
            |builder| builder.trusted_issuer(trusted(&other, keys_of(&other))),
        );
        s.opens(s.token("alice").sign());
        s.opens(of(&other, "alice"));
        s.refuses(other.token("alice", ManualClock::START).claim("iss", ISSUER).sign(), "bad_signature");
        s.refuses(s.token("alice").claim("iss", OTHER_ISSUER).sign(), "bad_signature");
    }
}
