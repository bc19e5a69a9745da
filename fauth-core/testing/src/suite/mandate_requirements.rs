//! What a route may require of a mandate: scopes, targets, use, session, delegation, chain and
//! hops; and which error comes first.

use fauth_core::{Requirement, RouteRules, token::MandateUse};
use serde_json::{Value, json};

use super::{
    Harness, cases,
    mandates::{
        Acting, Denial, INVALID, MISSING, NO_DELEGATION, NO_SESSION, REVOKED, STALE, TOO_DEEP, WRONG_ZONE,
        service,
    },
};
use crate::{ForeignToken, MandateIssuer};

const TARGET: &str = MandateIssuer::TARGET;
const ROOT: &str = MandateIssuer::ROOT_CLIENT;

fn user() -> Requirement {
    Requirement::user()
}

/// A delegation over these applications.
fn over<H: Harness>(s: &Acting<H>, applications: &[&str]) -> ForeignToken {
    let chain: Value = applications.iter().map(|id| json!({ "application_id": id })).collect();
    s.delegated("alice").claim("delegation_chain", chain).claim("hop_count", applications.len() - 1)
}

/// As many hops, without a chain that names them.
fn hops<H: Harness>(s: &Acting<H>, count: u64) -> String {
    s.mandate("alice").claim("hop_count", count).sign()
}

/// Makes a mandate insufficient.
type Change = fn(ForeignToken) -> ForeignToken;

/// All possible requirements.
fn everything() -> Requirement {
    user()
        .scopes(["billing:read", "billing:payout"])
        .agent_session()
        .delegation()
        .chain_contains([ROOT])
        .max_hops(1)
        .targets([TARGET])
}

