//! A process that is killed while it writes to SQLite.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use fauth_core::store::{RotationOutcome, SessionStore, SqliteStore};
use fauth_testing::ManualClock;

use crate::support::{START, Sqlite, new_session, owner, rotation, sqlite_pool};

/// Names the database to the process that is to be killed.
const DATABASE: &str = "FAUTH_TEST_CRASHING_DATABASE";
/// And the first id that it is to use.
const FIRST: &str = "FAUTH_TEST_CRASHING_FIRST";

#[tokio::test]
async fn sqlite_keeps_what_was_confirmed_when_the_process_is_killed() {
    if let Ok(path) = std::env::var(DATABASE) {
        return write_until_killed(Path::new(&path), std::env::var(FIRST).unwrap().parse().unwrap()).await;
    }
    let database = Sqlite::start("crash").await;
    let store = database.store().await;
    for run in 1..=5 {
        let (opened, rotated) = kill_a_writer(&database.path, run * 1_000_000);
        assert!(opened.len() > 10 && rotated.len() > 10, "{} and {}", opened.len(), rotated.len());

        let check: (String,) =
            sqlx::query_as("PRAGMA integrity_check").fetch_one(&database.pool).await.unwrap();
        assert_eq!(check.0, "ok");
        for id in opened {
            let head = u64::from(rotated.contains(&id));
            match store.rotate(&owner("alice"), &rotation(id, head, 9), START).await.unwrap() {
                RotationOutcome::Rotated(_) => {}
                // Killed between the commit and the word of it.
                RotationOutcome::InGrace { .. } if head == 0 => {}
                other => panic!("session {id}, rotated: {head}: {other:?}"),
            }
        }
        // Nobody holds a lock for the dead.
        store.open(new_session(u128::from(run), "bob", 0, 10), START).await.unwrap();
    }
}

/// Starts this test again as a process that writes, kills it, and returns which sessions it has
/// opened and rotated.
fn kill_a_writer(database: &Path, first: u32) -> (Vec<u128>, Vec<u128>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crashing::sqlite_keeps_what_was_confirmed_when_the_process_is_killed",
            "--nocapture",
        ])
        .env(DATABASE, database)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut opened, mut rotated) = (Vec::new(), Vec::new());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while opened.len() < 40 {
        note(&lines.next().unwrap().unwrap(), &mut opened, &mut rotated);
    }
    // Somewhere in the middle of what it does now.
    child.kill().unwrap();
    child.wait().unwrap();
    // A line that was cut off was not confirmed.
    lines.map_while(Result::ok).for_each(|line| note(&line, &mut opened, &mut rotated));
    (opened, rotated)
}

fn note(line: &str, opened: &mut Vec<u128>, rotated: &mut Vec<u128>) {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["opened", id, "."] => opened.push(id.parse().unwrap()),
        ["rotated", id, "."] => rotated.push(id.parse().unwrap()),
        _ => {}
    }
}

async fn write_until_killed(database: &Path, first: u128) {
    let store = SqliteStore::new(sqlite_pool(database).await).clock(ManualClock::new());
    let writing = async {
        for id in first.. {
            store.open(new_session(id, "alice", 0, 1_000_000), START).await.unwrap();
            println!("\nopened {id} .");
            store.rotate(&owner("alice"), &rotation(id, 0, 1), START).await.unwrap();
            println!("\nrotated {id} .");
        }
    };
    // If nobody kills it.
    let _ = tokio::time::timeout(Duration::from_secs(30), writing).await;
}
