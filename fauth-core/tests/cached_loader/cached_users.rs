use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fauth_core::{BoxError, TokenPayload, UserLoader, async_trait};
use moka::future::Cache;

use crate::{Database, User};

/// Users from the database, cached for a short time. Clones share everything.
#[derive(Clone)]
pub struct CachedUsers {
    database: Database,
    users: Cache<Key, Option<Arc<User>>>,
    generations: Arc<Generations>,
}

/// A subject, and its generation when the load began.
type Key = (String, u64);

impl CachedUsers {
    pub fn new(database: Database, time_to_live: Duration) -> Self {
        let users = Cache::builder().max_capacity(50_000).time_to_live(time_to_live).build();
        Self { database, users, generations: Arc::default() }
    }

    /// Call this after a change to the user has been committed. Later requests see the change:
    /// neither a cached user nor one that is still being loaded reaches them.
    pub fn invalidate(&self, subject: &str) {
        self.generations.of(subject).fetch_add(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl UserLoader<User> for CachedUsers {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        let subject = token.subject();
        // Before the query: a later change makes a new key, and the result of this query stays
        // under the old one.
        let generation = self.generations.of(subject).load(Ordering::Acquire);
        let query = async { self.database.user(subject).await.map(|user| user.map(Arc::new)) };
        Ok(self.users.try_get_with((subject.to_owned(), generation), query).await?)
    }
}

/// How often users were changed. Subjects share 256 counters, so there is nothing to clean up; the
/// price is that a change makes one in 256 other users load again.
struct Generations {
    counters: [AtomicU64; 256],
    hasher: RandomState,
}

impl Generations {
    fn of(&self, subject: &str) -> &AtomicU64 {
        let [byte, ..] = self.hasher.hash_one(subject).to_ne_bytes();
        &self.counters[usize::from(byte)]
    }
}

impl Default for Generations {
    fn default() -> Self {
        Self { counters: [const { AtomicU64::new(0) }; 256], hasher: RandomState::new() }
    }
}
