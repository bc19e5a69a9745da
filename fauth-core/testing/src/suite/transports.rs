//! Several transports in order, query tokens, and custom transports.

use fauth_core::{
    Purpose,
    rejection::MalformedCredential,
    request::RequestHead,
    transport::{BearerTransport, CookieTransport, Extracted, SecurityScheme, Transport},
};

use super::cases;
use crate::suite::{PUBLIC, Probe};

/// A transport as an application might write it.
#[derive(Debug)]
struct ApiHeader;

impl Transport for ApiHeader {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        let values = head.header("x-api-token");
        match values.single().map(std::str::from_utf8) {
            _ if purpose != Purpose::Access || values.is_empty() => Extracted::Absent,
            Some(Ok(token)) => Extracted::token(token),
            _ => Extracted::Malformed(MalformedCredential::Duplicate),
        }
    }

    fn describe(&self) -> SecurityScheme {
        SecurityScheme::Header { name: "X-Api-Token".into() }
    }

    fn is_ambient(&self) -> bool {
        false
    }
}

cases! { $ __transports_tests in transports;
    /// Caches know that `Authorization` names a user, and do not share the response. They know
    /// nothing of a custom header.
    fn the_answer_to_an_own_header_is_kept_by_nobody_else(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(ApiHeader));
        for (path, caching) in [
            ("/guards/user", "private"),
            ("/group/dashboard", "private"),
            ("/guards/public", "private, max-age=60"),
        ] {
            let seen = t.get(path).header("x-api-token", t.access("alice")).send();
            seen.is(200).has("cache-control", caching);
        }
        t.get("/guards/user").bearer(t.access("alice")).send().is(200).lacks("cache-control");
        let seen = t.get("/visitors/maybe").send();
        seen.is(200).has("vary", "Authorization, X-Api-Token");
        let seen = t.get("/visitors/maybe").header("x-api-token", t.access("alice")).send();
        seen.is(200).has("vary", "Authorization, X-Api-Token").has("cache-control", "private");
    }

    fn the_first_present_decides(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let cookie = |name: &str| format!("__Host-session={}", t.access(name));
        t.get("/me").bearer(t.access("alice")).send().says("Hello alice");
        t.get("/me").header("cookie", cookie("bob")).send().says("Hello bob");
        // Browsers attach the cookie unasked: beside a header it is no second credential.
        t.get("/me").bearer(t.access("alice")).header("cookie", cookie("bob")).send().is(200).says("Hello alice");
    }

    /// In any order of configuration: a token sent on purpose takes precedence over the cookie.
    fn a_cookie_never_wins_against_a_header(t) {
        t = Probe::build(|builder| builder.transport(CookieTransport::new()).transport(BearerTransport::new()));
        let cookie = format!("__Host-session={}", t.access("bob"));
        let get = || t.get("/me").header("cookie", &cookie);
        get().bearer(t.access("alice")).send().is(200).says("Hello alice");
        get().bearer("x").send().refused(401, "invalid_token");
        get().bearer(t.access("alice")).bearer(t.access("alice")).send().refused(400, "malformed_credential");
        get().send().is(200).says("Hello bob");
    }

    fn the_order_is_that_of_the_configuration(t) {
        t = Probe::build(|builder| builder.transport(ApiHeader).transport(CookieTransport::new()).transport(BearerTransport::new()));
        let cookie = format!("__Host-session={}", t.access("bob"));
        t.get("/me").header("x-api-token", t.access("alice")).header("cookie", &cookie).send().says("Hello alice");
        t.get("/me").bearer(t.access("alice")).header("cookie", &cookie).send().says("Hello alice");
        t.get("/me").header("x-api-token", "x").header("cookie", cookie).send().refused(401, "invalid_token");
    }

    fn a_bad_header_is_not_rescued_by_a_good_cookie(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let cookie = format!("__Host-session={}", t.access("bob"));
        t.get("/me").bearer("x").header("cookie", &cookie).send().refused(401, "invalid_token");
        t.get("/maybe").bearer("x").header("cookie", &cookie).send().refused(401, "invalid_token");
        t.get("/me").header("authorization", "Bearer").header("cookie", &cookie).send().refused(400, "malformed_credential");
    }

    /// A cookie beside a header is not read: browsers attach it unasked, also when it is stale.
    fn a_bad_cookie_does_not_spoil_a_good_header(t) {
        t = Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()));
        let sending = t.get("/me").header("cookie", "__Host-session=x").bearer(t.access("alice"));
        sending.send().is(200).says("Hello alice");
    }

    fn a_query_token_opens_a_route_where_that_is_allowed(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        let target = format!("/me?a=1&token={}", t.access("alice"));
        t.get(&target).send().is(200).says("Hello alice");
        t.get("/me").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    /// A URL is stored in many places; at least the response is not.
    fn an_answer_to_a_query_token_is_not_stored(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        t.get(&format!("/guards/user?token={}", t.access("alice"))).send().is(200).has("cache-control", "no-store");
        t.get(&format!("/group/dashboard?token={}", t.access("alice"))).send().is(200).has("cache-control", "no-store");
        t.get("/guards/user").bearer(t.access("alice")).send().is(200).lacks("cache-control");
    }

    /// The purpose of query tokens: a WebSocket of a browser cannot set headers.
    fn a_query_token_opens_a_websocket(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        let target = format!("/group/mounted/chat?token={}", t.access("alice"));
        let upgrade = t.get(&target).header("connection", "upgrade").header("upgrade", "websocket");
        upgrade.header("origin", "https://evil.example").send().is(200).has("cache-control", "no-store");
        if H::HAS_EXTENDED_CONNECT {
            let connect = t.request("CONNECT", &target).protocol("websocket");
            connect.header("origin", "https://evil.example").send_to_framework().is(200).has("cache-control", "no-store");
            t.request("CONNECT", "/group/mounted/chat?token=x").protocol("websocket").send().refused(401, "invalid_token");
        }
    }

    /// Whatever the handler says, only the guard's demand is sent.
    fn a_handler_cannot_make_an_answer_to_a_query_token_public(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        for path in ["/guards/public", "/group/public"] {
            let target = format!("{path}?token={}", t.access("alice"));
            t.get(&target).send().is(200).says("public").has("cache-control", "no-store");
            t.get(path).bearer(t.access("alice")).send().is(200).says("public").has("cache-control", PUBLIC);
        }
    }

    /// URLs may carry access tokens at routes, but no refresh tokens.
    fn a_refresh_or_logout_takes_no_token_from_the_url(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        let pair = t.session("alice");
        let refresh = pair.refresh_token().expose();
        t.post(&format!("/refresh?token={refresh}")).send().refused(401, "missing_credential");
        t.post(&format!("/refresh?refresh_token={refresh}")).send().refused(401, "missing_credential");
        t.post(&format!("/refresh?token={}", pair.access_token().expose())).send().refused(401, "missing_credential");
        // Beside the one in the body it changes nothing.
        let body = format!("{{\"refresh_token\":\"{refresh}\"}}");
        t.post("/refresh?token=x").body("application/json", body).once().is(200);
    }

    fn a_bad_query_token_is_refused(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        t.get("/me?token=x").send().refused(401, "invalid_token");
        t.get("/me?token=").send().refused(400, "malformed_credential");
        t.get("/me?token=a%2Eb").send().refused(400, "malformed_credential");
        t.get(&format!("/me?token={0}&token={0}", t.access("alice"))).send().refused(400, "malformed_credential");
        t.get(&format!("/me?token={}", t.token(Purpose::Refresh, "alice"))).send().refused(401, "invalid_token");
    }

    /// Anybody can write a link: it must not make a browser act as another user than its cookie's.
    fn a_query_token_never_wins_against_a_cookie(t) {
        t = Probe::build(|builder| builder.danger_query_token("token").transport(CookieTransport::new()));
        let target = format!("/me?token={}", t.access("bob"));
        let cookie = |token: &str| format!("__Host-session={token}");
        t.get(&target).header("cookie", cookie(&t.access("alice"))).send().is(200).says("Hello alice");
        t.get(&target).header("cookie", cookie("x")).send().refused(401, "invalid_token");
        t.get(&target).send().is(200).says("Hello bob");
        t.get(&target).header("cookie", cookie(&t.access("alice"))).bearer(t.access("alice")).send()
            .refused(400, "malformed_credential");
    }

    fn two_explicit_credentials_are_400(t) {
        t = Probe::build(|builder| builder.danger_query_token("token"));
        let target = format!("/me?token={}", t.access("alice"));
        t.get(&target).bearer(t.access("alice")).send().refused(400, "malformed_credential");
        t.get("/me?token=x").bearer(t.access("alice")).send().refused(400, "malformed_credential");
    }

    fn a_transport_of_the_applications_own(t) {
        t = Probe::build(|builder| builder.transport(ApiHeader).transport(BearerTransport::new()));
        t.get("/me").header("x-api-token", t.access("alice")).send().is(200).says("Hello alice");
        t.get("/me").bearer(t.access("bob")).send().is(200).says("Hello bob");
        t.get("/me").header("x-api-token", "x").send().refused(401, "invalid_token");
        t.get("/me").header("x-api-token", "a").header("x-api-token", "b").send().refused(400, "malformed_credential");
        let both = t.get("/me").header("x-api-token", t.access("alice")).bearer(t.access("alice"));
        both.send().refused(400, "malformed_credential");
    }
}
