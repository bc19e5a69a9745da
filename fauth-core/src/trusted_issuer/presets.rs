//! Presets for well-known issuers: the form of their tokens, and the checks that it requires.

use super::{ClaimMapping, TrustedIssuer};
use crate::{
    error::ConfigError,
    remote::{Fetch, JwksSource},
    token::{AccessTokenProfile, Algorithm},
};

/// # Presets
///
/// None of these issuers writes tokens by [RFC 9068] by default, so every preset has the
/// [`Plain`](AccessTokenProfile::Plain) profile. The table shows what is relaxed, and what takes
/// its place:
///
/// | preset | `typ` | token id | audience | how ID tokens are refused | roles; permissions; scopes |
/// |---|---|---|---|---|---|
/// | [`keycloak`](Self::keycloak) | `JWT`, `at+jwt` | `jti` | `aud` | the claim `typ` is `Bearer` | `realm_access.roles` and `resource_access.{client}.roles`; none; `scope` |
/// | [`auth0`](Self::auth0) | `JWT`, `at+jwt` | hash, or `jti` | `aud` | the audience is an API, never a client | none; `permissions`; `scope` |
/// | [`entra`](Self::entra) | `JWT` | hash | `aud` | `azp` is present | `roles`; none; `scp` |
/// | [`entra_v1`](Self::entra_v1) | `JWT` | hash | `aud` | `appid` is present | `roles`; none; `scp` |
/// | [`cognito`](Self::cognito) | none | `jti` | `client_id` | `token_use` is `access` | `cognito:groups`; none; `scope` |
/// | [`google`](Self::google) | `JWT` | hash, or `jti` | `aud` | not at all: the tokens are ID tokens for this service | none; none; none |
/// | [`okta`](Self::okta) | none | `jti` | `aud` | `cid` is present | `groups`; none; `scp` |
/// | [`rauthy`](Self::rauthy) | `JWT` | `jti` | `aud` | the claim `typ` is `Bearer` | `roles`; none; `scope` |
///
/// *Hash* is the SHA-256 of the signing input; a token without `jti` is
/// [revoked](crate::store::RevocationTarget) by it.
///
/// The algorithm is RS256, and `EdDSA` for rauthy. Call [`algorithms`](Self::algorithms) if the
/// issuer is configured for others. Every other setting can be changed as well:
/// [`claims`](Self::claims) replaces the mapping, [`audience`](Self::audience) adds an audience,
/// and [`keys`](Self::keys) replaces the issuer's discovery document as the source of keys.
///
/// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
impl TrustedIssuer {
    /// [Keycloak](https://www.keycloak.org), version 17 or newer.
    ///
    /// `issuer` is the URL of the realm, `https://login.example.com/realms/shop`. `client` is the
    /// client id of this service, which its tokens must have as an audience.
    ///
    /// The roles of the realm and the realm's roles for this client are both read as roles.
    ///
    /// Keycloak writes the client into `aud` if the user has one of its roles, or through an
    /// *audience* mapper of a client scope. Tokens without `sub` are refused; the mapper `Subject`
    /// of the client scope `basic` writes it, and lightweight tokens may lack it.
    ///
    /// # Errors
    /// [`ConfigError`] if no keys can be fetched from such an issuer.
    ///
    /// # Security
    /// Administrators of the realm or of one of its groups assign the roles of this service. If
    /// they are not the administrators of this service, read only the roles of the client:
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

