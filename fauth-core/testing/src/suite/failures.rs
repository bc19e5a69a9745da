//! What cannot be decided is refused with 503: never 401, never 403, never a pass.

use std::time::Duration;

use fauth_core::TokenRequest;

use super::cases;
use crate::suite::Probe;

cases! { $ __failures_tests in failures;
    /// F-17
    fn a_failing_loader_is_503_at_a_guard(t) {
        t.users.fail();
        for path in ["/guards/user", "/guards/roles", "/guards/inactive", "/group/dashboard", "/group/none", "/admins/panel"] {
            t.get(path).bearer(t.access("alice")).send().refused(503, "unavailable").has("retry-after", "5").lacks("www-authenticate");
        }
    }

    /// F-17
    fn a_failing_loader_is_503_in_an_extractor(t) {
        t.users.fail();
        t.get("/me").bearer(t.access("alice")).send().refused(503, "unavailable").has("retry-after", "5");
        t.get("/maybe").bearer(t.access("alice")).send().refused(503, "unavailable");
    }

    /// F-17
    fn a_failing_loader_is_503_at_login(t) {
        t.users.fail();
        t.login("alice", "s3cret").send().refused(503, "unavailable").has("retry-after", "5").lacks("set-cookie");
        t.login("nobody", "s3cret").send().refused(503, "unavailable");
    }

    /// F-17
    fn a_failing_loader_is_503_at_refresh(t) {
        let token = t.refresh_token("alice");
        t.users.fail();
        let sending = t.post("/refresh").body("application/json", format!("{{\"refresh_token\":\"{token}\"}}"));
        sending.send().refused(503, "unavailable");
    }

    fn a_failing_loader_does_not_matter_where_nobody_is_asked_for(t) {
        t.users.fail();
        t.get("/open").send().is(200);
        t.get("/maybe").send().is(200).says("Hello nobody");
        t.get("/me").send().refused(401, "missing_credential");
        t.get("/me").bearer("x").send().refused(401, "invalid_token");
    }

    fn a_hanging_loader_is_cut_off(t) {
        t = Probe::build(|builder| builder.loader_timeout(Duration::from_millis(20)));
        t.users.delay(Duration::from_secs(60));
        t.get("/guards/user").bearer(t.access("alice")).send().refused(503, "unavailable");
        t.login("alice", "s3cret").send().refused(503, "unavailable");
    }

    fn a_broken_clock_is_503(t) {
        let token = t.access("alice");
        t.clock.break_down();
        t.get("/me").bearer(&token).send().refused(503, "unavailable");
        t.get("/guards/user").bearer(&token).send().refused(503, "unavailable");
        t.login("alice", "s3cret").send().refused(503, "unavailable");
    }

    fn a_clock_before_the_epoch_opens_nothing(t) {
        let token = t.access("alice");
        t.clock.set(fauth_core::clock::Timestamp::from_unix_seconds(-1));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
        t.clock.set(fauth_core::clock::Timestamp::from_unix_seconds(i64::MIN));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
        t.clock.set(fauth_core::clock::Timestamp::from_unix_seconds(i64::MAX));
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
    }

    fn a_subject_that_looks_like_something_else_is_just_a_subject(t) {
        for subject in ["' OR 1=1 --", "../../alice", "alice\0", "\u{feff}alice", "ALICE", "alice "] {
            t.get("/me").bearer(t.access(TokenRequest::for_subject(subject))).send().refused(401, "invalid_token");
        }
    }
}
