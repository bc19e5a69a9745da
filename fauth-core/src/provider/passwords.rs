//! Passwords: checking them at a login, and hashing new ones. Both wait for their turn first.

use std::{fmt, ops::Deref, sync::Arc};

use zeroize::Zeroizing;

use super::{
    granted::Granted,
    inner::{AuthProvider, PasswordLogin},
    one_times::Examined,
    own_only::refuse_foreign,
    run_to_completion::RunToCompletion,
    throttling::{NotIn, Settled, Tried},
    within::within,
};
use crate::{
    client::ClientInfo,
    error::causes,
    event::{Event, EventKind},
    password::{NewPassword, OnBehalfOf, PasswordError, Turn, Verification},
    rejection::{Misconfigured, Rejection, Unavailable},
    session::LoginRequest,
    throttle::Epochs,
    token::OneTimePurpose,
    user::{AuthUser, NewPasswordHash},
};

/// The longest identifier that is looked up, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 255;

impl<U: AuthUser> AuthProvider<U> {
    /// Checks a password, and returns the user if it is correct and the user is active.
    ///
    /// An unknown identifier, a wrong password, a user without a password and an inactive user give
    /// the same answer after the same work. While many passwords are being checked, clients take
    /// turns by their address.
    ///
    /// # Errors
    /// [`Rejection::InvalidCredentials`]; [`Rejection::TooManyRequests`] if the [login
    /// throttle](crate::throttle) refuses the attempt; [`Rejection::Busy`] if too many passwords
    /// are being checked; [`Rejection::Unavailable`] if the loader fails;
    /// [`Rejection::Misconfigured`] if the provider was built without password login.
    pub async fn authenticate(
        &self,
        identifier: &str,
        password: &str,
        client: &ClientInfo,
    ) -> Result<Authenticated<U>, Rejection> {
        self.check_attempt(self.attempt(identifier, password, client), client.into()).await
    }

    /// Checks the password of a logged-in user again, before a sensitive change such as a new
    /// password. Like [`authenticate`](Self::authenticate), but the user must be the same.
    ///
    /// The check waits in the share of the hashing pool that is reserved for logged-in users, so a
    /// flood of logins does not delay it.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, BoxError, ClientInfo, Granted, Rejection};
    /// # async fn store<U>(user: &U, hash: String) {}
    /// # struct User { name: String }
    /// # impl AuthUser for User {
    /// #     fn subject(&self) -> impl AsRef<str> { &self.name }
    /// #     fn is_active(&self) -> bool { true }
    /// # }
    /// async fn change(
    ///     auth: &AuthProvider<User>,
    ///     granted: &Granted<User>,
    ///     (current, new): (&str, &str),
    ///     client: &ClientInfo,
    /// ) -> Result<(), BoxError> {
    ///     let user = auth.reauthenticate(granted, &granted.user().name, current, client).await?;
    ///     let hash = auth.hash_password_for(granted, new).await?;
    ///     store(&*user, hash).await;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate), and [`Rejection::InvalidCredentials`] if the
    /// identifier is that of another user; [`Rejection::Misconfigured`] if another provider has
    /// granted the request; [`Rejection::Forbidden`] for a token of another issuer.
    pub async fn reauthenticate(
        &self,
        granted: &Granted<U>,
        identifier: &str,
        password: &str,
        client: &ClientInfo,
    ) -> Result<Arc<U>, Rejection> {
        if granted.provider() != self.inner.id {
            return Err(Rejection::Misconfigured(Misconfigured::OtherProvider));
        }
        refuse_foreign(granted.payload())?;
        let mut attempt = self.attempt(identifier, password, client);
        attempt.subject = Some(granted.payload().subject().into());
        self.check_attempt(attempt, granted.into()).await.map(|who| who.user)
    }

