//! Another issuer, as the application configures it.

use std::time::Duration;

use super::{ClaimMapping, trusted::Trusted};
#[cfg(not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")))]
use crate::token::KeyError;
#[cfg(feature = "mandates")]
use crate::token::MandateProfile;
use crate::{
    error::ConfigError,
    remote::{Allowed, JwksSource, check_url, is_plain},
    token::{AccessTokenProfile, Algorithm, ForeignVerifier, MAX_ISSUER_BYTES},
};

/// The same bound as for own tokens.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const DEFAULT_EXPIRY_LEEWAY: Duration = Duration::from_secs(60);
const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Caracal itself has no bound.
#[cfg(feature = "mandates")]
const LONGEST_MANDATE: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
const MAX_AUDIENCES: usize = 32;
/// Each required claim is read from every token.
const MAX_REQUIRED_CLAIMS: usize = 8;

/// Another issuer whose access tokens are accepted: Keycloak, Auth0, Entra ID, or an issuer of your
/// own.
///
/// | setting | default |
/// |---|---|
/// | [`audience`](Self::audience) | required |
/// | [`algorithms`](Self::algorithms) | required |
/// | [`profile`](Self::profile) | [`Rfc9068`](AccessTokenProfile::Rfc9068): `typ` is `at+jwt` |
/// | [`claims`](Self::claims) | scopes from `scope`, no roles, no permissions |
/// | [`require_claim`](Self::require_claim), [`require_any`](Self::require_any) | none |
/// | [`max_lifetime`](Self::max_lifetime) | 24 hours |
/// | [`leeway`](Self::leeway) for `nbf` and `iat` | 30 seconds, at most 300 |
/// | [`expiry_leeway`](Self::expiry_leeway) for `exp` | 60 seconds, at most 300 |
///
/// Pass it to [`AuthProvider::resource_server`](crate::AuthProvider::resource_server), or to
/// [`AuthProviderBuilder::trusted_issuer`](crate::AuthProviderBuilder::trusted_issuer) if the
/// provider has own tokens too. The settings are checked when the provider is built.
///
/// ```
/// use fauth_core::{remote::JwksSource, token::Algorithm, trusted_issuer::TrustedIssuer};
///
/// # fn example(keys: JwksSource) {
/// let issuer = TrustedIssuer::new("https://login.example.com", keys)
///     .audience("https://api.example.com")
///     .algorithms([Algorithm::ES256]);
/// # }
/// ```
///
/// # An issuer that uses fauth
/// Its tokens have no `client_id`, which RFC 9068 requires: trust it with the profile
/// [`Plain`](AccessTokenProfile::Plain). It writes scopes into the claim `scopes` by default; map
/// that claim here, or set [`ScopeClaim::Scope`](crate::token::ScopeClaim::Scope) with
/// [`AuthConfigBuilder::scope_claim`](crate::AuthConfigBuilder::scope_claim) there. It signs with a
/// [`KeyRing`](crate::token::KeyRing) and publishes its keys.
///
/// ```
/// use fauth_core::{
///     remote::JwksSource,
///     token::Algorithm,
///     trusted_issuer::{AccessTokenProfile, ClaimMapping, TrustedIssuer},
/// };
///
/// # fn example(keys: JwksSource) {
/// let issuer = TrustedIssuer::new("https://login.example.com", keys)
///     .audience("https://api.example.com")
///     .algorithms([Algorithm::ES256])
///     .profile(AccessTokenProfile::Plain)
///     .claims(ClaimMapping::new().scopes("scopes"));
/// # }
/// ```
///
/// # Security
/// Anyone who holds a signing key of the issuer can impersonate all of its users. Subjects belong
/// to their issuer: `alice` of one issuer is not `alice` of another, see
/// [`TokenPayload::issuer`](crate::TokenPayload::issuer).
#[derive(Debug, Clone)]
#[must_use = "an issuer is trusted only once it is passed to a provider"]
pub struct TrustedIssuer {
    issuer: String,
    keys: JwksSource,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    profile: AccessTokenProfile,
    mapping: ClaimMapping,
    required: Vec<(String, Option<String>)>,
    client_is_audience: bool,
    id_tokens: bool,
    leeway: Duration,
    expiry_leeway: Duration,
    max_lifetime: Duration,
    allow_http: bool,
    #[cfg(feature = "mandates")]
    zone: Option<std::sync::Arc<str>>,
}

impl TrustedIssuer {
    /// Trusts an issuer. Its tokens must have exactly this text as `iss`. It must be an `https` URL
    /// without query and fragment.
    pub fn new(issuer: impl Into<String>, keys: JwksSource) -> Self {
        Self {
            issuer: issuer.into(),
            keys,
            audiences: Vec::new(),
            algorithms: Vec::new(),
            profile: AccessTokenProfile::default(),
            mapping: ClaimMapping::new(),
            required: Vec::new(),
            client_is_audience: false,
            id_tokens: false,
            leeway: DEFAULT_LEEWAY,
            expiry_leeway: DEFAULT_EXPIRY_LEEWAY,
            max_lifetime: DEFAULT_MAX_LIFETIME,
            allow_http: false,
            #[cfg(feature = "mandates")]
            zone: None,
        }
    }

