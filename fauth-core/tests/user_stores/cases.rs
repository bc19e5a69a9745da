//! What every user store promises.

use std::{collections::HashSet, sync::Arc};

use fauth_core::{
    AuthProvider, AuthUser, BoxError, ClientInfo, IdentityLoader, NewPasswordHash, OneTimePurpose,
    PasswordUpdater, Purpose, Rejection, Requirement, TokenPair, TokenRequest, UserLoader, async_trait,
    clock::Timestamp,
    one_time::{OneTimeRequest, OneTimeToken},
    password::{PasswordConfig, PasswordHasher},
    rejection::InvalidToken,
    user_store::{
        MAX_EPOCH, MAX_HASH_BYTES, MAX_NAME_BYTES, MAX_ROLES, NewUser, StoredUser, UserStore, UserStoreError,
    },
};

use crate::support::{Bearer, HASH, OTHER_HASH, TestClock, alice, all_of, provider, user, weak};

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
    let gone = store.create(alice()).await.unwrap();
    store.create(user("bob")).await.unwrap();
    store.delete("alice").await.unwrap();
    assert!(store.find("alice").await.unwrap().is_none());
    assert!(store.find("bob").await.unwrap().is_some());
    for outcome in [
        store.delete("alice").await,
        store.set_active("alice", true).await,
        store.set_roles("alice", &["admin"]).await,
        store.rehash_password("alice", HASH, OTHER_HASH).await,
        store.change_password(&gone, OTHER_HASH).await.map(drop),
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
            "found under the own name still"
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
        let alice = store.find("alice").await.unwrap().unwrap();
        for refused in [
            store.rehash_password("alice", &longest, &bad).await,
            store.change_password(&alice, &bad).await.map(drop),
        ] {
            assert!(matches!(refused, Err(UserStoreError::Invalid { field: "password_hash", .. })));
        }
    }
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!((alice.password_hash(), alice.token_epoch()), (Some(&*longest), 0));
}

pub(crate) async fn a_password_is_not_taken_for_a_hash(store: impl Store, clock: TestClock) {
    let secret = "correct horse battery staple";
    let error = store.create(NewUser::new("alice", secret)).await.unwrap_err();
    assert!(matches!(error, UserStoreError::Invalid { field: "password_hash", .. }));
    assert!(!all_of(&error).contains(secret));
    let alice = store.create(alice()).await.unwrap();
    assert!(store.rehash_password("alice", HASH, secret).await.is_err());
    assert!(store.change_password(&alice, secret).await.is_err());
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(HASH));

    // Who has no password says so, and cannot log in with any.
    let auth = provider(&store, &clock, weak());
    for (name, none) in [("bob", ""), ("carol", "!")] {
        store.create(NewUser::new(name, none)).await.unwrap();
        for password in ["", "!", secret] {
            assert_eq!(
                auth.authenticate(name, password, &ClientInfo::unknown()).await.unwrap_err(),
                Rejection::InvalidCredentials
            );
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
    let error = store.rehash_password("alice", OTHER_HASH, "$third").await.unwrap_err();
    assert!(matches!(&error, UserStoreError::Changed(name) if name == "alice"), "{error:?}");
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(HASH), "nothing changed");
    store.rehash_password("alice", HASH, OTHER_HASH).await.unwrap();
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(alice.password_hash(), Some(OTHER_HASH));
    assert!(alice.has_role("admin") && alice.is_active() && alice.created_at().is_some());
    assert_eq!(alice.token_epoch(), 0, "it is the same password");
}

pub(crate) async fn another_password_raises_the_epoch(store: impl Store, _: TestClock) {
    let found = store.create(alice()).await.unwrap();
    assert_eq!(found.token_epoch(), 0);
    // A rehash or other roles in between do not matter.
    store.rehash_password("alice", HASH, "$rehashed").await.unwrap();
    store.set_roles("alice", &["editor"]).await.unwrap();
    let changed = store.change_password(&found, OTHER_HASH).await.unwrap();
    for alice in [&changed, &store.find("alice").await.unwrap().unwrap()] {
        assert_eq!((alice.password_hash(), alice.token_epoch()), (Some(OTHER_HASH), 1));
        assert!(alice.has_role("editor") && alice.is_active());
        assert_eq!(alice.created_at(), found.created_at());
    }

    // Who was found before that change does not make another.
    let error = store.change_password(&found, HASH).await.unwrap_err();
    assert!(matches!(&error, UserStoreError::Changed(name) if name == "alice"), "{error:?}");
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!((alice.password_hash(), alice.token_epoch()), (Some(OTHER_HASH), 1), "nothing changed");
    let again = store.change_password(&changed, OTHER_HASH).await.unwrap();
    assert_eq!(again.token_epoch(), 2, "also if the hash is the same");

    // Nor does who was disabled since.
    store.set_active("alice", false).await.unwrap();
    store.change_password(&again, HASH).await.unwrap_err();
}

