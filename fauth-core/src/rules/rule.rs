//! One rule, as written.

use std::{fmt, panic::Location};

use super::{demand::Demand, rule_path::RulePath};
use crate::error::ConfigError;

/// One rule, as written.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) path: RulePath,
    pub(super) demand: Demand,
    pub(super) origin: Origin,
    /// The index of the joined source.
    pub(super) source: usize,
}

/// Where a rule was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Code(&'static Location<'static>),
    /// In a file; the application knows which.
    Line(usize),
    /// In a part of a configuration, where only the number of the rule is known.
    Number(usize),
}

impl Rule {
    /// An error about this rule.
    pub(super) fn error(&self, problem: impl fmt::Display, fix: impl Into<String>) -> ConfigError {
        ConfigError::new(self.demand.name(), format!("{self}: {problem}"), fix.into())
    }
}

/// `require("/admin") at src/app.rs:14`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}) {}", self.demand.name(), self.path, self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(location) => write!(f, "at {}:{}", location.file(), location.line()),
            Self::Line(line) => write!(f, "in line {line}"),
            Self::Number(number) => write!(f, "(rule {number})"),
        }
    }
}
