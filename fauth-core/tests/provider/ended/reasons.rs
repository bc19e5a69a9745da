//! Each reason, and what is no reason.

use fauth_core::{
    ClientInfo, Requirement, TokenRequest,
    clock::Timestamp,
    ended::EndReason,
    store::RevocationTarget::{Claim, Session, Subject, TokenId},
};

use fauth_testing::ManualClock;

use super::{MINUTE, SECOND, open, settle, socket, stays, within};
use crate::support::World;

fn nobody() -> ClientInfo {
    ClientInfo::unknown()
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_by_the_clock_and_the_rule_of_requests() {
    let world = World::new();
    let (tokens, ended) = socket(&world, "alice").await;
    world.clock.advance(899 * SECOND);
    assert_eq!(within(&ended, 5 * SECOND).await, None);
    assert_eq!(world.enter(&tokens).await, Ok(()));
    world.clock.advance(SECOND);
    assert!(world.enter(&tokens).await.is_err());
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_gives_the_time_back_and_one_that_jumps_takes_it() {
    let world = World::new();
    let (_, ended) = socket(&world, "alice").await;
    let start = ManualClock::START;
    world.clock.set(Timestamp::from_unix_seconds(start.unix_seconds() - 3600));
    assert_eq!(within(&ended, 30 * MINUTE).await, None, "time that the clock does not show");
    world.clock.set(start);
    assert_eq!(within(&ended, 5 * SECOND).await, None);
    world.clock.advance(60 * MINUTE);
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_already_completes_at_once() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let (granted, other) = (open(&world.auth, &tokens.access).await, world.log_in("bob").await);
    let bob = open(&world.auth, &other.access).await;
    world.auth.logout(&other.access, &nobody()).await.unwrap();
    assert_eq!(within(&bob.ended(), SECOND / 10).await, Some(EndReason::Revoked));
    assert_eq!(within(&granted.ended(), SECOND / 10).await, None);
    world.clock.advance(15 * MINUTE);
    assert_eq!(granted.ended().is_ended(), Some(EndReason::Expired));
    assert_eq!(granted.ended().await, EndReason::Expired);
}

/// Each way to take something back, what it ends, and what it does not.
#[tokio::test(start_paused = true)]
async fn what_is_taken_back_ends_at_once_and_nothing_else() {
    for act in ["logout", "revoke_session", "logout_others", "session", "token", "refresh"] {
        let world = World::new();
        let (first, mine) = socket(&world, "alice").await;
        let (second, my_other) = socket(&world, "alice").await;
        let (_, yours) = socket(&world, "bob").await;
        settle().await;
        let id = world.session_of(&first);
        let (auth, token) = (&world.auth, open(&world.auth, &first.access).await);
        match act {
            "logout" => auth.logout(&first.access, &nobody()).await.unwrap(),
            "refresh" => auth.logout(&first.refresh, &nobody()).await.unwrap(),
            "revoke_session" => assert!(auth.revoke_session("alice", &id, &nobody()).await.unwrap()),
            "logout_others" => {
                let current = open(auth, &second.access).await;
                assert_eq!(auth.logout_others(current.payload(), &nobody()).await, Ok(1));
            }
            "session" => auth.revoke("alice", &[Session(id.as_str())]).await.unwrap(),
            _ => auth.revoke("alice", &[TokenId(token.payload().token_id())]).await.unwrap(),
        }
        assert_eq!(within(&mine, SECOND / 10).await, Some(EndReason::Revoked), "{act}");
        assert_eq!(within(&my_other, 5 * MINUTE).await, None, "{act}");
        stays(&yours, act);
    }
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_subject_ends_at_once_and_nothing_of_others() {
    for act in ["logout_all", "subject", "password", "forget"] {
        let world = World::new();
        let (_, mine) = socket(&world, "alice").await;
        let (_, my_other) = socket(&world, "alice").await;
        let (_, yours) = socket(&world, "bob").await;
        settle().await;
        match act {
            "logout_all" => world.auth.logout_all("alice", &nobody()).await.unwrap(),
            "subject" => world.auth.revoke("alice", &[Subject]).await.unwrap(),
            "password" => world.auth.password_changed("alice", &nobody()).await.unwrap(),
            _ => world.auth.forget("alice").await.unwrap(),
        }
        for ended in [mine, my_other] {
            assert_eq!(within(&ended, SECOND / 10).await, Some(EndReason::Revoked), "{act}");
        }
        assert_eq!(within(&yours, 5 * MINUTE).await, None, "{act}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_a_revoked_claim_ends() {
    let world = World::with(|builder| builder.revocable_claim("device"));
    let on = async |device: &str| {
        let token = world.access(TokenRequest::for_subject("alice").claim("device", device));
        open(&world.auth, &token).await
    };
    let (phone, laptop) = (on("phone").await.ended(), on("laptop").await.ended());
    settle().await;
    world.auth.revoke_claim("device", "phone").await.unwrap();
    assert_eq!(within(&phone, SECOND / 10).await, Some(EndReason::Revoked));
    world.auth.revoke("bob", &[Claim { name: "device", value: "tablet" }]).await.unwrap();
    assert_eq!(within(&laptop, 5 * MINUTE).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_gone_inactive_or_of_a_later_epoch_is_found_at_the_next_look() {
    for (act, reason) in
        [("gone", EndReason::UserGone), ("inactive", EndReason::UserInactive), ("epoch", EndReason::Revoked)]
    {
        let world = World::new();
        let (_, mine) = socket(&world, "alice").await;
        let (_, yours) = socket(&world, "bob").await;
        match act {
            "gone" => world.users.remove("alice"),
            "inactive" => world.users.change("alice", |user| user.active = false),
            _ => world.users.change("alice", |user| user.token_epoch = 1),
        }
        assert_eq!(within(&mine, MINUTE + SECOND).await, Some(reason), "{act}");
        assert_eq!(within(&yours, 3 * MINUTE).await, None, "{act}");
    }
}

/// Whoever was let in although inactive is not put out for that.
#[tokio::test(start_paused = true)]
async fn who_may_be_inactive_stays() {
    let world = World::new();
    world.users.change("alice", |user| user.active = false);
    let requirement = Requirement::user().danger_allow_inactive();
    let token = world.access("alice");
    let ended = world.auth.authenticate_token(&token, &requirement).await.unwrap().ended();
    assert_eq!(within(&ended, 5 * MINUTE).await, None);
    world.users.remove("alice");
    assert_eq!(within(&ended, 2 * MINUTE).await, Some(EndReason::UserGone));
}

#[tokio::test(start_paused = true)]
async fn when_the_provider_is_dropped_everything_ends() {
    let world = World::new();
    let (_, ended) = socket(&world, "alice").await;
    let granted = open(&world.auth, &world.access("bob")).await;
    drop(world.auth);
    assert_eq!(within(&ended, 5 * SECOND).await, None, "a grant keeps its provider");
    drop(granted);
    assert_eq!(within(&ended, SECOND / 10).await, Some(EndReason::ProviderGone));
}

#[test]
fn reasons_are_short_words_and_one_code() {
    for reason in [
        EndReason::Expired,
        EndReason::Revoked,
        EndReason::SessionEnded,
        EndReason::UserGone,
        EndReason::UserInactive,
        EndReason::Unknown,
        EndReason::ProviderGone,
    ] {
        assert_eq!((reason.close_code(), reason.to_string()), (1008, reason.as_str().to_owned()));
        assert!((5..=100).contains(&reason.as_str().len()) && reason.as_str().is_ascii());
    }
}
