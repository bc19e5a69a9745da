//! What a provider with other issuers is built from, and what is refused.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, ConfigError, CsrfTokens, MemoryStore, Purpose, Rejection,
    api_key::ApiKeyRequest,
    rejection::Misconfigured,
    remote::JwksSource,
    routes::Endpoint,
    token::{Algorithm, IssueError},
    transport::CookieTransport,
    trusted_issuer::TrustedIssuer,
};
use fauth_testing::{FOREIGN_AUDIENCE, ForeignIssuer, ManualClock, TestUser, Users, provider};

use crate::support::{ISSUER, World, user};

fn source() -> JwksSource {
    JwksSource::fixed(ForeignIssuer::new(ISSUER).jwks()).unwrap()
}

fn issuer() -> TrustedIssuer {
    TrustedIssuer::new(ISSUER, source()).audience(FOREIGN_AUDIENCE).algorithms([Algorithm::ES256])
}

fn server(issuer: TrustedIssuer) -> AuthProviderBuilder<TestUser> {
    AuthProvider::resource_server(issuer)
        .danger_share_application()
        .user_from_claims(user)
        .clock(ManualClock::new())
}

#[track_caller]
fn refused(builder: AuthProviderBuilder<TestUser>, field: &str) -> ConfigError {
    let Err(error) = builder.build() else { panic!("built, in spite of `{field}`") };
    assert_eq!(error.field(), field, "{error}");
    error
}

#[test]
fn a_resource_server_needs_no_secret_and_no_store() {
    let auth = server(issuer()).build().unwrap();
    assert_eq!(Endpoint::of(&auth).count(), 0, "nothing of a login is there");
    assert!(!auth.has_password_login() && !auth.has_sessions());
}

#[test]
fn every_setting_of_an_issuer_is_checked() {
    let with = |change: fn(TrustedIssuer) -> TrustedIssuer| server(change(issuer()));
    refused(server(TrustedIssuer::new(ISSUER, source()).algorithms([Algorithm::ES256])), "audience");
    refused(server(TrustedIssuer::new(ISSUER, source()).audience("a")), "algorithms");
    refused(with(|issuer| issuer.audience(" ")), "audience");
    let error = refused(with(|issuer| issuer.algorithms([Algorithm::HS256])), "algorithms");
    assert!(error.problem().contains("HS256"), "{error}");
    refused(with(|issuer| issuer.leeway(Duration::from_secs(301))), "leeway");
    refused(with(|issuer| issuer.expiry_leeway(Duration::from_secs(301))), "expiry_leeway");
    refused(with(|issuer| issuer.max_lifetime(Duration::ZERO)), "max_lifetime");
    refused(with(|issuer| issuer.max_lifetime(Duration::from_secs(367 * 86_400))), "max_lifetime");
    refused(with(|issuer| issuer.require_claim("", "x")), "require_claim");
}

#[test]
fn an_issuer_is_an_https_url() {
    let named =
        |name: &str| server(TrustedIssuer::new(name, source()).audience("a").algorithms([Algorithm::ES256]));
    for name in
        ["", "login.example.com", "http://login.example.com", "https://a.example/?x", "https://a.example#x"]
    {
        refused(named(name), "trusted_issuer");
    }
    for name in ["https://login.example.com/realms/shop", "http://localhost:8080", "http://127.0.0.1"] {
        assert!(named(name).build().is_ok(), "{name}");
    }
    let plain = TrustedIssuer::new("http://login.internal", source())
        .audience("a")
        .algorithms([Algorithm::ES256])
        .danger_allow_http();
    assert!(server(plain).build().is_ok());
}

#[test]
fn nobody_is_two_issuers() {
    refused(server(issuer()).trusted_issuer(issuer()), "trusted_issuer");
    let config = AuthConfig::builder().secret(fauth_testing::SECRET).issuer(ISSUER).audience("a");
    let own = fauth_testing::provider_with(config.build().unwrap(), &Users::new()).trusted_issuer(issuer());
    let error = refused(own, "trusted_issuer");
    assert!(error.problem().contains(ISSUER), "{error}");
}

#[test]
fn without_own_tokens_nothing_of_them_is_set() {
    refused(server(issuer()).identity_loader(Users::new().identity_loader()), "identity_loader");
    refused(server(issuer()).csrf_tokens(CsrfTokens::new()), "csrf_tokens");
    refused(server(issuer()).transport(CookieTransport::new()), "transport");
    refused(server(issuer()).store(MemoryStore::new()), "store");
    refused(server(issuer()).session_store(MemoryStore::new()), "store");
    let error = refused(server(issuer()).api_key_store(MemoryStore::new()), "store_secret");
    assert!(error.fix().contains("store_secret"), "{error}");
    assert!(server(issuer()).revocation_store(MemoryStore::new()).build().is_ok());
    for (field, config) in [
        ("secret", AuthConfig::without_own_tokens().secret(fauth_testing::SECRET)),
        ("issuer", AuthConfig::without_own_tokens().issuer("https://a.example")),
        ("audience", AuthConfig::without_own_tokens().audience("a")),
        ("lifetime", AuthConfig::without_own_tokens().lifetime(Purpose::Access, Duration::from_secs(60))),
    ] {
        assert_eq!(config.build().unwrap_err().field(), field);
    }
    let nobody: AuthProviderBuilder<TestUser> =
        AuthProvider::builder(AuthConfig::without_own_tokens().build().unwrap());
    refused(nobody, "trusted_issuer");
}

