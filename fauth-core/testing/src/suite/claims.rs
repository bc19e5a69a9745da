//! The scopes and custom claims that the application gives the tokens of a login.

use std::{io, sync::Arc};

use fauth_core::{LoginRequest, TokenClaims, TokenRequest};

use super::cases;
use crate::{
    TestUser,
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

    /// RFC 6749 section 5.1: who asks for scopes hears which it got.
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
        // Swagger sends an empty field where nothing is chosen.
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
        let next = refresh(&next).token("refresh_token");
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
        let failing = std::sync::atomic::AtomicBool::new(false);
        let failing = Arc::new(failing);
        let asked = Arc::clone(&failing);
        t = Probe::build(|builder| {
            builder.token_claims(move |user: Arc<TestUser>| {
                let fails = asked.load(std::sync::atomic::Ordering::SeqCst);
                async move { if fails { Err(io::Error::other("no claims")) } else { claims(user).await } }
            })
        });
        let token = t.refresh_token("alice");
        failing.store(true, std::sync::atomic::Ordering::SeqCst);
        t.login("alice", "s3cret").send().refused(503, "unavailable");
        t.post("/refresh").body(JSON, refresh_body(&token)).send().refused(503, "unavailable");
        // Past the grace window: it was not exchanged.
        t.clock.advance(std::time::Duration::from_secs(60));
        failing.store(false, std::sync::atomic::Ordering::SeqCst);
        t.post("/refresh").body(JSON, refresh_body(&token)).send().is(200);
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
