//! What was taken back before it expired: by what it hangs on, by epochs, and for how long that is
//! remembered.

use std::time::Duration;

use fauth_core::{
    AuthConfig, ClientInfo, MemoryStore, OneTimePurpose, Purpose, Rejection, SessionConfig, TokenRequest,
    api_key::ApiKeyRequest,
    clock::Timestamp,
    event::EventKind,
    one_time::{OneTimeRequest, OneTimeToken},
    rejection::{InvalidToken, Misconfigured, Unavailable},
    store::RevocationTarget,
    token::TokenError,
};
use fauth_testing::{
    Fault, FaultyStore, ManualClock, SECRET, Users, at_once, memory_store, provider_without_store, sign,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::support::{Sink, Tokens, World, get};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn invalid(reason: InvalidToken) -> Rejection {
    Rejection::InvalidToken(reason)
}

fn revoked() -> Rejection {
    invalid(InvalidToken::Revoked)
}

// ------------------------------------------------------------------------------------------------
// targets

#[tokio::test]
async fn one_token_is_revoked_by_its_id() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let next = world.works(&tokens).await;
    world.events.take();
    let payload = world.auth.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap();
    world.auth.revoke("alice", &[RevocationTarget::TokenId(payload.token_id())]).await.unwrap();
    assert_eq!(world.events.only().kind, EventKind::Revoked);
    assert_eq!(world.enter(&tokens).await, Err(revoked()));
    world.works(&next).await;
}

#[tokio::test]
async fn a_refresh_token_is_revoked_by_its_id() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let payload = world.auth.verify_signature_and_claims(&tokens.refresh, Purpose::Refresh).unwrap();
    world.auth.revoke("alice", &[RevocationTarget::TokenId(payload.token_id())]).await.unwrap();
    assert_eq!(world.enter(&tokens).await, Ok(()));
    assert_eq!(world.refresh(&tokens).await, Err(revoked()));
}

#[tokio::test]
async fn a_session_and_a_subject_are_revoked_with_all_they_have() {
    let world = World::new();
    let [first, second, bob] =
        [world.log_in("alice").await, world.log_in("alice").await, world.log_in("bob").await];
    let next = world.works(&first).await;
    let id = world.session_of(&first);
    world.auth.revoke("alice", &[RevocationTarget::Session(id.as_str())]).await.unwrap();
    for tokens in [&first, &next] {
        world.is_over(tokens, "its session is revoked").await;
    }
    let second = world.works(&second).await;
    world.auth.revoke("alice", &[RevocationTarget::Subject]).await.unwrap();
    world.is_over(&second, "its subject is revoked").await;
    // Who is kept out gets nothing meanwhile: it would outlast the revocation.
    world.events.take();
    assert_eq!(world.auth.login("alice").await.unwrap_err(), Rejection::InvalidCredentials);
    let told = world.events.only();
    assert_eq!((told.kind, told.reason), (EventKind::AuthenticationFailed, Some("subject_revoked")));
    assert_eq!(told.subject.as_deref(), Some("alice"));
    let outcome = world.auth.authenticate("alice", "s3cret", &ClientInfo::unknown()).await.map(drop);
    assert_eq!(outcome, Ok(()), "the password is still right");
    world.works(&bob).await;
}

fn with_device(device: impl serde::Serialize) -> TokenRequest<'static> {
    TokenRequest::for_subject("alice").claim("device", device)
}

