//! Visitors: a known user or a guest, as one type for templates.

use std::time::Duration;

use fauth_core::transport::{BearerTransport, CookieTransport};

use super::{Sending, cases};
use crate::suite::{Harness, Probe};

/// Deletes the cookie of the access token.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
const GUEST: &str = "false Guest - false false {\"is_authenticated\":false,\"display_name\":\"Guest\",\"picture\":null,\
                     \"roles\":[],\"permissions\":[]}";
const ALICE: &str = "true alice /faces/alice.png true true {\"is_authenticated\":true,\"display_name\":\"alice\",\
                     \"picture\":\"/faces/alice.png\",\"roles\":[\"admin\",\"user\"],\"permissions\":[\"read\",\"write\"]}";

fn site<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
}

fn signed_in<'a, H: Harness>(sending: Sending<'a, H>, token: &str) -> Sending<'a, H> {
    sending.header("cookie", format!("__Host-session={token}"))
}

/// With the guard, without it, and from the extensions of the request.
const PLACES: [&str; 3] = ["/visitors/show", "/visitor", "/visitors/template"];

cases! { $ __visitors_tests in visitors;
    fn a_guest_is_never_null(t) {
        for place in PLACES {
            t.get(place).send().is(200).says(GUEST);
        }
    }

    fn a_known_user_is_the_same_type(t) {
        t = site();
        let alice = t.access("alice");
        for place in PLACES {
            t.get(place).bearer(&alice).send().is(200).says(ALICE);
            signed_in(t.get(place), &alice).send().is(200).says(ALICE);
        }
    }

    /// A subject is an id, not a display name.
    fn a_user_without_a_name_to_show_is_called_user(t) {
        let seen = t.get("/visitors/show").bearer(t.access("ed")).send();
        let json = "{\"is_authenticated\":true,\"display_name\":\"User\",\"picture\":null,\"roles\":[],\"permissions\":[]}";
        seen.is(200).says(&format!("true User - false false {json}"));
    }

    fn what_guests_are_called_is_a_setting(t) {
        t = Probe::build(|builder| builder.guest_name("Gast"));
        for place in PLACES {
            let seen = t.get(place).send();
            assert!(seen.is(200).response.text().starts_with("false Gast - false false "), "{:?}", seen.response);
            t.get(place).bearer(t.access("alice")).send().is(200).says(ALICE);
        }
    }

    /// W-11: a user without roles and permissions has none, and nothing fails.
    fn roles_come_from_the_loaded_user(t) {
        let alice = t.access("alice");
        let shows = |expected: &str| {
            let seen = t.get("/visitors/show").bearer(&alice).send();
            assert!(seen.is(200).response.text().starts_with(expected), "{:?}", seen.response);
        };
        shows("true alice /faces/alice.png true true ");
        t.users.change("alice", |alice| alice.roles.clear());
        shows("true alice /faces/alice.png false true ");
        t.users.change("alice", |alice| alice.permissions.clear());
        shows("true alice /faces/alice.png false false ");
    }

    fn a_template_without_the_guard_finds_nobody(t) {
        t.get("/template").send().is(200).says("no visitor");
        t.get("/template").bearer(t.access("alice")).send().is(200).says("no visitor");
        t.get("/visitors/template").bearer(t.access("alice")).send().is(200).says(ALICE);
    }

    /// P-04
    fn one_request_is_verified_and_loaded_once(t) {
        t = site();
        let alice = t.access("alice");
        for place in ["/visitors/show", "/visitor", "/visitors/template", "/visitors/guarded", "/visitors/maybe"] {
            assert_eq!(signed_in(t.get(place), &alice).send().is(200).response.status, 200);
            assert_eq!(signed_in(t.get(place), &alice).send().user_loads, 1, "{place}");
        }
        assert_eq!(t.get("/visitors/show").send().user_loads, 0);
    }

    /// P-04: nor is a guest looked up again.
    fn a_guest_is_found_out_once(t) {
        t = site();
        let bob = t.access("bob");
        t.users.remove("bob");
        for place in ["/visitors/show", "/visitors/maybe", "/visitors/template"] {
            let seen = signed_in(t.get(place), &bob).send();
            seen.is(200).has("set-cookie", CLEARED);
            assert_eq!(seen.user_loads, 1, "{place}");
        }
    }

    fn a_dead_cookie_is_a_guests(t) {
        t = site();
        let alice = t.access("alice");
        t.clock.advance(Duration::from_secs(15 * 60));
        for place in ["/visitors/show", "/visitors/template"] {
            let seen = signed_in(t.get(place), &alice).send();
            seen.is(200).says(GUEST).has("set-cookie", CLEARED).has("vary", "Authorization, Cookie").has("cache-control", "private");
        }
        signed_in(t.get("/visitor"), &alice).send().is(200).says(GUEST).lacks("set-cookie");
    }

    fn a_bad_credential_is_no_guests(t) {
        t = site();
        for place in PLACES {
            t.get(place).bearer("x").send().refused(401, "invalid_token");
            signed_in(t.get(place), "eyJhbGciOiJIUzI1NiJ9.e30.x").send().refused(401, "invalid_token");
            t.get(place).header("authorization", "Bearer").send().refused(400, "malformed_credential");
            t.get(place).bearer(t.access("carol")).send().refused(401, "invalid_token");
        }
    }

    /// P-19
    fn a_failing_loader_makes_nobody_a_guest(t) {
        let alice = t.access("alice");
        t.users.fail();
        for place in PLACES {
            t.get(place).bearer(&alice).send().refused(503, "unavailable");
            t.get(place).send().is(200).says(GUEST);
        }
    }

    fn inside_a_guard_for_users_it_is_the_user(t) {
        t.get("/visitors/guarded").bearer(t.access("alice")).send().is(200).says(ALICE);
        t.get("/visitors/guarded").send().refused(401, "missing_credential");
    }

    /// The guest of one provider may be a user of another.
    fn what_another_provider_found_out_does_not_count(t) {
        t.get("/visitors/other").send().is(200).says(GUEST);
        t.get("/visitors/other").bearer(t.access("alice")).send().refused(401, "invalid_token");
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        // The other one reads no cookies, so every browser with a cookie is its guest.
        signed_in(t.get("/visitors/other"), &t.access("alice")).send().is(200).says(ALICE);
    }

    fn a_form_of_a_foreign_page_is_no_visitors(t) {
        t = site();
        let post = |origin: &str| signed_in(t.post("/visitors/show"), &t.access("alice")).header("sec-fetch-site", origin).send();
        post("same-origin").is(200).says(ALICE);
        post("cross-site").refused(403, "cross_site_request");
        t.post("/visitors/show").header("sec-fetch-site", "cross-site").send().is(200).says(GUEST);
    }

    /// Values that other code puts into the request make nobody known.
    fn no_header_names_a_visitor(t) {
        let mut sending = t.get("/visitors/show");
        for name in ["x-forwarded-user", "x-remote-user", "x-user", "x-visitor"] {
            sending = sending.header(name, "alice");
        }
        sending.send().is(200).says(GUEST);
    }
}
