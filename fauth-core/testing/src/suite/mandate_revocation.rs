//! What ends a mandate before it expires: revoked anchors, a later delegation epoch, an earlier
//! use; and the response if this cannot be determined.

use std::time::Duration;

use fauth_core::{
    MandateAuthBuilder, Requirement, clock::Clock as _, event::EventKind, store::AnchorStore as _,
};
use serde_json::json;

use super::{
    Harness, cases,
    issuers::block_on,
    mandates::{
        Acting, DAY, Denial, INVALID, REVOKED, STALE, ZONE, service, service_wired, service_with, unavailable,
    },
};
use crate::Fault;

const SECOND: Duration = Duration::from_secs(1);

/// Revokes it in the store, like another service that shares the store.
fn revoke_for<H: Harness>(s: &Acting<H>, anchor: &str, lasting: Duration) {
    block_on(s.anchors.inner().revoke(&[anchor], lasting)).unwrap();
}

fn raise_in<H: Harness>(s: &Acting<H>, zone: &str, epoch: u64) {
    block_on(s.anchors.inner().raise_epoch(zone, epoch, DAY)).unwrap();
}

/// Takes at most this long.
fn impatient<H: Harness>(t: &super::Probe<H>) -> Acting<H> {
    service_wired(t, |builder| builder.store_timeout(Duration::from_millis(20)))
}

/// An anchor ends the mandates that have it, and no others.
#[track_caller]
fn ends<H: Harness>(t: &super::Probe<H>, claim: &str, anchor: &str) {
    let s = service(t);
    let token = s.delegated("alice").claim(claim, anchor);
    let other = s.delegated("alice").claim(claim, if claim == "sub" { "bob" } else { "another" });
    s.opens(token.sign());
    revoke_for(&s, anchor, DAY);
    s.refuses_as(token.sign(), &REVOKED, "mandate_revoked");
    s.opens(other.sign());
    // Whatever the route requires.
    s.denies(&Requirement::user().delegation(), token.sign(), &REVOKED);
}

