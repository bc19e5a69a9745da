//! Key rotation while the service runs.
//!
//! Readers never wait: each sees one complete snapshot, and every change makes the next one. A key
//! is published some time before it signs, so that verifiers have fetched it by then, and it keeps
//! verifying for as long as the tokens that it signed may live.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use zeroize::Zeroizing;

use super::{
    header::header_segment,
    key_error::KeyError,
    keys::Key,
    profile::Format,
    public_keys::MAX_KEYS,
    purpose::{PerPurpose, Purpose},
};
use crate::clock::{Clock, ClockError, SystemClock, Timestamp};

/// How long the published set may be cached by default.
pub(super) const DEFAULT_MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// The minimum time between publishing and signing, whatever the cache age. Services that use this
/// crate fetch keys at most once in 30 seconds, even for an unknown key and a shorter cache age.
const LEAST_LEAD: Duration = Duration::from_secs(60);
const MAX_AGES: std::ops::RangeInclusive<u64> = 1..=24 * 60 * 60;
/// How long an old key verifies if no configuration has set the lifetime of tokens.
const DEFAULT_OVERLAP: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// A set of keys, one that signs and any number that verify, which can be rotated at run time.
///
/// A ring is a handle: clones share the same keys. Give one clone to
/// [`AuthConfigBuilder::key_ring`](crate::AuthConfigBuilder::key_ring), and keep another to rotate
/// with. Every instance of the application needs the same keys at the same times.
///
/// # Rotating at run time
/// ```
/// use std::time::Duration;
/// use fauth_core::{AuthConfig, token::{Algorithm, Key, KeyRing, Rotation}};
///
/// # fn example(pem: &str, next: &str, secret: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let ring = KeyRing::new(Key::from_pem(Algorithm::ES256, pem)?)?;
/// let config = AuthConfig::builder()
///     .application("shop")
///     .secret(secret)
///     .key_ring(ring.clone())
///     .build()?;
///
/// // Later: the new key is published at once, signs in ten minutes, and the old one verifies for
/// // as long as its tokens live.
/// ring.rotate(Key::from_pem(Algorithm::ES256, next)?, Rotation::after(Duration::from_secs(600)))?;
/// # Ok(())
/// # }
/// ```
///
/// Another service that uses fauth accepts these tokens as those of a
/// [`TrustedIssuer`](crate::trusted_issuer::TrustedIssuer), where the steps are shown.
///
/// # Restarts
/// A ring is not persisted. Every instance builds it from the same table whenever it starts,
/// before, during or after a rotation, and then signs and verifies like all others:
///
/// ```
/// use fauth_core::{clock::Timestamp, token::{Key, KeyRing, KeyRingError, Rotation}};
///
/// /// One row per key, in signing order. Times in the past never change.
/// struct Row {
///     key: Key,
///     published_at: Timestamp,
///     signs_from: Timestamp,
///     /// When the key stops verifying. `None`: computed from the lifetime of tokens.
///     retires_at: Option<Timestamp>,
/// }
///
/// fn ring(first: Row, later: Vec<Row>) -> Result<KeyRing, KeyRingError> {
///     let ring = KeyRing::new(first.key)?;
///     let mut previous_retires_at = first.retires_at;
///     for row in later {
///         let mut rotation = Rotation::at(row.signs_from).published_at(row.published_at);
///         if let Some(time) = previous_retires_at {
///             rotation = rotation.retire_old_at(time);
///         }
///         ring.rotate(row.key, rotation)?;
///         previous_retires_at = row.retires_at;
///     }
///     Ok(ring)
/// }
/// # let key = |id: &str| {
/// #     let mut secret = [0; 32];
/// #     getrandom::fill(&mut secret).unwrap();
/// #     Key::hmac(fauth_core::token::Algorithm::HS256, &secret).unwrap().with_id(id).unwrap()
/// # };
/// # let row = |id, published_at, signs_from| Row {
/// #     key: key(id),
/// #     published_at: Timestamp::from_unix_seconds(published_at),
/// #     signs_from: Timestamp::from_unix_seconds(signs_from),
/// #     retires_at: None,
/// # };
/// # let ring = ring(row("a", 0, 0), vec![row("b", 1_000, 2_000)])?;
/// # assert_eq!(ring.signing_id()?.as_deref(), Some("b"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Remove a row once its key has retired. To add one, deploy it everywhere, and set `published_at`
/// to the time at which the last instance has it. A key that predates the table only verifies: use
/// [`add_verification_key_until`](Self::add_verification_key_until).
#[derive(Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Held while the next snapshot is made.
    writing: Mutex<()>,
    clock: Arc<dyn Clock>,
    max_age: AtomicU64,
    /// The lifetime in seconds of the longest token of all configurations that use the ring.
    longest_token: AtomicU64,
}

