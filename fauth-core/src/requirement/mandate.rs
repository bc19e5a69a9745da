//! Requirements on [mandates](crate::token::Mandate): conditions on their claims, and the two
//! defaults that apply if a requirement does not set them.

use super::{
    Condition, Holder, MandateCondition, Missing, MissingMandate, Names, Requirement, Unmet, leaf_is_met,
    missing_scopes, without_mandate,
};
use crate::token::{Mandate, MandateUse, TokenPayload};

/// How often a mandate may have been passed on, unless a requirement says otherwise.
pub(crate) const DEFAULT_MAX_HOPS: u32 = 10;

/// The maximum length of a target or application name in a mandate, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Requirements on mandates.
///
/// | not set | mandates are accepted |
/// |---|---|
/// | use | for a [resource](MandateUse::Resource) |
/// | hops | that were passed on at most 10 times |
///
/// Each alternative of [`any_of`](Self::any_of), and each half of an [`and`](Self::and), sets these
/// for itself, or the requirement around it does. If a mandate lacks several things, the first is
/// reported in this order: use, scopes, agent session, delegation, chain, hops, targets, then
/// everything else as written.
impl Requirement {
    /// Requires the mandate to name this target (`target`), compared byte for byte.
    #[must_use]
    pub fn target(self, target: impl AsRef<str>) -> Self {
        self.targets([target])
    }

    /// Requires the mandate to name **all** of these targets.
    #[must_use]
    pub fn targets<N: Names>(self, targets: N) -> Self {
        self.all_in_mandate("targets", targets, MandateCondition::Target)
    }

    /// Requires the mandate to be for this use. Otherwise the request is refused with 401,
    /// `invalid_token`.
    #[must_use]
    pub fn mandate_use(self, wanted: MandateUse) -> Self {
        self.with_use(Some(wanted))
    }

    /// Accepts mandates for any use.
    ///
    /// # Security
    /// A session mandate is meant to be exchanged for others, and allows more than a resource
    /// mandate. Most services should not accept it.
    #[must_use]
    pub fn any_use(self) -> Self {
        self.with_use(None)
    }

    /// Requires the mandate to be of an agent session (`agent_session_id`).
    #[must_use]
    pub fn agent_session(self) -> Self {
        self.once(MandateCondition::AgentSession)
    }

    /// The same as [`agent_session`](Self::agent_session), under the name that Caracal 1.0 gave it.
    #[must_use]
    pub fn session(self) -> Self {
        self.agent_session()
    }

    /// Requires the mandate to be delegated (`delegation_edge_id`), and to name the epoch of the
    /// delegation (`delegation_graph_epoch`): without the epoch, it is not known whether the
    /// delegation is still in force.
    #[must_use]
    pub fn delegation(self) -> Self {
        self.once(MandateCondition::Delegation)
    }

    /// Requires **all** of these applications to be in the delegation chain of the mandate. That
    /// the mandate was issued to one of them (`client_id`) is not enough.
    #[must_use]
    pub fn chain_contains<N: Names>(self, applications: N) -> Self {
        self.all_in_mandate("chain_contains", applications, MandateCondition::ChainContains)
    }

    /// Requires the mandate to have been passed on at most this often (`hop_count`); 0 means never.
    #[must_use]
    pub fn max_hops(self, most: u32) -> Self {
        self.once(MandateCondition::MaxHops(most))
    }

    fn with_use(mut self, wanted: Option<MandateUse>) -> Self {
        let other = |condition: &Condition| match condition {
            Condition::Mandate(MandateCondition::Use(written)) => *written != wanted,
            _ => false,
        };
        if self.conditions.iter().any(other) {
            self.fail("mandate_use", "two different uses are demanded", "name one, or `any_use()`");
        }
        self.once(MandateCondition::Use(wanted))
    }

    fn once(mut self, condition: MandateCondition) -> Self {
        let condition = Condition::Mandate(condition);
        if !self.conditions.contains(&condition) {
            self.conditions.push(condition);
        }
        self
    }

