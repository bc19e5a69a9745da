//! A cookie that holds a browser session and lives as long as the session.

use super::{CookieTransport, Extracted, Keep, SameSite, SecurityScheme, SetTokenError, Transport};
use crate::{
    error::ConfigError,
    reply::ResponseHeader,
    request::RequestHead,
    token::{IssuedToken, Purpose},
};

/// Keeps a browser session in one cookie, for pages with or without scripts. No page has to refresh
/// a token.
///
/// | | [`SessionCookie`] | [`CookieTransport`] |
/// |---|---|---|
/// | for | pages with and without scripts | pages whose scripts send `POST /refresh` |
/// | cookies | `__Host-session` | `__Host-session` and `__Host-refresh` |
/// | lifetime | that of the session | 15 minutes and 7 days |
/// | extended by | a guard that admits a request in the second half of the idle timeout | `POST /refresh` |
/// | a stolen cookie | works until the session ends | is detected once both sides refresh |
///
/// The attributes are those of [`CookieTransport`]: `Secure`, `HttpOnly`, `Path=/`, `SameSite=Lax`.
/// `Max-Age` is the time until the session ends unless it is extended; the cookie can also [end
/// with the browser session](Self::end_with_browser).
///
/// ```
/// use fauth_core::transport::{BearerTransport, SessionCookie};
///
/// # let builder = fauth_testing::provider();
/// // Browsers get the cookie, programs a pair of bearer tokens.
/// let auth = builder.transport(BearerTransport::new()).transport(SessionCookie::new()).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// # Cost per request
/// As for an access token, the signature is verified, the revocation store is asked, and the user
/// is loaded. Once in half of the [idle timeout](crate::SessionConfig::idle_timeout) the session
/// store also extends the session, and the response sets the cookie again. With a session store but
/// [without a revocation store](crate::AuthProviderBuilder::danger_without_revocation), the session
/// store is asked on every request.
///
/// # Sliding expiration
/// Guards extend a session, including [`Guard::visitor`](crate::Guard::visitor). Extractors outside
/// of guards cannot, because they do not see the response. Nothing extends the absolute
/// [lifetime](crate::SessionConfig::lifetime) of a session. If a logout overtakes a response that
/// sets the cookie again, that cookie belongs to the ended session and is refused. If the handler
/// of the same request logs in or out, its cookie wins.
///
/// # Security
/// Anyone who has copied the cookie can act as the user until a logout or until the session's
/// lifetime is over. The copy is extended like the original, and the theft is not detected as it is
/// with refresh tokens. Scopes and claims loaded at the login are as old as the cookie; roles and
/// permissions are read from the user on every request.
///
/// Without a session store ([`danger_stateless`](crate::AuthProviderBuilder::danger_stateless)) the
/// payload is signed into the cookie, and the browser's user can read it. A revocation store is
/// then required, so that a logout ends the session; opt out with
/// [`danger_without_revocation`](Self::danger_without_revocation).
#[derive(Debug, Clone)]
pub struct SessionCookie {
    cookie: CookieTransport,
    may_outlive_logout: bool,
}

/// The name of the second cookie of the pair, which is never set.
const NO_REFRESH: &str = "__Host-fauth-none";

impl SessionCookie {
    /// Creates the transport with the cookie `__Host-session` and the default attributes.
    #[must_use]
    pub fn new() -> Self {
        Self { cookie: CookieTransport::new(), may_outlive_logout: false }
    }

