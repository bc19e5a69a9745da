//! Refusals that suit the client: browsers are redirected to the sign-in page or shown a page,
//! scripts get a status and a body.

use std::time::Duration;

use fauth_core::{
    LoginRequest, Rejection,
    rejection::ProblemJson,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    transport::{BearerTransport, CookieTransport},
};
use serde_json::json;

use super::{Seen, Sending, cases, site_pages};
use crate::suite::{Harness, Probe};

/// The `Accept` header of browsers.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// Deletes the cookie of the access token.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
const FORM: &str = "application/x-www-form-urlencoded";

/// An application for browsers and programs.
fn site<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
}

/// Requests a page like a browser.
fn browsing<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending
        .header("accept", BROWSER)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
}

fn signed_in<'a, H: Harness>(sending: Sending<'a, H>, token: &str) -> Sending<'a, H> {
    browsing(sending).header("cookie", format!("__Host-session={token}"))
}

/// Sends a form like a page of the same origin.
fn form<'a, H: Harness>(sending: Sending<'a, H>, body: &str) -> Sending<'a, H> {
    browsing(sending).header("sec-fetch-site", "same-origin").body(FORM, body)
}

#[track_caller]
fn sent_to(seen: &Seen, location: &str) {
    seen.is(303)
        .has("location", location)
        .has("cache-control", "no-store")
        .lacks("www-authenticate")
        .says("");
    seen.lacks("content-type");
}

#[track_caller]
fn shown(seen: &Seen, status: u16, text: &str) {
    seen.is(status).has("content-type", "text/html; charset=utf-8").has("cache-control", "no-store");
    seen.lacks("location");
    assert!(seen.response.text().contains(text), "{:?}", seen.response);
}

