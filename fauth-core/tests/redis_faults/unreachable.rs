//! A server that is not there when the store connects.

use std::net::TcpListener;

use super::*;

async fn refused(url: &str) -> (String, Duration) {
    let start = Instant::now();
    let builder = RedisStore::builder(url).command_timeout(Duration::from_millis(300));
    let error = builder.connect().await.unwrap_err();
    assert!(!everything_of(&error).contains("pAss"), "{}", everything_of(&error));
    (error.to_string(), start.elapsed())
}

#[tokio::test]
async fn the_error_says_which_server_and_what_it_said() {
    let (error, _) = refused(&format!("redis://:pAss@127.0.0.1:{}/3", servers::free_port())).await;
    assert!(error.starts_with("redis 127.0.0.1:") && error.contains("/3: "), "{error}");
    assert!(error.to_lowercase().contains("refused"), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (error, took) = refused(&format!("redis://:pAss@{}/", silent.local_addr().unwrap())).await;
    assert!(error.starts_with("redis 127.0.0.1:"), "{error}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