    /// Like [`authenticate`](Self::authenticate), with a mailed token of the purpose
    /// [`LoginUnlock`](OneTimePurpose::LoginUnlock): the password is checked once, even if the
    /// [login throttle](crate::throttle) would refuse the attempt. The token must belong to the
    /// user with this identifier. With a token of another user the attempt fails, and is counted
    /// like any other.
    ///
    /// The token is used up when the password is about to be checked. An attempt that is refused
    /// earlier, because the server is busy or the password is empty, can be repeated with it.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate), and those of [`redeem`](Self::redeem) if the token
    /// is not valid.
    pub async fn authenticate_unlocked(
        &self,
        identifier: &str,
        password: &str,
        client: &ClientInfo,
        unlock_token: &str,
    ) -> Result<Authenticated<U>, Rejection> {
        let login = self.password_login()?;
        let examined = self.examine(unlock_token.into(), OneTimePurpose::LoginUnlock).await?;
        let mut attempt = self.attempt(identifier, password, client);
        attempt.subject = Some(examined.subject().into());
        let user = self.load_identity(login, identifier).await?;
        // A token of one account must not help against another: that attempt is made as one without
        // a token.
        if user.is_some_and(|user| attempt.is_about(&*user)) {
            attempt.unlocked = Some(examined);
        }
        self.check_attempt(attempt, client.into()).await
    }

    /// Hashes a new password with the configured scheme, for a client that is not known.
    ///
    /// # Errors
    /// [`PasswordError`] if the password cannot be hashed (empty, too long, with a NUL), the
    /// [policy](crate::AuthProviderBuilder::password_policy) refuses it, the pool is busy, or the
    /// hasher fails. On a provider without password login, [`PasswordError::Failed`].
    pub async fn hash_password(&self, password: &str) -> Result<String, PasswordError> {
        self.hash_password_for(&ClientInfo::unknown(), password).await
    }

    /// Like [`hash_password`](Self::hash_password), on behalf of a client (`&ClientInfo`, for a
    /// registration) or of a logged-in user (`&Granted<U>`). While many passwords are being hashed
    /// and checked, clients take turns by their address, and logged-in users have a share of their
    /// own.
    ///
    /// # Errors
    /// As [`hash_password`](Self::hash_password).
    pub async fn hash_password_for(
        &self,
        on_behalf_of: impl Into<OnBehalfOf<'_>> + Send,
        password: &str,
    ) -> Result<String, PasswordError> {
        self.hash_new_password(on_behalf_of, &NewPassword::new(password)).await
    }

