//! One rule, as it was written.

use std::{fmt, panic::Location};

use super::{demand::Demand, rule_path::RulePath};
use crate::error::ConfigError;

/// One rule, as it was written.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) path: RulePath,
    pub(super) demand: Demand,
    pub(super) origin: Origin,
    /// Which of several joined sources it comes from.
    pub(super) source: usize,
}

/// Where a rule was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Code(&'static Location<'static>),
    /// In a file, which the application knows.
    Line(usize),
    /// In a part of a configuration of which only is known how many rules stand before this one.
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
