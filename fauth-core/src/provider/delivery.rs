//! How a pair of tokens is delivered to the client: in cookies or in the body of the response.
//!
//! | the request | with cookies and bearer tokens | with cookies only |
//! |---|---|---|
//! | has the refresh token in its cookie | cookies | cookies |
//! | has the refresh token in its body | body | cookies |
//! | is a login by a page | cookies; the body for `?deliver=body` | cookies |
//! | is a login by a program | body | refused |
//!
//! If the first transport for cookies is one for browser sessions, "cookies" means its one cookie,
//! which holds a token of another purpose than those of a pair.
//!
//! A page is recognised by `Sec-Fetch-Site` or `Origin`, which browsers send with every POST. Where
//! the body alone does not prove the user, everything that might be a browser counts as a page: a
//! request with any cookie, and one by GET, with which some browsers send neither header.
//!
//! A token from a cookie is never returned in a body: the cookie hides it from scripts, including
//! those that an attacker has injected into a page. Cookies are set only for pages of this
//! application and of trusted origins: an attacker who could make a browser log in as another user
//! would see what its user does there.

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
    /// Where the tokens of a login go. Decided from the head, before anything has an effect.
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
        // A link that was opened from outside of the browser: anybody can send one in an e-mail.
        if delivery != Delivery::Body
            && csrf::is_safe_method(head.method())
            && csrf::was_opened_from_outside(head)
        {
            return Err(Rejection::CrossSiteRequest(OriginFault::Foreign));
        }
        Ok(delivery)
    }

    /// Where tokens go that replace one from outside of cookies.
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

    /// Can a client use a token that it got in a body?
    pub(crate) fn takes_bearer_tokens(&self) -> bool {
        let takes = |transport: &dyn Transport| {
            !transport.is_ambient() && !transport.is_in_url() && !transport.is_for_api_keys()
        };
        self.transports().any(takes)
    }

    /// The response with the tokens of a login.
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
    /// the body. Tokens meant for cookies are never put into the body.
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

    /// Tells the client to delete all tokens that it keeps in cookies.
    pub(crate) fn forget_tokens(&self, reply: Reply) -> Reply {
        let tokens = self.transports().flat_map(Transport::clear);
        tokens.chain(self.forget_all_csrf()).fold(reply, Reply::header)
    }
}

/// A page that keeps its tokens itself asks for that in the URL, where a form of another page
/// cannot have it by accident.
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

/// The only status of successful responses.
const OK: u16 = 200;

#[derive(Serialize)]
struct Delivered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}
