//! Services that accept mandates: the fixtures of the cases about them.

use std::{
    borrow::Cow::{self, Borrowed},
    time::Duration,
};

use fauth_core::{
    AuthProviderBuilder, Granted, MandateAuth, MandateAuthBuilder, Principal, Rejection, Requirement,
    RouteRules,
    clock::Clock as _,
    event::EventKind,
    rules::{RouteRulesBuilder, prefix},
    store::MemoryAnchorStore,
};
use serde_json::Value;

use super::{Harness, Placement, Probe, Ruled, Seen, issuers::block_on};
use crate::{
    FaultyStore, ForeignToken, MANDATE_AUDIENCE, MandateIssuer, RecordedEvents, TestUser, WireRequest,
};

/// The issuer of accepted mandates.
pub(super) const ISSUER: &str = "https://sts.example.com";
/// Their zone.
pub(super) const ZONE: &str = "zone_prod";

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) type Builder = MandateAuthBuilder<Principal>;

/// A service, and the issuer of its mandates. Its users are those of the case.
pub(super) struct Acting<H> {
    pub(super) app: Probe<H>,
    pub(super) issuer: MandateIssuer,
    pub(super) anchors: FaultyStore<MemoryAnchorStore>,
    pub(super) events: RecordedEvents,
}

/// A service whose issuer has one key.
pub(super) fn service<H: Harness>(t: &Probe<H>) -> Acting<H> {
    service_with(t, |builder| builder)
}

/// The same with settings for mandates.
pub(super) fn service_with<H: Harness>(t: &Probe<H>, options: impl FnOnce(Builder) -> Builder) -> Acting<H> {
    let issuer = MandateIssuer::new(ISSUER, ZONE);
    let keys = issuer.keys();
    service_of(t, issuer, |builder| options(builder.keys(keys)), |builder| builder)
}

/// The same with settings of the provider.
pub(super) fn service_wired<H: Harness>(
    t: &Probe<H>,
    wiring: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
) -> Acting<H> {
    let issuer = MandateIssuer::new(ISSUER, ZONE);
    let keys = issuer.keys();
    service_of(t, issuer, |builder| builder.keys(keys), wiring)
}

/// The same for an issuer of the case, whose keys `options` must name.
pub(super) fn service_of<H: Harness>(
    t: &Probe<H>,
    issuer: MandateIssuer,
    options: impl FnOnce(Builder) -> Builder,
    wiring: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
) -> Acting<H> {
    let anchors = MemoryAnchorStore::builder().clock(t.clock.clone()).build();
    let anchors = FaultyStore::new(anchors);
    let events = RecordedEvents::new();
    let builder = MandateAuth::builder()
        .issuer(issuer.issuer())
        .zone(issuer.zone())
        .audience(MANDATE_AUDIENCE)
        .revocations(anchors.clone());
    let builder = options(builder).user_loader(t.users.mandate_loader()).provider().unwrap();
    let builder = builder.clock(t.clock.clone()).events(events.clone());
    Acting { app: t.with_auth(&wiring(builder).build().unwrap()), issuer, anchors, events }
}

impl<H: Harness> Acting<H> {
    /// A valid mandate without a delegation, from now.
    pub(super) fn mandate(&self, subject: &str) -> ForeignToken {
        self.issuer.mandate(subject, self.app.clock.now().unwrap())
    }

    /// A valid mandate with a delegation, from now.
    pub(super) fn delegated(&self, subject: &str) -> ForeignToken {
        self.issuer.delegated(subject, self.app.clock.now().unwrap())
    }

    /// The application behind rules.
    pub(super) fn behind(&self, rules: RouteRulesBuilder) -> Probe<H> {
        self.app.with_rules(Ruled { rules: rules.build().unwrap(), placement: Placement::Around })
    }

    /// The response of a route with this requirement.
    #[track_caller]
    pub(super) fn ask(&self, requirement: &Requirement, token: impl AsRef<str>) -> Seen {
        let rules = RouteRules::private_by_default().require(prefix("/me"), requirement.clone());
        self.behind(rules).get("/me").bearer(token).send()
    }

    /// Asserts that the mandate opens routes for users.
    #[track_caller]
    pub(super) fn opens(&self, token: impl AsRef<str>) -> Seen {
        let seen = self.app.get("/guards/user").bearer(token).send();
        seen.is(200).lacks("www-authenticate");
        seen
    }

    /// Asserts that the mandate meets this requirement.
    #[track_caller]
    pub(super) fn passes(&self, requirement: &Requirement, token: impl AsRef<str>) -> Seen {
        let seen = self.ask(requirement, token);
        seen.is(200).says("Hello alice").lacks("www-authenticate");
        seen
    }

    /// Asserts that it does not, with this error.
    #[track_caller]
    pub(super) fn denies(&self, requirement: &Requirement, token: impl AsRef<str>, denial: &Denial) {
        denial.is_of(&self.ask(requirement, token));
    }

    /// Asserts that the token is refused, also where the user is optional, with this reason in the
    /// log.
    #[track_caller]
    pub(super) fn refuses(&self, token: impl AsRef<str>, reason: &str) {
        self.refuses_as(token, &INVALID, reason);
    }

    /// The same with another response.
    #[track_caller]
    pub(super) fn refuses_as(&self, token: impl AsRef<str>, denial: &Denial, reason: &str) {
        self.events.clear();
        let seen = self.app.get("/guards/user").bearer(&token).send();
        denial.is_of(&seen);
        denial.is_of(&self.app.get("/maybe").bearer(&token).send_to_framework());
        let refusals = self.events.of(EventKind::RequestRefused);
        let reasons: Vec<_> = refusals.iter().filter_map(|event| event.reason.as_deref()).collect();
        assert_eq!(reasons, [reason; 3], "{}", seen.response.text());
    }

