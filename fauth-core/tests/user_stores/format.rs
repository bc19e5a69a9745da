//! The text of the file: what fastware writes, byte for byte, and what is refused.

use std::fs;

use fauth_core::{
    AuthUser, ClientInfo, Rejection, TokenRequest,
    clock::Timestamp,
    user_store::{JsonFileUserStore, MAX_EPOCH, NewUser, UserStore as _, UserStoreError},
};

use crate::support::{Folder, HASH, OTHER_HASH, TestClock, alice, all_of, provider, user, weak};

/// As fastware 0.6.3 has written it.
const FASTWARE: &str = r#"[
  {
    "username": "alice",
    "password_hash": "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW",
    "role": "admin",
    "created_at": "2026-11-21T20:56:12.388016+00:00"
  }
]
"#;

/// Appends what fastware would write for a user of our clock.
fn with_bob(text: &str) -> String {
    text.replace(
        "\n  }\n]\n",
        r#"
  },
  {
    "username": "bob",
    "password_hash": "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW",
    "role": "editor",
    "created_at": "2026-01-01T00:00:00+00:00"
  }
]
"#,
    )
}

#[test]
fn the_expected_text_is_fastwares() {
    // Where the data is; everywhere else the text above stands for it.
    let Some(folder) = std::env::var_os("FAUTH_GOLDEN") else {
        eprintln!("skipped: FAUTH_GOLDEN does not name the folder that holds fastware.json");
        return;
    };
    let file = std::path::Path::new(&folder).join("fastware.json");
    let golden = fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{} cannot be read ({error}): set FAUTH_GOLDEN to the folder that holds it", file.display())
    });
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden["users_json_text"].as_str(), Some(FASTWARE), "{}", file.display());
}

#[tokio::test]
async fn a_file_of_fastware_is_read() {
    let folder = Folder::new();
    folder.write(FASTWARE);
    let alice = folder.store().await.find("alice").await.unwrap().unwrap();
    assert_eq!(alice.password_hash(), Some(HASH));
    assert_eq!(alice.roles(), ["admin"]);
    assert!(alice.is_active());
    assert_eq!(alice.created_at(), Some(Timestamp::from_unix_seconds(1_795_294_572)));
}

