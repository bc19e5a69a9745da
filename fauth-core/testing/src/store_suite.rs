//! The store suite: the same named cases for every storage backend.
//!
//! A backend's tests implement [`StoreHarness`] and call [`store_suite!`](crate::store_suite!), which expands to one `#[test]` for each case, and
//! [`store_race!`](crate::store_race!), which expands to one long race. Each case runs on a runtime of its own with two threads, so that its races
//! are real.
//!
//! ```
//! use fauth_core::store::MemoryStore;
//! use fauth_testing::store_suite::StoreHarness;
//!
//! struct Memory;
//!
//! impl StoreHarness for Memory {
//!     type Store = MemoryStore;
//!
//!     async fn open() -> MemoryStore {
//!         MemoryStore::new()
//!     }
//!
//!     async fn again(store: &MemoryStore) -> MemoryStore {
//!         store.clone()
//!     }
//! }
//!
//! mod everything {
//!     use super::Memory;
//!     fauth_testing::store_suite!(Memory);
//!     fauth_testing::store_race!(Memory);
//! }
//! // A backend that is not a whole `Store` names its parts.
//! mod a_part_of_it {
//!     use super::Memory;
//!     fauth_testing::store_suite!(Memory: sessions, one_times);
//! }
//! # fn main() {}
//! ```
//!
//! The time of all cases is [`NOW`] and around; no case waits for time to pass.

pub mod api_keys;
pub mod ending;
pub mod one_times;
pub mod races;
pub mod revocations;
pub mod rotation;
mod samples;
pub mod sessions;

use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

use fauth_core::Timestamp;

use super::ManualClock;

/// A backend under test.
pub trait StoreHarness {
    /// The store. It implements [`Store`](fauth_core::store::Store), or the traits of the parts that the suite is called with.
    type Store: Send + Sync + 'static;

    /// Does a fresh store answer [`BeforeMemory`](fauth_core::store::Verdict::BeforeMemory) for a token that was issued before the first call that it
    /// got? Default: yes. Set it to `false` for a store that never begins empty, or that learns elsewhere since when it remembers.
    const REMEMBERS_FROM_FIRST_CALL: bool = true;

    /// A fresh and empty store that no other case sees: with a database, prefix or namespace of its own.
    fn open() -> impl Future<Output = Self::Store>;

    /// A second instance on the data of the first, as another process would have it.
    fn again(store: &Self::Store) -> impl Future<Output = Self::Store>;
}

/// The present of all cases.
pub const NOW: Timestamp = ManualClock::START;

/// The store of one case.
pub struct Bench<H: StoreHarness> {
    /// The store.
    pub store: Arc<H::Store>,
    harness: PhantomData<H>,
}

impl<H: StoreHarness> fmt::Debug for Bench<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bench")
    }
}

impl<H: StoreHarness> Bench<H> {
    /// A second instance on the same data.
    pub async fn again(&self) -> Arc<H::Store> {
        Arc::new(H::again(&self.store).await)
    }

    /// The store and a second instance, in turn, as often as is asked for.
    pub async fn instances(&self, count: usize) -> Vec<Arc<H::Store>> {
        let pair = [Arc::clone(&self.store), self.again().await];
        pair.iter().cycle().take(count).cloned().collect()
    }
}

/// Runs a case on a fresh store.
pub fn run<H: StoreHarness>(case: impl AsyncFnOnce(Bench<H>)) {
    run_on(2, case);
}

/// Runs a case on a fresh store, with so many threads.
fn run_on<H: StoreHarness>(threads: usize, case: impl AsyncFnOnce(Bench<H>)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build().unwrap();
    runtime.block_on(async {
        case(Bench { store: Arc::new(H::open().await), harness: PhantomData }).await;
    });
}

/// Defines the cases of one group, and the macro that makes tests of them. `$` is handed in because a macro that writes a macro cannot write it.
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

/// Expands to one `#[test]` for each case of the [store suite](crate::store_suite), for the given
/// [`StoreHarness`](crate::store_suite::StoreHarness).
///
/// `store_suite!(Harness)` takes all parts; `store_suite!(Harness: sessions, revocations, one_times, api_keys)` those that are named.
#[macro_export]
macro_rules! store_suite {
    ($harness:ty) => {
        $crate::store_suite!($harness: sessions, revocations, one_times, api_keys);
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
        mod ending {
            use super::*;
            $crate::__store_ending_tests!($harness);
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
    };
    (@one_times $harness:ty) => {
        mod one_times {
            use super::*;
            $crate::__store_one_times_tests!($harness);
        }
    };
    (@api_keys $harness:ty) => {
        mod api_keys {
            use super::*;
            $crate::__store_api_keys_tests!($harness);
        }
    };
    ($harness:ty: $($part:ident),+ $(,)?) => {
        $($crate::store_suite!(@$part $harness);)+
    };
}

/// Expands to the one `#[test]` that takes long: a [race](crate::store_suite::races::race) of 1 000 rounds, for the given
/// [`StoreHarness`](crate::store_suite::StoreHarness).
#[macro_export]
macro_rules! store_race {
    ($harness:ty) => {
        #[::core::prelude::v1::test]
        fn race_of_1000_rounds() {
            $crate::store_suite::races::race::<$harness>(1000);
        }
    };
}