#[tokio::test]
async fn a_device_is_revoked_by_its_claim() {
    let world = World::with(|builder| builder.revocable_claim("device").revocable_claim("tenant"));
    let [phone, laptop, plain] = [
        world.log_in(with_device("phone")).await,
        world.log_in(with_device("laptop")).await,
        world.log_in("alice").await,
    ];
    let tenant = world.log_in(TokenRequest::for_subject("alice").claim("tenant", "phone")).await;
    let escaped = world.log_in(with_device("ph\u{f6}ne\n")).await;
    let next = world.works(&phone).await;
    world.events.take();
    world.auth.revoke_claim("device", "phone").await.unwrap();
    let told = world.events.only();
    assert_eq!((told.kind, told.subject), (EventKind::Revoked, None), "it is nobody's");
    for tokens in [&phone, &next] {
        world.is_over(tokens, "the phone is lost").await;
    }
    let later = world.log_in(with_device("phone")).await;
    world.is_over(&later, "the phone is lost").await;
    for tokens in [&laptop, &plain, &tenant] {
        world.works(tokens).await;
    }
    let escaped = world.works(&escaped).await;
    world.auth.revoke_claim("device", "ph\u{f6}ne\n").await.unwrap();
    world.is_over(&escaped, "compared as text, not as JSON").await;
}

/// Revoking what no check looks at would be a promise that nobody keeps.
#[tokio::test]
async fn a_claim_that_is_not_looked_at_is_not_revoked() {
    let world = World::with(|builder| builder.revocable_claim("device"));
    let phone = world.log_in(with_device("phone").claim("tenant", "acme")).await;
    let unknown = RevocationTarget::Claim { name: "tenant", value: "acme" };
    let known = RevocationTarget::Claim { name: "device", value: "phone" };
    let refused = Err(Rejection::Misconfigured(Misconfigured::NotRevocable));
    assert_eq!(world.auth.revoke("alice", &[unknown]).await, refused);
    // All or nothing.
    assert_eq!(world.auth.revoke("alice", &[known, unknown]).await, refused);
    assert_eq!(world.events.take(), []);
    let phone = world.works(&phone).await;
    world.auth.revoke("alice", &[known]).await.unwrap();
    world.is_over(&phone, "revoked").await;
    assert_eq!(World::new().auth.revoke("alice", &[known]).await, refused);
}

#[tokio::test]
async fn a_claim_that_could_not_be_revoked_is_not_accepted() {
    let world = World::with(|builder| builder.revocable_claim("device"));
    let plain = World::new();
    for good in ["phone", "", " "] {
        let tokens = world.log_in(with_device(good)).await;
        world.works(&tokens).await;
    }
    for bad in [json!(7), json!(null), json!(true), json!(["phone"]), json!({ "id": "phone" })] {
        let tokens = world.log_in(with_device(&bad)).await;
        world.is_over(&tokens, &bad.to_string()).await;
        assert_eq!(world.enter(&tokens).await, Err(TokenError::InvalidClaim("revocable").into()), "{bad}");
        let tokens = plain.log_in(with_device(&bad)).await;
        plain.works(&tokens).await;
    }
}

// ------------------------------------------------------------------------------------------------
// epochs

fn epoch_of(world: &World, token: &str) -> Option<u64> {
    world.auth.verify_signature_and_claims(token, Purpose::Access).unwrap().claim("token_epoch").unwrap()
}

#[tokio::test]
async fn tokens_carry_the_epoch_of_their_subject() {
    let world = World::new();
    let before = world.log_in("alice").await;
    assert_eq!(epoch_of(&world, &before.access), None, "what was never raised is not written");
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(world.enter(&before).await, Err(invalid(InvalidToken::OldEpoch)));
    assert_eq!(world.refresh(&before).await, Err(invalid(InvalidToken::OldEpoch)));
    let after = world.log_in("alice").await;
    let epoch = epoch_of(&world, &after.access).unwrap();
    assert_eq!(epoch, u64::try_from(ManualClock::START.unix_seconds()).unwrap() * 1000);
    let next = world.works(&after).await;
    assert_eq!(epoch_of(&world, &next.access), Some(epoch), "a refresh keeps it");
    let bob = world.log_in("bob").await;
    assert_eq!(epoch_of(&world, &bob.access), None);
}