    fn all_in_mandate<N: Names>(
        mut self,
        field: &'static str,
        names: N,
        condition: fn(Box<str>) -> MandateCondition,
    ) -> Self {
        let names: Vec<Box<str>> = names.into_iter().map(|name| name.as_ref().into()).collect();
        if names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
            self.fail(field, "a name is longer than any mandate has", "use up to 255 bytes");
        }
        let make = |name: Box<str>| Condition::Mandate(condition(name));
        let conditions = self.names(field, names, make);
        self.conditions.extend(conditions);
        self
    }

    /// Decides the conditions that depend on the claims of a mandate alone. Roles and permissions
    /// count as held, and the login as recent: [`decide`](Self::decide) checks them once the user
    /// is known. A token that is not a mandate passes here.
    ///
    /// # Errors
    /// [`Unmet`] for the first unmet condition, in the documented order.
    pub(crate) fn decide_mandate(&self, token: &TokenPayload) -> Result<(), Unmet> {
        match token.mandate() {
            Some(mandate) => self.decide_for_mandate(&ClaimsAlone { token }, mandate),
            None => Ok(()),
        }
    }

    /// Returns which defaults this requirement relaxes in at least one alternative.
    pub(crate) fn goes_beyond_defaults(&self) -> Said {
        let asks = |is_it: fn(&MandateCondition) -> bool| mentions(&self.conditions, is_it);
        Said {
            mandate_use: asks(|condition| match condition {
                MandateCondition::Use(wanted) => *wanted != Some(MandateUse::Resource),
                _ => false,
            }),
            hops: asks(
                |condition| matches!(condition, MandateCondition::MaxHops(most) if *most > DEFAULT_MAX_HOPS),
            ),
        }
    }

    /// Returns which defaults this requirement sets explicitly in every alternative.
    pub(crate) fn leaves_no_default(&self) -> Said {
        Said::always(&self.conditions, Said::NOTHING)
    }

    pub(super) fn decide_for_mandate(&self, holder: &impl Holder, mandate: &Mandate) -> Result<(), Unmet> {
        match (Judge { holder, mandate }).judge(&self.conditions) {
            Err(Unmet::Lacks(Missing::Scopes(_))) => {
                Err(Unmet::Lacks(Missing::Scopes(missing_scopes(&self.conditions, holder))))
            }
            verdict => verdict,
        }
    }
}

/// Returns whether such a condition occurs at any depth.
pub(crate) fn mentions(conditions: &[Condition], is_it: fn(&MandateCondition) -> bool) -> bool {
    conditions.iter().any(|condition| match condition {
        Condition::All(inner) | Condition::Any(inner) => mentions(inner, is_it),
        Condition::Mandate(condition) => is_it(condition),
        _ => false,
    })
}

/// A mandate whose user is not known yet.
struct ClaimsAlone<'a> {
    token: &'a TokenPayload,
}

impl Holder for ClaimsAlone<'_> {
    fn is_api_key(&self) -> bool {
        false
    }

    fn has_role(&self, _: &str) -> bool {
        true
    }

    fn has_permission(&self, _: &str) -> bool {
        true
    }

    fn has_scope(&self, scope: &str) -> bool {
        self.token.has_scope(scope)
    }

    fn has_logged_in_within(&self, _: std::time::Duration) -> bool {
        true
    }

    fn mandate(&self) -> Option<&Mandate> {
        self.token.mandate()
    }
}

/// The defaults that do not apply to a mandate: because a requirement sets them explicitly, or
/// because the mandate is within the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) mandate_use: bool,
    pub(crate) hops: bool,
}

impl Said {
    const NOTHING: Self = Self { mandate_use: false, hops: false };
    const EVERYTHING: Self = Self { mandate_use: true, hops: true };

    /// Set by this condition, which is not a list.
    fn by(condition: &Condition) -> Self {
        match condition {
            Condition::Mandate(MandateCondition::Use(_)) => Self { mandate_use: true, ..Self::NOTHING },
            Condition::Mandate(MandateCondition::MaxHops(_)) => Self { hops: true, ..Self::NOTHING },
            _ => Self::NOTHING,
        }
    }

    /// Set anywhere in these conditions.
    fn within(conditions: &[Condition]) -> Self {
        conditions.iter().fold(Self::NOTHING, |said, condition| match condition {
            Condition::All(inner) | Condition::Any(inner) => said.or(Self::within(inner)),
            leaf => said.or(Self::by(leaf)),
        })
    }

    /// Set by these conditions, whichever of their alternatives is met.
    fn always(conditions: &[Condition], around: Self) -> Self {
        let direct = conditions.iter().map(Self::by).fold(around, Self::or);
        let mut parts = Parts::default();
        for condition in conditions {
            let said = match condition {
                Condition::All(inner) => Self::always(inner, direct),
                Condition::Any(inner) => {
                    let each = inner.iter().map(|one| Self::always(std::slice::from_ref(one), direct));
                    each.fold(Self::EVERYTHING, Self::and)
                }
                _ => direct,
            };
            parts.add(condition, said);
        }
        parts.together(direct)
    }

    const fn or(self, other: Self) -> Self {
        Self { mandate_use: self.mandate_use || other.mandate_use, hops: self.hops || other.hops }
    }

    const fn and(self, other: Self) -> Self {
        Self { mandate_use: self.mandate_use && other.mandate_use, hops: self.hops && other.hops }
    }
}

/// What the conditions of one list set. Each `All` among them is a requirement of its own, and so
/// are the others together: each must itself set a default that it exceeds.
#[derive(Default)]
struct Parts {
    lists: Option<Said>,
    others: Option<Said>,
}

impl Parts {
    fn add(&mut self, condition: &Condition, said: Said) {
        if matches!(condition, Condition::All(_)) {
            self.lists = Some(self.lists.map_or(said, |lists| lists.and(said)));
        } else {
            self.others = Some(self.others.map_or(said, |others| others.or(said)));
        }
    }

