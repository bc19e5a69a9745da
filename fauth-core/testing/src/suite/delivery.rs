//! Where the tokens of a login and a refresh are sent: in cookies or in the body, depending on the
//! request.

use fauth_core::transport::{BearerTransport, CookieTransport};

use super::{Seen, Sending, cases};
use crate::suite::{Harness, Probe};

const JSON: &str = "application/json";

/// One application for browsers and programs.
fn both<H: Harness>() -> Probe<H> {
    Probe::build(|builder| {
        let builder = builder.transport(BearerTransport::new()).transport(CookieTransport::new());
        builder.trusted_origin("https://partner.example")
    })
}

fn only_cookies<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(CookieTransport::new()))
}

fn own<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.header("sec-fetch-site", "same-origin")
}

fn with_password<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.body(JSON, r#"{"username":"alice","password":"s3cret"}"#)
}

#[track_caller]
fn in_cookies(seen: &Seen) {
    seen.is(200).says("{\"expires_in\":900}");
    assert!(!seen.cookie("__Host-session").is_empty() && !seen.cookie("__Host-refresh").is_empty());
}

#[track_caller]
fn in_body(seen: &Seen) {
    seen.is(200).lacks("set-cookie");
    assert!(!seen.token("access_token").is_empty() && !seen.token("refresh_token").is_empty());
}

#[track_caller]
fn names(seen: &Seen, what: &str) {
    seen.refused(403, "cross_site_request").lacks("set-cookie");
    let detail = seen.response.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(what), "{detail}");
}

