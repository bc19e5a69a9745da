//! What a resource server has already: metadata, descriptions of the interface, audits, health.

use fauth_core::{AuthConfig, Guard, Requirement, ResourceMetadata, mounts::Mounts, rejection::ProblemJson};
use fauth_testing::{WireRequest, WireResponse};

use crate::support::{ISSUER, World};

#[tokio::test]
async fn metadata_of_the_resource_name_the_issuer() {
    let metadata = ResourceMetadata::new("https://api.example.com");
    let world = World::with(|mandates| mandates, |provider| provider.resource_metadata(metadata));
    let mounts = Mounts::of(&world.auth);
    let mount = mounts.iter().find(|mount| mount.path().contains("oauth-protected-resource")).unwrap();
    let head = WireRequest::get(mount.path());
    let reply: WireResponse =
        mount.read(&world.auth, &head, Ok(b"")).answer(&world.auth).await.unwrap().into();
    assert_eq!(reply.json()["authorization_servers"], serde_json::json!([ISSUER]));
    let refused = world.enter("x").await.unwrap_err();
    let challenge = world.answer(&refused).header("www-authenticate").concat();
    assert!(challenge.contains("resource_metadata="), "{challenge}");
}

#[cfg(feature = "openapi")]
#[test]
fn guards_are_described_with_what_they_answer() {
    let world = World::new();
    let asked = Requirement::user().scopes(["billing:payout"]).delegation();
    let mut operation = serde_json::json!({});
    fauth_core::openapi::Security::of(&Guard::new(&world.auth, asked), "POST").stamp(&mut operation);
    let text = operation.to_string();
    assert!(
        text.contains("billing:payout") && text.contains("error_hint") || text.contains("MandateError"),
        "{text}"
    );
    assert!(operation["responses"]["403"].is_object() && operation["responses"]["503"].is_object(), "{text}");
}

#[tokio::test]
async fn other_forms_of_refusals_can_be_chosen() {
    let world = World::with(|mandates| mandates, |provider| provider.renderer(ProblemJson::new()));
    let refused =
        world.pass(&world.mandate("alice").sign(), &Requirement::user().delegation()).await.unwrap_err();
    let answer = world.answer(&refused);
    assert_eq!(answer.header("content-type"), ["application/problem+json"]);
    assert_eq!(answer.json()["error"], "delegation_required");
    let plain = World::new().answer(&refused);
    assert_eq!(plain.header("content-type"), ["application/json"]);
    assert_eq!(plain.json()["error"], "delegation_required");
}

#[tokio::test(start_paused = true)]
async fn health_and_warm_up_are_those_of_the_keys() {
    let world = World::new();
    world.auth.warm_up().await.unwrap();
    let health = world.auth.health();
    assert_eq!(health.key_sources.len(), 1);
    let down = World::new();
    down.server.go_down();
    assert!(down.auth.warm_up().await.is_err());
}

#[tokio::test]
async fn settings_of_the_provider_can_be_given() {
    let config = AuthConfig::without_own_tokens().realm("billing").build().unwrap();
    let world = World::of(|mandates| mandates.config(config));
    let refused = world.enter("x").await.unwrap_err();
    assert!(
        world.answer(&refused).header("www-authenticate").concat().starts_with("Bearer realm=\"billing\"")
    );
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
}

/// Nothing of a login is there, and guards need nothing of it.
#[test]
fn there_is_nothing_to_log_in_with() {
    let world = World::new();
    assert!(!world.auth.has_password_login());
    let access = Guard::new(&world.auth, Requirement::user().delegation()).access().to_string();
    assert!(access.contains("delegat"), "{access}");
}
