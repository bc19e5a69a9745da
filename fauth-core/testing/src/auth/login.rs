//! Logins without a password.

use std::{fmt, future::IntoFuture, pin::Pin};

use fauth_core::{AuthUser, LoginRequest, TokenPair, TokenRequest};

use super::{
    Subject, TestAuth,
    carrying::{Carrier, Proof},
};
use crate::RequestHeaders;

/// A login of a user, from [`TestAuth::login_as`]. `.await` logs in, each time anew, and returns
/// the [headers](RequestHeaders) of a request.
///
/// ```
/// # use fauth_testing::{TestAuth, Users};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let auth = TestAuth::new([Users::new().find("alice")]);
/// let program = auth.login_as("alice").await; // authorization: Bearer …
/// let page = auth.login_as("alice").cookie().await; // cookie: …, sec-fetch-site: same-origin
/// let attacker = auth.login_as("alice").cookie().from_foreign_site().await;
/// # });
/// ```
///
/// The provider itself opens the session, with the scopes and claims that the application loads. An
/// inactive user is logged in too, like a user who was deactivated afterwards.
///
/// # Panics
/// If the user does not exist, or the provider refuses the login.
#[must_use = "a login happens when it is awaited"]
pub struct LoginAs<U> {
    auth: TestAuth<U>,
    subject: Subject,
    scopes: Vec<String>,
    carrier: Carrier,
}

impl<U: AuthUser> LoginAs<U> {
    pub(super) const fn new(auth: TestAuth<U>, subject: Subject) -> Self {
        Self { auth, subject, scopes: Vec::new(), carrier: Carrier::Header }
    }

    /// Uses the cookies of a browser, with the proof that a page of the application sent the
    /// request (`Sec-Fetch-Site: same-origin`, and the CSRF token in its header if the provider has
    /// CSRF tokens). Default: the first header from which the provider reads tokens, mostly
    /// `Authorization: Bearer`; cookies if the provider reads no header.
    pub fn cookie(mut self) -> Self {
        self.carrier = self.carrier.cookie();
        self
    }

    /// Uses cookies without any proof of origin, and without a CSRF token: the provider refuses the
    /// request with 403 if its method is unsafe.
    pub fn without_proof(mut self) -> Self {
        self.carrier = Carrier::Cookie(Proof::None);
        self
    }

    /// Uses cookies, in a request from a page of another site: the provider refuses it with 403 if
    /// its method is unsafe.
    pub fn from_foreign_site(mut self) -> Self {
        self.carrier = Carrier::Cookie(Proof::Foreign);
        self
    }

    /// Requests scopes. If the application loads scopes, the login receives those that are both
    /// requested and loaded.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Logs in and returns the tokens themselves, for tests of `POST /refresh` and the like.
    ///
    /// # Panics
    /// Like the login itself.
    pub async fn pair(&self) -> TokenPair {
        let subject = self.auth.current(&self.subject).await;
        let token = TokenRequest::for_user(&subject).scopes(self.scopes.clone());
        match self.auth.login(LoginRequest::from(token)).await {
            Ok(pair) => pair,
            Err(rejection) => panic!("the provider refuses to log `{}` in: {rejection}", subject.id()),
        }
    }

    pub(crate) async fn headers(&self) -> RequestHeaders {
        let pair = self.pair().await;
        let access = pair.access_token().expose();
        self.carrier.headers_with(&self.auth, access, Some(pair.refresh_token()))
    }
}

impl<U: AuthUser> IntoFuture for LoginAs<U> {
    type Output = RequestHeaders;
    type IntoFuture = Pin<Box<dyn Future<Output = RequestHeaders> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.headers().await })
    }
}

impl<U> Clone for LoginAs<U> {
    fn clone(&self) -> Self {
        let Self { auth, subject, scopes, carrier } = self;
        Self { auth: auth.clone(), subject: subject.clone(), scopes: scopes.clone(), carrier: *carrier }
    }
}

impl<U> fmt::Debug for LoginAs<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAs").field("subject", &self.subject).finish_non_exhaustive()
    }
}
