//! Mandates at a provider: checking and revoking them.

use std::{sync::Arc, time::Duration};

use super::{
    csrf::Admitted,
    granted::Granted,
    inner::{AuthProvider, Mandates},
    presented::{Found, Verified},
    revocations::accepted_until,
    seen::{Seen, about},
};
use crate::{
    event::{self, AuthEvents, Event, EventKind},
    mandate::{anchors, spending_id},
    rejection::{ApiKeyFault, InvalidToken, Misconfigured, Rejection},
    request::RequestHead,
    requirement::Requirement,
    store::{anchor_lifetime, check_anchor},
    token::{Mandate, TokenError, TokenPayload},
    user::AuthUser,
};

/// How many anchors one event of a revocation lists at most.
const ANCHORS_TOLD_AT_ONCE: usize = 32;

impl<U: AuthUser> AuthProvider<U> {
    /// Revokes all mandates with one of these anchors: an [authority
    /// record](crate::mandate::Principal::authority_record_id), its root, an [agent
    /// session](crate::mandate::Principal::agent_session_id), a
    /// [delegation](crate::mandate::Principal::delegation_edge_id), one mandate by its
    /// [id](crate::mandate::Principal::token_id), a subject, or an actor (`client_id`). They are
    /// refused from the next request on, by all services that share the store. Empty anchors are
    /// skipped if there is another one.
    ///
    /// The revocation lasts for `lasting`, but never shorter than a mandate can last, which follows
    /// from [`max_lifetime`](crate::MandateAuthBuilder::max_lifetime): every mandate that exists
    /// now expires first. A longer time also refuses mandates that are issued later. An earlier
    /// revocation of the same anchor stays if it lasts longer.
    ///
    /// ```
    /// # use fauth_core::{AuthProvider, Principal, Rejection, store::DEFAULT_ANCHOR_LIFETIME};
    /// # async fn example(
    /// #     auth: AuthProvider<Principal>, principal: &Principal,
    /// # ) -> Result<(), Rejection> {
    /// let anchors = [principal.authority_record_id()];
    /// auth.revoke_mandate_anchors(&anchors, DEFAULT_ANCHOR_LIFETIME).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if it is not certain that all are revoked: try again.
    /// [`Rejection::Misconfigured`] if this is not a provider of mandates, the time is zero, all
    /// anchors are empty, or one is longer than any that a mandate can have.
    ///
    /// # Security
    /// All anchors are in one name space, as in a Caracal deployment.
    pub async fn revoke_mandate_anchors(&self, anchors: &[&str], lasting: Duration) -> Result<(), Rejection> {
        let mandates = self.mandates()?;
        refuse_impossible(anchors, lasting)?;
        let named: Vec<_> = anchors.iter().copied().filter(|anchor| !anchor.is_empty()).collect();
        if named.is_empty() {
            // The caller must not believe that something is revoked.
            return Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
        }
        let lasting = lasting.max(mandates.remembered);
        self.call_store(mandates.store.revoke(&named, lasting)).await?;
        self.tell_open_mandates(&named);
        for anchors in named.chunks(ANCHORS_TOLD_AT_ONCE) {
            self.raise(&Event { anchors, ..taken_back(&mandates.zone) });
        }
        Ok(())
    }

    /// Raises the delegation epoch of the provider's zone: delegated mandates of an earlier epoch,
    /// and those without an epoch, are refused from the next request on. It lasts for `lasting`,
    /// but never shorter than a mandate can last. Returns the epoch that is in force now, which is
    /// higher than `epoch` if there was a higher one: epochs never fall.
    ///
    /// # Errors
    /// As [`revoke_mandate_anchors`](Self::revoke_mandate_anchors).
    pub async fn raise_delegation_epoch(&self, epoch: u64, lasting: Duration) -> Result<u64, Rejection> {
        let mandates = self.mandates()?;
        refuse_impossible(&[], lasting)?;
        let lasting = lasting.max(mandates.remembered);
        let holds = self.call_store(mandates.store.raise_epoch(&mandates.zone, epoch, lasting)).await?;
        self.tell_open_mandates(&[&mandates.zone]);
        self.raise(&Event { delegation_epoch: Some(holds), ..taken_back(&mandates.zone) });
        Ok(holds)
    }

    fn mandates(&self) -> Result<&Mandates, Rejection> {
        self.inner.mandates.as_deref().ok_or(Rejection::Misconfigured(Misconfigured::NoStore))
    }

    /// [`admit`](Self::admit) for a provider of mandates, in the order described at
    /// [`mandate`](crate::mandate).
    pub(super) async fn admit_mandate(
        &self,
        mandates: &Mandates,
        found: Found<U>,
        requirement: &Requirement,
    ) -> Result<Admitted<U>, Rejection> {
        let token = match found {
            Found::Nothing => return Err(Rejection::MissingCredential),
            // An outer guard has admitted and spent it: only the decision is left.
            Found::Granted(granted) => {
                return self.decide(&granted, requirement).map(|()| Admitted::new(granted, None));
            }
            Found::Token(token) => token,
            Found::Pending(pending) => self.verified_pending(*pending).await?,
            Found::ApiKey(_) => {
                return Err(Rejection::InvalidToken(InvalidToken::ApiKey(ApiKeyFault::Unknown)));
            }
        };
        let (payload, seen) = (Arc::clone(&token.payload), token.seen.clone());
        match self.judge_mandate(mandates, token, requirement).await {
            Ok(granted) => {
                self.tell_accepted(&payload, seen.as_deref());
                Ok(Admitted::new(granted, None))
            }
            Err(rejection) => {
                if matches!(rejection, Rejection::InvalidToken(_) | Rejection::Unavailable(_)) {
                    self.tell_refused(&rejection, &payload, seen.as_deref());
                }
                Err(rejection)
            }
        }
    }

