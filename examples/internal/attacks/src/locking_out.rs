//! Logins without end, from one address or from fifty, and somebody elsewhere who wants to log in.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use fauth_core::BoxError;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::{
    Verdict,
    client::{Answer, Connection},
    percentile,
    server::{self, NAME, PASSWORD},
};

const CONNECTIONS: u8 = 200;
const VICTIM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// How long a flooding connection waits after each answer. All of them send up to 2 000 requests a
/// second, so that it is the service that is measured and not who can open more sockets.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the queue takes to fill.
const RAMP: Duration = Duration::from_secs(3);
/// How long the neighbour waits after each answer.
const BREATH: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(2);

/// From how many addresses the flood comes, with 200 connections in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attack {
    /// Nobody floods.
    Idle,
    /// One.
    OneAddress,
    /// Fifty: 127.0.1.1 to 127.0.1.50.
    FiftyAddresses,
    /// Fifty, which guess the password of the victim.
    VictimsAccount,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idle, Self::OneAddress, Self::FiftyAddresses, Self::VictimsAccount];

    /// How often the victim logs in: with fifty others, less often than its share would be.
    const fn pace(self) -> Duration {
        match self {
            Self::Idle | Self::OneAddress => Duration::from_millis(500),
            Self::FiftyAddresses | Self::VictimsAccount => Duration::from_secs(1),
        }
    }

    const fn addresses(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::OneAddress => 1,
            Self::FiftyAddresses | Self::VictimsAccount => 50,
        }
    }

    /// Whose password is guessed.
    const fn account(self) -> &'static str {
        match self {
            Self::VictimsAccount => NAME,
            _ => "somebody",
        }
    }
}

/// What became of everybody.
#[derive(Debug, Clone)]
pub struct Report {
    attack: Attack,
    lasted: Duration,
    /// Each of the victim's logins: did it succeed, and how long did it take?
    victim: Vec<(bool, Duration)>,
    /// Logins of the flood that were checked, and those that were told to come later.
    checked: u32,
    shed: u32,
    look_ups: u64,
    guarded: Vec<Duration>,
}

impl Report {
    /// The head of the table.
    pub const HEAD: &str = "| flood | victim's logins | p50 | p95 | all logins/s | flood shed/s | look-ups/s | guarded route p50 | p99 |\n|---|---|---|---|---|---|---|---|---|";

    fn per_second(&self, count: f64) -> f64 {
        count / self.lasted.as_secs_f64()
    }

    fn succeeded(&self) -> u32 {
        u32::try_from(self.victim.iter().filter(|(succeeded, _)| *succeeded).count()).unwrap_or(u32::MAX)
    }

    fn success_rate(&self) -> f64 {
        f64::from(self.succeeded()) / f64::from(u32::try_from(self.victim.len()).unwrap_or(u32::MAX))
    }

    /// All passwords that were checked, right or wrong.
    fn logins_per_second(&self) -> f64 {
        self.per_second(f64::from(self.succeeded() + self.checked))
    }

    /// What the victim would have if all addresses had the same, and not more than it asked for.
    fn fair_share(&self) -> f64 {
        let each = self.logins_per_second() / f64::from(self.attack.addresses() + 1);
        each.min(1.0 / self.attack.pace().as_secs_f64())
    }

    fn times(&self) -> Vec<Duration> {
        let mut times: Vec<_> =
            self.victim.iter().filter(|(succeeded, _)| *succeeded).map(|(_, took)| *took).collect();
        times.sort_unstable();
        times
    }

    /// What should hold.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        let (rate, p95) = (self.success_rate(), percentile(&self.times(), 95));
        let had = self.per_second(f64::from(self.succeeded()));
        match self.attack {
            Attack::Idle => Vec::new(),
            Attack::OneAddress => vec![
                Verdict {
                    name: format!(
                        "one address floods: the victim gets >= 95 % of its logins ({:.0} %)",
                        rate * 100.0
                    ),
                    holds: rate >= 0.95,
                },
                Verdict {
                    name: format!("one address floods: p95 of the victim < {LONGEST:?} ({p95:.0?})"),
                    holds: p95 < LONGEST,
                },
            ],
            Attack::FiftyAddresses | Attack::VictimsAccount => vec![Verdict {
                name: format!(
                    "fifty addresses flood ({}): the victim gets its fair share of {:.2} logins/s ({had:.2})",
                    self.attack.account(),
                    self.fair_share()
                ),
                // One login may have been on its way at either end.
                holds: had + 1.0 / self.lasted.as_secs_f64() >= self.fair_share(),
            }],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.times();
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
        let look_ups = self.look_ups as f64;
        write!(
            f,
            "| {} addresses, {} | {} of {} | {:.0?} | {:.0?} | {:.1} | {:.0} | {:.1} | {:.1?} | {:.1?} |",
            self.attack.addresses(),
            self.attack.account(),
            self.succeeded(),
            self.victim.len(),
            percentile(&times, 50),
            percentile(&times, 95),
            self.logins_per_second(),
            self.per_second(f64::from(self.shed)),
            self.per_second(look_ups),
            percentile(&self.guarded, 50),
            percentile(&self.guarded, 99),
        )
    }
}

