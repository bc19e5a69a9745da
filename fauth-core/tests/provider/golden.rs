//! The bytes of every answer, in files: whoever changes one sees it in the diff. `UPDATE_EXPECT=1`
//! writes them anew.

use std::{fmt::Write as _, time::Duration};

use expect_test::{ExpectFile, expect_file};
use fauth_core::{
    AuthProvider, AuthProviderBuilder, Purpose, TokenRequest,
    rejection::{
        CaspianRpc, DetailJson, ErrorJson, FastPluggyJson, FastwareJson, Pages, ProblemJson, Renderer,
    },
    reply::Reply,
    routes::Endpoint,
    transport::{CookieTransport, SameSite},
};
use fauth_testing::{ManualClock, TestUser, Users, WireRequest, memory_store};

use crate::support::{call, every_rejection, get, login_request, post};

/// As on the wire, headers in the order in which the core gives them.
fn text(reply: &Reply) -> String {
    let mut text = format!("{}\n", reply.status());
    for header in reply.headers() {
        writeln!(text, "{}: {}", header.name(), header.value()).unwrap();
    }
    text + "\n" + std::str::from_utf8(reply.body_bytes()).unwrap()
}

fn section(page: &mut String, title: &str, reply: &Reply) {
    write!(page, "## {title}\n\n{}\n\n", masked(text(reply).trim_end())).unwrap();
}

/// Tokens and session ids are random.
fn masked(text: &str) -> String {
    let text = text.split("{\"id\":\"").enumerate().fold(String::new(), |masked, (number, part)| {
        if number == 0 { masked + part } else { masked + "{\"id\":\"(session)" + &part[22..] }
    });
    let text = text.as_str();
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("eyJ") {
        let (before, token) = rest.split_at(start);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        masked = masked + before + "(token)";
        rest = token.trim_start_matches(is_token);
    }
    masked + rest
}

fn check_refusals(renderer: impl Renderer, expected: &ExpectFile) {
    check_refusals_of(renderer, |request| request, expected);
}

fn check_refusals_of(
    renderer: impl Renderer,
    sender: impl Fn(WireRequest) -> WireRequest,
    expected: &ExpectFile,
) {
    let auth = fauth_testing::provider().renderer(renderer).build().unwrap();
    let mut page = String::new();
    for (name, rejection) in every_rejection() {
        for method in ["GET", "HEAD"] {
            let reply = auth.refuse(&rejection, &sender(WireRequest::new(method, "/admin")));
            section(&mut page, &format!("{name}, {method}"), &reply);
        }
    }
    expected.assert_eq(&page);
}

#[test]
fn refusals_as_problem_json() {
    check_refusals(ProblemJson::new(), &expect_file!["../golden/problem.txt"]);
}

#[test]
fn refusals_as_the_python_fauth() {
    check_refusals(DetailJson::new(), &expect_file!["../golden/detail.txt"]);
}

#[test]
fn refusals_with_a_hint() {
    check_refusals(ErrorJson::new(), &expect_file!["../golden/error.txt"]);
}

#[test]
fn refusals_as_caspians_actions() {
    check_refusals(CaspianRpc::new(), &expect_file!["../golden/caspian.txt"]);
}

#[test]
fn refusals_as_fastpluggy() {
    check_refusals(FastPluggyJson::new(), &expect_file!["../golden/fastpluggy.txt"]);
}

#[test]
fn refusals_as_fastware() {
    check_refusals(FastwareJson::new(), &expect_file!["../golden/fastware.txt"]);
}

#[test]
fn refusals_for_browsers() {
    let browser = |request: WireRequest| request.header("accept", "text/html,*/*;q=0.8");
    check_refusals_of(Pages::new("/signin"), browser, &expect_file!["../golden/pages.txt"]);
}

/// Whatever a renderer says, the answer to HEAD differs from that to GET in the body alone.
#[test]
fn head_and_get_have_the_same_head() {
    let auth = fauth_testing::provider().build().unwrap();
    for (name, rejection) in every_rejection() {
        let get = auth.refuse(&rejection, &get("/"));
        let head = auth.refuse(&rejection, &WireRequest::new("HEAD", "/"));
        assert_eq!((get.status(), get.headers()), (head.status(), head.headers()), "{name}");
        assert!(head.body_bytes().is_empty() && !get.body_bytes().is_empty(), "{name}");
    }
}

