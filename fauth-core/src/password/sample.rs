//! A stored hash of the old system, used only for the amount of its work.

use std::fmt;

/// It may be the hash of a real user, so `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Sample(String);

impl Sample {
    pub(super) const fn new(hash: String) -> Self {
        Self(hash)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sample(..)")
    }
}
