//! What the command line asks for.

use std::path::PathBuf;

use fauth_core::BoxError;
use measure::Case;

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    #[default]
    Measure,
    CheckBudget,
    WriteBudget,
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) task: Task,
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
    /// Parts of names; without any, every case is wanted.
    words: Vec<String>,
}

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match &*argument {
                // Said by cargo to every benchmark.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--budget" => options.task = Task::CheckBudget,
                "--write-budget" => options.task = Task::WriteBudget,
                "--json" => options.json = Some(arguments.next().ok_or("--json needs a file")?.into()),
                option if option.starts_with('-') => return Err(format!("no such option: {option}").into()),
                _ => options.words.push(argument),
            }
        }
        Ok(options)
    }

    /// Drops the cases that nobody asked for, but not what those that remain are compared with.
    pub(crate) fn keep_wanted(&self, cases: &mut Vec<Case<'_>>) {
        if self.words.is_empty() {
            return;
        }
        let wanted = |case: &Case<'_>| self.words.iter().any(|word| case.name().contains(word));
        let bases: Vec<_> = cases.iter().filter(|case| wanted(case)).filter_map(|case| case.base()).collect();
        let bases: Vec<_> = bases.into_iter().map(str::to_owned).collect();
        cases.retain(|case| wanted(case) || bases.iter().any(|base| base == case.name()));
    }
}
