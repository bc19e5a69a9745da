//! A request as the core sees it: a borrowed view, without any framework's types.

use std::{fmt, net::SocketAddr, sync::Arc};

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

    /// The path by which the framework looks for a route further in: what is left of
    /// [`path`](Self::path) where an outer router has stripped a prefix. Path rules refuse a
    /// request whose path was rewritten into anything else: they would decide about another route
    /// than the one that answers. By default the full path.
    fn routed_path(&self) -> &str {
        self.path()
    }

    /// The query, without the question mark, as received.
    fn query(&self) -> Option<&str>;

    /// Every value of a header, in order. `name` is in lower case.
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a>;

    /// The address of the socket's other end.
    fn peer(&self) -> Option<SocketAddr>;

    /// Did the request come over TLS to this server?
    fn is_secure(&self) -> bool;

    /// What an extended CONNECT asks for: the pseudo-header `:protocol` of HTTP/2 ([RFC
    /// 8441](https://www.rfc-editor.org/rfc/rfc8441)), such as `websocket`. `None` for every other
    /// request, and where the framework does not tell: CONNECT is refused then.
    fn protocol(&self) -> Option<&str> {
        None
    }

    /// What a guard further out has left with the request after it had checked its CSRF token:
    /// [`Entered::csrf_proof`](crate::Entered::csrf_proof). Where the framework keeps nothing with
    /// a request, `None`: the token is checked again then. A guard that has let in nobody, as
    /// [`Guard::visitor`](crate::Guard::visitor) may, leaves none.
    fn csrf_proof(&self) -> Option<CsrfProof> {
        None
    }
}

/// That a guard has checked the CSRF token of a request: an adapter keeps it with the request, so
/// that a handler which reads the request once more, as
/// [`logout_reply`](crate::AuthProvider::logout_reply) does, is not asked for a form that was read.
///
/// It is for one login of one provider. Guards of several providers leave one each: an adapter
/// keeps the new one [`beside`](Self::beside) what is there.
#[derive(Clone)]
pub struct CsrfProof {
    /// Each provider whose guard has checked a token, and the login that it was for.
    checked: Arc<[(u64, Arc<str>)]>,
}

impl CsrfProof {
    pub(crate) fn new(provider: u64, login: String) -> Self {
        Self { checked: Arc::new([(provider, login.into())]) }
    }

    /// This proof, and those of other providers that a guard further out has left.
    #[must_use]
    pub fn beside(self, earlier: Option<&Self>) -> Self {
        let is_new = |(provider, _): &&(u64, _)| self.login_of(*provider).is_none();
        let others: Vec<_> =
            earlier.iter().flat_map(|proof| proof.checked.iter().filter(is_new)).cloned().collect();
        if others.is_empty() {
            return self;
        }
        Self { checked: self.checked.iter().cloned().chain(others).collect() }
    }

    /// The login whose token a guard of this provider has checked.
    pub(crate) fn login_of(&self, provider: u64) -> Option<&str> {
        self.checked.iter().find(|(checked, _)| *checked == provider).map(|(_, login)| &**login)
    }
}

impl fmt::Debug for CsrfProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfProof(..)")
    }
}

/// Does the request ask for a WebSocket by an extended CONNECT, as over HTTP/2? Any other CONNECT
/// asks for a tunnel.
pub(crate) fn is_websocket_connect(head: &dyn RequestHead) -> bool {
    head.method() == "CONNECT"
        && head.protocol().is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Does the request ask for a WebSocket, by whatever version of HTTP?
///
/// Over HTTP/1.1 a handshake is a GET, but what it opens is not bound by the same-origin policy
/// (RFC 6455 section 10.2).
pub(crate) fn opens_websocket(head: &dyn RequestHead) -> bool {
    let is_named = |value: &[u8]| value.to_ascii_lowercase().windows(9).any(|word| word == b"websocket");
    is_websocket_connect(head) || head.header("upgrade").iter().any(is_named)
}

/// The values of one header, as bytes and in order.
///
/// ```
/// use fauth_core::request::HeaderValues;
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

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) const fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
