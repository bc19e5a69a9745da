//! Sessions of different owners with the same ids: none is visible to, or changed by, another
//! owner.

use fauth_core::store::{Owner, SessionStore};

use super::{
    NOW,
    owners::{different_owners, halves, owners_of_one_bucket},
    samples::{at, ids, kind, listed, login, open, rotate, sid},
    store_cases,
};

store_cases! { $ __store_session_owners_tests in session_owners for SessionStore;
    async fn each_owner_lists_its_own_sessions(t) {
        let owners = different_owners();
        let mut sessions = Vec::new();
        for (second, owner) in (0..).zip(&owners) {
            sessions.push(open(&*t.store, owner, 1, second).await);
        }
        let other = t.again().await;
        for (owner, session) in owners.iter().zip(sessions) {
            // The session names its owner in all three parts.
            assert_eq!(session.owner, *owner);
            let [here, there] = [&t.store, &other].map(|store| store.list(owner, at(100)));
            assert_eq!(here.await.unwrap(), there.await.unwrap());
            assert_eq!(t.store.list(owner, at(100)).await.unwrap(), [session]);
        }
    }

    async fn an_owner_without_sessions_has_none_of_others(t) {
        let [some, others] = halves(&different_owners());
        for owner in &some {
            open(&*t.store, owner, 1, 0).await;
        }
        for stranger in &others {
            assert_eq!(listed(&*t.store, stranger, 0).await, [], "{stranger:?}");
            assert_eq!(kind(&rotate(&*t.store, stranger, 1, ("0", "1"), 0).await), "unknown", "{stranger:?}");
            assert_eq!(t.store.end(stranger, &sid(1), NOW).await.unwrap(), None, "{stranger:?}");
            assert_eq!(t.store.end_all(stranger, None, NOW).await.unwrap(), [], "{stranger:?}");
        }
        for owner in &some {
            assert_eq!(kind(&rotate(&*t.store, owner, 1, ("0", "1"), 0).await), "rotated", "{owner:?}");
        }
    }

    /// If two owners shared a session, the second refresh of its first token would be within grace.
    async fn a_token_is_exchanged_in_the_session_of_its_owner(t) {
        let owners = different_owners();
        for owner in &owners {
            open(&*t.store, owner, 1, 0).await;
        }
        for (presented, successor) in [("0", "1"), ("1", "2")] {
            for owner in &owners {
                let outcome = rotate(&*t.store, owner, 1, (presented, successor), 0).await;
                assert_eq!(kind(&outcome), "rotated", "{owner:?}");
            }
        }
    }

    async fn reuse_ends_the_session_of_its_owner_and_no_other(t) {
        let [victims, others] = halves(&different_owners());
        for owner in victims.iter().chain(&others) {
            open(&*t.store, owner, 1, 0).await;
        }
        for owner in &victims {
            assert_eq!(kind(&rotate(&*t.store, owner, 1, ("never", "1"), 0).await), "reused", "{owner:?}");
        }
        assert_ended(&*t.store, &victims, &others).await;
    }

    async fn an_end_ends_the_session_of_its_owner_and_no_other(t) {
        let [victims, others] = halves(&different_owners());
        for owner in victims.iter().chain(&others) {
            open(&*t.store, owner, 1, 0).await;
        }
        for owner in &victims {
            let ended = t.store.end(owner, &sid(1), NOW).await.unwrap();
            assert_eq!(ended, Some(login(owner, 1, 0).session));
        }
        assert_ended(&*t.store, &victims, &others).await;
    }

    async fn the_end_of_all_ends_the_sessions_of_one_owner(t) {
        let [victims, others] = halves(&different_owners());
        for owner in victims.iter().chain(&others) {
            open(&*t.store, owner, 1, 0).await;
        }
        for owner in &victims {
            assert_eq!(ids(t.store.end_all(owner, None, NOW).await.unwrap()), [sid(1)], "{owner:?}");
        }
        assert_ended(&*t.store, &victims, &others).await;
    }

    /// The id to keep exists for every owner, and counts for the named one.
    async fn the_end_of_all_but_one_keeps_the_session_of_that_owner(t) {
        let owners = different_owners();
        for owner in &owners {
            open(&*t.store, owner, 1, 0).await;
            open(&*t.store, owner, 2, 0).await;
        }
        for owner in &owners {
            assert_eq!(ids(t.store.end_all(owner, Some(&sid(1)), NOW).await.unwrap()), [sid(2)], "{owner:?}");
        }
        for owner in &owners {
            assert_eq!(listed(&*t.store, owner, 0).await, [sid(1)], "{owner:?}");
        }
    }

    async fn the_limit_counts_the_sessions_of_one_owner(t) {
        let owners = different_owners();
        for (number, expected) in [(1, vec![]), (2, vec![]), (3, vec![sid(1)])] {
            for owner in &owners {
                let mut new = login(owner, number, i64::from(number));
                new.limit = 2;
                assert_eq!(ids(t.store.open(new, at(i64::from(number))).await.unwrap()), expected, "{owner:?}");
            }
        }
        for owner in &owners {
            assert_eq!(listed(&*t.store, owner, 3).await, [sid(3), sid(2)], "{owner:?}");
        }
    }

    /// A session that has ended for one owner can still be opened for another.
    async fn an_ended_id_is_free_for_other_owners(t) {
        let [first, others] = halves(&different_owners());
        for owner in &first {
            open(&*t.store, owner, 1, 0).await;
            t.store.end(owner, &sid(1), NOW).await.unwrap();
        }
        for owner in &others {
            open(&*t.store, owner, 1, 0).await;
        }
        assert_ended(&*t.store, &first, &others).await;
        for owner in &first {
            assert!(t.store.open(login(owner, 1, 1), at(1)).await.is_err(), "{owner:?}");
        }
    }

    async fn sessions_of_owners_in_one_bucket_are_apart(t) {
        let [one, other] = owners_of_one_bucket();
        let first = open(&*t.store, &one, 1, 0).await;
        let second = open(&*t.store, &other, 1, 1).await;
        open(&*t.store, &other, 2, 1).await;
        assert_eq!(t.store.list(&one, at(1)).await.unwrap(), [first]);
        assert_eq!(kind(&rotate(&*t.store, &one, 2, ("0", "1"), 1).await), "unknown");
        assert_eq!(t.store.end(&one, &sid(2), at(1)).await.unwrap(), None);
        assert_eq!(kind(&rotate(&*t.store, &one, 1, ("0", "1"), 1).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, &one, 1, ("never", "2"), 1).await), "reused");
        assert_eq!(t.store.end_all(&one, None, at(1)).await.unwrap(), []);
        assert_eq!(listed(&*t.store, &other, 1).await.len(), 2);
        assert_eq!(t.store.end(&other, &sid(1), at(1)).await.unwrap(), Some(second));
    }
}

/// Session 1 of the first owners has ended; that of the others is live and has its first token.
async fn assert_ended(store: &impl SessionStore, ended: &[Owner<'_>], live: &[Owner<'_>]) {
    for owner in ended {
        assert_eq!(listed(store, owner, 0).await, [], "{owner:?}");
        assert_eq!(kind(&rotate(store, owner, 1, ("0", "1"), 0).await), "ended", "{owner:?}");
    }
    for owner in live {
        assert_eq!(listed(store, owner, 0).await, [sid(1)], "{owner:?}");
        assert_eq!(kind(&rotate(store, owner, 1, ("0", "1"), 0).await), "rotated", "{owner:?}");
    }
}