/// When a new key takes over, and how long the old key keeps verifying.
#[derive(Debug, Clone, Copy)]
#[must_use = "a rotation takes effect only in `KeyRing::rotate`"]
pub struct Rotation {
    begin: Begin,
    published_at: Option<Timestamp>,
    short_lead: bool,
    retire_old: RetireOld,
}

#[derive(Debug, Clone, Copy)]
enum RetireOld {
    WithItsTokens,
    After(Duration),
    At(Timestamp),
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    At(Timestamp),
    After(Duration),
    Now,
}

impl Rotation {
    const fn new(begin: Begin) -> Self {
        Self { begin, published_at: None, short_lead: false, retire_old: RetireOld::WithItsTokens }
    }

    /// The new key signs from this time on: at least 60 seconds after it is published, and at least
    /// twice the [cache age](KeyRing::max_age) of the published set, so that no verifier meets a
    /// key that it has not fetched yet.
    pub const fn at(time: Timestamp) -> Self {
        Self::new(Begin::At(time))
    }

    /// Like [`at`](Self::at), counted from now by the ring's clock.
    pub const fn after(span: Duration) -> Self {
        Self::new(Begin::After(span))
    }

    /// The new key signs at once, for when the old key can no longer be trusted.
    ///
    /// # Security
    /// Services that have cached the published keys refuse tokens of the new key until they fetch
    /// again. If the old key has leaked, take it out with [`KeyRing::remove`].
    pub const fn danger_at_once() -> Self {
        Self::new(Begin::Now)
    }

    /// Since when every instance has published the key, for an instance that starts during or after
    /// the rotation. The lead time is counted from then, so the key may sign already. Default: the
    /// key is published now, which also applies if this time is in the future.
    ///
    /// The time must be correct. If the key was not published by then, services that have not
    /// fetched it yet refuse its tokens.
    pub const fn published_at(mut self, time: Timestamp) -> Self {
        self.published_at = Some(time);
        self
    }

    /// Allows the new key to sign sooner than 60 seconds after it is published. Twice the [cache
    /// age](KeyRing::max_age) of the published set remains the minimum.
    ///
    /// # Security
    /// Use it only in tests, or if every service that verifies is known to fetch as often. A
    /// [`JwksSource`](crate::remote::JwksSource) does so only with `fresh_between` and
    /// `unknown_key_interval` set accordingly. Any other service refuses valid tokens until it
    /// fetches again.
    pub const fn danger_short_lead(mut self) -> Self {
        self.short_lead = true;
        self
    }

    /// How long the old key verifies after the new one has taken over. Default: the lifetime of the
    /// longest token of the configurations that use the ring. With a shorter time, tokens are
    /// refused before they expire.
    pub const fn retire_old_after(mut self, span: Duration) -> Self {
        self.retire_old = RetireOld::After(span);
        self
    }

    /// Like [`retire_old_after`](Self::retire_old_after), as the time from which on the old key no
    /// longer verifies. It may be in the past.
    pub const fn retire_old_at(mut self, time: Timestamp) -> Self {
        self.retire_old = RetireOld::At(time);
        self
    }
}

