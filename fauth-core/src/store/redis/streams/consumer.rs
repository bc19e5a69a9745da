//! The consumer loop: join the group; handle pending entries, its own and those that other
//! consumers have left; then new entries; acknowledge what is done.
//!
//! Invariants:
//! - An entry is acknowledged after it was carried out, or after its dead letter was written. If
//!   the consumer ends in between, the entry stays pending and is carried out again.
//! - If the store fails for an entry, the entry stays pending with this consumer, which walks over
//!   its pending entries, with growing pauses, until none is left. The walk continues behind an
//!   entry that fails again, and new entries are read in the meantime: no entry blocks another.
//! - While the store fails for every entry, only one entry at a time is tried, so that the rest of
//!   the stream does not become pending.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use redis::aio::MultiplexedConnection;
use tokio::{sync::oneshot, time::Instant};

use super::{
    dead_letter::payload,
    entry::{Entry, Order, Poison, Signatures, Topic, order_of},
    handle::StreamConsumerHandle,
    health::{Complaints, Health},
    report::{Outcome, Report, tell_failure},
    retries::{Retries, START},
    stop::Stop,
    wire::{GIVEN, Read, Seat, is_gone},
};
use crate::{
    clock::instant,
    escape::Escaped,
    store::{
        AnchorStore, RedisAnchorStore, StoreError,
        redis::{fault::Fault, link::Retry, scripts},
    },
};

/// After this many failures in a row, the rest of a batch is left for later.
const PATIENCE: usize = 3;

/// The first and the longest pause after a round in which everything failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// A consumer of fauth that has been inactive for this long has crashed.
const GONE: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Settings {
    pub(super) anchors: Arc<dyn AnchorStore>,
    pub(super) topic: Topic,
    pub(super) seat: Seat,
    /// Whether the name of the consumer is a random one.
    pub(super) is_given: bool,
    pub(super) signatures: Signatures,
    pub(super) batch_size: usize,
    pub(super) wait: Duration,
    pub(super) pending_idle: Duration,
    pub(super) dead_letters: usize,
    pub(super) lasting: Duration,
}

/// Consumes a stream of a Caracal deployment and updates an anchor store. Created by
/// [`RedisAnchorStore::revocation_consumer`] and [`RedisAnchorStore::delegation_consumer`].
///
/// Any number of consumers share the work of a group, in services of any language. Nothing is
/// consumed until the consumer is [spawned](Self::spawn), [run](Self::run_until) or
/// [polled](Self::poll).
///
/// # Guarantees
/// - **No entry that stays in the stream is lost.** An entry is acknowledged after the store has
///   accepted it. If the consumer or Redis fails before that, the entry is carried out again, by
///   this consumer or, after [`pending_idle`](super::StreamConsumerBuilder::pending_idle), by
///   another. Carrying it out twice changes nothing. If the store fails, the entry is retried until
///   it succeeds. An entry that is deleted or trimmed before is gone: if it had been delivered, it
///   is counted ([`lost`](StreamConsumerHandle::lost)) and logged as an error; if not, nobody
///   notices. Keep the stream longer than the longest outage.
/// - **No entry blocks others.** An entry that can never be carried out becomes a dead letter in
///   `STREAM.dead` (`source_id`, `reason`, and `payload`, compact JSON), and is acknowledged in the
///   same step; if the dead letter cannot be written, the entry stays pending. The reasons are
///   those of Caracal (`invalid_signature`, `missing_revocation_anchor`,
///   `invalid_delegation_epoch`) and `malformed_entry` (a field occurs twice, or is not UTF-8),
///   `entry_too_large` (above 64 KiB or 64 fields; only the size of such an entry is kept), and
///   `ambiguous_entry`.
/// - **No call waits forever.** A poll without new entries ends after
///   [`wait`](super::StreamConsumerBuilder::wait).
/// - A stream or a group that was deleted is created again, and read from its first entry.
///
/// A revocation revokes those of `session_id`, `sid`, `root_sid`, `agent_session_id` and
/// `delegation_edge_id` that it contains. Messages of **all zones** are carried out: a group
/// delivers each entry once, and anchors have no zone in Redis, so a consumer that skipped other
/// zones would lose their entries for the services of those zones.
///
/// # Wrong keys
/// An entry that no key verifies becomes a dead letter immediately, even if another consumer of the
/// group has the right key: a consumer with an old key takes revocations away from all others. An
/// error with the number of such entries is logged. To recover, correct the keys of all consumers.
/// Then make the group read the stream again, from before the first `source_id`; carrying out
/// entries twice changes nothing. For a `source_id` of `1764000000000-3`:
///
/// ```text
/// redis-cli XRANGE caracal.sessions.revoke.dead - + COUNT 10
/// redis-cli XGROUP SETID caracal.sessions.revoke resource-revocation 1763999999999
/// ```
///
/// Add entries that are no longer in the stream again, with all fields of `payload` including
/// `_sig`; the signature does not cover the id:
///
/// ```text
/// redis-cli XADD caracal.sessions.revoke '*' zone_id zone_prod session_id … reason … _sig …
/// ```
///
/// # Ambiguous entries
/// The signed text does not mark where a value ends: a `reason` with a line feed and a later `=`
/// may have been two fields. A revocation whose signed text is ambiguous revokes the anchors that
/// its fields name, because revoking too much is safe. If it names none, or if the entry is an
/// epoch, which cannot be lowered again, it becomes a dead letter (`ambiguous_entry`). An error is
/// logged in both cases.
///
/// # Security
/// Set the stream's signing key: see
/// [`danger_unsigned`](super::StreamConsumerBuilder::danger_unsigned). Redis delivers entries
/// whole, so anyone who can write to the stream can make a consumer read a large amount at once;
/// only the control plane should be able to write to it.
#[must_use = "a consumer does nothing until it is spawned, run or polled"]
pub struct StreamConsumer {
    redis: RedisAnchorStore,
    settings: Settings,
    connection: Option<MultiplexedConnection>,
    retries: Retries,
    claim_at: Instant,
    /// Whether the store failed for every entry of the last batch.
    is_down: bool,
    health: Arc<Health>,
}

