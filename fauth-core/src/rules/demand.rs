//! What a rule demands, and how it combines with another rule.

use crate::{
    access::Access,
    requirement::{Requirement, fields::Fields},
};

/// What a rule demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing; credentials are not read.
    Public,
    /// Nothing, but the user is loaded.
    Visitors,
    /// A guest.
    Guests,
    /// The `named` fields of this requirement, and the rest of the rule that would decide
    /// otherwise.
    Require { requirement: Requirement, named: Fields },
    /// This requirement alone.
    Replace(Requirement),
}

impl Demand {
    pub(super) fn require(requirement: Requirement) -> Self {
        let named = Fields::of(&requirement);
        Self::Require { requirement, named }
    }

    /// The name of the builder's method.
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

    /// The access if this rule decides instead of one with the access `base`.
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

    /// Returns whether it inherits anything from a rule with the access `base`.
    pub(super) fn inherits_from(&self, base: &Access) -> bool {
        let asks = |base: &Access| base.requirement().is_some_and(|asked| !asked.is_plain());
        match self {
            Self::Require { requirement, .. } => {
                asks(base) && self.on_top_of(base) != Access::Required(requirement.clone())
            }
            _ => false,
        }
    }

    /// Returns whether it names no field although it would inherit some.
    pub(super) fn changes_nothing_of(&self, base: &Access) -> bool {
        match (self, base) {
            (Self::Require { named, .. }, Access::Required(base)) => named.is_empty() && !base.is_plain(),
            _ => false,
        }
    }
}