/// Why a ring cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The key is not suitable for the ring.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key would sign before every verifier can have fetched it.
    #[error(
        "the key would sign {} s after it is published, before every verifier has fetched it; use at least {} s: twice \
         `KeyRing::max_age`, and no less than 60 s without `Rotation::danger_short_lead`",
        lead.as_secs(), least.as_secs()
    )]
    TooSoon {
        /// The time between publishing and signing.
        lead: Duration,
        /// The required minimum.
        least: Duration,
    },
    /// Another key is already scheduled to take over.
    #[error("another key takes over at {at} (Unix seconds); remove it first, or rotate after that")]
    AlreadyScheduled {
        /// When it takes over.
        at: Timestamp,
    },
    /// No key has this id.
    #[error("no key of the ring has the id `{id}`")]
    UnknownKey {
        /// The id.
        id: Box<str>,
    },
    /// The old key would retire before the new key signs.
    #[error(
        "the old key would retire at {retires}, before the new key signs at {takes_over} (Unix seconds), and no key \
         would sign in between; set `retire_old_at` to that time or later"
    )]
    NobodySigns {
        /// When the old key would retire.
        retires: Timestamp,
        /// When the new key signs.
        takes_over: Timestamp,
    },
    /// No key that signs now would be left.
    #[error("the key is the only one that signs now; rotate to another key first")]
    LastSigningKey,
    /// The cache age is out of bounds.
    #[error("`max_age` must be 1 second to 24 hours")]
    MaxAge,
    /// The time is unavailable.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl KeyRing {
    /// Creates a ring with one key, which must be able to sign.
    ///
    /// # Errors
    /// [`KeyError::CannotSign`] if it is a public key.
    pub fn new(key: Key) -> Result<Self, KeyRingError> {
        Self::with_clock(key, SystemClock)
    }

    /// Like [`new`](Self::new), with a clock that tests can control. Use the provider's clock.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_clock(key: Key, clock: impl Clock) -> Result<Self, KeyRingError> {
        refuse_if_only_public(&key)?;
        let first = Entry::new(key, Some(ALWAYS));
        Ok(Self {
            inner: Arc::new(Inner {
                snapshot: ArcSwap::from_pointee(Snapshot { entries: vec![first] }),
                writing: Mutex::new(()),
                clock: Arc::new(clock),
                max_age: AtomicU64::new(DEFAULT_MAX_AGE.as_secs()),
                longest_token: AtomicU64::new(0),
            }),
        })
    }

    /// Sets how long the published set may be cached: the `max-age` of `/.well-known/jwks.json`, in
    /// whole seconds. Default: 5 minutes. A new key signs at the earliest after twice this time,
    /// and not before 60 seconds have passed since it was published.
    ///
    /// # Errors
    /// [`KeyRingError::MaxAge`] unless it is 1 second to 24 hours.
    pub fn max_age(self, age: Duration) -> Result<Self, KeyRingError> {
        if !MAX_AGES.contains(&age.as_secs()) {
            return Err(KeyRingError::MaxAge);
        }
        self.inner.max_age.store(age.as_secs(), Ordering::Relaxed);
        Ok(self)
    }

    /// Adds a key that takes over signing as `rotation` says. It is published, and verifies, at
    /// once. An instance that starts later sets [`Rotation::published_at`].
    ///
    /// # Errors
    /// [`KeyRingError`] if the key cannot sign, its id is taken, it would sign too soon, another
    /// key is scheduled to take over later, or the ring has 100 keys.
    pub fn rotate(&self, key: Key, rotation: Rotation) -> Result<(), KeyRingError> {
        refuse_if_only_public(&key)?;
        let now = self.inner.clock.now()?;
        let at = match rotation.begin {
            Begin::At(time) => time,
            Begin::After(span) => now.checked_add(span).ok_or(ClockError)?,
            Begin::Now => now,
        };
        if !matches!(rotation.begin, Begin::Now) && key.public_jwk().is_some() {
            let published_at = rotation.published_at.map_or(now, |time| time.min(now));
            let floor = if rotation.short_lead { Duration::ZERO } else { LEAST_LEAD };
            let (lead, least) = (at.since(published_at), self.cached_for().saturating_mul(2).max(floor));
            if lead < least {
                return Err(KeyRingError::TooSoon { lead, least });
            }
        }
        if let RetireOld::At(time) = rotation.retire_old
            && at > now
            && time < at
        {
            return Err(KeyRingError::NobodySigns { retires: time, takes_over: at });
        }
        let retires = match rotation.retire_old {
            RetireOld::WithItsTokens => Retires::WithTokensUntil(at),
            RetireOld::After(span) => Retires::At(after(at, span)),
            RetireOld::At(time) => Retires::At(time),
        };
        self.change(now, |entries| {
            let last = entries.iter().filter_map(|entry| entry.signs_from).max();
            // Of two keys that sign from the same second, the later one in the list signs: the new
            // key.
            if let Some(last) = last.filter(|last| *last > at) {
                return Err(KeyRingError::AlreadyScheduled { at: last });
            }
            refuse_if_taken(entries, &key)?;
            for entry in entries.iter_mut().filter(|entry| entry.signs_from.is_some()) {
                entry.retires.get_or_insert(retires);
            }
            entries.push(Entry::new(key, Some(at)));
            Ok(())
        })
    }

    /// Adds a key that only verifies, until it is [removed](Self::remove): a key that predates the
    /// ring and whose tokens are still in use.
    ///
    /// # Errors
    /// [`KeyRingError`] if its id is taken, or the ring has 100 keys.
    pub fn add_verification_key(&self, key: Key) -> Result<(), KeyRingError> {
        self.change(self.inner.clock.now()?, |entries| {
            refuse_if_taken(entries, &key)?;
            entries.push(Entry::new(key, None));
            Ok(())
        })
    }

    /// Like [`add_verification_key`](Self::add_verification_key), until the given time. If that is
    /// in the past, the key is useless and is left out.
    ///
    /// # Errors
    /// As [`add_verification_key`](Self::add_verification_key).
    pub fn add_verification_key_until(&self, key: Key, time: Timestamp) -> Result<(), KeyRingError> {
        self.change(self.inner.clock.now()?, |entries| {
            refuse_if_taken(entries, &key)?;
            entries.push(Entry { retires: Some(Retires::At(time)), ..Entry::new(key, None) });
            Ok(())
        })
    }

    /// Removes a key. Its tokens are refused, and it is no longer published.
    ///
    /// # Errors
    /// [`KeyRingError`] if no key has this id, or no remaining key could sign now.
    pub fn remove(&self, id: &str) -> Result<(), KeyRingError> {
        let now = self.inner.clock.now()?;
        self.change(now, |entries| {
            let position = entries.iter().position(|entry| entry.key.id() == Some(id));
            let position = position.ok_or_else(|| KeyRingError::UnknownKey { id: id.into() })?;
            let removed = entries.remove(position);
            if !entries.iter().any(|entry| entry.can_sign(now)) {
                return Err(KeyRingError::LastSigningKey);
            }
            if let Some(from) = removed.signs_from {
                bridge(entries, from, now);
            }
            // The key that now signs last has no successor, so it does not retire.
            let last = entries.iter_mut().filter(|entry| entry.signs_from.is_some());
            if let Some(last) = last.max_by_key(|entry| entry.signs_from) {
                last.retires = None;
            }
            Ok(())
        })
    }

    /// The ids of the keys that verify now, including the one that signs.
    ///
    /// # Errors
    /// [`ClockError`] if the time is unavailable.
    pub fn ids(&self) -> Result<Vec<String>, ClockError> {
        let now = self.inner.clock.now()?;
        let snapshot = self.snapshot();
        let verifying = snapshot.entries.iter().filter(|entry| entry.verifies(now));
        Ok(verifying.filter_map(|entry| entry.key.id().map(str::to_owned)).collect())
    }

    /// The id of the key that signs now.
    ///
    /// # Errors
    /// [`ClockError`] if the time is unavailable.
    pub fn signing_id(&self) -> Result<Option<String>, ClockError> {
        let now = self.inner.clock.now()?;
        Ok(self.snapshot().signing(now).and_then(|entry| entry.key.id().map(str::to_owned)))
    }

    pub(super) fn fingerprints(&self) -> Vec<Zeroizing<String>> {
        self.snapshot().entries.iter().map(|entry| entry.key.fingerprint()).collect()
    }

    pub(super) fn now(&self) -> Result<Timestamp, ClockError> {
        self.inner.clock.now()
    }

    pub(super) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.inner.snapshot.load()
    }

    /// A snapshot to hold for longer than a moment.
    pub(super) fn owned_snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }

    pub(super) fn cached_for(&self) -> Duration {
        Duration::from_secs(self.inner.max_age.load(Ordering::Relaxed))
    }

    /// Makes old keys verify for at least this long, unless their rotation sets another time.
    pub(crate) fn serve_tokens_of(&self, longest: Duration) {
        let _writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.longest_token.fetch_max(longest.as_secs(), Ordering::Relaxed);
        // The ring and its rotations may be older than the configuration, so recompute them.
        self.store(self.owned_snapshot().entries.clone());
    }

    /// `None` while no configuration uses the ring.
    fn longest_token(&self) -> Option<Duration> {
        match self.inner.longest_token.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }

    fn store(&self, mut entries: Vec<Entry>) {
        let overlap = self.longest_token().unwrap_or(DEFAULT_OVERLAP);
        for entry in &mut entries {
            entry.retires_at = entry.retires.map(|retires| match retires {
                Retires::At(time) => time,
                Retires::WithTokensUntil(superseded) => after(superseded, overlap),
            });
        }
        self.inner.snapshot.store(Arc::new(Snapshot { entries }));
    }

    /// Makes the next snapshot, without the keys that have retired.
    fn change(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<Entry>) -> Result<(), KeyRingError>,
    ) -> Result<(), KeyRingError> {
        // The snapshot is stored last, so a panic before that leaves nothing half done.
        let _writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.owned_snapshot().entries.clone();
        // Which keys have retired is unknown until the lifetime of tokens is known.
        let known = self.longest_token().is_some();
        entries.retain(|entry| {
            entry.verifies(now) || (!known && matches!(entry.retires, Some(Retires::WithTokensUntil(_))))
        });
        change(&mut entries)?;
        self.store(entries);
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_list().entries(snapshot.entries.iter().map(|entry| &entry.key)).finish()
    }
}