    /// Like [`hash_password_for`](Self::hash_password_for), with what is known about the user: the
    /// [policy](crate::AuthProviderBuilder::password_policy) refuses a password that is little more
    /// than the user name or the e-mail address.
    ///
    /// ```
    /// # use fauth_core::{
    /// #     AuthProvider, AuthUser, ClientInfo, Rejection,
    /// #     password::{NewPassword, PasswordError},
    /// # };
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, client: &ClientInfo, email: &str, password: &str,
    /// # ) -> Result<String, PasswordError> {
    /// let password = NewPassword::new(password).identifier(email);
    /// let hash = auth.hash_new_password(client, &password).await?;
    /// # Ok(hash)
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`hash_password`](Self::hash_password).
    pub async fn hash_new_password(
        &self,
        on_behalf_of: impl Into<OnBehalfOf<'_>> + Send,
        password: &NewPassword<'_>,
    ) -> Result<String, PasswordError> {
        let Some(login) = &self.inner.password_login else { return Err(PasswordError::Failed) };
        let text = password.text();
        if let Some(policy) = &login.policy {
            // Before it waits for a turn: a refused password takes no turn, and no turn is held
            // while the policy calls a service.
            let normal = login.hasher.acceptable(text)?;
            policy.apply(password, &normal).await?;
        }
        login.hasher.hash_for(on_behalf_of, text).await
    }

    fn attempt(&self, identifier: &str, password: &str, client: &ClientInfo) -> Attempt<U> {
        Attempt {
            identifier: identifier.into(),
            password: Zeroizing::new(password.to_owned()),
            known_as: self.hash_identifier(identifier),
            client: client.clone(),
            subject: None,
            unlocked: None,
        }
    }

    async fn check_attempt(
        &self,
        mut attempt: Attempt<U>,
        on_behalf_of: OnBehalfOf<'_>,
    ) -> Result<Authenticated<U>, Rejection> {
        let login = self.password_login()?;
        // Before any lookup: the check is the same for every identifier, so it reveals nothing, and
        // it takes no turn and no store call.
        if !login.hasher.takes_in(&attempt.password) {
            return Err(self.failed(&attempt, "unacceptable_password"));
        }
        // Runs to completion, so that either both records are counted or neither.
        let (auth, unlocked) = (self.clone(), attempt.unlocked.take());
        let is_unlocked = unlocked.is_some();
        let counting = RunToCompletion::new(async move {
            let counted = auth.count_attempt(&attempt.as_tried(is_unlocked)).await?;
            Ok((auth.guarded(counted), attempt))
        });
        let (counted, attempt) = counting.await?;
        let turn = match login.hasher.turn(on_behalf_of).await {
            Ok(turn) => turn,
            Err(error) => {
                let settling = RunToCompletion::new(async move {
                    counted.settle(Settled::Undecided).await;
                    Ok(())
                });
                settling.await?;
                return Err(password_unavailable(&error));
            }
        };
        // Runs to completion. Otherwise a client that disconnects would free its turn after a
        // lookup without a hash, as often as it likes.
        let auth = self.clone();
        RunToCompletion::new(async move {
            let outcome = auth.use_turn(&turn, &attempt, unlocked).await;
            // Others need not wait for the store.
            drop(turn);
            counted.settle(settled(&outcome)).await;
            outcome.map_err(NotIn::into_rejection)
        })
        .await
    }

    /// The lookups and hashes of a login, in one turn.
    async fn use_turn(
        &self,
        turn: &Turn,
        attempt: &Attempt<U>,
        unlocked: Option<Examined<U>>,
    ) -> Result<Authenticated<U>, NotIn> {
        let login = self.password_login()?;
        let user = self.load_identity(login, &attempt.identifier).await?;
        let epoch = self.epoch_before_login(user.as_deref(), &attempt.known_as).await?;
        let epochs = user.as_deref().map(|user| Epochs { logins: epoch, user: user.token_epoch() });
        if let Some(unlocked) = unlocked {
            self.finish(unlocked, OneTimePurpose::LoginUnlock).await?;
        }
        let verified = self.verify(turn, attempt, user.as_deref()).await?;
        let failure = match (user, verified) {
            (None, _) => "unknown_identifier",
            (Some(_), Verification::Mismatch) => "wrong_password",
            (Some(user), _) if !user.is_active() => "inactive_user",
            (Some(user), _) if !attempt.is_about(&*user) => "other_user",
            (Some(user), verified) => match self.still_right(turn, attempt, user, verified).await? {
                Some((now, verified)) => {
                    self.bring_hash_up_to_date(login, turn, &now, &attempt.password, verified).await;
                    let event = Event::new(EventKind::Authenticated).identifier(&attempt.known_as);
                    self.raise(&event.client(&attempt.client).subject(now.subject().as_ref()));
                    return Ok(Authenticated { user: now, epoch, provider: self.inner.id });
                }
                // The password was correct, so this is not a guess.
                None => return Err(NotIn::Undecided(self.failed(attempt, "changed_meanwhile"))),
            },
        };
        Err(NotIn::Failed(self.failed(attempt, failure), epochs))
    }

    async fn verify(
        &self,
        turn: &Turn,
        attempt: &Attempt<U>,
        user: Option<&U>,
    ) -> Result<Verification, Rejection> {
        let stored = user.and_then(AuthUser::password_hash);
        let verified = turn.verify(&attempt.password, stored, Some(&attempt.known_as)).await;
        verified.map_err(|error| password_unavailable(&error))
    }

    /// Hashing takes time. Returns the user as of now if the password is still correct. If only the
    /// hash has changed, it is verified once more, because two first logins may upgrade it at the
    /// same time.
    async fn still_right(
        &self,
        turn: &Turn,
        attempt: &Attempt<U>,
        mut user: Arc<U>,
        mut verified: Verification,
    ) -> Result<Option<(Arc<U>, Verification)>, Rejection> {
        let login = self.password_login()?;
        for is_last in [false, true] {
            let Some(now) = self.load_identity(login, &attempt.identifier).await? else { return Ok(None) };
            if !is_same(&*user, &*now) {
                return Ok(None);
            }
            if now.password_hash() == user.password_hash() {
                return Ok(Some((now, verified)));
            }
            if is_last {
                return Ok(None);
            }
            verified = self.verify(turn, attempt, Some(&*now)).await?;
            if verified == Verification::Mismatch {
                return Ok(None);
            }
            user = now;
        }
        Ok(None)
    }

    fn failed(&self, attempt: &Attempt<U>, reason: &'static str) -> Rejection {
        let event = Event::new(EventKind::AuthenticationFailed).reason(reason);
        self.raise(&event.identifier(&attempt.known_as).client(&attempt.client));
        Rejection::InvalidCredentials
    }

    pub(super) fn password_login(&self) -> Result<&PasswordLogin<U>, Rejection> {
        let login = self.inner.password_login.as_ref();
        login.ok_or(Rejection::Misconfigured(Misconfigured::NoPasswordLogin))
    }

    /// A password login carries the epoch of its beginning: if all logins of the subject are ended
    /// while the password is being checked, this one ends too. The store is asked for unknown users
    /// as well, so that the time reveals nothing; by a hash, since typed identifiers may be longer
    /// than a store accepts.
    pub(super) async fn epoch_before_login(
        &self,
        user: Option<&U>,
        known_as: &str,
    ) -> Result<u64, Rejection> {
        if self.inner.revocations.is_none() {
            return Ok(0);
        }
        let subject = user.map(|user| user.subject().as_ref().to_owned());
        self.current_epoch(&self.owner(subject.as_deref().unwrap_or(known_as)), self.now()?).await
    }

    /// Returns `None` also for identifiers that no user can have.
    pub(super) async fn load_identity(
        &self,
        login: &PasswordLogin<U>,
        identifier: &str,
    ) -> Result<Option<Arc<U>>, Rejection> {
        if identifier.is_empty() || identifier.len() > MAX_IDENTIFIER_BYTES {
            return Ok(None);
        }
        self.loaded(login.identity_loader.load_identity(identifier.to_owned())).await
    }

    async fn bring_hash_up_to_date(
        &self,
        login: &PasswordLogin<U>,
        turn: &Turn,
        user: &Arc<U>,
        password: &str,
        verified: Verification,
    ) {
        let (Verification::MatchNeedsRehash, Some(updater), Some(old)) =
            (verified, &login.updater, user.password_hash())
        else {
            return;
        };
        // Neither a busy pool nor a failing store may spoil a login that has succeeded; the next
        // one tries again.
        let Some(new) = turn.hash_if_idle(password).await else { return };
        let hash = NewPasswordHash { old: old.to_owned(), new };
        let subject = user.subject().as_ref().to_owned();
        let subject = subject.as_str();
        match within(self.inner.loader_timeout, updater.update_password_hash(Arc::clone(user), hash)).await {
            Some(Ok(())) => self.raise(&Event::new(EventKind::PasswordRehashed).subject(subject)),
            Some(Err(error)) => self.raise(
                &Event::new(EventKind::CallbackFailed)
                    .reason("rehash_failed")
                    .subject(subject)
                    .error(&causes(&*error)),
            ),
            None => {
                self.raise(&Event::new(EventKind::CallbackFailed).reason("rehash_timeout").subject(subject));
            }
        }
    }
}

