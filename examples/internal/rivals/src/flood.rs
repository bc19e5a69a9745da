//! 50 logins in flight, as the package `login-flood` measures them: an axum server with two
//! workers, clients beside it.

use login_flood::{Effort, measure, verdicts};

use crate::{
    Result,
    part::Part,
    table::{head, table},
};

/// Measures and judges.
pub(crate) fn part() -> Result<Part> {
    let rows = measure(Effort::Normal).map_err(|error| error.to_string())?;
    let mut part = Part::default();
    for (key, verdict) in ["p99", "throughput"].iter().zip(verdicts(&rows)) {
        part.judge(key, format!("{}, target {}", verdict.measured, verdict.target), verdict.holds);
    }
    let mut cells = vec![head(["meanwhile", "p50", "p99", "max", "logins done", "shed", "logins/s"])];
    cells.extend(rows.iter().map(|(mode, row)| {
        let [p50, p99, max] = [50, 99, 100].map(|percent| format!("{:.1?}", row.percentile(percent)));
        let logins = if row.done > 0 { format!("{:.0}", row.logins_per_second()) } else { String::new() };
        vec![mode.name().to_owned(), p50, p99, max, row.done.to_string(), row.shed.to_string(), logins]
    }));
    part.say("what a cheap route waits for while others log in");
    part.say(table(&cells));
    Ok(part)
}
