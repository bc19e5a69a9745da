//! The task that updates the copy: a snapshot, then every change.
//!
//! It has a connection of its own. A blocking command waits in Redis for changes, and returns
//! without any a few times within the maximum staleness.

use std::{convert::Infallible, sync::Arc, time::Duration};

use redis::{Value, aio::MultiplexedConnection};

use super::{copy::Copy, table::Change, write_back::write_back};
use crate::{
    clock::instant,
    escape::Escaped,
    store::{
        ChangeSender,
        redis::{fault::Fault, hub::Hub, reply::Reply, scripts, step::Step},
    },
};

/// How many changes are read at a time.
const PAGE: usize = 500;

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

pub(super) struct Feed {
    hub: Hub,
    copy: Arc<Copy>,
    /// How long Redis waits for a change before it answers that there is none.
    beat: Duration,
    position: Option<Position>,
    connection: Option<MultiplexedConnection>,
    pause: Duration,
    turn: usize,
    /// Whether so many changes have arrived that listeners were not told which. They are told to
    /// check everything once the copy is complete.
    is_untold: bool,
}

/// The position in the stream.
#[derive(Debug)]
struct Position {
    /// The run id and the replication id of the server, if it reports them. A server with another
    /// run id may have lost the end of what this one knew, and so may one that was a replica in
    /// between.
    run: Option<String>,
    memory: String,
    /// The last change that was read: its id, and its number.
    id: String,
    number: u64,
    /// The number of the last change as of the last answer: the next answer must reach it.
    reach: u64,
}

/// The value of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// The answer contained all changes.
    All,
    /// A full page: there may be more.
    Page,
    /// Changes are missing, or the memory is another one: a new snapshot is needed.
    Broken,
}

