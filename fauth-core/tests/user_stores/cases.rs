//! What every user store promises.

use std::{collections::HashSet, sync::Arc};

use fauth_core::{
    AuthUser, IdentityLoader, InvalidToken, NewPasswordHash, PasswordConfig, PasswordHasher, PasswordUpdater,
    Purpose, Rejection, Timestamp, UserLoader,
    user_store::{MAX_HASH_BYTES, MAX_NAME_BYTES, MAX_ROLES, NewUser, StoredUser, UserStore, UserStoreError},
};

use crate::support::{HASH, OTHER_HASH, TestClock, alice, all_of, provider, user, weak};

/// What the suite needs: a store that can be shared and is a set of loaders.
pub(crate) trait Store:
    UserStore
    + UserLoader<StoredUser>
    + IdentityLoader<StoredUser>
    + PasswordUpdater<StoredUser>
    + Clone
    + std::fmt::Debug
{
}

impl<S> Store for S where
    S: UserStore
        + UserLoader<StoredUser>
        + IdentityLoader<StoredUser>
        + PasswordUpdater<StoredUser>
        + Clone
        + std::fmt::Debug
{
}

pub(crate) async fn a_created_user_is_found_with_all_that_was_said(store: impl Store, clock: TestClock) {
    clock.advance(1);
    let created = store.create(alice().roles(["admin", "editor"]).active(false)).await.unwrap();
    let found = store.find("alice").await.unwrap().unwrap();
    for user in [created, found] {
        assert_eq!(user.username(), "alice");
        assert_eq!(user.subject().as_ref(), "alice");
        assert_eq!(user.password_hash(), Some(HASH));
        assert_eq!(user.roles(), ["admin", "editor"]);
        assert!(user.has_role("editor") && !user.has_role("owner"));
        assert!(!user.is_active());
        assert_eq!(user.created_at(), Some(Timestamp::from_unix_seconds(TestClock::START + 1)));
        assert_eq!(user.other("role"), None, "only members that fauth does not know");
    }
    store.create(user("bob")).await.unwrap();
    let bob = store.find("bob").await.unwrap().unwrap();
    assert!(bob.is_active() && bob.roles().is_empty(), "active and without roles unless said otherwise");
}

pub(crate) async fn who_was_not_created_is_not_found(store: impl Store, _: TestClock) {
    assert!(store.find("alice").await.unwrap().is_none());
    assert!(store.list().await.unwrap().is_empty());
    store.create(alice()).await.unwrap();
    assert!(store.find("alice").await.unwrap().is_some(), "the positive beside the negative");
    assert!(store.find("bob").await.unwrap().is_none());
}

pub(crate) async fn names_are_compared_byte_for_byte(store: impl Store, _: TestClock) {
    for name in ["alice", "Alice", "alice ", "zo\u{eb}", "zoe\u{308}", "\u{1f511}"] {
        store.create(user(name)).await.unwrap();
    }
    assert!(store.find("ALICE").await.unwrap().is_none());
    assert_eq!(store.find("zoe\u{308}").await.unwrap().unwrap().username(), "zoe\u{308}");
    assert_eq!(store.find("\u{1f511}").await.unwrap().unwrap().username(), "\u{1f511}");
    assert_eq!(store.list().await.unwrap().len(), 6);
}

pub(crate) async fn a_second_user_of_a_name_is_refused(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    let error = store.create(NewUser::new("alice", OTHER_HASH).roles(["owner"])).await.unwrap_err();
    assert!(matches!(&error, UserStoreError::AlreadyExists(name) if name == "alice"), "{error:?}");
    assert_eq!(error.to_string(), "User 'alice' already exists");
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!((alice.password_hash(), alice.has_role("owner")), (Some(HASH), false), "the first one stays");
}

