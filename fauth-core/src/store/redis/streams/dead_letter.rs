//! The payload of a dead letter.

use std::collections::BTreeMap;

use super::entry::Poison;

/// Returns the fields as compact, sorted JSON; for an entry that is too large, only its size.
pub(super) fn payload(fields: &[(Vec<u8>, Vec<u8>)], poison: Poison) -> String {
    let mut shown = BTreeMap::new();
    if poison == Poison::TooLarge {
        let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        shown.insert("_fields".into(), fields.len().to_string().into());
        shown.insert("_bytes".into(), bytes.to_string().into());
    } else {
        for (name, value) in fields {
            shown.insert(String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        }
    }
    serde_json::to_string(&shown).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_compact_and_sorted() {
        let fields = [("zone_id", "z"), ("_sig", "00"), ("event", "re\"voke")];
        let fields = fields.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        assert_eq!(
            payload(&fields, Poison::InvalidSignature),
            r#"{"_sig":"00","event":"re\"voke","zone_id":"z"}"#
        );
        assert_eq!(payload(&fields, Poison::TooLarge), r#"{"_bytes":"26","_fields":"3"}"#);
        let broken = [(b"a".to_vec(), vec![0xff])];
        assert_eq!(payload(&broken, Poison::Malformed), "{\"a\":\"\u{fffd}\"}");
    }
}
