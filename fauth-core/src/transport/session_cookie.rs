//! A cookie that holds a browser session, and lives as long as the session.

use super::{CookieTransport, Extracted, Keep, SameSite, SecurityScheme, SetTokenError, Transport};
use crate::{
    error::ConfigError,
    reply::ResponseHeader,
    request::RequestHead,
    token::{IssuedToken, Purpose},
};

/// Keeps a whole session in one cookie, for pages that have no script: no page has to refresh
/// anything.
///
/// | | [`SessionCookie`] | [`CookieTransport`] |
/// |---|---|---|
/// | for | pages with and without scripts | pages whose scripts send `POST /refresh` |
/// | cookies | `__Host-session` | `__Host-session` and `__Host-refresh` |
/// | lives | as long as the session | 15 minutes, and 7 days |
/// | carried on by | what a guard lets in, in the second half of its life | `POST /refresh` |
/// | a copied cookie | is the user until the session ends | is noticed once both sides refresh |
///
/// The attributes are those of [`CookieTransport`]: `Secure`, `HttpOnly`, `Path=/`, `SameSite=Lax`.
/// `Max-Age` is the time until the session ends if nothing carries it on, or the cookie [ends with
/// the browser](Self::end_with_browser).
///
/// ```
/// use fauth_core::transport::{BearerTransport, SessionCookie};
///
/// # let builder = fauth_testing::provider();
/// // Pages get the cookie, programs a pair of bearer tokens.
/// let auth = builder.transport(BearerTransport::new()).transport(SessionCookie::new()).build()?;
/// # Ok::<(), fauth_core::ConfigError>(())
/// ```
///
/// # What a request costs
/// As with an access token: its signature is verified, the revocation store is asked, the user is
/// loaded. Once in half of its [idle timeout](crate::SessionConfig::idle_timeout) the session
/// store is asked too, which carries the session on, and the response sets the cookie anew. Where
/// there is a session store and [no revocation
/// store](crate::AuthProviderBuilder::danger_without_revocation), the session store is asked at
/// every request.
///
/// # Sliding
/// Guards carry a session on, [`Guard::visitor`](crate::Guard::visitor) included; extractors
/// outside of guards cannot, since they see no response. Nothing moves the end of the
/// [lifetime](crate::SessionConfig::lifetime) of a session. If a response that sets the cookie anew
/// is overtaken by a logout, its cookie is of the session that was ended, and opens nothing. If
/// the handler of the same request logs in or out, its cookie is the one that counts.
///
/// # Security
/// Whoever has copied the cookie is the user until a logout, or until the session's lifetime is
/// over: the copy is carried on like the cookie itself, and the theft is not noticed, as it is with
/// refresh tokens. Scopes and claims that were loaded at the login are as old as the cookie; roles
/// and permissions are asked of the user at every request.
///
/// Without a session store
/// ([`danger_stateless`](crate::AuthProviderBuilder::danger_stateless)) the payload is signed into
/// the cookie: the browser's user can read it. A revocation store is needed then, so that a logout
/// ends something; or say [`danger_without_revocation`](Self::danger_without_revocation).
#[derive(Debug, Clone)]
pub struct SessionCookie {
    cookie: CookieTransport,
    may_outlive_logout: bool,
}

/// The second cookie of the pair, which is never set here.
const NO_REFRESH: &str = "__Host-fauth-none";

impl SessionCookie {
    /// The cookie `__Host-session`, with the safe attributes.
    #[must_use]
    pub fn new() -> Self {
        Self { cookie: CookieTransport::new(), may_outlive_logout: false }
    }

    /// A name of the application's own, with the prefix `__Host-`.
    ///
    /// # Errors
    /// [`ConfigError`] if it lacks the prefix, has nothing behind it, is longer than 64 bytes, or
    /// has other characters than letters, digits, `-` and `_`.
    pub fn name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().names(name, NO_REFRESH)?;
        Ok(Self { cookie, ..self })
    }

    /// As [`name`](Self::name), with or without the prefix `__Host-`: `session` or `auth_token`,
    /// where an application moves over and its name must stay.
    ///
    /// # Security
    /// As [`CookieTransport::danger_names`].
    ///
    /// # Errors
    /// [`ConfigError`] if it is empty, longer than 64 bytes, or has other characters than letters,
    /// digits, `-` and `_`.
    pub fn danger_name(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().danger_names(name, NO_REFRESH)?;
        Ok(Self { cookie, ..self })
    }

    /// When browsers attach the cookie. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(self, same_site: SameSite) -> Self {
        Self { cookie: self.cookie.same_site(same_site), ..self }
    }

    /// Lets the cookie end with the browser unless the login is
    /// [remembered](crate::LoginRequest::remember); see [`CookieTransport::end_with_browser`].
    #[must_use]
    pub fn end_with_browser(self) -> Self {
        Self { cookie: self.cookie.end_with_browser(), ..self }
    }

    /// Leaves out `Secure` and the prefix, if the service listens on the machine itself; see
    /// [`CookieTransport::insecure_on_loopback`].
    ///
    /// # Errors
    /// [`ConfigError`] if the address can be reached from elsewhere.
    pub fn insecure_on_loopback(self, address: std::net::IpAddr) -> Result<Self, ConfigError> {
        Ok(Self { cookie: self.cookie.insecure_on_loopback(address)?, ..self })
    }

    /// Leaves out `Secure` and the prefix; see [`CookieTransport::danger_insecure`].
    ///
    /// # Security
    /// The cookie travels in clear text; whoever sees it is the user.
    #[must_use]
    pub fn danger_insecure(self) -> Self {
        Self { cookie: self.cookie.danger_insecure(), ..self }
    }

    /// Lets browsers attach the cookie to whatever other sites cause (`SameSite=None`); see
    /// [`CookieTransport::danger_same_site_none`].
    ///
    /// # Security
    /// As there.
    #[must_use]
    pub fn danger_same_site_none(self) -> Self {
        Self { cookie: self.cookie.danger_same_site_none(), ..self }
    }

    /// Lets browsers send the cookie to this host and all hosts below it; see
    /// [`CookieTransport::danger_domain`].
    ///
    /// # Security
    /// As there.
    ///
    /// # Errors
    /// [`ConfigError`] if it is no name of a host with at least one dot.
    pub fn danger_domain(self, domain: impl Into<String>) -> Result<Self, ConfigError> {
        let cookie = self.cookie.clone().danger_domain(domain)?;
        Ok(Self { cookie, ..self })
    }

    /// Lets a session stand that nothing can end, where there is neither a session store nor a
    /// revocation store.
    ///
    /// # Security
    /// A logout deletes the cookie of this browser and takes nothing back: every copy is good until
    /// it expires, and is carried on until the lifetime of sessions is over.
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
