//! The client alone.

use std::{
    error::Error as _,
    net::TcpListener,
    time::{Duration, Instant},
};

use fauth_core::remote::{Fetch, FetchError, FetchRequest, FetchResponse};
use fauth_remote::{HttpFetch, HttpFetchBuilder, HttpFetchError};

use crate::server::{Age, Answer, Authority, Server, ok, response};

const MAX: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

fn trusting(authority: &Authority) -> HttpFetchBuilder {
    HttpFetch::builder().root_certificate_pem(authority.pem()).only_added_roots()
}

async fn fetch(client: &HttpFetch, url: &str) -> Result<FetchResponse, FetchError> {
    fetch_within(client, url, TIMEOUT).await
}

async fn fetch_within(client: &HttpFetch, url: &str, timeout: Duration) -> Result<FetchResponse, FetchError> {
    client
        .fetch(FetchRequest::new(url, MAX, timeout).with_accept("application/json").with_etag("\"v1\""))
        .await
}

/// What the client makes of one answer over TLS.
async fn over_tls(answer: Answer) -> Result<FetchResponse, FetchError> {
    let authority = Authority::new();
    let server = Server::https(&authority, answer).await;
    fetch(&trusting(&authority).build().unwrap(), &server.url("/certs")).await
}

fn text(error: &FetchError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn an_answer_arrives_with_the_headers_that_matter() {
    let headers =
        ["cache-control: public", "cache-control: max-age=60", "etag: \"v2\"", "age: 7", "set-cookie: a=b"];
    let answer = over_tls(response("200 OK", &headers, "{}")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.cache_control(), Some("public, max-age=60"));
    assert_eq!((answer.etag(), answer.age()), (Some("\"v2\""), Some("7")));
    assert_eq!(answer.body(), b"{}");
}

#[tokio::test]
async fn the_request_says_what_it_has_to_and_no_more() {
    let authority = Authority::new();
    let server = Server::https(&authority, ok("{}")).await;
    let client = trusting(&authority).build().unwrap();
    for _ in 0..2 {
        fetch(&client, &server.url("/certs?x=1")).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1], "no cookie, and nothing else is remembered");
    let mut lines: Vec<_> = requests[0].trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "get /certs?x=1 http/1.1");
    let mut names: Vec<_> = lines.iter().map(|line| line.split_once(": ").unwrap()).collect();
    names.sort_unstable();
    let host = server.url("").replace("https://", "");
    assert_eq!(
        names,
        [
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("host", host.as_str()),
            ("if-none-match", "\"v1\""),
            ("user-agent", concat!("fauth-remote/", env!("CARGO_PKG_VERSION"))),
        ]
    );
}

#[tokio::test]
async fn not_modified_is_an_answer() {
    let answer = over_tls(Answer::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (304, &b""[..]));
}

#[tokio::test]
async fn redirects_are_returned_and_not_followed() {
    let authority = Authority::new();
    let other = Server::https(&authority, ok("{}")).await;
    let location = format!("location: {}", other.url("/elsewhere"));
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let server = Server::https(&authority, response(status, &[&location], "")).await;
        let answer = fetch(&trusting(&authority).build().unwrap(), &server.url("/certs")).await.unwrap();
        assert!(status.starts_with(&answer.status().to_string()));
    }
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_body_that_is_announced_too_long_is_not_read() {
    let authority = Authority::new();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 10 * 1024 * 1024);
    let server = Server::https(&authority, Answer::Endless(head.into_bytes(), vec![b' '; 16 * 1024])).await;
    let client = trusting(&authority).build().unwrap();
    let error = fetch(&client, &server.url("/certs")).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge), "{error:?}");
}

#[tokio::test]
async fn a_body_without_an_end_is_read_up_to_the_limit() {
    let authority = Authority::new();
    let chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
    for (head, again) in [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", vec![b' '; 0x4000]),
    ] {
        let server = Server::https(&authority, Answer::Endless(head.into(), again)).await;
        let client = trusting(&authority).build().unwrap();
        let error = fetch(&client, &server.url("/certs")).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge), "{error:?}");
        // The rest is what the sockets have taken before they were closed.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(server.sent() < 10 * 1024 * 1024, "{} bytes", server.sent());
    }
}

#[tokio::test]
async fn a_body_as_long_as_it_may_be_is_read() {
    let body = " ".repeat(MAX);
    assert_eq!(over_tls(ok(&body)).await.unwrap().body().len(), MAX);
    let longer = " ".repeat(MAX + 1);
    assert!(matches!(over_tls(ok(&longer)).await, Err(FetchError::TooLarge)));
}

#[tokio::test]
async fn compressed_answers_are_refused() {
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip"] {
        let header = format!("content-encoding: {encoding}");
        let error = over_tls(response("200 OK", &[&header], "{}")).await.unwrap_err();
        assert!(text(&error).contains("compressed"), "{error:?}");
    }
    assert!(over_tls(response("200 OK", &["content-encoding: identity"], "{}")).await.is_ok());
}

