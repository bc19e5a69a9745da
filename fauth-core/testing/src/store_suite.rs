//! The store suite: the same named cases for every storage backend.
//!
//! The tests of a backend implement [`StoreHarness`] and call
//! [`store_suite!`](crate::store_suite!), which expands to one `#[test]` for each case, and
//! [`store_race!`](crate::store_race!), which expands to one long race. Each case runs on its own
//! runtime with two threads, so that its races are real.
//!
//! ```
//! use fauth_core::MemoryStore;
//! use fauth_testing::{ManualClock, store_suite::StoreHarness};
//!
//! struct Memory;
//!
//! impl StoreHarness for Memory {
//!     type Store = MemoryStore;
//!
//!     async fn open() -> MemoryStore {
//!         MemoryStore::builder().clock(ManualClock::new()).build()
//!     }
//!
//!     async fn again(store: &MemoryStore) -> MemoryStore {
//!         store.clone()
//!     }
//! }
//!
//! fauth_testing::store_suite!(Memory);
//! fauth_testing::store_race!(Memory);
//! # fn main() {}
//! ```
//!
//! The time in all cases is [`NOW`] or close to it. Cases do not wait for time to pass, except for
//! stores that have a clock of their own.
//!
//! # Testing a part of a store
//! A backend that implements only some of the storage traits names the parts of the suite. This one
//! keeps one-time tokens in a list:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use fauth_core::{
//!     Purpose, async_trait,
//!     clock::Timestamp,
//!     store::{OneTimeRecord, OneTimeStore, Owner, SecretHash, StoreError},
//! };
//! use fauth_testing::store_suite::StoreHarness;
//!
//! #[derive(Clone, Default)]
//! struct Tokens(Arc<Mutex<Vec<OneTimeRecord>>>);
//!
//! #[async_trait]
//! impl OneTimeStore for Tokens {
//!     async fn insert(
//!         &self,
//!         new: OneTimeRecord,
//!         limit: usize,
//!         now: Timestamp,
//!     ) -> Result<(), StoreError> {
//!         let mut tokens = self.0.lock().unwrap();
//!         if tokens.iter().any(|token| token.owner == new.owner && token.hash == new.hash) {
//!             return Err(StoreError::new("the owner has a token of this hash already"));
//!         }
//!         tokens.retain(|token| now < token.expires_at);
//!         // Beyond the limit, what expires first is dropped.
//!         tokens.sort_by_key(|token| token.expires_at);
//!         let is_rival =
//!             |token: &OneTimeRecord| token.owner == new.owner && token.purpose == new.purpose;
//!         while tokens.iter().filter(|token| is_rival(token)).count() >= limit {
//!             let first = tokens.iter().position(is_rival).unwrap();
//!             tokens.remove(first);
//!         }
//!         tokens.push(new);
//!         Ok(())
//!     }
//!
//!     async fn insert_if_room(
//!         &self,
//!         new: OneTimeRecord,
//!         limit: usize,
//!         now: Timestamp,
//!     ) -> Result<bool, StoreError> {
//!         let mut tokens = self.0.lock().unwrap();
//!         if tokens.iter().any(|token| token.owner == new.owner && token.hash == new.hash) {
//!             return Err(StoreError::new("the owner has a token of this hash already"));
//!         }
//!         tokens.retain(|token| now < token.expires_at);
//!         let is_rival =
//!             |token: &&OneTimeRecord| token.owner == new.owner && token.purpose == new.purpose;
//!         let has_room = tokens.iter().filter(is_rival).count() < limit;
//!         if has_room {
//!             tokens.push(new);
//!         }
//!         Ok(has_room)
//!     }
//!
//!     // `redeem` and `withdraw` likewise.
//! #     async fn redeem(
//! #         &self,
//! #         owner: &Owner<'_>,
//! #         hash: &SecretHash,
//! #         purpose: Purpose,
//! #         now: Timestamp,
//! #     ) -> Result<Option<OneTimeRecord>, StoreError> {
//! #         let mut tokens = self.0.lock().unwrap();
//! #         let is_meant = |token: &OneTimeRecord| {
//! #             let is_good = token.purpose == purpose && now < token.expires_at;
//! #             is_good && token.owner == *owner && token.hash == *hash
//! #         };
//! #         Ok(tokens.iter().position(is_meant).map(|index| tokens.remove(index)))
//! #     }
//! #
//! #     async fn withdraw(
//! #         &self,
//! #         owner: &Owner<'_>,
//! #         purpose: Option<Purpose>,
//! #         now: Timestamp,
//! #     ) -> Result<usize, StoreError> {
//! #         let is_meant = |token: &mut OneTimeRecord| {
//! #             token.owner == *owner && purpose.is_none_or(|purpose| purpose == token.purpose)
//! #         };
//! #         let mut tokens = self.0.lock().unwrap();
//! #         Ok(tokens.extract_if(.., is_meant).filter(|token| now < token.expires_at).count())
//! #     }
//! }
//!
//! struct ListOfTokens;
//!
//! impl StoreHarness for ListOfTokens {
//!     type Store = Tokens;
//!
//!     async fn open() -> Tokens {
//!         Tokens::default()
//!     }
//!
//!     async fn again(store: &Tokens) -> Tokens {
//!         store.clone()
//!     }
//! }
//!
//! fauth_testing::store_suite!(ListOfTokens: one_times);
//! # fn main() {}
//! ```

