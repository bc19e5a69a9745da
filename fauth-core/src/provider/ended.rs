//! The end of open connections: their end times, and the questions to stores and loaders. The
//! bookkeeping and the task are in `ended/`; only this file calls stores and loaders for it.
//!
//! The questions are those that a request asks: see `refuse_if_revoked`, `refuse_ended_session` and
//! `grant_api_key`.

mod at_once;
#[cfg(feature = "mandates")]
mod mandates;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use self::at_once::at_once;
use super::inner::{AuthProvider, Inner};
use crate::{
    clock::{ClockError, Timestamp},
    ended::{Asker, EndReason, Ended, Facts, Finding, Findings, Id, Person, Single, SingleStore, Watched},
    rejection::{InvalidToken, Rejection},
    store::{ApiKeyId, ChangeSender, Changes, Owner, RevocationTarget, SessionId, Verdict},
    token::{Purpose, TokenPayload},
    user::AuthUser,
};

/// How many tokens one call of a revocation store is about.
const MOST_AT_ONCE: usize = 500;

/// How many questions run concurrently where each token is a question of its own.
const SINGLY_AT_ONCE: usize = 32;

impl<U: AuthUser> AuthProvider<U> {
    /// Returns a future for the end of what was granted to this user with this token.
    pub(super) fn end_of_authority(&self, payload: &Arc<TokenPayload>, user: &U) -> Ended {
        let ends_at = self.end_of_token(payload);
        // Nothing to watch. If the clock fails, the task tries it again.
        if self.inner.clock.now().is_ok_and(|now| now >= ends_at) {
            return Ended::over(EndReason::Expired);
        }
        let asker = || -> Weak<dyn Asker> {
            let inner: Weak<Inner<U>> = Arc::downgrade(&self.inner);
            inner
        };
        self.inner.open.keep(payload, asker, || {
            let person = person_of(payload);
            Facts {
                ends_at,
                keys: self.keys_of(payload),
                person,
                was_active: user.is_active(),
                single: self.single_of(payload, person),
                payload: Arc::clone(payload),
            }
        })
    }

    /// The single question about this token, if there is one. The answer depends on the owner as
    /// well.
    fn single_of(&self, payload: &TokenPayload, person: Person) -> Option<Single> {
        let (store, id) = if payload.is_api_key() {
            (SingleStore::ApiKeys, payload.token_id())
        } else if payload.purpose() == Purpose::Session && self.inner.sessions.is_some() {
            (SingleStore::Sessions, payload.session_id().unwrap_or_default())
        } else {
            return None;
        };
        let subject = first_half(Sha256::new().chain_update(person.to_be_bytes()).chain_update(id));
        Some(Single { store, subject, is_only_there: self.is_asked_singly(payload) })
    }

    fn end_of_token(&self, payload: &TokenPayload) -> Timestamp {
        let end = self.inner.verifier.ends_at(payload);
        // The leeway is for tokens.
        if payload.is_api_key() { end.min(payload.expires_at()) } else { end }
    }

    /// The hashes of all keys by which it can be revoked.
    fn keys_of(&self, payload: &TokenPayload) -> SmallVec<[u64; 4]> {
        let mut keys = SmallVec::new();
        let owner = self.owner_of(payload);
        self.each_target(payload, |target| keys.push(target.with_key(&owner, ChangeSender::hash)));
        #[cfg(feature = "mandates")]
        self.each_anchor(payload, |name| keys.push(ChangeSender::hash(name)));
        keys
    }