pub(crate) async fn sixteen_creating_one_name_make_one_user(store: impl Store, _: TestClock) {
    for name in ["alice", "bob", "carol"] {
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let (store, new) = (store.clone(), user(name).roles([format!("by-{number}")]));
                tokio::spawn(async move { (number, store.create(new).await) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (number, Ok(_)) => winners.push(format!("by-{number}")),
                (_, Err(UserStoreError::AlreadyExists(_))) => {}
                (_, Err(error)) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(
            store.find(name).await.unwrap().unwrap().roles(),
            winners,
            "the confirmed one is the stored one"
        );
    }
    assert_eq!(store.list().await.unwrap().len(), 3);
}

pub(crate) async fn a_deleted_user_is_gone(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    store.create(user("bob")).await.unwrap();
    store.delete("alice").await.unwrap();
    assert!(store.find("alice").await.unwrap().is_none());
    assert!(store.find("bob").await.unwrap().is_some());
    for outcome in [
        store.delete("alice").await,
        store.set_active("alice", true).await,
        store.set_roles("alice", &["admin"]).await,
        store.replace_password_hash("alice", HASH, OTHER_HASH).await,
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(&error, UserStoreError::NotFound(name) if name == "alice"), "{error:?}");
        assert_eq!(error.to_string(), "User 'alice' not found");
    }
}

pub(crate) async fn a_deleted_name_can_be_taken_again(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    store.delete("alice").await.unwrap();
    store.create(NewUser::new("alice", OTHER_HASH)).await.unwrap();
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(alice.password_hash(), Some(OTHER_HASH));
    assert!(alice.roles().is_empty(), "nothing is inherited");
}

pub(crate) async fn users_are_listed_in_the_order_of_their_creation(store: impl Store, _: TestClock) {
    let names = |users: Vec<Arc<StoredUser>>| -> Vec<String> {
        users.iter().map(|user| user.username().to_owned()).collect()
    };
    for name in ["dave", "alice", "carol", "bob"] {
        store.create(user(name)).await.unwrap();
    }
    store.set_active("alice", false).await.unwrap();
    assert_eq!(
        names(store.list().await.unwrap()),
        ["dave", "alice", "carol", "bob"],
        "a change moves nobody"
    );
    store.delete("alice").await.unwrap();
    store.create(user("alice")).await.unwrap();
    assert_eq!(names(store.list().await.unwrap()), ["dave", "carol", "bob", "alice"]);
    for name in ["dave", "carol", "bob", "alice"] {
        assert_eq!(
            store.find(name).await.unwrap().unwrap().username(),
            name,
            "found under his own name still"
        );
    }
}

fn is_invalid(outcome: &Result<Arc<StoredUser>, UserStoreError>, which: &str) -> bool {
    matches!(outcome, Err(UserStoreError::Invalid { field, .. }) if *field == which)
}

pub(crate) async fn names_have_1_to_255_bytes_and_no_control_characters(store: impl Store, _: TestClock) {
    let longest = "é".repeat(127) + "x";
    assert_eq!(longest.len(), MAX_NAME_BYTES);
    for good in ["a", &longest, "alice@example.com", "a \"quoted\" \\ name"] {
        store.create(user(good)).await.unwrap();
        assert_eq!(store.find(good).await.unwrap().unwrap().username(), good);
    }
    for bad in ["", &format!("{longest}x"), "a\nb", "a\0", "\u{7f}", "\u{85}"] {
        assert!(is_invalid(&store.create(user(bad)).await, "username"), "{bad:?}");
        assert!(store.find(bad).await.unwrap().is_none(), "{bad:?}");
    }
    assert_eq!(store.list().await.unwrap().len(), 4);
}

pub(crate) async fn a_name_that_nobody_can_have_costs_nothing_and_breaks_no_line(
    store: impl Store,
    _: TestClock,
) {
    let error = store.delete(&"a\n".repeat(1_000_000)).await.unwrap_err();
    assert!(matches!(error, UserStoreError::NotFound(_)), "{error:?}");
    assert!(error.to_string().len() < 200 && !error.to_string().contains('\n'), "{error}");
}

pub(crate) async fn hashes_have_at_most_512_bytes(store: impl Store, _: TestClock) {
    let longest = "$".repeat(MAX_HASH_BYTES);
    store.create(NewUser::new("alice", &longest)).await.unwrap();
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(&*longest));
    for bad in [format!("{longest}$"), "$2b$12\n".to_owned()] {
        assert!(is_invalid(&store.create(NewUser::new("bob", &bad)).await, "password_hash"));
        let replaced = store.replace_password_hash("alice", &longest, &bad).await;
        assert!(matches!(replaced, Err(UserStoreError::Invalid { field: "password_hash", .. })));
    }
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(&*longest));
}

