//! Issuers whose tokens are known: what each of them writes, and what is asked of it.

use super::{ClaimMapping, TrustedIssuer};
use crate::{
    error::ConfigError,
    remote::{Fetch, JwksSource},
    token::{AccessTokenProfile, Algorithm},
};

/// # Presets
///
/// None of these issuers writes tokens by [RFC 9068] unless it is told to, so that all presets have
/// the [`Plain`](AccessTokenProfile::Plain) profile. What is loosened, and what stands in for it:
///
/// | preset | `typ` | token id | audience | what keeps ID tokens out | roles, permissions, scopes |
/// |---|---|---|---|---|---|
/// | [`keycloak`](Self::keycloak) | `JWT`, `at+jwt` | `jti` | `aud` | the claim `typ` is `Bearer` | `realm_access.roles` and `resource_access.{client}.roles`; none; `scope` |
/// | [`auth0`](Self::auth0) | `JWT`, `at+jwt` | hash, or `jti` | `aud` | the audience is an API, never a client | none; `permissions`; `scope` |
/// | [`entra`](Self::entra) | `JWT` | hash | `aud` | `azp` is there | `roles`; none; `scp` |
/// | [`entra_v1`](Self::entra_v1) | `JWT` | hash | `aud` | `appid` is there | `roles`; none; `scp` |
/// | [`cognito`](Self::cognito) | none | `jti` | `client_id` | `token_use` is `access` | `cognito:groups`; none; `scope` |
/// | [`google`](Self::google) | `JWT` | hash, or `jti` | `aud` | nothing: they are ID tokens, for this service | none; none; none |
/// | [`okta`](Self::okta) | none | `jti` | `aud` | `cid` is there | `groups`; none; `scp` |
/// | [`rauthy`](Self::rauthy) | `JWT` | `jti` | `aud` | the claim `typ` is `Bearer` | `roles`; none; `scope` |
///
/// *Hash* is the SHA-256 of what is signed: that is how a token is
/// [revoked](crate::store::RevocationTarget) that has no `jti`.
///
/// The algorithm is RS256, that of rauthy `EdDSA`; call [`algorithms`](Self::algorithms) for others
/// that the issuer was told to use. Every other setting can be changed too:
/// [`claims`](Self::claims) replaces the mapping, [`audience`](Self::audience) adds one, and
/// [`keys`](Self::keys) takes another source than the issuer's discovery document.
///
/// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
impl TrustedIssuer {
    /// [Keycloak](https://www.keycloak.org), 17 or newer. `issuer` is the URL of the realm,
    /// `https://login.example.com/realms/shop`; `client` is the client id of this service, which
    /// its tokens must have as an audience.
    ///
    /// The roles of the realm and those that the realm gives for this client are both roles.
    ///
    /// Keycloak writes the client into `aud` if the user has one of its roles, or by an *audience*
    /// mapper of a client scope. Tokens without `sub` are refused: that is the mapper `Subject` of
    /// the client scope `basic`, which light-weight tokens may lack.
    ///
    /// # Errors
    /// [`ConfigError`] if no keys can be fetched from this issuer.
    ///
    /// # Security
    /// Whoever administers the realm or one of its groups gives out the roles of this service. If
    /// these are not the same people, take only the roles of the client:
    /// `.claims(ClaimMapping::new().roles_of_client("shop"))`.
    pub fn keycloak(
        issuer: impl Into<String>,
        client: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let client = client.into();
        let mapping = ClaimMapping::new().roles("realm_access.roles").roles_of_client(&*client);
        let issuer = Self::discovered(issuer.into(), Algorithm::RS256, fetch)?;
        Ok(issuer.audience(client).claims(mapping).require_claim("typ", "Bearer"))
    }

    /// [Auth0](https://auth0.com). `domain` is that of the tenant, `shop.eu.auth0.com` or a custom
    /// one; `audience` is the *identifier* of the API.
    ///
    /// Auth0 has two forms of access tokens, and both are accepted. With the default one, tokens
    /// have neither `jti` nor `client_id`. If the API has *RBAC* and *Add Permissions in the Access
    /// Token*, its permissions are permissions here. Roles are in no claim unless an action writes
    /// them into one; name that with [`claims`](Self::claims):
    /// `ClaimMapping::new().permissions("permissions").roles("https://shop.example.com/roles")`.
    ///
    /// The subject of a program is the id of its client followed by `@clients`.
    ///
    /// # Errors
    /// [`ConfigError`] if `domain` is no host name.
    ///
    /// # Security
    /// The audience of an ID token is the id of a client, and nothing else tells it apart: never
    /// name one as `audience`.
    pub fn auth0(
        domain: impl AsRef<str>,
        audience: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let domain = domain.as_ref();
        let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
        if !domain.bytes().all(is_host) || !domain.contains('.') {
            return Err(ConfigError::new(
                "auth0",
                "the domain is no host name in lower case",
                "write it without scheme and slashes, such as `shop.eu.auth0.com`",
            ));
        }
        let issuer = Self::discovered(format!("https://{domain}/"), Algorithm::RS256, fetch)?;
        Ok(issuer.audience(audience).claims(ClaimMapping::new().permissions("permissions")))
    }

