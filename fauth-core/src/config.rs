//! Settings of the provider: parsed and validated once, in `build`.

use std::{env::VarError, fmt, ops::RangeInclusive, time::Duration};

use zeroize::Zeroizing;

use crate::{
    client::{ForwardedHeader, TrustedProxies},
    clock::{Timestamp, parse_duration},
    csrf::CsrfKeys,
    error::ConfigError,
    escape::Escaped,
    one_time::Seals,
    store::HashKeys,
    token::{
        Algorithm, DEFAULT_MAX_TOKEN_BYTES, Expectations, FixedKeys, Issuer, Key, KeyError, Keys, Origin,
        PerPurpose, PublishedKeys, Purpose, ScopeClaim, Secret, TokenProfile, Verifier,
    },
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The upper bound of both leeways.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The bounds of a configurable maximum lifetime: one second to a century.
const MAX_LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(100 * 366 * DAY);
const TOKEN_BYTES: RangeInclusive<usize> = 512..=65_536;
/// The application name used when none is configured.
const DEFAULT_APPLICATION: &str = "default";
const MAX_APPLICATION_BYTES: usize = 64;
const GOOD_SECRET: &str = "generate one with `openssl rand -base64 48` and keep it out of the source code";

fn default_lifetime(purpose: Purpose) -> Duration {
    Duration::from_secs(match purpose {
        Purpose::Access | Purpose::PasswordReset | Purpose::MagicLink | Purpose::LoginUnlock => 15 * MINUTE,
        Purpose::Refresh | Purpose::Session => 7 * DAY,
        Purpose::EmailVerification => 24 * HOUR,
    })
}

/// The default maximum lifetime of a token that is issued or accepted.
fn default_max_lifetime(purpose: Purpose) -> Duration {
    Duration::from_secs(match purpose {
        Purpose::Access | Purpose::PasswordReset | Purpose::MagicLink | Purpose::LoginUnlock => HOUR,
        Purpose::Refresh | Purpose::Session => 30 * DAY,
        Purpose::EmailVerification => 7 * DAY,
    })
}

/// The validated settings of an [`AuthProvider`](crate::AuthProvider).
///
/// Build one with [`builder`](Self::builder), or read it from environment variables with
/// [`from_env`](Self::from_env). Every setting is checked when the value is built.
///
/// | setting | default | environment variable |
/// |---|---|---|
/// | application name | `default` with a [`MemoryStore`](crate::MemoryStore); required with any other store | `FAUTH_APPLICATION` |
/// | secret that signs tokens | required | `FAUTH_SECRET_KEY` |
/// | key id (`kid`) of the secret | none | `FAUTH_SECRET_KEY_ID` |
/// | previous secret, still accepted | none | `FAUTH_PREVIOUS_SECRET_KEY`, `FAUTH_PREVIOUS_SECRET_KEY_ID` |
/// | secret for hashes in stores | derived from the secret | `FAUTH_STORE_SECRET` |
/// | previous store secret, still accepted | none | `FAUTH_PREVIOUS_STORE_SECRET` |
/// | HMAC algorithm | `HS256` | `FAUTH_ALGORITHM` |
/// | private key that signs tokens instead of the secret | none | `FAUTH_SIGNING_KEY_FILE` (PEM, JWK or DER) or `FAUTH_SIGNING_KEY` (PEM or JWK) |
/// | algorithm of the private key | required with such a key | `FAUTH_SIGNING_ALGORITHM` (`ES256`, `EdDSA`, `RS256` …) |
/// | previous private or public key, still accepted | none | `FAUTH_PREVIOUS_SIGNING_KEY_FILE` |
/// | access token lifetime | 15 minutes | `FAUTH_ACCESS_TOKEN_LIFETIME` (`900s`, `15m`, `1h`; units `s`, `m`, `h`, `d`) |
/// | refresh token lifetime | 7 days | `FAUTH_REFRESH_TOKEN_LIFETIME` |
/// | password reset token lifetime | 15 minutes | `FAUTH_PASSWORD_RESET_TOKEN_LIFETIME` |
/// | e-mail verification token lifetime | 24 hours | `FAUTH_EMAIL_VERIFICATION_TOKEN_LIFETIME` |
/// | magic link lifetime | 15 minutes | `FAUTH_MAGIC_LINK_TOKEN_LIFETIME` |
/// | login unlock token lifetime | 15 minutes | `FAUTH_LOGIN_UNLOCK_TOKEN_LIFETIME` |
/// | maximum lifetime of a token that is issued or accepted | 1 hour for access, password reset and login unlock tokens and magic links; 30 days for refresh tokens; 7 days for e-mail verification tokens | each of the six as `FAUTH_DANGER_MAX_…`, such as `FAUTH_DANGER_MAX_ACCESS_TOKEN_LIFETIME` |
/// | issuer | none: `iss` is neither written nor required | `FAUTH_ISSUER` |
/// | audience | none: a token with `aud` is refused | `FAUTH_AUDIENCE` |
/// | leeway for `nbf` and `iat` | 30 seconds, at most 300 | `FAUTH_LEEWAY` |
/// | leeway for `exp` | none, at most 300 seconds | `FAUTH_EXPIRY_LEEWAY` |
/// | maximum token length | 8192 bytes; 512 to 65536 | `FAUTH_MAX_TOKEN_BYTES` |
/// | token profile | `standard` | `FAUTH_TOKEN_PROFILE` (`standard`, `python-fauth`, `python-fauth-migration`) |
/// | claim that holds the scopes of issued tokens | `scopes` | `FAUTH_SCOPE_CLAIM` (`scopes`, `scope`) |
/// | earliest `iat` of Python fauth tokens that may predate the revocation store | none: they are refused | `FAUTH_TRUST_SINCE` (Unix seconds); with a memory store `FAUTH_DANGER_TRUST_SINCE` |
/// | realm of challenges | `fauth` | `FAUTH_REALM` |
/// | trusted reverse proxies | none: the client address is the socket's | `FAUTH_TRUSTED_PROXIES` (`10.0.0.0/8, ::1`) |
/// | header that these proxies write | `X-Forwarded-For` | `FAUTH_FORWARDED_HEADER` (`X-Forwarded-For`, `Forwarded`) |
///
/// ```
/// use std::time::Duration;
/// use fauth_core::{AuthConfig, Purpose};
///
/// # let secret_from_the_vault = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
/// let config = AuthConfig::builder()
///     .application("shop")
///     .secret(secret_from_the_vault)
///     .issuer("https://login.example.com")
///     .audience("https://api.example.com")
///     .lifetime(Purpose::Access, Duration::from_secs(5 * 60))
///     .build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct AuthConfig {
    keys: Keys,
    /// Secrets from which all other keys are derived, the current one first: the signing secret, or
    /// the secret beside an asymmetric signing key, then the previous ones.
    secrets: Vec<Secret>,
    /// Secrets of the hashes in stores, the current one first. Empty if these hashes depend on
    /// `secrets` alone.
    store_secrets: Vec<Secret>,
    profile: TokenProfile,
    scope_claim: ScopeClaim,
    trust: Option<Trust>,
    origin: Origin,
    is_named: bool,
    leeway: i64,
    expiry_leeway: i64,
    lifetimes: PerPurpose<Duration>,
    max_lifetimes: PerPurpose<i64>,
    max_token_bytes: usize,
    realm: Box<str>,
    trusted_proxies: TrustedProxies,
}

/// Since when Python fauth tokens may predate the revocation store's records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trust {
    pub(crate) since: Timestamp,
    /// Whether this holds for a store that loses its revocations at a restart, too.
    pub(crate) despite_restarts: bool,
}

impl AuthConfig {
    /// Starts a configuration in code. Only the secret is required.
    pub fn builder() -> AuthConfigBuilder {
        AuthConfigBuilder::default()
    }

    /// Starts the configuration of a service that issues no tokens and accepts those of [trusted
    /// issuers](crate::AuthProviderBuilder::trusted_issuer) only.
    ///
    /// There is no secret and no key. Settings that concern own tokens (lifetimes, issuer, audience
    /// and others) are refused in [`build`](AuthConfigBuilder::build).
    ///
    /// If every setting keeps its default,
    /// [`AuthProvider::resource_server`](crate::AuthProvider::resource_server) is shorter.
    ///
    /// ```
    /// # use fauth_core::AuthConfig;
    /// let config = AuthConfig::without_own_tokens().application("shop").realm("shop").build()?;
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    #[cfg(feature = "trusted-issuers")]
    pub fn without_own_tokens() -> AuthConfigBuilder {
        AuthConfigBuilder { without_own_tokens: true, ..AuthConfigBuilder::default() }
    }

