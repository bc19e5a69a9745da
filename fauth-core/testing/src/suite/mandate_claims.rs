//! The claims of mandates: which are required, their types, and how long a mandate is valid.
//!
//! If a case names a reason, it is that of the log; the caller gets `invalid_token` for each, and
//! `invalid_zone` for the zone.

use std::time::Duration;

use fauth_core::Requirement;
use serde_json::{Value, json};

use super::{
    Harness, cases,
    mandates::{
        Acting, Denial, NO_DELEGATION, NO_SESSION, TOO_DEEP, WRONG_ZONE, ZONE, service, service_with,
    },
};
use crate::{ForeignToken, MANDATE_AUDIENCE, ManualClock};

const NOW: i64 = ManualClock::START.unix_seconds();
const SECOND: Duration = Duration::from_secs(1);
/// Required strings, except those with a fixed value.
const TEXTS: [&str; 5] = ["jti", "sub", "sid", "root_sid", "client_id"];
/// Optional strings.
const OPTIONAL_TEXTS: [&str; 4] =
    ["agent_session_id", "delegation_edge_id", "source_session_id", "target_session_id"];

/// Values that are no strings.
fn no_texts() -> [Value; 6] {
    [json!(1), json!(1.5), json!(true), json!([]), json!(["text"]), json!({ "text": 1 })]
}

/// A mandate with a number written like this.
fn with_number(token: &ForeignToken, name: &str, text: &str) -> String {
    // A number that occurs nowhere else.
    let claims = token.clone().claim(name, 123_454_321).claims().replacen("123454321", text, 1);
    token.clone().claims_text(claims).sign()
}

/// A mandate issued and expiring this many seconds from now.
fn lasting<H: Harness>(s: &Acting<H>, issued: i64, ends: i64) -> String {
    s.mandate("alice").claim("iat", NOW + issued).claim("exp", NOW + ends).sign()
}

/// A chain of this many applications.
fn chain(length: usize) -> Value {
    (0..length).map(|number| json!({ "application_id": format!("app_{number}") })).collect()
}

/// A delegation over this many hops.
fn deep<H: Harness>(s: &Acting<H>, hops: usize) -> ForeignToken {
    s.delegated("alice").claim("delegation_chain", chain(hops + 1)).claim("hop_count", hops)
}

