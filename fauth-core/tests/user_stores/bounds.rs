//! As much as a store holds, and one more.

use std::fmt::Write as _;

use fauth_core::user_store::{
    JsonFileUserStore, MAX_FILE_BYTES, MAX_USERS, MemoryUserStore, UserStore as _, UserStoreError,
};

use crate::support::{Folder, HASH, all_of, user};

fn records(count: usize, more: &str) -> String {
    let mut text = "[\n".to_owned();
    for number in 0..count {
        let comma = if number == 0 { "" } else { ",\n" };
        write!(text, r#"{comma}{{"username":"user-{number}","password_hash":"{HASH}","role":""{more}}}"#)
            .unwrap();
    }
    text + "\n]\n"
}

#[tokio::test]
async fn memory_holds_10_000_users() {
    let store = MemoryUserStore::new();
    for number in 0..MAX_USERS {
        store.create(user(format!("user-{number}"))).await.unwrap();
    }
    assert!(matches!(store.create(user("one-more")).await, Err(UserStoreError::Full)));
    assert!(matches!(store.create(user("user-7")).await, Err(UserStoreError::AlreadyExists(_))));
    store.delete("user-7").await.unwrap();
    store.create(user("one-more")).await.unwrap();
    assert_eq!(store.list().await.unwrap().len(), MAX_USERS);
    assert_eq!(store.find("user-9999").await.unwrap().unwrap().username(), "user-9999");
}

#[tokio::test]
async fn a_file_holds_10_000_users() {
    let folder = Folder::new();
    folder.write(records(MAX_USERS, ""));
    let store = folder.store().await;
    let before = folder.text();
    assert!(matches!(store.create(user("one-more")).await, Err(UserStoreError::Full)));
    assert_eq!(folder.text(), before, "not touched");
    store.delete("user-7").await.unwrap();
    store.create(user("one-more")).await.unwrap();
    assert_eq!(folder.store().await.list().await.unwrap().len(), MAX_USERS, "what is written can be read");

    folder.write(records(MAX_USERS + 1, ""));
    let error = JsonFileUserStore::open(folder.file()).await.unwrap_err();
    assert!(all_of(&error).contains("has more than 10000 users"), "{}", all_of(&error));
    assert!(store.find("user-1").await.is_err());
}

#[tokio::test]
async fn a_file_has_at_most_8_mib() {
    let folder = Folder::new();
    let mut text = records(1, "");
    text.push_str(&" ".repeat(MAX_FILE_BYTES - text.len()));
    folder.write(&text);
    assert_eq!(folder.store().await.list().await.unwrap().len(), 1);

    text.push(' ');
    folder.write(&text);
    let error = JsonFileUserStore::open(folder.file()).await.unwrap_err();
    assert!(all_of(&error).contains("is longer than 8388608 bytes"), "{}", all_of(&error));
}

#[tokio::test]
async fn a_change_that_would_make_the_file_too_long_is_refused() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.create(user("alice")).await.unwrap();
    let length_of_one = folder.text().len();
    store.create(user("bob")).await.unwrap();
    let length_of_two = folder.text().len();

    // With a note in the first record, bob fits exactly, or not by one byte.
    for (missing, fits) in [(0, true), (1, false)] {
        store.delete("bob").await.unwrap();
        let with_note = |note: &str| {
            let end = folder.text().rfind("\"\n  }").unwrap() + 1;
            format!("{},\n    \"note\": \"{note}\"{}", &folder.text()[..end], &folder.text()[end..])
        };
        let room = MAX_FILE_BYTES + missing - (length_of_two - length_of_one) - with_note("").len();
        let text = with_note(&"n".repeat(room));
        let before = folder.text();
        folder.write(&text);
        assert_eq!(store.list().await.unwrap().len(), 1);
        match store.create(user("bob")).await {
            Ok(_) => assert!(fits && folder.text().len() == MAX_FILE_BYTES),
            Err(UserStoreError::Full) => assert!(!fits && folder.text() == text),
            Err(error) => panic!("{error:?}"),
        }
        folder.write(before);
        if fits {
            store.create(user("bob")).await.unwrap();
        }
    }
}