cases! { $ __mandate_requirements_tests in mandate_requirements;
    fn a_mandate_that_has_everything_passes(t) {
        let s = service(&t);
        s.passes(&everything(), s.delegated("alice").sign());
        s.denies(&everything(), s.mandate("alice").sign(), &NO_SESSION);
    }

    fn every_scope_is_needed(t) {
        let s = service(&t);
        let both = user().scopes(["billing:read", "billing:payout"]);
        let with = |scopes: &str| s.mandate("alice").claim("scope", scopes).sign();
        s.passes(&both, with("billing:read billing:payout"));
        s.passes(&both, with("billing:payout other billing:read"));
        s.denies(&both, with("billing:read"), &Denial::scopes(&["billing:payout"]));
        s.denies(&both, with("billing:payout"), &Denial::scopes(&["billing:read"]));
        s.denies(&both, with("other"), &Denial::scopes(&["billing:read", "billing:payout"]));
    }

    /// The scope guards are the same as for every token.
    fn scopes_are_those_of_every_guard(t) {
        let s = service(&t);
        let with = |scopes: &str| s.mandate("alice").claim("scope", scopes).sign();
        for path in ["/guards/scopes", "/all-scopes/panel"] {
            s.app.get(path).bearer(with("write read")).send().is(200).says("Hello alice");
            Denial::scopes(&["write"]).is_of(&s.app.get(path).bearer(with("read")).send());
            MISSING.is_of(&s.app.get(path).send());
        }
        for path in ["/guards/scope", "/scoped/panel", "/scoped-admins/panel"] {
            s.app.get(path).bearer(with("read")).send().is(200);
            Denial::scopes(&["read"]).is_of(&s.app.get(path).bearer(with("Read")).send());
        }
    }

    /// M-07
    fn every_target_is_needed(t) {
        let s = service(&t);
        let with = |targets: Value| s.mandate("alice").claim("target", targets).sign();
        let both = user().targets([TARGET, "https://api.example.com/y"]);
        s.passes(&both, with(json!(["https://api.example.com/y", "z", TARGET])));
        s.denies(&both, with(json!([TARGET])), &Denial::target("https://api.example.com/y"));
        s.denies(&both, with(json!(["https://api.example.com/y"])), &Denial::target(TARGET));
        s.denies(&both, with(json!([])), &Denial::target(TARGET));
        s.denies(&both, s.mandate("alice").sign(), &Denial::target(TARGET));
    }

    /// As a whole, character for character: no prefix, no pattern.
    fn a_target_is_exact(t) {
        let s = service(&t);
        let wanted = user().targets([TARGET]);
        s.passes(&wanted, s.delegated("alice").sign());
        for other in ["https://api.example.com/", "https://api.example.com/x/", "https://api.example.com/x/y", "HTTPS://API.EXAMPLE.COM/X", "*", "https://*"] {
            s.denies(&wanted, s.delegated("alice").claim("target", json!([other])).sign(), &Denial::target(TARGET));
        }
    }

    fn a_mandate_of_an_agent_session(t) {
        let s = service(&t);
        let agent = || s.mandate("alice").claim("agent_session_id", "ags_1").sign();
        // The names of version 0.1 and 1.0 are the same condition.
        for wanted in [user().agent_session(), user().session()] {
            s.passes(&wanted, agent());
            s.passes(&wanted, s.delegated("alice").sign());
            s.denies(&wanted, s.mandate("alice").sign(), &NO_SESSION);
            s.denies(&wanted, s.delegated("alice").without_claim("agent_session_id").sign(), &NO_SESSION);
            s.denies(&wanted, s.delegated("alice").claim("agent_session_id", json!(null)).sign(), &NO_SESSION);
        }
    }

    /// `sid` is the authority record, not an agent session.
    fn no_other_session_is_one_of_an_agent(t) {
        let s = service(&t);
        let other = s.mandate("alice").claim("session_id", "ags_1").claim("source_session_id", "a").claim("target_session_id", "b");
        s.opens(other.sign());
        s.denies(&user().agent_session(), other.sign(), &NO_SESSION);
    }

    fn a_mandate_with_a_delegation(t) {
        let s = service(&t);
        let wanted = user().delegation();
        s.passes(&wanted, s.delegated("alice").sign());
        s.denies(&wanted, s.mandate("alice").sign(), &NO_DELEGATION);
        s.denies(&wanted, s.delegated("alice").without_claim("delegation_edge_id").sign(), &NO_DELEGATION);
        s.denies(&wanted, s.delegated("alice").claim("delegation_edge_id", json!(null)).sign(), &NO_DELEGATION);
        s.denies(&wanted, s.mandate("alice").claim("delegation_id", "edge_1").sign(), &NO_DELEGATION);
    }

    /// M-10: whether the delegation has changed since could not be determined.
    fn a_delegation_without_an_epoch_is_none(t) {
        let s = service(&t);
        let without = || s.delegated("alice").without_claim("delegation_graph_epoch").sign();
        s.passes(&user().delegation(), s.delegated("alice").claim("delegation_graph_epoch", 0).sign());
        s.denies(&user().delegation(), without(), &NO_DELEGATION);
        s.denies(&user().delegation(), s.delegated("alice").claim("delegation_graph_epoch", json!(null)).sign(), &NO_DELEGATION);
        s.opens(without());
    }

    fn every_application_must_be_in_the_chain(t) {
        let s = service(&t);
        let wanted = user().chain_contains([ROOT, "app_2"]);
        s.passes(&wanted, over(&s, &[ROOT, "app_2", "app_1"]).sign());
        s.passes(&wanted, over(&s, &["app_2", ROOT]).sign());
        s.denies(&wanted, over(&s, &[ROOT, "app_1"]).sign(), &Denial::chain("app_2"));
        s.denies(&wanted, over(&s, &["app_2", "app_1"]).sign(), &Denial::chain(ROOT));
        s.denies(&wanted, over(&s, &["APP_ROOT", "app_22", "app_"]).sign(), &Denial::chain(ROOT));
        s.denies(&wanted, s.mandate("alice").sign(), &Denial::chain(ROOT));
    }

    /// `client_id` names the holder of the mandate, not its path.
    fn who_holds_it_is_not_in_the_chain_by_that(t) {
        let s = service(&t);
        let holder = user().chain_contains([MandateIssuer::CLIENT]);
        s.passes(&holder, s.delegated("alice").sign());
        s.denies(&holder, s.mandate("alice").sign(), &Denial::chain(MandateIssuer::CLIENT));
        s.denies(&holder, over(&s, &[ROOT, "app_2"]).sign(), &Denial::chain(MandateIssuer::CLIENT));
        s.denies(&user().chain_contains(["ags_0"]), s.delegated("alice").sign(), &Denial::chain("ags_0"));
    }

    fn hops_are_limited_as_a_route_says(t) {
        let s = service(&t);
        for (most, count) in [(1, 1), (2, 2), (2, 0), (10, 10), (11, 11), (20, 20)] {
            s.passes(&user().max_hops(most), hops(&s, count));
        }
        for (most, count) in [(1, 2), (2, 3), (9, 10), (10, 11), (20, 21)] {
            s.denies(&user().max_hops(most), hops(&s, count), &TOO_DEEP);
        }
        s.passes(&user().max_hops(2), over(&s, &[ROOT, "app_2", "app_1"]).sign());
        s.denies(&user().max_hops(1), over(&s, &[ROOT, "app_2", "app_1"]).sign(), &TOO_DEEP);
    }

    /// M-05: no hop at all.
    fn a_limit_of_no_hops_allows_none(t) {
        let s = service(&t);
        let none = user().max_hops(0);
        s.passes(&none, s.mandate("alice").sign());
        s.passes(&none, hops(&s, 0));
        s.denies(&none, hops(&s, 1), &TOO_DEEP);
        s.denies(&none, s.delegated("alice").sign(), &TOO_DEEP);
    }

    fn the_use_is_the_one_that_a_route_asks_for(t) {
        let s = service(&t);
        let of = |kind: &str| s.mandate("alice").claim("use", kind).sign();
        let session = user().mandate_use(MandateUse::Session);
        s.passes(&session, of("session"));
        s.denies(&session, of("resource"), &INVALID);
        for resource in [user(), user().mandate_use(MandateUse::Resource)] {
            s.passes(&resource, of("resource"));
            s.denies(&resource, of("session"), &INVALID);
        }
        for kind in ["resource", "session"] {
            s.passes(&user().any_use(), of(kind));
        }
        s.denies(&user().any_use(), of("gateway"), &INVALID);
    }

    fn any_use_is_still_bound_by_the_rest(t) {
        let s = service(&t);
        let wanted = user().any_use().scopes(["billing:payout"]).max_hops(1);
        let of = |scope: &str| s.mandate("alice").claim("use", "session").claim("scope", scope);
        s.passes(&wanted, of("billing:payout").sign());
        s.denies(&wanted, of("billing:read").sign(), &Denial::scopes(&["billing:payout"]));
        s.denies(&wanted, of("billing:payout").claim("hop_count", 2).sign(), &TOO_DEEP);
    }

    /// A route that requires a delegation refuses tokens that cannot have one.
    fn a_token_that_is_no_mandate_meets_none_of_this(t) {
        for wanted in [
            user().targets([TARGET]), user().agent_session(), user().session(), user().delegation(), user().chain_contains([ROOT]),
            user().max_hops(10), user().any_use(), user().mandate_use(MandateUse::Resource),
        ] {
            let rules = RouteRules::private_by_default().require("/me", wanted).build().unwrap();
            let behind = t.with_rules(super::Ruled { rules, placement: super::Placement::Around });
            let seen = behind.get("/me").bearer(t.access("alice")).send();
            assert!(matches!(seen.response.status, 401 | 403), "{:?}", seen.response);
            behind.get("/token").bearer(t.access("alice")).send().is(200);
        }
    }

    /// Roles and permissions are those of the loaded user.
    fn a_user_needs_rights_beside_the_mandate(t) {
        let s = service(&t);
        let wanted = user().role("admin").delegation();
        s.passes(&wanted, s.delegated("alice").sign());
        s.denies(&wanted, s.mandate("alice").sign(), &NO_DELEGATION);
        let rules = || RouteRules::private_by_default().require("/me", wanted.clone());
        let seen = s.behind(rules()).get("/me").bearer(s.delegated("bob").sign()).send();
        assert_eq!(seen.is(403).response.json()["error"], "missing_role");
        t.users.change("alice", |alice| alice.roles.clear());
        s.behind(rules()).get("/me").bearer(s.delegated("alice").sign()).send().is(403);
    }

    fn one_of_several_alternatives_is_enough(t) {
        let s = service(&t);
        let either = Requirement::any_of([user().scopes(["billing:admin"]), user().delegation().targets([TARGET])]);
        s.passes(&either, s.delegated("alice").sign());
        s.passes(&either, s.mandate("alice").claim("scope", "billing:admin").sign());
        for neither in [s.mandate("alice"), s.delegated("alice").claim("target", json!(["other"]))] {
            let rules = RouteRules::private_by_default().require("/me", either.clone());
            s.behind(rules).get("/me").bearer(neither.sign()).send().is(403);
        }
    }

    fn a_requirement_that_is_impossible_opens_nothing(t) {
        let s = service(&t);
        for impossible in [
            user().targets::<[&str; 0]>([]), user().targets([""]), user().chain_contains::<[&str; 0]>([]), user().chain_contains([""]),
        ] {
            assert!(impossible.validate().is_err(), "{impossible:?}");
            assert!(RouteRules::private_by_default().require("/me", impossible).build().is_err());
        }
        for possible in [everything(), user().max_hops(0), user().any_use()] {
            assert!(possible.validate().is_ok(), "{possible:?}");
        }
        s.opens(s.mandate("alice").sign());
    }

    /// 6.5: of several faults, the first in this order is reported.
    fn the_first_fault_is_the_answer(t) {
        let s = service(&t);
        s.revoke(&["root_revoked"]);
        s.raise_epoch(MandateIssuer::EPOCH);
        let faults: [(Denial, Change); 12] = [
            (INVALID, |token| token.claim("exp", 1)),
            (WRONG_ZONE, |token| token.claim("zone_id", "zone_test")),
            (INVALID, |token| token.claim("use", "session")),
            (Denial::scopes(&["billing:payout"]), |token| token.claim("scope", "billing:read")),
            (NO_SESSION, |token| token.without_claim("agent_session_id")),
            (NO_DELEGATION, |token| token.without_claim("delegation_edge_id")),
            (Denial::chain(ROOT), |token| token.claim("delegation_chain", json!([{ "application_id": "a" }, { "application_id": "b" }, { "application_id": "c" }])).claim("hop_count", 2)),
            (TOO_DEEP, |token| token.claim("delegation_chain", json!([{ "application_id": "a" }, { "application_id": ROOT }, { "application_id": "c" }])).claim("hop_count", 2)),
            (Denial::target(TARGET), |token| token.without_claim("target")),
            (REVOKED, |token| token.claim("root_sid", "root_revoked")),
            (STALE, |token| token.claim("delegation_graph_epoch", MandateIssuer::EPOCH - 1)),
            (INVALID, |token| token.claim("sub", "nobody")),
        ];
        s.passes(&everything(), s.delegated("alice").sign());
        for first in 0..faults.len() {
            // The last faults first: an earlier one of the same claim replaces it.
            let token = faults[first..].iter().rev().fold(s.delegated("alice"), |token, (_, fault)| fault(token));
            s.denies(&everything(), token.sign(), &faults[first].0);
            s.denies(&everything(), token.forge(), &INVALID);
        }
    }

    /// The order is that of the conditions, not that in which a route names them.
    fn the_order_of_the_answers_is_not_that_of_the_route(t) {
        let s = service(&t);
        let reverse = user().targets([TARGET]).max_hops(1).chain_contains([ROOT]).delegation().agent_session().scopes(["billing:payout"]);
        let bare = s.mandate("alice").claim("scope", "billing:read").claim("hop_count", 2);
        s.denies(&reverse, bare.sign(), &Denial::scopes(&["billing:payout"]));
        let bare = s.mandate("alice").claim("hop_count", 2);
        s.denies(&reverse, bare.sign(), &NO_SESSION);
        let bare = bare.claim("agent_session_id", "ags_1");
        s.denies(&reverse, bare.sign(), &NO_DELEGATION);
        let bare = bare.claim("delegation_edge_id", "edge_1").claim("delegation_graph_epoch", 1);
        s.denies(&reverse, bare.sign(), &Denial::chain(ROOT));
        s.passes(&reverse, s.delegated("alice").sign());
    }

    /// The stricter of the two decides, and the mandate is checked once.
    fn a_guard_behind_a_rule_and_the_rule_both_apply(t) {
        let s = service(&t);
        let rules = || RouteRules::private_by_default().require("/guarded", user().delegation());
        let app = s.behind(rules());
        s.anchors.calls();
        let seen = app.get("/guarded").bearer(s.delegated("alice").sign()).once();
        assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
        assert_eq!(s.anchors.calls(), ["check_anchors"]);
        NO_DELEGATION.is_of(&app.get("/guarded").bearer(s.mandate("alice").sign()).send());
        let seen = app.get("/guarded").bearer(s.delegated("bob").sign()).send();
        assert_eq!(seen.is(403).response.json()["error"], "missing_role");
        MISSING.is_of(&app.get("/guarded").send());
    }

    fn two_guards_look_at_one_mandate_once(t) {
        let s = service(&t);
        let seen = s.app.get("/guards/twice").bearer(s.mandate("alice").sign()).once();
        assert_eq!(seen.is(200).says("Hello alice").user_loads, 1);
        assert_eq!(s.anchors.calls(), ["check_anchors"]);
        s.app.get("/guards/twice").bearer(s.mandate("bob").sign()).send().is(403);
        INVALID.is_of(&s.app.get("/guards/twice").bearer(s.mandate("alice").forge()).send());
    }

    /// Callers do not learn which routes exist.
    fn a_group_is_closed_as_a_whole(t) {
        let s = service(&t);
        for path in ["/group/dashboard", "/group/nested/leaf", "/group/merged", "/group/mounted/x", "/group/late", "/group/none"] {
            MISSING.is_of(&s.app.get(path).send());
            INVALID.is_of(&s.app.get(path).bearer(s.mandate("alice").claim("aud", "other").sign()).send());
            let seen = s.app.get(path).bearer(s.mandate("alice").sign()).send_to_framework();
            seen.is(if path == "/group/none" { 404 } else { 200 });
        }
        TOO_DEEP.is_of(&s.app.get("/group/none").bearer(hops(&s, 11)).send());
    }

    /// Refused before the upgrade, so that a script can read the status.
    fn a_websocket_without_authority_is_not_upgraded(t) {
        let s = service(&t);
        let upgrade = |path: &str| {
            s.app.get(path).header("connection", "Upgrade").header("upgrade", "websocket")
                .header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        };
        MISSING.is_of(&upgrade("/group/dashboard").send());
        INVALID.is_of(&upgrade("/group/dashboard").bearer(s.mandate("alice").forge()).send());
        Denial::scopes(&["read"]).is_of(&upgrade("/scoped/panel").bearer(s.mandate("alice").sign()).send());
        TOO_DEEP.is_of(&upgrade("/group/dashboard").bearer(hops(&s, 11)).send());
        upgrade("/group/dashboard").bearer(s.mandate("alice").sign()).send().is(200);
        s.revoke(&["sid_1"]);
        REVOKED.is_of(&upgrade("/group/dashboard").bearer(s.mandate("alice").sign()).send());
    }

    /// What one provider accepts is nothing to another in the same application.
    fn another_provider_in_the_same_application(t) {
        let s = service(&t);
        let own = crate::at_once(s.app.app.other.issue(fauth_core::Purpose::Access, "alice")).unwrap();
        s.app.get("/foreign/panel").bearer(own.expose()).send().is(200).says("Hello alice");
        s.app.get("/foreign/panel").bearer(s.mandate("alice").sign()).send().refused(401, "invalid_token");
        INVALID.is_of(&s.app.get("/group/dashboard").bearer(own.expose()).send());
        s.app.get("/group/dashboard").bearer(s.mandate("alice").sign()).send().is(200).says("Hello alice");
        for path in ["/guards/other-outside", "/guards/other-inside"] {
            s.app.get(path).bearer(s.mandate("alice").sign()).send().is(401);
            s.app.get(path).bearer(own.expose()).send().is(401);
        }
    }
}
