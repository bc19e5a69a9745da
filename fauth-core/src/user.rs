//! What the application brings: its user, and the two callbacks that find one.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;

use crate::{
    error::BoxError,
    token::{OneTimePurpose, TokenClaims, TokenPayload},
};

/// What fauth must know of the application's user.
///
/// Roles and permissions may be strings or an enum of the application's own that implements `AsRef<str>`.
///
/// ```
/// use fauth_core::AuthUser;
///
/// enum Role { Admin, Editor }
///
/// impl AsRef<str> for Role {
///     fn as_ref(&self) -> &str {
///         match self { Self::Admin => "admin", Self::Editor => "editor" }
///     }
/// }
///
/// struct User { id: i64, password_hash: String, active: bool, roles: Vec<Role> }
///
/// impl AuthUser for User {
///     fn subject(&self) -> impl AsRef<str> { self.id.to_string() }
///     fn password_hash(&self) -> Option<&str> { Some(&self.password_hash) }
///     fn is_active(&self) -> bool { self.active }
///     fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> { &self.roles }
/// }
/// ```
///
/// With the feature `derive`, `#[derive(AuthUser)]` writes such an implementation for a struct
/// whose fields are marked, and `#[derive(Role)]` makes the enum.
///
/// A hierarchy is one overridden method, or a [`Role`](trait@crate::Role) that
/// [includes](crate::Role::includes) others:
///
/// ```
/// # use fauth_core::AuthUser;
/// # struct User { id: String, role: String }
/// impl AuthUser for User {
///     fn subject(&self) -> impl AsRef<str> { &self.id }
///     fn is_active(&self) -> bool { true }
///     fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> { [&self.role] }
///     fn has_role(&self, role: &str) -> bool { self.role == "owner" || self.role == role }
/// }
/// ```
///
/// # Security
/// The answers decide who gets in. They come from a record that was loaded for this request, so that a demotion counts at once;
/// answer from the record alone, never from the token.
pub trait AuthUser: Send + Sync + 'static {
    /// The id that goes into tokens as `sub` and comes back to the [`UserLoader`]. It must not change and not be reused.
    fn subject(&self) -> impl AsRef<str>;

    /// The stored password hash; `None` for a user who cannot log in with a password, which is the default.
    fn password_hash(&self) -> Option<&str> {
        None
    }

    /// May this user act at all? The tokens of an inactive user are refused with 401.
    fn is_active(&self) -> bool;

    /// How often everything that was issued to this user was taken back, for applications that count that in the user's own record: whoever raises it
    /// ends all tokens that carry a lower one. Default: 0, for ever; [`AuthProvider::logout_all`](crate::AuthProvider::logout_all) needs no
    /// such record.
    ///
    /// Raise it when the password changes and when the account is disabled, in the same statement:
    /// `UPDATE users SET password_hash = $2, token_epoch = token_epoch + 1 WHERE …`. That ends
    /// access tokens, refresh tokens and outstanding [one-time tokens](Self::one_time_stamp) of
    /// every purpose, on every instance, and needs no store. Not when a [`PasswordUpdater`]
    /// replaces the hash: the password is the same then. It must never fall. API keys end by it
    /// too, except those that were made to
    /// [survive](crate::api_key::ApiKeyRequest::danger_survives_password_change) it.
    ///
    /// Tokens carry it if they were made with
    /// [`TokenRequest::for_user`](crate::TokenRequest::for_user) or
    /// [`OneTimeRequest::for_user`](crate::one_time::OneTimeRequest::for_user), as the ready-made
    /// endpoints do. Others, such as those of `login("alice")`, count as of epoch 0: once it is
    /// raised, they are refused from the moment they are issued.
    ///
    /// # Security
    /// With the default, a password change by itself ends nothing: whoever has a token or a link goes on. Override this, or call
    /// [`password_changed`](crate::AuthProvider::password_changed) (with a revocation store) after
    /// each change; best do both.
    fn token_epoch(&self) -> u64 {
        0
    }

    /// The user's roles. Default: none.
    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        std::iter::empty::<&str>()
    }

    /// The user's permissions. Default: none.
    fn permissions(&self) -> impl IntoIterator<Item: AsRef<str>> {
        std::iter::empty::<&str>()
    }

    /// What one-time tokens of this purpose are bound to: when it changes, those that were issued before are worth nothing. Default: nothing but
    /// [`token_epoch`](Self::token_epoch), to which every one-time token is bound besides: raised, it ends those of all purposes.
    ///
    /// Who does not count changes in `token_epoch` overrides this, or an older reset or magic link outlives a password change until its time is up, unless
    /// [`password_changed`](crate::AuthProvider::password_changed) or
    /// [`withdraw_one_time`](crate::AuthProvider::withdraw_one_time) is called.
    ///
    /// For a password reset, something that changes with the password, such as a counter of its changes; for the verification of an address, the address; for a magic link,
    /// what a user changes who wants nobody else in. The token holds a keyed hash of it.
    ///
    /// ```
    /// # use fauth_core::{AuthUser, OneTimePurpose};
    /// # struct User { id: String, email: String, password_changes: u64 }
    /// impl AuthUser for User {
    ///     fn subject(&self) -> impl AsRef<str> { &self.id }
    ///     fn is_active(&self) -> bool { true }
    ///     // A password change ends resets, magic links and everything else.
    ///     fn token_epoch(&self) -> u64 { self.password_changes }
    ///     // A change of the address ends what would verify the old one.
    ///     fn one_time_stamp(&self, purpose: OneTimePurpose) -> impl AsRef<str> {
    ///         match purpose {
    ///             OneTimePurpose::EmailVerification => &self.email,
    ///             _ => "",
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Security
    /// Never the password or its hash: what is derived from them leaves the database with every mail.
    fn one_time_stamp(&self, purpose: OneTimePurpose) -> impl AsRef<str> {
        let _ = purpose;
        ""
    }

    /// The name to show on pages, for a [`Visitor`](crate::visitor::Visitor). Default: none, so
    /// that pages say `User`; the [subject](Self::subject) is an id and no name to show.
    ///
    /// ```
    /// # use fauth_core::AuthUser;
    /// # struct User { id: String, name: String, avatar: Option<String> }
    /// impl AuthUser for User {
    ///     # fn subject(&self) -> impl AsRef<str> { &self.id }
    ///     # fn is_active(&self) -> bool { true }
    ///     fn display_name(&self) -> Option<&str> { Some(&self.name) }
    ///     fn picture(&self) -> Option<&str> { self.avatar.as_deref() }
    /// }
    /// ```
    fn display_name(&self) -> Option<&str> {
        None
    }

    /// The address of a picture to show on pages. Default: none.
    fn picture(&self) -> Option<&str> {
        None
    }

    /// Does the user have this role? Default: one of [`roles`](Self::roles) equals it byte for byte.
    /// What a [`Role`](trait@crate::Role) includes counts where this is overridden, as
    /// `#[derive(AuthUser)]` does.
    fn has_role(&self, role: &str) -> bool {
        self.roles().into_iter().any(|own| own.as_ref() == role)
    }

    /// Does the user have this permission? Default: one of [`permissions`](Self::permissions) equals it byte for byte.
    fn has_permission(&self, permission: &str) -> bool {
        self.permissions().into_iter().any(|own| own.as_ref() == permission)
    }
}