    /// Sets the audience (`aud`) that its tokens must have: the issuer's name for this application.
    /// Call it again to add more; a token must have at least one of them.
    ///
    /// # Security
    /// The audience keeps out tokens that a user gave to another service.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the algorithms that its keys may be for. A key for any other is not used, whatever a
    /// token or the key says.
    ///
    /// A published key that does not name its algorithm is used for the first of these that fits
    /// its type.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms.extend(algorithms);
        self
    }

    /// Sets which of its tokens are access tokens.
    pub const fn profile(mut self, profile: AccessTokenProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets which claims are read as [`roles`](crate::TokenPayload::roles),
    /// [`permissions`](crate::TokenPayload::permissions) and
    /// [`scopes`](crate::TokenPayload::scopes).
    pub fn claims(mut self, mapping: ClaimMapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// Refuses tokens in which this claim is not this text, for example to require a tenant or a
    /// kind of token.
    pub fn require_claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.required.push((name.into(), Some(value.into())));
        self
    }

    /// Refuses tokens in which this claim is not a non-empty text, for example a claim that only
    /// access tokens have.
    pub fn require_any(mut self, name: impl Into<String>) -> Self {
        self.required.push((name.into(), None));
        self
    }

    /// Replaces the source of its keys, which [`new`](Self::new) or a preset has set.
    pub fn keys(mut self, keys: JwksSource) -> Self {
        self.keys = keys;
        self
    }

    /// Uses `client_id` as the audience of tokens without `aud`, such as those of Amazon Cognito.
    /// The [audiences](Self::audience) are then client ids.
    ///
    /// # Security
    /// All services that trust the same client accept the same tokens: a token does not tell which
    /// of them it is for. Require a scope that only this service has.
    pub const fn client_id_as_audience(mut self) -> Self {
        self.client_is_audience = true;
        self
    }

    /// Accepts ID tokens instead of access tokens. Sets the [`Plain`](AccessTokenProfile::Plain)
    /// profile; the audience is a client id.
    ///
    /// # Security
    /// An ID token tells a client who has logged in; it is not meant to authorise requests.
    /// Everything that receives one (every client, every log) can act as the user here. Use it only
    /// for issuers without access tokens that other services can verify, such as Google.
    pub const fn danger_accept_id_tokens(mut self) -> Self {
        self.id_tokens = true;
        self.profile = AccessTokenProfile::Plain;
        self
    }

    /// Sets how far `nbf` and `iat` may lie in the future, to allow for clock skew. Default: 30
    /// seconds, at most 300.
    ///
    /// After [everything of a subject was revoked](crate::LogoutAll::for_subject_of), its new
    /// tokens are refused for as long, because they could be old tokens of a clock that is ahead.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets for how long a token is accepted after it has expired. Default: 60 seconds, at most
    /// 300.
    pub const fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.expiry_leeway = leeway;
        self
    }

    /// Sets the maximum time between `iat` and `exp`. Default: 24 hours; at most 366 days.
    pub const fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Allows the issuer to be an `http` URL on another host. On a loopback host `http` is allowed
    /// anyway, for development. For an issuer returned by an
    /// [`IssuerResolver`](crate::trusted_issuer::IssuerResolver) this setting is required even on a
    /// loopback host, for its URL and for that of its keys; on any other host such an issuer is
    /// never `http`.
    ///
    /// # Security
    /// Anyone on the network path can replace what is fetched from such a URL. The URL of the keys
    /// has a setting of its own in the [source](JwksSource).
    pub const fn danger_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// Accepts only mandates of this zone, which
    /// [`TokenPayload::mandate`](crate::TokenPayload::mandate) then returns. Sets the algorithm
    /// (ES256), the [`Plain`](AccessTokenProfile::Plain) profile, and a leeway of 60 seconds for
    /// every time. Scopes come from `scope`. [`max_lifetime`](Self::max_lifetime) may be longer
    /// than for other tokens: up to 100 years.
    #[cfg(feature = "mandates")]
    pub(crate) fn mandate(mut self, zone: impl Into<std::sync::Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self.algorithms = vec![Algorithm::ES256];
        self.profile = AccessTokenProfile::Plain;
        self.leeway = DEFAULT_EXPIRY_LEEWAY;
        self.expiry_leeway = DEFAULT_EXPIRY_LEEWAY;
        self
    }

    #[cfg(feature = "mandates")]
    const fn longest_lifetime(&self) -> Duration {
        if self.zone.is_some() { LONGEST_MANDATE } else { LONGEST_LIFETIME }
    }

    #[cfg(not(feature = "mandates"))]
    #[expect(clippy::unused_self, reason = "only mandates may last longer")]
    const fn longest_lifetime(&self) -> Duration {
        LONGEST_LIFETIME
    }

    /// The issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether the issuer or the URL of its keys is plain `http` without permission.
    pub(super) fn is_plain_unasked(&self) -> bool {
        !self.allow_http && (is_plain(&self.issuer) || self.keys.is_plain())
    }

    /// Checks every setting.
    pub(crate) fn build(self) -> Result<Trusted, ConfigError> {
        check_issuer(&self.issuer, self.allow_http)?;
        self.check_audiences()?;
        self.check_algorithms()?;
        self.check_required()?;
        self.mapping.check()?;
        let leeway = check_span("leeway", self.leeway, MAX_LEEWAY, "use up to 300 seconds")?;
        let expiry_leeway =
            check_span("expiry_leeway", self.expiry_leeway, MAX_LEEWAY, "use up to 300 seconds")?;
        let max_lifetime = check_span(
            "max_lifetime",
            self.max_lifetime,
            self.longest_lifetime(),
            "use 1 second to 366 days",
        )?;
        if max_lifetime == 0 {
            return Err(self.wrong("max_lifetime", "no token is that short", "use 1 second to 366 days"));
        }
        let boxed = |texts: Vec<String>| texts.into_iter().map(String::into_boxed_str).collect();
        let verifier = ForeignVerifier {
            issuer: self.issuer.into(),
            audiences: boxed(self.audiences),
            algorithms: self.algorithms,
            profile: self.profile,
            client_is_audience: self.client_is_audience,
            id_tokens: self.id_tokens,
            required: self
                .required
                .into_iter()
                .map(|(name, value)| (name.into(), value.map(Into::into)))
                .collect(),
            leeway,
            expiry_leeway,
            max_lifetime,
            #[cfg(feature = "mandates")]
            mandate: self.zone.map(|zone| MandateProfile { zone }),
        };
        Ok(Trusted::new(verifier, self.mapping, self.keys))
    }

    fn check_audiences(&self) -> Result<(), ConfigError> {
        let fix = "call `.audience(…)` with the issuer's name for this service";
        if self.audiences.is_empty() {
            let problem = "no audience is set, so tokens for every other service would be accepted";
            return Err(self.wrong("audience", problem, fix));
        }
        let is_text = |text: &String| !text.trim().is_empty() && text.len() <= MAX_ISSUER_BYTES;
        if self.audiences.len() > MAX_AUDIENCES || !self.audiences.iter().all(is_text) {
            return Err(self.wrong(
                "audience",
                "there are more than 32 audiences, or one is blank or too long",
                fix,
            ));
        }
        Ok(())
    }

    fn check_algorithms(&self) -> Result<(), ConfigError> {
        let fix = "call `.algorithms([Algorithm::RS256])` with the algorithms of the issuer's keys";
        if self.algorithms.is_empty() {
            return Err(self.wrong("algorithms", "no algorithm is set", fix));
        }
        if let Some(secret) = self.algorithms.iter().find(|algorithm| algorithm.is_symmetric()) {
            let problem =
                format!("{secret} uses a secret, and anyone could sign with a secret that is published");
            return Err(self.wrong("algorithms", problem, fix));
        }
        // Without this feature every published key would be skipped, and every request refused with
        // 503.
        #[cfg(not(any(feature = "asymmetric", feature = "asymmetric-pure-rust")))]
        if let Some(&algorithm) = self.algorithms.first() {
            let problem = KeyError::FeatureMissing { algorithm }.to_string();
            return Err(self.wrong("algorithms", problem, "enable one of the two"));
        }
        Ok(())
    }

    fn check_required(&self) -> Result<(), ConfigError> {
        let are_named = self.required.iter().all(|(name, _)| !name.is_empty());
        if self.required.len() > MAX_REQUIRED_CLAIMS || !are_named {
            let problem = "more than 8 claims are required, or one has no name";
            return Err(self.wrong("require_claim", problem, "require up to 8 claims"));
        }
        Ok(())
    }

    fn wrong(&self, field: &'static str, problem: impl Into<String>, fix: &'static str) -> ConfigError {
        ConfigError::new(field, format!("of the issuer `{}`: {}", self.issuer, problem.into()), fix)
    }
}

fn check_span(
    field: &'static str,
    span: Duration,
    longest: Duration,
    fix: &'static str,
) -> Result<i64, ConfigError> {
    if span > longest {
        return Err(ConfigError::new(field, "the time span of a trusted issuer is out of bounds", fix));
    }
    Ok(i64::try_from(span.as_secs()).unwrap_or(i64::MAX))
}

/// Checks the URL that identifies an issuer (RFC 8414 section 2).
fn check_issuer(issuer: &str, allow_http: bool) -> Result<(), ConfigError> {
    let wrong = |problem: &str| {
        let fix = "use the exact `iss` of its tokens, such as `https://login.example.com/realms/shop`";
        Err(ConfigError::new(
            "trusted_issuer",
            format!("the issuer `{}` {problem}", issuer.escape_debug()),
            fix,
        ))
    };
    if issuer.len() > MAX_ISSUER_BYTES {
        return wrong("is longer than 512 bytes");
    }
    if issuer.contains('?') {
        return wrong("has a query");
    }
    let allowed = if allow_http { Allowed::DangerHttp } else { Allowed::HttpLocally };
    check_url(issuer, allowed).or_else(wrong)
}
