//! The log records of the process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
};

/// A log record or span, with its fields unformatted and unescaped.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its level.
    pub level: Level,
    /// Its target.
    pub target: String,
    /// The fields; the text is the field `message`.
    pub fields: BTreeMap<&'static str, String>,
}

impl Logged {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Visit for Logged {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

/// All log records of the process, at every level. It is the global subscriber, because the threads
/// that hash have none of their own. Tests that run at the same time identify their records by a
/// word of their own.
#[derive(Debug)]
pub struct Log {
    records: Arc<Mutex<Vec<Logged>>>,
}

impl Log {
    /// Returns the log. Records are kept from the first call on.
    pub fn of_process() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let records = Arc::<Mutex<Vec<Logged>>>::default();
            let keeper = Keeper { records: Arc::clone(&records), next_span: AtomicU64::new(1) };
            tracing::subscriber::set_global_default(keeper).unwrap();
            Self { records }
        })
    }

    /// Returns all records so far.
    pub fn all(&self) -> Vec<Logged> {
        self.records.lock().unwrap().clone()
    }

    /// Returns the records with a field that contains `word`.
    pub fn with(&self, word: &str) -> Vec<Logged> {
        let mut records = self.all();
        records.retain(|record| record.fields.values().any(|value| value.contains(word)));
        records
    }
}

struct Keeper {
    records: Arc<Mutex<Vec<Logged>>>,
    next_span: AtomicU64,
}

impl Keeper {
    fn keep(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Logged)) {
        let mut logged = Logged {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            fields: BTreeMap::new(),
        };
        record(&mut logged);
        self.records.lock().unwrap().push(logged);
    }
}

impl Subscriber for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.keep(attributes.metadata(), |logged| attributes.record(logged));
        tracing::span::Id::from_u64(self.next_span.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.keep(event.metadata(), |logged| event.record(logged));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
