//! What a check grants, to whom it counts, and for how long.

use std::{sync::Arc, time::Duration};

use fauth_core::{
    ClientInfo, Guard, Presented, Purpose, Rejection, Requirement, TokenRequest,
    rejection::{InvalidToken, Misconfigured},
    reply::Reply,
    token::TokenError,
};
use fauth_testing::{TestUser, Users, config, provider_with};

use crate::support::{World, get, header};

fn user() -> Requirement {
    Requirement::user()
}

fn inactive() -> Rejection {
    Rejection::InvalidToken(InvalidToken::InactiveUser)
}

fn expired() -> Rejection {
    Rejection::InvalidToken(InvalidToken::Token(TokenError::Expired))
}

#[tokio::test]
async fn a_grant_is_used_again_by_its_own_provider_only() {
    let world = World::new();
    // The same settings and the same users: only the provider is another.
    let twin_users = Users::new();
    let twin = provider_with(config(), &twin_users).build().unwrap();
    let head = get("/").bearer(&world.access("alice"));
    let granted = world.auth.check(world.auth.read(&head), &user()).await.unwrap();
    assert_eq!(world.users.user_loads(), 1);

    let again = world.auth.check_current(world.auth.read_again(&head, Some(&granted))).await.unwrap();
    assert_eq!(world.users.user_loads(), 1, "no second load");
    assert!(Arc::ptr_eq(again.user(), granted.user()) && Arc::ptr_eq(again.payload(), granted.payload()));
    let clone = world.auth.clone();
    assert!(clone.check_current(clone.read_again(&head, Some(&granted))).await.is_ok());
    assert_eq!(world.users.user_loads(), 1, "a clone is the same provider");

    assert!(twin.check_current(twin.read_again(&head, Some(&granted))).await.is_ok());
    assert_eq!(twin_users.user_loads(), 1, "the twin has looked for itself");
    // Without a credential of its own, the grant of another is worth nothing.
    let refused = twin.check_current(twin.read_again(&get("/"), Some(&granted))).await.unwrap_err();
    assert_eq!(refused, Rejection::MissingCredential);
    let nobody = twin.check_optional(twin.read_again(&get("/"), Some(&granted))).await;
    assert!(matches!(nobody, Ok(None)));
    assert!(world.auth.check_current(world.auth.read_again(&get("/"), None)).await.is_err());
}

#[tokio::test]
async fn what_one_provider_has_read_is_checked_by_no_other() {
    let world = World::new();
    // Another issuer: its keys and rules were not asked when the first one read the request.
    let other_users = Users::new();
    let other = provider_with(config(), &other_users).build().unwrap();
    let head = get("/").bearer(&world.access("alice"));
    let granted = world.auth.check(world.auth.read(&head), &user()).await.unwrap();
    let wrong = Rejection::Misconfigured(Misconfigured::OtherProvider);

    let reads: [&dyn Fn() -> Presented<TestUser>; 4] = [
        &|| world.auth.read(&head),
        &|| world.auth.read_again(&head, Some(&granted)),
        &|| world.auth.read(&get("/")),
        &|| world.auth.read(&get("/").bearer("x")),
    ];
    for read in reads {
        assert_eq!(other.check(read(), &user()).await.unwrap_err(), wrong);
        assert_eq!(other.check_current(read()).await.unwrap_err(), wrong);
        assert_eq!(other.check_optional(read()).await.unwrap_err(), wrong);
    }
    let guards = [&world.auth, &other].map(|auth| Guard::new(auth, user()));
    assert_eq!(guards[1].check(guards[0].read(&head, None)).await.unwrap_err(), wrong);
    assert!(guards[0].check(guards[0].read(&head, None)).await.is_ok());
    assert_eq!(other_users.user_loads(), 0);
}

#[tokio::test]
async fn an_earlier_grant_does_not_meet_a_stricter_requirement() {
    let world = World::new();
    let head = get("/").bearer(&world.access("bob"));
    let granted = world.auth.check(world.auth.read(&head), &user()).await.unwrap();
    let admins = Guard::new(&world.auth, user().roles(["admin"]));
    let refused = admins.check(admins.read(&head, Some(&granted))).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (403, "missing_role"));
}

