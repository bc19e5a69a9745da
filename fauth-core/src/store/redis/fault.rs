//! What can go wrong on the way to Redis and back.

use redis::RedisError;

use crate::{clock::ClockError, store::StoreError};

/// Goes to the log as the source of a [`StoreError`]. None of them knows the URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("redis: {0}")]
    Redis(#[from] RedisError),
    #[error("redis gave no answer within {0:?}")]
    TimedOut(std::time::Duration),
    #[error("redis came to it too late, or its clock has jumped; nothing was done")]
    Late,
    #[error("redis answered what no script of ours answers: {0}")]
    Malformed(&'static str),
    #[error("redis loses its memory again and again")]
    KeepsForgetting,
    #[error("the mirror of the revocations is older than allowed")]
    Stale,
    #[error("the memory of redis has only just begun; a token issued now would not be trusted")]
    TooEarly,
    #[error("{0} is known already")]
    Known(&'static str),
    #[error("the epoch cannot be raised any further")]
    Overflow,
    #[error("scopes: {0}")]
    Scopes(#[from] serde_json::Error),
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self::new(fault)
    }
}
