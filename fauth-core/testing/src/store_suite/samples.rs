//! The records that the cases store.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    Purpose,
    clock::Timestamp,
    store::{
        ApiKey, ApiKeyId, ClientFingerprint, EndedSession, NewSession, Nonce, OneTimeRecord, Owner,
        RevocationStore, RevocationTarget, Rotation, RotationOutcome, SecretHash, Session, SessionId,
        SessionStore, StoredApiKey, TokenFacts, Verdict,
    },
};
use sha2::{Digest as _, Sha256};

use super::NOW;

/// The idle timeout of a sample session.
pub(super) const IDLE: i64 = 1_000;
/// The lifetime of a sample session.
pub(super) const ABSOLUTE: i64 = 10_000;
/// The grace window of a sample rotation.
pub(super) const GRACE: i64 = 10;
/// The lifetime of the access tokens of a sample session.
pub(super) const ACCESS: i64 = 300;

/// The owner of a sample: a `&str` is a subject of the application "default", without an issuer.
pub(super) trait NamesOwner<'a> {
    fn owner(self) -> Owner<'a>;
}

impl<'a> NamesOwner<'a> for &'a str {
    fn owner(self) -> Owner<'a> {
        Owner::new("default", "", self)
    }
}

impl<'a> NamesOwner<'a> for &'a Owner<'_> {
    fn owner(self) -> Owner<'a> {
        self.as_borrowed()
    }
}

/// A subject of the application "default", without an issuer.
pub(super) fn owner(subject: &str) -> Owner<'_> {
    subject.owner()
}

/// This many seconds after [`NOW`], or before.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds)
}

/// That time in milliseconds since 1970: the epoch after a first raise.
pub(super) fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(at(seconds).unix_seconds()).unwrap() * 1000
}

pub(super) fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.try_into().unwrap())
}

/// Different for different texts.
pub(super) fn hash(text: &str) -> SecretHash {
    SecretHash::from_bytes(Sha256::digest(text).into())
}

pub(super) fn sid(number: u8) -> SessionId {
    SessionId::parse(&URL_SAFE_NO_PAD.encode([number; 16])).unwrap()
}

/// Session `number` of an owner, created at `seconds`. The hash of its first refresh token is that
/// of `"0"`.
pub(super) fn login<'a>(owner: impl NamesOwner<'a>, number: u8, seconds: i64) -> NewSession {
    NewSession {
        session: Session {
            id: sid(number),
            owner: owner.owner().into_owned(),
            created_at: at(seconds),
            last_seen_at: at(seconds),
            idle_timeout: self::seconds(IDLE),
            expires_at: at(seconds + ABSOLUTE),
            remembered: false,
            client: Some("a browser".to_owned()),
            address: Some([192, 0, 2, 1].into()),
            tokens_end_at: at(seconds + ACCESS),
        },
        head: hash("0"),
        limit: 100,
        payload: None,
    }
}

/// Opens session `number` of an owner at `seconds`, which ends no other session.
pub(super) async fn open<'a>(
    store: &(impl SessionStore + ?Sized),
    owner: impl NamesOwner<'a>,
    number: u8,
    seconds: i64,
) -> Session {
    let new = login(owner, number, seconds);
    assert_eq!(store.open(new.clone(), at(seconds)).await.unwrap(), []);
    new.session
}

/// A request to exchange the token `presented` of session `number` for `successor`. The nonce is
/// derived from the successor's name.
pub(super) fn exchange(number: u8, presented: &str, successor: &str) -> Rotation {
    Rotation {
        session: sid(number),
        presented: hash(presented),
        successor: hash(successor),
        nonce: nonce_of(successor),
        grace: seconds(GRACE),
        access_lifetime: seconds(ACCESS),
        fingerprint: Some(fingerprint("a browser")),
        bound_to_client: false,
    }
}

/// Different for different names.
pub(super) fn fingerprint(name: &str) -> ClientFingerprint {
    ClientFingerprint::from_bytes(hash(name).as_bytes()[..16].try_into().unwrap())
}

/// A session after it was refreshed at `seconds`.
pub(super) fn refreshed(session: &Session, seconds: i64) -> Session {
    let (last_seen_at, tokens_end_at) = (at(seconds), at(seconds + ACCESS + GRACE));
    Session { last_seen_at, tokens_end_at, ..session.clone() }
}

/// Returns the ids of the sessions that a store has ended, in order.
pub(super) fn ids(ended: Vec<EndedSession>) -> Vec<SessionId> {
    let mut ids: Vec<_> = ended.into_iter().map(|ended| ended.id).collect();
    ids.sort();
    ids
}

