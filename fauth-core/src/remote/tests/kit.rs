use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::{
    clock::{Clock, ClockError, Timestamp, instant},
    event::{AuthEvents, Event, EventKind},
    remote::{
        Fetch, FetchError, FetchRequest, FetchResponse, JwksSource, KeyContext, KeySourceError,
        KeysUnavailable,
    },
    token::Algorithm,
};

pub(super) const URL: &str = "https://login.example/certs";
pub(super) const ISSUER: &str = "https://login.example/realms/shop";

/// A set with one key of RFC 7517 appendix A.1 under each of these ids.
pub(super) fn jwks(ids: &[&str]) -> String {
    let keys: Vec<_> = ids
        .iter()
        .map(|id| {
            format!(
                r#"{{"kty":"EC","crv":"P-256","use":"sig","kid":"{id}","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}}"#
            )
        })
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

pub(super) fn answer(ids: &[&str]) -> FetchResponse {
    FetchResponse::new(200, jwks(ids))
}

#[derive(Clone)]
pub(super) enum Answer {
    Now(FetchResponse),
    After(Duration, FetchResponse),
    Never,
    Refused,
    Panic,
}

impl From<FetchResponse> for Answer {
    fn from(response: FetchResponse) -> Self {
        Self::Now(response)
    }
}

/// One request: its URL, its `If-None-Match`, and when it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) at: Instant,
}

/// Answers as last scripted.
#[derive(Clone)]
pub(super) struct Server(Arc<Script>);

struct Script {
    asked: Mutex<Vec<Asked>>,
    answers: Mutex<HashMap<String, Answer>>,
    danger: AtomicBool,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub(super) fn new(answer: impl Into<Answer>) -> Self {
        let script =
            Script { asked: Mutex::default(), answers: Mutex::default(), danger: AtomicBool::new(false) };
        let server = Self(Arc::new(script));
        server.answers(answer);
        server
    }

    pub(super) fn answers(&self, answer: impl Into<Answer>) {
        self.answers_at(URL, answer);
    }

    pub(super) fn answers_at(&self, url: &str, answer: impl Into<Answer>) {
        self.0.answers.lock().unwrap().insert(url.to_owned(), answer.into());
    }

    pub(super) fn allow_http(&self) {
        self.0.danger.store(true, Ordering::Relaxed);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }

    /// How many sources still hold it.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

#[async_trait]
impl Fetch for Server {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        let asked =
            Asked { url: request.url.to_owned(), etag: request.etag.map(ToOwned::to_owned), at: instant() };
        self.0.asked.lock().unwrap().push(asked);
        let answer = self.0.answers.lock().unwrap().get(request.url).cloned();
        match answer {
            Some(Answer::Now(response)) => Ok(response),
            Some(Answer::After(span, response)) => {
                sleep(span).await;
                Ok(response)
            }
            Some(Answer::Never) => std::future::pending().await,
            Some(Answer::Refused) => Err(FetchError::failed("connection refused")),
            Some(Answer::Panic) => panic!("a client of the application"),
            None => Ok(FetchResponse::new(404, "")),
        }
    }

    fn danger_allows_http(&self) -> bool {
        self.0.danger.load(Ordering::Relaxed)
    }
}

/// Follows tokio's time, unless a test sets it.
#[derive(Debug)]
pub(super) struct TestClock {
    base: Instant,
    offset: AtomicI64,
    broken: AtomicBool,
}

impl TestClock {
    pub(super) fn jump(&self, seconds: i64) {
        self.offset.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(super) fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(ClockError::new());
        }
        let passed = i64::try_from((instant() - self.base).as_secs()).unwrap();
        Ok(Timestamp::from_unix_seconds(1_767_225_600 + passed + self.offset.load(Ordering::Relaxed)))
    }
}

/// An event and its reason.
type Happened = (EventKind, Option<&'static str>);

#[derive(Clone, Default)]
pub(super) struct Events(Arc<Mutex<Vec<Happened>>>);

impl Events {
    pub(super) fn all(&self) -> Vec<Happened> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, kind: EventKind) -> usize {
        self.all().iter().filter(|(told, _)| *told == kind).count()
    }
}

impl AuthEvents for Events {
    fn on_event(&self, event: &Event<'_>) {
        assert!(event.source.is_some(), "every event names its source: {event:?}");
        self.0.lock().unwrap().push((event.kind, event.reason));
    }
}

/// A source and its surroundings.
pub(super) struct Bench {
    pub(super) source: JwksSource,
    pub(super) clock: Arc<TestClock>,
    pub(super) events: Events,
}

impl Bench {
    pub(super) fn new(source: JwksSource) -> Self {
        let clock = Arc::new(TestClock {
            base: instant(),
            offset: AtomicI64::new(0),
            broken: AtomicBool::new(false),
        });
        let bench = Self { source, clock, events: Events::default() };
        bench.source.prepare(ISSUER, &[Algorithm::ES256], bench.context()).unwrap();
        bench
    }

    pub(super) fn at(server: &Server) -> Self {
        Self::new(JwksSource::url(URL, server.clone()).unwrap())
    }

    pub(super) fn context(&self) -> KeyContext {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        KeyContext { clock, events: Some(Arc::new(self.events.clone())), rests: false }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// Whether this key is trusted, without waiting.
    pub(super) fn trusts(&self, id: &str) -> Result<bool, KeysUnavailable> {
        self.source.snapshot(self.now()).map(|keys| keys.find(Some(id)).is_some())
    }

    /// The verdict on a token with this `kid`, as the provider asks.
    pub(super) async fn token(&self, id: &str) -> Result<bool, KeysUnavailable> {
        match self.trusts(id) {
            Ok(true) => Ok(true),
            _ => self.source.refreshed(self.now()).await.map(|keys| keys.find(Some(id)).is_some()),
        }
    }

    pub(super) fn last_error(&self) -> Option<KeySourceError> {
        self.source.health().last_error
    }
}

/// Lets time pass, and tasks do their work meanwhile.
pub(super) async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
