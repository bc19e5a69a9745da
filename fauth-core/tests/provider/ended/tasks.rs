//! The task: when there is one, what it keeps, and what it costs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use fauth_core::{
    AuthSwitch, ClientInfo,
    clock::{Clock, ClockError, Timestamp},
    ended::EndReason,
};
use fauth_testing::{ManualClock, TestUser, Users, config, memory_store, provider, provider_without_store};
use tokio::{
    runtime::{Builder, Handle},
    time::sleep,
};

use super::{MINUTE, SECOND, open, settle, socket, stays, within};
use crate::support::World;

/// How many tasks there are beside the test.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_where_nobody_waits() {
    let world = World::new();
    let granted = open(&world.auth, &world.access("alice")).await;
    let other = granted.clone();
    settle().await;
    assert_eq!((tasks(), granted.is_same(&other)), (0, true));
}

#[tokio::test(start_paused = true)]
async fn one_task_looks_after_everything_and_ends_with_the_last() {
    let world = World::new();
    let mut sockets = Vec::new();
    for name in ["alice", "bob", "dora", "ed"] {
        sockets.push(socket(&world, name).await.1);
        settle().await;
        assert_eq!(tasks(), 1, "{name}");
    }
    while let Some(ended) = sockets.pop() {
        assert_eq!(tasks(), 1);
        drop(ended);
        settle().await;
    }
    assert_eq!(tasks(), 0, "the last one has gone");
    let (_, again) = socket(&world, "alice").await;
    settle().await;
    assert_eq!(tasks(), 1, "and comes back");
    world.clock.advance(15 * MINUTE);
    assert_eq!(within(&again, 2 * SECOND).await, Some(EndReason::Expired));
    settle().await;
    assert_eq!(tasks(), 0, "what has ended is kept by nobody");
    assert_eq!(again.is_ended(), Some(EndReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn clones_and_repetitions_share_an_end_and_give_it_back() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let granted = open(&world.auth, &tokens.access).await;
    let (first, second) = (granted.ended(), granted.clone().ended());
    let third = second.clone();
    settle().await;
    drop((first, second));
    settle().await;
    assert_eq!(tasks(), 1);
    assert_eq!(within(&third, SECOND).await, None);
    let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(third.clone())).collect();
    settle().await;
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    for one in waiting {
        assert_eq!(one.await.unwrap(), EndReason::Revoked);
    }
    assert_eq!(third.await, EndReason::Revoked);
}

/// A loop that asks anew for each message, and a server that opens and closes all day.
#[tokio::test(start_paused = true)]
async fn what_opens_and_closes_leaves_nothing() {
    let world = World::new();
    let tokens = world.log_in("alice").await;
    let granted = open(&world.auth, &tokens.access).await;
    let kept = open(&world.auth, &world.access("bob")).await.ended();
    for round in 0..100_000 {
        let mut ended = std::pin::pin!(granted.ended());
        let mut context = Context::from_waker(Waker::noop());
        assert!(ended.as_mut().poll(&mut context).is_pending());
        if round % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    settle().await;
    drop(kept);
    settle().await;
    assert_eq!(tasks(), 0);
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(within(&granted.ended(), SECOND / 10).await, Some(EndReason::Revoked));
}

/// A worker has a runtime of its own, and the first one ends.
#[test]
fn when_the_runtime_of_the_task_ends_another_goes_on() {
    another_goes_on(false);
}

#[test]
fn what_the_task_of_a_runtime_that_ends_has_not_heard_is_not_lost() {
    another_goes_on(true);
}

fn another_goes_on(is_told_before: bool) {
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let store = memory_store();
    let auth = provider_without_store(config(), &Users::new())
        .session_store(store.clone())
        .revocation_store(store)
        .build()
        .unwrap();
    let (first, second) = (runtime(), runtime());
    let token =
        first.block_on(async { auth.login("alice").await.unwrap().access_token().expose().to_owned() });
    let granted = first.block_on(open(&auth, &token));
    let mut kept = None;
    first.block_on(async {
        kept = Some(granted.ended());
        settle().await;
    });
    let ended = kept.unwrap();
    let (found, finds) = mpsc::channel();
    std::thread::spawn(move || second.block_on(async move { found.send(ended.await) }));
    runtime().block_on(settle());
    if is_told_before {
        // The task of the first runtime does not run any more: nobody has heard it.
        runtime().block_on(auth.logout(&token, &ClientInfo::unknown())).unwrap();
    }
    drop(first);
    runtime().block_on(settle());
    if !is_told_before {
        runtime().block_on(auth.logout(&token, &ClientInfo::unknown())).unwrap();
    }
    assert_eq!(finds.recv_timeout(Duration::from_secs(5)).unwrap(), EndReason::Revoked);
}

/// Of an application, with a bug.
#[derive(Debug, Clone, Default)]
struct BrokenClock {
    time: ManualClock,
    panics: Arc<AtomicBool>,
    panicked: Arc<AtomicUsize>,
}

impl Clock for BrokenClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.panics.load(SeqCst) {
            assert!(self.panicked.fetch_add(1, SeqCst) > 50, "a bug of the application");
        }
        self.time.now()
    }
}

