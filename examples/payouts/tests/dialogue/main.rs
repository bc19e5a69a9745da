//! The dialogue of the README, to the letter, with the service on each framework.
#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails is meant to panic"
)]

mod program;
mod script;
#[cfg(feature = "redis")]
mod shared;
mod shell;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use program::Program;
use script::Step;
use shell::Shell;

const WATCH: &str = "cargo run -q -p payouts --bin payouts-watch";

fn play(service: &str) {
    let issuer = Program::start(env!("CARGO_BIN_EXE_payouts-issuer"), &[]);
    let issuer_url = format!("http://{}", issuer.address());
    let service =
        Program::start(service, &[("CARACAL_STS_URL", &issuer_url), ("CARACAL_ZONE_ID", "zone_demo")]);
    let text = include_str!("../../README.md")
        .replace("127.0.0.1:3100", issuer.address())
        .replace("127.0.0.1:3000", service.address())
        .replace(WATCH, env!("CARGO_BIN_EXE_payouts-watch"));

    let mut shell = Shell::start();
    let steps = script::steps(&text);
    assert!(steps.len() > 15, "the README has its dialogue: {steps:?}");
    for Step { command, expected } in &steps {
        let lines = shell.run(command, expected.len());
        script::compare(command, expected, lines);
    }
}

/// It gives a mandate to everybody.
#[test]
fn the_issuer_listens_to_no_other_machine() {
    let mut issuer = Command::new(env!("CARGO_BIN_EXE_payouts-issuer"))
        .env_clear()
        .env("FAUTH_ADDR", "0.0.0.0:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(issuer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // It has ended, unless it listens.
    let _ = issuer.kill();
    let said = String::from_utf8(issuer.wait_with_output().unwrap().stderr).unwrap();
    assert_eq!(line, "", "{said}");
    assert!(said.contains("FAUTH_ADDR: 0.0.0.0:"), "{said}");
}

#[test]
fn the_readme_is_true_on_axum() {
    play(env!("CARGO_BIN_EXE_payouts-axum"));
}

#[test]
fn the_readme_is_true_on_actix() {
    play(env!("CARGO_BIN_EXE_payouts-actix"));
}

#[test]
fn the_readme_is_true_on_poem() {
    play(env!("CARGO_BIN_EXE_payouts-poem"));
}
