//! The [`Transport`] trait: how a token is read from a request and handed to a client.
//!
//! A transport sees only the head of the request and never verifies a token; the provider does.
//! The other files of this folder implement it for headers, cookies and URLs.

use std::{fmt, time::Duration};

use super::extracted::Extracted;
use crate::{
    error::ConfigError,
    reply::ResponseHeader,
    request::RequestHead,
    token::{IssuedToken, Purpose},
};

/// Reads a token from a request, and delivers a new one to the client.
///
/// A provider has an ordered list of transports: explicit ones first (headers), then
/// [ambient](Self::is_ambient) ones (cookies), then those [in the URL](Self::is_in_url). The first
/// that finds a credential decides, even if that credential is bad: there is no fallback to
/// another. A request with an explicit credential and a further one in a header or the URL is
/// refused.
///
/// Tokens are delivered by the first transport that can [`set`](Self::set) them, or else in the
/// response body; [`login_reply`](crate::AuthProvider::login_reply) says when ambient transports
/// are used, and when the others. An ambient transport that carries refresh tokens must set them.
///
/// ```
/// use fauth_core::{
///     Purpose,
///     rejection::MalformedCredential,
///     request::RequestHead,
///     transport::{Extracted, SecurityScheme, Transport},
/// };
///
/// /// A gateway in front of the service puts the token here.
/// #[derive(Debug)]
/// struct GatewayHeader;
///
/// impl Transport for GatewayHeader {
///     fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a> {
///         if purpose != Purpose::Access { return Extracted::Absent; }
///         let values = head.header("x-gateway-token");
///         match values.single() {
///             None if values.is_empty() => Extracted::Absent,
///             Some(token) => Extracted::token(token),
///             None => Extracted::Malformed(MalformedCredential::Duplicate),
///         }
///     }
///
///     fn describe(&self) -> SecurityScheme {
///         SecurityScheme::Header { name: "X-Gateway-Token".into() }
///     }
///
///     fn is_ambient(&self) -> bool {
///         false // no browser adds this header by itself
///     }
/// }
/// ```
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Looks for a token of this purpose: [`Purpose::Refresh`], or [`Purpose::Access`], which
    /// stands for whatever token the transport [opens](Self::opens_with) routes with.
    ///
    /// The result may borrow from the request: `'a` is the lifetime of `head`. Write both
    /// lifetimes as here; `Extracted<'_>` would borrow from `self` instead.
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a>;

    /// Returns the response headers that deliver a new token to the client, which is to keep it as
    /// `keep` says. Default: none; the token is delivered by another transport or in the response
    /// body.
    ///
    /// # Errors
    /// [`SetTokenError`] if this transport cannot carry the token, for example because it is too
    /// long for a cookie.
    fn set(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        keep: Keep,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        let _ = (token, purpose, keep);
        Ok(Vec::new())
    }

    /// Returns the purpose of the tokens that grant access through this transport: access tokens,
    /// or, for an [ambient](Self::is_ambient) transport, session tokens. A token is verified for
    /// this purpose and no other. Default: [`Purpose::Access`].
    ///
    /// The value is ignored unless the transport is ambient.
    fn opens_with(&self) -> Purpose {
        Purpose::Access
    }

    /// Returns the response headers that make the client delete its token of this purpose (access
    /// or refresh), and nothing else. Default: none.
    ///
    /// For an ambient transport, the response to a token that is no longer valid carries them;
    /// otherwise the client would send it again and again.
    fn forget(&self, purpose: Purpose) -> Vec<ResponseHeader> {
        let _ = purpose;
        Vec::new()
    }

    /// Returns the response headers that make the client delete all its tokens. Default: those of
    /// [`forget`](Self::forget) for the access and the refresh token.
    fn clear(&self) -> Vec<ResponseHeader> {
        [Purpose::Access, Purpose::Refresh].into_iter().flat_map(|purpose| self.forget(purpose)).collect()
    }

    /// Checks the settings when a provider is built. Default: they are valid.
    ///
    /// # Errors
    /// [`ConfigError`] if the settings contradict each other.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Returns this transport as a security scheme for the application's `OpenAPI` description.
    fn describe(&self) -> SecurityScheme;

    /// Whether browsers attach this credential automatically, as they do cookies.
    ///
    /// If so, requests that change state (and `WebSocket` handshakes) must prove that they come
    /// from the application's own or a trusted origin. If the request also has an explicit
    /// credential in a header, only that one counts.
    ///
    /// # Security
    /// There is no default, because a wrong `false` removes the protection against cross-site
    /// request forgery (CSRF).
    fn is_ambient(&self) -> bool;

    /// Whether browsers attach this credential automatically once the user has typed it in, as for
    /// HTTP Basic. If so, a request that changes state is refused if `Origin` or `Sec-Fetch-Site`
    /// shows that a page of another origin sent it. A request without these headers, such as one
    /// from a program, is accepted. Default: `false`.
    fn may_be_attached(&self) -> bool {
        false
    }

    /// Whether an ambient credential is also sent over plain HTTP, as a cookie without `Secure` is.
    /// If so, the CSRF check also trusts pages of the application's own host under `http://`.
    /// Default: `false`.
    fn is_insecure(&self) -> bool {
        false
    }

    /// Whether session tokens may be issued although nothing can revoke them. Checked for
    /// transports that [open](Self::opens_with) routes with such tokens, when a provider is built
    /// with neither a session store nor a revocation store. Default: `false`.
    fn may_outlive_logout(&self) -> bool {
        false
    }

    /// Whether the token is in the URL. If so, no response may be cached, and every other
    /// transport is asked first. Default: `false`.
    fn is_in_url(&self) -> bool {
        false
    }

    /// Whether this transport carries only [API keys](crate::AuthProvider::create_api_key). If so,
    /// a token in it is refused with 401. Default: `false`: a header then carries both tokens and
    /// keys. A cookie or a URL never carries API keys, whatever this returns.
    fn is_for_api_keys(&self) -> bool {
        false
    }
}

/// For how long a client keeps a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// The lifetime of the token.
    pub lifetime: Duration,
    /// Whether the login was [remembered](crate::LoginRequest::remember). If not, the token may end
    /// with the browser session.
    pub remembered: bool,
}

impl Keep {
    /// Keeps the token for its lifetime, for a login that was not remembered.
    #[must_use]
    pub const fn for_lifetime(lifetime: Duration) -> Self {
        Self { lifetime, remembered: false }
    }

    /// Sets whether the login was [remembered](crate::LoginRequest::remember).
    #[must_use]
    pub const fn remembered(self, remembered: bool) -> Self {
        Self { remembered, ..self }
    }
}

/// Why a transport cannot deliver a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetTokenError {
    /// The token is longer than the client can store, for example in a cookie.
    #[error("the token is too long for this transport")]
    TooLong,
}

/// A transport as a Security Scheme Object of the `OpenAPI` specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityScheme {
    /// `type: http, scheme: bearer, bearerFormat: JWT`.
    Bearer,
    /// `type: http, scheme: basic`: the user name is `__token__`, the password an API key.
    Basic,
    /// `type: apiKey, in: cookie`.
    Cookie {
        /// The name of the cookie.
        name: Box<str>,
    },
    /// `type: apiKey, in: query`.
    Query {
        /// The name of the parameter.
        name: Box<str>,
    },
    /// `type: apiKey, in: header`.
    Header {
        /// The name of the header.
        name: Box<str>,
    },
}
