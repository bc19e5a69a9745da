//! Whole responses of login, refresh and logout, for endpoints of the application's own and for the
//! ready-made ones.
//!
//! Each method reads the head of the request before it returns, and the future that it returns does
//! not borrow the head. How tokens are delivered is decided in `delivery.rs`.

use std::sync::Arc;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    delivery::{Delivery, answer},
    inner::AuthProvider,
    sessions::Ended,
};
use crate::{
    rejection::{InvalidToken, Rejection},
    reply::Reply,
    request::RequestHead,
    session::{LoginRequest, LogoutRequest, RefreshRequest},
    token::{Purpose, TokenError, TokenPayload},
    user::AuthUser,
};

/// The login that a request wants to end.
struct ToEnd {
    /// `None` if no valid token names one.
    payload: Option<Arc<TokenPayload>>,
    /// Whether the cookies of the client go too.
    clears_cookies: bool,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Logs a user in and makes the response, for a login of the application's own: a mailed link,
    /// a sign-up, another service that has said who it is.
    ///
    /// It does what the ready-made `POST /login` does after the password: delivers the tokens in
    /// cookies or in the body, as the request and the
    /// [transports](crate::AuthProviderBuilder::transport) want it, ends the session whose cookies
    /// are replaced, and notes the client with the session.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, LoginRequest, OneTimePurpose, Rejection};
    /// # use fauth_core::{reply::Reply, request::RequestHead};
    /// # async fn example<U: AuthUser>(
    /// #     auth: &AuthProvider<U>, head: &dyn RequestHead, mailed: &str,
    /// # ) -> Result<Reply, Rejection> {
    /// let redeemed = auth.redeem(mailed, OneTimePurpose::MagicLink).await?;
    /// let reply = auth.login_reply(head, LoginRequest::for_user(&**redeemed.user())).await?;
    /// # Ok(reply)
    /// # }
    /// ```
    ///
    /// | the request comes from | with cookies and bearer tokens | with cookies only |
    /// |---|---|---|
    /// | a page: it has `Origin` or `Sec-Fetch-Site` | cookies | cookies |
    /// | a page, with `?deliver=body`, and [`body_proves_user`](LoginRequest::body_proves_user) | body | cookies |
    /// | a program: it has neither | body | refused |
    ///
    /// Without a transport for cookies, the tokens are always in the body.
    ///
    /// # Security
    /// This checks no credential: make sure first who the user is. Call it from a `POST`: whatever
    /// the method, a page must be of the application's own or a
    /// [trusted](crate::AuthProviderBuilder::trusted_origin) origin to get cookies, so that a link
    /// on another site is refused; and scanners of mails open links.
    ///
    /// # Errors
    /// As [`login`](Self::login), and [`Rejection::CrossSiteRequest`] if cookies would be set and
    /// the request does not prove that one of the application's own pages sent it.
    /// [`refuse`](Self::refuse) makes the response.
    pub fn login_reply<'a, R>(
        &self,
        head: &dyn RequestHead,
        request: R,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<'a, U, R>
    where
        R: Into<LoginRequest<'a>>,
    {
        let request: LoginRequest<'a> = request.into();
        let place = self.login_place(head, request.body_proves_user);
        let auth = self.clone();
        async move { auth.log_in_at(place?, request, None).await }
    }

