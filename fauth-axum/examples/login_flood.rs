//! Does a flood of logins slow the rest of a service down?
//!
//! One server with two workers. While 50 clients log in over and over, another asks for a cheap route again and again, and its waiting is measured: with the password
//! pool of fauth, with a blocking task for every login, and with the hashing done right in the handler. The clients share the machine with the server, so
//! the numbers are for comparing with each other.
//!
//! `cargo run --release -p fauth-axum --example login_flood`
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    convert::Infallible,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, Version};
use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use fauth_axum::auth_routes;
use fauth_core::{
    AuthConfig, AuthProvider, AuthUser, BoxError, PasswordConfig, PasswordHasher, testing::SECRET,
};
use tokio::{net::TcpListener, runtime, task::spawn_blocking};

const LOGIN: &str = "username=alice&password=correct+horse";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Alice {
    password_hash: String,
}

impl AuthUser for Alice {
    fn subject(&self) -> impl AsRef<str> {
        "alice"
    }

    fn password_hash(&self) -> Option<&str> {
        Some(&self.password_hash)
    }

    fn is_active(&self) -> bool {
        true
    }
}

fn main() -> Result<(), BoxError> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = runtime.block_on(serve())?;
    let rows = [
        ("nothing", Flood::none()),
        ("logins, fauth's pool", Flood { path: "/login", clients: 50, rounds: 4 }),
        ("logins, a blocking task each", Flood { path: "/unbounded", clients: 50, rounds: 4 }),
        ("logins, hashed in the handler", Flood { path: "/inline", clients: 50, rounds: 4 }),
        ("logins, fauth's pool, 250 at once", Flood { path: "/login", clients: 250, rounds: 1 }),
    ];
    let mut out = io::stdout().lock();
    writeln!(out, "| meanwhile | asked | p50 | p99 | max | logins done | shed | after |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (name, flood) in rows {
        let (waits, outcome) = measure(server, &flood)?;
        let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&waits, percent));
        let Outcome { done, shed, after } = outcome;
        let asked = waits.len();
        writeln!(
            out,
            "| {name} | {asked} | {p50:.1?} | {p99:.1?} | {max:.1?} | {done} | {shed} | {after:.1?} |"
        )?;
    }
    Ok(())
}

async fn serve() -> Result<SocketAddr, BoxError> {
    let password_hash = PasswordHasher::new(PasswordConfig::default())?.hash("correct horse").await?;
    let alice = Alice { password_hash };
    let auth = AuthProvider::builder(AuthConfig::builder().secret(SECRET).build()?)
        .user_loader(async |_| Ok::<Option<Alice>, Infallible>(None))
        .identity_loader(move |_: String| {
            let alice = alice.clone();
            async { Ok::<_, Infallible>(Some(alice)) }
        })
        .build()?;
    let app = Router::new()
        .route("/cheap", get(async || "cheap"))
        .merge(auth_routes(&auth))
        .route(
            "/unbounded",
            post(async || spawn_blocking(hash).await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
        )
        .route("/inline", post(async || hash()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// As much work as a login is in fauth by default, and no more.
fn hash() -> StatusCode {
    let mut out = [0; 32];
    let hashed = Params::new(19_456, 2, 1, Some(out.len())).and_then(|params| {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(LOGIN.as_bytes(), b"salt of 16 bytes", &mut out)
    });
    if hashed.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
}

struct Flood {
    path: &'static str,
    clients: u32,
    rounds: u32,
}

impl Flood {
    const fn none() -> Self {
        Self { path: "/", clients: 0, rounds: 0 }
    }
}

struct Outcome {
    done: u32,
    shed: u32,
    after: Duration,
}

/// How long each request for the cheap route took during the flood, in ascending order, and what became of the logins.
fn measure(server: SocketAddr, flood: &Flood) -> Result<(Vec<Duration>, Outcome), BoxError> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let probe = scope.spawn(|| -> io::Result<_> {
            let mut waits = Vec::new();
            let mut connection = Connection::open(server)?;
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                connection.request("GET", "/cheap", "")?;
                waits.push(begun.elapsed());
                thread::sleep(Duration::from_millis(2));
            }
            waits.sort();
            Ok(waits)
        });
        let outcome = log_in(server, flood);
        over.store(true, Ordering::Relaxed);
        let waits = probe.join().map_err(|_| "the probe panicked")??;
        Ok((waits, outcome?))
    })
}

fn log_in(server: SocketAddr, flood: &Flood) -> io::Result<Outcome> {
    let (done, shed) = (AtomicU32::new(0), AtomicU32::new(0));
    let client = || -> io::Result<()> {
        let mut connection = Connection::open(server)?;
        for _ in 0..flood.rounds {
            let counter = match connection.request("POST", flood.path, LOGIN)? {
                200 => &done,
                503 => &shed,
                other => return Err(io::Error::other(format!("a login was answered with {other}"))),
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let begun = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..flood.clients).map(|_| scope.spawn(client)).collect();
        if clients.is_empty() {
            thread::sleep(Duration::from_secs(3));
        }
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        })
    })?;
    Ok(Outcome { done: done.into_inner(), shed: shed.into_inner(), after: begun.elapsed() })
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request, reads all of the answer, and returns its status.
    fn request(&mut self, method: &str, path: &str, form: &str) -> io::Result<u16> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (0, 0);
        for line in self.0.by_ref().lines() {
            let line = line?;
            if let Some(code) = line.strip_prefix("HTTP/1.1 ") {
                status = code.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap_or(0);
            } else if line.is_empty() {
                break;
            }
        }
        io::copy(&mut self.0.by_ref().take(length), &mut io::sink())?;
        Ok(status)
    }
}

/// Of an ascending list.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
