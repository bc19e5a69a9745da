//! Each preset accepts the access tokens of its issuer, and nothing else that it signs.

use fauth_core::{
    token::TokenError,
    trusted_issuer::{ClaimMapping, TrustedIssuer},
};
use serde_json::json;

use super::support::{Documents, Recorded, Service};

/// What holds for all of them. `audience` is another one that the issuer might write.
async fn is_strict(recorded: &Recorded, service: &Service) {
    assert!(service.ask(&recorded.token().sign()).await.is_ok());
    assert_eq!(service.fault(&recorded.token().forge()).await, TokenError::BadSignature);
    for (claim, name) in [("sub", "sub"), ("exp", "exp"), ("iat", "iat")] {
        let token = recorded.token_with(&json!({ claim: null })).sign();
        assert_eq!(service.fault(&token).await, TokenError::MissingClaim(name));
    }
    let bound =
        recorded.token_with(&json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }));
    assert!(service.ask(&bound.sign()).await.is_err(), "a bound token sent as a plain one");
    let elsewhere = recorded.token_with(&json!({ "aud": "https://other.example", "client_id": "other" }));
    assert_eq!(service.fault(&elsewhere.sign()).await, TokenError::WrongAudience);
    let other_issuer = recorded.token_with(&json!({ "iss": "https://login.evil.example/" }));
    assert!(service.ask(&other_issuer.sign()).await.is_err());
    let now = recorded.now().unix_seconds();
    let expired = |ago: i64| recorded.token_with(&json!({ "iat": now - 600, "exp": now - ago })).sign();
    assert!(service.ask(&expired(59)).await.is_ok());
    assert_eq!(service.fault(&expired(60)).await, TokenError::Expired);
}

#[tokio::test]
async fn keycloak() {
    let recorded = Recorded::new(include_str!("documents/keycloak.json"));
    let preset = |fetch| TrustedIssuer::keycloak("https://login.example.com/realms/shop", "shop-api", fetch);
    let service = recorded.service(preset);
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.issuer, "https://login.example.com/realms/shop");
    assert_eq!(alice.subject, "5f7c2b1e-6d3a-4a8e-9b67-3f1f3b8f2a10");
    assert_eq!(
        alice.roles,
        ["default-roles-shop", "offline_access", "uma_authorization", "keeper", "auditor"],
        "those of the realm and of this client, none of `account`"
    );
    assert_eq!(alice.scopes, ["openid", "profile", "email"]);
    assert_eq!(service.documents.asked().len(), 2, "{:?}", service.documents.asked());

    // The client may be told to write the type of RFC 9068.
    let typed = recorded.token().header_text(r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#);
    service.let_in(&typed).await;
    for kind in ["ID", "Refresh", "Offline", "Logout", "DPoP", ""] {
        let token = recorded.token_with(&json!({ "typ": kind })).sign();
        assert!(service.ask(&token).await.is_err(), "{kind}");
    }
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    assert!(service.ask(&recorded.token_with(&json!({ "typ": null })).sign()).await.is_err());
    // Without the mapper of the audience.
    let token = recorded.token_with(&json!({ "aud": "account" })).sign();
    assert_eq!(service.fault(&token).await, TokenError::WrongAudience);
    let token = recorded.token_with(&json!({ "realm_access": { "roles": "all of them" } }));
    assert_eq!(service.let_in(&token).await.roles, ["all", "of", "them", "keeper", "auditor"]);
    let token = recorded.token_with(&json!({ "realm_access": ["keeper"] })).sign();
    assert_eq!(service.fault(&token).await, TokenError::InvalidClaim("roles"));
    let token = recorded.token_with(&json!({ "realm_access": null, "resource_access": null }));
    assert_eq!(service.let_in(&token).await.roles, [""; 0]);
    is_strict(&recorded, &service).await;
}

/// Whoever administers the realm need not be who gives out the roles of the service.
#[tokio::test]
async fn keycloak_with_the_roles_of_the_client_alone() {
    let recorded = Recorded::new(include_str!("documents/keycloak.json"));
    let service = recorded.service(|fetch| {
        let issuer = TrustedIssuer::keycloak("https://login.example.com/realms/shop", "shop-api", fetch)?;
        Ok(issuer.claims(ClaimMapping::new().roles_of_client("shop-api").role_prefix("keycloak:")))
    });
    assert_eq!(service.let_in(&recorded.token()).await.roles, ["keycloak:keeper", "keycloak:auditor"]);
}

