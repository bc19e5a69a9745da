//! How a pair of tokens gets to the client: in cookies or in the body of the response.
//!
//! | the request | with cookies and bearer tokens | with cookies only |
//! |---|---|---|
//! | brings the refresh token in its cookie | cookies | cookies |
//! | brings the refresh token in its body | body | cookies |
//! | is a login by a page | cookies; the body for `?deliver=body` | cookies |
//! | is a login by a program | body | refused |
//!
//! Where the first transport for cookies is one for browser sessions, "cookies" are its one cookie,
//! which holds a token of another purpose than a pair does.
//!
//! A page is told by `Sec-Fetch-Site` or `Origin`, which browsers send with every POST. Where the
//! body alone does not prove the user, whatever might be a browser counts as a page: a request with
//! any cookie, and one by GET, with which some browsers send neither header.
//!
//! What came in a cookie never leaves in a body: the cookie hides it from scripts, and so from
//! those that an attacker has brought into a page. Cookies are set only for the application's own
//! pages and those of trusted origins: whoever could make a browser log in as somebody else would
//! see what its user does there.

use serde::Serialize;

use super::{
    inner::AuthProvider,
    issued::{Issued, SessionToken},
};
use crate::{
    csrf,
    rejection::{Misconfigured, OriginFault, Rejection, to_json},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    token::{Purpose, TokenPair},
    transport::{Keep, SetTokenError, Transport},
    user::AuthUser,
};

/// Where the tokens of a response go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Body,
    /// A pair of tokens.
    Cookies,
    /// The token of a browser session, by the transport with this place in the provider's list.
    Session(usize),
}

impl<U: AuthUser> AuthProvider<U> {
    /// Where the tokens of a login go. Decided from the head, before anything is done.
    pub(super) fn delivery_of_login(
        &self,
        head: &dyn RequestHead,
        body_proves_user: bool,
    ) -> Result<Delivery, Rejection> {
        let is_page = csrf::names_origin(head);
        let may_have_body = if body_proves_user {
            !is_page || asks_for_body(head)
        } else {
            !is_page && head.header("cookie").is_empty() && !csrf::is_safe_method(head.method())
        };
        let delivery = self.delivery(head, may_have_body)?;
        // A link that was opened from outside of the browser: anybody can send one in a mail.
        if delivery != Delivery::Body
            && csrf::is_safe_method(head.method())
            && csrf::was_opened_from_outside(head)
        {
            return Err(Rejection::CrossSiteRequest(OriginFault::Foreign));
        }
        Ok(delivery)
    }

    /// Of tokens that go on from one that came in no cookie.
    pub(super) fn delivery_outside_cookies(&self, head: &dyn RequestHead) -> Result<Delivery, Rejection> {
        self.delivery(head, true)
    }

    fn delivery(&self, head: &dyn RequestHead, may_have_body: bool) -> Result<Delivery, Rejection> {
        if !self.has_ambient_transport() || (may_have_body && self.takes_bearer_tokens()) {
            return Ok(Delivery::Body);
        }
        self.check_origin(head)?;
        Ok(self.delivery_in_cookies())
    }

    fn delivery_in_cookies(&self) -> Delivery {
        let mut ambient = self.transports().enumerate().filter(|(_, transport)| transport.is_ambient());
        match ambient.next() {
            Some((place, transport)) if transport.opens_with() == Purpose::Session => {
                Delivery::Session(place)
            }
            _ => Delivery::Cookies,
        }
    }

    /// Can a client use a token that it has got in a body?
    pub(crate) fn takes_bearer_tokens(&self) -> bool {
        let takes = |transport: &dyn Transport| {
            !transport.is_ambient() && !transport.is_in_url() && !transport.is_for_api_keys()
        };
        self.transports().any(takes)
    }

