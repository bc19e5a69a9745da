//! Mandates: authority that was delegated to a program, as Caracal issues it.
//!
//! A mandate is a signed token that says who acts ([`client_id`](Principal::client_id)), for whom
//! ([`subject`](Principal::subject)), what it may do (scopes and targets), and through whose hands
//! that authority has come (its delegation chain). A service that is called with mandates builds
//! its provider with [`MandateAuth`](crate::MandateAuth); guards, groups, path rules, extractors
//! and audits are those of every other provider.
//!
//! What ends a mandate before it expires is kept in an
//! [`AnchorStore`](crate::store::AnchorStore): its anchors, by which it can be revoked, and the
//! delegation epoch of its zone.
//!
//! # In which order a mandate is judged
//! 1. Its form, signature, issuer, audience, times, zone and claims: 401.
//! 2. What the route demands of its claims: use (401), scopes, agent session, delegation, chain,
//!    hops, targets (403).
//! 3. Its anchors and the delegation epoch of its zone: 401; 503 if the store fails or is late.
//! 4. Its user: 401 if there is none, or an inactive one; 503 if the loader fails.
//! 5. Whether it has expired meanwhile, with the same leeway as before: 401.
//! 6. The rest of what the route demands, such as roles of the user: 403.
//! 7. Where each mandate is good once ([`single_use`](crate::MandateAuthBuilder::single_use)):
//!    whether it was used before: 401.

mod anchors;
#[cfg(feature = "caracal-audit")]
pub mod audit;
mod principal;

pub use crate::trace_context::TraceContext;
pub(crate) use anchors::{anchors, spending_id};
pub(crate) use principal::{ByPrincipal, Principals};
pub use principal::{FoundForPrincipal, Principal, PrincipalLoader};
