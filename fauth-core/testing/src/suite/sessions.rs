//! Logins with sessions: refreshed, listed, ended one by one, and ended everywhere.

use std::time::Duration;

use fauth_core::{
    AuthUser as _, LoginRequest, Purpose, SessionConfig, TokenRequest, store::RevocationTarget,
    transport::CookieTransport,
};
use serde_json::{Value, json};

use super::{Harness, Probe, Seen, Sending, cases};

const JSON: &str = "application/json";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The whole time less a minute.
const ALMOST_A_DAY: Duration = Duration::from_secs(24 * 60 * 60 - 60);

fn refreshing<'a, H: Harness>(t: &'a Probe<H>, token: &str) -> Sending<'a, H> {
    t.post("/refresh").body(JSON, json!({ "refresh_token": token }).to_string())
}

/// Logs in by password and returns the two tokens.
fn log_in<H: Harness>(t: &Probe<H>, username: &str, password: &str) -> (String, String) {
    both(&t.login(username, password).once())
}

fn both(seen: &Seen) -> (String, String) {
    (seen.is(200).token("access_token"), seen.token("refresh_token"))
}

fn alice<H: Harness>(t: &Probe<H>) -> (String, String) {
    log_in(t, "alice", "s3cret")
}

fn listed<H: Harness>(t: &Probe<H>, access: &str) -> Vec<Value> {
    let seen = t.get("/sessions").bearer(access).send();
    seen.is(200).has("content-type", JSON).has("cache-control", "no-store");
    seen.response.json()["sessions"].as_array().unwrap().clone()
}

fn sid<H: Harness>(t: &Probe<H>, access: &str) -> String {
    t.app.auth.verify_signature_and_claims(access, Purpose::Access).unwrap().session_id().unwrap().to_owned()
}

fn own<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.header("sec-fetch-site", "same-origin")
}

