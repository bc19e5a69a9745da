//! How a bearer token is presented (RFC 6750 section 2.1), and what is not a bearer token.

use super::cases;

cases! { $ __bearer_tests in bearer;
    fn no_credential_is_401(t) {
        t.get("/me").send().refused(401, "missing_credential").has("www-authenticate", "Bearer realm=\"fauth\"");
    }

    fn a_good_token_is_200(t) {
        t.get("/me").bearer(t.access("alice")).send().is(200).says("Hello alice");
    }

    fn another_scheme_is_no_credential(t) {
        for value in ["Basic YWxpY2U6czNjcmV0", "Digest a=\"b\", c=d", "Token abc", "Bearerx abc"] {
            t.get("/me").header("authorization", value).send().refused(401, "missing_credential");
        }
    }

    fn a_token_without_scheme_is_no_credential(t) {
        t.get("/me").header("authorization", t.access("alice")).send().refused(401, "missing_credential");
    }

    fn the_case_of_the_scheme_does_not_count(t) {
        for scheme in ["bearer", "BEARER", "bEaReR"] {
            let value = format!("{scheme} {}", t.access("alice"));
            t.get("/me").header("authorization", value).send().is(200).says("Hello alice");
        }
    }

    fn several_spaces_may_follow_the_scheme(t) {
        t.get("/me").header("authorization", format!("Bearer   {}", t.access("alice"))).send().is(200);
    }

    fn a_tab_may_not_follow_the_scheme(t) {
        let value = format!("Bearer\t{}", t.access("alice"));
        t.get("/me").header("authorization", value).send().refused(400, "malformed_credential");
    }

    fn an_empty_token_is_400(t) {
        t.get("/me").header("authorization", "Bearer").send().refused(400, "malformed_credential");
    }

    fn a_space_inside_the_token_is_400(t) {
        t.get("/me").header("authorization", "Bearer abc def").send().refused(400, "malformed_credential");
    }

    fn a_list_of_credentials_is_400(t) {
        let value = format!("Bearer {}, Bearer {}", t.access("alice"), t.access("bob"));
        t.get("/me").header("authorization", value).send().refused(400, "malformed_credential");
    }

    fn a_quoted_token_is_400(t) {
        let value = format!("Bearer \"{}\"", t.access("alice"));
        t.get("/me").header("authorization", value).send().refused(400, "malformed_credential");
    }

    fn two_authorization_headers_are_400(t) {
        let (alice, bob) = (t.access("alice"), t.access("bob"));
        t.get("/me").bearer(&alice).bearer(&bob).send().refused(400, "malformed_credential");
        t.get("/me").bearer(&alice).bearer(&alice).send().refused(400, "malformed_credential");
    }

    fn a_second_authorization_header_of_another_scheme_is_400(t) {
        let sending = t.get("/me").header("authorization", "Basic YTpi").bearer(t.access("alice"));
        sending.send().refused(400, "malformed_credential");
    }

    fn bytes_beyond_ascii_are_400(t) {
        t.get("/me").header("authorization", b"Bearer \xc3\xa4\xff").send().refused(400, "malformed_credential");
        t.get("/me").header("authorization", b"\xff\xfe").send().refused(400, "malformed_credential");
    }

    fn a_token_at_the_size_limit_is_looked_at(t) {
        let at_limit = "a".repeat(8192);
        t.get("/me").bearer(at_limit).send().refused(401, "invalid_token");
    }

    fn a_token_one_past_the_size_limit_is_refused(t) {
        let past_limit = "a".repeat(8193);
        t.get("/me").bearer(past_limit).send().refused(401, "invalid_token");
    }

    fn a_credential_far_past_the_size_limit_is_400(t) {
        t.get("/me").bearer("a".repeat(8192 + 64)).send().refused(401, "invalid_token");
        t.get("/me").bearer("a".repeat(8192 + 65)).send().refused(400, "malformed_credential");
        // Slightly longer than a token may be, and with characters that no token has: not only an
        // invalid token, but a bad request.
        t.get("/me").bearer("a".repeat(8192 + 8)).send().refused(401, "invalid_token");
        t.get("/me").bearer("a".repeat(8192 + 8) + ",").send().refused(400, "malformed_credential");
    }

    fn a_token_in_the_query_is_no_credential(t) {
        let target = format!("/me?token={0}&access_token={0}", t.access("alice"));
        t.get(&target).send().refused(401, "missing_credential");
    }

    fn a_token_in_a_cookie_is_no_credential(t) {
        let cookie = format!("__Host-session={0}; session={0}", t.access("alice"));
        t.get("/me").header("cookie", cookie).send().refused(401, "missing_credential");
    }

    fn a_token_in_the_body_is_no_credential(t) {
        let body = format!("access_token={}", t.access("alice"));
        let sending = t.post("/me").body("application/x-www-form-urlencoded", body);
        sending.send().refused(401, "missing_credential");
    }

    fn identity_headers_are_not_read(t) {
        let mut sending = t.get("/me");
        for name in ["x-forwarded-user", "x-user", "remote-user", "x-original-url", "x-middleware-subrequest"] {
            sending = sending.header(name, "alice");
        }
        sending.send().refused(401, "missing_credential");
    }
}
