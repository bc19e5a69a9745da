//! Starts the issuer, the services and the clients; see `lib.rs`.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use fauth_core::BoxError;
use resource_server::{Issuer, Timing, load, service};
use tokio::time::{Instant, interval};
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

const USAGE: &str = "usage: resource-server [--seconds N], with 1 to 86400";
/// For each service.
const CLIENTS: usize = 2;
/// Longer than the lead: a published key takes over before the next one is published.
const ROTATE_EVERY: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("resource-server cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reports whether every request was answered as it should be.
async fn run() -> Result<bool, BoxError> {
    let span = span()?;
    start_log()?;
    let timing = Timing::default();
    let issuer = Issuer::start(timing).await?;
    let services = service::start_all(issuer.url(), timing).await?;
    say(&format!("the issuer is {}", issuer.url()))?;
    for service in &services {
        say(&format!("on {:9} the service is http://{}/orders", service.name, service.address))?;
    }
    let outcome = tokio::select! {
        tally = load(&issuer, &services, CLIENTS, (timing, span)) => tally?,
        failed = rotate(&issuer) => return failed.map(|()| false),
    };
    say(&outcome.to_string())?;
    Ok(outcome.total() > 0 && outcome.refused.is_empty() && outcome.failed.is_empty())
}

/// Rotates the key every few seconds, forever.
async fn rotate(issuer: &Issuer) -> Result<(), BoxError> {
    let (begun, mut ticks) = (Instant::now(), interval(ROTATE_EVERY));
    loop {
        ticks.tick().await;
        let (signs, next) = (issuer.signing_key()?, issuer.rotate()?);
        say(&format!(
            "{:3} s: {} signs, {} is published and will; {} keys verify",
            begun.elapsed().as_secs(),
            short(&signs),
            short(&next),
            issuer.published()?,
        ))?;
    }
}

/// Enough of an id to tell keys apart.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn span() -> Result<Duration, BoxError> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let seconds = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => 20,
        ["--seconds", number] => number.parse().map_err(|_| USAGE)?,
        _ => return Err(USAGE.into()),
    };
    if (1..=86_400).contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err(USAGE.into()) }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Logs to stderr. `RUST_LOG` sets the levels, such as `warn,fauth=debug`.
fn start_log() -> Result<(), BoxError> {
    let wanted = env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter: Targets =
        wanted.as_deref().unwrap_or("warn").parse().map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::registry().with(fmt::layer().with_writer(io::stderr)).with(filter).init();
    Ok(())
}
