//! Something stands between the store and Redis: answers are lost, or come late.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use fauth_core::{
    Purpose,
    store::{ApiKeyStore, OneTimeRecord, OneTimeStore, RotationOutcome, SessionStore, WhenStale},
};
use servers::Redis;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
};

use super::*;

/// Passes everything on, in both directions.
struct Proxy {
    port: u16,
    whim: Arc<Whim>,
}

/// What it does to answers.
#[derive(Default)]
struct Whim {
    /// Swallows the next one, and closes its connection.
    loses_next: AtomicBool,
    /// Milliseconds by which it holds each back.
    delay: AtomicU64,
}

impl Proxy {
    async fn start(server: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, whim) = (listener.local_addr().unwrap().port(), Arc::<Whim>::default());
        let upstream = server.url().replace("redis://", "").replace('/', "");
        let proxy = Self { port, whim: Arc::clone(&whim) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&upstream).await else { continue };
                let ((from_client, to_client), (from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let whim = Arc::clone(&whim);
                tokio::spawn(async move {
                    let mut from_client = from_client;
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                tokio::spawn(answers(from_server, to_client, whim));
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    fn lose_next_answer(&self) {
        self.whim.loses_next.store(true, Ordering::SeqCst);
    }

    fn has_lost_it(&self) -> bool {
        !self.whim.loses_next.load(Ordering::SeqCst)
    }
}

async fn answers(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, whim: Arc<Whim>) {
    let mut buffer = vec![0; 0x1_0000];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if whim.loses_next.swap(false, Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(whim.delay.load(Ordering::SeqCst))).await;
        if to.write_all(buffer.get(..length).unwrap()).await.is_err() {
            return;
        }
    }
}

fn at_once(number: u32, presented: u128, successor: u128) -> Rotation {
    Rotation { grace: Duration::ZERO, ..exchange(number, presented, successor) }
}

/// Redis has taken the step, and nobody was told. Taken again it would be a second use of the
/// token, which ends the session.
#[tokio::test]
async fn an_exchange_is_not_repeated() {
    let server = Redis::start();
    let proxy = Proxy::start(&server).await;
    let store = direct(&proxy.url()).await;
    store.open(login(1), now()).await.unwrap();
    let outcome = store.rotate(&alice(), &at_once(1, 0, 1), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
    proxy.lose_next_answer();
    let outcome = store.rotate(&alice(), &at_once(1, 1, 2), now()).await;
    assert!(outcome.is_err() && proxy.has_lost_it(), "{outcome:?}");
    let outcome = store.rotate(&alice(), &at_once(1, 2, 3), now()).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)), "{outcome:?}");
}

/// Redis takes the step, and its answer is lost.
async fn unanswered<T: std::fmt::Debug>(
    store: &RedisStore,
    proxy: &Proxy,
    attempt: impl Future<Output = Result<T, StoreError>>,
) {
    // So that there is a connection, and nothing else has to be asked first.
    eventually("connected", async || {
        store.redeem(&alice(), &hash(99), Purpose::PasswordReset, now()).await.is_ok()
    })
    .await;
    proxy.lose_next_answer();
    let outcome = attempt.await;
    assert!(outcome.is_err() && proxy.has_lost_it(), "{outcome:?}");
}

/// Something of everything that can be ended.
async fn keep_everything(store: &RedisStore, number: u8) {
    for number in [number, number + 1] {
        store.open(login(number.into()), now()).await.unwrap();
        let (purpose, expires_at) = (Purpose::PasswordReset, later(DAY));
        let link = OneTimeRecord { hash: hash(number.into()), owner: alice(), purpose, expires_at };
        OneTimeStore::insert(store, link, 9, now()).await.unwrap();
    }
    keep_api_key(store, api_key(&alice(), number)).await;
}

/// Taken again, each of these would say that there was nothing to do, or do it twice.
#[tokio::test]
async fn no_step_is_repeated_whose_second_answer_is_another() {
    let server = Redis::start();
    let proxy = Proxy::start(&server).await;
    let store = direct(&proxy.url()).await;
    let (owner, purpose) = (alice(), Purpose::PasswordReset);
    let key = |number| ApiKeyId::new(&alice(), [number; 16]);
    keep_everything(&store, 1).await;
    // So that Redis knows the scripts.
    assert!(store.end(&owner, &sid(1), now()).await.unwrap().is_some());
    assert!(!store.end_all(&owner, None, now()).await.unwrap().is_empty());
    assert!(store.redeem(&owner, &hash(1), purpose, now()).await.unwrap().is_some());
    assert_eq!(store.withdraw(&owner, None, now()).await.unwrap(), 1);
    assert!(store.remove(&owner, &key(1)).await.unwrap());
    let first = store.raise_epoch(&owner, now(), later(DAY)).await.unwrap();

    keep_everything(&store, 3).await;
    let (three, hash_three, key_three) = (sid(3), hash(3), key(3));
    unanswered(&store, &proxy, store.end(&owner, &three, now())).await;
    unanswered(&store, &proxy, store.end_all(&owner, None, now())).await;
    unanswered(&store, &proxy, store.redeem(&owner, &hash_three, purpose, now())).await;
    unanswered(&store, &proxy, store.withdraw(&owner, None, now())).await;
    unanswered(&store, &proxy, store.remove(&owner, &key_three)).await;
    unanswered(&store, &proxy, store.raise_epoch(&owner, now(), later(DAY))).await;
    eventually("connected", async || store.epoch(&owner, now()).await.is_ok()).await;
    // All of them have been taken.
    assert!(store.epoch(&owner, now()).await.unwrap() > first);
    assert_eq!(SessionStore::list(&store, &owner, now()).await.unwrap(), []);
    assert_eq!(store.withdraw(&owner, None, now()).await.unwrap(), 0);
    assert!(!store.remove(&owner, &key_three).await.unwrap());
}

/// It leaves the same behind however often it is taken.
#[tokio::test]
async fn a_revocation_is_repeated() {
    let server = Redis::start();
    let proxy = Proxy::start(&server).await;
    let store = direct(&proxy.url()).await;
    revoke(&store, "one").await;
    proxy.lose_next_answer();
    revoke(&store, "another").await;
    assert!(proxy.has_lost_it());
    assert_eq!(verdict(&store, "another", now()).await, Some(Verdict::Revoked));
}

/// An answer tells what was when it was asked for. Answers that are on their way for nearly as
/// long as a mirror may be old leave it fresh for a moment only.
#[tokio::test]
async fn staleness_counts_from_the_question() {
    let server = Redis::start();
    let proxy = Proxy::start(&server).await;
    let builder = RedisStore::builder(proxy.url()).max_staleness(Duration::from_secs(1));
    let store = builder.command_timeout(Duration::from_secs(5)).connect().await.unwrap();
    let issued_at = now();
    // An answer takes this, and the quarter of a second for which Redis waits for a change.
    proxy.whim.delay.store(700, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut fresh, mut stale) = (0, 0);
    for _ in 0..400 {
        match verdict(&store, "good", issued_at).await {
            Some(Verdict::Good) => fresh += 1,
            None => stale += 1,
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(stale > 4 * fresh, "{fresh} of {}", fresh + stale);
    proxy.whim.delay.store(0, Ordering::SeqCst);
    eventually("good again", async || verdict(&store, "good", issued_at).await == Some(Verdict::Good)).await;
}

/// Answers take a tenth of a second each. Asked one after another, fifty tokens would take five.
#[tokio::test]
async fn a_stale_mirror_asks_redis_about_all_tokens_at_once() {
    const TOKENS: usize = 50;
    let server = Redis::start();
    let proxy = Proxy::start(&server).await;
    let mirrored = |when_stale| {
        let builder = RedisStore::builder(proxy.url()).max_staleness(Duration::from_millis(200));
        builder.command_timeout(Duration::from_secs(3)).when_stale(when_stale).connect()
    };
    let store = mirrored(WhenStale::AskRedis).await.unwrap();
    let refusing = mirrored(WhenStale::Refuse).await.unwrap();
    let issued_at = now();
    revoke(&store, "token 7").await;
    // Without `XREAD` a mirror hears of no change.
    let mut connection = raw(&server.url()).await;
    let rule = ["ACL", "SETUSER", "default", "-xread"];
    redis::cmd(rule[0]).arg(&rule[1..]).exec_async(&mut connection).await.unwrap();
    eventually("stale", async || verdict(&refusing, "good", issued_at).await.is_none()).await;
    // So that Redis knows the script.
    assert_eq!(verdict(&store, "good", issued_at).await, Some(Verdict::Good));
    proxy.whim.delay.store(100, Ordering::SeqCst);
    let ids: Vec<_> = (0..TOKENS).map(|number| format!("token {number}")).collect();
    let targets: Vec<_> = ids.iter().map(|id| [RevocationTarget::TokenId(id)]).collect();
    let facts = |targets| TokenFacts { owner: alice(), targets, epoch: 0, issued_at };
    let facts: Vec<_> = targets.iter().map(|targets| facts(targets.as_slice())).collect();
    let start = Instant::now();
    let verdicts = store.check_all(&facts, now()).await.unwrap();
    let waited = start.elapsed();
    assert!(waited < Duration::from_millis(2500), "{waited:?}");
    for (number, verdict) in verdicts.iter().enumerate() {
        let expected = if number == 7 { Verdict::Revoked } else { Verdict::Good };
        assert_eq!(*verdict, expected, "token {number}");
    }
    assert_eq!(verdicts.len(), TOKENS);
    assert!(refusing.check_all(&facts, now()).await.is_err());
}
