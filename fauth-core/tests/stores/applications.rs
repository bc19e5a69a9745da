//! Two applications on one store that others can reach, with its default prefix or namespace: each
//! has what it would have alone.

use fauth_core::{
    AuthConfig, AuthProvider, ClientInfo, OneTimePurpose, Purpose, Requirement, api_key::ApiKeyRequest,
    one_time::OneTimeRequest, store::Store,
};
use fauth_testing::{ManualClock, SECRET, TestUser, Users, WireRequest, provider_without_store};

type Auth = AuthProvider<TestUser>;

/// Customers and staff: one store, one secret, users of the same ids.
fn both<S: Store>(open: impl Fn() -> S) -> [Auth; 2] {
    ["shop", "back-office"].map(|name| {
        let config = AuthConfig::builder().application(name).secret(SECRET).build().unwrap();
        let builder = provider_without_store(config, &Users::new()).clock(ManualClock::new());
        builder.store(open()).build().unwrap()
    })
}

async fn enters(auth: &Auth, credential: &str) -> bool {
    let head = WireRequest::new("GET", "/").bearer(credential);
    auth.check(auth.read(&head), &Requirement::user().allow_api_keys()).await.is_ok()
}

/// What the customer 42 has and does is nothing to the staff member 42.
pub(crate) async fn share_nothing<S: Store>(open: impl Fn() -> S) {
    let [customers, staff] = &both(open);
    let user = Users::new().find("alice");
    let nobody = ClientInfo::unknown();
    let [customer, member] = [customers.login("alice").await.unwrap(), staff.login("alice").await.unwrap()];
    let [customer, member] = [&customer, &member].map(|pair| pair.access_token().expose().to_owned());
    let key = customers.danger_create_api_key_for("alice", ApiKeyRequest::new("deploy")).await.unwrap();
    let purpose = OneTimePurpose::PasswordReset;
    let link = staff.issue_one_time(purpose, OneTimeRequest::for_user(&user)).await.unwrap();

    assert!(enters(customers, &customer).await && enters(staff, &member).await);
    assert!(!enters(staff, &customer).await && !enters(customers, &member).await);
    assert!(enters(customers, key.expose()).await && !enters(staff, key.expose()).await);
    assert_eq!(staff.api_keys("alice").await.unwrap(), []);
    assert_eq!(customers.sessions("alice").await.unwrap().len(), 1);
    let [session] = staff.sessions("alice").await.unwrap().try_into().unwrap();
    assert!(!customers.revoke_session("alice", &session.id, &nobody).await.unwrap());

    customers.logout_all("alice", &nobody).await.unwrap();
    assert!(!enters(customers, &customer).await, "everything of the customer has ended");
    assert!(enters(staff, &member).await, "and nothing of the staff member");
    assert_eq!(staff.sessions("alice").await.unwrap().len(), 1);
    assert!(staff.verify_signature_and_claims(link.expose(), Purpose::PasswordReset).is_ok());
    assert!(staff.redeem(link.expose(), purpose).await.is_ok());
}

#[tokio::test]
async fn on_the_memory_store() {
    let store = fauth_testing::memory_store();
    share_nothing(|| store.clone()).await;
}
