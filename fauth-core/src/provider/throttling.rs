//! The login throttle: an attempt is counted before its password waits to be checked, and taken
//! back if it succeeds.
//!
//! If the address is familiar to the account, one record decides. Otherwise the account's record is
//! read first; if it would not refuse, the address is counted, and then the account. So a refused
//! attempt writes nothing, except once a minute the note that an event was raised.

use tokio::runtime::Handle;

use super::{inner::AuthProvider, throttle::Throttle};
use crate::{
    client::{AddressBlock, ClientInfo},
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{ApiKeyFault, InvalidToken, OneTimeFault, Rejection, Unavailable},
    store::{HashKey, StoreError, ThrottleKey, ThrottleKind, ThrottleStore},
    throttle::{
        AccountRecord, AddressRecord, Epochs, FamiliarRecord, Record, Refusal, Rules, Verdict, normal,
    },
    token::{Purpose, TokenError},
    user::AuthUser,
};

/// The number of records that the failures of accounts are spread over, and those of addresses.
const SLOTS: u32 = 1 << 18;

/// How often a record is read again because others have changed it. Of any number of concurrent
/// attempts, only those that are admitted change it; more only if clients connect and disconnect
/// faster than the store answers. The attempt is then refused with 503.
const ATTEMPTS: usize = 1000;

/// No account has a longer identifier.
const MAX_IDENTIFIER_BYTES: usize = 255;

/// An attempt to count.
pub(super) struct Tried<'a> {
    pub(super) identifier: &'a str,
    /// The keyed hash of the identifier, for events.
    pub(super) known_as: &'a str,
    pub(super) client: &'a ClientInfo,
    pub(super) is_unlocked: bool,
}

/// Where an attempt was counted.
pub(super) struct Counted {
    places: Option<(Places, Gate)>,
    exempt: bool,
}

/// An attempt that was counted and is waiting.
pub(super) struct CountedGuard<U: AuthUser> {
    auth: AuthProvider<U>,
    counted: Option<Counted>,
}

impl<U: AuthUser> CountedGuard<U> {
    /// Reports the outcome of the attempt.
    pub(super) async fn settle(mut self, settled: Settled) {
        let (auth, counted) = (self.auth.clone(), self.counted.take());
        if let Some(counted) = counted {
            auth.settle(&counted, settled).await;
        }
    }
}

impl<U: AuthUser> Drop for CountedGuard<U> {
    fn drop(&mut self) {
        if let Some(counted) = self.counted.take()
            && counted.places.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            let auth = self.auth.clone();
            drop(runtime.spawn(async move { auth.settle(&counted, Settled::Undecided).await }));
        }
    }
}

/// The records that have admitted an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Familiar,
    Stranger,
    /// With a mailed token: the record of the address was not asked.
    Unlocked,
}

/// The records of one attempt.
pub(super) struct Places {
    pub(super) familiar: ThrottleKey,
    pub(super) account: ThrottleKey,
    pub(super) address: ThrottleKey,
    /// The address and the identifier exactly as typed.
    pub(super) tag: u64,
    /// The identifier exactly as typed.
    pub(super) spelling: u64,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Succeeded(Epochs),
    /// With the epochs of the account, if it exists.
    Failed(Option<Epochs>),
    /// The password was not checked to the end.
    Undecided,
}

/// Why an attempt did not succeed.
pub(super) enum NotIn {
    /// The password was wrong, or that of another user. With the epochs of the account, if it
    /// exists.
    Failed(Rejection, Option<Epochs>),
    /// The outcome is unknown, or the password was correct a moment ago.
    Undecided(Rejection),
}

impl NotIn {
    pub(super) fn into_rejection(self) -> Rejection {
        match self {
            Self::Failed(rejection, _) | Self::Undecided(rejection) => rejection,
        }
    }
}

impl From<Rejection> for NotIn {
    fn from(rejection: Rejection) -> Self {
        Self::Undecided(rejection)
    }
}

/// The result of a step on a record.
pub(super) enum Change<T> {
    /// The record is written.
    Write(T),
    /// The record stays as it is.
    Keep(T),
}

impl From<Verdict> for Change<Verdict> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Counted | Verdict::Refused(Refusal { is_first: true, .. }) => Self::Write(verdict),
            Verdict::Refused(_) => Self::Keep(verdict),
        }
    }
}

impl<U: AuthUser> AuthProvider<U> {
    /// Are failed logins counted?
    #[cfg(feature = "openapi")]
    pub(crate) fn throttles_logins(&self) -> bool {
        self.inner.throttle.is_some()
    }