cases! { $ __delivery_tests in delivery;
    fn a_program_gets_the_body(t) {
        t = both();
        let seen = t.login("alice", "s3cret").send();
        in_body(&seen);
        t.get("/me").bearer(seen.token("access_token")).send().is(200).says("Hello alice");
        in_body(&t.post("/own/login").send());
    }

    fn a_page_gets_cookies(t) {
        t = both();
        in_cookies(&own(t.login("alice", "s3cret")).send());
        in_cookies(&t.login("alice", "s3cret").header("origin", "https://app.example").send());
        in_cookies(&t.login("alice", "s3cret").header("origin", "https://partner.example").send());
        in_cookies(&own(t.post("/own/login")).send());
    }

    fn a_page_that_keeps_its_tokens_says_so_in_the_url(t) {
        t = both();
        in_body(&own(with_password(t.post("/login?deliver=body"))).send());
        in_body(&own(with_password(t.post("/login?a=b&deliver=body"))).send());
        in_body(&own(t.post("/own/proven?deliver=body")).send());
        for query in ["deliver=cookies", "deliver=Body", "deliver", "x=deliver=body", "deliver=bodyx"] {
            in_cookies(&own(with_password(t.post(&format!("/login?{query}")))).send());
        }
    }

    /// An injected script has the cookies of the page, but no password.
    fn the_url_counts_only_where_the_body_proves_the_user(t) {
        t = both();
        in_cookies(&own(t.post("/own/login?deliver=body")).send());
        in_cookies(&own(t.post("/own/proven")).send());
    }

    fn without_bearer_tokens_there_is_nothing_to_do_with_a_body(t) {
        t = only_cookies();
        in_cookies(&own(with_password(t.post("/login?deliver=body"))).send());
        names(&with_password(t.post("/login?deliver=body")).send(), "`Origin`");
        names(&t.post("/own/login").send(), "`Origin`");
    }

    fn without_cookies_there_is_only_the_body(t) {
        in_body(&t.login("alice", "s3cret").send());
        in_body(&own(t.login("alice", "s3cret")).send());
        in_body(&t.login("alice", "s3cret").header("sec-fetch-site", "cross-site").send());
        in_body(&t.post("/own/login").send());
    }

    fn a_foreign_page_gets_no_cookies(t) {
        t = both();
        let foreign = |site: &str| t.login("alice", "s3cret").header("sec-fetch-site", site).send();
        names(&foreign("cross-site"), "`trusted_origin`");
        names(&foreign("same-site"), "`trusted_origin`");
        names(&t.login("alice", "s3cret").header("origin", "https://evil.example").send(), "`trusted_origin`");
        names(&t.login("alice", "s3cret").header("origin", "http://app.example").send(), "`danger_insecure`");
        names(&t.post("/own/login").header("sec-fetch-site", "cross-site").send(), "`trusted_origin`");
        // The request itself contains the password, so the response reveals nothing new.
        let asking = with_password(t.post("/login?deliver=body")).header("sec-fetch-site", "cross-site");
        in_body(&asking.send());
    }

    /// Links are followed from anywhere, and mail scanners open them.
    fn a_login_by_get_needs_the_proof_too(t) {
        t = both();
        names(&t.get("/own/login").header("sec-fetch-site", "cross-site").send(), "`trusted_origin`");
        in_cookies(&own(t.get("/own/login")).send());
    }

    fn what_came_in_a_cookie_leaves_in_a_cookie(t) {
        t = both();
        for target in ["/refresh", "/refresh?deliver=body", "/own/refresh", "/own/refresh?deliver=body"] {
            let cookie = format!("__Host-refresh={}", t.refresh_token("alice"));
            in_cookies(&own(t.post(target)).header("cookie", &cookie).send());
            names(&t.post(target).header("cookie", &cookie).send(), "`Origin`");
            let foreign = t.post(target).header("cookie", &cookie).header("sec-fetch-site", "cross-site");
            names(&foreign.send(), "`trusted_origin`");
        }
    }

    fn what_came_in_the_body_leaves_in_the_body(t) {
        t = both();
        let refresh = |token: String| {
            t.post("/refresh").body(JSON, serde_json::json!({ "refresh_token": token }).to_string())
        };
        in_body(&refresh(t.refresh_token("alice")).send());
        in_body(&own(refresh(t.refresh_token("alice"))).send());
        in_body(&refresh(t.refresh_token("alice")).header("sec-fetch-site", "cross-site").send());
        // A cookie beside it is not refreshed.
        let cookie = format!("__Host-refresh={}", t.refresh_token("bob"));
        let seen = own(refresh(t.refresh_token("alice"))).header("cookie", cookie).send();
        in_body(&seen);
        t.get("/me").bearer(seen.token("access_token")).send().is(200).says("Hello alice");
    }

    fn a_refresh_in_the_body_sets_cookies_where_there_is_nothing_else(t) {
        t = only_cookies();
        let body = serde_json::json!({ "refresh_token": t.refresh_token("alice") }).to_string();
        in_cookies(&own(t.post("/refresh").body(JSON, &body)).send());
        names(&t.post("/refresh").body(JSON, &body).send(), "`Origin`");
    }

    fn cookies_that_are_replaced_take_their_session_with_them(t) {
        t = only_cookies();
        let (alice, bob) = (t.session("alice"), t.refresh_token("bob"));
        let cookie = format!("__Host-refresh={}", alice.refresh_token().expose());
        let body = serde_json::json!({ "refresh_token": bob }).to_string();
        in_cookies(&own(t.post("/refresh").body(JSON, body)).header("cookie", &cookie).once());
        let cookie = format!("__Host-session={}", alice.access_token().expose());
        t.get("/me").header("cookie", &cookie).send().refused(401, "invalid_token");
        // The access cookie names the session too.
        let alice = t.session("alice");
        let cookie = format!("__Host-session={}", alice.access_token().expose());
        in_cookies(&own(t.login("bob", "hunter2")).header("cookie", &cookie).once());
        t.get("/me").header("cookie", &cookie).send().refused(401, "invalid_token");
    }

    fn a_refresh_of_the_own_session_ends_nothing(t) {
        t = only_cookies();
        let pair = t.session("alice");
        let refresh = pair.refresh_token().expose();
        let (cookie, body) = (format!("__Host-refresh={refresh}"), serde_json::json!({ "refresh_token": refresh }));
        in_cookies(&own(t.post("/refresh").body(JSON, body.to_string())).header("cookie", cookie).send());
        let cookie = format!("__Host-session={}", pair.access_token().expose());
        t.get("/me").header("cookie", cookie).send().is(200);
    }

    fn cookies_that_are_cleared_take_their_session_with_them(t) {
        t = both();
        let (alice, bob) = (t.session("alice"), t.session("bob"));
        let session = format!("__Host-session={}", alice.access_token().expose());
        let cookies = format!("{session}; __Host-refresh={}", alice.refresh_token().expose());
        let seen = own(t.post("/logout")).bearer(bob.access_token().expose()).header("cookie", cookies).send();
        assert_eq!(seen.is(200).response.header("set-cookie").len(), 2);
        t.get("/me").bearer(bob.access_token().expose()).send().refused(401, "invalid_token");
        t.get("/me").header("cookie", session).send().refused(401, "invalid_token");
    }

    /// A credential sent on purpose must be valid; cookies do not replace it.
    fn a_program_logs_out_with_a_good_token_only(t) {
        t = both();
        let pair = t.session("alice");
        t.post("/logout").send().refused(401, "missing_credential");
        t.post("/logout").bearer("x").send().refused(401, "invalid_token").lacks("set-cookie");
        t.post("/logout").header("authorization", "Bearer a b").send().refused(400, "malformed_credential");
        t.clock.advance(std::time::Duration::from_secs(901));
        let expired = pair.access_token().expose();
        t.post("/logout").bearer(expired).send().refused(401, "invalid_token");
        own(t.post("/logout")).bearer(expired).send().refused(401, "invalid_token");
        let cookie = format!("__Host-refresh={}", pair.refresh_token().expose());
        own(t.post("/logout")).bearer(expired).header("cookie", &cookie).send().refused(401, "invalid_token");
        // A page without any credential is told that it is logged out.
        assert_eq!(own(t.post("/logout")).send().is(200).response.json()["revoked"], false);
    }

    fn a_logout_with_tokens_of_two_logins_is_refused(t) {
        let (alice, bob) = (t.session("alice"), t.session("bob"));
        let (other, own_refresh) = (bob.refresh_token().expose(), alice.refresh_token().expose());
        let logout = |body: serde_json::Value| {
            t.post("/logout").bearer(alice.access_token().expose()).body(JSON, body.to_string()).send()
        };
        logout(serde_json::json!({ "refresh_token": other })).refused(400, "malformed_credential");
        logout(serde_json::json!({ "refresh_token": own_refresh, "token": other })).refused(400, "malformed_credential");
        t.get("/me").bearer(alice.access_token().expose()).send().is(200);
        t.get("/me").bearer(bob.access_token().expose()).send().is(200);
        logout(serde_json::json!({ "refresh_token": own_refresh, "token": own_refresh })).is(200);
    }

    /// A link can contain a token of its own.
    fn a_token_in_the_url_clears_no_cookies_of_a_foreign_page(t) {
        t = Probe::build(|builder| {
            builder.transport(BearerTransport::new()).transport(CookieTransport::new()).danger_query_token("token")
        });
        for (method, target) in [("POST", "/logout"), ("GET", "/own/logout"), ("POST", "/own/logout")] {
            let target = format!("{target}?token={}", t.session("bob").access_token().expose());
            let seen = t.request(method, &target).header("sec-fetch-site", "cross-site").send();
            seen.is(200).lacks("set-cookie");
        }
    }

    /// The custom logout does what the ready-made one does.
    fn an_own_logout_ends_the_session_and_clears_the_cookies(t) {
        t = both();
        let pair = t.session("alice");
        let cookie = format!("__Host-session={}", pair.access_token().expose());
        names(&t.post("/own/logout").header("cookie", &cookie).send(), "`Origin`");
        names(&t.get("/own/logout").header("cookie", &cookie).send(), "`Origin`");
        t.get("/me").header("cookie", &cookie).send().is(200);
        let seen = own(t.post("/own/logout")).header("cookie", &cookie).send();
        assert_eq!(seen.is(200).response.header("set-cookie").len(), 2);
        t.get("/me").header("cookie", &cookie).send().refused(401, "invalid_token");
    }

    fn an_own_login_notes_the_client_and_ends_what_it_replaces(t) {
        t = both();
        let first = own(t.post("/own/login")).header("user-agent", "Firefox").send();
        let cookies = |seen: &Seen| {
            let [session, refresh] = ["__Host-session", "__Host-refresh"].map(|name| seen.cookie(name));
            format!("__Host-session={session}; __Host-refresh={refresh}")
        };
        let listed = t.get("/sessions").header("cookie", cookies(&first)).send();
        let current = |seen: &Seen| {
            let sessions = seen.response.json()["sessions"].as_array().unwrap().clone();
            sessions.into_iter().find(|session| session["current"] == true).unwrap()
        };
        assert_eq!(current(&listed)["client"], "Firefox");
        own(t.post("/own/login")).header("cookie", cookies(&first)).once().is(200);
        t.get("/me").header("cookie", cookies(&first)).send().refused(401, "invalid_token");
    }
}
