//! The pages, as a browser asks for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Request, Response, SECRET, Server, is_refused, play, play_with};
use crate::server::Failure;

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const SIGN_IN: &str = "/session/sign-in";
const DASHBOARD: &str = "/session/dashboard";
const WRONG: &str = "The name or the password is wrong.";
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// A browser: it keeps cookies, and says where its requests come from.
#[derive(Clone)]
struct Browser<'a> {
    server: &'a Server,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    const fn new(server: &'a Server) -> Self {
        Self { server, cookies: BTreeMap::new() }
    }

    fn signed_in(server: &'a Server, name: &str, password: &str) -> Self {
        let mut browser = Self::new(server);
        is_sent(&browser.sign_in(SIGN_IN, name, password), DASHBOARD);
        browser
    }

    fn get(&mut self, path: &str) -> Response {
        self.send(Request::get(path))
    }

    /// Sends a form of a page of this origin.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(Request::post(path).header("sec-fetch-site", "same-origin").form(fields))
    }

    fn sign_in(&mut self, path: &str, name: &str, password: &str) -> Response {
        self.post(path, &[("identifier", name), ("password", password)])
    }

    fn send(&mut self, request: Request) -> Response {
        let mut request = request.header("accept", ACCEPT).header("sec-fetch-mode", "navigate");
        if !self.cookies.is_empty() {
            request = request.header("cookie", &self.cookie());
        }
        let response = self.server.send(request);
        for (_, set) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            if set.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// All cookies, as they are sent.
    fn cookie(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// What sets the cookie of this name.
fn cookie_of<'r>(response: &'r Response, name: &str) -> &'r str {
    let prefix = format!("{name}=");
    let mut set = response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, set)| &**set);
    set.find(|set| set.starts_with(&prefix)).unwrap_or_else(|| panic!("no {name} in {:?}", response.headers))
}

/// The value of the hidden field.
fn token_in(page: &Response) -> &str {
    let (_, rest) = page.text().split_once("name=\"csrf_token\" value=\"").expect("a hidden field");
    rest.split('"').next().unwrap_or_default()
}

fn is_sent(response: &Response, location: &str) {
    assert_eq!((response.status, response.text()), (303, ""), "{}", response.text());
    assert_eq!(response.header("location"), Some(location));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn is_page(response: &Response, status: u16, title: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("content-security-policy"), Some(POLICY));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.header("referrer-policy"), Some("same-origin"));
    has(response, &format!("<title>{title}</title>"));
}

fn has(response: &Response, text: &str) {
    assert!(response.text().contains(text), "{text} in {}", response.text());
}

/// Whoever asks for a page signs in first, and sees it then.
pub fn a_sign_in_leads_back_to_where_it_was_asked_for(program: &str) {
    play(program, |server| {
        let mut browser = Browser::new(server);
        let asked = browser.get("/session/dashboard?tab=2");
        let form = "/session/sign-in?next=%2Fsession%2Fdashboard%3Ftab%3D2";
        is_sent(&asked, form);
        let page = browser.get(form);
        is_page(&page, 200, "Sign in");
        has(&page, &format!("<form method=\"post\" action=\"{form}\">"));
        is_sent(&browser.sign_in(form, "alice", "green-ideas-sleep"), "/session/dashboard?tab=2");
        for visits in 1..=2 {
            let page = browser.get("/session/dashboard?tab=2");
            is_page(&page, 200, "Dashboard");
            has(&page, "<span id=\"user\">alice</span>");
            has(&page, &format!("<span id=\"visits\">{visits}</span>"));
        }
        // Nowhere else, though.
        for next in ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2F%5Cevil.example"] {
            let mut browser = Browser::new(server);
            let form = format!("/session/sign-in?next={next}");
            has(&browser.get(&form), "action=\"/session/sign-in\"");
            is_sent(&browser.sign_in(&form, "bob", "hunter2-and-a-half"), DASHBOARD);
        }
    });
}

