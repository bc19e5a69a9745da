//! A process that replays its files is killed in the middle, again and again.

use std::{
    env,
    process::{Child, Command, Stdio},
};

use servers::Folder;

use super::*;

const CHILD: &str = "FAUTH_AUDIT_CHILD";
const COUNT: usize = 20_000;

/// Not a test: the process that is killed. It has `URL FOLDER` in its environment.
#[tokio::test]
#[ignore = "is started by another test"]
async fn child() {
    let Ok(words) = env::var(CHILD) else { return };
    let (url, folder) = words.split_once(' ').unwrap();
    let audit = builder(url).spill_to(folder).start().unwrap();
    // Until it is killed.
    until(&audit, "at the end", |counters| counters.replayed == u64::MAX).await;
}

fn start_child(url: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--ignored"])
        .env(CHILD, format!("{url} {}", folder.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_replay_loses_nothing() {
    let (mut server, folder) = (Redis::start(), Folder::new("audit"));
    server.kill();
    let audit = builder(&server.url()).spill_to(folder.path()).start().unwrap();
    for from in (0..COUNT).step_by(5000) {
        record(&audit, from..from + 5000);
        until(&audit, "spilled", |counters| counters.spilled >= u64::try_from(from + 5000).unwrap()).await;
    }
    audit.shutdown().await;
    let files_before = files(folder.path()).len();
    assert_eq!(files_before, COUNT / 1000);

    let server = restarted(server).await;
    let mut kills = 0;
    while !files(folder.path()).is_empty() {
        let left = files(folder.path()).len();
        let mut child = start_child(&server.url(), folder.path());
        // As soon as it has done something, and at another point each time.
        while files(folder.path()).len() == left {
            assert_eq!(child.try_wait().unwrap(), None, "it lives until it is killed");
            tokio::time::sleep(ms(1)).await;
        }
        tokio::time::sleep(ms(kills % 7)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    let mut ids = ids(&server.url()).await;
    let written = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (0..COUNT).collect::<Vec<_>>());
    assert!(kills > 1, "it was killed in the middle");
    assert!(written < COUNT * 2, "{written} entries of {COUNT} events after {kills} kills");
}
