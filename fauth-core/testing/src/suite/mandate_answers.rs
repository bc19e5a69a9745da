//! Refusals of mandates: status, headers, and every byte of the body, in Caracal's form and in
//! others.

use fauth_core::{
    Rejection, Requirement,
    rejection::{DetailJson, InvalidToken, ProblemJson},
};

use super::{
    Seen, cases,
    mandates::{
        Denial, INVALID, MISSING, NO_DELEGATION, NO_SESSION, REVOKED, STALE, TOO_DEEP, WRONG_ZONE, service,
        service_wired,
    },
};
use crate::{Fault, WireResponse};

/// Asserts a response with this code and exactly this body.
#[track_caller]
fn says(seen: &Seen, denial: &Denial, hint: &str) {
    denial.is_of(seen);
    let Denial { code, description, .. } = denial;
    seen.says(&format!(
        "{{\"error\": \"{code}\", \"error_description\": \"{description}\", \"error_hint\": \"{hint}\"}}"
    ));
}

/// Asserts a response with the three members and this code.
#[track_caller]
fn has_members(answer: &WireResponse, code: &str) {
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "error_description", "error_hint"], "{answer:?}");
    assert_eq!(body["error"], code, "{answer:?}");
    for member in members {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
    assert!(
        answer.text().starts_with(&format!("{{\"error\": \"{code}\", \"error_description\": \"")),
        "{answer:?}"
    );
    assert_eq!(answer.header("content-type"), ["application/json"], "{answer:?}");
    assert_eq!(answer.header("cache-control"), ["no-store"], "{answer:?}");
}