#[cfg(feature = "mandates")]
pub mod anchors;
pub mod api_key_owners;
pub mod api_keys;
pub mod changes;
pub mod ending;
pub mod limits;
pub mod one_time_owners;
pub mod one_times;
mod owners;
pub mod payloads;
pub mod races;
pub mod revocation_owners;
pub mod revocations;
pub mod rotation;
pub mod rotation_model;
mod samples;
pub mod session_owners;
pub mod sessions;
pub mod shares;
pub mod throttles;
pub mod token_ends;
pub mod trait_objects;

use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

use fauth_core::clock::Timestamp;

use super::ManualClock;

/// A backend under test.
pub trait StoreHarness {
    /// The type of the store. It implements [`Store`](fauth_core::store::Store), or the traits of
    /// the parts that are tested.
    type Store: Send + Sync + 'static;

    /// Whether a fresh store remembers since [`NOW`], so that it answers
    /// [`BeforeMemory`](fauth_core::store::Verdict::BeforeMemory) for a token issued earlier.
    /// Default: true; give the store a [`ManualClock`] that shows that time. Set it to `false` for
    /// a store that never starts empty.
    const REMEMBERS_SINCE_NOW: bool = true;

    /// Opens a fresh and empty store that no other case uses: with its own database, prefix or
    /// namespace.
    fn open() -> impl Future<Output = Self::Store>;

    /// Opens a second instance on the same data, like another process.
    fn again(store: &Self::Store) -> impl Future<Output = Self::Store>;
}

/// The current time in all cases.
pub const NOW: Timestamp = ManualClock::START;

/// The store of one case.
pub struct Bench<H: StoreHarness> {
    /// The store under test.
    pub store: Arc<H::Store>,
    harness: PhantomData<H>,
}

impl<H: StoreHarness> fmt::Debug for Bench<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bench")
    }
}

impl<H: StoreHarness> Bench<H> {
    /// Opens a second instance on the same data.
    pub async fn again(&self) -> Arc<H::Store> {
        Arc::new(H::again(&self.store).await)
    }

    /// Opens an unrelated store.
    pub async fn stranger(&self) -> Arc<H::Store> {
        Arc::new(H::open().await)
    }

    /// Returns the store and a second instance in turn, `count` in total.
    pub async fn instances(&self, count: usize) -> Vec<Arc<H::Store>> {
        let pair = [Arc::clone(&self.store), self.again().await];
        pair.iter().cycle().take(count).cloned().collect()
    }
}

/// Runs a case on a fresh store.
pub fn run<H: StoreHarness>(case: impl AsyncFnOnce(Bench<H>)) {
    run_on(2, case);
}

/// Runs a case on a fresh store, with this many threads.
fn run_on<H: StoreHarness>(threads: usize, case: impl AsyncFnOnce(Bench<H>)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build().unwrap();
    runtime.block_on(async {
        case(Bench { store: Arc::new(H::open().await), harness: PhantomData }).await;
    });
}

