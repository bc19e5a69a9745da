//! A provider with its users, its clock and its events in view.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, ClientInfo, ConfigError, Granted, LoginRequest, Missing,
    OneTimePurpose, Purpose, Rejection, Requirement, TokenPair, TokenRequest,
    clock::Clock as _,
    event::{AuthEvents, Event, EventKind},
    rejection::{
        ApiKeyFault, CsrfFault, FieldFault, InvalidToken, MalformedCredential, Misconfigured, OneTimeFault,
        OriginFault, Unavailable,
    },
    reply::{Reply, ResponseHeader},
    routes::Endpoint,
    store::SessionId,
    token::TokenError,
};
use fauth_testing::{
    ManualClock, TestUser, Users, WireRequest, at_once, config, one_time_token, provider_with,
    provider_without_store,
};
/// A provider and everything around it that a test may turn or look at.
pub(crate) struct World {
    pub(crate) users: Users,
    pub(crate) clock: ManualClock,
    pub(crate) events: Sink,
    pub(crate) auth: AuthProvider<TestUser>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(
        options: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let (users, clock, events) = (Users::new(), ManualClock::new(), Sink::default());
        let builder = provider_with(config(), &users).clock(clock.clone()).events(events.clone());
        let auth = options(builder).build().unwrap();
        Self { users, clock, events, auth }
    }

    pub(crate) fn token<'a>(&self, purpose: Purpose, request: impl Into<TokenRequest<'a>>) -> String {
        at_once(self.auth.issue(purpose, request)).unwrap().expose().to_owned()
    }

    /// A token that works once, and verifies although no store knows it.
    pub(crate) fn one_time_token(&self, purpose: OneTimePurpose, subject: &str) -> String {
        let token = one_time_token(purpose.into(), subject, self.clock.now().unwrap());
        self.auth.verify_signature_and_claims(&token, purpose.into()).unwrap();
        token
    }

    pub(crate) fn access<'a>(&self, request: impl Into<TokenRequest<'a>>) -> String {
        self.token(Purpose::Access, request)
    }

    /// Checks a `GET` with an access token for `request`.
    pub(crate) async fn check<'a>(
        &self,
        request: impl Into<TokenRequest<'a>>,
        requirement: &Requirement,
    ) -> Result<Granted<TestUser>, Rejection> {
        let head = get("/").bearer(&self.access(request));
        self.auth.check(self.auth.read(&head), requirement).await
    }

    pub(crate) fn without_store(
        options: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let (users, clock, events) = (Users::new(), ManualClock::new(), Sink::default());
        let builder = provider_without_store(config(), &users).clock(clock.clone()).events(events.clone());
        let auth = options(builder).build().unwrap();
        Self { users, clock, events, auth }
    }

    /// Logs in; leaves no events behind.
    pub(crate) async fn log_in<'a>(&self, request: impl Into<LoginRequest<'a>>) -> Tokens {
        let pair = self.auth.login(request).await.unwrap();
        self.events.take();
        Tokens::of(&pair)
    }

    pub(crate) async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, Rejection> {
        self.auth.refresh(&tokens.refresh, &ClientInfo::unknown()).await.map(|pair| Tokens::of(&pair))
    }

    /// Sends an access token to a guarded route.
    pub(crate) async fn enter(&self, tokens: &Tokens) -> Result<(), Rejection> {
        let head = get("/").bearer(&tokens.access);
        self.auth.check(self.auth.read(&head), &Requirement::user()).await.map(drop)
    }

    pub(crate) fn session_of(&self, tokens: &Tokens) -> SessionId {
        let payload = self.auth.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap();
        SessionId::parse(payload.session_id().unwrap()).unwrap()
    }

    /// Both tokens do what they are for; the pair that the refresh token has bought.
    pub(crate) async fn works(&self, tokens: &Tokens) -> Tokens {
        assert_eq!(self.enter(tokens).await, Ok(()));
        let next = self.refresh(tokens).await.unwrap();
        assert_eq!(self.enter(&next).await, Ok(()));
        next
    }

    /// Neither token opens anything. The access token first: what a refresh ends must have been
    /// ended before.
    pub(crate) async fn is_over(&self, tokens: &Tokens, why: &str) {
        for outcome in [self.enter(tokens).await, self.refresh(tokens).await.map(drop)] {
            let status = outcome.as_ref().map_or_else(Rejection::status, |()| 200);
            assert_eq!(status, 401, "{why}: {outcome:?}");
        }
    }

    /// Sends a request to a ready-made endpoint, as an adapter does.
    pub(crate) async fn call(&self, endpoint: Endpoint, request: &WireRequest) -> Reply {
        call(&self.auth, endpoint, request).await
    }
}

/// A login as its owner holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(pair: &TokenPair) -> Self {
        let [access, refresh] =
            [pair.access_token(), pair.refresh_token()].map(|token| token.expose().to_owned());
        Self { access, refresh }
    }
}

