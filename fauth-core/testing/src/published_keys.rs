//! The server at which an issuer publishes its keys, without a network.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fauth_core::{
    async_trait,
    remote::{Fetch, FetchError, FetchRequest, FetchResponse, JwksSource},
    token::Algorithm,
    trusted_issuer::TrustedIssuer,
};

use crate::{FOREIGN_AUDIENCE, ForeignIssuer};

/// A server that answers from memory, and knows what it was asked for. Clones share everything.
///
/// ```
/// use fauth_testing::{ForeignIssuer, PublishedKeys};
///
/// let issuer = ForeignIssuer::new("https://login.example.com");
/// let server = PublishedKeys::of(&issuer);
/// let trusted = server.trusted(&issuer); // for `AuthProvider::resource_server`
/// assert_eq!(server.fetches(), 0, "nothing is fetched before a provider needs it");
/// # let _ = trusted;
/// ```
#[derive(Clone)]
pub struct PublishedKeys(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Document>,
    fetched: Vec<String>,
    delay: Option<Duration>,
    is_down: bool,
}

#[derive(Clone)]
struct Document {
    status: u16,
    body: Vec<u8>,
    cache_control: Option<String>,
}

impl PublishedKeys {
    /// Where the keys are, if the test does not say otherwise.
    pub const URL: &str = "https://login.example.com/jwks.json";

    /// A server that knows nothing, and answers everything with 404.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// A server with the keys that this issuer publishes now.
    pub fn of(issuer: &ForeignIssuer) -> Self {
        let server = Self::new();
        server.publish(issuer);
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A source of keys that asks this server for its [`URL`](Self::URL).
    pub fn source(&self) -> JwksSource {
        JwksSource::url(Self::URL, self.clone()).unwrap()
    }

    /// The issuer whose keys these are, trusted for tokens as it makes them.
    pub fn trusted(&self, issuer: &ForeignIssuer) -> TrustedIssuer {
        TrustedIssuer::new(issuer.issuer(), self.source())
            .audience(FOREIGN_AUDIENCE)
            .algorithms([Algorithm::ES256])
    }

    /// From now on it has the keys that this issuer publishes now.
    pub fn publish(&self, issuer: &ForeignIssuer) {
        self.answer(200, issuer.jwks());
    }

    /// From now on it answers so where the keys are.
    pub fn answer(&self, status: u16, body: impl Into<Vec<u8>>) {
        self.answer_at(Self::URL, status, body);
    }

    /// From now on it answers so at this URL.
    pub fn answer_at(&self, url: impl Into<String>, status: u16, body: impl Into<Vec<u8>>) {
        let document = Document { status, body: body.into(), cache_control: None };
        self.state().documents.insert(url.into(), document);
    }

    /// From now on it says of the keys how long they may be kept.
    ///
    /// # Panics
    /// If there are none.
    pub fn cache_control(&self, value: impl Into<String>) {
        self.state().documents.get_mut(Self::URL).unwrap().cache_control = Some(value.into());
    }

    /// From now on there is no answer.
    pub fn go_down(&self) {
        self.state().is_down = true;
    }

    /// From now on there are answers again.
    pub fn come_back(&self) {
        self.state().is_down = false;
    }

    /// From now on each answer takes this long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// How often it was asked.
    pub fn fetches(&self) -> usize {
        self.state().fetched.len()
    }

    /// The URLs that it was asked for, in their order.
    pub fn fetched(&self) -> Vec<String> {
        self.state().fetched.clone()
    }
}

impl Default for PublishedKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishedKeys").field("fetched", &self.state().fetched).finish_non_exhaustive()
    }
}

#[async_trait]
impl Fetch for PublishedKeys {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        let (delay, found) = {
            let mut state = self.state();
            state.fetched.push(request.url.to_owned());
            let found = (!state.is_down).then(|| state.documents.get(request.url).cloned());
            (state.delay, found)
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        match found {
            None => Err(FetchError::failed("connection refused")),
            Some(None) => Ok(FetchResponse::new(404, "not found")),
            Some(Some(Document { status, body, cache_control })) => {
                let response = FetchResponse::new(status, body);
                Ok(match cache_control {
                    Some(value) => response.with_cache_control(value),
                    None => response,
                })
            }
        }
    }
}