cases! { $ __mandate_answers_tests in mandate_answers;
    fn missing_token(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        for path in ["/me", "/guards/user", "/group/dashboard", "/group/none"] {
            says(&s.app.get(path).send(), &MISSING, "Send the mandate as `Authorization: Bearer <mandate>`");
        }
    }

    fn invalid_token(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        for bad in [
            "x".to_owned(), s.mandate("alice").forge(), s.mandate("alice").claim("exp", 1).sign(), s.mandate("alice").claim("aud", "other").sign(),
            s.mandate("alice").claim("iss", "https://evil.example").sign(), s.mandate("alice").without_claim("sid").sign(),
            s.mandate("alice").claim("use", "session").sign(), s.mandate("alice").claim("hop_count", true).sign(),
            s.mandate("nobody").sign(), s.mandate("carol").sign(),
        ] {
            says(&s.app.get("/guards/user").bearer(bad).send(), &INVALID, "Check issuer, audience, signature, times, use and claims of the mandate");
        }
    }

    fn invalid_zone(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        let seen = s.app.get("/me").bearer(s.mandate("alice").claim("zone_id", "zone_test").sign()).send();
        says(&seen, &WRONG_ZONE, "The mandate belongs to another zone: exchange in the zone of this service");
    }

    fn session_revoked(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        s.revoke(&["sid_1"]);
        says(&s.app.get("/me").bearer(s.mandate("alice").sign()).send(), &REVOKED, "The authority of the mandate was revoked: start a new session, and exchange again");
    }

    fn delegation_stale(t) {
        let s = service(&t);
        s.opens(s.delegated("alice").sign());
        s.raise_epoch(6);
        says(&s.app.get("/me").bearer(s.delegated("alice").sign()).send(), &STALE, "Delegations have changed since the mandate was issued: exchange again");
    }

    fn insufficient_scope(t) {
        let s = service(&t);
        let (scope, target) = (Requirement::user().scopes(["billing:admin"]), Requirement::user().targets(["https://x.example"]));
        s.passes(&scope, s.mandate("alice").claim("scope", "billing:admin").sign());
        says(&s.ask(&scope, s.mandate("alice").sign()), &Denial::scopes(&["billing:admin"]), "Exchange for a mandate with every scope that this route requires");
        says(&s.ask(&target, s.delegated("alice").sign()), &Denial::target("https://x.example"), "Exchange for a mandate with every target that this route requires");
    }

    fn session_required(t) {
        let s = service(&t);
        let wanted = Requirement::user().agent_session();
        s.passes(&wanted, s.delegated("alice").sign());
        says(&s.ask(&wanted, s.mandate("alice").sign()), &NO_SESSION, "This route requires an agent session: start one, and exchange in it");
    }

    fn delegation_required(t) {
        let s = service(&t);
        let wanted = Requirement::user().delegation();
        s.passes(&wanted, s.delegated("alice").sign());
        says(&s.ask(&wanted, s.mandate("alice").sign()), &NO_DELEGATION, "Direct authority is not enough here: act through a delegation that the mandate names with its epoch");
    }

    fn chain_mismatch(t) {
        let s = service(&t);
        let wanted = |id: &str| Requirement::user().chain_contains([id]);
        s.passes(&wanted("app_root"), s.delegated("alice").sign());
        says(&s.ask(&wanted("zz"), s.delegated("alice").sign()), &Denial::chain("zz"), "Compare the delegation chain of the mandate with the applications that this route requires");
    }

    fn hop_count_exceeded(t) {
        let s = service(&t);
        let wanted = |hops| Requirement::user().max_hops(hops);
        s.passes(&wanted(1), s.delegated("alice").sign());
        says(&s.ask(&wanted(0), s.delegated("alice").sign()), &TOO_DEEP, "The mandate has too many hops: shorten the chain, or raise the limit of the service");
    }

    /// Errors for which Caracal has no code have the same three members.
    fn other_refusals_have_the_same_form(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        s.opens(&mandate);
        let get = |path: &str| s.app.get(path).bearer(&mandate);
        let seen = get("/me").bearer(&mandate).send();
        has_members(&seen.is(400).response, "malformed_credential");
        let seen = s.app.request("TRACE", "/group/dashboard").bearer(&mandate).send();
        has_members(&seen.is(405).response, "method_not_allowed");
        let seen = get("/guards/permission").send();
        seen.is(200);
        let seen = s.app.get("/guards/permission").bearer(s.mandate("bob").sign()).send();
        has_members(&seen.is(403).response, "missing_permission");
        let seen = get("/guards/impossible").send();
        has_members(&seen.is(500).response, "misconfigured");
        let seen = get("/rendered/refuse?busy").send();
        has_members(&seen.is(503).response, "busy");
        seen.has("retry-after", "3");
        for _ in 0..2 {
            get("/limits/user").once().is(200);
        }
        let seen = get("/limits/user").once();
        has_members(&seen.is(429).response, "too_many_requests");
        assert!(!seen.response.header("retry-after").is_empty());
        s.anchors.fault(Fault::Fails);
        let seen = get("/me").send();
        has_members(&seen.is(503).response, "unavailable");
        seen.has("retry-after", "5");
    }

    fn what_a_handler_refuses_has_the_form_too(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        for path in ["/rendered/refuse?forbidden", "/guards/refuse?forbidden"] {
            Denial::scopes(&["write"]).is_of(&s.app.get(path).bearer(&mandate).send());
        }
        INVALID.is_of(&s.app.get("/guards/refuse?mailed").bearer(&mandate).send());
        s.app.get("/guards/refuse").bearer(&mandate).send().is(200).says("not refused");
    }

    fn a_refusal_of_head_has_no_body(t) {
        let s = service(&t);
        let head = |path: &str| s.app.request("HEAD", path);
        let seen = head("/group/dashboard").send();
        seen.is(401).says("").has("content-type", "application/json").has("www-authenticate", &MISSING.challenge);
        head("/group/dashboard").bearer("x").send().is(401).says("").has("www-authenticate", &INVALID.challenge);
        let seen = head("/scoped/panel").bearer(s.mandate("alice").sign()).send();
        seen.is(403).says("").has("www-authenticate", &Denial::scopes(&["read"]).challenge);
    }

    fn a_mandate_that_passes_leaves_the_answer_alone(t) {
        let s = service(&t);
        for path in ["/guards/user", "/me", "/group/dashboard"] {
            let seen = s.app.get(path).bearer(s.delegated("alice").sign()).send();
            seen.is(200).lacks("www-authenticate").lacks("cache-control").lacks("set-cookie").lacks("retry-after");
        }
        MISSING.is_of(&s.app.get("/guards/user").send());
    }

    /// RFC 9457, if that is what clients expect.
    fn problem_documents_on_demand(t) {
        let s = service_wired(&t, |builder| builder.renderer(ProblemJson::new()));
        let user = Requirement::user;
        let (direct, delegated) = (s.mandate("alice").sign(), s.delegated("alice").sign());
        let problem = |seen: &Seen, denial: &Denial, code: &str| {
            seen.is(denial.status).has("content-type", "application/problem+json").has("cache-control", "no-store");
            seen.has("www-authenticate", &denial.challenge);
            let body = seen.response.json();
            assert_eq!((body["error"].as_str(), body["status"].as_u64()), (Some(code), Some(u64::from(denial.status))), "{body}");
            assert!(body["title"].is_string() && body["detail"].is_string() && body["error_hint"].is_null(), "{body}");
        };
        problem(&s.app.get("/me").send(), &MISSING, "missing_credential");
        problem(&s.app.get("/me").bearer("x").send(), &INVALID, "invalid_token");
        problem(&s.app.get("/me").bearer(s.mandate("alice").claim("zone_id", "z").sign()).send(), &WRONG_ZONE, "invalid_token");
        problem(&s.ask(&user().scopes(["a", "b"]), &direct), &Denial::scopes(&["a", "b"]), "missing_scope");
        for (wanted, denial) in [
            (user().agent_session(), NO_SESSION), (user().delegation(), NO_DELEGATION), (user().max_hops(0), TOO_DEEP),
            (user().chain_contains(["zz"]), Denial::chain("zz")), (user().targets(["zz"]), Denial::target("zz")),
        ] {
            let token = if denial.code == "hop_count_exceeded" { &delegated } else { &direct };
            let seen = s.ask(&wanted, token);
            seen.is(403).has("content-type", "application/problem+json").has("www-authenticate", &denial.challenge);
            assert_eq!(seen.response.json()["status"], 403);
        }
        s.raise_epoch(6);
        problem(&s.app.get("/me").bearer(&delegated).send(), &STALE, "invalid_token");
        s.revoke(&["sid_1"]);
        problem(&s.app.get("/me").bearer(&direct).send(), &REVOKED, "invalid_token");
    }

    fn a_guard_may_have_a_form_of_its_own(t) {
        let s = service(&t);
        let seen = s.app.get("/guards/python").send();
        seen.is(401).says(r#"{"detail":"Not authenticated"}"#).has("www-authenticate", &MISSING.challenge);
        s.app.get("/guards/python").bearer(s.mandate("alice").sign()).send().is(200);
        let seen = s.app.get("/python/panel").bearer(s.mandate("alice").claim("zone_id", "z").sign()).send();
        assert!(seen.is(401).response.json()["detail"].is_string());
        let s = service_wired(&t, |builder| builder.renderer(DetailJson::new()));
        s.app.get("/me").send().is(401).says(r#"{"detail":"Not authenticated"}"#);
    }

    /// Input of a stranger is not echoed, and breaks neither a header nor the body.
    fn nothing_of_a_token_comes_back(t) {
        let s = service(&t);
        let evil = "\"},\r\nset-cookie: a=b\u{202e}<script>";
        for name in ["sub", "zone_id", "iss", "aud", "client_id", "jti", "use", "scope"] {
            let seen = s.app.get("/scoped/panel").bearer(s.mandate("alice").claim(name, evil).sign()).send();
            assert!(matches!(seen.response.status, 401 | 403), "{:?}", seen.response);
            let text = format!("{:?}", seen.response);
            assert!(!text.contains("<script") && !text.contains("a=b"), "{text}");
        }
        s.app.get("/scoped/panel").bearer(s.mandate("alice").claim("scope", "read").sign()).send().is(200);
    }

    /// Names configured by the service are escaped as JSON.
    fn names_in_a_body_are_escaped(t) {
        let s = service(&t);
        let wanted = Requirement::user().targets(["https://x.example/\"a\"\\b"]);
        let seen = s.ask(&wanted, s.mandate("alice").sign());
        Denial::target("https://x.example/\"a\"\\b").is_of(&seen);
        s.passes(&wanted, s.mandate("alice").claim("target", serde_json::json!(["https://x.example/\"a\"\\b"])).sign());
    }

    /// The log has different reasons where the caller gets one sentence.
    fn refusals_are_values_too(t) {
        let s = service(&t);
        let refused = |token: String| s.granted(&token).unwrap_err();
        assert!(s.granted(&s.mandate("alice").sign()).is_ok());
        s.revoke(&["sid_2"]);
        let revoked = refused(s.mandate("alice").claim("sid", "sid_2").sign());
        assert_eq!(revoked, Rejection::InvalidToken(InvalidToken::MandateRevoked));
        s.raise_epoch(6);
        assert_eq!(refused(s.delegated("alice").sign()), Rejection::InvalidToken(InvalidToken::DelegationStale));
        assert_eq!((revoked.status(), revoked.code(), revoked.reason()), (401, "invalid_token", "mandate_revoked"));
    }
}
