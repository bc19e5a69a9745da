//! [`MandateAuth`]: a provider that accepts mandates only.

use std::{env::VarError, fmt, sync::Arc, time::Duration};

use super::{
    builder::AuthProviderBuilder,
    inner::{AuthProvider, Mandates},
};
use crate::{
    config::{AuthConfig, MAX_LEEWAY},
    error::ConfigError,
    escape::redacted,
    mandate::{ByPrincipal, Principal, PrincipalLoader, Principals},
    rejection::MandateJson,
    remote::{Allowed, Fetch, JwksSource, check_url},
    store::{AnchorStore, DEFAULT_ANCHOR_LIFETIME},
    trusted_issuer::TrustedIssuer,
    user::{AuthUser, UserLoader},
};

const ISSUER_VARIABLE: &str = "CARACAL_STS_URL";
const ZONE_VARIABLE: &str = "CARACAL_ZONE_ID";
const HTTP_VARIABLE: &str = "CARACAL_ALLOW_INSECURE_CONFIG_URLS";

const ISSUER_FIX: &str = "call `.issuer(\"https://sts.example.com\")`, or set CARACAL_STS_URL and begin \
                          with `MandateAuth::from_env()`";
const ZONE_FIX: &str = "call `.zone(…)`, or set CARACAL_ZONE_ID and begin with `MandateAuth::from_env()`";

/// No zone of a mandate is longer.
const MAX_ZONE_BYTES: usize = 255;
const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The leeways for `iat` and `exp` can extend the life of a mandate by less than this.
const BEYOND_LIFETIME: Duration = MAX_LEEWAY.saturating_mul(2);
/// Keys that the issuer removes stop being trusted after this time, while the issuer can be
/// reached.
const KEYS_FRESH_FOR: Duration = Duration::from_secs(300);
const KEYS_FRESH_AT_LEAST: Duration = Duration::from_secs(30);

/// Builds a provider that accepts [mandates](crate::mandate) of one issuer and one zone.
///
/// ```
/// use std::time::Duration;
/// use fauth_core::{AuthProvider, MandateAuth, Principal, Requirement, store::MemoryAnchorStore};
/// # use fauth_core::{async_trait, remote::{Fetch, FetchError, FetchRequest, FetchResponse}};
/// # #[derive(Debug)]
/// # struct HttpFetch;
/// # #[async_trait]
/// # impl Fetch for HttpFetch {
/// #     async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
/// #         Err(FetchError::TimedOut)
/// #     }
/// # }
///
/// // `HttpFetch` is in the crate `fauth-remote`. In production, use `RedisAnchorStore`.
/// let auth: AuthProvider<Principal> = MandateAuth::builder()
///     .issuer("https://sts.example.com")
///     .zone("zone_prod")
///     .audience("resource://billing-api")
///     .fetch(HttpFetch)
///     .revocations(MemoryAnchorStore::new())
///     .max_lifetime(Duration::from_secs(900))
///     .build()?;
///
/// // A requirement for guards and path rules.
/// let payout = Requirement::user().scopes(["billing:payout"]).delegation();
/// # let _ = (auth, payout);
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// Call [`warm_up`](AuthProvider::warm_up) when the service starts, to fetch the keys.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MandateAuth;

impl MandateAuth {
    /// Returns a builder without settings.
    pub fn builder() -> MandateAuthBuilder<Principal> {
        MandateAuthBuilder::new(Arc::new(Principals))
    }

