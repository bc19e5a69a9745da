//! The cookie transport, and the proof of origin that it requires.

use std::time::Duration;

use fauth_core::{
    Purpose, TokenRequest,
    transport::{BearerTransport, CookieTransport, SameSite},
};

use super::{PUBLIC, Seen, Sending, cases};
use crate::suite::{Harness, Probe};

/// Deletes the cookie of the access token.
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
/// Deletes the cookie of the refresh token.
const CLEARED_REFRESH: &str = "__Host-refresh=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

fn cookies<H: Harness>() -> Probe<H> {
    Probe::build(|builder| {
        builder.transport(CookieTransport::new()).trusted_origin("https://partner.example")
    })
}

fn session(token: &str) -> String {
    format!("theme=dark; __Host-session={token}; lang=en")
}

fn own<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending.header("sec-fetch-site", "same-origin")
}

cases! { $ __cookies_tests in cookies;
    fn a_cookie_opens_a_route(t) {
        t = cookies();
        t.get("/me").header("cookie", session(&t.access("alice"))).send().is(200).says("Hello alice");
        t.get("/me").send().refused(401, "missing_credential");
    }

    fn a_bearer_token_does_not_where_only_cookies_are_configured(t) {
        t = cookies();
        t.get("/me").bearer(t.access("alice")).send().refused(401, "missing_credential");
    }

    /// W-07: malformed cookies beside it do not hide the session.
    fn odd_neighbours_do_not_matter(t) {
        t = cookies();
        let cookie = format!("bad[name]=x; =nameless; ; \"q\"=1; {}; x=\"a b\"", session(&t.access("alice")));
        t.get("/me").header("cookie", cookie).send().is(200);
    }

    /// HTTP/2 may split them.
    fn cookies_may_come_in_several_headers(t) {
        t = cookies();
        t.get("/me").header("cookie", "a=1").header("cookie", session(&t.access("alice"))).send().is(200);
    }

    fn two_cookies_of_the_name_are_400(t) {
        t = cookies();
        let token = t.access("alice");
        let twice = format!("__Host-session={token}; __Host-session={token}");
        t.get("/me").header("cookie", twice).send().refused(400, "malformed_credential");
        let sending = t.get("/me").header("cookie", session(&token)).header("cookie", session(&token));
        sending.send().refused(400, "malformed_credential");
    }

    fn look_alikes_are_other_cookies(t) {
        t = cookies();
        for name in ["__host-session", "=__Host-session", "__Host%2Dsession", "session"] {
            let cookie = format!("{name}={}", t.access("alice"));
            t.get("/me").header("cookie", cookie).send().refused(401, "missing_credential");
        }
    }

    fn a_bad_cookie_is_refused_even_where_a_user_is_optional(t) {
        t = cookies();
        t.get("/maybe").header("cookie", session("x")).send().refused(401, "invalid_token");
        t.get("/maybe").header("cookie", session("a b")).send().refused(400, "malformed_credential");
        t.get("/maybe").header("cookie", session("")).send().is(200).says("Hello nobody");
    }

    fn a_refresh_token_in_the_session_cookie_is_401(t) {
        t = cookies();
        t.get("/me").header("cookie", session(&t.token(Purpose::Refresh, "alice"))).send().refused(401, "invalid_token");
    }

    /// W-06: the attributes are safe, and the tokens appear nowhere else.
    fn a_login_sets_safe_cookies(t) {
        t = cookies();
        let seen = own(t.login("alice", "s3cret")).send();
        seen.is(200).says("{\"expires_in\":900}");
        let (access, refresh) = (seen.cookie("__Host-session"), seen.cookie("__Host-refresh"));
        let mut set = seen.response.header("set-cookie");
        set.sort_unstable();
        assert_eq!(set, [
            format!("__Host-refresh={refresh}; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Lax"),
            format!("__Host-session={access}; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax"),
        ]);
        t.get("/me").header("cookie", session(&access)).send().is(200).says("Hello alice");
    }

    fn the_attributes_can_be_chosen(t) {
        t = Probe::build(|builder| {
            builder.transport(CookieTransport::new().danger_names("id", "again").unwrap().same_site(SameSite::Strict))
        });
        let seen = own(t.login("alice", "s3cret")).send();
        let id = seen.cookie("id");
        assert!(seen.response.header("set-cookie").contains(&&*format!("id={id}; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Strict")));
        t.get("/me").header("cookie", format!("id={id}")).send().is(200);
    }

    fn development_cookies_lack_secure_and_the_prefix(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new().danger_insecure()));
        let seen = own(t.login("alice", "s3cret")).send();
        let id = seen.cookie("session");
        assert!(seen.response.header("set-cookie").contains(&&*format!("session={id}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax")));
    }

    fn a_login_cookie_needs_proof_of_origin(t) {
        t = cookies();
        t.login("alice", "s3cret").send().refused(403, "cross_site_request").lacks("set-cookie");
        t.login("alice", "s3cret").header("sec-fetch-site", "cross-site").send().refused(403, "cross_site_request");
        t.login("alice", "s3cret").header("origin", "https://app.example").send().is(200);
    }

    fn a_logout_clears_the_cookies(t) {
        t = cookies();
        let seen = own(t.post("/logout")).header("cookie", session(&t.access("alice"))).send();
        let mut cleared = seen.is(200).response.header("set-cookie");
        cleared.sort_unstable();
        assert_eq!(cleared, [
            "__Host-refresh=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]);
    }

    fn a_refresh_reads_and_sets_cookies(t) {
        t = cookies();
        let cookie = format!("__Host-refresh={}", t.refresh_token("alice"));
        let seen = own(t.post("/refresh")).header("cookie", &cookie).send();
        seen.is(200).says("{\"expires_in\":900}");
        t.get("/me").header("cookie", session(&seen.cookie("__Host-session"))).send().is(200);
        t.post("/refresh").header("cookie", &cookie).send().refused(403, "cross_site_request");
    }

    fn a_token_in_the_wrong_cookie_is_401(t) {
        t = cookies();
        let cookie = format!("__Host-refresh={}", t.access("alice"));
        own(t.post("/refresh")).header("cookie", cookie).send().refused(401, "invalid_token");
    }

    fn reading_needs_no_proof_of_origin(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        t.get("/me").header("cookie", &cookie).header("sec-fetch-site", "cross-site").send().is(200);
        t.request("HEAD", "/group/none").header("cookie", session("x")).send().is(401);
    }

    fn changing_needs_proof_of_origin(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        let post = || t.post("/me").header("cookie", &cookie);
        post().send().refused(403, "cross_site_request");
        for site in ["cross-site", "same-site", "SAME-ORIGIN", "other", ""] {
            post().header("sec-fetch-site", site).send().refused(403, "cross_site_request");
        }
        for site in ["same-origin", "none"] {
            post().header("sec-fetch-site", site).send().is(200).says("Hello alice");
        }
    }

    /// The application's own origin is https, because the cookies are `Secure`, even if a proxy
    /// terminates TLS and this server sees plain HTTP.
    fn without_the_browsers_word_the_origin_decides(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        let post = |origin: &str| t.post("/me").header("cookie", &cookie).header("origin", origin).send();
        post("https://app.example").is(200);
        post("https://app.example:443").is(200);
        post("https://partner.example").is(200);
        for origin in ["http://app.example", "https://app.example:81", "https://evil.example", "https://app.example.evil.example", "null", ""] {
            post(origin).refused(403, "cross_site_request");
        }
    }

    fn with_development_cookies_plain_http_is_an_own_origin(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new().danger_insecure()));
        let cookie = format!("session={}", t.access("alice"));
        let post = |origin: &str| t.post("/me").header("cookie", &cookie).header("origin", origin).send();
        post("http://app.example").is(200);
        post("http://app.example:80").is(200);
        post("http://evil.example").refused(403, "cross_site_request");
        // Whatever other transports there are.
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new().danger_insecure()));
        let cookie = format!("session={}", t.access("alice"));
        t.post("/me").header("cookie", &cookie).header("origin", "http://app.example").send().is(200);
    }

    /// An attacker who makes a browser use the attacker's session sees what the user does in it.
    fn a_foreign_page_cannot_refresh_a_session_of_its_own_into_the_browser(t) {
        let foreign = |t: &Probe<H>| {
            let body = format!("refresh_token={}", t.refresh_token("bob"));
            let post = t.post("/refresh").body("application/x-www-form-urlencoded", &body);
            post.header("sec-fetch-site", "cross-site").header("origin", "https://evil.example").send()
        };
        t = cookies();
        foreign(&t).refused(403, "cross_site_request").lacks("set-cookie");
        // It had the token before, and receives no cookie.
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        foreign(&t).is(200).lacks("set-cookie");
    }

    /// The session cookie expires with its token after 15 minutes; the refresh cookie stays for
    /// days.
    fn a_logout_without_a_good_token_clears_the_cookies_too(t) {
        t = cookies();
        let refresh = format!("__Host-refresh={}", t.refresh_token("alice"));
        for cookie in [refresh, session("x"), "other=1".to_owned()] {
            let seen = own(t.post("/logout")).header("cookie", &cookie).send();
            assert_eq!(seen.is(200).response.header("set-cookie").len(), 2, "{cookie}");
            // Only the first names a session.
            let says = if cookie.contains("refresh") { "All tokens of the session are revoked" } else { "No valid token was sent" };
            assert!(seen.response.text().contains(says), "{cookie}");
            t.post("/logout").header("cookie", &cookie).send().refused(403, "cross_site_request").lacks("set-cookie");
        }
    }

    fn a_trusted_origin_overrules_the_browsers_word(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        let sending = t.post("/me").header("cookie", cookie).header("sec-fetch-site", "cross-site");
        sending.clone().header("origin", "https://partner.example").send().is(200);
        sending.clone().header("origin", "http://partner.example").send().refused(403, "cross_site_request");
        sending.header("origin", "https://partner.example.evil.example").send().refused(403, "cross_site_request");
    }

    /// The handshake is a GET, but the socket is not bound by the same-origin policy.
    fn a_websocket_needs_proof_of_origin(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        let upgrade = t.get("/group/dashboard").header("cookie", &cookie).header("connection", "upgrade").header("upgrade", "websocket");
        upgrade.clone().send().refused(403, "cross_site_request");
        upgrade.clone().header("origin", "http://evil.example").send().refused(403, "cross_site_request");
        upgrade.header("origin", "https://app.example").send().is(200);
        // Whatever other protocols the client names, in any spelling. No other GET needs the proof.
        let other = |protocols: &str| t.get("/group/dashboard").header("cookie", &cookie).header("upgrade", protocols).send();
        for protocols in ["WebSocket", "h2c, websocket", "websocket, h2c", "h2c,WEBSOCKET/13"] {
            other(protocols).refused(403, "cross_site_request");
        }
        for protocols in ["", "h2c", "websockee", "HTTP/2.0, IRC/6.9"] {
            other(protocols).is(200);
        }
    }

    /// A malformed token is malformed, whatever its origin.
    fn the_form_of_a_cookie_comes_before_its_origin(t) {
        t = cookies();
        t.post("/me").header("cookie", session("a!b")).send().refused(400, "malformed_credential");
        t.post("/me").header("cookie", session("a.b")).send().refused(403, "cross_site_request");
        own(t.post("/me")).header("cookie", session("a!b")).send().refused(400, "malformed_credential");
    }

    fn a_websocket_over_http2_needs_proof_of_origin(t) {
        t = cookies();
        if !H::HAS_EXTENDED_CONNECT {
            return;
        }
        let cookie = session(&t.access("alice"));
        let connect = t.request("CONNECT", "/group/mounted/chat").protocol("websocket").header("cookie", cookie);
        connect.clone().send().refused(403, "cross_site_request");
        connect.clone().header("origin", "https://evil.example").send().refused(403, "cross_site_request");
        connect.clone().header("sec-fetch-site", "cross-site").send().refused(403, "cross_site_request");
        connect.clone().header("origin", "https://app.example").send_to_framework().is(200);
        connect.header("origin", "https://partner.example").send_to_framework().is(200);
    }

    /// Browsers attach no bearer tokens: no proof is needed.
    fn a_bearer_token_needs_no_proof_of_origin(t) {
        t.post("/me").bearer(t.access("alice")).header("sec-fetch-site", "cross-site").send().is(200);
        t.post("/me").bearer(t.access("alice")).header("origin", "https://evil.example").send().is(200);
    }

    /// W-13: a forged header does not bypass the CSRF rule. It is final, and the cookie is not
    /// read.
    fn a_forged_bearer_header_does_not_rescue_a_cookie(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let cookie = session(&t.access("alice"));
        t.post("/me").header("cookie", &cookie).bearer("a.b.c").send().refused(401, "invalid_token");
        t.post("/me").header("cookie", &cookie).header("authorization", "Bearer").send().refused(400, "malformed_credential");
        t.post("/me").header("cookie", &cookie).header("authorization", "Basic YTpi").send().refused(403, "cross_site_request");
    }

    fn a_token_too_long_for_a_cookie_is_not_handed_out(t) {
        t = cookies();
        let request = TokenRequest::for_subject("alice").claim("note", "x".repeat(3500));
        let cookie = format!("__Host-refresh={}", t.refresh_token(request));
        own(t.post("/refresh")).header("cookie", cookie).send().refused(500, "misconfigured").lacks("set-cookie");
    }

    /// A leftover cookie expresses no intent: where a user is optional it counts as none, and the
    /// guard deletes it. An extractor alone cannot.
    fn a_dead_cookie_is_none_where_a_user_is_optional(t) {
        t = cookies();
        let nobody = |cookie: &str| {
            t.get("/maybe").header("cookie", cookie).send().is(200).says("Hello nobody").lacks("set-cookie");
            let seen = t.get("/visitors/maybe").header("cookie", cookie).send();
            seen.is(200).says("Hello nobody").has("set-cookie", CLEARED).has("vary", "Cookie");
            seen.has("cache-control", "private");
            own(t.post("/visitors/maybe")).header("cookie", cookie).send().is(200).says("Hello nobody");
        };
        let expired = session(&t.access("alice"));
        t.get("/visitors/maybe").header("cookie", &expired).send().is(200).says("Hello alice").lacks("set-cookie");
        t.clock.advance(Duration::from_secs(15 * 60));
        nobody(&expired);
        let pair = t.session("alice");
        let revoked = session(pair.access_token().expose());
        own(t.post("/logout")).header("cookie", &revoked).once().is(200);
        nobody(&revoked);
        let bob = session(&t.access("bob"));
        t.users.remove("bob");
        nobody(&bob);
    }

    /// A dead cookie is one that was valid once. Any other is refused, and so is a credential that
    /// was sent on purpose.
    fn nothing_else_becomes_nobody(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let expired = t.access("alice");
        t.clock.advance(Duration::from_secs(15 * 60));
        let good = t.access("alice");
        let mut forged = good.clone();
        let at = good.len() - 2..good.len() - 1;
        forged.replace_range(at.clone(), if &good[at] == "A" { "E" } else { "A" });
        for path in ["/maybe", "/visitors/maybe"] {
            for cookie in ["x", "a.b.c", &*forged, &*t.token(Purpose::Refresh, "alice"), &*t.access("carol")] {
                let seen = t.get(path).header("cookie", session(cookie)).send();
                // The browser still deletes it, so the user is not locked out for long.
                seen.refused(401, "invalid_token").has("set-cookie", CLEARED);
            }
            t.get(path).bearer(&expired).send().refused(401, "invalid_token").lacks("set-cookie");
            let both = t.get(path).bearer(&expired).header("cookie", session(&good));
            both.send().refused(401, "invalid_token").lacks("set-cookie");
            let twice = format!("{}; {}", session(&expired), session(&expired));
            t.get(path).header("cookie", twice).send().refused(400, "malformed_credential").lacks("set-cookie");
            t.get(path).header("cookie", session("a b")).send().refused(400, "malformed_credential").lacks("set-cookie");
            // A dead cookie does not bypass the origin rule.
            let foreign = t.post(path).header("cookie", session(&expired)).header("sec-fetch-site", "cross-site");
            foreign.send().refused(403, "cross_site_request").lacks("set-cookie");
        }
        t.users.fail();
        for path in ["/maybe", "/visitors/maybe", "/guards/user"] {
            t.get(path).header("cookie", session(&good)).send().refused(503, "unavailable").lacks("set-cookie");
        }
    }

    /// The guard does not touch the refresh cookie: it remains valid, and can be exchanged for the
    /// next session cookie.
    fn a_guards_refusal_deletes_a_dead_cookie(t) {
        t = cookies();
        let cookie = session(&t.access("alice"));
        t.clock.advance(Duration::from_secs(15 * 60));
        for path in ["/me", "/guards/user", "/guards/python", "/group/dashboard", "/group/none", "/sessions"] {
            t.get(path).header("cookie", &cookie).send().is(401).has("set-cookie", CLEARED);
        }
        let cookie = session(&t.access("bob"));
        t.get("/guards/roles").header("cookie", cookie).send().refused(403, "missing_role").lacks("set-cookie");
        t.get("/guards/user").send().refused(401, "missing_credential").lacks("set-cookie");
    }

    fn a_refused_refresh_deletes_its_own_cookie(t) {
        t = cookies();
        let session = session(&t.access("alice"));
        let cookie = format!("{session}; __Host-refresh=x");
        let seen = own(t.post("/refresh")).header("cookie", &cookie).send();
        seen.refused(401, "invalid_token").has("set-cookie", CLEARED_REFRESH);
        // The token in the body was refused; the cookies were not the fault.
        let body = own(t.post("/refresh")).header("cookie", &cookie).body("application/json", "{\"refresh_token\":\"x\"}");
        body.send().refused(401, "invalid_token").lacks("set-cookie");
    }

    fn the_answer_to_a_cookie_is_kept_by_nobody_else(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let cookie = session(&t.access("alice"));
        for path in ["/guards/user", "/group/dashboard", "/visitors/maybe", "/guards/twice"] {
            let seen = t.get(path).header("cookie", &cookie).send();
            let vary = if path == "/visitors/maybe" { "Authorization, Cookie" } else { "Cookie" };
            seen.is(200).has("cache-control", "private").has("vary", vary);
        }
        for path in ["/guards/user", "/group/dashboard", "/guards/twice"] {
            t.get(path).bearer(t.access("alice")).send().is(200).lacks("cache-control").lacks("vary");
        }
        // Shared caches do not keep it, whatever the handler says.
        for path in ["/guards/public", "/group/public"] {
            let seen = t.get(path).header("cookie", &cookie).send();
            seen.is(200).says("public").has("cache-control", "private, max-age=60").has("vary", "Cookie");
            t.get(path).bearer(t.access("alice")).send().is(200).has("cache-control", PUBLIC).lacks("vary");
        }
        t.get("/guards/user").send().refused(401, "missing_credential").lacks("vary");
    }

    fn what_a_visitor_sees_is_no_answer_for_others(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        // What the handler says about caching holds for nobody else, and not for anonymous requests
        // either.
        let vary = "Authorization, Cookie";
        t.get("/visitors/public").send().is(200).has("cache-control", PUBLIC).has("vary", vary);
        let cookie = session(&t.access("alice"));
        let private = "private, max-age=60";
        let seen = t.get("/visitors/public").header("cookie", &cookie).send();
        seen.is(200).says("public").has("cache-control", private).has("vary", vary);
        let seen = t.get("/visitors/public").bearer(t.access("alice")).send();
        seen.is(200).says("public").has("cache-control", private).has("vary", vary);
    }

    fn without_cookies_visitors_are_told_apart_by_their_header(t) {
        let vary = "Authorization";
        t.get("/visitors/public").send().is(200).has("cache-control", PUBLIC).has("vary", vary);
        let seen = t.get("/visitors/public").bearer(t.access("alice")).send();
        seen.is(200).says("public").has("cache-control", "private, max-age=60").has("vary", vary);
        let seen = t.get("/visitors/maybe").send();
        seen.is(200).says("Hello nobody").has("vary", vary).lacks("cache-control");
        let seen = t.get("/visitors/maybe").bearer(t.access("alice")).send();
        seen.is(200).says("Hello alice").has("vary", vary).has("cache-control", "private");
        t.get("/visitors/maybe").bearer("x").send().refused(401, "invalid_token");
        t.get("/visitors/maybe").header("authorization", "Bearer").send().refused(400, "malformed_credential");
    }

    fn cookies_may_end_with_the_browser_unless_remembered(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new().end_with_browser()));
        let login = |remember: bool| {
            let body = format!("{{\"username\":\"alice\",\"password\":\"s3cret\",\"remember\":{remember}}}");
            own(t.post("/login")).body("application/json", body).once()
        };
        let refreshed = |seen: &Seen| {
            let cookie = format!("__Host-refresh={}", seen.cookie("__Host-refresh"));
            own(t.post("/refresh")).header("cookie", cookie).once()
        };
        for seen in [login(false), refreshed(&login(false))] {
            for (name, set) in ["__Host-refresh", "__Host-session"].into_iter().zip(seen.is(200).response.header("set-cookie")) {
                assert_eq!(set, format!("{name}={}; Path=/; Secure; HttpOnly; SameSite=Lax", seen.cookie(name)));
            }
        }
        for seen in [login(true), refreshed(&login(true))] {
            for set in seen.is(200).response.header("set-cookie") {
                assert!(set.contains("; Path=/; Max-Age="), "{set}");
            }
        }
        // Deletion needs an age.
        t.get("/guards/user").header("cookie", session("x")).send().is(401).has("set-cookie", CLEARED);
    }

    fn cookies_for_other_sites_and_hosts_are_chosen_by_name(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new().danger_same_site_none()));
        let seen = own(t.login("alice", "s3cret")).send();
        let id = seen.is(200).cookie("__Host-session");
        let expected = format!("__Host-session={id}; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=None");
        assert!(seen.response.header("set-cookie").contains(&&*expected));
        t.post("/me").header("cookie", session(&id)).header("origin", "https://evil.example").send().refused(403, "cross_site_request");

        t = Probe::build(|builder| builder.transport(CookieTransport::new().danger_domain("app.example").unwrap()));
        let seen = own(t.login("alice", "s3cret")).send();
        let id = seen.is(200).cookie("__Secure-session");
        let expected = format!("__Secure-session={id}; Path=/; Domain=app.example; Max-Age=900; Secure; HttpOnly; SameSite=Lax");
        assert!(seen.response.header("set-cookie").contains(&&*expected));
        let cookie = format!("__Secure-session={id}");
        t.get("/me").header("cookie", &cookie).send().is(200).says("Hello alice");
        t.post("/me").header("cookie", &cookie).header("sec-fetch-site", "same-site").send().refused(403, "cross_site_request");
        let cleared = "__Secure-session=; Path=/; Domain=app.example; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
        t.get("/guards/user").header("cookie", "__Secure-session=x").send().is(401).has("set-cookie", cleared);
    }
}