pub(crate) async fn a_password_is_not_taken_for_a_hash(store: impl Store, clock: TestClock) {
    let secret = "correct horse battery staple";
    let error = store.create(NewUser::new("alice", secret)).await.unwrap_err();
    assert!(matches!(error, UserStoreError::Invalid { field: "password_hash", .. }));
    assert!(!all_of(&error).contains(secret));
    store.create(alice()).await.unwrap();
    assert!(store.replace_password_hash("alice", HASH, secret).await.is_err());

    // Who has no password says so, and cannot log in with any.
    let auth = provider(&store, &clock, weak());
    for (name, none) in [("bob", ""), ("carol", "!")] {
        store.create(NewUser::new(name, none)).await.unwrap();
        for password in ["", "!", secret] {
            assert_eq!(auth.authenticate(name, password).await.unwrap_err(), Rejection::InvalidCredentials);
        }
    }
}

pub(crate) async fn a_user_has_at_most_64_roles(store: impl Store, _: TestClock) {
    let roles: Vec<String> = (0..MAX_ROLES).map(|number| format!("role-{number}")).collect();
    store.create(user("alice").roles(roles.clone())).await.unwrap();
    assert_eq!(store.find("alice").await.unwrap().unwrap().roles(), roles);
    let one_more = roles.iter().map(String::as_str).chain(["one-more"]);
    assert!(is_invalid(&store.create(user("bob").roles(one_more.clone())).await, "roles"));
    let error = store.set_roles("alice", &one_more.collect::<Vec<_>>()).await.unwrap_err();
    assert!(matches!(error, UserStoreError::Invalid { field: "roles", .. }));

    store.create(user("carol").roles(["x".repeat(255), "a".into(), "a".into()])).await.unwrap();
    assert_eq!(store.find("carol").await.unwrap().unwrap().roles(), ["x".repeat(255), "a".into()]);
    for bad in ["", &"x".repeat(256), "a\tb"] {
        assert!(is_invalid(&store.create(user("dave").roles([bad])).await, "roles"), "{bad:?}");
    }
}

pub(crate) async fn a_hash_is_replaced_if_it_is_the_old_one(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    let error = store.replace_password_hash("alice", OTHER_HASH, "$third").await.unwrap_err();
    assert!(matches!(&error, UserStoreError::Changed(name) if name == "alice"), "{error:?}");
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(HASH), "nothing changed");
    store.replace_password_hash("alice", HASH, OTHER_HASH).await.unwrap();
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(alice.password_hash(), Some(OTHER_HASH));
    assert!(alice.has_role("admin") && alice.is_active() && alice.created_at().is_some());
}