/// `issue` asks nobody, so what it gives is of the first epoch: refused as soon as one was raised.
#[tokio::test]
async fn a_token_that_was_only_issued_is_of_no_epoch() {
    let world = World::new();
    let lone = || Tokens { access: world.access("alice"), refresh: String::new() };
    assert_eq!(world.enter(&lone()).await, Ok(()));
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    assert_eq!(world.enter(&lone()).await, Err(invalid(InvalidToken::OldEpoch)));
}

#[tokio::test]
async fn the_epoch_of_the_user_ends_what_was_issued_to_him() {
    let world = World::new();
    let log_in = async || {
        let alice = world.users.find("alice");
        world.log_in(TokenRequest::for_user(&alice).scope("read").claim("n", 7)).await
    };
    let first = log_in().await;
    let first = world.works(&first).await;
    let plain = world.log_in("alice").await;
    let bob = world.log_in("bob").await;
    world.users.change("alice", |alice| alice.token_epoch = 1);
    let second = log_in().await;
    assert_eq!(world.enter(&first).await, Err(invalid(InvalidToken::OldEpoch)));
    assert_eq!(world.refresh(&first).await, Err(invalid(InvalidToken::OldEpoch)));
    world.is_over(&plain, "it says nothing of the user, so it is of the first epoch").await;
    let plain = world.log_in("alice").await;
    world.is_over(&plain, "the name alone does not know the epoch").await;

    let second = world.works(&second).await;
    let payload = world.auth.verify_signature_and_claims(&second.access, Purpose::Access).unwrap();
    assert_eq!((payload.subject(), payload.scopes()), ("alice", vec!["read".into()]));
    assert_eq!(payload.claim::<u64>("user_epoch").unwrap(), Some(1));
    world.works(&bob).await;
    // An application that restores an older record of its user lets nobody in who was thrown out by
    // the newer one: the session has ended.
    world.users.change("alice", |alice| alice.token_epoch = 0);
    assert_eq!(world.refresh(&first).await, Err(revoked()));
}

/// Who keeps it on the user needs no store.
#[tokio::test]
async fn the_epoch_of_the_user_counts_without_any_store() {
    let world = World::without_store(fauth_core::AuthProviderBuilder::danger_stateless);
    let tokens = world.log_in(TokenRequest::for_user(&world.users.find("alice"))).await;
    let tokens = world.works(&tokens).await;
    world.users.change("alice", |alice| alice.token_epoch = 1);
    assert_eq!(world.enter(&tokens).await, Err(invalid(InvalidToken::OldEpoch)));
    assert_eq!(world.refresh(&tokens).await, Err(invalid(InvalidToken::OldEpoch)));
    let tokens = world.log_in(TokenRequest::for_user(&world.users.find("alice"))).await;
    world.works(&tokens).await;
}

/// A store that was restarted empty does not vouch for what it has not seen.
#[tokio::test]
async fn what_was_issued_before_the_store_remembers_is_refused() {
    let begin = ManualClock::START.checked_add(SECOND).unwrap();
    let store = MemoryStore::builder().remembers_since(begin).build();
    let world = World::with(|builder| builder.revocation_store(store.clone()));
    let before = world.access("alice");
    world.clock.advance(SECOND);
    let after = world.log_in("alice").await;
    let before = Tokens { access: before, refresh: String::new() };
    assert_eq!(world.enter(&before).await, Err(invalid(InvalidToken::BeforeMemory)));
    world.works(&after).await;
}

// ------------------------------------------------------------------------------------------------
// claims of our own

#[test]
fn what_ends_a_token_cannot_be_claimed_by_an_application() {
    let world = World::new();
    for name in ["sid", "token_epoch", "user_epoch"] {
        let request = TokenRequest::for_subject("alice").claim(name, u64::MAX);
        let error = at_once(world.auth.issue(Purpose::Access, request)).unwrap_err();
        assert!(matches!(error, fauth_core::token::IssueError::ReservedClaim(found) if &*found == name));
    }
    assert!(
        at_once(world.auth.issue(Purpose::Access, TokenRequest::for_subject("alice").claim("sid2", 1)))
            .is_ok()
    );
}