    /// Reads the settings from the environment variables in the table [above](Self).
    ///
    /// `.env` files are not read; load them in the application if you use them.
    ///
    /// A variable whose name is nearly one of these, such as `FAUTH_ISUER`, is an error, so that a
    /// typing mistake does not leave a setting at its default. Other `FAUTH_…` names are ignored,
    /// because orchestrators set some, such as `FAUTH_SERVICE_HOST`.
    ///
    /// # Errors
    /// [`ConfigError`] if a required variable is missing, or if one is misspelt, malformed, or out
    /// of bounds. [`ConfigError::field`] is the variable's name.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_env_or(|_| None)
    }

    /// Reads the settings like [`from_env`](Self::from_env), with the application's own default for
    /// each variable that is not set.
    ///
    /// ```
    /// # use fauth_core::AuthConfig;
    /// # fn example() -> Result<(), fauth_core::ConfigError> {
    /// let config = AuthConfig::from_env_or(|name| match name {
    ///     "FAUTH_APPLICATION" => Some("shop".to_owned()),
    ///     _ => None,
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_env_or(default: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        check_environment()?;
        Self::from_vars(|name| std::env::var(name).ok().or_else(|| default(name)))
    }

    /// Starts a builder from the environment variables, for settings that no variable can hold,
    /// such as a key ring or a key whose private half is in a key management service.
    ///
    /// ```
    /// # use fauth_core::{AuthConfig, ConfigError, token::Key};
    /// # fn example(key: Key) -> Result<(), ConfigError> {
    /// let config = AuthConfig::builder_from_env()?.signing_key(key).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if a required variable is missing, or if one is misspelt or malformed.
    pub fn builder_from_env() -> Result<AuthConfigBuilder, ConfigError> {
        check_environment()?;
        AuthConfigBuilder::from_vars(&|name| std::env::var(name).ok())
    }

    /// Reads the settings with `var`, which looks up the variable names in the table [above](Self).
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        AuthConfigBuilder::from_vars(&var)?.build().map_err(|error| error.in_field(variable_of))
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let expectations = Expectations {
            profile: self.profile,
            origin: self.origin.clone(),
            leeway: self.leeway,
            expiry_leeway: self.expiry_leeway,
            max_lifetime: self.max_lifetimes,
            max_token_bytes: self.max_token_bytes,
        };
        Verifier::new(self.keys.clone(), expectations)
    }

    pub(crate) fn token_issuer(&self) -> Option<Issuer> {
        Issuer::new(
            &self.keys,
            (self.profile.issues(), self.scope_claim),
            self.origin.clone(),
            self.lifetimes,
            self.max_lifetime(Purpose::Refresh),
            self.max_token_bytes,
        )
    }

    /// The keys that other services may verify tokens with, if there are any.
    pub(crate) fn published_keys(&self) -> Option<PublishedKeys> {
        match &self.keys {
            Keys::Fixed(keys) => PublishedKeys::of_fixed(keys.all()),
            #[cfg(feature = "trusted-issuers")]
            Keys::Ring(ring) => Some(PublishedKeys::of_ring(ring)),
        }
    }

    pub(crate) fn lifetime(&self, purpose: Purpose) -> Duration {
        *self.lifetimes.of(purpose)
    }

    /// The longest time for which a token of this purpose can be accepted, whichever instance's
    /// clock counts it.
    pub(crate) fn longest(&self, purpose: Purpose) -> Duration {
        let leeways = self.leeway.saturating_add(self.expiry_leeway);
        self.max_lifetime(purpose).saturating_add(Duration::from_secs(leeways.unsigned_abs()))
    }

    pub(crate) fn max_lifetime(&self, purpose: Purpose) -> Duration {
        Duration::from_secs(self.max_lifetimes.of(purpose).unsigned_abs())
    }

    /// The configured `iss` of own tokens.
    #[cfg(feature = "trusted-issuers")]
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.origin.issuer.as_deref()
    }

    /// The application name, or `default`.
    pub(crate) fn application(&self) -> &str {
        &self.origin.application
    }

    /// Whether an application name was configured.
    pub(crate) const fn is_named(&self) -> bool {
        self.is_named
    }

    pub(crate) const fn trust(&self) -> Option<Trust> {
        self.trust
    }

    pub(crate) const fn profile(&self) -> TokenProfile {
        self.profile
    }

    /// Values by which two providers of one process detect that they share a token secret or key.
    /// They reveal nothing else about it.
    pub(crate) fn fingerprints(&self) -> Vec<Zeroizing<String>> {
        self.secrets.iter().map(Secret::fingerprint).chain(self.keys.fingerprints()).collect()
    }

    /// The key that hashes identifiers in events: the same on every instance, and used for nothing
    /// else.
    pub(crate) fn identifier_key(&self) -> Zeroizing<String> {
        let key = self.secrets.first().map(|secret| self.derive(secret, "identifiers in events"));
        key.unwrap_or_default()
    }

    /// Keys for the bindings of one-time tokens, one per key that may have signed a token.
    pub(crate) fn seals(&self) -> Seals {
        Seals::new(self.secrets.iter().map(|secret| self.derive(secret, "bindings of one-time tokens")))
    }

    /// Keys for CSRF tokens, one per key that may have signed the token of their session.
    pub(crate) fn csrf_keys(&self) -> CsrfKeys {
        CsrfKeys::new(self.secrets.iter().map(|secret| self.derive(secret, "CSRF tokens")))
    }

    /// Keys for the hashes in stores. Those derived from the signing secrets come last, so that
    /// records made before a store secret was set stay valid.
    pub(crate) fn hash_keys(&self) -> HashKeys {
        let secrets = self.store_secrets.iter().chain(&self.secrets);
        HashKeys::new(secrets.map(|secret| self.derive(secret, "hashes in stores")))
    }

    /// Derives a key of this application for one purpose. An application name contains no space, so
    /// no two pairs of purpose and name have the same label.
    fn derive(&self, secret: &Secret, purpose: &str) -> Zeroizing<String> {
        secret.derive(&format!("fauth: {purpose} of {}", self.application()))
    }

    pub(crate) const fn max_token_bytes(&self) -> usize {
        self.max_token_bytes
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }

    pub(crate) const fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }
}

/// Builder of an [`AuthConfig`]. [`build`](Self::build) checks the settings.
#[must_use = "settings take effect only in `build`"]
#[derive(Clone, Default)]
pub struct AuthConfigBuilder {
    application: Option<String>,
    secret: Option<Zeroizing<Vec<u8>>>,
    secret_id: Option<String>,
    signing_key: Option<Key>,
    #[cfg(feature = "trusted-issuers")]
    key_ring: Option<crate::token::KeyRing>,
    previous_secret: Option<(Zeroizing<Vec<u8>>, Option<String>)>,
    verification_keys: Vec<Key>,
    store_secret: Option<Zeroizing<Vec<u8>>>,
    previous_store_secrets: Vec<Zeroizing<Vec<u8>>>,
    allow_short_secret: bool,
    without_own_tokens: bool,
    algorithm: Algorithm,
    profile: TokenProfile,
    scope_claim: ScopeClaim,
    trust_since: Option<Timestamp>,
    danger_trust_since: Option<Timestamp>,
    issuer: Option<String>,
    audiences: Vec<String>,
    leeway: Option<Duration>,
    expiry_leeway: Duration,
    lifetimes: Vec<(Purpose, Duration)>,
    max_lifetimes: Vec<(Purpose, Duration)>,
    max_token_bytes: Option<usize>,
    realm: Option<String>,
    trusted_proxies: TrustedProxies,
}

