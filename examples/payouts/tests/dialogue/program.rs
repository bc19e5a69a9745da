//! A program of the example, on a free port.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

/// A program that runs until this is dropped.
pub(crate) struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts it with this environment and nothing else in it, and waits until it listens.
    pub(crate) fn start(path: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(path)
            .env_clear()
            .env("FAUTH_ADDR", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim_end().split_once(" listens on http://").unwrap_or_else(|| {
            panic!("{path} says no address, and ends with {:?}: {line:?}", child.wait());
        });
        Self { child, address: address.to_owned() }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
