//! Logins: the first pair of tokens, and the session that they belong to.
//!
//! What can fail by itself comes first: the application's claims, and whether the tokens can be
//! issued and delivered. Only then is the session ended that is replaced, and the new one opened.

use std::{any::Any, sync::Arc};

use super::{
    delivery::Delivery,
    inner::{AuthProvider, Sessions},
    revocations::after,
    run_to_completion::RunToCompletion,
    sessions::{bind, end_of},
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{Misconfigured, Rejection},
    session::LoginRequest,
    store::{NewSession, Session, SessionId},
    token::{Purpose, RefreshId, TokenPair, TokenPayload, TokenRequest},
    user::AuthUser,
};

/// What a login knows of the response that it is for.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Where the tokens go, if that is known.
    pub(super) delivery: Option<Delivery>,
    /// The session whose cookies this login replaces.
    pub(super) replaced: Option<Arc<TokenPayload>>,
}

/// A login, checked and ready to begin.
struct Prepared<'a> {
    token: TokenRequest<'a>,
    remember: bool,
    client: ClientInfo,
    surroundings: Surroundings,
    now: Timestamp,
}

impl<U: AuthUser> AuthProvider<U> {
    /// Logs a subject in: opens a session and issues its first pair of tokens.
    ///
    /// ```
    /// # use fauth_core::{LoginRequest, TokenRequest};
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # runtime.enable_all().build().unwrap().block_on(async {
    /// let pair = auth.login("alice").await?;
    ///
    /// let token = TokenRequest::for_subject("alice").scope("read").claim("tenant", "acme");
    /// let pair = auth.login(token).await?;
    ///
    /// let pair = auth.login(LoginRequest::for_subject("alice").remember(true)).await?;
    /// # Ok::<(), fauth_core::Rejection>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Security
    /// This checks no credential. Make sure first who the subject is, for example with
    /// [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// - [`Rejection::Misconfigured`] if the request is impossible (a reserved claim, for example,
    ///   or an empty subject), or another provider has authenticated the user.
    /// - [`Rejection::InvalidCredentials`] if the subject is revoked, or
    ///   [`token_claims`](crate::AuthProviderBuilder::token_claims) are loaded and there is no such
    ///   user.
    /// - [`Rejection::Unavailable`] if a store, the clock or the randomness fails. If a session
    ///   was opened by then, nobody has tokens of it.
    pub async fn login<'a>(&self, request: impl Into<LoginRequest<'a>>) -> Result<TokenPair, Rejection> {
        self.log_in(request.into(), Surroundings::default()).await
    }

    pub(super) async fn log_in(
        &self,
        request: LoginRequest<'_>,
        surroundings: Surroundings,
    ) -> Result<TokenPair, Rejection> {
        let asked_for_scopes = request.narrowed_to.is_some();
        let mut login = self.prepare(request, surroundings).await?;
        let pair = match &self.inner.sessions {
            None => self.begin_stateless(&mut login).await?,
            Some(sessions) => self.begin_session(sessions, &mut login).await?,
        };
        let Prepared { token, client, .. } = login;
        let session = token.bound.session.as_ref().map(|id| self.hash_identifier(id.as_str()));
        let mut event = Event::new(EventKind::LoggedIn).subject(token.subject()).client(&client);
        event.session = session.as_deref();
        self.raise(&event);
        // A client that asked for scopes must hear which it got (RFC 6749 section 5.1).
        Ok(TokenPair { scope: pair.scope.or_else(|| asked_for_scopes.then(String::new)), ..pair })
    }

    async fn prepare<'a>(
        &self,
        request: LoginRequest<'a>,
        surroundings: Surroundings,
    ) -> Result<Prepared<'a>, Rejection> {
        let LoginRequest { token, user, remember, client, narrowed_to, epoch, provider, .. } = request;
        if provider.is_some_and(|provider| provider != self.inner.id) {
            return Err(Rejection::Misconfigured(Misconfigured::OtherProvider));
        }
        let now = self.now()?;
        let client = client.unwrap_or_default();
        self.refuse_revoked_subject(token.subject(), now, &client).await?;
        // Before anything takes its time: if everything of the subject is ended meanwhile, this is.
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.current_epoch(token.subject(), now).await?,
        };
        let mut token = self.with_claims(token, user.and_then(downcast), now).await?;
        if let Some(wanted) = &narrowed_to {
            token.narrow_scopes(wanted);
        }
        // The loaders may have taken their time.
        let now = self.now()?;
        let mut token = token.authenticated_at(now);
        token.bound.epoch = epoch;
        Ok(Prepared { token, remember, client, surroundings, now })
    }

    /// Without a session store there is no session, only an id that all tokens of the login carry,
    /// so that they can be revoked together.
    async fn begin_stateless(&self, login: &mut Prepared<'_>) -> Result<TokenPair, Rejection> {
        if self.inner.revocations.is_some() {
            login.token.bound.session = Some(SessionId::from_random(self.random()?));
        }
        let pair = self.pair(&mut login.token, login.now, login.now).await?;
        self.before_it_begins(login, &pair).await?;
        Ok(pair)
    }

    async fn begin_session(
        &self,
        sessions: &Sessions,
        login: &mut Prepared<'_>,
    ) -> Result<TokenPair, Rejection> {
        let (now, span) = (login.now, sessions.policy.span(login.remember));
        let session = Session {
            id: SessionId::from_random(self.random()?),
            owner: self.owner(login.token.subject()).into_owned(),
            created_at: now,
            last_seen_at: now,
            idle_timeout: span.idle_timeout,
            expires_at: end_of(now, span.lifetime)?,
            remembered: login.remember,
            client: login.client.user_agent().map(str::to_owned),
            address: login.client.address(),
            tokens_end_at: after(now, self.inner.issuer.longest(Purpose::Access)),
        };
        self.open(sessions, session, login).await
    }

    /// The tokens are made, nothing is kept yet: a login that cannot be delivered leaves everything
    /// as it is.
    async fn before_it_begins(&self, login: &Prepared<'_>, pair: &TokenPair) -> Result<(), Rejection> {
        if let Some(delivery) = login.surroundings.delivery {
            self.deliver(delivery, pair)?;
        }
        if self.inner.claims_loader.is_some() {
            let refused = self.refuse_revoked_claims(pair, login.now).await;
            refused.map_err(|rejection| self.as_login(rejection))?;
        }
        self.end_replaced(login.surroundings.replaced.as_deref(), &login.client).await
    }

    /// Opens a session in the store. Issues the tokens first, so that a request that is impossible
    /// opens no session.
    async fn open(
        &self,
        sessions: &Sessions,
        session: Session,
        login: &mut Prepared<'_>,
    ) -> Result<TokenPair, Rejection> {
        let now = login.now;
        let id = RefreshId::from_bytes(self.random()?);
        let head = id.hash();
        bind(&mut login.token, &session, id);
        let pair = self.pair(&mut login.token, now, now).await?;
        self.before_it_begins(login, &pair).await?;
        let (owner, session_id) = (session.owner.clone(), session.id.clone());
        let new = NewSession { session, head, limit: sessions.policy.limit };
        let evicted = self.call_store(sessions.store.open(new, now)).await?;
        if evicted.is_empty() {
            return Ok(pair);
        }
        let (this, whose, own, epoch) =
            (self.clone(), owner.clone(), session_id.clone(), login.token.bound.epoch);
        let revoking = async move { this.revoke_evicted(&whose, &evicted, (&own, epoch), now).await };
        // Nobody else would revoke their access tokens.
        match RunToCompletion::new(revoking).await {
            Ok(None) => Ok(pair),
            Ok(Some(epoch)) => {
                login.token.bound.epoch = epoch;
                self.pair(&mut login.token, now, now).await
            }
            Err(rejection) => {
                // Nobody gets the tokens, so the session is unusable even if ending it fails.
                let _ = self.call_store(sessions.store.end(&owner, &session_id, now)).await;
                Err(rejection)
            }
        }
    }
}

/// The user, if the request knows it already.
fn downcast<U: AuthUser>(user: Arc<dyn Any + Send + Sync>) -> Option<Arc<U>> {
    user.downcast().ok()
}