impl AuthConfigBuilder {
    /// Sets the application name: 1 to 64 ASCII letters, digits, `-`, `_` and `.`. Required with
    /// every store that other applications can reach; with a [`MemoryStore`](crate::MemoryStore)
    /// the default is `default`.
    ///
    /// Two applications may share a store, and even a secret. If their names differ, neither
    /// accepts, lists or revokes anything of the other. All instances of one application have the
    /// same name. Changing the name logs every user out and makes existing API keys unusable.
    ///
    /// The name is written into tokens as the claim `app`, and every token must have it. Tokens in
    /// the Python fauth format have no such claim, so an application that [reads
    /// them](TokenProfile::PythonFauth) needs a secret of its own.
    ///
    /// ```
    /// # use fauth_core::AuthConfig;
    /// # let secret = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";
    /// let customers = AuthConfig::builder().application("shop").secret(secret).build()?;
    /// let staff = AuthConfig::builder().application("back-office").secret(secret).build()?;
    /// # Ok::<(), fauth_core::ConfigError>(())
    /// ```
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// Sets the secret that signs tokens, as raw bytes: at least 32 for HS256, 48 for HS384, 64 for
    /// HS512.
    ///
    /// With an asymmetric [`signing_key`](Self::signing_key) or a key ring the secret signs no
    /// tokens. It is still required: the keys for CSRF tokens, for the hashes in stores and for
    /// everything else that no other service verifies are derived from it.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = Some(Zeroizing::new(secret.as_ref().to_vec()));
        self
    }

    /// Sets the id of the secret, written as `kid` into tokens. Required once there is more than
    /// one key.
    pub fn secret_id(mut self, id: impl Into<String>) -> Self {
        self.secret_id = Some(id.into());
        self
    }

    /// Sets the key that signs tokens: an HMAC key instead of [`secret`](Self::secret), or a
    /// private key beside it. The public half of a private key is published at
    /// `/.well-known/jwks.json`, so that other services can verify the tokens.
    pub fn signing_key(mut self, key: Key) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Sets a ring of signing keys that can be rotated while the service runs, beside the
    /// [`secret`](Self::secret). Keys that only verify go into the ring too:
    /// [`KeyRing::add_verification_key`](crate::token::KeyRing::add_verification_key).
    #[cfg(feature = "trusted-issuers")]
    pub fn key_ring(mut self, ring: crate::token::KeyRing) -> Self {
        self.key_ring = Some(ring);
        self
    }

    /// Adds a key whose tokens are still accepted. To replace a key without logging users out, sign
    /// with the new key, keep the old one here for the lifetime of the longest token, then remove
    /// it.
    pub fn verification_key(mut self, key: Key) -> Self {
        self.verification_keys.push(key);
        self
    }

    /// Sets the secret for the hashes of API keys and one-time tokens in the store: at least 32
    /// bytes. An attacker who can write to the store but does not know this secret cannot forge an
    /// API key. Recommended as soon as there are API keys.
    ///
    /// Default: derived from the key that signs tokens. API keys then stop working when that key is
    /// replaced and is no longer among the [verification keys](Self::verification_key); a store
    /// secret makes the two rotations independent. It can be set at any time: existing records stay
    /// valid as long as the key that signed when they were made is configured.
    pub fn store_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.store_secret = Some(Zeroizing::new(secret.as_ref().to_vec()));
        self
    }

    /// Adds a previous [store secret](Self::store_secret) whose hashes are still accepted. To
    /// rotate it, create new API keys under the new secret, and remove the old one when the keys
    /// made under it have expired or been replaced. Each record names the secret under which it was
    /// made.
    pub fn previous_store_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.previous_store_secrets.push(Zeroizing::new(secret.as_ref().to_vec()));
        self
    }

    /// Allows a secret that is shorter than its hash, a phrase, or a UUID, for services that share
    /// a secret with a legacy system.
    ///
    /// # Security
    /// See [`Key::danger_short_hmac`].
    pub const fn danger_allow_short_secret(mut self) -> Self {
        self.allow_short_secret = true;
        self
    }

    /// Sets the algorithm of the secret. Default: HS256.
    pub const fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the token format. Default: [`TokenProfile::Standard`].
    pub const fn token_profile(mut self, profile: TokenProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the claim that holds the scopes of issued tokens. Default: [`ScopeClaim::Scopes`]. Both
    /// claims are read in either case; a token that has both is refused unless they list the same
    /// scopes.
    ///
    /// # Errors
    /// In `build` with [`TokenProfile::PythonFauth`], which has no `scope` claim.
    pub const fn scope_claim(mut self, claim: ScopeClaim) -> Self {
        self.scope_claim = claim;
        self
    }

    /// Accepts Python fauth tokens that were issued before the revocation store began to record, if
    /// they were issued at or after `since`. Set it to the time of the oldest token to accept, such
    /// as the day of the migration minus the longest token lifetime. By default every token that
    /// the Python service issued before the first start is refused, because the store cannot know
    /// what was revoked by then.
    ///
    /// Only for [`TokenProfile::PythonFauthMigration`], and only for these tokens. The
    /// application's own tokens are never accepted if they are older than the store's records. A
    /// token that is revoked here is refused regardless of its age.
    ///
    /// # Security
    /// Revocations that the Python service made itself are unknown here. If the store loses its
    /// data (a flushed Redis, dropped tables), it also forgets what was revoked here, and tokens
    /// from that time work again until they expire. Remove the setting when the last of them has
    /// expired.
    ///
    /// # Errors
    /// In `build` with any other profile. When the provider is built, if revocations are kept in
    /// memory (see [`danger_trust_since`](Self::danger_trust_since)), or `since` is more than a day
    /// in the future.
    pub const fn trust_since(mut self, since: Timestamp) -> Self {
        self.trust_since = Some(since);
        self
    }

    /// Like [`trust_since`](Self::trust_since), and also allowed with a revocation store that loses
    /// its data when the process ends, such as [`MemoryStore`](crate::MemoryStore).
    ///
    /// # Security
    /// Every restart revives the Python fauth tokens that were revoked before it: a user who has
    /// logged out is logged in again until those tokens expire.
    pub const fn danger_trust_since(mut self, since: Timestamp) -> Self {
        self.danger_trust_since = Some(since);
        self
    }

    /// Sets the issuer: written as `iss`, and required in every token.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the audience: written as `aud`, and required in every token. Call it again to add more;
    /// a token must name at least one of them.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets how far `nbf` and `iat` may lie in the future, to allow for clock skew. Default: 30
    /// seconds, at most 300.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// Sets for how long a token is accepted after it has expired. Default: zero; at most 300
    /// seconds.
    pub const fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.expiry_leeway = leeway;
        self
    }

    /// Sets the lifetime of tokens of a purpose, in whole seconds. Default: 15 minutes for access,
    /// password reset and login unlock tokens and magic links, 7 days for refresh tokens, 24 hours
    /// for e-mail verification tokens.
    ///
    /// [`Purpose::Session`] is refused: the lifetime of browser sessions is set in
    /// [`SessionConfig`](crate::SessionConfig).
    pub fn lifetime(mut self, purpose: Purpose, lifetime: Duration) -> Self {
        self.lifetimes.push((purpose, lifetime));
        self
    }

    /// Sets the maximum lifetime that a token of a purpose may have to be accepted, whoever issued
    /// it. Default: 1 hour for access, password reset and login unlock tokens and magic links, 30
    /// days for refresh tokens, 7 days for e-mail verification tokens.
    ///
    /// The maximum for refresh tokens bounds the idle timeout of sessions and, without a session
    /// store, the whole login; with one,
    /// [`SessionConfig::lifetime`](crate::SessionConfig::lifetime) does. It applies to browser
    /// sessions too; [`Purpose::Session`] itself is refused here.
    ///
    /// # Security
    /// A stolen token can be used for as long.
    pub fn danger_max_lifetime(mut self, purpose: Purpose, lifetime: Duration) -> Self {
        self.max_lifetimes.push((purpose, lifetime));
        self
    }

    /// Sets the maximum length of a token in bytes; longer ones are refused unread. From 512 to
    /// 65536. Default: 8192.
    pub const fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = Some(bytes);
        self
    }

    /// Sets the `realm` of challenges ([RFC 9110 section
    /// 11.5](https://www.rfc-editor.org/rfc/rfc9110#section-11.5)). Default: `fauth`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Sets the reverse proxies whose forwarding header is trusted. Default: none, so that behind a
    /// proxy every client appears to have the proxy's address.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Checks every setting and builds the configuration.
    ///
    /// # Errors
    /// [`ConfigError`] for the first invalid setting, with its name and how to fix it.
    pub fn build(self) -> Result<AuthConfig, ConfigError> {
        let (keys, secrets) = if self.without_own_tokens {
            self.refuse_settings_of_own_tokens()?;
            (Keys::Fixed(FixedKeys::empty()), Vec::new())
        } else {
            self.keys()?
        };
        let store_secrets = self.store_secrets()?;
        let mut max_lifetimes = per_purpose(default_max_lifetime, &self.max_lifetimes);
        let mut lifetimes = per_purpose(default_lifetime, &self.lifetimes);
        let names_session = |set: &[(Purpose, Duration)]| set.iter().any(|(of, _)| *of == Purpose::Session);
        for (field, set) in [("lifetime", &self.lifetimes), ("danger_max_lifetime", &self.max_lifetimes)] {
            if names_session(set) {
                return Err(ConfigError::new(
                    field,
                    "`Purpose::Session` has no lifetime of its own",
                    "set `SessionConfig::idle_timeout` and `lifetime`; the maximum is that of `Purpose::Refresh`",
                ));
            }
        }
        // A session token and a refresh token continue the same login, so they share one maximum.
        max_lifetimes.set(Purpose::Session, *max_lifetimes.of(Purpose::Refresh));
        lifetimes.set(Purpose::Session, *lifetimes.of(Purpose::Refresh));
        check_lifetimes(&lifetimes, &max_lifetimes)?;
        if self.profile == TokenProfile::PythonFauth && (self.issuer.is_some() || !self.audiences.is_empty())
        {
            return Err(ConfigError::new(
                "token_profile",
                "Python fauth tokens have no issuer and no audience, but one is configured",
                "remove `issuer` and `audience`, or use another profile",
            ));
        }
        if self.profile == TokenProfile::PythonFauth && self.scope_claim != ScopeClaim::Scopes {
            return Err(ConfigError::new(
                "scope_claim",
                "Python fauth tokens always use the claim `scopes`",
                "remove the setting, or use another profile",
            ));
        }
        let max_token_bytes = self.max_token_bytes.unwrap_or(DEFAULT_MAX_TOKEN_BYTES);
        if !TOKEN_BYTES.contains(&max_token_bytes) {
            return Err(ConfigError::new(
                "max_token_bytes",
                format!("{max_token_bytes} is out of bounds"),
                format!("use {} to {}", TOKEN_BYTES.start(), TOKEN_BYTES.end()),
            ));
        }
        let trust = self.trust()?;
        let is_named = self.application.is_some();
        let application = self.application.unwrap_or_else(|| DEFAULT_APPLICATION.to_owned());
        check_application(&application)?;
        let realm = self.realm.unwrap_or_else(|| "fauth".to_owned());
        check_text("realm", &realm)?;
        self.issuer.iter().try_for_each(|issuer| check_text("issuer", issuer))?;
        self.audiences.iter().try_for_each(|audience| check_text("audience", audience))?;
        let config = AuthConfig {
            keys,
            secrets,
            store_secrets,
            profile: self.profile,
            scope_claim: self.scope_claim,
            trust,
            origin: Origin {
                application: application.into_boxed_str(),
                issuer: self.issuer.map(String::into_boxed_str),
                audiences: self.audiences.into_iter().map(String::into_boxed_str).collect(),
            },
            is_named,
            leeway: check_leeway("leeway", self.leeway.unwrap_or(DEFAULT_LEEWAY))?,
            expiry_leeway: check_leeway("expiry_leeway", self.expiry_leeway)?,
            lifetimes,
            max_lifetimes: PerPurpose::from_fn(|purpose| whole_seconds(*max_lifetimes.of(purpose))),
            max_token_bytes,
            realm: realm.into_boxed_str(),
            trusted_proxies: self.trusted_proxies,
        };
        #[cfg(feature = "trusted-issuers")]
        if let Keys::Ring(ring) = &config.keys {
            let longest = Purpose::ALL.into_iter().map(|purpose| config.longest(purpose)).max();
            ring.serve_tokens_of(longest.unwrap_or_default());
        }
        Ok(config)
    }

    fn trust(&self) -> Result<Option<Trust>, ConfigError> {
        let (field, trust) = match (self.trust_since, self.danger_trust_since) {
            (None, None) => return Ok(None),
            (Some(since), None) => ("trust_since", Trust { since, despite_restarts: false }),
            (None, Some(since)) => ("danger_trust_since", Trust { since, despite_restarts: true }),
            (Some(_), Some(_)) => {
                let fix =
                    "set only `danger_trust_since` with a memory store, only `trust_since` with any other";
                return Err(ConfigError::new("trust_since", "`danger_trust_since` is set too", fix));
            }
        };
        if self.profile != TokenProfile::PythonFauthMigration {
            return Err(ConfigError::new(
                field,
                "the setting is only for the token profile `python-fauth-migration`",
                "remove the setting, or use that profile",
            ));
        }
        Ok(Some(trust))
    }

    /// A setting that has no effect here was set in the belief that it has one.
    fn refuse_settings_of_own_tokens(&self) -> Result<(), ConfigError> {
        let is_set = [
            ("secret", self.secret.is_some() || self.previous_secret.is_some()),
            ("signing_key", self.signing_key.is_some()),
            #[cfg(feature = "trusted-issuers")]
            ("key_ring", self.key_ring.is_some()),
            ("verification_key", !self.verification_keys.is_empty()),
            ("issuer", self.issuer.is_some()),
            ("audience", !self.audiences.is_empty()),
            ("lifetime", !self.lifetimes.is_empty()),
            ("danger_max_lifetime", !self.max_lifetimes.is_empty()),
            ("token_profile", self.profile != TokenProfile::default()),
            ("trust_since", self.trust_since.is_some() || self.danger_trust_since.is_some()),
        ];
        match is_set.into_iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((field, _)) => Err(ConfigError::new(
                field,
                "the setting is for own tokens, and `AuthConfig::without_own_tokens` has none",
                "remove it, or use `AuthConfig::builder()`; `TrustedIssuer` has the settings for tokens of other issuers",
            )),
        }
    }

    /// The token keys, and the secrets from which all other keys are derived.
    fn keys(&self) -> Result<(Keys, Vec<Secret>), ConfigError> {
        let secret = self.secret.as_ref();
        let secret = secret.map(|secret| self.hmac_key("secret", secret, self.secret_id.as_deref()));
        let secret = secret.transpose()?;
        let previous = self.previous_secret.as_ref();
        let previous = previous
            .map(|(secret, id)| self.hmac_key("previous_secret", secret, id.as_deref()))
            .transpose()?;
        #[cfg(feature = "trusted-issuers")]
        if let Some(ring) = &self.key_ring {
            return Ok((Keys::Ring(self.only_ring(ring)?), secrets_beside(secret, previous.as_ref(), &[])?));
        }
        match (self.signing_key.clone(), secret) {
            (Some(key), secret) if !key.algorithm().is_symmetric() => {
                let keys = self.fixed(key, None)?;
                Ok((keys, secrets_beside(secret, previous.as_ref(), &self.verification_keys)?))
            }
            (Some(_), Some(_)) => Err(ConfigError::new(
                "signing_key",
                "the signing key is an HMAC key, and `secret` is set too",
                "set one of the two",
            )),
            (None, None) => Err(ConfigError::new("secret", "no secret is set", GOOD_SECRET)),
            (Some(key), None) | (None, Some(key)) => {
                let secrets = [&key].into_iter().chain(&self.verification_keys).chain(&previous);
                let secrets = secrets.filter_map(Secret::of).collect();
                Ok((self.fixed(key, previous)?, secrets))
            }
        }
    }

    fn fixed(&self, signing: Key, previous: Option<Key>) -> Result<Keys, ConfigError> {
        if !signing.can_sign() {
            return Err(ConfigError::new(
                "signing_key",
                "the key is public and cannot sign",
                "use the private key; add a public one with `verification_key`",
            ));
        }
        let others = self.verification_keys.iter().cloned().chain(previous).collect();
        FixedKeys::new(signing, others).map(Keys::Fixed).ok_or_else(|| {
            ConfigError::new(
                "verification_key",
                "two keys have the same id, or no id",
                "give each key its own id with `secret_id` or `Key::with_id`",
            )
        })
    }

    #[cfg(feature = "trusted-issuers")]
    fn only_ring(&self, ring: &crate::token::KeyRing) -> Result<crate::token::KeyRing, ConfigError> {
        let fix = "add the key to the ring with `KeyRing::new` or `KeyRing::add_verification_key`";
        if self.signing_key.is_some() {
            return Err(ConfigError::new("signing_key", "`key_ring` is set too", fix));
        }
        if !self.verification_keys.is_empty() {
            return Err(ConfigError::new("verification_key", "`key_ring` is set too", fix));
        }
        Ok(ring.clone())
    }

    fn store_secrets(&self) -> Result<Vec<Secret>, ConfigError> {
        if self.store_secret.is_none() && !self.previous_store_secrets.is_empty() {
            return Err(ConfigError::new(
                "store_secret",
                "`previous_store_secret` is set without `store_secret`",
                "set `store_secret` too",
            ));
        }
        let key = |field, secret: &Zeroizing<Vec<u8>>| {
            let refused = |error: KeyError| ConfigError::new(field, error.to_string(), GOOD_SECRET);
            Secret::new(secret).map_err(refused)
        };
        let current = self.store_secret.iter().map(|secret| key("store_secret", secret));
        let previous = self.previous_store_secrets.iter();
        current.chain(previous.map(|secret| key("previous_store_secret", secret))).collect()
    }

    fn hmac_key(&self, field: &'static str, secret: &[u8], id: Option<&str>) -> Result<Key, ConfigError> {
        let key = if self.allow_short_secret {
            Key::danger_short_hmac(self.algorithm, secret)
        } else {
            Key::hmac(self.algorithm, secret)
        };
        let refused = |error: KeyError| ConfigError::new(field, error.to_string(), GOOD_SECRET);
        let key = key.map_err(refused)?;
        match id {
            None => Ok(key),
            Some(id) => key.with_id(id).map_err(|error| {
                ConfigError::new("secret_id", error.to_string(), "use a short name such as `2026-11`")
            }),
        }
    }

    fn from_vars(var: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut builder = Self::default();
        let secret = var("FAUTH_SECRET_KEY")
            .map(Zeroizing::new)
            .ok_or_else(|| ConfigError::new("FAUTH_SECRET_KEY", "the variable is not set", GOOD_SECRET))?;
        builder = builder.secret(secret.as_bytes());
        builder.secret_id = var("FAUTH_SECRET_KEY_ID");
        builder.previous_secret = var("FAUTH_PREVIOUS_SECRET_KEY").map(|secret| {
            let secret = Zeroizing::new(secret);
            (Zeroizing::new(secret.as_bytes().to_vec()), var("FAUTH_PREVIOUS_SECRET_KEY_ID"))
        });
        let store_secret = |name| var(name).map(|secret| Zeroizing::new(secret.into_bytes()));
        builder.store_secret = store_secret("FAUTH_STORE_SECRET");
        builder.previous_store_secrets.extend(store_secret("FAUTH_PREVIOUS_STORE_SECRET"));
        builder.application = var("FAUTH_APPLICATION");
        builder.issuer = var("FAUTH_ISSUER");
        builder.audiences.extend(var("FAUTH_AUDIENCE"));
        builder.realm = var("FAUTH_REALM");
        if let Some(name) = var("FAUTH_ALGORITHM") {
            let algorithm = Algorithm::parse(&name).filter(|algorithm| algorithm.is_symmetric());
            builder.algorithm = algorithm.ok_or_else(|| {
                ConfigError::new(
                    "FAUTH_ALGORITHM",
                    "the value is not an HMAC algorithm",
                    "use HS256, HS384 or HS512; set FAUTH_SIGNING_ALGORITHM for a private key",
                )
            })?;
        }
        builder.read_signing_keys(var)?;
        if let Some(name) = var("FAUTH_TOKEN_PROFILE") {
            builder.profile = TokenProfile::parse(&name).ok_or_else(|| {
                ConfigError::new(
                    "FAUTH_TOKEN_PROFILE",
                    "unknown token profile",
                    "use standard, python-fauth or python-fauth-migration",
                )
            })?;
        }
        if let Some(name) = var("FAUTH_SCOPE_CLAIM") {
            builder.scope_claim = ScopeClaim::parse(&name).ok_or_else(|| {
                ConfigError::new("FAUTH_SCOPE_CLAIM", "unknown claim", "use scopes or scope")
            })?;
        }
        if let Some(bytes) = var("FAUTH_MAX_TOKEN_BYTES") {
            builder.max_token_bytes = Some(bytes.parse().map_err(|_| {
                ConfigError::new(
                    "FAUTH_MAX_TOKEN_BYTES",
                    "the value is not a number",
                    "use a number of bytes, such as 8192",
                )
            })?);
        }
        builder.trust_since = time_var(var, "FAUTH_TRUST_SINCE")?;
        builder.danger_trust_since = time_var(var, "FAUTH_DANGER_TRUST_SINCE")?;
        builder.trusted_proxies = proxies_var(var)?;
        builder.leeway = duration_var(var, "FAUTH_LEEWAY")?;
        builder.expiry_leeway = duration_var(var, "FAUTH_EXPIRY_LEEWAY")?.unwrap_or_default();
        for variables in LIFETIME_VARIABLES {
            variables.read_into(&mut builder, var)?;
        }
        Ok(builder)
    }
}

