//! Parses an entry of a stream, and decides what it asks for.

use std::collections::BTreeSet;

use crate::store::{
    StreamKey, check_anchor, redis::anchor_names::is_reserved, stream_signature::SIGNATURE_FIELD,
};

/// More fields than any message of Caracal has.
const MAX_FIELDS: usize = 64;
const MAX_BYTES: usize = 64 * 1024;

/// The fields whose values a message revokes.
const ANCHORS: [&str; 5] = ["session_id", "sid", "root_sid", "agent_session_id", "delegation_edge_id"];

/// The kind of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// `caracal.sessions.revoke`
    Revocations,
    /// `caracal.delegations.invalidate`
    Delegations,
}

/// The names and values of an entry, in their order.
pub(super) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// An entry as Redis delivers it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// `None` if the entry was deleted and only its delivery is still recorded.
    pub(super) fields: Option<Fields>,
}

/// What an entry asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Revoke {
        anchors: Vec<String>,
        /// Whether the signed text can also be parsed in another way.
        is_ambiguous: bool,
    },
    RaiseEpoch {
        zone: String,
        epoch: u64,
    },
}

/// Why an entry can never be carried out. Invalid signatures, missing anchors and invalid epochs
/// have the codes of Caracal's own consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Poison {
    InvalidSignature,
    /// The signature is valid, but also for other fields, and which of them were meant is not
    /// known.
    Ambiguous,
    MissingAnchor,
    InvalidEpoch,
    /// A field occurs twice, or is not UTF-8: two readers would see different fields.
    Malformed,
    TooLarge,
}

impl Poison {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSignature => "invalid_signature",
            Self::Ambiguous => "ambiguous_entry",
            Self::MissingAnchor => "missing_revocation_anchor",
            Self::InvalidEpoch => "invalid_delegation_epoch",
            Self::Malformed => "malformed_entry",
            Self::TooLarge => "entry_too_large",
        }
    }
}

/// The keys of valid signatures. Without a key, no signature is verified.
#[derive(Debug)]
pub(super) struct Signatures {
    pub(super) stream: String,
    pub(super) keys: Vec<StreamKey>,
}

/// Returns what the fields of an entry ask for.
///
/// The zone of a revocation is ignored, and messages of other zones are carried out: a group
/// delivers each entry to only one consumer, and anchors have no zone in Redis.
pub(super) fn order_of(
    topic: Topic,
    signatures: &Signatures,
    fields: &[(Vec<u8>, Vec<u8>)],
) -> Result<Order, Poison> {
    let bytes: usize = fields.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    if fields.len() > MAX_FIELDS || bytes > MAX_BYTES {
        return Err(Poison::TooLarge);
    }
    let message = Message::read(fields)?;
    let seal = message.seal(signatures);
    match (topic, seal) {
        (_, Seal::Wrong) => Err(Poison::InvalidSignature),
        // Revoking too much is safe: the anchors that the message names are revoked.
        (Topic::Revocations, _) => message.revocation(seal == Seal::Ambiguous),
        (Topic::Delegations, Seal::Ambiguous) => Err(Poison::Ambiguous),
        (Topic::Delegations, Seal::Good) => message.delegation(),
    }
}

/// The outcome of verifying a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seal {
    Good,
    /// Valid under one of the keys, but also for other fields: see `store/stream_signature.rs`.
    Ambiguous,
    Wrong,
}

