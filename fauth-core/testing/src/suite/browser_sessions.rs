//! Browser sessions: one cookie that lives as long as the session, with a payload of the
//! application, extended by guards.
//!
//! Names such as C-05 are known faults of other frameworks.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    LoginRequest, Purpose, SessionConfig, TokenRequest,
    store::RevocationTarget,
    transport::{BearerTransport, CookieTransport, SessionCookie},
};
use serde_json::{Value, json};

use super::{Harness, Probe, Seen, Sending, cases};
use crate::{Fault, FaultyStore, Users, config, memory_store, provider_without_store, sign};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Half of the idle timeout.
const HALF: Duration = Duration::from_secs(84 * 60 * 60);
/// Deletes the cookie.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

/// Pages use the session cookie, programs use bearer tokens.
fn pages<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(SessionCookie::new()))
}

/// Creates an application with these session settings.
fn lasting<H: Harness>(sessions: SessionConfig) -> Probe<H> {
    Probe::build(|builder| builder.transport(SessionCookie::new()).sessions(sessions))
}

/// Without a session store: the payload is in the cookie.
fn stateless<H: Harness>() -> Probe<H> {
    let users = Users::new();
    let builder = provider_without_store(config(), &users).danger_stateless();
    Probe::of(users, builder.revocation_store(memory_store()).transport(SessionCookie::new()))
}

/// With a session store and no revocation store.
fn unrevoked<H: Harness>() -> Probe<H> {
    let users = Users::new();
    let builder = provider_without_store(config(), &users).danger_without_revocation();
    Probe::of(users, builder.session_store(memory_store()).transport(SessionCookie::new()))
}

fn own<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.header("sec-fetch-site", "same-origin")
}

/// Signs alice in with these options.
fn signing_in<'a, H: Harness>(t: &'a Probe<H>, query: &str) -> Sending<'a, H> {
    own(t.post(&format!("/browser/own/login?{query}")))
}

fn sign_in<H: Harness>(t: &Probe<H>, query: &str) -> String {
    signing_in(t, query).once().is(200).cookie("__Host-session")
}

fn with<'a, H: Harness>(t: &'a Probe<H>, target: &str, session: &str) -> Sending<'a, H> {
    t.get(target).header("cookie", format!("theme=dark; __Host-session={session}"))
}

/// Changes the session on a page of the application.
fn changing<'a, H: Harness>(t: &'a Probe<H>, target: &str, session: &str) -> Sending<'a, H> {
    own(t.post(target)).header("cookie", format!("__Host-session={session}"))
}

fn sign_out<H: Harness>(t: &Probe<H>, session: &str) {
    changing(t, "/logout", session).once().is(200).has("set-cookie", CLEARED);
}

/// Returns the claims of the token, without verifying its signature.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn sid(token: &str) -> String {
    claims(token)["sid"].as_str().unwrap().to_owned()
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Returns the `Max-Age` of the only cookie that is set.
fn max_age(seen: &Seen) -> u64 {
    let cookies = seen.response.header("set-cookie");
    let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
    let (_, rest) = cookie.split_once("; Max-Age=").unwrap();
    rest.split(';').next().unwrap().parse().unwrap()
}

