//! Does a flood of logins slow the rest of a service down?
//!
//! One server with two workers. While 50 clients log in over and over, another asks for a cheap
//! route again and again, and its waiting is measured: with the password pool of fauth, with a
//! blocking task for every login, and with the hashing done right in the handler. The clients share
//! the machine with the server, so the numbers are for comparing with each other.
//!
//! `cargo run --release -p login-flood`, or with `-- --quick` once instead of three times.

mod client;
mod server;
mod verdict;

use std::{net::SocketAddr, time::Duration};

use fauth_core::BoxError;
use tokio::runtime;

use client::Flood;
pub use verdict::{Verdict, verdicts};

/// What goes on while the cheap route is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    Idle,
    /// 50 logins at a time, as fauth does them.
    Pool,
    /// 50 logins at a time, a blocking task for each.
    Unbounded,
    /// 50 logins at a time, hashed in the handler.
    Inline,
    /// 250 logins at once, as fauth does them.
    PoolOverrun,
    /// 50 logins of one account from one address at a time, with the login throttle, which lets
    /// five of them be checked at once. The modes above have none, so that they show the pool.
    Throttled,
}

impl Mode {
    /// Those that the targets compare come next to each other, so that they find the machine in the
    /// same state.
    const ALL: [Self; 6] =
        [Self::Idle, Self::Pool, Self::Unbounded, Self::Inline, Self::PoolOverrun, Self::Throttled];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "nothing",
            Self::Pool => "logins, fauth's pool",
            Self::Unbounded => "logins, a blocking task each",
            Self::Inline => "logins, hashed in the handler",
            Self::PoolOverrun => "logins, fauth's pool, 250 at once",
            Self::Throttled => "logins, fauth's throttle and pool",
        }
    }

    const fn flood(self) -> Flood {
        match self {
            Self::Idle => Flood { path: "/", clients: 0, rounds: 0 },
            Self::Pool => Flood { path: "/login", clients: 50, rounds: 4 },
            Self::Unbounded => Flood { path: "/unbounded", clients: 50, rounds: 4 },
            Self::Inline => Flood { path: "/inline", clients: 50, rounds: 4 },
            Self::PoolOverrun => Flood { path: "/login", clients: 250, rounds: 1 },
            Self::Throttled => Flood { path: "/throttled/login", clients: 50, rounds: 4 },
        }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effort {
    /// Every mode once: about 20 seconds on two cores.
    Quick,
    /// Every mode three times, in turns.
    Normal,
}

/// How long requests for the cheap route took in one mode, and what became of the logins.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Row {
    /// What each request for the cheap route waited, in ascending order.
    pub waits: Vec<Duration>,
    /// Logins that succeeded.
    pub done: u32,
    /// Logins that were refused because too many were waiting, or by the throttle.
    pub shed: u32,
    /// How long all of them took together.
    pub after: Duration,
}

impl Row {
    /// What this percentage of the requests for the cheap route waited at most.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get(last * percent / 100).copied().unwrap_or_default()
    }

    /// Logins per second.
    #[must_use]
    pub fn logins_per_second(&self) -> f64 {
        f64::from(self.done) / self.after.as_secs_f64()
    }

    fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.waits.sort_unstable();
        self.done += other.done;
        self.shed += other.shed;
        self.after += other.after;
    }
}

/// Starts the server and measures every mode.
///
/// # Errors
///
/// The server does not start or answers something unexpected.
pub fn measure(effort: Effort) -> Result<Vec<(Mode, Row)>, BoxError> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let server = runtime.block_on(server::start())?;
    let mut rows = Mode::ALL.map(|mode| (mode, Row::default()));
    for _ in 0..if effort == Effort::Quick { 1 } else { 3 } {
        measure_once(server, &mut rows)?;
    }
    runtime.shutdown_background();
    Ok(rows.into())
}

fn measure_once(server: SocketAddr, rows: &mut [(Mode, Row)]) -> Result<(), BoxError> {
    rows.iter_mut().try_for_each(|(mode, row)| {
        row.add(client::measure(server, &mode.flood())?);
        Ok(())
    })
}
