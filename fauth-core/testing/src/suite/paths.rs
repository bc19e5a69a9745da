//! Ambiguous paths, which guard and router might read differently, never reach a guarded handler.

use fauth_core::path::PathCharacter;

use super::cases;
use crate::suite::Probe;

/// Ambiguous paths below a group.
const AMBIGUOUS: [&str; 19] = [
    "/group//dashboard",
    "/group/./dashboard",
    "/group/x/../dashboard",
    "/group/..",
    "/group/x/%2e%2e",
    "/group/%2E%2E/me",
    "/group/%2e/dashboard",
    "/group/.%2e/me",
    "/group/%2E./me",
    "/group/mounted/%2e%2E",
    "/group/mounted/%2E",
    "/group/nested%2fleaf",
    "/group/nested%2Fleaf",
    "/group/a%5cb",
    "/group/dashboard;x=1",
    "/group/dashboard%3bx",
    "/group/%2564ashboard",
    "/group/dash%00board",
    "/group/a%0d%0ab",
];

cases! { $ __paths_tests in paths;
    fn an_ambiguous_path_is_400_in_a_group(t) {
        for path in AMBIGUOUS {
            t.get(path).send().refused(400, "ambiguous_path");
        }
    }

    fn what_is_allowed_by_name_is_let_through(t) {
        t = Probe::build(|builder| builder.danger_allow_in_path(PathCharacter::Semicolon));
        t.get("/group/mounted/a;v=1").bearer(t.access("bob")).send().is(200).says("raw");
        t.get("/group/mounted/a;v=1").send().refused(401, "missing_credential");
        t.get("/group/mounted/a%2Fb").bearer(t.access("bob")).send().refused(400, "ambiguous_path");
    }

    fn a_good_token_does_not_help(t) {
        for path in AMBIGUOUS {
            t.get(path).bearer(t.access("alice")).send().refused(400, "ambiguous_path");
        }
    }

    /// One framework answers this itself, before any guard.
    fn a_path_that_is_not_utf8_is_400(t) {
        t.get("/group/%ff").send_to_framework().is(400);
        t.get("/group/%ff").bearer(t.access("alice")).send_to_framework().is(400);
    }

    /// One framework routes this to the handler, the others to nothing; none bypasses the guard.
    fn an_encoded_letter_never_opens_a_group(t) {
        for path in ["/group/%64ashboard", "/group/nested/%6Ceaf", "/group/mounted/%61"] {
            t.get(path).send().refused(401, "missing_credential");
        }
        let seen = t.get("/%67roup/dashboard").send_to_framework();
        assert!(matches!(seen.response.status, 401 | 404), "{:?}", seen.response);
        assert!(!seen.response.text().contains("Hello"));
    }

    fn an_encoded_letter_never_opens_a_route_with_a_role(t) {
        for path in ["/%61dmins/panel", "/admins/%70anel"] {
            let seen = t.get(path).bearer(t.access("bob")).send_to_framework();
            assert!(matches!(seen.response.status, 403 | 404), "{:?}", seen.response);
        }
    }

    fn another_case_is_another_path(t) {
        t.get("/GROUP/dashboard").send_to_framework().is(404);
        t.get("/group/DASHBOARD").send().refused(401, "missing_credential");
    }

    fn utf8_in_a_path_is_fine(t) {
        t.get("/group/caf%C3%A9").send().refused(401, "missing_credential");
        t.get("/group/caf%C3%A9").bearer(t.access("bob")).send_to_framework().is(404);
        t.get("/group/mounted/caf%C3%A9%20au%20lait").bearer(t.access("bob")).send().is(200).says("raw");
    }

    fn a_trailing_slash_is_not_a_way_around(t) {
        t.get("/group/dashboard/").send().refused(401, "missing_credential");
        t.get("/admins/panel/").bearer(t.access("bob")).send().refused(403, "missing_role");
    }

    fn dots_inside_a_segment_are_fine(t) {
        t.get("/group/mounted/archive.tar.gz").bearer(t.access("bob")).send().is(200).says("raw");
        t.get("/group/mounted/..x").bearer(t.access("bob")).send().is(200).says("raw");
    }

    /// Some clients encode it; it is a dot, and no dot segment.
    fn an_encoded_dot_inside_a_segment_is_fine(t) {
        for path in ["/group/mounted/report%2Epdf", "/group/mounted/%2ewell-known", "/group/mounted/x%2e%2E"] {
            t.get(path).send().refused(401, "missing_credential");
            t.get(path).bearer(t.access("bob")).send().is(200).says("raw");
        }
    }
}