impl Feed {
    /// Returns when the copy is complete for the first time.
    pub(super) async fn start(hub: Hub, copy: Arc<Copy>) -> Result<Self, Fault> {
        let beat = (copy.max_staleness / 4).min(Duration::from_secs(1));
        let mut feed = Self {
            hub,
            copy,
            beat,
            position: None,
            connection: None,
            pause: PAUSES.0,
            turn: 0,
            is_untold: false,
        };
        let mut connection = feed.hub.link.another(feed.beat).await?;
        feed.catch_up(&mut connection).await?;
        feed.connection = Some(connection);
        Ok(feed)
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            let Err(fault) = self.attend().await;
            if self.pause == PAUSES.0 {
                let error = fault.to_string();
                tracing::warn!(
                    target: "fauth",
                    error = %Escaped(&error),
                    "the mirror of revocations gets no changes from redis"
                );
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
    }

    async fn attend(&mut self) -> Result<Infallible, Fault> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.hub.link.another(self.beat).await?,
        };
        self.hub.link.eviction().ask_if_due(&mut connection).await?;
        self.catch_up(&mut connection).await?;
        if self.pause != PAUSES.0 {
            self.pause = PAUSES.0;
            tracing::info!(target: "fauth", "the mirror of revocations gets changes from redis again");
        }
        loop {
            self.hub.link.eviction().ask_if_due(&mut connection).await?;
            if self.follow(&mut connection, Some(self.beat)).await? == Heard::Broken {
                self.position = None;
                self.catch_up(&mut connection).await?;
            }
        }
    }

    /// Runs until the copy is complete: by the stream if it can be continued from the last
    /// position, otherwise by a snapshot.
    async fn catch_up(&mut self, connection: &mut MultiplexedConnection) -> Result<(), Fault> {
        loop {
            let head = self.head(connection).await?;
            let goes_on = self.position.as_ref().is_some_and(|position| position.goes_on_with(&head));
            if !goes_on {
                self.snapshot(connection, head).await?;
            }
            loop {
                match self.follow(connection, None).await? {
                    Heard::All => return Ok(()),
                    Heard::Page => {}
                    Heard::Broken => {
                        self.position = None;
                        break;
                    }
                }
            }
        }
    }

    /// Returns the end of the stream and the beginning of the revocation memory.
    async fn head(&self, connection: &mut MultiplexedConnection) -> Result<Position, Fault> {
        let run = run_of(connection).await?;
        let now = self.hub.clock.now()?;
        let step = self.hub.names.revocations.step(&scripts::HEAD, now);
        let mut reply = ask(connection, &step).await?;
        if reply.is("lost") {
            let (begin, since) = self.hub.begin_step()?;
            ask(connection, &begin).await?.done()?;
            tracing::warn!(target: "fauth", %since, "redis has lost its revocation memory: tokens issued before `since` are refused");
            reply = ask(connection, &step).await?;
        }
        reply.done()?;
        let memory = reply.text()?;
        let since = reply.time()?;
        let number = reply.parsed()?;
        self.copy.remember_since(since);
        Ok(Position { run, memory, id: reply.text()?, number, reach: number })
    }

    async fn snapshot(
        &mut self,
        connection: &mut MultiplexedConnection,
        head: Position,
    ) -> Result<(), Fault> {
        self.position = None;
        self.is_untold = true;
        self.copy.table.next_round();
        for kind in ["targets", "epochs"] {
            self.read_pages(connection, kind).await?;
        }
        write_back(&self.hub, &self.copy.table, connection).await?;
        self.position = Some(head);
        Ok(())
    }

    async fn read_pages(
        &self,
        connection: &mut MultiplexedConnection,
        kind: &'static str,
    ) -> Result<(), Fault> {
        let mut cursor = "0".to_owned();
        loop {
            let mut step = self.hub.names.revocations.step(&scripts::SNAPSHOT, self.hub.clock.now()?);
            step.arg(kind).arg(&cursor);
            let mut reply = ask(connection, &step).await?;
            reply.done()?;
            cursor = reply.text()?;
            for row in reply.rows()? {
                let mut row = Reply::row(row)?;
                let (key, ends, epoch) = (row.bytes()?, row.parsed()?, row.parsed()?);
                self.copy.table.note(match kind {
                    "targets" => Change::Target { key: &key, ends },
                    _ => Change::Epoch { key: &key, epoch, ends },
                });
            }
            if cursor == "0" {
                return Ok(());
            }
        }
    }

    /// Reads the new changes and verifies that the memory is still the same, in one round trip.
    async fn follow(
        &mut self,
        connection: &mut MultiplexedConnection,
        wait: Option<Duration>,
    ) -> Result<Heard, Fault> {
        let Some(position) = &mut self.position else { return Ok(Heard::Broken) };
        let (asked_at, time_then) = (instant(), self.hub.clock.now()?);
        let names = &self.hub.names.revocations;
        let mut pipe = redis::pipe();
        let read = pipe.cmd("XREAD").arg("COUNT").arg(PAGE);
        if let Some(wait) = wait {
            read.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(1).max(1));
        }
        read.arg("STREAMS").arg(&names.changes).arg(&position.id);
        pipe.cmd("HMGET").arg(&names.memory).arg("id").arg("seq");
        names.ask_for_marks(&position.memory, &mut pipe);
        pipe.cmd("TIME");
        // A replica would answer all of this, and may have missed revocations by others. It refuses
        // a write, even one without effect; so does a master that lacks the replicas it requires.
        pipe.cmd("PEXPIRE").arg(&names.nothing).arg(1).ignore();
        let (changes, (memory, reach), one, two, three, (time, _)): Answer =
            pipe.query_async(connection).await?;
        let reach = reach.unwrap_or(0);
        if memory.as_deref() != Some(&position.memory) || !are_marks_of([one, two, three], reach) {
            return Ok(Heard::Broken);
        }
        let mut keys = Vec::new();
        let heard = position.read(&changes, reach, |change| {
            self.copy.table.note(change);
            keys.push(ChangeSender::hash(change.key()));
        });
        // Also if only a part of the answer was valid.
        self.is_untold |= !matches!(heard, Ok(Heard::All));
        let heard = heard?;
        if heard == Heard::All {
            self.copy.confirm(asked_at, time_then);
            self.tell(&keys);
            self.forget(time);
        }
        Ok(heard)
    }

    /// Announces the new entries, now that the copy contains them.
    fn tell(&mut self, keys: &[u64]) {
        if std::mem::take(&mut self.is_untold) {
            self.copy.changes.tell_all();
        } else {
            for key in keys {
                self.copy.changes.tell_hash(*key);
            }
        }
    }

    /// Removes some entries that expired long ago by both our clock and that of Redis: either may
    /// be ahead.
    fn forget(&mut self, redis_time: i64) {
        if let Ok(now) = self.hub.clock.now() {
            self.copy.table.sweep(self.turn, now.unix_seconds().min(redis_time).saturating_sub(3600));
            self.turn = self.turn.wrapping_add(1);
        }
    }
}

/// The changes; the memory and the number of its last change; its marks; the time.
type Answer = (Value, (Option<String>, Option<u64>), Option<f64>, Option<f64>, Option<f64>, (i64, i64));

/// Returns whether all sorted sets belong to a memory whose last change has this number. A change
/// made between the queries has raised the marks.
fn are_marks_of(marks: [Option<f64>; 3], number: u64) -> bool {
    /// The number of a change is added to this, see `memory.lua`.
    const MARK: f64 = 4_503_599_627_370_496.0;
    #[expect(clippy::cast_precision_loss, reason = "no memory comes to 2^52 changes")]
    let lowest = MARK + number as f64;
    marks.iter().all(|mark| mark.is_some_and(|mark| mark >= lowest))
}

