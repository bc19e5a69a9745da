//! Mirrors that miss something, and mirrors that are not needed any more.

use fauth_core::store::Verdict;
use servers::Redis;

use super::*;

async fn kill_all_connections(connection: &mut redis::aio::MultiplexedConnection) {
    let mut kill = redis::cmd("CLIENT");
    kill.arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"]).exec_async(connection).await.unwrap();
}

#[tokio::test]
async fn what_one_revokes_the_others_see_and_itself_at_once() {
    let server = Redis::start();
    let (one, two) = (mirrored(&server.url()).await, mirrored(&server.url()).await);
    let issued_at = now();
    for number in 0..50 {
        let id = format!("token {number}");
        assert_eq!(verdict(&two, &id, issued_at).await, Some(Verdict::Good));
        revoke(&one, &id).await;
        assert_eq!(verdict(&one, &id, issued_at).await, Some(Verdict::Revoked));
        eventually("seen", async || verdict(&two, &id, issued_at).await == Some(Verdict::Revoked)).await;
    }
    let epoch = one.raise_epoch(&alice(), now(), later(DAY)).await.unwrap();
    assert_eq!(verdict(&one, "good", issued_at).await, Some(Verdict::OldEpoch));
    eventually("raised", async || verdict(&two, "good", issued_at).await == Some(Verdict::OldEpoch)).await;
    assert_eq!(checked(&two, ("good", epoch), issued_at, now()).await.unwrap(), Verdict::Good);
}

/// It comes to a Redis in which much is revoked: several pages of a snapshot.
#[tokio::test]
async fn a_new_mirror_knows_all_from_the_start() {
    let server = Redis::start();
    let writer = direct(&server.url()).await;
    let names: Vec<_> = (0..5_000).map(|number| format!("token {number}")).collect();
    for chunk in names.chunks(500) {
        revoke_all(&writer, chunk).await;
    }
    writer.raise_epoch(&owner("bob"), now(), later(DAY)).await.unwrap();
    let issued_at = now();
    let reader = mirrored(&server.url()).await;
    for name in &names {
        assert_eq!(verdict(&reader, name, issued_at).await, Some(Verdict::Revoked), "{name}");
    }
    assert_eq!(verdict(&reader, "token 5000", issued_at).await, Some(Verdict::Good));
    let old = TokenFacts { owner: owner("bob"), targets: &[], epoch: 0, issued_at };
    assert_eq!(reader.check(&old, now()).await.unwrap(), Verdict::OldEpoch);
}

/// More than the stream holds happens while nobody listens.
#[tokio::test]
async fn a_gap_in_the_stream_is_filled_by_a_snapshot() {
    let server = Redis::start();
    let (reader, writer) = (mirrored(&server.url()).await, direct(&server.url()).await);
    let issued_at = now();
    let mut connection = raw(&server.url()).await;
    let mut id = redis::cmd("HGET");
    let id: String = id.arg("{fauth:r}:memory").arg("id").query_async(&mut connection).await.unwrap();
    let mark = format!("memory:{id}");
    for (round, command) in
        [["XTRIM", "{fauth:r}:changes", "MAXLEN", "0"].as_slice(), &["DEL", "{fauth:r}:changes"]]
            .into_iter()
            .enumerate()
    {
        let missed = format!("missed {round}");
        // In one transaction, so that no mirror can read in between.
        let mut all = redis::pipe();
        all.atomic()
            .cmd("ZADD")
            .arg("{fauth:r}:revoked")
            .arg(later(DAY).unix_seconds())
            .arg(&*RevocationTarget::TokenId(&missed).key(&alice()));
        all.cmd("HINCRBY").arg("{fauth:r}:memory").arg("seq").arg(1);
        for set in ["revoked", "epochs", "epoch-ends"] {
            all.cmd("ZINCRBY").arg(format!("{{fauth:r}}:{set}")).arg(1).arg(&mark);
        }
        all.cmd(command[0]).arg(&command[1..]);
        all.exec_async(&mut connection).await.unwrap();
        eventually("found", async || verdict(&reader, &missed, issued_at).await == Some(Verdict::Revoked))
            .await;
        // And it goes on from there.
        let next = format!("next {round}");
        revoke(&writer, &next).await;
        eventually("heard", async || verdict(&reader, &next, issued_at).await == Some(Verdict::Revoked))
            .await;
    }
}

#[tokio::test]
async fn a_mirror_that_was_cut_off_misses_nothing() {
    let server = Redis::start();
    let (reader, writer) = (mirrored(&server.url()).await, direct(&server.url()).await);
    let issued_at = now();
    let mut connection = raw(&server.url()).await;
    for number in 0..20 {
        kill_all_connections(&mut connection).await;
        let id = format!("token {number}");
        eventually("revoked", async || {
            let targets = [RevocationTarget::TokenId(&id)];
            writer.revoke(&alice(), &targets, None, now(), later(DAY)).await.is_ok()
        })
        .await;
        eventually("heard", async || verdict(&reader, &id, issued_at).await == Some(Verdict::Revoked)).await;
    }
    assert_eq!(verdict(&reader, "good", issued_at).await, Some(Verdict::Good));
}

#[tokio::test]
async fn the_task_ends_with_the_last_store() {
    let server = Redis::start();
    let mut connection = raw(&server.url()).await;
    let mut others = async || {
        let list: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut connection).await.unwrap();
        list.lines().count() - 1
    };
    assert_eq!(others().await, 0);
    let store = mirrored(&server.url()).await;
    let clone = store.clone();
    assert_eq!(others().await, 2);
    drop(store);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(verdict(&clone, "good", now()).await, Some(Verdict::Good));
    assert_eq!(others().await, 2);
    drop(clone);
    eventually("all gone", async || others().await == 0).await;
}
