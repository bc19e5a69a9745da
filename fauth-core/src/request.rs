//! A request as the core sees it: a borrowed view, without framework types.

use std::{fmt, net::SocketAddr, sync::Arc};

/// The head of a request, implemented by each framework's adapter. The core reads nothing else of a
/// request.
///
/// # Security
/// An implementation reports what the framework *received* and decides nothing: not which of two
/// headers counts, not how a cookie is parsed, not whether a value is valid.
pub trait RequestHead {
    /// The method, spelt as received.
    fn method(&self) -> &str;

    /// The full path as received: percent-encoded, including prefixes that an outer router
    /// stripped, without the query.
    ///
    /// The core decodes it, so that all frameworks share one decoder.
    fn path(&self) -> &str;

    /// The path that inner routers match: the rest of [`path`](Self::path) after outer routers
    /// stripped their prefixes. Default: the full path.
    ///
    /// Path rules refuse a request whose path was rewritten in any other way, because they would
    /// decide about another route than the one that answers.
    fn routed_path(&self) -> &str {
        self.path()
    }

    /// The query as received, without the question mark.
    fn query(&self) -> Option<&str>;

    /// All values of a header, in order. `name` is in lower case.
    fn header<'a>(&'a self, name: &str) -> HeaderValues<'a>;

    /// The remote address of the socket.
    fn peer(&self) -> Option<SocketAddr>;

    /// Returns whether the request reached this server over TLS.
    fn is_secure(&self) -> bool;

    /// The pseudo-header `:protocol` of an HTTP/2 extended CONNECT ([RFC
    /// 8441](https://www.rfc-editor.org/rfc/rfc8441)), such as `websocket`. `None` for every other
    /// request, and if the framework does not expose it; CONNECT is then refused.
    fn protocol(&self) -> Option<&str> {
        None
    }

    /// The proof of an outer guard that it checked the CSRF token of this request:
    /// [`Entered::csrf_proof`](crate::Entered::csrf_proof). `None` if the framework cannot attach
    /// data to a request; the token is then checked again. A guard that admitted a guest, as
    /// [`Guard::visitor`](crate::Guard::visitor) may, leaves no proof.
    fn csrf_proof(&self) -> Option<CsrfProof> {
        None
    }
}

/// Proof that a guard checked the CSRF token of a request. An adapter attaches it to the request,
/// so that a handler that reads the request again, as
/// [`logout_reply`](crate::AuthProvider::logout_reply) does, needs no form field that has already
/// been read.
///
/// It is valid for one login of one provider. Guards of several providers leave one proof each: an
/// adapter stores the new one [`beside`](Self::beside) the existing one.
#[derive(Clone)]
pub struct CsrfProof {
    /// Each provider whose guard checked a token, and the login it was checked for.
    checked: Arc<[(u64, Arc<str>)]>,
}

impl CsrfProof {
    pub(crate) fn new(provider: u64, login: String) -> Self {
        Self { checked: Arc::new([(provider, login.into())]) }
    }

    /// Adds the proofs that outer guards of other providers left.
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

    /// The login whose token a guard of this provider checked.
    pub(crate) fn login_of(&self, provider: u64) -> Option<&str> {
        self.checked.iter().find(|(checked, _)| *checked == provider).map(|(_, login)| &**login)
    }
}

impl fmt::Debug for CsrfProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfProof(..)")
    }
}

/// Returns whether the request is an extended CONNECT for a WebSocket, as over HTTP/2. Any other
/// CONNECT asks for a tunnel.
pub(crate) fn is_websocket_connect(head: &dyn RequestHead) -> bool {
    head.method() == "CONNECT"
        && head.protocol().is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Returns whether the request opens a WebSocket, in any version of HTTP.
///
/// Over HTTP/1.1 a handshake is a GET, but the socket is not bound by the same-origin policy (RFC
/// 6455 section 10.2).
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

/// The maximum number of values kept for one header, so that a request cannot make us collect
/// without end.
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

    /// Returns whether there were more values than are kept. Then nothing may be concluded from the
    /// kept ones.
    pub(crate) const fn is_cut_off(&self) -> bool {
        self.rest.len() >= MAX_VALUES
    }

    /// Returns whether the header is absent.
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

/// Hides the values, which may be credentials.
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
