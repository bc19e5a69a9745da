//! The instruction budget: what the hot path executes today, held against a committed list.
//!
//! Times differ from machine to machine and from minute to minute; instructions under callgrind
//! hardly do. Hashing is subtracted: callgrind shows it in software, where it would be most of each
//! count and hide what is ours.

use std::{
    collections::BTreeMap,
    env::consts::ARCH,
    fs,
    io::{self, Write as _},
    process::Command,
};

use fauth_core::BoxError;
use measure::Counter;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/budget.txt");
const COUNTED_WITH: &str = "# counted with: ";
/// A count may differ from its budget by this factor.
const TOLERANCE: f64 = 1.1;

/// A line of the file: `instructions | case | hash`.
struct Line<'a> {
    budget: f64,
    case: &'a str,
    /// The case whose instructions are not counted, if any.
    hash: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Result<Self, BoxError> {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match *cells.as_slice() {
            [budget, case] => Ok(Self { budget: budget.parse()?, case, hash: None }),
            [budget, case, hash] => Ok(Self { budget: budget.parse()?, case, hash: Some(hash) }),
            _ => Err(format!("{line:?} is no line of a budget").into()),
        }
    }
}

/// Counts what the file lists. Whether all of it is within its budget.
pub(crate) fn check() -> Result<bool, BoxError> {
    let file = fs::read_to_string(FILE)?;
    let mut counts = Counts::new()?;
    let mut out = io::stdout().lock();
    writeln!(out, "{:>9} {:>9} {:>7}", "counted", "budget", "change")?;
    let mut holds = true;
    for line in file.lines().filter(|line| !is_comment(line)) {
        let line = Line::read(line)?;
        let counted = counts.own(&line)?;
        let verdict = match counted / line.budget {
            ratio if ratio > TOLERANCE => "  TOO MUCH",
            ratio if ratio < 1.0 / TOLERANCE => "  less than before: lower the budget with --write-budget",
            _ => "",
        };
        holds &= counted <= line.budget * TOLERANCE;
        let change = (counted / line.budget - 1.0) * 100.0;
        writeln!(out, "{counted:>9.0} {:>9.0} {change:>+6.1}%  {}{verdict}", line.budget, line.case)?;
    }
    if !holds {
        let then = file.lines().find_map(|line| line.strip_prefix(COUNTED_WITH)).unwrap_or_default();
        writeln!(
            out,
            "The core's path has grown by more than a tenth. If that is meant, or the tools are others:"
        )?;
        writeln!(out, "cargo bench -p fauth-core --bench core -- --write-budget")?;
        writeln!(out, "counted with: {}\nbudget from:  {then}", tools())?;
    }
    Ok(holds)
}

/// Replaces the counts in the file by those of today.
pub(crate) fn write() -> Result<(), BoxError> {
    let mut counts = Counts::new()?;
    let file = fs::read_to_string(FILE)?;
    let lines: Result<Vec<_>, _> = file.lines().map(|line| rewritten(line, &mut counts)).collect();
    Ok(fs::write(FILE, lines?.join("\n") + "\n")?)
}

fn rewritten(line: &str, counts: &mut Counts) -> Result<String, BoxError> {
    if line.starts_with(COUNTED_WITH) {
        return Ok(format!("{COUNTED_WITH}{}", tools()));
    }
    if is_comment(line) {
        return Ok(line.to_owned());
    }
    let (_, names) = line.split_once('|').ok_or("no line of a budget")?;
    Ok(format!("{:>6.0} |{names}", counts.own(&Line::read(line)?)?))
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// What a count depends on, besides the code.
fn tools() -> String {
    let version = |program| {
        let output = Command::new(program).arg("--version").output().ok();
        output.map_or_else(String::new, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    format!("{}, {}, {ARCH}", version("rustc"), version("valgrind"))
}

/// Counts by the names of the cases; each is counted once.
struct Counts {
    counter: Counter,
    known: BTreeMap<String, f64>,
}

impl Counts {
    fn new() -> Result<Self, BoxError> {
        let counter = Counter::callgrind().ok_or("valgrind is missing: install the package `valgrind`")?;
        Ok(Self { counter, known: BTreeMap::new() })
    }

    fn own(&mut self, line: &Line<'_>) -> io::Result<f64> {
        let hash = line.hash.map_or(Ok(0.0), |hash| self.all(hash))?;
        Ok(self.all(line.case)? - hash)
    }

    fn all(&mut self, case: &str) -> io::Result<f64> {
        if let Some(count) = self.known.get(case) {
            return Ok(*count);
        }
        let count = self.counter.per_operation(case, 10, 60)?;
        self.known.insert(case.to_owned(), count);
        Ok(count)
    }
}
