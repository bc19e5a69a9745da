//! [`JwksSource`]: the source of an issuer's keys.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "openapi")]
use super::discovery::openid_url;
use super::{
    address::{Allowed, check_url, is_plain},
    fault::{KeySourceError, KeysUnavailable},
    fetch::Fetch,
    flight::{join, nudge},
    health::KeySourceHealth,
    held::Held,
    obtain::{Place, read_keys},
    pace::Reason,
    settings::Settings,
    shared::{KeyContext, Remote, Shared},
};
use crate::{
    clock::Timestamp,
    error::ConfigError,
    token::{Algorithm, PublicKeys},
};

/// The public keys of an issuer, fetched and kept fresh.
///
/// Clones are cheap and share their keys.
///
/// ```
/// # use fauth_core::{async_trait, remote::{Fetch, FetchError, FetchRequest, FetchResponse}};
/// # #[derive(Debug)]
/// # struct HttpFetch;
/// # #[async_trait]
/// # impl Fetch for HttpFetch {
/// #     async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
/// #         Err(FetchError::TimedOut)
/// #     }
/// # }
/// use fauth_core::remote::JwksSource;
///
/// // `HttpFetch` is that of the crate `fauth-remote`.
/// let keys = JwksSource::discover("https://login.example.com/realms/shop", HttpFetch)?;
/// let keys = JwksSource::url("https://login.example.com/certs", HttpFetch)?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// Nothing is fetched until a provider uses the source: at [`warm_up`](Self::warm_up), or for the
/// first token. From then on a background task on that runtime refreshes it until the last clone is
/// dropped. The keys of a [tenant](crate::trusted_issuer::IssuerResolver) are no longer refreshed
/// once no token has needed them for as long as they are valid; the next token fetches them again.
#[derive(Clone)]
pub struct JwksSource {
    shared: Arc<Shared>,
    fixed: Option<Arc<str>>,
}

impl JwksSource {
    /// Fetches keys from this URL, which returns a JWK Set ([RFC 7517 section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    ///
    /// # Errors
    /// [`ConfigError`] for `url` unless it is an `https` URL without user name, password and
    /// fragment. `http` is allowed for a loopback host (`localhost`, `127.0.0.0/8`, `[::1]`), and
    /// for other hosts if [the client allows it](Fetch::danger_allows_http).
    pub fn url(url: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let url = url.into();
        check("url", &url, &fetch)?;
        let name = without_query(&url).into();
        Ok(Self::remote(name, Place::Url(url), Arc::new(fetch)))
    }

    /// Fetches keys from the URL in the issuer's discovery document: first [OpenID Connect
    /// Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)
    /// (`{issuer}/.well-known/openid-configuration`); if the server answers that with a 4xx status,
    /// `/.well-known/oauth-authorization-server` ([RFC
    /// 8414](https://www.rfc-editor.org/rfc/rfc8414)).
    ///
    /// Pass the issuer exactly as in the claim `iss` of its tokens, including a trailing `/`: a
    /// document that names another issuer is refused. The keys may be on another host, over
    /// `https`.
    ///
    /// # Errors
    /// [`ConfigError`] for `issuer`, as for [`url`](Self::url), and also if it has a query.
    pub fn discover(issuer: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        check("issuer", &issuer, &fetch)?;
        if issuer.contains('?') {
            let fix = "use the value of the claim `iss`, or set the URL of the keys with `JwksSource::url`";
            return Err(ConfigError::new("issuer", format!("{issuer:?} has a query"), fix));
        }
        Ok(Self::remote(issuer.as_str().into(), Place::Discovered(issuer), Arc::new(fetch)))
    }

    /// Uses these keys only, as a JWK Set: for tests, and for issuers that cannot be reached.
    ///
    /// # Security
    /// A key that the issuer removes stays trusted until the application is given another set.
    ///
    /// # Errors
    /// [`ConfigError`] for `jwks` if it is not a JWK Set with a key that verifies, or contains a
    /// secret, a private key, two keys with one id, or more than 100 keys.
    pub fn fixed(jwks: impl Into<String>) -> Result<Self, ConfigError> {
        let jwks = jwks.into();
        read_keys(&jwks, &Algorithm::ALL).map_err(|error| unusable(&error))?;
        let shared = Arc::new(Shared::new("fixed keys".into(), Settings::default(), None));
        Ok(Self { shared, fixed: Some(jwks.into()) })
    }

    fn remote(name: Arc<str>, place: Place, fetch: Arc<dyn Fetch>) -> Self {
        let shared = Shared::new(name, Settings::default(), Some(Remote { place, fetch }));
        Self { shared: Arc::new(shared), fixed: None }
    }

    /// Creates a separate source with other settings, which shares nothing with earlier clones.
    fn changed(self, change: impl FnOnce(&mut Settings, &mut Arc<str>)) -> Self {
        let (mut settings, mut name) = (self.shared.settings, Arc::clone(&self.shared.name));
        change(&mut settings, &mut name);
        let shared = Arc::new(Shared::new(name, settings, self.shared.remote.clone()));
        Self { shared, fixed: self.fixed }
    }

