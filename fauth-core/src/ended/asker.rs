//! The provider, as the task sees it: it asks the stores and the loader.

use std::{pin::Pin, sync::Arc, time::Duration};

use super::{
    entry::Id,
    table::{Finding, Watched},
};
use crate::{
    clock::{ClockError, Timestamp},
    store::Changes,
};

/// A finding for each token that was asked about.
pub(crate) type Findings = Pin<Box<dyn Future<Output = Vec<(Id, Finding)>> + Send>>;

/// Asks stores and loaders.
pub(crate) trait Asker: Send + Sync {
    fn now(&self) -> Result<Timestamp, ClockError>;

    /// The same, as precise as the clock is.
    fn now_precise(&self) -> Result<Duration, ClockError>;

    /// Is there a store that can judge many tokens in one call?
    fn can_judge(&self) -> bool;

    /// About how many tokens it is asked in one call.
    fn most_at_once(&self) -> usize;

    /// The changes that the stores report; empty if one of the stores does not report any.
    fn changes(&self) -> Vec<Changes>;

    /// Are these revoked?
    fn judge(self: Arc<Self>, watched: Vec<Watched>) -> Findings;

    /// All of these belong to one API key or session: is that still known to its store?
    fn ask_singly(self: Arc<Self>, watched: Vec<Watched>) -> Findings;

    /// All of these belong to one user: is the user still there and active?
    fn look(self: Arc<Self>, watched: Vec<Watched>) -> Findings;
}