    /// [Microsoft Entra ID](https://learn.microsoft.com/entra/identity-platform/access-tokens),
    /// tokens of version 2.0: the manifest of the API says `"requestedAccessTokenVersion": 2`.
    /// `tenant` is the id of the directory, `audience` the id of the application that is the API.
    ///
    /// *App roles* are roles, and delegated permissions (`scp`) are scopes. A token of a program
    /// has no scopes. `sub` is another one for each API; the id of the user that is the same
    /// everywhere is the claim `oid`. Tokens that last longer than a day, of clients with
    /// *continuous access evaluation*, are refused unless [`max_lifetime`](Self::max_lifetime)
    /// says otherwise.
    ///
    /// For several tenants trust one issuer for each: `iss` names the tenant, and the keys that are
    /// common to all prove nothing about it. [`entra_tenant`] reads the tenant of an issuer.
    ///
    /// # Errors
    /// [`ConfigError`] if `tenant` is no id, such as `common` or a domain: no token has these in
    /// its `iss`.
    pub fn entra(
        tenant: impl AsRef<str>,
        audience: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let tenant = tenant_id(tenant.as_ref())?;
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let issuer = Self::discovered(issuer, Algorithm::RS256, fetch)?;
        Ok(issuer.audience(audience).of_entra(tenant, "2.0").require_any("azp"))
    }

    /// As [`entra`](Self::entra), for tokens of version 1.0, which APIs get that say nothing of a
    /// version. `audience` is the *Application ID URI*, such as `api://shop`.
    ///
    /// # Errors
    /// As for [`entra`](Self::entra).
    pub fn entra_v1(
        tenant: impl AsRef<str>,
        audience: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let tenant = tenant_id(tenant.as_ref())?;
        let keys = format!("https://login.microsoftonline.com/{tenant}/discovery/keys");
        let issuer = Self::new(format!("https://sts.windows.net/{tenant}/"), JwksSource::url(keys, fetch)?);
        let issuer = issuer.algorithms([Algorithm::RS256]).profile(AccessTokenProfile::Plain);
        Ok(issuer.audience(audience).of_entra(tenant, "1.0").require_any("appid"))
    }

