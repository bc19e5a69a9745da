use std::time::Duration;

use super::kit::{Answer, Bench, Server, URL, answer, pass};
use crate::{
    event::EventKind,
    remote::{FetchResponse, JwksSource, KeySourceError},
};

/// When the source fetches for the second time, in seconds after the first.
async fn second_fetch(response: FetchResponse) -> f64 {
    let server = Server::new(response);
    let bench = Bench::at(&server);
    bench.source.warm_up().await.unwrap();
    while server.count() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (server.asked()[1].at - server.asked()[0].at).as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_in_the_background_before_they_are_stale() {
    let after = second_fetch(answer(&["a"])).await;
    assert!((210.0..=270.5).contains(&after), "{after}");
    let after = second_fetch(answer(&["a"]).with_cache_control("public, max-age=1000")).await;
    assert!((700.0..=900.5).contains(&after), "{after}");
    let after = second_fetch(answer(&["a"]).with_cache_control("max-age=1000").with_age("900")).await;
    assert!((70.0..=90.5).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_is_bounded() {
    for text in ["no-store", "max-age=0", "max-age=1", "max-age=-5"] {
        let after = second_fetch(answer(&["a"]).with_cache_control(text)).await;
        assert!((21.0..=27.5).contains(&after), "{text}: {after}");
    }
    for text in ["max-age=99999999", "max-age=99999999999999999999"] {
        let after = second_fetch(answer(&["a"]).with_cache_control(text)).await;
        assert!((2520.0..=3240.5).contains(&after), "{text}: {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn sources_that_start_together_do_not_ask_together() {
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(second_fetch(answer(&["a"])).await);
    }
    times.sort_by(f64::total_cmp);
    assert!(times[19] - times[0] > 10.0, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_gone_with_the_next_refresh() {
    let server = Server::new(answer(&["a", "b"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("b").await, Ok(true));
    server.answers(answer(&["a"]));
    assert_eq!(bench.trusts("b"), Ok(true));
    pass(271).await;
    assert_eq!((bench.trusts("a"), bench.trusts("b")), (Ok(true), Ok(false)));
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_gone_after_the_bound_when_the_issuer_is_down() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    server.answers(Answer::Refused);
    pass(899).await;
    assert_eq!(bench.trusts("a"), Ok(true), "300 s fresh and 600 s stale");
    pass(2).await;
    let error = bench.token("a").await.unwrap_err();
    assert_eq!((error.name(), error.cause().code()), (URL, "unreachable"));
    assert_eq!(error.cause().to_string(), "connection refused");
}

#[tokio::test(start_paused = true)]
async fn the_bound_is_a_setting() {
    let server = Server::new(answer(&["a"]).with_cache_control("max-age=60"));
    let source = JwksSource::url(URL, server.clone()).unwrap().stale_for(Duration::ZERO);
    let bench = Bench::new(source);
    assert_eq!(bench.token("a").await, Ok(true));
    server.answers(Answer::Refused);
    pass(59).await;
    assert_eq!(bench.trusts("a"), Ok(true));
    pass(2).await;
    assert!(bench.trusts("a").is_err());
}

#[tokio::test(start_paused = true)]
async fn stale_keys_are_told_once_and_so_is_their_end() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    bench.source.warm_up().await.unwrap();
    let health = bench.source.health();
    assert_eq!((health.keys, health.failures, health.is_stale, health.is_usable), (1, 0, false, true));
    assert_eq!((health.fetched_at, health.age), (Some(bench.now()), Some(Duration::ZERO)));

    server.answers(FetchResponse::new(500, ""));
    pass(400).await;
    let health = bench.source.health();
    assert!(health.is_stale && health.is_usable && health.failures > 1, "{health:?}");
    assert_eq!(health.last_error, Some(KeySourceError::Status(500)));
    assert_eq!(health.age, Some(Duration::from_secs(400)));
    assert_eq!(bench.events.count(EventKind::KeysStale), 1);
    assert_eq!(bench.events.count(EventKind::KeysUnavailable), 0);

    pass(1600).await;
    let health = bench.source.health();
    assert!(health.is_stale && !health.is_usable, "{health:?}");
    assert_eq!(bench.events.count(EventKind::KeysStale), 1);
    assert_eq!(bench.events.count(EventKind::KeysUnavailable), 1);

    server.answers(answer(&["a"]));
    pass(61).await;
    let health = bench.source.health();
    assert!(
        !health.is_stale && health.is_usable && health.failures == 0,
        "it has come back by itself: {health:?}"
    );
    assert_eq!(health.last_error, None);
    server.answers(Answer::Refused);
    pass(400).await;
    assert_eq!(bench.events.count(EventKind::KeysStale), 2);
}

#[tokio::test(start_paused = true)]
async fn failing_fetches_back_off() {
    let server = Server::new(Answer::Refused);
    let bench = Bench::at(&server);
    assert!(bench.source.warm_up().await.is_err());
    for _ in 0..6000 {
        assert!(bench.token("a").await.is_err());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = server.asked();
    assert!((12..=22).contains(&asked.len()), "{} fetches in 600 s", asked.len());
    let gaps: Vec<_> = asked.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect();
    assert!(gaps[0] >= 0.75 && gaps[0] < 1.2, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap < 61.0) && gaps[gaps.len() - 1] > 44.0, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_no_invalid_token_while_the_issuer_cannot_be_asked() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("b").await, Ok(false), "the issuer has said that it has none");
    server.answers(Answer::Refused);
    pass(31).await;
    assert!(bench.token("b").await.is_err());
    assert_eq!(bench.token("a").await, Ok(true));
    let asked = server.count();
    for _ in 0..1000 {
        assert!(bench.token("b").await.is_err());
    }
    assert_eq!(server.count(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nothing_young() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    server.answers(Answer::Refused);
    bench.clock.jump(-86_400);
    pass(890).await;
    assert_eq!(bench.trusts("a"), Ok(true));
    pass(20).await;
    assert!(bench.trusts("a").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_ends_them_and_new_ones_are_good() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    pass(2).await;
    bench.clock.jump(86_400);
    assert!(bench.trusts("a").is_err());
    assert_eq!(bench.token("a").await, Ok(true));
    assert_eq!(server.count(), 2);
    assert_eq!(bench.trusts("a"), Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_refreshes_with_the_first_request() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    pass(2).await;
    bench.clock.jump(400);
    assert_eq!(bench.trusts("a"), Ok(true), "stale, and within the bound");
    pass(1).await;
    assert_eq!(server.count(), 2);
    assert!(!bench.source.health().is_stale);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_broken_brings_no_keys() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    let now = bench.now();
    bench.clock.break_down();
    assert_eq!(bench.source.refreshed(now).await.unwrap_err().cause(), &KeySourceError::Clock);
    assert_eq!(bench.source.warm_up().await.unwrap_err().cause(), &KeySourceError::Clock);
    assert_eq!(server.count(), 0);
}
