//! The user of a mandate, what a service makes of it, and that other credentials are refused.

use std::{convert::Infallible, sync::Arc, time::Duration};

use fauth_core::{
    MandateAuth, Principal, Requirement, RouteRules, api_key::ApiKeyRequest, event::EventKind,
    store::MemoryAnchorStore,
};
use serde_json::json;

use super::{
    Harness, Probe, cases,
    issuers::block_on,
    mandates::{
        Acting, Denial, INVALID, ISSUER, MISSING, REVOKED, TOO_DEEP, ZONE, service, service_wired,
        unavailable,
    },
};
use crate::{MANDATE_AUDIENCE, MandateIssuer, ManualClock, TestUser, Users, memory_store};

/// A user whose name is made from the principal.
fn described(principal: &Principal) -> TestUser {
    // Both names of a claim are equivalent.
    assert_eq!(principal.agent_session_id(), principal.session_id());
    assert_eq!(principal.delegation_edge_id(), principal.delegation_id());
    assert_eq!(principal.sid(), principal.authority_record_id());
    assert_eq!(principal.root_sid(), principal.root_authority_record_id());
    let chain: Vec<_> = principal.chain().iter().map(fauth_core::token::Hop::application_id).collect();
    let scopes: Vec<_> = principal.scopes().collect();
    let targets: Vec<_> = principal.targets().collect();
    let name = format!(
        "{} {} as {} in {}, {} of {}, {:?} {:?}, {} [{}] [{}], {} hops {}, epoch {:?}, path {:?}",
        principal.subject_type(),
        principal.subject(),
        principal.client_id(),
        principal.zone(),
        principal.sid(),
        principal.root_sid(),
        principal.session_id(),
        principal.delegation_id(),
        principal.mandate_use(),
        scopes.join(" "),
        targets.join(" "),
        principal.hop_count(),
        chain.join(">"),
        principal.delegation_graph_epoch(),
        principal.delegation_path(),
    );
    TestUser { name, ..Users::new().find("alice") }
}

/// A service whose users are made from mandates.
fn describing<H: Harness>(t: &Probe<H>) -> Probe<H> {
    let issuer = MandateIssuer::new(ISSUER, ZONE);
    let load = |principal: Arc<Principal>| async move { Ok::<_, Infallible>(Some(described(&principal))) };
    let builder = MandateAuth::builder()
        .issuer(ISSUER)
        .zone(ZONE)
        .audience(MANDATE_AUDIENCE)
        .keys(issuer.keys())
        .revocations(MemoryAnchorStore::new())
        .user_loader(load);
    t.with_auth(&builder.provider().unwrap().clock(t.clock.clone()).build().unwrap())
}

/// A mandate of `alice` for another use, with too many hops, or of a revoked authority.
fn not_good<H: Harness>(s: &Acting<H>) -> [(String, Denial); 4] {
    s.revoke(&["sid_9"]);
    [
        (s.mandate("alice").forge(), INVALID),
        (s.mandate("alice").claim("use", "session").sign(), INVALID),
        (s.mandate("alice").claim("hop_count", 11).sign(), TOO_DEEP),
        (s.mandate("alice").claim("sid", "sid_9").sign(), REVOKED),
    ]
}