    /// `direct` applies if there are no conditions at all.
    fn together(self, direct: Said) -> Said {
        match (self.lists, self.others) {
            (Some(lists), Some(others)) => lists.and(others),
            (one, other) => one.or(other).unwrap_or(direct),
        }
    }
}

/// Checks a mandate against conditions. The methods are also passed what the surrounding conditions
/// set.
struct Judge<'a, H> {
    holder: &'a H,
    mandate: &'a Mandate,
}

impl<H: Holder> Judge<'_, H> {
    fn judge(&self, conditions: &[Condition]) -> Result<(), Unmet> {
        let fits = Said {
            mandate_use: self.mandate.mandate_use() == MandateUse::Resource,
            hops: self.mandate.hop_count() <= DEFAULT_MAX_HOPS,
        };
        let said = fits.or(Said::within(conditions));
        let default = refuse_unsaid(said);
        let asked = self.all(conditions, fits).and_then(refuse_unsaid);
        match (default, asked) {
            (Err(default), Err(unmet)) => Err(first_told(default, unmet)),
            (default, asked) => default.and(asked),
        }
    }

    fn one(&self, condition: &Condition, around: Said) -> Result<Said, Unmet> {
        match condition {
            Condition::All(conditions) => self.all(conditions, around),
            Condition::Any(conditions) => self.any(conditions, around),
            leaf if leaf_is_met(leaf, self.holder) => Ok(around.or(Said::by(leaf))),
            Condition::Mandate(condition) => Err(without_mandate(condition.missing())),
            leaf => Err(super::unmet_leaf(leaf, self.holder)),
        }
    }

    /// Checks that all conditions are met.
    fn all(&self, conditions: &[Condition], around: Said) -> Result<Said, Unmet> {
        let direct = conditions.iter().map(Said::by).fold(around, Said::or);
        let mut parts = Parts::default();
        let mut unmet: Option<Unmet> = None;
        for condition in conditions {
            match self.one(condition, direct) {
                Ok(said) => parts.add(condition, said),
                Err(other) => {
                    unmet = Some(match unmet {
                        Some(first) => first_told(first, other),
                        None => other,
                    });
                }
            }
        }
        unmet.map_or_else(|| Ok(parts.together(direct)), Err)
    }

    /// Checks that one condition is met. Prefers the first one that leaves no default to apply.
    fn any(&self, conditions: &[Condition], around: Said) -> Result<Said, Unmet> {
        let mut met = None;
        let mut stale = None;
        let mut faults = Vec::new();
        for condition in conditions {
            match self.one(condition, around) {
                Ok(Said::EVERYTHING) => return Ok(Said::EVERYTHING),
                Ok(said) => met = met.or(Some(said)),
                Err(Unmet::StaleLogin(age)) => stale = stale.max(Some(age)),
                Err(unmet) => faults.push(unmet),
            }
        }
        match (met, stale) {
            (Some(said), _) => Ok(said),
            (None, Some(age)) => Err(Unmet::StaleLogin(age)),
            (None, None) => Err(none_of(faults)),
        }
    }
}

/// A single alternative is reported by itself.
fn none_of(mut faults: Vec<Unmet>) -> Unmet {
    let are_all_uses = faults.iter().all(|fault| *fault == Unmet::WrongUse);
    match faults.pop() {
        Some(fault) if faults.is_empty() || are_all_uses => fault,
        _ => Unmet::Lacks(Missing::Alternative),
    }
}

fn refuse_unsaid(said: Said) -> Result<(), Unmet> {
    match said {
        Said { mandate_use: false, .. } => Err(Unmet::WrongUse),
        Said { hops: false, .. } => {
            Err(Unmet::Lacks(Missing::Mandate(MissingMandate::TooManyHops(DEFAULT_MAX_HOPS))))
        }
        _ => Ok(()),
    }
}

/// Returns the one of two faults that is reported.
fn first_told(first: Unmet, second: Unmet) -> Unmet {
    match (first, second) {
        (Unmet::StaleLogin(one), Unmet::StaleLogin(other)) => Unmet::StaleLogin(one.min(other)),
        (first, second) if rank(&second) < rank(&first) => second,
        (first, _) => first,
    }
}

/// The position in the documented order.
const fn rank(unmet: &Unmet) -> u8 {
    match unmet {
        Unmet::WrongUse => 0,
        Unmet::Lacks(Missing::Scopes(_)) => 1,
        Unmet::Lacks(Missing::Mandate(missing)) => match missing {
            MissingMandate::AgentSession => 2,
            MissingMandate::Delegation => 3,
            MissingMandate::ChainApplication(_) => 4,
            MissingMandate::TooManyHops(_) => 5,
            MissingMandate::Target(_) => 6,
        },
        Unmet::Lacks(_) => 7,
        Unmet::StaleLogin(_) => 8,
    }
}

#[cfg(test)]
mod tests;
