#![cfg_attr(docsrs, feature(doc_cfg))]
// The names that the front page links, before the addresses that they have elsewhere: the first definition counts.
#![doc = include_str!("links.md")]
#![cfg_attr(all(feature = "actix", feature = "axum", feature = "poem"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "actix", feature = "axum", feature = "poem")),
    doc = "The test kit of fauth. Its front page, with examples, is shown with all features."
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::exhaustive_structs,
    clippy::must_use_candidate,
    clippy::match_same_arms,
    reason = "this crate is test code: its failures are meant to be panics"
)]

pub mod access;
mod auth;
mod client;
mod clock;
mod direct;
mod events;
mod faulty_store;
#[cfg(feature = "trusted-issuers")]
mod foreign_issuer;
mod headers;
mod log;
mod mailbox;
#[cfg(feature = "mandates")]
mod mandate_issuer;
mod mint;
pub mod openapi;
#[cfg(feature = "trusted-issuers")]
mod published_keys;
#[cfg(feature = "sockets")]
pub mod sockets;
pub mod store_suite;
pub mod suite;
mod users;
mod wire;

#[cfg(feature = "actix")]
pub use client::actix::Actix;
#[cfg(feature = "axum")]
pub use client::axum::Axum;
#[cfg(feature = "poem")]
pub use client::poem::Poem;
pub use {
    access::RequestBody,
    auth::{
        ApiKeyFor, AsSubject, LoginAs, SharedUser, Subject, TestAuth, TestAuthBuilder, TestToken, TestUsers,
        TokenFor,
    },
    client::TestClient,
    events::{RecordedEvent, RecordedEvents},
    fauth_core,
    headers::RequestHeaders,
    mailbox::{CapturedMail, Mailbox},
};

pub use clock::ManualClock;
pub use direct::Direct;
pub use faulty_store::{Fault, FaultyStore};
#[cfg(feature = "trusted-issuers")]
pub use foreign_issuer::{FOREIGN_AUDIENCE, ForeignIssuer, ForeignToken};
pub use log::{Log, Logged};
#[cfg(feature = "mandates")]
pub use mandate_issuer::{MANDATE_AUDIENCE, MandateIssuer};
pub use mint::{SECRET, one_time_token, sign, sign_with};
#[cfg(feature = "trusted-issuers")]
pub use published_keys::PublishedKeys;
pub use users::{Role, TestUser, Users};
pub use wire::{WireRequest, WireResponse};

use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, AuthProviderBuilder, MemoryStore,
    clock::Timestamp,
    password::{PasswordConfig, PasswordHasher},
};

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
///
/// Tests try passwords as often as they like: without a login throttle, unless they ask for one.
/// Tests build many providers of one secret and one application, in one process: that is said here.
pub fn provider_without_store(config: AuthConfig, users: &Users) -> AuthProviderBuilder<TestUser> {
    AuthProvider::builder(config)
        .danger_share_application()
        .danger_without_login_throttle()
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .password(weak_passwords())
        .clock(ManualClock::new())
}

/// A store that remembers for ever: tests mint tokens of any age.
pub fn memory_store() -> MemoryStore {
    MemoryStore::builder().remembers_since(Timestamp::from_unix_seconds(0)).build()
}

/// The default settings with the [`SECRET`], of the application `default`.
pub fn config() -> AuthConfig {
    config_builder().build().unwrap()
}

/// The settings of [`config`], for more of them.
pub fn config_builder() -> AuthConfigBuilder {
    AuthConfig::builder().application("default").secret(SECRET)
}

/// A scheme that takes microseconds. The hashes of the fake users are of it.
pub fn weak_passwords() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(8, 1, 1)
}

/// A hash of this password by the [weak scheme](weak_passwords), for a user of a test.
///
/// # Panics
/// If the password is none that a hasher takes, such as an empty one.
pub async fn weak_hash(password: &str) -> String {
    let hasher = PasswordHasher::new(weak_passwords()).unwrap();
    hasher.hash(password).await.unwrap_or_else(|error| panic!("the password cannot be hashed: {error}"))
}

/// The output of a future that does not wait, such as issuing a token with a local key, for tests
/// that are not asynchronous themselves.
///
/// # Panics
/// If the future is not ready at once.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future waits for something"),
    }
}
