//! Groups of protected routes: everything in them is guarded, however it was added.

use fauth_core::{OneTimePurpose, Purpose, TokenRequest};

use super::cases;
use crate::Role;

cases! { $ __groups_tests in groups;
    fn a_route_of_the_group_needs_a_user(t) {
        t.get("/group/dashboard").send().refused(401, "missing_credential");
        t.get("/group/dashboard").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    /// Anonymous requests do not learn which routes exist.
    fn an_unknown_path_of_the_group_is_401_for_the_anonymous(t) {
        t.get("/group/none").send().refused(401, "missing_credential");
        t.get("/group/dashboard/more").send().refused(401, "missing_credential");
    }

    fn an_unknown_path_of_the_group_is_404_for_a_user(t) {
        t.get("/group/none").bearer(t.access("bob")).send_to_framework().is(404);
    }

    fn the_group_itself_is_401_for_the_anonymous(t) {
        t.get("/group").send().refused(401, "missing_credential");
        t.get("/group/").send().refused(401, "missing_credential");
    }

    /// A group ends at a segment: a path that only shares its beginning is outside.
    fn a_path_that_only_begins_alike_is_not_in_the_group(t) {
        t.get("/groups").send_to_framework().is(404);
        t.get("/group.json").send_to_framework().is(404);
    }

    /// F-07
    fn a_nested_router_is_inside(t) {
        t.get("/group/nested/leaf").send().refused(401, "missing_credential");
        t.get("/group/nested/leaf").bearer(t.access("bob")).send().is(200).says("Hello bob");
        t.get("/group/nested/none").send().refused(401, "missing_credential");
    }

    /// F-07
    fn a_merged_router_is_inside(t) {
        t.get("/group/merged").send().refused(401, "missing_credential");
        t.get("/group/merged").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    /// F-07
    fn a_mounted_service_is_inside(t) {
        t.get("/group/mounted/file.txt").send().refused(401, "missing_credential");
        t.get("/group/mounted/file.txt").bearer(t.access("bob")).send().is(200).says("raw");
    }

    /// F-09: the guard is outermost, whenever a route was added.
    fn a_route_added_last_is_inside(t) {
        t.get("/group/late").send().refused(401, "missing_credential");
        t.get("/group/late").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    /// F-09: the group's guard runs before the route's own.
    fn a_guard_inside_the_group_asks_for_more(t) {
        t.get("/group/admin").send().refused(401, "missing_credential");
        t.get("/group/admin").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/group/admin").bearer(t.access("alice")).send().is(200).says("Hello alice");
    }

    fn a_wrong_method_is_401_for_the_anonymous(t) {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            t.request(method, "/group/dashboard").send().refused(401, "missing_credential").lacks("allow");
        }
        t.get("/group/echo").send().refused(401, "missing_credential").lacks("allow");
    }

    fn a_wrong_method_is_the_frameworks_matter_for_a_user(t) {
        let seen = t.request("DELETE", "/group/dashboard").bearer(t.access("bob")).send_to_framework();
        assert!(matches!(seen.response.status, 404 | 405), "{:?}", seen.response);
    }

    fn an_unheard_of_method_is_401_for_the_anonymous(t) {
        for method in ["PROPFIND", "get", "FOO"] {
            t.request(method, "/group/dashboard").send().refused(401, "missing_credential");
        }
    }

    fn post_is_guarded_like_get(t) {
        t.post("/group/echo").send().refused(401, "missing_credential");
        t.post("/group/echo").bearer(t.access("bob")).send().is(200).says("Hello bob");
    }

    fn head_is_guarded_like_get(t) {
        let seen = t.request("HEAD", "/group/dashboard").send();
        seen.is(401).says("").has("www-authenticate", "Bearer realm=\"fauth\"");
    }

    fn options_is_guarded(t) {
        t.request("OPTIONS", "/group/dashboard").send().refused(401, "missing_credential");
    }

    /// F-10: no CORS layer outside answered the preflight, so it is a request like any other.
    fn a_preflight_that_reaches_the_guard_is_401(t) {
        let sending = t.request("OPTIONS", "/group/dashboard").header("origin", "https://app.example");
        sending.header("access-control-request-method", "GET").send().refused(401, "missing_credential");
    }

    /// F-06: refused before the upgrade.
    fn a_websocket_upgrade_is_guarded(t) {
        let upgrade = t.get("/group/dashboard").header("connection", "Upgrade").header("upgrade", "websocket");
        let upgrade = upgrade.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        upgrade.clone().send().refused(401, "missing_credential").lacks("upgrade");
        upgrade.bearer("x").send().refused(401, "invalid_token");
    }

    fn trace_and_connect_are_refused(t) {
        for method in ["TRACE", "CONNECT"] {
            let seen = t.request(method, "/group/dashboard").bearer(t.access("alice")).send();
            seen.refused(405, "method_not_allowed").has("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        }
    }

    /// RFC 8441: a GET with `Upgrade` over HTTP/1.1 is an extended CONNECT over HTTP/2.
    fn a_websocket_over_http2_is_guarded(t) {
        let connect = |path: &str| t.request("CONNECT", path).protocol("websocket").header("sec-websocket-version", "13");
        let alice = t.access("alice");
        if !H::HAS_EXTENDED_CONNECT {
            let seen = connect("/group/mounted/chat").bearer(&alice).send_to_framework();
            seen.refused(405, "method_not_allowed");
            return;
        }
        connect("/group/mounted/chat").send().refused(401, "missing_credential").lacks("allow");
        connect("/group/none").send().refused(401, "missing_credential");
        connect("/group/mounted/chat").bearer("x").send().refused(401, "invalid_token");
        connect("/group/x/../chat").bearer(&alice).send().refused(400, "ambiguous_path");
        connect("/admins/panel").bearer(t.access("bob")).send().refused(403, "missing_role");
        // The body of this response is up to the framework: one drops it, because a tunnel would
        // follow.
        connect("/group/mounted/chat").bearer(&alice).send_to_framework().is(200);
        // HTTP/1.1 ignores the case of the token, so the case of the pseudo-header does not matter
        // either.
        t.request("CONNECT", "/group/mounted/chat").protocol("WebSocket").bearer(&alice).send_to_framework().is(200);
    }

    /// Any other CONNECT is a tunnel.
    fn an_extended_connect_for_something_else_is_refused(t) {
        for protocol in ["connect-udp", "webtransport", "websocket2", "websocket, x", ""] {
            let connect = t.request("CONNECT", "/group/mounted/chat").bearer(t.access("alice"));
            connect.protocol(protocol).send_to_framework().refused(405, "method_not_allowed");
        }
        // It makes no other method a handshake.
        let trace = t.request("TRACE", "/group/mounted/chat").bearer(t.access("alice"));
        trace.protocol("websocket").send_to_framework().refused(405, "method_not_allowed");
    }

    fn an_empty_group_is_401_for_the_anonymous(t) {
        t.get("/empty").send().refused(401, "missing_credential");
        t.get("/empty/anything").send().refused(401, "missing_credential");
    }

    fn an_empty_group_is_404_for_a_user(t) {
        t.get("/empty/anything").bearer(t.access("alice")).send_to_framework().is(404);
    }

    fn a_group_may_demand_a_role(t) {
        t.get("/admins/panel").bearer(t.access("alice")).send().is(200).says("Hello alice");
        t.get("/admins/panel").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/admins/panel").send().refused(401, "missing_credential");
    }

    fn a_group_with_a_role_hides_its_routes_from_those_without(t) {
        t.get("/admins/none").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/admins/none").bearer(t.access("alice")).send_to_framework().is(404);
    }

    /// Alice is an admin and a user, Bob only a user: with a single role, all and any could not be
    /// distinguished.
    fn a_group_demands_all_of_its_roles_or_one_of_them(t) {
        t.get("/all-roles/panel").bearer(t.access("alice")).send().is(200).says("Hello alice");
        t.get("/all-roles/panel").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/one-role/panel").bearer(t.access("alice")).send().is(200).says("Hello alice");
        t.get("/one-role/panel").bearer(t.access("bob")).send().refused(403, "forbidden");
        t.users.change("bob", |bob| bob.roles = vec![Role::Admin]);
        t.get("/all-roles/panel").bearer(t.access("bob")).send().refused(403, "missing_role");
        t.get("/one-role/panel").bearer(t.access("bob")).send().is(200);
        t.users.change("bob", |bob| bob.roles = vec![Role::Auditor]);
        t.get("/one-role/panel").bearer(t.access("bob")).send().is(200);
        t.get("/all-roles/none").bearer(t.access("bob")).send().refused(403, "missing_role");
    }

    fn a_group_demands_all_of_its_permissions(t) {
        let get = |permissions: &[&str]| {
            t.users.change("bob", |bob| bob.permissions = permissions.iter().map(|name| (*name).to_owned()).collect());
            t.get("/all-permissions/panel").bearer(t.access("bob")).send()
        };
        get(&["read", "write"]).is(200).says("Hello bob");
        get(&["read"]).refused(403, "missing_permission");
        get(&["write"]).refused(403, "missing_permission");
        get(&[]).refused(403, "missing_permission");
    }

    fn a_group_demands_all_of_its_scopes(t) {
        let get = |scopes: &[&str]| {
            let request = TokenRequest::for_subject("bob").scopes(scopes.iter().copied());
            t.get("/all-scopes/panel").bearer(t.access(request)).send()
        };
        get(&["read", "write"]).is(200).says("Hello bob");
        get(&["write", "more", "read"]).is(200);
        get(&["read"]).refused(403, "missing_scope");
        get(&["write"]).refused(403, "missing_scope");
        get(&[]).refused(403, "missing_scope");
    }

    /// In any order, and with a renderer set in between.
    fn demands_that_are_added_one_after_the_other_are_all_kept(t) {
        let get = |roles: &[Role], permissions: &[&str], scopes: &[&str]| {
            t.users.change("alice", |alice| {
                alice.roles = roles.to_vec();
                alice.permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
            });
            let request = TokenRequest::for_subject("alice").scopes(scopes.iter().copied());
            t.get("/added/panel").bearer(t.access(request)).send()
        };
        let both = [Role::Admin, Role::User];
        get(&both, &["read"], &["read"]).is(200).says("Hello alice");
        get(&[Role::Admin, Role::Auditor], &["read"], &["read"]).is(200);
        for refused in [
            get(&[Role::Admin], &["read"], &["read"]),
            get(&[Role::User], &["read"], &["read"]),
            get(&both, &[], &["read"]),
            get(&both, &["read"], &[]),
        ] {
            // The form set before the last requirement.
            refused.is(403).has("content-type", "application/json");
            assert!(refused.response.json().get("detail").is_some(), "{:?}", refused.response);
        }
        t.get("/added/panel").send().is(401).has("content-type", "application/json");
    }

    fn an_inactive_user_stays_outside(t) {
        t.get("/group/dashboard").bearer(t.access("carol")).send().refused(401, "invalid_token");
        t.get("/admins/panel").bearer(t.access("carol")).send().refused(401, "invalid_token");
    }

    fn no_other_purpose_opens_a_group(t) {
        t.get("/group/dashboard").bearer(t.token(Purpose::Refresh, "alice")).send().refused(401, "invalid_token");
        for purpose in [OneTimePurpose::PasswordReset, OneTimePurpose::EmailVerification] {
            t.get("/group/dashboard").bearer(t.one_time_token(purpose, "alice")).send().refused(401, "invalid_token");
        }
    }

    fn a_malformed_credential_is_400_in_a_group(t) {
        t.get("/group/dashboard").bearer("a").bearer("b").send().refused(400, "malformed_credential");
        t.get("/group/none").header("authorization", "Bearer").send().refused(400, "malformed_credential");
    }

    fn a_token_with_scopes_is_a_token_like_any_other(t) {
        t.get("/group/dashboard").bearer(t.access(TokenRequest::for_subject("bob").scope("none"))).send().is(200);
    }

    fn the_query_does_not_matter(t) {
        t.get("/group/dashboard?x=1&y=%2e%2e//").send().refused(401, "missing_credential");
        t.get("/group/dashboard?x=1&y=%2e%2e//").bearer(t.access("bob")).send().is(200);
    }
}
