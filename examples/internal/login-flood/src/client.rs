//! Those who log in, and the one who wants something cheap meanwhile.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use fauth_core::BoxError;

use crate::{Row, server::LOGIN};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long the cheap route is asked for when nobody logs in.
const IDLE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(2);

/// So many clients, each of which logs in so often.
pub(crate) struct Flood {
    pub(crate) path: &'static str,
    pub(crate) clients: u32,
    pub(crate) rounds: u32,
}

pub(crate) fn measure(server: SocketAddr, flood: &Flood) -> Result<Row, BoxError> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let probe = scope.spawn(|| probe(server, &over));
        let row = log_in(server, flood);
        over.store(true, Ordering::Relaxed);
        let waits = probe.join().map_err(|_| "the probe panicked")??;
        Ok(Row { waits, ..row? })
    })
}

/// Asks for the cheap route until it is over.
fn probe(server: SocketAddr, over: &AtomicBool) -> io::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    let mut connection = Connection::open(server)?;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        connection.request("GET", "/cheap", "")?;
        waits.push(begun.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(waits)
}

fn log_in(server: SocketAddr, flood: &Flood) -> io::Result<Row> {
    let (done, shed) = (AtomicU32::new(0), AtomicU32::new(0));
    let client = || -> io::Result<()> {
        let mut connection = Connection::open(server)?;
        for _ in 0..flood.rounds {
            let counter = match connection.request("POST", flood.path, LOGIN)? {
                200 => &done,
                429 | 503 => &shed,
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
            thread::sleep(IDLE);
        }
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        })
    })?;
    Ok(Row { waits: Vec::new(), done: done.into_inner(), shed: shed.into_inner(), after: begun.elapsed() })
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
