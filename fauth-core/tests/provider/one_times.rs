//! Tokens that work once: what ends them, and what they are bound to.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use fauth_core::{
    AuthConfig, AuthProvider, AuthProviderBuilder, AuthUser, ClientInfo, MemoryStore, OneTimePurpose,
    Purpose, Rejection, TokenPayload, TokenRequest,
    clock::Clock as _,
    event::EventKind,
    one_time::{LinkBase, OneTimeRequest, Redemption},
    rejection::{InvalidToken, Misconfigured, OneTimeFault, Unavailable},
    store::{OneTimeStore as _, SecretHash},
    token::{Algorithm, IssueError, Key, TokenError, TokenProfile},
};
use fauth_testing::{
    Fault, FaultyStore, ManualClock, SECRET, Users, at_once, config, provider_without_store,
};
use sha2::Digest as _;

use crate::support::Sink;

const RESET: OneTimePurpose = OneTimePurpose::PasswordReset;
const EMAIL: OneTimePurpose = OneTimePurpose::EmailVerification;
const MAGIC: OneTimePurpose = OneTimePurpose::MagicLink;
const ALL: [OneTimePurpose; 3] = [RESET, EMAIL, MAGIC];

#[derive(Debug, Clone)]
struct Account {
    id: String,
    email: String,
    password_changes: u64,
    epoch: u64,
    active: bool,
}

impl AuthUser for Account {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn token_epoch(&self) -> u64 {
        self.epoch
    }

