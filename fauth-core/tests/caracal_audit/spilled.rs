//! Redis fails, and comes back.

use servers::Folder;

use super::*;

#[tokio::test]
async fn nothing_is_lost_while_redis_is_away() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..100);
    until(&audit, "written", |counters| counters.written == 100).await;

    server.kill();
    record(&audit, 100..1500);
    let counters = until(&audit, "spilled", |counters| counters.spilled == 1400).await;
    assert_eq!((counters.written, counters.dropped), (100, 0));
    assert!(!files(folder.path()).is_empty());

    let server = restarted(server).await;
    record(&audit, 1500..1600);
    let counters = until(&audit, "written", |counters| counters.written == 1600).await;
    assert_eq!((counters.queued, counters.dropped), (1600, 0));
    assert_eq!(counters.replayed, counters.spilled, "and every file is replayed");
    assert_eq!(ids(&server.url()).await, (0..1600).collect::<Vec<_>>(), "in order, each once");
    assert_eq!(files(folder.path()), Vec::<String>::new());
    // From now on nothing goes into files.
    record(&audit, 1600..1610);
    let counters = until(&audit, "written", |counters| counters.written == 1610).await;
    assert_eq!(counters.spilled, counters.replayed);
}

#[tokio::test]
async fn a_server_that_was_never_there_is_no_error() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    server.kill();
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..10);
    until(&audit, "spilled", |counters| counters.spilled == 10).await;
    let server = restarted(server).await;
    until(&audit, "replayed", |counters| counters.replayed == 10).await;
    assert_eq!(ids(&server.url()).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_run_leaves_the_next_one_sends_first() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    server.kill();
    let start = || builder(&server.url()).spill_to(folder.path()).start().unwrap();
    let first = start();
    record(&first, 0..10);
    until(&first, "spilled", |counters| counters.spilled == 10).await;
    record(&first, 10..20);
    let counters = first.shutdown().await;
    assert_eq!((counters.spilled, counters.dropped), (20, 0), "the shutdown too puts them into files");

    let server = restarted(server).await;
    let second = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&second, 20..25);
    let counters = until(&second, "written", |counters| counters.written == 25).await;
    assert_eq!(counters.queued, 5);
    assert_eq!(ids(&server.url()).await, (0..25).collect::<Vec<_>>());
}

/// A kill after Redis has taken a file, and before the file was removed.
#[tokio::test]
async fn what_comes_twice_has_the_same_id() {
    let (mut server, folder, copy) = (Redis::start(), Folder::new("audit"), Folder::new("copy"));
    server.kill();
    let first = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&first, 0..10);
    first.shutdown().await;
    let name = files(folder.path()).remove(0);
    fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();

    let server = restarted(server).await;
    for count in [10, 20] {
        let next = builder(&server.url()).spill_to(folder.path()).start().unwrap();
        until(&next, "replayed", |counters| counters.replayed == 10).await;
        next.shutdown().await;
        assert_eq!(ids(&server.url()).await.len(), count);
        fs::copy(copy.path().join(&name), folder.path().join(&name)).unwrap();
    }
    let entries = entries(&server.url()).await;
    assert_eq!(entries[..10], entries[10..], "the signatures too are the same");
}

/// Whether the server has taken what it did not confirm in time, nobody knows.
#[tokio::test]
async fn a_server_that_stands_still_gets_everything_at_least_once() {
    let (server, folder) = (Redis::start(), Folder::new("audit"));
    let audit = builder(&server.url()).command_timeout(ms(200)).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..10);
    until(&audit, "written", |counters| counters.written == 10).await;
    server.pause();
    record(&audit, 10..500);
    until(&audit, "spilled", |counters| counters.spilled == 490).await;
    server.resume();
    record(&audit, 500..510);
    until(&audit, "written", |counters| counters.written == 510).await;
    let mut ids = ids(&server.url()).await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (0..510).collect::<Vec<_>>());
}

/// A server that is full answers, and takes nothing.
#[tokio::test]
async fn a_server_that_is_full_fails_too() {
    let (server, folder) = (Redis::start(), Folder::new("audit"));
    let mut connection =
        redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut set = async |bytes: &str| {
        let mut set = redis::cmd("CONFIG");
        let _: () = set.arg("SET").arg("maxmemory").arg(bytes).query_async(&mut connection).await.unwrap();
    };
    set("1").await;
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..20);
    until(&audit, "spilled", |counters| counters.spilled == 20).await;
    set("0").await;
    until(&audit, "replayed", |counters| counters.replayed == 20).await;
    assert_eq!(ids(&server.url()).await, (0..20).collect::<Vec<_>>());
}

/// A name may lead to another server by now: the connection to the one that was demoted is left.
#[tokio::test]
async fn a_server_that_is_a_replica_now_is_left() {
    let (server, folder) = (Redis::start(), Folder::new("audit"));
    let mut connection =
        redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut ask = async |words: &[&str]| -> String {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query_async(&mut connection).await.unwrap()
    };
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..10);
    until(&audit, "written", |counters| counters.written == 10).await;
    // The ids of connections only grow.
    let own = ask(&["CLIENT", "LIST"]).await;
    let others = |list: &str| {
        list.lines()
            .filter(|line| !line.contains("cmd=client"))
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let before = others(&own);
    assert!(!before.is_empty(), "{own}");
    ask(&["REPLICAOF", "127.0.0.1", &servers::free_port().to_string()]).await;
    record(&audit, 10..20);
    until(&audit, "spilled", |counters| counters.spilled == 10).await;
    let start = Instant::now();
    while others(&ask(&["CLIENT", "LIST"]).await).iter().any(|id| before.contains(id)) {
        assert!(start.elapsed() < Duration::from_secs(10), "it is still connected");
        tokio::time::sleep(ms(20)).await;
    }
    ask(&["REPLICAOF", "NO", "ONE"]).await;
    until(&audit, "replayed", |counters| counters.replayed == 10).await;
    assert_eq!(ids(&server.url()).await, (0..20).collect::<Vec<_>>());
}
