use std::time::Duration;

use super::kit::{Answer, Bench, ISSUER, Server, URL, answer, jwks, pass};
use crate::{
    event::EventKind,
    remote::{FetchResponse, JwksSource, KeySourceError},
};

const DOCUMENT: &str = "https://login.example/realms/shop/.well-known/openid-configuration";
const OAUTH_DOCUMENT: &str = "https://login.example/.well-known/oauth-authorization-server/realms/shop";

fn document(issuer: &str, jwks_uri: &str) -> FetchResponse {
    FetchResponse::new(200, format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#))
}

fn discovered(server: &Server) -> Bench {
    Bench::new(JwksSource::discover(ISSUER, server.clone()).unwrap())
}

/// Useless responses of an issuer, or of a proxy in front of it.
fn useless() -> Vec<(&'static str, Answer)> {
    let ok = |body: &str| Answer::Now(FetchResponse::new(200, body));
    let oct = r#"{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}"#;
    let many: Vec<_> = (0..101).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    vec![
        ("unusable_keys", ok("")),
        ("unusable_keys", ok("<html>We are down for maintenance</html>")),
        ("unusable_keys", ok("{}")),
        ("unusable_keys", ok(r#"{"keys":[]}"#)),
        ("unusable_keys", ok(r#"{"keys":[{"kty":"RSA","use":"enc"}]}"#)),
        ("unusable_keys", ok(oct)),
        ("unusable_keys", ok(&jwks(&["a", "a"]))),
        ("unusable_keys", ok(&jwks(&many))),
        ("unusable_keys", Answer::Now(FetchResponse::new(200, vec![0xff; 100]))),
        ("unusable_keys", ok(&format!("{{\"keys\":{}", "[".repeat(10_000)))),
        ("too_large", Answer::Now(FetchResponse::new(200, vec![b' '; 256 * 1024 + 1]))),
        ("redirected", Answer::Now(FetchResponse::new(302, jwks(&["a"])))),
        ("redirected", Answer::Now(FetchResponse::new(308, ""))),
        ("status", Answer::Now(FetchResponse::new(204, jwks(&["a"])))),
        ("status", Answer::Now(FetchResponse::new(304, jwks(&["a"])))),
        ("status", Answer::Now(FetchResponse::new(401, jwks(&["a"])))),
        ("status", Answer::Now(FetchResponse::new(500, jwks(&["a"])))),
        ("unreachable", Answer::Refused),
        ("timed_out", Answer::Never),
        ("timed_out", Answer::After(Duration::from_secs(6), answer(&["a"]))),
        ("interrupted", Answer::Panic),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_use_brings_no_keys() {
    for (code, useless) in useless() {
        let server = Server::new(useless);
        let bench = Bench::at(&server);
        let error = bench.token("a").await.unwrap_err();
        assert_eq!(error.cause().code(), code);
        assert!(bench.events.all().contains(&(EventKind::KeyFetchFailed, Some(code))));
        assert_eq!(bench.events.count(EventKind::KeysUnavailable), 1);
        server.answers(answer(&["a"]));
        pass(7).await;
        assert_eq!(bench.token("a").await, Ok(true), "the positive beside the negative");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_of_no_use_locks_nobody_out_before_the_bound_and_keeps_no_key_for_ever() {
    for (code, useless) in useless() {
        let server = Server::new(answer(&["a"]));
        let bench = Bench::at(&server);
        assert_eq!(bench.token("a").await, Ok(true));
        server.answers(useless);
        pass(890).await;
        assert_eq!(bench.trusts("a"), Ok(true), "{code}");
        assert_eq!(bench.last_error().map(|error| error.code()), Some(code));
        pass(20).await;
        assert!(bench.trusts("a").is_err(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_is_as_large_as_it_may_be_is_read() {
    let ids: Vec<_> = (0..100).map(|n| format!("k{n}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let mut body = jwks(&ids);
    body.push_str(&" ".repeat(256 * 1024 - body.len()));
    let bench = Bench::at(&Server::new(FetchResponse::new(200, body)));
    assert_eq!(bench.token("k99").await, Ok(true));
    assert_eq!(bench.source.health().keys, 100);
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::new(answer(&["a"]).with_etag("\"v1\""));
    let bench = Bench::at(&server);
    bench.source.warm_up().await.unwrap();
    assert_eq!(server.asked()[0].etag, None);
    server.answers(FetchResponse::new(304, "").with_cache_control("max-age=600"));
    pass(271).await;
    assert_eq!(server.asked()[1].etag.as_deref(), Some("\"v1\""));
    assert!(bench.events.all().contains(&(EventKind::KeysFetched, Some("not_modified"))));
    pass(600).await;
    assert_eq!(bench.trusts("a"), Ok(true));
    assert!(!bench.source.health().is_stale, "it counts as fetched");
    assert_eq!(server.asked()[2].etag.as_deref(), Some("\"v1\""), "and is known under the same tag");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_could_be_something_else_is_not_sent_back() {
    let long = "x".repeat(257);
    for tag in ["", "a b", "\"a\"\r\nHost: evil", "ä", &long] {
        let server = Server::new(answer(&["a"]).with_etag(tag));
        let bench = Bench::at(&server);
        bench.source.warm_up().await.unwrap();
        pass(271).await;
        assert_eq!(server.asked()[1].etag, None, "{tag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_discovered_issuer() {
    let server = Server::new(answer(&["a"]).with_etag("\"v1\""));
    server.answers_at(DOCUMENT, document(ISSUER, URL));
    let bench = discovered(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    assert_eq!(bench.source.name(), ISSUER);
    let urls = |server: &Server| server.asked().into_iter().map(|asked| asked.url).collect::<Vec<_>>();
    assert_eq!(urls(&server), [DOCUMENT, URL]);

    // The keys move. The old server's tag means nothing to the new one.
    server.answers_at(DOCUMENT, document(ISSUER, "https://keys.example/certs"));
    server.answers_at("https://keys.example/certs", answer(&["b"]));
    pass(271).await;
    assert_eq!((bench.trusts("a"), bench.trusts("b")), (Ok(false), Ok(true)));
    assert_eq!(server.asked()[3].etag, None);
}

#[tokio::test(start_paused = true)]
async fn an_oauth_server_without_openid_is_found_too() {
    let server = Server::new(answer(&["a"]));
    server.answers_at(OAUTH_DOCUMENT, document(ISSUER, URL));
    let bench = discovered(&server);
    assert_eq!(bench.token("a").await, Ok(true));
    // Only if the first document is missing, not if the server fails.
    let server = Server::new(answer(&["a"]));
    server.answers_at(OAUTH_DOCUMENT, document(ISSUER, URL));
    server.answers_at(DOCUMENT, FetchResponse::new(500, ""));
    assert_eq!(discovered(&server).token("a").await.unwrap_err().cause(), &KeySourceError::Status(500));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_wrong_leads_to_no_keys() {
    let cases = [
        (document("https://evil.example", URL), "other_issuer"),
        (document(&format!("{ISSUER}/"), URL), "other_issuer"),
        (document(ISSUER, "http://keys.example/certs"), "forbidden_url"),
        (document(ISSUER, "http://127.0.0.1/certs"), "forbidden_url"),
        (document(ISSUER, "https://user@keys.example/certs"), "forbidden_url"),
        (FetchResponse::new(200, jwks(&["a"])), "unusable_document"),
        (FetchResponse::new(200, "<html>"), "unusable_document"),
        (FetchResponse::new(200, vec![b' '; 256 * 1024 + 1]), "too_large"),
        (FetchResponse::new(301, ""), "redirected"),
    ];
    for (response, code) in cases {
        let server = Server::new(answer(&["a"]));
        server.answers_at(DOCUMENT, response);
        let bench = discovered(&server);
        assert_eq!(bench.token("a").await.unwrap_err().cause().code(), code);
        assert_eq!(server.count(), 1, "no key was fetched: {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_requests_of_a_discovery_share_the_time() {
    let server = Server::new(Answer::After(Duration::from_secs(3), answer(&["a"])));
    server.answers_at(DOCUMENT, Answer::After(Duration::from_secs(3), document(ISSUER, URL)));
    let bench = discovered(&server);
    assert_eq!(bench.token("a").await.unwrap_err().cause(), &KeySourceError::TimedOut);
}
