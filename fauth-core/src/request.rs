//! A request as the core sees it: a borrowed view, without any framework's types.

use std::{fmt, net::SocketAddr, sync::Arc};

use crate::{
    api_key::PresentedKey, csrf::Origin, provider::Granted, rejection::Rejection, token::TokenPayload,
    transport::UnverifiedToken,
};

/// The head of a request. Each framework's adapter implements it; nothing else of a request is ever looked at.
///
/// # Security
/// An implementation reports what the framework *received*. It must not decide anything: not which of two headers counts, not
/// what a cookie is, not whether a value is good.
pub trait RequestHead {
    /// The method, spelt as received.
    fn method(&self) -> &str;

    /// The full path as received, percent-encoding included, without what an outer router has stripped and without the query.
    ///
    /// It is the core that decodes it, so that there is one decoder and not one for each framework.
    fn path(&self) -> &str;

    /// The query, without the question mark, as received.
    fn query(&self) -> Option<&str>;

    /// Every value of a header, in order. `name` is in lower case.
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a>;

    /// The address of the socket's other end.
    fn peer(&self) -> Option<SocketAddr>;

    /// Did the request come over TLS to this server?
    fn is_secure(&self) -> bool;
}

/// The values of one header, as bytes and in order.
///
/// ```
/// use fauth_core::HeaderValues;
///
/// let values: HeaderValues<'_> = [b"one".as_slice(), b"two"].into_iter().collect();
/// assert_eq!(values.iter().count(), 2);
/// assert_eq!(values.single(), None);
/// ```
#[derive(Clone, Default)]
pub struct HeaderValues<'a> {
    first: Option<&'a [u8]>,
    rest: Vec<&'a [u8]>,
}

/// More values of one header than this are not kept, so that a request cannot make us collect without end.
const MAX_VALUES: usize = 64;

impl<'a> HeaderValues<'a> {
    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.first.into_iter().chain(self.rest.iter().copied())
    }

    /// The value, if there is exactly one.
    #[must_use]
    pub fn single(&self) -> Option<&'a [u8]> {
        if self.rest.is_empty() { self.first } else { None }
    }

    /// Were there more values than are kept? Then nothing may be concluded from those that are.
    pub(crate) const fn is_cut_off(&self) -> bool {
        self.rest.len() >= MAX_VALUES
    }

    /// Is the header absent?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<'a> FromIterator<&'a [u8]> for HeaderValues<'a> {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(values: I) -> Self {
        let mut values = values.into_iter();
        let first = values.next();
        let rest = if first.is_some() { values.take(MAX_VALUES).collect() } else { Vec::new() };
        Self { first, rest }
    }
}

/// Header values may be credentials.
impl fmt::Debug for HeaderValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderValues").field("count", &self.iter().count()).finish()
    }
}

/// What a request presents to prove who sends it; made by [`AuthProvider::read`](crate::AuthProvider::read).
///
/// It owns everything it holds, so that no borrow of the request has to live across an `.await`. The token itself is not among that: it
/// is verified where it stands.
#[must_use = "a credential that was read has to be checked"]
pub struct Presented<U> {
    /// Who has read it, and therefore whose keys were asked. Nobody else may go on with it.
    pub(crate) provider: u64,
    pub(crate) outcome: Result<Found<U>, Rejection>,
}

/// What was found in a request.
pub(crate) enum Found<U> {
    Nothing,
    /// A good token, of whose user nothing is known yet.
    Token(Verified),
    /// Something that has the form of an API key, of which nothing is known yet.
    ApiKey(Box<PresentedKey>),
    /// A guard of the same provider has let this request in before.
    Granted(Granted<U>),
}

impl<U> Presented<U> {
    /// Does the request present nothing at all, neither good nor bad?
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.outcome, Ok(Found::Nothing))
    }
}

impl<U> fmt::Debug for Presented<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.outcome {
            Ok(Found::Nothing) => "Presented(nothing)",
            Ok(Found::Token(_)) => "Presented(a token)",
            Ok(Found::ApiKey(_)) => "Presented(an API key)",
            Ok(Found::Granted(_)) => "Presented(an earlier grant)",
            Err(_) => "Presented(a refused credential)",
        })
    }
}

/// A token and what follows from where it was found.
pub(crate) struct Credential<'a> {
    pub(crate) token: UnverifiedToken<'a>,
    /// Answers to a request with a token in its URL must not be cached.
    pub(crate) no_store: bool,
    pub(crate) keys: Keys,
}

/// May what was found in a place be an API key?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Browsers attach it unasked, or it stands in the URL.
    Never,
    /// A key or a token.
    Too,
    /// A key, no token.
    Only,
}

/// What a credential says, once its token is verified.
pub(crate) struct Verified {
    pub(crate) payload: Arc<TokenPayload>,
    pub(crate) no_store: bool,
}

/// The request's own origin and that of its initiator, for the CSRF rule.
pub(crate) fn origin(head: &dyn RequestHead, plain_http: bool) -> Origin<'_> {
    Origin {
        sec_fetch_site: head.header("sec-fetch-site"),
        named: head.header("origin"),
        host: head.header("host"),
        plain_http,
    }
}