/// A password attempt. It owns its data, because an attempt that has begun runs to completion.
struct Attempt<U: AuthUser> {
    identifier: Box<str>,
    password: Zeroizing<String>,
    /// The keyed hash of the identifier.
    known_as: String,
    client: ClientInfo,
    /// The subject whose password it must be, if known.
    subject: Option<Box<str>>,
    /// A mailed token that lifts the throttle for this attempt.
    unlocked: Option<Examined<U>>,
}

impl<U: AuthUser> Attempt<U> {
    fn as_tried(&self, is_unlocked: bool) -> Tried<'_> {
        Tried { identifier: &self.identifier, known_as: &self.known_as, client: &self.client, is_unlocked }
    }

    fn is_about(&self, user: &U) -> bool {
        self.subject.as_deref().is_none_or(|subject| user.subject().as_ref() == subject)
    }
}

/// The outcome of an attempt, for the throttle.
fn settled<U: AuthUser>(outcome: &Result<Authenticated<U>, NotIn>) -> Settled {
    match outcome {
        Ok(Authenticated { user, epoch, .. }) => {
            Settled::Succeeded(Epochs { logins: *epoch, user: user.token_epoch() })
        }
        Err(NotIn::Failed(_, epochs)) => Settled::Failed(*epochs),
        Err(NotIn::Undecided(_)) => Settled::Undecided,
    }
}