cases! { $ __mandate_revocation_tests in mandate_revocation;
    fn a_revoked_authority_record_ends_its_mandates(t) {
        ends(&t, "sid", "record_9");
    }

    /// Everything derived from it.
    fn a_revoked_root_ends_all_mandates_of_it(t) {
        ends(&t, "root_sid", "root_9");
    }

    fn a_revoked_agent_session_ends_its_mandates(t) {
        ends(&t, "agent_session_id", "ags_9");
    }

    fn a_revoked_delegation_ends_its_mandates(t) {
        ends(&t, "delegation_edge_id", "edge_9");
    }

    /// M-09
    fn a_revoked_mandate_is_refused(t) {
        ends(&t, "jti", "mandate_9000");
    }

    /// M-09
    fn a_revoked_subject_has_no_mandates(t) {
        ends(&t, "sub", "alice");
    }

    /// M-09
    fn a_revoked_application_has_no_mandates(t) {
        ends(&t, "client_id", "app_9");
    }

    fn what_is_no_anchor_ends_nothing(t) {
        let s = service(&t);
        for other in ["ags_0", "app_root", "edge_0", "billing:read", "resource://billing-api", ZONE, "resource", "user", "SID_1", "sid_", "sid_11"] {
            revoke_for(&s, other, DAY);
        }
        let path = s.delegated("alice").claim("delegation_path", json!(["edge_0", "edge_1"])).claim("hop_count", 2);
        s.opens(path.sign());
        s.opens(s.mandate("alice").sign());
        revoke_for(&s, "sid_1", DAY);
        s.refuses_as(path.sign(), &REVOKED, "mandate_revoked");
    }

    /// Everybody would lose their authority.
    fn an_empty_anchor_ends_nothing(t) {
        let s = service(&t);
        let empty = s.delegated("alice").claim("agent_session_id", "").claim("delegation_edge_id", "");
        block_on(s.anchors.inner().revoke(&["", "ags_7"], DAY)).unwrap();
        s.opens(empty.sign());
        s.opens(s.mandate("alice").sign());
        s.refuses_as(s.delegated("alice").claim("agent_session_id", "ags_7").sign(), &REVOKED, "mandate_revoked");
    }

    fn the_provider_revokes_several_at_once(t) {
        let s = service(&t);
        let of = |sid: &str| s.mandate("alice").claim("sid", sid).sign();
        for sid in ["sid_1", "sid_2", "sid_3"] {
            s.opens(of(sid));
        }
        s.revoke(&["sid_1", "sid_2"]);
        s.revoke(&["sid_1"]);
        for sid in ["sid_1", "sid_2"] {
            s.refuses_as(of(sid), &REVOKED, "mandate_revoked");
        }
        s.opens(of("sid_3"));
    }

    fn a_revocation_lasts_as_long_as_it_was_made_for(t) {
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        revoke_for(&s, "sid_1", 60 * SECOND);
        // No call shortens an earlier one.
        revoke_for(&s, "sid_1", SECOND);
        t.clock.advance(59 * SECOND);
        s.refuses_as(&mandate, &REVOKED, "mandate_revoked");
        t.clock.advance(2 * SECOND);
        s.opens(&mandate);
    }

    fn nothing_is_revoked_for_no_time(t) {
        let s = service(&t);
        let nothing = block_on(s.app.app.auth.revoke_mandate_anchors(&["sid_1"], Duration::ZERO));
        assert!(nothing.is_err());
        s.opens(s.mandate("alice").sign());
        s.revoke(&["sid_1"]);
        s.refuses_as(s.mandate("alice").sign(), &REVOKED, "mandate_revoked");
    }

    fn a_later_epoch_makes_a_delegation_stale(t) {
        let s = service(&t);
        let of = |epoch: u64| s.delegated("alice").claim("delegation_graph_epoch", epoch).sign();
        s.opens(of(0));
        assert_eq!(s.raise_epoch(5), 5);
        s.opens(of(5));
        s.opens(of(6));
        s.refuses_as(of(4), &STALE, "delegation_stale");
        s.refuses_as(of(0), &STALE, "delegation_stale");
        assert_eq!(s.raise_epoch(6), 6);
        s.refuses_as(of(5), &STALE, "delegation_stale");
        s.opens(of(6));
    }

    fn epochs_only_rise(t) {
        let s = service(&t);
        s.raise_epoch(6);
        assert_eq!(s.raise_epoch(5), 6);
        assert_eq!(s.raise_epoch(0), 6);
        s.refuses_as(s.delegated("alice").sign(), &STALE, "delegation_stale");
        s.opens(s.delegated("alice").claim("delegation_graph_epoch", 6).sign());
    }

    /// Numbers that a float would round: 2^53 and 2^53 + 1.
    fn epochs_are_compared_exactly(t) {
        let s = service(&t);
        let of = |epoch: u64| s.delegated("alice").claim("delegation_graph_epoch", epoch).sign();
        s.raise_epoch(9_007_199_254_740_993);
        s.refuses_as(of(9_007_199_254_740_992), &STALE, "delegation_stale");
        s.opens(of(9_007_199_254_740_993));
        s.refuses_as(of(999_999_999_999_999), &STALE, "delegation_stale");
    }

    /// M-10: as long as the zone has no epoch, nothing can be older.
    fn a_delegation_without_an_epoch_is_older_than_any(t) {
        let s = service(&t);
        let without = s.delegated("alice").without_claim("delegation_graph_epoch");
        let null = s.delegated("alice").claim("delegation_graph_epoch", json!(null));
        for mandate in [&without, &null] {
            s.opens(mandate.sign());
        }
        s.raise_epoch(1);
        for mandate in [&without, &null] {
            s.refuses_as(mandate.sign(), &STALE, "delegation_stale");
        }
        s.opens(s.mandate("alice").sign());
        s.opens(s.mandate("alice").without_claim("delegation_graph_epoch").sign());
        s.opens(s.delegated("alice").sign());
    }

    fn the_epoch_is_that_of_the_zone(t) {
        let s = service(&t);
        raise_in(&s, "zone_test", 100);
        s.opens(s.delegated("alice").sign());
        raise_in(&s, ZONE, 100);
        s.refuses_as(s.delegated("alice").sign(), &STALE, "delegation_stale");
    }

    fn who_is_revoked_and_stale_hears_that_it_is_revoked(t) {
        let s = service(&t);
        s.raise_epoch(6);
        s.refuses_as(s.delegated("alice").sign(), &STALE, "delegation_stale");
        s.revoke(&["edge_1"]);
        s.refuses_as(s.delegated("alice").sign(), &REVOKED, "mandate_revoked");
    }

    /// Mandates that are refused anyway cause no look-up in the store.
    fn a_mandate_that_is_refused_anyhow_asks_nobody(t) {
        let s = service(&t);
        let admin = Requirement::user().scopes(["billing:admin"]);
        s.denies(&admin, s.mandate("alice").sign(), &Denial::scopes(&["billing:admin"]));
        s.refuses(s.mandate("alice").forge(), "bad_signature");
        s.refuses(s.mandate("alice").claim("exp", 1).sign(), "token_expired");
        s.app.get("/guards/user").bearer(s.mandate("alice").claim("hop_count", 11).sign()).send().is(403);
        s.app.get("/guards/user").send().is(401);
        assert!(s.anchors.calls().is_empty());
        s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once().is(200);
        assert_eq!(s.anchors.calls(), ["check_anchors"]);
    }

    fn nobody_is_loaded_for_a_revoked_mandate(t) {
        let s = service(&t);
        assert_eq!(s.opens(s.mandate("alice").sign()).user_loads, 1);
        s.revoke(&["sid_1"]);
        let seen = s.app.get("/guards/user").bearer(s.mandate("alice").sign()).send();
        REVOKED.is_of(&seen);
        assert_eq!(seen.user_loads, 0);
    }

    /// M-03: not 401, because it is unknown, not 500, and never a pass.
    fn a_store_that_fails_is_503(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        s.anchors.fault(Fault::Fails);
        s.cannot_tell(s.mandate("alice").sign());
        s.cannot_tell(s.delegated("alice").sign());
        for path in ["/me", "/grant", "/group/dashboard", "/group/none", "/guards/twice"] {
            unavailable(&s.app.get(path).bearer(s.mandate("alice").sign()).send());
        }
        // Requests that need no store are answered.
        s.refuses(s.mandate("alice").forge(), "bad_signature");
        s.app.get("/open").send().is(200);
        s.app.get("/maybe").send().is(200).says("Hello nobody");
        s.anchors.recover();
        s.opens(s.mandate("alice").sign());
    }

    /// M-08
    fn a_store_that_hangs_is_503(t) {
        let s = impatient(&t);
        s.opens(s.mandate("alice").sign());
        s.anchors.fault(Fault::Hangs);
        s.cannot_tell(s.mandate("alice").sign());
        s.anchors.recover();
        s.opens(s.mandate("alice").sign());
    }

    /// M-08: the response waits for it.
    fn a_store_that_is_slow_is_right(t) {
        let s = service(&t);
        s.anchors.delay(Duration::from_millis(5));
        s.opens(s.mandate("alice").sign());
        s.revoke(&["sid_1"]);
        s.refuses_as(s.mandate("alice").sign(), &REVOKED, "mandate_revoked");
        s.anchors.recover();
        s.anchors.pause();
        s.refuses_as(s.mandate("alice").sign(), &REVOKED, "mandate_revoked");
        s.opens(s.mandate("alice").claim("sid", "sid_2").sign());
    }

    fn a_slow_store_is_cut_off(t) {
        let s = impatient(&t);
        s.anchors.delay(Duration::from_secs(60));
        s.cannot_tell(s.mandate("alice").sign());
        s.anchors.recover();
        s.opens(s.mandate("alice").sign());
    }

    /// Step 22, with the same leeway as step 7.
    fn a_mandate_that_expires_meanwhile_is_refused(t) {
        let s = service(&t);
        let passing = |seconds: u32| {
            let mandate = s.mandate("alice").claim("exp", t.clock.now().unwrap().unix_seconds() + 10).sign();
            t.users.time_passes(&t.clock, seconds * SECOND);
            let seen = s.app.get("/guards/user").bearer(mandate).once();
            t.users.time_passes(&t.clock, Duration::ZERO);
            seen
        };
        passing(0).is(200);
        passing(69).is(200);
        INVALID.is_of(&passing(70));
        passing(5).is(200);
    }

    /// M-09: an intercepted mandate is worthless.
    fn a_mandate_is_used_once_where_that_is_said(t) {
        let s = service_with(&t, MandateAuthBuilder::single_use);
        let mandate = s.mandate("alice").sign();
        s.app.get("/guards/user").bearer(&mandate).once().is(200).says("Hello alice");
        for path in ["/guards/user", "/maybe", "/me", "/group/dashboard"] {
            INVALID.is_of(&s.app.get(path).bearer(&mandate).once());
        }
        s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once().is(200);
        // By default, it may be used any number of times.
        let s = service(&t);
        let mandate = s.mandate("alice").sign();
        for _ in 0..3 {
            s.opens(&mandate);
        }
    }

    /// One request with several guards and an extractor is one use.
    fn guards_and_extractors_of_one_request_are_one_use(t) {
        let s = service_with(&t, MandateAuthBuilder::single_use);
        for path in ["/guards/twice", "/group/admin", "/me", "/grant", "/guards/grant", "/group/nested/leaf"] {
            let seen = s.app.get(path).bearer(s.mandate("alice").sign()).once();
            assert_eq!(seen.is(200).user_loads, 1, "{path}");
        }
    }

    /// A refused request has not used it.
    fn a_refused_mandate_is_not_used_up(t) {
        let s = service_with(&t, MandateAuthBuilder::single_use);
        let mandate = s.mandate("alice").sign();
        Denial::scopes(&["read"]).is_of(&s.app.get("/guards/scope").bearer(&mandate).once());
        assert!(s.anchors.calls().is_empty());
        s.app.get("/guards/user").bearer(&mandate).once().is(200);
        s.revoke(&["sid_2"]);
        REVOKED.is_of(&s.app.get("/guards/user").bearer(s.mandate("alice").claim("sid", "sid_2").sign()).once());
    }

    fn a_used_mandate_cannot_be_told_without_the_store(t) {
        let s = service_with(&t, MandateAuthBuilder::single_use);
        s.anchors.fault_at("spend", Fault::Fails);
        unavailable(&s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once());
        s.anchors.recover();
        s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once().is(200);
    }

    /// A long action checks again before its irreversible step.
    fn authority_can_be_checked_again(t) {
        let s = service(&t);
        let auth = &s.app.app.auth;
        let granted = s.granted(&s.delegated("alice").sign()).unwrap();
        block_on(auth.recheck(&granted)).unwrap();
        t.clock.advance(959 * SECOND);
        block_on(auth.recheck(&granted)).unwrap();
        s.raise_epoch(6);
        assert_eq!(block_on(auth.recheck(&granted)).unwrap_err().code(), "invalid_token");
        let granted = s.granted(&s.mandate("alice").sign()).unwrap();
        block_on(auth.recheck(&granted)).unwrap();
        s.anchors.fault(Fault::Fails);
        assert_eq!(block_on(auth.recheck(&granted)).unwrap_err().status(), 503);
        s.anchors.recover();
        t.clock.advance(960 * SECOND);
        assert_eq!(block_on(auth.recheck(&granted)).unwrap_err().status(), 401);
    }

    fn the_log_knows_why(t) {
        let s = service(&t);
        s.opens(s.mandate("alice").sign());
        s.revoke(&["sid_1"]);
        s.events.clear();
        REVOKED.is_of(&s.app.get("/guards/user").bearer(s.mandate("alice").sign()).once());
        let event = s.events.assert_one(|event| event.kind == EventKind::RequestRefused);
        assert_eq!(event.reason.as_deref(), Some("mandate_revoked"));
        assert_eq!((event.method.as_deref(), event.path.as_deref()), (Some("GET"), Some("/guards/user")));
    }
}
