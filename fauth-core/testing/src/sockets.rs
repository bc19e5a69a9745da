//! The suite for `WebSockets` and server-sent events that end with the authority of their user:
//! real clients, and a real server of each framework.
//!
//! An adapter implements [`Sockets`] and calls `socket_suite!(Harness);`.

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

/// How soon after the end of its authority a socket must be closed, and the client told.
pub const SOON: Duration = Duration::from_secs(1);

/// The server of a framework.
pub trait Sockets {
    /// Serves these routes on the listener, forever. It is called in a thread of its own, in which
    /// it starts a runtime. All routes but the last are in a group that requires the scope `live`.
    /// Handlers run their work on a socket through [`Live::handle`].
    ///
    /// | path | behaviour, with the helper of the adapter |
    /// |---|---|
    /// | `/live/echo` | sends each text back |
    /// | `/live/push` | sends `tick` every [`TICK`], and never receives |
    /// | `/live/flood` | sends 64 KiB again and again, and never receives; see below |
    /// | `/live/idle` | waits forever, and never touches the socket |
    /// | `/live/brief` | returns at once |
    /// | `/live/late` | calls [`Live::end`] before it opens the socket, like `/live/echo` |
    /// | `/live/events` | no WebSocket: the events [`ticks`], ended by `Ended::take_until` |
    /// | `/first` | its first message is a token with the scope `live`; then like `/live/echo` |
    ///
    /// `/live/flood` calls the helper for open sockets, `run_until_ended`, through [`Live::hold`],
    /// so that the suite sees when the helper itself has ended.
    fn serve(live: Live, listener: TcpListener);
}

/// The time between two messages of a handler that only sends.
pub const TICK: Duration = Duration::from_millis(10);

/// Returns endless events, one every [`TICK`].
pub fn ticks() -> impl Stream<Item = &'static str> + Send + 'static {
    stream::unfold((), |()| async {
        sleep(TICK).await;
        Some(("tick", ()))
    })
}

/// The state that handlers of a server under test share.
#[derive(Debug, Clone)]
pub struct Live {
    auth: AuthProvider<TestUser>,
    handled: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
}

impl Live {
    /// Returns the provider.
    pub const fn auth(&self) -> &AuthProvider<TestUser> {
        &self.auth
    }

    /// Returns the requirement for a token in the first message.
    pub fn requirement() -> Requirement {
        Requirement::user().scopes(["live"])
    }

    /// Counts the work of a handler on its socket until it is done or dropped.
    pub fn handle<F: Future<Output = ()>>(&self, handler: F) -> impl Future<Output = ()> + use<F> {
        counted(&self.handled, handler)
    }

    /// Counts the work of the adapter's helper on a socket, including the closing, until it is done
    /// or dropped.
    pub fn hold<F: Future<Output = ()>>(&self, helper: F) -> impl Future<Output = ()> + use<F> {
        counted(&self.held, helper)
    }

    /// Ends all sessions and tokens of this user.
    pub async fn end(&self, user: &TestUser) {
        self.auth.logout_all(&*user.name, &fauth_core::ClientInfo::default()).await.unwrap();
    }
}

/// Counts a future while it exists.
fn counted<F: Future<Output = ()>>(count: &Arc<AtomicUsize>, future: F) -> impl Future<Output = ()> + use<F> {
    count.fetch_add(1, Ordering::SeqCst);
    let counted = Counted(Arc::clone(count));
    async move {
        let _counted = counted;
        future.await;
    }
}

/// A counted future.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A provider in real time with `alice` and `bob`, and a server.
struct Bench {
    auth: TestAuth<TestUser>,
    /// Another instance of the application, which shares nothing but the store.
    other: TestAuth<TestUser>,
    live: Live,
    address: SocketAddr,
}

/// Creates a provider in real time with this store.
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
    /// Starts a server with settings of the case.
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

    /// Returns the headers of a new login with the scope.
    async fn login(&self, name: &str) -> RequestHeaders {
        self.auth.login_as(name).scopes(["live"]).await
    }

    async fn open(&self, path: &str, headers: &RequestHeaders) -> Result<Socket, u16> {
        Socket::open(self.address, path, headers).await
    }

    /// Opens a socket with a new login.
    async fn open_as(&self, name: &str, path: &str) -> Socket {
        self.open(path, &self.login(name).await).await.unwrap()
    }

    /// Ends all sessions and tokens of a user.
    async fn log_out(&self, name: &str) {
        self.live.end(&self.auth.users().get(name)).await;
    }

    /// Waits until no handler runs.
    async fn all_have_stopped(&self) {
        none_is_left(&self.live.handled, SOON, "a handler still runs").await;
    }

    /// Returns how many of the counted sockets the helper holds.
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
