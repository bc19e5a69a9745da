//! A store that fails, hangs, answers late or loses its response on demand.

#[cfg(feature = "mandates")]
mod anchors;

use std::{
    future::{Future, pending},
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use fauth_core::{
    MemoryStore, Purpose, async_trait,
    clock::Timestamp,
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, EndedSession, LoadedSession, NewSession, OneTimeRecord, OneTimeStore,
        Owner, PayloadChange, PayloadOutcome, RevocationStore, RevocationTarget, Rotation, RotationOutcome,
        SecretHash, Session, SessionId, SessionStore, StoreError, StoreLocation, StoredApiKey, TokenFacts,
        Verdict,
    },
};

/// The fault of a call of a [`FaultyStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails without an effect.
    Fails,
    /// The call takes effect, and its response is lost.
    FailsLate,
    /// The call never returns, and has no effect.
    Hangs,
    /// The call takes effect, and never returns.
    HangsLate,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 4] = [Self::Fails, Self::FailsLate, Self::Hangs, Self::HangsLate];

    /// Whether the call takes effect despite the fault.
    pub const fn is_late(self) -> bool {
        matches!(self, Self::FailsLate | Self::HangsLate)
    }
}

/// A store that records calls and injects faults. Clones share everything.
///
/// It forwards to another store, by default a [`memory_store`](crate::memory_store), and implements
/// the same storage traits. Calls have the name of their method, except those that two traits have
/// in common: `find_session` (`find` is for keys), `list_sessions`, `list_keys`, `insert_key`,
/// `insert_one_time`. Those of an `AnchorStore` are `check_anchors`, `revoke_anchors`,
/// `raise_delegation_epoch` and `spend`.
///
/// ```
/// use fauth_core::{rejection::Unavailable, Rejection};
/// use fauth_testing::{Fault, FaultyStore};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let store = FaultyStore::default();
/// let auth = fauth_testing::provider().store(store.clone()).build()?;
/// store.fault_at("open", Fault::Fails);
/// let refused = auth.login("alice").await.unwrap_err();
/// assert_eq!(refused, Rejection::Unavailable(Unavailable::Store));
/// assert_eq!(store.calls(), ["check", "epoch", "open"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FaultyStore<S = MemoryStore> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
}

