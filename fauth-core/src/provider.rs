//! The provider, the one entry point: reads and checks credentials, logs in, refreshes. Short
//! methods that name the steps; the steps are in the modules below.

mod api_keys;
mod audits;
mod browser_sessions;
mod builder;
mod claims;
mod counters;
mod csrf;
mod csrf_note;
mod delivery;
mod ended;
#[cfg(feature = "trusted-issuers")]
mod foreign;
mod forgetting;
mod granted;
mod inner;
mod issued;
mod limits;
mod logins;
#[cfg(feature = "mandates")]
mod mandate_builder;
#[cfg(feature = "mandates")]
mod mandate_options;
#[cfg(feature = "mandates")]
mod mandates;
mod metadata;
mod one_times;
mod own_only;
mod passwords;
mod presented;
mod recheck;
mod registry;
mod replies;
mod revocations;
mod run_to_completion;
#[cfg(feature = "mandates")]
mod seen;
mod session_handle;
mod sessions;
mod switch;
mod throttle;
mod throttling;
#[cfg(feature = "trusted-issuers")]
mod trust;
mod unlocking;
mod way;
mod wiring;
mod within;

use std::{future::Future, sync::Arc};

pub use builder::AuthProviderBuilder;
pub(crate) use counters::LimitScopes;
pub use counters::WhenLimitStoreFails;
use csrf::Admitted;
pub(crate) use delivery::answer;
#[cfg(feature = "trusted-issuers")]
pub use foreign::AuthHealth;
pub use granted::{Entered, Granted};
pub use inner::AuthProvider;
#[cfg(feature = "mandates")]
pub use mandate_builder::{MandateAuth, MandateAuthBuilder};
use own_only::foreign_token;
pub use passwords::Authenticated;
pub use presented::Presented;
use presented::{Credential, Found, Keys, Verified};
pub use replies::PendingLogin;
pub(crate) use replies::{outcome, outcome_everywhere};
pub use session_handle::{PayloadError, SessionHandle};
use sessions::refuse_old_epoch;
pub use switch::{AuthSwitch, Pinned};
use way::{Way, wanted_of};
use within::within;

use sha2::{Digest as _, Sha256};

#[cfg(feature = "mandates")]
use crate::trace_context::TraceContext;
#[cfg(feature = "trusted-issuers")]
use crate::trusted_issuer::TrustedIssuer;
use crate::{
    body::BodyError,
    client::ClientInfo,
    clock::Timestamp,
    config::AuthConfig,
    csrf::{Origin, Sent, check_own_request, is_foreign_request, is_safe_method},
    demands::Demands,
    error::{BoxError, causes},
    event::{self, Event, EventKind},
    path::Allowed,
    rejection::{
        ApiKeyFault, InvalidToken, MalformedCredential, Misconfigured, OriginFault, Rejection, Renderer,
        Unavailable,
    },
    reply::{Reply, ResponseHeader},
    request::{RequestHead, opens_websocket},
    requirement::{Missing, Requirement, Unmet},
    store::{Owner, StoreError},
    token::{
        IssueError, IssuedToken, Issuer, PublishedKeys, Purpose, TokenError, TokenPayload, TokenRequest,
    },
    transport::{Extracted, SecurityScheme, Transport},
    user::AuthUser,
    visitor::Visitor,
};

impl<U: AuthUser> AuthProvider<U> {
    /// Returns a builder of loaders, stores and options. [`AuthProviderBuilder::build`] checks
    /// them.
    pub fn builder(config: AuthConfig) -> AuthProviderBuilder<U> {
        AuthProviderBuilder::new(Ok(config))
    }

