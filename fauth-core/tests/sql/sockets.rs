//! What stays open is asked about in one question, however much it is.

use std::time::Duration;

use fauth_core::{
    AuthProvider, ClientInfo, Requirement,
    ended::{EndReason, Ended},
    store::{SqlDialect, SqlStore},
};
use fauth_testing::{TestUser, Users, config, provider_without_store};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Sqlite, postgres_store};

type Auth = AuthProvider<TestUser>;

fn instance<D: SqlDialect>(store: &SqlStore<D>) -> Auth {
    provider_without_store(config(), &Users::new())
        .session_store(store.clone())
        .revocation_store(store.clone())
        .ended_poll_every(Duration::from_millis(300))
        .ended_recheck_every(Duration::from_millis(500))
        .build()
        .unwrap()
}

async fn open(auth: &Auth, name: &str) -> (String, Ended) {
    let token = auth.login(name).await.unwrap().access_token().expose().to_owned();
    let granted = auth.authenticate_token(&token, &Requirement::user()).await.unwrap();
    (token, granted.ended())
}

async fn ends(ended: &Ended) -> EndReason {
    timeout(Duration::from_secs(20), ended.clone()).await.unwrap()
}

/// What the other instance revokes is found within the interval; what this one does, at once.
async fn each_way<D: SqlDialect>(store: &SqlStore<D>) {
    let (here, elsewhere) = (instance(store), instance(store));
    let mut kept = Vec::new();
    for _ in 0..20 {
        kept.push(open(&here, "bob").await.1);
    }
    let ((token, mine), (own_token, own)) = (open(&here, "alice").await, open(&here, "alice").await);
    sleep(Duration::from_millis(100)).await;
    elsewhere.logout(&token, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(ends(&mine).await, EndReason::Revoked);
    let start = Instant::now();
    here.logout(&own_token, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(ends(&own).await, EndReason::Revoked);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let (_, everything) = open(&here, "dora").await;
    elsewhere.logout_all("dora", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(ends(&everything).await, EndReason::Revoked);
    sleep(Duration::from_secs(1)).await;
    for ended in &kept {
        assert_eq!(ended.is_ended(), None, "nobody has logged bob out");
    }
}

#[tokio::test]
async fn sqlite_is_asked_now_and_again() {
    let database = Sqlite::start("sockets").await;
    each_way(&database.store().await).await;
}

#[tokio::test]
async fn postgres_is_asked_now_and_again() {
    each_way(&postgres_store("sockets").await).await;
}