/// Nobody learns who exists, and nothing is lost but the password.
pub fn a_wrong_password_shows_the_form_again(program: &str) {
    play(program, |server| {
        let mut browser = Browser::new(server);
        let form = "/session/sign-in?next=%2Fsession%2Fadmin";
        let mut pages = Vec::new();
        for (name, password) in [
            ("alice", "wrong-s3cr3t"),
            ("mallory", "green-ideas-sleep"),
            ("carol", "seventeen-old-hats"),
            ("alice", ""),
            ("", "green-ideas-sleep"),
        ] {
            let page = browser.sign_in(form, name, password);
            is_page(&page, 401, "Sign in");
            assert_eq!(page.header("www-authenticate"), Some("Bearer realm=\"fauth\""));
            assert_eq!(page.header("set-cookie"), None);
            has(&page, &format!("<p id=\"error\" role=\"alert\">{WRONG}</p>"));
            has(&page, &format!("action=\"{form}\""));
            pages.push(page.text().replacen(&format!("value=\"{name}\""), "", 1));
        }
        pages.dedup();
        assert_eq!(pages.len(), 1, "{pages:?}");
        let page = browser.sign_in(form, "\"><script>alert(1)</script>", "x");
        has(&page, "value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\"");
        is_sent(&browser.sign_in(form, "alice", "green-ideas-sleep"), "/session/admin");

        let large = "x".repeat(20 * 1024);
        let response = Browser::new(server).sign_in(SIGN_IN, "alice", &large);
        assert!((400..500).contains(&response.status), "{}", response.status);
    });
}

/// By a cookie that outlasts the browser.
pub fn whoever_asks_to_be_remembered_is(program: &str) {
    play(program, |server| {
        let fields = [("identifier", "alice"), ("password", "green-ideas-sleep"), ("remember", "on")];
        for (fields, age) in
            [(&fields[..], "; Path=/; Max-Age=2592000;"), (&fields[..2], "; Path=/; HttpOnly;")]
        {
            let response = Browser::new(server).post(SIGN_IN, fields);
            is_sent(&response, DASHBOARD);
            let cookie = cookie_of(&response, "session");
            assert!(cookie.starts_with("session=ey") && cookie.contains(age), "{cookie}");
            assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
        }
    });
}

/// And is sent on.
pub fn whoever_is_signed_in_needs_no_form(program: &str) {
    play(program, |server| {
        let mut browser = Browser::signed_in(server, "alice", "green-ideas-sleep");
        is_sent(&browser.get(SIGN_IN), DASHBOARD);
        is_sent(&browser.get("/session/sign-in?next=/session/admin"), "/session/admin");
        is_sent(&browser.get("/session/sign-in?next=//evil.example"), DASHBOARD);
        is_sent(&browser.sign_in(SIGN_IN, "bob", "hunter2-and-a-half"), DASHBOARD);
        has(&browser.get(DASHBOARD), "<span id=\"user\">alice</span>");
    });
}

/// The way back shows nothing, and neither does another tab.
pub fn a_sign_out_ends_the_session_in_all_tabs(program: &str) {
    play(program, |server| {
        let mut browser = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let mut elsewhere = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let mut other_tab = browser.clone();
        let mut copy = browser.clone();
        // A link or an image signs nobody out.
        assert_eq!(browser.get("/session/sign-out").status, 405);
        is_page(&other_tab.get(DASHBOARD), 200, "Dashboard");

        let out = browser.post("/session/sign-out", &[]);
        is_sent(&out, SIGN_IN);
        assert!(browser.cookies.is_empty(), "they are deleted");
        let asked = "/session/sign-in?next=%2Fsession%2Fdashboard";
        is_sent(&browser.get(DASHBOARD), asked);
        is_sent(&other_tab.get(DASHBOARD), asked);
        assert!(other_tab.cookies.is_empty(), "they are deleted here too");
        is_sent(&copy.post("/session/sign-out", &[]), SIGN_IN);
        is_page(&elsewhere.get(DASHBOARD), 200, "Dashboard");
    });
}

/// And others are told that they may not see it.
pub fn admins_have_a_page(program: &str) {
    play(program, |server| {
        let mut browser = Browser::new(server);
        let form = "/session/sign-in?next=%2Fsession%2Fadmin";
        is_sent(&browser.get("/session/admin"), form);
        is_sent(&browser.sign_in(form, "bob", "hunter2-and-a-half"), "/session/admin");
        let page = browser.get("/session/admin");
        is_page(&page, 403, "Not allowed");
        has(&page, "<p id=\"error\">Missing role: admin</p>");
        let script = Request::get("/session/admin").header("cookie", &browser.cookie());
        let detail = "Missing role: admin";
        is_refused(&server.send(script), 403, "Forbidden", detail, "missing_role");

        let page = Browser::signed_in(server, "alice", "green-ideas-sleep").get("/session/admin");
        is_page(&page, 200, "Admin");
        has(&page, "<p>Top secret admin info</p>");
    });
}

