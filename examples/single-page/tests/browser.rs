//! The page, in a browser.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use browser::{Browser, ConsoleEntry, Options, Size};
use dialogue::server::Server;

/// Longer than a page takes to load on a busy machine, and short enough to wait for its end.
const SHORT: (&str, &str) = ("FAUTH_ACCESS_TOKEN_LIFETIME", "8s");

/// Loads the page's data again, and lets the second of the two refusals arrive late.
const LOAD_WITH_A_LATE_REFUSAL: &str = "
    const sent = window.fetch;
    window.fetch = async (url, options) => {
        const answer = await sent(url, options);
        const late = url.endsWith('/api/notes') && answer.status === 401;
        if (late) await new Promise((done) => setTimeout(done, 1000));
        return answer;
    };
    document.getElementById('user').textContent = '';
    attempt(load);
";

struct Page {
    browser: Browser,
    server: Server,
}

impl Page {
    fn start(environment: &[(&str, &str)]) -> Self {
        let elsewhere = ("PAGE_ADDR", "127.0.0.1:0");
        let server = Server::start(env!("CARGO_BIN_EXE_single-page"), &[environment, &[elsewhere]].concat());
        Self { browser: Browser::start(Options::new()), server }
    }

    /// The page beside the API, and the same page on another origin.
    fn urls(&self) -> [String; 2] {
        let (_, elsewhere) = self.server.greeting()[1].split_once(": ").unwrap();
        [format!("http://{}/", self.server.address()), format!("{elsewhere}/")]
    }

    #[track_caller]
    fn sign_in(&self, name: &str, password: &str) {
        self.server.mark(password);
        self.browser.wait_for("#sign-in-form");
        self.browser.fill("#identifier", name);
        self.browser.fill("#password", password);
        self.browser.click("#sign-in");
    }

    #[track_caller]
    fn add(&self, note: &str) {
        self.browser.fill("#note", note);
        self.browser.click("#add");
        self.browser.wait_for_text("#notes", note);
    }

    /// How many requests went to `/refresh` since this was last asked for; preflights do not count.
    fn refreshes(&self) -> usize {
        let requests = self.browser.requests();
        requests.iter().filter(|sent| sent.method == "POST" && sent.url.ends_with("/refresh")).count()
    }

    /// Waits until the access token has expired: the browser drops its cookie with it.
    fn wait_until_expired(&self) {
        self.browser.wait_until_cookie_ends("session");
        self.refreshes();
    }

    /// The same without the wait.
    fn expire(&self) {
        self.browser.delete_cookie("session");
        self.refreshes();
    }
}

#[test]
fn an_access_token_expires_and_is_refreshed() {
    let page = Page::start(&[SHORT]);
    let [url, _] = page.urls();
    page.browser.open(&url);
    page.sign_in("bob", "hunter2-and-a-half");
    page.browser.wait_for_text("#user", "bob");
    page.wait_until_expired();
    page.add("milk");
    assert_eq!(page.refreshes(), 1);
    page.browser.assert_console_says_only(&["status of 401"]);
    page.server.stop();
}

/// From both origins.
#[test]
fn an_expired_access_token_is_refreshed_once() {
    let page = Page::start(&[]);
    for url in page.urls() {
        page.browser.open(&url);
        page.sign_in("bob", "hunter2-and-a-half");
        page.browser.wait_for_text("#user", "bob");
        page.browser.assert_console_says_only(&[]);

        page.expire();
        page.add("milk");
        assert_eq!(page.refreshes(), 1, "{url}");

        // Two calls at once share one refresh, also if the one is refused only after the other has
        // been sent again.
        page.expire();
        page.browser.reload();
        page.browser.wait_for_text("#user", "bob");
        assert_eq!(page.refreshes(), 1, "{url}");
        page.expire();
        page.browser.script(LOAD_WITH_A_LATE_REFUSAL, &serde_json::Value::Null);
        page.browser.wait_for_text("#user", "bob");
        assert_eq!(page.refreshes(), 1, "{url}");
        page.browser.assert_console_says_only(&["status of 401"]);

        // The session ends elsewhere, here because its cookies are gone.
        page.browser.delete_cookies();
        page.browser.fill("#note", "tea");
        page.browser.click("#add");
        page.browser.wait_for_text("#error", "Your session has ended");
        assert!(page.browser.shows("#sign-in-form") && !page.browser.shows("#notes"));
        page.browser.assert_console_says_only(&["status of 401"]);
    }
    page.server.stop();
}

#[test]
fn users_sign_in_and_out() {
    let page = Page::start(&[]);
    let browser = &page.browser;
    let [url, _] = page.urls();
    browser.open(&url);
    assert_eq!(browser.title(), "Notes");
    browser.wait_for("#sign-in-form");
    browser.picture("sign-in");
    browser.assert_console_says_only(&[]);

    page.sign_in("alice", "wrong");
    browser.wait_for("#error");
    browser.assert_console_says_only(&["status of 401"]);
    assert!(browser.shows("#sign-in-form") && !browser.shows("#signed-in"));

    page.sign_in("bob", "hunter2-and-a-half");
    browser.wait_for_text("#user", "bob");
    assert!(!browser.shows("#error") && !browser.shows("#sign-in-form"));
    assert!(!browser.shows("#clear"), "a button for admins");
    page.add("<b>milk</b>");
    assert_eq!(browser.text("#notes b"), "", "a note is text");
    let readable = browser.script("return document.cookie", &serde_json::Value::Null).to_string();
    assert!(readable.starts_with("\"csrf=") && !readable.contains(';'), "the others are hidden: {readable}");

    // What happens in one tab is seen in the other.
    let first = browser.tab();
    browser.open_tab();
    browser.open(&url);
    browser.wait_for_text("#user", "bob");
    browser.click("#sign-out");
    browser.wait_for("#sign-in-form");
    browser.switch_to(&first);
    browser.wait_for("#sign-in-form");
    assert_eq!(browser.text("#notes"), "");

    page.sign_in("alice", "green-ideas-sleep");
    browser.wait_for_text("#notes", "milk");
    browser.resize(Size::PHONE);
    browser.assert_fits();
    browser.picture("phone");
    browser.click("#clear");
    browser.wait_for("#no-notes");
    assert_eq!(browser.text("#notes"), "");

    // Nothing is left for the next user of the machine: neither by the back button nor by a reload.
    browser.click("#sign-out");
    browser.wait_for("#sign-in-form");
    assert_eq!(browser.cookie_names(), [""; 0]);
    browser.assert_console_says_only(&[]);
    browser.open("about:blank");
    browser.assert_console_says_only(&[]);
    browser.back();
    browser.wait_for("#sign-in-form");
    assert_eq!(browser.text("#user"), "");
    // A page that is shown again from memory repeats what it has said before.
    let complaints: Vec<_> = browser.console().into_iter().filter(ConsoleEntry::is_error).collect();
    assert!(complaints.iter().all(|entry| entry.message.contains("/login - ")), "{complaints:?}");
    page.server.stop();
}
