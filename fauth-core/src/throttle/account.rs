//! The failures of one account, from addresses that are not familiar to it.

use super::{
    backoff::Backoff,
    bytes::{Reader, Writer},
    cell::Cell,
    record::{Record, Refusal, ThrottleState, Verdict},
    rules::{Rules, is_due},
};
use crate::clock::Timestamp;

const FORM: u8 = 2;

/// For how many addresses a record counts the failures of each. If more addresses than these fail
/// often enough, the delay of the account takes effect anyway.
const MOST_ADDRESSES: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    backoff: Backoff,
    reported: Timestamp,
    addresses: Vec<Address>,
}

/// An address with one spelling of the name: a keyed hash of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Address {
    tag: u64,
    cell: Cell,
    failures: u32,
}

impl Default for AccountRecord {
    fn default() -> Self {
        let reported = Timestamp::from_unix_seconds(0);
        Self { backoff: Backoff::default(), reported, addresses: Vec::new() }
    }
}

impl AccountRecord {
    /// Whether an attempt would be refused. Does not count it.
    pub(crate) fn look(&mut self, tag: u64, rules: &Rules, now: Timestamp) -> Verdict {
        self.forget(rules, now);
        let of_account = self.backoff.wait(rules, now);
        let cell = self.addresses.iter().find(|address| address.tag == tag).map(|address| address.cell);
        let of_pair = cell.unwrap_or_default().wait(rules.pair, now);
        let retry_after = of_account.max(of_pair);
        if retry_after.is_zero() {
            return Verdict::Counted;
        }
        let reason = if rules.needs_unlock(self.backoff.failures) {
            "locked"
        } else if of_account >= of_pair {
            "account"
        } else {
            "account_and_address"
        };
        let is_first = is_due(&mut self.reported, now);
        Verdict::Refused(Refusal { retry_after, reason, is_first })
    }

    /// Counts an attempt unless it is refused. An `exempt` attempt is always counted, but takes
    /// nothing from the address: an exhausted cell has no room for it, and could not give it back.
    pub(crate) fn count(&mut self, tag: u64, exempt: bool, rules: &Rules, now: Timestamp) -> Verdict {
        if !exempt && let refused @ Verdict::Refused(_) = self.look(tag, rules, now) {
            return refused;
        }
        self.forget(rules, now);
        self.backoff.count(now);
        let mut address = self.take(tag);
        if !exempt {
            address.cell.count(rules.pair, now);
        }
        address.failures = address.failures.saturating_add(1);
        self.addresses.push(address);
        Verdict::Counted
    }

    /// When the account's failures expire, those of its addresses do too. Otherwise a success would
    /// take back later failures from elsewhere.
    fn forget(&mut self, rules: &Rules, now: Timestamp) {
        self.backoff.forget(rules, now);
        if self.backoff.failures == 0 {
            for address in &mut self.addresses {
                address.failures = 0;
            }
        }
    }

    /// Removes and returns the entry of an address, or a new one, and leaves room for one.
    fn take(&mut self, tag: u64) -> Address {
        if let Some(place) = self.addresses.iter().position(|address| address.tag == tag) {
            return self.addresses.remove(place);
        }
        let soonest = self.addresses.iter().enumerate().min_by_key(|(_, address)| address.cell.0);
        if self.addresses.len() >= MOST_ADDRESSES
            && let Some((soonest, _)) = soonest
        {
            self.addresses.remove(soonest);
        }
        Address { tag, cell: Cell::default(), failures: 0 }
    }

    /// Records a success: clears the failures with this spelling from this address. All others
    /// stay, or the owner of an account with a similar name could clear them.
    pub(crate) fn succeed(&mut self, tag: u64) {
        if let Some(place) = self.addresses.iter().position(|address| address.tag == tag) {
            let address = self.addresses.remove(place);
            self.backoff.take_back(address.failures);
        } else {
            // Other addresses have displaced this one since the attempt was counted.
            self.backoff.take_back(1);
        }
    }

    /// Takes back an attempt that was not decided.
    pub(crate) fn take_back(&mut self, tag: u64, exempt: bool, rules: &Rules, now: Timestamp) {
        self.backoff.take_back(1);
        if let Some(address) = self.addresses.iter_mut().find(|address| address.tag == tag) {
            address.failures = address.failures.saturating_sub(1);
            if !exempt {
                address.cell.take_back(rules.pair, now);
            }
        }
    }

    pub(crate) fn state(&self, rules: &Rules, now: Timestamp) -> ThrottleState {
        let mut backoff = self.backoff;
        backoff.forget(rules, now);
        ThrottleState {
            failures: backoff.failures,
            retry_after: backoff.wait(rules, now),
            needs_unlock: rules.needs_unlock(backoff.failures),
            familiar_addresses: 0,
        }
    }
}

impl Record for AccountRecord {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes, FORM)?;
        let backoff = Backoff { failures: reader.short()?, last: reader.time()? };
        let reported = reader.time()?;
        let addresses = reader.rest(|reader| {
            Some(Address { tag: reader.number()?, cell: Cell(reader.number()?), failures: reader.short()? })
        })?;
        Some(Self { backoff, reported, addresses })
    }

    fn encode(&self) -> Vec<u8> {
        let Self { backoff, reported, addresses } = self;
        let writer = Writer::new(FORM).short(backoff.failures).time(backoff.last).time(*reported);
        let each = |writer: Writer, address: &Address| {
            writer.number(address.tag).number(address.cell.0).short(address.failures)
        };
        addresses.iter().fold(writer, each).done()
    }

    fn kept_until(&self, rules: &Rules, _: Timestamp) -> Timestamp {
        let cells = self.addresses.iter().map(|address| address.cell.ends());
        cells.fold(self.backoff.ends(rules), Timestamp::max)
    }
}
