use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Handle},
    task::JoinSet,
    time::timeout,
};

use super::kit::{Answer, Bench, ISSUER, Server, URL, answer, pass};
use crate::{
    event::EventKind,
    remote::{JwksSource, KeyContext, KeySourceError},
    token::Algorithm,
};

#[tokio::test(start_paused = true)]
async fn a_thousand_misses_make_one_fetch() {
    let server = Server::new(Answer::After(Duration::from_secs(1), answer(&["a"])));
    let bench = Arc::new(Bench::at(&server));
    let mut tokens = JoinSet::new();
    for _ in 0..1000 {
        let bench = Arc::clone(&bench);
        tokens.spawn(async move { bench.token("a").await });
    }
    assert!(tokens.join_all().await.into_iter().all(|found| found == Ok(true)));
    assert_eq!(server.count(), 1);
    assert_eq!(bench.events.all(), [(EventKind::KeysFetched, None)]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_at_once_make_no_fetch_and_in_ten_minutes_twenty() {
    let server = Server::new(answer(&["a"]).with_cache_control("max-age=3600"));
    let bench = Arc::new(Bench::at(&server));
    bench.source.warm_up().await.unwrap();
    let mut tokens = JoinSet::new();
    for n in 0..10_000 {
        let bench = Arc::clone(&bench);
        tokens.spawn(async move { bench.token(&format!("random-{n}")).await });
    }
    assert!(tokens.join_all().await.into_iter().all(|found| found == Ok(false)));
    assert_eq!(server.count(), 1, "the one of the start");

    for n in 0..10_000 {
        assert_eq!(bench.token(&format!("other-{n}")).await, Ok(false));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let caused = server.count() - 1;
    assert!((18..=20).contains(&caused), "{caused} fetches in 600 s");
    let asked = server.asked();
    for pair in asked.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_secs(30), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_when_a_fetch_may_be_made() {
    let server = Server::new(answer(&["old"]));
    let bench = Bench::at(&server);
    assert_eq!(bench.token("old").await, Ok(true));
    server.answers(answer(&["old", "new"]));
    assert_eq!(bench.token("new").await, Ok(false), "within 30 s of the last fetch");
    pass(29).await;
    assert_eq!(bench.token("new").await, Ok(false));
    pass(1).await;
    assert_eq!(bench.token("new").await, Ok(true));
    assert_eq!(bench.token("old").await, Ok(true));
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_interval_for_unknown_keys_is_a_setting() {
    let server = Server::new(answer(&["old"]));
    let source = JwksSource::url(URL, server.clone()).unwrap().unknown_key_interval(Duration::from_secs(2));
    let bench = Bench::new(source);
    assert_eq!(bench.token("old").await, Ok(true));
    server.answers(answer(&["new"]));
    pass(2).await;
    assert_eq!(bench.token("new").await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_takes_nothing_from_the_others() {
    let server = Server::new(Answer::After(Duration::from_secs(2), answer(&["a"])));
    let bench = Bench::at(&server);
    let given_up = timeout(Duration::from_millis(100), bench.token("a")).await;
    assert!(given_up.is_err());
    assert_eq!(bench.token("a").await, Ok(true));
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_time_out() {
    let server = Server::new(Answer::Never);
    let bench = Bench::at(&server);
    let waited = timeout(Duration::from_millis(5100), bench.token("a")).await.expect("5 s are over");
    assert_eq!(waited.unwrap_err().cause(), &KeySourceError::TimedOut);

    // While there are keys, no request waits for them.
    server.answers(answer(&["a"]));
    pass(2).await;
    assert_eq!(bench.token("a").await, Ok(true));
    server.answers(Answer::Never);
    pass(280).await;
    let known = timeout(Duration::from_millis(1), bench.token("a")).await;
    assert_eq!(known, Ok(Ok(true)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_a_failure_and_no_more() {
    let server = Server::new(Answer::Panic);
    let bench = Bench::at(&server);
    assert_eq!(bench.token("a").await.unwrap_err().cause(), &KeySourceError::Interrupted);
    server.answers(answer(&["a"]));
    pass(2).await;
    assert_eq!(bench.token("a").await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn the_background_ends_with_the_source() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    let clone = bench.source.clone();
    bench.source.warm_up().await.unwrap();
    drop(bench);
    pass(1000).await;
    let count = server.count();
    assert!(count > 2, "a clone keeps it alive");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
    drop(clone);
    pass(1).await;
    assert_eq!(server.holders(), 0);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "nobody sleeps until the next fetch");
    pass(1000).await;
    assert_eq!(server.count(), count);
}

/// An application may keep the sources of tenants that send no more tokens.
#[tokio::test(start_paused = true)]
async fn the_background_of_a_tenant_rests_while_nobody_uses_its_keys() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    let context = KeyContext { rests: true, ..bench.context() };
    bench.source.prepare(ISSUER, &[Algorithm::ES256], context).unwrap();
    for _ in 0..20 {
        assert_eq!(bench.token("a").await, Ok(true));
        pass(200).await;
    }
    let used = server.count();
    assert!(used > 10, "who is used is refreshed: {used}");
    pass(3000).await;
    let rested = server.count();
    assert!(rested - used <= 6, "{}", rested - used);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    pass(100_000).await;
    assert_eq!(server.count(), rested);
    assert_eq!(bench.token("a").await, Ok(true));
    pass(500).await;
    assert!(server.count() > rested + 1, "the background goes on");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_nobody_holds_ends_during_a_fetch_too() {
    let server = Server::new(Answer::Never);
    let bench = Bench::at(&server);
    drop(timeout(Duration::from_secs(1), bench.token("a")).await);
    drop(bench);
    pass(5).await;
    assert_eq!(server.holders(), 0, "after the time-out at the latest");
}

/// Each worker of actix-web has its own runtime.
#[test]
fn a_runtime_that_ends_takes_its_fetch_along_and_not_the_source() {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let server = Server::new(Answer::Never);
    let (first, second) = (runtime(), runtime());
    let bench = Arc::new(Bench::at(&server));
    first.block_on(async { drop(timeout(Duration::from_millis(50), bench.token("a")).await) });
    let waiting = {
        let bench = Arc::clone(&bench);
        second.spawn(async move { bench.token("a").await })
    };
    second.block_on(tokio::task::yield_now());
    drop(first);
    let told = second.block_on(waiting).unwrap();
    assert_eq!(told.unwrap_err().cause(), &KeySourceError::Interrupted);
    server.answers(answer(&["a"]).with_cache_control("max-age=1"));
    second.block_on(async {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(bench.token("a").await, Ok(true));
    });
    assert_eq!(server.count(), 2);
    // The task of the first runtime has ended with it; one of the second runtime takes over.
    second.block_on(async {
        let source = JwksSource::url(URL, server.clone()).unwrap();
        let source = source.fresh_between(Duration::from_secs(1), Duration::from_secs(1));
        source.prepare(ISSUER, &[Algorithm::ES256], bench.context()).unwrap();
        source.warm_up().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1200)).await;
    });
    assert!(server.count() >= 4);
}

#[test]
fn without_a_runtime_there_is_an_error() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    let mut asked = Box::pin(bench.token("a"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = asked.as_mut().poll(&mut context) else { panic!("it waits") };
    assert_eq!(error.cause(), &KeySourceError::NoRuntime);
}