/// A user, or one that is shared: what `for_user` takes, as `for_user(&user)` and `for_user(&arc)`.
///
/// `Arc<U>` is no [`AuthUser`] itself: its methods would hide those of the same name that `U` has.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a user nor a shared one",
    note = "`for_user` takes `&User` or `&Arc<User>`, where `User` implements `AuthUser`"
)]
pub trait UserRef {
    /// The user's type.
    type User: AuthUser;

    /// The user.
    fn user_ref(&self) -> &Self::User;
}

impl<U: AuthUser> UserRef for U {
    type User = U;

    fn user_ref(&self) -> &U {
        self
    }
}

impl<U: AuthUser> UserRef for Arc<U> {
    type User = U;

    fn user_ref(&self) -> &U {
        self
    }
}

/// Finds the user of a verified token.
///
/// Any `async fn(Arc<TokenPayload>) -> Result<Option<U>, E>` is one, and so is a closure;
/// `Option<Arc<U>>` spares a cache the copy. A closure that uses something from outside clones it
/// for each call:
///
/// ```
/// # use std::sync::Arc;
/// # use fauth_core::{AuthProviderBuilder, TokenPayload};
/// # use fauth_testing::TestUser as User;
/// # #[derive(Clone)] struct Database;
/// # impl Database { async fn by_id(&self, _: &str) -> Result<Option<User>, std::io::Error> { Ok(None) } }
/// # fn example(builder: AuthProviderBuilder<User>, database: Database) -> AuthProviderBuilder<User> {
/// builder.user_loader(move |token: Arc<TokenPayload>| {
///     let database = database.clone();
///     async move { database.by_id(token.subject()).await }
/// })
/// # }
/// ```
///
/// Implement the trait for a loader with a state of its own:
///
/// ```
/// use std::sync::Arc;
/// use fauth_core::{BoxError, TokenPayload, UserLoader, async_trait};
/// # use fauth_testing::TestUser as User;
/// # struct Database;
/// # impl Database { async fn by_id(&self, _: &str) -> Result<Option<User>, std::io::Error> { Ok(None) } }
///
/// struct Users { database: Database }
///
/// #[async_trait]
/// impl UserLoader<User> for Users {
///     async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
///         Ok(self.database.by_id(token.subject()).await?.map(Arc::new))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "not a user loader for `{U}`: expected `async fn(Arc<TokenPayload>) -> Result<Option<{U}>, E>`, found `{Self}`",
    label = "should be an `async fn(Arc<TokenPayload>) -> Result<Option<{U}>, E>`",
    note = "`{U}` is the type that `AuthProvider::<…>::builder` names; if it names none, that of the first loader",
    note = "an async closure cannot capture; a plain one can: `move |token: Arc<TokenPayload>| load(db.clone(), token)`",
    note = "a shared loader, `Arc<dyn UserLoader<{U}>>`, is given with `shared_user_loader`"
)]
#[async_trait]
pub trait UserLoader<U>: Send + Sync + 'static {
    /// The user of this token; `None` if there is none (any more).
    ///
    /// Go by the subject, and for tokens of several issuers or tenants by `token.issuer()` and the
    /// subject: `alice` of one is not `alice` of another. Beside own tokens, `user_loader` is asked
    /// about own ones alone, and `foreign_user_loader` about those of others alone.
    ///
    /// Claims that a [`ClaimsLoader`] adds are in access tokens only, and this is asked at a login
    /// and at a refresh too.
    ///
    /// # Errors
    /// Whatever keeps the loader from knowing. The request is then refused with 503, and the error is logged.
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<U>>, BoxError>;
}

