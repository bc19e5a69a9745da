//! Records that end mandates before they expire. Such stores have clocks of their own, so some
//! cases wait for half a second.

use std::{future::Future, time::Duration};

use fauth_core::store::{AnchorState, AnchorStore, DEFAULT_ANCHOR_LIFETIME};

use super::{races::all_at_once, store_cases};

const RUNNERS: usize = 16;
const LONG: Duration = DEFAULT_ANCHOR_LIFETIME;
/// Expired after a [`nap`].
const SHORT: Duration = Duration::from_millis(250);
/// The length of the longest text that a store has to keep.
const LONGEST_NAME: usize = 1024;

/// Waits until [`SHORT`] records have expired.
fn nap() -> impl Future<Output = ()> {
    tokio::time::sleep(SHORT * 2)
}

async fn is_revoked(store: &impl AnchorStore, anchors: &[&str]) -> bool {
    store.check("zone", anchors).await.unwrap().is_revoked
}

async fn epoch(store: &impl AnchorStore, zone: &str) -> u64 {
    store.check(zone, &[]).await.unwrap().epoch
}

async fn revoke(store: &impl AnchorStore, anchors: &[&str], lasting: Duration) {
    store.revoke(anchors, lasting).await.unwrap();
}

async fn raise(store: &impl AnchorStore, zone: &str, epoch: u64, lasting: Duration) -> u64 {
    store.raise_epoch(zone, epoch, lasting).await.unwrap()
}

async fn spend(store: &impl AnchorStore, id: &str, lasting: Duration) -> bool {
    store.spend(id, lasting).await.unwrap()
}