impl AuthConfigBuilder {
    fn read_signing_keys(&mut self, var: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        const FILE: &str = "FAUTH_SIGNING_KEY_FILE";
        const TEXT: &str = "FAUTH_SIGNING_KEY";
        const ALGORITHM: &str = "FAUTH_SIGNING_ALGORITHM";
        const PREVIOUS: &str = "FAUTH_PREVIOUS_SIGNING_KEY_FILE";
        let (file, text) = (var(FILE), var(TEXT).map(Zeroizing::new));
        let (algorithm, previous) = (var(ALGORITHM), var(PREVIOUS));
        if file.is_none() && text.is_none() {
            let lone = algorithm.map(|_| ALGORITHM).or(previous.map(|_| PREVIOUS));
            return lone.map_or(Ok(()), |lone| {
                let fix = format!("set {FILE} or {TEXT}, or unset the variable");
                Err(ConfigError::new(lone, "no signing key is set", fix))
            });
        }
        let algorithm = algorithm.as_deref().and_then(Algorithm::parse);
        let algorithm = algorithm.filter(|algorithm| !algorithm.is_symmetric()).ok_or_else(|| {
            let problem = "the algorithm of the signing key is missing or unknown";
            let known = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric());
            let names: Vec<&str> = known.map(Algorithm::as_str).collect();
            ConfigError::new(ALGORITHM, problem, format!("use one of {}", names.join(", ")))
        })?;
        let refused = |variable| {
            move |error: KeyError| {
                ConfigError::new(variable, error.to_string(), "see the documentation of `Key`")
            }
        };
        self.signing_key = Some(match (file, text) {
            (Some(path), None) => Key::from_file(algorithm, path).map_err(refused(FILE))?,
            (_, None) => return Ok(()),
            (None, Some(text)) => Key::from_text(algorithm, &text).map_err(refused(TEXT))?,
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(TEXT, format!("{FILE} is set too"), "set one of the two"));
            }
        });
        if let Some(path) = previous {
            self.verification_keys.push(Key::from_file(algorithm, path).map_err(refused(PREVIOUS))?);
        }
        Ok(())
    }
}

