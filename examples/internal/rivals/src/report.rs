//! The whole: children run one after the other, and what they found put together.

use std::{
    fmt,
    io::{self, Write as _},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    Result,
    backend::Backend,
    facts::{facts, load_average},
    part::Part,
    table::table_of_words,
    targets::{TARGETS, Target},
    verify::probed,
};

const PARTS: [&str; 10] = [
    "token",
    "asymmetric",
    "asymmetric-rust",
    "asymmetric-foreign",
    "asymmetric-mandate",
    "axum",
    "actix",
    "poem",
    "sockets",
    "flood",
];

/// Everything that was found.
pub(crate) struct Report {
    lines: Vec<Line>,
    details: String,
    facts: String,
}

/// One line of the table.
struct Line {
    target: &'static Target,
    measured: String,
    holds: bool,
}

impl Report {
    /// Runs every part in a child of its own, or only those whose names begin like this.
    pub(crate) fn of_children(only: &str) -> Result<Self> {
        let before = load_average();
        say("which backend of jsonwebtoken is the faster");
        let (backend, chosen) = faster_backend()?;
        let mut report = Self { lines: Vec::new(), details: String::new(), facts: String::new() };
        let mut parts = Vec::new();
        for name in PARTS.into_iter().filter(|name| name.starts_with(only)) {
            say(name);
            // One part for each backend, so that both are held against.
            let backend = match name {
                "asymmetric" => Backend::AwsLc,
                "asymmetric-rust" => Backend::RustCrypto,
                _ => backend,
            };
            let launcher = if name == "sockets" { pinned_to(0) } else { Vec::new() };
            let part = Part::of_child(name, backend, &launcher);
            report.details += &part
                .as_ref()
                .map_or_else(|error| format!("{name}: not measured: {error}\n\n"), |part| part.text.clone());
            parts.push((name, part));
        }
        let targets = TARGETS.iter().filter(|target| target.part.starts_with(only));
        report.lines = targets.map(|target| Line::of(target, &parts)).collect();
        report.facts = facts(&chosen, &format!("{before}, {}", load_average()));
        Ok(report)
    }

    /// Does every line hold?
    pub(crate) fn holds(&self) -> bool {
        self.lines.iter().all(|line| line.holds)
    }

    pub(crate) fn to_json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "name": line.target.name,
                "target": line.target.bound,
                "measured": line.measured,
                "holds": line.holds,
            })
        });
        lines.collect()
    }
}

impl Line {
    fn of(target: &'static Target, parts: &[(&str, Result<Part>)]) -> Self {
        let part = parts.iter().find(|(name, _)| *name == target.part).map(|(_, part)| part);
        let (measured, holds) = match part {
            Some(Ok(part)) => part.verdicts.get(target.key).map_or_else(
                || ("not measured, see below".to_owned(), false),
                |verdict| (verdict.measured.clone(), verdict.holds),
            ),
            Some(Err(error)) => (format!("not measured: {error}"), false),
            None => ("not measured".to_owned(), false),
        };
        Self { target, measured, holds }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["what", "target", "measured", "verdict"].map(str::to_owned).to_vec()];
        rows.extend(self.lines.iter().map(|line| {
            let verdict = if line.holds { "holds" } else { "does not hold" };
            vec![
                line.target.name.to_owned(),
                line.target.bound.to_owned(),
                line.measured.clone(),
                verdict.to_owned(),
            ]
        }));
        let held = self.lines.iter().filter(|line| line.holds).count();
        writeln!(f, "{}\n{held} of {} lines hold.\n", table_of_words(&rows), self.lines.len())?;
        writeln!(f, "{}{}", self.details, self.facts)
    }
}

/// The one that decodes faster, and a sentence about both.
fn faster_backend() -> Result<(Backend, String)> {
    let mut found = Vec::new();
    for backend in Backend::ALL {
        let (decode, encode) =
            probed(&Part::of_child("probe", backend, &[])?).ok_or("the probe has found nothing")?;
        found.push((backend, decode, encode));
    }
    found.sort_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
    let (fastest, ..) = found.first().ok_or("there is no backend")?;
    let times: Vec<_> = found
        .iter()
        .map(|(backend, decode, encode)| {
            format!("{} decodes in {decode:.0} ns and encodes in {encode:.0} ns", backend.name())
        })
        .collect();
    let encodes_faster = found.iter().min_by(|(.., one), (.., other)| one.total_cmp(other));
    let remark = match encodes_faster {
        Some((other, ..)) if other != fastest => ", so that the line about issuing is too kind to fauth",
        _ => "",
    };
    Ok((*fastest, format!("{} is used everywhere ({}{remark})", fastest.name(), times.join(", "))))
}

/// The words that start a program on one core; none where that is not possible.
pub(crate) fn pinned_to(core: usize) -> Vec<String> {
    let launcher = ["taskset".to_owned(), "--cpu-list".to_owned(), core.to_string()];
    let [program, arguments @ ..] = &launcher;
    let works =
        Command::new(program).args(arguments).arg("true").status().is_ok_and(|status| status.success());
    if works { launcher.into() } else { Vec::new() }
}

fn say(what: &str) {
    let _ = writeln!(io::stderr(), "measuring: {what}");
}