#[tokio::test]
async fn auth0() {
    let recorded = Recorded::new(include_str!("documents/auth0.json"));
    let preset = |fetch| TrustedIssuer::auth0("shop.eu.auth0.com", "https://api.example.com/", fetch);
    let service = recorded.service(preset);
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.issuer, "https://shop.eu.auth0.com/", "with the slash at its end");
    assert_eq!(alice.subject, "auth0|64b2f0d3c1a9e8f7a6b5c4d3");
    assert_eq!(alice.permissions, ["orders:read", "orders:cancel"]);
    assert_eq!(alice.scopes, ["openid", "profile", "orders:read"]);
    assert_eq!(alice.roles, [""; 0]);

    // The form of RFC 9068.
    let claims = json!({ "azp": null, "client_id": "qGx2v7Jd8Yk3Lm5Np9Rt1Wz4Bc6Hf0Ks", "jti": "73WakrfVbNJBaAmhQtEeDv" });
    let typed = recorded.token_with(&claims).header_text(r#"{"alg":"ES256","typ":"at+jwt","kid":"key-1"}"#);
    service.let_in(&typed).await;
    let id_token = recorded.token_with(recorded.other_kind()).sign();
    assert_eq!(service.fault(&id_token).await, TokenError::WrongAudience);
    // A program.
    let claims = json!({ "sub": "Zk3@clients", "gty": "client-credentials", "scope": "orders:read", "aud": "https://api.example.com/" });
    assert_eq!(service.let_in(&recorded.token_with(&claims)).await.subject, "Zk3@clients");
    is_strict(&recorded, &service).await;

    let service = recorded.service(|fetch| {
        let mapping = ClaimMapping::new().roles("https://shop.example.com/roles");
        Ok(preset(fetch)?.claims(mapping))
    });
    assert_eq!(service.let_in(&recorded.token()).await.roles, ["keeper"]);
}

const TENANT: &str = "1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b";

#[tokio::test]
async fn entra() {
    let recorded = Recorded::new(include_str!("documents/entra.json"));
    let service =
        recorded.service(|fetch| TrustedIssuer::entra(TENANT, "6e74172b-be56-4843-9ff4-e66a39bb12e3", fetch));
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.subject, "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ");
    assert_eq!(alice.roles, ["Orders.Keeper"]);
    assert_eq!(alice.scopes, ["Orders.Read", "Orders.Write"]);

    // The same application may be the API and its page: then this is the audience of ID tokens too.
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    for change in [
        json!({ "ver": "1.0" }),
        json!({ "tid": "00000000-0000-0000-0000-000000000000" }),
        json!({ "tid": null }),
    ] {
        assert!(service.ask(&recorded.token_with(&change).sign()).await.is_err(), "{change}");
    }
    // A program has roles and no scopes.
    let program = service.let_in(&recorded.token_with(&json!({ "scp": null, "idtyp": "app" }))).await;
    assert_eq!((program.roles, program.scopes), (vec!["Orders.Keeper".to_owned()], Vec::new()));
    is_strict(&recorded, &service).await;
}

#[tokio::test]
async fn entra_of_version_1() {
    let recorded = Recorded::new(include_str!("documents/entra_v1.json"));
    let service = recorded.service(|fetch| TrustedIssuer::entra_v1(TENANT, "api://shop", fetch));
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.issuer, format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!((alice.roles, alice.scopes), (vec!["Orders.Keeper".into()], vec!["Orders.Read".into()]));
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    assert!(service.ask(&recorded.token_with(&json!({ "ver": "2.0" })).sign()).await.is_err());
    is_strict(&recorded, &service).await;
}

