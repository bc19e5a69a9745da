//! The audit stream of Caracal in a real Redis: what is written, and what becomes of events while
//! Redis fails. Each test has a server and a folder of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod bounded;
mod killed;
mod raised;
mod refused;
mod signed;
mod spilled;
mod strangers;
mod tampered;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use fauth_core::{
    mandate::audit::{AuditCounters, AuditRecord, AuditStream, AuditStreamBuilder, Decision},
    store::StreamKey,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use servers::Redis;
use sha2::Sha256;
use tokio::time::Instant;

const STREAM: &str = "caracal.audit.events";
const KEY: [u8; 32] = [b'k'; 32];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A signed stream in a hurry.
fn builder(url: &str) -> AuditStreamBuilder {
    AuditStream::builder(url, "zone_prod").signing_key(StreamKey::new(KEY).unwrap()).command_timeout(ms(1000))
}

/// Events whose ids are these numbers.
fn record(audit: &AuditStream, numbers: std::ops::Range<usize>) {
    for number in numbers {
        audit.record(AuditRecord::new("counted", Decision::Allow).id(number.to_string()));
    }
}

/// An entry of the stream.
type Fields = BTreeMap<String, String>;

async fn entries(url: &str) -> Vec<Fields> {
    entries_of(url, STREAM).await
}

async fn entries_of(url: &str, stream: &str) -> Vec<Fields> {
    // Many entries take their time.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
    let mut range = redis::cmd("XRANGE");
    let found: Vec<(String, Fields)> =
        range.arg(stream).arg("-").arg("+").query_async(&mut connection).await.unwrap();
    found.into_iter().map(|(_, fields)| fields).collect()
}

/// The ids of the events, in the order of the stream.
async fn ids(url: &str) -> Vec<usize> {
    entries(url).await.iter().map(|fields| fields["id"].parse().unwrap()).collect()
}

/// The signature that an entry should have, computed by nothing of this crate's own.
fn signature(data: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(data.as_bytes());
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap());
    mac.finalize().into_bytes().iter().flat_map(digits).collect()
}

fn event_of(fields: &Fields) -> Value {
    serde_json::from_str(&fields["data"]).unwrap()
}

/// Waits until the counters are so, for half a minute at most.
async fn until(audit: &AuditStream, what: &str, is_so: impl Fn(AuditCounters) -> bool) -> AuditCounters {
    let start = Instant::now();
    while !is_so(audit.counters()) {
        assert!(start.elapsed() < Duration::from_secs(30), "never {what}: {:?}", audit.counters());
        tokio::time::sleep(ms(10)).await;
    }
    audit.counters()
}

/// The files of the folder, in order.
fn files(folder: &Path) -> Vec<String> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Starts a server again, off the runtime's threads.
async fn restarted(mut server: Redis) -> Redis {
    let restart = move || {
        server.restart();
        server
    };
    tokio::task::spawn_blocking(restart).await.unwrap()
}
