//! What a hash costs, what it is computed with, and what is left to say when it could not be
//! computed.

use std::fmt;
#[cfg(test)]
use std::sync::Mutex;

use super::memory::WorkingMemory;

/// What one hash costs. As the target of new hashes, Argon2 means Argon2id of the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Argon2(ArgonCost),
    Bcrypt(u32),
}

/// What one Argon2 hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArgonCost {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
}

impl ArgonCost {
    /// Is this a cost at all? Argon2 wants two blocks for each lane and slice.
    pub(super) fn is_possible(self) -> bool {
        self.iterations >= 1
            && self.parallelism >= 1
            && self.parallelism.checked_mul(8).is_some_and(|least| self.memory_kib >= least)
    }

    pub(super) const fn fits(self, ceiling: Self) -> bool {
        self.memory_kib <= ceiling.memory_kib
            && self.iterations <= ceiling.iterations
            && self.parallelism <= ceiling.parallelism
    }

    pub(super) const fn is_below(self, target: Self) -> bool {
        self.memory_kib < target.memory_kib
            || self.iterations < target.iterations
            || self.parallelism < target.parallelism
    }
}

impl fmt::Display for ArgonCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB, {} passes, {} lanes", self.memory_kib, self.iterations, self.parallelism)
    }
}

/// The primitive did not come to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// What a hash is computed with.
#[derive(Default)]
pub(super) struct Means {
    pub(super) meter: Meter,
    pub(super) memory: WorkingMemory,
}

/// Records the work that was done, so that tests can compare it without a clock.
#[derive(Default)]
pub(super) struct Meter {
    #[cfg(test)]
    runs: Mutex<Vec<Cost>>,
}

impl Meter {
    #[cfg(test)]
    pub(super) fn ran(&self, cost: Cost) {
        self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(cost);
    }

    #[cfg(not(test))]
    pub(super) fn ran(&self, cost: Cost) {
        let _ = (self, cost);
    }

    #[cfg(test)]
    pub(super) fn take(&self) -> Vec<Cost> {
        std::mem::take(&mut self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