    /// Sets the name in events and in [`health`](Self::health). Default: the URL without its query,
    /// or the issuer.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.changed(|_, old| *old = name.into().into())
    }

    /// Sets how long a set is fresh if the response has no `max-age`. Default: 5 minutes.
    #[must_use]
    pub fn fresh_for(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.fresh_for = span)
    }

    /// Sets the lower and upper bound of `max-age`; a value outside counts as the bound. Default:
    /// 30 seconds and 1 hour. From 1 second to 24 hours.
    ///
    /// # Security
    /// A key that the issuer has removed can stay trusted for the upper bound plus
    /// [`stale_for`](Self::stale_for).
    #[must_use]
    pub fn fresh_between(self, least: Duration, most: Duration) -> Self {
        self.changed(|settings, _| (settings.fresh_at_least, settings.fresh_at_most) = (least, most))
    }

    /// Sets how long a set that is no longer fresh is used while fetches fail. Default: 10 minutes.
    /// From 0 to 24 hours.
    #[must_use]
    pub fn stale_for(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.stale_for = span)
    }

    /// Sets the minimum time between a fetch and the next one for a key that is not in the set.
    /// Default: 30 seconds. From 1 second.
    ///
    /// # Security
    /// Anyone can send tokens that name unknown keys. This bounds the fetches that they cause.
    #[must_use]
    pub fn unknown_key_interval(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.unknown_key_interval = span)
    }

    /// Sets the time limit of one fetch, including discovery, which is also how long a request
    /// waits for keys at most. Default: 5 seconds. At most 30.
    #[must_use]
    pub fn timeout(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.timeout = span)
    }

    /// The name of the source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The URL of the discovery document. `None` if the source does not use one.
    #[cfg(feature = "openapi")]
    pub(crate) fn discovery_document(&self) -> Option<String> {
        match &self.shared.remote {
            Some(Remote { place: Place::Discovered(issuer), .. }) => Some(openid_url(issuer)),
            _ => None,
        }
    }

    /// Whether the keys are fetched over plain `http`.
    pub(crate) fn is_plain(&self) -> bool {
        let place = self.shared.remote.as_ref().map(|remote| &remote.place);
        place.is_some_and(|(Place::Url(url) | Place::Discovered(url))| is_plain(url))
    }

    /// Called when a provider is built.
    pub(crate) fn prepare(
        &self,
        issuer: &str,
        allowed: &[Algorithm],
        context: KeyContext,
    ) -> Result<(), ConfigError> {
        self.shared.settings.check()?;
        if let Some(Remote { place: Place::Discovered(discovered), .. }) = &self.shared.remote
            && discovered != issuer
        {
            let problem = format!("{issuer:?} is not the issuer whose keys are discovered, {discovered:?}");
            let fix = "make both equal, or set the URL of the keys with `JwksSource::url`";
            return Err(ConfigError::new("issuer", problem, fix));
        }
        self.shared.attach(allowed, context)?;
        if let Some(jwks) = &self.fixed {
            let keys = read_keys(jwks, allowed).map_err(|error| unusable(&error))?;
            self.shared.hold(Held::fixed(keys));
        }
        Ok(())
    }

    /// Returns the current keys without waiting. If they are due, a refresh starts in the
    /// background.
    ///
    /// # Errors
    /// If there are no keys, or they are too old: call [`refreshed`](Self::refreshed).
    pub(crate) fn snapshot(&self, now: Timestamp) -> Result<Arc<PublicKeys>, KeysUnavailable> {
        self.shared.mark_used();
        let held = self.shared.held();
        match held.as_deref().map(|held| (held, held.state(now))) {
            Some((held, state)) if state.is_usable => {
                if state.is_due {
                    nudge(&self.shared);
                }
                Ok(Arc::clone(&held.keys))
            }
            _ => Err(self.shared.unavailable()),
        }
    }

    /// Returns the keys after a fetch, if one may start now: for a key that the snapshot does not
    /// have, or if there is no snapshot. Returns as soon as the fetch has ended, including one that
    /// another request started.
    ///
    /// # Errors
    /// If there are still no keys, or they are too old. Also if the last fetch failed: whether the
    /// issuer has the key is then unknown, so the token cannot be called invalid.
    pub(crate) async fn refreshed(&self, now: Timestamp) -> Result<Arc<PublicKeys>, KeysUnavailable> {
        let usable = self.shared.held().as_deref().is_some_and(|held| held.is_usable(now));
        let reason = if usable { Reason::UnknownKey } else { Reason::Needed };
        match join(&self.shared, reason) {
            // Closed when the fetch has ended. Its time is bounded in its own task, which may end
            // with its runtime.
            Ok(Some(mut landing)) => drop(landing.changed().await),
            Ok(None) => {}
            Err(error) => return Err(self.shared.unavailable_because(error)),
        }
        if self.shared.is_failing() {
            return Err(self.shared.unavailable());
        }
        // Keys fetched meanwhile are younger than `now`.
        self.snapshot(now)
    }

    /// Fetches the keys unless they are present, so that the first request need not wait for them.
    ///
    /// # Errors
    /// [`KeysUnavailable`] if there are none. The provider keeps trying, so this is no reason not
    /// to start.
    pub async fn warm_up(&self) -> Result<(), KeysUnavailable> {
        let now = self.shared.now().map_err(|error| self.shared.unavailable_because(error))?;
        match self.snapshot(now) {
            Ok(_) => Ok(()),
            Err(_) => self.refreshed(now).await.map(|_| ()),
        }
    }

    /// The state of the source.
    #[must_use]
    pub fn health(&self) -> KeySourceHealth {
        self.shared.health()
    }
}

impl fmt::Debug for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksSource").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

fn check(field: &'static str, url: &str, fetch: &impl Fetch) -> Result<(), ConfigError> {
    let allowed = if fetch.danger_allows_http() { Allowed::DangerHttp } else { Allowed::HttpLocally };
    check_url(url, allowed).map_err(|problem| {
        ConfigError::new(field, problem, "use an `https` URL, such as `https://login.example.com`")
    })
}

fn unusable(error: &KeySourceError) -> ConfigError {
    let fix = "pass a JWK Set with public keys, as the issuer publishes it at its `jwks_uri`";
    ConfigError::new("jwks", error.to_string(), fix)
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
