//! A service that trusts one issuer, with everything around it that a test may turn.

use fauth_core::{
    AuthProvider, AuthProviderBuilder, Granted, Rejection, Requirement, TokenPayload,
    rejection::InvalidToken,
    remote::JwksSource,
    token::{Algorithm, TokenError},
    trusted_issuer::{ClaimMapping, TrustedIssuer},
};
use fauth_testing::{
    FOREIGN_AUDIENCE, ForeignIssuer, ForeignToken, ManualClock, PublishedKeys, TestUser, WireRequest,
    memory_store,
};

pub(crate) const ISSUER: &str = "https://login.example.com";

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) issuer: ForeignIssuer,
    pub(crate) keys: PublishedKeys,
    pub(crate) auth: AuthProvider<TestUser>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::trusting(|issuer| issuer)
    }

    /// With other settings of the issuer.
    pub(crate) fn trusting(change: impl FnOnce(TrustedIssuer) -> TrustedIssuer) -> Self {
        Self::with(change, |builder| builder)
    }

    /// With keys that never grow old, for tests in which the clock jumps.
    pub(crate) fn fixed(change: impl FnOnce(TrustedIssuer) -> TrustedIssuer) -> Self {
        let keys = JwksSource::fixed(ForeignIssuer::new(ISSUER).jwks()).unwrap();
        let issuer =
            TrustedIssuer::new(ISSUER, keys).audience(FOREIGN_AUDIENCE).algorithms([Algorithm::ES256]);
        Self::trusting(|_| change(issuer))
    }

    /// With other settings of both.
    pub(crate) fn with(
        change: impl FnOnce(TrustedIssuer) -> TrustedIssuer,
        options: impl FnOnce(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let (clock, issuer) = (ManualClock::new(), ForeignIssuer::new(ISSUER));
        let keys = PublishedKeys::of(&issuer);
        let builder = AuthProvider::resource_server(change(trusted(&keys, &issuer)))
            .danger_share_application()
            .revocation_store(memory_store())
            .user_from_claims(user)
            .clock(clock.clone());
        let auth = options(builder).build().unwrap();
        Self { clock, issuer, keys, auth }
    }

    /// A good token for this subject.
    pub(crate) fn token(&self, subject: &str) -> ForeignToken {
        self.issuer.token(subject, now(&self.clock))
    }

    pub(crate) async fn enter(&self, token: &str) -> Result<Granted<TestUser>, Rejection> {
        enter(&self.auth, token).await
    }

    /// Why the token is refused as an invalid one.
    #[track_caller]
    pub(crate) fn reason(outcome: Result<Granted<TestUser>, Rejection>) -> TokenError {
        match outcome {
            Err(Rejection::InvalidToken(InvalidToken::Token(error))) => error,
            other => panic!("not an invalid token: {other:?}"),
        }
    }
}

pub(crate) fn trusted(keys: &PublishedKeys, issuer: &ForeignIssuer) -> TrustedIssuer {
    keys.trusted(issuer).claims(ClaimMapping::new().roles("roles").permissions("permissions"))
}

pub(crate) fn now(clock: &ManualClock) -> fauth_core::clock::Timestamp {
    fauth_core::clock::Clock::now(clock).unwrap()
}

/// The user that a token of another issuer describes.
pub(crate) fn user(token: &TokenPayload) -> TestUser {
    let roles = token.roles().filter_map(|role| match role {
        "admin" => Some(fauth_testing::Role::Admin),
        "user" => Some(fauth_testing::Role::User),
        _ => None,
    });
    TestUser {
        name: format!("{} of {}", token.subject(), token.issuer().unwrap()),
        password_hash: None,
        active: true,
        roles: roles.collect(),
        permissions: token.permissions().map(str::to_owned).collect(),
        token_epoch: 0,
    }
}

pub(crate) async fn enter(
    auth: &AuthProvider<TestUser>,
    token: &str,
) -> Result<Granted<TestUser>, Rejection> {
    let head = WireRequest::get("/").bearer(token);
    auth.check(auth.read(&head), &Requirement::user()).await
}
