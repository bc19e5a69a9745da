//! Who waits for a password to be checked: a place comes before any look-up, addresses take turns,
//! and users who are logged in have a share of their own.
//!
//! Nothing here measures time. A hash is slow enough to be caught running, and each future is
//! polled by hand.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use fauth_core::{
    Authenticated, ClientInfo, Granted, Rejection, Requirement,
    event::EventKind,
    password::{PasswordConfig, PasswordError},
    rejection::{Misconfigured, Unavailable},
};
use fauth_testing::TestUser;

use crate::support::{World, poll_once};

/// Somebody at this address.
fn at(last: u8) -> ClientInfo {
    ClientInfo::unknown().with_address([192, 0, 2, last].into())
}

fn v6(text: &str) -> ClientInfo {
    ClientInfo::unknown().with_address(text.parse().unwrap())
}

/// One slot, so that there are two turns, and hashes that take a while. The users keep their quick
/// ones: what waits is who is unknown, at the cost of a new hash.
fn busy(queue_limit: usize) -> World {
    // Nobody is sent away for having waited, however busy the machine is.
    let config = PasswordConfig::danger_weak_bcrypt(10).concurrency(1).queue_limit(queue_limit);
    let config = config.queue_wait(Duration::from_secs(60));
    World::with(|builder| builder.password(config))
}

type Login<'a> = Pin<Box<dyn Future<Output = Result<Authenticated<TestUser>, Rejection>> + 'a>>;

impl World {
    fn log_in_as<'a>(&'a self, name: &'a str, client: &'a ClientInfo) -> Login<'a> {
        let password = if name == "alice" { "s3cret" } else { "wrong" };
        Box::pin(self.auth.authenticate(name, password, client))
    }

    /// So many logins from one address, each polled once.
    fn flood<'a>(&'a self, logins: usize, client: &'a ClientInfo) -> Vec<Login<'a>> {
        let mut flood: Vec<_> = (0..logins).map(|_| self.log_in_as("nobody", client)).collect();
        for login in &mut flood {
            assert!(poll_once(login.as_mut()).is_pending());
        }
        flood
    }

    async fn granted(&self, name: &str) -> Granted<TestUser> {
        self.check(name, &Requirement::user()).await.unwrap()
    }
}

/// Somebody has to poll what holds a turn.
async fn serve(flood: Vec<Login<'_>>) {
    for login in flood {
        assert_eq!(login.await, Err(Rejection::InvalidCredentials));
    }
}

fn at_once(mut login: Login<'_>) -> Poll<Result<Authenticated<TestUser>, Rejection>> {
    poll_once(login.as_mut())
}

/// What comes of this while all of the flood is served.
async fn beside<T>(flood: Vec<Login<'_>>, work: impl Future<Output = T>) -> T {
    let served = async {
        for login in flood {
            assert_eq!(login.await, Err(Rejection::InvalidCredentials));
        }
    };
    tokio::join!(work, served).0
}

fn is_busy<T>(outcome: &Poll<Result<T, Rejection>>) -> bool {
    matches!(outcome, Poll::Ready(Err(Rejection::Busy { .. })))
}

#[tokio::test]
async fn a_place_comes_before_any_look_up() {
    let world = busy(4);
    let client = at(1);
    // One hashes, one is looked up ahead, three wait.
    let flood = world.flood(5, &client);
    assert_eq!(world.users.identity_loads(), 2);
    for name in ["nobody", "alice", "carol"] {
        assert!(is_busy(&at_once(world.log_in_as(name, &client))), "{name}");
    }
    assert_eq!(world.users.identity_loads(), 2, "who is not admitted is not looked up");
    serve(flood).await;
    assert_eq!(world.users.identity_loads(), 5);
}

#[tokio::test]
async fn while_one_address_floods_another_gets_in() {
    let world = busy(4);
    let (flooding, elsewhere) = (at(1), at(2));
    let mut flood = world.flood(5, &flooding);
    let mut victim = world.log_in_as("alice", &elsewhere);
    assert!(poll_once(victim.as_mut()).is_pending(), "the queue is full, and there is a place all the same");
    let newest = flood.pop().unwrap();
    assert!(is_busy(&Poll::Ready(newest.await)), "its place was taken over");
    assert!(is_busy(&at_once(world.log_in_as("nobody", &flooding))), "and is not taken back");
    assert_eq!(beside(flood, victim).await.unwrap().name, "alice");
    let loads = world.users.identity_loads();
    assert_eq!(loads, 6, "four of the flood, and the victim twice");
}

/// A share binds only while another address waits: a service that sees one address only, that of a
/// proxy that it was not told about, keeps its whole queue.
#[tokio::test]
async fn one_address_alone_has_all_of_the_queue() {
    let world = busy(4);
    let proxy = at(1);
    let flood = world.flood(5, &proxy);
    serve(flood).await;
}

/// One subscriber has 2^64 addresses of IPv6.
#[tokio::test]
async fn sixty_four_bits_of_ipv6_are_one_address() {
    let world = busy(4);
    let clients: Vec<_> = (1..=5).map(|last| v6(&format!("2001:db8::{last}"))).collect();
    let mut flood: Vec<_> = clients.iter().map(|client| world.log_in_as("nobody", client)).collect();
    for login in &mut flood {
        assert!(poll_once(login.as_mut()).is_pending());
    }
    let neighbour = v6("2001:db8::ffff:ffff:ffff:ffff");
    assert!(is_busy(&at_once(world.log_in_as("nobody", &neighbour))), "it is one of them");
    let other = v6("2001:db8:0:1::1");
    assert!(at_once(world.log_in_as("nobody", &other)).is_pending());
}

