//! Protected resource metadata ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)): how clients
//! learn where to obtain a token.

use serde::Serialize;

use crate::{
    authority::{host_of, is_loopback},
    error::ConfigError,
    reply::{Reply, ResponseHeader},
    token::is_scope,
};

/// The path of the metadata of a resource whose identifier has no path.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const MAX_URL_BYTES: usize = 1024;
const MAX_TEXT_BYTES: usize = 1024;
/// The maximum number of authorization servers, and of scopes.
const MAX_ENTRIES: usize = 100;
/// For how long a client may cache the document, which changes only with the configuration.
const CACHE_CONTROL: &str = "public, max-age=3600";
const OK: u16 = 200;

/// The OAuth 2.0 protected resource metadata of this service (RFC 9728).
///
/// It tells clients without a token which authorization servers issue one, and for which scopes.
///
/// The provider then has the endpoint
/// [`Endpoint::ResourceMetadata`](crate::routes::Endpoint::ResourceMetadata), and its challenges
/// name the URL of it: `WWW-Authenticate: Bearer …, resource_metadata="…"`. Clients of the Model
/// Context Protocol need both.
///
/// ```
/// use fauth_core::ResourceMetadata;
/// # let builder = fauth_testing::provider();
///
/// let metadata = ResourceMetadata::new("https://api.example.com/mcp")
///     .authorization_server("https://login.example.com/realms/shop")
///     .scopes_supported(["orders:read", "orders:write"])
///     .documentation("https://docs.example.com/api");
/// let auth = builder.resource_metadata(metadata).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// | member | from | default |
/// |---|---|---|
/// | `resource` | [`new`](Self::new) | required |
/// | `authorization_servers` | [`authorization_server`](Self::authorization_server) | the provider's trusted issuers |
/// | `scopes_supported` | [`scopes_supported`](Self::scopes_supported) | omitted |
/// | `bearer_methods_supported` | the provider's transports | |
/// | `resource_name` | [`name`](Self::name) | omitted |
/// | `resource_documentation` | [`documentation`](Self::documentation) | omitted |
/// | `resource_policy_uri` | [`policy`](Self::policy) | omitted |
/// | `resource_tos_uri` | [`terms_of_service`](Self::terms_of_service) | omitted |
#[derive(Debug, Clone)]
#[must_use = "metadata is published only once passed to `AuthProviderBuilder::resource_metadata`"]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
    policy: Option<String>,
    terms_of_service: Option<String>,
    plain_http: bool,
}

