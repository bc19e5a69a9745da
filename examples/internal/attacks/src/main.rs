//! Prints what was measured and the verdicts; ends with an error if one of them does not hold.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use attacks::{Verdict, locking_out, revoking};
use fauth_core::BoxError;
use tokio::runtime;

fn main() -> Result<ExitCode, BoxError> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let is_given = |name: &str| arguments.iter().any(|argument| argument == name);
    let (quick, throttle) = (is_given("--quick"), !is_given("--without-throttle"));
    let all = !is_given("revoking") && !is_given("locking-out");
    let mut out = io::stdout().lock();
    let mut verdicts = Vec::new();
    if all || is_given("revoking") {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let reports = runtime.block_on(revoking::attack(quick))?;
        runtime.shutdown_background();
        writeln!(out, "{}", revoking::Report::HEAD)?;
        for report in reports {
            writeln!(out, "{report}")?;
            verdicts.extend(report.verdicts());
        }
        writeln!(out)?;
    }
    if all || is_given("locking-out") {
        writeln!(out, "{}", locking_out::Report::HEAD)?;
        for attack in locking_out::Attack::ALL {
            let report = locking_out::attack(attack, quick, throttle)?;
            writeln!(out, "{report}")?;
            verdicts.extend(report.verdicts());
        }
        writeln!(out)?;
    }
    for Verdict { name, holds, .. } in &verdicts {
        writeln!(out, "{name}: {}", if *holds { "holds" } else { "DOES NOT HOLD" })?;
    }
    let all = verdicts.iter().all(|verdict| verdict.holds);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
