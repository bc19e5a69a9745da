//! A provider that is set while the application runs: refusals before, decisions after.

use fauth_core::{AuthSwitch, Guard, Protection, Purpose, Requirement, RouteRules, access::Access};

use super::cases;
use crate::{
    TestUser, WireRequest, at_once,
    suite::{Placement, Ruled},
};

/// Guards, groups and extractors of every kind.
const GUARDED: [&str; 15] = [
    "/guards/user",
    "/guards/roles",
    "/guards/scope",
    "/guards/custom",
    "/guards/inactive",
    "/guards/public",
    "/guards/keys",
    "/group/dashboard",
    "/group/mounted/x",
    "/group/nothing",
    "/visitors/maybe",
    "/guests/default",
    "/me",
    "/maybe",
    "/visitor",
];

fn closed() -> AuthSwitch<TestUser> {
    AuthSwitch::new().unwrap()
}

fn open() -> AuthSwitch<TestUser> {
    AuthSwitch::danger_open_until_set().unwrap()
}

cases! { $ __modes_tests in modes;
    /// P-02
    fn without_a_provider_everything_guarded_is_refused(t) {
        let (token, switch) = (t.access("alice"), closed());
        t = t.with_auth(switch.provider());
        assert!(!switch.is_set());
        for path in GUARDED {
            t.get(path).send().refused(503, "unavailable").has("retry-after", "5");
            t.get(path).bearer(&token).send().refused(503, "unavailable");
            let cookie = format!("__Host-session={token}");
            t.get(path).header("cookie", cookie).send().refused(503, "unavailable").lacks("set-cookie");
        }
        t.get("/open").send().is(200).says("open");
        t.get("/group//dashboard").send().refused(400, "ambiguous_path");
    }

    fn without_a_provider_the_endpoints_are_refused(t) {
        let (pair, switch) = (t.session("alice"), closed());
        for switch in [switch, open()] {
            t = t.with_auth(switch.provider());
            t.login("alice", "correct horse battery staple").send().refused(503, "unavailable");
            t.post("/refresh").bearer(pair.refresh_token().expose()).send().refused(503, "unavailable");
            t.post("/logout").bearer(pair.access_token().expose()).send().refused(503, "unavailable").lacks("set-cookie");
            t.get("/sessions").bearer(pair.access_token().expose()).send().refused(503, "unavailable");
        }
    }

    fn without_a_provider_rules_refuse_what_is_private(t) {
        let (token, switch) = (t.access("alice"), closed());
        let rules = RouteRules::private_by_default().public("/open").guests("/signin").build().unwrap();
        t = t.with_auth(switch.provider()).with_rules(Ruled { rules, placement: Placement::Around });
        for path in ["/me", "/signin", "/nothing", "/raw/x"] {
            t.get(path).send().refused(503, "unavailable");
            t.get(path).bearer(&token).send().refused(503, "unavailable");
        }
        t.get("/open").bearer(&token).send().is(200);
        t.get("/open//x").send().refused(400, "ambiguous_path");
    }

    fn the_provider_that_is_set_decides(t) {
        let (auth, switch) = (t.app.auth.clone(), closed());
        let (alice, bob) = (t.access("alice"), t.access("bob"));
        let pair = t.session("alice");
        t = t.with_auth(switch.provider());
        t.get("/guards/user").bearer(&alice).send().refused(503, "unavailable");
        switch.set(auth);
        assert!(switch.is_set());
        for path in ["/guards/user", "/guards/roles", "/group/dashboard", "/visitors/maybe", "/me", "/maybe", "/grant"] {
            let seen = t.get(path).bearer(&alice).send();
            assert_eq!(seen.is(200).says("Hello alice").user_loads, 1, "{path}");
        }
        t.get("/guards/roles").bearer(&bob).send().refused(403, "missing_role");
        t.get("/group/admin").bearer(&bob).send().refused(403, "missing_role");
        t.get("/guards/user").send().refused(401, "missing_credential");
        t.get("/guards/token").bearer(&alice).send().is(200).says("access alice [] -");
        t.get("/visitors/template").send().is(200);
        t.get("/guests/default").bearer(&alice).send().refused(403, "guests_only");
        t.get("/sessions").bearer(pair.access_token().expose()).once().is(200);
        t.post("/logout").bearer(pair.access_token().expose()).once().is(200);
        t.get("/guards/user").bearer(pair.access_token().expose()).send().refused(401, "invalid_token");
    }

    fn rules_follow_the_provider_that_is_set(t) {
        let (auth, switch) = (t.app.auth.clone(), closed());
        let (alice, bob) = (t.access("alice"), t.access("bob"));
        let builder = RouteRules::private_by_default().require("/admin", Requirement::user().role("admin"));
        let ruled = Ruled { rules: builder.build().unwrap(), placement: Placement::Around };
        t = t.with_auth(switch.provider()).with_rules(ruled);
        t.get("/admin").bearer(&alice).send().refused(503, "unavailable");
        switch.set(auth);
        assert_eq!(t.get("/admin").bearer(&alice).send().is(200).says("Hello alice").user_loads, 1);
        t.get("/admin/users").bearer(&bob).send().refused(403, "missing_role");
        t.get("/guarded").bearer(&alice).send().is(200);
        t.get("/me").send().refused(401, "missing_credential");
    }

    fn another_provider_takes_its_place(t) {
        let (auth, other, switch) = (t.app.auth.clone(), t.app.other.clone(), closed());
        let old = t.access("alice");
        let new = at_once(other.issue(Purpose::Access, "alice")).unwrap().expose().to_owned();
        t = t.with_auth(switch.provider());
        switch.set(auth);
        t.get("/guards/user").bearer(&old).send().is(200);
        t.get("/guards/user").bearer(&new).send().refused(401, "invalid_token");
        switch.set(other);
        for path in ["/guards/user", "/group/dashboard", "/me", "/maybe"] {
            t.get(path).bearer(&new).send().is(200).says("Hello alice");
            t.get(path).bearer(&old).send().refused(401, "invalid_token");
        }
    }

    /// A plug-in sets a default, and the application decides.
    fn a_default_does_not_replace_what_was_set_explicitly(t) {
        let (auth, other, switch) = (t.app.auth.clone(), t.app.other.clone(), closed());
        let (own, foreign) = (t.access("alice"), at_once(other.issue(Purpose::Access, "alice")).unwrap().expose().to_owned());
        t = t.with_auth(switch.provider());
        assert!(switch.set_default(other.clone()));
        t.get("/me").bearer(&foreign).send().is(200);
        assert!(switch.set_default(auth.clone()));
        t.get("/me").bearer(&own).send().is(200);
        assert!(switch.set_default(other.clone()));
        switch.set(auth.clone());
        t.get("/me").bearer(&own).send().is(200);
        assert!(!switch.set_default(other.clone()));
        t.get("/me").bearer(&own).send().is(200);
        t.get("/me").bearer(&foreign).send().refused(401, "invalid_token");
        switch.set(other);
        t.get("/me").bearer(&foreign).send().is(200);
    }

    fn a_switch_in_a_switch_is_no_provider(t) {
        let (outer, inner) = (closed(), closed());
        outer.set(inner.provider().clone());
        outer.set(outer.provider().clone());
        assert!(!outer.is_set());
        let auth = t.app.auth.clone();
        t = t.with_auth(outer.provider());
        t.get("/guards/user").send().refused(503, "unavailable");
        outer.set(auth);
        t.get("/guards/user").send().refused(401, "missing_credential");
    }

    fn danger_open_until_set_opens_guards_and_nothing_else(t) {
        let (auth, token, switch) = (t.app.auth.clone(), t.access("alice"), open());
        t = t.with_auth(switch.provider());
        for path in ["/guards/public", "/group/public"] {
            t.get(path).send().is(200).says("public");
            t.get(path).bearer("x").send().is(200).says("public");
        }
        t.get("/group/mounted/x").send().is(200).says("raw");
        t.get("/guests/default").send().is(200).says("sign in");
        // Extractors of a user still refuse, and a visitor is a guest, whatever is presented.
        for path in ["/guards/user", "/group/dashboard", "/me", "/grant"] {
            t.get(path).send().refused(401, "missing_credential");
            t.get(path).bearer(&token).send().refused(401, "missing_credential");
        }
        for path in ["/maybe", "/visitors/maybe"] {
            t.get(path).bearer(&token).send().is(200).says("Hello nobody");
        }
        t.get("/group//public").send().refused(400, "ambiguous_path");
        t.request("TRACE", "/guards/public").send().refused(405, "method_not_allowed");
        switch.set(auth);
        for path in ["/guards/public", "/group/public", "/group/mounted/x"] {
            t.get(path).send().refused(401, "missing_credential");
            t.get(path).bearer(&token).send().is(200);
        }
        t.get("/maybe").bearer(&token).send().is(200).says("Hello alice");
    }

    fn danger_open_until_set_opens_rules_too(t) {
        let (auth, token, switch) = (t.app.auth.clone(), t.access("alice"), open());
        let rules = RouteRules::private_by_default().visitors("/maybe").build().unwrap();
        t = t.with_auth(switch.provider()).with_rules(Ruled { rules, placement: Placement::Around });
        t.get("/raw/x").send().is(200).says("raw");
        t.get("/maybe").bearer(&token).send().is(200).says("Hello nobody");
        t.get("/me").bearer(&token).send().refused(401, "missing_credential");
        t.get("/raw//x").send().refused(400, "ambiguous_path");
        switch.set(auth);
        t.get("/raw/x").send().refused(401, "missing_credential");
        t.get("/raw/x").bearer(&token).send().is(200);
    }

    /// If a provider is set during a request, it does not decide about that request: the guard of a
    /// rule is resolved again by the guard that adapters share.
    fn what_began_without_a_provider_is_decided_without_it(t) {
        for (switch, is_open) in [(closed(), false), (open(), true)] {
            let rules = RouteRules::private_by_default().build().unwrap();
            let protection = Protection::new(switch.provider(), rules);
            let head = WireRequest::get("/raw/x");
            let begun = protection.guard(&head, || None).into_owned();
            let guard = Guard::new(switch.provider(), Requirement::user());
            let begun_at_route = guard.for_request(|| None).into_owned();
            switch.set(t.app.auth.clone());
            for begun in [&begun, &begun_at_route] {
                let decides = begun.for_request(|| None);
                assert!(decides.pin().is_none(), "{decides:?}");
                assert_eq!(matches!(decides.access(), Access::Open), is_open, "{decides:?}");
                let entered = at_once(decides.enter(decides.read(&head, None)));
                match entered {
                    Ok(_) => assert!(is_open),
                    Err(rejection) => assert_eq!((is_open, rejection.status()), (false, 503), "{rejection:?}"),
                }
            }
            // The next request uses the new provider.
            for next in [protection.guard(&head, || None), guard.for_request(|| None)] {
                assert!(next.pin().is_some());
                assert!(matches!(next.access(), Access::Required(_)), "{next:?}");
            }
        }
    }

    /// Refusals have the form of the guard, or of the provider that decides.
    fn refusals_have_the_form_of_whoever_decides(t) {
        let switch = closed();
        let renders = super::Probe::<H>::build(|builder| builder.renderer(fauth_core::rejection::DetailJson::new()));
        t = t.with_auth(switch.provider());
        t.get("/guards/user").send().refused(503, "unavailable");
        let seen = t.get("/guards/python").send();
        assert!(seen.is(503).response.json()["detail"].is_string(), "{:?}", seen.response);
        switch.set(renders.app.auth);
        let seen = t.get("/guards/user").send();
        assert!(seen.is(401).response.json()["detail"].is_string(), "{:?}", seen.response);
        assert!(seen.response.json()["error"].is_null(), "{:?}", seen.response);
    }
}
