//! The pages of a small site for browsers: a sign-in with a form, a dashboard, a page for admins, a
//! sign-out, and an action for scripts.
//!
//! Names such as C-05 are known faults of other frameworks.

use std::{borrow::Cow, future::ready, time::Duration};

use fauth_core::{
    AuthProvider, LoginRequest, LogoutRequest, Rejection, SessionHandle,
    escape::html,
    redirect::LocalTarget,
    rejection::Pages,
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    transport::{BearerTransport, SessionCookie},
    visitor::Visitor,
};
use serde_json::{Value, json};

use super::{OwnReply, Seen, Sending, cases};
use crate::{
    TestUser,
    suite::{Harness, Probe},
};

const SIGN_IN: &str = "/session/sign-in";
const DASHBOARD: &str = "/session/dashboard";
/// The line about the visitor's rights on every page.
const POLICY: &str = "default-src 'none'";

/// How the pages under `/session` refuse.
pub fn small_site_pages() -> Pages {
    Pages::new(SIGN_IN).header(ResponseHeader::new("content-security-policy", POLICY))
}

/// Returns the response of `session_page`, by method and path.
pub fn session_page_reply(
    auth: &AuthProvider<TestUser>,
    head: &dyn RequestHead,
    visitor: Visitor<TestUser>,
    session: SessionHandle<TestUser>,
    body: &[u8],
) -> OwnReply {
    let next = LocalTarget::from_query(head.query(), "next");
    match (head.method(), head.path().trim_start_matches("/session/")) {
        ("GET", "sign-in") => Box::pin(ready(Ok(form(200, next.as_ref(), None)))),
        ("POST", "sign-in") => sign_in(auth, head, next, body),
        ("GET", "dashboard") => Box::pin(dashboard(visitor, session)),
        ("GET", "admin") => Box::pin(ready(Ok(page(200, &format!("admin {}", name_of(&visitor)))))),
        ("GET", "about") => Box::pin(ready(Ok(page(200, &format!("about {}", name_of(&visitor)))))),
        ("POST", "sign-out") => {
            let request = LogoutRequest::new().redirect_to(LocalTarget::parse(SIGN_IN).unwrap());
            Box::pin(auth.logout_reply(head, request))
        }
        ("POST", "notes") => Box::pin(add_note(session, body.to_vec())),
        ("GET", _) => Box::pin(ready(Err(Rejection::MethodNotAllowed { allow: "POST" }))),
        _ => Box::pin(ready(Err(Rejection::MethodNotAllowed { allow: "GET" }))),
    }
}

fn page(status: u16, text: &str) -> Reply {
    Reply::new(status)
        .body("text/html; charset=utf-8", text)
        .header(ResponseHeader::new("content-security-policy", POLICY))
        .header(ResponseHeader::new("cache-control", "no-store"))
}

fn name_of(visitor: &Visitor<TestUser>) -> Cow<'_, str> {
    html(visitor.display_name())
}

/// The form, with the submitted name if it was wrong.
fn form(status: u16, next: Option<&LocalTarget>, wrong: Option<&str>) -> Reply {
    let action = LocalTarget::parse(SIGN_IN).unwrap();
    let action = next.and_then(|next| action.with_parameter("next", next.as_str())).unwrap_or(action);
    let (action, wrong) = (html(action.as_str()), wrong.map(html));
    page(
        status,
        &match wrong {
            None => format!("<form action=\"{action}\">"),
            Some(name) => format!("<form action=\"{action}\"><input value=\"{name}\"><p>wrong"),
        },
    )
}

fn sign_in(
    auth: &AuthProvider<TestUser>,
    head: &dyn RequestHead,
    next: Option<LocalTarget>,
    body: &[u8],
) -> OwnReply {
    let login = match auth.begin_login(head, false) {
        Ok(login) => login,
        Err(rejection) => return Box::pin(ready(Err(rejection))),
    };
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(body).filter(|(own, _)| own == name);
        fields.next().map(|(_, value)| value.into_owned())
    };
    let (Some(name), Some(password)) = (field("identifier"), field("password")) else {
        return Box::pin(ready(Err(Rejection::InvalidRequest)));
    };
    let (auth, remember) = (auth.clone(), field("remember").is_some());
    Box::pin(async move {
        match auth.authenticate(&name, &password, login.client()).await {
            Ok(user) => {
                let home = || LocalTarget::parse(DASHBOARD).unwrap();
                let request = LoginRequest::from(&user).payload(&json!({ "visits": 0, "notes": [] }));
                login.finish(request.remember(remember).redirect_to(next.unwrap_or_else(home))).await
            }
            Err(Rejection::InvalidCredentials) => Ok(form(401, next.as_ref(), Some(&name))),
            Err(rejection) => Err(rejection),
        }
    })
}

