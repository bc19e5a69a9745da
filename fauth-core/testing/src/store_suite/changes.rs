//! Open connections: many tokens are judged at a time, and a store may announce changes.

use std::time::Duration;

use fauth_core::store::{
    Change, ChangeSender, Changes, Owner, RevocationStore,
    RevocationTarget::{self, Claim, Session, Subject, TokenId},
    Verdict,
};

use super::{
    NOW,
    samples::{Token, at, owner, token},
    store_cases,
};

/// The expiry of the revocations in these cases.
const UNTIL: i64 = 900;

/// Waits for an announcement about this target, and checks that the store knows it by then.
async fn hears(
    store: &impl RevocationStore,
    changes: &mut Changes,
    target: RevocationTarget<'_>,
    expected: Verdict,
) {
    let alice = owner("alice");
    let wanted = target.with_key(&alice, ChangeSender::hash);
    let heard = async {
        loop {
            match changes.next().await {
                Some(Change::Key(key)) if key != wanted => {}
                Some(_) => return,
                None => panic!("the store has stopped telling"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.expect("the store tells what has changed");
    let facts = if target == Subject { token("alice", 0, &[]) } else { token("alice", 0, &[target]) };
    assert_eq!(facts.check(store, 0).await, expected, "{target:?}");
}

/// Each way in which a verdict can change, through `writer`.
async fn each_change(reader: &impl RevocationStore, writer: &impl RevocationStore) {
    let Some(mut changes) = reader.changes() else { return };
    let alice = owner("alice");
    for target in [TokenId("t"), Session("s"), Claim { name: "device", value: "d" }] {
        writer.revoke(&alice, &[target], None, NOW, at(UNTIL)).await.unwrap();
        hears(reader, &mut changes, target, Verdict::Revoked).await;
    }
    let several = [TokenId("t1"), TokenId("t2"), TokenId("t3")];
    assert!(writer.revoke(&alice, &several, Some(100), NOW, at(UNTIL)).await.unwrap());
    hears(reader, &mut changes, TokenId("t3"), Verdict::Revoked).await;
    writer.raise_epoch(&alice, NOW, at(UNTIL)).await.unwrap();
    hears(reader, &mut changes, Subject, Verdict::OldEpoch).await;
    writer.forget(&alice, NOW, at(UNTIL)).await.unwrap();
    hears(reader, &mut changes, Subject, Verdict::OldEpoch).await;
    writer.revoke(&alice, &[Subject], None, NOW, at(UNTIL)).await.unwrap();
    hears(reader, &mut changes, Subject, Verdict::Revoked).await;
}

store_cases! { $ __store_changes_tests in changes for RevocationStore;
    async fn many_tokens_are_judged_as_each_of_them_is(t) {
        let long = "x".repeat(300);
        let names = ["alice", "bob", "Alice", "", "o'hara", "a\"b", "日本", "al%", "back\\slash", &long];
        let mut owners: Vec<Owner<'_>> = names.iter().map(|name| owner(name)).collect();
        owners.push(Owner::new("default", "https://issuer.example", "alice"));
        owners.push(Owner::new("other", "", "alice"));
        for (number, owner) in owners.iter().enumerate() {
            if number % 3 == 0 {
                t.store.raise_epoch(owner, NOW, at(UNTIL)).await.unwrap();
            }
            let id = (number % 4).to_string();
            let target = if number % 2 == 0 { TokenId(&id) } else { Session(&id) };
            t.store.revoke(owner, &[target], None, NOW, at(UNTIL)).await.unwrap();
        }
        t.store.revoke(&owner("bob"), &[Subject], None, NOW, at(UNTIL)).await.unwrap();
        let ids: Vec<_> = (0..1200).map(|number| number.to_string()).collect();
        let mut tokens: Vec<Token<'_>> = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let owner = &owners[number % owners.len()];
            let targets = [TokenId(&ids[number % 5]), Session(id)];
            let targets = if number % 7 == 0 { &targets[..0] } else { &targets };
            let epoch = if number % 2 == 0 { 0 } else { u64::MAX };
            let mut token = token(owner, epoch, targets);
            if number % 11 == 0 {
                token.issued_at = at(-1);
            }
            tokens.push(token);
        }
        // Only the epoch of this one is looked up.
        tokens[3].targets.clear();
        // A mirror that is newly opened has to catch up.
        let again = t.again().await;
        for store in [&*t.store, &*again] {
            let facts: Vec<_> = tokens.iter().map(Token::facts).collect();
            let verdicts = store.check_all(&facts, at(0)).await.unwrap();
            assert_eq!(verdicts.len(), tokens.len());
            for (token, verdict) in tokens.iter().zip(&verdicts) {
                assert_eq!(token.check(store, 0).await, *verdict, "{:?}", token.facts());
            }
            for verdict in [Verdict::Good, Verdict::Revoked, Verdict::OldEpoch] {
                assert!(verdicts.contains(&verdict), "{verdict:?}: the case is worth something");
            }
            assert_eq!(store.check_all(&facts[..1], at(0)).await.unwrap(), verdicts[..1]);
            let later = store.check_all(&facts, at(UNTIL)).await.unwrap();
            for (token, verdict) in tokens.iter().zip(&later) {
                assert_eq!(token.check(store, UNTIL).await, *verdict, "{:?}", token.facts());
            }
        }
    }

    async fn nobody_is_judged_where_nobody_is_asked_about(t) {
        assert_eq!(t.store.check_all(&[], NOW).await.unwrap(), []);
        let mut bare = token("alice", 0, &[]);
        bare.targets.clear();
        let same = [bare.facts(), bare.facts()];
        assert_eq!(t.store.check_all(&same, NOW).await.unwrap(), [Verdict::Good; 2]);
    }

    /// A store that announces nothing is polled, and passes.
    async fn a_store_that_tells_what_changes_tells_all_that_it_does(t) {
        each_change(&*t.store, &*t.store).await;
    }

    async fn a_store_that_tells_what_changes_tells_what_another_instance_does(t) {
        let again = t.again().await;
        each_change(&*t.store, &*again).await;
    }

    async fn what_is_told_passes_through_a_trait_object(t) {
        use std::sync::Arc;
        let store: Arc<dyn RevocationStore> = t.store.clone();
        assert_eq!(store.changes().is_some(), t.store.changes().is_some());
        let (good, facts) = (token("alice", 0, &[]), token("bob", 0, &[]));
        let both = [good.facts(), facts.facts()];
        assert_eq!(store.check_all(&both, NOW).await.unwrap(), [Verdict::Good; 2]);
    }
}
