//! Starts the service. `README.md` shows how to use it.

use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use fauth_core::{AuthConfig, BoxError};
use live::{Users, app, provider};
use tokio::net::TcpListener;
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("live cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BoxError> {
    start_log()?;
    let wanted = env::var("FAUTH_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener =
        TcpListener::bind(&wanted).await.map_err(|error| format!("FAUTH_ADDR: {wanted}: {error}"))?;
    let address = listener.local_addr()?;
    let auth = provider(settings()?, Users::sample().await?, address)?;
    let app = app(&auth).into_make_service_with_connect_info::<SocketAddr>();
    writeln!(
        io::stdout(),
        "live listens on http://{address}\n  \
         alice has the password green-ideas-sleep\n  \
         bob has the password hunter2-and-a-half\n  \
         sign in, open it in a second window, and sign out in one\n  \
         FAUTH_ACCESS_TOKEN_LIFETIME=20s shows what becomes of a socket whose token expires"
    )?;
    // Not `with_graceful_shutdown`, which waits until the last socket is closed.
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        stopped = stop_signal() => stopped?,
    }
    Ok(())
}

/// Reads the settings from the environment. The default name is that of this program, the default
/// secret is random.
fn settings() -> Result<AuthConfig, BoxError> {
    let secret: String =
        (0..4).map(|_| Ok(format!("{:016x}", getrandom::u64()?))).collect::<Result<_, getrandom::Error>>()?;
    Ok(AuthConfig::from_env_or(|name| match name {
        "FAUTH_APPLICATION" => Some("live".to_owned()),
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
