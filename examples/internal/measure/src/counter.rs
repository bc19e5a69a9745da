//! Instructions, counted by a tool that runs this program.

use std::{
    env, io,
    process::{Command, Output, Stdio},
};

use crate::{ChildRequest, Measured};

/// What counts instructions. The two do not agree, so whoever prints a count says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counter {
    /// The counter of the processor, read by `perf stat`.
    Perf,
    /// The simulated processor of `valgrind --tool=callgrind`. It has no SHA extensions: a program
    /// that would use them computes SHA-256 in software there, with about six times the
    /// instructions.
    Callgrind,
}

impl Counter {
    /// The processor's counter where the machine has one and lets us read it, else callgrind if it
    /// is installed.
    #[must_use]
    pub fn detect() -> Option<Self> {
        Self::perf().or_else(Self::callgrind)
    }

    fn perf() -> Option<Self> {
        let output = Self::Perf.command().arg("true").output().ok()?;
        perf_count(&String::from_utf8_lossy(&output.stderr)).map(|_| Self::Perf)
    }

    /// Callgrind, if it is installed.
    #[must_use]
    pub fn callgrind() -> Option<Self> {
        let version = Command::new("valgrind").arg("--version").output().ok()?;
        version.status.success().then_some(Self::Callgrind)
    }

    /// Says what was counted, for the head of a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Perf => "instructions:u of perf stat",
            Self::Callgrind => "callgrind, which hides SHA-NI",
        }
    }

    /// Counts the instructions of one operation of the case of this name: the program runs itself
    /// twice, once with `small` and once with `large` operations, and what both have in common
    /// cancels out.
    ///
    /// # Errors
    ///
    /// The tool or the program in it failed.
    pub fn per_operation(self, case: &str, small: u32, large: u32) -> io::Result<f64> {
        let more = self.count(case, large)?;
        let less = self.count(case, small)?;
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
        let difference = more as f64 - less as f64;
        Ok(difference / (f64::from(large) - f64::from(small)))
    }

    fn count(self, case: &str, times: u32) -> io::Result<u64> {
        let mut command = self.command();
        command.arg(env::current_exe()?).args(ChildRequest::arguments(case, times.into()));
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
        self.parse(&output)
    }

    /// The tool, up to the program that it is to run.
    fn command(self) -> Command {
        let (tool, arguments): (_, &[_]) = match self {
            Self::Perf => ("perf", &["stat", "-x,", "-e", "instructions:u", "--"]),
            Self::Callgrind => ("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null", "--"]),
        };
        let mut command = Command::new(tool);
        command.args(arguments);
        command
    }

    fn parse(self, output: &Output) -> io::Result<u64> {
        let report = String::from_utf8_lossy(&output.stderr);
        let count = match self {
            Self::Perf => perf_count(&report),
            Self::Callgrind => callgrind_count(&report),
        };
        let success = output.status.success();
        count.filter(|_| success).ok_or_else(|| io::Error::other(format!("{self:?} failed: {report}")))
    }
}

/// From `perf stat -x,`: a line for each kind of core, `<not supported>` or `<not counted>` where
/// there is nothing.
fn perf_count(report: &str) -> Option<u64> {
    let lines = report.lines().filter(|line| line.contains("instructions"));
    let counts = lines.filter_map(|line| line.split(',').next()?.parse::<u64>().ok());
    counts.reduce(|one, other| one + other)
}

fn callgrind_count(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// Counts instructions for all that was measured. A tool takes about a second to start, so this is
/// what takes longest.
///
/// # Errors
///
/// The tool or the program in it failed.
pub fn count_instructions(measured: &mut [Measured], counter: Counter) -> io::Result<()> {
    for one in measured {
        // About a millisecond of work: enough for the noise of the start not to show, and no more
        // than needed, because callgrind is some 50 times slower than the processor.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 10 and 1 000"
        )]
        let times = (1e6 / one.min_ns).clamp(10.0, 1000.0) as u32;
        one.instructions = Some(counter.per_operation(&one.name, 10, 10 + times)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_perf_stat() {
        for (report, expected) in [
            ("1234567,,instructions:u,812345,100.00,,", Some(1_234_567)),
            (
                "# started on a day\n\n1234567,,instructions:u,812345,100.00,0.98,insn per cycle\n",
                Some(1_234_567),
            ),
            ("40,,cpu_core/instructions/u,9,50.00,,\n2,,cpu_atom/instructions/u,9,50.00,,", Some(42)),
            (
                "<not counted>,,cpu_atom/instructions/u,0,0.00,,\n2,,cpu_core/instructions/u,9,100.00,,",
                Some(2),
            ),
            ("<not supported>,,instructions:u,0,100.00,,", None),
            ("Error:\nNo permission to enable instructions:u event.", None),
            ("", None),
        ] {
            assert_eq!(perf_count(report), expected, "{report}");
        }
    }

    #[test]
    fn reads_callgrind() {
        let report = "==71== Callgrind, a call-graph generating cache profiler\n==71== \n==71== Events    : Ir\n\
            ==71== Collected : 10264829\n==71== \n==71== I   refs:      10,264,829\n";
        assert_eq!(callgrind_count(report), Some(10_264_829));
        for report in ["", "==71== Collected : ", "valgrind: no such tool"] {
            assert_eq!(callgrind_count(report), None, "{report}");
        }
    }
}
