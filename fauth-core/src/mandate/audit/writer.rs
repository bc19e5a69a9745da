//! The background task that writes: it collects events, sends them, and puts aside what Redis does
//! not accept.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    buffer::Buffer,
    counters::Counted,
    record::AuditRecord,
    seal::Seal,
    snapshot::Snapshot,
    spill::{Oldest, ReadError, SpillError, SpillFolder},
};
use crate::{
    clock::instant,
    error::causes,
    store::{AuditEntry, AuditLink, StoreError},
};

/// The maximum number of entries in one round trip.
pub(super) const BATCH: usize = 1000;
/// A batch that has reached this size gets no more entries.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The number of entries that are sealed before the size of the batch is checked again.
const PORTION: usize = 50;
/// How long events are collected before they are written.
const PAUSE: Duration = Duration::from_millis(50);
/// The same while Redis fails: each batch is then written to a file and flushed to the disk.
const PAUSE_WHILE_BEHIND: Duration = Duration::from_millis(250);
/// The first and the longest wait before Redis is tried again after a failure.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// An event as it is handed to the task.
pub(super) struct Noted {
    pub(super) what: What,
    /// Time since the Unix epoch.
    pub(super) at: Duration,
}

pub(super) enum What {
    Raised(Snapshot),
    Given(AuditRecord),
}

pub(super) struct Writer {
    pub(super) buffer: Arc<Buffer<Noted>>,
    pub(super) counted: Arc<Counted>,
    pub(super) seal: Seal,
    pub(super) link: AuditLink,
    pub(super) folder: Option<Arc<Mutex<SpillFolder>>>,
    pub(super) pace: Pace,
    /// Entries taken out of the buffer that are neither in Redis nor in a file yet.
    pub(super) held: Vec<AuditEntry>,
    /// Whether it has been logged that the folder accepts no files.
    pub(super) is_folder_failing: bool,
    /// Whether it has been logged that the oldest file cannot be read.
    pub(super) is_file_failing: bool,
    pub(super) ended: watch::Sender<bool>,
}

/// When to try Redis again after a failure.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Option<Instant>,
    wait: Duration,
}

impl Pace {
    /// Returns `true` for the first failure in a row.
    fn failed(&mut self) -> bool {
        let is_new = self.next.is_none();
        self.wait = self.wait.saturating_mul(2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.next = Some(instant() + self.wait);
        is_new
    }

    /// Returns `true` if the previous attempt had failed.
    fn succeeded(&mut self) -> bool {
        self.wait = Duration::ZERO;
        self.next.take().is_some()
    }

    fn is_due(&self) -> bool {
        self.next.is_none_or(|next| next <= instant())
    }
}

impl Writer {
    /// Runs until the buffer is closed and empty.
    pub(super) async fn run(mut self) {
        while !self.buffer.is_closed() {
            self.collect().await;
            self.deliver().await;
        }
        self.finish().await;
        self.ended.send_replace(true);
    }

    /// Waits for something to do, then a little longer for more events.
    async fn collect(&mut self) {
        loop {
            let can_take = self.held.len() < BATCH && self.buffer.len() > 0;
            let until = self.is_behind().then(|| self.pace.next.unwrap_or_else(instant));
            if can_take || self.buffer.is_closed() || until.is_some_and(|until| until <= instant()) {
                break;
            }
            self.buffer.changed(until).await;
        }
        let until = instant() + if self.is_behind() { PAUSE_WHILE_BEHIND } else { PAUSE };
        while self.buffer.len() + self.held.len() < BATCH && !self.buffer.is_closed() && instant() < until {
            self.buffer.changed(Some(until)).await;
        }
        self.take();
    }

    /// Returns whether there are entries that Redis has not accepted yet.
    fn is_behind(&self) -> bool {
        !self.held.is_empty() || self.has_files()
    }

    fn has_files(&self) -> bool {
        self.folder.as_ref().is_some_and(|folder| !lock(folder).is_empty())
    }

    /// Fills the batch from the buffer.
    fn take(&mut self) {
        let mut bytes: usize = self.held.iter().map(size).sum();
        while self.held.len() < BATCH && bytes < MAX_BATCH_BYTES {
            let noted = self.buffer.take(PORTION.min(BATCH - self.held.len()));
            if noted.is_empty() {
                return;
            }
            for noted in noted {
                let Noted { what, at } = *noted;
                let record = match what {
                    What::Raised(snapshot) => snapshot.into_record(),
                    What::Given(record) => record,
                };
                match self.seal.entry(record, at) {
                    Some(entry) => {
                        bytes += size(&entry);
                        self.held.push(entry);
                    }
                    // Without an id, readers could not recognise duplicates.
                    None => self.lose(1, "no random bytes for an id"),
                }
            }
        }
    }

    /// Sends files first, so that the stream keeps the order of the events.
    async fn deliver(&mut self) {
        if self.has_files() || !self.pace.is_due() {
            self.put_aside().await;
        }
        if self.pace.is_due() && self.replay().await && !self.held.is_empty() && !self.has_files() {
            self.send().await;
            self.put_aside().await;
        }
    }

