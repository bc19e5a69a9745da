//! The service, talked to over a socket: what its page may do, and what a page of another origin
//! may.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use dialogue::{
    http::{Request, Response},
    server::Server,
};
use serde_json::json;

const STRANGER: &str = "http://127.0.0.1:9";

struct Service {
    server: Server,
    /// The trusted one.
    page_origin: String,
}

impl Service {
    fn start() -> Self {
        let server = Server::start(env!("CARGO_BIN_EXE_single-page"), &[("PAGE_ADDR", "127.0.0.1:0")]);
        let (_, page_origin) = server.greeting()[1].split_once(": ").unwrap();
        let page_origin = page_origin.to_owned();
        Self { server, page_origin }
    }

    /// As the script of a page sends it: from another port of the same host, so the site is the
    /// same, and the origin another.
    fn from(&self, origin: &str, request: Request) -> Response {
        self.server.send(request.header("origin", origin).header("sec-fetch-site", "same-site"))
    }

    fn preflight(&self, origin: &str, method: &str, path: &str) -> Response {
        let asked = Request::new("OPTIONS", path)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type,x-csrf-token");
        self.from(origin, asked)
    }

    fn sign_in(&self, name: &str, password: &str) -> User {
        self.server.mark(password);
        let body = json!({ "username": name, "password": password });
        let answer = self.from(&self.page_origin, Request::post("/login").json(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains("access_token"), "{}", answer.text());
        let user = User::of(&answer);
        user.0.iter().for_each(|(_, value)| value.split('.').for_each(|part| self.server.mark(part)));
        user
    }
}

/// The cookies of one.
struct User(Vec<(String, String)>);

impl User {
    fn of(answer: &Response) -> Self {
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        let pairs = set.filter_map(|(_, cookie)| cookie.split(';').next()?.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn cookies(&self) -> String {
        let cookies: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    fn csrf_token(&self) -> &str {
        let cookie = self.0.iter().find(|(name, _)| name == "csrf");
        cookie.map(|(_, token)| &**token).unwrap()
    }

    /// As the script of the page does.
    fn sends(&self, request: Request) -> Request {
        request.header("cookie", &self.cookies()).header("x-csrf-token", self.csrf_token())
    }
}

fn note(text: &str) -> Request {
    Request::post("/api/notes").json(&json!({ "text": text }))
}

/// The headers without which a browser keeps the answer from the script.
fn readable_by(answer: &Response) -> (Option<&str>, Option<&str>) {
    let header = |name| answer.header(name);
    (header("access-control-allow-origin"), header("access-control-allow-credentials"))
}

#[test]
fn the_trusted_origin_passes_with_credentials() {
    let service = Service::start();
    let page = &*service.page_origin;
    for (method, path) in [
        ("POST", "/login"),
        ("POST", "/refresh"),
        ("POST", "/logout"),
        ("GET", "/api/notes"),
        ("POST", "/api/notes"),
        ("DELETE", "/api/admin/notes"),
    ] {
        let answer = service.preflight(page, method, path);
        assert_eq!((answer.status, readable_by(&answer)), (200, (Some(page), Some("true"))), "{path}");
        let allowed = answer.header("access-control-allow-methods").unwrap();
        assert!(allowed.split(',').any(|allowed| allowed == method), "{method} {allowed}");
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type,x-csrf-token"));
    }

    let alice = service.sign_in("alice", "green-ideas-sleep");
    for (request, status) in [
        (Request::get("/api/notes"), 200),
        (note("milk"), 200),
        (Request::new("DELETE", "/api/admin/notes"), 200),
        (Request::post("/refresh"), 200),
    ] {
        let answer = service.from(page, alice.sends(request));
        assert_eq!((answer.status, readable_by(&answer)), (status, (Some(page), Some("true"))));
    }
    // A refusal too is read by the page, which refreshes then.
    let refused = service.from(page, Request::get("/api/notes"));
    assert_eq!((refused.status, readable_by(&refused)), (401, (Some(page), Some("true"))));
    service.server.stop();
}

#[test]
fn another_origin_reads_nothing_and_changes_nothing() {
    let service = Service::start();
    let alice = service.sign_in("alice", "green-ideas-sleep");
    let own = |request: Request| service.server.send(request.header("sec-fetch-site", "same-origin"));
    let https = service.page_origin.replacen("http:", "https:", 1);
    for origin in [STRANGER, "null", &https, &format!("{}.example", service.page_origin)] {
        let asked = service.preflight(origin, "POST", "/api/notes");
        assert_eq!(readable_by(&asked).0, None, "{origin}");

        // The browser sends it, and keeps the answer from the script.
        let read = service.from(origin, alice.sends(Request::get("/api/notes")));
        assert_eq!((read.status, readable_by(&read).0), (200, None), "{origin}");

        let body = json!({ "username": "alice", "password": "green-ideas-sleep" });
        for request in [
            alice.sends(note("spam")),
            alice.sends(Request::new("DELETE", "/api/admin/notes")),
            alice.sends(Request::post("/logout")),
            alice.sends(Request::post("/refresh")),
            Request::post("/login").json(&body),
        ] {
            let refused = service.from(origin, request.clone());
            assert_eq!((refused.status, readable_by(&refused).0), (403, None), "{origin} {request:?}");
            assert!(User::of(&refused).0.is_empty(), "{origin} {request:?}");
        }
    }
    let kept = own(alice.sends(Request::get("/api/notes")));
    assert_eq!((kept.status, kept.text()), (200, "[]"));
    service.server.stop();
}

/// A client that says nothing of its origin needs the token of its session.
#[test]
fn the_token_of_the_session_takes_the_place_of_the_origin() {
    let service = Service::start();
    let (alice, bob) =
        (service.sign_in("alice", "green-ideas-sleep"), service.sign_in("bob", "hunter2-and-a-half"));
    let send = |user: &User, token: Option<&User>| {
        let request = note("tea").header("cookie", &user.cookies());
        let request = match token {
            Some(of) => request.header("x-csrf-token", of.csrf_token()),
            None => request,
        };
        service.server.send(request).status
    };
    assert_eq!(send(&alice, Some(&alice)), 200);
    assert_eq!(send(&alice, None), 403);
    assert_eq!(send(&alice, Some(&bob)), 403);
    service.server.stop();
}

#[test]
fn only_an_admin_deletes() {
    let service = Service::start();
    let send = |user: &User, request| {
        let answer = service.server.send(user.sends(request).header("sec-fetch-site", "same-origin"));
        (answer.status, answer.text().to_owned())
    };
    let (alice, bob) =
        (service.sign_in("alice", "green-ideas-sleep"), service.sign_in("bob", "hunter2-and-a-half"));
    assert_eq!(send(&bob, note("tea")), (200, r#"[{"author":"bob","text":"tea"}]"#.to_owned()));
    assert_eq!(send(&bob, Request::get("/api/me")).1, r#"{"name":"bob","roles":[]}"#);
    assert_eq!(send(&bob, Request::new("DELETE", "/api/admin/notes")).0, 403);
    assert_eq!(send(&bob, Request::get("/api/notes")).1, r#"[{"author":"bob","text":"tea"}]"#);
    assert_eq!(send(&alice, Request::new("DELETE", "/api/admin/notes")), (200, "[]".to_owned()));
    for number in 0..25 {
        send(&bob, note(&number.to_string().repeat(300)));
    }
    let notes = service.server.send(bob.sends(Request::get("/api/notes"))).json();
    let notes = notes.as_array().unwrap();
    assert_eq!((notes.len(), notes[0]["text"].as_str().unwrap().len()), (20, 200));
    service.server.stop();
}

#[test]
fn the_page_has_a_policy_without_exceptions() {
    let service = Service::start();
    for file in ["/", "/page.js", "/page.css"] {
        let answer = service.server.get(file);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("connect-src 'self';"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let page = service.server.get("/");
    for inline in ["<style", "style=", "<script>", " on", "javascript:"] {
        let markup = page.text().split('<').map(|tag| tag.split('>').next().unwrap_or_default());
        assert!(!markup.map(|tag| format!("<{tag}>")).any(|tag| tag.contains(inline)), "{inline}");
    }
    service.server.stop();
}
