//! Implementations of the storage traits for `Arc<S>`, so that a store can be chosen at run time.
//!
//! `async fn` in these impls would box the already boxed future once more, on the path of every
//! guarded request. They are therefore written as `async_trait` expands the traits, and pass the
//! inner future on.

use std::{pin::Pin, sync::Arc, time::Duration};

#[cfg(feature = "mandates")]
use super::{AnchorState, AnchorStore};
use super::{
    ApiKey, ApiKeyId, ApiKeyStore, Changes, CounterKey, EndedSession, LimitStore, LimitWindow, LoadedSession,
    NewSession, OneTimeRecord, OneTimeStore, Owner, PayloadChange, PayloadOutcome, RevocationStore,
    RevocationTarget, Rotation, RotationOutcome, SecretHash, Session, SessionId, SessionStore, StoreError,
    StoreLocation, StoredApiKey, Taken, ThrottleKey, ThrottleRecord, ThrottleStore, TokenFacts, Verdict,
};
use crate::{clock::Timestamp, token::Purpose};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

macro_rules! shared {
    ($($store:ident [$($own:tt)*] { $(fn $name:ident[$($life:lifetime)*]($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(
            impl<S: $store + ?Sized> $store for Arc<S> {
                fn location(&self) -> StoreLocation {
                    (**self).location()
                }

                $($own)*

                $(
                    fn $name<'this, $($life,)* 'async_trait>(
                        &'this self,
                        $($argument: $type),*
                    ) -> Answer<'async_trait, $answer>
                    where
                        'this: 'async_trait,
                        $($life: 'async_trait,)*
                    {
                        (**self).$name($($argument),*)
                    }
                )*
            }
        )*
    };
}

shared! {
    SessionStore [
        fn throttles(self: Arc<Self>) -> Option<Arc<dyn ThrottleStore>> {
            Arc::clone(&*self).throttles()
        }
    ] {
        fn open[](new: NewSession, now: Timestamp) -> Vec<EndedSession>;
        fn find['a 'b 'c](owner: &'a Owner<'b>, id: &'c SessionId, now: Timestamp) -> Option<Session>;
        fn rotate['a 'b 'c](owner: &'a Owner<'b>, rotation: &'c Rotation, now: Timestamp) -> RotationOutcome;
        fn end['a 'b 'c](owner: &'a Owner<'b>, id: &'c SessionId, now: Timestamp) -> Option<Session>;
        fn end_all['a 'b 'c](owner: &'a Owner<'b>, keep: Option<&'c SessionId>, now: Timestamp) -> Vec<EndedSession>;
        fn forget['a 'b](owner: &'a Owner<'b>, now: Timestamp) -> Vec<EndedSession>;
        fn load['a 'b 'c](owner: &'a Owner<'b>, id: &'c SessionId, now: Timestamp) -> Option<LoadedSession>;
        fn prolong['a 'b 'c](owner: &'a Owner<'b>, id: &'c SessionId, now: Timestamp) -> Option<Session>;
        fn change_payload['a 'b 'c 'd](
            owner: &'a Owner<'b>, id: &'c SessionId, change: &'d PayloadChange, now: Timestamp
        ) -> PayloadOutcome;
        fn list['a 'b](owner: &'a Owner<'b>, now: Timestamp) -> Vec<Session>;
    }
    RevocationStore [
        fn changes(&self) -> Option<Changes> {
            (**self).changes()
        }
    ] {
        fn revoke['a 'b 'c 'd](
            owner: &'a Owner<'b>, targets: &'c [RevocationTarget<'d>], limit: Option<usize>, now: Timestamp,
            until: Timestamp
        ) -> bool;
        fn check['a 'b](token: &'a TokenFacts<'b>, now: Timestamp) -> Verdict;
        fn check_all['a 'b](tokens: &'a [TokenFacts<'b>], now: Timestamp) -> Vec<Verdict>;
        fn epoch['a 'b](owner: &'a Owner<'b>, now: Timestamp) -> u64;
        fn raise_epoch['a 'b](owner: &'a Owner<'b>, now: Timestamp, until: Timestamp) -> u64;
        fn forget['a 'b](owner: &'a Owner<'b>, now: Timestamp, until: Timestamp) -> u64;
    }
    OneTimeStore [] {
        fn insert[](record: OneTimeRecord, limit: usize, now: Timestamp) -> ();
        fn insert_if_room[](record: OneTimeRecord, limit: usize, now: Timestamp) -> bool;
        fn redeem['a 'b 'c](
            owner: &'a Owner<'b>, hash: &'c SecretHash, purpose: Purpose, now: Timestamp
        ) -> Option<OneTimeRecord>;
        fn withdraw['a 'b](owner: &'a Owner<'b>, purpose: Option<Purpose>, now: Timestamp) -> usize;
    }
    ApiKeyStore [] {
        fn insert[](key: StoredApiKey, limit: usize, now: Timestamp) -> bool;
        fn find['a](id: &'a ApiKeyId, now: Timestamp) -> Option<StoredApiKey>;
        fn list['a 'b](owner: &'a Owner<'b>, now: Timestamp) -> Vec<ApiKey>;
        fn touch['a 'b 'c](owner: &'a Owner<'b>, id: &'c ApiKeyId, used_at: Timestamp) -> ();
        fn remove['a 'b 'c](owner: &'a Owner<'b>, id: &'c ApiKeyId) -> bool;
        fn forget['a 'b](owner: &'a Owner<'b>, now: Timestamp) -> ();
    }
    ThrottleStore [] {
        fn counter['a](key: &'a ThrottleKey, now: Timestamp) -> Option<Vec<u8>>;
        fn replace_counter['a 'b 'c](
            key: &'a ThrottleKey, before: Option<&'b [u8]>, after: &'c ThrottleRecord, now: Timestamp
        ) -> bool;
        fn remove_counter['a](key: &'a ThrottleKey, now: Timestamp) -> bool;
    }
    LimitStore [] {
        fn take['a 'b 'c](key: &'a CounterKey<'b>, windows: &'c [LimitWindow], now: Duration) -> Taken;
    }
}

#[cfg(feature = "mandates")]
shared! {
    AnchorStore [
        fn changes(&self) -> Option<Changes> {
            (**self).changes()
        }
    ] {
        fn check['a 'b 'c](zone: &'a str, anchors: &'b [&'c str]) -> AnchorState;
        fn revoke['a 'b](anchors: &'a [&'b str], lasting: Duration) -> ();
        fn raise_epoch['a](zone: &'a str, epoch: u64, lasting: Duration) -> u64;
        fn spend['a](id: &'a str, lasting: Duration) -> bool;
    }
}
