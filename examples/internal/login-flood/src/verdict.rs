//! What a flood of logins may cost the others, and the logins themselves.

use std::time::Duration;

use crate::{Mode, Row};

/// By how much the cheap route may wait longer than three times its idle time.
const GRACE: Duration = Duration::from_millis(3);
/// The least part of the unbounded throughput that the pool must reach.
const THROUGHPUT: f64 = 0.95;

/// A target, and whether it is met.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Verdict {
    /// What is measured.
    pub name: &'static str,
    /// The bound.
    pub target: String,
    /// What was measured.
    pub measured: String,
    /// Is it within the bound?
    pub holds: bool,
}

/// Judges fauth's pool by the modes without it.
#[must_use]
pub fn verdicts(rows: &[(Mode, Row)]) -> Vec<Verdict> {
    let row = |wanted| rows.iter().find_map(|(mode, row)| (*mode == wanted).then_some(row));
    let (Some(idle), Some(pool), Some(unbounded)) = (row(Mode::Idle), row(Mode::Pool), row(Mode::Unbounded))
    else {
        return Vec::new();
    };
    vec![waiting(idle, pool), throughput(pool, unbounded)]
}

fn waiting(idle: &Row, pool: &Row) -> Verdict {
    let limit = idle.percentile(99) * 3 + GRACE;
    let measured = pool.percentile(99);
    Verdict {
        name: "p99 of a cheap route, 50 logins in flight",
        target: format!("<= {limit:.1?} (3 x idle + 3 ms)"),
        measured: format!("{measured:.1?}"),
        holds: measured <= limit,
    }
}

fn throughput(pool: &Row, unbounded: &Row) -> Verdict {
    let ratio = pool.logins_per_second() / unbounded.logins_per_second();
    Verdict {
        name: "logins per second, to a blocking task each",
        target: format!(">= {THROUGHPUT:.2}"),
        measured: format!("{ratio:.2}"),
        holds: ratio >= THROUGHPUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pool_p99: u64, pool_logins: u32) -> [(Mode, Row); 3] {
        let row = |millis, done| Row {
            waits: vec![Duration::from_millis(millis); 10],
            done,
            shed: 0,
            after: Duration::from_secs(2),
        };
        [(Mode::Idle, row(1, 0)), (Mode::Pool, row(pool_p99, pool_logins)), (Mode::Unbounded, row(40, 200))]
    }

    fn holds(rows: &[(Mode, Row)]) -> Vec<bool> {
        verdicts(rows).iter().map(|verdict| verdict.holds).collect()
    }

    #[test]
    fn bounds_are_met_at_the_bound_and_not_beyond() {
        assert_eq!(holds(&rows(6, 190)), [true, true]);
        assert_eq!(holds(&rows(7, 190)), [false, true]);
        assert_eq!(holds(&rows(6, 189)), [true, false]);
    }

    #[test]
    fn nothing_is_judged_without_measurements() {
        assert!(verdicts(&[]).is_empty());
    }
}
