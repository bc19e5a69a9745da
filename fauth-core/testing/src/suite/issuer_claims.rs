//! The claims of foreign tokens: which are required, their types, and how long a token is valid.

use std::time::Duration;

use fauth_core::{
    clock::Timestamp,
    trusted_issuer::{AccessTokenProfile, ClaimMapping, TrustedIssuer},
};
use serde_json::{Value, json};

use super::{
    Harness, cases,
    issuers::{ISSUER, Trusting, service, service_with},
};
use crate::{FOREIGN_AUDIENCE, ForeignToken, ManualClock, TestUser, sign};

const SECOND: Duration = Duration::from_secs(1);
const DAY: i64 = 24 * 60 * 60;
const NOW: i64 = ManualClock::START.unix_seconds();
/// The claims that RFC 9068 requires of an access token.
const REQUIRED: [&str; 7] = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"];

/// A token with a number written like this.
fn with_number(token: &ForeignToken, name: &str, text: &str) -> String {
    // A number that occurs nowhere else.
    let claims = token.clone().claim(name, 123_454_321).claims().replacen("123454321", text, 1);
    token.clone().claims_text(claims).sign()
}

/// A token issued and expiring this many seconds from now.
fn lasting<H: Harness>(s: &Trusting<H>, issued: i64, ends: i64) -> String {
    s.token("alice").claim("iat", NOW + issued).claim("exp", NOW + ends).sign()
}

fn add_user<H: Harness>(t: &super::Probe<H>, name: &str) {
    t.users.add(TestUser { name: name.to_owned(), ..t.users.find("alice") });
}

