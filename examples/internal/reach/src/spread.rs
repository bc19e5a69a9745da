//! Percentiles of what was measured.

use std::{fmt, time::Duration};

#[derive(Default)]
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }
}

/// `p50 | p99 | max`, in milliseconds.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        write!(f, "{:.2} ms | {:.2} ms | {:.2} ms", at(50), at(99), at(100))
    }
}
