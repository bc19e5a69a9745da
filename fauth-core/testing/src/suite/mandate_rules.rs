//! Overrides and exclusions by prefix, as path rules: the example of Caracal's documentation, and
//! what is different about it.
//!
//! Each case runs twice: with the rules around the whole application, and around a part of it that
//! is mounted under a prefix. Rules match whole paths in both.

use fauth_core::{
    Requirement, RouteRules,
    rules::{RouteRulesBuilder, exact, prefix},
    token::MandateUse,
};
use serde_json::json;

use super::{
    Harness, Placement, Probe, Ruled, cases,
    mandates::{Acting, Denial, INVALID, MISSING, NO_DELEGATION, NO_SESSION, REVOKED, TOO_DEEP, service},
};
use crate::{Fault, MandateIssuer};

/// Returns the whole path of a route of the application.
type At<'a> = &'a dyn Fn(&str) -> String;

const TARGET: &str = MandateIssuer::TARGET;

fn user() -> Requirement {
    Requirement::user()
}

/// Runs `check` with the rules around the application of a service, and around a part of it.
fn behind<H: Harness>(
    t: &Probe<H>,
    rules: impl Fn(At<'_>) -> RouteRulesBuilder,
    check: impl Fn(&Acting<H>, &Probe<H>, At<'_>),
) {
    for placement in [Placement::Around, Placement::Inside] {
        let at = |path: &str| format!("{}{path}", placement.prefix());
        let s = service(t);
        let rules = rules(&at).build().unwrap();
        check(&s, &s.app.with_rules(Ruled { rules, placement }), &at);
    }
}

/// Reading everywhere, a delegation for payouts, and a page for operators.
fn documented(at: At<'_>) -> RouteRulesBuilder {
    RouteRules::private_by_default()
        .require(prefix(at("/raw")), user().scopes(["billing:read"]))
        .require(prefix(at("/raw/payouts")), user().scopes(["billing:payout"]).delegation())
        .public(prefix(at("/raw/healthz")))
}

fn reading<H: Harness>(s: &Acting<H>) -> String {
    s.mandate("alice").claim("scope", "billing:read").sign()
}

fn paying<H: Harness>(s: &Acting<H>) -> String {
    s.delegated("alice").claim("scope", "billing:payout").sign()
}

cases! { $ __mandate_rules_tests in mandate_rules;
    /// 6.10
    fn the_example_of_the_documentation(t) {
        behind(&t, documented, |s, t, at| {
            t.get(&at("/raw/invoices")).bearer(reading(s)).send().is(200).says("raw");
            t.post(&at("/raw/payouts/create")).bearer(paying(s)).send().is(200).says("raw");
            t.get(&at("/raw/healthz")).send().is(200).says("raw");
            Denial::scopes(&["billing:payout"]).is_of(&t.post(&at("/raw/payouts/create")).bearer(reading(s)).send());
            s.revoke(&["sid_1"]);
            REVOKED.is_of(&t.post(&at("/raw/payouts/create")).bearer(paying(s)).send());
            REVOKED.is_of(&t.get(&at("/raw/invoices")).bearer(reading(s)).send());
            t.get(&at("/raw/healthz")).send().is(200);
        });
    }

    /// Segment by segment: a longer path is another path.
    fn a_rule_is_about_its_path_and_what_is_below(t) {
        behind(&t, documented, |s, t, at| {
            for path in ["/raw/payouts", "/raw/payouts/", "/raw/payouts/x", "/raw/payouts/x/y"] {
                t.get(&at(path)).bearer(paying(s)).send().is(200);
                Denial::scopes(&["billing:payout"]).is_of(&t.get(&at(path)).bearer(reading(s)).send());
                MISSING.is_of(&t.get(&at(path)).send());
            }
            for path in ["/raw/payoutsX", "/raw/payouts-x", "/raw/payouts.json", "/raw/payout", "/raw/x/payouts"] {
                t.get(&at(path)).bearer(reading(s)).send().is(200);
                Denial::scopes(&["billing:read"]).is_of(&t.get(&at(path)).bearer(paying(s)).send());
            }
        });
    }

    fn upper_and_lower_case_are_different(t) {
        behind(&t, documented, |s, t, at| {
            t.get(&at("/raw/Payouts")).bearer(reading(s)).send().is(200);
            Denial::scopes(&["billing:payout"]).is_of(&t.get(&at("/raw/payouts")).bearer(reading(s)).send());
            MISSING.is_of(&t.get(&at("/raw/Healthz")).send());
        });
    }

    /// A percent-encoded letter is that letter.
    fn an_encoded_path_is_the_path(t) {
        behind(&t, documented, |s, t, at| {
            for path in ["/raw/%70ayouts/create", "/raw/pay%6Futs", "/raw/payout%73/create"] {
                let seen = t.get(&at(path)).bearer(paying(s)).send();
                assert!(matches!(seen.response.status, 200 | 403), "{:?}", seen.response);
                assert_eq!(t.get(&at(path)).bearer(reading(s)).send().response.status, 403);
                MISSING.is_of(&t.get(&at(path)).send());
            }
            t.get(&at("/raw/payouts/create")).bearer(paying(s)).send().is(200);
        });
    }

    /// M-14: never the rule of another path.
    fn a_path_that_can_be_misread_is_refused(t) {
        behind(&t, documented, |s, t, at| {
            for path in [
                "/raw//payouts/x", "//raw/payouts/x", "/raw/payouts//x", "/raw/./payouts", "/raw/x/../payouts", "/raw/healthz/../payouts/x",
                "/raw/healthz/%2e%2e/payouts", "/raw/payouts%2Fcreate", "/raw/healthz%2f..%2fpayouts", "/raw/healthz%5c..%5cpayouts",
                "/raw/%2570ayouts", "/raw/healthz;x/payouts", "/raw/payouts%00",
            ] {
                for token in [reading(s), paying(s), String::new()] {
                    let sending = t.get(&at(path));
                    let seen = if token.is_empty() { sending.send() } else { sending.bearer(token).send() };
                    seen.is(400).has("content-type", "application/json").lacks("www-authenticate");
                    assert_eq!(seen.response.json()["error"], "ambiguous_path", "{path}");
                }
            }
            t.get(&at("/raw/payouts/x")).bearer(paying(s)).send().is(200);
        });
    }

    /// What the override does not name is kept.
    fn an_override_replaces_the_fields_that_it_names(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/raw"), user().scopes(["billing:read"]).targets([TARGET]).max_hops(1).agent_session())
                .require(at("/raw/scope"), user().scopes(["billing:payout"]))
                .require(at("/raw/target"), user().targets(["https://other.example"]))
                .require(at("/raw/hops"), user().max_hops(2))
                .require(at("/raw/delegation"), user().delegation())
                .require(at("/raw/chain"), user().chain_contains(["app_root"]))
                .require(at("/raw/use"), user().mandate_use(MandateUse::Session))
        };
        behind(&t, rules, |s, t, at| {
            let good = s.delegated("alice").claim("scope", "billing:read");
            let get = |path: &str, token: &crate::ForeignToken| t.get(&at(path)).bearer(token.sign()).send();
            for path in ["/raw/x", "/raw/hops", "/raw/delegation", "/raw/chain"] {
                get(path, &good).is(200);
                NO_SESSION.is_of(&get(path, &good.clone().without_claim("agent_session_id")));
                Denial::target(TARGET).is_of(&get(path, &good.clone().without_claim("target")));
                Denial::scopes(&["billing:read"]).is_of(&get(path, &good.clone().claim("scope", "billing:payout")));
            }
            // Another scope instead of this one.
            get("/raw/scope", &good.clone().claim("scope", "billing:payout")).is(200);
            Denial::scopes(&["billing:payout"]).is_of(&get("/raw/scope", &good));
            Denial::target(TARGET).is_of(&get("/raw/scope", &good.clone().claim("scope", "billing:payout").without_claim("target")));
            get("/raw/target", &good.clone().claim("target", json!(["https://other.example"]))).is(200);
            Denial::target("https://other.example").is_of(&get("/raw/target", &good));
            let deep = good.clone().claim("delegation_chain", json!([{ "application_id": "app_root" }, { "application_id": "b" }, { "application_id": "c" }])).claim("hop_count", 2);
            get("/raw/hops", &deep).is(200);
            TOO_DEEP.is_of(&get("/raw/x", &deep));
            TOO_DEEP.is_of(&get("/raw/delegation", &deep));
            NO_DELEGATION.is_of(&get("/raw/delegation", &good.clone().without_claim("delegation_edge_id")));
            get("/raw/x", &good.clone().without_claim("delegation_edge_id")).is(200);
            let other = good.clone().claim("delegation_chain", json!([{ "application_id": "a" }, { "application_id": "b" }]));
            Denial::chain("app_root").is_of(&get("/raw/chain", &other));
            get("/raw/x", &other).is(200);
            get("/raw/use", &good.clone().claim("use", "session")).is(200);
            INVALID.is_of(&get("/raw/use", &good));
            INVALID.is_of(&get("/raw/x", &good.clone().claim("use", "session")));
        });
    }

    /// Like an override in Caracal.
    fn replace_takes_nothing_over(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/raw"), user().scopes(["billing:read"]).delegation())
                .replace(at("/raw/payouts"), user().scopes(["billing:payout"]))
        };
        behind(&t, rules, |s, t, at| {
            let direct = s.mandate("alice").claim("scope", "billing:payout").sign();
            t.get(&at("/raw/payouts")).bearer(&direct).send().is(200);
            Denial::scopes(&["billing:payout"]).is_of(&t.get(&at("/raw/payouts")).bearer(reading(s)).send());
            NO_DELEGATION.is_of(&t.get(&at("/raw/x")).bearer(reading(s)).send());
            TOO_DEEP.is_of(&t.get(&at("/raw/payouts")).bearer(s.mandate("alice").claim("hop_count", 11).sign()).send());
        });
    }

    /// M-13: by segments, not by the length of the text.
    fn the_longest_prefix_decides_whatever_the_order(t) {
        let forward = |at: At<'_>| {
            RouteRules::private_by_default()
                .replace(at("/raw/a/b"), user().scopes(["b"]))
                .replace(at("/raw"), user().scopes(["raw"]))
                .replace(at("/raw/a"), user().scopes(["a"]))
        };
        let reverse = |at: At<'_>| {
            RouteRules::private_by_default()
                .replace(at("/raw/a"), user().scopes(["a"]))
                .replace(at("/raw"), user().scopes(["raw"]))
                .replace(at("/raw/a/b"), user().scopes(["b"]))
        };
        for rules in [&forward as &dyn Fn(At<'_>) -> RouteRulesBuilder, &reverse] {
            behind(&t, rules, |s, t, at| {
                for (path, scope) in [("/raw/a/b/c", "b"), ("/raw/a/b", "b"), ("/raw/a/bc", "a"), ("/raw/a", "a"), ("/raw/ab", "raw")] {
                    t.get(&at(path)).bearer(s.mandate("alice").claim("scope", scope).sign()).send().is(200);
                    Denial::scopes(&[scope]).is_of(&t.get(&at(path)).bearer(s.mandate("alice").claim("scope", "other").sign()).send());
                }
            });
        }
        assert!(RouteRules::private_by_default().require("/a////", user()).build().is_err());
    }

    /// An exclusion requires nothing.
    fn what_is_excluded_asks_nobody(t) {
        behind(&t, documented, |s, t, at| {
            s.anchors.fault(Fault::Fails);
            s.anchors.calls();
            for path in ["/raw/healthz", "/raw/healthz/", "/raw/healthz/live"] {
                t.get(&at(path)).send().is(200).says("raw");
                t.get(&at(path)).bearer("x").send().is(200).says("raw");
                assert_eq!(t.get(&at(path)).bearer(s.mandate("alice").forge()).send().is(200).user_loads, 0);
            }
            assert!(s.anchors.calls().is_empty());
            for path in ["/raw/healthzX", "/raw/health", "/raw", "/raw/x/healthz"] {
                MISSING.is_of(&t.get(&at(path)).send());
            }
        });
    }

    /// M-04: an exclusion of everything must be explicit.
    fn an_empty_exclusion_is_an_error(t) {
        for empty in ["", " ", "healthz", "*"] {
            assert!(RouteRules::private_by_default().public(empty).build().is_err(), "{empty:?}");
        }
        let rules = |at: At<'_>| RouteRules::private_by_default().public(exact(at("/raw/healthz")));
        behind(&t, rules, |s, t, at| {
            t.get(&at("/raw/healthz")).send().is(200);
            MISSING.is_of(&t.get(&at("/raw/healthz/live")).send());
            t.get(&at("/raw/healthz/live")).bearer(s.mandate("alice").sign()).send().is(200);
        });
    }

    fn a_path_without_a_rule_is_for_every_mandate(t) {
        behind(&t, documented, |s, t, at| {
            t.get(&at("/me")).bearer(s.mandate("alice").sign()).send().is(200).says("Hello alice");
            MISSING.is_of(&t.get(&at("/me")).send());
            MISSING.is_of(&t.get(&at("/nothing/here")).send());
            INVALID.is_of(&t.get(&at("/nothing/here")).bearer(s.mandate("alice").claim("use", "session").sign()).send());
        });
    }

    fn a_rule_for_some_methods(t) {
        let rules = |at: At<'_>| {
            RouteRules::private_by_default()
                .require(at("/open"), user().scopes(["billing:read"]))
                .require(prefix(at("/open")).methods(["POST"]), user().scopes(["billing:payout"]).delegation())
        };
        behind(&t, rules, |s, t, at| {
            t.get(&at("/open")).bearer(reading(s)).send().is(200);
            t.post(&at("/open")).bearer(paying(s)).send().is(200);
            Denial::scopes(&["billing:payout"]).is_of(&t.post(&at("/open")).bearer(reading(s)).send());
            Denial::scopes(&["billing:read"]).is_of(&t.get(&at("/open")).bearer(paying(s)).send());
            NO_DELEGATION.is_of(&t.post(&at("/open")).bearer(s.mandate("alice").sign()).send());
        });
    }

    /// P-04: a mandate is checked once.
    fn extractors_behind_a_rule_see_its_grant(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().require(at("/me"), user().delegation()).require(at("/maybe"), user().delegation());
        behind(&t, rules, |s, t, at| {
            for path in ["/me", "/maybe"] {
                s.anchors.calls();
                let seen = t.get(&at(path)).bearer(s.delegated("alice").sign()).once();
                assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
                assert_eq!(s.anchors.calls(), ["check_anchors"]);
                NO_DELEGATION.is_of(&t.get(&at(path)).bearer(s.mandate("alice").sign()).send());
            }
            let scopes = "access alice [billing:read billing:payout] -";
            t.get(&at("/token")).bearer(s.mandate("alice").sign()).send().is(200).says(scopes);
        });
    }

    /// F-06
    fn a_websocket_is_behind_the_rules(t) {
        behind(&t, documented, |s, t, at| {
            let upgrade = |path: &str| {
                t.get(&at(path)).header("connection", "upgrade").header("upgrade", "websocket").header("sec-websocket-version", "13")
            };
            MISSING.is_of(&upgrade("/raw/payouts/live").send());
            Denial::scopes(&["billing:payout"]).is_of(&upgrade("/raw/payouts/live").bearer(reading(s)).send());
            NO_DELEGATION.is_of(&upgrade("/raw/payouts/live").bearer(s.mandate("alice").sign()).send());
            upgrade("/raw/payouts/live").bearer(paying(s)).send().is(200);
            upgrade("/raw/healthz").send().is(200);
        });
    }

    /// M-01
    fn rules_of_a_file_are_those_of_code(t) {
        let rules = |at: At<'_>| {
            let text = json!({
                "default": "private",
                "rules": [
                    { "path": at("/raw"), "require": { "scopes": ["billing:read"] } },
                    { "path": at("/raw/payouts"), "require": { "scopes": ["billing:payout"], "delegation": true } },
                    { "path": at("/raw/agent"), "require": { "agent_session": true } },
                    { "path": at("/raw/session"), "require": { "session": true } },
                    { "path": at("/raw/target"), "require": { "targets": [TARGET] } },
                    { "path": at("/raw/chain"), "require": { "chain_contains": ["app_root"] } },
                    { "path": at("/raw/hops"), "require": { "max_hops": 0 } },
                    { "path": at("/raw/use"), "require": { "use": "session" } },
                    { "path": at("/raw/any"), "require": { "use": "any" } },
                    { "path": at("/raw/healthz"), "access": "public" },
                ],
            });
            RouteRules::from_json(&text.to_string()).unwrap()
        };
        behind(&t, rules, |s, t, at| {
            let get = |path: &str, token: String| t.get(&at(path)).bearer(token).send();
            t.get(&at("/raw/healthz")).send().is(200);
            get("/raw/payouts", paying(s)).is(200);
            NO_DELEGATION.is_of(&get("/raw/payouts", s.mandate("alice").sign()));
            for (path, denial) in [
                ("/raw/agent", NO_SESSION), ("/raw/session", NO_SESSION), ("/raw/target", Denial::target(TARGET)),
                ("/raw/chain", Denial::chain("app_root")),
            ] {
                get(path, s.delegated("alice").sign()).is(200);
                denial.is_of(&get(path, s.mandate("alice").sign()));
            }
            get("/raw/hops", s.mandate("alice").sign()).is(200);
            TOO_DEEP.is_of(&get("/raw/hops", s.delegated("alice").sign()));
            let session = || s.mandate("alice").claim("use", "session").sign();
            get("/raw/use", session()).is(200);
            get("/raw/any", session()).is(200);
            get("/raw/any", reading(s)).is(200);
            INVALID.is_of(&get("/raw/use", reading(s)));
            INVALID.is_of(&get("/raw/x", session()));
        });
    }

    /// M-01: a misspelt key opens nothing, and no application starts with it.
    fn an_unknown_key_of_a_file_is_an_error(t) {
        let of = |key: &str, value: serde_json::Value| {
            let text = json!({ "default": "private", "rules": [{ "path": "/x", "require": { key: value } }] });
            RouteRules::from_json(&text.to_string()).and_then(RouteRulesBuilder::build)
        };
        for (key, value) in [
            ("scopes", json!(["a"])), ("delegation", json!(true)), ("agent_session", json!(true)), ("session", json!(true)),
            ("targets", json!(["a"])), ("chain_contains", json!(["a"])), ("max_hops", json!(2)), ("use", json!("resource")),
        ] {
            assert!(of(key, value).is_ok(), "{key}");
        }
        for (key, value) in [
            ("required_scope", json!(["a"])), ("required_scopes", json!(["a"])), ("require_agent", json!(true)), ("require_session", json!(true)),
            ("require_delegation", json!(true)), ("target", json!(["a"])), ("max_hop_count", json!(2)), ("chain", json!(["a"])), ("required_use", json!("any")),
            ("delegation", json!("yes")), ("max_hops", json!(-1)), ("max_hops", json!(1.5)), ("max_hops", json!("2")), ("max_hops", json!(4_294_967_296_u64)),
            ("use", json!("gateway")), ("use", json!(null)), ("targets", json!("a")), ("targets", json!([])), ("chain_contains", json!([""])),
        ] {
            assert!(of(key, value.clone()).is_err(), "{key}: {value}");
        }
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
    }

    fn a_group_behind_a_rule_and_the_rule_both_apply(t) {
        let rules = |at: At<'_>| RouteRules::private_by_default().require(at("/group"), user().delegation()).public(at("/guarded"));
        behind(&t, rules, |s, t, at| {
            t.get(&at("/group/dashboard")).bearer(s.delegated("alice").sign()).send().is(200).says("Hello alice");
            NO_DELEGATION.is_of(&t.get(&at("/group/dashboard")).bearer(s.mandate("alice").sign()).send());
            NO_DELEGATION.is_of(&t.get(&at("/group/nothing")).bearer(s.mandate("alice").sign()).send());
            // A rule does not open what a guard closes.
            MISSING.is_of(&t.get(&at("/guarded")).send());
            t.get(&at("/guarded")).bearer(s.mandate("alice").sign()).send().is(200);
            t.get(&at("/guarded")).bearer(s.mandate("bob").sign()).send().is(403);
        });
    }
}
