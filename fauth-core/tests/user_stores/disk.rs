//! Who can read the file, what is seen when, and what stands in the way of a change.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fauth_core::{
    AuthUser as _,
    user_store::{JsonFileUserStore, UserStore as _, UserStoreError},
};

use crate::support::{Folder, HASH, alice, all_of, user};

async fn problem(outcome: impl Future<Output = Result<impl Sized, UserStoreError>>) -> String {
    match outcome.await {
        Err(error @ UserStoreError::Failed(_)) => all_of(&error),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it succeeded"),
    }
}

#[tokio::test]
async fn no_file_is_no_users_and_is_not_made_by_looking() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert!(store.list().await.unwrap().is_empty());
    assert!(store.find("alice").await.unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    store.create(alice()).await.unwrap();
    assert!(folder.file().is_file());
    fs::remove_file(folder.file()).unwrap();
    assert!(store.list().await.unwrap().is_empty(), "taken away, it is no users again");
}

#[tokio::test]
async fn a_relative_path_is_taken_from_where_it_was_opened() {
    let name = format!("target/fauth-users-{}/users.json", std::process::id());
    let store = JsonFileUserStore::open(&name).await.unwrap();
    let shown = format!("{store:?}");
    let here = std::env::current_dir().unwrap();
    assert!(shown.contains(here.to_str().unwrap()), "{shown}");
    assert!(problem(JsonFileUserStore::open("/")).await.contains("does not name a file"));
}

