//! Whole requests in process: how they are called, checked, measured and judged, whatever the
//! framework.

use std::{
    fmt::Write as _,
    pin::pin,
    task::{Context, Poll, Waker},
};

use measure::{Case, Measured};

use crate::{
    Result, backend,
    measuring::measured,
    part::Part,
    table::{count, head, optional, table},
    token::Tokens,
    verify,
};

/// The HMAC of the signing input, by the backend that fauth uses here.
const FLOOR: &str = "HMAC alone";

/// What is compared on one framework.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) cases: Vec<Case<'static>>,
    /// Those among them that count as rivals.
    rivals: Vec<String>,
    /// Those that did not work, with the reason.
    failed: Vec<String>,
}

/// What a case is to the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An open route, hand-written code, or fauth.
    Own,
    /// Another crate, or the way tutorials do it.
    Rival,
    /// Shown, not judged.
    Information,
}

impl Comparison {
    /// Starts with the floor of every guard.
    pub(crate) fn with_floor(framework: &str, tokens: &Tokens) -> Self {
        let mut all = Self::default();
        let case = verify::floor(&format!("{framework}/{FLOOR}"), backend::of_fauth(), tokens);
        all.add(Role::Information, FLOOR, case);
        all
    }

    /// Adds a case, unless it could not be set up or does not guard anything.
    pub(crate) fn add(&mut self, role: Role, name: &str, case: Result<Case<'static>>) {
        match case {
            Ok(case) => {
                if role == Role::Rival {
                    self.rivals.push(case.name().to_owned());
                }
                self.cases.push(case);
            }
            Err(error) => self.failed.push(format!("{name}: not measured: {error}")),
        }
    }

    /// Says that something is not measured at all.
    pub(crate) fn leave_out(&mut self, what: &str) {
        self.failed.push(what.to_owned());
    }
}

/// Polls a future that never has to wait for anything, without a runtime's cost around it.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// What a route answers, as a status code, to a request with the credential and to one without.
pub(crate) struct Answers {
    pub(crate) with: u16,
    pub(crate) without: u16,
}

impl Answers {
    /// A guard lets in whom it has to, and nobody else.
    pub(crate) fn of_a_guard(&self) -> Result<()> {
        let Self { with, without } = self;
        match (with, without) {
            (200, 300..) => Ok(()),
            _ => Err(format!("answers {with} with the credential and {without} without").into()),
        }
    }

    /// An open route lets in everybody.
    pub(crate) fn of_an_open_route(&self) -> Result<()> {
        let Self { with, without } = self;
        if (*with, *without) == (200, 200) {
            Ok(())
        } else {
            Err(format!("answers {with} with the credential and {without} without").into())
        }
    }

    /// A guard refuses a credential that is there.
    pub(crate) fn of_a_refusal(&self) -> Result<()> {
        if self.with >= 400 { Ok(()) } else { Err(format!("answers {}", self.with).into()) }
    }
}

/// Measures a comparison. The cases are called `framework/…`; `open`, `hand-written` and `fauth
/// guard` are among them.
pub(crate) fn part(framework: &str, mut comparison: Comparison) -> Result<Part> {
    let measured = measured(&mut comparison.cases)?;
    let rows: Vec<_> = measured.iter().filter_map(|one| Row::of(framework, one, &measured)).collect();
    let mut part = Part::default();
    judge(&mut part, framework, &rows, &comparison.rivals);
    part.say(format!("{framework}: whole requests, in process"));
    part.say(table_of(&rows));
    if let Some(profile) = profile(&rows) {
        part.say(profile);
    }
    if let Some(refusals) = refusals(&rows) {
        part.say(refusals);
    }
    if !comparison.failed.is_empty() {
        part.say(comparison.failed.join("\n"));
    }
    Ok(part)
}

/// A case and what it adds to its open route.
struct Row<'a> {
    name: &'a str,
    measured: &'a Measured,
    added_ns: f64,
    added_instructions: Option<f64>,
    added_allocations: f64,
}

impl<'a> Row<'a> {
    fn of(framework: &str, measured: &'a Measured, all: &'a [Measured]) -> Option<Self> {
        let base = measured.base.as_deref().unwrap_or(&measured.name);
        let open = all.iter().find(|other| other.name == base)?;
        Some(Self {
            name: measured.name.strip_prefix(framework)?.strip_prefix('/')?,
            measured,
            added_ns: measured.min_ns - open.min_ns,
            added_instructions: measured.instructions.zip(open.instructions).map(|(own, base)| own - base),
            added_allocations: measured.allocations - open.allocations,
        })
    }

