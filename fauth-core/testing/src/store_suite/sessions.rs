//! Opened and listed sessions.

use fauth_core::{
    clock::Timestamp,
    store::{Owner, SessionStore as _},
};

use super::{
    NOW,
    samples::{IDLE, at, exchange, ids, kind, listed, login, open, owner, rotate, seconds, sid},
    store_cases,
};

store_cases! { $ __store_sessions_tests in sessions for SessionStore;
    async fn an_opened_session_is_listed_as_it_is(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), [session]);
    }

    async fn a_fresh_store_lists_nothing(t) {
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), []);
    }

    async fn nobody_sees_the_sessions_of_others(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "bob", 2, 0).await;
        assert_eq!(listed(&*t.store, "alice", 0).await, [sid(1)]);
        assert_eq!(listed(&*t.store, "bob", 0).await, [sid(2)]);
        for stranger in ["Alice", "alice ", "alic", "alicee", "%", "alic_", "*", "alice*"] {
            assert_eq!(listed(&*t.store, stranger, 0).await, [], "{stranger:?}");
        }
    }

    async fn the_one_seen_last_comes_first(t) {
        for (number, seconds) in [(1, 10), (2, 30), (3, 20)] {
            open(&*t.store, "alice", number, seconds).await;
        }
        assert_eq!(listed(&*t.store, "alice", 30).await, [sid(2), sid(3), sid(1)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 40).await), "rotated");
        assert_eq!(listed(&*t.store, "alice", 40).await, [sid(1), sid(2), sid(3)]);
    }

    async fn every_field_comes_back(t) {
        // 255 bytes of several scripts.
        let subject = format!("{}ß日本é", "ä".repeat(122)) + "x";
        assert_eq!(subject.len(), 255);
        let mut new = login(&Owner::new("shop", "https://issuer.example/ß", subject), 1, 0);
        // 256 bytes with everything that a backend may have to escape.
        let odd = "\"'`\\;,:|{}[]()<>%_*?$&#@!~^=+-/ \t\r\n\u{1b}\u{7f}\u{200e}é日本🦀";
        let client = format!("{odd}{}", "x".repeat(256 - odd.len()));
        assert_eq!(client.len(), 256);
        new.session.client = Some(client);
        new.session.remembered = true;
        new.session.address = Some("2001:db8::ff00:42:8329".parse().unwrap());
        t.store.open(new.clone(), NOW).await.unwrap();
        assert_eq!(t.store.list(&new.session.owner, NOW).await.unwrap(), [new.session]);
    }

    async fn what_is_not_known_comes_back_as_not_known(t) {
        let mut new = login("alice", 1, 0);
        (new.session.client, new.session.address) = (None, None);
        t.store.open(new.clone(), NOW).await.unwrap();
        let mut other = login("alice", 2, -1);
        other.session.client = Some(String::new());
        other.session.address = Some("0.0.0.0".parse().unwrap());
        t.store.open(other.clone(), NOW).await.unwrap();
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), [new.session, other.session]);
    }

    async fn addresses_come_back_as_they_were(t) {
        let addresses = ["127.0.0.1", "255.255.255.255", "::", "::1", "::ffff:192.0.2.1", "fe80::1"];
        for (number, address) in (1..).zip(addresses) {
            let mut new = login("alice", number, -i64::from(number));
            new.session.address = Some(address.parse().unwrap());
            t.store.open(new, NOW).await.unwrap();
        }
        let list = t.store.list(&owner("alice"), NOW).await.unwrap();
        let back: Vec<_> = list.iter().map(|session| session.address.unwrap().to_string()).collect();
        assert_eq!(back, addresses);
    }

    async fn times_may_be_far_away(t) {
        let mut new = login("alice", 1, 0);
        new.session.created_at = Timestamp::from_unix_seconds(0);
        new.session.expires_at = Timestamp::MAX;
        new.session.idle_timeout = Timestamp::MAX.since(NOW);
        t.store.open(new.clone(), NOW).await.unwrap();
        assert_eq!(t.store.list(&owner("alice"), NOW).await.unwrap(), [new.session.clone()]);
        let last = Timestamp::from_unix_seconds(Timestamp::MAX.unix_seconds() - 1);
        for (presented, successor, now, expected) in
            [("0", "1", last, "rotated"), ("1", "2", Timestamp::MAX, "expired")]
        {
            let rotation = exchange(1, presented, successor);
            assert_eq!(kind(&t.store.rotate(&owner("alice"), &rotation, now).await.unwrap()), expected);
        }
    }

    async fn one_that_ended_by_itself_is_not_listed(t) {
        open(&*t.store, "alice", 1, 0).await;
        let mut short = login("alice", 2, 0);
        short.session.expires_at = at(IDLE / 2);
        t.store.open(short, NOW).await.unwrap();
        assert_eq!(listed(&*t.store, "alice", IDLE / 2 - 1).await.len(), 2);
        assert_eq!(listed(&*t.store, "alice", IDLE / 2).await, [sid(1)]);
        assert_eq!(listed(&*t.store, "alice", IDLE - 1).await, [sid(1)]);
        assert_eq!(listed(&*t.store, "alice", IDLE).await, []);
    }

    async fn an_owner_opens_an_id_once(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        assert!(t.store.open(login("alice", 1, 5), at(5)).await.is_err());
        assert_eq!(t.store.list(&owner("alice"), at(5)).await.unwrap(), [session]);
    }

    async fn another_owner_may_have_a_session_of_the_same_id(t) {
        let first = open(&*t.store, "alice", 1, 0).await;
        let second = open(&*t.store, "bob", 1, 5).await;
        assert_eq!(t.store.list(&owner("alice"), at(5)).await.unwrap(), [first]);
        assert_eq!(t.store.list(&owner("bob"), at(5)).await.unwrap(), [second]);
    }

    /// Nothing has changed then.
    async fn a_refused_opening_ends_nothing(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alice", 2, 1).await;
        let mut again = login("alice", 2, 5);
        again.limit = 1;
        assert!(t.store.open(again, at(5)).await.is_err());
        assert_eq!(listed(&*t.store, "alice", 5).await, [sid(2), sid(1)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 5).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 5).await), "rotated");
    }

    async fn an_ended_session_is_not_opened_again(t) {
        open(&*t.store, "alice", 1, 0).await;
        assert!(t.store.end(&owner("alice"), &sid(1), at(1)).await.unwrap().is_some());
        assert!(t.store.open(login("alice", 1, 0), at(2)).await.is_err());
        assert_eq!(listed(&*t.store, "alice", 2).await, []);
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 2).await), "ended");
    }

    async fn the_limit_is_kept_and_one_more_ends_the_one_seen_longest_ago(t) {
        for (number, seconds) in [(1, 0), (2, 1), (3, 2)] {
            let mut new = login("alice", number, seconds);
            new.limit = 3;
            assert_eq!(t.store.open(new, at(seconds)).await.unwrap(), []);
        }
        // The first is now the most recently used.
        rotate(&*t.store, "alice", 1, ("0", "1"), 3).await;
        let mut new = login("alice", 4, 4);
        new.limit = 3;
        assert_eq!(ids(t.store.open(new, at(4)).await.unwrap()), [sid(2)]);
        assert_eq!(listed(&*t.store, "alice", 4).await, [sid(4), sid(1), sid(3)]);
        assert_eq!(kind(&rotate(&*t.store, "alice", 2, ("0", "1"), 4).await), "ended");
    }

    async fn a_lower_limit_ends_as_many_as_are_too_many(t) {
        for number in 1..=5 {
            open(&*t.store, "alice", number, i64::from(number)).await;
        }
        let mut new = login("alice", 6, 6);
        new.limit = 2;
        let ended = ids(t.store.open(new, at(6)).await.unwrap());
        assert_eq!(ended, [sid(1), sid(2), sid(3), sid(4)]);
        assert_eq!(listed(&*t.store, "alice", 6).await, [sid(6), sid(5)]);
    }

    async fn a_limit_of_one_leaves_the_new_one(t) {
        open(&*t.store, "alice", 1, 0).await;
        let mut new = login("alice", 2, 1);
        new.limit = 1;
        assert_eq!(ids(t.store.open(new, at(1)).await.unwrap()), [sid(1)]);
        assert_eq!(listed(&*t.store, "alice", 1).await, [sid(2)]);
    }

    async fn the_limit_counts_neither_ended_nor_expired_sessions(t) {
        let mut short = login("alice", 1, 0);
        short.session.idle_timeout = seconds(5);
        t.store.open(short, NOW).await.unwrap();
        open(&*t.store, "alice", 2, 1).await;
        open(&*t.store, "alice", 3, 2).await;
        t.store.end(&owner("alice"), &sid(2), at(3)).await.unwrap();
        let mut new = login("alice", 4, 6);
        new.limit = 2;
        assert_eq!(t.store.open(new, at(6)).await.unwrap(), []);
        assert_eq!(listed(&*t.store, "alice", 6).await, [sid(4), sid(3)]);
    }

    async fn the_limit_is_for_each_owner(t) {
        open(&*t.store, "alice", 1, 0).await;
        open(&*t.store, "alic", 2, 0).await;
        let mut new = login("bob", 3, 1);
        new.limit = 1;
        assert_eq!(t.store.open(new, at(1)).await.unwrap(), []);
        assert_eq!(listed(&*t.store, "alice", 1).await, [sid(1)]);
        assert_eq!(listed(&*t.store, "alic", 1).await, [sid(2)]);
    }

    async fn a_second_instance_sees_the_same(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        let other = t.again().await;
        assert_eq!(other.list(&owner("alice"), NOW).await.unwrap(), [session]);
        open(&*other, "alice", 2, 1).await;
        assert_eq!(listed(&*t.store, "alice", 1).await, [sid(2), sid(1)]);
        assert!(t.store.open(login("alice", 2, 1), at(1)).await.is_err());
    }

    /// A store deletes what has expired, and nothing else.
    async fn what_is_live_outlasts_what_has_expired(t) {
        open(&*t.store, "alice", 1, 0).await;
        for number in 2..100 {
            let mut short = login("bob", number, 0);
            short.session.expires_at = at(1);
            t.store.open(short, NOW).await.unwrap();
        }
        for step in 1..=50_u8 {
            // Each refresh keeps the first one alive.
            let (presented, successor) = ((step - 1).to_string(), step.to_string());
            let time = i64::from(step) * 190;
            let outcome = rotate(&*t.store, "alice", 1, (&presented, &successor), time).await;
            assert_eq!(kind(&outcome), "rotated", "{time}");
            open(&*t.store, "bob", 99 + step, time).await;
        }
        assert!(listed(&*t.store, "alice", 9_500).await.contains(&sid(1)));
        // The last six are within the idle timeout.
        assert_eq!(listed(&*t.store, "bob", 9_500).await.len(), 6);
    }
}