/// They get documents, whatever happens.
pub fn notes_are_added_by_scripts(program: &str) {
    let note = |text: &str| Request::post("/session/notes").json(&json!({ "text": text }));
    let anonymous = |response: &Response| {
        is_refused(response, 401, "Unauthorized", "Not authenticated", "missing_credential");
    };
    play(program, |server| {
        anonymous(&server.send(note("milk")));
        anonymous(&server.send(note("milk").header("accept", ACCEPT)));
        let mut alice = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let bob = Browser::signed_in(server, "bob", "hunter2-and-a-half");
        let call = |browser: &Browser<'_>, text: &str, site: &str| {
            server.send(note(text).header("cookie", &browser.cookie()).header("sec-fetch-site", site))
        };
        let detail = "Missing permission: write";
        is_refused(&call(&bob, "milk", "same-origin"), 403, "Forbidden", detail, "missing_permission");
        for site in ["cross-site", "same-site"] {
            assert_eq!(call(&alice, "milk", site).json()["error"], "cross_site_request");
        }
        let added = call(&alice, "<b>milk</b>", "same-origin");
        assert_eq!((added.status, added.json()), (200, json!({ "notes": ["<b>milk</b>"] })));
        has(&alice.get(DASHBOARD), "<ul id=\"notes\">\n<li>&lt;b&gt;milk&lt;/b&gt;</li>\n</ul>");
        for number in 0..6 {
            call(&alice, &number.to_string(), "same-origin");
        }
        let notes = call(&alice, &"x".repeat(300), "same-origin").json();
        assert_eq!(notes["notes"], json!(["2", "3", "4", "5", "x".repeat(200)]));
        // Programs have tokens.
        let pair =
            server.send(Request::post("/login").json(&super::credentials("alice", "green-ideas-sleep")));
        let token = pair.json()["access_token"].as_str().map(str::to_owned).unwrap();
        assert_eq!(server.send(note("eggs").bearer(&token)).json(), json!({ "notes": ["eggs"] }));
    });
}

/// Neither of another site, nor of another port of this machine.
pub fn forms_of_other_origins_change_nothing(program: &str) {
    play(program, |server| {
        let address = server.address();
        let own = format!("http://{address}");
        let sign_in = |header: (&str, &str)| {
            let fields = [("identifier", "alice"), ("password", "green-ideas-sleep")];
            Browser::new(server).send(Request::post(SIGN_IN).header(header.0, header.1).form(&fields))
        };
        let port = address.port() ^ 1;
        let other_port = format!("http://127.0.0.1:{port}");
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", &other_port),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let response = sign_in(header);
            is_page(&response, 403, "Not allowed");
            assert_eq!(response.header("set-cookie"), None);
        }
        is_sent(&sign_in(("origin", &own)), DASHBOARD);

        let mut browser = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let foreign = Request::post("/session/sign-out").header("origin", &other_port).form(&[]);
        is_page(&browser.send(foreign), 403, "Not allowed");
        is_page(&browser.get(DASHBOARD), 200, "Dashboard");
    });
}

/// Where a request says nothing of its origin, the token of its session speaks for it.
pub fn forms_and_scripts_bring_the_token_of_their_session(program: &str) {
    play(program, |server| {
        let mut alice = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let page = alice.get(DASHBOARD);
        let own = token_in(&page);
        let page = Browser::signed_in(server, "alice", "green-ideas-sleep").get(DASHBOARD);
        let other = token_in(&page);
        let sign_out = |browser: &mut Browser<'_>, fields: &[(&str, &str)]| {
            browser.send(Request::post("/session/sign-out").form(fields))
        };
        for fields in [&[][..], &[("csrf_token", other)], &[("csrf_token", "x")]] {
            is_page(&sign_out(&mut alice, fields), 403, "Not allowed");
        }
        // Scripts find one in a cookie.
        let note = Request::post("/session/notes").json(&json!({ "text": "milk" }));
        let note = note.header("cookie", &alice.cookie());
        assert_eq!(server.send(note.clone()).json()["error"], "invalid_csrf_token");
        assert_eq!(server.send(note.clone().header("x-csrf-token", other)).status, 403);
        let value = &alice.cookies["csrf"];
        assert_eq!(server.send(note.header("x-csrf-token", value)).json(), json!({ "notes": ["milk"] }));
        is_page(&alice.get(DASHBOARD), 200, "Dashboard");
        is_sent(&sign_out(&mut alice, &[("csrf_token", own)]), SIGN_IN);
        assert!(alice.cookies.is_empty(), "{:?}", alice.cookies);
    });
}

