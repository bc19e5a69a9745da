//! Prints the table and the verdicts; ends with an error if one of them does not hold.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use fauth_core::BoxError;
use login_flood::{Effort, measure, verdicts};

fn main() -> Result<ExitCode, BoxError> {
    let quick = env::args().any(|argument| argument == "--quick");
    let rows = measure(if quick { Effort::Quick } else { Effort::Normal })?;
    let mut out = io::stdout().lock();
    writeln!(out, "| meanwhile | asked | p50 | p99 | max | logins done | shed | after |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (mode, row) in &rows {
        let [p50, p99, max] = [50, 99, 100].map(|percent| row.percentile(percent));
        let (name, asked) = (mode.name(), row.waits.len());
        write!(out, "| {name} | {asked} | {p50:.1?} | {p99:.1?} | {max:.1?} ")?;
        writeln!(out, "| {} | {} | {:.1?} |", row.done, row.shed, row.after)?;
    }
    writeln!(out)?;
    let verdicts = verdicts(&rows);
    for verdict in &verdicts {
        let holds = if verdict.holds { "holds" } else { "DOES NOT HOLD" };
        writeln!(out, "{}: {}, target {}: {holds}", verdict.name, verdict.measured, verdict.target)?;
    }
    let all = verdicts.iter().all(|verdict| verdict.holds);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