    /// The response with what a login has issued.
    pub(super) fn deliver_issued(&self, delivery: Delivery, issued: &Issued) -> Result<Reply, Rejection> {
        match issued {
            Issued::Pair(pair) => self.deliver(delivery, pair),
            Issued::Session(session) => {
                let cookie = self.session_cookie(session)?;
                let body = Delivered {
                    refresh_token: None,
                    expires_in: session.lifetime.as_secs(),
                    scope: session.scope.as_deref(),
                };
                Ok(cookie.into_iter().fold(answer(&body), Reply::header))
            }
        }
    }

    /// The headers that set the cookie of a browser session, and that of its CSRF token.
    pub(super) fn session_cookie(&self, session: &SessionToken) -> Result<Vec<ResponseHeader>, Rejection> {
        let no_delivery = || Rejection::Misconfigured(Misconfigured::NoDelivery);
        let transport = self.inner.transports.get(session.place).ok_or_else(no_delivery)?;
        let keep = Keep::for_lifetime(session.lifetime).remembered(session.remembered);
        let mut cookie = transport.set(&session.token, Purpose::Session, keep).map_err(too_long)?;
        if cookie.is_empty() {
            return Err(no_delivery());
        }
        cookie.extend(self.csrf_cookie(session.place, session.csrf.as_ref(), &cookie));
        Ok(cookie)
    }

    /// The response with the pair: by the first transport that delivers tokens itself, otherwise in
    /// the body, but never in the body what is meant for cookies.
    pub(super) fn deliver(&self, delivery: Delivery, pair: &TokenPair) -> Result<Reply, Rejection> {
        if let Delivery::Session(_) = delivery {
            return Err(Rejection::Misconfigured(Misconfigured::NoDelivery));
        }
        let keep = |lifetime| Keep::for_lifetime(lifetime).remembered(pair.remembered);
        let in_cookies = delivery == Delivery::Cookies;
        let fitting = |(_, transport): &(usize, &dyn Transport)| transport.is_ambient() == in_cookies;
        for (place, transport) in self.transports().enumerate().filter(fitting) {
            let set =
                |token, purpose, lifetime| transport.set(token, purpose, keep(lifetime)).map_err(too_long);
            let access = set(&pair.access, Purpose::Access, pair.access_lifetime)?;
            if access.is_empty() {
                continue;
            }
            let refresh = set(&pair.refresh, Purpose::Refresh, pair.refresh_lifetime)?;
            if in_cookies && refresh.is_empty() {
                continue;
            }
            let body = Delivered {
                refresh_token: refresh.is_empty().then(|| pair.refresh.expose()),
                expires_in: pair.access_lifetime.as_secs(),
                scope: pair.scope.as_deref(),
            };
            let csrf = self.csrf_cookie(place, pair.csrf.as_ref(), &refresh);
            return Ok(access.into_iter().chain(refresh).chain(csrf).fold(answer(&body), Reply::header));
        }
        if in_cookies {
            return Err(Rejection::Misconfigured(Misconfigured::NoDelivery));
        }
        Ok(answer(pair))
    }

    /// Whatever a client keeps by itself, it is told to forget.
    pub(crate) fn forget_tokens(&self, reply: Reply) -> Reply {
        let tokens = self.transports().flat_map(Transport::clear);
        tokens.chain(self.forget_all_csrf()).fold(reply, Reply::header)
    }
}

/// A page that keeps its tokens by itself says so in the URL, where no form of another page can
/// have it by accident.
fn asks_for_body(head: &dyn RequestHead) -> bool {
    let query = head.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "deliver" && value == "body")
}

fn too_long(_: SetTokenError) -> Rejection {
    Rejection::Misconfigured(Misconfigured::TokenTooLongForCookie)
}

pub(crate) fn answer(body: &impl Serialize) -> Reply {
    Reply::new(OK)
        .body("application/json", to_json(body))
        .header(ResponseHeader::new("cache-control", "no-store"))
}

/// The one status that is no refusal.
const OK: u16 = 200;

#[derive(Serialize)]
struct Delivered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}
