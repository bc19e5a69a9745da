//! The pages under `/session` of a quickstart: HTML without scripts, a cookie, a form.

use std::{
    thread,
    time::{Duration, Instant},
};

use dialogue::server::Server;
use serde_json::{Value, json};

use crate::{Browser, Options, Size, site};

const SIGN_IN: &str = "/session/sign-in";
const DASHBOARD: &str = "/session/dashboard";
const ADMIN: &str = "/session/admin";

/// How long a short session lasts that nobody uses.
const VALIDITY: Duration = Duration::from_secs(5);

/// A quickstart, and somebody in front of a browser.
struct Pages {
    server: Server,
    browser: Browser,
}

/// Everything that one browser can try without being closed.
pub fn people_sign_in_and_out(program: &str) {
    let pages = Pages::start(program, Browser::start(Options::new()), &[]);
    pages.a_wrong_password_is_said();
    pages.the_sign_in_leads_back();
    pages.roles_open_pages();
    pages.a_form_of_another_origin_is_refused();
    pages.a_sign_out_is_seen_in_every_tab();
    pages.the_back_button_shows_nothing();
    pages.pages_fit_a_phone_and_the_dark();
    pages.server.stop();
}

/// Two starts of the service, and two restarts of the browser.
pub fn sessions_last_as_long_as_asked(program: &str) {
    let mut pages = Pages::start(program, Browser::start(Options::new()), &[]);
    pages.only_a_remembered_session_outlives_the_browser();
    let Pages { server, browser } = pages;
    server.stop();

    let validity = format!("{}s", VALIDITY.as_secs());
    let pages = Pages::start(program, browser, &[("FAUTH_REFRESH_TOKEN_LIFETIME", &validity)]);
    pages.a_session_that_is_used_goes_on();
    pages.server.stop();
}

impl Pages {
    fn start(program: &str, browser: Browser, environment: &[(&str, &str)]) -> Self {
        Self { server: Server::start(program, environment), browser }
    }

    // --- Scenes ---

    #[track_caller]
    fn a_wrong_password_is_said(&self) {
        self.open(SIGN_IN);
        self.assert_title("Sign in");
        assert!(!self.browser.shows("#error"));
        self.picture("sign-in");
        self.browser.assert_console_says_only(&[]);

        self.sign_in("alice", "wrong password");
        self.browser.wait_for("#error");
        self.assert_title("Sign in");
        self.picture("wrong-password");
        self.browser.assert_console_says_only(&["status of 401"]);
        // Nobody is signed in, and the page of the dashboard is not there.
        self.open(DASHBOARD);
        self.assert_is_asked_to_sign_in();
        assert_eq!(self.browser.cookie_names(), [""; 0]);
    }

    /// `next` keeps the path and the query of the page that somebody wanted.
    #[track_caller]
    fn the_sign_in_leads_back(&self) {
        let wanted = "/session/dashboard?of=tea%20%26%20milk";
        self.open(wanted);
        self.assert_is_asked_to_sign_in();
        self.sign_in("alice", "wrong password");
        self.browser.wait_for("#error");
        self.browser.assert_console_says_only(&["status of 401"]);
        self.sign_in("alice", "green-ideas-sleep");
        self.browser.wait_for_text("#user", "alice");
        assert_eq!(self.browser.url(), self.url(wanted), "the way back, also after a wrong password");
        self.assert_title("Dashboard");
        let readable = self.browser.script("return document.cookie", &Value::Null).to_string();
        let is_token_alone = readable.starts_with("\"csrf=") && !readable.contains(';');
        assert!(is_token_alone, "scripts see no session: {readable}");
        // Whoever is signed in has no use for the form.
        self.open(SIGN_IN);
        self.browser.wait_for_text("#user", "alice");
        self.sign_out();

        // It never leads elsewhere.
        for next in ["%2f%2f127.0.0.1:9%2f", "%2f%5c127.0.0.1:9%2f"] {
            self.open(&format!("{SIGN_IN}?next={next}"));
            self.sign_in("bob", "hunter2-and-a-half");
            self.browser.wait_for_text("#user", "bob");
            assert_eq!(self.browser.url(), self.url(DASHBOARD), "{next}");
            self.sign_out();
        }
        self.browser.assert_console_says_only(&[]);
    }

