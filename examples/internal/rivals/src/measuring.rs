//! Time and instructions of the cases of one part.

use std::{io, num::NonZero, thread};

use measure::{Case, Counter, Effort, Measured, count_instructions, measure};

use crate::Result;

/// Measures time before and after the instructions are counted, and keeps the faster of the two:
/// neighbours that disturb one half are often gone in the other.
pub(crate) fn measured(cases: &mut [Case<'static>]) -> Result<Vec<Measured>> {
    let mut first = measure(cases, Effort::Normal);
    count_all(&mut first)?;
    for (one, again) in first.iter_mut().zip(measure(cases, Effort::Normal)) {
        one.min_ns = one.min_ns.min(again.min_ns);
        one.median_ns = one.median_ns.min(again.median_ns);
    }
    Ok(first)
}

/// Counts on every core, if there is anything to count with: instructions do not depend on who else
/// is running.
fn count_all(measured: &mut [Measured]) -> Result<()> {
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