impl fmt::Debug for AuthConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfigBuilder")
            .field("application", &self.application)
            .field("algorithm", &self.algorithm)
            .field("profile", &self.profile)
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

/// Every environment variable that is read.
const VARIABLES: [&str; 36] = [
    "FAUTH_APPLICATION",
    "FAUTH_STORE_SECRET",
    "FAUTH_PREVIOUS_STORE_SECRET",
    "FAUTH_SECRET_KEY",
    "FAUTH_SECRET_KEY_ID",
    "FAUTH_PREVIOUS_SECRET_KEY",
    "FAUTH_PREVIOUS_SECRET_KEY_ID",
    "FAUTH_ALGORITHM",
    "FAUTH_SIGNING_KEY",
    "FAUTH_SIGNING_KEY_FILE",
    "FAUTH_SIGNING_ALGORITHM",
    "FAUTH_PREVIOUS_SIGNING_KEY_FILE",
    "FAUTH_ACCESS_TOKEN_LIFETIME",
    "FAUTH_REFRESH_TOKEN_LIFETIME",
    "FAUTH_PASSWORD_RESET_TOKEN_LIFETIME",
    "FAUTH_EMAIL_VERIFICATION_TOKEN_LIFETIME",
    "FAUTH_MAGIC_LINK_TOKEN_LIFETIME",
    "FAUTH_LOGIN_UNLOCK_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_ACCESS_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_REFRESH_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_PASSWORD_RESET_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_EMAIL_VERIFICATION_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_MAGIC_LINK_TOKEN_LIFETIME",
    "FAUTH_DANGER_MAX_LOGIN_UNLOCK_TOKEN_LIFETIME",
    "FAUTH_ISSUER",
    "FAUTH_AUDIENCE",
    "FAUTH_LEEWAY",
    "FAUTH_EXPIRY_LEEWAY",
    "FAUTH_MAX_TOKEN_BYTES",
    "FAUTH_TOKEN_PROFILE",
    "FAUTH_SCOPE_CLAIM",
    "FAUTH_TRUST_SINCE",
    "FAUTH_DANGER_TRUST_SINCE",
    "FAUTH_REALM",
    PROXIES_VARIABLE,
    HEADER_VARIABLE,
];

/// The secrets of an application whose tokens are signed with another key.
fn secrets_beside(
    secret: Option<Key>,
    previous: Option<&Key>,
    others: &[Key],
) -> Result<Vec<Secret>, ConfigError> {
    let secret = secret.ok_or_else(|| {
        ConfigError::new(
            "secret",
            "no secret is set beside the signing key: hashes in stores, CSRF tokens and bindings of one-time \
             tokens are derived from it",
            GOOD_SECRET,
        )
    })?;
    let secrets = [&secret].into_iter().chain(previous).chain(others);
    Ok(secrets.filter_map(Secret::of).collect())
}

fn check_environment() -> Result<(), ConfigError> {
    refuse_what_is_not_text()?;
    let names: Vec<_> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    refuse_near_misses(names.iter().map(String::as_str))
}

fn refuse_what_is_not_text() -> Result<(), ConfigError> {
    for name in VARIABLES {
        if let Err(VarError::NotUnicode(_)) = std::env::var(name) {
            return Err(ConfigError::new(name, "the value is not valid UTF-8", "set it to UTF-8 text"));
        }
    }
    Ok(())
}

const PROXIES_VARIABLE: &str = "FAUTH_TRUSTED_PROXIES";
const HEADER_VARIABLE: &str = "FAUTH_FORWARDED_HEADER";