impl Position {
    /// Returns whether the stream can be read on from here, given its current end.
    fn goes_on_with(&self, head: &Self) -> bool {
        self.run.is_some() && self.run == head.run && self.memory == head.memory && self.number <= head.number
    }

    /// Applies the changes in an answer.
    fn read(
        &mut self,
        changes: &Value,
        reach: u64,
        mut note: impl FnMut(Change<'_>),
    ) -> Result<Heard, Fault> {
        let entries = entries_of(changes)?;
        for entry in entries {
            let (id, fields) = parts_of(entry)?;
            let mut number = None;
            for (name, value) in fields {
                match name {
                    b"n" => number = decimal(value),
                    b"target" => note(target(value).ok_or(Fault::Malformed("no target"))?),
                    b"epoch" => note(epoch(value).ok_or(Fault::Malformed("no epoch"))?),
                    _ => return Err(Fault::Malformed("an unknown change")),
                }
            }
            let next = self.number.checked_add(1).filter(|next| number == Some(*next));
            let Some(next) = next else { return Ok(Heard::Broken) };
            self.number = next;
            self.id = id;
        }
        if entries.len() >= PAGE {
            return Ok(Heard::Page);
        }
        // The previous answer promised more than has arrived, or the numbers went back.
        let broken = self.number < self.reach || reach < self.number;
        self.reach = reach;
        Ok(if broken { Heard::Broken } else { Heard::All })
    }
}

async fn ask(connection: &mut MultiplexedConnection, step: &Step) -> Result<Reply, Fault> {
    Reply::of(step.invocation(None).invoke_async(connection).await?)
}

/// The copy of a server that does not report its run id is read anew after each interruption.
async fn run_of(connection: &mut MultiplexedConnection) -> Result<Option<String>, Fault> {
    let mut info = redis::pipe();
    info.cmd("INFO").arg("server").cmd("INFO").arg("replication");
    match info.query_async::<(String, String)>(connection).await {
        Ok((server, replication)) => {
            let run = line_of(&server, "run_id:").zip(line_of(&replication, "master_replid:"));
            Ok(run.map(|(run, history)| format!("{run} {history}")))
        }
        Err(error) if error.is_io_error() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn line_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// Returns the entries of the one stream that was asked for, in RESP2 or RESP3.
fn entries_of(changes: &Value) -> Result<&[Value], Fault> {
    let entries = match changes {
        Value::Nil => return Ok(&[]),
        Value::Map(streams) => streams.first().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.first() {
            Some(Value::Array(stream)) => stream.get(1),
            _ => None,
        },
        _ => None,
    };
    match entries {
        Some(Value::Array(entries)) => Ok(entries),
        _ => Err(Fault::Malformed("no stream")),
    }
}

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

fn parts_of(entry: &Value) -> Result<(String, Fields<'_>), Fault> {
    let malformed = Fault::Malformed("no entry of a stream");
    let Value::Array(parts) = entry else { return Err(malformed) };
    let [Value::BulkString(id), Value::Array(fields)] = parts.as_slice() else { return Err(malformed) };
    let pairs = fields.chunks_exact(2).map(|pair| match pair {
        [Value::BulkString(name), Value::BulkString(value)] => Some((name.as_slice(), value.as_slice())),
        _ => None,
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    Ok((String::from_utf8_lossy(id).into_owned(), pairs.ok_or(malformed)?))
}

fn decimal<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Splits a number from what follows the space behind it.
fn number_and_rest<T: std::str::FromStr>(text: &[u8]) -> Option<(T, &[u8])> {
    let mut halves = text.splitn(2, |byte| *byte == b' ');
    Some((decimal(halves.next()?)?, halves.next()?))
}

fn target(text: &[u8]) -> Option<Change<'_>> {
    let (ends, key) = number_and_rest(text)?;
    Some(Change::Target { key, ends })
}

fn epoch(text: &[u8]) -> Option<Change<'_>> {
    let (ends, rest) = number_and_rest(text)?;
    let (epoch, key) = number_and_rest(rest)?;
    Some(Change::Epoch { key, epoch, ends })
}

#[cfg(any(test, fuzzing))]
pub(in crate::store::redis) mod fuzzing {
    use redis::Value;

    use super::{Heard, Position, entries_of, epoch, target};

    /// Checks that the position advances by the entries read, and not past a missing one.
    pub(in crate::store::redis) fn read(value: &Value) -> bool {
        let mut is_accepted = false;
        for (number, reach) in [(0, 0), (0, 2), (6, 8), (u64::MAX, u64::MAX)] {
            let memory = "m".to_owned();
            let mut position = Position { run: None, memory, id: "0-0".to_owned(), number, reach };
            let heard = position.read(value, reach, |_| {});
            let read = position.number - number;
            if let (Ok(Heard::All | Heard::Page), Ok(entries)) = (heard, entries_of(value)) {
                assert_eq!(usize::try_from(read).ok(), Some(entries.len()));
                is_accepted = true;
            }
        }
        if let Value::Array(values) = value
            && let Some(Value::BulkString(text)) = values.first()
        {
            for change in [target(text), epoch(text)].into_iter().flatten() {
                assert!(text.ends_with(change.key()));
                is_accepted = true;
            }
        }
        is_accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn entry(number: u64, fields: &[&str]) -> Value {
        let number = number.to_string();
        let fields = ["n", &number].into_iter().chain(fields.iter().copied()).map(text).collect();
        Value::Array(vec![text("5-0"), Value::Array(fields)])
    }

    fn stream(entries: Vec<Value>) -> Value {
        Value::Map(vec![(text("changes"), Value::Array(entries))])
    }

    fn position(number: u64) -> Position {
        Position { run: Some("r".into()), memory: "g".into(), id: "1-0".into(), number, reach: number }
    }

    fn read(position: &mut Position, changes: &Value, reach: u64) -> (Heard, usize) {
        let mut noted = 0;
        let heard = position.read(changes, reach, |_| noted += 1).unwrap();
        (heard, noted)
    }

    #[test]
    fn changes_are_read_in_both_protocols() {
        let entries = Value::Array(vec![entry(8, &["target", "99 jti:a b", "epoch", "99 7 al ice"])]);
        let older = Value::Array(vec![Value::Array(vec![text("changes"), entries.clone()])]);
        for answer in [Value::Map(vec![(text("changes"), entries)]), older] {
            let mut noted = Vec::new();
            let mut position = position(7);
            let heard = position.read(&answer, 8, |change| noted.push(format!("{change:?}")));
            assert_eq!((heard.unwrap(), position.number, &*position.id), (Heard::All, 8, "5-0"));
            let expected = [
                Change::Target { key: b"jti:a b", ends: 99 },
                Change::Epoch { key: b"al ice", epoch: 7, ends: 99 },
            ];
            assert_eq!(noted, expected.map(|change| format!("{change:?}")));
        }
        assert_eq!(read(&mut position(7), &Value::Nil, 7), (Heard::All, 0));
    }

    #[test]
    fn a_gap_is_noticed() {
        assert_eq!(read(&mut position(7), &stream(vec![entry(8, &[]), entry(9, &[])]), 9).0, Heard::All);
        assert_eq!(read(&mut position(7), &stream(vec![entry(9, &[])]), 9).0, Heard::Broken);
        assert_eq!(read(&mut position(7), &Value::Nil, 6).0, Heard::Broken, "the numbers went back");
        let after_the_last = read(&mut position(u64::MAX), &stream(vec![entry(0, &[])]), 0);
        assert_eq!(after_the_last.0, Heard::Broken, "there is no greater number");
        let mut promised = position(7);
        assert_eq!(read(&mut promised, &Value::Nil, 8).0, Heard::All, "it came between the two commands");
        assert_eq!(read(&mut promised, &Value::Nil, 8).0, Heard::Broken, "and now it has not come");
    }

    #[test]
    fn a_full_page_is_not_all() {
        let page: Vec<_> = (1..=PAGE as u64).map(|n| entry(n, &[])).collect();
        assert_eq!(read(&mut position(0), &stream(page.clone()), 600).0, Heard::Page);
        assert_eq!(read(&mut position(0), &stream(page[1..].to_vec()), 600).0, Heard::Broken);
        assert_eq!(read(&mut position(0), &stream(page[..PAGE - 1].to_vec()), 600).0, Heard::All);
    }

    #[test]
    fn what_no_script_of_ours_writes_is_an_error() {
        for fields in [["target", "jti:a"], ["target", "x jti:a"], ["epoch", "1 alice"], ["x", "1 a"]] {
            assert!(position(7).read(&stream(vec![entry(8, &fields)]), 8, |_| {}).is_err(), "{fields:?}");
        }
        for answer in [Value::Okay, Value::Array(vec![]), stream(vec![text("x")])] {
            assert!(position(7).read(&answer, 8, |_| {}).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn the_stream_goes_on_only_in_the_same_run_and_memory() {
        assert!(position(7).goes_on_with(&position(7)) && position(7).goes_on_with(&position(9)));
        assert!(!position(7).goes_on_with(&position(6)));
        let other = |run: Option<&str>, memory: &str| Position {
            run: run.map(Into::into),
            memory: memory.into(),
            ..position(7)
        };
        assert!(!position(7).goes_on_with(&other(Some("s"), "g")));
        assert!(!position(7).goes_on_with(&other(Some("r"), "h")));
        assert!(!other(None, "g").goes_on_with(&other(None, "g")));
    }
}
