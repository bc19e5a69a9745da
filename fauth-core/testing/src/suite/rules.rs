//! Path rules: what they cover, which rule decides, and how they combine with guards and
//! extractors.
//!
//! Each case runs twice: with the rules around the whole application, and around a part of it that
//! is mounted under a prefix. Rules match whole paths in both.

use std::{fs, path::Path, time::Duration};

use fauth_core::{
    Purpose, Requirement, RouteRules, TokenRequest,
    path::PathCharacter,
    rules::{RouteRulesBuilder, exact, prefix},
    transport::{BearerTransport, CookieTransport},
};
use serde_json::Value;

use super::{Sending, cases};
use crate::{
    FaultyStore, Role,
    suite::{Harness, Placement, Probe, Ruled},
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const CLEARED: &str = "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";

/// Returns the whole path of a route of the application.
type At<'a> = &'a dyn Fn(&str) -> String;

/// Runs `check` with the rules around the application, and around a part of it.
fn behind<H: Harness>(
    probe: &Probe<H>,
    rules: impl Fn(At<'_>) -> RouteRulesBuilder,
    check: impl Fn(&Probe<H>, At<'_>),
) {
    for placement in [Placement::Around, Placement::Inside] {
        let at = |path: &str| format!("{}{path}", placement.prefix());
        let rules = rules(&at).build().unwrap();
        check(&probe.with_rules(Ruled { rules, placement }), &at);
    }
}

/// The same with an application that is private except for what it needs open.
fn behind_private<H: Harness>(probe: &Probe<H>, check: impl Fn(&Probe<H>, At<'_>)) {
    let rules = |at: At<'_>| {
        RouteRules::private_by_default()
            .public(at("/assets"))
            .public(at("/open"))
            .guests(at("/signin"))
            .require(at("/admin"), role("admin"))
    };
    behind(probe, rules, check);
}

fn role(name: &str) -> Requirement {
    Requirement::user().role(name)
}

fn site<H: Harness>() -> Probe<H> {
    Probe::build(|builder| builder.transport(BearerTransport::new()).transport(CookieTransport::new()))
}

fn cookie<'a, H: Harness>(sending: Sending<'a, H>, token: &str) -> Sending<'a, H> {
    sending.header("cookie", format!("__Host-session={token}"))
}

fn browsing<H: Harness>(sending: Sending<'_, H>) -> Sending<'_, H> {
    sending
        .header("accept", BROWSER)
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
}

const FORGED: &str = "eyJhbGciOiJIUzI1NiJ9.e30.x";

cases! { $ __rules_tests in rules;
    fn what_no_rule_is_about_is_private_by_default(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/me")).send().refused(401, "missing_credential");
            t.get(&at("/me")).bearer(t.access("bob")).send().is(200).says("Hello bob");
            t.get(&at("/raw/x")).send().refused(401, "missing_credential");
            t.get(&at("/raw/x")).bearer(t.access("bob")).send().is(200).says("raw");
        });
    }

    /// Callers do not learn which routes exist.
    fn an_unknown_path_is_private_too(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/nothing/here")).send().refused(401, "missing_credential");
            t.get(&at("/nothing/here")).bearer(t.access("bob")).send_to_framework().is(404);
            t.get(&at("/assets/nothing")).send_to_framework().is(404);
        });
    }

    fn what_no_rule_is_about_is_public_by_default(t) {
        let rules = |at: At<'_>| RouteRules::public_by_default().require(at("/admin"), role("admin"));
        behind(&t, rules, |t, at| {
            t.get(&at("/open")).send().is(200).says("open");
            t.get(&at("/admin")).send().refused(401, "missing_credential");
            t.get(&at("/admin/users")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin/users")).bearer(t.access("alice")).send().is(200);
        });
    }

    /// C-01
    fn a_rule_is_about_everything_below_its_path(t) {
        behind_private(&t, |t, at| {
            for path in ["/admin", "/admin/users", "/admin/audit"] {
                t.get(&at(path)).send().refused(401, "missing_credential");
                t.get(&at(path)).bearer(t.access("bob")).send().refused(403, "missing_role");
                t.get(&at(path)).bearer(t.access("alice")).send().is(200).says("Hello alice");
            }
            t.get(&at("/admin/")).bearer(t.access("bob")).send().refused(403, "missing_role");
        });
    }

    /// C-21, W-12
    fn a_rule_is_not_about_a_longer_name(t) {
        behind_private(&t, |t, at| {
            for path in ["/administrator", "/admin.json"] {
                t.get(&at(path)).bearer(t.access("bob")).send().is(200).says("open");
                t.get(&at(path)).send().refused(401, "missing_credential");
            }
            t.get(&at("/open-other")).send().refused(401, "missing_credential");
            t.get(&at("/open")).send().is(200);
        });
    }

    fn another_case_is_another_path(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/ADMIN")).bearer(t.access("bob")).send_to_framework().is(404);
            t.get(&at("/OPEN")).send().refused(401, "missing_credential");
        });
    }

    /// C-11: an exact path is that path and nothing else.
    fn an_exact_path_is_no_prefix(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().public(exact(at("/open")));
        behind(&t, rules, |t, at| {
            t.get(&at("/open")).send().is(200).says("open");
            t.get(&at("/open?x=/me")).send().is(200).says("open");
            for path in ["/open/", "/open/x", "/me/open", "/open/open", "/me"] {
                t.get(&at(path)).send().refused(401, "missing_credential");
            }
        });
    }

    fn an_exact_path_decides_before_a_prefix(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/admin"), role("admin"))
                .replace(exact(at("/admin")), Requirement::user())
                .public(exact(at("/admin/users")))
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/admin")).bearer(t.access("bob")).send().is(200).says("Hello bob");
            t.get(&at("/admin")).send().refused(401, "missing_credential");
            t.get(&at("/admin/audit")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin/users")).bearer(t.access("bob")).send().is(200);
            t.get(&at("/admin/users/x")).bearer(t.access("bob")).send().refused(403, "missing_role");
        });
    }

    /// F-11: a prefix covers both forms, an exact path one.
    fn a_slash_at_the_end(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default().public(at("/raw/a")).public(exact(at("/raw/b")))
        };
        behind(&t, rules, |t, at| {
            for path in ["/raw/a", "/raw/a/", "/raw/a/x", "/raw/b"] {
                t.get(&at(path)).send().is(200).says("raw");
            }
            t.get(&at("/raw/b/")).send().refused(401, "missing_credential");
        });
    }

    fn the_front_page_alone(t) {
        let rules = RouteRules::private_by_default().public(exact("/")).build().unwrap();
        t = t.with_rules(Ruled { rules, placement: Placement::Around });
        t.get("/").send().is(200).says("home");
        t.get("/?next=/me").send().is(200).says("home");
        t.get("/me").send().refused(401, "missing_credential");
    }

    /// M-13, the other half of which is refused when the rules are built.
    fn the_longest_prefix_decides_whatever_the_order(t) {
        let deep = |at: At<'_>| RouteRules::private_by_default().public(at("/raw/a/b")).require(at("/raw"), role("admin")).replace(at("/raw/a"), role("user"));
        let reverse = |at: At<'_>| RouteRules::private_by_default().replace(at("/raw/a"), role("user")).require(at("/raw"), role("admin")).public(at("/raw/a/b"));
        for rules in [&deep as &dyn Fn(At<'_>) -> RouteRulesBuilder, &reverse] {
            behind(&t, rules, |t, at| {
                t.get(&at("/raw/a/b/c")).send().is(200).says("raw");
                t.get(&at("/raw/a/bc")).send().refused(401, "missing_credential");
                t.get(&at("/raw/a/bc")).bearer(t.access("bob")).send().is(200);
                t.get(&at("/raw/x")).bearer(t.access("bob")).send().refused(403, "missing_role");
            });
        }
    }

    fn an_override_replaces_the_fields_that_it_names(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/admin"), role("admin"))
                .require(at("/admin/audit"), Requirement::user().scope("read"))
                .require(at("/admin/reports"), Requirement::user().any_role(["admin", "user"]))
        };
        behind(&t, rules, |t, at| {
            let reading = |user| t.access(TokenRequest::for_subject(user).scopes(["read"]));
            // The role is still required.
            t.get(&at("/admin/audit")).bearer(reading("alice")).send().is(200);
            t.get(&at("/admin/audit")).bearer(reading("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin/audit")).bearer(t.access("alice")).send().refused(403, "missing_scope");
            // Another role is required instead.
            t.get(&at("/admin/reports")).bearer(t.access("bob")).send().is(200);
            t.get(&at("/admin")).bearer(t.access("bob")).send().refused(403, "missing_role");
        });
    }

    fn replace_takes_nothing_over(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/admin"), role("admin"))
                .replace(at("/admin/audit"), Requirement::user().scope("read"))
        };
        behind(&t, rules, |t, at| {
            let reading = t.access(TokenRequest::for_subject("bob").scopes(["read"]));
            t.get(&at("/admin/audit")).bearer(reading).send().is(200).says("Hello bob");
            t.get(&at("/admin/audit")).bearer(t.access("bob")).send().refused(403, "missing_scope");
            t.get(&at("/admin/users")).bearer(t.access("bob")).send().refused(403, "missing_role");
        });
    }

    fn a_rule_may_ask_for_a_recent_login(t) {
        let minutes = |minutes: u64| Requirement::user().login_within(Duration::from_secs(60 * minutes));
        let rules = |at: At<'_>| RouteRules::private_by_default().require(at("/me"), minutes(5));
        behind(&t, rules, |t, at| {
            let token = t.session("alice").access_token().expose().to_owned();
            t.get(&at("/me")).bearer(&token).send().is(200);
            t.clock.advance(Duration::from_secs(6 * 60));
            t.get(&at("/me")).bearer(&token).send().refused(401, "insufficient_user_authentication");
            t.get(&at("/token")).bearer(&token).send().is(200);
        });
    }

    /// C-19: two sources, of which one says public and the other requires a role.
    fn a_tie_goes_to_the_stricter_rule(t) {
        let rules = |at: At<'_>| {
            let code = RouteRules::private_by_default().public(at("/admin")).require(at("/me"), role("user"));
            let other = RouteRules::public_by_default().require(at("/admin"), role("admin")).public(at("/me"));
            let by_method = RouteRules::private_by_default().public(prefix(at("/admin")).methods(["GET"]));
            code.join(other).join(by_method)
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/admin")).send().refused(401, "missing_credential");
            t.get(&at("/admin")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin")).bearer(t.access("alice")).send().is(200);
            t.get(&at("/me")).send().refused(401, "missing_credential");
            t.get(&at("/me")).bearer(t.access("bob")).send().is(200);
            t.get(&at("/token")).send().refused(401, "missing_credential");
        });
    }

    fn a_rule_for_some_methods(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/open"), role("admin"))
                .public(prefix(at("/open")).methods(["GET"]))
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/open")).send().is(200).says("open");
            t.post(&at("/open")).send().refused(401, "missing_credential");
            t.post(&at("/open")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.post(&at("/open")).bearer(t.access("alice")).send().is(200);
            for method in ["PUT", "DELETE", "OPTIONS", "PROPFIND", "get"] {
                t.request(method, &at("/open")).send().refused(401, "missing_credential");
            }
        });
    }

    fn head_is_as_get(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default().public(prefix(at("/open")).methods(["GET"])).require(at("/admin"), role("admin"))
        };
        behind(&t, rules, |t, at| {
            let seen = t.request("HEAD", &at("/open")).send_to_framework();
            assert!(matches!(seen.response.status, 200 | 404 | 405), "{:?}", seen.response);
            t.request("HEAD", &at("/admin")).send().is(401).says("");
            t.request("HEAD", &at("/admin")).bearer(t.access("bob")).send().is(403).says("");
        });
    }

    fn a_wrong_method_is_private_and_says_nothing(t) {
        behind_private(&t, |t, at| {
            for method in ["DELETE", "PATCH", "OPTIONS"] {
                t.request(method, &at("/me")).send().refused(401, "missing_credential").lacks("allow");
            }
            t.request("DELETE", &at("/me")).bearer(t.access("bob")).send_to_framework().is(405);
            t.request("DELETE", &at("/open")).send_to_framework().is(405);
        });
    }

    fn trace_and_connect_are_refused_everywhere(t) {
        behind_private(&t, |t, at| {
            for path in ["/me", "/open", "/signin", "/assets/style.css"] {
                t.request("TRACE", &at(path)).send().refused(405, "method_not_allowed");
                t.request("TRACE", &at(path)).bearer(t.access("alice")).send().refused(405, "method_not_allowed");
            }
        });
    }

    /// M-14
    fn a_path_that_can_be_misread_is_400_before_any_rule(t) {
        let paths = [
            "/open//x", "//open", "/open/../me", "/open/./x", "/open/..", "/open/%2e%2e/me", "/assets/%2e%2e/admin",
            "/assets/..%2fadmin", "/open/x%5cy", "/open;x=1", "/open%3bx", "/%256fpen", "/open%00", "/admin/./users",
        ];
        behind_private(&t, |t, at| {
            for path in paths {
                t.get(&at(path)).send().refused(400, "ambiguous_path");
                t.get(&at(path)).bearer(t.access("alice")).send().refused(400, "ambiguous_path");
            }
            t.get(&at("/open")).send().is(200);
        });
    }

    fn what_is_allowed_by_name_is_a_part_of_its_segment(t) {
        t = Probe::build(|builder| builder.danger_allow_in_path(PathCharacter::Semicolon));
        behind_private(&t, |t, at| {
            t.get(&at("/raw/a;v=1")).bearer(t.access("bob")).send().is(200).says("raw");
            t.get(&at("/raw/a;v=1")).send().refused(401, "missing_credential");
            t.get(&at("/open;v=1")).send().refused(401, "missing_credential");
            t.get(&at("/assets/..;/admin")).send().refused(400, "ambiguous_path");
        });
    }

    /// One framework routes the decoded path, the others the encoded one, which may reach a
    /// fallback. The stricter rule decides.
    fn an_encoded_letter_is_the_letter(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/%61dmin")).send().refused(401, "missing_credential");
            t.get(&at("/%61dmin")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin/%75sers")).bearer(t.access("bob")).send().refused(403, "missing_role");
            for path in ["/%6Fpen", "/%6fpen/settings", "/%61ssets/settings", "/ope%6E"] {
                t.get(&at(path)).send().refused(401, "missing_credential");
                let seen = t.get(&at(path)).bearer(t.access("bob")).send_to_framework();
                assert!(matches!(seen.response.status, 200 | 404), "{:?}", seen.response);
            }
            // Nothing below a public path is more private than it.
            let seen = t.get(&at("/open/%61")).send_to_framework();
            assert!(matches!(seen.response.status, 200 | 404), "{:?}", seen.response);
            t.get(&at("/raw/caf%C3%A9")).bearer(t.access("bob")).send().is(200).says("raw");
        });
    }

    /// One framework keeps `%2B` and decodes the rest. If neither of two rules is stricter, both
    /// must be met.
    fn readings_of_a_path_are_guarded_by_each_of_their_rules(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/raw"), role("admin"))
                .replace(at("/raw/a+b"), Requirement::user())
                .replace(at("/raw/cc"), Requirement::user().permission("nobody:has"))
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/raw/a+b")).bearer(t.access("bob")).send().is(200);
            t.get(&at("/raw/a%2Bb")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/%72aw/a%2Bb")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/raw/c%63")).bearer(t.access("bob")).send().refused(403, "missing_permission");
            t.get(&at("/raw/c%63")).bearer(t.access("alice")).send().refused(403, "missing_permission");
        });
    }

    fn a_path_of_other_letters(t) {
        let rules = |at: At<'_>| RouteRules::public_by_default().require(at("/raw/café au lait"), role("admin"));
        behind(&t, rules, |t, at| {
            t.get(&at("/raw/caf%C3%A9%20au%20lait/x")).send().refused(401, "missing_credential");
            t.get(&at("/raw/caf%c3%a9%20au%20lait")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/raw/caf%C3%A9")).send().is(200);
        });
    }

    /// The cases of Spring's firewall, at a public rule: what Spring rejects is refused, what it
    /// accepts is decided by a rule.
    fn the_paths_of_spring(t) {
        let Some(folder) = std::env::var_os("FAUTH_VECTORS") else { return };
        let text = fs::read_to_string(Path::new(&folder).join("path_firewall_spring.json")).unwrap();
        let vectors: Value = serde_json::from_str(&text).unwrap();
        let (open, private) = (RouteRules::public_by_default().require("/x", role("admin")), RouteRules::private_by_default());
        let (open, private) = (open.build().unwrap(), private.build().unwrap());
        let (mut accepted, mut refused) = (0, 0);
        for case in vectors["cases"].as_array().unwrap() {
            let uri = case["uri"].as_str().unwrap();
            let is_accepted = case["result"] == "accept";
            for rules in [&open, &private] {
                assert_eq!(rules.access("GET", uri).is_some(), is_accepted, "{}", rules.explain("GET", uri));
            }
            *(if is_accepted { &mut accepted } else { &mut refused }) += 1;
            // What no client can send is not sent.
            if !uri.starts_with('/') || uri.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                continue;
            }
            for (rules, status) in [(&open, 404), (&private, 401)] {
                let t = t.with_rules(Ruled { rules: rules.clone(), placement: Placement::Around });
                let seen = t.get(uri).send_to_framework();
                seen.is(if is_accepted { status } else { 400 });
            }
        }
        assert_eq!((accepted, refused), (2, 29));
    }

    fn a_stylesheet_is_not_refused_because_of_a_cookie(t) {
        t = site();
        behind_private(&t, |t, at| {
            let expired = t.access("alice");
            t.clock.advance(Duration::from_secs(15 * 60));
            for bad in [expired.as_str(), FORGED, "x"] {
                let seen = cookie(t.get(&at("/assets/style.css")), bad).send();
                seen.is(200).says("public").has("cache-control", super::PUBLIC).lacks("set-cookie").lacks("vary");
                t.get(&at("/assets/style.css")).bearer(bad).send().is(200);
                cookie(t.get(&at("/me")), bad).send().refused(401, "invalid_token");
            }
        });
    }

    /// P-22: a public path causes no look-up, a private path loads only the user.
    fn nobody_is_looked_up_on_a_public_path(t) {
        behind_private(&t, |t, at| {
            let seen = t.get(&at("/open")).bearer(t.access("alice")).send();
            assert_eq!(seen.is(200).user_loads, 0);
            assert_eq!(t.get(&at("/admin")).bearer(t.access("alice")).send().is(200).user_loads, 1);
        });
    }

    /// P-22: a request reads no settings. A public path reads no store, and a private one reads
    /// revocations once.
    fn the_store_is_asked_about_the_token_and_nothing_else(t) {
        let store = FaultyStore::default();
        let kept = store.clone();
        t = Probe::build(|builder| builder.session_store(kept.clone()).revocation_store(kept));
        behind_private(&t, |t, at| {
            let (alice, bob) = (t.access("alice"), t.access("bob"));
            let calls = |path: &str, token: &str, status| {
                store.calls();
                t.get(&at(path)).bearer(token).once().is(status);
                store.calls()
            };
            assert!(calls("/open", &alice, 200).is_empty());
            assert_eq!(calls("/admin", &alice, 200), ["check"]);
            assert_eq!(calls("/admin", &bob, 403), ["check"]);
            assert!(calls("/admin", FORGED, 401).is_empty());
        });
    }

    /// W-16
    fn a_role_of_a_rule_counts_among_several(t) {
        behind_private(&t, |t, at| {
            let get = || t.get(&at("/admin")).bearer(t.access("bob")).send();
            t.users.change("bob", |bob| bob.roles = vec![Role::User, Role::Auditor]);
            get().refused(403, "missing_role");
            t.users.change("bob", |bob| bob.roles = vec![Role::User, Role::Auditor, Role::Admin]);
            get().is(200).says("Hello bob");
        });
    }

    fn a_failing_loader_does_not_close_what_is_public(t) {
        behind_private(&t, |t, at| {
            let token = t.access("alice");
            t.users.fail();
            t.get(&at("/open")).bearer(&token).send().is(200);
            t.get(&at("/me")).bearer(&token).send().refused(503, "unavailable");
        });
    }

    /// On a public path, extractors work as without a guard.
    fn extractors_on_a_public_path(t) {
        t = site();
        let rules = |at: At<'_>| {
            let paths = ["/me", "/maybe", "/visitor"].map(at);
            RouteRules::private_by_default().public_all(paths)
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/me")).send().refused(401, "missing_credential");
            t.get(&at("/me")).bearer(t.access("bob")).send().is(200).says("Hello bob");
            t.get(&at("/maybe")).send().is(200).says("Hello nobody");
            t.get(&at("/maybe")).bearer(t.access("bob")).send().is(200).says("Hello bob");
            t.get(&at("/maybe")).bearer(FORGED).send().refused(401, "invalid_token");
            let dead = t.access("bob");
            t.clock.advance(Duration::from_secs(15 * 60));
            cookie(t.get(&at("/maybe")), &dead).send().is(200).says("Hello nobody");
        });
    }

    fn extractors_behind_a_rule_see_its_grant(t) {
        behind_private(&t, |t, at| {
            let token = t.access("alice");
            let seen = t.get(&at("/admin/users")).bearer(&token).send();
            assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
            let seen = t.get(&at("/maybe")).bearer(&token).send();
            assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
            t.get(&at("/token")).bearer(&token).send().is(200).says("access alice [] -");
        });
    }

    /// P-04: the credential is checked once, and the stricter of the two decides.
    fn a_guard_behind_a_rule_and_the_rule_both_apply(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/guarded")).send().refused(401, "missing_credential");
            t.get(&at("/guarded")).bearer(t.access("bob")).send().refused(403, "missing_role");
            let seen = t.get(&at("/guarded")).bearer(t.access("alice")).send();
            assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
            t.get(&at("/group/dashboard")).send().refused(401, "missing_credential");
            assert_eq!(t.get(&at("/group/dashboard")).bearer(t.access("bob")).send().is(200).user_loads, 1);
        });
    }

    /// A rule does not open what a guard closes.
    fn a_guard_on_a_public_path_goes_on_deciding(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().public(at("/guarded")).public(at("/group"));
        behind(&t, rules, |t, at| {
            t.get(&at("/guarded")).send().refused(401, "missing_credential");
            t.get(&at("/guarded")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/guarded")).bearer(t.access("alice")).send().is(200);
            t.get(&at("/group/dashboard")).send().refused(401, "missing_credential");
            t.get(&at("/group/nothing")).send().refused(401, "missing_credential");
        });
    }

    /// C-14: a public path reads no session, but the guard there does.
    fn an_expired_session_passes_no_guard_on_a_public_path(t) {
        t = site();
        let rules = |at: At<'_>| RouteRules::private_by_default().public(at("/guarded")).public(at("/open"));
        behind(&t, rules, |t, at| {
            let alice = t.access("alice");
            cookie(t.get(&at("/guarded")), &alice).send().is(200).says("Hello alice");
            t.clock.advance(Duration::from_secs(15 * 60));
            cookie(t.get(&at("/guarded")), &alice).send().refused(401, "invalid_token").has("set-cookie", CLEARED);
            cookie(t.get(&at("/open")), &alice).send().is(200).says("open").lacks("set-cookie");
        });
    }

    /// A guard opens nothing that a rule closes.
    fn a_rule_around_a_weaker_guard_decides(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().require(at("/group"), role("auditor"));
        behind(&t, rules, |t, at| {
            t.get(&at("/group/dashboard")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/guarded")).bearer(t.access("alice")).send().is(200);
        });
    }

    fn a_rule_for_guests(t) {
        t = site();
        behind_private(&t, |t, at| {
            let seen = browsing(t.get(&at("/signin"))).send();
            seen.is(200).says("sign in").has("vary", "Authorization, Cookie");
            let alice = t.access("alice");
            browsing(cookie(t.get(&at("/signin")), &alice)).send().is(303).has("location", "/dashboard");
            let next = format!("{}?next=/a%3Fb", at("/signin"));
            browsing(cookie(t.get(&next), &alice)).send().is(303).has("location", "/a?b");
            let next = format!("{}?next=//evil.example", at("/signin"));
            browsing(cookie(t.get(&next), &alice)).send().is(303).has("location", "/dashboard");
            t.get(&at("/signin")).bearer(&alice).send().refused(403, "guests_only");
            t.clock.advance(Duration::from_secs(15 * 60));
            cookie(t.get(&at("/signin")), &alice).send().is(200).has("set-cookie", CLEARED);
        });
    }

    fn a_rule_for_visitors(t) {
        t = site();
        let rules = |at: At<'_>| RouteRules::private_by_default().visitors(at("/visitor")).visitors(at("/maybe"));
        behind(&t, rules, |t, at| {
            t.get(&at("/maybe")).send().is(200).says("Hello nobody").has("vary", "Authorization, Cookie");
            let alice = t.access("alice");
            let seen = cookie(t.get(&at("/maybe")), &alice).send();
            assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
            t.get(&at("/maybe")).bearer(FORGED).send().refused(401, "invalid_token");
            t.clock.advance(Duration::from_secs(15 * 60));
            cookie(t.get(&at("/maybe")), &alice).send().is(200).says("Hello nobody").has("set-cookie", CLEARED);
            t.get(&at("/visitor//x")).send().refused(400, "ambiguous_path");
            t.request("TRACE", &at("/visitor")).send().refused(405, "method_not_allowed");
        });
    }

    /// C-04, C-20: a browser is redirected to the sign-in page, which is open.
    fn browsers_are_sent_to_the_sign_in_page(t) {
        t = Probe::build(|builder| {
            builder.transport(BearerTransport::new()).transport(CookieTransport::new()).pages("/signin")
        });
        behind_private(&t, |t, at| {
            let seen = browsing(t.get(&at("/admin/users?tab=2"))).send();
            let next = at("/admin/users").replace('/', "%2F");
            seen.is(303).has("location", &format!("/signin?next={next}%3Ftab%3D2"));
            t.get(&at("/admin/users")).send().refused(401, "missing_credential");
            browsing(t.get(&at("/signin"))).send().is(200).says("sign in");
            browsing(cookie(t.get(&at("/admin")), &t.access("bob"))).send().is(403).lacks("location");
        });
    }

    fn what_a_handler_refuses_has_the_form_of_the_provider(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().public(at("/refuse"));
        behind(&t, rules, |t, at| {
            t.get(&at("/refuse?credentials")).send().refused(401, "invalid_credentials");
            t.get(&at("/refuse?busy")).send().refused(503, "busy").has("retry-after", "3");
            t.get(&at("/refuse?nothing")).send().is(200).says("not refused");
        });
        behind_private(&t, |t, at| {
            t.get(&at("/refuse?busy")).send().refused(401, "missing_credential");
            t.get(&at("/refuse?busy")).bearer(t.access("bob")).send().refused(503, "busy");
        });
    }

    fn what_a_rule_lets_in_by_a_cookie_is_private(t) {
        t = site();
        let rules = |_: At<'_>| RouteRules::private_by_default();
        behind(&t, rules, |t, at| {
            let seen = cookie(t.get(&at("/assets/style.css")), &t.access("bob")).send();
            seen.is(200).has("cache-control", "private, max-age=60").has("vary", "Cookie");
            let seen = t.get(&at("/assets/style.css")).bearer(t.access("bob")).send();
            seen.is(200).has("cache-control", super::PUBLIC);
        });
    }

    fn an_inactive_user_is_refused_unless_a_rule_says_so(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default().require(at("/me"), Requirement::user().danger_allow_inactive())
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/me")).bearer(t.access("carol")).send().is(200).says("Hello carol");
            t.get(&at("/token")).bearer(t.access("carol")).send().refused(401, "invalid_token");
        });
    }

    fn the_user_of_another_provider_is_refused(t) {
        behind_private(&t, |t, at| {
            let token = crate::at_once(t.app.other.issue(Purpose::Access, "alice")).unwrap();
            t.get(&at("/me")).bearer(token.expose()).send().refused(401, "invalid_token");
            t.get(&at("/open")).bearer(token.expose()).send().is(200);
        });
    }

    /// F-06
    fn a_websocket_is_behind_the_rules(t) {
        behind_private(&t, |t, at| {
            let upgrade = |path: &str| {
                t.get(&at(path)).header("connection", "upgrade").header("upgrade", "websocket").header("sec-websocket-version", "13")
            };
            upgrade("/me").send().refused(401, "missing_credential");
            upgrade("/me").bearer(t.access("bob")).send().is(200);
            upgrade("/open").send().is(200);
        });
    }

    fn a_websocket_of_http2_is_as_a_get(t) {
        if !H::HAS_EXTENDED_CONNECT {
            return;
        }
        let rules = |at: At<'_>| RouteRules::private_by_default().public(prefix(at("/raw/open")).methods(["GET"]));
        behind(&t, rules, |t, at| {
            let connect = |path: &str| t.request("CONNECT", &at(path)).protocol("websocket");
            connect("/raw/x").send().refused(401, "missing_credential");
            // One framework omits the body, as for a tunnel.
            connect("/raw/open").send_to_framework().is(200);
            t.request("CONNECT", &at("/raw/open")).protocol("connect-udp").send().refused(405, "method_not_allowed");
        });
    }

    /// F-08
    fn a_forged_extension_opens_nothing(t) {
        behind_private(&t, |t, at| {
            t.get(&at("/me")).header("x-original-url", at("/open")).header("x-rewrite-url", at("/open")).send().refused(401, "missing_credential");
        });
    }

    fn rules_of_a_file_are_those_of_code(t) {
        let rules = |at: At<'_>| {
            let text = serde_json::json!({
                "default": "private",
                "rules": [
                    { "path": at("/open"), "access": "public" },
                    { "path": at("/admin"), "require": { "roles": ["admin"] } },
                    { "path": at("/admin/reports"), "require": { "any_role": ["admin", "user"] } },
                    { "exact": at("/admin/help"), "replace": {} },
                ],
            });
            RouteRules::from_json(&text.to_string()).unwrap()
        };
        behind(&t, rules, |t, at| {
            t.get(&at("/open")).send().is(200);
            t.get(&at("/me")).send().refused(401, "missing_credential");
            t.get(&at("/admin/users")).bearer(t.access("bob")).send().refused(403, "missing_role");
            t.get(&at("/admin/reports")).bearer(t.access("bob")).send().is(200);
            t.get(&at("/admin/help")).bearer(t.access("bob")).send().is(200);
        });
    }
}
