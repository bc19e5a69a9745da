//! One-time tokens: issue, redeem once, withdraw.

use std::{sync::Arc, time::Duration};

use super::{inner::AuthProvider, sessions::refuse_old_epoch};
use crate::{
    event::{Event, EventKind},
    one_time::{BOUND_TO, MAX_OUTSTANDING, OneTimeRequest, OneTimeToken, Redeemed, Redemption, is_unchanged},
    rejection::{InvalidToken, Misconfigured, OneTimeFault, Rejection, Unavailable},
    session::LoginRequest,
    store::{HashKey, OneTimeRecord, OneTimeStore, SecretHash},
    token::{OneTimePurpose, Purpose, TokenPayload},
    user::AuthUser,
};

/// When to ask again for a token that unlocks a login, if there are enough.
const UNLOCK_RETRY: Duration = Duration::from_secs(60);

/// One-time tokens, for e-mails: password reset, verification of an address, magic link.
///
/// A token works once. It is bound to the value of [`AuthUser::one_time_stamp`] and becomes invalid
/// when that changes. It also becomes invalid when [`AuthUser::token_epoch`] is raised, when it
/// expires, when [all logins of its subject](AuthProvider::logout_all) are ended, and, except for
/// tokens that verify an address, when another token of the same purpose is redeemed. A subject has
/// at most five tokens of a purpose at a time; one more replaces the one that expires first. For
/// [`LoginUnlock`](OneTimePurpose::LoginUnlock), a sixth token is refused and replaces none, so
/// that strangers who request e-mails cannot invalidate earlier tokens.
///
/// # Security
/// The response to a reset request must not reveal who has an account: answer the same in the same
/// time for every address. For example, send the e-mail from a task of its own, and answer before
/// it is done. A reset proves that somebody can read an e-mail, nothing more: it does not replace a
/// second factor.
impl<U: AuthUser> AuthProvider<U> {
    /// Issues a token that can be redeemed once.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, OneTimePurpose, Rejection};
    /// # use fauth_core::one_time::{LinkBase, OneTimeRequest};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, user: &U, base: &LinkBase,
    /// # ) -> Result<(), Rejection> {
    /// let request = OneTimeRequest::for_user(user);
    /// let token = auth.issue_one_time(OneTimePurpose::PasswordReset, request).await?;
    /// let link = token.link(base); // `base` is made when the application starts
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Rejection::Misconfigured`] if there is no store of one-time tokens, or the request is
    /// impossible (a reserved claim, an empty subject); [`Rejection::Unavailable`] if the store,
    /// the clock or the random generator fails; [`Rejection::TooManyRequests`] if the user already
    /// has five live tokens of the purpose [`LoginUnlock`](OneTimePurpose::LoginUnlock). Send no
    /// e-mail then, and answer as always: the tokens in the mailbox are valid.
    pub async fn issue_one_time(
        &self,
        purpose: OneTimePurpose,
        request: OneTimeRequest<'_, U>,
    ) -> Result<OneTimeToken, Rejection> {
        let (store, now) = (self.one_time_store()?, self.now()?);
        let mut request = request.into_token(purpose, &self.inner.seals);
        request.bound.epoch = self.current_epoch(&self.owner(request.subject()), now).await?;
        let kind = Purpose::from(purpose);
        let issued = self.issuer()?.issue(kind, &mut request, now).await;
        let token = issued.map_err(|error| self.cannot_issue(&error))?;
        // From the verified payload, because that is what a redemption will read.
        let payload = self.inner.verifier.verify(token.expose().as_bytes(), kind, now);
        let payload = payload.map_err(|_| Rejection::Unavailable(Unavailable::Issuer))?;
        let hash = self.inner.hash_keys.current().map(|key| hash_of(&payload, key));
        let hash = hash.ok_or(Rejection::Unavailable(Unavailable::Issuer))?;
        let record = OneTimeRecord {
            hash,
            owner: self.owner(payload.subject()).into_owned(),
            purpose: kind,
            expires_at: payload.expires_at(),
        };
        if purpose == OneTimePurpose::LoginUnlock {
            if !self.call_store(store.insert_if_room(record, MAX_OUTSTANDING, now)).await? {
                return Err(Rejection::TooManyRequests { retry_after: UNLOCK_RETRY });
            }
        } else {
            self.call_store(store.insert(record, MAX_OUTSTANDING, now)).await?;
        }
        self.raise(&Event::new(EventKind::OneTimeIssued).subject(payload.subject()).reason(kind.as_str()));
        Ok(OneTimeToken { token, lifetime: payload.expires_at().since(now) })
    }

    /// Redeems a token. Of several concurrent calls only one succeeds. The user is loaded again and
    /// must be active.
    ///
    /// ```
    /// # use fauth_core::{one_time::Redemption, AuthProvider, AuthUser, OneTimePurpose, Rejection};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, token: &str, cookie: &str,
    /// # ) -> Result<(), Rejection> {
    /// let redeemed = auth.redeem(token, OneTimePurpose::PasswordReset).await?;
    /// let user = redeemed.user(); // set the new password, and raise what `token_epoch` reads
    ///
    /// let redemption = Redemption::new(token).browser(cookie);
    /// let redeemed = auth.redeem(redemption, OneTimePurpose::MagicLink).await?;
    /// let pair = auth.login(&redeemed).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Rejection::InvalidToken`] for anything wrong with the token: the response is the same in
    /// all cases, and the log has the reason. [`Rejection::Unavailable`] if the store, the loader
    /// or the clock fails; if it was the store, the token may be used up.
    /// [`Rejection::Misconfigured`] if there is no store of one-time tokens.
    pub async fn redeem(
        &self,
        token: impl Into<Redemption<'_>> + Send,
        purpose: OneTimePurpose,
    ) -> Result<Redeemed<U>, Rejection> {
        self.finish(self.examine(token.into(), purpose).await?, purpose).await
    }

