//! What a consumer writes to the log.

use std::{
    fmt::{self, Write as _},
    sync::Mutex,
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::*;

/// Keeps the text of every record with the target `fauth`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Of this thread, as long as the guard lives.
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        (log.clone(), tracing::subscriber::set_default(log))
    }

    /// Those with this text.
    fn about(&self, text: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "fauth"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// A consumer with an old key takes everybody's entries: that is no mere warning.
#[tokio::test]
async fn signatures_that_no_key_verifies_are_an_error_and_counted() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let (log, _guard) = Log::listen();
    add_signed(&mut redis, REVOKE, &[("zone_id", "z")]).await;
    for number in 0..3 {
        add(&mut redis, REVOKE, &[("session_id", &number.to_string()), ("_sig", "00")]).await;
    }
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 4);
    let lines = log.about("invalid_signature");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("ERROR") && lines[0].contains("count=3"), "{lines:?}");
    let lines = log.about("missing_revocation_anchor");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("count=1"), "{lines:?}");
}

#[tokio::test]
async fn ambiguous_entries_are_an_error() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let (log, _guard) = Log::listen();
    let fields = [("reason", "x"), ("s", "1"), ("session_id", "sid_1")];
    let signature = key().sign(REVOKE, fields.map(|(name, value)| (name, Some(value)))).unwrap();
    add(&mut redis, REVOKE, &[("reason", "x\ns=1"), ("session_id", "sid_1"), ("_sig", &signature)]).await;
    add(&mut redis, REVOKE, &[("reason", "x\ns=1\nsession_id=sid_1"), ("_sig", &signature)]).await;
    assert_eq!(drain(&mut revoker(&store).build().unwrap()).await, 2);
    for text in ["in more than one way", "ambiguous_entry"] {
        let lines = log.about(text);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("ERROR") && lines[0].contains("count=1"), "{lines:?}");
    }
}

/// Nobody else gets to know that a revocation was not carried out.
#[tokio::test]
async fn entries_that_were_deleted_before_they_were_done_are_an_error() {
    let server = Redis::start();
    let (store, mut redis) = (store(&server.url()).await, raw(&server.url()).await);
    let (log, _guard) = Log::listen();
    ask::<()>(&mut redis, &["XGROUP", "CREATE", REVOKE, REVOKERS, "0", "MKSTREAM"]).await;
    let consumer = revoker(&store).consumer("mine").build().unwrap();
    for name in ["resource-1", "mine"] {
        for _ in 0..2 {
            add_revocation(&mut redis, name).await;
        }
        let words = ["XREADGROUP", "GROUP", REVOKERS, name, "STREAMS", REVOKE, ">"];
        ask::<redis::Value>(&mut redis, &words).await;
    }
    ask::<usize>(&mut redis, &["XTRIM", REVOKE, "MAXLEN", "0"]).await;
    add_revocation(&mut redis, "sid_1").await;
    let consumer = consumer.spawn();
    eventually("nothing is pending", async || {
        pending(&mut redis, REVOKE, REVOKERS).await == 0 && is_revoked(&store, "sid_1").await
    })
    .await;
    eventually("they are counted", async || consumer.lost() > 0).await;
    assert_eq!(consumer.lost(), 4);
    let lines = log.about("deleted before");
    let count = |line: &String| {
        let digits = line.split("count=").nth(1).unwrap().split(' ').next().unwrap();
        digits.parse::<usize>().unwrap()
    };
    assert!(lines.iter().all(|line| line.starts_with("ERROR")), "{lines:?}");
    assert_eq!(lines.iter().map(count).sum::<usize>(), 4, "{lines:?}");
}

/// As long as nothing is heard, whoever reads the log of any minute sees it.
#[tokio::test]
async fn silence_is_told_each_minute() {
    let mut server = Redis::start();
    let store = hasty(&server.url()).await;
    let (log, _guard) = Log::listen();
    server.kill();
    let consumer = revoker(&store).build().unwrap().spawn();
    tokio::time::pause();
    // Time passes as soon as everybody waits.
    tokio::time::sleep(Duration::from_secs(200)).await;
    let lines = log.about("cannot be consumed");
    let levels: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(levels, ["WARN", "ERROR", "ERROR", "ERROR"], "{lines:?}");
    assert!(lines[1].contains("seconds=60") || lines[1].contains("seconds=61"), "{lines:?}");
    assert!(consumer.last_heard().is_none() && !consumer.is_finished());
}
