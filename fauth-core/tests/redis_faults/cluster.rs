//! What a cluster needs: a script names all its keys, and all of them lie in one slot.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use fauth_core::{
    Purpose,
    store::{ApiKeyStore, OneTimeRecord, OneTimeStore, RedisConnectError, RotationOutcome, SessionStore},
};
use servers::{Folder, Process, Redis, Signal, free_port};

use super::*;

/// A node of a cluster, alone at first.
struct Node {
    _process: Process,
    port: u16,
    _folder: Folder,
}

impl Node {
    async fn start() -> Self {
        let (port, bus, folder) = (free_port(), free_port(), Folder::new("cluster"));
        let (port_text, bus_text) = (port.to_string(), bus.to_string());
        let path = folder.path().to_str().unwrap();
        let mut command = vec!["redis-server", "--port", &port_text, "--cluster-port", &bus_text];
        command.extend(["--bind", "127.0.0.1", "--dir", path, "--cluster-enabled", "yes"]);
        let process = Process::start(&command, &format!("{path}/log"), Signal::Kill);
        let node = Self { _process: process, port, _folder: folder };
        eventually("up", async || redis::Client::open(node.url()).unwrap().get_connection().is_ok()).await;
        node
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn tell(&self, words: &[&str]) -> String {
        let mut cluster = redis::cmd("CLUSTER");
        cluster.arg(words).query_async(&mut raw(&self.url()).await).await.unwrap()
    }

    async fn says(&self, line: &str) -> bool {
        self.tell(&["INFO"]).await.lines().any(|other| other.trim() == line)
    }
}

/// Every method of every trait, for an owner.
async fn call_everything(store: &RedisStore, owner: &Owner<'static>) {
    call_sessions(store, owner).await;
    call_one_times(store, owner).await;
    call_api_keys(store, owner).await;
    store.revoke(owner, &[RevocationTarget::TokenId("revoked")], None, now(), later(DAY)).await.unwrap();
    let epoch = store.raise_epoch(owner, now(), later(DAY)).await.unwrap();
    assert_eq!(store.epoch(owner, now()).await.unwrap(), epoch);
    let targets = [RevocationTarget::TokenId("revoked"), RevocationTarget::Subject];
    let facts = TokenFacts { owner: owner.clone(), targets: &targets, epoch, issued_at: now() };
    assert_eq!(store.check(&facts, now()).await.unwrap(), Verdict::Revoked);
}

async fn call_sessions(store: &RedisStore, owner: &Owner<'static>) {
    for number in 1..=4 {
        let mut new = login(number);
        new.session.owner = owner.clone();
        new.limit = 3;
        store.open(new, now()).await.unwrap();
    }
    for (presented, expected) in [(0, "Rotated"), (0, "InGrace"), (7, "Reused"), (0, "Ended")] {
        let outcome = store.rotate(owner, &exchange(4, presented, 1), now()).await.unwrap();
        assert!(format!("{outcome:?}").starts_with(expected), "{outcome:?}");
    }
    let outcome = store.rotate(owner, &exchange(9, 0, 1), now()).await.unwrap();
    assert_eq!(outcome, RotationOutcome::Unknown);
    assert!(store.end(owner, &sid(3), now()).await.unwrap().is_some());
    assert_eq!(SessionStore::list(store, owner, now()).await.unwrap().len(), 1);
    assert_eq!(ids(&store.end_all(owner, None, now()).await.unwrap()), [sid(2)]);
    assert!(SessionStore::find(store, owner, &sid(1), now()).await.unwrap().is_none());
}

async fn call_one_times(store: &RedisStore, owner: &Owner<'static>) {
    let purpose = Purpose::PasswordReset;
    for number in 1..=3 {
        let record =
            OneTimeRecord { hash: hash(number), owner: owner.clone(), purpose, expires_at: later(DAY) };
        OneTimeStore::insert(store, record, 2, now()).await.unwrap();
    }
    assert!(store.redeem(owner, &hash(3), purpose, now()).await.unwrap().is_some());
    assert_eq!(store.withdraw(owner, None, now()).await.unwrap(), 1);
}

async fn call_api_keys(store: &RedisStore, owner: &Owner<'static>) {
    let id = |number| ApiKeyId::new(owner, [number; 16]);
    for number in 1..=2 {
        keep_api_key(store, api_key(owner, number)).await;
    }
    store.touch(owner, &id(1), now()).await.unwrap();
    assert!(ApiKeyStore::find(store, &id(1), now()).await.unwrap().unwrap().key.last_used_at.is_some());
    assert_eq!(ApiKeyStore::list(store, owner, now()).await.unwrap().len(), 2);
    assert!(store.remove(owner, &id(1)).await.unwrap());
}

fn owners() -> Vec<Owner<'static>> {
    let subjects = ["alice", "bob", "carol", "dave", "erin"];
    let mut owners: Vec<_> = subjects.map(|subject| owner(subject).into_owned()).into();
    owners.push(Owner::new("shop", "https://issuer.example", "alice"));
    assert!(owners.iter().map(Owner::bucket).collect::<HashSet<_>>().len() > 1);
    owners
}