    /// [Amazon Cognito](https://docs.aws.amazon.com/cognito/latest/developerguide/).
    /// `pool` is the id of the user pool, `eu-west-1_AbCdEf123`; `client` is the id of an app
    /// client. Add others by [`audience`](Self::audience).
    ///
    /// Groups are roles. Access tokens of Cognito have no `aud`, unless the client has asked for a
    /// resource; then it must be one of the audiences, and otherwise `client_id` must be.
    ///
    /// # Errors
    /// [`ConfigError`] if `pool` is no id of a user pool.
    ///
    /// # Security
    /// See [`client_id_as_audience`](Self::client_id_as_audience): a token is good at every service
    /// that trusts this client. Give services scopes of their own, of a *resource server* in the
    /// pool, and require them.
    pub fn cognito(
        pool: impl AsRef<str>,
        client: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let pool = pool.as_ref();
        let is_region = |region: &str| {
            region.contains('-')
                && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let region = pool.split_once('_').filter(|(region, name)| is_region(region) && is_name(name));
        let Some((region, _)) = region else {
            return Err(ConfigError::new(
                "cognito",
                "this is no id of a user pool",
                "copy it from the console, such as `eu-west-1_AbCdEf123`",
            ));
        };
        let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
        let issuer = Self::discovered(issuer, Algorithm::RS256, fetch)?;
        let issuer = issuer.audience(client).client_id_as_audience().require_claim("token_use", "access");
        Ok(issuer.claims(ClaimMapping::new().roles("cognito:groups")))
    }

    /// Google, for calls from one service to another: Cloud Run, Cloud Scheduler, Cloud Tasks and
    /// Pub/Sub send an ID token whose audience is the URL of this service. `audience` is that URL.
    ///
    /// Access tokens of Google are no JWTs: nobody but Google can read them. There are no roles and
    /// no scopes in these tokens either; make users of the claims `sub` and `email`.
    ///
    /// # Errors
    /// [`ConfigError`] if `audience` is no `https` URL. The tokens that Google gives to the clients
    /// of *Sign in with Google* are another matter, see
    /// [`danger_google_sign_in`](Self::danger_google_sign_in).
    ///
    /// # Security
    /// Every service account of every customer of Google can get such a token, for any audience. A
    /// good token says who calls, not that it may: let in the accounts that you know, by `sub` or
    /// by `email`.
    pub fn google(audience: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let audience = audience.into();
        if !audience.starts_with("https://") {
            return Err(ConfigError::new(
                "google",
                "the audience is no https URL",
                "name the URL of this service, or use `danger_google_sign_in` for tokens of a client",
            ));
        }
        Ok(Self::of_google(fetch)?.audience(audience))
    }

    /// Google, for pages and apps that send the ID token of *Sign in with Google* with each
    /// request. `client` is the client id, `….apps.googleusercontent.com`.
    ///
    /// Without danger the page sends the ID token once, to a login of yours that verifies it and
    /// issues own tokens.
    ///
    /// For the members of one organisation only, add `.require_claim("hd", "example.com")`.
    ///
    /// # Errors
    /// [`ConfigError`] if the client of HTTP cannot be asked for Google's keys.
    ///
    /// # Security
    /// See [`danger_accept_id_tokens`](Self::danger_accept_id_tokens). And everybody is a user of
    /// Google.
    pub fn danger_google_sign_in(client: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        Ok(Self::of_google(fetch)?.audience(client).danger_accept_id_tokens())
    }

    /// [Okta](https://developer.okta.com/docs/concepts/auth-servers/), a *custom* authorization
    /// server. `issuer` is its URL, `https://shop.okta.com/oauth2/default`; `audience` is its
    /// audience, `api://default`.
    ///
    /// The claim `groups`, if the server has one, gives roles; `scp` gives scopes. `sub` is the
    /// login name, which may change and be given to somebody else; the id that stays is the claim
    /// `uid`. Set `sub` to it in the server's claims, or load users by `uid`.
    ///
    /// # Errors
    /// [`ConfigError`] if `issuer` is the organisation's own server: nobody else can verify its
    /// access tokens.
    pub fn okta(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        if !issuer.contains("/oauth2/") {
            return Err(ConfigError::new(
                "okta",
                "the issuer is no custom authorization server",
                "write it with the id of the server, such as `https://shop.okta.com/oauth2/default`",
            ));
        }
        let issuer = Self::discovered(issuer, Algorithm::RS256, fetch)?;
        let mapping = ClaimMapping::new().roles("groups").scopes("scp");
        Ok(issuer.audience(audience).claims(mapping).require_any("cid"))
    }

    /// [rauthy](https://github.com/sebadob/rauthy). `issuer` is its URL as its log says it at the
    /// start, `https://login.example.com/auth/v1/`; `client` is the id of the client, which is the
    /// audience of its tokens.
    ///
    /// `roles` are roles. A client may have other audiences (`default_aud`, or a resource that is
    /// asked for): name that of this service by [`audience`](Self::audience), in place of the
    /// client. Keys are for `EdDSA`; a client that was told to use RS256 needs
    /// [`algorithms`](Self::algorithms). Tokens of programs have no `sub`, and are refused, unless
    /// rauthy maps the client to it (`client_credentials_map_sub`).
    ///
    /// # Errors
    /// [`ConfigError`] if no keys can be fetched from this issuer.
    pub fn rauthy(
        issuer: impl Into<String>,
        client: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let issuer = Self::discovered(issuer.into(), Algorithm::EdDSA, fetch)?;
        let mapping = ClaimMapping::new().roles("roles");
        Ok(issuer.audience(client).claims(mapping).require_claim("typ", "Bearer"))
    }

    fn discovered(issuer: String, algorithm: Algorithm, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let keys = JwksSource::discover(&*issuer, fetch)?;
        Ok(Self::new(issuer, keys).algorithms([algorithm]).profile(AccessTokenProfile::Plain))
    }

    fn of_google(fetch: impl Fetch) -> Result<Self, ConfigError> {
        Self::discovered("https://accounts.google.com".to_owned(), Algorithm::RS256, fetch)
    }

    fn of_entra(self, tenant: &str, version: &str) -> Self {
        let mapping = ClaimMapping::new().roles("roles").scopes("scp");
        self.claims(mapping).require_claim("ver", version).require_claim("tid", tenant)
    }
}

/// The id of the tenant of an issuer of [Microsoft Entra ID](TrustedIssuer::entra), version 2.0.
/// For whoever decides by the `iss` of a token which tenants are trusted.
///
/// ```
/// use fauth_core::trusted_issuer::entra_tenant;
///
/// let issuer = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
/// assert_eq!(entra_tenant(issuer), Some("72f988bf-86f1-41af-91ab-2d7cd011db47"));
/// assert_eq!(entra_tenant("https://login.microsoftonline.com/common/v2.0"), None);
/// let other = "https://evil.example/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
/// assert_eq!(entra_tenant(other), None);
/// ```
#[must_use]
pub fn entra_tenant(issuer: &str) -> Option<&str> {
    let tenant = issuer.strip_prefix("https://login.microsoftonline.com/")?.strip_suffix("/v2.0")?;
    is_uuid(tenant).then_some(tenant)
}

fn tenant_id(tenant: &str) -> Result<&str, ConfigError> {
    if is_uuid(tenant) {
        return Ok(tenant);
    }
    Err(ConfigError::new(
        "entra",
        "the tenant is no id: `common`, `organizations` and domains are in no token",
        "write the directory id in lower case, such as `72f988bf-86f1-41af-91ab-2d7cd011db47`",
    ))
}

/// 8-4-4-4-12 digits of lower-case hexadecimal.
fn is_uuid(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex)
}