#[tokio::test]
async fn an_address_that_hangs_up_frees_its_place() {
    let world = busy(4);
    let client = at(1);
    let mut flood = world.flood(5, &client);
    for _ in 0..3 {
        assert!(is_busy(&at_once(world.log_in_as("nobody", &client))));
        drop(flood.pop());
        flood.extend(world.flood(1, &client));
    }
    assert_eq!(world.users.identity_loads(), 2, "nobody was looked up for it");
}

/// Given back, the turn would be a look-up without a hash, as often as somebody likes.
#[tokio::test(start_paused = true)]
async fn a_turn_that_has_begun_is_used_though_the_client_hangs_up() {
    let world = busy(0);
    world.users.delay(Duration::from_secs(1));
    let client = at(1);
    for _ in 0..3 {
        let mut gone = world.log_in_as("nobody", &client);
        assert!(poll_once(gone.as_mut()).is_pending());
        drop(gone);
        let loads = world.users.identity_loads();
        for _ in 0..100 {
            assert!(is_busy(&at_once(world.log_in_as("nobody", &client))));
        }
        assert_eq!(world.users.identity_loads(), loads);
        let failed = loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let [event] = world.events.take().as_slice() {
                break event.clone();
            }
        };
        assert_eq!(
            (failed.kind, failed.reason),
            (EventKind::AuthenticationFailed, Some("unknown_identifier"))
        );
        // The turn is free soon after.
        while matches!(world.auth.hash_password("green ideas sleep").await, Err(PasswordError::Busy { .. })) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(world.users.identity_loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_hangs_holds_a_turn_for_its_timeout_and_no_longer() {
    let limit = Duration::from_secs(2);
    let config = PasswordConfig::danger_weak_bcrypt(4).concurrency(1).queue_limit(0);
    let world = World::with(|builder| builder.password(config).loader_timeout(limit));
    world.users.delay(Duration::from_secs(3600));
    let client = at(1);
    for _ in 0..3 {
        let mut hanging = world.log_in_as("nobody", &client);
        assert!(poll_once(hanging.as_mut()).is_pending());
        assert!(is_busy(&at_once(world.log_in_as("nobody", &client))));
        assert_eq!(hanging.await, Err(Rejection::Unavailable(Unavailable::LoaderTimeout)));
    }
}

#[tokio::test]
async fn users_who_are_logged_in_have_a_share_of_their_own() {
    let world = busy(4);
    let (alice, flooding) = (world.granted("alice").await, at(1));
    let flood = world.flood(5, &flooding);
    assert!(matches!(
        poll_once(pin!(world.auth.hash_password_for(&flooding, "green ideas sleep"))),
        Poll::Ready(Err(PasswordError::Busy { .. }))
    ));
    let change = async {
        let user = world.auth.reauthenticate(&alice, "alice", "s3cret", &flooding).await.unwrap();
        assert_eq!(user.name, "alice");
        assert!(world.auth.hash_password_for(&alice, "green ideas sleep").await.is_ok());
    };
    beside(flood, change).await;
}

/// One account with a session does not keep the others from changing their passwords.
#[tokio::test]
async fn users_take_turns_too() {
    let world = busy(8);
    let (alice, bob, flooding) = (world.granted("alice").await, world.granted("bob").await, at(1));
    let flood = world.flood(9, &flooding);
    // A quarter of eight places.
    let hash_for = |user| Box::pin(world.auth.hash_password_for(user, "green ideas sleep"));
    let (mut first, mut second, mut third) = (hash_for(&bob), hash_for(&bob), hash_for(&bob));
    assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
    assert!(matches!(poll_once(third.as_mut()), Poll::Ready(Err(PasswordError::Busy { .. }))));
    let mut of_alice = hash_for(&alice);
    assert!(poll_once(of_alice.as_mut()).is_pending());
    assert!(matches!(second.await, Err(PasswordError::Busy { .. })), "its place was taken over");
    let changes = async { (of_alice.await.is_ok(), first.await.is_ok()) };
    assert_eq!(beside(flood, changes).await, (true, true));
}

#[tokio::test]
async fn whoever_is_asked_for_the_password_again_gives_an_own_one() {
    let world = World::new();
    let alice = world.granted("alice").await;
    let nobody = ClientInfo::unknown();
    assert_eq!(world.auth.reauthenticate(&alice, "alice", "s3cret", &nobody).await.unwrap().name, "alice");
    assert_eq!(world.events.only().kind, EventKind::Authenticated);
    for (identifier, password, reason) in [
        ("alice", "wrong", "wrong_password"),
        ("bob", "hunter2", "other_user"),
        ("bob", "wrong", "wrong_password"),
        ("nobody", "s3cret", "unknown_identifier"),
        ("alice", "", "unacceptable_password"),
    ] {
        let refused = world.auth.reauthenticate(&alice, identifier, password, &nobody).await;
        assert_eq!(refused, Err(Rejection::InvalidCredentials), "{identifier} {password}");
        let event = world.events.only();
        assert_eq!((event.kind, event.reason), (EventKind::AuthenticationFailed, Some(reason)));
    }
    let stranger = World::new();
    let refused = stranger.auth.reauthenticate(&alice, "alice", "s3cret", &nobody).await;
    assert_eq!(refused, Err(Rejection::Misconfigured(Misconfigured::OtherProvider)));
}
