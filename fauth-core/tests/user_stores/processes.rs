//! Several processes at one file, and one that is killed while it writes. The other processes are
//! this test program again.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fauth_core::user_store::{JsonFileUserStore, MAX_USERS, NewUser, UserStore as _};

use crate::support::{Folder, HASH, user};

const FILE: &str = "FAUTH_TEST_USERS_FILE";
const NAME: &str = "FAUTH_TEST_USERS_NAME";
const COUNT: &str = "FAUTH_TEST_USERS_COUNT";

/// What the other process does: create users, and note each one that was confirmed. Run as a test
/// like the others, it does nothing.
#[tokio::test]
async fn the_other_process() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let (name, count) = (std::env::var(NAME).unwrap(), std::env::var(COUNT).unwrap());
    let count: usize = count.parse().unwrap();
    let store = JsonFileUserStore::open(&file).await.unwrap();
    for number in 0..count {
        let name = format!("{name}-{number}");
        store.create(user(&name)).await.unwrap();
        // Not before: the first user makes the folder.
        let notes = notes_of(Path::new(&file));
        let mut notes = fs::File::options().create(true).append(true).open(notes).unwrap();
        notes.write_all(format!("{name}\n").as_bytes()).unwrap();
    }
}

fn notes_of(file: &Path) -> PathBuf {
    file.with_extension("notes")
}

/// Killed when it is dropped, whatever becomes of the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(folder: &Folder, name: &str, count: usize) -> Other {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_other_process", "--nocapture"])
        .env(FILE, folder.file())
        .env(NAME, name)
        .env(COUNT, count.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Other(child)
}

/// A change is confirmed when it would survive a power failure: the folder that was made, the
/// content of the new file, and, after the rename, its name.
#[cfg(target_os = "linux")]
#[test]
fn a_change_is_on_disk_before_it_is_confirmed() {
    let folder = Folder::new();
    let (made, log) = (folder.path().join("made"), folder.path().join("trace"));
    let file = made.join("users.json");
    let traced = Command::new("strace")
        .args(["-f", "-y", "-qq", "-e", "trace=fsync,rename,renameat,renameat2,write", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "processes::the_other_process", "--nocapture"])
        .env(FILE, &file)
        .env(NAME, "alice")
        .env(COUNT, "1")
        .output();
    let traced = match traced {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: strace is not installed");
            return;
        }
        traced => traced.unwrap(),
    };
    let complaint = String::from_utf8_lossy(&traced.stderr);
    if complaint.contains("Operation not permitted") {
        eprintln!("skipped: strace is not allowed to trace");
        return;
    }
    assert!(traced.status.success(), "{complaint}");
    let trace = fs::read_to_string(&log).unwrap();
    let [outside, inside] = [folder.path(), &made].map(|folder| format!("<{}>", folder.display()));
    let mut calls = trace.lines();
    for (call, of) in [
        ("fsync(", outside.as_str()),
        ("fsync(", "users.json.tmp>"),
        ("rename", "users.json.tmp\""),
        ("fsync(", &inside),
        ("write(", "users.notes>"),
    ] {
        let found = calls.any(|line| line.contains(call) && line.contains(of));
        assert!(found, "no `{call}…{of}` after the others:\n{trace}");
    }
}

fn confirmed(folder: &Folder) -> Vec<String> {
    let notes = fs::read_to_string(notes_of(&folder.file())).unwrap_or_default();
    notes.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_lose_no_user() {
    const EACH: usize = 40;
    let folder = Folder::new();
    let mut others = ["left", "right"].map(|name| start(&folder, name, EACH));
    let store = folder.store().await;
    for number in 0..EACH {
        store.create(user(format!("here-{number}"))).await.unwrap();
    }
    for other in &mut others {
        let status = tokio::task::block_in_place(|| other.0.wait()).unwrap();
        assert!(status.success());
    }
    let users = store.list().await.unwrap();
    assert_eq!(users.len(), 3 * EACH);
    for name in ["left", "right", "here"] {
        for number in 0..EACH {
            assert!(store.find(&format!("{name}-{number}")).await.unwrap().is_some(), "{name}-{number}");
        }
    }
    // They took turns, or this proves little.
    let first_half = &users[..users.len() / 2];
    let of = |name: &str| first_half.iter().filter(|user| user.username().starts_with(name)).count();
    assert!(of("left") > 0 && of("right") > 0, "{} {} {}", of("left"), of("right"), of("here"));
}

#[tokio::test]
async fn killed_at_any_moment_a_process_loses_nothing_that_was_confirmed() {
    const ROUNDS: u32 = 25;
    const MOST_ROUNDS: u32 = 300;
    let folder = Folder::new();
    let (mut in_the_middle, mut rounds) = (0, 0);
    // Also until a kill has come while a file was being written.
    while rounds < ROUNDS || (in_the_middle == 0 && rounds < MOST_ROUNDS) {
        let before = confirmed(&folder).len();
        let mut other = start(&folder, &format!("round-{rounds}"), MAX_USERS);
        while confirmed(&folder).len() == before {
            assert!(other.0.try_wait().unwrap().is_none(), "it ended by itself");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut random = [0; 2];
        getrandom::fill(&mut random).unwrap();
        tokio::time::sleep(Duration::from_micros(u64::from(u16::from_ne_bytes(random)) / 2)).await;
        // SIGKILL.
        drop(other);
        if folder.path().join("users.json.tmp").exists() {
            in_the_middle += 1;
        }
        check(&folder).await;
        rounds += 1;
    }
    assert!(in_the_middle > 0, "no kill came in the middle of {rounds} rounds");

    // The next one goes on as if nothing had been.
    let store = folder.store().await;
    store.create(NewUser::new("alice", HASH)).await.unwrap();
    assert!(!folder.path().join("users.json.tmp").exists());
}

/// Every confirmed user is there, and at most one that was not confirmed any more.
async fn check(folder: &Folder) {
    let confirmed = confirmed(folder);
    let users = folder.store().await.list().await.unwrap();
    let mut users = users.iter().map(|user| user.username());
    for name in &confirmed {
        // In order: a user in between was written by a process that was killed before it noted the
        // name.
        assert!(users.any(|user| user == name), "{name} was confirmed and is lost");
    }
    assert!(users.count() <= 1);
}
