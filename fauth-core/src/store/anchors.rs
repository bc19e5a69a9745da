//! What invalidates a mandate before it expires: revoked anchors, the delegation epoch of its zone,
//! and previous use.

use std::time::Duration;

use async_trait::async_trait;

use super::{Changes, StoreError, StoreLocation};

/// How long an anchor stays revoked and an epoch is kept by default: 24 hours and 10 minutes. The
/// default lifetime of a mandate is 24 hours, and clocks differ by some minutes; a revocation must
/// not be dropped while a mandate that it applies to is valid.
pub const DEFAULT_ANCHOR_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60 + 10 * 60);

/// The maximum lifetime of an entry: a hundred years.
const MAX_ANCHOR_LIFETIME: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// The maximum length of an anchor, zone or mandate id, in bytes. No claim of a mandate is longer
/// than 255 bytes.
const MAX_ANCHOR_BYTES: usize = 1024;

/// What an [`AnchorStore`] knows about a mandate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnchorState {
    /// Whether one of the mandate's anchors is revoked.
    pub is_revoked: bool,
    /// The delegation epoch of the mandate's zone; 0 if there is none.
    pub epoch: u64,
}

impl AnchorState {
    /// Creates the state that a store returns.
    #[must_use]
    pub const fn new(is_revoked: bool, epoch: u64) -> Self {
        Self { is_revoked, epoch }
    }
}

/// A store of what invalidates mandates before they expire.
///
/// An anchor is a text that mandates carry: the id of the authority record, the agent session or
/// the delegation on which they are based. Once an anchor is revoked, every mandate that carries it
/// is refused. A delegation epoch is a number for each zone that only rises; a delegated mandate of
/// an earlier epoch is refused.
///
/// A store expires entries by its own clock, after at least the requested time, which it computes
/// with [`anchor_lifetime`].
///
/// The store test suite that the crate `fauth-testing` exports checks these rules.
///
/// # Security
/// - Each method is one atomic step for each entry, also across machines.
/// - An entry stays revoked for the longest time that was ever requested: no call shortens another
///   one's time.
/// - A bounded store that is full refuses new entries, and drops none before its time.
#[async_trait]
pub trait AnchorStore: Send + Sync + 'static {
    /// Where the store keeps its data. [Unknown](StoreLocation::unknown) by default. A store in the
    /// memory of one process is for development, and the provider logs a warning about it.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Returns whether one of these anchors is revoked, and the delegation epoch of the zone, in
    /// one round trip. Empty anchors are skipped.
    ///
    /// # Errors
    /// [`StoreError`] if either is unknown. The mandate is then refused with 503.
    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError>;

    /// Revokes anchors for the given time. An anchor that is already revoked stays so for the
    /// longer of the two times. Empty anchors are skipped.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all anchors are revoked, and in the cases that
    /// [`anchor_lifetime`] and [`check_anchor`] name.
    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError>;

    /// Raises the delegation epoch of a zone, for the given time, and returns the epoch that is now
    /// in force: this one, or a higher one that was already set. It is kept for the longer of the
    /// two times, since a higher epoch stands in for the lower one that was requested.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown which epoch is in force, and in the cases that
    /// [`anchor_lifetime`] and [`check_anchor`] name.
    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError>;

    /// Records the id of a mandate as used, for the given time. Returns `false` if it was recorded
    /// before: of any number of concurrent calls, exactly one returns `true`.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether the id was recorded, and in the cases that
    /// [`anchor_lifetime`] and [`check_anchor`] name.
    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError>;

    /// Subscribes to changes as they happen. A revoked anchor is announced with the anchor's bytes,
    /// a raised epoch with those of its zone. `None` by default: the store does not learn of
    /// changes and is polled at intervals.
    fn changes(&self) -> Option<Changes> {
        None
    }
}

/// How long a store keeps an entry of this lifetime: whole milliseconds, rounded up, at most a
/// hundred years. All stores compute it with this function.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::store::anchor_lifetime;
///
/// assert_eq!(anchor_lifetime(Duration::from_nanos(1))?, Duration::from_millis(1));
/// assert!(anchor_lifetime(Duration::ZERO).is_err());
/// # Ok::<(), fauth_core::store::StoreError>(())
/// ```
///
/// # Errors
/// [`StoreError`] for zero: an entry that ends at once would revoke nothing, which the caller
/// cannot have intended.
pub fn anchor_lifetime(lasting: Duration) -> Result<Duration, StoreError> {
    if lasting.is_zero() {
        return Err(StoreError::new(
            "an entry with a lifetime of zero would revoke nothing: use a lifetime above zero",
        ));
    }
    let capped = lasting.min(MAX_ANCHOR_LIFETIME);
    let millis = capped.as_nanos().div_ceil(1_000_000);
    Ok(u64::try_from(millis).map_or(capped, Duration::from_millis))
}

/// Checks that a store can keep an entry with this name: an anchor, a zone or the id of a mandate.
///
/// # Errors
/// [`StoreError`] if the name is longer than 1024 bytes. No claim of a mandate is.
pub fn check_anchor(name: &str) -> Result<(), StoreError> {
    if name.len() > MAX_ANCHOR_BYTES {
        return Err(StoreError::new(format!(
            "the anchor, zone or id has {} bytes: use at most {MAX_ANCHOR_BYTES}",
            name.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_rounded_up_and_bounded() {
        let of = |lasting| anchor_lifetime(lasting).unwrap();
        assert_eq!(of(Duration::from_secs(60)), Duration::from_secs(60));
        assert_eq!(of(Duration::from_micros(1500)), Duration::from_millis(2));
        assert_eq!(of(Duration::MAX), MAX_ANCHOR_LIFETIME);
        assert!(anchor_lifetime(Duration::ZERO).is_err());
    }

    #[test]
    fn names_are_bounded() {
        assert!(check_anchor(&"x".repeat(MAX_ANCHOR_BYTES)).is_ok());
        assert!(check_anchor(&"x".repeat(MAX_ANCHOR_BYTES + 1)).is_err());
    }
}
