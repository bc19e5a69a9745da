//! Each owner has rows of its own, also where a table is partitioned by owner.

use fauth_core::{
    Purpose,
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, OneTimeStore, Owner, PostgresStore, RevocationStore, RevocationTarget,
        RotationOutcome, SessionStore, SqlDialect, SqlStore, StoredApiKey, TokenFacts, Verdict, raised_epoch,
    },
};
use fauth_testing::ManualClock;

use crate::support::{
    START, Sqlite, at, hash, magic_link, new_session, own_prefix, owner, postgres, postgres_store, rotation,
    session_id,
};

const HOUR: u64 = 3600;

/// Alike but for one part, or with the same text once the parts are put together.
fn owners() -> [Owner<'static>; 5] {
    [
        Owner::new("shop", "", "alice"),
        Owner::new("shop", "", "bob"),
        Owner::new("staff", "", "alice"),
        Owner::new("shop", "https://issuer.example", "alice"),
        Owner::new("shopa", "", "lice"),
    ]
}

fn api_key(owner: &Owner<'_>, number: u64) -> StoredApiKey {
    let key = ApiKey {
        id: ApiKeyId::new(owner, u128::from(number).to_be_bytes()),
        owner: owner.clone().into_owned(),
        name: "build".to_owned(),
        scopes: vec!["read".to_owned()],
        created_at: START,
        expires_at: at(7200),
        last_used_at: Some(START),
        user_epoch: Some(3),
    };
    StoredApiKey { key, hash: hash(number), hash_key_id: "hash key".to_owned() }
}

/// Everything that an owner can have, with the same ids for every owner.
async fn fill<D: SqlDialect>(store: &SqlStore<D>, owner: &Owner<'static>) {
    for id in [1, 2_u64] {
        let mut new = new_session(id.into(), "", 0, 2);
        new.session.owner = owner.clone();
        assert_eq!(store.open(new, START).await.unwrap(), []);
        let mut record = magic_link("", id, at(7200));
        record.owner = owner.clone();
        OneTimeStore::insert(store, record, 2, START).await.unwrap();
        assert!(ApiKeyStore::insert(store, api_key(owner, id), 2, START).await.unwrap());
    }
    assert_eq!(store.raise_epoch(owner, START, at(7200)).await.unwrap(), raised_epoch(None, START).unwrap());
}

async fn has_all<D: SqlDialect>(store: &SqlStore<D>, owner: &Owner<'static>) {
    let sessions = SessionStore::list(store, owner, START).await.unwrap();
    assert_eq!(sessions.len(), 2, "{owner:?}");
    assert!(sessions.iter().all(|session| session.owner == *owner));
    let keys = [1, 2].map(|number| api_key(owner, number));
    assert_eq!(
        ApiKeyStore::list(store, owner, START).await.unwrap(),
        keys.each_ref().map(|key| key.key.clone())
    );
    for key in keys {
        assert_eq!(ApiKeyStore::find(store, &key.key.id, START).await.unwrap(), Some(key));
    }
}

async fn take_all<D: SqlDialect>(store: &SqlStore<D>, owner: &Owner<'static>) {
    let rotated = store.rotate(owner, &rotation(1, 0, 1), START).await.unwrap();
    assert!(matches!(rotated, RotationOutcome::Rotated(session) if session.owner == *owner));
    let reused = store.rotate(owner, &rotation(1, 9, 10), START).await.unwrap();
    assert!(matches!(reused, RotationOutcome::Reused(session) if session.owner == *owner));
    let outcome = store.rotate(owner, &rotation(1, 1, 2), START).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Ended { .. }), "{outcome:?}");
    let ended = store.end(owner, &session_id(2), START).await.unwrap().unwrap();
    assert_eq!((ended.id, &ended.owner), (session_id(2), owner));
    let redeemed = store.redeem(owner, &hash(1), Purpose::MagicLink, START).await.unwrap().unwrap();
    assert_eq!((redeemed.hash, &redeemed.owner), (hash(1), owner));
    assert_eq!(store.withdraw(owner, None, START).await.unwrap(), 1);
    for number in [1, 2] {
        let id = api_key(owner, number).key.id;
        store.touch(owner, &id, at(1)).await.unwrap();
        let found = ApiKeyStore::find(store, &id, START).await.unwrap().unwrap();
        assert_eq!(found.key.last_used_at, Some(at(1)));
        assert!(store.remove(owner, &id).await.unwrap());
    }
    store.revoke(owner, &[RevocationTarget::Subject], None, START, at(100)).await.unwrap();
}