    async fn judge_mandate(
        &self,
        mandates: &Mandates,
        token: Verified,
        requirement: &Requirement,
    ) -> Result<Granted<U>, Rejection> {
        requirement.decide_mandate(&token.payload).map_err(|unmet| {
            let event = Event::new(EventKind::AccessDenied).token(&token.payload);
            self.denied(unmet, about(event, token.seen.as_deref()))
        })?;
        let granted = self.grant(token).await?;
        self.decide(&granted, requirement)?;
        if mandates.is_single_use {
            self.spend_mandate(mandates, granted.payload()).await?;
        }
        Ok(granted)
    }

    /// There are many accepted mandates, so only a sink that asks for them gets the events.
    fn tell_accepted(&self, payload: &TokenPayload, seen: Option<&Seen>) {
        let kind = EventKind::MandateAccepted;
        if self.inner.events.as_ref().is_some_and(|sink| sink.wants(kind)) {
            self.raise(&about(Event::new(kind).token(payload), seen));
        }
    }

    /// The sink gets a fault of the server as an error. The log has one already, for what failed.
    fn tell_refused(&self, rejection: &Rejection, payload: &TokenPayload, seen: Option<&Seen>) {
        let event = Event::new(EventKind::MandateRefused).reason(rejection.reason()).token(payload);
        let event = about(event, seen);
        event::trace(&event, event.kind.level());
        if let Some(sink) = &self.inner.events {
            #[cfg(feature = "caracal-audit")]
            let event = Event { level: rejection.level(), ..event };
            sink.on_event(&event);
        }
    }

    /// Keeps details of the request for the events of a mandate, if the sink asks for them.
    pub(super) fn note_request(&self, head: &dyn RequestHead, found: &mut Result<Found<U>, Rejection>) {
        let reads = |sink: &Arc<dyn AuthEvents>| sink.reads_trace();
        if self.inner.mandates.is_none() || !self.inner.events.as_ref().is_some_and(reads) {
            return;
        }
        let seen = || Some(Arc::new(Seen { client: self.client(head), trace: self.trace_of(head) }));
        match found {
            Ok(Found::Token(token)) => token.seen = seen(),
            Ok(Found::Pending(pending)) => pending.seen = seen(),
            _ => {}
        }
    }

    /// Refuses a mandate with a revoked anchor, or with an outdated delegation epoch.
    pub(super) async fn refuse_ended_mandate(
        &self,
        mandates: &Mandates,
        payload: &TokenPayload,
    ) -> Result<(), Rejection> {
        let mandate = mandate_of(payload)?;
        let anchors = anchors(payload, mandate);
        let state = self.call_store(mandates.store.check(mandate.zone(), &anchors)).await?;
        if state.is_revoked {
            return Err(Rejection::InvalidToken(InvalidToken::MandateRevoked));
        }
        if is_stale(mandate, state.epoch) {
            return Err(Rejection::InvalidToken(InvalidToken::DelegationStale));
        }
        Ok(())
    }

    async fn spend_mandate(&self, mandates: &Mandates, payload: &TokenPayload) -> Result<(), Rejection> {
        let id = spending_id(payload, mandate_of(payload)?);
        // Longer than any leeway, so that clocks of stores may differ.
        let lasting = accepted_until(payload.expires_at()).since(self.now()?).max(Duration::from_secs(1));
        if !self.call_store(mandates.store.spend(&id, lasting)).await? {
            return Err(Rejection::InvalidToken(InvalidToken::MandateSpent));
        }
        self.refuse_if_expired(payload).map(drop)
    }
}

fn taken_back(zone: &str) -> Event<'_> {
    Event { zone: Some(zone), ..Event::new(EventKind::Revoked) }
}

/// A provider of mandates accepts nothing else.
fn mandate_of(payload: &TokenPayload) -> Result<&Mandate, Rejection> {
    payload.mandate().ok_or(Rejection::InvalidToken(InvalidToken::Token(TokenError::WrongIssuer)))
}

/// A delegated mandate without an epoch is older than any epoch of the zone.
fn is_stale(mandate: &Mandate, epoch: u64) -> bool {
    match mandate.delegation_graph_epoch() {
        Some(named) => named < epoch,
        None => mandate.delegation_edge_id().is_some() && epoch > 0,
    }
}

/// An argument that every store refuses is a mistake of the caller, not a failure of the store.
fn refuse_impossible(anchors: &[&str], lasting: Duration) -> Result<(), Rejection> {
    let names = anchors.iter().try_for_each(|anchor| check_anchor(anchor));
    names
        .and(anchor_lifetime(lasting).map(drop))
        .map_err(|_| Rejection::Misconfigured(Misconfigured::NotRevocable))
}
