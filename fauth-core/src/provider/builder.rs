//! The builder of a provider: loaders, stores and options, checked in `build`.

use std::{
    any::{TypeId, type_name},
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    counters::{Counters, WhenLimitStoreFails},
    inner::{AuthProvider, Inner, PasswordLogin, Retention, Revocations, Sessions, Stores},
    metadata::published,
    registry::{PROCESS, Resident},
    throttle::Throttle,
};
#[cfg(feature = "mandates")]
use super::{inner::Mandates, mandate_options};
#[cfg(feature = "trusted-issuers")]
use super::{
    inner::{Foreign, ForeignUsers},
    trust::{ForeignOptions, no_users},
};
use crate::{
    api_key::{ApiKeyFormat, OfferedScopes, UseNotes},
    audit::Declarations,
    clock::{Clock, SystemClock},
    config::AuthConfig,
    csrf::{CsrfPolicy, CsrfTokens, TrustedOrigins},
    ended::{Intervals, Open},
    error::ConfigError,
    event::AuthEvents,
    password::{PasswordConfig, PasswordHasher, PasswordPolicy},
    path::{Allowed, PathCharacter},
    rejection::{Pages, ProblemJson, ProtectionSpace, Renderer},
    resource_metadata::{PublishedMetadata, ResourceMetadata},
    session::{SessionConfig, SessionPolicy},
    store::{
        ApiKeyStore, LimitStore, OneTimeStore, RevocationStore, SessionStore, Store, StoreLocation,
        ThrottleStore,
    },
    throttle::{LoginThrottle, Rules},
    token::{Purpose, is_reserved},
    transport::{
        BasicTransport, BearerKeyTransport, BearerTransport, QueryTransport, SecurityScheme, Transport,
    },
    user::{AuthUser, ClaimsLoader, IdentityLoader, PasswordUpdater, UserLoader},
    visitor::GUEST,
};
#[cfg(feature = "trusted-issuers")]
use crate::{
    remote::KeyContext,
    token::TokenPayload,
    trusted_issuer::{IssuerResolver, TrustedIssuer},
};

/// A credential longer than the longest token by more than this is refused for its form, before its
/// content is read.
const CREDENTIAL_MARGIN: usize = 64;
const DEFAULT_LOADER_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many revocations one subject may add to the store, or twice the number of sessions that a
/// subject may have, if that is more. Tests and health checks that log in and out all day with one
/// account stay below it, and a thousand accounts at the limit do not fill a store. These numbers
/// assume tokens that live for 15 minutes. The logout of a browser session is kept for as long as
/// its cookie would have lasted, a week or more, so one account can log out of about 140 of those a
/// day.
const SHARE: usize = 1000;

/// Each is read from the token of every guarded request.
const MAX_REVOCABLE_CLAIMS: usize = 8;
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// Builds an [`AuthProvider`].
///
/// | option | default |
/// |---|---|
/// | [`user_loader`](Self::user_loader) | none: required |
/// | [`identity_loader`](Self::identity_loader) | none: required, or call [`without_password_login`](Self::without_password_login) |
/// | [`token_claims`](Self::token_claims) | none: tokens of a login have no scopes and no custom claims |
/// | [`password`](Self::password) | Argon2id, 19 MiB, 2 passes |
/// | [`password_policy`](Self::password_policy) | [`PasswordPolicy::new`]: at least 15 characters, no repetition, not mainly a context word |
/// | [`transports`](Self::transport) | `Authorization: Bearer` |
/// | [`csrf_tokens`](Self::csrf_tokens) | none: requests are checked by their origin |
/// | [`renderer`](Self::renderer), [`pages`](Self::pages) | [`ProblemJson`] |
/// | [`guest_name`](Self::guest_name) | `Guest` |
/// | [`loader_timeout`](Self::loader_timeout) | 10 seconds |
/// | [`store`](Self::store) | none: required, or call [`danger_stateless`](Self::danger_stateless) |
/// | [`login_throttle`](Self::login_throttle) | 5 failures a minute by account and address, 20 by address, and growing delays |
/// | [`throttle_store`](Self::throttle_store) | the backend of [`store`](Self::store); otherwise each instance counts by itself |
/// | [`limit_store`](Self::limit_store) | none: each instance counts by itself |
/// | [`when_limit_store_fails`](Self::when_limit_store_fails) | requests behind limits are refused with 503 |
/// | [`sessions`](Self::sessions) | 7 days idle, 30 days in all |
/// | [`store_timeout`](Self::store_timeout) | 5 seconds |
/// | [`body_timeout`](Self::body_timeout) | 10 seconds |
/// | [`ended_recheck_every`](Self::ended_recheck_every) | 60 seconds |
/// | [`ended_poll_every`](Self::ended_poll_every) | 5 seconds |
/// | [`ended_unknown_after`](Self::ended_unknown_after) | 60 seconds |
/// | [`api_key_prefix`](Self::api_key_prefix) | `fauth` |
/// | [`api_key_scopes`](Self::api_key_scopes) | none, apart from the scopes of the token that creates the key |
/// | [`resource_metadata`](Self::resource_metadata) | none: no metadata is published |
/// | [`clock`](Self::clock) | the system clock |
#[must_use = "a provider exists only after `build`"]
pub struct AuthProviderBuilder<U> {
    /// Checked in `build`, like everything else.
    config: Result<AuthConfig, ConfigError>,
    user_loader: Option<Arc<dyn UserLoader<U>>>,
    #[cfg(feature = "trusted-issuers")]
    foreign: ForeignOptions<U>,
    #[cfg(feature = "mandates")]
    mandates: Option<Box<Mandates>>,
    /// The user loader for mandates.
    #[cfg(feature = "mandates")]
    mandate_users: Option<Arc<dyn UserLoader<U>>>,
    identity_loader: Option<Arc<dyn IdentityLoader<U>>>,
    claims_loader: Option<Arc<dyn ClaimsLoader<U>>>,
    without_password_login: bool,
    password: Option<PasswordConfig>,
    policy: NewPasswords,
    updater: Option<Arc<dyn PasswordUpdater<U>>>,
    transports: Vec<Box<dyn Transport>>,
    trusted_origins: Vec<String>,
    csrf: Option<CsrfTokens>,
    allowed_in_path: Vec<PathCharacter>,
    renderer: Arc<dyn Renderer>,
    guest_name: Arc<str>,
    events: Option<Arc<dyn AuthEvents>>,
    clock: Arc<dyn Clock>,
    loader_timeout: Duration,
    store_timeout: Duration,
    body_timeout: Duration,
    ended: Intervals,
    stores: Stores,
    login_throttle: Option<LoginThrottle>,
    throttle_store: Option<Arc<dyn ThrottleStore>>,
    limit_store: Option<Arc<dyn LimitStore>>,
    when_limit_store_fails: WhenLimitStoreFails,
    sessions: SessionConfig,
    revocable_claims: Vec<String>,
    waivers: Waivers,
    api_key_prefix: Option<String>,
    api_key_scopes: Option<Vec<String>>,
    resource_metadata: Option<ResourceMetadata>,
}

