//! The addresses from which accounts have logged in whose names differ only in spelling (usually a
//! single account).

use std::cmp::Reverse;

use super::{
    backoff::Backoff,
    bytes::{Reader, Writer},
    cell::Cell,
    record::{Record, Refusal, Verdict},
    rules::{Rules, is_due},
};
use crate::clock::Timestamp;

const FORM: u8 = 5;

/// Beyond this, an address is dropped: of the spelling with the most addresses, the one with the
/// oldest login. So the owner of `ALICE` cannot displace addresses of `alice`.
const MOST_ADDRESSES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FamiliarRecord {
    reported: Timestamp,
    addresses: Vec<Address>,
}

/// The epochs of an account. An address stays familiar only as long as the logins from it would
/// still be valid, so that knowing an old password gives no further advantage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Epochs {
    /// The epoch in the revocation store.
    pub(crate) logins: u64,
    /// The epoch of the user's record.
    pub(crate) user: u64,
}

impl Epochs {
    const fn are_before(self, others: Self) -> bool {
        self.logins < others.logins || self.user < others.user
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    tag: u64,
    /// A keyed hash of the name exactly as it was written.
    spelling: u64,
    /// The time from which the address is no longer familiar.
    until: Timestamp,
    /// The epochs at the login.
    epochs: Epochs,
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

    /// Counts an attempt unless it is refused; `None` if the address is not familiar. An `exempt`
    /// attempt is always counted.
    pub(crate) fn count(&mut self, tag: u64, exempt: bool, rules: &Rules, now: Timestamp) -> Option<Verdict> {
        let address = self.find(tag, now)?;
        address.backoff.forget(rules, now);
        let of_backoff = address.backoff.wait(rules, now);
        let retry_after = of_backoff.max(address.cell.wait(rules.pair, now));
        if exempt || retry_after.is_zero() {
            address.backoff.count(now);
            if !exempt {
                address.cell.count(rules.pair, now);
            }
            return Some(Verdict::Counted);
        }
        let is_locked = rules.needs_unlock(address.backoff.failures);
        let reason = if is_locked { "locked" } else { "account_and_address" };
        let is_first = is_due(&mut self.reported, now);
        Some(Verdict::Refused(Refusal { retry_after, reason, is_first }))
    }

    /// Records that the account has logged in from this address, or may do so now.
    pub(crate) fn succeed(&mut self, tag: u64, spelling: u64, epochs: Epochs, rules: &Rules, now: Timestamp) {
        self.addresses.retain(|address| address.tag != tag && now < address.until);
        if self.addresses.len() >= MOST_ADDRESSES {
            self.drive_out();
        }
        let until = now.checked_add(rules.familiar_for).unwrap_or(Timestamp::MAX);
        self.addresses.push(Address {
            tag,
            spelling,
            until,
            epochs,
            cell: Cell::default(),
            backoff: Backoff::default(),
        });
    }

    /// After a failed attempt at an account with these epochs: if the address is familiar from a
    /// login of an earlier epoch, removes it. Returns whether anything has changed.
    pub(crate) fn forget_outdated(&mut self, tag: u64, epochs: Epochs) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|address| address.tag != tag || !address.epochs.are_before(epochs));
        self.addresses.len() < before
    }

    fn drive_out(&mut self) {
        let of = |spelling| self.addresses.iter().filter(|address| address.spelling == spelling).count();
        let addresses = self.addresses.iter().enumerate();
        let last = addresses.min_by_key(|(_, address)| (Reverse(of(address.spelling)), address.until));
        if let Some((last, _)) = last {
            self.addresses.remove(last);
        }
    }

    /// Takes back an attempt that was not decided.
    pub(crate) fn take_back(&mut self, tag: u64, exempt: bool, rules: &Rules, now: Timestamp) {
        if let Some(address) = self.find(tag, now) {
            address.backoff.take_back(1);
            if !exempt {
                address.cell.take_back(rules.pair, now);
            }
        }
    }

    /// Clears the failures and keeps the familiar addresses.
    pub(crate) fn reset(&mut self) {
        for address in &mut self.addresses {
            address.cell = Cell::default();
            address.backoff = Backoff::default();
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// The number of addresses that are familiar to the account with exactly this name.
    pub(crate) fn len(&self, spelling: u64, now: Timestamp) -> usize {
        self.addresses.iter().filter(|address| address.spelling == spelling && now < address.until).count()
    }
}

impl Record for FamiliarRecord {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORM)?;
        let reported = reader.time()?;
        let addresses = reader.rest(|reader| {
            Some(Address {
                tag: reader.number()?,
                spelling: reader.number()?,
                until: reader.time()?,
                epochs: Epochs { logins: reader.number()?, user: reader.number()? },
                cell: Cell(reader.number()?),
                backoff: Backoff { failures: reader.short()?, last: reader.time()? },
            })
        })?;
        Some(Self { reported, addresses })
    }

    fn encode(&self) -> Vec<u8> {
        let writer = Writer::new(FORM).time(self.reported);
        let each = |writer: Writer, address: &Address| {
            let Address { tag, spelling, until, epochs, cell, backoff } = address;
            let writer = writer.number(*tag).number(*spelling).time(*until);
            let writer = writer.number(epochs.logins).number(epochs.user);
            writer.number(cell.0).short(backoff.failures).time(backoff.last)
        };
        self.addresses.iter().fold(writer, each).done()
    }

    fn kept_until(&self, _: &Rules, now: Timestamp) -> Timestamp {
        self.addresses.iter().map(|address| address.until).fold(now, Timestamp::max)
    }
}