pub(crate) async fn the_password_of_a_namesake_is_not_changed(store: impl Store, clock: TestClock) {
    let first = store.create(alice()).await.unwrap();
    clock.advance(1);
    store.delete("alice").await.unwrap();
    let second = store.create(alice()).await.unwrap();
    let error = store.change_password(&first, OTHER_HASH).await.unwrap_err();
    assert!(matches!(error, UserStoreError::Changed(_)), "{error:?}");
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(HASH));
    store.change_password(&second, OTHER_HASH).await.unwrap();
}

pub(crate) async fn of_sixteen_password_changes_at_once_one_counts(store: impl Store, _: TestClock) {
    let alice = store.create(alice()).await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (store, alice) = (store.clone(), Arc::clone(&alice));
            tokio::spawn(async move { store.change_password(&alice, &format!("$new-{number}")).await })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(alice) => winners.push(alice),
            Err(UserStoreError::Changed(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!((winners.len(), alice.token_epoch()), (1, 1));
    assert_eq!(alice.password_hash(), winners[0].password_hash());
}

pub(crate) async fn an_epoch_is_at_most_2_to_the_53_minus_1(store: impl Store, _: TestClock) {
    let last = store.create(alice().epoch(MAX_EPOCH - 1)).await.unwrap();
    let at_limit = store.change_password(&last, OTHER_HASH).await.unwrap();
    assert_eq!(at_limit.token_epoch(), MAX_EPOCH);
    for error in [
        store.change_password(&at_limit, HASH).await.unwrap_err(),
        store.set_active("alice", false).await.unwrap_err(),
        store.create(user("bob").epoch(MAX_EPOCH + 1)).await.unwrap_err(),
        store.create(user("bob").epoch(u64::MAX)).await.unwrap_err(),
    ] {
        assert!(matches!(error, UserStoreError::Invalid { field: "epoch", .. }), "{error:?}");
    }
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(
        (alice.password_hash(), alice.is_active(), alice.token_epoch()),
        (Some(OTHER_HASH), true, MAX_EPOCH)
    );
}

/// All that somebody can hold on to.
struct Held {
    tokens: TokenPair,
    links: Vec<(OneTimePurpose, OneTimeToken)>,
}

impl Held {
    const PURPOSES: [OneTimePurpose; 3] =
        [OneTimePurpose::PasswordReset, OneTimePurpose::EmailVerification, OneTimePurpose::MagicLink];

    async fn by(auth: &AuthProvider<StoredUser>, user: &StoredUser) -> Self {
        let tokens = auth.login(TokenRequest::for_user(user)).await.unwrap();
        let mut links = Vec::new();
        for purpose in Self::PURPOSES {
            let link = auth.issue_one_time(purpose, OneTimeRequest::for_user(user)).await.unwrap();
            links.push((purpose, link));
        }
        Self { tokens, links }
    }

    /// What each of them opens. Those that open something are used up.
    async fn tried(&self, auth: &AuthProvider<StoredUser>) -> Vec<Result<(), Rejection>> {
        let head = Bearer(format!("Bearer {}", self.tokens.access_token().expose()));
        let access = auth.check(auth.read(&head), &Requirement::user()).await;
        let refresh = auth.refresh(self.tokens.refresh_token().expose(), &ClientInfo::unknown()).await;
        let mut outcomes = vec![access.map(drop), refresh.map(drop)];
        for (purpose, link) in &self.links {
            outcomes.push(auth.redeem(link.expose(), *purpose).await.map(drop));
        }
        outcomes
    }
}

fn all_old() -> Vec<Result<(), Rejection>> {
    vec![Err(Rejection::InvalidToken(InvalidToken::OldEpoch)); 5]
}

pub(crate) async fn a_password_change_ends_everything(store: impl Store, clock: TestClock) {
    let auth = provider(&store, &clock, weak());
    let (alice, bob) = (store.create(alice()).await.unwrap(), store.create(user("bob")).await.unwrap());
    // Tried first, since a reset that is redeemed takes the others with it.
    assert_eq!(Held::by(&auth, &alice).await.tried(&auth).await, vec![Ok(()); 5]);
    let (old, bobs) = (Held::by(&auth, &alice).await, Held::by(&auth, &bob).await);
    let alice = store.change_password(&alice, OTHER_HASH).await.unwrap();
    assert_eq!(old.tried(&auth).await, all_old());
    assert_eq!(bobs.tried(&auth).await, vec![Ok(()); 5]);
    assert_eq!(Held::by(&auth, &alice).await.tried(&auth).await, vec![Ok(()); 5], "new ones are good");

    // The name alone says nothing of the epoch.
    let plain = auth.login("alice").await.unwrap();
    let refused = auth.refresh(plain.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::OldEpoch));
}

pub(crate) async fn disabling_ends_everything_for_good(store: impl Store, clock: TestClock) {
    let auth = provider(&store, &clock, weak());
    let alice = store.create(alice()).await.unwrap();
    let old = Held::by(&auth, &alice).await;
    // A disabled user does not get in with a token.
    store.set_active("alice", false).await.unwrap();
    store.set_active("alice", true).await.unwrap();
    assert_eq!(old.tried(&auth).await, all_old());
    let alice = store.find("alice").await.unwrap().unwrap();
    assert_eq!(Held::by(&auth, &alice).await.tried(&auth).await, vec![Ok(()); 5]);
}

pub(crate) async fn a_rehash_and_other_roles_end_nothing(store: impl Store, clock: TestClock) {
    let old = PasswordHasher::new(weak()).unwrap().hash("correct horse").await.unwrap();
    let alice = store.create(NewUser::new("alice", &old).roles(["admin"])).await.unwrap();
    let auth = provider(&store, &clock, PasswordConfig::danger_weak_argon2id(16, 1, 1));
    let held = Held::by(&auth, &alice).await;
    auth.authenticate("alice", "correct horse", &ClientInfo::unknown()).await.unwrap();
    store.set_roles("alice", &["editor"]).await.unwrap();
    let now = store.find("alice").await.unwrap().unwrap();
    assert_ne!(now.password_hash(), Some(&*old), "there was a rehash");
    assert_eq!(held.tried(&auth).await, vec![Ok(()); 5]);
}

pub(crate) async fn of_sixteen_replacements_of_one_hash_one_counts(store: impl Store, _: TestClock) {
    store.create(alice()).await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let new = format!("$new-{number}");
                store.rehash_password("alice", HASH, &new).await.map(|()| new)
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
    for (active, epoch) in [(false, 1), (false, 2), (true, 2), (true, 2)] {
        store.set_active("alice", active).await.unwrap();
        let alice = store.find("alice").await.unwrap().unwrap();
        assert_eq!((alice.is_active(), alice.token_epoch()), (active, epoch));
        assert_eq!(
            (alice.password_hash(), alice.roles(), alice.created_at()),
            (before.password_hash(), before.roles(), before.created_at())
        );
    }
    assert!(before.is_active(), "a user that was found does not change");
}

pub(crate) async fn roles_are_replaced_and_nothing_else(store: impl Store, _: TestClock) {
    store.create(alice().active(false)).await.unwrap();
    for roles in [&["editor", "author"][..], &[], &["owner"]] {
        store.set_roles("alice", roles).await.unwrap();
        let alice = store.find("alice").await.unwrap().unwrap();
        assert_eq!(alice.roles(), roles);
        assert_eq!((alice.password_hash(), alice.is_active(), alice.token_epoch()), (Some(HASH), false, 0));
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
            store.rehash_password("alice", alice.password_hash().unwrap(), &hash),
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
    let raised = new.clone().epoch(7).into_user(Timestamp::from_unix_seconds(TestClock::START)).unwrap();
    for error in [
        store.create(new).await.unwrap_err(),
        store.rehash_password("alice", OTHER_HASH, marked).await.unwrap_err(),
        store.rehash_password("alice", marked, "MARK-plain").await.unwrap_err(),
        store.change_password(&created, "MARK-plain").await.unwrap_err(),
        store.change_password(&raised, marked).await.unwrap_err(),
        store.rehash_password("bob", marked, marked).await.unwrap_err(),
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
    let hash = auth.hash_password("correct horse battery").await.unwrap();
    store.create(NewUser::new("alice", hash).roles(["admin"])).await.unwrap();

    let alice = auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(alice.roles(), ["admin"]);
    let tokens = auth.login(TokenRequest::for_user(&*alice)).await.unwrap();
    auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
    for (name, password) in
        [("alice", "wrong"), ("bob", "correct horse battery"), ("a\0", "correct horse battery")]
    {
        assert_eq!(
            auth.authenticate(name, password, &ClientInfo::unknown()).await.unwrap_err(),
            Rejection::InvalidCredentials
        );
    }

    store.set_active("alice", false).await.unwrap();
    let refused = auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::InactiveUser));
    assert_eq!(
        auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap_err(),
        Rejection::InvalidCredentials
    );

    // The session has ended with that.
    store.set_active("alice", true).await.unwrap();
    auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    let alice = store.find("alice").await.unwrap().unwrap();
    let tokens = auth.login(TokenRequest::for_user(&*alice)).await.unwrap();
    auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
    store.delete("alice").await.unwrap();
    let refused = auth.refresh(tokens.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::UnknownUser));
}

