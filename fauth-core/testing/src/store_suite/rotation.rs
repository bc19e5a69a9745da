//! Refresh-token rotation: each outcome, and each boundary between two.

use fauth_core::store::{RotationOutcome, SessionStore as _};

use super::{
    NOW,
    samples::{
        ABSOLUTE, GRACE, IDLE, at, exchange, kind, listed, login, nonce_of, open, owner, refreshed, rotate,
        seconds, sid,
    },
    store_cases,
};

store_cases! { $ __store_rotation_tests in rotation for SessionStore;
    async fn the_head_is_exchanged(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        let outcome = rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        let session = refreshed(&session, 5);
        assert_eq!(outcome, RotationOutcome::Rotated(session.clone()));
        assert_eq!(t.store.list(&owner("alice"), at(5)).await.unwrap(), [session]);
    }

    async fn the_successor_is_exchanged_in_turn(t) {
        open(&*t.store, "alice", 1, 0).await;
        for (presented, successor) in [("0", "1"), ("1", "2"), ("2", "3")] {
            let outcome = rotate(&*t.store, "alice", 1, (presented, successor), 1).await;
            assert_eq!(kind(&outcome), "rotated", "{presented}");
        }
    }

    /// A client that lost the response gets the same successor: the nonce is that of the first
    /// rotation.
    async fn the_predecessor_in_grace_changes_nothing(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        let outcome = rotate(&*t.store, "alice", 1, ("0", "other"), 8).await;
        let session = refreshed(&session, 5);
        let in_grace = RotationOutcome::InGrace {
            session: session.clone(),
            nonce: nonce_of("1"),
            rotated_at: at(5),
            from_another_client: false,
        };
        assert_eq!(outcome, in_grace);
        assert_eq!(t.store.list(&owner("alice"), at(8)).await.unwrap(), [session]);
        assert_eq!(rotate(&*t.store, "alice", 1, ("0", "another"), 8).await, in_grace, "and once more");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), 9).await), "rotated");
    }

    async fn what_was_made_in_grace_is_not_the_head(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        rotate(&*t.store, "alice", 1, ("0", "other"), 6).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("other", "2"), 7).await), "reused");
    }

    async fn one_second_before_the_end_of_the_window_is_in_grace(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 5 + GRACE - 1).await), "in grace");
    }

    async fn the_end_of_the_window_is_reuse(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 5 + GRACE).await), "reused");
    }

    /// The window starts with the rotation, not with later events.
    async fn grace_does_not_prolong_itself(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        for second in [4, 8] {
            assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), second).await), "in grace");
        }
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), GRACE).await), "reused");
    }

    async fn without_grace_the_predecessor_is_reuse_at_once(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        let mut rotation = exchange(1, "0", "x");
        rotation.grace = seconds(0);
        assert_eq!(kind(&t.store.rotate(&owner("alice"), &rotation, NOW).await.unwrap()), "reused");
    }

    async fn a_long_grace_is_as_long_as_it_says(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        for (second, expected) in [(59, "in grace"), (60, "reused")] {
            let mut rotation = exchange(1, "0", "x");
            rotation.grace = seconds(60);
            let outcome = t.store.rotate(&owner("alice"), &rotation, at(second)).await.unwrap();
            assert_eq!(kind(&outcome), expected);
        }
    }

    async fn two_back_is_reuse_also_in_the_same_second(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        rotate(&*t.store, "alice", 1, ("1", "2"), 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "x"), 0).await), "in grace");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 0).await), "reused");
    }

    async fn a_token_that_never_was_is_reuse(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("never", "1"), 0).await), "reused");
        open(&*t.store, "alice", 2, 0).await;
        rotate(&*t.store, "alice", 2, ("0", "1"), 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("never", "1"), 0).await), "reused");
    }

    async fn reuse_ends_the_session_and_no_other(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 1).await;
        let outcome = rotate(&*t.store, "alice", 1, ("0", "x"), 50).await;
        assert_eq!(outcome, RotationOutcome::Reused(refreshed(&session, 1)));
        assert_eq!(listed(&*t.store, "alice", 50).await, [sid(2)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 50).await), "rotated");
    }

    /// The thief and the owner: neither continues, and only one call has ended the session.
    async fn after_reuse_every_token_of_the_session_is_refused(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        rotate(&*t.store, "alice", 1, ("1", "2"), 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 0).await), "reused");
        for presented in ["0", "1", "2", "x", "never"] {
            let outcome = rotate(&*t.store, "alice", 1, (presented, "y"), 0).await;
            assert_eq!(kind(&outcome), "ended", "{presented}");
        }
    }

    async fn an_unknown_session_is_unknown(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 0).await), "unknown");
        assert_eq!(listed(&*t.store, "alice", 0).await, [sid(1)]);
    }

    /// The same hash in two sessions: each is exchanged in its own.
    async fn a_token_counts_in_its_own_session_only(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 1).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 2).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("1", "2"), 2).await), "reused");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), 2).await), "rotated");
    }

    async fn a_refresh_moves_the_idle_end(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), IDLE - 1).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), 2 * IDLE - 2).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("2", "3"), 3 * IDLE - 2).await), "expired");
    }

    async fn the_idle_end_is_exact(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), IDLE).await), "expired");
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), IDLE - 1).await), "rotated");
    }

    async fn no_refresh_moves_the_absolute_end(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        let mut number = 0;
        while (number + 1) * (IDLE - 1) < ABSOLUTE {
            let (presented, successor) = (number.to_string(), (number + 1).to_string());
            number += 1;
            let second = number * (IDLE - 1);
            let outcome = rotate(&*t.store, "alice", 1, (&presented, &successor), second).await;
            let RotationOutcome::Rotated(seen) = outcome else { panic!("{outcome:?}") };
            assert_eq!(seen.expires_at, session.expires_at);
        }
        assert_eq!(listed(&*t.store, "alice", ABSOLUTE - 1).await, [sid(1)]);
        let head = number.to_string();
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, (&head, "x"), ABSOLUTE).await), "expired");
        assert_eq!(listed(&*t.store, "alice", ABSOLUTE).await, []);
    }

    /// Grace does not revive an ended session.
    async fn the_predecessor_of_an_expired_session_is_expired(t) {
        let mut new = login("alice", 1, 0);
        new.session.expires_at = at(8);
        t.store.open(new, NOW).await.unwrap();
        rotate(&*t.store, "alice", 1, ("0", "1"), 5).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 7).await), "in grace");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 8).await), "expired");
    }

    async fn grace_does_not_move_the_idle_end(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), GRACE - 1).await), "in grace");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), IDLE).await), "expired");
    }

    async fn an_ended_session_is_ended(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 0).await;
        t.store.end(&owner("alice"), &sid(1), NOW).await.unwrap();
        for presented in ["0", "1", "never"] {
            let outcome = rotate(&*t.store, "alice", 1, (presented, "x"), 1).await;
            assert_eq!(kind(&outcome), "ended", "{presented}");
        }
    }

    async fn a_clock_that_jumps_back_a_little_is_in_grace(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 100).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 100 - GRACE + 1).await), "in grace");
    }

    async fn a_clock_that_jumps_back_beyond_the_window_is_reuse(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 100).await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 100 - GRACE).await), "reused");
    }

    /// Nothing is lost either: the head is valid whatever the clock says.
    async fn what_was_seen_last_never_goes_back(t) {
        open(&*t.store, "alice", 1, 0).await;
        rotate(&*t.store, "alice", 1, ("0", "1"), 100).await;
        let outcome = rotate(&*t.store, "alice", 1, ("1", "2"), 50).await;
        let RotationOutcome::Rotated(session) = outcome else { panic!("{outcome:?}") };
        assert_eq!(session.last_seen_at, at(100));
        assert_eq!(t.store.list(&owner("alice"), at(50)).await.unwrap(), [session]);
        // The window starts at the rotation, not at the last use.
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "x"), 50 + GRACE - 1).await), "in grace");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "x"), 50 + GRACE).await), "reused");
    }

    async fn another_instance_goes_on_where_the_first_stopped(t) {
        open(&*t.store, "alice", 1, 0).await;
        let other = t.again().await;
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 1).await), "rotated");
        assert_eq!(kind(&rotate(&*other, "alice", 1, ("0", "x"), 2).await), "in grace");
        assert_eq!(kind(&rotate(&*other, "alice", 1, ("1", "2"), 3).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "x"), 4).await), "reused");
        assert_eq!(kind(&rotate(&*other, "alice", 1, ("2", "3"), 4).await), "ended");
    }
}
