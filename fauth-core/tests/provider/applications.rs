//! Applications: which need a name, what it keeps apart, and what one process notices.

use std::sync::Arc;

use fauth_core::{
    AuthConfig, AuthConfigBuilder, AuthProvider, AuthProviderBuilder, AuthUser, ClientInfo, ConfigError,
    MemoryStore, OneTimePurpose, Purpose, Rejection, Requirement, TokenPayload,
    api_key::{ApiKeyRequest, NewApiKey},
    async_trait,
    clock::{Clock as _, Timestamp},
    one_time::OneTimeRequest,
    rejection::{ApiKeyFault, InvalidToken, OneTimeFault},
    store::{
        ApiKey, ApiKeyId, ApiKeyStore, Owner, SecretHash, Store, StoreError, StoreLocation, StoredApiKey,
    },
    token::{Algorithm, Key, TokenError, TokenProfile},
};
use fauth_testing::{Log, ManualClock, TestUser, Users, memory_store, provider_without_store};
use sha2::Digest as _;

use crate::support::get;

/// Secrets of tests that build providers which nobody said may share anything: no other test has
/// them, so that a provider of another test is never in the way.
fn secret_of(test: &str) -> String {
    format!("of-one-test-alone-7d41b8e2c9{test:0>24}")
}

fn config(secret: &str) -> AuthConfigBuilder {
    AuthConfig::builder().secret(secret)
}

struct Customer;
struct Member;

impl AuthUser for Customer {
    fn subject(&self) -> impl AsRef<str> {
        "42"
    }

    fn is_active(&self) -> bool {
        true
    }
}

impl AuthUser for Member {
    fn subject(&self) -> impl AsRef<str> {
        "42"
    }

    fn is_active(&self) -> bool {
        true
    }
}

/// A provider with users of this type, without a store.
fn of<U: AuthUser>(config: AuthConfigBuilder) -> AuthProviderBuilder<U> {
    AuthProvider::<U>::builder(config.build().unwrap())
        .user_loader(async |_: Arc<TokenPayload>| Ok::<Option<U>, std::convert::Infallible>(None))
        .without_password_login()
}

#[track_caller]
fn refused<U>(built: Result<AuthProvider<U>, ConfigError>, field: &str) -> ConfigError {
    let Err(error) = built else { panic!("built in spite of its {field}") };
    assert_eq!(error.field(), field, "{error}");
    error
}

// ------------------------------------------------------------------------------------------------
// who needs a name

/// A backend that says nothing of where it is.
struct Silent(MemoryStore);

#[async_trait]
impl ApiKeyStore for Silent {
    async fn insert(&self, key: StoredApiKey, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        ApiKeyStore::insert(&self.0, key, limit, now).await
    }

    async fn find(&self, id: &ApiKeyId, now: Timestamp) -> Result<Option<StoredApiKey>, StoreError> {
        self.0.find(id, now).await
    }

    async fn list(&self, owner: &Owner<'_>, now: Timestamp) -> Result<Vec<ApiKey>, StoreError> {
        ApiKeyStore::list(&self.0, owner, now).await
    }

    async fn touch(&self, owner: &Owner<'_>, id: &ApiKeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.0.touch(owner, id, used_at).await
    }

    async fn remove(&self, owner: &Owner<'_>, id: &ApiKeyId) -> Result<bool, StoreError> {
        self.0.remove(owner, id).await
    }
}

#[test]
fn a_store_that_can_be_shared_needs_a_name() {
    let secret = secret_of("needs a name");
    let silent = || Silent(memory_store());
    let error = refused(
        of::<Customer>(config(&secret)).danger_stateless().api_key_store(silent()).build(),
        "application",
    );
    assert!(error.fix().contains("FAUTH_APPLICATION") && error.fix().contains(".application("), "{error}");
    let shared: Arc<dyn ApiKeyStore> = Arc::new(silent());
    refused(of::<Customer>(config(&secret)).danger_stateless().api_key_store(shared).build(), "application");
    for name in ["shop", "default"] {
        let named = of::<Customer>(config(&secret).application(name));
        let auth = named.danger_stateless().api_key_store(silent()).build().unwrap();
        assert_eq!(auth.owner("42"), Owner::new(name, "", "42"));
    }
    let store: Arc<dyn Store> = Arc::new(memory_store());
    let auth = of::<Customer>(config(&secret)).store(store).build().unwrap();
    assert_eq!(auth.owner("42"), Owner::new("default", "", "42"));
    assert!(of::<Customer>(config(&secret)).danger_stateless().build().is_ok());
}

