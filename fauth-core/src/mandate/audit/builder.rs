//! Settings of an [`AuditStream`], and starting it.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    buffer::Buffer,
    counters::Counted,
    seal::Seal,
    snapshot::is_audited,
    spill::{SpillFolder, SpillLimits},
    strangers::MOST_WAITING,
    stream::{AuditStream, Lane, Select},
    writer::{BATCH, Pace, Writer},
};
use crate::{
    clock::{Clock, SystemClock},
    error::ConfigError,
    event::Event,
    store::{AuditLink, StreamKey},
};

/// The name of the stream that Caracal reads.
const STREAM: &str = "caracal.audit.events";
/// The number of events that the buffer holds.
const CAPACITY: usize = 10_000;

impl AuditStream {
    /// Returns a builder for a stream of this zone's events, in the Redis at this URL:
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://…` for TLS (feature `tls`).
    pub fn builder(url: impl AsRef<str>, zone: impl Into<String>) -> AuditStreamBuilder {
        AuditStreamBuilder {
            link: AuditLink::new(url.as_ref(), STREAM),
            zone: zone.into(),
            key: None,
            is_unsigned: false,
            is_with_strangers: false,
            folder: None,
            limits: SpillLimits::default(),
            clock: Arc::new(SystemClock),
            select: Box::new(is_audited),
        }
    }
}

/// Settings of an [`AuditStream`].
#[must_use]
pub struct AuditStreamBuilder {
    link: AuditLink,
    zone: String,
    key: Option<StreamKey>,
    is_unsigned: bool,
    is_with_strangers: bool,
    folder: Option<PathBuf>,
    limits: SpillLimits,
    clock: Arc<dyn Clock>,
    select: Box<Select>,
}

impl fmt::Debug for AuditStreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditStreamBuilder").field("zone", &self.zone).finish_non_exhaustive()
    }
}