    /// Returns a builder with settings from environment variables. Later calls replace them.
    ///
    /// | variable | setting |
    /// |---|---|
    /// | `CARACAL_STS_URL` | [`issuer`](MandateAuthBuilder::issuer), without `/` at its end |
    /// | `CARACAL_ZONE_ID` | [`zone`](MandateAuthBuilder::zone) |
    /// | `CARACAL_ALLOW_INSECURE_CONFIG_URLS` | `true`: [`danger_allow_http`] |
    ///
    /// [`danger_allow_http`]: MandateAuthBuilder::danger_allow_http
    ///
    /// Missing settings are reported by [`build`](MandateAuthBuilder::build).
    ///
    /// # Errors
    /// [`ConfigError`] with the name of the variable, if one is not UTF-8, or the last one is
    /// neither `true` nor `false`.
    pub fn from_env() -> Result<MandateAuthBuilder<Principal>, ConfigError> {
        Self::from_vars(|name| std::env::var(name))
    }

    fn from_vars(
        var: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<MandateAuthBuilder<Principal>, ConfigError> {
        let text = |name: &'static str| match var(name) {
            Ok(text) => Ok(Some(text)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => {
                Err(ConfigError::new(name, "the variable is not text", "write it in UTF-8"))
            }
        };
        let mut builder = Self::builder();
        if let Some(issuer) = text(ISSUER_VARIABLE)? {
            builder = builder.issuer(issuer.trim_end_matches('/'));
        }
        if let Some(zone) = text(ZONE_VARIABLE)? {
            builder = builder.zone(zone);
        }
        match text(HTTP_VARIABLE)?.as_deref().map(str::trim) {
            Some("true") => Ok(builder.danger_allow_http()),
            None | Some("" | "false") => Ok(builder),
            Some(_) => {
                let problem = "the variable is neither `true` nor `false`";
                Err(ConfigError::new(HTTP_VARIABLE, problem, "write `true`, or remove it"))
            }
        }
    }
}

/// Builds a provider of mandates.
///
/// | setting | default |
/// |---|---|
/// | [`issuer`](Self::issuer) | none: required |
/// | [`zone`](Self::zone) | none: required |
/// | [`audience`](Self::audience) | none: required |
/// | [`fetch`](Self::fetch), or [`keys`](Self::keys) | none: required |
/// | [`revocations`](Self::revocations) | none: required |
/// | [`user_loader`](Self::user_loader) | none: the user is the [`Principal`] |
/// | [`max_lifetime`](Self::max_lifetime) | 24 hours |
/// | [`anchor_lifetime`](Self::anchor_lifetime) | [`DEFAULT_ANCHOR_LIFETIME`] |
/// | [`single_use`](Self::single_use) | a mandate is valid until it expires |
/// | [`config`](Self::config) | [`AuthConfig::without_own_tokens`] |
///
/// The leeway for expired mandates is one minute and cannot be changed. Rejections have the form of
/// [`MandateJson`]. Everything else is set on the builder that [`provider`](Self::provider)
/// returns.
#[must_use = "a provider exists only after `build`"]
pub struct MandateAuthBuilder<U> {
    issuer: Option<String>,
    zone: Option<String>,
    audiences: Vec<String>,
    keys: Option<Keys>,
    revocations: Option<Arc<dyn AnchorStore>>,
    max_lifetime: Duration,
    anchor_lifetime: Duration,
    is_single_use: bool,
    allow_http: bool,
    config: Option<AuthConfig>,
    users: Arc<dyn UserLoader<U>>,
}

/// The source of the keys, as far as it was set.
enum Keys {
    Fetched { source: Box<SourceOf>, allows_http: bool },
    Source(JwksSource),
}

/// Creates a source from the URL of the keys.
type SourceOf = dyn FnOnce(String) -> Result<JwksSource, ConfigError> + Send + Sync;

impl<U: AuthUser> MandateAuthBuilder<U> {
    fn new(users: Arc<dyn UserLoader<U>>) -> Self {
        Self {
            issuer: None,
            zone: None,
            audiences: Vec::new(),
            keys: None,
            revocations: None,
            max_lifetime: DEFAULT_LIFETIME,
            anchor_lifetime: DEFAULT_ANCHOR_LIFETIME,
            is_single_use: false,
            allow_http: false,
            config: None,
            users,
        }
    }