/// Finds the user by what somebody typed when logging in.
///
/// Any `async fn(String) -> Result<Option<U>, E>` is one, and so is a closure.
///
/// # Security
/// The identifier is what a stranger typed, up to 255 bytes of it; hand it to the database as a
/// parameter, not as a part of the query.
///
/// The [login throttle](crate::throttle) counts by this text, trimmed, in small letters and, with
/// the feature `nfc`, in one Unicode form. A loader that finds the same user by more spellings
/// (without accents, without dots or a `+tag`, by the name and by the mail address) multiplies by
/// their number how often a password may be tried. Look up exactly, or by few forms.
#[diagnostic::on_unimplemented(
    message = "not an identity loader for `{U}`: expected `async fn(String) -> Result<Option<{U}>, E>`, found `{Self}`",
    label = "should be an `async fn(String) -> Result<Option<{U}>, E>`",
    note = "`{U}` is the type that `AuthProvider::<…>::builder` names; if it names none, that of the first loader",
    note = "an async closure cannot capture; a plain one can: `move |name: String| find(db.clone(), name)`",
    note = "a shared loader, `Arc<dyn IdentityLoader<{U}>>`, is given with `shared_identity_loader`"
)]
#[async_trait]
pub trait IdentityLoader<U>: Send + Sync + 'static {
    /// The user with this identifier (a user name, an e-mail address); `None` if there is none.
    ///
    /// # Errors
    /// Whatever keeps the loader from knowing. The login is then refused with 503, and the error is logged.
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<U>>, BoxError>;
}