    /// Counts an attempt, or refuses it.
    pub(super) async fn count_attempt(&self, tried: &Tried<'_>) -> Result<Counted, Rejection> {
        let Some(throttle) = &self.inner.throttle else { return Ok(Counted { places: None, exempt: false }) };
        let now = self.now()?;
        let places = self.places(throttle, tried.identifier, tried.client)?;
        let (rules, tag, exempt) = (&throttle.rules, places.tag, tried.is_unlocked);
        let known = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| match record
            .count(tag, exempt, rules, now)
        {
            Some(verdict) => match Change::from(verdict) {
                Change::Write(verdict) => Change::Write(Some(verdict)),
                Change::Keep(verdict) => Change::Keep(Some(verdict)),
            },
            None => Change::Keep(None),
        });
        if let Some(verdict) = known.await? {
            self.admit_or_refuse(verdict, tried)?;
            return Ok(Counted { places: Some((places, Gate::Familiar)), exempt });
        }
        if !exempt {
            self.count_stranger_address(throttle, &places, tried, now).await?;
        }
        let counted = self.change(throttle, &places.account, now, |record: &mut AccountRecord| {
            record.count(tag, exempt, rules, now).into()
        });
        let refused = match counted.await {
            Ok(verdict) => self.admit_or_refuse(verdict, tried).err(),
            Err(rejection) => Some(rejection),
        };
        if let Some(rejection) = refused {
            // Others have used up the rest meanwhile.
            if !exempt {
                self.take_back_address(throttle, &places, now).await;
            }
            return Err(rejection);
        }
        let gate = if exempt { Gate::Unlocked } else { Gate::Stranger };
        Ok(Counted { places: Some((places, gate)), exempt })
    }

    /// Counts the address of an attempt that the account's record would admit.
    async fn count_stranger_address(
        &self,
        throttle: &Throttle,
        places: &Places,
        tried: &Tried<'_>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let (rules, tag) = (&throttle.rules, places.tag);
        let looked = self.change(throttle, &places.account, now, |record: &mut AccountRecord| {
            match record.look(tag, rules, now) {
                Verdict::Counted => Change::Keep(Verdict::Counted),
                refused @ Verdict::Refused(_) => refused.into(),
            }
        });
        self.admit_or_refuse(looked.await?, tried)?;
        let counted = self.change(throttle, &places.address, now, |record: &mut AddressRecord| {
            record.count(rules.of_address(), "address", now).into()
        });
        self.admit_or_refuse(counted.await?, tried)
    }

    async fn take_back_address(&self, throttle: &Throttle, places: &Places, now: Timestamp) {
        let window = throttle.rules.of_address();
        let taken_back = self.change(throttle, &places.address, now, |record: &mut AddressRecord| {
            record.take_back(window, now);
            Change::Write(())
        });
        // A failure was raised as an event; it leaves one attempt too many on record.
        let _ = taken_back.await;
    }

    fn admit_or_refuse(&self, verdict: Verdict, tried: &Tried<'_>) -> Result<(), Rejection> {
        let Verdict::Refused(Refusal { retry_after, reason, is_first }) = verdict else { return Ok(()) };
        if is_first {
            let event = Event::new(EventKind::LoginThrottled).reason(reason).identifier(tried.known_as);
            self.raise(&event.client(tried.client));
        }
        Err(Rejection::TooManyRequests { retry_after })
    }

    /// Records the outcome of an attempt that was counted. If that fails, the login still succeeds:
    /// the event was raised, and the attempt stays counted.
    async fn settle(&self, counted: &Counted, settled: Settled) {
        let (Some(throttle), Some((places, gate))) = (&self.inner.throttle, &counted.places) else { return };
        let Ok(now) = self.now() else { return };
        let succeeded = match settled {
            Settled::Succeeded(epochs) => Some(epochs),
            Settled::Undecided => None,
            Settled::Failed(epochs) => {
                if let (Gate::Familiar, Some(epochs)) = (gate, epochs) {
                    self.forget_outdated(throttle, places, epochs, now).await;
                }
                return;
            }
        };
        let (rules, tag) = (&throttle.rules, places.tag);
        let (spelling, exempt) = (places.spelling, &counted.exempt);
        if succeeded.is_some() || *gate == Gate::Familiar {
            let familiar = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
                if let Some(epochs) = succeeded {
                    record.succeed(tag, spelling, epochs, rules, now);
                } else {
                    record.take_back(tag, *exempt, rules, now);
                }
                Change::Write(())
            });
            let _ = familiar.await;
        }
        if *gate == Gate::Familiar {
            return;
        }
        let account = self.change(throttle, &places.account, now, |record: &mut AccountRecord| {
            if succeeded.is_some() {
                record.succeed(tag);
            } else {
                record.take_back(tag, *exempt, rules, now);
            }
            Change::Write(())
        });
        let _ = account.await;
        if *gate == Gate::Stranger {
            self.take_back_address(throttle, places, now).await;
        }
    }

    /// The address was admitted as a familiar one, perhaps because of a login that has ended since.
    async fn forget_outdated(&self, throttle: &Throttle, places: &Places, epochs: Epochs, now: Timestamp) {
        let tag = places.tag;
        let forgotten = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
            if record.forget_outdated(tag, epochs) { Change::Write(()) } else { Change::Keep(()) }
        });
        // A failure was raised as an event; the next failed attempt tries again.
        let _ = forgotten.await;
    }

    /// Takes an attempt back if it is dropped before its outcome is recorded: a client that
    /// disconnects while it waits for its turn has not failed.
    pub(super) fn guarded(&self, counted: Counted) -> CountedGuard<U> {
        CountedGuard { auth: self.clone(), counted: Some(counted) }
    }

    /// Changes a record in one atomic step, repeated until it succeeds.
    pub(super) async fn change<R: Record, T: Send>(
        &self,
        throttle: &Throttle,
        key: &ThrottleKey,
        now: Timestamp,
        mut step: impl FnMut(&mut R) -> Change<T> + Send,
    ) -> Result<T, Rejection> {
        let Some(store) = &throttle.store else { return self.change_here(throttle, key, now, step) };
        match self.change_in_store(&**store, &throttle.rules, (key, now), &mut step).await {
            Err(Rejection::Unavailable(_)) if throttle.rules.counts_here => {
                self.change_here(throttle, key, now, step)
            }
            changed => changed,
        }
    }

    async fn change_in_store<R: Record, T: Send>(
        &self,
        store: &dyn ThrottleStore,
        rules: &Rules,
        (key, now): (&ThrottleKey, Timestamp),
        step: &mut (impl FnMut(&mut R) -> Change<T> + Send),
    ) -> Result<T, Rejection> {
        for _ in 0..ATTEMPTS {
            let before = self.call_store(store.counter(key, now)).await?;
            let (after, outcome) = changed(before.as_deref(), &mut *step).ok_or_else(|| self.damaged())?;
            let Some(after) = after else { return Ok(outcome) };
            let after = after.record(rules, now);
            let replaced = store.replace_counter(key, before.as_deref(), &after, now);
            if self.call_store(replaced).await? {
                return Ok(outcome);
            }
        }
        let error = StoreError::new("a record of the login throttle changes faster than it can be written");
        self.raise_store_failure(&error);
        Err(Rejection::Unavailable(Unavailable::Store))
    }

    /// Deletes a record that cannot be decoded. While it exists, no attempt is admitted.
    pub(super) async fn drop_if_damaged<R: Record>(
        &self,
        throttle: &Throttle,
        key: &ThrottleKey,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(store) = &throttle.store else { return Ok(()) };
        let bytes = self.call_store(store.counter(key, now)).await?;
        if bytes.is_some_and(|bytes| R::decode(&bytes).is_none()) {
            self.call_store(store.remove_counter(key, now)).await?;
        }
        Ok(())
    }

    fn change_here<R: Record, T>(
        &self,
        throttle: &Throttle,
        key: &ThrottleKey,
        now: Timestamp,
        step: impl FnMut(&mut R) -> Change<T>,
    ) -> Result<T, Rejection> {
        let outcome = throttle.here().change_now(key, |before| match changed(before, step) {
            Some((after, outcome)) => {
                (after.map(|after: R| after.record(&throttle.rules, now)), Some(outcome))
            }
            None => (None, None),
        });
        match outcome {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => Err(self.damaged()),
            Err(error) => {
                self.raise_store_failure(&error);
                Err(Rejection::Unavailable(Unavailable::Store))
            }
        }
    }

    fn damaged(&self) -> Rejection {
        self.raise_store_failure(&StoreError::new("a record of the login throttle cannot be decoded"));
        Rejection::Unavailable(Unavailable::Store)
    }

    fn raise_store_failure(&self, error: &StoreError) {
        let error = error.to_string();
        self.raise(&Event::new(EventKind::StoreFailed).reason("store_failed").error(&error));
    }

    pub(super) fn places(
        &self,
        throttle: &Throttle,
        identifier: &str,
        client: &ClientInfo,
    ) -> Result<Places, Rejection> {
        let key = self.inner.hash_keys.current().ok_or(Rejection::Unavailable(Unavailable::Issuer))?;
        let address = client.address().map(AddressBlock::of);
        if address.is_none() {
            throttle.report_unknown_address();
        }
        let address = address.map(AddressBlock::to_bytes);
        let address = address.as_ref().map_or(&[][..], |address| &address[..]);
        // No account has a longer identifier, and one record is enough for all of them.
        let exact = if identifier.len() > MAX_IDENTIFIER_BYTES { "" } else { identifier };
        let normal = normal(exact);
        Ok(Places {
            // One for all spellings, so that the owner of an account cannot create one for each.
            familiar: ThrottleKey::new(
                ThrottleKind::Familiar,
                *key.hash("familiar addresses", &[normal.as_bytes()]).as_bytes(),
            ),
            account: slot(key, ThrottleKind::Account, "throttled accounts", normal.as_bytes()),
            address: slot(key, ThrottleKind::Address, "throttled addresses", address),
            tag: short(key, "throttled address of an account", &[exact.as_bytes(), address]),
            spelling: short(key, "spelling of a name", &[exact.as_bytes()]),
        })
    }

    /// Counts a rejected token or API key that was never issued. Returns the rejection to answer
    /// with instead if its address has sent too many.
    ///
    /// Called for rejected requests only: whatever an address sends, its valid tokens are accepted.
    /// So it is enough that each instance counts by itself.
    pub(super) fn count_wrong_token(
        &self,
        purpose: Option<Purpose>,
        rejection: &Rejection,
        event: &Event<'_>,
    ) -> Option<Rejection> {
        let throttle = self.inner.throttle.as_ref()?;
        if !is_of_guess(purpose, rejection) {
            return None;
        }
        let (now, key) = (self.now().ok()?, self.inner.hash_keys.current()?);
        let address = event.address.map(|address| AddressBlock::of(address).to_bytes());
        let address = address.as_ref().map_or(&[][..], |address| &address[..]);
        let key = slot(key, ThrottleKind::Address, "addresses of wrong tokens", address);
        let window = throttle.rules.of_tokens();
        let verdict = self.change_here(throttle, &key, now, |record: &mut AddressRecord| {
            record.count(window, "tokens", now).into()
        });
        let Ok(Verdict::Refused(Refusal { retry_after, reason, is_first })) = verdict else { return None };
        if is_first {
            self.raise(&Event { kind: EventKind::LoginThrottled, reason: Some(reason), ..event.clone() });
        }
        Some(Rejection::TooManyRequests { retry_after })
    }
}

