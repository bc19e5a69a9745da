//! The suite for `WebSockets` and server-sent events that end with the authority of whom they were
//! opened for: real clients, a real server of each framework.
//!
//! An adapter implements [`Sockets`] and says `socket_suite!(Harness);`.

mod cases;
mod client;
mod stopwatch;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use fauth_core::{
    AuthProvider, AuthProviderBuilder, MemoryStore, Purpose, Requirement,
    clock::SystemClock,
    transport::{BearerTransport, CookieTransport},
};
use futures_util::{Stream, stream};
use tokio::{runtime::Builder, time::sleep};

#[doc(hidden)]
pub use self::cases::*;
use self::{client::Socket, stopwatch::Stopwatch};
use crate::{RequestHeaders, TestAuth, TestUser, Users, config_builder, memory_store};

/// How soon a socket is closed after its authority has ended, and has to be said so.
pub const SOON: Duration = Duration::from_secs(1);

/// The server of a framework.
pub trait Sockets {
    /// Serves these routes on the listener, for ever. It is called in a thread of its own, in which
    /// it starts a runtime. All but the last are in a group that asks for the scope `live`; what a
    /// handler does with a socket, it does by [`Live::handle`].
    ///
    /// | path | what it does with the helper of the adapter |
    /// |---|---|
    /// | `/live/echo` | sends each text back |
    /// | `/live/push` | sends `tick` every [`TICK`], and never receives |
    /// | `/live/flood` | sends 64 KiB again and again, and never receives; see below |
    /// | `/live/idle` | waits for ever, and touches the socket never |
    /// | `/live/brief` | returns at once |
    /// | `/live/late` | calls [`Live::end`] before it opens the socket, as `/live/echo` |
    /// | `/live/events` | no WebSocket: the events [`ticks`], by `Ended::take_until` |
    /// | `/first` | its first message is a token with the scope `live`; then as `/live/echo` |
    ///
    /// `/live/flood` calls the helper for a socket that is open, `run_until_ended`, by
    /// [`Live::hold`], so that it is seen when the helper itself has ended.
    fn serve(live: Live, listener: TcpListener);
}

/// Between two messages of a handler that only sends.
pub const TICK: Duration = Duration::from_millis(10);

/// Events for ever, one every [`TICK`].
pub fn ticks() -> impl Stream<Item = &'static str> + Send + 'static {
    stream::unfold((), |()| async {
        sleep(TICK).await;
        Some(("tick", ()))
    })
}

/// What handlers of a server under test share.
#[derive(Debug, Clone)]
pub struct Live {
    auth: AuthProvider<TestUser>,
    handled: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
}

impl Live {
    /// The provider.
    pub const fn auth(&self) -> &AuthProvider<TestUser> {
        &self.auth
    }

    /// What a token in the first message has to meet.
    pub fn requirement() -> Requirement {
        Requirement::user().scopes(["live"])
    }

    /// Counts what a handler does with its socket, until it is done or dropped.
    pub fn handle<F: Future<Output = ()>>(&self, handler: F) -> impl Future<Output = ()> + use<F> {
        counted(&self.handled, handler)
    }

    /// Counts what the helper of the adapter does with a socket, the closing too, until it is done
    /// or dropped.
    pub fn hold<F: Future<Output = ()>>(&self, helper: F) -> impl Future<Output = ()> + use<F> {
        counted(&self.held, helper)
    }

    /// Ends everything of this user.
    pub async fn end(&self, user: &TestUser) {
        self.auth.logout_all(&*user.name, &fauth_core::ClientInfo::default()).await.unwrap();
    }
}

/// Counts a future for as long as it is there.
fn counted<F: Future<Output = ()>>(count: &Arc<AtomicUsize>, future: F) -> impl Future<Output = ()> + use<F> {
    count.fetch_add(1, Ordering::SeqCst);
    let counted = Counted(Arc::clone(count));
    async move {
        let _counted = counted;
        future.await;
    }
}

/// One of those that are counted.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A provider in real time with `alice` and `bob`, and a server.
struct Bench {
    auth: TestAuth<TestUser>,
    /// Another instance of the application: all that the two have in common is the store.
    other: TestAuth<TestUser>,
    live: Live,
    address: SocketAddr,
}

/// A provider in real time, with this store.
fn instance(
    store: &MemoryStore,
    lifetime: Duration,
    configure: fn(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
) -> TestAuth<TestUser> {
    let (users, store) = (Users::new(), store.clone());
    TestAuth::builder([users.find("alice"), users.find("bob")])
        .config(config_builder().lifetime(Purpose::Access, lifetime).build().unwrap())
        .transport(BearerTransport::new())
        .transport(CookieTransport::new())
        .configure(|provider: AuthProviderBuilder<TestUser>| {
            provider.store(store).clock(SystemClock).trusted_origin("https://app.example")
        })
        .configure(configure)
        .build()
}

impl Bench {
    /// With settings of the case's own.
    fn start<S: Sockets>(
        lifetime: Duration,
        configure: fn(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let store = memory_store();
        let auth = instance(&store, lifetime, configure);
        let other = instance(&store, lifetime, configure);
        let (handled, held) = Default::default();
        let live = Live { auth: auth.provider().clone(), handled, held };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = live.clone();
        thread::spawn(move || S::serve(serving, listener));
        Self { auth, other, live, address }
    }

    /// The headers of a new login with the scope.
    async fn login(&self, name: &str) -> RequestHeaders {
        self.auth.login_as(name).scopes(["live"]).await
    }

    async fn open(&self, path: &str, headers: &RequestHeaders) -> Result<Socket, u16> {
        Socket::open(self.address, path, headers).await
    }

    /// A socket of a new login.
    async fn open_as(&self, name: &str, path: &str) -> Socket {
        self.open(path, &self.login(name).await).await.unwrap()
    }

    /// Ends everything of a user.
    async fn log_out(&self, name: &str) {
        self.live.end(&self.auth.users().get(name)).await;
    }

    /// Waits until no handler runs.
    async fn all_have_stopped(&self) {
        none_is_left(&self.live.handled, SOON, "a handler still runs").await;
    }

    /// How many sockets the helper holds, of those that are counted.
    fn held(&self) -> usize {
        self.live.held.load(Ordering::SeqCst)
    }

    /// Waits until the helper holds none of them.
    async fn all_are_let_go(&self, patience: Duration) {
        none_is_left(&self.live.held, patience, "the helper still holds a socket").await;
    }
}

async fn none_is_left(count: &AtomicUsize, patience: Duration, otherwise: &str) {
    let begun = Stopwatch::start();
    while count.load(Ordering::SeqCst) > 0 {
        assert!(begun.elapsed() < patience, "{otherwise}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a case.
#[doc(hidden)]
pub fn run<F: Future<Output = ()>>(case: F) {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(case);
}

/// Expands to one `#[test]` for each case of the [suite for sockets](mod@crate::sockets), for the
/// given [`Sockets`].
#[macro_export]
macro_rules! socket_suite {
    ($harness:ty) => {
        $crate::__socket_tests!($harness);
    };
}
