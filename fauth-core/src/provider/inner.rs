//! The fields of a provider. The files beside this one add its methods.

use std::{
    fmt,
    sync::{Arc, RwLock, atomic::AtomicBool},
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    counters::{Counters, SharedCounters},
    registry::Resident,
    throttle::Throttle,
};
#[cfg(feature = "mandates")]
use crate::store::AnchorStore;
use crate::{
    api_key::{ApiKeyFormat, OfferedScopes, UseNotes},
    audit::Declarations,
    client::TrustedProxies,
    clock::{Clock, Timestamp},
    csrf::{CsrfPolicy, TrustedOrigins},
    ended::Open,
    event::AuthEvents,
    one_time::Seals,
    password::{PasswordHasher, PasswordPolicy},
    path::Allowed,
    rejection::{ProtectionSpace, Renderer},
    resource_metadata::PublishedMetadata,
    session::SessionPolicy,
    store::{
        ApiKeyStore, HashKeys, MemoryThrottles, OneTimeStore, RevocationStore, SessionStore, StoreLocation,
    },
    token::{Issuer, PublishedKeys, Verifier},
    transport::Transport,
    user::{ClaimsLoader, IdentityLoader, PasswordUpdater, UserLoader},
};
#[cfg(feature = "trusted-issuers")]
use crate::{
    token::TokenPayload,
    trusted_issuer::{Tenants, Trusted},
};

/// Authentication for one application: cheap to clone, shared by all its routes. `U` is the
/// application's user type.
///
/// ```
/// use std::{convert::Infallible, sync::Arc};
/// use fauth_core::{
///     AuthConfig, AuthProvider, AuthUser, MemoryStore, OneTimePurpose, Requirement, TokenPayload,
///     one_time::OneTimeRequest,
/// };
///
/// struct User { id: String, password_hash: String }
///
/// impl AuthUser for User {
///     fn subject(&self) -> impl AsRef<str> { &self.id }
///     fn password_hash(&self) -> Option<&str> { Some(&self.password_hash) }
///     fn is_active(&self) -> bool { true }
/// }
///
/// async fn load_user(token: Arc<TokenPayload>) -> Result<Option<User>, Infallible> {
///     # let alice = || User { id: "alice".into(), password_hash: String::new() };
///     # return Ok((token.subject() == "alice").then(alice));
///     Ok(None) // ask the database for `token.subject()`
/// }
///
/// async fn load_identity(identifier: String) -> Result<Option<User>, Infallible> {
///     # let _ = identifier;
///     Ok(None) // ask the database for the user of this name
/// }
///
/// # let secret = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
/// let config = AuthConfig::builder().secret(secret).build()?;
/// let auth: AuthProvider<User> = AuthProvider::builder(config)
///     .user_loader(load_user)
///     .identity_loader(load_identity)
///     .store(MemoryStore::new())
///     .build()?;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// // A login, and an authenticated request. In a service, a guard does this for each request.
/// let pair = auth.login("alice").await?;
/// let (access, refresh) = (pair.access_token().expose(), pair.refresh_token().expose());
/// let granted = auth.authenticate_token(access, &Requirement::user()).await?;
/// assert_eq!(granted.user().id, "alice");
/// assert!(auth.authenticate_token(refresh, &Requirement::user()).await.is_err());
///
/// // A token for an e-mail, which works once.
/// let request = OneTimeRequest::for_user(granted.user());
/// let token = auth.issue_one_time(OneTimePurpose::PasswordReset, request).await?;
/// let redeemed = auth.redeem(token.expose(), OneTimePurpose::PasswordReset).await?;
/// assert_eq!(redeemed.user().id, "alice");
/// assert!(auth.redeem(token.expose(), OneTimePurpose::PasswordReset).await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AuthProvider<U> {
    pub(super) inner: Arc<Inner<U>>,
}

pub(super) struct Inner<U> {
    /// The open connections of this provider. The first field, so that it is dropped first: their
    /// end does not wait for the rest.
    pub(super) open: Open,
    /// Marks the grants of this provider, so that another one with the same `U` does not trust
    /// them.
    pub(super) id: u64,
    /// Only for the provider that stands in for that of a switch.
    pub(super) switch: Option<Arc<Shared<U>>>,
    pub(super) verifier: Verifier,
    /// `None` if all tokens are those of other issuers. The verifier accepts nothing then.
    pub(super) issuer: Option<Issuer>,
    /// Other issuers; `None` if none is trusted, so that requests pay nothing.
    #[cfg(feature = "trusted-issuers")]
    pub(super) foreign: Option<Box<Foreign<U>>>,
    /// The settings for mandates; `None` for all other providers, which pay nothing.
    #[cfg(feature = "mandates")]
    pub(super) mandates: Option<Box<Mandates>>,
    pub(super) published_keys: Option<PublishedKeys>,
    /// The name under which stores keep the records of the application.
    pub(super) application: Box<str>,
    pub(super) protection_space: ProtectionSpace,
    pub(super) resource_metadata: Option<PublishedMetadata>,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) max_credential_bytes: usize,
    pub(super) user_loader: Arc<dyn UserLoader<U>>,
    pub(super) claims_loader: Option<Arc<dyn ClaimsLoader<U>>>,
    pub(super) password_login: Option<PasswordLogin<U>>,
    pub(super) transports: Vec<Box<dyn Transport>>,
    /// The names of the headers that transports read, separated by commas as in `Vary`.
    pub(super) read_headers: Arc<str>,
    pub(super) trusted_origins: TrustedOrigins,
    /// `None` without CSRF tokens, so that requests pay nothing.
    pub(super) csrf: Option<Box<CsrfPolicy>>,
    pub(super) allowed_in_path: Allowed,
    pub(super) renderer: Arc<dyn Renderer>,
    /// The name that pages show for guests.
    pub(super) guest_name: Arc<str>,
    pub(super) events: Option<Arc<dyn AuthEvents>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) loader_timeout: Duration,
    pub(super) store_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) stores: Stores,
    pub(super) throttle: Option<Throttle>,
    pub(super) counters: Counters,
    pub(super) sessions: Option<Sessions>,
    /// How long logins last, including those that are not in a store.
    pub(super) session_policy: SessionPolicy,
    pub(super) revocations: Option<Revocations>,
    pub(super) api_key_format: ApiKeyFormat,
    pub(super) api_key_scopes: OfferedScopes,
    pub(super) api_key_uses: UseNotes,
    pub(super) seals: Seals,
    pub(super) identifier_key: Zeroizing<String>,
    pub(super) hash_keys: HashKeys,
    /// The guards and rules of this provider, for audits.
    pub(super) declarations: Declarations,
    /// While it is held, other providers of this process are compared with this one.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(super) resident: Arc<Resident>,
}

