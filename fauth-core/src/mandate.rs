//! Mandates: authority delegated to a program, as Caracal issues it.
//!
//! A mandate is a signed token. It names the actor ([`client_id`](Principal::client_id)), the
//! subject that the actor acts for ([`subject`](Principal::subject)), what the actor may do (scopes
//! and targets), and the delegation chain through which the authority was passed on. A service that
//! receives mandates builds its provider with [`MandateAuth`](crate::MandateAuth); guards, groups,
//! path rules, extractors and audits work as with every other provider.
//!
//! An [`AnchorStore`](crate::store::AnchorStore) holds what ends a mandate before it expires:
//! revoked anchors (the ids by which a mandate can be revoked), and the delegation epoch of each
//! zone.
//!
//! # How a mandate is checked
//! The checks run in this order:
//! 1. Its form, signature, issuer, audience, times, zone and claims: 401.
//! 2. What the route requires of its claims: use (401); scopes, agent session, delegation, chain,
//!    hops and targets (403).
//! 3. Its anchors and the delegation epoch of its zone: 401; 503 if the store fails or times out.
//! 4. Its user: 401 if there is none or the user is inactive; 503 if the loader fails.
//! 5. Whether it has expired in the meantime, with the same leeway as before: 401.
//! 6. The other requirements of the route, such as roles of the user: 403.
//! 7. For a mandate that may be used only once
//!    ([`single_use`](crate::MandateAuthBuilder::single_use)): whether it was used before: 401.

mod anchors;
#[cfg(feature = "caracal-audit")]
pub mod audit;
mod principal;

pub use crate::trace_context::TraceContext;
pub(crate) use anchors::{anchors, spending_id};
pub(crate) use principal::{ByPrincipal, Principals};
pub use principal::{FoundForPrincipal, Principal, PrincipalLoader};
