//! What the tests share.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};

use fauth_core::password::{PasswordConfig, PasswordError, PasswordHasher, Verification};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

pub(crate) const MATCH: Result<Verification, PasswordError> = Ok(Verification::Match);
pub(crate) const MATCH_NEEDS_REHASH: Result<Verification, PasswordError> = Ok(Verification::MatchNeedsRehash);
pub(crate) const MISMATCH: Result<Verification, PasswordError> = Ok(Verification::Mismatch);

pub(crate) fn hasher(config: PasswordConfig) -> PasswordHasher {
    PasswordHasher::new(config).unwrap()
}

/// The cheapest Argon2id there is.
pub(crate) fn weak() -> PasswordConfig {
    PasswordConfig::danger_weak_argon2id(8, 1, 1)
}

pub(crate) fn field(config: PasswordConfig) -> Option<&'static str> {
    PasswordHasher::new(config).err().map(|error| error.field())
}

/// Keeps the text of every record with the target `fauth`.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// For this thread, as long as the guard lives.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The records about stored hashes that cannot be used.
    pub(crate) fn unusable(&self) -> Vec<String> {
        self.take().into_iter().filter(|line| line.contains("stored password hash")).collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "fauth"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
