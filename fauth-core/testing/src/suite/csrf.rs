//! CSRF tokens: when they are required, which are valid, where they may be sent, and how pages
//! obtain them.
//!
//! Names such as W-14 are known faults of other frameworks.

use std::time::Duration;

use fauth_core::{
    CsrfTokens, LoginRequest, Purpose, SessionConfig,
    transport::{BearerTransport, CookieTransport, SessionCookie},
};

use super::{Harness, Probe, Seen, Sending, cases};
use crate::{Users, config, config_builder, memory_store, provider_with, provider_without_store};

const FORM: &str = "application/x-www-form-urlencoded";
const CODE: &str = "invalid_csrf_token";
/// Half of the idle timeout of sessions.
const HALF: Duration = Duration::from_secs(84 * 60 * 60);
/// Deletes the cookie of the session.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
/// Deletes that of the token.
const CLEARED_TOKEN: &str = "__Host-csrf=; Path=/; Max-Age=0; Secure; SameSite=Lax";
/// The longest form that a guard reads.
const LIMIT: usize = 16 * 1024;

fn with_tokens<H: Harness>(tokens: CsrfTokens) -> Probe<H> {
    Probe::build(|builder| {
        builder.transport(BearerTransport::new()).transport(SessionCookie::new()).csrf_tokens(tokens)
    })
}

/// Tokens are required if the origin is missing.
fn tokens<H: Harness>() -> Probe<H> {
    with_tokens(CsrfTokens::new())
}

/// Tokens are always required.
fn strict<H: Harness>() -> Probe<H> {
    with_tokens(CsrfTokens::new().required())
}

/// Access and refresh tokens in cookies; CSRF tokens are always required.
fn pairs<H: Harness>() -> Probe<H> {
    Probe::build(|builder| {
        let builder = builder.transport(BearerTransport::new()).transport(CookieTransport::new());
        builder.csrf_tokens(CsrfTokens::new().required())
    })
}

fn own<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.header("sec-fetch-site", "same-origin")
}

/// A page of a signed-in user.
#[derive(Debug, Clone)]
struct Page {
    session: String,
    token: String,
}

impl Page {
    fn of(seen: &Seen) -> Self {
        Self { session: seen.cookie("__Host-session"), token: seen.cookie("__Host-csrf") }
    }

    fn cookies(&self) -> String {
        format!("theme=dark; __Host-session={}; __Host-csrf={}", self.session, self.token)
    }

    fn get<'a, H: Harness>(&self, t: &'a Probe<H>, target: &str) -> Sending<'a, H> {
        t.get(target).header("cookie", self.cookies())
    }

    /// Sends no origin.
    fn post<'a, H: Harness>(&self, t: &'a Probe<H>, target: &str) -> Sending<'a, H> {
        t.post(target).header("cookie", self.cookies())
    }

    fn field(&self) -> String {
        format!("csrf_token={}", self.token)
    }
}

fn sign_in<H: Harness>(t: &Probe<H>, name: &str) -> Page {
    let password = if name == "alice" { "s3cret" } else { "hunter2" };
    Page::of(own(t.login(name, password)).once().is(200))
}

fn sorted(seen: &Seen) -> Vec<String> {
    let mut cookies: Vec<_> = seen.response.header("set-cookie").into_iter().map(str::to_owned).collect();
    cookies.sort_unstable();
    cookies
}

/// Returns a form of this length with a valid token.
fn padded(page: &Page, length: usize) -> String {
    let start = format!("{}&text=", page.field());
    format!("{start}{}", "x".repeat(length - start.len()))
}