/// Shows the user, the number of visits in this session, and the notes.
async fn dashboard(
    visitor: Visitor<TestUser>,
    mut session: SessionHandle<TestUser>,
) -> Result<Reply, Rejection> {
    let kept = change(&mut session, |kept| {
        let visits = kept["visits"].as_u64().unwrap_or_default() + 1;
        kept["visits"] = json!(visits);
    });
    let kept = kept.await?;
    let notes = kept["notes"].to_string();
    Ok(page(200, &format!("dashboard {} {} {}", name_of(&visitor), kept["visits"], html(&notes))))
}

async fn add_note(mut session: SessionHandle<TestUser>, body: Vec<u8>) -> Result<Reply, Rejection> {
    let note: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = note["text"].as_str().ok_or(Rejection::InvalidRequest)?;
    let kept = change(&mut session, |kept| {
        if let Some(notes) = kept["notes"].as_array_mut() {
            notes.push(json!(text));
        }
    });
    Ok(Reply::new(200).body("application/json", kept.await?["notes"].to_string()))
}

async fn change(
    session: &mut SessionHandle<TestUser>,
    how: impl Fn(&mut Value) + Send,
) -> Result<Value, Rejection> {
    loop {
        let empty = || json!({ "visits": 0, "notes": [] });
        let mut kept = session.payload::<Value>().ok().flatten().unwrap_or_else(empty);
        how(&mut kept);
        if session.update(&kept).await? {
            return Ok(kept);
        }
    }
}

// --- The cases --------------------------------------------------------------------------------

/// The `Accept` header of browsers.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// Deletes the cookie.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
const FORM: &str = "application/x-www-form-urlencoded";
const ALICE: &str = "identifier=alice&password=s3cret";
const BOB: &str = "identifier=bob&password=hunter2";
const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// One application for programs and browsers. Its session ends with the browser unless it is to be
/// remembered.
fn site<H: Harness>() -> Probe<H> {
    Probe::build(|builder| {
        builder.transport(BearerTransport::new()).transport(SessionCookie::new().end_with_browser())
    })
}

/// Requests a page like a browser.
fn browsing<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending
        .header("accept", BROWSER)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
}

fn visiting<'a, H: Harness>(t: &'a Probe<H>, target: &str, session: &str) -> Sending<'a, H> {
    browsing(t.get(target)).header("cookie", format!("theme=dark; __Host-session={session}"))
}

/// Sends a form like a page of this origin.
fn sending<'a, H: Harness>(t: &'a Probe<H>, target: &str, body: &str) -> Sending<'a, H> {
    browsing(t.post(target)).header("sec-fetch-site", "same-origin").body(FORM, body)
}

fn signed_in<H: Harness>(t: &Probe<H>, body: &str) -> String {
    let seen = sending(t, SIGN_IN, body).once();
    sent_to(&seen, DASHBOARD);
    seen.cookie("__Host-session")
}

fn signing_out<'a, H: Harness>(t: &'a Probe<H>, session: &str) -> Sending<'a, H> {
    sending(t, "/session/sign-out", "").header("cookie", format!("__Host-session={session}"))
}

/// Calls like a script of this origin.
fn calling<'a, H: Harness>(t: &'a Probe<H>, session: &str) -> Sending<'a, H> {
    saying(t, session, "{\"text\":\"milk\"}")
}

fn saying<'a, H: Harness>(t: &'a Probe<H>, session: &str, body: &str) -> Sending<'a, H> {
    let call = t.post("/session/notes").body("application/json", body);
    let call = call.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "cors");
    call.header("accept", "*/*").header("cookie", format!("__Host-session={session}"))
}

#[track_caller]
fn sent_to(seen: &Seen, location: &str) {
    seen.is(303).has("location", location).has("cache-control", "no-store").says("");
    seen.lacks("content-type").lacks("www-authenticate");
}

/// Asserts a page of the application, which no cache keeps.
#[track_caller]
fn shown(seen: &Seen, status: u16, text: &str) {
    seen.is(status).has("content-type", "text/html; charset=utf-8").has("cache-control", "no-store");
    seen.has("content-security-policy", POLICY).lacks("location");
    assert!(seen.response.text().contains(text), "{:?}", seen.response);
}

/// The response to the form with this name and password.
#[track_caller]
fn wrong<H: Harness>(t: &Probe<H>, name: &str, password: &str) -> Seen {
    let mut body = form_urlencoded::Serializer::new(String::new());
    let body = body.append_pair("identifier", name).append_pair("password", password).finish();
    let seen = sending(t, SIGN_IN, &body).send();
    seen.lacks("set-cookie");
    seen
}

