//! In which order a mandate is judged: whoever is asked later is not asked in vain.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fauth_core::{
    AuthUser, Missing, MissingMandate, Principal, Rejection, Requirement,
    rejection::{InvalidToken, Unavailable},
    token::{MandateUse, TokenError},
};
use fauth_testing::{Fault, ForeignIssuer, MandateIssuer, ManualClock, WireRequest};

use crate::support::{DAY, EXPIRED, ISSUER, REVOKED, SECOND, STALE, World, ZONE};

fn user() -> Requirement {
    Requirement::user()
}

fn lacks(missing: Missing) -> Rejection {
    Rejection::Forbidden(missing)
}

/// A user of the application's own.
#[derive(Debug)]
struct Agent {
    id: String,
    is_enabled: bool,
}

impl AuthUser for Agent {
    fn subject(&self) -> impl AsRef<str> {
        &self.id
    }

    fn is_active(&self) -> bool {
        self.is_enabled
    }

    fn roles(&self) -> impl IntoIterator<Item: AsRef<str>> {
        ["agent"]
    }
}

/// Counts how often users are looked for. `nobody` is none, `disabled` one who may not act, `slow`
/// takes as long as a mandate lasts.
fn service() -> (World<Agent>, Arc<AtomicUsize>) {
    let (clock, loads) = (ManualClock::new(), Arc::new(AtomicUsize::new(0)));
    let (time, counted) = (clock.clone(), Arc::clone(&loads));
    let load = move |principal: Arc<Principal>| {
        counted.fetch_add(1, Ordering::SeqCst);
        if principal.subject().starts_with("slow") {
            time.advance(DAY);
        }
        let (id, is_enabled) = (principal.subject().to_owned(), principal.subject() != "disabled");
        async move { Ok::<_, Infallible>((id != "nobody").then_some(Agent { id, is_enabled })) }
    };
    // They never grow old, while the clock jumps.
    let keys = MandateIssuer::new(ISSUER, ZONE).keys();
    (World::on(clock, |mandates| mandates.user_loader(load).keys(keys), |provider| provider), loads)
}

#[tokio::test]
async fn what_claims_decide_asks_nobody() {
    let (world, loads) = service();
    world.anchors.fault(Fault::Fails);
    let mandate = world.mandate("nobody").sign();
    let target = MissingMandate::Target("x".into());
    for (asked, refused) in [
        (
            user().mandate_use(MandateUse::Session),
            Rejection::InvalidToken(InvalidToken::Token(TokenError::WrongUse)),
        ),
        (user().scopes(["admin"]), lacks(Missing::Scopes(vec!["admin".into()]))),
        (user().agent_session(), lacks(Missing::Mandate(MissingMandate::AgentSession))),
        (user().delegation(), lacks(Missing::Mandate(MissingMandate::Delegation))),
        (user().chain_contains(["x"]), lacks(Missing::Mandate(MissingMandate::ChainApplication("x".into())))),
        (user().targets(["x"]), lacks(Missing::Mandate(target))),
        // Also where a right of the user is demanded first, which nobody knows yet.
        (user().roles(["none"]).scopes(["admin"]), lacks(Missing::Scopes(vec!["admin".into()]))),
    ] {
        assert_eq!(world.pass(&mandate, &asked).await.unwrap_err(), refused);
    }
    let forged = world.mandate("nobody").forge();
    assert_eq!(world.enter(&forged).await.unwrap_err().status(), 401);
    assert!(world.anchors.calls().is_empty(), "{:?}", world.anchors.calls());
    assert_eq!(loads.load(Ordering::SeqCst), 0);
    // The same mandate, where its claims suffice, comes to the store.
    assert_eq!(world.enter(&mandate).await.unwrap_err(), Rejection::Unavailable(Unavailable::Store));
}

#[tokio::test]
async fn what_is_revoked_asks_for_no_user() {
    let (world, loads) = service();
    let mandate = world.delegated("nobody").sign();
    world.auth.raise_delegation_epoch(1000, DAY).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), STALE);
    world.auth.revoke_mandate_anchors(&["root_1"], DAY).await.unwrap();
    assert_eq!(world.enter(&mandate).await.unwrap_err(), REVOKED, "before the epoch");
    assert_eq!(loads.load(Ordering::SeqCst), 0);
    // One trip for each mandate.
    assert_eq!(
        world.anchors.calls(),
        ["raise_delegation_epoch", "check_anchors", "revoke_anchors", "check_anchors"]
    );
}

