//! How a stream is set up.

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

/// The stream that Caracal reads.
const STREAM: &str = "caracal.audit.events";
/// How many events wait.
const CAPACITY: usize = 10_000;

impl AuditStream {
    /// A stream in this Redis, `redis://[user[:password]@]host[:port][/database]` or with TLS
    /// (feature `tls`) `rediss://…`, for the events of this zone.
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
    /// The key under which the events are signed: the `AUDIT_HMAC_KEY` of the deployment, which has
    /// it in [hexadecimal digits](StreamKey::from_hex).
    pub fn signing_key(mut self, key: StreamKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Writes events without a signature.
    ///
    /// # Security
    /// Anybody who can write to Redis can then invent events, and nobody can tell. A Caracal
    /// deployment that has a key refuses events without a signature.
    pub fn danger_unsigned(mut self) -> Self {
        self.is_unsigned = true;
        self
    }

    /// The folder for what Redis does not take. It is made if it is not there, and files in it are
    /// for this user only (mode 0600). By default there is none.
    ///
    /// One process has it for itself: two that share one send each other's events, some of them
    /// twice. Entries that are not signed with the [key](Self::signing_key) are not sent, also
    /// those of an earlier key: their file is kept as `*.unreadable`. So have what is in files sent
    /// before you change the key.
    pub fn spill_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How many files and bytes may be in the folder; by default 1 000 and 256 MiB.
    pub fn spill_limits(mut self, files: usize, bytes: u64) -> Self {
        self.limits = SpillLimits { files, bytes };
        self
    }

    /// Also writes what anybody can cause without a credential that verifies: requests that were
    /// refused or limited, and failed logins. By default none of it is written, since whoever sends
    /// rubbish would decide how much memory Redis needs.
    ///
    /// Even so they get little: 60 events in a minute and 100 that wait, over a connection of their
    /// own, and no room in the [folder](Self::spill_to). So they displace nothing else. What is
    /// beyond is dropped, and counted by itself
    /// ([`unverified_counters`](AuditStream::unverified_counters)). In the stream they may stand
    /// behind events that happened later.
    ///
    /// # Security
    /// Anybody who can reach the service then adds up to 86 400 entries a day, of some kilobytes
    /// each: watch the memory of Redis, or give a [`max_length`](Self::max_length).
    pub fn include_unverified(mut self) -> Self {
        self.is_with_strangers = true;
        self
    }

    /// Has Redis remove the oldest entries when there are more than about so many: Redis removes
    /// them by the hundred. By default nothing is removed.
    ///
    /// # Security
    /// The control plane reads the stream. What is removed before it was read is lost, and nothing
    /// says so: whoever can cause many events can hide one. The number should be what is written in
    /// the longest time for which the control plane may be away.
    pub fn max_length(mut self, entries: u64) -> Self {
        self.link.max_length(entries);
        self
    }

    /// Which events are written, in place of [those by default](super#what-is-written). Those of
    /// strangers are never asked for unless they are [included](Self::include_unverified).
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

    /// Another name of the stream than `caracal.audit.events`.
    pub fn stream(mut self, name: impl Into<String>) -> Self {
        self.link.stream(name.into());
        self
    }

    /// Where the time of the events comes from; by default the [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long a round trip may take; 10 ms to one minute, by default 2 s.
    pub fn command_timeout(mut self, limit: Duration) -> Self {
        self.link.limit(limit);
        self
    }

    /// The certificate authority, in PEM, of a `rediss://` server; see
    /// [`RedisStoreBuilder::root_certificate`](crate::store::RedisStoreBuilder::root_certificate).
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.link.root_certificate(pem.into());
        self
    }

    /// Starts the task that writes. Redis need not be reachable yet. What earlier runs have left in
    /// the folder is sent first.
    ///
    /// # Errors
    /// [`ConfigError`] for a missing or short key, an impossible URL, zone, limit or time-out, a
    /// folder that cannot be made, written or read, that others may write into, or that belongs to
    /// another user than this one and root, and outside a Tokio runtime.
    pub fn start(self) -> Result<AuditStream, ConfigError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            ConfigError::new("audit", "is started outside a Tokio runtime", "call `start` within one")
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
                "is missing: nobody could tell your events from invented ones",
                "give the key of the Caracal deployment, or say `danger_unsigned()`",
            )),
            (Some(_), true) => Err(ConfigError::new(
                "danger_unsigned",
                "stands beside a `signing_key`",
                "leave one of them out",
            )),
        }
    }

    fn open_folder(&self) -> Result<Option<SpillFolder>, ConfigError> {
        if self.limits.files == 0 || self.limits.bytes == 0 {
            return Err(ConfigError::new(
                "spill_limits",
                "are zero",
                "leave out `spill_to` if nothing may spill",
            ));
        }
        let Some(path) = &self.folder else { return Ok(None) };
        let opened = SpillFolder::open(path, self.limits).map_err(|error| {
            let problem = format!("`{}` cannot be used: {error}", path.display());
            ConfigError::new(
                "spill_to",
                problem,
                "name a folder that only the user of this service can write to",
            )
        });
        opened.map(Some)
    }
}

/// A task that writes, not yet started, and the way to it.
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