    /// Exchanges a refresh token and makes the response: as [`refresh`](Self::refresh), with the
    /// token of the request's cookie or the one that its body has brought. What came in a cookie
    /// leaves in a cookie; what came in the body leaves in the body if bearer tokens are accepted.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`Rejection::MissingCredential`] if there is no token,
    /// [`Rejection::CrossSiteRequest`] if cookies would be set and the request does not prove that
    /// one of the application's own pages sent it.
    pub fn refresh_reply(
        &self,
        head: &dyn RequestHead,
        request: RefreshRequest,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<U> {
        let found = self.find_refresh(head, request);
        let (auth, client) = (self.clone(), self.client(head));
        async move {
            let (token, delivery) = found?;
            let pair = auth.refresh(&token, &client).await?;
            auth.deliver(delivery, &pair)
        }
    }

    fn find_refresh(
        &self,
        head: &dyn RequestHead,
        request: RefreshRequest,
    ) -> Result<(Zeroizing<String>, Delivery), Rejection> {
        if let Some(token) = request.token {
            return Ok((token, self.delivery_outside_cookies(head)?));
        }
        let found = self.find_credential(head, Purpose::Refresh)?.ok_or(Rejection::MissingCredential)?;
        found.token.check_grammar().map_err(Rejection::MalformedCredential)?;
        let delivery = if found.way.is_ambient() {
            self.check_origin(head)?;
            Delivery::Cookies
        } else {
            self.delivery_outside_cookies(head)?
        };
        Ok((found.token.into_owned(), delivery))
    }

    /// Ends a login and makes the response, which clears cookies and says what was ended: as
    /// [`logout`](Self::logout), with the access or refresh token of the request's head, or the one
    /// that its body has brought.
    ///
    /// With cookies, no valid token is needed: that one has expired is no reason to keep the
    /// cookies.
    ///
    /// # Errors
    /// - [`Rejection::InvalidToken`] if the body brings a token that is not valid, and
    ///   [`Rejection::MissingCredential`] or [`Rejection::InvalidToken`] if there is no valid token
    ///   and no cookie to clear.
    /// - [`Rejection::CrossSiteRequest`] if cookies are concerned and the request does not prove
    ///   that one of the application's own pages sent it.
    /// - [`Rejection::Unavailable`] if it is not certain that the login has ended: try again.
    pub fn logout_reply(
        &self,
        head: &dyn RequestHead,
        request: LogoutRequest,
    ) -> impl Future<Output = Result<Reply, Rejection>> + Send + use<U> {
        let found = self.find_login_to_end(head, request);
        let (auth, client) = (self.clone(), self.client(head));
        async move {
            let ToEnd { payload, clears_cookies } = found?;
            let ended = auth.end_presented(payload.as_deref(), &client).await?;
            let reply = answer(&outcome(ended));
            Ok(if clears_cookies { auth.forget_tokens(reply) } else { reply })
        }
    }

    fn find_login_to_end(&self, head: &dyn RequestHead, request: LogoutRequest) -> Result<ToEnd, Rejection> {
        if let Some(token) = request.token {
            let payload = self.verify_of_login(token.as_bytes())?;
            // A form on another site can bring a token of its own. It must not take the cookies.
            let clears_cookies = self.check_origin(head).is_ok();
            return Ok(ToEnd { payload: Some(Arc::new(payload)), clears_cookies });
        }
        if self.has_ambient_transport() && !self.is_explicit(head) {
            self.check_origin(head)?;
        }
        let payload = match self.verify_presented_login(head) {
            Ok(payload) => Some(payload),
            // Nothing is known then, least of all that there is nothing to end.
            Err(unknown @ Rejection::Unavailable(_)) => return Err(unknown),
            // The refresh token lives longer, and is what has to be ended.
            Err(_) if self.has_ambient_transport() => {
                self.check_origin(head)?;
                self.verify_refresh_presented(head)?.map(Arc::new)
            }
            Err(rejection) => return Err(rejection),
        };
        Ok(ToEnd { payload, clears_cookies: true })
    }

    /// Is the request's credential one that no browser attaches unasked?
    fn is_explicit(&self, head: &dyn RequestHead) -> bool {
        matches!(self.find_credential(head, Purpose::Access), Ok(Some(found)) if !found.way.is_ambient())
    }

    /// The access token where access tokens are, or a refresh token in its place.
    fn verify_presented_login(&self, head: &dyn RequestHead) -> Result<Arc<TokenPayload>, Rejection> {
        match self.verify_presented(head) {
            Ok(verified) => Ok(verified.ok_or(Rejection::MissingCredential)?.payload),
            Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::WrongPurpose { .. }))) => {
                let found = self.find_credential(head, Purpose::Access)?;
                let found = found.ok_or(Rejection::MissingCredential)?;
                self.verify_of_login(found.token.as_bytes()).map(Arc::new)
            }
            Err(rejection) => Err(rejection),
        }
    }
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