/// Applies a step to a stored record; `None` if the bytes are not a record.
fn changed<R: Record, T>(
    before: Option<&[u8]>,
    mut step: impl FnMut(&mut R) -> Change<T>,
) -> Option<(Option<R>, T)> {
    let mut record = match before {
        Some(bytes) => R::decode(bytes)?,
        None => R::default(),
    };
    Some(match step(&mut record) {
        Change::Write(outcome) => (Some(record), outcome),
        Change::Keep(outcome) => (None, outcome),
    })
}

fn short(key: &HashKey, name: &str, parts: &[&[u8]]) -> u64 {
    let hash = key.hash(name, parts);
    hash.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// The record of one account or address among all of this kind.
fn slot(key: &HashKey, kind: ThrottleKind, name: &str, who: &[u8]) -> ThrottleKey {
    let [a, b, c, d, ..] = *key.hash(name, &[who]).as_bytes();
    let slot = u32::from_be_bytes([a, b, c, d]) % SLOTS;
    ThrottleKey::new(kind, *key.hash("slot", &[name.as_bytes(), &slot.to_be_bytes()]).as_bytes())
}

/// Was the credential never issued by this application, or invalid already when it was first sent?
/// Tokens that were issued and have ended are not guesses: browsers send them every morning.
fn is_of_guess(purpose: Option<Purpose>, rejection: &Rejection) -> bool {
    let Rejection::InvalidToken(reason) = rejection else { return false };
    match reason {
        InvalidToken::ApiKey(
            ApiKeyFault::Unknown
            | ApiKeyFault::WrongSecret
            | ApiKeyFault::UnknownHashKey
            | ApiKeyFault::Malformed,
        )
        | InvalidToken::OneTime(OneTimeFault::Spent | OneTimeFault::OtherBrowser) => true,
        // Access tokens are sent with every request, and cannot be guessed.
        InvalidToken::Token(error) if purpose != Some(Purpose::Access) => !matches!(
            error,
            TokenError::Expired
                | TokenError::NotYetValid
                | TokenError::Clock(_)
                | TokenError::WrongPurpose { .. }
        ),
        _ => false,
    }
}
