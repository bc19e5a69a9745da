//! The payouts, as they are made.

use tokio::sync::broadcast::{Receiver, Sender, channel};

/// How far behind a socket may be before it is closed.
const CAPACITY: usize = 16;

/// Tells every open socket of each payout. Clones share it.
#[derive(Debug, Clone)]
pub struct Feed(Sender<String>);

impl Feed {
    /// A feed that nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        Self(channel(CAPACITY).0)
    }

    /// Tells whoever watches.
    pub fn tell(&self, text: String) {
        // It is no error that nobody does.
        drop(self.0.send(text));
    }

    /// Watches from now on.
    #[must_use]
    pub fn watch(&self) -> Receiver<String> {
        self.0.subscribe()
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}