    /// Returns a builder for a service that issues no tokens and accepts those of another issuer:
    /// no secret, no store, no password. It needs a
    /// [`user_loader`](AuthProviderBuilder::user_loader) or
    /// [`user_from_claims`](AuthProviderBuilder::user_from_claims). Add more issuers with
    /// [`trusted_issuer`](AuthProviderBuilder::trusted_issuer). For settings such as the name of
    /// the application, pass an [`AuthConfig::without_own_tokens`] to [`builder`](Self::builder)
    /// instead.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, ConfigError, TokenPayload, remote::JwksSource};
    /// use fauth_core::{token::Algorithm, trusted_issuer::TrustedIssuer};
    ///
    /// struct User { id: String, roles: Vec<String> }
    /// impl AuthUser for User {
    ///     fn subject(&self) -> impl AsRef<str> { &self.id }
    ///     fn is_active(&self) -> bool { true }
    ///     fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> { &self.roles }
    /// }
    ///
    /// # fn example(keys: JwksSource) -> Result<(), ConfigError> {
    /// let issuer = TrustedIssuer::new("https://login.example.com", keys)
    ///     .audience("https://api.example.com")
    ///     .algorithms([Algorithm::ES256]);
    /// let auth: AuthProvider<User> = AuthProvider::resource_server(issuer)
    ///     .user_from_claims(|token: &TokenPayload| User {
    ///         id: token.subject().to_owned(),
    ///         roles: token.roles().map(str::to_owned).collect(),
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "trusted-issuers")]
    pub fn resource_server(issuer: TrustedIssuer) -> AuthProviderBuilder<U> {
        AuthProviderBuilder::new(AuthConfig::without_own_tokens().build()).trusted_issuer(issuer)
    }

    /// Reads the credential of a request, and verifies it if it is a token. The first transport
    /// that finds anything decides, whether it is valid or not.
    ///
    /// This is the synchronous half of a check. It borrows the request, so no token is copied, and
    /// calls no store or loader; [`check`](Self::check) does that.
    pub fn read(&self, head: &dyn RequestHead) -> Presented<U> {
        self.read_sent(head, None)
    }

    /// As `read`, with the CSRF token of a request body.
    fn read_sent(&self, head: &dyn RequestHead, sent: Option<Sent<'_>>) -> Presented<U> {
        if let Some(switch) = &self.inner.switch {
            return self.read_unset(switch);
        }
        match self.find_credential(head, Purpose::Access) {
            Ok(Some(credential)) => {
                let mut found = self.find_in(&credential);
                self.note_csrf(head, &credential, &mut found, sent);
                #[cfg(feature = "mandates")]
                self.note_request(head, &mut found);
                Presented { way: credential.way, ..self.presented(found) }
            }
            Ok(None) => self.presented(Ok(Found::Nothing)),
            Err(rejection) => self.presented(Err(rejection)),
        }
    }

    fn find_in(&self, credential: &Credential<'_>) -> Result<Found<U>, Rejection> {
        if let Some(key) = self.read_api_key(credential)? {
            return Ok(Found::ApiKey(key));
        }
        #[cfg(feature = "trusted-issuers")]
        if let Some(found) = self.find_foreign(credential)? {
            return Ok(found);
        }
        self.verify_credential(credential).map(Found::Token)
    }

    /// A rejection from before anything was read.
    pub(crate) fn refused(&self, rejection: Rejection) -> Presented<U> {
        self.presented(Err(rejection))
    }

    /// Reads no credential, for resources that are open to all requests.
    pub(crate) fn read_nothing(&self) -> Presented<U> {
        self.presented(Ok(Found::Nothing))
    }

    /// Admits a request whose credential was not read, unless it is refused already.
    pub(crate) fn enter_unseen(&self, presented: Presented<U>) -> Result<Entered<U>, Rejection> {
        self.own(presented).map(|_| Entered::nobody(Demands::default()))
    }

    fn presented(&self, outcome: Result<Found<U>, Rejection>) -> Presented<U> {
        Presented { provider: self.inner.id, outcome, way: Way::Explicit }
    }

    /// Like [`read`](Self::read), for a request that may have passed a check already: a grant of
    /// this provider is neither verified nor loaded again. A grant of another provider is ignored.
    pub fn read_again(&self, head: &dyn RequestHead, earlier: Option<&Granted<U>>) -> Presented<U> {
        match earlier {
            Some(granted) if granted.provider() == self.inner.id => {
                self.presented(Ok(Found::Granted(granted.clone())))
            }
            _ => self.read(head),
        }
    }

    /// Loads the user of a credential that [`read`](Self::read) returned, and checks the
    /// requirement.
    ///
    /// # Errors
    /// The [`Rejection`] to answer with; [`refuse`](Self::refuse) turns it into a response. A value
    /// that another provider has read is refused with [`Rejection::Misconfigured`].
    pub async fn check(
        &self,
        presented: Presented<U>,
        requirement: &Requirement,
    ) -> Result<Granted<U>, Rejection> {
        refuse_impossible(requirement)?;
        match self.own(presented)? {
            // An outer guard has admitted the request: only the decision is left. If that goes
            // against a browser session, more may have to be done.
            Found::Granted(granted) if !granted.is_browser_session() => {
                self.decide(&granted, requirement).map(|()| granted)
            }
            found => self.admit(found, requirement).await?.settle(),
        }
    }

    /// As [`check`](Self::check), for a guard: it reads the CSRF token of a form, and extends a
    /// browser session.
    pub(crate) async fn enter_user<F, B>(
        &self,
        presented: Presented<U>,
        requirement: &Requirement,
        read: impl FnOnce(usize) -> F,
    ) -> Result<Entered<U>, Rejection>
    where
        F: Future<Output = Result<B, BodyError>>,
        B: AsRef<[u8]>,
    {
        refuse_impossible(requirement)?;
        let admitted = self.admit(self.own(presented)?, requirement).await?;
        let settled = self.settle_reading(admitted, read).await?;
        if settled.granted.is_browser_session() {
            Box::pin(self.carry_on(&settled.granted)).await?;
        }
        self.entered(settled, Entered::from)
    }

    /// Returns the user of a request, for extractors: inside a guard the user whom the guard has
    /// admitted, elsewhere any known and active user who presents a token. API keys are refused
    /// there.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub async fn check_current(&self, presented: Presented<U>) -> Result<Granted<U>, Rejection> {
        self.admit_current(self.own(presented)?).await?.settle()
    }

    /// Like [`check_current`](Self::check_current) where a user is optional. Returns `None` for a
    /// request without a credential, or with nothing but a dead cookie: one that is expired or
    /// revoked, or whose user is gone. A browser attaches such a cookie on its own, so it counts as
    /// none.
    ///
    /// # Errors
    /// As [`check`](Self::check). Any other invalid credential is refused here too; it never counts
    /// as "anonymous".
    pub async fn check_optional(&self, presented: Presented<U>) -> Result<Option<Granted<U>>, Rejection> {
        let way = presented.way;
        match self.admit_optional(presented).await {
            Ok(admitted) => admitted.map(Admitted::settle).transpose(),
            Err(rejection) => self.without_dead_cookie(rejection, way).map(|_| None),
        }
    }

    /// The same for a guard, with what follows for the response: a dead cookie is deleted, and a
    /// browser session is extended.
    pub(crate) async fn enter_visitor<F, B>(
        &self,
        presented: Presented<U>,
        read: impl FnOnce(usize) -> F,
    ) -> Result<Entered<U>, Rejection>
    where
        F: Future<Output = Result<B, BodyError>>,
        B: AsRef<[u8]>,
    {
        let way = presented.way;
        let entered = async {
            let Some(admitted) = self.admit_optional(presented).await? else { return Ok(self.guest()) };
            let settled = self.settle_reading(admitted, read).await?;
            if settled.granted.is_browser_session() {
                Box::pin(self.carry_on(&settled.granted)).await?;
            }
            self.entered(settled, |granted| Entered::visitor(granted, self.read_headers()))
        };
        match entered.await {
            Err(rejection) => self.without_dead_cookie(rejection, way),
            entered => entered,
        }
    }

    /// The same for routes that are for guests only: sessions are not extended, and forms are not
    /// read.
    pub(crate) async fn enter_guest(&self, presented: Presented<U>) -> Result<Entered<U>, Rejection> {
        let way = presented.way;
        match self.admit_optional(presented).await {
            Ok(None) => Ok(self.guest()),
            Ok(Some(_)) => Err(Rejection::GuestsOnly),
            Err(rejection) => self.without_dead_cookie(rejection, way),
        }
    }

    async fn admit_optional(&self, presented: Presented<U>) -> Result<Option<Admitted<U>>, Rejection> {
        match self.own(presented)? {
            Found::Nothing => Ok(None),
            found => self.admit_current(found).await.map(Some),
        }
    }

    fn guest(&self) -> Entered<U> {
        Entered::nobody(Demands::of_nobody(self.read_headers()))
    }

    /// A request whose cookie is dead counts as a request without one, and the cookie is deleted.
    /// Any other rejection stays.
    fn without_dead_cookie(&self, rejection: Rejection, way: Way) -> Result<Entered<U>, Rejection> {
        match (rejection, way) {
            (Rejection::InvalidToken(reason), Way::Ambient(place)) if reason.is_of_dead_token() => {
                let clears = self.forget_cookie(place, Purpose::Access);
                Ok(Entered::nobody(Demands::of_dead_cookie(clears).among_visitors(self.read_headers())))
            }
            (rejection, _) => Err(rejection),
        }
    }

    /// The names of the request headers in which a credential may be sent.
    fn read_headers(&self) -> Arc<str> {
        Arc::clone(&self.inner.read_headers)
    }

    /// The headers that make a client delete what it keeps for the transport in this place.
    fn forget_cookie(&self, place: usize, purpose: Purpose) -> Vec<ResponseHeader> {
        let Some(transport) = self.inner.transports.get(place) else { return Vec::new() };
        let mut forgotten = transport.forget(purpose);
        forgotten.extend(self.forget_csrf(place, &**transport, purpose));
        forgotten
    }

    /// Authenticates a bare access token or API key that is not part of a request: the first
    /// message of a WebSocket, the metadata of a gRPC call, a message in a queue. It is checked as
    /// a guard checks it: form and signature, revocation, user, and the requirement.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, AuthUser, Rejection, Requirement};
    /// # async fn example<U: AuthUser>(
    /// #     auth: AuthProvider<U>, first_message: String,
    /// # ) -> Result<(), Rejection> {
    /// let requirement = Requirement::user().scopes(["chat"]);
    /// let granted = auth.authenticate_token(&first_message, &requirement).await?;
    /// let user = granted.user(); // of this connection from now on
    /// let ended = granted.ended(); // close it when this completes
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Security
    /// A connection stays open when its token expires or is revoked: close it when
    /// [`Granted::ended`] completes, and check again before an act that matters. Browsers send
    /// their cookies with the handshake, whichever page opens the connection; a token in the first
    /// message is safe from that, because no page can read the token of another origin.
    ///
    /// # Errors
    /// The [`Rejection`], as from [`check`](Self::check). It is logged and raised as
    /// [`EventKind::RequestRefused`] here, since there may be no request to answer.
    pub async fn authenticate_token(
        &self,
        token: &str,
        requirement: &Requirement,
    ) -> Result<Granted<U>, Rejection> {
        let checked = self.check(self.presented(self.find_bare(token)), requirement).await;
        if let Err(rejection) = &checked {
            let event = Event::new(EventKind::RequestRefused).reason(rejection.reason());
            self.raise_at(rejection.level(), &event);
        }
        checked
    }

    /// Like [`authenticate_token`](Self::authenticate_token), for a token sent by a known client:
    /// the [login throttle](crate::throttle) counts unknown API keys by the client's address, as it
    /// does for those in requests. The event names the client.
    ///
    /// # Errors
    /// As [`authenticate_token`](Self::authenticate_token); [`Rejection::TooManyRequests`] in place
    /// of [`Rejection::InvalidToken`] if the address has sent too many. A valid token passes.
    pub async fn authenticate_token_from(
        &self,
        token: &str,
        requirement: &Requirement,
        client: &ClientInfo,
    ) -> Result<Granted<U>, Rejection> {
        let checked = self.check(self.presented(self.find_bare(token)), requirement).await;
        checked.map_err(|rejection| {
            let event = Event::new(EventKind::RequestRefused).reason(rejection.reason()).client(client);
            self.raise_at(rejection.level(), &event);
            self.count_wrong_token(Some(Purpose::Access), &rejection, &event).unwrap_or(rejection)
        })
    }

    fn find_bare(&self, token: &str) -> Result<Found<U>, Rejection> {
        if token.is_empty() {
            return Err(Rejection::MissingCredential);
        }
        let credential = Credential {
            token: token.into(),
            way: Way::Explicit,
            purpose: Purpose::Access,
            keys: Keys::Too,
            asks_token: false,
        };
        credential
            .token
            .check_length(self.inner.max_credential_bytes)
            .and_then(|()| credential.token.check_grammar())
            .map_err(Rejection::MalformedCredential)?;
        self.find_in(&credential)
    }

    /// The outcome, if this provider has read it. Another provider has verified with other keys,
    /// for another issuer.
    fn own(&self, presented: Presented<U>) -> Result<Found<U>, Rejection> {
        if presented.provider == self.inner.id {
            presented.outcome
        } else {
            Err(Rejection::Misconfigured(Misconfigured::OtherProvider))
        }
    }

    /// Returns the visitor behind a grant of this provider, or the guest if there is none, for
    /// templates.
    #[must_use]
    pub fn visitor(&self, granted: Option<&Granted<U>>) -> Visitor<U> {
        let user = granted.map(|granted| Arc::clone(granted.user()));
        Visitor::of(self.inner.id, user, Arc::clone(&self.inner.guest_name))
    }

    /// Returns the guest whom an outer guard for visitors has admitted, for extractors; the
    /// credential of the request is not read again. `None` if it was not a guest, or the guard
    /// belongs to another provider; for users there is a [grant](Self::read_again).
    #[must_use]
    pub fn guest_again(&self, earlier: Option<&Visitor<U>>) -> Option<Visitor<U>> {
        earlier.filter(|visitor| visitor.is_guest_of(self.inner.id)).cloned()
    }

    /// Turns a rejection into a response, in the form of this provider's renderer, and raises the
    /// event. If the credential is a cookie that is not valid, or not valid any more, the response
    /// deletes it.
    ///
    /// For rejections by a handler, such as of a mailed token that is not valid, use
    /// [`refuse_in_handler`](Self::refuse_in_handler): this method would delete a valid cookie.
    pub fn refuse(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.refuse_as(rejection, head, &*self.inner.renderer)
    }

    /// Like [`refuse`](Self::refuse), for a rejection that a handler has returned. It deletes no
    /// cookie, because the token that the handler refuses is not the one that authenticates the
    /// request.
    pub fn refuse_in_handler(&self, rejection: &Rejection, head: &dyn RequestHead) -> Reply {
        self.refuse_for(None, rejection, head)
    }

    /// As [`refuse_in_handler`](Self::refuse_in_handler), with the renderer of a guard.
    pub(crate) fn refuse_in_handler_as(
        &self,
        rejection: &Rejection,
        head: &dyn RequestHead,
        renderer: &dyn Renderer,
    ) -> Reply {
        self.refusal(None, rejection, head, renderer)
    }

    /// As [`refuse`](Self::refuse), for an endpoint that has read another token than the access
    /// token of a transport, or none of any transport.
    pub(crate) fn refuse_for(
        &self,
        purpose: Option<Purpose>,
        rejection: &Rejection,
        head: &dyn RequestHead,
    ) -> Reply {
        self.refusal(purpose, rejection, head, &*self.inner.renderer)
    }

    /// Like [`refuse`](Self::refuse), for extractors. `earlier` is what an outer guard has granted
    /// to the same request. If that guard belongs to another provider, the log says so, because one
    /// provider admitted the request and the other refused it.
    pub fn refuse_extraction(
        &self,
        rejection: &Rejection,
        head: &dyn RequestHead,
        earlier: Option<&Granted<U>>,
    ) -> Reply {
        if earlier.is_some_and(|granted| granted.provider() != self.inner.id) {
            wiring::report_other_guard::<U>(head);
        }
        self.refuse(rejection, head)
    }

    /// Returns whether rejections in the form of this provider depend on request headers, as
    /// [`Guard::refusals_read_headers`](crate::Guard::refusals_read_headers) does for a guard.
    #[must_use]
    pub fn refusals_read_headers(&self) -> bool {
        self.inner.renderer.reads_headers() || self.has_trusted_proxies()
    }

    pub(crate) fn has_trusted_proxies(&self) -> bool {
        !self.inner.trusted_proxies.is_empty()
    }

    pub(crate) fn refuse_as(
        &self,
        rejection: &Rejection,
        head: &dyn RequestHead,
        renderer: &dyn Renderer,
    ) -> Reply {
        self.refusal(Some(Purpose::Access), rejection, head, renderer)
    }

    fn refusal(
        &self,
        purpose: Option<Purpose>,
        rejection: &Rejection,
        head: &dyn RequestHead,
        renderer: &dyn Renderer,
    ) -> Reply {
        let address = self.inner.trusted_proxies.client_address(head);
        let mut event = Event::new(EventKind::RequestRefused).reason(rejection.reason()).head(head, address);
        #[cfg(feature = "mandates")]
        let trace = self.trace_of(head);
        #[cfg(feature = "mandates")]
        {
            event.trace = trace.as_ref();
        }
        match rejection {
            Rejection::Misconfigured(mistake) => event = event.error(mistake.advice()),
            Rejection::InvalidCsrfToken(fault) => event = event.error(fault.advice()),
            _ => {}
        }
        self.raise_at(rejection.level(), &event);
        if let Some(limited) = self.count_wrong_token(purpose, rejection, &event) {
            return limited.reply(&self.inner.protection_space, renderer, head);
        }
        let reply = rejection.reply(&self.inner.protection_space, renderer, head);
        let (Rejection::InvalidToken(_), Some(purpose)) = (rejection, purpose) else { return reply };
        match self.way_of(head, purpose) {
            // Otherwise the browser would send it again with every request.
            Some(Way::Ambient(place)) => {
                reply.amend(&Demands::of_dead_cookie(self.forget_cookie(place, purpose)))
            }
            _ => reply,
        }
    }

    /// The way in which the credential that decides about this request was sent, whether valid or
    /// not.
    fn way_of(&self, head: &dyn RequestHead, purpose: Purpose) -> Option<Way> {
        let mut transports = self.inner.transports.iter().enumerate();
        let (place, transport) = transports
            .find(|(_, transport)| !matches!(transport.extract(head, purpose), Extracted::Absent))?;
        Some(way_of(place, &**transport))
    }

    /// Returns the client of a request: its address behind the [trusted
    /// proxies](crate::client::TrustedProxies), its user agent, and the method and path of the
    /// request.
    pub fn client(&self, head: &dyn RequestHead) -> ClientInfo {
        let client = ClientInfo::of(head);
        match self.inner.trusted_proxies.client_address(head) {
            Some(address) => client.with_address(address),
            None => client,
        }
    }

    /// Issues one token: an access token for a script or a test, or a refresh token. Use
    /// [`login`](Self::login) to start a login, and [`issue_one_time`](Self::issue_one_time) for
    /// tokens that work once.
    ///
    /// The token does not come from a login: it belongs to no session, and
    /// [`Requirement::login_within`](crate::Requirement::login_within) refuses it.
    ///
    /// # Errors
    /// [`IssueError`] if the request is impossible, the purpose is one of
    /// [`OneTimePurpose`](crate::OneTimePurpose) or [`Purpose::Session`], the provider issues no
    /// tokens, or the clock, the signer or the random generator fails.
    pub async fn issue<'a>(
        &self,
        purpose: Purpose,
        request: impl Into<TokenRequest<'a>>,
    ) -> Result<IssuedToken, IssueError> {
        let now = self.inner.clock.now()?;
        self.issue_as_of(purpose, request.into(), now).await
    }

    /// Like [`issue`](Self::issue), as of an earlier time. Tests can issue an expired token with
    /// it, whatever clock the provider has.
    ///
    /// ```
    /// # use fauth_core::{Purpose, clock::Timestamp};
    /// # let auth = fauth_testing::provider().build().unwrap();
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let new_year = Timestamp::from_unix_seconds(1_735_689_600);
    /// let token = auth.danger_issue_at(Purpose::Access, "alice", new_year).await?;
    /// assert!(auth.verify_signature_and_claims(token.expose(), Purpose::Access).is_err());
    /// # Ok::<(), fauth_core::token::IssueError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Security
    /// The caller chooses when the token expires, and whether it counts as issued before or after a
    /// revocation of all tokens of its user.
    ///
    /// # Errors
    /// As [`issue`](Self::issue), and [`IssueError::InFuture`] if `issued_at` is after the time of
    /// the provider's clock: such a token would outlive those issued now.
    pub async fn danger_issue_at<'a>(
        &self,
        purpose: Purpose,
        request: impl Into<TokenRequest<'a>>,
        issued_at: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        if issued_at > self.inner.clock.now()? {
            return Err(IssueError::InFuture);
        }
        self.issue_as_of(purpose, request.into(), issued_at).await
    }

    async fn issue_as_of(
        &self,
        purpose: Purpose,
        mut request: TokenRequest<'_>,
        issued_at: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        if purpose.is_one_time() {
            return Err(IssueError::OneTime(purpose));
        }
        if purpose == Purpose::Session {
            return Err(IssueError::Session);
        }
        self.issuer()?.issue(purpose, &mut request, issued_at).await
    }

    /// Verifies the signature and the claims of one token, for one purpose.
    ///
    /// # Security
    /// This does not authenticate a request: neither the revocation store nor the user loader is
    /// called, so a token passes even if it was revoked, or if its user is gone or inactive. Use
    /// [`read`](Self::read) and [`check`](Self::check), or a guard, to authenticate.
    ///
    /// # Errors
    /// [`TokenError`] with the precise reason. Do not show it to the client.
    pub fn verify_signature_and_claims(
        &self,
        token: &str,
        purpose: Purpose,
    ) -> Result<TokenPayload, TokenError> {
        self.inner.verifier.verify(token.as_bytes(), purpose, self.inner.clock.now()?)
    }

    /// Returns the owner under which stores keep the records of a subject of this application.
    #[must_use]
    pub fn owner<'a>(&'a self, subject: &'a str) -> Owner<'a> {
        Owner::new(&*self.inner.application, "", subject)
    }

    /// Returns the owner of records that belong to the login of a token: like
    /// [`owner`](Self::owner), with the issuer if the token is of another issuer.
    #[must_use]
    pub fn owner_of<'a>(&'a self, payload: &'a TokenPayload) -> Owner<'a> {
        Owner::new(&*self.inner.application, payload.issuer().unwrap_or_default(), payload.subject())
    }

    /// The issuer of own tokens.
    fn issuer(&self) -> Result<&Issuer, IssueError> {
        self.inner.issuer.as_ref().ok_or(IssueError::NoOwnTokens)
    }

    /// Does the provider issue tokens itself, or does it only trust other issuers?
    pub(crate) fn has_own_tokens(&self) -> bool {
        self.inner.issuer.is_some()
    }

    /// Returns whether users can log in with a password.
    #[must_use]
    pub fn has_password_login(&self) -> bool {
        self.inner.password_login.is_some()
    }

    /// Returns the transports in the order in which they are tried, for descriptions of the API.
    pub fn transports(&self) -> impl Iterator<Item = &dyn Transport> {
        self.inner.transports.iter().map(|transport| &**transport)
    }

    /// Returns the name of the application, under which stores keep its records.
    #[cfg(feature = "openapi")]
    #[must_use]
    pub fn application(&self) -> &str {
        &self.inner.application
    }

    /// Are API keys accepted?
    #[cfg(feature = "openapi")]
    pub(crate) fn has_api_keys(&self) -> bool {
        self.inner.stores.api_keys.is_some()
    }

    pub(crate) fn renderer(&self) -> &Arc<dyn Renderer> {
        &self.inner.renderer
    }

    pub(crate) fn find_credential<'a>(
        &self,
        head: &'a dyn RequestHead,
        purpose: Purpose,
    ) -> Result<Option<Credential<'a>>, Rejection> {
        let mut transports = self.inner.transports.iter().enumerate();
        let found =
            transports.by_ref().find_map(|(place, transport)| match transport.extract(head, purpose) {
                Extracted::Absent => None,
                Extracted::Malformed(reason) => Some(Err(Rejection::MalformedCredential(reason))),
                Extracted::Token(token) => Some(Ok((place, transport, token))),
            });
        let Some(found) = found else { return Ok(None) };
        let (place, transport, token) = found?;
        token.check_length(self.inner.max_credential_bytes).map_err(Rejection::MalformedCredential)?;
        let way = way_of(place, &**transport);
        let (mut wanted, mut asks_token) = (purpose, false);
        if way.is_ambient() {
            wanted = wanted_of(&**transport, purpose);
            token.check_grammar().map_err(Rejection::MalformedCredential)?;
            asks_token = might_change_something(head) && self.asks_token(head)?;
        } else {
            if transports.any(|(_, other)| is_explicit(&**other, head, purpose)) {
                return Err(Rejection::MalformedCredential(MalformedCredential::Several));
            }
            if transport.may_be_attached() {
                self.refuse_foreign_page(head)?;
            }
        }
        let keys = match (way, transport.is_for_api_keys()) {
            (Way::Ambient(_) | Way::Url, _) => Keys::Never,
            (Way::Explicit | Way::OwnHeader, true) => Keys::Only,
            (Way::Explicit | Way::OwnHeader, false) => Keys::Too,
        };
        Ok(Some(Credential { token, way, purpose: wanted, keys, asks_token }))
    }

    /// For headers that a browser may have attached but a program may have sent on purpose: only a
    /// request whose own headers name a foreign page is refused.
    fn refuse_foreign_page(&self, head: &dyn RequestHead) -> Result<(), Rejection> {
        // A password typed into a page of plain HTTP was typed at the same host.
        let origin = Origin::of(head, true);
        if might_change_something(head) && is_foreign_request(&origin, &self.inner.trusted_origins) {
            return Err(Rejection::CrossSiteRequest(OriginFault::Foreign));
        }
        Ok(())
    }

    /// Refuses a request that does not prove that it was sent by a page of this application or of a
    /// [trusted origin](AuthProviderBuilder::trusted_origin).
    ///
    /// Guards check this themselves where a cookie is the credential and the method changes
    /// something; a [CSRF token](AuthProviderBuilder::csrf_tokens) can stand in for a missing
    /// origin. [`login_reply`](Self::login_reply), [`refresh_reply`](Self::refresh_reply) and
    /// [`logout_reply`](Self::logout_reply) check it where cookies are set. Call it in your own
    /// handlers that set cookies, or that act on a cookie which is not one of fauth's. It refuses
    /// clients other than browsers, which send neither header, so do not call it behind a guard
    /// that accepts bearer tokens.
    ///
    /// # Errors
    /// [`Rejection::CrossSiteRequest`] for any method, with what is missing.
    pub fn check_origin(&self, head: &dyn RequestHead) -> Result<(), Rejection> {
        check_own_request(&self.origin_of(head), &self.inner.trusted_origins)
            .map_err(Rejection::CrossSiteRequest)
    }

    fn origin_of<'a>(&self, head: &'a dyn RequestHead) -> Origin<'a> {
        Origin::of(head, self.inner.transports.iter().any(|transport| transport.is_insecure()))
    }

    pub(crate) fn allowed_in_path(&self) -> &Allowed {
        &self.inner.allowed_in_path
    }

    /// Do browsers attach a credential of this provider on their own?
    pub(crate) fn has_ambient_transport(&self) -> bool {
        self.inner.transports.iter().any(|transport| transport.is_ambient())
    }

    pub(crate) fn raise(&self, event: &Event<'_>) {
        self.raise_at(event.kind.level(), event);
    }

    fn raise_at(&self, level: tracing::Level, event: &Event<'_>) {
        event::trace(event, level);
        if let Some(sink) = &self.inner.events {
            #[cfg(feature = "caracal-audit")]
            let event = &Event { level, ..event.clone() };
            sink.on_event(event);
        }
    }

    /// The trace of a request, if the event sink reads it.
    #[cfg(feature = "mandates")]
    fn trace_of(&self, head: &dyn RequestHead) -> Option<TraceContext> {
        let sink = self.inner.events.as_ref()?;
        sink.reads_trace().then(|| TraceContext::of(head)).flatten()
    }

    /// The public keys for other services to verify with, if there are any.
    pub(crate) fn published_keys(&self) -> Option<&PublishedKeys> {
        self.inner.published_keys.as_ref()
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Rejection> {
        self.inner.clock.now().map_err(|_| Rejection::Unavailable(Unavailable::Clock))
    }

    async fn admit(&self, found: Found<U>, requirement: &Requirement) -> Result<Admitted<U>, Rejection> {
        #[cfg(feature = "mandates")]
        if let Some(mandates) = &self.inner.mandates {
            return Box::pin(self.admit_mandate(mandates, found, requirement)).await;
        }
        let (granted, note) = match found {
            Found::Nothing => return Err(Rejection::MissingCredential),
            // The guard that has granted it has checked the CSRF token.
            Found::Granted(granted) => (granted, None),
            Found::Token(mut token) => {
                let note = token.csrf.take();
                (self.grant(token).await?, note)
            }
            Found::ApiKey(key) => (self.grant_api_key(*key).await?, None),
            #[cfg(feature = "trusted-issuers")]
            Found::Pending(pending) => (Box::pin(self.grant_pending(*pending)).await?, None),
        };
        match self.decide(&granted, requirement) {
            Ok(()) => Ok(Admitted::new(granted, note)),
            Err(rejection) if granted.is_browser_session() => {
                Err(Box::pin(self.refused_for_user(granted.payload(), rejection)).await)
            }
            Err(rejection) => Err(rejection),
        }
    }

    async fn admit_current(&self, found: Found<U>) -> Result<Admitted<U>, Rejection> {
        const ANY_USER: &Requirement = &Requirement::user();
        match found {
            // The guard has decided, including whether the user may be inactive. A grant lasts as
            // long as its token.
            Found::Granted(granted) => {
                self.refuse_if_expired(granted.payload())?;
                Ok(Admitted::new(granted, None))
            }
            found => self.admit(found, ANY_USER).await,
        }
    }

    async fn grant(&self, token: Verified) -> Result<Granted<U>, Rejection> {
        if token.payload.purpose() == Purpose::Session {
            Box::pin(self.refuse_ended_session(&token.payload, self.now()?)).await?;
        } else if self.inner.revocations.is_some() {
            self.refuse_if_revoked(&token.payload, self.now()?).await?;
        }
        #[cfg(feature = "mandates")]
        if let Some(mandates) = &self.inner.mandates {
            Box::pin(self.refuse_ended_mandate(mandates, &token.payload)).await?;
        }
        let known = match self.user_of(&token.payload).await {
            Ok(user) => refuse_old_epoch(&token.payload, &*user).map(|()| user),
            unknown => unknown,
        };
        match known {
            Ok(user) => {
                let granted = Granted::new(self, user, token.payload, token.way);
                #[cfg(feature = "mandates")]
                let granted = granted.with_seen(token.seen);
                Ok(granted)
            }
            Err(rejection) if token.payload.purpose() == Purpose::Session => {
                Err(Box::pin(self.refused_for_user(&token.payload, rejection)).await)
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// Verifies the access token of a request without loading its user; `None` if there is none.
    pub(crate) fn verify_presented(&self, head: &dyn RequestHead) -> Result<Option<Verified>, Rejection> {
        let Some(credential) = self.find_credential(head, Purpose::Access)? else { return Ok(None) };
        match self.find_in(&credential)? {
            Found::Token(token) if token.payload.is_foreign() => Err(foreign_token()),
            Found::Token(token) => Ok(Some(token)),
            #[cfg(feature = "trusted-issuers")]
            Found::Pending(_) => Err(foreign_token()),
            // Whether the key is valid does not matter here, so the store is not asked.
            _ => Err(Rejection::Forbidden(Missing::ApiKeyNotAllowed)),
        }
    }

    fn verify_credential(&self, credential: &Credential<'_>) -> Result<Verified, Rejection> {
        let Credential { token, way, purpose, keys, .. } = credential;
        if *keys == Keys::Only {
            token.check_grammar().map_err(Rejection::MalformedCredential)?;
            return Err(api_keys::refused(ApiKeyFault::Malformed));
        }
        let verified = self.inner.verifier.verify(token.as_bytes(), *purpose, self.now()?);
        if matches!(verified, Err(TokenError::Malformed | TokenError::TooLong)) {
            // A token with characters outside the grammar never verifies, but it is the request
            // that is malformed.
            token.check_grammar().map_err(Rejection::MalformedCredential)?;
        }
        let payload = verified?;
        Ok(Verified {
            payload: Arc::new(payload),
            way: *way,
            csrf: None,
            #[cfg(feature = "mandates")]
            seen: None,
        })
    }

    async fn user_of(&self, payload: &Arc<TokenPayload>) -> Result<Arc<U>, Rejection> {
        #[cfg(feature = "trusted-issuers")]
        if payload.is_foreign() {
            return self.foreign_user_of(payload).await;
        }
        let loading = self.inner.user_loader.load_user(Arc::clone(payload));
        self.loaded(loading).await?.ok_or(Rejection::InvalidToken(InvalidToken::UnknownUser))
    }

    async fn loaded(
        &self,
        loading: impl Future<Output = Result<Option<Arc<U>>, BoxError>>,
    ) -> Result<Option<Arc<U>>, Rejection> {
        let Some(outcome) = within(self.inner.loader_timeout, loading).await else {
            self.raise(&Event::new(EventKind::CallbackFailed).reason("loader_timeout"));
            return Err(Rejection::Unavailable(Unavailable::LoaderTimeout));
        };
        outcome.map_err(|error| {
            self.raise(
                &Event::new(EventKind::CallbackFailed).reason("loader_failed").error(&causes(&*error)),
            );
            Rejection::Unavailable(Unavailable::Loader)
        })
    }

    /// Waits for a body; `None` if it does not arrive in time.
    pub(crate) async fn in_body_time<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        within(self.inner.body_timeout, reading).await
    }

    /// Waits for the answer of a store. A failure and a time-out are 503.
    async fn call_store<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Rejection> {
        let Some(outcome) = within(self.inner.store_timeout, answer).await else {
            self.raise(&Event::new(EventKind::StoreFailed).reason("store_timeout"));
            return Err(Rejection::Unavailable(Unavailable::StoreTimeout));
        };
        outcome.map_err(|error| {
            self.raise(&Event::new(EventKind::StoreFailed).reason("store_failed").error(&causes(&error)));
            Rejection::Unavailable(Unavailable::Store)
        })
    }

    fn decide(&self, granted: &Granted<U>, requirement: &Requirement) -> Result<(), Rejection> {
        if !requirement.allows_inactive() && !granted.user().is_active() {
            return Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
        }
        // Loading may have taken some time.
        let now = self.refuse_if_expired(granted.payload())?;
        requirement
            .decide(granted.user().as_ref(), granted.payload(), now)
            .map_err(|unmet| self.denied(unmet, granted.event(EventKind::AccessDenied)))
    }

    /// The rejection of a known user who lacks something.
    fn denied(&self, unmet: Unmet, event: Event<'_>) -> Rejection {
        let rejection = Rejection::from(unmet);
        // A mandate for another use is invalid here, which is not a denial of access.
        if !matches!(rejection, Rejection::InvalidToken(_)) {
            self.raise(&event.reason(rejection.reason()));
        }
        rejection
    }

    /// Returns the current time if the token is valid then.
    fn refuse_if_expired(&self, payload: &TokenPayload) -> Result<Timestamp, Rejection> {
        let now = self.now()?;
        if self.inner.verifier.still_valid(payload, now) {
            Ok(now)
        } else {
            Err(Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired)))
        }
    }

    fn cannot_issue(&self, error: &IssueError) -> Rejection {
        self.raise(&Event::new(EventKind::CallbackFailed).reason("issuer_failed").error(&error.to_string()));
        match error {
            IssueError::Clock(_) => Rejection::Unavailable(Unavailable::Clock),
            IssueError::NoRandomness | IssueError::Signer(_) => Rejection::Unavailable(Unavailable::Issuer),
            IssueError::NoOwnTokens => Rejection::Misconfigured(Misconfigured::NoOwnTokens),
            _ => Rejection::Misconfigured(Misconfigured::TokenRequest),
        }
    }

    fn hash_identifier(&self, identifier: &str) -> String {
        let mut hash = Sha256::new_with_prefix(self.inner.identifier_key.as_bytes());
        hash.update(identifier.as_bytes());
        let hash = hash.finalize();
        let short = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{short:016x}")
    }
}

