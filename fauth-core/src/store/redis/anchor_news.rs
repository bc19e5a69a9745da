//! Hears immediately what other instances revoke: a subscription that lasts as long as there are
//! listeners.
//!
//! The store publishes each anchor that it revokes, and each zone whose epoch it raises, on a
//! channel of its own. Services in other languages do not. Their revocations are heard if the
//! server sends keyspace notifications (`notify-keyspace-events K$`). If it does not, all open
//! connections are checked periodically, as with a store that announces nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{runtime::Handle, sync::Notify, task::AbortHandle};

use super::{anchor_names::AnchorNames, fault::Fault, link::Link};
use crate::{
    escape::Escaped,
    store::{ChangeSender, Changes},
};

/// How often the connection is tested, and whether there are listeners left.
const BEAT: Duration = Duration::from_secs(1);

/// If the server sends no keyspace notifications, everything counts as changed after this many
/// beats. The setting is read again then too.
const BEATS: u8 = 5;

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The listeners of a store, and the task that listens to Redis. The task ends when this is
/// dropped.
pub(super) struct News {
    sender: ChangeSender,
    subscription: Subscription,
    runtime: Handle,
    task: Arc<Mutex<Option<Task>>>,
}

struct Task {
    abort: AbortHandle,
    /// `false` once the task has panicked or its runtime is gone.
    is_alive: Arc<AtomicBool>,
}

/// What the task subscribes to.
#[derive(Clone)]
struct Subscription {
    link: Link,
    channel: String,
    /// The prefix of keyspace notifications, before an anchor or a zone.
    keys: String,
    /// Whether it has been logged that the server sends no keyspace notifications.
    has_warned: Arc<AtomicBool>,
}

impl News {
    /// Must be called in the runtime that later runs the task. Subscribes to nothing yet.
    pub(super) fn new(link: Link, names: &AnchorNames) -> Self {
        let keys = format!("__keyspace@{}__:{}", link.database(), names.anchor_prefix());
        let (channel, has_warned) = (names.channel.clone(), Arc::default());
        let subscription = Subscription { link, channel, keys, has_warned };
        Self { sender: ChangeSender::new(), subscription, runtime: Handle::current(), task: Arc::default() }
    }

    /// Notifies the listeners in this process. Other instances are notified by Redis.
    pub(super) fn tell(&self, name: &str) {
        self.sender.tell(name.as_bytes());
    }

    /// Returns a new listener. Changes made before the subscription is active are announced as
    /// `All`. If the runtime is gone, the listener is closed at once.
    pub(super) fn listen(&self) -> Changes {
        // The task ends only while it holds this lock, so it cannot miss the new listener.
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.sender.subscribe();
        // Checked after subscribing: a task that is lost from now on closes this listener too.
        if task.as_ref().is_none_or(|task| !task.is_alive.load(Ordering::SeqCst)) {
            let is_alive = Arc::new(AtomicBool::new(true));
            let listening = Listening {
                sender: self.sender.clone(),
                subscription: self.subscription.clone(),
                task: Arc::clone(&self.task),
                pause: PAUSES.0,
                is_alive: Arc::clone(&is_alive),
                has_ended: false,
            };
            *task = Some(Task { abort: self.runtime.spawn(listening.run()).abort_handle(), is_alive });
        }
        changes
    }
}

impl Drop for News {
    fn drop(&mut self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort.abort();
        }
    }
}

/// The task that listens to Redis.
struct Listening {
    sender: ChangeSender,
    subscription: Subscription,
    task: Arc<Mutex<Option<Task>>>,
    pause: Duration,
    is_alive: Arc<AtomicBool>,
    has_ended: bool,
}

