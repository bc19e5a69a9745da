//! A pooler that shares connections between transactions: PgBouncer before a real server.

use fauth_core::store::{
    PostgresStore, RevocationStore, RevocationTarget, RotationOutcome, SessionStore, StoreError, Verdict,
};
use fauth_testing::ManualClock;
use servers::{PgBouncer, Postgres};
use sqlx::postgres::PgPoolOptions;

use crate::support::{START, at, judge, new_session, owner, rotation};

/// What an instance does for one user: a login, a refresh, a check, a logout.
async fn use_once(store: PostgresStore, number: u64) -> Result<(), StoreError> {
    let subject = format!("user {number}");
    let (id, owner) = (u128::from(number), owner(&subject));
    store.open(new_session(id, &subject, 1, 5), START).await?;
    let rotated = store.rotate(&owner, &rotation(id, 1, 2), START).await?;
    assert!(matches!(rotated, RotationOutcome::Rotated(_)), "{rotated:?}");
    let [session] = store.list(&owner, START).await?.try_into().unwrap();
    assert_eq!(session.owner.subject, subject);
    store.revoke(&owner, &[RevocationTarget::TokenId(&subject)], None, START, at(60)).await?;
    assert_eq!(judge(&store, &subject, &subject, START, START).await, Verdict::Revoked);
    assert_eq!(judge(&store, "other", &subject, START, START).await, Verdict::Good);
    assert_eq!(store.end_all(&owner, None, START).await?.len(), 1);
    Ok(())
}

/// How many of 48 users at once were served, and what the others were told.
async fn serve(store: &PostgresStore) -> (usize, Vec<String>) {
    let users: Vec<_> = (0..48).map(|number| tokio::spawn(use_once(store.clone(), number))).collect();
    let (mut served, mut errors) = (0, Vec::new());
    for user in users {
        match user.await {
            Ok(Ok(())) => served += 1,
            Ok(Err(error)) => errors.push(error.to_string()),
            Err(error) => errors.push(error.to_string()),
        }
    }
    (served, errors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_serves_everybody() {
    let server = Postgres::start();
    let pooler = PgBouncer::start(&server, 3);
    let store = PostgresStore::connect(&pooler.url()).await.unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(serve(&store).await, (48, vec![]));

    // Without a pooler nothing changes, and statements may be kept.
    let direct = PostgresStore::connect(&server.url()).await.unwrap().clock(ManualClock::new());
    assert_eq!(direct.list(&owner("user 1"), START).await.unwrap(), []);
    sqlx::query("TRUNCATE fauth_sessions, fauth_revocations")
        .execute(&PgPoolOptions::new().connect(&server.url()).await.unwrap())
        .await
        .unwrap();
    assert_eq!(serve(&direct.danger_keep_statements()).await, (48, vec![]));
}

/// That the test above tests something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_statements_fail_behind_a_pooler_and_say_so() {
    let server = Postgres::start();
    let pooler = PgBouncer::start(&server, 3);
    let store = PostgresStore::connect(&pooler.url()).await.unwrap().clock(ManualClock::new());
    store.migrate().await.unwrap();
    let (count, errors) = serve(&store.danger_keep_statements()).await;
    assert!(count < 48);
    assert!(errors.iter().any(|error| error.contains("do not use `danger_keep_statements`")), "{errors:#?}");
}

#[tokio::test]
async fn a_pool_that_a_pooler_refuses_is_told_how_to_connect() {
    let server = Postgres::start();
    let pooler = PgBouncer::start(&server, 1);
    let pool = PgPoolOptions::new().connect_lazy(&pooler.url()).unwrap();
    let error = PostgresStore::new(pool).migrate().await.unwrap_err().to_string();
    assert!(error.contains("extra_float_digits(None)"), "{error}");
}
