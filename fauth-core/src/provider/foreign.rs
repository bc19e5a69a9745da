//! Tokens of other issuers: selecting the issuer, and waiting for its keys.

use std::sync::Arc;

use super::{
    granted::Granted,
    inner::{AuthProvider, Foreign, ForeignUsers},
    presented::{Credential, Found, Keys, Pending, PendingIssuer, Verified},
    within::within,
};
use crate::{
    clock::Timestamp,
    error::causes,
    event::{Event, EventKind},
    rejection::{InvalidToken, Rejection, Unavailable},
    remote::{KeySourceHealth, KeysUnavailable},
    token::{Purpose, TokenError, TokenPayload, UnverifiedForeign},
    trusted_issuer::{Answer, Checked, Trusted},
    user::AuthUser,
};

/// The state of the key sources that a provider depends on; see [`AuthProvider::health`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthHealth {
    /// One for each trusted issuer, in their order.
    pub key_sources: Vec<KeySourceHealth>,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Fetches the keys of all [trusted issuers](crate::AuthProviderBuilder::trusted_issuer), so
    /// that the first request does not wait for them. Without this call they are fetched when the
    /// first token arrives. Does nothing if no issuer is trusted.
    ///
    /// A service need not exit if an issuer cannot be reached at startup: later requests fetch
    /// again.
    ///
    /// # Errors
    /// [`KeysUnavailable`] of the first issuer whose keys could not be fetched; the others are
    /// fetched all the same.
    pub async fn warm_up(&self) -> Result<(), KeysUnavailable> {
        let mut outcome = Ok(());
        for issuer in self.trusted_issuers() {
            outcome = outcome.and(issuer.keys().warm_up().await);
        }
        outcome
    }

    /// Returns the state of the keys of all [trusted
    /// issuers](crate::AuthProviderBuilder::trusted_issuer), for health checks. It makes no
    /// request.
    #[must_use]
    pub fn health(&self) -> AuthHealth {
        AuthHealth { key_sources: self.trusted_issuers().map(|issuer| issuer.keys().health()).collect() }
    }

    /// The URL of each trusted issuer's discovery document; `None` where the keys come from
    /// elsewhere.
    #[cfg(feature = "openapi")]
    pub(crate) fn discovery_documents(&self) -> Vec<Option<String>> {
        let has_tenants = self.inner.foreign.as_ref().is_some_and(|foreign| foreign.tenants.is_some());
        let documents = self.trusted_issuers().map(|issuer| issuer.keys().discovery_document());
        // Issuers that are resolved later are unknown.
        documents.chain(has_tenants.then_some(None)).collect()
    }

    fn trusted_issuers(&self) -> impl Iterator<Item = &Arc<Trusted>> {
        self.inner.foreign.iter().flat_map(|foreign| &foreign.issuers)
    }

    /// The credential as a token of another issuer; `None` if it must be read as an own one.
    ///
    /// A cookie always holds an own token, and so does anything that only an own token can be.
    pub(super) fn find_foreign(&self, credential: &Credential<'_>) -> Result<Option<Found<U>>, Rejection> {
        let Some(foreign) = &self.inner.foreign else { return Ok(None) };
        let (token, now) = (credential.token.as_bytes(), self.now()?);
        if credential.purpose != Purpose::Access
            || credential.way.is_ambient()
            || credential.keys == Keys::Only
            || self.inner.verifier.knows_header(token, Purpose::Access, now)
        {
            return Ok(None);
        }
        let unverified = match UnverifiedForeign::read(token, foreign.max_token_bytes) {
            Ok(unverified) => unverified,
            // Own tokens need not name an issuer. Whether this is a token at all is decided where
            // own ones are read.
            Err(error) => return self.not_foreign(error),
        };
        let pending = |issuer| {
            let token = Box::<[u8]>::from(token).into();
            Ok(Some(Found::Pending(Box::new(Pending {
                token,
                issuer,
                way: credential.way,
                #[cfg(feature = "mandates")]
                seen: None,
            }))))
        };
        // As for own tokens: characters outside the grammar make the request malformed.
        credential.token.check_grammar().map_err(Rejection::MalformedCredential)?;
        let named = unverified.issuer()?;
        let issuer = match foreign.issuer_of(&named, now) {
            Answer::Known(issuer) => issuer,
            Answer::Unknown => return self.not_foreign(TokenError::WrongIssuer),
            // The resolver is not called for a token that no issuer could make acceptable.
            Answer::Ask => match unverified.refuse_hopeless(now) {
                Ok(()) => return pending(PendingIssuer::Named((*named).into())),
                Err(error) => return self.not_foreign(error),
            },
        };
        drop(named);
        match issuer.check(unverified, now) {
            Checked::Good(payload) => Ok(Some(Found::Token(verified(payload, credential)))),
            Checked::Refused(error) => Err(error.into()),
            Checked::NeedsKeys => pending(PendingIssuer::Known(issuer)),
        }
    }

    /// A token of no trusted issuer is read as an own one, if the provider issues tokens.
    fn not_foreign(&self, error: TokenError) -> Result<Option<Found<U>>, Rejection> {
        let is_formless = matches!(error, TokenError::Malformed | TokenError::TooLong);
        if self.has_own_tokens() || is_formless { Ok(None) } else { Err(error.into()) }
    }

    /// Waits for the keys of a token, verifies it with them, and continues as with any other.
    pub(super) async fn grant_pending(&self, pending: Pending) -> Result<Granted<U>, Rejection> {
        let verified = self.verified_pending(pending).await?;
        self.grant(verified).await
    }

    /// Waits for the keys of a token, and verifies it with them.
    pub(super) async fn verified_pending(&self, pending: Pending) -> Result<Verified, Rejection> {
        let Pending { token, issuer, way, .. } = pending;
        let payload = match issuer {
            PendingIssuer::Known(issuer) => self.verify_pending(&token, &issuer).await?,
            PendingIssuer::Named(name) => {
                let issuer = self.tenant(&name).await?.ok_or(TokenError::WrongIssuer)?;
                match issuer.check(UnverifiedForeign::read(&token, token.len())?, self.now()?) {
                    Checked::Good(payload) => payload,
                    Checked::Refused(error) => return Err(error.into()),
                    Checked::NeedsKeys => self.verify_pending(&token, &issuer).await?,
                }
            }
        };
        let verified = Verified {
            payload: Arc::new(payload),
            way,
            csrf: None,
            #[cfg(feature = "mandates")]
            seen: pending.seen,
        };
        Ok(verified)
    }

    async fn verify_pending(&self, token: &[u8], issuer: &Trusted) -> Result<TokenPayload, Rejection> {
        let no_keys = |_: KeysUnavailable| Rejection::Unavailable(Unavailable::Keys);
        let keys = issuer.refreshed(self.now()?).await.map_err(no_keys)?;
        // The fetch may have taken some time.
        Ok(issuer.verify(UnverifiedForeign::read(token, token.len())?, &keys, self.now()?)?)
    }

    /// The issuer of a tenant, as resolved.
    async fn tenant(&self, name: &str) -> Result<Option<Arc<Trusted>>, Rejection> {
        let tenants = self.inner.foreign.as_ref().and_then(|foreign| foreign.tenants.as_ref());
        let Some(tenants) = tenants else { return Ok(None) };
        let Some(outcome) = within(self.inner.loader_timeout, tenants.resolve(name, self.now()?)).await
        else {
            self.raise(&Event::new(EventKind::CallbackFailed).reason("resolver_timeout"));
            return Err(Rejection::Unavailable(Unavailable::LoaderTimeout));
        };
        outcome.map_err(|error| {
            let failed = Event::new(EventKind::CallbackFailed).reason("resolver_failed");
            self.raise(&failed.error(&causes(&*error)));
            Rejection::Unavailable(Unavailable::Loader)
        })
    }

    /// Discards the cached answer of the [resolver](crate::AuthProviderBuilder::issuer_resolver)
    /// for an issuer, so that it is called again. Use it when a tenant was just added, changed or
    /// removed. Other instances call it again within 5 minutes.
    pub fn forget_issuer(&self, issuer: &str) {
        if let Some(tenants) = self.inner.foreign.as_ref().and_then(|foreign| foreign.tenants.as_ref()) {
            tenants.forget(issuer);
        }
    }

    /// The user of a token of another issuer. Never an own user with the same subject, because the
    /// loader of own users is not called.
    pub(super) async fn foreign_user_of(&self, payload: &Arc<TokenPayload>) -> Result<Arc<U>, Rejection> {
        let unknown = Rejection::InvalidToken(InvalidToken::UnknownUser);
        match self.inner.foreign.as_ref().map(|foreign| &foreign.users) {
            Some(ForeignUsers::Claims(user)) => Ok(Arc::new(user(payload))),
            Some(ForeignUsers::Loader(loader)) => {
                self.loaded(loader.load_user(Arc::clone(payload))).await?.ok_or(unknown)
            }
            None => Err(unknown),
        }
    }

    /// Can this be the name of a trusted issuer?
    pub(super) fn trusts(&self, issuer: &str) -> bool {
        let has_tenants = self.inner.foreign.as_ref().is_some_and(|foreign| foreign.tenants.is_some());
        has_tenants || self.trusted_issuers().any(|trusted| trusted.issuer() == issuer)
    }
}

impl<U> Foreign<U> {
    fn issuer_of(&self, named: &str, now: Timestamp) -> Answer {
        if let Some(known) = self.issuers.iter().find(|known| known.issuer() == named) {
            return Answer::Known(Arc::clone(known));
        }
        match &self.tenants {
            Some(tenants) if self.own.as_deref() != Some(named) => tenants.look_up(named, now),
            _ => Answer::Unknown,
        }
    }
}

fn verified(payload: TokenPayload, credential: &Credential<'_>) -> Verified {
    Verified {
        payload: Arc::new(payload),
        way: credential.way,
        csrf: None,
        #[cfg(feature = "mandates")]
        seen: None,
    }
}