cases! { $ __browser_sessions_tests in browser_sessions;
    /// W-06, P-21: the attributes are safe, and the token appears nowhere else.
    fn a_login_sets_one_cookie_that_lives_as_long_as_the_session(t) {
        t = pages();
        let seen = own(t.login("alice", "s3cret")).once();
        seen.is(200).says("{\"expires_in\":604800}").has("cache-control", "no-store");
        let session = seen.cookie("__Host-session");
        let set = format!("__Host-session={session}; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Lax");
        seen.has("set-cookie", &set);
        with(&t, "/guards/user", &session).send().is(200).says("Hello alice").has("vary", "Cookie");
        t.get("/guards/user").send().refused(401, "missing_credential");
    }

    fn a_program_gets_a_pair_of_tokens_beside_pages_that_get_the_cookie(t) {
        t = pages();
        let seen = t.login("alice", "s3cret").once();
        seen.is(200).lacks("set-cookie");
        t.get("/guards/user").bearer(seen.token("access_token")).send().is(200).lacks("set-cookie");
        let body = json!({ "refresh_token": seen.token("refresh_token") }).to_string();
        t.post("/refresh").body("application/json", body).once().is(200).lacks("set-cookie");
    }

    /// No kind of token is accepted in place of another, in either direction.
    fn the_cookie_holds_a_token_of_a_purpose_of_its_own(t) {
        t = pages();
        let session = sign_in(&t, "");
        assert_eq!(claims(&session)["token_type"], "session");
        with(&t, "/guards/user", &session).send().is(200);
        t.get("/guards/user").bearer(&session).send().refused(401, "invalid_token");
        for purpose in [Purpose::Access, Purpose::Refresh] {
            with(&t, "/guards/user", &t.token(purpose, "alice")).send().refused(401, "invalid_token");
        }
        let body = json!({ "refresh_token": session }).to_string();
        t.post("/refresh").body("application/json", body).send().refused(401, "invalid_token");
        let cookie = format!("__Host-refresh={session}");
        own(t.post("/refresh")).header("cookie", cookie).send().refused(401, "missing_credential");
    }

    fn only_a_login_makes_session_tokens(t) {
        t = pages();
        assert!(crate::at_once(t.app.auth.issue(Purpose::Session, "alice")).is_err());
        assert!(crate::at_once(t.app.auth.issue(Purpose::Access, "alice")).is_ok());
    }

    /// C-13, W-03: a token without an expiry is invalid.
    fn a_session_token_without_an_end_is_401(t) {
        t = pages();
        let now = t.clock_seconds();
        let token = |change: &dyn Fn(&mut Value)| {
            let mut claims = json!({
                "sub": "alice", "exp": now + 3600, "iat": now, "jti": "x", "token_type": "session",
                "scopes": [], "app": "default", "session_end": now + 3600,
            });
            change(&mut claims);
            sign("{\"alg\":\"HS256\",\"typ\":\"session+jwt\"}", &claims.to_string())
        };
        with(&t, "/guards/user", &token(&|_| ())).send().is(200);
        for change in [
            (&|claims: &mut Value| { claims.as_object_mut().unwrap().remove("exp"); }) as &dyn Fn(&mut Value),
            &|claims| claims["exp"] = Value::Null,
            &|claims| claims["exp"] = json!(253_402_300_799_u64),
            &|claims| claims["token_type"] = json!("access"),
        ] {
            with(&t, "/guards/user", &token(change)).send().refused(401, "invalid_token");
        }
    }

    /// P-20: what the store keeps of a session is no credential.
    fn the_id_of_a_session_is_no_credential(t) {
        t = pages();
        let session = sign_in(&t, "");
        with(&t, "/guards/user", &session).send().is(200);
        with(&t, "/guards/user", &sid(&session)).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(sid(&session)).send().refused(401, "invalid_token");
    }

    /// C-06.
    fn the_cookie_lives_as_long_as_the_validity_says(t) {
        t = pages();
        for (text, seconds) in [("45s", 45), ("30m", 1_800), ("1h", 3_600), ("7d", 604_800), ("30d", 2_592_000)] {
            let seen = signing_in(&t, &format!("validity={text}")).once();
            assert_eq!(max_age(seen.is(200)), seconds, "{text}");
            let session = seen.cookie("__Host-session");
            assert_eq!(claims(&session)["exp"].as_u64().unwrap(), t.clock_seconds() + seconds);
        }
        let session = sign_in(&t, "validity=45s");
        t.clock.advance(44 * SECOND);
        with(&t, "/me", &session).send().is(200);
        t.clock.advance(SECOND);
        with(&t, "/me", &session).send().refused(401, "invalid_token");
    }

    /// C-06.
    fn a_validity_that_is_no_time_span_is_an_error(t) {
        t = pages();
        for text in ["", "7", "7w", "d", "-7d", "7d1h", "0s", "31d", "99999999999999999999d"] {
            let seen = signing_in(&t, &format!("validity={text}")).send();
            seen.refused(500, "misconfigured").lacks("set-cookie");
        }
        signing_in(&t, "validity=7d").once().is(200);
    }

    /// C-07.
    fn a_request_in_the_second_half_of_its_time_carries_a_session_on(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF.saturating_sub(SECOND));
        with(&t, "/guards/user", &session).send().is(200).lacks("set-cookie");
        t.clock.advance(SECOND);
        let seen = with(&t, "/guards/user", &session).once();
        assert_eq!(max_age(seen.is(200).says("Hello alice").has("cache-control", "private")), 604_800);
        let next = seen.cookie("__Host-session");
        assert_eq!(sid(&next), sid(&session));
        t.clock.advance(HALF);
        // The previous one has expired.
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        with(&t, "/guards/user", &next).once().is(200);
    }

    /// C-07: without sliding, the end never moves.
    fn a_session_that_does_not_slide_ends_when_its_validity_is_over(t) {
        t = lasting(SessionConfig::new().sliding(false));
        let session = sign_in(&t, "validity=2d");
        t.clock.advance((2 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &session).send().is(200).lacks("set-cookie");
        with(&t, "/browser/user/session", &session).send().says("alice: nothing, 0 172800 172800");
        t.clock.advance(SECOND);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
    }

    fn nothing_moves_the_end_of_the_lifetime(t) {
        t = lasting(SessionConfig::new().idle_timeout(4 * DAY).lifetime(10 * DAY));
        let mut session = sign_in(&t, "");
        let mut lives = Vec::new();
        for _ in 0..5 {
            t.clock.advance((2 * DAY).saturating_sub(SECOND));
            let seen = with(&t, "/guards/user", &session).once();
            assert!(seen.is(200).response.header("set-cookie").is_empty());
            t.clock.advance(SECOND);
            let seen = with(&t, "/guards/user", &session).once();
            if seen.response.status != 200 || seen.response.header("set-cookie").is_empty() {
                break;
            }
            lives.push(max_age(&seen) / 86_400);
            session = seen.cookie("__Host-session");
        }
        // After two, four and six days for four more days; after that, no further extension.
        assert_eq!(lives, [4, 4, 4]);
        t.clock.advance((2 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &session).send().is(200).lacks("set-cookie");
        t.clock.advance(SECOND);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token").has("set-cookie", CLEARED);
    }

    fn the_last_cookie_ends_with_the_lifetime(t) {
        t = lasting(SessionConfig::new().idle_timeout(4 * DAY).lifetime(5 * DAY));
        let session = sign_in(&t, "");
        t.clock.advance(3 * DAY);
        let seen = with(&t, "/guards/user", &session).once();
        assert_eq!(max_age(seen.is(200)), 2 * 86_400);
        let last = seen.cookie("__Host-session");
        t.clock.advance((2 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &last).send().is(200).lacks("set-cookie");
        t.clock.advance(SECOND);
        with(&t, "/guards/user", &last).send().refused(401, "invalid_token");
    }

    fn extractors_alone_carry_nothing_on(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        for target in ["/me", "/maybe", "/browser/session", "/grant"] {
            with(&t, target, &session).send().is(200).lacks("set-cookie");
        }
        with(&t, "/guards/user", &session).once().is(200).cookie("__Host-session");
    }

    fn a_page_for_everybody_carries_it_on_too(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        with(&t, "/visitors/maybe", &session).send().is(200).lacks("set-cookie");
        t.clock.advance(HALF);
        let seen = with(&t, "/browser/visitor/session", &session).once();
        assert_eq!(max_age(seen.is(200)), 604_800);
        seen.says("alice: 3, 302400 907200 2592000");
    }

    fn two_guards_set_the_cookie_once(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        let seen = with(&t, "/browser/twice/session", &session).once();
        assert_eq!(max_age(seen.is(200)), 604_800);
    }

    fn a_request_that_is_refused_carries_nothing_on(t) {
        t = pages();
        t.users.change("alice", |user| user.roles.clear());
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        with(&t, "/browser/admin/session", &session).send().refused(403, "missing_role").lacks("set-cookie");
        with(&t, "/browser/user/session", &session).once().is(200).cookie("__Host-session");
    }

    /// Two tabs.
    fn two_requests_at_once_get_good_cookies_of_one_session(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        let next = [(); 2].map(|()| with(&t, "/guards/user", &session).once().is(200).cookie("__Host-session"));
        assert!(next.iter().all(|next| sid(next) == sid(&session)));
        t.clock.advance(HALF + SECOND);
        for next in next {
            with(&t, "/guards/user", &next).once().is(200);
        }
    }

    /// C-05, P-06.
    fn a_cookie_that_is_replayed_after_the_logout_is_401(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        with(&t, "/guards/user", &session).send().is(200);
        sign_out(&t, &session);
        let refused = with(&t, "/guards/user", &session).send();
        refused.refused(401, "invalid_token").has("set-cookie", CLEARED);
        with(&t, "/browser/visitor/session", &session).send().is(200).says("nobody").has("set-cookie", CLEARED);
        changing(&t, "/logout", &session).once().is(200);
    }

    /// P-06: a link or an image cannot log a user out.
    fn a_logout_by_get_changes_nothing(t) {
        t = pages();
        let session = sign_in(&t, "");
        assert_ne!(with(&t, "/logout", &session).send_to_framework().response.status, 200);
        with(&t, "/guards/user", &session).send().is(200);
        own(t.post("/logout")).header("cookie", format!("__Host-session={session}")).once().is(200);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
    }

    /// C-05: the response arrives after that to the logout, so its cookie is set last.
    fn an_answer_in_flight_does_not_undo_a_logout(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        let late = with(&t, "/guards/user", &session).once().is(200).cookie("__Host-session");
        with(&t, "/guards/user", &late).send().is(200);
        sign_out(&t, &session);
        with(&t, "/guards/user", &late).send().refused(401, "invalid_token");
        // As long as it would have lasted.
        t.clock.advance((7 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &late).send().refused(401, "invalid_token");
    }

    fn a_handler_that_logs_out_wins_over_the_new_cookie(t) {
        t = pages();
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        let seen = changing(&t, "/browser/user/own/logout", &session).once();
        seen.is(200).has("set-cookie", CLEARED);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
    }

    fn a_handler_that_logs_in_wins_over_the_new_cookie(t) {
        t = pages();
        let session = sign_in(&t, "payload=1");
        t.clock.advance(HALF);
        let seen = changing(&t, "/browser/visitor/own/login?payload=2", &session).once();
        assert_eq!(max_age(seen.is(200)), 604_800);
        let next = seen.cookie("__Host-session");
        assert_ne!(sid(&next), sid(&session));
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        with(&t, "/browser/user/session", &next).send().says("alice: 2, 0 604800 2592000");
    }

    /// C-10: nothing of the previous session is valid after the login.
    fn each_login_makes_a_new_session_and_ends_the_one_that_it_replaces(t) {
        t = pages();
        let first = sign_in(&t, "payload=1");
        let seen = changing(&t, "/browser/own/login", &first).once();
        let second = seen.is(200).cookie("__Host-session");
        assert_ne!(sid(&first), sid(&second));
        with(&t, "/guards/user", &first).send().refused(401, "invalid_token");
        with(&t, "/browser/user/session", &second).send().says("alice: nothing, 0 604800 2592000");
    }

    /// Session fixation: a planted cookie is not adopted.
    fn a_planted_cookie_is_replaced_at_the_login(t) {
        t = pages();
        let planted = sign("{\"alg\":\"HS256\",\"typ\":\"session+jwt\"}", "{}");
        for planted in [&*planted, "x"] {
            let session = changing(&t, "/browser/own/login", planted).once().is(200).cookie("__Host-session");
            assert_ne!(session, planted);
            with(&t, "/guards/user", &session).send().is(200);
        }
    }

    fn a_session_gets_another_id_when_its_user_may_do_more(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        t.clock.advance(DAY);
        let seen = changing(&t, "/browser/user/session?renew", &session).once();
        seen.is(200).says("alice: 3, 86400 691200 2592000");
        assert_eq!(max_age(&seen), 604_800);
        let next = seen.cookie("__Host-session");
        assert_ne!(sid(&session), sid(&next));
        assert_eq!(claims(&session)["auth_time"], claims(&next)["auth_time"]);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        with(&t, "/browser/user/session", &next).send().says("alice: 3, 86400 691200 2592000");
        assert_eq!(t.list(&next).len(), 1);
    }

    fn a_renewed_session_may_go_on_in_the_same_handler_and_end(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        let next = changing(&t, "/browser/user/session?renew", &session).once().is(200).cookie("__Host-session");
        changing(&t, "/browser/user/session?set=4", &next).once().is(200).lacks("set-cookie");
        sign_out(&t, &next);
        with(&t, "/guards/user", &next).send().refused(401, "invalid_token");
        changing(&t, "/browser/user/session?renew", &session).send().refused(401, "invalid_token");
    }

    fn a_session_is_renewed_by_its_cookie_and_within_a_guard(t) {
        t = pages();
        let session = sign_in(&t, "");
        changing(&t, "/browser/session?renew", &session).send().is(500).lacks("set-cookie");
        with(&t, "/guards/user", &session).send().is(200);
        changing(&t, "/browser/visitor/session?renew", &session).once().is(200).cookie("__Host-session");
        let pair = t.session("alice");
        let bearer = t.post("/browser/user/session?renew").bearer(pair.access_token().expose());
        bearer.send().refused(500, "misconfigured");
        t.post("/browser/visitor/session?renew").send().refused(401, "missing_credential");
    }

    fn a_payload_is_kept_and_changed(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        with(&t, "/browser/user/session", &session).send().is(200).says("alice: 3, 0 604800 2592000");
        let seen = changing(&t, "/browser/user/session?set=5", &session).once();
        seen.is(200).says("alice: 5, 0 604800 2592000").lacks("set-cookie");
        for target in ["/browser/user/session", "/browser/session", "/browser/visitor/session"] {
            with(&t, target, &session).send().says("alice: 5, 0 604800 2592000");
        }
        assert!(!claims(&session).to_string().contains("payload"), "it is in the store");
        let other = sign_in(&t, "");
        with(&t, "/browser/user/session", &other).send().says("alice: nothing, 0 604800 2592000");
    }

    fn nobody_has_no_session(t) {
        t = pages();
        for target in ["/browser/session", "/browser/visitor/session"] {
            t.get(target).send().is(200).says("nobody");
            with(&t, target, "x").send().refused(401, "invalid_token");
        }
        t.get("/browser/user/session").send().refused(401, "missing_credential");
        t.post("/browser/session?set=5").send().refused(401, "missing_credential");
    }

    fn a_payload_has_a_limit(t) {
        t = pages();
        // Including its quotation marks.
        let session = sign_in(&t, "bytes=16382");
        with(&t, "/browser/user/session", &session).send().says("alice: something else, 0 604800 2592000");
        signing_in(&t, "bytes=16383").send().refused(500, "misconfigured").lacks("set-cookie");
        changing(&t, "/browser/user/session?set=1", &session).once().is(200);
        changing(&t, "/browser/user/session?bytes=16383", &session).send().refused(500, "misconfigured");
        with(&t, "/browser/user/session", &session).send().says("alice: 1, 0 604800 2592000");
    }

    fn a_payload_goes_with_its_session(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        let other = sign_in(&t, "payload=4");
        sign_out(&t, &session);
        with(&t, "/browser/session", &session).send().is(200).says("nobody");
        with(&t, "/browser/user/session", &session).send().refused(401, "invalid_token");
        with(&t, "/browser/session", &other).send().says("alice: 4, 0 604800 2592000");
    }

    fn the_login_of_a_program_has_a_payload_too(t) {
        t = pages();
        let pair = t.session(LoginRequest::for_subject("alice").payload(&4).validity("2d"));
        let access = |token: &str| t.get("/browser/user/session").bearer(token);
        access(pair.access_token().expose()).send().is(200).says("alice: 4, 0 172800 2592000");
        let body = json!({ "refresh_token": pair.refresh_token().expose() }).to_string();
        let seen = t.post("/refresh").body("application/json", body).once();
        access(&seen.token("access_token")).send().says("alice: 4, 0 172800 2592000");
        // A token without a login has no session.
        access(&t.access("alice")).send().says("alice: nothing, no times");
        let none = t.post("/browser/user/session?set=1").bearer(t.access("alice"));
        none.send().refused(500, "misconfigured");
    }

    /// C-14.
    fn an_expired_session_is_401_where_a_role_is_asked_for_and_nobody_in_public(t) {
        t = pages();
        let session = sign_in(&t, "validity=1h");
        with(&t, "/browser/admin/session", &session).send().is(200);
        t.clock.advance(3_600 * SECOND);
        let refused = with(&t, "/browser/admin/session", &session).send();
        refused.refused(401, "invalid_token").has("set-cookie", CLEARED);
        let public = with(&t, "/browser/visitor/session", &session).send();
        public.is(200).says("nobody").has("set-cookie", CLEARED);
    }

    /// W-04.
    fn a_demotion_and_a_deletion_count_at_once(t) {
        t = pages();
        let session = sign_in(&t, "");
        with(&t, "/browser/admin/session", &session).send().is(200);
        t.users.change("alice", |user| user.roles.clear());
        with(&t, "/browser/admin/session", &session).send().refused(403, "missing_role");
        t.users.change("alice", |user| user.active = false);
        with(&t, "/browser/user/session", &session).send().refused(401, "invalid_token");
        t.users.remove("alice");
        with(&t, "/browser/user/session", &session).send().refused(401, "invalid_token");
    }

    fn a_form_of_another_site_changes_nothing(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        let post = || t.post("/browser/user/session?set=9").header("cookie", format!("__Host-session={session}"));
        for site in ["cross-site", "same-site"] {
            post().header("sec-fetch-site", site).send().refused(403, "cross_site_request");
        }
        post().send().refused(403, "cross_site_request");
        post().header("origin", "https://evil.example").send().refused(403, "cross_site_request");
        with(&t, "/browser/user/session", &session).send().says("alice: 3, 0 604800 2592000");
        post().header("origin", "https://app.example").once().is(200);
        let login = t.post("/browser/own/login").header("sec-fetch-site", "cross-site");
        login.send().refused(403, "cross_site_request").lacks("set-cookie");
    }

    fn a_bearer_token_beside_the_cookie_is_the_one_that_counts(t) {
        t = pages();
        let session = sign_in(&t, "payload=3");
        t.clock.advance(HALF);
        let both = with(&t, "/browser/user/session", &session).bearer(t.access("bob")).send();
        both.is(200).says("bob: nothing, no times").lacks("set-cookie");
    }

    fn two_cookies_of_the_name_are_400(t) {
        t = pages();
        let session = sign_in(&t, "");
        let twice = format!("__Host-session={session}; __Host-session={session}");
        t.get("/guards/user").header("cookie", twice).send().refused(400, "malformed_credential");
        with(&t, "/guards/user", &session).send().is(200);
    }

    fn a_sign_in_may_lead_to_a_page_of_ones_own(t) {
        t = pages();
        let seen = signing_in(&t, "next=%2Forders%3Fpage%3D2").once();
        seen.is(303).has("location", "/orders?page=2").has("cache-control", "no-store").says("");
        with(&t, "/guards/user", &seen.cookie("__Host-session")).send().is(200);
        for next in ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2F%5Cevil.example"] {
            signing_in(&t, &format!("next={next}")).once().is(200).lacks("location").cookie("__Host-session");
        }
        // A program receives its tokens.
        let program = t.post("/browser/own/login?next=%2Forders").once();
        program.is(200).lacks("location").token("access_token");
    }

    fn a_sign_out_may_lead_to_a_page_of_ones_own(t) {
        t = pages();
        let session = sign_in(&t, "");
        let seen = changing(&t, "/browser/own/logout?next=%2Fbye", &session).once();
        seen.is(303).has("location", "/bye").has("set-cookie", CLEARED).says("");
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        let bearer = t.post("/browser/own/logout?next=%2Fbye").bearer(t.access("alice")).once();
        bearer.is(200).lacks("location");
    }

    fn a_login_in_pairs_of_cookies_is_redirected_too(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()));
        let seen = signing_in(&t, "next=%2Forders&payload=3").once();
        seen.is(303).has("location", "/orders").says("");
        let access = seen.cookie("__Host-session");
        assert!(!seen.cookie("__Host-refresh").is_empty());
        with(&t, "/browser/user/session", &access).send().says("alice: 3, 0 604800 2592000");
    }

    fn sessions_are_listed_and_ended_whatever_they_came_in(t) {
        t = pages();
        let (session, other) = (sign_in(&t, ""), sign_in(&t, ""));
        let pair = t.session("alice");
        assert_eq!(t.list(&session).len(), 3);
        changing(&t, "/unused", &session);
        let delete = own(t.request("DELETE", &format!("/sessions/{}", sid(&other))));
        delete.header("cookie", format!("__Host-session={session}")).once().is(200).lacks("set-cookie");
        with(&t, "/guards/user", &other).send().refused(401, "invalid_token");
        changing(&t, "/logout/all", &session).once().is(200).has("set-cookie", CLEARED);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        t.get("/guards/user").bearer(pair.access_token().expose()).send().refused(401, "invalid_token");
    }

    fn a_revoked_session_is_401_at_once(t) {
        t = pages();
        let session = sign_in(&t, "");
        let id = sid(&session);
        with(&t, "/guards/user", &session).send().is(200);
        wait_for(t.app.auth.revoke("alice", &[RevocationTarget::Session(&id)])).unwrap();
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
    }

    fn one_login_more_than_the_limit_ends_the_oldest(t) {
        t = lasting(SessionConfig::new().limit(2));
        let first = sign_in(&t, "");
        t.clock.advance(SECOND);
        let second = sign_in(&t, "");
        t.clock.advance(SECOND);
        let third = sign_in(&t, "");
        with(&t, "/guards/user", &first).send().refused(401, "invalid_token");
        for live in [second, third] {
            with(&t, "/guards/user", &live).send().is(200);
        }
    }

    fn a_remembered_login_outlasts_the_browser(t) {
        t = Probe::build(|builder| builder.transport(SessionCookie::new().end_with_browser()));
        let seen = signing_in(&t, "").once();
        let session = seen.is(200).cookie("__Host-session");
        seen.has("set-cookie", &format!("__Host-session={session}; Path=/; Secure; HttpOnly; SameSite=Lax"));
        t.clock.advance(HALF);
        let seen = with(&t, "/guards/user", &session).once();
        assert!(!seen.response.header("set-cookie")[0].contains("Max-Age"), "{seen:?}");
        let seen = signing_in(&t, "remember").once();
        assert_eq!(max_age(&seen), 30 * 86_400);
        t.clock.advance(15 * DAY);
        assert_eq!(max_age(&with(&t, "/guards/user", &seen.cookie("__Host-session")).once()), 30 * 86_400);
    }

    fn an_application_that_moves_over_keeps_the_name_of_its_cookie(t) {
        for name in ["auth_token", "session"] {
            t = Probe::build(|builder| builder.transport(SessionCookie::new().danger_name(name).unwrap()));
            let seen = signing_in(&t, "").once();
            let session = seen.is(200).cookie(name);
            let set = format!("{name}={session}; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Lax");
            seen.has("set-cookie", &set);
            t.get("/guards/user").header("cookie", format!("{name}={session}")).send().is(200);
            with(&t, "/guards/user", &session).send().refused(401, "missing_credential");
        }
    }

    fn cookies_for_plain_http_are_asked_for_by_name(t) {
        let cookie = SessionCookie::new().insecure_on_loopback([127, 0, 0, 1].into()).unwrap();
        t = Probe::build(|builder| builder.transport(cookie));
        let seen = signing_in(&t, "").once();
        let session = seen.is(200).cookie("session");
        seen.has("set-cookie", &format!("session={session}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"));
        assert!(SessionCookie::new().insecure_on_loopback([192, 0, 2, 1].into()).is_err());
    }

    fn without_a_session_store_the_payload_is_in_the_cookie(t) {
        t = stateless();
        let session = sign_in(&t, "payload=3");
        assert_eq!(claims(&session)["session_payload"], 3);
        with(&t, "/browser/user/session", &session).send().is(200).says("alice: 3, 0 604800 2592000");
        t.clock.advance(DAY);
        let seen = changing(&t, "/browser/user/session?set=5", &session).once();
        let next = seen.is(200).says("alice: 5, 0 604800 2592000").cookie("__Host-session");
        assert_eq!(sid(&next), sid(&session));
        with(&t, "/browser/user/session", &next).send().says("alice: 5, 86400 691200 2592000");
        // Without a guard, nothing would set the cookie.
        changing(&t, "/browser/session?set=6", &next).send().is(500).lacks("set-cookie");
    }

    fn a_payload_that_does_not_fit_into_the_cookie_is_an_error(t) {
        t = stateless();
        let session = sign_in(&t, "bytes=2500");
        with(&t, "/browser/user/session", &session).send().says("alice: something else, 0 604800 2592000");
        signing_in(&t, "bytes=3000").send().refused(500, "misconfigured").lacks("set-cookie");
        changing(&t, "/browser/user/session?bytes=3000", &session).send().refused(500, "misconfigured");
        changing(&t, "/browser/user/session?bytes=2400", &session).once().is(200).cookie("__Host-session");
    }

    fn without_a_session_store_a_logout_ends_every_copy(t) {
        t = stateless();
        let session = sign_in(&t, "payload=3");
        t.clock.advance(HALF);
        let seen = with(&t, "/browser/user/session", &session).once();
        assert_eq!(max_age(seen.is(200)), 604_800);
        let late = seen.cookie("__Host-session");
        with(&t, "/browser/user/session", &late).send().says("alice: 3, 302400 907200 2592000");
        sign_out(&t, &session);
        for copy in [&session, &late] {
            with(&t, "/guards/user", copy).send().refused(401, "invalid_token");
        }
        t.clock.advance((7 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &late).send().refused(401, "invalid_token");
    }

    fn without_a_session_store_nothing_moves_the_end_either(t) {
        t = stateless();
        let mut session = sign_in(&t, "validity=20d");
        t.clock.advance(15 * DAY);
        let seen = with(&t, "/guards/user", &session).once();
        assert_eq!(max_age(seen.is(200)), 15 * 86_400);
        session = seen.cookie("__Host-session");
        t.clock.advance((15 * DAY).saturating_sub(SECOND));
        with(&t, "/guards/user", &session).send().is(200).lacks("set-cookie");
        t.clock.advance(SECOND);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
    }

    fn without_a_session_store_a_session_is_renewed_too(t) {
        t = stateless();
        let session = sign_in(&t, "payload=3");
        let seen = changing(&t, "/browser/user/session?renew", &session).once();
        let next = seen.is(200).says("alice: 3, 0 604800 2592000").cookie("__Host-session");
        assert_ne!(sid(&session), sid(&next));
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token");
        with(&t, "/guards/user", &next).send().is(200);
    }

    fn a_pair_of_tokens_that_nothing_keeps_has_no_payload(t) {
        t = Probe::stateless();
        for query in ["payload=3", "validity=7d"] {
            t.post(&format!("/browser/own/login?{query}")).send().refused(500, "misconfigured");
        }
        t.post("/browser/own/login").once().is(200);
    }

    fn without_a_revocation_store_a_logout_counts_at_once_as_well(t) {
        t = unrevoked();
        let session = sign_in(&t, "payload=3");
        with(&t, "/guards/user", &session).send().is(200);
        sign_out(&t, &session);
        with(&t, "/guards/user", &session).send().refused(401, "invalid_token").has("set-cookie", CLEARED);
        with(&t, "/browser/visitor/session", &session).send().is(200).says("nobody");
    }

    fn a_store_that_fails_carries_nothing_on_and_refuses_nobody(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.transport(SessionCookie::new()).store(store.clone()));
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        store.fault_at("prolong", Fault::Fails);
        with(&t, "/guards/user", &session).send().is(200).lacks("set-cookie");
        store.recover();
        with(&t, "/guards/user", &session).once().is(200).cookie("__Host-session");
        // If the store must be asked, it is 503.
        store.fault_at("load", Fault::Fails);
        with(&t, "/browser/user/session", &session).once().refused(503, "unavailable");
        store.recover();
        store.mix_up("bob");
        with(&t, "/browser/session", &session).send().refused(503, "unavailable");
        with(&t, "/guards/user", &session).once().is(200).lacks("set-cookie");
    }

    /// The session store knows that it has ended, but the revocation store does not yet.
    fn a_session_that_its_store_has_ended_is_not_carried_on(t) {
        let store = FaultyStore::default();
        t = Probe::build(|builder| builder.transport(SessionCookie::new()).store(store.clone()));
        let session = sign_in(&t, "");
        t.clock.advance(HALF);
        let owner = t.app.auth.owner("alice");
        let id = fauth_core::store::SessionId::parse(&sid(&session)).unwrap();
        let now = fauth_core::clock::Clock::now(&t.clock).unwrap();
        wait_for(fauth_core::store::SessionStore::end(store.inner(), &owner, &id, now)).unwrap().unwrap();
        with(&t, "/me", &session).send().is(200);
        with(&t, "/browser/session", &session).send().refused(401, "invalid_token");
        let seen = with(&t, "/guards/user", &session).send();
        seen.refused(401, "invalid_token").has("set-cookie", CLEARED);
        // From now on, all instances know.
        with(&t, "/me", &session).send().refused(401, "invalid_token");
        with(&t, "/visitors/maybe", &session).send().is(200).says("Hello nobody").has("set-cookie", CLEARED);
    }

    fn scopes_are_carried_on_with_the_session(t) {
        t = pages();
        let request = || TokenRequest::for_subject("alice").scope("read");
        t.get("/guards/scope").bearer(t.access(request())).send().is(200);
        let session = t.sign_in_with_scopes();
        with(&t, "/guards/scope", &session).send().is(200);
        t.clock.advance(HALF);
        let next = with(&t, "/guards/scope", &session).once().is(200).cookie("__Host-session");
        with(&t, "/guards/scope", &next).send().is(200);
        with(&t, "/guards/scope", &sign_in(&t, "")).send().refused(403, "missing_scope");
    }
}

impl<H: Harness> Probe<H> {
    fn clock_seconds(&self) -> u64 {
        let now = fauth_core::clock::Clock::now(&self.clock).unwrap();
        now.unix_seconds().try_into().unwrap()
    }

    /// Returns the sessions of a user, as the user sees them.
    fn list(&self, session: &str) -> Vec<Value> {
        let seen = with(self, "/sessions", session).send();
        seen.is(200).response.json()["sessions"].as_array().unwrap().clone()
    }

    /// Logs in with the scope `read` and returns the cookie.
    fn sign_in_with_scopes(&self) -> String {
        let head = crate::WireRequest::new("POST", "/login")
            .header("host", "app.example")
            .header("sec-fetch-site", "same-origin");
        let request = TokenRequest::for_subject("alice").scope("read");
        let reply = wait_for(self.app.auth.login_reply(&head, request)).unwrap();
        let cookie = reply.headers().iter().find(|header| header.name() == "set-cookie").unwrap();
        let value = cookie.value().strip_prefix("__Host-session=").unwrap();
        value.split(';').next().unwrap().to_owned()
    }
}
