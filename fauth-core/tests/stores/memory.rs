//! What only the memory store does: its bounds, how it forgets, and what it knows of its own
//! memory.

use std::time::Duration;

use fauth_core::{
    MemoryStore, Purpose,
    clock::Timestamp,
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, MemoryStoreBuilder, NewSession, Nonce, OneTimeRecord, OneTimeStore,
        Owner, RevocationStore, RevocationTarget, Rotation, RotationOutcome, SecretHash, Session, SessionId,
        SessionStore, StoredApiKey, TokenFacts, Verdict,
    },
};
use fauth_testing::ManualClock;

/// How long after its time something is forgotten.
const MARGIN: i64 = 3600;

/// Far more than one write forgets.
const MANY: u16 = 500;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_767_225_600 + seconds)
}

/// A store that begins at 0.
fn builder() -> MemoryStoreBuilder {
    MemoryStore::builder().clock(ManualClock::new())
}

fn new_store() -> MemoryStore {
    builder().build()
}

/// Each number has an owner of its own.
fn owner(number: u16) -> Owner<'static> {
    Owner::new("default", "", format!("user {number}"))
}

fn alice() -> Owner<'static> {
    Owner::new("default", "", "alice")
}

fn sid(number: u16) -> SessionId {
    SessionId::parse(&format!("AAAAAAAAAAAAAAAA{number:05}A")).unwrap()
}

fn hash(number: u16) -> SecretHash {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    SecretHash::from_bytes(bytes)
}

/// A session that is made at 0, ends after so many seconds, and has an owner of its own.
fn login(number: u16, life: i64) -> NewSession {
    let life = Duration::from_secs(life.try_into().unwrap());
    NewSession {
        session: Session {
            id: sid(number),
            owner: owner(number),
            created_at: at(0),
            last_seen_at: at(0),
            idle_timeout: life,
            expires_at: at(0).checked_add(life).unwrap(),
            remembered: false,
            client: None,
            address: None,
            tokens_end_at: at(0),
        },
        head: hash(number),
        limit: 10,
        payload: None,
    }
}

async fn rotate(store: &MemoryStore, number: u16, presented: u16, now: Timestamp) -> RotationOutcome {
    rotate_for(store, owner(number), number, presented, now).await
}

async fn rotate_for(
    store: &MemoryStore,
    owner: Owner<'_>,
    number: u16,
    presented: u16,
    now: Timestamp,
) -> RotationOutcome {
    let rotation = Rotation {
        session: sid(number),
        presented: hash(presented),
        successor: hash(presented + 1000),
        nonce: Nonce::from_bytes([1; 16]),
        grace: Duration::ZERO,
        access_lifetime: Duration::from_secs(900),
        fingerprint: None,
        bound_to_client: false,
    };
    store.rotate(&owner, &rotation, now).await.unwrap()
}

fn record(number: u16, life: i64) -> OneTimeRecord {
    OneTimeRecord {
        hash: hash(number),
        owner: owner(number),
        purpose: Purpose::PasswordReset,
        expires_at: at(life),
    }
}

fn key_id(number: u16) -> ApiKeyId {
    ApiKeyId::new(&owner(number), u128::from(number).to_be_bytes())
}

fn api_key(number: u16, life: i64) -> StoredApiKey {
    let key = ApiKey {
        id: key_id(number),
        owner: owner(number),
        name: String::new(),
        scopes: Vec::new(),
        created_at: at(0),
        expires_at: at(life),
        last_used_at: None,
        user_epoch: Some(3),
    };
    StoredApiKey { key, hash: hash(number), hash_key_id: "hash key".to_owned() }
}

/// The verdict on a token of "alice".
async fn check(store: &MemoryStore, id: &str, issued_at: i64, now: i64) -> Verdict {
    let targets = [RevocationTarget::TokenId(id)];
    let facts = TokenFacts { owner: alice(), targets: &targets, epoch: 0, issued_at: at(issued_at) };
    store.check(&facts, at(now)).await.unwrap()
}

/// The two kinds of things in a store have methods of one name.
async fn keep_token(store: &MemoryStore, record: OneTimeRecord, now: Timestamp) -> bool {
    OneTimeStore::insert(store, record, 10, now).await.is_ok()
}