impl Listening {
    /// Runs until there are no listeners left.
    async fn run(mut self) {
        while let Err(fault) = self.attend().await {
            if self.pause == PAUSES.0 {
                let error = fault.to_string();
                tracing::warn!(
                    target: "fauth",
                    error = %Escaped(&error),
                    "revocations by other instances are not received from redis"
                );
            }
            if self.is_over() {
                return;
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
    }

    async fn attend(&mut self) -> Result<(), Fault> {
        let lost = Arc::new(Notify::new());
        let hear = self.hear(Arc::clone(&lost));
        let mut connection = self.subscription.link.listening(hear).await?;
        connection.subscribe(&self.subscription.channel).await?;
        // A Redis user without permission for keyspace notifications still gets the store's own
        // channel.
        let keys = format!("{}*", self.subscription.keys);
        let is_subscribed = match connection.psubscribe(keys).await {
            Err(error) if error.is_io_error() => return Err(error.into()),
            subscribed => subscribed.is_ok(),
        };
        let mut is_told = self.is_told(&mut connection, is_subscribed).await?;
        // Changes published before the subscription are unknown.
        self.sender.tell_all();
        if self.pause != PAUSES.0 {
            self.pause = PAUSES.0;
            tracing::info!(target: "fauth", "revocations by other instances are received from redis again");
        }
        let mut beats = 0;
        loop {
            // Nothing else detects a server that has disappeared without closing the connection.
            redis::cmd("PING").exec_async(&mut connection).await?;
            if tokio::time::timeout(BEAT, lost.notified()).await.is_ok() {
                return Err(Fault::Disconnected);
            }
            if self.is_over() {
                return Ok(());
            }
            beats += 1;
            if beats == BEATS {
                beats = 0;
                // Changes since the setting was last read may have been missed.
                if !is_told {
                    self.sender.tell_all();
                }
                is_told = self.is_told(&mut connection, is_subscribed).await?;
            }
        }
    }

    /// Returns whether the server announces changes by services in other languages.
    async fn is_told(
        &self,
        connection: &mut MultiplexedConnection,
        is_subscribed: bool,
    ) -> Result<bool, Fault> {
        let is_told = is_subscribed && tells_keys(connection).await?;
        if !is_told && !self.subscription.has_warned.swap(true, Ordering::Relaxed) {
            let keys = &self.subscription.keys;
            tracing::warn!(
                target: "fauth",
                "redis does not announce revocations by services in other languages, so all open connections are \
                 checked every 5 seconds: set `notify-keyspace-events` to `K$`, and allow this user \
                 `CONFIG GET` and the channels `{keys}*`"
            );
        }
        Ok(is_told)
    }

    fn hear(&self, lost: Arc<Notify>) -> impl Fn(PushInfo) + Send + Sync + 'static {
        let (sender, keys) = (self.sender.clone(), self.subscription.keys.clone());
        move |push| match push.kind {
            PushKind::Disconnection => lost.notify_one(),
            PushKind::Message | PushKind::PMessage => {
                if let Some(name) = name_in(&push, keys.as_bytes()) {
                    sender.tell(name);
                }
            }
            _ => {}
        }
    }

    /// Returns whether there are no listeners left; the next listener then starts another task.
    fn is_over(&mut self) -> bool {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = !self.sender.has_listeners();
        if is_over {
            *task = None;
            self.has_ended = true;
        }
        is_over
    }
}

impl Drop for Listening {
    /// The task has panicked or its runtime is gone: listeners must know that nothing more comes.
    /// This does not lock the task, because whoever starts it holds that lock.
    fn drop(&mut self) {
        if !self.has_ended {
            self.is_alive.store(false, Ordering::SeqCst);
            self.sender.close();
        }
    }
}

/// Returns whether the server sends keyspace notifications. `false` if it does not report the
/// setting.
async fn tells_keys(connection: &mut MultiplexedConnection) -> Result<bool, Fault> {
    let mut ask = redis::cmd("CONFIG");
    ask.arg("GET").arg("notify-keyspace-events");
    match ask.query_async::<HashMap<String, String>>(connection).await {
        Ok(settings) => Ok(settings.values().any(|flags| includes_set(flags))),
        Err(error) if error.is_io_error() => Err(error.into()),
        Err(_) => Ok(false),
    }
}

/// By the name of the key (`K`), for string commands (`$`): both are needed.
fn includes_set(flags: &str) -> bool {
    flags.contains('K') && flags.contains(['$', 'A'])
}

/// Returns the anchor or the zone that has changed.
fn name_in<'a>(push: &'a PushInfo, keys: &[u8]) -> Option<&'a [u8]> {
    match (&push.kind, push.data.as_slice()) {
        (PushKind::Message, [_, Value::BulkString(name)]) => Some(name),
        (PushKind::PMessage, [_, Value::BulkString(channel), _]) => {
            let name = channel.strip_prefix(keys)?;
            Some(name.strip_prefix(b"delegation-epoch:").unwrap_or(name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(kind: PushKind, data: &[&str]) -> PushInfo {
        let data = data.iter().map(|text| Value::BulkString((*text).into())).collect();
        PushInfo { kind, data }
    }

    #[test]
    fn which_settings_tell_of_keys() {
        for flags in ["K$", "$K", "AK", "AKE", "g$xK"] {
            assert!(includes_set(flags), "{flags}");
        }
        for flags in ["", "K", "A", "$", "E$", "Kg", "AE"] {
            assert!(!includes_set(flags), "{flags}");
        }
    }

    #[test]
    fn a_name_is_found_in_both_kinds_of_message() {
        let keys = "__keyspace@0__:caracal:revoked:sessions:";
        let heard = |kind, data: &[&str]| {
            name_in(&push(kind, data), keys.as_bytes()).map(|name| String::from_utf8(name.to_vec()).unwrap())
        };
        assert_eq!(heard(PushKind::Message, &["channel", "sid_1"]).as_deref(), Some("sid_1"));
        let of_key = |name: &str| heard(PushKind::PMessage, &["pattern", &format!("{keys}{name}"), "set"]);
        assert_eq!(of_key("sid_1").as_deref(), Some("sid_1"));
        assert_eq!(of_key("delegation-epoch:zone_prod").as_deref(), Some("zone_prod"));
        assert_eq!(heard(PushKind::PMessage, &["pattern", "elsewhere", "set"]), None);
        assert_eq!(heard(PushKind::Subscribe, &["channel", "1"]), None);
    }
}