#[tokio::test]
async fn changes_of_another_process_are_seen_at_the_next_call() {
    let folder = Folder::new();
    let (here, there) = (folder.store().await, folder.store().await);
    for round in 0..20 {
        let name = format!("user-{round}");
        there.create(user(&name).roles(["admin"])).await.unwrap();
        assert!(here.find(&name).await.unwrap().unwrap().has_role("admin"));
        // Of the same length, so that the size tells nothing.
        there.set_roles(&name, &["owner"]).await.unwrap();
        assert!(here.find(&name).await.unwrap().unwrap().has_role("owner"));
        here.set_active(&name, false).await.unwrap();
        assert!(!there.find(&name).await.unwrap().unwrap().is_active());
        there.delete(&name).await.unwrap();
        assert!(here.find(&name).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_change_by_an_editor_is_seen_at_the_next_call() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.create(alice()).await.unwrap();
    assert!(store.find("alice").await.unwrap().unwrap().has_role("admin"));
    // Written where it lies, as many bytes as there were. The clock of file systems moves in steps
    // of some milliseconds.
    tokio::time::sleep(Duration::from_millis(50)).await;
    folder.write(folder.text().replace("admin", "owner"));
    assert!(store.find("alice").await.unwrap().unwrap().has_role("owner"));
    // A new file renamed over the old one, of the same length and age.
    let (new, modified) =
        (folder.path().join("new"), fs::metadata(folder.file()).unwrap().modified().unwrap());
    fs::write(&new, folder.text().replace("owner", "agent")).unwrap();
    fs::File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
    fs::rename(&new, folder.file()).unwrap();
    assert!(store.find("alice").await.unwrap().unwrap().has_role("agent"));
}

#[tokio::test]
async fn a_file_that_got_the_number_of_an_earlier_one_is_seen() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.create(alice()).await.unwrap();
    let new = folder.path().join("new");
    let mut role = "admin".to_owned();
    for round in 1000..1500 {
        assert!(store.find("alice").await.unwrap().unwrap().has_role(&role));
        // Of equal length and at once: the second one often gets the number of the file that the
        // first one replaced, and, unless the kernel is a new one, its time too.
        for step in 0..2 {
            let next = format!("{step}{round}");
            fs::write(&new, folder.text().replace(&role, &next)).unwrap();
            fs::rename(&new, folder.file()).unwrap();
            role = next;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_of_one_file_take_turns() {
    let folder = Folder::new();
    // Many users, so that each change takes long and the lock is free for a moment only.
    let records =
        (0..2000).map(|number| format!(r#"{{"username":"user-{number}","password_hash":"{HASH}"}}"#));
    folder.write(format!("[{}]", records.collect::<Vec<_>>().join(",")));
    let (busy, other) = (folder.store().await, folder.store().await);
    let done = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let mut changes = 0;
            while !done.load(Ordering::SeqCst) {
                busy.create(user(format!("busy-{changes}"))).await.unwrap();
                changes += 1;
            }
            changes
        }
    });
    for number in 0..10 {
        other.create(user(format!("other-{number}"))).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let changes = task.await.unwrap();
    assert!(changes < 10 * 3, "{changes} changes of one beside 10 of the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_files_while_others_write() {
    let folder = Folder::new();
    let (writer, reader) = (folder.store().await, folder.store().await);
    writer.create(alice()).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let done = Arc::clone(&done);
        async move {
            let mut looks = 0_usize;
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                let users = reader.list().await.unwrap();
                assert!(users.len() >= most, "what was seen stays seen");
                most = users.len();
                assert!(reader.find("alice").await.unwrap().is_some());
                looks += 1;
            }
            looks
        }
    });
    for number in 0..50 {
        writer.create(user(format!("user-{number}"))).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert!(watch.await.unwrap() > 50);
}

#[tokio::test]
async fn what_a_crash_left_behind_is_ignored_and_replaced() {
    let folder = Folder::new();
    let left_behind = folder.path().join("users.json.tmp");
    let store = folder.store().await;
    store.create(alice()).await.unwrap();
    fs::write(&left_behind, "[{\"username\": \"mall").unwrap();
    assert_eq!(folder.store().await.list().await.unwrap().len(), 1);
    store.create(user("bob")).await.unwrap();
    assert!(!left_behind.exists());
    assert_eq!(folder.store().await.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_a_file_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.file()).unwrap();
    assert!(problem(JsonFileUserStore::open(folder.file())).await.contains("is not a file"));
    fs::remove_dir(folder.file()).unwrap();
    let store = folder.store().await;
    fs::create_dir(folder.file()).unwrap();
    assert!(problem(store.create(alice())).await.contains("is not a file"));
    // A folder where the temporary file would be.
    fs::remove_dir(folder.file()).unwrap();
    fs::create_dir(folder.path().join("users.json.tmp")).unwrap();
    assert!(problem(store.create(alice())).await.contains("users.json.tmp"));
    assert!(!folder.file().exists());
    // A file where the folder would be.
    let below = JsonFileUserStore::open(folder.path().join("users.json.lock/users.json")).await;
    assert!(problem(async { below }).await.contains("users.json.lock"));
}

#[cfg(unix)]
mod unix {
    use std::{
        os::unix::fs::{PermissionsExt as _, chown, symlink},
        path::Path,
        process::Command,
    };

    use super::*;

    fn mode(path: &Path) -> Option<u32> {
        fs::symlink_metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o7777)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_else_can_read_any_of_the_files_at_any_moment() {
        let folder = Folder::new();
        set_mode(folder.path(), 0o777);
        let names = ["users.json", "users.json.tmp", "users.json.lock"];
        let paths = names.map(|name| folder.path().join(name));
        let done = Arc::new(AtomicBool::new(false));
        let seen: Arc<[AtomicUsize; 3]> = Arc::default();
        let watcher = std::thread::spawn({
            let (done, seen, paths) = (Arc::clone(&done), Arc::clone(&seen), paths.clone());
            move || {
                while !done.load(Ordering::SeqCst) {
                    for (path, seen) in paths.iter().zip(&*seen) {
                        if let Some(mode) = mode(path) {
                            assert_eq!(mode, 0o600, "{}", path.display());
                            seen.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            }
        });
        let store = folder.store().await;
        let mut number = 0;
        // Until each of them was seen, the temporary one too.
        while !watcher.is_finished()
            && (number < 20 || (number < 2000 && seen.iter().any(|seen| seen.load(Ordering::SeqCst) == 0)))
        {
            store.create(user(format!("user-{number}"))).await.unwrap();
            number += 1;
        }
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        for (name, seen) in names.iter().zip(&*seen) {
            assert!(seen.load(Ordering::SeqCst) > 0, "{name} was never seen");
        }
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_mended_by_the_next_change() {
        let folder = Folder::new();
        let store = folder.store().await;
        store.create(alice()).await.unwrap();
        set_mode(&folder.file(), 0o644);
        assert!(store.find("alice").await.unwrap().is_some());
        assert_eq!(mode(&folder.file()), Some(0o644), "looking changes nothing");
        store.set_active("alice", false).await.unwrap();
        assert_eq!(mode(&folder.file()), Some(0o600));
    }

    #[tokio::test]
    async fn missing_folders_are_made_for_the_owner_alone() {
        let folder = Folder::new();
        let (outer, inner) = (folder.path().join("a"), folder.path().join("a/b"));
        let store = JsonFileUserStore::open(inner.join("users.json")).await.unwrap();
        assert!(!outer.exists(), "looking makes nothing");
        store.create(alice()).await.unwrap();
        assert_eq!((mode(&outer), mode(&inner)), (Some(0o700), Some(0o700)));
        assert!(store.find("alice").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_symbolic_link_is_refused_and_kept() {
        let folder = Folder::new();
        let real = folder.path().join("real.json");
        let store = JsonFileUserStore::open(&real).await.unwrap();
        store.create(alice()).await.unwrap();
        symlink(&real, folder.file()).unwrap();
        assert!(problem(JsonFileUserStore::open(folder.file())).await.contains("symbolic link"));
        // One that was put there later, and one that points nowhere.
        fs::remove_file(folder.file()).unwrap();
        let store = folder.store().await;
        for target in [&real, &folder.path().join("nowhere")] {
            symlink(target, folder.file()).unwrap();
            assert!(problem(store.find("alice")).await.contains("symbolic link"));
            assert!(problem(store.create(user("bob"))).await.contains("symbolic link"));
            assert!(fs::symlink_metadata(folder.file()).unwrap().is_symlink());
            fs::remove_file(folder.file()).unwrap();
        }
        // A link in the place of the temporary file is removed, not followed.
        symlink(&real, folder.path().join("users.json.tmp")).unwrap();
        store.create(user("bob")).await.unwrap();
        assert!(fs::read_to_string(&real).unwrap().contains("alice"));
        // A link to the folder is a path like any other.
        let other_way = folder.path().join("other-way");
        symlink(folder.path(), &other_way).unwrap();
        let store = JsonFileUserStore::open(other_way.join("users.json")).await.unwrap();
        assert!(store.find("bob").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_pipe_does_not_hang_anybody() {
        let folder = Folder::new();
        assert!(Command::new("mkfifo").arg(folder.file()).status().unwrap().success());
        assert!(problem(JsonFileUserStore::open(folder.file())).await.contains("is not a file"));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_to_fails_the_change_and_nothing_else() {
        let folder = Folder::new();
        let store = folder.store().await;
        store.create(alice()).await.unwrap();
        let before = folder.text();
        set_mode(folder.path(), 0o500);
        // Whoever is root may write all the same; then /proc is the folder that nobody can write
        // to.
        if fs::write(folder.path().join("probe"), "").is_err() {
            problem(store.create(user("bob"))).await;
            problem(store.delete("alice")).await;
            assert!(store.find("alice").await.unwrap().is_some());
        } else if cfg!(target_os = "linux") {
            let store = JsonFileUserStore::open("/proc/self/users.json").await.unwrap();
            assert!(problem(store.create(alice())).await.contains("users.json.lock"));
            assert!(store.find("alice").await.unwrap().is_none());
        }
        set_mode(folder.path(), 0o700);
        assert_eq!(folder.text(), before);
    }

    #[tokio::test]
    async fn the_file_of_another_user_of_the_system_is_not_taken_from_him() {
        let folder = Folder::new();
        let store = folder.store().await;
        store.create(alice()).await.unwrap();
        // Only root can give a file away, and only then can this happen in the first place.
        if chown(folder.file(), Some(12_345), None).is_ok() {
            let before = folder.text();
            assert!(problem(store.create(user("bob"))).await.contains("belongs to another user"));
            assert_eq!(folder.text(), before);
            assert!(!folder.path().join("users.json.tmp").exists());
            chown(folder.file(), Some(0), None).unwrap();
        }
        store.create(user("bob")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_held_too_long_fails_the_change_and_no_look() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.create(alice()).await.unwrap();
    let lock = fs::File::options().write(true).open(folder.path().join("users.json.lock")).unwrap();
    fs4::FileExt::lock(&lock).unwrap();
    let begun = tokio::time::Instant::now();
    assert!(
        problem(store.create(user("bob"))).await.contains("users.json.lock: is still locked after 5 seconds")
    );
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&begun.elapsed()));
    assert!(store.find("alice").await.unwrap().is_some());
    assert!(store.find("bob").await.unwrap().is_none());
    drop(lock);
    store.create(user("bob")).await.unwrap();
    assert!(store.find("bob").await.unwrap().is_some());
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_any_more_leaves_no_lock_behind() {
    let folder = Folder::new();
    let store = folder.store().await;
    for number in 0..50 {
        let mut change = Box::pin(store.create(user(format!("user-{number}"))));
        // Given up at another point each time.
        _ = tokio::time::timeout(Duration::from_micros(number * 100), &mut change).await;
    }
    store.create(alice()).await.unwrap();
    let other = folder.store().await;
    other.create(user("bob")).await.unwrap();
    for user in other.list().await.unwrap() {
        assert_eq!(user.password_hash(), Some(HASH));
    }
}
