//! What was measured, for people and for machines.

use std::fmt;

use serde_json::{Value, json};

use crate::{Counter, Measured};

/// Everything that was measured in one run. Displayed, it is a table.
#[derive(Debug, Clone)]
pub struct Report {
    measured: Vec<Measured>,
    counter: Option<Counter>,
}

impl Report {
    /// Of what was measured, with the counter that its instructions come from.
    #[must_use]
    pub const fn new(measured: Vec<Measured>, counter: Option<Counter>) -> Self {
        Self { measured, counter }
    }

    /// How many times the fastest round of its base is in the fastest round of this one.
    #[must_use]
    pub fn ratio(&self, one: &Measured) -> Option<f64> {
        let base = one.base.as_deref()?;
        let base = self.measured.iter().find(|other| other.name == base)?;
        Some(one.min_ns / base.min_ns)
    }

    /// The same as the table.
    pub fn to_json(&self) -> Value {
        let cases: Vec<_> = self.measured.iter().map(|one| self.case(one)).collect();
        json!({ "instructions_from": self.counter.map(Counter::name), "cases": cases })
    }

    fn case(&self, one: &Measured) -> Value {
        json!({
            "name": one.name,
            "min_ns": one.min_ns,
            "median_ns": one.median_ns,
            "instructions": one.instructions,
            "allocations": one.allocations,
            "bytes": one.bytes,
            "base": one.base,
            "ratio": self.ratio(one),
        })
    }

    fn row(&self, one: &Measured) -> [String; 8] {
        let or_nothing = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        [
            one.name.clone(),
            format!("{:.1}", one.min_ns),
            format!("{:.1}", one.median_ns),
            or_nothing(one.instructions.map(|count| format!("{count:.0}"))),
            mean(one.allocations),
            mean(one.bytes),
            or_nothing(self.ratio(one).map(|ratio| format!("{ratio:.3}"))),
            one.base.clone().unwrap_or_default(),
        ]
    }
}

/// Without a fraction where there is none.
fn mean(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

const HEAD: [&str; 8] =
    ["case", "min ns", "median ns", "instructions", "allocations", "bytes", "ratio", "to"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.measured.iter().map(|one| self.row(one)));
        let widths: [usize; 8] = std::array::from_fn(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        });
        for row in rows {
            let cells: Vec<_> = row.iter().zip(widths).enumerate().map(aligned).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        let source = self.counter.map_or("not counted", Counter::name);
        writeln!(f, "instructions: {source}; ratio: of the fastest rounds")
    }
}

/// Words to the left, numbers to the right.
fn aligned((column, (cell, width)): (usize, (&String, usize))) -> String {
    if column == 0 || column == HEAD.len() - 1 {
        format!("{cell:<width$}")
    } else {
        format!("{cell:>width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let one = |name: &str, base: Option<&str>, min_ns, instructions| Measured {
            name: name.to_owned(),
            base: base.map(str::to_owned),
            min_ns,
            median_ns: min_ns * 1.5,
            allocations: 2.0,
            bytes: 96.5,
            instructions,
        };
        let measured = vec![
            one("much longer name", None, 1000.0, Some(12_345.4)),
            one("short", Some("much longer name"), 250.0, None),
        ];
        Report::new(measured, Some(Counter::Callgrind))
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
case              min ns  median ns  instructions  allocations  bytes  ratio  to
much longer name  1000.0     1500.0         12345            2  96.50      -
short              250.0      375.0             -            2  96.50  0.250  much longer name
instructions: callgrind, which hides SHA-NI; ratio: of the fastest rounds
";
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn json_says_the_same() {
        let json = report().to_json();
        assert_eq!(json["instructions_from"], "callgrind, which hides SHA-NI");
        assert_eq!(json["cases"][1]["base"], "much longer name");
        assert_eq!(json["cases"][1]["ratio"], 0.25);
        assert_eq!(json["cases"][0]["ratio"], Value::Null);
        assert_eq!(json["cases"][0]["instructions"], 12_345.4);
    }
}