/// A user, or a guest.
pub fn a_page_for_everybody_names_its_visitor(program: &str) {
    play(program, |server| {
        let page = Browser::new(server).get("/session/about");
        is_page(&page, 200, "About");
        has(&page, "<span id=\"user\">Guest</span>");
        has(&page, "<a href=\"/session/sign-in\">Sign in</a>");
        let page = Browser::signed_in(server, "bob", "hunter2-and-a-half").get("/session/about");
        has(&page, "<span id=\"user\">bob</span>");
        has(&page, "<a href=\"/session/dashboard\">Dashboard</a>");
        // What was never good is nobody's, and goes.
        let mut forger = Browser::new(server);
        forger.cookies.insert("session".to_owned(), "x".to_owned());
        is_sent(&forger.get("/session/about"), "/session/sign-in?next=%2Fsession%2Fabout");
        assert!(forger.cookies.is_empty());
    });
}

/// Neither scripts nor styles within, and labels for all fields.
pub fn pages_are_plain_and_kept_by_no_cache(program: &str) {
    play(program, |server| {
        let mut alice = Browser::signed_in(server, "alice", "green-ideas-sleep");
        let pages = [
            (Browser::new(server).get(SIGN_IN), 200, "Sign in"),
            (Browser::new(server).sign_in(SIGN_IN, "alice", "wrong-s3cr3t"), 401, "Sign in"),
            (alice.get(DASHBOARD), 200, "Dashboard"),
            (alice.get("/session/admin"), 200, "Admin"),
            (Browser::new(server).get("/session/about"), 200, "About"),
            (
                Browser::signed_in(server, "bob", "hunter2-and-a-half").get("/session/admin"),
                403,
                "Not allowed",
            ),
        ];
        for (page, status, title) in &pages {
            is_page(page, *status, title);
            let text = page.text();
            for hidden in ["<script", "<style", "style=", "javascript:", " onclick"] {
                assert!(!text.contains(hidden), "{hidden} in {text}");
            }
            assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">\n"), "{text}");
            has(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
            has(page, "<meta name=\"color-scheme\" content=\"light dark\">");
            has(page, "<link rel=\"stylesheet\" href=\"/session/style.css\">");
            for id in ["identifier", "password"] {
                let has_field = text.contains(&format!("id=\"{id}\""));
                assert_eq!(text.contains(&format!("<label for=\"{id}\">")), has_field, "{text}");
            }
        }
        let style = server.get("/session/style.css");
        assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
        has(&style, "color-scheme: light dark");
        has(&style, "prefers-color-scheme: dark");
    });
}

/// The same on all frameworks.
pub fn the_pages_are_these_bytes(program: &str) {
    play(program, |server| {
        let mut alice = Browser::signed_in(server, "alice", "green-ideas-sleep");
        for (page, expected) in [
            (
                Browser::new(server).get("/session/sign-in?next=/session/admin"),
                include_str!("pages/sign-in.html"),
            ),
            (alice.get(DASHBOARD), include_str!("pages/dashboard.html")),
            (
                Browser::signed_in(server, "bob", "hunter2-and-a-half").get("/session/admin"),
                include_str!("pages/not-allowed.html"),
            ),
        ] {
            let text = page.text();
            let is_form = text.contains("csrf_token");
            let masked = if is_form { text.replace(token_in(&page), "***") } else { text.to_owned() };
            assert_eq!(masked, expected);
        }
    });
}

/// A proxy that ends TLS may be on the same machine.
pub fn its_cookies_are_secure_where_others_can_reach_it(program: &str) {
    let environment = [("FAUTH_SECRET_KEY", SECRET), ("FAUTH_SECURE_COOKIES", "true")];
    play_with(program, &environment, |server| {
        let response = Browser::new(server).sign_in(SIGN_IN, "alice", "green-ideas-sleep");
        let cookie = cookie_of(&response, "__Host-session");
        assert!(cookie.starts_with("__Host-session=ey"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    });
    for (address, secure, problem) in [
        ("127.0.0.1:0", "yes", "FAUTH_SECURE_COOKIES: `yes` is neither true nor false"),
        ("0.0.0.0:0", "false", "FAUTH_SECURE_COOKIES: "),
    ] {
        let environment =
            [("FAUTH_SECRET_KEY", SECRET), ("FAUTH_ADDR", address), ("FAUTH_SECURE_COOKIES", secure)];
        let failure = Failure::of(program, &environment);
        assert_eq!(failure.code, Some(1));
        assert!(failure.stderr.contains(problem), "{}", failure.stderr);
    }
}
