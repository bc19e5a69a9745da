//! Complete responses of login, refresh and logout, for the application's own endpoints and for the
//! ready-made ones.
//!
//! Each method reads the head of the request before it returns, and the future that it returns does
//! not borrow the head. How tokens are delivered is decided in `delivery.rs`.
//!
//! When cookies are replaced or cleared, their session ends, because no client could log it out
//! without them. Where a CSRF token is required, only the sessions end for which it is valid.

use std::{fmt, sync::Arc};

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    csrf::Brought,
    delivery::{Delivery, answer},
    inner::AuthProvider,
    logins::Surroundings,
    sessions::Ended,
    way::{Way, wanted_of},
};
use crate::{
    client::ClientInfo,
    csrf,
    redirect::LocalTarget,
    rejection::{InvalidToken, MalformedCredential, Misconfigured, Rejection},
    reply::Reply,
    request::RequestHead,
    session::{LoginRequest, LogoutRequest, RefreshRequest},
    token::{Purpose, TokenError, TokenPayload},
    transport::{Extracted, Transport},
    user::AuthUser,
};

/// A login whose request was read and accepted; created by [`AuthProvider::begin_login`]. It
/// borrows nothing from the request.
#[must_use = "a login has to be finished"]
pub struct PendingLogin<U> {
    auth: AuthProvider<U>,
    delivery: Delivery,
    /// The sessions whose cookies this login replaces.
    replaced: Vec<TokenPayload>,
    client: ClientInfo,
}

impl<U: AuthUser> PendingLogin<U> {
    /// Returns the client that sent the request, for [`authenticate`](AuthProvider::authenticate)
    /// and [`hash_password_for`](AuthProvider::hash_password_for).
    #[must_use]
    pub const fn client(&self) -> &ClientInfo {
        &self.client
    }

    /// Logs in and creates the response. [`LoginRequest::body_proves_user`] is ignored here.
    ///
    /// # Errors
    /// As [`AuthProvider::login`].
    pub async fn finish<'a>(self, request: impl Into<LoginRequest<'a>>) -> Result<Reply, Rejection> {
        self.log_in(request.into()).await
    }

    async fn log_in(self, mut request: LoginRequest<'_>) -> Result<Reply, Rejection> {
        let Self { auth, delivery, replaced, client } = self;
        request.client.get_or_insert(client);
        let next = request.next.take();
        let surroundings = Surroundings { delivery: Some(delivery), replaced };
        let issued = auth.log_in(request, surroundings).await?;
        let reply = auth.deliver_issued(delivery, &issued)?;
        Ok(if delivery == Delivery::Body { reply } else { redirected(reply, next.as_ref()) })
    }
}

impl<U> fmt::Debug for PendingLogin<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// A refresh token, and where the new tokens go.
struct ToRefresh {
    token: Zeroizing<String>,
    delivery: Delivery,
    /// Other logins whose cookies are replaced.
    replaced: Vec<TokenPayload>,
}

