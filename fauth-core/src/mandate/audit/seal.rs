//! Completes an event before it leaves the process: id, time, signature.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::record::AuditRecord;
use crate::{
    error::ConfigError,
    store::{AuditEntry, StreamKey},
};

/// Signs events: the HMAC-SHA256 of exactly the text that is sent, in hexadecimal.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    zone: Box<str>,
    key: Option<StreamKey>,
}

impl Seal {
    /// Without a key, entries are not signed.
    pub(super) fn new(zone: &str, key: Option<StreamKey>) -> Result<Self, ConfigError> {
        if !(1..=255).contains(&zone.len()) {
            let problem = "is empty or longer than 255 bytes";
            return Err(ConfigError::new(
                "zone",
                problem,
                "set the zone of this service, such as `zone_prod`",
            ));
        }
        Ok(Self { zone: zone.into(), key })
    }

    /// Returns the entry of the stream, or `None` if the operating system returns no random bytes
    /// for an id.
    pub(super) fn entry(&self, record: AuditRecord, at: Duration) -> Option<AuditEntry> {
        let (id, data) = record.finish(random_id()?, &self.zone, rfc3339(at));
        let signature = self.key.as_ref().map(|key| key.sign_text(&data));
        Some(AuditEntry { id, data, sig: signature })
    }

    /// Returns whether the entry is signed with this key. Without a key, every entry passes.
    pub(super) fn is_ours(&self, entry: &AuditEntry) -> bool {
        let Some(key) = &self.key else { return true };
        let expected = key.sign_text(&entry.data);
        entry.sig.as_ref().is_some_and(|sig| sig.as_bytes().ct_eq(expected.as_bytes()).into())
    }
}

/// A random UUID (version 4, RFC 9562 section 5.4).
fn random_id() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(uuid_of(u128::from_be_bytes(bytes)))
}

fn uuid_of(random: u128) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let bits = (random & !VERSION & !VARIANT) | (0x4 << 76) | (0b10 << 62);
    let text = format!("{bits:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Formats a time since the Unix epoch in UTC, to the millisecond.
fn rfc3339(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milliseconds = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Returns year, month and day of the Gregorian calendar, for a number of days since 1970-01-01. It
/// counts in eras of 400 years that begin on the first of March, so the leap day is the last day of
/// a year.
const fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400; // not a status
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::{super::record::Decision, *};

    #[test]
    fn times_are_written_as_in_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000Z"),
            (1_779_364_800, "2026-05-21T12:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rfc3339(Duration::from_millis(1_999)), "1970-01-01T00:00:01.999Z");
    }

    #[test]
    fn ids_are_random_uuids() {
        assert_eq!(uuid_of(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_of(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(random_id(), random_id());
    }

    #[test]
    fn no_zone_is_refused() {
        assert!(Seal::new("", None).is_err());
        assert!(Seal::new(&"z".repeat(255), None).is_ok());
        assert!(Seal::new(&"z".repeat(256), None).is_err());
    }

    #[test]
    fn the_text_is_signed_as_it_is_sent() {
        let seal = Seal::new("zone_prod", Some(StreamKey::new([b'k'; 32]).unwrap())).unwrap();
        let entry = seal.entry(AuditRecord::new("x", Decision::Allow).id("e1"), Duration::ZERO).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&[b'k'; 32]).unwrap();
        mac.update(entry.data.as_bytes());
        let digits = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
        let expected = digits.concat();
        assert_eq!((entry.id.as_str(), entry.sig), ("e1", Some(expected)));
        assert!(!format!("{seal:?}").contains("107"), "no key is shown");
        let unsigned = Seal::new("zone_prod", None).unwrap();
        let entry = unsigned.entry(AuditRecord::new("x", Decision::Allow), Duration::ZERO).unwrap();
        assert_eq!(entry.sig, None);
    }
}
