//! The failures of one address.

use super::{
    bytes::{Reader, Writer},
    cell::Cell,
    record::{Record, Refusal, Verdict},
    rules::{Rules, is_due},
};
use crate::{clock::Timestamp, store::LimitWindow};

const FORM: u8 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressRecord {
    cell: Cell,
    reported: Timestamp,
}

impl Default for AddressRecord {
    fn default() -> Self {
        Self { cell: Cell::default(), reported: Timestamp::from_unix_seconds(0) }
    }
}

impl AddressRecord {
    pub(crate) fn count(&mut self, window: LimitWindow, reason: &'static str, now: Timestamp) -> Verdict {
        let retry_after = self.cell.wait(window, now);
        if retry_after.is_zero() {
            self.cell.count(window, now);
            return Verdict::Counted;
        }
        let is_first = is_due(&mut self.reported, now);
        Verdict::Refused(Refusal { retry_after, reason, is_first })
    }

    pub(crate) fn take_back(&mut self, window: LimitWindow, now: Timestamp) {
        self.cell.take_back(window, now);
    }
}

impl Record for AddressRecord {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORM)?;
        let record = Self { cell: Cell(reader.number()?), reported: reader.time()? };
        reader.is_at_end().then_some(record)
    }

    fn encode(&self) -> Vec<u8> {
        Writer::new(FORM).number(self.cell.0).time(self.reported).done()
    }

    fn kept_until(&self, _: &Rules, _: Timestamp) -> Timestamp {
        self.cell.ends()
    }
}