pub(crate) async fn a_demoted_user_is_loaded_without_his_role(store: impl Store, clock: TestClock) {
    store.create(alice()).await.unwrap();
    let auth = provider(&store, &clock, weak());
    let token = fauth_testing::at_once(auth.issue(Purpose::Access, "alice")).unwrap();
    let token = Arc::new(auth.verify_signature_and_claims(token.expose(), Purpose::Access).unwrap());
    let load = || async {
        let loaded = UserLoader::load_user(&store, Arc::clone(&token)).await;
        loaded.unwrap_or_else(|error: BoxError| panic!("{error}")).unwrap()
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
    auth.refresh(first.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();

    clock.advance(1);
    store.delete("alice").await.unwrap();
    store.create(alice()).await.unwrap();
    let refused = auth.refresh(first.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::InvalidToken(InvalidToken::UnknownUser));

    let second = auth.login("alice").await.unwrap();
    auth.refresh(second.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
}

pub(crate) async fn an_old_hash_is_brought_up_to_date_at_login(store: impl Store, clock: TestClock) {
    let old = PasswordHasher::new(weak()).unwrap().hash("correct horse battery").await.unwrap();
    store.create(NewUser::new("alice", &old)).await.unwrap();
    let auth = provider(&store, &clock, PasswordConfig::danger_weak_argon2id(16, 1, 1));
    auth.authenticate("alice", "wrong", &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(&*old));
    auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap();
    let alice = store.find("alice").await.unwrap().unwrap();
    assert!(alice.password_hash().unwrap().starts_with("$argon2id$v=19$m=16,"), "the new cost");
    auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap();
}

pub(crate) async fn a_password_changed_meanwhile_wins_over_the_rehash(store: impl Store, clock: TestClock) {
    // The loader returns the user as it was before the password was changed.
    let old = PasswordHasher::new(weak()).unwrap().hash("correct horse battery").await.unwrap();
    store.create(NewUser::new("alice", &old)).await.unwrap();
    let stale = store.find("alice").await.unwrap().unwrap();
    store.change_password(&stale, OTHER_HASH).await.unwrap();

    let updates = Updates { store: store.clone(), outcomes: Arc::default() };
    let config =
        fauth_core::AuthConfig::builder().secret("f2a1c07d9be84563a1d0c9b8e7f65432").build().unwrap();
    let auth = AuthProvider::<StoredUser>::builder(config)
        .user_loader(store.clone())
        .identity_loader(move |_: String| {
            let stale = Arc::clone(&stale);
            async move { Ok::<_, std::convert::Infallible>(Some(stale)) }
        })
        .password_updater(updates.clone())
        .store(fauth_testing::memory_store())
        .password(PasswordConfig::danger_weak_argon2id(16, 1, 1))
        .clock(clock)
        .build()
        .unwrap();
    auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(store.find("alice").await.unwrap().unwrap().password_hash(), Some(OTHER_HASH));
    store.delete("alice").await.unwrap();
    auth.authenticate("alice", "correct horse battery", &ClientInfo::unknown()).await.unwrap();
    assert!(store.find("alice").await.unwrap().is_none());
    assert_eq!(*updates.outcomes.lock().unwrap(), [true, true], "a lost race is no failure");
}

/// A store that remembers whether its updates succeeded.
#[derive(Clone)]
struct Updates<S> {
    store: S,
    outcomes: Arc<std::sync::Mutex<Vec<bool>>>,
}

#[async_trait]
impl<S: PasswordUpdater<StoredUser>> PasswordUpdater<StoredUser> for Updates<S> {
    async fn update_password_hash(
        &self,
        user: Arc<StoredUser>,
        hash: NewPasswordHash,
    ) -> Result<(), BoxError> {
        let outcome = self.store.update_password_hash(user, hash).await;
        self.outcomes.lock().unwrap().push(outcome.is_ok());
        outcome
    }
}
