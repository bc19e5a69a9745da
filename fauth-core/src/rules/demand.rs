//! What a rule asks for, and what becomes of it on top of another rule.

use crate::{
    access::Access,
    requirement::{Requirement, fields::Fields},
};

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing, not even to look who is there.
    Public,
    /// Everybody, and it is looked who is there.
    Visitors,
    /// Nobody who is signed in.
    Guests,
    /// The `named` fields of this, and what the rule asks for that would decide otherwise.
    Require { requirement: Requirement, named: Fields },
    /// This.
    Replace(Requirement),
}

impl Demand {
    pub(super) fn require(requirement: Requirement) -> Self {
        let named = Fields::of(&requirement);
        Self::Require { requirement, named }
    }

    /// As the method of the builder is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Visitors => "visitors",
            Self::Guests => "guests",
            Self::Require { .. } => "require",
            Self::Replace(_) => "replace",
        }
    }

    pub(super) const fn requirement(&self) -> Option<&Requirement> {
        match self {
            Self::Public | Self::Visitors | Self::Guests => None,
            Self::Require { requirement, .. } | Self::Replace(requirement) => Some(requirement),
        }
    }

    pub(super) const fn admits_anonymous(&self) -> bool {
        self.requirement().is_none()
    }

    /// What is asked for where this rule decides instead of one that asks for `base`.
    pub(super) fn on_top_of(&self, base: &Access) -> Access {
        match (self, base) {
            (Self::Public, _) => Access::Open,
            (Self::Visitors, _) => Access::Optional,
            (Self::Guests, _) => Access::Guests,
            (Self::Replace(own), _) => Access::Required(own.clone()),
            (Self::Require { requirement, named }, Access::Required(base)) => {
                Access::Required(base.overridden_by(requirement, *named))
            }
            (Self::Require { requirement, .. }, _) => Access::Required(requirement.clone()),
        }
    }

    /// Does it take anything over from a rule that asks for `base`?
    pub(super) fn inherits_from(&self, base: &Access) -> bool {
        let asks = |base: &Access| base.requirement().is_some_and(|asked| !asked.is_plain());
        match self {
            Self::Require { requirement, .. } => {
                asks(base) && self.on_top_of(base) != Access::Required(requirement.clone())
            }
            _ => false,
        }
    }

    /// Does it name nothing, although it would have something to replace?
    pub(super) fn changes_nothing_of(&self, base: &Access) -> bool {
        match (self, base) {
            (Self::Require { named, .. }, Access::Required(base)) => named.is_empty() && !base.is_plain(),
            _ => false,
        }
    }
}