    /// Verifies a token without using it up.
    pub(super) async fn examine(
        &self,
        redemption: Redemption<'_>,
        purpose: OneTimePurpose,
    ) -> Result<Examined<U>, Rejection> {
        self.report_refused(self.examine_quietly(redemption, purpose).await)
    }

    /// Uses up a token that was examined. Of several concurrent calls only one succeeds.
    pub(super) async fn finish(
        &self,
        examined: Examined<U>,
        purpose: OneTimePurpose,
    ) -> Result<Redeemed<U>, Rejection> {
        let Examined { user, payload } = examined;
        self.report_refused(self.take_out(&**self.one_time_store()?, &payload, purpose).await)?;
        let kind = Purpose::from(purpose);
        let bound_to = payload.claim::<String>(BOUND_TO).ok().flatten().map(String::into_boxed_str);
        self.raise(&Event::new(EventKind::OneTimeRedeemed).subject(payload.subject()).reason(kind.as_str()));
        Ok(Redeemed { user, payload, bound_to, provider: self.inner.id })
    }

    fn report_refused<T>(&self, outcome: Result<T, Rejection>) -> Result<T, Rejection> {
        outcome.inspect_err(|rejection| {
            if matches!(rejection, Rejection::InvalidToken(_)) {
                self.raise(&Event::new(EventKind::OneTimeRefused).reason(rejection.reason()));
            }
        })
    }

    async fn examine_quietly(
        &self,
        redemption: Redemption<'_>,
        purpose: OneTimePurpose,
    ) -> Result<Examined<U>, Rejection> {
        self.one_time_store()?;
        let (kind, seals) = (Purpose::from(purpose), &self.inner.seals);
        let payload = self.inner.verifier.verify(redemption.token.as_bytes(), kind, self.now()?)?;
        if !redemption.is_from_its_browser(purpose, &payload, seals) {
            return Err(refused(OneTimeFault::OtherBrowser));
        }
        let payload = Arc::new(payload);
        self.refuse_if_revoked(&payload, self.now()?).await?;
        let user = self.user_of(&payload).await?;
        refuse_old_epoch(&payload, &*user)?;
        if !redemption.allow_inactive && !user.is_active() {
            return Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
        }
        if !is_unchanged(purpose, &payload, &*user, seals) {
            return Err(refused(OneTimeFault::Stale));
        }
        Ok(Examined { user, payload })
    }

    async fn take_out(
        &self,
        store: &dyn OneTimeStore,
        payload: &TokenPayload,
        purpose: OneTimePurpose,
    ) -> Result<(), Rejection> {
        // Loading may have taken some time.
        let (now, kind) = (self.now()?, Purpose::from(purpose));
        let owner = self.owner(payload.subject());
        let mut record = None;
        // It was stored under the key that was current then.
        for key in self.inner.hash_keys.all() {
            record = self.call_store(store.redeem(&owner, &hash_of(payload, key), kind, now)).await?;
            if record.is_some() {
                break;
            }
        }
        if record.is_none_or(|record| record.owner != owner) {
            return Err(refused(OneTimeFault::Spent));
        }
        // A user with two addresses who has verified one may still verify the other.
        if purpose != OneTimePurpose::EmailVerification {
            self.call_store(store.withdraw(&owner, Some(kind), now)).await?;
        }
        Ok(())
    }

    /// Invalidates the outstanding tokens of a subject, of one purpose or, with `None`, of all.
    /// Returns how many there were.
    ///
    /// Call it when a password or an address was changed in another way than with a token, and when
    /// an account is disabled.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the store or the clock fails; [`Rejection::Misconfigured`] if
    /// there is no store of one-time tokens.
    pub async fn withdraw_one_time(
        &self,
        subject: &str,
        purpose: impl Into<Option<OneTimePurpose>> + Send,
    ) -> Result<usize, Rejection> {
        let purpose = purpose.into().map(Purpose::from);
        let (store, owner) = (self.one_time_store()?, self.owner(subject));
        self.call_store(store.withdraw(&owner, purpose, self.now()?)).await
    }

    fn one_time_store(&self) -> Result<&Arc<dyn OneTimeStore>, Rejection> {
        self.inner.stores.one_times.as_ref().ok_or(Rejection::Misconfigured(Misconfigured::NoStore))
    }
}

/// A token that is valid unless it was used up meanwhile.
pub(super) struct Examined<U> {
    user: Arc<U>,
    payload: Arc<TokenPayload>,
}

impl<U: AuthUser> Examined<U> {
    pub(super) fn subject(&self) -> &str {
        self.payload.subject()
    }
}

fn hash_of(payload: &TokenPayload, key: &HashKey) -> SecretHash {
    key.hash("one-time token", &[payload.token_id().as_bytes()])
}

pub(super) const fn refused(fault: OneTimeFault) -> Rejection {
    Rejection::InvalidToken(InvalidToken::OneTime(fault))
}

/// A login that ends if all logins of the subject were ended after the token was redeemed.
/// [`password_changed`](AuthProvider::password_changed) ends this one too: load the user again
/// after it, and use [`LoginRequest::for_user`].
impl<U: AuthUser> From<&Redeemed<U>> for LoginRequest<'_> {
    fn from(redeemed: &Redeemed<U>) -> Self {
        Self::for_loaded(redeemed.user(), redeemed.payload().epoch(), redeemed.provider)
    }
}

/// Like the conversion from a reference.
impl<U: AuthUser> From<Redeemed<U>> for LoginRequest<'_> {
    fn from(redeemed: Redeemed<U>) -> Self {
        Self::from(&redeemed)
    }
}
