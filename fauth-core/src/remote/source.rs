//! [`JwksSource`]: where the keys of an issuer come from.

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

/// The public keys of an issuer, fetched and kept fresh. Cheap to clone: clones share their keys.
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
/// Nothing is fetched before a provider uses it: at [`warm_up`](Self::warm_up), or with the first
/// token. From then on a task refreshes it, on the runtime that began, until the last clone is
/// dropped. The keys of a [tenant](crate::trusted_issuer::IssuerResolver) are no longer refreshed
/// when no token has needed them for as long as they are good; the next one fetches them.
#[derive(Clone)]
pub struct JwksSource {
    shared: Arc<Shared>,
    fixed: Option<Arc<str>>,
}

impl JwksSource {
    /// The keys that the server at this URL returns: a JWK Set ([RFC 7517 section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    ///
    /// # Errors
    /// [`ConfigError`] for `url` unless it is an `https` URL without user, password and fragment.
    /// `http` is allowed for this machine (`localhost`, `127.0.0.0/8`, `[::1]`), and for others if
    /// [the client allows it](Fetch::danger_allows_http).
    pub fn url(url: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let url = url.into();
        check("url", &url, &fetch)?;
        let name = without_query(&url).into();
        Ok(Self::remote(name, Place::Url(url), Arc::new(fetch)))
    }

    /// The keys of this issuer, wherever its discovery document says that they are: first [OpenID
    /// Connect
    /// Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)
    /// (`{issuer}/.well-known/openid-configuration`); if the server answers that with a status of
    /// 4xx, `/.well-known/oauth-authorization-server` ([RFC
    /// 8414](https://www.rfc-editor.org/rfc/rfc8414)).
    ///
    /// Write the issuer exactly as it stands in the claim `iss` of its tokens, with its last `/` if
    /// it has one: a document that names another is refused. The keys may be on another host, over
    /// `https`.
    ///
    /// # Errors
    /// [`ConfigError`] for `issuer`, as for [`url`](Self::url); also if it has a query.
    pub fn discover(issuer: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        check("issuer", &issuer, &fetch)?;
        if issuer.contains('?') {
            let fix = "write it as in the claim `iss`, or name the URL of the keys with `JwksSource::url`";
            return Err(ConfigError::new("issuer", format!("{issuer:?} has a query"), fix));
        }
        Ok(Self::remote(issuer.as_str().into(), Place::Discovered(issuer), Arc::new(fetch)))
    }

    /// These keys and no others, as a JWK Set: for tests, and for issuers that cannot be reached.
    ///
    /// # Security
    /// A key that the issuer removes stays trusted until the application has another set.
    ///
    /// # Errors
    /// [`ConfigError`] for `jwks` if it is no JWK Set with a key that verifies, if it holds a
    /// secret or a private key, two keys of one id, or more than 100 keys.
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

    /// A source of its own with other settings: nothing is shared with clones from before.
    fn changed(self, change: impl FnOnce(&mut Settings, &mut Arc<str>)) -> Self {
        let (mut settings, mut name) = (self.shared.settings, Arc::clone(&self.shared.name));
        change(&mut settings, &mut name);
        let shared = Arc::new(Shared::new(name, settings, self.shared.remote.clone()));
        Self { shared, fixed: self.fixed }
    }