/// A user whose password was correct, with the epoch at that moment, which a login needs. Derefs to
/// the user.
///
/// ```
/// # use fauth_core::{AuthProvider, AuthUser, ClientInfo, LoginRequest, Rejection, TokenPair};
/// # async fn example<U: AuthUser>(
/// #     auth: &AuthProvider<U>, name: &str, password: &str, client: ClientInfo,
/// # ) -> Result<TokenPair, Rejection> {
/// let user = auth.authenticate(name, password, &client).await?;
/// // A second factor, checks of `user` …
/// auth.login(LoginRequest::from(&user).client(client)).await
/// # }
/// ```
#[derive(PartialEq, Eq)]
pub struct Authenticated<U> {
    user: Arc<U>,
    epoch: u64,
    /// The provider that has checked the password. No other may log in with this.
    provider: u64,
}

impl<U> Authenticated<U> {
    /// Returns the user, as loaded after the password was checked.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// Returns the user alone. A login with
    /// [`LoginRequest::for_user`](crate::LoginRequest::for_user) is not ended by a logout that
    /// happened before it.
    #[must_use]
    pub fn into_user(self) -> Arc<U> {
        self.user
    }
}

impl<U> Clone for Authenticated<U> {
    fn clone(&self) -> Self {
        Self { user: Arc::clone(&self.user), epoch: self.epoch, provider: self.provider }
    }
}

impl<U> Deref for Authenticated<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

/// Users may contain data that must not be logged.
impl<U> fmt::Debug for Authenticated<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticated(..)")
    }
}

/// A login that ends if all logins of the subject were ended after the password was looked up.
impl<U: AuthUser> From<Authenticated<U>> for LoginRequest<'_> {
    fn from(who: Authenticated<U>) -> Self {
        Self::from(&who)
    }
}

/// A login that ends if all logins of the subject were ended after the password was looked up.
impl<U: AuthUser> From<&Authenticated<U>> for LoginRequest<'_> {
    fn from(who: &Authenticated<U>) -> Self {
        Self::for_loaded(&who.user, who.epoch, who.provider)
    }
}

/// Is this still the user whose password was checked, whatever the hash is now?
fn is_same<U: AuthUser>(checked: &U, now: &U) -> bool {
    now.is_active()
        && now.token_epoch() == checked.token_epoch()
        && now.subject().as_ref() == checked.subject().as_ref()
}

fn password_unavailable(error: &PasswordError) -> Rejection {
    match error {
        PasswordError::Busy { retry_after } => Rejection::Busy { retry_after: *retry_after },
        _ => Rejection::Unavailable(Unavailable::PasswordHasher),
    }
}
