//! Keys that are exchanged under load, a key that is taken back, and an issuer that is gone.
//!
//! These tests wait in real time, because the servers are real. What is due at which second is
//! tested with a clock that a test turns, in `fauth-core`.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use axum::http::StatusCode;
use resource_server::Client;
use resource_server::{
    Issuer, Tally, Timing, load,
    service::{Service, start_all},
};
use tokio::time::{Instant, interval, sleep};

/// How late a machine may be that does other things too.
const SLACK: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(40);

async fn start(timing: Timing) -> (Issuer, [Service; 3]) {
    let issuer = Issuer::start(timing).await.unwrap();
    let services = start_all(issuer.url(), timing).await.unwrap();
    (issuer, services)
}

async fn statuses(client: &Client, services: &[Service]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for service in services {
        statuses.push(client.ask(service).await.unwrap().0.as_u16());
    }
    statuses
}

/// Asks until the answer is no longer `before`, and tells after how long it was which one.
async fn change(
    client: &Client,
    service: &Service,
    before: StatusCode,
    most: Duration,
) -> (Duration, StatusCode) {
    let begun = Instant::now();
    loop {
        let asked_after = begun.elapsed();
        let (status, body) = client.ask(service).await.unwrap();
        if status != before {
            return (asked_after, status);
        }
        assert!(asked_after < most, "{} still answers {status} after {asked_after:?}: {body}", service.name);
        sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exchanged_under_load_and_no_request_is_refused() {
    let timing = Timing::default();
    let (issuer, services) = start(timing).await;
    let first = issuer.signing_key().unwrap();
    let rotate = async {
        let mut ticks = interval(timing.lead + Duration::from_millis(200));
        loop {
            ticks.tick().await;
            issuer.rotate().unwrap();
        }
    };
    // Takeovers at 3, 6.2 and 9.4 s, give or take one of a clock that counts whole seconds.
    let tally: Tally = tokio::select! {
        tally = load(&issuer, &services, 2, (timing, Duration::from_millis(11_500))) => tally.unwrap(),
        () = rotate => panic!("it never ends"),
    };
    assert_eq!((tally.refused.len(), tally.failed.len()), (0, 0), "{tally}");
    assert_eq!(tally.requests.len(), 3, "{tally}");
    assert!(tally.requests.values().all(|count| *count > 100), "{tally}");
    assert!(tally.keys.contains(&first) && tally.keys.len() >= 4, "{tally}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_back_is_refused_within_its_bound() {
    let timing =
        Timing { token: Duration::from_secs(60), login: Duration::from_secs(120), ..Timing::default() };
    let (issuer, services) = start(timing).await;
    let mut client = Client::log_in(issuer.url()).await.unwrap();
    assert_eq!(statuses(&client, &services).await, [200, 200, 200]);

    issuer.replace_key().unwrap();
    for service in &services {
        let bound = timing.max_age + SLACK;
        let (after, status) = change(&client, service, StatusCode::OK, bound).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{} after {after:?}", service.name);
    }
    assert!(client.refresh().await.is_err(), "the refresh token was of the same key");
    client = Client::log_in(issuer.url()).await.unwrap();
    assert_eq!(statuses(&client, &services).await, [200, 200, 200], "the new key");
}

/// The counterpart of the first test: where keys are exchanged at once, the clients see refusals.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_back_under_load_shows_in_the_counts() {
    let timing =
        Timing { token: Duration::from_secs(60), login: Duration::from_secs(120), ..Timing::default() };
    let (issuer, services) = start(timing).await;
    let replace = async {
        sleep(Duration::from_millis(500)).await;
        issuer.replace_key().unwrap();
        std::future::pending::<()>().await;
    };
    let tally = tokio::select! {
        tally = load(&issuer, &services, 1, (timing, timing.max_age + SLACK)) => tally.unwrap(),
        () = replace => panic!("it never ends"),
    };
    assert!(tally.refused.len() >= services.len() && tally.failed.is_empty(), "{tally}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_outlives_its_issuer_up_to_a_bound() {
    let timing = Timing {
        stale_for: Duration::from_secs(5),
        token: Duration::from_secs(60),
        login: Duration::from_secs(120),
        ..Timing::default()
    };
    let (issuer, services) = start(timing).await;
    let client = Client::log_in(issuer.url()).await.unwrap();
    assert_eq!(statuses(&client, &services).await, [200, 200, 200]);

    drop(issuer);
    let bound = timing.max_age + timing.stale_for;
    let outliving = services.iter().map(|service| {
        let client = &client;
        async move {
            let age = service.auth.health().key_sources[0].age.unwrap();
            let left = bound.saturating_sub(age);
            let (after, status) = change(client, service, StatusCode::OK, bound + SLACK).await;
            (service, left, after, status)
        }
    });
    for (service, left, after, status) in futures_util::future::join_all(outliving).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{}", service.name);
        // The clock counts whole seconds.
        let earliest = left.saturating_sub(Duration::from_secs(1));
        assert!(after >= earliest, "{}: {after:?}, with {left:?} left", service.name);
        let health = &service.auth.health().key_sources[0];
        assert!(!health.is_usable && health.failures > 0, "{health:?}");
    }
}
