//! A service that is called with mandates, with everything around it that a test may turn.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, Granted, MandateAuth, MandateAuthBuilder, Principal, Rejection,
    Requirement,
    clock::{Clock as _, Timestamp},
    event::{AuthEvents, Event, EventKind},
    rejection::InvalidToken,
    store::MemoryAnchorStore,
    token::TokenError,
};
use fauth_testing::{
    FaultyStore, ForeignToken, MANDATE_AUDIENCE, MandateIssuer, ManualClock, PublishedKeys, WireRequest,
    WireResponse,
};

pub(crate) const ISSUER: &str = "https://sts.example.com";
pub(crate) const ZONE: &str = "zone_prod";
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const REVOKED: Rejection = Rejection::InvalidToken(InvalidToken::MandateRevoked);
pub(crate) const STALE: Rejection = Rejection::InvalidToken(InvalidToken::DelegationStale);
pub(crate) const SPENT: Rejection = Rejection::InvalidToken(InvalidToken::MandateSpent);
pub(crate) const EXPIRED: Rejection = Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired));

pub(crate) struct World<U = Principal> {
    pub(crate) clock: ManualClock,
    pub(crate) issuer: MandateIssuer,
    /// Where its keys are.
    pub(crate) server: PublishedKeys,
    pub(crate) anchors: FaultyStore<MemoryAnchorStore>,
    pub(crate) events: Sink,
    pub(crate) auth: AuthProvider<U>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|mandates| mandates, |provider| provider)
    }

    /// With other settings of mandates.
    pub(crate) fn of(
        mandates: impl FnOnce(MandateAuthBuilder<Principal>) -> MandateAuthBuilder<Principal>,
    ) -> Self {
        Self::with(mandates, |provider| provider)
    }
}

impl<U: fauth_core::AuthUser> World<U> {
    /// With other settings of both.
    pub(crate) fn with(
        mandates: impl FnOnce(MandateAuthBuilder<Principal>) -> MandateAuthBuilder<U>,
        provider: impl FnOnce(AuthProviderBuilder<U>) -> AuthProviderBuilder<U>,
    ) -> Self {
        Self::on(ManualClock::new(), mandates, provider)
    }

    /// With a clock that the settings know.
    pub(crate) fn on(
        clock: ManualClock,
        mandates: impl FnOnce(MandateAuthBuilder<Principal>) -> MandateAuthBuilder<U>,
        provider: impl FnOnce(AuthProviderBuilder<U>) -> AuthProviderBuilder<U>,
    ) -> Self {
        let issuer = MandateIssuer::new(ISSUER, ZONE);
        let server = issuer.server();
        let anchors = FaultyStore::new(MemoryAnchorStore::builder().clock(clock.clone()).build());
        let events = Sink::default();
        let builder = MandateAuth::builder()
            .issuer(ISSUER)
            .zone(ZONE)
            .audience(MANDATE_AUDIENCE)
            .fetch(server.clone())
            .revocations(anchors.clone());
        let builder = mandates(builder).provider().unwrap().clock(clock.clone()).events(events.clone());
        let auth = provider(builder).build().unwrap();
        Self { clock, issuer, server, anchors, events, auth }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// A good mandate for this subject, without a delegation.
    pub(crate) fn mandate(&self, subject: &str) -> ForeignToken {
        self.issuer.mandate(subject, self.now())
    }

    /// A good one with everything.
    pub(crate) fn delegated(&self, subject: &str) -> ForeignToken {
        self.issuer.delegated(subject, self.now())
    }

    pub(crate) async fn enter(&self, token: &str) -> Result<Granted<U>, Rejection> {
        self.pass(token, &Requirement::user()).await
    }

    pub(crate) async fn pass(&self, token: &str, asked: &Requirement) -> Result<Granted<U>, Rejection> {
        let head = WireRequest::get("/").bearer(token);
        self.auth.check(self.auth.read(&head), asked).await
    }

    /// The answer to this refusal.
    pub(crate) fn answer(&self, rejection: &Rejection) -> WireResponse {
        self.auth.refuse(rejection, &WireRequest::get("/")).into()
    }
}

/// What was told of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: EventKind,
    pub(crate) reason: Option<&'static str>,
    pub(crate) subject: Option<String>,
    pub(crate) token_id: Option<String>,
    /// The zone, the actor, the authority record, the agent session and the delegation.
    pub(crate) mandate: Option<[Option<String>; 5]>,
    pub(crate) zone: Option<String>,
    /// What was taken back.
    pub(crate) anchors: Vec<String>,
    pub(crate) epoch: Option<u64>,
}

/// A sink that wants everything, or everything but what has to be asked for.
#[derive(Clone, Default)]
pub(crate) struct Sink {
    told: Arc<std::sync::Mutex<Vec<Told>>>,
    pub(crate) wants_all: Arc<std::sync::atomic::AtomicBool>,
}

impl Sink {
    pub(crate) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.take().into_iter().map(|told| told.kind).collect()
    }
}

impl AuthEvents for Sink {
    fn on_event(&self, event: &Event<'_>) {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let mandate = event.mandate.map(|mandate| {
            [
                Some(mandate.zone()),
                Some(mandate.client_id()),
                Some(mandate.authority_record_id()),
                mandate.agent_session_id(),
                mandate.delegation_edge_id(),
            ]
            .map(text)
        });
        self.told.lock().unwrap().push(Told {
            kind: event.kind,
            reason: event.reason,
            subject: text(event.subject),
            token_id: text(event.token_id),
            mandate,
            zone: text(event.zone),
            anchors: event.anchors.iter().map(|&anchor| anchor.to_owned()).collect(),
            epoch: event.delegation_epoch,
        });
    }

    fn wants(&self, _: EventKind) -> bool {
        self.wants_all.load(std::sync::atomic::Ordering::SeqCst)
    }
}