#[tokio::test]
async fn a_grant_ends_with_its_token() {
    let world = World::new();
    let head = get("/").bearer(&world.access("alice"));
    let granted = world.auth.check(world.auth.read(&head), &user()).await.unwrap();
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert!(world.auth.check_current(world.auth.read_again(&head, Some(&granted))).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    let refused = world.auth.check_current(world.auth.read_again(&head, Some(&granted))).await.unwrap_err();
    assert_eq!(refused, expired());
}

#[tokio::test]
async fn a_token_that_expires_while_its_user_is_loaded_is_refused() {
    let world = World::new();
    let access = world.access("alice");
    let pair = world.auth.login("alice").await.unwrap();
    world.users.time_passes(&world.clock, Duration::from_secs(15 * 60));
    let refused = world.auth.check_current(world.auth.read(&get("/").bearer(&access))).await.unwrap_err();
    assert_eq!(refused, expired());
    world.users.time_passes(&world.clock, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(
        world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap_err(),
        expired()
    );
}

#[tokio::test]
async fn who_got_past_a_guard_for_inactive_users_is_current() {
    let world = World::new();
    let head = get("/").bearer(&world.access("carol"));
    assert_eq!(world.auth.check_current(world.auth.read(&head)).await.unwrap_err(), inactive());
    assert_eq!(world.auth.check_optional(world.auth.read(&head)).await.unwrap_err(), inactive());

    let lenient = user().danger_allow_inactive();
    let granted = world.auth.check(world.auth.read(&head), &lenient).await.unwrap();
    assert!(world.auth.check_current(world.auth.read_again(&head, Some(&granted))).await.is_ok());
    let optional = world.auth.check_optional(world.auth.read_again(&head, Some(&granted))).await;
    assert_eq!(optional.unwrap().unwrap().user().name, "carol");
    // A guard further in that does not allow it refuses all the same.
    let strict = world.auth.check(world.auth.read_again(&head, Some(&granted)), &user()).await;
    assert_eq!(strict.unwrap_err(), inactive());
}

#[tokio::test]
async fn optional_means_absent_and_not_bad() {
    let world = World::new();
    let optional = async |head| world.auth.check_optional(world.auth.read(&head)).await;
    assert!(matches!(optional(get("/")).await, Ok(None)));
    assert!(matches!(optional(get("/").header("authorization", "Basic YTpi")).await, Ok(None)));
    assert_eq!(optional(get("/").bearer(&world.access("bob"))).await.unwrap().unwrap().user().name, "bob");
    for (head, status) in [
        (get("/").bearer("nonsense"), 401),
        (get("/").bearer(&world.access("nobody")), 401),
        (get("/").header("authorization", "Bearer"), 400),
        (get("/").bearer("a").bearer("a"), 400),
    ] {
        let debug = format!("{head:?}");
        assert_eq!(optional(head).await.unwrap_err().status(), status, "{debug}");
    }
}

#[tokio::test]
async fn demotion_immediate() {
    let world = World::new();
    let admins = user().roles(["admin"]);
    let head = get("/").bearer(&world.access("alice"));
    assert!(world.auth.check(world.auth.read(&head), &admins).await.is_ok());
    world.users.change("alice", |alice| alice.roles.clear());
    assert_eq!(world.auth.check(world.auth.read(&head), &admins).await.unwrap_err().code(), "missing_role");
    world.users.change("alice", |alice| alice.active = false);
    assert_eq!(world.auth.check(world.auth.read(&head), &user()).await.unwrap_err(), inactive());
    world.users.remove("alice");
    let gone = world.auth.check(world.auth.read(&head), &user()).await.unwrap_err();
    assert_eq!(gone, Rejection::InvalidToken(InvalidToken::UnknownUser));
}

#[tokio::test]
async fn only_a_token_in_the_url_makes_the_answer_uncacheable() {
    let world = World::with(|builder| builder.danger_query_token("token"));
    let token = world.access("alice");
    let by_header = world.auth.check_current(world.auth.read(&get("/").bearer(&token))).await.unwrap();
    assert!(by_header.demands().is_empty());
    let target = format!("/?token={token}");
    let by_query = world.auth.check_current(world.auth.read(&get(&target))).await.unwrap();
    let changes = by_query.demands().changes(&Reply::new(200));
    let header = changes[0].header();
    assert_eq!((changes.len(), header.name(), header.value()), (1, "cache-control", "no-store"));
    // The second look of the same request knows it too.
    let again =
        world.auth.check_current(world.auth.read_again(&get(&target), Some(&by_query))).await.unwrap();
    assert_eq!(again.demands(), by_query.demands());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_checks_at_once_do_not_mix_up_their_users() {
    let world = Arc::new(World::new());
    world.users.delay(Duration::from_millis(5));
    let checks: Vec<_> = (0..64)
        .map(|number: usize| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let name = ["alice", "bob", "ed", "carol"][number % 4];
                let request = TokenRequest::for_subject(name).claim("number", number);
                let outcome = world.check(request, &user()).await;
                (name, number, outcome)
            })
        })
        .collect();
    for check in checks {
        let (name, number, outcome) = check.await.unwrap();
        if name == "carol" {
            assert_eq!(outcome.unwrap_err(), inactive());
            continue;
        }
        let granted = outcome.unwrap();
        assert_eq!(granted.user().name, name);
        assert_eq!(granted.payload().subject(), name);
        assert_eq!(granted.payload().claim::<usize>("number").unwrap(), Some(number));
    }
    assert_eq!(world.users.user_loads(), 64);
}

#[tokio::test]
async fn a_refresh_keeps_scopes_and_claims_and_takes_nothing_else() {
    let world = World::new();
    let request =
        TokenRequest::for_subject("alice").scopes(["read", "write"]).claim("tenant", "acme").claim("n", 7);
    let pair = world.auth.login(request).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let next = world.auth.refresh(pair.refresh_token().expose(), &ClientInfo::unknown()).await.unwrap();
    let before =
        world.auth.verify_signature_and_claims(pair.access_token().expose(), Purpose::Access).unwrap();
    let after =
        world.auth.verify_signature_and_claims(next.access_token().expose(), Purpose::Access).unwrap();
    assert_eq!(after.scopes(), ["read", "write"]);
    assert_eq!(after.claim::<String>("tenant").unwrap().as_deref(), Some("acme"));
    assert_eq!(after.claim::<i64>("n").unwrap(), Some(7));
    assert_ne!(after.token_id(), before.token_id());
    assert_eq!(after.issued_at().since(before.issued_at()), Duration::from_secs(60));
    for other in [pair.access_token().expose(), "nonsense", ""] {
        assert_eq!(world.auth.refresh(other, &ClientInfo::unknown()).await.unwrap_err().status(), 401);
    }
    let reply = world.auth.refuse(&Rejection::MissingCredential, &get("/"));
    assert_eq!(header(&reply, "www-authenticate"), ["Bearer realm=\"fauth\""]);
}
