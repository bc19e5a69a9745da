//! What every transport can be asked.

use std::{fmt, time::Duration};

use super::extracted::Extracted;
use crate::{
    reply::ResponseHeader,
    request::RequestHead,
    token::{IssuedToken, Purpose},
};

/// Where a token is found, and how it is handed out.
///
/// A provider has an ordered list of transports. The first that finds anything decides, good or bad; explicit ones are asked first, then ambient ones, then those in the URL. The first that can
/// [`set`](Self::set) a token delivers those of the ready-made login; without one they are in the body.
///
/// ```
/// use fauth_core::{Extracted, RequestHead, SecurityScheme, Transport, Purpose};
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
///             None => Extracted::Malformed(fauth_core::MalformedCredential::Duplicate),
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
    /// Looks for a token of this purpose (access or refresh).
    ///
    /// What is found may be a part of the request: `'a` is the life of `head`. Write both lifetimes, as here; with `Extracted<'_>` the compiler would
    /// take that of `self`.
    fn extract<'a>(&self, head: &'a dyn RequestHead, purpose: Purpose) -> Extracted<'a>;

    /// The headers that hand a new token to the client. Default: none, the token goes into the body of the answer.
    ///
    /// # Errors
    /// [`SetTokenError`] if it cannot be handed over in this way, since it is too long for a cookie for example.
    fn set(
        &self,
        token: &IssuedToken,
        purpose: Purpose,
        lifetime: Duration,
    ) -> Result<Vec<ResponseHeader>, SetTokenError> {
        let _ = (token, purpose, lifetime);
        Ok(Vec::new())
    }

    /// The headers that take the tokens away from the client. Default: none.
    fn clear(&self) -> Vec<ResponseHeader> {
        Vec::new()
    }

    /// What a description of the application's interface says of it.
    fn describe(&self) -> SecurityScheme;

    /// Do browsers attach this credential unasked, as they do with cookies? Then requests that change something need proof of their origin, and an
    /// explicit credential beside it counts alone.
    ///
    /// # Security
    /// There is no default, since the wrong answer costs the protection against forged requests.
    fn is_ambient(&self) -> bool;

    /// Does an ambient credential travel over plain HTTP too? Then pages of the own host are trusted under `http://` as well. Default: no.
    fn is_insecure(&self) -> bool {
        false
    }

    /// Does the token stand in the URL? Then no answer may be cached. Default: no.
    fn is_in_url(&self) -> bool {
        false
    }

    /// Does it carry [API keys](crate::AuthProvider::create_api_key) and never tokens? Then a token in it is refused with 401. Default: no; a header
    /// carries both, a cookie and a URL never carry keys.
    fn is_for_api_keys(&self) -> bool {
        false
    }
}

/// A token that a transport cannot hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetTokenError {
    /// It is longer than what clients keep.
    #[error("the token is too long for this transport")]
    TooLong,
}

/// A transport in the terms of the `OpenAPI` specification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityScheme {
    /// `type: http, scheme: bearer, bearerFormat: JWT`.
    Bearer,
    /// `type: http, scheme: basic`: an API key as the password of the user name `__token__`.
    Basic,
    /// `type: apiKey, in: cookie`.
    Cookie {
        /// The cookie's name.
        name: Box<str>,
    },
    /// `type: apiKey, in: query`.
    Query {
        /// The parameter's name.
        name: Box<str>,
    },
    /// `type: apiKey, in: header`.
    Header {
        /// The header's name.
        name: Box<str>,
    },
}