#[tokio::test]
async fn cognito() {
    let recorded = Recorded::new(include_str!("documents/cognito.json"));
    let client = "5k2p7v9qj1m3s8d4f6g0h2j4k6";
    let service = recorded.service(|fetch| TrustedIssuer::cognito("eu-west-1_AbCdEf123", client, fetch));
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.roles, ["keepers", "admin"]);
    assert_eq!(alice.scopes, ["phone", "openid", "shop/orders.read"]);

    // An ID token has the client as its audience.
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    assert!(service.ask(&recorded.token_with(&json!({ "token_use": null })).sign()).await.is_err());
    let other = recorded.token_with(&json!({ "client_id": "another-client" })).sign();
    assert_eq!(service.fault(&other).await, TokenError::WrongAudience);
    assert!(service.ask(&recorded.token_with(&json!({ "client_id": null })).sign()).await.is_err());
    // Who has asked for a resource gets a token for that alone.
    let bound = recorded.token_with(&json!({ "aud": "https://other.example" })).sign();
    assert_eq!(service.fault(&bound).await, TokenError::WrongAudience);
    let bound = recorded.token_with(&json!({ "aud": "https://api.example.com" }));
    let service = recorded.service(|fetch| {
        let issuer = TrustedIssuer::cognito("eu-west-1_AbCdEf123", client, fetch)?;
        Ok(issuer.audience("https://api.example.com"))
    });
    service.let_in(&bound).await;
    is_strict(&recorded, &service).await;
}

#[tokio::test]
async fn google_between_services() {
    let recorded = Recorded::new(include_str!("documents/google.json"));
    let service =
        recorded.service(|fetch| TrustedIssuer::google("https://orders-abcdefghij-ew.a.run.app", fetch));
    let caller = service.let_in(&recorded.token()).await;
    assert_eq!(caller.subject, "112233445566778899001");
    assert_eq!((caller.roles, caller.permissions, caller.scopes), (vec![], vec![], vec![]));
    // What a page of somebody got.
    let id_token = recorded.token_with(recorded.other_kind()).sign();
    assert!(service.ask(&id_token).await.is_err());
    is_strict(&recorded, &service).await;
}

#[tokio::test]
async fn google_for_pages_is_a_danger_by_name() {
    let recorded = Recorded::new(include_str!("documents/google.json"));
    let client = "1234567890-abc123def456.apps.googleusercontent.com";
    let service = recorded.service(|fetch| {
        Ok(TrustedIssuer::danger_google_sign_in(client, fetch)?.require_claim("hd", "example.com"))
    });
    let alice = service.let_in(&recorded.token_with(recorded.other_kind())).await;
    assert_eq!(alice.subject, "10769150350006150715113082367");
    let mut elsewhere = recorded.other_kind().clone();
    elsewhere["hd"] = json!("evil.example");
    assert!(service.ask(&recorded.token_with(&elsewhere).sign()).await.is_err());
    assert!(service.ask(&recorded.token().sign()).await.is_err(), "one for a service");
}

#[tokio::test]
async fn okta() {
    let recorded = Recorded::new(include_str!("documents/okta.json"));
    let service = recorded
        .service(|fetch| TrustedIssuer::okta("https://shop.okta.com/oauth2/default", "api://default", fetch));
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.subject, "alice@example.com");
    assert_eq!(alice.roles, ["Everyone", "Keepers"]);
    assert_eq!(alice.scopes, ["openid", "orders:read"]);
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    is_strict(&recorded, &service).await;
}

#[tokio::test]
async fn rauthy() {
    let recorded = Recorded::new(include_str!("documents/rauthy.json"));
    let service = recorded
        .service(|fetch| TrustedIssuer::rauthy("https://login.example.com/auth/v1/", "shop-api", fetch));
    let alice = service.let_in(&recorded.token()).await;
    assert_eq!(alice.roles, ["keeper", "user"]);
    assert_eq!(alice.scopes, ["openid", "profile", "groups"]);
    for kind in ["Id", "Refresh", "DPoP", "logout+jwt"] {
        let token = recorded.token_with(&json!({ "typ": kind })).sign();
        assert!(service.ask(&token).await.is_err(), "{kind}");
    }
    assert!(service.ask(&recorded.token_with(recorded.other_kind()).sign()).await.is_err());
    is_strict(&recorded, &service).await;
}

/// A discovery document that names another issuer is another issuer's.
#[tokio::test]
async fn the_document_must_be_of_the_issuer() {
    let recorded = Recorded::new(include_str!("documents/keycloak.json"));
    let other =
        TrustedIssuer::keycloak("https://login.example.com/realms/other", "shop-api", Documents::none());
    let service = recorded.service(|_| other);
    assert!(service.ask(&recorded.token().sign()).await.is_err());
}
