//! Taking back what another issuer has issued: by token, by login, by subject, and all until now.

use std::time::Duration;

use fauth_core::{
    ClientInfo, Granted, LogoutAll, Rejection,
    rejection::{InvalidToken, Misconfigured},
    store::RevocationTarget,
};
use fauth_testing::TestUser;

use crate::support::{ISSUER, World};

/// By default.
const LEEWAY: Duration = Duration::from_secs(30);

#[track_caller]
fn is_revoked(outcome: &Result<Granted<TestUser>, Rejection>) {
    assert!(matches!(outcome, Err(Rejection::InvalidToken(InvalidToken::Revoked))), "{outcome:?}");
}

#[tokio::test]
async fn a_token_is_revoked_by_its_id() {
    let world = World::new();
    let (one, other) = (world.token("alice").sign(), world.token("alice").claim("jti", "other").sign());
    let granted = world.enter(&one).await.unwrap();
    let target = [RevocationTarget::TokenId(granted.payload().token_id())];
    world.auth.revoke("alice", &target).await.unwrap();
    assert!(world.enter(&one).await.is_ok(), "the own alice is somebody else");
    world.auth.revoke_of_issuer(ISSUER, "bob", &target).await.unwrap();
    assert!(world.enter(&one).await.is_ok(), "and so is bob");
    world.auth.revoke_of_issuer(ISSUER, "alice", &target).await.unwrap();
    is_revoked(&world.enter(&one).await);
    assert!(world.enter(&other).await.is_ok());
}

#[tokio::test]
async fn a_token_without_an_id_is_revoked_by_that_of_its_text() {
    use fauth_core::trusted_issuer::AccessTokenProfile::Plain;
    let world = World::trusting(|issuer| issuer.profile(Plain));
    let (one, other) = (world.token("alice").without_claim("jti"), world.token("alice").without_claim("jti"));
    let (one, other) = (one.sign(), other.claim("x", 1).sign());
    let granted = world.enter(&one).await.unwrap();
    let target = [RevocationTarget::TokenId(granted.payload().token_id())];
    world.auth.revoke_of_issuer(ISSUER, "alice", &target).await.unwrap();
    is_revoked(&world.enter(&one).await);
    assert!(world.enter(&other).await.is_ok());
}

#[tokio::test]
async fn a_login_is_revoked_by_its_sid() {
    let world = World::new();
    let of = |session: &str, id: &str| world.token("alice").claim("sid", session).claim("jti", id).sign();
    world.auth.revoke_of_issuer(ISSUER, "alice", &[RevocationTarget::Session("s1")]).await.unwrap();
    is_revoked(&world.enter(&of("s1", "a")).await);
    is_revoked(&world.enter(&of("s1", "b")).await);
    assert!(world.enter(&of("s2", "c")).await.is_ok());
}

#[tokio::test]
async fn a_subject_is_kept_out_whatever_the_issuer_issues() {
    let world = World::new();
    world.auth.revoke_of_issuer(ISSUER, "alice", &[RevocationTarget::Subject]).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    is_revoked(&world.enter(&world.token("alice").sign()).await);
    assert!(world.enter(&world.token("bob").sign()).await.is_ok());
    let unknown =
        world.auth.revoke_of_issuer("https://x.example", "alice", &[RevocationTarget::Subject]).await;
    assert_eq!(
        unknown,
        Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer)),
        "a slip revokes nothing"
    );
}

