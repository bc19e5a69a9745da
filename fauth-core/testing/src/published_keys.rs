//! The keys of an issuer as a server would publish them, without a server.

use std::sync::{Arc, Mutex, MutexGuard};

use fauth_core::{
    async_trait,
    remote::{Fetch, FetchError, FetchRequest, FetchResponse, JwksSource},
    token::Algorithm,
    trusted_issuer::TrustedIssuer,
};

use crate::{FOREIGN_AUDIENCE, ForeignIssuer};

/// Serves the keys of a [`ForeignIssuer`] to a [`JwksSource`], and counts how often it is asked.
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct PublishedKeys(Arc<Mutex<Served>>);

#[derive(Debug)]
struct Served {
    jwks: String,
    is_down: bool,
    fetches: usize,
}

impl PublishedKeys {
    /// The keys that the issuer has now.
    pub fn of(issuer: &ForeignIssuer) -> Self {
        Self(Arc::new(Mutex::new(Served { jwks: issuer.jwks(), is_down: false, fetches: 0 })))
    }

    /// Publishes the keys that the issuer has now.
    pub fn publish(&self, issuer: &ForeignIssuer) {
        self.served().jwks = issuer.jwks();
    }

    /// From now on there is no answer.
    pub fn go_down(&self) {
        self.served().is_down = true;
    }

    /// From now on there are answers again.
    pub fn come_back(&self) {
        self.served().is_down = false;
    }

    /// How often it was asked.
    pub fn fetches(&self) -> usize {
        self.served().fetches
    }

    /// A source that asks it.
    pub fn source(&self) -> JwksSource {
        JwksSource::url("https://login.example.com/jwks.json", self.clone()).unwrap()
    }

    /// The issuer whose keys these are, trusted for tokens as it makes them.
    pub fn trusted(&self, issuer: &ForeignIssuer) -> TrustedIssuer {
        TrustedIssuer::new(issuer.issuer(), self.source())
            .audience(FOREIGN_AUDIENCE)
            .algorithms([Algorithm::ES256])
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Fetch for PublishedKeys {
    async fn fetch(&self, _: FetchRequest<'_>) -> Result<FetchResponse, FetchError> {
        let mut served = self.served();
        served.fetches += 1;
        if served.is_down {
            return Err(FetchError::failed("the server is down"));
        }
        Ok(FetchResponse::new(200, served.jwks.clone()))
    }
}