#[test]
fn a_store_behind_an_arc_says_where_it_is() {
    let store = MemoryStore::new();
    let direct = ApiKeyStore::location(&store);
    let shared: Arc<dyn ApiKeyStore> = Arc::new(Arc::new(store.clone()));
    assert!(shared.location().is_same_as(&direct) && !direct.can_be_shared());
    assert!(!ApiKeyStore::location(&MemoryStore::new()).is_same_as(&direct));
    assert!(Silent(store).location().can_be_shared());
    assert_eq!(format!("{:?}", StoreLocation::unknown()), "StoreLocation(unknown)");
}

// ------------------------------------------------------------------------------------------------
// what one process notices

#[test]
fn users_of_two_types_need_two_names() {
    let secret = secret_of("two types");
    let shop = || config(&secret).application("shop-of-two-types");
    let customers = of::<Customer>(shop()).danger_stateless().build().unwrap();
    let error = refused(of::<Member>(shop()).danger_stateless().build(), "application");
    assert!(error.problem().contains("Customer") && error.problem().contains("Member"), "{error}");
    assert!(!error.to_string().contains(&secret));
    let staff = config(&secret).application("staff-of-two-types");
    assert!(of::<Member>(staff).danger_stateless().build().is_ok());
    assert!(of::<Member>(shop()).danger_stateless().danger_share_application().build().is_ok());
    let clone = customers.clone();
    drop(customers);
    refused(of::<Member>(shop()).danger_stateless().build(), "application");
    drop(clone);
    assert!(of::<Member>(shop()).danger_stateless().build().is_ok(), "the other is gone");
}

#[test]
fn users_of_two_types_on_one_store_need_two_names() {
    let (one, other) = (secret_of("one store 1"), secret_of("one store 2"));
    let store = memory_store();
    let named = |secret: &str, name: &str| config(secret).application(name);
    let _customers = of::<Customer>(named(&one, "shop-of-one-store")).store(store.clone()).build().unwrap();
    let error =
        refused(of::<Member>(named(&other, "shop-of-one-store")).store(store.clone()).build(), "application");
    assert!(error.problem().contains("one store"), "{error}");
    assert!(of::<Member>(named(&other, "staff-of-one-store")).store(store.clone()).build().is_ok());
    assert!(of::<Member>(named(&other, "shop-of-one-store")).store(memory_store()).build().is_ok());
    let shared: Arc<dyn Store> = Arc::new(store);
    refused(of::<Member>(named(&other, "shop-of-one-store")).store(shared).build(), "application");
}

#[test]
fn the_python_formats_need_a_secret_of_their_own() {
    for (number, profile) in
        [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration].into_iter().enumerate()
    {
        let secret = secret_of(&format!("python {number}"));
        let shop = config(&secret).application("shop").token_profile(profile);
        let _shop = of::<Customer>(shop).danger_stateless().build().unwrap();
        let staff = || config(&secret).application("staff");
        refused(of::<Customer>(staff()).danger_stateless().build(), "token_profile");
        refused(of::<Customer>(staff().token_profile(profile)).danger_stateless().build(), "token_profile");
        let own = config(&secret_of(&format!("python own {number}"))).application("staff");
        assert!(of::<Customer>(own.token_profile(profile)).danger_stateless().build().is_ok());
    }
}

#[test]
fn a_second_provider_is_warned_of_once() {
    let log = Log::of_process();
    let secret = secret_of("warned");
    let build = |name: &str, store: MemoryStore| {
        of::<Customer>(config(&secret).application(name)).store(store).build().unwrap()
    };
    let store = memory_store();
    let _twins: Vec<_> = (0..4).map(|_| build("twins-of-one-store", store.clone())).collect();
    let [warning] = &*log.with("twins-of-one-store") else { panic!("one warning") };
    assert_eq!((warning.level, &*warning.target), (tracing::Level::WARN, "fauth"));
    let message = warning.field("message").unwrap();
    assert!(message.contains("build it once and clone it"), "{message}");

    let _workers: Vec<_> = (0..4).map(|_| build("workers-with-a-store-each", memory_store())).collect();
    let [warning] = &*log.with("workers-with-a-store-each") else { panic!("one warning") };
    let message = warning.field("message").unwrap();
    assert!(message.contains("logout") && message.contains("HttpServer::new"), "{message}");

    drop(build("one-after-the-other", memory_store()));
    let alone = build("one-after-the-other", memory_store());
    let _clones = [alone.clone(), alone];
    assert_eq!(log.with("one-after-the-other").len(), 0);
}

