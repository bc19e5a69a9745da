//! Applications that trust another issuer: the fixtures of the cases about its tokens.

use fauth_core::{
    AuthProvider, AuthProviderBuilder, TokenPayload,
    clock::Clock as _,
    event::EventKind,
    remote::JwksSource,
    token::Algorithm,
    transport::{BearerTransport, CookieTransport},
    trusted_issuer::TrustedIssuer,
};

use super::{Harness, Probe, Seen};
use crate::{
    FOREIGN_AUDIENCE, ForeignIssuer, ForeignToken, ManualClock, PublishedKeys, RecordedEvents, Role,
    TestUser, config, provider_with,
};

/// The issuer whose tokens are trusted.
pub(super) const ISSUER: &str = "https://login.example.com";
/// Another issuer, trusted if a case says so.
pub(super) const OTHER_ISSUER: &str = "https://login.example.org";

pub(super) type Builder = AuthProviderBuilder<TestUser>;

/// An application that trusts an issuer, and this issuer.
pub(super) struct Trusting<H> {
    pub(super) app: Probe<H>,
    pub(super) issuer: ForeignIssuer,
    pub(super) events: RecordedEvents,
}

/// Trust in this issuer, with these keys.
pub(super) fn trusted(issuer: &ForeignIssuer, keys: JwksSource) -> TrustedIssuer {
    TrustedIssuer::new(issuer.issuer(), keys).audience(FOREIGN_AUDIENCE).algorithms([Algorithm::ES256])
}

/// The keys of this issuer, without fetching.
pub(super) fn keys_of(issuer: &ForeignIssuer) -> JwksSource {
    JwksSource::fixed(issuer.jwks()).unwrap()
}

/// Makes a user from a token: subject and issuer, and the roles and permissions of the token.
pub(super) fn described(token: &TokenPayload) -> TestUser {
    let roles = token.roles().filter_map(|role| match role {
        "admin" => Some(Role::Admin),
        "user" => Some(Role::User),
        "auditor" => Some(Role::Auditor),
        _ => None,
    });
    TestUser {
        name: format!("{} of {}", token.subject(), token.issuer().unwrap_or("this application")),
        password_hash: None,
        active: true,
        roles: roles.collect(),
        permissions: token.permissions().map(str::to_owned).collect(),
        token_epoch: 0,
    }
}

/// A service without own tokens, whose users are those of the case.
pub(super) fn service<H: Harness>(t: &Probe<H>) -> Trusting<H> {
    service_with(t, |issuer| issuer, |builder| builder)
}

/// The same with settings of the case.
pub(super) fn service_with<H: Harness>(
    t: &Probe<H>,
    trust: impl FnOnce(TrustedIssuer) -> TrustedIssuer,
    options: impl FnOnce(Builder) -> Builder,
) -> Trusting<H> {
    let issuer = ForeignIssuer::new(ISSUER);
    let trusted = trust(trusted(&issuer, keys_of(&issuer)));
    let builder = AuthProvider::resource_server(trusted).user_loader(t.users.user_loader());
    Trusting::new(t, issuer, options(builder))
}

/// The same with fetched keys.
pub(super) fn service_fetching<H: Harness>(t: &Probe<H>, keys: JwksSource) -> Trusting<H> {
    let issuer = ForeignIssuer::new(ISSUER);
    let trusted = trusted(&issuer, keys);
    let builder = AuthProvider::resource_server(trusted).user_loader(t.users.user_loader());
    Trusting::new(t, issuer, builder)
}

/// The same with keys fetched from a server that has them.
pub(super) fn service_with_server<H: Harness>(t: &Probe<H>) -> (Trusting<H>, PublishedKeys) {
    let server = PublishedKeys::of(&ForeignIssuer::new(ISSUER));
    (service_fetching(t, server.source()), server)
}

/// An application with own tokens, sessions and revocations that also trusts the issuer.
pub(super) fn beside_own<H: Harness>(t: &Probe<H>) -> Trusting<H> {
    beside_own_with(t, |builder| builder)
}

/// The same with settings of the case.
pub(super) fn beside_own_with<H: Harness>(
    t: &Probe<H>,
    options: impl FnOnce(Builder) -> Builder,
) -> Trusting<H> {
    let issuer = ForeignIssuer::new(ISSUER);
    let builder = provider_with(config(), &t.users)
        .trusted_issuer(trusted(&issuer, keys_of(&issuer)))
        .foreign_user_loader(t.users.user_loader());
    Trusting::new(t, issuer, options(builder))
}

/// A second trusted issuer, and the function that adds it to a builder.
pub(super) fn second_issuer() -> (ForeignIssuer, impl FnOnce(Builder) -> Builder) {
    let issuer = ForeignIssuer::new(OTHER_ISSUER);
    let trusted = trusted(&issuer, keys_of(&issuer));
    (issuer, |builder: Builder| builder.trusted_issuer(trusted))
}

/// An application with own tokens that also trusts two issuers.
pub(super) fn with_two<H: Harness>(t: &Probe<H>) -> (Trusting<H>, ForeignIssuer) {
    let (other, trust) = second_issuer();
    (beside_own_with(t, trust), other)
}

/// The transports of an application for browsers and programs.
pub(super) fn sites(builder: Builder) -> Builder {
    builder.transport(BearerTransport::new()).transport(CookieTransport::new())
}

/// A valid token of any issuer, from the start of the clock.
pub(super) fn of(issuer: &ForeignIssuer, subject: &str) -> String {
    issuer.token(subject, ManualClock::START).sign()
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

impl<H: Harness> Trusting<H> {
    pub(super) fn new(t: &Probe<H>, issuer: ForeignIssuer, builder: Builder) -> Self {
        let events = RecordedEvents::new();
        let builder = builder.danger_share_application().clock(t.clock.clone()).events(events.clone());
        Self { app: t.with_auth(&builder.build().unwrap()), issuer, events }
    }

    /// A valid token of the issuer, from now.
    pub(super) fn token(&self, subject: &str) -> ForeignToken {
        self.issuer.token(subject, self.app.clock.now().unwrap())
    }

    /// Asserts that the token opens routes for users.
    #[track_caller]
    pub(super) fn opens(&self, token: impl AsRef<str>) -> Seen {
        let seen = self.app.get("/guards/user").bearer(token).send();
        seen.is(200).lacks("www-authenticate");
        seen
    }

    /// Asserts that the token is refused, also where the user is optional, with this reason in the
    /// log.
    #[track_caller]
    pub(super) fn refuses(&self, token: impl AsRef<str>, reason: &str) {
        self.events.clear();
        let seen = self.app.get("/guards/user").bearer(&token).send();
        seen.refused(401, "invalid_token").lacks("retry-after");
        self.app.get("/maybe").bearer(&token).send_to_framework().refused(401, "invalid_token");
        let refusals = self.events.of(EventKind::RequestRefused);
        let reasons: Vec<_> = refusals.iter().filter_map(|event| event.reason.as_deref()).collect();
        assert_eq!(reasons, [reason; 3], "{}", seen.response.text());
    }

    /// Asserts that the token cannot be verified: it is neither accepted, nor called invalid, nor
    /// treated as none.
    #[track_caller]
    pub(super) fn cannot_tell(&self, token: impl AsRef<str>) {
        for path in ["/guards/user", "/maybe"] {
            let seen = self.app.get(path).bearer(&token).send();
            seen.refused(503, "unavailable").has("retry-after", "5").lacks("www-authenticate");
        }
    }
}