    /// [Auth0](https://auth0.com).
    ///
    /// `domain` is the domain of the tenant, `shop.eu.auth0.com`, or a custom one. `audience` is
    /// the *identifier* of the API.
    ///
    /// Auth0 has two formats of access tokens, and both are accepted. In the default format, tokens
    /// have neither `jti` nor `client_id`. If the API has *RBAC* and *Add Permissions in the Access
    /// Token* enabled, its permissions are read as permissions. Roles are in no claim unless an
    /// action writes them into one; name that claim with [`claims`](Self::claims):
    /// `ClaimMapping::new().permissions("permissions").roles("https://shop.example.com/roles")`.
    ///
    /// The subject of a machine-to-machine client is its client id followed by `@clients`.
    ///
    /// # Errors
    /// [`ConfigError`] if `domain` is not a host name.
    ///
    /// # Security
    /// The audience of an ID token is a client id, and nothing else distinguishes it from an access
    /// token: never use a client id as `audience`.
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
                "the domain is not a host name in lower case",
                "use it without scheme and slashes, such as `shop.eu.auth0.com`",
            ));
        }
        let issuer = Self::discovered(format!("https://{domain}/"), Algorithm::RS256, fetch)?;
        Ok(issuer.audience(audience).claims(ClaimMapping::new().permissions("permissions")))
    }

    /// [Microsoft Entra ID](https://learn.microsoft.com/entra/identity-platform/access-tokens),
    /// tokens of version 2.0.
    ///
    /// The manifest of the API has `"requestedAccessTokenVersion": 2`. `tenant` is the id of the
    /// directory, `audience` the application id of the API.
    ///
    /// *App roles* are read as roles, and delegated permissions (`scp`) as scopes. A token of a
    /// daemon application has no scopes. `sub` differs between APIs; the user id that is the same
    /// in all of them is the claim `oid`. Tokens that last longer than a day, as for clients with
    /// *continuous access evaluation*, are refused unless [`max_lifetime`](Self::max_lifetime)
    /// allows them.
    ///
    /// For several tenants, trust one issuer per tenant: `iss` names the tenant, and the keys,
    /// which all tenants share, prove nothing about it. [`entra_tenant`] returns the tenant of an
    /// issuer.
    ///
    /// # Errors
    /// [`ConfigError`] if `tenant` is not a directory id, but for example `common` or a domain:
    /// tokens never have these in their `iss`.
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

    /// Like [`entra`](Self::entra), for tokens of version 1.0, which an API receives if its
    /// manifest names no version. `audience` is the *Application ID URI*, such as `api://shop`.
    ///
    /// # Errors
    /// As [`entra`](Self::entra).
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
    ///
    /// `pool` is the id of the user pool, `eu-west-1_AbCdEf123`. `client` is the id of an app
    /// client; add others with [`audience`](Self::audience).
    ///
    /// Groups are read as roles. Cognito access tokens have no `aud`, unless the client asked for a
    /// resource. If there is an `aud`, it must be one of the audiences; otherwise `client_id` must
    /// be.
    ///
    /// # Errors
    /// [`ConfigError`] if `pool` is not the id of a user pool.
    ///
    /// # Security
    /// See [`client_id_as_audience`](Self::client_id_as_audience): a token is accepted by every
    /// service that trusts this client. Define scopes per service, on a *resource server* of the
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
                "the text is not the id of a user pool",
                "copy it from the console, such as `eu-west-1_AbCdEf123`",
            ));
        };
        let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
        let issuer = Self::discovered(issuer, Algorithm::RS256, fetch)?;
        let issuer = issuer.audience(client).client_id_as_audience().require_claim("token_use", "access");
        Ok(issuer.claims(ClaimMapping::new().roles("cognito:groups")))
    }

    /// Google ID tokens for calls between services.
    ///
    /// Cloud Run, Cloud Scheduler, Cloud Tasks and Pub/Sub send an ID token whose audience is the
    /// URL of this service. `audience` is that URL.
    ///
    /// Google's access tokens are not JWTs, and only Google can read them. The ID tokens have
    /// neither roles nor scopes; identify callers by the claims `sub` and `email`.
    ///
    /// # Errors
    /// [`ConfigError`] if `audience` is not an `https` URL. For the tokens that Google issues to
    /// clients of *Sign in with Google*, see
    /// [`danger_google_sign_in`](Self::danger_google_sign_in).
    ///
    /// # Security
    /// Every service account of every Google customer can obtain such a token, for any audience. A
    /// valid token says who is calling, not that the caller is allowed to: admit only the accounts
    /// that you know, by `sub` or `email`.
    pub fn google(audience: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        let audience = audience.into();
        if !audience.starts_with("https://") {
            return Err(ConfigError::new(
                "google",
                "the audience is not an https URL",
                "use the URL of this service, or `danger_google_sign_in` for tokens of a client",
            ));
        }
        Ok(Self::of_google(fetch)?.audience(audience))
    }

    /// Google ID tokens of *Sign in with Google*, for pages and apps that send one with every
    /// request.
    ///
    /// `client` is the client id, `….apps.googleusercontent.com`. Add `.require_claim("hd",
    /// "example.com")` to accept only the members of one organisation.
    ///
    /// The safe alternative: the page sends the ID token once, to a login of yours that verifies it
    /// and issues own tokens.
    ///
    /// # Errors
    /// [`ConfigError`] if the HTTP client cannot fetch Google's keys.
    ///
    /// # Security
    /// See [`danger_accept_id_tokens`](Self::danger_accept_id_tokens). Also, anyone can have a
    /// Google account.
    pub fn danger_google_sign_in(client: impl Into<String>, fetch: impl Fetch) -> Result<Self, ConfigError> {
        Ok(Self::of_google(fetch)?.audience(client).danger_accept_id_tokens())
    }

    /// [Okta](https://developer.okta.com/docs/concepts/auth-servers/), a *custom* authorization
    /// server.
    ///
    /// `issuer` is its URL, `https://shop.okta.com/oauth2/default`. `audience` is its audience,
    /// `api://default`.
    ///
    /// The claim `groups`, if the server writes one, is read as roles, and `scp` as scopes. `sub`
    /// is the login name, which may change and be assigned to another person; the stable user id is
    /// the claim `uid`. Set `sub` to it in the server's claims, or load users by `uid`.
    ///
    /// # Errors
    /// [`ConfigError`] if `issuer` is the organisation's own server, whose access tokens only Okta
    /// can verify.
    pub fn okta(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        fetch: impl Fetch,
    ) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        if !issuer.contains("/oauth2/") {
            return Err(ConfigError::new(
                "okta",
                "the issuer is not a custom authorization server",
                "use the URL with the id of the server, such as `https://shop.okta.com/oauth2/default`",
            ));
        }
        let issuer = Self::discovered(issuer, Algorithm::RS256, fetch)?;
        let mapping = ClaimMapping::new().roles("groups").scopes("scp");
        Ok(issuer.audience(audience).claims(mapping).require_any("cid"))
    }

    /// [rauthy](https://github.com/sebadob/rauthy).
    ///
    /// `issuer` is its URL as rauthy logs it at start, `https://login.example.com/auth/v1/`.
    /// `client` is the id of the client, which is the audience of its tokens.
    ///
    /// `roles` are read as roles. A client may have other audiences (`default_aud`, or a requested
    /// resource): if so, add that of this service with [`audience`](Self::audience). Keys are for
    /// `EdDSA`; a client that is configured for RS256 needs [`algorithms`](Self::algorithms).
    /// Tokens for client credentials have no `sub` and are refused, unless rauthy maps the client
    /// to it (`client_credentials_map_sub`).
    ///
    /// # Errors
    /// [`ConfigError`] if no keys can be fetched from such an issuer.
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

/// Returns the tenant id of a [Microsoft Entra ID](TrustedIssuer::entra) issuer, version 2.0, for
/// an application that decides by the `iss` of a token which tenants to trust.
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
        "the tenant is not an id: no token names `common`, `organizations` or a domain",
        "use the directory id in lower case, such as `72f988bf-86f1-41af-91ab-2d7cd011db47`",
    ))
}

/// Whether the text is 8-4-4-4-12 lower-case hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex)
}
