//! Sessions looked up by id, and how long a session has access tokens.

use fauth_core::store::{EndedSession, RotationOutcome, SessionStore as _};

use super::{
    NOW,
    owners::different_owners,
    samples::{
        ABSOLUTE, ACCESS, GRACE, IDLE, at, exchange, fingerprint, kind, listed, login, open, owner,
        refreshed, rotate, seconds, sid,
    },
    store_cases,
};

store_cases! { $ __store_token_ends_tests in token_ends for SessionStore;
    async fn a_live_session_is_found_as_it_is(t) {
        let mut new = login("alice", 1, 0);
        new.session.client = None;
        new.session.remembered = true;
        new.session.tokens_end_at = at(12_345);
        t.store.open(new.clone(), NOW).await.unwrap();
        open(&*t.store, "alice", 2, 0).await;
        let found = t.store.find(&owner("alice"), &sid(1), NOW).await.unwrap();
        assert_eq!(found, Some(new.session.clone()));
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        let session = t.again().await.find(&owner("alice"), &sid(1), at(6)).await.unwrap().unwrap();
        assert_eq!(session.last_seen_at, at(5));
        assert_eq!(session.tokens_end_at, at(12_345));
    }

    async fn what_is_not_live_is_not_found(t) {
        for number in 1..=3 {
            open(&*t.store, "alice", number, 0).await;
        }
        t.store.end(&owner("alice"), &sid(1), NOW).await.unwrap();
        assert_eq!(t.store.find(&owner("alice"), &sid(1), NOW).await.unwrap(), None, "ended");
        assert_eq!(t.store.find(&owner("alice"), &sid(4), NOW).await.unwrap(), None, "unknown");
        assert!(t.store.find(&owner("alice"), &sid(2), at(IDLE - 1)).await.unwrap().is_some());
        assert_eq!(t.store.find(&owner("alice"), &sid(2), at(IDLE)).await.unwrap(), None, "expired");
    }

    async fn a_session_is_found_under_its_owner_only(t) {
        let owners = different_owners();
        for (second, owner) in (0..).zip(&owners) {
            let session = open(&*t.store, owner, 1, second).await;
            for (number, other) in (0..).zip(&owners) {
                let found = t.store.find(other, &sid(1), at(second)).await.unwrap();
                assert_eq!(found.is_some(), number <= second, "{owner:?} {other:?}");
            }
            assert_eq!(t.store.find(owner, &sid(1), at(second)).await.unwrap(), Some(session));
        }
    }

    /// As long as the new access token, and one more for each repetition in the window that begins.
    async fn a_rotation_moves_the_end_of_the_tokens(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        assert_eq!(session.tokens_end_at, at(ACCESS));
        let outcome = rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        assert_eq!(outcome, RotationOutcome::Rotated(refreshed(&session, 5)));
        assert_eq!(refreshed(&session, 5).tokens_end_at, at(5 + ACCESS + GRACE));
        let list = t.store.list(&owner("alice"), at(5)).await.unwrap();
        assert_eq!(list, [refreshed(&session, 5)]);
    }

    async fn the_end_of_the_tokens_never_goes_back(t) {
        open(&*t.store, "alice", 1, 0).await;
        let mut rotation = exchange(1, "0", "1");
        rotation.access_lifetime = seconds(5_000);
        t.store.rotate(&owner("alice"), &rotation, NOW).await.unwrap();
        // Another instance issues shorter ones.
        let outcome = rotate(&*t.store, "alice", 1, ("1", "2"), 10).await;
        let RotationOutcome::Rotated(session) = outcome else { panic!("{outcome:?}") };
        assert_eq!(session.tokens_end_at, at(5_000 + GRACE));
    }

    async fn a_repetition_that_is_covered_moves_nothing(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        for second in [0, 1, GRACE - 1] {
            let outcome = rotate(&*t.store, "alice", 1, ("0", "x"), second).await;
            let RotationOutcome::InGrace { session, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(session.tokens_end_at, at(ACCESS + GRACE), "{second}");
        }
    }

    /// An instance whose tokens last longer than those of the one that rotated.
    async fn a_repetition_with_a_longer_token_moves_the_end_once(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        let mut longer = exchange(1, "0", "x");
        longer.access_lifetime = seconds(9_000);
        for second in [2, 2, 5, GRACE - 1] {
            let outcome = t.again().await.rotate(&owner("alice"), &longer, at(second)).await.unwrap();
            let RotationOutcome::InGrace { session: seen, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(seen.tokens_end_at, at(2 + 9_000 + GRACE), "{second}");
            assert_eq!((seen.last_seen_at, seen.expires_at), (NOW, session.expires_at));
            assert_eq!(t.store.list(&owner("alice"), at(second)).await.unwrap(), [seen]);
        }
        // It is still the direct predecessor, and the head is still valid.
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), 9).await), "rotated");
    }

    async fn who_ends_a_session_is_told_the_end_of_its_tokens(t) {
        let told = |number, seconds| EndedSession { id: sid(number), tokens_end_at: at(seconds) };
        for number in 1..=4 {
            open(&*t.store, "alice", number, i64::from(number)).await;
        }
        rotate(&*t.store, "alice", 2, ("0", "1"), 10).await;
        let ended = t.store.end(&owner("alice"), &sid(1), at(20)).await.unwrap().unwrap();
        assert_eq!(EndedSession::from(&ended), told(1, 1 + ACCESS));
        let mut new = login("alice", 5, 20);
        new.limit = 3;
        assert_eq!(t.store.open(new, at(20)).await.unwrap(), [told(3, 3 + ACCESS)]);
        let mut all = t.store.end_all(&owner("alice"), None, at(30)).await.unwrap();
        all.sort();
        assert_eq!(all, [told(2, 10 + ACCESS + GRACE), told(4, 4 + ACCESS), told(5, 20 + ACCESS)]);
        assert_eq!(listed(&*t.store, "alice", 30).await, []);
    }

    /// The caller that ended it may have crashed before it revoked them.
    async fn a_session_that_was_ended_tells_the_end_of_its_tokens(t) {
        let mut new = login("alice", 1, 0);
        new.session.tokens_end_at = at(12_345);
        t.store.open(new, NOW).await.unwrap();
        for number in 2..=4 {
            open(&*t.store, "alice", number, i64::from(number)).await;
        }
        rotate(&*t.store, "alice", 2, ("0", "1"), 10).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("never", "x"), 11).await), "reused");
        t.store.end(&owner("alice"), &sid(1), at(12)).await.unwrap();
        let mut evicting = login("alice", 5, 12);
        evicting.limit = 2;
        t.store.open(evicting, at(12)).await.unwrap();
        t.store.end_all(&owner("alice"), None, at(13)).await.unwrap();
        let ends = [(1, 12_345), (2, 10 + ACCESS + GRACE), (3, 3 + ACCESS), (4, 4 + ACCESS), (5, 12 + ACCESS)];
        let again = t.again().await;
        for (number, end) in ends {
            for _ in 0..2 {
                let outcome = rotate(&*again, "alice", number, ("0", "x"), 20).await;
                assert_eq!(outcome, RotationOutcome::Ended { tokens_end_at: at(end) }, "{number}");
            }
        }
    }

    async fn a_replay_tells_the_end_of_the_tokens(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        let outcome = rotate(&*t.store, "alice", 1, ("never", "x"), 7).await;
        let RotationOutcome::Reused(session) = outcome else { panic!("{outcome:?}") };
        assert_eq!(session.tokens_end_at, at(5 + ACCESS + GRACE));
    }

    async fn tokens_may_outlast_their_session(t) {
        let mut new = login("alice", 1, 0);
        new.session.tokens_end_at = at(ABSOLUTE * 3);
        t.store.open(new.clone(), NOW).await.unwrap();
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), [new.session]);
        assert_eq!(listed(&*t.store, "alice", IDLE).await, []);
    }

    async fn a_repetition_by_another_client_is_told(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        for (who, is_another) in [
            (Some(fingerprint("a browser")), false),
            (Some(fingerprint("another")), true),
            (None, true),
            (Some(fingerprint("a browser")), false),
        ] {
            let mut repetition = exchange(1, "0", "x");
            repetition.fingerprint = who;
            let outcome = t.again().await.rotate(&owner("alice"), &repetition, at(1)).await.unwrap();
            let RotationOutcome::InGrace { from_another_client, .. } = outcome else { panic!("{outcome:?}") };
            assert_eq!(from_another_client, is_another, "{who:?}");
        }
    }

    /// Compared with the client of the last rotation, not with that of the login.
    async fn each_rotation_notes_its_client(t) {
        open(&*t.store, "alice", 1, 0).await;
        for (presented, successor, who) in
            [("0", "1", Some("one")), ("1", "2", None), ("2", "3", Some("another")), ("3", "4", Some("one"))]
        {
            let mut rotation = exchange(1, presented, successor);
            rotation.fingerprint = who.map(fingerprint);
            assert_eq!(kind(&t.store.rotate(&owner("alice"), &rotation, NOW).await.unwrap()), "rotated");
            for other in [Some("one"), Some("another"), None] {
                rotation.fingerprint = other.map(fingerprint);
                let outcome = t.store.rotate(&owner("alice"), &rotation, NOW).await.unwrap();
                let RotationOutcome::InGrace { from_another_client, .. } = outcome else { panic!("{outcome:?}") };
                assert_eq!(from_another_client, who != other, "{who:?} {other:?}");
            }
        }
    }

    async fn a_window_that_is_bound_to_its_client_is_closed_to_others(t) {
        for (number, who, expected) in [
            (1, Some(fingerprint("a browser")), "in grace"),
            (2, Some(fingerprint("another")), "reused"),
            (3, None, "reused"),
        ] {
            open(&*t.store, "alice", number, 0).await;
            rotate(&*t.store, "alice", number, ("0", "1"), 0).await;
            let mut repetition = exchange(number, "0", "x");
            (repetition.fingerprint, repetition.bound_to_client) = (who, true);
            let outcome = t.store.rotate(&owner("alice"), &repetition, at(1)).await.unwrap();
            assert_eq!(kind(&outcome), expected, "{who:?}");
        }
        assert_eq!(listed(&*t.store, "alice", 1).await, [sid(1)]);
        // The head is not bound to a client.
        let mut head = exchange(1, "1", "2");
        (head.fingerprint, head.bound_to_client) = (Some(fingerprint("another")), true);
        assert_eq!(kind(&t.store.rotate(&owner("alice"), &head, at(2)).await.unwrap()), "rotated");
    }
}