pub(crate) async fn of_sixteen_replacements_of_one_hash_one_counts(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let new = format!("$new-{number}");
                store.replace_password_hash("alice", HASH, &new).await.map(|()| new)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(new) => winners.push(new),
            Err(UserStoreError::Changed(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(&*winners[0]));
}

pub(crate) async fn disabling_and_enabling_change_nothing_else(store: impl Store, _: TestClock) {
    let before = store.create(alice()).await.unwrap();
    for active in [false, false, true] {
        store.set_active("alice", active).await.unwrap();
        let alice = store.find("alice").await.unwrap().unwrap();
        assert_eq!(alice.is_active(), active);
        assert_eq!(
            (alice.password_hash(), alice.roles(), alice.created_at()),
            (before.password_hash(), before.roles(), before.created_at())
        );
    }
    assert!(before.is_active(), "who was found stays as he was found");
}

pub(crate) async fn roles_are_replaced_and_nothing_else(store: impl Store, _: TestClock) {
    store.create(alice().active(false)).await.unwrap();
    for roles in [&["editor", "author"][..], &[], &["owner"]] {
        store.set_roles("alice", roles).await.unwrap();
        let alice = store.find("alice").await.unwrap().unwrap();
        assert_eq!(alice.roles(), roles);
        assert_eq!((alice.password_hash(), alice.is_active()), (Some(HASH), false));
    }
}

pub(crate) async fn changes_of_different_members_at_once_are_all_kept(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    for round in 0..8 {
        let (hash, role, name) = (format!("$hash-{round}"), format!("role-{round}"), format!("user-{round}"));
        let alice = store.find("alice").await.unwrap().unwrap();
        let active = round % 2 == 0;
        let roles = [role.as_str()];
        let (a, b, c, d) = tokio::join!(
            store.set_active("alice", active),
            store.set_roles("alice", &roles),
            store.replace_password_hash("alice", alice.password_hash().unwrap(), &hash),
            store.create(user(&name)),
        );
        for outcome in [a, b, c, d.map(|_| ())] {
            outcome.unwrap();
        }
        let alice = store.find("alice").await.unwrap().unwrap();
        assert_eq!(
            (alice.is_active(), alice.roles(), alice.password_hash()),
            (active, &[role.clone()][..], Some(&*hash))
        );
    }
    let names: HashSet<String> =
        store.list().await.unwrap().iter().map(|user| user.username().to_owned()).collect();
    assert_eq!(names.len(), 9);
}

pub(crate) async fn clones_are_one_store(store: impl Store, _: TestClock) {
    let clone = store.clone();
    clone.create(alice()).await.unwrap();
    assert!(store.find("alice").await.unwrap().is_some());
    store.delete("alice").await.unwrap();
    assert!(clone.find("alice").await.unwrap().is_none());
}

pub(crate) async fn a_clock_without_the_time_creates_nobody(store: impl Store, clock: TestClock) {
    store.create(user("bob")).await.unwrap();
    clock.break_down();
    assert!(store.create(alice()).await.is_err());
    assert!(store.find("alice").await.unwrap().is_none());
    assert!(store.find("bob").await.unwrap().is_some(), "nobody asks the time to find somebody");
}

pub(crate) async fn no_hash_is_in_any_debug_text_or_error(store: impl Store, _: TestClock) {
    let marked = "$MARK-hash-5d9a3b48";
    let new = NewUser::new("alice", marked);
    let mut texts = vec![format!("{new:?}"), format!("{store:?}")];
    let created = store.create(new.clone()).await.unwrap();
    texts.push(format!("{created:?} {:?} {:?}", store.find("alice").await, store.list().await));
    for error in [
        store.create(new).await.unwrap_err(),
        store.replace_password_hash("alice", OTHER_HASH, marked).await.unwrap_err(),
        store.replace_password_hash("alice", marked, "MARK-plain").await.unwrap_err(),
        store.replace_password_hash("bob", marked, marked).await.unwrap_err(),
    ] {
        texts.push(all_of(&error));
    }
    texts.push(format!("{store:?}"));
    for text in &texts {
        assert!(!text.contains("MARK"), "{text}");
    }
    assert!(texts[2].contains("alice"), "the search looks at something");
}

pub(crate) async fn a_store_is_a_whole_set_of_loaders(store: impl Store, clock: TestClock) {
    let auth = provider(&store, &clock, weak());
    let hash = auth.hash_password("correct horse").await.unwrap();
    store.create(NewUser::new("alice", hash).roles(["admin"])).await.unwrap();

    let alice = auth.authenticate("alice", "correct horse").await.unwrap();
    assert_eq!(alice.roles(), ["admin"]);
    let tokens = auth.login(alice.username()).await.unwrap();
    auth.refresh(tokens.refresh_token().expose()).await.unwrap();
    for (name, password) in [("alice", "wrong"), ("bob", "correct horse"), ("a\0", "correct horse")] {
        assert_eq!(auth.authenticate(name, password).await.unwrap_err(), Rejection::InvalidCredentials);
    }

    store.set_active("alice", false).await.unwrap();
    let refused = auth.refresh(tokens.refresh_token().expose()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::InactiveUser));
    assert_eq!(auth.authenticate("alice", "correct horse").await.unwrap_err(), Rejection::InvalidCredentials);

    // His session has ended with that.
    store.set_active("alice", true).await.unwrap();
    auth.refresh(tokens.refresh_token().expose()).await.unwrap_err();
    let tokens = auth.login(alice.username()).await.unwrap();
    auth.refresh(tokens.refresh_token().expose()).await.unwrap();
    store.delete("alice").await.unwrap();
    let refused = auth.refresh(tokens.refresh_token().expose()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::UnknownUser));
}