async fn keep_key(store: &MemoryStore, key: StoredApiKey, now: Timestamp) -> bool {
    ApiKeyStore::insert(store, key, 10, now).await.is_ok()
}

async fn revoke(store: &MemoryStore, id: &str, now: i64, until: i64) -> bool {
    store.revoke(&alice(), &[RevocationTarget::TokenId(id)], None, at(now), at(until)).await.is_ok()
}

#[tokio::test]
async fn clones_share_everything() {
    let store = new_store();
    store.clone().open(login(1, 100), at(0)).await.unwrap();
    assert_eq!(store.sizes().sessions, 1);
    assert_eq!(new_store().sizes().sessions, 0);
}

#[tokio::test]
async fn a_full_store_refuses_a_session_and_loses_none() {
    let store = builder().sessions(2).build();
    for number in [1, 2] {
        store.open(login(number, 100), at(0)).await.unwrap();
    }
    let refusal = store.open(login(3, 100), at(0)).await.unwrap_err();
    assert!(refusal.to_string().contains("is full"), "{refusal}");
    for number in [1, 2] {
        assert!(matches!(rotate(&store, number, number, at(1)).await, RotationOutcome::Rotated(_)));
    }
    assert_eq!(rotate(&store, 3, 3, at(1)).await, RotationOutcome::Unknown);
    assert_eq!(store.sizes().sessions, 2);
}

/// Otherwise a client that logs in and out in a loop would fill the store for everybody.
#[tokio::test]
async fn the_tombstone_of_an_ended_session_gives_way_when_the_room_is_needed() {
    let store = builder().sessions(2).build();
    for number in [1, 2] {
        store.open(login(number, 100), at(0)).await.unwrap();
    }
    store.end(&owner(1), &sid(1), at(0)).await.unwrap();
    let outcome = rotate(&store, 1, 1, at(1)).await;
    assert!(matches!(outcome, RotationOutcome::Ended { .. }), "while there is room: {outcome:?}");
    store.open(login(3, 100), at(0)).await.unwrap();
    assert_eq!(rotate(&store, 1, 1, at(1)).await, RotationOutcome::Unknown);
    assert!(store.open(login(4, 100), at(0)).await.is_err());
    for number in [2, 3] {
        assert!(matches!(rotate(&store, number, number, at(1)).await, RotationOutcome::Rotated(_)));
    }
}

#[tokio::test]
async fn a_full_store_refuses_a_revocation_and_forgets_none() {
    let store = builder().revocations(2).build();
    assert!(revoke(&store, "a", 0, 100).await);
    store.raise_epoch(&alice(), at(0), at(100)).await.unwrap();
    assert!(!revoke(&store, "b", 0, 100).await);
    assert!(store.raise_epoch(&owner(1), at(0), at(100)).await.is_err());
    assert!(revoke(&store, "a", 0, 200).await, "what is there already needs no room");
    assert!(store.raise_epoch(&alice(), at(0), at(200)).await.is_ok());
    assert_eq!(check(&store, "a", 0, 199).await, Verdict::Revoked);
    assert_eq!(check(&store, "b", 0, 199).await, Verdict::OldEpoch);
    assert_eq!(store.epoch(&owner(1), at(0)).await.unwrap(), 0);
    assert_eq!(store.sizes().revocations, 2);
}

#[tokio::test]
async fn a_full_store_refuses_tokens_and_keys_and_loses_none() {
    let store = builder().one_time_tokens(1).api_keys(1).build();
    assert!(keep_token(&store, record(1, 100), at(0)).await);
    assert!(!keep_token(&store, record(2, 100), at(0)).await);
    assert!(keep_key(&store, api_key(1, 100), at(0)).await);
    assert!(!keep_key(&store, api_key(2, 100), at(0)).await);
    assert!(ApiKeyStore::find(&store, &key_id(1), at(0)).await.unwrap().is_some());
    assert!(store.redeem(&owner(1), &hash(1), Purpose::PasswordReset, at(0)).await.unwrap().is_some());
    assert!(store.remove(&owner(1), &key_id(1)).await.unwrap());
    assert!(keep_token(&store, record(2, 100), at(0)).await, "the room is free again");
    assert!(keep_key(&store, api_key(2, 100), at(0)).await);
}

