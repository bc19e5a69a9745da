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
    stream::{AuditStream, Select},
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
    /// twice.
    pub fn spill_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How many files and bytes may be in the folder; by default 1 000 and 256 MiB.
    pub fn spill_limits(mut self, files: usize, bytes: u64) -> Self {
        self.limits = SpillLimits { files, bytes };
        self
    }

    /// Which events are written, in place of [those by default](super#what-is-written).
    ///
    /// ```no_run
    /// # fn example(builder: fauth_core::mandate::audit::AuditStreamBuilder) {
    /// use fauth_core::event::EventKind;
    ///
    /// let builder = builder.select(|event| event.kind == EventKind::RequestRefused);
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
    /// folder that cannot be made, written or read, or that others may write into, and outside a
    /// Tokio runtime.
    pub fn start(self) -> Result<AuditStream, ConfigError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            ConfigError::new("audit", "is started outside a Tokio runtime", "call `start` within one")
        })?;
        self.refuse_without_key()?;
        let seal = Seal::new(&self.zone, self.key.clone())?;
        self.link.validate()?;
        let folder = self.open_folder()?;
        let (buffer, counted) = (Arc::new(Buffer::new(CAPACITY, BATCH)), Arc::new(Counted::default()));
        let (end, ended) = watch::channel(false);
        let writer = Writer {
            buffer: Arc::clone(&buffer),
            counted: Arc::clone(&counted),
            seal,
            link: self.link,
            folder: folder.map(|folder| Arc::new(Mutex::new(folder))),
            pace: Pace::default(),
            held: Vec::new(),
            is_folder_failing: false,
            ended: end,
        };
        runtime.spawn(writer.run());
        Ok(AuditStream::new(buffer, counted, self.clock, self.select, ended))
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