    /// Sets the issuer of the mandates: an `https` URL, equal to the `iss` claim character for
    /// character. On this machine it may be `http`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the zone of this service (`zone_id`). Mandates of another zone are refused with 401
    /// `invalid_zone`.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets the audience that the mandates must have (`aud`): this service, such as
    /// `resource://billing-api`. After several calls, any one of the audiences is enough.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Fetches the keys of the issuer with this client, such as `HttpFetch` of the crate
    /// `fauth-remote`, from `{issuer}/.well-known/jwks.json?zone_id={zone}`. They are kept for up
    /// to 5 minutes, or for as long as the response allows if that is less, and for 10 minutes more
    /// while the issuer cannot be reached. So a key that the issuer removes is trusted for 15
    /// minutes at most. A mandate with an unknown key causes at most one fetch in 30 seconds. The
    /// last call of this method and [`keys`](Self::keys) wins.
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        let allows_http = fetch.danger_allows_http();
        let source = Box::new(move |url| {
            let source = JwksSource::url(url, fetch)?;
            Ok(source.fresh_between(KEYS_FRESH_AT_LEAST, KEYS_FRESH_FOR))
        });
        self.keys = Some(Keys::Fetched { source, allows_http });
        self
    }

    /// Sets the source of the issuer's keys, with settings of its own, such as
    /// [`JwksSource::fixed`] for tests.
    pub fn keys(mut self, keys: JwksSource) -> Self {
        self.keys = Some(Keys::Source(keys));
        self
    }

    /// Sets the store of revocations, which end mandates before they expire: `RedisAnchorStore`, or
    /// for development [`MemoryAnchorStore`](crate::store::MemoryAnchorStore), which logs a
    /// warning. It is asked on every request, within the [time
    /// limit](AuthProviderBuilder::store_timeout) of stores; if it fails or does not answer in
    /// time, the request is refused with 503.
    ///
    /// # Security
    /// The store knows only what was written to it. In a Caracal deployment, revocations of the
    /// control plane arrive by streams. Unless another service with the same store consumes them,
    /// start the consumers of `RedisAnchorStore` (`revocation_consumer`, `delegation_consumer`);
    /// otherwise no revocation ever arrives.
    pub fn revocations(mut self, store: impl AnchorStore) -> Self {
        self.revocations = Some(Arc::new(store));
        self
    }

    /// Sets the longest time between `iat` and `exp`; mandates that are valid for longer are
    /// refused. Default: 24 hours; at most 100 years. Caracal issues mandates of a resource for 15
    /// minutes, and those of a session for 60.
    ///
    /// More than 24 hours need an [`anchor_lifetime`](Self::anchor_lifetime) too: a mandate that
    /// lasts longer than its revocation would become valid again.
    pub const fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Declares how long revocations in the [store](Self::revocations) last, whoever writes them:
    /// each `StreamConsumer` (its setting `lasting`), and other services that share the store. It
    /// must be at least 10 minutes longer than the [`max_lifetime`](Self::max_lifetime). Default:
    /// [`DEFAULT_ANCHOR_LIFETIME`].
    ///
    /// This does not change what others do; it only declares it. Revocations by this provider are
    /// retained for as long as a mandate can last, whatever the value.
    ///
    /// # Security
    /// Caracal's own libraries revoke for 24 hours unless they are configured otherwise. With such
    /// a service on the same store, mandates must be at least 10 minutes shorter than that.
    pub const fn anchor_lifetime(mut self, lasting: Duration) -> Self {
        self.anchor_lifetime = lasting;
        self
    }

    /// Accepts each mandate once, across all services that share the [store](Self::revocations). It
    /// is spent after everything else has been checked, once for each request; a replay is refused
    /// with 401.
    ///
    /// # Security
    /// The request may fail after that, or its response may be lost. The client then needs another
    /// mandate to try again.
    pub const fn single_use(mut self) -> Self {
        self.is_single_use = true;
        self
    }