#[tokio::test]
async fn users_are_looked_for_before_their_rights() {
    let (world, loads) = service();
    let asked = user().roles(["none"]);
    let unknown = Rejection::InvalidToken(InvalidToken::UnknownUser);
    let inactive = Rejection::InvalidToken(InvalidToken::InactiveUser);
    let missing = lacks(Missing::Role("none".into()));
    for (subject, refused) in
        [("nobody", unknown), ("disabled", inactive), ("slow", EXPIRED), ("alice", missing)]
    {
        let mandate = world.mandate(subject).sign();
        assert_eq!(world.pass(&mandate, &asked).await.unwrap_err(), refused, "{subject}");
    }
    assert_eq!(loads.load(Ordering::SeqCst), 4);
    let mandate = world.mandate("alice").sign();
    assert_eq!(world.pass(&mandate, &user().roles(["agent"])).await.unwrap().user().id, "alice");
    let inactive = user().danger_allow_inactive();
    assert!(world.pass(&world.mandate("disabled").sign(), &inactive).await.is_ok());
}

/// What cannot be met is a mistake of the application, whoever asks.
#[tokio::test]
async fn an_impossible_requirement_asks_nobody() {
    let (world, loads) = service();
    let asked = user().targets::<[&str; 0]>([]);
    let refused = world.pass(&world.mandate("alice").sign(), &asked).await.unwrap_err();
    assert_eq!(refused.status(), 500);
    assert!(world.anchors.calls().is_empty() && loads.load(Ordering::SeqCst) == 0);
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_fails_or_hangs_is_503() {
    let load = async |principal: Arc<Principal>| {
        if principal.subject() == "hangs" {
            std::future::pending::<()>().await;
        }
        Err::<Option<Agent>, _>(std::io::Error::other("the database is gone"))
    };
    let world: World<Agent> =
        World::with(|mandates| mandates.user_loader(load), |provider| provider.loader_timeout(SECOND));
    let late = world.enter(&world.mandate("hangs").sign()).await.unwrap_err();
    assert_eq!(late, Rejection::Unavailable(Unavailable::LoaderTimeout));
    let failed = world.enter(&world.mandate("alice").sign()).await.unwrap_err();
    assert_eq!(failed, Rejection::Unavailable(Unavailable::Loader));
}

/// A provider of mandates accepts nothing else: not another token of the same issuer, no own one,
/// no API key.
#[tokio::test]
async fn nothing_but_mandates_is_accepted() {
    let world = World::new();
    assert!(world.enter(&world.mandate("alice").sign()).await.is_ok());
    let issuer = ForeignIssuer::new(ISSUER);
    let other = issuer.token("alice", world.now()).claim("aud", fauth_testing::MANDATE_AUDIENCE);
    let own = fauth_testing::provider().build().unwrap();
    let own = own.issue(fauth_core::Purpose::Access, "alice").await.unwrap();
    let tokens = [
        other.sign(),
        other.clone().header("typ", "JWT").sign(),
        own.expose().to_owned(),
        "fauth_abc_0123456789".to_owned(),
        "x".to_owned(),
    ];
    for token in tokens {
        let refused = world.enter(&token).await.unwrap_err();
        assert!(matches!(refused, Rejection::InvalidToken(_)), "{refused:?}");
    }
    let head = WireRequest::get("/");
    let nothing = world.auth.check(world.auth.read(&head), &user()).await.unwrap_err();
    assert_eq!(nothing, Rejection::MissingCredential);
    assert_eq!(world.answer(&nothing).json()["error"], "missing_token");
    let basic = WireRequest::get("/").header("authorization", "Basic YTpi");
    assert!(world.auth.check(world.auth.read(&basic), &user()).await.is_err());
}

/// Where a user is optional, nobody is nobody, and a bad mandate is no guest.
#[tokio::test]
async fn a_bad_mandate_is_no_guest() {
    let world = World::new();
    let optional = async |head: &WireRequest| world.auth.check_optional(world.auth.read(head)).await;
    assert!(optional(&WireRequest::get("/")).await.unwrap().is_none());
    let mandate = world.mandate("alice").sign();
    let head = WireRequest::get("/").bearer(&mandate);
    assert_eq!(optional(&head).await.unwrap().unwrap().user().subject(), "alice");
    world.auth.revoke_mandate_anchors(&["alice"], DAY).await.unwrap();
    assert_eq!(optional(&head).await.unwrap_err(), REVOKED);
}

/// Also a mandate that comes by itself, such as in the first message of a socket.
#[tokio::test]
async fn a_bare_mandate_is_judged_alike() {
    let world = World::new();
    let mandate = world.delegated("alice").sign();
    let granted = world.auth.authenticate_token(&mandate, &user().delegation()).await.unwrap();
    assert_eq!(granted.user().subject(), "alice");
    let refused = world.auth.authenticate_token(&mandate, &user().scopes(["x"])).await.unwrap_err();
    assert_eq!(refused, lacks(Missing::Scopes(vec!["x".into()])));
    world.auth.revoke_mandate_anchors(&["edge_1"], DAY).await.unwrap();
    assert_eq!(world.auth.authenticate_token(&mandate, &user()).await.unwrap_err(), REVOKED);
}