cases! { $ __session_pages_tests in session_pages;
    /// C-04: from the requested page to the form and back, with its query.
    fn a_sign_in_leads_back_to_where_it_was_asked_for(t) {
        t = site();
        let asked = browsing(t.get("/session/dashboard?tab=2&q=a+b")).send();
        let form = "/session/sign-in?next=%2Fsession%2Fdashboard%3Ftab%3D2%26q%3Da%2Bb";
        sent_to(&asked, form);
        shown(&browsing(t.get(form)).send(), 200, &format!("<form action=\"{form}\">"));
        let seen = sending(&t, form, ALICE).once();
        sent_to(&seen, "/session/dashboard?tab=2&q=a+b");
        let session = seen.cookie("__Host-session");
        shown(&visiting(&t, "/session/dashboard?tab=2&q=a+b", &session).once(), 200, "dashboard alice 1 []");
    }

    fn without_next_a_sign_in_leads_to_the_dashboard(t) {
        t = site();
        let session = signed_in(&t, BOB);
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard bob 1 []");
        sent_to(&browsing(t.get(DASHBOARD)).send(), "/session/sign-in?next=%2Fsession%2Fdashboard");
    }

    /// W-06, P-21: `Secure`, and until the browser is closed.
    fn the_cookie_ends_with_the_browser(t) {
        t = site();
        let seen = sending(&t, SIGN_IN, ALICE).once();
        let session = seen.cookie("__Host-session");
        seen.has("set-cookie", &format!("__Host-session={session}; Path=/; Secure; HttpOnly; SameSite=Lax"));
        t.clock.advance(WEEK.saturating_sub(SECOND));
        visiting(&t, DASHBOARD, &session).once().is(200);
    }

    /// C-06: the cookie lives as long as the session.
    fn whoever_asks_to_be_remembered_is(t) {
        t = site();
        let seen = sending(&t, SIGN_IN, "identifier=alice&password=s3cret&remember=on").once();
        let session = seen.cookie("__Host-session");
        seen.has("set-cookie", &format!("__Host-session={session}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax"));
        t.clock.advance(WEEK * 2);
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice");
        let forgotten = signed_in(&t, ALICE);
        t.clock.advance(WEEK);
        sent_to(&visiting(&t, DASHBOARD, &forgotten).send(), "/session/sign-in?next=%2Fsession%2Fdashboard");
    }

    fn a_wrong_password_shows_the_form_again(t) {
        t = site();
        let seen = sending(&t, "/session/sign-in?next=/session/admin", "identifier=alice&password=wrong").send();
        shown(&seen, 401, "<form action=\"/session/sign-in?next=%2Fsession%2Fadmin\"><input value=\"alice\"><p>wrong");
        seen.lacks("set-cookie");
        let seen = sending(&t, "/session/sign-in?next=/session/admin", ALICE).once();
        sent_to(&seen, "/session/admin");
    }

    /// W-01, P-09: the same response for all, and no sooner for users that do not exist.
    fn nobody_learns_from_the_form_who_exists(t) {
        t = site();
        let text = |seen: &Seen, name: &str| {
            let value = format!("value=\"{name}\"");
            assert!(seen.response.text().contains(&value), "{:?}", seen.response);
            seen.response.text().replace(&value, "")
        };
        let expected = wrong(&t, "alice", "wrong");
        let long = "x".repeat(5000);
        for (name, password) in [
            ("alice", ""), ("alice", &*long), ("alice", "S3CRET"), ("nobody", "s3cret"), ("", "s3cret"),
            ("carol", "pa55word"), ("dora", "s3cret"), ("frank", "s3cret"), ("alice ", "s3cret"), ("ALICE", "s3cret"),
        ] {
            let seen = wrong(&t, name, password);
            assert_eq!(seen.is(401).response.headers, expected.response.headers, "{name}");
            assert_eq!(text(&seen, name), text(&expected, "alice"), "{name}");
        }
        signed_in(&t, ALICE);
    }

    /// Submitted text is shown as text, whatever it contains.
    fn the_name_that_was_given_is_escaped(t) {
        t = site();
        let seen = wrong(&t, "\"><script>alert('&')</script>", "x");
        shown(&seen, 401, "<input value=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\">");
        // An apostrophe is legal in a target, and ends no attribute.
        let seen = browsing(t.get("/session/sign-in?next=/a'onclick='x&y=1")).send();
        shown(&seen, 200, "<form action=\"/session/sign-in?next=%2Fa%27onclick%3D%27x\">");
        shown(&wrong(&t, "größer", "x"), 401, "<input value=\"größer\">");
    }

    /// C-03, P-05
    fn a_next_that_leads_away_is_not_followed(t) {
        t = site();
        for next in [
            "https://evil.example/", "//evil.example/x", "///evil.example", "/%5Cevil.example", "/%09/evil.example",
            "%20//evil.example", "/.//evil.example", "/..//evil.example", "javascript:alert(1)", "dashboard", "",
            "https://app.example/session/admin", "/%252F/evil.example", "%2F%0A%2Fevil.example", "/a%0d%0aset-cookie:x=1",
        ] {
            let target = format!("/session/sign-in?next={next}");
            shown(&browsing(t.get(&target)).send(), 200, "<form action=\"/session/sign-in\">");
            sent_to(&sending(&t, &target, ALICE).once(), DASHBOARD);
        }
        sent_to(&sending(&t, "/session/sign-in?next=/session/admin", ALICE).once(), "/session/admin");
    }

    /// Parsers that take the first value and parsers that take the last would differ.
    fn two_nexts_are_none(t) {
        t = site();
        sent_to(&sending(&t, "/session/sign-in?next=/session/admin&next=/session/about", ALICE).once(), DASHBOARD);
        sent_to(&sending(&t, "/session/sign-in?next=/session/admin", ALICE).once(), "/session/admin");
    }

    fn a_next_in_the_form_is_not_read(t) {
        t = site();
        for next in ["//evil.example", "/session/admin"] {
            sent_to(&sending(&t, SIGN_IN, &format!("{ALICE}&next={next}")).once(), DASHBOARD);
        }
    }

    fn a_next_that_is_too_long_is_not_followed(t) {
        t = site();
        let target = |length: usize| format!("/session/sign-in?next=/{}", "x".repeat(length - 1));
        sent_to(&sending(&t, &target(2049), ALICE).once(), DASHBOARD);
        let seen = sending(&t, &target(2048), ALICE).once();
        assert_eq!(seen.is(303).response.header("location").concat().len(), 2048);
    }

    /// P-21, login CSRF: an attacker who signs a user in as the attacker sees what the user does.
    fn the_form_of_another_site_signs_nobody_in(t) {
        t = site();
        let post = || browsing(t.post(SIGN_IN)).body(FORM, ALICE);
        for site in ["cross-site", "same-site", "other"] {
            shown(&post().header("sec-fetch-site", site).send(), 403, "neither this application");
            post().header("sec-fetch-site", site).send().lacks("set-cookie");
        }
        for origin in ["https://evil.example", "null", "https://app.example:8443", "http://app.example", "https://app.example.evil.example"] {
            post().header("origin", origin).send().is(403).lacks("set-cookie");
        }
        sent_to(&post().header("origin", "https://app.example").once(), DASHBOARD);
        sent_to(&post().header("sec-fetch-site", "same-origin").once(), DASHBOARD);
    }

    /// Ports are different origins, and share cookies.
    fn the_form_of_another_port_signs_nobody_in(t) {
        let cookie = SessionCookie::new().insecure_on_loopback([127, 0, 0, 1].into()).unwrap();
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(cookie));
        let post = |origin: &str, site: Option<&str>| {
            let mut sending = browsing(t.post(SIGN_IN)).header("origin", origin);
            sending.request.headers.retain(|(name, _)| name != "host");
            sending = sending.header("host", "127.0.0.1:3000").body(FORM, ALICE);
            match site {
                Some(site) => sending.header("sec-fetch-site", site),
                None => sending,
            }
        };
        for origin in ["http://127.0.0.1:4000", "http://127.0.0.1", "http://localhost:3000", "https://127.0.0.1:4000"] {
            post(origin, None).send().is(403).lacks("set-cookie");
            post(origin, Some("same-site")).send().is(403).lacks("set-cookie");
        }
        for site in [None, Some("same-origin")] {
            let seen = post("http://127.0.0.1:3000", site).once();
            sent_to(&seen, DASHBOARD);
            assert!(!seen.cookie("session").is_empty());
        }
    }

    /// URLs end up in logs and histories.
    fn a_password_in_the_url_signs_nobody_in(t) {
        t = site();
        let seen = browsing(t.get("/session/sign-in?identifier=alice&password=s3cret")).send();
        shown(&seen, 200, "<form action=\"/session/sign-in\">");
        seen.lacks("set-cookie");
        let seen = sending(&t, "/session/sign-in?identifier=alice&password=s3cret", "").send();
        seen.is(400).lacks("set-cookie");
        signed_in(&t, ALICE);
    }

    fn a_form_without_its_fields_is_a_bad_request(t) {
        t = site();
        for body in ["", "identifier=alice", "password=s3cret", "{\"identifier\":\"alice\",\"password\":\"s3cret\"}", "&&=&"] {
            let seen = sending(&t, SIGN_IN, body).send();
            shown(&seen, 400, "<h1>Bad Request</h1>");
            seen.lacks("set-cookie");
        }
        signed_in(&t, ALICE);
    }

    fn a_program_that_sends_the_form_gets_tokens(t) {
        t = site();
        let seen = t.post("/session/sign-in?next=/session/admin").body(FORM, ALICE).once();
        seen.is(200).lacks("location").lacks("set-cookie");
        browsing(t.get(DASHBOARD)).bearer(seen.token("access_token")).once().is(200);
    }

    fn a_user_needs_no_sign_in_page(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        sent_to(&visiting(&t, SIGN_IN, &session).send(), DASHBOARD);
        sent_to(&visiting(&t, "/session/sign-in?next=/session/admin", &session).send(), "/session/admin");
        sent_to(&visiting(&t, "/session/sign-in?next=//evil.example", &session).send(), DASHBOARD);
        browsing(t.get(SIGN_IN)).send().is(200);
    }

    /// The form of another tab that was open before: a signed-in user stays signed in.
    fn the_form_of_a_user_changes_nothing(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let seen = sending(&t, SIGN_IN, BOB).header("cookie", format!("__Host-session={session}")).send();
        sent_to(&seen, DASHBOARD);
        seen.lacks("set-cookie");
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice");
    }

    /// Its cookie is replaced by the current one.
    fn a_dead_cookie_is_no_obstacle_to_signing_in(t) {
        t = site();
        let dead = signed_in(&t, ALICE);
        signing_out(&t, &dead).once().is(303);
        let form = visiting(&t, SIGN_IN, &dead).send();
        shown(&form, 200, "<form");
        form.has("set-cookie", CLEARED);
        let seen = sending(&t, SIGN_IN, ALICE).header("cookie", format!("__Host-session={dead}")).once();
        sent_to(&seen, DASHBOARD);
        let cookies = seen.response.header("set-cookie");
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        visiting(&t, DASHBOARD, &seen.cookie("__Host-session")).once().is(200);
    }

    /// Session fixation.
    fn a_planted_cookie_is_not_taken_over(t) {
        t = site();
        let attacker = signed_in(&t, BOB);
        signing_out(&t, &attacker).once().is(303);
        let seen = sending(&t, SIGN_IN, ALICE).header("cookie", format!("__Host-session={attacker}")).once();
        assert_ne!(seen.cookie("__Host-session"), attacker);
        visiting(&t, DASHBOARD, &attacker).send().is(303);
        visiting(&t, DASHBOARD, &seen.cookie("__Host-session")).once().is(200);
    }

    /// W-07: malformed cookies beside it do not hide the session.
    fn odd_neighbours_do_not_sign_anybody_out(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        for neighbour in ["bad[name]=x", "=x", "a=\"b", "ä=ö", "a", "__host-session=x", "session=x", " ", "$Version=1"] {
            let get = |cookies: String| browsing(t.get("/session/about")).header("cookie", cookies).send();
            shown(&get(format!("{neighbour}; __Host-session={session}")), 200, "about alice");
            shown(&get(format!("__Host-session={session}; {neighbour}")), 200, "about alice");
        }
        browsing(t.get("/session/about")).header("cookie", "bad[name]=x").send().is(200).says("about Guest");
    }

    /// W-07: a repeated name is never resolved by guessing.
    fn two_cookies_of_the_name_are_shown_as_a_bad_request(t) {
        t = site();
        let (one, two) = (signed_in(&t, ALICE), signed_in(&t, BOB));
        let twice = format!("__Host-session={one}; __Host-session={two}");
        for path in [DASHBOARD, "/session/about", SIGN_IN] {
            shown(&browsing(t.get(path)).header("cookie", &twice).send(), 400, "More than one credential");
        }
        visiting(&t, "/session/about", &two).send().is(200);
    }

    /// P-19: neither a wrong password nor a guest.
    fn a_failing_loader_signs_nobody_in(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        t.users.fail();
        let seen = sending(&t, SIGN_IN, ALICE).send();
        shown(&seen, 503, "Authentication is temporarily unavailable");
        seen.has("retry-after", "5").lacks("set-cookie");
        for path in [DASHBOARD, "/session/about", "/session/admin", SIGN_IN] {
            let seen = visiting(&t, path, &session).send();
            shown(&seen, 503, "Authentication is temporarily unavailable");
            seen.lacks("set-cookie");
        }
        browsing(t.get(SIGN_IN)).send().is(200);
    }

    fn each_session_has_a_payload_of_its_own(t) {
        t = site();
        let (one, two) = (signed_in(&t, ALICE), signed_in(&t, ALICE));
        for visits in 1..=3 {
            shown(&visiting(&t, DASHBOARD, &one).once(), 200, &format!("dashboard alice {visits} []"));
        }
        shown(&visiting(&t, DASHBOARD, &two).once(), 200, "dashboard alice 1 []");
        let new = signed_in(&t, ALICE);
        shown(&visiting(&t, DASHBOARD, &new).once(), 200, "dashboard alice 1 []");
    }

    /// What a script wrote is shown on the page, as text.
    fn what_an_action_has_kept_is_on_the_page(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        calling(&t, &session).once().is(200).has("content-type", "application/json").says("[\"milk\"]");
        saying(&t, &session, "{\"text\":\"<b>\"}").once().is(200).says("[\"milk\",\"<b>\"]");
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice 1 [&quot;milk&quot;,&quot;&lt;b&gt;&quot;]");
    }

    /// C-05, P-06
    fn after_the_sign_out_the_way_back_leads_to_the_form(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        // It is not cached: the browser requests it again.
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice");
        let seen = signing_out(&t, &session).once();
        sent_to(&seen, SIGN_IN);
        seen.has("set-cookie", CLEARED);
        for path in [DASHBOARD, "/session/admin"] {
            let seen = visiting(&t, path, &session).send();
            sent_to(&seen, &format!("/session/sign-in?next={}", path.replace('/', "%2F")));
            seen.has("set-cookie", CLEARED);
        }
        let about = visiting(&t, "/session/about", &session).send();
        about.is(200).says("about Guest").has("set-cookie", CLEARED);
    }

    /// P-06: a link or an image cannot sign a user out.
    fn a_sign_out_by_get_changes_nothing(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let seen = visiting(&t, "/session/sign-out", &session).send();
        shown(&seen, 405, "POST");
        seen.has("allow", "POST").lacks("set-cookie");
        visiting(&t, DASHBOARD, &session).once().is(200);
        signing_out(&t, &session).once().is(303);
        visiting(&t, DASHBOARD, &session).send().is(303);
    }

    /// P-06: nor can a request from another site.
    fn the_form_of_another_site_signs_nobody_out(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let post = || browsing(t.post("/session/sign-out")).header("cookie", format!("__Host-session={session}"));
        for site in ["cross-site", "same-site"] {
            let seen = post().header("sec-fetch-site", site).body(FORM, "").send();
            shown(&seen, 403, "neither this application");
            seen.lacks("set-cookie");
        }
        post().body(FORM, "").send().is(403).lacks("set-cookie");
        visiting(&t, DASHBOARD, &session).once().is(200);
        signing_out(&t, &session).once().is(303).has("set-cookie", CLEARED);
    }

    fn whoever_is_signed_out_already_gets_to_the_form(t) {
        t = site();
        sent_to(&sending(&t, "/session/sign-out", "").send(), SIGN_IN);
        let session = signed_in(&t, ALICE);
        signing_out(&t, &session).once().is(303);
        let again = signing_out(&t, &session).send();
        sent_to(&again, SIGN_IN);
        again.has("set-cookie", CLEARED);
    }

    /// Two tabs of one browser, and another browser of the same user.
    fn a_sign_out_in_one_tab_is_seen_in_the_other(t) {
        t = site();
        let (tabs, elsewhere) = (signed_in(&t, ALICE), signed_in(&t, ALICE));
        shown(&visiting(&t, DASHBOARD, &tabs).once(), 200, "dashboard alice 1");
        shown(&visiting(&t, DASHBOARD, &tabs).once(), 200, "dashboard alice 2");
        signing_out(&t, &tabs).once().is(303);
        visiting(&t, DASHBOARD, &tabs).send().is(303);
        calling(&t, &tabs).send().refused(401, "invalid_token").has("set-cookie", CLEARED);
        shown(&visiting(&t, DASHBOARD, &elsewhere).once(), 200, "dashboard alice 1");
    }

    /// C-07: a page extends the session, and keeps its payload.
    fn looking_at_pages_keeps_somebody_signed_in(t) {
        t = site();
        let mut session = signed_in(&t, ALICE);
        for visits in 1..=3 {
            t.clock.advance(WEEK / 2);
            let seen = visiting(&t, DASHBOARD, &session).once();
            shown(&seen, 200, &format!("dashboard alice {visits} []"));
            session = seen.cookie("__Host-session");
        }
        t.clock.advance(WEEK);
        let seen = visiting(&t, DASHBOARD, &session).send();
        sent_to(&seen, "/session/sign-in?next=%2Fsession%2Fdashboard");
        seen.has("set-cookie", CLEARED);
    }

    /// C-05: the response of one tab is slower than the sign-out in another.
    fn a_page_in_flight_does_not_undo_a_sign_out(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        t.clock.advance(WEEK / 2);
        let late = visiting(&t, DASHBOARD, &session).once().is(200).cookie("__Host-session");
        visiting(&t, "/session/about", &late).send().is(200).says("about alice");
        signing_out(&t, &session).once().is(303);
        visiting(&t, DASHBOARD, &late).send().is(303).has("set-cookie", CLEARED);
        calling(&t, &late).send().refused(401, "invalid_token");
    }

    /// P-07: the form of a user who was signed out meanwhile is not processed.
    fn a_form_of_an_ended_session_is_sent_to_the_form_without_its_body(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        t.clock.advance(WEEK);
        let seen = sending(&t, DASHBOARD, "amount=1000").header("cookie", format!("__Host-session={session}")).send();
        sent_to(&seen, SIGN_IN);
        seen.has("set-cookie", CLEARED);
        sent_to(&sending(&t, DASHBOARD, "amount=1000").send(), SIGN_IN);
    }

    /// C-20: the refusal is a page that opens, and never redirects to itself.
    fn whoever_lacks_the_role_is_shown_a_page(t) {
        t = site();
        let asked = browsing(t.get("/session/admin")).send();
        sent_to(&asked, "/session/sign-in?next=%2Fsession%2Fadmin");
        let seen = sending(&t, "/session/sign-in?next=%2Fsession%2Fadmin", BOB).once();
        sent_to(&seen, "/session/admin");
        let bob = seen.cookie("__Host-session");
        let seen = visiting(&t, "/session/admin", &bob).send();
        shown(&seen, 403, "<p>Missing role: admin</p>");
        seen.lacks("set-cookie");
        shown(&visiting(&t, "/session/admin", &signed_in(&t, ALICE)).send(), 200, "admin alice");
    }

    /// C-15, W-04: roles are a list, of the user as it is now.
    fn a_role_counts_from_the_next_page_on(t) {
        t = site();
        let session = signed_in(&t, BOB);
        shown(&visiting(&t, "/session/admin", &session).send(), 403, "Missing role: admin");
        let roles = t.users.find("alice").roles;
        assert!(roles.len() > 1);
        t.users.change("bob", |bob| bob.roles = roles);
        shown(&visiting(&t, "/session/admin", &session).send(), 200, "admin bob");
        t.users.change("bob", |bob| bob.roles.clear());
        shown(&visiting(&t, "/session/admin", &session).send(), 403, "Missing role: admin");
    }

    /// W-04
    fn a_disabled_user_is_sent_to_the_form(t) {
        t = site();
        let session = signed_in(&t, BOB);
        visiting(&t, DASHBOARD, &session).once().is(200);
        t.users.change("bob", |bob| bob.active = false);
        let seen = visiting(&t, DASHBOARD, &session).send();
        sent_to(&seen, "/session/sign-in?next=%2Fsession%2Fdashboard");
        seen.has("set-cookie", CLEARED);
        wrong(&t, "bob", "hunter2").is(401);
    }

    /// C-18, P-08: a script gets the status, whatever it accepts.
    fn a_script_that_asks_for_a_page_gets_a_status(t) {
        t = site();
        for (name, value) in [("accept", "application/json"), ("sec-fetch-mode", "cors"), ("x-requested-with", "XMLHttpRequest")] {
            let get = |path: &str| t.get(path).header(name, value);
            get(DASHBOARD).send().refused(401, "missing_credential").lacks("location");
            let bob = format!("__Host-session={}", signed_in(&t, BOB));
            get("/session/admin").header("cookie", &bob).send().refused(403, "missing_role").lacks("location");
        }
        browsing(t.get(DASHBOARD)).send().is(303);
    }

    /// C-18: without that call, a browser gets the same.
    fn an_action_never_redirects(t) {
        t = site();
        sending(&t, "/session/notes", "text=x").send().refused(401, "missing_credential").lacks("location");
        calling(&t, "x").send().refused(401, "invalid_token").lacks("location").has("set-cookie", CLEARED);
        let bob = format!("__Host-session={}", signed_in(&t, BOB));
        sending(&t, "/session/notes", "text=x").header("cookie", bob).send().refused(403, "missing_permission").lacks("location");
        calling(&t, &signed_in(&t, ALICE)).once().is(200);
    }

    /// C-22: an unknown user lacks no permission yet.
    fn an_anonymous_call_of_an_action_is_401(t) {
        t = site();
        let call = || t.post("/session/notes").body("application/json", "{\"text\":\"x\"}");
        call().send().refused(401, "missing_credential");
        call().bearer("x").send().refused(401, "invalid_token");
        call().bearer(t.session("bob").access_token().expose()).send().refused(403, "missing_permission");
        call().bearer(t.session("alice").access_token().expose()).once().is(200);
    }

    /// C-14
    fn an_expired_session_calls_no_action(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        t.clock.advance(WEEK.saturating_sub(SECOND));
        let seen = calling(&t, &session).once();
        seen.is(200).says("[\"milk\"]");
        let other = signed_in(&t, ALICE);
        t.clock.advance(WEEK);
        calling(&t, &other).send().refused(401, "invalid_token").has("set-cookie", CLEARED);
        calling(&t, &seen.cookie("__Host-session")).send().refused(401, "invalid_token");
    }

    /// C-16: 400, and nothing of it is kept.
    fn a_body_that_is_not_what_an_action_takes_is_400(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        for body in ["", "{", "[]", "null", "\"milk\"", "{}", "{\"text\":5}", "{\"text\":null}", "[{\"text\":\"x\"}]"] {
            saying(&t, &session, body).send().refused(400, "invalid_request");
        }
        saying(&t, &session, "{\"text\":\"milk\",\"more\":1}").once().is(200).says("[\"milk\"]");
    }

    /// P-21
    fn a_call_of_another_site_changes_nothing(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let call = || t.post("/session/notes").body("text/plain", "{\"text\":\"x\"}").header("cookie", format!("__Host-session={session}"));
        for site in ["cross-site", "same-site"] {
            call().header("sec-fetch-site", site).send().refused(403, "cross_site_request");
        }
        call().header("origin", "https://evil.example").send().refused(403, "cross_site_request");
        call().send().refused(403, "cross_site_request");
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice 1 []");
        calling(&t, &session).once().is(200).says("[\"milk\"]");
    }

    /// W-13: a forged header does not bypass the origin rule.
    fn a_forged_token_beside_the_cookie_calls_no_action(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let call = |token: &str| t.post("/session/notes").body("application/json", "{\"text\":\"x\"}")
            .header("cookie", format!("__Host-session={session}")).bearer(token);
        call("x.y.z").header("sec-fetch-site", "cross-site").send().refused(401, "invalid_token");
        call("x.y.z").header("sec-fetch-site", "same-origin").send().refused(401, "invalid_token");
        let own = t.session("alice");
        call(own.access_token().expose()).header("sec-fetch-site", "cross-site").once().is(200).says("[\"x\"]");
        shown(&visiting(&t, DASHBOARD, &session).once(), 200, "dashboard alice 1 []");
    }

    /// P-23
    fn a_program_sees_a_page_by_a_token_in_any_spelling(t) {
        t = site();
        let token = t.session("bob").access_token().expose().to_owned();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let seen = browsing(t.get("/session/about")).header("authorization", format!("{scheme} {token}")).send();
            seen.is(200).says("about bob");
        }
        browsing(t.get(DASHBOARD)).header("authorization", "bearer x").send().refused(401, "invalid_token");
    }

    /// P-03
    fn basic_credentials_open_no_page(t) {
        t = site();
        for value in ["Basic YWxpY2U6czNjcmV0", "Basic", "Basic !", "basic X190b2tlbl9fOng="] {
            let seen = browsing(t.get(DASHBOARD)).header("authorization", value).send();
            assert!(matches!(seen.lacks("location").response.status, 400 | 401), "{value}: {:?}", seen.response);
            assert!(seen.response.header("www-authenticate").concat().contains("realm=\"fauth\""), "{value}");
        }
        visiting(&t, DASHBOARD, &signed_in(&t, ALICE)).once().is(200);
    }

    fn a_page_for_everybody_names_its_visitor(t) {
        t = site();
        shown(&browsing(t.get("/session/about")).send(), 200, "about Guest");
        shown(&visiting(&t, "/session/about", &signed_in(&t, BOB)).send(), 200, "about bob");
        let seen = sending(&t, SIGN_IN, "identifier=ed&password=hunter2").once();
        shown(&visiting(&t, "/session/about", &seen.cookie("__Host-session")).send(), 200, "about User");
    }

    /// An invalid credential makes nobody a guest.
    fn a_forged_cookie_is_shown_as_a_refusal_and_goes(t) {
        t = site();
        for path in ["/session/about", SIGN_IN] {
            let seen = visiting(&t, path, "eyJhbGciOiJIUzI1NiJ9.e30.x").send();
            seen.has("set-cookie", CLEARED);
            assert!(matches!(seen.response.status, 303 | 401), "{path}: {:?}", seen.response);
            assert!(!seen.response.text().contains("Guest"), "{path}: {:?}", seen.response);
            browsing(t.get(path)).send().is(200);
        }
        let seen = visiting(&t, DASHBOARD, "eyJhbGciOiJIUzI1NiJ9.e30.x").send();
        sent_to(&seen, "/session/sign-in?next=%2Fsession%2Fdashboard");
        seen.has("set-cookie", CLEARED);
    }

    /// P-20 for pages: the id in lists of sessions is no credential.
    fn the_id_of_a_session_opens_no_page(t) {
        t = site();
        let session = signed_in(&t, ALICE);
        let seen = visiting(&t, "/sessions", &session).send();
        let id = seen.is(200).response.json()["sessions"][0]["id"].as_str().unwrap().to_owned();
        visiting(&t, DASHBOARD, &id).send().is(303).has("set-cookie", CLEARED);
        visiting(&t, DASHBOARD, &session).once().is(200);
    }

    fn a_logout_everywhere_ends_all_browsers(t) {
        t = site();
        let (session, other) = (signed_in(&t, ALICE), signed_in(&t, ALICE));
        let all = t.post("/logout/all").header("sec-fetch-site", "same-origin").header("cookie", format!("__Host-session={session}"));
        visiting(&t, DASHBOARD, &other).once().is(200);
        all.once().is(200);
        for session in [session, other] {
            visiting(&t, DASHBOARD, &session).send().is(303).has("set-cookie", CLEARED);
        }
    }

    /// Pages have the headers of the application; no other response has them.
    fn the_headers_of_pages_are_on_refusals_too(t) {
        t = site();
        let bob = signed_in(&t, BOB);
        visiting(&t, "/session/admin", &bob).send().is(403).has("content-security-policy", POLICY);
        browsing(t.get(DASHBOARD)).send().is(303).lacks("content-security-policy");
        t.get(DASHBOARD).send().refused(401, "missing_credential").lacks("content-security-policy");
        calling(&t, &bob).send().refused(403, "missing_permission").lacks("content-security-policy");
    }
}
