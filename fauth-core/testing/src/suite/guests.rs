//! Pages for guests: signed-in users are redirected, and never off the origin.

use std::time::Duration;

use fauth_core::transport::{BearerTransport, CookieTransport};

use super::{Sending, cases};
use crate::suite::{Harness, Probe};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// Deletes the cookie of the access token.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

fn site<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
}

fn browsing<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending
        .header("accept", BROWSER)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
}

fn signed_in<'a, H: Harness>(sending: Sending<'a, H>, token: &str) -> Sending<'a, H> {
    browsing(sending).header("cookie", format!("__Host-session={token}"))
}

cases! { $ __guests_tests in guests;
    fn a_guest_gets_in(t) {
        t = site();
        browsing(t.get("/guests/signin")).send().is(200).says("sign in").has("vary", "Authorization, Cookie");
        browsing(t.get("/guests/signin?next=//evil.example")).send().is(200).says("sign in");
        t.get("/guests/default").send().is(200);
        t.post("/guests/signin").send().is(200).says("sign in");
    }

    fn a_user_is_sent_home(t) {
        t = site();
        let seen = signed_in(t.get("/guests/signin"), &t.access("alice")).send();
        seen.is(303).has("location", "/dashboard").has("cache-control", "no-store").says("").lacks("set-cookie").lacks("www-authenticate");
        signed_in(t.get("/guests/default"), &t.access("alice")).send().is(303).has("location", "/");
    }

    fn a_user_is_sent_to_next(t) {
        t = site();
        let get = |next: &str| signed_in(t.get(&format!("/guests/signin?lang=de&next={next}")), &t.access("alice")).send();
        get("%2Fpages%2Fdashboard%3Ftab%3D2").is(303).has("location", "/pages/dashboard?tab=2");
        get("/a/b").is(303).has("location", "/a/b");
        get("/a%23b").is(303).has("location", "/a#b");
    }

    /// C-03, P-05
    fn a_next_that_leads_away_is_not_followed(t) {
        t = site();
        for next in [
            "https://evil.example/", "https:%2F%2Fevil.example", "//evil.example/x", "%2F%2Fevil.example",
            "/%5Cevil.example", "%2F%5Cevil.example", "/%09/evil.example", "%09//evil.example", "+//evil.example",
            "/.//evil.example", "/..//evil.example", "/%252Fevil.example", "/%2e%2e%2f/evil.example",
            "javascript:alert(1)", "evil.example", "", "%00", "/a%0d%0aset-cookie:x=1", "/%FF",
            "/a&next=/b", "/a&next=//evil.example", "http:evil.example", "/@evil.example//",
        ] {
            let seen = signed_in(t.get(&format!("/guests/signin?next={next}")), &t.access("alice")).send();
            seen.is(303).has("location", "/dashboard").lacks("set-cookie");
            let seen = signed_in(t.get(&format!("/guests/default?next={next}")), &t.access("alice")).send();
            seen.is(303).has("location", "/");
        }
    }

    fn a_next_that_is_too_long_is_not_followed(t) {
        t = site();
        let get = |length: usize| {
            let next = format!("/{}", "x".repeat(length - 1));
            signed_in(t.get(&format!("/guests/signin?next={next}")), &t.access("alice")).send()
        };
        assert_eq!(get(2048).is(303).response.header("location").concat().len(), 2048);
        get(2049).is(303).has("location", "/dashboard");
    }

    fn no_header_says_where_home_is(t) {
        t = site();
        let mut sending = signed_in(t.get("/guests/signin"), &t.access("alice"));
        for name in ["x-forwarded-host", "referer", "origin", "x-original-url"] {
            sending = sending.header(name, "https://evil.example/");
        }
        sending.send().is(303).has("location", "/dashboard");
    }

    fn head_is_answered_like_get(t) {
        t = site();
        let seen = signed_in(t.request("HEAD", "/guests/signin"), &t.access("alice")).send();
        seen.is(303).has("location", "/dashboard").says("");
    }

    /// After signing in, the user returns to the requested page.
    fn the_way_to_the_sign_in_page_and_back(t) {
        t = site();
        let asked = browsing(t.get("/pages/dashboard?tab=2")).send();
        let location = asked.is(303).response.header("location").concat();
        let next = location.strip_prefix("/signin").expect("the sign-in page");
        let guest = browsing(t.get(&format!("/guests/signin{next}"))).send();
        guest.is(200).says("sign in");
        let back = signed_in(t.get(&format!("/guests/signin{next}")), &t.access("bob")).send();
        back.is(303).has("location", "/pages/dashboard?tab=2");
        signed_in(t.get("/pages/dashboard?tab=2"), &t.access("bob")).send().is(200).says("Hello bob");
    }

    fn a_dead_cookie_is_a_guests(t) {
        t = site();
        let expired = t.access("alice");
        t.clock.advance(Duration::from_secs(15 * 60));
        let bob = t.access("bob");
        t.users.remove("bob");
        let pair = t.session("alice");
        let revoked = pair.access_token().expose().to_owned();
        t.post("/logout").header("cookie", format!("__Host-session={revoked}")).header("sec-fetch-site", "same-origin").once().is(200);
        for dead in [expired, bob, revoked] {
            let seen = signed_in(t.get("/guests/signin?next=/a"), &dead).send();
            seen.is(200).says("sign in").has("set-cookie", CLEARED);
        }
    }

    /// An invalid credential makes nobody a guest.
    fn a_bad_credential_is_no_guests(t) {
        t = site();
        let forged = signed_in(t.get("/guests/signin"), "eyJhbGciOiJIUzI1NiJ9.e30.x").send();
        forged.refused(401, "invalid_token").has("set-cookie", CLEARED);
        t.get("/guests/signin").bearer("x").send().refused(401, "invalid_token");
        t.get("/guests/signin").header("authorization", "Bearer").send().refused(400, "malformed_credential");
        signed_in(t.get("/guests/signin"), &t.access("carol")).send().refused(401, "invalid_token");
        browsing(t.get("/guests/signin")).send().is(200);
    }

    /// A program with a token that requests the sign-in page makes a mistake, and is told so.
    fn a_program_with_a_token_is_refused(t) {
        t = site();
        t.get("/guests/signin").bearer(t.access("alice")).send().refused(403, "guests_only").lacks("location");
        browsing(t.get("/guests/signin")).bearer(t.access("alice")).send().refused(403, "guests_only").lacks("location");
        t.post("/guests/signin").bearer(t.access("alice")).send().refused(403, "guests_only");
    }

    fn a_script_is_refused(t) {
        t = site();
        let cookie = format!("__Host-session={}", t.access("alice"));
        let get = || t.get("/guests/signin").header("cookie", &cookie);
        get().send().refused(403, "guests_only").lacks("location");
        get().header("accept", BROWSER).header("sec-fetch-mode", "cors").send().refused(403, "guests_only");
        get().header("accept", "application/json").send().refused(403, "guests_only");
        get().header("accept", BROWSER).send().is(303);
    }

    /// The form of another tab. Its body is not read, and it signs in no other user.
    fn the_form_of_a_user_is_sent_home(t) {
        t = site();
        let post = |token: Option<&str>| {
            let sending = t.post("/guests/signin?next=/a").header("sec-fetch-site", "same-origin");
            let sending = sending.body("application/x-www-form-urlencoded", "username=bob&password=hunter2");
            match token {
                Some(token) => signed_in(sending, token),
                None => browsing(sending),
            }
        };
        post(Some(&t.access("alice"))).send().is(303).has("location", "/a").says("");
        post(None).send().is(200).says("sign in");
    }

    /// A foreign page cannot find out by a form who is signed in here.
    fn a_form_of_a_foreign_page_is_refused(t) {
        t = site();
        let foreign = |sending: Sending<'_, H>| sending.header("sec-fetch-site", "cross-site").send();
        foreign(signed_in(t.post("/guests/signin"), &t.access("alice"))).refused(403, "cross_site_request");
        foreign(browsing(t.post("/guests/signin"))).is(200);
    }

    fn nobody_is_sent_from_a_page_to_itself(t) {
        t = site();
        let get = |target: &str| signed_in(t.get(target), &t.access("alice")).send();
        get("/guests/home").refused(403, "guests_only").lacks("location");
        get("/guests/home?next=/guests/home").refused(403, "guests_only");
        get("/guests/home?next=/a").is(303).has("location", "/a");
        get("/guests/signin?next=/guests/signin").is(303).has("location", "/dashboard");
        get("/guests/signin?next=/guests/signin%3Fnext%3D/x").is(303).has("location", "/dashboard");
        browsing(t.get("/guests/home")).send().is(200);
    }

    fn a_home_elsewhere_is_a_mistake(t) {
        t = site();
        for sending in [browsing(t.get("/guests/broken")), signed_in(t.get("/guests/broken"), &t.access("alice"))] {
            sending.send().refused(500, "misconfigured").lacks("location");
        }
    }

    /// P-19
    fn a_failing_loader_makes_nobody_a_guest(t) {
        t = site();
        let alice = t.access("alice");
        t.users.fail();
        signed_in(t.get("/guests/signin"), &alice).send().refused(503, "unavailable").lacks("set-cookie");
        browsing(t.get("/guests/signin")).send().is(200);
    }

    fn the_user_of_another_provider_is_no_guest(t) {
        t.get("/guests/other").bearer(t.access("alice")).send().refused(401, "invalid_token");
        t.get("/guests/other").send().is(200);
    }

    fn a_path_that_can_be_misread_is_refused(t) {
        let seen = t.get("/guests/./signin").send_to_framework();
        assert!(matches!(seen.response.status, 400 | 404), "{:?}", seen.response);
        t.get("/guests/signin").send().is(200);
    }

    fn with_pages_a_refused_guest_is_shown_a_page(t) {
        t = Probe::build(|builder| {
            builder.transport(BearerTransport::new()).transport(CookieTransport::new()).pages("/guests/signin")
        });
        let seen = signed_in(t.get("/guests/home"), &t.access("alice")).send();
        seen.is(403).has("content-type", "text/html; charset=utf-8").lacks("location");
        signed_in(t.get("/guests/signin"), &t.access("alice")).send().is(303).has("location", "/dashboard");
        // The sign-in page itself, with an invalid cookie: the page is shown and the cookie
        // deleted, so that the next attempt succeeds.
        let seen = signed_in(t.get("/guests/signin"), "eyJhbGciOiJIUzI1NiJ9.e30.x").send();
        seen.is(401).has("set-cookie", CLEARED).lacks("location");
    }
}
