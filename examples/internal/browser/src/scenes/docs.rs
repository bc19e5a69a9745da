//! The page with Swagger UI at `/docs`, and its Authorize button.

use std::path::Path;

use dialogue::{http::Request, server::Server};
use serde_json::Value;

use crate::{Browser, Options, Size};

/// The documentation page of a running program, in a browser.
struct DocsPage {
    browser: Browser,
    server: Server,
    origin: String,
}

/// Opens the page; tries an operation without and with a login, and one that asks for a role that
/// the user lacks; logs out. The log of the browser must show no error beside the refusals, and no
/// request to anywhere else.
pub fn the_authorize_button_works(program: &str) {
    let page = DocsPage::open(program, Options::new());
    page.browser.assert_console_says_only(&[]);
    page.assert_title_is_that_of_the_document();
    page.browser.picture("page");

    assert_eq!(page.try_out("/me"), "401");
    page.browser.assert_console_says_only(&["status of 401"]);

    page.log_in("alice", "wrong");
    page.browser.wait_for_text(".dialog-ux .errors", "Unauthorized");
    page.browser.picture("wrong-password");
    page.browser.assert_console_says_only(&["status of 401"]);
    page.close_dialog();

    page.log_in("alice", "green-ideas-sleep");
    page.browser.wait_for_text(".dialog-ux", "Authorized");
    page.browser.picture("authorized");
    page.close_dialog();
    assert_eq!(page.try_out("/me"), "200");
    assert_eq!(page.try_out("/admin"), "200");
    page.browser.assert_console_says_only(&[]);

    page.log_out();
    assert_eq!(page.try_out("/me"), "401");

    page.open_dialog();
    page.name_the_client();
    page.fill_in_and_send("bob", "hunter2-and-a-half");
    page.browser.wait_for_text(".dialog-ux", "Authorized");
    page.close_dialog();
    assert_eq!(page.try_out("/me"), "200");
    assert_eq!(page.try_out("/admin"), "403");
    page.browser.assert_console_says_only(&["status of 401", "status of 403"]);

    // Nothing is kept: the reader is a stranger again once the page is left.
    page.browser.reload();
    page.wait_until_rendered();
    assert_eq!(page.try_out("/me"), "401");
    assert_eq!(page.browser.cookie_names(), [""; 0], "the tokens were in the body");
    page.browser.assert_console_says_only(&["status of 401"]);

    page.browser.resize(Size::PHONE);
    page.browser.picture("phone");
    page.browser.assert_fits();
    page.assert_requests_stay_here();
    page.server.stop();
}

impl DocsPage {
    fn open(program: &str, options: Options) -> Self {
        let server = Server::start(program, &[]);
        let browser = Browser::start(options);
        let origin = format!("http://{}", server.address());
        browser.open(&format!("{origin}/docs"));
        let page = Self { browser, server, origin };
        page.wait_until_rendered();
        page
    }

    #[track_caller]
    fn wait_until_rendered(&self) {
        self.browser.wait_for(&operation("/me"));
        self.browser.wait_for(".auth-wrapper .authorize");
    }

    /// Sends the form of the dialog.
    #[track_caller]
    fn log_in(&self, name: &str, password: &str) {
        self.open_dialog();
        self.fill_in_and_send(name, password);
    }

    #[track_caller]
    fn fill_in_and_send(&self, name: &str, password: &str) {
        self.server.mark(password);
        self.browser.fill("#oauth_username", name);
        self.browser.fill("#oauth_password", password);
        self.browser.picture("dialog");
        self.browser.click("button[aria-label='Apply given OAuth2 credentials']");
    }

    /// Clients are nothing to us, and harm nothing. They are sent in the header unless the reader
    /// chooses the body.
    #[track_caller]
    fn name_the_client(&self) {
        self.browser.fill("#client_id_password", "client");
        self.browser.fill("#client_secret_password", "secret of the client");
    }

    #[track_caller]
    fn log_out(&self) {
        self.open_dialog();
        self.browser.click("button[aria-label='Remove authorization']");
        self.browser.wait_for("#oauth_username");
        self.close_dialog();
    }

    #[track_caller]
    fn open_dialog(&self) {
        self.browser.click(".auth-wrapper .authorize");
        self.browser.wait_for(".dialog-ux");
    }