fn refuse_impossible(requirement: &Requirement) -> Result<(), Rejection> {
    requirement
        .fault()
        .map_or(Ok(()), |fault| Err(Rejection::Misconfigured(Misconfigured::Requirement(fault.clone()))))
}

/// No transport is both ambient and in the URL; if one were, the stricter rule would apply.
fn way_of(place: usize, transport: &dyn Transport) -> Way {
    match (transport.is_ambient(), transport.is_in_url()) {
        (true, _) => Way::Ambient(place),
        (false, true) => Way::Url,
        (false, false) if is_own_header(transport) => Way::OwnHeader,
        (false, false) => Way::Explicit,
    }
}

/// Is it a header that caches do not know? They know `Authorization`.
fn is_own_header(transport: &dyn Transport) -> bool {
    matches!(transport.describe(), SecurityScheme::Header { name } if !name.eq_ignore_ascii_case("authorization"))
}

fn might_change_something(head: &dyn RequestHead) -> bool {
    !is_safe_method(head.method()) || opens_websocket(head)
}

fn is_explicit(transport: &dyn Transport, head: &dyn RequestHead, purpose: Purpose) -> bool {
    !transport.is_ambient() && !matches!(transport.extract(head, purpose), Extracted::Absent)
}

/// Adapters run these on any thread: their futures must be able to move.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api_key::ApiKeyRequest, token::OneTimePurpose};

    fn is_send<T: Send>(_: T) {}

    #[expect(dead_code, reason = "compiling it is the test")]
    fn futures_are_send<U: AuthUser>(
        auth: &AuthProvider<U>,
        presented: [Presented<U>; 3],
        granted: &Granted<U>,
    ) {
        let requirement = Requirement::user();
        let [first, second, third] = presented;
        is_send(auth.check(first, &requirement));
        is_send(auth.check_current(second));
        is_send(auth.check_optional(third));
        is_send(auth.authenticate("", "", &ClientInfo::unknown()));
        is_send(auth.issue(Purpose::Access, ""));
        is_send(auth.login(""));
        is_send(auth.refresh("", &ClientInfo::unknown()));
        is_send(auth.redeem("", OneTimePurpose::MagicLink));
        is_send(auth.withdraw_one_time("", None));
        is_send(auth.create_api_key(granted, ApiKeyRequest::new("")));
        is_send(auth.danger_create_api_key_for("", ApiKeyRequest::new("")));
        is_send(auth.authenticate_token("", &requirement));
        is_send(auth.logout_all("", &ClientInfo::unknown()));
        is_send(auth.password_changed("", &ClientInfo::unknown()));
        is_send(auth.api_keys(""));
        is_send(auth.hash_password(""));
        is_send(auth.hash_password_for(&ClientInfo::unknown(), ""));
    }
}
