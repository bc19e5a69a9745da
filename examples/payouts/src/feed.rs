//! The feed of payouts.

use tokio::sync::broadcast::{Receiver, Sender, channel};

/// How many payouts a socket may lag behind before it is closed.
const CAPACITY: usize = 16;

/// Sends each payout to every open socket. Clones share it.
#[derive(Debug, Clone)]
pub struct Feed(Sender<String>);

impl Feed {
    /// Creates a feed without watchers.
    #[must_use]
    pub fn new() -> Self {
        Self(channel(CAPACITY).0)
    }

    /// Sends a payout to all watchers.
    pub fn tell(&self, text: String) {
        // Without watchers, this is no error.
        drop(self.0.send(text));
    }

    /// Returns the payouts from now on.
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
