//! `POST /refresh` and `POST /logout`.

use std::time::Duration;

use fauth_core::{OneTimePurpose, Purpose, TokenRequest, clock::Clock as _};

use super::cases;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn refresh_body(token: &str) -> String {
    format!("{{\"refresh_token\":\"{token}\"}}")
}

cases! { $ __endpoints_tests in endpoints;
    fn a_refresh_token_buys_a_new_pair(t) {
        let first = t.login("alice", "s3cret").send();
        t.clock.advance(Duration::from_secs(60));
        let second = t.post("/refresh").body(JSON, refresh_body(&first.token("refresh_token"))).send();
        second.is(200).has("content-type", JSON).has("cache-control", "no-store");
        assert_ne!(first.token("access_token"), second.token("access_token"));
        assert_ne!(first.token("refresh_token"), second.token("refresh_token"));
        t.get("/me").bearer(second.token("access_token")).send().is(200).says("Hello alice");
    }

    fn a_refresh_is_read_from_a_form_too(t) {
        let token = t.refresh_token("alice");
        t.post("/refresh").body(FORM, format!("grant_type=refresh_token&refresh_token={token}")).send().is(200);
    }

    /// F-14: scopes and custom claims survive.
    fn scopes_and_claims_survive_a_refresh(t) {
        let request = TokenRequest::for_subject("alice").scopes(["read", "write"]).claim("tenant", "acme").claim("n", [1, 2]);
        let token = t.refresh_token(request);
        let seen = t.post("/refresh").body(JSON, refresh_body(&token)).send();
        let access = seen.token("access_token");
        t.get("/guards/token").bearer(&access).send().says("access alice [read write] acme");
        let payload = t.app.auth.verify_signature_and_claims(&access, Purpose::Access).unwrap();
        assert_eq!(payload.claim::<Vec<u8>>("n").unwrap(), Some(vec![1, 2]));
    }

    fn only_a_refresh_token_refreshes(t) {
        let others = [OneTimePurpose::PasswordReset, OneTimePurpose::EmailVerification];
        let others = others.map(|purpose| t.one_time_token(purpose, "alice"));
        for token in others.iter().chain([&t.access("alice")]) {
            let body = refresh_body(token);
            t.post("/refresh").body(JSON, body).send().refused(401, "invalid_token");
        }
        t.post("/refresh").body(JSON, refresh_body("x")).send().refused(401, "invalid_token");
        t.post("/refresh").body(JSON, refresh_body("")).send().refused(401, "missing_credential");
    }

    fn an_expired_refresh_token_is_401(t) {
        let body = refresh_body(&t.refresh_token("alice"));
        t.clock.advance(Duration::from_secs(7 * 24 * 60 * 60 - 1));
        t.post("/refresh").body(JSON, &body).send().is(200);
        t.clock.advance(Duration::from_secs(1));
        t.post("/refresh").body(JSON, &body).send().refused(401, "invalid_token");
    }

    /// However often it is refreshed, a login ends 30 days after it began.
    fn refreshing_does_not_prolong_a_login_for_ever(t) {
        let day = Duration::from_secs(24 * 60 * 60);
        let mut token = t.login("alice", "s3cret").send().token("refresh_token");
        let began = t.clock.now().unwrap();
        for _ in 0..4 {
            t.clock.advance(6 * day);
            token = t.post("/refresh").body(JSON, refresh_body(&token)).send().token("refresh_token");
        }
        let payload = t.app.auth.verify_signature_and_claims(&token, Purpose::Refresh).unwrap();
        assert_eq!(payload.expires_at().since(began), 30 * day, "not the whole seven days any more");
        t.clock.advance(5 * day + Duration::from_secs(24 * 60 * 60 - 60));
        let seen = t.post("/refresh").body(JSON, refresh_body(&token)).send();
        assert_eq!(seen.is(200).response.json()["expires_in"], 60);
        t.clock.advance(Duration::from_secs(60));
        t.post("/refresh").body(JSON, refresh_body(&token)).send().refused(401, "invalid_token");
    }

    fn a_disabled_user_cannot_refresh(t) {
        let body = refresh_body(&t.refresh_token("bob"));
        t.post("/refresh").body(JSON, &body).send().is(200);
        t.users.change("bob", |bob| bob.active = false);
        t.post("/refresh").body(JSON, &body).send().refused(401, "invalid_token");
        t.users.remove("bob");
        t.post("/refresh").body(JSON, &body).send().refused(401, "invalid_token");
    }

    fn a_refresh_without_token_is_401(t) {
        t.post("/refresh").send().refused(401, "missing_credential");
        t.post("/refresh").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "missing_credential");
    }

    fn a_refresh_with_another_body_is_refused(t) {
        t.post("/refresh").body(JSON, "{}").send().refused(401, "missing_credential");
        t.post("/refresh").body(JSON, r#"{"refresh_token":1}"#).send().refused(400, "invalid_request");
        t.post("/refresh").body("text/plain", "x").send().refused(415, "unsupported_media_type");
        t.post("/refresh").body(JSON, " ".repeat(16 * 1024 + 1)).send().refused(413, "payload_too_large");
    }

    /// One byte below the limit, at the limit, and one above: everywhere, whatever the media type.
    fn a_body_has_at_most_16_kib(t) {
        for path in ["/login", "/refresh"] {
            let padded = |bytes: usize| format!("{{{}", " ".repeat(bytes - 1));
            t.post(path).body(JSON, padded(16 * 1024 - 1)).send().refused(400, "invalid_request");
            t.post(path).body(JSON, padded(16 * 1024)).send().refused(400, "invalid_request");
            t.post(path).body(JSON, padded(16 * 1024 + 1)).send().refused(413, "payload_too_large");
            t.post(path).body("text/plain", padded(16 * 1024 + 1)).send().refused(413, "payload_too_large");
        }
        // The body of a guarded route is up to the application.
        t.post("/me").bearer(t.access("alice")).body(JSON, " ".repeat(16 * 1024 + 1)).send().is(200);
    }

    fn a_refresh_by_another_method_is_405(t) {
        t.get("/refresh").send().refused(405, "method_not_allowed").has("allow", "POST");
    }

    /// Like GET, without the body.
    fn head_is_answered_without_a_body(t) {
        for path in ["/login", "/refresh", "/logout"] {
            t.request("HEAD", path).send().is(405).says("").has("allow", "POST").has("cache-control", "no-store");
        }
        // Whether a GET route also answers HEAD is up to the framework; guards run first.
        let seen = t.request("HEAD", "/guards/user").send();
        seen.is(401).says("").has("www-authenticate", "Bearer realm=\"fauth\"");
        t.request("HEAD", "/guards/roles").bearer(t.access("bob")).send().is(403).says("");
    }

    fn a_logout_says_what_it_does(t) {
        let seen = t.post("/logout").bearer(t.access("alice")).send();
        seen.is(200).has("content-type", JSON).has("cache-control", "no-store").lacks("set-cookie");
        assert_eq!(seen.response.json()["revoked"], true);
    }

    fn a_logout_needs_a_token(t) {
        t.post("/logout").send().refused(401, "missing_credential");
        t.post("/logout").bearer("x").send().refused(401, "invalid_token");
    }

    fn a_logout_by_get_is_405(t) {
        t.get("/logout").bearer(t.access("alice")).send().refused(405, "method_not_allowed").has("allow", "POST");
    }

    fn a_disabled_user_may_log_out(t) {
        t.post("/logout").bearer(t.access("carol")).send().is(200);
    }

    fn endpoints_may_lie_under_other_paths(t) {
        let login = || t.post("/moved/signin").body(JSON, r#"{"username":"alice","password":"s3cret"}"#);
        let pair = login().send();
        pair.is(200);
        let devices = t.get("/sessions").bearer(pair.token("access_token")).send();
        let current = devices.response.json()["sessions"].as_array().unwrap().iter()
            .find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
        t.request("DELETE", &format!("/moved/devices/{current}")).bearer(pair.token("access_token")).once().is(200);
        t.get("/me").bearer(pair.token("access_token")).send().refused(401, "invalid_token");
        let pair = login().send();
        t.post("/moved/logout").bearer(pair.token("access_token")).once().is(200);
        t.get("/me").bearer(pair.token("access_token")).send().refused(401, "invalid_token");
        t.post("/moved/signin").body(JSON, "{}").send().refused(400, "invalid_request");
    }

    fn what_was_left_out_is_not_there(t) {
        for path in ["/moved/login", "/moved/refresh", "/moved/logout/all", "/moved/sessions", "/moved/sessions/x", "/signin"] {
            t.post(path).bearer(t.access("alice")).send_to_framework().is(404);
        }
    }

    /// The form is at the path to which it is sent.
    fn a_page_lies_beside_an_endpoint(t) {
        for path in ["/moved/signin", "/moved/devices/x"] {
            t.get(path).send().is(200).says("page").lacks("allow");
            t.request("HEAD", path).send().is(200).says("");
            // The page does not read credentials.
            t.get(path).bearer("x").send().is(200).says("page");
        }
    }

    /// Neither answers these methods; `Allow` names those of the page and of the endpoint.
    fn other_methods_stay_refused_beside_a_page(t) {
        for (path, others, allow) in [
            ("/moved/signin", ["PUT", "DELETE", "OPTIONS", "FOO"], "GET, HEAD, POST"),
            ("/moved/devices/x", ["POST", "PUT", "OPTIONS", "get"], "GET, HEAD, DELETE"),
            ("/moved/logout", ["GET", "PUT", "DELETE", "OPTIONS"], "POST"),
        ] {
            for method in others {
                t.request(method, path).send().refused(405, "method_not_allowed").has("allow", allow);
            }
        }
    }

    fn the_python_flow_in_one_go(t) {
        let pair = t.login("bob", "hunter2").send();
        t.get("/me").bearer(pair.token("access_token")).send().is(200).says("Hello bob");
        t.get("/guards/roles").bearer(pair.token("access_token")).send().refused(403, "missing_role");
        let pair = t.post("/refresh").body(JSON, refresh_body(&pair.token("refresh_token"))).send();
        t.get("/group/dashboard").bearer(pair.token("access_token")).send().is(200);
        t.post("/logout").bearer(pair.token("access_token")).send().is(200);
    }
}