/// What is refused takes no room, however often it comes.
#[tokio::test]
async fn refusals_fill_nothing() {
    let store = builder().sessions(3).one_time_tokens(3).api_keys(3).build();
    store.open(login(1, 100), at(0)).await.unwrap();
    assert!(keep_token(&store, record(1, 100), at(0)).await);
    assert!(keep_key(&store, api_key(1, 100), at(0)).await);
    let mut beyond = api_key(1, 100);
    beyond.key.id = ApiKeyId::new(&owner(1), [9; 16]);
    for _ in 0..100 {
        assert!(store.open(login(1, 100), at(0)).await.is_err());
        assert!(!keep_token(&store, record(1, 100), at(0)).await);
        assert!(!keep_key(&store, api_key(1, 100), at(0)).await);
        assert!(!ApiKeyStore::insert(&store, beyond.clone(), 1, at(0)).await.unwrap());
    }
    let sizes = store.sizes();
    assert_eq!((sizes.sessions, sizes.one_time_tokens, sizes.api_keys), (1, 1, 1));
    assert!(keep_key(&store, beyond, at(0)).await, "its id is free");
}

#[tokio::test]
async fn what_is_past_its_time_leaves_by_itself() {
    let store = new_store();
    for number in 0..MANY {
        store.open(login(number, 10), at(0)).await.unwrap();
        assert!(revoke(&store, &number.to_string(), 0, 10).await);
        assert!(keep_token(&store, record(number, 10), at(0)).await);
        assert!(keep_key(&store, api_key(number, 10), at(0)).await);
    }
    let later = 10 + MARGIN;
    for number in 0..MANY {
        let (number, life) = (MANY + number, later + 100);
        store.open(login(number, life), at(later)).await.unwrap();
        assert!(revoke(&store, &number.to_string(), later, life).await);
        assert!(keep_token(&store, record(number, life), at(later)).await);
        assert!(keep_key(&store, api_key(number, life), at(later)).await);
    }
    let (sizes, kept) = (store.sizes(), usize::from(MANY));
    for size in [sizes.sessions, sizes.revocations, sizes.one_time_tokens, sizes.api_keys] {
        assert!((kept..kept + kept / 10).contains(&size), "{sizes:?}");
    }
    for number in MANY..2 * MANY {
        assert_eq!(check(&store, &number.to_string(), later, later).await, Verdict::Revoked);
        assert!(matches!(rotate(&store, number, number, at(later)).await, RotationOutcome::Rotated(_)));
    }
}

/// A clock that jumps back by less than the margin finds everything again.
#[tokio::test]
async fn nothing_leaves_before_the_margin() {
    let store = new_store();
    store.open(login(1, 10), at(0)).await.unwrap();
    assert!(revoke(&store, "a", 0, 10).await);
    assert!(keep_token(&store, record(1, 10), at(0)).await);
    assert!(keep_key(&store, api_key(1, 10), at(0)).await);
    let later = 10 + MARGIN - 1;
    for number in 2..MANY {
        store.open(login(number, later + 10), at(later)).await.unwrap();
        assert!(revoke(&store, &number.to_string(), later, later + 10).await);
        assert!(keep_token(&store, record(number, later + 10), at(later)).await);
        assert!(keep_key(&store, api_key(number, later + 10), at(later)).await);
    }
    assert_eq!(check(&store, "a", 5, 9).await, Verdict::Revoked);
    assert_eq!(check(&store, "b", 5, 9).await, Verdict::Good);
    assert!(matches!(rotate(&store, 1, 1, at(9)).await, RotationOutcome::Rotated(_)));
    assert!(store.redeem(&owner(1), &hash(1), Purpose::PasswordReset, at(9)).await.unwrap().is_some());
    assert!(ApiKeyStore::find(&store, &key_id(1), at(9)).await.unwrap().is_some());
}

