#![cfg_attr(docsrs, feature(doc_cfg))]
// Links for the names on the front page. They come before the README's own, because the first
// definition of a link counts.
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

/// Returns a builder with the [`SECRET`], a [`ManualClock`], sessions and revocations in memory,
/// fake [`Users`] and a fast, weak password scheme.
pub fn provider() -> AuthProviderBuilder<TestUser> {
    provider_with(config(), &Users::new())
}

/// Like [`provider`], with these settings and users.
pub fn provider_with(config: AuthConfig, users: &Users) -> AuthProviderBuilder<TestUser> {
    let store = memory_store();
    provider_without_store(config, users).session_store(store.clone()).revocation_store(store)
}

/// Like [`provider_with`], without a store.
///
/// There is no login throttle unless a test sets one, so that tests can try many passwords. Several
/// providers in one process may share the secret and the application name.
pub fn provider_without_store(config: AuthConfig, users: &Users) -> AuthProviderBuilder<TestUser> {
    AuthProvider::builder(config)
        .danger_share_application()
        .danger_without_login_throttle()
        .user_loader(users.user_loader())
        .identity_loader(users.identity_loader())
        .password(weak_passwords())
        .clock(ManualClock::new())
}

/// Returns a store that never forgets, so that tests can mint tokens of any age.
pub fn memory_store() -> MemoryStore {
    MemoryStore::builder().remembers_since(Timestamp::from_unix_seconds(0)).build()
}

/// Returns the default settings with the [`SECRET`] and the application `default`.
pub fn config() -> AuthConfig {
    config_builder().build().unwrap()
}

/// Returns the builder of [`config`], for further settings.
pub fn config_builder() -> AuthConfigBuilder {
    AuthConfig::builder().application("default").secret(SECRET)
}

/// Returns a scheme that takes microseconds. The hashes of the fake users use it.
pub fn weak_passwords() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(8, 1, 1)
}

/// Hashes a password with the [weak scheme](weak_passwords), for a user of a test.
///
/// # Panics
/// If a hasher refuses the password, such as an empty one.
pub async fn weak_hash(password: &str) -> String {
    let hasher = PasswordHasher::new(weak_passwords()).unwrap();
    hasher.hash(password).await.unwrap_or_else(|error| panic!("the password cannot be hashed: {error}"))
}

/// Returns the output of a future that does not wait, such as issuing a token with a local key, for
/// tests that are not asynchronous.
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