    fn one_time_stamp(&self, purpose: OneTimePurpose) -> impl AsRef<str> {
        match purpose {
            EMAIL => self.email.clone(),
            _ => self.password_changes.to_string(),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Accounts {
    by_id: Arc<Mutex<BTreeMap<String, Account>>>,
    fails: Arc<Mutex<bool>>,
    loads: Arc<Mutex<usize>>,
}

impl Accounts {
    fn load(&self, id: &str) -> Result<Option<Account>, io::Error> {
        *self.loads.lock().unwrap() += 1;
        if *self.fails.lock().unwrap() {
            return Err(io::Error::other("the database is down"));
        }
        Ok(self.by_id.lock().unwrap().get(id).cloned())
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Account)) {
        change(self.by_id.lock().unwrap().get_mut(id).unwrap());
    }
}

struct Mail {
    accounts: Accounts,
    store: FaultyStore,
    clock: ManualClock,
    events: Sink,
    auth: AuthProvider<Account>,
}

impl Mail {
    fn new() -> Self {
        Self::with(config(), |builder| builder)
    }

    fn with(
        config: AuthConfig,
        options: impl FnOnce(AuthProviderBuilder<Account>) -> AuthProviderBuilder<Account>,
    ) -> Self {
        let (accounts, store) = (Accounts::default(), FaultyStore::default());
        for id in ["alice", "bob"] {
            let email = format!("{id}@example.com");
            let account = Account { id: id.to_owned(), email, password_changes: 0, epoch: 0, active: true };
            accounts.by_id.lock().unwrap().insert(id.to_owned(), account);
        }
        let (clock, events) = (ManualClock::new(), Sink::default());
        let loader = accounts.clone();
        let builder = AuthProvider::builder(config)
            .danger_share_application()
            .user_loader(move |token: Arc<TokenPayload>| {
                let found = loader.load(token.subject());
                async move { found }
            })
            .without_password_login()
            .danger_stateless()
            .one_time_store(store.clone())
            .clock(clock.clone())
            .events(events.clone());
        Self { auth: options(builder).build().unwrap(), accounts, store, clock, events }
    }

    fn account(&self, id: &str) -> Account {
        self.accounts.by_id.lock().unwrap().get(id).cloned().unwrap()
    }

    async fn issue(&self, purpose: OneTimePurpose, id: &str) -> String {
        let account = self.account(id);
        let token = self.auth.issue_one_time(purpose, OneTimeRequest::for_user(&account)).await.unwrap();
        token.expose().to_owned()
    }

    async fn redeem(&self, token: &str, purpose: OneTimePurpose) -> Result<String, Rejection> {
        self.auth.redeem(token, purpose).await.map(|redeemed| redeemed.user().id.clone())
    }
}

fn fault<T>(fault: OneTimeFault) -> Result<T, Rejection> {
    Err(Rejection::InvalidToken(InvalidToken::OneTime(fault)))
}

fn token<T>(error: TokenError) -> Result<T, Rejection> {
    Err(Rejection::InvalidToken(InvalidToken::Token(error)))
}

#[expect(clippy::unnecessary_wraps, reason = "it is what `redeem` is compared with")]
fn alice() -> Result<String, Rejection> {
    Ok("alice".to_owned())
}

#[tokio::test]
async fn a_token_works_once() {
    let mail = Mail::new();
    for purpose in ALL {
        let token = mail.issue(purpose, "alice").await;
        assert_eq!(mail.redeem(&token, purpose).await, alice());
        for _ in 0..2 {
            assert_eq!(mail.redeem(&token, purpose).await, fault(OneTimeFault::Spent), "{purpose}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_gets_it() {
    let mail = Arc::new(Mail::new());
    for _ in 0..20 {
        let token = mail.issue(MAGIC, "alice").await;
        let tries: Vec<_> = (0..32)
            .map(|_| {
                let (mail, token) = (Arc::clone(&mail), token.clone());
                tokio::spawn(async move { mail.redeem(&token, MAGIC).await })
            })
            .collect();
        let mut winners = 0;
        for outcome in tries {
            match outcome.await.unwrap() {
                Ok(_) => winners += 1,
                other => assert_eq!(other, fault(OneTimeFault::Spent)),
            }
        }
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn a_token_is_for_one_purpose() {
    let mail = Mail::new();
    for purpose in ALL {
        let issued = mail.issue(purpose, "alice").await;
        for other in ALL.into_iter().filter(|other| *other != purpose) {
            let refused = mail.redeem(&issued, other).await.unwrap_err();
            assert_eq!(refused.reason(), "wrong_purpose");
        }
        for other in [Purpose::Access, Purpose::Refresh] {
            assert!(mail.auth.verify_signature_and_claims(&issued, other).is_err());
        }
        assert!(mail.auth.refresh(&issued, &ClientInfo::unknown()).await.is_err());
        assert_eq!(mail.redeem(&issued, purpose).await, alice());
    }
    for purpose in [Purpose::Access, Purpose::Refresh] {
        let other = at_once(mail.auth.issue(purpose, "alice")).unwrap();
        assert_eq!(mail.redeem(other.expose(), RESET).await.unwrap_err().reason(), "wrong_purpose");
    }
}

#[tokio::test]
async fn a_token_lasts_as_long_as_its_purpose_says() {
    for (purpose, minutes) in [(RESET, 15), (EMAIL, 24 * 60), (MAGIC, 15)] {
        let mail = Mail::new();
        let account = mail.account("alice");
        let lifetime = Duration::from_secs(minutes * 60);
        let issue = || mail.auth.issue_one_time(purpose, OneTimeRequest::for_user(&account));
        let (first, second) = (issue().await.unwrap(), issue().await.unwrap());
        assert_eq!(first.expires_in(), lifetime);
        mail.clock.advance(Duration::from_secs(minutes * 60 - 1));
        assert_eq!(mail.redeem(first.expose(), purpose).await, alice());
        mail.clock.advance(Duration::from_secs(1));
        mail.store.calls();
        assert_eq!(mail.redeem(second.expose(), purpose).await, token(TokenError::Expired));
        assert!(mail.store.calls().is_empty());
    }
}

/// They would be good as often as they are presented.
#[tokio::test]
async fn what_works_once_is_not_issued_by_issue() {
    let mail = Mail::new();
    for purpose in [RESET, EMAIL, MAGIC] {
        let refused = mail.auth.issue(purpose.into(), "alice").await.unwrap_err();
        assert!(matches!(refused, IssueError::OneTime(named) if named == purpose.into()), "{refused:?}");
        let advice = format!(
            "a {purpose} token must work once: issue it with `issue_one_time` and accept it with `redeem`"
        );
        assert_eq!(refused.to_string(), advice);
        let refused = mail.auth.danger_issue_at(purpose.into(), "alice", ManualClock::START).await;
        assert!(matches!(refused, Err(IssueError::OneTime(_))), "{refused:?}");
        let issued = mail.issue(purpose, "alice").await;
        assert_eq!(mail.redeem(&issued, purpose).await, alice());
    }
    for purpose in [Purpose::Access, Purpose::Refresh] {
        assert!(mail.auth.issue(purpose, "alice").await.is_ok());
    }
}

/// A leeway for clocks that differ does not make a token of one store last longer.
#[tokio::test]
async fn the_store_knows_no_leeway() {
    let config = AuthConfig::builder().secret(SECRET).expiry_leeway(Duration::from_secs(60)).build().unwrap();
    let mail = Mail::with(config, |builder| builder);
    let issued = mail.issue(RESET, "alice").await;
    mail.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(mail.redeem(&issued, RESET).await, fault(OneTimeFault::Spent));
}

#[tokio::test]
async fn what_nobody_has_kept_cannot_be_redeemed() {
    let mail = Mail::new();
    let loose = fauth_testing::one_time_token(RESET.into(), "alice", mail.clock.now().unwrap());
    assert!(mail.auth.verify_signature_and_claims(&loose, Purpose::PasswordReset).is_ok());
    // It has no stamp either, and that is noticed first.
    assert_eq!(mail.redeem(&loose, RESET).await, fault(OneTimeFault::Stale));

    let twin = Mail::new();
    let elsewhere = twin.issue(RESET, "alice").await;
    assert_eq!(mail.redeem(&elsewhere, RESET).await, fault(OneTimeFault::Spent));
    assert_eq!(twin.redeem(&elsewhere, RESET).await, alice());
}

#[tokio::test]
async fn a_bad_token_is_refused_without_asking_anybody() {
    let mail = Mail::new();
    let good = mail.issue(RESET, "alice").await;
    mail.store.calls();
    for bad in ["", "x", "a.b.c", &good[..good.len() - 1], &format!("{good}A"), &"a".repeat(100_000)] {
        assert!(matches!(
            mail.redeem(bad, RESET).await,
            Err(Rejection::InvalidToken(InvalidToken::Token(_)))
        ));
    }
    assert!(mail.store.calls().is_empty());
    assert_eq!(*mail.accounts.loads.lock().unwrap(), 0);
    assert_eq!(mail.redeem(&good, RESET).await, alice());
}

#[tokio::test]
async fn a_token_ends_when_the_account_changes() {
    let mail = Mail::new();
    let (reset, magic) = (mail.issue(RESET, "alice").await, mail.issue(MAGIC, "alice").await);
    let (email, bobs) = (mail.issue(EMAIL, "alice").await, mail.issue(RESET, "bob").await);
    mail.accounts.change("alice", |alice| alice.password_changes += 1);
    assert_eq!(mail.redeem(&reset, RESET).await, fault(OneTimeFault::Stale));
    assert_eq!(mail.redeem(&magic, MAGIC).await, fault(OneTimeFault::Stale));
    assert_eq!(mail.redeem(&email, EMAIL).await, alice(), "its address is the same");
    assert_eq!(mail.redeem(&bobs, RESET).await, Ok("bob".to_owned()));

    let email = mail.issue(EMAIL, "alice").await;
    mail.accounts.change("alice", |alice| alice.email = "new@example.com".to_owned());
    assert_eq!(mail.redeem(&email, EMAIL).await, fault(OneTimeFault::Stale));
    // What was refused was not used up.
    mail.accounts.change("alice", |alice| alice.email = "alice@example.com".to_owned());
    assert_eq!(mail.redeem(&email, EMAIL).await, alice());
}

/// Whatever the user's stamp says, and whether or not there is a revocation store.
#[tokio::test]
async fn a_raised_epoch_of_the_user_ends_his_tokens_of_every_purpose() {
    let mail = Mail::new();
    for epoch in 1..=2 {
        let mut old = Vec::new();
        for purpose in ALL {
            old.push((purpose, mail.issue(purpose, "alice").await));
        }
        let bobs = mail.issue(RESET, "bob").await;
        mail.accounts.change("alice", |alice| alice.epoch = epoch);
        mail.store.calls();
        for (purpose, token) in old {
            let refused = Err(Rejection::InvalidToken(InvalidToken::OldEpoch));
            assert_eq!(mail.redeem(&token, purpose).await, refused, "{purpose}");
            assert!(mail.store.calls().is_empty());
            let new = mail.issue(purpose, "alice").await;
            assert_eq!(mail.redeem(&new, purpose).await, alice(), "{purpose}");
            mail.store.calls();
        }
        assert_eq!(mail.redeem(&bobs, RESET).await, Ok("bob".to_owned()));
    }
}

/// A user who says nothing of one-time tokens.
#[tokio::test]
async fn the_epoch_counts_with_the_stamp_that_is_the_default() {
    let users = Users::new();
    let auth = provider_without_store(config(), &users)
        .danger_stateless()
        .one_time_store(FaultyStore::default())
        .build()
        .unwrap();
    for purpose in ALL {
        let issue = async || {
            let alice = users.find("alice");
            auth.issue_one_time(purpose, OneTimeRequest::for_user(&alice)).await.unwrap()
        };
        let old = issue().await;
        users.change("alice", |alice| alice.token_epoch += 1);
        let refused = auth.redeem(old.expose(), purpose).await.map(drop);
        assert_eq!(refused, Err(Rejection::InvalidToken(InvalidToken::OldEpoch)), "{purpose}");
        let new = issue().await;
        assert_eq!(auth.redeem(new.expose(), purpose).await.unwrap().user().name, "alice");
    }
}

#[tokio::test]
async fn the_stamp_is_not_in_the_token() {
    let mail = Mail::new();
    let issued = mail.issue(EMAIL, "alice").await;
    let payload = mail.auth.verify_signature_and_claims(&issued, Purpose::EmailVerification).unwrap();
    let stamp: String = payload.claim("stamp").unwrap().unwrap();
    assert!(stamp.len() == 22 && !stamp.contains("alice"), "{stamp}");
    let bobs =
        mail.auth.verify_signature_and_claims(&mail.issue(MAGIC, "bob").await, Purpose::MagicLink).unwrap();
    let alices =
        mail.auth.verify_signature_and_claims(&mail.issue(MAGIC, "alice").await, Purpose::MagicLink).unwrap();
    assert_ne!(
        alices.claim::<String>("stamp").unwrap(),
        bobs.claim::<String>("stamp").unwrap(),
        "equal accounts have different ones"
    );
}

#[tokio::test]
async fn only_an_active_user_redeems() {
    let mail = Mail::new();
    let issued = mail.issue(EMAIL, "alice").await;
    mail.accounts.change("alice", |alice| alice.active = false);
    let refused = Err(Rejection::InvalidToken(InvalidToken::InactiveUser));
    assert_eq!(mail.redeem(&issued, EMAIL).await, refused);
    // The mail that makes an account an active one.
    let redemption = Redemption::new(&issued).danger_allow_inactive();
    assert!(!mail.auth.redeem(redemption, EMAIL).await.unwrap().user().active);

    let issued = mail.issue(EMAIL, "bob").await;
    mail.accounts.by_id.lock().unwrap().remove("bob");
    let refused = Err(Rejection::InvalidToken(InvalidToken::UnknownUser));
    assert_eq!(mail.redeem(&issued, EMAIL).await, refused);
}

#[tokio::test]
async fn a_token_may_be_about_something() {
    let mail = Mail::new();
    let account = mail.account("alice");
    let request =
        OneTimeRequest::for_user(&account).bound_to("new \"alice\"@example.org").claim("next", "/inbox");
    let token = mail.auth.issue_one_time(EMAIL, request).await.unwrap();
    let redeemed = mail.auth.redeem(token.expose(), EMAIL).await.unwrap();
    assert_eq!(redeemed.bound_to(), Some("new \"alice\"@example.org"));
    assert_eq!(redeemed.payload().claim::<String>("next").unwrap().as_deref(), Some("/inbox"));
    assert_eq!((redeemed.payload().subject(), redeemed.user().id.as_str()), ("alice", "alice"));

    let plain = mail.issue(EMAIL, "alice").await;
    assert_eq!(mail.auth.redeem(&*plain, EMAIL).await.unwrap().bound_to(), None);
}

#[tokio::test]
async fn the_bindings_are_not_open_to_custom_claims() {
    let mail = Mail::new();
    let account = mail.account("alice");
    for name in ["stamp", "bound_to", "bound_browser", "sub", "jti", "exp"] {
        let request = OneTimeRequest::for_user(&account).claim(name, "x");
        let refused = mail.auth.issue_one_time(RESET, request).await.unwrap_err();
        assert_eq!(refused, Rejection::Misconfigured(Misconfigured::TokenRequest), "{name}");
        let request = TokenRequest::for_subject("alice").claim(name, "x");
        assert!(at_once(mail.auth.issue(Purpose::Access, request)).is_err());
    }
    assert_eq!(mail.store.inner().sizes().one_time_tokens, 0);
}

#[tokio::test]
async fn a_token_may_be_bound_to_a_browser() {
    let mail = Mail::new();
    let account = mail.account("alice");
    let token =
        mail.auth.issue_one_time(MAGIC, OneTimeRequest::for_user(&account).browser("c00k1e")).await.unwrap();
    let payload = mail.auth.verify_signature_and_claims(token.expose(), Purpose::MagicLink).unwrap();
    assert!(!payload.claim::<String>("bound_browser").unwrap().unwrap().contains("c00k1e"));
    let redeem = |redemption| mail.auth.redeem(redemption, MAGIC);
    mail.store.calls();
    for other in [
        Redemption::new(token.expose()),
        Redemption::new(token.expose()).browser(""),
        Redemption::new(token.expose()).browser("c00k1f"),
        Redemption::new(token.expose()).browser("c00k1e "),
    ] {
        assert_eq!(redeem(other).await.map(|_| ()), fault(OneTimeFault::OtherBrowser));
    }
    assert!(mail.store.calls().is_empty());
    let redeemed = redeem(Redemption::new(token.expose()).browser("c00k1e")).await;
    assert_eq!(redeemed.unwrap().user().id, "alice");

    // Who asks for no binding gets none.
    let free = mail.issue(MAGIC, "alice").await;
    assert!(redeem(Redemption::new(&free).browser("c00k1e")).await.is_ok());
}

#[tokio::test]
async fn a_subject_has_five_of_a_purpose() {
    let mail = Mail::new();
    let mut issued = Vec::new();
    for _ in 0..6 {
        issued.push(mail.issue(EMAIL, "alice").await);
        mail.clock.advance(Duration::from_secs(1));
    }
    let bobs = mail.issue(EMAIL, "bob").await;
    let resets = mail.issue(RESET, "alice").await;
    assert_eq!(mail.redeem(&issued[0], EMAIL).await, fault(OneTimeFault::Spent), "the oldest had to go");
    for token in &issued[1..] {
        assert_eq!(mail.redeem(token, EMAIL).await, alice());
    }
    assert_eq!(mail.redeem(&bobs, EMAIL).await, Ok("bob".to_owned()));
    assert_eq!(mail.redeem(&resets, RESET).await, alice());
}

#[tokio::test]
async fn using_one_ends_the_others_of_its_purpose() {
    for (purpose, other) in [
        (RESET, fault(OneTimeFault::Spent)),
        (MAGIC, fault(OneTimeFault::Spent)),
        // Two addresses may be verified one after the other.
        (EMAIL, alice()),
    ] {
        let mail = Mail::new();
        let [first, second, third] = [
            mail.issue(purpose, "alice").await,
            mail.issue(purpose, "alice").await,
            mail.issue(purpose, "bob").await,
        ];
        assert_eq!(mail.redeem(&second, purpose).await, alice());
        assert_eq!(mail.redeem(&first, purpose).await, other, "{purpose}");
        assert_eq!(mail.redeem(&third, purpose).await, Ok("bob".to_owned()));
    }
}

#[tokio::test]
async fn tokens_can_be_withdrawn() {
    let mail = Mail::new();
    let mut tokens = Vec::new();
    for purpose in ALL {
        tokens.push((purpose, mail.issue(purpose, "alice").await));
    }
    let bobs = mail.issue(RESET, "bob").await;
    assert_eq!(mail.auth.withdraw_one_time("alice", RESET).await, Ok(1));
    assert_eq!(mail.auth.withdraw_one_time("alice", RESET).await, Ok(0));
    assert_eq!(mail.redeem(&tokens[0].1, RESET).await, fault(OneTimeFault::Spent));
    assert_eq!(mail.redeem(&tokens[1].1, EMAIL).await, alice());
    assert_eq!(mail.auth.withdraw_one_time("alice", None).await, Ok(1));
    assert_eq!(mail.redeem(&tokens[2].1, MAGIC).await, fault(OneTimeFault::Spent));
    assert_eq!(mail.redeem(&bobs, RESET).await, Ok("bob".to_owned()));
}

#[tokio::test]
async fn only_a_hash_is_kept() {
    let mail = Mail::new();
    let issued = mail.issue(RESET, "alice").await;
    let payload = mail.auth.verify_signature_and_claims(&issued, Purpose::PasswordReset).unwrap();
    assert_eq!(mail.store.inner().sizes().one_time_tokens, 1);
    // Not even one that whoever sees the token could work out.
    let hash = SecretHash::from_bytes(sha2::Sha256::digest(payload.token_id()).into());
    let (owner, purpose) = (mail.auth.owner("alice"), Purpose::PasswordReset);
    let kept = mail.store.inner().redeem(&owner, &hash, purpose, ManualClock::START).await;
    assert_eq!(kept.unwrap(), None);
    assert_eq!(mail.redeem(&issued, RESET).await, alice());
}

#[tokio::test]
async fn a_failing_store_is_503() {
    let unavailable = Rejection::Unavailable(Unavailable::Store);
    for method in ["redeem", "withdraw"] {
        let mail = Mail::new();
        let issued = mail.issue(RESET, "alice").await;
        mail.store.fault_at(method, Fault::Fails);
        assert_eq!(mail.redeem(&issued, RESET).await, Err(unavailable.clone()), "{method}");
        mail.store.recover();
        // What is not known to be unused is not redeemed a second time.
        let expected = if method == "redeem" { alice() } else { fault(OneTimeFault::Spent) };
        assert_eq!(mail.redeem(&issued, RESET).await, expected, "{method}");
    }
    let mail = Mail::new();
    mail.store.fault(Fault::Fails);
    let account = mail.account("alice");
    let refused = mail.auth.issue_one_time(RESET, OneTimeRequest::for_user(&account)).await.unwrap_err();
    assert_eq!(refused, unavailable, "no token that could not be redeemed");
    assert_eq!(mail.auth.withdraw_one_time("alice", None).await, Err(unavailable));
    let failures: Vec<_> = mail.events.take().into_iter().map(|event| (event.kind, event.reason)).collect();
    assert_eq!(failures, [(EventKind::StoreFailed, Some("store_failed")); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_store_is_cut_off() {
    let mail = Mail::with(config(), |builder| builder.store_timeout(Duration::from_secs(2)));
    let issued = mail.issue(RESET, "alice").await;
    mail.store.delay(Duration::from_secs(3));
    let refused = Err(Rejection::Unavailable(Unavailable::StoreTimeout));
    assert_eq!(mail.redeem(&issued, RESET).await, refused);
    mail.store.delay(Duration::from_secs(1));
    assert_eq!(mail.redeem(&issued, RESET).await, alice());
}

#[tokio::test]
async fn a_failing_loader_or_clock_is_503_and_uses_nothing_up() {
    let mail = Mail::new();
    let issued = mail.issue(RESET, "alice").await;
    *mail.accounts.fails.lock().unwrap() = true;
    assert_eq!(mail.redeem(&issued, RESET).await, Err(Rejection::Unavailable(Unavailable::Loader)));
    *mail.accounts.fails.lock().unwrap() = false;
    assert_eq!(mail.redeem(&issued, RESET).await, alice());

    let mail = Mail::new();
    let (issued, account) = (mail.issue(RESET, "alice").await, mail.account("alice"));
    mail.clock.break_down();
    let no_time = Rejection::Unavailable(Unavailable::Clock);
    assert_eq!(mail.redeem(&issued, RESET).await, Err(no_time.clone()));
    let refused = mail.auth.issue_one_time(RESET, OneTimeRequest::for_user(&account)).await.unwrap_err();
    assert_eq!(refused, no_time);
}

/// The store gives out somebody else's record.
#[tokio::test]
async fn a_record_of_somebody_else_is_none() {
    let mail = Mail::new();
    let issued = mail.issue(RESET, "alice").await;
    mail.store.mix_up("mallory");
    assert_eq!(mail.redeem(&issued, RESET).await, fault(OneTimeFault::Spent));
}

#[tokio::test]
async fn without_a_store_nothing_works_and_the_reason_is_told() {
    let auth = fauth_testing::provider().build().unwrap();
    let user = Users::new().find("alice");
    let no_store = Rejection::Misconfigured(Misconfigured::NoStore);
    assert_eq!(auth.issue_one_time(RESET, OneTimeRequest::for_user(&user)).await.unwrap_err(), no_store);
    assert_eq!(auth.redeem("x", RESET).await.unwrap_err(), no_store);
    assert_eq!(auth.withdraw_one_time("alice", None).await.unwrap_err(), no_store);
}

#[tokio::test]
async fn a_token_survives_a_change_of_keys() {
    let key = |id: &str| {
        let secret = format!("{SECRET}-{id}");
        Key::hmac(Algorithm::HS256, secret.as_bytes()).unwrap().with_id(id).unwrap()
    };
    let before = AuthConfig::builder().signing_key(key("old")).build().unwrap();
    let during = AuthConfig::builder().signing_key(key("new")).verification_key(key("old")).build().unwrap();
    let before = Mail::with(before, |builder| builder);
    let during = Mail::with(during, |builder| builder.one_time_store(before.store.clone()));
    let issued = before.issue(EMAIL, "alice").await;
    assert_eq!(during.redeem(&issued, EMAIL).await, alice());
}

#[tokio::test]
async fn a_token_works_in_the_profile_of_the_python_fauth() {
    for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
        let config = AuthConfig::builder().secret(SECRET).token_profile(profile).build().unwrap();
        let mail = Mail::with(config, |builder| builder);
        let issued = mail.issue(RESET, "alice").await;
        assert_eq!(mail.redeem(&issued, MAGIC).await.unwrap_err().reason(), "wrong_purpose");
        assert_eq!(mail.redeem(&issued, RESET).await, alice());
        assert_eq!(mail.redeem(&issued, RESET).await, fault(OneTimeFault::Spent));
    }
}

#[tokio::test]
async fn every_step_is_told() {
    let mail = Mail::new();
    let told = || -> Vec<_> {
        mail.events.take().into_iter().map(|event| (event.kind, event.reason, event.subject)).collect()
    };
    let about = |kind, reason| [(kind, Some(reason), Some("alice".to_owned()))];
    let issued = mail.issue(RESET, "alice").await;
    assert_eq!(told(), about(EventKind::OneTimeIssued, "password_reset"));
    mail.redeem(&issued, RESET).await.unwrap();
    assert_eq!(told(), about(EventKind::OneTimeRedeemed, "password_reset"));
    mail.redeem(&issued, RESET).await.unwrap_err();
    assert_eq!(told(), [(EventKind::OneTimeRefused, Some("one_time_token_spent"), None)]);
}

#[tokio::test]
async fn a_link_leads_to_the_configured_page() {
    let mail = Mail::new();
    let base = LinkBase::new("https://app.example.com/reset").unwrap();
    let account = mail.account("alice");
    let token = mail.auth.issue_one_time(RESET, OneTimeRequest::for_user(&account)).await.unwrap();
    let link = token.link(&base);
    let sent = link.expose().strip_prefix("https://app.example.com/reset?token=").unwrap();
    assert_eq!(sent, token.expose());
    assert!(sent.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "needs no encoding");
    assert_eq!(mail.redeem(sent, RESET).await, alice());
}

#[tokio::test]
async fn nothing_of_a_token_shows() {
    let mail = Mail::new();
    let account = mail.account("alice");
    let request = OneTimeRequest::for_user(&account).bound_to("MARK-address").browser("MARK-cookie");
    let asked = format!("{request:?}");
    let token = mail.auth.issue_one_time(RESET, request).await.unwrap();
    let link = token.link(&LinkBase::new("https://app.example.com/reset").unwrap());
    let redemption = Redemption::new(token.expose()).browser("MARK-cookie");
    let sent = format!("{token:?} {link:?} {redemption:?}");
    let redeemed = mail.auth.redeem(redemption, RESET).await.unwrap();
    let shown = format!("{asked} {sent} {redeemed:?}");
    let signature = token.expose().rsplit('.').next().unwrap();
    assert!(!shown.contains("MARK") && !shown.contains(signature), "{shown}");
    assert!(shown.contains("OneTimeToken(..)") && shown.contains("alice"));
}

#[tokio::test]
async fn the_memory_store_keeps_tokens() {
    let mail = Mail::with(config(), |builder| builder.one_time_store(MemoryStore::new()));
    for purpose in ALL {
        let (first, second) = (mail.issue(purpose, "alice").await, mail.issue(purpose, "alice").await);
        assert_eq!(mail.redeem(&first, purpose).await, alice());
        assert_eq!(mail.redeem(&first, purpose).await, fault(OneTimeFault::Spent));
        let expected = if purpose == EMAIL { alice() } else { fault(OneTimeFault::Spent) };
        assert_eq!(mail.redeem(&second, purpose).await, expected);
    }
    let issued = mail.issue(RESET, "alice").await;
    assert_eq!(mail.auth.withdraw_one_time("alice", None).await, Ok(1));
    assert_eq!(mail.redeem(&issued, RESET).await, fault(OneTimeFault::Spent));
    assert!(mail.store.calls().is_empty(), "the other store was not asked");
}