    /// Sets the name of the cookie, with the prefix `__Host-`.
    ///
    /// # Errors
    /// [`ConfigError`] if the name lacks the prefix, consists of the prefix alone, is longer than
    /// 64 bytes, or has characters other than letters, digits, `-` and `_`.
    pub fn name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().names(name, NO_REFRESH)?;
        Ok(Self { cookie, ..self })
    }

    /// Like [`name`](Self::name), with or without the prefix `__Host-`, for an application that
    /// migrates and must keep its name, such as `session` or `auth_token`.
    ///
    /// # Security
    /// As [`CookieTransport::danger_names`].
    ///
    /// # Errors
    /// [`ConfigError`] if the name is empty, longer than 64 bytes, or has characters other than
    /// letters, digits, `-` and `_`.
    pub fn danger_name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().danger_names(name, NO_REFRESH)?;
        Ok(Self { cookie, ..self })
    }

    /// Sets the `SameSite` attribute. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(self, same_site: SameSite) -> Self {
        Self { cookie: self.cookie.same_site(same_site), ..self }
    }

    /// Omits `Max-Age`, so that the cookie ends with the browser session, unless the login is
    /// [remembered](crate::LoginRequest::remember); see [`CookieTransport::end_with_browser`].
    #[must_use]
    pub fn end_with_browser(self) -> Self {
        Self { cookie: self.cookie.end_with_browser(), ..self }
    }

    /// Omits `Secure` and the prefix for a service that listens on the loopback interface only; see
    /// [`CookieTransport::insecure_on_loopback`].
    ///
    /// # Errors
    /// [`ConfigError`] if the address is not a loopback address.
    pub fn insecure_on_loopback(self, address: std::net::IpAddr) -> Result<Self, ConfigError> {
        Ok(Self { cookie: self.cookie.insecure_on_loopback(address)?, ..self })
    }

    /// Omits `Secure` and the prefix; see [`CookieTransport::danger_insecure`].
    ///
    /// # Security
    /// The cookie travels in clear text, and anyone who sees it can act as the user.
    #[must_use]
    pub fn danger_insecure(self) -> Self {
        Self { cookie: self.cookie.danger_insecure(), ..self }
    }

    /// Lets browsers attach the cookie to all cross-site requests (`SameSite=None`); see
    /// [`CookieTransport::danger_same_site_none`].
    ///
    /// # Security
    /// See [`CookieTransport::danger_same_site_none`].
    #[must_use]
    pub fn danger_same_site_none(self) -> Self {
        Self { cookie: self.cookie.danger_same_site_none(), ..self }
    }

    /// Sends the cookie to this host and all of its subdomains; see
    /// [`CookieTransport::danger_domain`].
    ///
    /// # Security
    /// See [`CookieTransport::danger_domain`].
    ///
    /// # Errors
    /// [`ConfigError`] if this is not a host name with at least one dot.
    pub fn danger_domain(self, domain: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().danger_domain(domain)?;
        Ok(Self { cookie, ..self })
    }

    /// Allows sessions that nothing can revoke, with neither a session store nor a revocation
    /// store.
    ///
    /// # Security
    /// A logout deletes the cookie of this browser and revokes nothing. Every copy stays valid
    /// until it expires, and is extended until the lifetime of sessions is over.
    #[must_use]
    pub const fn danger_without_revocation(mut self) -> Self {
        self.may_outlive_logout = true;
        self
    }
}

impl Default for SessionCookie {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for SessionCookie {
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
        match purpose {
            Purpose::Access | Purpose::Session => self.cookie.extract(head, Purpose::Access),
            _ => Extracted::Absent,
        }
    }

    fn set(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        keep: Keep,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        match purpose {
            Purpose::Session => self.cookie.set(token, Purpose::Access, keep),
            _ => Ok(Vec::new()),
        }
    }

    fn opens_with(&self) -> Purpose {
        Purpose::Session
    }

    fn forget(&self, purpose: Purpose) -> Vec<ResponseHeader> {
        match purpose {
            Purpose::Access | Purpose::Session => self.cookie.forget(Purpose::Access),
            _ => Vec::new(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.cookie.check()
    }

    fn may_outlive_logout(&self) -> bool {
        self.may_outlive_logout
    }

    fn describe(&self) -> SecurityScheme {
        self.cookie.describe()
    }

    fn is_ambient(&self) -> bool {
        true
    }

    fn is_insecure(&self) -> bool {
        self.cookie.is_insecure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_prefix_unless_danger_is_said() {
        assert!(SessionCookie::new().name("__Host-id").is_ok());
        for bad in ["session", "auth_token", "__Host-", "__Secure-a", ""] {
            assert!(SessionCookie::new().name(bad).is_err(), "{bad}");
        }
        for good in ["session", "auth_token", "__Host-id"] {
            let cookie = SessionCookie::new().danger_name(good).unwrap();
            assert_eq!(cookie.describe(), SecurityScheme::Cookie { name: good.into() });
        }
        assert!(SessionCookie::new().danger_name("a b").is_err());
    }

    #[test]
    fn plain_http_is_for_the_machine_itself_or_for_whoever_says_so() {
        for local in ["127.0.0.1", "127.8.0.1", "::1"] {
            let cookie = SessionCookie::new().insecure_on_loopback(local.parse().unwrap()).unwrap();
            assert_eq!(cookie.describe(), SecurityScheme::Cookie { name: "session".into() });
            assert!(cookie.is_insecure());
        }
        for elsewhere in ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
            let error = SessionCookie::new().insecure_on_loopback(elsewhere.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("danger_insecure"), "{error}");
        }
        assert!(SessionCookie::new().danger_insecure().is_insecure());
        assert!(!SessionCookie::new().is_insecure());
    }
}