#[tokio::test]
async fn what_is_written_is_fastwares_form() {
    let folder = Folder::new();
    folder.write(FASTWARE);
    let store = folder.store().await.clock(TestClock::new());
    store.create(user("bob").roles(["editor"])).await.unwrap();
    assert_eq!(folder.text(), with_bob(FASTWARE), "the record that was there, too");
    store.delete("bob").await.unwrap();
    assert_eq!(folder.text(), FASTWARE);
    store.delete("alice").await.unwrap();
    assert_eq!(folder.text(), "[]\n", "as Python writes an empty list");
    assert!(folder.store().await.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn text_beyond_ascii_is_escaped_as_python_does() {
    let folder = Folder::new();
    let store = folder.store().await;
    let name = "zo\u{eb} \u{1f511} \"\\ ~";
    store.create(user(name)).await.unwrap();
    assert!(folder.text().contains(r#""username": "zo\u00eb \ud83d\udd11 \"\\ ~","#), "{}", folder.text());
    assert!(folder.text().is_ascii());
    assert!(folder.store().await.find(name).await.unwrap().is_some());
}

#[tokio::test]
async fn what_fauth_adds_is_written_only_where_it_says_something() {
    let folder = Folder::new();
    let store = folder.store().await.clock(TestClock::new());
    store.create(NewUser::new("alice", HASH).roles(["admin", "editor"]).active(false)).await.unwrap();
    store.create(user("bob")).await.unwrap();
    let expected = r#"[
  {
    "username": "alice",
    "password_hash": "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW",
    "role": "admin",
    "created_at": "2026-01-01T00:00:00+00:00",
    "roles": [
      "editor"
    ],
    "active": false
  },
  {
    "username": "bob",
    "password_hash": "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW",
    "role": "",
    "created_at": "2026-01-01T00:00:00+00:00"
  }
]
"#;
    assert_eq!(folder.text(), expected);
    let alice = folder.store().await.find("alice").await.unwrap().unwrap();
    assert!(!alice.is_active());
    assert_eq!(alice.roles(), ["admin", "editor"]);
    assert!(folder.store().await.find("bob").await.unwrap().unwrap().roles().is_empty());
}

#[tokio::test]
async fn the_epoch_is_in_the_file_from_the_first_change_of_the_password_on() {
    let folder = Folder::new();
    folder.write(FASTWARE);
    let store = folder.store().await;
    store.rehash_password("alice", HASH, OTHER_HASH).await.unwrap();
    store.set_roles("alice", &["admin"]).await.unwrap();
    store.set_active("alice", true).await.unwrap();
    assert_eq!(folder.text(), FASTWARE.replace(HASH, OTHER_HASH), "as fastware writes it, until then");

    for epoch in 1..=2 {
        let alice = folder.store().await.find("alice").await.unwrap().unwrap();
        store.change_password(&alice, HASH).await.unwrap();
        let member = format!("+00:00\",\n    \"epoch\": {epoch}\n");
        assert_eq!(folder.text(), FASTWARE.replace("+00:00\"\n", &member));
        let alice = folder.store().await.find("alice").await.unwrap().unwrap();
        assert_eq!((alice.token_epoch(), alice.other("epoch")), (epoch, None), "another process sees it");
    }
    store.create(user("bob")).await.unwrap();
    assert_eq!(folder.store().await.find("alice").await.unwrap().unwrap().token_epoch(), 2);

    for (written, read) in [("0", 0), ("9007199254740991", MAX_EPOCH)] {
        folder.write(format!(r#"[{{"username":"alice","password_hash":"$x","epoch":{written}}}]"#));
        assert_eq!(store.find("alice").await.unwrap().unwrap().token_epoch(), read);
    }
}

#[tokio::test]
async fn members_that_fauth_does_not_know_survive() {
    let text = FASTWARE.replace(
        "+00:00\"\n",
        r#"+00:00",
    "z-last": 1,
    "email": "alice@example.com",
    "exact": 12345678901234567890123.4500,
    "nested": {
      "b": [],
      "a": [
        null,
        "\u00eb"
      ]
    },
    "disabled": true
"#,
    );
    let folder = Folder::new();
    folder.write(&text);
    let store = folder.store().await;
    store.rehash_password("alice", HASH, OTHER_HASH).await.unwrap();
    assert_eq!(folder.text(), text.replace(HASH, OTHER_HASH), "their order, their numbers, their form");
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(alice.other("email"), Some(r#""alice@example.com""#));
    assert_eq!(alice.other("telephone"), None);
    assert!(alice.is_active(), "nobody says what a member of another program means");
    assert!(!format!("{alice:?}").contains("example.com"));
}

#[tokio::test]
async fn a_record_may_lack_what_is_not_needed() {
    let folder = Folder::new();
    let cases = [
        (r#"[{"username":"alice","password_hash":"$x"}]"#, None, 0),
        (r#"[{"username":"alice","password_hash":"$x","role":null,"created_at":null}]"#, None, 0),
        (r#"[{"username":"alice","password_hash":"$x","role":"a","created_at":"last week"}]"#, None, 1),
        (
            r#"[{"username":"alice","password_hash":"$x","created_at":"2026-01-01T01:00:00+01:00"}]"#,
            Some(TestClock::START),
            0,
        ),
        (
            r#"[{"username":"alice","password_hash":"$x","created_at":"2026-01-01T00:00:00Z","roles":["a","b","a"]}]"#,
            Some(TestClock::START),
            2,
        ),
        (r#" [ {"active":true,"password_hash":"$x","username":"\u0061lice"} ] "#, None, 0),
    ];
    for (text, created_at, roles) in cases {
        folder.write(text);
        let alice = folder.store().await.find("alice").await.unwrap().unwrap();
        assert_eq!(alice.created_at().map(Timestamp::unix_seconds), created_at, "{text}");
        assert_eq!(alice.roles().len(), roles, "{text}");
        assert!(alice.is_active());
    }
    folder.write(cases[2].0);
    folder.store().await.set_roles("alice", &["b"]).await.unwrap();
    assert!(folder.text().contains(r#""created_at": "last week""#), "kept as it is");
}

#[tokio::test]
async fn a_garbled_file_is_refused_and_kept() {
    let mark = "MARK-5d9a3b48";
    let mut garbled: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "{}",
        "[",
        "[]]",
        "[null]",
        "[[]]",
        "{\"users\": []}",
        "\u{feff}[]",
        r#"[{"username":"a"}]"#,
        r#"[{"password_hash":"$MARK-5d9a3b48"}]"#,
        r#"[{"username":"a","password_hash":null}]"#,
        r#"[{"username":"","password_hash":"$MARK-5d9a3b48"}]"#,
        r#"[{"username":"a\n","password_hash":"$MARK-5d9a3b48"}]"#,
        r#"[{"username":"a","password_hash":"MARK-5d9a3b48\n"}]"#,
        r#"[{"username":"a","password_hash":"x","active":"MARK-5d9a3b48"}]"#,
        r#"[{"username":"a","password_hash":"x","active":null}]"#,
        r#"[{"username":"a","password_hash":"x","active":0}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":"MARK-5d9a3b48"}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":"1"}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":null}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":true}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":-1}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":1.0}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":1e0}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":9007199254740992}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":18446744073709551616}]"#,
        r#"[{"username":"a","password_hash":"x","epoch":1,"epoch":1}]"#,
        r#"[{"username":"a","password_hash":"x","roles":"MARK-5d9a3b48"}]"#,
        r#"[{"username":"a","password_hash":"x","roles":[""]}]"#,
        r#"[{"username":"a","password_hash":"x","role":["MARK-5d9a3b48"]}]"#,
        r#"[{"username":"a","password_hash":"x","role":"a\u0000"}]"#,
        r#"[{"username":"a","password_hash":"x","created_at":20260101}]"#,
        r#"[{"username":"a","password_hash":"$MARK-5d9a3b48","password_hash":"y"}]"#,
        r#"[{"username":"a","password_hash":"x","MARK-5d9a3b48":1,"MARK-5d9a3b48":2}]"#,
        r#"[{"username":"a","password_hash":"x"},{"username":"\u0061","password_hash":"$MARK-5d9a3b48"}]"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    garbled.push(b"[{\"username\":\"\xff\",\"password_hash\":\"x\"}]".to_vec());
    let deep = "[".repeat(100_000);
    garbled.push(format!(r#"[{{"username":"a","password_hash":"x","deep":{deep}"#).into_bytes());
    // A file of which the end is missing, at every length. Without the last newline it is whole.
    garbled.extend((0..FASTWARE.len() - 1).map(|length| FASTWARE.as_bytes()[..length].to_vec()));

    let folder = Folder::new();
    let store = folder.store().await;
    for content in garbled {
        let shown = String::from_utf8_lossy(&content[..content.len().min(200)]).into_owned();
        folder.write(&content);
        let errors = [
            JsonFileUserStore::open(folder.file()).await.err(),
            store.find("alice").await.err(),
            store.find("alice").await.err(),
            store.list().await.err(),
            store.create(alice()).await.err(),
            store.delete("alice").await.err(),
        ];
        for error in errors {
            let error = error.unwrap_or_else(|| panic!("accepted: {shown}"));
            assert!(matches!(error, UserStoreError::Failed(_)), "{shown}: {error:?}");
            let text = all_of(&error);
            assert!(
                text.contains("users.json") && !text.contains(mark) && !text.contains(HASH),
                "{shown}: {text}"
            );
        }
        assert!(fs::read(folder.file()).unwrap() == content, "kept as it is: {shown}");
    }
    folder.write(FASTWARE.trim_end());
    assert!(store.find("alice").await.unwrap().is_some(), "mended, it is read again");
}

#[tokio::test]
async fn a_garbled_file_lets_nobody_in() {
    let folder = Folder::new();
    let (store, clock) = (folder.store().await, TestClock::new());
    let store = store.clock(clock.clone());
    let auth = provider(&store, &clock, weak());
    let hash = auth.hash_password("correct horse battery").await.unwrap();
    let alice = store.create(NewUser::new("alice", hash)).await.unwrap();
    let tokens = auth.login(TokenRequest::for_user(&*alice)).await.unwrap();
    auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();

    let whole = folder.text();
    folder.write(&whole[..whole.len() / 2]);
    let refused = [
        auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err(),
        auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap_err(),
        auth.authenticate("nobody", "correct horse battery", &ClientInfo::unknown()).await.unwrap_err(),
    ];
    for rejection in refused {
        assert!(matches!(rejection, Rejection::Unavailable(_)), "{rejection:?}");
    }
    folder.write(whole);
    auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
}
