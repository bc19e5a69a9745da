//! A process that replays its files is killed in the middle, again and again.

use std::{
    env,
    process::{Child, Command, Stdio},
};

use servers::Folder;

use super::*;

const URL: &str = "FAUTH_TEST_AUDIT_URL";
const FOLDER: &str = "FAUTH_TEST_AUDIT_FOLDER";
const COUNT: usize = 20_000;

/// What the process does that is killed: replay. Run as a test like the others, it does nothing.
#[tokio::test]
async fn the_other_process() {
    let (Ok(url), Some(folder)) = (env::var(URL), env::var_os(FOLDER)) else { return };
    let audit = builder(&url).spill_to(folder).start().unwrap();
    // Until it is killed.
    until(&audit, "at the end", |counters| counters.replayed == u64::MAX).await;
}

/// Killed when it is dropped, whatever becomes of the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(url: &str, folder: &Path) -> Other {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed::the_other_process", "--nocapture"])
        .env(URL, url)
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Other(child)
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
        let mut other = start(&server.url(), folder.path());
        // As soon as it has done something, and at another point each time.
        while files(folder.path()).len() == left {
            assert_eq!(other.0.try_wait().unwrap(), None, "it lives until it is killed");
            tokio::time::sleep(ms(1)).await;
        }
        tokio::time::sleep(ms(kills % 7)).await;
        // SIGKILL.
        drop(other);
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