/// The faults and the records of a test.
#[derive(Debug, Default)]
struct Plan {
    calls: Vec<&'static str>,
    revocation_ends: Vec<(&'static str, Timestamp)>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Faults {
    of_all: Option<Fault>,
    of_methods: Vec<(&'static str, Fault)>,
    /// The fault of one future call, after this many others.
    of_one: Option<(usize, Fault)>,
    delay: Option<Duration>,
    pauses: bool,
    late_by: Duration,
    mixed_up: Option<String>,
    other_session: Option<SessionId>,
}

/// The names of all calls.
const METHODS: [&str; 28] = [
    "open",
    "find_session",
    "rotate",
    "end",
    "end_all",
    "forget_sessions",
    "load",
    "prolong",
    "change_payload",
    "list_sessions",
    "revoke",
    "check",
    "epoch",
    "raise_epoch",
    "forget_revocations",
    "insert_one_time",
    "redeem",
    "withdraw",
    "insert_key",
    "find",
    "list_keys",
    "touch",
    "remove",
    "forget_keys",
    "check_anchors",
    "revoke_anchors",
    "raise_delegation_epoch",
    "spend",
];

impl Default for FaultyStore {
    fn default() -> Self {
        Self::new(crate::memory_store())
    }
}

impl<S> FaultyStore<S> {
    /// Creates a store that forwards to `inner` until a test demands a fault.
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Returns the wrapped store. Calls to it are neither faulty nor recorded.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// Returns the names of the calls since the last call of this method, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.plan().calls)
    }

    /// Returns what was revoked since the last call of this method, and until when the revocation
    /// must be remembered. The name is `jti`, `sid`, `sub` or `claim` for a target, and `epoch` for
    /// a raised epoch.
    pub fn revocation_ends(&self) -> Vec<(&'static str, Timestamp)> {
        std::mem::take(&mut self.plan().revocation_ends)
    }

    /// Injects this fault into every further call.
    pub fn fault(&self, fault: Fault) {
        self.plan().faults.of_all = Some(fault);
    }

    /// Injects this fault into every further call of this method.
    pub fn fault_at(&self, method: &'static str, fault: Fault) {
        assert!(METHODS.contains(&method), "no such call: {method}");
        self.plan().faults.of_methods.push((method, fault));
    }

    /// Injects this fault into one call, after `calls` others.
    pub fn fault_after(&self, calls: usize, fault: Fault) {
        self.plan().faults.of_one = Some((calls, fault));
    }

    /// Makes every further call take this long.
    pub fn delay(&self, delay: Duration) {
        self.plan().faults.delay = Some(delay);
    }

    /// Makes every further call yield to other tasks.
    pub fn pause(&self) {
        self.plan().faults.pauses = true;
    }

    /// Makes `find` return keys that expired less than `late_by` ago, like a store that deletes
    /// late.
    pub fn forget_late(&self, late_by: Duration) {
        self.plan().faults.late_by = late_by;
    }

    /// Makes the session of `rotate`, `find_session`, `load` and `prolong`, the key of `find` and
    /// the record of `redeem` belong to this subject.
    pub fn mix_up(&self, subject: &str) {
        self.plan().faults.mixed_up = Some(subject.to_owned());
    }

    /// Makes `rotate`, `find_session`, `load` and `prolong` return this session of the same owner.
    pub fn mix_up_sessions(&self, id: &SessionId) {
        self.plan().faults.other_session = Some(id.clone());
    }

    /// Removes all faults.
    pub fn recover(&self) {
        self.plan().faults = Faults::default();
    }

    /// Records a call, and injects the demanded fault.
    async fn step<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let (fault, delay, pauses) = self.plan().begin(method);
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if pauses {
            // Twice: a timeout polls a future again if it is not ready at once.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        let down = || Err(StoreError::new(io::Error::other("the store is down")));
        match fault {
            None => call.await,
            Some(Fault::Fails) => down(),
            Some(Fault::FailsLate) => call.await.and_then(|_| down()),
            Some(Fault::Hangs) => pending().await,
            Some(Fault::HangsLate) => {
                drop(call.await);
                pending().await
            }
        }
    }

    /// Changes the owner of a response, if the test demands it.
    fn mixed_up<T>(&self, mut answer: T, owner: impl FnOnce(&mut T) -> Option<&mut Owner<'static>>) -> T {
        if let (Some(subject), Some(owner)) = (&self.plan().faults.mixed_up, owner(&mut answer)) {
            owner.subject = subject.clone().into();
        }
        answer
    }

    /// Changes the session of a response, if the test demands it.
    fn other_session(&self, session: Option<&mut Session>) {
        if let (Some(id), Some(session)) = (&self.plan().faults.other_session, session) {
            session.id = id.clone();
        }
    }
}

impl Plan {
    fn begin(&mut self, method: &'static str) -> (Option<Fault>, Option<Duration>, bool) {
        assert!(METHODS.contains(&method), "a call without a name: {method}");
        self.calls.push(method);
        let faults = &mut self.faults;
        let of_one = match faults.of_one {
            Some((0, fault)) => {
                faults.of_one = None;
                Some(fault)
            }
            other => {
                faults.of_one = other.map(|(calls, fault)| (calls - 1, fault));
                None
            }
        };
        let of_method = faults.of_methods.iter().rfind(|(name, _)| *name == method);
        let fault = of_one.or(of_method.map(|(_, fault)| *fault)).or(faults.of_all);
        (fault, faults.delay, faults.pauses)
    }
}

#[async_trait]
impl<S: SessionStore> SessionStore for FaultyStore<S> {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn open(&self, new: NewSession, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.step("open", self.inner.open(new, now)).await
    }

    async fn find(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut session = self.step("find_session", self.inner.find(owner, id, now)).await?;
        self.other_session(session.as_mut());
        Ok(self.mixed_up(session, |session| session.as_mut().map(|session| &mut session.owner)))
    }

    async fn rotate(
        &self,
        owner: &Owner<'_>,
        rotation: &Rotation,
        now: Timestamp,
    ) -> Result<RotationOutcome, StoreError> {
        let mut outcome = self.step("rotate", self.inner.rotate(owner, rotation, now)).await?;
        self.other_session(match &mut outcome {
            RotationOutcome::Rotated(session) | RotationOutcome::InGrace { session, .. } => Some(session),
            _ => None,
        });
        Ok(self.mixed_up(outcome, |outcome| match outcome {
            RotationOutcome::Rotated(session)
            | RotationOutcome::InGrace { session, .. }
            | RotationOutcome::Reused(session) => Some(&mut session.owner),
            _ => None,
        }))
    }

    async fn end(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.step("end", self.inner.end(owner, id, now)).await
    }

