//! Whose a mandate is: the principal, and users of the application's own.

use std::{convert::Infallible, sync::Arc};

use fauth_core::{
    AuthUser, BoxError, Principal, Requirement, async_trait,
    mandate::PrincipalLoader,
    token::{MandateUse, SubjectType},
};
use fauth_testing::{MandateIssuer, TestUser, Users};

use crate::support::{ISSUER, World, ZONE};

#[tokio::test]
async fn a_principal_has_everything_that_the_mandate_says() {
    let world = World::new();
    let mandate = world.delegated("alice").claim("jti", "mandate_7").sign();
    let granted = world.enter(&mandate).await.unwrap();
    let principal = granted.user();
    assert_eq!(principal.subject(), "alice");
    assert_eq!(AuthUser::subject(&**principal).as_ref(), "alice");
    assert_eq!(principal.subject_type(), SubjectType::User);
    assert_eq!(principal.client_id(), MandateIssuer::CLIENT);
    assert_eq!((principal.issuer(), principal.zone()), (ISSUER, ZONE));
    assert_eq!(principal.token_id(), "mandate_7");
    assert_eq!(principal.issued_at(), world.now());
    assert_eq!(principal.expires_at().since(world.now()).as_secs(), 900);
    assert_eq!(principal.mandate_use(), MandateUse::Resource);
    assert_eq!((principal.sid(), principal.authority_record_id()), ("sid_1", "sid_1"));
    assert_eq!((principal.root_sid(), principal.root_authority_record_id()), ("root_1", "root_1"));
    assert!(principal.scopes().eq(["billing:read", "billing:payout"]));
    assert!(principal.has_scope("billing:read") && !principal.has_scope("billing"));
    assert!(principal.targets().eq([MandateIssuer::TARGET]));
    assert!(principal.has_target(MandateIssuer::TARGET) && !principal.has_target("https://api.example.com"));
    assert_eq!((principal.agent_session_id(), principal.session_id()), (Some("ags_1"), Some("ags_1")));
    assert_eq!((principal.delegation_edge_id(), principal.delegation_id()), (Some("edge_1"), Some("edge_1")));
    assert_eq!(
        (principal.source_session_id(), principal.target_session_id()),
        (Some("ags_0"), Some("ags_1"))
    );
    assert!(principal.delegation_path().iter().map(|edge| &**edge).eq(["edge_1"]));
    assert!(principal.chain().iter().map(fauth_core::token::Hop::application_id).eq(["app_root", "app_1"]));
    assert!(principal.chain_contains("app_root") && !principal.chain_contains("app"));
    assert_eq!((principal.hop_count(), principal.delegation_graph_epoch()), (1, Some(MandateIssuer::EPOCH)));
    assert_eq!(principal.token().subject(), principal.subject());
    assert!(granted.payload().mandate().is_some());
}

#[tokio::test]
async fn a_mandate_without_a_delegation_says_less() {
    let world = World::new();
    let mandate = world.mandate("app_9").claim("sub_type", "application").without_claim("scope").sign();
    let granted = world.enter(&mandate).await.unwrap();
    let principal = granted.user();
    assert_eq!(principal.subject_type(), SubjectType::Application);
    assert_eq!(principal.scopes().count() + principal.targets().count() + principal.chain().len(), 0);
    assert_eq!((principal.agent_session_id(), principal.delegation_id()), (None, None));
    assert_eq!((principal.hop_count(), principal.delegation_graph_epoch()), (0, None));
}

/// What a principal may do are its scopes: it has no roles, whatever the mandate says.
#[tokio::test]
async fn a_principal_has_no_roles() {
    let world = World::new();
    let mandate = world.mandate("alice").claim("roles", serde_json::json!(["admin"])).sign();
    for asked in [Requirement::user().roles(["admin"]), Requirement::user().permissions(["admin"])] {
        assert_eq!(world.pass(&mandate, &asked).await.unwrap_err().status(), 403);
    }
}

#[tokio::test]
async fn its_debug_text_tells_who_and_not_what() {
    let world = World::new();
    let granted = world.enter(&world.delegated("alice").sign()).await.unwrap();
    let text = format!("{:?}", granted.user());
    assert!(text.contains("alice") && text.contains("app_1"), "{text}");
    assert!(!text.contains("sid_1") && !text.contains("edge_1"), "{text}");
}

#[tokio::test]
async fn users_of_the_application_keep_their_rights() {
    let users = Users::new();
    let world: World<TestUser> =
        World::with(|mandates| mandates.user_loader(users.mandate_loader()), |provider| provider);
    let admin = Requirement::user().roles(["admin"]).scopes(["billing:read"]);
    assert_eq!(world.pass(&world.mandate("alice").sign(), &admin).await.unwrap().user().name, "alice");
    assert_eq!(world.pass(&world.mandate("bob").sign(), &admin).await.unwrap_err().status(), 403);
    let scopeless = world.mandate("alice").claim("scope", "billing:payout").sign();
    assert_eq!(world.pass(&scopeless, &admin).await.unwrap_err().status(), 403);
    assert_eq!(world.enter(&world.mandate("nobody").sign()).await.unwrap_err().status(), 401);
}

/// Every form of a loader: of functions that find users or shared ones, and with a state.
#[tokio::test]
async fn loaders_may_be_functions_closures_and_types() {
    struct Table(Vec<(String, Arc<Principal>)>);

    #[async_trait]
    impl PrincipalLoader for Table {
        type User = Principal;

        async fn load_user(&self, principal: Arc<Principal>) -> Result<Option<Arc<Principal>>, BoxError> {
            Ok(self.0.iter().find(|(id, _)| id == principal.subject()).map(|(_, user)| Arc::clone(user)))
        }
    }

    async fn owned(principal: Arc<Principal>) -> Result<Option<Principal>, Infallible> {
        Ok(Some((*principal).clone()))
    }

    let by_function: World = World::of(|mandates| mandates.user_loader(owned));
    let mandate = by_function.mandate("alice").sign();
    let alice = Arc::clone(by_function.enter(&mandate).await.unwrap().user());
    let shared = async |principal: Arc<Principal>| Ok::<_, Infallible>(Some(principal));
    let by_closure: World = World::of(|mandates| mandates.user_loader(shared));
    assert!(by_closure.enter(&mandate).await.is_ok());
    let table = Table(vec![("alice".to_owned(), Arc::clone(&alice))]);
    let by_type: World = World::of(|mandates| mandates.user_loader(table));
    assert!(Arc::ptr_eq(by_type.enter(&mandate).await.unwrap().user(), &alice));
    assert!(by_type.enter(&by_type.mandate("bob").sign()).await.is_err());
}