/// The environment variable in which a reader of the error will look for the setting.
fn variable_of(field: &'static str) -> &'static str {
    match field {
        "application" => "FAUTH_APPLICATION",
        "store_secret" => "FAUTH_STORE_SECRET",
        "previous_store_secret" => "FAUTH_PREVIOUS_STORE_SECRET",
        "secret" => "FAUTH_SECRET_KEY",
        "secret_id" => "FAUTH_SECRET_KEY_ID",
        "previous_secret" => "FAUTH_PREVIOUS_SECRET_KEY",
        "signing_key" => "FAUTH_SIGNING_KEY_FILE",
        "verification_key" => "FAUTH_PREVIOUS_SECRET_KEY_ID",
        "issuer" => "FAUTH_ISSUER",
        "audience" => "FAUTH_AUDIENCE",
        "leeway" => "FAUTH_LEEWAY",
        "expiry_leeway" => "FAUTH_EXPIRY_LEEWAY",
        "max_token_bytes" => "FAUTH_MAX_TOKEN_BYTES",
        "token_profile" => "FAUTH_TOKEN_PROFILE",
        "scope_claim" => "FAUTH_SCOPE_CLAIM",
        "trust_since" => "FAUTH_TRUST_SINCE",
        "danger_trust_since" => "FAUTH_DANGER_TRUST_SINCE",
        "realm" => "FAUTH_REALM",
        other => other,
    }
}

/// The variables of one purpose: the lifetime of its tokens, and its maximum.
struct LifetimeVariables {
    purpose: Purpose,
    lifetime: &'static str,
    maximum: &'static str,
}

const LIFETIME_VARIABLES: [LifetimeVariables; 6] = [
    LifetimeVariables {
        purpose: Purpose::Access,
        lifetime: "FAUTH_ACCESS_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_ACCESS_TOKEN_LIFETIME",
    },
    LifetimeVariables {
        purpose: Purpose::Refresh,
        lifetime: "FAUTH_REFRESH_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_REFRESH_TOKEN_LIFETIME",
    },
    LifetimeVariables {
        purpose: Purpose::PasswordReset,
        lifetime: "FAUTH_PASSWORD_RESET_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_PASSWORD_RESET_TOKEN_LIFETIME",
    },
    LifetimeVariables {
        purpose: Purpose::EmailVerification,
        lifetime: "FAUTH_EMAIL_VERIFICATION_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_EMAIL_VERIFICATION_TOKEN_LIFETIME",
    },
    LifetimeVariables {
        purpose: Purpose::MagicLink,
        lifetime: "FAUTH_MAGIC_LINK_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_MAGIC_LINK_TOKEN_LIFETIME",
    },
    LifetimeVariables {
        purpose: Purpose::LoginUnlock,
        lifetime: "FAUTH_LOGIN_UNLOCK_TOKEN_LIFETIME",
        maximum: "FAUTH_DANGER_MAX_LOGIN_UNLOCK_TOKEN_LIFETIME",
    },
];

impl LifetimeVariables {
    /// Checks what `build` checks again, because the variable names are known only here.
    fn read_into(
        &self,
        builder: &mut AuthConfigBuilder,
        var: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let maximum = duration_var(var, self.maximum)?;
        if maximum.is_some_and(|maximum| !MAX_LIFETIMES.contains(&maximum)) {
            let problem = "the time span is out of bounds";
            return Err(ConfigError::new(self.maximum, problem, "use one second to a hundred years"));
        }
        let lifetime = duration_var(var, self.lifetime)?;
        let longest = maximum.unwrap_or_else(|| default_max_lifetime(self.purpose));
        let lasts = lifetime.unwrap_or_else(|| default_lifetime(self.purpose));
        if lasts.is_zero() || lasts > longest {
            let (lasts, longest) = (in_largest_unit(lasts), in_largest_unit(longest));
            let default = if lifetime.is_none() { ", the default," } else { "" };
            return Err(ConfigError::new(
                self.lifetime,
                format!("{lasts}{default} for {} tokens is out of bounds", self.purpose),
                format!("use 1s to {longest}, or raise `{}` knowingly", self.maximum),
            ));
        }
        builder.lifetimes.extend(lifetime.map(|lifetime| (self.purpose, lifetime)));
        builder.max_lifetimes.extend(maximum.map(|maximum| (self.purpose, maximum)));
        Ok(())
    }
}

/// Formats a span as a variable would hold it.
fn in_largest_unit(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')];
    match units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((DAY, _)) if seconds == DAY => "24h".to_owned(),
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// The largest edit distance at which a name counts as misspelt.
const MOST_SLIPS: usize = 2;

/// Refuses names that are nearly one of the variables.
fn refuse_near_misses<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    const PREFIX: &str = "FAUTH_";
    for name in names.filter(|name| !VARIABLES.contains(name)) {
        let upper = name.to_ascii_uppercase();
        let Some(rest) = upper.strip_prefix(PREFIX) else { continue };
        // A short name is allowed fewer mistakes: otherwise an unrelated one would match.
        let is_meant = |known: &&'static str| {
            known.strip_prefix(PREFIX).is_some_and(|known| {
                let slips = distance(rest, known);
                slips <= MOST_SLIPS && slips * 3 < known.len()
            })
        };
        if let Some(known) = VARIABLES.into_iter().find(is_meant) {
            return Err(ConfigError::new(
                known,
                format!("unknown variable `{}` is set", Escaped(name)),
                format!("write `{known}`, or rename the variable if it is not for fauth"),
            ));
        }
    }
    Ok(())
}

/// The Levenshtein distance between two texts.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (number, letter) in from.bytes().enumerate() {
        let mut diagonal = number;
        let mut left = number + 1;
        for (other, cell) in to.bytes().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(letter != other)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        row.first_mut().into_iter().for_each(|first| *first = number + 1);
    }
    row.last().copied().unwrap_or_default()
}

/// Reads Unix seconds, as `date +%s` prints them.
fn time_var(
    var: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<Timestamp>, ConfigError> {
    let Some(text) = var(name) else { return Ok(None) };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_number && *seconds <= Timestamp::MAX.unix_seconds());
    seconds.map(|seconds| Some(Timestamp::from_unix_seconds(seconds))).ok_or_else(|| {
        ConfigError::new(
            name,
            "the value is not a Unix time",
            "use whole seconds, as `date -d 2026-11-01 +%s` prints them",
        )
    })
}

fn proxies_var(var: &dyn Fn(&str) -> Option<String>) -> Result<TrustedProxies, ConfigError> {
    let proxies = var(PROXIES_VARIABLE)
        .map(|names| TrustedProxies::new(names.split(',')))
        .transpose()
        .map_err(|error| error.in_field(|_| PROXIES_VARIABLE))?;
    let header = var(HEADER_VARIABLE);
    match (proxies, header) {
        (None, None) => Ok(TrustedProxies::default()),
        (Some(proxies), None) => Ok(proxies),
        (Some(proxies), Some(name)) => {
            let header = ForwardedHeader::parse(&name).ok_or_else(|| {
                ConfigError::new(
                    HEADER_VARIABLE,
                    "unknown header",
                    "use X-Forwarded-For or Forwarded, whichever your proxies write",
                )
            })?;
            Ok(proxies.header(header))
        }
        (None, Some(_)) => Err(ConfigError::new(
            HEADER_VARIABLE,
            "no proxy is trusted, so the header is never read",
            "set FAUTH_TRUSTED_PROXIES, or unset the variable",
        )),
    }
}

fn duration_var(
    var: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<Duration>, ConfigError> {
    let Some(text) = var(name) else { return Ok(None) };
    parse_duration(&text).map(Some).ok_or_else(|| {
        ConfigError::new(
            name,
            "the value is not a duration",
            "use a number with a unit: 900s, 15m, 24h or 7d",
        )
    })
}

fn per_purpose(default: fn(Purpose) -> Duration, set: &[(Purpose, Duration)]) -> PerPurpose<Duration> {
    let mut values = PerPurpose::from_fn(default);
    for (purpose, value) in set {
        values.set(*purpose, *value);
    }
    values
}

fn check_lifetimes(
    lifetimes: &PerPurpose<Duration>,
    maxima: &PerPurpose<Duration>,
) -> Result<(), ConfigError> {
    for purpose in Purpose::ALL {
        let (lifetime, maximum) = (*lifetimes.of(purpose), *maxima.of(purpose));
        if !MAX_LIFETIMES.contains(&maximum) {
            return Err(ConfigError::new(
                "danger_max_lifetime",
                format!("{} s for {purpose} tokens is out of bounds", maximum.as_secs()),
                "use one second to a hundred years",
            ));
        }
        if lifetime.as_secs() == 0 || lifetime > maximum {
            return Err(ConfigError::new(
                "lifetime",
                format!("{} s for {purpose} tokens is out of bounds", lifetime.as_secs()),
                format!("use 1 s to {} s, or raise `danger_max_lifetime` knowingly", maximum.as_secs()),
            ));
        }
    }
    Ok(())
}

fn check_leeway(field: &'static str, leeway: Duration) -> Result<i64, ConfigError> {
    if leeway > MAX_LEEWAY {
        return Err(ConfigError::new(field, "the leeway is too long", "use at most 300 seconds"));
    }
    Ok(whole_seconds(leeway))
}

/// For values already checked to be far below the overflow.
fn whole_seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// The name is part of tokens, store keys and derivation labels.
fn check_application(name: &str) -> Result<(), ConfigError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_APPLICATION_BYTES || !name.bytes().all(is_allowed) {
        return Err(ConfigError::new(
            "application",
            "the name is empty, longer than 64 bytes, or has an invalid character",
            "use letters, digits, `-`, `_` and `.`",
        ));
    }
    Ok(())
}

