//! Who answers what is asked about what stays open: the provider.

use std::{pin::Pin, sync::Arc, time::Duration};

use super::{
    entry::Id,
    table::{Finding, Watched},
};
use crate::{
    clock::{ClockError, Timestamp},
    store::Changes,
};

/// What was found of each that was asked about.
pub(crate) type Findings = Pin<Box<dyn Future<Output = Vec<(Id, Finding)>> + Send>>;

/// Asks stores and loaders.
pub(crate) trait Asker: Send + Sync {
    fn now(&self) -> Result<Timestamp, ClockError>;

    /// The same, as fine as the clock can tell it.
    fn now_precise(&self) -> Result<Duration, ClockError>;

    /// Can anybody tell by themselves, for many at a time, what was taken back?
    fn can_judge(&self) -> bool;

    /// About how many it is asked at a time whether they were taken back.
    fn most_at_once(&self) -> usize;

    /// What the stores tell; none if one of them that is asked does not.
    fn changes(&self) -> Vec<Changes>;

    /// Were they taken back?
    fn judge(self: Arc<Self>, watched: Vec<Watched>) -> Findings;

    /// Is the key or session known, which all of these are of, to the store that is asked about
    /// each by itself?
    fn ask_singly(self: Arc<Self>, watched: Vec<Watched>) -> Findings;

    /// Is the user of all of these there and active?
    fn look(self: Arc<Self>, watched: Vec<Watched>) -> Findings;
}