/// The safeguards that the application has switched off explicitly.
#[derive(Clone, Copy, Default)]
struct Waivers {
    stateless: bool,
    without_revocation: bool,
    may_share: bool,
}

impl<U: AuthUser> AuthProviderBuilder<U> {
    pub(super) fn new(config: Result<AuthConfig, ConfigError>) -> Self {
        Self {
            config,
            user_loader: None,
            #[cfg(feature = "trusted-issuers")]
            foreign: ForeignOptions::default(),
            #[cfg(feature = "mandates")]
            mandates: None,
            #[cfg(feature = "mandates")]
            mandate_users: None,
            identity_loader: None,
            claims_loader: None,
            without_password_login: false,
            password: None,
            policy: NewPasswords::default(),
            updater: None,
            transports: Vec::new(),
            trusted_origins: Vec::new(),
            csrf: None,
            allowed_in_path: Vec::new(),
            renderer: Arc::new(ProblemJson::new()),
            guest_name: GUEST.into(),
            events: None,
            clock: Arc::new(SystemClock),
            loader_timeout: DEFAULT_LOADER_TIMEOUT,
            store_timeout: DEFAULT_STORE_TIMEOUT,
            body_timeout: DEFAULT_BODY_TIMEOUT,
            ended: Intervals::default(),
            stores: Stores::default(),
            login_throttle: Some(LoginThrottle::new()),
            throttle_store: None,
            limit_store: None,
            when_limit_store_fails: WhenLimitStoreFails::default(),
            sessions: SessionConfig::new(),
            revocable_claims: Vec::new(),
            waivers: Waivers::default(),
            api_key_prefix: None,
            api_key_scopes: None,
            resource_metadata: None,
        }
    }

    /// Sets the loader that finds the user of a verified token. It is called for every guarded
    /// request.
    ///
    /// Where other issuers are trusted in addition to own tokens, this loader is called for own
    /// tokens and API keys only. A provider without own tokens calls it for the users of other
    /// issuers too, unless `user_from_claims` or `foreign_user_loader` is set. If there are several
    /// issuers or tenants, the loader must look at `token.issuer()` as well as the subject.
    pub fn user_loader(mut self, loader: impl UserLoader<U>) -> Self {
        self.user_loader = Some(Arc::new(loader));
        self
    }

    /// Like [`user_loader`](Self::user_loader), for a loader chosen at run time or shared with
    /// other code.
    pub fn shared_user_loader(mut self, loader: Arc<dyn UserLoader<U>>) -> Self {
        self.user_loader = Some(loader);
        self
    }

