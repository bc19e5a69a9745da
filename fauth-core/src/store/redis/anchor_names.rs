//! The names of the keys of what ends mandates.
//!
//! - `caracal:revoked:sessions:{anchor}` is `1` for as long as the anchor is revoked.
//! - `caracal:revoked:sessions:delegation-epoch:{zone}` is the epoch of a zone, in digits.
//! - `fauth:caracal:revoked:sessions:spent:{id}` is a mandate that was used and works once;
//!   `…:changes` is the channel on which instances hear of changes; at `…:nothing` there is never
//!   anything. These are ours, and Caracal has no use for them.
//!
//! An anchor that begins with `delegation-epoch:` would have the key of a zone's epoch. Revoking it
//! would set that epoch to 1, so it is refused; a mandate with such an anchor counts as revoked.

use redis::Script;

use super::step::Step;

const EPOCHS: &str = "delegation-epoch:";

/// The names of the keys.
#[derive(Debug)]
pub(super) struct AnchorNames {
    prefix: String,
    /// There is never anything here. Only a master lets its time to live be set.
    pub(super) nothing: String,
    pub(super) channel: String,
}

impl AnchorNames {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            nothing: format!("fauth:{prefix}nothing"),
            channel: format!("fauth:{prefix}changes"),
        }
    }

    /// What the names of the anchors' keys begin with.
    pub(super) fn anchor_prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn anchor(&self, anchor: &str) -> String {
        format!("{}{anchor}", self.prefix)
    }

    pub(super) fn epoch(&self, zone: &str) -> String {
        format!("{}{EPOCHS}{zone}", self.prefix)
    }

    pub(super) fn spent(&self, id: &str) -> String {
        format!("fauth:{}spent:{id}", self.prefix)
    }

    pub(super) fn step(&self, script: &'static Script) -> Step {
        let mut step = Step::new(script);
        step.key(&self.nothing);
        step
    }
}

/// Whether its key would be the epoch of a zone.
pub(super) fn is_reserved(anchor: &str) -> bool {
    anchor.starts_with(EPOCHS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_caracal() {
        let names = AnchorNames::new("caracal:revoked:sessions:");
        assert_eq!(names.anchor("sid_1"), "caracal:revoked:sessions:sid_1");
        assert_eq!(names.epoch("zone_prod"), "caracal:revoked:sessions:delegation-epoch:zone_prod");
        assert_eq!(names.spent("jti_1"), "fauth:caracal:revoked:sessions:spent:jti_1");
        assert!(is_reserved("delegation-epoch:zone_prod") && !is_reserved("delegation-epoch"));
    }
}
