//! The login throttle: an attempt is counted before its password waits to be checked, and taken
//! back if it succeeds.
//!
//! Where the address is familiar to the account, one record decides. Elsewhere it is looked at
//! whether the account's would refuse; then the address is counted, and then the account. So an
//! attempt that is refused has written nothing, but for a note once a minute that an event was
//! raised.

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

/// Into how many records the failures of accounts, and those of addresses, fall.
const SLOTS: u32 = 1 << 18;

/// How often a record is read again because others have changed it. Of any number of attempts at
/// once only so many change it as are let through; more often only if clients come and hang up
/// faster than the store answers. Then the attempt is refused with 503.
const ATTEMPTS: usize = 1000;

/// A name longer than this is nobody's.
const MAX_IDENTIFIER_BYTES: usize = 255;

/// An attempt to be counted.
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

/// An attempt that was counted and waits.
pub(super) struct CountedGuard<U: AuthUser> {
    auth: AuthProvider<U>,
    counted: Option<Counted>,
}

impl<U: AuthUser> CountedGuard<U> {
    /// Says what has become of the attempt.
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

/// Which records have let an attempt through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Familiar,
    Stranger,
    /// With a mailed token: its address was not asked.
    Unlocked,
}

/// The records of one attempt.
pub(super) struct Places {
    pub(super) familiar: ThrottleKey,
    pub(super) account: ThrottleKey,
    pub(super) address: ThrottleKey,
    /// The address and the name exactly as it was written.
    pub(super) tag: u64,
    /// The name exactly as it was written.
    pub(super) spelling: u64,
}

/// What has become of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Succeeded(Epochs),
    /// With the epochs of the account, if there is one.
    Failed(Option<Epochs>),
    /// The password was not checked to the end.
    Undecided,
}

/// Why nobody is let in.
pub(super) enum NotIn {
    /// The password was wrong, or of somebody else. With the epochs of the account, if there is
    /// one.
    Failed(Rejection, Option<Epochs>),
    /// Nobody knows, or it was right a moment ago.
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

/// What a step makes of a record.
pub(super) enum Change<T> {
    /// It is written.
    Write(T),
    /// It stays as it is.
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
            // Others have used up what was left meanwhile.
            if !exempt {
                self.take_back_address(throttle, &places, now).await;
            }
            return Err(rejection);
        }
        let gate = if exempt { Gate::Unlocked } else { Gate::Stranger };
        Ok(Counted { places: Some((places, gate)), exempt })
    }

    /// Counts the address of an attempt that the account's record would let through.
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
        // A failure was raised as an event, and counts one attempt too many.
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

    /// Says what has become of an attempt that was counted. That it cannot be noted spoils no
    /// login: the event was raised, and what was counted stays counted.
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

    /// The address was let through as one that is familiar, perhaps by a login that was ended
    /// since.
    async fn forget_outdated(&self, throttle: &Throttle, places: &Places, epochs: Epochs, now: Timestamp) {
        let tag = places.tag;
        let forgotten = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
            if record.forget_outdated(tag, epochs) { Change::Write(()) } else { Change::Keep(()) }
        });
        // A failure was raised as an event; the next attempt that fails comes here again.
        let _ = forgotten.await;
    }

    /// Takes an attempt back if it is dropped before somebody says what has become of it: a client
    /// that hangs up while it waits for its turn has not failed.
    pub(super) fn guarded(&self, counted: Counted) -> CountedGuard<U> {
        CountedGuard { auth: self.clone(), counted: Some(counted) }
    }

    /// Changes a record in one atomic step, as often as it takes.
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

    /// Drops a record that no version of the rules can read. With it, no attempt is let through.
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
        self.raise_store_failure(&StoreError::new("a record of the login throttle is none"));
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
        // What is longer is nobody's name, and one record is enough for all of it.
        let exact = if identifier.len() > MAX_IDENTIFIER_BYTES { "" } else { identifier };
        let normal = normal(exact);
        Ok(Places {
            // One for all spellings: whoever has an account cannot make one for each.
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

    /// Counts a token or an API key that nobody has issued, if that is what was refused. The
    /// rejection to answer with in its place if its address has sent too many.
    ///
    /// It is called for what was refused anyway: whatever an address sends, no good token of it
    /// is. So it suffices that each instance counts by itself.
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

/// What a step makes of a record as it was read; `None` if that is no record.
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

/// The record of somebody among all of this kind.
fn slot(key: &HashKey, kind: ThrottleKind, name: &str, who: &[u8]) -> ThrottleKey {
    let [a, b, c, d, ..] = *key.hash(name, &[who]).as_bytes();
    let slot = u32::from_be_bytes([a, b, c, d]) % SLOTS;
    ThrottleKey::new(kind, *key.hash("slot", &[name.as_bytes(), &slot.to_be_bytes()]).as_bytes())
}

/// Was a credential refused that this application has not issued, or that was not good when it
/// came? Tokens that were issued and have ended are no guesses: browsers have them every morning.
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
        // Access tokens come with every request, and none of them can be guessed.
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
