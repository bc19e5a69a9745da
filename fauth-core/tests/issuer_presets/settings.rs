//! What presets refuse when they are made.

use fauth_core::{ConfigError, trusted_issuer::TrustedIssuer};

use super::support::Documents;

fn field(made: Result<TrustedIssuer, ConfigError>) -> &'static str {
    made.unwrap_err().field()
}

#[test]
fn a_tenant_of_entra_is_an_id() {
    for tenant in [
        "",
        "common",
        "organizations",
        "consumers",
        "shop.onmicrosoft.com",
        "1B4E28BA-2FA1-4D3B-A3F5-EF19B5A7633B",
    ] {
        assert_eq!(field(TrustedIssuer::entra(tenant, "api", Documents::none())), "entra", "{tenant}");
        assert_eq!(field(TrustedIssuer::entra_v1(tenant, "api", Documents::none())), "entra", "{tenant}");
    }
    assert!(TrustedIssuer::entra("1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b", "api", Documents::none()).is_ok());
}

#[test]
fn a_domain_of_auth0_is_a_host() {
    for domain in [
        "",
        "https://shop.eu.auth0.com",
        "shop.eu.auth0.com/",
        "shop",
        "a@shop.eu.auth0.com",
        "SHOP.eu.auth0.com",
    ] {
        assert_eq!(field(TrustedIssuer::auth0(domain, "api", Documents::none())), "auth0", "{domain}");
    }
    assert!(TrustedIssuer::auth0("login.example.com", "api", Documents::none()).is_ok());
}

#[test]
fn a_pool_of_cognito_names_its_region() {
    for pool in ["", "AbCdEf123", "eu-west-1_", "_AbC", "eu-west-1_Ab/C", "eu.west_AbC", "evil_AbC"] {
        assert_eq!(field(TrustedIssuer::cognito(pool, "client", Documents::none())), "cognito", "{pool}");
    }
    assert!(TrustedIssuer::cognito("us-gov-west-1_AbC", "client", Documents::none()).is_ok());
}

#[test]
fn a_client_of_google_is_no_service() {
    let client = "1234567890-abc.apps.googleusercontent.com";
    assert_eq!(field(TrustedIssuer::google(client, Documents::none())), "google");
    assert!(TrustedIssuer::google("https://orders.example.com", Documents::none()).is_ok());
}

#[test]
fn the_server_of_an_organisation_at_okta_is_refused() {
    assert_eq!(
        field(TrustedIssuer::okta("https://shop.okta.com", "https://shop.okta.com", Documents::none())),
        "okta"
    );
    assert!(
        TrustedIssuer::okta("https://shop.okta.com/oauth2/default", "api://default", Documents::none())
            .is_ok()
    );
}

#[test]
fn an_issuer_is_an_https_url() {
    for issuer in
        ["login.example.com", "http://login.example.com/realms/shop", "https://login.example.com/?x"]
    {
        assert!(TrustedIssuer::keycloak(issuer, "shop-api", Documents::none()).is_err(), "{issuer}");
        assert!(TrustedIssuer::rauthy(issuer, "shop-api", Documents::none()).is_err(), "{issuer}");
    }
    assert!(
        TrustedIssuer::keycloak("http://localhost:8080/realms/shop", "shop-api", Documents::none()).is_ok()
    );
}
