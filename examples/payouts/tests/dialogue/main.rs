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