fn minted(name: &str, value: Value) -> String {
    let now = ManualClock::START.unix_seconds();
    let mut claims = json!({
        "sub": "alice", "exp": now + 900, "iat": now, "jti": "minted", "token_type": "access", "scopes": [],
        "app": "default"
    });
    claims[name] = value;
    sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims.to_string())
}

#[tokio::test]
async fn claims_that_end_a_token_have_one_type() {
    let world = World::new();
    let enter = async |token: &str| {
        let head = get("/").bearer(token);
        world.auth.check_current(world.auth.read(&head)).await.map(drop)
    };
    assert_eq!(enter(&minted("n", json!(1))).await, Ok(()), "the minting is right");
    let longest = "s".repeat(128);
    for good in [json!("s"), json!(longest), json!("AAAAAAAAAAAAAAAAAAAAAA")] {
        assert_eq!(enter(&minted("sid", good.clone())).await, Ok(()), "{good}");
    }
    let too_long = "s".repeat(129);
    for bad in [json!(""), json!(too_long), json!(7), json!(null), json!(["s"]), json!({}), json!(true)] {
        let refused = enter(&minted("sid", bad.clone())).await.unwrap_err();
        assert_eq!(refused, TokenError::InvalidClaim("sid").into(), "{bad}");
    }
    for name in ["token_epoch", "user_epoch"] {
        for good in [json!(0), json!(1), json!(u64::MAX)] {
            assert_eq!(enter(&minted(name, good.clone())).await, Ok(()), "{name} {good}");
        }
        for bad in
            [json!(-1), json!(1.5), json!(1.0), json!("1"), json!(null), json!([1]), json!(true), json!({})]
        {
            let refused = enter(&minted(name, bad.clone())).await.unwrap_err();
            assert_eq!(refused, TokenError::InvalidClaim(name).into(), "{name} {bad}");
        }
    }
    // Numbers that `json!` cannot write.
    for bad in ["18446744073709551616", "1e3", "-0", "1E400"] {
        let claims = format!(
            r#"{{"sub":"alice","exp":{0},"iat":{1},"jti":"m","token_type":"access","scopes":[],"app":"default","token_epoch":{bad}}}"#,
            ManualClock::START.unix_seconds() + 900,
            ManualClock::START.unix_seconds(),
        );
        let token = sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims);
        let refused = enter(&token).await.unwrap_err();
        assert_eq!(refused, TokenError::InvalidClaim("token_epoch").into(), "{bad}");
    }
}

/// A name that no session of ours has: nothing to look up, and nothing to end but the token.
#[tokio::test]
async fn a_foreign_session_id_is_revoked_as_it_stands() {
    let world = World::new();
    let token = minted("sid", json!("not-ours"));
    let tokens = Tokens { access: token, refresh: String::new() };
    assert_eq!(world.enter(&tokens).await, Ok(()));
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(world.enter(&tokens).await, Err(revoked()));
}

// ------------------------------------------------------------------------------------------------
// for how long

/// Settings as odd as they may be.
#[derive(Debug, Clone)]
struct Odd {
    access: (u64, u64),
    refresh: (u64, u64),
    leeway: u64,
    expiry_leeway: u64,
    idle: u64,
    lifetime: u64,
    remember: bool,
    stateless: bool,
}

/// Lifetime and longest lifetime, in seconds.
fn lifetimes(longest: u64) -> impl Strategy<Value = (u64, u64)> {
    (1..=longest).prop_flat_map(|longest| (1..=longest, Just(longest)))
}

