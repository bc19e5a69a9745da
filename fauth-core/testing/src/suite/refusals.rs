//! Errors that handlers return with `?`: the same responses as those of guards.

use fauth_core::{Rejection, reply::Reply, request::RequestHead, transport::CookieTransport};

use super::cases;
use crate::suite::Probe;

/// All errors of [`refusal`](super::refusal), with status and code.
const REFUSALS: [(&str, u16, &str); 9] = [
    ("stale", 401, "insufficient_user_authentication"),
    ("forbidden", 403, "missing_scope"),
    ("credentials", 401, "invalid_credentials"),
    ("busy", 503, "busy"),
    ("not-found", 404, "not_found"),
    ("no-store", 500, "misconfigured"),
    ("mailed", 401, "invalid_token"),
    ("key", 422, "unprocessable"),
    ("password", 422, "unprocessable"),
];

/// A form that depends on the request, like that of a service with pages.
fn by_accept(rejection: &Rejection, head: &dyn RequestHead) -> Reply {
    let accept = head.header("accept");
    let accept = accept.single().map(String::from_utf8_lossy).unwrap_or_default();
    let text = format!("{} {} {accept}", head.method(), head.path());
    Reply::new(rejection.status()).body("text/plain", text)
}

cases! { $ __refusals_tests in refusals;
    fn a_handler_that_does_not_refuse_is_left_alone(t) {
        for path in ["/refuse", "/rendered/refuse", "/guards/refuse", "/guards/refuse-python", "/python/refuse"] {
            t.get(path).bearer(t.access("bob")).send().is(200).says("not refused").lacks("cache-control");
        }
    }

    fn a_refusal_behind_a_guard_is_rendered_like_the_guards(t) {
        for (query, status, code) in REFUSALS {
            t.get(&format!("/guards/refuse?{query}")).bearer(t.access("bob")).send().refused(status, code);
        }
        let stale = t.get("/guards/refuse?stale").bearer(t.access("bob")).send();
        let challenge = stale.response.header("www-authenticate").concat();
        assert!(challenge.contains("max_age=\"900\""), "{challenge}");
        t.get("/guards/refuse?busy").bearer(t.access("bob")).send().has("retry-after", "3");
        t.get("/guards/refuse?stale").send().refused(401, "missing_credential");
    }

    fn a_refusal_without_guard_has_the_default_form(t) {
        t = Probe::build(|builder| builder.renderer(by_accept));
        for (query, status, code) in REFUSALS {
            t.get(&format!("/refuse?{query}")).send().refused(status, code);
        }
    }

    fn the_sentence_says_what_cannot_be_processed(t) {
        let told = |query: &str| {
            t.get(&format!("/refuse?{query}")).send().response.json()["detail"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(told("key"), "the subject already has the maximum number of API keys");
        assert_eq!(told("password"), "the password is empty");
    }

    fn a_renderer_of_a_guard_gives_refusals_of_handlers_its_form(t) {
        for path in ["/guards/refuse-python", "/guards/refuse-twice", "/python/refuse"] {
            let seen = t.get(&format!("{path}?forbidden")).bearer(t.access("bob")).send();
            seen.is(403).has("content-type", "application/json").has("cache-control", "no-store");
            seen.says("{\"detail\":\"Missing scope: write\"}");
            assert!(seen.response.header("www-authenticate").concat().contains("scope=\"write\""));
        }
    }

    /// The handler has consumed the request; the parts that a renderer reads are kept.
    fn a_renderer_sees_the_request_of_a_handlers_refusal(t) {
        t = Probe::build(|builder| builder.renderer(by_accept));
        for path in ["/guards/refuse", "/rendered/refuse"] {
            let seen = t.get(&format!("{path}?not-found")).bearer(t.access("bob")).header("accept", "text/html").send();
            seen.is(404).says(&format!("GET {path} text/html")).has("cache-control", "no-store");
        }
    }

    fn refusals_are_rendered_without_a_guard_where_it_is_said(t) {
        for (query, status, code) in REFUSALS {
            t.get(&format!("/rendered/refuse?{query}")).send().refused(status, code);
        }
    }

    fn a_refusal_of_a_handler_has_no_body_for_head(t) {
        for path in ["/refuse?stale", "/guards/refuse?stale", "/rendered/refuse?stale"] {
            let seen = t.request("HEAD", path).bearer(t.access("bob")).send_to_framework();
            // actix-web answers HEAD only where it is told to.
            if seen.response.status != 404 && seen.response.status != 405 {
                seen.is(401).says("").has("cache-control", "no-store");
            }
        }
    }

    /// The refused token is another one, such as one from a mail.
    fn a_refusal_of_a_handler_deletes_no_cookie(t) {
        for own_form in [false, true] {
            t = Probe::build(|builder| {
                let builder = builder.transport(CookieTransport::new());
                if own_form { builder.renderer(by_accept) } else { builder }
            });
            for path in ["/refuse?mailed", "/guards/refuse?mailed", "/rendered/refuse?mailed"] {
                let cookie = format!("__Host-session={}", t.access("bob"));
                t.get(path).header("cookie", cookie).send().is(401).lacks("set-cookie");
            }
        }
    }

    /// The response to a token in a URL is not cached because a handler refuses.
    fn what_a_grant_demands_of_the_response_holds_for_refusals(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        let token = t.access("bob");
        t.get(&format!("/guards/refuse?token={token}")).send().is(200).has("cache-control", "no-store");
        t.get(&format!("/guards/refuse?stale&token={token}")).send().is(401).has("cache-control", "no-store");
    }
}
