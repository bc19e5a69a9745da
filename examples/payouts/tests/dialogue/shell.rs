//! A shell that is told one command after the other.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// No command takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// For what is written although nobody expects it.
const SILENCE: Duration = Duration::from_millis(200);
const END: &str = "--- end of command ---";

/// A shell that runs until this is dropped.
pub(crate) struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Shell {
    pub(crate) fn start() -> Self {
        let mut child =
            Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"exec 2>&1\n").unwrap();
        Self { child, stdin, lines }
    }

    /// Runs a command, and returns what it and all that runs in the background write until it has
    /// ended and there are so many lines.
    pub(crate) fn run(&mut self, command: &str, count: usize) -> Vec<String> {
        writeln!(self.stdin, "{command}\necho; echo '{END}'").unwrap();
        let (mut lines, mut has_ended) = (Vec::new(), false);
        loop {
            let wait = if has_ended && lines.len() >= count { SILENCE } else { PATIENCE };
            match self.lines.recv_timeout(wait) {
                Ok(line) if line == END => has_ended = true,
                // Some answers end without a line break.
                Ok(line) if line.is_empty() => {}
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => return lines,
                Err(RecvTimeoutError::Disconnected) => panic!("the shell ends in: {command}"),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