/// The outcome of a round.
#[derive(Default)]
struct Tally {
    done: usize,
    error: Option<StoreError>,
    /// Whether a full batch arrived, so there may be more entries.
    is_full: bool,
}

/// The outcome of a batch.
#[derive(Default)]
struct Handled {
    done: Vec<String>,
    /// The number of entries that failed, and of those after them that were not tried.
    left: usize,
    /// The last entry that was tried.
    last: Option<String>,
}

impl StreamConsumer {
    pub(super) fn new(redis: RedisAnchorStore, settings: Settings) -> Self {
        Self {
            redis,
            settings,
            connection: None,
            retries: Retries::new(),
            claim_at: instant(),
            is_down: false,
            health: Arc::new(Health::new()),
        }
    }

    /// Runs one round: pending entries, entries that other consumers have left, and a batch of new
    /// entries. If there is nothing to do, it waits for a new entry. Returns the number of entries
    /// done.
    ///
    /// Dropping the future loses nothing: entries delivered to it stay pending.
    ///
    /// # Errors
    /// [`StoreError`] if Redis or the anchor store failed. Entries that were not carried out stay
    /// pending; a later round retries them.
    pub async fn poll(&mut self) -> Result<usize, StoreError> {
        let tally = self.round(&mut Stop::never()).await?;
        tally.error.map_or(Ok(tally.done), Err)
    }

