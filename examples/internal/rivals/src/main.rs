//! fauth beside hand-written guards and other crates, in one run. See `README.md`.
//!
//! `cargo run --release` prints the table, `-- --json FILE` writes it to a file too, `-- --only
//! PART` measures one part, such as `asymmetric`. The exit code is 0 only if every line holds.

mod asymmetric;
mod backend;
mod facts;
mod flood;
mod foreign;
mod hand;
mod in_process;
mod mandate;
mod measuring;
mod on_actix;
mod on_axum;
mod on_poem;
mod part;
mod provider;
mod report;
mod sockets;
mod table;
mod targets;
mod token;
mod verify;

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
};

use measure::{Case, ChildRequest, child_request};

use crate::{backend::Backend, report::Report};

/// Anything may fail here, and then it is said.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [_] => whole("", None),
        [_, "--json", file] => whole("", Some(file)),
        [_, "--only", part] => whole(part, None),
        // What follows is how the program calls itself.
        [_, "--run", ..] => run_one().map(|()| true),
        [_, "part", part] => print_part(part).map(|()| true),
        [_, "serve", framework, kind] => sockets::serve(framework, kind).map(|()| true),
        _ => Err("usage: rivals [--json FILE | --only PART]".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "rivals: {error}");
            ExitCode::from(2)
        }
    }
}

/// Measures everything and tells whether every line holds.
fn whole(only: &str, json: Option<&str>) -> Result<bool> {
    let report = Report::of_children(only)?;
    write!(io::stdout(), "{report}")?;
    if let Some(file) = json {
        fs::write(file, serde_json::to_string_pretty(&report.to_json())?)?;
    }
    Ok(report.holds())
}

fn print_part(name: &str) -> Result<()> {
    let part = match name {
        "probe" => verify::probe()?,
        "token" => verify::part()?,
        "asymmetric" | "asymmetric-rust" => asymmetric::part()?,
        "asymmetric-foreign" => foreign::part()?,
        "asymmetric-mandate" => mandate::part()?,
        "axum" => on_axum::part()?,
        "actix" => on_actix::part()?,
        "poem" => on_poem::part()?,
        "sockets" => sockets::part()?,
        "flood" => flood::part()?,
        _ => return Err(format!("no part is called {name:?}").into()),
    };
    part.print()
}

/// Runs one case and nothing else, for whoever counts its instructions.
fn run_one() -> Result<()> {
    let request = child_request(env::args()).ok_or("the request to run a case is not complete")?;
    Backend::install_requested()?;
    let mut cases = cases_around(&request)?;
    Ok(request.run(&mut cases)?)
}

/// The cases of the part that the named one belongs to.
fn cases_around(request: &ChildRequest) -> Result<Vec<Case<'static>>> {
    match request.name.split('/').next() {
        Some("token") => verify::cases(),
        Some("axum") => Ok(on_axum::cases()?.cases),
        Some("actix") => Ok(on_actix::cases()?.cases),
        Some("poem") => Ok(on_poem::cases()?.cases),
        _ => Err(format!("no case is called {:?}", request.name).into()),
    }
}