/// State shared by a switch and the provider that stands in for the one that is set.
pub(super) struct Shared<U> {
    pub(super) set: RwLock<Set<U>>,
    /// Is everything open until a provider is set?
    pub(super) is_open: bool,
    /// Was a request reported in the log?
    pub(super) has_warned: AtomicBool,
    /// Counts requests for all providers of this switch, unless a store does.
    pub(super) counters: SharedCounters,
    /// The same for failed logins.
    pub(super) throttles: MemoryThrottles,
}

/// The provider that is set in a switch.
pub(super) struct Set<U> {
    pub(super) provider: Option<AuthProvider<U>>,
    /// Set by the application, and not as the default of a plug-in.
    pub(super) is_explicit: bool,
}

/// Everything that a password login needs. It is one option, so that no part of it can be missing
/// at the first request.
pub(super) struct PasswordLogin<U> {
    pub(super) identity_loader: Arc<dyn IdentityLoader<U>>,
    pub(super) hasher: PasswordHasher,
    /// For new passwords.
    pub(super) policy: Option<PasswordPolicy>,
    pub(super) updater: Option<Arc<dyn PasswordUpdater<U>>>,
}

/// The stores of a provider. One backend may be all of them.
#[derive(Clone, Default)]
pub(super) struct Stores {
    pub(super) sessions: Option<Arc<dyn SessionStore>>,
    pub(super) revocations: Option<Arc<dyn RevocationStore>>,
    pub(super) one_times: Option<Arc<dyn OneTimeStore>>,
    pub(super) api_keys: Option<Arc<dyn ApiKeyStore>>,
}

impl Stores {
    /// The locations of all stores.
    pub(super) fn places(&self) -> Vec<StoreLocation> {
        let places = [
            self.sessions.as_deref().map(SessionStore::location),
            self.revocations.as_deref().map(RevocationStore::location),
            self.one_times.as_deref().map(OneTimeStore::location),
            self.api_keys.as_deref().map(ApiKeyStore::location),
        ];
        places.into_iter().flatten().collect()
    }
}

/// Everything needed to accept tokens of other issuers.
#[cfg(feature = "trusted-issuers")]
pub(super) struct Foreign<U> {
    pub(super) issuers: Vec<Arc<Trusted>>,
    /// Finds their users; the user loader is for own users.
    pub(super) users: ForeignUsers<U>,
    pub(super) max_token_bytes: usize,
    /// The issuer of own tokens.
    pub(super) own: Option<Box<str>>,
    /// Issuers that are resolved at run time.
    pub(super) tenants: Option<Tenants>,
}

/// Where the users of other issuers come from.
#[cfg(feature = "trusted-issuers")]
pub(super) enum ForeignUsers<U> {
    Claims(Box<UserFromClaims<U>>),
    Loader(Arc<dyn UserLoader<U>>),
}

/// Creates a user from the claims of another issuer.
#[cfg(feature = "trusted-issuers")]
pub(super) type UserFromClaims<U> = dyn Fn(&TokenPayload) -> U + Send + Sync;

/// Everything needed to judge mandates.
#[cfg(feature = "mandates")]
pub(super) struct Mandates {
    /// Knows the anchors that revoke mandates.
    pub(super) store: Arc<dyn AnchorStore>,
    pub(super) zone: Arc<str>,
    /// Revocations of mandates are retained at least this long: no mandate is valid for longer.
    pub(super) remembered: Duration,
    /// Can each mandate be used only once?
    pub(super) is_single_use: bool,
}

/// Everything needed to keep sessions; absent for logins that are not kept.
pub(super) struct Sessions {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) policy: SessionPolicy,
}

/// Everything needed to revoke; absent for tokens that cannot be revoked.
pub(super) struct Revocations {
    pub(super) store: Arc<dyn RevocationStore>,
    /// The custom claims whose values can be revoked.
    pub(super) claims: Vec<Box<str>>,
    pub(super) retention: Retention,
    /// The maximum number of revoked targets that the acts of one subject may add.
    pub(super) share: usize,
    /// Tokens of the Python fauth issued from then on may be older than the memory of the store.
    pub(super) trust_since: Option<Timestamp>,
}

/// How long a revocation is retained: longer than anything that it covers can last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    /// For a session that a store knows to have ended: as long as an access token.
    pub(super) session: Duration,
    /// For everything else: as long as a login.
    pub(super) login: Duration,
}

impl<U> Clone for AuthProvider<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for AuthProvider<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthProvider")
            .field("transports", &self.inner.transports)
            .field("password_login", &self.inner.password_login.is_some())
            .finish_non_exhaustive()
    }
}
