//! Fuzz target for stored records of failed logins.

use super::{AccountRecord, AddressRecord, Epochs, FamiliarRecord, LoginThrottle, Record, Rules, Verdict};
use crate::clock::Timestamp;

/// Checks that a record survives a round trip, and that attempts are counted whatever its numbers
/// are.
pub(crate) fn record(bytes: &[u8]) -> bool {
    let Ok(rules) = LoginThrottle::new().build() else { unreachable!("the defaults are good") };
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    [account(bytes, &rules, now), familiar(bytes, &rules, now), address(bytes, &rules, now)].contains(&true)
}

fn read<R: Record>(bytes: &[u8]) -> Option<R> {
    let record = R::decode(bytes)?;
    assert_eq!(record.encode(), bytes);
    Some(record)
}

fn write<R: Record>(record: &R, rules: &Rules, now: Timestamp) {
    let written = record.record(rules, now);
    assert!(R::decode(&written.bytes).is_some_and(|again| again.encode() == written.bytes));
}

fn account(bytes: &[u8], rules: &Rules, now: Timestamp) -> bool {
    let Some(mut record) = read::<AccountRecord>(bytes) else { return false };
    let _ = record.state(rules, now);
    for exempt in [false, true] {
        let verdict = record.count(1, exempt, rules, now);
        assert!(!exempt || verdict == Verdict::Counted);
        write(&record, rules, now);
        record.take_back(1, exempt, rules, now);
    }
    record.succeed(1);
    write(&record, rules, now);
    true
}

fn familiar(bytes: &[u8], rules: &Rules, now: Timestamp) -> bool {
    let Some(mut record) = read::<FamiliarRecord>(bytes) else { return false };
    let _ = record.count(1, false, rules, now);
    record.take_back(1, false, rules, now);
    record.succeed(1, 7, Epochs::default(), rules, now);
    assert!(record.len(7, now) >= 1 && !record.is_empty());
    assert_eq!(record.count(1, false, rules, now), Some(Verdict::Counted));
    write(&record, rules, now);
    record.forget_outdated(1, Epochs { logins: 1, user: 0 });
    record.reset();
    write(&record, rules, now);
    true
}

fn address(bytes: &[u8], rules: &Rules, now: Timestamp) -> bool {
    let Some(mut record) = read::<AddressRecord>(bytes) else { return false };
    let _ = record.count(rules.of_address(), "address", now);
    record.take_back(rules.of_address(), now);
    write(&record, rules, now);
    true
}