cases! { $ __issuer_claims_tests in issuer_claims;
    fn a_required_claim_that_is_absent_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        for name in REQUIRED {
            s.refuses(s.token("alice").without_claim(name).sign(), "missing_claim");
        }
    }

    /// Null is no better than missing.
    fn a_required_claim_that_is_null_is_refused(t) {
        let s = service(&t);
        for name in REQUIRED {
            s.refuses(s.token("alice").claim(name, Value::Null).sign(), "invalid_claim");
        }
        s.opens(s.token("alice").claim("something_else", Value::Null).sign());
    }

    fn a_required_claim_of_another_type_is_refused(t) {
        let s = service(&t);
        for name in ["iss", "sub", "jti", "client_id"] {
            for value in [
                json!(1), json!(true), json!([]), json!(["alice"]), json!([ISSUER]), json!({ "alice": 1 }),
            ] {
                s.refuses(s.token("alice").claim(name, value).sign(), "invalid_claim");
            }
        }
        for name in ["exp", "iat", "nbf"] {
            for value in [json!("1767225900"), json!(true), json!([]), json!([NOW]), json!({}), json!(null)] {
                s.refuses(s.token("alice").claim(name, value).sign(), "invalid_claim");
            }
        }
        s.opens(s.token("alice").claim("nbf", NOW).sign());
    }

    fn an_empty_text_is_no_claim(t) {
        let s = service(&t);
        for name in ["sub", "jti", "client_id"] {
            s.refuses(s.token("alice").claim(name, "").sign(), "invalid_claim");
        }
        s.refuses(s.token("alice").claim("iss", "").sign(), "wrong_issuer");
        s.refuses(s.token("alice").claim("aud", "").sign(), "wrong_audience");
        s.opens(s.token("alice").claim("something_else", "").sign());
    }

    fn texts_have_a_longest_length(t) {
        let s = service(&t);
        for (name, longest) in [("sub", 255), ("client_id", 255), ("jti", 128), ("sid", 128)] {
            let (fits, too_long) = ("x".repeat(longest), "x".repeat(longest + 1));
            add_user(&t, &fits);
            s.opens(s.token("alice").claim(name, fits).sign());
            s.refuses(s.token("alice").claim(name, too_long).sign(), "invalid_claim");
        }
    }

    fn escapes_in_a_claim_are_what_they_stand_for(t) {
        let s = service(&t);
        let written = |from: &str, to: &str| {
            let claims = s.token("alice").claims();
            assert!(claims.contains(from), "{claims}");
            s.token("alice").claims_text(claims.replacen(from, to, 1)).sign()
        };
        s.opens(written(r#""sub":"alice""#, r#""sub":"\u0061lice""#)).says("Hello alice");
        s.opens(written(r#""sub":"alice""#, r#""s\u0075b":"alice""#)).says("Hello alice");
        s.opens(written("https://login", r"\u0068ttps:\/\/login"));
        s.refuses(written("https://login", r"https:\\/\\/login"), "wrong_issuer");
    }

    /// Compared as a whole, character for character.
    fn another_issuer_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").claim("iss", ISSUER).sign());
        for other in [
            "https://login.example.com/", "https://login.example.co",
            "https://login.example.com.evil.example", "https://login.example.comevil",
            "https://evil.example/https://login.example.com", "HTTPS://LOGIN.EXAMPLE.COM",
            "https://Login.example.com", "http://login.example.com", "login.example.com",
            "//login.example.com", "https://login.example.com:443", "https://login.example.com?",
            "https://login.example.com#", " https://login.example.com", "https://login.example.com ",
            "https://login.example.com\0", "https://login.example.com.", "https://user@login.example.com",
            "https%3A%2F%2Flogin.example.com", "https://login.example.com,https://login.example.com", "https",
            "*",
        ] {
            s.refuses(s.token("alice").claim("iss", other).sign(), "wrong_issuer");
        }
    }

    fn an_issuer_that_is_a_list_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        for list in [
            json!([ISSUER]), json!([ISSUER, "https://evil.example"]), json!([]), json!({ "iss": ISSUER }),
        ] {
            s.refuses(s.token("alice").claim("iss", list).sign(), "invalid_claim");
        }
    }

    fn an_issuer_that_is_too_long_is_refused(t) {
        let s = service(&t);
        s.refuses(s.token("alice").claim("iss", "x".repeat(512)).sign(), "wrong_issuer");
        s.refuses(s.token("alice").claim("iss", "x".repeat(513)).sign(), "invalid_claim");
        s.opens(s.token("alice").sign());
    }

    fn one_of_the_audiences_must_be_this_service(t) {
        let s = service(&t);
        for good in [
            json!(FOREIGN_AUDIENCE), json!([FOREIGN_AUDIENCE]),
            json!(["https://other.example", FOREIGN_AUDIENCE]),
        ] {
            s.opens(s.token("alice").claim("aud", good).sign());
        }
        for other in [
            json!("https://other.example"), json!(["https://other.example"]),
            json!("https://api.example.com/"), json!("https://api.example.co"),
            json!("https://api.example.com.evil.example"), json!("HTTPS://API.EXAMPLE.COM"),
            json!("api.example.com"), json!("*"), json!(""), json!(["https://api.example.com "]),
            json!("https://api.example.com,https://other.example"),
        ] {
            s.refuses(s.token("alice").claim("aud", other).sign(), "wrong_audience");
        }
    }

    fn an_audience_that_is_not_a_text_or_texts_is_refused(t) {
        let s = service(&t);
        s.opens(s.token("alice").claim("aud", json!([FOREIGN_AUDIENCE, FOREIGN_AUDIENCE])).sign());
        for mixed in [
            json!([]), json!([FOREIGN_AUDIENCE, 1]), json!([1, FOREIGN_AUDIENCE]),
            json!([FOREIGN_AUDIENCE, null]), json!([FOREIGN_AUDIENCE, []]), json!([[FOREIGN_AUDIENCE]]),
            json!({ "aud": FOREIGN_AUDIENCE }), json!(1), json!(true),
        ] {
            s.refuses(s.token("alice").claim("aud", mixed).sign(), "invalid_claim");
        }
    }

    fn several_audiences_may_be_configured(t) {
        let s = service_with(&t, |issuer| issuer.audience("api://shop"), |builder| builder);
        s.opens(s.token("alice").claim("aud", "api://shop").sign());
        s.opens(s.token("alice").claim("aud", FOREIGN_AUDIENCE).sign());
        s.refuses(s.token("alice").claim("aud", "api://other").sign(), "wrong_audience");
    }

    /// Amazon Cognito writes no `aud`.
    fn the_client_is_the_audience_where_that_is_said(t) {
        let without = |s: &Trusting<H>| s.token("alice").without_claim("aud");
        let s = service_with(
            &t,
            |issuer| issuer.audience("test-client").client_id_as_audience(),
            |builder| builder,
        );
        s.opens(without(&s).sign());
        s.refuses(without(&s).claim("client_id", "other-client").sign(), "wrong_audience");
        s.refuses(without(&s).without_claim("client_id").sign(), "missing_claim");
        // If there is one, it counts.
        s.refuses(s.token("alice").claim("aud", "https://other.example").sign(), "wrong_audience");
        s.refuses(s.token("alice").claim("aud", Value::Null).sign(), "invalid_claim");
        let s = service_with(&t, |issuer| issuer.audience("test-client"), |builder| builder);
        s.refuses(without(&s).sign(), "missing_claim");
    }

    /// Clocks differ: the leeway is a minute.
    fn an_expired_token_is_refused_after_the_leeway(t) {
        let s = service(&t);
        s.opens(lasting(&s, -100, -59));
        s.refuses(lasting(&s, -100, -60), "token_expired");
        s.refuses(lasting(&s, -100, -61), "token_expired");
        let token = s.token("alice").sign();
        t.clock.advance(359 * SECOND);
        s.opens(&token);
        t.clock.advance(SECOND);
        s.refuses(&token, "token_expired");
    }

    fn the_leeway_of_expiry_is_a_setting(t) {
        for leeway in [0, 1, 300] {
            let s = service_with(
                &t,
                |issuer| issuer.expiry_leeway(Duration::from_secs(leeway)),
                |builder| builder,
            );
            let leeway = leeway.cast_signed();
            s.opens(lasting(&s, -500, 1 - leeway));
            s.refuses(lasting(&s, -500, -leeway), "token_expired");
        }
    }

    fn a_token_from_the_future_is_refused_beyond_the_leeway(t) {
        let s = service(&t);
        s.opens(lasting(&s, 30, 300));
        s.refuses(lasting(&s, 31, 300), "token_not_yet_valid");
        s.opens(s.token("alice").claim("nbf", NOW + 30).sign());
        s.refuses(s.token("alice").claim("nbf", NOW + 31).sign(), "token_not_yet_valid");
        // Long ago or just before: the token is valid.
        s.opens(s.token("alice").claim("nbf", 0).sign());
        s.opens(s.token("alice").claim("nbf", NOW - 1).sign());
    }

    fn the_leeway_of_the_beginning_is_a_setting(t) {
        for leeway in [0, 300] {
            let s = service_with(&t, |issuer| issuer.leeway(Duration::from_secs(leeway)), |builder| builder);
            let leeway = leeway.cast_signed();
            s.opens(lasting(&s, leeway, 1000));
            s.refuses(lasting(&s, leeway + 1, 1000), "token_not_yet_valid");
            s.refuses(s.token("alice").claim("nbf", NOW + leeway + 1).sign(), "token_not_yet_valid");
        }
    }

    fn a_token_that_ends_before_it_begins_is_refused(t) {
        let s = service(&t);
        s.opens(lasting(&s, 0, 1));
        s.refuses(lasting(&s, 0, 0), "unacceptable_lifetime");
        s.refuses(lasting(&s, 20, 10), "unacceptable_lifetime");
        s.refuses(lasting(&s, 30, -30), "unacceptable_lifetime");
    }

    fn a_token_that_lasts_too_long_is_refused(t) {
        let s = service(&t);
        s.opens(lasting(&s, 0, DAY));
        s.refuses(lasting(&s, 0, DAY + 1), "unacceptable_lifetime");
        s.opens(lasting(&s, 10 - DAY, 10));
        s.refuses(lasting(&s, 9 - DAY, 10), "unacceptable_lifetime");
        let s = service_with(&t, |issuer| issuer.max_lifetime(Duration::from_secs(600)), |builder| builder);
        s.opens(lasting(&s, 0, 600));
        s.refuses(lasting(&s, 0, 601), "unacceptable_lifetime");
    }

    fn a_date_that_is_out_of_bounds_is_refused(t) {
        let s = service(&t);
        let token = s.token("alice");
        for (text, reason) in [
            ("253402300799", "unacceptable_lifetime"), ("253402300800", "invalid_claim"),
            ("9223372036854775807", "invalid_claim"), ("9223372036854775808", "invalid_claim"),
            ("18446744073709551615", "invalid_claim"), ("18446744073709551616", "invalid_claim"),
            ("1e18", "invalid_claim"), ("1e300", "invalid_claim"), ("1e400", "invalid_claim"),
            ("-1", "invalid_claim"), ("-1767225900", "invalid_claim"), ("0", "token_expired"),
            ("1", "token_expired"),
        ] {
            s.refuses(with_number(&token, "exp", text), reason);
        }
        s.refuses(with_number(&token, "iat", "-1"), "invalid_claim");
        s.refuses(with_number(&token, "iat", "1e300"), "invalid_claim");
        s.refuses(with_number(&token, "iat", "0"), "unacceptable_lifetime");
        s.refuses(with_number(&token, "nbf", "1e300"), "invalid_claim");
        s.opens(with_number(&token, "exp", &(NOW + 300).to_string()));
    }

    /// A fraction never makes a token last longer.
    fn dates_may_have_a_fraction(t) {
        let s = service(&t);
        let token = s.token("alice").claim("iat", NOW - 100);
        s.opens(with_number(&token, "exp", &format!("{}.0", NOW + 1)));
        s.opens(with_number(&token, "exp", &format!("{}.999", NOW - 59)));
        s.refuses(with_number(&token, "exp", &format!("{}.999", NOW - 60)), "token_expired");
        s.opens(with_number(&token, "iat", &format!("{}.5", NOW + 29)));
        s.refuses(with_number(&token, "iat", &format!("{}.5", NOW + 30)), "token_not_yet_valid");
        s.opens(with_number(&token, "nbf", &format!("{}.000001", NOW + 29)));
        s.refuses(with_number(&token, "nbf", &format!("{}.000001", NOW + 30)), "token_not_yet_valid");
    }

    fn a_clock_that_jumps_back_refuses(t) {
        let s = service(&t);
        t.clock.advance(3600 * SECOND);
        let token = s.token("alice").sign();
        s.opens(&token);
        t.clock.set(ManualClock::START);
        s.refuses(&token, "token_not_yet_valid");
        t.clock.set(Timestamp::from_unix_seconds(-1));
        s.refuses(&token, "token_not_yet_valid");
        t.clock.set(Timestamp::from_unix_seconds(i64::MAX));
        s.refuses(&token, "token_expired");
    }

    fn a_broken_clock_is_503(t) {
        let s = service(&t);
        let token = s.token("alice").sign();
        s.opens(&token);
        t.clock.break_down();
        s.cannot_tell(&token);
    }

    /// The loader may be slow.
    fn a_token_that_expires_while_the_user_is_loaded_is_refused(t) {
        let s = service(&t);
        s.opens(lasting(&s, -100, -59));
        t.users.time_passes(&t.clock, SECOND);
        let seen = s.app.get("/guards/user").bearer(lasting(&s, -100, -59)).once();
        assert_eq!(seen.refused(401, "invalid_token").user_loads, 1);
    }

    fn the_session_of_a_token_must_be_a_text(t) {
        let s = service(&t);
        s.opens(s.token("alice").claim("sid", "08a5019c-17e1-4977-8f42-65a12843ea02").sign());
        for sid in [json!(null), json!(1), json!(""), json!([]), json!({})] {
            s.refuses(s.token("alice").claim("sid", sid).sign(), "invalid_claim");
        }
    }

    /// It is bound to a key whose possession the request does not prove (RFC 9449, RFC 8705).
    fn a_bound_token_is_no_bearer_token(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign());
        for cnf in [
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
            json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }), json!({ "jwk": {} }),
            json!({}), json!(null), json!("x"), json!([]),
        ] {
            s.refuses(s.token("alice").claim("cnf", cnf).sign(), "sender_constrained_token");
        }
        // Under its own scheme, it is not supported.
        let dpop = format!("DPoP {}", s.token("alice").claim("cnf", json!({ "jkt": "x" })).sign());
        s.app.get("/guards/user").header("authorization", dpop).send().refused(401, "missing_credential");
    }

    fn an_own_token_that_is_bound_is_no_bearer_token_either(t) {
        let own = |more: &str| {
            let claims = format!(
                r#"{{"sub":"alice","exp":{},"iat":{NOW},"jti":"one","token_type":"access","app":"default"{more}}}"#,
                NOW + 900
            );
            sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims)
        };
        t.get("/me").bearer(own("")).send().is(200).says("Hello alice");
        for cnf in [r#","cnf":{"jkt":"x"}"#, r#","cnf":{}"#, r#","cnf":null"#] {
            t.get("/me").bearer(own(cnf)).send().refused(401, "invalid_token");
            t.get("/maybe").bearer(own(cnf)).send().refused(401, "invalid_token");
        }
    }

    /// Such as the tenant.
    fn a_claim_may_be_required(t) {
        let s = service_with(&t, |issuer| issuer.require_claim("tid", "tenant-1"), |builder| builder);
        s.opens(s.token("alice").claim("tid", "tenant-1").sign());
        s.refuses(s.token("alice").sign(), "missing_claim");
        for other in [
            json!("tenant-2"), json!("tenant-11"), json!("TENANT-1"), json!(""), json!(1), json!(null),
            json!(["tenant-1"]),
        ] {
            s.refuses(s.token("alice").claim("tid", other).sign(), "invalid_claim");
        }
    }

    /// In the profile for plain JWTs.
    fn a_plain_token_needs_no_id_and_no_client(t) {
        let s = service_with(&t, |issuer| issuer.profile(AccessTokenProfile::Plain), |builder| builder);
        let token = s.token("alice").header("typ", "JWT").without_claim("jti").without_claim("client_id");
        s.opens(token.sign());
        for name in ["iss", "sub", "aud", "exp", "iat"] {
            s.refuses(token.clone().without_claim(name).sign(), "missing_claim");
        }
        for jti in [json!(null), json!(1), json!("")] {
            s.refuses(token.clone().claim("jti", jti).sign(), "invalid_claim");
        }
    }

    /// Unreadable rights neither grant nor withhold anything: the token is refused.
    fn rights_that_cannot_be_read_are_refused(t) {
        let mapping = ClaimMapping::new().roles("roles").permissions("permissions");
        let s = service_with(&t, |issuer| issuer.claims(mapping), |builder| builder);
        for good in [
            json!([]), json!(["admin"]), json!("admin user"), json!(""), json!(vec!["x"; 512]),
            json!(["x".repeat(255)]),
        ] {
            s.opens(s.token("alice").claim("roles", good.clone()).claim("permissions", good).sign());
        }
        for bad in [
            json!(null), json!(1), json!(true), json!({ "admin": true }), json!(["admin", 1]),
            json!([["admin"]]), json!([""]), json!(["x".repeat(256)]), json!(["a\nb"]),
            json!((0..513).map(|number| number.to_string()).collect::<Vec<_>>()),
        ] {
            for name in ["roles", "permissions"] {
                s.refuses(s.token("alice").claim(name, bad.clone()).sign(), "invalid_claim");
            }
        }
    }

    fn scopes_that_cannot_be_read_are_refused(t) {
        let s = service(&t);
        for good in ["read write", "read", ""] {
            s.opens(s.token("alice").claim("scope", good).sign());
        }
        for bad in [
            json!(null), json!(1), json!({}), json!(["read", 1]), json!("re\"ad"), json!("re\\ad"),
            json!("l\u{e4}s"),
        ] {
            s.refuses(s.token("alice").claim("scope", bad).sign(), "invalid_claim");
        }
    }

    fn rights_in_an_object_that_is_none_are_refused(t) {
        let mapping = ClaimMapping::new().roles("realm_access.roles").roles_of_client("shop.web");
        let s = service_with(&t, |issuer| issuer.claims(mapping), |builder| builder);
        for good in [json!({ "roles": ["admin"] }), json!({}), json!({ "other": 1 })] {
            s.opens(s.token("alice").claim("realm_access", good).sign());
        }
        s.opens(
            s.token("alice")
                .claim("resource_access", json!({ "shop.web": { "roles": ["user"] }, "shop": 1 }))
                .sign(),
        );
        for bad in [
            json!("admin"), json!(["admin"]), json!(1), json!(null), json!({ "roles": null }),
            json!({ "roles": { "admin": 1 } }),
        ] {
            s.refuses(s.token("alice").claim("realm_access", bad).sign(), "invalid_claim");
        }
        s.refuses(
            s.token("alice").claim("resource_access", json!({ "shop.web": ["user"] })).sign(),
            "invalid_claim",
        );
    }

    /// Claims that only own tokens have are ignored.
    fn claims_of_own_tokens_mean_nothing_in_others(t) {
        let s = service(&t);
        let token = [
            ("app", json!("another")), ("token_type", json!("refresh")), ("scopes", json!(["read", "write"])),
            ("token_epoch", json!("x")), ("user_epoch", json!(u64::MAX)), ("session_end", json!(0)),
            ("began_at", json!("x")), ("session_loaded", json!(1)),
        ]
        .into_iter()
        .fold(s.token("alice"), |token, (name, value)| token.claim(name, value));
        s.opens(token.sign()).says("Hello alice");
        s.app.get("/guards/token").bearer(token.sign()).send().is(200).says("access alice [] -");
        s.app.get("/guards/scope").bearer(token.sign()).send().refused(403, "missing_scope");
        let scoped = s.token("alice").claim("scope", "read").sign();
        s.app.get("/guards/scope").bearer(scoped).send().is(200);
    }

    fn a_subject_that_looks_like_something_else_is_just_a_subject(t) {
        let s = service(&t);
        s.opens(s.token("alice").sign()).says("Hello alice");
        for subject in [
            "' OR 1=1 --", "../../alice", "alice\0", "\u{feff}alice", "ALICE", "alice ",
            "https://login.example.com|alice",
        ] {
            let seen = s.app.get("/me").bearer(s.token(subject).sign()).send();
            assert_eq!(seen.refused(401, "invalid_token").user_loads, 1);
        }
    }

    fn the_settings_of_an_issuer_go_together(t) {
        let strict = |issuer: TrustedIssuer| {
            let issuer = issuer.expiry_leeway(Duration::ZERO).leeway(Duration::ZERO);
            issuer.max_lifetime(300 * SECOND).require_claim("tid", "tenant-1")
        };
        let s = service_with(&t, strict, |builder| builder);
        let token = s.token("alice").claim("tid", "tenant-1");
        s.opens(token.sign());
        s.refuses(token.clone().claim("exp", NOW + 301).sign(), "unacceptable_lifetime");
        s.refuses(token.clone().claim("iat", NOW - 1).sign(), "unacceptable_lifetime");
        s.refuses(token.claim("iat", NOW + 1).sign(), "token_not_yet_valid");
    }
}
