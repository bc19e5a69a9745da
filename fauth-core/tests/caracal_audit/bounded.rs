//! What is bounded, and what happens at the bound.

use servers::Folder;

use super::*;

#[tokio::test]
async fn a_full_buffer_drops_the_newest_and_counts_them() {
    let mut server = Redis::start();
    server.kill();
    let audit = builder(&server.url()).start().unwrap();
    let start = Instant::now();
    record(&audit, 0..15_000);
    assert!(start.elapsed() < Duration::from_secs(5), "nobody waits: {:?}", start.elapsed());
    let counters = audit.counters();
    assert_eq!(counters.queued + counters.dropped, 15_000);
    // The buffer, and what the task has taken out of it.
    assert!((10_000..=11_000).contains(&counters.queued), "{counters:?}");
    assert_eq!((counters.written, counters.spilled), (0, 0));

    let kept = usize::try_from(counters.queued).unwrap();
    let server = restarted(server).await;
    let counters = until(&audit, "written", |counters| counters.written == counters.queued).await;
    assert_eq!(usize::try_from(counters.written).unwrap(), kept);
    let ids = ids(&server.url()).await;
    assert_eq!(ids[..10_000], (0..10_000).collect::<Vec<_>>(), "the oldest are kept, in order");
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_this_user_only_and_bounded_in_number() {
    use std::os::unix::fs::PermissionsExt as _;

    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    let own = folder.path().join("spill");
    server.kill();
    let audit = builder(&server.url()).spill_to(&own).spill_limits(2, 1 << 20).start().unwrap();
    record(&audit, 0..5000);
    until(&audit, "spilled", |counters| counters.spilled >= 2000).await;
    tokio::time::sleep(ms(600)).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&own), 0o700);
    let names = files(&own);
    assert_eq!(names.len(), 2, "{names:?}");
    for name in &names {
        assert_eq!(mode(&own.join(name)), 0o600, "{name}");
    }
    assert_eq!(audit.counters().spilled, 2000);

    // What no file takes is in the buffer.
    let server = restarted(server).await;
    let counters = until(&audit, "written", |counters| counters.written == 5000).await;
    assert_eq!(counters.dropped, 0);
    assert_eq!(ids(&server.url()).await, (0..5000).collect::<Vec<_>>());
}

#[tokio::test]
async fn files_are_bounded_in_size() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    server.kill();
    let audit = builder(&server.url()).spill_to(folder.path()).spill_limits(100, 200_000).start().unwrap();
    // Each a batch of its own: one that does not fit stays whole.
    for from in (0..2000).step_by(200) {
        record(&audit, from..from + 200);
        tokio::time::sleep(ms(300)).await;
    }
    let bytes: u64 =
        files(folder.path()).iter().map(|name| folder.path().join(name).metadata().unwrap().len()).sum();
    assert!((100_000..=200_000).contains(&bytes), "{bytes}");
    let server = restarted(server).await;
    until(&audit, "written", |counters| counters.written == 2000).await;
    assert_eq!(ids(&server.url()).await, (0..2000).collect::<Vec<_>>());
}

/// As a full disk: no file can be written. Here the folder has become a file.
#[tokio::test]
async fn a_folder_that_takes_nothing_leaves_events_in_the_buffer() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    let own = folder.path().join("spill");
    let audit = builder(&server.url()).spill_to(&own).start().unwrap();
    record(&audit, 0..10);
    until(&audit, "written", |counters| counters.written == 10).await;
    fs::remove_dir(&own).unwrap();
    fs::write(&own, "in the way").unwrap();
    server.kill();
    record(&audit, 10..200);
    tokio::time::sleep(ms(800)).await;
    let counters = audit.counters();
    assert_eq!((counters.written, counters.spilled, counters.dropped), (10, 0, 0));

    // The folder is there again, and Redis is not.
    fs::remove_file(&own).unwrap();
    until(&audit, "spilled", |counters| counters.spilled == 190).await;
    let server = restarted(server).await;
    until(&audit, "written", |counters| counters.written == 200).await;
    assert_eq!(ids(&server.url()).await, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_oldest_entries_are_removed_only_if_that_is_asked_for() {
    let server = Redis::start();
    let all = builder(&server.url()).stream("all").start().unwrap();
    let some = builder(&server.url()).stream("some").max_length(500).start().unwrap();
    for audit in [&all, &some] {
        record(audit, 0..3000);
        until(audit, "written", |counters| counters.written == 3000).await;
    }
    assert_eq!(entries_of(&server.url(), "all").await.len(), 3000);
    let left = entries_of(&server.url(), "some").await;
    assert!((500..=700).contains(&left.len()), "about so many: {}", left.len());
    assert_eq!(left[left.len() - 1]["id"], "2999", "the newest are kept");
}

#[tokio::test]
async fn what_has_no_place_at_the_shutdown_is_counted() {
    let mut server = Redis::start();
    server.kill();
    let audit = builder(&server.url()).start().unwrap();
    record(&audit, 0..2500);
    let start = Instant::now();
    let counters = audit.shutdown().await;
    assert_eq!((counters.queued, counters.written, counters.dropped), (2500, 0, 2500));
    assert!(start.elapsed() < Duration::from_secs(10), "it ends: {:?}", start.elapsed());
}
