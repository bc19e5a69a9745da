//! The end of a process that somebody else has started for us.

use std::process::{Child, Command, Stdio};

/// Kills a process, by its pid, when this is dropped or when this process ends in whatever way.
///
/// The driver starts Chromium, and leaves it running when it is killed itself.
#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn over(pid: u64) -> Self {
        // The read ends when our end of the pipe closes, and that happens with us.
        let script = "while read -r _; do :; done; kill -KILL \"$1\" 2>/dev/null";
        let watchdog = Command::new("sh")
            .args(["-c", script, "watchdog", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self(watchdog)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
