//! An issuer that rotates its keys, and three services that trust it: one on axum, one on
//! actix-web, one on poem. They share no secret. The issuer signs with ES256 and publishes its
//! public keys. Each service fetches these, keeps them fresh, and makes its users from the claims
//! of tokens.
//!
//! One command starts all four on free ports of this machine, and clients that send requests as
//! fast as the services answer, with tokens that live for a few seconds:
//!
//! ```sh
//! cargo run -p resource-server -- --seconds 20
//! ```
//!
//! ```text
//! the issuer is http://127.0.0.1:36399
//! on axum      the service is http://127.0.0.1:35899/orders
//! on actix-web the service is http://127.0.0.1:36015/orders
//! on poem      the service is http://127.0.0.1:39021/orders
//!   0 s: 3ZbVZjle signs, pWq1eb3v is published and will; 2 keys verify
//!   4 s: pWq1eb3v signs, UNwDgq44 is published and will; 3 keys verify
//!   8 s: UNwDgq44 signs, MdXSRuYp is published and will; 4 keys verify
//!  12 s: MdXSRuYp signs, EVD0dGHW is published and will; 5 keys verify
//!  16 s: EVD0dGHW signs, 75nJMLve is published and will; 6 keys verify
//!  20 s: 75nJMLve signs, p8QXSmka is published and will; 7 keys verify
//! 44356 requests (actix-web 13767, axum 15246, poem 15343) with tokens of 6 keys: 0 refused, 0 failed
//! ```
//!
//! | file | shows |
//! |---|---|
//! | `issuer.rs` | tokens signed by a [`KeyRing`](fauth_core::token::KeyRing), the ready-made endpoints with `/.well-known/jwks.json`, and the discovery document |
//! | `service.rs` | the provider of a service that trusts the issuer: common to the three |
//! | `service/on_axum.rs`, `on_actix.rs`, `on_poem.rs` | its routes on each framework; `diff` shows the framework and nothing else |
//! | `load.rs` | clients, which log in, send requests, and refresh |
//! | `tests/rotation.rs` | what the command shows, a revoked key, and an issuer that is down |
//!
//! The times are short so that there is something to see. In a real service, keep the defaults:
//! public keys are cached for five minutes, a new key signs after ten, and an old one verifies for
//! as long as its tokens live.

mod issuer;
mod load;
pub mod service;
mod timing;

pub use issuer::Issuer;
pub use load::{Client, Tally, load};
pub use timing::Timing;

/// The audience of the tokens: the issuer's name for the three services.
pub const AUDIENCE: &str = "https://orders.example.com";
