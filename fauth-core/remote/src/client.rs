//! The settings of a client.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{Client, Proxy, redirect::Policy, retry};

use crate::{cryptography, error::HttpFetchError, fetch::HttpFetch, roots::Roots};

const USER_AGENT: &str = concat!("fauth-remote/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The builder of an [`HttpFetch`]. Start with [`HttpFetch::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HttpFetchBuilder {
    roots: Roots,
    proxy: WhichProxy,
    user_agent: String,
    connect_timeout: Duration,
    danger_allow_http: bool,
}

#[derive(Clone)]
enum WhichProxy {
    None,
    FromEnvironment,
    /// A proxy URL, with the password if there is one.
    Named(String),
}

impl fmt::Debug for WhichProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::FromEnvironment => "FromEnvironment",
            Self::Named(_) => "Named(..)",
        })
    }
}

impl HttpFetchBuilder {
    pub(crate) fn new() -> Self {
        Self {
            roots: Roots::default(),
            proxy: WhichProxy::None,
            user_agent: USER_AGENT.to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            danger_allow_http: false,
        }
    }

    /// Also trusts these certificate authorities: one or more in PEM. For issuers with certificates
    /// of a private CA.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.added.push(pem.into());
        self
    }

    /// Trusts only the certificate authorities added with
    /// [`root_certificate_pem`](Self::root_certificate_pem). Default: also those that the system
    /// trusts.
    pub fn only_added_roots(mut self) -> Self {
        self.roots.only_added = true;
        self
    }

    /// Fetches through this proxy: `http://[user:password@]host:port`. Default: none.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = WhichProxy::Named(url.into());
        self
    }

    /// Fetches through the proxy named in `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    /// Default: these variables are ignored, because anyone who can set them could see which keys
    /// are fetched.
    pub fn proxy_from_environment(mut self) -> Self {
        self.proxy = WhichProxy::FromEnvironment;
        self
    }

    /// Sets the header `User-Agent`. Default: `fauth-remote/` and its version.
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.user_agent = text.into();
        self
    }

    /// Limits the time to connect, including TLS. Default: 3 seconds. The total time limit is a
    /// setting of the key source.
    pub const fn connect_timeout(mut self, span: Duration) -> Self {
        self.connect_timeout = span;
        self
    }

    /// Also fetches over plain HTTP from other machines. Default: only from this machine.
    ///
    /// # Security
    /// Anyone on the network path can then replace the keys with their own, and log in as any user.
    pub const fn danger_allow_http(mut self) -> Self {
        self.danger_allow_http = true;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`HttpFetchError`] if the system's certificate authorities cannot be read, an added
    /// certificate is invalid, or a setting cannot be used.
    pub fn build(self) -> Result<HttpFetch, HttpFetchError> {
        let tls = self.roots.tls(cryptography::provider()?)?;
        // Features of reqwest that the application enables do not affect this client.
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .retry(retry::never())
            .referer(false)
            .http1_only()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // Fetches are minutes apart, and a pooled connection would depend on the runtime that
            // opened it.
            .pool_max_idle_per_host(0)
            .connect_timeout(self.connect_timeout)
            // Plain HTTP connects only to this machine, whatever DNS says about the name.
            .resolve_to_addrs("localhost", &this_machine())
            .user_agent(&self.user_agent);
        let builder = match self.proxy {
            WhichProxy::None => builder.no_proxy(),
            WhichProxy::FromEnvironment => builder,
            WhichProxy::Named(url) => {
                let proxy = Proxy::all(url)
                    .map_err(|error| HttpFetchError::Setting { setting: "proxy", source: error.into() })?;
                builder.no_proxy().proxy(proxy)
            }
        };
        let client = builder.build().map_err(|error| HttpFetchError::Client(error.into()))?;
        Ok(HttpFetch::new_with(client, self.danger_allow_http))
    }
}

/// The port comes from the URL.
fn this_machine() -> [SocketAddr; 2] {
    [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
}