async fn verdict<D: SqlDialect>(store: &SqlStore<D>, owner: &Owner<'_>, epoch: u64) -> Verdict {
    let token = TokenFacts {
        owner: owner.as_borrowed(),
        targets: &[RevocationTarget::Subject],
        epoch,
        issued_at: START,
    };
    store.check(&token, START).await.unwrap()
}

async fn owners_share_nothing<D: SqlDialect>(store: SqlStore<D>) {
    let [first, others @ ..] = owners();
    for owner in owners() {
        fill(&store, &owner).await;
    }
    take_all(&store, &first).await;
    assert_eq!(SessionStore::list(&store, &first, START).await.unwrap(), []);
    assert_eq!(verdict(&store, &first, u64::MAX).await, Verdict::Revoked);
    for owner in &others {
        has_all(&store, owner).await;
        assert_eq!(verdict(&store, owner, 0).await, Verdict::OldEpoch);
        assert_eq!(verdict(&store, owner, u64::MAX).await, Verdict::Good);
        take_all(&store, owner).await;
    }
}

/// Whoever names another owner finds nothing, and changes nothing.
async fn another_owner_finds_nothing<D: SqlDialect>(store: SqlStore<D>) {
    let [alice, others @ ..] = owners();
    fill(&store, &alice).await;
    for other in &others {
        assert_eq!(store.rotate(other, &rotation(1, 0, 1), START).await.unwrap(), RotationOutcome::Unknown);
        assert_eq!(store.end(other, &session_id(1), START).await.unwrap(), None);
        assert_eq!(store.end_all(other, None, START).await.unwrap(), []);
        assert_eq!(store.redeem(other, &hash(1), Purpose::MagicLink, START).await.unwrap(), None);
        assert_eq!(store.withdraw(other, None, START).await.unwrap(), 0);
        let id = api_key(&alice, 1).key.id;
        store.touch(other, &id, at(1)).await.unwrap();
        assert!(!store.remove(other, &id).await.unwrap());
        assert_eq!(store.epoch(other, START).await.unwrap(), 0);
    }
    has_all(&store, &alice).await;
    take_all(&store, &alice).await;
}

#[tokio::test]
async fn sqlite_keeps_owners_apart() {
    let database = Sqlite::start("owners").await;
    owners_share_nothing(database.store().await).await;
    let database = Sqlite::start("strangers").await;
    another_owner_finds_nothing(database.store().await).await;
}

#[tokio::test]
async fn postgres_keeps_owners_apart() {
    owners_share_nothing(postgres_store("owners").await).await;
    another_owner_finds_nothing(postgres_store("strangers").await).await;
}

/// Puts four partitions in place of each table.
async fn partitioned_store() -> PostgresStore {
    let (pool, prefix) = (postgres().await, own_prefix("parts"));
    let store = PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    for (table, columns) in [
        ("sessions", "application, issuer, subject"),
        ("one_times", "application, issuer, subject"),
        ("epochs", "application, issuer, subject"),
        ("api_keys", "bucket"),
    ] {
        let table = format!("{prefix}{table}");
        let replace = format!(
            "ALTER TABLE {table} RENAME TO {table}_whole; \
             CREATE TABLE {table} (LIKE {table}_whole INCLUDING ALL) PARTITION BY HASH ({columns}); \
             DROP TABLE {table}_whole"
        );
        sqlx::raw_sql(&replace).execute(&pool).await.unwrap();
        for part in 0..4 {
            let create = format!(
                "CREATE TABLE {table}_{part} PARTITION OF {table} FOR VALUES WITH (MODULUS 4, REMAINDER {part})"
            );
            sqlx::raw_sql(&create).execute(&pool).await.unwrap();
        }
    }
    store
}

#[tokio::test]
async fn postgres_works_on_partitioned_tables() {
    let store = partitioned_store().await;
    owners_share_nothing(store.clone()).await;
    // Two hours and a second after they were made, everything has expired for an hour; one write
    // sweeps it.
    let late = at(7201 + HOUR);
    let mut new = new_session(100, "alice", 0, 10);
    new.session.expires_at = at(100_000);
    new.session.last_seen_at = late;
    store.open(new, late).await.unwrap();
    store.raise_epoch(&owner("alice"), late, at(100_000)).await.unwrap();
    assert_eq!(store.epoch(&owners()[0], START).await.unwrap(), 0, "it was swept");
    let swept = store.rotate(&owners()[0], &rotation(1, 0, 1), START).await.unwrap();
    assert_eq!(swept, RotationOutcome::Unknown);
}

/// Such a key could not be found.
#[tokio::test]
async fn a_key_of_another_bucket_is_refused() {
    let database = Sqlite::start("bucket").await;
    let store = database.store().await;
    let mut key = api_key(&owner("alice"), 1);
    let bucket = key.key.id.bucket();
    let stranger = (0..).map(|number| Owner::new("default", "", number.to_string()));
    key.key.owner = stranger.into_iter().find(|stranger| stranger.bucket() != bucket).unwrap();
    let error = ApiKeyStore::insert(&store, key, 10, START).await.unwrap_err();
    assert!(format!("{error:?}").contains("bucket"), "{error:?}");
}