impl AuditStreamBuilder {
    /// Sets the key that signs the events: the `AUDIT_HMAC_KEY` of the deployment, which is in
    /// [hexadecimal](StreamKey::from_hex).
    pub fn signing_key(mut self, key: StreamKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Writes events without signatures.
    ///
    /// # Security
    /// Anyone who can write to Redis can then forge events undetected. A Caracal deployment that
    /// has a key refuses unsigned events.
    pub fn danger_unsigned(mut self) -> Self {
        self.is_unsigned = true;
        self
    }

    /// Sets the folder for events that Redis does not accept. It is created if it does not exist.
    /// Files in it are readable only by this user (mode 0600). By default there is no folder.
    ///
    /// Each process needs a folder of its own: two processes that share one send each other's
    /// events, some of them twice. Entries that are not signed with the current
    /// [key](Self::signing_key) are not sent, even if they are signed with an earlier key: their
    /// file is kept as `*.unreadable`. So let all files be sent before you change the key.
    pub fn spill_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Sets the maximum number of files in the folder, and their maximum total size in bytes. The
    /// defaults are 1 000 files and 256 MiB.
    pub fn spill_limits(mut self, files: usize, bytes: u64) -> Self {
        self.limits = SpillLimits { files, bytes };
        self
    }

    /// Also writes events that anyone can cause without a credential that verifies: refused and
    /// limited requests, and failed logins. They are not written by default, because
    /// unauthenticated callers could then decide how much memory Redis needs.
    ///
    /// Their share is small: 60 events a minute and 100 in a buffer of their own, over a separate
    /// connection, and no space in the [folder](Self::spill_to). So they cannot displace other
    /// events. Excess events are dropped, and counted separately
    /// ([`unverified_counters`](AuditStream::unverified_counters)). In the stream they may come
    /// after events that happened later.
    ///
    /// # Security
    /// Anyone who can reach the service can then add up to 86 400 entries a day, of some kilobytes
    /// each: monitor the memory of Redis, or set a [`max_length`](Self::max_length).
    pub fn include_unverified(mut self) -> Self {
        self.is_with_strangers = true;
        self
    }

    /// Sets the approximate maximum length of the stream. When it is exceeded, Redis removes the
    /// oldest entries, about a hundred at a time. By default no entry is removed.
    ///
    /// # Security
    /// The control plane reads the stream. An entry that is removed before it was read is lost
    /// without a trace: an attacker who can cause many events can hide one. Choose a number that
    /// covers the longest time for which the control plane may be down.
    pub fn max_length(mut self, entries: u64) -> Self {
        self.link.max_length(entries);
        self
    }

    /// Sets which events are written, instead of the [default selection](super#what-is-written).
    /// Events that anyone can cause reach this function only if they are
    /// [included](Self::include_unverified).
    ///
    /// ```no_run
    /// # fn example(builder: fauth_core::mandate::audit::AuditStreamBuilder) {
    /// use fauth_core::event::EventKind;
    ///
    /// let builder = builder.select(|event| event.kind == EventKind::MandateRefused);
    /// # }
    /// ```
    pub fn select(mut self, select: impl Fn(&Event<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.select = Box::new(select);
        self
    }

    /// Sets the name of the stream. The default is `caracal.audit.events`.
    pub fn stream(mut self, name: impl Into<String>) -> Self {
        self.link.stream(name.into());
        self
    }

    /// Sets the clock for the times of the events. The default is the [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how long a round trip may take; 10 ms to one minute, by default 2 s.
    pub fn command_timeout(mut self, limit: Duration) -> Self {
        self.link.limit(limit);
        self
    }

    /// Sets the certificate authority, in PEM, of a `rediss://` server; see
    /// [`RedisStoreBuilder::root_certificate`](crate::store::RedisStoreBuilder::root_certificate).
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.link.root_certificate(pem.into());
        self
    }

    /// Starts the background task that writes. Redis need not be reachable yet. The task sends the
    /// files of earlier runs first.
    ///
    /// # Errors
    /// [`ConfigError`]
    /// - for a missing or short key, or an invalid URL, zone, limit or time-out;
    /// - for a folder that cannot be created, written or read, that other users can write to, or
    ///   that is owned neither by this user nor by root;
    /// - outside a Tokio runtime.
    pub fn start(self) -> Result<AuditStream, ConfigError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            ConfigError::new("audit", "was started outside a Tokio runtime", "call `start` inside one")
        })?;
        self.refuse_without_key()?;
        let seal = Seal::new(&self.zone, self.key.clone())?;
        self.link.validate()?;
        let folder = self.open_folder()?;
        let strangers = self.is_with_strangers.then(|| (seal.clone(), self.link.another()));
        let start = |writer: Writer| runtime.spawn(writer.run());
        let (writer, lane) = new_lane(CAPACITY, seal, self.link, folder);
        start(writer);
        let strangers = strangers.map(|(seal, link)| {
            let (writer, lane) = new_lane(MOST_WAITING, seal, link, None);
            start(writer);
            lane
        });
        Ok(AuditStream::new(lane, strangers, self.clock, self.select))
    }

    fn refuse_without_key(&self) -> Result<(), ConfigError> {
        match (&self.key, self.is_unsigned) {
            (Some(_), false) | (None, true) => Ok(()),
            (None, false) => Err(ConfigError::new(
                "signing_key",
                "is missing, so forged events could not be detected",
                "set the key of the Caracal deployment, or call `danger_unsigned()`",
            )),
            (Some(_), true) => Err(ConfigError::new(
                "danger_unsigned",
                "is set together with `signing_key`",
                "leave one of them out",
            )),
        }
    }

    fn open_folder(&self) -> Result<Option<SpillFolder>, ConfigError> {
        if self.limits.files == 0 || self.limits.bytes == 0 {
            return Err(ConfigError::new(
                "spill_limits",
                "are zero",
                "leave out `spill_to` if no files should be written",
            ));
        }
        let Some(path) = &self.folder else { return Ok(None) };
        let opened = SpillFolder::open(path, self.limits).map_err(|error| {
            let problem = format!("`{}` cannot be used: {error}", path.display());
            ConfigError::new(
                "spill_to",
                problem,
                "use a folder that only the user of this service can write to",
            )
        });
        opened.map(Some)
    }
}

/// Returns a writer task that is not started yet, and the lane that leads to it.
fn new_lane(capacity: usize, seal: Seal, link: AuditLink, folder: Option<SpillFolder>) -> (Writer, Lane) {
    let (end, ended) = watch::channel(false);
    let lane =
        Lane { buffer: Arc::new(Buffer::new(capacity, BATCH)), counted: Arc::new(Counted::default()), ended };
    let writer = Writer {
        buffer: Arc::clone(&lane.buffer),
        counted: Arc::clone(&lane.counted),
        seal,
        link,
        folder: folder.map(|folder| Arc::new(Mutex::new(folder))),
        pace: Pace::default(),
        held: Vec::new(),
        is_folder_failing: false,
        is_file_failing: false,
        ended: end,
    };
    (writer, lane)
}