    /// Consumes until `shutdown` completes, then finishes the current batch. Failures are retried
    /// with pauses of up to a second. The first failure is logged as a warning, then an error is
    /// logged each minute until a round succeeds.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()> + Send + 'static) {
        if self.settings.signatures.keys.is_empty() {
            tracing::warn!(
                target: "fauth",
                stream = %self.stream(),
                "a stream is consumed without signatures: anyone who can write to it can revoke everything"
            );
        }
        let mut stop = Stop::when(shutdown);
        let (mut pause, mut complaints) = (PAUSES.0, Complaints::default());
        while !stop.is_over().await {
            let error = match self.round(&mut stop).await {
                Ok(tally) => tally.error.filter(|_| self.is_down),
                Err(fault) => Some(fault.into()),
            };
            let Some(error) = error else {
                if !self.is_down && complaints.end() {
                    pause = PAUSES.0;
                    tracing::info!(target: "fauth", stream = %self.stream(), "a stream is consumed again");
                }
                continue;
            };
            if let Some((level, lasting)) = complaints.fail(instant()) {
                tell_failure(&self.stream(), level, lasting, &error.to_string());
            }
            stop.race(tokio::time::sleep(pause)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        self.leave(self.settings.is_given).await;
    }

    /// Consumes in a task of the current Tokio runtime.
    pub fn spawn(self) -> StreamConsumerHandle {
        let (sender, receiver) = oneshot::channel();
        let shutdown = async {
            if receiver.await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let health = Arc::clone(&self.health);
        StreamConsumerHandle::new(sender, tokio::spawn(self.run_until(shutdown)), health)
    }

    /// For log records.
    fn stream(&self) -> Escaped<'_> {
        Escaped(&self.settings.seat.stream)
    }

    /// Creates a missing stream or group again, once.
    async fn round(&mut self, stop: &mut Stop) -> Result<Tally, Fault> {
        let outcome = match self.try_round(stop).await {
            Err(Fault::Redis(error)) if is_gone(&error) => {
                tracing::warn!(target: "fauth", stream = %self.stream(), "a stream or its group was deleted, and is created again");
                self.try_round(stop).await
            }
            outcome => outcome,
        };
        match &outcome {
            // A round in which some entries of a batch failed counts as heard; the failed ones are
            // retried.
            Ok(tally) if !self.is_down => {
                self.health.hear(tally.is_full || self.retries.due_in(instant()).is_some());
            }
            _ => self.health.fall_behind(),
        }
        outcome
    }

    async fn try_round(&mut self, stop: &mut Stop) -> Result<Tally, Fault> {
        // If anything fails or is dropped from here on, the connection is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut tally = Tally::default();
        self.claim(&mut connection, &mut tally, stop).await?;
        self.walk(&mut connection, &mut tally).await?;
        let (wait, count) =
            (self.wait_after(&tally), if self.is_down { 1 } else { self.settings.batch_size });
        let read = self.settings.seat.read(&mut connection, Read::New(wait), count);
        let Some(entries) = stop.race(read).await else { return Ok(tally) };
        let entries = entries?;
        tally.is_full = entries.len() == count;
        self.handle_and_note(&mut connection, entries, &mut tally).await?;
        self.connection = Some(connection);
        Ok(tally)
    }

    /// Returns how long Redis waits for a new entry: not at all while there is other work.
    fn wait_after(&self, tally: &Tally) -> Option<Duration> {
        let longest = self.settings.wait;
        let wait = self.retries.due_in(instant()).map_or(longest, |until| until.min(longest));
        (tally.done == 0 && tally.error.is_none() && !wait.is_zero()).then_some(wait)
    }

    async fn connect(&mut self) -> Result<MultiplexedConnection, Fault> {
        let mut connection = self.redis.link().another(self.settings.wait).await?;
        self.settings.seat.take(&mut connection).await?;
        self.leave(false).await;
        self.retries.begin(instant());
        Ok(connection)
    }

    /// Claims entries that other consumers have left, page by page.
    async fn claim(
        &mut self,
        connection: &mut MultiplexedConnection,
        tally: &mut Tally,
        stop: &mut Stop,
    ) -> Result<(), Fault> {
        if instant() < self.claim_at {
            return Ok(());
        }
        let (idle, count) = (self.settings.pending_idle, self.settings.batch_size);
        let mut from = START.to_owned();
        loop {
            let page = self.settings.seat.claim(connection, idle, &from, count).await?;
            let mut report = Report::default();
            page.deleted.iter().for_each(|id| report.note(Outcome::Lost, id));
            self.tell(report);
            if page.has_unnamed {
                self.retries.later(instant());
            }
            self.handle_and_note(connection, page.entries, tally).await?;
            if page.next == START || self.is_down || stop.is_over().await {
                break;
            }
            from = page.next;
        }
        let pause = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(10));
        self.claim_at = instant() + pause;
        Ok(())
    }

    /// Handles a page of the entries that are pending with this consumer.
    async fn walk(&mut self, connection: &mut MultiplexedConnection, tally: &mut Tally) -> Result<(), Fault> {
        let Some(walk) = self.retries.take(instant()) else { return Ok(()) };
        let (seat, count) = (&self.settings.seat, self.settings.batch_size);
        // If this fails, the next connection begins with a walk of its own.
        let entries = seat.read(connection, Read::Own(&walk.after), count).await?;
        if entries.is_empty() {
            self.retries.finish(&walk, instant());
            return Ok(());
        }
        let handled = self.handle(connection, entries, tally).await?;
        self.retries.go_on(walk, handled.last, handled.left > 0, instant());
        Ok(())
    }

