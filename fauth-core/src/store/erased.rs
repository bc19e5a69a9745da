//! The traits with their types erased: `U` is the only generic that a user of fauth sees.

use std::{future::Future, pin::Pin};

use super::{
    ApiKey, ApiKeyId, ApiKeyStore, NewSession, OneTimeRecord, OneTimeStore, RevocationStore,
    RevocationTarget, Rotation, RotationOutcome, SecretHash, Session, SessionId, SessionStore, StoreError,
    StoredApiKey, TokenFacts, Verdict,
};
use crate::{clock::Timestamp, token::Purpose};

/// An answer to come.
pub(crate) type Ask<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One object-safe trait beside each storage trait: the same methods, boxed.
macro_rules! erase {
    ($($erased:ident of $store:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(
            #[allow(clippy::elidable_lifetime_names, reason = "the arguments of some methods need the name")]
            pub(crate) trait $erased: Send + Sync {
                $(fn $name<'a>(&'a self, $($argument: $type),*) -> Ask<'a, $answer>;)*
            }

            #[allow(clippy::elidable_lifetime_names, reason = "the arguments of some methods need the name")]
            impl<S: $store> $erased for S {
                $(
                    fn $name<'a>(&'a self, $($argument: $type),*) -> Ask<'a, $answer> {
                        Box::pin(<S as $store>::$name(self, $($argument),*))
                    }
                )*
            }
        )*
    };
}

erase! {
    KeepSessions of SessionStore {
        fn open(new: NewSession, now: Timestamp) -> Vec<SessionId>;
        fn rotate(rotation: Rotation, now: Timestamp) -> RotationOutcome;
        fn end(id: &'a SessionId, owner: Option<&'a str>, now: Timestamp) -> Option<Session>;
        fn end_all(subject: &'a str, keep: Option<&'a SessionId>, now: Timestamp) -> Vec<SessionId>;
        fn list(subject: &'a str, now: Timestamp) -> Vec<Session>;
    }
    KeepRevocations of RevocationStore {
        fn revoke(targets: &'a [RevocationTarget<'a>], now: Timestamp, until: Timestamp) -> ();
        fn check(token: &'a TokenFacts<'_>, now: Timestamp) -> Verdict;
        fn epoch(subject: &'a str, now: Timestamp) -> u64;
        fn raise_epoch(subject: &'a str, now: Timestamp, until: Timestamp) -> u64;
    }
    KeepOneTimes of OneTimeStore {
        fn insert(record: OneTimeRecord, limit: usize, now: Timestamp) -> ();
        fn redeem(hash: &'a SecretHash, purpose: Purpose, now: Timestamp) -> Option<OneTimeRecord>;
        fn withdraw(subject: &'a str, purpose: Option<Purpose>, now: Timestamp) -> usize;
    }
    KeepApiKeys of ApiKeyStore {
        fn insert(key: StoredApiKey, limit: usize, now: Timestamp) -> bool;
        fn find(id: &'a ApiKeyId, now: Timestamp) -> Option<StoredApiKey>;
        fn list(owner: &'a str, now: Timestamp) -> Vec<ApiKey>;
        fn touch(id: &'a ApiKeyId, used_at: Timestamp) -> ();
        fn remove(id: &'a ApiKeyId, owner: Option<&'a str>) -> bool;
    }
}
