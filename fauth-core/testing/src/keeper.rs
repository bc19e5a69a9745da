//! One-time tokens and API keys in memory, kept by a store that counts, fails and waits on demand.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fauth_core::{
    Purpose, StoreError, Timestamp,
    store::{ApiKey, ApiKeyId, ApiKeyStore, OneTimeRecord, OneTimeStore, SecretHash, StoredApiKey},
};

/// A store whose every step a test can see and spoil. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct FakeKeeper(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    keys: Vec<StoredApiKey>,
    one_times: Vec<OneTimeRecord>,
    calls: Vec<&'static str>,
    failing: Vec<&'static str>,
    delay: Option<Duration>,
    is_late: bool,
}

/// Every method, by the names under which they are counted and can fail.
const METHODS: [&str; 8] = ["insert", "find", "list", "touch", "remove", "keep", "redeem", "withdraw"];

impl FakeKeeper {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What was called since this was asked the last time: `insert`, `find`, `list`, `touch`, `remove` for keys, `keep`, `redeem`, `withdraw` for one-time tokens.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// From now on everything fails.
    pub fn fail(&self) {
        self.state().failing = METHODS.to_vec();
    }

    /// From now on this method fails.
    pub fn fail_at(&self, method: &'static str) {
        self.state().failing.push(method);
    }

    /// From now on nothing fails.
    pub fn recover(&self) {
        self.state().failing.clear();
    }

    /// From now on every call takes this long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// From now on it finds keys that have expired too.
    pub fn find_expired(&self) {
        self.state().is_late = true;
    }

    /// The keys as they are kept.
    pub fn keys(&self) -> Vec<StoredApiKey> {
        self.state().keys.clone()
    }

    /// Changes a key as it is kept.
    pub fn change_key(&self, id: &ApiKeyId, change: impl FnOnce(&mut StoredApiKey)) {
        change(self.state().keys.iter_mut().find(|stored| stored.key.id == *id).expect("a key that is kept"));
    }

    /// The one-time tokens as they are kept.
    pub fn one_times(&self) -> Vec<OneTimeRecord> {
        self.state().one_times.clone()
    }

    async fn answer<T>(
        &self,
        method: &'static str,
        answer: impl FnOnce(&mut State) -> Result<T, &'static str> + Send,
    ) -> Result<T, StoreError> {
        let delay = self.state().delay;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let mut state = self.state();
        state.calls.push(method);
        if state.failing.contains(&method) {
            return Err(StoreError::new(io::Error::other("the store is down")));
        }
        answer(&mut state).map_err(StoreError::new)
    }
}

impl ApiKeyStore for FakeKeeper {
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.answer("insert", |state| {
            if state.keys.iter().any(|other| other.key.id == key.key.id) {
                return Err("the id is known");
            }
            let is_live =
                |other: &&StoredApiKey| other.key.owner == key.key.owner && now < other.key.expires_at;
            let fits = state.keys.iter().filter(is_live).count() < limit;
            if fits {
                state.keys.push(key);
            }
            Ok(fits)
        })
        .await
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        self.answer("find", |state| {
            let is_live = |stored: &StoredApiKey| state.is_late || now < stored.key.expires_at;
            Ok(state.keys.iter().find(|stored| stored.key.id == *id && is_live(stored)).cloned())
        })
        .await
    }

    async fn list(&self, owner: &str, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        self.answer("list", |state| {
            let keys = state.keys.iter().map(|stored| stored.key.clone());
            let mut keys: Vec<_> = keys.filter(|key| key.owner == owner && now < key.expires_at).collect();
            keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
            Ok(keys)
        })
        .await
    }

    async fn touch(&self, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.answer("touch", |state| {
            if let Some(stored) = state.keys.iter_mut().find(|stored| stored.key.id == *id) {
                stored.key.last_used_at = stored.key.last_used_at.max(Some(used_at));
            }
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: &ApiKeyId, owner: Option<&str>) -> Result<bool, StoreError> {
        self.answer("remove", |state| {
            let before = state.keys.len();
            state.keys.retain(|stored| {
                stored.key.id != *id || owner.is_some_and(|owner| owner != stored.key.owner)
            });
            Ok(state.keys.len() < before)
        })
        .await
    }
}

impl OneTimeStore for FakeKeeper {
    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        self.answer("keep", |state| {
            if state.one_times.iter().any(|other| other.hash == record.hash) {
                return Err("the hash is known");
            }
            let same = |other: &OneTimeRecord| {
                other.subject == record.subject && other.purpose == record.purpose && now < other.expires_at
            };
            let (mut outstanding, mut others): (Vec<_>, Vec<_>) = state.one_times.drain(..).partition(same);
            outstanding.push(record);
            // The youngest of those that expire at the same time is the one to keep.
            outstanding.sort_by_key(|record| record.expires_at);
            outstanding.drain(..outstanding.len().saturating_sub(limit));
            others.append(&mut outstanding);
            state.one_times = others;
            Ok(())
        })
        .await
    }

    async fn redeem(
        &self,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        self.answer("redeem", |state| {
            let is_it = |record: &OneTimeRecord| {
                record.hash == *hash && record.purpose == purpose && now < record.expires_at
            };
            Ok(state.one_times.iter().position(is_it).map(|place| state.one_times.remove(place)))
        })
        .await
    }

    async fn withdraw(
        &self,
        subject: &str,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.answer("withdraw", |state| {
            let is_one = |record: &OneTimeRecord| {
                record.subject == subject && purpose.is_none_or(|purpose| purpose == record.purpose)
            };
            let live = state.one_times.iter().filter(|record| is_one(record) && now < record.expires_at);
            let live = live.count();
            state.one_times.retain(|record| !is_one(record));
            Ok(live)
        })
        .await
    }
}