pub(crate) async fn a_demoted_user_is_loaded_without_his_role(store: impl Store, clock: TestClock) {
    store.create(alice()).await.unwrap();
    let auth = provider(&store, &clock, weak());
    let token = auth.issue(Purpose::Access, "alice").unwrap();
    let token = Arc::new(auth.verify(token.expose(), Purpose::Access).unwrap());
    let load = || async {
        let loaded = UserLoader::load_user(&store, Arc::clone(&token)).await;
        loaded.map_err(Into::into).unwrap_or_else(|error: fauth_core::BoxError| panic!("{error}")).unwrap()
    };
    assert!(load().await.has_role("admin"));
    store.set_roles("alice", &["editor"]).await.unwrap();
    let demoted = load().await;
    assert!(!demoted.has_role("admin") && demoted.has_role("editor"));
}

pub(crate) async fn tokens_of_a_deleted_namesake_load_nobody(store: impl Store, clock: TestClock) {
    let auth = provider(&store, &clock, weak());
    store.create(alice()).await.unwrap();
    let first = auth.login("alice").await.unwrap();
    auth.refresh(first.refresh_token().expose()).await.unwrap();

    clock.advance(1);
    store.delete("alice").await.unwrap();
    store.create(alice()).await.unwrap();
    let refused = auth.refresh(first.refresh_token().expose()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::UnknownUser));

    let second = auth.login("alice").await.unwrap();
    auth.refresh(second.refresh_token().expose()).await.unwrap();
}

pub(crate) async fn an_old_hash_is_brought_up_to_date_at_login(store: impl Store, clock: TestClock) {
    let old = PasswordHasher::new(weak()).unwrap().hash("correct horse").await.unwrap();
    store.create(NewUser::new("alice", &old)).await.unwrap();
    let auth = provider(&store, &clock, PasswordConfig::danger_weak_argon2id(16, 1, 1));
    auth.authenticate("alice", "wrong").await.unwrap_err();
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(&*old));
    auth.authenticate("alice", "correct horse").await.unwrap();
    let alice = store.find("alice").await.unwrap().unwrap();
    assert!(alice.password_hash().unwrap().starts_with("$argon2id$v=19$m=16,"), "the new cost");
    auth.authenticate("alice", "correct horse").await.unwrap();
}

pub(crate) async fn a_password_changed_meanwhile_wins_over_the_rehash(store: impl Store, clock: TestClock) {
    // The loader hands out the user as he was before his password was changed.
    let old = PasswordHasher::new(weak()).unwrap().hash("correct horse").await.unwrap();
    store.create(NewUser::new("alice", &old)).await.unwrap();
    let stale = store.find("alice").await.unwrap().unwrap();
    store.replace_password_hash("alice", &old, OTHER_HASH).await.unwrap();

    let updates = Updates { store: store.clone(), outcomes: Arc::default() };
    let config =
        fauth_core::AuthConfig::builder().secret("f2a1c07d9be84563a1d0c9b8e7f65432").build().unwrap();
    let auth = fauth_core::AuthProvider::<StoredUser>::builder(config)
        .user_loader(store.clone())
        .identity_loader(move |_: String| {
            let stale = Arc::clone(&stale);
            async move { Ok::<_, std::convert::Infallible>(Some(stale)) }
        })
        .password_updater(updates.clone())
        .store(fauth_core::MemoryStore::new())
        .password(PasswordConfig::danger_weak_argon2id(16, 1, 1))
        .clock(clock)
        .build()
        .unwrap();
    auth.authenticate("alice", "correct horse").await.unwrap();
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(OTHER_HASH));
    store.delete("alice").await.unwrap();
    auth.authenticate("alice", "correct horse").await.unwrap();
    assert!(store.find("alice").await.unwrap().is_none());
    assert_eq!(*updates.outcomes.lock().unwrap(), [true, true], "a lost race is no failure");
}

/// A store that remembers whether its updates succeeded.
#[derive(Clone)]
struct Updates<S> {
    store: S,
    outcomes: Arc<std::sync::Mutex<Vec<bool>>>,
}

impl<S: PasswordUpdater<StoredUser>> PasswordUpdater<StoredUser> for Updates<S> {
    type Error = S::Error;

    async fn update_password_hash(
        &self,
        user: Arc<StoredUser>,
        hash: NewPasswordHash,
    ) -> Result<(), S::Error> {
        let outcome = self.store.update_password_hash(user, hash).await;
        self.outcomes.lock().unwrap().push(outcome.is_ok());
        outcome
    }
}
