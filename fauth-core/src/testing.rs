//! For tests: users, a clock that stands still, tokens of every kind, the conformance suite and the store suite.
//!
//! Behind the feature `testing`, and outside semver: what is in here may change in any release.
//!
//! An application's own tests start with [`provider`] and its fake users, or with a builder of their own and a [`ManualClock`]:
//!
//! ```
//! use fauth_core::{Purpose, Timestamp, testing::{self, ManualClock}};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let auth = testing::provider().clock(clock.clone()).build()?;
//! let token = auth.issue(Purpose::Access, "alice")?;
//!
//! assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_ok());
//! clock.advance(Duration::from_secs(15 * 60));
//! assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An adapter for another framework implements [`suite::Harness`] and calls [`conformance!`](crate::conformance). A storage backend of your own
//! implements [`store_suite::StoreHarness`] and calls [`store_suite!`](crate::store_suite!).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::exhaustive_structs,
    clippy::must_use_candidate,
    clippy::match_same_arms,
    reason = "this module is test code: its failures are meant to be panics"
)]

mod clock;
mod direct;
mod keeper;
mod mint;
pub mod store_suite;
pub mod suite;
mod users;
mod wire;

pub use clock::ManualClock;
pub use direct::Direct;
pub use keeper::FakeKeeper;
pub use mint::{SECRET, sign, sign_with};
pub use users::{Role, TestUser, Users};
pub use wire::{WireRequest, WireResponse};

use crate::{AuthConfig, AuthProvider, AuthProviderBuilder, MemoryStore, PasswordConfig, Timestamp};

/// A builder with the [`SECRET`], a [`ManualClock`], sessions and revocations in memory, fake [`Users`] and a password scheme that is quick and weak.
pub fn provider() -> AuthProviderBuilder<TestUser> {
    provider_with(config(), &Users::new())
}

/// As [`provider`], with settings and users of the test's own.
pub fn provider_with(config: AuthConfig, users: &Users) -> AuthProviderBuilder<TestUser> {
    let store = memory_store();
    provider_without_store(config, users).session_store(store.clone()).revocation_store(store)
}

/// As [`provider_with`], without a store.
pub fn provider_without_store(config: AuthConfig, users: &Users) -> AuthProviderBuilder<TestUser> {
    AuthProvider::builder(config)
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .password(weak_passwords())
        .clock(ManualClock::new())
}

/// A store that remembers for ever: tests mint tokens of any age.
pub fn memory_store() -> MemoryStore {
    MemoryStore::builder().remembers_since(Timestamp::from_unix_seconds(0)).build()
}

/// The default settings with the [`SECRET`].
pub fn config() -> AuthConfig {
    AuthConfig::builder().secret(SECRET).build().unwrap()
}

/// A scheme that takes microseconds. The hashes of the fake users are of it.
pub fn weak_passwords() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(8, 1, 1)
}
