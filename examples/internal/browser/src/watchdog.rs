//! The end of a browser that the driver has started for us.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// Kills the browser that uses a profile, by its pid, when this is dropped or when this process
/// ends in whatever way.
///
/// The driver starts Chromium, and leaves it running when it is killed itself. Chromium writes its
/// pid into its profile: `SingletonLock` is a link to `host-pid`.
#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn over(profile: &Path) -> Self {
        // The read ends when our end of the pipe closes, and that happens with us.
        let script = "while read -r _; do :; done; \
            lock=$(readlink \"$1/SingletonLock\") && kill -KILL \"${lock##*-}\"";
        let watchdog = Command::new("sh")
            .args(["-c", script, "watchdog"])
            .arg(profile)
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
