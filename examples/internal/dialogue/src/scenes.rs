//! The scenes. Each gets the path of a quickstart and starts it anew.

mod pages;
mod sessions;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fauth_core::token::Algorithm;
pub use pages::{
    a_page_for_everybody_names_its_visitor, a_sign_in_leads_back_to_where_it_was_asked_for,
    a_sign_out_ends_the_session_in_all_tabs, a_wrong_password_shows_the_form_again, admins_have_a_page,
    forms_and_scripts_bring_the_token_of_their_session, forms_of_other_origins_change_nothing,
    its_cookies_are_secure_where_others_can_reach_it, notes_are_added_by_scripts,
    pages_are_plain_and_kept_by_no_cache, the_pages_are_these_bytes, whoever_asks_to_be_remembered_is,
    whoever_is_signed_in_needs_no_form,
};
use serde_json::{Value, json};
pub use sessions::{
    a_stolen_refresh_token_ends_its_session, logins_outlive_the_program_in_a_database,
    logout_ends_the_session, logout_everywhere_ends_all_sessions, sessions_are_listed_and_ended,
    sessions_in_postgres_outlive_the_revocations_in_redis, sessions_show_the_client_behind_a_trusted_proxy,
    three_instances_share_redis,
};

use crate::{
    http::{Connection, Request, Response},
    server::{Failure, Server},
};

const SECRET: &str = "dialogue-only-4c1f8e07b2d9563a-f0a7d2c4";

/// What the core's own challenge is where no credential was sent.
const CHALLENGE: &str = "Bearer realm=\"fauth\"";
const INVALID_TOKEN_CHALLENGE: &str = "Bearer realm=\"fauth\", error=\"invalid_token\", error_description=\"The token is invalid or has expired\"";

fn play(program: &str, scene: impl FnOnce(&Server)) {
    play_with(program, &[("FAUTH_SECRET_KEY", SECRET)], scene);
}

fn play_with(program: &str, environment: &[(&str, &str)], scene: impl FnOnce(&Server)) {
    let server = Server::start(program, environment);
    for password in ["green-ideas-sleep", "hunter2-and-a-half", "seventeen-old-hats", "wrong-s3cr3t"] {
        server.mark(password);
    }
    scene(&server);
    server.stop();
}

/// A pair of tokens.
struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("content-type"), Some("application/json"));
        let body = response.json();
        let mut names: Vec<_> = body.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["access_token", "expires_in", "refresh_token", "token_type"]);
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(900)));
        let token = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: token("access_token"), refresh: token("refresh_token") }
    }
}

fn credentials(username: &str, password: &str) -> Value {
    json!({ "username": username, "password": password })
}

fn log_in(server: &Server, username: &str, password: &str) -> Pair {
    Pair::of(&server.send(Request::post("/login").json(&credentials(username, password))))
}

fn alice(server: &Server) -> Pair {
    log_in(server, "alice", "green-ideas-sleep")
}

fn bob(server: &Server) -> Pair {
    log_in(server, "bob", "hunter2-and-a-half")
}

fn refresh(server: &Server, token: &str) -> Response {
    server.mark(token);
    server.send(Request::post("/refresh").json(&json!({ "refresh_token": token })))
}

fn is_ok(response: &Response, body: &Value) {
    assert_eq!((response.status, response.text()), (200, &*body.to_string()));
    // poem's own JSON names the charset as well.
    let content_type = response.header("content-type").unwrap_or_default();
    assert!(
        ["application/json", "application/json; charset=utf-8"].contains(&content_type),
        "{content_type}"
    );
}

/// The whole of a refusal: the core decides about every byte of it, so it is the same everywhere.
fn is_refused(response: &Response, status: u16, title: &str, detail: &str, error: &str) {
    let body = format!(r#"{{"title":"{title}","status":{status},"detail":"{detail}","error":"{error}"}}"#);
    assert_eq!((response.status, response.text()), (status, &*body));
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

fn is_anonymous(response: &Response) {
    is_refused(response, 401, "Unauthorized", "Not authenticated", "missing_credential");
    assert_eq!(response.header("www-authenticate"), Some(CHALLENGE));
}

fn is_bad_token(response: &Response) {
    is_refused(response, 401, "Unauthorized", "The token is invalid or has expired", "invalid_token");
    assert_eq!(response.header("www-authenticate"), Some(INVALID_TOKEN_CHALLENGE));
}

fn is_forbidden(response: &Response, detail: &str, error: &str) {
    is_refused(response, 403, "Forbidden", detail, error);
    let challenge = response.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer realm=\"fauth\", error=\"insufficient_scope\""), "{challenge}");
}

