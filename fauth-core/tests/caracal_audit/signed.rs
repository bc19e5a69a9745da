//! What stands in the stream, and how it gets there.

use std::path::PathBuf;

use serde_json::json;

use super::*;

/// The entry that Caracal's own client has written, field by field.
#[tokio::test]
async fn an_entry_is_that_of_caracals_own_client() {
    let folder = std::env::var_os("FAUTH_GOLDEN").map(PathBuf::from);
    let folder = folder.expect("set FAUTH_GOLDEN to the folder of the golden data");
    let golden: Value = serde_json::from_slice(&fs::read(folder.join("caracal.json")).unwrap()).unwrap();
    let golden = &golden["audit"];
    let key = golden["hmac_key_utf8"].as_str().unwrap();
    let server = Redis::start();
    let audit = AuditStream::builder(server.url(), "zone_prod")
        .signing_key(StreamKey::new(key).unwrap())
        .start()
        .unwrap();
    let record = AuditRecord::new("authz", Decision::Deny)
        .id("e1")
        .request_id("r1")
        .evaluation_status("ok")
        .occurred_at("2026-01-01T00:00:00Z")
        .diagnostics(json!({}));
    audit.record(record);
    audit.shutdown().await;
    let written = entries_of(&server.url(), golden["stream"].as_str().unwrap()).await;
    let expected: Fields = serde_json::from_value(golden["fields"].clone()).unwrap();
    assert_eq!(written, [expected]);
}

#[tokio::test]
async fn each_entry_is_signed() {
    let server = Redis::start();
    let audit = builder(&server.url()).start().unwrap();
    record(&audit, 0..50);
    audit.record(AuditRecord::new("größer\n", Decision::Deny).metadata(json!({ "z": 1, "a": null })));
    let counters = audit.shutdown().await;
    assert_eq!((counters.queued, counters.written, counters.dropped), (51, 51, 0));
    let entries = entries(&server.url()).await;
    assert_eq!(entries.len(), 51);
    for fields in &entries {
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["data", "id", "sig"]);
        assert_eq!(fields["sig"], signature(&fields["data"]));
        assert_eq!(event_of(fields)["id"], fields["id"].as_str());
        assert_eq!(event_of(fields)["zone_id"], "zone_prod");
    }
    assert!(entries[50]["data"].contains(r#""metadata_json":{"z":1}"#), "{:?}", entries[50]);
    assert_ne!(signature("another"), signature(&entries[0]["data"]), "the test can fail");
}

#[tokio::test]
async fn without_a_key_there_is_no_signature() {
    let server = Redis::start();
    let audit = AuditStream::builder(server.url(), "zone_prod").danger_unsigned().start().unwrap();
    record(&audit, 0..1);
    audit.shutdown().await;
    let entries = entries(&server.url()).await;
    assert_eq!(entries[0].keys().collect::<Vec<_>>(), ["data", "id"]);
}

#[tokio::test]
async fn many_are_written_in_few_round_trips_and_in_order() {
    let server = Redis::start();
    let audit = builder(&server.url()).start().unwrap();
    record(&audit, 0..4500);
    until(&audit, "all written", |counters| counters.written == 4500).await;
    assert_eq!(ids(&server.url()).await, (0..4500).collect::<Vec<_>>());
    let mut connection =
        redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut info = redis::cmd("INFO");
    let info: String = info.arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = info.lines().find_map(|line| line.strip_prefix("cmdstat_exec:calls=")).unwrap();
    let calls: usize = calls.split(',').next().unwrap().parse().unwrap();
    assert!((5..=6).contains(&calls), "{calls} transactions of 1 000 at most");
}

#[tokio::test]
async fn few_are_written_soon() {
    let server = Redis::start();
    let audit = builder(&server.url()).start().unwrap();
    record(&audit, 0..1);
    until(&audit, "written", |counters| counters.written == 1).await;
    let start = Instant::now();
    record(&audit, 1..3);
    until(&audit, "written", |counters| counters.written == 3).await;
    assert!(start.elapsed() >= ms(40), "they are collected: {:?}", start.elapsed());
}

#[tokio::test]
async fn the_last_one_who_leaves_writes_what_is_there() {
    let server = Redis::start();
    let audit = builder(&server.url()).start().unwrap();
    let other = audit.clone();
    record(&audit, 0..10);
    drop(audit);
    record(&other, 10..20);
    drop(other);
    let start = Instant::now();
    while ids(&server.url()).await.len() < 20 {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(ms(20)).await;
    }
}

#[tokio::test]
async fn what_comes_after_the_shutdown_is_counted() {
    let server = Redis::start();
    let audit = builder(&server.url()).start().unwrap();
    record(&audit, 0..3);
    audit.shutdown().await;
    record(&audit, 3..5);
    let counters = audit.shutdown().await;
    assert_eq!((counters.queued, counters.written, counters.dropped), (3, 3, 2));
    assert_eq!(ids(&server.url()).await, [0, 1, 2]);
}
