//! Fuzz target for entries of Caracal's streams.
#![allow(clippy::unwrap_used, reason = "a broken invariant is meant to panic")]

use redis::Value;

use super::{
    entry::{Order, Signatures, Topic, order_of},
    wire,
};
use crate::store::StreamKey;

/// Checks that an order contains only what the fields of its entry contain, and at most five
/// anchors.
pub(crate) fn read(value: &Value) -> bool {
    let mut is_accepted = false;
    let key = StreamKey::new([7; 32]).unwrap();
    let signed = |keys| Signatures { stream: "caracal.sessions.revoke".to_owned(), keys };
    for entry in wire::fuzzing::entries(value) {
        let Some(fields) = entry.fields else { continue };
        for signatures in [signed(vec![]), signed(vec![key.clone()])] {
            for topic in [Topic::Revocations, Topic::Delegations] {
                let Ok(order) = order_of(topic, &signatures, &fields) else { continue };
                is_accepted = true;
                let is_there = |text: &str| fields.iter().any(|(_, value)| value == text.as_bytes());
                match order {
                    Order::Revoke { anchors, is_ambiguous } => {
                        assert!(
                            (1..=5).contains(&anchors.len()) && anchors.iter().all(|anchor| is_there(anchor))
                        );
                        assert!(anchors.iter().all(|anchor| (1..=1024).contains(&anchor.len())));
                        assert!(topic == Topic::Revocations && !(is_ambiguous && signatures.keys.is_empty()));
                    }
                    Order::RaiseEpoch { zone, .. } => {
                        assert!(topic == Topic::Delegations && is_there(&zone) && !zone.is_empty());
                    }
                }
            }
        }
    }
    is_accepted
}
