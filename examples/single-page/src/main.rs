//! Starts the service.
//!
//! ```sh
//! cargo run -p single-page        # http://127.0.0.1:3000, and from another origin 127.0.0.1:3001
//! ```
//!
//! `FAUTH_ADDR` is the address of the service, `PAGE_ADDR` that of the page alone.
//! `FAUTH_ACCESS_TOKEN_LIFETIME=10s` shows the refresh.

use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use fauth_core::{AuthConfig, BoxError};
use single_page::{Users, app, page, provider};
use tokio::net::TcpListener;
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("single-page cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BoxError> {
    start_log()?;
    let service = listen("FAUTH_ADDR", "127.0.0.1:3000").await?;
    let elsewhere = listen("PAGE_ADDR", "127.0.0.1:3001").await?;
    let (address, page_address) = (service.local_addr()?, elsewhere.local_addr()?);
    let (origin, page_origin) = (format!("http://{address}"), format!("http://{page_address}"));

    let auth = provider(settings()?, Users::sample().await?, address, &page_origin)?;
    let app = app(&auth, &page_origin)?.into_make_service_with_connect_info::<SocketAddr>();
    writeln!(
        io::stdout(),
        "single-page listens on {origin}\n  \
         the same page on another origin: {page_origin}\n  \
         alice with green-ideas-sleep is an admin\n  \
         bob with hunter2-and-a-half is none\n  \
         FAUTH_ACCESS_TOKEN_LIFETIME=10s shows the refresh"
    )?;
    tokio::select! {
        served = axum::serve(service, app) => served?,
        served = axum::serve(elsewhere, page(Some(&origin))) => served?,
        stopped = stop_signal() => stopped?,
    }
    Ok(())
}

async fn listen(variable: &str, default: &str) -> Result<TcpListener, BoxError> {
    let address = env::var(variable).unwrap_or_else(|_| default.to_owned());
    Ok(TcpListener::bind(&address).await.map_err(|error| format!("{variable}: {address}: {error}"))?)
}

/// Reads the settings from the environment. The default name is that of this program, the default
/// secret is random.
fn settings() -> Result<AuthConfig, BoxError> {
    let secret: String =
        (0..4).map(|_| Ok(format!("{:016x}", getrandom::u64()?))).collect::<Result<_, getrandom::Error>>()?;
    Ok(AuthConfig::from_env_or(|name| match name {
        "FAUTH_APPLICATION" => Some("single-page".to_owned()),
        "FAUTH_SECRET_KEY" => {
            tracing::warn!("{name} is not set: with a random secret, no token outlives this process");
            Some(secret.clone())
        }
        _ => None,
    })?)
}

/// Logs to stderr. `RUST_LOG` sets a level, or levels for targets, such as `warn,fauth=debug`.
fn start_log() -> Result<(), BoxError> {
    let wanted = env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.as_deref().unwrap_or("info");
    let filter: Targets = wanted.parse().map_err(|error| format!("RUST_LOG: {error}"))?;
    tracing_subscriber::registry().with(fmt::layer().with_writer(io::stderr)).with(filter).init();
    tracing::trace!("every record is written");
    Ok(())
}

/// Completes at ctrl-c, or at SIGTERM, which service managers send.
#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