// ------------------------------------------------------------------------------------------------
// tokens

#[tokio::test]
async fn one_secret_and_two_names_are_two_applications() {
    let secret = secret_of("two names");
    let users = Users::new();
    let store = memory_store();
    let build = |name: &str| {
        let config = config(&secret).application(name).build().unwrap();
        provider_without_store(config, &users).store(store.clone()).build().unwrap()
    };
    let (customers, staff) = (build("shop"), build("staff"));
    for purpose in [Purpose::Access, Purpose::Refresh] {
        let token = customers.issue(purpose, "alice").await.unwrap();
        assert!(customers.verify_signature_and_claims(token.expose(), purpose).is_ok());
        let refused = staff.verify_signature_and_claims(token.expose(), purpose).unwrap_err();
        assert_eq!((refused.reason(), refused), ("wrong_application", TokenError::WrongApplication));
    }
    let pair = customers.login("alice").await.unwrap();
    let refused = staff.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, TokenError::WrongApplication.into());
    let alice = users.find("alice");
    let reset = OneTimePurpose::PasswordReset;
    let link = customers.issue_one_time(reset, OneTimeRequest::for_user(&alice)).await.unwrap();
    assert_eq!(
        staff.redeem(link.expose(), reset).await.unwrap_err(),
        TokenError::WrongApplication.into(),
        "it is not used up either"
    );
    assert_eq!(staff.withdraw_one_time("alice", None).await, Ok(0));
    assert!(customers.redeem(link.expose(), reset).await.is_ok());
}

/// The claim is ours: a token that an application writes itself cannot say it.
#[tokio::test]
async fn the_name_of_the_application_is_a_reserved_claim() {
    let auth = fauth_testing::provider().build().unwrap();
    let request = fauth_core::TokenRequest::for_subject("alice").claim("app", "shop");
    let error = auth.issue(Purpose::Access, request).await.unwrap_err();
    assert!(error.to_string().contains("`app` is reserved"), "{error}");
}

// ------------------------------------------------------------------------------------------------
// hashes in stores

const STORE_SECRET: &str = "of-the-store-5b0e9d7c24f1a8636e-90cd";
const OTHER_STORE_SECRET: &str = "of-the-store-c81f2a9be7604d35d2-17ab";

/// An application on a store that an attacker, or an operator, can write to.
struct Shop {
    auth: AuthProvider<TestUser>,
    store: MemoryStore,
    clock: ManualClock,
}

impl Shop {
    fn new(config: AuthConfigBuilder, store: &MemoryStore) -> Self {
        let (clock, store) = (ManualClock::new(), store.clone());
        let builder = provider_without_store(config.build().unwrap(), &Users::new());
        let auth = builder.store(store.clone()).clock(clock.clone()).build().unwrap();
        Self { auth, store, clock }
    }

    async fn create(&self, subject: &str) -> NewApiKey {
        let request = ApiKeyRequest::new("deploy").scopes(["read"]);
        self.auth.danger_create_api_key_for(subject, request).await.unwrap()
    }

    async fn present(&self, key: &NewApiKey) -> Result<String, Rejection> {
        let presented = self.auth.read(&get("/").bearer(key.expose()));
        let granted = self.auth.check(presented, &Requirement::user().allow_api_keys()).await?;
        Ok(granted.user().name.clone())
    }

    async fn kept(&self, key: &NewApiKey) -> StoredApiKey {
        self.store.find(&key.key().id, self.clock.now().unwrap()).await.unwrap().unwrap()
    }

    /// Writes this record in place of the one of its id.
    async fn put(&self, key: &NewApiKey, record: StoredApiKey) {
        assert!(self.store.remove(&self.kept(key).await.key.owner, &key.key().id).await.unwrap());
        let now = self.clock.now().unwrap();
        assert!(ApiKeyStore::insert(&self.store, record, 100, now).await.unwrap());
    }
}

fn fault(fault: ApiKeyFault) -> Result<String, Rejection> {
    Err(Rejection::InvalidToken(InvalidToken::ApiKey(fault)))
}

