//! The state of a source that an application can see.

use std::{sync::Arc, time::Duration};

use super::fault::KeySourceError;
use crate::clock::Timestamp;

/// The state of a [`JwksSource`](super::JwksSource), for a health check, a metric or an admin page.
///
/// A source that is stale still verifies tokens. If it is not usable, requests are answered with
/// 503.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySourceHealth {
    /// The name of the source: its URL, its issuer, or the name set with
    /// [`JwksSource::named`](super::JwksSource::named).
    pub name: Arc<str>,
    /// The number of keys.
    pub keys: usize,
    /// When the last successful fetch began. `None` for fixed keys, and before the first fetch.
    pub fetched_at: Option<Timestamp>,
    /// The time since then.
    pub age: Option<Duration>,
    /// Whether the keys are no longer fresh, because fetches fail.
    pub is_stale: bool,
    /// Whether tokens can be verified: there are keys, and they are not too old.
    pub is_usable: bool,
    /// The number of failed fetches since the last successful one.
    pub failures: u32,
    /// Why the last fetch failed. `None` if it succeeded.
    pub last_error: Option<KeySourceError>,
}