fn odd_settings() -> impl Strategy<Value = Odd> {
    let leeways = (0..=300_u64, 0..=300_u64);
    // Many that are shorter than a token, which is where a mistake would show.
    let lifetime = prop_oneof![1..=HOUR, 1..=3 * DAY, 1..=100 * DAY];
    (lifetimes(3 * DAY), lifetimes(90 * DAY), leeways, lifetime, any::<[bool; 2]>()).prop_flat_map(
        |(access, refresh, (leeway, expiry_leeway), lifetime, [remember, stateless])| {
            (1..=refresh.1).prop_map(move |idle| Odd {
                access,
                refresh,
                leeway,
                expiry_leeway,
                idle,
                lifetime,
                remember,
                stateless,
            })
        },
    )
}

const fn seconds(span: u64) -> Duration {
    Duration::from_secs(span)
}

impl Odd {
    const DEFAULT: Self = Self {
        access: (900, HOUR),
        refresh: (7 * DAY, 30 * DAY),
        leeway: 30,
        expiry_leeway: 0,
        idle: 7 * DAY,
        lifetime: 30 * DAY,
        remember: false,
        stateless: false,
    };

    fn world(&self, store: &FaultyStore) -> World {
        let config = AuthConfig::builder()
            .secret(SECRET)
            .danger_max_lifetime(Purpose::Access, seconds(self.access.1))
            .danger_max_lifetime(Purpose::Refresh, seconds(self.refresh.1))
            .lifetime(Purpose::Access, seconds(self.access.0))
            .lifetime(Purpose::Refresh, seconds(self.refresh.0))
            .leeway(seconds(self.leeway))
            .expiry_leeway(seconds(self.expiry_leeway))
            .build()
            .unwrap();
        let (users, clock, events) = (Users::new(), ManualClock::new(), Sink::default());
        let (idle, lifetime) = (seconds(self.idle), seconds(self.lifetime));
        let sessions = SessionConfig::new().idle_timeout(idle).lifetime(lifetime);
        let sessions = sessions.remembered_idle_timeout(idle).remembered_lifetime(lifetime);
        let builder = provider_without_store(config, &users)
            .clock(clock.clone())
            .events(events.clone())
            .sessions(sessions)
            .revocable_claim("device")
            .revocation_store(store.clone());
        let builder =
            if self.stateless { builder.danger_stateless() } else { builder.session_store(memory_store()) };
        World { users, clock, events, auth: builder.build().unwrap() }
    }

    /// The last second at which a token is accepted that any instance may have issued by now: one
    /// whose clock is ahead, with the longest lifetime.
    fn longest(&self, purpose: Purpose) -> i64 {
        let (_, longest) = if purpose == Purpose::Access { self.access } else { self.refresh };
        i64::try_from(longest + self.leeway + self.expiry_leeway).unwrap()
    }
}