/// Each refresh moves the time at which a session leaves.
#[tokio::test]
async fn a_session_that_is_refreshed_stays() {
    let store = new_store();
    let mut new = login(1, 1_000_000);
    new.session.idle_timeout = Duration::from_secs(100);
    new.session.owner = alice();
    store.open(new, at(0)).await.unwrap();
    for round in 0..60_u16 {
        let now = at(i64::from(round) * 90);
        assert!(
            matches!(
                rotate_for(&store, alice(), 1, 1 + round * 1000, now).await,
                RotationOutcome::Rotated(_)
            ),
            "{round}"
        );
        // Of the same owner, so that each write meets the same shard.
        let mut other = login(100 + round, 1);
        other.session.owner = alice();
        store.open(other, now).await.unwrap();
    }
    assert_eq!(SessionStore::list(&store, &alice(), at(59 * 90)).await.unwrap().len(), 1);
    assert!(store.sizes().sessions < 60, "others have left: {:?}", store.sizes());
}

/// Also where the expired entries are in other shards than the new one.
#[tokio::test]
async fn a_store_full_of_what_has_expired_takes_new_entries() {
    let most = usize::from(MANY);
    let store = builder().sessions(most).revocations(most).one_time_tokens(most).api_keys(most).build();
    for number in 0..MANY {
        store.open(login(number, 10), at(0)).await.unwrap();
        assert!(revoke(&store, &number.to_string(), 0, 10).await);
        assert!(keep_token(&store, record(number, 10), at(0)).await);
        assert!(keep_key(&store, api_key(number, 10), at(0)).await);
    }
    let soon = 10 + MARGIN - 1;
    assert!(store.open(login(MANY, 100_000), at(soon)).await.is_err());
    assert!(!revoke(&store, "new", soon, 100_000).await);
    assert!(!keep_token(&store, record(MANY, 100_000), at(soon)).await);
    assert!(!keep_key(&store, api_key(MANY, 100_000), at(soon)).await);
    for number in MANY..2 * MANY {
        store.open(login(number, 100_000), at(soon + 1)).await.unwrap();
        assert!(revoke(&store, &number.to_string(), soon + 1, 100_000).await);
        assert!(keep_token(&store, record(number, 100_000), at(soon + 1)).await);
        assert!(keep_key(&store, api_key(number, 100_000), at(soon + 1)).await);
    }
    assert!(store.open(login(2 * MANY, 100_000), at(soon + 1)).await.is_err(), "full of live ones now");
    assert!(!revoke(&store, "new", soon + 1, 100_000).await);
}

/// Revokes a token of an owner as an act of the owner's.
async fn fits(store: &MemoryStore, number: u16, id: &str, now: i64, until: i64) -> bool {
    let target = [RevocationTarget::TokenId(id)];
    store.revoke(&owner(number), &target, Some(1_000), at(now), at(until)).await.unwrap()
}

#[tokio::test]
async fn a_sixteenth_of_the_room_is_kept_for_epochs_and_administrators() {
    let store = MemoryStore::builder().revocations(32).build();
    for number in 0..30 {
        assert!(fits(&store, number, "a", 0, 100).await, "{number}");
    }
    for _ in 0..100 {
        assert!(!fits(&store, 30, "a", 0, 100).await);
    }
    assert_eq!(store.sizes().revocations, 30, "an attempt takes no room");
    assert!(fits(&store, 0, "a", 0, 200).await, "what is there already needs no room");
    assert!(revoke(&store, "b", 0, 100).await);
    store.raise_epoch(&owner(30), at(0), at(100)).await.unwrap();
    assert_eq!(store.sizes().revocations, 32);
    assert!(!revoke(&store, "c", 0, 100).await);
    store.raise_epoch(&owner(31), at(0), at(100)).await.unwrap_err();
    store.raise_epoch(&owner(30), at(0), at(100)).await.unwrap();
    // What has been over for an hour makes room for both.
    assert!(!fits(&store, 30, "a", 99 + MARGIN, 100_000).await);
    assert!(fits(&store, 30, "a", 100 + MARGIN, 100_000).await);
}

