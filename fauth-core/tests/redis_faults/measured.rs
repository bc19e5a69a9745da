//! Numbers, for the documents: `cargo test --features redis --test redis_faults -- --ignored
//! --nocapture`.

#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a measurement prints its numbers")]

use fauth_core::{Purpose, Requirement, store::Verdict};
use fauth_testing::{Users, WireRequest, at_once, config, provider_without_store};
use servers::Redis;

use super::*;

/// The value that so many per cent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    println!("{what}: p50 {p50:?}, p99 {p99:?}, max {:?}, n {}", times[times.len() - 1], times.len());
}

/// From the moment when the call on one instance is made, and from when it returns, until the
/// other refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints times for the documents and asserts none: they depend on the machine; run it by hand, as the head of the file says"]
async fn how_soon_others_refuse() {
    let server = Redis::start();
    let one = RedisStore::connect(server.url()).await.unwrap();
    let two = RedisStore::connect(server.url()).await.unwrap();
    let issued_at = now();
    let (mut since_call, mut since_return) = (Vec::new(), Vec::new());
    for number in 0..500 {
        let id = format!("token {number}");
        let watch = {
            let (two, id) = (two.clone(), id.clone());
            tokio::spawn(async move {
                while verdict(&two, &id, issued_at).await != Some(Verdict::Revoked) {
                    tokio::task::yield_now().await;
                }
                Instant::now()
            })
        };
        tokio::time::sleep(Duration::from_millis(2)).await;
        let called = Instant::now();
        revoke(&one, &id).await;
        let returned = Instant::now();
        let seen = watch.await.unwrap();
        since_call.push(seen.saturating_duration_since(called));
        since_return.push(seen.saturating_duration_since(returned));
    }
    report("revoked on A, refused on B, since the call", since_call);
    report("revoked on A, refused on B, since its return", since_return);
}

/// In process, with a loader that answers at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints times for the documents and asserts none: they depend on the machine; run it by hand, as the head of the file says"]
async fn what_a_guarded_request_costs() {
    let server = Redis::start();
    let mirrored = RedisStore::connect(server.url()).await.unwrap();
    let direct = RedisStore::builder(server.url()).mirror(false).connect().await.unwrap();
    for number in 0..10_000 {
        revoke(&direct, &format!("token {number}")).await;
    }
    let users = Users::new();
    let provider = || provider_without_store(config(), &users).clock(SystemClock).danger_stateless();
    let without = provider().build().unwrap();
    let with_mirror = provider().revocation_store(mirrored).build().unwrap();
    let with_redis = provider().revocation_store(direct).build().unwrap();
    let requirement = Requirement::user();
    for round in 0..3 {
        for (what, auth, count) in [
            ("no store", &without, 50_000_u32),
            ("the mirror", &with_mirror, 50_000),
            ("Redis", &with_redis, 5_000),
        ] {
            let token = at_once(auth.issue(Purpose::Access, "alice")).unwrap();
            let head = WireRequest::new("GET", "/").bearer(token.expose());
            let start = Instant::now();
            for _ in 0..count {
                auth.check(auth.read(&head), &requirement).await.unwrap();
            }
            println!("round {round}: a guarded request with {what}: {:?}", start.elapsed() / count);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints times for the documents and asserts none: they depend on the machine; run it by hand, as the head of the file says"]
async fn what_a_check_costs() {
    let server = Redis::start();
    let names: Vec<_> = (0..100_000).map(|number| format!("token {number}")).collect();
    let direct = RedisStore::builder(server.url()).mirror(false).connect().await.unwrap();
    for chunk in names.chunks(500) {
        revoke_all(&direct, chunk).await;
    }
    let start = Instant::now();
    let mirrored = RedisStore::connect(server.url()).await.unwrap();
    println!("a mirror of {} is there after {:?}", names.len(), start.elapsed());
    for (what, store, count) in [("with the mirror", &mirrored, 200_000_u32), ("without", &direct, 5_000)] {
        let present = now();
        let start = Instant::now();
        for _ in 0..count {
            assert_eq!(checked(store, ("good", 0), present, present).await.unwrap(), Verdict::Good);
        }
        println!("a check of two targets and an epoch {what}: {:?}", start.elapsed() / count);
    }
}
