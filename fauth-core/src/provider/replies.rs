//! Whole responses of login, refresh and logout, for endpoints of the application's own and for the
//! ready-made ones.
//!
//! Each method reads the head of the request before it returns, and the future that it returns does
//! not borrow the head. How tokens are delivered is decided in `delivery.rs`.
//!
//! Cookies that are replaced or cleared take their session with them: without them no client could
//! log it out any more. Where a request must bring a CSRF token, only those end that it is good
//! for.

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

/// A login whose request was read and may log in; made by
/// [`AuthProvider::begin_login`]. It owns all it needs.
#[must_use = "a login has to be finished"]
pub struct PendingLogin<U> {
    auth: AuthProvider<U>,
    delivery: Delivery,
    /// The sessions whose cookies this login replaces.
    replaced: Vec<TokenPayload>,
    client: ClientInfo,
}

impl<U: AuthUser> PendingLogin<U> {
    /// Who sends the request, for [`authenticate`](AuthProvider::authenticate) and
    /// [`hash_password_for`](AuthProvider::hash_password_for).
    #[must_use]
    pub const fn client(&self) -> &ClientInfo {
        &self.client
    }

    /// Logs in and makes the response. [`LoginRequest::body_proves_user`] is not looked at any
    /// more.
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

/// A refresh token, and what goes with it.
struct ToRefresh {
    token: Zeroizing<String>,
    delivery: Delivery,
    /// Other logins, whose cookies are replaced.
    replaced: Vec<TokenPayload>,
}

/// The logins that a request wants to end.
#[derive(Default)]
struct ToEnd {
    /// That of the token that was sent; `None` if no valid one was.
    payload: Option<Arc<TokenPayload>>,
    /// Whether the cookies of the client go too.
    clears_cookies: bool,
    /// Other logins, whose cookies are cleared.
    of_cookies: Vec<TokenPayload>,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Begins a login of the application's own, before it does anything: reads the head of the
    /// request and refuses it if it may not log in. Then find out who the user is, and
    /// [`finish`](PendingLogin::finish).
    ///
    /// `body_proves_user` as in [`LoginRequest::body_proves_user`].
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
    /// token](crate::AuthProviderBuilder::csrf_tokens) is asked for, also in strict mode: the
    /// session whose cookies are replaced ends by the origin of the request alone.
    ///
    /// # Errors
    /// [`Rejection::CrossSiteRequest`] if cookies would be set and the request does not prove that
    /// one of the application's own pages sent it; [`Rejection::Unavailable`] if there is no time.
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

    /// Logs a user in and makes the response, for a login of the application's own: as
    /// [`begin_login`](Self::begin_login) and [`finish`](PendingLogin::finish), where nothing has
    /// to happen in between.
    ///
    /// It does what the ready-made `POST /login` does after the password: delivers the tokens in
    /// cookies or in the body, as the request and the
    /// [transports](crate::AuthProviderBuilder::transport) want it, ends the session whose cookies
    /// are replaced, and notes the client with the session.
    ///
    /// | the request comes from | with cookies and bearer tokens | with cookies only |
    /// |---|---|---|
    /// | a page: it has `Origin` or `Sec-Fetch-Site` | cookies | cookies |
    /// | a page, with `?deliver=body`, and [`body_proves_user`](LoginRequest::body_proves_user) | body | cookies |
    /// | a program: it has neither | body | refused |
    ///
    /// Unless the body proves the user, a request with any cookie, or by GET, counts as one of a
    /// page. Without a transport for cookies, the tokens are always in the body.
    ///
    /// # Security
    /// This checks no credential: make sure first who the user is.
    ///
    /// Call it from a `POST`. To get cookies, a page must be of the application's own or a
    /// [trusted](crate::AuthProviderBuilder::trusted_origin) origin, whatever the method. So a link
    /// from a mail, and a redirect from another service, cannot log in by themselves: let them open
    /// a page of your own that sends the `POST`. Otherwise anybody could make a browser log in as
    /// somebody else, and scanners of mails open links.
    ///
    /// With a second factor, the ready-made login must not be mounted beside it, since that asks
    /// for the password alone: see [`Mounts::without`](crate::mounts::Mounts::without).
    ///
    /// # Errors
    /// As [`login`](Self::login) and [`begin_login`](Self::begin_login). Return it from the handler
    /// as `Refused` of your adapter, or make the response with
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

    /// Exchanges a refresh token and makes the response: as [`refresh`](Self::refresh), with the
    /// token of the request's cookie or the one that its body has brought. What came in a cookie
    /// leaves in a cookie; what came in the body leaves in the body if bearer tokens are accepted.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`Rejection::MissingCredential`] if there is no token,
    /// [`Rejection::CrossSiteRequest`] if cookies would be set and the request does not prove that
    /// one of the application's own pages sent it, and [`Rejection::InvalidCsrfToken`] if a refresh
    /// by cookie, or one that replaces the cookies of another login, needs a [CSRF
    /// token](crate::AuthProviderBuilder::csrf_tokens) and has no good one.
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
                // Before the token is used up. Only whoever has a good one learns that this
                // application issues what it cannot exchange.
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