async fn outlives_what_it_covers(odd: &Odd) {
    let store = FaultyStore::default();
    let world = odd.world(&store);
    let log_in = async || {
        let request = TokenRequest::for_subject("alice").claim("device", "phone");
        world.log_in(fauth_core::LoginRequest::from(request).remember(odd.remember)).await
    };
    let access_end = ManualClock::START.unix_seconds() + odd.longest(Purpose::Access);
    let login_end =
        ManualClock::START.unix_seconds() + odd.longest(Purpose::Refresh).max(odd.longest(Purpose::Access));
    // A store of sessions knows for itself that a refresh token is used up.
    let session_end = if odd.stateless { login_end } else { access_end };

    let tokens = log_in().await;
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    let entries = store.revocation_ends();
    assert_eq!(entries.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), ["sid"]);
    for (kind, until) in entries {
        assert!(until.unix_seconds() >= session_end, "{kind}: {until} < {session_end}, {odd:?}");
    }
    let other = log_in().await;
    let device = RevocationTarget::Claim { name: "device", value: "phone" };
    world
        .auth
        .revoke(
            "alice",
            &[
                device,
                RevocationTarget::Subject,
                RevocationTarget::TokenId("x"),
                RevocationTarget::Session("y"),
            ],
        )
        .await
        .unwrap();
    world.auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    let entries = store.revocation_ends();
    assert_eq!(
        entries.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        ["claim", "sub", "jti", "sid", "epoch"]
    );
    for (kind, until) in entries {
        assert!(until.unix_seconds() >= login_end, "{kind}: {until} < {login_end}, {odd:?}");
    }

    // And what that means: in the last second of its life a token is still refused for the right
    // reason.
    for tokens in [&tokens, &other] {
        let payload = world.auth.verify_signature_and_claims(&tokens.access, Purpose::Access).unwrap();
        let last = payload.expires_at().unix_seconds() + i64::try_from(odd.expiry_leeway).unwrap() - 1;
        world.clock.set(Timestamp::from_unix_seconds(last));
        assert!(world.auth.verify_signature_and_claims(&tokens.access, Purpose::Access).is_ok(), "{odd:?}");
        let refused = world.enter(tokens).await.unwrap_err();
        assert!(matches!(&refused, Rejection::InvalidToken(InvalidToken::Revoked)), "{refused:?} {odd:?}");
        world.clock.set(ManualClock::START);
        let payload = world.auth.verify_signature_and_claims(&tokens.refresh, Purpose::Refresh).unwrap();
        let last = payload.expires_at().unix_seconds() + i64::try_from(odd.expiry_leeway).unwrap() - 1;
        world.clock.set(Timestamp::from_unix_seconds(last));
        assert_eq!(world.refresh(tokens).await.unwrap_err().status(), 401, "{odd:?}");
        world.clock.set(ManualClock::START);
    }
}

#[test]
fn a_revocation_outlives_everything_that_it_covers() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let check = |odd: &Odd| runtime.block_on(outlives_what_it_covers(odd));
    check(&Odd::DEFAULT);
    check(&Odd { stateless: true, ..Odd::DEFAULT });
    check(&Odd { remember: true, expiry_leeway: 300, leeway: 300, ..Odd::DEFAULT });
    // Access tokens that live longer than refresh tokens.
    check(&Odd { access: (3 * DAY, 3 * DAY), refresh: (1, 1), idle: 1, lifetime: 1, ..Odd::DEFAULT });
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(odd in odd_settings())| {
        check(&odd);
    });
}

/// A token for a mail carries the epoch too, and may live longer than any login.
#[tokio::test]
async fn the_end_of_everything_outlives_tokens_for_mails() {
    let (users, clock, long) = (Users::new(), ManualClock::new(), seconds(200 * DAY));
    let config = AuthConfig::builder()
        .secret(SECRET)
        .danger_max_lifetime(Purpose::EmailVerification, long)
        .lifetime(Purpose::EmailVerification, long);
    let store = FaultyStore::default();
    let builder = provider_without_store(config.build().unwrap(), &users).clock(clock.clone());
    let auth = builder.store(memory_store()).revocation_store(store.clone()).build().unwrap();
    let alice = users.find("alice");
    let issue = async || {
        let request = OneTimeRequest::for_user(&alice);
        auth.issue_one_time(OneTimePurpose::EmailVerification, request).await.unwrap()
    };
    let before = issue().await;
    auth.logout_all("alice", &ClientInfo::unknown()).await.unwrap();
    let [(kind, until)] = store.revocation_ends()[..] else { panic!("only the epoch") };
    assert_eq!(kind, "epoch");
    // What a store may forget after that, it never has to remember again.
    assert!(until >= ManualClock::START.checked_add(long).unwrap(), "{until}");
    let after = issue().await;
    clock.advance(seconds(200 * DAY - 1));
    let redeem = async |token: &OneTimeToken| {
        auth.redeem(token.expose(), OneTimePurpose::EmailVerification).await.map(drop)
    };
    assert_eq!(redeem(&before).await, Err(Rejection::InvalidToken(InvalidToken::OldEpoch)));
    assert_eq!(redeem(&after).await, Ok(()));
}