/// Whoever starts it knows where it listens and what to do next, in a terminal and in a browser.
pub fn start_line_names_the_address_and_three_commands(program: &str) {
    play(program, |server| {
        let address = server.address().to_string();
        assert!(server.address().ip().is_loopback());
        let [start, commands @ .., page] = server.greeting() else { panic!() };
        let (_, name) = program.rsplit_once('/').unwrap();
        assert_eq!(*start, format!("{name} listens on http://{address}"));
        assert_eq!(commands.len(), 3);
        for command in commands {
            assert!(command.trim().starts_with("curl ") && command.contains(&address), "{command}");
        }
        assert_eq!(page.trim(), format!("and in a browser: http://{address}/session/dashboard"));
    });
}

/// A page for everybody.
pub fn open_page(program: &str) {
    play(program, |server| {
        let page = server.get("/");
        assert_eq!((page.status, page.text()), (200, "Welcome. Log in at POST /login.\n"));
        assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(server.get("/nowhere").status, 404);
    });
}

/// A login gives a pair of tokens, however the form is written.
pub fn login_by_json_and_by_form(program: &str) {
    play(program, |server| {
        let by_json = alice(server);
        let form = [("username", "alice"), ("password", "green-ideas-sleep")];
        let by_form = Pair::of(&server.send(Request::post("/login").form(&form)));
        for pair in [by_json, by_form] {
            is_ok(&server.get_with("/me", &pair.access), &json!({"message": "Hello alice"}));
        }
    });
}

/// Nobody learns who exists.
pub fn failed_logins_look_alike(program: &str) {
    play(program, |server| {
        for (username, password) in [
            ("alice", "wrong-s3cr3t"),
            ("mallory", "green-ideas-sleep"),
            ("carol", "seventeen-old-hats"),
            ("carol", "wrong-s3cr3t"),
            ("alice", ""),
            ("", "green-ideas-sleep"),
        ] {
            let json = Request::post("/login").json(&credentials(username, password));
            let form = Request::post("/login").form(&[("username", username), ("password", password)]);
            for request in [json, form] {
                let response = server.send(request);
                is_refused(&response, 401, "Unauthorized", "Invalid credentials", "invalid_credentials");
                assert_eq!(response.header("www-authenticate"), Some(CHALLENGE));
            }
        }
    });
}

/// A route whose handler takes a `CurrentUser`.
pub fn me_needs_a_token(program: &str) {
    play(program, |server| {
        is_anonymous(&server.get("/me"));
        is_bad_token(&server.get_with("/me", "no.good.token"));
        let stranger = fauth_testing::sign(
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            &claims("alice", "access", Duration::from_secs(60)).to_string(),
        );
        is_bad_token(&server.get_with("/me", &stranger));
        is_ok(&server.get_with("/me", &alice(server).access), &json!({"message": "Hello alice"}));
        is_ok(&server.get_with("/me", &bob(server).access), &json!({"message": "Hello bob"}));

        let twice = Request::get("/me").bearer("one.two.three").bearer("one.two.four");
        assert_eq!(server.send(twice).status, 400);
        let other_scheme = Request::get("/me").header("authorization", "Basic YWxpY2U6czNjcmV0");
        is_anonymous(&server.send(other_scheme));
    });
}

/// A route behind a role.
pub fn admin_needs_the_role(program: &str) {
    play(program, |server| {
        is_anonymous(&server.get("/admin"));
        let response = server.get_with("/admin", &bob(server).access);
        is_forbidden(&response, "Missing role: admin", "missing_role");
        let response = server.get_with("/admin", &alice(server).access);
        is_ok(&response, &json!({"secret_data": "Top secret admin info"}));
    });
}

