//! Counting instructions on every core: what is counted does not depend on who else is running.

use std::{io, num::NonZero, thread};

use measure::{Counter, Measured, count_instructions};

use crate::Result;

/// Counts for all that was measured, if there is anything to count with.
pub(crate) fn count_all(measured: &mut [Measured]) -> Result<()> {
    let Some(counter) = Counter::detect() else { return Ok(()) };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = measured.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let counting: Vec<_> = measured
            .chunks_mut(share)
            .map(|some| scope.spawn(move || count_instructions(some, counter)))
            .collect();
        counting.into_iter().try_for_each(|one| {
            one.join().unwrap_or_else(|_| Err(io::Error::other("a thread that counts has panicked")))
        })
    })?;
    Ok(())
}
