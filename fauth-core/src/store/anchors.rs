//! What ends a mandate before it expires: its revoked anchors, the delegation epoch of its zone,
//! and that it was used already.

use std::time::Duration;

use async_trait::async_trait;

use super::{Changes, StoreError, StoreLocation};

/// How long an anchor stays revoked, and an epoch remembered, where nothing else is said: 24 hours
/// and 10 minutes. A mandate lasts 24 hours where nothing else is said, and clocks differ by some
/// minutes: what is revoked must not be forgotten while a mandate of it is good.
pub const DEFAULT_ANCHOR_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60 + 10 * 60);

/// The longest time for which anything is kept: a hundred years.
const MAX_ANCHOR_LIFETIME: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// The longest anchor, zone or id of a mandate, in bytes. No claim of a mandate is longer than 255.
const MAX_ANCHOR_BYTES: usize = 1024;

/// What an [`AnchorStore`] knows of a mandate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnchorState {
    /// Whether one of its anchors is revoked.
    pub is_revoked: bool,
    /// The delegation epoch of its zone; 0 if there is none.
    pub epoch: u64,
}

impl AnchorState {
    /// The answer of a store.
    #[must_use]
    pub const fn new(is_revoked: bool, epoch: u64) -> Self {
        Self { is_revoked, epoch }
    }
}

/// Keeps what ends mandates before they expire.
///
/// An anchor is a text that mandates carry: the id of the authority record, the agent session or
/// the delegation that they rest on. Once it is revoked, every mandate with it is refused. A
/// delegation epoch is a number for each zone that only rises; a delegated mandate of an earlier
/// epoch is refused.
///
/// A store keeps entries by a clock of its own, for at least as long as it was told, and with
/// [`anchor_lifetime`] reads how long that is.
///
/// The exported store suite of the crate `fauth-testing` holds a store to what is said here.
///
/// # Security
/// - Each method is one atomic step for each entry, also between machines.
/// - Whatever is revoked stays so for the longest time that was ever asked for: no call shortens
///   another.
/// - A bounded store that is full refuses new entries, and forgets none before its time.
#[async_trait]
pub trait AnchorStore: Send + Sync + 'static {
    /// Where it keeps what it is given. By default [unknown](StoreLocation::unknown). A store in
    /// the memory of one process is for development, and the log says so.
    fn location(&self) -> StoreLocation {
        StoreLocation::unknown()
    }

    /// Is one of these anchors revoked, and which delegation epoch does the zone have? In one trip.
    /// Empty anchors are skipped.
    ///
    /// # Errors
    /// [`StoreError`] if one of the two is not known. The mandate is refused then, with 503.
    async fn check(&self, zone: &str, anchors: &[&str]) -> Result<AnchorState, StoreError>;

    /// Revokes anchors for so long. One that is revoked already stays so for the longer of both
    /// times. Empty anchors are skipped.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether all are revoked, or as [`anchor_lifetime`] and
    /// [`check_anchor`] say.
    async fn revoke(&self, anchors: &[&str], lasting: Duration) -> Result<(), StoreError>;

    /// Raises the delegation epoch of a zone, for so long, and returns what holds now: this epoch,
    /// or a higher one that was there. What holds is remembered for the longer of both times: a
    /// higher epoch stands in for the lower one that was asked for, and so has to last as long.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown which epoch holds, or as [`anchor_lifetime`] and
    /// [`check_anchor`] say.
    async fn raise_epoch(&self, zone: &str, epoch: u64, lasting: Duration) -> Result<u64, StoreError>;

    /// Notes the id of a mandate that is used, for so long. `false` if it was noted before: of any
    /// number of calls at once, one gets `true`.
    ///
    /// # Errors
    /// [`StoreError`] if it is unknown whether it was noted, or as [`anchor_lifetime`] and
    /// [`check_anchor`] say.
    async fn spend(&self, id: &str, lasting: Duration) -> Result<bool, StoreError>;

    /// What changes, as it happens: an anchor that is revoked is told by its bytes, a raised epoch
    /// by those of its zone. By default `None`: the store cannot tell, and is asked at an interval.
    fn changes(&self) -> Option<Changes> {
        None
    }
}

/// For how long a store keeps an entry that is to last so long: whole milliseconds, rounded up, and
/// a hundred years at most. All stores read it in this one way.
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
/// [`StoreError`] for zero: an entry that ends at once would revoke nothing, and whoever asks for
/// it expects that it does.
pub fn anchor_lifetime(lasting: Duration) -> Result<Duration, StoreError> {
    if lasting.is_zero() {
        return Err(StoreError::new(
            "an entry that lasts for no time would revoke nothing: give a time above zero",
        ));
    }
    let capped = lasting.min(MAX_ANCHOR_LIFETIME);
    let millis = capped.as_nanos().div_ceil(1_000_000);
    Ok(u64::try_from(millis).map_or(capped, Duration::from_millis))
}

/// Whether a store keeps an entry of this name: an anchor, a zone, or the id of a mandate.
///
/// # Errors
/// [`StoreError`] if it is longer than 1024 bytes. No claim of a mandate is.
pub fn check_anchor(name: &str) -> Result<(), StoreError> {
    if name.len() > MAX_ANCHOR_BYTES {
        return Err(StoreError::new(format!(
            "an anchor, zone or id of {} bytes: no mandate has one of more than {MAX_ANCHOR_BYTES}",
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
