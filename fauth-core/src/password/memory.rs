//! The working memory of Argon2: wiped after each hash, and reused for the next.
//!
//! Memory that is new to a process costs as much as a part of the hash, because the operating
//! system maps it page by page, each on first access. So while hashes are computed one after the
//! other, the next one works in the memory of the last one. When none is computed, all of it is
//! freed: an idle service holds none.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use argon2::Block;
use zeroize::Zeroize as _;

/// The idle memory, and the number of hashes at work.
#[derive(Default)]
pub(super) struct WorkingMemory(Mutex<State>);

#[derive(Default)]
struct State {
    at_work: usize,
    /// Wiped, and fewer than those at work, so that the total never exceeds the number of slots.
    idle: Vec<Vec<Block>>,
}

impl WorkingMemory {
    /// Lends this many blocks, with undefined contents. Returns `None` if there is not enough
    /// memory.
    pub(super) fn lend<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> Option<T> {
        let mut loan = self.take();
        if loan.blocks.len() < blocks {
            // Freed before more is allocated.
            loan.blocks = Vec::new();
            loan.blocks.try_reserve_exact(blocks).ok()?;
            loan.blocks.resize(blocks, Block::new());
        }
        loan.used = blocks;
        loan.blocks.get_mut(..blocks).map(work)
    }

    /// No code under the lock can panic half way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Loan<'_> {
        let mut state = self.lock();
        state.at_work += 1;
        Loan { memory: self, blocks: state.idle.pop().unwrap_or_default(), used: 0 }
    }
}

/// Blocks at work. They are wiped and returned when this is dropped, also by a panic.
struct Loan<'a> {
    memory: &'a WorkingMemory,
    blocks: Vec<Block>,
    used: usize,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.blocks.iter_mut().take(self.used).for_each(Block::zeroize);
        let mut state = self.memory.lock();
        state.at_work -= 1;
        if state.idle.len() < state.at_work {
            state.idle.push(mem::take(&mut self.blocks));
        } else if state.at_work == 0 {
            state.idle.clear();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    impl WorkingMemory {
        /// The number of hashes at work, and the sizes of the idle blocks.
        fn state(&self) -> (usize, Vec<usize>) {
            let state = self.lock();
            (state.at_work, state.idle.iter().map(Vec::len).collect())
        }
    }

    fn mark(blocks: &mut [Block]) -> *const Block {
        for block in &mut *blocks {
            block.as_mut().fill(7);
        }
        blocks.as_ptr()
    }

    fn is_wiped(blocks: &[Block]) -> bool {
        blocks.iter().all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    #[test]
    fn the_next_hash_works_where_the_last_one_has_and_finds_nothing_of_it() {
        let memory = WorkingMemory::default();
        memory.lend(8, |_| {
            let first = memory.lend(8, mark).unwrap();
            assert_eq!(memory.state(), (1, vec![8]));
            let wiped = |blocks: &mut [Block]| (blocks.as_ptr(), blocks.len(), is_wiped(blocks));
            assert_eq!(memory.lend(8, wiped), Some((first, 8, true)));
            // A smaller loan is a part of the same memory, a larger one is new.
            assert_eq!(memory.lend(3, wiped), Some((first, 3, true)));
            memory.lend(3, mark);
            assert_eq!(memory.lend(8, wiped), Some((first, 8, true)));
            assert_eq!(memory.lend(9, |blocks| blocks.len()), Some(9));
            assert_eq!(memory.state(), (1, vec![9]));
        });
    }

    #[test]
    fn nothing_is_held_while_nobody_works() {
        let memory = WorkingMemory::default();
        memory.lend(8, mark).unwrap();
        assert_eq!(memory.state(), (0, vec![]));
        memory.lend(8, |_| {
            memory.lend(8, |_| memory.lend(8, mark));
            // No more are idle than at work.
            assert_eq!(memory.state(), (1, vec![8]));
        });
        assert_eq!(memory.state(), (0, vec![]));
    }

    #[test]
    fn what_a_panic_leaves_is_wiped_and_given_back() {
        let memory = WorkingMemory::default();
        memory.lend(8, |_| {
            let work = || {
                memory.lend(8, |blocks| {
                    mark(blocks);
                    panic!("on purpose")
                })
            };
            catch_unwind(AssertUnwindSafe(work)).unwrap_err();
            assert_eq!(memory.lend(8, |blocks| is_wiped(blocks)), Some(true));
            assert_eq!(memory.state(), (1, vec![8]));
        });
        assert_eq!(memory.state(), (0, vec![]));
    }

    #[test]
    fn more_than_there_is_is_not_lent() {
        let memory = WorkingMemory::default();
        assert_eq!(memory.lend(usize::MAX / 1024, |_| ()), None);
        assert_eq!(memory.state(), (0, vec![]));
        assert_eq!(memory.lend(1, |blocks| blocks.len()), Some(1));
    }
}