cases! { $
    __sessions_tests in sessions;

    fn both_tokens_of_a_login_name_its_session(t) {
        let (access, refresh) = alice(&t);
        let refresh = t.app.auth.verify_signature_and_claims(&refresh, Purpose::Refresh).unwrap();
        assert_eq!(refresh.session_id(), Some(&*sid(&t, &access)));
        let (other, _) = alice(&t);
        assert_ne!(sid(&t, &access), sid(&t, &other), "each login is a session of its own");
    }

    fn a_refresh_uses_its_token_up(t) {
        let (_, first) = alice(&t);
        let (_, second) = both(&refreshing(&t, &first).once());
        t.clock.advance(10 * Duration::from_secs(1));
        let (access, _) = both(&refreshing(&t, &second).once());
        t.get("/me").bearer(access).send().is(200);
        refreshing(&t, &first).once().refused(401, "invalid_token");
    }

    /// A lost response, or two tabs at once.
    fn within_the_grace_window_the_same_successor_is_given_again(t) {
        let (_, first) = alice(&t);
        let (_, second) = both(&refreshing(&t, &first).once());
        t.clock.advance(Duration::from_secs(9));
        let (access, again) = both(&refreshing(&t, &first).once());
        assert_eq!(again, second, "byte for byte");
        t.get("/me").bearer(access).send().is(200);
        both(&refreshing(&t, &second).once());
    }

    fn after_the_grace_window_a_second_use_ends_the_session(t) {
        let (access, first) = alice(&t);
        let (second_access, second) = both(&refreshing(&t, &first).once());
        t.clock.advance(Duration::from_secs(10));
        refreshing(&t, &first).send().refused(401, "invalid_token");
        refreshing(&t, &second).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
        t.get("/me").bearer(second_access).send().refused(401, "invalid_token");
    }

    /// The thief may be the one who came first.
    fn a_token_two_steps_back_ends_the_session_also_within_the_window(t) {
        let (_, first) = alice(&t);
        let (_, second) = both(&refreshing(&t, &first).once());
        let (access, third) = both(&refreshing(&t, &second).once());
        refreshing(&t, &first).send().refused(401, "invalid_token");
        refreshing(&t, &third).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
    }

    fn without_a_grace_window_a_token_works_once(t) {
        t = Probe::build(|builder| builder.sessions(SessionConfig::new().grace(Duration::ZERO)));
        let (_, first) = alice(&t);
        let (access, _) = both(&refreshing(&t, &first).once());
        refreshing(&t, &first).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
    }

    /// The theft of one session is no reason to end another.
    fn a_second_use_leaves_other_sessions_alone(t) {
        let (_, first) = alice(&t);
        let (other_access, other) = alice(&t);
        both(&refreshing(&t, &first).once());
        t.clock.advance(MINUTE);
        refreshing(&t, &first).send().refused(401, "invalid_token");
        t.get("/me").bearer(other_access).send().is(200);
        both(&refreshing(&t, &other).once());
    }

    /// Only a genuine old token can end a session.
    fn a_forged_refresh_token_ends_nothing(t) {
        let (access, refresh) = alice(&t);
        let (signed, signature) = refresh.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", "A".repeat(signature.len()));
        refreshing(&t, &forged).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().is(200);
        both(&refreshing(&t, &refresh).once());
    }

    fn a_refresh_token_without_a_session_is_401(t) {
        refreshing(&t, &t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
    }

    /// Like after a restart with a store in memory.
    fn a_session_that_no_store_knows_is_401(t) {
        let elsewhere = Probe::<H>::new();
        refreshing(&t, &elsewhere.refresh_token("alice")).send().refused(401, "invalid_token");
    }

    fn a_session_ends_when_it_is_idle_for_too_long(t) {
        t = Probe::build(|builder| builder.sessions(SessionConfig::new().idle_timeout(MINUTE).lifetime(DAY)));
        let (_, mut token) = alice(&t);
        for _ in 0..3 {
            t.clock.advance(59 * SECOND);
            token = refreshing(&t, &token).once().is(200).token("refresh_token");
        }
        t.clock.advance(MINUTE);
        refreshing(&t, &token).send().refused(401, "invalid_token");
    }

    fn no_refresh_moves_the_end_of_a_session(t) {
        t = Probe::build(|builder| builder.sessions(SessionConfig::new().idle_timeout(DAY).lifetime(2 * DAY)));
        let (_, first) = alice(&t);
        t.clock.advance(ALMOST_A_DAY);
        let (_, second) = both(&refreshing(&t, &first).once());
        t.clock.advance(ALMOST_A_DAY);
        let seen = refreshing(&t, &second).once();
        assert_eq!(seen.is(200).response.json()["expires_in"], 120, "no access token outlives its session");
        let (access, third) = both(&seen);
        t.clock.advance(2 * MINUTE);
        refreshing(&t, &third).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
    }

    fn who_asks_to_be_remembered_is_remembered_for_longer(t) {
        let seconds = |days: u64| days * 24 * 60 * 60;
        let now = t.clock.clone();
        let ends_in = |access: &str| {
            let ends = listed(&t, access)[0]["expires_at"].as_i64().unwrap();
            u64::try_from(ends - fauth_core::clock::Clock::now(&now).unwrap().unix_seconds()).unwrap()
        };
        let (short, _) = log_in(&t, "bob", "hunter2");
        assert_eq!(ends_in(&short), seconds(7));
        let body = r#"{"username":"alice","password":"s3cret","remember":true}"#;
        let (long, _) = both(&t.post("/login").body(JSON, body).once());
        assert_eq!(ends_in(&long), seconds(30));
        assert_eq!(listed(&t, &long)[0]["remembered"], true);
        let form = "username=ed&password=hunter2&remember=on";
        let (long, _) = both(&t.post("/login").body("application/x-www-form-urlencoded", form).once());
        assert_eq!(ends_in(&long), seconds(30));
        t.post("/login").body(JSON, body.replace("true", "2")).send().refused(400, "invalid_request");
    }

    fn the_list_says_what_is_known_of_each_session(t) {
        let body = r#"{"username":"alice","password":"s3cret"}"#;
        let seen = t.post("/login").header("user-agent", "Tester/1.0 (\u{fc})").body(JSON, body).once();
        let (access, _) = both(&seen);
        let began = crate::ManualClock::START.unix_seconds();
        let week = i64::try_from(7 * DAY.as_secs()).unwrap();
        let expected = json!({
            "id": sid(&t, &access), "current": true, "created_at": began, "last_seen_at": began,
            "expires_at": began + week, "remembered": false, "client": "Tester/1.0 (\u{fc})", "address": null,
        });
        assert_eq!(listed(&t, &access), [expected]);
    }

    fn the_list_shows_ones_own_live_sessions_only(t) {
        let (_, first) = alice(&t);
        log_in(&t, "bob", "hunter2");
        t.clock.advance(MINUTE);
        let (access, _) = alice(&t);
        let list = listed(&t, &access);
        assert_eq!(list.len(), 2, "two of alice, none of bob");
        assert_eq!(list[0]["id"], sid(&t, &access), "the one that was seen last comes first");
        assert_eq!((&list[0]["current"], &list[1]["current"]), (&json!(true), &json!(false)));
        t.clock.advance(MINUTE);
        let (carried_on, _) = both(&refreshing(&t, &first).once());
        assert_eq!(listed(&t, &carried_on)[0]["id"], sid(&t, &carried_on), "a refresh is a sign of life");
        t.post("/logout").bearer(&carried_on).once().is(200);
        assert_eq!(listed(&t, &access).len(), 1);
    }

    fn the_list_needs_a_token_of_an_active_user(t) {
        t.get("/sessions").send().refused(401, "missing_credential");
        t.get("/sessions").bearer("x").send().refused(401, "invalid_token");
        t.get("/sessions").bearer(t.refresh_token("alice")).send().refused(401, "invalid_token");
        t.get("/sessions").bearer(t.access("carol")).send().refused(401, "invalid_token");
        t.post("/sessions").bearer(t.access("alice")).send().refused(405, "method_not_allowed").has("allow", "GET, HEAD");
        t.request("HEAD", "/sessions").bearer(t.access("alice")).send().is(200).says("");
    }

    fn a_logout_ends_its_session(t) {
        let (access, refresh) = alice(&t);
        let (other, _) = alice(&t);
        let (carried_on, second) = both(&refreshing(&t, &refresh).once());
        let seen = t.post("/logout").bearer(&carried_on).once();
        seen.is(200).has("content-type", JSON).has("cache-control", "no-store").lacks("set-cookie");
        seen.says(r#"{"revoked":true,"detail":"All tokens of the session are revoked"}"#);
        for token in [&access, &carried_on] {
            t.get("/me").bearer(token).send().refused(401, "invalid_token");
            t.get("/group/dashboard").bearer(token).send().refused(401, "invalid_token");
            t.get("/maybe").bearer(token).send().refused(401, "invalid_token");
        }
        for token in [&refresh, &second] {
            refreshing(&t, token).send().refused(401, "invalid_token");
        }
        t.get("/me").bearer(other).send().is(200);
        t.post("/logout").bearer(&carried_on).once().is(200);
    }

    fn a_logout_everywhere_ends_all_sessions_of_the_user(t) {
        let (access, refresh) = alice(&t);
        let (other_access, other_refresh) = alice(&t);
        let sessionless = t.access("alice");
        let (bob, _) = log_in(&t, "bob", "hunter2");
        let seen = t.post("/logout/all").bearer(&access).once();
        seen.is(200).has("content-type", JSON).has("cache-control", "no-store");
        assert_eq!(seen.response.json()["revoked"], true);
        for token in [&access, &other_access, &sessionless] {
            t.get("/me").bearer(token).send().refused(401, "invalid_token");
        }
        for token in [&refresh, &other_refresh] {
            refreshing(&t, token).send().refused(401, "invalid_token");
        }
        t.get("/me").bearer(bob).send().is(200);
        // Also within the same second.
        let (again, _) = alice(&t);
        t.get("/me").bearer(&again).send().is(200);
        assert_eq!(listed(&t, &again).len(), 1);
    }

    fn two_logouts_everywhere_in_one_second_are_two(t) {
        for _ in 0..2 {
            let (access, _) = alice(&t);
            t.post("/logout/all").bearer(&access).once().is(200);
            t.get("/me").bearer(&access).send().refused(401, "invalid_token");
        }
    }

    fn a_logout_everywhere_needs_a_token_of_an_active_user(t) {
        t.post("/logout/all").send().refused(401, "missing_credential");
        t.post("/logout/all").bearer("x").send().refused(401, "invalid_token");
        t.post("/logout/all").bearer(t.access("carol")).send().refused(401, "invalid_token");
        t.get("/logout/all").bearer(t.access("alice")).send().refused(405, "method_not_allowed").has("allow", "POST");
    }

    fn one_session_is_ended_by_its_id(t) {
        let (access, _) = alice(&t);
        let (lost, lost_refresh) = alice(&t);
        let path = format!("/sessions/{}", sid(&t, &lost));
        let seen = t.request("DELETE", &path).bearer(&access).once();
        seen.is(200).has("cache-control", "no-store").lacks("set-cookie");
        assert_eq!(seen.response.json()["revoked"], true);
        t.get("/me").bearer(&lost).send().refused(401, "invalid_token");
        refreshing(&t, &lost_refresh).send().refused(401, "invalid_token");
        t.get("/me").bearer(&access).send().is(200);
        t.request("DELETE", &path).bearer(&access).send().refused(404, "not_found");
    }

    fn ones_own_session_can_be_ended_too(t) {
        let (access, _) = alice(&t);
        t.request("DELETE", &format!("/sessions/{}", sid(&t, &access))).bearer(&access).once().is(200);
        t.get("/me").bearer(&access).send().refused(401, "invalid_token");
    }

    /// The response does not reveal whether such a session exists.
    fn the_sessions_of_others_are_not_found(t) {
        let (bob, _) = log_in(&t, "bob", "hunter2");
        let (access, _) = alice(&t);
        let others = t.request("DELETE", &format!("/sessions/{}", sid(&t, &bob))).bearer(&access).send();
        let unknown = t.request("DELETE", "/sessions/AAAAAAAAAAAAAAAAAAAAAA").bearer(&access).send();
        others.refused(404, "not_found");
        assert_eq!(others.response, unknown.response);
        t.get("/me").bearer(bob).send().is(200);
    }

    fn what_is_no_session_id_is_not_found(t) {
        let (access, _) = alice(&t);
        for id in ["x", "%41", &"A".repeat(500)] {
            t.request("DELETE", &format!("/sessions/{id}")).bearer(&access).send().refused(404, "not_found");
            t.request("DELETE", &format!("/sessions/{id}")).send().refused(401, "missing_credential");
        }
        let path = format!("/sessions/{}", sid(&t, &access));
        t.get(&path).bearer(&access).send().refused(405, "method_not_allowed").has("allow", "DELETE");
        t.request("DELETE", &path).send().refused(401, "missing_credential");
        t.get("/me").bearer(access).send().is(200);
    }

    fn a_disabled_user_has_no_session_left_when_he_is_enabled_again(t) {
        let (access, refresh) = log_in(&t, "bob", "hunter2");
        t.users.change("bob", |bob| bob.active = false);
        t.get("/me").bearer(&access).send().refused(401, "invalid_token");
        refreshing(&t, &refresh).send().refused(401, "invalid_token");
        t.users.change("bob", |bob| bob.active = true);
        t.get("/me").bearer(&access).send().refused(401, "invalid_token");
        refreshing(&t, &refresh).send().refused(401, "invalid_token");
    }

    /// A loader that finds active users only reports inactive ones this way.
    fn a_user_who_was_gone_has_no_session_left_when_he_is_back(t) {
        let (access, refresh) = log_in(&t, "bob", "hunter2");
        let bob = t.users.find("bob");
        t.users.remove("bob");
        refreshing(&t, &refresh).send().refused(401, "invalid_token");
        t.users.add(bob);
        refreshing(&t, &refresh).send().refused(401, "invalid_token");
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
    }

    fn who_is_kept_out_cannot_log_in(t) {
        let (access, _) = alice(&t);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(t.app.auth.revoke("alice", &[RevocationTarget::Subject])).unwrap();
        t.get("/me").bearer(access).send().refused(401, "invalid_token");
        t.login("alice", "s3cret").send().refused(401, "invalid_credentials");
        log_in(&t, "bob", "hunter2");
    }

    /// For applications that keep an epoch in the user's record.
    fn a_raised_epoch_of_the_user_ends_his_tokens(t) {
        let (access, refresh) = log_in(&t, "bob", "hunter2");
        t.users.change("bob", |bob| bob.token_epoch += 1);
        t.get("/me").bearer(&access).send().refused(401, "invalid_token");
        refreshing(&t, &refresh).send().refused(401, "invalid_token");
        let (access, refresh) = log_in(&t, "bob", "hunter2");
        assert_eq!(t.users.find("bob").token_epoch(), 1);
        t.get("/me").bearer(&access).send().is(200);
        let (access, _) = both(&refreshing(&t, &refresh).once());
        t.get("/me").bearer(access).send().is(200);
    }

    fn with_one_login_too_many_the_oldest_session_ends(t) {
        t = Probe::build(|builder| builder.sessions(SessionConfig::new().limit(2)));
        let logins = [0, 1, 2].map(|_| {
            t.clock.advance(MINUTE);
            alice(&t)
        });
        let [first, second, third] = &logins;
        t.get("/me").bearer(&first.0).send().refused(401, "invalid_token");
        refreshing(&t, &first.1).send().refused(401, "invalid_token");
        for (access, refresh) in [second, third] {
            t.get("/me").bearer(access).send().is(200);
            both(&refreshing(&t, refresh).once());
        }
    }

    fn scopes_and_claims_are_kept_through_every_refresh(t) {
        let request = TokenRequest::for_subject("alice").scopes(["read", "write"]).claim("tenant", "acme");
        let mut token = t.refresh_token(LoginRequest::from(request).remember(true));
        for _ in 0..3 {
            t.clock.advance(MINUTE);
            let (access, next) = both(&refreshing(&t, &token).once());
            t.get("/guards/token").bearer(&access).send().is(200).says("access alice [read write] acme");
            token = next;
        }
    }

    fn with_cookies_a_logout_ends_the_session_of_the_refresh_cookie_too(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let pair = t.session("alice");
        let refresh = format!("__Host-refresh={}", pair.refresh_token().expose());
        t.clock.advance(20 * MINUTE);
        own(t.post("/logout")).header("cookie", &refresh).once().is(200);
        own(t.post("/refresh")).header("cookie", &refresh).send().refused(401, "invalid_token");
    }

    /// Otherwise, the session could not be ended by anybody.
    fn with_cookies_a_login_ends_the_session_that_it_replaces(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let login = || own(t.login("alice", "s3cret"));
        let first = login().once();
        let refresh = |seen: &Seen| format!("__Host-refresh={}", seen.is(200).cookie("__Host-refresh"));
        let other = login().once();
        login().header("cookie", refresh(&first)).once().is(200);
        own(t.post("/refresh")).header("cookie", refresh(&first)).send().refused(401, "invalid_token");
        own(t.post("/refresh")).header("cookie", refresh(&other)).once().is(200);
        // Not by a wrong password, and not from another page.
        own(t.login("alice", "wrong")).header("cookie", refresh(&other)).send().refused(401, "invalid_credentials");
        t.login("alice", "s3cret").header("cookie", refresh(&other)).send().refused(403, "cross_site_request");
        own(t.post("/refresh")).header("cookie", refresh(&other)).once().is(200);
    }

    fn with_cookies_a_logout_that_cannot_tell_the_time_keeps_them(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let pair = t.session("alice");
        let cookies = [
            format!("__Host-refresh={}", pair.refresh_token().expose()),
            format!("__Host-session={}", pair.access_token().expose()),
        ];
        t.clock.break_down();
        for cookie in cookies {
            own(t.post("/logout")).header("cookie", cookie).send().refused(503, "unavailable").lacks("set-cookie");
        }
    }

    fn with_cookies_ending_sessions_needs_proof_of_origin(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let pair = t.session("alice");
        let access = pair.access_token().expose();
        let (cookie, path) = (format!("__Host-session={access}"), format!("/sessions/{}", sid(&t, access)));
        for sending in [t.post("/logout/all"), t.request("DELETE", &path), t.post("/logout")] {
            sending.header("cookie", &cookie).send().refused(403, "cross_site_request").lacks("set-cookie");
        }
        t.get("/sessions").header("cookie", &cookie).send().is(200);
        let seen = own(t.request("DELETE", &path)).header("cookie", &cookie).once();
        assert_eq!(seen.is(200).response.header("set-cookie").len(), 2, "its own session: the cookies go too");
        t.get("/me").header("cookie", &cookie).send().refused(401, "invalid_token");
    }

    /// The mode of the Python fauth, under an explicit name.
    fn without_a_store_a_logout_says_that_the_tokens_live_on(t) {
        t = Probe::stateless();
        let (access, refresh) = alice(&t);
        let seen = t.post("/logout").bearer(&access).send();
        seen.is(200);
        assert_eq!(seen.response.json()["revoked"], false);
        t.get("/me").bearer(&access).send().is(200);
        for _ in 0..2 {
            both(&refreshing(&t, &refresh).send());
            t.clock.advance(MINUTE);
        }
        t.post("/logout/all").bearer(&access).send_to_framework().is(404);
        t.get("/sessions").bearer(&access).send_to_framework().is(404);
    }
}
