//! The connection breaks while a token is exchanged.

use fauth_core::store::{RotationOutcome, SessionStore as _};
use servers::Redis;

use super::*;

/// Redis gets the request, the client never gets the answer.
#[tokio::test]
async fn a_client_that_lost_the_answer_gets_the_same_successor() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    store.open(login(1), now()).await.unwrap();
    // So that Redis knows the script.
    store.rotate(&alice(), &exchange(2, 0, 1), now()).await.unwrap();
    server.pause();
    // The client gives up before the deadline of the step.
    let (owner, rotation) = (alice(), exchange(1, 0, 1));
    let attempt = tokio::time::timeout(Duration::from_millis(50), store.rotate(&owner, &rotation, now()));
    assert!(attempt.await.is_err(), "nobody knows what became of it");
    server.resume();
    // It makes another successor, and is told that of the first attempt.
    let outcome = store.rotate(&alice(), &exchange(1, 0, 99), now()).await.unwrap();
    let RotationOutcome::InGrace { nonce: made_from, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(made_from, nonce(1));
    let outcome = store.rotate(&alice(), &exchange(1, 1, 2), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
}

/// All connections are killed again and again, during a thousand exchanges of one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_every_cut() {
    let server = Redis::start();
    let store = direct(&server.url()).await;
    store.open(login(1), now()).await.unwrap();
    let url = server.url();
    let killer = tokio::spawn(async move {
        let mut connection = raw(&url).await;
        let mut killed = 0;
        for _ in 0..60 {
            let mut kill = redis::cmd("CLIENT");
            kill.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]);
            killed += kill.query_async::<u64>(&mut connection).await.unwrap();
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        killed
    });
    let (mut head, mut failed) = (0, 0);
    // Every attempt names a successor of its own, so that a mix-up shows.
    let mut attempt = 0;
    while !killer.is_finished() || head == 0 {
        attempt += 1;
        match store.rotate(&alice(), &exchange(1, head, attempt), now()).await {
            Ok(RotationOutcome::Rotated(_)) => head = attempt,
            Ok(RotationOutcome::InGrace { nonce: made_from, .. }) => {
                // An earlier attempt came through; its name is what the nonce was made of.
                head = u128::from_be_bytes(*made_from.as_bytes());
            }
            Ok(other) => panic!("{other:?} after {attempt}"),
            Err(_) => failed += 1,
        }
    }
    let cuts = killer.await.unwrap();
    println!("{attempt} attempts, {cuts} connections killed, {failed} failed");
    assert!(cuts >= 20 && failed > 0, "{cuts} {failed}");
    let outcome = store.rotate(&alice(), &exchange(1, head, u128::MAX), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
}

/// Two instances with the same token, again and again: one exchanges it, the other is told the
/// same successor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_one_wins() {
    let server = Redis::start();
    let (one, two) = (direct(&server.url()).await, mirrored(&server.url()).await);
    one.open(login(1), now()).await.unwrap();
    let mut head = 0;
    for round in 1..=100 {
        let (mine, theirs) = (round * 2, round * 2 + 1);
        let (owner, first, second) = (alice(), exchange(1, head, mine), exchange(1, head, theirs));
        let (a, b) = tokio::join!(one.rotate(&owner, &first, now()), two.rotate(&owner, &second, now()));
        head = match (a.unwrap(), b.unwrap()) {
            (RotationOutcome::Rotated(_), RotationOutcome::InGrace { nonce: told, .. }) => {
                assert_eq!(told, nonce(mine));
                mine
            }
            (RotationOutcome::InGrace { nonce: told, .. }, RotationOutcome::Rotated(_)) => {
                assert_eq!(told, nonce(theirs));
                theirs
            }
            other => panic!("{other:?}"),
        };
    }
}
