//! Passwords: who gives the right one, and hashes of new ones. Everything waits for its turn first.

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
    /// Checks a password: the user, if it is right and the user is active.
    ///
    /// Unknown identifier, wrong password, user without a password, inactive user: the same answer
    /// after the same work. While many passwords are checked, clients take turns by their address.
    ///
    /// # Errors
    /// [`Rejection::InvalidCredentials`]; [`Rejection::TooManyRequests`] if the
    /// [login throttle](crate::throttle) refuses the attempt; [`Rejection::Busy`] if too many
    /// passwords are being checked; [`Rejection::Unavailable`] if the loader fails;
    /// [`Rejection::Misconfigured`] if the provider was built without password login.
    pub async fn authenticate(
        &self,
        identifier: &str,
        password: &str,
        client: &ClientInfo,
    ) -> Result<Authenticated<U>, Rejection> {
        self.check_attempt(self.attempt(identifier, password, client), client.into()).await
    }

    /// Checks the password of a user who is logged in, before something that needs it again, such
    /// as a new password: as [`authenticate`](Self::authenticate), and the user must be the same.
    ///
    /// It waits in the share of users who are logged in, which no flood of logins fills.
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
    /// identifier is that of another user; [`Rejection::Misconfigured`] for what another provider
    /// has granted; [`Rejection::Forbidden`] for the token of another issuer.
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

    /// As [`authenticate`](Self::authenticate), with a mailed token of the purpose
    /// [`LoginUnlock`](OneTimePurpose::LoginUnlock): the password is checked whatever the
    /// [login throttle](crate::throttle) has counted, once. The token must be that of the user with
    /// this identifier; with one of somebody else, the attempt fails, and is counted as any other.
    ///
    /// The token is used up when the password is about to be checked: an attempt that is sent away
    /// before, because the server is busy or the password is empty, can be made again with it.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate), and those of [`redeem`](Self::redeem) if the token
    /// is not good.
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
        // Whoever has a token of an own account does with it to another what everybody can do
        // without.
        if user.is_some_and(|user| attempt.is_about(&*user)) {
            attempt.unlocked = Some(examined);
        }
        self.check_attempt(attempt, client.into()).await
    }

    /// Hashes a new password with the configured scheme, on behalf of nobody in particular.
    ///
    /// # Errors
    /// [`PasswordError`] if the password cannot be hashed (empty, too long, with a NUL), the
    /// [policy](crate::AuthProviderBuilder::password_policy) refuses it, the pool is busy, or the
    /// hasher fails. On a provider without password login, [`PasswordError::Failed`].
    pub async fn hash_password(&self, password: &str) -> Result<String, PasswordError> {
        self.hash_password_for(&ClientInfo::unknown(), password).await
    }

    /// As [`hash_password`](Self::hash_password), on behalf of a client (`&ClientInfo`, for a
    /// registration) or of a user who is logged in (`&Granted<U>`). While many passwords are hashed
    /// and checked, clients take turns by their address, and users have a share of their own.
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

    /// As [`hash_password_for`](Self::hash_password_for), with what is known of its user: the
    /// [policy](crate::AuthProviderBuilder::password_policy) refuses a password that is little but
    /// the user name or the e-mail address.
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
            // Before it waits for a turn: what is refused takes none, and nobody else is asked
            // while one is held.
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
        // Before any look-up: the same for every identifier, so that it tells nothing, and neither a
        // turn nor a store is taken up in vain.
        if !login.hasher.takes_in(&attempt.password) {
            return Err(self.failed(&attempt, "unacceptable_password"));
        }
        // Carried through: of two records, not one is counted.
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
        // Carried through: a turn that came free when a client hangs up would be a look-up without
        // a hash, as often as somebody likes.
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

    /// What is looked up and hashed for a login, in one turn.
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
                // It was right: nobody has guessed.
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

    /// Hashing takes its time: the user as of now, if the password is still right. If only the hash
    /// is another one, it is verified once more: two first logins may bring it up to date at once.
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

    /// The epoch that a login by password carries is that of its beginning: if everything of the
    /// subject is ended while the password is being checked, this ends too. For who does not exist
    /// the store is asked as well, so that the time tells nothing: by a hash, since what a stranger
    /// typed may be more than it can hold.
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

    /// `None` also for identifiers that nobody can have.
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
        // Neither a busy pool nor a failing store may spoil a login that has succeeded; the next one
        // tries again.
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

/// A password that was given, owned: what has begun is carried through.
struct Attempt<U: AuthUser> {
    identifier: Box<str>,
    password: Zeroizing<String>,
    /// The keyed hash of the identifier.
    known_as: String,
    client: ClientInfo,
    /// Whose password it must be, if that is known.
    subject: Option<Box<str>>,
    /// A mailed token, with which it is checked whatever was counted.
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

/// What has become of an attempt.
fn settled<U: AuthUser>(outcome: &Result<Authenticated<U>, NotIn>) -> Settled {
    match outcome {
        Ok(Authenticated { user, epoch, .. }) => {
            Settled::Succeeded(Epochs { logins: *epoch, user: user.token_epoch() })
        }
        Err(NotIn::Failed(_, epochs)) => Settled::Failed(*epochs),
        Err(NotIn::Undecided(_)) => Settled::Undecided,
    }
}

/// A user whose password was right, with what a login must know of that moment. It derefs to the
/// user.
///
/// ```
/// # use fauth_core::{AuthProvider, AuthUser, ClientInfo, LoginRequest, Rejection, TokenPair};
/// # async fn example<U: AuthUser>(
/// #     auth: &AuthProvider<U>, name: &str, password: &str, client: ClientInfo,
/// # ) -> Result<TokenPair, Rejection> {
/// let user = auth.authenticate(name, password, &client).await?;
/// // A second factor, a look at `user` …
/// auth.login(LoginRequest::from(&user).client(client)).await
/// # }
/// ```
#[derive(PartialEq, Eq)]
pub struct Authenticated<U> {
    user: Arc<U>,
    epoch: u64,
    /// Who has checked the password. Nobody else may log in by it.
    provider: u64,
}

impl<U> Authenticated<U> {
    /// The user, as loaded after the password was checked.
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// The user alone. A login for it that is made by
    /// [`LoginRequest::for_user`](crate::LoginRequest::for_user) knows nothing of the time before.
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

/// Users may hold what must not be in logs.
impl<U> fmt::Debug for Authenticated<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticated(..)")
    }
}

/// A login that everything ends which has ended the subject's logins since the password was looked
/// up.
impl<U: AuthUser> From<Authenticated<U>> for LoginRequest<'_> {
    fn from(who: Authenticated<U>) -> Self {
        Self::from(&who)
    }
}

/// A login that everything ends which has ended the subject's logins since the password was looked
/// up.
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