/// Nobody but a stranger with access to the database can have written it.
#[tokio::test]
async fn a_key_that_was_given_to_another_owner_is_damaged() {
    let database = Sqlite::start("stolen-key").await;
    let store = database.store().await;
    let key = api_key(&owner("alice"), 1);
    ApiKeyStore::insert(&store, key.clone(), 10, START).await.unwrap();
    sqlx::query("UPDATE fauth_api_keys SET subject = 'bob'").execute(&database.pool).await.unwrap();
    assert_ne!(owner("bob").bucket(), owner("alice").bucket());
    let error = ApiKeyStore::find(&store, &key.key.id, START).await.unwrap_err();
    assert!(format!("{error:?}").contains("was not written by fauth"), "{error:?}");
}

/// The epochs that the store gives are those of the one rule.
async fn epochs_follow_the_rule<D: SqlDialect>(store: SqlStore<D>) {
    let (alice, mut before) = (owner("alice"), None);
    for now in [START, START, at(1), at(1), START, at(100)] {
        let raised = store.raise_epoch(&alice, now, at(1000)).await.unwrap();
        assert_eq!(Some(raised), raised_epoch(before, now));
        assert_eq!(store.epoch(&alice, now).await.unwrap(), raised);
        before = Some(raised);
    }
}

#[tokio::test]
async fn sqlite_raises_epochs_by_the_rule() {
    let database = Sqlite::start("epochs").await;
    epochs_follow_the_rule(database.store().await).await;
}

#[tokio::test]
async fn postgres_raises_epochs_by_the_rule() {
    epochs_follow_the_rule(postgres_store("epochs").await).await;
}

/// Each of many raises at once gets an epoch of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_raises_one_epoch_after_the_other() {
    let store = postgres_store("raising").await;
    let raises: Vec<_> = (0..32)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.raise_epoch(&owner("alice"), START, at(1000)).await })
        })
        .collect();
    let mut epochs = Vec::new();
    for raise in raises {
        epochs.push(raise.await.unwrap().unwrap());
    }
    epochs.sort_unstable();
    let first = raised_epoch(None, START).unwrap();
    assert_eq!(epochs, (first..first + 32).collect::<Vec<_>>());
}

/// Where a row is, and by which transaction it was written: another version of it is elsewhere.
async fn row_version(pool: &sqlx::PgPool, prefix: &str) -> (String, String) {
    let sql = format!("SELECT ctid::TEXT, xmin::TEXT FROM {prefix}revocations");
    sqlx::query_as(&sql).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_revocation_that_is_repeated_writes_no_row() {
    let (pool, prefix) = (postgres().await, own_prefix("repeated"));
    let store = PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    let alice = owner("alice");
    let revoke = async |limit, now, until| {
        store.revoke(&alice, &[RevocationTarget::Session("s")], limit, at(now), at(until)).await.unwrap()
    };
    assert!(revoke(Some(1), 0, 100).await);
    let first = row_version(&pool, &prefix).await;
    for (limit, now, until) in [(Some(1), 0, 100), (None, 0, 100), (Some(1), 5, 50), (Some(0), 9, 100)] {
        assert!(revoke(limit, now, until).await);
        assert_eq!(row_version(&pool, &prefix).await, first, "{limit:?} {now} {until}");
    }
    assert!(revoke(Some(1), 0, 101).await);
    assert_ne!(row_version(&pool, &prefix).await, first);
}

/// A repetition in the grace window whose token is covered writes nothing either.
#[tokio::test]
async fn a_refresh_that_is_repeated_writes_no_row() {
    let (pool, prefix) = (postgres().await, own_prefix("again"));
    let store = PostgresStore::with_prefix(pool.clone(), &prefix).unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    let alice = owner("alice");
    store.open(new_session(1, "alice", 0, 1), START).await.unwrap();
    store.rotate(&alice, &rotation(1, 0, 1), START).await.unwrap();
    let version = async || {
        let sql = format!("SELECT ctid::TEXT FROM {prefix}sessions");
        sqlx::query_scalar::<_, String>(&sql).fetch_one(&pool).await.unwrap()
    };
    let first = version().await;
    for second in 0..10 {
        let outcome = store.rotate(&alice, &rotation(1, 0, 2), at(second)).await.unwrap();
        assert!(matches!(outcome, RotationOutcome::InGrace { .. }));
        assert_eq!(version().await, first);
    }
}
