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
    AuthProvider, AuthProviderBuilder, Purpose, Requirement,
    clock::SystemClock,
    transport::{BearerTransport, CookieTransport},
};
use futures_util::{Stream, stream};
use tokio::{runtime::Builder, time::sleep};

#[doc(hidden)]
pub use self::cases::*;
pub use self::client::{Events, Socket};
use self::stopwatch::Stopwatch;
use crate::{RequestHeaders, TestAuth, TestUser, Users, config_builder};

/// How soon a socket is closed after its authority has ended, and has to be said so.
pub const SOON: Duration = Duration::from_secs(1);

/// The server of a framework.
pub trait Sockets {
    /// Serves these routes on the listener, for ever. It is called in a thread of its own, in which
    /// it starts a runtime. All but the last are in a group that asks for the scope `live`; each
    /// handler calls [`Live::enter`] and keeps what it gets.
    ///
    /// | path | what it does with the helper of the adapter |
    /// |---|---|
    /// | `/live/echo` | sends each text back |
    /// | `/live/push` | sends `tick` every [`TICK`], and never receives |
    /// | `/live/flood` | sends 64 KiB again and again, and never receives |
    /// | `/live/idle` | waits for ever, and touches the socket never |
    /// | `/live/brief` | returns at once |
    /// | `/live/late` | calls [`Live::end`] before it opens the socket, as `/live/echo` |
    /// | `/live/events` | no WebSocket: the events [`ticks`], by `Ended::take_until` |
    /// | `/first` | its first message is a token with the scope `live`; then as `/live/echo` |
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
    running: Arc<AtomicUsize>,
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

    /// Says that a handler runs, until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(&self.running))
    }

    /// Ends everything of this user.
    pub async fn end(&self, user: &TestUser) {
        self.auth.logout_all(&*user.name, &fauth_core::ClientInfo::default()).await.unwrap();
    }
}

/// A handler that runs.
#[derive(Debug)]
pub struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A provider in real time with `alice` and `bob`, and a server.
#[derive(Debug)]
pub struct Bench {
    auth: TestAuth<TestUser>,
    live: Live,
    address: SocketAddr,
}

impl Bench {
    /// With settings of the case's own.
    fn start<S: Sockets>(
        lifetime: Duration,
        configure: fn(AuthProviderBuilder<TestUser>) -> AuthProviderBuilder<TestUser>,
    ) -> Self {
        let users = Users::new();
        let auth = TestAuth::builder([users.find("alice"), users.find("bob")])
            .config(config_builder().lifetime(Purpose::Access, lifetime).build().unwrap())
            .transport(BearerTransport::new())
            .transport(CookieTransport::new())
            .configure(|provider: AuthProviderBuilder<TestUser>| {
                provider.clock(SystemClock).trusted_origin("https://app.example")
            })
            .configure(configure)
            .build();
        let live = Live { auth: auth.provider().clone(), running: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = live.clone();
        thread::spawn(move || S::serve(serving, listener));
        Self { auth, live, address }
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
        let begun = Stopwatch::start();
        while self.live.running.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < SOON, "a handler still runs");
            sleep(Duration::from_millis(5)).await;
        }
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
