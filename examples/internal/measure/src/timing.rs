//! Time, in interleaved rounds.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use crate::{Case, Measured};

/// How long one round of one case takes. Shorter than a time slice of the scheduler, so that some
/// rounds are undisturbed, and long enough for the clock read not to show.
const ROUND: Duration = Duration::from_millis(2);

/// How many operations allocations are the mean of.
const COUNTED: u32 = 64;

/// How much time measuring may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// To see that it works: about 40 ms for each case.
    Quick,
    /// To compare: about 300 ms for each case.
    Normal,
}

impl Effort {
    const fn rounds(self) -> usize {
        match self {
            Self::Quick => 20,
            Self::Normal => 150,
        }
    }
}

/// Measures time and allocations of all cases, in turns: in every round each case runs for about
/// two milliseconds, and another one is the first.
pub fn measure(cases: &mut [Case<'_>], effort: Effort) -> Vec<Measured> {
    let mut runs: Vec<_> = cases.iter_mut().map(Run::calibrated).collect();
    let cases = runs.len().max(1);
    for round in 0..effort.rounds() {
        let (last, first) = runs.split_at_mut(round % cases);
        first.iter_mut().chain(last).for_each(Run::round);
    }
    runs.into_iter().map(Run::result).collect()
}

/// A case, how often it fits into a round, and the mean nanoseconds of each round.
struct Run<'r, 'a> {
    case: &'r mut Case<'a>,
    times: u32,
    rounds: Vec<f64>,
}

impl<'r, 'a> Run<'r, 'a> {
    /// Warms up at the same time.
    fn calibrated(case: &'r mut Case<'a>) -> Self {
        let mut run = Self { case, times: 1, rounds: Vec::new() };
        let mut took = run.time();
        while took < ROUND / 2 && run.times < u32::MAX / 2 {
            run.times *= 2;
            took = run.time();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts of floats saturate"
        )]
        let fitting = (f64::from(run.times) * ROUND.as_secs_f64() / took.as_secs_f64()) as u32;
        run.times = fitting.max(1);
        run
    }

    fn time(&mut self) -> Duration {
        let begun = Instant::now();
        self.case.run(self.times.into());
        begun.elapsed()
    }

    fn round(&mut self) {
        let took = self.time();
        self.rounds.push(took.as_secs_f64() * 1e9 / f64::from(self.times));
    }

    fn result(mut self) -> Measured {
        let (allocations, bytes) = self.case.allocations(COUNTED);
        let min_ns = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let median_ns = median(&mut self.rounds);
        let name = self.case.name().to_owned();
        let base = self.case.base().map(str::to_owned);
        Measured { name, base, min_ns, median_ns, allocations, bytes, instructions: None }
    }
}

/// The middle value, or the mean of the two in the middle. Of nothing, it is not a number.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    f64::midpoint(middle(values.len().wrapping_sub(1) / 2), middle(values.len() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [
            (vec![3.0], 3.0),
            (vec![9.0, 1.0], 5.0),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 100.0, 2.0], 3.0),
        ] {
            assert!((median(&mut values.clone()) - expected).abs() < 1e-9, "{values:?}");
        }
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn every_case_is_measured_and_stays_in_its_place() {
        let mut cases = [
            Case::new("little", || ()),
            Case::new("more", || vec![0_u8; 4096]).against("little"),
            Case::new("other", || ()),
        ];
        let measured = measure(&mut cases, Effort::Quick);
        let names: Vec<_> = measured.iter().map(|one| (&*one.name, one.base.as_deref())).collect();
        assert_eq!(names, [("little", None), ("more", Some("little")), ("other", None)]);
        assert!(measured[0].min_ns <= measured[0].median_ns);
        assert!(measured[0].min_ns < measured[1].min_ns);
        assert!((measured[1].bytes - 4096.0).abs() < 1e-9);
        assert!(measure(&mut [], Effort::Quick).is_empty());
    }
}
