//! fauth, set up as an application would.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, AuthUser, BoxError, Purpose, TokenPayload, UserLoader,
    async_trait,
    remote::JwksSource,
    request::RequestHead,
    token::{Algorithm, Key},
    transport::{BearerTransport, Extracted, SecurityScheme, Transport},
    trusted_issuer::{AccessTokenProfile, ClaimMapping, TrustedIssuer},
};

use crate::{
    Result,
    token::{AUDIENCE, ISSUER, LIFETIME, ROLES, SECRET, SUBJECT},
};

/// The user whom the loader finds.
pub(crate) struct User {
    id: String,
    roles: Vec<String>,
}

impl AuthUser for User {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn is_active(&self) -> bool {
        true
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        &self.roles
    }
}

/// What was done for a request, counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How often a credential was taken from a request. Each verification is of a credential that
    /// was taken.
    read: AtomicUsize,
    /// How often a user was loaded.
    loaded: AtomicUsize,
}

impl Counts {
    /// Credentials read and users loaded since the last call.
    pub(crate) fn take(&self) -> (usize, usize) {
        (self.read.swap(0, Ordering::Relaxed), self.loaded.swap(0, Ordering::Relaxed))
    }
}

/// The trivial loader: it always has the one user at hand.
struct OneUser(Arc<User>);

#[async_trait]
impl UserLoader<User> for OneUser {
    async fn load_user(&self, _: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        Ok(Some(Arc::clone(&self.0)))
    }
}

/// The trivial loader, which counts.
struct Counting(OneUser, Arc<Counts>);

#[async_trait]
impl UserLoader<User> for Counting {
    async fn load_user(&self, token: Arc<TokenPayload>) -> Result<Option<Arc<User>>, BoxError> {
        self.1.loaded.fetch_add(1, Ordering::Relaxed);
        self.0.load_user(token).await
    }
}

/// `Authorization: Bearer`, counted.
#[derive(Debug)]
struct CountingBearer(BearerTransport, Arc<Counts>);

impl Transport for CountingBearer {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        let extracted = self.0.extract(head, purpose);
        if matches!(extracted, Extracted::Token(_)) {
            self.1.read.fetch_add(1, Ordering::Relaxed);
        }
        extracted
    }

    fn describe(&self) -> SecurityScheme {
        self.0.describe()
    }

    fn is_ambient(&self) -> bool {
        self.0.is_ambient()
    }
}

fn config() -> AuthConfigBuilder {
    AuthConfig::builder().secret(SECRET).issuer(ISSUER).audience(AUDIENCE).lifetime(Purpose::Access, LIFETIME)
}

fn one_user() -> OneUser {
    OneUser(Arc::new(User { id: SUBJECT.to_owned(), roles: ROLES.map(str::to_owned).into() }))
}

/// The provider that everything is measured with.
pub(crate) fn provider() -> Result<AuthProvider<User>> {
    Ok(AuthProvider::builder(config().build()?)
        .user_loader(one_user())
        .without_password_login()
        .danger_stateless()
        .build()?)
}

/// As [`provider`], which accepts the tokens of one more key.
pub(crate) fn provider_trusting(key: Key) -> Result<AuthProvider<User>> {
    Ok(AuthProvider::builder(config().verification_key(key).build()?)
        .user_loader(one_user())
        .without_password_login()
        .danger_stateless()
        .danger_share_application()
        .build()?)
}

/// As [`provider`], whose own tokens are signed with this key.
pub(crate) fn provider_signing(key: Key) -> Result<AuthProvider<User>> {
    Ok(AuthProvider::builder(config().signing_key(key).build()?)
        .user_loader(one_user())
        .without_password_login()
        .danger_stateless()
        .danger_share_application()
        .build()?)
}

/// Accepts nothing but tokens that another issuer has signed with a key of this set.
pub(crate) fn provider_trusting_issuer(algorithm: Algorithm, jwks: String) -> Result<AuthProvider<User>> {
    let issuer = TrustedIssuer::new(ISSUER, JwksSource::fixed(jwks)?)
        .audience(AUDIENCE)
        .algorithms([algorithm])
        .profile(AccessTokenProfile::Plain)
        .claims(ClaimMapping::new().roles("roles").scopes("scopes"));
    Ok(AuthProvider::resource_server(issuer).user_loader(one_user()).build()?)
}

/// As [`provider`], for tokens of up to 64 KiB.
pub(crate) fn patient_provider() -> Result<AuthProvider<User>> {
    let config = config().max_token_bytes(65_536).build()?;
    Ok(AuthProvider::builder(config)
        .user_loader(one_user())
        .without_password_login()
        .danger_stateless()
        .build()?)
}

/// As [`provider`], with everything counted.
pub(crate) fn counting_provider(counts: &Arc<Counts>) -> Result<AuthProvider<User>> {
    Ok(AuthProvider::builder(config().build()?)
        .user_loader(Counting(one_user(), Arc::clone(counts)))
        .transport(CountingBearer(BearerTransport::new(), Arc::clone(counts)))
        .without_password_login()
        .danger_stateless()
        .build()?)
}
