//! Requests per second over sockets: one server worker on one core, one closed loop of clients on
//! the other, and the same request bytes for every route.

mod load;
mod server;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::{self, BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use measure::median;

use self::load::Load;
pub(crate) use self::server::serve;
use crate::{
    Result,
    backend::Backend,
    part::Part,
    report::pinned_to,
    table::{head, table},
    token::Tokens,
};

const FRAMEWORKS: [&str; 3] = ["axum", "actix", "poem"];
/// In the order in which a round asks them.
const KINDS: [&str; 3] = ["open", "fauth", "hand-written"];
const ROUNDS: usize = 24;
const ROUND: Duration = Duration::from_millis(240);
const CONNECTIONS: usize = 16;
const SERVER_CORE: usize = 1;
/// Processor time is counted in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// Loads the three frameworks, one after the other.
pub(crate) fn part() -> Result<Part> {
    Backend::install_requested()?;
    let mut part = Part::default();
    let launcher = pinned_to(SERVER_CORE);
    let pinned =
        if launcher.is_empty() { "not pinned: there is no taskset here" } else { "each pinned to its core" };
    part.say(format!(
        "requests per second over {CONNECTIONS} kept connections on 127.0.0.1: one server worker and one client thread, \
         {pinned}; {ROUNDS} interleaved rounds of {} ms, medians of rounds; the request is the same, with its token, for all routes",
        ROUND.as_millis()
    ));
    let mut rows = vec![head([
        "server",
        "requests/s",
        "to open",
        "busy",
        "requests per second of its processor",
        "to open",
    ])];
    for framework in FRAMEWORKS {
        match compare(framework, &launcher) {
            Ok(served) => {
                judge(&mut part, framework, &served);
                rows.extend(served.iter().map(|(kind, one)| one.cells(framework, kind, served.get("open"))));
            }
            Err(error) => part.judge(framework, format!("not measured: {error}"), false),
        }
    }
    part.say(table(&rows));
    Ok(part)
}

/// Below this share of a core a server was starved, by neighbours or by slow clients, and its
/// requests per second say nothing about it.
const LEAST_BUSY: f64 = 0.85;

fn judge(part: &mut Part, framework: &str, served: &BTreeMap<&str, Served>) {
    let (Some(open), Some(fauth), Some(hand)) =
        (served.get("open"), served.get("fauth"), served.get("hand-written"))
    else {
        return;
    };
    let (ratio, by_processor) = (fauth.to(open), fauth.by_processor_to(open));
    let busy = fauth.busy().min(open.busy());
    let mut measured = format!(
        "{ratio:.2} (hand-written {:.2}); per second of processor {by_processor:.2} ({:.2})",
        hand.to(open),
        hand.by_processor_to(open)
    );
    if busy < LEAST_BUSY {
        let _ = write!(measured, "; not valid: a server got {:.0} % of its core only", busy * 100.0);
    }
    part.judge(framework, measured, ratio >= 0.90 && busy >= LEAST_BUSY);
}

/// What a server has managed, round by round.
struct Served(Vec<Round>);

impl Served {
    fn per_second(&self) -> f64 {
        median(&mut self.0.iter().map(Round::per_second).collect::<Vec<_>>())
    }

    /// Requests per second to those of another server, in the middle round: what disturbs a round
    /// disturbs both.
    fn to(&self, other: &Self) -> f64 {
        let ratios = self.0.iter().zip(&other.0).map(|(own, other)| own.per_second() / other.per_second());
        median(&mut ratios.collect::<Vec<_>>())
    }

    fn sum(&self, value: fn(&Round) -> f64) -> f64 {
        self.0.iter().map(value).sum()
    }

    fn per_second_of_processor(&self) -> f64 {
        self.sum(|round| round.requests) / self.sum(|round| round.processor_seconds)
    }

    fn by_processor_to(&self, other: &Self) -> f64 {
        self.per_second_of_processor() / other.per_second_of_processor()
    }

    /// The share of the time in which the server had its core.
    fn busy(&self) -> f64 {
        self.sum(|round| round.processor_seconds) / self.sum(|round| round.seconds)
    }

    fn cells(&self, framework: &str, kind: &str, open: Option<&Self>) -> Vec<String> {
        let ratio = |value: Option<f64>| value.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        vec![
            format!("{framework} {kind}"),
            format!("{:.0}", self.per_second()),
            ratio(open.map(|open| self.to(open))),
            format!("{:.0} %", self.busy() * 100.0),
            format!("{:.0}", self.per_second_of_processor()),
            ratio(open.map(|open| self.by_processor_to(open))),
        ]
    }
}

struct Round {
    requests: f64,
    seconds: f64,
    processor_seconds: f64,
}

impl Round {
    fn per_second(&self) -> f64 {
        self.requests / self.seconds
    }
}

fn compare(framework: &str, launcher: &[String]) -> Result<BTreeMap<&'static str, Served>> {
    let request = request(&Tokens::mint()?.good);
    let mut servers = Vec::new();
    for kind in KINDS {
        let server = Server::start(framework, kind, launcher)?;
        let load = Load::connect(server.address, CONNECTIONS, &request)?;
        servers.push((kind, server, load, Vec::new()));
    }
    // The first round warms up and does not count.
    for (_, server, load, _) in &mut servers {
        server.round(load, ROUND)?;
    }
    for _ in 0..ROUNDS {
        for (_, server, load, rounds) in &mut servers {
            rounds.push(server.round(load, ROUND)?);
        }
    }
    Ok(servers.into_iter().map(|(kind, _, _, rounds)| (kind, Served(rounds))).collect())
}

/// What every server gets, be it open or guarded.
fn request(token: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: rivals\r\naccept: */*\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// A child that serves. It ends with this, or when nobody holds the other end of its input any
/// more.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(framework: &str, kind: &str, launcher: &[String]) -> Result<Self> {
        let program = env::current_exe()?;
        let mut command = match launcher {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        let mut child =
            command.args(["serve", framework, kind]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = &mut child.stdout {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port = line.trim().parse();
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into() };
        server.address.set_port(port.map_err(|_| io::Error::other("the server has not started"))?);
        Ok(server)
    }

    fn round(&self, load: &mut Load, time: Duration) -> Result<Round> {
        let before = self.processor_seconds()?;
        let (requests, took) = load.run(time)?;
        let processor_seconds = self.processor_seconds()? - before;
        #[expect(clippy::cast_precision_loss, reason = "no count comes near 2^52")]
        Ok(Round { requests: requests as f64, seconds: took.as_secs_f64(), processor_seconds })
    }

    /// User and system time of the child, all its threads together.
    fn processor_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; what follows it are numbers.
        let (_, fields) = stat.rsplit_once(')').ok_or("the process has no state")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        let ticks: u32 = ticks.collect::<Result<Vec<_>, _>>()?.into_iter().sum();
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