#[test]
fn somebody_makes_the_users() {
    let bare = || AuthProvider::<TestUser>::resource_server(issuer()).danger_share_application();
    refused(bare(), "user_loader");
    assert!(bare().user_loader(Users::new().user_loader()).build().is_ok());
    refused(provider().user_from_claims(user), "user_from_claims");
    let keys = AuthConfig::without_own_tokens().store_secret(fauth_testing::SECRET).build().unwrap();
    let with_keys = || {
        AuthProvider::builder(keys.clone())
            .trusted_issuer(issuer())
            .danger_share_application()
            .api_key_store(MemoryStore::new())
            .user_from_claims(user)
    };
    refused(with_keys(), "user_loader");
    assert!(with_keys().user_loader(Users::new().user_loader()).build().is_ok());
}

/// `alice` of another issuer is not the own `alice`, so that whoever knows own users is not asked.
#[test]
fn beside_own_tokens_somebody_says_who_the_users_of_others_are() {
    let beside = || provider().trusted_issuer(issuer());
    let error = refused(beside(), "foreign_user_loader");
    assert!(error.fix().contains("user_from_claims"), "{error}");
    let users = Users::new();
    let loader = || users.user_loader();
    assert!(beside().foreign_user_loader(loader()).build().is_ok());
    assert!(beside().shared_foreign_user_loader(Arc::new(loader())).build().is_ok());
    assert!(beside().user_from_claims(user).build().is_ok());
    refused(provider().foreign_user_loader(loader()), "foreign_user_loader");
    // Without own tokens either does.
    let bare = || AuthProvider::<TestUser>::resource_server(issuer()).danger_share_application();
    assert!(bare().foreign_user_loader(loader()).build().is_ok());
    assert!(bare().user_loader(loader()).foreign_user_loader(loader()).build().is_ok());
}

#[tokio::test]
async fn what_would_issue_says_that_it_cannot() {
    let world = World::new();
    let error = world.auth.issue(Purpose::Access, "alice").await.unwrap_err();
    assert!(matches!(error, IssueError::NoOwnTokens), "{error}");
    let rejected = world.auth.login("alice").await.unwrap_err();
    assert_eq!(rejected, Rejection::Misconfigured(Misconfigured::NoOwnTokens));
    let key = world.auth.danger_create_api_key_for("alice", ApiKeyRequest::new("x")).await;
    assert!(key.is_err());
    // Nothing is an own token.
    let own = provider().build().unwrap().issue(Purpose::Access, "alice").await.unwrap();
    assert!(world.auth.verify_signature_and_claims(own.expose(), Purpose::Access).is_err());
    let token = world.token("alice").sign();
    assert!(world.auth.verify_signature_and_claims(&token, Purpose::Access).is_err(), "it is for own tokens");
}

#[tokio::test]
async fn a_resource_server_may_have_api_keys_of_its_own() {
    let config = AuthConfig::without_own_tokens().store_secret(fauth_testing::SECRET).build().unwrap();
    let auth: AuthProvider<TestUser> = AuthProvider::builder(config)
        .trusted_issuer(issuer())
        .danger_share_application()
        .api_key_store(MemoryStore::new())
        .user_loader(Users::new().user_loader())
        .clock(ManualClock::new())
        .build()
        .unwrap();
    let key =
        auth.danger_create_api_key_for("alice", ApiKeyRequest::new("x").scopes(["read"])).await.unwrap();
    let requirement = fauth_core::Requirement::user().scopes(["read"]);
    let granted = auth.authenticate_token(key.expose(), &requirement).await.unwrap();
    assert_eq!((granted.user().name.as_str(), granted.payload().issuer()), ("alice", None));
}

/// A source that was made for another issuer is not that of this one.
#[test]
fn discovery_is_of_the_same_issuer() {
    let keys = fauth_testing::PublishedKeys::of(&ForeignIssuer::new(ISSUER));
    let discovered = JwksSource::discover("https://other.example.com", keys).unwrap();
    let issuer = TrustedIssuer::new(ISSUER, discovered).audience("a").algorithms([Algorithm::ES256]);
    refused(server(issuer), "issuer");
}
