//! What one child process has found, on its way to the parent.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Write as _},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    backend::{Backend, VARIABLE},
};

/// What a line of the table comes to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

/// The outcome of one part.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Part {
    /// By the keys of [`TARGETS`](crate::targets::TARGETS).
    pub(crate) verdicts: BTreeMap<String, Verdict>,
    /// Numbers that other parts need.
    pub(crate) numbers: BTreeMap<String, f64>,
    /// What is shown beneath the table.
    pub(crate) text: String,
}

impl Part {
    pub(crate) fn judge(&mut self, key: &str, measured: impl Into<String>, holds: bool) {
        self.verdicts.insert(key.to_owned(), Verdict { measured: measured.into(), holds });
    }

    /// Adds a paragraph or a table.
    pub(crate) fn say(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref().trim_end());
        self.text.push_str("\n\n");
    }

    pub(crate) fn print(&self) -> Result<()> {
        Ok(writeln!(io::stdout(), "{}", serde_json::to_string(self)?)?)
    }

    /// Runs a part in a process of its own: there is one provider of cryptography, one allocator
    /// and one set of caches to each. `launcher` comes before the program, to pin it to a core.
    pub(crate) fn of_child(name: &str, backend: Backend, launcher: &[String]) -> Result<Self> {
        let program = env::current_exe()?;
        let mut command = match launcher {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        let output = command
            .args(["part", name])
            .env(VARIABLE, backend.name())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("the part {name:?} ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