/// Everything below the prefix of a group with a role is inside, whether there is a route or not.
pub fn admin_owns_its_whole_prefix(program: &str) {
    play(program, |server| {
        let (admin, other) = (alice(server).access, bob(server).access);
        for path in ["/admin", "/admin/", "/admin/x"] {
            is_anonymous(&server.get(path));
            is_anonymous(&server.send(Request::post(path)));
            is_forbidden(&server.get_with(path, &other), "Missing role: admin", "missing_role");
        }
        let body = json!({"secret_data": "Top secret admin info"});
        for path in ["/admin", "/admin/"] {
            is_ok(&server.get_with(path, &admin), &body);
        }
        assert_eq!(server.get_with("/admin/x", &admin).status, 404);
        // The prefix ends at a slash.
        assert_eq!(server.get("/administration").status, 404);
    });
}

/// A route behind a permission.
pub fn reports_need_the_permission(program: &str) {
    play(program, |server| {
        is_anonymous(&server.get("/reports"));
        let response = server.get_with("/reports", &bob(server).access);
        is_forbidden(&response, "Missing permission: write", "missing_permission");
        let response = server.get_with("/reports", &alice(server).access);
        is_ok(&response, &json!({"reports": ["2026-10", "2026-11"]}));
    });
}

/// A route whose handler takes a `MaybeUser`.
pub fn whoami_is_for_everybody_but_bad_tokens(program: &str) {
    play(program, |server| {
        is_ok(&server.get("/whoami"), &json!({"user": null}));
        is_ok(&server.get_with("/whoami", &alice(server).access), &json!({"user": "alice"}));
        is_bad_token(&server.get_with("/whoami", "no.good.token"));
    });
}

/// Nothing of a group can be seen from outside, not even which paths and methods exist.
pub fn group_refuses_the_anonymous(program: &str) {
    play(program, |server| {
        let paths =
            ["/internal", "/internal/", "/internal/dashboard", "/internal/settings", "/internal/nowhere"];
        for path in paths {
            let whole = server.get(path);
            is_anonymous(&whole);
            is_bad_token(&server.get_with(path, "no.good.token"));
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
                is_anonymous(&server.send(Request::new(method, path)));
            }
            let preflight = Request::new("OPTIONS", path)
                .header("origin", "https://app.example.com")
                .header("access-control-request-method", "GET");
            is_anonymous(&server.send(preflight));

            // The driver has made sure that no byte follows the head.
            let head = server.send(Request::new("HEAD", path));
            assert_eq!(head.status, 401, "{path}");
            assert_eq!(head.header("www-authenticate"), Some(CHALLENGE));
            assert_eq!(head.header("content-type"), whole.header("content-type"));
            assert_eq!(head.header("transfer-encoding"), None);
            // RFC 9110 section 8.6 wants the length of the answer to GET or none.
            let length = head.header("content-length");
            let allowed = [None, whole.header("content-length")];
            assert!(allowed.contains(&length), "{path}: {length:?}");
        }
    });
}

/// Nor by asking for another protocol.
pub fn group_refuses_an_upgrade(program: &str) {
    play(program, |server| {
        for path in ["/internal/dashboard", "/internal/nowhere"] {
            let request = Request::get(path)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            is_anonymous(&server.send(request));
        }
    });
}

/// From inside it is an ordinary part of the application.
pub fn group_opens_with_a_token(program: &str) {
    play(program, |server| {
        for token in [alice(server).access, bob(server).access] {
            is_ok(&server.get_with("/internal/dashboard", &token), &json!({"data": "Secure dashboard"}));
            is_ok(&server.get_with("/internal/settings", &token), &json!({"theme": "dark"}));
            assert_eq!(server.get_with("/internal/nowhere", &token).status, 404);
            let request = Request::post("/internal/dashboard").bearer(&token);
            assert_eq!(server.send(request).status, 405);
            // Not every framework answers HEAD where there is only a GET. None may send a body,
            // which the driver has made sure of.
            let head = server.send(Request::new("HEAD", "/internal/dashboard").bearer(&token));
            assert!([200, 405].contains(&head.status), "{}", head.status);
        }
    });
}