#[tokio::test]
async fn all_until_now_ends_and_what_comes_later_is_good() {
    let world = World::new();
    let before = world.token("alice").claim("exp", 1_767_225_600 + 80_000).sign();
    world.enter(&before).await.unwrap();
    let client = ClientInfo::unknown();
    world.auth.logout_all("alice", &client).await.unwrap();
    world.enter(&before).await.unwrap();
    world.auth.logout_all(LogoutAll::for_subject_of(ISSUER, "alice"), &client).await.unwrap();
    let outcome = world.enter(&before).await;
    assert!(matches!(outcome, Err(Rejection::InvalidToken(InvalidToken::OldEpoch))), "{outcome:?}");
    let same_second = world.enter(&world.token("alice").claim("jti", "x").sign()).await;
    assert!(matches!(same_second, Err(Rejection::InvalidToken(InvalidToken::OldEpoch))), "{same_second:?}");
    assert!(world.enter(&world.token("bob").sign()).await.is_ok());
    world.clock.advance(LEEWAY + Duration::from_secs(1));
    assert!(world.enter(&world.token("alice").sign()).await.is_ok());
    world.clock.advance(Duration::from_secs(79_969));
    assert!(world.enter(&before).await.is_err(), "for as long as it could last");
    let unknown = world.auth.logout_all(LogoutAll::for_subject_of("https://x.example", "a"), &client).await;
    assert_eq!(unknown, Err(Rejection::Misconfigured(Misconfigured::UnknownIssuer)));
}

/// The clock of an issuer may be ahead by the leeway, so that a token that it issued before seems
/// to be from after.
#[tokio::test]
async fn all_until_now_covers_tokens_of_a_clock_that_is_ahead() {
    for ahead in [10, 30] {
        let world = World::new();
        let start = 1_767_225_600;
        let token = |issued: i64| world.token("alice").claim("iat", issued).claim("exp", issued + 300).sign();
        let before = token(start + ahead);
        world.enter(&before).await.unwrap();
        let client = ClientInfo::unknown();
        world.auth.logout_all(LogoutAll::for_subject_of(ISSUER, "alice"), &client).await.unwrap();
        // Also what is issued within the leeway after it.
        for (passed, token) in [(0, &before), (30, &before), (0, &token(start + 30))] {
            world.clock.advance(Duration::from_secs(passed));
            let outcome = world.enter(token).await;
            assert!(matches!(outcome, Err(Rejection::InvalidToken(InvalidToken::OldEpoch))), "{outcome:?}");
        }
        world.enter(&token(start + 31)).await.unwrap();
    }
}

/// Without a leeway there is nothing to be ahead by.
#[tokio::test]
async fn without_a_leeway_the_next_second_is_good() {
    let world = World::trusting(|issuer| issuer.leeway(Duration::ZERO));
    let client = ClientInfo::unknown();
    world.auth.logout_all(LogoutAll::for_subject_of(ISSUER, "alice"), &client).await.unwrap();
    let outcome = world.enter(&world.token("alice").sign()).await;
    assert!(matches!(outcome, Err(Rejection::InvalidToken(InvalidToken::OldEpoch))), "{outcome:?}");
    world.clock.advance(Duration::from_secs(1));
    world.enter(&world.token("alice").sign()).await.unwrap();
}

/// A revocation outlives every token that it covers.
#[tokio::test]
async fn it_is_remembered_for_as_long_as_the_longest_token() {
    let month = Duration::from_secs(60 * 86_400);
    let world = World::fixed(|issuer| issuer.max_lifetime(month));
    let start = 1_767_225_600;
    let token = world.token("alice").claim("exp", start + 60 * 86_400).sign();
    let granted = world.enter(&token).await.unwrap();
    let target = [RevocationTarget::TokenId(granted.payload().token_id())];
    world.auth.revoke_of_issuer(ISSUER, "alice", &target).await.unwrap();
    world.clock.advance(Duration::from_secs(60 * 86_400 - 1));
    is_revoked(&world.enter(&token).await);
}

#[tokio::test]
async fn a_claim_is_revoked_for_all_who_have_it() {
    let world = World::with(|issuer| issuer, |builder| builder.revocable_claim("device"));
    let one = world.token("alice").claim("device", "d1").sign();
    world.auth.revoke_claim("device", "d1").await.unwrap();
    assert!(world.enter(&one).await.is_ok(), "what own tokens say is something else");
    let target = [RevocationTarget::Claim { name: "device", value: "d1" }];
    world.auth.revoke_of_issuer(ISSUER, "bob", &target).await.unwrap();
    is_revoked(&world.enter(&world.token("alice").claim("device", "d1").sign()).await);
    assert!(world.enter(&world.token("alice").claim("device", "d2").sign()).await.is_ok());
}