cases! { $ __csrf_tests in csrf;
    /// W-06, P-21: the attributes are those of the session cookie, but scripts can read it.
    fn a_login_sets_a_cookie_with_a_value_of_its_session(t) {
        t = tokens();
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        assert_eq!(sorted(&seen), [
            format!("__Host-csrf={}; Path=/; Max-Age=604800; Secure; SameSite=Lax", page.token),
            format!("__Host-session={}; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Lax", page.session),
        ]);
        page.post(&t, "/csrf/form").header("x-csrf-token", &page.token).send().is(200);
        // A program has no session cookie, and needs no token.
        t.login("alice", "s3cret").once().is(200).lacks("set-cookie");
    }

    fn what_says_nothing_of_its_origin_needs_a_token(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        page.post(&t, "/csrf/form").send().refused(403, CODE).lacks("set-cookie");
        page.post(&t, "/csrf/form").header("x-csrf-token", &page.token).send().is(200);
        // Without CSRF tokens, nothing helps.
        t = Probe::build(|builder| builder.transport(SessionCookie::new()));
        let session = own(t.login("alice", "s3cret")).once().cookie("__Host-session");
        let cookie = format!("__Host-session={session}");
        let post = t.post("/csrf/form").header("cookie", cookie).header("x-csrf-token", &page.token);
        post.send().refused(403, "cross_site_request");
    }

    fn an_own_or_trusted_origin_needs_no_token(t) {
        t = Probe::build(|builder| {
            let builder = builder.transport(SessionCookie::new()).trusted_origin("https://partner.example");
            builder.csrf_tokens(CsrfTokens::new())
        });
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/form")).send().is(200);
        page.post(&t, "/csrf/form").header("origin", "https://app.example").send().is(200);
        page.post(&t, "/csrf/form").header("origin", "https://partner.example").send().is(200);
        page.post(&t, "/csrf/form").send().refused(403, CODE);
    }

    fn no_token_makes_up_for_a_foreign_origin(t) {
        for strictly in [false, true] {
            t = if strictly { strict() } else { tokens() };
            let page = sign_in(&t, "alice");
            for (name, value) in [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("origin", "https://evil.example"),
                ("origin", "null"),
                ("origin", "http://app.example"),
            ] {
                let post = || page.post(&t, "/csrf/form").header(name, value);
                post().header("x-csrf-token", &page.token).send().refused(403, "cross_site_request");
                post().body(FORM, page.field()).send().refused(403, "cross_site_request");
            }
            own(page.post(&t, "/csrf/form")).header("x-csrf-token", &page.token).send().is(200);
        }
    }

    fn strict_mode_asks_for_a_token_always(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/form")).send().refused(403, CODE);
        page.post(&t, "/csrf/form").header("origin", "https://app.example").send().refused(403, CODE);
        page.post(&t, "/csrf/form").send().refused(403, CODE);
        own(page.post(&t, "/csrf/form")).header("x-csrf-token", &page.token).send().is(200);
        own(page.post(&t, "/csrf/form")).body(FORM, page.field()).send().is(200);
    }

    /// W-14.
    fn a_token_of_another_session_is_403(t) {
        t = strict();
        let (page, elsewhere, bob) = (sign_in(&t, "alice"), sign_in(&t, "alice"), sign_in(&t, "bob"));
        let post = |token: &str| own(page.post(&t, "/csrf/form")).header("x-csrf-token", token).send();
        post(&elsewhere.token).refused(403, CODE);
        post(&bob.token).refused(403, CODE);
        post(&page.token).is(200);
        // Not even if its cookie was planted beside the session cookie.
        let planted = Page { session: page.session.clone(), token: bob.token };
        let post = own(planted.post(&t, "/csrf/form")).header("x-csrf-token", &planted.token);
        post.send().refused(403, CODE);
    }

    fn a_token_of_another_application_is_403(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let payload = t.app.auth.verify_signature_and_claims(&page.session, Purpose::Session).unwrap();
        let built = |config| {
            let builder = provider_with(config, &t.users).transport(SessionCookie::new());
            builder.csrf_tokens(CsrfTokens::new()).danger_share_application().build().unwrap()
        };
        for (config, status) in [(config_builder().application("shop").build().unwrap(), 403), (config(), 200)] {
            let token = built(config).csrf_token_for(&payload).unwrap();
            let post = own(page.post(&t, "/csrf/form")).header("x-csrf-token", token.value().unwrap());
            post.send().is(status);
        }
    }

    /// W-02, C-17.
    fn bytes_outside_of_ascii_are_403(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let post = || page.post(&t, "/csrf/form");
        let mut bytes = page.token.clone().into_bytes();
        bytes[3] = 0xe4;
        post().header("x-csrf-token", &bytes).send().refused(403, CODE);
        post().header("x-csrf-token", b"\xc3\xa4\xff").send().refused(403, CODE);
        post().body(FORM, "csrf_token=%C3%A4").send().refused(403, CODE);
        post().body(FORM, b"csrf_token=\xe4\xff").send().refused(403, CODE);
        post().header("x-csrf-token", &page.token).send().is(200);
    }

    fn two_headers_are_403(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let once = || page.post(&t, "/csrf/form").header("x-csrf-token", &page.token);
        once().send().is(200);
        once().header("x-csrf-token", &page.token).send().refused(403, CODE);
        once().header("x-csrf-token", "").send().refused(403, CODE);
        let listed = format!("{0}, {0}", page.token);
        page.post(&t, "/csrf/form").header("x-csrf-token", listed).send().refused(403, CODE);
    }

    fn a_token_that_was_changed_is_403(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let (start, last) = page.token.split_at(page.token.len() - 1);
        let other = if last == "0" { "1" } else { "0" };
        for bad in [
            String::new(),
            start.to_owned(),
            format!("{start}{other}"),
            format!("{}0", page.token),
            page.token.to_uppercase(),
            format!("\"{}\"", page.token),
            "0".repeat(4_096),
        ] {
            let in_header = page.post(&t, "/csrf/form").header("x-csrf-token", &bad);
            in_header.send().refused(403, CODE);
            let in_form = page.post(&t, "/csrf/form").body(FORM, format!("csrf_token={bad}"));
            in_form.send().refused(403, CODE);
        }
        page.post(&t, "/csrf/form").header("x-csrf-token", &page.token).send().is(200);
    }

    fn the_cookie_of_the_token_proves_nothing(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/form")).send().refused(403, CODE);
        let without = format!("__Host-session={}", page.session);
        let post = own(t.post("/csrf/form")).header("cookie", without);
        post.header("x-csrf-token", &page.token).send().is(200);
    }

    fn a_form_may_bring_the_token_and_reaches_the_handler_unchanged(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        for (before, after) in [
            ("", ""),
            ("a=1&", "&b=%FF%00+x"),
            ("&&=&%63=%&", "&csrf%5Ftoken%00=2&\u{fffd}=ä;c"),
            ("csrf=1&csrf_tokens=2&CSRF_TOKEN=3&", ""),
        ] {
            let body = format!("{before}{}{after}", page.field());
            page.post(&t, "/csrf/form").body(FORM, &body).send().is(200).says(&body);
        }
        // Name and value are decoded like those of any form.
        let encoded = page.field().replace('_', "%5f").replace('.', "%2E");
        page.post(&t, "/csrf/form").body(FORM, &encoded).send().is(200).says(&encoded);
        page.post(&t, "/csrf/form").body(FORM, "a=1").send().refused(403, CODE);
    }

    fn bytes_of_a_form_that_are_no_text_stay_as_they_are(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let body = [b"\xff\xfe\0\r\n&".as_slice(), page.field().as_bytes(), b"&\x80=\xc3"].concat();
        let seen = page.post(&t, "/csrf/form").body(FORM, &body).send();
        assert_eq!(seen.is(200).response.body, body);
    }

    fn a_form_without_a_good_field_is_403(t) {
        t = tokens();
        let (page, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
        for bad in ["", "a=1", "csrf_token", "csrf_token=", "csrf_token=x", &bob.field(), "CSRF_TOKEN=1"] {
            page.post(&t, "/csrf/form").body(FORM, bad).send().refused(403, CODE);
        }
        page.post(&t, "/csrf/form").body(FORM, page.field()).send().is(200);
    }

    fn two_fields_are_403(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        for other in [page.field(), "csrf_token=".to_owned(), "csrf_token".to_owned(), "csrf%5Ftoken=x".to_owned()] {
            for body in [format!("{}&{other}", page.field()), format!("{other}&{}", page.field())] {
                page.post(&t, "/csrf/form").body(FORM, body).send().refused(403, CODE);
            }
        }
        page.post(&t, "/csrf/form").body(FORM, page.field()).send().is(200);
    }

    fn a_form_may_be_16_kib_long(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let longest = padded(&page, LIMIT);
        page.post(&t, "/csrf/form").body(FORM, &longest).send().is(200).says(&longest);
        let longer = padded(&page, LIMIT + 1);
        page.post(&t, "/csrf/form").body(FORM, &longer).send().refused(413, "payload_too_large");
        // With the header, the form is not read.
        let post = page.post(&t, "/csrf/form").header("x-csrf-token", &page.token);
        post.body(FORM, &longer).send().is(200).says(&longer);
    }

    fn the_header_decides_if_it_is_there(t) {
        t = tokens();
        let (page, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
        let post = |header: &str, body: String| {
            page.post(&t, "/csrf/form").header("x-csrf-token", header).body(FORM, body).send()
        };
        post(&bob.token, page.field()).refused(403, CODE);
        post("", page.field()).refused(403, CODE);
        post(&page.token, bob.field()).is(200).says(&bob.field());
    }

    fn only_urlencoded_forms_are_looked_at(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let multipart = format!("--b\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n{}\r\n--b--\r\n", page.token);
        let json = format!("{{\"csrf_token\":\"{}\"}}", page.token);
        for (content_type, body) in [
            ("multipart/form-data; boundary=b", multipart),
            ("application/json", json),
            ("text/plain", page.field()),
            ("application/x-www-form-urlencoded2", page.field()),
            ("application/x-www-form-urlencoded, text/plain", page.field()),
            ("", page.field()),
        ] {
            page.post(&t, "/csrf/form").body(content_type, &body).send().refused(403, CODE);
            let post = page.post(&t, "/csrf/form").header("x-csrf-token", &page.token);
            post.body(content_type, &body).send().is(200).says(&body);
        }
        for content_type in ["Application/X-WWW-Form-URLencoded", "application/x-www-form-urlencoded ; charset=UTF-8"] {
            page.post(&t, "/csrf/form").body(content_type, page.field()).send().is(200).says(&page.field());
        }
        let twice = page.post(&t, "/csrf/form").header("content-type", FORM).body(FORM, page.field());
        twice.send().refused(403, CODE);
    }

    fn a_compressed_form_is_not_looked_at(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        for encoding in ["gzip", "br", "identity", ""] {
            let post = || page.post(&t, "/csrf/form").header("content-encoding", encoding);
            post().body(FORM, page.field()).send().refused(403, CODE);
        }
        page.post(&t, "/csrf/form").body(FORM, page.field()).send().is(200);
    }

    fn a_token_in_the_url_is_none(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        page.post(&t, &format!("/csrf/form?{}", page.field())).send().refused(403, CODE);
        page.post(&t, &format!("/csrf/form?{}", page.field())).body(FORM, "a=1").send().refused(403, CODE);
    }

    fn the_names_can_be_chosen(t) {
        let names = CsrfTokens::new().required().header("X-XSRF").field("_csrf").danger_cookie_name("pp_csrf");
        t = with_tokens(names);
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page { session: seen.cookie("__Host-session"), token: seen.cookie("pp_csrf") };
        let set = format!("pp_csrf={}; Path=/; Max-Age=604800; Secure; SameSite=Lax", page.token);
        assert!(sorted(&seen).contains(&set));
        let post = || own(page.post(&t, "/csrf/form"));
        post().header("x-xsrf", &page.token).send().is(200);
        post().body(FORM, format!("_csrf={}", page.token)).send().is(200);
        post().header("x-csrf-token", &page.token).send().refused(403, CODE);
        post().body(FORM, page.field()).send().refused(403, CODE);
        let shown = page.get(&t, "/csrf/form").send().response.text();
        assert!(shown.contains(" X-XSRF _csrf pp_csrf <input type=\"hidden\" name=\"_csrf\" value=\""), "{shown}");
    }

    /// W-12.
    fn only_the_exempt_path_itself_is_exempt(t) {
        t = with_tokens(CsrfTokens::new().required().exempt("/csrf/exempt"));
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/exempt")).send().is(200);
        own(page.post(&t, "/csrf/exempt?a=/")).send().is(200);
        for other in ["/csrf/exempt/", "/csrf/exempt-not", "/csrf/form", "/csrf/form?/csrf/exempt"] {
            own(page.post(&t, other)).send().refused(403, CODE);
            own(page.post(&t, other)).header("x-csrf-token", &page.token).send().is(200);
        }
        // The origin rule applies there too.
        let foreign = page.post(&t, "/csrf/exempt").header("sec-fetch-site", "cross-site");
        foreign.send().refused(403, "cross_site_request");
        page.post(&t, "/csrf/exempt").send().refused(403, CODE);
    }

    fn a_bearer_token_needs_none(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        t.post("/csrf/form").bearer(t.access("bob")).send().is(200);
        // A cookie beside it is ignored, and so is its CSRF token.
        let both = || page.post(&t, "/csrf/form").bearer(t.access("bob"));
        both().send().is(200).lacks("set-cookie");
        both().header("x-csrf-token", "x").send().is(200);
        both().header("sec-fetch-site", "cross-site").send().is(200);
    }

    /// W-13.
    fn a_forged_bearer_token_lets_no_cookie_in(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let post = || own(page.post(&t, "/csrf/form")).header("x-csrf-token", &page.token);
        post().bearer("a.b.c").send().refused(401, "invalid_token");
        post().send().is(200);
    }

    fn reading_needs_no_token(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        page.get(&t, "/csrf/form").send().is(200);
        page.get(&t, "/csrf/form").header("sec-fetch-site", "cross-site").send().is(200);
        t.request("HEAD", "/csrf/form").header("cookie", page.cookies()).send_to_framework().is(200);
        page.post(&t, "/csrf/form").send().refused(403, CODE);
        // Not compared with the core: frameworks list other methods in `Allow`.
        for method in ["PUT", "PATCH", "DELETE", "post", "NEW"] {
            let sending = t.request(method, "/csrf/form").header("cookie", page.cookies());
            sending.once().refused(403, CODE);
        }
    }

    /// C-10.
    fn a_sign_in_changes_the_value_and_its_answer_carries_the_new_one(t) {
        t = strict();
        let before = sign_in(&t, "bob");
        let login = own(t.login("alice", "s3cret")).header("cookie", before.cookies());
        let after = Page::of(login.once().is(200));
        assert_ne!(before.token, after.token);
        let post = |token: &str| own(after.post(&t, "/csrf/form")).header("x-csrf-token", token).send();
        post(&before.token).refused(403, CODE);
        post(&after.token).is(200);
        // The previous session has ended.
        own(before.post(&t, "/csrf/form")).header("x-csrf-token", &before.token).send().refused(401, "invalid_token");
    }

    fn a_login_needs_no_token_and_an_own_origin(t) {
        t = Probe::build(|builder| builder.transport(SessionCookie::new()).csrf_tokens(CsrfTokens::new().required()));
        own(t.login("alice", "s3cret")).once().is(200);
        t.login("alice", "s3cret").send().refused(403, "cross_site_request");
        let bob = sign_in(&t, "bob");
        let login = t.login("alice", "s3cret").header("x-csrf-token", &bob.token).header("cookie", bob.cookies());
        login.send().refused(403, "cross_site_request");
    }

    fn an_own_login_that_sends_on_sets_the_cookie_too(t) {
        t = tokens();
        let seen = own(t.post("/browser/own/login?next=/dashboard")).once();
        let page = Page::of(seen.is(303).has("location", "/dashboard"));
        page.post(&t, "/csrf/form").header("x-csrf-token", &page.token).send().is(200);
    }

    fn a_renewed_session_has_another_value(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let renew = own(page.post(&t, "/browser/user/session?renew")).header("x-csrf-token", &page.token);
        let seen = renew.once();
        let after = Page::of(seen.is(200));
        assert_eq!(sorted(&seen).len(), 2);
        let post = |token: &str| own(after.post(&t, "/csrf/form")).header("x-csrf-token", token).send();
        post(&page.token).refused(403, CODE);
        post(&after.token).is(200).lacks("set-cookie");
    }

    /// Even if the request lacked the cookie, only the new one is set.
    fn a_renewal_by_a_form_sets_one_cookie_of_the_token(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let renew = own(t.post("/browser/user/session?renew")).header("cookie", format!("__Host-session={}", page.session));
        let seen = renew.body(FORM, page.field()).once();
        let after = Page::of(seen.is(200));
        assert_eq!(sorted(&seen).len(), 2);
        own(after.post(&t, "/csrf/form")).header("x-csrf-token", &after.token).send().is(200);
    }

    fn a_session_that_is_carried_on_keeps_its_values(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        t.clock.advance(HALF);
        let seen = page.get(&t, "/csrf/form").once();
        let after = Page::of(seen.is(200));
        let set = format!("__Host-csrf={}; Path=/; Max-Age=604800; Secure; SameSite=Lax", after.token);
        assert_eq!((sorted(&seen).len(), sorted(&seen).contains(&set)), (2, true));
        for token in [&page.token, &after.token] {
            own(after.post(&t, "/csrf/form")).header("x-csrf-token", token).send().is(200);
        }
    }

    fn a_logout_by_cookie_needs_a_token(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/logout")).once().refused(403, CODE).lacks("set-cookie");
        page.post(&t, "/logout").once().refused(403, CODE).lacks("set-cookie");
        let foreign = page.post(&t, "/logout").header("sec-fetch-site", "cross-site");
        foreign.header("x-csrf-token", &page.token).once().refused(403, "cross_site_request");
        page.get(&t, "/csrf/form").send().is(200);
        let seen = own(page.post(&t, "/logout")).header("x-csrf-token", &page.token).once();
        assert_eq!(sorted(seen.is(200)), [CLEARED_TOKEN, CLEARED]);
        page.get(&t, "/csrf/form").send().refused(401, "invalid_token");
    }

    fn a_logout_may_bring_its_token_in_the_body(t) {
        t = strict();
        for json in [false, true] {
            let (page, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
            let logout = |token: &str| {
                let form = (FORM, format!("csrf_token={token}"));
                let (kind, body) = if json { ("application/json", format!("{{\"csrf_token\":\"{token}\"}}")) } else { form };
                own(page.post(&t, "/logout")).body(kind, body).once()
            };
            logout("").refused(403, CODE);
            logout(&bob.token).refused(403, CODE);
            let twice = format!("{0}&{0}", page.field());
            own(page.post(&t, "/logout")).body(FORM, twice).once().refused(403, CODE);
            page.get(&t, "/csrf/form").send().is(200);
            logout(&page.token).is(200);
            page.get(&t, "/csrf/form").send().refused(401, "invalid_token");
        }
    }

    /// It sends no origin, so it depends on the token alone.
    fn an_own_logout_behind_a_guard_is_not_asked_twice(t) {
        t = tokens();
        let page = sign_in(&t, "alice");
        let logout = page.post(&t, "/browser/user/own/logout?next=/").body(FORM, page.field());
        let seen = logout.once();
        assert_eq!(sorted(seen.is(303)), [CLEARED_TOKEN, CLEARED]);
        page.get(&t, "/csrf/form").send().refused(401, "invalid_token");
        // Without a guard, nothing has read the form.
        let page = sign_in(&t, "alice");
        let logout = page.post(&t, "/browser/own/logout").body(FORM, page.field());
        logout.once().refused(403, CODE).lacks("set-cookie");
        page.get(&t, "/csrf/form").send().is(200);
        let logout = page.post(&t, "/browser/own/logout").header("x-csrf-token", &page.token);
        logout.once().is(200);
    }

    /// There is no session to which a token could belong, and none to lose.
    fn dead_cookies_are_cleared_for_own_pages_without_a_token(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/logout")).header("x-csrf-token", &page.token).once().is(200);
        t.clock.advance(2 * HALF);
        assert_eq!(sorted(own(page.post(&t, "/logout")).once().is(200)), [CLEARED_TOKEN, CLEARED]);
        page.post(&t, "/logout").once().refused(403, "cross_site_request").lacks("set-cookie");
    }

    fn a_refresh_by_cookie_needs_a_token(t) {
        t = pairs();
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        // As long as the login can be refreshed.
        let set = format!("__Host-csrf={}; Path=/; Max-Age=604800; Secure; SameSite=Lax", page.token);
        assert!(sorted(&seen).contains(&set));
        let cookies = format!("{}; __Host-refresh={}", page.cookies(), seen.cookie("__Host-refresh"));
        let refresh = || own(t.post("/refresh")).header("cookie", &cookies);
        refresh().once().refused(403, CODE).lacks("set-cookie");
        refresh().header("x-csrf-token", "x").once().refused(403, CODE);
        let bob = own(t.login("bob", "hunter2")).once().cookie("__Host-csrf");
        refresh().body("application/json", format!("{{\"csrf_token\":\"{bob}\"}}")).once().refused(403, CODE);
        // The refused request used nothing up.
        let next = refresh().header("x-csrf-token", &page.token).once();
        let after = Page::of(next.is(200));
        let post = own(after.post(&t, "/csrf/form")).header("x-csrf-token", &page.token);
        post.send().is(200);
        let cookies = format!("{}; __Host-refresh={}", after.cookies(), next.cookie("__Host-refresh"));
        let refresh = own(t.post("/refresh")).header("cookie", &cookies).body(FORM, after.field());
        refresh.once().is(200);
    }

    /// Its response replaces another user's cookies.
    fn a_refresh_that_replaces_another_login_needs_a_token_of_that(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()).csrf_tokens(CsrfTokens::new().required()));
        let alice = own(t.login("alice", "s3cret")).once();
        let bob = own(t.login("bob", "hunter2")).once();
        let (page, other) = (Page::of(alice.is(200)), Page::of(bob.is(200)));
        let body = format!("{{\"refresh_token\":\"{}\"}}", alice.cookie("__Host-refresh"));
        let cookies = format!("{}; __Host-refresh={}", other.cookies(), bob.cookie("__Host-refresh"));
        let refresh = || own(t.post("/refresh")).header("cookie", &cookies).body("application/json", &body);
        refresh().once().refused(403, CODE).lacks("set-cookie");
        refresh().header("x-csrf-token", &page.token).once().refused(403, CODE);
        other.get(&t, "/csrf/form").send().is(200);
        let next = refresh().header("x-csrf-token", &other.token).once();
        next.is(200);
        other.get(&t, "/csrf/form").send().refused(401, "invalid_token");
        // Beside cookies of its own login, or none, there is nothing to end.
        let body = format!("{{\"refresh_token\":\"{}\"}}", next.cookie("__Host-refresh"));
        own(t.post("/refresh")).body("application/json", body).once().is(200);
    }

    /// From then on, neither a page nor a guard could set its value.
    fn a_refresh_without_the_cookie_of_the_token_is_judged_by_its_origin(t) {
        t = pairs();
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        t.clock.advance(Duration::from_secs(15 * 60));
        let cookie = format!("__Host-refresh={}", seen.cookie("__Host-refresh"));
        let refresh = || t.post("/refresh").header("cookie", &cookie);
        refresh().once().refused(403, CODE).lacks("set-cookie");
        let foreign = refresh().header("sec-fetch-site", "cross-site");
        foreign.once().refused(403, "cross_site_request").lacks("set-cookie");
        own(refresh()).header("x-csrf-token", "x").once().refused(403, CODE);
        own(refresh()).body(FORM, "csrf_token=x").once().refused(403, CODE);
        let beside = own(t.post("/refresh")).header("cookie", format!("{cookie}; __Host-csrf={}", page.token));
        beside.once().refused(403, CODE);
        let after = Page::of(own(refresh()).once().is(200));
        own(after.post(&t, "/csrf/form")).send().refused(403, CODE);
        own(after.post(&t, "/csrf/form")).header("x-csrf-token", &after.token).send().is(200);
    }

    /// As long as any login can be refreshed, because that needs the value: how long this login can
    /// be is unknown.
    fn a_cookie_that_was_missing_outlives_the_access_token(t) {
        t = pairs();
        let page = Page::of(own(t.login("alice", "s3cret")).once().is(200));
        let seen = t.get("/csrf/form").header("cookie", format!("__Host-session={}", page.session)).send();
        let token = seen.is(200).cookie("__Host-csrf");
        seen.has("set-cookie", &format!("__Host-csrf={token}; Path=/; Max-Age=2592000; Secure; SameSite=Lax"));
    }

    fn a_dead_refresh_cookie_goes_also_if_the_body_has_brought_its_csrf_token(t) {
        t = pairs();
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        t.clock.advance(2 * HALF);
        let refresh = |body: String| {
            let cookie = format!("__Host-refresh={}", seen.cookie("__Host-refresh"));
            own(t.post("/refresh")).header("cookie", cookie).body(FORM, body).once()
        };
        let refused = refresh(page.field());
        let cleared = CLEARED.replace("session", "refresh");
        assert_eq!(sorted(refused.refused(401, "invalid_token")), [CLEARED_TOKEN.to_owned(), cleared]);
        // A token in the body does not name the cookie.
        let dead = format!("refresh_token={}&{}", seen.cookie("__Host-refresh"), page.field());
        refresh(dead).refused(401, "invalid_token").lacks("set-cookie");
    }

    /// A planted cookie of another login gives no access to the user's, nor the reverse.
    fn a_logout_ends_the_login_of_its_token_alone(t) {
        t = pairs();
        for in_form in [false, true] {
            let (alice, bob) = (own(t.login("alice", "s3cret")).once(), own(t.login("bob", "hunter2")).once());
            let (page, other) = (Page::of(alice.is(200)), Page::of(bob.is(200)));
            let refresh = format!("__Host-refresh={}", bob.cookie("__Host-refresh"));
            let cookies = format!("{}; {refresh}", page.cookies());
            let logout = if in_form {
                own(t.post("/browser/user/own/logout")).body(FORM, page.field())
            } else {
                own(t.post("/logout")).header("x-csrf-token", &page.token)
            };
            logout.header("cookie", cookies).once().is(200);
            page.get(&t, "/csrf/form").send().refused(401, "invalid_token");
            other.get(&t, "/csrf/form").send().is(200);
            let still = own(t.post("/refresh")).header("cookie", &refresh).header("x-csrf-token", &other.token);
            still.once().is(200);
        }
    }

    fn a_refresh_token_in_the_body_needs_none(t) {
        t = pairs();
        let body = format!("{{\"refresh_token\":\"{}\"}}", t.refresh_token("alice"));
        t.post("/refresh").body("application/json", body).once().is(200).lacks("set-cookie");
    }

    /// The value is needed to refresh, and remains valid.
    fn a_dead_access_token_takes_no_token_of_its_login_along(t) {
        t = pairs();
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        t.clock.advance(Duration::from_secs(15 * 60));
        let refused = page.get(&t, "/csrf/form").send();
        refused.refused(401, "invalid_token").has("set-cookie", CLEARED);
        let cookies = format!("__Host-csrf={}; __Host-refresh={}", page.token, seen.cookie("__Host-refresh"));
        let refresh = || own(t.post("/refresh")).header("cookie", &cookies);
        refresh().header("x-csrf-token", &page.token).once().is(200);
    }

    fn all_sessions_and_single_ones_end_by_the_same_rule(t) {
        t = strict();
        let (page, other) = (sign_in(&t, "alice"), sign_in(&t, "alice"));
        let payload = t.app.auth.verify_signature_and_claims(&other.session, Purpose::Session).unwrap();
        let path = format!("/sessions/{}", payload.session_id().unwrap());
        let delete = || own(t.request("DELETE", &path)).header("cookie", page.cookies());
        delete().once().refused(403, CODE);
        other.get(&t, "/csrf/form").send().is(200);
        delete().header("x-csrf-token", &page.token).once().is(200);
        other.get(&t, "/csrf/form").send().refused(401, "invalid_token");
        own(page.post(&t, "/logout/all")).once().refused(403, CODE);
        own(page.post(&t, "/logout/all")).body(FORM, other.field()).once().refused(403, CODE);
        let seen = own(page.post(&t, "/logout/all")).body(FORM, page.field()).once();
        assert_eq!(sorted(seen.is(200)), [CLEARED_TOKEN, CLEARED]);
    }

    fn nobody_is_asked_for_a_token(t) {
        t = strict();
        t.post("/csrf/visitor").body(FORM, "a=1").send().is(200).says("a=1");
        t.post("/csrf/visitor").body(FORM, "x".repeat(LIMIT + 1)).send().is(200);
        t.post("/csrf/form").body(FORM, "x".repeat(LIMIT + 1)).send().refused(401, "missing_credential");
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/visitor")).body(FORM, "a=1").send().refused(403, CODE);
        own(page.post(&t, "/csrf/visitor")).body(FORM, page.field()).send().is(200).says(&page.field());
    }

    fn a_dead_cookie_takes_its_token_along(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/logout")).header("x-csrf-token", &page.token).once().is(200);
        for sending in [page.post(&t, "/csrf/visitor"), own(page.post(&t, "/csrf/visitor"))] {
            assert_eq!(sorted(sending.body(FORM, "a=1").send().is(200).says("a=1")), [CLEARED_TOKEN, CLEARED]);
        }
        let refused = own(page.post(&t, "/csrf/form")).body(FORM, page.field()).send();
        assert_eq!(sorted(refused.refused(401, "invalid_token")), [CLEARED_TOKEN, CLEARED]);
    }

    fn a_guard_sets_the_cookie_where_it_is_missing_or_not_good(t) {
        t = strict();
        let (page, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
        page.get(&t, "/csrf/form").send().is(200).lacks("set-cookie");
        for other in [String::new(), format!("; __Host-csrf={}", bob.token), "; __Host-csrf=x".to_owned()] {
            for path in ["/csrf/form", "/csrf/twice", "/csrf/visitor"] {
                let cookie = format!("__Host-session={}{other}", page.session);
                let seen = t.get(path).header("cookie", cookie).send();
                let token = seen.is(200).cookie("__Host-csrf");
                let set = format!("__Host-csrf={token}; Path=/; Max-Age=604800; Secure; SameSite=Lax");
                seen.has("set-cookie", &set);
                own(page.post(&t, "/csrf/form")).header("x-csrf-token", &token).send().is(200);
            }
        }
        // A cookie deleted by the handler stays deleted.
        let cookie = format!("__Host-session={}", page.session);
        let logout = own(t.post("/browser/user/own/logout")).header("cookie", cookie);
        let seen = logout.header("x-csrf-token", &page.token).once();
        assert_eq!(sorted(seen.is(200)), [CLEARED_TOKEN, CLEARED]);
    }

    fn pages_get_a_token_and_its_names(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let mut seen = Vec::new();
        for path in ["/csrf/form", "/csrf/visitor", "/csrf/open", "/csrf/twice"] {
            let text = page.get(&t, path).send().is(200).response.text();
            let (token, rest) = text.split_once(' ').unwrap();
            assert_eq!(rest, format!("X-CSRF-Token csrf_token __Host-csrf <input type=\"hidden\" name=\"csrf_token\" value=\"{token}\">"));
            own(page.post(&t, "/csrf/form")).body(FORM, format!("csrf_token={token}")).send().is(200);
            assert!(!seen.contains(&token.to_owned()), "each page has its own");
            seen.push(token.to_owned());
        }
        let none = "none X-CSRF-Token csrf_token __Host-csrf ";
        t.get("/csrf/visitor").send().is(200).says(none);
        t.get("/csrf/open").send().is(200).says(none);
        t.get("/csrf/form").bearer(t.access("alice")).send().is(200).says(none);
        t.get("/csrf/open").header("cookie", "__Host-session=x").send().refused(401, "invalid_token");
    }

    fn an_extractor_without_tokens_is_500(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(SessionCookie::new()));
        t.get("/csrf/open").send().refused(500, "misconfigured");
        t.get("/csrf/form").bearer(t.access("alice")).send().refused(500, "misconfigured");
        t = tokens();
        t.get("/csrf/form").bearer(t.access("alice")).send().is(200);
    }

    fn guards_around_one_another_ask_once(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        own(page.post(&t, "/csrf/twice")).body(FORM, page.field()).send().is(200).says(&page.field());
        own(page.post(&t, "/csrf/twice")).body(FORM, "a=1").send().refused(403, CODE);
    }

    /// The body of a refused request is not read.
    fn what_a_route_asks_for_comes_first(t) {
        t = strict();
        let (page, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
        let long = "x".repeat(LIMIT + 1);
        own(bob.post(&t, "/csrf/admin")).body(FORM, &long).send().refused(403, "missing_role");
        own(page.post(&t, "/csrf/admin")).body(FORM, &long).send().refused(413, "payload_too_large");
        own(page.post(&t, "/csrf/admin")).body(FORM, page.field()).send().is(200);
    }

    fn extractors_read_no_form(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        for path in ["/me", "/maybe", "/browser/session"] {
            own(page.post(&t, path)).body(FORM, page.field()).send().refused(403, CODE);
            own(page.post(&t, path)).header("x-csrf-token", &page.token).send().is(200);
        }
    }

    fn front_ends_of_other_systems_hear_what_they_know(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        for (path, missing, wrong) in [
            ("/pages/fastware", "{\"detail\":\"Missing CSRF token\"}", "{\"detail\":\"CSRF token mismatch\"}"),
            ("/pages/caspian", "{\"error\":\"Missing CSRF token\"}", "{\"error\":\"Invalid CSRF token\"}"),
        ] {
            own(page.post(&t, path)).send().is(403).says(missing);
            own(page.post(&t, path)).header("x-csrf-token", "x").send().is(403).says(wrong);
            own(page.post(&t, path)).header("x-csrf-token", &page.token).send().is(200);
        }
    }

    /// Browsers send the origin there, and let no page add a header.
    fn a_websocket_handshake_needs_an_origin_and_no_token(t) {
        t = strict();
        let page = sign_in(&t, "alice");
        let sending = page.get(&t, "/guards/user").header("connection", "upgrade").header("upgrade", "websocket");
        sending.clone().header("origin", "https://app.example").send().is(200);
        sending.clone().header("origin", "https://evil.example").send().refused(403, "cross_site_request");
        sending.clone().send().refused(403, CODE);
        own(sending.clone()).send().refused(403, CODE);
        own(sending).header("x-csrf-token", &page.token).send().is(200);
        // A POST does not become a handshake by its headers.
        let post = page.post(&t, "/csrf/form").header("connection", "upgrade").header("upgrade", "websocket");
        post.header("origin", "https://app.example").send().refused(403, CODE);
    }

    fn cookies_for_development_have_no_prefix(t) {
        t = Probe::build(|builder| {
            builder.transport(SessionCookie::new().danger_insecure()).csrf_tokens(CsrfTokens::new().required())
        });
        let seen = own(t.login("alice", "s3cret")).once();
        let (session, token) = (seen.cookie("session"), seen.cookie("csrf"));
        assert!(sorted(&seen).contains(&format!("csrf={token}; Path=/; Max-Age=604800; SameSite=Lax")));
        let post = own(t.post("/csrf/form")).header("cookie", format!("session={session}; csrf={token}"));
        post.clone().send().refused(403, CODE);
        post.header("x-csrf-token", &token).send().is(200).lacks("set-cookie");
    }

    fn a_cookie_that_ends_with_the_browser_has_a_companion_that_does(t) {
        t = Probe::build(|builder| {
            let builder = builder.transport(SessionCookie::new().end_with_browser());
            builder.sessions(SessionConfig::new()).csrf_tokens(CsrfTokens::new())
        });
        let seen = own(t.login("alice", "s3cret")).once();
        let token = seen.cookie("__Host-csrf");
        assert!(sorted(&seen).contains(&format!("__Host-csrf={token}; Path=/; Secure; SameSite=Lax")));
        let body = "username=alice&password=s3cret&remember=on";
        let seen = own(t.post("/login")).body(FORM, body).once();
        let token = seen.cookie("__Host-csrf");
        assert!(sorted(&seen).contains(&format!("__Host-csrf={token}; Path=/; Max-Age=2592000; Secure; SameSite=Lax")));
    }

    /// Only the time of the login ties such tokens together.
    fn logins_that_nothing_keeps_have_tokens_too(t) {
        let users = Users::new();
        let builder = provider_without_store(config(), &users).danger_stateless();
        let builder = builder.transport(BearerTransport::new()).transport(CookieTransport::new());
        t = Probe::of(users, builder.csrf_tokens(CsrfTokens::new().required()));
        let seen = own(t.login("alice", "s3cret")).once();
        let page = Page::of(seen.is(200));
        own(page.post(&t, "/csrf/form")).send().refused(403, CODE);
        own(page.post(&t, "/csrf/form")).header("x-csrf-token", &page.token).send().is(200);
        t.clock.advance(Duration::from_secs(60));
        let cookies = format!("{}; __Host-refresh={}", page.cookies(), seen.cookie("__Host-refresh"));
        let refresh = own(t.post("/refresh")).header("cookie", cookies).header("x-csrf-token", &page.token);
        let after = Page::of(refresh.once().is(200));
        own(after.post(&t, "/csrf/form")).header("x-csrf-token", &page.token).send().is(200);
        let (later, bob) = (sign_in(&t, "alice"), sign_in(&t, "bob"));
        for other in [later, bob] {
            own(after.post(&t, "/csrf/form")).header("x-csrf-token", &other.token).send().refused(403, CODE);
        }
    }

    fn a_session_in_its_cookie_keeps_its_token_when_it_changes(t) {
        let users = Users::new();
        let builder = provider_without_store(config(), &users).danger_stateless();
        let builder = builder.revocation_store(memory_store()).transport(SessionCookie::new());
        t = Probe::of(users, builder.csrf_tokens(CsrfTokens::new().required()));
        let page = sign_in(&t, "alice");
        let change = own(page.post(&t, "/browser/user/session?set=5")).header("x-csrf-token", &page.token);
        let after = Page::of(change.once().is(200));
        for token in [&page.token, &after.token] {
            own(after.post(&t, "/csrf/form")).header("x-csrf-token", token).send().is(200);
        }
        let elsewhere = sign_in(&t, "alice");
        own(after.post(&t, "/csrf/form")).header("x-csrf-token", &elsewhere.token).send().refused(403, CODE);
    }

    fn a_login_by_the_provider_itself_has_tokens(t) {
        t = pairs();
        let pair = t.session(LoginRequest::for_subject("alice"));
        let access = pair.access_token().expose();
        let payload = t.app.auth.verify_signature_and_claims(access, Purpose::Access).unwrap();
        let token = t.app.auth.csrf_token_for(&payload).unwrap();
        let post = || own(t.post("/csrf/form")).header("cookie", format!("__Host-session={access}"));
        post().header("x-csrf-token", token.value().unwrap()).send().is(200);
        post().send().refused(403, CODE);
    }
}