cases! { $ __mandate_claims_tests in mandate_claims;
    fn a_required_claim_that_is_absent_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        for name in ["iss", "aud", "exp", "iat", "use", "sub_type"].into_iter().chain(TEXTS) {
            s.refuses(s.mandate("alice").without_claim(name).sign(), "missing_claim");
        }
    }

    /// Null is no better than missing.
    fn a_required_claim_that_is_null_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("something_else", Value::Null).sign());
        for name in ["iss", "aud", "exp", "iat", "use", "sub_type"].into_iter().chain(TEXTS) {
            s.refuses(s.mandate("alice").claim(name, Value::Null).sign(), "invalid_claim");
        }
    }

    fn a_required_text_of_another_type_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        for name in TEXTS.into_iter().chain(["iss", "use", "sub_type"]) {
            for value in no_texts() {
                s.refuses(s.mandate("alice").claim(name, value).sign(), "invalid_claim");
            }
        }
    }

    fn a_required_text_that_is_empty_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("something_else", "").sign());
        for name in TEXTS.into_iter().chain(["use", "sub_type"]) {
            s.refuses(s.mandate("alice").claim(name, "").sign(), "invalid_claim");
        }
        s.refuses(s.mandate("alice").claim("iss", "").sign(), "wrong_issuer");
        s.refuses(s.mandate("alice").claim("aud", "").sign(), "wrong_audience");
    }

    fn a_claim_that_occurs_twice_is_refused(t) {
        let s = service(&t);
        let claims = s.mandate("alice").claims();
        let and = |more: &str| s.mandate("alice").claims_text(format!("{},{more}}}", claims.strip_suffix('}').unwrap())).sign();
        s.opens(and(r#""x":1"#));
        for twice in [
            r#""sub":"bob""#, r#""sid":"sid_1""#, r#""\u0073id":"sid_2""#, r#""scope":"admin""#, r#""zone_id":"zone_prod""#,
            r#""use":"resource""#, r#""x":1,"x":1"#,
        ] {
            s.refuses(and(twice), "malformed_claims");
        }
    }

    fn texts_have_a_longest_length(t) {
        let s = service(&t);
        for name in ["client_id", "root_sid"].into_iter().chain(OPTIONAL_TEXTS) {
            s.opens(s.mandate("alice").claim(name, "x".repeat(255)).sign());
            s.refuses(s.mandate("alice").claim(name, "x".repeat(256)).sign(), "invalid_claim");
        }
        for name in ["sub", "jti", "sid"] {
            s.refuses(s.mandate("alice").claim(name, "x".repeat(256)).sign(), "invalid_claim");
        }
    }

    fn an_unknown_claim_does_no_harm(t) {
        let s = service(&t);
        for value in [json!(null), json!(1), json!(["x"]), json!({ "sub": "bob" })] {
            s.opens(s.mandate("alice").claim("something_else", value).sign()).says("Hello alice");
        }
        s.refuses(s.mandate("alice").claim("something_else", 1).without_claim("sid").sign(), "missing_claim");
    }

    /// Compared as a whole, character for character.
    fn the_issuer_is_exact(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("iss", "https://sts.example.com").sign());
        for other in [
            "https://sts.example.com/", "https://sts.example.co", "https://sts.example.com.evil.example", "http://sts.example.com",
            "HTTPS://STS.EXAMPLE.COM", "https://sts.example.com:443", "sts.example.com", " https://sts.example.com", "*",
        ] {
            s.refuses(s.mandate("alice").claim("iss", other).sign(), "wrong_issuer");
        }
        s.refuses(s.mandate("alice").claim("iss", json!(["https://sts.example.com"])).sign(), "invalid_claim");
    }

    fn one_of_the_audiences_is_this_service(t) {
        let s = service(&t);
        for good in [json!(MANDATE_AUDIENCE), json!([MANDATE_AUDIENCE]), json!(["resource://other", MANDATE_AUDIENCE])] {
            s.opens(s.mandate("alice").claim("aud", good).sign());
        }
        for other in [
            json!("resource://other"), json!(["resource://other"]), json!("resource://billing-api/"), json!("resource://billing"),
            json!("RESOURCE://BILLING-API"), json!("billing-api"), json!("*"), json!("resource://billing-api,resource://other"),
        ] {
            s.refuses(s.mandate("alice").claim("aud", other).sign(), "wrong_audience");
        }
        for mixed in [json!([]), json!([MANDATE_AUDIENCE, 1]), json!([[MANDATE_AUDIENCE]]), json!(1), json!({})] {
            s.refuses(s.mandate("alice").claim("aud", mixed).sign(), "invalid_claim");
        }
    }

    fn the_zone_is_exact(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("zone_id", ZONE).sign());
        s.refuses_as(s.mandate("alice").without_claim("zone_id").sign(), &WRONG_ZONE, "wrong_zone");
        for other in ["zone_test", "ZONE_PROD", "zone_prod ", "zone_pro", "zone_prod2", "*"] {
            s.refuses_as(s.mandate("alice").claim("zone_id", other).sign(), &WRONG_ZONE, "wrong_zone");
        }
        for value in no_texts().into_iter().chain([json!([ZONE]), json!(null), json!("")]) {
            s.refuses_as(s.mandate("alice").claim("zone_id", value).sign(), &WRONG_ZONE, "wrong_zone");
        }
    }

    fn another_use_is_no_use(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("use", "resource").sign());
        for path in ["/me", "/maybe", "/grant", "/guards/user", "/guards/active", "/group/dashboard"] {
            let session = s.mandate("alice").claim("use", "session").sign();
            super::mandates::INVALID.is_of(&s.app.get(path).bearer(session).send());
        }
        for unknown in ["gateway", "Resource", "RESOURCE", "resource ", "resources", "resource session"] {
            s.refuses(s.mandate("alice").claim("use", unknown).sign(), "invalid_claim");
        }
    }

    fn who_is_the_subject_of_a_mandate(t) {
        let s = service(&t);
        for kind in ["user", "application"] {
            s.opens(s.mandate("alice").claim("sub_type", kind).sign());
        }
        for other in ["User", "service", "agent", "user ", "user application"] {
            s.refuses(s.mandate("alice").claim("sub_type", other).sign(), "invalid_claim");
        }
    }

    /// Whole seconds.
    fn times_are_integers(t) {
        let s = service(&t);
        for name in ["exp", "iat", "nbf"] {
            for value in [json!("1767225900"), json!(true), json!([NOW]), json!({}), json!(null)] {
                s.refuses(s.mandate("alice").claim(name, value).sign(), "invalid_claim");
            }
        }
        for (name, second) in [("exp", NOW + 300), ("iat", NOW - 300)] {
            s.opens(with_number(&s.mandate("alice"), name, &second.to_string()));
            for written in [format!("{second}.5"), format!("{second}.0"), format!("{second}e0"), format!("{}e-1", second * 10), "1e400".to_owned()] {
                s.refuses(with_number(&s.mandate("alice"), name, &written), "invalid_claim");
            }
        }
        s.opens(s.mandate("alice").claim("exp", NOW + 10).claim("iat", NOW).claim("nbf", NOW).sign());
    }

    /// M-06: one rule, at every step.
    fn an_expired_mandate_is_refused_after_a_minute(t) {
        let s = service(&t);
        s.opens(lasting(&s, -100, 1));
        s.opens(lasting(&s, -100, -30));
        s.opens(lasting(&s, -100, -59));
        s.refuses(lasting(&s, -100, -60), "token_expired");
        s.refuses(lasting(&s, -100, -61), "token_expired");
        let mandate = s.delegated("alice").sign();
        t.clock.advance(959 * SECOND);
        s.opens(&mandate);
        t.clock.advance(SECOND);
        s.refuses(&mandate, "token_expired");
    }

    fn a_mandate_from_the_future_is_refused_beyond_a_minute(t) {
        let s = service(&t);
        s.opens(lasting(&s, 60, 300));
        s.refuses(lasting(&s, 61, 300), "token_not_yet_valid");
        s.opens(s.mandate("alice").claim("nbf", NOW + 60).sign());
        s.refuses(s.mandate("alice").claim("nbf", NOW + 61).sign(), "token_not_yet_valid");
        s.opens(s.mandate("alice").claim("nbf", 0).sign());
    }

    fn a_mandate_that_ends_before_it_begins_is_refused(t) {
        let s = service(&t);
        s.opens(lasting(&s, 0, 1));
        s.refuses(lasting(&s, 0, 0), "unacceptable_lifetime");
        s.refuses(lasting(&s, 20, 10), "unacceptable_lifetime");
    }

    /// A mandate is short: at most a day by default.
    fn a_mandate_lasts_a_day_at_most(t) {
        let s = service(&t);
        let day = 24 * 60 * 60;
        s.opens(lasting(&s, 0, day));
        s.refuses(lasting(&s, 0, day + 1), "unacceptable_lifetime");
    }

    /// M-09
    fn a_longest_lifetime_may_be_set(t) {
        let s = service_with(&t, |builder| builder.max_lifetime(900 * SECOND));
        s.opens(lasting(&s, 0, 900));
        s.opens(lasting(&s, -890, 10));
        s.refuses(lasting(&s, 0, 901), "unacceptable_lifetime");
        s.refuses(lasting(&s, -891, 10), "unacceptable_lifetime");
        s.opens(s.delegated("alice").sign());
    }

    fn scopes_are_names_between_blanks(t) {
        let s = service(&t);
        let read = Requirement::user().scopes(["billing:read"]);
        for good in ["billing:read", "billing:read billing:payout", "x billing:read y"] {
            s.passes(&read, s.mandate("alice").claim("scope", good).sign());
        }
        for other in ["billing", "billing:read2", "BILLING:READ", "billing:read,billing:payout", "billing:*"] {
            s.denies(&read, s.mandate("alice").claim("scope", other).sign(), &Denial::scopes(&["billing:read"]));
        }
    }

    fn a_mandate_without_scope_has_none(t) {
        let s = service(&t);
        let without = || s.mandate("alice").without_claim("scope").sign();
        s.opens(without());
        s.denies(&Requirement::user().scopes(["billing:read"]), without(), &Denial::scopes(&["billing:read"]));
        s.refuses(s.mandate("alice").claim("scope", "").sign(), "invalid_claim");
        for value in no_texts() {
            s.refuses(s.mandate("alice").claim("scope", value).sign(), "invalid_claim");
        }
    }

    fn targets_are_a_list_of_texts(t) {
        let s = service(&t);
        let wanted = Requirement::user().targets(["https://api.example.com/x"]);
        for good in [json!(["https://api.example.com/x"]), json!(["https://other.example", "https://api.example.com/x"])] {
            s.passes(&wanted, s.mandate("alice").claim("target", good).sign());
        }
        for bad in [
            json!("https://api.example.com/x"), json!([1]), json!(["https://api.example.com/x", ""]), json!([""]), json!([null]), json!([["x"]]),
            json!({ "0": "x" }), json!(1), json!(true),
        ] {
            s.refuses(s.mandate("alice").claim("target", bad).sign(), "invalid_claim");
        }
    }

    fn targets_have_a_longest_length_and_number(t) {
        let s = service(&t);
        let targets = |count: usize| (0..count).map(|number| json!(format!("t{number}"))).collect::<Value>();
        s.opens(s.mandate("alice").claim("target", targets(64)).sign());
        s.refuses(s.mandate("alice").claim("target", targets(65)).sign(), "invalid_claim");
        s.opens(s.mandate("alice").claim("target", json!(["x".repeat(255)])).sign());
        s.refuses(s.mandate("alice").claim("target", json!(["x".repeat(256)])).sign(), "invalid_claim");
    }

    fn a_session_or_delegation_of_another_type_is_refused(t) {
        let s = service(&t);
        s.opens(s.delegated("alice").sign());
        for name in OPTIONAL_TEXTS {
            for value in no_texts() {
                s.refuses(s.delegated("alice").claim(name, value).sign(), "invalid_claim");
            }
        }
    }

    /// Empty counts as absent: it opens nothing that requires the claim.
    fn an_empty_session_or_delegation_is_none(t) {
        let s = service(&t);
        let (session, delegation) = (Requirement::user().agent_session(), Requirement::user().delegation());
        s.passes(&session, s.delegated("alice").sign());
        s.passes(&delegation, s.delegated("alice").sign());
        let empty = |name: &str| s.delegated("alice").claim(name, "").sign();
        for name in OPTIONAL_TEXTS {
            s.opens(empty(name));
        }
        s.denies(&session, empty("agent_session_id"), &NO_SESSION);
        s.denies(&delegation, empty("delegation_edge_id"), &NO_DELEGATION);
    }

    fn a_path_of_another_type_is_refused(t) {
        let s = service(&t);
        for (good, hops) in [(json!(["edge_1"]), 1), (json!(["edge_0", "edge_1"]), 2)] {
            s.opens(s.delegated("alice").claim("delegation_path", good).claim("hop_count", hops).sign());
        }
        for bad in [json!("edge_1"), json!([1]), json!(["edge_1", null]), json!([["edge_1"]]), json!({}), json!(1)] {
            s.refuses(s.delegated("alice").claim("delegation_path", bad).sign(), "invalid_claim");
        }
        let path = |length: usize| {
            let path: Value = (0..length).map(|number| json!(format!("edge_{number}"))).collect();
            s.delegated("alice").claim("delegation_path", path).claim("hop_count", length).sign()
        };
        s.passes(&Requirement::user().max_hops(32), path(32));
        s.refuses(path(33), "invalid_claim");
    }

    fn a_chain_of_another_type_is_refused(t) {
        let s = service(&t);
        let with = |chain: Value| s.delegated("alice").claim("delegation_chain", chain).sign();
        let hop = json!({ "application_id": "app_1" });
        s.opens(with(json!([hop, hop])));
        s.opens(with(json!([hop, { "application_id": "app_2", "agent_session_id": "a", "delegation_edge_id": "e", "x": 1 }])));
        for bad in [
            json!("app_root"), json!(1), json!({}), json!(["app_root", "app_1"]), json!([hop, 1]), json!([hop, null]), json!([hop, [hop]]),
            json!([hop, {}]), json!([hop, { "application_id": "" }]), json!([hop, { "application_id": 1 }]), json!([hop, { "application_id": null }]),
            json!([hop, { "application_id": "a", "agent_session_id": 1 }]), json!([hop, { "application_id": "a", "delegation_edge_id": [] }]),
        ] {
            s.refuses(with(bad), "invalid_claim");
        }
    }

    fn a_chain_has_a_longest_length(t) {
        let s = service(&t);
        let any = Requirement::user().max_hops(100);
        s.passes(&any, deep(&s, 31).sign());
        s.refuses(deep(&s, 32).sign(), "invalid_claim");
    }

    /// No boolean, no float, no overflow, no string.
    fn hops_are_counted_in_whole_numbers(t) {
        let s = service(&t);
        let direct = || s.mandate("alice");
        for good in ["0", "1", "10"] {
            s.opens(with_number(&direct(), "hop_count", good));
        }
        s.opens(direct().claim("hop_count", json!(null)).sign());
        for bad in [
            "true", "false", "1.0", "0.0", "1.5", "-1", "-0.5", "1e0", "1e400", "4294967296", "18446744073709551616",
            "99999999999999999999999", "\"1\"", "[1]", "{}",
        ] {
            s.refuses(with_number(&direct(), "hop_count", bad), "invalid_claim");
        }
    }

    fn ten_hops_are_the_most_where_nothing_is_said(t) {
        let s = service(&t);
        s.opens(deep(&s, 10).sign());
        TOO_DEEP.is_of(&s.app.get("/guards/user").bearer(deep(&s, 11).sign()).send());
        s.opens(s.mandate("alice").claim("hop_count", 10).sign());
        TOO_DEEP.is_of(&s.app.get("/guards/user").bearer(s.mandate("alice").claim("hop_count", 11).sign()).send());
        for path in ["/me", "/maybe", "/grant", "/group/dashboard"] {
            TOO_DEEP.is_of(&s.app.get(path).bearer(s.mandate("alice").claim("hop_count", 11).sign()).send());
        }
    }

    /// A mandate that states fewer hops than its chain would bypass a limit.
    fn hops_must_agree_with_the_chain(t) {
        let s = service(&t);
        s.opens(deep(&s, 3).sign());
        for wrong in [0, 1, 2, 5, 9] {
            s.refuses(deep(&s, 3).claim("hop_count", wrong).sign(), "invalid_claim");
        }
        s.refuses(deep(&s, 3).without_claim("hop_count").sign(), "invalid_claim");
        // As Caracal counts: the delegations, if the chain does not name its beginning.
        let counted = |hops: usize, path: usize, count: usize| {
            let path: Value = (0..path).map(|number| json!(format!("edge_{number}"))).collect();
            deep(&s, hops).claim("delegation_path", path).claim("hop_count", count).sign()
        };
        s.opens(counted(1, 2, 2));
        s.refuses(counted(1, 2, 1), "invalid_claim");
        let path = json!(["edge_0", "edge_1"]);
        s.opens(s.mandate("alice").claim("delegation_path", path.clone()).claim("hop_count", 2).sign());
        s.refuses(s.mandate("alice").claim("delegation_path", path).sign(), "invalid_claim");
        s.refuses(counted(1, 3, 2), "invalid_claim");
        s.refuses(counted(2, 1, 1), "invalid_claim");
        s.refuses(deep(&s, 3).claim("hop_count", json!(null)).sign(), "invalid_claim");
    }

    fn an_epoch_is_a_whole_number(t) {
        let s = service(&t);
        for good in ["0", "5", "9007199254740993", "null"] {
            s.opens(with_number(&s.delegated("alice"), "delegation_graph_epoch", good));
        }
        for bad in ["true", "5.0", "5.5", "-1", "5e0", "1e400", "18446744073709551616", "\"5\"", "[5]", "{}"] {
            s.refuses(with_number(&s.delegated("alice"), "delegation_graph_epoch", bad), "invalid_claim");
        }
    }

    /// The scopes belong to the mandate, not to the user.
    fn a_mandate_gives_no_roles(t) {
        let s = service(&t);
        let claims = |subject: &str| s.mandate(subject).claim("roles", json!(["admin"])).claim("role", "admin").sign();
        s.app.get("/guards/role").bearer(claims("alice")).send().is(200);
        let seen = s.app.get("/guards/role").bearer(claims("bob")).send();
        assert_eq!(seen.is(403).response.json()["error"], "missing_role");
    }
}