/// Defines the cases of one group, and the macro that turns them into tests. `$` is passed in
/// because a macro that writes a macro cannot write it.
macro_rules! store_cases {
    ($d:tt $tests:ident in $module:ident for $store:ident; $($(#[doc = $doc:literal])* async fn $name:ident($bench:ident) $body:block)*) => {
        $(
            $(#[doc = $doc])*
            #[allow(missing_docs, reason = "its name is a sentence that says what the case is")]
            pub fn $name<H: $crate::store_suite::StoreHarness<Store: fauth_core::store::$store>>() {
                $crate::store_suite::run::<H>(async |$bench: $crate::store_suite::Bench<H>| $body);
            }
        )*

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $tests {
            ($d harness:ty) => {
                $(
                    #[::core::prelude::v1::test]
                    fn $name() {
                        $crate::store_suite::$module::$name::<$d harness>();
                    }
                )*
            };
        }
    };
}
pub(crate) use store_cases;

/// Expands to one `#[test]` for each case of the [store suite](mod@crate::store_suite), for the
/// given [`StoreHarness`](crate::store_suite::StoreHarness).
///
/// `store_suite!(Harness)` tests all parts, for a whole [`Store`](fauth_core::store::Store).
/// `store_suite!(Harness: sessions, one_times)` tests the named parts: `sessions`, `revocations`,
/// `one_times`, `api_keys`, `throttles`, `limits` and, with the feature `mandates`, `anchors`. The
/// last three are not part of a `Store`.
#[macro_export]
macro_rules! store_suite {
    ($harness:ty) => {
        $crate::store_suite!($harness: sessions, revocations, one_times, api_keys);
        mod trait_objects {
            use super::*;
            $crate::__store_trait_objects_tests!($harness);
        }
    };
    (@sessions $harness:ty) => {
        mod sessions {
            use super::*;
            $crate::__store_sessions_tests!($harness);
        }
        mod rotation {
            use super::*;
            $crate::__store_rotation_tests!($harness);
        }
        mod rotation_model {
            use super::*;
            $crate::__store_rotation_model_tests!($harness);
        }
        mod ending {
            use super::*;
            $crate::__store_ending_tests!($harness);
        }
        mod session_owners {
            use super::*;
            $crate::__store_session_owners_tests!($harness);
        }
        mod payloads {
            use super::*;
            $crate::__store_payloads_tests!($harness);
        }
        mod token_ends {
            use super::*;
            $crate::__store_token_ends_tests!($harness);
        }
        mod races {
            use super::*;
            $crate::__store_races_tests!($harness);
        }
    };
    (@revocations $harness:ty) => {
        mod revocations {
            use super::*;
            $crate::__store_revocations_tests!($harness);
        }
        mod revocation_owners {
            use super::*;
            $crate::__store_revocation_owners_tests!($harness);
        }
        mod shares {
            use super::*;
            $crate::__store_shares_tests!($harness);
        }
        mod changes {
            use super::*;
            $crate::__store_changes_tests!($harness);
        }
    };
    (@one_times $harness:ty) => {
        mod one_times {
            use super::*;
            $crate::__store_one_times_tests!($harness);
        }
        mod one_time_owners {
            use super::*;
            $crate::__store_one_time_owners_tests!($harness);
        }
    };
    (@limits $harness:ty) => {
        mod limits {
            use super::*;
            $crate::__store_limits_tests!($harness);
        }
    };
    (@api_keys $harness:ty) => {
        mod api_keys {
            use super::*;
            $crate::__store_api_keys_tests!($harness);
        }
        mod api_key_owners {
            use super::*;
            $crate::__store_api_key_owners_tests!($harness);
        }
    };
    (@anchors $harness:ty) => {
        mod anchors {
            use super::*;
            $crate::__store_anchors_tests!($harness);
        }
    };
    (@throttles $harness:ty) => {
        mod throttles {
            use super::*;
            $crate::__store_throttles_tests!($harness);
        }
    };
    ($harness:ty: $($part:ident),+ $(,)?) => {
        $($crate::store_suite!(@$part $harness);)+
    };
}

/// Expands to one `#[test]` for each case of the store suite about an
/// [`AnchorStore`](fauth_core::store::AnchorStore): the same as `store_suite!(Harness: anchors)`.
#[cfg(feature = "mandates")]
#[macro_export]
macro_rules! anchor_store_suite {
    ($harness:ty) => {
        $crate::store_suite!($harness: anchors);
    };
}

/// Expands to the single long `#[test]`: a [race](crate::store_suite::races::race) of 1000 rounds,
/// for the given [`StoreHarness`](crate::store_suite::StoreHarness).
#[macro_export]
macro_rules! store_race {
    ($harness:ty) => {
        #[::core::prelude::v1::test]
        fn race_of_1000_rounds() {
            $crate::store_suite::races::race::<$harness>(1000);
        }
    };
}
