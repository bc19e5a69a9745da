//! Sessions that are ended.

use fauth_core::store::SessionStore as _;

use super::{
    NOW,
    samples::{IDLE, at, ids, kind, listed, open, owner, refreshed, rotate, sid},
    store_cases,
};

store_cases! { $ __store_ending_tests in ending for SessionStore;
    async fn an_ended_session_is_returned_and_gone(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 3).await;
        let ended = t.store.end(&owner("alice"), &sid(1), at(4)).await.unwrap();
        assert_eq!(ended, Some(refreshed(&session, 3)));
        assert_eq!(listed(&*t.store, "alice", 4).await, [sid(2)]);
    }

    async fn with_another_owner_nothing_is_ended(t) {
        open(&*t.store, "alice", 1, 0).await;
        for stranger in ["bob", "Alice", "alic", "alice ", "%"] {
            assert_eq!(t.store.end(&owner(stranger), &sid(1), NOW).await.unwrap(), None, "{stranger}");
        }
        assert_eq!(listed(&*t.store, "alice", 0).await, [sid(1)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 0).await), "rotated");
    }

    async fn it_is_ended_once(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert!(t.store.end(&owner("alice"), &sid(1), NOW).await.unwrap().is_some());
        assert_eq!(t.store.end(&owner("alice"), &sid(1), NOW).await.unwrap(), None);
    }

    async fn what_is_not_there_cannot_be_ended(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert_eq!(t.store.end(&owner("alice"), &sid(2), NOW).await.unwrap(), None);
        assert_eq!(t.store.end(&owner("bob"), &sid(2), NOW).await.unwrap(), None);
    }

    async fn what_ended_by_itself_cannot_be_ended(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        assert_eq!(t.store.end(&owner("alice"), &sid(1), at(IDLE)).await.unwrap(), None);
        assert!(t.store.end(&owner("alice"), &sid(2), at(IDLE - 1)).await.unwrap().is_some());
    }

    async fn all_of_an_owner_end(t) {
        for number in 1..=3 {
            open(&*t.store, "alice", number, i64::from(number)).await;
        }
        open(&*t.store, "bob", 4, 0).await;
        let ended = ids(t.store.end_all(&owner("alice"), None, at(5)).await.unwrap());
        assert_eq!(ended, [sid(1), sid(2), sid(3)]);
        assert_eq!(listed(&*t.store, "alice", 5).await, []);
        assert_eq!(listed(&*t.store, "bob", 5).await, [sid(4)]);
        for number in 1..=3 {
            assert_eq!(kind(&rotate(&*t.store, "alice", number, ("0", "1"), 5).await), "ended");
        }
        assert_eq!(kind(&rotate(&*t.store, "bob", 4, ("0", "1"), 5).await), "rotated");
    }

    async fn all_but_one_end(t) {
        for number in 1..=3 {
            open(&*t.store, "alice", number, i64::from(number)).await;
        }
        let ended = ids(t.store.end_all(&owner("alice"), Some(&sid(2)), at(5)).await.unwrap());
        assert_eq!(ended, [sid(1), sid(3)]);
        assert_eq!(listed(&*t.store, "alice", 5).await, [sid(2)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 5).await), "rotated");
    }

    /// An unknown session, or one of another owner, spares nothing.
    async fn a_session_to_keep_must_belong_to_the_owner(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "bob", 2, 0).await;
        assert_eq!(ids(t.store.end_all(&owner("alice"), Some(&sid(2)), NOW).await.unwrap()), [sid(1)]);
        assert_eq!(listed(&*t.store, "bob", 0).await, [sid(2)]);
        open(&*t.store, "alice", 3, 0).await;
        assert_eq!(ids(t.store.end_all(&owner("alice"), Some(&sid(9)), NOW).await.unwrap()), [sid(3)]);
    }

    async fn what_has_ended_before_is_not_ended_again(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        open(&*t.store, "alice", 3, IDLE / 2).await;
        t.store.end(&owner("alice"), &sid(1), NOW).await.unwrap();
        assert_eq!(ids(t.store.end_all(&owner("alice"), None, at(IDLE)).await.unwrap()), [sid(3)]);
        assert_eq!(t.store.end_all(&owner("alice"), None, at(IDLE)).await.unwrap(), []);
        assert_eq!(t.store.end_all(&owner("nobody"), None, at(IDLE)).await.unwrap(), []);
    }

    /// Whether other data of them is left shows only in the backend.
    async fn a_forgotten_owner_has_no_sessions(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        open(&*t.store, "alice", 3, 0).await;
        open(&*t.store, "bob", 4, 0).await;
        t.store.end(&owner("alice"), &sid(1), at(1)).await.unwrap();
        let other = t.again().await;
        assert_eq!(ids(other.forget(&owner("alice"), at(2)).await.unwrap()), [sid(2), sid(3)]);
        assert_eq!(listed(&*t.store, "alice", 2).await, []);
        for number in 1..=3 {
            assert_eq!(t.store.find(&owner("alice"), &sid(number), at(2)).await.unwrap(), None);
            let outcome = rotate(&*t.store, "alice", number, ("0", "1"), 2).await;
            assert!(["unknown", "ended"].contains(&kind(&outcome)), "{outcome:?}");
        }
        assert_eq!(t.store.forget(&owner("alice"), at(3)).await.unwrap(), []);
        assert_eq!(t.store.forget(&owner("nobody"), at(3)).await.unwrap(), []);
        assert_eq!(listed(&*t.store, "bob", 3).await, [sid(4)]);
        open(&*t.store, "alice", 5, 3).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 5, ("0", "1"), 3).await), "rotated");
    }

    async fn what_ended_by_itself_is_forgotten_and_not_told(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, IDLE / 2).await;
        assert_eq!(ids(t.store.forget(&owner("alice"), at(IDLE)).await.unwrap()), [sid(2)]);
        let outcome = rotate(&*t.store, "alice", 1, ("0", "1"), IDLE).await;
        assert!(["unknown", "ended", "expired"].contains(&kind(&outcome)), "{outcome:?}");
    }

    async fn a_new_login_after_all_have_ended_is_good(t) {
        open(&*t.store, "alice", 1, 0).await;
        t.store.end_all(&owner("alice"), None, NOW).await.unwrap();
        open(&*t.store, "alice", 2, 0).await;
        assert_eq!(listed(&*t.store, "alice", 0).await, [sid(2)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 0).await), "rotated");
    }

    /// A clock that jumps back revives nothing.
    async fn what_has_ended_stays_so_whatever_the_clock_says(t) {
        open(&*t.store, "alice", 1, 0).await;
        t.store.end(&owner("alice"), &sid(1), at(500)).await.unwrap();
        for second in [400, 0, -5_000] {
            assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), second).await), "ended");
            assert_eq!(listed(&*t.store, "alice", second).await, []);
        }
    }

    async fn an_end_on_one_instance_counts_on_the_other(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        let other = t.again().await;
        assert!(other.end(&owner("alice"), &sid(1), NOW).await.unwrap().is_some());
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 0).await), "ended");
        assert_eq!(ids(t.store.end_all(&owner("alice"), None, NOW).await.unwrap()), [sid(2)]);
        assert_eq!(listed(&*other, "alice", 0).await, []);
    }
}
