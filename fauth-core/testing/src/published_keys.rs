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

/// A server that answers from memory and records its requests. Clones share everything.
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
    /// The default URL of the keys.
    pub const URL: &str = "https://login.example.com/jwks.json";

    /// Creates a server that answers every request with 404.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Creates a server with the current keys of this issuer.
    pub fn of(issuer: &ForeignIssuer) -> Self {
        let server = Self::new();
        server.publish(issuer);
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a source of keys that fetches from this server's [`URL`](Self::URL).
    pub fn source(&self) -> JwksSource {
        JwksSource::url(Self::URL, self.clone()).unwrap()
    }

    /// Returns this issuer, trusted for tokens as it makes them, with its keys at this server.
    pub fn trusted(&self, issuer: &ForeignIssuer) -> TrustedIssuer {
        TrustedIssuer::new(issuer.issuer(), self.source())
            .audience(FOREIGN_AUDIENCE)
            .algorithms([Algorithm::ES256])
    }

    /// Publishes the current keys of this issuer.
    pub fn publish(&self, issuer: &ForeignIssuer) {
        self.answer(200, issuer.jwks());
    }

    /// Sets the response at the URL of the keys.
    pub fn answer(&self, status: u16, body: impl Into<Vec<u8>>) {
        self.answer_at(Self::URL, status, body);
    }

    /// Sets the response at this URL.
    pub fn answer_at(&self, url: impl Into<String>, status: u16, body: impl Into<Vec<u8>>) {
        let document = Document { status, body: body.into(), cache_control: None };
        self.state().documents.insert(url.into(), document);
    }

    /// Sets the `Cache-Control` of the keys.
    ///
    /// # Panics
    /// If there are no keys.
    pub fn cache_control(&self, value: impl Into<String>) {
        self.state().documents.get_mut(Self::URL).unwrap().cache_control = Some(value.into());
    }

    /// Makes all further requests fail.
    pub fn go_down(&self) {
        self.state().is_down = true;
    }

    /// Answers requests again.
    pub fn come_back(&self) {
        self.state().is_down = false;
    }

    /// Makes each further response take this long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
    }

    /// Returns the number of requests.
    pub fn fetches(&self) -> usize {
        self.state().fetched.len()
    }

    /// Returns the requested URLs, in order.
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
