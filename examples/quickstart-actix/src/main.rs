//! A small service that logs users in and guards its routes. This file starts it; see `app.rs` for
//! the routes, `session.rs` for the pages, `users.rs` for the users, and `stores.rs` for the
//! stores.

use std::{
    env,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    time::Duration,
};

use actix_web::{App, HttpServer};
use fauth_core::{AuthConfig, AuthProvider, BoxError, CsrfTokens, transport::BearerTransport};
use quickstart_actix::{Users, cookie, keep, routes};
use tracing_subscriber::{filter::Targets, fmt, prelude::*};

/// How many seconds open requests may take after a stop signal.
const GRACE: u64 = 5;
/// How long a client may take for the head of a request. (Bodies of the ready-made endpoints have a
/// `body_timeout`, in the provider.)
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept open for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

#[actix_web::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart-actix cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BoxError> {
    start_log()?;
    let config = settings()?;
    let users = Users::sample().await?;

    let address = env::var("FAUTH_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).map_err(|error| format!("FAUTH_ADDR: {address}: {error}"))?;
    let address = listener.local_addr()?;
    let builder = AuthProvider::builder(config)
        .user_loader(users.clone())
        .identity_loader(users)
        .transport(BearerTransport::new()) // programs
        .transport(cookie(address.ip())?) // browsers
        .csrf_tokens(CsrfTokens::new()); // and their forms
    let auth = keep(builder).await?.build()?;
    let stop = stop_signal()?;
    greet(address)?;
    #[cfg(not(feature = "openapi"))]
    quickstart_actix::log_audit(&auth);
    HttpServer::new(move || App::new().configure(|config| routes(&auth, config)))
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(IDLE_TIMEOUT)
        .listen(listener)?
        .shutdown_signal(stop)
        .shutdown_timeout(GRACE)
        .run()
        .await?;
    Ok(())
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

/// Reads all settings of `AuthConfig` from the environment. The default name is that of this
/// program, the default secret is random.
fn settings() -> Result<AuthConfig, BoxError> {
    let secret: String =
        (0..4).map(|_| Ok(format!("{:016x}", getrandom::u64()?))).collect::<Result<_, getrandom::Error>>()?;
    Ok(AuthConfig::from_env_or(|name| match name {
        "FAUTH_APPLICATION" => Some("quickstart".to_owned()),
        "FAUTH_SECRET_KEY" => {
            tracing::warn!("{name} is not set: with a random secret, no token outlives this process");
            Some(secret.clone())
        }
        _ => None,
    })?)
}

fn greet(address: SocketAddr) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "quickstart-actix listens on http://{address}\n  \
         curl http://{address}/login -d username=alice -d password=green-ideas-sleep\n  \
         curl http://{address}/me -H \"Authorization: Bearer $ACCESS_TOKEN\"\n  \
         curl http://{address}/internal/dashboard\n  \
         and in a browser: http://{address}/session/dashboard"
    )
}

/// Completes at ctrl-c, or at SIGTERM, which service managers send.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupt.recv().await) })
}
