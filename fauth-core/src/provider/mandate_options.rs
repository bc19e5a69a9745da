//! Settings that a provider of mandates does not accept.

use crate::{error::ConfigError, store::AnchorStore};

/// A provider of mandates accepts nothing else, so other settings are mistakes.
pub(super) fn refuse_others(set: &[(&'static str, bool)]) -> Result<(), ConfigError> {
    let Some((field, _)) = set.iter().find(|(_, is_set)| *is_set) else { return Ok(()) };
    let (problem, fix) = match *field {
        "user_loader" | "foreign_user_loader" | "user_from_claims" => (
            "the users of mandates are found by their principals",
            "call `user_loader` of `MandateAuthBuilder` in its place",
        ),
        _ => (
            "a provider of mandates accepts nothing but mandates of one issuer",
            "build another provider for the rest, and guard its routes with that",
        ),
    };
    Err(ConfigError::new(field, problem, fix))
}

/// Other processes, and the next one on this machine, do not know the revocations of a memory
/// store.
pub(super) fn warn_of_memory(store: &dyn AnchorStore) {
    if !store.location().can_be_shared() {
        tracing::warn!(
            target: "fauth",
            event = "mandates_in_memory",
            "revoked mandates are kept in the memory of this process: other instances do not know of them, \
             and after a restart they are good again; this is for development, use `RedisAnchorStore` in \
             production"
        );
    }
}