    /// What events and [`health`](Self::health) call it. Default: the URL without its query, or the
    /// issuer.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.changed(|_, old| *old = name.into().into())
    }

    /// How long a set is fresh if the answer has no `max-age`. Default: 5 minutes.
    #[must_use]
    pub fn fresh_for(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.fresh_for = span)
    }

    /// What `max-age` of an answer may be at least and at most; what is outside counts as the
    /// bound. Default: 30 seconds and 1 hour. From 1 second to 24 hours.
    ///
    /// # Security
    /// The upper bound and [`stale_for`](Self::stale_for) together are how long a key that the
    /// issuer has removed can stay trusted.
    #[must_use]
    pub fn fresh_between(self, least: Duration, most: Duration) -> Self {
        self.changed(|settings, _| (settings.fresh_at_least, settings.fresh_at_most) = (least, most))
    }

    /// How long a set that is no longer fresh is used while fetches fail. Default: 10 minutes. From
    /// 0 to 24 hours.
    #[must_use]
    pub fn stale_for(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.stale_for = span)
    }

    /// The least time between a fetch and another one for a key that is not in the set. Default: 30
    /// seconds. From 1 second.
    ///
    /// # Security
    /// Anybody can send tokens that name unknown keys. This bounds how many fetches they cause.
    #[must_use]
    pub fn unknown_key_interval(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.unknown_key_interval = span)
    }

    /// How long one fetch may take, discovery included: how long a request waits for keys at most.
    /// Default: 5 seconds. At most 30.
    #[must_use]
    pub fn timeout(self, span: Duration) -> Self {
        self.changed(|settings, _| settings.timeout = span)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Where the document is in which the issuer says where its keys are. `None` if nobody asks for
    /// it.
    #[cfg(feature = "openapi")]
    pub(crate) fn discovery_document(&self) -> Option<String> {
        match &self.shared.remote {
            Some(Remote { place: Place::Discovered(issuer), .. }) => Some(openid_url(issuer)),
            _ => None,
        }
    }

    /// Are its keys fetched over plain `http`?
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
            let fix = "write both alike, or name the URL of the keys with `JwksSource::url`";
            return Err(ConfigError::new("issuer", problem, fix));
        }
        self.shared.attach(allowed, context)?;
        if let Some(jwks) = &self.fixed {
            let keys = read_keys(jwks, allowed).map_err(|error| unusable(&error))?;
            self.shared.hold(Held::fixed(keys));
        }
        Ok(())
    }

    /// The keys that are there, without waiting. When they are due, a refresh begins in the
    /// background.
    ///
    /// # Errors
    /// There are none, or they are too old: ask [`refreshed`](Self::refreshed).
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

    /// The keys after a fetch, if one may be made now: for a key that the snapshot does not have,
    /// and where there is no snapshot. Returns as soon as the fetch has ended, also one that others
    /// have begun.
    ///
    /// # Errors
    /// There are still none, or they are too old. Also if the last fetch has failed: whether the
    /// issuer has the key is not known then, and the token cannot be called invalid.
    pub(crate) async fn refreshed(&self, now: Timestamp) -> Result<Arc<PublicKeys>, KeysUnavailable> {
        let usable = self.shared.held().as_deref().is_some_and(|held| held.is_usable(now));
        let reason = if usable { Reason::UnknownKey } else { Reason::Needed };
        match join(&self.shared, reason) {
            // Closed when it has ended. Its time is bounded in its own task, which may end with its
            // runtime.
            Ok(Some(mut landing)) => drop(landing.changed().await),
            Ok(None) => {}
            Err(error) => return Err(self.shared.unavailable_because(error)),
        }
        if self.shared.is_failing() {
            return Err(self.shared.unavailable());
        }
        // What was fetched meanwhile is younger than `now`.
        self.snapshot(now)
    }

    /// Fetches the keys unless they are there: so that the first request need not wait for them.
    ///
    /// # Errors
    /// [`KeysUnavailable`] if there are none. A provider goes on trying: it is no reason not to
    /// start.
    pub async fn warm_up(&self) -> Result<(), KeysUnavailable> {
        let now = self.shared.now().map_err(|error| self.shared.unavailable_because(error))?;
        match self.snapshot(now) {
            Ok(_) => Ok(()),
            Err(_) => self.refreshed(now).await.map(|_| ()),
        }
    }

    /// Its state.
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
        ConfigError::new(field, problem, "name an `https` URL, such as `https://login.example.com`")
    })
}

fn unusable(error: &KeySourceError) -> ConfigError {
    let fix = "pass a JWK Set with public keys, as the issuer publishes it at its `jwks_uri`";
    ConfigError::new("jwks", error.to_string(), fix)
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