/// Checks a text that ends up in a token or a header: visible ASCII and spaces, without quotes and
/// backslashes.
fn check_text(field: &'static str, text: &str) -> Result<(), ConfigError> {
    let allowed = |b| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
        return Err(ConfigError::new(
            field,
            "the text is empty, too long, or has characters that are not allowed in a header",
            "use 1 to 255 characters of visible ASCII without quotes and backslashes",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0f6c1b2a34d94a5b8f7e6d5c4b3a2918";

    fn good() -> AuthConfigBuilder {
        AuthConfig::builder().secret(SECRET)
    }

    #[track_caller]
    fn refused(builder: AuthConfigBuilder, field: &str) {
        assert_eq!(builder.build().map(|_| ()).map_err(|error| error.field()), Err(field));
    }

    #[track_caller]
    fn from(vars: &[(&str, &str)]) -> Result<AuthConfig, ConfigError> {
        AuthConfig::from_vars(|name| {
            let mut vars = vars.iter().chain(&[("FAUTH_SECRET_KEY", SECRET)]);
            vars.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// P-17, C-12, W-10: without one nothing starts, and none has a default.
    #[test]
    fn the_secret_is_required_and_checked() {
        assert!(good().build().is_ok());
        refused(AuthConfig::builder(), "secret");
        refused(AuthConfig::builder().secret(""), "secret");
        refused(AuthConfig::builder().secret("12345"), "secret");
        assert!(AuthConfig::builder().secret("12345").danger_allow_short_secret().build().is_ok());
        refused(AuthConfig::builder().secret("secret").danger_allow_short_secret(), "secret");
        refused(good().algorithm(Algorithm::HS512), "secret");
    }

    #[test]
    fn the_name_of_an_application_has_bounds() {
        for name in ["a", "Shop-2_b.c", "0", "default", &"x".repeat(64)] {
            let config = good().application(name).build().unwrap();
            assert_eq!((config.application(), config.is_named()), (name, true));
        }
        for name in ["", "a b", "ä", "a/b", "a:b", "a\0", &"x".repeat(65)] {
            refused(good().application(name), "application");
            assert_eq!(from(&[("FAUTH_APPLICATION", name)]).unwrap_err().field(), "FAUTH_APPLICATION");
        }
        let config = good().build().unwrap();
        assert_eq!((config.application(), config.is_named()), ("default", false));
        assert_eq!(from(&[("FAUTH_APPLICATION", "shop")]).unwrap().application(), "shop");
    }

    #[test]
    fn a_store_secret_is_held_to_the_rules_of_secrets() {
        let (new, old) = ("5d1c0e7fb9a2486395f0d8c7b6e5a413f2", "c84e1fa07b3d5296e0417d8fb2a6395c10");
        assert!(good().store_secret(new).previous_store_secret(old).build().is_ok());
        refused(good().store_secret(""), "store_secret");
        refused(good().store_secret("short").danger_allow_short_secret(), "store_secret");
        refused(good().previous_store_secret(old), "store_secret");
        refused(good().store_secret(new).previous_store_secret("short"), "previous_store_secret");
        assert!(!format!("{:?}", good().store_secret(new).build().unwrap()).contains(new));
        let vars = [("FAUTH_STORE_SECRET", new), ("FAUTH_PREVIOUS_STORE_SECRET", old)];
        assert_eq!(from(&vars).unwrap().hash_keys().all().len(), 3);
        for (name, _) in vars {
            let short = vars.map(|(other, value)| (other, if other == name { "short" } else { value }));
            assert_eq!(from(&short).unwrap_err().field(), name);
        }
        assert_eq!(from(&vars[1..]).unwrap_err().field(), "FAUTH_STORE_SECRET");
    }

    #[test]
    fn derived_keys_are_of_one_application() {
        let of = |name: &str| good().application(name).build().unwrap();
        let (shop, staff) = (of("shop"), of("staff"));
        assert_eq!(*shop.identifier_key(), *of("shop").identifier_key());
        assert_ne!(*shop.identifier_key(), *staff.identifier_key());
        let ids = |config: &AuthConfig| -> Vec<_> {
            config.hash_keys().all().iter().map(|key| key.id().to_owned()).collect()
        };
        assert_eq!(ids(&shop), ids(&of("shop")));
        assert_ne!(ids(&shop), ids(&staff));
        assert_eq!(shop.fingerprints(), staff.fingerprints(), "so that a shared secret is noticed");
        let other = AuthConfig::builder().secret("5d1c0e7fb9a2486395f0d8c7b6e5a413f2").build().unwrap();
        assert!(shop.fingerprints().iter().all(|own| !other.fingerprints().contains(own)));
    }

    /// Whatever the secrets beside it are.
    #[test]
    #[cfg(all(feature = "trusted-issuers", feature = "asymmetric"))]
    fn a_shared_key_is_noticed() {
        use crate::token::KeyRing;

        let pem = include_str!("../tests/keys/p256.pem");
        let key = |id: &str| Key::from_pem(Algorithm::ES256, pem).unwrap().with_id(id).unwrap();
        let other = AuthConfig::builder().secret("5d1c0e7fb9a2486395f0d8c7b6e5a413f2");
        let shares = |one: AuthConfigBuilder, other: AuthConfigBuilder| {
            let (one, other) = (one.build().unwrap().fingerprints(), other.build().unwrap().fingerprints());
            one.iter().any(|own| other.contains(own))
        };
        assert!(!shares(good(), other.clone()));
        assert!(shares(good().signing_key(key("a")), other.clone().signing_key(key("b"))));
        let ring = KeyRing::new(Key::hmac(Algorithm::HS256, &(0..32).collect::<Vec<u8>>()).unwrap()).unwrap();
        assert!(shares(good().key_ring(ring.clone()), other.clone().key_ring(ring.clone())));
        assert!(!shares(good().key_ring(ring), other.signing_key(key("b"))));
    }

    #[test]
    fn a_refused_secret_is_never_quoted() {
        let error = AuthConfig::builder().secret("hunter2hunter2hunter2hunter2!").build().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("openssl rand"), "{error}");
        assert!(!format!("{:?}", good()).contains(SECRET));
        assert!(!format!("{:?}", good().build().unwrap()).contains(SECRET));
    }

    #[test]
    fn several_keys_need_ids() {
        let key = |id: &str| Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap().with_id(id).unwrap();
        assert!(good().secret_id("new").verification_key(key("old")).build().is_ok());
        assert!(good().verification_key(key("old")).build().is_ok(), "one key may be without an id");
        let nameless = Key::hmac(Algorithm::HS256, SECRET.as_bytes()).unwrap();
        refused(good().verification_key(nameless), "verification_key");
        refused(good().secret_id("old").verification_key(key("old")), "verification_key");
        refused(good().secret_id("a b"), "secret_id");
        refused(good().signing_key(key("old")), "signing_key");
        assert!(AuthConfig::builder().signing_key(key("only")).build().is_ok());
    }

    #[test]
    fn lifetimes_have_bounds() {
        let with = |seconds| good().lifetime(Purpose::Access, Duration::from_secs(seconds));
        assert!(with(1).build().is_ok());
        refused(with(0), "lifetime");
        assert!(with(HOUR).build().is_ok());
        refused(with(HOUR + 1), "lifetime");
        assert!(
            with(HOUR + 1)
                .danger_max_lifetime(Purpose::Access, Duration::from_secs(2 * HOUR))
                .build()
                .is_ok()
        );
        refused(with(u64::MAX), "lifetime");
        refused(good().danger_max_lifetime(Purpose::Access, Duration::MAX), "danger_max_lifetime");
    }

    #[test]
    fn leeway_and_token_size_have_bounds() {
        assert!(
            good().leeway(Duration::from_secs(300)).expiry_leeway(Duration::from_secs(300)).build().is_ok()
        );
        refused(good().leeway(Duration::from_secs(301)), "leeway");
        refused(good().expiry_leeway(Duration::MAX), "expiry_leeway");
        assert!(good().max_token_bytes(512).build().is_ok());
        assert!(good().max_token_bytes(65_536).build().is_ok());
        refused(good().max_token_bytes(511), "max_token_bytes");
        refused(good().max_token_bytes(65_537), "max_token_bytes");
    }

    #[test]
    fn text_that_a_header_cannot_carry_is_refused() {
        assert!(good().realm("my realm").issuer("https://a.example").audience("x").build().is_ok());
        refused(good().realm("a\"b"), "realm");
        refused(good().realm("a\r\nb"), "realm");
        refused(good().issuer(""), "issuer");
        refused(good().audience("ä"), "audience");
    }

    #[test]
    fn the_python_profile_has_no_issuer() {
        assert!(good().token_profile(TokenProfile::PythonFauth).build().is_ok());
        refused(good().token_profile(TokenProfile::PythonFauth).issuer("me"), "token_profile");
        refused(good().token_profile(TokenProfile::PythonFauth).audience("me"), "token_profile");
        assert!(good().token_profile(TokenProfile::PythonFauthMigration).issuer("me").build().is_ok());
    }

    #[test]
    fn the_python_profile_lists_scopes_as_ever() {
        let python = ("FAUTH_TOKEN_PROFILE", "python-fauth");
        assert!(from(&[("FAUTH_SCOPE_CLAIM", "scope")]).is_ok());
        assert!(from(&[("FAUTH_SCOPE_CLAIM", "scopes"), python]).is_ok());
        assert_eq!(from(&[("FAUTH_SCOPE_CLAIM", "scope"), python]).unwrap_err().field(), "FAUTH_SCOPE_CLAIM");
        assert_eq!(from(&[("FAUTH_SCOPE_CLAIM", "Scope")]).unwrap_err().field(), "FAUTH_SCOPE_CLAIM");
        refused(
            good().token_profile(TokenProfile::PythonFauth).scope_claim(ScopeClaim::Scope),
            "scope_claim",
        );
    }

    #[test]
    fn only_a_profile_that_reads_old_tokens_trusts_them() {
        let then = Timestamp::from_unix_seconds(1_767_225_600);
        let moving = || good().token_profile(TokenProfile::PythonFauthMigration);
        let config = moving().trust_since(then).build().unwrap();
        assert!(config.trust().is_some_and(|trust| trust.since == then && !trust.despite_restarts));
        let config = moving().danger_trust_since(then).build().unwrap();
        assert!(config.trust().is_some_and(|trust| trust.since == then && trust.despite_restarts));
        refused(moving().trust_since(then).danger_trust_since(then), "trust_since");
        // The second one issues in the old format, so that new tokens could not be told from old.
        for profile in [TokenProfile::Standard, TokenProfile::PythonFauth] {
            refused(good().token_profile(profile).trust_since(then), "trust_since");
            refused(good().token_profile(profile).danger_trust_since(then), "danger_trust_since");
        }
        let migration = ("FAUTH_TOKEN_PROFILE", "python-fauth-migration");
        for (name, despite_restarts) in [("FAUTH_TRUST_SINCE", false), ("FAUTH_DANGER_TRUST_SINCE", true)] {
            let config = from(&[migration, (name, "1767225600")]).unwrap();
            let trust = config.trust().unwrap();
            assert_eq!((trust.since, trust.despite_restarts), (then, despite_restarts));
            assert_eq!(from(&[(name, "1767225600")]).unwrap_err().field(), name, "the standard profile");
            for bad in
                ["", "-1", "+1", "1.5", "2026-01-01", "1767225600s", "253402300800", "99999999999999999999"]
            {
                assert_eq!(from(&[migration, (name, bad)]).unwrap_err().field(), name, "{bad}");
            }
        }
    }

    #[test]
    fn a_lifetime_in_the_environment_is_refused_by_its_name() {
        let access = "FAUTH_ACCESS_TOKEN_LIFETIME";
        let error = from(&[(access, "24h")]).unwrap_err();
        assert_eq!(error.field(), access);
        assert_eq!(
            error.to_string(),
            "FAUTH_ACCESS_TOKEN_LIFETIME: 24h for access tokens is out of bounds; \
             use 1s to 1h, or raise `FAUTH_DANGER_MAX_ACCESS_TOKEN_LIFETIME` knowingly"
        );
        let config = from(&[(access, "24h"), ("FAUTH_DANGER_MAX_ACCESS_TOKEN_LIFETIME", "24h")]).unwrap();
        assert_eq!(config.lifetimes.of(Purpose::Access).as_secs(), DAY);
        assert_eq!(config.max_lifetime(Purpose::Access).as_secs(), DAY);
        for variables in LIFETIME_VARIABLES {
            let longest = in_largest_unit(default_max_lifetime(variables.purpose));
            assert!(from(&[(variables.lifetime, &longest)]).is_ok(), "{longest}");
            for bad in ["0s", "31d"] {
                assert_eq!(from(&[(variables.lifetime, bad)]).unwrap_err().field(), variables.lifetime);
            }
            assert!(from(&[(variables.lifetime, "31d"), (variables.maximum, "31d")]).is_ok());
            for bad in ["0s", "36601d", "31"] {
                assert_eq!(
                    from(&[(variables.maximum, bad)]).unwrap_err().field(),
                    variables.maximum,
                    "{bad}"
                );
            }
            assert!(from(&[(variables.maximum, "36600d")]).is_ok());
            // Below the default lifetime.
            assert_eq!(from(&[(variables.maximum, "1s")]).unwrap_err().field(), variables.lifetime);
            assert!(VARIABLES.contains(&variables.lifetime) && VARIABLES.contains(&variables.maximum));
        }
    }

    #[test]
    fn a_name_that_is_almost_right_is_refused() {
        for (slip, meant) in [
            ("FAUTH_ISUER", "FAUTH_ISSUER"),
            ("FAUTH_ISSUERR", "FAUTH_ISSUER"),
            ("FAUTH_SECERT_KEY", "FAUTH_SECRET_KEY"),
            ("fauth_secret_key", "FAUTH_SECRET_KEY"),
            ("FAUTH_AUDIANCE", "FAUTH_AUDIENCE"),
            ("FAUTH_ACCES_TOKEN_LIFETIME", "FAUTH_ACCESS_TOKEN_LIFETIME"),
            ("FAUTH_LEWAY", "FAUTH_LEEWAY"),
        ] {
            let error = refuse_near_misses(["PATH", slip].into_iter()).unwrap_err();
            assert_eq!(error.field(), meant);
            assert!(error.to_string().contains(slip) && error.fix().contains(meant), "{error}");
        }
        let others = [
            "FAUTH_SERVICE_HOST",
            "FAUTH_SERVICE_PORT",
            "FAUTH_SERVICE_PORT_HTTP",
            "FAUTH_PORT",
            "FAUTH_PORT_8080_TCP",
            "FAUTH_PORT_8080_TCP_ADDR",
            "FAUTH_PORT_8080_TCP_PORT",
            "FAUTH_PORT_8080_TCP_PROTO",
            "FAUTH_ADDR",
            "FAUTH_DATABASE_URL",
            "FAUTH_REDIS_URL",
            "FAUTH_TEST_REDIS_URL",
            "FAUTH_GOLDEN",
            "FAUTH_VECTORS",
            // Three letters.
            "FAUTH_TRUSTED_PROXY",
            "FAUTH_",
            "FAUTH",
            "ISSUER",
            "MY_FAUTH_ISUER",
        ];
        for name in others.into_iter().chain(VARIABLES) {
            assert!(refuse_near_misses([name].into_iter()).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_distance_counts_letters() {
        for (from, to, letters) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("abc", "abc", 0),
            ("abc", "acb", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(from, to), distance(to, from)), (letters, letters), "{from} {to}");
        }
    }

    #[test]
    fn the_environment_is_read_strictly() {
        let config = from(&[
            ("FAUTH_ACCESS_TOKEN_LIFETIME", "5m"),
            ("FAUTH_LEEWAY", "10s"),
            ("FAUTH_ALGORITHM", "HS256"),
            ("FAUTH_TOKEN_PROFILE", "python-fauth-migration"),
            ("FAUTH_MAX_TOKEN_BYTES", "4096"),
            ("FAUTH_SECRET_KEY_ID", "new"),
            ("FAUTH_PREVIOUS_SECRET_KEY", "5d1c0e7fb9a2486395f0d8c7b6e5a413f2"),
            ("FAUTH_PREVIOUS_SECRET_KEY_ID", "old"),
        ])
        .unwrap();
        assert_eq!(config.lifetimes.of(Purpose::Access).as_secs(), 300);
        assert_eq!((config.leeway, config.max_token_bytes), (10, 4096));
        assert_eq!(config.secrets.len(), 2);
        for (name, value) in [
            ("FAUTH_ACCESS_TOKEN_LIFETIME", "300"),
            ("FAUTH_ACCESS_TOKEN_LIFETIME", "-5m"),
            ("FAUTH_ACCESS_TOKEN_LIFETIME", "m"),
            ("FAUTH_ACCESS_TOKEN_LIFETIME", "18446744073709551615d"),
            ("FAUTH_ALGORITHM", "hs256"),
            ("FAUTH_ALGORITHM", "none"),
            ("FAUTH_ALGORITHM", "RS256"),
            ("FAUTH_TOKEN_PROFILE", "lax"),
            ("FAUTH_MAX_TOKEN_BYTES", "8k"),
            ("FAUTH_TRUSTED_PROXIES", ""),
            ("FAUTH_TRUSTED_PROXIES", "10.0.0.0/8,"),
            ("FAUTH_TRUSTED_PROXIES", "my-proxy"),
            ("FAUTH_TRUSTED_PROXIES", "0.0.0.0/0"),
            ("FAUTH_FORWARDED_HEADER", "X-Forwarded-For"),
        ] {
            assert_eq!(
                from(&[(name, value)]).map(|_| ()).map_err(|error| error.field()),
                Err(name),
                "{value}"
            );
        }
        let proxies = ("FAUTH_TRUSTED_PROXIES", "10.0.0.0/8, ::1");
        assert!(from(&[proxies, ("FAUTH_FORWARDED_HEADER", "forwarded")]).is_ok());
        let both = from(&[proxies, ("FAUTH_FORWARDED_HEADER", "X-Real-IP")]);
        assert_eq!(both.unwrap_err().field(), "FAUTH_FORWARDED_HEADER");
        let with_secret = |secret: &'static str| {
            AuthConfig::from_vars(move |name| (name == "FAUTH_SECRET_KEY").then(|| secret.to_owned()))
        };
        assert_eq!(with_secret("short").unwrap_err().field(), "FAUTH_SECRET_KEY");
        let uuid = with_secret("9b2e1c04-7d3a-4f58-8e61-0a5c9d7f2b13").unwrap_err().to_string();
        assert!(uuid.contains("is a UUID") && uuid.contains("openssl rand -base64 48"), "{uuid}");
        assert_eq!(from(&[("FAUTH_REALM", "\"")]).unwrap_err().field(), "FAUTH_REALM");
        assert_eq!(AuthConfig::from_vars(|_| None).unwrap_err().field(), "FAUTH_SECRET_KEY");
    }
}
