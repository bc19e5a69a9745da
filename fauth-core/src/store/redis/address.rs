//! The address of a server, and how a URL becomes a client.

use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo as _};
use zeroize::Zeroizing;

use crate::{error::ConfigError, store::StoreLocation};

/// The URL of a server as the application gave it, and the certificate authority for it.
#[derive(Clone)]
pub(super) struct Address {
    url: Zeroizing<String>,
    #[cfg(feature = "tls")]
    root_certificate: Option<Vec<u8>>,
}

impl Address {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: Zeroizing::new(url.to_owned()),
            #[cfg(feature = "tls")]
            root_certificate: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn root_certificate(&mut self, pem: Vec<u8>) {
        self.root_certificate = Some(pem);
    }

    /// Returns a client without connecting. `limit` is the command time-out.
    pub(super) fn client(&self, limit: Duration) -> Result<Client, ConfigError> {
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&limit) {
            return Err(ConfigError::new("command_timeout", "is out of range", "use 10 ms to one minute"));
        }
        // The library's error is not passed on: it may quote the URL.
        let info = self.url.as_str().into_connection_info().map_err(|_| {
            if self.url.starts_with("rediss:") && cfg!(not(feature = "tls")) {
                return ConfigError::new(
                    "url",
                    "begins with `rediss:`, which needs TLS, but fauth-core was built without it",
                    "enable the feature `tls` of `fauth-core`",
                );
            }
            unusable_url()
        })?;
        self.open(info)
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "with TLS it has a setting of its own")]
    fn open(&self, info: ConnectionInfo) -> Result<Client, ConfigError> {
        Client::open(info).map_err(|_| unusable_url())
    }

    #[cfg(feature = "tls")]
    fn open(&self, info: ConnectionInfo) -> Result<Client, ConfigError> {
        use redis::{ConnectionAddr, TlsCertificates};

        choose_cryptography();
        let Some(root) = &self.root_certificate else {
            return Client::open(info).map_err(|_| unusable_url());
        };
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            let problem = "is set, but the URL does not use TLS";
            return Err(ConfigError::new("root_certificate", problem, "use `rediss://` in the URL"));
        }
        let unreadable = || {
            let problem = "contains no valid certificate";
            ConfigError::new("root_certificate", problem, "pass the certificate of the authority in PEM")
        };
        // For the library, a text without any certificate is an empty list.
        if !root.windows(27).any(|text| text == b"-----BEGIN CERTIFICATE-----") {
            return Err(unreadable());
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(root.clone()) };
        Client::build_with_tls(info, certificates).map_err(|_| unreadable())
    }
}

fn unusable_url() -> ConfigError {
    let fix = "use `redis://[user[:password]@]host[:port][/database]`, or `rediss://…` with TLS";
    ConfigError::new("url", "is not a valid URL of a Redis server", fix)
}

/// Installs a process-wide cryptography provider unless the application has installed one. The
/// library uses that provider, and panics if there is none and several are compiled in.
#[cfg(feature = "tls")]
fn choose_cryptography() {
    use rustls::crypto::{CryptoProvider, ring};

    if CryptoProvider::get_default().is_none() {
        // An error means that another thread has just installed one.
        let _ = ring::default_provider().install_default();
    }
}

/// Describes the server for logs and errors. The address contains neither user nor password.
pub(super) fn server_of(client: &Client) -> String {
    let info = client.get_connection_info();
    format!("redis {}/{}", info.addr(), info.redis_settings().db())
}

/// The location of a store whose keys have this prefix.
pub(super) fn place(client: &Client, keys: &str) -> StoreLocation {
    StoreLocation::shared(format!("{}, keys {keys}", server_of(client)))
}
