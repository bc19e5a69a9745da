//! `CurrentUser`, `MaybeUser` and `Token`, alone and behind guards.

use crate::at_once;
use fauth_core::{Purpose, TokenRequest, transport::CookieTransport};

use super::cases;
use crate::suite::Probe;

cases! { $ __extractors_tests in extractors;
    fn current_user_alone_demands_a_user(t) {
        t.get("/me").bearer(t.access("bob")).send().is(200).says("Hello bob");
        t.get("/me").send().refused(401, "missing_credential");
    }

    fn current_user_works_for_every_method(t) {
        t.post("/me").bearer(t.access("bob")).send().is(200).says("Hello bob");
        t.post("/me").send().refused(401, "missing_credential");
    }

    fn maybe_user_is_nobody_without_credential(t) {
        t.get("/maybe").send().is(200).says("Hello nobody");
    }

    fn maybe_user_is_the_user_with_a_good_token(t) {
        t.get("/maybe").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    /// An invalid credential never counts as none.
    fn maybe_user_refuses_a_bad_token(t) {
        t.get("/maybe").bearer("x").send().refused(401, "invalid_token");
        t.get("/maybe").bearer(t.access("nobody")).send().refused(401, "invalid_token");
    }

    fn maybe_user_refuses_a_malformed_credential(t) {
        t.get("/maybe").header("authorization", "Bearer").send().refused(400, "malformed_credential");
        t.get("/maybe").bearer("a").bearer("b").send().refused(400, "malformed_credential");
    }

    fn maybe_user_takes_another_scheme_for_nothing(t) {
        t.get("/maybe").header("authorization", "Basic YTpi").send().is(200).says("Hello nobody");
    }

    /// Guards and extractors agree on the user, because they share the check.
    fn a_grant_is_what_the_check_has_granted(t) {
        for path in ["/grant", "/guards/grant"] {
            let seen = t.get(path).bearer(t.access("bob")).send();
            assert_eq!(seen.is(200).says("Hello bob").user_loads, 1);
            t.get(path).send().refused(401, "missing_credential");
            t.get(path).bearer("x").send().refused(401, "invalid_token");
            t.get(path).bearer(t.access("carol")).send().refused(401, "invalid_token");
        }
    }

    fn token_behind_a_guard_is_the_token(t) {
        let token = t.access(TokenRequest::for_subject("bob").scope("read"));
        t.get("/guards/token").bearer(token).send().is(200).says("access bob [read] -");
    }

    /// No token was checked there, so there is none; the log says what to add.
    fn token_without_a_guard_is_500(t) {
        t.get("/token").bearer(t.access("bob")).send().refused(500, "misconfigured").lacks("www-authenticate");
        t.get("/token").send().refused(500, "misconfigured");
    }

    /// F-08: a value that other code puts into the extensions is not a user.
    fn a_user_set_by_other_code_is_not_a_user(t) {
        t.get("/forged").send().refused(401, "missing_credential");
        t.get("/forged").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    fn the_user_is_loaded_once_behind_a_guard(t) {
        assert_eq!(t.get("/guards/user").bearer(t.access("alice")).send().is(200).user_loads, 1);
        assert_eq!(t.get("/group/dashboard").bearer(t.access("alice")).send().is(200).user_loads, 1);
    }

    fn the_user_is_loaded_once_behind_two_guards(t) {
        assert_eq!(t.get("/guards/twice").bearer(t.access("alice")).send().is(200).user_loads, 1);
        assert_eq!(t.get("/group/admin").bearer(t.access("alice")).send().is(200).user_loads, 1);
    }

    fn the_user_is_not_loaded_for_a_bad_token(t) {
        assert_eq!(t.get("/guards/user").bearer("x").send().is(401).user_loads, 0);
        assert_eq!(t.get("/me").send().is(401).user_loads, 0);
    }

    fn the_user_is_not_loaded_on_an_open_route(t) {
        let seen = t.get("/open").bearer(t.access("alice")).send();
        assert_eq!((seen.response.status, seen.user_loads), (200, 0));
    }

    /// Two providers with the same user type do not trust each other.
    fn a_grant_of_another_provider_counts_for_nothing(t) {
        let foreign = at_once(t.app.other.issue(Purpose::Access, "alice")).unwrap();
        t.get("/guards/other").bearer(foreign.expose()).send().refused(401, "invalid_token");
        // The guard of the other provider refuses our token.
        t.get("/guards/other").bearer(t.access("alice")).send().refused(401, "invalid_token");
    }

    /// Inside a group, the user is the one whom the group admitted, whatever provider the
    /// application has beside it.
    fn a_group_of_another_provider_has_its_own_users(t) {
        let foreign = at_once(t.app.other.issue(Purpose::Access, "bob")).unwrap();
        t.get("/foreign/panel").bearer(foreign.expose()).send().is(200).says("Hello bob");
        t.get("/foreign/token").bearer(foreign.expose()).send().is(200).says("access bob [] -");
        t.get("/foreign/panel").bearer(t.access("alice")).send().refused(401, "invalid_token");
        t.get("/me").bearer(foreign.expose()).send().refused(401, "invalid_token");
    }

    /// Each provider has its own credential in the request. `Token` is that of the guard closest to
    /// the handler.
    fn token_behind_guards_of_two_providers_is_that_of_the_inner_one(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let foreign = at_once(t.app.other.issue(Purpose::Access, "bob")).unwrap();
        let cookie = format!("__Host-session={}", t.access(TokenRequest::for_subject("alice").scope("read")));
        let get = |path: &str| t.get(path).bearer(foreign.expose()).header("cookie", &cookie);
        get("/guards/other-outside").send().is(200).says("access alice [read] -");
        get("/guards/other-inside").send().is(200).says("access bob [] -");
        // Neither replaces the other.
        for path in ["/guards/other-outside", "/guards/other-inside"] {
            t.get(path).bearer(foreign.expose()).send().refused(401, "missing_credential");
            t.get(path).header("cookie", &cookie).send().refused(401, "missing_credential");
        }
    }

    fn a_loader_may_take_its_time(t) {
        t = Probe::new();
        t.users.delay(std::time::Duration::from_millis(5));
        t.get("/guards/twice").bearer(t.access("alice")).send().is(200).says("Hello alice");
    }
}
