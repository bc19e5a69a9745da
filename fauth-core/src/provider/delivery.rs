//! How a pair of tokens gets to the client: in cookies or in the body of the response.
//!
//! | the request | with cookies and bearer tokens | with cookies only |
//! |---|---|---|
//! | brings the refresh token in its cookie | cookies | cookies |
//! | brings the refresh token in its body | body | cookies |
//! | is a login by a page | cookies; the body for `?deliver=body` | cookies |
//! | is a login by a program | body | refused |
//!
//! A page is told by `Sec-Fetch-Site` or `Origin`, which browsers send with every login. What came
//! in a cookie never leaves in a body: the cookie hides it from scripts, and so from those that an
//! attacker has brought into a page. Cookies are set only for the application's own pages and those
//! of trusted origins: whoever could make a browser log in as somebody else would see what its user
//! does there.

use std::sync::Arc;

use serde::Serialize;

use super::inner::AuthProvider;
use crate::{
    client::ClientInfo,
    csrf,
    rejection::{Misconfigured, Rejection, to_json},
    reply::{Reply, ResponseHeader},
    request::RequestHead,
    session::LoginRequest,
    token::{Purpose, TokenPair, TokenPayload},
    transport::{Keep, SetTokenError, Transport},
    user::AuthUser,
};

/// Where the tokens of a response go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Body,
    Cookies,
}

/// What a login takes from the head of its request.
#[derive(Debug)]
pub(crate) struct LoginPlace {
    delivery: Delivery,
    /// The session whose cookies this login replaces.
    before: Option<Arc<TokenPayload>>,
    pub(crate) client: ClientInfo,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Reads the head of a login. `body_proves_user` is that of the [`LoginRequest`].
    pub(crate) fn login_place(
        &self,
        head: &dyn RequestHead,
        body_proves_user: bool,
    ) -> Result<LoginPlace, Rejection> {
        let delivery = self.delivery_of_login(head, body_proves_user)?;
        let before = match delivery {
            Delivery::Body => None,
            Delivery::Cookies => self.verify_refresh_presented(head)?.map(Arc::new),
        };
        Ok(LoginPlace { delivery, before, client: self.client(head) })
    }

    /// Logs in and makes the response. `user` is the user of the request, if that is known already.
    pub(crate) async fn log_in_at(
        &self,
        place: LoginPlace,
        request: LoginRequest<'_>,
        user: Option<Arc<U>>,
    ) -> Result<Reply, Rejection> {
        let LoginPlace { delivery, before, client } = place;
        self.end_replaced(before.as_deref(), &client).await?;
        let client = request.client.clone().unwrap_or(client);
        let pair = self.log_in(request.client(client), user).await?;
        self.deliver(delivery, &pair)
    }

    fn delivery_of_login(
        &self,
        head: &dyn RequestHead,
        body_proves_user: bool,
    ) -> Result<Delivery, Rejection> {
        let is_page = csrf::names_origin(head);
        let may_have_body = !is_page || (body_proves_user && asks_for_body(head));
        self.delivery(head, may_have_body)
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
        Ok(Delivery::Cookies)
    }

    /// Can a client use a token that it has got in a body?
    fn takes_bearer_tokens(&self) -> bool {
        let takes = |transport: &dyn Transport| {
            !transport.is_ambient() && !transport.is_in_url() && !transport.is_for_api_keys()
        };
        self.transports().any(takes)
    }

    /// The response with the pair: by the first transport that delivers tokens itself, otherwise in
    /// the body.
    pub(super) fn deliver(&self, delivery: Delivery, pair: &TokenPair) -> Result<Reply, Rejection> {
        let keep = |lifetime| Keep::for_lifetime(lifetime).remembered(pair.remembered);
        let wants_ambient = delivery == Delivery::Cookies;
        for transport in self.transports().filter(|transport| transport.is_ambient() == wants_ambient) {
            let access =
                transport.set(&pair.access, Purpose::Access, keep(pair.access_lifetime)).map_err(too_long)?;
            if access.is_empty() {
                continue;
            }
            let refresh = transport
                .set(&pair.refresh, Purpose::Refresh, keep(pair.refresh_lifetime))
                .map_err(too_long)?;
            let body = Delivered {
                refresh_token: refresh.is_empty().then(|| pair.refresh.expose()),
                expires_in: pair.access_lifetime.as_secs(),
                scope: pair.scope.as_deref(),
            };
            return Ok(access.into_iter().chain(refresh).fold(answer(&body), Reply::header));
        }
        Ok(answer(pair))
    }

    /// Whatever a client keeps by itself, it is told to forget.
    pub(crate) fn forget_tokens(&self, reply: Reply) -> Reply {
        self.transports().flat_map(Transport::clear).fold(reply, Reply::header)
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
