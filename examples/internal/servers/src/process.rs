//! A process that does not outlive us.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// A port of the loopback address that nothing listened on a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// What can be sent to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Ends it in order.
    Term,
    /// Ends PostgreSQL at once, without its children left behind.
    Quit,
    /// Ends it without a word.
    Kill,
    /// Stops it where it is.
    Stop,
    /// Lets it go on.
    Cont,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Term => "TERM",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        })
    }
}

/// A command that runs until this is dropped, or until this process ends in whatever way.
#[derive(Debug)]
pub struct Process {
    watchdog: Child,
    pid: u32,
}

impl Process {
    /// Starts `command` (words, without any of the shell's characters), its output going to `log`.
    /// It is ended with `last`.
    pub fn start(command: &[&str], log: &str, last: Signal) -> Self {
        // The read ends when our end of the pipe closes, and that happens with us.
        let script = format!(
            "log=$1; shift; \"$@\" >>\"$log\" 2>&1 </dev/null & pid=$!; echo $pid; \
             while read -r folder; do tidy=$folder; done; \
             kill -CONT $pid 2>/dev/null; kill -{last} $pid 2>/dev/null; wait $pid; \
             if [ -n \"$tidy\" ]; then rm -rf -- \"$tidy\"; fi"
        );
        let mut watchdog = Command::new("sh")
            .args(["-c", &script, "watchdog", log])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = watchdog.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the pid");
        let pid = line.trim().parse().expect("the pid");
        Self { watchdog, pid }
    }

    /// The command's own pid.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Removes a folder when the process has ended, also if we are not there any more: what is kept
    /// in a `static` is never dropped. An empty path takes that back.
    pub fn remove_after(&mut self, folder: &str) {
        use std::io::Write as _;
        let stdin = self.watchdog.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{folder}").expect("the watchdog reads");
    }

    /// Sends a signal to it, by its pid.
    pub fn signal(&self, signal: Signal) {
        let kill = format!("kill -{signal} {}", self.pid);
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}