    /// Allows the issuer to be an `http` URL of another machine. The [client](Self::fetch) that
    /// fetches its keys must allow it too.
    ///
    /// # Security
    /// Everybody on the network path can insert their own keys, and sign mandates for any subject.
    pub const fn danger_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Sets the configuration of the provider: the realm, trusted proxies. It must be that of a
    /// service without own tokens, [`AuthConfig::without_own_tokens`].
    pub fn config(mut self, config: AuthConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Sets the loader that finds the application's own user of a mandate, in place of the
    /// [`Principal`]. It is called for every guarded request, after the claims of the mandate were
    /// accepted.
    ///
    /// ```
    /// use std::{convert::Infallible, sync::Arc};
    /// use fauth_core::{AuthUser, MandateAuth, Principal};
    ///
    /// struct Agent { id: String, is_enabled: bool }
    ///
    /// impl AuthUser for Agent {
    ///     fn subject(&self) -> impl AsRef<str> { &self.id }
    ///     fn is_active(&self) -> bool { self.is_enabled }
    /// }
    ///
    /// async fn agent(principal: Arc<Principal>) -> Result<Option<Agent>, Infallible> {
    ///     // Ask the database for `principal.client_id()`.
    ///     Ok(Some(Agent { id: principal.client_id().to_owned(), is_enabled: true }))
    /// }
    ///
    /// let builder = MandateAuth::builder().user_loader(agent);
    /// # let _ = builder;
    /// ```
    pub fn user_loader<L: PrincipalLoader>(self, loader: L) -> MandateAuthBuilder<L::User> {
        MandateAuthBuilder {
            users: Arc::new(ByPrincipal(loader)),
            issuer: self.issuer,
            zone: self.zone,
            audiences: self.audiences,
            keys: self.keys,
            revocations: self.revocations,
            max_lifetime: self.max_lifetime,
            anchor_lifetime: self.anchor_lifetime,
            is_single_use: self.is_single_use,
            allow_http: self.allow_http,
            config: self.config,
        }
    }

    /// Checks the settings and creates the provider.
    ///
    /// # Errors
    /// [`ConfigError`] for a setting that is missing, blank or impossible. It names the setting,
    /// and the environment variable that may hold it.
    pub fn build(self) -> Result<AuthProvider<U>, ConfigError> {
        self.provider()?.build()
    }

    /// Checks the settings, and returns the builder of the provider for further ones: events, a
    /// clock, a renderer, time limits. It accepts mandates only: other issuers, own tokens and API
    /// keys are refused in `build`.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn provider(self) -> Result<AuthProviderBuilder<U>, ConfigError> {
        let issuer = checked_issuer(self.issuer, self.allow_http)?;
        let zone: Arc<str> = checked_zone(self.zone)?.into();
        if self.audiences.iter().all(|audience| audience.trim().is_empty()) {
            let problem = "there is no audience, so that mandates for every other service would be accepted";
            let fix = "call `.audience(…)` with the resource that this service is, such as \
                       `resource://billing-api`";
            return Err(ConfigError::new("audience", problem, fix));
        }
        let keys = keys_of(self.keys, &issuer, &zone)?;
        let Some(store) = self.revocations else {
            let problem = "there is no store of revoked mandates";
            let fix = "call `.revocations(…)` with a `RedisAnchorStore`, or for development with \
                       `MemoryAnchorStore::new()`";
            return Err(ConfigError::new("revocations", problem, fix));
        };
        let remembered = checked_lifetimes(self.max_lifetime, self.anchor_lifetime)?;
        let mut trusted =
            TrustedIssuer::new(issuer, keys).mandate(Arc::clone(&zone)).max_lifetime(self.max_lifetime);
        for audience in self.audiences {
            trusted = trusted.audience(audience);
        }
        if self.allow_http {
            trusted = trusted.danger_allow_http();
        }
        let config = self.config.map_or_else(|| AuthConfig::without_own_tokens().build(), Ok);
        Ok(AuthProviderBuilder::new(config)
            .trusted_issuer(trusted)
            .for_mandates(Mandates { store, zone, remembered, is_single_use: self.is_single_use }, self.users)
            .renderer(MandateJson::new()))
    }
}

