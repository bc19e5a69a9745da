//! The form of refusals.

use fauth_core::{
    AuthConfig, Rejection, TokenRequest,
    rejection::{DetailJson, ErrorJson},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
};

use super::cases;
use crate::{SECRET, suite::Probe};

cases! { $ __answers_tests in answers;
    fn a_refusal_is_a_problem_document(t) {
        let seen = t.get("/guards/user").send();
        seen.is(401).has("content-type", "application/problem+json").has("cache-control", "no-store");
        seen.says(r#"{"title":"Unauthorized","status":401,"detail":"Not authenticated","error":"missing_credential"}"#);
    }

    fn guard_and_extractor_refuse_alike(t) {
        for token in [None, Some("x".to_owned()), Some(t.access("carol"))] {
            let [extractor, guard, group] = ["/me", "/guards/user", "/group/dashboard"].map(|path| {
                let sending = t.get(path);
                match &token {
                    None => sending.send().response,
                    Some(token) => sending.bearer(token).send().response,
                }
            });
            assert_eq!(extractor, guard);
            assert_eq!(guard, group);
        }
    }

    fn a_refusal_of_head_has_no_body(t) {
        t.request("HEAD", "/group/dashboard").send().is(401).says("").has("content-type", "application/problem+json");
        t.request("HEAD", "/group/dashboard").bearer("x").send().is(401).says("");
    }

    fn a_successful_answer_is_left_alone(t) {
        let seen = t.get("/guards/user").bearer(t.access("alice")).send();
        seen.is(200).lacks("www-authenticate").lacks("cache-control").lacks("set-cookie");
    }

    fn the_realm_is_the_configured_one(t) {
        let config = AuthConfig::builder().secret(SECRET).realm("my api").build().unwrap();
        t = Probe::with(config, |builder| builder);
        t.get("/me").send().is(401).has("www-authenticate", "Bearer realm=\"my api\"");
    }

    /// The renderer sets the body, but not the status and the challenge.
    fn the_body_shape_of_the_python_fauth(t) {
        t = Probe::build(|builder| builder.renderer(DetailJson::new()));
        let detail = |text: &str| format!("{{\"detail\":\"{text}\"}}");
        t.get("/me").send().is(401).says(&detail("Not authenticated")).has("content-type", "application/json")
            .has("www-authenticate", "Bearer realm=\"fauth\"");
        t.get("/me").bearer("x").send().is(401).says(&detail("Invalid token: Failure when decoding token"));
        t.get("/me").bearer(t.token(fauth_core::Purpose::Refresh, "alice")).send().is(401).says(&detail("Invalid token: Expected access got refresh"));
        t.get("/me").bearer(t.access("nobody")).send().is(401).says(&detail("User does not exist"));
        t.get("/me").bearer(t.access("carol")).send().is(400).says(&detail("Inactive user"));
        t.get("/guards/roles").bearer(t.access("bob")).send().is(403).says(&detail("Missing role: admin"));
        t.get("/guards/permissions").bearer(t.access("bob")).send().is(403).says(&detail("Insufficient permissions: requires write permission"));
        t.login("alice", "wrong").send().is(401).says(&detail("Invalid credentials"));
        let expired = t.access("alice");
        t.clock.advance(std::time::Duration::from_secs(900));
        t.get("/me").bearer(expired).send().is(401).says(&detail("Token expired"));
    }

    fn the_body_shape_with_a_hint(t) {
        t = Probe::build(|builder| builder.renderer(ErrorJson::new()));
        let seen = t.get("/guards/user").send();
        seen.is(401).has("content-type", "application/json").has("www-authenticate", "Bearer realm=\"fauth\"");
        seen.says("{\"error\":\"missing_credential\",\"error_description\":\"Not authenticated\",\
            \"error_hint\":\"Send a token as `Authorization: Bearer <token>`\"}");
    }

    fn a_guard_may_have_a_form_of_its_own(t) {
        t.get("/guards/python").send().is(401).says(r#"{"detail":"Not authenticated"}"#);
        t.get("/guards/python").bearer(t.access("bob")).send().is(403).says(r#"{"detail":"Missing role: admin"}"#);
        t.get("/guards/python").bearer(t.access("alice")).send().is(200);
    }

    fn a_group_may_have_a_form_of_its_own(t) {
        t.get("/python/panel").send().is(401).says(r#"{"detail":"Not authenticated"}"#);
        t.get("/python/none").send().is(401).says(r#"{"detail":"Not authenticated"}"#);
        t.get("/python/panel").bearer(t.access("bob")).send().is(200);
    }

    fn an_application_may_bring_its_own_renderer(t) {
        t = Probe::build(|builder| {
            builder.renderer(|rejection: &Rejection, head: &dyn RequestHead| {
                let text = format!("{} {}: {}", head.method(), head.path(), rejection.code());
                Reply::new(rejection.status()).body("text/plain", text).header(ResponseHeader::new("x-refused", "yes"))
            })
        });
        let seen = t.get("/group/nested/leaf?x=1").send();
        seen.is(401).says("GET /group/nested/leaf: missing_credential").has("x-refused", "yes");
        seen.has("www-authenticate", "Bearer realm=\"fauth\"").has("cache-control", "no-store");
    }

    fn a_renderer_may_lead_to_the_sign_in_page(t) {
        t = Probe::build(|builder| {
            builder.renderer(|_: &Rejection, _: &dyn RequestHead| Reply::new(303).header(ResponseHeader::new("location", "/signin")))
        });
        t.get("/group/dashboard").send().is(303).has("location", "/signin").has("cache-control", "no-store");
    }

    fn a_renderer_cannot_turn_a_refusal_into_a_pass(t) {
        t = Probe::build(|builder| {
            builder.renderer(|_: &Rejection, _: &dyn RequestHead| Reply::new(200).body("text/plain", "welcome"))
        });
        t.get("/guards/user").send().refused(401, "missing_credential");
        t.get("/me").send().refused(401, "missing_credential");
        t.login("alice", "wrong").send().refused(401, "invalid_credentials");
    }

    fn a_redirect_without_target_is_no_answer(t) {
        t = Probe::build(|builder| builder.renderer(|_: &Rejection, _: &dyn RequestHead| Reply::new(303)));
        t.get("/guards/user").send().refused(401, "missing_credential");
    }

    /// A renderer's text cannot leave its header.
    fn a_header_cannot_be_split(t) {
        t = Probe::build(|builder| {
            builder.renderer(|_: &Rejection, _: &dyn RequestHead| {
                Reply::new(401).header(ResponseHeader::new("x-note", "a\r\nset-cookie: evil=1"))
            })
        });
        t.get("/guards/user").send().is(401).has("x-note", "a??set-cookie: evil=1").lacks("set-cookie");
    }

    fn names_in_a_body_are_escaped(t) {
        let token = t.access(TokenRequest::for_subject("\"quoted\"\n\u{202e}"));
        t.get("/me").bearer(token).send().refused(401, "invalid_token");
    }
}