cases! { $ __mandate_users_tests in mandate_users;
    fn a_loader_knows_everything_that_a_mandate_says(t) {
        let issuer = MandateIssuer::new(ISSUER, ZONE);
        let app = describing(&t);
        let now = ManualClock::START;
        let direct = "Hello user user_1 as app_1 in zone_prod, sid_1 of root_1, None None, resource \
            [billing:read billing:payout] [], 0 hops , epoch None, path []";
        app.get("/me").bearer(issuer.mandate("user_1", now).sign()).send().is(200).says(direct);
        let delegated = "Hello application job as app_1 in zone_prod, sid_1 of root_1, Some(\"ags_1\") Some(\"edge_1\"), resource \
            [billing:read] [https://api.example.com/x], 1 hops app_root>app_1, epoch Some(5), path [\"edge_1\"]";
        let token = issuer.delegated("job", now).claim("sub_type", "application").claim("scope", "billing:read");
        for path in ["/me", "/grant", "/guards/user", "/group/dashboard"] {
            app.get(path).bearer(token.sign()).send().is(200).says(delegated);
        }
        INVALID.is_of(&app.get("/me").bearer(token.forge()).send());
    }

    fn a_user_whom_nobody_knows_is_refused(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        s.refuses(s.mandate("nobody").sign(), "unknown_user");
        s.refuses(s.mandate("Alice").sign(), "unknown_user");
        t.users.remove("alice");
        s.refuses(s.mandate("alice").sign(), "unknown_user");
    }

    /// At the next request, whatever the mandate says.
    fn an_inactive_user_is_refused(t) {
        let s = service(&t);
        s.refuses(s.mandate("carol").sign(), "inactive_user");
        s.app.get("/guards/inactive").bearer(s.mandate("carol").sign()).send().is(200).says("Hello carol");
        s.opens(s.mandate("alice").sign());
        t.users.change("alice", |alice| alice.active = false);
        s.refuses(s.mandate("alice").sign(), "inactive_user");
    }

    fn a_loader_that_fails_or_hangs_is_503(t) {
        let s = service_wired(&t, |builder| builder.loader_timeout(Duration::from_millis(20)));
        s.opens(s.mandate("alice").sign());
        t.users.fail();
        s.cannot_tell(s.mandate("alice").sign());
        s.refuses(s.mandate("alice").forge(), "bad_signature");
        Denial::scopes(&["read"]).is_of(&s.app.get("/guards/scope").bearer(s.mandate("alice").sign()).send());
        t.users.delay(Duration::from_secs(60));
        s.cannot_tell(s.mandate("alice").sign());
    }

    fn a_broken_clock_is_503(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        s.opens(&mandate);
        t.clock.break_down();
        unavailable(&s.app.get("/guards/user").bearer(&mandate).send());
    }

    /// Where a user is optional, a mandate is verified as everywhere.
    fn a_visitor_with_a_mandate(t) {
        let s = service(&t);
        for path in ["/visitors/maybe", "/maybe"] {
            s.app.get(path).send().is(200).says("Hello nobody");
            s.app.get(path).bearer(s.mandate("alice").sign()).send().is(200).says("Hello alice");
            for (token, denial) in not_good(&s) {
                denial.is_of(&s.app.get(path).bearer(token).send());
            }
        }
        let seen = s.app.get("/visitors/show").bearer(s.mandate("alice").sign()).send();
        assert!(seen.is(200).response.text().starts_with("true alice"), "{:?}", seen.response);
    }

    /// The bearer of a mandate is not a guest.
    fn a_guest_has_no_mandate(t) {
        let s = service(&t);
        s.app.get("/guests/signin").send().is(200).says("sign in");
        let seen = s.app.get("/guests/signin").bearer(s.mandate("alice").sign()).send();
        assert_eq!(seen.is(403).response.json()["error"], "guests_only");
        seen.has("content-type", "application/json");
        for (token, denial) in not_good(&s) {
            denial.is_of(&s.app.get("/guests/signin").bearer(token).send());
        }
    }

    fn every_extractor_and_group_judges_alike(t) {
        let s = service(&t);
        for path in ["/me", "/grant", "/guards/user", "/guards/active", "/guards/grant", "/group/dashboard", "/guards/twice", "/group/none"] {
            for (token, denial) in not_good(&s) {
                denial.is_of(&s.app.get(path).bearer(token).send());
            }
            MISSING.is_of(&s.app.get(path).send());
        }
        s.app.get("/guards/twice").bearer(s.mandate("alice").sign()).send().is(200);
    }

    fn an_api_key_is_no_mandate(t) {
        let store = memory_store();
        let own = Probe::<H>::build(|builder| builder.api_key_store(store));
        let request = ApiKeyRequest::new("deploy").scopes(["read"]);
        let key = block_on(own.app.auth.danger_create_api_key_for("alice", request)).unwrap();
        let key = key.expose().to_owned();
        own.get("/guards/scope").bearer(&key).send().is(200);
        let s = service(&t);
        for path in ["/guards/scope", "/guards/keys", "/keys/panel", "/me", "/maybe"] {
            INVALID.is_of(&s.app.get(path).bearer(&key).send());
        }
        s.app.get("/guards/scope").bearer(s.mandate("alice").claim("scope", "read").sign()).send().is(200);
        s.app.get("/guards/keys").bearer(s.mandate("alice").sign()).send().is(200);
    }

    /// A token that says it is of another kind, or is bound to a key whose possession is not
    /// proven.
    fn a_token_of_another_kind_is_no_mandate(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").claim("nonce", "n").claim("token_type", "access").sign());
        for (claim, value) in [
            ("at_hash", json!("x")), ("c_hash", json!("x")), ("events", json!({})), ("typ", json!("ID")), ("typ", json!("Refresh")),
            ("token_use", json!("id")), ("token_type", json!("refresh")), ("type", json!("refresh")),
        ] {
            s.refuses(s.mandate("alice").claim(claim, value).sign(), "wrong_purpose");
        }
        s.refuses(s.mandate("alice").claim("cnf", json!({ "jkt": "x" })).sign(), "sender_constrained_token");
    }

    /// RFC 8441: a GET with `Upgrade` over HTTP/1.1 is an extended CONNECT over HTTP/2.
    fn a_websocket_over_http2_is_judged_before_it_opens(t) {
        if !H::HAS_EXTENDED_CONNECT {
            return;
        }
        let s = service(&t);
        let connect = |path: &str| s.app.request("CONNECT", path).protocol("websocket").header("sec-websocket-version", "13");
        MISSING.is_of(&connect("/group/mounted/chat").send());
        for (token, denial) in not_good(&s) {
            denial.is_of(&connect("/group/mounted/chat").bearer(token).send());
        }
        Denial::scopes(&["read"]).is_of(&connect("/scoped/panel").bearer(s.mandate("alice").sign()).send());
        connect("/group/mounted/chat").bearer(s.mandate("alice").sign()).send_to_framework().is(200);
    }

    /// Which subject was refused, why, and where.
    fn events_name_whom_a_mandate_is_about(t) {
        let s = service(&t);
        s.revoke(&["sid_9"]);
        s.events.clear();
        s.app.get("/guards/user").bearer(s.mandate("alice").claim("sid", "sid_9").sign()).once().is(401);
        let event = s.events.assert_one(|event| event.kind == EventKind::MandateRefused);
        assert_eq!((event.subject.as_deref(), event.reason.as_deref()), (Some("alice"), Some("mandate_revoked")));
        s.events.clear();
        s.app.get("/guards/scope").bearer(s.mandate("bob").sign()).once().is(403);
        let event = s.events.assert_one(|event| event.kind == EventKind::AccessDenied);
        assert_eq!((event.subject.as_deref(), event.reason.as_deref()), (Some("bob"), Some("missing_scope")));
        s.events.clear();
        // A forged one names no subject.
        s.app.get("/guards/user").bearer(s.mandate("alice").forge()).once().is(401);
        s.events.assert_none(|event| event.subject.is_some());
        s.events.clear();
        s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once().is(200);
        s.events.assert_none(|_| true);
    }

    /// A public path is open to everybody, with or without a valid mandate.
    fn extractors_on_a_public_path_still_judge(t) {
        let s = service(&t);
        let app = s.behind(RouteRules::private_by_default().public("/me").public("/maybe").require("/token", Requirement::user().delegation()));
        app.get("/me").bearer(s.mandate("alice").sign()).send().is(200).says("Hello alice");
        app.get("/maybe").send().is(200).says("Hello nobody");
        MISSING.is_of(&app.get("/me").send());
        for (token, denial) in not_good(&s) {
            denial.is_of(&app.get("/me").bearer(&token).send());
            denial.is_of(&app.get("/maybe").bearer(&token).send());
        }
    }
}
