//! The start of each program of this example.

use std::{
    env,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};

use fauth_core::BoxError;
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

/// Runs a program, and writes its error to stderr.
pub async fn run(name: &str, program: impl Future<Output = Result<(), BoxError>>) -> ExitCode {
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name} cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens at `FAUTH_ADDR`, or by default at this address.
///
/// # Errors
/// If the address is taken or invalid.
pub fn listen(default: &str) -> Result<(TcpListener, SocketAddr), BoxError> {
    let address = env::var("FAUTH_ADDR").unwrap_or_else(|_| default.to_owned());
    let listener = TcpListener::bind(&address).map_err(|error| format!("FAUTH_ADDR: {address}: {error}"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Writes a line to stdout.
///
/// # Errors
/// If stdout is closed.
pub fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Logs to stderr. `RUST_LOG` sets a level, or levels for targets, such as `warn,fauth=debug`.
///
/// # Errors
/// If `RUST_LOG` is malformed.
pub fn log() -> Result<(), BoxError> {
    let wanted = env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter: Targets =
        wanted.as_deref().unwrap_or("info").parse().map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::registry().with(fmt::layer().with_writer(io::stderr)).with(filter).init();
    Ok(())
}
