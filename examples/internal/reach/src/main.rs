//! How soon a revocation reaches the sockets that are open on other instances, and what an open
//! socket costs.
//!
//! ```sh
//! cargo run --release -p reach                  # three processes, a Redis server, 300 rounds
//! cargo run --release -p reach -- rounds 1000
//! cargo run --release -p reach -- sockets 10000 # one process; `ulimit -n` bounds the number
//! ```

mod instance;
mod remote;
mod rounds;
mod sockets;
mod spread;

use std::{env, process::ExitCode};

use fauth_core::BoxError;

fn main() -> Result<ExitCode, BoxError> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match words.as_slice() {
        ["instance", store @ ..] => runtime.block_on(instance::serve(store.first().copied()))?,
        [] => runtime.block_on(rounds::measure(300))?,
        ["rounds", count] => runtime.block_on(rounds::measure(count.parse()?))?,
        ["sockets", count] => runtime.block_on(sockets::measure(count.parse()?))?,
        _ => {
            eprintln!("usage: reach [rounds COUNT | sockets COUNT]");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