    /// Reports revocations to the open connections of this provider, at once and whatever the store
    /// reports.
    pub(super) fn tell_open(&self, owner: &Owner<'_>, targets: &[RevocationTarget<'_>]) {
        self.inner.open.tell(|changes| {
            for target in targets {
                target.with_key(owner, |key| changes.tell(key));
            }
        });
    }

    /// Asks the revocation store about all of these in one call, and returns a finding for each.
    async fn judge_open(&self, watched: &[Watched]) -> Vec<(Id, Finding)> {
        let tokens: Vec<_> = watched.iter().map(|watched| &*watched.payload).collect();
        let verdicts = match self.now() {
            Ok(now) => self.verdicts(&tokens, now).await,
            Err(rejection) => Err(rejection),
        };
        let Ok(verdicts) = verdicts else { return failed(watched) };
        at_once(SINGLY_AT_ONCE, watched.iter().zip(verdicts), async |(watched, verdict)| {
            let finding = self.found(&watched.payload, verdict);
            #[cfg(feature = "mandates")]
            let finding = match finding {
                Finding::Good => self.ask_for_mandate(&watched.payload).await,
                finding => finding,
            };
            (watched.id, finding)
        })
        .await
    }

    fn found(&self, payload: &TokenPayload, verdict: Verdict) -> Finding {
        match verdict {
            Verdict::Good => Finding::Good,
            Verdict::Revoked | Verdict::OldEpoch => Finding::Over(EndReason::Revoked),
            // The session store retains more, as for requests.
            Verdict::BeforeMemory if self.session_outlasts_memory(payload) => Finding::AskSingly(None),
            // This cannot be found out any more.
            Verdict::BeforeMemory => Finding::Over(EndReason::Unknown),
            Verdict::ClocksDisagree { .. } => Finding::Failed,
        }
    }

    /// Is it known only to a store that is asked about one at a time: the session store for browser
    /// sessions where there is no revocation store, and the API key store? Requests check the
    /// session for these only, too: an access token is valid until it expires.
    fn is_asked_singly(&self, payload: &TokenPayload) -> bool {
        let is_session = payload.purpose() == Purpose::Session && self.inner.revocations.is_none();
        payload.is_api_key() || (is_session && self.inner.sessions.is_some())
    }

    /// Asks about such a token. `epoch` is that of its user, if it is known.
    async fn ask_singly(&self, payload: &TokenPayload, epoch: Option<u64>) -> Finding {
        if payload.is_api_key() {
            self.ask_for_key(payload, epoch).await
        } else {
            self.ask_for_session(payload).await
        }
    }

    /// Is its session alive?
    async fn ask_for_session(&self, payload: &TokenPayload) -> Finding {
        let id = payload.session_id().and_then(SessionId::parse);
        let (Some(sessions), Some(id), false) = (&self.inner.sessions, id, payload.is_foreign()) else {
            return Finding::Good;
        };
        let Ok(now) = self.now() else { return Finding::Failed };
        match self.find_live(sessions, &self.owner_of(payload), &id, now).await {
            Ok(Some(_)) => Finding::Good,
            Ok(None) => Finding::Over(EndReason::SessionEnded),
            Err(_) => Finding::Failed,
        }
    }

    async fn ask_for_key(&self, payload: &TokenPayload, epoch: Option<u64>) -> Finding {
        let (Some(store), Some(id)) = (&self.inner.stores.api_keys, ApiKeyId::parse(payload.token_id()))
        else {
            return Finding::Good;
        };
        let Ok(now) = self.now() else { return Finding::Failed };
        let Ok(found) = self.call_store(store.find(&id, now)).await else { return Finding::Failed };
        let is_good = found.is_some_and(|stored| {
            let of_epoch = stored.key.user_epoch.zip(epoch).is_none_or(|(then, now)| then >= now);
            stored.key.owner == self.owner_of(payload) && of_epoch
        });
        if is_good { Finding::Good } else { Finding::Over(EndReason::Revoked) }
    }

    /// Loads the user of all of these once.
    async fn look_at_open(&self, watched: &[Watched]) -> Vec<(Id, Finding)> {
        let Some(first) = watched.first() else { return Vec::new() };
        let user = match self.user_of(&first.payload).await {
            Ok(user) => user,
            Err(Rejection::InvalidToken(InvalidToken::UnknownUser)) => {
                return all(watched, Finding::Over(EndReason::UserGone));
            }
            Err(_) => return failed(watched),
        };
        let (is_active, epoch) = (user.is_active(), user.token_epoch());
        drop(user);
        let found = |watched: &Watched| {
            let payload = &watched.payload;
            // A token of another issuer, and an API key, do not carry the epoch of the user.
            let has_epoch = !payload.is_foreign() && !payload.is_api_key();
            let finding = if watched.was_active && !is_active {
                Finding::Over(EndReason::UserInactive)
            } else if has_epoch && payload.user_epoch() < epoch {
                Finding::Over(EndReason::Revoked)
            } else if self.is_asked_singly(payload) {
                Finding::AskSingly(Some(epoch))
            } else {
                Finding::Good
            };
            (watched.id, finding)
        };
        watched.iter().map(found).collect()
    }

    fn session_outlasts_memory(&self, payload: &TokenPayload) -> bool {
        payload.purpose() == Purpose::Session
            && self.inner.sessions.is_some()
            && self.inner.revocations.as_ref().is_some_and(|revocations| revocations.claims.is_empty())
    }
}