    /// Asserts that the mandate cannot be verified: it is neither accepted nor called invalid.
    #[track_caller]
    pub(super) fn cannot_tell(&self, token: impl AsRef<str>) {
        for path in ["/guards/user", "/maybe"] {
            unavailable(&self.app.get(path).bearer(&token).send());
        }
    }

    /// What a custom endpoint learns about the sender of this mandate.
    pub(super) fn granted(&self, token: &str) -> Result<Granted<TestUser>, Rejection> {
        let auth = &self.app.app.auth;
        block_on(auth.check_current(auth.read(&WireRequest::get("/own").bearer(token))))
    }

    /// Revokes these anchors through the provider.
    pub(super) fn revoke(&self, anchors: &[&str]) {
        block_on(self.app.app.auth.revoke_mandate_anchors(anchors, DAY)).unwrap();
    }

    /// Raises the epoch of the service's zone through the provider.
    pub(super) fn raise_epoch(&self, epoch: u64) -> u64 {
        block_on(self.app.app.auth.raise_delegation_epoch(epoch, DAY)).unwrap()
    }
}

/// A failing dependency of the decision.
#[track_caller]
pub(super) fn unavailable(seen: &Seen) {
    seen.is(503).has("content-type", "application/json").has("retry-after", "5").lacks("www-authenticate");
    assert_eq!(seen.response.json()["error"], "unavailable", "{:?}", seen.response);
}

/// The error of a refusal.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) description: Cow<'static, str>,
    pub(super) challenge: Cow<'static, str>,
}

const ANONYMOUS: &str = "Bearer realm=\"fauth\"";
const INVALID_TOKEN: &str = "Bearer realm=\"fauth\", error=\"invalid_token\", \
    error_description=\"The token is invalid or has expired\"";
const INSUFFICIENT: &str = "Bearer realm=\"fauth\", error=\"insufficient_scope\", \
    error_description=\"The request needs more rights than the token gives\"";

const fn denial(
    status: u16,
    code: &'static str,
    description: &'static str,
    challenge: &'static str,
) -> Denial {
    Denial { status, code, description: Borrowed(description), challenge: Borrowed(challenge) }
}

pub(super) const MISSING: Denial = denial(401, "missing_token", "Missing bearer token", ANONYMOUS);
pub(super) const INVALID: Denial = denial(401, "invalid_token", "Token validation failed", INVALID_TOKEN);
pub(super) const WRONG_ZONE: Denial =
    denial(401, "invalid_zone", "Token zone validation failed", INVALID_TOKEN);
pub(super) const REVOKED: Denial = denial(401, "session_revoked", "Session revoked", INVALID_TOKEN);
pub(super) const STALE: Denial = denial(401, "delegation_stale", "Delegation graph changed", INVALID_TOKEN);
pub(super) const NO_SESSION: Denial = denial(403, "session_required", "Session required", INSUFFICIENT);
pub(super) const NO_DELEGATION: Denial =
    denial(403, "delegation_required", "Delegation required", INSUFFICIENT);
pub(super) const TOO_DEEP: Denial =
    denial(403, "hop_count_exceeded", "hop_count_exceeded: Hop count exceeded", INSUFFICIENT);

impl Denial {
    /// The scopes that a mandate lacks. The first is named in the body, all of them in the
    /// challenge.
    pub(super) fn scopes(missing: &[&str]) -> Self {
        let description = format!("scope_insufficient: Missing required scope: {}", missing[0]);
        let challenge = format!("{INSUFFICIENT}, scope=\"{}\"", missing.join(" "));
        let insufficient = denial(403, "insufficient_scope", "", "");
        Self { description: description.into(), challenge: challenge.into(), ..insufficient }
    }

    /// The target for which a mandate is not valid.
    pub(super) fn target(missing: &str) -> Self {
        let description = format!("scope_insufficient: Missing required target: {missing}");
        Self { description: description.into(), ..denial(403, "insufficient_scope", "", INSUFFICIENT) }
    }

    /// The application that its chain lacks.
    pub(super) fn chain(missing: &str) -> Self {
        let description = format!("chain_mismatch: Delegation chain missing application: {missing}");
        Self { description: description.into(), ..denial(403, "chain_mismatch", "", INSUFFICIENT) }
    }

    /// Asserts this exact response, with all headers.
    #[track_caller]
    pub(super) fn is_of(&self, seen: &Seen) {
        let answer = &seen.response;
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (self.status, Some(self.code)),
            "{answer:?}"
        );
        let headers = [
            ("cache-control", "no-store"),
            ("content-type", "application/json"),
            ("www-authenticate", &*self.challenge),
        ];
        assert_eq!(
            answer.headers,
            headers.map(|(name, value)| (name.to_owned(), value.to_owned())),
            "{answer:?}"
        );
        let hint = answer.json()["error_hint"].as_str().unwrap_or_default().to_owned();
        assert!(!hint.is_empty(), "{answer:?}");
        let [code, description, hint] =
            [self.code, &self.description, &hint].map(|text| Value::from(text).to_string());
        let body =
            format!("{{\"error\": {code}, \"error_description\": {description}, \"error_hint\": {hint}}}");
        assert_eq!(answer.text(), body);
    }
}
