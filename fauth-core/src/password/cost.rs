//! The cost of a hash, what it is computed with, and the error of a failed computation.

use std::fmt;
#[cfg(test)]
use std::sync::Mutex;

use super::memory::WorkingMemory;

/// The cost of one hash. As the target of new hashes, Argon2 means Argon2id of the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Argon2(ArgonCost),
    Bcrypt(u32),
}

/// The work of one verification, for any scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Argon2(ArgonCost),
    Bcrypt(u32),
    #[cfg(feature = "foreign-hashes")]
    Scrypt(ScryptCost),
    #[cfg(feature = "foreign-hashes")]
    Pbkdf2(Pbkdf2Cost),
}

impl From<Cost> for Work {
    fn from(cost: Cost) -> Self {
        match cost {
            Cost::Argon2(cost) => Self::Argon2(cost),
            Cost::Bcrypt(cost) => Self::Bcrypt(cost),
        }
    }
}

/// The cost of one scrypt hash.
#[cfg(feature = "foreign-hashes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScryptCost {
    /// The binary logarithm of N.
    pub(super) log_n: u8,
    pub(super) r: u32,
    pub(super) p: u32,
}

/// The highest cost that a stored scrypt hash may have.
#[cfg(feature = "foreign-hashes")]
#[derive(Debug, Clone, Copy)]
pub(super) struct ScryptCeiling {
    pub(super) memory_kib: u32,
    pub(super) parallelism: u32,
}

/// The cost of one PBKDF2 hash.
#[cfg(feature = "foreign-hashes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pbkdf2Cost {
    pub(super) digest: Digest,
    pub(super) rounds: u32,
    /// The number of digests that make up the hash. The rounds are done for each of them.
    pub(super) blocks: u32,
}

/// The hash function of PBKDF2.
#[cfg(feature = "foreign-hashes")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

/// The cost of one Argon2 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArgonCost {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) parallelism: u32,
}

impl ArgonCost {
    /// Returns `true` if Argon2 accepts this cost. It needs two blocks for each lane and slice.
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

/// The primitive failed. Holds the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// The resources for computing a hash.
#[derive(Default)]
pub(super) struct Means {
    pub(super) meter: Meter,
    pub(super) memory: WorkingMemory,
}

/// Records the work that was done, so that tests can compare it without a clock.
#[derive(Default)]
pub(super) struct Meter {
    #[cfg(test)]
    runs: Mutex<Vec<Work>>,
}

impl Meter {
    #[cfg(test)]
    pub(super) fn ran(&self, work: Work) {
        self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(work);
    }

    #[cfg(not(test))]
    pub(super) fn ran(&self, work: Work) {
        let _ = (self, work);
    }

    #[cfg(test)]
    pub(super) fn take(&self) -> Vec<Work> {
        std::mem::take(&mut self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