    /// Accepts access tokens of another issuer on guarded routes, in addition to own tokens and
    /// those of issuers added before. The `iss` claim selects the issuer before the token is
    /// verified, and is used for nothing else until then.
    ///
    /// These tokens are accepted where a client sends them on purpose, in a header, and not from
    /// cookies. Operations on own logins (sessions, refresh, logout, API keys, one-time tokens)
    /// refuse them with 403 `foreign_token_not_allowed`. See
    /// [`trusted_issuer`](crate::trusted_issuer).
    ///
    /// The subject `alice` of another issuer is not this application's `alice`. So a provider with
    /// own tokens also needs [`user_from_claims`](Self::user_from_claims) or
    /// [`foreign_user_loader`](Self::foreign_user_loader) for the users of other issuers; the [user
    /// loader](Self::user_loader) is not called for them.
    #[cfg(feature = "trusted-issuers")]
    pub fn trusted_issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.foreign.issuers.push(issuer);
        self
    }

    /// Accepts tokens of issuers that are resolved at run time, such as those of tenants: see
    /// [`IssuerResolver`]. `capacity` is the number of issuers kept in memory, from 1 to 100 000.
    /// They are treated like issuers added with [`trusted_issuer`](Self::trusted_issuer), which are
    /// looked up first.
    ///
    /// With a resolver, an own token that carries an `iss` claim must name the issuer of the
    /// [configuration](crate::AuthConfigBuilder::issuer).
    #[cfg(feature = "trusted-issuers")]
    pub fn issuer_resolver(mut self, resolver: impl IssuerResolver, capacity: usize) -> Self {
        self.foreign.resolver = Some((Box::new(resolver), capacity));
        self
    }

    /// Creates the user of a token of another issuer from its claims, without a loader. Own tokens
    /// and API keys still need a [user loader](Self::user_loader). The last call of this method and
    /// [`foreign_user_loader`](Self::foreign_user_loader) wins.
    ///
    /// # Security
    /// Whether the user is active, and which roles the user has, is as of the time when the issuer
    /// issued the token. A demotion takes effect when the token has expired.
    #[cfg(feature = "trusted-issuers")]
    pub fn user_from_claims(mut self, user: impl Fn(&TokenPayload) -> U + Send + Sync + 'static) -> Self {
        self.foreign.users = Some(ForeignUsers::Claims(Box::new(user)));
        self
    }

    /// Sets the loader that finds the users of tokens of other issuers. The [user
    /// loader](Self::user_loader) is then called for own tokens and API keys only. A provider with
    /// own tokens needs this or [`user_from_claims`](Self::user_from_claims); the last call of the
    /// two wins.
    ///
    /// # Security
    /// A user is identified by two strings: [`issuer`](TokenPayload::issuer) and
    /// [`subject`](TokenPayload::subject). A loader that looks at the subject alone confuses
    /// `alice` of one issuer or tenant with `alice` of another, or with this application's own
    /// `alice`.
    #[cfg(feature = "trusted-issuers")]
    pub fn foreign_user_loader(self, loader: impl UserLoader<U>) -> Self {
        self.shared_foreign_user_loader(Arc::new(loader))
    }

    /// Like [`foreign_user_loader`](Self::foreign_user_loader), for a loader chosen at run time or
    /// shared with other code.
    #[cfg(feature = "trusted-issuers")]
    pub fn shared_foreign_user_loader(mut self, loader: Arc<dyn UserLoader<U>>) -> Self {
        self.foreign.users = Some(ForeignUsers::Loader(loader));
        self
    }

    /// Accepts mandates of the trusted issuer only.
    #[cfg(feature = "mandates")]
    pub(super) fn for_mandates(mut self, mandates: Mandates, users: Arc<dyn UserLoader<U>>) -> Self {
        self.mandates = Some(Box::new(mandates));
        self.mandate_users = Some(users);
        self
    }

    /// Sets the loader that finds the user who logs in. It is called before the password is
    /// checked.
    pub fn identity_loader(mut self, loader: impl IdentityLoader<U>) -> Self {
        self.identity_loader = Some(Arc::new(loader));
        self
    }

    /// Like [`identity_loader`](Self::identity_loader), for a loader chosen at run time or shared
    /// with other code.
    pub fn shared_identity_loader(mut self, loader: Arc<dyn IdentityLoader<U>>) -> Self {
        self.identity_loader = Some(loader);
        self
    }

    /// Sets the loader of scopes and custom claims. It is called at each login and each refresh,
    /// with the user as loaded then.
    ///
    /// - A login gets the loaded scopes. If a [`LoginRequest`](crate::LoginRequest) lists scopes,
    ///   or a client of the ready-made login endpoint asks for some in the field `scope`, the login
    ///   gets those of them that are loaded too.
    /// - A refresh gets the scopes that the presented refresh token has and that are still loaded.
    ///   It never adds a scope. A scope dropped at a refresh comes back with the next login.
    /// - Access tokens carry the loaded claims. A claim of the login request itself stays for the
    ///   whole login, and takes precedence over a loaded claim of the same name.
    /// - [`login`](crate::AuthProvider::login) finds the user with the [user
    ///   loader](Self::user_loader).
    ///
    /// API keys and one-time tokens are not affected.
    pub fn token_claims(mut self, loader: impl ClaimsLoader<U>) -> Self {
        self.claims_loader = Some(Arc::new(loader));
        self
    }

    /// Like [`token_claims`](Self::token_claims), for a loader chosen at run time or shared with
    /// other code.
    pub fn shared_token_claims(mut self, loader: Arc<dyn ClaimsLoader<U>>) -> Self {
        self.claims_loader = Some(loader);
        self
    }

    /// Declares that no user logs in here with a password, for services that only verify tokens.
    /// There is no `POST /login` then.
    pub fn without_password_login(mut self) -> Self {
        self.without_password_login = true;
        self
    }

    /// Sets how passwords are hashed, and how many at once.
    pub fn password(mut self, config: PasswordConfig) -> Self {
        self.password = Some(config);
        self
    }

    /// Sets the policy for new passwords. It is applied where
    /// [`hash_password`](crate::AuthProvider::hash_password) and its siblings hash one: at a
    /// sign-up, a change, a reset. It is never applied at a login: users keep a password that the
    /// policy would refuse until they change it. The name of the application becomes one of the
    /// policy's [context words](PasswordPolicy::context_words).
    ///
    /// Default: [`PasswordPolicy::new`]. Where every user has a second factor,
    /// [`PasswordPolicy::with_second_factor`] requires eight characters.
    pub fn password_policy(mut self, policy: PasswordPolicy) -> Self {
        self.policy = NewPasswords::Checked(policy);
        self
    }

    /// Hashes new passwords of any length and content, for applications that check them elsewhere.
    ///
    /// # Security
    /// Without other checks, users choose passwords that attackers guess first. A few guesses for
    /// each account open some of them, and no [throttle](crate::throttle) can refuse so few.
    pub fn danger_without_password_policy(mut self) -> Self {
        self.policy = NewPasswords::Unchecked;
        self
    }

    /// Sets the callback that stores an upgraded hash. It is called with the new hash after a login
    /// whose stored hash is weaker than the current settings.
    pub fn password_updater(mut self, updater: impl PasswordUpdater<U>) -> Self {
        self.updater = Some(Arc::new(updater));
        self
    }

    /// Like [`password_updater`](Self::password_updater), for an updater chosen at run time or
    /// shared with other code.
    pub fn shared_password_updater(mut self, updater: Arc<dyn PasswordUpdater<U>>) -> Self {
        self.updater = Some(updater);
        self
    }

    /// Adds a transport: a place in requests where credentials are looked for. The first call
    /// replaces the default, `Authorization: Bearer`.
    ///
    /// Transports are tried in the order of the calls, and the first that finds a credential
    /// decides. Whatever the order, cookies, which browsers attach on their own, come after
    /// everything that a client sends on purpose, and tokens in the URL come last.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transports.push(Box::new(transport));
        self
    }

    /// Adds the query parameter `parameter` as the last place to look for a token, for clients that
    /// cannot set headers.
    ///
    /// # Security
    /// URLs end up in logs, histories and `Referer` headers, and tokens in them do too. Responses
    /// to requests that a guard has admitted this way carry `Cache-Control: no-store`. An extractor
    /// alone cannot set headers, so put a guard in front of the route.
    pub fn danger_query_token(self, parameter: impl Into<String>) -> Self {
        let transport = QueryTransport::new(parameter.into());
        let builder = if self.transports.is_empty() { self.transport(BearerTransport::new()) } else { self };
        builder.transport(transport)
    }

    /// Adds an origin whose pages may send requests with the user's cookie, exactly as browsers
    /// send it: `https://app.example.com`. The default port (443, for `http` 80) may be written or
    /// left out. Besides `https` and `http`, the schemes of applications in a web view are
    /// accepted: `capacitor://localhost`, `ionic://localhost`, `tauri://localhost`.
    ///
    /// # Security
    /// All applications built with such a framework have the same origin. On a device each of them
    /// has its own cookie store, so none can act with the cookies of another.
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// Requires CSRF tokens in addition to the origin check, for requests authenticated by a
    /// cookie. [`CsrfTokens`] says for which requests. A second call replaces the first.
    pub fn csrf_tokens(mut self, tokens: CsrfTokens) -> Self {
        self.csrf = Some(tokens);
        self
    }

    /// Allows a character in guarded paths that is otherwise refused with 400, for routes whose ids
    /// contain it.
    ///
    /// # Security
    /// Make sure that everything that decides by the path or looks something up by it (proxies,
    /// other middleware, the handlers) reads the character in the same way.
    pub fn danger_allow_in_path(mut self, character: PathCharacter) -> Self {
        self.allowed_in_path.push(character);
        self
    }

    /// Sets the renderer of rejections. A guard can have its own.
    pub fn renderer(mut self, renderer: impl Renderer) -> Self {
        self.renderer = Arc::new(renderer);
        self
    }

    /// Answers browsers with pages, and scripts as before: the same as [`renderer`](Self::renderer)
    /// with [`Pages`]. A string is the path of the sign-in page.
    pub fn pages(self, pages: impl Into<Pages>) -> Self {
        self.renderer(pages.into())
    }

    /// Sets the name that pages show for guests, see [`Visitor`](crate::visitor::Visitor). Default:
    /// `Guest`.
    pub fn guest_name(mut self, name: impl Into<String>) -> Self {
        self.guest_name = name.into().into();
        self
    }

    /// Sets a sink for events, in addition to `tracing`.
    pub fn events(mut self, events: impl AuthEvents) -> Self {
        self.events = Some(Arc::new(events));
        self
    }

    /// Sets the clock. Default: the system clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how long a loader may take before the request is refused with 503. Default: 10 seconds;
    /// at most 300.
    pub fn loader_timeout(mut self, limit: Duration) -> Self {
        self.loader_timeout = limit;
        self
    }

    /// Sets the store of sessions, revocations, one-time tokens and API keys, and of failed logins
    /// if the backend [counts them](SessionStore::throttles). A later call can replace the store of
    /// each of them. An `Arc<dyn Store>` is accepted too, for a backend chosen at run time.
    pub fn store(mut self, store: impl Store) -> Self {
        let store = Arc::new(store);
        self.throttle_store = SessionStore::throttles(Arc::clone(&store));
        self.stores = Stores {
            sessions: Some(Arc::clone(&store) as _),
            revocations: Some(Arc::clone(&store) as _),
            one_times: Some(Arc::clone(&store) as _),
            api_keys: Some(store),
        };
        self
    }

    /// Sets the session store.
    pub fn session_store(mut self, store: impl SessionStore) -> Self {
        self.stores.sessions = Some(Arc::new(store));
        self
    }

    /// Sets the revocation store.
    pub fn revocation_store(mut self, store: impl RevocationStore) -> Self {
        self.stores.revocations = Some(Arc::new(store));
        self
    }

    /// Sets the store of one-time tokens.
    pub fn one_time_store(mut self, store: impl OneTimeStore) -> Self {
        self.stores.one_times = Some(Arc::new(store));
        self
    }

    /// Sets the store of API keys, and accepts API keys: as bearer tokens, and by Basic
    /// authentication as the password of the user name `__token__`, whatever transports are
    /// configured for tokens.
    pub fn api_key_store(mut self, store: impl ApiKeyStore) -> Self {
        self.stores.api_keys = Some(Arc::new(store));
        self
    }

    /// Limits how often a password may be tried: see [`throttle`](crate::throttle).
    pub fn login_throttle(mut self, throttle: LoginThrottle) -> Self {
        self.login_throttle = Some(throttle);
        self
    }

    /// Allows any number of password attempts.
    ///
    /// # Security
    /// Anybody who knows a user name can guess the password as fast as passwords are hashed. Use
    /// this only if the application has its own throttle in front of every login.
    pub fn danger_without_login_throttle(mut self) -> Self {
        self.login_throttle = None;
        self
    }

    /// Sets the store in which several instances count failed logins together. By default the
    /// backend given to [`store`](Self::store) is used. If that does not count failed logins, each
    /// instance counts by itself, in memory of bounded size.
    pub fn throttle_store(mut self, store: impl ThrottleStore) -> Self {
        self.throttle_store = Some(Arc::new(store));
        self
    }

    /// Sets the store in which several instances count requests behind [limits](crate::limit)
    /// together, such as a `RedisStore`. Without it each instance counts by itself, in 13 MiB of
    /// memory, allocated when the first limit is used. [`store`](Self::store) does not set it.
    ///
    /// # Security
    /// In Redis each counter is a key that lives until it is paid off, so memory grows with what
    /// unauthenticated clients send. Use a separate Redis for limits.
    pub fn limit_store(mut self, store: impl LimitStore) -> Self {
        self.limit_store = Some(Arc::new(store));
        self
    }

    /// Sets what happens to requests behind a limit when the [limit store](Self::limit_store) fails
    /// or does not answer in time. By default they are [refused](WhenLimitStoreFails::Refuse) with
    /// 503.
    pub fn when_limit_store_fails(mut self, choice: WhenLimitStoreFails) -> Self {
        self.when_limit_store_fails = choice;
        self
    }

    /// Sets how long sessions last, and how they are extended.
    pub fn sessions(mut self, config: SessionConfig) -> Self {
        self.sessions = config;
        self
    }

    /// Makes the values of a custom claim, such as a device or a tenant, revocable with
    /// [`RevocationTarget::Claim`](crate::store::RevocationTarget::Claim). The value must be a
    /// string in every token that has the claim. At most 8 claims.
    pub fn revocable_claim(mut self, name: impl Into<String>) -> Self {
        self.revocable_claims.push(name.into());
        self
    }

    /// Keeps no sessions: refresh tokens are not rotated, there is no list of logins, and no login
    /// can be ended on the server, unless there is a [revocation store](Self::revocation_store).
    ///
    /// # Security
    /// A stolen refresh token is valid until it expires, and the theft is not detected. Without a
    /// revocation store, a logout revokes nothing, and issued tokens stay valid; only
    /// [`AuthUser::is_active`] and [`AuthUser::token_epoch`] can end them before they expire.
    pub fn danger_stateless(mut self) -> Self {
        self.waivers.stateless = true;
        self
    }

    /// Keeps sessions, but does not check on every request whether they have ended.
    ///
    /// # Security
    /// After a logout, or after a detected theft, access tokens stay valid until they expire (15
    /// minutes by default).
    pub fn danger_without_revocation(mut self) -> Self {
        self.waivers.without_revocation = true;
        self
    }

    /// Sets the prefix of API keys, by which a leaked key can be recognised: 2 to 16 lower-case
    /// letters and digits. Default: `fauth`.
    ///
    /// After a change, keys with the old prefix are not accepted any more.
    pub fn api_key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.api_key_prefix = Some(prefix.into());
        self
    }

    /// Lists scopes that users may give to the API keys that they make with
    /// [`create_api_key`](AuthProvider::create_api_key); at least one. Do not list a scope that
    /// users themselves do not have: for an API key, routes check the scope only.
    ///
    /// ```
    /// # let builder = fauth_testing::provider();
    /// let auth = builder.api_key_scopes(["reports:read", "tickets:read"]).build()?;
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    ///
    /// A token that has scopes can give a key only those of its scopes that are listed here.
    /// Without this list it can give any of its own, and a token without scopes, such as that of
    /// `POST /login`, creates keys without scopes only. Existing keys are not affected, nor are
    /// those made with [`danger_create_api_key_for`](AuthProvider::danger_create_api_key_for).
    pub fn api_key_scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.api_key_scopes.get_or_insert_default().extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Publishes the metadata that clients need to get a token from an authorization server (RFC
    /// 9728), as a ready-made endpoint and in the challenges of rejections. See
    /// [`ResourceMetadata`].
    pub fn resource_metadata(mut self, metadata: ResourceMetadata) -> Self {
        self.resource_metadata = Some(metadata);
        self
    }

    /// Sets how long a store may take before the request is refused with 503. Default: 5 seconds;
    /// at most 300.
    pub fn store_timeout(mut self, limit: Duration) -> Self {
        self.store_timeout = limit;
        self
    }

    /// Sets how long the ready-made endpoints, and guards that look for the [CSRF
    /// token](Self::csrf_tokens) of a form, wait for the body of a request before they refuse it
    /// with 408. Default: 10 seconds; at most 300.
    ///
    /// Time-outs for the head of a request and for idle connections must be set in the server.
    pub fn body_timeout(mut self, limit: Duration) -> Self {
        self.body_timeout = limit;
        self
    }

    /// Sets how often the user of each connection that [stays open](crate::ended) is loaded again.
    /// API keys are looked up at the same interval, and so are browser sessions where there is no
    /// revocation store. Default: 60 seconds; 100 milliseconds to one hour.
    ///
    /// All open connections of one user need one call of the loader. The calls are spread evenly
    /// over the interval, at most eight at a time.
    pub fn ended_recheck_every(mut self, span: Duration) -> Self {
        self.ended.recheck = span;
        self
    }

    /// Sets how often a [revocation store](Self::revocation_store) that does not
    /// [report](RevocationStore::changes) changes is asked about all connections that [stay
    /// open](crate::ended): SQL, and Redis without its mirror. Default: 5 seconds; 100 milliseconds
    /// to one hour.
    ///
    /// Whatever the interval, a revocation by this provider takes effect at once.
    pub fn ended_poll_every(mut self, span: Duration) -> Self {
        self.ended.poll = span;
        self
    }

    /// Sets how long a store, a loader or the clock may fail, beyond the interval at which it is
    /// asked, before connections that [stay open](crate::ended) end with
    /// [`EndReason::Unknown`](crate::ended::EndReason::Unknown). Default: 60 seconds; 100
    /// milliseconds to one hour.
    ///
    /// # Security
    /// During an outage, a user who was disabled or logged out can go on for this long plus one
    /// interval.
    pub fn ended_unknown_after(mut self, span: Duration) -> Self {
        self.ended.unknown_after = span;
        self
    }

    /// Declares that this provider and others in this process are one application although their
    /// user types differ, for example for a second view of the same users.
    ///
    /// Without it, `build` refuses a second provider with the same
    /// [name](crate::AuthConfigBuilder::application) that has a secret or a store in common with a
    /// living one. It is enough that one of the two calls this; then the two are not compared at
    /// all.
    ///
    /// # Security
    /// Tokens, sessions and API keys of each provider are accepted by both. If user 42 of one is
    /// not user 42 of the other, each can act as somebody else.
    pub fn danger_share_application(mut self) -> Self {
        self.waivers.may_share = true;
        self
    }

    /// Checks all settings and creates the provider. If there is a password login, it hashes one
    /// password, which takes as long as a login.
    ///
    /// Build the provider once and clone it. Clones share everything, including the content of a
    /// [`MemoryStore`](crate::MemoryStore). A second provider of the same application in one
    /// process is reported in the log.
    ///
    /// # Errors
    /// [`ConfigError`] if a loader is missing, an option cannot work, the store can be shared but
    /// the application has no [name](crate::AuthConfigBuilder::application), or another provider in
    /// this process would accept this provider's users as its own.
    pub fn build(mut self) -> Result<AuthProvider<U>, ConfigError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let config = std::mem::replace(&mut self.config, Err(built()))?;
        let issuer = config.token_issuer();
        if issuer.is_none() {
            self.waive_own_tokens(&config)?;
        }
        let others = self.take_others(&config)?;
        let user_loader = self.take_user_loader(issuer.is_some(), &others)?;
        self.check_options()?;
        let api_key_format = ApiKeyFormat::new(self.api_key_prefix.as_deref())?;
        let transports = self.take_transports(api_key_format.lead())?;
        let places = self.places();
        let options = PasswordOptions {
            identity_loader: self.identity_loader,
            config: self.password,
            policy: self.policy,
            updater: self.updater,
        };
        let application = Some(config.application()).filter(|name| *name != "default");
        let password_login = password_login(options, self.without_password_login, application)?;
        let api_key_scopes = OfferedScopes::new(self.api_key_scopes)?;
        let rules = self.login_throttle.as_ref().map(LoginThrottle::build).transpose()?;
        // Epochs end familiar addresses too, so they are retained as long.
        let familiar_for = rules.as_ref().map_or(Duration::ZERO, Rules::familiar_for);
        let (sessions, session_policy, revocations) = keeping(
            &config,
            &self.stores,
            (self.sessions, others.longest.max(familiar_for)),
            self.revocable_claims,
            self.waivers,
        )?;
        check_session_cookies(&transports, &self.stores)?;
        let taken: Vec<_> = transports.iter().flat_map(|transport| cookie_names(&**transport)).collect();
        let csrf = self.csrf.map(|tokens| tokens.build(config.csrf_keys(), &transports, &taken));
        let csrf = csrf.transpose()?.map(Box::new);
        check_name(&config, &places)?;
        check_trust(&config, &self.stores, &*self.clock)?;
        let trusted_origins = TrustedOrigins::new(self.trusted_origins)?;
        let resource_metadata = published(self.resource_metadata, others.names.clone(), &transports)?;
        let protection_space = ProtectionSpace::new(config.realm().to_owned())
            .with_metadata(resource_metadata.as_ref().map(PublishedMetadata::url));
        #[cfg(feature = "trusted-issuers")]
        others.prepare_keys()?;
        // The last step that can fail, because a provider that is registered must exist.
        let resident = enrol::<U>(&config, places, csrf.as_deref(), self.waivers.may_share)?;
        #[cfg(feature = "mandates")]
        if let Some(mandates) = &self.mandates {
            mandate_options::warn_of_memory(&*mandates.store);
        }
        let inner = Inner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            switch: None,
            verifier: config.verifier(),
            published_keys: config.published_keys(),
            issuer,
            #[cfg(feature = "trusted-issuers")]
            foreign: others.foreign,
            #[cfg(feature = "mandates")]
            mandates: self.mandates,
            application: config.application().into(),
            protection_space,
            resource_metadata,
            trusted_proxies: config.trusted_proxies().clone(),
            max_credential_bytes: config.max_token_bytes() + CREDENTIAL_MARGIN,
            user_loader,
            claims_loader: self.claims_loader,
            password_login,
            read_headers: read_headers(&transports),
            transports,
            trusted_origins,
            csrf,
            allowed_in_path: Allowed::new(self.allowed_in_path),
            renderer: self.renderer,
            guest_name: self.guest_name,
            events: self.events,
            clock: self.clock,
            loader_timeout: self.loader_timeout,
            store_timeout: self.store_timeout,
            body_timeout: self.body_timeout,
            stores: self.stores,
            throttle: rules.map(|rules| Throttle::new(rules, self.throttle_store)),
            counters: Counters::new(self.limit_store, self.when_limit_store_fails),
            sessions,
            session_policy,
            revocations,
            api_key_format,
            api_key_scopes,
            api_key_uses: UseNotes::default(),
            seals: config.seals(),
            identifier_key: config.identifier_key(),
            hash_keys: config.hash_keys(),
            open: Open::new(self.ended),
            declarations: Declarations::default(),
            resident,
        };
        Ok(AuthProvider { inner: Arc::new(inner) })
    }

    #[cfg(feature = "mandates")]
    fn check_mandates(&self, has_own_tokens: bool) -> Result<(), ConfigError> {
        if self.mandates.is_none() {
            return Ok(());
        }
        mandate_options::refuse_others(&[
            ("config", has_own_tokens),
            ("trusted_issuer", self.foreign.issuers.len() > 1),
            ("issuer_resolver", self.foreign.resolver.is_some()),
            ("api_key_store", self.stores.api_keys.is_some()),
            ("user_loader", self.user_loader.is_some()),
            ("foreign_user_loader", matches!(self.foreign.users, Some(ForeignUsers::Loader(_)))),
            ("user_from_claims", matches!(self.foreign.users, Some(ForeignUsers::Claims(_)))),
        ])
    }

    /// The locations of all stores.
    fn places(&self) -> Vec<StoreLocation> {
        let mut places = self.stores.places();
        places.extend(self.limit_store.as_deref().map(LimitStore::location));
        places.extend(self.throttle_store.as_deref().map(ThrottleStore::location));
        places
    }

    fn check_options(&self) -> Result<(), ConfigError> {
        self.renderer.validate()?;
        check_guest_name(&self.guest_name)?;
        check_timeout("loader_timeout", self.loader_timeout)?;
        check_timeout("store_timeout", self.store_timeout)?;
        check_timeout("body_timeout", self.body_timeout)?;
        self.ended.check()
    }

    /// The trusted issuers, checked.
    #[cfg(feature = "trusted-issuers")]
    fn take_others(&mut self, config: &AuthConfig) -> Result<Others<U>, ConfigError> {
        let context =
            KeyContext { clock: Arc::clone(&self.clock), events: self.events.clone(), rests: false };
        // Subjects of other issuers are not own subjects, so the loader of own users is not called.
        let has_own_tokens = config.token_issuer().is_some();
        #[cfg(feature = "mandates")]
        self.check_mandates(has_own_tokens)?;
        #[cfg(feature = "mandates")]
        if let Some(users) = self.mandate_users.take() {
            self.foreign.users = Some(ForeignUsers::Loader(users));
        }
        let loader = self.user_loader.as_ref().filter(|_| !has_own_tokens).map(Arc::clone);
        let options = std::mem::take(&mut self.foreign);
        let foreign = options.build(config, context.clone(), has_own_tokens, loader)?;
        let longest = foreign.as_ref().map_or(Duration::ZERO, |foreign| foreign.longest());
        let names = foreign.as_ref().map_or_else(Vec::new, |foreign| foreign.names());
        Ok(Others { foreign, context, longest, names, users: PhantomData })
    }

    #[cfg(not(feature = "trusted-issuers"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "there are none")]
    fn take_others(&mut self, _: &AuthConfig) -> Result<Others<U>, ConfigError> {
        Ok(Others { longest: Duration::ZERO, names: Vec::new(), users: PhantomData })
    }

    /// The loader for the users of own tokens and API keys. A provider without any of these needs
    /// none.
    fn take_user_loader(
        &mut self,
        has_own_tokens: bool,
        others: &Others<U>,
    ) -> Result<Arc<dyn UserLoader<U>>, ConfigError> {
        if let Some(loader) = self.user_loader.take() {
            return Ok(loader);
        }
        #[cfg(feature = "trusted-issuers")]
        if !has_own_tokens && self.stores.api_keys.is_none() && others.foreign.is_some() {
            return Ok(no_users());
        }
        #[cfg(not(feature = "trusted-issuers"))]
        let _ = (has_own_tokens, others);
        Err(ConfigError::new("user_loader", "there is no user loader", "call `.user_loader(…)`"))
    }

    /// The transports in the order in which they are tried, with those of API keys.
    fn take_transports(&mut self, lead: &str) -> Result<Vec<Box<dyn Transport>>, ConfigError> {
        let mut transports = std::mem::take(&mut self.transports);
        if transports.is_empty() {
            transports.push(Box::new(BearerTransport::new()));
        }
        if self.stores.api_keys.is_some() {
            add_key_transports(&mut transports, lead);
        }
        transports.sort_by_key(|transport| precedence(&**transport));
        check_query_names(&transports)?;
        transports.iter().try_for_each(|transport| transport.check())?;
        Ok(transports)
    }

    /// Without own tokens there are no logins, so options of a login are refused as mistakes.
    fn waive_own_tokens(&mut self, config: &AuthConfig) -> Result<(), ConfigError> {
        let problem = "it applies to own tokens only, and this provider has no secret to sign them with";
        let fix = "remove it, or build the provider with `AuthConfig::builder().secret(…)`";
        #[cfg(feature = "trusted-issuers")]
        if self.foreign.is_empty() {
            let problem = "there is neither a trusted issuer nor a secret for own tokens";
            return Err(ConfigError::new("trusted_issuer", problem, "call `.trusted_issuer(…)`"));
        }
        let has_passwords = self.password.is_some() || self.policy.is_said() || self.updater.is_some();
        let is_set = [
            ("identity_loader", self.identity_loader.is_some()),
            ("password", has_passwords),
            ("token_claims", self.claims_loader.is_some()),
            ("csrf_tokens", self.csrf.is_some()),
        ];
        if let Some((field, _)) = is_set.into_iter().find(|(_, is_set)| *is_set) {
            return Err(ConfigError::new(field, problem, fix));
        }
        if self.transports.iter().any(|transport| transport.is_ambient()) {
            let problem = "browsers attach it on their own, and tokens of other issuers are accepted only \
                           where they are sent on purpose";
            return Err(ConfigError::new("transport", problem, "use `BearerTransport`"));
        }
        if self.stores.sessions.is_some() || self.stores.one_times.is_some() {
            let problem = "there are no sessions and no one-time tokens without own tokens";
            let fix = "give `.revocation_store(…)` for revocations, and `.api_key_store(…)` for API keys";
            return Err(ConfigError::new("store", problem, fix));
        }
        if self.stores.api_keys.is_some() && config.hash_keys().current().is_none() {
            let problem = "API keys are kept as hashes, and there is no secret to hash them with";
            let fix = "call `AuthConfig::without_own_tokens().store_secret(…)`";
            return Err(ConfigError::new("store_secret", problem, fix));
        }
        self.without_password_login = true;
        self.login_throttle = None;
        self.waivers.stateless = true;
        Ok(())
    }
}

