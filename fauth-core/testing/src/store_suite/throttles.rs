//! Records of login attempts.

use std::sync::Arc;

use fauth_core::{
    clock::Timestamp,
    store::{MAX_THROTTLE_RECORD_BYTES, ThrottleKey, ThrottleKind, ThrottleRecord, ThrottleStore},
};

use super::{NOW, races::all_at_once, samples::at, store_cases};

/// How many attempts race, and how many of them pass.
const ATTEMPTS: usize = 1000;
const MOST: u8 = 7;

fn key(number: u8) -> ThrottleKey {
    ThrottleKey::new(ThrottleKind::Account, [number; 32])
}

fn record(bytes: &[u8]) -> ThrottleRecord {
    ThrottleRecord { bytes: bytes.to_vec(), kept_until: at(600) }
}

async fn replace(store: &impl ThrottleStore, key: ThrottleKey, before: Option<&[u8]>, after: &[u8]) -> bool {
    store.replace_counter(&key, before, &record(after), NOW).await.unwrap()
}

async fn read(store: &impl ThrottleStore, key: ThrottleKey) -> Option<Vec<u8>> {
    store.counter(&key, NOW).await.unwrap()
}

/// Counts an attempt like the throttle; `false` if it is refused.
async fn attempt(store: &impl ThrottleStore, key: ThrottleKey) -> bool {
    loop {
        let before = read(store, key).await;
        let count = before.as_ref().map_or(0, |before| before[0]);
        if count == MOST {
            return false;
        }
        if replace(store, key, before.as_deref(), &[count + 1]).await {
            return true;
        }
    }
}

store_cases! { $ __store_throttles_tests in throttles for ThrottleStore;
    async fn there_is_no_record_at_first(t) {
        assert_eq!(read(&*t.store, key(1)).await, None);
        assert!(!t.store.remove_counter(&key(1), NOW).await.unwrap());
    }

    async fn a_record_comes_back_as_it_was_written(t) {
        let every_byte: Vec<_> = (0..=255).collect();
        let longest = vec![0; MAX_THROTTLE_RECORD_BYTES];
        for (number, bytes) in (0..).zip([&[0][..], &[1, 0, 255], &every_byte, &longest]) {
            assert!(replace(&*t.store, key(number), None, bytes).await);
            assert_eq!(read(&*t.store, key(number)).await.as_deref(), Some(bytes));
        }
    }

    async fn a_record_is_replaced_if_it_is_the_one_that_was_read(t) {
        assert!(replace(&*t.store, key(1), None, b"one").await);
        assert!(replace(&*t.store, key(1), Some(b"one"), b"two").await);
        for wrong in [None, Some(&b"one"[..]), Some(b"tw"), Some(b"two\0"), Some(b"TWO")] {
            assert!(!replace(&*t.store, key(1), wrong, b"three").await, "{wrong:?}");
        }
        assert_eq!(read(&*t.store, key(1)).await.as_deref(), Some(&b"two"[..]));
        assert!(!replace(&*t.store, key(2), Some(b"two"), b"three").await, "there is none");
        assert_eq!(read(&*t.store, key(2)).await, None);
    }

    async fn the_same_again_is_a_change_too(t) {
        assert!(replace(&*t.store, key(1), None, b"one").await);
        assert!(replace(&*t.store, key(1), Some(b"one"), b"one").await);
    }

    async fn names_and_kinds_are_apart(t) {
        let kinds = [ThrottleKind::Account, ThrottleKind::Address, ThrottleKind::Familiar];
        let keys: Vec<_> = (0..).zip(kinds).map(|(number, kind)| ThrottleKey::new(kind, [number; 32])).collect();
        for key in &keys {
            assert!(replace(&*t.store, *key, None, &key.as_bytes()[..1].repeat(2)).await);
        }
        for (number, key) in (0..).zip(&keys) {
            assert_eq!(read(&*t.store, *key).await, Some(vec![number; 2]));
        }
        assert!(t.store.remove_counter(&keys[0], NOW).await.unwrap());
        assert!(read(&*t.store, keys[1]).await.is_some());
    }

    async fn a_record_is_removed(t) {
        assert!(replace(&*t.store, key(1), None, b"one").await);
        assert!(t.store.remove_counter(&key(1), NOW).await.unwrap());
        assert!(!t.store.remove_counter(&key(1), NOW).await.unwrap());
        assert_eq!(read(&*t.store, key(1)).await, None);
        assert!(replace(&*t.store, key(1), None, b"two").await);
    }

    /// However many others there are, and whatever the clock of another instance shows.
    async fn a_record_is_there_until_its_end(t) {
        assert!(replace(&*t.store, key(1), None, b"one").await);
        for number in 2..50 {
            let after = ThrottleRecord { bytes: vec![number], kept_until: at(i64::from(number)) };
            assert!(t.store.replace_counter(&key(number), None, &after, at(590)).await.unwrap());
        }
        assert_eq!(t.store.counter(&key(1), at(599)).await.unwrap().as_deref(), Some(&b"one"[..]));
    }

    async fn ends_may_be_far_away_or_over(t) {
        for (number, kept_until) in (0..).zip([Timestamp::MAX, at(0), at(-5)]) {
            let after = ThrottleRecord { bytes: vec![1], kept_until };
            assert!(t.store.replace_counter(&key(number), None, &after, NOW).await.unwrap());
        }
        assert_eq!(read(&*t.store, key(0)).await, Some(vec![1]));
    }

    async fn a_second_instance_sees_the_same(t) {
        let other = t.again().await;
        assert!(replace(&*t.store, key(1), None, b"one").await);
        assert_eq!(read(&*other, key(1)).await.as_deref(), Some(&b"one"[..]));
        assert!(replace(&*other, key(1), Some(b"one"), b"two").await);
        assert!(!replace(&*t.store, key(1), Some(b"one"), b"three").await);
        assert_eq!(read(&*t.stranger().await, key(1)).await, None);
    }

    /// Of a thousand concurrent attempts at two instances, exactly as many pass as in sequence.
    async fn a_thousand_attempts_at_once_are_counted_exactly(t) {
        let stores = t.instances(50).await;
        let calls = stores.into_iter().map(|store: Arc<_>| async move {
            let mut passed = 0;
            for _ in 0..ATTEMPTS / 50 {
                passed += u8::from(attempt(&*store, key(1)).await);
            }
            passed
        });
        assert_eq!(all_at_once(calls).await.into_iter().sum::<u8>(), MOST);
        assert_eq!(read(&*t.store, key(1)).await, Some(vec![MOST]));
    }

    async fn sixteen_who_replace_the_same_have_one_winner(t) {
        for round in 0..20 {
            let calls = (0..).zip(t.instances(16).await).map(|(runner, store)| async move {
                replace(&*store, key(round), None, &[runner]).await
            });
            assert_eq!(all_at_once(calls).await.into_iter().filter(|won| *won).count(), 1);
        }
    }
}
