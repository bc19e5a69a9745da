//! Users in one JSON file.

mod disk;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use async_trait::async_trait;
use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until, timeout},
};

use self::disk::{FileError, Lock, OpenFile, Place, Stamp};
pub use self::format::MAX_FILE_BYTES;
use super::{NewUser, StoredUser, UserStore, UserStoreError, users::Users};
use crate::{
    clock::{Clock, SystemClock, instant},
    store::StoreError,
};

/// How long a change waits for earlier changes, in this process and in others.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often a waiting change tries to lock the file.
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(2);
/// How long this process leaves the lock to others after a change. Longer than their polling
/// interval, or they might never get it.
const PAUSE_AFTER_CHANGE: Duration = Duration::from_millis(4);
/// The maximum number of blocking-pool threads that readers can occupy if the disk hangs.
const READERS: usize = 16;

/// Users in one JSON file, which several processes on one machine may share. Clones share the
/// store.
///
/// # The file
/// An array of records. For users with one role, the file is byte for byte what fastware writes:
///
/// ```json
/// [
///   {
///     "username": "alice",
///     "password_hash": "$2b$12$P4kaH/3H.WuVqkKXrKWIIOIJxf6TYRhm7Jt85.Vf8yejK3jKA6QwW",
///     "role": "admin",
///     "created_at": "2026-11-21T20:56:12.388016+00:00"
///   }
/// ]
/// ```
///
/// Members that only fauth knows are written only if needed: `"active": false` for a disabled user,
/// `"roles": […]` for the roles after the first one, and `"epoch": 1` for a user whose [tokens have
/// been ended](super#what-a-password-change-ends) once. If another program drops the epoch or
/// restores an older file, what the epoch had ended may become valid again, until it expires. A
/// user without roles has the `role` `""`. Unknown members are kept unchanged and in their order,
/// after the known ones; they have no effect, so a `"disabled": true` of your own disables nobody.
///
/// A missing file means that there are no users. A file of another form, with a user or member that
/// occurs twice, or beyond the [limits](super#limits) is an error and is not changed: repair or
/// remove it. An empty file (zero bytes) is such an error.
///
/// # When a change is visible
/// Each call asks the file system whether the file has changed since it was last read, and reads it
/// again if so. A change by this process, another process or an editor is therefore visible to
/// every call that begins after it was made. The only change that can be missed is one that another
/// program writes in place, with the same length, within a few milliseconds of an earlier change; a
/// new file renamed over the old one is never missed. The check costs some ten microseconds per
/// call on the blocking pool. If that is too much, put [a cache](crate::manual::performance) in
/// front. Async workers never access a file. Use a local disk: a hanging network disk makes loaders
/// time out, and requests end with 503.
///
/// # Changes
/// A change takes the lock of the file (`users.json.lock`), writes `users.json.tmp`, syncs it to
/// disk, renames it to `users.json`, and syncs the folder. If the process is killed at any point,
/// either the old or the new file is in place. Leftovers of an earlier change are removed. A change
/// that does not get the lock within 5 seconds fails. Do not remove the lock file while a process
/// runs. fastware and editors take no lock: never let them write at the same time as fauth.
///
/// # Access
/// On Unix, all three files are created with the mode 0600, and missing folders with 0700. If
/// others may read the file, it is read with a warning in the log, and gets 0600 with the next
/// change. All processes must run as the same system user: a file that belongs to another user is
/// not replaced, because its owner could not read it any more. A symbolic link is refused, because
/// a change would replace the link; open the file that it points to. On Windows, the files inherit
/// the permissions of their folder, and the folder cannot be synced.
#[derive(Clone)]
pub struct JsonFileUserStore {
    file: Arc<UserFile>,
    readers: Arc<Semaphore>,
    /// The turn to change the file, and until when the lock is left to other processes.
    turn: Arc<tokio::sync::Mutex<Option<Instant>>>,
    clock: Arc<dyn Clock>,
}