/// The trusted issuers of a provider.
struct Others<U> {
    #[cfg(feature = "trusted-issuers")]
    foreign: Option<Box<Foreign<U>>>,
    /// Passed to the sources of their keys.
    #[cfg(feature = "trusted-issuers")]
    context: KeyContext,
    /// The longest time for which one of their tokens can be accepted.
    longest: Duration,
    names: Vec<String>,
    users: PhantomData<fn() -> U>,
}

#[cfg(feature = "trusted-issuers")]
impl<U> Others<U> {
    /// Passes the clock and the events to the sources of keys.
    fn prepare_keys(&self) -> Result<(), ConfigError> {
        self.foreign.as_ref().map_or(Ok(()), |foreign| foreign.prepare(&self.context))
    }
}

/// Registers the provider in this process, and compares it with the others.
fn enrol<U: AuthUser>(
    config: &AuthConfig,
    places: Vec<StoreLocation>,
    csrf: Option<&CsrfPolicy>,
    may_share: bool,
) -> Result<Arc<Resident>, ConfigError> {
    let resident = Resident {
        application: config.application().into(),
        users: (TypeId::of::<U>(), type_name::<U>()),
        fingerprints: config.fingerprints(),
        places,
        profile: config.profile(),
        csrf_cookies: csrf.map_or_else(Vec::new, CsrfPolicy::cookie_names),
        may_share,
    };
    let (resident, warning) = PROCESS.admit(resident)?;
    if let Some(warning) = warning {
        warning.raise(config.application());
    }
    Ok(resident)
}