/// Until then and not a second less, whatever was said before.
#[tokio::test]
async fn a_second_logout_does_not_shorten_the_first() {
    let store = FaultyStore::default();
    let world = Odd::DEFAULT.world(&store);
    let tokens = world.log_in("alice").await;
    let id = world.session_of(&tokens);
    world.auth.revoke("alice", &[RevocationTarget::Session(id.as_str())]).await.unwrap();
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    let kept = store.revocation_ends();
    let [("sid", first), ("sid", second)] = kept[..] else { panic!("{kept:?}") };
    assert!(first > second, "{kept:?}");
    world.clock.advance(seconds(6 * DAY));
    assert_eq!(world.refresh(&tokens).await, Err(revoked()));
}

#[tokio::test]
async fn a_revocation_names_a_subject() {
    let world = World::new();
    let target = [RevocationTarget::TokenId("x")];
    for subject in ["", &"x".repeat(256)] {
        let refused = world.auth.revoke(subject, &target).await;
        assert_eq!(refused, Err(Rejection::Misconfigured(Misconfigured::NotRevocable)), "{subject:?}");
    }
    assert_eq!(world.auth.revoke(&"x".repeat(255), &target).await, Ok(()));
}

/// Whoever revokes a leaked key under the wrong name must not believe that it is revoked.
#[tokio::test]
async fn a_key_is_not_revoked_under_another_subject() {
    let world = World::with(|builder| builder.store(memory_store()));
    let key = world.auth.danger_create_api_key_for("bob", ApiKeyRequest::new("x")).await.unwrap();
    let target = [RevocationTarget::TokenId(key.key().id.as_str())];
    assert_eq!(world.auth.revoke("alice", &target).await, Err(Rejection::NotFound));
    assert_eq!(world.auth.api_keys("bob").await.unwrap().len(), 1);
    assert_eq!(world.auth.revoke("bob", &target).await, Ok(()));
    assert_eq!(world.auth.api_keys("bob").await.unwrap(), []);
}

/// What is kept of a token without a session is no more than the token needs.
#[tokio::test]
async fn a_token_that_stands_for_itself_is_remembered_as_long_as_it_lasts() {
    let store = FaultyStore::default();
    let world = World::without_store(|builder| builder.danger_stateless().revocation_store(store.clone()));
    let client = ClientInfo::unknown();
    let token = world.token(Purpose::Access, "alice");
    let end = world.auth.verify_signature_and_claims(&token, Purpose::Access).unwrap().expires_at();
    world.auth.logout(&token, &client).await.unwrap();
    let ends = store.revocation_ends();
    let [("jti", until)] = ends[..] else { panic!("{ends:?}") };
    assert!(until >= end && until.since(end) <= SECOND * 600, "{until} {end}");
    // A refresh token stands for the login that was made of it, which may outlast it.
    let token = world.token(Purpose::Refresh, "alice");
    let end = world.auth.verify_signature_and_claims(&token, Purpose::Refresh).unwrap().expires_at();
    world.auth.logout(&token, &client).await.unwrap();
    let ends = store.revocation_ends();
    let [("sid", until)] = ends[..] else { panic!("{ends:?}") };
    assert!(until >= end, "{until} {end}");
}

/// Whether the session lives is not known: the revocation lasts as long as it could.
#[tokio::test]
async fn a_logout_that_finds_no_session_store_is_remembered_as_long_as_the_login() {
    let store = FaultyStore::default();
    let world = World::with(|builder| builder.store(store.clone()));
    let tokens = world.log_in("alice").await;
    let end = world.auth.verify_signature_and_claims(&tokens.refresh, Purpose::Refresh).unwrap().expires_at();
    store.fault_at("find_session", Fault::Fails);
    store.revocation_ends();
    let refused = world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap_err();
    assert_eq!(refused, Rejection::Unavailable(Unavailable::Store));
    let ends = store.revocation_ends();
    let [("sid", until)] = ends[..] else { panic!("{ends:?}") };
    assert!(until >= end, "{until} {end}");
}