store_cases! { $ __store_anchors_tests in anchors for AnchorStore;
    async fn nothing_is_known_at_first(t) {
        assert_eq!(t.store.check("zone", &["a", "b"]).await.unwrap(), AnchorState::new(false, 0));
        assert_eq!(t.store.check("zone", &[]).await.unwrap(), AnchorState::new(false, 0));
    }

    async fn a_revoked_anchor_is_found_among_others(t) {
        revoke(&*t.store, &["b", "d"], LONG).await;
        for anchors in [&["b"][..], &["a", "b", "c"], &["d", "a"], &["a", "d"]] {
            assert!(is_revoked(&*t.store, anchors).await, "{anchors:?}");
        }
        for anchors in [&["a"][..], &["a", "c"], &["B"], &["b "], &["bd"], &[]] {
            assert!(!is_revoked(&*t.store, anchors).await, "{anchors:?}");
        }
        assert!(!is_revoked(&*t.stranger().await, &["b"]).await);
    }

    async fn revoking_again_changes_nothing(t) {
        for _ in 0..3 {
            revoke(&*t.store, &["a", "a", "b"], LONG).await;
            assert!(is_revoked(&*t.store, &["a"]).await && is_revoked(&*t.store, &["b"]).await);
        }
    }

    async fn empty_anchors_are_skipped(t) {
        revoke(&*t.store, &["", "a", ""], LONG).await;
        revoke(&*t.store, &[""], LONG).await;
        revoke(&*t.store, &[], LONG).await;
        assert!(!is_revoked(&*t.store, &["", ""]).await);
        assert!(is_revoked(&*t.store, &["", "a"]).await, "those beside it count");
    }

    async fn what_is_revoked_ends_by_itself(t) {
        revoke(&*t.store, &["a"], SHORT).await;
        revoke(&*t.store, &["b"], LONG).await;
        assert!(is_revoked(&*t.store, &["a"]).await);
        nap().await;
        assert!(!is_revoked(&*t.store, &["a"]).await);
        assert!(is_revoked(&*t.store, &["b"]).await);
        revoke(&*t.store, &["a"], LONG).await;
        assert!(is_revoked(&*t.store, &["a"]).await, "it can be revoked anew");
    }

    async fn nothing_is_ever_shortened(t) {
        for lasting in [LONG, SHORT] {
            revoke(&*t.store, &["a"], lasting).await;
        }
        for lasting in [SHORT, LONG] {
            revoke(&*t.store, &["b"], lasting).await;
        }
        nap().await;
        assert!(is_revoked(&*t.store, &["a"]).await);
        assert!(is_revoked(&*t.store, &["b"]).await);
    }

    /// A time to live of zero means "at once" to one store and "the default" to another.
    async fn no_time_at_all_is_refused(t) {
        let zero = Duration::ZERO;
        assert!(t.store.revoke(&["a"], zero).await.is_err());
        assert!(t.store.revoke(&[], zero).await.is_err());
        assert!(t.store.raise_epoch("zone", 1, zero).await.is_err());
        assert!(t.store.spend("id", zero).await.is_err());
        assert_eq!(t.store.check("zone", &["a"]).await.unwrap(), AnchorState::new(false, 0));
        assert!(spend(&*t.store, "id", LONG).await);
        // The shortest time is one.
        let least = Duration::from_nanos(1);
        revoke(&*t.store, &["a"], least).await;
        raise(&*t.store, "zone", 1, least).await;
        spend(&*t.store, "other", least).await;
    }

    async fn any_time_is_long_enough_to_be_kept(t) {
        for (anchor, lasting) in [("a", Duration::MAX), ("b", Duration::from_secs(u64::from(u32::MAX)))] {
            revoke(&*t.store, &[anchor], lasting).await;
            assert!(is_revoked(&*t.store, &[anchor]).await);
            assert_eq!(raise(&*t.store, anchor, 1, lasting).await, 1);
            assert!(spend(&*t.store, anchor, lasting).await);
            assert!(!spend(&*t.store, anchor, lasting).await);
        }
    }

    async fn epochs_only_rise(t) {
        for (asked, holds) in [(5, 5), (3, 5), (5, 5), (0, 5), (6, 6), (9, 9), (10, 10), (9, 10), (100, 100), (11, 100)] {
            assert_eq!(raise(&*t.store, "zone", asked, LONG).await, holds, "{asked}");
            assert_eq!(epoch(&*t.store, "zone").await, holds, "{asked}");
        }
    }

    async fn epochs_may_be_huge(t) {
        let steps = [1, 1 << 53, (1 << 53) + 1, i64::MAX.unsigned_abs(), (1 << 63) + 1, u64::MAX - 1, u64::MAX];
        for asked in steps {
            assert_eq!(raise(&*t.store, "zone", asked, LONG).await, asked);
            assert_eq!(epoch(&*t.store, "zone").await, asked);
        }
        assert_eq!(raise(&*t.store, "zone", u64::MAX - 1, LONG).await, u64::MAX);
    }

    async fn an_epoch_of_zero_is_none(t) {
        assert_eq!(raise(&*t.store, "zone", 0, LONG).await, 0);
        assert_eq!(epoch(&*t.store, "zone").await, 0);
        assert_eq!(raise(&*t.store, "zone", 1, LONG).await, 1);
    }

    async fn zones_are_apart_and_so_are_kinds(t) {
        raise(&*t.store, "a", 7, LONG).await;
        assert!(spend(&*t.store, "b", LONG).await);
        revoke(&*t.store, &["c"], LONG).await;
        assert_eq!(epoch(&*t.store, "a").await, 7);
        for zone in ["A", "b", "c", "a ", "aa"] {
            assert_eq!(epoch(&*t.store, zone).await, 0, "{zone}");
        }
        assert!(!is_revoked(&*t.store, &["a", "b"]).await);
        assert!(spend(&*t.store, "a", LONG).await && spend(&*t.store, "c", LONG).await);
    }

    async fn an_epoch_is_forgotten_after_its_time_and_not_before(t) {
        raise(&*t.store, "short", 5, SHORT).await;
        for (epoch, lasting) in [(5, LONG), (5, SHORT), (6, SHORT), (1, SHORT)] {
            raise(&*t.store, "long", epoch, lasting).await;
        }
        raise(&*t.store, "again", 5, SHORT).await;
        raise(&*t.store, "again", 5, LONG).await;
        nap().await;
        assert_eq!(epoch(&*t.store, "short").await, 0);
        assert_eq!(epoch(&*t.store, "long").await, 6);
        assert_eq!(epoch(&*t.store, "again").await, 5);
    }

    /// A higher epoch replaces a lower one, for as long as the lower one was to hold.
    async fn a_lower_epoch_prolongs_the_higher_one(t) {
        raise(&*t.store, "zone", 5, SHORT).await;
        assert_eq!(raise(&*t.store, "zone", 3, LONG).await, 5);
        raise(&*t.store, "other", 5, SHORT).await;
        nap().await;
        assert_eq!(epoch(&*t.store, "zone").await, 5);
        assert_eq!(epoch(&*t.store, "other").await, 0);
    }

    async fn an_id_is_spent_once(t) {
        assert!(spend(&*t.store, "a", LONG).await);
        for lasting in [LONG, SHORT] {
            assert!(!spend(&*t.store, "a", lasting).await);
        }
        assert!(spend(&*t.store, "A", LONG).await, "another one");
        assert!(spend(&*t.store, "b", SHORT).await);
        nap().await;
        assert!(!spend(&*t.store, "a", LONG).await);
        assert!(spend(&*t.store, "b", LONG).await, "its time was over");
    }

    async fn any_text_is_a_name(t) {
        let longest = "x".repeat(LONGEST_NAME);
        let names = ["a:b", "a", "b", ":", "a b", "ä", "\u{0}", "a\u{0}", "*", "{a}", "a\r\nb", &longest];
        for name in names {
            assert!(!is_revoked(&*t.store, &[name]).await, "{name:?}");
            assert_eq!(epoch(&*t.store, name).await, 0, "{name:?}");
            revoke(&*t.store, &[name], LONG).await;
            assert_eq!(raise(&*t.store, name, 3, LONG).await, 3, "{name:?}");
            assert!(spend(&*t.store, name, LONG).await, "{name:?}");
            assert!(is_revoked(&*t.store, &[name]).await, "{name:?}");
            assert_eq!(epoch(&*t.store, name).await, 3, "{name:?}");
            assert!(!spend(&*t.store, name, LONG).await, "{name:?}");
        }
    }

    async fn names_that_no_mandate_has_are_refused(t) {
        let name = &*"x".repeat(LONGEST_NAME + 1);
        assert!(t.store.revoke(&[name], LONG).await.is_err());
        assert!(t.store.raise_epoch(name, 1, LONG).await.is_err());
        assert!(t.store.spend(name, LONG).await.is_err());
        assert!(!is_revoked(&*t.store, &[name]).await);
    }

    async fn a_second_instance_sees_the_same(t) {
        let other = t.again().await;
        revoke(&*t.store, &["a"], LONG).await;
        raise(&*other, "zone", 4, LONG).await;
        assert!(spend(&*t.store, "id", LONG).await);
        assert_eq!(other.check("zone", &["a"]).await.unwrap(), AnchorState::new(true, 4));
        assert_eq!(t.store.check("zone", &["a"]).await.unwrap(), AnchorState::new(true, 4));
        assert_eq!(raise(&*t.store, "zone", 3, LONG).await, 4);
        assert!(!spend(&*other, "id", LONG).await);
    }

    async fn sixteen_who_spend_the_same_have_one_winner(t) {
        for round in 0..20 {
            let calls = t.instances(RUNNERS).await.into_iter().map(|store| async move {
                spend(&*store, &format!("id {round}"), LONG).await
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|won| *won).count(), 1);
        }
    }

    async fn sixteen_who_raise_an_epoch_leave_the_highest(t) {
        for round in 0..20_u64 {
            let zone = format!("zone {round}");
            let zone = &*zone.leak();
            let calls = (0..).zip(t.instances(RUNNERS).await).map(|(runner, store)| async move {
                // In a different order each time.
                let asked = 1 + (runner * 7 + round) % 16;
                let holds = raise(&*store, zone, asked, LONG).await;
                assert!(holds >= asked, "{holds} {asked}");
                assert!(epoch(&*store, zone).await >= holds, "it has fallen");
            });
            all_at_once(calls).await;
            assert_eq!(epoch(&*t.store, zone).await, 16);
        }
    }

    async fn of_sixteen_who_revoke_the_longest_time_counts(t) {
        for round in 0..5_usize {
            let calls = (0..).zip(t.instances(RUNNERS).await).map(|(runner, store)| async move {
                let lasting = if runner == round * 3 { LONG } else { SHORT };
                revoke(&*store, &[&format!("anchor {round}")], lasting).await;
            });
            all_at_once(calls).await;
        }
        nap().await;
        for round in 0..5 {
            assert!(is_revoked(&*t.store, &[&format!("anchor {round}")]).await);
        }
    }
}