#[expect(clippy::unnecessary_wraps, reason = "it is what `present` is compared with")]
fn alice() -> Result<String, Rejection> {
    Ok("alice".to_owned())
}

/// Settings of two applications with the same secrets.
fn both() -> [AuthConfigBuilder; 2] {
    let of = |name| config(fauth_testing::SECRET).application(name).store_secret(STORE_SECRET);
    [of("shop"), of("staff")]
}

#[tokio::test]
async fn whoever_can_write_the_table_makes_no_key() {
    let [shop, staff] = both().map(|config| Shop::new(config, &memory_store()));
    let key = shop.create("alice").await;
    assert_eq!(shop.present(&key).await, alice());
    let right = shop.kept(&key).await;

    let plain = SecretHash::from_bytes(sha2::Sha256::digest(key.expose()).into());
    shop.put(&key, StoredApiKey { hash: plain, ..right.clone() }).await;
    assert_eq!(shop.present(&key).await, fault(ApiKeyFault::WrongSecret));

    // What another application has made of the same text, under the same secret.
    let theirs = staff.kept(&staff.create("alice").await).await;
    shop.put(&key, StoredApiKey { hash: theirs.hash, ..right.clone() }).await;
    assert_eq!(shop.present(&key).await, fault(ApiKeyFault::WrongSecret));
    shop.put(&key, StoredApiKey { hash_key_id: theirs.hash_key_id, ..right.clone() }).await;
    assert_eq!(shop.present(&key).await, fault(ApiKeyFault::UnknownHashKey));
    shop.put(&key, StoredApiKey { hash_key_id: String::new(), ..right.clone() }).await;
    assert_eq!(shop.present(&key).await, fault(ApiKeyFault::UnknownHashKey));

    shop.put(&key, right).await;
    assert_eq!(shop.present(&key).await, alice(), "the record was the only thing at fault");
}

/// Somebody has a key, and can write the table.
#[tokio::test]
async fn a_key_is_not_made_to_open_more() {
    let shop = Shop::new(both()[0].clone(), &memory_store());
    let key = shop.create("alice").await;
    let right = shop.kept(&key).await;
    let changed = |change: &dyn Fn(&mut ApiKey)| {
        let mut record = right.clone();
        change(&mut record.key);
        record
    };
    for record in [
        changed(&|key| key.scopes.push("admin".to_owned())),
        changed(&|key| key.scopes = vec!["rea".to_owned(), "d".to_owned()]),
        changed(&|key| key.scopes.clear()),
        changed(&|key| key.expires_at = Timestamp::MAX),
        changed(&|key| key.created_at = Timestamp::from_unix_seconds(0)),
    ] {
        shop.put(&key, record.clone()).await;
        assert_eq!(shop.present(&key).await, fault(ApiKeyFault::WrongSecret), "{record:?}");
    }
    // A key is found in its owner's bucket: another owner of the bucket is what can be written.
    let owner = right.key.owner.clone();
    let neighbour = (0..).map(|number| Owner::new("shop", "", format!("user {number}")));
    let neighbour = neighbour.into_iter().find(|other| other.bucket() == owner.bucket()).unwrap();
    shop.put(&key, changed(&|key| key.owner = neighbour.clone())).await;
    assert_eq!(shop.present(&key).await, fault(ApiKeyFault::WrongSecret));
    shop.put(&key, changed(&|key| key.last_used_at = Some(key.created_at))).await;
    assert_eq!(shop.present(&key).await, alice(), "what is noted of it changes");
}

fn signing(id: &str) -> Key {
    let secret = format!("{}-{id}", fauth_testing::SECRET);
    Key::hmac(Algorithm::HS256, secret.as_bytes()).unwrap().with_id(id).unwrap()
}

fn signed_with(id: &str) -> AuthConfigBuilder {
    AuthConfig::builder().application("shop").signing_key(signing(id))
}

#[tokio::test]
async fn with_a_store_secret_the_signing_key_is_exchanged_without_loss() {
    let store = memory_store();
    let before = Shop::new(signed_with("old").store_secret(STORE_SECRET), &store);
    let key = before.create("alice").await;
    let after = Shop::new(signed_with("new").store_secret(STORE_SECRET), &store);
    assert_eq!(after.present(&key).await, alice());
}