impl JsonFileUserStore {
    /// Opens the store in this file. The file need not exist; the first user creates it. A relative
    /// path is resolved against the current working directory, and later changes of that do not
    /// matter.
    ///
    /// Like every method of the store, this must be awaited on a Tokio runtime with its timer
    /// enabled.
    ///
    /// # Errors
    /// [`UserStoreError::Failed`] if the file exists but cannot be used.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, UserStoreError> {
        let place = Place::new(path.as_ref()).map_err(StoreError::new)?;
        let store = Self {
            file: Arc::new(UserFile { place, last: Mutex::default() }),
            readers: Arc::new(Semaphore::new(READERS)),
            turn: Arc::default(),
            clock: Arc::new(SystemClock),
        };
        store.users().await?;
        Ok(store)
    }

    /// Sets the clock for [`created_at`](StoredUser::created_at). Default: [`SystemClock`]. Use the
    /// clock of the provider.
    ///
    /// In tests with a clock of their own, pass the same clock here; otherwise tokens may be older
    /// than their users.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The current users.
    async fn users(&self) -> Result<Arc<Users>, UserStoreError> {
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(StoreError::new)?;
        let file = Arc::clone(&self.file);
        let users = spawn_blocking(move || {
            // Held until the read is done, even if the caller has stopped waiting.
            let _permit = permit;
            file.users()
        });
        Ok(users.await.map_err(StoreError::new)?.map_err(StoreError::new)?)
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Users) -> Result<T, UserStoreError> + Send + 'static,
    ) -> Result<T, UserStoreError> {
        let waited = timeout(LONGEST_WAIT, self.lock()).await;
        let (mut turn, lock) =
            waited.map_err(|_| StoreError::new(self.file.place.lock_timeout(LONGEST_WAIT)))??;
        let file = Arc::clone(&self.file);
        // Once begun, the change is completed, even if the caller has stopped waiting.
        let outcome = spawn_blocking(move || {
            let outcome = file.change(&lock, change);
            drop(lock);
            *turn = Some(instant() + PAUSE_AFTER_CHANGE);
            outcome
        });
        outcome.await.map_err(StoreError::new)?
    }

    /// Waits for the turn in this process, then for the lock against other processes.
    async fn lock(&self) -> Result<(OwnedMutexGuard<Option<Instant>>, Lock), UserStoreError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(others_until) = *turn {
            sleep_until(others_until).await;
        }
        loop {
            let file = Arc::clone(&self.file);
            let tried = spawn_blocking(move || file.place.try_lock());
            if let Some(lock) = tried.await.map_err(StoreError::new)?.map_err(StoreError::new)? {
                return Ok((turn, lock));
            }
            sleep(PAUSE_BETWEEN_TRIES).await;
        }
    }
}

impl fmt::Debug for JsonFileUserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonFileUserStore").field("path", &self.file.place.path()).finish_non_exhaustive()
    }
}

#[async_trait]
impl UserStore for JsonFileUserStore {
    async fn find(&self, username: &str) -> Result<Option<Arc<StoredUser>>, UserStoreError> {
        Ok(self.users().await?.find(username).cloned())
    }

    async fn list(&self) -> Result<Vec<Arc<StoredUser>>, UserStoreError> {
        Ok(self.users().await?.in_order().to_vec())
    }

    async fn create(&self, user: NewUser) -> Result<Arc<StoredUser>, UserStoreError> {
        let user = user.into_user(self.clock.now().map_err(StoreError::new)?)?;
        self.change(|users| users.insert(user)).await
    }

    async fn delete(&self, username: &str) -> Result<(), UserStoreError> {
        let username = username.to_owned();
        self.change(move |users| users.remove(&username)).await
    }

    async fn change_password(
        &self,
        user: &StoredUser,
        new_hash: &str,
    ) -> Result<Arc<StoredUser>, UserStoreError> {
        let (user, new_hash) = (user.clone(), new_hash.to_owned());
        self.change(move |users| users.change_password(&user, &new_hash)).await
    }

    async fn rehash_password(&self, username: &str, old: &str, new: &str) -> Result<(), UserStoreError> {
        let [username, old, new] = [username, old, new].map(str::to_owned);
        self.change(move |users| users.rehash_password(&username, &old, &new)).await
    }

    async fn set_active(&self, username: &str, active: bool) -> Result<(), UserStoreError> {
        let username = username.to_owned();
        self.change(move |users| users.set_active(&username, active)).await
    }

    async fn set_roles(&self, username: &str, roles: &[&str]) -> Result<(), UserStoreError> {
        let username = username.to_owned();
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        self.change(move |users| users.set_roles(&username, &roles)).await
    }
}

/// The file and its last reading. All methods block.
struct UserFile {
    place: Place,
    last: Mutex<Option<Reading>>,
}

/// The content of the file, or why it could not be used.
struct Reading {
    stamp: Option<Stamp>,
    users: Result<Arc<Users>, FileError>,
    /// While the file is open, no other file gets its inode number, so an equal stamp means the
    /// same file.
    _open: Option<OpenFile>,
}

impl UserFile {
    fn users(&self) -> Result<Arc<Users>, FileError> {
        // After a panic, the mutex holds an earlier reading, which is checked like any other.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.place.stamp()?;
        if let Some(reading) = &*last
            && reading.stamp == stamp
        {
            return reading.users.clone();
        }
        let reading = self.read()?;
        let users = reading.users.clone();
        *last = Some(reading);
        users
    }

    fn read(&self) -> Result<Reading, FileError> {
        let Some(content) = self.place.read(MAX_FILE_BYTES)? else {
            return Ok(Reading { stamp: None, users: Ok(Arc::default()), _open: None });
        };
        let users = format::read(&content.bytes).map(Arc::new);
        let users = users.map_err(|problem| self.place.error(problem));
        Ok(Reading { stamp: Some(content.stamp), users, _open: Some(content.open) })
    }

    fn change<T>(
        &self,
        lock: &Lock,
        change: impl FnOnce(&mut Users) -> Result<T, UserStoreError>,
    ) -> Result<T, UserStoreError> {
        let mut users = Users::clone(&*self.users().map_err(StoreError::new)?);
        let outcome = change(&mut users)?;
        let bytes = format::write(&users).map_err(|problem| StoreError::new(self.place.error(problem)))?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(UserStoreError::Full);
        }
        self.place.replace(lock, &bytes).map_err(StoreError::new)?;
        Ok(outcome)
    }
}
