//! Files that somebody else has changed, or that cannot be read.

use std::path::PathBuf;

use servers::Folder;

use super::*;

/// A server that is down, and a folder with one file, which has the events 0 to 9.
async fn spilled() -> (Redis, Folder, PathBuf) {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    server.kill();
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 0..10);
    assert_eq!(audit.shutdown().await.spilled, 10);
    let file = folder.path().join(files(folder.path()).remove(0));
    (server, folder, file)
}

#[tokio::test]
async fn a_file_that_cannot_be_read_for_a_while_is_sent_later() {
    let (server, folder, file) = spilled().await;
    let aside = folder.path().join("aside");
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    // Its name leads to something that is there, and is no file.
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    let server = restarted(server).await;
    record(&audit, 10..20);
    until(&audit, "spilled", |counters| counters.spilled == 10).await;
    tokio::time::sleep(ms(500)).await;
    assert_eq!(audit.counters().written, 0, "what came later stays behind it");

    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    until(&audit, "replayed", |counters| counters.replayed == 20).await;
    assert_eq!(ids(&server.url()).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_is_gone_holds_nothing_up() {
    let (server, folder, file) = spilled().await;
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    fs::remove_file(&file).unwrap();
    let server = restarted(server).await;
    record(&audit, 10..20);
    until(&audit, "written", |counters| counters.written == 10).await;
    assert_eq!(ids(&server.url()).await, (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_entry_without_a_good_signature_is_kept_and_not_sent() {
    let (server, folder, file) = spilled().await;
    let mut text = fs::read_to_string(&file).unwrap();
    let last = text.lines().last().unwrap();
    let invented = last.replace("counted", "invented");
    let (unsigned, _) = last.split_once(r#","sig""#).unwrap();
    let more = format!("{invented}\n{unsigned}}}\n");
    text.push_str(&more);
    fs::write(&file, text).unwrap();

    let server = restarted(server).await;
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    let counters = until(&audit, "replayed", |counters| counters.replayed >= 10).await;
    audit.shutdown().await;
    assert_eq!((counters.replayed, counters.dropped), (10, 2));
    assert_eq!(ids(&server.url()).await, (0..10).collect::<Vec<_>>());
    let kept = files(folder.path());
    assert!(kept.len() == 1 && kept[0].ends_with(".unreadable"), "{kept:?}");
}

/// Whoever writes without a key has nothing to check by.
#[tokio::test]
async fn without_a_key_files_are_sent_as_they_are() {
    let (server, folder, _) = spilled().await;
    let server = restarted(server).await;
    let unsigned = AuditStream::builder(server.url(), "zone_prod").danger_unsigned();
    let audit = unsigned.spill_to(folder.path()).start().unwrap();
    until(&audit, "replayed", |counters| counters.replayed == 10).await;
}

#[tokio::test]
async fn a_file_that_is_too_large_to_be_ours_is_not_read() {
    let (server, folder, file) = spilled().await;
    let mut text = fs::read(&file).unwrap();
    text.resize(33 * 1024 * 1024, b'\n');
    fs::write(&file, text).unwrap();
    let server = restarted(server).await;
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    record(&audit, 10..20);
    until(&audit, "written", |counters| counters.written >= 10).await;
    audit.shutdown().await;
    assert_eq!(ids(&server.url()).await, (10..20).collect::<Vec<_>>());
    let kept = files(folder.path());
    assert!(kept.len() == 1 && kept[0].ends_with(".unreadable"), "{kept:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_of_another_user_is_refused() {
    let folder = Folder::new("audit");
    // Only root may give it away.
    if std::os::unix::fs::chown(folder.path(), Some(12_345), None).is_err() {
        return;
    }
    let error = builder("redis://127.0.0.1:1/").spill_to(folder.path()).start().expect_err("refused");
    assert!(error.to_string().contains("12345"), "{error}");
}