    fn cells(&self, hand: f64) -> Vec<String> {
        let Measured { min_ns, median_ns, instructions, allocations, .. } = self.measured;
        let total =
            [format!("{min_ns:.0}"), format!("{median_ns:.0}"), optional(*instructions), count(*allocations)];
        let added = if self.measured.base.is_some() {
            [
                format!("{:.0}", self.added_ns),
                optional(self.added_instructions),
                count(self.added_allocations),
                format!("{:.2}", self.added_ns / hand),
            ]
        } else {
            ["", "", "", ""].map(str::to_owned)
        };
        [self.name.to_owned()].into_iter().chain(total).chain(added).collect()
    }
}

fn table_of(rows: &[Row<'_>]) -> String {
    let hand = find(rows, "hand-written").map_or(f64::NAN, |row| row.added_ns);
    let mut cells = vec![head([
        "case",
        "min ns",
        "median ns",
        "instructions",
        "allocations",
        "+ ns",
        "+ instructions",
        "+ allocations",
        "to hand-written",
    ])];
    cells.extend(rows.iter().map(|row| row.cells(hand)));
    table(&cells)
}

/// Why the absolute number is what it is.
fn profile(rows: &[Row<'_>]) -> Option<String> {
    let (guard, floor) = (find(rows, "fauth guard")?, find(rows, FLOOR)?.measured);
    let rest = guard.added_instructions.zip(floor.instructions).map(|(all, floor)| all - floor);
    Some(format!(
        "Of what fauth's guard adds, the HMAC of the signing input alone is {:.0} ns and {} instructions; without it {:.0} \
         ns and {} instructions are left.",
        floor.min_ns,
        optional(floor.instructions),
        guard.added_ns - floor.min_ns,
        optional(rest),
    ))
}

/// What a refused request adds, to what an accepted one adds.
fn refusals(rows: &[Row<'_>]) -> Option<String> {
    let accepted = find(rows, "fauth guard")?.added_ns;
    let ratios = rows.iter().filter_map(|row| {
        let what = row.name.strip_prefix("fauth guard refuses: ")?;
        Some(format!("{what} {:.2}", row.added_ns / accepted))
    });
    let ratios = ratios.collect::<Vec<_>>().join(", ");
    Some(format!("what a refused request adds, to what an accepted one adds (no verdict): {ratios}"))
}

fn find<'r, 'a>(rows: &'r [Row<'a>], name: &str) -> Option<&'r Row<'a>> {
    rows.iter().find(|row| row.name == name)
}

fn judge(part: &mut Part, framework: &str, rows: &[Row<'_>], rivals: &[String]) {
    let Some(guard) = find(rows, "fauth guard").map(|row| row.added_ns) else { return };
    let mut measured = format!("{:.2} us", guard / 1000.0);
    if let Some(floor) = find(rows, FLOOR).map(|row| row.measured.min_ns) {
        let rest = (guard - floor) / 1000.0;
        let _ = write!(measured, ", of which HMAC alone {:.2} us; {rest:.2} us without it", floor / 1000.0);
    }
    part.judge("added", measured, guard <= 1000.0);
    if let Some(hand) = find(rows, "hand-written").map(|row| row.added_ns) {
        let ratio = guard / hand;
        part.judge("to-hand", format!("{ratio:.2} x ({guard:.0} ns / {hand:.0} ns)"), ratio <= 0.40);
    }
    let is_rival = |row: &&Row<'_>| {
        rivals.iter().any(|rival| rival.strip_prefix(framework) == Some(&format!("/{}", row.name)))
    };
    let best = rows.iter().filter(is_rival).min_by(|one, other| one.added_ns.total_cmp(&other.added_ns));
    if let Some(best) = best {
        let measured = format!("{guard:.0} ns, the best rival {:.0} ns ({})", best.added_ns, best.name);
        part.judge("to-rivals", measured, guard < best.added_ns);
    }
}

/// The counted line: what a request past a guard and one `CurrentUser` reads and loads, and the
/// same with two providers, where each has to look for itself, so that it is seen that the counters
/// count.
pub(crate) fn judge_once(part: &mut Part, guarded: (usize, usize), two_providers: (usize, usize)) {
    let ((read, loaded), (read_by_two, loaded_by_two)) = (guarded, two_providers);
    let measured = format!(
        "{read} verification, {loaded} load (with two providers {read_by_two} and {loaded_by_two}, as it must be)"
    );
    part.judge("once", measured, guarded == (1, 1) && two_providers == (2, 2));
}
