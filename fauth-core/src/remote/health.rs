//! What an application can see of a source.

use std::{sync::Arc, time::Duration};

use super::fault::KeySourceError;
use crate::clock::Timestamp;

/// The state of a [`JwksSource`](super::JwksSource): for a health check, a metric or a page of an
/// administrator.
///
/// A source that is stale still verifies tokens; one that is not usable answers 503.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySourceHealth {
    /// The name of the source: its URL or issuer, or what
    /// [`JwksSource::named`](super::JwksSource::named) says.
    pub name: Arc<str>,
    /// How many keys it has.
    pub keys: usize,
    /// When the last successful fetch began; `None` for fixed keys, and before the first.
    pub fetched_at: Option<Timestamp>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// The keys are past the time for which they are fresh, because fetches fail.
    pub is_stale: bool,
    /// Tokens can be verified: there are keys, and they are not too old.
    pub is_usable: bool,
    /// How many fetches have failed since the last that succeeded.
    pub failures: u32,
    /// Why the last fetch failed; `None` if it succeeded.
    pub last_error: Option<KeySourceError>,
}
