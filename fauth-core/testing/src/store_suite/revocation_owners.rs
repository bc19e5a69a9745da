//! Revocations and epochs of different owners: each applies to its own tokens, and a claim to those
//! of its application and issuer.

use fauth_core::store::{
    Owner, RevocationStore,
    RevocationTarget::{self, Claim, Session, Subject, TokenId},
    Verdict,
};

use super::{
    NOW,
    owners::{different_owners, halves, owners_of_one_bucket},
    samples::{at, milliseconds, owner, token},
    store_cases,
};

/// The expiry of the revocations in these cases.
const UNTIL: i64 = 900;

store_cases! { $ __store_revocation_owners_tests in revocation_owners for RevocationStore;
    async fn a_token_id_is_revoked_for_one_owner(t) {
        assert_revoked_for_one_owner(&*t.store, TokenId("t")).await;
    }

    async fn a_session_id_is_revoked_for_one_owner(t) {
        assert_revoked_for_one_owner(&*t.store, Session("s")).await;
    }

    async fn a_subject_is_revoked_for_one_owner(t) {
        assert_revoked_for_one_owner(&*t.store, Subject).await;
    }

    async fn subjects_and_ids_do_not_run_into_each_other(t) {
        let shifted = [("a", "bc"), ("ab", "c"), ("abc", ""), ("a:b", "c"), ("a", "b:c"), ("a:", "bc")];
        let targets = |id| [TokenId(id), Session(id)];
        for (number, (subject, id)) in shifted.into_iter().enumerate() {
            t.store.revoke(&owner(subject), &targets(id), None, NOW, at(UNTIL)).await.unwrap();
            for (other, (subject, id)) in shifted.into_iter().enumerate() {
                let expected = if other <= number { Verdict::Revoked } else { Verdict::Good };
                for target in targets(id) {
                    let seen = token(subject, 0, &[target]).check(&*t.store, 0).await;
                    assert_eq!(seen, expected, "{subject} {target:?}");
                }
            }
        }
    }

    async fn a_revoked_claim_counts_for_every_subject_of_its_application_and_issuer(t) {
        let owners = different_owners();
        let device = Claim { name: "device", value: "d" };
        for owner in &owners {
            assert_eq!(token(owner, 0, &[device]).check(&*t.store, 0).await, Verdict::Good, "{owner:?}");
        }
        t.store.revoke(&owner("alice"), &[device], None, NOW, at(UNTIL)).await.unwrap();
        for owner in &owners {
            let is_theirs = owner.application == "default" && owner.issuer.is_empty();
            let expected = if is_theirs { Verdict::Revoked } else { Verdict::Good };
            assert_eq!(token(owner, 0, &[device]).check(&*t.store, 0).await, expected, "{owner:?}");
        }
    }

    async fn a_claim_may_be_revoked_under_any_application_and_issuer(t) {
        let device = Claim { name: "device", value: "d" };
        let mut revoked = Vec::new();
        for owner in different_owners() {
            let place = (owner.application.clone(), owner.issuer.clone());
            let expected = if revoked.contains(&place) { Verdict::Revoked } else { Verdict::Good };
            assert_eq!(token(&owner, 0, &[device]).check(&*t.store, 0).await, expected, "{owner:?}");
            t.store.revoke(&owner, &[device], None, NOW, at(UNTIL)).await.unwrap();
            assert_eq!(token(&owner, 0, &[device]).check(&*t.store, 0).await, Verdict::Revoked, "{owner:?}");
            revoked.push(place);
        }
    }

    async fn issuers_and_claims_do_not_run_into_each_other(t) {
        let shifted = [
            ("a", "b", "c", "d"),
            ("ab", "", "c", "d"),
            ("a", "", "bc", "d"),
            ("a", "", "b", "cd"),
            ("a", "bc", "", "d"),
            ("a", "b", "cd", ""),
            ("a", "b", "", "cd"),
        ];
        for (number, (application, issuer, name, value)) in shifted.into_iter().enumerate() {
            let owner = Owner::new(application, issuer, "alice");
            t.store.revoke(&owner, &[Claim { name, value }], None, NOW, at(UNTIL)).await.unwrap();
            for (other, (application, issuer, name, value)) in shifted.into_iter().enumerate() {
                let expected = if other <= number { Verdict::Revoked } else { Verdict::Good };
                let owner = Owner::new(application, issuer, "alice");
                let seen = token(&owner, 0, &[Claim { name, value }]).check(&*t.store, 0).await;
                assert_eq!(seen, expected, "{application} {issuer} {name} {value}");
            }
        }
    }

    async fn each_owner_has_its_own_epoch(t) {
        let owners = different_owners();
        for (second, owner) in (0..).zip(&owners) {
            assert_eq!(t.store.epoch(owner, NOW).await.unwrap(), 0, "{owner:?}");
            let epoch = t.store.raise_epoch(owner, at(second), at(UNTIL)).await.unwrap();
            assert_eq!(epoch, milliseconds(second), "{owner:?}");
        }
        let other = t.again().await;
        for (second, owner) in (0..).zip(&owners) {
            assert_eq!(other.epoch(owner, NOW).await.unwrap(), milliseconds(second), "{owner:?}");
        }
    }

    async fn a_raised_epoch_refuses_the_tokens_of_one_owner(t) {
        let [raised, others] = halves(&different_owners());
        for owner in &raised {
            t.store.raise_epoch(owner, NOW, at(UNTIL)).await.unwrap();
        }
        for owner in &raised {
            assert_eq!(token(owner, 0, &[]).check(&*t.store, 0).await, Verdict::OldEpoch, "{owner:?}");
        }
        for owner in &others {
            assert_eq!(token(owner, 0, &[]).check(&*t.store, 0).await, Verdict::Good, "{owner:?}");
            assert_eq!(t.store.epoch(owner, NOW).await.unwrap(), 0, "{owner:?}");
        }
    }

    async fn revocations_of_owners_in_one_bucket_are_apart(t) {
        let [one, other] = owners_of_one_bucket();
        let targets = [TokenId("t"), Session("s"), Subject];
        t.store.revoke(&one, &targets, None, NOW, at(UNTIL)).await.unwrap();
        t.store.raise_epoch(&one, NOW, at(UNTIL)).await.unwrap();
        assert_eq!(token(&one, 0, &targets).check(&*t.store, 0).await, Verdict::Revoked);
        assert_eq!(token(&other, 0, &targets).check(&*t.store, 0).await, Verdict::Good);
        assert_eq!(t.store.epoch(&other, NOW).await.unwrap(), 0);
    }
}

/// Revokes a target for half of the owners.
async fn assert_revoked_for_one_owner(store: &impl RevocationStore, target: RevocationTarget<'_>) {
    let [revoked, others] = halves(&different_owners());
    for owner in &revoked {
        store.revoke(owner, &[target], None, NOW, at(UNTIL)).await.unwrap();
    }
    for owner in &revoked {
        let seen = token(&owner.as_borrowed(), 0, &[target]).check(store, 0).await;
        assert_eq!(seen, Verdict::Revoked, "{owner:?}");
    }
    for owner in &others {
        let seen = token(&owner.as_borrowed(), 0, &[target]).check(store, 0).await;
        assert_eq!(seen, Verdict::Good, "{owner:?}");
    }
}