    /// Ends a login and makes the response, which clears cookies and says what was ended: as
    /// [`logout`](Self::logout), with the access or refresh token of the request's head, or the one
    /// that its body has brought.
    ///
    /// With cookies, no valid token is needed: that one has expired is no reason to keep the
    /// cookies. Cookies are cleared for the application's own pages only, and their session ends.
    /// Where they are of several logins and a CSRF token is needed, only that of the token ends.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] or [`Rejection::MalformedCredential`] if a token in the body
    ///   or in a header is not valid, or they are of two logins.
    /// - [`Rejection::MissingCredential`] if there is no token, and either no transport for
    ///   cookies, or a program sends the request and could have sent a bearer token.
    /// - [`Rejection::CrossSiteRequest`] if only cookies could say which login is meant, and the
    ///   request does not prove that one of the application's own pages sent it.
    /// - [`Rejection::InvalidCsrfToken`] if they need a [CSRF
    ///   token](crate::AuthProviderBuilder::csrf_tokens), and the request brings no good one.
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
                // What cannot be read in the head is no token that has expired.
                if let Err(malformed @ Rejection::MalformedCredential(_)) = in_head {
                    return Err(malformed);
                }
                let payload = self.verify_of_login(token.as_bytes())?;
                // One beside it that has expired is what a client has that needs the refresh token.
                if matches!(&in_head, Ok(Some(other)) if !is_same_login(&payload, other)) {
                    return Err(Rejection::MalformedCredential(MalformedCredential::Several));
                }
                Some(payload)
            }
            None => in_head?,
        };
        let Some(payload) = payload else { return self.find_cookies_to_end(head, csrf.as_ref()) };
        // A form on another site can bring a token of its own. It must not take the cookies.
        let proven = if self.has_ambient_transport() {
            self.prove_cookies(head, csrf.as_ref(), || self.verify_ambient(head))
        } else {
            Err(Rejection::MissingCredential)
        };
        let clears_cookies = proven.is_ok();
        let of_cookies = match proven {
            // It is not known of which logins they are.
            Err(unknown @ Rejection::Unavailable(_)) => return Err(unknown),
            proven => proven.unwrap_or_default(),
        };
        let of_cookies = of_cookies.into_iter().filter(|other| !ends_with(&payload, other)).collect();
        Ok(ToEnd { payload: Some(Arc::new(payload)), clears_cookies, of_cookies })
    }

    /// A logout that sends nothing on purpose.
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

    /// The login of the access token, or the refresh token in its place, that is in a header or in
    /// the URL; `None` if nothing is there.
    fn verify_sent_on_purpose(&self, head: &dyn RequestHead) -> Result<Option<TokenPayload>, Rejection> {
        // What is wrong with a cookie counts where cookies are looked at.
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

    /// Does the request bring a cookie of this provider, good or bad?
    fn has_cookie(&self, head: &dyn RequestHead) -> bool {
        let mut ambient = self.transports().filter(|transport| transport.is_ambient());
        ambient.any(|transport| {
            let is_there = |purpose| !matches!(transport.extract(head, purpose), Extracted::Absent);
            is_there(Purpose::Access) || is_there(Purpose::Refresh)
        })
    }

    /// The logins that the request's cookies are of, each once; empty if none of them is valid.
    /// They can be several where several transports have cookies: all of these are replaced or
    /// cleared.
    ///
    /// Fails only with the clock, because then it is unknown whether they are.
    fn verify_ambient(&self, head: &dyn RequestHead) -> Result<Vec<TokenPayload>, Rejection> {
        let now = self.now()?;
        let mut logins: Vec<TokenPayload> = Vec::new();
        // The refresh token lives longer, and is what has to be ended.
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

/// The reply to a browser that is sent on: its cookies, and no body.
fn redirected(reply: Reply, next: Option<&LocalTarget>) -> Reply {
    let Some(next) = next else { return reply };
    let cookies = reply.into_parts().1.into_iter().filter(|header| header.name() == "set-cookie");
    cookies.fold(next.see_other(), Reply::header)
}

/// Does ending the one end the other? Tokens without a session end each by itself.
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
        Ended::Tokens => (true, "Nothing that was issued in the session opens anything any more"),
        Ended::Session => (false, "The session has ended; its access tokens stay good until they expire"),
        Ended::Token => (
            false,
            "The token has ended; a refresh token that was issued with it stays good until it expires",
        ),
        Ended::Nothing => {
            (false, "Forget the tokens: they are not kept on the server and stay good until they expire")
        }
        Ended::Unknown => (false, "No good token was sent, so no session could be ended"),
    };
    LoggedOut { revoked, detail }
}

pub(crate) const fn outcome_everywhere(ended: Ended) -> LoggedOut {
    let (revoked, detail) = match ended {
        Ended::Tokens => (true, "Nothing that was issued before opens anything any more"),
        Ended::Session | Ended::Token | Ended::Nothing | Ended::Unknown => {
            (false, "All sessions have ended; their access tokens stay good until they expire")
        }
    };
    LoggedOut { revoked, detail }
}
