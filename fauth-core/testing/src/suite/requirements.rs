//! Roles, permissions, scopes and the active user.

use std::time::Duration;

use fauth_core::{Purpose, TokenRequest};

use super::{Harness, Probe, cases};
use crate::Role;

const JSON: &str = "application/json";
const SECOND: Duration = Duration::from_secs(1);
/// The longest age that `/guards/recent` admits.
const QUARTER: Duration = Duration::from_secs(15 * 60);
const STALE: &str = "Bearer realm=\"fauth\", error=\"insufficient_user_authentication\", \
    error_description=\"A more recent login is required\", max_age=\"900\"";

/// Returns an access token from a refresh.
fn refreshed<H: Harness>(t: &Probe<H>, refresh: &str) -> String {
    t.post("/refresh").body(JSON, format!("{{\"refresh_token\":\"{refresh}\"}}")).once().token("access_token")
}

const INSUFFICIENT: &str = "Bearer realm=\"fauth\", error=\"insufficient_scope\", \
    error_description=\"The request needs more rights than the token gives\"";

cases! { $ __requirements_tests in requirements;
    fn require_user_lets_any_user_in(t) {
        t.get("/guards/user").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    fn require_user_refuses_nobody(t) {
        t.get("/guards/user").send().refused(401, "missing_credential");
    }

    fn require_active_user_lets_an_active_user_in(t) {
        t.get("/guards/active").bearer(t.access("bob")).send().is(200);
    }

    fn an_inactive_user_is_401_at_every_guard(t) {
        for path in ["/me", "/maybe", "/guards/user", "/guards/active", "/guards/roles", "/group/dashboard", "/group/none"] {
            t.get(path).bearer(t.access("carol")).send().refused(401, "invalid_token");
        }
    }

    fn an_inactive_user_gets_in_only_where_that_is_said(t) {
        t.get("/guards/inactive").bearer(t.access("carol")).send().is(200).says("Hello carol");
        t.get("/guards/inactive").send().refused(401, "missing_credential");
    }

    fn an_unknown_user_is_401(t) {
        t.get("/guards/user").bearer(t.access("nobody")).send().refused(401, "invalid_token");
        t.get("/guards/inactive").bearer(t.access("nobody")).send().refused(401, "invalid_token");
    }

    /// F-08: a user value that looks empty is a user.
    fn a_user_who_looks_empty_is_a_user(t) {
        t.get("/guards/user").bearer(t.access("ed")).send().is(200).says("Hello ed");
    }

    fn all_roles_open(t) {
        t.get("/guards/roles").bearer(t.access("alice")).send().is(200).says("Hello alice");
    }

    fn a_missing_role_is_403(t) {
        let seen = t.get("/guards/roles").bearer(t.access("bob")).send();
        seen.refused(403, "missing_role").has("www-authenticate", INSUFFICIENT);
    }

    /// F-15: of several missing ones, the first declared is named.
    fn the_first_missing_role_is_named(t) {
        let seen = t.get("/guards/roles").bearer(t.access("ed")).send();
        seen.refused(403, "missing_role");
        assert_eq!(seen.response.json()["detail"], "Missing role: admin");
    }

    fn any_role_opens(t) {
        t.get("/guards/any-role").bearer(t.access("alice")).send().is(200);
    }

    fn none_of_the_roles_is_403(t) {
        t.get("/guards/any-role").bearer(t.access("bob")).send().refused(403, "forbidden").has("www-authenticate", INSUFFICIENT);
    }

    fn all_permissions_open(t) {
        t.get("/guards/permissions").bearer(t.access("alice")).send().is(200);
    }

    fn a_missing_permission_is_403(t) {
        let seen = t.get("/guards/permissions").bearer(t.access("bob")).send();
        seen.refused(403, "missing_permission");
        assert_eq!(seen.response.json()["detail"], "Missing permission: write");
    }

    /// F-19
    fn all_scopes_open(t) {
        let token = t.access(TokenRequest::for_subject("bob").scopes(["write", "read", "other"]));
        t.get("/guards/scopes").bearer(token).send().is(200);
    }

    /// F-19: the challenge names all missing scopes.
    fn a_missing_scope_is_403(t) {
        let challenge = |scopes: &str| format!("{INSUFFICIENT}, scope=\"{scopes}\"");
        let token = t.access(TokenRequest::for_subject("alice").scope("read"));
        t.get("/guards/scopes").bearer(token).send().refused(403, "missing_scope").has("www-authenticate", &challenge("write"));
        t.get("/guards/scopes").bearer(t.access("alice")).send().has("www-authenticate", &challenge("read write"));
    }

    fn a_scope_is_compared_byte_for_byte(t) {
        let token = t.access(TokenRequest::for_subject("alice").scopes(["READ", "write"]));
        t.get("/guards/scopes").bearer(token).send().refused(403, "missing_scope");
    }

    fn permissions_are_the_users_and_scopes_the_tokens(t) {
        // alice has the permissions, but her token has no scopes; ed's token has the scopes, but ed
        // has no permissions.
        t.get("/guards/scopes").bearer(t.access("alice")).send().refused(403, "missing_scope");
        let token = t.access(TokenRequest::for_subject("ed").scopes(["read", "write"]));
        t.get("/guards/permissions").bearer(token).send().refused(403, "missing_permission");
    }

    /// W-16: a user has each of several roles, whatever a token says, and a list of roles in a
    /// token breaks nothing.
    fn a_role_counts_among_several_wherever_it_stands(t) {
        let paths = ["/guards/role", "/admins/panel"];
        let tokens = || ["admin", "user"].map(|role| {
            let claims = TokenRequest::for_subject("bob").claim("role", [role]).claim("roles", [role]);
            t.access(claims)
        });
        for roles in [&[Role::Admin][..], &[Role::User, Role::Admin], &[Role::Admin, Role::User, Role::Auditor]] {
            t.users.change("bob", |bob| bob.roles = roles.to_vec());
            for (path, token) in paths.iter().zip(tokens()) {
                t.get(path).bearer(token).send().is(200).says("Hello bob");
            }
        }
        for roles in [&[][..], &[Role::User], &[Role::User, Role::Auditor]] {
            t.users.change("bob", |bob| bob.roles = roles.to_vec());
            for (path, token) in paths.iter().zip(tokens()) {
                t.get(path).bearer(token).send().refused(403, "missing_role");
            }
        }
    }

    fn roles_in_the_token_count_for_nothing(t) {
        let token = t.access(TokenRequest::for_subject("bob").claim("roles", ["admin"]).claim("role", "admin"));
        t.get("/guards/any-role").bearer(token).send().refused(403, "forbidden");
    }

    /// A nested requirement is a tree: an inner alternative does not weaken the conditions beside
    /// it.
    fn either_alternative_opens(t) {
        t.get("/guards/custom").bearer(t.access("alice")).send().is(200);
        t.get("/guards/custom").bearer(t.access(TokenRequest::for_subject("bob").scope("read"))).send().is(200);
    }

    fn half_an_alternative_does_not_open(t) {
        t.get("/guards/custom").bearer(t.access("bob")).send().refused(403, "forbidden");
        t.get("/guards/custom").bearer(t.access(TokenRequest::for_subject("ed").scope("read"))).send().refused(403, "forbidden");
    }

    fn a_demotion_counts_at_the_next_request(t) {
        let token = t.access("alice");
        t.get("/guards/any-role").bearer(&token).send().is(200);
        t.users.change("alice", |alice| alice.roles.clear());
        t.get("/guards/any-role").bearer(&token).send().refused(403, "forbidden");
    }

    /// W-04
    fn a_disabled_user_is_401_at_the_next_request(t) {
        let token = t.access("alice");
        t.get("/me").bearer(&token).send().is(200);
        t.users.change("alice", |alice| alice.active = false);
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
    }

    /// W-04
    fn a_deleted_user_is_401_at_the_next_request(t) {
        let token = t.access("bob");
        t.users.remove("bob");
        t.get("/me").bearer(&token).send().refused(401, "invalid_token");
    }

    fn an_impossible_requirement_never_opens(t) {
        t.get("/guards/impossible").bearer(t.access("alice")).send().refused(500, "misconfigured");
        t.get("/guards/impossible").send().refused(500, "misconfigured");
    }

    fn authentication_comes_before_authorisation(t) {
        t.get("/guards/roles").send().refused(401, "missing_credential");
        t.get("/guards/roles").bearer("x").send().refused(401, "invalid_token");
    }

    fn two_guards_must_both_agree(t) {
        t.get("/guards/twice").bearer(t.access("alice")).send().is(200);
        t.get("/guards/twice").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/guards/twice").send().refused(401, "missing_credential");
    }

    /// RFC 9470: if the login is too old, the response says how recent it must be.
    fn an_old_login_is_401_where_a_recent_one_is_demanded(t) {
        let access = t.session("bob").access_token().expose().to_owned();
        for path in ["/guards/recent", "/recent/panel"] {
            t.get(path).bearer(&access).send().is(200).says("Hello bob");
        }
        t.clock.advance(QUARTER.saturating_sub(SECOND));
        t.get("/guards/recent").bearer(&access).send().is(200);
        let refresh = t.refresh_token("bob");
        t.clock.advance(QUARTER);
        let access = refreshed(&t, &refresh);
        t.get("/guards/recent").bearer(&access).send().is(200);
        t.clock.advance(SECOND);
        for path in ["/guards/recent", "/recent/panel"] {
            t.get(path).bearer(&access).send().refused(401, "insufficient_user_authentication").has("www-authenticate", STALE);
        }
        t.get("/guards/user").bearer(&access).send().is(200);
    }

    fn a_refresh_does_not_make_a_login_recent(t) {
        let refresh = t.refresh_token("bob");
        t.clock.advance(QUARTER + SECOND);
        t.get("/guards/recent").bearer(refreshed(&t, &refresh)).send().refused(401, "insufficient_user_authentication");
        t.get("/guards/recent").bearer(t.session("bob").access_token().expose()).send().is(200);
    }

    fn without_a_store_a_refresh_does_not_make_a_login_recent_either(t) {
        t = Probe::stateless();
        let mut refresh = t.refresh_token("bob");
        for _ in 0..3 {
            let pair = t.post("/refresh").body(JSON, format!("{{\"refresh_token\":\"{refresh}\"}}")).send();
            t.get("/guards/recent").bearer(pair.token("access_token")).send().is(200);
            refresh = pair.token("refresh_token");
            t.clock.advance(QUARTER / 3);
        }
        t.get("/guards/recent").bearer(refreshed(&t, &refresh)).send().is(200);
        t.clock.advance(SECOND);
        t.get("/guards/recent").bearer(refreshed(&t, &refresh)).send().refused(401, "insufficient_user_authentication");
    }

    fn a_login_by_password_is_recent(t) {
        let access = t.login("bob", "hunter2").once().is(200).token("access_token");
        t.get("/guards/recent").bearer(access).send().is(200).says("Hello bob");
    }

    /// There was no login, or its time is unknown.
    fn a_token_that_knows_of_no_login_is_too_old(t) {
        t.get("/guards/recent").bearer(t.access("bob")).send().refused(401, "insufficient_user_authentication");
        let refresh = t.token(Purpose::Refresh, "bob");
        t.get("/guards/recent").bearer(refresh).send().refused(401, "invalid_token");
        t = Probe::stateless();
        let mut refresh = t.token(Purpose::Refresh, "bob");
        for _ in 0..3 {
            let pair = t.post("/refresh").body(JSON, format!("{{\"refresh_token\":\"{refresh}\"}}")).send();
            let access = pair.token("access_token");
            t.get("/guards/user").bearer(&access).send().is(200);
            t.get("/guards/recent").bearer(&access).send().refused(401, "insufficient_user_authentication");
            refresh = pair.token("refresh_token");
        }
        t.get("/guards/recent").send().refused(401, "missing_credential");
    }

    fn a_request_is_checked_by_the_guard_of_its_route_only(t) {
        t.get("/open").send().is(200).says("open");
        t.get("/open").bearer("x").send().is(200).says("open");
    }

    fn one_name_needs_no_list(t) {
        let alice = t.access(TokenRequest::for_subject("alice").scope("read"));
        let bob = t.access("bob");
        for (path, code) in [
            ("/guards/role", "missing_role"),
            ("/guards/permission", "missing_permission"),
            ("/guards/scope", "missing_scope"),
            ("/each/panel", "missing_role"),
        ] {
            t.get(path).bearer(&alice).send().is(200).says("Hello alice");
            t.get(path).bearer(&bob).send().refused(403, code);
            t.get(path).send().refused(401, "missing_credential");
        }
        let unscoped = t.access("alice");
        t.get("/each/panel").bearer(unscoped).send().refused(403, "missing_scope");
    }

    fn a_vector_of_names_is_a_list_too(t) {
        t.get("/guards/vector").bearer(t.access("alice")).send().is(200).says("Hello alice");
        t.get("/guards/vector").bearer(t.access("bob")).send().refused(403, "missing_role");
    }

    /// The list is read at run time and turns out to be empty: every request is refused.
    fn a_list_that_turns_out_to_be_empty_is_500(t) {
        t.get("/guards/no-roles").bearer(t.access("alice")).send().refused(500, "misconfigured");
        t.get("/guards/no-roles").send().refused(500, "misconfigured");
    }
}
