//! The addresses from which one account has logged in.

use super::{
    backoff::Backoff,
    bytes::{Reader, Writer},
    cell::Cell,
    record::{Record, Refusal, Verdict},
    rules::{Rules, is_due},
};
use crate::clock::Timestamp;

const FORM: u8 = 3;

/// Beyond that the one is forgotten from which the account has not logged in for longest.
const MOST_ADDRESSES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FamiliarRecord {
    reported: Timestamp,
    addresses: Vec<Address>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    tag: u64,
    /// From then on it is not familiar any more.
    until: Timestamp,
    cell: Cell,
    backoff: Backoff,
}

impl Default for FamiliarRecord {
    fn default() -> Self {
        Self { reported: Timestamp::from_unix_seconds(0), addresses: Vec::new() }
    }
}

impl FamiliarRecord {
    fn find(&mut self, tag: u64, now: Timestamp) -> Option<&mut Address> {
        self.addresses.iter_mut().find(|address| address.tag == tag && now < address.until)
    }

    /// Counts an attempt unless it is refused; `None` if the address is not familiar. One that is
    /// `exempt` is counted anyway.
    pub(crate) fn count(&mut self, tag: u64, exempt: bool, rules: &Rules, now: Timestamp) -> Option<Verdict> {
        let address = self.find(tag, now)?;
        address.backoff.forget(rules, now);
        let of_backoff = address.backoff.wait(rules, now);
        let retry_after = of_backoff.max(address.cell.wait(rules.pair, now));
        if exempt || retry_after.is_zero() {
            address.backoff.count(now);
            address.cell.count(rules.pair, now);
            return Some(Verdict::Counted);
        }
        let is_locked = rules.needs_unlock(address.backoff.failures);
        let reason = if is_locked { "locked" } else { "account_and_address" };
        let is_first = is_due(&mut self.reported, now);
        Some(Verdict::Refused(Refusal { retry_after, reason, is_first }))
    }

    /// The account has logged in from this address, or may do so now.
    pub(crate) fn succeed(&mut self, tag: u64, rules: &Rules, now: Timestamp) {
        self.addresses.retain(|address| address.tag != tag && now < address.until);
        if self.addresses.len() >= MOST_ADDRESSES
            && let Some((oldest, _)) =
                self.addresses.iter().enumerate().min_by_key(|(_, address)| address.until)
        {
            self.addresses.remove(oldest);
        }
        let until = now.checked_add(rules.familiar_for).unwrap_or(Timestamp::MAX);
        self.addresses.push(Address { tag, until, cell: Cell::default(), backoff: Backoff::default() });
    }

    /// An attempt was not decided, and is not counted.
    pub(crate) fn take_back(&mut self, tag: u64, rules: &Rules, now: Timestamp) {
        if let Some(address) = self.find(tag, now) {
            address.backoff.take_back(1);
            address.cell.take_back(rules.pair, now);
        }
    }

    /// Forgets failures, and keeps what is familiar.
    pub(crate) fn reset(&mut self) {
        for address in &mut self.addresses {
            address.cell = Cell::default();
            address.backoff = Backoff::default();
        }
    }

    pub(crate) fn len(&self, now: Timestamp) -> usize {
        self.addresses.iter().filter(|address| now < address.until).count()
    }
}

impl Record for FamiliarRecord {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORM)?;
        let reported = reader.time()?;
        let addresses = reader.rest(|reader| {
            Some(Address {
                tag: reader.number()?,
                until: reader.time()?,
                cell: Cell(reader.number()?),
                backoff: Backoff { failures: reader.short()?, last: reader.time()? },
            })
        })?;
        Some(Self { reported, addresses })
    }

    fn encode(&self) -> Vec<u8> {
        let writer = Writer::new(FORM).time(self.reported);
        let each = |writer: Writer, address: &Address| {
            let Address { tag, until, cell, backoff } = address;
            writer.number(*tag).time(*until).number(cell.0).short(backoff.failures).time(backoff.last)
        };
        self.addresses.iter().fold(writer, each).done()
    }

    fn kept_until(&self, _: &Rules, now: Timestamp) -> Timestamp {
        self.addresses.iter().map(|address| address.until).fold(now, Timestamp::max)
    }
}
