//! The application's part: its user type, and the callbacks that load and update users.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;

use crate::{
    error::BoxError,
    token::{OneTimePurpose, TokenClaims, TokenPayload},
};

/// The application's user, as fauth sees it.
///
/// Roles and permissions can be strings, or an enum of the application that implements
/// `AsRef<str>`.
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
/// With the feature `derive`, `#[derive(AuthUser)]` generates such an implementation for a struct
/// with marked fields, and `#[derive(Role)]` implements the enum's part.
///
/// For a role hierarchy, override `has_role`, or use a [`Role`](trait@crate::Role) that
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
/// Access decisions depend on these methods. They are called on a record that was loaded for this
/// request, so a removed role takes effect at once. Answer from the record alone, never from the
/// token.
pub trait AuthUser: Send + Sync + 'static {
    /// The user's id. It becomes the `sub` claim of tokens and is what the [`UserLoader`] receives.
    /// It must never change and never be reused.
    fn subject(&self) -> impl AsRef<str>;

    /// The stored password hash. Default: `None`, for a user who cannot log in with a password.
    fn password_hash(&self) -> Option<&str> {
        None
    }

    /// Returns whether the account is active. The tokens of an inactive user are refused with 401.
    fn is_active(&self) -> bool;

    /// The user's token epoch, for applications that keep such a counter in the user's record.
    /// Raising it revokes every token that carries a lower epoch. Default: always 0.
    /// [`AuthProvider::logout_all`](crate::AuthProvider::logout_all) does not need it.
    ///
    /// Raise it when the password changes and when the account is disabled, in the same statement:
    /// `UPDATE users SET password_hash = $2, token_epoch = token_epoch + 1 WHERE …`. This revokes
    /// access tokens, refresh tokens and outstanding [one-time tokens](Self::one_time_stamp) of
    /// every purpose, on every instance, without a store. It also revokes API keys, except those
    /// created to [survive](crate::api_key::ApiKeyRequest::danger_survives_password_change) it. Do
    /// not raise it when a [`PasswordUpdater`] replaces the hash, because the password is still the
    /// same. Never lower it.
    ///
    /// Tokens carry the epoch if they are issued with
    /// [`TokenRequest::for_user`](crate::TokenRequest::for_user) or
    /// [`OneTimeRequest::for_user`](crate::one_time::OneTimeRequest::for_user), as the ready-made
    /// endpoints do. Other tokens, such as those of `login("alice")`, count as epoch 0: once the
    /// epoch is raised, they are refused from the moment they are issued.
    ///
    /// # Security
    /// With the default, a password change revokes nothing by itself: existing tokens and links
    /// stay valid. Override this method, or call
    /// [`password_changed`](crate::AuthProvider::password_changed) (which needs a revocation store)
    /// after each change. Preferably do both.
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

    /// The value that one-time tokens of this purpose are bound to: when it changes, tokens issued
    /// earlier become invalid. Default: an empty string. Every one-time token is also bound to
    /// [`token_epoch`](Self::token_epoch), so raising the epoch invalidates those of all purposes.
    ///
    /// Override it if `token_epoch` does not change with the password. Otherwise an older password
    /// reset or magic link outlives a password change until it expires, unless
    /// [`password_changed`](crate::AuthProvider::password_changed) or
    /// [`withdraw_one_time`](crate::AuthProvider::withdraw_one_time) is called.
    ///
    /// For a password reset, return something that changes with the password, such as a counter of
    /// its changes. For e-mail verification, return the address. For a magic link, return whatever
    /// the user changes to lock others out. The token holds a keyed hash of the value.
    ///
    /// ```
    /// # use fauth_core::{AuthUser, OneTimePurpose};
    /// # struct User { id: String, email: String, password_changes: u64 }
    /// impl AuthUser for User {
    ///     fn subject(&self) -> impl AsRef<str> { &self.id }
    ///     fn is_active(&self) -> bool { true }
    ///     // A password change revokes password resets, magic links and everything else.
    ///     fn token_epoch(&self) -> u64 { self.password_changes }
    ///     // A new address invalidates links that would verify the old one.
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
    /// Never return the password or its hash: a value derived from it would leave the database with
    /// every mail.
    fn one_time_stamp(&self, purpose: OneTimePurpose) -> impl AsRef<str> {
        let _ = purpose;
        ""
    }

    /// The user's name as shown on pages, through a [`Visitor`](crate::visitor::Visitor). Default:
    /// none, and pages show `User`. The [subject](Self::subject) is an id and is never shown as a
    /// name.
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

    /// The URL of the user's picture, to show on pages. Default: none.
    fn picture(&self) -> Option<&str> {
        None
    }

    /// Returns whether the user has this role. Default: one of [`roles`](Self::roles) equals it
    /// byte for byte. Roles that a [`Role`](trait@crate::Role) includes count only if this method
    /// is overridden, as `#[derive(AuthUser)]` does.
    fn has_role(&self, role: &str) -> bool {
        self.roles().into_iter().any(|own| own.as_ref() == role)
    }

    /// Returns whether the user has this permission. Default: one of
    /// [`permissions`](Self::permissions) equals it byte for byte.
    fn has_permission(&self, permission: &str) -> bool {
        self.permissions().into_iter().any(|own| own.as_ref() == permission)
    }
}

/// A user or an `Arc` of one: the argument of `for_user`, as in `for_user(&user)` and
/// `for_user(&arc)`.
///
/// `Arc<U>` itself does not implement [`AuthUser`], because its methods would hide methods of `U`
/// with the same names.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a user nor a shared one",
    note = "`for_user` takes `&User` or `&Arc<User>`, where `User` implements `AuthUser`"
)]
pub trait UserRef {
    /// The user's type.
    type User: AuthUser;