    async fn handle_and_note(
        &mut self,
        connection: &mut MultiplexedConnection,
        entries: Vec<Entry>,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        if self.handle(connection, entries, tally).await?.left > 0 {
            self.retries.later(instant());
        }
        Ok(())
    }

    /// Carries out a batch and acknowledges the entries that are done.
    async fn handle(
        &mut self,
        connection: &mut MultiplexedConnection,
        entries: Vec<Entry>,
        tally: &mut Tally,
    ) -> Result<Handled, Fault> {
        let mut handled = Handled::default();
        let (mut report, mut in_a_row, delivered) = (Report::default(), 0, entries.len());
        for entry in entries {
            if in_a_row == PATIENCE {
                break;
            }
            handled.last = Some(entry.id.clone());
            match self.carry_out(&entry).await {
                Ok(outcome) => {
                    in_a_row = 0;
                    report.note(outcome, &entry.id);
                    handled.done.push(entry.id);
                }
                Err(error) => {
                    in_a_row += 1;
                    tally.error = Some(error);
                }
            }
        }
        handled.left = delivered - handled.done.len();
        if delivered > 0 {
            self.note_whether_it_is_down(handled.done.is_empty());
        }
        let acknowledged = self.settings.seat.acknowledge(connection, &handled.done).await;
        self.tell(report);
        acknowledged?;
        tally.done += handled.done.len();
        Ok(handled)
    }

    /// When the store works again, entries that failed before are due at once.
    fn note_whether_it_is_down(&mut self, is_down: bool) {
        if std::mem::replace(&mut self.is_down, is_down) && !is_down {
            self.retries.hurry(instant());
        }
    }

    fn tell(&self, report: Report) {
        self.health.lose(report.lost());
        report.tell(&self.stream());
    }

    async fn carry_out(&self, entry: &Entry) -> Result<Outcome, StoreError> {
        // A deleted entry can only be acknowledged.
        let Some(fields) = &entry.fields else { return Ok(Outcome::Lost) };
        let (anchors, lasting) = (&self.settings.anchors, self.settings.lasting);
        match order_of(self.settings.topic, &self.settings.signatures, fields) {
            Ok(Order::Revoke { anchors: names, is_ambiguous }) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                anchors.revoke(&names, lasting).await?;
                if is_ambiguous {
                    return Ok(Outcome::Ambiguous);
                }
            }
            Ok(Order::RaiseEpoch { zone, epoch }) => {
                anchors.raise_epoch(&zone, epoch, lasting).await?;
            }
            Err(poison) => {
                self.bury(entry, &payload(fields, poison), poison).await?;
                return Ok(Outcome::Buried(poison));
            }
        }
        Ok(Outcome::Done)
    }

    async fn bury(&self, entry: &Entry, payload: &str, poison: Poison) -> Result<(), Fault> {
        let seat = &self.settings.seat;
        let mut step = self.redis.names().step(&scripts::STREAM_BURY);
        step.key(&seat.stream).key(format!("{}.dead", seat.stream));
        step.arg(&seat.group)
            .arg(&entry.id)
            .arg(poison.as_str())
            .arg(payload)
            .arg(self.settings.dead_letters);
        self.redis.link().run(&step, Retry::No).await?.done()
    }

    /// Removes consumers of fauth that crashed long ago, and this one if it ends. A Redis user
    /// without permission to list the group leaves its name behind.
    async fn leave(&self, ends: bool) {
        let seat = &self.settings.seat;
        let mut step = self.redis.names().step(&scripts::STREAM_LEAVE);
        step.key(&seat.stream).arg(&seat.group).arg(if ends { &*seat.consumer } else { "" });
        step.arg(GONE.as_secs() * 1000).arg(GIVEN);
        let _ = self.redis.link().run(&step, Retry::Yes).await;
    }
}

impl fmt::Debug for StreamConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamConsumer").field("seat", &self.settings.seat).finish_non_exhaustive()
    }
}