/// The error in place of the settings that `build` has taken.
fn built() -> ConfigError {
    ConfigError::new("config", "the provider was built", "make another builder")
}

fn check_guest_name(name: &str) -> Result<(), ConfigError> {
    if name.trim().is_empty() {
        return Err(ConfigError::new("guest_name", "it is blank", "give a word that pages can show"));
    }
    Ok(())
}

/// In a store that other applications can use, the name keeps their records apart.
fn check_name(config: &AuthConfig, places: &[StoreLocation]) -> Result<(), ConfigError> {
    if config.is_named() || !places.iter().any(StoreLocation::can_be_shared) {
        return Ok(());
    }
    Err(ConfigError::new(
        "application",
        "other applications can use the same store, and this one has no name that tells them apart",
        "call `AuthConfig::builder().application(…)` or set FAUTH_APPLICATION, to the same on all instances",
    ))
}

/// The sessions and revocations of the provider. To have neither needs an explicit waiver.
fn keeping(
    config: &AuthConfig,
    stores: &Stores,
    (sessions, others_last): (SessionConfig, Duration),
    claims: Vec<String>,
    waivers: Waivers,
) -> Result<(Option<Sessions>, SessionPolicy, Option<Revocations>), ConfigError> {
    check_waivers(stores, waivers)?;
    let policy = sessions.build(config.lifetime(Purpose::Refresh), config.max_lifetime(Purpose::Refresh))?;
    // Every kind of token carries the epoch of its subject, and none is always the longest.
    let tokens = Purpose::ALL.map(|purpose| config.longest(purpose));
    let login = tokens.into_iter().fold(policy.longest().max(others_last), Duration::max);
    let policy_limit = policy.limit;
    let sessions = stores.sessions.clone().map(|store| Sessions { store, policy: policy.clone() });
    let session = if sessions.is_some() { config.longest(Purpose::Access) } else { login };
    let claims = revocable(claims, stores.revocations.is_some())?;
    let retention = Retention { session, login };
    let share = SHARE.max(policy_limit.saturating_mul(2));
    let trust_since = config.trust().map(|trust| trust.since);
    let revocations =
        stores.revocations.clone().map(|store| Revocations { store, claims, retention, share, trust_since });
    Ok((sessions, policy, revocations))
}

