//! The keys of the anchor store.
//!
//! - `caracal:revoked:sessions:{anchor}` is `1` for as long as the anchor is revoked.
//! - `caracal:revoked:sessions:delegation-epoch:{zone}` is the delegation epoch of a zone, in
//!   decimal digits.
//! - `fauth:caracal:revoked:sessions:spent:{id}` is a single-use mandate that was used; `…:changes`
//!   is the channel on which changes are published; `…:nothing` is a key that never exists. Caracal
//!   does not use these three.
//!
//! An anchor that begins with `delegation-epoch:` would have the key of a zone's epoch. Revoking it
//! would set that epoch to 1, so it is refused; a mandate with such an anchor counts as revoked.

use redis::Script;

use super::step::Step;

const EPOCHS: &str = "delegation-epoch:";

/// The keys of one prefix.
#[derive(Debug)]
pub(super) struct AnchorNames {
    prefix: String,
    /// A key that never exists. Only a master accepts setting its time to live.
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

    /// The prefix of the anchors' keys.
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

/// Returns whether the key of this anchor would be the epoch of a zone.
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
