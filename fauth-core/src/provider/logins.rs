//! Logins: the first pair of tokens, and the session that they belong to.
//!
//! Everything that can fail without side effects comes first: the application's claims, and whether
//! the tokens can be issued and delivered. Only then does the replaced session end, and the new one
//! is opened.

use std::{any::Any, sync::Arc};

use super::{
    browser_sessions::{Continued, bind_to_browser},
    delivery::Delivery,
    inner::{AuthProvider, Sessions},
    issued::Issued,
    revocations::{after, targets_of},
    run_to_completion::RunToCompletion,
    sessions::{bind, end_of},
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    event::{Event, EventKind},
    rejection::{Misconfigured, Rejection},
    session::{LoginRequest, Span},
    store::{NewSession, Session, SessionId},
    token::{Purpose, RefreshId, TokenPair, TokenPayload, TokenRequest},
    user::AuthUser,
};

/// What a login knows of the response.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Where the tokens go, if that is known.
    pub(super) delivery: Option<Delivery>,
    /// The sessions whose cookies this login replaces.
    pub(super) replaced: Vec<TokenPayload>,
}

/// A login that was checked and can begin.
struct Prepared<'a> {
    token: TokenRequest<'a>,
    remember: bool,
    /// The idle timeout and the lifetime.
    span: Span,
    /// The application's data, as JSON.
    payload: Option<Box<str>>,
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
    /// This checks no credential. Authenticate the subject first, for example with
    /// [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    /// - [`Rejection::Misconfigured`] if the request is impossible (a reserved claim, for example,
    ///   or an empty subject), or another provider has authenticated the user.
    /// - [`Rejection::InvalidCredentials`] if the subject is revoked, or
    ///   [`token_claims`](crate::AuthProviderBuilder::token_claims) is set and the user does not
    ///   exist.
    /// - [`Rejection::Unavailable`] if a store, the clock or the random generator fails. If a
    ///   session was already opened, its tokens were not handed out.
    pub async fn login<'a>(&self, request: impl Into<LoginRequest<'a>>) -> Result<TokenPair, Rejection> {
        match self.log_in(request.into(), Surroundings::default()).await? {
            Issued::Pair(pair) => Ok(pair),
            // Only a delivery has a cookie for a session.
            Issued::Session(_) => Err(Rejection::Misconfigured(Misconfigured::NoDelivery)),
        }
    }

    pub(super) async fn log_in(
        &self,
        request: LoginRequest<'_>,
        surroundings: Surroundings,
    ) -> Result<Issued, Rejection> {
        let asked_for_scopes = request.narrowed_to.is_some();
        let mut login = self.prepare(request, surroundings).await?;
        let issued = match &self.inner.sessions {
            None => self.begin_stateless(&mut login).await?,
            Some(sessions) => self.begin_session(sessions, &mut login).await?,
        };
        let Prepared { token, client, .. } = login;
        let session = token.bound.session.as_ref().map(|id| self.hash_identifier(id.as_str()));
        let mut event = Event::new(EventKind::LoggedIn).subject(token.subject()).client(&client);
        event.session = session.as_deref();
        self.raise(&event);
        Ok(issued.naming_scopes(asked_for_scopes))
    }

    async fn prepare<'a>(
        &self,
        request: LoginRequest<'a>,
        surroundings: Surroundings,
    ) -> Result<Prepared<'a>, Rejection> {
        let LoginRequest {
            token,
            user,
            remember,
            client,
            narrowed_to,
            epoch,
            provider,
            payload,
            validity,
            ..
        } = request;
        if provider.is_some_and(|provider| provider != self.inner.id) {
            return Err(Rejection::Misconfigured(Misconfigured::OtherProvider));
        }
        // Mistakes in the request itself are found before a store or loader is called.
        let keeps_nothing =
            self.inner.sessions.is_none() && !matches!(surroundings.delivery, Some(Delivery::Session(_)));
        if keeps_nothing && (payload.is_some() || validity.is_some()) {
            return Err(Rejection::Misconfigured(Misconfigured::NothingKeepsLogin));
        }
        let payload = payload.transpose().map_err(Rejection::Misconfigured)?;
        let span = self.inner.session_policy.span_of(remember, validity.as_ref());
        let span = span.map_err(|fault| {
            tracing::error!(target: "fauth", event = "login_validity", error = %fault, "a login was refused");
            Rejection::Misconfigured(Misconfigured::Validity(fault))
        })?;
        let now = self.now()?;
        let client = client.unwrap_or_default();
        self.refuse_revoked_subject(token.subject(), now, &client).await?;
        // Read before anything slow: if all logins of the subject are ended meanwhile, this one
        // ends too.
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.current_epoch(&self.owner(token.subject()), now).await?,
        };
        let mut token = self.with_claims(token, user.and_then(downcast), now).await?;
        if let Some(wanted) = &narrowed_to {
            token.narrow_scopes(wanted);
        }
        // Loading may have taken some time.
        let now = self.now()?;
        let mut token = token.authenticated_at(now);
        token.bound.epoch = epoch;
        Ok(Prepared { token, remember, span, payload, client, surroundings, now })
    }

    /// Without a session store there is no session. All tokens of the login carry the same id, so
    /// that they can be revoked together.
    async fn begin_stateless(&self, login: &mut Prepared<'_>) -> Result<Issued, Rejection> {
        if self.inner.revocations.is_some() {
            login.token.bound.session = Some(SessionId::from_random(self.random()?));
        }
        if let Some(Delivery::Session(_)) = login.surroundings.delivery {
            let ends_at = self.end_of_browser_session(login)?;
            let continued = Continued {
                idle_end: after(login.now, login.span.idle_timeout).min(ends_at),
                ends_at,
                remembered: login.remember,
                payload: login.payload.take(),
            };
            continued.bind_to(&mut login.token);
        }
        let issued = self.issue_for(login.surroundings.delivery, &mut login.token, login.now).await?;
        self.before_it_begins(login, &issued).await?;
        Ok(issued)
    }

    async fn begin_session(
        &self,
        sessions: &Sessions,
        login: &mut Prepared<'_>,
    ) -> Result<Issued, Rejection> {
        let (now, span) = (login.now, login.span);
        let is_of_browser = matches!(login.surroundings.delivery, Some(Delivery::Session(_)));
        let expires_at =
            if is_of_browser { self.end_of_browser_session(login)? } else { end_of(now, span.lifetime)? };
        let mut session = Session {
            id: SessionId::from_random(self.random()?),
            owner: self.owner(login.token.subject()).into_owned(),
            created_at: now,
            last_seen_at: now,
            idle_timeout: span.idle_timeout,
            expires_at,
            remembered: login.remember,
            client: login.client.user_agent().map(str::to_owned),
            address: login.client.address(),
            tokens_end_at: after(now, self.issuer()?.longest(Purpose::Access)),
        };
        if is_of_browser {
            session.tokens_end_at = session.ends_at();
        }
        self.open(sessions, session, login).await
    }

    /// The end of a browser session that begins now, however often it is extended.
    fn end_of_browser_session(&self, login: &Prepared<'_>) -> Result<Timestamp, Rejection> {
        let Span { idle_timeout, lifetime } = login.span;
        let slides = self.inner.session_policy.sliding;
        end_of(login.now, if slides { lifetime } else { lifetime.min(idle_timeout) })
    }

    /// Called when the tokens are issued and nothing is stored yet, so that a login that cannot be
    /// delivered changes nothing.
    async fn before_it_begins(&self, login: &Prepared<'_>, issued: &Issued) -> Result<(), Rejection> {
        if let Some(delivery) = login.surroundings.delivery {
            self.deliver_issued(delivery, issued)?;
        }
        if self.inner.claims_loader.is_some() {
            let refused = self.refuse_revoked_claims(issued.opening(), login.now).await;
            refused.map_err(|rejection| self.as_login(rejection))?;
        }
        self.end_replaced(&login.surroundings.replaced, &login.client).await
    }

    /// Opens a session in the store. The tokens are issued first, so that an impossible request
    /// opens no session.
    async fn open(
        &self,
        sessions: &Sessions,
        session: Session,
        login: &mut Prepared<'_>,
    ) -> Result<Issued, Rejection> {
        let now = login.now;
        let delivery = login.surroundings.delivery;
        let id = RefreshId::from_bytes(self.random()?);
        let head = id.hash();
        match delivery {
            // The refresh token whose hash is in the row is not handed out.
            Some(Delivery::Session(_)) => bind_to_browser(&mut login.token, &session),
            _ => bind(&mut login.token, &session, id),
        }
        let issued = self.issue_for(delivery, &mut login.token, now).await?;
        self.before_it_begins(login, &issued).await?;
        let (owner, session_id) = (session.owner.clone(), session.id.clone());
        let payload = login.payload.take();
        let new = NewSession { session, head, limit: sessions.policy.limit, payload };
        let evicted = self.call_store(sessions.store.open(new, now)).await?;
        if evicted.is_empty() {
            return Ok(issued);
        }
        self.tell_open(&owner, &targets_of(&evicted));
        let (this, whose, own, epoch) =
            (self.clone(), owner.clone(), session_id.clone(), login.token.bound.epoch);
        let revoking = async move { this.revoke_evicted(&whose, &evicted, (&own, epoch), now).await };
        // No other call would revoke their access tokens.
        match RunToCompletion::new(revoking).await {
            Ok(None) => Ok(issued),
            Ok(Some(epoch)) => {
                login.token.bound.epoch = epoch;
                self.issue_for(delivery, &mut login.token, now).await
            }
            Err(rejection) => {
                // The tokens are not handed out, so the session is unusable even if ending it
                // fails.
                let _ = self.call_store(sessions.store.end(&owner, &session_id, now)).await;
                Err(rejection)
            }
        }
    }
}

/// The user, if the request already has it.
fn downcast<U: AuthUser>(user: Arc<dyn Any + Send + Sync>) -> Option<Arc<U>> {
    user.downcast().ok()
}