fn holds_sessions(transport: &dyn Transport) -> bool {
    transport.is_ambient() && transport.opens_with() == Purpose::Session
}

/// The names of all cookies that a transport reads or deletes, including that of its refresh token.
fn cookie_names(transport: &dyn Transport) -> Vec<Box<str>> {
    let described = match transport.describe() {
        SecurityScheme::Cookie { name } => Some(name),
        _ => None,
    };
    let deleted = [Purpose::Access, Purpose::Refresh].into_iter().flat_map(|of| transport.forget(of));
    let deleted = deleted.filter(|header| header.name() == "set-cookie");
    let deleted = deleted.filter_map(|header| header.value().split_once('=').map(|(name, _)| name.into()));
    described.into_iter().chain(deleted).collect()
}

/// A session cookie must be revocable, and no two transports may use the same cookie name.
fn check_session_cookies(transports: &[Box<dyn Transport>], stores: &Stores) -> Result<(), ConfigError> {
    let mut names: Vec<Box<str>> = Vec::new();
    for transport in transports {
        let own = cookie_names(&**transport);
        if let Some(name) = own.iter().find(|name| names.contains(name)) {
            return Err(ConfigError::new(
                "cookie_names",
                format!("two transports use the cookie `{name}`"),
                "give one of them another name, or remove it",
            ));
        }
        names.extend(own);
    }
    let can_end = stores.sessions.is_some() || stores.revocations.is_some();
    let lasts = |transport: &dyn Transport| holds_sessions(transport) && !transport.may_outlive_logout();
    if !can_end && transports.iter().any(|transport| lasts(&**transport)) {
        return Err(ConfigError::new(
            "revocation_store",
            "there is no store that could end a session, so its cookie would stay valid after a logout",
            "call `.revocation_store(…)`, or `SessionCookie::danger_without_revocation` if that is meant",
        ));
    }
    Ok(())
}