pub(crate) async fn call(auth: &AuthProvider<TestUser>, endpoint: Endpoint, request: &WireRequest) -> Reply {
    match endpoint.read(auth, request, Ok(&request.body)).answer(auth).await {
        Ok(reply) => reply,
        Err(rejection) => auth.refuse(&rejection, request),
    }
}

pub(crate) fn get(target: &str) -> WireRequest {
    WireRequest::new("GET", target)
}

pub(crate) fn post(target: &str) -> WireRequest {
    WireRequest::new("POST", target)
}

pub(crate) fn login_request(username: &str, password: &str) -> WireRequest {
    let body = serde_json::json!({ "username": username, "password": password });
    post("/login").body("application/json", body.to_string())
}

/// Polls once, without waiting: what a future does at its first poll it does at once.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// ------------------------------------------------------------------------------------------------
// events

/// An [`Event`] that outlives its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) kind: EventKind,
    pub(crate) reason: Option<&'static str>,
    pub(crate) subject: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) identifier: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) error: Option<String>,
}

/// Keeps every event.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<Raised>>>);

impl Sink {
    /// What was raised since the last call.
    pub(crate) fn take(&self) -> Vec<Raised> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The one event that was raised since the last call.
    #[track_caller]
    pub(crate) fn only(&self) -> Raised {
        let mut raised = self.take();
        assert_eq!(raised.len(), 1, "{raised:?}");
        raised.remove(0)
    }
}

impl AuthEvents for Sink {
    fn on_event(&self, event: &Event<'_>) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.0.lock().unwrap().push(Raised {
            kind: event.kind,
            reason: event.reason,
            subject: own(event.subject),
            session: own(event.session),
            identifier: own(event.identifier),
            method: own(event.method),
            path: own(event.path),
            peer: event.peer,
            address: event.address,
            error: own(event.error),
        });
    }
}

// ------------------------------------------------------------------------------------------------
// refusals

/// A fault of a requirement, which only a requirement can make.
pub(crate) fn requirement_fault() -> ConfigError {
    Requirement::user().roles([""]).validate().unwrap_err()
}

/// A fault of a limit, which only a limit can make.
pub(crate) fn limit_fault() -> ConfigError {
    fauth_core::limit::Limit::new("0/minute").unwrap_err()
}

