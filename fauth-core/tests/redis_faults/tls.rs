//! TLS to a real Redis, with a certificate of an authority that nobody else knows.

use fauth_core::store::{RedisConnectError, SessionStore as _};
use servers::{Certificate, Redis};

use super::*;

struct Server {
    _redis: Redis,
    certificate: Certificate,
    url: String,
}

fn start() -> Server {
    let (certificate, port) = (Certificate::new(), servers::free_port());
    let redis = Redis::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate.certificate(),
        "--tls-key-file",
        &certificate.key(),
        "--tls-ca-cert-file",
        &certificate.authority(),
        "--tls-auth-clients",
        "no",
    ]);
    Server { _redis: redis, certificate, url: format!("rediss://127.0.0.1:{port}/") }
}

#[tokio::test]
async fn a_server_is_reached_by_tls() {
    let server = start();
    let authority = std::fs::read(server.certificate.authority()).unwrap();
    let store = RedisStore::builder(&server.url).root_certificate(authority).connect().await.unwrap();
    store.open(login(1), now()).await.unwrap();
    assert_eq!(store.list(&alice(), now()).await.unwrap().len(), 1);
    // The mirror has a connection of its own.
    revoke(&store, "revoked").await;
    assert_eq!(verdict(&store, "revoked", now()).await, Some(Verdict::Revoked));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = start();
    let other = std::fs::read(Certificate::new().authority()).unwrap();
    let builder = || RedisStore::builder(&server.url).command_timeout(Duration::from_secs(1));
    for builder in [builder(), builder().root_certificate(other)] {
        let error = builder.connect().await.unwrap_err().to_string();
        assert!(error.starts_with("redis 127.0.0.1:") && error.contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_root_certificate_has_to_be_one_and_to_be_of_use() {
    for (url, pem) in [("rediss://127.0.0.1/", "junk"), ("redis://127.0.0.1/", "-----BEGIN CERTIFICATE-----")]
    {
        match RedisStore::builder(url).root_certificate(pem).connect().await {
            Err(RedisConnectError::Config(error)) => assert_eq!(error.field(), "root_certificate", "{url}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}
