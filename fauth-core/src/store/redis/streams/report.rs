//! Log records of a consumer.

use std::{collections::BTreeMap, time::Duration};

use super::{entry::Poison, health::Tell};
use crate::escape::Escaped;

/// The outcome of an acknowledged entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Done,
    /// Carried out as far as it is unambiguous.
    Ambiguous,
    /// Moved to the dead letters.
    Buried(Poison),
    /// Deleted from the stream before it was acknowledged.
    Lost,
}

/// The outcomes of a batch, for one log record about each except the normal one.
#[derive(Debug, Default)]
pub(super) struct Report(BTreeMap<Outcome, (usize, String)>);

impl Report {
    pub(super) fn note(&mut self, outcome: Outcome, id: &str) {
        if outcome != Outcome::Done {
            self.0.entry(outcome).or_insert_with(|| (0, id.to_owned())).0 += 1;
        }
    }

    pub(super) fn lost(&self) -> usize {
        self.0.get(&Outcome::Lost).map_or(0, |(count, _)| *count)
    }

    pub(super) fn tell(self, stream: &Escaped<'_>) {
        for (outcome, (count, first)) in self.0 {
            let first = Escaped(&first);
            match outcome {
                Outcome::Done => {}
                Outcome::Ambiguous => tracing::error!(
                    target: "fauth", %stream, count, %first,
                    "signed revocations can be read in more than one way: the anchors that they name are \
                     revoked, but others may have been meant"
                ),
                Outcome::Lost => tracing::error!(
                    target: "fauth", %stream, count, %first,
                    "entries were deleted before they were acknowledged, and may not have been carried out: \
                     keep the stream longer"
                ),
                Outcome::Buried(Poison::InvalidSignature) => tracing::error!(
                    target: "fauth", %stream, count, %first, reason = Poison::InvalidSignature.as_str(),
                    "entries that no key verifies were moved to the dead letters: if a key is wrong or old, \
                     correct it and replay them"
                ),
                Outcome::Buried(Poison::Ambiguous) => tracing::error!(
                    target: "fauth", %stream, count, %first, reason = Poison::Ambiguous.as_str(),
                    "ambiguous signed entries were moved to the dead letters, and are not carried out"
                ),
                Outcome::Buried(poison) => tracing::warn!(
                    target: "fauth", %stream, count, %first, reason = poison.as_str(),
                    "entries that cannot be carried out were moved to the dead letters"
                ),
            }
        }
    }
}

/// While failures continue, revocations have no effect here.
pub(super) fn tell_failure(stream: &Escaped<'_>, level: Tell, lasting: Duration, error: &str) {
    let error = Escaped(error);
    match level {
        Tell::Warning => tracing::warn!(target: "fauth", %stream, %error, "a stream cannot be consumed"),
        Tell::Error => tracing::error!(
            target: "fauth", %stream, %error, seconds = lasting.as_secs(),
            "a stream cannot be consumed: what is revoked there is still accepted here"
        ),
    }
}