/// A refresh token is good for a new pair.
pub fn refresh_gives_a_new_pair(program: &str) {
    play(program, |server| {
        let old = alice(server);
        let new = Pair::of(&refresh(server, &old.refresh));
        assert!(new.access != old.access && new.refresh != old.refresh);
        is_ok(&server.get_with("/me", &new.access), &json!({"message": "Hello alice"}));
        let by_form = Request::post("/refresh").form(&[("refresh_token", &new.refresh)]);
        Pair::of(&server.send(by_form));
        is_bad_token(&refresh(server, "no.good.token"));
    });
}

/// No token does the work of another.
pub fn each_token_has_one_purpose(program: &str) {
    play(program, |server| {
        let pair = alice(server);
        for path in ["/me", "/admin", "/reports", "/whoami", "/internal/dashboard"] {
            is_bad_token(&server.get_with(path, &pair.refresh));
        }
        is_bad_token(&refresh(server, &pair.access));
    });
}

/// Wrong methods, sizes and types.
pub fn endpoints_read_only_what_they_must(program: &str) {
    play(program, |server| {
        for path in ["/login", "/refresh", "/logout"] {
            for method in ["GET", "PUT"] {
                let response = server.send(Request::new(method, path));
                let detail = "The method is not one of: POST";
                is_refused(&response, 405, "Method Not Allowed", detail, "method_not_allowed");
                assert_eq!(response.header("allow"), Some("POST"));
            }
        }
        let form = format!("username=alice&password=green-ideas-sleep&padding={}", "x".repeat(20 * 1024));
        let large = Request::post("/login").body("application/x-www-form-urlencoded", form);
        let response = server.send(large);
        is_refused(&response, 413, "Content Too Large", "The body is too large", "payload_too_large");

        let text = Request::post("/login").body("text/plain", "username=alice&password=green-ideas-sleep");
        let detail = "The body must be JSON or, for a login, a form";
        let title = "Unsupported Media Type";
        is_refused(&server.send(text), 415, title, detail, "unsupported_media_type");

        let unreadable = "The body cannot be read as JSON or as a form";
        for (body, detail) in [
            ("", "Missing field `username`"),
            ("{}", "Missing field `username`"),
            ("{", unreadable),
            ("[]", unreadable),
            (r#"["alice","green-ideas-sleep"]"#, unreadable),
            (r#"{"username":"alice"}"#, "Missing field `password`"),
            (r#"{"username":"alice","password":5}"#, "The field `password` must be text in UTF-8"),
        ] {
            let response = server.send(Request::post("/login").body("application/json", body));
            is_refused(&response, 400, "Bad Request", detail, "invalid_request");
        }
    });
}

fn claims(subject: &str, token_type: &str, lifetime: Duration) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({
        "sub": subject,
        "exp": now + lifetime.as_secs(),
        "iat": now,
        "jti": "7c0b6f0e-5c0f-4d5b-9f57-0f6d7c1f2a33",
        "token_type": token_type,
        "scopes": [],
    })
}

/// As the Python fauth has minted them: nearly an hour ago, which is as long as they last.
fn python_token(subject: &str, token_type: &str) -> String {
    const AGE: u64 = 55 * 60;
    let mut claims = claims(subject, token_type, Duration::from_secs(5 * 60));
    claims["iat"] = json!(claims["iat"].as_u64().unwrap() - AGE);
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    fauth_testing::sign_with(Algorithm::HS256, SECRET.as_bytes(), header, claims.to_string())
}

/// A service that takes over from a Python one, with its secret, lets its users in.
pub fn python_tokens_open_me(program: &str) {
    let hello = json!({"message": "Hello alice"});
    let an_hour_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 3600;
    let an_hour_ago = an_hour_ago.to_string();
    takes_over(program, &an_hour_ago, &hello);
    // Where own tokens have the old format too, they could not be told from old ones.
    let old_format = [("FAUTH_SECRET_KEY", SECRET), ("FAUTH_TOKEN_PROFILE", "python-fauth")];
    let [secret, profile] = old_format;
    let failure = Failure::of(program, &[secret, profile, ("FAUTH_TRUST_SINCE", &an_hour_ago)]);
    assert!(failure.stderr.contains("python-fauth-migration"), "{}", failure.stderr);
    play_with(program, &old_format, |server| {
        is_ok(&server.get_with("/me", &alice(server).access), &hello);
        is_bad_token(&server.get_with("/me", &python_token("alice", "access")));
    });
    play(program, |server| is_bad_token(&server.get_with("/me", &python_token("alice", "access"))));
}

fn takes_over(program: &str, since: &str, hello: &Value) {
    let settings = [("FAUTH_SECRET_KEY", SECRET), ("FAUTH_TOKEN_PROFILE", "python-fauth-migration")];
    // Unless it is told, it does not know what was revoked before it was there.
    play_with(program, &settings, |server| {
        is_bad_token(&server.get_with("/me", &python_token("alice", "access")));
    });
    // And what is revoked in memory, a restart would revive.
    let [secret, profile] = settings;
    let failure = Failure::of(program, &[secret, profile, ("FAUTH_TRUST_SINCE", since)]);
    assert!(failure.stderr.contains("FAUTH_DANGER_TRUST_SINCE"), "{}", failure.stderr);
    play_with(program, &[secret, profile, ("FAUTH_DANGER_TRUST_SINCE", since)], |server| {
        is_ok(&server.get_with("/me", &python_token("alice", "access")), hello);
        is_ok(&server.get_with("/me", &alice(server).access), hello);
        is_bad_token(&server.get_with("/me", &python_token("alice", "refresh")));
        is_bad_token(&refresh(server, &python_token("alice", "access")));
        // It belongs to no session: its user logs in once more.
        is_bad_token(&refresh(server, &python_token("alice", "refresh")));
        is_bad_token(&server.get_with("/me", &python_token("carol", "access")));
        is_bad_token(&server.get_with("/me", &python_token("nobody", "access")));
    });
}

/// What the table at `AuthConfig` says holds here too, with a secret and without.
pub fn settings_come_from_the_environment(program: &str) {
    for secret in [Some(("FAUTH_SECRET_KEY", SECRET)), None] {
        let mut environment = vec![("FAUTH_REALM", "shop"), ("FAUTH_ACCESS_TOKEN_LIFETIME", "5m")];
        environment.extend(secret);
        play_with(program, &environment, |server| {
            let challenge = server.get("/me");
            assert_eq!(challenge.header("www-authenticate"), Some("Bearer realm=\"shop\""));
            let response =
                server.send(Request::post("/login").json(&credentials("alice", "green-ideas-sleep")));
            assert_eq!(response.json()["expires_in"], json!(300));
        });
    }
}

/// Without a secret a random one is made: good for a try, and for nothing beyond the process.
pub fn without_a_secret_each_start_has_its_own(program: &str) {
    let mut token: Option<String> = None;
    for _ in 0..2 {
        play_with(program, &[], |server| {
            if let Some(earlier) = &token {
                is_bad_token(&server.get_with("/me", earlier));
            }
            let pair = alice(server);
            is_ok(&server.get_with("/me", &pair.access), &json!({"message": "Hello alice"}));
            token = Some(pair.access);
        });
    }
}

/// A start that cannot go well ends with the reason and the fix.
pub fn bad_settings_stop_the_start(program: &str) {
    for (environment, reason, fix) in [
        (("FAUTH_SECRET_KEY", "too-short-8f3a"), "14 bytes", "openssl rand"),
        (("FAUTH_SECRET_KEY", ""), "empty", "openssl rand"),
        (("FAUTH_TOKEN_PROFILE", "python"), "FAUTH_TOKEN_PROFILE", "python-fauth"),
        (("FAUTH_TRUST_SINCE", "2026-11-01"), "FAUTH_TRUST_SINCE", "date -d"),
        (("FAUTH_TRUST_SINCE", "1767225600"), "FAUTH_TRUST_SINCE", "python-fauth-migration"),
        (("FAUTH_LEEWAY", "30"), "FAUTH_LEEWAY", "900s"),
        (("FAUTH_TRUSTED_PROXIES", "proxy"), "FAUTH_TRUSTED_PROXIES", "10.0.0.0/8"),
        (("FAUTH_ADDR", "nowhere"), "FAUTH_ADDR", "nowhere"),
        (("FAUTH_DATABASE_URL", "mysql://localhost/app"), "FAUTH_DATABASE_URL", "sqlite:"),
        (("RUST_LOG", "fauth=loud"), "RUST_LOG", "level"),
    ] {
        let failure = Failure::of(program, &[environment]);
        assert_eq!((failure.code, &*failure.stdout), (Some(1), ""), "{environment:?}: {failure:?}");
        assert!(failure.stderr.contains(reason) && failure.stderr.contains(fix), "{}", failure.stderr);
        assert!(!failure.stderr.contains("too-short-8f3a"), "{}", failure.stderr);
    }
}

/// A store is a feature of the program. Without it, a variable that asks for the store stops the
/// start.
pub fn a_store_that_is_not_built_in_names_its_feature(program: &str) {
    for (variable, url, feature) in [
        ("FAUTH_REDIS_URL", "redis://127.0.0.1/", "redis"),
        ("FAUTH_DATABASE_URL", "sqlite:sessions.db", "sqlite"),
        ("FAUTH_DATABASE_URL", "postgres://localhost/app", "postgres"),
    ] {
        let failure = Failure::of(program, &[("FAUTH_SECRET_KEY", SECRET), (variable, url)]);
        assert_eq!((failure.code, &*failure.stdout), (Some(1), ""), "{variable}: {failure:?}");
        for part in [variable, &format!("run with --features {feature}")] {
            assert!(failure.stderr.contains(part), "{part}: {}", failure.stderr);
        }
    }
}

/// A URL that demands TLS is not followed without it.
pub fn tls_that_is_not_built_in_names_its_feature(program: &str) {
    // Somebody has to listen: PostgreSQL is asked for TLS after the connection is there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    for (variable, url) in [
        ("FAUTH_REDIS_URL", format!("rediss://:pAss@{address}/")),
        ("FAUTH_DATABASE_URL", format!("postgres://me:pAss@{address}/app?sslmode=require")),
    ] {
        let failure = Failure::of(program, &[("FAUTH_SECRET_KEY", SECRET), (variable, &url)]);
        assert_eq!(failure.code, Some(1), "{failure:?}");
        for part in [variable, "feature `tls`"] {
            assert!(failure.stderr.contains(part), "{part}: {}", failure.stderr);
        }
        assert!(!failure.stderr.contains("pAss"), "{}", failure.stderr);
    }
}

/// A store that cannot be reached stops the start soon, and is named together with what it said.
pub fn a_store_that_is_not_there_is_named(program: &str) {
    let nobody = servers::free_port();
    for (variable, url, parts) in [
        ("FAUTH_REDIS_URL", format!("redis://:pAss@127.0.0.1:{nobody}/"), ["redis 127.0.0.1:", "refused"]),
        (
            "FAUTH_DATABASE_URL",
            format!("postgres://me:pAss@127.0.0.1:{nobody}/app"),
            ["PostgreSQL 127.0.0.1:", "refused"],
        ),
        (
            "FAUTH_DATABASE_URL",
            "sqlite:/nowhere/at/all.db".to_owned(),
            ["SQLite /nowhere/at/all.db", "unable"],
        ),
    ] {
        let start = std::time::Instant::now();
        let failure = Failure::of(program, &[("FAUTH_SECRET_KEY", SECRET), (variable, &url)]);
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        assert_eq!(failure.code, Some(1), "{failure:?}");
        for part in [variable, parts[0], parts[1]] {
            assert!(failure.stderr.contains(part), "{part}: {}", failure.stderr);
        }
        assert!(!failure.stderr.contains("pAss"), "{}", failure.stderr);
    }
}

/// A client that keeps its connection does not keep the program.
pub fn stops_with_an_idle_connection_open(program: &str) {
    let mut connections = Vec::new();
    play(program, |server| {
        let mut used = Connection::open(server.address());
        for _ in 0..2 {
            assert_eq!(used.send(&Request::get("/")).status, 200);
        }
        connections.push(used);
        connections.push(Connection::open(server.address()));
    });
}

/// Nor does one that never finishes what it says.
pub fn stops_with_an_unfinished_request(program: &str) {
    let mut connections = Vec::new();
    play(program, |server| {
        for beginning in
            ["GET /me HTTP/1.1\r\nhost: x\r\n", "POST /login HTTP/1.1\r\ncontent-length: 9\r\n\r\n"]
        {
            let mut connection = Connection::open(server.address());
            connection.send_raw(beginning.as_bytes());
            connections.push(connection);
        }
    });
}
