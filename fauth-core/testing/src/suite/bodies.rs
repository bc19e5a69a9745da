//! Request bodies of the ready-made endpoints, as clients send them.

use std::time::Duration;

use fauth_core::{
    LoginRequest, Purpose,
    transport::{BearerTransport, CookieTransport},
};

use super::{Seen, cases};
use crate::suite::{Harness, Probe};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn cookies<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
}

#[track_caller]
fn says_why(seen: &Seen, detail: &str) {
    seen.refused(400, "invalid_request");
    assert_eq!(seen.response.json()["detail"], detail);
}

fn refresh_body(token: &str) -> String {
    serde_json::json!({ "refresh_token": token }).to_string()
}

cases! { $ __bodies_tests in bodies;
    fn a_refresh_by_cookie_takes_any_body_without_a_token(t) {
        t = cookies();
        for (media_type, body) in [
            (JSON, "{}"),
            (JSON, "null"),
            (JSON, r#"{"refresh_token":null}"#),
            (JSON, r#"{"csrf":"x"}"#),
            (JSON, " \r\n"),
            (FORM, ""),
            (FORM, "grant_type=refresh_token"),
            (FORM, "refresh_token="),
            (JSON, r#"{"refresh_token":""}"#),
            ("text/plain", ""),
        ] {
            let cookie = format!("__Host-refresh={}", t.refresh_token("alice"));
            let sending = t.post("/refresh").body(media_type, body).header("cookie", cookie);
            sending.header("sec-fetch-site", "same-origin").send().is(200).says("{\"expires_in\":900}");
        }
    }

    fn a_refresh_with_a_bad_body_is_refused_whatever_the_cookie(t) {
        t = cookies();
        let cookie = format!("__Host-refresh={}", t.refresh_token("alice"));
        let sending = |media_type: &str, body: &str| {
            t.post("/refresh")
                .body(media_type, body)
                .header("cookie", &cookie)
                .header("sec-fetch-site", "same-origin")
                .send()
        };
        sending(JSON, "{").refused(400, "invalid_request");
        sending(JSON, "[]").refused(400, "invalid_request");
        sending(JSON, "{} {}").refused(400, "invalid_request");
        says_why(&sending(JSON, r#"{"refresh_token":5}"#), "The field `refresh_token` must be text in UTF-8");
        says_why(&sending(JSON, r#"{"refresh_token":"a","refresh_token":null}"#), "The field `refresh_token` occurs more than once");
        says_why(&sending(FORM, "refresh_token=a&refresh_token=a"), "The field `refresh_token` occurs more than once");
        says_why(&sending(FORM, "refresh_token=%ff"), "The field `refresh_token` must be text in UTF-8");
        sending("text/plain", "x").refused(415, "unsupported_media_type");
    }

    /// C-16: 400, whether a field is missing or of the wrong type.
    fn a_login_says_which_field_is_wrong(t) {
        let json = |body: &str| t.post("/login").body(JSON, body).send();
        let form = |body: &str| t.post("/login").body(FORM, body).send();
        for seen in [json(""), json("null"), json("{}"), json(r#"{"username":null}"#), form(""), form("Username=alice")] {
            says_why(&seen, "Missing field `username`");
        }
        says_why(&json(r#"{"username":"alice"}"#), "Missing field `password`");
        says_why(&form("username=alice"), "Missing field `password`");
        for value in ["5", "true", "[]", "{}", "-1", "0.5"] {
            let seen = json(&format!("{{\"username\":{value},\"password\":\"s3cret\"}}"));
            says_why(&seen, "The field `username` must be text in UTF-8");
        }
        let twice = "The field `username` occurs more than once";
        says_why(&json(r#"{"username":"alice","username":"alice","password":"s3cret"}"#), twice);
        says_why(&form("username=alice&username=alice&password=s3cret"), twice);
        let not_text = "The field `password` must be text in UTF-8";
        says_why(&form("username=alice&password=%ff"), not_text);
        says_why(&form("username=alice&password=%EF%BF%BD"), not_text);
        says_why(&json("{\"username\":\"alice\",\"password\":\"\u{fffd}\"}"), not_text);
        let unreadable = "The body cannot be read as JSON or as a form";
        for body in ["{", "[]", "5", "\"x\"", "{\"username\":\"alice\",}", "{}x", "\u{feff}{}"] {
            says_why(&json(body), unreadable);
        }
    }

    fn remember_reads_alike_in_json_and_forms(t) {
        let remembered = |seen: Seen| {
            let sessions = t.get("/sessions").bearer(seen.token("access_token")).send().response.json();
            let sessions = sessions["sessions"].as_array().unwrap().clone();
            sessions.iter().find(|session| session["current"] == true).unwrap()["remembered"] == true
        };
        let json = |value: &str| {
            let body = format!("{{\"username\":\"alice\",\"password\":\"s3cret\",\"remember\":{value}}}");
            t.post("/login").body(JSON, body).once()
        };
        let form = |value: &str| t.post("/login").body(FORM, format!("username=alice&password=s3cret&remember={value}")).once();
        for text in ["true", "on", "yes", "1", "True", "ON"] {
            assert!(remembered(form(text)), "{text}");
            assert!(remembered(json(&format!("{text:?}"))), "{text}");
        }
        for text in ["false", "off", "no", "0", "False"] {
            assert!(!remembered(form(text)), "{text}");
            assert!(!remembered(json(&format!("{text:?}"))), "{text}");
        }
        assert!(remembered(json("true")) && remembered(json("1")));
        assert!(!remembered(json("false")) && !remembered(json("0")) && !remembered(json("null")));
        let detail = "The field `remember` must be one of true, false, on, off, yes, no, 1, 0";
        for seen in [json("2"), json("\"\""), json("\"maybe\""), json("[]"), json("-1"), form(""), form("t"), form("2")] {
            says_why(&seen, detail);
        }
    }

    /// RFC 7009: a program whose access token has expired still has the refresh token.
    fn a_logout_takes_the_refresh_token(t) {
        for (media_type, field) in [(JSON, "refresh_token"), (JSON, "token"), (FORM, "refresh_token"), (FORM, "token")] {
            let refresh = t.refresh_token("alice");
            let body = match media_type {
                JSON => serde_json::json!({ field: refresh }).to_string(),
                _ => format!("{field}={refresh}&token_type_hint=refresh_token"),
            };
            t.clock.advance(Duration::from_secs(901));
            let seen = t.post("/logout").body(media_type, body).send();
            assert_eq!(seen.is(200).response.json()["revoked"], true);
            t.post("/refresh").body(JSON, refresh_body(&refresh)).send().refused(401, "invalid_token");
        }
        let refresh = t.refresh_token("alice");
        t.post("/logout").bearer(&refresh).send().is(200);
        t.post("/refresh").body(JSON, refresh_body(&refresh)).send().refused(401, "invalid_token");
    }

    /// The body names the login to end, even beside an expired access token.
    fn a_logout_takes_the_refresh_token_of_the_body_first(t) {
        let pair = t.session("alice");
        let (access, refresh) = (pair.access_token().expose(), pair.refresh_token().expose());
        t.clock.advance(Duration::from_secs(901));
        t.post("/logout").bearer(access).send().refused(401, "invalid_token");
        t.post("/logout").bearer(access).body(JSON, refresh_body(refresh)).send().is(200);
        t.post("/refresh").body(JSON, refresh_body(refresh)).send().refused(401, "invalid_token");
    }

    fn a_logout_with_an_unreadable_header_is_refused_whatever_the_body(t) {
        let body = refresh_body(&t.refresh_token("alice"));
        let sending = t.post("/logout").body(JSON, &body).header("authorization", "Bearer a b");
        sending.send().refused(400, "malformed_credential");
        t.post("/refresh").body(JSON, &body).send().is(200);
    }

    fn a_logout_with_a_bad_token_in_the_body_is_refused(t) {
        t = cookies();
        let access = t.access("alice");
        let cookie = format!("__Host-session={access}");
        for body in [r#"{"refresh_token":"x"}"#, r#"{"token":"a b"}"#] {
            let sending = t.post("/logout").body(JSON, body).header("cookie", &cookie);
            sending.header("sec-fetch-site", "same-origin").send().refused(401, "invalid_token").lacks("set-cookie");
        }
        let sending = t.post("/logout").body(JSON, r#"{"refresh_token":5}"#).header("cookie", &cookie);
        says_why(&sending.send(), "The field `refresh_token` must be text in UTF-8");
        let reset = t.one_time_token(fauth_core::OneTimePurpose::PasswordReset, "alice");
        t.post("/logout").body(JSON, refresh_body(&reset)).send().refused(401, "invalid_token");
    }

    /// A form on another site can send a token of its own.
    fn a_foreign_logout_takes_no_cookies(t) {
        t = cookies();
        let body = refresh_body(&t.refresh_token("bob"));
        let sending = t.post("/logout").body(JSON, &body).header("sec-fetch-site", "cross-site");
        sending.send().is(200).lacks("set-cookie");
        let sending = t.post("/logout").body(JSON, &body).header("sec-fetch-site", "same-origin");
        assert_eq!(sending.send().is(200).response.header("set-cookie").len(), 2);
    }

    fn a_logout_does_not_look_at_other_bodies(t) {
        for (media_type, body) in [("text/plain", "bye"), (JSON, "{}"), (JSON, "null"), (FORM, "a=b"), (JSON, ""), (JSON, "{"), (JSON, "[]")] {
            t.post("/logout").bearer(t.access("alice")).body(media_type, body).send().is(200);
        }
    }

    fn a_refresh_token_opens_nothing_but_its_own_ways(t) {
        let refresh = t.token(Purpose::Refresh, "alice");
        t.post("/logout/all").bearer(&refresh).send().refused(401, "invalid_token");
        t.get("/sessions").bearer(&refresh).send().refused(401, "invalid_token");
        t.get("/me").bearer(&refresh).send().refused(401, "invalid_token");
    }

    fn a_remembered_login_lasts_longer(t) {
        let lifetime = |remember: bool| {
            let pair = t.session(LoginRequest::for_subject("alice").remember(remember));
            (pair.access_lifetime().as_secs(), pair.refresh_lifetime().as_secs())
        };
        let day = 24 * 60 * 60;
        assert_eq!((lifetime(false), lifetime(true)), ((900, 7 * day), (900, 30 * day)));
    }
}
