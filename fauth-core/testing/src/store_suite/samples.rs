//! What the cases put into stores.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fauth_core::{
    Purpose, Timestamp,
    store::{
        ApiKey, ApiKeyId, NewSession, Nonce, OneTimeRecord, RevocationTarget, Rotation, RotationOutcome,
        SecretHash, Session, SessionId, SessionStore, StoredApiKey, TokenFacts,
    },
};
use sha2::{Digest as _, Sha256};

use super::NOW;

/// How long a sample session may be idle.
pub(super) const IDLE: i64 = 1_000;
/// How long a sample session lives.
pub(super) const ABSOLUTE: i64 = 10_000;
/// The grace window of a sample rotation.
pub(super) const GRACE: i64 = 10;

/// So many seconds after [`NOW`], or before.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW.unix_seconds() + seconds)
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

/// Session `number` of a subject, made at `seconds`. The hash of its first refresh token is that of `"0"`.
pub(super) fn login(subject: &str, number: u8, seconds: i64) -> NewSession {
    NewSession {
        session: Session {
            id: sid(number),
            subject: subject.to_owned(),
            created_at: at(seconds),
            last_seen_at: at(seconds),
            idle_timeout: self::seconds(IDLE),
            expires_at: at(seconds + ABSOLUTE),
            remembered: false,
            client: Some("a browser".to_owned()),
            address: Some([192, 0, 2, 1].into()),
        },
        head: hash("0"),
        limit: 100,
    }
}

/// Opens session `number` of a subject at `seconds`; nothing is ended by that.
pub(super) async fn open<S: SessionStore>(store: &S, subject: &str, number: u8, seconds: i64) -> Session {
    let new = login(subject, number, seconds);
    assert_eq!(store.open(new.clone(), at(seconds)).await.unwrap(), []);
    new.session
}

/// The token `presented` of session `number` is to be exchanged for `successor`. The nonce follows from the successor's name.
pub(super) fn exchange(number: u8, presented: &str, successor: &str) -> Rotation {
    Rotation {
        session: sid(number),
        presented: hash(presented),
        successor: hash(successor),
        nonce: nonce_of(successor),
        grace: seconds(GRACE),
    }
}

pub(super) fn nonce_of(successor: &str) -> Nonce {
    Nonce::from_bytes(hash(successor).as_bytes()[..16].try_into().unwrap())
}

/// Exchanges at `seconds`.
pub(super) async fn rotate<S: SessionStore>(
    store: &S,
    number: u8,
    (presented, successor): (&str, &str),
    seconds: i64,
) -> RotationOutcome {
    store.rotate(exchange(number, presented, successor), at(seconds)).await.unwrap()
}

/// What is an outcome without its details?
pub(super) fn kind(outcome: &RotationOutcome) -> &'static str {
    match outcome {
        RotationOutcome::Rotated(_) => "rotated",
        RotationOutcome::InGrace { .. } => "in grace",
        RotationOutcome::Reused(_) => "reused",
        RotationOutcome::Ended => "ended",
        RotationOutcome::Expired => "expired",
        RotationOutcome::Unknown => "unknown",
    }
}

/// The ids of the live sessions of a subject at `seconds`, in the order of the list.
pub(super) async fn listed<S: SessionStore>(store: &S, subject: &str, seconds: i64) -> Vec<SessionId> {
    store.list(subject, at(seconds)).await.unwrap().into_iter().map(|session| session.id).collect()
}

/// A token of a subject, issued now, of this epoch, with these further targets.
pub(super) fn token<'a>(subject: &'a str, epoch: u64, targets: &[RevocationTarget<'a>]) -> TokenFacts<'a> {
    let targets = targets.iter().copied().chain([RevocationTarget::Subject(subject)]).collect();
    TokenFacts { targets, subject, epoch, issued_at: NOW }
}

pub(super) fn record(subject: &str, purpose: Purpose, name: &str, expires: i64) -> OneTimeRecord {
    OneTimeRecord { hash: hash(name), subject: subject.to_owned(), purpose, expires_at: at(expires) }
}

pub(super) fn key_id(number: u8) -> ApiKeyId {
    ApiKeyId::parse(&format!("{number:032x}")).unwrap()
}

/// API key `number` of an owner, made at `seconds`, that lives for 1 000 seconds.
pub(super) fn api_key(owner: &str, number: u8, seconds: i64) -> StoredApiKey {
    let key = ApiKey {
        id: key_id(number),
        owner: owner.to_owned(),
        name: format!("key {number}"),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        created_at: at(seconds),
        expires_at: at(seconds + 1_000),
        last_used_at: None,
    };
    StoredApiKey { key, hash: hash(&format!("key {number}")) }
}