/// The logins that a request ends.
#[derive(Default)]
struct ToEnd {
    /// The login of the token that was sent; `None` if no valid one was.
    payload: Option<Arc<TokenPayload>>,
    /// Whether the cookies of the client are cleared too.
    clears_cookies: bool,
    /// Other logins whose cookies are cleared.
    of_cookies: Vec<TokenPayload>,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Begins a login by the application's own endpoint, before it has any effect: reads the head
    /// of the request, and refuses the request if it may not log in. Authenticate the user next,
    /// and call [`finish`](PendingLogin::finish).
    ///
    /// `body_proves_user` is explained at [`LoginRequest::body_proves_user`].
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, OneTimePurpose, Rejection};
    /// # use fauth_core::{reply::Reply, request::RequestHead};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, head: &dyn RequestHead, mailed: &str,
    /// # ) -> Result<Reply, Rejection> {
    /// let login = auth.begin_login(head, true)?; // a request that is refused uses up no link
    /// let redeemed = auth.redeem(mailed, OneTimePurpose::MagicLink).await?;
    /// let reply = login.finish(&redeemed).await?;
    /// # Ok(reply)
    /// # }
    /// ```
    ///
    /// # Security
    /// As [`login_reply`](Self::login_reply). No [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) is required, even in strict mode: the origin
    /// of the request alone allows it to end the session whose cookies are replaced.
    ///
    /// # Errors
    /// [`Rejection::CrossSiteRequest`] if cookies would be set and the request does not prove that
    /// it was sent by a page of this application; [`Rejection::Unavailable`] if the clock fails.
    pub fn begin_login(
        &self,
        head: &dyn RequestHead,
        body_proves_user: bool,
    ) -> Result<PendingLogin<U>, Rejection> {
        let delivery = self.delivery_of_login(head, body_proves_user)?;
        let replaced = match delivery {
            Delivery::Body => Vec::new(),
            Delivery::Cookies | Delivery::Session(_) => self.verify_ambient(head)?,
        };
        Ok(PendingLogin { auth: self.clone(), delivery, replaced, client: self.client(head) })
    }

    /// Logs a user in and creates the response, for a login endpoint of the application: like
    /// [`begin_login`](Self::begin_login) and [`finish`](PendingLogin::finish), where nothing has
    /// to happen in between.
    ///
    /// It does what the ready-made `POST /login` does after the password check: it delivers the
    /// tokens in cookies or in the body, depending on the request and the
    /// [transports](crate::AuthProviderBuilder::transport), ends the session whose cookies are
    /// replaced, and stores the client with the session.
    ///
    /// | the request comes from | with cookies and bearer tokens | with cookies only |
    /// |---|---|---|
    /// | a page: it has `Origin` or `Sec-Fetch-Site` | cookies | cookies |
    /// | a page, with `?deliver=body`, and [`body_proves_user`](LoginRequest::body_proves_user) | body | cookies |
    /// | a program: it has neither | body | refused |
    ///
    /// Unless the body proves the user, a request with any cookie, or with the method GET, counts
    /// as sent by a page. Without a transport for cookies, the tokens are always in the body.
    ///
    /// # Security
    /// This checks no credential: authenticate the user first.
    ///
    /// Call it from a `POST`. To get cookies, a page must belong to this application or to a
    /// [trusted](crate::AuthProviderBuilder::trusted_origin) origin, whatever the method. So a link
    /// in an e-mail, and a redirect from another service, cannot log in directly: let them open a
    /// page of your own that sends the `POST`. Otherwise anybody could make a browser log in as
    /// another user, and link scanners in mail servers would use up links.
    ///
    /// With a second factor, do not mount the ready-made login as well, since it checks the
    /// password alone: see [`Mounts::without`](crate::mounts::Mounts::without).
    ///
    /// # Errors
    /// As [`login`](Self::login) and [`begin_login`](Self::begin_login). Return the rejection from
    /// the handler as `Refused` of your adapter, or create the response with
    /// [`refuse_in_handler`](Self::refuse_in_handler).
    pub fn login_reply<'a, R>(
        &self,
        head: &dyn RequestHead,
        request: R,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<'a, U, R>
    where
        R: Into<LoginRequest<'a>>,
    {
        let request: LoginRequest<'a> = request.into();
        let login = self.begin_login(head, request.body_proves_user);
        async move { login?.log_in(request).await }
    }

    /// Exchanges a refresh token and creates the response: like [`refresh`](Self::refresh), with
    /// the token of the request's cookie or body. If the token came in a cookie, the new ones are
    /// set as cookies. If it came in the body, they are returned in the body, provided that bearer
    /// tokens are accepted.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`Rejection::MissingCredential`] if there is no token,
    /// [`Rejection::CrossSiteRequest`] if cookies would be set and the request does not prove that
    /// it was sent by a page of this application, and [`Rejection::InvalidCsrfToken`] if a refresh
    /// by cookie, or one that replaces the cookies of another login, needs a [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) and has no valid one.
    pub fn refresh_reply(
        &self,
        head: &dyn RequestHead,
        request: RefreshRequest,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<U> {
        let found = self.find_refresh(head, request);
        let (auth, client) = (self.clone(), self.client(head));
        async move {
            let ToRefresh { token, delivery, replaced } = found?;
            let pair = auth.refresh_for(&token, &client, Some(delivery)).await?;
            auth.end_replaced(&replaced, &client).await?;
            auth.deliver(delivery, &pair)
        }
    }

    fn find_refresh(&self, head: &dyn RequestHead, request: RefreshRequest) -> Result<ToRefresh, Rejection> {
        let RefreshRequest { token, csrf } = request;
        if let Some(token) = token {
            let delivery = self.delivery_outside_cookies(head)?;
            let replaced = match delivery {
                Delivery::Body => Vec::new(),
                // Before the token is used up. Only clients with a valid token learn that this
                // application issues tokens that it cannot exchange.
                Delivery::Session(_) => {
                    self.inner.verifier.verify(token.as_bytes(), Purpose::Refresh, self.now()?)?;
                    return Err(Rejection::Misconfigured(Misconfigured::NoDelivery));
                }
                Delivery::Cookies => {
                    let payload = self.verify_of_login(token.as_bytes())?;
                    let others = self.other_logins_of_cookies(head, &payload)?;
                    self.prove_cookies(head, csrf.as_ref(), || Ok(others))?
                }
            };
            return Ok(ToRefresh { token, delivery, replaced });
        }
        let found = self.find_credential(head, Purpose::Refresh)?.ok_or(Rejection::MissingCredential)?;
        found.token.check_grammar().map_err(Rejection::MalformedCredential)?;
        let delivery = if let Way::Ambient(place) = found.way {
            if self.asks_token_to_refresh(head, csrf.as_ref(), place)? {
                let token =
                    self.inner.verifier.verify(found.token.as_bytes(), Purpose::Refresh, self.now()?)?;
                self.prove_cookies(head, csrf.as_ref(), || Ok(vec![token]))?;
            }
            Delivery::Cookies
        } else {
            self.delivery_outside_cookies(head)?
        };
        Ok(ToRefresh { token: found.token.into_owned(), delivery, replaced: Vec::new() })
    }

    /// Ends a login and creates the response, which clears cookies and reports what was ended: like
    /// [`logout`](Self::logout), with the access or refresh token of the request's head or body.
    ///
    /// With cookies, no valid token is needed: an expired token is no reason to keep the cookies.
    /// Cookies are cleared for the application's own pages only, and their session ends. If they
    /// belong to several logins and a CSRF token is required, only the login of the CSRF token
    /// ends.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] or [`Rejection::MalformedCredential`] if a token in the body
    ///   or in a header is not valid, or the two belong to different logins.
    /// - [`Rejection::MissingCredential`] if there is no token, and either there is no transport
    ///   for cookies, or the client is not a browser and could have sent a bearer token.
    /// - [`Rejection::CrossSiteRequest`] if only cookies could tell which login is meant, and the
    ///   request does not prove that it was sent by a page of this application.
    /// - [`Rejection::InvalidCsrfToken`] if the cookies need a [CSRF
    ///   token](crate::AuthProviderBuilder::csrf_tokens) and the request has no valid one.
    /// - [`Rejection::Unavailable`] if it is not certain that the login has ended: try again.
    pub fn logout_reply(
        &self,
        head: &dyn RequestHead,
        request: LogoutRequest,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<U> {
        let mut request = request;
        let next = request.next.take();
        let found = self.find_login_to_end(head, request);
        let (auth, client) = (self.clone(), self.client(head));
        async move {
            let ToEnd { payload, clears_cookies, of_cookies } = found?;
            let ended = auth.end_presented(payload.as_deref(), &client).await?;
            auth.end_replaced(&of_cookies, &client).await?;
            let reply = answer(&outcome(ended));
            if !clears_cookies {
                return Ok(reply);
            }
            Ok(auth.forget_tokens(redirected(reply, next.as_ref())))
        }
    }

    fn find_login_to_end(&self, head: &dyn RequestHead, request: LogoutRequest) -> Result<ToEnd, Rejection> {
        let LogoutRequest { token, csrf, .. } = request;
        let in_head = self.verify_sent_on_purpose(head);
        let payload = match token {
            Some(token) => {
                // A malformed credential in the head is not an expired token.
                if let Err(malformed @ Rejection::MalformedCredential(_)) = in_head {
                    return Err(malformed);
                }
                let payload = self.verify_of_login(token.as_bytes())?;
                // An expired token beside it is normal for a client that needs the refresh token.
                if matches!(&in_head, Ok(Some(other)) if !is_same_login(&payload, other)) {
                    return Err(Rejection::MalformedCredential(MalformedCredential::Several));
                }
                Some(payload)
            }
            None => in_head?,
        };
        let Some(payload) = payload else { return self.find_cookies_to_end(head, csrf.as_ref()) };
        // A form on another site can send a token of its own. It must not clear the cookies.
        let proven = if self.has_ambient_transport() {
            self.prove_cookies(head, csrf.as_ref(), || self.verify_ambient(head))
        } else {
            Err(Rejection::MissingCredential)
        };
        let clears_cookies = proven.is_ok();
        let of_cookies = match proven {
            // It is unknown to which logins they belong.
            Err(unknown @ Rejection::Unavailable(_)) => return Err(unknown),
            proven => proven.unwrap_or_default(),
        };
        let of_cookies = of_cookies.into_iter().filter(|other| !ends_with(&payload, other)).collect();
        Ok(ToEnd { payload: Some(Arc::new(payload)), clears_cookies, of_cookies })
    }

    /// A logout that sends no token on purpose.
    fn find_cookies_to_end(
        &self,
        head: &dyn RequestHead,
        csrf: Option<&Brought>,
    ) -> Result<ToEnd, Rejection> {
        if !self.has_ambient_transport() {
            return Err(Rejection::MissingCredential);
        }
        if self.takes_bearer_tokens() && !self.has_cookie(head) && !csrf::names_origin(head) {
            return Err(Rejection::MissingCredential);
        }
        let mut logins = self.prove_cookies(head, csrf, || self.verify_ambient(head))?.into_iter();
        let payload = logins.next().map(Arc::new);
        Ok(ToEnd { payload, clears_cookies: true, of_cookies: logins.collect() })
    }

    /// The login of the access token, or of a refresh token in its place, in a header or in the
    /// URL; `None` if there is none.
    fn verify_sent_on_purpose(&self, head: &dyn RequestHead) -> Result<Option<TokenPayload>, Rejection> {
        // An invalid cookie is handled where cookies are read.
        let Some(first) = self.first_with_credential(head) else { return Ok(None) };
        if first.is_ambient() {
            return Ok(None);
        }
        let Some(found) = self.find_credential(head, Purpose::Access)? else { return Ok(None) };
        match self.verify_presented(head) {
            Ok(verified) => Ok(verified.map(|verified| TokenPayload::clone(&verified.payload))),
            Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::WrongPurpose { .. }))) => {
                self.verify_of_login(found.token.as_bytes()).map(Some)
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// The transport that decides about the access token of the request.
    fn first_with_credential(&self, head: &dyn RequestHead) -> Option<&dyn Transport> {
        let finds = |transport: &&dyn Transport| {
            !matches!(transport.extract(head, Purpose::Access), Extracted::Absent)
        };
        self.transports().find(finds)
    }

    /// Does the request have a cookie of this provider, valid or not?
    fn has_cookie(&self, head: &dyn RequestHead) -> bool {
        let mut ambient = self.transports().filter(|transport| transport.is_ambient());
        ambient.any(|transport| {
            let is_there = |purpose| !matches!(transport.extract(head, purpose), Extracted::Absent);
            is_there(Purpose::Access) || is_there(Purpose::Refresh)
        })
    }

    /// The logins of the request's cookies, each once; empty if no cookie is valid. There can be
    /// several where several transports use cookies, and all of them are replaced or cleared.
    ///
    /// Fails only if the clock fails, because then it is unknown whether they are valid.
    fn verify_ambient(&self, head: &dyn RequestHead) -> Result<Vec<TokenPayload>, Rejection> {
        let now = self.now()?;
        let mut logins: Vec<TokenPayload> = Vec::new();
        // The refresh token lives longer, and is the one that must be ended.
        for purpose in [Purpose::Refresh, Purpose::Access] {
            for transport in self.transports().filter(|transport| transport.is_ambient()) {
                let Extracted::Token(token) = transport.extract(head, purpose) else { continue };
                let wanted = wanted_of(transport, purpose);
                let Ok(found) = self.inner.verifier.verify(token.as_bytes(), wanted, now) else { continue };
                if !logins.iter().any(|login| ends_with(login, &found)) {
                    logins.push(found);
                }
            }
        }
        Ok(logins)
    }

    /// As [`verify_ambient`](Self::verify_ambient), without the login of this token.
    fn other_logins_of_cookies(
        &self,
        head: &dyn RequestHead,
        payload: &TokenPayload,
    ) -> Result<Vec<TokenPayload>, Rejection> {
        let mut logins = self.verify_ambient(head)?;
        logins.retain(|other| !ends_with(payload, other));
        Ok(logins)
    }
}

/// The response to a browser that is redirected: its cookies, and no body.
fn redirected(reply: Reply, next: Option<&LocalTarget>) -> Reply {
    let Some(next) = next else { return reply };
    let cookies = reply.into_parts().1.into_iter().filter(|header| header.name() == "set-cookie");
    cookies.fold(next.see_other(), Reply::header)
}

/// Does ending one end the other? Tokens without a session end one by one.
fn ends_with(one: &TokenPayload, other: &TokenPayload) -> bool {
    is_same_login(one, other) && (one.session_id().is_some() || one.token_id() == other.token_id())
}

fn is_same_login(one: &TokenPayload, other: &TokenPayload) -> bool {
    one.subject() == other.subject() && one.session_id() == other.session_id()
}

#[derive(Serialize)]
pub(crate) struct LoggedOut {
    revoked: bool,
    detail: &'static str,
}

pub(crate) const fn outcome(ended: Ended) -> LoggedOut {
    let (revoked, detail) = match ended {
        Ended::Tokens => (true, "All tokens of the session are revoked"),
        Ended::Session => (false, "The session has ended; its access tokens stay valid until they expire"),
        Ended::Token => {
            (false, "The token is revoked; a refresh token issued with it stays valid until it expires")
        }
        Ended::Nothing => {
            (false, "Delete the tokens: the server keeps no sessions, so they stay valid until they expire")
        }
        Ended::Unknown => (false, "No valid token was sent, so no session could be ended"),
    };
    LoggedOut { revoked, detail }
}

pub(crate) const fn outcome_everywhere(ended: Ended) -> LoggedOut {
    let (revoked, detail) = match ended {
        Ended::Tokens => (true, "All tokens issued before are revoked"),
        Ended::Session | Ended::Token | Ended::Nothing | Ended::Unknown => {
            (false, "All sessions have ended; their access tokens stay valid until they expire")
        }
    };
    LoggedOut { revoked, detail }
}
