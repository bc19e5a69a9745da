//! Change notifications of a store: something about a key has changed.
//!
//! A notification says where to look, not what is true now: the listener asks the store. Spurious,
//! repeated and colliding notifications (keys are sent as hashes) therefore cost a query and end
//! nothing.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use smallvec::SmallVec;

/// How many changes a slow listener may lag behind before they are replaced by [`Change::All`].
const BACKLOG: usize = 1024;

/// What has changed in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new kind of change must be handled everywhere")]
pub enum Change {
    /// Something about the key with this [hash](ChangeSender::hash).
    Key(u64),
    /// Anything. What changed is unknown, so everything has to be checked again.
    All,
}

/// Notifies listeners of changes. Belongs to a store that learns of changes as they happen, its own
/// and those of other instances. Clones share the listeners.
///
/// ```
/// use fauth_core::store::{Change, ChangeSender, Owner, RevocationTarget};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sender = ChangeSender::new();
/// let mut changes = sender.subscribe();
///
/// // Send the notification only after the store's answers reflect the change.
/// let owner = Owner::new("shop", "", "alice");
/// RevocationTarget::Session("s1").with_key(&owner, |key| sender.tell(key));
/// assert!(matches!(changes.next().await, Some(Change::Key(_))));
/// # });
/// ```
///
/// Sending never waits, and costs next to nothing without listeners. The backlog of a slow listener
/// is bounded: a listener that lags too far behind receives [`Change::All`].
#[derive(Clone, Default)]
pub struct ChangeSender(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    queues: Mutex<Vec<Weak<Queue>>>,
    /// The number of listeners, so that sending to nobody takes no lock.
    count: AtomicUsize,
}

/// The changes that one listener has not received yet.
#[derive(Default)]
struct Queue(Mutex<Unheard>);

#[derive(Default)]
struct Unheard {
    keys: VecDeque<u64>,
    all: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

impl ChangeSender {
    /// Creates a sender without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces that something about a key has changed: the
    /// [key](crate::store::RevocationTarget::key) of a revocation target, or, for an epoch, that of
    /// the owner's [`Subject`](crate::store::RevocationTarget::Subject).
    pub fn tell(&self, key: &[u8]) {
        if self.is_heard() {
            self.0.tell(Change::Key(Self::hash(key)));
        }
    }

    /// Like [`tell`](Self::tell), with the [hash](Self::hash) of the key.
    #[cfg(feature = "redis")]
    pub(super) fn tell_hash(&self, hash: u64) {
        if self.is_heard() {
            self.0.tell(Change::Key(hash));
        }
    }

    /// Announces that anything may have changed, for example after a new copy of all entries was
    /// loaded.
    pub fn tell_all(&self) {
        if self.is_heard() {
            self.0.tell(Change::All);
        }
    }

    /// Closes the present listeners, which then receive `None`. Later subscriptions are not
    /// affected.
    #[cfg(all(feature = "mandates", feature = "redis"))]
    pub(super) fn close(&self) {
        self.0.close();
    }

    /// Subscribes to all changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        let queue = Arc::new(Queue::default());
        let mut queues = lock(&self.0.queues);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        self.0.count.store(queues.len(), Ordering::SeqCst);
        Changes(queue)
    }

    /// Whether there are listeners. Without any, a store need not listen for changes itself.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        self.is_heard() && lock(&self.0.queues).iter().any(|queue| queue.strong_count() > 0)
    }

    /// A hash that identifies a key within this process; it differs in other processes and after a
    /// restart. Keys with equal hashes cannot be found from outside.
    #[must_use]
    pub fn hash(key: &[u8]) -> u64 {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        STATE.get_or_init(RandomState::new).hash_one(key)
    }

    /// Whether there may be listeners, as far as is known without taking the lock.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.count.load(Ordering::SeqCst) > 0
    }
}

impl Listeners {
    fn tell(&self, change: Change) {
        let mut queues = lock(&self.queues);
        let mut there = SmallVec::<[_; 2]>::new();
        queues.retain(|queue| queue.upgrade().map(|queue| there.push(queue)).is_some());
        self.count.store(queues.len(), Ordering::SeqCst);
        drop(queues);
        // Outside the lock, because waking a task runs arbitrary code.
        for queue in there {
            queue.add(change);
        }
    }

    fn close(&self) {
        let mut queues = lock(&self.queues);
        let there = std::mem::take(&mut *queues);
        self.count.store(0, Ordering::SeqCst);
        drop(queues);
        // Outside the lock, because waking a task runs arbitrary code.
        for queue in there.iter().filter_map(Weak::upgrade) {
            queue.change(|unheard| unheard.is_closed = true);
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn add(&self, change: Change) {
        self.change(|unheard| match change {
            _ if unheard.all => {}
            Change::Key(key) if unheard.keys.len() < BACKLOG => unheard.keys.push_back(key),
            _ => {
                unheard.keys = VecDeque::new();
                unheard.all = true;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Unheard)) {
        let mut unheard = lock(&self.0);
        change(&mut unheard);
        let waker = unheard.waker.take();
        drop(unheard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Ignores poisoning: no code that could panic leaves the value half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for ChangeSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeSender").field("is_heard", &self.is_heard()).finish_non_exhaustive()
    }
}

/// Receives the changes of a store; created by [`ChangeSender::subscribe`].
pub struct Changes(Arc<Queue>);

impl Changes {
    /// Waits for the next change. `None` once all senders are dropped, which means that the store
    /// is gone.
    ///
    /// Cancel-safe: no change is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Change> {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Change>> {
        let mut unheard = lock(&self.0.0);
        if let Some(key) = unheard.keys.pop_front() {
            return Poll::Ready(Some(Change::Key(key)));
        }
        if std::mem::take(&mut unheard.all) {
            return Poll::Ready(Some(Change::All));
        }
        if unheard.is_closed {
            return Poll::Ready(None);
        }
        let before = unheard.waker.replace(context.waker().clone());
        drop(unheard);
        // Outside the lock, because dropping a waker runs arbitrary code.
        drop(before);
        Poll::Pending
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
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
        for changes in &mut listeners {
            assert_eq!(changes.next().await, Some(Change::Key(ChangeSender::hash(b"a"))));
        }
        sender.tell(b"a");
        sender.tell_all();
        for changes in &mut listeners {
            assert_eq!(changes.next().await, Some(Change::All), "which is about the key too");
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
        sender.tell(b"and another");
        assert_eq!(changes.next().await, Some(Change::All), "in place of all of them");
        sender.tell(b"a");
        assert_eq!(changes.next().await, Some(Change::Key(ChangeSender::hash(b"a"))));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let sender = ChangeSender::new();
        let mut changes = sender.subscribe();
        let waiting = tokio::spawn(async move { (changes.next().await, changes.next().await) });
        tokio::task::yield_now().await;
        sender.tell(b"a");
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(waiting.await.unwrap(), (Some(Change::Key(ChangeSender::hash(b"a"))), None));
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let sender = ChangeSender::new();
        for _ in 0..100 {
            drop(sender.subscribe());
        }
        let stays = sender.subscribe();
        sender.tell(b"a");
        assert_eq!(lock(&sender.0.queues).len(), 1);
        drop(stays);
        sender.tell(b"a");
        assert!(!sender.is_heard());
    }
}