/// Closes the gap left by a key that was to sign from `from` on: the key that signs in its place
/// does so until the next one takes over, and verifies for as long as its tokens live.
fn bridge(entries: &mut [Entry], from: Timestamp, now: Timestamp) {
    let starts = || entries.iter().filter_map(|entry| entry.signs_from);
    // Its successor signs already, so there is no gap.
    if starts().any(|at| at > from && at <= now) {
        return;
    }
    let Some(next) = starts().filter(|at| *at >= from && *at > now).min() else { return };
    let earlier =
        entries.iter_mut().filter(|entry| entry.signs_from.is_some_and(|at| at <= from && at < next));
    if let Some(entry) = earlier.max_by_key(|entry| entry.signs_from) {
        entry.retires = Some(Retires::WithTokensUntil(next));
    }
}

/// A time before any that a clock can return.
const ALWAYS: Timestamp = Timestamp::from_unix_seconds(i64::MIN);

/// The keys at one moment.
pub(super) struct Snapshot {
    entries: Vec<Entry>,
}

impl Snapshot {
    /// The key that signs now: the last one whose time has come.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&Entry> {
        self.entries.iter().filter(|entry| entry.can_sign(now)).max_by_key(|entry| entry.signs_from)
    }

    /// The key with which a token of this `kid` was signed. Keys are never tried one after another.
    pub(super) fn find(&self, id: Option<&str>, now: Timestamp) -> Option<&Key> {
        let mut verifying = self.entries.iter().filter(|entry| entry.verifies(now)).map(|entry| &entry.key);
        match (id, self.entries.as_slice()) {
            (None, [_]) => verifying.next(),
            _ => verifying.find(|key| key.id() == id),
        }
    }

    /// The key, and the format, whose tokens for this purpose have exactly this header.
    pub(super) fn of_header(
        &self,
        header: &[u8],
        purpose: Purpose,
        formats: &[Format],
        now: Timestamp,
    ) -> Option<(&Key, Format)> {
        self.entries.iter().filter(|entry| entry.verifies(now)).find_map(|entry| {
            let format =
                formats.iter().find(|format| entry.header(purpose, **format).as_bytes() == header)?;
            Some((&entry.key, *format))
        })
    }

    /// The keys to publish, including those that will sign later.
    pub(super) fn published(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(move |entry| entry.verifies(now))
            .filter_map(|entry| entry.public_jwk.as_deref())
    }
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: Key,
    headers: Arc<PerPurpose<[Box<str>; 2]>>,
    public_jwk: Option<Arc<str>>,
    /// `None` if the key only verifies.
    signs_from: Option<Timestamp>,
    /// `None` while the key has no successor.
    retires: Option<Retires>,
    /// When the key stops verifying. Computed from `retires`.
    retires_at: Option<Timestamp>,
}