fn checked_issuer(issuer: Option<String>, allow_http: bool) -> Result<String, ConfigError> {
    let wrong = |problem: String| Err(ConfigError::new("issuer", problem, ISSUER_FIX));
    let Some(issuer) = issuer else { return wrong("there is no issuer of mandates".into()) };
    if issuer.trim().is_empty() {
        return wrong("it is blank".into());
    }
    let allowed = if allow_http { Allowed::DangerHttp } else { Allowed::HttpLocally };
    let checked = check_url(&issuer, allowed);
    match checked {
        Err(problem) => wrong(format!("`{}` {problem}", redacted(&issuer).escape_debug())),
        Ok(()) if issuer.contains('?') => wrong(format!("`{issuer}` has a query")),
        Ok(()) => Ok(issuer),
    }
}

fn checked_zone(zone: Option<String>) -> Result<String, ConfigError> {
    let wrong = |problem: &'static str| Err(ConfigError::new("zone", problem, ZONE_FIX));
    match zone {
        None => wrong("there is no zone, so that mandates of every zone of the issuer would be accepted"),
        Some(zone) if zone.trim().is_empty() => wrong("it is blank"),
        Some(zone) if zone.len() > MAX_ZONE_BYTES => wrong("it is longer than 255 bytes"),
        Some(zone) => Ok(zone),
    }
}

/// How long a mandate can be valid after it is issued. No revocation may be forgotten earlier.
fn checked_lifetimes(mandate: Duration, anchor: Duration) -> Result<Duration, ConfigError> {
    let longest = mandate.saturating_add(BEYOND_LIFETIME);
    if longest <= anchor {
        return Ok(longest);
    }
    let problem = format!(
        "mandates that last {} s would outlast revocations that last {} s, and become valid again",
        mandate.as_secs(),
        anchor.as_secs()
    );
    let fix = format!(
        "set it to at most {} s; or let all revocations last {} s (`lasting` of each `StreamConsumer`), \
         and declare that with `.anchor_lifetime(…)`",
        anchor.saturating_sub(BEYOND_LIFETIME).as_secs(),
        longest.as_secs()
    );
    Err(ConfigError::new("max_lifetime", problem, fix))
}

fn keys_of(keys: Option<Keys>, issuer: &str, zone: &str) -> Result<JwksSource, ConfigError> {
    match keys {
        Some(Keys::Source(keys)) => Ok(keys),
        Some(Keys::Fetched { allows_http: false, .. })
            if check_url(issuer, Allowed::HttpLocally).is_err() =>
        {
            let problem = format!("`{issuer}` is plain `http`, which the client refuses to fetch");
            let fix =
                "use `https`, or let the client allow it (`danger_allow_http` of `HttpFetch::builder()`)";
            Err(ConfigError::new("fetch", problem, fix))
        }
        Some(Keys::Fetched { source, .. }) => source(keys_url(issuer, zone)),
        None => Err(ConfigError::new(
            "fetch",
            "there is no source of the keys that mandates are signed with",
            "call `.fetch(HttpFetch::new()?)`, or `.keys(…)` with a source of your own",
        )),
    }
}

/// The URL of the keys of a zone in a Caracal deployment.
fn keys_url(issuer: &str, zone: &str) -> String {
    let base = format!("{}/.well-known/jwks.json?", issuer.trim_end_matches('/'));
    let start = base.len();
    form_urlencoded::Serializer::for_suffix(base, start).append_pair("zone_id", zone).finish()
}

impl<U> fmt::Debug for MandateAuthBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MandateAuthBuilder")
            .field("issuer", &self.issuer)
            .field("zone", &self.zone)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
