//! Redis is put back to an older state, from a copy of its file.

use fauth_core::store::{RotationOutcome, SessionStore as _, Verdict};
use servers::Redis;

use super::*;

/// A server without the log of all writes: its file is what a copy is made of.
fn server() -> Redis {
    Redis::start_with(&["--appendonly", "no"])
}

async fn copy(server: &Redis) {
    redis::cmd("SAVE").exec_async(&mut raw(&server.url()).await).await.unwrap();
    std::fs::copy(server.folder().join("dump.rdb"), server.folder().join("copy.rdb")).unwrap();
}

fn put_back(server: &mut Redis) {
    server.kill();
    std::fs::copy(server.folder().join("copy.rdb"), server.folder().join("dump.rdb")).unwrap();
    server.restart();
}

async fn session_of_is_revoked(store: &RedisStore, owner: &Owner<'_>, number: u32) -> bool {
    let id = sid(number);
    let targets = [RevocationTarget::Session(id.as_str())];
    let facts = TokenFacts { owner: owner.clone(), targets: &targets, epoch: 0, issued_at: later(MINUTE) };
    store.check(&facts, now()).await.ok() == Some(Verdict::Revoked)
}

/// The revocation lasts as long as access tokens. The refresh token lasts longer, and must not
/// come to life with the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_ended_stays_ended_when_its_revocation_is_over() {
    let mut server = server();
    let mirror = mirrored(&server.url()).await;
    // More than are written back at a time; one of them, and one of somebody else, goes on.
    let owners: Vec<_> = (0..450).map(|number| Owner::new("default", "", format!("{number}"))).collect();
    for owner in &owners {
        let mut new = login(1);
        new.session.owner = owner.clone();
        mirror.open(new, now()).await.unwrap();
    }
    for number in 1..=3 {
        mirror.open(login(number), now()).await.unwrap();
    }
    copy(&server).await;
    let (ended, until) = (sid(1), later(MINUTE * 5));
    for owner in owners.iter().chain([&alice()]) {
        let targets = [RevocationTarget::Session(ended.as_str())];
        assert!(mirror.revoke(owner, &targets, None, now(), until).await.unwrap());
        assert!(mirror.end(owner, &ended, now()).await.unwrap().is_some());
    }
    put_back(&mut server);

    let fresh = direct(&server.url()).await;
    // In several steps, of which the last need not be that of Alice.
    for owner in owners.iter().chain([&alice()]) {
        eventually("written back", async || session_of_is_revoked(&fresh, owner, 1).await).await;
    }
    let after = later(MINUTE * 200);
    for owner in owners.iter().chain([&alice()]) {
        let outcome = fresh.rotate(owner, &exchange(1, 0, 1), after).await.unwrap();
        assert!(matches!(outcome, RotationOutcome::Ended { .. }), "{owner:?}: {outcome:?}");
    }
    for number in 2..=3 {
        let outcome = fresh.rotate(&alice(), &exchange(number, 0, 1), after).await.unwrap();
        assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    }
}

/// "Log out everywhere" is an epoch, which lasts as long as refresh tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_comes_back_too() {
    let mut server = server();
    let mirror = mirrored(&server.url()).await;
    copy(&server).await;
    let epoch = mirror.raise_epoch(&alice(), now(), later(DAY * 30)).await.unwrap();
    put_back(&mut server);
    let fresh = direct(&server.url()).await;
    eventually("written back", async || fresh.epoch(&alice(), now()).await.ok() == Some(epoch)).await;
    let targets = [RevocationTarget::Subject];
    let late = later(DAY * 29);
    let facts = TokenFacts { owner: alice(), targets: &targets, epoch: 0, issued_at: later(MINUTE) };
    assert_eq!(fresh.check(&facts, late).await.unwrap(), Verdict::OldEpoch);
}