struct Message<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Message<'a> {
    fn read(fields: &'a [(Vec<u8>, Vec<u8>)]) -> Result<Self, Poison> {
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|_| Poison::Malformed);
        let mut names = BTreeSet::new();
        let mut message = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let name = text(name)?;
            if !names.insert(name) {
                return Err(Poison::Malformed);
            }
            message.push((name, text(value)?));
        }
        Ok(Self(message))
    }

    fn field(&self, name: &str) -> &'a str {
        self.0.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    fn seal(&self, Signatures { stream, keys }: &Signatures) -> Seal {
        let signature = self.field(SIGNATURE_FIELD);
        let fields = || self.0.iter().map(|&(name, value)| (name, Some(value)));
        if keys.is_empty() || keys.iter().any(|key| key.verifies(stream, fields(), signature)) {
            return Seal::Good;
        }
        let is_by = |key: &StreamKey| key.verifies_ambiguous(stream, self.0.iter().copied(), signature);
        if keys.iter().any(is_by) { Seal::Ambiguous } else { Seal::Wrong }
    }

    /// Leaves out anchors that no mandate can have or that must not be revoked: see
    /// `store/redis/anchor_names.rs`.
    fn revocation(&self, is_ambiguous: bool) -> Result<Order, Poison> {
        let mut anchors: Vec<String> = Vec::new();
        for anchor in ANCHORS.map(|name| self.field(name)) {
            let is_usable = !anchor.is_empty() && check_anchor(anchor).is_ok() && !is_reserved(anchor);
            if is_usable && !anchors.iter().any(|known| known == anchor) {
                anchors.push(anchor.to_owned());
            }
        }
        match (anchors.is_empty(), is_ambiguous) {
            (false, _) => Ok(Order::Revoke { anchors, is_ambiguous }),
            (true, true) => Err(Poison::Ambiguous),
            (true, false) => Err(Poison::MissingAnchor),
        }
    }

    fn delegation(&self) -> Result<Order, Poison> {
        let (zone, digits) = (self.field("zone_id"), self.field("epoch"));
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        let epoch = digits.parse().ok().filter(|_| is_number);
        match epoch {
            Some(epoch) if !zone.is_empty() && check_anchor(zone).is_ok() => {
                Ok(Order::RaiseEpoch { zone: zone.to_owned(), epoch })
            }
            _ => Err(Poison::InvalidEpoch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    }

    fn key(byte: u8) -> StreamKey {
        StreamKey::new([byte; 32]).unwrap()
    }

    fn ask(topic: Topic, keys: &[u8], pairs: &[(&str, &str)]) -> Result<Order, Poison> {
        let keys = keys.iter().copied().map(key).collect();
        order_of(topic, &Signatures { stream: "s".to_owned(), keys }, &fields(pairs))
    }

    fn revoke(pairs: &[(&str, &str)]) -> Result<Order, Poison> {
        ask(Topic::Revocations, &[], pairs)
    }

    fn anchors(anchors: &[&str]) -> Order {
        let anchors = anchors.iter().map(|anchor| (*anchor).to_owned()).collect();
        Order::Revoke { anchors, is_ambiguous: false }
    }

    #[test]
    fn every_anchor_of_a_revocation_is_revoked_once() {
        let message = [
            ("zone_id", "zone_other"),
            ("reason", "logout"),
            ("delegation_edge_id", "e"),
            ("agent_session_id", "a"),
            ("root_sid", "r"),
            ("sid", "s"),
            ("session_id", "s"),
            ("grant_id", "g"),
        ];
        assert_eq!(revoke(&message), Ok(anchors(&["s", "r", "a", "e"])));
        assert_eq!(revoke(&[("session_id", ""), ("sid", "s")]), Ok(anchors(&["s"])));
        assert_eq!(revoke(&[("zone_id", "z"), ("session_id", "")]), Err(Poison::MissingAnchor));
        assert_eq!(revoke(&[]), Err(Poison::MissingAnchor));
    }

    /// None of them can be carried by a mandate that is accepted.
    #[test]
    fn anchors_that_no_mandate_has_are_left_out() {
        let long = "x".repeat(2000);
        let unusable = [("session_id", &*long), ("sid", "delegation-epoch:zone_prod")];
        assert_eq!(revoke(&unusable), Err(Poison::MissingAnchor));
        assert_eq!(revoke(&[unusable[0], unusable[1], ("root_sid", "r")]), Ok(anchors(&["r"])));
    }

    #[test]
    fn an_epoch_is_a_number_of_a_zone() {
        let raise = |zone, epoch| ask(Topic::Delegations, &[], &[("zone_id", zone), ("epoch", epoch)]);
        let raised = |epoch| Ok(Order::RaiseEpoch { zone: "z".to_owned(), epoch });
        assert_eq!(raise("z", "0"), raised(0));
        assert_eq!(raise("z", "007"), raised(7));
        assert_eq!(raise("z", "18446744073709551615"), raised(u64::MAX));
        for epoch in ["", "-1", "+1", " 1", "1.0", "1e3", "one", "18446744073709551616", "١"] {
            assert_eq!(raise("z", epoch), Err(Poison::InvalidEpoch), "{epoch}");
        }
        assert_eq!(raise("", "1"), Err(Poison::InvalidEpoch));
        assert_eq!(ask(Topic::Delegations, &[], &[("zone_id", "z")]), Err(Poison::InvalidEpoch));
    }

    #[test]
    fn a_signature_of_any_of_the_keys_is_good_and_no_other() {
        let message = [("zone_id", "z"), ("session_id", "s")];
        let signed = |signature: &str| {
            let mut fields = message.to_vec();
            fields.push(("_sig", signature));
            ask(Topic::Revocations, &[1, 2], &fields)
        };
        let by =
            |byte, stream| key(byte).sign(stream, message.map(|(name, value)| (name, Some(value)))).unwrap();
        assert_eq!(signed(&by(1, "s")), Ok(anchors(&["s"])));
        assert_eq!(signed(&by(2, "s")), Ok(anchors(&["s"])));
        for wrong in [by(3, "s"), by(1, "t"), String::new(), by(1, "s").to_uppercase()] {
            assert_eq!(signed(&wrong), Err(Poison::InvalidSignature), "{wrong}");
        }
        assert_eq!(ask(Topic::Revocations, &[1], &message), Err(Poison::InvalidSignature));
    }

    #[test]
    fn what_can_be_read_in_two_ways_revokes_what_it_names_and_raises_nothing() {
        let by = |byte| {
            let fields = [("epoch", "5"), ("reason", "x"), ("s", "1"), ("sid", "a"), ("zone_id", "z")];
            key(byte).sign("s", fields.map(|(name, value)| (name, Some(value)))).unwrap()
        };
        let joined = |topic, signature: &str| {
            let fields = [("epoch", "5"), ("reason", "x\ns=1"), ("sid", "a"), ("zone_id", "z")];
            ask(topic, &[1, 2], &[&fields[..], &[("_sig", signature)]].concat())
        };
        for good in [by(1), by(2)] {
            let revoked = Order::Revoke { anchors: vec!["a".to_owned()], is_ambiguous: true };
            assert_eq!(joined(Topic::Revocations, &good), Ok(revoked));
            assert_eq!(joined(Topic::Delegations, &good), Err(Poison::Ambiguous));
        }
        for wrong in [by(3), String::new(), by(1).to_uppercase()] {
            for topic in [Topic::Revocations, Topic::Delegations] {
                assert_eq!(joined(topic, &wrong), Err(Poison::InvalidSignature));
            }
        }
        let rest = "x\ns=1\nsid=a\nzone_id=z";
        let nothing = [("epoch", "5"), ("reason", rest), ("_sig", &*by(1))];
        assert_eq!(ask(Topic::Revocations, &[1], &nothing), Err(Poison::Ambiguous));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        assert_eq!(revoke(&[("sid", "a"), ("sid", "b")]), Err(Poison::Malformed));
        let signatures = Signatures { stream: "s".to_owned(), keys: Vec::new() };
        let broken = [(b"sid".to_vec(), vec![0xff])];
        assert_eq!(order_of(Topic::Revocations, &signatures, &broken), Err(Poison::Malformed));
    }

    #[test]
    fn entries_are_bounded() {
        let reason = "x".repeat(MAX_BYTES - 9);
        assert_eq!(revoke(&[("sid", "a"), ("reason", &reason[..reason.len() - 1])]), Ok(anchors(&["a"])));
        assert_eq!(revoke(&[("sid", "aa"), ("reason", &reason)]), Err(Poison::TooLarge));
        let names: Vec<_> = (0..MAX_FIELDS).map(|number| number.to_string()).collect();
        let mut many: Vec<_> = names.iter().map(|name| (&**name, "")).collect();
        assert_eq!(revoke(&many), Err(Poison::MissingAnchor));
        many.push(("sid", "a"));
        assert_eq!(revoke(&many), Err(Poison::TooLarge));
    }
}