#[tokio::test]
async fn slow_servers_are_given_up() {
    let authority = Authority::new();
    let client = trusting(&authority).build().unwrap();
    let drip = Answer::Dripping(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        Duration::from_millis(40),
    );
    for answer in [Answer::Silence, drip] {
        let server = Server::https(&authority, answer).await;
        let started = Instant::now();
        let error =
            fetch_within(&client, &server.url("/certs"), Duration::from_millis(300)).await.unwrap_err();
        assert!(matches!(error, FetchError::TimedOut), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    // One that is slow and ends in time is waited for.
    let drip = Answer::Dripping(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        Duration::from_millis(5),
    );
    let server = Server::https(&authority, drip).await;
    assert!(fetch(&client, &server.url("/certs")).await.is_ok());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_given_up_while_connecting() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/certs", listener.local_addr().unwrap().port());
    let client = trusting(&authority).connect_timeout(Duration::from_millis(200)).build().unwrap();
    let error = fetch(&client, &url).await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn what_is_down_or_breaks_off_is_an_error() {
    let authority = Authority::new();
    let client = trusting(&authority).build().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/certs", nobody.local_addr().unwrap().port());
    drop(nobody);
    let error = fetch(&client, &url).await.unwrap_err();
    assert!(text(&error).contains("refused"), "{}", text(&error));
    assert!(!text(&error).contains("localhost"), "the URL is known: {}", text(&error));

    for broken in [
        Answer::HangUp,
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{".to_vec()),
        Answer::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        Answer::Bytes(vec![0; 4096]),
        Answer::Bytes([b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'x'; 2 * 1024 * 1024]].concat()),
    ] {
        let error = over_tls(broken).await.unwrap_err();
        assert!(matches!(error, FetchError::Failed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let (authority, other) = (Authority::new(), Authority::named("another one"));
    let client = trusting(&authority).build().unwrap();
    let good = Server::https(&authority, ok("{}")).await;
    assert!(fetch(&client, &good.url("/certs")).await.is_ok(), "the positive beside the negative");

    let unknown = Server::https(&other, ok("{}")).await;
    let elsewhere = Server::with_certificate(&authority, "login.example", Age::Good, ok("{}")).await;
    let expired = Server::with_certificate(&authority, "localhost", Age::Expired, ok("{}")).await;
    for (server, fault) in
        [(unknown, "UnknownIssuer"), (elsewhere, "not valid for name"), (expired, "expired")]
    {
        let error = fetch(&client, &server.url("/certs")).await.unwrap_err();
        assert!(text(&error).contains(fault), "{fault}: {}", text(&error));
        assert_eq!(server.requests().len(), 0);
    }
    // The system does not trust it either, and with it added to the system's it is trusted.
    let error = fetch(&HttpFetch::new().unwrap(), &good.url("/certs")).await.unwrap_err();
    assert!(text(&error).contains("UnknownIssuer"), "{}", text(&error));
    let both = HttpFetch::builder().root_certificate_pem(authority.pem()).build().unwrap();
    assert!(fetch(&both, &good.url("/certs")).await.is_ok());
}

#[tokio::test]
async fn plain_http_is_for_this_machine() {
    let server = Server::http(ok("{}")).await;
    let (client, danger) =
        (HttpFetch::new().unwrap(), HttpFetch::builder().danger_allow_http().build().unwrap());
    assert!(!client.danger_allows_http() && danger.danger_allows_http());
    let local = server.url("/certs");
    assert!(fetch(&client, &local).await.is_ok());
    assert!(fetch(&client, &local.replace("localhost", "127.0.0.1")).await.is_ok());

    let away = "http://login.example/certs";
    let error = fetch(&client, away).await.unwrap_err();
    assert!(text(&error).contains("over https"), "{}", text(&error));
    let error = fetch_within(&danger, away, Duration::from_secs(1)).await.unwrap_err();
    assert!(!text(&error).contains("over https"), "it was tried: {}", text(&error));
    for other in ["ftp://localhost/", "file:///etc/passwd", "data:,{}", "no url"] {
        assert!(fetch(&danger, other).await.is_err(), "{other}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_if_it_is_named() {
    let proxy = Server::http(ok(r#"{"from":"proxy"}"#)).await;
    let named = HttpFetch::builder().danger_allow_http().proxy(proxy.url("")).build().unwrap();
    let answer = fetch(&named, "http://login.example/certs").await.unwrap();
    assert_eq!(answer.body(), br#"{"from":"proxy"}"#);
    assert!(proxy.requests()[0].starts_with("get http://login.example/certs "));
}

#[test]
fn the_password_of_a_proxy_is_shown_nowhere() {
    let builder = |url: &str| HttpFetch::builder().proxy(url);
    let good = builder("http://somebody:pass-word@proxy.example:3128");
    assert!(format!("{good:?}").contains("Named(..)"), "{good:?}");
    let (shown, client) = (format!("{good:?}"), format!("{:?}", good.build().unwrap()));
    let error = builder("http://somebody:pass-word@proxy example").build().unwrap_err();
    // `somebody:pass-word` in base64, as it is sent.
    let secrets = ["pass-word", "c29tZWJvZHk6cGFzcy13b3Jk", "cGFzcy13b3Jk"];
    for text in [shown, client, format!("{error:?}"), error.to_string()] {
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let refused = |builder: HttpFetchBuilder| builder.build().unwrap_err().to_string();
    assert!(matches!(HttpFetch::builder().only_added_roots().build(), Err(HttpFetchError::NoRoots)));
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        for builder in [HttpFetch::builder(), HttpFetch::builder().only_added_roots()] {
            let text = refused(builder.root_certificate_pem(pem));
            assert!(text.starts_with("root_certificate_pem: "), "{pem:?}: {text}");
        }
    }
    assert!(refused(HttpFetch::builder().proxy("no proxy")).starts_with("proxy: "));
    assert!(HttpFetch::builder().user_agent("a\nb").build().is_err());
    assert!(HttpFetch::builder().user_agent("shop/1").build().is_ok());
}