/// A node refuses a script whose keys do not all lie in one slot.
#[tokio::test]
async fn everything_works_on_a_cluster_of_one_master() {
    let node = Node::start().await;
    node.tell(&["ADDSLOTSRANGE", "0", "16383"]).await;
    eventually("whole", async || node.says("cluster_state:ok").await).await;
    for store in [direct(&node.url()).await, mirrored(&node.url()).await] {
        for owner in owners() {
            call_everything(&store, &owner).await;
            store.end_all(&owner, None, now()).await.unwrap();
        }
        redis::cmd("FLUSHALL").exec_async(&mut raw(&node.url()).await).await.unwrap();
        eventually("a new memory", async || store.epoch(&alice(), now()).await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_cluster_of_two_masters_is_refused() {
    let (one, two) = (Node::start().await, Node::start().await);
    one.tell(&["ADDSLOTSRANGE", "0", "8191"]).await;
    two.tell(&["ADDSLOTSRANGE", "8192", "16383"]).await;
    let info = two.tell(&["NODES"]).await;
    let bus = info.split('@').nth(1).unwrap().split([' ', ',']).next().unwrap();
    one.tell(&["MEET", "127.0.0.1", &two.port.to_string(), bus]).await;
    eventually("two masters", async || one.says("cluster_size:2").await).await;
    match RedisStore::connect(one.url()).await {
        Err(RedisConnectError::Config(error)) => {
            assert!(error.field() == "url" && error.problem().contains("2 masters"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// The words of a line of `MONITOR`, which are quoted.
fn words_of(line: &str) -> Vec<&str> {
    line.split_once("] ")
        .map_or(Vec::new(), |(_, words)| words.trim().trim_matches('"').split("\" \"").collect())
}

#[tokio::test]
async fn a_script_touches_no_key_that_it_does_not_name() {
    let server = Redis::start();
    let address = server.url().replace("redis://", "").replace('/', "");
    let mut monitor = BufReader::new(TcpStream::connect(address).unwrap());
    monitor.get_mut().write_all(b"MONITOR\r\n").unwrap();
    let mut line = String::new();
    monitor.read_line(&mut line).unwrap();
    assert_eq!(line, "+OK\r\n");

    let store = mirrored(&server.url()).await;
    let direct = direct(&server.url()).await;
    for owner in owners() {
        call_everything(&store, &owner).await;
        call_everything(&direct, &Owner { application: "another".into(), ..owner }).await;
    }
    redis::cmd("ECHO").arg("nothing-more-to-come").exec_async(&mut raw(&server.url()).await).await.unwrap();

    let lines = monitor.lines().map(Result::unwrap).take_while(|line| !line.contains("nothing-more-to-come"));
    let touched = touched_keys(lines);
    assert!(touched > 100, "{touched}");
}

/// How many keys scripts have touched, all of which they have named.
fn touched_keys(lines: impl Iterator<Item = String>) -> usize {
    let (mut named, mut touched) = (HashSet::new(), 0);
    for line in lines {
        match *words_of(&line) {
            ["EVALSHA", _, count, ref rest @ ..] => {
                named = rest.iter().take(count.parse().unwrap()).map(|key| (*key).to_owned()).collect();
                let tags: HashSet<_> = named.iter().map(|key| key.split('}').next()).collect();
                assert_eq!(tags.len(), 1, "{line}");
            }
            [_, key, ..] if line.contains(" lua] ") => {
                touched += 1;
                assert!(named.contains(key), "{line} is not in {named:?}");
            }
            _ => {}
        }
    }
    touched
}