impl<U: AuthUser> Asker for Inner<U> {
    fn now(&self) -> Result<Timestamp, ClockError> {
        self.clock.now()
    }

    fn now_precise(&self) -> Result<Duration, ClockError> {
        self.clock.now_precise()
    }

    fn can_judge(&self) -> bool {
        #[cfg(feature = "mandates")]
        if self.mandates.is_some() {
            return true;
        }
        self.revocations.is_some()
    }

    fn most_at_once(&self) -> usize {
        // Anchor stores are asked about one mandate at a time: smaller batches, so that findings
        // arrive soon.
        #[cfg(feature = "mandates")]
        if self.mandates.is_some() {
            return 2 * SINGLY_AT_ONCE;
        }
        MOST_AT_ONCE
    }

    fn changes(&self) -> Vec<Changes> {
        let mut told = vec![];
        told.extend(self.revocations.iter().map(|revocations| revocations.store.changes()));
        #[cfg(feature = "mandates")]
        told.extend(self.mandates.iter().map(|mandates| mandates.store.changes()));
        told.into_iter().collect::<Option<_>>().unwrap_or_default()
    }

    fn judge(self: Arc<Self>, watched: Vec<Watched>) -> Findings {
        Box::pin(async move { AuthProvider { inner: self }.judge_open(&watched).await })
    }

    fn ask_singly(self: Arc<Self>, watched: Vec<Watched>) -> Findings {
        Box::pin(async move {
            let Some(first) = watched.first() else { return Vec::new() };
            let finding = AuthProvider { inner: self }.ask_singly(&first.payload, first.epoch).await;
            all(&watched, finding)
        })
    }

    fn look(self: Arc<Self>, watched: Vec<Watched>) -> Findings {
        Box::pin(async move { AuthProvider { inner: self }.look_at_open(&watched).await })
    }
}

fn all(watched: &[Watched], finding: Finding) -> Vec<(Id, Finding)> {
    watched.iter().map(|watched| (watched.id, finding)).collect()
}

fn failed(watched: &[Watched]) -> Vec<(Id, Finding)> {
    all(watched, Finding::Failed)
}

/// The claims that differ between tokens of one login.
const OF_ONE_TOKEN: [&str; 4] = ["exp", "iat", "jti", "nbf"];

/// Identifies the user as the loader sees it: by everything that a loader may look at, except what
/// differs between logins of one user. That is the issuer, the subject, the application's own
/// claims, and the id of an API key. For the token of another issuer it is every claim except the
/// id and the times: there the user may depend on any claim, such as the actor (`client_id`) of a
/// mandate.
fn person_of(payload: &TokenPayload) -> Person {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    };
    add(payload.issuer().unwrap_or_default());
    add(payload.subject());
    add(if payload.is_api_key() { payload.token_id() } else { "" });
    if payload.is_foreign() {
        payload.each_claim(|name, value| {
            if !OF_ONE_TOKEN.contains(&name) {
                add(name);
                add(value);
            }
        });
    } else {
        for (name, value) in payload.custom_claims() {
            add(&name);
            add(&value);
        }
    }
    first_half(hash)
}

fn first_half(hash: Sha256) -> u128 {
    hash.finalize().iter().take(16).fold(0, |half, byte| half << 8 | u128::from(*byte))
}
