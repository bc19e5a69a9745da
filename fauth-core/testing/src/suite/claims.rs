//! The scopes and custom claims that the application adds to the tokens of a login.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use fauth_core::{LoginRequest, TokenClaims, TokenRequest, token::IssuedToken, transport::CookieTransport};

use super::cases;
use crate::{
    TestUser, at_once,
    suite::{Harness, Probe},
};

const JSON: &str = "application/json";

/// Each permission is a scope; admins have a tenant.
async fn claims(user: Arc<TestUser>) -> io::Result<TokenClaims> {
    let claims = TokenClaims::new().scopes(user.permissions.iter().cloned());
    Ok(if user.roles.is_empty() { claims } else { claims.claim("tenant", "acme") })
}

fn loaded<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.token_claims(claims))
}

fn login_body(scope: &str) -> String {
    serde_json::json!({ "username": "alice", "password": "s3cret", "scope": scope }).to_string()
}

fn refresh_body(token: &str) -> String {
    serde_json::json!({ "refresh_token": token }).to_string()
}

cases! { $ __claims_tests in claims;
    fn the_ready_made_login_opens_routes_that_need_scopes(t) {
        t.get("/guards/scopes").bearer(t.login("alice", "s3cret").send().token("access_token")).send().refused(403, "missing_scope");
        t = loaded();
        let alice = t.login("alice", "s3cret").send();
        assert_eq!(alice.response.json()["scope"], "read write");
        let token = alice.token("access_token");
        t.get("/guards/scopes").bearer(&token).send().is(200).says("Hello alice");
        t.get("/guards/token").bearer(&token).send().says("access alice [read write] acme");
        let bob = t.login("bob", "hunter2").send().token("access_token");
        t.get("/guards/scopes").bearer(&bob).send().refused(403, "missing_scope");
        t.get("/guards/token").bearer(&bob).send().says("access bob [read] acme");
    }

    fn a_login_without_scopes_does_not_speak_of_them(t) {
        assert!(t.login("alice", "s3cret").send().response.json().get("scope").is_none());
        t = loaded();
        assert!(t.login("ed", "hunter2").send().response.json().get("scope").is_none());
    }

    /// RFC 6749 section 5.1: a client that requests scopes is told which it received.
    fn a_client_narrows_its_login(t) {
        t = loaded();
        for (asked, granted) in [
            ("read", "read"),
            (" write  read ", "read write"),
            ("read delete", "read"),
            ("delete", ""),
            ("READ", ""),
        ] {
            let seen = t.post("/login").body(JSON, login_body(asked)).send();
            assert_eq!(seen.is(200).response.json()["scope"], granted, "{asked}");
            let text = format!("access alice [{granted}] acme");
            t.get("/guards/token").bearer(seen.token("access_token")).send().says(&text);
        }
        // Swagger UI sends an empty field if nothing is chosen.
        let seen = t.post("/login").body(JSON, login_body("")).send();
        assert_eq!(seen.response.json()["scope"], "read write");
        let form = "grant_type=password&username=alice&password=s3cret&scope=read";
        let seen = t.post("/login").body("application/x-www-form-urlencoded", form).send();
        assert_eq!(seen.response.json()["scope"], "read");
        t.post("/login").body(JSON, r#"{"username":"alice","password":"s3cret","scope":["read"]}"#).send().refused(400, "invalid_request");
    }

    fn nothing_is_granted_that_nobody_loads(t) {
        let seen = t.post("/login").body(JSON, login_body("read")).send();
        assert_eq!(seen.is(200).response.json()["scope"], "");
        t.get("/guards/token").bearer(seen.token("access_token")).send().says("access alice [] -");
    }

    fn a_refresh_drops_what_was_taken_and_adds_nothing(t) {
        t = loaded();
        let refresh = |token: &str| t.post("/refresh").body(JSON, refresh_body(token)).send();
        let narrow = t.post("/login").body(JSON, login_body("read")).send().token("refresh_token");
        let whole = t.refresh_token("alice");
        t.users.change("alice", |alice| alice.permissions = vec!["read".into(), "delete".into()]);
        for token in [&narrow, &whole] {
            let seen = refresh(token);
            assert_eq!(seen.is(200).response.json()["scope"], "read");
            t.get("/guards/token").bearer(seen.token("access_token")).send().says("access alice [read] acme");
        }
        let next = refresh(&whole).token("refresh_token");
        t.users.change("alice", |alice| alice.permissions.clear());
        let lost = refresh(&next);
        // Without the member, the scopes would be unchanged.
        assert_eq!(lost.response.json()["scope"], "");
        let next = lost.token("refresh_token");
        t.users.change("alice", |alice| alice.permissions = vec!["read".into()]);
        let seen = refresh(&next);
        t.get("/guards/token").bearer(seen.token("access_token")).send().says("access alice [] acme");
    }

    fn a_refresh_asks_for_the_claims_again(t) {
        t = loaded();
        let token = t.refresh_token("alice");
        t.users.change("alice", |alice| alice.roles.clear());
        let seen = t.post("/refresh").body(JSON, refresh_body(&token)).send();
        t.get("/guards/token").bearer(seen.token("access_token")).send().says("access alice [read write] -");
    }

    fn what_a_login_says_itself_is_narrowed_and_stays(t) {
        t = loaded();
        let request = || TokenRequest::for_subject("alice").scopes(["write", "delete"]).claim("tenant", "own");
        let pair = t.session(LoginRequest::from(request()));
        let text = "access alice [write] own";
        t.get("/guards/token").bearer(pair.access_token().expose()).send().says(text);
        let seen = t.post("/refresh").body(JSON, refresh_body(pair.refresh_token().expose())).send();
        t.get("/guards/token").bearer(seen.token("access_token")).send().says(text);
        let narrowed = t.session(LoginRequest::from(request()).narrow_scopes(["read"]));
        t.get("/guards/token").bearer(narrowed.access_token().expose()).send().says("access alice [] own");
    }

    fn an_own_login_gets_the_claims_too(t) {
        t = loaded();
        let token = t.post("/own/login").send().token("access_token");
        t.get("/guards/token").bearer(token).send().says("access alice [read write] acme");
    }

    fn a_loader_that_fails_uses_nothing_up(t) {
        let failing = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&failing);
        t = Probe::build(|builder| {
            builder.token_claims(move |user: Arc<TestUser>| {
                let fails = asked.load(SeqCst);
                async move { if fails { Err(io::Error::other("no claims")) } else { claims(user).await } }
            })
        });
        let token = t.refresh_token("alice");
        failing.store(true, SeqCst);
        t.login("alice", "s3cret").send().refused(503, "unavailable");
        t.post("/refresh").body(JSON, refresh_body(&token)).send().refused(503, "unavailable");
        // After the grace window: the token was not exchanged.
        t.clock.advance(std::time::Duration::from_secs(60));
        failing.store(false, SeqCst);
        t.post("/refresh").body(JSON, refresh_body(&token)).send().is(200);
    }

    /// Oversized claims are detected before the session, the refresh token or the previous cookies
    /// are given up.
    fn claims_that_are_too_long_use_nothing_up(t) {
        for (cookies, length) in [(false, 9_000), (true, 4_000)] {
            let long = Arc::new(AtomicBool::new(false));
            let asked = Arc::clone(&long);
            t = Probe::build(|builder| {
                let builder = builder.token_claims(move |_: Arc<TestUser>| {
                    let text = "x".repeat(if asked.load(SeqCst) { length } else { 1 });
                    async move { io::Result::Ok(TokenClaims::new().claim("text", text)) }
                });
                if cookies { builder.transport(CookieTransport::new()) } else { builder }
            });
            let pair = t.session("alice");
            let cookie = format!("__Host-refresh={}", pair.refresh_token().expose());
            let post = |path: &str| t.post(path).header("sec-fetch-site", "same-origin").header("cookie", &cookie);
            let refresh = || {
                let body = refresh_body(pair.refresh_token().expose());
                if cookies { post("/refresh") } else { post("/refresh").body(JSON, body) }
            };
            let login = || post("/login").body(JSON, login_body(""));
            long.store(true, SeqCst);
            login().send().refused(500, "misconfigured").lacks("set-cookie");
            refresh().send().refused(500, "misconfigured");
            t.clock.advance(std::time::Duration::from_secs(60));
            long.store(false, SeqCst);
            assert_eq!(at_once(t.app.auth.sessions("alice")).unwrap().len(), 1, "no session was opened or ended");
            refresh().send().is(200);
        }
    }

    /// The previous session ends only when the new one exists.
    fn a_login_that_fails_ends_no_session(t) {
        let failing = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&failing);
        t = Probe::build(|builder| {
            let builder = builder.transport(CookieTransport::new());
            builder.token_claims(move |user: Arc<TestUser>| {
                let fails = asked.load(SeqCst);
                async move { if fails { Err(io::Error::other("no claims")) } else { claims(user).await } }
            })
        });
        let pair = t.session("alice");
        let [session, refresh] = [pair.access_token(), pair.refresh_token()].map(IssuedToken::expose);
        let cookies = format!("__Host-session={session}; __Host-refresh={refresh}");
        let login = || t.login("alice", "s3cret").header("cookie", &cookies).header("sec-fetch-site", "same-origin");
        failing.store(true, SeqCst);
        login().send().refused(503, "unavailable");
        t.get("/me").header("cookie", &cookies).send().is(200);
        failing.store(false, SeqCst);
        login().once().is(200);
        t.get("/me").header("cookie", &cookies).send().refused(401, "invalid_token");
    }

    /// A refresh token does not carry the claim, so the check uses the loaded claims.
    fn a_revoked_claim_ends_logins_that_got_it_by_the_loader(t) {
        t = Probe::build(|builder| builder.token_claims(claims).revocable_claim("tenant"));
        let (alice, ed) = (t.refresh_token("alice"), t.refresh_token("ed"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(t.app.auth.revoke_claim("tenant", "acme")).unwrap();
        t.post("/refresh").body(JSON, refresh_body(&alice)).send().refused(401, "invalid_token");
        t.post("/refresh").body(JSON, refresh_body(&ed)).send().is(200);
        t.login("alice", "s3cret").send().refused(401, "invalid_credentials");
        // The session has ended, whatever tenant its user has now.
        t.users.change("alice", |alice| alice.roles.clear());
        t.post("/refresh").body(JSON, refresh_body(&alice)).send().refused(401, "invalid_token");
        t.login("alice", "s3cret").send().is(200);
    }

    fn who_does_not_exist_cannot_be_logged_in(t) {
        t = loaded();
        t.users.remove("alice");
        t.post("/own/login").send().refused(401, "invalid_credentials");
    }

    fn claims_that_cannot_be_issued_are_the_servers_fault(t) {
        for bad in [
            || TokenClaims::new().claim("sub", "bob"),
            || TokenClaims::new().scope("two words"),
            || TokenClaims::new().scope(""),
        ] {
            t = Probe::build(|builder| {
                builder.token_claims(move |_: Arc<TestUser>| async move { io::Result::Ok(bad()) })
            });
            t.login("alice", "s3cret").send().refused(500, "misconfigured");
        }
    }
}
