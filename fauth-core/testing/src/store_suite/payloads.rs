//! The payload of sessions, and sessions that requests extend.

use std::sync::Arc;

use fauth_core::{
    MAX_PAYLOAD_BYTES,
    store::{
        LoadedSession, NewSession, Owner, PayloadChange, PayloadOutcome, Prolonging, Session,
        SessionStore as _,
    },
};
use tokio::task::JoinSet;

use super::{
    NOW,
    samples::{ABSOLUTE, ACCESS, IDLE, at, kind, listed, login, open, owner, rotate, seconds, sid},
    store_cases,
};

/// Session `number` of alice with this payload.
fn with(number: u8, payload: &str) -> NewSession {
    NewSession { payload: Some(payload.into()), ..login("alice", number, 0) }
}

fn change(before: Option<&str>, after: Option<&str>) -> PayloadChange {
    PayloadChange { before: before.map(Into::into), after: after.map(Into::into) }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what is compared")]
fn loaded(session: &Session, payload: Option<&str>) -> Option<LoadedSession> {
    Some(LoadedSession { session: session.clone(), payload: payload.map(Into::into) })
}

store_cases! { $ __store_payloads_tests in payloads for SessionStore;
    async fn a_payload_is_loaded_with_its_session(t) {
        let new = with(1, "{\"cart\":[7]}");
        t.store.open(new.clone(), NOW).await.unwrap();
        let other = open(&*t.store, "alice", 2, 0).await;
        let alice = owner("alice");
        assert_eq!(t.store.load(&alice, &sid(1), NOW).await.unwrap(), loaded(&new.session, Some("{\"cart\":[7]}")));
        assert_eq!(t.store.load(&alice, &sid(2), NOW).await.unwrap(), loaded(&other, None));
        assert_eq!(t.store.load(&alice, &sid(3), NOW).await.unwrap(), None);
        let again = t.again().await;
        assert_eq!(again.load(&alice, &sid(1), NOW).await.unwrap(), loaded(&new.session, Some("{\"cart\":[7]}")));
    }

    async fn a_payload_comes_back_byte_for_byte(t) {
        let odd = "\"'`\\;,:|{}[]()<>%_*?$&#@!~^=+-/ \t\r\n\u{1b}\u{7f}\u{200e}é日本🦀";
        let longest = format!("{odd}{}", "x".repeat(MAX_PAYLOAD_BYTES - odd.len()));
        assert_eq!(longest.len(), MAX_PAYLOAD_BYTES);
        for (number, payload) in (1..).zip(["", "null", "0", odd, &longest]) {
            let new = with(number, payload);
            t.store.open(new.clone(), NOW).await.unwrap();
            let found = t.store.load(&owner("alice"), &sid(number), NOW).await.unwrap();
            assert_eq!(found, loaded(&new.session, Some(payload)));
            let change = change(Some(payload), Some(&longest));
            let outcome = t.store.change_payload(&owner("alice"), &sid(number), &change, NOW).await.unwrap();
            assert_eq!(outcome, PayloadOutcome::Changed);
            let found = t.store.load(&owner("alice"), &sid(number), NOW).await.unwrap();
            assert_eq!(found, loaded(&new.session, Some(&longest)));
        }
    }

    async fn a_payload_gives_way_only_to_who_has_read_it(t) {
        let session = open(&*t.store, "alice", 1, 0).await;
        let alice = owner("alice");
        for (before, after, outcome, then) in [
            (Some("1"), Some("2"), PayloadOutcome::Differs, None),
            (None, Some("1"), PayloadOutcome::Changed, Some("1")),
            (None, Some("2"), PayloadOutcome::Differs, Some("1")),
            (Some("2"), Some("3"), PayloadOutcome::Differs, Some("1")),
            (Some("1"), Some("2"), PayloadOutcome::Changed, Some("2")),
            // It was done already; trying again does no harm.
            (Some("1"), Some("2"), PayloadOutcome::Changed, Some("2")),
            (Some("2"), Some("2"), PayloadOutcome::Changed, Some("2")),
            (Some("1"), None, PayloadOutcome::Differs, Some("2")),
            (None, None, PayloadOutcome::Differs, Some("2")),
            (Some("2"), None, PayloadOutcome::Changed, None),
            (Some("2"), None, PayloadOutcome::Changed, None),
            (None, None, PayloadOutcome::Changed, None),
            (None, Some(""), PayloadOutcome::Changed, Some("")),
            (None, Some("1"), PayloadOutcome::Differs, Some("")),
        ] {
            let change = change(before, after);
            let got = t.store.change_payload(&alice, &sid(1), &change, NOW).await.unwrap();
            assert_eq!(got, outcome, "{change:?}");
            assert_eq!(t.store.load(&alice, &sid(1), NOW).await.unwrap(), loaded(&session, then), "{change:?}");
        }
        // The session itself is unchanged.
        assert_eq!(t.store.list(&alice, NOW).await.unwrap(), [session]);
    }

    async fn nobody_sees_or_changes_the_payload_of_others(t) {
        let mine = with(1, "mine");
        t.store.open(mine.clone(), NOW).await.unwrap();
        let strangers = [
            Owner::new("default", "", "bob"),
            Owner::new("default", "", "Alice"),
            Owner::new("other", "", "alice"),
            Owner::new("default", "https://issuer.example", "alice"),
        ];
        for stranger in &strangers {
            assert_eq!(t.store.load(stranger, &sid(1), NOW).await.unwrap(), None);
            assert_eq!(t.store.prolong(stranger, &sid(1), at(IDLE - 1)).await.unwrap(), None);
            let theft = change(Some("mine"), Some("theirs"));
            let outcome = t.store.change_payload(stranger, &sid(1), &theft, NOW).await.unwrap();
            assert_eq!(outcome, PayloadOutcome::NotLive);
            // The same id of another owner is another session.
            let new = NewSession { payload: Some("theirs".into()), ..login(stranger, 1, 0) };
            t.store.open(new.clone(), NOW).await.unwrap();
            assert_eq!(t.store.load(stranger, &sid(1), NOW).await.unwrap(), loaded(&new.session, Some("theirs")));
        }
        let found = t.store.load(&owner("alice"), &sid(1), NOW).await.unwrap();
        assert_eq!(found, loaded(&mine.session, Some("mine")));
    }

    async fn a_payload_goes_with_its_session(t) {
        for (number, way) in (1..).zip(["end", "end_all", "rotate", "limit", "forget", "expire"]) {
            t.store.open(with(number, "secret"), NOW).await.unwrap();
            let (alice, id) = (owner("alice"), sid(number));
            let mut then = NOW;
            match way {
                "end" => drop(t.store.end(&alice, &id, NOW).await.unwrap().unwrap()),
                "end_all" => drop(t.store.end_all(&alice, None, NOW).await.unwrap()),
                "rotate" => {
                    assert_eq!(kind(&rotate(&*t.store, "alice", number, ("a copy", "x"), 0).await), "reused");
                }
                "limit" => {
                    let new = NewSession { limit: 1, ..login("alice", 100, 1) };
                    assert_eq!(t.store.open(new, at(1)).await.unwrap().len(), 1);
                }
                "forget" => drop(t.store.forget(&alice, NOW).await.unwrap()),
                _ => then = at(IDLE),
            }
            assert_eq!(t.store.load(&alice, &id, then).await.unwrap(), None, "{way}");
            assert_eq!(t.store.prolong(&alice, &id, then).await.unwrap(), None, "{way}");
            for change in [change(Some("secret"), Some("x")), change(None, Some("x")), change(None, None)] {
                let outcome = t.store.change_payload(&alice, &id, &change, then).await.unwrap();
                assert_eq!(outcome, PayloadOutcome::NotLive, "{way}");
            }
        }
    }

    async fn a_payload_survives_refreshing_and_whatever_carries_the_session_on(t) {
        t.store.open(with(1, "kept"), NOW).await.unwrap();
        let alice = owner("alice");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 10).await), "rotated");
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("0", "1"), 12).await), "in grace");
        let session = t.store.prolong(&alice, &sid(1), at(600)).await.unwrap().unwrap();
        assert_eq!(session.last_seen_at, at(600));
        assert_eq!(t.store.load(&alice, &sid(1), at(600)).await.unwrap(), loaded(&session, Some("kept")));
        // And the reverse.
        let outcome = t.store.change_payload(&alice, &sid(1), &change(Some("kept"), Some("new")), at(601)).await;
        assert_eq!(outcome.unwrap(), PayloadOutcome::Changed);
        assert_eq!(kind(&rotate(&*t.store, "alice", 1, ("1", "2"), 602).await), "rotated");
        let found = t.store.load(&alice, &sid(1), at(602)).await.unwrap().unwrap();
        assert_eq!((found.session.last_seen_at, found.payload.as_deref()), (at(602), Some("new")));
    }

    /// Each round is one of the rule's cases: the store and the rule agree.
    async fn a_session_is_carried_on_as_the_rule_says(t) {
        let mut expected = open(&*t.store, "alice", 1, 0).await;
        let alice = owner("alice");
        for now in [0, 1, 499, 500, 501, 999, 1_000, 1_498, 1_499, 1_500, 100, 2_400, 3_399, 4_398, 5_397, 6_396, 7_395,
            8_394, 9_393, 9_999, 10_000]
        {
            let answer = match Prolonging::of(&expected, at(now)) {
                Prolonging::Expired => None,
                Prolonging::Keep => Some(expected.clone()),
                Prolonging::Prolong { last_seen_at, tokens_end_at } => {
                    (expected.last_seen_at, expected.tokens_end_at) = (last_seen_at, tokens_end_at);
                    Some(expected.clone())
                }
            };
            assert_eq!(t.store.prolong(&alice, &sid(1), at(now)).await.unwrap(), answer, "{now}");
        }
        assert_eq!(expected.last_seen_at, at(9_999), "the rule was asked up to the end");
        assert_eq!(expected.expires_at, at(ABSOLUTE));
    }

    async fn an_odd_idle_timeout_has_its_half_rounded_up(t) {
        let mut new = login("alice", 1, 0);
        new.session.idle_timeout = seconds(5);
        t.store.open(new, NOW).await.unwrap();
        let seen = async |now| {
            t.store.prolong(&owner("alice"), &sid(1), at(now)).await.unwrap().unwrap().last_seen_at
        };
        assert_eq!((seen(2).await, seen(3).await, seen(5).await, seen(6).await), (at(0), at(3), at(3), at(6)));
    }

    async fn a_session_that_is_carried_on_is_live_and_covers_its_tokens(t) {
        open(&*t.store, "alice", 1, 0).await;
        let alice = owner("alice");
        t.store.prolong(&alice, &sid(1), at(IDLE - 1)).await.unwrap().unwrap();
        assert_eq!(listed(&*t.store, "alice", IDLE + 1).await, [sid(1)]);
        let ended = t.store.end(&alice, &sid(1), at(IDLE + 1)).await.unwrap().unwrap();
        assert_eq!(ended.tokens_end_at, at(2 * IDLE - 1), "not {}", at(ACCESS));
        assert_eq!(t.store.prolong(&alice, &sid(1), at(2 * IDLE - 2)).await.unwrap(), None);
        assert_eq!(listed(&*t.store, "alice", IDLE + 1).await, []);
    }

    /// Of several that have read the same payload, one wins, and all others are told.
    async fn of_32_changes_at_once_one_comes_through(t) {
        t.store.open(with(1, "before"), NOW).await.unwrap();
        let mut changes = JoinSet::new();
        for (number, store) in t.instances(32).await.into_iter().enumerate() {
            changes.spawn(async move {
                let after = number.to_string();
                let change = change(Some("before"), Some(&after));
                let outcome = store.change_payload(&owner("alice"), &sid(1), &change, NOW).await.unwrap();
                (outcome == PayloadOutcome::Changed).then_some(after)
            });
        }
        let won: Vec<_> = changes.join_all().await.into_iter().flatten().collect();
        let found = t.store.load(&owner("alice"), &sid(1), NOW).await.unwrap().unwrap();
        assert_eq!(won.len(), 1);
        assert_eq!(found.payload.as_deref(), Some(won[0].as_str()));
    }

    /// A list of visitors: no writer overwrites another's entry.
    async fn nothing_that_many_write_at_once_gets_lost(t) {
        t.store.open(with(1, ""), NOW).await.unwrap();
        let mut writing = JoinSet::new();
        for (number, store) in t.instances(16).await.into_iter().enumerate() {
            writing.spawn(async move {
                loop {
                    let found = store.load(&owner("alice"), &sid(1), NOW).await.unwrap().unwrap();
                    let before = found.payload.unwrap();
                    let change = change(Some(&before), Some(&format!("{before}{number},")));
                    let outcome = store.change_payload(&owner("alice"), &sid(1), &change, NOW).await.unwrap();
                    if outcome == PayloadOutcome::Changed {
                        break;
                    }
                }
            });
        }
        writing.join_all().await;
        let found = t.store.load(&owner("alice"), &sid(1), NOW).await.unwrap().unwrap();
        let mut there: Vec<u32> =
            found.payload.unwrap().split_terminator(',').map(|number| number.parse().unwrap()).collect();
        there.sort_unstable();
        assert_eq!(there, (0..16).collect::<Vec<_>>());
    }

    /// Either the call that ends the session learns how long its tokens last, or it is not extended
    /// any more.
    async fn of_an_end_and_what_carries_on_each_sees_the_other(t) {
        for number in 1..=20 {
            open(&*t.store, "alice", number, 0).await;
            let [one, other] = t.instances(2).await.try_into().map_err(drop).unwrap();
            let (end, prolong) = tokio::join!(
                tokio::spawn(async move { one.end(&owner("alice"), &sid(number), at(700)).await.unwrap() }),
                tokio::spawn(async move { other.prolong(&owner("alice"), &sid(number), at(700)).await.unwrap() }),
            );
            let (ended, prolonged) = (end.unwrap().unwrap(), prolong.unwrap());
            match prolonged {
                Some(session) => assert_eq!(ended.tokens_end_at, session.tokens_end_at),
                None => assert_eq!(ended.tokens_end_at, at(ACCESS)),
            }
            assert_eq!(Arc::clone(&t.store).load(&owner("alice"), &sid(number), at(700)).await.unwrap(), None);
        }
    }
}