/// Every refusal there is, by a name for the golden files.
#[expect(clippy::too_many_lines, reason = "a line for each refusal")]
pub(crate) fn every_rejection() -> Vec<(&'static str, Rejection)> {
    use MalformedCredential as Form;
    let malformed = Rejection::MalformedCredential;
    let invalid = Rejection::InvalidToken;
    let token = |error| invalid(InvalidToken::Token(error));
    let field = |field, fault| Rejection::InvalidField { field, fault };
    let forbidden = Rejection::Forbidden;
    let misconfigured = Rejection::Misconfigured;
    let unavailable = Rejection::Unavailable;
    let clock = ManualClock::new();
    clock.break_down();
    let no_time = TokenError::Clock(clock.now().unwrap_err());
    vec![
        ("missing credential", Rejection::MissingCredential),
        ("duplicate credential", malformed(Form::Duplicate)),
        ("several credentials", malformed(Form::Several)),
        ("credential outside the grammar", malformed(Form::Grammar)),
        ("credential too long", malformed(Form::TooLong)),
        ("token too long", token(TokenError::TooLong)),
        ("malformed token", token(TokenError::Malformed)),
        ("forbidden header", token(TokenError::ForbiddenHeader)),
        ("wrong algorithm", token(TokenError::WrongAlgorithm)),
        ("unknown key", token(TokenError::UnknownKey)),
        ("bad signature", token(TokenError::BadSignature)),
        ("malformed claims", token(TokenError::MalformedClaims)),
        (
            "wrong purpose",
            token(TokenError::WrongPurpose { expected: Purpose::Access, actual: Some(Purpose::Refresh) }),
        ),
        ("unknown purpose", token(TokenError::WrongPurpose { expected: Purpose::Refresh, actual: None })),
        ("missing claim", token(TokenError::MissingClaim("sub"))),
        ("invalid claim", token(TokenError::InvalidClaim("iat"))),
        ("wrong application", token(TokenError::WrongApplication)),
        ("wrong issuer", token(TokenError::WrongIssuer)),
        ("wrong audience", token(TokenError::WrongAudience)),
        ("expired", token(TokenError::Expired)),
        ("not yet valid", token(TokenError::NotYetValid)),
        ("unacceptable lifetime", token(TokenError::UnacceptableLifetime)),
        ("token that is bound to a key", token(TokenError::SenderConstrained)),
        ("malformed API key", invalid(InvalidToken::ApiKey(ApiKeyFault::Malformed))),
        ("unknown API key", invalid(InvalidToken::ApiKey(ApiKeyFault::Unknown))),
        ("wrong secret of an API key", invalid(InvalidToken::ApiKey(ApiKeyFault::WrongSecret))),
        ("unknown hash key of an API key", invalid(InvalidToken::ApiKey(ApiKeyFault::UnknownHashKey))),
        ("spent one-time token", invalid(InvalidToken::OneTime(OneTimeFault::Spent))),
        ("stale one-time token", invalid(InvalidToken::OneTime(OneTimeFault::Stale))),
        ("one-time token of another browser", invalid(InvalidToken::OneTime(OneTimeFault::OtherBrowser))),
        ("unknown user", invalid(InvalidToken::UnknownUser)),
        ("inactive user", invalid(InvalidToken::InactiveUser)),
        ("revoked token", invalid(InvalidToken::Revoked)),
        ("old epoch", invalid(InvalidToken::OldEpoch)),
        ("before memory", invalid(InvalidToken::BeforeMemory)),
        ("ended session", invalid(InvalidToken::SessionEnded)),
        ("unknown session", invalid(InvalidToken::UnknownSession)),
        ("reused refresh token", invalid(InvalidToken::Reused)),
        ("invalid credentials", Rejection::InvalidCredentials),
        ("stale login", Rejection::StaleLogin { max_age: std::time::Duration::from_secs(900) }),
        ("API key where none is allowed", forbidden(Missing::ApiKeyNotAllowed)),
        ("token of another issuer", forbidden(Missing::ForeignTokenNotAllowed)),
        ("missing role", forbidden(Missing::Role("admin \"\\ä".into()))),
        ("missing permission", forbidden(Missing::Permission("posts:write".into()))),
        ("missing scopes", forbidden(Missing::Scopes(vec!["read".into(), "write".into()]))),
        ("missing alternative", forbidden(Missing::Alternative)),
        ("guests only", Rejection::GuestsOnly),
        ("request without an origin", Rejection::CrossSiteRequest(OriginFault::Missing)),
        ("cross-site request", Rejection::CrossSiteRequest(OriginFault::Foreign)),
        ("page over plain HTTP", Rejection::CrossSiteRequest(OriginFault::PlainHttp)),
        ("no CSRF token", Rejection::InvalidCsrfToken(CsrfFault::Missing)),
        ("malformed CSRF token", Rejection::InvalidCsrfToken(CsrfFault::Malformed)),
        ("CSRF token of another session", Rejection::InvalidCsrfToken(CsrfFault::Mismatch)),
        ("two CSRF tokens", Rejection::InvalidCsrfToken(CsrfFault::Duplicate)),
        ("ambiguous path", Rejection::AmbiguousPath),
        ("invalid request", Rejection::InvalidRequest),
        ("missing field", field("username", FieldFault::Missing)),
        ("field that occurs twice", field("username", FieldFault::Duplicate)),
        ("field that is no text", field("username", FieldFault::NotText)),
        ("field that is no boolean", field("remember", FieldFault::NotBoolean)),
        ("not found", Rejection::NotFound),
        ("method not allowed", Rejection::MethodNotAllowed { allow: "GET, HEAD" }),
        ("body timeout", Rejection::BodyTimeout),
        ("payload too large", Rejection::PayloadTooLarge),
        ("unsupported media type", Rejection::UnsupportedMediaType),
        ("unprocessable", Rejection::Unprocessable("The name is taken".into())),
        (
            "too many requests",
            Rejection::TooManyRequests { retry_after: std::time::Duration::from_millis(11_200) },
        ),
        ("busy", Rejection::Busy { retry_after: std::time::Duration::from_secs(3) }),
        ("loader failed", unavailable(Unavailable::Loader)),
        ("loader timeout", unavailable(Unavailable::LoaderTimeout)),
        ("store failed", unavailable(Unavailable::Store)),
        ("store timeout", unavailable(Unavailable::StoreTimeout)),
        ("clock unavailable", unavailable(Unavailable::Clock)),
        ("clock unavailable at the verifier", no_time.into()),
        ("issuer failed", unavailable(Unavailable::Issuer)),
        ("password hasher failed", unavailable(Unavailable::PasswordHasher)),
        ("no keys of another issuer", unavailable(Unavailable::Keys)),
        ("missing provider", misconfigured(Misconfigured::MissingProvider)),
        ("other users", misconfigured(Misconfigured::OtherUsers)),
        ("missing guard", misconfigured(Misconfigured::MissingGuard)),
        ("other provider", misconfigured(Misconfigured::OtherProvider)),
        ("no password login", misconfigured(Misconfigured::NoPasswordLogin)),
        ("no store", misconfigured(Misconfigured::NoStore)),
        ("no own tokens", misconfigured(Misconfigured::NoOwnTokens)),
        ("unknown issuer", misconfigured(Misconfigured::UnknownIssuer)),
        ("claim not revocable", misconfigured(Misconfigured::NotRevocable)),
        ("impossible requirement", misconfigured(Misconfigured::Requirement(requirement_fault()))),
        ("impossible limit", misconfigured(Misconfigured::Limit(limit_fault()))),
        ("impossible token request", misconfigured(Misconfigured::TokenRequest)),
        ("token too long for a cookie", misconfigured(Misconfigured::TokenTooLongForCookie)),
        ("renderer failed", misconfigured(Misconfigured::Renderer)),
    ]
}

/// Every value of a header.
pub(crate) fn header<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.headers().iter().filter(|header| header.name() == name).map(ResponseHeader::value).collect()
}