    /// Sends the files, the oldest first, until none is left or a full batch is waiting. Returns
    /// `false` if Redis fails, or if a file cannot be read at the moment.
    async fn replay(&mut self) -> bool {
        // A batch that is held because the folder is full waits until there are fewer files.
        let can_collect = |writer: &Self| writer.held.is_empty() && writer.buffer.len() >= BATCH;
        while self.has_files() && !can_collect(self) && !self.buffer.is_closed() {
            let seal = self.seal.clone();
            let oldest = match self.blocking(move |folder| folder.oldest(&seal)).await {
                Some(Ok(Some(oldest))) => oldest,
                Some(Ok(None)) => break,
                Some(Err(error @ ReadError::Gone(_))) => {
                    tracing::error!(target: "fauth", %error, "audit: a file of events was removed by somebody else; its events are lost");
                    continue;
                }
                Some(Err(ReadError::Io(error))) => {
                    self.file_failed(&error);
                    return false;
                }
                // The runtime is shutting down.
                None => {
                    self.pace.failed();
                    return false;
                }
            };
            self.is_file_failing = false;
            if !oldest.entries.is_empty()
                && let Err(error) = self.link.append(&oldest.entries).await
            {
                self.failed(&error);
                return false;
            }
            self.succeeded();
            self.confirmed(&oldest).await;
        }
        true
    }

    async fn confirmed(&mut self, oldest: &Oldest) {
        self.counted.replayed(oldest.entries.len());
        let has_unreadable = oldest.unreadable > 0;
        if has_unreadable {
            self.lose(
                oldest.unreadable,
                "lines of a file cannot be read or are not signed with the key; the file is kept as `*.unreadable`",
            );
        }
        if let Some(Err(error)) = self.blocking(move |folder| folder.finish_oldest(has_unreadable)).await {
            tracing::error!(
                target: "fauth", %error,
                "audit: a file that was sent cannot be removed; its events will be sent again after the next start"
            );
        }
        self.look_whether_crowded();
    }

    /// Writes the held entries to a file. They stay held if that fails or there is no folder.
    async fn put_aside(&mut self) {
        if self.held.is_empty() || self.folder.is_none() {
            return;
        }
        let entries = std::mem::take(&mut self.held);
        let add = move |folder: &mut SpillFolder| (folder.add(&entries), entries);
        let Some((added, entries)) = self.blocking(add).await else {
            // Only a runtime that is shutting down loses the closure with its entries.
            return;
        };
        match added {
            Ok(()) => {
                self.counted.spilled(entries.len());
                self.is_folder_failing = false;
            }
            Err(error) => {
                self.held = entries;
                self.folder_failed(&error);
            }
        }
        self.look_whether_crowded();
    }

    fn look_whether_crowded(&self) {
        if let Some(folder) = &self.folder {
            self.buffer.crowd(lock(folder).is_crowded());
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SpillFolder) -> T + Send + 'static,
    ) -> Option<T> {
        let folder = Arc::clone(self.folder.as_ref()?);
        tokio::task::spawn_blocking(move || work(&mut lock(&folder))).await.ok()
    }

    /// Writes everything that is left to Redis, or else to files. Existing files stay for the next
    /// start.
    async fn finish(&mut self) {
        let mut may_ask = self.pace.is_due() || self.folder.is_none();
        loop {
            self.take();
            if self.held.is_empty() {
                return;
            }
            if self.has_files() {
                self.put_aside().await;
            }
            if may_ask && !self.held.is_empty() {
                may_ask = self.send().await;
            }
            self.put_aside().await;
            let count = self.held.len();
            if count > 0 {
                self.held.clear();
                self.lose(count, "neither redis nor a file accepted them before the shutdown");
            }
        }
    }

    /// Returns `false` if Redis does not accept the held entries.
    async fn send(&mut self) -> bool {
        match self.link.append(&self.held).await {
            Ok(()) => {
                self.counted.written(self.held.len());
                self.held.clear();
                self.succeeded();
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn lose(&self, count: usize, why: &str) {
        self.counted.dropped(count);
        tracing::error!(target: "fauth", count, why, "audit: events are lost");
    }

    fn failed(&mut self, error: &StoreError) {
        if self.pace.failed() {
            let error = causes(error);
            let into = if self.folder.is_some() { "files" } else { "the buffer only" };
            tracing::warn!(target: "fauth", error, into, "audit: redis does not accept events; they are kept elsewhere");
        }
    }

    fn succeeded(&mut self) {
        if self.pace.succeeded() {
            tracing::info!(target: "fauth", "audit: events are written to redis again");
        }
    }

    /// Later entries wait behind this file, so that the stream keeps their order.
    fn file_failed(&mut self, error: &io::Error) {
        self.pace.failed();
        if !std::mem::replace(&mut self.is_file_failing, true) {
            tracing::error!(
                target: "fauth", %error,
                "audit: a file of events cannot be read; nothing is sent until it can be, and reading is retried"
            );
        }
    }

    fn folder_failed(&mut self, error: &SpillError) {
        if !std::mem::replace(&mut self.is_folder_failing, true) {
            tracing::error!(
                target: "fauth", %error,
                "audit: events cannot be written to a file, and stay in the buffer until it is full"
            );
        }
    }
}

fn lock(folder: &Mutex<SpillFolder>) -> std::sync::MutexGuard<'_, SpillFolder> {
    folder.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(entry: &AuditEntry) -> usize {
    entry.id.len() + entry.data.len() + entry.sig.as_ref().map_or(0, String::len)
}