    #[track_caller]
    fn close_dialog(&self) {
        self.browser.click(".dialog-ux .close-modal");
        self.browser.wait_until_gone(".dialog-ux");
    }

    /// "Try it out", "Execute": the status of the answer.
    #[track_caller]
    fn try_out(&self, path: &str) -> String {
        let operation = operation(path);
        let within = |css: &str| format!("{operation} {css}");
        if !self.browser.shows(&within(".opblock-body")) {
            self.browser.click(&within(".opblock-summary-control"));
            self.browser.click(&within(".try-out__btn"));
        }
        self.browser.click(&within(".execute"));
        let status = within(".live-responses-table tbody .response-col_status");
        self.browser.wait_for(&status);
        let shown = self.browser.text(&status);
        self.browser.picture(&format!("{}-{shown}", path.trim_start_matches('/')));
        // So that the next answer is not taken for this one.
        self.browser.click(&within(".btn-clear"));
        self.browser.wait_until_gone(&status);
        assert!(!shown.contains("Undocumented"), "{path} answers {shown}");
        shown
    }

    #[track_caller]
    fn assert_title_is_that_of_the_document(&self) {
        let document = self.server.get("/openapi.json").json();
        let title = document.pointer("/info/title").and_then(Value::as_str);
        assert_eq!(title, Some(&*self.browser.title()));
    }

    #[track_caller]
    fn assert_requests_stay_here(&self) {
        let requests = self.browser.requests();
        assert!(requests.iter().any(|request| request.url.ends_with("/openapi.json")), "{requests:?}");
        for request in requests {
            assert!(request.url.starts_with(&self.origin), "{} {}", request.method, request.url);
        }
    }
}

/// The box of the GET operation of this path.
fn operation(path: &str) -> String {
    format!(".opblock-get:has([data-path='{path}'])")
}

/// Every answer under `/docs` carries the policy; the files have their types, and nothing else is
/// there.
pub fn the_page_says_what_it_may_do(program: &str) {
    let server = Server::start(program, &[]);
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let ask = |method: &str, path: &str| {
        let answer = server.send(Request::new(method, path));
        assert_eq!(answer.header("content-security-policy"), Some(policy), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{method} {path}");
        answer
    };

    for (path, links) in [("/docs", "\"./docs/start.js\""), ("/docs/", "\"./start.js\"")] {
        let page = ask("GET", path);
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
        assert!(page.text().contains(links), "{path}: {}", page.text());
    }

    // What the page links to.
    let page = ask("GET", "/docs/");
    let links: Vec<_> = page.text().split('"').filter(|text| text.starts_with("./")).collect();
    assert_eq!(links.len(), 5);
    for link in links {
        let path = format!("/docs{}", link.trim_start_matches('.'));
        let file = ask("GET", &path);
        let name = path.split('?').next().unwrap_or_default();
        let (content_type, cached) = match Path::new(name).extension().and_then(|end| end.to_str()) {
            Some("js") => ("text/javascript; charset=utf-8", !name.ends_with("start.js")),
            Some("css") => ("text/css; charset=utf-8", !name.ends_with("page.css")),
            _ => ("image/png", true),
        };
        assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)), "{path}");
        assert!(!file.body.is_empty(), "{path}");
        let caching = if cached { "max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(file.header("cache-control"), Some(caching), "{path}");
        // Without the version the file may be another tomorrow.
        assert_eq!(ask("GET", name).header("cache-control"), Some("no-cache"), "{name}");
        assert_eq!(ask("GET", name).body, file.body, "{name}");

        let head = ask("HEAD", &path);
        assert_eq!((head.status, head.header("content-type")), (200, Some(content_type)), "{path}");
    }

    for path in ["/docs/nothing", "/docs/swagger-ui.js", "/docs/start.js/", "/docs/a/start.js"] {
        assert_eq!(ask("GET", path).status, 404, "{path}");
    }
    for path in ["/docs/%2e%2e/%2e%2e/Cargo.toml", "/docs/..%2fmain.rs", "/docs/..%5cmain.rs", "/docs/%00"] {
        let answer = server.send(Request::get(path));
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        for path in ["/docs", "/docs/start.js"] {
            let refused = ask(method, path);
            assert_eq!(
                (refused.status, refused.header("allow")),
                (405, Some("GET, HEAD")),
                "{method} {path}"
            );
        }
    }
    server.stop();
}