/// Each of these is too small for a sixteenth: an owner's epoch is what finds room.
#[tokio::test]
async fn the_smallest_room_is_for_epochs() {
    let store = MemoryStore::builder().revocations(1).build();
    assert!(!fits(&store, 0, "a", 0, 100).await);
    store.raise_epoch(&owner(0), at(0), at(100)).await.unwrap();
    let store = MemoryStore::builder().revocations(2).build();
    assert!(fits(&store, 0, "a", 0, 100).await);
    assert!(!fits(&store, 0, "b", 0, 100).await);
    store.raise_epoch(&owner(0), at(0), at(100)).await.unwrap();
}

#[tokio::test]
async fn several_find_room_together_or_not_at_all() {
    let store = MemoryStore::builder().revocations(16).build();
    let names: Vec<_> = (0..16).map(|number| number.to_string()).collect();
    let targets: Vec<_> = names.iter().map(|name| RevocationTarget::TokenId(name)).collect();
    let revoke =
        async |count: usize, limit| store.revoke(&alice(), &targets[..count], limit, at(0), at(100)).await;
    assert!(!revoke(16, Some(1_000)).await.unwrap());
    assert_eq!(store.sizes().revocations, 0);
    assert!(revoke(15, Some(1_000)).await.unwrap());
    assert!(!revoke(16, Some(1_000)).await.unwrap());
    assert!(revoke(16, None).await.unwrap());
    assert_eq!(store.sizes().revocations, 16);
}

/// A full share is counted beside the entries; it gives its places back when they are over.
#[tokio::test]
async fn a_share_is_filled_again_and_again() {
    let store = MemoryStore::new();
    for round in 0..20 {
        let now = round * 2 * MARGIN;
        for number in 0..50 {
            let id = format!("{round} {number}");
            let target = [RevocationTarget::TokenId(&id)];
            let fits = store.revoke(&alice(), &target, Some(40), at(now), at(now + 100)).await.unwrap();
            assert_eq!(fits, number < 40, "{round} {number}");
        }
    }
    assert!(store.sizes().revocations <= 80, "{store:?}");
}