pub(super) fn nonce_of(successor: &str) -> Nonce {
    Nonce::from_bytes(hash(successor).as_bytes()[..16].try_into().unwrap())
}

/// Exchanges a token of session `number` of an owner at `seconds`.
pub(super) async fn rotate<'a>(
    store: &(impl SessionStore + ?Sized),
    owner: impl NamesOwner<'a>,
    number: u8,
    (presented, successor): (&str, &str),
    seconds: i64,
) -> RotationOutcome {
    let rotation = exchange(number, presented, successor);
    store.rotate(&owner.owner(), &rotation, at(seconds)).await.unwrap()
}

/// Returns the name of an outcome, without its details.
pub(super) fn kind(outcome: &RotationOutcome) -> &'static str {
    match outcome {
        RotationOutcome::Rotated(_) => "rotated",
        RotationOutcome::InGrace { .. } => "in grace",
        RotationOutcome::Reused(_) => "reused",
        RotationOutcome::Ended { .. } => "ended",
        RotationOutcome::Expired => "expired",
        RotationOutcome::Unknown => "unknown",
    }
}

/// Returns the ids of the live sessions of an owner at `seconds`, in the order of the list.
pub(super) async fn listed<'a>(
    store: &(impl SessionStore + ?Sized),
    owner: impl NamesOwner<'a>,
    seconds: i64,
) -> Vec<SessionId> {
    let list = store.list(&owner.owner(), at(seconds)).await.unwrap();
    list.into_iter().map(|session| session.id).collect()
}

/// A token for a revocation store to judge.
pub(super) struct Token<'a> {
    pub owner: Owner<'a>,
    pub targets: Vec<RevocationTarget<'a>>,
    pub epoch: u64,
    pub issued_at: Timestamp,
}

/// A token of an owner with this epoch, issued at [`NOW`], with the subject and these as its
/// targets.
pub(super) fn token<'a>(
    owner: impl NamesOwner<'a>,
    epoch: u64,
    targets: &[RevocationTarget<'a>],
) -> Token<'a> {
    let targets = targets.iter().copied().chain([RevocationTarget::Subject]).collect();
    Token { owner: owner.owner(), targets, epoch, issued_at: NOW }
}

impl Token<'_> {
    pub(super) fn facts(&self) -> TokenFacts<'_> {
        TokenFacts {
            owner: self.owner.as_borrowed(),
            targets: &self.targets,
            epoch: self.epoch,
            issued_at: self.issued_at,
        }
    }

    /// Returns the store's verdict on it at `seconds`.
    pub(super) async fn check(&self, store: &(impl RevocationStore + ?Sized), seconds: i64) -> Verdict {
        store.check(&self.facts(), at(seconds)).await.unwrap()
    }
}

/// A one-time token of an owner that expires at `expires`.
pub(super) fn record<'a>(
    owner: impl NamesOwner<'a>,
    purpose: Purpose,
    name: &str,
    expires: i64,
) -> OneTimeRecord {
    OneTimeRecord { hash: hash(name), owner: owner.owner().into_owned(), purpose, expires_at: at(expires) }
}

/// The id of API key `number` of an owner. Ids of one owner are ordered by their numbers.
pub(super) fn key_id<'a>(owner: impl NamesOwner<'a>, number: u8) -> ApiKeyId {
    ApiKeyId::new(&owner.owner(), u128::from(number).to_be_bytes())
}

/// API key `number` of an owner, created at `seconds`, that lives for 1 000 seconds.
pub(super) fn api_key<'a>(owner: impl NamesOwner<'a>, number: u8, seconds: i64) -> StoredApiKey {
    let owner = owner.owner().into_owned();
    let key = ApiKey {
        id: key_id(&owner, number),
        owner,
        name: format!("key {number}"),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        created_at: at(seconds),
        expires_at: at(seconds + 1_000),
        last_used_at: None,
        user_epoch: Some(3),
    };
    StoredApiKey { key, hash: hash(&format!("key {number}")), hash_key_id: format!("hash key {number}") }
}

/// Pseudo-random numbers, the same in each run: a linear congruential generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number from 0 to `bound` - 1.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The high bits are the random ones.
        (self.0 >> 33) % bound
    }

    /// The same, for seconds.
    pub(super) fn below_signed(&mut self, bound: u64) -> i64 {
        self.below(bound).try_into().unwrap()
    }

    /// Returns one of these.
    pub(super) fn pick<'a, T>(&mut self, from: &'a mut [T]) -> &'a mut T {
        let index = self.below(from.len() as u64);
        &mut from[usize::try_from(index).unwrap()]
    }
}
