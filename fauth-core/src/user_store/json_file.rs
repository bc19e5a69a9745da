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

/// How long a change waits for the others in front of it, in this process and in other ones.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often it asks for the lock of the file meanwhile.
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(2);
/// How long this process leaves the lock to others after a change. Longer than their pause, or they might never get it.
const PAUSE_AFTER_CHANGE: Duration = Duration::from_millis(4);
/// How many threads a disk that hangs can take from the blocking pool.
const READERS: usize = 16;

/// Users in one JSON file, which several processes of one machine may share. Clones are one store.
///
/// # The file
/// An array of records, as fastware writes it, byte for byte, for users with one role:
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
/// What fauth knows beyond that is written only where it says something: `"active": false` for a disabled user, `"roles": […]` for the roles after the first one,
/// `"epoch": 1` for a user whose [tokens have been ended](super#what-a-password-change-ends) once. Where a program drops the epoch or puts back an older
/// file, what it had ended can live again, until its time is up.
/// A user without roles has the `role` `""`. Members with other names are kept as they are, in their order, after the known ones; fauth does not know what
/// they mean, so a `"disabled": true` of your own disables nobody.
///
/// No file means no users. A file that is not as above, that names a user or a member twice, or that is over its [limits](super#limits) is an error, and no
/// change is made to it: mend or remove it. A file of zero bytes is such a file.
///
/// # What is seen when
/// Each call asks the file system whether the file is still the one that was read last, and reads it again if not. So a change, by this process, another one
/// or an editor, is seen by every call that begins after it was made. (Only a program that writes into the file where it lies, as many bytes as there were, within
/// the same few milliseconds as an earlier change, can be missed; renaming a new file over the old one never is.) The price is a look at the file on the
/// blocking pool, some ten microseconds per call; where that is too much, put [a cache](crate::manual::performance) in front. No file is touched on an async worker.
/// Use a local disk: a network disk that hangs makes loaders time out, and requests end with 503.
///
/// # Changes
/// A change takes the lock of the file (`users.json.lock`), writes `users.json.tmp`, waits until that is on the disk, renames it to `users.json`, and waits until
/// the folder is on the disk. Killed at any point, what is there is the old file or the new one. What an earlier change left behind is removed. A
/// change that does not get the lock within 5 seconds fails. Do not remove the lock file while a process runs. fastware and editors take no lock: never let
/// them write while fauth does.
///
/// # Access
/// On Unix all three files have the mode 0600 from the first moment, and folders that are missing are made with 0700. A file that others may read is read with a
/// warning in the log, and gets 0600 with the next change. All processes run as one user of the system: a file that belongs to another one is not replaced, because its
/// owner could not read it any more. A symbolic link is refused, since replacing it would cut it off; open the file that it points to.
/// On Windows the files get what their folder passes on, and a folder cannot be waited for.
#[derive(Clone)]
pub struct JsonFileUserStore {
    file: Arc<UserFile>,
    readers: Arc<Semaphore>,
    /// Whose turn it is to change the file, and until when the lock is left to other processes.
    turn: Arc<tokio::sync::Mutex<Option<Instant>>>,
    clock: Arc<dyn Clock>,
}

impl JsonFileUserStore {
    /// The store in this file, which need not exist: the first user makes it. A relative path counts from the present working directory, also
    /// if that changes later.
    ///
    /// Like every method of the store it must be awaited on a Tokio runtime with its timer enabled.
    ///
    /// # Errors
    /// [`UserStoreError::Failed`] if there is a file that cannot be used.
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

    /// Where [`created_at`](StoredUser::created_at) comes from: the clock of the provider. Default: [`SystemClock`].
    ///
    /// A test that gives the provider a clock of its own gives the same one here, or its tokens are older than its users.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The users as they are now.
    async fn users(&self) -> Result<Arc<Users>, UserStoreError> {
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(StoreError::new)?;
        let file = Arc::clone(&self.file);
        let users = spawn_blocking(move || {
            // Held to the end, also if nobody waits for the answer any more.
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
        let (mut turn, lock) = waited.map_err(|_| StoreError::new(self.file.place.lock_timeout()))??;
        let file = Arc::clone(&self.file);
        // Once begun it is carried through, also if nobody waits for it any more.
        let outcome = spawn_blocking(move || {
            let outcome = file.change(&lock, change);
            drop(lock);
            *turn = Some(instant() + PAUSE_AFTER_CHANGE);
            outcome
        });
        outcome.await.map_err(StoreError::new)?
    }

    /// The turn in this process, then the lock against the others.
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

/// The file and what was last read from it. Everything here blocks.
struct UserFile {
    place: Place,
    last: Mutex<Option<Reading>>,
}

/// What was in the file, or why that could not be used.
struct Reading {
    stamp: Option<Stamp>,
    users: Result<Arc<Users>, FileError>,
    /// As long as it is open, no other file gets its number, so that an equal stamp means the same file.
    _open: Option<OpenFile>,
}

impl UserFile {
    fn users(&self) -> Result<Arc<Users>, FileError> {
        // What a panicking thread leaves behind is an earlier reading, and is checked like any other.
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