/// Another one in its place would panic, too, for ever.
#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_everything_and_is_not_begun_again() {
    let clock = BrokenClock::default();
    let own = clock.clone();
    let world = World::with(|builder| builder.clock(own));
    let (_, ended) = socket(&world, "alice").await;
    settle().await;
    stays(&ended, "all is well");
    clock.panics.store(true, SeqCst);
    assert_eq!(within(&ended, 2 * SECOND).await, Some(EndReason::Unknown));
    assert_eq!((clock.panicked.load(SeqCst), tasks()), (1, 0));
    clock.panics.store(false, SeqCst);
    let (_, again) = socket(&world, "alice").await;
    assert_eq!(within(&again, MINUTE).await, None, "what is opened afterwards is looked after");
}

#[test]
fn outside_of_a_runtime_nobody_can_look() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let auth = provider().build().unwrap();
    let granted = runtime.block_on(async {
        let token = auth.login("alice").await.unwrap();
        open(&auth, token.access_token().expose()).await
    });
    let mut ended = granted.ended();
    assert_eq!(ended.is_ended(), None, "there may be one later");
    let mut context = Context::from_waker(Waker::noop());
    let polled = std::pin::Pin::new(&mut ended).poll(&mut context);
    assert_eq!(polled, Poll::Ready(EndReason::Unknown));
    runtime.block_on(async {
        assert_eq!(within(&granted.ended(), SECOND / 20).await, None);
    });
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_a_switch_replaces_ends_what_it_has_granted() {
    let (users, store) = (Users::new(), memory_store());
    let build = || {
        let provider = provider_without_store(config(), &users).session_store(store.clone());
        provider.revocation_store(store.clone()).build().unwrap()
    };
    let (switch, old) = (AuthSwitch::<TestUser>::new().unwrap(), build());
    switch.set(old.clone());
    let auth = switch.provider().current();
    let token = auth.login("alice").await.unwrap().access_token().expose().to_owned();
    let granted = open(&auth, &token).await;
    let ended = granted.ended();
    settle().await;
    switch.set(old.clone());
    settle().await;
    stays(&ended, "the same provider");

    switch.set(build());
    // Although the handler holds what it was granted, and with it the provider.
    assert_eq!(within(&ended, SECOND / 20).await, Some(EndReason::ProviderGone));
    let late = granted.ended().is_ended();
    assert_eq!(late, Some(EndReason::ProviderGone), "a request that was being answered");
    settle().await;
    assert_eq!(tasks(), 0);
    let by_new = open(&switch.provider().current(), &token).await.ended();
    settle().await;
    stays(&by_new, "what the new one has granted");

    switch.set(old);
    assert_eq!(within(&by_new, SECOND / 20).await, Some(EndReason::ProviderGone));
    let again = granted.ended();
    settle().await;
    stays(&again, "the old one decides again");
}

struct Woken(mpsc::Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_woken_once_and_not_before() {
    let world = World::new();
    let (tokens, mut ended) = socket(&world, "alice").await;
    let (sender, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Woken(sender)));
    let mut context = Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut ended).poll(&mut context).is_pending());
    sleep(10 * MINUTE).await;
    assert!(told.try_recv().is_err(), "ten looks at the user and six hundred at the clock");
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    settle().await;
    assert_eq!((told.try_recv().is_ok(), told.try_recv().is_err()), (true, true));
    stays(&socket(&world, "bob").await.1, "somebody else");
}