/// Says what the tokens of a user get besides the subject: scopes and custom claims. Asked at each
/// login and again at each refresh, so that what was taken from a user is gone within the lifetime
/// of an access token. A refresh only takes scopes away: a new one needs a new login.
///
/// Any `async fn(Arc<U>) -> Result<TokenClaims, E>` is one, and so is a closure.
///
/// ```
/// # use std::{convert::Infallible, sync::Arc};
/// # use fauth_core::{AuthProviderBuilder, AuthUser as _, TokenClaims};
/// # use fauth_testing::TestUser as User;
/// async fn claims(user: Arc<User>) -> Result<TokenClaims, Infallible> {
///     let claims = TokenClaims::new().scope("read");
///     Ok(if user.has_role("editor") { claims.scope("write") } else { claims })
/// }
///
/// # fn example(builder: AuthProviderBuilder<User>) -> AuthProviderBuilder<User> {
/// builder.token_claims(claims)
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot load the token claims of users of type `{U}`",
    label = "not a claims loader of `{U}`",
    note = "a claims loader is an `async fn(Arc<{U}>) -> Result<TokenClaims, E>`, where `E` is any error type",
    note = "a closure must name the type of its parameter: `|user: Arc<{U}>| async move {{ … }}`",
    note = "a shared loader, `Arc<dyn ClaimsLoader<{U}>>`, is given with `shared_token_claims`"
)]
#[async_trait]
pub trait ClaimsLoader<U>: Send + Sync + 'static {
    /// The scopes and custom claims of this user's next tokens.
    ///
    /// # Errors
    /// Whatever keeps the loader from knowing. The login or refresh is then refused with 503, the
    /// error is logged, and the refresh token stays as good as it was.
    async fn load_claims(&self, user: Arc<U>) -> Result<TokenClaims, BoxError>;
}

/// Stores the hash that a successful login has brought up to date.
///
/// Any `async fn(Arc<U>, NewPasswordHash) -> Result<(), E>` is one.
#[async_trait]
pub trait PasswordUpdater<U>: Send + Sync + 'static {
    /// Replaces the user's hash, **if it is still the old one**: a password that was changed meanwhile must win.
    ///
    /// # Errors
    /// Whatever went wrong. It is logged; the login succeeds all the same, and the next one tries again.
    async fn update_password_hash(&self, user: Arc<U>, hash: NewPasswordHash) -> Result<(), BoxError>;
}

/// A password hash with the parameters of today, and the one that it replaces.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewPasswordHash {
    /// The hash as it was when the user logged in: compare before replacing.
    pub old: String,
    /// The hash to store.
    pub new: String,
}

impl std::fmt::Debug for NewPasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPasswordHash(..)")
    }
}

/// What a loader that is a function may find: the user, or one that is shared already.
#[diagnostic::on_unimplemented(
    message = "the loader finds `{Self}`, but the users of this provider are of type `{U}`",
    label = "this loader finds `{Self}`",
    note = "a loader returns `Result<Option<{U}>, E>` or `Result<Option<Arc<{U}>>, E>`"
)]
pub trait FoundUser<U> {
    /// The user, shared.
    fn into_shared(self) -> Arc<U>;
}

impl<U> FoundUser<U> for U {
    fn into_shared(self) -> Arc<U> {
        Arc::new(self)
    }
}

impl<U> FoundUser<U> for Arc<U> {
    fn into_shared(self) -> Self {
        self
    }
}

// So that the compiler speaks of the loader as a whole and not of the bound that is missing.
#[diagnostic::do_not_recommend]
#[async_trait]
impl<U, F, Fut, Found, E> UserLoader<U> for F
where
    F: Fn(Arc<TokenPayload>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Found>, E>> + Send,
    Found: FoundUser<U>,
    E: Into<BoxError>,
{
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<U>>, BoxError> {
        self(token).await.map(|found| found.map(FoundUser::into_shared)).map_err(Into::into)
    }
}

// So that the compiler speaks of the loader as a whole and not of the bound that is missing.
#[diagnostic::do_not_recommend]
#[async_trait]
impl<U, F, Fut, Found, E> IdentityLoader<U> for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Found>, E>> + Send,
    Found: FoundUser<U>,
    E: Into<BoxError>,
{
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<U>>, BoxError> {
        self(identifier).await.map(|found| found.map(FoundUser::into_shared)).map_err(Into::into)
    }
}

#[async_trait]
impl<U, F, Fut, E> ClaimsLoader<U> for F
where
    U: Send + Sync + 'static,
    F: Fn(Arc<U>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<TokenClaims, E>> + Send,
    E: Into<BoxError>,
{
    async fn load_claims(&self, user: Arc<U>) -> Result<TokenClaims, BoxError> {
        self(user).await.map_err(Into::into)
    }
}

#[async_trait]
impl<U, F, Fut, E> PasswordUpdater<U> for F
where
    U: Send + Sync + 'static,
    F: Fn(Arc<U>, NewPasswordHash) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    async fn update_password_hash(&self, user: Arc<U>, hash: NewPasswordHash) -> Result<(), BoxError> {
        self(user, hash).await.map_err(Into::into)
    }
}
