//! What is measured, and what comes out.

use std::{fmt, hint::black_box};

/// Something measured: an operation that can be done again and again.
pub struct Case<'a> {
    name: String,
    base: Option<String>,
    repeat: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Case<'a> {
    /// An operation and its name. Its result is used, as far as the compiler knows, and dropped:
    /// both are part of the cost.
    pub fn new<T>(name: impl Into<String>, mut operation: impl FnMut() -> T + 'a) -> Self {
        let repeat = move |times| {
            for _ in 0..times {
                black_box(operation());
            }
        };
        Self { name: name.into(), base: None, repeat: Box::new(repeat) }
    }

    /// Names the case that this one is compared with.
    #[must_use]
    pub fn against(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the case that it is compared with.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Does the operation so many times, uncounted. Allocations of other threads do not matter
    /// anywhere.
    pub fn run(&mut self, times: u64) {
        allocation_counter::opt_out(|| (self.repeat)(times));
    }

    /// Allocations and allocated bytes of one operation: the mean of so many, on this thread.
    pub(crate) fn allocations(&mut self, times: u32) -> (f64, f64) {
        let counted = allocation_counter::measure(|| (self.repeat)(times.into()));
        (mean(counted.count_total, times), mean(counted.bytes_total, times))
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
fn mean(total: u64, times: u32) -> f64 {
    total as f64 / f64::from(times)
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("base", &self.base).finish_non_exhaustive()
    }
}

/// What one operation of a case costs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Measured {
    /// The name of the case.
    pub name: String,
    /// The name of the case that it is compared with.
    pub base: Option<String>,
    /// Nanoseconds in the fastest round.
    pub min_ns: f64,
    /// Nanoseconds in the middle round.
    pub median_ns: f64,
    /// Allocations on the measuring thread. A block that grows is one more.
    pub allocations: f64,
    /// Bytes in these allocations.
    pub bytes: f64,
    /// Instructions, once they are counted.
    pub instructions: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_counted_per_operation() {
        let mut boxes = Case::new("boxes", || (Box::new(1_u32), Box::new(2_u64)));
        assert_eq!(boxes.allocations(10), (2.0, 12.0));
        let mut none = Case::new("none", || 1);
        assert_eq!(none.allocations(10), (0.0, 0.0));
    }

    #[test]
    fn runs_as_often_as_told() {
        let mut count = 0;
        Case::new("count", || count += 1).run(7);
        assert_eq!(count, 7);
    }
}