    /// Returns the user.
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

/// Loads the user of a verified token.
///
/// Any `async fn(Arc<TokenPayload>) -> Result<Option<U>, E>` implements it, and so does a closure.
/// A loader can also return `Option<Arc<U>>`, which saves a cache from copying users. A closure
/// that captures something clones it for each call:
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
/// Implement the trait for a loader with state of its own:
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
    note = "`{U}` is the type given to `AuthProvider::<…>::builder`, or otherwise that of the first loader",
    note = "an async closure cannot capture; a plain one can: `move |token: Arc<TokenPayload>| load(db.clone(), token)`",
    note = "pass a shared loader, `Arc<dyn UserLoader<{U}>>`, to `shared_user_loader`"
)]
#[async_trait]
pub trait UserLoader<U>: Send + Sync + 'static {
    /// Returns the user of this token, or `None` if the user does not exist (any more).
    ///
    /// Look the user up by subject. For tokens of several issuers or tenants, look up by
    /// `token.issuer()` and subject: `alice` of one issuer is not `alice` of another. In a provider
    /// that also accepts foreign tokens, `user_loader` is called only for the provider's own
    /// tokens, and `foreign_user_loader` only for tokens of other issuers.
    ///
    /// Do not rely on claims that a [`ClaimsLoader`] adds: only access tokens have them, and this
    /// method is also called at login and at refresh.
    ///
    /// # Errors
    /// Any error that keeps the loader from answering. The request is refused with 503, and the
    /// error is logged.
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<U>>, BoxError>;
}

/// Loads the user by the identifier entered at login.
///
/// Any `async fn(String) -> Result<Option<U>, E>` implements it, and so does a closure.
///
/// # Security
/// The identifier is untrusted input of up to 255 bytes. Pass it to the database as a parameter,
/// never as part of the query text.
///
/// The [login throttle](crate::throttle) counts attempts by this text: trimmed, lower-cased and,
/// with the feature `nfc`, normalised to one Unicode form. A loader that finds the same user by
/// several spellings (without accents, without dots or a `+tag`, by user name and by e-mail
/// address) multiplies the number of password attempts by the number of spellings. Look users up
/// exactly, or by few forms.
#[diagnostic::on_unimplemented(
    message = "not an identity loader for `{U}`: expected `async fn(String) -> Result<Option<{U}>, E>`, found `{Self}`",
    label = "should be an `async fn(String) -> Result<Option<{U}>, E>`",
    note = "`{U}` is the type given to `AuthProvider::<…>::builder`, or otherwise that of the first loader",
    note = "an async closure cannot capture; a plain one can: `move |name: String| find(db.clone(), name)`",
    note = "pass a shared loader, `Arc<dyn IdentityLoader<{U}>>`, to `shared_identity_loader`"
)]
#[async_trait]
pub trait IdentityLoader<U>: Send + Sync + 'static {
    /// Returns the user with this identifier (a user name, an e-mail address), or `None` if there
    /// is none.
    ///
    /// # Errors
    /// Any error that keeps the loader from answering. The login is refused with 503, and the error
    /// is logged.
    async fn load_identity(&self, identifier: String) -> Result<Option<Arc<U>>, BoxError>;
}

/// Loads what a user's tokens hold besides the subject: scopes and custom claims.
///
/// It is called at each login and again at each refresh, so a right that was removed from the user
/// disappears within the lifetime of an access token. A refresh can only remove scopes; a new scope
/// needs a new login.
///
/// Any `async fn(Arc<U>) -> Result<TokenClaims, E>` implements it, and so does a closure.
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
    note = "pass a shared loader, `Arc<dyn ClaimsLoader<{U}>>`, to `shared_token_claims`"
)]
#[async_trait]
pub trait ClaimsLoader<U>: Send + Sync + 'static {
    /// Returns the scopes and custom claims of this user's next tokens.
    ///
    /// # Errors
    /// Any error that keeps the loader from answering. The login or refresh is refused with 503,
    /// the error is logged, and the refresh token remains usable.
    async fn load_claims(&self, user: Arc<U>) -> Result<TokenClaims, BoxError>;
}

/// Stores the upgraded password hash after a successful login.
///
/// Any `async fn(Arc<U>, NewPasswordHash) -> Result<(), E>` implements it.
#[async_trait]
pub trait PasswordUpdater<U>: Send + Sync + 'static {
    /// Replaces the user's hash, **only if it still equals the old one**: a password changed in the
    /// meantime must win.
    ///
    /// # Errors
    /// Any failure. It is logged; the login still succeeds, and the next login tries again.
    async fn update_password_hash(&self, user: Arc<U>, hash: NewPasswordHash) -> Result<(), BoxError>;
}

/// A password hash made with the current parameters, and the hash that it replaces.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewPasswordHash {
    /// The hash at the time of the login. Compare it before replacing.
    pub old: String,
    /// The hash to store.
    pub new: String,
}

impl std::fmt::Debug for NewPasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPasswordHash(..)")
    }
}

/// What a loader function may return: the user, or an `Arc` of one.
#[diagnostic::on_unimplemented(
    message = "the loader returns `{Self}`, but the users of this provider are of type `{U}`",
    label = "this loader returns `{Self}`",
    note = "a loader returns `Result<Option<{U}>, E>` or `Result<Option<Arc<{U}>>, E>`"
)]
pub trait FoundUser<U> {
    /// Returns the user in an `Arc`.
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

// So that compiler errors name the whole loader and not the missing bound.
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

// So that compiler errors name the whole loader and not the missing bound.
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
