//! What a store tells as it happens: that something about a key has changed.
//!
//! A change says where to look again, and never what is true now: whoever hears it asks the store.
//! So one too many costs a question, and one that is told twice, or that another key has caused
//! (keys are told as hashes), ends nothing.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, OnceLock},
};

use tokio::sync::broadcast::{self, error::RecvError};

/// How many changes a slow receiver may be behind before it hears [`Change::All`] in their place.
const BACKLOG: usize = 1024;

/// What has changed in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new kind of change must be handled everywhere")]
pub enum Change {
    /// Something about the key with this [hash](ChangeSender::hash).
    Key(u64),
    /// Anything: nobody knows what, so everything has to be looked at again.
    All,
}

/// Tells everybody who listens what has changed; kept by a store that notices changes as they
/// happen, its own and those of other instances. Clones tell the same listeners.
///
/// ```
/// use fauth_core::store::{Change, ChangeSender, Owner, RevocationTarget};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sender = ChangeSender::new();
/// let mut changes = sender.subscribe();
///
/// // After the change can be seen by whoever asks the store.
/// RevocationTarget::Session("s1").with_key(&Owner::new("shop", "", "alice"), |key| sender.tell(key));
/// assert!(matches!(changes.next().await, Some(Change::Key(_))));
/// # });
/// ```
///
/// Telling never waits and costs next to nothing while nobody listens. What is kept for slow
/// listeners is bounded: one who is too far behind hears [`Change::All`].
#[derive(Clone, Default)]
pub struct ChangeSender {
    /// Made when somebody listens for the first time.
    channel: Arc<OnceLock<broadcast::Sender<Change>>>,
}

impl ChangeSender {
    /// Somebody to tell, and nobody who listens yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells that something about a key has changed: the [key](crate::store::RevocationTarget::key)
    /// of a revocation target, for an epoch that of the owner's
    /// [`Subject`](crate::store::RevocationTarget::Subject).
    pub fn tell(&self, key: &[u8]) {
        if let Some(channel) = self.listened_to() {
            // If the last one stops listening meanwhile, nobody misses it.
            let _ = channel.send(Change::Key(Self::hash(key)));
        }
    }

    /// Tells that anything may have changed: after a new copy of everything, for example.
    pub fn tell_all(&self) {
        if let Some(channel) = self.listened_to() {
            let _ = channel.send(Change::All);
        }
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        let channel = self.channel.get_or_init(|| broadcast::channel(BACKLOG).0);
        Changes { receiver: channel.subscribe() }
    }

    /// Stands for a key within this process; another process, and the same after a restart, makes
    /// another of it. Nobody outside can find two keys with the same one.
    #[must_use]
    pub fn hash(key: &[u8]) -> u64 {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        STATE.get_or_init(RandomState::new).hash_one(key)
    }

    fn listened_to(&self) -> Option<&broadcast::Sender<Change>> {
        self.channel.get().filter(|channel| channel.receiver_count() > 0)
    }
}

impl fmt::Debug for ChangeSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.channel.get().map_or(0, broadcast::Sender::receiver_count);
        f.debug_struct("ChangeSender").field("listeners", &listeners).finish_non_exhaustive()
    }
}

/// Hears what a store tells; made by [`ChangeSender::subscribe`].
pub struct Changes {
    receiver: broadcast::Receiver<Change>,
}

impl Changes {
    /// The next change; waits for it. `None` once every sender is gone: then the store is.
    ///
    /// Nothing is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Change> {
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::All),
            Err(RecvError::Closed) => None,
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_listens_hears_each_change() {
        let sender = ChangeSender::new();
        sender.tell(b"nobody listens");
        let mut listeners = [sender.subscribe(), sender.clone().subscribe()];
        sender.tell(b"a");
        sender.tell_all();
        for changes in &mut listeners {
            assert_eq!(changes.next().await, Some(Change::Key(ChangeSender::hash(b"a"))));
            assert_eq!(changes.next().await, Some(Change::All));
        }
        assert_ne!(ChangeSender::hash(b"a"), ChangeSender::hash(b"b"));
        drop(sender);
        assert_eq!(listeners[0].next().await, None);
    }

    #[tokio::test]
    async fn who_is_too_slow_looks_at_everything() {
        let sender = ChangeSender::new();
        let mut changes = sender.subscribe();
        for number in 0..BACKLOG {
            sender.tell(&number.to_le_bytes());
        }
        assert_eq!(changes.next().await, Some(Change::Key(ChangeSender::hash(&0_usize.to_le_bytes()))));
        sender.tell(b"one");
        sender.tell(b"too many");
        assert_eq!(changes.next().await, Some(Change::All), "some are lost");
        assert!(matches!(changes.next().await, Some(Change::Key(_))), "and those that are not follow");
    }
}