#[derive(Clone, Copy)]
enum Retires {
    At(Timestamp),
    /// When the last of the tokens that it signed until then has expired.
    WithTokensUntil(Timestamp),
}

impl Entry {
    fn new(key: Key, signs_from: Option<Timestamp>) -> Self {
        let headers = PerPurpose::from_fn(|purpose| {
            [Format::Standard, Format::PythonFauth]
                .map(|format| header_segment(&key, format, purpose).into_boxed_str())
        });
        let public_jwk = key.public_jwk().map(Arc::from);
        Self { key, headers: Arc::new(headers), public_jwk, signs_from, retires: None, retires_at: None }
    }

    /// `base64url(header)` of the tokens that the key signs.
    pub(super) fn header(&self, purpose: Purpose, format: Format) -> &str {
        let [standard, python] = self.headers.of(purpose);
        match format {
            Format::Standard => standard,
            Format::PythonFauth => python,
        }
    }

    fn verifies(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|retires| now < retires)
    }

    fn can_sign(&self, now: Timestamp) -> bool {
        self.signs_from.is_some_and(|from| from <= now) && self.verifies(now)
    }
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn refuse_if_only_public(key: &Key) -> Result<(), KeyError> {
    if key.can_sign() { Ok(()) } else { Err(KeyError::CannotSign) }
}

fn refuse_if_taken(entries: &[Entry], key: &Key) -> Result<(), KeyError> {
    if entries.len() >= MAX_KEYS {
        return Err(KeyError::TooManyKeys { maximum: MAX_KEYS });
    }
    if entries.iter().any(|entry| entry.key.id() == key.id()) { Err(KeyError::DuplicateId) } else { Ok(()) }
}
