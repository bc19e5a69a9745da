//! What the core costs: verifying, issuing, refusing and deciding, beside `jsonwebtoken` and the
//! bare hash.
//!
//! ```text
//! cargo bench -p fauth-core --bench core                    a table
//! cargo bench -p fauth-core --bench core -- verify guard    only the cases with one of these words, and their bases
//! cargo bench -p fauth-core --bench core -- --quick         fewer rounds, no instructions
//! cargo bench -p fauth-core --bench core -- --json FILE     the same as JSON
//! cargo bench -p fauth-core --bench core -- --budget        instructions, held against `benches/budget.txt`
//! cargo bench -p fauth-core --bench core -- --write-budget  makes the present counts the budget
//! ```
//!
//! Everything runs in one process and on one thread, with the real clock. `std::hint::black_box`
//! stands around each result.

mod budget;
mod cases;
mod options;
mod request;
mod tokens;

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
};

use fauth_core::BoxError;
use measure::{Case, Counter, Effort, Report, child_request, count_instructions, measure};

use options::{Options, Task};

fn main() -> Result<ExitCode, BoxError> {
    let mut cases = cases::all()?;
    if let Some(request) = child_request(env::args()) {
        request.run(&mut cases)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(env::args().skip(1))?;
    match options.task {
        Task::Measure => time(cases, &options)?,
        Task::CheckBudget if !budget::check()? => return Ok(ExitCode::FAILURE),
        Task::CheckBudget => {}
        Task::WriteBudget => budget::write()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn time(mut cases: Vec<Case<'_>>, options: &Options) -> Result<(), BoxError> {
    options.keep_wanted(&mut cases);
    let effort = if options.quick { Effort::Quick } else { Effort::Normal };
    let mut measured = measure(&mut cases, effort);
    let counter = if options.quick { None } else { Counter::detect() };
    if let Some(counter) = counter {
        count_instructions(&mut measured, counter)?;
    }
    let without_hash = cases::without_hash(&measured).unwrap_or_default();
    let report = Report::new(measured, counter);
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report.to_json()))?;
    }
    write!(io::stdout().lock(), "{report}{without_hash}{}", tokens::description()?)?;
    Ok(())
}