async fn endpoints(page: &mut String, title: &str, builder: AuthProviderBuilder<TestUser>, carry: Carry) {
    let clock = ManualClock::new();
    let auth = &builder.clock(clock.clone()).build().unwrap();
    // One second each, so that there is one order in which sessions are listed.
    let log_in = async || {
        let pair = auth.login(TokenRequest::for_subject("alice").scope("read")).await.unwrap();
        clock.advance(Duration::from_secs(1));
        [pair.access_token(), pair.refresh_token()].map(|token| token.expose().to_owned())
    };
    let [access, refresh] = log_in().await;
    let [other, _] = log_in().await;
    let session = auth.verify_signature_and_claims(&other, Purpose::Access).unwrap();
    let session = format!("/sessions/{}", session.session_id().unwrap());
    let own =
        |request: WireRequest| request.header("host", "app.example").header("sec-fetch-site", "same-origin");
    let json = |body: serde_json::Value| own(post("/refresh")).body("application/json", body.to_string());
    let send = |method: &str, target: &str, name: &str, token: &str| {
        let request = own(WireRequest::new(method, target));
        match carry {
            Carry::Header => request.bearer(token),
            Carry::Cookie => request.header("cookie", format!("{name}={token}")),
            Carry::PlainCookie => {
                request.header("cookie", format!("{}={token}", name.trim_start_matches("__Host-")))
            }
        }
    };
    let with = |target: &str, name: &str, token: &str| send("POST", target, name, token);
    let sessions = |method: &str, target: &str| send(method, target, "__Host-session", &access);
    for (name, endpoint, request) in [
        ("login", Endpoint::Login, own(login_request("alice", "s3cret"))),
        ("login, wrong password", Endpoint::Login, own(login_request("alice", "wrong"))),
        ("login by GET", Endpoint::Login, get("/login")),
        ("refresh by body", Endpoint::Refresh, json(serde_json::json!({ "refresh_token": refresh }))),
        ("refresh without body", Endpoint::Refresh, with("/refresh", "__Host-refresh", &refresh)),
        (
            "refresh with an access token",
            Endpoint::Refresh,
            json(serde_json::json!({ "refresh_token": access })),
        ),
        ("sessions", Endpoint::Sessions, sessions("GET", "/sessions")),
        ("sessions by HEAD", Endpoint::Sessions, sessions("HEAD", "/sessions")),
        ("sessions without token", Endpoint::Sessions, own(get("/sessions"))),
        ("end of a session", Endpoint::Session, sessions("DELETE", &session)),
        ("end of an ended session", Endpoint::Session, sessions("DELETE", &session)),
        ("end of a session by POST", Endpoint::Session, sessions("POST", &session)),
        ("logout", Endpoint::Logout, with("/logout", "__Host-session", &access)),
        ("logout without token", Endpoint::Logout, own(post("/logout"))),
        ("sessions after logout", Endpoint::Sessions, sessions("GET", "/sessions")),
        ("refresh after logout", Endpoint::Refresh, json(serde_json::json!({ "refresh_token": refresh }))),
    ] {
        section(page, &format!("{title}, {name}"), &call(auth, endpoint, &request).await);
    }
    let [access, _] = log_in().await;
    let everywhere = with("/logout/all", "__Host-session", &access);
    let reply = call(auth, Endpoint::LogoutAll, &everywhere).await;
    section(page, &format!("{title}, logout everywhere"), &reply);
    let reply = call(auth, Endpoint::LogoutAll, &everywhere).await;
    section(page, &format!("{title}, logout everywhere once more"), &reply);
}

/// What a logout says depends on what is kept.
async fn worth_of_logout(page: &mut String) {
    let build = || fauth_testing::provider_without_store(fauth_testing::config(), &Users::new());
    for (title, builder) in [
        ("without revocation", build().session_store(memory_store()).danger_without_revocation()),
        ("stateless with revocation", build().revocation_store(memory_store()).danger_stateless()),
        ("stateless", build().danger_stateless()),
    ] {
        let auth = builder.build().unwrap();
        let pair = auth.login("alice").await.unwrap();
        let logout = post("/logout").bearer(pair.access_token().expose());
        section(page, &format!("{title}, logout"), &call(&auth, Endpoint::Logout, &logout).await);
    }
}

#[derive(Clone, Copy)]
enum Carry {
    Header,
    Cookie,
    PlainCookie,
}

#[tokio::test]
async fn answers_of_the_endpoints() {
    let mut page = String::new();
    let build = fauth_testing::provider;
    let strict = CookieTransport::new().same_site(SameSite::Strict);
    let named = CookieTransport::new().names("__Host-id", "__Host-again").unwrap();
    for (title, builder, carry) in [
        ("bearer", build(), Carry::Header),
        ("cookie", build().transport(CookieTransport::new()), Carry::Cookie),
        ("strict cookie", build().transport(strict), Carry::Cookie),
        ("insecure cookie", build().transport(CookieTransport::new().danger_insecure()), Carry::PlainCookie),
        ("cookie of another name", build().transport(named), Carry::Cookie),
    ] {
        endpoints(&mut page, title, builder, carry).await;
    }
    Box::pin(worth_of_logout(&mut page)).await;
    expect_file!["../golden/endpoints.txt"].assert_eq(&page);
}

#[test]
fn the_answer_without_a_provider() {
    // One of these users lives, so that it is missing and not of other users.
    let _elsewhere = fauth_testing::provider().build().unwrap();
    let mut page = String::new();
    for method in ["GET", "HEAD"] {
        let (rejection, reply) =
            AuthProvider::<TestUser>::missing(&WireRequest::new(method, "/x"), None, "add it");
        assert_eq!(rejection.reason(), "missing_provider");
        section(&mut page, &format!("no provider, {method}"), &reply);
    }
    expect_file!["../golden/without_provider.txt"].assert_eq(&page);
}