/// Whatever runs at the same time: no place is taken twice, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_place_is_lost_when_many_revoke_at_once() {
    let store = MemoryStore::builder().revocations(160).build();
    let tasks = (0..4_u16).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for step in 0..2_000_u16 {
                let (number, now) = (step % 7, i64::from(step) * 10);
                let id = format!("{}", step.wrapping_mul(31).wrapping_add(task) % 300);
                fits(&store, number, &id, now, now + 500).await;
                store.raise_epoch(&owner(number), at(now), at(now + 500)).await.unwrap();
                let target = [RevocationTarget::Subject];
                store.revoke(&owner(number), &target, Some(30), at(now), at(now + 600)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    // Everything is over by then, and makes room when it is needed.
    let later = 10_000_000;
    for number in 0..150 {
        assert!(fits(&store, 1, &format!("later {number}"), later, later + 100).await, "{number}");
    }
    assert_eq!(store.sizes().revocations, 150);
    assert!(!fits(&store, 1, "one more", later, later + 100).await);
}

#[tokio::test]
async fn the_store_remembers_since_it_was_made() {
    let store = new_store();
    assert_eq!(check(&store, "a", 0, 50).await, Verdict::Good, "the first call comes later");
    assert_eq!(check(&store, "a", -1, 50).await, Verdict::BeforeMemory);
    assert_eq!(check(&store, "a", -1, -20).await, Verdict::BeforeMemory, "it never moves back");
}

#[tokio::test]
async fn a_store_whose_clock_fails_vouches_for_nothing() {
    let clock = ManualClock::new();
    clock.break_down();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let remembers_since = Timestamp::MAX;
    assert_eq!(check(&store, "a", 50, 50).await, Verdict::ClocksDisagree { remembers_since });
    let store = MemoryStore::builder().clock(clock).remembers_since(at(0)).build();
    assert_eq!(check(&store, "a", 50, 50).await, Verdict::Good, "it was told");
}

#[tokio::test]
async fn it_can_be_told_since_when_it_remembers() {
    let store = builder().remembers_since(at(-100)).build();
    assert_eq!(check(&store, "a", -100, 0).await, Verdict::Good);
    assert_eq!(check(&store, "a", -101, 0).await, Verdict::BeforeMemory);
}

/// A clock that ran far ahead for a moment has made the store forget; it does not vouch for what
/// it has forgotten.
#[tokio::test]
async fn what_was_lost_by_a_wrong_clock_is_not_vouched_for() {
    let store = new_store();
    assert!(revoke(&store, "a", 0, 900).await);
    assert_eq!(check(&store, "b", 0, 10).await, Verdict::Good);
    let far = 100_000_000;
    for number in 0..MANY {
        assert!(revoke(&store, &number.to_string(), far, far + 1).await);
    }
    assert_eq!(check(&store, "a", 0, 20).await, Verdict::BeforeMemory);
    assert_eq!(check(&store, "b", 19, 20).await, Verdict::BeforeMemory);
    assert_eq!(check(&store, "b", 20, 21).await, Verdict::Good, "it begins anew");
    assert_eq!(check(&store, "b", 20, 5).await, Verdict::Good, "once");
    assert_eq!(check(&store, "b", 19, 30).await, Verdict::BeforeMemory);
}

#[tokio::test]
async fn what_gave_way_to_something_new_is_not_vouched_for_either() {
    let store = builder().revocations(1).build();
    assert!(revoke(&store, "a", 0, 900).await);
    assert!(revoke(&store, "b", 900 + MARGIN, 901 + MARGIN).await);
    assert_eq!(check(&store, "a", 0, 899).await, Verdict::BeforeMemory);
}

/// Whatever runs at the same time: what leaves gives back its room and its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_leaks_when_many_work_at_once() {
    const IDS: u16 = 50;
    let store = builder().sessions(40).one_time_tokens(40).api_keys(40).build();
    let tasks = (0..4_u16).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for step in 0..3_000_u16 {
                let number = step.wrapping_mul(7).wrapping_add(task * 13) % IDS;
                churn(&store, number, i64::from(step)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(store.sizes().sessions > 0, "{store:?}");
    // Everything has expired by then, and each of these forgets a few.
    let later = at(100_000);
    for number in (0..IDS).cycle().take(20 * usize::from(IDS)) {
        store.end_all(&owner(number), None, later).await.unwrap();
        store.withdraw(&owner(number), None, later).await.unwrap();
        store.remove(&owner(number), &key_id(number)).await.unwrap();
    }
    let sizes = store.sizes();
    assert_eq!((sizes.sessions, sizes.one_time_tokens, sizes.api_keys), (0, 0, 0));
    // As many fit as there is room for, and every id is free.
    for number in 0..40 {
        store.open(login(number, 200_000), later).await.unwrap();
        assert!(keep_token(&store, record(number, 200_000), later).await);
        assert!(keep_key(&store, api_key(number, 200_000), later).await);
    }
    assert!(store.open(login(40, 200_000), later).await.is_err());
}

/// One thing of each kind that can be done with this number; what comes of it depends on the
/// others.
async fn churn(store: &MemoryStore, number: u16, seconds: i64) {
    let (now, owner) = (at(seconds * 10), owner(number));
    let life = seconds * 10 + 50;
    match seconds % 5 {
        0 | 1 => {
            let _ = store.open(login(number, life), now).await;
            keep_token(store, record(number, life), now).await;
            keep_key(store, api_key(number, life), now).await;
        }
        2 => {
            rotate(store, number, number, now).await;
            store.redeem(&owner, &hash(number), Purpose::PasswordReset, now).await.unwrap();
            store.remove(&owner, &key_id(number)).await.unwrap();
        }
        3 => {
            store.end(&owner, &sid(number), now).await.unwrap();
            store.touch(&owner, &key_id(number), now).await.unwrap();
        }
        _ => {
            store.end_all(&owner, None, now).await.unwrap();
            store.withdraw(&owner, None, now).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_of_what_is_kept_shows() {
    let store = new_store();
    store.open(login(1, 100), at(0)).await.unwrap();
    let text = format!("{store:?}");
    assert!(text.contains("sessions: 1") && !text.contains("user"), "{text}");
}
