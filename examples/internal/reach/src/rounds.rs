//! Three instances that share a Redis server, one logout at one of them, three sockets.

use std::io::{self, Write as _};

use fauth_core::BoxError;
use servers::Redis;
use tokio::{time::Instant, try_join};

use crate::{remote::Remote, spread::Spread};

pub(crate) async fn measure(rounds: usize) -> Result<(), BoxError> {
    let redis = Redis::start();
    let url = redis.url();
    let instances = [Remote::start(Some(&url))?, Remote::start(Some(&url))?, Remote::start(Some(&url))?];
    let (mut own, mut other, mut last, mut answered) =
        (Spread::default(), Spread::default(), Spread::default(), Spread::default());
    for round in 0..rounds {
        // Each has its turn.
        let mut order = instances.iter().cycle().skip(round % 3);
        let (Some(here), Some(there), Some(yonder)) = (order.next(), order.next(), order.next()) else {
            return Err("three instances".into());
        };
        let token = here.enter("alice").await?;
        let sockets = try_join!(
            here.open("/live/socket", &token),
            there.open("/live/socket", &token),
            yonder.open("/live/socket", &token)
        )?;
        let (first, second, third) = sockets;
        let begun = Instant::now();
        let log_out = async {
            here.log_out(&token).await?;
            Ok::<_, BoxError>(begun.elapsed())
        };
        let (answer, first, second, third) =
            try_join!(log_out, first.closed(), second.closed(), third.closed())?;
        if [first.1, second.1, third.1] != [1008; 3] {
            return Err("closed for another reason".into());
        }
        answered.add(answer);
        own.add(first.0 - begun);
        other.add(second.0 - begun);
        other.add(third.0 - begun);
        last.add(first.0.max(second.0).max(third.0) - begun);
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Three processes, one Redis server, {rounds} logouts, each with a socket open on each instance."
    )?;
    writeln!(out, "From the request of the logout on:\n")?;
    writeln!(out, "| | p50 | p99 | max |\n|---|---|---|---|")?;
    writeln!(out, "| the logout is answered | {answered} |")?;
    writeln!(out, "| the socket of the same instance is closed | {own} |")?;
    writeln!(out, "| a socket of another instance is closed | {other} |")?;
    writeln!(out, "| all three are closed | {last} |")?;
    Ok(())
}
