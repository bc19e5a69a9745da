//! A folder that does not outlive us.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A folder of a test's own under the system's temporary one. It is removed when this is dropped,
/// or when this process ends in whatever way.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    watchdog: Child,
}

impl Folder {
    /// A new one, with `name` in its name.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fauth-{name}-{}-{count}", std::process::id()));
        fs::create_dir(&path).expect("a new folder");
        // A second is left for the server that writes into it to end.
        let script = "while read -r _; do :; done; sleep 1; rm -rf -- \"$1\"";
        let watchdog = Command::new("sh")
            .args(["-c", script, "watchdog"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Self { path, watchdog }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}