#[tokio::test]
async fn without_one_a_key_lives_as_long_as_the_signing_key_is_configured() {
    let store = memory_store();
    let before = Shop::new(signed_with("old"), &store);
    let key = before.create("alice").await;
    let during = Shop::new(signed_with("new").verification_key(signing("old")), &store);
    assert_eq!(during.present(&key).await, alice());
    let newer = during.create("alice").await;
    assert_eq!(before.present(&newer).await, fault(ApiKeyFault::UnknownHashKey), "it is of the new key");
    let after = Shop::new(signed_with("new"), &store);
    assert_eq!(after.present(&key).await, fault(ApiKeyFault::UnknownHashKey));
    assert_eq!(after.present(&newer).await, alice());
}

#[tokio::test]
async fn a_store_secret_is_set_later_and_exchanged() {
    let store = memory_store();
    let without = Shop::new(signed_with("old"), &store);
    let first = without.create("alice").await;
    let with = Shop::new(signed_with("old").store_secret(STORE_SECRET), &store);
    assert_eq!(with.present(&first).await, alice());
    let second = with.create("alice").await;
    let exchanged = signed_with("new").store_secret(OTHER_STORE_SECRET);
    let during = Shop::new(exchanged.clone().previous_store_secret(STORE_SECRET), &store);
    assert_eq!(during.present(&second).await, alice());
    assert_eq!(during.present(&first).await, fault(ApiKeyFault::UnknownHashKey), "its signing key is gone");
    let third = during.create("alice").await;
    let after = Shop::new(exchanged, &store);
    assert_eq!(after.present(&second).await, fault(ApiKeyFault::UnknownHashKey));
    assert_eq!(after.present(&third).await, alice());
}

#[tokio::test]
async fn a_one_time_token_survives_a_change_of_store_secrets() {
    let (store, purpose) = (memory_store(), OneTimePurpose::EmailVerification);
    let user = Users::new().find("alice");
    let base = || config(fauth_testing::SECRET).application("shop");
    let issue =
        async |shop: &Shop| shop.auth.issue_one_time(purpose, OneTimeRequest::for_user(&user)).await.unwrap();
    let spent = Rejection::InvalidToken(InvalidToken::OneTime(OneTimeFault::Spent));

    let derived = issue(&Shop::new(base(), &store)).await;
    let old = issue(&Shop::new(base().store_secret(STORE_SECRET), &store)).await;
    let lost = issue(&Shop::new(base().store_secret("of-the-store-2e6a0b4cc75d91f83a-44ef"), &store)).await;
    let shop = base().store_secret(OTHER_STORE_SECRET).previous_store_secret(STORE_SECRET);
    let shop = Shop::new(shop, &store);
    for token in [issue(&shop).await, old, derived] {
        assert!(shop.auth.redeem(token.expose(), purpose).await.is_ok());
        assert_eq!(shop.auth.redeem(token.expose(), purpose).await.unwrap_err(), spent, "it works once");
    }
    assert_eq!(shop.auth.redeem(lost.expose(), purpose).await.unwrap_err(), spent);
}

/// As whoever can write the table would: a token that was redeemed, with a record of its own
/// making.
#[tokio::test]
async fn whoever_can_write_the_table_revives_no_one_time_token() {
    use fauth_core::store::{OneTimeRecord, OneTimeStore};
    let purpose = OneTimePurpose::MagicLink;
    let user = Users::new().find("alice");
    let shop = Shop::new(both()[0].clone(), &memory_store());
    let token = shop.auth.issue_one_time(purpose, OneTimeRequest::for_user(&user)).await.unwrap();
    let payload = shop.auth.verify_signature_and_claims(token.expose(), Purpose::MagicLink).unwrap();
    assert!(shop.auth.redeem(token.expose(), purpose).await.is_ok());
    let now = shop.clock.now().unwrap();
    let record = OneTimeRecord {
        hash: SecretHash::from_bytes(sha2::Sha256::digest(payload.token_id()).into()),
        owner: shop.auth.owner("alice").into_owned(),
        purpose: Purpose::MagicLink,
        expires_at: payload.expires_at(),
    };
    OneTimeStore::insert(&shop.store, record, 5, now).await.unwrap();
    assert_eq!(
        shop.auth.redeem(token.expose(), purpose).await.unwrap_err(),
        Rejection::InvalidToken(InvalidToken::OneTime(OneTimeFault::Spent))
    );
}