/// Starts a server, lets it be flooded, and reports.
///
/// # Errors
/// The server does not start, or answers something unexpected.
pub fn attack(attack: Attack, quick: bool, throttle: bool) -> Result<Report, BoxError> {
    let runtime =
        || -> io::Result<Runtime> { Builder::new_multi_thread().worker_threads(2).enable_all().build() };
    let (of_server, of_clients) = (runtime()?, runtime()?);
    let (address, database) = of_server.block_on(server::start(throttle))?;
    let lasts = Duration::from_secs(if quick { 5 } else { 20 });
    let report = of_clients.block_on(async {
        let neighbour = Neighbour::new(address).await?;
        // The victim has been here before.
        log_in_once(address).await?;
        let flood = Arc::new(Counts::default());
        let mut attackers = JoinSet::new();
        for number in 0..CONNECTIONS {
            if let Some(number) = number.checked_rem(attack.addresses()) {
                let from = Ipv4Addr::new(127, 0, 1, number + 1);
                attackers.spawn(flood_from(from, address, attack.account(), Arc::clone(&flood)));
            }
        }
        sleep(if attack == Attack::Idle { Duration::ZERO } else { RAMP }).await;
        let (checked, shed, look_ups) = (flood.checked(), flood.shed(), database.identity_look_ups());
        let begun = Instant::now();
        let (victim, guarded) = tokio::join!(log_in(address, lasts, attack.pace()), neighbour.ask(lasts));
        let mut report = Report {
            attack,
            lasted: begun.elapsed(),
            victim: victim?,
            checked: flood.checked() - checked,
            shed: flood.shed() - shed,
            look_ups: database.identity_look_ups() - look_ups,
            guarded: guarded?,
        };
        report.guarded.sort_unstable();
        attackers.shutdown().await;
        Ok(report)
    });
    of_clients.shutdown_background();
    of_server.shutdown_background();
    report
}

#[derive(Default)]
struct Counts {
    checked: AtomicU32,
    shed: AtomicU32,
}

impl Counts {
    fn checked(&self) -> u32 {
        self.checked.load(Ordering::Relaxed)
    }

    fn shed(&self) -> u32 {
        self.shed.load(Ordering::Relaxed)
    }
}

async fn flood_from(from: Ipv4Addr, server: SocketAddr, account: &str, counts: Arc<Counts>) {
    let Ok(mut connection) = Connection::open(from, server).await else { return };
    while let Ok(answer) = connection.login(account, "a-guess").await {
        let count = if answer.status == 401 { &counts.checked } else { &counts.shed };
        count.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
}

/// The victim: a login at a steady pace, each on a connection of its own.
async fn log_in(server: SocketAddr, lasts: Duration, pace: Duration) -> io::Result<Vec<(bool, Duration)>> {
    let mut logins = JoinSet::new();
    let mut ticks = interval(pace);
    let begin_all = async {
        loop {
            ticks.tick().await;
            logins.spawn(log_in_once(server));
        }
    };
    let _: Result<(), _> = timeout(lasts.saturating_sub(pace / 2), begin_all).await;
    let all = logins.join_all().await.into_iter().collect::<io::Result<Vec<_>>>()?;
    Ok(all.into_iter().map(|answer| (answer.status == 200, answer.took)).collect())
}

async fn log_in_once(server: SocketAddr) -> io::Result<Answer> {
    Connection::open(VICTIM, server).await?.login(NAME, PASSWORD).await
}

/// A neighbour who is logged in and wants something cheap.
struct Neighbour {
    connection: Connection,
    token: String,
}

impl Neighbour {
    async fn new(server: SocketAddr) -> Result<Self, BoxError> {
        let mut connection = Connection::open(NEIGHBOUR, server).await?;
        let login = connection.login(NAME, PASSWORD).await?;
        let token = login.body.split('"').skip_while(|word| *word != "access_token").nth(2);
        Ok(Self { connection, token: token.ok_or("the neighbour cannot log in")?.to_owned() })
    }

    async fn ask(mut self, lasts: Duration) -> io::Result<Vec<Duration>> {
        let (begun, mut all) = (Instant::now(), Vec::new());
        while begun.elapsed() < lasts {
            let answer = self.connection.get("/me", &self.token).await?;
            if answer.status != 200 {
                return Err(io::Error::other(format!("/me was answered with {}", answer.status)));
            }
            all.push(answer.took);
            sleep(BREATH).await;
        }
        Ok(all)
    }
}
