//! The declarations of one provider that are still in use.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{declaration::Declaration, finding::Finding, report::Audit};

/// The maximum number of declarations in use that are listed; a finding reports more.
const MAX_DECLARATIONS: usize = 8192;

/// Below this number, dropped declarations are not cleared.
const FEW: usize = 64;

/// Weak references: a declaration is held by what it declares, so a dropped guard leaves the list.
#[derive(Debug, Default)]
pub(crate) struct Declarations(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    known: Vec<Weak<Declaration>>,
    /// The number of known declarations at which dropped ones are cleared.
    clear_at: usize,
    left_out: bool,
}

impl Declarations {
    pub(crate) fn add(&self, declaration: Declaration) -> Arc<Declaration> {
        let declaration = Arc::new(declaration);
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.known.len() >= list.clear_at.max(FEW) {
            list.known.retain(|known| known.strong_count() > 0);
            // Amortised: the cost of clearing is paid by the declarations added since.
            list.clear_at = (2 * list.known.len()).min(MAX_DECLARATIONS);
        }
        if list.known.len() < MAX_DECLARATIONS {
            list.known.push(Arc::downgrade(&declaration));
        } else {
            list.left_out = true;
        }
        declaration
    }

    pub(crate) fn audit(&self) -> Audit {
        let (live, left_out) = {
            let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let live: Vec<_> = list.known.iter().filter_map(Weak::upgrade).collect();
            (live, list.left_out)
        };
        let is_incomplete = left_out || live.iter().any(|declaration| declaration.is_incomplete());
        let entries = live.iter().flat_map(|declaration| declaration.entries()).collect();
        Audit::new(entries, is_incomplete.then(Finding::incomplete).into_iter().collect())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;

    #[test]
    fn what_is_dropped_is_forgotten_and_the_list_does_not_grow() {
        let declarations = Declarations::default();
        let kept = declarations.add(Declaration::of_guard(Access::Optional));
        for _ in 0..100_000 {
            drop(declarations.add(Declaration::of_guard(Access::Optional)));
            assert!(declarations.len() <= FEW);
        }
        assert_eq!(declarations.audit().entries().len(), 1);
        drop(kept);
        assert_eq!(declarations.audit().entries().len(), 0);
    }

    #[test]
    fn very_many_that_are_in_use_are_bounded_and_a_finding_says_so() {
        let declarations = Declarations::default();
        let add = || declarations.add(Declaration::of_guard(Access::Optional));
        let mut kept: Vec<_> = (0..MAX_DECLARATIONS).map(|_| add()).collect();
        assert!(declarations.audit().findings().is_empty());
        kept.push(add());
        assert_eq!(declarations.len(), MAX_DECLARATIONS);
        assert_eq!(declarations.audit().findings().len(), 1);
        drop(kept);
        drop(add());
        assert!(declarations.len() <= 1);
    }
}