/// How far ahead of this clock `trust_since` may lie. No token is that new, so more is a mistake.
const TRUST_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// `trust_since` accepts tokens from before a restart, so it needs a store that survives one.
fn check_trust(config: &AuthConfig, stores: &Stores, clock: &dyn Clock) -> Result<(), ConfigError> {
    let Some(trust) = config.trust() else { return Ok(()) };
    let is_kept = stores.revocations.as_ref().is_none_or(|store| store.location().can_be_shared());
    if !is_kept && !trust.despite_restarts {
        return Err(ConfigError::new(
            "trust_since",
            "revocations are kept in memory, and after a restart those of old tokens would be forgotten",
            "keep revocations in Redis or SQL, or say `danger_trust_since` (`FAUTH_DANGER_TRUST_SINCE`) if that is meant",
        ));
    }
    let now = clock.now().map_err(|_| {
        ConfigError::new("clock", "it cannot tell the time", "give a clock that can, to check `trust_since`")
    })?;
    if trust.since.since(now) > TRUST_AHEAD {
        return Err(ConfigError::new(
            "trust_since",
            format!("{} lies more than a day in the future, where no token is issued", trust.since),
            "give the time of the oldest token to accept, in seconds since 1970",
        ));
    }
    Ok(())
}

fn check_waivers(stores: &Stores, waivers: Waivers) -> Result<(), ConfigError> {
    let Waivers { stateless, without_revocation, .. } = waivers;
    let missing = |field, problem, fix| Err(ConfigError::new(field, problem, fix));
    match (&stores.sessions, &stores.revocations) {
        (None, _) if !stateless => missing(
            "store",
            "there is no session store, so no login could be ended",
            "call `.store(MemoryStore::new())`, with Redis or SQL for more than one instance, or `.danger_stateless()` if that is meant",
        ),
        (Some(_), _) if stateless => missing(
            "danger_stateless",
            "sessions are switched off, but there is a session store",
            "remove `.danger_stateless()`, or give only a `.revocation_store(…)`",
        ),
        (Some(_), None) if !without_revocation => missing(
            "revocation_store",
            "there is no revocation store, so access tokens would stay valid after a logout",
            "call `.revocation_store(…)`, or `.danger_without_revocation()` if that is meant",
        ),
        (_, Some(_)) if without_revocation => missing(
            "danger_without_revocation",
            "revocation is switched off, but there is a revocation store",
            "remove `.danger_without_revocation()`, or give only a `.session_store(…)`",
        ),
        _ => Ok(()),
    }
}

