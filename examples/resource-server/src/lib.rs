//! An issuer that rotates its keys, and three services that trust it: one on axum, one on actix-web,
//! one on poem. They share no secret. The issuer signs with ES256 and publishes its public keys; each
//! service fetches these, keeps them fresh, and makes its users of what the tokens say.
//!
//! One command starts all four on free ports of this machine, and clients that ask the services as
//! fast as they answer, with tokens that live for a few seconds:
//!
//! ```sh
//! cargo run -p resource-server -- --seconds 20
//! ```
//!
//! ```text
//! OUTPUT
//! ```
//!
//! | file | shows |
//! |---|---|
//! | `issuer.rs` | tokens signed by a [`KeyRing`](fauth_core::token::KeyRing), the ready-made endpoints with `/.well-known/jwks.json`, and the discovery document |
//! | `service.rs` | the provider of a service that trusts the issuer: all that the three have in common |
//! | `service/on_axum.rs`, `on_actix.rs`, `on_poem.rs` | its routes on each framework; `diff` shows the framework and nothing else |
//! | `load.rs` | clients, which log in, ask, and refresh |
//! | `tests/rotation.rs` | what the command shows, a key that is taken back, and an issuer that is gone |
//!
//! The times are short so that there is something to see. Leave them at their defaults in a real
//! service: public keys that are cached for five minutes, a new key that signs after ten, and an old
//! one that verifies for as long as its tokens live.

mod issuer;
mod load;
pub mod service;
mod timing;

pub use issuer::Issuer;
pub use load::{Client, Tally, load};
pub use timing::Timing;

/// What the tokens are for: how the issuer calls the three services.
pub const AUDIENCE: &str = "https://orders.example.com";
