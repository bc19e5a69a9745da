use std::time::Duration;

use super::kit::{Bench, ISSUER, Server, URL, answer, jwks, pass};
use crate::{
    remote::{JwksSource, KeySourceError},
    token::Algorithm,
};

#[test]
fn urls_are_checked_where_they_are_written() {
    let server = Server::new(answer(&["a"]));
    for url in ["https://a.example/certs?x=1", "http://localhost:8080/certs", "http://[::1]/certs"] {
        assert!(JwksSource::url(url, server.clone()).is_ok(), "{url}");
    }
    for url in ["http://a.example/certs", "ftp://a.example", "a.example", "https://u:p@a.example/"] {
        let error = JwksSource::url(url, server.clone()).unwrap_err();
        assert_eq!(error.field(), "url");
        let error = JwksSource::discover(url, server.clone()).unwrap_err();
        assert_eq!(error.field(), "issuer");
    }
    assert!(JwksSource::discover("https://a.example/?tenant=1", server.clone()).is_err());
    server.allow_http();
    assert!(JwksSource::url("http://a.example/certs", server.clone()).is_ok());
    assert!(JwksSource::url("ftp://a.example", server).is_err());
}

#[test]
fn the_name_has_no_query_unless_it_is_given() {
    let server = Server::new(answer(&["a"]));
    let source = JwksSource::url("https://a.example/certs?key=secret", server).unwrap();
    assert_eq!(source.name(), "https://a.example/certs");
    assert!(!format!("{source:?}").contains("secret"));
    assert_eq!(source.named("shop").name(), "shop");
}

#[tokio::test(start_paused = true)]
async fn a_source_without_a_provider_has_no_keys() {
    let server = Server::new(answer(&["a"]));
    let source = JwksSource::url(URL, server.clone()).unwrap();
    assert_eq!(source.warm_up().await.unwrap_err().cause(), &KeySourceError::NotInUse);
    let health = source.health();
    assert!(!health.is_usable && health.keys == 0 && health.fetched_at.is_none());
    pass(60).await;
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn warming_up_fetches_once() {
    let server = Server::new(answer(&["a"]));
    let bench = Bench::at(&server);
    let not_yet = bench.source.snapshot(bench.now()).unwrap_err();
    assert_eq!(not_yet.cause(), &KeySourceError::NotFetched);
    bench.source.warm_up().await.unwrap();
    bench.source.warm_up().await.unwrap();
    assert_eq!(server.count(), 1);
    assert_eq!(bench.trusts("a"), Ok(true));
}

#[tokio::test]
async fn one_source_is_for_one_list_of_algorithms() {
    let bench = Bench::at(&Server::new(answer(&["a"])));
    assert!(bench.source.prepare("https://other.example", &[Algorithm::ES256], bench.context()).is_ok());
    let error = bench.source.prepare(ISSUER, &[Algorithm::RS256], bench.context()).unwrap_err();
    assert_eq!(error.field(), "algorithms");
}

#[tokio::test]
async fn a_discovered_issuer_is_the_trusted_one() {
    let source = JwksSource::discover(ISSUER, Server::new(answer(&["a"]))).unwrap();
    let bench = Bench::at(&Server::new(answer(&["a"])));
    let error = source.prepare("https://other.example", &[Algorithm::ES256], bench.context()).unwrap_err();
    assert_eq!(error.field(), "issuer");
    assert!(source.prepare(ISSUER, &[Algorithm::ES256], bench.context()).is_ok());
}

#[tokio::test]
async fn settings_are_checked_when_the_provider_is_built() {
    let bench = Bench::at(&Server::new(answer(&["a"])));
    let source = || JwksSource::url(URL, Server::new(answer(&["a"]))).unwrap();
    let prepared = |source: JwksSource| {
        let prepared = source.prepare(ISSUER, &[Algorithm::ES256], bench.context());
        prepared.map_err(|error| error.field())
    };
    assert_eq!(prepared(source().fresh_for(Duration::from_secs(60)).timeout(Duration::from_secs(1))), Ok(()));
    assert_eq!(prepared(source().timeout(Duration::from_secs(31))), Err("timeout"));
    let (short, long) = (Duration::from_secs(10), Duration::from_secs(20));
    assert_eq!(prepared(source().fresh_between(short, long)), Ok(()));
    assert_eq!(prepared(source().fresh_between(long, short)), Err("fresh_between"));
}

#[tokio::test(start_paused = true)]
async fn fixed_keys_never_change_and_ask_nobody() {
    let bench = Bench::new(JwksSource::fixed(jwks(&["a"])).unwrap());
    assert_eq!(bench.trusts("a"), Ok(true));
    assert_eq!(bench.token("b").await, Ok(false));
    bench.source.warm_up().await.unwrap();
    pass(10_000_000).await;
    assert_eq!(bench.trusts("a"), Ok(true));
    let health = bench.source.health();
    assert!(health.is_usable && !health.is_stale && health.fetched_at.is_none() && health.keys == 1);
    assert_eq!(bench.events.all(), []);
}

#[test]
fn fixed_keys_that_cannot_be_used_are_refused_where_they_are_written() {
    assert!(JwksSource::fixed(jwks(&["a"])).is_ok());
    for text in ["", "{}", r#"{"keys":[]}"#, &jwks(&["a", "a"])] {
        assert_eq!(JwksSource::fixed(text).unwrap_err().field(), "jwks", "{text}");
    }
}