    async fn end_all(
        &self,
        owner: &Owner<'_>,
        keep: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        self.step("end_all", self.inner.end_all(owner, keep, now)).await
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<EndedSession>, StoreError> {
        self.step("forget_sessions", self.inner.forget(owner, now)).await
    }

    async fn load(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<LoadedSession>, StoreError> {
        let mut loaded = self.step("load", self.inner.load(owner, id, now)).await?;
        self.other_session(loaded.as_mut().map(|loaded| &mut loaded.session));
        Ok(self.mixed_up(loaded, |loaded| loaded.as_mut().map(|loaded| &mut loaded.session.owner)))
    }

    async fn prolong(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let mut session = self.step("prolong", self.inner.prolong(owner, id, now)).await?;
        self.other_session(session.as_mut());
        Ok(self.mixed_up(session, |session| session.as_mut().map(|session| &mut session.owner)))
    }

    async fn change_payload(
        &self,
        owner: &Owner<'_>,
        id: &SessionId,
        change: &PayloadChange,
        now: Timestamp,
    ) -> Result<PayloadOutcome, StoreError> {
        self.step("change_payload", self.inner.change_payload(owner, id, change, now)).await
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.step("list_sessions", self.inner.list(owner, now)).await
    }
}

/// Returns the name of a target in [`FaultyStore::revocation_ends`].
const fn kind_of(target: &RevocationTarget<'_>) -> &'static str {
    match target {
        RevocationTarget::TokenId(_) => "jti",
        RevocationTarget::Session(_) => "sid",
        RevocationTarget::Subject => "sub",
        _ => "claim",
    }
}

#[async_trait]
impl<S: RevocationStore> RevocationStore for FaultyStore<S> {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn revoke(
        &self,
        owner: &Owner<'_>,
        targets: &[RevocationTarget<'_>],
        limit: Option<usize>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.plan().revocation_ends.extend(targets.iter().map(|target| (kind_of(target), until)));
        self.step("revoke", self.inner.revoke(owner, targets, limit, now, until)).await
    }

    async fn check(&self, token: &TokenFacts<'_>, now: Timestamp) -> Result<Verdict, StoreError> {
        self.step("check", self.inner.check(token, now)).await
    }

    async fn epoch(&self, owner: &Owner<'_>, now: Timestamp) -> Result<u64, StoreError> {
        self.step("epoch", self.inner.epoch(owner, now)).await
    }

    async fn raise_epoch(
        &self,
        owner: &Owner<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.plan().revocation_ends.push(("epoch", until));
        self.step("raise_epoch", self.inner.raise_epoch(owner, now, until)).await
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        self.plan().revocation_ends.push(("epoch", until));
        self.step("forget_revocations", self.inner.forget(owner, now, until)).await
    }
}

#[async_trait]
impl<S: OneTimeStore> OneTimeStore for FaultyStore<S> {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn insert(&self, record: OneTimeRecord, limit: usize, now: Timestamp) -> Result<(), StoreError> {
        self.step("insert_one_time", self.inner.insert(record, limit, now)).await
    }

    async fn insert_if_room(
        &self,
        record: OneTimeRecord,
        limit: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.step("insert_one_time", self.inner.insert_if_room(record, limit, now)).await
    }

    async fn redeem(
        &self,
        owner: &Owner<'_>,
        hash: &SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRecord>, StoreError> {
        let record = self.step("redeem", self.inner.redeem(owner, hash, purpose, now)).await?;
        Ok(self.mixed_up(record, |record| record.as_mut().map(|record| &mut record.owner)))
    }

    async fn withdraw(
        &self,
        owner: &Owner<'_>,
        purpose: Option<Purpose>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.step("withdraw", self.inner.withdraw(owner, purpose, now)).await
    }
}

#[async_trait]
impl<S: ApiKeyStore> ApiKeyStore for FaultyStore<S> {
    fn location(&self) -> StoreLocation {
        self.inner.location()
    }

    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        self.step("insert_key", self.inner.insert(key, limit, now)).await
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        let late_by = i64::try_from(self.plan().faults.late_by.as_secs()).unwrap();
        let then = Timestamp::from_unix_seconds(now.unix_seconds().saturating_sub(late_by));
        let stored = self.step("find", self.inner.find(id, then)).await?;
        Ok(self.mixed_up(stored, |stored| stored.as_mut().map(|stored| &mut stored.key.owner)))
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        self.step("list_keys", self.inner.list(owner, now)).await
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.step("touch", self.inner.touch(owner, id, used_at)).await
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        self.step("remove", self.inner.remove(owner, id)).await
    }

    async fn forget(&self, owner: &Owner<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.step("forget_keys", self.inner.forget(owner, now)).await
    }
}
