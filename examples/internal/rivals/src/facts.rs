//! What the numbers depend on.

use std::{env, fs, process::Command};

use measure::Counter;

use crate::backend;

/// About the machine, the compiler and the choices made, a line each.
pub(crate) fn facts(chosen: &str, load: &str) -> String {
    let counter = Counter::detect().map_or("none: neither perf nor valgrind works here", Counter::name);
    let lines = [
        ("processor", cpu_model()),
        ("SHA extensions", sha_extensions().to_owned()),
        ("compiler", rustc()),
        ("jsonwebtoken", chosen.to_owned()),
        ("fauth's HMAC", backend::of_fauth().name().to_owned()),
        ("instructions", counter.to_owned()),
        ("load average before and after", load.to_owned()),
    ];
    lines.map(|(name, value)| format!("{name}: {value}\n")).concat()
}

/// The load average of the last minute: what the neighbours on this machine did.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, Into::into);
    format!("{model}, {cores} cores")
}

fn sha_extensions() -> &'static str {
    if backend::has_sha_extensions() {
        "present"
    } else {
        "not present: every SHA-256 is computed without them"
    }
}

/// Of the compiler in the path, which is the one that `cargo run` has used.
fn rustc() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