cases! { $ __pages_tests in pages;
    fn whoever_is_not_signed_in_is_sent_to_the_sign_in_page(t) {
        t = site();
        sent_to(&browsing(t.get("/pages/dashboard")).send(), "/signin?next=%2Fpages%2Fdashboard");
        signed_in(t.get("/pages/dashboard"), &t.access("bob")).send().is(200).says("Hello bob");
    }

    /// C-04
    fn next_keeps_path_and_query_and_is_encoded(t) {
        for (asked, next) in [
            ("/pages/dashboard?tab=2", "%2Fpages%2Fdashboard%3Ftab%3D2"),
            ("/pages/dashboard?a=1&b=%20x+y&c=", "%2Fpages%2Fdashboard%3Fa%3D1%26b%3D%2520x%2By%26c%3D"),
            ("/pages/dashboard?filter[x]=1", "%2Fpages%2Fdashboard%3Ffilter%255Bx%255D%3D1"),
            ("/pages/dashboard?next=//evil.example", "%2Fpages%2Fdashboard%3Fnext%3D%2F%2Fevil.example"),
            ("/pages/dashboard?", "%2Fpages%2Fdashboard%3F"),
        ] {
            sent_to(&browsing(t.get(asked)).send(), &format!("/signin?next={next}"));
        }
        sent_to(&browsing(t.get("/pages/own-admin?x")).send(), "/signin?lang=en&next=%2Fpages%2Fown-admin%3Fx");
    }

    fn a_next_that_does_not_fit_is_left_out(t) {
        let long = |length: usize| format!("/pages/dashboard?{}", "x".repeat(length));
        sent_to(&browsing(t.get(&long(2048))).send(), "/signin");
        let seen = browsing(t.get(&long(1900))).send();
        let location = seen.is(303).response.header("location").concat();
        assert!(location.starts_with("/signin?next=%2Fpages%2Fdashboard%3Fxxx") && location.len() <= 2048);
    }

    /// The redirect depends on the path only.
    fn no_header_leads_a_redirect_away(t) {
        let mut sending = browsing(t.get("/pages/dashboard"));
        for name in ["x-forwarded-host", "x-forwarded-prefix", "x-original-url", "x-rewrite-url", "referer", "origin"] {
            sending = sending.header(name, "https://evil.example/");
        }
        sent_to(&sending.send(), "/signin?next=%2Fpages%2Fdashboard");
    }

    fn head_is_answered_like_get(t) {
        sent_to(&browsing(t.request("HEAD", "/pages/dashboard?x=1")).send(), "/signin?next=%2Fpages%2Fdashboard%3Fx%3D1");
        t.request("HEAD", "/pages/dashboard").send().is(401).says("");
    }

    /// P-08
    fn a_script_is_refused_with_401(t) {
        for accept in ["application/json", "application/json, text/plain, */*", "*/*", "application/json, text/html;q=0.9"] {
            let seen = t.get("/pages/dashboard").header("accept", accept).send();
            seen.refused(401, "missing_credential").lacks("location");
        }
        t.get("/pages/dashboard").send().refused(401, "missing_credential").lacks("location");
    }

    /// C-18: even if it accepts HTML.
    fn a_script_is_never_redirected(t) {
        for (name, value) in [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "same-origin"),
            ("sec-fetch-dest", "empty"),
            ("x-requested-with", "XMLHttpRequest"),
            ("hx-request", "true"),
            ("x-pp-rpc", "true"),
            ("content-type", "application/json"),
            ("upgrade", "websocket"),
        ] {
            for path in ["/pages/dashboard", "/site/panel", "/site/none"] {
                let seen = t.get(path).header("accept", BROWSER).header(name, value).send();
                seen.refused(401, "missing_credential").lacks("location");
            }
        }
    }

    fn frames_and_web_views_show_pages(t) {
        for (name, value) in [("sec-fetch-dest", "iframe"), ("x-requested-with", "com.example.app")] {
            let seen = t.get("/pages/dashboard").header("accept", BROWSER).header(name, value).send();
            sent_to(&seen, "/signin?next=%2Fpages%2Fdashboard");
        }
    }

    /// P-07: never 307, which would send the body to the sign-in page.
    fn a_form_is_sent_to_the_sign_in_page_without_its_body(t) {
        let seen = form(t.post("/pages/dashboard?x=1"), "amount=1000").send();
        sent_to(&seen, "/signin");
        let token = t.access("bob");
        t.post("/pages/dashboard").bearer(&token).send().is(200).says("Hello bob");
        t.post("/pages/dashboard").header("accept", BROWSER).body("application/json", "{}").send().refused(401, "missing_credential");
    }

    fn other_methods_are_calls(t) {
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            browsing(t.request(method, "/site/panel")).send().refused(401, "missing_credential").lacks("location");
        }
    }

    fn a_token_sent_on_purpose_is_a_programs(t) {
        t = site();
        let seen = browsing(t.get("/pages/dashboard")).bearer("x").send();
        seen.refused(401, "invalid_token").lacks("location");
        browsing(t.get("/pages/admin")).bearer(t.access("bob")).send().refused(403, "missing_role").lacks("location");
        browsing(t.get("/pages/admin")).bearer(t.access("alice")).send().is(200);
    }

    /// P-23
    fn the_scheme_of_a_token_may_be_in_lower_case(t) {
        let token = t.access("bob");
        t.get("/pages/dashboard").header("authorization", format!("bearer {token}")).send().is(200).says("Hello bob");
        t.get("/pages/dashboard").header("authorization", format!("BEARER {token}")).send().is(200);
        browsing(t.get("/pages/dashboard")).header("authorization", "bearer x").send().refused(401, "invalid_token");
    }

    /// P-03
    fn basic_with_bad_credentials_is_401_with_a_realm(t) {
        t = Probe::build(|builder| builder.pages("/signin"));
        let long = format!("Basic {}", "QUFB".repeat(100));
        for value in ["Basic X190b2tlbl9fOng=", "Basic YWxpY2U6czNjcmV0", "Basic", "Basic !", &long] {
            let seen = browsing(t.get("/guards/user")).header("authorization", value).send();
            seen.lacks("location");
            assert!(matches!(seen.response.status, 400 | 401), "{value}: {:?}", seen.response);
            assert!(seen.response.header("www-authenticate").concat().contains("realm=\"fauth\""), "{value}");
        }
        sent_to(&browsing(t.get("/guards/user")).send(), "/signin?next=%2Fguards%2Fuser");
    }

    fn a_dead_cookie_goes_with_the_redirect(t) {
        t = site();
        let token = t.access("alice");
        let get = || signed_in(t.get("/pages/dashboard"), &token);
        get().send().is(200);
        t.clock.advance(Duration::from_secs(15 * 60));
        let seen = get().send();
        sent_to(&seen, "/signin?next=%2Fpages%2Fdashboard");
        seen.has("set-cookie", CLEARED);
        let forged = signed_in(t.get("/pages/dashboard"), "eyJhbGciOiJIUzI1NiJ9.e30.x").send();
        sent_to(&forged, "/signin?next=%2Fpages%2Fdashboard");
        forged.has("set-cookie", CLEARED);
    }

    fn an_inactive_user_is_sent_to_the_sign_in_page(t) {
        t = site();
        let seen = signed_in(t.get("/pages/dashboard"), &t.access("carol")).send();
        sent_to(&seen, "/signin?next=%2Fpages%2Fdashboard");
        seen.has("set-cookie", CLEARED);
    }

    /// P-01: the hook's response is sent, without anything from the handler.
    fn the_handler_does_not_run_when_the_hook_returns_a_redirect(t) {
        t = Probe::build(|builder| {
            builder.renderer(|_: &Rejection, _: &dyn RequestHead| {
                Reply::new(303).header(ResponseHeader::new("location", "/elsewhere"))
            })
        });
        for path in ["/guards/user", "/me", "/group/dashboard", "/guards/public"] {
            let seen = t.get(path).send();
            sent_to(&seen, "/elsewhere");
            assert_eq!(seen.user_loads, 0);
        }
        t.get("/guards/user").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    fn a_hook_that_fails_is_500_and_no_pass(t) {
        t = Probe::build(|builder| {
            builder.renderer(|_: &Rejection, _: &dyn RequestHead| Err::<Reply, _>("the template is broken"))
        });
        for path in ["/guards/user", "/me", "/group/dashboard", "/group/none"] {
            let seen = t.get(path).send();
            seen.refused(500, "misconfigured");
            assert!(!seen.response.text().contains("template"), "{:?}", seen.response);
        }
        t.get("/admins/panel").bearer(t.access("bob")).send().refused(500, "misconfigured");
        t.get("/guards/user").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    fn a_hook_may_refuse_in_a_form_of_its_own_or_fail(t) {
        t = Probe::build(|builder| {
            builder.renderer(|rejection: &Rejection, head: &dyn RequestHead| match head.query() {
                Some("broken") => Err("the template is broken"),
                Some("pass") => Ok(Reply::new(200).body("text/plain", "welcome")),
                _ => Ok(Reply::new(rejection.status()).body("text/plain", rejection.code())),
            })
        });
        t.get("/guards/user").send().is(401).says("missing_credential").has("www-authenticate", "Bearer realm=\"fauth\"");
        t.get("/guards/user?broken").send().refused(500, "misconfigured");
        t.get("/guards/user?pass").send().refused(401, "missing_credential");
    }

    /// P-07: not even by a hook.
    fn no_hook_sends_a_body_on(t) {
        for status in [301_u16, 302, 307, 308] {
            t = Probe::build(|builder| {
                builder.renderer(move |_: &Rejection, _: &dyn RequestHead| {
                    Reply::new(status).header(ResponseHeader::new("location", "/signin"))
                })
            });
            t.post("/me").send().refused(401, "missing_credential").lacks("location");
        }
    }

    fn a_failing_page_is_500_and_no_pass(t) {
        t = site();
        let (alice, bob) = (t.access("alice"), t.access("bob"));
        signed_in(t.get("/pages/failing"), &bob).send().refused(500, "misconfigured");
        signed_in(t.get("/pages/failing"), &alice).send().is(200).says("Hello alice");
        t.get("/pages/failing").bearer(&bob).send().refused(403, "missing_role");
        sent_to(&browsing(t.get("/pages/failing")).send(), "/signin?next=%2Fpages%2Ffailing");
    }

    /// A mistake that does not show at start is reported by the log and by every refusal.
    fn a_sign_in_page_elsewhere_is_a_mistake(t) {
        browsing(t.get("/pages/broken")).send().refused(500, "misconfigured").lacks("location");
        t.get("/pages/broken").send().refused(500, "misconfigured");
        t.get("/pages/broken").bearer(t.access("bob")).send().is(200);
    }

    fn who_lacks_a_role_is_shown_a_page(t) {
        t = site();
        let seen = signed_in(t.get("/pages/admin"), &t.access("bob")).send();
        shown(&seen, 403, "<h1>Forbidden</h1>\n<p>Missing role: admin</p>");
        seen.lacks("set-cookie");
        signed_in(t.get("/pages/admin"), &t.access("alice")).send().is(200).says("Hello alice");
        let script = t.get("/pages/admin").header("cookie", format!("__Host-session={}", t.access("bob")));
        script.send().refused(403, "missing_role");
    }

    /// C-20: its path is a setting, and it opens.
    fn who_lacks_a_role_may_be_sent_to_a_page_that_opens(t) {
        t = site();
        let bob = t.access("bob");
        sent_to(&signed_in(t.get("/pages/own-admin"), &bob).send(), "/pages/unauthorized");
        signed_in(t.get("/pages/unauthorized"), &bob).send().is(200).says("Hello bob");
        signed_in(t.get("/pages/own-admin"), &t.access("alice")).send().is(200).says("Hello alice");
        sent_to(&browsing(t.get("/pages/unauthorized")).send(), "/signin?lang=en&next=%2Fpages%2Funauthorized");
    }

    /// C-20
    fn nobody_is_sent_from_a_page_to_itself(t) {
        t = site();
        let bob = t.access("bob");
        shown(&signed_in(t.get("/pages/locked"), &bob).send(), 403, "Missing role: admin");
        signed_in(t.get("/pages/locked"), &t.access("alice")).send().is(200);
    }

    fn a_guarded_sign_in_page_does_not_redirect_to_itself(t) {
        t = site();
        for target in ["/pages/signin", "/pages/signin?next=/x"] {
            let seen = browsing(t.get(target)).send();
            shown(&seen, 401, "Not authenticated");
            seen.has("www-authenticate", "Bearer realm=\"fauth\"");
        }
        // A form is redirected to GET, where the chain ends.
        sent_to(&form(t.post("/pages/signin"), "x=1").send(), "/pages/signin");
        signed_in(t.get("/pages/signin"), &t.access("bob")).send().is(200);
    }

    fn an_own_page_and_an_own_form_for_scripts(t) {
        t = site();
        t.users.fail();
        let alice = t.access("alice");
        shown(&signed_in(t.get("/pages/own-admin"), &alice).send(), 503, "<p>503 unavailable");
        let script = t.get("/pages/own-admin").send();
        script.is(401).has("content-type", "application/json").says("{\"detail\":\"Not authenticated\"}");
    }

    /// The confirmation page is not the sign-in page, which may be for guests only.
    fn who_must_sign_in_again_is_sent_there(t) {
        t = site();
        let token = t.session(LoginRequest::for_subject("alice")).access_token().expose().to_owned();
        let get = |path: &str| signed_in(t.get(path), &token);
        get("/pages/recent?x=1").send().is(200).says("Hello alice");
        let old = t.access("alice");
        let get = |path: &str| signed_in(t.get(path), &old);
        sent_to(&get("/pages/recent?x=1").send(), "/pages/confirm?next=%2Fpages%2Frecent%3Fx%3D1");
        shown(&get("/pages/confirm").send(), 401, "<p>401 insufficient_user_authentication");
        shown(&get("/pages/recent-plain").send(), 401, "A more recent login is required");
        let script = t.get("/pages/recent-plain").bearer(&old).send();
        script.refused(401, "insufficient_user_authentication").lacks("location");
        sent_to(&browsing(t.get("/pages/recent")).send(), "/signin?lang=en&next=%2Fpages%2Frecent");
    }

    fn a_bad_request_is_shown_and_not_redirected(t) {
        t = site();
        let token = t.access("bob");
        let twice = browsing(t.get("/pages/dashboard")).header("cookie", format!("__Host-session={token}; __Host-session={token}"));
        shown(&twice.send(), 400, "More than one credential was sent");
        let path = browsing(t.get("/site//panel")).send_to_framework();
        path.lacks("location");
        assert!(matches!(path.response.status, 400 | 404), "{:?}", path.response);
        let foreign = signed_in(t.post("/pages/dashboard"), &token).header("sec-fetch-site", "cross-site").body(FORM, "x");
        shown(&foreign.send(), 403, "neither this application");
    }

    /// P-19: neither anonymous nor 500.
    fn a_failing_loader_is_shown_as_503(t) {
        t = site();
        let token = t.access("bob");
        t.users.fail();
        let seen = signed_in(t.get("/pages/dashboard"), &token).send();
        shown(&seen, 503, "Authentication is temporarily unavailable");
        seen.has("retry-after", "5").lacks("set-cookie");
        t.get("/pages/dashboard").bearer(&token).send().refused(503, "unavailable");
    }

    fn a_refusal_by_a_handler_fits_the_client_too(t) {
        t = site();
        let bob = t.access("bob");
        let get = |query: &str| signed_in(t.get(&format!("/pages/refuse?{query}")), &bob).send();
        shown(&get("not-found"), 404, "Not found");
        shown(&get("forbidden"), 403, "Missing scope: write");
        shown(&get("key"), 422, "<h1>Unprocessable Content</h1>");
        sent_to(&get("credentials&next=/a%3Fb"), "/signin?error=invalid_credentials&next=%2Fa%3Fb");
        let mailed = get("mailed");
        sent_to(&mailed, "/signin?next=%2Fpages%2Frefuse%3Fmailed");
        mailed.lacks("set-cookie");
        get("none").is(200).says("not refused");
        t.get("/pages/refuse?not-found").bearer(&bob).send().refused(404, "not_found");
    }

    /// The form of a sign-in page in plain HTML.
    fn a_wrong_password_leads_back_to_the_sign_in_page(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()).pages("/signin"));
        let sign_in = |target: &str, password: &str| form(t.post(target), &format!("username=alice&password={password}"));
        sent_to(&sign_in("/login", "wrong").send(), "/signin?error=invalid_credentials");
        sent_to(&sign_in("/login?next=/a%3Fb%3D1", "wrong").send(), "/signin?error=invalid_credentials&next=%2Fa%3Fb%3D1");
        sign_in("/login", "s3cret").once().is(200);
        let script = t.login("alice", "wrong").header("accept", "application/json").header("sec-fetch-site", "same-origin");
        script.send().refused(401, "invalid_credentials");
    }

    /// P-05
    fn a_next_that_leads_away_is_not_handed_on(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()).pages("/signin"));
        for next in ["https://evil.example/", "//evil.example/x", "/%5Cevil.example", "/%252Fevil.example", "/a&next=/b"] {
            let sending = form(t.post(&format!("/login?next={next}")), "username=alice&password=wrong");
            sent_to(&sending.send(), "/signin?error=invalid_credentials");
        }
    }

    fn a_provider_may_have_pages_for_all_its_guards(t) {
        t = Probe::build(|builder| {
            builder.transport(BearerTransport::new()).transport(CookieTransport::new()).pages(site_pages())
        });
        for path in ["/guards/user", "/me", "/group/dashboard", "/group/none"] {
            let next = path.replace('/', "%2F");
            sent_to(&browsing(t.get(path)).send(), &format!("/signin?lang=en&next={next}"));
            t.get(path).send().is(401).says("{\"detail\":\"Not authenticated\"}");
        }
        sent_to(&signed_in(t.get("/admins/panel"), &t.access("bob")).send(), "/pages/unauthorized");
    }

    /// C-18: pages and actions of one application differ in one call.
    fn an_action_has_its_own_form(t) {
        t = Probe::build(|builder| {
            builder.transport(BearerTransport::new()).transport(CookieTransport::new()).pages("/signin")
        });
        for sending in [browsing(t.get("/pages/action")), form(t.post("/pages/action"), "x=1"), t.post("/pages/action")] {
            sending.send().refused(401, "missing_credential").lacks("location");
        }
        signed_in(t.get("/pages/action"), &t.access("bob")).send().refused(403, "missing_role");
        form(t.post("/pages/action"), "").header("cookie", format!("__Host-session={}", t.access("alice"))).send().is(200);
    }

    /// C-22: an unknown user lacks no role yet.
    fn an_anonymous_call_of_an_action_with_roles_is_401(t) {
        t.post("/pages/action").body("application/json", "{}").send().refused(401, "missing_credential");
        t.post("/pages/action").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.post("/pages/action").bearer(t.access("alice")).send().is(200);
        t.post("/pages/caspian").send().is(401).says("{\"error\":\"Authentication required\"}");
    }

    /// C-14
    fn an_ended_session_calls_no_action(t) {
        t = site();
        let alice = t.access("alice");
        let call = || t.post("/pages/action").header("cookie", format!("__Host-session={alice}")).header("sec-fetch-site", "same-origin");
        call().send().is(200);
        t.clock.advance(Duration::from_secs(15 * 60));
        call().send().refused(401, "invalid_token").has("set-cookie", CLEARED);
    }

    /// C-15
    fn one_of_several_roles_is_enough_for_a_page(t) {
        t = site();
        let alice = t.users.find("alice");
        assert!(alice.roles.len() > 1);
        signed_in(t.get("/pages/admin"), &t.access("alice")).send().is(200);
        t.users.change("alice", |alice| alice.roles.reverse());
        signed_in(t.get("/pages/admin"), &t.access("alice")).send().is(200);
        t.users.change("alice", |alice| alice.roles.clear());
        signed_in(t.get("/pages/admin"), &t.access("alice")).send().is(403);
    }

    fn a_group_of_pages_is_one_word_too(t) {
        t = site();
        sent_to(&browsing(t.get("/site/panel?x=1")).send(), "/signin?next=%2Fsite%2Fpanel%3Fx%3D1");
        signed_in(t.get("/site/panel"), &t.access("bob")).send().is(200).says("Hello bob");
        sent_to(&form(t.post("/site/panel"), "x=1").send(), "/signin");
    }

    /// C-21: no path of a group is exempt because of its beginning or end.
    fn what_looks_like_a_file_is_inside(t) {
        for path in ["/site/favicon.ico.bak", "/site/favicon.ico", "/site/css/x.css", "/site/none"] {
            let next = path.replace('/', "%2F");
            sent_to(&browsing(t.get(path)).send(), &format!("/signin?next={next}"));
            t.get(path).send().refused(401, "missing_credential");
        }
    }

    fn a_websocket_is_never_redirected(t) {
        let upgrade = t.get("/site/panel").header("accept", BROWSER).header("connection", "Upgrade");
        let upgrade = upgrade.header("upgrade", "websocket").header("sec-websocket-version", "13");
        upgrade.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send().refused(401, "missing_credential").lacks("location");
    }

    fn caspians_front_end_reads_its_own_answers(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let says = |seen: Seen, status: u16, text: &str| {
            seen.is(status).has("content-type", "application/json").says(&json!({ "error": text }).to_string());
            seen.lacks("location").has("cache-control", "no-store");
        };
        let call = || t.post("/pages/caspian").header("x-pp-rpc", "true").header("accept", BROWSER);
        let cookie = |user: &str| format!("__Host-session={}", t.access(user));
        says(call().send(), 401, "Authentication required");
        says(call().bearer("x").send(), 401, "Authentication required");
        says(call().bearer(t.access("bob")).send(), 403, "Permission denied");
        says(call().header("cookie", cookie("alice")).send(), 403, "Missing CSRF token");
        says(call().header("cookie", cookie("alice")).header("origin", "https://evil.example").send(), 403, "Invalid origin");
        call().header("cookie", cookie("alice")).header("origin", "https://app.example").send().is(200);
        t.users.fail();
        says(call().bearer(t.access("alice")).send(), 503, "Authentication is temporarily unavailable");
    }

    /// P-08 in its own words: 401 and not 307.
    fn fastpluggys_front_end_reads_its_own_answers(t) {
        let says = |seen: Seen, status: u16, text: &str| {
            seen.is(status).has("content-type", "application/json").says(&json!({ "detail": text }).to_string());
        };
        says(t.get("/pages/fastpluggy").send(), 401, "Not authenticated");
        says(t.get("/pages/fastpluggy").bearer("x").send(), 401, "Not authenticated");
        says(t.get("/pages/fastpluggy").bearer(t.access("bob")).send(), 403, "'admin' role required");
        t.get("/pages/fastpluggy").bearer(t.access("alice")).send().is(200);
    }

    /// W-11: a user without roles is told which role is missing.
    fn fastwares_front_end_reads_its_own_answers(t) {
        let says = |seen: Seen, status: u16, text: &str| {
            seen.is(status).has("content-type", "application/json").says(&json!({ "detail": text }).to_string());
        };
        says(t.get("/pages/fastware").send(), 401, "Not authenticated");
        says(t.get("/pages/fastware").bearer("x").send(), 401, "Invalid or expired token");
        says(t.get("/pages/fastware").bearer(t.access("bob")).send(), 403, "Role 'admin' required");
        says(t.get("/pages/fastware").bearer(t.access("ed")).send(), 403, "Role 'admin' required");
        t.get("/pages/fastware").bearer(t.access("alice")).send().is(200);
        t = site();
        let cookie = format!("__Host-session={}", t.access("alice"));
        let post = || t.post("/pages/fastware").header("cookie", &cookie);
        says(post().send(), 403, "Missing CSRF token");
        says(post().header("sec-fetch-site", "cross-site").send(), 403, "CSRF token mismatch");
        post().header("sec-fetch-site", "same-origin").send().is(200);
    }

    fn the_last_form_that_is_given_counts(t) {
        t = Probe::build(|builder| builder.pages("/signin").renderer(ProblemJson::new()));
        browsing(t.get("/guards/user")).send().refused(401, "missing_credential");
    }
}