impl ResourceMetadata {
    /// Creates the metadata of the resource with this identifier: the URL by which clients know the
    /// service, such as `https://api.example.com` or `https://api.example.com/mcp`.
    ///
    /// It is published byte for byte, and clients compare it byte for byte (RFC 9728 section 3.3).
    /// The scheme is `https`, or `http` on a loopback host. It must not have a query, a fragment or
    /// an explicit default port. Its path consists of letters, digits and `-._~` and does not end
    /// with a slash.
    ///
    /// # Security
    /// Take it from the configuration, never from a request, because the client controls `Host`. If
    /// the authorization server uses the identifier as the audience of tokens (RFC 8707), set the
    /// same text as an audience of the trusted issuer.
    pub fn new(resource: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            name: None,
            documentation: None,
            policy: None,
            terms_of_service: None,
            plain_http: false,
        }
    }

    /// Adds the issuer identifier of an authorization server whose tokens are accepted. The first
    /// call replaces the default, which is the provider's trusted issuers.
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// Adds scopes that clients may request.
    pub fn scopes_supported<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the name of this service that is shown to users.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the URL of a page for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Sets the URL of a page that says how the data of this service may be used.
    pub fn policy(mut self, url: impl Into<String>) -> Self {
        self.policy = Some(url.into());
        self
    }

    /// Sets the URL of the terms of service.
    pub fn terms_of_service(mut self, url: impl Into<String>) -> Self {
        self.terms_of_service = Some(url.into());
        self
    }

    /// Allows `http` in all URLs, on every host.
    ///
    /// # Security
    /// Anyone on the network path can name another authorization server, and so obtain what clients
    /// send to it.
    pub fn danger_allow_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Checks the metadata. `issuers` are those that the provider trusts; `methods` are the ways in
    /// which it accepts bearer tokens, by their names in RFC 6750.
    pub(crate) fn publish(
        mut self,
        issuers: impl IntoIterator<Item = String>,
        methods: &[&str],
    ) -> Result<PublishedMetadata, ConfigError> {
        let path = self.check_resource()?.to_owned();
        if self.authorization_servers.is_empty() {
            self.authorization_servers.extend(issuers);
        }
        self.check_entries()?;
        for (setting, url) in [
            ("documentation", &self.documentation),
            ("policy", &self.policy),
            ("terms_of_service", &self.terms_of_service),
        ] {
            url.as_deref().map_or(Ok(()), |url| self.check_link(setting, url))?;
        }
        let origin = self.resource.get(..self.resource.len() - path.len()).unwrap_or_default();
        // A slash right after the host is not a path (RFC 9728 section 3.1).
        let path = format!("{WELL_KNOWN}{}", if path == "/" { "" } else { &path });
        let url = format!("{origin}{path}");
        let document = Document {
            resource: &self.resource,
            authorization_servers: &self.authorization_servers,
            scopes_supported: &self.scopes,
            bearer_methods_supported: methods,
            resource_name: self.name.as_deref(),
            resource_documentation: self.documentation.as_deref(),
            resource_policy_uri: self.policy.as_deref(),
            resource_tos_uri: self.terms_of_service.as_deref(),
        };
        let json = serde_json::to_vec(&document).map_err(|_| {
            ConfigError::new(
                "resource_metadata",
                "the metadata cannot be serialised as JSON",
                "report this as a bug in fauth",
            )
        })?;
        Ok(PublishedMetadata { json: json.into(), path: path.into(), url: url.into() })
    }

    /// Checks the identifier and returns its path.
    fn check_resource(&self) -> Result<&str, ConfigError> {
        let refused = |problem: &'static str| {
            Err(ConfigError::new(
                "resource_metadata",
                format!("the identifier of the resource {problem}"),
                "use the URL that clients use, such as `https://api.example.com/mcp`",
            ))
        };
        let resource = &*self.resource;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]".contains(&b);
        if resource.len() > MAX_URL_BYTES || !resource.bytes().all(allowed) {
            return refused(
                "is too long, has a query or a fragment, or has characters other than letters, digits and `-._~`",
            );
        }
        let Some((scheme, rest)) = resource.split_once("://") else {
            return refused("is not an absolute URL");
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let Some(host) = host_of(authority) else { return refused("has no host, or a malformed one") };
        if !self.is_allowed(scheme, host) {
            return refused("has a scheme other than `https`, and its host is not a loopback host");
        }
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        if authority.bytes().any(|b| b.is_ascii_uppercase()) || authority.ends_with(default_port) {
            return refused(
                "has capital letters in its host, or an explicit default port, which clients would write differently",
            );
        }
        let is_plain = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
        let has_other = path.contains([':', '[', ']']);
        if path != "/" && (has_other || !path.split('/').skip(1).all(is_plain)) {
            return refused("has a path with `:`, an empty segment, a dot segment, or a trailing slash");
        }
        Ok(path)
    }

    fn check_entries(&self) -> Result<(), ConfigError> {
        if self.authorization_servers.is_empty() {
            return Err(ConfigError::new(
                "authorization_server",
                "no authorization server is set, and the provider trusts no issuer",
                "call `.authorization_server(…)` with the issuer of the tokens",
            ));
        }
        if self.authorization_servers.len() > MAX_ENTRIES || self.scopes.len() > MAX_ENTRIES {
            return Err(ConfigError::new(
                "resource_metadata",
                "there are too many authorization servers or scopes",
                "use up to 100 of each",
            ));
        }
        for issuer in &self.authorization_servers {
            self.check_link("authorization_server", issuer)?;
            if issuer.contains(['?', '#']) {
                return Err(ConfigError::new(
                    "authorization_server",
                    "an issuer has a query or a fragment",
                    "use the issuer identifier, such as `https://login.example.com` (RFC 8414 section 2)",
                ));
            }
        }
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            return Err(ConfigError::new(
                "scopes_supported",
                "a scope is empty, or has spaces, quotes or characters outside ASCII",
                "pass each scope separately (RFC 6749 section 3.3)",
            ));
        }
        let is_name = |name: &str| {
            !name.trim().is_empty() && name.len() <= MAX_TEXT_BYTES && !name.chars().any(char::is_control)
        };
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(ConfigError::new(
                "name",
                "the name is blank, too long, or has control characters",
                "use a short name",
            ));
        }
        Ok(())
    }

    /// Checks a URL that clients show or follow.
    fn check_link(&self, setting: &'static str, url: &str) -> Result<(), ConfigError> {
        let refused =
            |problem: &'static str| Err(ConfigError::new(setting, problem, "use an absolute https URL"));
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if url.len() > MAX_URL_BYTES || !url.bytes().all(allowed) {
            return refused("the URL is too long, or has characters that need encoding");
        }
        let Some((scheme, rest)) = url.split_once("://") else { return refused("the URL is not absolute") };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match host_of(authority) {
            Some(host) if self.is_allowed(scheme, host) => Ok(()),
            Some(_) => refused("the scheme of the URL is not https, and its host is not a loopback host"),
            None => refused("the host of the URL is missing or malformed, or there is a user name"),
        }
    }

    fn is_allowed(&self, scheme: &str, host: &str) -> bool {
        scheme == "https" || (scheme == "http" && (self.plain_http || is_loopback(host)))
    }
}

/// The document of RFC 9728 section 2.
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_policy_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_tos_uri: Option<&'a str>,
}

/// The metadata of a provider, ready to be served.
#[derive(Debug, Clone)]
pub(crate) struct PublishedMetadata {
    json: Box<[u8]>,
    path: Box<str>,
    url: Box<str>,
}

impl PublishedMetadata {
    /// The path of the endpoint on the resource's host.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The URL of the endpoint.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The response with the document.
    pub(crate) fn reply(&self) -> Reply {
        Reply::new(OK)
            .body("application/json", &*self.json)
            .header(ResponseHeader::new("cache-control", CACHE_CONTROL))
    }
}

#[cfg(test)]
mod tests;
