//! The program itself, with few rounds: a logout closes the sockets of other processes too.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::process::Command;

fn run(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_reach")).args(words).output().unwrap();
    let (said, failed) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}{failed}");
    said
}

/// It fails if a socket is closed for another reason, or not at all.
#[test]
fn a_logout_closes_sockets_of_three_processes() {
    let said = run(&["rounds", "6"]);
    assert!(said.contains("| all three are closed | "), "{said}");
}