fn revocable(names: Vec<String>, has_store: bool) -> Result<Vec<Box<str>>, ConfigError> {
    if !names.is_empty() && !has_store {
        return Err(ConfigError::new(
            "revocable_claim",
            "there is no revocation store",
            "call `.revocation_store(…)`",
        ));
    }
    let is_custom = |name: &String| !name.is_empty() && !is_reserved(name);
    if names.len() > MAX_REVOCABLE_CLAIMS || !names.iter().all(is_custom) {
        return Err(ConfigError::new(
            "revocable_claim",
            "there are too many, or one is not the name of a custom claim",
            "name up to 8 custom claims; tokens, sessions and subjects can be revoked without",
        ));
    }
    Ok(names.into_iter().map(String::into_boxed_str).collect())
}

/// The request headers in which a credential may be sent, in the form of `Vary`.
fn read_headers(transports: &[Box<dyn Transport>]) -> Arc<str> {
    let mut names: Vec<Box<str>> = Vec::new();
    for transport in transports {
        let name: Box<str> = match transport.describe() {
            SecurityScheme::Bearer | SecurityScheme::Basic => "Authorization".into(),
            SecurityScheme::Cookie { .. } => "Cookie".into(),
            SecurityScheme::Header { name } => name,
            SecurityScheme::Query { .. } => continue,
        };
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    names.join(", ").into()
}

/// API keys are accepted in headers, even if no transport reads tokens there.
fn add_key_transports(transports: &mut Vec<Box<dyn Transport>>, lead: &str) {
    if !transports.iter().any(|transport| transport.describe() == SecurityScheme::Bearer) {
        transports.push(Box::new(BearerKeyTransport { lead: lead.into() }));
    }
    transports.push(Box::new(BasicTransport));
}

fn check_timeout(field: &'static str, limit: Duration) -> Result<(), ConfigError> {
    if limit.is_zero() || limit > MAX_TIMEOUT {
        return Err(ConfigError::new(field, "the limit is out of bounds", "use up to 300 seconds"));
    }
    Ok(())
}

/// The policy for new passwords, as far as it was set.
#[derive(Default)]
enum NewPasswords {
    #[default]
    Unsaid,
    Checked(PasswordPolicy),
    Unchecked,
}

impl NewPasswords {
    fn policy(self) -> Option<PasswordPolicy> {
        match self {
            Self::Unsaid => Some(PasswordPolicy::new()),
            Self::Checked(policy) => Some(policy),
            Self::Unchecked => None,
        }
    }

    const fn is_said(&self) -> bool {
        !matches!(self, Self::Unsaid)
    }
}

/// The password options.
struct PasswordOptions<U> {
    identity_loader: Option<Arc<dyn IdentityLoader<U>>>,
    config: Option<PasswordConfig>,
    policy: NewPasswords,
    updater: Option<Arc<dyn PasswordUpdater<U>>>,
}

fn password_login<U>(
    options: PasswordOptions<U>,
    waived: bool,
    application: Option<&str>,
) -> Result<Option<PasswordLogin<U>>, ConfigError> {
    let PasswordOptions { identity_loader, config, policy, updater } = options;
    match (identity_loader, waived) {
        (Some(identity_loader), false) => {
            let hasher = PasswordHasher::new(config.unwrap_or_default())?;
            let policy = policy.policy().map(|policy| policy.context_words(application));
            policy.iter().try_for_each(PasswordPolicy::check_settings)?;
            Ok(Some(PasswordLogin { identity_loader, hasher, policy, updater }))
        }
        (None, true) if config.is_none() && !policy.is_said() && updater.is_none() => Ok(None),
        (None, false) => Err(ConfigError::new(
            "identity_loader",
            "there is no identity loader, so no user could log in",
            "call `.identity_loader(…)`, or `.without_password_login()` if that is meant",
        )),
        (_, true) => Err(ConfigError::new(
            "without_password_login",
            "password login is switched off, but there is an option for it",
            "remove `.without_password_login()`, or the identity loader, password configuration, policy and \
             updater",
        )),
    }
}

/// A header is sent on purpose and comes first. A browser attaches cookies on its own, so they come
/// second. Anybody can make a link, and a token in its URL must not make a browser act as another
/// user than its cookie says, so URLs come last.
fn precedence(transport: &dyn Transport) -> u8 {
    match (transport.is_in_url(), transport.is_ambient()) {
        (false, false) => 0,
        (false, true) => 1,
        (true, _) => 2,
    }
}

/// Names are compared as they stand in the URL, so a name that needs encoding would never match.
fn check_query_names(transports: &[Box<dyn Transport>]) -> Result<(), ConfigError> {
    for transport in transports {
        if let SecurityScheme::Query { name } = transport.describe()
            && (name.is_empty()
                || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
        {
            return Err(ConfigError::new(
                "danger_query_token",
                "the name of the parameter is empty or has characters that need encoding",
                "use letters, digits, `-` and `_`",
            ));
        }
    }
    Ok(())
}

impl<U> fmt::Debug for AuthProviderBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthProviderBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::{MemoryStore, token::TokenPayload as Payload};

    struct Nobody;

    impl AuthUser for Nobody {
        fn subject(&self) -> impl AsRef<str> {
            "nobody"
        }

        fn is_active(&self) -> bool {
            true
        }
    }

    /// Epochs end familiar addresses: one that was forgotten would end none.
    #[test]
    fn epochs_are_remembered_as_long_as_familiar_addresses() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let kept = |throttle: Option<LoginThrottle>| {
            let secret = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
            let builder = AuthProvider::builder(AuthConfig::builder().secret(secret).build().unwrap())
                .user_loader(async |_: Arc<Payload>| Ok::<_, Infallible>(Some(Nobody)))
                .without_password_login()
                .danger_share_application()
                .store(MemoryStore::new());
            let builder = match throttle {
                Some(throttle) => builder.login_throttle(throttle),
                None => builder.danger_without_login_throttle(),
            };
            builder.build().unwrap().inner.revocations.as_ref().unwrap().retention.login
        };
        let sessions = kept(None);
        assert_eq!(kept(Some(LoginThrottle::new().familiar_for(sessions + DAY))), sessions + DAY);
        assert_eq!(kept(Some(LoginThrottle::new().familiar_for(DAY))), sessions);
    }
}