    #[track_caller]
    fn roles_open_pages(&self) {
        self.open(SIGN_IN);
        self.sign_in("bob", "hunter2-and-a-half");
        self.browser.wait_for_text("#user", "bob");
        self.open(ADMIN);
        self.assert_title("Not allowed");
        assert!(!self.browser.text("body").contains("secret"));
        self.browser.assert_console_says_only(&["status of 403"]);
        // The sign-in stays.
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "bob");
        self.sign_out();

        self.open(ADMIN);
        self.assert_is_asked_to_sign_in();
        self.sign_in("alice", "green-ideas-sleep");
        self.browser.wait_for_text("#user", "alice");
        assert_eq!(self.browser.url(), self.url(ADMIN));
        self.assert_title("Admin");
        self.browser.assert_console_says_only(&[]);
    }

    /// Alice is signed in. The other port is the same site, so that her cookie is sent, and another
    /// origin.
    #[track_caller]
    fn a_form_of_another_origin_is_refused(&self) {
        let credentials = "<input name=identifier value=bob><input name=password value=hunter2-and-a-half>";
        for (path, fields) in [("/session/sign-out", ""), (SIGN_IN, credentials)] {
            let action = self.url(path);
            self.visit_stranger(&format!(
                "<form method=post action=\"{action}\">{fields}<button id=send>Send</button></form>"
            ));
            self.browser.click("#send");
            self.browser.wait_for("#error");
            assert_eq!(self.browser.url(), action);
            self.assert_title("Not allowed");
            self.assert_alice_was_refused_a_request();
        }
        // What a script may send without being asked for by a preflight.
        self.visit_stranger("<p>Hello");
        let script = "fetch(arguments[0], {
            method: 'POST',
            mode: 'no-cors',
            credentials: 'include',
            headers: { 'Content-Type': 'text/plain' },
            body: JSON.stringify({ text: 'spam' }),
        }).finally(() => document.body.id = 'sent')";
        self.browser.script(script, &json!(self.url("/session/notes")));
        self.browser.wait_for("body#sent");
        self.assert_alice_was_refused_a_request();

        // The page's own form and script pass.
        self.add_note("tea");
        self.open(DASHBOARD);
        self.browser.wait_for_text("#notes", "tea");
        self.browser.assert_console_says_only(&[]);
    }

    #[track_caller]
    fn visit_stranger(&self, html: &str) {
        let stranger = site(format!("<!DOCTYPE html><link rel=icon href='data:,'><body>{html}"));
        self.browser.open(&format!("http://{stranger}/"));
        self.browser.assert_console_says_only(&[]);
    }

    /// The session, and what it keeps, are as before.
    #[track_caller]
    fn assert_alice_was_refused_a_request(&self) {
        self.browser.assert_console_says_only(&["status of 403"]);
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "alice");
        assert!(!self.browser.text("body").contains("spam"));
    }

    #[track_caller]
    fn a_sign_out_is_seen_in_every_tab(&self) {
        let first = self.browser.tab();
        self.browser.open_tab();
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "alice");
        self.sign_out();
        self.browser.switch_to(&first);
        self.browser.reload();
        self.assert_is_asked_to_sign_in();
        // And the sign-in of one tab is that of the other.
        self.sign_in("alice", "green-ideas-sleep");
        self.browser.wait_for_text("#user", "alice");
        self.browser.open_tab();
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "alice");
    }

    #[track_caller]
    fn the_back_button_shows_nothing(&self) {
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "alice");
        self.sign_out();
        self.browser.back();
        self.assert_is_asked_to_sign_in();
        assert!(self.browser.url().contains("next="), "the page was asked for again, and refused");
        assert!(!self.browser.text("body").contains("Welcome"), "{}", self.browser.text("body"));
        assert_eq!(self.browser.cookie_names(), [""; 0]);
        self.browser.assert_console_says_only(&[]);
    }

    #[track_caller]
    fn pages_fit_a_phone_and_the_dark(&self) {
        self.browser.resize(Size::PHONE);
        let ground = |browser: &Browser| {
            browser.script("return getComputedStyle(document.body).backgroundColor", &Value::Null)
        };
        let [light, dark] = [false, true].map(|dark| {
            let picture = |page: &str| {
                self.picture(&format!("phone-{page}{}", if dark { "-dark" } else { "" }));
            };
            self.browser.prefer_dark(dark);
            self.open(SIGN_IN);
            self.browser.assert_fits();
            let ground = ground(&self.browser);
            picture("sign-in");
            self.sign_in("alice", "green-ideas-sleep");
            self.browser.wait_for_text("#user", "alice");
            self.browser.assert_fits();
            picture("dashboard");
            self.open("/session/admin");
            self.browser.assert_fits();
            self.sign_out();
            ground
        });
        assert_ne!(light, dark, "the dark is dark");
        self.browser.resize(Size::DESKTOP);
        self.open(SIGN_IN);
        self.picture("sign-in-dark");
        self.sign_in("alice", "green-ideas-sleep");
        self.browser.wait_for_text("#user", "alice");
        self.picture("dashboard-dark");
        self.browser.prefer_dark(false);
        self.picture("dashboard");
        self.sign_out();
        self.browser.assert_console_says_only(&[]);
    }

    #[track_caller]
    fn only_a_remembered_session_outlives_the_browser(&mut self) {
        self.open(SIGN_IN);
        self.sign_in("bob", "hunter2-and-a-half");
        self.browser.wait_for_text("#user", "bob");
        self.browser.restart();
        self.open(DASHBOARD);
        self.assert_is_asked_to_sign_in();
        assert_eq!(self.browser.cookie_names(), [""; 0]);

        self.browser.click("#remember");
        self.sign_in("bob", "hunter2-and-a-half");
        self.browser.wait_for_text("#user", "bob");
        self.browser.restart();
        self.open(DASHBOARD);
        self.browser.wait_for_text("#user", "bob");
        self.sign_out();
        self.browser.assert_console_says_only(&[]);
    }

    /// For longer than its validity, as long as it is used; and without that, not any longer.
    #[track_caller]
    fn a_session_that_is_used_goes_on(&self) {
        self.open(SIGN_IN);
        self.sign_in("bob", "hunter2-and-a-half");
        self.browser.wait_for_text("#user", "bob");
        let begun = Instant::now();
        while begun.elapsed() < VALIDITY + VALIDITY / 3 {
            thread::sleep(VALIDITY / 8);
            self.browser.reload();
            self.browser.wait_for_text("#user", "bob");
        }
        thread::sleep(VALIDITY + Duration::from_secs(1));
        self.browser.reload();
        self.assert_is_asked_to_sign_in();
        self.browser.assert_console_says_only(&[]);
    }

    // --- What people do, and see ---

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    #[track_caller]
    fn open(&self, path: &str) {
        self.browser.open(&self.url(path));
    }

    #[track_caller]
    fn sign_in(&self, name: &str, password: &str) {
        self.server.mark(password);
        self.browser.fill("#identifier", name);
        self.browser.fill("#password", password);
        self.browser.click("#sign-in");
    }

    #[track_caller]
    fn sign_out(&self) {
        self.browser.click("#sign-out");
        self.assert_is_asked_to_sign_in();
    }

    /// As a script of the application would; the pages of the session have none, and may have none.
    #[track_caller]
    fn add_note(&self, text: &str) {
        self.open("/docs");
        let script = "fetch('/session/notes', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ text: arguments[0] }),
        }).then((answer) => document.body.id = 'status-' + answer.status)";
        self.browser.script(script, &json!(text));
        self.browser.wait_for("body#status-200");
    }

    fn picture(&self, name: &str) {
        self.browser.picture(&format!("session-{name}"));
    }

    #[track_caller]
    fn assert_is_asked_to_sign_in(&self) {
        self.browser.wait_for("#sign-in");
        self.assert_title("Sign in");
        assert!(self.browser.url().starts_with(&self.url(SIGN_IN)), "{}", self.browser.url());
        assert_eq!(self.browser.text("#user"), "");
    }

    #[track_caller]
    fn assert_title(&self, title: &str) {
        assert_eq!(self.browser.title(), title, "{}:\n{}", self.browser.url(), self.browser.text("body"));
    }
}
