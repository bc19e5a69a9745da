//! Which documents are published, and which settings are refused.

use serde_json::{Value, json};

use super::{PublishedMetadata, ResourceMetadata};
use crate::error::ConfigError;

const ISSUER: &str = "https://login.example.com";

fn publish(metadata: ResourceMetadata) -> Result<PublishedMetadata, ConfigError> {
    metadata.publish([ISSUER.to_owned()], &["header"])
}

fn at(resource: &str) -> Result<(String, String), ConfigError> {
    publish(ResourceMetadata::new(resource))
        .map(|published| (published.path().into(), published.url().into()))
}

fn document(metadata: ResourceMetadata) -> Value {
    serde_json::from_slice(publish(metadata).unwrap().reply().body_bytes()).unwrap()
}

#[test]
fn the_path_of_the_resource_follows_the_well_known_one() {
    // RFC 9728 section 3.1.
    for (resource, path, url) in [
        (
            "https://api.example.com",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com/",
            "/.well-known/oauth-protected-resource",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com:8443/v1/mcp",
            "/.well-known/oauth-protected-resource/v1/mcp",
            "https://api.example.com:8443/.well-known/oauth-protected-resource/v1/mcp",
        ),
        (
            "http://127.0.0.1:3000/mcp",
            "/.well-known/oauth-protected-resource/mcp",
            "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp",
        ),
        (
            "http://[::1]:3000",
            "/.well-known/oauth-protected-resource",
            "http://[::1]:3000/.well-known/oauth-protected-resource",
        ),
    ] {
        assert_eq!(at(resource), Ok((path.to_owned(), url.to_owned())), "{resource}");
        assert_eq!(document(ResourceMetadata::new(resource))["resource"], resource);
    }
}

#[test]
fn an_identifier_that_clients_could_write_in_another_way_is_refused() {
    for resource in [
        "",
        "api.example.com",
        "/mcp",
        "ftp://api.example.com",
        "http://api.example.com",
        "HTTPS://api.example.com",
        "https://API.example.com",
        "https://api.example.com:443",
        "http://localhost:80",
        "https://",
        "https:///mcp",
        "https://user@api.example.com",
        "https://api.example.com/mcp?tenant=1",
        "https://api.example.com/mcp#top",
        "https://api.example.com/mcp/",
        "https://api.example.com//mcp",
        "https://api.example.com/a/../mcp",
        "https://api.example.com/{tenant}",
        "https://api.example.com/a%2Fb",
        "https://api.example.com/a:b",
        "https://api.example.com/\"",
        "https://api.exämple.com",
    ] {
        assert_eq!(at(resource).unwrap_err().field(), "resource_metadata", "{resource}");
    }
    let long = format!("https://api.example.com/{}", "a".repeat(1000));
    assert!(at(&long).is_ok());
    assert!(at(&format!("{long}{}", "a".repeat(100))).is_err());
    let plain = ResourceMetadata::new("http://api.internal").danger_allow_http();
    assert!(publish(plain).is_ok());
}

#[test]
fn the_document_names_what_was_said_and_nothing_else() {
    assert_eq!(
        document(ResourceMetadata::new("https://api.example.com")),
        json!({
            "resource": "https://api.example.com",
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        })
    );
    let all = ResourceMetadata::new("https://api.example.com/mcp")
        .authorization_server("https://a.example/realms/shop")
        .authorization_server("https://b.example")
        .scopes_supported(["orders:read", "orders:write"])
        .name("The \"shop\"")
        .documentation("https://docs.example.com/api?v=1")
        .policy("https://example.com/policy")
        .terms_of_service("https://example.com/terms");
    assert_eq!(
        document(all),
        json!({
            "resource": "https://api.example.com/mcp",
            "authorization_servers": ["https://a.example/realms/shop", "https://b.example"],
            "scopes_supported": ["orders:read", "orders:write"],
            "bearer_methods_supported": ["header"],
            "resource_name": "The \"shop\"",
            "resource_documentation": "https://docs.example.com/api?v=1",
            "resource_policy_uri": "https://example.com/policy",
            "resource_tos_uri": "https://example.com/terms",
        })
    );
}

#[test]
fn what_clients_could_not_use_is_refused() {
    let new = || ResourceMetadata::new("https://api.example.com");
    let field = |metadata: ResourceMetadata| publish(metadata).unwrap_err().field();
    assert_eq!(new().publish([], &["header"]).unwrap_err().field(), "authorization_server");
    for issuer in [
        "",
        "login.example.com",
        "http://login.example.com",
        "https://login.example.com?x=1",
        "https://login.example.com/\"",
        "https://user:password@login.example.com",
        "javascript:alert(1)",
    ] {
        assert_eq!(field(new().authorization_server(issuer)), "authorization_server", "{issuer}");
    }
    assert_eq!(field(new().scopes_supported(["a b"])), "scopes_supported");
    assert_eq!(field(new().scopes_supported([""])), "scopes_supported");
    assert_eq!(field(new().scopes_supported((0..101).map(|n| format!("s{n}")))), "resource_metadata");
    assert!(publish(new().scopes_supported((0..100).map(|n| format!("s{n}")))).is_ok());
    assert_eq!(field(new().name(" ")), "name");
    assert_eq!(field(new().documentation("docs")), "documentation");
    assert_eq!(field(new().policy("http://example.com/policy")), "policy");
    assert_eq!(field(new().terms_of_service("javascript://x/%0aalert(1)")), "terms_of_service");
}
