//! One instance with many sockets: what each costs, beside one without a guard.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use fauth_core::BoxError;
use tokio::time::{Instant, sleep};

use crate::{
    remote::{Remote, Socket},
    spread::Spread,
};

/// How long it is looked at while nothing happens.
const QUIET: Duration = Duration::from_secs(20);
const LOGOUTS: usize = 200;

struct Cost {
    bytes_each: u64,
    waits: u64,
    ticks: u64,
    logouts: Option<Spread>,
}

pub(crate) async fn measure(count: usize) -> Result<(), BoxError> {
    let unguarded = cost("/unguarded", count, false).await?;
    let guarded = cost("/live/socket", count, true).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "{count} open sockets on one instance, each of a login of its own, sessions in memory,")?;
    writeln!(out, "with a read buffer of 1 KiB in place of the 128 that are usual.\n")?;
    writeln!(
        out,
        "| | memory for each | threads that begin to wait, a second | CPU while nothing happens |"
    )?;
    writeln!(out, "|---|---|---|---|")?;
    for (name, cost) in [("without guard", &unguarded), ("until_ended", &guarded)] {
        let seconds = QUIET.as_secs();
        let waits = cost.waits / seconds;
        // A tick is a hundredth of a second, and so a percent of one.
        writeln!(out, "| {name} | {} bytes | {waits} | {} % |", cost.bytes_each, cost.ticks / seconds)?;
    }
    if let Some(logouts) = guarded.logouts {
        writeln!(out, "\n| meanwhile | p50 | p99 | max |\n|---|---|---|---|")?;
        writeln!(out, "| from the request of a logout until its socket is closed | {logouts} |")?;
    }
    Ok(())
}

async fn cost(path: &str, count: usize, log_out: bool) -> Result<Cost, BoxError> {
    let instance = Remote::start(None)?;
    let mut tokens = Vec::with_capacity(count);
    for number in 0..count {
        tokens.push(instance.enter(&format!("user-{number}")).await?);
    }
    // What the first sockets set up is not counted.
    let mut held: Vec<Socket> = Vec::with_capacity(count);
    let early = (count / 10).clamp(1, 100).min(count);
    for token in tokens.iter().take(early) {
        held.push(instance.open(path, token).await?);
    }
    let before = instance.resident()?;
    for token in tokens.iter().skip(early) {
        held.push(instance.open(path, token).await?);
    }
    let after = instance.resident()?;
    let (waits, ticks) = (instance.waits()?, instance.ticks()?);
    sleep(QUIET).await;
    let (waits, ticks) = (instance.waits()? - waits, instance.ticks()? - ticks);
    let added = u64::try_from(count - early)?.max(1);
    let bytes_each = after.saturating_sub(before) / added;
    let logouts = if log_out { Some(log_out_some(&instance, &tokens, held).await?) } else { None };
    Ok(Cost { bytes_each, waits, ticks, logouts })
}

async fn log_out_some(instance: &Remote, tokens: &[String], held: Vec<Socket>) -> Result<Spread, BoxError> {
    let mut spread = Spread::default();
    let mut held = held.into_iter();
    for (token, socket) in tokens.iter().zip(held.by_ref()).take(LOGOUTS) {
        let begun = Instant::now();
        let (ended, closed) = tokio::join!(instance.log_out(token), socket.closed());
        ended?;
        spread.add(closed?.0 - begun);
    }
    Ok(spread)
}
