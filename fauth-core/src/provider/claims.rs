//! The scopes and custom claims that the application adds to a user's tokens.

use std::sync::Arc;

use super::{inner::AuthProvider, within::within};
use crate::{
    clock::Timestamp,
    error::causes,
    event::{Event, EventKind},
    rejection::{Rejection, Unavailable},
    token::{IssuedToken, Purpose, TokenClaims, TokenRequest},
    user::AuthUser,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Adds the loaded claims to a request. Without a claims loader nothing is called, not even the
    /// user loader.
    pub(super) async fn with_claims<'a>(
        &self,
        mut request: TokenRequest<'a>,
        user: Option<Arc<U>>,
        now: Timestamp,
    ) -> Result<TokenRequest<'a>, Rejection> {
        if self.inner.claims_loader.is_none() {
            return Ok(request);
        }
        let user = match user {
            Some(user) => user,
            None => self.user_of_request(&mut request, now).await?,
        };
        Ok(match self.load_claims(user).await? {
            Some(claims) => request.with_loaded(claims),
            None => request,
        })
    }

    /// User loaders need a verified token, so one is issued for them.
    async fn user_of_request(
        &self,
        request: &mut TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<Arc<U>, Rejection> {
        let issuer = self.issuer().map_err(|error| self.cannot_issue(&error))?;
        let token = issuer.issue(Purpose::Access, request, now).await;
        let token = token.map_err(|error| self.cannot_issue(&error))?;
        let payload = self.inner.verifier.verify(token.expose().as_bytes(), Purpose::Access, now)?;
        self.user_of(&Arc::new(payload)).await.map_err(|rejection| self.as_login(rejection))
    }

    /// A login shows no token that could be invalid, so the rejection is that of a login.
    pub(super) fn as_login(&self, rejection: Rejection) -> Rejection {
        if let Rejection::InvalidToken(_) = &rejection {
            self.raise(&Event::new(EventKind::AuthenticationFailed).reason(rejection.reason()));
            return Rejection::InvalidCredentials;
        }
        rejection
    }

    /// Refuses tokens with a loaded claim that is
    /// [revocable](crate::AuthProviderBuilder::revocable_claim) and revoked. Refresh tokens do not
    /// carry loaded claims, so no other check would notice.
    pub(super) async fn refuse_revoked_claims(
        &self,
        (opening, purpose): (&IssuedToken, Purpose),
        now: Timestamp,
    ) -> Result<(), Rejection> {
        if self.inner.revocations.as_ref().is_none_or(|revocations| revocations.claims.is_empty()) {
            return Ok(());
        }
        let payload = self.inner.verifier.verify(opening.expose().as_bytes(), purpose, now)?;
        self.refuse_if_revoked(&payload, now).await
    }

    /// The claims that the application adds to this user's tokens; `None` without a claims loader.
    pub(super) async fn load_claims(&self, user: Arc<U>) -> Result<Option<TokenClaims>, Rejection> {
        let Some(loader) = &self.inner.claims_loader else { return Ok(None) };
        let failed = |reason, error: &str, unavailable| {
            self.raise(&Event::new(EventKind::CallbackFailed).reason(reason).error(error));
            Rejection::Unavailable(unavailable)
        };
        match within(self.inner.loader_timeout, loader.load_claims(user)).await {
            None => Err(failed(
                "loader_timeout",
                "the claims loader did not answer in time",
                Unavailable::LoaderTimeout,
            )),
            Some(Err(error)) => Err(failed("loader_failed", &causes(&*error), Unavailable::Loader)),
            Some(Ok(mut claims)) => {
                claims.check().map_err(|error| self.cannot_issue(&error))?;
                Ok(Some(claims))
            }
        }
    }
}
